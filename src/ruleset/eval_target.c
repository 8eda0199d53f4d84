// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What targets do: end, go elsewhere, change the packet. A target that is only known by its name
 * leaves open what it changes: the fields that it may write are unknown behind it.
 */
#include <stdlib.h>
#include <string.h>

#include "ruleset/ebtables.h"
#include "ruleset/eval_internal.h"
#include "base/vec.h"

static bool is_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	return strncmp(text, word, len) == 0 && (!text[len] || text[len] == ' ');
}

/* Targets of iptables that go on, and have options that are not modelled: what they may write to. */
static const struct {
	const char *name;
	uint64_t writes;
} going_on[] = {
	{ "CONNMARK", FIELD_BIT(FIELD_MARK) | FIELD_BIT(FIELD_CT_MARK) },
	{ "CT", 0 }, /* helpers, events, timeouts: zones are TARGET_CT_ZONE */
	{ "DSCP", FIELD_BIT(FIELD_TOS) },
	{ "ECN", FIELD_BIT(FIELD_TOS) },
	{ "HL", FIELD_BIT(FIELD_TTL) },
	{ "HMARK", FIELD_BIT(FIELD_MARK) },
	{ "LOG", 0 },
	{ "MARK", FIELD_BIT(FIELD_MARK) },
	{ "TCPOPTSTRIP", 0 },
	{ "TOS", FIELD_BIT(FIELD_TOS) },
	{ "TTL", FIELD_BIT(FIELD_TTL) },
};

/* NULL: it is none of them. */
static const uint64_t *writes_of(const struct table *table, const struct target *target)
{
	if (target->kind != TARGET_OPAQUE || table_is_nft(table))
		return NULL;
	for (size_t i = 0; i < N_OF(going_on); i++)
		if (is_word(target->text, going_on[i].name))
			return &going_on[i].writes;
	return NULL;
}

static bool is_change(const struct match *match)
{
	return match->kind == MATCH_NFT_DO && (match->statement->kind == STATEMENT_SET ||
						      match->statement->kind == STATEMENT_NOTRACK);
}

bool rule_is_beside(const struct table *table, const struct rule *rule)
{
	const uint64_t *writes = writes_of(table, &rule->target);

	for (size_t i = 0; i < rule->n_matches; i++)
		if (is_change(&rule->matches[i]))
			return false;
	return rule->target.kind == TARGET_NONE || rule->target.kind == TARGET_CONTINUE ||
	       rule->target.kind == TARGET_NFT_CONTINUE || (writes && !*writes);
}

/* "meta mark set ct mark and 0xff": only marks can be computed; of other fields the value is open. */
static void set_field(const struct statement *statement, struct packet *packet)
{
	const struct nft_key *key = statement->key, *source = statement->source;
	uint32_t value = (uint32_t)field_value_number(&statement->xor_bits);

	if (!key)
		return;
	packet->unknown |= FIELD_BIT(key->field);
	if (!statement->is_known || key->width ||
		(key->field != FIELD_MARK && key->field != FIELD_CT_MARK))
		return;
	if (source) {
		uint32_t from = source->field == FIELD_MARK ? packet->mark : packet->ct_mark;

		if ((source->field != FIELD_MARK && source->field != FIELD_CT_MARK) ||
			source->width ||
			(source->field != key->field &&
				(packet->unknown & FIELD_BIT(source->field))))
			return;
		value ^= from & (uint32_t)field_value_number(&statement->and_bits);
	}
	packet->unknown &= ~FIELD_BIT(key->field);
	*(key->field == FIELD_MARK ? &packet->mark : &packet->ct_mark) = value;
}

bool rule_changes(const struct rule *rule, const struct packet *packet, struct packet *ret)
{
	bool has_changed = rule->target.kind == TARGET_EBT;

	if (has_changed) {
		*ret = *packet;
		ebt_change(rule->target.ebt, ret);
	}

	for (size_t i = 0; i < rule->n_matches; i++) {
		const struct match *match = &rule->matches[i];

		if (!is_change(match))
			continue;
		if (!has_changed)
			*ret = *packet;
		has_changed = true;
		if (match->statement->kind == STATEMENT_SET)
			set_field(match->statement, ret);
		else if (packet->ct_state == CT_INVALID || !packet->ct_state)
			ret->ct_state = CT_UNTRACKED;
	}
	return has_changed;
}

static void opaque_effect(struct asking *asking, const struct target *target, struct effect *ret)
{
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
	if (is_word(target->text, "REJECT")) {
		ret->verdict = VERDICT_REJECT;
		return;
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

static void nft_vmap_effect(
	struct asking *asking, const struct nft_lookup *lookup, struct effect *ret)
{
	const struct nft_element *element = NULL;

	asking->decided |= nft_keys_fields(&lookup->keys);
	switch (nft_lookup_eval(asking->table, lookup, asking->packet, &element)) {
	case NO:
		return;
	case YES:
		target_effect(asking, &element->target, ret);
		return;
	case CANNOT_TELL:
		ret->kind = EFFECT_VERDICT;
		ret->verdict = VERDICT_CANNOT_TELL;
		ret->why = "what the verdict map has for the packet is not known";
		return;
	}
}

static void nft_nat_effect(const struct nft_nat *nat, struct effect *ret)
{
	static const enum nat_kind kinds[] = { [NFT_SNAT] = NAT_SNAT,
		[NFT_DNAT] = NAT_DNAT,
		[NFT_MASQUERADE] = NAT_MASQUERADE,
		[NFT_REDIRECT] = NAT_REDIRECT };

	ret->kind = EFFECT_VERDICT;
	ret->verdict = VERDICT_ACCEPT;
	if (!nat->is_known || nat->lookup || nat->is_prefix) {
		ret->verdict = VERDICT_CANNOT_TELL;
		ret->why = "the address of a NAT rule comes from what is not modelled";
		return;
	}
	ret->nat = (struct nat){ .kind = kinds[nat->kind],
		.has_addr = nat->has_addr,
		.has_ports = nat->has_ports,
		.is_random = nat->is_random || nat->is_fully_random,
		.addr_min = nat->addr_min,
		.addr_max = nat->addr_max,
		.port_min = nat->port_min,
		.port_max = nat->port_max };
}

void target_effect(struct asking *asking, const struct target *target, struct effect *ret)
{
	ret->kind = EFFECT_NONE;
	ret->nat = (struct nat){ .kind = NAT_NONE };
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
			packet_take_template(&ret->packet, target->zone);
		else
			ret->packet.ct_state = CT_UNTRACKED;
		return;
	case TARGET_VMAP:
		vmap_effect(asking, target, ret);
		return;
	case TARGET_OPAQUE:
		opaque_effect(asking, target, ret);
		return;
	case TARGET_NFT_REJECT:
	case TARGET_NFT_QUEUE:
	case TARGET_NFT_TAKEN:
		ret->kind = EFFECT_VERDICT;
		ret->verdict = target->kind == TARGET_NFT_REJECT ? VERDICT_REJECT : VERDICT_STOLEN;
		return;
	case TARGET_NFT_CONTINUE:
		return;
	case TARGET_EBT: /* the frame is changed already: rule_changes */
		target_effect(asking, &(struct target){ .kind = target->ebt->after }, ret);
		return;
	case TARGET_NFT_NAT:
		/* "dnat ip to" of a table of inet does nothing to IPv6 (nft_nat_inet_eval) */
		if (target->nat->family != FAMILY_INET &&
			target->nat->family != packet_family(asking->packet))
			return;
		nft_nat_effect(target->nat, ret);
		return;
	case TARGET_NFT_VMAP:
		nft_vmap_effect(asking, target->lookup, ret);
		return;
	default:
		target_effect_xt(asking, target, ret);
		return;
	}
}
