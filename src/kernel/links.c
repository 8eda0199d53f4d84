// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <net/if.h> /* before linux/if.h, which then leaves out what it has */
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/vec.h"
#include "kernel/kernel.h"
#include "kernel/links.h"
#include "kernel/netlink.h"

struct place {
	int index;
	struct link *link;
};

struct pass {
	struct arena *arena;
	links_conf_fn *each_conf;
	void *conf_data;
	VEC(struct link) links;
	struct place *by_index; /* sorted, once all links are there */
};

static uint32_t number_of(const struct nlattr *attr)
{
	switch (mnl_attr_get_payload_len(attr)) {
	case sizeof(uint8_t):
		return mnl_attr_get_u8(attr);
	case sizeof(uint16_t):
		return mnl_attr_get_u16(attr);
	case sizeof(uint32_t):
		return mnl_attr_get_u32(attr);
	default:
		return 0;
	}
}

static void read_bridge(const struct nlattr *data, struct link *link)
{
	const struct nlattr *attr;

	netlink_for_each_nested(attr, data)
	{
		uint32_t value = number_of(attr);

		switch (mnl_attr_get_type(attr)) {
		case IFLA_BR_NF_CALL_IPTABLES:
			link->nf_call[FAMILY_IPV4] = value;
			break;
		case IFLA_BR_NF_CALL_IP6TABLES:
			link->nf_call[FAMILY_IPV6] = value;
			break;
		case IFLA_BR_NF_CALL_ARPTABLES:
			link->nf_call_arp = value;
			break;
		case IFLA_BR_STP_STATE:
			link->has_stp = value;
			break;
		case IFLA_BR_VLAN_FILTERING:
			link->has_vlan_filtering = value;
			break;
		case IFLA_BR_MCAST_SNOOPING:
			link->has_mcast_snooping = value;
			break;
		case IFLA_BR_MCAST_QUERIER:
			link->has_mcast_querier = value;
			break;
		case IFLA_BR_FORWARD_DELAY:
			link->forward_delay_cs = value;
			break;
		case IFLA_BR_AGEING_TIME:
			link->ageing_time_cs = value;
			break;
		case IFLA_BR_GROUP_FWD_MASK:
			link->group_fwd_mask = (uint16_t)value;
			break;
		case IFLA_BR_VLAN_DEFAULT_PVID:
			link->default_pvid = (uint16_t)value;
			break;
		case IFLA_BR_MULTI_BOOLOPT:
			if (mnl_attr_get_payload_len(attr) >= sizeof(struct br_boolopt_multi)) {
				const struct br_boolopt_multi *options = mnl_attr_get_payload(attr);

				link->no_linklocal_learn =
					options->optval & 1u << BR_BOOLOPT_NO_LL_LEARN;
			}
			break;
		}
	}
}

static void read_port(const struct nlattr *data, struct link *link)
{
	const struct nlattr *attr;

	netlink_for_each_nested(attr, data)
	{
		uint32_t value = number_of(attr);

		switch (mnl_attr_get_type(attr)) {
		case IFLA_BRPORT_STATE:
			if (value <= PORT_BLOCKING)
				link->port_state = (enum port_state)value;
			break;
		case IFLA_BRPORT_MODE:
			link->has_hairpin = value;
			break;
		case IFLA_BRPORT_LEARNING:
			link->has_learning = value;
			break;
		case IFLA_BRPORT_UNICAST_FLOOD:
			link->has_unicast_flood = value;
			break;
		case IFLA_BRPORT_MCAST_FLOOD:
			link->has_mcast_flood = value;
			break;
		case IFLA_BRPORT_BCAST_FLOOD:
			link->has_bcast_flood = value;
			break;
		case IFLA_BRPORT_ISOLATED:
			link->is_isolated = value;
			break;
		case IFLA_BRPORT_LOCKED:
			link->is_locked = value;
			break;
		case IFLA_BRPORT_NEIGH_SUPPRESS:
			link->has_neigh_suppress = value;
			break;
		case IFLA_BRPORT_PROXYARP:
			link->has_proxyarp = value;
			break;
		}
	}
}

static uint32_t nested_number(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *attr;

	netlink_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == type)
			return number_of(attr);
	}
	return 0;
}

static void read_info(struct pass *pass, const struct nlattr *info, struct link *link)
{
	const struct nlattr *attr, *data = NULL, *port = NULL;
	const char *port_kind = "";

	netlink_for_each_nested(attr, info)
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_INFO_KIND:
			link->kind = netlink_strdup(pass->arena, attr);
			break;
		case IFLA_INFO_DATA:
			data = attr;
			break;
		case IFLA_INFO_SLAVE_KIND:
			port_kind = netlink_strdup(pass->arena, attr);
			break;
		case IFLA_INFO_SLAVE_DATA:
			port = attr;
			break;
		}
	}
	if (data && !strcmp(link->kind, "bridge"))
		read_bridge(data, link);
	else if (data && !strcmp(link->kind, "vlan"))
		link->vlan_id = (uint16_t)nested_number(data, IFLA_VLAN_ID);
	else if (data && !strcmp(link->kind, "vrf"))
		link->table = nested_number(data, IFLA_VRF_TABLE);
	if (port && !strcmp(port_kind, "bridge"))
		read_port(port, link);
}

static void read_flags(const struct ifinfomsg *msg, struct link *link)
{
	link->is_up = msg->ifi_flags & IFF_UP;
	link->has_carrier = msg->ifi_flags & IFF_LOWER_UP;
	link->is_loopback = msg->ifi_flags & IFF_LOOPBACK;
	link->is_noarp = msg->ifi_flags & IFF_NOARP;
	link->is_promisc = msg->ifi_flags & IFF_PROMISC;
}

/* The veth's peer, or what a VLAN, a macvlan ... stands on; the kernel has one attribute for both. */
static void set_lower(struct link *link, int lower, int nsid)
{
	if (!strcmp(link->kind, "veth"))
		link->peer_index = lower;
	else if (lower != link->index)
		link->lower_index = lower;
	link->is_peer_away = nsid != NSID_NONE;
	/* its number here for now: links_resolve */
	link->peer_netns = nsid;
}

static int each_link(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *msg = mnl_nlmsg_get_payload(nlh);
	struct pass *pass = data;
	struct link link = { .index = msg->ifi_index, .kind = "" };
	const struct nlattr *attr, *af_spec = NULL;
	int lower = 0, nsid = NSID_NONE;

	read_flags(msg, &link);
	netlink_for_each(attr, nlh, sizeof(*msg))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			link.name = netlink_strdup(pass->arena, attr);
			break;
		case IFLA_MASTER:
			link.master_index = (int)number_of(attr);
			break;
		case IFLA_LINK:
			lower = (int)number_of(attr);
			break;
		case IFLA_LINK_NETNSID:
			nsid = (int)number_of(attr);
			break;
		case IFLA_MTU:
			link.mtu = number_of(attr);
			break;
		case IFLA_GROUP:
			link.group = number_of(attr);
			break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(attr) == sizeof(link.mac.bytes))
				memcpy(link.mac.bytes, mnl_attr_get_payload(attr),
					sizeof(link.mac.bytes));
			break;
		case IFLA_LINKINFO:
			read_info(pass, attr, &link);
			break;
		case IFLA_XDP:
			link.has_xdp = nested_number(attr, IFLA_XDP_ATTACHED) != XDP_ATTACHED_NONE;
			break;
		case IFLA_AF_SPEC:
			af_spec = attr;
			break;
		}
	}
	if (!link.name)
		return MNL_CB_OK;
	set_lower(&link, lower, nsid);
	if (af_spec && pass->each_conf)
		pass->each_conf(pass->conf_data, link.name, af_spec);
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

/* A port's VLANs, or the bridge's own. A run of them is told by its begin and its end. */
static void read_vlans(struct pass *pass, const struct nlattr *spec, struct link *link)
{
	VEC(struct port_vlan) vlans = { 0 };
	const struct nlattr *attr;
	uint16_t begin = 0;

	netlink_for_each_nested(attr, spec)
	{
		const struct bridge_vlan_info *info = mnl_attr_get_payload(attr);

		if (mnl_attr_get_type(attr) != IFLA_BRIDGE_VLAN_INFO ||
			mnl_attr_get_payload_len(attr) < sizeof(*info))
			continue;
		if (info->flags & BRIDGE_VLAN_INFO_RANGE_BEGIN) {
			begin = info->vid;
			continue;
		}
		if (!(info->flags & BRIDGE_VLAN_INFO_RANGE_END))
			begin = info->vid;
		for (unsigned id = begin; id <= info->vid; id++)
			*vec_push(&vlans, pass->arena) = (struct port_vlan){
				.id = (uint16_t)id,
				.is_pvid = info->flags & BRIDGE_VLAN_INFO_PVID,
				.is_untagged = info->flags & BRIDGE_VLAN_INFO_UNTAGGED,
			};
	}
	link->vlans = vlans.items;
	link->n_vlans = vlans.n;
}

static int each_bridge_port(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *msg = mnl_nlmsg_get_payload(nlh);
	struct pass *pass = data;
	const struct place key = { .index = msg->ifi_index };
	struct place *found = bsearch(&key, pass->by_index, pass->links.n, sizeof(key), by_index);
	const struct nlattr *attr;

	netlink_for_each(attr, nlh, sizeof(*msg))
	{
		if (found && mnl_attr_get_type(attr) == IFLA_AF_SPEC)
			read_vlans(pass, attr, found->link);
	}
	return MNL_CB_OK;
}

/* Only where a bridge looks at them. */
static enum netlink_result dump_vlans(struct netlink *nl, struct pass *pass, struct err *err)
{
	char buf[256] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);
	bool is_needed = false;
	struct ifinfomsg *msg;

	vec_for_each (link, &pass->links)
		is_needed |= link->has_vlan_filtering;
	if (!is_needed)
		return NETLINK_DONE;
	request->nlmsg_type = RTM_GETLINK;
	msg = mnl_nlmsg_put_extra_header(request, sizeof(*msg));
	msg->ifi_family = AF_BRIDGE;
	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN_COMPRESSED);
	return netlink_dump(nl, request, each_bridge_port, pass, "VLANs of bridge ports", err);
}

bool links_read(struct arena *arena, struct netlink *nl, const struct links_read_options *options,
	struct links *ret, struct err *err)
{
	struct pass pass = {
		.arena = arena, .each_conf = options->each_conf, .conf_data = options->conf_data
	};
	enum netlink_result result = NETLINK_AGAIN;

	for (int i = 0; result == NETLINK_AGAIN && i < NETLINK_DUMP_TRIES; i++) {
		pass.links.n = 0;
		if (options->begin)
			options->begin(options->conf_data);
		result = dump_links(nl, &pass, err);
		if (result == NETLINK_DONE)
			result = dump_addresses(nl, &pass, err);
		if (result == NETLINK_DONE && options->with_vlans)
			result = dump_vlans(nl, &pass, err);
	}
	if (result == NETLINK_AGAIN)
		err_system(err, EAGAIN, "cannot list links: they change all the time");
	if (result != NETLINK_DONE)
		return false;
	*ret = (struct links){ pass.links.items, pass.links.n };
	return true;
}

bool kernel_netns_read(struct arena *arena, const struct netns **ret, struct err *err)
{
	struct netlink nl CLEANUP(netlink_close) = NETLINK_INIT;
	struct netns *ns = arena_new_one(arena, struct netns);
	struct links links;

	if (!netlink_open(&nl, NETLINK_ROUTE, err) ||
		!links_read(arena, &nl, &(struct links_read_options){ 0 }, &links, err))
		return false;
	for (size_t i = 0; i < links.n; i++)
		links.items[i].peer_netns = links.items[i].is_peer_away ? -1 : 0;
	ns->links = links.items;
	ns->n_links = links.n;
	ns->name = "";
	netns_finish(arena, ns);
	ns->has_br_netfilter = access("/proc/sys/net/bridge", F_OK) == 0;
	ns->nf_call[FAMILY_IPV4] = sysctl_is_on("/proc/sys/net/bridge/bridge-nf-call-iptables");
	ns->nf_call[FAMILY_IPV6] = sysctl_is_on("/proc/sys/net/bridge/bridge-nf-call-ip6tables");
	*ret = ns;
	return true;
}
