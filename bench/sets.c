// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a set of packets costs, beside BuDDy: a chain of N made-up rules, first match wins, as a host with many machines behind it has
 * them. A third binds a source address and a MAC to an interface, the rest lets networks reach ports.
 *
 *	ninja -C build/release bench/bench_sets && build/release/bench/bench_sets [RULES]
 *
 * Both libraries get the same variables in the same order, and the same chain, in turn. CPU seconds are the least of three rounds (of one above 2,000 rules);
 * what each made is compared node by node in number.
 */
#include <bdd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/vec.h"
#include "packet/set_bdd.h"
#include "random.h"

#define N_IFACES 40

struct rule {
	unsigned iface;
	uint64_t src, dst, src_mask, dst_mask, mac;
	unsigned from, to; /* destination port */
	bool is_binding, is_tcp, is_accept;
};

static double cpu_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A source is anybody, a network or a machine; a destination anybody or one of some servers. */
static struct rule random_rule(struct random *random, unsigned i)
{
	static const uint64_t sources[] = { 0, 0xffffff00, UINT32_MAX, UINT32_MAX };
	struct rule rule = { .iface = random_below(random, N_IFACES), .is_binding = i % 3 == 0 };

	rule.mac = 0xfa163e000000 + i;
	rule.src = 0x0a000000 + random_below(random, 1 << 16);
	rule.dst = 0xc0000200 + random_below(random, 16);
	rule.src_mask = pick(random, sources);
	/* a rule of everybody to everybody would end the chain's work too soon */
	rule.dst_mask = !rule.src_mask || one_in(random, 8) ? UINT32_MAX : 0;
	rule.from = one_in(random, 3) ? random_below(random, 60000) : random_below(random, 1024);
	rule.to = one_in(random, 5) ? rule.from + random_below(random, 1000) : rule.from;
	rule.is_tcp = !one_in(random, 4);
	rule.is_accept = !one_in(random, 3);
	return rule;
}

static struct packet_set prefix_set(
	struct sets *sets, enum field field, uint64_t addr, uint64_t mask)
{
	return set_of_bits(sets, field, addr & mask, mask);
}

static struct packet_set rule_set(struct sets *sets, const struct rule *rule)
{
	char name[16];
	struct packet_set all;

	snprintf(name, sizeof(name), "eth%u", rule->iface);
	all = set_of_name(sets, FIELD_IN_IFACE, name);
	if (rule->is_binding) {
		all = set_and(sets, all, prefix_set(sets, FIELD_SRC, rule->src, UINT32_MAX));
		return set_minus(sets, all, set_of_number(sets, FIELD_ETH_SRC, rule->mac));
	}
	all = prefix_set(sets, FIELD_SRC, rule->src, rule->src_mask);
	all = set_and(sets, all, prefix_set(sets, FIELD_DST, rule->dst, rule->dst_mask));
	all = set_and(
		sets, all, set_of_number(sets, FIELD_PROTO, rule->is_tcp ? PROTO_TCP : PROTO_UDP));
	return set_and(sets, all, set_of_numbers(sets, FIELD_DPORT, rule->from, rule->to));
}

static struct sets *world(void)
{
	struct sets *sets = sets_new(0);

	for (unsigned i = 0; i < N_IFACES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "eth%u", i);
		sets_add_name(sets, FIELD_IN_IFACE, name);
	}
	sets_seal(sets);
	return sets;
}

static struct packet_set chain_set(
	struct sets *sets, const struct rule *rules, unsigned n, unsigned *ret_dead)
{
	struct packet_set left = set_of_family(sets, FAMILY_IPV4), accepted = SET_EMPTY;

	*ret_dead = 0;
	for (unsigned i = 0; i < n; i++) {
		struct packet_set match = rule_set(sets, &rules[i]),
				  hit = set_and(sets, left, match);

		*ret_dead += set_is_empty(hit);
		if (rules[i].is_accept && !rules[i].is_binding)
			accepted = set_or(sets, accepted, hit);
		left = set_minus(sets, left, match);
		if (sets_should_collect(sets))
			sets_collect(sets, (struct packet_set[]){ left, accepted }, 2);
	}
	return accepted;
}

static BDD keep(BDD old, BDD bdd)
{
	bdd_addref(bdd);
	bdd_delref(old);
	return bdd;
}

static BDD cube(
	const struct sets *sets, enum field field, unsigned n, uint64_t value, uint64_t mask)
{
	BDD all = bddtrue;

	for (unsigned i = n; i-- > 0;) {
		int level = (int)(sets->fields[field].first + i);

		if (mask >> (n - 1 - i) & 1)
			all = keep(
				all, bdd_and(all, value >> (n - 1 - i) & 1 ? bdd_ithvar(level)
									   : bdd_nithvar(level)));
	}
	return all;
}

static BDD bound(
	const struct sets *sets, enum field field, unsigned n, uint64_t value, bool is_upper)
{
	BDD all = bddtrue;

	for (unsigned i = n; i-- > 0;) {
		int level = (int)(sets->fields[field].first + i);
		bool bit = value >> (n - 1 - i) & 1;
		BDD variable = is_upper ? bdd_nithvar(level) : bdd_ithvar(level);

		all = keep(all, bit == is_upper ? bdd_or(variable, all) : bdd_and(variable, all));
	}
	return all;
}

static BDD and_with(BDD a, BDD b)
{
	BDD both = bdd_addref(bdd_and(a, b));

	bdd_delref(a);
	bdd_delref(b);
	return both;
}

static BDD rule_bdd(const struct sets *sets, const struct rule *rule)
{
	unsigned n = sets->fields[FIELD_IN_IFACE].n_bits;
	BDD all, mac;

	if (rule->is_binding) {
		all = cube(sets, FIELD_IN_IFACE, n, rule->iface + 1, UINT64_MAX); /* 0: none */
		all = and_with(all, cube(sets, FIELD_SRC, 32, rule->src, UINT32_MAX));
		mac = cube(sets, FIELD_ETH_SRC, 48, rule->mac, UINT64_MAX);
		all = keep(all, bdd_apply(all, mac, bddop_diff));
		bdd_delref(mac);
		return and_with(all, bdd_nithvar(sets->family_level));
	}
	all = cube(sets, FIELD_SRC, 32, rule->src, rule->src_mask);
	all = and_with(all, cube(sets, FIELD_DST, 32, rule->dst, rule->dst_mask));
	all = and_with(all, cube(sets, FIELD_PROTO, 8, rule->is_tcp ? PROTO_TCP : PROTO_UDP, 255));
	all = and_with(all, bound(sets, FIELD_DPORT, 16, rule->from, false));
	all = and_with(all, bound(sets, FIELD_DPORT, 16, rule->to, true));
	return and_with(all, bdd_nithvar(sets->family_level));
}

static BDD chain_bdd(
	const struct sets *sets, const struct rule *rules, unsigned n, unsigned *ret_dead)
{
	BDD left = bdd_addref(bdd_nithvar(sets->family_level)), accepted = bddfalse;

	*ret_dead = 0;
	for (unsigned i = 0; i < n; i++) {
		BDD match = rule_bdd(sets, &rules[i]), hit = bdd_addref(bdd_and(left, match));

		*ret_dead += hit == bddfalse;
		if (rules[i].is_accept && !rules[i].is_binding)
			accepted = keep(accepted, bdd_or(accepted, hit));
		left = keep(left, bdd_apply(left, match, bddop_diff));
		bdd_delref(match);
		bdd_delref(hit);
	}
	return accepted;
}

struct figures {
	double least_s;
	size_t nodes, dead;
};

static void measured(struct figures *figures, double seconds, size_t nodes, unsigned dead)
{
	if (figures->least_s == 0 || seconds < figures->least_s)
		figures->least_s = seconds;
	figures->nodes = nodes;
	figures->dead = dead;
}

int main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 5000, dead;
	unsigned rounds = n > 2000 ? 1 : 3; /* one takes a minute then */
	struct random random = random_seeded_or(1);
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct rule *rules = arena_new_array(arena, struct rule, n);
	struct figures ours = { 0 }, theirs = { 0 };
	size_t made = 0;
	struct err err = { 0 };

	for (unsigned i = 0; i < n; i++)
		rules[i] = random_rule(&random, i);
	for (unsigned round = 0; round < rounds; round++) {
		double start = cpu_s();
		struct sets *sets = world();
		struct packet_set accepted = chain_set(sets, rules, n, &dead);
		BDD their;

		measured(&ours, cpu_s() - start, set_n_nodes(sets, accepted), dead);
		made = sets_n_nodes_peak(sets);
		if (!sets_ok(sets, &err)) {
			fprintf(stderr, "bench_sets: %s\n", err.text);
			return 1;
		}
		start = cpu_s();
		bdd_init(1000000, 4000000);
		bdd_setvarnum((int)sets->block_of.n);
		bdd_gbc_hook(NULL);
		bdd_setmaxincrease(5000000);
		their = chain_bdd(sets, rules, n, &dead);
		measured(&theirs, cpu_s() - start, (size_t)bdd_nodecount(their), dead);
		bdd_done();
		sets_free(sets);
	}
	if (ours.nodes != theirs.nodes || ours.dead != theirs.dead) {
		fprintf(stderr, "bench_sets: the two sets differ: %zu and %zu nodes\n", ours.nodes,
			theirs.nodes);
		return 1;
	}
	printf("| %u rules (%zu dead) | %zu nodes | portwall %.2f CPU s, %zu nodes at most | BuDDy %.2f CPU s | %.2f |\n",
		n, ours.dead, ours.nodes, ours.least_s, made, theirs.least_s,
		ours.least_s / theirs.least_s);
	return 0;
}
