// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/host.h"

#include <stdlib.h>
#include <string.h>

const char *bridge_switch_name(enum bridge_switch which)
{
	static const char *const names[N_BRIDGE_SWITCHES] = {
		[SWITCH_NF_CALL_IPTABLES] = "nf_call_iptables",
		[SWITCH_NF_CALL_IP6TABLES] = "nf_call_ip6tables",
		[SWITCH_NO_LINKLOCAL_LEARN] = "no_linklocal_learn",
	};

	return names[which];
}

static int name_to_link(const void *name, const void *link)
{
	return strcmp(name, ((const struct link *)link)->name);
}

const struct link *netns_link(const struct netns *host, const char *name)
{
	if (!host->n_links)
		return NULL;
	return bsearch(name, host->links, host->n_links, sizeof(*host->links), name_to_link);
}

const struct link *netns_link_by_index(const struct netns *host, int index)
{
	for (size_t i = 0; i < host->n_links; i++)
		if (host->links[i].index == index)
			return &host->links[i];
	return NULL;
}

bool netns_bridge_is_filtered(
	const struct netns *host, const struct link *bridge, enum family family)
{
	if (!host->has_br_netfilter || family >= N_IP_FAMILIES)
		return false;
	return host->nf_call[family] || bridge->nf_call[family];
}
