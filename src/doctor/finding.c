// SPDX-License-Identifier: GPL-2.0-or-later
/* How a check tells what it found; what it says of the host is quoted, and what it offers was tried. */
#include <string.h>

#include "base/text.h"
#include "doctor/internal.h"
#include "ruleset/edit.h"

/* "pid 812 (qemu)": an id is one word. */
static const char *word_of(struct arena *arena, const char *name)
{
	char *word = arena_strdup(arena, name);

	for (char *at = word; *at; at++)
		if (*at == ' ')
			*at = '-';
	return word;
}

struct finding *finding_add(struct doctor *doctor, const struct check *check,
	enum severity severity, const struct netns *ns, const char *which)
{
	struct finding *finding = arena_new_one(doctor->arena, struct finding);

	finding->check = check;
	finding->severity = severity;
	finding->ns = ns;
	finding->title = finding->symptom = "";
	finding->id = which ? arena_printf(doctor->arena, "%s.%s", check->id, which) : check->id;
	/* the same device may be in several namespaces */
	if (ns && *ns->name)
		finding->id = arena_printf(
			doctor->arena, "%s@%s", finding->id, word_of(doctor->arena, ns->name));
	*vec_push(&doctor->diagnosis->findings, doctor->arena) = finding;
	return finding;
}

void finding_prove(struct doctor *doctor, struct finding *finding, const char *kind,
	const char *where, const char *text)
{
	*vec_push(&finding->proofs, doctor->arena) =
		(struct proof){ kind, where, arena_strdup(doctor->arena, text) };
}

void finding_prove_rule(struct doctor *doctor, struct finding *finding, const struct table *table,
	const struct chain *chain, size_t number)
{
	struct text where CLEANUP(text_done) = TEXT_INIT, text CLEANUP(text_done) = TEXT_INIT;
	const struct rule *rule = number ? &chain->rules[number - 1] : NULL;
	unsigned line = rule ? rule->line : chain->line;

	if (number)
		text_addf(&where, "rule %zu of chain %s", number, chain->name);
	else
		text_addf(&where, "chain %s", chain->name);
	if (table->source == SOURCE_NFT)
		text_addf(&where, ", nft table %s %s", nft_family_name(table->family), table->name);
	else
		text_addf(&where, ", table %s (%s)", table->name, table_program(table));
	if (line)
		text_addf(&where, ", line %u of its listing", line);
	if (rule && table->source != SOURCE_NFT)
		text_addf(&text, "-A %s ", chain->name);
	if (rule)
		table_print_rule(&text, table, rule);
	else
		text_addf(&text, "policy %s", chain->policy ? chain->policy : "accept");
	finding_prove(doctor, finding, rule ? "rule" : "policy",
		arena_strdup(doctor->arena, where.data), text.data);
}

void finding_prove_sysctl(
	struct doctor *doctor, struct finding *finding, const char *name, const char *absent)
{
	const char *value = netns_sysctl(finding->ns, name);

	if (!value)
		value = absent;
	if (value)
		finding_prove(doctor, finding, "sysctl", "",
			arena_printf(doctor->arena, "%s = %s", name, value));
}

void finding_prove_filtered(struct doctor *doctor, struct finding *finding,
	const struct link *bridge, enum family family)
{
	static const char *const sysctls[N_IP_FAMILIES] = { "net.bridge.bridge-nf-call-iptables",
		"net.bridge.bridge-nf-call-ip6tables" };
	static const enum bridge_switch switches[N_IP_FAMILIES] = { SWITCH_NF_CALL_IPTABLES,
		SWITCH_NF_CALL_IP6TABLES };

	if (finding->ns->nf_call[family])
		finding_prove_sysctl(doctor, finding, sysctls[family], NULL);
	else
		finding_prove(doctor, finding, "link", "",
			arena_printf(doctor->arena, "bridge %s: %s %d", bridge->name,
				bridge_switch_name(switches[family]), bridge->nf_call[family]));
}

void finding_port(struct doctor *doctor, struct finding *finding, const char *device)
{
	vec_for_each (port, &finding->ports)
		if (strcmp(*port, device) == 0)
			return;
	*vec_push(&finding->ports, doctor->arena) = device;
}

const struct report *finding_witness(
	struct doctor *doctor, struct finding *finding, const struct query *query)
{
	struct query *kept = arena_new_one(doctor->arena, struct query);
	struct report *report = arena_new_one(doctor->arena, struct report);

	*kept = *query;
	report_make(doctor->arena, doctor->explainer, kept,
		explain(doctor->arena, doctor->explainer, kept), 0, report);
	finding->witness = report;
	return report;
}

/* ---- fixes ---- */

void edits_add(struct arena *arena, struct edits *edits, struct host_edit edit)
{
	*vec_push(edits, arena) = edit;
}

struct host_edit edit_of_sysctl(const struct netns *ns, const char *name, const char *value)
{
	return (struct host_edit){ .kind = HOST_EDIT_SYSCTL,
		.name = name,
		.value = value,
		.before = netns_sysctl(ns, name) };
}

bool is_untouched(const struct explanation *after, const void *data)
{
	(void)data;
	return after->final == FINAL_DELIVERED;
}

static const char *commands_of(
	struct arena *arena, const struct host_edit *edits, size_t n, bool is_undo)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < n; i++) {
		size_t before = out.len;

		if (is_undo) /* the last one first */
			host_edit_print_undo(&out, &edits[n - 1 - i]);
		else
			host_edit_print_command(&out, &edits[i]);
		if (out.len > before)
			text_add(&out, "\n");
	}
	return arena_strdup(arena, out.data ? out.data : "");
}

static const char *proof_words(
	struct doctor *doctor, const struct explanation *after, const char *services)
{
	if (!after)
		return services;
	return arena_printf(doctor->arena, "with it the packet is %s%s%s; %s",
		final_name(after->final), after->leaf && after->leaf->drop ? ": " : "",
		after->leaf && after->leaf->drop ? drop_words(after->leaf->drop) : "", services);
}

static const struct explanation *ask_other(const struct doctor *doctor, struct arena *arena,
	const struct host *other, const struct explainer *explainer, const struct query *query)
{
	struct query moved = query_moved(arena, query, doctor->host, other);

	return explain(arena, explainer, &moved);
}

/* ret: of the witness, in arena. */
static bool all_are_cured(const struct doctor *doctor, struct arena *arena,
	const struct finding *finding, const struct host *other, cured_fn *is_cured,
	const void *data, const struct explanation **ret)
{
	const struct explainer *explainer = explainer_new(arena, other);

	*ret = ask_other(doctor, arena, other, explainer, finding->witness->query);
	if (!is_cured(*ret, data))
		return false;
	vec_for_each (query, &finding->others) {
		struct arena *scratch CLEANUP(arena_freep) = arena_new();

		if (!is_cured(ask_other(doctor, scratch, other, explainer, query), data))
			return false;
	}
	return true;
}

bool finding_fix(struct doctor *doctor, struct finding *finding, const struct fix *fix,
	cured_fn *is_cured, const void *data)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	const struct host *other;
	const struct explanation *after = NULL;
	const char *services = NULL;
	struct fix offered = *fix;
	struct err err;

	if (!host_edited(
		    scratch, doctor->host, finding->ns, fix->edits, fix->n_edits, &other, &err) ||
		(finding->witness &&
			!all_are_cured(doctor, scratch, finding, other, is_cured, data, &after)))
		return false;
	if (!services_are_kept(doctor, other, &services))
		return false;
	if (!offered.commands)
		offered.commands = commands_of(doctor->arena, fix->edits, fix->n_edits, false);
	if (!offered.undo)
		offered.undo = commands_of(doctor->arena, fix->edits, fix->n_edits, true);
	offered.proved = proof_words(doctor, after, services);
	*vec_push(&finding->fixes, doctor->arena) = offered;
	return true;
}

bool finding_fix_elsewhere(struct doctor *doctor, struct finding *finding, const struct fix *fix,
	cured_fn *is_cured, const void *data)
{
	struct fix *offered;

	if (!finding_fix(doctor, finding, fix, is_cured, data))
		return false;
	offered = &finding->fixes.items[finding->fixes.n - 1];
	offered->edits = NULL;
	offered->n_edits = 0;
	return true;
}

/* The changes of one packet's port, into the fix; a command is told once. */
static bool add_changes(struct doctor *doctor, const struct query *query, struct edits *edits,
	struct text *commands, struct fix *fix)
{
	struct report report;

	report_make(doctor->arena, doctor->explainer, query,
		explain(doctor->arena, doctor->explainer, query), REPORT_CHANGES, &report);
	for (size_t i = 0; i < report.changes.n; i++) {
		const struct change *change = &report.changes.items[i];

		if (change->kind != CHANGE_GROUP_RULE && change->kind != CHANGE_ADDRESS_PAIR)
			return false;
		*vec_push(edits, doctor->arena) = change->edit;
		if (!strstr(commands->data, change->command))
			text_addf(commands, "%s\n", change->command);
		if (!fix->words)
			fix->words = change->words;
		if (!fix->consequence)
			fix->consequence = change->note;
	}
	return report.changes.n > 0;
}

bool finding_fix_groups(struct doctor *doctor, struct finding *finding, const char *name)
{
	struct text commands CLEANUP(text_done) = TEXT_INIT;
	struct edits edits = { 0 };
	struct fix fix = { .name = name, .undo = "" };

	if (!finding->witness || !finding->owner.name ||
		!add_changes(doctor, finding->witness->query, &edits, &commands, &fix))
		return false;
	vec_for_each (query, &finding->others)
		if (!add_changes(doctor, query, &edits, &commands, &fix))
			return false;
	fix.edits = edits.items;
	fix.n_edits = edits.n;
	if (strcmp(finding->owner.name, "Neutron") != 0 &&
		strcmp(finding->owner.name, "portwall") != 0) {
		fix.undo = fix.consequence = NULL;
		return finding_fix(doctor, finding, &fix, is_untouched, NULL);
	}
	fix.commands = arena_strdup(doctor->arena, commands.data);
	return finding_fix_elsewhere(doctor, finding, &fix, is_untouched, NULL);
}

void finding_advise(struct doctor *doctor, struct finding *finding, const char *name,
	const char *words, const char *commands, const char *consequence)
{
	*vec_push(&finding->fixes, doctor->arena) = (struct fix){ .name = name,
		.words = words,
		.commands = commands,
		.consequence = consequence,
		.undo = "",
		.proved = "not tried: portwall does not do this itself" };
}

/* ---- what cannot be told ---- */

void doctor_untold(
	struct doctor *doctor, const struct check *check, const char *why, const char *next)
{
	vec_for_each (known, &doctor->diagnosis->untold) {
		if (known->check == check && strcmp(known->why, why) == 0) {
			known->n++;
			return;
		}
	}
	*vec_push(&doctor->diagnosis->untold, doctor->arena) =
		(struct untold){ check, why, next, 1 };
}

bool doctor_is_unread(
	struct doctor *doctor, const struct check *check, const struct netns *ns, const char *what)
{
	const char *why;

	if (!netns_is_unread(ns, what, &why))
		return false;
	doctor_untold(doctor, check,
		arena_printf(doctor->arena, "%s%s%s was not read: %s", what,
			*ns->name ? " of namespace " : "", ns->name, why),
		"run it as root on the host, or take a new snapshot there as root");
	return true;
}
