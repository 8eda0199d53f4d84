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

static uint64_t ebt_writes(const struct ebt_target *target)
{
	switch (target->change) {
	case EBT_SNAT:
		return FIELD_BIT(FIELD_ETH_SRC) | (target->has_arp ? FIELD_BIT(FIELD_ARP_SHA) : 0);
	case EBT_DNAT:
		return FIELD_BIT(FIELD_ETH_DST);
	default:
		return FIELD_BIT(FIELD_MARK);
	}
}

uint64_t ruleset_rule_writes(const struct table *table, const struct rule *rule)
{
	const uint64_t *writes = writes_of(table, &rule->target);
	uint64_t fields = writes ? *writes : 0;

	for (size_t i = 0; i < rule->n_matches; i++) {
		const struct statement *statement = rule->matches[i].statement;

		if (!is_change(&rule->matches[i]))
			continue;
		if (statement->kind == STATEMENT_NOTRACK)
			fields |= FIELD_BIT(FIELD_CT_STATE);
		else if (statement->key)
			fields |= FIELD_BIT(statement->key->field);
	}
	switch (rule->target.kind) {
	case TARGET_EBT:
		return fields | ebt_writes(rule->target.ebt);
	case TARGET_MARK:
		return fields | FIELD_BIT(FIELD_MARK);
	case TARGET_CONNMARK:
		return fields | FIELD_BIT(FIELD_MARK) | FIELD_BIT(FIELD_CT_MARK);
	case TARGET_CT: /* the template is an entry of its own (take_template) */
	case TARGET_CT_ZONE:
	case TARGET_CT_NOTRACK:
	case TARGET_NOTRACK:
		return fields | FIELDS_OF_FLOW;
	case TARGET_TOS:
	case TARGET_DSCP:
		return fields | FIELD_BIT(FIELD_TOS);
	case TARGET_TTL:
		return fields | FIELD_BIT(FIELD_TTL);
	default:
		return fields;
	}
}

void effect_change(const struct asking *asking, struct effect *ret, struct says where)
{
	struct sets *sets = asking->eval->sets;

	ret->kind = EFFECT_CHANGE;
	ret->changed.packet = *asking->packet;
	ret->changed.set = ret->unchanged = SET_EMPTY;
	if (!sets)
		return;
	ret->changed.set = set_and(sets, asking->set, where.set);
	ret->unchanged = set_minus(sets, asking->set, where.set);
}

static bool is_mark(const struct nft_key *key)
{
	return (key->field == FIELD_MARK || key->field == FIELD_CT_MARK) && !key->width;
}

/* "meta mark set ct mark and 0xff": only marks can be computed; of other fields the value is open. */
static void set_field(
	const struct asking *asking, const struct statement *statement, struct changing *changed)
{
	const struct nft_key *key = statement->key, *source = statement->source;
	uint32_t value = (uint32_t)field_value_number(&statement->xor_bits);
	uint32_t kept = (uint32_t)field_value_number(&statement->and_bits);

	if (!key)
		return;
	if (!statement->is_known || !is_mark(key) || (source && !is_mark(source))) {
		change_unknown(asking, changed, FIELD_BIT(key->field));
		return;
	}
	if (!source || source->field == key->field) {
		change_bits(asking, changed, key->field, source ? ~kept : UINT32_MAX, value);
		return;
	}
	change_copy(asking, changed, key->field, UINT32_MAX, source->field, kept);
	change_bits(asking, changed, key->field, 0, value);
}

/* Until it has an entry, or where it is said of it that it is to have none. */
static void notrack(struct asking *asking, struct changing *changed)
{
	struct sets *sets = asking->eval->sets;
	struct packet_set others;

	if (!sets) {
		if (changed->packet.ct_state == CT_INVALID || !changed->packet.ct_state)
			changed->packet.ct_state = CT_UNTRACKED;
		return;
	}
	others = set_minus(sets, changed->set, set_of_ct_states(sets, CT_INVALID));
	changed->set = set_and(sets, changed->set, set_of_ct_states(sets, CT_INVALID));
	change_number(asking, changed, FIELD_CT_STATE, CT_UNTRACKED);
	changed->set = set_or(sets, changed->set, others);
}

static void change_arp_sender(const struct asking *asking, struct changing *changed, struct mac mac)
{
	struct sets *sets = asking->eval->sets;
	struct packet_set arp, others;

	if (!sets) {
		if (changed->packet.ethertype == ETHERTYPE_ARP)
			change_mac(asking, changed, FIELD_ARP_SHA, mac);
		return;
	}
	arp = set_of_number(sets, FIELD_ETHERTYPE, ETHERTYPE_ARP);
	others = set_minus(sets, changed->set, arp);
	changed->set = set_and(sets, changed->set, arp);
	change_mac(asking, changed, FIELD_ARP_SHA, mac);
	changed->set = set_or(sets, changed->set, others);
}

static void ebt_change(
	const struct asking *asking, const struct ebt_target *target, struct changing *changed)
{
	switch (target->change) {
	case EBT_MARK_SET:
		change_bits(asking, changed, FIELD_MARK, UINT32_MAX, target->mark);
		return;
	case EBT_MARK_OR:
		change_bits(asking, changed, FIELD_MARK, target->mark, target->mark);
		return;
	case EBT_MARK_AND:
		change_bits(asking, changed, FIELD_MARK, ~target->mark, 0);
		return;
	case EBT_MARK_XOR:
		change_bits(asking, changed, FIELD_MARK, 0, target->mark);
		return;
	case EBT_SNAT:
		change_mac(asking, changed, FIELD_ETH_SRC, target->mac);
		if (target->has_arp)
			change_arp_sender(asking, changed, target->mac);
		return;
	case EBT_DNAT:
		change_mac(asking, changed, FIELD_ETH_DST, target->mac);
		return;
	}
}

bool rule_changes(struct asking *asking, const struct rule *rule, struct changing *changed)
{
	bool has_changed = rule->target.kind == TARGET_EBT;

	changed->set = asking->set;
	if (has_changed) {
		changed->packet = *asking->packet;
		ebt_change(asking, rule->target.ebt, changed);
	}
	for (size_t i = 0; i < rule->n_matches; i++) {
		const struct match *match = &rule->matches[i];

		if (!is_change(match))
			continue;
		if (!has_changed)
			changed->packet = *asking->packet;
		has_changed = true;
		if (match->statement->kind == STATEMENT_SET)
			set_field(asking, match->statement, changed);
		else
			notrack(asking, changed);
	}
	return has_changed;
}

static void opaque_effect(struct asking *asking, const struct target *target, struct effect *ret)
{
	const uint64_t *writes = writes_of(asking->table, target);

	if (writes) {
		if (!*writes)
			return;
		effect_change(asking, ret, says(true));
		change_unknown(asking, &ret->changed, *writes);
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

static void map_unknown(struct asking *asking, const char *name, struct effect *ret)
{
	ret->kind = EFFECT_VERDICT;
	ret->verdict = VERDICT_CANNOT_TELL;
	ret->why = arena_printf(asking->eval->arena, "the elements of map %s are not known", name);
}

static const struct set *ifname_map(const struct asking *asking, const struct target *target)
{
	const struct set *map = table_set(asking->table, target->vmap.map);

	return map && !map->opaque && map->kind == MAP_IFNAME_VERDICT ? map : NULL;
}

/* What the map has for the packet's port: an element's target, or nothing. */
static void vmap_effect(struct asking *asking, const struct target *target, struct effect *ret)
{
	const struct set *map = ifname_map(asking, target);
	size_t low = 0, high;
	enum field field;
	const char *name;

	if (!map) {
		map_unknown(asking, target->vmap.map, ret);
		return;
	}
	field = iface_field(asking, target->vmap.by_out_iface);
	asking->decided |= FIELD_BIT(field);
	if (is_open(asking, field)) {
		map_unknown(asking, target->vmap.map, ret);
		return;
	}
	name = iface_name(asking, field);
	high = map->n_elements;
	while (*name && low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(map->elements[middle].name, name);

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

	switch (nft_lookup_eval(asking, lookup, &element)) {
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
	if (!nat->is_known || nat->lookup) {
		ret->verdict = VERDICT_CANNOT_TELL;
		ret->why = "the address of a NAT rule comes from what is not modelled";
		return;
	}
	ret->nat = (struct nat){ .kind = nat->is_prefix ? NAT_NETMAP : kinds[nat->kind],
		.has_addr = nat->has_addr,
		.has_ports = nat->has_ports,
		.is_random = nat->is_random || nat->is_fully_random,
		.addr_min = nat->addr_min,
		.addr_max = nat->addr_max,
		.port_min = nat->port_min,
		.port_max = nat->port_max };
}

bool target_splits(const struct asking *asking, const struct target *target)
{
	if (!is_of_set(asking))
		return false;
	if (target->kind == TARGET_VMAP)
		return ifname_map(asking, target) &&
		       is_open(asking, iface_field(asking, target->vmap.by_out_iface));
	return target->kind == TARGET_NFT_VMAP && nft_lookup_is_known(asking, target->lookup);
}

bool target_part(struct asking *asking, const struct target *target, size_t i,
	struct packet_set *ret, const struct target **ret_target)
{
	const struct set *map;
	struct says in;

	if (target->kind == TARGET_NFT_VMAP) {
		const struct nft_element *element = NULL;

		if (!nft_lookup_part(asking, target->lookup, i, &in, &element))
			return false;
		*ret_target = &element->target;
	} else {
		map = ifname_map(asking, target);
		if (i >= map->n_elements)
			return false;
		in = ask_iface(asking, iface_field(asking, target->vmap.by_out_iface),
			map->elements[i].name, false);
		*ret_target = &map->elements[i].target;
	}
	*ret = set_and(asking->eval->sets, asking->set, in.set);
	return true;
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
		ct_effect(asking,
			&(struct ct_target){ .is_notrack = target->kind == TARGET_CT_NOTRACK,
				.has_zone = true,
				.zone = target->zone },
			ret);
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
