// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Questions of one field, and changes of one: each once for a packet and once for a set. All else
 * in the evaluator is made of these.
 *
 * Matches that answer anew each time they are asked ("limit 3/s") are a boolean of their own at every rule; others
 * ("policy --pol ipsec") say the same of one packet wherever they stand.
 */
#include "ruleset/ask.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "ruleset/eval_internal.h"

static const char *const answers_anew[] = { "limit", "hashlimit", "recent", "statistic", "quota",
	"quota2", "nth", "random", "connlimit" };

bool is_open(const struct asking *asking, enum field field)
{
	return field > FIELD_PHYSDEV_OUT || asking->packet->unknown & FIELD_BIT(field);
}

struct says says_set(struct packet_set set)
{
	return (struct says){ set_is_empty(set) ? NO : set_is_full(set) ? YES : CANNOT_TELL, set };
}

struct says says_not(const struct asking *asking, struct says a)
{
	if (a.answer != CANNOT_TELL)
		return says(a.answer == NO);
	return is_of_set(asking) ? says_set(set_not(asking->eval->sets, a.set)) : a;
}

struct says says_and(const struct asking *asking, struct says a, struct says b)
{
	if (a.answer == NO || b.answer == YES)
		return a;
	if (b.answer == NO || a.answer == YES)
		return b;
	return is_of_set(asking) ? says_set(set_and(asking->eval->sets, a.set, b.set)) : a;
}

struct says says_or(const struct asking *asking, struct says a, struct says b)
{
	if (a.answer == YES || b.answer == NO)
		return a;
	if (b.answer == YES || a.answer == NO)
		return b;
	return is_of_set(asking) ? says_set(set_or(asking->eval->sets, a.set, b.set)) : a;
}

struct says says_inverted(const struct asking *asking, struct says a, bool inverted)
{
	return inverted ? says_not(asking, a) : a;
}

/* ---- what cannot be told ---- */

static bool is_anew(const struct asking *asking)
{
	const struct match *match = asking->match;

	if (!match)
		return false;
	if (match->kind == MATCH_NFT_DO)
		return true;
	if (match->kind != MATCH_OPAQUE || !match->module)
		return false;
	for (size_t i = 0; i < N_OF(answers_anew); i++)
		if (strcmp(match->module, answers_anew[i]) == 0)
			return true;
	return false;
}

static struct says boolean(struct asking *asking, const char *words)
{
	struct sets *sets = asking->eval->sets;
	struct text all CLEANUP(text_done) = TEXT_INIT;

	text_add(&all, words);
	if (is_anew(asking) && asking->rule)
		text_addf(&all, " (rule %zu of %s, table %s)",
			(size_t)(asking->rule - asking->chain->rules) + 1, asking->chain->name,
			asking->table->name);
	return says_set(set_of_extra(sets, sets_add_extra(sets, all.data)));
}

struct says ask_unknown_of(struct asking *asking, const char *words)
{
	return is_of_set(asking) ? boolean(asking, words) : (struct says){ .answer = CANNOT_TELL };
}

struct says ask_unknown(struct asking *asking)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;
	struct match match;
	const struct rule rule = { .matches = &match, .n_matches = 1 };
	bool inverted;

	if (!is_of_set(asking))
		return (struct says){ .answer = CANNOT_TELL };
	match = *asking->match;
	inverted = match.inverted;
	match.inverted = false;
	match.is_continued = false;
	table_print_rule(&words, asking->table, &rule);
	return says_inverted(asking, boolean(asking, words.data), inverted);
}

/* ---- one field ---- */

static struct says in_set(struct asking *asking, enum field field, struct packet_set set)
{
	struct sets *sets = asking->eval->sets;

	return says_set(set_and(sets, set, set_of_present(sets, field)));
}

static bool is_whole_mask(const struct field_value *mask, unsigned width)
{
	for (unsigned place = 0; place < width; place++)
		if (!(mask->bytes[15 - place / 8] >> place % 8 & 1))
			return false;
	return true;
}

bool table_hides_tag(const struct table *table, const struct packet *packet)
{
	return packet->ethertype == ETHERTYPE_VLAN && !table_is_nft(table) &&
	       table->family < N_IP_FAMILIES;
}

/* The packet as rules of a table see it. */
static const struct packet *seen(const struct asking *asking, struct packet *untagged)
{
	const struct packet *packet = asking->packet;

	if (!table_hides_tag(asking->table, packet))
		return packet;
	*untagged = *packet;
	untagged->ethertype = 0;
	return untagged;
}

struct says ask_value(struct asking *asking, enum field field, const struct field_value *min,
	const struct field_value *max, const struct field_value *mask)
{
	enum family family = packet_family(asking->packet);
	struct sets *sets = asking->eval->sets;
	struct field_value value = { 0 };
	struct packet untagged;

	asking->decided |= FIELD_BIT(field);
	if (is_of_set(asking)) {
		if (mask && memcmp(min, max, sizeof(*min)) == 0)
			return in_set(asking, field, set_of_mask(sets, field, family, min, mask));
		if (mask && !is_whole_mask(mask, field_width(field, family)))
			return ask_unknown(asking);
		return in_set(asking, field, set_of_range(sets, field, family, min, max));
	}
	switch (packet_field(seen(asking, &untagged), field, &value)) {
	case FIELD_ABSENT:
		return says(false);
	case FIELD_UNKNOWN:
		return (struct says){ .answer = CANNOT_TELL };
	case FIELD_KNOWN:
		break;
	}
	for (size_t i = 0; mask && i < sizeof(value.bytes); i++)
		value.bytes[i] &= mask->bytes[i];
	return says(memcmp(value.bytes, min->bytes, sizeof(value.bytes)) >= 0 &&
		    memcmp(value.bytes, max->bytes, sizeof(value.bytes)) <= 0);
}

struct says ask_number(struct asking *asking, enum field field, uint64_t min, uint64_t max)
{
	const struct field_value low = field_value_of_number(min);
	const struct field_value high = field_value_of_number(max);

	return ask_value(asking, field, &low, &high, NULL);
}

struct says ask_bits(struct asking *asking, enum field field, uint64_t value, uint64_t mask)
{
	const struct field_value low = field_value_of_number(value);
	const struct field_value bits = field_value_of_number(mask);

	return ask_value(asking, field, &low, &low, &bits);
}

static const struct addr *addr_of(const struct packet *packet, enum field field)
{
	switch (field) {
	case FIELD_SRC:
		return &packet->src;
	case FIELD_DST:
		return &packet->dst;
	case FIELD_CT_ORIG_SRC:
		return &packet->ct_orig_src;
	case FIELD_CT_ORIG_DST:
		return &packet->ct_orig_dst;
	case FIELD_ARP_SPA:
		return &packet->arp_spa;
	default:
		return &packet->arp_tpa;
	}
}

struct says ask_prefix(struct asking *asking, enum field field, const struct prefix *prefix)
{
	asking->decided |= FIELD_BIT(field);
	if (is_of_set(asking))
		return says_set(set_of_prefix(asking->eval->sets, field, prefix));
	if (asking->packet->unknown & FIELD_BIT(field))
		return (struct says){ .answer = CANNOT_TELL };
	return says(prefix_contains(prefix, addr_of(asking->packet, field)));
}

struct says ask_addr_range(struct asking *asking, enum field field, const struct addr *min,
	const struct addr *max, const struct addr *mask)
{
	struct addr addr = *addr_of(asking->packet, field);

	asking->decided |= FIELD_BIT(field);
	if (is_of_set(asking)) {
		const struct field_value from = field_value_of_addr(min);
		const struct field_value to = field_value_of_addr(max);
		const struct field_value bits =
			mask ? field_value_of_addr(mask) : (struct field_value){ 0 };
		struct sets *sets = asking->eval->sets;

		return says_set(mask ? set_of_mask(sets, field, min->family, &from, &bits)
				     : set_of_range(sets, field, min->family, &from, &to));
	}
	if (asking->packet->unknown & FIELD_BIT(field))
		return (struct says){ .answer = CANNOT_TELL };
	if (addr.family != min->family)
		return says(false);
	for (size_t i = 0; mask && i < sizeof(addr.bytes); i++)
		addr.bytes[i] &= mask->bytes[i];
	return says(addr_compare(&addr, min) >= 0 && addr_compare(&addr, max) <= 0);
}

struct says ask_mac(struct asking *asking, enum field field, struct mac mac)
{
	const struct field_value value = field_value_of_mac(mac);

	return ask_value(asking, field, &value, &value, NULL);
}

/* Fields that say whether a packet has this one. */
static uint64_t kinds_of(enum field field)
{
	if (field >= FIELD_SPORT && field <= FIELD_ICMP_CODE)
		return FIELD_BIT(FIELD_ETHERTYPE) | FIELD_BIT(FIELD_PROTO) |
		       FIELD_BIT(FIELD_FRAGMENT);
	if (field == FIELD_VLAN_ID || (field >= FIELD_SRC && field <= FIELD_FRAGMENT) ||
		field >= FIELD_ARP_OP)
		return FIELD_BIT(FIELD_ETHERTYPE);
	return 0;
}

struct says ask_present(struct asking *asking, enum field field)
{
	struct packet untagged;

	asking->decided |= kinds_of(field);
	if (is_of_set(asking))
		return says_set(set_of_present(asking->eval->sets, field));
	if (asking->packet->unknown & kinds_of(field))
		return (struct says){ .answer = CANNOT_TELL };
	return says(packet_has_field(seen(asking, &untagged), field));
}

bool is_known(struct asking *asking, enum field field)
{
	asking->decided |= FIELD_BIT(field);
	return !is_of_set(asking) && !(asking->packet->unknown & FIELD_BIT(field));
}

const char *iface_name(const struct asking *asking, enum field field)
{
	const struct packet *packet = asking->packet;
	const char *name = field == FIELD_IN_IFACE     ? packet->in_iface
			   : field == FIELD_OUT_IFACE  ? packet->out_iface
			   : field == FIELD_PHYSDEV_IN ? packet->physdev_in
						       : packet->physdev_out;

	return name ? name : "";
}

struct says ask_iface(
	struct asking *asking, enum field field, const char *pattern, bool has_wildcard)
{
	asking->decided |= FIELD_BIT(field);
	if (!is_open(asking, field))
		return says(iface_matches(pattern, iface_name(asking, field), has_wildcard));
	if (is_of_set(asking))
		return says_set(has_wildcard ? set_of_pattern(asking->eval->sets, field, pattern)
					     : set_of_name(asking->eval->sets, field, pattern));
	return (struct says){ .answer = CANNOT_TELL };
}

struct says ask_ct_states(struct asking *asking, unsigned states)
{
	asking->decided |= FIELD_BIT(FIELD_CT_STATE);
	if (is_of_set(asking))
		return says_set(set_of_ct_states(asking->eval->sets, states));
	if (asking->packet->unknown & FIELD_BIT(FIELD_CT_STATE) || !asking->packet->ct_state)
		return (struct says){ .answer = CANNOT_TELL };
	return says(asking->packet->ct_state & states);
}

struct says ask_has_entry(struct asking *asking)
{
	return says_not(asking, ask_ct_states(asking, CT_INVALID | CT_UNTRACKED));
}

struct says ask_of_host(struct asking *asking, enum field field,
	struct says (*ask)(struct asking *asking, const void *data), const void *data)
{
	const struct eval_oracle *oracle = asking->eval->oracle;
	struct eval eval = *asking->eval;
	struct packet packet = *asking->packet;
	struct says all = says(false);
	struct asking one = *asking;
	struct packet_set set;

	if (!is_of_set(asking))
		return ask(asking, data);
	asking->decided |= FIELD_BIT(field);
	if (!oracle || !oracle->class_of)
		return ask_unknown(asking);
	eval.sets = NULL;
	one.eval = &eval;
	one.packet = &packet;
	for (size_t i = 0; oracle->class_of(
		     oracle->data, field, i, field == FIELD_SRC ? &packet.src : &packet.dst, &set);
		i++) {
		struct says says = ask(&one, data);

		if (says.answer == CANNOT_TELL)
			says = ask_unknown(asking);
		all = says_or(asking, all, says_and(asking, says_set(set), says));
	}
	return all;
}

static struct says is_whole(struct asking *asking)
{
	return says_not(asking, ask_number(asking, FIELD_FRAGMENT, 2, 2));
}

struct says ask_has_ports(struct asking *asking)
{
	const uint64_t fields = FIELD_BIT(FIELD_PROTO) | FIELD_BIT(FIELD_FRAGMENT);

	if (is_of_set(asking))
		return ask_present(asking, FIELD_DPORT);
	/* of a packet at IP hooks, whatever its frame is */
	asking->decided |= fields;
	if (asking->packet->unknown & fields)
		return (struct says){ .answer = CANNOT_TELL };
	return says(!asking->packet->is_later_fragment && proto_has_ports(asking->packet->proto));
}

struct says ask_proto(struct asking *asking, uint8_t proto)
{
	return says_and(asking, ask_number(asking, FIELD_PROTO, proto, proto), is_whole(asking));
}

/* ---- changes ---- */

/* Fields that targets write. */
static void set_number(struct packet *packet, enum field field, uint64_t number)
{
	switch (field) {
	case FIELD_MARK:
		packet->mark = (uint32_t)number;
		return;
	case FIELD_CT_MARK:
		packet->ct_mark = (uint32_t)number;
		return;
	case FIELD_TOS:
		packet->tos = (uint8_t)number;
		return;
	case FIELD_TTL:
		packet->ttl = (uint8_t)number;
		return;
	case FIELD_CT_STATE:
		packet->ct_state = (enum ct_state)number;
		return;
	case FIELD_CT_STATUS:
		packet->ct_status = (unsigned)number;
		return;
	case FIELD_CT_DIRECTION:
		packet->is_reply = number;
		return;
	case FIELD_CT_ORIG_SPORT:
		packet->ct_orig_sport = (uint16_t)number;
		return;
	case FIELD_CT_ORIG_DPORT:
		packet->ct_orig_dport = (uint16_t)number;
		return;
	default:
		abort();
	}
}

static void assign(const struct asking *asking, struct changing *to, enum field field,
	enum family family, const struct field_value *value)
{
	struct sets *sets = asking->eval->sets;

	to->set = set_assign(
		sets, to->set, FIELD_BIT(field), set_of_value(sets, field, family, value));
}

void change_number(
	const struct asking *asking, struct changing *to, enum field field, uint64_t number)
{
	const struct field_value value = field_value_of_number(number);

	if (is_of_set(asking)) {
		assign(asking, to, field, FAMILY_IPV4, &value);
		return;
	}
	set_number(&to->packet, field, number);
	to->packet.unknown &= ~FIELD_BIT(field);
}

void change_addr(
	const struct asking *asking, struct changing *to, enum field field, const struct addr *addr)
{
	const struct field_value value = field_value_of_addr(addr);

	if (is_of_set(asking)) {
		assign(asking, to, field, addr->family, &value);
		return;
	}
	*(field == FIELD_CT_ORIG_SRC ? &to->packet.ct_orig_src : &to->packet.ct_orig_dst) = *addr;
	to->packet.unknown &= ~FIELD_BIT(field);
}

void change_mac(const struct asking *asking, struct changing *to, enum field field, struct mac mac)
{
	const struct field_value value = field_value_of_mac(mac);

	if (is_of_set(asking)) {
		assign(asking, to, field, FAMILY_IPV4, &value);
		return;
	}
	*(field == FIELD_ETH_SRC	 ? &to->packet.eth_src
		: field == FIELD_ETH_DST ? &to->packet.eth_dst
					 : &to->packet.arp_sha) = mac;
	to->packet.unknown &= ~FIELD_BIT(field);
}

void change_bits(const struct asking *asking, struct changing *to, enum field field, uint64_t mask,
	uint64_t value)
{
	if (is_of_set(asking)) {
		to->set = set_change_bits(asking->eval->sets, to->set, field, mask, value);
		return;
	}
	if (mask == ((uint64_t)1 << field_width(field, FAMILY_IPV4)) - 1)
		to->packet.unknown &= ~FIELD_BIT(field);
	set_number(&to->packet, field, (packet_number(&to->packet, field) & ~mask) ^ value);
}

void change_copy(const struct asking *asking, struct changing *to, enum field field,
	uint64_t to_mask, enum field from, uint64_t from_mask)
{
	if (is_of_set(asking))
		to->set =
			set_copy_bits(asking->eval->sets, to->set, field, to_mask, from, from_mask);
	else if (to->packet.unknown & FIELD_BIT(from))
		to->packet.unknown |= FIELD_BIT(field);
	else
		change_bits(
			asking, to, field, to_mask, packet_number(&to->packet, from) & from_mask);
}

void change_unknown(const struct asking *asking, struct changing *to, uint64_t fields)
{
	if (is_of_set(asking))
		to->set = set_forget(asking->eval->sets, to->set, fields);
	else
		to->packet.unknown |= fields;
}
