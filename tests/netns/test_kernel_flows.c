// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>

#include "kernel/kernel.h"
#include "net.h"

/*
 * Entries are made with libnetfilter_conntrack and looked at with conntrack(8): neither is what
 * kernel/flows.c uses. Each case in a namespace of its own.
 */

static struct nfct_handle *ct;

static int new_netns(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) != 0)
		return -1;
	ct = nfct_open(CONNTRACK, 0);
	return ct ? 0 : -1;
}

static int close_netns(void **state)
{
	(void)state;
	return nfct_close(ct);
}

#define MARK 0x40000000u

struct want {
	const char *src, *dst;
	uint8_t proto;
	uint16_t sport, dport; /* ICMP: type, code */
	uint16_t zone;
	const char *real_dst; /* behind NAT of the destination */
	uint16_t real_dport;
	uint32_t mark;
};

static void set_addr(struct nf_conntrack *x, bool is_reply, bool is_dst, const struct addr *addr)
{
	if (addr->family == FAMILY_IPV6)
		nfct_set_attr(x,
			is_reply ? (is_dst ? ATTR_REPL_IPV6_DST : ATTR_REPL_IPV6_SRC)
				 : (is_dst ? ATTR_ORIG_IPV6_DST : ATTR_ORIG_IPV6_SRC),
			addr->bytes);
	else
		nfct_set_attr(x,
			is_reply ? (is_dst ? ATTR_REPL_IPV4_DST : ATTR_REPL_IPV4_SRC)
				 : (is_dst ? ATTR_ORIG_IPV4_DST : ATTR_ORIG_IPV4_SRC),
			addr->bytes);
}

static void set_proto(struct nf_conntrack *x, const struct want *want)
{
	nfct_set_attr_u8(x, ATTR_ORIG_L4PROTO, want->proto);
	nfct_set_attr_u8(x, ATTR_REPL_L4PROTO, want->proto);
	if (want->proto == PROTO_ICMP || want->proto == PROTO_ICMPV6) {
		nfct_set_attr_u8(x, ATTR_ICMP_TYPE, (uint8_t)want->sport);
		nfct_set_attr_u8(x, ATTR_ICMP_CODE, (uint8_t)want->dport);
		nfct_set_attr_u16(x, ATTR_ICMP_ID, htons(77));
	} else if (proto_has_ports(want->proto) || want->proto == 47) {
		uint16_t real = want->real_dport ? want->real_dport : want->dport;

		nfct_set_attr_u16(x, ATTR_ORIG_PORT_SRC, htons(want->sport));
		nfct_set_attr_u16(x, ATTR_ORIG_PORT_DST, htons(want->dport));
		nfct_set_attr_u16(x, ATTR_REPL_PORT_SRC, htons(real));
		nfct_set_attr_u16(x, ATTR_REPL_PORT_DST, htons(want->sport));
	}
	if (want->proto == PROTO_TCP)
		nfct_set_attr_u8(x, ATTR_TCP_STATE, TCP_CONNTRACK_ESTABLISHED);
	if (want->proto == PROTO_SCTP) {
		nfct_set_attr_u8(x, ATTR_SCTP_STATE, 4);
		nfct_set_attr_u32(x, ATTR_SCTP_VTAG_ORIG, 1);
		nfct_set_attr_u32(x, ATTR_SCTP_VTAG_REPL, 2);
	}
	if (want->proto == PROTO_DCCP) {
		nfct_set_attr_u8(x, ATTR_DCCP_STATE, 4);
		nfct_set_attr_u8(x, ATTR_DCCP_ROLE, 0);
	}
}

static struct nf_conntrack *entry_of(const struct want *want)
{
	struct nf_conntrack *x = nfct_new();
	struct addr src, dst, real;
	uint8_t l3;

	assert_true(addr_parse(want->src, &src));
	assert_true(addr_parse(want->dst, &dst));
	assert_true(addr_parse(want->real_dst ? want->real_dst : want->dst, &real));
	l3 = src.family == FAMILY_IPV6 ? AF_INET6 : AF_INET;
	nfct_set_attr_u8(x, ATTR_ORIG_L3PROTO, l3);
	nfct_set_attr_u8(x, ATTR_REPL_L3PROTO, l3);
	set_addr(x, false, false, &src);
	set_addr(x, false, true, &dst);
	set_addr(x, true, false, &real);
	set_addr(x, true, true, &src);
	set_proto(x, want);
	nfct_set_attr_u32(x, ATTR_TIMEOUT, 600);
	if (want->real_dst || want->real_dport)
		nfct_set_attr_u32(x, ATTR_STATUS, IPS_CONFIRMED | IPS_DST_NAT | IPS_DST_NAT_DONE);
	if (want->zone)
		nfct_set_attr_u16(x, ATTR_ZONE, want->zone);
	if (want->mark)
		nfct_set_attr_u32(x, ATTR_MARK, want->mark);
	return x;
}

static bool try_add(const struct want *want)
{
	struct nf_conntrack *x = entry_of(want);
	bool ok = nfct_query(ct, NFCT_Q_CREATE, x) == 0;

	nfct_destroy(x);
	return ok;
}

static void add(const struct want *want)
{
	if (!try_add(want))
		fail_msg("cannot make proto %u %s > %s zone %u: %s", want->proto, want->src,
			want->dst, want->zone, strerror(errno));
}

/* How many lines of conntrack -L in both families hold this text. */
static long count_listed(const char *what)
{
	struct text out CLEANUP(text_done) = TEXT_INIT, cmd CLEANUP(text_done) = TEXT_INIT;

	text_addf(&cmd,
		"{ conntrack -L -f ipv4; conntrack -L -f ipv6; } 2>/dev/null | grep -cF -- '%s'",
		what);
	net_try_sh(&out, cmd.data);
	return strtol(out.data, NULL, 10);
}

struct seen {
	struct arena *arena;
	struct flow flows[64];
	size_t n;
	bool (*is_wanted)(const struct flow *flow);
};

static enum flow_verdict look(void *data, const struct flow *flow)
{
	struct seen *seen = data;

	assert_true(seen->n < N_OF(seen->flows));
	seen->flows[seen->n++] = *flow;
	return !seen->is_wanted || seen->is_wanted(flow) ? FLOW_LEAVE : FLOW_FORGET;
}

static size_t cut(struct seen *seen, bool (*is_wanted)(const struct flow *flow))
{
	struct err err = { 0 };
	size_t n = 99;

	*seen = (struct seen){ .is_wanted = is_wanted };
	if (!kernel_flows_cut(look, seen, MARK, &n, &err))
		fail_msg("%s", err.text);
	return n;
}

/* What a cut would cut, by the number; the first two are told. */
static size_t find(struct seen *seen, bool (*is_wanted)(const struct flow *flow))
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct flow *flows;
	struct err err;
	size_t n, n_all;

	*seen = (struct seen){ .is_wanted = is_wanted };
	assert_true(kernel_flows_find(arena, look, seen, MARK, 2, &flows, &n, &n_all, &err));
	assert_int_equal(n, n_all < 2 ? n_all : 2);
	for (size_t i = 0; i < n; i++)
		assert_false(is_wanted(&flows[i]) || flows[i].is_marked || flows[i].handle);
	return n_all;
}

static const struct flow *seen_from(const struct seen *seen, const char *src)
{
	struct addr addr;

	assert_true(addr_parse(src, &addr));
	for (size_t i = 0; i < seen->n; i++)
		if (!addr_compare(&seen->flows[i].first.src, &addr))
			return &seen->flows[i];
	fail_msg("no flow from %s", src);
	return NULL;
}

static void an_empty_table_is_no_failure(void **state)
{
	struct seen seen;

	(void)state;
	assert_int_equal(cut(&seen, NULL), 0);
	assert_int_equal(seen.n, 0);
}

static void every_protocol_of_both_families_is_seen_as_its_first_packet(void **state)
{
	static const struct want wants[] = {
		{ .src = "10.0.0.1",
			.dst = "10.9.9.9",
			.proto = PROTO_TCP,
			.sport = 1001,
			.dport = 443,
			.zone = 4097 },
		{ .src = "10.0.0.2",
			.dst = "10.9.9.9",
			.proto = PROTO_UDP,
			.sport = 1002,
			.dport = 53 },
		{ .src = "10.0.0.3",
			.dst = "10.9.9.9",
			.proto = PROTO_SCTP,
			.sport = 1003,
			.dport = 36412,
			.zone = 65535 },
		{ .src = "10.0.0.4",
			.dst = "10.9.9.9",
			.proto = PROTO_UDPLITE,
			.sport = 1004,
			.dport = 65535 },
		{ .src = "10.0.0.5",
			.dst = "10.9.9.9",
			.proto = PROTO_DCCP,
			.sport = 1005,
			.dport = 5001 },
		{ .src = "10.0.0.6", .dst = "10.9.9.9", .proto = PROTO_ICMP, .sport = 8 },
		{ .src = "10.0.0.7", .dst = "10.9.9.9", .proto = PROTO_IPIP, .zone = 1 },
		{ .src = "10.0.0.8", .dst = "10.9.9.9", .proto = 47 },
		{ .src = "10.0.0.9", .dst = "10.9.9.9", .proto = 250 },
		{ .src = "fd00::1",
			.dst = "fd00::99",
			.proto = PROTO_TCP,
			.sport = 1001,
			.dport = 22,
			.zone = 4097 },
		{ .src = "fd00::2",
			.dst = "fd00::99",
			.proto = PROTO_UDP,
			.sport = 1002,
			.dport = 53 },
		{ .src = "fd00::3", .dst = "fd00::99", .proto = PROTO_ICMPV6, .sport = 128 },
		{ .src = "fd00::4",
			.dst = "fd00::99",
			.proto = PROTO_SCTP,
			.sport = 1,
			.dport = 2 },
		{ .src = "fd00::5", .dst = "fd00::99", .proto = 89, .zone = 2 },
	};
	bool is_made[N_OF(wants)];
	struct seen seen;
	size_t n_made = 0;

	(void)state;
	for (size_t i = 0; i < N_OF(wants); i++) {
		is_made[i] = try_add(&wants[i]);
		n_made += is_made[i];
		if (!is_made[i])
			printf("# this kernel does not track protocol %u (%s)\n", wants[i].proto,
				strerror(errno));
	}
	assert_true(n_made >= 8);
	assert_int_equal(cut(&seen, NULL), 0);
	assert_int_equal(seen.n, n_made);
	for (size_t i = 0; i < N_OF(wants); i++) {
		const struct want *want = &wants[i];
		bool is_icmp = want->proto == PROTO_ICMP || want->proto == PROTO_ICMPV6;
		const struct packet *p;
		struct addr dst;

		if (!is_made[i])
			continue;
		p = &seen_from(&seen, want->src)->first;
		assert_true(addr_parse(want->dst, &dst));
		assert_int_equal(addr_compare(&p->dst, &dst), 0);
		assert_int_equal(seen_from(&seen, want->src)->zone, want->zone);
		assert_int_equal(p->proto, want->proto);
		assert_int_equal(
			p->ethertype, dst.family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
		/* Linux 6.16 and later tracks DCCP without its ports */
		if (want->proto == PROTO_DCCP && !p->dport)
			continue;
		/* the two keys of GRE are no ports */
		assert_int_equal(p->sport, is_icmp ? 0 : want->sport);
		assert_int_equal(p->dport, is_icmp ? 0 : want->dport);
		assert_int_equal(p->icmp_type, is_icmp ? want->sport : 0);
		assert_int_equal(p->icmp_code, 0);
		assert_int_equal(p->ct_state, CT_NEW);
		assert_false(p->is_later_fragment);
	}
}

static bool not_tcp_80_of_zone_7(const struct flow *flow)
{
	return flow->zone != 7 || flow->first.proto != PROTO_TCP || flow->first.dport != 80;
}

static void exactly_what_is_not_wanted_goes(void **state)
{
	struct want want = {
		.src = "10.0.0.1", .dst = "10.0.0.2", .proto = PROTO_TCP, .dport = 80
	};
	struct seen seen;

	(void)state;
	for (uint16_t sport = 1000; sport < 1003; sport++) {
		want.sport = sport;
		/* the same tuple in three zones, and its neighbours */
		for (uint16_t zone = 6; zone <= 8; zone++) {
			want.zone = zone;
			want.dport = 80;
			add(&want);
			want.dport = 22;
			add(&want);
		}
	}
	want = (struct want){ .src = "fd00::1",
		.dst = "fd00::2",
		.proto = PROTO_TCP,
		.sport = 5,
		.dport = 80,
		.zone = 7 };
	add(&want);
	want.zone = 6;
	add(&want);
	assert_int_equal(find(&seen, not_tcp_80_of_zone_7), 4);
	assert_int_equal(count_listed("mark="), 20);
	assert_int_equal(cut(&seen, not_tcp_80_of_zone_7), 4);
	assert_int_equal(seen.n, 20);
	assert_int_equal(count_listed("mark="), 16);
	assert_int_equal(count_listed("zone=7"), 3);
	assert_int_equal(count_listed("dport=22"), 9);
	assert_int_equal(cut(&seen, not_tcp_80_of_zone_7), 0);
}

static bool only_odd_ids(const struct flow *flow)
{
	return flow->first.src.bytes[3] % 2;
}

static void icmp_and_protocols_without_ports_can_be_cut(void **state)
{
	struct want want = { .dst = "10.0.9.9" };
	struct seen seen;

	(void)state;
	for (unsigned i = 1; i <= 4; i++) {
		char src[16];

		snprintf(src, sizeof(src), "10.0.0.%u", i);
		want.src = src;
		want.proto = PROTO_ICMP;
		want.sport = 8;
		add(&want);
		want.proto = PROTO_IPIP;
		want.sport = 0;
		add(&want);
	}
	assert_int_equal(cut(&seen, only_odd_ids), 4);
	assert_int_equal(count_listed("src=10.0.0.1 dst=10.0.9.9"), 2);
	assert_int_equal(count_listed("src=10.0.0.3 dst=10.0.9.9"), 2);
	assert_int_equal(count_listed("mark="), 4);
}

static bool nothing(const struct flow *flow)
{
	(void)flow;
	return false;
}

static void a_zone_of_the_original_direction_only_is_the_zone(void **state)
{
	struct want want = {
		.src = "10.0.0.1", .dst = "10.0.0.2", .proto = PROTO_UDP, .sport = 1, .dport = 2
	};
	struct nf_conntrack *x = entry_of(&want);
	struct seen seen;

	(void)state;
	nfct_set_attr_u16(x, ATTR_ORIG_ZONE, 33);
	assert_int_equal(nfct_query(ct, NFCT_Q_CREATE, x), 0);
	nfct_destroy(x);
	assert_int_equal(count_listed("zone-orig=33"), 1);
	assert_int_equal(cut(&seen, nothing), 1);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.flows[0].zone, 33);
	assert_int_equal(count_listed("mark="), 0);
}

static void the_destination_is_the_one_behind_nat(void **state)
{
	static const struct want want = { .src = "10.0.0.1",
		.dst = "192.0.2.1",
		.proto = PROTO_TCP,
		.sport = 1000,
		.dport = 8080,
		.real_dst = "10.0.0.9",
		.real_dport = 80 };
	struct addr real;
	struct seen seen;

	(void)state;
	add(&want);
	assert_int_equal(cut(&seen, NULL), 0);
	assert_int_equal(seen.n, 1);
	assert_true(addr_parse("10.0.0.9", &real));
	assert_int_equal(addr_compare(&seen.flows[0].first.dst, &real), 0);
	assert_int_equal(seen.flows[0].first.dport, 80);
	assert_int_equal(seen.flows[0].first.sport, 1000);
	assert_int_equal(cut(&seen, nothing), 1);
	assert_int_equal(count_listed("mark="), 0);
}

/* An entry whose master is another one, as of FTP data. */
static void add_child(const struct want *want, const struct want *master)
{
	struct nf_conntrack *x = entry_of(want);
	struct addr src, dst;

	assert_true(addr_parse(master->src, &src));
	assert_true(addr_parse(master->dst, &dst));
	nfct_set_attr_u8(x, ATTR_MASTER_L3PROTO, AF_INET);
	nfct_set_attr_u8(x, ATTR_MASTER_L4PROTO, master->proto);
	nfct_set_attr(x, ATTR_MASTER_IPV4_SRC, src.bytes);
	nfct_set_attr(x, ATTR_MASTER_IPV4_DST, dst.bytes);
	nfct_set_attr_u16(x, ATTR_MASTER_PORT_SRC, htons(master->sport));
	nfct_set_attr_u16(x, ATTR_MASTER_PORT_DST, htons(master->dport));
	if (nfct_query(ct, NFCT_Q_CREATE, x) != 0)
		fail_msg("cannot make a related entry: %s", strerror(errno));
	nfct_destroy(x);
}

static bool not_ftp(const struct flow *flow)
{
	return flow->first.dport != 21;
}

static void a_related_flow_goes_with_what_let_its_master_in(void **state)
{
	static const struct want ftp = { .src = "10.0.0.1",
		.dst = "10.0.0.2",
		.proto = PROTO_TCP,
		.sport = 1000,
		.dport = 21,
		.zone = 9 };
	static const struct want data = { .src = "10.0.0.2",
		.dst = "10.0.0.1",
		.proto = PROTO_TCP,
		.sport = 20,
		.dport = 2000,
		.zone = 9 };
	static const struct want ssh = { .src = "10.0.0.1",
		.dst = "10.0.0.2",
		.proto = PROTO_TCP,
		.sport = 1000,
		.dport = 22,
		.zone = 9 };
	static const struct want of_ssh = { .src = "10.0.0.2",
		.dst = "10.0.0.1",
		.proto = PROTO_TCP,
		.sport = 21,
		.dport = 2001,
		.zone = 9 };
	struct seen seen;

	(void)state;
	add(&ftp);
	add_child(&data, &ftp);
	add(&ssh);
	add_child(&of_ssh, &ssh);
	assert_int_equal(cut(&seen, not_ftp), 2);
	assert_int_equal(seen.n, 4);
	assert_int_equal(count_listed("mark="), 2);
	assert_int_equal(count_listed("dport=2001"), 1);
	assert_int_equal(count_listed("dport=22"), 1);
}

static void the_master_of_a_related_flow_may_be_behind_nat(void **state)
{
	static const struct want ftp = { .src = "10.0.0.1",
		.dst = "192.0.2.1",
		.proto = PROTO_TCP,
		.sport = 1000,
		.dport = 2121,
		.real_dst = "10.0.0.2",
		.real_dport = 21 };
	static const struct want data = {
		.src = "10.0.0.2", .dst = "10.0.0.1", .proto = PROTO_TCP, .sport = 20, .dport = 2000
	};
	struct addr real;
	struct seen seen;

	(void)state;
	add(&ftp);
	add_child(&data, &ftp);
	assert_int_equal(cut(&seen, not_ftp), 2);
	assert_true(addr_parse("10.0.0.2", &real));
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(addr_compare(&seen.flows[i].first.dst, &real), 0);
		assert_int_equal(seen.flows[i].first.dport, 21);
	}
	assert_int_equal(count_listed("mark="), 0);
}

static const struct want replaced = {
	.src = "10.0.0.1", .dst = "10.0.0.2", .proto = PROTO_UDP, .sport = 1, .dport = 2, .zone = 3
};

/*
 * Linux makes the id of an entry of its place in memory and its tuple. Others in between take the place,
 * many of them, because whatever else this machine does leaves free places in front of it.
 */
static enum flow_verdict replace(void *data, const struct flow *flow)
{
	struct want another = {
		.src = "10.0.0.8", .dst = "10.0.0.9", .proto = PROTO_UDP, .dport = 2
	};
	struct nf_conntrack *x = entry_of(&replaced);
	bool *come_again = data;

	if (flow->zone != replaced.zone || count_listed("src=10.0.0.8"))
		return FLOW_LEAVE;
	assert_int_equal(nfct_query(ct, NFCT_Q_DESTROY, x), 0);
	if (*come_again) {
		for (another.sport = 1; another.sport <= 200; another.sport++)
			add(&another);
		assert_int_equal(nfct_query(ct, NFCT_Q_CREATE, x), 0);
	}
	nfct_destroy(x);
	return FLOW_CUT;
}

static void an_entry_that_came_after_the_look_is_not_cut(void **state)
{
	struct err err = { 0 };
	bool come_again = true;
	size_t n = 99;

	(void)state;
	add(&replaced);
	assert_true(kernel_flows_cut(replace, &come_again, MARK, &n, &err));
	assert_int_equal(n, 0);
	assert_int_equal(count_listed("zone=3"), 1);
}

static void an_entry_that_went_by_itself_is_no_failure(void **state)
{
	bool come_again = false;
	struct err err = { 0 };
	size_t n = 99;

	(void)state;
	add(&replaced);
	assert_true(kernel_flows_cut(replace, &come_again, MARK, &n, &err));
	assert_int_equal(n, 0);
	assert_int_equal(count_listed("mark="), 0);
}

static enum flow_verdict odd_ports(void *data, const struct flow *flow)
{
	++*(size_t *)data;
	return flow->first.sport % 2 ? FLOW_ALLOW : FLOW_CUT;
}

static void a_hundred_thousand_entries_are_cut_in_seconds(void **state)
{
	enum { N = 100000, PER_HOST = 50000 };
	struct text even CLEANUP(text_done) = TEXT_INIT;
	struct timespec begin, end;
	struct err err = { 0 };
	size_t n_seen = 0, n = 0;
	double seconds;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		char dst[16];
		struct want want = { .src = "10.0.0.1",
			.dst = dst,
			.proto = PROTO_UDP,
			.sport = (uint16_t)(1000 + i % PER_HOST),
			.dport = 53,
			.zone = 4097 };

		snprintf(dst, sizeof(dst), "10.1.0.%u", i / PER_HOST + 1);
		add(&want);
	}
	clock_gettime(CLOCK_MONOTONIC, &begin);
	if (!kernel_flows_cut(odd_ports, &n_seen, MARK, &n, &err))
		fail_msg("%s", err.text);
	clock_gettime(CLOCK_MONOTONIC, &end);
	seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
	printf("# %zu of %zu entries cut in %.2f s\n", n, n_seen, seconds);
	assert_int_equal(n_seen, N);
	assert_int_equal(n, N / 2);
	assert_true(seconds < 10);
	assert_int_equal(count_listed("sport="), N / 2);
	net_try_sh(&even, "conntrack -L 2>/dev/null | grep -c 'sport=[0-9]*[02468] dport=53'");
	assert_string_equal(even.data, "0\n");
}

struct judged {
	enum flow_verdict verdicts[8]; /* by the source port */
	bool is_marked[8];
};

static enum flow_verdict by_port(void *data, const struct flow *flow)
{
	struct judged *judged = data;

	assert_in_range(flow->first.sport, 0, 7);
	judged->is_marked[flow->first.sport] = flow->is_marked;
	return judged->verdicts[flow->first.sport];
}

static size_t cut_by_port(struct judged *judged)
{
	struct err err = { 0 };
	size_t n = 99;

	if (!kernel_flows_cut(by_port, judged, MARK, &n, &err))
		fail_msg("%s", err.text);
	return n;
}

static bool is_listed(unsigned sport, uint32_t mark)
{
	struct text out CLEANUP(text_done) = TEXT_INIT, cmd CLEANUP(text_done) = TEXT_INIT;

	text_addf(&cmd,
		"{ conntrack -L -f ipv4; conntrack -L -f ipv6; } 2>/dev/null | "
		"grep -E ' sport=%u dport=80 .* mark=%u '",
		sport, mark);
	return net_try_sh(&out, cmd.data);
}

static void add_tcp(uint16_t sport, uint32_t mark)
{
	bool is_v6 = sport % 2;

	add(&(struct want){ .src = is_v6 ? "fd00::1" : "10.0.0.1",
		.dst = is_v6 ? "fd00::2" : "10.0.0.2",
		.proto = PROTO_TCP,
		.sport = sport,
		.dport = 80,
		.zone = sport < 4 ? 4097 : 0,
		.mark = mark });
}

static void a_tcp_flow_is_cut_by_one_bit_of_its_mark(void **state)
{
	struct judged judged = { .verdicts = { FLOW_CUT, FLOW_CUT, FLOW_ALLOW, FLOW_LEAVE, FLOW_CUT,
					 FLOW_CUT } };

	(void)state;
	add_tcp(0, 0);
	add_tcp(1, 0);
	add_tcp(2, 0);
	add_tcp(3, 0);
	add_tcp(4, 0x80000005);
	add_tcp(5, ~MARK);
	assert_int_equal(cut_by_port(&judged), 4);
	assert_true(is_listed(0, MARK) && is_listed(1, MARK));
	assert_true(is_listed(2, 0) && is_listed(3, 0));
	assert_true(is_listed(4, 0xc0000005) && is_listed(5, UINT32_MAX));
	for (size_t i = 0; i < 6; i++)
		assert_false(judged.is_marked[i]);
	/* what is cut already is not cut again */
	assert_int_equal(cut_by_port(&judged), 0);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(judged.is_marked[i], i != 2 && i != 3);
	assert_true(is_listed(0, MARK) && is_listed(4, 0xc0000005));
}

static void a_flow_that_is_allowed_again_loses_that_bit(void **state)
{
	struct judged judged = { .verdicts = { FLOW_ALLOW, FLOW_ALLOW, FLOW_LEAVE, FLOW_CUT,
					 FLOW_FORGET, FLOW_FORGET } };

	(void)state;
	add_tcp(0, MARK);
	add_tcp(1, UINT32_MAX);
	add_tcp(2, MARK);
	add_tcp(3, MARK);
	add_tcp(4, MARK);
	add_tcp(5, 7);
	/* of those that are forgotten one had been cut before */
	assert_int_equal(cut_by_port(&judged), 1);
	assert_true(is_listed(0, 0) && is_listed(1, ~MARK));
	assert_true(is_listed(2, MARK) && is_listed(3, MARK));
	assert_int_equal(count_listed("mark="), 4);
}

static void a_udp_flow_is_deleted_marked_or_not(void **state)
{
	struct judged judged = { .verdicts = { FLOW_CUT, FLOW_CUT, FLOW_ALLOW } };
	struct want want = {
		.src = "10.0.0.1", .dst = "10.0.0.2", .proto = PROTO_UDP, .dport = 80
	};

	(void)state;
	for (want.sport = 0; want.sport < 3; want.sport++) {
		want.mark = want.sport ? MARK : 0;
		add(&want);
	}
	assert_int_equal(cut_by_port(&judged), 1);
	assert_true(is_listed(2, 0));
	assert_int_equal(count_listed("mark="), 1);
}

static bool marks_are_refused;

/* In front of libmnl's own: a kernel that knows no change of an entry. */
ssize_t mnl_socket_sendto(const struct mnl_socket *nl, const void *req, size_t siz)
{
	char *copy = malloc(siz);
	ssize_t sent;

	memcpy(copy, req, siz);
	for (size_t at = 0; at < siz;) {
		struct nlmsghdr *nlh = (struct nlmsghdr *)(void *)(copy + at);

		if (marks_are_refused &&
			nlh->nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW))
			nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | 0xff;
		at += NLMSG_ALIGN(nlh->nlmsg_len);
	}
	sent = send(mnl_socket_get_fd(nl), copy, siz, 0);
	free(copy);
	return sent;
}

static void a_flow_that_cannot_be_marked_is_deleted(void **state)
{
	struct judged judged = { .verdicts = {
					 FLOW_CUT, FLOW_CUT, FLOW_LEAVE, FLOW_FORGET, FLOW_CUT } };
	struct err err = { 0 };
	size_t n = 99;

	(void)state;
	for (uint16_t sport = 0; sport < 5; sport++)
		add_tcp(sport, 0);
	marks_are_refused = true;
	assert_int_equal(cut_by_port(&judged), 4);
	assert_int_equal(count_listed("mark="), 1);
	assert_true(is_listed(2, 0));
	/* but one that is to go on is not lost without a word */
	add_tcp(0, MARK);
	judged.verdicts[0] = FLOW_ALLOW;
	assert_false(kernel_flows_cut(by_port, &judged, MARK, &n, &err));
	assert_non_null(strstr(err.text, "a conntrack entry could not be changed"));
	marks_are_refused = false;
	assert_true(is_listed(0, MARK));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, new_netns, close_netns)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_empty_table_is_no_failure),
		CASE(every_protocol_of_both_families_is_seen_as_its_first_packet),
		CASE(exactly_what_is_not_wanted_goes),
		CASE(icmp_and_protocols_without_ports_can_be_cut),
		CASE(a_zone_of_the_original_direction_only_is_the_zone),
		CASE(the_destination_is_the_one_behind_nat),
		CASE(a_related_flow_goes_with_what_let_its_master_in),
		CASE(the_master_of_a_related_flow_may_be_behind_nat),
		CASE(an_entry_that_came_after_the_look_is_not_cut),
		CASE(an_entry_that_went_by_itself_is_no_failure),
		CASE(a_tcp_flow_is_cut_by_one_bit_of_its_mark),
		CASE(a_flow_that_is_allowed_again_loses_that_bit),
		CASE(a_udp_flow_is_deleted_marked_or_not),
		CASE(a_flow_that_cannot_be_marked_is_deleted),
		CASE(a_hundred_thousand_entries_are_cut_in_seconds),
	};

	if (!net_main())
		return 0;
	return net_exit(cmocka_run_group_tests_name("kernel_flows", tests, NULL, NULL));
}
