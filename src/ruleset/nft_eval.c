// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a key of nft has for a packet, and whether that is among values. A header that is not there
 * ends a rule as "no", inverted or not: the kernel breaks off before it compares.
 */
#include "ruleset/nft_eval.h"

#include <string.h>

#define MAX_KEYS 8

/* The value of one key. */
struct known {
	enum { HAS_NOT, HAS_NUMBER, HAS_NAME, HAS_UNKNOWN } kind;
	struct field_value number;
	const char *name;
};

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

static struct known name_of(
	const struct table *table, const struct nft_key *key, const struct packet *packet)
{
	bool is_in = key->kind == NFT_KEY_IN_IFACE, is_bridge = table->family == FAMILY_BRIDGE;
	enum field field = is_in ? (is_bridge ? FIELD_PHYSDEV_IN : FIELD_IN_IFACE)
				 : (is_bridge ? FIELD_PHYSDEV_OUT : FIELD_OUT_IFACE);
	const char *name = is_bridge ? (is_in ? packet->physdev_in : packet->physdev_out)
				     : (is_in ? packet->in_iface : packet->out_iface);

	if (packet->unknown & FIELD_BIT(field))
		return (struct known){ .kind = HAS_UNKNOWN };
	return (struct known){ .kind = HAS_NAME, .name = name ? name : "" };
}

/* Bits [shift, shift + width) of a number, moved to its end. */
static struct field_value part_of(struct field_value value, unsigned shift, unsigned width)
{
	uint64_t number = 0;

	for (int i = 8; i < 16; i++)
		number = number << 8 | value.bytes[i];
	return field_value_of_number(number >> shift & (((uint64_t)1 << width) - 1));
}

static struct known known_of(
	const struct table *table, const struct nft_key *key, const struct packet *packet)
{
	struct known known = { .kind = HAS_NUMBER };
	struct field_value proto;

	if (!has_headers(key, packet))
		return (struct known){ .kind = HAS_NOT };
	if (key->kind == NFT_KEY_IN_IFACE || key->kind == NFT_KEY_OUT_IFACE)
		return name_of(table, key, packet);
	if (packet->ethertype == ETHERTYPE_VLAN && !strcmp(key->words, "meta protocol")) {
		known.number = field_value_of_number(inner_ethertype(packet));
		return known;
	}
	/* nft asks "meta protocol" or, of a tagged frame in vain, "ether type", and lists neither */
	if (packet->ethertype == ETHERTYPE_VLAN &&
		(key->needs & (NFT_NEED_IPV4 | NFT_NEED_IPV6) || key->proto ||
			(key->kind == NFT_KEY_FIELD && key->field >= FIELD_SRC &&
				key->field <= FIELD_ICMP_CODE)))
		return (struct known){ .kind = HAS_UNKNOWN };
	/* "th" reads at the place of ports whatever is there; without a known state there may be no
	 * conntrack entry to ask */
	if (key->kind == NFT_KEY_UNKNOWN || (key->needs & NFT_NEED_CT && !packet->ct_state) ||
		((key->field == FIELD_SPORT || key->field == FIELD_DPORT) && !key->proto &&
			!packet->is_later_fragment && !proto_has_ports(packet->proto)))
		return (struct known){ .kind = HAS_UNKNOWN };
	if (key->kind == NFT_KEY_NFPROTO) {
		enum family family = ip_family_of(packet);

		if (family == FAMILY_ARP || table->family == FAMILY_BRIDGE ||
			table->family == FAMILY_NETDEV)
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
	/* of a later fragment it reads what is in the place of the header: see fragment_is_misread */
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

static enum answer element_has(
	const struct nft_element *element, const struct known *known, size_t n)
{
	enum answer answer = YES;

	if (element->n_keys == 1 && element->keys[0].is_any)
		return YES;
	for (size_t i = 0; i < n && i < element->n_keys; i++) {
		if (known[i].kind == HAS_UNKNOWN)
			answer = CANNOT_TELL;
		else if (!is_in(&element->keys[i], &known[i]))
			return NO;
	}
	return answer;
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
static enum answer found(const struct nft_element *element, const struct nft_element **ret)
{
	const char *extra = element->extra;

	if (extra &&
		(strstr(extra, "limit ") || strstr(extra, "quota ") || strstr(extra, "ct count ")))
		return CANNOT_TELL;
	*ret = element;
	return YES;
}

/* Elements that time out, or that packets add, may have changed since. */
static enum answer set_find(
	const struct set *set, const struct known *known, size_t n, const struct nft_element **ret)
{
	const struct nft_element *catch_all = NULL;
	enum answer answer = NO;

	if (!set || set->opaque || set->n_types != n || set->is_dynamic || set->has_timeout)
		return CANNOT_TELL;
	if (set->sorted && known[0].kind == HAS_NUMBER) {
		const struct nft_element *element = find_sorted(set, known);

		return element ? found(element, ret) : NO;
	}
	for (size_t i = 0; i < set->n_nft_elements; i++) {
		const struct nft_element *element = &set->nft_elements[i];
		enum answer one = element_has(element, known, n);

		if (element->n_keys == 1 && element->keys[0].is_any) {
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
	if (answer == NO && catch_all) {
		return found(catch_all, ret);
	}
	return answer;
}

/* All keys; NO: one is not there. */
static enum answer know_keys(const struct table *table, const struct nft_keys *keys,
	const struct packet *packet, struct known *ret)
{
	enum answer answer = keys->n <= MAX_KEYS ? YES : CANNOT_TELL;

	for (size_t i = 0; i < keys->n && i < MAX_KEYS; i++) {
		ret[i] = known_of(table, keys->items[i], packet);
		if (ret[i].kind == HAS_NOT)
			return NO;
		if (ret[i].kind == HAS_UNKNOWN && answer == YES)
			answer = CANNOT_TELL;
	}
	return answer;
}

static enum answer inverted(enum answer answer, bool is_inverted)
{
	if (!is_inverted || answer == CANNOT_TELL)
		return answer;
	return answer == YES ? NO : YES;
}

static enum answer compare(const struct nft_match *match, const struct known *known)
{
	struct field_value number = known->number;
	int order;

	for (int i = 0; match->has_mask && i < 16; i++)
		number.bytes[i] &= match->mask.bytes[i];
	if (match->op == NFT_BITS) {
		for (size_t v = 0; v < match->n_values; v++)
			for (int i = 0; i < 16; i++)
				if (number.bytes[i] & match->values[v].min.bytes[i])
					return YES;
		return NO;
	}
	order = memcmp(number.bytes, match->values[0].min.bytes, 16);
	switch (match->op) {
	case NFT_LT:
		return order < 0 ? YES : NO;
	case NFT_LE:
		return order <= 0 ? YES : NO;
	case NFT_GT:
		return order > 0 ? YES : NO;
	case NFT_GE:
		return order >= 0 ? YES : NO;
	default:
		break;
	}
	if (match->has_mask)
		return inverted(order == 0 ? YES : NO, match->op == NFT_NE);
	return inverted(is_in(&match->values[0], known) ? YES : NO, match->op == NFT_NE);
}

static enum answer field_eval(
	const struct table *table, const struct nft_match *match, const struct packet *packet)
{
	struct known known[MAX_KEYS] = { 0 };
	const struct nft_element *element;
	struct nft_element one = { .keys = match->values, .n_keys = match->n_values };
	enum answer answer = know_keys(table, &match->keys, packet, known);

	if (answer == NO || match->keys.n > MAX_KEYS)
		return answer;
	if (match->set || match->set_name) {
		const struct set *set = match->set ? match->set : table_set(table, match->set_name);

		return inverted(set_find(set, known, match->keys.n, &element), match->op == NFT_NE);
	}
	if (match->keys.n > 1)
		return inverted(element_has(&one, known, match->keys.n), match->op == NFT_NE);
	return answer == CANNOT_TELL ? CANNOT_TELL : compare(match, &known[0]);
}

enum answer nft_match_eval(
	const struct table *table, const struct match *match, const struct packet *packet)
{
	if (match->kind == MATCH_NFT_FIELD)
		return field_eval(table, match->nft, packet);
	return match->kind == MATCH_NFT_DO && match->statement->kind != STATEMENT_LIMIT
		       ? YES
		       : CANNOT_TELL;
}

enum answer nft_lookup_eval(const struct table *table, const struct nft_lookup *lookup,
	const struct packet *packet, const struct nft_element **ret)
{
	struct known known[MAX_KEYS] = { 0 };
	const struct set *set = lookup->set ? lookup->set : table_set(table, lookup->set_name);
	const struct nft_element *element = NULL;
	enum answer answer = know_keys(table, &lookup->keys, packet, known);

	if (answer == NO || lookup->keys.n > MAX_KEYS)
		return answer;
	answer = set_find(set, known, lookup->keys.n, &element);
	if (answer == YES)
		*ret = element;
	return answer;
}

uint64_t nft_keys_fields(const struct nft_keys *keys)
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
