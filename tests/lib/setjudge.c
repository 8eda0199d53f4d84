// SPDX-License-Identifier: GPL-2.0-or-later
#include "setjudge.h"

#include <stdio.h>
#include <string.h>

#include "packet/expr.h"
#include "packet/field.h"

#define N_MEMBERS 10

struct opening {
	struct arena *arena;
	const struct host *host;
	struct random *random;
	const struct addr *addrs;
	size_t n_addrs;
	struct query query;
	struct packet_choices choices;
};

static struct packet_choice *add_choice(struct opening *opening, enum field field)
{
	struct packet_choice *choice = vec_push(&opening->choices, opening->arena);

	choice->field = field;
	choice->is_negated = one_in(opening->random, 4);
	choice->ranges = arena_new_array(opening->arena, struct packet_range, 1);
	choice->n = 1;
	return choice;
}

static struct addr likely_addr(const struct opening *opening, enum family family)
{
	struct addr addr;

	do {
		addr = opening->addrs[random_below(opening->random, (unsigned)opening->n_addrs)];
	} while (addr.family != family);
	return addr;
}

/* Any, or a prefix around a likely address. */
static void open_addr(struct opening *opening, enum field field, enum family family)
{
	static const uint8_t lens[2][4] = { { 8, 24, 31, 32 }, { 16, 64, 127, 128 } };
	struct addr addr = likely_addr(opening, family);
	unsigned len = lens[family == FAMILY_IPV6][random_below(opening->random, 4)];
	unsigned bits = prefix_max_len(family);
	struct packet_choice *choice;

	opening->query.packet.unknown |= FIELD_BIT(field);
	if (one_in(opening->random, 3))
		return;
	choice = add_choice(opening, field);
	choice->ranges->min = choice->ranges->max = field_value_of_addr(&addr);
	for (unsigned i = len; i < bits; i++) {
		unsigned at = 128 - bits + i;

		choice->ranges->min.bytes[at / 8] &= (uint8_t) ~(128 >> at % 8);
		choice->ranges->max.bytes[at / 8] |= (uint8_t)(128 >> at % 8);
	}
}

static void open_number(struct opening *opening, enum field field, uint32_t value, uint32_t max)
{
	uint32_t min = value / 2, top = value + (max - value) / 3;
	struct packet_choice *choice;

	opening->query.packet.unknown |= FIELD_BIT(field);
	if (one_in(opening->random, 2))
		return;
	choice = add_choice(opening, field);
	if (!choice->is_negated && one_in(opening->random, 3))
		min = top = value;
	choice->ranges->min = field_value_of_number(min);
	choice->ranges->max = field_value_of_number(top);
}

static void open_some(struct opening *opening)
{
	struct packet *packet = &opening->query.packet;
	enum family family = packet->src.family;
	struct random *random = opening->random;

	if (one_in(random, 2))
		open_addr(opening, FIELD_SRC, family);
	if (one_in(random, 2))
		open_addr(opening, FIELD_DST, family);
	if (one_in(random, 6))
		open_number(opening, FIELD_TTL, packet->ttl, 255);
	if (one_in(random, 8))
		open_number(opening, FIELD_TOS, packet->tos, 255);
	if (one_in(random, 12)) {
		packet->unknown |= FIELD_BIT(FIELD_PROTO);
		return;
	}
	if (proto_has_ports(packet->proto) && one_in(random, 2))
		open_number(opening, FIELD_SPORT, packet->sport, 65535);
	if (proto_has_ports(packet->proto) && one_in(random, 2))
		open_number(opening, FIELD_DPORT, packet->dport, 65535);
	if (packet->proto == PROTO_TCP && one_in(random, 6))
		packet->unknown |= FIELD_BIT(FIELD_TCP_FLAGS);
	if ((packet->proto == PROTO_ICMP || packet->proto == PROTO_ICMPV6) && one_in(random, 2))
		packet->unknown |= FIELD_BIT(FIELD_ICMP_TYPE);
}

/* One packet that may be in it. */
static struct packet member(const struct opening *opening, const struct packet *base)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_UDP, PROTO_ICMP, PROTO_IPIP, 47, 200 };
	static const uint16_t ports[] = { 22, 53, 80, 90, 443, 5500, 40000 };
	uint64_t open = opening->query.packet.unknown;
	struct random *random = opening->random;
	struct packet packet = *base;

	if (open & FIELD_BIT(FIELD_SRC))
		packet.src = likely_addr(opening, base->src.family);
	if (open & FIELD_BIT(FIELD_DST))
		packet.dst = likely_addr(opening, base->src.family);
	if (open & FIELD_BIT(FIELD_SPORT) && one_in(random, 2))
		packet.sport = pick(random, ports);
	if (open & FIELD_BIT(FIELD_DPORT) && !one_in(random, 4))
		packet.dport =
			one_in(random, 3) ? (uint16_t)random_u64(random) : pick(random, ports);
	if (open & FIELD_BIT(FIELD_TTL))
		packet.ttl = (uint8_t)random_below(random, 5);
	if (open & FIELD_BIT(FIELD_TOS))
		packet.tos = (uint8_t)random_u64(random);
	if (open & FIELD_BIT(FIELD_TCP_FLAGS))
		packet.tcp_flags = (uint8_t)random_u64(random);
	if (open & FIELD_BIT(FIELD_ICMP_TYPE))
		packet.icmp_type = (uint8_t)random_below(random, 150);
	if (open & FIELD_BIT(FIELD_PROTO)) {
		packet.proto = pick(random, protos);
		if (packet.proto == PROTO_ICMP && base->src.family == FAMILY_IPV6)
			packet.proto = PROTO_ICMPV6;
		packet.sport = packet.dport = 0;
		packet.tcp_flags = packet.icmp_type = packet.icmp_code = 0;
		if (packet.proto == PROTO_TCP)
			packet.tcp_flags = TCP_SYN;
		if (packet.proto == PROTO_ICMP || packet.proto == PROTO_ICMPV6)
			packet.icmp_type = packet.proto == PROTO_ICMP ? 8 : 128;
		if (proto_has_ports(packet.proto)) {
			packet.sport = 40000;
			packet.dport = pick(random, ports);
		}
	}
	return packet;
}

static void print_wrong(const struct opening *opening, const char *what,
	const struct packet *packet, const struct every_part *part, enum final alone)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	packet_expr_print_set(&text, &opening->query.packet, &opening->choices);
	printf("# %s, asked at %s: %s\n", what,
		opening->query.in ? opening->query.in->name : "a process", text.data);
	if (!packet)
		return;
	text_clear(&text);
	packet_expr_print(&text, packet);
	printf("#   %s: %s of the set, %s alone\n", text.data,
		part ? final_name(part->leaf ? part->leaf->final : part->final) : "no part",
		final_name(alone));
}

/* The part that has it; NULL: none, or more than one. */
static const struct every_part *part_with(const struct every *every, const struct packet *packet)
{
	const struct every_part *found = NULL;

	vec_for_each (part, &every->parts) {
		if (set_has_packet(every->sets, part->set, packet) != SET_IN)
			continue;
		if (found)
			return NULL;
		found = part;
	}
	return found;
}

static bool check_member(const struct opening *opening, const struct explainer *explainer,
	const struct every *every, const struct packet *packet, struct set_judged *total)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct query alone = opening->query;
	const struct every_part *part;
	const struct explanation *told;

	alone.packet = *packet;
	alone.packet.unknown = opening->query.packet.unknown & FIELD_BIT(FIELD_ETH_DST);
	explain_find_macs(opening->host, &alone);
	packet = &alone.packet;
	if (packet->unknown || set_has_packet(every->sets, every->asked, packet) != SET_IN)
		return true;
	total->members++;
	part = part_with(every, packet);
	told = explain(arena, explainer, &alone);
	if (!part) {
		print_wrong(
			opening, "a packet is in no part or in several", packet, NULL, told->final);
		return false;
	}
	if (part->final == FINAL_CANNOT_TELL)
		return true;
	total->members_told++;
	if (told->final == part->final || told->final == FINAL_CANNOT_TELL)
		return true;
	print_wrong(opening, "a packet ends in another way", packet, part, told->final);
	return false;
}

static bool check_parts(const struct opening *opening, const struct every *every)
{
	struct packet_set all = SET_EMPTY;

	vec_for_each (part, &every->parts) {
		if (!set_is_empty(set_and(every->sets, all, part->set))) {
			print_wrong(opening, "parts overlap", NULL, NULL, FINAL_NONE);
			return false;
		}
		all = set_or(every->sets, all, part->set);
		if (!part->is_contradicted)
			continue;
		print_wrong(opening, "a witness ends in another way", &part->witness.packet, part,
			part->explanation->final);
		return false;
	}
	if (set_equal(all, every->asked))
		return true;
	print_wrong(opening, "the parts are not all that was asked", NULL, NULL, FINAL_NONE);
	return false;
}

static void keep_witnesses(const struct every *every, struct packet *ret_witnesses, size_t *ret_n)
{
	vec_for_each (part, &every->parts)
		if (part->explanation && part->final != FINAL_CANNOT_TELL &&
			!part->witness.packet.unknown && *ret_n < SETJUDGE_WITNESSES)
			ret_witnesses[(*ret_n)++] = part->witness.packet;
}

bool setjudge_ask(const struct host *host, const struct explainer *explainer,
	const struct query *query, const struct addr *addrs, size_t n_addrs, struct random *random,
	struct set_judged *total, struct packet *ret_witnesses, size_t *ret_n)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct opening opening = { .arena = arena,
		.host = host,
		.random = random,
		.addrs = addrs,
		.n_addrs = n_addrs,
		.query = *query };
	struct every every;
	bool is_right;
	struct err err;

	open_some(&opening);
	if (query->from == FROM_DEVICE && one_in(random, 3))
		opening.query.packet.unknown |= FIELD_BIT(FIELD_ETH_DST);
	if (!opening.query.packet.unknown)
		return true;
	if (!explain_every(arena, explainer, &opening.query, &opening.choices, &every, &err)) {
		sets_free(every.sets);
		if (strstr(err.text, "no such packet"))
			return true;
		print_wrong(&opening, err.text, NULL, NULL, FINAL_NONE);
		total->wrong++;
		return false;
	}
	total->sets++;
	total->parts += every.parts.n;
	vec_for_each (part, &every.parts)
		if (part->final == FINAL_CANNOT_TELL && getenv("PORTWALL_VERBOSE"))
			printf("# WHY %s\n", part->why);
	vec_for_each (part, &every.parts)
		*(part->final == FINAL_CANNOT_TELL ? &total->cannot_tell : &total->told) += 1;
	is_right = check_parts(&opening, &every) &&
		   check_member(&opening, explainer, &every, &query->packet, total);
	for (unsigned i = 0; i < N_MEMBERS && is_right; i++) {
		const struct packet packet = member(&opening, &query->packet);

		is_right = check_member(&opening, explainer, &every, &packet, total);
	}
	keep_witnesses(&every, ret_witnesses, ret_n);
	total->wrong += !is_right;
	sets_free(every.sets);
	return is_right;
}
