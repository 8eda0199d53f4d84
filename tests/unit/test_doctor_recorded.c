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
	const char *bridges[3]; /* that only Docker calls so */
	const char *expected;
} recorded[] = {
	{ "v20", false, true, { NULL }, "" },
	{ "v26", false, true, { NULL }, "" },
	{ "v28", false, true, { NULL }, "" },
	{ "v29-iptables", false, true, { NULL }, "" },
	{ "v29-nftables", true, false, { NULL }, "" },
	{ "netavark-iptables", false, false, { NULL }, "" },
	{ "netavark-nftables", true, false, { NULL }, "" },
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

static void each_is_told_as_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(recorded); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();

		print_message("# %s\n", recorded[i].name);
		assert_all_diagnoses(host_with(arena, &recorded[i], true), recorded[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_told_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
