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
	size_t n_of[N_OF(kinds)] = { 0 }, n_ports = 0;
	struct random random = random_seeded();
	struct text yaml CLEANUP(text_done) = TEXT_INIT;

	(void)state;
	for (unsigned long i = 0; i < n;) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		const struct policy *policy;
		struct err err;
		unsigned k;

		text_clear(&yaml);
		random_policy(&random, &yaml);
		/* what chance makes twice is no policy */
		if (!policy_parse(arena, "random", yaml.data, yaml.len, "host", &policy, &err))
			continue;
		k = random_below(&random, N_OF(kinds));
		prove(arena, policy, kinds[k], yaml.data);
		n_of[k]++;
		n_ports += policy->n_ports;
		i++;
	}
	printf("# %lu policies of %zu ports: a bridge for each port %zu, one for all %zu, one that is routed %zu\n",
		n, n_ports, n_of[0], n_of[1], n_of[2]);
}

/* ---- what is remembered ---- */

#define N_REMEMBERED 16 /* policies */
#define N_CHANGES    8	/* of each */

/* False: there is nothing to change so. */
static bool change_rules(struct random *random, struct ruleset *rs)
{
	struct table *table = &rs->tables[random_below(random, (unsigned)rs->n_tables)];
	struct chain *chain = &table->chains[random_below(random, (unsigned)table->n_chains)];
	unsigned n = (unsigned)chain->n_rules, at = n ? random_below(random, n) : 0;
	struct rule *rule = &chain->rules[at];

	if (one_in(random, 8) && chain->policy)
		chain->policy = strcmp(chain->policy, "DROP") == 0 ? "ACCEPT" : "DROP";
	else if (!n)
		return false;
	else if (one_in(random, 3))
		memmove(rule, rule + 1, (--chain->n_rules - at) * sizeof(*rule));
	else if (one_in(random, 2) && at + 1 < n) {
		struct rule first = *rule;

		*rule = rule[1];
		rule[1] = first;
	} else if (rule->n_matches && one_in(random, 2))
		rule->n_matches--;
	else if (rule->target.kind == TARGET_ACCEPT || rule->target.kind == TARGET_RETURN)
		rule->target.kind = TARGET_DROP;
	else if (rule->target.kind == TARGET_DROP)
		rule->target.kind = TARGET_RETURN;
	else
		return false;
	return true;
}

static bool change_set(struct random *random, struct ruleset *rs)
{
	struct table *table = &rs->tables[random_below(random, (unsigned)rs->n_tables)];
	bool is_ipset = one_in(random, 2);
	size_t n = is_ipset ? rs->n_sets : table->n_sets;
	struct set *set;

	if (!n)
		return false;
	set = &(is_ipset ? rs->sets : table->sets)[random_below(random, (unsigned)n)];
	if (!set->n_elements || set->members)
		return false;
	set->n_elements--;
	return true;
}

static bool change_policy_rule(struct random *random, struct policy_rule *rule)
{
	struct prefix_list *list =
		rule->remote_group
			? (struct prefix_list *)&rule->remote_group->members[rule->ethertype]
		: rule->remote_address_group ? (struct prefix_list *)&rule->remote_address_group
						       ->addresses[rule->ethertype]
					     : NULL;

	if (list && list->n && one_in(random, 2))
		list->n--;
	else if (rule->has_ports && one_in(random, 2))
		rule->port_max++;
	else if (rule->has_icmp_type)
		rule->icmp_type++;
	else if (rule->has_prefix && rule->prefix.len > 8)
		rule->has_prefix = false;
	else
		rule->direction = rule->direction == DIR_EGRESS ? DIR_INGRESS : DIR_EGRESS;
	return true;
}

static bool change_policy(struct random *random, struct policy *policy, struct policy_port *port)
{
	struct policy_group *group;

	switch (random_below(random, 7)) {
	case 0:
		port->mac.bytes[5] ^= 1;
		return true;
	case 1:
		port->port_security = !port->port_security;
		return true;
	case 2:
		port->stateful = !port->stateful;
		return true;
	case 3:
		port->n_fixed_ips -= port->n_fixed_ips > 1;
		return true;
	case 4:
		port->n_pairs -= port->n_pairs > 0;
		return true;
	default:
		if (!policy->n_groups)
			return false;
		group = &policy->groups[random_below(random, (unsigned)policy->n_groups)];
		if (!group->n_rules)
			return false;
		return change_policy_rule(
			random, &group->rules[random_below(random, (unsigned)group->n_rules)]);
	}
}

static bool change_way(struct random *random, struct verify_way *way)
{
	way->is_called[random_below(random, 2)] ^= true;
	if (one_in(random, 2))
		way->other = strcmp(way->other, "eth9") == 0 ? "eth8" : "eth9";
	return true;
}

static void change(struct random *random, struct policy *policy, const struct verify_input *input)
{
	size_t at = random_below(random, (unsigned)input->n_ports);
	struct verify_port *port = (struct verify_port *)&input->ports[at];
	bool is_done = false;

	while (!is_done)
		switch (random_below(random, 6)) {
		case 0:
			is_done = change_set(random, (struct ruleset *)input->found);
			break;
		case 1:
			is_done = change_policy(random, policy, (struct policy_port *)port->port);
			break;
		case 2:
			is_done = one_in(random, 4) && change_way(random, &port->way);
			break;
		default:
			is_done = change_rules(random, (struct ruleset *)input->found);
		}
}

static void assert_same(const struct verification *a, const struct verification *b)
{
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->n_different, b->n_different);
	assert_int_equal(a->n_cannot_tell, b->n_cannot_tell);
	for (size_t i = 0; i < a->n; i++) {
		const struct verify_difference *x = &a->items[i], *y = &b->items[i];

		assert_ptr_equal(x->port, y->port);
		assert_int_equal(x->direction, y->direction);
		assert_int_equal(x->class, y->class);
		assert_int_equal(x->kind, y->kind);
		assert_string_equal(x->words ? x->words : "", y->words ? y->words : "");
	}
}

struct remembered {
	size_t n, n_ports, n_different;
};

/* Changes add up; after each a run that remembers must say what one says that does not. */
static void change_and_verify(struct random *random, struct policy *policy,
	struct verify_input input, struct remembered *r)
{
	struct verify_memory *memory = verify_memory_new();

	for (unsigned i = 0; i <= N_CHANGES; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct verification remembering, full;
		struct err err;

		input.memory = memory;
		if (!verify_run(arena, &input, &remembering, &err))
			fail_msg("%s", err.text);
		input.memory = NULL;
		if (!verify_run(arena, &input, &full, &err))
			fail_msg("%s", err.text);
		assert_same(&remembering, &full);
		assert_int_equal(full.n_remembered, 0);
		r->n += remembering.n_remembered;
		r->n_ports += input.n_ports;
		r->n_different += full.n_different;
		change(random, policy, &input);
	}
	verify_memory_free(memory);
}

static void what_is_remembered_is_what_a_full_run_says(void **state)
{
	static const enum bench_plugs kinds[] = { HYBRID, SHARED, ROUTED };
	const struct compile_options options = { .scope = compile_default_scope };
	struct random random = random_seeded();
	struct text yaml CLEANUP(text_done) = TEXT_INIT;
	struct remembered r = { 0 };

	(void)state;
	for (unsigned i = 0; i < N_REMEMBERED;) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		const struct policy *policy;
		const struct ruleset *rs = NULL;
		struct verify_input input;
		struct plug *plugs;
		struct err err;
		size_t n;

		text_clear(&yaml);
		random_policy(&random, &yaml);
		if (!policy_parse(arena, "random", yaml.data, yaml.len, "host", &policy, &err))
			continue;
		plugs = plugs_of(arena, policy, pick(&random, kinds), &n);
		if (!n)
			continue;
		if (!compile_policy(arena, policy, plugs, n, &options, &rs, &err))
			fail_msg("%s", err.text);
		input = compiled(arena, policy, plugs, rs);
		change_and_verify(&random, (struct policy *)policy, input, &r);
		i++;
	}
	printf("# of %zu ports %zu were remembered, %zu were different\n", r.n_ports, r.n,
		r.n_different);
	assert_true(r.n > 0 && r.n_different > 0);
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
	assert_int_equal(s.policy.n_ports, 2925);
	/* each layout of bridges has chains of its own */
	prove(s.arena, &s.policy, HYBRID, "");
	prove(s.arena, &s.policy, SHARED, "");
	printf("# %zu policies, each with a bridge for each port and with one for all\n",
		s.policy.n_ports);
	arena_free(s.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_policies_compile_to_what_they_say),
		cmocka_unit_test(what_is_remembered_is_what_a_full_run_says),
		cmocka_unit_test(all_policies_of_three_rules_compile_to_what_they_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
