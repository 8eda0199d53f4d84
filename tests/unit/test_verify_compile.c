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
#include "networld.h"
#include "prove/verify.h"
#include "random_policy.h"

#define N_POLICIES 250 /* PORTWALL_ROUNDS: others */

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

struct small {
	struct policy policy;
	struct policy_group groups[2]; /* the port's, and the remote one */
	const struct policy_group *port_groups[1];
	struct policy_rule rules[3 * 4]; /* each for both directions and families */
	struct policy_port port;
	struct addr fixed[N_IP_FAMILIES];
	struct prefix members[N_IP_FAMILIES][2], prefixes[N_IP_FAMILIES];
};

static void small_init(struct small *s)
{
	static const char *const texts[N_IP_FAMILIES][4] = {
		{ "10.0.0.1/32", "10.0.0.0/24", "10.0.0.2/32", "10.0.1.2/32" },
		{ "2001:db8::1/128", "2001:db8::/64", "2001:db8::2/128", "2001:db8:1::2/128" },
	};

	*s = (struct small){ 0 };
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
		struct prefix own;

		assert_true(prefix_parse(texts[f][0], &own));
		s->fixed[f] = own.addr;
		assert_true(prefix_parse(texts[f][1], &s->prefixes[f]));
		assert_true(prefix_parse(texts[f][2], &s->members[f][0]));
		assert_true(prefix_parse(texts[f][3], &s->members[f][1]));
		s->groups[1].members[f] = (struct prefix_list){ s->members[f], 2 };
	}
	s->groups[0].id = s->groups[0].name = "g";
	s->groups[0].stateful = s->groups[1].stateful = true;
	s->groups[0].rules = s->rules;
	s->groups[1].id = s->groups[1].name = "remote";
	s->port_groups[0] = &s->groups[0];
	s->port = (struct policy_port){ .id = ID_A,
		.name = "a",
		.device = "tapA",
		.device_owner = "",
		.mac = { { 2, 0, 0, 0, 0, 1 } },
		.fixed_ips = s->fixed,
		.n_fixed_ips = N_IP_FAMILIES,
		.groups = s->port_groups,
		.n_groups = 1,
		.port_security = true,
		.is_local = true,
		.stateful = true };
	s->policy = (struct policy){
		.groups = s->groups, .n_groups = 2, .ports = &s->port, .n_ports = 1
	};
}

static void small_add(struct small *s, size_t number)
{
	static const char *const ids[] = { "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8",
		"r9", "r10", "r11" };
	const struct shape *shape = &shapes[number / N_REMOTES];
	size_t remote = number % N_REMOTES;

	for (size_t i = 0; i < 4; i++) {
		enum family family = i & 1 ? FAMILY_IPV6 : FAMILY_IPV4;
		size_t at = s->groups[0].n_rules++;

		s->rules[at] = (struct policy_rule){ .id = ids[at],
			.group = &s->groups[0],
			.direction = i & 2 ? DIR_EGRESS : DIR_INGRESS,
			.ethertype = family,
			.has_proto = shape->proto >= 0,
			.proto = (uint8_t)(shape->proto == PROTO_ICMP && family == FAMILY_IPV6
						   ? PROTO_ICMPV6
						   : shape->proto),
			.has_ports = shape->port_min != 0,
			.port_min = shape->port_min,
			.port_max = shape->port_max,
			.has_icmp_type = shape->icmp_type >= 0,
			.icmp_type = (uint8_t)shape->icmp_type,
			.has_prefix = remote == REMOTE_PREFIX,
			.prefix = s->prefixes[family],
			.remote_group = remote == REMOTE_GROUP ? &s->groups[1] : NULL };
	}
}

/* The layouts take turns: a policy's rules are the same in all, and random policies go through each. */
static void all_policies_of_three_rules_compile_to_what_they_say(void **state)
{
	static const enum bench_plugs kinds[] = { HYBRID, SHARED, ROUTED };
	struct small s;
	size_t n = 0;

	(void)state;
	small_init(&s);
	for (size_t i = 0; i <= N_RULES; i++)
		for (size_t j = i; j <= N_RULES; j++)
			for (size_t k = j; k <= N_RULES; k++) {
				struct arena *arena CLEANUP(arena_freep) = arena_new();
				size_t rules[] = { i, j, k };

				s.groups[0].n_rules = 0;
				for (size_t at = 0; at < 3; at++)
					if (rules[at] < N_RULES)
						small_add(&s, rules[at]);
				prove(arena, &s.policy, kinds[n++ % N_OF(kinds)], "");
			}
	printf("# %zu policies\n", n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_policies_compile_to_what_they_say),
		cmocka_unit_test(all_policies_of_three_rules_compile_to_what_they_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
