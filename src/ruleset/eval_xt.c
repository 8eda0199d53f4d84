// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Matches and targets of iptables' modules, as the kernel's extensions answer and do them. What
 * depends on the host is asked of the oracle; without one it cannot be told.
 */
#include <string.h>

#include "base/vec.h"
#include "ruleset/eval_internal.h"

static bool number_of(struct asking *asking, enum field field, uint64_t *ret)
{
	struct field_value value;

	asking->decided |= FIELD_BIT(field);
	if (packet_field(asking->packet, field, &value) != FIELD_KNOWN)
		return false;
	*ret = field_value_number(&value);
	return true;
}

static bool is_masked(const struct addr *addr, const struct masked_addr *masked)
{
	if (addr->family != masked->addr.family)
		return false;
	for (size_t i = 0; i < sizeof(addr->bytes); i++)
		if ((addr->bytes[i] & masked->mask.bytes[i]) != masked->addr.bytes[i])
			return false;
	return true;
}

static bool is_in_range(const struct addr *addr, const struct addr_range *range)
{
	return addr->family == range->min.family && addr_compare(addr, &range->min) >= 0 &&
	       addr_compare(addr, &range->max) <= 0;
}

static enum answer addr_match(struct asking *asking, const struct match *match)
{
	bool is_src = match->kind == MATCH_SRC_MASK || match->kind == MATCH_IPRANGE_SRC;
	const struct addr *addr = is_src ? &asking->packet->src : &asking->packet->dst;
	bool is_it;

	if (!fields_known(asking, FIELD_BIT(is_src ? FIELD_SRC : FIELD_DST)))
		return CANNOT_TELL;
	if (match->kind == MATCH_SRC_MASK || match->kind == MATCH_DST_MASK)
		is_it = is_masked(addr, match->masked);
	else
		is_it = is_in_range(addr, match->addrs);
	return answer_of(is_it != match->inverted);
}

static enum answer fragment_match(struct asking *asking, const struct match *match)
{
	if (!fields_known(asking, FIELD_BIT(FIELD_FRAGMENT)))
		return CANNOT_TELL;
	return answer_of(asking->packet->is_later_fragment != match->inverted);
}

/* The ports of either side; a later fragment has none, and no rule about them matches it. */
static enum answer port_match(struct asking *asking, const struct match *match)
{
	const struct packet *packet = asking->packet;
	bool is_in = false;

	if (!fields_known(asking, FIELD_BIT(FIELD_PROTO) | FIELD_BIT(FIELD_FRAGMENT)))
		return CANNOT_TELL;
	if (packet->is_later_fragment || !proto_has_ports(packet->proto))
		return NO;
	if (!fields_known(asking, FIELD_BIT(FIELD_SPORT) | FIELD_BIT(FIELD_DPORT)))
		return CANNOT_TELL;
	for (size_t i = 0; i < match->ports.n_ranges; i++) {
		struct port_range range = match->ports.ranges[i];

		is_in |= (packet->sport >= range.min && packet->sport <= range.max) ||
			 (packet->dport >= range.min && packet->dport <= range.max);
	}
	return answer_of(is_in != match->inverted);
}

static enum answer tcp_flags_match(struct asking *asking, const struct match *match)
{
	const struct packet *packet = asking->packet;

	if (!fields_known(asking, FIELD_BIT(FIELD_PROTO) | FIELD_BIT(FIELD_FRAGMENT)))
		return CANNOT_TELL;
	if (fragment_is_misread(asking) && packet->proto == PROTO_TCP)
		return CANNOT_TELL;
	if (packet->is_later_fragment || packet->proto != PROTO_TCP)
		return NO;
	if (!fields_known(asking, FIELD_BIT(FIELD_TCP_FLAGS)))
		return CANNOT_TELL;
	return answer_of(((packet->tcp_flags & match->tcp_flags.mask) == match->tcp_flags.value) !=
			 match->inverted);
}

static enum answer physdev_flag_match(struct asking *asking, const struct match *match)
{
	const struct packet *packet = asking->packet;
	bool is_there = match->kind == MATCH_PHYSDEV_IS_IN ? packet->physdev_in != NULL
							   : packet->physdev_out != NULL;

	if (!fields_known(asking, FIELD_BIT(FIELD_PHYSDEV_IN) | FIELD_BIT(FIELD_PHYSDEV_OUT)))
		return CANNOT_TELL;
	return answer_of(is_there != match->inverted);
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

static enum answer ct_addr_match(struct asking *asking, const struct match *match)
{
	bool is_src = match->ct.of == CT_ORIG_SRC;
	const struct addr *addr =
		is_src ? &asking->packet->ct_orig_src : &asking->packet->ct_orig_dst;

	if (match->ct.of != CT_ORIG_SRC && match->ct.of != CT_ORIG_DST)
		return CANNOT_TELL;
	if (!fields_known(asking, FIELD_BIT(is_src ? FIELD_CT_ORIG_SRC : FIELD_CT_ORIG_DST)))
		return CANNOT_TELL;
	if (addr->family != match->ct.masked->addr.family)
		return CANNOT_TELL; /* of a flow that nobody described */
	return answer_of(is_masked(addr, match->ct.masked) != match->inverted);
}

static enum answer ct_port_match(struct asking *asking, const struct match *match)
{
	bool is_src = match->ct.of == CT_ORIG_SRC;
	uint16_t port = is_src ? asking->packet->ct_orig_sport : asking->packet->ct_orig_dport;

	if (match->ct.of != CT_ORIG_SRC && match->ct.of != CT_ORIG_DST)
		return CANNOT_TELL;
	if (!fields_known(asking,
		    FIELD_BIT(FIELD_PROTO) |
			    FIELD_BIT(is_src ? FIELD_CT_ORIG_SPORT : FIELD_CT_ORIG_DPORT)) ||
		!proto_has_ports(asking->packet->proto))
		return CANNOT_TELL;
	return answer_of(
		(port >= match->ct.range.min && port <= match->ct.range.max) != match->inverted);
}

static enum answer ct_match(struct asking *asking, const struct match *match)
{
	const struct packet *packet = asking->packet;

	if (!fields_known(asking, FIELD_BIT(FIELD_CT_STATE)) || !packet->ct_state)
		return CANNOT_TELL;
	if (packet->ct_state == CT_INVALID || packet->ct_state == CT_UNTRACKED)
		return answer_of(has_state_in_front(match));
	switch (match->kind) {
	case MATCH_CT_PROTO:
		/* an error message belongs to a flow of another protocol than its own */
		if (packet->ct_state == CT_RELATED || !fields_known(asking, FIELD_BIT(FIELD_PROTO)))
			return CANNOT_TELL;
		return answer_of((packet->proto == match->ct.proto) != match->inverted);
	case MATCH_CT_ADDR:
		return ct_addr_match(asking, match);
	case MATCH_CT_PORT:
		return ct_port_match(asking, match);
	case MATCH_CT_STATUS:
		if (!fields_known(asking, FIELD_BIT(FIELD_CT_STATUS)))
			return CANNOT_TELL;
		return answer_of(((packet->ct_status & match->ct.status) != 0) != match->inverted);
	default:
		if (!fields_known(asking, FIELD_BIT(FIELD_CT_DIRECTION)))
			return CANNOT_TELL;
		return answer_of(packet->is_reply == match->ct.is_reply);
	}
}

/*
 * ip6tables asks the routes for three types alone (xt_addrtype.c, match_type6); what the address
 * itself says it asks by its form, so a local address is unicast too.
 */
static enum answer addrtype6_match(struct asking *asking, const struct match *match,
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
			return CANNOT_TELL;
		/* no usable route, for whatever reason (match_lookup_rt6) */
		if (type & (ADDR_BLACKHOLE | ADDR_PROHIBIT))
			type = ADDR_UNREACHABLE;
		is_it = types & of_routes & (unsigned)type;
	}
	return answer_of(is_it != match->inverted);
}

static enum answer addrtype_match(struct asking *asking, const struct match *match)
{
	const struct eval_oracle *oracle = asking->eval->oracle;
	bool is_src = match->kind == MATCH_ADDRTYPE_SRC;
	const struct addr *addr = is_src ? &asking->packet->src : &asking->packet->dst;
	const char *iface = NULL;
	enum addr_type type;

	if (!fields_known(asking, FIELD_BIT(is_src ? FIELD_SRC : FIELD_DST)))
		return CANNOT_TELL;
	if (match->addrtype.limit != ADDRTYPE_EVERYWHERE) {
		bool is_out = match->addrtype.limit == ADDRTYPE_OUT_IFACE;

		if (!fields_known(asking, FIELD_BIT(is_out ? FIELD_OUT_IFACE : FIELD_IN_IFACE)))
			return CANNOT_TELL;
		iface = is_out ? asking->packet->out_iface : asking->packet->in_iface;
		if (!iface)
			return CANNOT_TELL;
	}
	if (!oracle || !oracle->addr_type)
		return CANNOT_TELL;
	if (addr->family == FAMILY_IPV6)
		return addrtype6_match(asking, match, addr, iface);
	if (!oracle->addr_type(oracle->data, addr, iface, &type))
		return CANNOT_TELL;
	return answer_of(((match->addrtype.types & (unsigned)type) != 0) != match->inverted);
}

static enum answer ttl_match(struct asking *asking, const struct match *match)
{
	uint64_t ttl;

	if (!number_of(asking, FIELD_TTL, &ttl))
		return CANNOT_TELL;
	switch (match->ttl.op) {
	case TTL_EQ:
		return answer_of((ttl == match->ttl.value) != match->inverted);
	case TTL_LT:
		return answer_of(ttl < match->ttl.value);
	case TTL_GT:
		return answer_of(ttl > match->ttl.value);
	}
	return CANNOT_TELL;
}

/* What is compared with one number of the packet. */
static enum answer number_match(struct asking *asking, const struct match *match)
{
	uint64_t number;
	bool is_it;

	switch (match->kind) {
	case MATCH_MARK:
		if (!number_of(asking, FIELD_MARK, &number))
			return CANNOT_TELL;
		is_it = (number & match->ct_mark.mask) == match->ct_mark.value;
		break;
	case MATCH_PKTTYPE:
		if (!number_of(asking, FIELD_PKTTYPE, &number))
			return CANNOT_TELL;
		is_it = number == match->pkt_type;
		break;
	case MATCH_LENGTH:
		if (!number_of(asking, FIELD_LENGTH, &number))
			return CANNOT_TELL;
		is_it = number >= match->range.min && number <= match->range.max;
		break;
	case MATCH_TOS:
		if (!number_of(asking, FIELD_TOS, &number))
			return CANNOT_TELL;
		is_it = (number & match->tos.mask) == match->tos.value;
		break;
	default:
		if (!number_of(asking, FIELD_TOS, &number))
			return CANNOT_TELL;
		is_it = number >> 2 == match->tos.value;
		break;
	}
	return answer_of(is_it != match->inverted);
}

/* What passes through has no socket, and then only inverted options match. Whether what the host
 * sends has one (an answer of the kernel itself has none) is only known where its user is. */
static enum answer owner_match(struct asking *asking, const struct match *match)
{
	bool is_uid = match->kind == MATCH_OWNER_UID;
	enum field field = is_uid ? FIELD_UID : FIELD_GID;
	uint64_t id;

	asking->decided |= FIELD_BIT(FIELD_IN_IFACE);
	if (asking->packet->in_iface)
		return answer_of(match->inverted);
	if (match->kind == MATCH_OWNER_SOCKET)
		return CANNOT_TELL;
	if (!number_of(asking, field, &id))
		return CANNOT_TELL;
	return answer_of((id >= match->ids.min && id <= match->ids.max) != match->inverted);
}

/*
 * Would an answer leave by the interface that the packet came by? loose: by any. A source that is the
 * host's own fails unless it is accepted, and then IPv4 looks at the device that has the address (a
 * loose one at none), IPv6 does not. Loopback passes. xt_rpfilter, and nft's "fib saddr . iif oif".
 */
enum answer way_back_eval(struct asking *asking, unsigned flags)
{
	const struct eval_oracle *oracle = asking->eval->oracle;
	const uint64_t fields =
		FIELD_BIT(FIELD_IN_IFACE) | FIELD_BIT(FIELD_SRC) | FIELD_BIT(FIELD_DST);
	struct packet packet = *asking->packet;
	enum addr_type type;
	const char *iface;

	/* the destination is the source of the answer, which routing rules may ask for */
	asking->decided |= fields;
	if (packet.unknown & (FIELD_BIT(FIELD_IN_IFACE) | FIELD_BIT(FIELD_SRC)) || !packet.in_iface)
		return CANNOT_TELL;
	if (strcmp(packet.in_iface, "lo") == 0)
		return YES;
	if (!(flags & RPFILTER_VALIDMARK))
		packet.mark = 0;
	else if (!fields_known(asking, FIELD_BIT(FIELD_MARK)))
		return CANNOT_TELL;
	if (!oracle || !oracle->addr_type || !oracle->route ||
		!oracle->addr_type(oracle->data, &packet.src, NULL, &type))
		return CANNOT_TELL;
	if (type & (ADDR_BLACKHOLE | ADDR_UNREACHABLE | ADDR_PROHIBIT))
		return NO;
	if (type == ADDR_LOCAL) {
		if (!(flags & RPFILTER_ACCEPT_LOCAL))
			return NO;
		if (packet.src.family == FAMILY_IPV6 || (flags & RPFILTER_LOOSE))
			return YES;
		if (!oracle->addr_type(oracle->data, &packet.src, packet.in_iface, &type))
			return CANNOT_TELL;
		return answer_of(type == ADDR_LOCAL);
	}
	if (type != ADDR_UNICAST || !oracle->route(oracle->data, &packet, &packet.src, &iface))
		return CANNOT_TELL;
	return answer_of(
		*iface && ((flags & RPFILTER_LOOSE) || strcmp(iface, packet.in_iface) == 0));
}

/* xt_policy: without IPsec "none" says yes and all else no; with it, only what does not ask for more is
 * known. */
static enum answer policy_match(struct asking *asking, const struct match *match)
{
	const struct eval_oracle *oracle = asking->eval->oracle;
	bool has_ipsec;

	if (!oracle || !oracle->ipsec ||
		!oracle->ipsec(oracle->data, asking->packet, match->policy.is_out, &has_ipsec))
		return CANNOT_TELL;
	if (has_ipsec && !match->policy.is_none && match->policy.is_strict)
		return CANNOT_TELL;
	return answer_of(has_ipsec != match->policy.is_none);
}

/* A packet is described with the protocol behind its extension headers, and has none that was not
 * named; without a routing header no match about it says yes, inverted or not. */
static enum answer rt_match(struct asking *asking)
{
	if (!fields_known(asking, FIELD_BIT(FIELD_PROTO)) || asking->packet->proto == 43)
		return CANNOT_TELL;
	return NO;
}

enum answer match_eval_xt(struct asking *asking, const struct match *match)
{
	switch (match->kind) {
	case MATCH_SRC_MASK:
	case MATCH_DST_MASK:
	case MATCH_IPRANGE_SRC:
	case MATCH_IPRANGE_DST:
		return addr_match(asking, match);
	case MATCH_FRAGMENT:
		return fragment_match(asking, match);
	case MATCH_PORT:
		return port_match(asking, match);
	case MATCH_TCP_FLAGS:
		return tcp_flags_match(asking, match);
	case MATCH_PHYSDEV_IS_IN:
	case MATCH_PHYSDEV_IS_OUT:
		return physdev_flag_match(asking, match);
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
	case MATCH_MARK:
	case MATCH_PKTTYPE:
	case MATCH_LENGTH:
	case MATCH_TOS:
	case MATCH_DSCP:
		return number_match(asking, match);
	case MATCH_OWNER_UID:
	case MATCH_OWNER_GID:
	case MATCH_OWNER_SOCKET:
		return owner_match(asking, match);
	case MATCH_RPFILTER:
		return answer_inverted(way_back_eval(asking, match->rpfilter), match->inverted);
	case MATCH_POLICY:
		return policy_match(asking, match);
	case MATCH_RT:
		return rt_match(asking);
	case MATCH_COMMENT:
		return YES;
	default:
		return CANNOT_TELL; /* socket asks for what no packet says */
	}
}

/* (old & ~mask) ^ value; known when the old value is, or when nothing is left of it. */
static void set_mark(struct packet *packet, enum field field, uint32_t mask, uint32_t value)
{
	uint32_t *mark = field == FIELD_MARK ? &packet->mark : &packet->ct_mark;

	if (mask == UINT32_MAX)
		packet->unknown &= ~FIELD_BIT(field);
	*mark = (*mark & ~mask) ^ value;
}

/* Does the packet belong to a flow? Where that is open, so is what a connection's mark becomes. */
static void connmark_effect(
	struct asking *asking, const struct connmark *connmark, struct effect *ret)
{
	const struct packet *packet = asking->packet;
	enum field to = connmark->op == CONNMARK_RESTORE ? FIELD_MARK : FIELD_CT_MARK;
	enum field from = connmark->op == CONNMARK_RESTORE ? FIELD_CT_MARK : FIELD_MARK;
	bool is_open = !fields_known(asking, FIELD_BIT(FIELD_CT_STATE));

	if (!is_open && (!packet->ct_state || packet->ct_state == CT_INVALID ||
				packet->ct_state == CT_UNTRACKED))
		return;
	ret->kind = EFFECT_CHANGE;
	ret->packet = *packet;
	if (is_open || (connmark->op != CONNMARK_SET && !fields_known(asking, FIELD_BIT(from)))) {
		ret->packet.unknown |= FIELD_BIT(to);
		return;
	}
	if (connmark->op == CONNMARK_SET)
		set_mark(&ret->packet, to, connmark->ct_mask, connmark->value);
	else if (connmark->op == CONNMARK_SAVE)
		set_mark(&ret->packet, to, connmark->ct_mask, packet->mark & connmark->nf_mask);
	else
		set_mark(&ret->packet, to, connmark->nf_mask, packet->ct_mark & connmark->ct_mask);
}

/* nf_conntrack_tmpl: until conntrack is asked, rules see an entry of nobody's, a new one in that zone. */
void packet_take_template(struct packet *packet, uint16_t zone)
{
	enum family family = packet->src.family;

	packet->ct_zone = zone;
	packet->ct_state = CT_NEW;
	packet->ct_status = CT_STATUS_CONFIRMED;
	packet->ct_mark = 0;
	packet->is_reply = false;
	packet->ct_orig_src = packet->ct_orig_dst = (struct addr){ .family = family };
	packet->ct_orig_sport = packet->ct_orig_dport = 0;
}

static void ct_effect(struct asking *asking, const struct ct_target *ct, struct effect *ret)
{
	const struct packet *packet = asking->packet;

	/* xt_CT does nothing to a packet that has an entry or is not to have one */
	if (packet->ct_state != CT_INVALID && packet->ct_state)
		return;
	if (!ct->is_notrack && !ct->has_zone && !ct->is_zone_mark)
		return;
	if (!ct->is_notrack &&
		(ct->zone_of != CT_ZONE_BOTH ||
			(ct->is_zone_mark && !fields_known(asking, FIELD_BIT(FIELD_MARK))))) {
		ret->kind = EFFECT_VERDICT;
		ret->verdict = VERDICT_CANNOT_TELL;
		ret->why = ct->zone_of != CT_ZONE_BOTH
				   ? "a conntrack zone of one direction is not modelled"
				   : "the conntrack zone is a mark that is not known";
		return;
	}
	ret->kind = EFFECT_CHANGE;
	ret->packet = *packet;
	if (ct->is_notrack)
		ret->packet.ct_state = CT_UNTRACKED;
	else
		packet_take_template(
			&ret->packet, ct->is_zone_mark ? (uint16_t)packet->mark : ct->zone);
}

static void ttl_effect(struct asking *asking, const struct target *target, struct effect *ret)
{
	int ttl = asking->packet->ttl;

	ret->kind = EFFECT_CHANGE;
	ret->packet = *asking->packet;
	if (target->ttl.op == TTL_SET) {
		ret->packet.unknown &= ~FIELD_BIT(FIELD_TTL);
		ttl = target->ttl.value;
	} else {
		ttl += target->ttl.op == TTL_INC ? target->ttl.value : -(int)target->ttl.value;
	}
	ret->packet.ttl = (uint8_t)(ttl < 0 ? 0 : ttl > 255 ? 255 : ttl);
}

void target_effect_xt(struct asking *asking, const struct target *target, struct effect *ret)
{
	const struct packet *packet = asking->packet;

	switch (target->kind) {
	case TARGET_TAKEN:
	case TARGET_REJECT:
		ret->kind = EFFECT_VERDICT;
		ret->verdict = target->kind == TARGET_REJECT ? VERDICT_REJECT : VERDICT_STOLEN;
		return;
	case TARGET_MARK:
		ret->kind = EFFECT_CHANGE;
		ret->packet = *packet;
		set_mark(&ret->packet, FIELD_MARK, target->mark.mask, target->mark.value);
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
		ret->kind = EFFECT_CHANGE;
		ret->packet = *packet;
		if (target->kind == TARGET_DSCP)
			ret->packet.tos = (uint8_t)((packet->tos & 3) | target->tos.value << 2);
		else
			ret->packet.tos =
				(uint8_t)((packet->tos & ~target->tos.mask) ^ target->tos.value);
		if (target->kind == TARGET_TOS && target->tos.mask == 0xff)
			ret->packet.unknown &= ~FIELD_BIT(FIELD_TOS);
		return;
	case TARGET_TTL:
		ttl_effect(asking, target, ret);
		return;
	default:
		return; /* goes on */
	}
}
