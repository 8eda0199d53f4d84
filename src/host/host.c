// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/host.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/text.h"
#include "base/vec.h"
#include "host/index.h"
#include "host/internal.h"

const char *bridge_switch_name(enum bridge_switch which)
{
	static const char *const names[N_BRIDGE_SWITCHES] = {
		[SWITCH_NF_CALL_IPTABLES] = "nf_call_iptables",
		[SWITCH_NF_CALL_IP6TABLES] = "nf_call_ip6tables",
		[SWITCH_NO_LINKLOCAL_LEARN] = "no_linklocal_learn",
	};

	return names[which];
}

/* What was read from a file is mostly sorted, and to see that is quicker than to sort it again. */
static void sort(void *items, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	for (size_t i = 1; i < n; i++)
		if (compare((char *)items + (i - 1) * size, (char *)items + i * size) > 0) {
			qsort(items, n, size, compare);
			return;
		}
}

static int link_by_name(const void *a, const void *b)
{
	return strcmp(((const struct link *)a)->name, ((const struct link *)b)->name);
}

static int link_by_index(const void *a, const void *b)
{
	int x = (*(const struct link *const *)a)->index,
	    y = (*(const struct link *const *)b)->index;

	return (x > y) - (x < y);
}

static int sysctl_by_name(const void *a, const void *b)
{
	return strcmp(((const struct sysctl *)a)->name, ((const struct sysctl *)b)->name);
}

/* Of rules only the order by family and priority is told; equal ones stay as they came. */
static void sort_rules(struct arena *arena, struct netns *ns)
{
	struct routing_rule *rules = arena_new_array(arena, struct routing_rule, ns->n_rules + 1);

	for (size_t i = 0; i < ns->n_rules; i++) {
		const struct routing_rule rule = ns->rules[i];
		size_t at = i;

		for (; at && (rules[at - 1].family > rule.family ||
				     (rules[at - 1].family == rule.family &&
					     rules[at - 1].priority > rule.priority));
			at--)
			rules[at] = rules[at - 1];
		rules[at] = rule;
	}
	ns->rules = ns->n_rules ? rules : NULL;
}

struct place {
	int index;
	size_t at;
};

static int by_index_and_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->index != y->index)
		return x->index < y->index ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

/* By link; those of one stay as they came. */
static void sort_addresses(struct arena *arena, struct netns *ns)
{
	struct address *sorted = arena_new_array(arena, struct address, ns->n_addresses + 1);
	struct place *places = arena_new_array(arena, struct place, ns->n_addresses + 1);

	for (size_t i = 0; i < ns->n_addresses; i++)
		places[i] = (struct place){ ns->addresses[i].index, i };
	sort(places, ns->n_addresses, sizeof(*places), by_index_and_place);
	for (size_t i = 0; i < ns->n_addresses; i++)
		sorted[i] = ns->addresses[places[i].at];
	ns->addresses = ns->n_addresses ? sorted : NULL;
}

static void index_links(struct arena *arena, struct netns *ns)
{
	const struct link **by_index = arena_new_array(arena, const struct link *, ns->n_links + 1);

	sort(ns->links, ns->n_links, sizeof(*ns->links), link_by_name);
	for (size_t i = 0; i < ns->n_links; i++)
		by_index[i] = &ns->links[i];
	sort(by_index, ns->n_links, sizeof(*by_index), link_by_index);
	ns->links_by_index = by_index;
}

static bool is_link_local(const struct address *address)
{
	return address->local.family == FAMILY_IPV6 && address->local.bytes[0] == 0xfe &&
	       (address->local.bytes[1] & 0xc0) == 0x80;
}

static bool sysctl_is_on(const struct netns *ns, const char *name)
{
	const char *value = netns_sysctl(ns, name);

	return value && strcmp(value, "0") != 0;
}

/* br_netfilter alone makes this folder of settings: one of them is enough, read or not. */
static bool has_bridge_settings(const struct netns *ns)
{
	for (size_t i = 0; i < ns->n_sysctls; i++)
		if (text_has_prefix(ns->sysctls[i].name, "net.bridge."))
			return true;
	for (size_t i = 0; i < ns->n_unread; i++)
		if (text_has_prefix(ns->unread[i].what, "sysctl net.bridge."))
			return true;
	return false;
}

void netns_derive_settings(struct netns *ns)
{
	ns->has_br_netfilter = has_bridge_settings(ns);
	ns->nf_call[FAMILY_IPV4] = sysctl_is_on(ns, "net.bridge.bridge-nf-call-iptables");
	ns->nf_call[FAMILY_IPV6] = sysctl_is_on(ns, "net.bridge.bridge-nf-call-ip6tables");
}

void netns_finish(struct arena *arena, struct netns *ns)
{
	struct sysctl *sysctls = arena_new_array(arena, struct sysctl, ns->n_sysctls + 1);

	index_links(arena, ns);
	sort_rules(arena, ns);
	sort_addresses(arena, ns);
	for (size_t i = 0; i < ns->n_addresses; i++) {
		const struct link *found = netns_link_by_index(ns, ns->addresses[i].index);

		/* a pointer into ns->links, which this function owns */
		if (found && !is_link_local(&ns->addresses[i]))
			ns->links[found - ns->links].has_address = true;
	}
	if (ns->n_sysctls) {
		memcpy(sysctls, ns->sysctls, ns->n_sysctls * sizeof(*sysctls));
		sort(sysctls, ns->n_sysctls, sizeof(*sysctls), sysctl_by_name);
	}
	ns->sysctls = sysctls;
	netns_derive_settings(ns);
	netns_index(arena, ns);
}

void host_finish(struct arena *arena, struct host *host)
{
	struct map *by_name = map_new(arena);

	for (size_t i = 0; i < host->n_ovs_ports; i++)
		map_add(by_name, host->ovs_ports[i].name, (void *)&host->ovs_ports[i]);
	host->ovs_ports_by_name = by_name;
	host_find_segments(arena, host);
}

const struct link *netns_link(const struct netns *ns, const char *name)
{
	const struct link key = { .name = name };

	if (!ns->n_links)
		return NULL;
	return bsearch(&key, ns->links, ns->n_links, sizeof(*ns->links), link_by_name);
}

const struct link *netns_link_by_index(const struct netns *ns, int index)
{
	const struct link wanted = { .index = index }, *key = &wanted, *const * found;

	if (!ns->n_links)
		return NULL;
	if (ns->links_by_index) {
		found = bsearch((const void *)&key, (const void *)ns->links_by_index, ns->n_links,
			sizeof(*ns->links_by_index), link_by_index);
		return found ? *found : NULL;
	}
	for (size_t i = 0; i < ns->n_links; i++)
		if (ns->links[i].index == index)
			return &ns->links[i];
	return NULL;
}

const char *netns_sysctl(const struct netns *ns, const char *name)
{
	const struct sysctl key = { .name = name }, *found;

	if (!ns->n_sysctls)
		return NULL;
	found = bsearch(&key, ns->sysctls, ns->n_sysctls, sizeof(*ns->sysctls), sysctl_by_name);
	return found ? found->value : NULL;
}

bool netns_is_unread(const struct netns *ns, const char *what, const char **ret_why)
{
	for (size_t i = 0; i < ns->n_unread; i++)
		if (!strcmp(ns->unread[i].what, what) ||
			!strcmp(ns->unread[i].what, "everything")) {
			if (ret_why)
				*ret_why = ns->unread[i].why;
			return true;
		}
	return false;
}

bool host_is_unread(const struct host *host, const char *what, const char **ret_why)
{
	for (size_t i = 0; i < host->n_unread; i++)
		if (!strcmp(host->unread[i].what, what)) {
			*ret_why = host->unread[i].why;
			return true;
		}
	return false;
}

const char *link_conf_name(
	struct arena *arena, const char *family, const struct link *link, const char *name)
{
	char *key = arena_strdup(arena, link->name);

	/* the interface's own dots are slashes there */
	for (char *dot = strchr(key, '.'); dot; dot = strchr(dot, '.'))
		*dot = '/';
	return arena_printf(arena, "net.%s.conf.%s.%s", family, key, name);
}

bool netns_bridge_is_filtered(const struct netns *ns, const struct link *bridge, enum family family)
{
	if (!ns->has_br_netfilter || family >= N_IP_FAMILIES)
		return false;
	return ns->nf_call[family] || bridge->nf_call[family];
}

const struct link *host_veth_peer(const struct host *host, const struct netns *ns,
	const struct link *veth, const struct netns **ret_netns)
{
	const struct netns *at = ns;
	const struct link *peer;

	if (strcmp(veth->kind, "veth") != 0 || !veth->peer_index)
		return NULL;
	if (veth->is_peer_away) {
		if (veth->peer_netns < 0 || (size_t)veth->peer_netns >= host->n_netns)
			return NULL;
		at = &host->netns[veth->peer_netns];
	}
	peer = netns_link_by_index(at, veth->peer_index);
	if (peer && ret_netns)
		*ret_netns = at;
	return peer;
}

const struct link *host_find_link(
	const struct host *host, const char *name, const struct netns **ret_netns)
{
	const char *at = strchr(name, '@'); /* "eth0@if7", as ip prints a link with its peer */
	char bare[256];

	for (size_t i = 0; i < host->n_netns; i++) {
		const struct link *found = netns_link(&host->netns[i], name);

		if (!found && at && (size_t)(at - name) < sizeof(bare)) {
			memcpy(bare, name, (size_t)(at - name));
			bare[at - name] = '\0';
			found = netns_link(&host->netns[i], bare);
		}
		if (found) {
			if (ret_netns)
				*ret_netns = &host->netns[i];
			return found;
		}
	}
	return NULL;
}

const struct link *host_ovs_link(
	const struct host *host, const struct ovs_port *port, const struct netns **ret_netns)
{
	if (port->netns < 0 || (size_t)port->netns >= host->n_netns)
		return host_find_link(host, port->name, ret_netns);
	*ret_netns = &host->netns[port->netns];
	return netns_link(*ret_netns, port->name);
}

const struct ovs_port *host_ovs_port(const struct host *host, const char *name)
{
	if (host->ovs_ports_by_name)
		return map_find(host->ovs_ports_by_name, name);
	for (size_t i = 0; i < host->n_ovs_ports; i++)
		if (!strcmp(host->ovs_ports[i].name, name))
			return &host->ovs_ports[i];
	return NULL;
}
