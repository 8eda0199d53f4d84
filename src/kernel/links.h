/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_LINKS_H
#define KERNEL_LINKS_H

#include "host/host.h"
#include "kernel/netlink.h"

/*
 * Private to kernel: the links of this namespace. A link whose peer, or whose lower link, is
 * elsewhere has is_peer_away, and in peer_netns the number that this namespace has for that one;
 * all others NSID_NONE.
 */
#define NSID_NONE (-2)

/* The attribute IFLA_AF_SPEC of one link: the settings of IPv4 and IPv6. */
typedef void links_conf_fn(void *data, const char *link, const struct nlattr *af_spec);

struct links_read_options {
	bool with_vlans; /* those of bridge ports */
	void (*begin)(void *data); /* what was said before is void; NULL: nobody listens */
	links_conf_fn *each_conf;
	void *conf_data;
};
struct links {
	struct link *items;
	size_t n;
};
bool links_read(struct arena *arena, struct netlink *nl, const struct links_read_options *options,
	struct links *ret, struct err *err);

#endif
