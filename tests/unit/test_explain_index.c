// SPDX-License-Identifier: GPL-2.0-or-later
/* Indexes are for speed alone: with and without them every packet has the same answer. */
#include "unit.h"

#include <string.h>

#include "host/index.h"
#include "hostbuild.h"
#include "packet/field.h"
#include "random.h"

#define N_LISTED 60 /* of each list */

/* Few values, so that many are equal, nested or near. */
static struct addr some_addr(struct random *random, enum family family)
{
	struct addr addr = { .family = family };

	if (family == FAMILY_IPV4) {
		addr.bytes[0] = 10;
		addr.bytes[2] = (uint8_t)random_below(random, 2);
		addr.bytes[3] = (uint8_t)random_below(random, 5);
	} else {
		addr.bytes[0] = 0x20;
		addr.bytes[1] = 1;
		addr.bytes[8] = (uint8_t)random_below(random, 2);
		addr.bytes[15] = (uint8_t)random_below(random, 5);
	}
	return addr;
}

static enum family some_family(struct random *random)
{
	return one_in(random, 3) ? FAMILY_IPV6 : FAMILY_IPV4;
}

static struct mac some_mac(struct random *random)
{
	return (struct mac){ { 2, 0, 0, 0, 0, (uint8_t)random_below(random, 6) } };
}

static struct prefix some_prefix(struct random *random)
{
	static const uint8_t lens4[] = { 0, 8, 16, 23, 24, 30, 31, 32 },
			     lens6[] = { 0, 16, 64, 65, 125, 128 };
	enum family family = some_family(random);
	struct prefix prefix = { .addr = some_addr(random, family) };

	prefix.len = family == FAMILY_IPV4 ? pick(random, lens4) : pick(random, lens6);
	for (unsigned i = prefix.len; i < 128; i++)
		prefix.addr.bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return prefix;
}

static int some_link(struct random *random, const struct host_build *b)
{
	return b->netns[0].links[random_below(random, (unsigned)b->netns[0].n_links)].index;
}

static void fill_lists(struct random *random, struct host_build *b)
{
	static const uint32_t tables[] = { 254, 254, 255, 7 };
	static const enum route_type types[] = { ROUTE_UNICAST, ROUTE_UNICAST, ROUTE_LOCAL,
		ROUTE_BLACKHOLE, ROUTE_THROW, ROUTE_UNREACHABLE };
	struct built_netns *built = &b->built[0];
	struct netns *ns = &b->netns[0];

	for (size_t i = 0; i < N_LISTED; i++) {
		enum family family = some_family(random);
		struct flow_tuple orig = { some_addr(random, family), some_addr(random, family),
			(uint16_t)random_below(random, 3), (uint16_t)random_below(random, 3) };

		built->hops[i] = (struct next_hop){
			.index = some_link(random, b), .weight = 1, .is_dead = one_in(random, 8)
		};
		built->routes[i] = (struct route){ .table = pick(random, tables),
			.type = pick(random, types),
			.dst = some_prefix(random),
			.priority = random_below(random, 3),
			.hops = &built->hops[i],
			.n_hops = 1 };
		built->neighbours[i] = (struct neighbour){ .index = some_link(random, b),
			.addr = some_addr(random, some_family(random)),
			.mac = some_mac(random),
			.has_mac = !one_in(random, 4),
			.is_failed = one_in(random, 4) };
		built->fdb[i] = (struct fdb_entry){ .bridge_index = 1,
			.port_index = some_link(random, b),
			.mac = some_mac(random),
			.is_permanent = one_in(random, 5) };
		built->conntrack[i] = (struct conntrack_entry){ .proto = PROTO_TCP,
			.status = one_in(random, 2) ? CT_STATUS_SEEN_REPLY : 0,
			.orig = orig,
			.reply = { orig.dst, orig.src, orig.dport, orig.sport } };
		if (one_in(random, 3))
			built->conntrack[i].reply.dst = some_addr(random, family);
		if (i >= 8)
			continue;
		built->addresses[i] = (struct address){ .index = some_link(random, b),
			.local = some_addr(random, some_family(random)),
			.len = 24 };
		built->addresses[i].peer = built->addresses[i].local;
	}
	ns->n_routes = ns->n_neighbours = ns->n_fdb = ns->n_conntrack = N_LISTED;
	ns->n_addresses = 8;
}

static struct host_build *some_host(struct random *random, struct arena *arena)
{
	struct host_build *b = host_build_new(arena);

	build_link(b, 0, "bridge", "br0")->nf_call[FAMILY_IPV4] = true;
	for (int i = 0; i < 4; i++) {
		const char *name = arena_printf(arena, "port%d", i);

		build_link(b, 0, "tun", name);
		if (i < 3)
			build_port(b, "br0", name);
	}
	build_link(b, 0, "", "lo");
	build_link(b, 0, "vlan", "port3/5")->lower_index = 5;
	/* whose answers must not be another flow's */
	build_iptables(b, 0,
		"*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -d 10.0.0.0/29 -j SNAT "
		"--to-source 10.0.0.1\nCOMMIT\n");
	build_sysctl(b, 0, "net.ipv4.conf.all.forwarding", "1");
	build_sysctl(b, 0, "net.ipv6.conf.all.forwarding", "1");
	fill_lists(random, b);
	return b;
}

static struct query some_query(struct random *random, const struct host *host)
{
	static const char *const entries[] = { "port0", "port1", "port3", "br0" };
	static const uint64_t open[] = { 0, 0, FIELD_BIT(FIELD_ETH_DST), FIELD_BIT(FIELD_ETH_SRC),
		FIELD_BIT(FIELD_SPORT), FIELD_BIT(FIELD_DPORT) };
	enum family family = some_family(random);
	struct query query = { .ns = &host->netns[0] };

	query.packet = (struct packet){
		.ethertype = family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4,
		.proto = PROTO_TCP,
		.ttl = 64,
		.tcp_flags = one_in(random, 2) ? TCP_SYN : TCP_ACK,
		.src = some_addr(random, family),
		.dst = some_addr(random, family),
		.sport = (uint16_t)random_below(random, 3),
		.dport = (uint16_t)random_below(random, 3),
		.eth_src = some_mac(random),
		.eth_dst = some_mac(random),
		.unknown = pick(random, open),
	};
	query.in = netns_link(query.ns, pick(random, entries));
	query.from = one_in(random, 4) ? FROM_PROCESS : FROM_DEVICE;
	return query;
}

static void print_all(
	struct text *out, struct arena *arena, const struct host *host, const struct query *asked)
{
	struct query query = *asked;
	uint64_t macs = explain_find_macs(host, &query);
	const struct explanation *e = explain(arena, explainer_new(arena, host), &query);

	text_addf(out, "%" PRIx64 " %" PRIx64 "\n", macs, e->decided);
	for (size_t i = 0; i < e->leaves.n; i++) {
		const struct node *node = e->leaves.items[i]->last;

		path_print(out, e->leaves.items[i]);
		for (; node; node = node->before)
			text_addf(out, " %p %s %p", (const void *)node->route,
				node->entry ? "known" : "", (const void *)node->entry);
		for (node = e->leaves.items[i]->last; node; node = node->before)
			if (node->kind == NODE_NAT && node->note)
				text_addf(out, " %s", node->note);
		text_add(out, "\n");
	}
}

static void an_index_changes_no_answer(void **state)
{
	struct random random = random_seeded();
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	size_t n_delivered = 0, n_known = 0, n_taken = 0;

	(void)state;
	for (int round = 0; round < 60; round++) {
		struct host_build *b = some_host(&random, arena);
		const struct host *host = host_built(b);
		const struct netns_index *index = b->netns[0].index;

		for (int i = 0; i < 50; i++) {
			struct query query = some_query(&random, host);
			struct text with CLEANUP(text_done) = TEXT_INIT,
					 without CLEANUP(text_done) = TEXT_INIT;

			b->netns[0].index = index;
			print_all(&with, arena, host, &query);
			b->netns[0].index = NULL;
			print_all(&without, arena, host, &query);
			assert_string_equal(with.data, without.data);
			n_delivered += strstr(with.data, "delivered") != NULL;
			n_known += strstr(with.data, " known ") != NULL;
			n_taken += strstr(with.data, "another flow has this port") != NULL;
		}
	}
	print_message("# %zu of 3000 packets were delivered somewhere, %zu were of a known flow, "
		      "the port of %zu was another's\n",
		n_delivered, n_known, n_taken);
	assert_true(n_delivered > 300 && n_known > 30 && n_taken > 3);
}

/* --- segments --- */

static bool are_joined(const struct host *host, const char *a, const char *b)
{
	const struct netns *ns_a, *ns_b;
	const struct link *link_a = host_find_link(host, a, &ns_a),
			  *link_b = host_find_link(host, b, &ns_b);

	assert_int_equal(host_is_joined(host, ns_a, link_a, ns_b, link_b),
		host_is_joined(host, ns_b, link_b, ns_a, link_a));
	return host_is_joined(host, ns_a, link_a, ns_b, link_b);
}

static struct query asked(const struct host *host, const char *in, const char *dst)
{
	struct query query = { .from = FROM_DEVICE };

	query.in = host_find_link(host, in, &query.ns);
	query.packet.unknown = FIELD_BIT(FIELD_ETH_DST);
	assert_true(addr_parse(dst, &query.packet.dst));
	query.packet.ethertype = ETHERTYPE_IPV4;
	return query;
}

/* The same address elsewhere is another station, and who is behind a router is not asked for his MAC. */
static void only_what_is_on_the_segment_is_asked_for_macs(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = host_build_new(arena);
	const struct host *host;
	struct query query;
	struct link *vlan;

	(void)state;
	build_link(b, 0, "bridge", "br0");
	build_link(b, 0, "", "tap0");
	build_veth(b, 0, "v0", 1, "v1");
	build_port(b, "br0", "tap0");
	build_port(b, "br0", "v0");
	build_link(b, 1, "", "eth1");
	vlan = build_link(b, 2, "vlan", "eth1.5");
	vlan->lower_index = built_link(b, "eth1", NULL)->index;
	vlan->is_peer_away = true;
	vlan->peer_netns = 1;
	vlan->vlan_id = 5;
	vlan->mac = (struct mac){ { 2, 0, 0, 0, 0, 2 } };
	*build_link(b, 1, "vlan", "eth1.6") = (struct link){ .name = "eth1.6",
		.kind = "vlan",
		.index = 77,
		.vlan_id = 6,
		.lower_index = vlan->lower_index };
	build_link(b, 3, "", "eth3")->mac = (struct mac){ { 2, 0, 0, 0, 0, 3 } };
	build_address(b, "v1", "10.0.0.1/24");
	build_address(b, "eth1.5", "10.0.0.2/24");
	build_address(b, "eth3", "10.0.0.2/24");
	build_neighbour(b, "v1", "10.0.0.9", "02:00:00:00:00:09");
	build_neighbour(b, "eth1", "10.1.0.9", "02:00:00:00:01:09");
	host = host_built(b);
	assert_true(are_joined(host, "tap0", "br0") && are_joined(host, "tap0", "v1"));
	assert_true(are_joined(host, "eth1", "eth1.5") && are_joined(host, "eth1", "eth1.6"));
	assert_false(are_joined(host, "eth1.5", "eth1.6"));
	assert_false(are_joined(host, "tap0", "eth1"));
	query = asked(host, "tap0", "10.0.0.9");
	assert_int_equal(explain_find_macs(host, &query), FIELD_BIT(FIELD_ETH_DST));
	assert_int_equal(query.packet.eth_dst.bytes[5], 9);
	query = asked(host, "tap0", "10.1.0.9");
	assert_int_equal(explain_find_macs(host, &query), 0);
	query = asked(host, "eth1", "10.0.0.2");
	assert_int_equal(explain_find_macs(host, &query), FIELD_BIT(FIELD_ETH_DST));
	assert_int_equal(query.packet.eth_dst.bytes[5], 2);
	query = asked(host, "tap0", "224.129.2.3");
	assert_int_equal(explain_find_macs(host, &query), FIELD_BIT(FIELD_ETH_DST));
	assert_memory_equal(query.packet.eth_dst.bytes, "\x01\x00\x5e\x01\x02\x03", 6);
	/* ports of Open vSwitch: in one VLAN, in another one, on the trunk */
	b->ovs_ports[0] = (struct ovs_port){ .name = "eth1", .bridge = "br", .netns = 1, .tag = 1 };
	b->ovs_ports[1] = (struct ovs_port){ .name = "eth3", .bridge = "br", .netns = 3, .tag = 2 };
	b->ovs_ports[2] = (struct ovs_port){ .name = "gone", .bridge = "br", .netns = -1 };
	b->host.n_ovs_ports = 3;
	host = host_built(b);
	assert_false(are_joined(host, "eth1", "eth3"));
	b->ovs_ports[1].tag = 0;
	host = host_built(b);
	assert_true(are_joined(host, "eth1", "eth3") && !are_joined(host, "tap0", "eth3"));
	/* now it may be one or the other */
	query = asked(host, "eth1", "10.0.0.2");
	assert_int_equal(explain_find_macs(host, &query), 0);
}

/* --- rules --- */

static const char *some_rule(struct random *random, struct arena *arena)
{
	static const char *const firsts[] = { "-i tap%u", "-o tap%u", "! -i tap%u", "-i tap%u+",
		"-m physdev --physdev-in tap%u", "-m physdev --physdev-out tap%u",
		"-m physdev --physdev-out tap%u --physdev-is-bridged",
		"-m physdev ! --physdev-in tap%u", "-m physdev --physdev-in tap%u+", "" };
	static const char *const seconds[] = { "", "", "-p tcp", "-s 10.0.0.1/32",
		"-m mark --mark 0x1", "-m recent --name x --rcheck" };
	static const char *const targets[] = { "-j ACCEPT", "-j DROP", "-j RETURN", "-j c", "-g c",
		"-j MARK --set-xmark 0x1/0x1", "", "", "" };
	struct text rule CLEANUP(text_done) = TEXT_INIT;
	const char *first = pick(random, firsts), *hole = strstr(first, "%u");

	if (hole)
		text_addf(&rule, "%.*s%u%s ", (int)(hole - first), first, random_below(random, 40),
			hole + 2);
	text_addf(&rule, "%s %s", pick(random, seconds), pick(random, targets));
	return arena_strdup(arena, rule.data);
}

static struct ruleset *some_rules(struct random *random, struct arena *arena)
{
	struct ruleset *rs = ruleset_new(arena);
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct err err = { 0 };

	text_add(&text, "*filter\n:FORWARD DROP [0:0]\n:c - [0:0]\n");
	for (int i = 0; i < 120; i++)
		text_addf(&text, "-A %s %s\n", i % 3 ? "FORWARD" : "c",
			i % 3 ? some_rule(random, arena) : "-i tap7 -p udp -j DROP");
	text_add(&text, "COMMIT\n");
	if (!ruleset_parse_iptables(arena, rs, FAMILY_IPV4, "r", text.data, &err))
		fail_msg("%s", err.text);
	return rs;
}

static const char *some_iface(struct random *random, struct arena *arena)
{
	return one_in(random, 4) ? NULL : arena_printf(arena, "tap%u", random_below(random, 40));
}

static void print_outcomes(struct text *out, struct arena *arena, const struct ruleset *rs,
	const struct packet *packet)
{
	const struct table *table = ruleset_table(rs, FAMILY_IPV4, "filter");
	struct eval eval = { .arena = arena, .rs = rs, .hook = HOOK_FORWARD };
	struct outcomes outcomes = { 0 };
	uint64_t decided = 0;

	ruleset_eval_chain(
		&eval, table, table_chain(table, "FORWARD"), packet, NULL, &decided, &outcomes);
	text_addf(out, "%" PRIx64, decided);
	vec_for_each (outcome, &outcomes) {
		text_addf(out, "\n%d %u %x", outcome->verdict,
			outcome->rule ? outcome->rule->line : 0, outcome->packet.mark);
		for (const struct step *step = outcome->last; step; step = step->before)
			text_addf(out, " %d.%u", step->kind, step->rule ? step->rule->line : 0);
	}
}

static void rules_that_are_passed_over_would_have_said_no(void **state)
{
	static const uint64_t open[] = { 0, 0, 0, FIELD_BIT(FIELD_PHYSDEV_OUT),
		FIELD_BIT(FIELD_IN_IFACE), FIELD_BIT(FIELD_PROTO) };
	struct random random = random_seeded();

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct ruleset *rs = some_rules(&random, arena);
		struct table *table = &rs->tables[0];

		ruleset_index(arena, rs);
		for (int i = 0; i < 20; i++) {
			struct packet packet = { .ethertype = ETHERTYPE_IPV4,
				.proto = one_in(&random, 2) ? PROTO_TCP : PROTO_UDP,
				.src = some_addr(&random, FAMILY_IPV4),
				.in_iface = some_iface(&random, arena),
				.out_iface = some_iface(&random, arena),
				.physdev_in = some_iface(&random, arena),
				.physdev_out = some_iface(&random, arena),
				.unknown = pick(&random, open) };
			const struct chain_index *kept[] = { table->chains[0].index,
				table->chains[1].index };
			struct text with CLEANUP(text_done) = TEXT_INIT,
					 without CLEANUP(text_done) = TEXT_INIT;

			assert_non_null(kept[0]);
			assert_non_null(kept[1]);
			print_outcomes(&with, arena, rs, &packet);
			table->chains[0].index = table->chains[1].index = NULL;
			print_outcomes(&without, arena, rs, &packet);
			table->chains[0].index = kept[0];
			table->chains[1].index = kept[1];
			assert_string_equal(with.data, without.data);
		}
	}
}

/* Rules that were added behind it are asked all the same. */
static void an_index_of_other_rules_is_not_used(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *rs = ruleset_new(arena);
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct packet packet = { .ethertype = ETHERTYPE_IPV4, .in_iface = "tap1" };
	struct err err = { 0 };
	struct table *table;

	(void)state;
	text_add(&text, "*filter\n:FORWARD ACCEPT [0:0]\n");
	for (int i = 0; i < 30; i++)
		text_addf(&text, "-A FORWARD -i other%d -j ACCEPT\n", i);
	text_add(&text, "COMMIT\n");
	assert_true(ruleset_parse_iptables(arena, rs, FAMILY_IPV4, "r", text.data, &err));
	table = &rs->tables[0];
	ruleset_index(arena, rs);
	assert_int_equal(ruleset_eval(rs, table, &table->chains[0], &packet, NULL, NULL).verdict,
		VERDICT_ACCEPT);
	assert_true(ruleset_parse_iptables(arena, rs, FAMILY_IPV4, "r",
		"*filter\n-A FORWARD -i tap1 -j DROP\nCOMMIT\n", &err));
	assert_int_equal(ruleset_eval(rs, table, &table->chains[0], &packet, NULL, NULL).verdict,
		VERDICT_DROP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_index_changes_no_answer),
		cmocka_unit_test(only_what_is_on_the_segment_is_asked_for_macs),
		cmocka_unit_test(rules_that_are_passed_over_would_have_said_no),
		cmocka_unit_test(an_index_of_other_rules_is_not_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
