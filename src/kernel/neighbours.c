// SPDX-License-Identifier: GPL-2.0-or-later
/* Neighbours (ARP, NDP) and the forwarding databases of bridges: one message for both. */
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/limits.h"
#include "kernel/reading.h"

struct pass {
	struct arena *arena;
	VEC(struct neighbour) neighbours;
	VEC(struct fdb_entry) fdb;
	size_t n_before;
	bool is_cut;
};

static void begin(void *data)
{
	struct pass *pass = data;

	pass->neighbours.n = pass->n_before;
	pass->fdb.n = 0;
}

static bool read_mac(const struct nlattr *attr, struct mac *ret)
{
	if (mnl_attr_get_payload_len(attr) != sizeof(ret->bytes))
		return false;
	memcpy(ret->bytes, mnl_attr_get_payload(attr), sizeof(ret->bytes));
	return true;
}

static void read_addr(const struct nlattr *attr, struct addr *ret)
{
	size_t size = mnl_attr_get_payload_len(attr);

	if (size != 4 && size != 16)
		return;
	ret->family = size == 16 ? FAMILY_IPV6 : FAMILY_IPV4;
	memcpy(ret->bytes, mnl_attr_get_payload(attr), size);
}

static bool addr_is_none(const struct addr *addr)
{
	static const struct addr none;

	return !memcmp(addr->bytes, none.bytes, sizeof(none.bytes));
}

static bool is_zero(struct mac mac)
{
	static const struct mac zero;

	return mac_equal(mac, zero);
}

static int each_neighbour(const struct nlmsghdr *nlh, void *data)
{
	const struct ndmsg *msg = mnl_nlmsg_get_payload(nlh);
	struct neighbour neighbour = { .index = msg->ndm_ifindex };
	bool is_v6 = msg->ndm_family == AF_INET6, has_addr = false;
	size_t size = is_v6 ? 16 : 4;
	const struct nlattr *attr;
	struct pass *pass = data;

	if (msg->ndm_family != AF_INET && !is_v6)
		return MNL_CB_OK;
	if (pass->neighbours.n >= LIMIT_NEIGHBOURS) {
		pass->is_cut = true;
		return MNL_CB_OK;
	}
	neighbour.addr.family = is_v6 ? FAMILY_IPV6 : FAMILY_IPV4;
	neighbour.is_failed = msg->ndm_state & (NUD_FAILED | NUD_INCOMPLETE);
	neighbour.is_permanent = msg->ndm_state & NUD_PERMANENT;
	neighbour.is_proxy = msg->ndm_flags & NTF_PROXY;
	netlink_for_each(attr, nlh, sizeof(*msg))
	{
		if (mnl_attr_get_type(attr) == NDA_DST && mnl_attr_get_payload_len(attr) >= size) {
			memcpy(neighbour.addr.bytes, mnl_attr_get_payload(attr), size);
			has_addr = true;
		} else if (mnl_attr_get_type(attr) == NDA_LLADDR) {
			neighbour.has_mac = read_mac(attr, &neighbour.mac);
		}
	}
	/* NUD_NOARP: what the kernel derives by itself, of multicast and broadcast; else somebody's */
	if (msg->ndm_state & NUD_NOARP &&
		(!neighbour.has_mac || neighbour.mac.bytes[0] & 1 || is_zero(neighbour.mac)))
		return MNL_CB_OK;
	if (has_addr)
		*vec_push(&pass->neighbours, pass->arena) = neighbour;
	return MNL_CB_OK;
}

static int each_fdb(const struct nlmsghdr *nlh, void *data)
{
	const struct ndmsg *msg = mnl_nlmsg_get_payload(nlh);
	struct fdb_entry entry = { .port_index = msg->ndm_ifindex };
	const struct nlattr *attr;
	struct pass *pass = data;
	bool has_mac = false;

	if (msg->ndm_family != AF_BRIDGE)
		return MNL_CB_OK;
	if (pass->fdb.n >= LIMIT_NEIGHBOURS) {
		pass->is_cut = true;
		return MNL_CB_OK;
	}
	entry.is_permanent = msg->ndm_state & NUD_PERMANENT;
	entry.is_static = msg->ndm_state & (NUD_NOARP | NUD_PERMANENT);
	netlink_for_each(attr, nlh, sizeof(*msg))
	{
		switch (mnl_attr_get_type(attr)) {
		case NDA_LLADDR:
			has_mac = read_mac(attr, &entry.mac);
			break;
		case NDA_MASTER:
			entry.bridge_index = (int)mnl_attr_get_u32(attr);
			break;
		case NDA_DST:
			read_addr(attr, &entry.dst);
			break;
		case NDA_VLAN:
			entry.vlan = mnl_attr_get_u16(attr);
			break;
		}
	}
	/* with neither it is a filter of the device */
	if (has_mac && (entry.bridge_index || !addr_is_none(&entry.dst)))
		*vec_push(&pass->fdb, pass->arena) = entry;
	return MNL_CB_OK;
}

void reading_neighbours(struct reading *reading)
{
	static const struct ndmsg asked[] = { { .ndm_family = AF_INET }, { .ndm_family = AF_INET6 },
		{ .ndm_family = AF_INET, .ndm_flags = NTF_PROXY },
		{ .ndm_family = AF_INET6, .ndm_flags = NTF_PROXY } };
	static const struct ndmsg bridges = { .ndm_family = AF_BRIDGE };
	struct pass pass = { .arena = reading->arena };
	struct netlink_list list = { .bus = NETLINK_ROUTE,
		.type = RTM_GETNEIGH,
		.header_size = sizeof(struct ndmsg),
		.what = "neighbours",
		.each = each_neighbour,
		.begin = begin,
		.data = &pass };
	struct err err;

	for (size_t i = 0; i < N_OF(asked); i++) {
		list.header = &asked[i];
		pass.n_before = pass.neighbours.n;
		if (!netlink_list(&list, &err))
			reading_unread(reading, "neighbours", "%s", err.text);
	}
	list.header = &bridges;
	list.what = "forwarding databases";
	list.each = each_fdb;
	pass.n_before = pass.neighbours.n;
	if (!netlink_list(&list, &err))
		reading_unread(reading, "fdb", "%s", err.text);
	if (pass.is_cut) {
		reading_unread(reading, "neighbours", "more than %d entries", LIMIT_NEIGHBOURS);
		reading_unread(reading, "fdb", "more than %d entries", LIMIT_NEIGHBOURS);
	}
	reading->ns->neighbours = pass.neighbours.items;
	reading->ns->n_neighbours = pass.neighbours.n;
	reading->ns->fdb = pass.fdb.items;
	reading->ns->n_fdb = pass.fdb.n;
}
