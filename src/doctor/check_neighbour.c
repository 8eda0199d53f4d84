// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a network cannot do without and rules of ports forget: of IPv6 neighbour discovery and router advertisements (Neutron lets
 * these pass in every port's chains), of IPv4 the queries by which switches learn who wants multicast (there Neutron needs a rule).
 */
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"

#define MAX_TYPES 8

/* ---- ICMPv6 ---- */

struct need {
	bool is_egress;
	unsigned type;
	const char *to; /* NULL: the port's address; ingress: the router sends it */
	const char *words;
	bool is_lost_now; /* every machine with an address of IPv6 needs it at once */
};

static const struct need needs[] = {
	{ false, 135, NULL, "neighbour solicitations to it", true },
	{ false, 136, NULL, "neighbour advertisements to it", true },
	{ true, 135, "ff02::1:ff00:1", "its neighbour solicitations", true },
	{ true, 136, "fe80::1", "its neighbour advertisements", true },
	{ false, 134, "ff02::1", "router advertisements to it", false },
	{ false, 130, "ff02::1", "multicast listener queries to it", false },
	{ true, 133, "ff02::2", "its router solicitations", false },
};
_Static_assert(N_OF(needs) <= MAX_TYPES, "a finding's packets");

struct lack {
	const struct need *need;
	struct query query;
};

static size_t find_lacks(struct doctor *doctor, const struct vm_port *port, struct lack *ret)
{
	const struct vm_addr *addr = vm_port_addr(port, FAMILY_IPV6);
	struct text own CLEANUP(text_done) = TEXT_INIT;
	size_t n = 0;

	if (!addr)
		return 0;
	addr_print(&own, &addr->addr);
	for (size_t i = 0; i < N_OF(needs); i++) {
		const struct need *need = &needs[i];
		const char *to = need->to ? need->to : own.data;

		ret[n].need = need;
		n += vm_port_loses(doctor, port, need->is_egress,
			arena_printf(doctor->arena, "icmpv6 %s %s type %u ttl 255",
				need->is_egress ? own.data : "fe80::1", to, need->type),
			&ret[n].query);
	}
	return n;
}

/* The rule or policy by which the first of them is lost. */
static void prove_lack(struct doctor *doctor, struct finding *finding, const struct report *report)
{
	const struct node *node = leaf_decider(report->explanation->leaf);
	struct decider decider = decider_of(doctor->arena, node);
	const struct group_port *port = decider.port;

	finding->owner = decider.owner;
	if (port && port->at < port->chain->n_rules)
		finding_prove_rule(doctor, finding, node->table, port->chain, port->at + 1);
	finding_prove_rule(doctor, finding, node->table, node->rule_chain, decider.number);
}

static void report_icmpv6(struct doctor *doctor, const struct check *check,
	const struct vm_port *port, const struct lack *lacks, size_t n)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;
	struct finding *finding = finding_add(doctor, check,
		lacks[0].need->is_lost_now ? SEVERITY_BROKEN : SEVERITY_RISK, port->ns,
		port->link->name);

	for (size_t i = 0; i < n; i++)
		text_addf(&words, "%s%s (type %u)", i ? ", " : "", lacks[i].need->words,
			lacks[i].need->type);
	finding->title = arena_printf(doctor->arena,
		"the rules of %s lose ICMPv6 that IPv6 needs: %s", port->link->name, words.data);
	finding->symptom =
		lacks[0].need->is_lost_now
			? "IPv6 of the machine is dead or dies after some seconds, although rules for "
			  "its services are there; IPv4 works."
			: "IPv6 works at first; addresses or routes that the router announces are "
			  "missing, or multicast stops after some minutes.";
	prove_lack(doctor, finding, finding_witness(doctor, finding, &lacks[0].query));
	finding_prove_filtered(doctor, finding, port->bridge, FAMILY_IPV6);
	finding_port(doctor, finding, port->link->name);
	for (size_t i = 1; i < n; i++)
		*vec_push(&finding->others, doctor->arena) = lacks[i].query;
	(void)finding_fix_groups(doctor, finding, "group-rule");
}

static void run_icmpv6(struct doctor *doctor, const struct check *check)
{
	vec_for_each (port, doctor_ports(doctor)) {
		struct lack lacks[MAX_TYPES + 1];
		size_t n;

		if (!port->is_filtered[FAMILY_IPV6] || !doctor_groups(doctor, port, FAMILY_IPV6))
			continue;
		n = find_lacks(doctor, port, lacks);
		if (n)
			report_icmpv6(doctor, check, port, lacks, n);
	}
}

/* ---- IGMP ---- */

/* For a group that switches watch; not for everybody (224.0.0.x), and not a search for services that nobody waits for. */
static bool is_watched_group(const struct addr *addr)
{
	static const uint8_t ssdp[] = { 239, 255, 255, 250 };

	return addr->family == FAMILY_IPV4 && (addr->bytes[0] & 0xf0) == 0xe0 &&
	       !(addr->bytes[0] == 224 && !addr->bytes[1] && !addr->bytes[2]) &&
	       memcmp(addr->bytes, ssdp, sizeof(ssdp)) != 0;
}

/* Does the port's machine get this flow? */
static bool gets_flow(struct doctor *doctor, const struct vm_port *port,
	const struct conntrack_entry *flow, const struct sets_of_ports *world,
	const struct check *check)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	vec_for_each (known, &port->addrs)
		if (addr_compare(&known->addr, &flow->orig.src) == 0)
			return false;
	text_add(&text, "udp ");
	addr_print(&text, &flow->orig.src);
	text_addf(&text, ":%u ", flow->orig.sport);
	addr_print(&text, &flow->orig.dst);
	text_addf(&text, ":%u", flow->orig.dport);
	return vm_port_gets_any(doctor, check, world, port, false, text.data);
}

static const struct conntrack_entry *find_flow(struct doctor *doctor, const struct check *check,
	const struct sets_of_ports *world, const struct vm_port *port)
{
	const struct netns *ns = port->ns;

	for (size_t i = 0; i < ns->n_conntrack; i++)
		if (ns->conntrack[i].proto == PROTO_UDP &&
			is_watched_group(&ns->conntrack[i].orig.dst) &&
			gets_flow(doctor, port, &ns->conntrack[i], world, check))
			return &ns->conntrack[i];
	return NULL;
}

static void report_igmp(struct doctor *doctor, const struct check *check,
	const struct vm_port *port, const struct conntrack_entry *flow, const struct query *query)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;
	struct finding *finding =
		finding_add(doctor, check, SEVERITY_RISK, port->ns, port->link->name);

	addr_print(&words, &flow->orig.src);
	text_add(&words, " > ");
	addr_print(&words, &flow->orig.dst);
	text_addf(&words, ":%u udp", flow->orig.dport);
	finding->title = arena_printf(doctor->arena,
		"the rules of %s let in multicast, but not the IGMP queries that keep it coming",
		port->link->name);
	finding->symptom =
		"Multicast works at first and stops some minutes later (260 s by default), where a switch "
		"or bridge on the way asks who wants it: the machine never hears the question.";
	finding_prove(doctor, finding, "flow", "", words.data);
	prove_lack(doctor, finding, finding_witness(doctor, finding, query));
	finding_port(doctor, finding, port->link->name);
	(void)finding_fix_groups(doctor, finding, "group-rule");
}

static void run_igmp(struct doctor *doctor, const struct check *check)
{
	struct sets_of_ports world = { 0 };

	vec_for_each (port, doctor_ports(doctor)) {
		const struct conntrack_entry *flow;
		struct query query;

		if (!port->is_filtered[FAMILY_IPV4] || !port->ns->n_conntrack ||
			!doctor_groups(doctor, port, FAMILY_IPV4) ||
			!vm_port_loses(doctor, port, false, "igmp 203.0.113.77 224.0.0.1", &query))
			continue;
		if (!world.sets)
			world = sets_of_ports_new(doctor);
		flow = find_flow(doctor, check, &world, port);
		if (flow && !vm_port_gets_any(
				    doctor, check, &world, port, false, "igmp 0.0.0.0/0 224.0.0.1"))
			report_igmp(doctor, check, port, flow, &query);
	}
	if (world.sets)
		sets_free(world.sets);
}

static const char *const icmpv6_references[] = {
	"https://github.com/moby/moby/issues/48365",
	"RFC 4890, section 4.3 (what must not be dropped)",
	"neutron/agent/linux/iptables_firewall.py, ICMPV6_ALLOWED_INGRESS_TYPES",
	NULL,
};

const struct check check_icmpv6_missing = {
	.id = "icmpv6-missing",
	.title = "ports with IPv6 whose rules lose neighbour discovery or router advertisements",
	.description =
		"IPv6 needs ICMPv6 to find neighbours (types 135 and 136), routers (133, 134) and listeners (130); a port's rules must let "
		"it pass whatever its groups say, as Neutron's and portwall's do. Each type is walked in its direction for every "
		"port that is known to have an IPv6 address. Broken where neighbours cannot be found, else a risk.",
	.references = icmpv6_references,
	.run = run_icmpv6,
};

static const char *const igmp_references[] = {
	"https://bugs.launchpad.net/neutron/+bug/1889631",
	"https://bugs.launchpad.net/neutron/+bug/1899967",
	"RFC 3376, section 4.1 (queries to 224.0.0.1)",
	NULL,
};

const struct check check_igmp_missing = {
	.id = "igmp-missing",
	.title = "ports that get multicast, but not the queries that keep it coming",
	.description =
		"Switches and bridges that watch IGMP forward a group only to ports that answer queries; Neutron's iptables chains "
		"lose queries unless a rule for protocol 2 (igmp) is there. Found are ports that let in a multicast flow that conntrack has now, "
		"but no IGMP query from whatever address. A risk: without such a switch on the way nothing is lost.",
	.references = igmp_references,
	.run = run_igmp,
};
