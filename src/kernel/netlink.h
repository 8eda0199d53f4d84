/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_NETLINK_H
#define KERNEL_NETLINK_H

#include <libmnl/libmnl.h>

#include "base/arena.h"
#include "base/err.h"

/* Private to kernel: one netlink socket at a time. */
struct netlink {
	struct mnl_socket *socket;
	unsigned seq;
};

#define NETLINK_INIT                                                                               \
	{                                                                                          \
		.socket = NULL                                                                     \
	}
#define NETLINK_BUF_SIZE 65536

/* The state changed while it was being listed so often: somebody else is very busy. */
#define NETLINK_DUMP_TRIES 16

/* As libmnl's, which this project's warnings do not let through. */
#define netlink_for_each(attr, nlh, offset)                                                        \
	for ((attr) = mnl_nlmsg_get_payload_offset((nlh), (offset)); mnl_attr_ok((attr),           \
		     (int)((const char *)mnl_nlmsg_get_payload_tail(nlh) - (const char *)(attr))); \
		(attr) = mnl_attr_next(attr))
#define netlink_for_each_nested(attr, nest)                                                        \
	for ((attr) = mnl_attr_get_payload(nest); mnl_attr_ok(                                     \
		     (attr), (int)((const char *)mnl_attr_get_payload(nest) +                      \
				     mnl_attr_get_payload_len(nest) - (const char *)(attr)));      \
		(attr) = mnl_attr_next(attr))

bool netlink_open(struct netlink *nl, int bus, struct err *err);
void netlink_close(struct netlink *nl); /* for CLEANUP */

/* A text attribute, which need not end in NUL. */
const char *netlink_strdup(struct arena *arena, const struct nlattr *attr);

/*
 * Sends a request with NLM_F_DUMP and gives every answer to each. NETLINK_AGAIN: the kernel
 * says that the list was not one moment's (NLM_F_DUMP_INTR); forget it and ask again.
 */
enum netlink_result { NETLINK_DONE, NETLINK_AGAIN, NETLINK_FAILED };
enum netlink_result netlink_dump(struct netlink *nl, struct nlmsghdr *request, mnl_cb_t each,
	void *data, const char *what, struct err *err);

/* One whole list, on a socket of its own; asked for again until it was one moment's. */
struct netlink_list {
	int bus; /* NETLINK_ROUTE, ... */
	uint16_t type;
	const void *header; /* behind nlmsghdr: struct ndmsg, nfgenmsg, ... */
	size_t header_size;
	const char *what; /* "routes": for messages */
	mnl_cb_t each;
	void (*begin)(void *data); /* what each was given is void */
	void *data;
};
bool netlink_list(const struct netlink_list *list, struct err *err);
/* The nft tables of a family (NFPROTO_UNSPEC: of all). */
bool netlink_nft_tables(
	uint8_t family, void (*begin)(void *data), mnl_cb_t each, void *data, struct err *err);

/* NFPROTO_IPV4: "ip", as nft has it; NULL: not known */
const char *netlink_nft_family(uint8_t family);

/* Sends a request and waits for its acknowledgement. Returns 0 or an errno. */
int netlink_ask(struct netlink *nl, struct nlmsghdr *request);

#endif
