// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One packet out of a set, to show and to send. Which one is a matter of taste: the one that a reader has seen before. Each
 * taste is a set that the candidates are narrowed to, if any is in it; what is left open in the end is the lowest number.
 */
#include "packet/set_bdd.h"

#include <string.h>

/* In this order: what is asked for first decides over the rest. */
static const struct {
	enum field field;
	uint64_t from, to;
} numbers[] = {
	{ FIELD_FRAGMENT, 0, 0 },
	{ FIELD_PROTO, PROTO_TCP, PROTO_TCP },
	{ FIELD_PROTO, PROTO_UDP, PROTO_UDP },
	{ FIELD_PROTO, PROTO_ICMP, PROTO_ICMP },
	{ FIELD_PROTO, PROTO_ICMPV6, PROTO_ICMPV6 },
	{ FIELD_CT_STATE, CT_NEW, CT_NEW },
	{ FIELD_TCP_FLAGS, TCP_SYN, TCP_SYN },
	{ FIELD_TCP_FLAGS, TCP_ACK, TCP_ACK },
	{ FIELD_DPORT, 80, 80 },
	{ FIELD_DPORT, 1, UINT16_MAX },
	{ FIELD_SPORT, 40000, 40000 },
	{ FIELD_SPORT, 32768, 60999 },
	{ FIELD_SPORT, 1, UINT16_MAX },
	{ FIELD_ICMP_TYPE, 8, 8 },
	{ FIELD_ICMP_TYPE, 128, 128 },
	{ FIELD_TTL, 64, 64 },
	{ FIELD_TTL, 2, UINT8_MAX },
	{ FIELD_LENGTH, 100, 100 },
	{ FIELD_LENGTH, 60, 1500 },
	{ FIELD_ETH_SRC, 0x020000000001, 0x020000000001 },
	{ FIELD_ETH_SRC, 0x020000000000, 0x02ffffffffff },
	{ FIELD_ETH_DST, 0x020000000002, 0x020000000002 },
	{ FIELD_ETH_DST, 0x020000000000, 0x02ffffffffff },
};

/* Each for the source (.1), the destination (.2). */
static const char *const prefixes[] = { "10.0.0.0/24", "10.0.0.0/8", "192.168.0.0/16",
	"172.16.0.0/12", "2001:db8::/64", "2001:db8::/32", "fd00::/8", "2000::/3" };
static const char *const last_prefixes[] = { "0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/8",
	"ff00::/8" };

static struct packet_set prefer(struct sets *sets, struct packet_set a, struct packet_set wish)
{
	struct packet_set both = set_and(sets, a, wish);

	return set_is_empty(both) ? a : both;
}

static struct packet_set prefer_addresses(struct sets *sets, struct packet_set a, enum field field)
{
	struct prefix prefix;
	struct packet_set rest, wish;

	for (size_t i = 0; i < N_OF(prefixes); i++) {
		struct addr host;

		prefix_parse(prefixes[i], &prefix);
		host = prefix.addr;
		host.bytes[host.family == FAMILY_IPV6 ? 15 : 3] =
			field == FIELD_DST || field == FIELD_CT_ORIG_DST ? 2 : 1;
		wish = set_of_prefix(
			sets, field, &(struct prefix){ host, prefix_max_len(host.family) });
		a = prefer(sets, a, wish);
		wish = set_of_prefix(sets, field, &prefix);
		/* not the network's own address */
		prefix.len = prefix_max_len(host.family);
		a = prefer(sets, a, set_minus(sets, wish, set_of_prefix(sets, field, &prefix)));
	}
	rest = SET_FULL;
	for (size_t i = 0; i < N_OF(last_prefixes); i++) {
		prefix_parse(last_prefixes[i], &prefix);
		rest = set_minus(sets, rest, set_of_prefix(sets, field, &prefix));
	}
	return prefer(sets, a, rest);
}

static struct packet_set prefer_usual(struct sets *sets, struct packet_set a)
{
	static const enum field addresses[] = { FIELD_SRC, FIELD_DST, FIELD_CT_ORIG_SRC,
		FIELD_CT_ORIG_DST };

	a = prefer(sets, a, set_of_family(sets, FAMILY_IPV4));
	a = prefer(sets, a, set_of_present(sets, FIELD_SRC));
	a = prefer(sets, a, set_of_number(sets, FIELD_ETHERTYPE, ETHERTYPE_IPV4));
	a = prefer(sets, a, set_of_number(sets, FIELD_ETHERTYPE, ETHERTYPE_IPV6));
	a = prefer(sets, a, set_not(sets, set_of_name(sets, FIELD_IN_IFACE, NULL)));
	for (size_t i = 0; i < N_OF(numbers); i++) {
		enum field field = numbers[i].field;

		if (!sets->fields[field].is_enumerated || sets->fields[field].is_closed)
			a = prefer(sets, a,
				set_of_numbers(sets, field, numbers[i].from, numbers[i].to));
	}
	for (size_t i = 0; i < N_OF(addresses); i++)
		a = prefer_addresses(sets, a, addresses[i]);
	return a;
}

/* A name that is of this code and of no other. */
static const char *name_of_code(struct sets *sets, enum field field, size_t code)
{
	const struct set_field *f = &sets->fields[field];
	const struct set_value *value = code < f->values.n ? &f->values.items[code] : NULL;
	const char *name;

	if (value && !value->is_prefix)
		return *value->name ? value->name : NULL;
	name = value && *value->name ? value->name : "other";
	for (unsigned i = 0; sets_code_of_name(sets, field, name) != code; i++)
		name = arena_printf(sets->arena, "%s%u", value ? value->name : "other", i);
	return name;
}

static struct field_value value_of_code(const struct sets *sets, enum field field, size_t code)
{
	const struct set_field *f = &sets->fields[field];
	bool is_mac = field_width(field, FAMILY_IPV4) == 48;
	struct field_value value;

	if (code < f->values.n)
		return f->values.items[code].value;
	for (uint64_t i = is_mac ? 0x020000000001 : 0;; i++) {
		value = field_value_of_number(i);
		if (sets_code_of_value(sets, field, &value) == code)
			return value;
	}
}

static struct addr addr_of(const struct field_value *value, enum family family)
{
	struct addr addr = { .family = family };
	size_t n = family == FAMILY_IPV6 ? 16 : 4;

	memcpy(addr.bytes, value->bytes + 16 - n, n);
	return addr;
}

static struct mac mac_of(const struct field_value *value)
{
	struct mac mac;

	memcpy(mac.bytes, value->bytes + 10, 6);
	return mac;
}

static void put_header(struct packet *packet, enum field field, enum family family,
	const struct field_value *value, uint64_t number)
{
	switch (field) {
	case FIELD_ETH_SRC:
		packet->eth_src = mac_of(value);
		break;
	case FIELD_ETH_DST:
		packet->eth_dst = mac_of(value);
		break;
	case FIELD_ETHERTYPE:
		packet->ethertype = (uint16_t)number;
		break;
	case FIELD_VLAN_ID:
		packet->vlan_id = (uint16_t)number;
		break;
	case FIELD_PKTTYPE:
		packet->pkt_type = (enum pkt_type)number;
		break;
	case FIELD_SRC:
		packet->src = addr_of(value, family);
		break;
	case FIELD_DST:
		packet->dst = addr_of(value, family);
		break;
	case FIELD_PROTO:
		packet->proto = (uint8_t)number;
		break;
	case FIELD_TTL:
		packet->ttl = (uint8_t)number;
		break;
	case FIELD_TOS:
		packet->tos = (uint8_t)number;
		break;
	case FIELD_LENGTH:
		packet->length = (uint16_t)number;
		break;
	case FIELD_FRAGMENT:
		packet->is_first_fragment = number == 1;
		packet->is_later_fragment = number == 2;
		break;
	case FIELD_SPORT:
		packet->sport = (uint16_t)number;
		break;
	case FIELD_DPORT:
		packet->dport = (uint16_t)number;
		break;
	case FIELD_TCP_FLAGS:
		packet->tcp_flags = (uint8_t)number;
		break;
	case FIELD_ICMP_TYPE:
		packet->icmp_type = (uint8_t)number;
		break;
	case FIELD_ICMP_CODE:
		packet->icmp_code = (uint8_t)number;
		break;
	default:
		break;
	}
}

static void put_rest(struct packet *packet, enum field field, enum family family,
	const struct field_value *value, uint64_t number)
{
	switch (field) {
	case FIELD_MARK:
		packet->mark = (uint32_t)number;
		break;
	case FIELD_CT_STATE:
		packet->ct_state = (enum ct_state)number;
		break;
	case FIELD_CT_MARK:
		packet->ct_mark = (uint32_t)number;
		break;
	case FIELD_CT_STATUS:
		packet->ct_status = (unsigned)number;
		break;
	case FIELD_CT_DIRECTION:
		packet->is_reply = number;
		break;
	case FIELD_CT_ORIG_SRC:
		packet->ct_orig_src = addr_of(value, family);
		break;
	case FIELD_CT_ORIG_DST:
		packet->ct_orig_dst = addr_of(value, family);
		break;
	case FIELD_CT_ORIG_SPORT:
		packet->ct_orig_sport = (uint16_t)number;
		break;
	case FIELD_CT_ORIG_DPORT:
		packet->ct_orig_dport = (uint16_t)number;
		break;
	case FIELD_UID:
		packet->uid = (uint32_t)number;
		break;
	case FIELD_GID:
		packet->gid = (uint32_t)number;
		break;
	case FIELD_ARP_OP:
		packet->arp_op = (uint16_t)number;
		break;
	case FIELD_ARP_SHA:
		packet->arp_sha = mac_of(value);
		break;
	case FIELD_ARP_THA:
		packet->arp_tha = mac_of(value);
		break;
	case FIELD_ARP_SPA:
		packet->arp_spa = addr_of(value, FAMILY_IPV4);
		break;
	case FIELD_ARP_TPA:
		packet->arp_tpa = addr_of(value, FAMILY_IPV4);
		break;
	default:
		break;
	}
}

static void put_name(struct packet *packet, enum field field, const char *name)
{
	const char **names[] = { &packet->in_iface, &packet->out_iface, &packet->physdev_in,
		&packet->physdev_out };

	*names[field - FIELD_IN_IFACE] = name;
}

/* The lowest packet: where both ways are open, 0. */
static void know_lowest(struct sets *sets, struct packet_set a)
{
	memset(sets->known, 0, sets->block_of.n);
	while (a.node > 1) {
		const struct set_node *n = &sets->nodes[a.node];

		sets->known[n->level] = n->low == 0;
		a.node = n->low ? n->low : n->high;
	}
}

static struct field_value known_number(const struct sets *sets, unsigned first, unsigned n)
{
	struct field_value value = { 0 };

	for (unsigned i = 0; i < n; i++) {
		unsigned place = n - 1 - i;

		value.bytes[15 - place / 8] |= (uint8_t)(sets->known[first + i] << place % 8);
	}
	return value;
}

/* Of each level, whether it may be 0 and 1 (bits 1 and 2) in some packet of a, which is not empty. */
static uint8_t *values_of_levels(struct sets *sets, struct arena *arena, struct packet_set a)
{
	size_t n = sets->block_of.n;
	uint8_t *values = arena_alloc(arena, n + 1);
	/* how many edges begin and end to pass over levels */
	unsigned *begins = arena_new_array(arena, unsigned, n + 1);
	unsigned *ends = arena_new_array(arena, unsigned, n + 1), n_open = 0;
	struct {
		VEC(uint32_t);
	} todo = { 0 }, seen = { 0 };

	begins[0]++;
	ends[a.node < 2 ? n : sets_level(sets, a.node)]++;
	*vec_push(&todo, arena) = a.node;
	while (todo.n) {
		struct set_node *node = &sets->nodes[todo.items[--todo.n]];
		const uint32_t children[2] = { node->low, node->high };

		if (node->level == LEVEL_END || node->is_marked)
			continue;
		node->is_marked = true;
		*vec_push(&seen, arena) = (uint32_t)(node - sets->nodes);
		for (unsigned i = 0; i < 2; i++) {
			if (!children[i])
				continue;
			values[node->level] |= (uint8_t)(1 << i);
			begins[node->level + 1]++;
			ends[children[i] < 2 ? n : sets_level(sets, children[i])]++;
			*vec_push(&todo, arena) = children[i];
		}
	}
	vec_for_each (node, &seen)
		sets->nodes[*node].is_marked = false;
	for (size_t level = 0; level < n; level++) {
		n_open += begins[level];
		n_open -= ends[level];
		if (n_open)
			values[level] = 3;
	}
	return values;
}

static bool is_one_value(
	const struct sets *sets, const uint8_t *values, enum field field, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (values[sets->fields[field].first + i] == 3)
			return false;
	return true;
}

void set_know(struct sets *sets, struct packet_set a, uint64_t fields, struct packet *packet)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	enum family family = packet->src.family;
	const uint8_t *values;

	packet->unknown |= fields;
	if (sets->has_failed || set_is_empty(a))
		return;
	values = values_of_levels(sets, arena, a);
	for (size_t level = 0; level < sets->block_of.n; level++)
		sets->known[level] = values[level] >> 1;
	for (unsigned field = 0; field < N_FIELDS; field++) {
		const struct set_field *f = &sets->fields[field];
		unsigned n = sets_bits(sets, field, family);
		struct field_value value;
		uint64_t number;

		if (!(fields >> field & 1) || sets_is_names(field) ||
			!is_one_value(sets, values, field, n))
			continue;
		value = known_number(sets, f->first, n);
		number = field_value_number(&value);
		if (f->is_enumerated) {
			if (number >= f->values.n)
				continue;
			value = value_of_code(sets, field, number);
			number = field_value_number(&value);
		}
		put_header(packet, field, family, &value, number);
		put_rest(packet, field, family, &value, number);
		packet->unknown &= ~FIELD_BIT(field);
	}
}

bool set_witness(struct sets *sets, struct packet_set a, struct packet *ret)
{
	struct packet packet = { 0 };
	enum family family;

	a = set_and(sets, a, sets_real(sets));
	a = set_and(sets, a, sets_of_one_code_each(sets, SET_FAMILY_BIT - 1));
	if (set_is_empty(a))
		return false;
	a = prefer_usual(sets, a);
	if (sets->has_failed)
		return false;
	know_lowest(sets, a);
	family = sets->known[sets->family_level] ? FAMILY_IPV6 : FAMILY_IPV4;
	for (unsigned field = 0; field < N_FIELDS; field++) {
		const struct set_field *f = &sets->fields[field];
		struct field_value value =
			known_number(sets, f->first, sets_bits(sets, field, family));
		uint64_t number = field_value_number(&value);

		if (sets_is_names(field)) {
			put_name(&packet, field, name_of_code(sets, field, number));
			continue;
		}
		if (f->is_enumerated)
			value = value_of_code(sets, field, number);
		number = field_value_number(&value);
		put_header(&packet, field, family, &value, number);
		put_rest(&packet, field, family, &value, number);
	}
	*ret = packet;
	return true;
}
