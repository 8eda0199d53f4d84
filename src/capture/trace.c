// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * NFNLGRP_NFTRACE: an event for each rule that matched a packet with the flag nf_trace, and for each end of a base chain
 * (net/netfilter/nf_tables_trace.c). The first event of a base chain has the headers, the devices and what conntrack says.
 * A namespace tells only its own. A socket that is not bound gets nothing, without an error.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "capture/internal.h"
#include "kernel/netlink.h"

#define RECEIVE_SIZE (8 << 20) /* 10,000 events */

/* Newer than the headers of Debian 12 (Linux 6.16). */
#define TRACE_CT_ID	18
#define TRACE_CT_STATUS 20
#define TRACE_CT_STATE	21

/* enum nf_ct_... of include/uapi/linux/netfilter/nf_conntrack_common.h, as nft's "ct state" has them */
#define STATE_INVALID	  (1 << 0)
#define STATE_ESTABLISHED (1 << 1)
#define STATE_RELATED	  (1 << 2)
#define STATE_NEW	  (1 << 3)
#define STATE_UNTRACKED	  (1 << 6)
/* IPS_TEMPLATE: what a rule of table raw hands to conntrack, and no entry of a flow */
#define STATUS_TEMPLATE (1 << 11)

bool trace_socket_open(int *ret_fd, struct err *err)
{
	int size = RECEIVE_SIZE, group = NFNLGRP_NFTRACE;
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);

	if (fd < 0)
		return err_system(err, errno, "cannot listen to netfilter's traces");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
		setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0) {
		err_system(err, errno, "cannot listen to netfilter's traces");
		close(fd);
		return false;
	}
	*ret_fd = fd;
	return true;
}

/* --- one event --- */

#define BYTES_MAX     128
#define ETHERNET_SIZE 14

/* Whatever the order of the attributes, that of the headers is this. */
enum piece { PIECE_ETHERNET, PIECE_NETWORK, PIECE_TRANSPORT, N_PIECES };

struct event {
	struct sighting sighting;
	char table[256], chain[256], target[256];
	const struct nlattr *pieces[N_PIECES];
	uint8_t bytes[BYTES_MAX];
};

static void copy_text(char *ret, size_t size, const struct nlattr *attr)
{
	size_t len = strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));

	len = len < size - 1 ? len : size - 1;
	memcpy(ret, mnl_attr_get_payload(attr), len);
	ret[len] = '\0';
}

static void put_together(struct event *event)
{
	struct sighting *sighting = &event->sighting;

	for (size_t i = 0; i < N_PIECES; i++) {
		const struct nlattr *attr = event->pieces[i];
		size_t size = attr ? mnl_attr_get_payload_len(attr) : 0;

		if (!size || size > sizeof(event->bytes) - sighting->size)
			continue;
		memcpy(event->bytes + sighting->size, mnl_attr_get_payload(attr), size);
		sighting->size += size;
	}
	sighting->has_ethernet = event->pieces[PIECE_ETHERNET] != NULL;
	if (!sighting->has_ethernet && sighting->size)
		sighting->ethertype = event->bytes[0] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
}

static uint32_t number(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) >= 4 ? ntohl(mnl_attr_get_u32(attr)) : 0;
}

static unsigned ct_state_of(uint32_t bits)
{
	return (bits & STATE_NEW ? CT_NEW : 0) | (bits & STATE_ESTABLISHED ? CT_ESTABLISHED : 0) |
	       (bits & STATE_RELATED ? CT_RELATED : 0) | (bits & STATE_INVALID ? CT_INVALID : 0) |
	       (bits & STATE_UNTRACKED ? CT_UNTRACKED : 0);
}

static enum trace_verdict verdict_of(int32_t code)
{
	switch (code) {
	case NFT_CONTINUE:
		return TRACE_CONTINUE;
	case NFT_JUMP:
		return TRACE_JUMP;
	case NFT_GOTO:
		return TRACE_GOTO;
	case NFT_RETURN:
	case NFT_BREAK:
		return TRACE_GIVEN_BACK;
	default:
		break;
	}
	switch (code & NF_VERDICT_MASK) {
	case NF_ACCEPT:
		return TRACE_ACCEPT;
	case NF_STOLEN:
		return TRACE_STOLEN;
	case NF_QUEUE:
		return TRACE_QUEUE;
	default:
		return TRACE_DROP;
	}
}

static void read_verdict(struct event *event, const struct nlattr *nest)
{
	const struct nlattr *attr;

	netlink_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == NFTA_VERDICT_CODE)
			event->sighting.trace.verdict = verdict_of((int32_t)number(attr));
		if (mnl_attr_get_type(attr) == NFTA_VERDICT_CHAIN)
			copy_text(event->target, sizeof(event->target), attr);
	}
}

static enum trace_step step_of(uint32_t type)
{
	return type == NFT_TRACETYPE_RULE     ? TRACE_RULE
	       : type == NFT_TRACETYPE_RETURN ? TRACE_RETURN
					      : TRACE_POLICY;
}

static enum family family_of(uint32_t nfproto)
{
	switch (nfproto) {
	case NFPROTO_IPV4:
		return FAMILY_IPV4;
	case NFPROTO_IPV6:
		return FAMILY_IPV6;
	case NFPROTO_BRIDGE:
		return FAMILY_BRIDGE;
	case NFPROTO_ARP:
		return FAMILY_ARP;
	case NFPROTO_NETDEV:
		return FAMILY_NETDEV;
	default:
		return FAMILY_INET;
	}
}

static void read_attr(struct event *event, const struct nlattr *attr)
{
	struct sighting *sighting = &event->sighting;
	struct trace *trace = &sighting->trace;
	uint64_t handle;

	switch (mnl_attr_get_type(attr)) {
	case NFTA_TRACE_TABLE:
		copy_text(event->table, sizeof(event->table), attr);
		break;
	case NFTA_TRACE_CHAIN:
		copy_text(event->chain, sizeof(event->chain), attr);
		break;
	case NFTA_TRACE_RULE_HANDLE:
		memcpy(&handle, mnl_attr_get_payload(attr), sizeof(handle));
		trace->handle = be64toh(handle);
		break;
	case NFTA_TRACE_TYPE:
		trace->step = step_of(number(attr));
		break;
	case NFTA_TRACE_VERDICT:
		read_verdict(event, attr);
		break;
	case NFTA_TRACE_POLICY:
		trace->verdict = verdict_of((int32_t)number(attr));
		break;
	case NFTA_TRACE_ID:
		trace->id = number(attr);
		break;
	case NFTA_TRACE_LL_HEADER:
		/* of a device of another kind it is no Ethernet header */
		if (mnl_attr_get_payload_len(attr) == ETHERNET_SIZE)
			event->pieces[PIECE_ETHERNET] = attr;
		break;
	case NFTA_TRACE_NETWORK_HEADER:
		event->pieces[PIECE_NETWORK] = attr;
		break;
	case NFTA_TRACE_TRANSPORT_HEADER:
		event->pieces[PIECE_TRANSPORT] = attr;
		break;
	case NFTA_TRACE_IIF:
		trace->in = (int)number(attr);
		break;
	case NFTA_TRACE_OIF:
		trace->out = (int)number(attr);
		break;
	case NFTA_TRACE_MARK:
		trace->mark = number(attr);
		break;
	case NFTA_TRACE_NFPROTO:
		trace->family = family_of(number(attr));
		break;
	case TRACE_CT_ID:
		trace->ct_id = number(attr);
		break;
	case TRACE_CT_STATUS:
		trace->ct_status = number(attr);
		break;
	case TRACE_CT_STATE:
		trace->ct_state = ct_state_of(number(attr));
		break;
	default:
		break;
	}
}

struct reading_traces {
	uint64_t netns, now_ns;
	capture_each *each;
	void *data;
};

static int read_event(const struct nlmsghdr *nlh, void *data)
{
	const struct reading_traces *reading = data;
	const struct nlattr *attr;
	struct event event = { .sighting = { .kind = SIGHTING_TRACE,
				       .netns = reading->netns,
				       .time_ns = reading->now_ns } };
	struct sighting *sighting = &event.sighting;

	if ((nlh->nlmsg_type & 0xff) != NFT_MSG_TRACE ||
		nlh->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
		return MNL_CB_OK;
	netlink_for_each(attr, nlh, sizeof(struct nfgenmsg)) read_attr(&event, attr);
	/* the kernel tells of a chain's end as of a rule without a number */
	if (!sighting->trace.handle && sighting->trace.step == TRACE_RULE)
		sighting->trace.step = TRACE_RETURN;
	if (sighting->trace.ct_status & STATUS_TEMPLATE)
		sighting->trace.ct_id = sighting->trace.ct_state = sighting->trace.ct_status = 0;
	put_together(&event);
	sighting->bytes = event.bytes;
	sighting->trace.table = event.table;
	sighting->trace.chain = event.chain;
	sighting->trace.target = event.target;
	if (capture_is_own_table(event.table)) {
		bool has_device = sighting->trace.family == FAMILY_NETDEV;

		sighting->is_out = !has_device || own_chain_is_out(event.chain);
		sighting->link = !has_device	    ? 0
				 : sighting->is_out ? sighting->trace.out
						    : sighting->trace.in;
	}
	reading->each(reading->data, sighting);
	return MNL_CB_OK;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

bool trace_socket_read(
	int fd, uint64_t netns, capture_each *each, void *data, bool *ret_is_lost, struct err *err)
{
	char buf[NETLINK_BUF_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct reading_traces reading = { .netns = netns, .each = each, .data = data };
	bool is_lost = false;

	for (;;) {
		ssize_t got = recv(fd, buf, sizeof(buf), 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == ENOBUFS) {
			is_lost = true;
			continue;
		}
		if (got < 0 && errno == EAGAIN)
			break;
		if (got < 0)
			return err_system(err, errno, "cannot read netfilter's traces");
		reading.now_ns = now_ns();
		mnl_cb_run(buf, (size_t)got, 0, 0, read_event, &reading);
	}
	*ret_is_lost = is_lost;
	return true;
}
