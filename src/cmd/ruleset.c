// SPDX-License-Identifier: GPL-2.0-or-later
/* Rulesets as files: printed back as the model has them, or checked for what it does not have. */
#include "cmd/cmd.h"

#include <string.h>

#include "base/limits.h"
#include "ruleset/ruleset.h"

/* What is not understood, by name, and how often; sorted by name. */
struct feature {
	const char *name;
	size_t n;
};

struct finding {
	unsigned line;
	const char *feature;
	const char *what; /* the rule or the set as it is printed */
};

struct file {
	const char *path;
	enum text_kind kind;
	struct ruleset *rs;
	size_t n_rules, n_understood, n_sets;
	VEC(struct finding) findings;
	VEC(struct feature) features;
};

static bool next_inputs(struct err *err)
{
	return err_next(err,
		"give what iptables-save, ip6tables-save, ebtables-save, ipset save or nft list "
		"ruleset print; a snapshot is for portwall explain --snapshot FILE");
}

/* A parser sees a text up to its first NUL, and must not take that for the whole. */
static bool refuse_nul(const char *path, const struct text *text, struct err *err)
{
	size_t len = strlen(text->data), column = 1;
	unsigned line = 1;

	if (len == text->len)
		return true;
	for (size_t i = 0; i < len; i++) {
		column = text->data[i] == '\n' ? 1 : column + 1;
		line += text->data[i] == '\n';
	}
	if (text->len > 2 && !memcmp(text->data, "\x1f\x8b", 2))
		err_input(err, "%s: it is packed (gzip)", path);
	else
		err_input(err, "%s:%u:%zu: a NUL byte: this is no text", path, line, column);
	return next_inputs(err);
}

static bool file_read(struct arena *arena, struct file *file, struct err *err)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	file->rs = ruleset_new(arena);
	if (!text_load(&text, file->path, LIMIT_RULESET_FILE_SIZE, err) ||
		!refuse_nul(file->path, &text, err))
		return false;
	return ruleset_parse_text(arena, file->rs, file->path, text.data, &file->kind, err) ||
	       (ruleset_text_kind(text.data) == TEXT_UNKNOWN && next_inputs(err));
}

static const char *rule_text(struct arena *arena, const struct table *table,
	const struct chain *chain, const struct rule *rule)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (table->source == SOURCE_NFT)
		text_addf(&out, "%s %s: ", table->name, chain->name);
	else
		text_addf(&out, "-A %s ", chain->name);
	table_print_rule(&out, table, rule);
	return arena_strdup(arena, out.data);
}

static void count_feature(struct arena *arena, struct file *file, const char *name)
{
	size_t at = 0;

	while (at < file->features.n && strcmp(file->features.items[at].name, name) < 0)
		at++;
	if (at < file->features.n && strcmp(file->features.items[at].name, name) == 0) {
		file->features.items[at].n++;
		return;
	}
	vec_push(&file->features, arena);
	memmove(&file->features.items[at + 1], &file->features.items[at],
		(file->features.n - 1 - at) * sizeof(struct feature));
	file->features.items[at] = (struct feature){ name, 1 };
}

static void add_finding(struct arena *arena, struct file *file, unsigned line, const char *feature,
	const char *what)
{
	*vec_push(&file->findings, arena) = (struct finding){ line, feature, what };
	count_feature(arena, file, feature);
}

static void check_rule(struct arena *arena, struct file *file, const struct table *table,
	const struct chain *chain, const struct rule *rule)
{
	size_t n_before = file->findings.n;
	const char *what = NULL, *feature;

	if (rule->is_policy)
		return;
	for (size_t m = 0; m <= rule->n_matches; m++) {
		feature = m < rule->n_matches ? match_not_understood(&rule->matches[m])
					      : target_not_understood(&rule->target);
		if (!feature)
			continue;
		if (!what)
			what = rule_text(arena, table, chain, rule);
		add_finding(arena, file, rule->line, feature, what);
	}
	file->n_rules++;
	file->n_understood += file->findings.n == n_before;
}

static void check_set(struct arena *arena, struct file *file, const struct set *set)
{
	const char *feature = set_not_understood(set);

	file->n_sets++;
	if (feature)
		add_finding(
			arena, file, set->line, feature, arena_printf(arena, "set %s", set->name));
}

static void file_check(struct arena *arena, struct file *file)
{
	const struct ruleset *rs = file->rs;

	for (size_t t = 0; t < rs->n_tables; t++) {
		const struct table *table = &rs->tables[t];

		for (size_t s = 0; s < table->n_sets; s++)
			check_set(arena, file, &table->sets[s]);
		for (size_t c = 0; c < table->n_chains; c++)
			for (size_t r = 0; r < table->chains[c].n_rules; r++)
				check_rule(arena, file, table, &table->chains[c],
					&table->chains[c].rules[r]);
	}
	for (size_t s = 0; s < rs->n_sets; s++)
		check_set(arena, file, &rs->sets[s]);
}

static void print_file(struct text *out, const struct file *file)
{
	switch (file->kind) {
	case TEXT_IPTABLES:
	case TEXT_IP6TABLES:
		ruleset_print_iptables(out, file->rs, SOURCE_IPTABLES,
			file->kind == TEXT_IPTABLES ? FAMILY_IPV4 : FAMILY_IPV6, COUNTERS_AS_READ);
		break;
	case TEXT_EBTABLES:
		ruleset_print_iptables(
			out, file->rs, SOURCE_EBTABLES, FAMILY_BRIDGE, COUNTERS_AS_READ);
		break;
	case TEXT_IPSET:
		ruleset_print_ipset(out, file->rs);
		break;
	case TEXT_NFT:
		ruleset_print_nft(out, file->rs, true);
		break;
	case TEXT_EMPTY:
	case TEXT_UNKNOWN:
		break;
	}
}

static void print_check(
	const struct invocation *invocation, struct text *out, const struct file *file)
{
	const char *before = "; not understood: ";

	vec_for_each (finding, &file->findings) {
		output_add(invocation, out, COLOUR_BOLD, "%s:%u:", file->path, finding->line);
		text_add(out, " ");
		output_add(invocation, out, COLOUR_YELLOW, "%s", finding->feature);
		text_addf(out, ": %s\n", finding->what);
	}
	text_addf(out, "%s: %s, %zu rules, %zu understood, %zu sets", file->path,
		text_kind_name(file->kind), file->n_rules, file->n_understood, file->n_sets);
	vec_for_each (feature, &file->features) {
		text_addf(out, "%s%s %zu", before, feature->name, feature->n);
		before = ", ";
	}
	text_add(out, "\n");
}

static json_t *json_rule(const struct table *table, const struct rule *rule)
{
	struct text text CLEANUP(text_done) = TEXT_INIT, words CLEANUP(text_done) = TEXT_INIT;

	table_print_rule(&text, table, rule);
	rule_print_words(&words, rule);
	return json_pack("{s:i, s:o, s:o, s:I, s:I}", "line", (int)rule->line, "rule",
		output_json_words(text.data), "words", output_json_words(words.data), "packets",
		(json_int_t)rule->counters.packets, "bytes", (json_int_t)rule->counters.bytes);
}

static json_t *json_table(const struct table *table)
{
	json_t *chains = json_array();

	for (size_t c = 0; c < table->n_chains; c++) {
		const struct chain *chain = &table->chains[c];
		json_t *rules = json_array();

		for (size_t r = 0; r < chain->n_rules; r++)
			json_array_append_new(rules, json_rule(table, &chain->rules[r]));
		json_array_append_new(chains,
			json_pack("{s:o, s:o, s:o}", "name", output_json_words(chain->name),
				"policy",
				chain->policy ? output_json_words(chain->policy) : json_null(),
				"rules", rules));
	}
	return json_pack("{s:s, s:o, s:o}", "family", family_name(table->family), "name",
		output_json_words(table->name), "chains", chains);
}

static json_t *json_file(const struct file *file, bool is_check)
{
	json_t *findings = json_array(), *features = json_array(), *value;

	vec_for_each (finding, &file->findings)
		json_array_append_new(
			findings, json_pack("{s:i, s:o, s:o}", "line", (int)finding->line,
					  "feature", output_json_words(finding->feature), "rule",
					  output_json_words(finding->what)));
	vec_for_each (feature, &file->features)
		json_array_append_new(features,
			json_pack("{s:o, s:I}", "feature", output_json_words(feature->name), "n",
				(json_int_t)feature->n));
	value = json_pack("{s:o, s:s, s:I, s:I, s:I, s:o, s:o}", "file",
		output_json_words(file->path), "kind", text_kind_name(file->kind), "rules",
		(json_int_t)file->n_rules, "understood", (json_int_t)file->n_understood, "sets",
		(json_int_t)file->n_sets, "not_understood", findings, "features", features);
	if (!is_check) {
		json_t *tables = json_array();

		for (size_t t = 0; t < file->rs->n_tables; t++)
			json_array_append_new(tables, json_table(&file->rs->tables[t]));
		json_object_set_new(value, "tables", tables);
	}
	return value;
}

bool cmd_ruleset(struct invocation *invocation, struct err *err)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	json_t *files = json_array();
	bool ok = true;

	for (size_t i = 0; ok && i < invocation->n_args; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct file file = { .path = invocation->args[i] };

		invocation->agent.progress(invocation->agent.progress_data, "reading the rulesets");
		ok = file_read(arena, &file, err);
		if (!ok)
			break;
		file_check(arena, &file);
		if (file.findings.n)
			invocation->exit = EXIT_CANNOT_TELL;
		if (invocation->json)
			json_array_append_new(files, json_file(&file, invocation->check));
		else if (invocation->check)
			print_check(invocation, &out, &file);
		else
			print_file(&out, &file);
	}
	if (ok && invocation->json) {
		output_print_json(json_pack("{s:o}", "files", files));
		return true;
	}
	json_decref(files);
	if (ok)
		output_print_text(&out);
	return ok;
}
