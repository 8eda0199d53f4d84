// SPDX-License-Identifier: GPL-2.0-or-later
/* Where a packet enters, and how its answer comes back. */
#include <string.h>

#include "base/text.h"
#include "explain/internal.h"

#define ICMP_ECHO	  8
#define ICMPV6_ECHO	  128
#define ICMPV6_ECHO_REPLY 129

/* How many taps the guest of that name has; ret: the last one, ret_taps: their names. */
static size_t find_guest(
	const struct host *host, const char *name, struct query *ret, struct text *ret_taps)
{
	size_t n_found = 0;

	for (size_t n = 0; n < host->n_netns; n++) {
		const struct netns *ns = &host->netns[n];

		for (size_t i = 0; i < ns->n_vms; i++) {
			/* "tap...=instance-0001" */
			const char *equals = strchr(ns->vms[i], '=');

			if (!equals || strcmp(equals + 1, name) != 0)
				continue;
			for (size_t l = 0; l < ns->n_links; l++) {
				const char *tap = ns->links[l].name;
				size_t len = (size_t)(equals - ns->vms[i]);

				if (strlen(tap) != len || memcmp(tap, ns->vms[i], len) != 0)
					continue;
				ret->ns = ns;
				ret->in = &ns->links[l];
				text_addf(ret_taps, "%s%s", n_found ? ", " : "", tap);
				n_found++;
			}
		}
	}
	return n_found;
}

static const char *nearest_link(struct arena *arena, const struct host *host, const char *name)
{
	VEC(const char *) names = { 0 };

	for (size_t n = 0; n < host->n_netns; n++)
		for (size_t i = 0; i < host->netns[n].n_links; i++)
			*vec_push(&names, arena) = host->netns[n].links[i].name;
	return text_nearest(name, names.items, names.n);
}

static bool has_link_that_begins(const struct host *host, const char *name)
{
	for (size_t n = 0; *name && n < host->n_netns; n++)
		for (size_t i = 0; i < host->netns[n].n_links; i++)
			if (text_has_prefix(host->netns[n].links[i].name, name))
				return true;
	return false;
}

#define N_SHOWN 8 /* names in a next step */

/* The host's devices, those that begin with name if there are any; or where to get a host that has some. */
static bool next_step(const struct host *host, const char *name, struct err *err)
{
	bool has_begin = has_link_that_begins(host, name);
	struct text names CLEANUP(text_done) = TEXT_INIT;
	size_t n = 0;

	for (size_t i = 0; i < host->n_netns; i++) {
		for (size_t l = 0; l < host->netns[i].n_links; l++) {
			const char *link = host->netns[i].links[l].name;

			if (strcmp(link, "lo") == 0 || (has_begin && !text_has_prefix(link, name)))
				continue;
			if (n++ < N_SHOWN)
				text_addf(&names, "%s%s", names.len ? ", " : "", link);
		}
	}
	if (!n)
		return err_next(err,
			"what was given has rules only: take a snapshot on the host, with "
			"portwall snapshot -o FILE");
	if (host_hidden_links(host))
		return err_next(err,
			"not all of its devices were read (%s): take a snapshot as root",
			host_hidden_links(host));
	if (n > N_SHOWN)
		return err_next(err, "its devices%s are %s and %zu more",
			has_begin ? " that begin so" : "", names.data, n - N_SHOWN);
	if (has_begin)
		return err_next(err, "its devices that begin so: %s", names.data);
	return err_next(err, n == 1 ? "its only device is %s" : "its devices are %s", names.data);
}

bool explain_find_entry(
	const struct host *host, const char *name, struct query *ret, struct err *err)
{
	const struct netns *ns = NULL;
	const struct link *link = host_find_link(host, name, &ns);
	struct query query = { .from = FROM_DEVICE, .ns = ns, .in = link };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text taps CLEANUP(text_done) = TEXT_INIT;
	size_t n_taps = link ? 1 : find_guest(host, name, &query, &taps);
	const char *nearest;

	if (n_taps > 1) {
		err_input(err, "the guest %s has several devices: %s", name, taps.data);
		return err_next(err, "name one of them");
	}
	if (!n_taps) {
		nearest = nearest_link(arena, host, name);
		if (nearest)
			err_input(err, "this host has no device or guest %s; did you mean %s?",
				name, nearest);
		else
			err_input(err, "this host has no device or guest %s", name);
		return nearest && !host_hidden_links(host) ? false : next_step(host, name, err);
	}
	*ret = query;
	return true;
}

static void swap_ends(struct packet *packet)
{
	struct addr src = packet->src;
	struct mac mac = packet->eth_src;
	uint16_t sport = packet->sport;

	packet->src = packet->dst;
	packet->dst = src;
	packet->sport = packet->dport;
	packet->dport = sport;
	packet->eth_src = packet->eth_dst;
	packet->eth_dst = mac;
}

static uint64_t swap_unknown(uint64_t unknown)
{
	static const enum field pairs[][2] = { { FIELD_SRC, FIELD_DST },
		{ FIELD_SPORT, FIELD_DPORT }, { FIELD_ETH_SRC, FIELD_ETH_DST } };
	uint64_t swapped = unknown;

	for (size_t i = 0; i < N_OF(pairs); i++) {
		uint64_t a = FIELD_BIT(pairs[i][0]), b = FIELD_BIT(pairs[i][1]);

		swapped &= ~(a | b);
		swapped |= (unknown & a ? b : 0) | (unknown & b ? a : 0);
	}
	return swapped;
}

bool explain_reply(const struct leaf *leaf, struct query *ret, struct err *err)
{
	const struct node *last = leaf->last;
	struct query query = { .ns = last->ns, .flows = leaf->flows, .packet = *last->packet };
	struct packet *packet = &query.packet;

	if (leaf->final != FINAL_DELIVERED && leaf->final != FINAL_REWRITTEN)
		return err_input(err, "a packet that is not delivered has no reply");
	if (packet_inner_ethertype(packet) == ETHERTYPE_ARP)
		return err_input(err, "the reply of ARP is not walked");
	if ((packet->proto == PROTO_ICMP && packet->icmp_type != ICMP_ECHO) ||
		(packet->proto == PROTO_ICMPV6 && packet->icmp_type != ICMPV6_ECHO))
		return err_input(err, "of ICMP only an echo request has a reply");
	swap_ends(packet);
	packet->unknown = swap_unknown(packet->unknown);
	packet->ttl = 64;
	packet->mark = 0;
	packet->unknown &= ~FIELD_BIT(FIELD_TTL);
	if (packet->proto == PROTO_ICMP)
		packet->icmp_type = 0;
	else if (packet->proto == PROTO_ICMPV6)
		packet->icmp_type = ICMPV6_ECHO_REPLY;
	else if (packet->proto == PROTO_TCP)
		packet->tcp_flags = packet->tcp_flags & TCP_SYN ? TCP_SYN | TCP_ACK : TCP_ACK;
	if (leaf->place == PLACE_WIRE || leaf->place == PLACE_GUEST) {
		query.from = FROM_DEVICE;
		query.in = last->link;
	} else {
		query.from = FROM_PROCESS;
	}
	*ret = query;
	return true;
}
