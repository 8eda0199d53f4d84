// SPDX-License-Identifier: GPL-2.0-or-later
/* Packets, and sets of them, as people write them: what is understood prints as what means the same. */
#include "fuzz.h"

#include <string.h>

#include "packet/expr.h"

static void check_same_packet(const struct packet *a, const struct packet *b)
{
	fuzz_check(a->unknown == b->unknown);
	fuzz_check(a->ethertype == b->ethertype && a->vlan_id == b->vlan_id);
	fuzz_check(a->proto == b->proto && a->length == b->length);
	fuzz_check(a->sport == b->sport && a->dport == b->dport);
	fuzz_check(a->tcp_flags == b->tcp_flags && a->mark == b->mark);
	fuzz_check(a->ttl == b->ttl && a->tos == b->tos);
	fuzz_check(a->icmp_type == b->icmp_type && a->icmp_code == b->icmp_code);
	fuzz_check(a->uid == b->uid && a->gid == b->gid);
	fuzz_check(a->is_later_fragment == b->is_later_fragment);
	fuzz_check(a->is_first_fragment == b->is_first_fragment);
	fuzz_check(a->is_dont_fragment == b->is_dont_fragment);
	fuzz_check(addr_compare(&a->src, &b->src) == 0);
	fuzz_check(addr_compare(&a->dst, &b->dst) == 0);
	fuzz_check(addr_compare(&a->arp_spa, &b->arp_spa) == 0);
	fuzz_check(addr_compare(&a->arp_tpa, &b->arp_tpa) == 0);
	fuzz_check(mac_equal(a->eth_src, b->eth_src));
	fuzz_check(mac_equal(a->eth_dst, b->eth_dst));
}

static void check_in_order(const struct packet_choice *choice)
{
	fuzz_check(choice->n > 0);
	for (size_t i = 0; i < choice->n; i++) {
		const struct packet_range *range = &choice->ranges[i];

		fuzz_check(memcmp(&range->min, &range->max, sizeof(range->min)) <= 0);
		if (!i)
			continue;
		fuzz_check(memcmp(&range[-1].max, &range->min, sizeof(range->min)) < 0);
		fuzz_check(!field_value_is_next(&range[-1].max, &range->min));
	}
}

static void check_same_choices(const struct packet_choices *a, const struct packet_choices *b)
{
	uint64_t fields = 0;

	fuzz_check(a->n == b->n);
	vec_for_each (choice, a) {
		const struct packet_choice *other = NULL;

		check_in_order(choice);
		fuzz_check(!(fields & FIELD_BIT(choice->field)));
		fields |= FIELD_BIT(choice->field);
		vec_for_each (candidate, b)
			if (candidate->field == choice->field)
				other = candidate;
		fuzz_check(other && other->is_negated == choice->is_negated);
		fuzz_check(other->n == choice->n);
		fuzz_check(memcmp(other->ranges, choice->ranges,
				   choice->n * sizeof(choice->ranges[0])) == 0);
	}
}

/* What is one packet is a set without choices, and the other way round. */
static void check_one(const char *text, bool is_set, const struct packet *packet, size_t n_choices)
{
	struct text printed CLEANUP(text_done) = TEXT_INIT;
	struct packet one, again;
	struct err err = { 0 };

	if (!packet_expr_parse(text, &one, &err)) {
		fuzz_check(!is_set || n_choices);
		fuzz_check(err.kind == ERR_INPUT || err.kind == ERR_LIMIT);
		fuzz_check(err.text[0]);
		return;
	}
	fuzz_check(is_set && n_choices == 0);
	check_same_packet(&one, packet);
	packet_expr_print(&printed, &one);
	fuzz_check(packet_expr_parse(printed.data, &again, &err));
	check_same_packet(&one, &again);
}

static void check_set(struct arena *arena, const char *text)
{
	struct text printed CLEANUP(text_done) = TEXT_INIT, again CLEANUP(text_done) = TEXT_INIT;
	struct packet first = { 0 }, second;
	struct packet_choices choices = { 0 }, choices_again = { 0 };
	struct err err = { 0 };
	bool is_set = packet_expr_parse_set(arena, text, &first, &choices, &err);

	check_one(text, is_set, &first, choices.n);
	if (!is_set) {
		fuzz_check(err.kind == ERR_INPUT || err.kind == ERR_LIMIT);
		fuzz_check(err.text[0]);
		return;
	}
	packet_expr_print_set(&printed, &first, &choices);
	fuzz_check(packet_expr_parse_set(arena, printed.data, &second, &choices_again, &err));
	check_same_packet(&first, &second);
	check_same_choices(&choices, &choices_again);
	packet_expr_print_set(&again, &second, &choices_again);
	fuzz_check(strcmp(printed.data, again.data) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	char *text = malloc(size + 1);

	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	check_set(arena, text);
	free(text);
	return 0;
}
