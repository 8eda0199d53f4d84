// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a key of nft has for a packet, and whether that is among values. A header that is not there
 * ends a rule as "no", inverted or not: the kernel breaks off before it compares.
 */
#include "ruleset/nft_eval.h"

#include <string.h>

#include "ruleset/eval_internal.h"
#include "ruleset/nft.h"

#define MAX_KEYS 8
#define MAX_PART 4096 /* values of a part of a field */

/* The value of one key. */
struct known {
	enum { HAS_NOT, HAS_NUMBER, HAS_NAME, HAS_UNKNOWN, HAS_MANY } kind;
	struct field_value number;
	const char *name;
	struct says is_there; /* HAS_MANY, of a set: those that have the key at all */
};

/* What the table's interface of a key is, and how it is asked. */
static enum field name_field(const struct asking *asking, const struct nft_key *key)
{
	bool is_in = key->kind == NFT_KEY_IN_IFACE;

	if (asking->table->family == FAMILY_BRIDGE)
		return is_in ? FIELD_PHYSDEV_IN : FIELD_PHYSDEV_OUT;
	return is_in ? FIELD_IN_IFACE : FIELD_OUT_IFACE;
}

/* Of a tagged frame: what the tag is in front of. */
static uint16_t inner_ethertype(const struct packet *packet)
{
	if (packet->ethertype != ETHERTYPE_VLAN)
		return packet->ethertype;
	if (packet->arp_op)
		return ETHERTYPE_ARP;
	return packet->src.family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
}

static enum family ip_family_of(const struct packet *packet)
{
	uint16_t ethertype = inner_ethertype(packet);

	if (ethertype == ETHERTYPE_IPV6)
		return FAMILY_IPV6;
	if (ethertype == ETHERTYPE_IPV4)
		return FAMILY_IPV4;
	return ethertype ? FAMILY_ARP : packet->src.family;
}

static bool has_headers(const struct nft_key *key, const struct packet *packet)
{
	enum family family = ip_family_of(packet);
	bool is_tracked = packet->ct_state != CT_UNTRACKED && packet->ct_state != CT_INVALID;

	return !((key->needs & NFT_NEED_IPV4 && family != FAMILY_IPV4) ||
		 (key->needs & NFT_NEED_IPV6 && family != FAMILY_IPV6) ||
		 (key->needs & NFT_NEED_ARP && packet->ethertype != ETHERTYPE_ARP) ||
		 (key->needs & NFT_NEED_CT && !is_tracked));
}

/* Bits [shift, shift + width) of a number, moved to its end. */
static struct field_value part_of(struct field_value value, unsigned shift, unsigned width)
{
	uint64_t number = 0;

	for (int i = 8; i < 16; i++)
		number = number << 8 | value.bytes[i];
	return field_value_of_number(number >> shift & (((uint64_t)1 << width) - 1));
}

/* nft asks "meta protocol" or, of a tagged frame in vain, "ether type", and lists neither. */
static bool is_behind_tag(const struct nft_key *key)
{
	return key->needs & (NFT_NEED_IPV4 | NFT_NEED_IPV6) || key->proto ||
	       (key->kind == NFT_KEY_FIELD && key->field >= FIELD_SRC &&
		       key->field <= FIELD_ICMP_CODE);
}

static bool is_of_ports(const struct nft_key *key)
{
	return key->field == FIELD_SPORT || key->field == FIELD_DPORT;
}

static bool is_name(const struct nft_key *key)
{
	return key->kind == NFT_KEY_IN_IFACE || key->kind == NFT_KEY_OUT_IFACE;
}

static struct known known_of(const struct asking *asking, const struct nft_key *key)
{
	const struct packet *packet = asking->packet;
	struct known known = { .kind = HAS_NUMBER };
	struct field_value proto;

	if (!has_headers(key, packet))
		return (struct known){ .kind = HAS_NOT };
	if (packet->ethertype == ETHERTYPE_VLAN && !strcmp(key->words, "meta protocol")) {
		known.number = field_value_of_number(inner_ethertype(packet));
		return known;
	}
	if (packet->ethertype == ETHERTYPE_VLAN && is_behind_tag(key))
		return (struct known){ .kind = HAS_UNKNOWN };
	/* "th" reads at the place of ports whatever is there; without a known state there may be no
	 * conntrack entry to ask */
	if (key->kind == NFT_KEY_UNKNOWN || (key->needs & NFT_NEED_CT && !packet->ct_state) ||
		(is_of_ports(key) && !key->proto && !packet->is_later_fragment &&
			!proto_has_ports(packet->proto)))
		return (struct known){ .kind = HAS_UNKNOWN };
	if (key->kind == NFT_KEY_NFPROTO) {
		enum family family = ip_family_of(packet);

		if (family == FAMILY_ARP || asking->table->family == FAMILY_BRIDGE ||
			asking->table->family == FAMILY_NETDEV)
			return (struct known){ .kind = HAS_UNKNOWN };
		known.number = field_value_of_number(family == FAMILY_IPV6 ? 10 : 2);
		return known;
	}
	if (key->proto) {
		switch (packet_field(packet, FIELD_PROTO, &proto)) {
		case FIELD_ABSENT:
			return (struct known){ .kind = HAS_NOT };
		case FIELD_UNKNOWN:
			return (struct known){ .kind = HAS_UNKNOWN };
		case FIELD_KNOWN:
			if (proto.bytes[15] != key->proto)
				return (struct known){ .kind = HAS_NOT };
		}
	}
	/* of a later fragment it reads what is in the place of the header: see ask_misread */
	if (packet->is_later_fragment && key->proto &&
		(!packet->ct_state || packet->ct_state == CT_INVALID))
		return (struct known){ .kind = HAS_UNKNOWN };
	switch (packet_field(packet, key->field, &known.number)) {
	case FIELD_ABSENT:
		return (struct known){ .kind = HAS_NOT };
	case FIELD_UNKNOWN:
		return (struct known){ .kind = HAS_UNKNOWN };
	case FIELD_KNOWN:
		break;
	}
	if (key->width)
		known.number = part_of(known.number, key->shift, key->width);
	return known;
}

/* Of a set: frames of this family, untagged. IP hooks say no ethertype. */
static struct says of_family(struct asking *asking, enum family family, uint16_t ethertype)
{
	struct sets *sets = asking->eval->sets;
	struct packet_set frames = set_or(sets, set_of_number(sets, FIELD_ETHERTYPE, ethertype),
		set_of_number(sets, FIELD_ETHERTYPE, 0));

	return says_set(set_and(sets, frames, set_of_family(sets, family)));
}

/* Later fragments of which the key is read all the same. */
static struct says misread_key(struct asking *asking, const struct nft_key *key)
{
	return key->proto ? ask_misread(asking) : says(false);
}

/* Those of a set that have the key. */
static struct known known_of_set(struct asking *asking, const struct nft_key *key)
{
	struct known known = { .kind = HAS_MANY, .is_there = says(true) };
	struct says *is = &known.is_there, tagged;

	if (key->needs & NFT_NEED_IPV4)
		*is = of_family(asking, FAMILY_IPV4, ETHERTYPE_IPV4);
	if (key->needs & NFT_NEED_IPV6)
		*is = says_and(asking, *is, of_family(asking, FAMILY_IPV6, ETHERTYPE_IPV6));
	if (key->needs & NFT_NEED_ARP)
		*is = ask_number(asking, FIELD_ETHERTYPE, ETHERTYPE_ARP, ETHERTYPE_ARP);
	if (key->needs & NFT_NEED_CT)
		*is = says_and(asking, *is, ask_has_entry(asking));
	if (key->proto)
		*is = says_and(
			asking, *is, ask_number(asking, FIELD_PROTO, key->proto, key->proto));
	if (key->kind == NFT_KEY_FIELD)
		*is = says_and(asking, *is,
			is_of_ports(key) && !key->proto
				? says_not(asking, ask_number(asking, FIELD_FRAGMENT, 2, 2))
				: says_or(asking, ask_present(asking, key->field),
					  misread_key(asking, key)));
	/* what is behind a tag is not among the fields of a frame */
	if (is_behind_tag(key) && asking->table->family > FAMILY_IPV6 &&
		asking->table->family != FAMILY_INET) {
		tagged = ask_number(asking, FIELD_ETHERTYPE, ETHERTYPE_VLAN, ETHERTYPE_VLAN);
		*is = says_or(asking, *is,
			says_and(asking, tagged,
				ask_unknown_of(asking, "what is behind a VLAN tag")));
	}
	if (is->answer == NO)
		known.kind = HAS_NOT;
	return known;
}

static bool is_in(const struct nft_value *value, const struct known *known)
{
	if (value->is_any)
		return true;
	if (known->kind == HAS_NAME)
		return value->name &&
		       (value->is_open ? strncmp(value->name, known->name, strlen(value->name)) == 0
				       : strcmp(value->name, known->name) == 0);
	return !value->name && memcmp(known->number.bytes, value->min.bytes, 16) >= 0 &&
	       memcmp(known->number.bytes, value->max.bytes, 16) <= 0;
}

/* What cannot be told of a key, in words. */
static struct says unknown_value(
	struct asking *asking, const struct nft_key *key, const struct nft_value *value)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;

	if (!is_of_set(asking))
		return (struct says){ .answer = CANNOT_TELL };
	text_addf(&words, "%s ", key->words);
	nft_value_print(&words, key->type, value);
	return ask_unknown_of(asking, words.data);
}

/* A part of a field, of a set: value by value. */
static struct says part_in(
	struct asking *asking, const struct nft_key *key, const struct nft_value *value)
{
	uint64_t mask = ((uint64_t)1 << key->width) - 1, first = field_value_number(&value->min);
	uint64_t last = field_value_number(&value->max);
	struct says all = says(false);

	if (first > mask)
		return all;
	if (last > mask)
		last = mask;
	if (last - first > MAX_PART)
		return unknown_value(asking, key, value);
	for (uint64_t v = first; v <= last && all.answer != YES; v++)
		all = says_or(asking, all,
			ask_bits(asking, key->field, v << key->shift, mask << key->shift));
	return all;
}

/* Of a set: is the key within the value? Whether it is there at all is asked elsewhere. */
static struct says many_in(
	struct asking *asking, const struct nft_key *key, const struct nft_value *value)
{
	struct says blind, in;

	if (is_name(key)) {
		const char *name = value->name;

		if (!name)
			return says(false);
		if (value->is_open)
			name = arena_printf(asking->eval->arena, "%s+", name);
		return ask_iface(asking, name_field(asking, key), name, value->is_open);
	}
	if (value->name)
		return says(false);
	if (key->kind == NFT_KEY_NFPROTO && asking->table->family != FAMILY_BRIDGE &&
		asking->table->family != FAMILY_NETDEV) {
		unsigned number = packet_family(asking->packet) == FAMILY_IPV6 ? 10 : 2;

		return says(field_value_number(&value->min) <= number &&
			    field_value_number(&value->max) >= number);
	}
	if (key->kind != NFT_KEY_FIELD)
		return unknown_value(asking, key, value);
	/* "th" reads at the place of ports whatever is there */
	blind = is_of_ports(key) && !key->proto ? says_not(asking, ask_has_ports(asking))
						: misread_key(asking, key);
	in = key->width ? part_in(asking, key, value)
			: ask_value(asking, key->field, &value->min, &value->max, NULL);
	if (blind.answer == NO)
		return in;
	return says_or(asking, says_and(asking, says_not(asking, blind), in),
		says_and(asking, blind, unknown_value(asking, key, value)));
}

static struct says key_in(struct asking *asking, const struct nft_key *key,
	const struct known *known, const struct nft_value *value)
{
	if (value->is_any)
		return says(true);
	if (known->kind == HAS_MANY)
		return many_in(asking, key, value);
	if (known->kind == HAS_UNKNOWN)
		return unknown_value(asking, key, value);
	return says(is_in(value, known));
}

static struct says element_has(struct asking *asking, const struct nft_keys *keys,
	const struct nft_element *element, const struct known *known)
{
	struct says all = says(true);

	if (element->n_keys == 1 && element->keys[0].is_any)
		return all;
	for (size_t i = 0; i < keys->n && i < element->n_keys && all.answer != NO; i++)
		all = says_and(
			asking, all, key_in(asking, keys->items[i], &known[i], &element->keys[i]));
	return all;
}

static const struct nft_element *find_sorted(const struct set *set, const struct known *known)
{
	size_t low = 0, high = set->n_nft_elements;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct nft_value *value = &set->sorted[middle]->keys[0];

		if (is_in(value, known))
			return set->sorted[middle];
		if (memcmp(value->min.bytes, known->number.bytes, 16) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* An element may have a limit of its own. */
static bool has_limit(const struct nft_element *element)
{
	const char *extra = element->extra;

	return extra &&
	       (strstr(extra, "limit ") || strstr(extra, "quota ") || strstr(extra, "ct count "));
}

static enum answer found(const struct nft_element *element, const struct nft_element **ret)
{
	if (has_limit(element))
		return CANNOT_TELL;
	*ret = element;
	return YES;
}

/* Elements that time out, or that packets add, may have changed since. */
static bool set_is_known(const struct set *set, size_t n)
{
	return set && !set->opaque && set->n_types == n && !set->is_dynamic && !set->has_timeout;
}

static bool is_catch_all(const struct nft_element *element)
{
	return element->n_keys == 1 && element->keys[0].is_any;
}

static enum answer set_find(struct asking *asking, const struct nft_keys *keys,
	const struct set *set, const struct known *known, const struct nft_element **ret)
{
	const struct nft_element *catch_all = NULL;
	enum answer answer = NO;

	if (!set_is_known(set, keys->n))
		return CANNOT_TELL;
	if (set->sorted && known[0].kind == HAS_NUMBER) {
		const struct nft_element *element = find_sorted(set, known);

		return element ? found(element, ret) : NO;
	}
	for (size_t i = 0; i < set->n_nft_elements; i++) {
		const struct nft_element *element = &set->nft_elements[i];
		enum answer one = element_has(asking, keys, element, known).answer;

		if (is_catch_all(element)) {
			catch_all = element;
			continue;
		}
		if (one == YES) {
			/* what else an unknown value might find decides otherwise in a map only */
			return answer == CANNOT_TELL && set->is_map ? CANNOT_TELL
								    : found(element, ret);
		}
		if (one == CANNOT_TELL)
			answer = CANNOT_TELL;
	}
	if (answer == NO && catch_all)
		return found(catch_all, ret);
	return answer;
}

/* Of a set of packets: those that an element takes. */
struct of_elements {
	struct asking *asking;
	const struct nft_keys *keys;
	const struct set *set;
	const struct known *known;
};

static struct says element_takes(const struct of_elements *of, size_t i)
{
	const struct nft_element *element = &of->set->nft_elements[i];
	struct says one = element_has(of->asking, of->keys, element, of->known);

	if (has_limit(element))
		one = says_and(of->asking, one, ask_unknown_of(of->asking, "an element's limit"));
	return one;
}

static struct packet_set of_element(void *data, size_t i)
{
	return element_takes(data, i).set;
}

static struct says set_has(struct asking *asking, const struct nft_keys *keys,
	const struct set *set, const struct known *known)
{
	const struct nft_element *element;

	if (!is_of_set(asking))
		return (struct says){ .answer = set_find(asking, keys, set, known, &element) };
	if (!set_is_known(set, keys->n))
		return ask_unknown_of(
			asking, arena_printf(asking->eval->arena, "in set %s",
					set && set->name ? set->name : "that is not known"));
	return says_set(set_or_all(asking->eval->sets, set->n_nft_elements, of_element,
		&(struct of_elements){ asking, keys, set, known }));
}

/* Which fields a key asks for, as bits. */
static uint64_t nft_keys_fields(const struct nft_keys *keys)
{
	uint64_t fields = 0;

	for (size_t i = 0; i < keys->n; i++) {
		const struct nft_key *key = keys->items[i];

		if (key->kind == NFT_KEY_FIELD)
			fields |= FIELD_BIT(key->field);
		if (key->kind == NFT_KEY_IN_IFACE)
			fields |= FIELD_BIT(FIELD_IN_IFACE) | FIELD_BIT(FIELD_PHYSDEV_IN);
		if (key->kind == NFT_KEY_OUT_IFACE)
			fields |= FIELD_BIT(FIELD_OUT_IFACE) | FIELD_BIT(FIELD_PHYSDEV_OUT);
		if (key->proto)
			fields |= FIELD_BIT(FIELD_PROTO);
		if (key->needs & NFT_NEED_CT)
			fields |= FIELD_BIT(FIELD_CT_STATE);
		if (key->needs & (NFT_NEED_IPV4 | NFT_NEED_IPV6 | NFT_NEED_ARP))
			fields |= FIELD_BIT(FIELD_ETHERTYPE);
	}
	return fields;
}

/* All keys; NO: one is not there. Of a set: those that have all of them. */
static struct says know_keys(struct asking *asking, const struct nft_keys *keys, struct known *ret)
{
	struct says all = says(true);

	if (!is_of_set(asking))
		asking->decided |= nft_keys_fields(keys);
	if (keys->n > MAX_KEYS)
		return ask_unknown_of(asking, "a key of too many parts");
	for (size_t i = 0; i < keys->n && all.answer != NO; i++) {
		const struct nft_key *key = keys->items[i];

		if (is_name(key)) {
			enum field field = name_field(asking, key);

			if (is_open(asking, field))
				ret[i].kind = is_of_set(asking) ? HAS_MANY : HAS_UNKNOWN;
			else
				ret[i] = (struct known){ .kind = HAS_NAME,
					.name = iface_name(asking, field) };
			ret[i].is_there = says(true);
		} else {
			ret[i] = is_of_set(asking) ? known_of_set(asking, key)
						   : known_of(asking, key);
		}
		if (ret[i].kind == HAS_NOT)
			return says(false);
		if (ret[i].kind == HAS_MANY)
			all = says_and(asking, all, ret[i].is_there);
		else if (ret[i].kind == HAS_UNKNOWN)
			all.answer = CANNOT_TELL;
	}
	return all;
}

/* The number before or behind; false: there is none. */
static bool value_step(struct field_value *value, bool is_up)
{
	uint8_t over = is_up ? 0xff : 0;

	for (int i = 15; i >= 0; i--) {
		bool goes_on = value->bytes[i] == over;

		value->bytes[i] = (uint8_t)(value->bytes[i] + (is_up ? 1 : -1));
		if (!goes_on)
			return true;
	}
	return false;
}

/* Of a set: as compare, with the mask laid on the part of the field that the key is. */
static struct says compare_set(
	struct asking *asking, const struct nft_match *match, const struct known *known)
{
	const struct nft_key *key = match->keys.items[0];
	struct nft_value value = match->values[0];
	uint64_t number = field_value_number(&value.min), mask = field_value_number(&match->mask);
	uint64_t whole = key->width ? ((uint64_t)1 << key->width) - 1 : UINT64_MAX;
	struct says in = says(false);

	if (match->op == NFT_BITS || match->has_mask) {
		if (key->kind != NFT_KEY_FIELD || (is_of_ports(key) && !key->proto) ||
			misread_key(asking, key).answer != NO)
			return ask_unknown(asking);
		if (match->op == NFT_BITS) {
			for (size_t v = 0; v < match->n_values; v++) {
				uint64_t bits = field_value_number(&match->values[v].min) & whole;

				if (match->has_mask)
					bits &= mask;
				in = says_or(asking, in,
					says_not(asking, ask_bits(asking, key->field, 0,
								 bits << key->shift)));
			}
			return in;
		}
		if (match->op != NFT_EQ && match->op != NFT_NE)
			return ask_unknown(asking);
		if (key->width) {
			in = number & ~(mask & whole)
				     ? says(false)
				     : ask_bits(asking, key->field, number << key->shift,
					       (mask & whole) << key->shift);
		} else {
			in = ask_value(asking, key->field, &value.min, &value.min, &match->mask);
		}
		return says_inverted(asking, in, match->op == NFT_NE);
	}
	switch (match->op) {
	case NFT_LT:
	case NFT_LE:
		value.max = value.min;
		if (match->op == NFT_LT && !value_step(&value.max, false))
			return in;
		value.min = (struct field_value){ 0 };
		return key_in(asking, key, known, &value);
	case NFT_GT:
	case NFT_GE:
		if (match->op == NFT_GT && !value_step(&value.min, true))
			return in;
		memset(&value.max, 0xff, sizeof(value.max));
		return key_in(asking, key, known, &value);
	default:
		return says_inverted(
			asking, key_in(asking, key, known, &value), match->op == NFT_NE);
	}
}

static struct says compare(
	struct asking *asking, const struct nft_match *match, const struct known *known)
{
	struct field_value number = known->number;
	int order;

	if (known->kind == HAS_UNKNOWN)
		return ask_unknown(asking);
	if (known->kind == HAS_MANY)
		return compare_set(asking, match, known);
	for (int i = 0; match->has_mask && i < 16; i++)
		number.bytes[i] &= match->mask.bytes[i];
	if (match->op == NFT_BITS) {
		for (size_t v = 0; v < match->n_values; v++)
			for (int i = 0; i < 16; i++)
				if (number.bytes[i] & match->values[v].min.bytes[i])
					return says(true);
		return says(false);
	}
	order = memcmp(number.bytes, match->values[0].min.bytes, 16);
	switch (match->op) {
	case NFT_LT:
		return says(order < 0);
	case NFT_LE:
		return says(order <= 0);
	case NFT_GT:
		return says(order > 0);
	case NFT_GE:
		return says(order >= 0);
	default:
		break;
	}
	if (match->has_mask)
		return says((order == 0) == (match->op != NFT_NE));
	return says(is_in(&match->values[0], known) == (match->op != NFT_NE));
}

static struct says field_eval(struct asking *asking, const struct nft_match *match)
{
	struct known known[MAX_KEYS] = { 0 };
	struct nft_element one = { .keys = match->values, .n_keys = match->n_values };
	struct says has = know_keys(asking, &match->keys, known), is_it;

	if (has.answer == NO || match->keys.n > MAX_KEYS)
		return has;
	if (match->set || match->set_name) {
		const struct set *set =
			match->set ? match->set : table_set(asking->table, match->set_name);

		is_it = says_inverted(
			asking, set_has(asking, &match->keys, set, known), match->op == NFT_NE);
	} else if (match->keys.n > 1) {
		is_it = says_inverted(asking, element_has(asking, &match->keys, &one, known),
			match->op == NFT_NE);
	} else {
		is_it = compare(asking, match, &known[0]);
	}
	return is_of_set(asking) ? says_and(asking, has, is_it) : is_it;
}

struct says nft_match_eval(struct asking *asking, const struct match *match)
{
	if (match->kind == MATCH_NFT_FIELD)
		return field_eval(asking, match->nft);
	if (match->kind == MATCH_NFT_DO && match->statement->kind != STATEMENT_LIMIT)
		return says(true);
	return ask_unknown(asking);
}

static const struct set *set_of_lookup(const struct asking *asking, const struct nft_lookup *lookup)
{
	return lookup->set ? lookup->set : table_set(asking->table, lookup->set_name);
}

enum answer nft_lookup_eval(
	struct asking *asking, const struct nft_lookup *lookup, const struct nft_element **ret)
{
	struct known known[MAX_KEYS] = { 0 };
	const struct nft_element *element = NULL;
	enum answer answer = know_keys(asking, &lookup->keys, known).answer;

	if (answer == NO || lookup->keys.n > MAX_KEYS)
		return answer;
	if (is_of_set(asking))
		return CANNOT_TELL; /* nft_lookup_part tells what can be told */
	answer = set_find(asking, &lookup->keys, set_of_lookup(asking, lookup), known, &element);
	if (answer == YES)
		*ret = element;
	return answer;
}

bool nft_lookup_is_known(const struct asking *asking, const struct nft_lookup *lookup)
{
	return lookup->keys.n <= MAX_KEYS &&
	       set_is_known(set_of_lookup(asking, lookup), lookup->keys.n);
}

bool nft_lookup_part(struct asking *asking, const struct nft_lookup *lookup, size_t i,
	struct says *ret, const struct nft_element **ret_element)
{
	const struct set *set = set_of_lookup(asking, lookup);
	struct known known[MAX_KEYS] = { 0 };
	size_t catch_all = SIZE_MAX;

	for (size_t e = 0; e < set->n_nft_elements; e++)
		if (is_catch_all(&set->nft_elements[e]))
			catch_all = e;
	if (i >= set->n_nft_elements)
		return false;
	/* the one for all else is the last */
	if (catch_all != SIZE_MAX && i >= catch_all)
		i = i + 1 < set->n_nft_elements ? i + 1 : catch_all;
	*ret = know_keys(asking, &lookup->keys, known);
	if (ret->answer != NO)
		*ret = says_and(asking, *ret,
			element_takes(
				&(struct of_elements){ asking, &lookup->keys, set, known }, i));
	*ret_element = &set->nft_elements[i];
	return true;
}
