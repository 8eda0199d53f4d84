// SPDX-License-Identifier: GPL-2.0-or-later
/* Whom a packet is for is said to be behind a device: bridges that have not learned the MAC. */
#include "unit.h"

#include <string.h>

#include "explain/explain.h"
#include "hostbuild.h"
#include "packet/expr.h"

#define MAC_A "fa:16:3e:00:00:0a"
#define MAC_B "fa:16:3e:00:00:0b"
#define MAC_C "02:00:00:00:00:77"

static const char *const normal[] = { " priority=0 actions=NORMAL" };

static void add_ovs_port(struct host_build *b, const char *name)
{
	b->ovs_ports[b->host.n_ovs_ports++] = (struct ovs_port){
		.name = name, .bridge = "br-int", .type = "", .netns = 0, .tag = 1
	};
	build_port(b, "ovs-system", name);
}

/* tapA - qbrA - br-int - qbrB - tapB, and br-int - brC - eth0, with another machine's tapC on brC. Learned is where B is. */
static struct host_build *three_bridges(struct arena *arena)
{
	struct host_build *b = host_build_new(arena);

	build_link(b, 0, "openvswitch", "ovs-system");
	b->ovs_bridges[0] = (struct ovs_bridge){
		.name = "br-int", .has_flows = true, .flows = normal, .n_flows = 1, .has_fdb = true
	};
	b->host.n_ovs_bridges = 1;
	for (const char *which = "ABC"; *which; which++) {
		const char *bridge =
			arena_printf(arena, "%s%c", *which == 'C' ? "br" : "qbr", *which);
		const char *tap = arena_printf(arena, "tap%c", *which);
		const char *in = arena_printf(arena, "qvb%c", *which);
		const char *out = arena_printf(arena, "qvo%c", *which);

		build_link(b, 0, "bridge", bridge);
		build_link(b, 0, "tun", tap);
		build_veth(b, 0, in, 0, out);
		build_port(b, bridge, tap);
		build_port(b, bridge, in);
		add_ovs_port(b, out);
	}
	build_link(b, 0, "", "eth0");
	build_port(b, "brC", "eth0");
	build_fdb(b, "qvbA", MAC_B);
	build_fdb(b, "tapB", MAC_B);
	return b;
}

static const struct explanation *ask(
	struct host_build *b, const char *to_mac, uint64_t unknown, const char *to)
{
	const struct host *host = host_built(b);
	struct query query = { .from = FROM_DEVICE, .ns = host->netns };
	struct err err;

	query.in = netns_link(query.ns, "tapA");
	if (!packet_expr_parse(
		    arena_printf(b->arena, "udp 10.0.0.1:1 10.0.0.2:2 mac " MAC_A " > %s", to_mac),
		    &query.packet, &err))
		fail_msg("%s", err.text);
	query.packet.unknown |= unknown;
	if (to)
		query.toward = host_toward(b->arena, host, query.ns, netns_link(query.ns, to));
	return explain(b->arena, explainer_new(b->arena, host), &query);
}

static void bridges_that_have_learned_nobody_send_it_there_alone(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = three_bridges(arena);
	struct text path CLEANUP(text_done) = TEXT_INIT;
	const struct explanation *e;

	(void)state;
	assert_int_equal(ask(b, MAC_C, 0, NULL)->leaves.n, 3);
	e = ask(b, MAC_C, 0, "eth0");
	assert_int_equal(e->leaves.n, 1);
	path_print(&path, e->leaf);
	assert_string_equal(path.data,
		"received tapA, bridge-in tapA, br-netfilter, bridge-decision qvbA, transmit qvbA, veth qvoA, received qvoA, "
		"ovs br-int, transmit qvoC, veth qvbC, received qvbC, bridge-in qvbC, br-netfilter, bridge-decision eth0, "
		"transmit eth0; delivered");
	assert_string_equal(ask(b, MAC_C, 0, "tapC")->leaf->last->link->name, "tapC");
	/* of a MAC that was left open, too */
	e = ask(b, MAC_C, FIELD_BIT(FIELD_ETH_DST), "eth0");
	assert_int_equal(e->leaves.n, 1);
	assert_string_equal(e->leaf->last->link->name, "eth0");
}

static void what_was_learned_counts_more(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = three_bridges(arena);

	(void)state;
	b->ovs_bridges[0].fdb = &(struct ovs_fdb){ .port = "qvoB", .vlan = 1 };
	b->ovs_bridges[0].n_fdb = 1;
	assert_true(mac_parse(MAC_B, (struct mac *)&b->ovs_bridges[0].fdb->mac));
	assert_string_equal(ask(b, MAC_B, 0, "eth0")->leaf->last->link->name, "tapB");
}

static void where_no_way_leads_there_all_ports_get_it(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = three_bridges(arena);

	(void)state;
	/* that device is where it comes from, and one that is on no bridge */
	assert_int_equal(ask(b, MAC_C, 0, "tapA")->leaves.n, 3);
	build_link(b, 0, "", "eth1");
	assert_int_equal(ask(b, MAC_C, 0, "eth1")->leaves.n, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bridges_that_have_learned_nobody_send_it_there_alone),
		cmocka_unit_test(what_was_learned_counts_more),
		cmocka_unit_test(where_no_way_leads_there_all_ports_get_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
