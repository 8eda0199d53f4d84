// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Chains in words (inputs.h). A rule is what its program prints: that is what it would be read from again, so nothing else can be
 * known of it. What a text only names, the members of a set, is added; so is the place of a rule of which the evaluator has
 * booleans with the place in their names (ask.c).
 */
#include "ruleset/inputs.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "ruleset/eval_internal.h"
#include "ruleset/ipset.h"
#include "ruleset/nft.h"

struct known_chain {
	uint64_t *rules; /* numbers of their texts; 0: not asked for yet */
	uint64_t walk;	 /* the last one that came here */
};

struct inputs {
	struct arena *arena;
	const struct ruleset *rs;
	struct interned *interned;
	struct known_chain *chains; /* of all tables */
	size_t *first_of_table;
	uint64_t walk;	  /* counts them */
	struct map *sets; /* numbers of what is in them, by address */
	struct text scratch;
};

/* One hook's chain on the way of packets with these interfaces. */
struct reading {
	struct inputs *inputs;
	const struct table *table;
	struct eval eval;
	const struct packet *packet;
	struct text *out;
};

struct inputs *inputs_new(struct arena *arena, const struct ruleset *rs, struct interned *interned)
{
	struct inputs *inputs = arena_new_one(arena, struct inputs);
	size_t n = 0;

	*inputs = (struct inputs){
		.arena = arena, .rs = rs, .interned = interned, .sets = map_new(arena)
	};
	inputs->first_of_table = arena_new_array(arena, size_t, rs->n_tables + 1);
	for (size_t t = 0; t < rs->n_tables; t++) {
		inputs->first_of_table[t] = n;
		n += rs->tables[t].n_chains;
	}
	inputs->chains = arena_new_array(arena, struct known_chain, n + 1);
	return inputs;
}

/* ---- sets ---- */

static void add_set(struct inputs *inputs, const struct set *set, struct text *out, unsigned depth)
{
	text_addf(out, "%d %d %u ", (int)set->kind, (int)set->family, set->mark_mask);
	if (set->kind == SET_IPSET || set->kind == SET_HASH_NET)
		ipset_print(out, set);
	else if (set->n_types)
		nft_set_print(out, set);
	for (size_t i = 0; !set->n_types && set->kind != SET_IPSET && i < set->n_elements; i++) {
		set_element_print(out, set, &set->elements[i]);
		text_add(out, ", ");
	}
	/* sets of sets; those are no deeper (ipset refuses it) */
	for (size_t i = 0; set->parts[0] == IPSET_SET && depth == 0 && i < set->n_members; i++) {
		const struct set *member = ruleset_set(inputs->rs, set->members[i].name);

		text_add(out, "= ");
		if (member)
			add_set(inputs, member, out, 1);
	}
}

static uint64_t number_of_set(struct inputs *inputs, const struct set *set)
{
	struct text key CLEANUP(text_done) = TEXT_INIT, text CLEANUP(text_done) = TEXT_INIT;
	uint64_t *number;

	if (!set)
		return 0;
	text_addf(&key, "%p", (const void *)set);
	number = map_find(inputs->sets, key.data);
	if (number)
		return *number;
	add_set(inputs, set, &text, 0);
	number = arena_new_one(inputs->arena, uint64_t);
	*number = interned_number(inputs->interned, text.data);
	map_add(inputs->sets, arena_strdup(inputs->arena, key.data), number);
	return *number;
}

/* ---- rules ---- */

/* Of a map whose parts have names: its elements are told with each packet's interfaces. */
static const char *own_map(const struct rule *rule)
{
	if (rule->target.kind == TARGET_VMAP)
		return rule->target.vmap.map;
	return rule->target.kind == TARGET_NFT_VMAP ? rule->target.lookup->set_name : NULL;
}

/* nft: whatever stands behind an @ may be the name of a set of the table. */
static void add_named_sets(struct inputs *inputs, const struct table *table,
	const struct rule *rule, const char *words, struct text *out)
{
	const char *map = own_map(rule);

	for (const char *at = words; (at = strchr(at, '@')); at++) {
		struct text name CLEANUP(text_done) = TEXT_INIT;
		size_t len = 1;

		while (isalnum((unsigned char)at[len]) || (at[len] && strchr("/\\_.-", at[len])))
			len++;
		text_add_n(&name, at + 1, len - 1);
		if (!map || strcmp(map, name.data ? name.data : "") != 0)
			text_addf(out, " {%" PRIx64 "}",
				number_of_set(
					inputs, table_set(table, name.data ? name.data : "")));
	}
}

static uint64_t number_of_rule(struct inputs *inputs, const struct table *table,
	const struct chain *chain, const struct rule *rule)
{
	struct text words CLEANUP(text_done) = TEXT_INIT, out CLEANUP(text_done) = TEXT_INIT;

	table_print_rule(&words, table, rule);
	text_addf(&out, "%s ", words.data ? words.data : "");
	for (size_t m = 0; m < rule->n_matches; m++) {
		const struct match *match = &rule->matches[m];

		if (match->kind == MATCH_SET)
			text_addf(&out, " {%" PRIx64 "}",
				number_of_set(inputs, ruleset_set(inputs->rs, match->set.name)));
		if (match->kind == MATCH_OPAQUE || match->kind == MATCH_NFT_DO)
			text_addf(&out, " #%zu", (size_t)(rule - chain->rules));
	}
	if (table_is_nft(table))
		add_named_sets(inputs, table, rule, words.data ? words.data : "", &out);
	return interned_number(inputs->interned, out.data);
}

/* It does not even ask for more than interfaces. */
static bool is_of_others(struct reading *r, const struct chain *chain, const struct rule *rule)
{
	struct asking asking = { .eval = &r->eval,
		.table = r->table,
		.chain = chain,
		.rule = rule,
		.packet = r->packet };

	for (size_t m = 0; m < rule->n_matches; m++)
		switch (rule->matches[m].kind) {
		case MATCH_IN_IFACE:
		case MATCH_OUT_IFACE:
		case MATCH_PHYSDEV_IN:
		case MATCH_PHYSDEV_OUT:
			if (match_eval(&asking, &rule->matches[m]).answer == NO)
				return true;
			break;
		default:
			break;
		}
	return false;
}

static void read_chain(struct reading *r, const struct chain *chain);

static void read_target(struct reading *r, const struct target *target)
{
	const struct chain *chain;

	if (target->kind != TARGET_JUMP && target->kind != TARGET_GOTO)
		return;
	chain = table_chain(r->table, target->chain);
	if (chain)
		read_chain(r, chain);
	else
		text_add(r->out, "? ");
}

static bool is_name_of(const struct packet *packet, const char *name)
{
	const char *const names[] = { packet->in_iface, packet->out_iface, packet->physdev_in,
		packet->physdev_out };

	for (size_t i = 0; i < N_OF(names); i++)
		if (strcmp(names[i] ? names[i] : "", name) == 0)
			return true;
	return false;
}

static void read_element(struct reading *r, const char *words, const struct target *target)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	const struct rule bare = { .target = *target };

	text_addf(&out, "%s : ", words);
	table_print_rule(&out, r->table, &bare);
	text_addf(r->out, "%" PRIx64 " ", interned_number(r->inputs->interned, out.data));
	read_target(r, target);
}

/* An element for the name of an interface that the packet does not have takes nothing of it. */
static void read_nft_map(struct reading *r, const struct nft_lookup *lookup)
{
	const struct set *map = lookup->set ? lookup->set : table_set(r->table, lookup->set_name);

	text_addf(r->out, "map %d ", map != NULL);
	for (size_t i = 0; map && i < map->n_nft_elements; i++) {
		const struct nft_element *element = &map->nft_elements[i];
		struct text words CLEANUP(text_done) = TEXT_INIT;

		if (element->n_keys == 1 && element->keys[0].name && !element->keys[0].is_any &&
			!element->keys[0].is_open && !is_name_of(r->packet, element->keys[0].name))
			continue;
		for (size_t k = 0; k < element->n_keys && k < map->n_types; k++) {
			nft_value_print(&words, map->types[k], &element->keys[k]);
			text_add(&words, " . ");
		}
		read_element(r, words.data ? words.data : "", &element->target);
	}
}

static void read_map(struct reading *r, const char *name)
{
	const struct set *map = table_set(r->table, name);

	text_addf(r->out, "map %d ", map != NULL);
	for (size_t i = 0; map && i < map->n_elements; i++)
		if (!map->elements[i].name || is_name_of(r->packet, map->elements[i].name))
			read_element(r, map->elements[i].name ? map->elements[i].name : "",
				&map->elements[i].target);
}

static struct known_chain *known_chain(struct reading *r, const struct chain *chain)
{
	struct inputs *inputs = r->inputs;
	size_t table = (size_t)(r->table - inputs->rs->tables);

	return &inputs->chains[inputs->first_of_table[table] + (size_t)(chain - r->table->chains)];
}

static void read_chain(struct reading *r, const struct chain *chain)
{
	struct inputs *inputs = r->inputs;
	struct known_chain *known = known_chain(r, chain);
	bool is_known = known->walk == inputs->walk;
	uint64_t ignored = 0;
	struct asked asked;

	text_addf(r->out, "%" PRIx64 " ", interned_number(inputs->interned, chain->name));
	if (is_known)
		return; /* the packet's interfaces are the same */
	known->walk = inputs->walk;
	if (!known->rules)
		known->rules = arena_new_array(inputs->arena, uint64_t, chain->n_rules + 1);
	text_add(r->out, "( ");
	asked_begin(&asked, chain, r->packet);
	for (size_t i = 0; (i = asked_next(&asked, i, &ignored)) < chain->n_rules; i++) {
		const struct rule *rule = &chain->rules[i];

		if (is_of_others(r, chain, rule))
			continue;
		if (!known->rules[i])
			known->rules[i] = number_of_rule(inputs, r->table, chain, rule);
		text_addf(r->out, "%" PRIx64 " ", known->rules[i]);
		if (rule->target.kind == TARGET_NFT_VMAP)
			read_nft_map(r, rule->target.lookup);
		else if (rule->target.kind == TARGET_VMAP)
			read_map(r, rule->target.vmap.map);
		else
			read_target(r, &rule->target);
	}
	text_add(r->out, ") ");
}

void inputs_of_chain(struct inputs *inputs, const struct hook_chain *chain, enum hook hook,
	const struct packet *packet, struct text *out)
{
	const struct table *table = chain->table;
	struct reading r = { .inputs = inputs,
		.table = table,
		.eval = { .arena = inputs->arena, .rs = inputs->rs, .hook = hook },
		.packet = packet,
		.out = out };
	struct text head CLEANUP(text_done) = TEXT_INIT;

	text_addf(&head, "%d %d %s %s %d %d %d %s %s", (int)table->source, (int)table->family,
		table->name, table->flags ? table->flags : "", (int)chain->type, chain->priority,
		chain->is_order_unknown, chain->chain->hook_text ? chain->chain->hook_text : "-",
		chain->chain->policy ? chain->chain->policy : "-");
	text_addf(out, "%d %" PRIx64 " ", (int)hook, interned_number(inputs->interned, head.data));
	inputs->walk++;
	read_chain(&r, chain->chain);
}
