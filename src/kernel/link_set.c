// SPDX-License-Identifier: GPL-2.0-or-later
/* What can be set of a link: its own attributes, those of a bridge, those of a bridge's port. */
#include <errno.h>
#include <net/if.h> /* before linux/if.h, which then leaves out what it has */
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/vec.h"
#include "kernel/kernel.h"
#include "kernel/netlink.h"

static struct ifinfomsg *begin_request(struct nlmsghdr *request, unsigned index)
{
	struct ifinfomsg *msg;

	request->nlmsg_type = RTM_NEWLINK;
	msg = mnl_nlmsg_put_extra_header(request, sizeof(*msg));
	msg->ifi_family = AF_UNSPEC;
	msg->ifi_index = (int)index;
	return msg;
}

/* An attribute of the bridge itself. */
static void put_bridge_data(struct nlmsghdr *request, uint16_t type, const void *value, size_t size)
{
	struct nlattr *info = mnl_attr_nest_start(request, IFLA_LINKINFO), *data;

	mnl_attr_put_str(request, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
	mnl_attr_put(request, type, size, value);
	mnl_attr_nest_end(request, data);
	mnl_attr_nest_end(request, info);
}

/* Of a bridge's port, as bridge(8) does it: to a port's data in IFLA_LINKINFO a state is not kept. */
static void put_port_data(
	struct nlmsghdr *request, struct ifinfomsg *msg, uint16_t type, uint8_t value)
{
	struct nlattr *data;

	request->nlmsg_type = RTM_SETLINK;
	msg->ifi_family = AF_BRIDGE;
	data = mnl_attr_nest_start(request, IFLA_PROTINFO);
	mnl_attr_put_u8(request, type, value);
	mnl_attr_nest_end(request, data);
}

/* The attributes that are one byte: 0 or 1, but for the state. */
static const struct {
	bool is_port;
	uint16_t type;
} bytes[N_LINK_FLAGS] = {
	[LINK_FLAG_ISOLATED] = { true, IFLA_BRPORT_ISOLATED },
	[LINK_FLAG_LOCKED] = { true, IFLA_BRPORT_LOCKED },
	[LINK_FLAG_HAIRPIN] = { true, IFLA_BRPORT_MODE },
	[LINK_FLAG_NF_CALL_IPTABLES] = { false, IFLA_BR_NF_CALL_IPTABLES },
	[LINK_FLAG_NF_CALL_IP6TABLES] = { false, IFLA_BR_NF_CALL_IP6TABLES },
	[LINK_FLAG_MCAST_SNOOPING] = { false, IFLA_BR_MCAST_SNOOPING },
	[LINK_FLAG_MCAST_QUERIER] = { false, IFLA_BR_MCAST_QUERIER },
	[LINK_FLAG_PORT_STATE] = { true, IFLA_BRPORT_STATE },
};

static void put_flag(
	struct nlmsghdr *request, struct ifinfomsg *msg, enum link_flag flag, uint32_t value)
{
	const uint8_t byte = flag == LINK_FLAG_PORT_STATE ? (uint8_t)value : value != 0;

	switch (flag) {
	case LINK_FLAG_UP:
		msg->ifi_change = IFF_UP;
		msg->ifi_flags = byte ? IFF_UP : 0;
		break;
	case LINK_FLAG_MTU:
		mnl_attr_put_u32(request, IFLA_MTU, value);
		break;
	default:
		if (bytes[flag].is_port)
			put_port_data(request, msg, bytes[flag].type, byte);
		else
			put_bridge_data(request, bytes[flag].type, &byte, sizeof(byte));
	}
}

static void put_switch(
	struct nlmsghdr *request, struct ifinfomsg *msg, enum bridge_switch which, bool on)
{
	const struct br_boolopt_multi options = { .optval = (uint32_t)on << BR_BOOLOPT_NO_LL_LEARN,
		.optmask = 1U << BR_BOOLOPT_NO_LL_LEARN };

	switch (which) {
	case SWITCH_NF_CALL_IPTABLES:
		put_flag(request, msg, LINK_FLAG_NF_CALL_IPTABLES, on);
		break;
	case SWITCH_NF_CALL_IP6TABLES:
		put_flag(request, msg, LINK_FLAG_NF_CALL_IP6TABLES, on);
		break;
	default:
		put_bridge_data(request, IFLA_BR_MULTI_BOOLOPT, &options, sizeof(options));
	}
}

bool kernel_bridge_set(const char *bridge, enum bridge_switch which, bool on, struct err *err)
{
	struct netlink nl CLEANUP(netlink_close) = NETLINK_INIT;
	char buf[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);
	unsigned index = if_nametoindex(bridge);
	int sys;

	if (!index)
		return err_system(err, errno, "there is no bridge %s", bridge);
	if (!netlink_open(&nl, NETLINK_ROUTE, err))
		return false;
	put_switch(request, begin_request(request, index), which, on);
	sys = netlink_ask(&nl, request);
	if (sys)
		return err_system(err, sys, "cannot set %s of the bridge %s",
			bridge_switch_name(which), bridge);
	return true;
}

bool kernel_link_set(const char *link, enum link_flag flag, uint32_t value, struct err *err)
{
	struct netlink nl CLEANUP(netlink_close) = NETLINK_INIT;
	char buf[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);
	unsigned index = if_nametoindex(link);
	int sys;

	if (!index)
		return err_system(err, errno, "there is no link %s", link);
	if (!netlink_open(&nl, NETLINK_ROUTE, err))
		return false;
	put_flag(request, begin_request(request, index), flag, value);
	sys = netlink_ask(&nl, request);
	return sys ? err_system(err, sys, "cannot set %s of %s", link_flag_name(flag), link) : true;
}
