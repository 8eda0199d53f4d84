// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it costs to know a chain for all packets, as one line of JSON. "set": the exact set that it accepts, and the rules that no
 * packet can match. "audit": what "portwall audit --chain TABLE/CHAIN" proves on top of it: who shadows those, who reaches whom with
 * tcp/22 and tcp/80, and the sources by interface. "fffuu": what "--as-fffuu" proves, who reaches whom in an over-approximation.
 *
 *	build/release/bench/bench_prove set|audit|fffuu FILE TABLE/CHAIN [ipv6]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/vec.h"
#include "prove/audit.h"

static double cpu_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct bench {
	struct arena *arena;
	struct ruleset *rs;
	enum family family;
	const char *place;
	size_t n_dead, n_nodes, n_classes[2];
	VEC(const struct rule *) asked, matched;
};

/* A rule is asked once for each call of its chain. */
static void record(void *data, const struct table *table, const struct chain *chain,
	const struct rule *rule, struct packet_set reach, struct packet_set matched)
{
	struct bench *b = data;

	(void)table, (void)chain, (void)reach;
	*vec_push(&b->asked, b->arena) = rule;
	if (!set_is_empty(matched))
		*vec_push(&b->matched, b->arena) = rule;
}

static int by_address(const void *a, const void *b)
{
	const struct rule *const *left = a, *const *right = b;

	return (*left > *right) - (*left < *right);
}

static size_t count_rules(const struct rule **rules, size_t n)
{
	size_t n_different = 0;

	if (n)
		qsort(rules, n, sizeof(*rules), by_address);
	for (size_t i = 0; i < n; i++)
		n_different += !i || rules[i] != rules[i - 1];
	return n_different;
}

static bool find_set(struct bench *b, struct sets *sets, struct err *err)
{
	const char *slash = strchr(b->place, '/');
	char name[64];
	const struct table *table;
	const struct chain *chain;
	struct packet packet = { .src.family = b->family, .dst.family = b->family };
	struct outcomes outcomes = { 0 };
	struct eval eval = { .arena = b->arena,
		.rs = b->rs,
		.sets = sets,
		.may_collect = true,
		.is_blind_to_rules = true,
		.record = record,
		.data = b };

	snprintf(name, sizeof(name), "%.*s", slash ? (int)(slash - b->place) : 0, b->place);
	table = ruleset_table(b->rs, b->family, name);
	chain = table ? table_chain(table, slash + 1) : NULL;
	if (!chain)
		return err_input(err, "there is no chain %s", b->place);
	ruleset_add_to_world(sets, (const struct ruleset *const[]){ b->rs }, 1);
	sets_seal(sets);
	packet.unknown = FIELD_BIT(FIELD_IN_IFACE) | FIELD_BIT(FIELD_OUT_IFACE) |
			 FIELD_BIT(FIELD_PHYSDEV_IN) | FIELD_BIT(FIELD_PHYSDEV_OUT);
	eval.hook = ruleset_chain_hook(chain);
	eval.set = set_and(sets, sets_real(sets), set_of_family(sets, b->family));
	ruleset_eval_chain(&eval, table, chain, &packet, NULL, NULL, &outcomes);
	b->n_dead = count_rules(b->asked.items, b->asked.n) -
		    count_rules(b->matched.items, b->matched.n);
	b->n_nodes = set_n_nodes(sets, outcomes_set(sets, &outcomes, VERDICT_BIT(VERDICT_ACCEPT)));
	return sets_ok(sets, err);
}

static bool audit(struct bench *b, struct sets *sets, struct err *err)
{
	static const char *const words[] = { "tcp/22", "tcp/80" };
	struct audit *audit;
	const struct audit_place *place;
	struct audit_sources *sources;
	struct audit_deads deads;
	size_t n;

	if (!audit_new(b->arena, sets, b->rs, b->family, b->place, NULL, &audit, err) ||
		!audit_find_dead(audit, b->arena, &deads, err))
		return false;
	place = audit_places(audit, &n);
	if (!audit_find_sources(audit, place, b->arena, &sources, &n, err))
		return false;
	b->n_dead = deads.n_dead;
	for (size_t i = 0; i < N_OF(words); i++) {
		struct service_matrix matrix;
		struct service service;

		if (!audit_service_parse(sets, b->family, words[i], &service, err) ||
			!audit_matrix(audit, place, &service, 1, SET_FULL, b->arena, &matrix, err))
			return false;
		b->n_classes[i] = matrix.n_classes;
	}
	b->n_nodes = set_n_nodes(sets, place->passed);
	return true;
}

static bool as_fffuu(struct bench *b, struct sets *sets, struct err *err)
{
	static const char *const words[] = { "tcp/22", "tcp/80" };
	struct prefix loopback;
	const struct assignment lo = { "lo", &loopback, 1 };
	struct matrix_query query = {
		.family = FAMILY_IPV4, .addresses = SET_FULL, .n_services = 1
	};

	prefix_parse("127.0.0.0/8", &loopback);
	if (!audit_pass_loosely(sets, b->rs, b->place, &lo, 1, &query.accepted, err))
		return false;
	for (size_t i = 0; i < N_OF(words); i++) {
		struct service_matrix matrix;
		struct service service;

		query.services = &service;
		if (!audit_service_parse(sets, FAMILY_IPV4, words[i], &service, err) ||
			!service_matrix_make(sets, &query, b->arena, &matrix, err))
			return false;
		b->n_classes[i] = matrix.n_classes;
	}
	b->n_nodes = set_n_nodes(sets, query.accepted);
	return true;
}

static const struct kind {
	const char *name;
	bool (*prove)(struct bench *b, struct sets *sets, struct err *err);
} kinds[] = { { "set", find_set }, { "audit", audit }, { "fffuu", as_fffuu } };

int main(int argc, char **argv)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct sets *sets CLEANUP(sets_freep) = NULL;
	struct bench b = { .arena = arena, .rs = ruleset_new(arena) };
	const struct kind *kind = kinds;
	double begin = cpu_s(), loaded;
	struct rusage usage;
	struct err err;

	while (argc >= 4 && kind < kinds + N_OF(kinds) && strcmp(kind->name, argv[1]) != 0)
		kind++;
	if (argc < 4 || kind == kinds + N_OF(kinds)) {
		fprintf(stderr, "bench_prove set|audit|fffuu FILE TABLE/CHAIN [ipv6]\n");
		return 2;
	}
	b.place = argv[3];
	b.family = argc > 4 ? FAMILY_IPV6 : FAMILY_IPV4;
	if (!text_load(&text, argv[2], 1 << 28, &err) ||
		!ruleset_parse_iptables_from(
			arena, b.rs, SOURCE_IPTABLES_LEGACY, b.family, argv[2], text.data, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	loaded = cpu_s();
	sets = kind->prove == find_set ? sets_new(0) : audit_world(b.rs, NULL, NULL, 0);
	if (!kind->prove(&b, sets, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"load_s\": %.4f, \"prove_s\": %.4f, \"dead\": %zu, \"nodes\": %zu, "
	       "\"nodes_peak\": %zu, \"classes\": [%zu, %zu], \"peak_kib\": %ld}\n",
		loaded - begin, cpu_s() - loaded, b.n_dead, b.n_nodes, sets_n_nodes_peak(sets),
		b.n_classes[0], b.n_classes[1], usage.ru_maxrss);
	return 0;
}
