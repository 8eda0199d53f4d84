// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "net.h"
#include "watch/filter.h"
#include "watchframes.h"

/*
 * What the kernel does with the two forms of an expression, against libpcap's own program, for every frame. Frames go from a0 to
 * a1; what the chains at a0's egress and at a1's ingress match is copied to wires of their own, b0 and c0, and a
 * socket with the program hears at a1. All is on one processor, and so in order: when the last frame has come, all have.
 *
 *	send -> a0 (egress: dup to b0 -> b1) -> a1 (socket with the program; ingress: dup to c0 -> c1)
 */

#define N_FRAMES 300
#define LAST	 0xffff /* the number of a frame that is copied by all */

struct wires {
	int sender, program, egress, ingress; /* sockets */
};

struct heard {
	bool program[N_FRAMES], egress[N_FRAMES], ingress[N_FRAMES];
};

static int open_on(const char *device)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
	int size = 64 << 20;
	struct sockaddr_ll addr = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(device) };

	assert_true(fd >= 0 && addr.sll_ifindex);
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static int make_wires(struct wires *ret)
{
	int ns = net_new_ns();

	net_ip(ns, "link set lo up\n");
	for (int wire = 'a'; wire <= 'c'; wire++) {
		char device[] = { (char)wire, '0', '\0' };

		net_ip(ns,
			"link add %c0 mtu 2000 type veth peer name %c1 mtu 2000\n"
			"link set %c0 up\nlink set %c1 up\n",
			wire, wire, wire, wire);
		net_await_link(device);
		device[1] = '1';
		net_await_link(device);
	}
	ret->sender = open_on("a0");
	ret->program = open_on("a1");
	ret->egress = open_on("b1");
	ret->ingress = open_on("c1");
	return ns;
}

static void attach(int fd, const struct filter *filter, const char *expression)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	size_t n;
	const struct filter_op *ops = filter_ops(arena, filter, 2048, &n);
	struct sock_filter *program = arena_new_array(arena, struct sock_filter, n);
	struct sock_fprog all = { (unsigned short)n, program };

	for (size_t i = 0; i < n; i++)
		program[i] = (struct sock_filter){ ops[i].code, ops[i].jt, ops[i].jf, ops[i].k };
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &all, sizeof(all)) != 0)
		fail_msg("%s: %zu ops: %s", expression, n, strerror(errno));
}

static void add_table(struct text *out, const char *hook, const char *device, const char *copy,
	const char *chains)
{
	text_addf(out,
		"table netdev %s\ndelete table netdev %s\ntable netdev %s {\n\tchain yes {\n\t\tdup to %s\n\t}\n",
		hook, hook, hook, copy);
	text_add(out, chains);
	text_addf(out,
		"\tchain base {\n\t\ttype filter hook %s device %s priority 0\n"
		"\t\t@ll,80,16 0x%x goto yes\n\t\tjump p_0\n\t}\n}\n",
		hook, device, LAST);
}

/* False: nftables cannot say it; nothing is copied then but the last one. */
static bool load(const struct filter *filter, const char *expression)
{
	struct text chains CLEANUP(text_done) = TEXT_INIT, rules CLEANUP(text_done) = TEXT_INIT,
			   out CLEANUP(text_done) = TEXT_INIT;
	static const char *const argv[] = { "nft", "-f", "-", NULL };
	struct err err = { 0 };
	bool is_said = filter_print_nft(filter, FAMILY_NETDEV, "p", "yes", &chains, &err);

	if (!is_said) {
		print_message("# %s\n", err.text);
		text_add(&chains, "\tchain p_0 {\n\t}\n");
	}
	add_table(&rules, "egress", "a0", "b0", chains.data);
	add_table(&rules, "ingress", "a1", "c0", chains.data);
	if (!net_try(rules.data, &out, argv))
		fail_msg("%s: %s%s", expression, rules.data, out.data);
	return is_said;
}

/* True when the last one was heard. */
static bool hear(int fd, bool *heard)
{
	uint8_t bytes[2048];
	bool is_over = false;

	for (;;) {
		ssize_t size = recv(fd, bytes, sizeof(bytes), 0);
		unsigned number;

		if (size < 0)
			return is_over;
		if (size < 14 || memcmp(bytes + 6, (uint8_t[]){ 2, 0, 0, 0 }, 4) != 0)
			continue;
		number = (unsigned)bytes[10] << 8 | bytes[11];
		if (number == LAST) {
			is_over = true;
		} else {
			assert_true(number < N_FRAMES);
			assert_false(heard[number]);
			heard[number] = true;
		}
	}
}

static void send_one(const struct wires *wires, const struct watch_frame *frame)
{
	ssize_t size;

	do {
		size = send(wires->sender, frame->bytes, frame->size, 0);
		if (size < 0 && errno == EAGAIN)
			poll(&(struct pollfd){ wires->sender, POLLOUT, 0 }, 1, 100);
	} while (size < 0 && errno == EAGAIN);
	if (size != (ssize_t)frame->size)
		fail_msg("send of %zu bytes: %s", frame->size, strerror(errno));
}

static void send_all(const struct wires *wires, const struct watch_frame *frames, struct heard *ret)
{
	struct watch_frame last = {
		.bytes = { 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0xff, 0xff, 0x88, 0xb5 }, .size = 60
	};
	bool is_egress_over = false, is_ingress_over = false;

	*ret = (struct heard){ 0 };
	for (size_t i = 0; i < N_FRAMES; i++)
		send_one(wires, &frames[i]);
	send_one(wires, &last);
	while (!is_egress_over || !is_ingress_over) {
		struct pollfd both[] = { { wires->egress, POLLIN, 0 },
			{ wires->ingress, POLLIN, 0 } };

		if (poll(both, N_OF(both), 20000) <= 0)
			fail_msg("the last frame was not copied: %d %d", is_egress_over,
				is_ingress_over);
		is_egress_over |= hear(wires->egress, ret->egress);
		is_ingress_over |= hear(wires->ingress, ret->ingress);
	}
	hear(wires->program, ret->program);
}

struct tally {
	size_t n, n_matches, n_taken;
};

static void print_frame(const struct watch_frame *frame)
{
	print_message("# ");
	for (size_t i = 0; i < frame->size; i++)
		print_message("%02x%s", frame->bytes[i], i == 13 ? " " : "");
	print_message("\n");
}

static void compare(const char *expression, const struct filter *filter, bool is_said,
	const struct watch_frame *frames, const struct heard *heard, struct tally *tally)
{
	unsigned n_wrong = 0;

	for (size_t i = 0; i < N_FRAMES; i++) {
		struct watch_frame seen = frames[i];
		/* what a1 receives has its tag beside it */
		bool is_tagged = watch_untag(&frames[i], &seen), is_match, is_taken;

		is_match = filter_matches(filter, seen.bytes, seen.size);
		is_taken = filter_takes(filter, seen.bytes, seen.size);
		tally->n++;
		tally->n_matches += is_match;
		tally->n_taken += is_taken;
		if (heard->program[i] == is_taken && (!is_said || heard->ingress[i] == is_match) &&
			(!is_said || is_tagged || heard->egress[i] == is_match))
			continue;
		if (n_wrong++ < 3) {
			print_message(
				"# %s: frame %zu of %zu bytes%s: libpcap %d, egress %d, ingress %d; with tunnels %d, socket %d\n",
				expression, i, seen.size, is_tagged ? " (tagged)" : "", is_match,
				heard->egress[i], heard->ingress[i], is_taken, heard->program[i]);
			print_frame(&seen);
		}
	}
	if (n_wrong)
		fail_msg("%s: %u frames", expression, n_wrong);
}

/* False: libpcap does not take it. */
static bool try_expression(struct wires *wires, struct random *random, const char *expression,
	bool *ret_is_said, struct tally *tally)
{
	static struct watch_frame frames[N_FRAMES];
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct filter *filter;
	struct err err = { 0 };
	struct heard heard;

	if (!filter_parse(arena, expression, &filter, &err)) {
		if (!strstr(err.text, "rejects all packets"))
			fail_msg("%s", err.text);
		return false;
	}
	for (size_t i = 0; i < N_FRAMES; i++)
		watch_frame_random(random, (uint16_t)i, &frames[i]);
	*ret_is_said = load(filter, expression);
	attach(wires->program, filter, expression);
	hear(wires->program, heard.program); /* what came before this program */
	send_all(wires, frames, &heard);
	compare(expression, filter, *ret_is_said, frames, &heard, tally);
	return true;
}

static void close_wires(const struct wires *wires, int ns)
{
	close(wires->sender);
	close(wires->program);
	close(wires->egress);
	close(wires->ingress);
	close(ns);
}

static void print_tally(const struct tally *tally)
{
	print_message("# %zu frames, %zu match, %zu with what is in tunnels\n", tally->n,
		tally->n_matches, tally->n_taken);
}

static void chains_and_socket_agree_with_libpcap_for_every_frame(void **state)
{
	struct random random = random_seeded_or(7);
	struct tally tally = { 0 };
	struct wires wires;
	int ns = make_wires(&wires);

	(void)state;
	for (size_t i = 0; i < watch_n_expressions; i++) {
		const struct watch_expression *e = &watch_expressions[i];
		bool is_said;

		assert_true(try_expression(&wires, &random, e->text, &is_said, &tally));
		if (is_said == e->is_no_nft)
			fail_msg("%s: said %d", e->text, is_said);
	}
	print_tally(&tally);
	close_wires(&wires, ns);
}

static void so_they_do_for_random_expressions(void **state)
{
	struct random random = random_seeded_or(9);
	struct tally tally = { 0 };
	unsigned n_said = 0, n = 0;
	struct wires wires;
	int ns = make_wires(&wires);

	(void)state;
	while (n < 100) {
		struct text text CLEANUP(text_done) = TEXT_INIT;
		bool is_said;

		watch_expression_random(&random, &text);
		if (!try_expression(&wires, &random, text.data, &is_said, &tally))
			continue;
		n++;
		n_said += is_said;
	}
	print_tally(&tally);
	print_message("# nftables can say %u of %u\n", n_said, n);
	assert_true(n_said > n * 3 / 4);
	close_wires(&wires, ns);
}

/* --- the output hook: what matches is dropped there, and the sender is told --- */

struct sender {
	enum family family;
	int fd;
};

static void load_output(const struct filter *filter, enum family family, const char *table)
{
	struct text rules CLEANUP(text_done) = TEXT_INIT, out CLEANUP(text_done) = TEXT_INIT;
	static const char *const argv[] = { "nft", "-f", "-", NULL };
	struct err err = { 0 };

	text_addf(&rules, "flush ruleset\ntable %s t {\n\tchain yes {\n\t\tdrop\n\t}\n", table);
	if (!filter_print_nft(filter, family, "p", "yes", &rules, &err))
		fail_msg("%s", err.text);
	text_add(&rules,
		"\tchain base {\n\t\ttype filter hook output priority 0\n\t\tjump p_0\n\t}\n}\n");
	if (!net_try(rules.data, &out, argv))
		fail_msg("%s%s", rules.data, out.data);
}

static bool is_dropped(int fd, bool is_ipv6, const struct watch_frame *packet)
{
	struct sockaddr_in to4 = { .sin_family = AF_INET };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };
	ssize_t size;

	memcpy(&to4.sin_addr, packet->bytes + 16, 4);
	memcpy(&to6.sin6_addr, packet->bytes + 24, 16);
	size = sendto(fd, packet->bytes, packet->size, 0,
		is_ipv6 ? (struct sockaddr *)&to6 : (struct sockaddr *)&to4,
		is_ipv6 ? sizeof(to6) : sizeof(to4));
	if (size < 0 && errno != EPERM)
		fail_msg("send: %s", strerror(errno));
	return size < 0;
}

static void as_frame(const struct watch_frame *packet, bool is_ipv6, struct watch_frame *ret)
{
	memset(ret->bytes, 0, 12);
	ret->bytes[12] = is_ipv6 ? 0x86 : 0x08;
	ret->bytes[13] = is_ipv6 ? 0xdd : 0;
	ret->size = packet->size + 14 < sizeof(ret->bytes) ? packet->size + 14 : sizeof(ret->bytes);
	memcpy(ret->bytes + 14, packet->bytes, ret->size - 14);
}

static void compare_output(const struct watch_expression *e, const struct filter *filter,
	struct random *random, const int *raw, bool is_ipv6, struct tally *tally)
{
	for (int round = 0; round < 60; round++) {
		struct watch_frame packet, frame;
		bool is_match, is_hit;

		watch_packet_random(random, is_ipv6, &packet);
		if (packet.size + 14 > WATCH_FRAME_SIZE)
			continue;
		as_frame(&packet, is_ipv6, &frame);
		is_match = filter_matches(filter, frame.bytes, frame.size);
		is_hit = is_dropped(raw[is_ipv6], is_ipv6, &packet);
		tally->n++;
		tally->n_matches += is_match;
		if (is_hit != is_match) {
			print_frame(&frame);
			fail_msg("%s: libpcap %d, output %d", e->text, is_match, is_hit);
		}
	}
}

static int open_raw(int family)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), one = 1;

	assert_true(fd >= 0);
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &one, sizeof(one));
	return fd;
}

static void chains_at_the_output_hook_agree_with_libpcap(void **state)
{
	struct random random = random_seeded_or(8);
	struct tally tally = { 0 };
	int ns = net_new_ns(), raw[2];

	(void)state;
	net_sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0");
	net_ip(ns,
		"link add d0 type veth peer name d1\nlink set d0 arp off up\nlink set d1 up\naddress add 10.9.9.9/32 dev d0\n"
		"address add 2001:db8:9::9/128 dev d0 nodad\nroute add default dev d0\nroute add ::/0 dev d0\n"
		"route add multicast 224.0.0.0/4 dev d0\n");
	raw[0] = open_raw(AF_INET);
	raw[1] = open_raw(AF_INET6);
	for (size_t i = 0; i < watch_n_expressions; i++) {
		const struct watch_expression *e = &watch_expressions[i];
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct filter *filter;
		struct err err = { 0 };

		if (e->is_no_nft || e->is_about_link)
			continue;
		if (!filter_parse(arena, e->text, &filter, &err))
			fail_msg("%s", err.text);
		load_output(filter, FAMILY_INET, "inet");
		compare_output(e, filter, &random, raw, false, &tally);
		compare_output(e, filter, &random, raw, true, &tally);
		load_output(filter, FAMILY_IPV4, "ip");
		compare_output(e, filter, &random, raw, false, &tally);
		load_output(filter, FAMILY_IPV6, "ip6");
		compare_output(e, filter, &random, raw, true, &tally);
	}
	print_message("# %zu packets, %zu match\n", tally.n, tally.n_matches);
	close(raw[0]);
	close(raw[1]);
	close(ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chains_and_socket_agree_with_libpcap_for_every_frame),
		cmocka_unit_test(so_they_do_for_random_expressions),
		cmocka_unit_test(chains_at_the_output_hook_agree_with_libpcap),
	};

	if (!net_main())
		return 0;
	return net_exit(cmocka_run_group_tests(tests, NULL, NULL));
}
