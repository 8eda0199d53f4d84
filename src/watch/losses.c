// SPDX-License-Identifier: GPL-2.0-or-later
/* Totals of the kernel, put together by cause. */
#include "watch/losses.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "packet/frame.h"
#include "watch/internal.h"
#include "watch/losses_internal.h"

/* One total of the kernel: what of it has been taken, and what the present host says of it. */
struct kind {
	struct loss_total total; /* n, bytes: what has been taken */
	struct packet sample;
	bool has_sample;
	unsigned generation; /* of the host that "loss" is the answer of; 0: not asked */
	struct pile *loss;
};

/* A loss, and what is needed to ask about it again. */
struct pile {
	struct loss loss;  /* the first: losses_list gives pointers to it */
	struct kind *kind; /* that its packet is of */
	bool has_changes;  /* they were looked for */
};

struct losses {
	struct arena *arena;
	struct losses_world world;
	unsigned generation;
	size_t n_asked; /* of this generation */
	struct map *kinds, *piles;
	struct map *senders; /* samples, by device and source */
	VEC(struct pile *) all;
	uint64_t n, n_none;
};

struct losses *losses_new(void)
{
	struct losses *losses = new_or_die(sizeof(*losses));

	losses->arena = arena_new();
	losses->kinds = map_new(losses->arena);
	losses->piles = map_new(losses->arena);
	losses->senders = map_new(losses->arena);
	return losses;
}

void losses_freep(struct losses **losses)
{
	if (!*losses)
		return;
	arena_free((*losses)->arena);
	free(*losses);
	*losses = NULL;
}

void losses_set_world(struct losses *losses, const struct losses_world *world)
{
	losses->world = *world;
	losses->generation++;
	losses->n_asked = 0;
}

/* --- kinds --- */

static void add_addr(struct text *out, const struct addr *addr)
{
	text_add(out, " ");
	addr_print(out, addr);
}

static struct kind *kind_of(struct losses *losses, const struct loss_total *total, size_t max)
{
	struct text key CLEANUP(text_done) = TEXT_INIT;
	struct kind *kind;

	text_addf(&key, "%llu %d %s %s %x %u %u %d", (unsigned long long)total->netns, total->link,
		total->reason, total->function, total->ethertype, total->proto, total->dport,
		total->is_rest);
	if (total->has_addresses) {
		add_addr(&key, &total->src);
		add_addr(&key, &total->dst);
	}
	kind = map_find(losses->kinds, key.data);
	if (kind || map_n(losses->kinds) >= max)
		return kind;
	kind = arena_new_one(losses->arena, struct kind);
	kind->total = *total;
	kind->total.n = kind->total.bytes = 0;
	map_add(losses->kinds, arena_strdup(losses->arena, key.data), kind);
	return kind;
}

/* Which total is the packet counted in? */
static struct loss_total total_of(
	const struct sighting *drop, const struct packet *packet, uint16_t ethertype)
{
	struct loss_total total = { .netns = drop->netns,
		.link = drop->link,
		.reason = drop->reason,
		.function = drop->function,
		.ethertype = ethertype };
	bool is_arp = total.ethertype == ETHERTYPE_ARP;

	if (is_arp) {
		total.src = packet->arp_spa;
		total.dst = packet->arp_tpa;
	} else {
		total.src = packet->src;
		total.dst = packet->dst;
		total.proto = packet->proto;
	}
	total.has_addresses = total.src.family == FAMILY_IPV4 || total.src.family == FAMILY_IPV6;
	if (proto_has_ports(total.proto) && !packet->is_later_fragment)
		total.dport = packet->dport;
	else if (total.proto == PROTO_ICMP || total.proto == PROTO_ICMPV6)
		total.dport = packet->icmp_type;
	return total;
}

static void sender_key(const struct loss_total *total, struct text *ret)
{
	text_addf(ret, "%llu %d", (unsigned long long)total->netns, total->link);
	add_addr(ret, &total->src);
}

static void remember_sender(struct losses *losses, struct kind *kind)
{
	struct text key CLEANUP(text_done) = TEXT_INIT;

	if (!kind->total.has_addresses)
		return;
	sender_key(&kind->total, &key);
	if (!map_find(losses->senders, key.data))
		map_add(losses->senders, arena_strdup(losses->arena, key.data), kind);
}

void losses_see(struct losses *losses, const struct sighting *drop)
{
	struct frame frame = { .bytes = drop->bytes,
		.size = drop->size,
		.has_ethernet = drop->has_ethernet,
		.ethertype = drop->ethertype,
		.vlan_id = drop->vlan_id,
		.wire_size = drop->wire_size };
	struct frame_layout layout;
	struct packet packet;
	struct loss_total total;
	struct kind *kind;

	if (!drop->reason || !drop->function || !frame_parse(&frame, &packet, &layout))
		return;
	total = total_of(drop, &packet, layout.ethertype);
	/* so that there is room for whatever the kernel counts */
	kind = kind_of(losses, &total, LIMIT_LOSS_KINDS / 2);
	if (!kind || kind->has_sample)
		return;
	/* where it came in the host knew nothing of it yet */
	packet.unknown =
		(packet.unknown & FIELDS_OF_WIRE) | FIELD_BIT(FIELD_UID) | FIELD_BIT(FIELD_GID);
	if (!drop->has_ethernet)
		packet.unknown |= FIELD_BIT(FIELD_ETH_SRC) | FIELD_BIT(FIELD_ETH_DST);
	kind->sample = packet;
	kind->has_sample = true;
	remember_sender(losses, kind);
	/* what was asked with a made-up packet is asked again */
	kind->generation = 0;
}

/* --- what is no loss --- */

bool loss_is_none(const struct host *host, const struct loss_total *total)
{
	/* of sockets that listen to all of a device, and of what was still to be read when one was closed */
	static const char *const reasons[] = { "QUEUE_PURGE", "PACKET_SOCK_ERROR", "SOCKET_FILTER",
		"SOCKET_CLOSE", "CONSUMED" };
	const struct netns *ns = netns_of_inode(host, total->netns);
	const struct link *link = ns ? netns_link_by_index(ns, total->link) : NULL;

	for (size_t i = 0; i < N_OF(reasons); i++)
		if (!strcmp(total->reason, reasons[i]))
			return true;
	/* A port of Open vSwitch in user space is read by it; what a bridge hands up and is not for it is a copy, for a listener. */
	return !strcmp(total->reason, "OTHERHOST") && link &&
	       (!strcmp(link->kind, "bridge") || ovs_port_at(host, ns, link));
}

/* --- causes --- */

/* Another packet from there tells by which station it came, and to which, if it is for the same one. */
static void add_macs(const struct losses *losses, const struct kind *kind, struct packet *packet)
{
	struct text key CLEANUP(text_done) = TEXT_INIT;
	const struct kind *other;

	sender_key(&kind->total, &key);
	other = map_find(losses->senders, key.data);
	if (!other || packet->ethertype != other->sample.ethertype)
		return;
	packet->eth_src = other->sample.eth_src;
	packet->unknown &= ~FIELD_BIT(FIELD_ETH_SRC) | other->sample.unknown;
	if (addr_compare(&kind->total.dst, &other->total.dst) != 0)
		return;
	packet->eth_dst = other->sample.eth_dst;
	packet->unknown &= ~FIELD_BIT(FIELD_ETH_DST) | other->sample.unknown;
}

static bool packet_of(const struct losses *losses, const struct kind *kind, struct packet *ret)
{
	if (kind->total.is_rest)
		return false;
	if (kind->has_sample) {
		*ret = kind->sample;
		return true;
	}
	if (!loss_make_packet(&kind->total, ret))
		return false;
	add_macs(losses, kind, ret);
	return true;
}

static void add_cause(struct text *key, const struct loss_answer *answer)
{
	const struct decider *decider = answer->report.decider;

	text_addf(key, " %s", drop_name(answer->explanation->leaf->drop));
	if (!decider)
		return;
	text_addf(key, " %d %s %s %zu ", decider->node->table->family, decider->node->table->name,
		decider->node->rule_chain->name, decider->number);
	if (decider->node->rule)
		table_print_rule(key, decider->node->table, decider->node->rule);
}

static struct pile *find_pile(
	struct losses *losses, const char *key, const struct loss *loss, struct kind *kind)
{
	struct pile *pile = map_find(losses->piles, key);

	if (pile)
		return pile;
	pile = arena_new_one(losses->arena, struct pile);
	pile->loss = *loss;
	pile->kind = kind;
	map_add(losses->piles, arena_strdup(losses->arena, key), pile);
	*vec_push(&losses->all, losses->arena) = pile;
	return pile;
}

static void describe_device(
	struct losses *losses, const struct loss_total *total, struct loss *loss)
{
	const struct netns *ns = netns_of_inode(losses->world.host, total->netns);
	const struct link *link = ns ? netns_link_by_index(ns, total->link) : NULL;

	loss->netns = arena_strdup(losses->arena, ns ? ns->name : "");
	loss->device = link	     ? arena_strdup(losses->arena, link->name)
		       : total->link ? arena_printf(losses->arena, "device %d", total->link)
				     : "-";
	loss->port = loss->device;
	loss->reason = total->reason;
	loss->function = total->function;
}

static void describe_cause(
	struct losses *losses, const struct loss_answer *answer, struct loss *loss)
{
	const struct decider *decider = answer->report.decider;

	loss->is_cause_known = true;
	loss->entry = answer->entry;
	if (answer->query.in)
		loss->came_in = arena_strdup(losses->arena, answer->query.in->name);
	if (decider && decider->port)
		loss->port = arena_strdup(losses->arena, decider->port->device);
}

/* Is it what the port sends? Then the other station is whom it is for. */
static bool is_sent_by(const struct loss *loss)
{
	return loss->came_in && !strcmp(loss->came_in, loss->port);
}

static struct pile *ask(struct losses *losses, struct kind *kind)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text key CLEANUP(text_done) = TEXT_INIT;
	const struct loss_total *total = &kind->total;
	struct loss_answer answer = { 0 };
	struct loss loss = { 0 };
	struct pile *pile;

	describe_device(losses, total, &loss);
	loss.has_packet = packet_of(losses, kind, &loss.packet);
	loss.is_sample = loss.has_packet && kind->has_sample;
	if (loss.has_packet && losses->n_asked < LIMIT_LOSS_QUESTIONS) {
		loss.is_asked = true;
		losses->n_asked++;
		loss_ask(arena, &losses->world, total, &loss.packet, &answer);
	}
	if (answer.entry)
		describe_cause(losses, &answer, &loss);
	loss.has_peer = total->has_addresses && !total->is_rest;
	if (loss.has_peer)
		loss.peer = is_sent_by(&loss) ? total->dst : total->src;
	text_addf(&key, "%llu %d %s %s %s %x %u %d", (unsigned long long)total->netns, total->link,
		loss.port, loss.reason, loss.function, total->ethertype, total->proto,
		loss.is_asked);
	if (loss.has_peer)
		add_addr(&key, &loss.peer);
	if (answer.entry)
		add_cause(&key, &answer);
	pile = find_pile(losses, key.data, &loss, kind);
	if (answer.entry == LOSS_ENTRY_KNOWN) {
		pile->loss.entry = loss.entry;
		pile->loss.came_in = loss.came_in;
	}
	if (answer.entry && !pile->loss.told)
		pile->loss.told =
			losses->world.tell(losses->world.data, losses->arena, &answer.report);
	return pile;
}

static struct pile *pile_of(struct losses *losses, struct kind *kind)
{
	if (kind->generation != losses->generation) {
		kind->loss = ask(losses, kind);
		kind->generation = losses->generation;
	}
	return kind->loss;
}

/* --- counting --- */

static bool has_more(const struct kind *kind, const struct loss_total *total)
{
	return kind && total->n > kind->total.n;
}

bool losses_want_newer(
	struct losses *losses, const struct loss_total *totals, size_t n, uint64_t since_ns)
{
	for (size_t i = 0; i < n; i++) {
		struct kind *kind = kind_of(losses, &totals[i], LIMIT_LOSS_KINDS);

		if (!has_more(kind, &totals[i]) || totals[i].last_ns < since_ns ||
			loss_is_none(losses->world.host, &totals[i]))
			continue;
		/* one that is counted without it already was asked of the host in vain */
		if (kind->total.n && kind->loss && kind->loss->loss.entry != LOSS_ENTRY_KNOWN)
			continue;
		if (pile_of(losses, kind)->loss.entry != LOSS_ENTRY_KNOWN)
			return true;
	}
	return false;
}

static void add(struct pile *pile, struct kind *kind, const struct loss_total *total)
{
	struct loss *loss = &pile->loss;
	uint64_t first_ns = kind->total.n ? kind->total.last_ns : total->first_ns;

	if (!loss->n || first_ns < loss->first_ns)
		loss->first_ns = first_ns;
	if (total->last_ns > loss->last_ns)
		loss->last_ns = total->last_ns;
	loss->n += total->n - kind->total.n;
	loss->bytes += total->bytes - kind->total.bytes;
}

void losses_count(struct losses *losses, const struct loss_total *totals, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct loss_total *total = &totals[i];
		struct kind *kind = kind_of(losses, total, LIMIT_LOSS_KINDS);
		struct pile *pile, *before;

		if (!has_more(kind, total))
			continue;
		if (loss_is_none(losses->world.host, total)) {
			losses->n_none += total->n - kind->total.n;
		} else {
			before = kind->loss;
			pile = pile_of(losses, kind);
			pile->loss.n_kinds += !kind->total.n || pile != before;
			losses->n += total->n - kind->total.n;
			add(pile, kind, total);
		}
		kind->total.n = total->n;
		kind->total.bytes = total->bytes;
		kind->total.last_ns = total->last_ns;
	}
}

/* --- the list --- */

static int by_number(const void *left, const void *right)
{
	const struct loss *a = *(const struct loss *const *)left,
			  *b = *(const struct loss *const *)right;
	int order;

	if (a->n != b->n)
		return a->n < b->n ? 1 : -1;
	if ((order = strcmp(a->device, b->device)) || (order = strcmp(a->reason, b->reason)) ||
		(order = addr_compare(&a->peer, &b->peer)))
		return order;
	return a->first_ns > b->first_ns ? 1 : a->first_ns < b->first_ns ? -1 : 0;
}

const struct loss *const *losses_list(struct losses *losses, size_t *ret_n)
{
	size_t n = 0;

	if (losses->all.n)
		qsort(losses->all.items, losses->all.n, sizeof(struct pile *), by_number);
	while (n < losses->all.n && losses->all.items[n]->loss.n)
		n++;
	*ret_n = n;
	/* a pile begins with its loss */
	return (const struct loss *const *)(void *)losses->all.items;
}

static void find_change(struct losses *losses, struct pile *pile)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct loss_answer answer;
	struct report report;

	pile->has_changes = true;
	if (!pile->loss.is_cause_known)
		return;
	loss_ask(arena, &losses->world, &pile->kind->total, &pile->loss.packet, &answer);
	/* the host is another one by now, and does not lose it */
	if (!answer.entry || !answer.is_whole)
		return;
	report_make(arena, losses->world.explainer, &answer.query, answer.explanation,
		REPORT_CHANGES, &report);
	pile->loss.told = losses->world.tell(losses->world.data, losses->arena, &report);
}

void losses_find_changes(struct losses *losses, size_t n)
{
	size_t n_all;

	losses_list(losses, &n_all);
	for (size_t i = 0; i < n && i < n_all; i++)
		if (!losses->all.items[i]->has_changes)
			find_change(losses, losses->all.items[i]);
}

uint64_t losses_n(const struct losses *losses)
{
	return losses->n;
}

uint64_t losses_n_none(const struct losses *losses)
{
	return losses->n_none;
}
