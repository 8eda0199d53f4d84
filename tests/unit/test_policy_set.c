// SPDX-License-Identifier: GPL-2.0-or-later
/* What a policy says of all packets is what it says of each: random policies, and packets around the boundaries of their rules. */
#include "unit.h"

#include <string.h>

#include "policy/set.h"
#include "random_policy.h"

#define N_POLICIES 32
#define N_PACKETS  60 /* at each port, in each direction */

struct world {
	struct random random;
	struct arena *arena;
	const struct policy *policy;
	struct sets *sets;
	struct text yaml;
};

static struct sets *sets_of(const struct policy *policy, bool has_all_macs)
{
	struct sets *sets = sets_new(0);

	for (size_t i = 0; i < policy->n_ports && !has_all_macs; i++)
		policy_add_to_world(sets, &policy->ports[i]);
	sets_seal(sets);
	return sets;
}

static void parse(struct world *w)
{
	struct err err = { 0 };

	if (!policy_parse(w->arena, "test", w->yaml.data, strlen(w->yaml.data), "host", &w->policy,
		    &err)) {
		/* what chance makes twice is no policy */
		assert_non_null(strstr(err.text, "is the same as the one"));
		w->policy = NULL;
	}
}

static void world_begin(struct world *w)
{
	w->arena = arena_new();
	w->policy = NULL;
	while (!w->policy) {
		text_clear(&w->yaml);
		random_policy(&w->random, &w->yaml);
		parse(w);
	}
	/* whole MACs now and then, not only those that the policy names */
	w->sets = sets_of(w->policy, one_in(&w->random, 4));
}

static void world_end(struct world *w)
{
	struct err err = { 0 };

	if (!sets_ok(w->sets, &err))
		fail_msg("%s", err.text);
	sets_free(w->sets);
	arena_free(w->arena);
}

static void fail_packet(const struct world *w, const struct packet *packet,
	struct decision decision, const char *what)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	packet_print(&text, packet);
	fail_msg("%s: policy_decide says %s: %s\n%s", text.data, reason_name(decision.reason), what,
		w->yaml.data);
}

static bool is_same(struct decision a, struct decision b)
{
	return a.reason == b.reason && a.rule == b.rule;
}

static void random_addresses(struct random *r, const struct policy_port *port,
	enum direction direction, const struct policy_rule *rule, struct packet *p)
{
	enum family family = p->src.family;
	struct addr *own = direction == DIR_EGRESS ? &p->src : &p->dst;
	struct addr *remote = direction == DIR_EGRESS ? &p->dst : &p->src;

	*own = random_policy_addr(r, family);
	*remote = random_policy_addr(r, family);
	for (size_t i = 0; i < port->n_fixed_ips && !one_in(r, 4); i++)
		if (port->fixed_ips[i].family == family)
			*own = port->fixed_ips[i];
	if (port->n_pairs && port->pairs[0].prefix.addr.family == family && one_in(r, 4))
		*own = random_in_prefix(r, &port->pairs[0].prefix);
	if (family == FAMILY_IPV6 && one_in(r, 8))
		*own = addr_link_local(one_in(r, 2) ? port->mac : p->eth_src);
	if (rule && rule->has_prefix && rule->ethertype == family && one_in(r, 2))
		*remote = random_in_prefix(r, &rule->prefix);
}

static void random_packet(struct random *r, const struct policy *policy,
	const struct policy_port *port, enum direction direction, struct packet *p)
{
	static const uint16_t types[] = { ETHERTYPE_ARP, ETHERTYPE_ARP, ETHERTYPE_RARP,
		ETHERTYPE_VLAN, 0x88cc, 0 };
	static const uint16_t dhcp[] = { 67, 68, 546, 547 };
	const struct mac other = { { 0, 0, 0x5e, 0, 1, 5 } };
	const struct policy_rule *rule = random_policy_rule(r, policy);
	enum family family = rule && !one_in(r, 8) ? rule->ethertype : (enum family)one_in(r, 2);

	*p = (struct packet){ .ethertype = family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4,
		.eth_src = one_in(r, 6) ? other : port->mac,
		.ct_state = (enum ct_state)(1u << (one_in(r, 2) ? 0 : random_below(r, 5))),
		.is_later_fragment = one_in(r, 12),
		.src.family = family,
		.dst.family = family };
	random_addresses(r, port, direction, rule, p);
	random_policy_l4(r, rule, p);
	if (one_in(r, 12)) {
		p->proto = PROTO_UDP;
		p->sport = pick(r, dhcp);
		p->dport = pick(r, dhcp);
	}
	if (one_in(r, 10) && family == FAMILY_IPV4) {
		p->ethertype = pick(r, types);
		p->arp_sha = one_in(r, 6) ? (one_in(r, 2) ? other : port->mac) : p->eth_src;
		p->arp_spa = one_in(r, 4) ? (struct addr){ 0 } : p->src;
	}
}

static void check_packet(const struct world *w, const struct policy_port *port,
	enum direction direction, struct packet_set passing, const struct policy_case *cases,
	size_t n_cases, const struct packet *packet)
{
	struct decision decision = policy_decide(port, direction, packet);
	enum set_answer answer = set_has_packet(w->sets, passing, packet);
	size_t n = 0;

	if (answer != (reason_is_drop(decision.reason) ? SET_OUT : SET_IN))
		fail_packet(w, packet, decision, "the set of what passes says something else");
	/* the cases are disjoint: no other one needs to be asked */
	for (size_t i = 0; i < n_cases; i++)
		if (is_same(cases[i].decision, decision))
			n += set_has_packet(w->sets, cases[i].packets, packet) == SET_IN;
	if (n != 1)
		fail_packet(w, packet, decision, "its case has it not");
}

static void a_packet_is_in_the_case_of_what_is_decided(void **state)
{
	struct world w = { .random = random_seeded() };
	bool is_found[N_REASONS] = { false };

	(void)state;
	for (size_t i = 0; i < N_POLICIES; i++) {
		world_begin(&w);
		for (size_t k = 0; k < w.policy->n_ports * 2; k++) {
			const struct policy_port *port = &w.policy->ports[k / 2];
			enum direction direction = k & 1 ? DIR_EGRESS : DIR_INGRESS;
			const struct policy_case *cases;
			size_t n = policy_cases(w.arena, w.sets, port, direction, &cases);
			struct packet_set passing = policy_set(w.sets, port, direction);
			struct packet packet;

			for (size_t j = 0; j < n; j++)
				is_found[cases[j].decision.reason] = true;
			for (size_t j = 0; j < N_PACKETS; j++) {
				random_packet(&w.random, w.policy, port, direction, &packet);
				check_packet(&w, port, direction, passing, cases, n, &packet);
			}
		}
		world_end(&w);
	}
	text_done(&w.yaml);
	/* ports that are not filtered are rare, and may be missing */
	for (size_t i = REASON_DHCP_CLIENT; i < N_REASONS; i++)
		if (!is_found[i])
			fail_msg("no policy says %s", reason_name((enum reason)i));
}

/* The other way round: a packet is taken out of each case, and decided. */
static void check_witnesses(const struct world *w, const struct policy_port *port,
	enum direction direction, const struct policy_case *cases, size_t n)
{
	struct packet_set real = sets_real(w->sets);
	struct packet packet;

	for (size_t i = 0; i < n; i++) {
		struct packet_set own = set_and(w->sets, cases[i].packets, real);
		struct decision decision;

		if (set_is_empty(own))
			continue;
		assert_true(set_witness(w->sets, own, &packet));
		decision = policy_decide(port, direction, &packet);
		if (!is_same(decision, cases[i].decision))
			fail_packet(w, &packet, decision, reason_name(cases[i].decision.reason));
	}
}

static void check_cases(struct world *w, const struct policy_port *port, enum direction direction)
{
	const struct policy_case *cases;
	size_t n = policy_cases(w->arena, w->sets, port, direction, &cases);
	struct packet_set all = SET_EMPTY, allowed = SET_EMPTY, passing;

	for (size_t i = 0; i < n; i++) {
		struct packet_set packets = cases[i].packets;

		assert_false(set_is_empty(packets));
		assert_true(set_is_empty(set_and(w->sets, all, packets)));
		all = set_or(w->sets, all, packets);
		if (!reason_is_drop(cases[i].decision.reason))
			allowed = set_or(w->sets, allowed, packets);
		if (cases[i].decision.rule)
			assert_true(set_is_subset(w->sets, packets,
				policy_rule_set(w->sets, cases[i].decision.rule)));
	}
	passing = policy_set(w->sets, port, direction);
	assert_true(set_equal(passing, set_forget(w->sets, passing, ~POLICY_FIELDS)));
	assert_true(set_is_full(all));
	assert_true(set_equal(passing, allowed));
	check_witnesses(w, port, direction, cases, n);
}

static void the_cases_are_all_packets_and_what_passes_is_what_is_allowed(void **state)
{
	struct world w = { .random = random_seeded() };

	(void)state;
	for (size_t i = 0; i < N_POLICIES / 8; i++) {
		world_begin(&w);
		for (size_t k = 0; k < w.policy->n_ports * 2; k++)
			check_cases(&w, &w.policy->ports[k / 2], k & 1 ? DIR_EGRESS : DIR_INGRESS);
		world_end(&w);
	}
	text_done(&w.yaml);
}

/* ---- a world so small that all of it is asked: policies of up to three rules ---- */

static const struct shape {
	bool has_proto;
	uint8_t proto;
	uint16_t port_min, port_max;
	bool has_type;
	uint8_t type;
} shapes[] = {
	{ .has_proto = false },
	{ true, PROTO_TCP, 0, 0, false, 0 },
	{ true, PROTO_TCP, 1, 1, false, 0 },
	{ true, PROTO_TCP, 1, 2, false, 0 },
	{ true, PROTO_UDP, 2, 2, false, 0 },
	{ true, PROTO_ICMP, 0, 0, false, 0 },
	{ true, PROTO_ICMP, 0, 0, true, 0 },
};

/* Two bits of address, port and type; the prefix has two addresses, the group two, one of them the prefix's. */
static struct policy_rule toy_rule(size_t number, const struct policy_group *remote)
{
	const struct shape *shape = &shapes[number / 3];

	return (struct policy_rule){
		.direction = DIR_INGRESS,
		.has_proto = shape->has_proto,
		.proto = shape->proto,
		.has_ports = shape->port_max,
		.port_min = shape->port_min,
		.port_max = shape->port_max,
		.has_icmp_type = shape->has_type,
		.icmp_type = shape->type,
		.has_prefix = number % 3 == 1,
		.prefix = { .addr = { .bytes = { 0, 0, 0, 2 } }, .len = 31 },
		.remote_group = number % 3 == 2 ? remote : NULL,
	};
}

static struct sets *toy_sets(void)
{
	static const enum field narrow[] = { FIELD_SRC, FIELD_DST, FIELD_SPORT, FIELD_DPORT,
		FIELD_ICMP_TYPE, FIELD_ICMP_CODE, FIELD_ETH_SRC, FIELD_ARP_SHA, FIELD_ARP_SPA };
	struct sets *sets = sets_new(0);

	for (size_t i = 0; i < N_OF(narrow); i++)
		sets_set_width(sets, narrow[i], 2);
	sets_seal(sets);
	return sets;
}

#define N_TOY_PACKETS (4 * 4 * 3 * 2 * 2)

static struct packet toy_packet(size_t i)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_UDP, PROTO_ICMP, 47 };
	struct packet packet = { .ethertype = ETHERTYPE_IPV4, .proto = protos[i % 4] };
	uint8_t number = (uint8_t)(i / 16 % 3);

	packet.src.bytes[3] = i / 4 % 4;
	if (proto_has_ports(packet.proto))
		packet.dport = number;
	else if (packet.proto == PROTO_ICMP)
		packet.icmp_type = number;
	packet.is_later_fragment = i / 48 % 2;
	packet.ct_state = i / 96 ? CT_ESTABLISHED : CT_NEW;
	return packet;
}

static void every_policy_of_three_rules_has_its_set(void **state)
{
	enum { N_RULES = N_OF(shapes) * 3 };
	static struct prefix members[] = { { { .bytes = { 0, 0, 0, 1 } }, 32 },
		{ { .bytes = { 0, 0, 0, 2 } }, 32 } };
	const struct policy_group remote = { .members[FAMILY_IPV4] = { members, 2 } };
	struct sets *sets = toy_sets();
	struct policy_rule rules[3];
	struct policy_group group = { .rules = rules };
	const struct policy_group *groups[] = { &group };
	const struct policy_port port = { .device_owner = "",
		.port_security = true,
		.stateful = true,
		.groups = groups,
		.n_groups = 1 };
	struct err err = { 0 };
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < (N_RULES + 1) * (N_RULES + 1) * (N_RULES + 1); i++) {
		size_t numbers[] = { i % (N_RULES + 1), i / (N_RULES + 1) % (N_RULES + 1),
			i / (N_RULES + 1) / (N_RULES + 1) };
		struct packet_set passing;

		if (numbers[0] > numbers[1] || numbers[1] > numbers[2])
			continue;
		group.n_rules = 0;
		for (size_t k = 0; k < 3; k++)
			if (numbers[k] < N_RULES)
				rules[group.n_rules++] = toy_rule(numbers[k], &remote);
		if (sets_should_collect(sets))
			sets_collect(sets, NULL, 0);
		passing = policy_set(sets, &port, DIR_INGRESS);
		/* each seventh packet, another one each time */
		for (size_t p = n++ % 7; p < N_TOY_PACKETS; p += 7) {
			struct packet packet = toy_packet(p);
			struct decision decision = policy_decide(&port, DIR_INGRESS, &packet);

			assert_int_equal(set_has_packet(sets, passing, &packet),
				reason_is_drop(decision.reason) ? SET_OUT : SET_IN);
		}
	}
	assert_int_equal(n, 2024);
	if (!sets_ok(sets, &err))
		fail_msg("%s", err.text);
	sets_free(sets);
}

static const char one_port[] =
	"security_groups:\n"
	"- name: g\n"
	"  security_group_rules:\n"
	"  - {direction: ingress, protocol: tcp, port_range_min: 80, port_range_max: 90}\n"
	"  - {direction: ingress, protocol: tcp, port_range_min: 85, port_range_max: 86, "
	"remote_ip_prefix: 10.0.0.0/8}\n"
	"ports:\n"
	"- {name: vm, mac_address: 'fa:16:3e:00:00:01', fixed_ips: [10.0.0.11], security_groups: [g]}\n";

static void one_port_begin(struct world *w)
{
	w->arena = arena_new();
	text_add(&w->yaml, one_port);
	parse(w);
	text_done(&w->yaml);
}

static void a_rule_behind_a_wider_one_has_no_case(void **state)
{
	struct world w = { 0 };
	const struct policy_case *cases;
	const struct policy_rule *rules;
	size_t n, n_rules = 0;

	(void)state;
	one_port_begin(&w);
	rules = w.policy->ports[0].groups[0]->rules;
	w.sets = sets_of(w.policy, false);
	n = policy_cases(w.arena, w.sets, &w.policy->ports[0], DIR_INGRESS, &cases);
	for (size_t i = 0; i < n; i++) {
		n_rules += cases[i].decision.reason == REASON_RULE;
		assert_ptr_not_equal(cases[i].decision.rule, &rules[1]);
	}
	assert_int_equal(n_rules, 1);
	assert_true(set_is_subset(
		w.sets, policy_rule_set(w.sets, &rules[1]), policy_rule_set(w.sets, &rules[0])));
	world_end(&w);
}

static void a_world_without_the_ports_mac_says_so(void **state)
{
	const struct field_value other = field_value_of_number(0x0200000000ff);
	struct world w = { 0 };
	struct err err = { 0 };

	(void)state;
	one_port_begin(&w);
	w.sets = sets_new(0);
	sets_add_value(w.sets, FIELD_ETH_SRC, &other);
	sets_seal(w.sets);
	policy_set(w.sets, &w.policy->ports[0], DIR_EGRESS);
	assert_false(sets_ok(w.sets, &err));
	assert_int_equal(err.kind, ERR_INPUT);
	sets_free(w.sets);
	arena_free(w.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_is_in_the_case_of_what_is_decided),
		cmocka_unit_test(the_cases_are_all_packets_and_what_passes_is_what_is_allowed),
		cmocka_unit_test(every_policy_of_three_rules_has_its_set),
		cmocka_unit_test(a_rule_behind_a_wider_one_has_no_case),
		cmocka_unit_test(a_world_without_the_ports_mac_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
