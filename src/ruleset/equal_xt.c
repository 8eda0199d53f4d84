// SPDX-License-Identifier: GPL-2.0-or-later
/* Equality of the kinds of iptables' modules. */
#include <string.h>

#include "ruleset/print.h"

static bool masked_equal(const struct masked_addr *a, const struct masked_addr *b)
{
	return addr_compare(&a->addr, &b->addr) == 0 && addr_compare(&a->mask, &b->mask) == 0;
}

static bool range_equal(struct port_range a, struct port_range b)
{
	return a.min == b.min && a.max == b.max;
}

static bool text_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool rt_equal(const struct match *a, const struct match *b)
{
	return a->rt.has_type == b->rt.has_type && a->rt.has_segsleft == b->rt.has_segsleft &&
	       (!a->rt.has_type || a->rt.type == b->rt.type) &&
	       (!a->rt.has_segsleft || (a->rt.is_segsleft_inverted == b->rt.is_segsleft_inverted &&
					       a->rt.segsleft_min == b->rt.segsleft_min &&
					       a->rt.segsleft_max == b->rt.segsleft_max));
}

static bool ct_equal(const struct match *a, const struct match *b)
{
	switch (a->kind) {
	case MATCH_CT_PROTO:
		return a->ct.proto == b->ct.proto;
	case MATCH_CT_ADDR:
		return a->ct.of == b->ct.of && masked_equal(a->ct.masked, b->ct.masked);
	case MATCH_CT_PORT:
		return a->ct.of == b->ct.of && range_equal(a->ct.range, b->ct.range);
	case MATCH_CT_STATUS:
		return a->ct.status == b->ct.status;
	default:
		return a->ct.is_reply == b->ct.is_reply;
	}
}

bool match_equal_xt(const struct match *a, const struct match *b)
{
	if (a->is_continued != b->is_continued)
		return false;
	switch (a->kind) {
	case MATCH_SRC_MASK:
	case MATCH_DST_MASK:
		return masked_equal(a->masked, b->masked);
	case MATCH_TCP_FLAGS:
		return a->tcp_flags.mask == b->tcp_flags.mask &&
		       a->tcp_flags.value == b->tcp_flags.value;
	case MATCH_CT_PROTO:
	case MATCH_CT_ADDR:
	case MATCH_CT_PORT:
	case MATCH_CT_STATUS:
	case MATCH_CT_DIR:
		return ct_equal(a, b);
	case MATCH_MARK:
		return a->ct_mark.value == b->ct_mark.value && a->ct_mark.mask == b->ct_mark.mask;
	case MATCH_ADDRTYPE_SRC:
	case MATCH_ADDRTYPE_DST:
		return a->addrtype.types == b->addrtype.types &&
		       a->addrtype.limit == b->addrtype.limit;
	case MATCH_IPRANGE_SRC:
	case MATCH_IPRANGE_DST:
		return addr_compare(&a->addrs->min, &b->addrs->min) == 0 &&
		       addr_compare(&a->addrs->max, &b->addrs->max) == 0;
	case MATCH_PKTTYPE:
		return a->pkt_type == b->pkt_type;
	case MATCH_TTL:
		return a->ttl.op == b->ttl.op && a->ttl.value == b->ttl.value;
	case MATCH_LENGTH:
		return range_equal(a->range, b->range);
	case MATCH_TOS:
		return a->tos.value == b->tos.value && a->tos.mask == b->tos.mask;
	case MATCH_DSCP:
		return a->tos.value == b->tos.value;
	case MATCH_RPFILTER:
		return a->rpfilter == b->rpfilter;
	case MATCH_SOCKET:
		return a->socket == b->socket;
	case MATCH_OWNER_UID:
	case MATCH_OWNER_GID:
		return a->ids.min == b->ids.min && a->ids.max == b->ids.max;
	case MATCH_POLICY:
		return a->policy.is_out == b->policy.is_out &&
		       a->policy.is_none == b->policy.is_none &&
		       a->policy.is_strict == b->policy.is_strict;
	case MATCH_RT:
		return rt_equal(a, b);
	case MATCH_COMMENT:
		return text_equal(a->name, b->name);
	default:
		return true; /* a kind that has no value */
	}
}

static bool ct_target_equal(const struct ct_target *a, const struct ct_target *b)
{
	return a->is_notrack == b->is_notrack && a->has_zone == b->has_zone &&
	       a->is_zone_mark == b->is_zone_mark && a->zone_of == b->zone_of &&
	       a->zone == b->zone && text_equal(a->helper, b->helper) &&
	       text_equal(a->others, b->others);
}

static bool nat_equal(const struct nat *a, const struct nat *b)
{
	return a->kind == b->kind && a->has_addr == b->has_addr && a->has_ports == b->has_ports &&
	       a->is_random == b->is_random && a->is_fully_random == b->is_fully_random &&
	       a->is_persistent == b->is_persistent &&
	       (!a->has_addr || (addr_compare(&a->addr_min, &b->addr_min) == 0 &&
					addr_compare(&a->addr_max, &b->addr_max) == 0)) &&
	       (!a->has_ports || (a->port_min == b->port_min && a->port_max == b->port_max));
}

bool target_equal_xt(const struct target *a, const struct target *b)
{
	switch (a->kind) {
	case TARGET_CONTINUE:
	case TARGET_TAKEN:
		return text_equal(a->text, b->text);
	case TARGET_REJECT:
		return text_equal(a->reject_with, b->reject_with);
	case TARGET_MARK:
		return a->mark.value == b->mark.value && a->mark.mask == b->mark.mask;
	case TARGET_CONNMARK:
		return a->connmark->op == b->connmark->op &&
		       a->connmark->value == b->connmark->value &&
		       a->connmark->ct_mask == b->connmark->ct_mask &&
		       a->connmark->nf_mask == b->connmark->nf_mask;
	case TARGET_CT:
		return ct_target_equal(a->ct, b->ct);
	case TARGET_NAT:
		return nat_equal(a->mapping, b->mapping);
	case TARGET_TOS:
		return a->tos.value == b->tos.value && a->tos.mask == b->tos.mask;
	case TARGET_DSCP:
		return a->tos.value == b->tos.value;
	case TARGET_TTL:
		return a->ttl.op == b->ttl.op && a->ttl.value == b->ttl.value;
	default:
		return true; /* a kind that has no value */
	}
}
