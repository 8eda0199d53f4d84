// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What targets do: end, go elsewhere, change the packet. A target that is only known by its name
 * leaves open what it changes: the fields that it may write are unknown behind it.
 */
#include <stdlib.h>
#include <string.h>

#include "ruleset/eval_internal.h"
#include "base/vec.h"

static bool is_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	return strncmp(text, word, len) == 0 && (!text[len] || text[len] == ' ');
}

/* Targets of iptables that go on, by name: what they may write to, if anything. */
static const struct {
	const char *name;
	uint64_t writes;
} going_on[] = {
	{ "AUDIT", 0 },
	{ "CHECKSUM", 0 },
	{ "CLASSIFY", 0 },
	{ "CONNMARK", FIELD_BIT(FIELD_MARK) | FIELD_BIT(FIELD_CT_MARK) },
	{ "CONNSECMARK", 0 },
	{ "CT", 0 }, /* helpers, events, timeouts: zones are TARGET_CT_ZONE */
	{ "DSCP", FIELD_BIT(FIELD_TOS) },
	{ "ECN", FIELD_BIT(FIELD_TOS) },
	{ "HL", FIELD_BIT(FIELD_TTL) },
	{ "HMARK", FIELD_BIT(FIELD_MARK) },
	{ "IDLETIMER", 0 },
	{ "LED", 0 },
	{ "LOG", 0 },
	{ "MARK", FIELD_BIT(FIELD_MARK) },
	{ "NFLOG", 0 },
	{ "RATEEST", 0 },
	{ "SECMARK", 0 },
	{ "SET", 0 },
	{ "TCPMSS", 0 },
	{ "TCPOPTSTRIP", 0 },
	{ "TEE", 0 },
	{ "TOS", FIELD_BIT(FIELD_TOS) },
	{ "TRACE", 0 },
	{ "TTL", FIELD_BIT(FIELD_TTL) },
	{ "ULOG", 0 },
};

/* NULL: it is none of them. */
static const uint64_t *writes_of(const struct table *table, const struct target *target)
{
	static const uint64_t nothing;

	if (target->kind != TARGET_OPAQUE)
		return NULL;
	if (table_is_nft(table))
		return strcmp(target->text, "continue") == 0 ? &nothing : NULL;
	for (size_t i = 0; i < N_OF(going_on); i++)
		if (is_word(target->text, going_on[i].name))
			return &going_on[i].writes;
	return NULL;
}

bool target_is_beside(const struct table *table, const struct target *target)
{
	const uint64_t *writes = writes_of(table, target);

	return target->kind == TARGET_NONE || (writes && !*writes);
}

static void opaque_effect(struct asking *asking, const struct target *target, struct effect *ret)
{
	static const char *const taken[] = { "NFQUEUE", "QUEUE", "TPROXY", "SYNPROXY", "queue",
		"tproxy", "synproxy", "fwd" };
	const uint64_t *writes = writes_of(asking->table, target);

	if (writes) {
		if (!*writes)
			return;
		ret->kind = EFFECT_CHANGE;
		ret->packet = *asking->packet;
		ret->packet.unknown |= *writes;
		return;
	}
	ret->kind = EFFECT_VERDICT;
	if (is_word(target->text, "REJECT") || is_word(target->text, "reject")) {
		ret->verdict = VERDICT_REJECT;
		return;
	}
	for (size_t i = 0; i < N_OF(taken); i++) {
		if (is_word(target->text, taken[i])) {
			ret->verdict = VERDICT_STOLEN;
			return;
		}
	}
	ret->verdict = VERDICT_CANNOT_TELL;
	ret->why =
		arena_printf(asking->eval->arena, "what \"%s\" does is not modelled", target->text);
}

/* What the map has for the packet's port: an element's target, or nothing. */
static void vmap_effect(struct asking *asking, const struct target *target, struct effect *ret)
{
	const struct set *map = table_set(asking->table, target->vmap.map);
	const char *iface;
	size_t low = 0, high;

	if (!map || map->opaque || map->kind != MAP_IFNAME_VERDICT) {
		*ret = (struct effect){ .kind = EFFECT_VERDICT, .verdict = VERDICT_CANNOT_TELL };
		ret->why = arena_printf(asking->eval->arena, "the elements of map %s are not known",
			target->vmap.map);
		return;
	}
	iface = iface_asked(asking, target->vmap.by_out_iface);
	high = map->n_elements;
	while (iface && *iface && low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(map->elements[middle].name, iface);

		if (order == 0) {
			target_effect(asking, &map->elements[middle].target, ret);
			return;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
}

void target_effect(struct asking *asking, const struct target *target, struct effect *ret)
{
	ret->kind = EFFECT_NONE;
	ret->nat.kind = NAT_NONE;
	ret->why = NULL;
	switch (target->kind) {
	case TARGET_NONE:
		return;
	case TARGET_ACCEPT:
	case TARGET_DROP:
		ret->kind = EFFECT_VERDICT;
		ret->verdict = target->kind == TARGET_ACCEPT ? VERDICT_ACCEPT : VERDICT_DROP;
		return;
	case TARGET_RETURN:
		ret->kind = EFFECT_RETURN;
		return;
	case TARGET_JUMP:
	case TARGET_GOTO:
		ret->kind = target->kind == TARGET_JUMP ? EFFECT_JUMP : EFFECT_GOTO;
		ret->chain = table_chain(asking->table, target->chain);
		return;
	case TARGET_CT_ZONE:
	case TARGET_CT_NOTRACK:
		/* xt_CT does nothing to a packet that has an entry or is not to have one */
		if (asking->packet->ct_state != CT_INVALID && asking->packet->ct_state)
			return;
		ret->kind = EFFECT_CHANGE;
		ret->packet = *asking->packet;
		if (target->kind == TARGET_CT_ZONE)
			ret->packet.ct_zone = target->zone;
		else
			ret->packet.ct_state = CT_UNTRACKED;
		return;
	case TARGET_VMAP:
		vmap_effect(asking, target, ret);
		return;
	case TARGET_OPAQUE:
		opaque_effect(asking, target, ret);
		return;
	}
	abort();
}
