// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What else may take a packet at a device or in the IP stack, beside netfilter: filters of tc and BPF
 * programs of tcx (net/sched/cls_api.c, kernel/bpf/tcx.c), and IPsec's policies (net/xfrm). That they
 * are there is all that is read: what they do is not modelled. XDP is an attribute of a link.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/reading.h"

/* enum bpf_attach_type, from Linux 6.6 on. */
#define TCX_INGRESS 46
#define TCX_EGRESS  47

static void forget_nothing(void *data)
{
	(void)data;
}

/* "clsact" has filters for both ways, "ingress" for one. */
struct qdiscs {
	VEC(int) indices;
	struct arena *arena;
};

static void begin_qdiscs(void *data)
{
	((struct qdiscs *)data)->indices.n = 0;
}

static int each_qdisc(const struct nlmsghdr *nlh, void *data)
{
	const struct tcmsg *msg = mnl_nlmsg_get_payload(nlh);
	struct qdiscs *qdiscs = data;
	const struct nlattr *attr;

	netlink_for_each(attr, nlh, sizeof(*msg))
	{
		const char *kind;

		if (mnl_attr_get_type(attr) != TCA_KIND)
			continue;
		kind = netlink_strdup(qdiscs->arena, attr);
		if (!strcmp(kind, "clsact") || !strcmp(kind, "ingress"))
			*vec_push(&qdiscs->indices, qdiscs->arena) = msg->tcm_ifindex;
	}
	return MNL_CB_OK;
}

static int each_filter(const struct nlmsghdr *nlh, void *data)
{
	(void)nlh;
	*(bool *)data = true;
	return MNL_CB_OK;
}

static bool has_filters(int index, uint32_t minor, bool *ret, struct err *err)
{
	struct tcmsg header = { .tcm_ifindex = index, .tcm_parent = TC_H_MAKE(TC_H_CLSACT, minor) };

	return netlink_list(&(struct netlink_list){ .bus = NETLINK_ROUTE,
				    .type = RTM_GETTFILTER,
				    .header = &header,
				    .header_size = sizeof(header),
				    .what = "tc filters",
				    .each = each_filter,
				    .begin = forget_nothing,
				    .data = ret },
		err);
}

/* A kernel that knows no tcx, or was built without BPF, has none. */
static bool has_tcx(int index, uint32_t attach_type)
{
	union bpf_attr query;

	memset(&query, 0, sizeof(query));
	query.query.target_fd = (uint32_t)index; /* the same place as target_ifindex */
	query.query.attach_type = attach_type;
	return syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof(query)) == 0 && query.query.prog_cnt;
}

static struct link *link_at(struct netns *ns, int index)
{
	for (size_t i = 0; i < ns->n_links; i++)
		if (ns->links[i].index == index)
			return &ns->links[i];
	return NULL;
}

static bool read_filters(struct reading *reading, struct err *err)
{
	struct tcmsg header = { .tcm_ifindex = 0 };
	struct qdiscs qdiscs = { .arena = reading->arena };

	if (!netlink_list(&(struct netlink_list){ .bus = NETLINK_ROUTE,
				  .type = RTM_GETQDISC,
				  .header = &header,
				  .header_size = sizeof(header),
				  .what = "qdiscs",
				  .each = each_qdisc,
				  .begin = begin_qdiscs,
				  .data = &qdiscs },
		    err))
		/* a kernel without tc */
		return err->sys == EOPNOTSUPP;
	for (size_t i = 0; i < qdiscs.indices.n; i++) {
		struct link *link = link_at(reading->ns, qdiscs.indices.items[i]);

		if (link &&
			(!has_filters(link->index, TC_H_MIN_INGRESS, &link->has_tc_ingress, err) ||
				!has_filters(
					link->index, TC_H_MIN_EGRESS, &link->has_tc_egress, err)))
			return false;
	}
	return true;
}

static void begin_policies(void *data)
{
	*(unsigned *)data = 0;
}

static int each_policy(const struct nlmsghdr *nlh, void *data)
{
	(void)nlh;
	++*(unsigned *)data;
	return MNL_CB_OK;
}

static bool read_policies(struct reading *reading, struct err *err)
{
	struct xfrm_userpolicy_id header = { .index = 0 };
	bool is_read = netlink_list(&(struct netlink_list){ .bus = NETLINK_XFRM,
					    .type = XFRM_MSG_GETPOLICY,
					    .header = &header,
					    .header_size = sizeof(header),
					    .what = "IPsec policies",
					    .each = each_policy,
					    .begin = begin_policies,
					    .data = &reading->ns->n_xfrm_policies },
		err);

	/* a kernel without IPsec */
	return is_read || err->sys == EPROTONOSUPPORT || err->sys == EOPNOTSUPP;
}

void reading_programs(struct reading *reading)
{
	struct netns *ns = reading->ns;
	struct err err;

	if (!read_filters(reading, &err))
		reading_unread(reading, "tc", "%s", err.text);
	if (!read_policies(reading, &err))
		reading_unread(reading, "xfrm", "%s", err.text);
	for (size_t i = 0; i < ns->n_links; i++) {
		struct link *link = &ns->links[i];

		link->has_tc_ingress |= has_tcx(link->index, TCX_INGRESS);
		link->has_tc_egress |= has_tcx(link->index, TCX_EGRESS);
	}
}
