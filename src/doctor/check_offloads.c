// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Offloads that change packets for others: segments put together by a NIC under a bridge, checksums that nobody fills in. The walk knows
 * nothing of them; what is said of rules in between is asked of it.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"

#define PORT_DHCP_SERVER 67
#define PORT_DHCP_CLIENT 68

static void advise_off(struct doctor *doctor, struct finding *finding, const struct link *link,
	const char *feature, const char *consequence)
{
	finding_advise(doctor, finding, feature,
		arena_printf(doctor->arena, "%s off at %s", feature, link->name),
		arena_printf(doctor->arena, "ethtool -K %s %s off\n", link->name, feature),
		consequence);
}

/* ---- LRO ---- */

static void look_at_nic(struct doctor *doctor, const struct check *check, const struct netns *ns,
	const struct link *link)
{
	const struct link *bridge =
		link->master_index ? netns_link_by_index(ns, link->master_index) : NULL;
	struct finding *finding;

	if (!link->has_lro || !link->is_up || !bridge || strcmp(bridge->kind, "bridge") != 0)
		return;
	finding = finding_add(doctor, check, SEVERITY_RISK, ns, link->name);
	finding->title = arena_printf(doctor->arena,
		"%s puts segments together (LRO), and %s drops what it would forward of them",
		link->name, bridge->name);
	finding->symptom =
		"TCP from outside to machines is very slow or hangs, small packets pass; the kernel's log "
		"says \"received packets cannot be forwarded while LRO is enabled\".";
	finding_prove(doctor, finding, "link", link->name,
		arena_printf(doctor->arena, "%s: large-receive-offload on, port of %s", link->name,
			bridge->name));
	vec_for_each (port, doctor_ports(doctor))
		if (port->ns == ns && port->bridge == bridge)
			finding_port(doctor, finding, port->link->name);
	advise_off(doctor, finding, link, "lro",
		"The kernel turns it off when a device becomes a port: somebody has turned it on since, and may "
		"do so again at the next boot. GRO does the same for the host without the harm.");
}

static void run_lro(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];

		if (!ns->n_links || doctor_is_unread(doctor, check, ns, "links has_lro"))
			continue;
		for (size_t i = 0; i < ns->n_links; i++)
			look_at_nic(doctor, check, ns, &ns->links[i]);
	}
}

static const char *const lro_references[] = {
	"net/bridge/br_forward.c, __br_forward",
	"net/bridge/br_if.c, br_add_if",
	NULL,
};

const struct check check_lro_under_bridge = {
	.id = "lro-under-bridge",
	.title = "LRO at a port of a bridge",
	.description =
		"Large receive offload makes one long packet of several, which cannot be taken apart as they were; a "
		"bridge drops what it gets so. The kernel turns it off for ports of bridges; found where it is on "
		"again. The walk does not know of it: there is no witness.",
	.references = lro_references,
	.run = run_lro,
};

/* ---- checksums of DHCP ---- */

static bool is_checksum_rule(const struct rule *rule)
{
	uint16_t port;

	return rule->target.kind == TARGET_CONTINUE && rule->target.name &&
	       strcmp(rule->target.name, "CHECKSUM") == 0 &&
	       (!rule_dport(rule, &port) || port == PORT_DHCP_CLIENT);
}

static bool has_checksum_rule(const struct netns *ns)
{
	for (size_t t = 0; ns->ruleset && t < ns->ruleset->n_tables; t++) {
		const struct table *table = &ns->ruleset->tables[t];

		for (size_t c = 0; c < table->n_chains; c++)
			for (size_t r = 0; r < table->chains[c].n_rules; r++)
				if (is_checksum_rule(&table->chains[c].rules[r]))
					return true;
	}
	return false;
}

/* A DHCP server of this namespace that answers at the bridge. */
static const struct socket *find_server(const struct netns *ns, const struct link *bridge)
{
	for (size_t i = 0; i < ns->n_sockets; i++)
		if (ns->sockets[i].proto == PROTO_UDP && ns->sockets[i].port == PORT_DHCP_SERVER &&
			(!ns->sockets[i].index || ns->sockets[i].index == bridge->index))
			return &ns->sockets[i];
	return NULL;
}

static void look_at_port(
	struct doctor *doctor, const struct check *check, const struct vm_port *port)
{
	const struct address *own = doctor_address_of(port->ns, port->bridge, FAMILY_IPV4);
	const struct socket *server = find_server(port->ns, port->bridge);
	struct finding *finding;
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct addr lease;
	struct asked asked;

	if (!own || !server || !port->link->has_tx_checksum || !port->link->is_up ||
		has_checksum_rule(port->ns))
		return;
	vec_for_each (known, &doctor->diagnosis->findings)
		if ((*known)->check == check && (*known)->ns == port->ns &&
			strstr((*known)->title, port->bridge->name)) {
			finding_port(doctor, *known, port->link->name);
			return;
		}
	lease = own->local;
	lease.bytes[3] ^= 2;
	asked = doctor_ask(doctor, scratch, port->ns, NULL,
		&(struct ask){ .proto = "udp",
			.src = &own->local,
			.dst = &lease,
			.sport = PORT_DHCP_SERVER,
			.dport = PORT_DHCP_CLIENT });
	finding = finding_add(doctor, check, SEVERITY_HINT, port->ns, port->bridge->name);
	finding->title = arena_printf(doctor->arena,
		"answers of DHCP to machines of %s have no UDP checksum", port->bridge->name);
	finding->symptom =
		"A machine with an old DHCP client gets no lease, though the answers are seen at its tap; it "
		"says \"5 bad udp checksums in 5 packets\". Others are not hit.";
	finding_prove(doctor, finding, "socket", "",
		arena_printf(doctor->arena, "%s listens on UDP port 67",
			server->process ? server->process : "a program"));
	finding_prove(doctor, finding, "link", port->link->name,
		arena_printf(doctor->arena, "%s: tx-checksumming on", port->link->name));
	finding_port(doctor, finding, port->link->name);
	finding_witness(doctor, finding, &asked.query);
	finding_advise(doctor, finding, "fill", "a rule that fills it in",
		arena_printf(doctor->arena,
			"iptables -t mangle -A POSTROUTING -o %s -p udp --dport 68 -j CHECKSUM --checksum-fill\n",
			port->bridge->name),
		"It must be written again at each boot.");
}

static void run_dhcp(struct doctor *doctor, const struct check *check)
{
	vec_for_each (port, doctor_ports(doctor))
		if (doctor_address_of(port->ns, port->bridge, FAMILY_IPV4) &&
			!doctor_is_unread(doctor, check, port->ns, "links has_tx_checksum") &&
			!doctor_is_unread(doctor, check, port->ns, "sockets") &&
			!doctor_is_unread(doctor, check, port->ns, "sockets udp"))
			look_at_port(doctor, check, port);
}

static const char *const dhcp_references[] = {
	"https://github.com/projectcalico/felix/issues/40",
	"https://github.com/weaveworks/ignite/issues/870",
	"https://github.com/kubevirt/kubevirt/issues/1715",
	"https://github.com/harvester/harvester/issues/5160",
	NULL,
};

const struct check check_dhcp_checksum = {
	.id = "dhcp-checksum",
	.title = "answers of DHCP without a checksum",
	.description =
		"What a program of the host sends to a machine gets no checksum when the tap says that the other "
		"side needs none; clients that read raw packets, as old DHCP clients do, take them for damaged. "
		"Found where a DHCP server of the host serves a bridge with machines, the tap leaves checksums out, "
		"and no CHECKSUM rule fills them in. Newer clients know of it: a hint.",
	.references = dhcp_references,
	.run = run_dhcp,
};

/* ---- checksums inside tunnels ---- */

static const struct addr *find_remote(const struct netns *ns, const struct link *vxlan)
{
	static const struct addr none;

	for (size_t i = 0; i < ns->n_fdb; i++)
		if (ns->fdb[i].port_index == vxlan->index && !ns->fdb[i].bridge_index &&
			ns->fdb[i].dst.family == FAMILY_IPV4 &&
			memcmp(ns->fdb[i].dst.bytes, none.bytes, 4) != 0)
			return &ns->fdb[i].dst;
	return NULL;
}

/* The outer packet, by a usual port, from the address by which the host reaches the other end. */
static bool ask_outer(struct doctor *doctor, struct arena *arena, const struct netns *ns,
	const struct addr *remote, unsigned port, struct asked *ret)
{
	struct addr any = { .family = FAMILY_IPV4 };
	struct asked way = doctor_ask(doctor, arena, ns, NULL,
		&(struct ask){ .proto = "icmp", .src = &any, .dst = remote });
	const struct route *route = asked_route(&way);
	const struct link *link =
		route && route->n_hops ? netns_link_by_index(ns, route->hops[0].index) : NULL;
	const struct address *own = link ? doctor_address_of(ns, link, FAMILY_IPV4) : NULL;

	if (!own)
		return false;
	*ret = doctor_ask(doctor, arena, ns, NULL,
		&(struct ask){ .proto = "udp",
			.src = &own->local,
			.dst = remote,
			.sport = 40000,
			.dport = port });
	return ret->explanation && ret->explanation->final == FINAL_REWRITTEN;
}

static void look_at_tunnel(struct doctor *doctor, const struct check *check, const struct netns *ns,
	const struct link *link, const struct addr *remote)
{
	static const unsigned ports[] = { 8472, 4789 };

	for (size_t i = 0; i < N_OF(ports); i++) {
		struct arena *scratch CLEANUP(arena_freep) = arena_new();
		struct finding *finding;
		struct asked asked;

		if (!ask_outer(doctor, scratch, ns, remote, ports[i], &asked))
			continue;
		finding = finding_add(doctor, check, SEVERITY_RISK, ns, link->name);
		finding->title = arena_printf(doctor->arena,
			"packets of the tunnel %s are rewritten by NAT, and their checksums are left to the device",
			link->name);
		finding->symptom =
			"Through the tunnel ping works, TCP hangs at once or for 1, 3 or 63 seconds, mostly "
			"to service addresses.";
		finding_prove(doctor, finding, "link", link->name,
			arena_printf(doctor->arena, "%s: vxlan, tx-checksumming on", link->name));
		finding_witness(doctor, finding, &asked.query);
		if (finding->witness->n_rewriters) {
			const struct decider *by = &finding->witness->rewriters[0];

			finding->owner = by->owner;
			finding_prove_rule(
				doctor, finding, by->node->table, by->node->rule_chain, by->number);
		}
		advise_off(doctor, finding, link, "tx-checksum-ip-generic",
			"It costs some CPU. Kernels of 2020 and later do the right thing with it on, as far "
			"as their distribution took the mend.");
		return;
	}
}

static void run_vxlan(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];

		for (size_t i = 0; i < ns->n_links; i++) {
			const struct link *link = &ns->links[i];
			const struct addr *remote;

			if (strcmp(link->kind, "vxlan") != 0 || !link->is_up ||
				doctor_is_unread(doctor, check, ns, "links has_tx_checksum") ||
				doctor_is_unread(doctor, check, ns, "fdb"))
				continue;
			remote = link->has_tx_checksum ? find_remote(ns, link) : NULL;
			if (remote)
				look_at_tunnel(doctor, check, ns, link, remote);
		}
	}
}

static const char *const vxlan_references[] = {
	"https://github.com/projectcalico/calico/issues/3145",
	"https://github.com/flannel-io/flannel/issues/1282",
	"https://github.com/kubernetes/kubernetes/issues/122835",
	NULL,
};

const struct check check_vxlan_checksum = {
	.id = "vxlan-checksum",
	.title = "NAT of a tunnel's packets with checksums left to the device",
	.description =
		"When the outer packet of VXLAN is rewritten by NAT, older kernels give it a UDP checksum that "
		"covers an inner one which is not there yet: the other end drops it. Found where the device of the "
		"tunnel leaves checksums out and the walk of its outer packet, to an end that the tunnel's table has "
		"and by the ports 8472 and 4789, is rewritten.",
	.references = vxlan_references,
	.run = run_vxlan,
};
