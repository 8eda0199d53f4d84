// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/vec.h"
#include "kernel/kernel.h"
#include "kernel/netlink.h"

struct place {
	int index;
	struct link *link;
};

struct pass {
	struct arena *arena;
	VEC(struct link) links;
	struct place *by_index; /* sorted, once all links are there */
};

static void read_bool_options(const struct nlattr *attr, struct link *link)
{
	struct br_boolopt_multi options;

	if (mnl_attr_get_payload_len(attr) < sizeof(options))
		return;
	memcpy(&options, mnl_attr_get_payload(attr), sizeof(options));
	link->no_linklocal_learn = options.optval & 1U << BR_BOOLOPT_NO_LL_LEARN;
}

static void read_bridge(const struct nlattr *data, struct link *link)
{
	const struct nlattr *attr;

	netlink_for_each_nested(attr, data)
	{
		if (mnl_attr_get_payload_len(attr) < sizeof(uint8_t))
			continue;
		if (mnl_attr_get_type(attr) == IFLA_BR_NF_CALL_IPTABLES)
			link->nf_call[FAMILY_IPV4] = mnl_attr_get_u8(attr);
		else if (mnl_attr_get_type(attr) == IFLA_BR_NF_CALL_IP6TABLES)
			link->nf_call[FAMILY_IPV6] = mnl_attr_get_u8(attr);
		else if (mnl_attr_get_type(attr) == IFLA_BR_MULTI_BOOLOPT)
			read_bool_options(attr, link);
	}
}

static void read_info(struct pass *pass, const struct nlattr *info, struct link *link)
{
	const struct nlattr *attr, *data = NULL;

	netlink_for_each_nested(attr, info)
	{
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			link->kind = arena_strndup(pass->arena, mnl_attr_get_str(attr),
				strnlen(mnl_attr_get_str(attr), mnl_attr_get_payload_len(attr)));
		else if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
			data = attr;
	}
	if (data && !strcmp(link->kind, "bridge"))
		read_bridge(data, link);
}

static int each_link(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *msg = mnl_nlmsg_get_payload(nlh);
	struct pass *pass = data;
	struct link link = { .index = msg->ifi_index, .kind = "" };
	const struct nlattr *attr;
	bool is_peer_away = false;
	int lower = 0;

	link.is_up = msg->ifi_flags & IFF_UP;
	netlink_for_each(attr, nlh, sizeof(*msg))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			link.name = arena_strndup(pass->arena, mnl_attr_get_str(attr),
				strnlen(mnl_attr_get_str(attr), mnl_attr_get_payload_len(attr)));
			break;
		case IFLA_MASTER:
			link.master_index = (int)mnl_attr_get_u32(attr);
			break;
		case IFLA_LINK:
			lower = (int)mnl_attr_get_u32(attr);
			break;
		case IFLA_LINK_NETNSID:
			is_peer_away = true;
			break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(attr) == sizeof(link.mac.bytes))
				memcpy(link.mac.bytes, mnl_attr_get_payload(attr),
					sizeof(link.mac.bytes));
			break;
		case IFLA_LINKINFO:
			read_info(pass, attr, &link);
			break;
		}
	}
	if (!link.name)
		return MNL_CB_OK;
	/* of a VLAN, a macvlan ... the same attribute is the link it stands on */
	if (!strcmp(link.kind, "veth")) {
		link.peer_index = lower;
		link.is_peer_away = is_peer_away;
	}
	*vec_push(&pass->links, pass->arena) = link;
	return MNL_CB_OK;
}

static int by_index(const void *a, const void *b)
{
	int x = ((const struct place *)a)->index, y = ((const struct place *)b)->index;

	return (x > y) - (x < y);
}

static int each_address(const struct nlmsghdr *nlh, void *data)
{
	const struct ifaddrmsg *msg = mnl_nlmsg_get_payload(nlh);
	struct pass *pass = data;
	const struct place key = { .index = (int)msg->ifa_index }, *found = NULL;

	if (msg->ifa_family != AF_INET &&
		(msg->ifa_family != AF_INET6 || msg->ifa_scope == RT_SCOPE_LINK))
		return MNL_CB_OK;
	if (pass->links.n)
		found = bsearch(&key, pass->by_index, pass->links.n, sizeof(key), by_index);
	if (found)
		found->link->has_address = true;
	return MNL_CB_OK;
}

static enum netlink_result dump_links(struct netlink *nl, struct pass *pass, struct err *err)
{
	char buf[256] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);

	request->nlmsg_type = RTM_GETLINK;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg)); /* zeroed: AF_UNSPEC */
	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return netlink_dump(nl, request, each_link, pass, "links", err);
}

static void index_links(struct pass *pass)
{
	pass->by_index = arena_new_array(pass->arena, struct place, pass->links.n);
	for (size_t i = 0; i < pass->links.n; i++)
		pass->by_index[i] =
			(struct place){ pass->links.items[i].index, &pass->links.items[i] };
	if (pass->links.n)
		qsort(pass->by_index, pass->links.n, sizeof(*pass->by_index), by_index);
}

static enum netlink_result dump_addresses(struct netlink *nl, struct pass *pass, struct err *err)
{
	char buf[256] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);

	index_links(pass);
	request->nlmsg_type = RTM_GETADDR;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifaddrmsg)); /* zeroed: AF_UNSPEC */
	return netlink_dump(nl, request, each_address, pass, "addresses", err);
}

static bool sysctl_is_on(const char *path)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct err ignored;

	return text_load(&text, path, 64, &ignored) && text.data[0] != '0';
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct link *)a)->name, ((const struct link *)b)->name);
}

bool kernel_netns_read(struct arena *arena, const struct netns **ret, struct err *err)
{
	struct netlink nl CLEANUP(netlink_close) = NETLINK_INIT;
	enum netlink_result result = NETLINK_AGAIN;
	struct netns *host = arena_new_one(arena, struct netns);
	struct pass pass = { .arena = arena };

	if (!netlink_open(&nl, NETLINK_ROUTE, err))
		return false;
	for (int i = 0; result == NETLINK_AGAIN && i < NETLINK_DUMP_TRIES; i++) {
		pass.links.n = 0;
		result = dump_links(&nl, &pass, err);
		if (result == NETLINK_DONE)
			result = dump_addresses(&nl, &pass, err);
	}
	if (result == NETLINK_AGAIN)
		err_system(err, EAGAIN, "cannot list links: they change all the time");
	if (result != NETLINK_DONE)
		return false;
	host->links = pass.links.items;
	host->n_links = pass.links.n;
	if (host->n_links)
		qsort(host->links, host->n_links, sizeof(*host->links), by_name);
	host->name = "";
	host->has_br_netfilter = access("/proc/sys/net/bridge", F_OK) == 0;
	host->nf_call[FAMILY_IPV4] = sysctl_is_on("/proc/sys/net/bridge/bridge-nf-call-iptables");
	host->nf_call[FAMILY_IPV6] = sysctl_is_on("/proc/sys/net/bridge/bridge-nf-call-ip6tables");
	*ret = host;
	return true;
}

static void put_switch(struct nlmsghdr *request, enum bridge_switch which, bool on)
{
	const struct br_boolopt_multi options = { .optval = (uint32_t)on << BR_BOOLOPT_NO_LL_LEARN,
		.optmask = 1U << BR_BOOLOPT_NO_LL_LEARN };

	switch (which) {
	case SWITCH_NF_CALL_IPTABLES:
		mnl_attr_put_u8(request, IFLA_BR_NF_CALL_IPTABLES, on);
		break;
	case SWITCH_NF_CALL_IP6TABLES:
		mnl_attr_put_u8(request, IFLA_BR_NF_CALL_IP6TABLES, on);
		break;
	default:
		mnl_attr_put(request, IFLA_BR_MULTI_BOOLOPT, sizeof(options), &options);
	}
}

bool kernel_bridge_set(const char *bridge, enum bridge_switch which, bool on, struct err *err)
{
	struct netlink nl CLEANUP(netlink_close) = NETLINK_INIT;
	char buf[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);
	unsigned index = if_nametoindex(bridge);
	struct nlattr *info, *data;
	struct ifinfomsg *msg;
	int sys;

	if (!index)
		return err_system(err, errno, "there is no bridge %s", bridge);
	if (!netlink_open(&nl, NETLINK_ROUTE, err))
		return false;
	request->nlmsg_type = RTM_NEWLINK;
	msg = mnl_nlmsg_put_extra_header(request, sizeof(*msg));
	msg->ifi_family = AF_UNSPEC;
	msg->ifi_index = (int)index;
	info = mnl_attr_nest_start(request, IFLA_LINKINFO);
	mnl_attr_put_str(request, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
	put_switch(request, which, on);
	mnl_attr_nest_end(request, data);
	mnl_attr_nest_end(request, info);
	sys = netlink_ask(&nl, request);
	if (sys)
		return err_system(err, sys, "cannot set %s of the bridge %s",
			bridge_switch_name(which), bridge);
	return true;
}
