// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A packet is known again wherever the kernel shows it: in the traces of netfilter, which have pieces of its headers, before and
 * behind NAT and routing, and on the wire that it leaves by. Two packets of one flow are two.
 */
#include "unit.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "capture/inject.h"
#include "net.h"
#include "packet/expr.h"
#include "packet/frame.h"

#define GUEST_PORT   "aaaaaaaa-0000-4000-8000-000000000001"
#define GUEST_TAP    "tapaaaaaaaa-00"
#define MACS	     " mac 02:00:00:00:00:0a > 02:00:00:00:fe:01"
#define PAYLOAD_SIZE 40
#define MAX_EVENTS   256

/* What is done to a frame of frame_build before it is sent. */
enum change { AS_BUILT, WITH_OPTIONS, WITH_EXTENSION };

static const struct row {
	const char *packet;
	enum change change;
	bool has_no_nat;
} rows[] = {
	{ "tcp 10.0.0.10:1111 " NET_OUTSIDE_IPV4 ":80", AS_BUILT, false },
	{ "tcp 10.0.0.10:1111 " NET_OUTSIDE_IPV4 ":80 ttl 9 tos 4 df", AS_BUILT, false },
	{ "udp 10.0.0.10:1111 " NET_OUTSIDE_IPV4 ":53", AS_BUILT, false },
	{ "udp 10.0.0.10:1111 " NET_OUTSIDE_IPV4 ":53", WITH_OPTIONS, false },
	/* conntrack (6.18, udplite_error) calls an honest UDP-Lite packet invalid */
	{ "udplite 10.0.0.10:1111 " NET_OUTSIDE_IPV4 ":53", AS_BUILT, true },
	{ "sctp 10.0.0.10:1111 " NET_OUTSIDE_IPV4 ":53", AS_BUILT, false },
	{ "icmp 10.0.0.10 " NET_OUTSIDE_IPV4, AS_BUILT, false },
	{ "ipip 10.0.0.10 " NET_OUTSIDE_IPV4, AS_BUILT, false },
	{ "47 10.0.0.10 " NET_OUTSIDE_IPV4, AS_BUILT, false },
	{ "250 10.0.0.10 " NET_OUTSIDE_IPV4, AS_BUILT, false },
	{ "tcp [2001:db8::a]:1111 [" NET_OUTSIDE_IPV6 "]:80", AS_BUILT, false },
	{ "udp [2001:db8::a]:1111 [" NET_OUTSIDE_IPV6 "]:80", AS_BUILT, false },
	{ "udp [2001:db8::a]:1111 [" NET_OUTSIDE_IPV6 "]:80", WITH_EXTENSION, false },
	{ "icmpv6 2001:db8::a " NET_OUTSIDE_IPV6, AS_BUILT, false },
	{ "250 2001:db8::a " NET_OUTSIDE_IPV6, AS_BUILT, false },
};

struct wire {
	uint8_t bytes[512];
	size_t size;
};

/* The numbers of a frame, and what it is. */
struct known {
	uint64_t identity, payload;
	struct packet packet;
};

static struct known know(const struct wire *wire)
{
	struct frame frame = { .bytes = wire->bytes,
		.size = wire->size,
		.wire_size = wire->size,
		.has_ethernet = true };
	struct frame_layout layout;
	struct known known = { 0 };

	assert_true(frame_parse(&frame, &known.packet, &layout));
	assert_null(layout.malformed);
	known.identity = frame_identity(
		wire->bytes + layout.network, wire->size - layout.network, layout.ethertype);
	known.payload = frame_payload_identity(&frame, &layout);
	return known;
}

static void make_room(struct wire *wire, size_t at, size_t size)
{
	memmove(wire->bytes + at + size, wire->bytes + at, wire->size - at);
	memset(wire->bytes + at, 0, size);
	wire->size += size;
}

static void change_wire(struct wire *wire, enum change change)
{
	uint8_t *ip = wire->bytes + 14;
	uint32_t sum;

	if (change == WITH_OPTIONS) { /* four that say nothing */
		make_room(wire, 14 + 20, 4);
		memset(ip + 20, 1, 4);
		ip[0]++;
		ip[3] = (uint8_t)(ip[3] + 4);
		ip[10] = ip[11] = 0;
		sum = ~frame_sum(0, ip, 24);
		ip[10] = (uint8_t)(sum >> 8);
		ip[11] = (uint8_t)sum;
	} else if (change == WITH_EXTENSION) { /* destination options: padding */
		make_room(wire, 14 + 40, 8);
		ip[40] = ip[6];
		ip[42] = 1;
		ip[43] = 4;
		ip[6] = 60;
		ip[5] = (uint8_t)(ip[5] + 8);
	}
}

static struct wire wire_of(struct net *net, const struct row *row, uint64_t *ret_tag)
{
	uint8_t payload[PAYLOAD_SIZE] = { 0 };
	struct packet packet;
	struct wire wire = { 0 };
	struct err err;
	char text[200];

	*ret_tag = net_new_tag(net);
	for (size_t i = 0; i < NET_TAG_SIZE; i++)
		payload[PAYLOAD_SIZE - 1 - i] = (uint8_t)(*ret_tag >> 8 * i);
	snprintf(text, sizeof(text), "%s" MACS, row->packet);
	if (!packet_expr_parse(text, &packet, &err) ||
		!frame_build(&packet, payload, sizeof(payload), wire.bytes, sizeof(wire.bytes),
			&wire.size, &err))
		fail_msg("%s: %s", text, err.text);
	change_wire(&wire, row->change);
	return wire;
}

/* --- traces --- */

struct event {
	const struct nlattr *chain, *network, *transport;
};

static int read_attr(const struct nlattr *attr, void *data)
{
	struct event *event = data;

	if (mnl_attr_get_type(attr) == NFTA_TRACE_CHAIN)
		event->chain = attr;
	else if (mnl_attr_get_type(attr) == NFTA_TRACE_NETWORK_HEADER)
		event->network = attr;
	else if (mnl_attr_get_type(attr) == NFTA_TRACE_TRANSPORT_HEADER)
		event->transport = attr;
	return MNL_CB_OK;
}

/* The numbers that the kernel's pieces have, with the chains they come of. */
struct traced {
	struct {
		char chain[32];
		uint64_t identity;
	} seen[MAX_EVENTS];
	size_t n;
};

static int read_event(const struct nlmsghdr *nlh, void *data)
{
	struct traced *traced = data;
	struct event event = { 0 };
	const uint8_t *network;
	uint16_t ethertype;

	if ((nlh->nlmsg_type & 0xff) != NFT_MSG_TRACE)
		return MNL_CB_OK;
	mnl_attr_parse(nlh, sizeof(struct nfgenmsg), read_attr, &event);
	if (!event.network || !event.chain)
		return MNL_CB_OK;
	assert_true(traced->n < MAX_EVENTS);
	network = mnl_attr_get_payload(event.network);
	ethertype = network[0] >> 4 == 6   ? ETHERTYPE_IPV6
		    : network[0] >> 4 == 4 ? ETHERTYPE_IPV4
					   : ETHERTYPE_ARP;
	snprintf(traced->seen[traced->n].chain, sizeof(traced->seen[traced->n].chain), "%s",
		mnl_attr_get_str(event.chain));
	traced->seen[traced->n++].identity =
		frame_identity_of_pieces(network, mnl_attr_get_payload_len(event.network),
			event.transport ? mnl_attr_get_payload(event.transport) : NULL,
			event.transport ? mnl_attr_get_payload_len(event.transport) : 0, ethertype);
	return MNL_CB_OK;
}

static struct mnl_socket *open_traces(void)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int group = NFNLGRP_NFTRACE;

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
		mnl_socket_setsockopt(nl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		fail_msg("no traces");
	return nl;
}

static void read_traces(struct mnl_socket *nl, struct traced *ret)
{
	_Alignas(struct nlmsghdr) char buf[65536];
	ssize_t size;

	ret->n = 0;
	while ((size = mnl_socket_recvfrom(nl, buf, sizeof(buf))) > 0)
		mnl_cb_run(buf, (size_t)size, 0, 0, read_event, ret);
}

/* --- */

static struct net *tracing_net(struct mnl_socket **ret_traces)
{
	struct net *net = net_new(NET_ROUTED);

	net_add_guest(net, GUEST_PORT, "02:00:00:00:00:0a");
	net_sh("nft 'table bridge t { chain bridge_pre { type filter hook prerouting priority 0; "
	       "iifname \"" GUEST_TAP "\" meta nftrace set 1; }; "
	       "chain bridge_in { type filter hook input priority 0; meta mark 1; }; }; "
	       "table inet t { chain pre { type filter hook prerouting priority 0; meta mark 1; }; "
	       "chain forward { type filter hook forward priority 0; ct state invalid counter; }; "
	       "chain post { type filter hook postrouting priority 500; meta mark 1; }; "
	       "chain nat { type nat hook postrouting priority 100; oifname wan0 meta l4proto "
	       "{ tcp, udp, sctp } masquerade to :20000-30000; oifname wan0 masquerade; }; }'");
	*ret_traces = open_traces();
	return net;
}

static void inject(const struct wire *wire)
{
	struct inject *inject CLEANUP(inject_close) = NULL;
	struct err err;

	if (!inject_open(NULL, &inject, &err) ||
		!inject_frame(inject, GUEST_TAP, wire->bytes, wire->size, &err))
		fail_msg("%s", err.text);
}

/* What outside receives; whatever the kernel sends by itself has no tag. */
static struct wire receive(const struct net *net, uint64_t tag)
{
	struct wire wire = { 0 };
	uint64_t found;
	ssize_t size;

	while ((size = recv(net->outside->fd, wire.bytes, sizeof(wire.bytes), MSG_DONTWAIT)) > 0) {
		wire.size = (size_t)size;
		if (net_tag_find(wire.bytes, wire.size, &found) && found == tag)
			return wire;
	}
	fail_msg("it does not arrive");
	return wire;
}

static void check_traces(const struct traced *traced, bool is_arp, uint64_t identity)
{
	static const char *const chains[] = { "bridge_pre", "bridge_in", "pre", "forward", "nat",
		"post" };

	for (size_t i = 0; i < (is_arp ? 2 : N_OF(chains)); i++) {
		size_t n = 0;

		for (size_t j = 0; j < traced->n; j++) {
			if (strcmp(traced->seen[j].chain, chains[i]) != 0)
				continue;
			n++;
			if (traced->seen[j].identity != identity)
				fail_msg("chain %s sees another packet", chains[i]);
		}
		/* a chain of NAT is only for packets that begin a flow */
		if (!n && strcmp(chains[i], "nat") != 0)
			fail_msg("chain %s sees none", chains[i]);
	}
}

static void a_packet_is_the_same_in_every_chain_and_behind_nat(void **state)
{
	struct mnl_socket *traces;
	struct net *net CLEANUP(net_freep) = tracing_net(&traces);

	(void)state;
	for (size_t i = 0; i < N_OF(rows); i++) {
		uint64_t before_last = 0;

		for (int n = 0; n < 3; n++) {
			struct traced traced;
			uint64_t tag;
			struct wire sent = wire_of(net, &rows[i], &tag), came;
			struct known before = know(&sent), after;

			print_message("# %s, %d\n", rows[i].packet, n);
			inject(&sent);
			net_settle(net);
			came = receive(net, tag);
			after = know(&came);
			assert_int_equal(addr_compare(&before.packet.src, &after.packet.src) == 0,
				rows[i].has_no_nat);
			assert_true(!after.packet.sport || rows[i].has_no_nat ||
				    after.packet.sport >= 20000);
			assert_int_equal(after.packet.ttl, before.packet.ttl - 1);
			assert_true(before.identity != 0 && before.identity == after.identity);
			assert_true(before.payload == after.payload);
			assert_true(before.payload != 0);
			assert_true(before.identity != before_last);
			before_last = before.identity;
			read_traces(traces, &traced);
			check_traces(&traced, false, before.identity);
		}
	}
	mnl_socket_close(traces);
}

static void arp_is_known_again_too(void **state)
{
	static const struct row row = { "arp 10.0.0.10 " NET_BR0_IPV4, AS_BUILT, true };
	struct mnl_socket *traces;
	struct net *net CLEANUP(net_freep) = tracing_net(&traces);
	struct traced traced;
	uint64_t tag;
	struct wire sent = wire_of(net, &row, &tag);

	(void)state;
	inject(&sent);
	net_settle(net);
	read_traces(traces, &traced);
	check_traces(&traced, true, know(&sent).identity);
	mnl_socket_close(traces);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_is_the_same_in_every_chain_and_behind_nat),
		cmocka_unit_test(arp_is_known_again_too),
	};

	if (!net_main())
		return 0;
	return net_exit(cmocka_run_group_tests(tests, NULL, NULL));
}
