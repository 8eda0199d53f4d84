// SPDX-License-Identifier: GPL-2.0-or-later
#include "policy/question.h"

static struct packet_set all_or_none(bool is_true)
{
	return is_true ? SET_FULL : SET_EMPTY;
}

struct packet_set packets_with(const struct question *q, enum field field)
{
	return q->packet ? all_or_none(packet_has_field(q->packet, field))
			 : set_of_present(q->sets, field);
}

struct packet_set packets_in_range(
	const struct question *q, enum field field, uint64_t from, uint64_t to)
{
	uint64_t number;

	if (!q->packet)
		return set_of_numbers(q->sets, field, from, to);
	number = packet_number(q->packet, field);
	return all_or_none(number >= from && number <= to);
}

struct packet_set packets_of_number(const struct question *q, enum field field, uint64_t number)
{
	return packets_in_range(q, field, number, number);
}

struct packet_set packets_of_states(const struct question *q, unsigned states)
{
	return q->packet ? all_or_none(q->packet->ct_state & states)
			 : set_of_ct_states(q->sets, states);
}

struct packet_set packets_of_mac(const struct question *q, enum field field, struct mac mac)
{
	return q->has_frame ? packets_of_number(q, field, mac_number(mac)) : SET_FULL;
}

static const struct addr *addr_in(const struct packet *packet, enum field field)
{
	return field == FIELD_SRC   ? &packet->src
	       : field == FIELD_DST ? &packet->dst
				    : &packet->arp_spa;
}

struct packet_set packets_of_addr(
	const struct question *q, enum field field, const struct addr *addr)
{
	struct prefix prefix = prefix_of_addr(addr);

	return packets_in_prefix(q, field, &prefix);
}

struct packet_set packets_in_prefix(
	const struct question *q, enum field field, const struct prefix *prefix)
{
	return q->packet ? all_or_none(prefix_contains(prefix, addr_in(q->packet, field)))
			 : set_of_prefix(q->sets, field, prefix);
}

/* list is sorted and nothing in it covers anything else: only the last one before can. */
static bool list_contains(const struct prefix_list *list, const struct addr *addr)
{
	size_t low = 0, high = list->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (addr_compare(&list->items[middle].addr, addr) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low && prefix_contains(&list->items[low - 1], addr);
}

struct of_list {
	struct sets *sets;
	enum field field;
	const struct prefix_list *list;
};

static struct packet_set of_prefix(void *data, size_t i)
{
	const struct of_list *of = data;

	return set_of_prefix(of->sets, of->field, &of->list->items[i]);
}

static struct packet_set set_of_list(
	const struct question *q, enum field field, const struct prefix_list *list)
{
	struct of_list of = { q->sets, field, list };
	struct packet_set packets;

	if (set_recall(q->sets, list, field, &packets))
		return packets;
	packets = set_or_all(q->sets, list->n, of_prefix, &of);
	set_remember(q->sets, list, field, packets);
	return packets;
}

struct packet_set packets_in_list(
	const struct question *q, enum field field, const struct prefix_list *list)
{
	return q->packet ? all_or_none(list_contains(list, addr_in(q->packet, field)))
			 : set_of_list(q, field, list);
}

struct packet_set packets_and(const struct question *q, struct packet_set a, struct packet_set b)
{
	return q->packet ? set_is_empty(a) ? a : b : set_and(q->sets, a, b);
}

struct packet_set packets_or(const struct question *q, struct packet_set a, struct packet_set b)
{
	return q->packet ? set_is_empty(a) ? b : a : set_or(q->sets, a, b);
}

struct packet_set packets_not(const struct question *q, struct packet_set a)
{
	return q->packet ? all_or_none(set_is_empty(a)) : set_not(q->sets, a);
}

struct set_parts packets_split(const struct question *q, struct packet_set a, struct packet_set b)
{
	if (!q->packet)
		return set_split(q->sets, a, b);
	return set_is_empty(b) ? (struct set_parts){ SET_EMPTY, a }
			       : (struct set_parts){ a, SET_EMPTY };
}
