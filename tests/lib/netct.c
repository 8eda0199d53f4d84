// SPDX-License-Identifier: GPL-2.0-or-later
#include "netct.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

#define N_BUCKETS 4096

/* No padding: compared as bytes. */
struct tuple {
	uint8_t src[16], dst[16];
	uint16_t zone, sport, dport;
	uint8_t family, proto, type, code;
};

struct entry {
	struct tuple tuple; /* of the first packet */
	bool has_reply;
	struct entry *next;
};

struct net_ct {
	struct entry *buckets[N_BUCKETS];
};

struct net_ct *net_ct_new(void)
{
	return calloc(1, sizeof(struct net_ct));
}

void net_ct_flush(struct net_ct *ct)
{
	for (size_t i = 0; i < N_BUCKETS; i++) {
		while (ct->buckets[i]) {
			struct entry *entry = ct->buckets[i];

			ct->buckets[i] = entry->next;
			free(entry);
		}
	}
}

void net_ct_free(struct net_ct *ct)
{
	if (ct)
		net_ct_flush(ct);
	free(ct);
}

/* Questions and answers of ICMP belong together (invmap of nf_conntrack_proto_icmp[v6].c). */
static uint8_t answer_of(uint8_t proto, uint8_t type)
{
	static const uint8_t pairs[][3] = { { PROTO_ICMP, 8, 0 }, { PROTO_ICMP, 13, 14 },
		{ PROTO_ICMP, 15, 16 }, { PROTO_ICMP, 17, 18 }, { PROTO_ICMPV6, 128, 129 },
		{ PROTO_ICMPV6, 139, 140 } };

	for (size_t i = 0; i < N_OF(pairs); i++) {
		if (pairs[i][0] == proto && pairs[i][1] == type)
			return pairs[i][2];
		if (pairs[i][0] == proto && pairs[i][2] == type)
			return pairs[i][1];
	}
	return type;
}

static struct tuple tuple_of(uint16_t zone, const struct packet *p, uint16_t icmp_id)
{
	struct tuple tuple = { .zone = zone, .family = (uint8_t)p->src.family, .proto = p->proto };

	memcpy(tuple.src, p->src.bytes, 16);
	memcpy(tuple.dst, p->dst.bytes, 16);
	/* conntrack of this kernel has no DCCP: one flow for two addresses */
	if (proto_has_ports(p->proto) && p->proto != PROTO_DCCP) {
		tuple.sport = p->sport;
		tuple.dport = p->dport;
	}
	if (p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6) {
		tuple.sport = icmp_id;
		tuple.type = p->icmp_type;
		tuple.code = p->icmp_code;
	}
	return tuple;
}

static struct tuple inverse(const struct tuple *tuple)
{
	struct tuple inv = *tuple;

	memcpy(inv.src, tuple->dst, 16);
	memcpy(inv.dst, tuple->src, 16);
	if (tuple->proto == PROTO_ICMP || tuple->proto == PROTO_ICMPV6) {
		inv.type = answer_of(tuple->proto, tuple->type);
	} else {
		inv.sport = tuple->dport;
		inv.dport = tuple->sport;
	}
	return inv;
}

static size_t bucket_of(const struct tuple *tuple)
{
	const uint8_t *bytes = (const uint8_t *)tuple;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < sizeof(*tuple); i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash % N_BUCKETS;
}

static struct entry *find(struct net_ct *ct, const struct tuple *tuple)
{
	for (struct entry *entry = ct->buckets[bucket_of(tuple)]; entry; entry = entry->next)
		if (memcmp(&entry->tuple, tuple, sizeof(*tuple)) == 0)
			return entry;
	return NULL;
}

static bool is_error(const struct packet *p)
{
	if (p->proto == PROTO_ICMPV6)
		return p->icmp_type < 128;
	return p->proto == PROTO_ICMP &&
	       (p->icmp_type == 3 || p->icmp_type == 4 || p->icmp_type == 5 || p->icmp_type == 11 ||
		       p->icmp_type == 12);
}

enum ct_state net_ct_look(struct net_ct *ct, uint16_t zone, const struct net_frame *frame)
{
	enum ct_state first = net_frame_first_state(frame);
	struct tuple tuple = tuple_of(zone, &frame->packet, frame->icmp_id), inv = inverse(&tuple);
	struct entry *entry;

	if (first == CT_UNTRACKED || (frame->bad_checksum && first == CT_INVALID))
		return first;
	if (is_error(&frame->packet)) {
		if (!frame->inner)
			return CT_INVALID;
		tuple = tuple_of(zone, frame->inner, 0);
		inv = inverse(&tuple);
		return find(ct, &tuple) || find(ct, &inv) ? CT_RELATED : CT_INVALID;
	}
	entry = find(ct, &tuple);
	if (entry)
		return entry->has_reply ? CT_ESTABLISHED : CT_NEW;
	entry = find(ct, &inv);
	if (!entry)
		return first;
	/* set before any filter is asked */
	entry->has_reply = true;
	return CT_ESTABLISHED;
}

void net_ct_confirm(struct net_ct *ct, uint16_t zone, const struct net_frame *frame)
{
	struct tuple tuple = tuple_of(zone, &frame->packet, frame->icmp_id), inv = inverse(&tuple);
	struct entry *entry;

	if (is_error(&frame->packet) || net_frame_first_state(frame) != CT_NEW ||
		find(ct, &tuple) || find(ct, &inv))
		return;
	entry = calloc(1, sizeof(*entry));
	entry->tuple = tuple;
	entry->next = ct->buckets[bucket_of(&tuple)];
	ct->buckets[bucket_of(&tuple)] = entry;
}
