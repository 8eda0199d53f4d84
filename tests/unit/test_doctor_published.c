// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor: published ports that INPUT does not close, and second flows without a helper. */
#include "unit.h"

#include <string.h>

#include "base/text.h"
#include "sickhost.h"

#define NAT                                                                                        \
	"*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"              \
	":POSTROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n"                                             \
	"-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n"                                   \
	"-A DOCKER %s! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination "            \
	"172.17.0.2:443\nCOMMIT\n"

/* A host of Docker's with one published port; input: rules of INPUT, and its policy. */
static struct host_build *host_that_publishes(struct arena *arena, const char *policy,
	const char *input, const char *user, const char *published_to)
{
	struct host_build *b = sick_host_without_groups(arena);

	build_iptables(b, 0,
		arena_printf(arena,
			"*filter\n:INPUT %s [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
			":DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n%s%s"
			"-A DOCKER-USER -j RETURN\nCOMMIT\n",
			policy, input, user));
	build_iptables(b, 0, arena_printf(arena, NAT, published_to));
	return b;
}

static void a_port_that_the_policy_of_input_drops_is_a_risk(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = host_that_publishes(
		arena, "DROP", "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n", "", "");
	const struct finding *finding;

	(void)state;
	assert_diagnosis(b, "published-port-open",
		"risk published-port-open.eth0-tcp-8080: docker-user publish");
	finding = finding_of(b, "published-port-open", "published-port-open.eth0-tcp-8080");
	assert_string_equal(finding->title,
		"port 8080 (tcp) is open to a container by eth0, although the policy of INPUT lets in "
		"nobody who is not named");
	assert_string_equal(finding->owner.name, "Docker");
	assert_string_equal(finding->fixes.items[0].commands,
		"iptables -I DOCKER-USER 1 -i eth0 -p tcp -m conntrack --ctorigdstport 8080 "
		"--ctdir ORIGINAL -j DROP\n");
	assert_int_equal(finding->witness->explanation->final, FINAL_REWRITTEN);
}

static void a_port_that_a_rule_of_input_drops_is_open(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	assert_diagnosis(host_that_publishes(arena, "ACCEPT",
				 "-A INPUT -p tcp -m tcp --dport 8080 -j REJECT\n", "", ""),
		"published-port-open",
		"open published-port-open.eth0-tcp-8080: docker-user publish");
}

static void a_port_that_is_closed_or_open_in_both_is_no_finding(void **state)
{
	static const struct {
		const char *policy, *input, *user, *to;
	} good[] = {
		{ "ACCEPT", "", "", "" },
		{ "DROP", "-A INPUT -p tcp -m tcp --dport 8080 -j ACCEPT\n", "", "" },
		/* closed where it helps */
		{ "DROP", "",
			"-A DOCKER-USER -i eth0 -p tcp -m conntrack --ctorigdstport 8080 -j DROP\n",
			"" },
		/* for the host itself only */
		{ "DROP", "", "", "-d 127.0.0.1/32 " },
		/* only for some, and not for the next station of the network */
		{ "ACCEPT", "-A INPUT -s 203.0.113.0/24 -p tcp -m tcp --dport 8080 -j DROP\n", "",
			"" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(good); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();

		assert_diagnosis(host_that_publishes(arena, good[i].policy, good[i].input,
					 good[i].user, good[i].to),
			"published-port-open", "-");
	}
}

/* ---- helper-missing ---- */

#define FTP "-p tcp -m tcp --dport 21 -j RETURN\n"

static void ftp_without_a_helper_is_a_hint(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = sick_host(arena, FTP);
	const struct finding *finding;

	(void)state;
	assert_diagnosis(b, "helper-missing", "hint helper-missing.tap11111111-11-ftp: helper");
	finding = finding_of(b, "helper-missing", "helper-missing.tap11111111-11-ftp");
	assert_string_equal(finding->title,
		"rules of tap11111111-11 let in FTP and what is RELATED, but no flow has a helper: a "
		"passive data connection is lost");
	assert_int_equal(finding->witness->explanation->final, FINAL_DROPPED);
}

static void ftp_that_has_a_helper_or_needs_none_is_no_finding(void **state)
{
	static const struct {
		const char *in, *raw, *guesses;
	} good[] = {
		{ FTP,
			"*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
			"-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp\nCOMMIT\n",
			"0" },
		{ FTP, NULL, "1" },
		{ FTP "-p tcp -m tcp -m multiport --dports 40000:50000 -j RETURN\n", NULL, "0" },
		{ "-p tcp -m tcp -m multiport --dports 20:443 -j RETURN\n", NULL, "0" },
		/* its answers are let out */
		{ "-p udp -m udp --dport 69 -j RETURN\n", NULL, "0" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(good); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host_build *b = sick_host(arena, good[i].in);

		if (good[i].raw)
			build_iptables(b, 0, good[i].raw);
		build_sysctl(b, 0, "net.netfilter.nf_conntrack_helper", good[i].guesses);
		assert_diagnosis(b, "helper-missing", "-");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_that_the_policy_of_input_drops_is_a_risk),
		cmocka_unit_test(a_port_that_a_rule_of_input_drops_is_open),
		cmocka_unit_test(a_port_that_is_closed_or_open_in_both_is_no_finding),
		cmocka_unit_test(ftp_without_a_helper_is_a_hint),
		cmocka_unit_test(ftp_that_has_a_helper_or_needs_none_is_no_finding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
