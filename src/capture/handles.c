// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * iptables-save and "nft list" print rules without their handles, a trace has nothing else. Both list the rules of a chain in
 * the kernel's order, so that the place of a handle among those of its chain is the place of the rule.
 */
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "capture/internal.h"
#include "kernel/netlink.h"

struct chain_handles {
	VEC(uint64_t) handles;
};
struct rule_handles {
	struct arena *arena;
	struct map *chains; /* "ip filter FORWARD": struct chain_handles */
};

static const char *key_of(
	struct arena *arena, const char *family, const char *table, const char *chain)
{
	return arena_printf(arena, "%s %s %s", family, table, chain);
}

static void forget(void *data)
{
	struct rule_handles *handles = data;

	handles->chains = map_new(handles->arena);
}

static int add_rule(const struct nlmsghdr *nlh, void *data)
{
	struct rule_handles *handles = data;
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	const char *family = netlink_nft_family(nfg->nfgen_family), *table = NULL, *chain = NULL,
		   *key;
	struct chain_handles *of_chain;
	const struct nlattr *attr;
	uint64_t handle = 0;

	netlink_for_each(attr, nlh, sizeof(struct nfgenmsg))
	{
		switch (mnl_attr_get_type(attr)) {
		case NFTA_RULE_TABLE:
			table = netlink_strdup(handles->arena, attr);
			break;
		case NFTA_RULE_CHAIN:
			chain = netlink_strdup(handles->arena, attr);
			break;
		case NFTA_RULE_HANDLE:
			memcpy(&handle, mnl_attr_get_payload(attr), sizeof(handle));
			handle = be64toh(handle);
			break;
		default:
			break;
		}
	}
	if (!family || !table || !chain)
		return MNL_CB_OK;
	key = key_of(handles->arena, family, table, chain);
	of_chain = map_find(handles->chains, key);
	if (!of_chain) {
		of_chain = arena_new_one(handles->arena, struct chain_handles);
		map_add(handles->chains, key, of_chain);
	}
	*vec_push(&of_chain->handles, handles->arena) = handle;
	return MNL_CB_OK;
}

static bool list_rules(void *data, struct err *err)
{
	struct nfgenmsg header = { .nfgen_family = NFPROTO_UNSPEC, .version = NFNETLINK_V0 };
	struct netlink_list list = { .bus = NETLINK_NETFILTER,
		.type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE,
		.header = &header,
		.header_size = sizeof(header),
		.what = "the rules of nftables",
		.each = add_rule,
		.begin = forget,
		.data = data };

	return netlink_list(&list, err);
}

bool rule_handles_read(
	struct arena *arena, uint64_t netns, struct rule_handles **ret, struct err *err)
{
	struct rule_handles *handles = arena_new_one(arena, struct rule_handles);

	handles->arena = arena;
	forget(handles);
	if (!kernel_in_netns(netns, list_rules, handles, err))
		return false;
	*ret = handles;
	return true;
}

bool rule_handles_find(const struct rule_handles *handles, enum family family, const char *table,
	const char *chain, uint64_t handle, size_t *ret)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct chain_handles *of_chain =
		map_find(handles->chains, key_of(arena, nft_family_name(family), table, chain));

	for (size_t i = 0; of_chain && i < of_chain->handles.n; i++)
		if (of_chain->handles.items[i] == handle) {
			*ret = i;
			return true;
		}
	return false;
}
