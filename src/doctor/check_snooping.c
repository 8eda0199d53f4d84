// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Multicast snooping of a bridge that is its own querier. Without a querier a bridge floods whatever it has not learned
 * (net/bridge/br_multicast.h, br_multicast_querier_exists), and nothing is lost; with one, groups that nobody reported go to routers alone:
 * among them those that IPv6 asks for neighbours by. A report that a rule drops in front of the bridge's decision is never heard.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"

/* fe80:: and the MAC, as every machine has it */
static struct addr link_local_of(struct mac mac)
{
	struct addr addr = { .family = FAMILY_IPV6, .bytes = { 0xfe, 0x80 } };

	memcpy(addr.bytes + 8, mac.bytes, 3);
	addr.bytes[8] ^= 2;
	addr.bytes[11] = 0xff;
	addr.bytes[12] = 0xfe;
	memcpy(addr.bytes + 13, mac.bytes + 3, 3);
	return addr;
}

static bool has_ipv6(const struct netns *ns, const struct link *bridge)
{
	for (size_t i = 0; i < ns->n_addresses; i++)
		if (ns->addresses[i].index == bridge->index &&
			ns->addresses[i].local.family == FAMILY_IPV6)
			return true;
	return false;
}

static void look_at(struct doctor *doctor, const struct check *check, const struct vm_port *port)
{
	static const struct mac group_mac = { { 0x33, 0x33, 0, 0, 0, 0x16 } };
	struct mac mac = port->mac;
	struct addr own = link_local_of(mac), group;
	const struct node *by = NULL;
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct finding *finding;
	struct asked asked;

	/* it asks by IPv6 only from an address of its own */
	if (!port->bridge->has_mcast_snooping || !port->bridge->has_mcast_querier ||
		!has_ipv6(port->ns, port->bridge))
		return;
	(void)addr_parse("ff02::16", &group);
	asked = doctor_ask(doctor, scratch, port->ns, port->link,
		&(struct ask){ .proto = "icmp",
			.src = &own,
			.dst = &group,
			.has_macs = true,
			.from = mac,
			.to = group_mac,
			.options = "type 143 code 0" });
	if (asked.explanation && asked.explanation->final == FINAL_DROPPED)
		by = leaf_decider(asked.explanation->leaf);
	if (!by || by->hook != HOOK_PREROUTING)
		return;
	finding = finding_add(doctor, check, SEVERITY_RISK, port->ns, port->link->name);
	finding->title = arena_printf(doctor->arena,
		"%s never hears which groups the machine behind %s has joined", port->bridge->name,
		port->link->name);
	finding->symptom =
		"IPv6 to the machine works at first and dies after some minutes, when nobody sends it anything; "
		"what the machine sends itself brings it back for a while. IPv4 works; mDNS does not.";
	finding->owner = owner_of_rule(doctor->arena, by->table, by->rule_chain, by->rule);
	finding_prove_rule(doctor, finding, by->table, by->rule_chain,
		by->rule ? (size_t)(by->rule - by->rule_chain->rules) + 1 : 0);
	finding_prove(doctor, finding, "link", port->bridge->name,
		arena_printf(doctor->arena, "bridge %s: mcast_snooping 1 mcast_querier 1",
			port->bridge->name));
	finding_port(doctor, finding, port->link->name);
	finding_witness(doctor, finding, &asked.query);
	finding_advise(doctor, finding, "flood", "no snooping: multicast goes to every port",
		arena_printf(doctor->arena, "ip link set %s type bridge mcast_snooping 0\n",
			port->bridge->name),
		"Better is to let ICMPv6 of the types 131, 132 and 143 through the rule, which security "
		"groups of Neutron do.");
}

static void run(struct doctor *doctor, const struct check *check)
{
	vec_for_each (port, doctor_ports(doctor))
		if (!doctor_is_unread(doctor, check, port->ns, "links has_mcast_snooping") &&
			!doctor_is_unread(doctor, check, port->ns, "links has_mcast_querier"))
			look_at(doctor, check, port);
}

static const char *const references[] = {
	"https://github.com/dfinity/ic/issues/11246",
	"https://github.com/openwrt/openwrt/issues/17292",
	"https://github.com/freifunk-berlin/firmware/issues/297",
	"net/bridge/br_multicast.c, br_multicast_ipv6_rcv",
	NULL,
};

const struct check check_multicast_snooping = {
	.id = "multicast-snooping",
	.title = "multicast snooping that does not hear the machines",
	.description =
		"A bridge that snoops and asks for groups itself (mcast_querier) sends IPv6's multicast only where "
		"somebody has reported the group; a machine whose reports (MLD) a rule drops in front of the bridge is "
		"no longer found as a neighbour. Found by walking such a report. A bridge that snoops without any "
		"querier floods instead, and is not reported; a querier outside of the host is not seen.",
	.references = references,
	.run = run,
};
