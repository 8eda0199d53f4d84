// SPDX-License-Identifier: GPL-2.0-or-later
/* Matches, as the kernel's extensions answer them. Each says which fields it looked at. */
#include <stdlib.h>
#include <string.h>

#include "ruleset/ebtables.h"
#include "ruleset/eval_internal.h"

enum family packet_family(const struct packet *packet)
{
	return packet->ethertype == ETHERTYPE_IPV6 || packet->src.family == FAMILY_IPV6
		       ? FAMILY_IPV6
		       : FAMILY_IPV4;
}

/* No interface is the empty name, for xt_tables as for nft's iifname. */
bool iface_matches(const char *pattern, const char *iface, bool has_wildcard)
{
	if (!iface)
		iface = "";
	for (;; pattern++, iface++) {
		if (has_wildcard && pattern[0] == '+' && !pattern[1])
			return true;
		if (*pattern != *iface)
			return false;
		if (!*pattern)
			return true;
	}
}

enum field iface_field(const struct asking *asking, bool is_out)
{
	bool is_port =
		asking->table->family == FAMILY_BRIDGE || asking->table->family == FAMILY_NETDEV;

	if (is_port)
		return is_out ? FIELD_PHYSDEV_OUT : FIELD_PHYSDEV_IN;
	return is_out ? FIELD_OUT_IFACE : FIELD_IN_IFACE;
}

static struct says iface_match(struct asking *asking, const struct match *match)
{
	enum field field = iface_field(asking, match->kind == MATCH_OUT_IFACE);

	return says_inverted(asking,
		ask_iface(asking, field, match->name, !table_is_nft(asking->table)),
		match->inverted);
}

/* Is there a port on this side? */
struct says ask_has_port(struct asking *asking, enum field field)
{
	return says_not(asking, ask_iface(asking, field, "", false));
}

/* As xt_physdev: without any port only inverted matches say yes, and where the packet has one
 * port, what is asked of the other is: of the input port no question, of the output port no. */
static struct says physdev_match(struct asking *asking, const struct match *match)
{
	struct says has_in = ask_has_port(asking, FIELD_PHYSDEV_IN);
	struct says has_out = ask_has_port(asking, FIELD_PHYSDEV_OUT);
	struct says has_any = says_or(asking, has_in, has_out), said;

	switch (match->kind) {
	case MATCH_PHYSDEV_IN:
		said = says_inverted(asking, ask_iface(asking, FIELD_PHYSDEV_IN, match->name, true),
			match->inverted);
		said = says_or(asking, says_not(asking, has_in), said);
		break;
	case MATCH_PHYSDEV_OUT:
		said = says_inverted(asking,
			ask_iface(asking, FIELD_PHYSDEV_OUT, match->name, true), match->inverted);
		said = says_and(asking, has_out, said);
		break;
	default:
		return says_inverted(asking, has_out, match->inverted);
	}
	said = says_and(asking, has_any, said);
	return match->inverted ? says_or(asking, says_not(asking, has_any), said) : said;
}

/*
 * nft reads one, two or four bytes at the place of a transport header without asking whether there is
 * one (nft_payload_fast_eval), and iptables-nft makes that of "-m tcp" and "-m udp" with options: of a
 * later fragment that is what its data happen to be. Where conntrack is asked there are none: it has put
 * the packet together. Packets of a set have states, so behind its place there are none either.
 */
struct says ask_misread(struct asking *asking)
{
	enum hook hook = asking->eval->hook;
	struct says is;

	if (asking->table->source != SOURCE_IPTABLES && asking->table->source != SOURCE_NFT)
		return says(false);
	if (!is_of_set(asking))
		return says(asking->packet->is_later_fragment &&
			    (!asking->packet->ct_state || asking->packet->ct_state == CT_INVALID));
	if (hook != HOOK_PREROUTING && hook != HOOK_OUTPUT)
		return says(false);
	is = ask_number(asking, FIELD_FRAGMENT, 2, 2);
	return says_and(asking, is, ask_ct_states(asking, CT_INVALID));
}

/* The same for a match of iptables that asks for options of this protocol. */
struct says ask_misread_of(struct asking *asking, uint8_t proto)
{
	struct says is = says(false);

	if (asking->table->source == SOURCE_IPTABLES)
		is = ask_misread(asking);
	if (is.answer == NO)
		return is;
	return says_and(asking, is, ask_number(asking, FIELD_PROTO, proto, proto));
}

/* What was said of those that are not misread, and nobody knows of those that are. */
struct says says_unless_misread(struct asking *asking, struct says misread, struct says said)
{
	if (misread.answer == NO)
		return said;
	if (!is_of_set(asking))
		return (struct says){ .answer = CANNOT_TELL };
	return says_or(asking, says_and(asking, says_not(asking, misread), said),
		says_and(asking, misread, ask_unknown(asking)));
}

/* A later fragment has no ports, and so no rule about ports, inverted or not, matches it. */
static struct says ports_match(struct asking *asking, const struct match *match)
{
	enum field field = match->kind == MATCH_SPORT ? FIELD_SPORT : FIELD_DPORT;
	struct says has = ask_has_ports(asking), in = says(false), misread = says(false);

	/* "-m tcp" without options: it is enough that there are ports */
	if (match->ports.n_ranges == 1 && match->ports.ranges[0].min == 0 &&
		match->ports.ranges[0].max == UINT16_MAX)
		return match->inverted ? says(false) : has;
	if (!match->ports.is_multiport)
		misread = says_or(asking, ask_misread_of(asking, PROTO_TCP),
			ask_misread_of(asking, PROTO_UDP));
	if (has.answer == NO)
		return says_unless_misread(asking, misread, has);
	for (size_t i = 0; i < match->ports.n_ranges && in.answer != YES; i++)
		in = says_or(asking, in,
			ask_number(asking, field, match->ports.ranges[i].min,
				match->ports.ranges[i].max));
	in = says_inverted(asking, in, match->inverted);
	return says_unless_misread(asking, misread, says_and(asking, has, in));
}

static struct says icmp_match(struct asking *asking, const struct match *match)
{
	enum family family = asking->table->family;
	struct says has = ask_proto(asking, family == FAMILY_IPV6 ? PROTO_ICMPV6 : PROTO_ICMP);
	struct says is_it;

	if (has.answer == NO)
		return has;
	if (family == FAMILY_IPV4 && match->icmp.type == 255)
		return match->inverted ? says(false) : has;
	is_it = ask_number(asking, FIELD_ICMP_TYPE, match->icmp.type, match->icmp.type);
	if (is_it.answer != NO && !match->icmp.any_code)
		is_it = says_and(asking, is_it,
			ask_number(asking, FIELD_ICMP_CODE, match->icmp.code, match->icmp.code));
	return says_and(asking, has, says_inverted(asking, is_it, match->inverted));
}

static struct says ct_state_match(struct asking *asking, const struct match *match)
{
	unsigned nat = (match->ct_states & CT_STATE_SNAT ? CT_STATUS_SRC_NAT : 0) |
		       (match->ct_states & CT_STATE_DNAT ? CT_STATUS_DST_NAT : 0);
	struct says is_it = ask_ct_states(asking, match->ct_states), has_nat;

	if (nat && is_it.answer != YES) {
		has_nat = ask_has_entry(asking);
		if (has_nat.answer != NO)
			has_nat = says_and(asking, has_nat,
				says_not(asking, ask_bits(asking, FIELD_CT_STATUS, 0, nat)));
		is_it = says_or(asking, is_it, has_nat);
	}
	return says_inverted(asking, is_it, match->inverted);
}

static struct says ct_mark_match(struct asking *asking, const struct match *match)
{
	struct says has =
		asking->packet->ct_state || is_of_set(asking) ? ask_has_entry(asking) : says(true);

	/* without an entry there is no mark, and no answer to "not this mark" either */
	if (has.answer == NO)
		return has;
	return says_and(asking, has,
		says_inverted(asking,
			ask_bits(asking, FIELD_CT_MARK, match->ct_mark.value, match->ct_mark.mask),
			match->inverted));
}

/* How many leading bits two addresses share. */
static unsigned common_bits(const struct addr *a, const struct addr *b)
{
	unsigned max = prefix_max_len(a->family), n = 0;

	while (n < max && a->bytes[n / 8] == b->bytes[n / 8])
		n += 8;
	while (n < max && n % 8 < 8 && !((a->bytes[n / 8] ^ b->bytes[n / 8]) & (0x80 >> n % 8)))
		n++;
	return n < max ? n : max;
}

static struct prefix shortened(const struct addr *addr, unsigned len)
{
	struct prefix prefix = { .addr = *addr, .len = (uint8_t)len };

	for (unsigned i = len; i < 128; i++)
		prefix.addr.bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return prefix;
}

/*
 * Prefixes may nest, so that the neighbour below an address need not be the one that contains it.
 * But it says how far to go up: whatever contains the address sorts below the neighbour and
 * contains the neighbour too, so it is no longer than what both have in common.
 */
bool set_contains_addr(const struct set *set, const struct addr *addr)
{
	struct prefix key = prefix_of_addr(addr);

	for (;;) {
		size_t low = 0, high = set->n_elements;
		const struct prefix *below;

		while (low < high) {
			size_t middle = low + (high - low) / 2;

			if (prefix_compare(&set->elements[middle].prefix, &key) <= 0)
				low = middle + 1;
			else
				high = middle;
		}
		if (low == 0)
			return false;
		below = &set->elements[low - 1].prefix;
		if (below->addr.family != addr->family)
			return false;
		if (prefix_contains(below, addr))
			return true;
		key = shortened(addr, common_bits(&below->addr, addr));
	}
}

/* What is compared with one value. */
static struct says simple_match(struct asking *asking, const struct match *match)
{
	switch (match->kind) {
	case MATCH_SRC:
		return ask_prefix(asking, FIELD_SRC, &match->prefix);
	case MATCH_DST:
		return ask_prefix(asking, FIELD_DST, &match->prefix);
	case MATCH_PROTO:
		return ask_number(asking, FIELD_PROTO, match->proto, match->proto);
	case MATCH_MAC_SRC:
	case MATCH_ETH_SRC:
		return ask_mac(asking, FIELD_ETH_SRC, match->mac);
	case MATCH_ETHERTYPE:
		return ask_number(asking, FIELD_ETHERTYPE, match->ethertype, match->ethertype);
	default:
		abort();
	}
}

/* What the host itself sends has no frame yet, on lo none at all, and "! --mac-source" no answer. */
static struct says mac_source_match(struct asking *asking, const struct match *match)
{
	struct says has = says(asking->eval->hook != HOOK_OUTPUT);

	if (has.answer == YES)
		has = says_not(asking, ask_iface(asking, FIELD_IN_IFACE, "lo", false));
	if (has.answer == NO)
		return has;
	return says_and(
		asking, has, says_inverted(asking, simple_match(asking, match), match->inverted));
}

/* What is no ARP matches neither way. */
static struct says arp_match(struct asking *asking, const struct match *match)
{
	struct says has = ask_number(asking, FIELD_ETHERTYPE, ETHERTYPE_ARP, ETHERTYPE_ARP);

	if (has.answer == NO)
		return has;
	return says_and(asking, has,
		says_inverted(asking,
			match->kind == MATCH_ARP_SHA
				? ask_mac(asking, FIELD_ARP_SHA, match->mac)
				: ask_prefix(asking, FIELD_ARP_SPA, &match->prefix),
			match->inverted));
}

/* Is the number among the values, or in the unnamed set? For keys that only the host can tell. */
static struct says number_is_in(
	struct asking *asking, const struct nft_match *match, unsigned number)
{
	size_t n = match->set ? match->set->n_nft_elements : match->n_values;
	bool is_it = false;

	if (match->has_mask || match->set_name || (match->op != NFT_EQ && match->op != NFT_NE))
		return ask_unknown(asking);
	for (size_t i = 0; i < n; i++) {
		const struct nft_value *value =
			match->set ? match->set->nft_elements[i].keys : &match->values[i];

		is_it |= value->min.bytes[15] <= number && number <= value->max.bytes[15];
	}
	return says(is_it == (match->op == NFT_EQ));
}

/* nft: "fib daddr . iif type local". Types are numbered as the kernel numbers routes' types. */
static struct says fib_type_of_one(struct asking *asking, const void *data)
{
	const struct nft_match *match = data;
	const struct eval_oracle *oracle = asking->eval->oracle;
	const char *words = match->keys.items[0]->words, *iface = NULL;
	bool is_src = text_has_prefix(words, "fib saddr");
	const struct addr *addr = is_src ? &asking->packet->src : &asking->packet->dst;
	unsigned number = 0;
	enum addr_type type;

	if (strstr(words, ". iif ")) {
		if (!is_known(asking, FIELD_IN_IFACE) || !asking->packet->in_iface)
			return ask_unknown(asking);
		iface = asking->packet->in_iface;
	}
	if (!oracle || !oracle->addr_type || !is_known(asking, is_src ? FIELD_SRC : FIELD_DST) ||
		!oracle->addr_type(oracle->data, addr, iface, &type))
		return ask_unknown(asking);
	while (!((unsigned)type & 1u << number))
		number++;
	return number_is_in(asking, match, number);
}

static struct says fib_type_match(struct asking *asking, const struct nft_match *match)
{
	bool is_src = text_has_prefix(match->keys.items[0]->words, "fib saddr");

	return ask_of_host(asking, is_src ? FIELD_SRC : FIELD_DST, fib_type_of_one, match);
}

/* nft: "fib saddr . mark . iif oif missing". Behind routing another interface is where it begins. */
static struct says fib_oif_match(struct asking *asking, const struct nft_match *match)
{
	static const uint8_t zero[16];
	struct says answer;

	if ((asking->eval->hook != HOOK_PREROUTING && asking->eval->hook != HOOK_INPUT) ||
		/* who has no address yet may ask its neighbours */
		(!is_of_set(asking) && !memcmp(asking->packet->src.bytes, zero, sizeof(zero))))
		return ask_unknown(asking);
	answer = ask_way_back(
		asking, strstr(match->keys.items[0]->words, ". mark ") ? RPFILTER_VALIDMARK : 0);
	if (is_of_set(asking))
		return says_or(asking, says_and(asking, answer, number_is_in(asking, match, 1)),
			says_and(asking, says_not(asking, answer), number_is_in(asking, match, 0)));
	return answer.answer == CANNOT_TELL ? answer
					    : number_is_in(asking, match, answer.answer == YES);
}

static struct says nft_field_match(struct asking *asking, const struct match *match)
{
	const struct nft_keys *keys = &match->nft->keys;
	enum family family = asking->table->family;

	/* only the host can say */
	if (keys->n == 1 && text_has_prefix(keys->items[0]->words, "fib ")) {
		if (family != FAMILY_IPV4 && family != FAMILY_IPV6 && family != FAMILY_INET)
			return ask_unknown(asking);
		return keys->items[0]->type == NFT_TYPE_FIB_TYPE
			       ? fib_type_match(asking, match->nft)
			       : fib_oif_match(asking, match->nft);
	}
	return nft_match_eval(asking, match);
}

/* What a frame does not have matches no condition, inverted or not. */
static struct says ebt_match_eval(struct asking *asking, const struct match *match)
{
	const struct ebt_match *ebt = match->ebt;
	struct says has = says(true);

	if (ebt->field == N_FIELDS)
		return has;
	if (ebt->ethertype)
		has = ask_number(asking, FIELD_ETHERTYPE, ebt->ethertype, ebt->ethertype);
	if (has.answer != NO)
		has = says_and(asking, has, ask_present(asking, ebt->field));
	if (has.answer == NO)
		return has;
	return says_and(asking, has,
		says_inverted(asking,
			ask_value(asking, ebt->field, &ebt->min, &ebt->max, &ebt->mask),
			match->inverted));
}

struct says match_eval(struct asking *asking, const struct match *match)
{
	asking->match = match;
	switch (match->kind) {
	case MATCH_IN_IFACE:
	case MATCH_OUT_IFACE:
		return iface_match(asking, match);
	case MATCH_MAC_SRC:
		return mac_source_match(asking, match);
	case MATCH_SRC:
	case MATCH_DST:
	case MATCH_PROTO:
	case MATCH_ETH_SRC:
	case MATCH_ETHERTYPE:
		return says_inverted(asking, simple_match(asking, match), match->inverted);
	case MATCH_ARP_SHA:
	case MATCH_ARP_SPA:
		return arp_match(asking, match);
	case MATCH_SPORT:
	case MATCH_DPORT:
		return ports_match(asking, match);
	case MATCH_ICMP_TYPE:
		return icmp_match(asking, match);
	case MATCH_PHYSDEV_IN:
	case MATCH_PHYSDEV_OUT:
	case MATCH_PHYSDEV_BRIDGED:
		return physdev_match(asking, match);
	case MATCH_CT_STATE:
		return ct_state_match(asking, match);
	case MATCH_CT_MARK:
		return ct_mark_match(asking, match);
	case MATCH_SET:
		return set_match_eval(asking, match);
	case MATCH_OPAQUE:
		return ask_unknown(asking);
	case MATCH_EBT:
		return ebt_match_eval(asking, match);
	case MATCH_NFT_FIELD:
		return nft_field_match(asking, match);
	case MATCH_NFT_DO:
		return nft_match_eval(asking, match);
	default:
		return match_eval_xt(asking, match);
	}
}

struct says rule_matches(
	struct asking *asking, const struct rule *rule, const struct match **ret_unknown)
{
	struct says all = says(true);

	asking->rule = rule;
	for (size_t i = 0; i < rule->n_matches && all.answer != NO; i++) {
		struct says one = match_eval(asking, &rule->matches[i]);

		if (one.answer == CANNOT_TELL && all.answer == YES && !is_of_set(asking))
			*ret_unknown = &rule->matches[i];
		all = says_and(asking, all, one);
	}
	/* the small sets of matches first, and then once what is large */
	if (is_of_set(asking)) {
		struct set_parts parts = set_split(asking->eval->sets, asking->set, all.set);

		asking->rest = parts.out;
		all = says_set(parts.in);
	}
	return all;
}
