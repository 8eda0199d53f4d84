// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An edit is compared with the host before it is done: the rule is where it was, the setting what it was, the table not there.
 * Several edits are tried one after the other on a copy, as each one's places are those behind the edits before it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/mending.h"
#include "ruleset/edit.h"

void scene_read(struct arena *arena, struct scene *ret)
{
	*ret = (struct scene){ arena, kernel_settings_read(arena) };
}

const struct netns *scene_netns(const struct scene *scene)
{
	return &scene->host->netns[0];
}

static bool has_changed(struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static bool has_changed(struct err *err, const char *fmt, ...)
{
	char what[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	err_conflict(err, "the host has changed: %s", what);
	return err_next(err, "look at it again: portwall doctor");
}

/* ---- rules */

const struct table *scene_table(const struct scene *scene, const struct host_edit *edit)
{
	const struct ruleset *rs = scene_netns(scene)->ruleset;

	for (size_t i = 0; rs && i < rs->n_tables; i++)
		if (rs->tables[i].source == edit->source && rs->tables[i].family == edit->family &&
			!strcmp(rs->tables[i].name, edit->table))
			return &rs->tables[i];
	return NULL;
}

const struct chain *scene_chain(const struct scene *scene, const struct host_edit *edit)
{
	const struct table *table = scene_table(scene, edit);

	return table ? table_chain(table, edit->chain) : NULL;
}

const struct rule *scene_rule(struct scene *scene, const struct host_edit *edit, const char *text)
{
	const struct table *table = scene_table(scene, edit);
	struct rule *rule = arena_new_one(scene->arena, struct rule);
	struct err ignored;

	return table && table_parse_rule(scene->arena, table, edit->chain, text, rule, &ignored)
		       ? rule
		       : NULL;
}

size_t chain_count(const struct chain *chain, const struct rule *rule)
{
	size_t n = 0;

	for (size_t i = 0; i < chain->n_rules; i++)
		n += rule_equal(&chain->rules[i], rule);
	return n;
}

const char *edit_place(struct arena *arena, const struct host_edit *edit)
{
	const struct table table = { .source = edit->source, .family = edit->family };

	return arena_printf(
		arena, "%s -t %s, chain %s", table_program(&table), edit->table, edit->chain);
}

static const char *rule_text(
	struct arena *arena, const struct table *table, const struct rule *rule)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	table_print_rule(&text, table, rule);
	return arena_strdup(arena, text.data);
}

/* Lines of a batch are made of these: nothing in them may begin a line of its own. */
static bool check_words(const struct host_edit *edit, struct err *err)
{
	const char *const words[] = { edit->table, edit->chain, edit->rule, edit->before };

	for (size_t i = 0; i < N_OF(words); i++)
		if (words[i] && strchr(words[i], '\n'))
			return err_input(err, "a rule has to be one line: %s", words[i]);
	return true;
}

static bool is_of_iptables(const struct host_edit *edit)
{
	return (edit->source == SOURCE_IPTABLES || edit->source == SOURCE_IPTABLES_LEGACY) &&
	       (edit->family == FAMILY_IPV4 || edit->family == FAMILY_IPV6);
}

static bool check_source(const struct host_edit *edit, struct err *err)
{
	struct text command CLEANUP(text_done) = TEXT_INIT;

	if (is_of_iptables(edit))
		return true;
	host_edit_print_command(&command, edit);
	command.data[strcspn(command.data, "\n")] = '\0';
	err_input(err, "portwall does not change rules of others' tables of %s",
		edit->source == SOURCE_NFT ? "nft" : "ebtables");
	return err_next(err, "do it by hand: %s", command.data);
}

/* iptables-nft cannot read a table into which nft has written what it does not know. */
static bool check_is_expressible(
	const struct scene *scene, const struct host_edit *edit, struct err *err)
{
	const struct table *table;
	struct host_edit of_nft = *edit;

	of_nft.source = SOURCE_NFT;
	table = scene_table(scene, &of_nft);
	if (!table || scene_table(scene, edit))
		return true;
	err_conflict(err, "%s cannot express the table %s: it holds rules made with nft",
		edit->family == FAMILY_IPV6 ? "ip6tables" : "iptables", edit->table);
	return err_next(err, "look at it with: nft list table %s %s", nft_family_name(edit->family),
		edit->table);
}

bool scene_check_read(const struct scene *scene, const struct host_edit *edit, struct err *err)
{
	static const char *const tools[][N_IP_FAMILIES] = {
		[SOURCE_IPTABLES] = { "iptables-nft", "ip6tables-nft" },
		[SOURCE_IPTABLES_LEGACY] = { "iptables-legacy", "ip6tables-legacy" },
	};
	const char *why = NULL, *what = "nft";

	if (edit->kind == HOST_EDIT_SYSCTL || edit->kind == HOST_EDIT_FLOWS)
		return true;
	if (edit->kind == HOST_EDIT_LINK)
		what = "links";
	else if (is_of_iptables(edit))
		what = tools[edit->source][edit->family];
	if (netns_is_unread(scene_netns(scene), what, &why))
		return err_system(err, 0, "%s could not be read: %s", what, why);
	return edit->kind == HOST_EDIT_LINK || edit->source != SOURCE_IPTABLES ||
	       check_is_expressible(scene, edit, err);
}

/* The place of the edit, and for one that takes a rule away that it is the rule. */
static bool check_rule(struct scene *scene, const struct host_edit *edit,
	const struct chain **ret_chain, struct made_edit *made, struct err *err)
{
	const char *place = edit_place(scene->arena, edit);
	const struct chain *chain = scene_chain(scene, edit);
	const struct rule *before, *found;

	if (!chain)
		return has_changed(err, "there is no %s", place);
	made->n_rules = chain->n_rules;
	*ret_chain = chain;
	if (edit->kind == HOST_EDIT_RULE_ADD) {
		if (edit->at > chain->n_rules)
			return has_changed(err, "%s has only %zu rules", place, chain->n_rules);
		return true;
	}
	if (edit->at >= chain->n_rules)
		return has_changed(err, "%s has no rule %zu", place, edit->at + 1);
	found = &chain->rules[edit->at];
	before = edit->before ? scene_rule(scene, edit, edit->before) : found;
	if (!before)
		return err_input(err, "%s: %s is no rule", place, edit->before);
	made->edit.before = rule_text(scene->arena, scene_table(scene, edit), found);
	if (!rule_equal(found, before))
		return has_changed(
			err, "rule %zu of %s is now: %s", edit->at + 1, place, made->edit.before);
	made->counters = found->counters;
	made->is_first = true;
	for (size_t i = 0; i < edit->at; i++)
		made->is_first &= !rule_equal(&chain->rules[i], found);
	return true;
}

/* What there is to know of the chain behind the edit. */
static void note_neighbours(struct scene *scene, struct made_edit *made)
{
	const struct host_edit *edit = &made->edit;
	const struct table *table = scene_table(scene, edit);
	const struct chain *chain = scene_chain(scene, edit);
	/* of a rule that went the place is between two */
	size_t below = edit->kind == HOST_EDIT_RULE_REMOVE ? edit->at : edit->at + 1;
	const struct rule *rule = scene_rule(
		scene, edit, edit->kind == HOST_EDIT_RULE_REMOVE ? edit->before : edit->rule);
	const struct rule *before =
		edit->kind == HOST_EDIT_RULE_REPLACE ? scene_rule(scene, edit, edit->before) : NULL;

	made->above = edit->at ? rule_text(scene->arena, table, &chain->rules[edit->at - 1]) : "";
	made->below =
		below < chain->n_rules ? rule_text(scene->arena, table, &chain->rules[below]) : "";
	made->n_equal = rule ? chain_count(chain, rule) : 0;
	made->n_before = before ? chain_count(chain, before) : 0;
}

static bool move_scene(struct scene *scene, const struct host_edit *edit, struct err *err)
{
	return host_edited(
		scene->arena, scene->host, scene_netns(scene), edit, 1, &scene->host, err);
}

static bool do_rule(
	struct scene *scene, const struct host_edit *edit, struct made_edit *made, struct err *err)
{
	const struct chain *chain;

	if (!check_source(edit, err) || !check_words(edit, err) ||
		!scene_check_read(scene, edit, err) || !check_rule(scene, edit, &chain, made, err))
		return false;
	if (edit->kind != HOST_EDIT_RULE_REMOVE && !scene_rule(scene, edit, edit->rule))
		return err_input(
			err, "%s: %s is no rule", edit_place(scene->arena, edit), edit->rule);
	if (!move_scene(scene, &made->edit, err))
		return false;
	note_neighbours(scene, made);
	return true;
}

/* ---- tables of nft */

const char *table_text(struct arena *arena, const struct table *table)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct table copy = *table;
	const struct ruleset one = { .tables = &copy, .n_tables = 1 };

	ruleset_print_nft(&text, &one, false);
	return arena_strdup(arena, text.data);
}

static const struct table *table_of(struct arena *arena, const char *text)
{
	struct ruleset *rs = ruleset_new(arena);
	struct err ignored;

	return ruleset_parse_nft(arena, rs, "the table", text, &ignored) && rs->n_tables == 1
		       ? &rs->tables[0]
		       : NULL;
}

const char *table_text_of(struct arena *arena, const char *text)
{
	const struct table *table = table_of(arena, text);

	return table ? table_text(arena, table) : NULL;
}

/* iptables-nft keeps its tables under the names of nft's. */
static bool is_name_taken(const struct scene *scene, const struct host_edit *edit)
{
	struct host_edit of_iptables = *edit;

	of_iptables.source = SOURCE_IPTABLES;
	return scene_table(scene, edit) || scene_table(scene, &of_iptables);
}

static bool do_table(struct scene *scene, const struct host_edit *edit, struct err *err)
{
	bool is_new = edit->kind == HOST_EDIT_TABLE_ADD;
	const char *text = is_new ? edit->rule : edit->before;
	const struct table *table = table_of(scene->arena, text), *found;
	const char *name =
		arena_printf(scene->arena, "%s %s", nft_family_name(edit->family), edit->table);

	if (edit->source != SOURCE_NFT)
		return err_input(err, "the table %s is none of nft", name);
	if (!table || strcmp(table->name, edit->table) != 0 || table->family != edit->family)
		return err_input(err, "that is not the text of a table %s", name);
	if (!scene_check_read(scene, edit, err))
		return false;
	found = scene_table(scene, edit);
	if (is_new && is_name_taken(scene, edit))
		return has_changed(err, "there is a table %s", name);
	if (!is_new && !found)
		return has_changed(err, "there is no table %s", name);
	if (!is_new &&
		strcmp(table_text(scene->arena, found), table_text(scene->arena, table)) != 0)
		return has_changed(err, "the table %s is another one", name);
	return move_scene(scene, edit, err);
}

/* ---- settings */

/* One setting that is written to all links, and then each link has its own. */
static const struct {
	const char *name, *begin, *end;
} wide[] = {
	{ "net.ipv4.ip_forward", "net.ipv4.conf.", ".forwarding" },
	{ "net.ipv4.conf.all.forwarding", "net.ipv4.conf.", ".forwarding" },
	{ "net.ipv6.conf.all.forwarding", "net.ipv6.conf.", ".forwarding" },
	{ "net.ipv6.conf.all.disable_ipv6", "net.ipv6.conf.", ".disable_ipv6" },
};

static bool has_end(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && !strcmp(text + len - end_len, end);
}

/* Those of links that will not have their value again when the wide one is put back. */
static void note_links(struct scene *scene, struct made_edit *made)
{
	const struct netns *ns = scene_netns(scene);
	VEC(struct sysctl) also = { 0 };

	for (size_t w = 0; w < N_OF(wide); w++) {
		if (strcmp(made->edit.name, wide[w].name) != 0)
			continue;
		for (size_t i = 0; i < ns->n_sysctls; i++)
			if (text_has_prefix(ns->sysctls[i].name, wide[w].begin) &&
				has_end(ns->sysctls[i].name, wide[w].end) &&
				strcmp(ns->sysctls[i].value, made->edit.before) != 0)
				*vec_push(&also, scene->arena) = ns->sysctls[i];
	}
	made->also = also.items;
	made->n_also = also.n;
}

static bool do_sysctl(
	struct scene *scene, const struct host_edit *edit, struct made_edit *made, struct err *err)
{
	const char *found = NULL;

	if (strpbrk(edit->name, "=\n") || strchr(edit->value, '\n'))
		return err_input(err, "%s=%s is no setting", edit->name, edit->value);
	if (!kernel_sysctl_read(scene->arena, edit->name, &found, err))
		return false;
	if (!found)
		return has_changed(err, "there is no sysctl %s", edit->name);
	if (edit->before && strcmp(found, edit->before) != 0)
		return has_changed(err, "%s is now %s", edit->name, found);
	made->edit.before = found;
	note_links(scene, made);
	return true;
}

const struct link *scene_link(const struct scene *scene, const struct host_edit *edit)
{
	return netns_link(scene_netns(scene), edit->name);
}

uint32_t link_flag_value(const struct link *link, enum link_flag flag)
{
	switch (flag) {
	case LINK_FLAG_UP:
		return link->is_up;
	case LINK_FLAG_MTU:
		return link->mtu;
	case LINK_FLAG_ISOLATED:
		return link->is_isolated;
	case LINK_FLAG_LOCKED:
		return link->is_locked;
	case LINK_FLAG_HAIRPIN:
		return link->has_hairpin;
	case LINK_FLAG_NF_CALL_IPTABLES:
		return link->nf_call[FAMILY_IPV4];
	case LINK_FLAG_NF_CALL_IP6TABLES:
		return link->nf_call[FAMILY_IPV6];
	case LINK_FLAG_MCAST_SNOOPING:
		return link->has_mcast_snooping;
	case LINK_FLAG_MCAST_QUERIER:
		return link->has_mcast_querier;
	case LINK_FLAG_PORT_STATE:
		return link->port_state;
	case N_LINK_FLAGS:
		break;
	}
	return 0;
}

bool link_value_parse(const char *text, uint32_t *ret)
{
	static const char *const words[][2] = { { "off", "on" }, { "down", "up" } };

	for (size_t i = 0; i < N_OF(words); i++)
		for (uint32_t value = 0; value < 2; value++)
			if (!strcmp(text, words[i][value])) {
				*ret = value;
				return true;
			}
	return text_to_u32(text, 0, UINT32_MAX, ret);
}

static bool do_link(
	struct scene *scene, const struct host_edit *edit, struct made_edit *made, struct err *err)
{
	const struct link *link = scene_link(scene, edit);
	uint32_t value, before, found;

	if (!link_value_parse(edit->value, &value) ||
		(edit->before && !link_value_parse(edit->before, &before)))
		return err_input(err, "%s of %s cannot be %s", link_flag_name(edit->flag),
			edit->name, edit->value);
	if (!scene_check_read(scene, edit, err))
		return false;
	if (!link)
		return has_changed(err, "there is no link %s", edit->name);
	found = link_flag_value(link, edit->flag);
	if (edit->before && before != found)
		return has_changed(
			err, "%s of %s is now %u", link_flag_name(edit->flag), edit->name, found);
	made->edit.value = arena_printf(scene->arena, "%u", value);
	made->edit.before = arena_printf(scene->arena, "%u", found);
	return move_scene(scene, edit, err);
}

bool scene_do(
	struct scene *scene, const struct host_edit *edit, struct made_edit *ret, struct err *err)
{
	struct made_edit made = { .edit = *edit };
	bool is_done = true;

	made.edit.flows = NULL;
	made.edit.n_flows = 0;
	switch (edit->kind) {
	case HOST_EDIT_RULE_ADD:
	case HOST_EDIT_RULE_REMOVE:
	case HOST_EDIT_RULE_REPLACE:
		is_done = do_rule(scene, edit, &made, err);
		break;
	case HOST_EDIT_TABLE_ADD:
	case HOST_EDIT_TABLE_REMOVE:
		is_done = do_table(scene, edit, err);
		break;
	case HOST_EDIT_SYSCTL:
		is_done = do_sysctl(scene, edit, &made, err);
		break;
	case HOST_EDIT_LINK:
		is_done = do_link(scene, edit, &made, err);
		break;
	case HOST_EDIT_FLOWS:
		break;
	}
	if (is_done)
		*ret = made;
	return is_done;
}
