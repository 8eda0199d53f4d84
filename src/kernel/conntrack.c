// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/vec.h"
#include "kernel/reading.h"

static const struct nlattr *nested(const struct nlattr *parent, uint16_t type)
{
	const struct nlattr *attr;

	netlink_for_each_nested(attr, parent)
	{
		if (mnl_attr_get_type(attr) == type)
			return attr;
	}
	return NULL;
}

static void read_addr(const struct nlattr *attr, enum family family, struct addr *ret)
{
	size_t size = family == FAMILY_IPV6 ? 16 : 4;

	ret->family = family;
	if (mnl_attr_get_payload_len(attr) >= size)
		memcpy(ret->bytes, mnl_attr_get_payload(attr), size);
}

static uint16_t read_u16(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) >= 2 ? ntohs(mnl_attr_get_u16(attr)) : 0;
}

static uint32_t read_u32(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) >= 4 ? ntohl(mnl_attr_get_u32(attr)) : 0;
}

static uint8_t read_u8(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) >= 1 ? mnl_attr_get_u8(attr) : 0;
}

static void read_proto(const struct nlattr *proto, struct dumped_tuple *tuple)
{
	const struct nlattr *attr;

	netlink_for_each_nested(attr, proto)
	{
		switch (mnl_attr_get_type(attr)) {
		case CTA_PROTO_NUM:
			tuple->proto = read_u8(attr);
			break;
		case CTA_PROTO_SRC_PORT:
		case CTA_PROTO_ICMP_ID:
		case CTA_PROTO_ICMPV6_ID:
			tuple->sport = read_u16(attr);
			break;
		case CTA_PROTO_DST_PORT:
			tuple->dport = read_u16(attr);
			break;
		case CTA_PROTO_ICMP_TYPE:
		case CTA_PROTO_ICMPV6_TYPE:
			tuple->icmp_type = read_u8(attr);
			break;
		case CTA_PROTO_ICMP_CODE:
		case CTA_PROTO_ICMPV6_CODE:
			tuple->icmp_code = read_u8(attr);
			break;
		}
	}
}

static void read_tuple(const struct nlattr *attr, struct dumped_tuple *tuple)
{
	const struct nlattr *ip = nested(attr, CTA_TUPLE_IP), *end;
	const struct nlattr *proto = nested(attr, CTA_TUPLE_PROTO);
	const struct nlattr *zone = nested(attr, CTA_TUPLE_ZONE);

	if (ip) {
		netlink_for_each_nested(end, ip)
		{
			switch (mnl_attr_get_type(end)) {
			case CTA_IP_V4_SRC:
				read_addr(end, FAMILY_IPV4, &tuple->src);
				break;
			case CTA_IP_V4_DST:
				read_addr(end, FAMILY_IPV4, &tuple->dst);
				break;
			case CTA_IP_V6_SRC:
				read_addr(end, FAMILY_IPV6, &tuple->src);
				break;
			case CTA_IP_V6_DST:
				read_addr(end, FAMILY_IPV6, &tuple->dst);
				break;
			}
		}
	}
	if (proto)
		read_proto(proto, tuple);
	if (zone)
		tuple->zone = read_u16(zone);
}

/* As conntrack -L names them (net/netfilter/nf_conntrack_proto_tcp.c). */
static const char *read_tcp_state(const struct nlattr *info)
{
	static const char *const names[] = { "NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED",
		"FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2" };
	const struct nlattr *tcp = nested(info, CTA_PROTOINFO_TCP);
	const struct nlattr *state = tcp ? nested(tcp, CTA_PROTOINFO_TCP_STATE) : NULL;

	return state && read_u8(state) < N_OF(names) ? names[read_u8(state)] : NULL;
}

void ct_entry_read(const struct nlmsghdr *nlh, struct ct_entry *entry)
{
	const struct nlattr *attr;

	*entry = (struct ct_entry){ 0 };
	netlink_for_each(attr, nlh, sizeof(struct nfgenmsg))
	{
		switch (mnl_attr_get_type(attr)) {
		case CTA_TUPLE_ORIG:
			entry->original = attr;
			read_tuple(attr, &entry->tuple);
			break;
		case CTA_TUPLE_REPLY:
			read_tuple(attr, &entry->reply);
			break;
		case CTA_TUPLE_MASTER:
			entry->has_master = true;
			read_tuple(attr, &entry->master);
			break;
		case CTA_ZONE:
			entry->zone = attr;
			break;
		case CTA_ID:
			entry->id = attr;
			break;
		case CTA_MARK:
			entry->mark = read_u32(attr);
			break;
		case CTA_STATUS:
			entry->status = read_u32(attr);
			break;
		case CTA_TIMEOUT:
			entry->timeout_s = read_u32(attr);
			break;
		case CTA_PROTOINFO:
			entry->tcp_state = read_tcp_state(attr);
			break;
		}
	}
	if (entry->zone)
		entry->tuple.zone = read_u16(entry->zone);
	entry->master.zone = entry->tuple.zone;
}

bool ct_list(void (*begin)(void *data), mnl_cb_t each, void *data, struct err *err)
{
	static const struct nfgenmsg all = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };

	return netlink_list(&(struct netlink_list){ .bus = NETLINK_NETFILTER,
				    .type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
				    .header = &all,
				    .header_size = sizeof(all),
				    .what = "conntrack entries",
				    .each = each,
				    .begin = begin,
				    .data = data },
		err);
}

static struct flow_tuple flow_tuple_of(const struct dumped_tuple *tuple)
{
	bool is_icmp = tuple->proto == PROTO_ICMP || tuple->proto == PROTO_ICMPV6;

	struct flow_tuple flow = { tuple->src, tuple->dst, tuple->sport, tuple->dport };

	if (is_icmp)
		flow.dport = (uint16_t)(tuple->icmp_type << 8 | tuple->icmp_code);
	return flow;
}

struct conntrack_entry ct_entry_value(const struct ct_entry *entry)
{
	return (struct conntrack_entry){
		.proto = entry->tuple.proto,
		.orig = flow_tuple_of(&entry->tuple),
		.reply = flow_tuple_of(&entry->reply),
		.zone = entry->tuple.zone,
		.status = entry->status,
		.mark = entry->mark,
		.timeout_s = entry->timeout_s,
		.tcp_state = entry->tcp_state,
	};
}

struct pass {
	struct arena *arena;
	VEC(struct conntrack_entry) entries;
	bool is_cut;
};

static int each_entry(const struct nlmsghdr *nlh, void *data)
{
	struct pass *pass = data;
	struct ct_entry entry;

	ct_entry_read(nlh, &entry);
	if (!entry.original)
		return MNL_CB_OK;
	if (pass->entries.n >= LIMIT_CONNTRACK) {
		pass->is_cut = true;
		return MNL_CB_OK;
	}
	*vec_push(&pass->entries, pass->arena) = ct_entry_value(&entry);
	return MNL_CB_OK;
}

static void forget_entries(void *data)
{
	struct pass *pass = data;

	pass->entries.n = 0;
	pass->is_cut = false;
}

void reading_conntrack(struct reading *reading)
{
	struct pass pass = { .arena = reading->arena };
	struct err err;

	/* Without the module nothing is tracked, and to ask would load it. */
	if (!reading_has(reading, "/proc/sys/net", "netfilter/nf_conntrack_count", "conntrack"))
		return;
	if (!ct_list(forget_entries, each_entry, &pass, &err))
		reading_unread(reading, "conntrack", "%s", err.text);
	else if (pass.is_cut)
		reading_unread(reading, "conntrack",
			"more than %d entries: the others are not here", LIMIT_CONNTRACK);
	reading->ns->conntrack = pass.entries.items;
	reading->ns->n_conntrack = pass.entries.n;
}
