// SPDX-License-Identifier: GPL-2.0-or-later
/* Matches, as the kernel's extensions answer them. Each says which fields it looked at. */
#include <stdlib.h>
#include <string.h>

#include "ruleset/ebtables.h"
#include "ruleset/eval_internal.h"

#define PORT_FIELDS (FIELD_BIT(FIELD_PROTO) | FIELD_BIT(FIELD_FRAGMENT))

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

const char *iface_asked(struct asking *asking, bool is_out)
{
	const struct packet *packet = asking->packet;
	bool is_port = asking->table->family == FAMILY_BRIDGE;
	const char *name;

	if (asking->table->family == FAMILY_NETDEV)
		is_port = is_out ? packet->physdev_out : packet->physdev_in;
	asking->decided |= FIELD_BIT(is_port  ? is_out ? FIELD_PHYSDEV_OUT : FIELD_PHYSDEV_IN
				     : is_out ? FIELD_OUT_IFACE
					      : FIELD_IN_IFACE);
	if (is_port)
		name = is_out ? packet->physdev_out : packet->physdev_in;
	else
		name = is_out ? packet->out_iface : packet->in_iface;
	return name ? name : "";
}

static enum answer iface_match(struct asking *asking, const struct match *match)
{
	bool is_out = match->kind == MATCH_OUT_IFACE;
	const char *name = iface_asked(asking, is_out);

	if (asking->packet->unknown &
		(is_out ? FIELD_BIT(FIELD_OUT_IFACE) | FIELD_BIT(FIELD_PHYSDEV_OUT)
			: FIELD_BIT(FIELD_IN_IFACE) | FIELD_BIT(FIELD_PHYSDEV_IN)))
		return CANNOT_TELL;
	return answer_of(
		iface_matches(match->name, name, !table_is_nft(asking->table)) != match->inverted);
}

/* As xt_physdev: without any port only inverted matches say yes, and where the packet has one
 * port, what is asked of the other is: of the input port no question, of the output port no. */
static enum answer physdev_match(struct asking *asking, const struct match *match)
{
	const struct packet *packet = asking->packet;

	if (!fields_known(asking, FIELD_BIT(FIELD_PHYSDEV_IN) | FIELD_BIT(FIELD_PHYSDEV_OUT)))
		return CANNOT_TELL;
	if (!packet->physdev_in && !packet->physdev_out)
		return answer_of(match->inverted);
	switch (match->kind) {
	case MATCH_PHYSDEV_IN:
		return answer_of(
			!packet->physdev_in ||
			iface_matches(match->name, packet->physdev_in, true) != match->inverted);
	case MATCH_PHYSDEV_OUT:
		return answer_of(
			packet->physdev_out &&
			iface_matches(match->name, packet->physdev_out, true) != match->inverted);
	default:
		return answer_of((packet->physdev_out != NULL) != match->inverted);
	}
}

/*
 * nft reads one, two or four bytes at the place of a transport header without asking whether there is
 * one (nft_payload_fast_eval), and iptables-nft makes that of "-m tcp" and "-m udp" with options: of a
 * later fragment that is what its data happen to be. Where conntrack is asked there are none: it has put
 * the packet together.
 */
bool fragment_is_misread(const struct asking *asking)
{
	const struct packet *packet = asking->packet;

	return packet->is_later_fragment && asking->table->source == SOURCE_IPTABLES &&
	       (packet->proto == PROTO_TCP || packet->proto == PROTO_UDP) &&
	       (!packet->ct_state || packet->ct_state == CT_INVALID);
}

/* A later fragment has no ports, and so no rule about ports, inverted or not, matches it. */
static enum answer ports_match(struct asking *asking, const struct match *match)
{
	bool is_source = match->kind == MATCH_SPORT, is_in = false;
	uint16_t port = is_source ? asking->packet->sport : asking->packet->dport;
	bool is_any = match->ports.n_ranges == 1 && match->ports.ranges[0].min == 0 &&
		      match->ports.ranges[0].max == UINT16_MAX;

	if (!fields_known(asking, PORT_FIELDS))
		return CANNOT_TELL;
	if (!match->ports.is_multiport && !is_any && fragment_is_misread(asking))
		return CANNOT_TELL;
	if (asking->packet->is_later_fragment || !proto_has_ports(asking->packet->proto))
		return NO;
	/* "-m tcp" without options: it is enough that there are ports */
	if (is_any)
		return answer_of(!match->inverted);
	if (!fields_known(asking, FIELD_BIT(is_source ? FIELD_SPORT : FIELD_DPORT)))
		return CANNOT_TELL;
	for (size_t i = 0; i < match->ports.n_ranges; i++)
		is_in |= port >= match->ports.ranges[i].min && port <= match->ports.ranges[i].max;
	return answer_of(is_in != match->inverted);
}

static enum answer icmp_match(struct asking *asking, const struct match *match)
{
	const struct packet *packet = asking->packet;
	enum family family = asking->table->family;
	uint8_t proto = family == FAMILY_IPV6 ? PROTO_ICMPV6 : PROTO_ICMP;

	if (!fields_known(asking, PORT_FIELDS))
		return CANNOT_TELL;
	if (packet->is_later_fragment || packet->proto != proto)
		return NO;
	if (family == FAMILY_IPV4 && match->icmp.type == 255)
		return answer_of(!match->inverted);
	if (!fields_known(asking, FIELD_BIT(FIELD_ICMP_TYPE)))
		return CANNOT_TELL;
	if (packet->icmp_type != match->icmp.type || match->icmp.any_code)
		return answer_of((packet->icmp_type == match->icmp.type) != match->inverted);
	if (!fields_known(asking, FIELD_BIT(FIELD_ICMP_CODE)))
		return CANNOT_TELL;
	return answer_of((packet->icmp_code == match->icmp.code) != match->inverted);
}

static enum answer ct_state_match(struct asking *asking, const struct match *match)
{
	const struct packet *packet = asking->packet;

	if (!fields_known(asking, FIELD_BIT(FIELD_CT_STATE)) || !packet->ct_state)
		return CANNOT_TELL;
	if ((packet->ct_state & match->ct_states) ||
		!(match->ct_states & (CT_STATE_SNAT | CT_STATE_DNAT)) ||
		packet->ct_state == CT_INVALID || packet->ct_state == CT_UNTRACKED)
		return answer_of(((packet->ct_state & match->ct_states) != 0) != match->inverted);
	if (!fields_known(asking, FIELD_BIT(FIELD_CT_STATUS)))
		return CANNOT_TELL;
	return answer_of(
		(((match->ct_states & CT_STATE_SNAT) && (packet->ct_status & CT_STATUS_SRC_NAT)) ||
			((match->ct_states & CT_STATE_DNAT) &&
				(packet->ct_status & CT_STATUS_DST_NAT))) != match->inverted);
}

static enum answer ct_mark_match(struct asking *asking, const struct match *match)
{
	const struct packet *packet = asking->packet;

	/* without an entry there is no mark, and no answer to "not this mark" either */
	if (!fields_known(asking, FIELD_BIT(FIELD_CT_STATE)))
		return CANNOT_TELL;
	if (packet->ct_state == CT_UNTRACKED || packet->ct_state == CT_INVALID)
		return NO;
	if (!fields_known(asking, FIELD_BIT(FIELD_CT_MARK)))
		return CANNOT_TELL;
	return answer_of(((packet->ct_mark & match->ct_mark.mask) == match->ct_mark.value) !=
			 match->inverted);
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

/* What is compared with one value: the field, and whether it is that value. */
static enum answer simple_match(struct asking *asking, const struct match *match)
{
	const struct packet *packet = asking->packet;
	enum field field;
	bool is_it;

	switch (match->kind) {
	case MATCH_SRC:
		field = FIELD_SRC;
		is_it = prefix_contains(&match->prefix, &packet->src);
		break;
	case MATCH_DST:
		field = FIELD_DST;
		is_it = prefix_contains(&match->prefix, &packet->dst);
		break;
	case MATCH_PROTO:
		field = FIELD_PROTO;
		is_it = packet->proto == match->proto;
		break;
	case MATCH_MAC_SRC:
	case MATCH_ETH_SRC:
		field = FIELD_ETH_SRC;
		is_it = mac_equal(packet->eth_src, match->mac);
		break;
	case MATCH_ETHERTYPE:
		field = FIELD_ETHERTYPE;
		is_it = packet->ethertype == match->ethertype;
		break;
	case MATCH_ARP_SHA:
	case MATCH_ARP_SPA:
		if (!fields_known(asking, FIELD_BIT(FIELD_ETHERTYPE)))
			return CANNOT_TELL;
		if (packet->ethertype != ETHERTYPE_ARP)
			return NO;
		field = match->kind == MATCH_ARP_SHA ? FIELD_ARP_SHA : FIELD_ARP_SPA;
		is_it = match->kind == MATCH_ARP_SHA
				? mac_equal(packet->arp_sha, match->mac)
				: prefix_contains(&match->prefix, &packet->arp_spa);
		break;
	default:
		abort();
	}
	if (!fields_known(asking, FIELD_BIT(field)))
		return CANNOT_TELL;
	return answer_of(is_it != match->inverted);
}

/* Is the number among the values, or in the unnamed set? For keys that only the host can tell. */
static enum answer number_is_in(const struct nft_match *match, unsigned number)
{
	size_t n = match->set ? match->set->n_nft_elements : match->n_values;
	bool is_it = false;

	if (match->has_mask || match->set_name || (match->op != NFT_EQ && match->op != NFT_NE))
		return CANNOT_TELL;
	for (size_t i = 0; i < n; i++) {
		const struct nft_value *value =
			match->set ? match->set->nft_elements[i].keys : &match->values[i];

		is_it |= value->min.bytes[15] <= number && number <= value->max.bytes[15];
	}
	return answer_of(is_it == (match->op == NFT_EQ));
}

/* nft: "fib daddr . iif type local". Types are numbered as the kernel numbers routes' types. */
static enum answer fib_type_match(struct asking *asking, const struct nft_match *match)
{
	const struct eval_oracle *oracle = asking->eval->oracle;
	const char *words = match->keys.items[0]->words, *iface = NULL;
	bool is_src = text_has_prefix(words, "fib saddr");
	const struct addr *addr = is_src ? &asking->packet->src : &asking->packet->dst;
	unsigned number = 0;
	enum addr_type type;

	if (strstr(words, ". iif ")) {
		if (!fields_known(asking, FIELD_BIT(FIELD_IN_IFACE)) || !asking->packet->in_iface)
			return CANNOT_TELL;
		iface = asking->packet->in_iface;
	}
	if (!oracle || !oracle->addr_type ||
		!fields_known(asking, FIELD_BIT(is_src ? FIELD_SRC : FIELD_DST)) ||
		!oracle->addr_type(oracle->data, addr, iface, &type))
		return CANNOT_TELL;
	while (!((unsigned)type & 1u << number))
		number++;
	return number_is_in(match, number);
}

/* nft: "fib saddr . mark . iif oif missing". Behind routing another interface is where it begins. */
static enum answer fib_oif_match(struct asking *asking, const struct nft_match *match)
{
	static const uint8_t zero[16];
	enum answer answer;

	if ((asking->eval->hook != HOOK_PREROUTING && asking->eval->hook != HOOK_INPUT) ||
		/* who has no address yet may ask its neighbours */
		!memcmp(asking->packet->src.bytes, zero, sizeof(zero)))
		return CANNOT_TELL;
	answer = way_back_eval(
		asking, strstr(match->keys.items[0]->words, ". mark ") ? RPFILTER_VALIDMARK : 0);
	return answer == CANNOT_TELL ? CANNOT_TELL : number_is_in(match, answer == YES);
}

static enum answer nft_field_match(struct asking *asking, const struct match *match)
{
	const struct nft_keys *keys = &match->nft->keys;
	enum family family = asking->table->family;

	/* only the host can say */
	if (keys->n == 1 && text_has_prefix(keys->items[0]->words, "fib ")) {
		if (family != FAMILY_IPV4 && family != FAMILY_IPV6 && family != FAMILY_INET)
			return CANNOT_TELL;
		return keys->items[0]->type == NFT_TYPE_FIB_TYPE
			       ? fib_type_match(asking, match->nft)
			       : fib_oif_match(asking, match->nft);
	}
	asking->decided |= nft_keys_fields(keys);
	return nft_match_eval(asking->table, match, asking->packet);
}

/* What a frame does not have matches no condition, inverted or not. */
static enum answer ebt_match_eval(struct asking *asking, const struct match *match)
{
	const struct ebt_match *ebt = match->ebt;
	const struct packet *packet = asking->packet;
	struct field_value value = { 0 };

	if (ebt->field == N_FIELDS)
		return YES;
	if (ebt->ethertype) {
		if (!fields_known(asking, FIELD_BIT(FIELD_ETHERTYPE)))
			return CANNOT_TELL;
		if (packet->ethertype != ebt->ethertype)
			return NO;
	}
	if (ebt->field == FIELD_SPORT || ebt->field == FIELD_DPORT) {
		if (!fields_known(asking, PORT_FIELDS))
			return CANNOT_TELL;
		if (packet->is_later_fragment)
			return NO;
	}
	asking->decided |= FIELD_BIT(ebt->field);
	switch (packet_field(packet, ebt->field, &value)) {
	case FIELD_ABSENT:
		return NO;
	case FIELD_UNKNOWN:
		return CANNOT_TELL;
	case FIELD_KNOWN:
		break;
	}
	for (size_t i = 0; i < sizeof(value.bytes); i++)
		value.bytes[i] &= ebt->mask.bytes[i];
	return answer_of((memcmp(value.bytes, ebt->min.bytes, sizeof(value.bytes)) >= 0 &&
				 memcmp(value.bytes, ebt->max.bytes, sizeof(value.bytes)) <= 0) !=
			 match->inverted);
}

enum answer match_eval(struct asking *asking, const struct match *match)
{
	switch (match->kind) {
	case MATCH_IN_IFACE:
	case MATCH_OUT_IFACE:
		return iface_match(asking, match);
	case MATCH_SRC:
	case MATCH_DST:
	case MATCH_PROTO:
	case MATCH_ETH_SRC:
	case MATCH_ETHERTYPE:
	case MATCH_ARP_SHA:
	case MATCH_ARP_SPA:
		return simple_match(asking, match);
	case MATCH_MAC_SRC:
		/* what the host itself sends has no frame yet, on lo none at all, and
		 * "! --mac-source" no answer */
		if (asking->eval->hook == HOOK_OUTPUT ||
			(asking->packet->in_iface && !strcmp(asking->packet->in_iface, "lo")))
			return NO;
		return simple_match(asking, match);
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
		return CANNOT_TELL;
	case MATCH_EBT:
		return ebt_match_eval(asking, match);
	case MATCH_NFT_FIELD:
		return nft_field_match(asking, match);
	case MATCH_NFT_DO:
		return nft_match_eval(asking->table, match, asking->packet);
	default:
		return match_eval_xt(asking, match);
	}
}

enum answer rule_matches(
	struct asking *asking, const struct rule *rule, const struct match **ret_unknown)
{
	enum answer answer = YES;

	for (size_t i = 0; i < rule->n_matches; i++) {
		enum answer one = match_eval(asking, &rule->matches[i]);

		if (one == NO)
			return NO;
		if (one == CANNOT_TELL && answer == YES) {
			answer = CANNOT_TELL;
			*ret_unknown = &rule->matches[i];
		}
	}
	return answer;
}
