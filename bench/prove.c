// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it costs to know a chain for all packets: the exact set that it accepts, and the rules that no packet can match.
 *
 *	build/release/bench/bench_prove FILE CHAIN [ipv6]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/vec.h"
#include "packet/set.h"
#include "ruleset/eval.h"

static double cpu_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct counted {
	const struct rule **asked;
	struct packet_set *matched;
	size_t n, n_calls;
};

static void record(void *data, const struct table *table, const struct chain *chain,
	const struct rule *rule, struct packet_set reach, struct packet_set matched)
{
	struct counted *counted = data;

	(void)table, (void)chain, (void)rule, (void)reach, (void)matched;
	counted->n_calls++;
	counted->n += set_is_empty(matched);
}

int main(int argc, char **argv)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct sets *sets CLEANUP(sets_freep) = sets_new(0);
	struct ruleset *rs = ruleset_new(arena);
	enum family family = argc > 3 && argv[3][3] == 54 ? FAMILY_IPV6 : FAMILY_IPV4;
	const struct table *table;
	const struct chain *chain;
	struct packet packet = { .src.family = family, .dst.family = family };
	struct outcomes outcomes = { 0 };
	struct counted counted = { 0 };
	struct packet_set accepted = SET_EMPTY;
	struct rusage usage;
	double begin = cpu_s(), loaded;
	struct err err;

	if (argc < 3 || !text_load(&text, argv[1], 1 << 28, &err) ||
		!ruleset_parse_iptables(arena, rs, family, argv[1], text.data, &err)) {
		fprintf(stderr, "%s\n", argc < 3 ? "bench_prove FILE CHAIN [ipv6]" : err.text);
		return 1;
	}
	loaded = cpu_s();
	table = ruleset_table(rs, family, argc > 4 ? argv[4] : "filter");
	chain = table ? table_chain(table, argv[2]) : NULL;
	if (!chain)
		return 1;
	ruleset_add_to_world(sets, (const struct ruleset *const[]){ rs }, 1);
	sets_seal(sets);
	packet.unknown = FIELD_BIT(FIELD_IN_IFACE) | FIELD_BIT(FIELD_OUT_IFACE) |
			 FIELD_BIT(FIELD_PHYSDEV_IN) | FIELD_BIT(FIELD_PHYSDEV_OUT);
	{
		const struct eval eval = { .arena = arena,
			.rs = rs,
			.hook = ruleset_chain_hook(chain),
			.sets = sets,
			.set = set_and(sets, sets_real(sets), set_of_family(sets, family)),
			.may_collect = true,
			.record = record,
			.data = &counted };

		ruleset_eval_chain(&eval, table, chain, &packet, NULL, NULL, &outcomes);
	}
	accepted = outcomes_set(sets, &outcomes, VERDICT_BIT(VERDICT_ACCEPT));
	if (!sets_ok(sets, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("load %.3f s, prove %.3f s, %zu asked, %zu in vain, %zu nodes, peak %zu, %ld MiB, %zu outcomes\n",
		loaded - begin, cpu_s() - loaded, counted.n_calls, counted.n,
		set_n_nodes(sets, accepted), sets_n_nodes_peak(sets), usage.ru_maxrss / 1024,
		(size_t)outcomes.n);
	return 0;
}
