// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The compiler is proved: what a compiled policy lets pass is what the policy lets pass, for every packet there is, at every port, in
 * both directions, for both families and for frames. Of random policies, and of all that have up to three rules
 * of a small world.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "compile_bench.h"
#include "prove/verify.h"
#include "random_policy.h"
#include "ruleset/eval.h"

#define N_POLICIES 100 /* PORTWALL_ROUNDS: others */

static struct verify_input compiled(struct arena *arena, const struct policy *policy,
	struct plug *plugs, const struct ruleset *rs)
{
	struct verify_port *ports = arena_new_array(arena, struct verify_port, policy->n_ports + 1);
	size_t n = 0;

	for (size_t i = 0; i < policy->n_ports; i++) {
		const struct policy_port *port = &policy->ports[i];
		struct verify_way way = { .device = port->device,
			.bridge = plugs[n].bridge,
			.other = plugs[n].hybrid_peer ? plugs[n].hybrid_peer : "eth0",
			.is_called = { true, true } };

		if (!port->is_local)
			continue;
		ports[n++] = (struct verify_port){ port->name, port, way, way };
	}
	return (struct verify_input){ .found = rs,
		.wanted = rs,
		.ports = ports,
		.n_ports = n,
		.cut_mark = COMPILE_CUT_MARK };
}

/* Each local port on a bridge of its own, or all on br0. */
static struct plug *plugs_of(
	struct arena *arena, const struct policy *policy, enum bench_plugs kind, size_t *ret_n)
{
	struct plug *plugs = arena_new_array(arena, struct plug, policy->n_ports + 1);
	size_t n = 0;

	for (size_t i = 0; i < policy->n_ports; i++) {
		const struct policy_port *port = &policy->ports[i];
		struct plug *plug = &plugs[n];

		if (!port->is_local)
			continue;
		n++;
		*plug = (struct plug){ .port = port,
			.bridge = "br0",
			.is_routed = kind == ROUTED,
			.zone = kind == ROUTED ? 0 : COMPILE_ZONE_MIN };
		if (kind != HYBRID)
			continue;
		plug->bridge = arena_printf(arena, "qbr%.11s", port->id);
		plug->hybrid_peer = arena_printf(arena, "qvb%.11s", port->id);
		plug->zone = (uint16_t)(COMPILE_ZONE_MIN + n);
	}
	*ret_n = n;
	return plugs;
}

static void fail_different(const struct verification *v, const char *yaml)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < v->n; i++) {
		const struct verify_difference *d = &v->items[i];

		text_addf(&out, "%s %s %s %s: %s\n  %s\n  ", d->port->way.device,
			d->direction == DIR_EGRESS ? "egress" : "ingress",
			verify_class_name(d->class), verify_kind_name(d->kind),
			d->why ? d->why : "", d->words ? d->words : "");
		packet_print(&out, &d->witness);
		text_add(&out, "\n");
	}
	fail_msg("%s%s", out.data, yaml);
}

static void prove(
	struct arena *arena, const struct policy *policy, enum bench_plugs kind, const char *yaml)
{
	const struct compile_options options = { .scope = compile_default_scope };
	const struct ruleset *rs = NULL;
	struct verify_input input;
	struct verification v;
	struct plug *plugs;
	struct err err = { 0 };
	size_t n;

	plugs = plugs_of(arena, policy, kind, &n);
	if (!compile_policy(arena, policy, plugs, n, &options, &rs, &err))
		fail_msg("%s", err.text);
	ruleset_index(arena, (struct ruleset *)rs);
	input = compiled(arena, policy, plugs, rs);
	if (!verify_run(arena, &input, &v, &err))
		fail_msg("%s\n%s", err.text, yaml);
	if (v.n)
		fail_different(&v, yaml);
}

static void random_policies_compile_to_what_they_say(void **state)
{
	static const enum bench_plugs kinds[] = { HYBRID, SHARED, ROUTED };
	const char *rounds = getenv("PORTWALL_ROUNDS");
	unsigned long n = rounds ? strtoul(rounds, NULL, 10) : N_POLICIES;
	struct random random = random_seeded();
	struct text yaml CLEANUP(text_done) = TEXT_INIT;

	(void)state;
	for (unsigned long i = 0; i < n;) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		const struct policy *policy;
		struct err err;

		text_clear(&yaml);
		random_policy(&random, &yaml);
		/* what chance makes twice is no policy */
		if (!policy_parse(arena, "random", yaml.data, yaml.len, "host", &policy, &err))
			continue;
		prove(arena, policy, pick(&random, kinds), yaml.data);
		i++;
	}
	printf("# %lu policies\n", n);
}

/* ---- all policies of up to three rules ---- */

static const struct shape {
	int proto; /* -1: any; ICMP is ICMPv6 in IPv6 */
	uint16_t port_min, port_max;
	int icmp_type;
} shapes[] = {
	{ -1, 0, 0, -1 },
	{ PROTO_TCP, 0, 0, -1 },
	{ PROTO_TCP, 80, 80, -1 },
	{ PROTO_TCP, 80, 81, -1 },
	{ PROTO_UDP, 81, 81, -1 },
	{ PROTO_ICMP, 0, 0, -1 },
	{ PROTO_ICMP, 0, 0, 8 },
	{ 47, 0, 0, -1 },
};
enum { REMOTE_ANY, REMOTE_PREFIX, REMOTE_GROUP, N_REMOTES };
#define N_RULES (N_OF(shapes) * N_REMOTES)

/* As many ports as policies, each with a group of its own, so that one world of sets does for all. */
struct small {
	struct arena *arena;
	struct policy policy;
	struct policy_group *remote;
	struct addr fixed[N_IP_FAMILIES];
	struct prefix members[N_IP_FAMILIES][2], prefixes[N_IP_FAMILIES];
};

#define MAX_SMALL 4000

static void small_init(struct small *s)
{
	static const char *const texts[N_IP_FAMILIES][4] = {
		{ "10.0.0.1/32", "10.0.0.0/24", "10.0.0.2/32", "10.0.1.2/32" },
		{ "2001:db8::1/128", "2001:db8::/64", "2001:db8::2/128", "2001:db8:1::2/128" },
	};

	*s = (struct small){ .arena = arena_new() };
	s->policy.ports = arena_new_array(s->arena, struct policy_port, MAX_SMALL);
	s->policy.groups = arena_new_array(s->arena, struct policy_group, MAX_SMALL + 1);
	s->remote = &s->policy.groups[s->policy.n_groups++];
	*s->remote = (struct policy_group){ .id = "remote", .name = "remote", .stateful = true };
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
		struct prefix own;

		assert_true(prefix_parse(texts[f][0], &own));
		s->fixed[f] = own.addr;
		assert_true(prefix_parse(texts[f][1], &s->prefixes[f]));
		assert_true(prefix_parse(texts[f][2], &s->members[f][0]));
		assert_true(prefix_parse(texts[f][3], &s->members[f][1]));
		s->remote->members[f] = (struct prefix_list){ s->members[f], 2 };
	}
}

/* For both directions and families. */
static void add_rules(struct small *s, struct policy_group *group, size_t number)
{
	const struct shape *shape = &shapes[number / N_REMOTES];
	size_t remote = number % N_REMOTES;

	for (size_t i = 0; i < 4; i++) {
		enum family family = i & 1 ? FAMILY_IPV6 : FAMILY_IPV4;
		bool is_icmpv6 = shape->proto == PROTO_ICMP && family == FAMILY_IPV6;
		size_t at = group->n_rules++;

		group->rules[at] = (struct policy_rule){
			.id = arena_printf(s->arena, "r%zu", at),
			.group = group,
			.direction = i & 2 ? DIR_EGRESS : DIR_INGRESS,
			.ethertype = family,
			.has_proto = shape->proto >= 0,
			.proto = is_icmpv6 ? PROTO_ICMPV6 : (uint8_t)shape->proto,
			.has_ports = shape->port_min != 0,
			.port_min = shape->port_min,
			.port_max = shape->port_max,
			.has_icmp_type = shape->icmp_type >= 0,
			.icmp_type = (uint8_t)shape->icmp_type,
			.has_prefix = remote == REMOTE_PREFIX,
			.prefix = s->prefixes[family],
			.remote_group = remote == REMOTE_GROUP ? s->remote : NULL,
		};
	}
}

/* A port whose policy has these rules; N_RULES: none. */
static void add_port(struct small *s, const size_t rules[3])
{
	struct policy_group *group = &s->policy.groups[s->policy.n_groups++];
	const struct policy_group **groups =
		arena_new_array(s->arena, const struct policy_group *, 1);
	size_t n = s->policy.n_ports++;

	assert_true(n < MAX_SMALL);
	*group = (struct policy_group){ .stateful = true };
	group->id = group->name = arena_printf(s->arena, "g%zu", n);
	group->rules = arena_new_array(s->arena, struct policy_rule, 3 * 4);
	for (size_t i = 0; i < 3; i++)
		if (rules[i] < N_RULES)
			add_rules(s, group, rules[i]);
	groups[0] = group;
	s->policy.ports[n] = (struct policy_port){
		.id = arena_printf(s->arena, "%08zx-0000-4000-8000-000000000000", n),
		.name = "port",
		.device = arena_printf(s->arena, "tap%zu", n),
		.device_owner = "",
		.mac = { { 2, 0, 0, 0, 0, 1 } },
		.fixed_ips = s->fixed,
		.n_fixed_ips = N_IP_FAMILIES,
		.groups = groups,
		.n_groups = 1,
		.port_security = true,
		.is_local = true,
		.stateful = true,
	};
}

static void all_policies_of_three_rules_compile_to_what_they_say(void **state)
{
	struct small s;

	(void)state;
	small_init(&s);
	for (size_t i = 0; i <= N_RULES; i++)
		for (size_t j = i; j <= N_RULES; j++)
			for (size_t k = j; k <= N_RULES; k++)
				add_port(&s, (const size_t[]){ i, j, k });
	printf("# %zu policies\n", s.policy.n_ports);
	assert_int_equal(s.policy.n_ports, 2925);
	prove(s.arena, &s.policy, HYBRID, "");
	arena_free(s.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_policies_compile_to_what_they_say),
		cmocka_unit_test(all_policies_of_three_rules_compile_to_what_they_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
