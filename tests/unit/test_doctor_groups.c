// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor: what is wrong with the security groups of ports themselves. */
#include "unit.h"

#include <string.h>

#include "base/text.h"
#include "sickhost.h"

#define USUAL_IN "-p icmp -j RETURN\n-p tcp -m tcp -j RETURN\n"
#define OWN	 "-s 172.17.0.11/32 -m mac --mac-source FA:16:3E:00:00:11 -j RETURN\n"

/* A compute node whose first port has these rules; NULL: as usual. */
static struct host_build *host_of(
	struct arena *arena, const char *in, const char *out, const char *spoof)
{
	struct host_build *b = sick_host_without_groups(arena);

	build_iptables(b, 0, sick_groups(arena, in, out, spoof));
	return b;
}

static void add_flow(struct host_build *b, uint8_t proto, const char *src, const char *dst)
{
	struct conntrack_entry *entry = &b->built[0].conntrack[b->netns[0].n_conntrack++];

	*entry = (struct conntrack_entry){
		.proto = proto, .status = CT_STATUS_CONFIRMED, .timeout_s = 500
	};
	assert_true(addr_parse(src, &entry->orig.src));
	assert_true(addr_parse(dst, &entry->orig.dst));
	entry->reply.src = entry->orig.dst;
	entry->reply.dst = entry->orig.src;
}

/* What the witness's walk says. */
static void assert_witness(const struct finding *finding, const char *expected)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	assert_non_null(finding->witness);
	report_print_verdict(&text, finding->witness);
	if (strncmp(text.data, expected, strlen(expected)) != 0)
		assert_string_equal(text.data, expected);
}

/* ---- ipip-as-94 ---- */

static void ipip_that_was_compiled_as_94_is_found(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b =
		host_of(arena, USUAL_IN "-s 172.17.0.0/16 -p 94 -j RETURN\n", NULL, NULL);
	const struct finding *finding;

	(void)state;
	assert_diagnosis(b, "ipip-as-94", "risk ipip-as-94.tap11111111-11: group-rule");
	finding = finding_of(b, "ipip-as-94", "ipip-as-94.tap11111111-11");
	assert_string_equal(finding->title,
		"a group rule lets in protocol 94 in place of IP in IP, which is protocol 4, at "
		"tap11111111-11");
	assert_string_equal(finding->owner.name, "Neutron");
	assert_witness(finding, "dropped");
	assert_string_equal(finding->fixes.items[0].commands,
		"openstack security group rule create --ingress --ethertype IPv4 --protocol 4 "
		"--remote-ip 172.17.0.0/16 GROUP\n");
	assert_int_equal(finding->fixes.items[0].n_edits, 0);
}

static void ipip_by_its_debian_name_is_94_too(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = host_of(arena, USUAL_IN "-p ipip -j RETURN\n", NULL, NULL);

	(void)state;
	add_flow(b, PROTO_IPIP, "172.17.0.11", "172.17.0.12");
	assert_diagnosis(b, "ipip-as-94", "broken ipip-as-94.tap11111111-11: group-rule");
}

static void ipip_that_another_rule_lets_in_is_no_finding(void **state)
{
	static const char *const good[] = {
		USUAL_IN "-p ipip -j RETURN\n-p ipencap -j RETURN\n",
		USUAL_IN "-p 4 -j RETURN\n",
		USUAL_IN "-p ipip -j DROP\n",
		"-j RETURN\n-p 94 -j RETURN\n",
	};

	(void)state;
	for (size_t i = 0; i < N_OF(good); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();

		assert_diagnosis(host_of(arena, good[i], NULL, NULL), "ipip-as-94", "-");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipip_that_was_compiled_as_94_is_found),
		cmocka_unit_test(ipip_by_its_debian_name_is_94_too),
		cmocka_unit_test(ipip_that_another_rule_lets_in_is_no_finding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
