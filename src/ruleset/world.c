// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the rules of a ruleset compare as a whole, for the world of packet sets: names of
 * interfaces, and MACs. A firewall against spoofing has hundreds of MACs, and a set with all bits of
 * each is many times as large as one with their numbers. A MAC that some rule compares by range
 * or mask keeps its bits.
 */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "ruleset/ebtables.h"
#include "ruleset/eval_internal.h"

#define N_MACS 4
static const enum field macs[N_MACS] = { FIELD_ETH_SRC, FIELD_ETH_DST, FIELD_ARP_SHA,
	FIELD_ARP_THA };

struct adding {
	struct sets *sets; /* NULL: only names are wanted */
	struct arena *arena;
	VEC(const char *) names; /* "eth+" for a prefix */
	const struct ruleset *rs;
	bool is_by_bits[N_MACS];
	bool is_finding_bits; /* the first of two passes */
};

/* Names of all four: a chain may be asked for a port of a bridge and for an interface. */
static void add_name(struct adding *adding, const char *name, bool is_prefix)
{
	if (!adding->sets) {
		if (*name)
			*vec_push(&adding->names, adding->arena) =
				arena_printf(adding->arena, "%s%s", name, is_prefix ? "+" : "");
		return;
	}
	for (enum field field = FIELD_IN_IFACE; field <= FIELD_PHYSDEV_OUT; field++) {
		if (is_prefix && *name)
			sets_add_name_prefix(adding->sets, field, name);
		else if (!is_prefix)
			sets_add_name(adding->sets, field, name);
	}
}

static void add_pattern(struct adding *adding, const char *pattern)
{
	if (adding->is_finding_bits)
		return;
	if (!adding->sets) {
		if (*pattern && strcmp(pattern, "+") != 0)
			*vec_push(&adding->names, adding->arena) = pattern;
		return;
	}
	for (enum field field = FIELD_IN_IFACE; field <= FIELD_PHYSDEV_OUT; field++)
		sets_add_pattern(adding->sets, field, pattern);
}

static void add_mac(struct adding *adding, enum field field, const struct field_value *value)
{
	for (size_t i = 0; i < N_MACS; i++)
		if (macs[i] == field && !adding->is_by_bits[i] && !adding->is_finding_bits &&
			adding->sets)
			sets_add_value(adding->sets, field, value);
}

static void keep_bits(struct adding *adding, enum field field)
{
	for (size_t i = 0; i < N_MACS; i++)
		adding->is_by_bits[i] |= macs[i] == field;
}

static void add_range(struct adding *adding, enum field field, const struct field_value *min,
	const struct field_value *max)
{
	if (memcmp(min, max, sizeof(*min)) != 0)
		keep_bits(adding, field);
	else
		add_mac(adding, field, min);
}

static void add_value(
	struct adding *adding, const struct nft_key *key, const struct nft_value *value)
{
	if (value->is_any)
		return;
	if (key->kind == NFT_KEY_FIELD) {
		add_range(adding, key->field, &value->min, &value->max);
		if (key->width)
			keep_bits(adding, key->field);
	} else if (value->name && !adding->is_finding_bits) {
		add_name(adding, value->name, value->is_open);
	}
}

static void add_elements(struct adding *adding, const struct nft_keys *keys, const struct set *set)
{
	for (size_t e = 0; set && e < set->n_nft_elements; e++)
		for (size_t i = 0; i < keys->n && i < set->nft_elements[e].n_keys; i++)
			add_value(adding, keys->items[i], &set->nft_elements[e].keys[i]);
}

static void add_nft(struct adding *adding, const struct table *table, const struct nft_match *match)
{
	const struct nft_keys *keys = &match->keys;

	if (match->has_mask || match->op > NFT_NE)
		keep_bits(adding, keys->items[0]->field);
	for (size_t v = 0; v < match->n_values; v++)
		add_value(
			adding, keys->items[keys->n == match->n_values ? v : 0], &match->values[v]);
	add_elements(adding, keys,
		match->set	  ? match->set
		: match->set_name ? table_set(table, match->set_name)
				  : NULL);
}

static void add_ipset(struct adding *adding, const char *name, unsigned depth)
{
	const struct set *set = ruleset_set(adding->rs, name);

	for (size_t i = 0; set && depth < 2 && i < set->n_members; i++) {
		const struct ipset_member *member = &set->members[i];
		const struct field_value mac = field_value_of_mac(member->mac);

		if (set->parts[0] == IPSET_SET)
			add_ipset(adding, member->name, depth + 1);
		else if (member->name && !adding->is_finding_bits)
			add_name(adding, member->name, member->is_wildcard);
		if (member->has_mac) {
			add_mac(adding, FIELD_ETH_SRC, &mac);
			add_mac(adding, FIELD_ETH_DST, &mac);
		}
	}
}

static bool has_whole_mask(const struct ebt_match *ebt)
{
	for (size_t i = 10; i < sizeof(ebt->mask.bytes); i++)
		if (ebt->mask.bytes[i] != 0xff)
			return false;
	return true;
}

static void add_match(struct adding *adding, const struct table *table, const struct match *match)
{
	struct field_value mac;

	switch (match->kind) {
	case MATCH_IN_IFACE:
	case MATCH_OUT_IFACE:
		if (!table_is_nft(table))
			add_pattern(adding, match->name);
		else if (!adding->is_finding_bits)
			add_name(adding, match->name, false);
		return;
	case MATCH_PHYSDEV_IN:
	case MATCH_PHYSDEV_OUT:
		add_pattern(adding, match->name);
		return;
	case MATCH_MAC_SRC:
	case MATCH_ETH_SRC:
	case MATCH_ARP_SHA:
		mac = field_value_of_mac(match->mac);
		add_mac(adding, match->kind == MATCH_ARP_SHA ? FIELD_ARP_SHA : FIELD_ETH_SRC, &mac);
		return;
	case MATCH_SET:
		add_ipset(adding, match->set.name, 0);
		return;
	case MATCH_NFT_FIELD:
		add_nft(adding, table, match->nft);
		return;
	case MATCH_EBT:
		if (match->ebt->field == N_FIELDS)
			return;
		if (!has_whole_mask(match->ebt))
			keep_bits(adding, match->ebt->field);
		else
			add_range(adding, match->ebt->field, &match->ebt->min, &match->ebt->max);
		return;
	default:
		return;
	}
}

static void add_target(
	struct adding *adding, const struct table *table, const struct target *target)
{
	const struct set *map;
	struct field_value mac;

	if (target->kind == TARGET_NFT_VMAP) {
		add_elements(adding, &target->lookup->keys,
			target->lookup->set ? target->lookup->set
					    : table_set(table, target->lookup->set_name));
	} else if (target->kind == TARGET_VMAP && !adding->is_finding_bits) {
		map = table_set(table, target->vmap.map);
		for (size_t i = 0; map && i < map->n_elements; i++)
			if (map->elements[i].name)
				add_name(adding, map->elements[i].name, false);
	} else if (target->kind == TARGET_EBT) {
		mac = field_value_of_mac(target->ebt->mac);
		if (target->ebt->change == EBT_SNAT)
			add_mac(adding, FIELD_ETH_SRC, &mac);
		if (target->ebt->change == EBT_SNAT && target->ebt->has_arp)
			add_mac(adding, FIELD_ARP_SHA, &mac);
		if (target->ebt->change == EBT_DNAT)
			add_mac(adding, FIELD_ETH_DST, &mac);
	}
}

static void add_chain(struct adding *adding, const struct table *table, const struct chain *chain)
{
	for (size_t r = 0; r < chain->n_rules; r++) {
		const struct rule *rule = &chain->rules[r];

		for (size_t m = 0; m < rule->n_matches; m++)
			add_match(adding, table, &rule->matches[m]);
		add_target(adding, table, &rule->target);
	}
}

static void add_all(struct adding *adding)
{
	for (size_t t = 0; t < adding->rs->n_tables; t++) {
		const struct table *table = &adding->rs->tables[t];

		for (size_t c = 0; c < table->n_chains; c++)
			add_chain(adding, table, &table->chains[c]);
	}
}

uint64_t ruleset_add_to_world(struct sets *sets, const struct ruleset *const *rulesets, size_t n)
{
	struct adding adding = { .sets = sets };
	uint64_t by_bits = 0;

	/* what one of them asks by bits must not be enumerated for another one either */
	for (int pass = 0; pass < 2; pass++) {
		adding.is_finding_bits = pass == 0;
		for (size_t i = 0; i < n; i++) {
			adding.rs = rulesets[i];
			add_all(&adding);
		}
	}
	/* some matches treat it in a way of its own */
	sets_add_name(sets, FIELD_IN_IFACE, "lo");
	for (size_t i = 0; i < N_MACS; i++)
		by_bits |= adding.is_by_bits[i] ? FIELD_BIT(macs[i]) : 0;
	return by_bits;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void ruleset_iface_names(
	struct arena *arena, const struct ruleset *rs, const char *const **ret, size_t *ret_n)
{
	struct adding adding = { .arena = arena, .rs = rs };
	size_t n = 0;

	add_all(&adding);
	if (adding.names.n)
		qsort(adding.names.items, adding.names.n, sizeof(*adding.names.items), by_name);
	vec_for_each (name, &adding.names)
		if (!n || strcmp(adding.names.items[n - 1], *name) != 0)
			adding.names.items[n++] = *name;
	*ret = adding.names.items;
	*ret_n = n;
}
