// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the service pays for parts at every change: made-up groups of 100 rules, and ports with two addresses and a pair, each in three
 * groups; a third of the rules are for the members of a group.
 *
 *	ninja -C build/release bench/bench_join && build/release/bench/bench_join [PORTS [RULES]]
 *
 * CPU milliseconds, the median of 21 rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "policy/parts.h"

#define RULES_OF_A_GROUP 100
#define GROUPS_OF_A_PORT 3
#define N_ROUNDS	 21

static double cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void add_group(struct text *yaml, unsigned g, unsigned n_groups)
{
	text_addf(yaml, "- name: group%u\n  security_group_rules:\n", g);
	for (unsigned i = 0; i < RULES_OF_A_GROUP; i++) {
		text_addf(yaml,
			"  - {direction: ingress, protocol: tcp, port_range_min: %u, "
			"port_range_max: %u",
			i + 1, i + 100);
		if (i % 3 == 0)
			text_addf(yaml, ", remote_group: group%u}\n", (g + i) % n_groups);
		else
			text_addf(yaml, ", remote_ip_prefix: 10.%u.%u.0/24}\n", g % 256, i);
	}
}

static void add_port(struct text *yaml, unsigned p, unsigned n_groups)
{
	text_addf(yaml,
		"- {name: vm%u, mac_address: 'fa:16:3e:%02x:%02x:%02x', "
		"fixed_ips: [10.%u.%u.%u, '2001:db8::%x'], "
		"allowed_address_pairs: [{ip_address: 192.168.%u.%u}], security_groups: [",
		p, p >> 16, p >> 8 & 0xff, p & 0xff, p >> 16, p >> 8 & 0xff, p & 0xff, p + 1,
		p >> 8 & 0xff, p & 0xff);
	for (unsigned i = 0; i < GROUPS_OF_A_PORT; i++)
		text_addf(yaml, "%sgroup%u", i ? ", " : "", (p * 7 + i) % n_groups);
	text_add(yaml, "]}\n");
}

static int compare_doubles(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;

	return (one > other) - (one < other);
}

static void say(const char *what, double ms[N_ROUNDS])
{
	qsort(ms, N_ROUNDS, sizeof(*ms), compare_doubles);
	printf("%-8s %8.3f ms (%.3f to %.3f)\n", what, ms[N_ROUNDS / 2], ms[0], ms[N_ROUNDS - 1]);
}

static bool run(const struct policy *policy, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	double joins[N_ROUNDS], encodes[N_ROUNDS], decodes[N_ROUNDS];
	const struct policy_part **list;
	struct policy_part *parts;
	size_t n;

	policy_split(arena, policy, &parts, &n);
	list = arena_new_array(arena, const struct policy_part *, n);
	for (size_t i = 0; i < n; i++)
		list[i] = &parts[i];
	for (size_t round = 0; round < N_ROUNDS; round++) {
		struct arena *own CLEANUP(arena_freep) = arena_new();
		struct text bytes CLEANUP(text_done) = TEXT_INIT;
		const struct policy *joined;
		double start = cpu_ms();
		const char *at;
		size_t wrong;

		if (!policy_join(own, list, n, "here", &joined, &wrong, err))
			return false;
		joins[round] = cpu_ms() - start;
		start = cpu_ms();
		for (size_t i = 0; i < n; i++)
			policy_part_encode(&bytes, &parts[i]);
		encodes[round] = cpu_ms() - start;
		start = cpu_ms();
		at = bytes.data;
		for (size_t i = 0; i < n; i++) {
			struct policy_part part;

			if (!policy_part_decode(own, &at, bytes.data + bytes.len, &part, err))
				return false;
		}
		decodes[round] = cpu_ms() - start;
	}
	say("join", joins);
	say("encode", encodes);
	say("decode", decodes);
	return true;
}

int main(int argc, char **argv)
{
	unsigned n_ports = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000;
	unsigned n_groups =
		(argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 10000) / RULES_OF_A_GROUP;
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text yaml CLEANUP(text_done) = TEXT_INIT;
	const struct policy *policy;
	struct err err;

	if (n_groups < GROUPS_OF_A_PORT) {
		fprintf(stderr, "at least %d rules\n", GROUPS_OF_A_PORT * RULES_OF_A_GROUP);
		return 2;
	}
	text_add(&yaml, "security_groups:\n");
	for (unsigned g = 0; g < n_groups; g++)
		add_group(&yaml, g, n_groups);
	text_add(&yaml, "ports:\n");
	for (unsigned p = 0; p < n_ports; p++)
		add_port(&yaml, p, n_groups);
	if (!policy_parse(arena, "bench", yaml.data, yaml.len, "here", &policy, &err) ||
		!run(policy, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	return 0;
}
