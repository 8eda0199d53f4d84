/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_COMPILE_BENCH_H
#define TESTS_COMPILE_BENCH_H

#include "compile/compile.h"
#include "unit.h"

/* A small policy, as text, compiled for a made-up host. Failures end the calling test. */
#define P "neutron-openvswi-"

/* Ids whose first ten characters are the chain keys. */
#define ID_A "aaaaaaaa-1111-4000-8000-000000000001"
#define ID_B "bbbbbbbb-2222-4000-8000-000000000002"
#define ID_C "cccccccc-3333-4000-8000-000000000003"
#define A    "aaaaaaaa-1"
#define B    "bbbbbbbb-2"
#define C    "cccccccc-3"

struct bench {
	struct arena *arena;
	const struct policy *policy;
	struct plug *plugs;
	struct compile_options options;
	const struct ruleset *rs;
	struct err err;
};

enum bench_plugs { HYBRID, SHARED, ROUTED, UNPLUGGED };

/* Parses a policy and plugs its ports: each on a bridge of its own, or all on br0. */
void bench_setup(struct bench *b, enum bench_plugs kind, const char *yaml);
bool bench_try(struct bench *b);
void bench_compile(struct bench *b, enum bench_plugs kind, const char *yaml);
const struct chain *bench_chain(
	const struct bench *b, enum family family, const char *table, const char *chain);
const struct chain *bench_filter4(const struct bench *b, const char *chain);
/* One rule a line, without comments. */
const char *bench_print(
	const struct bench *b, enum family family, const char *table, const char *name);
const struct rule *bench_rule_of_id(const struct chain *chain, const char *id);

#define assert_chain(b, family, table, name, text)                                                 \
	assert_string_equal(bench_print(b, family, table, name), text)

/* One port A with one address, in one group with the given rules. */
#define ONE_PORT(rules)                                                                            \
	"security_groups:\n- name: g\n  id: 99999999-0000-4000-8000-000000000009\n"                \
	"  security_group_rules:\n" rules "ports:\n"                                               \
	"- {id: " ID_A ", device: tapA, mac_address: '02:00:00:00:00:01',\n"                       \
	"   fixed_ips: [10.0.0.1], security_groups: [g]}\n"

#define NO_GROUPS "security_groups: [{name: g}]\nports:\n"
#define PORT_A                                                                                     \
	"- {id: " ID_A ", device: tapA, mac_address: '02:00:00:00:00:01', "                        \
	"fixed_ips: [10.0.0.1], security_groups: [g]}\n"
#define PORT_B                                                                                     \
	"- {id: " ID_B ", device: tapB, mac_address: '02:00:00:00:00:02', "                        \
	"fixed_ips: [10.0.0.2], security_groups: [g]}\n"

#endif
