// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where virtual machines are: ports of bridges that are a tap, are named as Nova and libvirt name them, or for which rules of
 * a security group are there. The addresses of a machine are known to its anti-spoofing rules (Neutron's "...s" chains),
 * or to neighbours of the host who have the MAC that the bridge learned behind the port.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/internal.h"
#include "host/index.h"

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

static bool is_named_by_rules(
	struct doctor *doctor, const struct netns *ns, const char *device, enum family family)
{
	const struct port_groups *groups = doctor_groups_of_device(doctor, ns, device, family);

	return groups && groups->is_called;
}

static bool is_of_machine(struct doctor *doctor, const struct netns *ns, const struct link *link)
{
	return strcmp(link->kind, "tun") == 0 || text_has_prefix(link->name, "tap") ||
	       text_has_prefix(link->name, "vnet") || has_vm(ns, link->name) ||
	       is_named_by_rules(doctor, ns, link->name, FAMILY_IPV4) ||
	       is_named_by_rules(doctor, ns, link->name, FAMILY_IPV6);
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

/* The next station that a bridge has learned behind its port, from the place *i of its FDB on, which moves behind it; false: there are
 * no more. */
static bool learned_mac(const struct netns *ns, const struct link *port, size_t *i, struct mac *ret)
{
	for (; *i < ns->n_fdb; *i = netns_next(ns, FDB_BY_PORT, *i)) {
		if (ns->fdb[*i].port_index != port->index || ns->fdb[*i].is_permanent)
			continue;
		*ret = ns->fdb[*i].mac;
		*i = netns_next(ns, FDB_BY_PORT, *i);
		return true;
	}
	return false;
}

static size_t first_learned(const struct netns *ns, const struct link *port)
{
	return netns_first(ns, FDB_BY_PORT, (uint64_t)port->index);
}

struct mac vm_port_remote(const struct vm_port *port)
{
	size_t i = port->uplink ? first_learned(port->ns, port->uplink) : 0;
	struct mac mac;

	return port->uplink && learned_mac(port->ns, port->uplink, &i, &mac) ? mac : outside_mac;
}

static void find_addrs(struct doctor *doctor, struct vm_port *port)
{
	size_t i = first_learned(port->ns, port->link);
	struct mac mac;

	while (learned_mac(port->ns, port->link, &i, &mac))
		add_addrs_of_mac(doctor, port, mac);
}

static struct mac made_up_mac(size_t number)
{
	return (struct mac){ { 0x02, 0x70, 0x77, 1, (uint8_t)(number >> 8), (uint8_t)number } };
}

static struct mac find_mac(const struct vm_port *port, size_t number)
{
	size_t i = first_learned(port->ns, port->link);
	struct mac mac;

	if (port->addrs.n)
		return port->addrs.items[0].mac;
	return learned_mac(port->ns, port->link, &i, &mac) ? mac : made_up_mac(number);
}

static void add_port(struct doctor *doctor, struct vm_ports *ports, const struct netns *ns,
	const struct link *link)
{
	const struct link *bridge =
		link->master_index ? netns_link_by_index(ns, link->master_index) : NULL;
	struct vm_port *port;

	if (!bridge || strcmp(bridge->kind, "bridge") != 0 ||
		container_bridge_owner(bridge->name) || !is_of_machine(doctor, ns, link))
		return;
	port = vec_push(ports, doctor->arena);
	*port = (struct vm_port){ .ns = ns, .link = link, .bridge = bridge };
	for (enum family family = FAMILY_IPV4; family < N_IP_FAMILIES; family++) {
		const struct port_groups *groups =
			doctor_groups_of_device(doctor, ns, link->name, family);

		port->is_filtered[family] = netns_bridge_is_filtered(ns, bridge, family);
		port->has_groups[family] = groups && groups->is_called;
		for (size_t i = 0; groups && i < groups->addrs.n; i++)
			add_addr(doctor->arena, port, &groups->addrs.items[i].addr,
				groups->addrs.items[i].mac);
	}
	find_addrs(doctor, port);
	port->mac = find_mac(port, ports->n - 1);
}

/* Of the bridges of a namespace, by the bridge's place: their first port that is up and no machine's. */
static void find_uplinks(struct doctor *doctor, struct vm_ports *ports, size_t first)
{
	const struct netns *ns = ports->items[first].ns;
	bool *is_machines = arena_new_array(doctor->arena, bool, ns->n_links);
	const struct link **uplinks =
		arena_new_array(doctor->arena, const struct link *, ns->n_links);

	for (size_t i = first; i < ports->n; i++)
		is_machines[ports->items[i].link - ns->links] = true;
	for (size_t i = 0; i < ns->n_links; i++) {
		const struct link *link = &ns->links[i];
		const struct link *master =
			link->master_index ? netns_link_by_index(ns, link->master_index) : NULL;

		if (master && link->is_up && !is_machines[i] && !uplinks[master - ns->links])
			uplinks[master - ns->links] = link;
	}
	for (size_t i = first; i < ports->n; i++)
		ports->items[i].uplink = uplinks[ports->items[i].bridge - ns->links];
}

const struct vm_ports *doctor_ports(struct doctor *doctor)
{
	if (doctor->ports)
		return doctor->ports;
	doctor->ports = arena_new_one(doctor->arena, struct vm_ports);
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];
		size_t first = doctor->ports->n;

		for (size_t i = 0; i < ns->n_links; i++)
			add_port(doctor, doctor->ports, ns, &ns->links[i]);
		if (doctor->ports->n > first)
			find_uplinks(doctor, doctor->ports, first);
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
