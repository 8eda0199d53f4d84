// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "watch/filter.h"
#include "watchframes.h"

static struct filter *parse(struct arena *arena, const char *expression)
{
	struct filter *filter;
	struct err err = { 0 };

	if (!filter_parse(arena, expression, &filter, &err))
		fail_msg("%s", err.text);
	return filter;
}

/* libpcap's own programs for one expression: what a filter is compared with. */
struct oracle {
	struct bpf_program frame, packet; /* packet has no instructions where it has no meaning */
};

static void oracle_compile(int link, const char *expression, struct bpf_program *ret)
{
	pcap_t *pcap = pcap_open_dead(link, 262144);

	*ret = (struct bpf_program){ 0 };
	if (pcap_compile(pcap, ret, expression, 1, PCAP_NETMASK_UNKNOWN) != 0)
		*ret = (struct bpf_program){ 0 };
	pcap_close(pcap);
}

static void oracle_init(struct oracle *oracle, const char *expression)
{
	oracle_compile(DLT_EN10MB, expression, &oracle->frame);
	oracle_compile(DLT_RAW, expression, &oracle->packet);
	assert_true(oracle->frame.bf_len > 0);
}

static void oracle_done(struct oracle *oracle)
{
	pcap_freecode(&oracle->frame);
	pcap_freecode(&oracle->packet);
}

static bool says(const struct bpf_program *program, const uint8_t *bytes, size_t size)
{
	return program->bf_len && bpf_filter(program->bf_insns, bytes, (u_int)size, (u_int)size);
}

/* About the frame, or about the frame without its tag. */
static bool frame_matches(const struct oracle *oracle, const struct watch_frame *frame)
{
	struct watch_frame untagged;

	return says(&oracle->frame, frame->bytes, frame->size) ||
	       (watch_untag(frame, &untagged) &&
		       says(&oracle->frame, untagged.bytes, untagged.size));
}

static bool inner_matches(const struct oracle *oracle, const struct watch_frame *frame)
{
	struct watch_frame inside, untagged;
	struct watch_inner inner;

	if (!watch_inner_find(frame, &inner) || inner.at > frame->size)
		return false;
	inside.size = frame->size - inner.at;
	memcpy(inside.bytes, frame->bytes + inner.at, inside.size);
	if (!inner.has_ethernet)
		return says(&oracle->packet, inside.bytes, inside.size);
	if (inside.size < 14)
		return false;
	if (inside.bytes[12] == 0x81) /* the filter looks at what is behind the tag */
		return watch_untag(&inside, &untagged) &&
		       says(&oracle->frame, untagged.bytes, untagged.size);
	return says(&oracle->frame, inside.bytes, inside.size);
}

static bool is_for_pcap(const char *expression)
{
	return !strstr(expression, "ipip") && !strstr(expression, "protochain");
}

static void a_filter_says_what_libpcap_says_of_the_frame_or_what_a_tunnel_carries(void **state)
{
	struct random random = random_seeded_or(1);
	size_t n_inner = 0, n_taken = 0, n = 0;

	(void)state;
	for (size_t i = 0; i < watch_n_expressions; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		const char *expression = watch_expressions[i].text;
		struct filter *filter;
		struct oracle oracle;

		if (!is_for_pcap(expression))
			continue;
		filter = parse(arena, expression);
		oracle_init(&oracle, expression);
		for (int round = 0; round < 800; round++, n++) {
			struct watch_frame frame;
			bool is_outer, is_inner;

			watch_frame_random(&random, 5, &frame);
			is_outer = frame_matches(&oracle, &frame);
			is_inner = inner_matches(&oracle, &frame);
			n_inner += is_inner && !is_outer;
			n_taken += is_inner || is_outer;
			if (filter_takes(filter, frame.bytes, frame.size) != (is_outer || is_inner))
				fail_msg("%s: round %d: outer %d, inner %d", expression, round,
					is_outer, is_inner);
			if (filter_matches(filter, frame.bytes, frame.size) !=
				says(&oracle.frame, frame.bytes, frame.size))
				fail_msg("%s: round %d", expression, round);
		}
		oracle_done(&oracle);
	}
	print_message("# %zu frames, %zu taken, %zu for what is in them\n", n, n_taken, n_inner);
	assert_true(n_inner > 200);
	assert_true(n_taken < n / 2);
}

/* A frame and expressions that take it, and that do not. */
static const struct {
	const char *name, *hex;
	const char *yes[6], *no[6];
} rows[] = {
	{ "tcp",
		"020000000002020000000001080045000028000100004006000000000000ac11000901bb9c40"
		"00000000000000005002000000000000",
		{ "", "tcp", "port 443", "src port 443", "host 172.17.0.9", "len = 54" },
		{ "udp", "dst port 443", "ipip", "ip6", "less 53", "arp" } },
	{ "ipip",
		"0200000000020200000000010800450000300001000040040000ac110009ac11000a"
		"4500001c00010000400100000a0000010a00000208000000000000ff",
		{ "ipip", "icmp", "host 10.0.0.1", "host 172.17.0.9", "icmp and dst host 10.0.0.2",
			"ip proto ipip" },
		{ "not ip", "icmp and host 172.17.0.9", "arp", "udp",
			"ether host 02:00:00:00:00:09", "icmp[icmptype] = 0" } },
	{ "VXLAN",
		"02000000000202000000000108004500004e000100004011000000000000ac110009"
		"000112b5003a0000"
		"0800000000002a00"
		"0a0000000001"
		"0a0000000002"
		"0806"
		"0001080006040001"
		"0a00000000020a000005"
		"000000000000"
		"0a000006",
		{ "arp", "udp port 4789", "ether host 0a:00:00:00:00:01", "arp host 10.0.0.6",
			"udp", "len = 42" },
		{ "arp host 10.0.0.7", "tcp", "ether host 0a:00:00:00:00:03", "ip6", "rarp",
			"greater 150" } },
	{ "GRE with a key, Ethernet in it",
		"0200000000020200000000010800450000420001000040"
		"2f0000ac110009ac11000a"
		"2000655800000007"
		"0a0000000001"
		"0a0000000002"
		"0800"
		"4500001c00010000400100000a0000010a00000208000000000000ff",
		{ "icmp", "proto gre", "host 10.0.0.1", "ether host 0a:00:00:00:00:02", NULL },
		{ "udp", "host 10.0.0.3", "tcp", "arp", NULL } },
};

static size_t from_hex(const char *hex, uint8_t *ret)
{
	size_t n = 0;

	for (; hex[0] && hex[1]; hex += 2)
		ret[n++] = (uint8_t)strtoul((char[]){ hex[0], hex[1], 0 }, NULL, 16);
	return n;
}

static void frames_are_taken_as_written_down_by_hand(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(rows); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		uint8_t bytes[256];
		size_t size = from_hex(rows[i].hex, bytes);

		for (size_t e = 0; e < N_OF(rows[i].yes) && rows[i].yes[e]; e++)
			if (!filter_takes(parse(arena, rows[i].yes[e]), bytes, size))
				fail_msg("%s: \"%s\" does not take it", rows[i].name,
					rows[i].yes[e]);
		for (size_t e = 0; e < N_OF(rows[i].no) && rows[i].no[e]; e++)
			if (filter_takes(parse(arena, rows[i].no[e]), bytes, size))
				fail_msg("%s: \"%s\" takes it", rows[i].name, rows[i].no[e]);
	}
}

static void the_kernel_takes_the_program_of_random_expressions(void **state)
{
	struct random random = random_seeded_or(3);
	unsigned n_right = 0;

	(void)state;
	while (n_right < 500) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text text CLEANUP(text_done) = TEXT_INIT;
		const struct filter_op *ops;
		struct filter *filter;
		struct err err = { 0 };
		size_t n;

		watch_expression_random(&random, &text);
		if (!filter_parse(arena, text.data, &filter, &err)) {
			assert_non_null(strstr(err.text, "rejects all packets"));
			continue;
		}
		ops = filter_ops(arena, filter, 1, &n);
		if (!watch_kernel_takes(ops, n))
			fail_msg("%s", text.data);
		n_right++;
	}
}

static void what_is_wrong_is_said_in_libpcaps_words(void **state)
{
	static const struct {
		const char *expression, *words;
		enum err_kind kind;
	} wrong[] = {
		{ "tcp prot 5", "syntax error", ERR_INPUT },
		{ "port 70000", "illegal port number 70000 > 65535", ERR_INPUT },
		{ "(", "syntax error", ERR_INPUT },
		{ "host", "syntax error", ERR_INPUT },
		{ "ip and arp", "expression rejects all packets", ERR_INPUT },
		{ "vlan 5", "\"vlan\"", ERR_INPUT },
		{ "tcp and (vlan)", "\"vlan\"", ERR_INPUT },
		{ "inbound", "no byte of a frame", ERR_INPUT },
		{ "ether[4294963200] = 1", "no byte of a frame", ERR_INPUT },
		{ "ip protochain 6", "protochain", ERR_INPUT },
		{ "ip[2:2] / ip[1] = 5", "divides", ERR_INPUT },
		{ "ip broadcast", "netmask", ERR_INPUT },
	};
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	for (size_t i = 0; i < N_OF(wrong); i++) {
		struct filter *filter = NULL;
		struct err err = { 0 };

		if (filter_parse(arena, wrong[i].expression, &filter, &err))
			fail_msg("\"%s\" is taken", wrong[i].expression);
		assert_int_equal(err.kind, wrong[i].kind);
		if (!strstr(err.text, wrong[i].words))
			fail_msg("\"%s\": %s", wrong[i].expression, err.text);
		assert_null(filter);
	}
}

static void a_filter_that_is_too_long_is_a_limit(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct filter *filter;
	struct err err = { 0 };

	(void)state;
	text_add(&text, "port 1");
	for (int i = 2; i < 250; i++)
		text_addf(&text, " or port %d", i * 7);
	assert_false(filter_parse(arena, text.data, &filter, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_non_null(strstr(err.text, "4096"));
	for (int i = 0; i < 1000; i++)
		text_add(&text, " and tcp");
	assert_false(filter_parse(arena, text.data, &filter, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
}

static void forty_hosts_are_not_too_many(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text text CLEANUP(text_done) = TEXT_INIT, nft CLEANUP(text_done) = TEXT_INIT;
	struct filter *filter;
	struct err err = { 0 };
	size_t n;

	(void)state;
	text_add(&text, "host 10.0.0.1");
	for (int i = 2; i <= 40; i++)
		text_addf(&text, " or host 10.0.0.%d", i);
	filter = parse(arena, text.data);
	filter_ops(arena, filter, 1, &n);
	print_message("# %zu ops\n", n);
	assert_true(n < 4096);
	if (!filter_print_nft(filter, FAMILY_NETDEV, "p", "yes", &nft, &err))
		fail_msg("%s", err.text);
}

static void an_empty_filter_takes_everything_with_one_op(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text nft CLEANUP(text_done) = TEXT_INIT;
	struct filter *filter = parse(arena, " \t");
	const struct filter_op *ops;
	struct err err = { 0 };
	size_t n;

	(void)state;
	assert_true(filter_is_everything(filter));
	assert_false(filter_is_everything(parse(arena, "ip or not ip")));
	ops = filter_ops(arena, filter, 96, &n);
	assert_int_equal(n, 1);
	assert_int_equal(ops[0].code, BPF_RET | BPF_K);
	assert_int_equal(ops[0].k, 96);
	assert_true(filter_takes(filter, (const uint8_t *)"", 0));
	assert_true(filter_print_nft(filter, FAMILY_NETDEV, "p", "yes", &nft, &err));
	assert_string_equal(nft.data, "\tchain p_0 {\n\t\tgoto yes\n\t}\n");
}

static void the_chains_of_a_filter_are_few(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text nft CLEANUP(text_done) = TEXT_INIT;
	struct err err = { 0 };

	(void)state;
	assert_true(filter_print_nft(
		parse(arena, "icmp and src host 172.17.0.9"), FAMILY_INET, "p", "yes", &nft, &err));
	assert_string_equal(nft.data, "\tchain p_0 {\n"
				      "\t\tmeta protocol != 0x800 return\n"
				      "\t\tmeta length <= 0x9 return\n"
				      "\t\t@nh,72,8 != 0x1 return\n"
				      "\t\tmeta length <= 0xf return\n"
				      "\t\t@nh,96,32 != 0xac110009 return\n"
				      "\t\tgoto yes\n"
				      "\t}\n");
}

static void what_nftables_cannot_say_is_an_error_and_writes_nothing(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	for (size_t i = 0; i < watch_n_expressions; i++) {
		const struct watch_expression *e = &watch_expressions[i];
		struct text nft CLEANUP(text_done) = TEXT_INIT, ip CLEANUP(text_done) = TEXT_INIT;
		struct err err = { 0 };
		struct filter *filter;
		bool is_said;

		if (strstr(e->text, "protochain"))
			continue;
		filter = parse(arena, e->text);
		is_said = filter_print_nft(filter, FAMILY_NETDEV, "p", "yes", &nft, &err);
		if (is_said == e->is_no_nft)
			fail_msg("%s: %s", e->text, is_said ? "is said" : err.text);
		assert_int_equal(nft.len > 0, is_said);
		is_said = filter_print_nft(filter, FAMILY_INET, "p", "yes", &ip, &err);
		if (is_said == (e->is_no_nft || e->is_about_link))
			fail_msg("inet: %s: %s", e->text, is_said ? "is said" : err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_taken_as_written_down_by_hand),
		cmocka_unit_test(
			a_filter_says_what_libpcap_says_of_the_frame_or_what_a_tunnel_carries),
		cmocka_unit_test(the_kernel_takes_the_program_of_random_expressions),
		cmocka_unit_test(what_is_wrong_is_said_in_libpcaps_words),
		cmocka_unit_test(a_filter_that_is_too_long_is_a_limit),
		cmocka_unit_test(forty_hosts_are_not_too_many),
		cmocka_unit_test(an_empty_filter_takes_everything_with_one_op),
		cmocka_unit_test(the_chains_of_a_filter_are_few),
		cmocka_unit_test(what_nftables_cannot_say_is_an_error_and_writes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
