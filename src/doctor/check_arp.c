// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host answers ARP on a machine's bridge for an address that it has elsewhere: docker0's 172.17.0.1, which is also the
 * gateway of a tenant's network. A Linux host owns its addresses as a whole (arp_ignore 0, net/ipv4/arp.c, arp_ignore).
 */
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"
#include "packet/expr.h"

/* An address of the host that a machine takes for its neighbour's. */
struct taken {
	const struct vm_port *port;
	const struct vm_addr *asker;
	const struct address *address;
};

/* The leaf where the host takes the question at this bridge, and answers; NULL: it does not. Of other bridges, which a
 * question to everybody comes to as well, others tell. */
static const struct leaf *answer_of(
	const struct explanation *explanation, const struct vm_port *port)
{
	vec_for_each (leaf, &explanation->leaves) {
		const struct node *last = (*leaf)->last;

		if ((*leaf)->final == FINAL_DELIVERED && (*leaf)->place == PLACE_HOST &&
			last->link && last->link->index == port->bridge->index &&
			strcmp(last->link->name, port->bridge->name) == 0 &&
			strcmp(last->ns->name, port->ns->name) == 0)
			return *leaf;
	}
	return NULL;
}

static bool is_not_answered(const struct explanation *after, const void *data)
{
	return after->final != FINAL_CANNOT_TELL && !answer_of(after, data);
}

/* Asked is the bridge's own MAC, as by who has learned it (RFC 1122, 2.3.2.1), or everybody. */
static bool query_of(const struct taken *taken, bool is_broadcast, struct query *ret)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct mac all;
	struct err err;

	memset(&all, 0xff, sizeof(all));
	text_add(&text, "arp ");
	addr_print(&text, &taken->asker->addr);
	text_add(&text, " ");
	addr_print(&text, &taken->address->local);
	text_add(&text, " mac ");
	mac_print(&text, taken->asker->mac);
	text_add(&text, " > ");
	mac_print(&text, is_broadcast ? all : taken->port->bridge->mac);
	*ret = (struct query){
		.from = FROM_DEVICE, .ns = taken->port->ns, .in = taken->port->link
	};
	return packet_expr_parse(text.data, &ret->packet, &err);
}

/* Is it a device of another namespace that the bridge leads to? */
static bool is_beyond(
	const struct host *host, const struct taken *taken, const struct netns *ns, int index)
{
	const struct link *link = netns_link_by_index(ns, index);

	return ns != taken->port->ns && link &&
	       host_is_joined(host, ns, link, taken->port->ns, taken->port->link);
}

/* Somebody else whom the bridge leads to has the address as well: a router of the tenant's. */
static bool is_anothers(const struct host *host, const struct taken *taken)
{
	const struct addr *addr = &taken->address->local;

	for (size_t n = 0; n < host->n_netns; n++) {
		const struct netns *ns = &host->netns[n];

		for (size_t i = 0; i < ns->n_addresses; i++)
			if (addr_compare(&ns->addresses[i].local, addr) == 0 &&
				is_beyond(host, taken, ns, ns->addresses[i].index))
				return true;
		for (size_t i = 0; i < ns->n_neighbours; i++)
			if (addr_compare(&ns->neighbours[i].addr, addr) == 0 &&
				ns->neighbours[i].has_mac &&
				is_beyond(host, taken, ns, ns->neighbours[i].index))
				return true;
	}
	return false;
}

static void find(struct doctor *doctor, const struct check *check, const struct taken *taken)
{
	struct arena *arena = doctor->arena;
	const struct netns *ns = taken->port->ns;
	const struct link *bridge = taken->port->bridge;
	const struct link *owner = netns_link_by_index(ns, taken->address->index);
	const char *conf = link_conf_name(arena, "ipv4", bridge, "arp_ignore");
	struct text addr CLEANUP(text_done) = TEXT_INIT;
	const struct host_edit edit = edit_of_sysctl(ns, conf, "1");
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct finding *finding;
	struct query everybody, one;
	struct fix fix = { .name = "arp-ignore",
		.edits = &edit,
		.n_edits = 1,
		.consequence =
			"Write it into /etc/sysctl.d as well; for bridges that come later set "
			"net.ipv4.conf.default.arp_ignore. Who is to reach the host by that address "
			"through this bridge no longer does.",
		.is_recommended = true };

	if (!query_of(taken, true, &everybody) || !query_of(taken, false, &one) ||
		!answer_of(explain(scratch, doctor->explainer, &everybody), taken->port))
		return;
	fix.edits = arena_new_one(arena, struct host_edit);
	*(struct host_edit *)fix.edits = edit;
	addr_print(&addr, &taken->address->local);
	finding = finding_add(doctor, check,
		is_anothers(doctor->host, taken) ? SEVERITY_BROKEN : SEVERITY_RISK, ns,
		bridge->name);
	finding->title = arena_printf(arena,
		"the host answers ARP on %s for %s, an address of %s in the network of machine %s",
		bridge->name, addr.data, owner ? owner->name : "another device",
		taken->port->link->name);
	finding->symptom = arena_printf(arena,
		"If %s is the machine's gateway, or another machine, what it sends there ends at this host; "
		"whether it does changes with who answers first. In the machine, ip neigh shows the MAC of "
		"%s.",
		addr.data, bridge->name);
	if (owner && owner_of_device(owner->name))
		finding->owner = (struct owner){ .name = owner_of_device(owner->name),
			.evidence = arena_printf(arena, "the device %s is %s's", owner->name,
				owner_of_device(owner->name)),
			.is_known = true };
	finding_prove(doctor, finding, "address", "",
		arena_printf(arena, "%s/%u dev %s", addr.data, taken->address->len,
			owner ? owner->name : "?"));
	finding_prove_sysctl(doctor, finding, "net.ipv4.conf.all.arp_ignore", "0");
	finding_prove_sysctl(doctor, finding, conf, "0");
	finding_port(doctor, finding, taken->port->link->name);
	finding_witness(doctor, finding, &everybody);
	if (finding->witness->explanation->leaf->place != PLACE_HOST)
		finding_witness(doctor, finding, &one);
	*vec_push(&finding->others, arena) = everybody;
	fix.words = arena_printf(arena, "%s answers for its own addresses only", bridge->name);
	(void)finding_fix(doctor, finding, &fix, is_not_answered, taken->port);
}

/* In the network of the address, and it is not the address of the bridge itself, which is meant to be there. */
static bool find_taken(const struct vm_port *port, struct taken *ret)
{
	const struct netns *ns = port->ns;

	for (size_t i = 0; i < ns->n_addresses; i++) {
		const struct address *address = &ns->addresses[i];
		const struct prefix prefix = { .addr = address->local, .len = address->len };

		if (address->local.family != FAMILY_IPV4 || address->len >= 31 ||
			address->is_host_scope || address->index == port->bridge->index)
			continue;
		vec_for_each (known, &port->addrs) {
			if (known->addr.family != FAMILY_IPV4 ||
				addr_compare(&known->addr, &address->local) == 0 ||
				!prefix_contains(&prefix, &known->addr))
				continue;
			*ret = (struct taken){ port, known, address };
			return true;
		}
	}
	return false;
}

static void run(struct doctor *doctor, const struct check *check)
{
	vec_for_each (port, doctor_ports(doctor)) {
		struct taken taken;

		if (doctor_is_unread(doctor, check, port->ns, "addresses") ||
			!find_taken(port, &taken))
			continue;
		if (!doctor_is_unread(
			    doctor, check, port->ns, "sysctl net.ipv4.conf.all.arp_ignore"))
			find(doctor, check, &taken);
	}
}

static const char *const references[] = {
	"https://bugs.launchpad.net/kolla-ansible/+bug/1848249",
	"net/ipv4/arp.c, arp_ignore",
	NULL,
};

const struct check check_arp_gateway = {
	.id = "arp-gateway",
	.title = "the host answers ARP for an address of a machine's network",
	.description =
		"A Linux host answers ARP on every device for all its addresses, unless arp_ignore says otherwise. Where "
		"docker0, or another device, has an address that a tenant uses too (a gateway, most often), a "
		"machine's question is answered by the host it is on, and its packets end there. Asked is, as ARP, "
		"from each machine whose address is known, about each address of the host in its network.",
	.references = references,
	.run = run,
};
