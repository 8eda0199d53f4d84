// SPDX-License-Identifier: GPL-2.0-or-later
/* A host as it would be: copies that share all that did not change. */
#include "host/edit.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "host/index.h"
#include "host/internal.h"
#include "ruleset/edit.h"

/* The words of ip(8) and bridge(8). */
static const struct {
	const char *name;
	const char *command; /* in front of the value; %s: the link */
	bool is_word;	     /* the value is "on" or "off", else a number */
} flags[N_LINK_FLAGS] = {
	[LINK_FLAG_UP] = { "up", "ip link set %s ", true },
	[LINK_FLAG_MTU] = { "mtu", "ip link set %s mtu ", false },
	[LINK_FLAG_ISOLATED] = { "isolated", "bridge link set dev %s isolated ", true },
	[LINK_FLAG_LOCKED] = { "locked", "bridge link set dev %s locked ", true },
	[LINK_FLAG_HAIRPIN] = { "hairpin", "bridge link set dev %s hairpin ", true },
	[LINK_FLAG_NF_CALL_IPTABLES] = { "nf_call_iptables",
		"ip link set %s type bridge nf_call_iptables ", false },
	[LINK_FLAG_NF_CALL_IP6TABLES] = { "nf_call_ip6tables",
		"ip link set %s type bridge nf_call_ip6tables ", false },
	[LINK_FLAG_MCAST_SNOOPING] = { "mcast_snooping",
		"ip link set %s type bridge mcast_snooping ", false },
	[LINK_FLAG_MCAST_QUERIER] = { "mcast_querier", "ip link set %s type bridge mcast_querier ",
		false },
	[LINK_FLAG_PORT_STATE] = { "state", "bridge link set dev %s state ", false },
};

const char *link_flag_name(enum link_flag flag)
{
	return flags[flag].name;
}

struct host_edit host_edit_of_rule(struct arena *arena, const struct table *table,
	const struct chain *chain, size_t at, const char *rule, bool replaces)
{
	struct host_edit edit = { .kind = !rule	     ? HOST_EDIT_RULE_REMOVE
					  : replaces ? HOST_EDIT_RULE_REPLACE
						     : HOST_EDIT_RULE_ADD,
		.source = table->source,
		.family = table->family,
		.table = table->name,
		.chain = chain->name,
		.at = at,
		.is_last = at == chain->n_rules,
		.rule = rule };
	struct text before CLEANUP(text_done) = TEXT_INIT;

	if (edit.kind != HOST_EDIT_RULE_ADD) {
		table_print_rule(&before, table, &chain->rules[at]);
		edit.before = arena_strdup(arena, before.data);
	}
	return edit;
}

static bool is_on(const char *value)
{
	return strcmp(value, "0") != 0 && strcmp(value, "off") != 0;
}

static void set_flag(struct link *link, enum link_flag flag, const char *value)
{
	bool on = is_on(value);

	switch (flag) {
	case LINK_FLAG_UP:
		link->is_up = on;
		link->has_carrier = on;
		return;
	case LINK_FLAG_MTU:
		link->mtu = (unsigned)strtoul(value, NULL, 10);
		return;
	case LINK_FLAG_ISOLATED:
		link->is_isolated = on;
		return;
	case LINK_FLAG_LOCKED:
		link->is_locked = on;
		return;
	case LINK_FLAG_HAIRPIN:
		link->has_hairpin = on;
		return;
	case LINK_FLAG_NF_CALL_IPTABLES:
		link->nf_call[FAMILY_IPV4] = on;
		return;
	case LINK_FLAG_NF_CALL_IP6TABLES:
		link->nf_call[FAMILY_IPV6] = on;
		return;
	case LINK_FLAG_MCAST_SNOOPING:
		link->has_mcast_snooping = on;
		return;
	case LINK_FLAG_MCAST_QUERIER:
		link->has_mcast_querier = on;
		return;
	case LINK_FLAG_PORT_STATE:
		link->port_state = (enum port_state)strtoul(value, NULL, 10);
		return;
	case N_LINK_FLAGS:
		break;
	}
}

static const struct table *find_table(const struct netns *ns, const struct host_edit *edit)
{
	for (size_t i = 0; ns->ruleset && i < ns->ruleset->n_tables; i++) {
		const struct table *table = &ns->ruleset->tables[i];

		if (table->source == edit->source && table->family == edit->family &&
			strcmp(table->name, edit->table) == 0)
			return table;
	}
	return NULL;
}

static bool find_place(
	const struct netns *ns, const struct host_edit *edit, struct edit *ret, struct err *err)
{
	bool replaces = edit->kind != HOST_EDIT_RULE_ADD;
	const struct table *table = find_table(ns, edit);
	const struct chain *chain = table ? table_chain(table, edit->chain) : NULL;

	if (!chain)
		return err_conflict(
			err, "there is no chain %s in table %s", edit->chain, edit->table);
	if (edit->at + replaces > chain->n_rules)
		return err_conflict(err, "chain %s of table %s has no rule %zu", edit->chain,
			edit->table, edit->at + replaces);
	*ret = (struct edit){ .table = table,
		.chain = chain,
		.at = edit->at,
		.rule = edit->kind == HOST_EDIT_RULE_REMOVE ? NULL : edit->rule,
		.replaces = replaces };
	return true;
}

static bool edit_rules(
	struct arena *arena, struct netns *ns, const struct host_edit *edit, struct err *err)
{
	struct edit place;

	return find_place(ns, edit, &place, err) &&
	       ruleset_edit(arena, ns->ruleset, &place, &ns->ruleset, err);
}

static bool edit_table(
	struct arena *arena, struct netns *ns, const struct host_edit *edit, struct err *err)
{
	const struct table *table = find_table(ns, edit);

	if (edit->kind == HOST_EDIT_TABLE_ADD)
		return ruleset_add_nft_text(arena, ns->ruleset ? ns->ruleset : ruleset_new(arena),
			edit->rule, &ns->ruleset, err);
	if (!table)
		return err_conflict(err, "there is no table %s", edit->table);
	ns->ruleset = ruleset_without(arena, ns->ruleset, table);
	return true;
}

static void set_sysctl(struct arena *arena, struct netns *ns, const char *name, const char *value)
{
	struct sysctl *sysctls = arena_new_array(arena, struct sysctl, ns->n_sysctls + 1);
	size_t at = 0;
	bool found;

	while (at < ns->n_sysctls && strcmp(ns->sysctls[at].name, name) < 0)
		at++;
	found = at < ns->n_sysctls && strcmp(ns->sysctls[at].name, name) == 0;
	if (at)
		memcpy(sysctls, ns->sysctls, at * sizeof(*sysctls));
	sysctls[at] = (struct sysctl){ name, value };
	if (at + found < ns->n_sysctls)
		memcpy(&sysctls[at + 1], &ns->sysctls[at + found],
			(ns->n_sysctls - at - found) * sizeof(*sysctls));
	ns->sysctls = sysctls;
	ns->n_sysctls += !found;
}

static bool has_suffix(const char *text, const char *suffix)
{
	size_t n = strlen(text), len = strlen(suffix);

	return n >= len && strcmp(text + n - len, suffix) == 0;
}

static void edit_sysctl(struct arena *arena, struct netns *ns, const struct host_edit *edit)
{
	static const char forward[] = "net.ipv4.ip_forward", all[] = "net.ipv4.conf.all.forwarding";

	set_sysctl(arena, ns, edit->name, edit->value);
	/* the kernel sets it at every interface (net/ipv4/devinet.c, inet_forward_change) */
	if (strcmp(edit->name, forward) == 0 || strcmp(edit->name, all) == 0) {
		set_sysctl(arena, ns, forward, edit->value);
		for (size_t i = 0; i < ns->n_sysctls; i++)
			if (text_has_prefix(ns->sysctls[i].name, "net.ipv4.conf.") &&
				has_suffix(ns->sysctls[i].name, ".forwarding"))
				set_sysctl(arena, ns, ns->sysctls[i].name, edit->value);
	}
	netns_derive_settings(ns);
}

/* What lists of links are found by (host/index.h: index, master, lower) stays. */
static bool edit_link(
	struct arena *arena, struct netns *ns, const struct host_edit *edit, struct err *err)
{
	const struct link *link = netns_link(ns, edit->name);
	const struct link **by_index = arena_new_array(arena, const struct link *, ns->n_links + 1);
	struct link *links = arena_new_array(arena, struct link, ns->n_links + 1);

	if (!link)
		return err_conflict(err, "there is no device %s", edit->name);
	memcpy(links, ns->links, ns->n_links * sizeof(*links));
	for (size_t i = 0; ns->links_by_index && i < ns->n_links; i++)
		by_index[i] = &links[ns->links_by_index[i] - ns->links];
	set_flag(&links[link - ns->links], edit->flag, edit->value);
	ns->links = links;
	ns->links_by_index = ns->links_by_index ? by_index : NULL;
	return true;
}

static bool is_same_tuple(const struct flow_tuple *a, const struct flow_tuple *b)
{
	return addr_compare(&a->src, &b->src) == 0 && addr_compare(&a->dst, &b->dst) == 0 &&
	       a->sport == b->sport && a->dport == b->dport;
}

static bool is_same_flow(const struct conntrack_entry *a, const struct conntrack_entry *b)
{
	return a->proto == b->proto && a->zone == b->zone && is_same_tuple(&a->orig, &b->orig) &&
	       is_same_tuple(&a->reply, &b->reply);
}

static bool is_deleted(const struct host_edit *edit, const struct conntrack_entry *entry)
{
	for (size_t i = 0; i < edit->n_flows; i++)
		if (is_same_flow(edit->flows[i], entry))
			return true;
	return false;
}

static void delete_flows(struct arena *arena, struct netns *ns, const struct host_edit *edit)
{
	VEC(struct conntrack_entry) left = { 0 };

	for (size_t i = 0; i < ns->n_conntrack; i++)
		if (!is_deleted(edit, &ns->conntrack[i]))
			*vec_push(&left, arena) = ns->conntrack[i];
	ns->conntrack = left.items;
	ns->n_conntrack = left.n;
	if (ns->index)
		netns_index(arena, ns);
}

static bool do_edit(
	struct arena *arena, struct netns *ns, const struct host_edit *edit, struct err *err)
{
	switch (edit->kind) {
	case HOST_EDIT_RULE_ADD:
	case HOST_EDIT_RULE_REMOVE:
	case HOST_EDIT_RULE_REPLACE:
		return edit_rules(arena, ns, edit, err);
	case HOST_EDIT_TABLE_ADD:
	case HOST_EDIT_TABLE_REMOVE:
		return edit_table(arena, ns, edit, err);
	case HOST_EDIT_SYSCTL:
		edit_sysctl(arena, ns, edit);
		return true;
	case HOST_EDIT_LINK:
		return edit_link(arena, ns, edit, err);
	case HOST_EDIT_FLOWS:
		delete_flows(arena, ns, edit);
		return true;
	}
	return err_input(err, "no edit of kind %d", edit->kind);
}

bool host_edited(struct arena *arena, const struct host *host, const struct netns *ns,
	const struct host_edit *edits, size_t n, const struct host **ret, struct err *err)
{
	struct host *copy = arena_new_one(arena, struct host);
	struct netns *changed;

	*copy = *host;
	copy->netns = arena_new_array(arena, struct netns, host->n_netns);
	memcpy(copy->netns, host->netns, host->n_netns * sizeof(*copy->netns));
	changed = &copy->netns[ns - host->netns];
	for (size_t i = 0; i < n; i++)
		if (!do_edit(arena, changed, &edits[i], err))
			return false;
	*ret = copy;
	return true;
}

/* ---- commands ---- */

/* A table, as far as a command's words need it. */
static struct table table_of(const struct host_edit *edit)
{
	return (struct table){
		.source = edit->source, .family = edit->family, .name = edit->table
	};
}

static const char *table_option(const struct host_edit *edit)
{
	return strcmp(edit->table, "filter") == 0 ? "" : edit->table;
}

static void print_rule_command(struct text *out, const struct host_edit *edit, const char *option,
	size_t number, const char *rule)
{
	const struct table table = table_of(edit);
	const char *name = table_option(edit);

	text_addf(out, "%s%s%s %s %s", table_program(&table), *name ? " -t " : "", name, option,
		edit->chain);
	if (number)
		text_addf(out, " %zu", number);
	text_addf(out, " %s", rule);
}

static void print_nft_rule(struct text *out, const struct host_edit *edit, const char *verb)
{
	const char *family = nft_family_name(edit->family);

	text_addf(out, "nft %s rule %s %s %s", verb, family, edit->table, edit->chain);
	if (edit->kind == HOST_EDIT_RULE_ADD) {
		if (edit->at && !edit->is_last)
			text_addf(out, " index %zu", edit->at);
		/* quotes are nft's own: the shell must not take them */
		text_addf(out, " '%s'", edit->rule);
		return;
	}
	/* nft takes rules away by numbers that only it knows */
	text_addf(out, " handle N   # N: of rule %zu in nft -a list chain %s %s %s", edit->at + 1,
		family, edit->table, edit->chain);
}

static void print_flow(struct text *out, const struct conntrack_entry *entry)
{
	text_addf(out, "conntrack -D -w %u -p %u -s ", entry->zone, entry->proto);
	addr_print(out, &entry->orig.src);
	text_add(out, " -d ");
	addr_print(out, &entry->orig.dst);
	if (proto_has_ports(entry->proto))
		text_addf(out, " --sport %u --dport %u", entry->orig.sport, entry->orig.dport);
}

static void print_link(struct text *out, const struct host_edit *edit, const char *value)
{
	text_addf(out, flags[edit->flag].command, edit->name);
	if (edit->flag == LINK_FLAG_UP)
		text_add(out, is_on(value) ? "up" : "down");
	else if (flags[edit->flag].is_word)
		text_add(out, is_on(value) ? "on" : "off");
	else
		text_add(out, value);
}

void host_edit_print_command(struct text *out, const struct host_edit *edit)
{
	bool is_nft = edit->source == SOURCE_NFT;
	switch (edit->kind) {
	case HOST_EDIT_RULE_ADD:
		if (is_nft)
			print_nft_rule(out, edit, edit->is_last ? "add" : "insert");
		else if (edit->is_last)
			print_rule_command(out, edit, "-A", 0, edit->rule);
		else
			print_rule_command(out, edit, "-I", edit->at + 1, edit->rule);
		return;
	case HOST_EDIT_RULE_REMOVE:
		if (is_nft)
			print_nft_rule(out, edit, "delete");
		else /* by its words: another rule may have come in front of it meanwhile */
			print_rule_command(out, edit, "-D", 0, edit->before);
		return;
	case HOST_EDIT_RULE_REPLACE:
		if (is_nft)
			print_nft_rule(out, edit, "replace");
		else
			print_rule_command(out, edit, "-R", edit->at + 1, edit->rule);
		return;
	case HOST_EDIT_TABLE_ADD:
		text_addf(out, "nft -f - <<'END'\n%sEND", edit->rule);
		return;
	case HOST_EDIT_TABLE_REMOVE:
		text_addf(
			out, "nft delete table %s %s", nft_family_name(edit->family), edit->table);
		return;
	case HOST_EDIT_SYSCTL:
		text_addf(out, "sysctl -w %s=%s", edit->name, edit->value);
		return;
	case HOST_EDIT_LINK:
		print_link(out, edit, edit->value);
		return;
	case HOST_EDIT_FLOWS:
		for (size_t i = 0; i < edit->n_flows; i++) {
			text_add(out, i ? "\n" : "");
			print_flow(out, edit->flows[i]);
		}
		return;
	}
}

void host_edit_print_undo(struct text *out, const struct host_edit *edit)
{
	struct host_edit back = *edit;

	back.rule = edit->before;
	back.before = edit->rule;
	back.value = edit->before;
	switch (edit->kind) {
	case HOST_EDIT_RULE_ADD:
		back.kind = HOST_EDIT_RULE_REMOVE;
		break;
	case HOST_EDIT_RULE_REMOVE:
		back.kind = HOST_EDIT_RULE_ADD;
		break;
	case HOST_EDIT_TABLE_ADD:
		back.kind = HOST_EDIT_TABLE_REMOVE;
		break;
	case HOST_EDIT_TABLE_REMOVE:
		back.kind = HOST_EDIT_TABLE_ADD;
		break;
	case HOST_EDIT_RULE_REPLACE:
		break;
	case HOST_EDIT_SYSCTL:
	case HOST_EDIT_LINK:
		if (!back.value)
			return; /* not known how it was */
		break;
	case HOST_EDIT_FLOWS:
		return;
	}
	host_edit_print_command(out, &back);
}
