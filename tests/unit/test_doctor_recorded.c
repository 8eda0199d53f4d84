// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor over rulesets that real Dockers and netavark wrote (tests/data/docker), laid over a compute node. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sickhost.h"

static char *read_data(struct arena *arena, const char *name)
{
	const char *path = arena_printf(arena, "%s/%s", getenv("DATA_DOCKER"), name);
	struct text text CLEANUP(text_done) = TEXT_INIT;
	FILE *file = fopen(path, "r");
	char chunk[4096];
	size_t n;

	if (!file)
		fail_msg("no file %s", path);
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
		text_add_n(&text, chunk, n);
	(void)fclose(file);
	return arena_strdup(arena, text.data ? text.data : "");
}

static void add_rules(struct host_build *b, enum family family, const char *name)
{
	const char *text = read_data(b->arena, name);
	struct err err = { 0 };

	if (!ruleset_parse_iptables(
		    b->arena, (struct ruleset *)b->netns[0].ruleset, family, name, text, &err))
		fail_msg("%s", err.text);
}

/* Bridges of the networks that the rules are for, or all of them would be rules left behind. */
static void add_bridges(struct host_build *b, const char *const *names)
{
	for (; *names; names++)
		build_link(b, 0, "bridge", *names);
}

static const struct recorded {
	const char *name; /* of the files, without what is behind the point */
	bool is_nft, has_ipv6;
	const char *bridges[4]; /* that only Docker calls so */
	const char *expected, *without_groups;
} recorded[] = {
	{ "v20", false, true, { "br-a583ac706c76", "br-d55d862a941a", NULL },
		"broken nat-source.POSTROUTING-5: guard return mark; "
		"broken forward-drop.ip6-FORWARD-policy: accept; "
		"risk nat-source.POSTROUTING-1: guard return; "
		"risk nat-destination.DOCKER-6: guard; "
		"risk nat-destination.DOCKER-8: guard",
		"broken forward-drop.FORWARD-policy: docker-user accept; "
		"broken forward-drop.ip6-FORWARD-policy: accept; "
		"broken nf-call-needless.iptables: off; "
		"broken nf-call-needless.ip6tables: off; "
		"risk nat-destination.DOCKER-6:; "
		"risk nat-destination.DOCKER-8:" },
	{ "v26", false, true, { "br-0c1038a404fb", "br-be58d1954efd", NULL },
		"broken nat-source.POSTROUTING-5: guard return mark; "
		"broken forward-drop.ip6-FORWARD-policy: docker-user accept; "
		"risk nat-source.POSTROUTING-1: guard return; "
		"risk nat-destination.DOCKER-6: guard; "
		"risk nat-destination.DOCKER-8: guard",
		"broken forward-drop.FORWARD-policy: docker-user accept; "
		"broken forward-drop.ip6-FORWARD-policy: docker-user accept; "
		"broken nf-call-needless.iptables: off; "
		"broken nf-call-needless.ip6tables: off; "
		"risk nat-destination.DOCKER-6:; "
		"risk nat-destination.DOCKER-8:" },
	{ "v28", false, true, { "br-a8f625607393", "br-df65e6feaad3", NULL },
		"broken nat-source.POSTROUTING-6: guard return mark; "
		"broken forward-drop.ip6-FORWARD-policy: docker-user accept; "
		"risk nat-source.POSTROUTING-1: guard return; "
		"risk nat-destination.DOCKER-8: guard; "
		"risk nat-destination.DOCKER-11: guard; "
		"risk raw-drop.PREROUTING-1: accept allow-direct-routing; "
		"risk raw-drop.ip6-PREROUTING-1:",
		"broken forward-drop.FORWARD-policy: docker-user accept; "
		"broken forward-drop.ip6-FORWARD-policy: docker-user accept; "
		"broken nf-call-needless.iptables: off; "
		"broken nf-call-needless.ip6tables: off; "
		"risk nat-destination.DOCKER-8:; "
		"risk nat-destination.DOCKER-11:; "
		"risk raw-drop.PREROUTING-1: allow-direct-routing; "
		"risk raw-drop.ip6-PREROUTING-1:" },
	{ "v29-iptables", false, true, { "br-1dc71682bedd", "br-621c39fc7978", NULL },
		"broken nat-source.POSTROUTING-6: guard return; "
		"broken forward-drop.ip6-FORWARD-policy: docker-user accept; "
		"risk nat-source.POSTROUTING-1: guard return; "
		"risk nat-destination.DOCKER-1: guard; "
		"risk nat-destination.DOCKER-4: guard; "
		"risk raw-drop.PREROUTING-1: accept allow-direct-routing; "
		"risk raw-drop.ip6-PREROUTING-1:",
		"broken forward-drop.FORWARD-policy: docker-user accept; "
		"broken forward-drop.ip6-FORWARD-policy: docker-user accept; "
		"broken nf-call-needless.iptables: off; "
		"broken nf-call-needless.ip6tables: off; "
		"risk nat-destination.DOCKER-1:; "
		"risk nat-destination.DOCKER-4:; "
		"risk raw-drop.PREROUTING-1: allow-direct-routing; "
		"risk raw-drop.ip6-PREROUTING-1:" },
	{ "v29-nftables", true, false, { "br-37b847eebdba", "br-cc628a2d9e8c", NULL },
		"risk nat-destination.ip-docker-bridges-nat-prerouting-and-output-1: guard; "
		"risk nat-destination.ip-docker-bridges-nat-prerouting-and-output-4: guard; "
		"risk nat-destination.ip-docker-bridges-nat-prerouting-and-output-5: guard; "
		"risk nat-destination.ip-docker-bridges-nat-prerouting-and-output-3: guard; "
		"risk raw-drop.ip-docker-bridges-raw-PREROUTING-1: allow-direct-routing; "
		"risk raw-drop.ip6-docker-bridges-raw-PREROUTING-1: allow-direct-routing",
		"risk nat-destination.ip-docker-bridges-nat-prerouting-and-output-1: guard; "
		"risk nat-destination.ip-docker-bridges-nat-prerouting-and-output-4: guard; "
		"risk nat-destination.ip-docker-bridges-nat-prerouting-and-output-5: guard; "
		"risk nat-destination.ip-docker-bridges-nat-prerouting-and-output-3: guard; "
		"risk raw-drop.ip-docker-bridges-raw-PREROUTING-1: allow-direct-routing; "
		"risk raw-drop.ip6-docker-bridges-raw-PREROUTING-1: allow-direct-routing; "
		"risk nf-call-needless.iptables: off; "
		"risk nf-call-needless.ip6tables: off" },
	{ "netavark-iptables", false, false, { NULL },
		"risk nat-source.NETAVARK-1D8721804F16F-2: guard return; "
		"risk nat-destination.NETAVARK-DN-1D8721804F16F-3: guard return",
		"risk nat-source.NETAVARK-1D8721804F16F-2: guard return; "
		"risk nat-destination.NETAVARK-DN-1D8721804F16F-3: guard; "
		"risk nf-call-needless.iptables: off" },
	{ "netavark-nftables", true, false, { NULL },
		"risk nat-source.inet-netavark-nv_2f259bab_10_88_0_0_nm16-2: guard; "
		"risk nat-destination.inet-netavark-nv_2f259bab_10_88_0_0_nm16_dnat-3: guard",
		"risk nat-source.inet-netavark-nv_2f259bab_10_88_0_0_nm16-2: guard; "
		"risk nat-destination.inet-netavark-nv_2f259bab_10_88_0_0_nm16_dnat-3: guard; "
		"risk nf-call-needless.iptables: off" },
};

static struct host_build *host_with(
	struct arena *arena, const struct recorded *one, bool has_groups)
{
	struct host_build *b =
		has_groups ? sick_host(arena, NULL) : sick_host_without_groups(arena);

	if (one->is_nft)
		build_nft(b, 0, read_data(arena, arena_printf(arena, "%s.nft", one->name)));
	else
		add_rules(b, FAMILY_IPV4, arena_printf(arena, "%s.iptables-save", one->name));
	if (one->has_ipv6)
		add_rules(b, FAMILY_IPV6, arena_printf(arena, "%s.ip6tables-save", one->name));
	add_bridges(b, one->bridges);
	return b;
}

static void it_is_told_as_it_is(void **state)
{
	const struct recorded *one = *state;
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	assert_all_diagnoses(host_with(arena, one, true), one->expected);
}

static void on_plain_bridges_too(void **state)
{
	const struct recorded *one = *state;
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	assert_all_diagnoses(host_with(arena, one, false), one->without_groups);
}

int main(void)
{
	struct CMUnitTest tests[2 * N_OF(recorded)];

	for (size_t i = 0; i < 2 * N_OF(recorded); i++)
		tests[i] = (struct CMUnitTest){ .name = recorded[i / 2].name,
			.test_func = i % 2 ? on_plain_bridges_too : it_is_told_as_it_is,
			.initial_state = (void *)&recorded[i / 2] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
