// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which rules of a long chain a packet has to be asked about. A host with 1,000 guests has chains
 * with one or two rules for each, which begin by asking for an interface: all but those of the
 * packet's own interfaces say no. They are passed over, and only that is different: what they
 * looked at is noted as if they had been asked.
 *
 * Only rules of iptables count as such, whose first match is the plain name of an interface.
 */
#include <string.h>

#include "base/places.h"
#include "base/text.h"
#include "base/vec.h"
#include "ruleset/eval_internal.h"

#define MIN_RULES 16 /* below, asking them all is as quick */

#define OTHER N_IFACE_KINDS

struct chain_index {
	const struct rule *rules; /* those of the chain when it was made */
	size_t n_rules;
	struct places *by_name;
	/* of each rule: the first one from there on of each kind, or without one */
	uint32_t (*next)[N_IFACE_KINDS + 1];
};

static const struct {
	enum match_kind match;
	uint64_t looks_at;
} kinds[N_IFACE_KINDS] = {
	{ MATCH_IN_IFACE, FIELD_BIT(FIELD_IN_IFACE) },
	{ MATCH_OUT_IFACE, FIELD_BIT(FIELD_OUT_IFACE) },
	{ MATCH_PHYSDEV_IN, FIELD_BIT(FIELD_PHYSDEV_IN) | FIELD_BIT(FIELD_PHYSDEV_OUT) },
	{ MATCH_PHYSDEV_OUT, FIELD_BIT(FIELD_PHYSDEV_IN) | FIELD_BIT(FIELD_PHYSDEV_OUT) },
};

static size_t kind_of(const struct rule *rule)
{
	const struct match *first = rule->matches;
	size_t len;

	if (!rule->n_matches || first->inverted)
		return OTHER;
	for (size_t k = 0; k < N_IFACE_KINDS; k++) {
		if (first->kind != kinds[k].match)
			continue;
		len = strlen(first->name);
		return len && first->name[len - 1] != '+' ? k : OTHER;
	}
	return OTHER;
}

static uint64_t key_of(size_t kind, const char *name)
{
	return text_hash(name) + kind;
}

static const struct chain_index *index_of(struct arena *arena, const struct chain *chain)
{
	struct chain_index *index = arena_new_one(arena, struct chain_index);
	uint32_t next[N_IFACE_KINDS + 1];

	for (size_t k = 0; k < N_OF(next); k++)
		next[k] = (uint32_t)chain->n_rules;
	index->rules = chain->rules;
	index->n_rules = chain->n_rules;
	index->by_name = places_new(arena, chain->n_rules);
	index->next = arena_alloc(arena, chain->n_rules * sizeof(*index->next));
	for (size_t i = chain->n_rules; i--;) {
		size_t kind = kind_of(&chain->rules[i]);

		if (kind != OTHER)
			places_add(
				index->by_name, i, key_of(kind, chain->rules[i].matches[0].name));
		next[kind] = (uint32_t)i;
		memcpy(index->next[i], next, sizeof(next));
	}
	return index;
}

void ruleset_index(struct arena *arena, struct ruleset *rs)
{
	for (size_t t = 0; t < rs->n_tables; t++) {
		struct table *table = &rs->tables[t];

		if (table->source == SOURCE_NFT || table->family >= N_IP_FAMILIES)
			continue;
		for (size_t c = 0; c < table->n_chains; c++)
			if (table->chains[c].n_rules >= MIN_RULES)
				table->chains[c].index = index_of(arena, &table->chains[c]);
	}
}

/* May rules be passed over for it? Where only the output port is known, every question for the input
 * port is a yes (xt_physdev). */
static bool is_plain(const struct packet *packet)
{
	const uint64_t ifaces = FIELD_BIT(FIELD_IN_IFACE) | FIELD_BIT(FIELD_OUT_IFACE) |
				FIELD_BIT(FIELD_PHYSDEV_IN) | FIELD_BIT(FIELD_PHYSDEV_OUT);

	return !(packet->unknown & ifaces) && (packet->physdev_in || !packet->physdev_out);
}

void asked_begin(struct asked *asked, const struct chain *chain, const struct packet *packet)
{
	const struct chain_index *index = chain->index;
	const char *names[N_IFACE_KINDS] = { packet->in_iface, packet->out_iface,
		packet->physdev_in, packet->physdev_out };

	asked->index = NULL;
	if (!index || index->rules != chain->rules || index->n_rules != chain->n_rules ||
		!is_plain(packet))
		return;
	asked->index = index;
	for (size_t k = 0; k < N_IFACE_KINDS; k++)
		asked->named[k] = names[k] && *names[k]
					  ? places_first(index->by_name, key_of(k, names[k]))
					  : PLACES_END;
}

size_t asked_next(struct asked *asked, size_t from, uint64_t *decided)
{
	const struct chain_index *index = asked->index;
	size_t to;

	if (!index || from >= index->n_rules)
		return from;
	to = index->next[from][OTHER];
	for (size_t k = 0; k < N_IFACE_KINDS; k++) {
		while (asked->named[k] < from)
			asked->named[k] = places_next(index->by_name, asked->named[k]);
		to = asked->named[k] < to ? asked->named[k] : to;
	}
	for (size_t k = 0; k < N_IFACE_KINDS; k++)
		if (index->next[from][k] < to)
			*decided |= kinds[k].looks_at;
	return to;
}
