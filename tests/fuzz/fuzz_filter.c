// SPDX-License-Identifier: GPL-2.0-or-later
/* Expressions of pcap-filter(7): what is taken is a program for the kernel, and chains or a refusal. */
#include "fuzz.h"

#include <ctype.h>
#include <string.h>

#include "base/vec.h"
#include "watch/filter.h"
#include "watchframes.h"

/* All other words are names of hosts, which libpcap would look up. */
static const char *const words[] = { "and", "arp", "broadcast", "dst", "ether", "ether", "gre",
	"greater", "host", "icmp", "icmp6", "icmptype", "igmp", "inbound", "ip", "ip6", "ipip",
	"len", "less", "llc", "mask", "mpls", "multicast", "net", "not", "or", "port", "portrange",
	"pppoes", "proto", "protochain", "rarp", "sctp", "src", "stp", "tcp", "tcpflags", "tcp-syn",
	"tcp-ack", "udp", "vlan", "geneve", "icmp-echo" };

static bool is_known(const char *word, size_t len)
{
	bool has_letter = false;

	for (size_t i = 0; i < len; i++) {
		if (word[i] == ':')
			return true; /* an address */
		has_letter |= isalpha((unsigned char)word[i]) != 0;
	}
	if (!has_letter)
		return true;
	if (len > 2 && word[0] == '0' && word[1] == 'x')
		return strspn(word + 2, "0123456789abcdef") == len - 2;
	for (size_t i = 0; i < N_OF(words); i++)
		if (strlen(words[i]) == len && memcmp(words[i], word, len) == 0)
			return true;
	return false;
}

static bool is_without_names(const char *text)
{
	while (*text) {
		size_t len = 0;

		if ((unsigned char)*text >= 0x80 || *text == '\\' || *text == '$')
			return false;
		while (isalnum((unsigned char)text[len]) ||
			(text[len] && strchr(".:-_", text[len])))
			len++;
		if (len && !is_known(text, len))
			return false;
		text += len ? len : 1;
	}
	return true;
}

static void check_frames(const struct filter *filter)
{
	struct random random = { 1 };

	for (uint16_t i = 0; i < 50; i++) {
		struct watch_frame frame;

		watch_frame_random(&random, i, &frame);
		fuzz_check(!filter_matches(filter, frame.bytes, frame.size) ||
			   filter_takes(filter, frame.bytes, frame.size));
	}
}

static void check_ops(struct arena *arena, const struct filter *filter)
{
	size_t n;
	const struct filter_op *ops = filter_ops(arena, filter, 100, &n);

	fuzz_check(watch_kernel_takes(ops, n));
}

static void check_chains(const struct filter *filter, enum family family)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct err err = { 0 };

	if (filter_print_nft(filter, family, "p", "yes", &text, &err)) {
		fuzz_check(text_has_prefix(text.data, "\tchain p_0 {\n"));
	} else {
		fuzz_check(err.kind == ERR_INPUT && err.text[0]);
		fuzz_check(text.len == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	char *text = arena_strndup(arena, (const char *)data, size);
	struct filter *filter;
	struct err err = { 0 };

	if (!is_without_names(text))
		return 0;
	if (!filter_parse(arena, text, &filter, &err)) {
		fuzz_check(err.kind == ERR_INPUT || err.kind == ERR_LIMIT);
		fuzz_check(err.text[0]);
		return 0;
	}
	check_ops(arena, filter);
	check_frames(filter);
	check_chains(filter, FAMILY_NETDEV);
	check_chains(filter, FAMILY_INET);
	check_chains(filter, FAMILY_IPV6);
	return 0;
}
