// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "net.h"
#include "netbeside.h"

/*
 * The harness itself, on hosts without portwall: what the other tests conclude from a frame that
 * did not arrive is worth as much as this.
 */

#define PORT_A "aaaaaaaa-0000-4000-8000-000000000001"
#define PORT_B "bbbbbbbb-0000-4000-8000-000000000002"
#define MAC_A  "02:00:00:00:00:0a"
#define MAC_B  "02:00:00:00:00:0b"

static struct net_frame frame_of(const char *src, const char *dst, uint8_t proto)
{
	static uint16_t next_port = 1024;
	struct net_frame frame = { 0 };

	assert_true(addr_parse(src, &frame.packet.src));
	assert_true(addr_parse(dst, &frame.packet.dst));
	frame.packet.proto = proto;
	frame.packet.ethertype =
		frame.packet.src.family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	frame.packet.sport = next_port++;
	frame.packet.dport = 7;
	if (next_port == 60000)
		next_port = 1024;
	return frame;
}

static struct net_frame between(
	const struct net_end *from, const struct net_end *to, enum family family, uint8_t proto)
{
	struct net_frame frame = family == FAMILY_IPV6
					 ? frame_of("2001:db8::a", "2001:db8::b", proto)
					 : frame_of("10.0.0.10", "10.0.0.11", proto);

	frame.packet.eth_src = from->mac;
	frame.packet.eth_dst = to->mac;
	if (proto == PROTO_ICMP)
		frame.packet.icmp_type = 8;
	if (proto == PROTO_ICMPV6)
		frame.packet.icmp_type = 128;
	return frame;
}

static const uint8_t protocols[] = { PROTO_TCP, PROTO_UDP, PROTO_UDPLITE, PROTO_SCTP, PROTO_DCCP,
	PROTO_IPIP, 2, 47, 50, 51, 94, 112, 250 };

static bool arrives(struct net_end *from, struct net_end *to, const struct net_frame *frame)
{
	uint64_t tag = net_send(from, frame);
	unsigned times;

	net_settle(from->net);
	times = net_saw_times(to, tag);
	assert_true(times <= 1);
	return times == 1;
}

static void check_protocols(struct net_end *from, struct net_end *to)
{
	for (int family = 0; family < N_IP_FAMILIES; family++) {
		for (size_t i = 0; i < N_OF(protocols); i++) {
			struct net_frame frame = between(from, to, family, protocols[i]);

			if (!arrives(from, to, &frame))
				fail_msg("%s > %s: %s protocol %u is lost", from->name, to->name,
					family_name(family), protocols[i]);
		}
	}
}

static void check_frame_types(struct net_end *from, struct net_end *to)
{
	static const uint16_t types[] = { ETHERTYPE_ARP, ETHERTYPE_RARP, ETHERTYPE_VLAN,
		ETHERTYPE_QINQ, ETHERTYPE_PPPOE, 0x88cc, 0x88b6, 0x0026 };

	for (size_t i = 0; i < N_OF(types); i++) {
		struct net_frame frame = between(from, to, FAMILY_IPV4, PROTO_UDP);

		frame.packet.ethertype = types[i];
		if (!arrives(from, to, &frame))
			fail_msg("%s > %s: ethertype 0x%04x is lost", from->name, to->name,
				types[i]);
	}
}

static void check_pair(struct net_end *a, struct net_end *b)
{
	check_protocols(a, b);
	check_protocols(b, a);
	check_frame_types(a, b);
	check_frame_types(b, a);
	assert_int_equal(a->n_strays, 0);
	assert_int_equal(b->n_strays, 0);
}

static void every_frame_arrives_on_a_shared_bridge(void **state)
{
	struct net *net CLEANUP(net_freep) = net_new(NET_SHARED);
	struct net_end *a = net_add_guest(net, PORT_A, MAC_A);
	struct net_end *b = net_add_guest(net, PORT_B, MAC_B);

	(void)state;
	check_pair(a, net->outside);
	check_pair(a, b);
}

static void every_frame_arrives_between_hybrid_bridges(void **state)
{
	struct net *net CLEANUP(net_freep) = net_new(NET_HYBRID);
	struct net_end *a = net_add_guest(net, PORT_A, MAC_A);
	struct net_end *b = net_add_guest(net, PORT_B, MAC_B);

	(void)state;
	check_pair(a, net->outside);
	check_pair(a, b);
}

static struct net *routed(struct net_end **ret_a)
{
	struct net *net = net_new(NET_ROUTED);
	struct net_end *a = net_add_guest(net, PORT_A, MAC_A);

	net_add_neighbour(net, "10.0.0.10", a);
	net_add_neighbour(net, "2001:db8::a", a);
	*ret_a = a;
	return net;
}

static void frames_to_the_host_and_through_it_arrive(void **state)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_UDP, PROTO_UDPLITE, PROTO_SCTP, 47,
		250 };
	struct net_end *a;
	struct net *net CLEANUP(net_freep) = routed(&a);

	(void)state;
	for (size_t i = 0; i < N_OF(protos); i++) {
		struct net_frame out = frame_of("10.0.0.10", NET_OUTSIDE_IPV4, protos[i]);
		struct net_frame out6 = frame_of("2001:db8::a", NET_OUTSIDE_IPV6, protos[i]);
		struct net_frame in = frame_of(NET_OUTSIDE_IPV4, "10.0.0.10", protos[i]);
		struct net_frame in6 = frame_of(NET_OUTSIDE_IPV6, "2001:db8::a", protos[i]);
		struct net_frame host = frame_of("10.0.0.10", NET_BR0_IPV4, protos[i]);
		struct net_frame host6 = frame_of("2001:db8::a", NET_BR0_IPV6, protos[i]);
		struct net_frame from = frame_of(NET_BR0_IPV4, "10.0.0.10", protos[i]);
		struct net_frame from6 = frame_of(NET_BR0_IPV6, "2001:db8::a", protos[i]);

		out.packet.eth_src = out6.packet.eth_src = a->mac;
		host.packet.eth_src = host6.packet.eth_src = a->mac;
		out.packet.eth_dst = out6.packet.eth_dst = net->bridge_mac;
		host.packet.eth_dst = host6.packet.eth_dst = net->bridge_mac;
		in.packet.eth_src = in6.packet.eth_src = net->outside_mac;
		in.packet.eth_dst = in6.packet.eth_dst = net->wan_mac;
		print_message("# protocol %u\n", protos[i]);
		assert_true(arrives(a, net->outside, &out));
		assert_true(arrives(a, net->outside, &out6));
		assert_true(arrives(net->outside, a, &in));
		assert_true(arrives(net->outside, a, &in6));
		assert_true(arrives(a, net->host, &host));
		assert_true(arrives(a, net->host, &host6));
		assert_true(arrives(net->host, a, &from));
		assert_true(arrives(net->host, a, &from6));
	}
}

static void what_a_filter_drops_is_known_to_be_lost(void **state)
{
	struct net *net CLEANUP(net_freep) = net_new(NET_SHARED);
	struct net_end *a = net_add_guest(net, PORT_A, MAC_A);
	struct net_frame drop = between(a, net->outside, FAMILY_IPV4, PROTO_UDP), pass = drop;
	struct net_frame pass6 = between(a, net->outside, FAMILY_IPV6, PROTO_UDP);

	(void)state;
	net_sh("iptables -A FORWARD -m physdev --physdev-in %s -p udp --dport 9 -j DROP", a->tap);
	drop.packet.dport = 9;
	pass6.packet.dport = 9;
	for (int i = 0; i < 100; i++) {
		assert_false(arrives(a, net->outside, &drop));
		assert_true(arrives(a, net->outside, &pass));
		assert_true(arrives(a, net->outside, &pass6));
	}
}

/* A row: a frame and what conntrack says of it when it knows no flow. */
static const struct first {
	uint8_t proto, flags, icmp_type, sctp;
	bool bad_checksum;
	enum ct_state state;
} firsts[] = {
	{ .proto = PROTO_TCP, .flags = NET_SYN, .state = CT_NEW },
	{ .proto = PROTO_TCP, .flags = NET_SYN | NET_ACK, .state = CT_INVALID },
	{ .proto = PROTO_TCP, .flags = NET_ACK, .state = CT_NEW },
	{ .proto = PROTO_TCP, .flags = NET_ACK | NET_PSH, .state = CT_NEW },
	{ .proto = PROTO_TCP, .flags = NET_RST, .state = CT_INVALID },
	{ .proto = PROTO_TCP, .flags = NET_RST | NET_ACK, .state = CT_INVALID },
	{ .proto = PROTO_TCP, .flags = NET_FIN | NET_ACK, .state = CT_INVALID },
	{ .proto = PROTO_TCP, .bad_checksum = true, .state = CT_INVALID },
	{ .proto = PROTO_UDP, .state = CT_NEW },
	{ .proto = PROTO_UDP, .bad_checksum = true, .state = CT_INVALID },
	{ .proto = PROTO_UDPLITE, .state = CT_NEW },
	{ .proto = PROTO_UDPLITE, .bad_checksum = true, .state = CT_INVALID },
	{ .proto = PROTO_SCTP, .state = CT_NEW },
	{ .proto = PROTO_SCTP, .bad_checksum = true, .state = CT_INVALID },
	{ .proto = PROTO_SCTP, .sctp = NET_SCTP_DATA + 1, .state = CT_INVALID },
	{ .proto = PROTO_DCCP, .state = CT_NEW },
	{ .proto = PROTO_IPIP, .state = CT_NEW },
	{ .proto = 47, .state = CT_NEW },
	{ .proto = 250, .state = CT_NEW },
	{ .proto = PROTO_ICMP, .icmp_type = 8, .state = CT_NEW },
	{ .proto = PROTO_ICMP, .icmp_type = 8, .bad_checksum = true, .state = CT_INVALID },
	{ .proto = PROTO_ICMP, .icmp_type = 0, .state = CT_INVALID },
	{ .proto = PROTO_ICMP, .icmp_type = 3, .state = CT_INVALID },
	{ .proto = PROTO_ICMP, .icmp_type = 11, .state = CT_INVALID },
	{ .proto = PROTO_ICMP, .icmp_type = 13, .state = CT_NEW },
	{ .proto = PROTO_ICMP, .icmp_type = 42, .state = CT_INVALID },
	{ .proto = PROTO_ICMPV6, .icmp_type = 128, .state = CT_NEW },
	{ .proto = PROTO_ICMPV6, .icmp_type = 128, .bad_checksum = true, .state = CT_INVALID },
	{ .proto = PROTO_ICMPV6, .icmp_type = 129, .state = CT_INVALID },
	{ .proto = PROTO_ICMPV6, .icmp_type = 1, .state = CT_INVALID },
	{ .proto = PROTO_ICMPV6, .icmp_type = 2, .state = CT_INVALID },
	{ .proto = PROTO_ICMPV6, .icmp_type = 130, .state = CT_UNTRACKED },
	{ .proto = PROTO_ICMPV6, .icmp_type = 131, .state = CT_UNTRACKED },
	{ .proto = PROTO_ICMPV6, .icmp_type = 133, .state = CT_UNTRACKED },
	{ .proto = PROTO_ICMPV6, .icmp_type = 134, .state = CT_UNTRACKED },
	{ .proto = PROTO_ICMPV6, .icmp_type = 135, .state = CT_UNTRACKED },
	{ .proto = PROTO_ICMPV6, .icmp_type = 136, .state = CT_UNTRACKED },
	{ .proto = PROTO_ICMPV6, .icmp_type = 143, .state = CT_UNTRACKED },
	{ .proto = PROTO_ICMPV6, .icmp_type = 137, .state = CT_INVALID },
};

static void conntrack_judges_first_packets_as_the_harness_says(void **state)
{
	static const struct {
		enum ct_state state;
		const char *name;
	} states[] = { { CT_NEW, "NEW" }, { CT_INVALID, "INVALID" },
		{ CT_UNTRACKED, "UNTRACKED" } };
	struct net *net CLEANUP(net_freep) = net_new(NET_SHARED);
	struct net_end *a = net_add_guest(net, PORT_A, MAC_A);

	(void)state;
	for (size_t s = 0; s < N_OF(states); s++) {
		net_sh("for t in iptables ip6tables; do $t -F FORWARD; "
		       "$t -A FORWARD -m conntrack ! --ctstate %s -j DROP; done",
			states[s].name);
		for (size_t i = 0; i < N_OF(firsts) * 2; i++) {
			const struct first *f = &firsts[i / 2];
			enum family family = i % 2 ? FAMILY_IPV6 : FAMILY_IPV4;
			struct net_frame frame = between(a, net->outside, family, f->proto);
			bool is_said;

			if ((f->proto == PROTO_ICMP && family == FAMILY_IPV6) ||
				(f->proto == PROTO_ICMPV6 && family == FAMILY_IPV4))
				continue;
			frame.tcp_flags = f->flags;
			frame.sctp_chunk_plus_1 = f->sctp;
			frame.bad_checksum = f->bad_checksum;
			if (f->proto == PROTO_ICMP || f->proto == PROTO_ICMPV6)
				frame.packet.icmp_type = f->icmp_type;
			is_said = arrives(a, net->outside, &frame);
			if (is_said != (f->state == states[s].state) ||
				net_frame_first_state(&frame) != f->state) {
				struct text what CLEANUP(text_done) = TEXT_INIT;

				frame.packet.ct_state = net_frame_first_state(&frame);
				packet_print(&what, &frame.packet);
				fail_msg("row %zu, flags %u: %s; the kernel %s %s", i / 2, f->flags,
					what.data, is_said ? "says" : "does not say",
					states[s].name);
			}
		}
	}
}

static void fragments_arrive_as_one_packet(void **state)
{
	static const struct {
		uint16_t payload, piece;
	} cases[] = { { 64, 24 }, { 2000, 1400 }, { 4000, 1400 } };
	struct net *net CLEANUP(net_freep) = net_new(NET_SHARED);
	struct net_end *a = net_add_guest(net, PORT_A, MAC_A);

	(void)state;
	/* conntrack needs the whole packet to know the port */
	net_sh("for t in iptables ip6tables; do "
	       "$t -A FORWARD -p udp --dport 7 -m conntrack --ctstate NEW -j ACCEPT; "
	       "$t -A FORWARD -j DROP; done");
	for (size_t i = 0; i < N_OF(cases) * 2; i++) {
		struct net_frame frame = between(a, net->outside, i % 2, PROTO_UDP);

		frame.payload_size = cases[i / 2].payload;
		frame.fragment_size = cases[i / 2].piece;
		assert_true(arrives(a, net->outside, &frame));
		frame.packet.dport = 8;
		frame.packet.sport++;
		assert_false(arrives(a, net->outside, &frame));
	}
}

static void ten_thousand_packets_are_counted_without_a_loss(void **state)
{
	struct net *net CLEANUP(net_freep) = net_new(NET_HYBRID);
	struct net_end *a = net_add_guest(net, PORT_A, MAC_A);
	struct net_end *b = net_add_guest(net, PORT_B, MAC_B);
	struct timespec start, end;
	uint64_t first, last;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &start);
	first = net_new_tag(net) + 1;
	for (int i = 0; i < 10000; i++) {
		struct net_frame frame = between(a, b, FAMILY_IPV4, PROTO_UDP);

		last = net_send(a, &frame);
	}
	net_settle(net);
	for (uint64_t tag = first; tag <= last; tag++)
		assert_int_equal(net_saw_times(b, tag), 1);
	clock_gettime(CLOCK_MONOTONIC, &end);
	print_message("# 10000 packets over four hops and two filters in %ld ms\n",
		(end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000);
}

/* ---- cases beside one another */

static void meets_the_next(void **state)
{
	int *const *pipes = (void *)state;
	char byte = 'x';

	/* each waits for the other: one after the other they would never end */
	assert_int_equal(write((*pipes)[1], &byte, 1), 1);
	assert_int_equal(read((*pipes)[2], &byte, 1), 1);
}

static void fails(void **state)
{
	(void)state;
	print_message("# it says why\n");
	fail_msg("this one fails");
}

static void dies(void **state)
{
	(void)state;
	raise(SIGKILL);
}

static void is_skipped(void **state)
{
	(void)state;
	skip_because("no reason");
}

/* Of a group that runs in a child, with its output; "" is its end. */
static void cases_beside_one_another_are_told_in_order_and_none_is_lost(void **state)
{
	static const char *const wanted[] = { "1..5\n", "ok 1 - one\n", "# it says why\n",
		"this one fails\n", "exit status 1\n", "killed by signal 9\n",
		"# skip: no reason\n", "ok 4 - is_skipped\n", "ok 5 - other\n" };
	int there[2], back[2], status, out = memfd_create("output", MFD_CLOEXEC);
	char text[8192] = "", *at = text;
	pid_t child;

	(void)state;
	assert_true(out >= 0 && pipe(there) == 0 && pipe(back) == 0);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		int one[] = { 0, there[1], back[0] }, other[] = { 0, back[1], there[0] };
		const struct CMUnitTest tests[] = {
			{ "one", meets_the_next, NULL, NULL, one },
			cmocka_unit_test(fails),
			cmocka_unit_test(dies),
			cmocka_unit_test(is_skipped),
			{ "other", meets_the_next, NULL, NULL, other },
		};

		dup2(out, STDOUT_FILENO);
		dup2(out, STDERR_FILENO);
		status = net_run_beside("inner", tests, N_OF(tests), N_OF(tests));
		fflush(NULL);
		_exit(status);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 2);
	assert_true(pread(out, text, sizeof(text) - 1, 0) > 0);
	for (size_t i = 0; i < N_OF(wanted); i++) {
		char *found = strstr(at, wanted[i]);

		if (!found) {
			fail_msg("no \"%s\" behind \"%s\"", wanted[i], i ? wanted[i - 1] : "");
			return;
		}
		at = found + strlen(wanted[i]);
	}
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
	}
	close(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_arrives_on_a_shared_bridge),
		cmocka_unit_test(every_frame_arrives_between_hybrid_bridges),
		cmocka_unit_test(frames_to_the_host_and_through_it_arrive),
		cmocka_unit_test(what_a_filter_drops_is_known_to_be_lost),
		cmocka_unit_test(conntrack_judges_first_packets_as_the_harness_says),
		cmocka_unit_test(fragments_arrive_as_one_packet),
		cmocka_unit_test(ten_thousand_packets_are_counted_without_a_loss),
		cmocka_unit_test(cases_beside_one_another_are_told_in_order_and_none_is_lost),
	};

	if (!net_main())
		return 0;
	return net_exit(cmocka_run_group_tests(tests, NULL, NULL));
}
