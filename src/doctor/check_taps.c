// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ports whose rules were never written, and rules whose ports are gone: an agent that missed something. A port of a machine is one
 * that Nova or libvirt named, or that a running guest has; a port for which rules accept by its name is one that somebody wants
 * unfiltered (Neutron writes so for ports without port security).
 */
#include <string.h>

#include "base/map.h"
#include "base/text.h"
#include "doctor/checks.h"

/* ---- a tap without chains ---- */

static bool is_hex(const char *text, size_t n)
{
	return strspn(text, "0123456789abcdef") >= n;
}

/* "tap812bd281-f5": as Nova names them, by the id of Neutron's port. */
static bool has_id_of_port(const char *name)
{
	return text_has_prefix(name, "tap") && strlen(name) == 14 && is_hex(name + 3, 8) &&
	       name[11] == '-' && is_hex(name + 12, 2);
}

static bool has_guest(const struct vm_port *port)
{
	const char *name = port->link->name;
	size_t len = strlen(name);

	for (size_t i = 0; i < port->ns->n_vms; i++)
		if (strncmp(port->ns->vms[i], name, len) == 0 && port->ns->vms[i][len] == '=')
			return true;
	return false;
}

/* DHCP servers and routers of the network have taps too, whose other ends are in namespaces. */
static bool is_of_guest(const struct vm_port *port)
{
	if (has_guest(port))
		return true;
	return has_id_of_port(port->link->name) && strcmp(port->link->kind, "veth") != 0;
}

static bool is_neutrons_bridge(const char *name)
{
	return text_has_prefix(name, "qbr") || text_has_prefix(name, "brq");
}

/* Another port that the same program made, and whose groups are there. */
static const struct vm_port *like_it(
	struct doctor *doctor, const struct vm_port *port, enum family family)
{
	vec_for_each (other, doctor_ports(doctor)) {
		const struct port_groups *groups;

		if (other == port || other->ns != port->ns)
			continue;
		if (other->bridge != port->bridge &&
			!(is_neutrons_bridge(other->bridge->name) &&
				is_neutrons_bridge(port->bridge->name)))
			continue;
		groups = doctor_groups(doctor, other, family);
		if (groups && groups->in && groups->out)
			return other;
	}
	return NULL;
}

static bool lacks_chains(struct doctor *doctor, const struct vm_port *port, enum family family)
{
	const struct port_groups *groups = doctor_groups(doctor, port, family);

	return !groups || (!groups->is_trusted && (!groups->in || !groups->out));
}

/* Anybody's first packet to it. */
static bool is_open(
	struct doctor *doctor, const struct vm_port *port, enum family family, struct query *ret)
{
	const struct vm_addr *addr = vm_port_addr(port, family);
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	bool is_ipv6 = family == FAMILY_IPV6;

	text_addf(&text, "tcp %s:40000 %s", is_ipv6 ? "[2001:db8:ffff::77]" : "203.0.113.77",
		is_ipv6 ? "[" : "");
	if (addr)
		addr_print(&text, &addr->addr);
	else
		text_add(&text, is_ipv6 ? "2001:db8:ffff::99" : "203.0.113.99");
	text_addf(&text, "%s:22", is_ipv6 ? "]" : "");
	return vm_port_ask(doctor, port, false, text.data, ret) &&
	       explain(scratch, doctor->explainer, ret)->final == FINAL_DELIVERED;
}

static void prove_jump(struct doctor *doctor, struct finding *finding,
	const struct port_groups *groups, const char *device)
{
	const struct table *table = groups->table;

	for (size_t c = 0; c < table->n_chains; c++) {
		const struct chain *chain = &table->chains[c];

		for (size_t r = 0; r < chain->n_rules; r++) {
			const struct match *match = rule_match(&chain->rules[r], MATCH_PHYSDEV_OUT);

			if (!match || strcmp(match->name, device) != 0)
				continue;
			finding_prove_rule(doctor, finding, table, chain, r + 1);
			return;
		}
	}
}

static void report_open(struct doctor *doctor, const struct check *check,
	const struct vm_port *port, const struct vm_port *other, enum family family,
	const struct query *query)
{
	struct finding *finding =
		finding_add(doctor, check, SEVERITY_OPEN, port->ns, port->link->name);
	const struct port_groups *groups = doctor_groups(doctor, other, family);

	finding->title = arena_printf(doctor->arena,
		"no rule filters %s of %s, as rules do for other ports of the kind",
		family_name(family), port->link->name);
	finding->symptom = "The machine's security groups do nothing: whoever reaches its network "
			   "reaches all of its services, and it can send with any address.";
	finding->owner = owner_of_rule(doctor->arena, groups->table, groups->in, NULL);
	finding_prove(doctor, finding, "link", "",
		arena_printf(doctor->arena, "%s: %s, master %s", port->link->name,
			*port->link->kind ? port->link->kind : "device", port->bridge->name));
	finding_prove_filtered(doctor, finding, port->bridge, family);
	prove_jump(doctor, finding, groups, other->link->name);
	finding_port(doctor, finding, port->link->name);
	finding_witness(doctor, finding, query);
	finding_advise(doctor, finding, "resync", "the agent writes all ports' rules anew",
		strcmp(finding->owner.name, "portwall") == 0
			? "portwall apply FILE\n"
			: "systemctl restart neutron-openvswitch-agent\n",
		"By whichever name the agent has here. If the port is meant to be without groups "
		"(port security off), the agent writes rules that accept by its name.");
}

static void run_open(struct doctor *doctor, const struct check *check)
{
	vec_for_each (port, doctor_ports(doctor)) {
		for (unsigned family = 0; family < N_IP_FAMILIES; family++) {
			const struct vm_port *other;
			struct query query;

			if (!port->is_filtered[family] || !is_of_guest(port) ||
				!lacks_chains(doctor, port, (enum family)family))
				continue;
			other = like_it(doctor, port, (enum family)family);
			if (!other || !is_open(doctor, port, (enum family)family, &query))
				continue;
			report_open(doctor, check, port, other, (enum family)family, &query);
			break;
		}
	}
}

/* ---- chains without a tap ---- */

/* Calls and marks of conntrack's zones by a device that is not there. */
static const char *missing_device(const struct netns *ns, const struct rule *rule)
{
	const struct match *in = rule_match(rule, MATCH_PHYSDEV_IN);
	const struct match *match = in ? in : rule_match(rule, MATCH_PHYSDEV_OUT);
	size_t len = match ? strlen(match->name) : 0;

	if (!len || match->name[len - 1] == '+' || !rule_called_chain(rule) ||
		netns_link(ns, match->name))
		return NULL;
	return match->name;
}

struct names {
	VEC(const char *);
};

static void add_name(struct arena *arena, struct names *names, struct map *known, const char *name)
{
	static char is_known;

	if (!map_add(known, name, &is_known))
		*vec_push(names, arena) = name;
}

/* Whose chains: the rule that calls the first of them is quoted. */
struct leftover {
	const struct table *table;
	const struct chain *chain;
	size_t number;
};

static void find_leftovers(
	struct doctor *doctor, const struct netns *ns, struct names *names, struct leftover *first)
{
	struct map *known = map_new(doctor->arena);

	for (size_t t = 0; t < ns->ruleset->n_tables; t++) {
		const struct table *table = &ns->ruleset->tables[t];

		if (table->source != SOURCE_IPTABLES && table->source != SOURCE_IPTABLES_LEGACY)
			continue;
		for (size_t c = 0; c < table->n_chains; c++) {
			const struct chain *chain = &table->chains[c];

			for (size_t r = 0; r < chain->n_rules; r++) {
				const char *name = missing_device(ns, &chain->rules[r]);

				if (!name)
					continue;
				if (!first->table)
					*first = (struct leftover){ table, chain, r + 1 };
				add_name(doctor->arena, names, known, name);
			}
		}
	}
}

static const char *list_of(struct arena *arena, const struct names *names)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	const size_t n_shown = 5;

	for (size_t i = 0; i < names->n && i < n_shown; i++)
		text_addf(&out, "%s%s", i ? ", " : "", names->items[i]);
	if (names->n > n_shown)
		text_addf(&out, " and %zu more", names->n - n_shown);
	return arena_strdup(arena, out.data);
}

static void run_left(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];
		struct names names = { 0 };
		struct leftover first = { 0 };
		struct finding *finding;

		/* a ruleset without a host says nothing about devices */
		if (!ns->ruleset || !ns->n_links)
			continue;
		find_leftovers(doctor, ns, &names, &first);
		if (!names.n || doctor_is_unread(doctor, check, ns, "links"))
			continue;
		finding = finding_add(doctor, check, SEVERITY_HINT, ns, NULL);
		finding->title = arena_printf(doctor->arena,
			"rules for %zu bridge port%s that %s not there: %s", names.n,
			names.n == 1 ? "" : "s", names.n == 1 ? "is" : "are",
			list_of(doctor->arena, &names));
		finding->symptom =
			"Nothing is lost. The rules cost time for every bridged packet, and a port that "
			"later gets that name is filtered by them.";
		finding->owner = owner_of_rule(doctor->arena, first.table, first.chain,
			&first.chain->rules[first.number - 1]);
		finding_prove_rule(doctor, finding, first.table, first.chain, first.number);
		vec_for_each (name, &names)
			finding_port(doctor, finding, *name);
	}
}

static const char *const references[] = {
	"https://github.com/apache/cloudstack/issues/3057",
	"neutron/agent/linux/iptables_firewall.py, prepare_port_filter",
	NULL,
};

const struct check check_tap_without_chains = {
	.id = "tap-without-chains",
	.title = "machines' ports that no rule filters, among ports that are filtered",
	.description =
		"An agent that missed a port, or lost its rules, leaves the port open: FORWARD accepts what nobody asks about. Found are ports of "
		"machines for which no rules are there while rules filter other ports of the same bridge (of Neutron's bridges: of the same host), "
		"and to which a stranger's packet is delivered. Ports that rules accept by name are meant to be open.",
	.references = references,
	.run = run_open,
};

const struct check check_chains_without_tap = {
	.id = "chains-without-tap",
	.title = "rules for ports of bridges that are not there",
	.description =
		"Rules that lead packets of a bridge port to chains of its own, while there is no such device: machines that were "
		"moved or deleted while the agent did not look.",
	.references = references,
	.run = run_left,
};
