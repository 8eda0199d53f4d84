// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include "kernel/netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Answers of an interrupted dump are still under way: a socket of its own for the next try. */
static bool reopen(struct netlink *nl, int bus, struct err *err)
{
	netlink_close(nl);
	nl->socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!nl->socket)
		return err_system(err, errno, "cannot open a netlink socket");
	if (mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return err_system(err, errno, "cannot bind a netlink socket");
	return true;
}

bool netlink_open(struct netlink *nl, int bus, struct err *err)
{
	return reopen(nl, bus, err);
}

void netlink_close(struct netlink *nl)
{
	if (nl->socket)
		mnl_socket_close(nl->socket);
	nl->socket = NULL;
}

const char *netlink_strdup(struct arena *arena, const struct nlattr *attr)
{
	const char *text = mnl_attr_get_payload(attr);

	return arena_strndup(arena, text, strnlen(text, mnl_attr_get_payload_len(attr)));
}

static int run_dump(struct netlink *nl, struct nlmsghdr *request, mnl_cb_t each, void *data)
{
	char buf[NETLINK_BUF_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	unsigned portid = mnl_socket_get_portid(nl->socket);
	int more = MNL_CB_OK;

	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = ++nl->seq;
	if (mnl_socket_sendto(nl->socket, request, request->nlmsg_len) < 0)
		return errno;
	while (more > MNL_CB_STOP) {
		ssize_t got = mnl_socket_recvfrom(nl->socket, buf, sizeof(buf));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		more = mnl_cb_run(buf, (size_t)got, nl->seq, portid, each, data);
		if (more < 0)
			return errno;
	}
	return 0;
}

enum netlink_result netlink_dump(struct netlink *nl, struct nlmsghdr *request, mnl_cb_t each,
	void *data, const char *what, struct err *err)
{
	int bus = NETLINK_ROUTE, sys = run_dump(nl, request, each, data);
	socklen_t size = sizeof(bus);

	if (sys == 0)
		return NETLINK_DONE;
	if (sys != EINTR && sys != EAGAIN && sys != ENOBUFS && sys != EBUSY) {
		err_system(err, sys, "cannot list %s", what);
		return NETLINK_FAILED;
	}
	getsockopt(mnl_socket_get_fd(nl->socket), SOL_SOCKET, SO_PROTOCOL, &bus, &size);
	return reopen(nl, bus, err) ? NETLINK_AGAIN : NETLINK_FAILED;
}

int netlink_ask(struct netlink *nl, struct nlmsghdr *request)
{
	char buf[NETLINK_BUF_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t got;

	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	request->nlmsg_seq = ++nl->seq;
	if (mnl_socket_sendto(nl->socket, request, request->nlmsg_len) < 0)
		return errno;
	do {
		got = mnl_socket_recvfrom(nl->socket, buf, sizeof(buf));
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno;
	if (mnl_cb_run(buf, (size_t)got, nl->seq, mnl_socket_get_portid(nl->socket), NULL, NULL) <
		0)
		return errno;
	return 0;
}

bool netlink_list(const struct netlink_list *list, struct err *err)
{
	struct netlink nl CLEANUP(netlink_close) = NETLINK_INIT;
	enum netlink_result result = NETLINK_AGAIN;

	if (!netlink_open(&nl, list->bus, err))
		return false;
	for (int i = 0; result == NETLINK_AGAIN && i < NETLINK_DUMP_TRIES; i++) {
		char buf[256] __attribute__((aligned(NLMSG_ALIGNTO)));
		struct nlmsghdr *request = mnl_nlmsg_put_header(buf);

		request->nlmsg_type = list->type;
		memcpy(mnl_nlmsg_put_extra_header(request, list->header_size), list->header,
			list->header_size);
		list->begin(list->data);
		result = netlink_dump(&nl, request, list->each, list->data, list->what, err);
	}
	if (result == NETLINK_AGAIN)
		err_system(err, EAGAIN, "cannot list %s: they change all the time", list->what);
	return result == NETLINK_DONE;
}

const char *netlink_nft_family(uint8_t family)
{
	switch (family) {
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_ARP:
		return "arp";
	case NFPROTO_BRIDGE:
		return "bridge";
	case NFPROTO_NETDEV:
		return "netdev";
	default:
		return NULL;
	}
}

bool netlink_nft_tables(
	uint8_t family, void (*begin)(void *data), mnl_cb_t each, void *data, struct err *err)
{
	const struct nfgenmsg header = { .nfgen_family = family, .version = NFNETLINK_V0 };

	return netlink_list(&(struct netlink_list){ .bus = NETLINK_NETFILTER,
				    .type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE,
				    .header = &header,
				    .header_size = sizeof(header),
				    .what = "nft tables",
				    .each = each,
				    .begin = begin,
				    .data = data },
		err);
}
