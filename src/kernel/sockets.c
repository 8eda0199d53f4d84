// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sockets that would take a packet of a flow that is new to this host: TCP that listens, the
 * others that are not connected. Asked by sock_diag, because /proc/net does not say whether an
 * IPv6 socket takes IPv4 too.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "kernel/processes.h"
#include "kernel/reading.h"

/* include/net/tcp_states.h; other protocols use the same numbers */
#define STATE_CLOSE  7
#define STATE_LISTEN 10

struct socket_inode {
	uint64_t inode;
	size_t at; /* in sockets */
};

struct pass {
	struct arena *arena;
	uint8_t proto;
	VEC(struct socket) sockets;
	VEC(struct socket_inode) inodes;
	size_t n_before;
	bool is_cut;
};

static int each_socket(const struct nlmsghdr *nlh, void *data)
{
	const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	struct pass *pass = data;
	struct socket found = { .proto = pass->proto };
	const struct nlattr *attr;
	size_t size = msg->idiag_family == AF_INET6 ? 16 : 4;

	if (msg->id.idiag_dport)
		return MNL_CB_OK;
	if (pass->sockets.n >= LIMIT_SOCKETS) {
		pass->is_cut = true;
		return MNL_CB_OK;
	}
	found.family = msg->idiag_family == AF_INET6 ? FAMILY_IPV6 : FAMILY_IPV4;
	found.local.family = found.family;
	memcpy(found.local.bytes, msg->id.idiag_src, size);
	found.port = ntohs(msg->id.idiag_sport);
	if (pass->proto == IPPROTO_RAW) { /* the kernel keeps its protocol there */
		found.is_raw = true;
		found.proto = (uint8_t)found.port;
		found.port = 0;
	}
	found.index = (int)msg->id.idiag_if;
	netlink_for_each(attr, nlh, sizeof(*msg))
	{
		if (mnl_attr_get_type(attr) == INET_DIAG_SKV6ONLY)
			found.is_v6_only = mnl_attr_get_payload_len(attr) && mnl_attr_get_u8(attr);
	}
	*vec_push(&pass->inodes, pass->arena) =
		(struct socket_inode){ msg->idiag_inode, pass->sockets.n };
	*vec_push(&pass->sockets, pass->arena) = found;
	return MNL_CB_OK;
}

static void forget_sockets(void *data)
{
	struct pass *pass = data;

	pass->sockets.n = pass->inodes.n = pass->n_before;
}

static bool list_sockets(struct pass *pass, uint8_t family, uint32_t states, struct err *err)
{
	const struct inet_diag_req_v2 asked = { .sdiag_family = family,
		.sdiag_protocol = pass->proto,
		.idiag_ext = 1u << (INET_DIAG_SKV6ONLY - 1) & 0xff,
		.idiag_states = states };

	pass->n_before = pass->sockets.n;
	return netlink_list(&(struct netlink_list){ .bus = NETLINK_SOCK_DIAG,
				    .type = SOCK_DIAG_BY_FAMILY,
				    .header = &asked,
				    .header_size = sizeof(asked),
				    .what = "sockets",
				    .each = each_socket,
				    .begin = forget_sockets,
				    .data = pass },
		err);
}

static int by_inode(const void *a, const void *b)
{
	uint64_t x = ((const struct socket_inode *)a)->inode;
	uint64_t y = ((const struct socket_inode *)b)->inode;

	return (x > y) - (x < y);
}

static int by_place(const void *a, const void *b)
{
	const struct socket *x = a, *y = b;

	if (x->proto != y->proto)
		return x->proto - y->proto;
	if (x->port != y->port)
		return x->port - y->port;
	if (x->index != y->index)
		return x->index - y->index;
	return addr_compare(&x->local, &y->local);
}

static void name_process(struct pass *pass, long pid)
{
	char *path = arena_printf(pass->arena, "/proc/%ld/fd", pid);
	struct text comm CLEANUP(text_done) = TEXT_INIT;
	const struct dirent *entry;
	DIR *dir = opendir(path);
	const char *name = NULL;
	struct err ignored;

	if (!dir)
		return;
	while ((entry = readdir(dir)) != NULL) {
		struct socket_inode key = { 0 };
		const struct socket_inode *found;
		char target[64];
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (len <= 0)
			continue;
		target[len] = '\0';
		if (!text_has_prefix(target, "socket:["))
			continue;
		key.inode = strtoull(target + strlen("socket:["), NULL, 10);
		found = bsearch(&key, pass->inodes.items, pass->inodes.n, sizeof(key), by_inode);
		if (!found)
			continue;
		if (!name && text_load(&comm, arena_printf(pass->arena, "/proc/%ld/comm", pid), 64,
				     &ignored))
			name = arena_strndup(pass->arena, comm.data, strcspn(comm.data, "\n"));
		pass->sockets.items[found->at].process = name;
	}
	closedir(dir);
}

/* Whoever may not look at others' descriptors leaves them without a name. */
static void name_processes(struct pass *pass)
{
	struct pids pids;

	if (!pass->inodes.n || !pids_read(pass->arena, "/proc", &pids))
		return;
	qsort(pass->inodes.items, pass->inodes.n, sizeof(*pass->inodes.items), by_inode);
	vec_for_each (pid, &pids)
		name_process(pass, *pid);
}

void reading_sockets(struct reading *reading)
{
	static const struct {
		uint8_t proto;
		uint32_t states;
		const char *name;
	} asked[] = {
		/* names of files, too: only when it is there, because to ask would load a module */
		{ IPPROTO_TCP, 1u << STATE_LISTEN, "tcp" },
		{ IPPROTO_UDP, 1u << STATE_CLOSE, "udp" },
		{ IPPROTO_UDPLITE, 1u << STATE_CLOSE, "udplite" },
		{ IPPROTO_RAW, 1u << STATE_CLOSE, "raw" },
		{ IPPROTO_SCTP, 1u << STATE_LISTEN, "sctp" },
	};
	struct pass pass = { .arena = reading->arena };
	struct err err;

	for (size_t i = 0; i < N_OF(asked); i++) {
		static const uint8_t families[] = { AF_INET, AF_INET6 };

		const char *what = arena_printf(reading->arena, "sockets %s", asked[i].name);

		pass.proto = asked[i].proto;
		if (!reading_has(reading, "/proc/net", asked[i].name, what))
			continue;
		for (size_t f = 0; f < N_OF(families); f++)
			if (!list_sockets(&pass, families[f], asked[i].states, &err))
				reading_unread(reading, what, "%s", err.text);
	}
	if (pass.is_cut)
		reading_unread(
			reading, "sockets", "more than %d: the others are not here", LIMIT_SOCKETS);
	name_processes(&pass);
	if (pass.sockets.n)
		qsort(pass.sockets.items, pass.sockets.n, sizeof(*pass.sockets.items), by_place);
	reading->ns->sockets = pass.sockets.items;
	reading->ns->n_sockets = pass.sockets.n;
}
