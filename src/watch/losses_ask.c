// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Why a packet was dropped, asked of explain. It has to start where it came in, which the kernel does not say: the device of a drop is
 * the port that it was to leave by as soon as a bridge has decided that, and before the one that it came in by. So the port is taken
 * where the bridge has learned the sender; if explain does not lose it from there, it may be a forged sender, which was not learned, and the
 * drop's own device is tried. Where the sender is not known every port is: one from which it passes cannot be the one, and of
 * the others all have to name the same rule, at the drop's device. A wrong port would name a wrong guest's rule.
 */
#include <string.h>

#include "base/limits.h"
#include "host/index.h"
#include "packet/expr.h"
#include "packet/frame.h"
#include "watch/internal.h"
#include "watch/losses_internal.h"
#include "watch/watch.h"

/* --- a packet without its bytes --- */

static void add_end(struct text *out, const struct addr *addr, bool has_port, uint16_t port)
{
	bool has_brackets = has_port && addr->family == FAMILY_IPV6;

	text_add(out, has_brackets ? " [" : " ");
	addr_print(out, addr);
	text_add(out, has_brackets ? "]" : "");
	if (has_port && port)
		text_addf(out, ":%u", port);
	else if (has_port)
		text_add(out, ":any");
}

bool loss_make_packet(const struct loss_total *total, struct packet *ret)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;
	bool has_ports = proto_has_ports(total->proto);
	struct err ignored;

	if (total->is_rest || !total->has_addresses)
		return false;
	if (total->ethertype == ETHERTYPE_ARP)
		text_add(&words, "arp");
	else
		text_addf(&words, "%u", total->proto);
	add_end(&words, &total->src, has_ports, 0);
	add_end(&words, &total->dst, has_ports, total->dport);
	if (total->proto == PROTO_ICMP || total->proto == PROTO_ICMPV6)
		text_addf(&words, " type %u", total->dport);
	return packet_expr_parse(words.data, ret, &ignored);
}

/* --- where it came in --- */

struct entries {
	struct query items[LIMIT_WATCH_PORTS + 2];
	size_t n;
	bool is_first_known;
	bool is_cut_short; /* there are more */
};

static void add_device(struct entries *entries, const struct netns *ns, const struct link *link)
{
	for (size_t i = 0; i < entries->n; i++)
		if (entries->items[i].in == link)
			return;
	if (!link)
		return;
	if (entries->n == N_OF(entries->items))
		entries->is_cut_short = true;
	else
		entries->items[entries->n++] =
			(struct query){ .from = FROM_DEVICE, .ns = ns, .in = link };
}

static const struct link *bridge_of(const struct netns *ns, const struct link *link)
{
	const struct link *master =
		link->master_index ? netns_link_by_index(ns, link->master_index) : NULL;

	if (!strcmp(link->kind, "bridge"))
		return link;
	return master && !strcmp(master->kind, "bridge") ? master : NULL;
}

static const struct link *learned_port(
	const struct netns *ns, const struct link *bridge, struct mac mac)
{
	uint64_t key = key_of_mac(mac);

	for (size_t i = netns_first(ns, FDB_BY_MAC, key); i < ns->n_fdb;
		i = netns_next(ns, FDB_BY_MAC, i)) {
		const struct fdb_entry *entry = &ns->fdb[i];

		if (entry->bridge_index == bridge->index && mac_equal(entry->mac, mac) &&
			!entry->is_permanent)
			return netns_link_by_index(ns, entry->port_index);
	}
	return NULL;
}

static bool is_own_address(const struct netns *ns, const struct addr *addr)
{
	uint64_t key = key_of_addr(addr);

	for (size_t i = netns_first(ns, ADDRESSES_BY_LOCAL, key); i < ns->n_addresses;
		i = netns_next(ns, ADDRESSES_BY_LOCAL, i))
		if (!addr_compare(&ns->addresses[i].local, addr))
			return true;
	return false;
}

static bool knows(const struct packet *packet, enum field field)
{
	return !(packet->unknown & FIELD_BIT(field));
}

static void find_entries(const struct netns *ns, const struct link *link,
	const struct packet *packet, bool is_arp, struct entries *ret)
{
	const struct link *bridge = bridge_of(ns, link), *port = NULL;

	*ret = (struct entries){ 0 };
	if (bridge && knows(packet, FIELD_ETH_SRC))
		port = learned_port(ns, bridge, packet->eth_src);
	ret->is_first_known = port || !bridge;
	add_device(ret, ns, port);
	/* what the host sends has its address; a guest that forges it comes in by a port, which is known by its MAC */
	if (!port && !is_arp && knows(packet, FIELD_SRC) && is_own_address(ns, &packet->src)) {
		ret->items[ret->n++] = (struct query){ .from = FROM_PROCESS, .ns = ns };
		ret->is_first_known = true;
	}
	add_device(ret, ns, link);
	for (size_t i = 0; bridge && !port && i < ns->n_links; i++)
		if (ns->links[i].master_index == bridge->index)
			add_device(ret, ns, &ns->links[i]);
}

/* --- what explain says --- */

static bool is_at(const struct leaf *leaf, const struct netns *ns, const struct link *link)
{
	const struct node *last = leaf->last;
	const struct packet *packet = last->packet;

	if (last->ns != ns)
		return false;
	if (last->link == link)
		return true;
	return packet && ((packet->physdev_out && !strcmp(packet->physdev_out, link->name)) ||
				 (packet->out_iface && !strcmp(packet->out_iface, link->name)));
}

static bool is_same_cause(const struct leaf *a, const struct leaf *b)
{
	const struct node *x = leaf_decider(a), *y = leaf_decider(b);

	if (a->drop != b->drop || !x != !y)
		return false;
	return !x || (x->rule == y->rule && x->rule_chain == y->rule_chain);
}

/* Of the ends of all copies and cases the one that this drop is; NULL: none, or several that differ. */
static const struct leaf *loss_of(const struct explanation *said, const struct loss_total *total,
	const struct netns *ns, const struct link *link, bool is_anywhere)
{
	const struct leaf *found = NULL;

	for (size_t i = 0; i < said->leaves.n; i++) {
		const struct leaf *leaf = said->leaves.items[i];

		if (!watch_drop_fits(total->reason, total->function, leaf->drop) ||
			!(is_anywhere ? leaf->last->ns == ns : is_at(leaf, ns, link)))
			continue;
		if (found && !is_same_cause(found, leaf))
			return NULL;
		found = leaf;
	}
	return found;
}

#define USUAL_SPORT 49152 /* RFC 6335: the first dynamic one */

struct asking {
	struct arena *arena;
	const struct losses_world *world;
	const struct loss_total *total;
	const struct netns *ns;
	const struct link *link;
};

static const struct leaf *ask_from(const struct asking *asking, const struct packet *packet,
	bool is_known, struct query *query, const struct explanation **ret)
{
	const struct leaf *leaf;

	query->packet = *packet;
	/* of a packet that is made of its addresses: one of those that programs get when they do not ask for any */
	if (!knows(packet, FIELD_SPORT) && packet_has_field(packet, FIELD_SPORT)) {
		query->packet.sport = USUAL_SPORT;
		query->packet.unknown &= ~FIELD_BIT(FIELD_SPORT);
	}
	explain_find_macs(asking->world->host, query);
	*ret = explain(asking->arena, asking->world->explainer, query);
	leaf = loss_of(*ret, asking->total, asking->ns, asking->link, false);
	/* the kernel's device and explain's may differ, on the way of one packet */
	return leaf || !is_known ? leaf
				 : loss_of(*ret, asking->total, asking->ns, asking->link, true);
}

static void take(const struct asking *asking, const struct query *query,
	const struct explanation *said, const struct leaf *leaf, enum loss_entry entry,
	struct loss_answer *ret)
{
	struct explanation *one = arena_new_one(asking->arena, struct explanation);
	struct leaf *copy = arena_new_one(asking->arena, struct leaf);

	ret->entry = entry;
	ret->query = *query;
	ret->is_whole = said->leaf == leaf && said->final == leaf->final;
	*copy = *leaf;
	*one = (struct explanation){ .final = leaf->final, .leaf = copy, .decided = said->decided };
	*vec_push(&one->leaves, asking->arena) = copy;
	ret->explanation = ret->is_whole ? said : one;
	report_make(asking->arena, asking->world->explainer, &ret->query, ret->explanation, 0,
		&ret->report);
}

void loss_ask(struct arena *arena, const struct losses_world *world, const struct loss_total *total,
	const struct packet *packet, struct loss_answer *ret)
{
	struct asking asking = { arena, world, total, netns_of_inode(world->host, total->netns),
		NULL };
	struct entries entries;
	const struct explanation *said, *first_said = NULL;
	const struct leaf *leaf, *first = NULL;
	bool is_known = false;
	size_t at = 0;

	*ret = (struct loss_answer){ 0 };
	if (asking.ns)
		asking.link = netns_link_by_index(asking.ns, total->link);
	if (!asking.link)
		return;
	find_entries(asking.ns, asking.link, packet, total->ethertype == ETHERTYPE_ARP, &entries);
	for (size_t i = 0; i < entries.n; i++) {
		leaf = ask_from(
			&asking, packet, !i && entries.is_first_known, &entries.items[i], &said);
		if (!leaf)
			continue;
		if (first && !is_same_cause(first, leaf))
			return;
		if (!first) {
			first = leaf;
			first_said = said;
			at = i;
		}
		is_known = !i && entries.is_first_known;
		if (is_known)
			break;
	}
	if (first && (is_known || !entries.is_cut_short))
		take(&asking, &entries.items[at], first_said, first,
			is_known ? LOSS_ENTRY_KNOWN : LOSS_ENTRY_ASSUMED, ret);
}
