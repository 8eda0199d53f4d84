// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The switch that makes bridged packets pass iptables (bridge-nf-call): on where only others' rules profit, off where security groups need it.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"
#include "packet/expr.h"

static const char *const sysctls[N_IP_FAMILIES] = { "net.bridge.bridge-nf-call-iptables",
	"net.bridge.bridge-nf-call-ip6tables" };
static const char *const family_words[N_IP_FAMILIES] = { "IPv4", "IPv6" };
static const char *const programs[N_IP_FAMILIES] = { "iptables", "ip6tables" };

static struct host_edit *copy_of(struct arena *arena, struct host_edit edit)
{
	struct host_edit *copy = arena_new_one(arena, struct host_edit);

	*copy = edit;
	return copy;
}

/* ---- nf-call-needless ---- */

static bool is_physdev(const struct match *match)
{
	switch (match->kind) {
	case MATCH_PHYSDEV_IN:
	case MATCH_PHYSDEV_OUT:
	case MATCH_PHYSDEV_BRIDGED:
	case MATCH_PHYSDEV_IS_IN:
	case MATCH_PHYSDEV_IS_OUT:
		return true;
	default:
		return false;
	}
}

/* Somebody filters bridged packets by iptables: it is needed then. */
static bool has_physdev_rules(const struct ruleset *rs)
{
	for (size_t t = 0; t < rs->n_tables; t++)
		for (size_t c = 0; c < rs->tables[t].n_chains; c++) {
			const struct chain *chain = &rs->tables[t].chains[c];

			for (size_t r = 0; r < chain->n_rules; r++)
				for (size_t m = 0; m < chain->rules[r].n_matches; m++)
					if (is_physdev(&chain->rules[r].matches[m]))
						return true;
		}
	return false;
}

/* Done to bridged packets by hooks of IP, which they would not pass with the switch off. */
static bool is_by_iptables(const struct harm *harm, const struct netns *ns, enum family family)
{
	return harm->port->ns == ns && harm->family == family && !harm->is_routed &&
	       harm->decider.node->family != FAMILY_BRIDGE;
}

static const struct harm *worst_harm(struct doctor *doctor, const struct check *check,
	const struct netns *ns, enum family family)
{
	const struct harm *worst = NULL;

	vec_for_each (harm, doctor_sweep(doctor, check))
		if (is_by_iptables(harm, ns, family) &&
			(!worst || (harm->is_felt && !worst->is_felt)))
			worst = harm;
	return worst;
}

static void find_needless(struct doctor *doctor, const struct check *check, const struct netns *ns,
	enum family family)
{
	const struct harm *worst = worst_harm(doctor, check, ns, family);
	struct finding *finding;
	struct fix fix = { .name = "off",
		.n_edits = 1,
		.consequence =
			"Docker turns it on again for networks without icc, and since 27.4 for userland-proxy=false; "
			"what those need is lost with it. Write it into /etc/sysctl.d as well. Where the "
			"guard or a rule that spares bridges is in place it need not be off.",
		.edits = copy_of(doctor->arena, edit_of_sysctl(ns, sysctls[family], "0")) };

	if (!worst || !ns->nf_call[family])
		return;
	finding = finding_add(doctor, check, worst->is_felt ? SEVERITY_BROKEN : SEVERITY_RISK, ns,
		programs[family]);
	finding->title = arena_printf(doctor->arena,
		"bridged %s packets pass %s, which no security group needs here, and rules of others harm them",
		family_words[family], programs[family]);
	finding->symptom =
		"Machines' packets are lost or rewritten by rules that were written for what the host "
		"routes; it began when br_netfilter was loaded or something turned its settings on.";
	finding->owner = worst->decider.owner;
	finding_prove_sysctl(doctor, finding, sysctls[family], NULL);
	finding_prove_rule(doctor, finding, worst->decider.node->table,
		worst->decider.node->rule_chain, worst->decider.number);
	finding_witness(doctor, finding, &worst->witness);
	vec_for_each (harm, doctor_sweep(doctor, check)) {
		if (!is_by_iptables(harm, ns, family))
			continue;
		finding_port(doctor, finding, harm->port->link->name);
		*vec_push(&finding->others, doctor->arena) = harm->witness;
	}
	fix.words = arena_printf(doctor->arena, "%s is turned off", sysctls[family]);
	(void)finding_fix(doctor, finding, &fix, is_untouched, NULL);
}

static void run_needless(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];

		if (!ns->ruleset || has_physdev_rules(ns->ruleset))
			continue;
		for (unsigned family = 0; family < N_IP_FAMILIES; family++)
			find_needless(doctor, check, ns, (enum family)family);
	}
}

static const char *const needless_references[] = {
	"https://github.com/moby/moby/issues/48375",
	"https://github.com/moby/moby/pull/48676",
	"net/bridge/br_netfilter_hooks.c, br_nf_pre_routing",
	NULL,
};

const struct check check_nf_call_needless = {
	.id = "nf-call-needless",
	.title = "bridged packets pass iptables where nothing needs it, to their harm",
	.description =
		"dockerd loads br_netfilter and turns bridge-nf-call on for some of its networks, for the whole namespace "
		"and for good; loading the module alone turns it on. Where no rule asks for a port of a bridge "
		"(physdev), no security group needs it. It is a finding only where rules of others lose or rewrite "
		"bridged packets because of it.",
	.references = needless_references,
	.run = run_needless,
};

/* ---- groups-not-enforced ---- */

/* What groups forbid most often: sources that are not the machine's, and rare protocols and ports towards it. */
struct probe {
	bool is_egress;
	const char *text[N_IP_FAMILIES]; /* %s: the machine's address */
};
static const struct probe probes[] = {
	{ false, { "tcp 203.0.113.77:40000 %s:1", "tcp [2001:db8:ffff::77]:40000 [%s]:1" } },
	{ false, { "udp 203.0.113.77:40000 %s:7", "udp [2001:db8:ffff::77]:40000 [%s]:7" } },
	{ false, { "gre 203.0.113.77 %s", "gre 2001:db8:ffff::77 %s" } },
	{ false, { "icmp 203.0.113.77 %s", "icmp6 2001:db8:ffff::77 %s" } },
	{ true, { "tcp 198.51.100.9:40000 203.0.113.77:80",
			"tcp [2001:db8:eeee::9]:40000 [2001:db8:ffff::77]:80" } },
};

static bool query_of(const struct vm_port *port, const struct vm_addr *own,
	const struct probe *probe, struct query *ret)
{
	struct text text CLEANUP(text_done) = TEXT_INIT, addr CLEANUP(text_done) = TEXT_INIT;
	const char *format = probe->text[own->addr.family];
	const char *hole = strstr(format, "%s");
	struct err err;

	addr_print(&addr, &own->addr);
	if (hole)
		text_addf(&text, "%.*s%s%s", (int)(hole - format), format, addr.data, hole + 2);
	else
		text_add(&text, format);
	text_add(&text, " mac ");
	mac_print(&text, probe->is_egress ? own->mac : outside_mac);
	text_add(&text, " > ");
	mac_print(&text, probe->is_egress ? outside_mac : own->mac);
	*ret = (struct query){ .from = FROM_DEVICE,
		.ns = port->ns,
		.in = probe->is_egress ? port->link : port->uplink,
		.within = port->bridge };
	return ret->in && packet_expr_parse(text.data, &ret->packet, &err);
}

struct enforcing {
	struct doctor *doctor;
	const struct check *check;
	const struct netns *ns;
	enum family family;
	struct finding *finding; /* NULL: none yet */
	const struct host_edit *edit;
	const struct host *enforced;
	const struct explainer *explainer; /* enforced's */
};

/* With the switch on the port's groups drop it; as it is, it arrives. */
static bool find_forbidden(const struct enforcing *e, const struct vm_port *port,
	const struct vm_addr *own, struct query *ret)
{
	const struct doctor *doctor = e->doctor;

	for (size_t i = 0; i < N_OF(probes); i++) {
		struct arena *scratch CLEANUP(arena_freep) = arena_new();
		const struct explanation *now, *then;
		const struct node *node;
		struct query moved;

		if (!query_of(port, own, &probes[i], ret))
			continue;
		now = explain(scratch, doctor->explainer, ret);
		if (now->final != FINAL_DELIVERED && now->final != FINAL_REWRITTEN)
			continue;
		moved = query_moved(scratch, ret, doctor->host, e->enforced);
		then = explain(scratch, e->explainer, &moved);
		node = then->final == FINAL_DROPPED ? leaf_decider(then->leaf) : NULL;
		if (node && decider_of(scratch, node).port)
			return true;
	}
	return false;
}

static bool is_forbidden(const struct explanation *after, const void *data)
{
	(void)data;
	return after->final == FINAL_DROPPED && after->leaf->drop == DROP_RULE;
}

static void begin(struct enforcing *e, const struct vm_port *port, const struct query *query)
{
	struct doctor *doctor = e->doctor;
	const char *program = programs[e->family];

	e->finding = finding_add(doctor, e->check, SEVERITY_OPEN, e->ns, program);
	e->finding->title =
		arena_printf(doctor->arena, "security groups are not enforced for %s at %s: %s",
			family_words[e->family], port->link->name,
			e->ns->has_br_netfilter ? "bridged packets do not pass them"
						: "br_netfilter is not loaded");
	e->finding->symptom =
		"Every port of every machine is open to whoever reaches it, and a machine may send with any source "
		"address. Nothing fails, so nobody notices; counters of the groups' rules stand still.";
	finding_prove_sysctl(doctor, e->finding, sysctls[e->family], "not there");
	if (e->ns->has_br_netfilter)
		finding_prove(doctor, e->finding, "link", "",
			arena_printf(doctor->arena, "bridge %s: %s 0", port->bridge->name,
				bridge_switch_name(e->family == FAMILY_IPV4
							   ? SWITCH_NF_CALL_IPTABLES
							   : SWITCH_NF_CALL_IP6TABLES)));
	finding_witness(doctor, e->finding, query);
}

static void ask(struct enforcing *e, const struct vm_port *port)
{
	vec_for_each (own, &port->addrs) {
		struct query query;

		if (own->addr.family != e->family || !find_forbidden(e, port, own, &query))
			continue;
		if (!e->finding)
			begin(e, port, &query);
		else
			*vec_push(&e->finding->others, e->doctor->arena) = query;
		finding_port(e->doctor, e->finding, port->link->name);
		return;
	}
}

static void offer_on(const struct enforcing *e)
{
	struct arena *arena = e->doctor->arena;
	struct fix fix = { .name = "on",
		.edits = e->edit,
		.n_edits = 1,
		.consequence =
			"Packets that have passed until now are lost from then on where no group lets them in. It "
			"must stay: put it into a file of /etc/sysctl.d that is read last, and br_netfilter into "
			"/etc/modules-load.d. NAT of others then meets bridged packets too.",
		.is_recommended = true };

	fix.words = arena_printf(arena, "%s is turned on", sysctls[e->family]);
	if (!e->ns->has_br_netfilter)
		fix.commands = arena_printf(
			arena, "modprobe br_netfilter\nsysctl -w %s=1\n", sysctls[e->family]);
	(void)finding_fix(e->doctor, e->finding, &fix, is_forbidden, NULL);
}

static bool is_meant(const struct enforcing *e, const struct vm_port *port)
{
	return port->ns == e->ns && port->has_groups[e->family] && !port->is_filtered[e->family];
}

static void find_open(struct doctor *doctor, const struct check *check, const struct netns *ns,
	enum family family)
{
	struct enforcing e = { .doctor = doctor, .check = check, .ns = ns, .family = family };
	bool is_any = false;
	struct err err;

	vec_for_each (port, doctor_ports(doctor))
		is_any = is_any || is_meant(&e, port);
	if (!is_any || doctor_is_unread(doctor, check, ns, "br_netfilter") ||
		doctor_is_unread(doctor, check, ns,
			arena_printf(doctor->arena, "sysctl %s", sysctls[family])))
		return;
	e.edit = copy_of(doctor->arena, edit_of_sysctl(ns, sysctls[family], "1"));
	if (!host_edited(doctor->arena, doctor->host, ns, e.edit, 1, &e.enforced, &err))
		return;
	e.explainer = explainer_new(doctor->arena, e.enforced);
	vec_for_each (port, doctor_ports(doctor))
		if (is_meant(&e, port))
			ask(&e, port);
	if (e.finding)
		offer_on(&e);
}

static void run_enforced(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++)
		for (unsigned family = 0; family < N_IP_FAMILIES; family++)
			find_open(doctor, check, &doctor->host->netns[n], (enum family)family);
}

static const char *const enforced_references[] = {
	"https://github.com/apache/cloudstack/issues/2319",
	"https://github.com/crowbar/barclamp-network/pull/268",
	"https://github.com/Azure/acs-engine/issues/3484",
	"net/bridge/br_netfilter_hooks.c, br_nf_pre_routing",
	NULL,
};

const struct check check_groups_not_enforced = {
	.id = "groups-not-enforced",
	.title = "security groups in iptables that bridged packets do not pass",
	.description =
		"Security groups of a port on a Linux bridge are rules of iptables, which bridged packets only pass when "
		"br_netfilter is loaded and bridge-nf-call is on, for the namespace or for the bridge, and for each "
		"family apart. A file of sysctl.d, or a kernel without the module, turns all of them off without a "
		"word. Shown is a packet that the port's groups forbid, and that is delivered.",
	.references = enforced_references,
	.run = run_enforced,
};
