// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where virtual machines are: ports of bridges that are a tap, are named as Nova and libvirt name them, or for which rules of
 * a security group are there. The addresses of a machine are known to its anti-spoofing rules (Neutron's "...s" chains),
 * or to neighbours of the host who have the MAC that the bridge learned behind the port.
 */
#include <string.h>

#include "base/map.h"
#include "base/text.h"
#include "doctor/internal.h"
#include "host/index.h"

/* ---- what rules know of ports ---- */

/* Of one device: the rules that call a chain for it. */
struct port_rules {
	bool has_groups[N_IP_FAMILIES];
	bool is_read
		[N_IP_FAMILIES]; /* its addresses: INPUT's rule calls the same chain once more */
	struct {
		VEC(struct vm_addr);
	} addrs;
};

/* "-s 10.0.0.5/32 -m mac --mac-source fa:16:3e:00:00:05 -j RETURN" */
static void read_spoof_rule(struct arena *arena, const struct rule *rule, struct port_rules *port)
{
	const struct match *src = rule_match(rule, MATCH_SRC);
	const struct match *mac = rule_match(rule, MATCH_MAC_SRC);
	struct vm_addr addr = { 0 };

	if (rule->target.kind != TARGET_RETURN || !src || !mac ||
		src->prefix.len != (src->prefix.addr.family == FAMILY_IPV4 ? 32 : 128))
		return;
	addr.addr = src->prefix.addr;
	addr.mac = mac->mac;
	*vec_push(&port->addrs, arena) = addr;
}

/* chain: what the port's packets are sent through; the check of sources is called from there. */
static void read_spoof_rules(struct arena *arena, const struct table *table,
	const struct chain *chain, struct port_rules *port)
{
	for (size_t i = 0; i < chain->n_rules; i++) {
		const char *name = rule_called_chain(&chain->rules[i]);
		const struct chain *called = name ? table_chain(table, name) : NULL;

		for (size_t r = 0; called && r < called->n_rules; r++)
			read_spoof_rule(arena, &called->rules[r], port);
	}
}

static void read_rule(struct arena *arena, struct map *by_device, const struct table *table,
	const struct rule *rule)
{
	const struct match *in = rule_match(rule, MATCH_PHYSDEV_IN);
	const struct match *match = in ? in : rule_match(rule, MATCH_PHYSDEV_OUT);
	const char *name = rule_called_chain(rule);
	const struct chain *chain = match && name ? table_chain(table, name) : NULL;
	struct port_rules *port;

	if (!chain)
		return;
	port = map_find(by_device, match->name);
	if (!port) {
		port = arena_new_one(arena, struct port_rules);
		(void)map_add(by_device, match->name, port);
	}
	port->has_groups[table->family] = true;
	if (in && !port->is_read[table->family]) {
		size_t n = port->addrs.n;

		read_spoof_rules(arena, table, chain, port);
		port->is_read[table->family] = port->addrs.n > n;
	}
}

static bool is_filter_of_iptables(const struct table *table)
{
	return (table->source == SOURCE_IPTABLES || table->source == SOURCE_IPTABLES_LEGACY) &&
	       strcmp(table->name, "filter") == 0;
}

static struct map *read_port_rules(struct arena *arena, const struct ruleset *rs)
{
	struct map *by_device = map_new(arena);

	for (size_t t = 0; rs && t < rs->n_tables; t++) {
		const struct table *table = &rs->tables[t];

		for (size_t c = 0; is_filter_of_iptables(table) && c < table->n_chains; c++)
			for (size_t r = 0; r < table->chains[c].n_rules; r++)
				read_rule(arena, by_device, table, &table->chains[c].rules[r]);
	}
	return by_device;
}

/* ---- which links are ports of machines ---- */

const char *container_bridge_owner(const char *name)
{
	static const struct {
		const char *prefix, *owner;
	} known[] = {
		{ "docker0", "Docker" },
		{ "docker_gwbridge", "Docker" },
		{ "podman", "podman (netavark)" },
		{ "cni-podman", "podman (CNI)" },
		{ "cni", "CNI plugins" },
		{ "cbr", "kubenet" },
		{ "lxcbr", "LXC" },
		{ "nerdctl", "nerdctl" },
		{ "buildkit", "BuildKit" },
	};

	for (size_t i = 0; i < N_OF(known); i++)
		if (text_has_prefix(name, known[i].prefix))
			return known[i].owner;
	/* the bridges of its networks: "br-" and 12 digits of their id */
	if (text_has_prefix(name, "br-") && strspn(name + 3, "0123456789abcdef") == 12 &&
		name[15] == '\0')
		return "Docker";
	return NULL;
}

static bool has_vm(const struct netns *ns, const char *device)
{
	size_t len = strlen(device);

	for (size_t i = 0; i < ns->n_vms; i++)
		if (strncmp(ns->vms[i], device, len) == 0 && ns->vms[i][len] == '=')
			return true;
	return false;
}

static bool is_of_machine(const struct netns *ns, const struct link *link, const struct map *rules)
{
	return strcmp(link->kind, "tun") == 0 || text_has_prefix(link->name, "tap") ||
	       text_has_prefix(link->name, "vnet") || has_vm(ns, link->name) ||
	       map_find(rules, link->name);
}

/* ---- their addresses ---- */

static void add_addr(
	struct arena *arena, struct vm_port *port, const struct addr *addr, struct mac mac)
{
	vec_for_each (known, &port->addrs)
		if (addr_compare(&known->addr, addr) == 0)
			return;
	*vec_push(&port->addrs, arena) = (struct vm_addr){ *addr, mac };
}

static void add_addrs_of_mac(struct doctor *doctor, struct vm_port *port, struct mac mac)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];

		for (size_t i = 0; i < ns->n_neighbours; i++) {
			const struct neighbour *known = &ns->neighbours[i];
			const struct link *link = netns_link_by_index(ns, known->index);

			if (known->has_mac && !known->is_failed && mac_equal(known->mac, mac) &&
				link &&
				host_is_joined(doctor->host, ns, link, port->ns, port->link))
				add_addr(doctor->arena, port, &known->addr, mac);
		}
	}
}

static void find_addrs(struct doctor *doctor, struct vm_port *port)
{
	const struct netns *ns = port->ns;

	for (size_t i = netns_first(ns, FDB_BY_PORT, (uint64_t)port->link->index); i < ns->n_fdb;
		i = netns_next(ns, FDB_BY_PORT, i))
		if (ns->fdb[i].port_index == port->link->index && !ns->fdb[i].is_permanent)
			add_addrs_of_mac(doctor, port, ns->fdb[i].mac);
}

static void add_port(struct doctor *doctor, struct vm_ports *ports, const struct netns *ns,
	const struct link *link, const struct map *rules)
{
	const struct link *bridge =
		link->master_index ? netns_link_by_index(ns, link->master_index) : NULL;
	struct port_rules *known;
	struct vm_port *port;

	if (!bridge || strcmp(bridge->kind, "bridge") != 0 ||
		container_bridge_owner(bridge->name) || !is_of_machine(ns, link, rules))
		return;
	port = vec_push(ports, doctor->arena);
	*port = (struct vm_port){ .ns = ns, .link = link, .bridge = bridge };
	for (unsigned family = 0; family < N_IP_FAMILIES; family++)
		port->is_filtered[family] =
			netns_bridge_is_filtered(ns, bridge, (enum family)family);
	known = map_find(rules, link->name);
	if (known) {
		memcpy(port->has_groups, known->has_groups, sizeof(port->has_groups));
		vec_for_each (addr, &known->addrs)
			add_addr(doctor->arena, port, &addr->addr, addr->mac);
	}
	find_addrs(doctor, port);
}

const struct vm_ports *doctor_ports(struct doctor *doctor)
{
	if (doctor->ports)
		return doctor->ports;
	doctor->ports = arena_new_one(doctor->arena, struct vm_ports);
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];
		const struct map *rules = read_port_rules(doctor->arena, ns->ruleset);

		for (size_t i = 0; i < ns->n_links; i++)
			add_port(doctor, doctor->ports, ns, &ns->links[i], rules);
	}
	return doctor->ports;
}

const struct vm_port *vm_port_of_addr(struct doctor *doctor, const struct addr *addr)
{
	vec_for_each (port, doctor_ports(doctor))
		vec_for_each (known, &port->addrs)
			if (addr_compare(&known->addr, addr) == 0)
				return port;
	return NULL;
}

const struct vm_addr *vm_port_addr(const struct vm_port *port, enum family family)
{
	vec_for_each (known, &port->addrs)
		if (known->addr.family == family)
			return known;
	return NULL;
}

bool vm_port_has_addr(const struct vm_port *port, const struct addr *addr)
{
	vec_for_each (known, &port->addrs)
		if (addr_compare(&known->addr, addr) == 0)
			return true;
	return false;
}

const struct vm_port *vm_port_of_addr_only(struct doctor *doctor, const struct addr *addr)
{
	const struct vm_port *found = NULL;

	vec_for_each (port, doctor_ports(doctor)) {
		if (!vm_port_has_addr(port, addr))
			continue;
		if (found)
			return NULL;
		found = port;
	}
	return found;
}

const struct mac outside_mac = { { 0x02, 0x70, 0x77, 0, 0, 1 } };
