// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <string.h>

#include "host/file.h"

/* Ids of Neutron in comments, in names of sets, whole or as much as fits; tunnels; neighbours' groups. */
static void redaction_hides_ids_and_what_names_hold(void **state)
{
	static const char *const flows[] = {
		"-A i3f6c1d52-8 -m set --match-set NIPv40d3c2b1a-5f6e-4798-8a9b-1c2 src",
		"port 3f6c1d52-8e4a-4b7d-9a10-5c0e7f21b9d4, group 0d3c2b1a-5f6e-4798-8a9b-1c2d3e4f5a60.",
		"tap3f6c1d52-8e qvb3f6c1d52-8e deadbeef-1 10.0.0.1-10.0.0.2",
		"vxlan-0a010263 gre-0a010263-x vxlan-1 xvxlan-0a01024dff",
		"dl_dst=33:33:ff:12:34:56,ipv6_dst=ff02::1:ff12:3456 dl_dst=33:33:00:00:00:01",
	};
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ovs_bridge bridge = { .name = "br-int", .flows = flows, .n_flows = N_OF(flows) };
	struct text words CLEANUP(text_done) = TEXT_INIT,
			  tunnel_words CLEANUP(text_done) = TEXT_INIT;
	struct address address = { .len = 24 };
	struct netns ns = { .name = "", .addresses = &address, .n_addresses = 1 };
	struct host made = { .name = "node7",
		.release = "",
		.netns = &ns,
		.n_netns = 1,
		.ovs_bridges = &bridge,
		.n_ovs_bridges = 1 };
	const struct host *host = NULL;
	const char *const *got;
	struct addr tunnel, group, made_group;
	struct err err;

	(void)state;
	assert_true(addr_parse("10.1.2.77", &address.local));
	assert_true(host_redact(arena, &made, &host, &err));
	got = host->ovs_bridges[0].flows;
	for (size_t i = 0; i < N_OF(flows); i++)
		text_addf(&words, "%s\n", got[i]);
	/* the name of the set is still the beginning of the group's id */
	assert_memory_equal(strstr(got[0], "NIPv4") + 5, strstr(got[1], "group ") + 6, 26);
	assert_null(strstr(words.data, "-5f6e-4798"));
	assert_null(strstr(words.data, "8e4a-4b7d"));
	assert_non_null(strstr(got[0], "-A i3f6c1d52-8 "));
	assert_non_null(strstr(got[1], "port 3f6c1d52-8e"));
	assert_int_equal(got[1][strlen("port 3f6c1d52-8e4a-")], '4');
	assert_int_equal(strlen(got[1]), strlen(flows[1]));
	assert_non_null(strstr(got[2], "tap3f6c1d52-8e qvb3f6c1d52-8e deadbeef-1 10."));
	assert_memory_equal(got[3], "vxlan-", 6);
	assert_memory_equal(got[3] + 6 + 8, " gre-", 5);
	tunnel = host->netns[0].addresses[0].local; /* shares 26 bits with it */
	for (int i = 0; i < 3; i++)
		text_addf(&tunnel_words, "%02x", tunnel.bytes[i]);
	assert_memory_equal(got[3] + 6, tunnel_words.data, 6);
	assert_null(strstr(words.data, "0a010263"));
	assert_non_null(strstr(got[3], "vxlan-1 xvxlan-0a01024dff"));
	assert_non_null(strstr(got[4], "dl_dst=33:33:ff:"));
	assert_null(strstr(got[4], "ff:12:34:56"));
	assert_non_null(strstr(got[4], "dl_dst=33:33:00:00:00:01"));
	text_clear(&words);
	text_addf(&words, "ff02::1:ff%.2s:%.2s%.2s", got[4] + 16, got[4] + 19, got[4] + 22);
	assert_true(addr_parse(words.data, &made_group));
	text_clear(&words);
	text_add_n(&words, strstr(got[4], "ff02"), strcspn(strstr(got[4], "ff02"), " "));
	assert_true(addr_parse(words.data, &group));
	assert_int_equal(addr_compare(&made_group, &group), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(redaction_hides_ids_and_what_names_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
