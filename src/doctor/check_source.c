// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Machines behind machines: the host knows a network, an address or a MAC behind a port, whose source check drops what comes
 * from there. Known are routes by an address of the machine, neighbours that answer with its MAC, and MACs of
 * VRRP that its bridge has learned behind the port.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"
#include "host/index.h"

/* What is behind a port. */
struct behind {
	const struct vm_port *port;
	struct prefix prefix;
	struct mac mac;
	const char *kind, *proof; /* of the finding's proof */
	const struct netns *ns;	  /* where that is known */
	bool is_now;		  /* packets are sent now */
};

/* An address within: not the network's own. */
static struct addr within(const struct prefix *prefix)
{
	struct addr addr = prefix->addr;

	if (prefix->len < prefix_max_len(addr.family))
		addr.bytes[addr.family == FAMILY_IPV6 ? 15 : 3] |= 1;
	return addr;
}

/* Is it lost, and by the source check? */
static bool ask(struct doctor *doctor, const struct behind *b, struct query *ret)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct addr src = within(&b->prefix);
	struct group_port by;

	text_add(&text, src.family == FAMILY_IPV6 ? "icmpv6 " : "icmp ");
	addr_print(&text, &src);
	text_addf(&text, " %s", doctor_anybody_text(b->prefix.addr.family));
	if (!vm_port_ask(doctor, b->port, true, text.data, ret))
		return false;
	ret->packet.eth_src = b->mac;
	return lost_by_groups(doctor, b->port, ret, &by) && by.is_spoof;
}

/* ---- the fix ---- */

static void offer_pair(struct doctor *doctor, struct finding *finding, const struct behind *b)
{
	struct arena *arena = doctor->arena;
	const struct port_groups *groups = doctor_groups(doctor, b->port, b->prefix.addr.family);
	struct text prefix CLEANUP(text_done) = TEXT_INIT, mac CLEANUP(text_done) = TEXT_INIT;
	const char *name = b->port->link->name;
	bool is_portwalls = strcmp(finding->owner.name, "portwall") == 0;
	struct host_edit edit;
	struct fix fix = { .name = "address-pair", .edits = &edit, .n_edits = 1, .undo = "" };

	if (!groups || !groups->spoof)
		return;
	prefix_print(&prefix, &b->prefix);
	mac_print(&mac, b->mac);
	edit = host_edit_of_rule(arena, groups->table, groups->spoof, 0,
		arena_printf(
			arena, "-s %s -m mac --mac-source %s -j RETURN", prefix.data, mac.data),
		false);
	fix.words = arena_printf(arena, "an allowed address pair of port %s: %s with MAC %s", name,
		prefix.data, mac.data);
	if (is_portwalls) {
		fix.commands = arena_printf(arena,
			"allowed_address_pairs: [{ip_address: \"%s\", mac_address: \"%s\"}]\n",
			prefix.data, mac.data);
		fix.consequence =
			"A line for the port in the policy file; then: portwall apply FILE. The machine may send "
			"with these addresses then, whoever has them.";
	} else {
		fix.commands = arena_printf(arena,
			"openstack port set --allowed-address ip-address=%s,mac-address=%s PORT\n",
			prefix.data, mac.data);
		fix.consequence = arena_printf(arena,
			"PORT's id begins with %s. The machine may send with these addresses "
			"then, whoever has them.",
			text_has_prefix(name, "tap") ? name + 3 : name);
	}
	(void)finding_fix_elsewhere(doctor, finding, &fix, is_untouched, NULL);
}

/* ---- telling ---- */

static void report(struct doctor *doctor, const struct check *check, const struct behind *b,
	const struct query *query)
{
	struct arena *arena = doctor->arena;
	const struct port_groups *groups = doctor_groups(doctor, b->port, b->prefix.addr.family);
	struct text prefix CLEANUP(text_done) = TEXT_INIT, mac CLEANUP(text_done) = TEXT_INIT;
	struct finding *finding;

	prefix_print_bare(&prefix, &b->prefix);
	mac_print(&mac, b->mac);
	finding =
		finding_add(doctor, check, b->is_now ? SEVERITY_BROKEN : SEVERITY_RISK, b->port->ns,
			arena_printf(arena, "%s-%s%s%s", b->port->link->name, prefix.data,
				strcmp(b->kind, "fdb") == 0 ? "-" : "",
				strcmp(b->kind, "fdb") == 0 ? mac.data : ""));
	finding->title = arena_printf(arena,
		"%s is behind %s, but the port's source check drops what comes from there",
		strcmp(b->kind, "fdb") == 0 ? mac.data : prefix.data, b->port->link->name);
	finding->symptom =
		"Packets reach the machine, and its answers, or those of who is behind it (pods, a VPN, an "
		"address that it took over), are lost at its own tap.";
	finding->owner = owner_of_rule(arena, groups->table, groups->spoof,
		&groups->spoof->rules[groups->spoof->n_rules - 1]);
	finding_prove(doctor, finding, b->kind,
		b->ns != b->port->ns && *b->ns->name
			? arena_printf(arena, "namespace %s", b->ns->name)
			: "",
		b->proof);
	for (size_t i = 0; i < groups->spoof->n_rules; i++)
		finding_prove_rule(doctor, finding, groups->table, groups->spoof, i + 1);
	finding_port(doctor, finding, b->port->link->name);
	finding_witness(doctor, finding, query);
	offer_pair(doctor, finding, b);
}

static void judge(struct doctor *doctor, const struct check *check, const struct behind *b)
{
	enum family family = b->prefix.addr.family;
	const struct port_groups *groups = doctor_groups(doctor, b->port, family);
	struct query query;

	if (b->port->is_filtered[family] && groups && groups->spoof && ask(doctor, b, &query))
		report(doctor, check, b, &query);
}

/* ---- what the host knows ---- */

/* Does conntrack have a flow into the network or from it, without an answer? */
static bool is_asked_for(const struct netns *ns, const struct prefix *prefix)
{
	for (size_t i = 0; i < ns->n_conntrack; i++)
		if (!(ns->conntrack[i].status & CT_STATUS_SEEN_REPLY) &&
			prefix_contains(prefix, &ns->conntrack[i].orig.dst))
			return true;
	return false;
}

static void look_at_routes(struct doctor *doctor, const struct check *check, const struct netns *ns)
{
	for (size_t r = 0; r < ns->n_routes; r++) {
		const struct route *route = &ns->routes[r];

		if (route->type != ROUTE_UNICAST || !route->dst.len)
			continue;
		for (size_t h = 0; h < route->n_hops; h++) {
			const struct next_hop *hop = &route->hops[h];
			const struct link *link = netns_link_by_index(ns, hop->index);
			const struct vm_port *port =
				hop->has_gateway ? vm_port_of_addr_only(doctor, &hop->gateway)
						 : NULL;
			struct text text CLEANUP(text_done) = TEXT_INIT;
			struct behind b = {
				.port = port, .prefix = route->dst, .kind = "route", .ns = ns
			};

			if (!port || !link ||
				!host_is_joined(doctor->host, ns, link, port->ns, port->link))
				continue;
			prefix_print(&text, &route->dst);
			text_add(&text, " via ");
			addr_print(&text, &hop->gateway);
			text_addf(&text, " dev %s", link->name);
			b.proof = arena_strdup(doctor->arena, text.data);
			b.mac = port->mac;
			b.is_now = is_asked_for(ns, &route->dst);
			judge(doctor, check, &b);
		}
	}
}

static bool is_checked_addr(const struct port_groups *groups, const struct addr *addr)
{
	for (size_t i = 0; groups && groups->spoof && i < groups->spoof->n_rules; i++) {
		const struct match *src = rule_match(&groups->spoof->rules[i], MATCH_SRC);

		if (src && prefix_contains(&src->prefix, addr))
			return true;
	}
	return false;
}

/* What answered with the machine's MAC: doctor_ports has put it among its addresses. */
static void look_at_neighbours(
	struct doctor *doctor, const struct check *check, const struct vm_port *port)
{
	vec_for_each (known, &port->addrs) {
		struct text text CLEANUP(text_done) = TEXT_INIT;
		struct behind b = { .port = port,
			.prefix = prefix_of_addr(&known->addr),
			.mac = known->mac,
			.kind = "neighbour",
			.ns = port->ns };

		if (is_checked_addr(doctor_groups(doctor, port, known->addr.family), &known->addr))
			continue;
		addr_print(&text, &known->addr);
		text_add(&text, " lladdr ");
		mac_print(&text, known->mac);
		b.proof = arena_strdup(doctor->arena, text.data);
		judge(doctor, check, &b);
	}
}

/* 00:00:5e:00:01:33 is sent from only by who has taken over that address. */
static void look_at_macs(
	struct doctor *doctor, const struct check *check, const struct vm_port *port)
{
	static const uint8_t of_vrrp[] = { 0, 0, 0x5e, 0, 1 };
	const struct netns *ns = port->ns;
	const struct vm_addr *addr = vm_port_addr(port, FAMILY_IPV4);

	for (size_t i = netns_first(ns, FDB_BY_PORT, (uint64_t)port->link->index);
		addr && i < ns->n_fdb; i = netns_next(ns, FDB_BY_PORT, i)) {
		const struct fdb_entry *entry = &ns->fdb[i];
		struct text text CLEANUP(text_done) = TEXT_INIT;
		struct behind b = { .port = port,
			.prefix = prefix_of_addr(&addr->addr),
			.mac = entry->mac,
			.kind = "fdb",
			.ns = ns,
			.is_now = true };

		if (entry->port_index != port->link->index || entry->is_permanent ||
			memcmp(entry->mac.bytes, of_vrrp, sizeof(of_vrrp)) != 0)
			continue;
		mac_print(&text, entry->mac);
		text_addf(&text, " dev %s master %s", port->link->name, port->bridge->name);
		b.proof = arena_strdup(doctor->arena, text.data);
		judge(doctor, check, &b);
	}
}

static void run(struct doctor *doctor, const struct check *check)
{
	if (!doctor_ports(doctor)->n)
		return;
	for (size_t n = 0; n < doctor->host->n_netns; n++)
		look_at_routes(doctor, check, &doctor->host->netns[n]);
	vec_for_each (port, doctor_ports(doctor)) {
		look_at_neighbours(doctor, check, port);
		look_at_macs(doctor, check, port);
	}
}

static const char *const references[] = {
	"https://github.com/projectcalico/felix/issues/337",
	"https://github.com/kubernetes/cloud-provider-openstack/issues/2492",
	"https://github.com/kubernetes-sigs/kubespray/issues/2877",
	"https://github.com/acassen/keepalived/issues/821",
	NULL,
};

const struct check check_source_dropped = {
	.id = "source-dropped",
	.title = "networks and addresses behind machines, whose packets the source check drops",
	.description =
		"A machine that routes (pods, a VPN) or takes over an address sends with sources that its port's check does not know, and they are "
		"dropped at its tap. Found are networks to which a route leads by the machine's address, addresses for which it answers "
		"with its MAC, and MACs of VRRP that the bridge learned behind it. Broken where packets are on the way now (conntrack "
		"has flows there without an answer; the MAC was just learned), else a risk.",
	.references = references,
	.run = run,
};
