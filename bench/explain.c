// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Half of bench/explain: what has to be done inside one process.
 *
 *   explain_bench make PORTS FLOWS FOLDER   a host as a snapshot, and its rules as texts
 *   explain_bench walk SNAPSHOT PACKETS     loads it and explains packets; figures as JSON
 *   explain_bench parse FILE [TIMES]        parses one text of rules; figures as JSON
 *
 * The host is that of an OpenStack compute node with Nova's hybrid plug, made up from numbers, so
 * that every run has the same: PORTS guests, each with tap, qbr, qvb and qvo, br-int of Open
 * vSwitch, the rules that portwall compiles for them (both families, ten rules a port in each and
 * a group of all ports), FLOWS entries of conntrack, what a kernel says of each link.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/vec.h"
#include "compile/compile.h"
#include "explain/explain.h"
#include "host/file.h"
#include "packet/expr.h"

#define RULES_PER_PORT 10
#define N_ROUTES       500
#define PACKET_GROUP   20

static void die(const struct err *err)
{
	fprintf(stderr, "explain_bench: %s\n", err->text);
	exit(1);
}

static double cpu_s(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static long peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

/* Numbers that look like no pattern, the same ones in every run. */
static uint32_t mixed(uint32_t n)
{
	n = (n ^ 61) ^ (n >> 16);
	n *= 9;
	n ^= n >> 4;
	n *= 0x27d4eb2d;
	return n ^ (n >> 15);
}

/* --- names of port i, from 1 --- */

static const char *port_id(struct arena *arena, unsigned i)
{
	return arena_printf(arena, "%08x-%04x-4000-8000-%012x", mixed(i), i & 0xffff, i);
}

static const char *link_name(struct arena *arena, const char *kind, unsigned i)
{
	return arena_printf(arena, "%s%.11s", kind, port_id(arena, i));
}

static struct mac port_mac(unsigned i)
{
	return (struct mac){ { 0xfa, 0x16, 0x3e, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
		(uint8_t)i } };
}

static struct addr addr_of(struct arena *arena, const char *fmt, unsigned a, unsigned b)
{
	struct addr addr = { 0 };

	if (!addr_parse(arena_printf(arena, fmt, a, b), &addr))
		abort();
	return addr;
}

static struct addr port_addr(struct arena *arena, enum family family, unsigned i)
{
	if (family == FAMILY_IPV6)
		return addr_of(arena, "2001:db8:1::%x:%x", i >> 16, i & 0xffff);
	return addr_of(arena, "10.0.%u.%u", i >> 8, i & 255);
}

/* --- rules --- */

static void add_group_rules(struct text *yaml)
{
	for (unsigned k = 0; k < RULES_PER_PORT; k++) {
		text_addf(yaml,
			"  - {direction: ingress, ethertype: IPv4, protocol: tcp, port_range_min: %u, "
			"port_range_max: %u, remote_ip_prefix: 198.51.%u.0/24}\n",
			1000 + k, 1000 + k, k);
		text_addf(yaml,
			"  - {direction: ingress, ethertype: IPv6, protocol: tcp, port_range_min: %u, "
			"port_range_max: %u, remote_ip_prefix: '2001:db8:f%u::/48'}\n",
			1000 + k, 1000 + k, k);
	}
}

static const struct policy *make_policy(struct arena *arena, unsigned n_ports)
{
	struct text yaml CLEANUP(text_done) = TEXT_INIT;
	const struct policy *policy;
	struct err err = { 0 };

	text_add(&yaml, "security_groups:\n- name: default\n"
			"  id: dddddddd-0000-4000-8000-000000000000\n  security_group_rules:\n"
			"  - {direction: egress, ethertype: IPv4}\n"
			"  - {direction: egress, ethertype: IPv6}\n"
			"  - {direction: ingress, ethertype: IPv4, remote_group: default}\n"
			"  - {direction: ingress, ethertype: IPv6, remote_group: default}\n");
	for (unsigned i = 1; i <= n_ports; i++) {
		text_addf(&yaml, "- name: app%u\n  id: %08x-%04x-4000-8000-%012x\n", i,
			mixed(i + 5000), i & 0xffff, i);
		text_add(&yaml, "  security_group_rules:\n");
		add_group_rules(&yaml);
	}
	text_add(&yaml, "ports:\n");
	for (unsigned i = 1; i <= n_ports; i++) {
		text_addf(&yaml, "- id: %s\n  mac_address: '", port_id(arena, i));
		mac_print(&yaml, port_mac(i));
		text_addf(&yaml, "'\n  fixed_ips: [10.0.%u.%u, '2001:db8:1::%x:%x']\n", i >> 8,
			i & 255, i >> 16, i & 0xffff);
		text_addf(&yaml, "  security_groups: [default, app%u]\n", i);
	}
	if (!policy_parse(arena, "bench", yaml.data, yaml.len, "host", &policy, &err))
		die(&err);
	return policy;
}

static const struct ruleset *make_rules(struct arena *arena, unsigned n_ports)
{
	const struct policy *policy = make_policy(arena, n_ports);
	struct plug *plugs = arena_new_array(arena, struct plug, n_ports);
	struct compile_options options = { .scope = compile_default_scope };
	const struct ruleset *rs;
	struct err err = { 0 };
	uint32_t seed = 0;

	for (size_t i = 0; i < n_ports; i++)
		plugs[i] = (struct plug){ .port = &policy->ports[i],
			.bridge = arena_printf(arena, "qbr%.11s", policy->ports[i].id),
			.hybrid_peer = arena_printf(arena, "qvb%.11s", policy->ports[i].id),
			.zone = (uint16_t)(COMPILE_ZONE_MIN + i) };
	if (!compile_policy(arena, policy, plugs, n_ports, &options, &rs, &err))
		die(&err);
	for (size_t t = 0; t < rs->n_tables; t++)
		for (size_t c = 0; c < rs->tables[t].n_chains; c++)
			for (size_t r = 0; r < rs->tables[t].chains[c].n_rules; r++) {
				struct counters *counters =
					&rs->tables[t].chains[c].rules[r].counters;

				counters->packets = mixed(seed++) % 100000;
				counters->bytes = counters->packets * 90;
			}
	return rs;
}

/* --- the host --- */

struct making {
	struct arena *arena;
	unsigned n_ports, n_flows;
	VEC(struct link) links;
	VEC(struct fdb_entry) fdb;
	VEC(struct sysctl) sysctls;
	VEC(struct address) addresses;
	VEC(struct route) routes;
	VEC(struct neighbour) neighbours;
	VEC(struct conntrack_entry) conntrack;
	VEC(struct ruleset_text) texts;
	VEC(struct ovs_port) ovs_ports;
	VEC(struct ovs_fdb) ovs_fdb;
};

/* As src/kernel/sysctls.c reads them of each link. */
static void add_link_sysctls(struct making *m, const char *link)
{
	static const char *const names[] = { "ipv4.conf.%s.forwarding", "ipv4.conf.%s.rp_filter",
		"ipv4.conf.%s.arp_ignore", "ipv4.conf.%s.arp_announce", "ipv4.conf.%s.arp_filter",
		"ipv4.conf.%s.proxy_arp", "ipv4.conf.%s.proxy_arp_pvlan",
		"ipv4.conf.%s.route_localnet", "ipv4.conf.%s.accept_local",
		"ipv4.conf.%s.send_redirects", "ipv4.conf.%s.src_valid_mark",
		"ipv4.conf.%s.log_martians", "ipv4.conf.%s.bc_forwarding",
		"ipv4.conf.%s.accept_source_route", "ipv4.conf.%s.ignore_routes_with_linkdown",
		"ipv4.conf.%s.drop_unicast_in_l2_multicast", "ipv6.conf.%s.forwarding",
		"ipv6.conf.%s.disable_ipv6", "ipv6.conf.%s.accept_ra", "ipv6.conf.%s.proxy_ndp",
		"ipv6.conf.%s.accept_source_route", "ipv6.conf.%s.ignore_routes_with_linkdown",
		"ipv6.conf.%s.drop_unicast_in_l2_multicast" };

	for (size_t i = 0; i < N_OF(names); i++) {
		struct text name CLEANUP(text_done) = TEXT_INIT;
		const char *percent = strchr(names[i], '%');

		text_addf(&name, "net.%.*s%s%s", (int)(percent - names[i]), names[i], link,
			percent + 2);
		*vec_push(&m->sysctls, m->arena) =
			(struct sysctl){ arena_strdup(m->arena, name.data), "0" };
	}
}

static struct link *add_link(struct making *m, const char *kind, const char *name, int index)
{
	struct link *link = vec_push(&m->links, m->arena);

	*link = (struct link){ .name = name,
		.kind = kind,
		.index = index,
		.mtu = 1500,
		.is_up = true,
		.has_carrier = true,
		.peer_netns = -1,
		.mac = { { 2, 0, (uint8_t)(index >> 24), (uint8_t)(index >> 16),
			(uint8_t)(index >> 8), (uint8_t)index } } };
	add_link_sysctls(m, name);
	return link;
}

static void be_port(struct link *link, int master)
{
	link->master_index = master;
	link->port_state = PORT_FORWARDING;
	link->has_learning = link->has_unicast_flood = link->has_mcast_flood =
		link->has_bcast_flood = true;
}

static void add_fdb(struct making *m, int bridge, int port, struct mac mac, bool is_permanent)
{
	*vec_push(&m->fdb, m->arena) = (struct fdb_entry){
		.bridge_index = bridge, .port_index = port, .mac = mac, .is_permanent = is_permanent
	};
}

#define INDEX_OF(i)  ((int)(10 + 4 * (i)))
#define INDEX_UPLINK 2
#define INDEX_OVS    3

static void add_port(struct making *m, unsigned i)
{
	int tap = INDEX_OF(i), qbr = tap + 1, qvb = tap + 2, qvo = tap + 3;
	const char *qvo_name = link_name(m->arena, "qvo", i);
	struct link *link;

	be_port(add_link(m, "tun", link_name(m->arena, "tap", i), tap), qbr);
	add_fdb(m, qbr, tap, m->links.items[m->links.n - 1].mac, true);
	add_link(m, "bridge", link_name(m->arena, "qbr", i), qbr);
	link = add_link(m, "veth", link_name(m->arena, "qvb", i), qvb);
	be_port(link, qbr);
	link->peer_index = qvo;
	link->peer_netns = 0;
	add_fdb(m, qbr, qvb, link->mac, true);
	link = add_link(m, "veth", qvo_name, qvo);
	link->master_index = INDEX_OVS;
	link->peer_index = qvb;
	link->peer_netns = 0;
	add_fdb(m, qbr, tap, port_mac(i), false);
	*vec_push(&m->ovs_ports, m->arena) = (struct ovs_port){
		.name = qvo_name, .bridge = "br-int", .type = "", .tag = 1, .ofport = (int)(i + 10)
	};
	*vec_push(&m->ovs_fdb, m->arena) = (struct ovs_fdb){ qvo_name, 1, port_mac(i) };
	/* what the host of the guest knows of its neighbours */
	*vec_push(&m->neighbours, m->arena) = (struct neighbour){ .index = INDEX_UPLINK,
		.addr = addr_of(m->arena, "192.168.%u.%u", i >> 8, i & 255),
		.mac = { { 0x52, 0x54, 0, 0, (uint8_t)(i >> 8), (uint8_t)i } },
		.has_mac = true };
}

static void add_route(struct making *m, enum route_type type, uint32_t table, struct prefix dst,
	int index, const struct addr *gateway)
{
	struct next_hop *hop = arena_new_one(m->arena, struct next_hop);

	*hop = (struct next_hop){ .index = index, .weight = 1 };
	if (gateway) {
		hop->has_gateway = true;
		hop->gateway = *gateway;
	}
	*vec_push(&m->routes, m->arena) = (struct route){
		.table = table, .type = type, .dst = dst, .hops = hop, .n_hops = 1, .protocol = 2
	};
}

static void add_uplink(struct making *m)
{
	struct addr own = addr_of(m->arena, "192.168.255.%u", 1, 0);
	struct addr gateway = addr_of(m->arena, "192.168.255.%u", 254, 0);
	struct link *lo = add_link(m, "", "lo", 1);

	lo->is_loopback = true;
	add_link(m, "", "eth0", INDEX_UPLINK)->master_index = INDEX_OVS;
	add_link(m, "openvswitch", "ovs-system", INDEX_OVS)->is_up = false;
	add_link(m, "openvswitch", "br-int", 4);
	*vec_push(&m->addresses, m->arena) =
		(struct address){ .index = INDEX_UPLINK, .local = own, .peer = own, .len = 16 };
	add_route(m, ROUTE_LOCAL, 255, prefix_of_addr(&own), INDEX_UPLINK, NULL);
	add_route(m, ROUTE_UNICAST, 254, (struct prefix){ .addr = { .family = FAMILY_IPV4 } },
		INDEX_UPLINK, &gateway);
	for (unsigned i = 0; i < N_ROUTES; i++)
		add_route(m, ROUTE_UNICAST, 254,
			(struct prefix){
				.addr = addr_of(m->arena, "172.%u.%u.0", 16 + i / 256, i % 256),
				.len = 24 },
			INDEX_UPLINK, &gateway);
	*vec_push(&m->ovs_ports, m->arena) = (struct ovs_port){
		.name = "eth0", .bridge = "br-int", .type = "", .tag = 1, .ofport = 1
	};
}

/* Flow f: a client outside to a guest, tracked in the guest's zone. */
static void add_flow(struct making *m, unsigned f)
{
	unsigned i = f % m->n_ports + 1, k = f / m->n_ports;
	enum family family = f % 5 ? FAMILY_IPV4 : FAMILY_IPV6;
	struct conntrack_entry entry = { .proto = PROTO_TCP,
		.zone = (uint16_t)(COMPILE_ZONE_MIN + i - 1),
		.status = CT_STATUS_SEEN_REPLY | CT_STATUS_ASSURED | CT_STATUS_CONFIRMED,
		.timeout_s = 400000 + f % 1000,
		.tcp_state = "ESTABLISHED" };

	entry.orig.src = family == FAMILY_IPV4
				 ? addr_of(m->arena, "198.51.%u.%u", k % 10, 1 + k / 10)
				 : addr_of(m->arena, "2001:db8:f%u::%x", k % 10, k);
	entry.orig.dst = port_addr(m->arena, family, i);
	entry.orig.sport = (uint16_t)(20000 + mixed(f) % 40000);
	entry.orig.dport = (uint16_t)(1000 + k % 10);
	entry.reply = (struct flow_tuple){ .src = entry.orig.dst,
		.dst = entry.orig.src,
		.sport = entry.orig.dport,
		.dport = entry.orig.sport };
	*vec_push(&m->conntrack, m->arena) = entry;
}

static void save(const char *folder, const char *name, const struct text *text)
{
	struct text path CLEANUP(text_done) = TEXT_INIT;
	struct err err = { 0 };

	text_addf(&path, "%s/%s", folder, name);
	if (!text_save(text, path.data, &err))
		die(&err);
}

static void add_text(
	struct making *m, const char *folder, const char *tool, const struct text *text)
{
	*vec_push(&m->texts, m->arena) =
		(struct ruleset_text){ tool, arena_strndup(m->arena, text->data, text->len) };
	save(folder, tool, text);
}

/* A compiled table of the bridge family as nft lists it. */
static void be_listed(struct arena *arena, struct table *table)
{
	table->source = SOURCE_NFT;
	table->line = 1;
	for (size_t s = 0; s < table->n_sets; s++) {
		struct set *set = &table->sets[s];
		struct text block CLEANUP(text_done) = TEXT_INIT;

		text_add(&block, "\t\ttype ifname : verdict\n\t\telements = { ");
		for (size_t i = 0; i < set->n_elements; i++) {
			text_add(&block, i ? ",\n\t\t\t     " : "");
			set_element_print(&block, set, &set->elements[i]);
		}
		text_add(&block, " }\n");
		set->is_map = true;
		set->written = arena_strdup(arena, block.data);
	}
}

static void add_rules(struct making *m, const char *folder)
{
	const struct ruleset *rs = make_rules(m->arena, m->n_ports);
	struct text text CLEANUP(text_done) = TEXT_INIT;

	ruleset_print_iptables(&text, rs, SOURCE_IPTABLES, FAMILY_IPV4, COUNTERS_ALL);
	add_text(m, folder, "iptables-nft", &text);
	text_clear(&text);
	ruleset_print_iptables(&text, rs, SOURCE_IPTABLES, FAMILY_IPV6, COUNTERS_ALL);
	add_text(m, folder, "ip6tables-nft", &text);
	text_clear(&text);
	ruleset_print_ipset(&text, rs);
	add_text(m, folder, "ipset", &text);
	text_clear(&text);
	for (size_t i = 0; i < rs->n_tables; i++)
		if (rs->tables[i].family == FAMILY_BRIDGE)
			be_listed(m->arena, &rs->tables[i]);
	ruleset_print_nft(&text, rs, true);
	add_text(m, folder, "nft", &text);
}

static void make(unsigned n_ports, unsigned n_flows, const char *folder)
{
	static const char *const flows[] = { "priority=0 actions=NORMAL" };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct making m = { .arena = arena, .n_ports = n_ports, .n_flows = n_flows };
	struct netns ns = { .name = "", .inode = 4026531840 };
	struct ovs_bridge bridge = { .name = "br-int",
		.fail_mode = "standalone",
		.flows = flows,
		.n_flows = 1,
		.has_flows = true,
		.has_fdb = true };
	struct host host = { .name = "compute1",
		.release = "6.1.0",
		.taken_s = 1700000000,
		.netns = &ns,
		.n_netns = 1,
		.ovs_bridges = &bridge,
		.n_ovs_bridges = 1 };
	struct text path CLEANUP(text_done) = TEXT_INIT;
	struct err err = { 0 };

	add_uplink(&m);
	add_link_sysctls(&m, "all");
	add_link_sysctls(&m, "default");
	*vec_push(&m.sysctls, arena) = (struct sysctl){ "net.bridge.bridge-nf-call-iptables", "1" };
	*vec_push(&m.sysctls, arena) =
		(struct sysctl){ "net.bridge.bridge-nf-call-ip6tables", "1" };
	*vec_push(&m.sysctls, arena) = (struct sysctl){ "net.ipv4.ip_forward", "1" };
	for (unsigned i = 1; i <= n_ports; i++)
		add_port(&m, i);
	for (unsigned f = 0; f < n_flows; f++)
		add_flow(&m, f);
	add_rules(&m, folder);
	ns.links = m.links.items;
	ns.n_links = m.links.n;
	ns.addresses = m.addresses.items;
	ns.n_addresses = m.addresses.n;
	ns.routes = m.routes.items;
	ns.n_routes = m.routes.n;
	ns.neighbours = m.neighbours.items;
	ns.n_neighbours = m.neighbours.n;
	ns.fdb = m.fdb.items;
	ns.n_fdb = m.fdb.n;
	ns.conntrack = m.conntrack.items;
	ns.n_conntrack = m.conntrack.n;
	ns.sysctls = m.sysctls.items;
	ns.n_sysctls = m.sysctls.n;
	ns.texts = m.texts.items;
	ns.n_texts = m.texts.n;
	host.ovs_ports = m.ovs_ports.items;
	host.n_ovs_ports = m.ovs_ports.n;
	bridge.fdb = m.ovs_fdb.items;
	bridge.n_fdb = m.ovs_fdb.n;
	netns_finish(arena, &ns);
	text_addf(&path, "%s/host.pws", folder);
	if (!host_save(&host, path.data, true, &err))
		die(&err);
}

/* --- packets --- */

static const struct mac gateway_mac = { { 0x52, 0x54, 0, 0xff, 0xff, 0xfe } };

/*
 * Of 20: 8 between two guests (two bridges, the rules of two ports), 4 of flows that conntrack
 * knows, 4 new ones that a rule allows, 4 that none does; a fifth of them is IPv6.
 */
static const char *packet_words(
	struct arena *arena, unsigned n, unsigned n_ports, const char **ret_in)
{
	unsigned to = mixed(n) % n_ports + 1, from = mixed(n + 77777) % n_ports + 1;
	unsigned kind = n % PACKET_GROUP, k = n % RULES_PER_PORT;
	bool is_v6 = n % 5 == 4;
	struct text words CLEANUP(text_done) = TEXT_INIT;

	*ret_in = kind < 8 ? link_name(arena, "tap", from) : "eth0";
	text_add(&words, "tcp ");
	if (kind < 8 && is_v6)
		text_addf(&words, "[2001:db8:1::0:%x]:40000", from);
	else if (kind < 8)
		text_addf(&words, "10.0.%u.%u:40000", from >> 8, from & 255);
	else if (is_v6)
		text_addf(&words, "[2001:db8:f%u::1]:40000", k);
	else if (kind < 12)
		text_addf(&words, "198.51.0.1:%u", 20000 + mixed(to - 1) % 40000);
	else
		text_addf(&words, "198.51.%u.200:40000", k);
	if (is_v6)
		text_addf(&words, " [2001:db8:1::0:%x]:%u", to, kind < 16 ? 1000 + k : 22);
	else
		text_addf(&words, " 10.0.%u.%u:%u", to >> 8, to & 255,
			kind >= 16  ? 22
			: kind < 12 ? 1000
				    : 1000 + k);
	text_add(&words, " mac ");
	mac_print(&words, kind < 8 ? port_mac(from) : gateway_mac);
	text_add(&words, " > ");
	mac_print(&words, port_mac(to));
	return arena_strdup(arena, words.data);
}

static unsigned ports_of(const struct host *host)
{
	unsigned n = 0;

	for (size_t i = 0; i < host->netns[0].n_links; i++)
		n += text_has_prefix(host->netns[0].links[i].name, "tap");
	return n;
}

static const struct host *load(struct arena *arena, const char *path)
{
	const struct host *host;
	struct err err = { 0 };

	if (!host_load(arena, &path, 1, &host, &err))
		die(&err);
	return host;
}

/* One packet as "portwall explain" does it, but for reading and printing. */
static enum final ask(struct arena *arena, const struct host *host,
	const struct explainer *explainer, const char *in, const struct packet *packet)
{
	struct query query = { 0 };
	struct err err = { 0 };

	if (!explain_find_entry(host, in, &query, &err))
		die(&err);
	query.packet = *packet;
	explain_find_macs(host, &query);
	return explain(arena, explainer, &query)->final;
}

static void walk(const char *path, unsigned n)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct arena *words CLEANUP(arena_freep) = arena_new();
	double before = cpu_s(), loaded, first, begin, spent;
	unsigned n_final[FINAL_CANNOT_TELL + 1] = { 0 };
	struct packet *packets = arena_new_array(words, struct packet, n);
	const char **ins = arena_new_array(words, const char *, n);
	const struct explainer *explainer;
	const struct host *host;
	unsigned n_ports;
	struct err err = { 0 };

	host = load(arena, path);
	loaded = cpu_s();
	n_ports = ports_of(host);
	if (!n_ports)
		exit(2);
	for (unsigned i = 0; i < n; i++)
		if (!packet_expr_parse(packet_words(words, i, n_ports, &ins[i]), &packets[i], &err))
			die(&err);
	begin = cpu_s();
	explainer = explainer_new(arena, host);
	ask(arena, host, explainer, ins[0], &packets[0]);
	first = cpu_s() - begin;
	begin = cpu_s();
	for (unsigned i = 0; i < n; i++) {
		struct arena *one CLEANUP(arena_freep) = arena_new();

		n_final[ask(one, host, explainer, ins[i], &packets[i])]++;
	}
	spent = cpu_s() - begin;
	printf("{\"load_s\": %.6f, \"first_s\": %.6f, \"further_us\": %.3f, \"packets\": %u, "
	       "\"delivered\": %u, \"dropped\": %u, \"cannot_tell\": %u, \"peak_kib\": %ld}\n",
		loaded - before, first, n ? spent / n * 1e6 : 0, n, n_final[FINAL_DELIVERED],
		n_final[FINAL_DROPPED], n_final[FINAL_CANNOT_TELL], peak_kib());
}

static void parse(const char *path, unsigned n_times)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct err err = { 0 };
	size_t n_rules = 0;
	double least = 1e9;

	if (!text_load(&text, path, SIZE_MAX / 4, &err))
		die(&err);
	for (unsigned i = 0; i < n_times; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct ruleset *rs = ruleset_new(arena);
		double begin = cpu_s(), spent;
		enum text_kind kind;

		if (!ruleset_parse_text(arena, rs, path, text.data, &kind, &err))
			die(&err);
		spent = cpu_s() - begin;
		least = spent < least ? spent : least;
		n_rules = 0;
		for (size_t t = 0; t < rs->n_tables; t++)
			for (size_t c = 0; c < rs->tables[t].n_chains; c++)
				n_rules += rs->tables[t].chains[c].n_rules;
	}
	printf("{\"parse_s\": %.6f, \"rules\": %zu, \"peak_kib\": %ld}\n", least, n_rules,
		peak_kib());
}

static unsigned number(const char *text)
{
	uint32_t value;

	if (!text_to_u32(text, 0, 10000000, &value)) {
		fprintf(stderr, "explain_bench: %s is no number\n", text);
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "make"))
		make(number(argv[2]), number(argv[3]), argv[4]);
	else if (argc == 4 && !strcmp(argv[1], "walk"))
		walk(argv[2], number(argv[3]));
	else if ((argc == 3 || argc == 4) && !strcmp(argv[1], "parse"))
		parse(argv[2], argc == 4 ? number(argv[3]) : 1);
	else
		return 2;
	return 0;
}
