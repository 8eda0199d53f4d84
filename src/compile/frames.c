// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bridge family: frames that iptables never sees, or sees only a part of. Neutron leaves them
 * to br-int's flows or to ebtables; on a plain bridge nobody looks at them, and a tagged frame with a
 * forged address passes (bridge-nf-filter-vlan-tagged is 0 by default).
 *
 * A port's frames are judged in chains of its own, found through a map by interface, so that a
 * thousand ports cost a look-up. IP with one of the port's MACs goes on to iptables, which knows
 * the MACs' addresses. A foreign MAC ends here in every kind of frame: behind this hook the bridge
 * learns it, and would send its owner's traffic to this port even though iptables drops the frame.
 * The priority is before br_netfilter's hooks (-300 in prerouting).
 *
 * On a host that is watched (is_closing) the maps have every interface of a port, also of those that are not filtered, and
 * behind the map every other one whose name is closed is dropped. A port of ours that is in no bridge has "drop" in the
 * map, whatever its name: the bridge that it will join need not ask iptables yet. So an interface can join at any moment, and
 * what opens it is the last step of a plan (plan_l2.c).
 */
#include "compile/internal.h"

#include <stdlib.h>
#include <string.h>

#define FROM_TEXT   "Drop foreign MACs, forged ARP, and what is neither IP nor ARP."
#define TO_TEXT	    "Drop what is neither IP nor ARP."
#define CLOSED_TEXT "Drop what an interface without a port sends or gets."

#define FROM_MAP "from-port"
#define TO_MAP	 "to-port"

static void ethertype_add(
	struct compiler *c, struct chain *chain, uint16_t type, const struct origin *origin)
{
	struct match match = { .kind = MATCH_ETHERTYPE, .ethertype = type };

	rule_add(c, chain, matches_copy(c, &match, 1), 1, target_of(TARGET_ACCEPT), NULL, origin);
}

static void drop_add(
	struct compiler *c, struct chain *chain, const char *comment, const struct origin *origin)
{
	rule_add(c, chain, NULL, 0, target_of(TARGET_DROP), comment, origin)->has_counter = true;
}

/* prefix NULL: any sender address */
static void arp_add(struct compiler *c, struct chain *chain, struct mac mac,
	const struct prefix *prefix, const struct origin *origin)
{
	struct match matches[] = {
		{ .kind = MATCH_ETH_SRC, .mac = mac },
		{ .kind = MATCH_ARP_SHA, .mac = mac },
		{ .kind = MATCH_ARP_SPA },
	};
	size_t n = N_OF(matches);

	if (prefix)
		matches[2].prefix = *prefix;
	else
		n--;
	rule_add(c, chain, matches_copy(c, matches, n), n, target_of(TARGET_ACCEPT), NULL, origin);
}

/* Has a pair before this one the same MAC? */
static bool mac_is_repeated(const struct address_pair *pairs, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (mac_equal(pairs[k].mac, pairs[i].mac))
			return true;
	return false;
}

/* The port's MACs, each once, its own first. */
static struct mac *macs_of(struct compiler *c, const struct policy_port *port, size_t *ret_n)
{
	struct mac *macs = arena_new_array(c->arena, struct mac, port->n_pairs + 1);
	size_t n = 0;

	macs[n++] = port->mac;
	for (size_t i = 0; i < port->n_pairs; i++)
		if (!mac_equal(port->pairs[i].mac, port->mac) && !mac_is_repeated(port->pairs, i))
			macs[n++] = port->pairs[i].mac;
	*ret_n = n;
	return macs;
}

static void typed_add(struct compiler *c, struct chain *chain, struct mac mac, uint16_t type,
	const struct origin *origin)
{
	struct match matches[] = {
		{ .kind = MATCH_ETH_SRC, .mac = mac },
		{ .kind = MATCH_ETHERTYPE, .ethertype = type },
	};

	rule_add(c, chain, matches_copy(c, matches, N_OF(matches)), N_OF(matches),
		target_of(TARGET_ACCEPT), NULL, origin);
}

static void from_make(struct compiler *c, struct chain *chain, struct port_plan *port)
{
	static const struct prefix probe = { .addr = { .family = FAMILY_IPV4 }, .len = 32 };
	const struct origin *origin = origin_of(c, port, DUTY_FRAMES, DIR_EGRESS);
	const struct policy_port *p = port->port;
	struct address_pair *pairs;
	size_t n, n_macs;
	const struct mac *macs = macs_of(c, p, &n_macs);

	for (size_t i = 0; i < n_macs; i++) {
		typed_add(c, chain, macs[i], ETHERTYPE_IPV4, origin);
		typed_add(c, chain, macs[i], ETHERTYPE_IPV6, origin);
	}
	if (policy_port_has_family(p, FAMILY_IPV4)) {
		pairs = port_sources(c, p, FAMILY_IPV4, &n);
		for (size_t i = 0; i < n; i++)
			arp_add(c, chain, pairs[i].mac,
				pairs[i].prefix.len ? &pairs[i].prefix : NULL, origin);
		/* Who asks whether an address is taken has none yet (RFC 5227). */
		for (size_t i = 0; i < n; i++)
			if (!mac_is_repeated(pairs, i))
				arp_add(c, chain, pairs[i].mac, &probe, origin);
	}
	/* What QEMU sends behind a migration, so that switches learn where the VM is now. */
	for (size_t i = 0; i < n_macs; i++)
		typed_add(c, chain, macs[i], ETHERTYPE_RARP, origin);
	drop_add(c, chain, FROM_TEXT, origin);
}

static void to_make(struct compiler *c, struct chain *chain, struct port_plan *port)
{
	static const uint16_t types[] = { ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_ARP,
		ETHERTYPE_RARP };
	const struct origin *origin = origin_of(c, port, DUTY_FRAMES, DIR_INGRESS);

	for (size_t i = 0; i < N_OF(types); i++)
		ethertype_add(c, chain, types[i], origin);
	drop_add(c, chain, TO_TEXT, origin);
}

static void hook_add(struct compiler *c, struct table *table, const char *name, const char *hook,
	const char *map, bool by_out_iface)
{
	struct chain *chain = chain_of(c, table, name);
	struct target target = { .kind = TARGET_VMAP,
		.vmap = { .map = map, .by_out_iface = by_out_iface } };

	const struct compile_options *o = c->options;
	const struct origin *origin = origin_of_host(c, DUTY_FRAMES);

	chain->is_base = true;
	chain->policy = "ACCEPT";
	chain->hook_text = hook;
	rule_add(c, chain, NULL, 0, target, NULL, origin);
	for (size_t i = 0; o->is_closing && i < o->n_closed_names; i++) {
		struct match match = match_of_pattern(c->arena, by_out_iface, o->closed_names[i]);

		rule_add(c, chain, matches_copy(c, &match, 1), 1, target_of(TARGET_DROP),
			CLOSED_TEXT, origin)
			->has_counter = true;
	}
}

static int by_element(const void *a, const void *b)
{
	const struct set_element *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* What the map says of a port's interface; false: it has none. */
static bool element_target(const struct compiler *c, const struct port_plan *port,
	enum direction direction, struct target *ret)
{
	bool is_closing = c->options->is_closing;

	if (port->is_filtered && (port->plug->bridge || !is_closing))
		*ret = (struct target){ .kind = TARGET_GOTO,
			.chain = compile_frames_chain_name(c->arena, direction, port->port->id) };
	else if (policy_port_is_filtered(port->port))
		*ret = target_of(TARGET_DROP);
	else
		*ret = target_of(TARGET_ACCEPT);
	return port->is_filtered ||
	       (is_closing && (port->plug->bridge || policy_port_is_filtered(port->port)));
}

static void map_fill(struct compiler *c, struct set *map, enum direction direction)
{
	map->kind = MAP_IFNAME_VERDICT;
	map->elements = arena_new_array(c->arena, struct set_element, c->n_ports + 1);
	for (struct port_plan *p = c->ports; p < c->ports + c->n_ports; p++) {
		struct set_element *element = &map->elements[map->n_elements];

		if (!element_target(c, p, direction, &element->target))
			continue;
		element->name = p->port->device;
		map->n_elements++;
	}
	qsort(map->elements, map->n_elements, sizeof(*map->elements), by_element);
}

void frames_make(struct compiler *c, struct table *table)
{
	table->cap_chains = 3 + 2 * c->n_with_chains;
	table->chains = arena_new_array(c->arena, struct chain, table->cap_chains);
	/* Hooks as nft 1.0.6 prints them. */
	hook_add(c, table, "prerouting",
		"type filter hook prerouting priority dstnat - 10; policy accept;", FROM_MAP,
		false);
	hook_add(c, table, "forward", "type filter hook forward priority -310; policy accept;",
		TO_MAP, true);
	hook_add(c, table, "output", "type filter hook output priority -310; policy accept;",
		TO_MAP, true);
	for (struct port_plan *p = c->ports; p < c->ports + c->n_ports; p++) {
		const char *id = p->port->id;

		if (!p->has_chains)
			continue;
		from_make(c,
			chain_of(c, table, compile_frames_chain_name(c->arena, DIR_EGRESS, id)), p);
		to_make(c, chain_of(c, table, compile_frames_chain_name(c->arena, DIR_INGRESS, id)),
			p);
	}
	map_fill(c, table_add_set(c->arena, table, FROM_MAP), DIR_EGRESS);
	map_fill(c, table_add_set(c->arena, table, TO_MAP), DIR_INGRESS);
}

bool compile_is_closed_name(const char *name)
{
	size_t len = strlen(name);

	if (len < 2 || len > IFACE_MAX || name[len - 1] != '*')
		return false;
	for (size_t i = 0; i + 1 < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || strchr(":+*\"'\\/{},;", name[i]))
			return false;
	return true;
}

bool compile_closes(const char *closed_name, const char *interface)
{
	return strncmp(closed_name, interface, strlen(closed_name) - 1) == 0;
}

/* Elements that only is_closing makes. */
static bool has_other_elements(const struct table *table)
{
	const struct set *map = table_set(table, FROM_MAP);

	for (size_t i = 0; map && i < map->n_elements; i++)
		if (map->elements[i].target.kind != TARGET_GOTO)
			return true;
	return false;
}

bool compile_closed_names(struct arena *arena, const struct ruleset *found,
	const struct plan_scope *scope, const char *const **ret, size_t *ret_n)
{
	const struct table *table = ruleset_table(found, FAMILY_BRIDGE, scope->l2_table);
	const struct chain *chain = table ? table_chain(table, "prerouting") : NULL;
	VEC(const char *) names = { 0 };

	for (size_t i = 0; chain && i < chain->n_rules; i++) {
		const struct rule *rule = &chain->rules[i];
		const char *name;

		if (rule->target.kind == TARGET_DROP && rule->n_matches == 1 &&
			(name = match_pattern(arena, &rule->matches[0])))
			*vec_push(&names, arena) = name;
	}
	*ret = (const char *const *)names.items;
	*ret_n = names.n;
	return names.n || (table && has_other_elements(table));
}

/* A table that is committed whole has its maps; an empty one holds nothing that could be lost. */
bool compile_is_frames_table_foreign(const struct ruleset *found, const struct plan_scope *scope)
{
	const struct table *table = ruleset_table(found, FAMILY_BRIDGE, scope->l2_table);

	return table && (table->n_chains || table->n_sets) &&
	       !(table_set(table, FROM_MAP) && table_set(table, TO_MAP));
}
