// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The walk against the kernel: hosts with random settings, frames with random ends, and each frame
 * arrives where the walk says and nowhere else. The guests' namespaces are not read, so that a
 * path ends where the frame leaves the host by its tap. The hosts have seeds in a row, the same ones
 * each time until PORTWALL_SEED=N names the first of others; WALK_HOSTS=N: so many of each kind.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "explain/explain.h"
#include "kernel/kernel.h"
#include "net.h"
#include "packet/expr.h"
#include "packet/field.h"
#include "random.h"

#define N_HOSTS	 80 /* of each kind */
#define N_FRAMES 60

struct count {
	unsigned n_frames, n_arrived, n_lost, n_cannot_tell;
};

static struct packet random_packet(struct random *random, struct net *net,
	const struct net_end *from, const struct net_end *to)
{
	static const char *const addrs[] = { "10.0.0.10", "10.0.0.11", "10.0.0.1", "192.0.2.1",
		"192.0.2.2", "203.0.113.5", "127.0.0.1", "10.0.0.255", "255.255.255.255" };
	static const char *const addrs6[] = { "2001:db8::a", "2001:db8::b", "2001:db8::1",
		"2001:db8:ffff::1", "2001:db8:ffff::2", "2001:db8:7::5", "::1", "fe80::77" };
	static const uint8_t protos[] = { PROTO_UDP, PROTO_TCP, PROTO_IPIP, 250 };
	static const uint8_t ttls[] = { 64, 64, 64, 64, 2, 1 };
	struct packet packet = {
		.ethertype = ETHERTYPE_IPV4, .eth_src = from->mac, .eth_dst = to->mac
	};
	unsigned kind = random_below(random, 12);

	packet.proto = protos[random_below(random, N_OF(protos))];
	packet.ttl = ttls[random_below(random, N_OF(ttls))];
	packet.sport = (uint16_t)(1024 + random_below(random, 60000));
	packet.dport = random_below(random, 2) ? 80 : 443;
	packet.tcp_flags = TCP_SYN;
	assert_true(addr_parse(addrs[random_below(random, N_OF(addrs))], &packet.src));
	assert_true(addr_parse(addrs[random_below(random, N_OF(addrs))], &packet.dst));
	if (net->kind == NET_ROUTED && random_below(random, 3) == 0) {
		packet.ethertype = ETHERTYPE_IPV6;
		packet.proto = packet.proto == PROTO_IPIP ? 250 : packet.proto;
		assert_true(addr_parse(addrs6[random_below(random, N_OF(addrs6))], &packet.src));
		assert_true(addr_parse(addrs6[random_below(random, N_OF(addrs6))], &packet.dst));
	}
	if (kind < 3)
		packet.eth_dst = net->kind == NET_ROUTED && from == net->outside ? net->wan_mac
										 : net->bridge_mac;
	else if (kind == 3)
		memset(packet.eth_dst.bytes, 0xff, 6);
	else if (kind == 4)
		packet.eth_dst.bytes[4] ^= 0x77;
	else if (kind == 5)
		packet.eth_src.bytes[4] ^= 0x77;
	return packet;
}

static void set(
	int ns, struct random *random, const char *name, const char *const *values, size_t n)
{
	(void)ns;
	net_sh("sysctl -qw %s=%s", name, values[random_below(random, (unsigned)n)]);
}

static void random_rules(struct random *random)
{
	static const char *const chains[] = { "FORWARD", "FORWARD", "INPUT" };
	static const char *const matches[] = { "-p udp", "-p tcp --dport 80", "-p ipencap",
		"-s 10.0.0.10", "-d 10.0.0.11", "-i br0", "-o br0",
		"-m physdev --physdev-is-bridged", "-m conntrack --ctstate INVALID",
		"-m conntrack --ctstate NEW -p 250" };
	struct text text CLEANUP(text_done) = TEXT_INIT;
	const char *const argv[] = { "iptables-nft-restore", NULL };

	text_addf(&text, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD %s [0:0]\n:OUTPUT ACCEPT [0:0]\n",
		random_below(random, 4) ? "ACCEPT" : "DROP");
	for (unsigned i = 0; i < 4; i++) {
		const char *chain = chains[random_below(random, N_OF(chains))];
		const char *match = matches[random_below(random, N_OF(matches))];

		if (!strcmp(chain, "INPUT") && !strncmp(match, "-o", 2))
			continue;
		text_addf(&text, "-A %s %s -j %s\n", chain, match,
			random_below(random, 2) ? "DROP" : "ACCEPT");
	}
	/* the host's own ICMP quotes what it complains of, tag and all */
	text_add(&text, "-A OUTPUT -p icmp -j DROP\nCOMMIT\n");
	if (!net_try(text.data, NULL, argv))
		fail_msg("refused:\n%s", text.data);
	net_sh("ip6tables-nft -A OUTPUT -p icmpv6 -j DROP");
	if (random_below(random, 2))
		net_sh("ip6tables-nft -A FORWARD -d 2001:db8::b -j DROP");
}

/* NAT of either direction, on bridged packets too where br_netfilter shows them. */
static void random_nat(struct random *random)
{
	static const char *const dnats[] = { "tcp dport 80 dnat to 10.0.0.11",
		"tcp dport 80 dnat to 192.0.2.2", "udp dport 443 dnat to 10.0.0.10",
		"ip daddr 10.0.0.10 dnat to 203.0.113.5", "udp dport 80 redirect to :90",
		"ip protocol 250 dnat to 10.0.0.1" };
	static const char *const snats[] = { "oifname \"wan0\" masquerade", "masquerade",
		"ip saddr 10.0.0.10 snat to 10.0.0.77", "oifname \"br0\" snat to 192.0.2.1" };
	static const char *const argv[] = { "nft", "-f", "-", NULL };
	struct text text CLEANUP(text_done) = TEXT_INIT, out CLEANUP(text_done) = TEXT_INIT;

	text_addf(&text,
		"table ip walk {\nchain pre { type nat hook prerouting priority dstnat; %s; }\n"
		"chain post { type nat hook postrouting priority srcnat; %s; }\n}\n",
		dnats[random_below(random, N_OF(dnats))], snats[random_below(random, N_OF(snats))]);
	if (!net_try(text.data, &out, argv))
		fail_msg("%s%s", text.data, out.data);
}

/* Sysctls, flags of ports, rules: of the namespace that the process is in. */
static void random_settings(struct random *random, struct net *net)
{
	static const char *const bools[] = { "0", "1" }, *const filters[] = { "0", "0", "1", "2" };
	static const char *const flags[] = { "isolated", "hairpin", "flood", "bcast_flood" };

	random_rules(random);
	if (random_below(random, 2))
		random_nat(random);
	net_sh("ip link set br0 type bridge nf_call_iptables %u", random_below(random, 2));
	for (size_t i = 0; i < net->n_ends; i++)
		for (size_t f = 0; f < N_OF(flags); f++)
			net_sh("bridge link set dev %s %s %s", net->ends[i]->tap, flags[f],
				random_below(random, f < 2 ? 3 : 6) == 0 ? (f < 2 ? "on" : "off")
									 : (f < 2 ? "off" : "on"));
	if (net->kind != NET_ROUTED)
		return;
	set(net->ns, random, "net.ipv4.conf.all.rp_filter", filters, N_OF(filters));
	set(net->ns, random, "net.ipv4.conf.br0.rp_filter", filters, N_OF(filters));
	set(net->ns, random, "net.ipv4.conf.wan0.rp_filter", filters, N_OF(filters));
	set(net->ns, random, "net.ipv4.conf.wan0.forwarding", bools, N_OF(bools));
	set(net->ns, random, "net.ipv4.conf.br0.accept_local", bools, N_OF(bools));
	if (random_below(random, 3) == 0)
		net_sh("ip route replace blackhole 203.0.113.0/24");
}

/* The frame leaves the host by this device on some path. */
static bool is_said_to_leave(const struct explanation *explanation, const char *device)
{
	for (size_t i = 0; i < explanation->leaves.n; i++) {
		const struct leaf *leaf = explanation->leaves.items[i];

		if (leaf->final == FINAL_CANNOT_TELL && strstr(leaf->why, "the other end of") &&
			!strcmp(leaf->last->link->name, device))
			return true;
	}
	return false;
}

static bool is_told(const struct explanation *explanation)
{
	for (size_t i = 0; i < explanation->leaves.n; i++) {
		const struct leaf *leaf = explanation->leaves.items[i];

		if (leaf->final == FINAL_CANNOT_TELL && !strstr(leaf->why, "the other end of"))
			return false;
		/* a neighbour that nobody knows: whether it answers is not the walk's to say */
		if (leaf->last->packet->unknown & FIELD_BIT(FIELD_ETH_DST))
			return false;
	}
	return true;
}

static void print_paths(const struct explanation *explanation)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < explanation->leaves.n; i++) {
		const struct leaf *leaf = explanation->leaves.items[i];

		for (const struct node *node = leaf->last; node; node = node->before) {
			text_add(&text, "#   ");
			node_print(&text, node);
			text_add(&text, "\n");
		}
		text_addf(&text, "# = %s %s %s\n", final_name(leaf->final), drop_name(leaf->drop),
			leaf->why ? leaf->why : "");
	}
	printf("%s", text.data);
}

static void check_end(uint64_t seed, const struct explanation *explanation,
	const struct packet *packet, struct net_end *from, struct net_end *to, uint64_t tag)
{
	bool is_said = is_said_to_leave(explanation, to->tap), is_seen = net_saw(to, tag);
	struct text text CLEANUP(text_done) = TEXT_INIT, out CLEANUP(text_done) = TEXT_INIT;

	if (is_said == is_seen)
		return;
	packet_expr_print(&text, packet);
	print_paths(explanation);
	net_try_sh(&out, "iptables-nft-save -c; nft list table ip walk; sysctl -a 2>/dev/null | "
			 "grep -E 'ipv4.conf.*(rp_filter|forwarding|accept_local) = [12]'");
	printf("%s\n", out.data);
	fail_msg(
		"seed %lu: from %s \"%s\": the walk says that %s %s it, the kernel says the opposite",
		(unsigned long)seed, from->name, text.data, to->name,
		is_said ? "gets" : "does not get");
}

static void check_host(enum net_kind kind, uint64_t seed, struct count *count)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct random random = { seed };
	struct net *net CLEANUP(net_freep) = net_new(kind);
	struct net_end *ends[3];
	struct packet packets[N_FRAMES];
	struct net_end *froms[N_FRAMES];
	uint64_t tags[N_FRAMES];
	const struct explainer *explainer;
	const struct host *host;
	struct err err = { 0 };

	ends[0] = net_add_guest(net, "aaaaaaaa-11", "02:00:00:00:00:0a");
	ends[1] = net_add_guest(net, "bbbbbbbb-22", "02:00:00:00:00:0b");
	ends[2] = net->outside;
	if (kind == NET_ROUTED) {
		net_add_neighbour(net, "10.0.0.10", ends[0]);
		net_add_neighbour(net, "10.0.0.11", ends[1]);
		net_add_neighbour(net, "2001:db8::a", ends[0]);
		net_add_neighbour(net, "2001:db8::b", ends[1]);
	}
	random_settings(&random, net);
	if (!kernel_host_read(arena, &(struct host_read_options){ .only_own = true }, &host, &err))
		fail_msg("%s", err.text);
	explainer = explainer_new(arena, host);
	for (size_t i = 0; i < N_FRAMES; i++) {
		struct net_frame frame = { 0 };

		froms[i] = ends[random_below(&random, 3)];
		packets[i] = random_packet(&random, net, froms[i], ends[random_below(&random, 3)]);
		frame.packet = packets[i];
		tags[i] = net_send(froms[i], &frame);
		net_settle(net);
		net_flush_conntrack(net);
	}
	for (size_t i = 0; i < N_FRAMES; i++) {
		struct query query = {
			.packet = packets[i], .from = FROM_DEVICE, .ns = &host->netns[0]
		};
		const struct explanation *explanation;

		query.in = netns_link(query.ns, froms[i]->tap);
		assert_non_null(query.in);
		explanation = explain(arena, explainer, &query);
		count->n_frames++;
		if (!is_told(explanation)) {
			count->n_cannot_tell++;
			if (getenv("WALK_VERBOSE"))
				print_paths(explanation);
			continue;
		}
		for (size_t e = 0; e < 3; e++) {
			check_end(seed, explanation, &packets[i], froms[i], ends[e], tags[i]);
			count->n_arrived += net_saw(ends[e], tags[i]);
			count->n_lost += !net_saw(ends[e], tags[i]);
		}
	}
}

static void check_kind(enum net_kind kind)
{
	uint64_t first = random_seeded_or(1).state;
	const char *wanted = getenv("WALK_HOSTS");
	unsigned n = wanted ? (unsigned)strtoul(wanted, NULL, 10) : N_HOSTS;
	struct count count = { 0 };

	for (unsigned i = 0; i < n; i++)
		check_host(kind, first + i, &count);
	printf("# %u frames: %u times one arrived, %u times not; %u could not be told\n",
		count.n_frames, count.n_arrived, count.n_lost, count.n_cannot_tell);
	/* a walk that tells nothing proves nothing */
	assert_true(count.n_arrived > count.n_frames / 20);
	assert_true(count.n_cannot_tell < count.n_frames / 4);
}

static void frames_on_a_shared_bridge_arrive_where_the_walk_says(void **state)
{
	(void)state;
	check_kind(NET_SHARED);
}

static void frames_at_a_router_arrive_where_the_walk_says(void **state)
{
	(void)state;
	check_kind(NET_ROUTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_on_a_shared_bridge_arrive_where_the_walk_says),
		cmocka_unit_test(frames_at_a_router_arrive_where_the_walk_says),
	};

	if (!net_main())
		return 0;
	return net_exit(cmocka_run_group_tests(tests, NULL, NULL));
}
