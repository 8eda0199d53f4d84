// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Matches and targets of iptables' modules, as the kernel's extensions answer and do them. What
 * depends on the host is asked of the oracle; without one it cannot be told.
 */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "ruleset/eval_internal.h"

static struct says addr_match(struct asking *asking, const struct match *match)
{
	bool is_src = match->kind == MATCH_SRC_MASK || match->kind == MATCH_IPRANGE_SRC;
	enum field field = is_src ? FIELD_SRC : FIELD_DST;

	if (match->kind == MATCH_SRC_MASK || match->kind == MATCH_DST_MASK)
		return ask_addr_range(asking, field, &match->masked->addr, &match->masked->addr,
			&match->masked->mask);
	return ask_addr_range(asking, field, &match->addrs->min, &match->addrs->max, NULL);
}

/* The ports of either side; a later fragment has none, and no rule about them matches it. */
static struct says port_match(struct asking *asking, const struct match *match)
{
	struct says has = ask_has_ports(asking), in = says(false);

	if (has.answer == NO)
		return has;
	for (size_t i = 0; i < match->ports.n_ranges && in.answer != YES; i++) {
		struct port_range range = match->ports.ranges[i];

		in = says_or(asking, in, ask_number(asking, FIELD_SPORT, range.min, range.max));
		in = says_or(asking, in, ask_number(asking, FIELD_DPORT, range.min, range.max));
	}
	return says_and(asking, has, says_inverted(asking, in, match->inverted));
}

static struct says tcp_flags_match(struct asking *asking, const struct match *match)
{
	struct says misread = ask_misread_of(asking, PROTO_TCP);
	struct says has = ask_proto(asking, PROTO_TCP);

	if (has.answer != NO)
		has = says_and(asking, has,
			says_inverted(asking,
				ask_bits(asking, FIELD_TCP_FLAGS, match->tcp_flags.value,
					match->tcp_flags.mask),
				match->inverted));
	return says_unless_misread(asking, misread, has);
}

/* Is a --ctstate of the same module in front? Then it alone decides where there is no entry. */
static bool has_state_in_front(const struct match *match)
{
	while (match->is_continued) {
		match--;
		if (match->kind == MATCH_CT_STATE)
			return true;
	}
	return false;
}

static struct says ct_addr_match(struct asking *asking, const struct match *match)
{
	bool is_src = match->ct.of == CT_ORIG_SRC;
	const struct addr *addr =
		is_src ? &asking->packet->ct_orig_src : &asking->packet->ct_orig_dst;

	if (match->ct.of != CT_ORIG_SRC && match->ct.of != CT_ORIG_DST)
		return ask_unknown(asking);
	if (!is_of_set(asking) && addr->family != match->ct.masked->addr.family)
		return ask_unknown(asking); /* of a flow that nobody described */
	return says_inverted(asking,
		ask_addr_range(asking, is_src ? FIELD_CT_ORIG_SRC : FIELD_CT_ORIG_DST,
			&match->ct.masked->addr, &match->ct.masked->addr, &match->ct.masked->mask),
		match->inverted);
}

static struct says ct_port_match(struct asking *asking, const struct match *match)
{
	bool is_src = match->ct.of == CT_ORIG_SRC;
	struct says has = ask_has_ports(asking), in;

	if ((match->ct.of != CT_ORIG_SRC && match->ct.of != CT_ORIG_DST) || has.answer == NO)
		return ask_unknown(asking);
	in = says_inverted(asking,
		ask_number(asking, is_src ? FIELD_CT_ORIG_SPORT : FIELD_CT_ORIG_DPORT,
			match->ct.range.min, match->ct.range.max),
		match->inverted);
	if (!is_of_set(asking))
		return has.answer == YES ? in : has;
	/* an error's flow has ports that the error itself has not */
	return says_or(asking, says_and(asking, has, in),
		says_and(asking, says_not(asking, has), ask_unknown(asking)));
}

/* What is asked of an entry, where there is one. */
static struct says ct_entry_match(struct asking *asking, const struct match *match)
{
	switch (match->kind) {
	case MATCH_CT_PROTO: {
		struct says is_error = ask_ct_states(asking, CT_RELATED), is_it;

		/* an error message belongs to a flow of another protocol than its own */
		if (is_error.answer == YES)
			return ask_unknown(asking);
		is_it = says_inverted(asking,
			ask_number(asking, FIELD_PROTO, match->ct.proto, match->ct.proto),
			match->inverted);
		if (!is_of_set(asking))
			return is_it;
		return says_or(asking, says_and(asking, says_not(asking, is_error), is_it),
			says_and(asking, is_error, ask_unknown(asking)));
	}
	case MATCH_CT_ADDR:
		return ct_addr_match(asking, match);
	case MATCH_CT_PORT:
		return ct_port_match(asking, match);
	case MATCH_CT_STATUS: {
		struct says has_none = ask_bits(asking, FIELD_CT_STATUS, 0, match->ct.status);

		return says_inverted(asking, has_none, !match->inverted);
	}
	default:
		return ask_number(
			asking, FIELD_CT_DIRECTION, match->ct.is_reply, match->ct.is_reply);
	}
}

static struct says ct_match(struct asking *asking, const struct match *match)
{
	struct says has_none = ask_ct_states(asking, CT_INVALID | CT_UNTRACKED);
	struct says without = says(has_state_in_front(match)), with;

	if (has_none.answer == YES)
		return without;
	if (!is_of_set(asking) && has_none.answer == CANNOT_TELL)
		return has_none;
	with = ct_entry_match(asking, match);
	return says_or(asking, says_and(asking, has_none, without),
		says_and(asking, says_not(asking, has_none), with));
}

/*
 * ip6tables asks the routes for three types alone (xt_addrtype.c, match_type6); what the address
 * itself says it asks by its form, so a local address is unicast too.
 */
static struct says addrtype6_match(struct asking *asking, const struct match *match,
	const struct addr *addr, const char *iface)
{
	const unsigned of_routes = ADDR_LOCAL | ADDR_ANYCAST | ADDR_UNREACHABLE;
	const struct eval_oracle *oracle = asking->eval->oracle;
	static const uint8_t zero[16];
	bool is_multicast = addr->bytes[0] == 0xff, is_any = !memcmp(addr->bytes, zero, 16);
	unsigned types = match->addrtype.types;
	enum addr_type type;
	bool is_it = true;

	is_it &= !(types & ADDR_MULTICAST) || is_multicast;
	is_it &= !(types & ADDR_UNICAST) || (!is_multicast && !is_any);
	is_it &= !(types & ADDR_UNSPEC) || is_any;
	if (is_it && types & of_routes) {
		if (!oracle->addr_type(oracle->data, addr, iface, &type))
			return ask_unknown(asking);
		/* no usable route, for whatever reason (match_lookup_rt6) */
		if (type & (ADDR_BLACKHOLE | ADDR_PROHIBIT))
			type = ADDR_UNREACHABLE;
		is_it = types & of_routes & (unsigned)type;
	}
	return says(is_it != match->inverted);
}

static struct says addrtype_of_one(struct asking *asking, const void *data)
{
	const struct match *match = data;
	const struct eval_oracle *oracle = asking->eval->oracle;
	bool is_src = match->kind == MATCH_ADDRTYPE_SRC;
	const struct addr *addr = is_src ? &asking->packet->src : &asking->packet->dst;
	const char *iface = NULL;
	enum addr_type type;

	if (!is_known(asking, is_src ? FIELD_SRC : FIELD_DST))
		return ask_unknown(asking);
	if (match->addrtype.limit != ADDRTYPE_EVERYWHERE) {
		bool is_out = match->addrtype.limit == ADDRTYPE_OUT_IFACE;

		if (!is_known(asking, is_out ? FIELD_OUT_IFACE : FIELD_IN_IFACE))
			return ask_unknown(asking);
		iface = is_out ? asking->packet->out_iface : asking->packet->in_iface;
		if (!iface)
			return ask_unknown(asking);
	}
	if (!oracle || !oracle->addr_type)
		return ask_unknown(asking);
	if (addr->family == FAMILY_IPV6)
		return addrtype6_match(asking, match, addr, iface);
	if (!oracle->addr_type(oracle->data, addr, iface, &type))
		return ask_unknown(asking);
	return says(((match->addrtype.types & (unsigned)type) != 0) != match->inverted);
}

static struct says addrtype_match(struct asking *asking, const struct match *match)
{
	enum field field = match->kind == MATCH_ADDRTYPE_SRC ? FIELD_SRC : FIELD_DST;

	return ask_of_host(asking, field, addrtype_of_one, match);
}

static struct says ttl_match(struct asking *asking, const struct match *match)
{
	unsigned value = match->ttl.value;

	switch (match->ttl.op) {
	case TTL_EQ:
		return says_inverted(
			asking, ask_number(asking, FIELD_TTL, value, value), match->inverted);
	case TTL_LT:
		return value ? ask_number(asking, FIELD_TTL, 0, value - 1) : says(false);
	case TTL_GT:
		return value < UINT8_MAX ? ask_number(asking, FIELD_TTL, value + 1, UINT8_MAX)
					 : says(false);
	}
	abort();
}

/* What is compared with one number of the packet. */
static struct says number_match(struct asking *asking, const struct match *match)
{
	switch (match->kind) {
	case MATCH_MARK:
		return ask_bits(asking, FIELD_MARK, match->ct_mark.value, match->ct_mark.mask);
	case MATCH_PKTTYPE:
		return ask_number(asking, FIELD_PKTTYPE, match->pkt_type, match->pkt_type);
	case MATCH_LENGTH:
		return ask_number(asking, FIELD_LENGTH, match->range.min, match->range.max);
	case MATCH_TOS:
		return ask_bits(asking, FIELD_TOS, match->tos.value, match->tos.mask);
	case MATCH_FRAGMENT:
		return ask_number(asking, FIELD_FRAGMENT, 2, 2);
	case MATCH_PHYSDEV_IS_IN:
		return ask_has_port(asking, FIELD_PHYSDEV_IN);
	case MATCH_PHYSDEV_IS_OUT:
		return ask_has_port(asking, FIELD_PHYSDEV_OUT);
	default:
		return ask_bits(asking, FIELD_TOS, match->tos.value << 2 & 0xffu, 0xfc);
	}
}

/* What passes through has no socket, and then only inverted options match. Whether what the host
 * sends has one (an answer of the kernel itself has none) is only known where its user is. */
static struct says owner_match(struct asking *asking, const struct match *match)
{
	enum field field = match->kind == MATCH_OWNER_UID ? FIELD_UID : FIELD_GID;
	struct says is_sent = ask_iface(asking, FIELD_IN_IFACE, "", false), is_it;

	if (is_sent.answer == NO)
		return says(match->inverted);
	is_it = match->kind == MATCH_OWNER_SOCKET
			? ask_unknown(asking)
			: says_inverted(asking,
				  ask_number(asking, field, match->ids.min, match->ids.max),
				  match->inverted);
	if (is_sent.answer == YES || !is_of_set(asking))
		return is_it;
	return says_or(asking, says_and(asking, is_sent, is_it),
		says_and(asking, says_not(asking, is_sent), says(match->inverted)));
}

/*
 * Would an answer leave by the interface that the packet came by? loose: by any. A source that is the
 * host's own fails unless it is accepted, and then IPv4 looks at the device that has the address (a
 * loose one at none), IPv6 does not. Loopback passes. xt_rpfilter, and nft's "fib saddr . iif oif".
 */
struct says ask_way_back(struct asking *asking, unsigned flags)
{
	const struct eval_oracle *oracle = asking->eval->oracle;
	struct packet packet = *asking->packet;
	struct says unknown = ask_unknown_of(
		asking, arena_printf(asking->eval->arena, "the way back is right%s%s%s",
				flags & RPFILTER_LOOSE ? " --loose" : "",
				flags & RPFILTER_VALIDMARK ? " --validmark" : "",
				flags & RPFILTER_ACCEPT_LOCAL ? " --accept-local" : ""));
	struct says is_lo = ask_iface(asking, FIELD_IN_IFACE, "lo", false);
	enum addr_type type;
	const char *iface;

	/* the destination is the source of the answer, which routing rules may ask for */
	asking->decided |= FIELD_BIT(FIELD_DST);
	if (is_of_set(asking))
		return says_or(asking, is_lo, unknown);
	if (is_lo.answer != NO)
		return is_lo;
	if (!is_known(asking, FIELD_SRC) || !packet.in_iface)
		return unknown;
	if (!(flags & RPFILTER_VALIDMARK))
		packet.mark = 0;
	else if (!is_known(asking, FIELD_MARK))
		return unknown;
	if (!oracle || !oracle->addr_type || !oracle->route ||
		!oracle->addr_type(oracle->data, &packet.src, NULL, &type))
		return unknown;
	if (type & (ADDR_BLACKHOLE | ADDR_UNREACHABLE | ADDR_PROHIBIT))
		return says(false);
	if (type == ADDR_LOCAL) {
		if (!(flags & RPFILTER_ACCEPT_LOCAL))
			return says(false);
		if (packet.src.family == FAMILY_IPV6 || (flags & RPFILTER_LOOSE))
			return says(true);
		if (!oracle->addr_type(oracle->data, &packet.src, packet.in_iface, &type))
			return unknown;
		return says(type == ADDR_LOCAL);
	}
	if (type != ADDR_UNICAST || !oracle->route(oracle->data, &packet, &packet.src, &iface))
		return unknown;
	return says(*iface && ((flags & RPFILTER_LOOSE) || strcmp(iface, packet.in_iface) == 0));
}

/* xt_policy: without IPsec "none" says yes and all else no; with it, only what does not ask for more is
 * known. */
static struct says policy_match(struct asking *asking, const struct match *match)
{
	const struct eval_oracle *oracle = asking->eval->oracle;
	bool has_ipsec;

	if (is_of_set(asking) || !oracle || !oracle->ipsec ||
		!oracle->ipsec(oracle->data, asking->packet, match->policy.is_out, &has_ipsec))
		return ask_unknown(asking);
	if (has_ipsec && !match->policy.is_none && match->policy.is_strict)
		return ask_unknown(asking);
	return says(has_ipsec != match->policy.is_none);
}

/* A packet is described with the protocol behind its extension headers, and has none that was not
 * named; without a routing header no match about it says yes, inverted or not. */
static struct says rt_match(struct asking *asking)
{
	return says_and(asking, ask_number(asking, FIELD_PROTO, 43, 43), ask_unknown(asking));
}

struct says match_eval_xt(struct asking *asking, const struct match *match)
{
	switch (match->kind) {
	case MATCH_SRC_MASK:
	case MATCH_DST_MASK:
	case MATCH_IPRANGE_SRC:
	case MATCH_IPRANGE_DST:
		return says_inverted(asking, addr_match(asking, match), match->inverted);
	case MATCH_PORT:
		return port_match(asking, match);
	case MATCH_TCP_FLAGS:
		return tcp_flags_match(asking, match);
	case MATCH_CT_PROTO:
	case MATCH_CT_ADDR:
	case MATCH_CT_PORT:
	case MATCH_CT_STATUS:
	case MATCH_CT_DIR:
		return ct_match(asking, match);
	case MATCH_ADDRTYPE_SRC:
	case MATCH_ADDRTYPE_DST:
		return addrtype_match(asking, match);
	case MATCH_TTL:
		return ttl_match(asking, match);
	case MATCH_FRAGMENT:
	case MATCH_PHYSDEV_IS_IN:
	case MATCH_PHYSDEV_IS_OUT:
	case MATCH_MARK:
	case MATCH_PKTTYPE:
	case MATCH_LENGTH:
	case MATCH_TOS:
	case MATCH_DSCP:
		return says_inverted(asking, number_match(asking, match), match->inverted);
	case MATCH_OWNER_UID:
	case MATCH_OWNER_GID:
	case MATCH_OWNER_SOCKET:
		return owner_match(asking, match);
	case MATCH_RPFILTER:
		return says_inverted(
			asking, ask_way_back(asking, match->rpfilter), match->inverted);
	case MATCH_POLICY:
		return policy_match(asking, match);
	case MATCH_RT:
		return rt_match(asking);
	case MATCH_COMMENT:
		return says(true);
	default:
		return ask_unknown(asking); /* socket asks for what no packet says */
	}
}

/* Does the packet belong to a flow? Where that is open, so is what a connection's mark becomes. */
static void connmark_effect(
	struct asking *asking, const struct connmark *connmark, struct effect *ret)
{
	enum field to = connmark->op == CONNMARK_RESTORE ? FIELD_MARK : FIELD_CT_MARK;
	struct says has =
		asking->packet->ct_state || is_of_set(asking) ? ask_has_entry(asking) : says(false);
	struct changing *changed = &ret->changed;

	if (has.answer == NO)
		return;
	effect_change(asking, ret, has);
	if (!is_of_set(asking) && has.answer == CANNOT_TELL) {
		change_unknown(asking, changed, FIELD_BIT(to));
		return;
	}
	if (connmark->op == CONNMARK_SET)
		change_bits(asking, changed, to, connmark->ct_mask, connmark->value);
	else if (connmark->op == CONNMARK_SAVE)
		change_copy(asking, changed, to, connmark->ct_mask, FIELD_MARK, connmark->nf_mask);
	else
		change_copy(
			asking, changed, to, connmark->nf_mask, FIELD_CT_MARK, connmark->ct_mask);
}

/* nf_conntrack_tmpl: until conntrack is asked, rules see an entry of nobody's, a new one in that zone. */
static void take_template(const struct asking *asking, struct changing *to, uint16_t zone)
{
	struct packet *packet = &to->packet;
	enum family family = packet->src.family;
	const struct addr none = { .family = family };

	if (!asking->eval->is_blind_to_zones)
		packet->ct_zone = zone;
	change_number(asking, to, FIELD_CT_STATE, CT_NEW);
	change_number(asking, to, FIELD_CT_STATUS, CT_STATUS_CONFIRMED);
	change_number(asking, to, FIELD_CT_MARK, 0);
	change_number(asking, to, FIELD_CT_DIRECTION, false);
	change_number(asking, to, FIELD_CT_ORIG_SPORT, 0);
	change_number(asking, to, FIELD_CT_ORIG_DPORT, 0);
	change_addr(asking, to, FIELD_CT_ORIG_SRC, &none);
	change_addr(asking, to, FIELD_CT_ORIG_DST, &none);
}

/* xt_CT does nothing to a packet that has an entry or is not to have one. */
void ct_effect(struct asking *asking, const struct ct_target *ct, struct effect *ret)
{
	bool is_zone_known = !ct->is_zone_mark || is_known(asking, FIELD_MARK);
	const struct packet *packet = asking->packet;
	struct says has_none = says(!packet->ct_state);

	if (is_of_set(asking) || packet->ct_state)
		has_none = is_of_set(asking) ? ask_ct_states(asking, CT_INVALID)
					     : says(packet->ct_state == CT_INVALID);
	if (has_none.answer == NO || (!ct->is_notrack && !ct->has_zone && !ct->is_zone_mark))
		return;
	if (!ct->is_notrack && (ct->zone_of != CT_ZONE_BOTH || !is_zone_known)) {
		ret->kind = EFFECT_VERDICT;
		ret->verdict = VERDICT_CANNOT_TELL;
		ret->why = ct->zone_of != CT_ZONE_BOTH
				   ? "a conntrack zone of one direction is not modelled"
				   : "the conntrack zone is a mark that is not known";
		return;
	}
	effect_change(asking, ret, has_none);
	if (ct->is_notrack)
		change_number(asking, &ret->changed, FIELD_CT_STATE, CT_UNTRACKED);
	else
		take_template(asking, &ret->changed,
			ct->is_zone_mark ? (uint16_t)packet->mark : ct->zone);
}

static uint8_t ttl_behind(const struct target *target, unsigned ttl)
{
	unsigned value = target->ttl.value;

	if (target->ttl.op == TTL_SET)
		return (uint8_t)value;
	if (target->ttl.op == TTL_INC)
		return (uint8_t)(ttl + value > UINT8_MAX ? UINT8_MAX : ttl + value);
	return (uint8_t)(ttl < value ? 0 : ttl - value);
}

/* Of a set: each value becomes another one. */
static void ttl_of_set(struct sets *sets, const struct target *target, struct packet_set *set)
{
	struct packet_set all = SET_EMPTY;

	for (unsigned ttl = 0; ttl <= UINT8_MAX; ttl++) {
		struct packet_set one = set_and(sets, *set, set_of_number(sets, FIELD_TTL, ttl));

		one = set_assign(sets, one, FIELD_BIT(FIELD_TTL),
			set_of_number(sets, FIELD_TTL, ttl_behind(target, ttl)));
		all = set_or(sets, all, one);
	}
	*set = all;
}

static void ttl_effect(struct asking *asking, const struct target *target, struct effect *ret)
{
	effect_change(asking, ret, says(true));
	if (target->ttl.op == TTL_SET)
		change_number(asking, &ret->changed, FIELD_TTL, target->ttl.value);
	else if (is_of_set(asking))
		ttl_of_set(asking->eval->sets, target, &ret->changed.set);
	else
		ret->changed.packet.ttl = ttl_behind(target, asking->packet->ttl);
}

void target_effect_xt(struct asking *asking, const struct target *target, struct effect *ret)
{
	switch (target->kind) {
	case TARGET_TAKEN:
	case TARGET_REJECT:
		ret->kind = EFFECT_VERDICT;
		ret->verdict = target->kind == TARGET_REJECT ? VERDICT_REJECT : VERDICT_STOLEN;
		return;
	case TARGET_MARK:
		effect_change(asking, ret, says(true));
		change_bits(
			asking, &ret->changed, FIELD_MARK, target->mark.mask, target->mark.value);
		return;
	case TARGET_CONNMARK:
		connmark_effect(asking, target->connmark, ret);
		return;
	case TARGET_CT:
		ct_effect(asking, target->ct, ret);
		return;
	case TARGET_NOTRACK:
		ct_effect(asking, &(struct ct_target){ .is_notrack = true }, ret);
		return;
	case TARGET_NAT:
		ret->kind = EFFECT_VERDICT;
		ret->verdict = VERDICT_ACCEPT;
		ret->nat = *target->mapping;
		ret->nat.is_random |= ret->nat.is_fully_random;
		return;
	case TARGET_TOS:
	case TARGET_DSCP:
		effect_change(asking, ret, says(true));
		if (target->kind == TARGET_DSCP)
			change_bits(asking, &ret->changed, FIELD_TOS, 0xfc,
				target->tos.value << 2 & 0xffu);
		else
			change_bits(asking, &ret->changed, FIELD_TOS, target->tos.mask,
				target->tos.value);
		return;
	case TARGET_TTL:
		ttl_effect(asking, target, ret);
		return;
	default:
		return; /* goes on */
	}
}
