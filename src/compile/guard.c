// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which bridges, and the table.
 *
 * In PREROUTING a bridged frame comes in by its bridge, in POSTROUTING it goes out by its bridge and came in by
 * nothing (net/bridge/br_netfilter_hooks.c, br_nf_post_routing), as what the host itself sends; what the host routes
 * came in by a device. So of a bridge where the host has no address the device's name tells enough. Where it has one:
 *
 *   prerouting    for the bridge's own MAC: for the host, which may map it (published ports)
 *   postrouting   in by a device: routed, which the host may map (masquerading); from an address of the
 *                 host: sent by it
 */
#include "compile/guard.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/vec.h"
#include "ruleset/owner.h"

#define SET_BRIDGES   "bridges"
#define SET_ADDRESSED "addressed" /* those where the host has an address */
#define SET_MACS      "macs"	  /* their names and MACs */

static bool has_prefix_of(const char *name, const char *const *prefixes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text_has_prefix(name, prefixes[i]))
			return true;
	return false;
}

/* A guest's end of a veth in a test or a container is named as Nova and libvirt name taps. */
static bool is_vm_port(const struct link *port)
{
	static const char *const names[] = { "tap", "vnet", "qvb", "qvo" };

	return !strcmp(port->kind, "tun") || has_prefix_of(port->name, names, N_OF(names));
}

static bool is_of_vms(const struct netns *ns, const struct link *bridge)
{
	static const char *const names[] = { "qbr", "brq" };

	if (has_prefix_of(bridge->name, names, N_OF(names)))
		return true;
	for (size_t i = 0; i < ns->n_links; i++)
		if (ns->links[i].master_index == bridge->index && is_vm_port(&ns->links[i]))
			return true;
	return false;
}

/* Its own, or one of a VLAN of the bridge, which has the bridge's MAC. */
static bool host_is_on(const struct netns *ns, const struct link *bridge)
{
	if (bridge->has_address)
		return true;
	for (size_t i = 0; i < ns->n_links; i++)
		if (ns->links[i].lower_index == bridge->index && !ns->links[i].is_peer_away &&
			!strcmp(ns->links[i].kind, "vlan") && ns->links[i].has_address)
			return true;
	return false;
}

/*
 * libvirt calls the bridges of all its networks virbrN, also of those that it does no NAT for; for
 * NAT it needs an address there.
 */
static bool is_of_containers(const struct guard_bridge *bridge)
{
	const char *owner = owner_of_device(bridge->name);

	return owner && (bridge->has_address || strcmp(owner, "libvirt") != 0);
}

bool guard_can_name(const char *name)
{
	for (; *name; name++)
		if (!isgraph((unsigned char)*name) || strchr("\"\\*", *name))
			return false;
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct guard_bridge *left = a, *right = b;

	return strcmp(left->name, right->name);
}

struct guard guard_of_bridges(struct guard_bridge *bridges, size_t n)
{
	if (n)
		qsort(bridges, n, sizeof(*bridges), by_name);
	return (struct guard){ bridges, n };
}

struct guard_bridge guard_bridge_of_link(const struct netns *ns, const struct link *bridge)
{
	struct guard_bridge guarded = { .name = bridge->name,
		.has_address = host_is_on(ns, bridge) };

	if (guarded.has_address)
		guarded.mac = bridge->mac;
	return guarded;
}

void guard_of_netns(struct arena *arena, const struct netns *ns, struct guard *ret)
{
	VEC(struct guard_bridge) bridges = { 0 };

	for (size_t i = 0; i < ns->n_links; i++) {
		const struct link *link = &ns->links[i];
		struct guard_bridge bridge;

		if (strcmp(link->kind, "bridge") != 0 || !guard_can_name(link->name) ||
			!is_of_vms(ns, link))
			continue;
		bridge = guard_bridge_of_link(ns, link);
		if (!is_of_containers(&bridge))
			*vec_push(&bridges, arena) = bridge;
	}
	*ret = guard_of_bridges(bridges.items, bridges.n);
}

/* --- the table --- */

/* Elements stand as nft lists them: one a line. */
static void add_elements(
	struct text *out, const struct guard *guard, bool has_address, bool with_mac)
{
	bool is_first = true;

	for (size_t i = 0; i < guard->n_bridges; i++) {
		const struct guard_bridge *bridge = &guard->bridges[i];

		if (bridge->has_address != has_address)
			continue;
		text_add(out, is_first ? "\t\telements = { " : ",\n\t\t\t     ");
		text_addf(out, "\"%s\"", bridge->name);
		if (with_mac) {
			text_add(out, " . ");
			mac_print(out, bridge->mac);
		}
		is_first = false;
	}
	if (!is_first)
		text_add(out, " }\n");
}

static void add_chain(struct text *out, const char *hook, const char *of_bridges,
	const char *of_addressed, const char *kind, const char *address)
{
	text_addf(out, "\tchain %s {\n\t\ttype nat hook %s priority -199; policy accept;\n", hook,
		hook);
	for (int is_addressed = 0; is_addressed < 2; is_addressed++)
		for (int is_v6 = 0; is_v6 < 2; is_v6++)
			text_addf(out, "\t\t%s %s %s to %s %s\n",
				is_addressed ? of_addressed : of_bridges, kind,
				is_v6 ? "ip6" : "ip", is_v6 ? "ip6" : "ip", address);
	text_add(out, "\t}\n");
}

void guard_print(struct text *out, const struct guard *guard, bool is_owned)
{
	text_add(out, "table inet " GUARD_TABLE " {\n");
	if (is_owned)
		text_add(out, "\tflags owner\n\n");
	text_add(out, "\tset " SET_BRIDGES " {\n\t\ttype ifname\n");
	add_elements(out, guard, false, false);
	text_add(out, "\t}\n\n\tset " SET_ADDRESSED " {\n\t\ttype ifname\n");
	add_elements(out, guard, true, false);
	text_add(out, "\t}\n\n\tset " SET_MACS " {\n\t\ttype ifname . ether_addr\n");
	add_elements(out, guard, true, true);
	text_add(out, "\t}\n\n");
	add_chain(out, "prerouting", "iifname @" SET_BRIDGES,
		"iifname @" SET_ADDRESSED " iifname . ether daddr != @" SET_MACS, "dnat", "daddr");
	text_add(out, "\n");
	add_chain(out, "postrouting", "oifname @" SET_BRIDGES,
		"oifname @" SET_ADDRESSED " iif 0 fib saddr type != local", "snat", "saddr");
	text_add(out, "}\n");
}

/* --- the table that is there --- */

static const struct table *table_of_netns(const struct netns *ns)
{
	for (size_t t = 0; ns->ruleset && t < ns->ruleset->n_tables; t++) {
		const struct table *table = &ns->ruleset->tables[t];

		if (table->source == SOURCE_NFT && table->family == FAMILY_INET &&
			!strcmp(table->name, GUARD_TABLE))
			return table;
	}
	return NULL;
}

/* All of it but elements and flags: an owner's table is nobody else's for that. */
static void print_bare(struct arena *arena, const struct table *table, struct text *out)
{
	struct set *sets = arena_new_array(arena, struct set, table->n_sets + 1);
	struct table bare = *table;
	struct ruleset rs = { .tables = &bare, .n_tables = 1 };

	for (size_t i = 0; i < table->n_sets; i++) {
		sets[i] = table->sets[i];
		sets[i].n_nft_elements = sets[i].n_elements = 0;
		sets[i].written = NULL;
	}
	bare.sets = sets;
	bare.flags = bare.holder = NULL;
	ruleset_print_nft(out, &rs, false);
}

struct found_bridges {
	struct arena *arena;
	VEC(struct guard_bridge) items;
	bool is_whole;
};

static void read_names(struct found_bridges *found, const struct set *set, bool has_address)
{
	found->is_whole &= set != NULL;
	for (size_t i = 0; set && i < set->n_nft_elements; i++) {
		const struct nft_element *element = &set->nft_elements[i];
		bool is_name =
			element->n_keys == 1 && element->keys[0].name && !element->keys[0].is_open;

		found->is_whole &= is_name;
		if (is_name)
			*vec_push(&found->items, found->arena) =
				(struct guard_bridge){ .name = element->keys[0].name,
					.has_address = has_address };
	}
}

static void read_mac(struct found_bridges *found, const struct nft_element *element)
{
	vec_for_each (bridge, &found->items) {
		if (!bridge->has_address || element->n_keys != 2 || !element->keys[0].name ||
			strcmp(bridge->name, element->keys[0].name) != 0)
			continue;
		memcpy(bridge->mac.bytes, element->keys[1].min.bytes + 10,
			sizeof(bridge->mac.bytes));
		return;
	}
	found->is_whole = false;
}

/* false: a set is not there, or their elements do not go together. */
static bool read_bridges(struct arena *arena, const struct table *table, struct guard *ret)
{
	struct found_bridges found = { .arena = arena, .is_whole = true };
	const struct set *addressed = table_set(table, SET_ADDRESSED);
	const struct set *macs = table_set(table, SET_MACS);

	read_names(&found, table_set(table, SET_BRIDGES), false);
	read_names(&found, addressed, true);
	for (size_t i = 0; macs && i < macs->n_nft_elements; i++)
		read_mac(&found, &macs->nft_elements[i]);
	*ret = guard_of_bridges(found.items.items, found.items.n);
	return found.is_whole && macs && addressed &&
	       macs->n_nft_elements == addressed->n_nft_elements;
}

bool guard_find(struct arena *arena, const struct netns *ns, struct guard *ret, bool *ret_is_whole)
{
	const struct table *table = table_of_netns(ns);
	struct text found CLEANUP(text_done) = TEXT_INIT, wanted CLEANUP(text_done) = TEXT_INIT;
	struct text written CLEANUP(text_done) = TEXT_INIT;
	struct ruleset *own = ruleset_new(arena);
	struct err err;

	*ret = (struct guard){ 0 };
	*ret_is_whole = false;
	if (!table)
		return false;
	*ret_is_whole = read_bridges(arena, table, ret);
	guard_print(&written, &(struct guard){ 0 }, false);
	if (table->flags && strcmp(table->flags, "owner") != 0)
		*ret_is_whole = false;
	if (!*ret_is_whole || !ruleset_parse_nft(arena, own, GUARD_TABLE, written.data, &err))
		return true;
	print_bare(arena, table, &found);
	print_bare(arena, &own->tables[0], &wanted);
	*ret_is_whole = !strcmp(found.data, wanted.data);
	return true;
}

bool guard_is_owned(const struct netns *ns)
{
	const struct table *table = table_of_netns(ns);

	return table && table->flags && !strcmp(table->flags, "owner");
}

static bool bridge_equal(const struct guard_bridge *a, const struct guard_bridge *b)
{
	return !strcmp(a->name, b->name) && a->has_address == b->has_address &&
	       (!a->has_address || mac_equal(a->mac, b->mac));
}

bool guard_has(const struct guard *guard, const struct guard_bridge *bridge)
{
	const struct guard_bridge *found =
		guard->n_bridges ? bsearch(bridge, guard->bridges, guard->n_bridges,
					   sizeof(*bridge), by_name)
				 : NULL;

	return found && bridge_equal(found, bridge);
}

bool guard_equal(const struct guard *a, const struct guard *b)
{
	if (a->n_bridges != b->n_bridges)
		return false;
	for (size_t i = 0; i < a->n_bridges; i++)
		if (!bridge_equal(&a->bridges[i], &b->bridges[i]))
			return false;
	return true;
}
