// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Conntrack: one dump, and the entries that nothing allows any more are marked or deleted one by
 * one, each by what the dump said of it (tuple, zone, id), copied byte for byte: another entry
 * that took the tuple meanwhile has another id (unless it lies at the same place in memory) and is
 * not deleted. Marks are set by tuple and zone alone, the kernel does not look at the id there: such
 * an entry bears the mark until it is judged by the next pass.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/vec.h"
#include "kernel/conntrack.h"
#include "kernel/kernel.h"
#include "kernel/netlink.h"

/* So few that all their refusals fit into the socket's receive buffer of 208 KiB. */
#define REQUEST_BATCH 100

/* A flow whose destination was translated: for the flows that came of it. */
struct translation {
	struct dumped_tuple original;
	struct addr dst;
	uint16_t dport;
};

/* A flow that came of another one; judged when all translations are known. */
struct child {
	struct dumped_tuple master;
	const struct nlmsghdr *entry;
};

enum change { CHANGE_DELETE, CHANGE_MARK, CHANGE_UNMARK };

struct request {
	size_t offset; /* in the text of all requests */
	enum change change;
	bool is_counted; /* cut now, not before */
	bool is_refused; /* the mark; to be deleted */
};

/* What would be cut, where nothing is. */
struct found {
	struct arena *arena;
	VEC(struct flow) flows;
	size_t max, n_all;
};

struct cut {
	/* by what a judge says of each flow ... */
	kernel_flow_fn *judge;
	void *data;
	uint32_t mark;
	struct found *found; /* NULL: it is done */
	/* ... or these, sorted */
	const struct conntrack_entry *const *listed;
	size_t n_listed;
	/* of one dump */
	struct arena *arena;
	VEC(struct translation) translations;
	VEC(struct child) children;
	/* One behind the other as they are sent. */
	struct text text;
	VEC(struct request) requests;
	size_t n_cut;
	int refusal; /* errno of the first entry that would not go */
};

static void add_attr(struct text *text, uint16_t type, uint32_t value)
{
	const struct nlattr attr = { .nla_type = type, .nla_len = NLA_HDRLEN + sizeof(value) };
	const uint32_t wire = htonl(value);

	text_add_n(text, (const char *)&attr, sizeof(attr));
	text_add_n(text, (const char *)&wire, sizeof(wire));
}

static uint16_t type_of(enum change change)
{
	return NFNL_SUBSYS_CTNETLINK << 8 |
	       (change == CHANGE_DELETE ? IPCTNL_MSG_CT_DELETE : IPCTNL_MSG_CT_NEW);
}

static struct nlmsghdr *header_of(struct cut *cut, const struct request *request)
{
	return (struct nlmsghdr *)(void *)(cut->text.data + request->offset);
}

/* The request keeps what it needs of the entry: the dump's buffer is used again. */
static void add_request(struct cut *cut, const struct nlmsghdr *nlh, const struct ct_entry *entry,
	enum change change)
{
	const struct nlattr *attrs[] = { entry->original, entry->zone, entry->id };
	const struct nfgenmsg *msg = mnl_nlmsg_get_payload(nlh);
	/* without NLM_F_CREATE: an entry that went by itself is not made again */
	struct nlmsghdr header = { .nlmsg_type = type_of(change), .nlmsg_flags = NLM_F_REQUEST };
	struct nfgenmsg to = { .nfgen_family = msg->nfgen_family, .version = NFNETLINK_V0 };
	struct request request = { .offset = cut->text.len,
		.change = change,
		.is_counted = change != CHANGE_UNMARK && !(entry->mark & cut->mark) };

	text_add_n(&cut->text, (const char *)&header, sizeof(header));
	text_add_n(&cut->text, (const char *)&to, sizeof(to));
	for (size_t i = 0; i < N_OF(attrs); i++)
		if (attrs[i])
			text_add_n(
				&cut->text, (const char *)attrs[i], NLMSG_ALIGN(attrs[i]->nla_len));
	if (change != CHANGE_DELETE) {
		add_attr(&cut->text, CTA_MARK, change == CHANGE_MARK ? cut->mark : 0);
		add_attr(&cut->text, CTA_MARK_MASK, cut->mark);
	}
	header_of(cut, &request)->nlmsg_len = (uint32_t)(cut->text.len - request.offset);
	*vec_push(&cut->requests, cut->arena) = request;
}

static void note_found(struct found *found, const struct flow *flow, enum flow_verdict verdict)
{
	if ((verdict != FLOW_CUT && verdict != FLOW_FORGET) || flow->is_marked)
		return;
	found->n_all++;
	if (found->flows.n == found->max)
		return;
	*vec_push(&found->flows, found->arena) = *flow;
	found->flows.items[found->flows.n - 1].handle = NULL;
}

/* What the verdict means for this entry. */
static void follow(struct cut *cut, const struct nlmsghdr *nlh, const struct ct_entry *entry,
	enum flow_verdict verdict)
{
	bool is_marked = entry->mark & cut->mark;

	switch (verdict) {
	case FLOW_LEAVE:
		break;
	case FLOW_ALLOW:
		if (is_marked)
			add_request(cut, nlh, entry, CHANGE_UNMARK);
		break;
	case FLOW_CUT:
		/* A flowtable forwards it past the rule that drops: let the kernel refuse. */
		if (entry->tuple.proto != PROTO_TCP || entry->status & IPS_OFFLOAD)
			add_request(cut, nlh, entry, CHANGE_DELETE);
		else if (!is_marked)
			add_request(cut, nlh, entry, CHANGE_MARK);
		break;
	case FLOW_FORGET:
		add_request(cut, nlh, entry, CHANGE_DELETE);
		break;
	}
}

static void judge_entry(struct cut *cut, const struct nlmsghdr *nlh, const struct ct_entry *entry,
	const struct dumped_tuple *tuple, const struct addr *dst, uint16_t dport)
{
	bool is_icmp = tuple->proto == PROTO_ICMP || tuple->proto == PROTO_ICMPV6;
	bool has_ports = proto_has_ports(tuple->proto);
	const struct flow flow = {
		.zone = tuple->zone,
		.is_marked = entry->mark & cut->mark,
		.handle = nlh,
		.first = {
			.ethertype = tuple->src.family == FAMILY_IPV6 ? ETHERTYPE_IPV6
								      : ETHERTYPE_IPV4,
			.src = tuple->src,
			.dst = *dst,
			.proto = tuple->proto,
			.sport = has_ports ? tuple->sport : 0,
			.dport = has_ports ? dport : 0,
			.icmp_type = is_icmp ? tuple->icmp_type : 0,
			.icmp_code = is_icmp ? tuple->icmp_code : 0,
			.ct_state = CT_NEW,
			.ct_mark = entry->mark,
		},
	};

	enum flow_verdict verdict = cut->judge(cut->data, &flow);

	if (cut->found)
		note_found(cut->found, &flow, verdict);
	else
		follow(cut, nlh, entry, verdict);
}

static int each_entry(const struct nlmsghdr *nlh, void *data)
{
	struct cut *cut = data;
	struct ct_entry entry;

	ct_entry_read(nlh, &entry);
	if (!entry.original)
		return MNL_CB_OK;
	if (addr_compare(&entry.tuple.dst, &entry.reply.src) != 0 ||
		(proto_has_ports(entry.tuple.proto) && entry.tuple.dport != entry.reply.sport))
		*vec_push(&cut->translations, cut->arena) = (struct translation){
			.original = entry.tuple,
			.dst = entry.reply.src,
			.dport = entry.reply.sport,
		};
	if (entry.has_master) {
		void *copy = arena_alloc(cut->arena, nlh->nlmsg_len);

		memcpy(copy, nlh, nlh->nlmsg_len);
		*vec_push(&cut->children, cut->arena) =
			(struct child){ .master = entry.master, .entry = copy };
		return MNL_CB_OK;
	}
	judge_entry(cut, nlh, &entry, &entry.tuple, &entry.reply.src, entry.reply.sport);
	return MNL_CB_OK;
}

static int by_original(const void *a, const void *b)
{
	const struct dumped_tuple *x = &((const struct translation *)a)->original;
	const struct dumped_tuple *y = &((const struct translation *)b)->original;
	int order = addr_compare(&x->src, &y->src);

	if (!order)
		order = addr_compare(&x->dst, &y->dst);
	if (!order)
		order = (x->proto - y->proto);
	if (!order)
		order = (x->zone - y->zone);
	if (!order)
		order = (x->sport - y->sport);
	return order ? order : x->dport - y->dport;
}

static void judge_children(struct cut *cut)
{
	if (cut->translations.n)
		qsort(cut->translations.items, cut->translations.n,
			sizeof(*cut->translations.items), by_original);
	vec_for_each (child, &cut->children) {
		const struct translation key = { .original = child->master }, *found = NULL;
		struct ct_entry entry;

		if (cut->translations.n)
			found = bsearch(&key, cut->translations.items, cut->translations.n,
				sizeof(key), by_original);
		ct_entry_read(child->entry, &entry);
		judge_entry(cut, child->entry, &entry, &child->master,
			found ? &found->dst : &child->master.dst,
			found ? found->dport : child->master.dport);
	}
}

static void forget_entries(void *data)
{
	struct cut *cut = data;

	cut->translations.n = cut->children.n = cut->requests.n = 0;
	text_clear(&cut->text);
	if (cut->found)
		cut->found->flows.n = cut->found->n_all = 0;
}

static void take_refusal(struct cut *cut, struct request *request, int error)
{
	request->is_counted = false;
	/* not there any more: it went by itself */
	if (error == ENOENT)
		return;
	if (request->change == CHANGE_MARK)
		request->is_refused = true;
	else if (!cut->refusal)
		cut->refusal = error;
}

/* The answers to a batch: its refusals, and the acknowledgement of its last request. */
static bool take_answers(struct netlink *nl, struct cut *cut, struct request *requests,
	unsigned first_seq, struct err *err)
{
	char buf[NETLINK_BUF_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	bool is_last = false;

	while (!is_last) {
		ssize_t got = mnl_socket_recvfrom(nl->socket, buf, sizeof(buf));
		int left = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_system(err, errno, "cannot change conntrack entries");
		for (struct nlmsghdr *nlh = (struct nlmsghdr *)(void *)buf; mnl_nlmsg_ok(nlh, left);
			nlh = mnl_nlmsg_next(nlh, &left)) {
			const struct nlmsgerr *answer = mnl_nlmsg_get_payload(nlh);
			unsigned i = nlh->nlmsg_seq - first_seq;

			if (nlh->nlmsg_type != NLMSG_ERROR || i > nl->seq - first_seq)
				continue;
			if (answer->error)
				take_refusal(cut, &requests[i], -answer->error);
			is_last |= nlh->nlmsg_seq == nl->seq;
		}
	}
	return true;
}

static bool send_batch(
	struct netlink *nl, struct cut *cut, struct request *requests, size_t n, struct err *err)
{
	size_t from = requests[0].offset;
	size_t end = requests[n - 1].offset + header_of(cut, &requests[n - 1])->nlmsg_len;
	unsigned first_seq = nl->seq + 1;

	for (size_t i = 0; i < n; i++) {
		struct nlmsghdr *header = header_of(cut, &requests[i]);

		header->nlmsg_seq = ++nl->seq;
		header->nlmsg_flags |= i + 1 == n ? NLM_F_ACK : 0;
	}
	if (mnl_socket_sendto(nl->socket, cut->text.data + from, end - from) < 0)
		return err_system(err, errno, "cannot change conntrack entries");
	if (!take_answers(nl, cut, requests, first_seq, err))
		return false;
	for (size_t i = 0; i < n; i++)
		cut->n_cut += requests[i].is_counted;
	return true;
}

/* Instead of the mark that the kernel would not set. */
static bool delete_refused(struct netlink *nl, struct cut *cut, struct err *err)
{
	vec_for_each (request, &cut->requests) {
		if (!request->is_refused)
			continue;
		request->change = CHANGE_DELETE;
		request->is_counted = true;
		header_of(cut, request)->nlmsg_type = type_of(CHANGE_DELETE);
		if (!send_batch(nl, cut, request, 1, err))
			return false;
	}
	return true;
}

static void cut_done(struct cut *cut)
{
	arena_free(cut->arena);
	text_done(&cut->text);
}

/* In batches; what was refused fails at the end, so that one entry does not keep the others. */
static bool send_all(struct cut *cut, size_t *ret_n_cut, struct err *err)
{
	struct netlink nl CLEANUP(netlink_close) = NETLINK_INIT;

	if (!netlink_open(&nl, NETLINK_NETFILTER, err))
		return false;
	for (size_t i = 0; i < cut->requests.n; i += REQUEST_BATCH) {
		size_t left = cut->requests.n - i;

		if (!send_batch(&nl, cut, cut->requests.items + i,
			    left < REQUEST_BATCH ? left : REQUEST_BATCH, err))
			return false;
	}
	if (!delete_refused(&nl, cut, err))
		return false;
	if (cut->refusal) {
		err_system(err, cut->refusal, "a conntrack entry could not be changed");
		if (cut->refusal == EBUSY)
			err_next(err, "it is offloaded by a flowtable of nftables");
		return false;
	}
	*ret_n_cut = cut->n_cut;
	return true;
}

bool kernel_flows_cut(
	kernel_flow_fn *judge, void *data, uint32_t mark, size_t *ret_n_cut, struct err *err)
{
	struct cut cut CLEANUP(cut_done) = {
		.judge = judge, .data = data, .mark = mark, .arena = arena_new(), .text = TEXT_INIT
	};

	if (!ct_list(forget_entries, each_entry, &cut, err))
		return false;
	judge_children(&cut);
	return send_all(&cut, ret_n_cut, err);
}

bool kernel_flows_find(struct arena *arena, kernel_flow_fn *judge, void *data, uint32_t mark,
	size_t max, struct flow **ret, size_t *ret_n, size_t *ret_n_all, struct err *err)
{
	struct found found = { .arena = arena, .max = max };
	struct cut cut CLEANUP(cut_done) = { .judge = judge,
		.data = data,
		.mark = mark,
		.found = &found,
		.arena = arena_new(),
		.text = TEXT_INIT };

	if (!ct_list(forget_entries, each_entry, &cut, err))
		return false;
	judge_children(&cut);
	*ret = found.flows.items;
	*ret_n = found.flows.n;
	*ret_n_all = found.n_all;
	return true;
}

static int compare_tuples(const struct flow_tuple *a, const struct flow_tuple *b)
{
	int order = addr_compare(&a->src, &b->src);

	if (!order)
		order = addr_compare(&a->dst, &b->dst);
	if (!order)
		order = a->sport - b->sport;
	return order ? order : a->dport - b->dport;
}

/* Of the status only what NAT did of it: the others change while a flow lives (it was answered, it is offloaded),
 * and it is the same flow. */
static int compare_entries(const struct conntrack_entry *a, const struct conntrack_entry *b)
{
	const unsigned nat = IPS_NAT_MASK | IPS_NAT_DONE_MASK;
	int order = a->proto - b->proto;

	if (!order)
		order = a->zone - b->zone;
	if (!order)
		order = compare_tuples(&a->orig, &b->orig);
	if (!order)
		order = compare_tuples(&a->reply, &b->reply);
	return order ? order : (int)(a->status & nat) - (int)(b->status & nat);
}

static int by_entry(const void *a, const void *b)
{
	return compare_entries(*(const struct conntrack_entry *const *)a,
		*(const struct conntrack_entry *const *)b);
}

static int each_listed(const struct nlmsghdr *nlh, void *data)
{
	struct cut *cut = data;
	struct conntrack_entry value;
	const struct conntrack_entry *key = &value;
	struct ct_entry entry;

	ct_entry_read(nlh, &entry);
	if (!entry.original)
		return MNL_CB_OK;
	value = ct_entry_value(&entry);
	if (bsearch(&key, cut->listed, cut->n_listed, sizeof(*cut->listed), by_entry))
		add_request(cut, nlh, &entry, CHANGE_DELETE);
	return MNL_CB_OK;
}

bool kernel_flows_delete(const struct conntrack_entry *const *flows, size_t n,
	size_t *ret_n_deleted, struct err *err)
{
	struct cut cut CLEANUP(
		cut_done) = { .arena = arena_new(), .text = TEXT_INIT, .n_listed = n };
	const struct conntrack_entry **sorted =
		arena_new_array(cut.arena, const struct conntrack_entry *, n + 1);

	*ret_n_deleted = 0;
	if (!n)
		return true;
	memcpy(sorted, flows, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_entry);
	cut.listed = sorted;
	return ct_list(forget_entries, each_listed, &cut, err) &&
	       send_all(&cut, ret_n_deleted, err);
}
