// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the kernel is said to have dropped, against what it was given to drop: one packet for each reason, each with a tag by which
 * it is known among whatever else the kernel drops meanwhile.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "capture/drops.h"
#include "net.h"

#define PORT_A "aaaaaaaa-0000-4000-8000-000000000001"
#define PORT_B "bbbbbbbb-0000-4000-8000-000000000002"
#define MAC_A  "02:00:00:00:00:0a"
#define MAC_B  "02:00:00:00:00:0b"

/* A sighting that is kept. */
struct heard {
	struct sighting sighting;
	uint8_t bytes[256];
};

struct hearing {
	struct arena *arena;
	VEC(struct heard) all;
};

static void keep(void *data, const struct sighting *sighting)
{
	struct hearing *hearing = data;
	struct heard *heard = vec_push(&hearing->all, hearing->arena);

	assert_int_equal(sighting->kind, SIGHTING_DROP);
	assert_true(sighting->size <= sizeof(heard->bytes));
	heard->sighting = *sighting;
	memcpy(heard->bytes, sighting->bytes, sighting->size);
	heard->sighting.bytes = NULL; /* was borrowed */
}

static void hear(struct drops *drops, struct hearing *hearing)
{
	struct err err = { 0 };
	size_t before;

	do {
		before = hearing->all.n;
		if (!drops_read(drops, keep, hearing, &err))
			fail_msg("%s", err.text);
	} while (hearing->all.n > before);
}

static struct drops *open_drops(unsigned per_second, unsigned total_places)
{
	struct drops_options options = { .per_second = per_second, .total_places = total_places };
	struct drops *drops = NULL;
	struct err err = { 0 };

	if (!drops_open(&options, &drops, &err))
		fail_msg("%s\n%s", err.text, err.next_step);
	return drops;
}

static uint64_t inode_of(int ns)
{
	struct stat st;

	assert_int_equal(fstat(ns, &st), 0);
	return st.st_ino;
}

static void watch(struct drops *drops, int ns, int ifindex)
{
	struct err err = { 0 };

	if (!drops_watch(drops, inode_of(ns), ifindex, &err))
		fail_msg("%s", err.text);
}

static int index_of(const struct net *net, int ns, const char *device)
{
	int index;

	net_enter(ns);
	index = (int)if_nametoindex(device);
	net_leave(net);
	assert_int_not_equal(index, 0);
	return index;
}

static struct net_frame frame_to(
	const struct net_end *from, struct mac eth_dst, const char *src, const char *dst)
{
	struct net_frame frame = { .packet = { .proto = PROTO_UDP, .sport = 1024, .dport = 7 } };

	assert_true(addr_parse(src, &frame.packet.src));
	assert_true(addr_parse(dst, &frame.packet.dst));
	frame.packet.ethertype =
		frame.packet.src.family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	frame.packet.eth_src = from->mac;
	frame.packet.eth_dst = eth_dst;
	return frame;
}

static size_t n_heard(const struct hearing *hearing, uint64_t tag)
{
	size_t n = 0;
	uint64_t found;

	vec_for_each (heard, &hearing->all) {
		n += net_tag_find(heard->bytes, heard->sighting.size, &found) && found == tag;
	}
	return n;
}

static const struct heard *the_one(const struct hearing *hearing, uint64_t tag)
{
	uint64_t found;

	if (n_heard(hearing, tag) != 1)
		fail_msg("%zu drops of one packet were seen, among %zu", n_heard(hearing, tag),
			hearing->all.n);
	vec_for_each (heard, &hearing->all) {
		if (net_tag_find(heard->bytes, heard->sighting.size, &found) && found == tag)
			return heard;
	}
	return NULL;
}

/* Where and why: of the namespace that is watched. */
struct place {
	int ns;
	const char *device, *reason, *function;
};

/* Sends it, and the kernel drops it there, with the bytes that it was sent with. */
static void is_dropped_once(struct drops *drops, struct net_end *from,
	const struct net_frame *frame, const struct place *place)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct hearing hearing = { .arena = arena };
	const struct sighting *sighting;
	struct timespec before, after;
	const struct heard *heard;
	struct net_wire wire;
	uint64_t tag;

	clock_gettime(CLOCK_REALTIME, &before);
	tag = net_send(from, frame);
	net_settle(from->net);
	clock_gettime(CLOCK_REALTIME, &after);
	hear(drops, &hearing);
	heard = the_one(&hearing, tag);
	sighting = &heard->sighting;
	assert_string_equal(sighting->reason, place->reason);
	assert_string_equal(sighting->function, place->function);
	assert_int_equal(sighting->netns, inode_of(place->ns));
	assert_int_equal(sighting->link, index_of(from->net, place->ns, place->device));
	assert_int_equal(net_frame_build(frame, tag, &wire, 1), 1);
	assert_true(sighting->has_ethernet);
	assert_int_equal(sighting->vlan_id, 0);
	assert_int_equal(sighting->size, wire.size);
	assert_int_equal(sighting->wire_size, wire.size);
	assert_memory_equal(heard->bytes, wire.data, wire.size);
	/* microseconds: the two clocks are read one after the other */
	assert_true(sighting->time_ns / 1000000 + 1 >=
		    (uint64_t)before.tv_sec * 1000 + (uint64_t)before.tv_nsec / 1000000);
	assert_true(sighting->time_ns / 1000000 <=
		    (uint64_t)after.tv_sec * 1000 + (uint64_t)after.tv_nsec / 1000000 + 1);
}

/* Two guests on one bridge. */
static struct net *shared(struct net_end **ret_a, struct net_end **ret_b)
{
	struct net *net = net_new(NET_SHARED);

	*ret_a = net_add_guest(net, PORT_A, MAC_A);
	*ret_b = net_add_guest(net, PORT_B, MAC_B);
	return net;
}

/* Between two guests, where that rule, or whatever else the command makes, is in the way. */
static void check_bridged(
	const char *command, const char *reason, const char *function, bool is_at_sender)
{
	struct net_end *a, *b;
	struct net *net CLEANUP(net_freep) = shared(&a, &b);
	struct drops *drops CLEANUP(drops_close) = open_drops(0, 0);
	struct net_frame frame = frame_to(a, b->mac, "10.0.0.10", "10.0.0.11");
	struct place place = { .ns = net->ns,
		.device = is_at_sender ? a->tap : b->tap,
		.reason = reason,
		.function = function };

	watch(drops, net->ns, 0);
	net_sh("%s", command);
	is_dropped_once(drops, a, &frame, &place);
	/* a second one has the same names, from the memory of the first */
	is_dropped_once(drops, a, &frame, &place);
}

static void a_rule_of_the_bridges_forward_hook(void **state)
{
	(void)state;
	check_bridged(
		"nft 'table bridge t { chain c { type filter hook forward priority 0; ip daddr 10.0.0.11 drop; }; }'",
		"NETFILTER_DROP", "nft_do_chain", false);
}

static void a_rule_of_iptables_nft_on_a_bridged_packet(void **state)
{
	(void)state;
	check_bridged("iptables-nft -A FORWARD -d 10.0.0.11 -j DROP", "NETFILTER_DROP",
		"nft_do_chain", false);
}

static void the_policy_of_a_chain(void **state)
{
	(void)state;
	check_bridged(
		"nft 'table ip t { chain c { type filter hook forward priority 0; policy drop; }; }'",
		"NETFILTER_DROP", "nft_do_chain", false);
}

static void a_rule_of_iptables_legacy(void **state)
{
	(void)state;
	if (!net_try_sh(NULL, "unshare -n iptables-legacy -A FORWARD -j DROP"))
		skip_because("no iptables-legacy in this kernel");
	check_bridged("iptables-legacy -A FORWARD -d 10.0.0.11 -j DROP", "NETFILTER_DROP",
		"nf_hook_slow", false);
}

static void ports_that_are_isolated_from_each_other(void **state)
{
	(void)state;
	check_bridged(
		"for p in $(ip -o link | grep -o 'tap[^@]*'); do bridge link set dev $p isolated on; done",
		"NOT_SPECIFIED", "br_handle_frame_finish", true);
}

static void what_the_host_does_not_route(void **state)
{
	static const struct {
		const char *command, *src, *dst, *reason, *function;
		uint8_t ttl;
	} cases[] = {
		{ "sysctl -qw net.ipv4.conf.all.rp_filter=1", "192.0.2.77", "192.0.2.2",
			"IP_RPFILTER", "ip_rcv_finish_core", 64 },
		{ "ip route flush default", "10.0.0.10", "198.51.100.1", "IP_INNOROUTES",
			"ip_error", 64 },
		{ "true", "10.0.0.10", "192.0.2.2", "IP_INHDR", "ip_forward", 1 },
		{ "true", "10.0.0.10", "127.0.0.1", "IP_LOCALNET", "ip_rcv_finish_core", 64 },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct net *net CLEANUP(net_freep) = net_new(NET_ROUTED);
		struct net_end *a = net_add_guest(net, PORT_A, MAC_A);
		struct drops *drops CLEANUP(drops_close) = open_drops(0, 0);
		struct net_frame frame = frame_to(a, net->bridge_mac, cases[i].src, cases[i].dst);
		struct place place = { .ns = net->ns,
			.device = "br0",
			.reason = cases[i].reason,
			.function = cases[i].function };

		net_add_neighbour(net, "10.0.0.10", a);
		frame.packet.ttl = cases[i].ttl;
		watch(drops, net->ns, 0);
		net_sh("%s", cases[i].command);
		is_dropped_once(drops, a, &frame, &place);
	}
}

static void a_port_that_nobody_listens_at(void **state)
{
	struct net_end *a, *b;
	struct net *net CLEANUP(net_freep) = shared(&a, &b);
	struct drops *drops CLEANUP(drops_close) = open_drops(0, 0);
	struct net_frame frame = frame_to(a, b->mac, "10.0.0.10", "10.0.0.11");
	struct place place = {
		.ns = b->ns, .device = "eth0", .reason = "NO_SOCKET", .function = "__udp4_lib_rcv"
	};

	(void)state;
	net_add_address(b, "10.0.0.11/24", NULL);
	watch(drops, b->ns, index_of(net, b->ns, "eth0"));
	is_dropped_once(drops, a, &frame, &place);
}

static const struct drop_total *total_to(
	const struct drop_total *totals, size_t n, const char *dst, uint16_t dport)
{
	const struct drop_total *ret = NULL;
	struct addr addr;

	assert_true(addr_parse(dst, &addr));
	for (size_t i = 0; i < n; i++) {
		if (!totals[i].has_addresses || addr_compare(&totals[i].dst, &addr) != 0 ||
			totals[i].dport != dport)
			continue;
		assert_null(ret);
		ret = &totals[i];
	}
	return ret;
}

static const struct drop_total *read_totals(struct arena *arena, struct drops *drops, size_t *ret_n)
{
	struct drop_total *totals = NULL;
	struct err err = { 0 };

	if (!drops_totals(arena, drops, &totals, ret_n, &err))
		fail_msg("%s", err.text);
	for (size_t i = 1; i < *ret_n; i++)
		assert_true(totals[i - 1].n >= totals[i].n);
	return totals;
}

static struct drops_lost lost_of(struct drops *drops)
{
	struct drops_lost lost;
	struct err err = { 0 };

	if (!drops_lost(drops, &lost, &err))
		fail_msg("%s", err.text);
	return lost;
}

/* A process of the host sends, and its own rule is in the way before there is a device. */
static void what_the_host_itself_sends_has_no_device_yet(void **state)
{
	struct net *net CLEANUP(net_freep) = net_new(NET_ROUTED);
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct drops *drops CLEANUP(drops_close) = open_drops(0, 0);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct hearing hearing = { .arena = arena };
	const struct drop_total *totals, *total;
	const struct heard *heard = NULL;
	size_t n;

	(void)state;
	watch(drops, net->ns, 0);
	net_sh("iptables-nft -A OUTPUT -d 192.0.2.2 -j DROP");
	assert_int_equal(inet_pton(AF_INET, NET_OUTSIDE_IPV4, &to.sin_addr), 1);
	assert_int_equal(sendto(fd, "abcdefgh", 8, 0, (struct sockaddr *)&to, sizeof(to)), -1);
	assert_int_equal(errno, EPERM);
	close(fd);
	hear(drops, &hearing);
	vec_for_each (one, &hearing.all) {
		if (one->sighting.size == 36 && !memcmp(one->bytes + 28, "abcdefgh", 8))
			heard = one;
	}
	assert_non_null(heard);
	assert_string_equal(heard->sighting.reason, "NETFILTER_DROP");
	assert_int_equal(heard->sighting.netns, inode_of(net->ns));
	assert_int_equal(heard->sighting.link, 0);
	assert_false(heard->sighting.has_ethernet);
	assert_int_equal(heard->sighting.ethertype, ETHERTYPE_IPV4);
	assert_int_equal(heard->sighting.wire_size, 36);
	totals = read_totals(arena, drops, &n);
	total = total_to(totals, n, NET_OUTSIDE_IPV4, 53);
	assert_non_null(total);
	assert_int_equal(total->n, 1);
	assert_int_equal(total->link, 0);
}

/* TCP takes the device away from a packet before it looks at it. */
static void what_tcp_refuses_is_of_the_device_that_it_came_by(void **state)
{
	struct net_end *a, *b;
	struct net *net CLEANUP(net_freep) = shared(&a, &b);
	struct drops *drops CLEANUP(drops_close) = open_drops(0, 0);
	struct net_frame frame = frame_to(a, b->mac, "10.0.0.10", "10.0.0.11");
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(7) };
	struct place place = {
		.ns = b->ns, .device = "eth0", .reason = "TCP_FLAGS", .function = "tcp_v4_do_rcv"
	};
	int fd;

	(void)state;
	net_add_address(b, "10.0.0.11/24", NULL);
	net_enter(b->ns);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	net_leave(net);
	watch(drops, b->ns, index_of(net, b->ns, "eth0"));
	frame.packet.proto = PROTO_TCP;
	frame.tcp_flags = NET_ACK;
	is_dropped_once(drops, a, &frame, &place);
	close(fd);
}

static void what_a_socket_has_no_room_for(void **state)
{
	struct net_end *a, *b;
	struct net *net CLEANUP(net_freep) = shared(&a, &b);
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct drops *drops CLEANUP(drops_close) = open_drops(0, 0);
	struct net_frame frame = frame_to(a, b->mac, "10.0.0.10", "10.0.0.11");
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(7) };
	const struct drop_total *totals, *total;
	int fd, small = 1, n_sent = 100;
	size_t n, n_taken = 0;
	char byte;

	(void)state;
	net_add_address(b, "10.0.0.11/24", NULL);
	net_enter(b->ns);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	net_leave(net);
	watch(drops, b->ns, index_of(net, b->ns, "eth0"));
	for (int i = 0; i < n_sent; i++)
		net_send(a, &frame);
	net_settle(net);
	while (recv(fd, &byte, 1, 0) >= 0)
		n_taken++;
	close(fd);
	assert_in_range(n_taken, 1, n_sent - 1);
	totals = read_totals(arena, drops, &n);
	total = total_to(totals, n, "10.0.0.11", 7);
	assert_non_null(total);
	assert_string_equal(total->reason, "SOCKET_RCVBUFF");
	assert_int_equal(total->n, n_sent - n_taken);
	assert_int_equal(total->link, index_of(net, b->ns, "eth0"));
}

static void a_tag_that_the_device_took_off_is_told(void **state)
{
	struct net_end *a, *b;
	struct net *net CLEANUP(net_freep) = shared(&a, &b);
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct drops *drops CLEANUP(drops_close) = open_drops(0, 0);
	struct net_frame frame = frame_to(a, b->mac, "10.0.0.10", "10.0.0.11");
	struct hearing hearing = { .arena = arena };
	const struct heard *heard;
	uint64_t tag;

	(void)state;
	frame.packet.ethertype = ETHERTYPE_VLAN;
	watch(drops, net->ns, 0);
	net_sh("nft 'table bridge t { chain c { type filter hook forward priority 0; drop; }; }'");
	tag = net_send(a, &frame);
	net_settle(net);
	hear(drops, &hearing);
	heard = the_one(&hearing, tag);
	assert_int_equal(heard->sighting.vlan_id, 100);
	assert_int_equal(heard->bytes[12] << 8 | heard->bytes[13], ETHERTYPE_IPV4);
}

static void totals_are_by_what_it_was_and_why(void **state)
{
	struct net_end *a, *b;
	struct net *net CLEANUP(net_freep) = shared(&a, &b);
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct drops *drops CLEANUP(drops_close) = open_drops(0, 0);
	struct net_frame v4 = frame_to(a, b->mac, "10.0.0.10", "10.0.0.11");
	struct net_frame v6 = frame_to(a, b->mac, "2001:db8::a", "2001:db8::b");
	struct net_frame icmp = frame_to(a, b->mac, "10.0.0.10", "10.0.0.12");
	struct net_frame arp = frame_to(a, b->mac, "10.0.0.10", "10.0.0.13");
	const struct drop_total *totals, *total;
	size_t n;

	(void)state;
	watch(drops, net->ns, index_of(net, net->ns, b->tap));
	net_sh("nft 'table bridge t { chain c { type filter hook forward priority 0; policy drop; udp dport 8 drop; ip ttl 3 drop; }; }'");
	/* by the policy and by a rule: two places in one function */
	for (int i = 0; i < 2; i++)
		net_send(a, &v4);
	v4.packet.ttl = 3;
	net_send(a, &v4);
	v4.packet.dport = 8;
	for (int i = 0; i < 5; i++)
		net_send(a, &v4);
	v6.packet.proto = PROTO_TCP;
	v6.packet.dport = 443;
	net_send(a, &v6);
	icmp.packet.proto = PROTO_ICMP;
	icmp.packet.icmp_type = 8;
	net_send(a, &icmp);
	arp.packet.ethertype = ETHERTYPE_ARP;
	assert_true(addr_parse("10.0.0.13", &arp.target));
	net_send(a, &arp);
	net_settle(net);

	totals = read_totals(arena, drops, &n);
	assert_int_equal(n, 5);
	assert_int_equal(totals[0].n, 5);
	assert_int_equal(totals[0].dport, 8);
	total = total_to(totals, n, "10.0.0.11", 7);
	assert_int_equal(total->n, 3);
	assert_int_equal(total->proto, PROTO_UDP);
	assert_int_equal(total->ethertype, ETHERTYPE_IPV4);
	assert_int_equal(total->netns, inode_of(net->ns));
	assert_int_equal(total->link, index_of(net, net->ns, b->tap));
	assert_string_equal(total->reason, "NETFILTER_DROP");
	assert_string_equal(total->function, "nft_do_chain");
	assert_true(total->first_ns < total->last_ns);
	assert_int_equal(total->bytes, 3 * (14 + 20 + 8 + NET_TAG_SIZE));
	total = total_to(totals, n, "2001:db8::b", 443);
	assert_int_equal(total->n, 1);
	assert_int_equal(total->proto, PROTO_TCP);
	assert_int_equal(total_to(totals, n, "10.0.0.12", 8)->proto, PROTO_ICMP);
	assert_int_equal(total_to(totals, n, "10.0.0.13", 0)->ethertype, ETHERTYPE_ARP);
}

/* Behind a header of IPv6's own; of the later pieces nobody knows the port. */
static void a_fragment_is_of_its_protocol_and_the_first_has_the_port(void **state)
{
	static const char *const sources[] = { "10.0.0.10", "2001:db8::a" };
	static const char *const targets[] = { "10.0.0.11", "2001:db8::b" };
	struct net_end *a, *b;
	struct net *net CLEANUP(net_freep) = shared(&a, &b);
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct drops *drops CLEANUP(drops_close) = open_drops(0, 0);
	const struct drop_total *totals, *total;
	size_t n;

	(void)state;
	watch(drops, net->ns, index_of(net, net->ns, b->tap));
	net_sh("nft 'table bridge t { chain c { type filter hook forward priority 0; policy drop; }; }'");
	for (size_t i = 0; i < N_OF(targets); i++) {
		struct net_frame frame = frame_to(a, b->mac, sources[i], targets[i]);

		frame.payload_size = 200;
		frame.fragment_size = 104;
		net_send(a, &frame);
	}
	net_settle(net);
	totals = read_totals(arena, drops, &n);
	assert_int_equal(n, 4);
	for (size_t i = 0; i < N_OF(targets); i++) {
		total = total_to(totals, n, targets[i], 7);
		assert_non_null(total);
		assert_int_equal(total->n, 1);
		assert_int_equal(total->proto, PROTO_UDP);
		total = total_to(totals, n, targets[i], 0);
		assert_non_null(total);
		assert_int_equal(total->n, 2);
		assert_int_equal(total->proto, PROTO_UDP);
	}
}

static void only_what_is_watched_is_told(void **state)
{
	struct net_end *a, *b;
	struct net *net CLEANUP(net_freep) = shared(&a, &b);
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct drops *drops CLEANUP(drops_close) = open_drops(0, 0);
	struct net_frame to_a = frame_to(b, a->mac, "10.0.0.11", "10.0.0.10");
	struct net_frame to_b = frame_to(a, b->mac, "10.0.0.10", "10.0.0.11");
	struct hearing hearing = { .arena = arena };
	int port = index_of(net, net->ns, b->tap), pair[2];
	struct pollfd poll_one = { .fd = drops_fd(drops), .events = POLLIN };
	struct err err = { 0 };
	uint64_t tag;
	size_t n;

	(void)state;
	net_sh("iptables-nft -P FORWARD DROP");
	watch(drops, net->ns, 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(write(pair[0], "no packet", 9), 9);
	close(pair[0]);
	close(pair[1]);
	read_totals(arena, drops, &n);
	assert_int_equal(n, 0);
	assert_true(drops_unwatch(drops, inode_of(net->ns), 0, &err));
	/* another namespace has a device of that number, too, or has not: it is not that one */
	watch(drops, a->ns, port);
	watch(drops, a->ns, 0);
	net_send(a, &to_b);
	net_settle(net);
	assert_int_equal(poll(&poll_one, 1, 0), 0);
	read_totals(arena, drops, &n);
	assert_int_equal(n, 0);

	watch(drops, net->ns, port);
	net_send(b, &to_a);
	net_settle(net);
	assert_int_equal(poll(&poll_one, 1, 0), 0);
	tag = net_send(a, &to_b);
	net_settle(net);
	assert_int_equal(poll(&poll_one, 1, 0), 1);
	hear(drops, &hearing);
	the_one(&hearing, tag);
	assert_int_equal(hearing.all.n, 1);
	assert_int_equal(poll(&poll_one, 1, 0), 0);

	assert_true(drops_unwatch(drops, inode_of(net->ns), port, &err));
	assert_true(drops_unwatch(drops, inode_of(net->ns), port, &err));
	net_send(a, &to_b);
	net_settle(net);
	assert_int_equal(poll(&poll_one, 1, 0), 0);
	read_totals(arena, drops, &n);
	assert_int_equal(n, 1); /* what was counted stays */

	assert_false(drops_watch(drops, 1ULL << 32, 1, &err));
	assert_int_equal(err.kind, ERR_INPUT);
	assert_false(drops_watch(drops, inode_of(net->ns), -1, &err));
}

static struct net_wire wire_of(const struct net_frame *frame, struct net *net)
{
	struct net_wire wire;

	assert_int_equal(net_frame_build(frame, net_new_tag(net), &wire, 1), 1);
	return wire;
}

static void a_flood_is_counted_to_the_last_and_sampled(void **state)
{
	const unsigned n_sent = 200000, per_second = 100;
	struct net_end *a, *b;
	struct net *net CLEANUP(net_freep) = shared(&a, &b);
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct drops *drops CLEANUP(drops_close) = open_drops(per_second, 0);
	struct net_frame frame = frame_to(a, b->mac, "10.0.0.10", "10.0.0.11");
	struct net_wire wire = wire_of(&frame, net);
	struct hearing hearing = { .arena = arena };
	const struct drop_total *totals;
	struct timespec begin, end;
	struct drops_lost lost;
	size_t n;

	(void)state;
	net_sh("iptables-nft -A FORWARD -d 10.0.0.11 -j DROP");
	watch(drops, net->ns, index_of(net, net->ns, b->tap));
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (unsigned i = 0; i < n_sent; i++) {
		net_send_wire(a, &wire);
		if (i % 1000 == 0)
			hear(drops, &hearing);
	}
	net_settle(net);
	clock_gettime(CLOCK_MONOTONIC, &end);
	hear(drops, &hearing);
	totals = read_totals(arena, drops, &n);
	lost = lost_of(drops);
	print_message("# %zu of %u were sampled in %ld s; unseen on the host: %llu\n",
		hearing.all.n, n_sent, (long)(end.tv_sec - begin.tv_sec),
		(unsigned long long)lost.unseen);
	assert_int_equal(n, 1);
	assert_int_equal(totals[0].n, n_sent);
	assert_int_equal(totals[0].bytes, (uint64_t)n_sent * wire.size);
	assert_int_equal(lost.totals, 0);
	assert_int_equal(hearing.all.n + lost.sightings, n_sent);
	assert_true(hearing.all.n >= per_second);
	assert_true(hearing.all.n <= (size_t)(end.tv_sec - begin.tv_sec + 2) * per_second);
}

static void what_is_not_read_soon_enough_is_counted(void **state)
{
	const unsigned n_sent = 5000;
	struct net_end *a, *b;
	struct net *net CLEANUP(net_freep) = shared(&a, &b);
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct drops *drops CLEANUP(drops_close) = open_drops(1000000, 0);
	struct net_frame frame = frame_to(a, b->mac, "10.0.0.10", "10.0.0.11");
	struct net_wire wire = wire_of(&frame, net);
	struct hearing hearing = { .arena = arena };
	size_t n;

	(void)state;
	net_sh("iptables-nft -A FORWARD -d 10.0.0.11 -j DROP");
	watch(drops, net->ns, index_of(net, net->ns, b->tap));
	for (unsigned i = 0; i < n_sent; i++)
		net_send_wire(a, &wire);
	net_settle(net);
	hear(drops, &hearing);
	assert_true(hearing.all.n > 1000 && hearing.all.n < 2000);
	assert_int_equal(hearing.all.n + lost_of(drops).sightings, n_sent);
	assert_int_equal(read_totals(arena, drops, &n)[0].n, n_sent);
}

static void where_there_is_no_room_for_addresses_the_rest_is_counted_together(void **state)
{
	struct net_end *a, *b;
	struct net *net CLEANUP(net_freep) = shared(&a, &b);
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct drops *drops CLEANUP(drops_close) = open_drops(0, 10);
	struct net_frame frame = frame_to(a, b->mac, "10.0.0.10", "10.0.0.11");
	const struct drop_total *totals;
	uint64_t sum = 0;
	size_t n;

	(void)state;
	net_sh("iptables-nft -A FORWARD -d 10.0.0.11 -j DROP");
	watch(drops, net->ns, index_of(net, net->ns, b->tap));
	for (int i = 0; i < 50; i++) {
		frame.packet.dport++;
		net_send(a, &frame);
	}
	net_settle(net);
	totals = read_totals(arena, drops, &n);
	assert_int_equal(n, 11);
	for (size_t i = 0; i < n; i++) {
		sum += totals[i].n;
		assert_int_equal(totals[i].is_rest, i == 0);
		assert_int_equal(totals[i].n, i == 0 ? 40 : 1);
		assert_int_equal(totals[i].has_addresses, i != 0);
		assert_string_equal(totals[i].function, "nft_do_chain");
	}
	assert_int_equal(sum, 50);
	assert_int_equal(lost_of(drops).totals, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_of_the_bridges_forward_hook),
		cmocka_unit_test(a_rule_of_iptables_nft_on_a_bridged_packet),
		cmocka_unit_test(the_policy_of_a_chain),
		cmocka_unit_test(a_rule_of_iptables_legacy),
		cmocka_unit_test(ports_that_are_isolated_from_each_other),
		cmocka_unit_test(what_the_host_does_not_route),
		cmocka_unit_test(a_port_that_nobody_listens_at),
		cmocka_unit_test(what_the_host_itself_sends_has_no_device_yet),
		cmocka_unit_test(what_a_socket_has_no_room_for),
		cmocka_unit_test(what_tcp_refuses_is_of_the_device_that_it_came_by),
		cmocka_unit_test(a_tag_that_the_device_took_off_is_told),
		cmocka_unit_test(totals_are_by_what_it_was_and_why),
		cmocka_unit_test(a_fragment_is_of_its_protocol_and_the_first_has_the_port),
		cmocka_unit_test(only_what_is_watched_is_told),
		cmocka_unit_test(a_flood_is_counted_to_the_last_and_sampled),
		cmocka_unit_test(what_is_not_read_soon_enough_is_counted),
		cmocka_unit_test(where_there_is_no_room_for_addresses_the_rest_is_counted_together),
	};

	if (!net_main())
		return 0;
	if (access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
		printf("1..0 # SKIP this kernel has no BTF\n");
		return 0;
	}
	return net_exit(cmocka_run_group_tests_name("drops", tests, NULL, NULL));
}
