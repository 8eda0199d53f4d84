// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Through nf_tables itself: each rule is replaced by itself with another number in its counter
 * expression, which is the only way that the kernel offers. Which rules they are follows from
 * the batch: a chain is as long as it is now, so it was so long before, so the rule that went
 * in at 3 is now at 5. A mistake there could only give a number to a wrong rule.
 */
#include "kernel/counters.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/vec.h"
#include "kernel/kernel.h"
#include "kernel/netlink.h"

/* Rules in one transaction. */
#define BATCH	  64
#define BUF_SIZE  ((size_t)256 * 1024)
#define MAX_RULE  ((size_t)3 * 1024)
#define LEN_EMPTY ((size_t)0)

/* A line of the batch that changes a chain. */
struct op {
	char kind;  /* 'A' append, 'I' insert, 'D' delete, 'F' empty */
	size_t at;  /* I, D: from 1 */
	size_t now; /* A, I: where the rule is now; 0: gone again */
	struct counters counters;
};

struct chain_ops {
	const char *table, *chain;
	VEC(struct op) ops;
	bool is_unclear; /* a line that says a rule and not its number */
	bool is_wanted;	 /* a rule with counters */
};

struct found {
	struct arena *arena;
	VEC(const struct nlmsghdr *) rules;
};

struct mending {
	struct arena *arena;
	struct netlink *nl;
	struct map *by_name;
	VEC(struct chain_ops *) chains;
	VEC(const struct nlmsghdr *) requests; /* complete but for their seq */
};

static struct chain_ops *chain_ops_of(struct mending *mending, const char *table, const char *chain)
{
	const char *key = arena_printf(mending->arena, "%s %s", table, chain);
	struct chain_ops *ops = map_find(mending->by_name, key);

	if (ops)
		return ops;
	ops = arena_new_one(mending->arena, struct chain_ops);
	ops->table = table;
	ops->chain = chain;
	map_add(mending->by_name, key, ops);
	*vec_push(&mending->chains, mending->arena) = ops;
	return ops;
}

/* "[packets:bytes] " */
static const char *take_counters(const char *line, struct counters *ret)
{
	char *end;

	if (*line != '[')
		return line;
	ret->packets = strtoull(line + 1, &end, 10);
	if (*end == ':')
		ret->bytes = strtoull(end + 1, &end, 10);
	return *end == ']' ? end + 1 + strspn(end + 1, " ") : line;
}

static void read_line(struct mending *mending, const char *table, const char *line)
{
	struct op op = { 0 };
	const char *rest = take_counters(line, &op.counters);
	struct chain_ops *ops;
	size_t len;

	if (rest[0] == ':' && strstr(rest, " - ")) {
		op.kind =
			'F'; /* declared again: emptied, unless it is built in (":INPUT ACCEPT") */
		rest += 1;
	} else if (rest[0] == '-' && rest[1] && strchr("AIDF", rest[1]) && rest[2] == ' ') {
		op.kind = rest[1];
		rest += 3;
	} else {
		return;
	}
	len = strcspn(rest, " ");
	ops = chain_ops_of(mending, table, arena_strndup(mending->arena, rest, len));
	rest += len;
	if (*rest == ' ')
		rest++;
	if (isdigit((unsigned char)*rest))
		op.at = strtoul(rest, NULL, 10);
	else if (op.kind == 'D')
		ops->is_unclear = true;
	else
		op.at = 1;
	*vec_push(&ops->ops, mending->arena) = op;
	ops->is_wanted |= op.counters.packets || op.counters.bytes;
}

static void read_text(struct mending *mending, const char *text)
{
	const char *table = "";

	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *line = arena_strndup(mending->arena, text, len);

		if (*line == '*')
			table = line + 1;
		else
			read_line(mending, table, line);
		text += len + (text[len] == '\n');
	}
}

/* n: how many rules the chain has now. Returns false when that cannot be. */
static bool place_rules(struct chain_ops *chain, size_t n)
{
	size_t len = n;

	/* backwards to its length at the beginning, or to where it was emptied */
	for (size_t i = chain->ops.n; i-- > 0;) {
		const struct op *op = &chain->ops.items[i];

		if (op->kind == 'F')
			break;
		if (op->kind != 'D' && len == 0)
			return false;
		len = op->kind == 'D' ? len + 1 : len - 1;
	}
	for (size_t i = 0; i < chain->ops.n; i++) {
		struct op *op = &chain->ops.items[i];

		for (size_t j = 0; j < i; j++) {
			struct op *before = &chain->ops.items[j];

			if (op->kind == 'F' || (op->kind == 'D' && before->now == op->at))
				before->now = 0;
			else if (op->kind == 'D' && before->now > op->at)
				before->now--;
			else if (op->kind == 'I' && before->now >= op->at)
				before->now++;
		}
		if (op->kind == 'F')
			len = LEN_EMPTY;
		else if (op->kind == 'D')
			len -= len > 0;
		else
			op->now = op->kind == 'A' ? ++len : (len++, op->at);
	}
	return len == n;
}

static int each_rule(const struct nlmsghdr *nlh, void *data)
{
	struct found *found = data;
	void *copy = arena_alloc(found->arena, nlh->nlmsg_len);

	memcpy(copy, nlh, nlh->nlmsg_len);
	*vec_push(&found->rules, found->arena) = copy;
	return MNL_CB_OK;
}

static bool find_rules(struct mending *mending, const struct chain_ops *chain, struct found *found)
{
	enum netlink_result result = NETLINK_AGAIN;
	struct err ignored;

	found->arena = mending->arena;
	for (int i = 0; result == NETLINK_AGAIN && i < NETLINK_DUMP_TRIES; i++) {
		char buf[512] __attribute__((aligned(NLMSG_ALIGNTO)));
		struct nlmsghdr *request = mnl_nlmsg_put_header(buf);
		struct nfgenmsg *msg = mnl_nlmsg_put_extra_header(request, sizeof(*msg));

		request->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE;
		msg->nfgen_family = NFPROTO_IPV6;
		msg->version = NFNETLINK_V0;
		if (!mnl_attr_put_strz_check(request, sizeof(buf), NFTA_RULE_TABLE, chain->table) ||
			!mnl_attr_put_strz_check(
				request, sizeof(buf), NFTA_RULE_CHAIN, chain->chain))
			return false;
		found->rules.n = 0;
		result = netlink_dump(
			mending->nl, request, each_rule, found, "IPv6 rules", &ignored);
	}
	return result == NETLINK_DONE;
}

static const struct nlattr *attr_of(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *attr;

	netlink_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == type)
			return attr;
	}
	return NULL;
}

static bool expr_is(const struct nlattr *expr, const char *name)
{
	const struct nlattr *attr = attr_of(expr, NFTA_EXPR_NAME);

	return attr && mnl_attr_get_payload_len(attr) == strlen(name) + 1 &&
	       memcmp(mnl_attr_get_payload(attr), name, strlen(name)) == 0;
}

/* The protocol that a rule is about, which matches and targets of xtables ask for: the kernel
 * does not tell it, but the rule compares it. */
static bool read_protocol(const struct nlattr *exprs, uint32_t *ret_proto, bool *ret_inverted)
{
	const struct nlattr *expr, *data, *attr;
	bool is_next = false;

	netlink_for_each_nested(expr, exprs)
	{
		data = attr_of(expr, NFTA_EXPR_DATA);
		if (is_next && expr_is(expr, "cmp") && data) {
			attr = attr_of(data, NFTA_CMP_OP);
			*ret_inverted = attr && ntohl(mnl_attr_get_u32(attr)) == NFT_CMP_NEQ;
			attr = attr_of(data, NFTA_CMP_DATA);
			attr = attr ? attr_of(attr, NFTA_DATA_VALUE) : NULL;
			if (!attr || !mnl_attr_get_payload_len(attr))
				return false;
			*ret_proto = *(const uint8_t *)mnl_attr_get_payload(attr);
			return true;
		}
		attr = data && expr_is(expr, "meta") ? attr_of(data, NFTA_META_KEY) : NULL;
		is_next = attr && ntohl(mnl_attr_get_u32(attr)) == NFT_META_L4PROTO;
	}
	return false;
}

/* Sets the one counter of a copied rule, unless the tool has. */
static bool set_counter(struct nlattr *exprs, const struct counters *counters)
{
	const struct nlattr *expr;

	netlink_for_each_nested(expr, exprs)
	{
		const struct nlattr *data = attr_of(expr, NFTA_EXPR_DATA), *packets, *bytes;
		uint64_t n;

		if (!data || !expr_is(expr, "counter"))
			continue;
		packets = attr_of(data, NFTA_COUNTER_PACKETS);
		bytes = attr_of(data, NFTA_COUNTER_BYTES);
		if (!packets || !bytes || mnl_attr_get_payload_len(packets) != sizeof(n) ||
			mnl_attr_get_payload_len(bytes) != sizeof(n))
			return false;
		n = be64toh(mnl_attr_get_u64(packets));
		if (n >= counters->packets)
			return false;
		/* with what has come since */
		n = htobe64(n + counters->packets);
		memcpy(mnl_attr_get_payload(packets), &n, sizeof(n));
		n = htobe64(be64toh(mnl_attr_get_u64(bytes)) + counters->bytes);
		memcpy(mnl_attr_get_payload(bytes), &n, sizeof(n));
		return true;
	}
	return false;
}

static void add_request(
	struct mending *mending, const struct nlmsghdr *rule, const struct counters *counters)
{
	struct nlmsghdr *request;
	struct nlattr *exprs = NULL, *nest;
	const struct nlattr *attr;
	bool inverted = false;
	uint32_t proto = 0;
	struct nfgenmsg *msg;

	if (rule->nlmsg_len > MAX_RULE)
		return;
	request = mnl_nlmsg_put_header(arena_alloc(mending->arena, rule->nlmsg_len + 256));
	request->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_REPLACE;
	msg = mnl_nlmsg_put_extra_header(request, sizeof(*msg));
	msg->nfgen_family = NFPROTO_IPV6;
	msg->version = NFNETLINK_V0;
	netlink_for_each(attr, rule, sizeof(*msg))
	{
		uint16_t type = mnl_attr_get_type(attr);
		struct nlattr *to = mnl_nlmsg_get_payload_tail(request);

		if (type != NFTA_RULE_TABLE && type != NFTA_RULE_CHAIN &&
			type != NFTA_RULE_HANDLE && type != NFTA_RULE_EXPRESSIONS &&
			type != NFTA_RULE_USERDATA)
			continue;
		memcpy(to, attr, attr->nla_len);
		request->nlmsg_len += (uint32_t)MNL_ALIGN(attr->nla_len);
		if (type == NFTA_RULE_EXPRESSIONS)
			exprs = to;
	}
	if (!exprs || !set_counter(exprs, counters))
		return;
	if (read_protocol(exprs, &proto, &inverted)) {
		nest = mnl_attr_nest_start(request, NFTA_RULE_COMPAT);
		mnl_attr_put_u32(request, NFTA_RULE_COMPAT_PROTO, htonl(proto));
		mnl_attr_put_u32(request, NFTA_RULE_COMPAT_FLAGS,
			htonl(inverted ? NFT_RULE_COMPAT_F_INV : 0));
		mnl_attr_nest_end(request, nest);
	}
	*vec_push(&mending->requests, mending->arena) = request;
}

static struct nlmsghdr *put_edge(char *to, uint16_t type, unsigned seq)
{
	struct nlmsghdr *edge = mnl_nlmsg_put_header(to);
	struct nfgenmsg *msg = mnl_nlmsg_put_extra_header(edge, sizeof(*msg));

	edge->nlmsg_type = type;
	edge->nlmsg_flags = NLM_F_REQUEST;
	edge->nlmsg_seq = seq;
	msg->nfgen_family = AF_UNSPEC;
	msg->version = NFNETLINK_V0;
	msg->res_id = htons(NFNL_SUBSYS_NFTABLES);
	return edge;
}

/* One transaction: all of these rules or none. */
static void send_requests(struct mending *mending, size_t first, size_t n)
{
	char *buf = arena_alloc(mending->arena, BUF_SIZE);
	char answer[NETLINK_BUF_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct netlink *nl = mending->nl;
	size_t len = put_edge(buf, NFNL_MSG_BATCH_BEGIN, ++nl->seq)->nlmsg_len;
	ssize_t got;

	for (size_t i = first; i < first + n; i++) {
		const struct nlmsghdr *request = mending->requests.items[i];
		struct nlmsghdr *to = (struct nlmsghdr *)(void *)(buf + len);

		memcpy(to, request, request->nlmsg_len);
		to->nlmsg_seq = ++nl->seq;
		if (i + 1 == first + n)
			to->nlmsg_flags |= NLM_F_ACK;
		len += to->nlmsg_len;
	}
	len += put_edge(buf + len, NFNL_MSG_BATCH_END, ++nl->seq)->nlmsg_len;
	if (mnl_socket_sendto(nl->socket, buf, len) < 0)
		return;
	/* the answer, good or bad: it is done when there is one */
	do {
		got = mnl_socket_recvfrom(nl->socket, answer, sizeof(answer));
	} while (got < 0 && errno == EINTR);
}

void counters_mend(const char *text)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct netlink nl CLEANUP(netlink_close) = NETLINK_INIT;
	struct mending mending = { .arena = arena, .nl = &nl, .by_name = map_new(arena) };
	struct err ignored;

	read_text(&mending, text);
	if (!netlink_open(&nl, NETLINK_NETFILTER, &ignored))
		return;
	vec_for_each (at, &mending.chains) {
		struct chain_ops *chain = *at;
		struct found found = { 0 };

		if (!chain->is_wanted || chain->is_unclear ||
			!find_rules(&mending, chain, &found) || !place_rules(chain, found.rules.n))
			continue;
		vec_for_each (op, &chain->ops) {
			if (op->now && op->now <= found.rules.n && op->counters.packets)
				add_request(
					&mending, found.rules.items[op->now - 1], &op->counters);
		}
	}
	for (size_t i = 0; i < mending.requests.n; i += BATCH) {
		size_t left = mending.requests.n - i;

		send_requests(&mending, i, left < BATCH ? left : BATCH);
	}
}
