// SPDX-License-Identifier: GPL-2.0-or-later
/* Packets as people write them: what is understood prints as what means the same. */
#include "fuzz.h"

#include <string.h>

#include "packet/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text printed CLEANUP(text_done) = TEXT_INIT, again CLEANUP(text_done) = TEXT_INIT;
	struct packet first, second;
	struct err err = { 0 };
	char *text = malloc(size + 1);
	bool is_packet;

	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	is_packet = packet_expr_parse(text, &first, &err);
	free(text);
	if (!is_packet) {
		fuzz_check(err.kind == ERR_INPUT || err.kind == ERR_LIMIT);
		fuzz_check(err.text[0]);
		return 0;
	}
	packet_expr_print(&printed, &first);
	fuzz_check(packet_expr_parse(printed.data, &second, &err));
	packet_expr_print(&again, &second);
	fuzz_check(strcmp(printed.data, again.data) == 0);
	fuzz_check(first.unknown == second.unknown);
	fuzz_check(first.ethertype == second.ethertype && first.vlan_id == second.vlan_id);
	fuzz_check(first.proto == second.proto && first.length == second.length);
	fuzz_check(first.sport == second.sport && first.dport == second.dport);
	fuzz_check(first.tcp_flags == second.tcp_flags && first.mark == second.mark);
	fuzz_check(first.ttl == second.ttl && first.tos == second.tos);
	fuzz_check(first.icmp_type == second.icmp_type && first.icmp_code == second.icmp_code);
	fuzz_check(first.is_later_fragment == second.is_later_fragment);
	fuzz_check(first.is_first_fragment == second.is_first_fragment);
	fuzz_check(first.is_dont_fragment == second.is_dont_fragment);
	fuzz_check(addr_compare(&first.src, &second.src) == 0);
	fuzz_check(addr_compare(&first.dst, &second.dst) == 0);
	fuzz_check(mac_equal(first.eth_src, second.eth_src));
	fuzz_check(mac_equal(first.eth_dst, second.eth_dst));
	return 0;
}
