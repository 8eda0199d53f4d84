// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset/ruleset.h"

#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "ruleset/ebtables.h"
#include "ruleset/nft_eval.h"
#include "ruleset/print.h"

struct ruleset *ruleset_new(struct arena *arena)
{
	return arena_new_one(arena, struct ruleset);
}

static int table_compare(const struct table *table, enum family family, const char *name)
{
	if (table->family != family)
		return table->family < family ? -1 : 1;
	return strcmp(table->name, name);
}

/* A host has a dozen tables: no search is worth its code. */
static size_t table_place(
	const struct ruleset *rs, enum family family, const char *name, bool *ret_found)
{
	size_t at = 0;

	while (at < rs->n_tables && table_compare(&rs->tables[at], family, name) < 0)
		at++;
	*ret_found = at < rs->n_tables && table_compare(&rs->tables[at], family, name) == 0;
	return at;
}

struct table *ruleset_add_table(
	struct arena *arena, struct ruleset *rs, enum family family, const char *name)
{
	bool found;
	size_t at = table_place(rs, family, name, &found);

	return found ? &rs->tables[at]
		     : ruleset_add_table_from(arena, rs, SOURCE_IPTABLES, family, name);
}

struct table *ruleset_add_table_from(struct arena *arena, struct ruleset *rs,
	enum table_source source, enum family family, const char *name)
{
	bool found;
	size_t at = table_place(rs, family, name, &found);

	while (at < rs->n_tables && table_compare(&rs->tables[at], family, name) == 0 &&
		rs->tables[at].source < source)
		at++;
	if (at < rs->n_tables && table_compare(&rs->tables[at], family, name) == 0 &&
		rs->tables[at].source == source)
		return &rs->tables[at];
	rs->tables =
		vec_grow_(arena, rs->tables, &rs->cap_tables, rs->n_tables, sizeof(rs->tables[0]));
	memmove(&rs->tables[at + 1], &rs->tables[at], (rs->n_tables - at) * sizeof(rs->tables[0]));
	rs->n_tables++;
	rs->tables[at] = (struct table){ .source = source,
		.family = family,
		.name = arena_strdup(arena, name),
		.chain_index = map_new(arena) };
	return &rs->tables[at];
}

const struct table *ruleset_table(const struct ruleset *rs, enum family family, const char *name)
{
	bool found;
	size_t at = table_place(rs, family, name, &found);

	return found ? &rs->tables[at] : NULL;
}

/*
 * The index only hints at a place: whoever sorted or filtered the vector made it stale, and a
 * table that was put together by hand has none.
 */
static struct chain *chain_find(const struct table *table, const char *name)
{
	uintptr_t place = table->chain_index ? (uintptr_t)map_find(table->chain_index, name) : 0;

	if (place && place <= table->n_chains && strcmp(table->chains[place - 1].name, name) == 0)
		return &table->chains[place - 1];
	if (!place && table->chain_index && map_n(table->chain_index) == table->n_chains)
		return NULL;
	for (size_t i = 0; i < table->n_chains; i++)
		if (strcmp(table->chains[i].name, name) == 0)
			return &table->chains[i];
	return NULL;
}

struct chain *table_add_chain(struct arena *arena, struct table *table, const char *name)
{
	struct chain *chain = chain_find(table, name);

	if (chain)
		return chain;
	table->chains = vec_grow_(arena, table->chains, &table->cap_chains, table->n_chains,
		sizeof(table->chains[0]));
	chain = &table->chains[table->n_chains++];
	*chain = (struct chain){ .name = arena_strdup(arena, name) };
	if (table->chain_index)
		map_add(table->chain_index, chain->name, (void *)(uintptr_t)table->n_chains);
	return chain;
}

const struct chain *table_chain(const struct table *table, const char *name)
{
	return chain_find(table, name);
}

struct rule *chain_add_rule(struct arena *arena, struct chain *chain)
{
	chain->rules = vec_grow_(
		arena, chain->rules, &chain->cap_rules, chain->n_rules, sizeof(chain->rules[0]));
	chain->rules[chain->n_rules] = (struct rule){ 0 };
	return &chain->rules[chain->n_rules++];
}

void chain_reserve(struct arena *arena, struct chain *chain, size_t n_more)
{
	size_t cap = chain->n_rules + n_more;
	struct rule *rules;

	if (cap <= chain->cap_rules)
		return;
	/* whoever asks for a few again and again must not copy all each time */
	if (cap < chain->cap_rules * 2)
		cap = chain->cap_rules * 2;
	rules = arena_new_array(arena, struct rule, cap);
	if (chain->n_rules)
		memcpy(rules, chain->rules, chain->n_rules * sizeof(*rules));
	chain->rules = rules;
	chain->cap_rules = cap;
}

/* The first set whose name is not below. */
static size_t set_place(const struct ruleset *rs, const char *name)
{
	size_t low = 0, high = rs->n_sets;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(rs->sets[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct set *ruleset_add_set(struct arena *arena, struct ruleset *rs, const char *name)
{
	size_t at = set_place(rs, name);

	if (at < rs->n_sets && strcmp(rs->sets[at].name, name) == 0)
		return &rs->sets[at];
	rs->sets = vec_grow_(arena, rs->sets, &rs->cap_sets, rs->n_sets, sizeof(rs->sets[0]));
	memmove(&rs->sets[at + 1], &rs->sets[at], (rs->n_sets - at) * sizeof(rs->sets[0]));
	rs->n_sets++;
	rs->sets[at] = (struct set){ .name = arena_strdup(arena, name), .max_elem = 65536 };
	return &rs->sets[at];
}

const struct set *ruleset_set(const struct ruleset *rs, const char *name)
{
	size_t at = set_place(rs, name);

	return at < rs->n_sets && strcmp(rs->sets[at].name, name) == 0 ? &rs->sets[at] : NULL;
}

/* The bridge family's tables have two maps, whatever the number of ports. */
static struct set *table_set_find(const struct table *table, const char *name)
{
	for (size_t i = 0; i < table->n_sets; i++)
		if (strcmp(table->sets[i].name, name) == 0)
			return &table->sets[i];
	return NULL;
}

struct set *table_add_set(struct arena *arena, struct table *table, const char *name)
{
	struct set *set = table_set_find(table, name);

	if (set)
		return set;
	table->sets = vec_grow_(
		arena, table->sets, &table->cap_sets, table->n_sets, sizeof(table->sets[0]));
	set = &table->sets[table->n_sets++];
	*set = (struct set){ .name = arena_strdup(arena, name), .kind = SET_IFNAME };
	return set;
}

const struct set *table_set(const struct table *table, const char *name)
{
	return table_set_find(table, name);
}

static bool text_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return prefix_compare(a, b) == 0;
}

static bool ports_equal(const struct match *a, const struct match *b)
{
	if (a->ports.is_multiport != b->ports.is_multiport ||
		a->ports.n_ranges != b->ports.n_ranges)
		return false;
	for (size_t i = 0; i < a->ports.n_ranges; i++)
		if (a->ports.ranges[i].min != b->ports.ranges[i].min ||
			a->ports.ranges[i].max != b->ports.ranges[i].max)
			return false;
	return true;
}

static bool icmp_equal(const struct match *a, const struct match *b)
{
	return a->icmp.type == b->icmp.type && a->icmp.any_code == b->icmp.any_code &&
	       (a->icmp.any_code || a->icmp.code == b->icmp.code);
}

bool match_equal(const struct match *a, const struct match *b)
{
	if (a->kind != b->kind || a->inverted != b->inverted)
		return false;
	switch (a->kind) {
	case MATCH_IN_IFACE:
	case MATCH_OUT_IFACE:
	case MATCH_PHYSDEV_IN:
	case MATCH_PHYSDEV_OUT:
		return text_equal(a->name, b->name);
	case MATCH_SRC:
	case MATCH_DST:
	case MATCH_ARP_SPA:
		return prefix_equal(&a->prefix, &b->prefix);
	case MATCH_PROTO:
		return a->proto == b->proto;
	case MATCH_SPORT:
	case MATCH_DPORT:
	case MATCH_PORT:
		return ports_equal(a, b);
	case MATCH_ICMP_TYPE:
		return icmp_equal(a, b);
	case MATCH_MAC_SRC:
	case MATCH_ETH_SRC:
	case MATCH_ARP_SHA:
		return mac_equal(a->mac, b->mac);
	case MATCH_PHYSDEV_BRIDGED:
		return true;
	case MATCH_CT_STATE:
		return a->ct_states == b->ct_states && a->is_conntrack == b->is_conntrack;
	case MATCH_CT_MARK:
		return a->ct_mark.value == b->ct_mark.value && a->ct_mark.mask == b->ct_mark.mask;
	case MATCH_SET:
		return a->set.is_src == b->set.is_src && a->set.n_more == b->set.n_more &&
		       a->set.more_srcs == b->set.more_srcs && text_equal(a->set.name, b->set.name);
	case MATCH_ETHERTYPE:
		return a->ethertype == b->ethertype;
	case MATCH_OPAQUE:
		return text_equal(a->text, b->text);
	case MATCH_EBT:
		return text_equal(a->ebt->text, b->ebt->text);
	case MATCH_NFT_FIELD:
	case MATCH_NFT_DO:
		return match_equal_nft(a, b);
	default:
		return match_equal_xt(a, b);
	}
}

bool target_equal(const struct target *a, const struct target *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case TARGET_NONE:
	case TARGET_ACCEPT:
	case TARGET_DROP:
	case TARGET_RETURN:
	case TARGET_CT_NOTRACK:
		return true;
	case TARGET_JUMP:
	case TARGET_GOTO:
		return text_equal(a->chain, b->chain);
	case TARGET_CT_ZONE:
		return a->zone == b->zone;
	case TARGET_VMAP:
		return a->vmap.by_out_iface == b->vmap.by_out_iface &&
		       text_equal(a->vmap.map, b->vmap.map);
	case TARGET_OPAQUE:
		return text_equal(a->text, b->text);
	case TARGET_EBT:
		return text_equal(a->ebt->text, b->ebt->text);
	case TARGET_NFT_CONTINUE:
	case TARGET_NFT_REJECT:
	case TARGET_NFT_QUEUE:
	case TARGET_NFT_NAT:
	case TARGET_NFT_VMAP:
	case TARGET_NFT_TAKEN:
		return target_equal_nft(a, b);
	default:
		return target_equal_xt(a, b);
	}
}

bool rule_equal(const struct rule *a, const struct rule *b)
{
	if (a->n_matches != b->n_matches || a->has_counter != b->has_counter ||
		a->n_behind_counter != b->n_behind_counter ||
		!target_equal(&a->target, &b->target) || !text_equal(a->comment, b->comment) ||
		(a->comment && a->n_behind_comment != b->n_behind_comment))
		return false;
	for (size_t i = 0; i < a->n_matches; i++)
		if (!match_equal(&a->matches[i], &b->matches[i]))
			return false;
	return true;
}

static bool nft_dport(const struct nft_match *nft, uint16_t *ret)
{
	if (nft->keys.n != 1 || nft->keys.items[0]->field != FIELD_DPORT || nft->op != NFT_EQ ||
		nft->n_values != 1 || nft->set_name || nft->set)
		return false;
	*ret = (uint16_t)field_value_number(&nft->values[0].min);
	return true;
}

bool rule_dport(const struct rule *rule, uint16_t *ret)
{
	for (size_t i = 0; i < rule->n_matches; i++) {
		const struct match *match = &rule->matches[i];

		if (match->kind == MATCH_DPORT && !match->inverted && match->ports.n_ranges) {
			*ret = match->ports.ranges[0].min;
			return true;
		}
		if (match->kind == MATCH_NFT_FIELD && nft_dport(match->nft, ret))
			return true;
	}
	return false;
}

const char *rule_called_chain(const struct rule *rule)
{
	return rule->target.kind == TARGET_JUMP || rule->target.kind == TARGET_GOTO
		       ? rule->target.chain
		       : NULL;
}

const struct match *rule_match(const struct rule *rule, enum match_kind kind)
{
	for (size_t i = 0; i < rule->n_matches; i++)
		if (rule->matches[i].kind == kind && !rule->matches[i].inverted)
			return &rule->matches[i];
	return NULL;
}
