// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which rulesets are judged: files, and some by chance.
 */
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "rulejudge.h"
#include "unit.h"

static bool run(const char *input, struct text *out, const char *a, const char *b, const char *c)
{
	const char *const argv[] = { a, b, c, NULL };

	return net_try(input, out, argv);
}

size_t judge_rules_of(const struct ruleset *rs)
{
	size_t n = 0;

	for (size_t t = 0; t < rs->n_tables; t++)
		for (size_t c = 0; c < rs->tables[t].n_chains; c++)
			n += rs->tables[t].chains[c].n_rules;
	return n;
}

void judge_nft(const char *name, const char *text)
{
	struct text counted CLEANUP(text_done) = TEXT_INIT;

	if (!nft_with_counters(name, text, &counted))
		return;
	if (strstr(text, "table ip ") || strstr(text, "table inet "))
		judge_ruleset(&(struct subject){
			name, counted.data, NULL, BY_NFTABLES, FAMILY_IPV4, false });
	if (strstr(text, "table ip6 ") || strstr(text, "table inet "))
		judge_ruleset(&(struct subject){
			name, counted.data, NULL, BY_NFTABLES, FAMILY_IPV6, false });
}

static void judge_file(const char *path)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	struct err err;
	bool is_v6;

	if (!text_load(&text, path, (size_t)16 << 20, &err))
		fail_msg("%s", err.text);
	if (strstr(text.data, "\nCOMMIT")) {
		is_v6 = strstr(name, "ip6") || strstr(name, "v6") ||
			strstr(text.data, "by ip6tables") || strstr(text.data, "-m icmp6 ");
		for (enum backend backend = BY_IPTABLES_NFT;
			backend <= (judging.is_short ? BY_IPTABLES_NFT : BY_IPTABLES_LEGACY);
			backend++)
			judge_ruleset(&(struct subject){ name, text.data, NULL, backend,
				is_v6 ? FAMILY_IPV6 : FAMILY_IPV4, false });
	} else if (strncmp(text.data, "table ", 6) == 0 || strstr(text.data, "\ntable ")) {
		judge_nft(name, text.data);
	}
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

void judge_folder(const char *path)
{
	struct dirent **entries;
	int n = scandir(path ? path : "", &entries, NULL, by_name);

	if (n < 0)
		fail_msg("%s is no folder", path);
	for (int i = 0; i < n; i++) {
		char inner[PATH_MAX];
		struct stat info;

		snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && stat(inner, &info) == 0) {
			if (S_ISDIR(info.st_mode))
				judge_folder(inner);
			else if (info.st_size < 4 << 20 && !strstr(inner, "README") &&
				 !strstr(inner, "MANIFEST"))
				judge_file(inner);
		}
		free(entries[i]);
	}
	free(entries);
}

void print_totals(void)
{
	print_message("# %zu rulesets (%zu not loadable), %zu rules, %zu packets (%zu answers, "
		      "%zu cannot tell, %zu passed), %zu counters, %zu batches wrong\n",
		judge_total.rulesets, judge_total.unloadable, judge_total.rules,
		judge_total.packets, judge_total.answers, judge_total.unsure, judge_total.passed,
		judge_total.counters, judge_total.wrong);
	if (judging.has_sets)
		print_message(
			"# sets: %zu chains (%zu with %d witnesses or more, %zu that nothing "
			"reaches), %zu witnesses, %zu parts that cannot be sent, %zu of which a "
			"count cannot be told, %zu rulesets without, %zu other alone\n",
			judge_total.chains, judge_total.full_chains, N_WITNESSES,
			judge_total.unreached, judge_total.witnesses, judge_total.unsendable,
			judge_total.open, judge_total.without_sets, judge_total.differ);
	if (judge_total.wrong || judge_total.differ)
		fail_msg("PORTWALL_SEED=%llu repeats this", (unsigned long long)judging.seed);
}

/* ---- rulesets by chance ---- */

static bool has_set_type(const char *type)
{
	static const char *const ports = "bitmap:port", *const bits = "bitmap:ip";
	struct text text CLEANUP(text_done) = TEXT_INIT, out CLEANUP(text_done) = TEXT_INIT;

	text_addf(&text, "create portwall-test %s%s\ndestroy portwall-test\n", type,
		strcmp(type, ports) == 0		 ? " range 0-1"
		: strncmp(type, bits, strlen(bits)) == 0 ? " range 10.0.0.0/30"
							 : "");
	return run(text.data, &out, "ipset", "restore", NULL);
}

void judge_random(const char *kind, size_t n, struct random_iptables what)
{
	struct random random = { judging.seed };

	memset(&judge_total, 0, sizeof(judge_total));
	for (size_t i = 0; i < n; i++) {
		struct text text CLEANUP(text_done) = TEXT_INIT,
				 sets CLEANUP(text_done) = TEXT_INIT;
		char name[32];

		what.is_v6 = one_in(&random, 3);
		snprintf(name, sizeof(name), "%s %zu", kind, i);
		if (what.has_sets)
			random_ipsets(&random, &sets, what.is_v6, has_set_type);
		random_iptables(&random, &text, &what);
		judge_ruleset(&(struct subject){ name, text.data, what.has_sets ? sets.data : NULL,
			i % 2 ? BY_IPTABLES_NFT : BY_IPTABLES_LEGACY,
			what.is_v6 ? FAMILY_IPV6 : FAMILY_IPV4, what.is_stateless });
		if (judge_total.wrong)
			/* print_message cuts what is long */
			printf("# %s:\n%s%s", name, sets.data ? sets.data : "", text.data);
	}
	print_totals();
	assert_int_equal(judge_total.unloadable, 0);
	/* what iptables-nft reads of a later fragment is not told */
	if (!what.is_stateless)
		assert_int_equal(judge_total.unsure, judge_total.beyond);
}
