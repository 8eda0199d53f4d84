// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libmnl/libmnl.h>
#include <linux/bpf.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include "host/file.h"
#include "kernel/kernel.h"
#include "net.h"

/*
 * A host is built with ip, nft, iptables, ipset, conntrack; what portwall reads of it must be what
 * was built.
 */

static int new_netns(void **state)
{
	(void)state;
	return unshare(CLONE_NEWNET);
}

static const struct host *read_host(struct arena *arena)
{
	const struct host *host = NULL;
	struct err err = { 0 };

	if (!kernel_host_read(arena, &(struct host_read_options){ 0 }, &host, &err))
		fail_msg("%s", err.text);
	return host;
}

static const struct netns *netns_of(const struct host *host, const char *name)
{
	for (size_t i = 0; i < host->n_netns; i++)
		if (!strcmp(host->netns[i].name, name))
			return &host->netns[i];
	fail_msg("no namespace %s", name);
	return NULL;
}

static const struct link *link_of(const struct netns *ns, const char *name)
{
	const struct link *link = netns_link(ns, name);

	if (!link)
		fail_msg("no link %s", name);
	return link;
}

static const struct route *route_of(const struct netns *ns, const char *dst, uint32_t table)
{
	struct prefix prefix;

	assert_true(prefix_parse(dst, &prefix));
	for (size_t i = 0; i < ns->n_routes; i++)
		if (ns->routes[i].table == table && !prefix_compare(&ns->routes[i].dst, &prefix))
			return &ns->routes[i];
	fail_msg("no route %s", dst);
	return NULL;
}

static struct addr addr(const char *text)
{
	struct addr ret;

	assert_true(addr_parse(text, &ret));
	return ret;
}

static void assert_addr(const struct addr *is, const char *wanted)
{
	struct addr addr_wanted = addr(wanted);

	assert_int_equal(addr_compare(is, &addr_wanted), 0);
}

static void build_bridge(void)
{
	net_sh("ip link set lo up; ip netns add blue;"
	       "ip link add br0 type bridge; ip link set br0 address 02:00:00:00:00:b0 up;"
	       "ip link set br0 type bridge nf_call_ip6tables 1 ageing_time 12300;"
	       "ip link add v0 mtu 1400 type veth peer name eth0 netns blue;"
	       "ip link set v0 master br0; ip link set v0 up; ip -n blue link set eth0 up;"
	       "ip link set v0 type bridge_slave isolated on learning off hairpin on;"
	       "ip addr add 10.1.2.1/24 dev br0; ip -6 addr add 2001:db8::1/64 dev br0 nodad;"
	       "bridge fdb add 02:00:00:00:00:77 dev v0 master static;"
	       "ip neigh add 10.1.2.9 lladdr 02:00:00:00:00:09 dev br0 nud permanent;"
	       "ip neigh add 10.1.2.11 lladdr 02:00:00:00:00:0b dev br0 nud noarp;"
	       "ip neigh add proxy 10.1.2.10 dev br0");
}

static void links_of_two_namespaces_are_read_and_joined(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct netns *own, *blue, *at = NULL;
	const struct link *br0, *v0, *eth0;
	const struct host *host;

	(void)state;
	build_bridge();
	host = read_host(arena);
	own = &host->netns[0];
	blue = netns_of(host, "blue");
	br0 = link_of(own, "br0");
	v0 = link_of(own, "v0");
	eth0 = link_of(blue, "eth0");
	assert_string_equal(own->name, "");
	assert_string_equal(br0->kind, "bridge");
	assert_true(br0->nf_call[FAMILY_IPV6] && !br0->nf_call[FAMILY_IPV4]);
	assert_int_equal(br0->ageing_time_cs, 12300);
	assert_int_equal(br0->mac.bytes[5], 0xb0);
	assert_true(br0->is_up && br0->has_address && v0->has_carrier);
	assert_int_equal(v0->master_index, br0->index);
	assert_int_equal(v0->mtu, 1400);
	assert_true(v0->is_isolated && v0->has_hairpin && !v0->has_learning);
	assert_true(v0->has_unicast_flood && v0->has_mcast_flood && v0->has_bcast_flood);
	assert_int_equal(v0->port_state, PORT_FORWARDING);
	assert_true(v0->is_peer_away);
	assert_ptr_equal(host_veth_peer(host, own, v0, &at), eth0);
	assert_ptr_equal(at, blue);
	assert_ptr_equal(host_veth_peer(host, blue, eth0, &at), v0);
	assert_ptr_equal(host_find_link(host, "eth0@if7", &at), eth0);
	/* and the process is where it was */
	assert_non_null(netns_link(&read_host(arena)->netns[0], "br0"));
	net_sh("ip netns del blue");
}

static void addresses_neighbours_and_the_fdb_are_read(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	bool has_four = false, has_six = false, has_neighbour = false, has_proxy = false,
	     has_noarp = false;
	bool has_static = false, has_own = false, has_tunnel = false;
	struct addr far = addr("10.0.0.9");
	const struct netns *own;
	const struct link *br0, *v0;

	(void)state;
	build_bridge();
	net_sh("ip link add vx0 type vxlan id 5 dstport 4789 local 10.1.2.1;"
	       "bridge fdb append 02:00:00:00:00:05 dev vx0 dst 10.0.0.9");
	own = &read_host(arena)->netns[0];
	br0 = link_of(own, "br0");
	v0 = link_of(own, "v0");
	for (size_t i = 0; i < own->n_addresses; i++) {
		const struct address *a = &own->addresses[i];
		struct addr four = addr("10.1.2.1"), six = addr("2001:db8::1");

		has_four |=
			a->index == br0->index && a->len == 24 && !addr_compare(&a->local, &four);
		has_six |= a->index == br0->index && a->len == 64 && !addr_compare(&a->local, &six);
	}
	for (size_t i = 0; i < own->n_neighbours; i++) {
		const struct neighbour *n = &own->neighbours[i];
		struct addr known = addr("10.1.2.9"), proxy = addr("10.1.2.10"),
			    noarp = addr("10.1.2.11");

		has_neighbour |= !addr_compare(&n->addr, &known) && n->has_mac && n->is_permanent &&
				 n->mac.bytes[5] == 9 && n->index == br0->index;
		has_noarp |= !addr_compare(&n->addr, &noarp) && n->has_mac && n->mac.bytes[5] == 11;
		has_proxy |= !addr_compare(&n->addr, &proxy) && n->is_proxy;
	}
	for (size_t i = 0; i < own->n_fdb; i++) {
		const struct fdb_entry *e = &own->fdb[i];

		has_static |= e->bridge_index == br0->index && e->port_index == v0->index &&
			      e->mac.bytes[5] == 0x77 && e->is_static && !e->is_permanent;
		has_tunnel |= e->port_index == link_of(own, "vx0")->index && !e->bridge_index &&
			      e->mac.bytes[5] == 5 && !addr_compare(&e->dst, &far);
		has_own |=
			e->bridge_index == br0->index && e->mac.bytes[5] == 0xb0 && e->is_permanent;
	}
	assert_true(has_four && has_six);
	assert_true(has_neighbour && has_proxy && has_noarp);
	assert_true(has_static && has_own && has_tunnel);
	net_sh("ip netns del blue");
}

static void routes_of_all_tables_and_rules_are_read(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct routing_rule *rule = NULL;
	const struct route *route;
	const struct netns *own;

	(void)state;
	build_bridge();
	net_sh("ip route add 10.9.0.0/16 metric 7 nexthop via 10.1.2.5 dev br0 weight 2 "
	       "nexthop via 10.1.2.6 dev br0;"
	       "ip route add table 1234 default via 10.1.2.7 dev br0 src 10.1.2.1 mtu 1300;"
	       "ip route add unreachable 10.10.0.0/16;"
	       "ip -6 route add 2001:db8:5::/48 via 2001:db8::9 dev br0;"
	       "ip rule add pref 50 from 10.1.0.0/16 iif v0 fwmark 0x10/0xf0 dport 80-90 "
	       "ipproto tcp lookup 1234 suppress_prefixlength 0");
	own = &read_host(arena)->netns[0];
	route = route_of(own, "10.9.0.0/16", 254);
	assert_int_equal(route->n_hops, 2);
	assert_int_equal(route->priority, 7);
	assert_int_equal(route->hops[0].weight, 2);
	assert_addr(&route->hops[1].gateway, "10.1.2.6");
	assert_int_equal(route->hops[1].index, link_of(own, "br0")->index);
	route = route_of(own, "0.0.0.0/0", 1234);
	assert_int_equal(route->n_hops, 1);
	assert_int_equal(route->mtu, 1300);
	assert_true(route->has_prefsrc);
	assert_addr(&route->prefsrc, "10.1.2.1");
	assert_int_equal(route_of(own, "10.10.0.0/16", 254)->type, ROUTE_UNREACHABLE);
	assert_addr(&route_of(own, "2001:db8:5::/48", 254)->hops[0].gateway, "2001:db8::9");
	assert_int_equal(route_of(own, "10.1.2.1/32", 255)->type, ROUTE_LOCAL);
	for (size_t i = 0; i < own->n_rules; i++)
		if (own->rules[i].priority == 50)
			rule = &own->rules[i];
	assert_non_null(rule);
	if (!rule)
		return; /* as the analyzer does not know that an assertion ends the case */
	assert_int_equal(rule->action, RULE_LOOKUP);
	assert_int_equal(rule->table, 1234);
	assert_true(rule->has_src && rule->src.len == 16 && !rule->has_dst);
	assert_string_equal(rule->iif, "v0");
	assert_null(rule->oif);
	assert_true(rule->mark == 0x10 && rule->mark_mask == 0xf0);
	assert_true(rule->has_dport && rule->dport.min == 80 && rule->dport.max == 90);
	assert_int_equal(rule->proto, PROTO_TCP);
	assert_int_equal(rule->suppress_len, 0);
	assert_false(rule->is_opaque);
	net_sh("ip netns del blue");
}

static void settings_of_links_are_those_of_proc(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct netns *own;
	size_t n_compared = 0;

	(void)state;
	build_bridge();
	net_sh("echo 2 > /proc/sys/net/ipv4/conf/br0/rp_filter;"
	       "echo 1 > /proc/sys/net/ipv4/conf/v0/proxy_arp;"
	       "echo 1 > /proc/sys/net/ipv4/conf/v0/bc_forwarding;"
	       "echo 1 > /proc/sys/net/ipv6/conf/v0/disable_ipv6;"
	       "echo 1 > /proc/sys/net/ipv6/conf/br0/proxy_ndp;"
	       "[ ! -e /proc/sys/net/ipv6/conf/v0/force_forwarding ] ||"
	       " echo 1 > /proc/sys/net/ipv6/conf/v0/force_forwarding;"
	       "echo 1 > /proc/sys/net/ipv4/ip_forward");
	own = &read_host(arena)->netns[0];
	assert_string_equal(netns_sysctl(own, "net.ipv4.conf.br0.rp_filter"), "2");
	assert_string_equal(netns_sysctl(own, "net.ipv4.ip_forward"), "1");
	/* read where the kernel has it (6.17) */
	assert_int_equal(netns_sysctl(own, "net.ipv6.conf.v0.force_forwarding") != NULL,
		access("/proc/sys/net/ipv6/conf/v0/force_forwarding", F_OK) == 0);
	for (size_t i = 0; i < own->n_sysctls; i++) {
		const struct sysctl *sysctl = &own->sysctls[i];
		struct text value CLEANUP(text_done) = TEXT_INIT;
		char *path = arena_printf(arena, "/proc/sys/%s", sysctl->name);
		struct err err;

		if (!strstr(sysctl->name, ".conf."))
			continue;
		for (char *at = path + strlen("/proc/sys/"); *at; at++)
			if (*at == '.')
				*at = '/';
		assert_true(text_load(&value, path, 64, &err));
		value.data[strcspn(value.data, "\n")] = '\0';
		if (strcmp(value.data, sysctl->value) != 0)
			fail_msg("%s: %s, not %s", sysctl->name, value.data, sysctl->value);
		n_compared++;
	}
	assert_true(n_compared > 5 * 20);
	net_sh("ip netns del blue");
}

static int listen_udp(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void rulesets_sockets_and_conntrack_are_read(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct conntrack_entry *entry = NULL;
	bool is_listening = false;
	const struct netns *own;
	const struct rule *rule;
	int fd;

	(void)state;
	net_sh("ip link set lo up; iptables-nft -A FORWARD -s 10.1.2.0/24 -j DROP;"
	       "ip6tables-nft -A INPUT -p tcp -j ACCEPT;"
	       "nft 'table bridge x { chain c { type filter hook forward priority 0; policy accept; "
	       "ether type arp drop; }; }';"
	       "ipset create s hash:net; ipset add s 10.1.2.0/25;"
	       "conntrack -I -p udp -s 10.1.2.3 -d 10.1.2.4 --sport 1000 --dport 53 -t 300 "
	       "--mark 7 -w 4099");
	fd = listen_udp(4242);
	own = &read_host(arena)->netns[0];
	rule = &table_chain(ruleset_table(own->ruleset, FAMILY_IPV4, "filter"), "FORWARD")
			->rules[0];
	assert_int_equal(rule->target.kind, TARGET_DROP);
	assert_non_null(ruleset_table(own->ruleset, FAMILY_IPV6, "filter"));
	assert_int_equal(ruleset_table(own->ruleset, FAMILY_BRIDGE, "x")->source, SOURCE_NFT);
	assert_int_equal(ruleset_set(own->ruleset, "s")->n_elements, 1);
	for (size_t i = 0; i < own->n_conntrack; i++)
		if (own->conntrack[i].zone == 4099)
			entry = &own->conntrack[i];
	assert_non_null(entry);
	if (!entry)
		return;
	assert_int_equal(entry->proto, PROTO_UDP);
	assert_int_equal(entry->mark, 7);
	assert_int_equal(entry->orig.dport, 53);
	assert_addr(&entry->reply.src, "10.1.2.4");
	assert_true(entry->status & CT_STATUS_CONFIRMED);
	assert_true(entry->timeout_s > 0 && entry->timeout_s <= 300);
	for (size_t i = 0; i < own->n_sockets; i++)
		is_listening |= own->sockets[i].port == 4242 &&
				own->sockets[i].proto == PROTO_UDP && own->sockets[i].process;
	assert_true(is_listening);
	close(fd);
}

/* A program that takes packets of a queue, as far as the kernel is concerned. */
static struct mnl_socket *listen_queue(uint16_t number)
{
	char buf[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);
	struct mnl_socket *socket = mnl_socket_open(NETLINK_NETFILTER);
	const struct nfqnl_msg_config_cmd bind = { .command = NFQNL_CFG_CMD_BIND,
		.pf = htons(AF_INET) };
	struct nfgenmsg *header;
	ssize_t got;

	assert_non_null(socket);
	assert_int_equal(mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID), 0);
	request->nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->nfgen_family = AF_UNSPEC;
	header->version = NFNETLINK_V0;
	header->res_id = htons(number);
	mnl_attr_put(request, NFQA_CFG_CMD, sizeof(bind), &bind);
	assert_true(mnl_socket_sendto(socket, request, request->nlmsg_len) > 0);
	got = mnl_socket_recvfrom(socket, buf, sizeof(buf));
	assert_true(got > 0);
	assert_int_equal(((struct nlmsgerr *)mnl_nlmsg_get_payload(request))->error, 0);
	return socket;
}

static void queues_and_who_listens_on_them_are_read(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct mnl_socket *first, *second;
	const struct netns *own;

	(void)state;
	own = &read_host(arena)->netns[0];
	assert_int_equal(own->n_queues, 0);
	assert_false(netns_is_unread(own, "queues", NULL));
	first = listen_queue(7);
	second = listen_queue(300);
	/* nobody may answer: what is sent to the first one waits there */
	net_sh("ip link set lo up; iptables-nft -A OUTPUT -p udp -j NFQUEUE --queue-num 7;"
	       "echo x > /dev/udp/127.0.0.1/9 || :");
	own = &read_host(arena)->netns[0];
	assert_int_equal(own->n_queues, 2);
	assert_int_equal(own->queues[0].number, 7);
	assert_int_equal(own->queues[1].number, 300);
	assert_int_equal(own->queues[1].n_waiting, 0);
	mnl_socket_close(first);
	mnl_socket_close(second);
	own = &read_host(arena)->netns[0];
	assert_int_equal(own->n_queues, 0);
}

static void offloads_of_devices_are_read(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct netns *own;

	(void)state;
	net_sh("ip link add p0 type veth peer name p1; ip tuntap add dev tap0 mode tap");
	own = &read_host(arena)->netns[0];
	assert_true(link_of(own, "p0")->has_tx_checksum);
	/* nobody has told the kernel what the program behind it can do */
	assert_false(link_of(own, "tap0")->has_tx_checksum);
	assert_false(link_of(own, "p0")->has_lro);
	assert_false(netns_is_unread(own, "links has_tx_checksum", NULL));
	assert_false(netns_is_unread(own, "links has_lro", NULL));
}

static void assert_unread(const struct netns *ns, const char *what, const char *wanted)
{
	const char *why = "";

	if (!netns_is_unread(ns, what, &why))
		fail_msg("%s is not unread", what);
	if (!strstr(why, wanted))
		fail_msg("%s: %s", what, why);
}

/* As somebody who may not open them. */
static void what_cannot_be_opened_is_unread_and_not_absent(void **state)
{
	static const char *const parts[] = { "conntrack", "br_netfilter", "queues",
		"sysctl net.netfilter.nf_conntrack_*", "sysctl net.ipv4.ip_forward" };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct netns *own;

	(void)state;
	own = &read_host(arena)->netns[0];
	for (size_t i = 0; i < N_OF(parts); i++)
		assert_false(netns_is_unread(own, parts[i], NULL));
	net_sh("d=/proc/sys/net; mount -t tmpfs -o mode=700 x $d/netfilter;"
	       "mount -t tmpfs -o mode=700 x $d/bridge;"
	       "echo 1 > /run/secret; chmod 600 /run/secret; mount --bind /run/secret $d/ipv4/ip_forward");
	/* /proc/net/netfilter lets root's group read as well */
	assert_int_equal(setgroups(0, NULL), 0);
	assert_int_equal(setresgid(65534, 65534, 0), 0);
	assert_int_equal(setresuid(65534, 65534, 0), 0);
	own = &read_host(arena)->netns[0];
	assert_int_equal(setresuid(0, 0, 0), 0);
	assert_int_equal(setresgid(0, 0, 0), 0);
	net_sh("d=/proc/sys/net; umount $d/netfilter $d/bridge $d/ipv4/ip_forward; rm /run/secret");
	for (size_t i = 0; i < N_OF(parts); i++)
		assert_unread(own, parts[i], "Permission denied");
	assert_false(own->has_br_netfilter);
	assert_false(netns_is_unread(own, "sysctl net.ipv4.ip_default_ttl", NULL));
	assert_string_equal(netns_sysctl(own, "net.ipv4.ip_default_ttl"), "64");
}

static void the_command_writes_what_can_be_loaded_again(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text first CLEANUP(text_done) = TEXT_INIT, second CLEANUP(text_done) = TEXT_INIT;
	const struct host *host = NULL;
	struct err err = { 0 };

	(void)state;
	build_bridge();
	net_sh("iptables-nft -A FORWARD -s 10.1.2.0/24 -j DROP;"
	       "\"$PORTWALL\" snapshot -o /run/a.pws >/run/a.out 2>&1;"
	       "! \"$PORTWALL\" snapshot -o /run/a.pws >/run/a.out 2>&1;"
	       "zcat /run/a.pws | sed '/^}$/q' | jq -e '.version == 2' >/run/a.out");
	if (!host_load(arena, (const char *const[]){ "/run/a.pws" }, 1, &host, &err))
		fail_msg("%s", err.text);
	host_print(&first, host);
	net_sh("zcat /run/a.pws >/run/a.json");
	assert_true(text_load(&second, "/run/a.json", 64 << 20, &err));
	assert_string_equal(first.data, second.data);
	assert_int_equal(link_of(&host->netns[0], "v0")->mtu, 1400);
	assert_non_null(link_of(netns_of(host, "blue"), "eth0"));
	net_sh("ip netns del blue; rm /run/a.*");
}

/* Leaves of a namespace what a sosreport has too. */
static const char *common_part(struct arena *arena, const struct netns *from)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct netns ns = { .name = "" };
	struct host host = { .name = "", .release = "", .netns = &ns, .n_netns = 1 };
	struct route *routes = arena_new_array(arena, struct route, from->n_routes + 1);

	ns.links = arena_new_array(arena, struct link, from->n_links + 1);
	ns.n_links = from->n_links;
	memcpy(ns.links, from->links, from->n_links * sizeof(*ns.links));
	for (size_t i = 0; i < ns.n_links; i++) {
		ns.links[i].peer_netns = ns.links[i].is_peer_away ? -1 : 0;
		ns.links[i].has_tx_checksum = ns.links[i].has_lro = false;
	}
	memcpy(routes, from->routes, from->n_routes * sizeof(*routes));
	for (size_t i = 0; i < from->n_routes; i++)
		routes[i].protocol = 0;
	ns.routes = routes;
	ns.n_routes = from->n_routes;
	ns.addresses = from->addresses;
	ns.n_addresses = from->n_addresses;
	ns.rules = from->rules;
	ns.n_rules = from->n_rules;
	ns.fdb = from->fdb;
	ns.n_fdb = from->n_fdb;
	host_print(&out, &host);
	return arena_strdup(arena, out.data);
}

static void a_sosreport_says_what_the_kernel_says(void **state)
{
	static const char *const unread[] = { "links", "addresses", "routes", "rules", "neighbours",
		"fdb", "sysctls", "nft", "iptables-nft" };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct host *read, *host = NULL;
	const struct netns *blue;
	struct err err = { 0 };
	struct text of_sos CLEANUP(text_done) = TEXT_INIT, of_kernel CLEANUP(text_done) = TEXT_INIT;

	(void)state;
	build_bridge();
	net_sh("ip link add v8 type veth peer name v9; ip link set v9 up;"
	       "ip route add 10.9.0.0/16 metric 7 nexthop via 10.1.2.5 dev br0 weight 2 "
	       "nexthop via 10.1.2.6 dev br0; ip route add unreachable 10.10.0.0/16;"
	       "ip route add table 1234 default via 10.1.2.7 dev br0 src 10.1.2.1 mtu 1300;"
	       "ip -6 route add 2001:db8:5::/48 via 2001:db8::9 dev br0;"
	       "ip rule add pref 50 not from 10.1.0.0/16 iif v0 fwmark 0x10/0xf0 lookup 1234;"
	       "iptables-nft -A FORWARD -s 10.1.2.0/24 -j DROP;"
	       /* an address that is still looked for twice changes under way */
	       "for i in $(seq 100); do ip -6 address show tentative | grep -q . || break; sleep 0.1; done;"
	       "d=/run/sos/sos_commands; mkdir -p $d/networking $d/kernel; n=$d/networking;"
	       "ip -s -d link >$n/ip_-s_-d_link; ip -d address >$n/ip_-d_address;"
	       "ip route show table all >$n/ip_route_show_table_all;"
	       "ip -6 route show table all >$n/ip_-6_route_show_table_all;"
	       "ip -4 rule >$n/ip_-4_rule; ip -6 rule >$n/ip_-6_rule;"
	       "ip -s -s neigh show >$n/ip_-s_-s_neigh_show;"
	       "bridge -s -s -d -t fdb show >$n/bridge_-s_-s_-d_-t_fdb_show;"
	       "iptables-nft-save >$n/iptables-save; nft list ruleset >$n/nft_list_ruleset;"
	       "sysctl -a >$d/kernel/sysctl_-a 2>/run/a.out;"
	       "ip -n blue address show >$n/ip_netns_exec_blue_ip_address_show;"
	       "ip -n blue route show table all >$n/ip_netns_exec_blue_ip_route_show_table_all");
	read = read_host(arena);
	if (!host_load(arena, (const char *const[]){ "/run/sos" }, 1, &host, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < 7; i++) {
		const char *why = "";

		if (netns_is_unread(&host->netns[0], unread[i], &why))
			fail_msg("%s: %s", unread[i], why);
	}
	assert_true(netns_is_unread(&host->netns[0], "conntrack", NULL));
	text_add(&of_sos, common_part(arena, &host->netns[0]));
	text_add(&of_kernel, common_part(arena, &read->netns[0]));
	assert_string_equal(of_sos.data, of_kernel.data);
	assert_string_equal(netns_sysctl(&host->netns[0], "net.ipv4.conf.br0.rp_filter"),
		netns_sysctl(&read->netns[0], "net.ipv4.conf.br0.rp_filter"));
	assert_non_null(ruleset_table(host->netns[0].ruleset, FAMILY_IPV4, "filter"));
	blue = netns_of(host, "blue");
	assert_true(link_of(blue, "eth0")->is_peer_away);
	assert_int_equal(link_of(blue, "eth0")->peer_netns, -1);
	net_sh("ip netns del blue; rm -r /run/sos /run/a.out");
}

/* --- programs --- */

/* "r0 = -1; exit": TCX_NEXT, and of XDP an answer that aborts. Enum bpf_cmd and bpf_attach_type: */
#define TCX_INGRESS 46
#define XDP	    37
static int load_program(uint32_t type)
{
	static const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = type;
	attr.insn_cnt = N_OF(code);
	attr.insns = (uint64_t)(uintptr_t)code;
	attr.license = (uint64_t)(uintptr_t) "GPL";
	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

/* The link holds the program as long as this process lives. */
static void attach_program(uint32_t type, uint32_t where, const char *device)
{
	int program = load_program(type);
	union bpf_attr attr;

	assert_true(program >= 0);
	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)program;
	attr.link_create.target_ifindex = if_nametoindex(device);
	attr.link_create.attach_type = where;
	errno = 0;
	if (syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr)) < 0)
		fail_msg("%s: %s", device, strerror(errno));
}

static void programs_at_devices_and_ipsec_are_seen(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct netns *ns;

	(void)state;
	net_sh("ip link add filtered type veth peer name plain;"
	       "ip link add with-xdp type veth peer name with-tcx;"
	       "tc qdisc add dev filtered clsact;"
	       "tc filter add dev filtered egress protocol all u32 match u32 0 0 flowid 1:1;"
	       "tc qdisc add dev plain clsact;"
	       "ip xfrm policy add src 10.0.0.0/8 dst 10.1.0.0/16 dir out tmpl src 192.0.2.1 "
	       "dst 192.0.2.2 proto esp mode tunnel");
	attach_program(BPF_PROG_TYPE_XDP, XDP, "with-xdp");
	attach_program(BPF_PROG_TYPE_SCHED_CLS, TCX_INGRESS, "with-tcx");
	ns = netns_of(read_host(arena), "");
	assert_true(link_of(ns, "filtered")->has_tc_egress);
	assert_false(link_of(ns, "filtered")->has_tc_ingress);
	assert_false(link_of(ns, "plain")->has_tc_ingress);
	assert_false(link_of(ns, "plain")->has_tc_egress);
	assert_true(link_of(ns, "with-tcx")->has_tc_ingress);
	assert_false(link_of(ns, "with-tcx")->has_xdp);
	assert_true(link_of(ns, "with-xdp")->has_xdp);
	assert_int_equal(ns->n_xfrm_policies, 1);
	assert_false(netns_is_unread(ns, "tc", NULL) || netns_is_unread(ns, "xfrm", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(links_of_two_namespaces_are_read_and_joined, new_netns),
		cmocka_unit_test_setup(addresses_neighbours_and_the_fdb_are_read, new_netns),
		cmocka_unit_test_setup(routes_of_all_tables_and_rules_are_read, new_netns),
		cmocka_unit_test_setup(settings_of_links_are_those_of_proc, new_netns),
		cmocka_unit_test_setup(rulesets_sockets_and_conntrack_are_read, new_netns),
		cmocka_unit_test_setup(queues_and_who_listens_on_them_are_read, new_netns),
		cmocka_unit_test_setup(offloads_of_devices_are_read, new_netns),
		cmocka_unit_test_setup(programs_at_devices_and_ipsec_are_seen, new_netns),
		cmocka_unit_test_setup(what_cannot_be_opened_is_unread_and_not_absent, new_netns),
		cmocka_unit_test_setup(the_command_writes_what_can_be_loaded_again, new_netns),
		cmocka_unit_test_setup(a_sosreport_says_what_the_kernel_says, new_netns),
	};

	if (!net_main())
		return 0;
	return net_exit(cmocka_run_group_tests(tests, NULL, NULL));
}
