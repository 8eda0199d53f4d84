// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A group rule for IP in IP that was compiled as protocol 94. /etc/protocols of Debian calls 94 "ipip" and 4 "ipencap"; the Neutron API
 * calls 4 "ipip", and a driver that hands its name on to iptables (neutron/agent/linux/iptables_firewall.py, LP 2054324)
 * lets in what nobody sends. 94 is found by its number, whichever way it was written.
 */
#include "base/text.h"
#include "doctor/checks.h"

#define PROTO_94 94

/* A rule for 94, and the packet of protocol 4 that it was meant for. */
struct mistaken {
	const struct vm_port *port;
	const struct port_groups *groups;
	const struct chain *chain;
	const struct rule *rule;
	bool is_egress;
	struct query query;
};

static bool is_for_94(const struct rule *rule)
{
	const struct match *proto = rule_match(rule, MATCH_PROTO);

	return proto && proto->proto == PROTO_94 &&
	       (rule->target.kind == TARGET_RETURN || rule->target.kind == TARGET_ACCEPT);
}

static const char *remote_of(struct arena *arena, const struct mistaken *m)
{
	const struct match *match = rule_match(m->rule, m->is_egress ? MATCH_DST : MATCH_SRC);
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (match && match->prefix.len == prefix_max_len(match->prefix.addr.family))
		addr_print(&out, &match->prefix.addr);
	else if (match) {
		struct addr addr = match->prefix.addr;

		addr.bytes[addr.family == FAMILY_IPV6 ? 15 : 3] |= 1;
		addr_print(&out, &addr);
	} else {
		text_add(&out, m->groups->table->family == FAMILY_IPV6 ? "2001:db8:ffff::77"
								       : "203.0.113.77");
	}
	return arena_strdup(arena, out.data);
}

/* The packet is lost, and would not be if the rule were for 4 (finding_fix tries it). */
static bool ask(struct doctor *doctor, struct mistaken *m)
{
	struct text own CLEANUP(text_done) = TEXT_INIT;
	const struct vm_addr *addr = vm_port_addr(m->port, m->groups->table->family);
	const char *remote = remote_of(doctor->arena, m);

	if (!addr)
		return false;
	addr_print(&own, &addr->addr);
	return vm_port_loses(doctor, m->port, m->is_egress,
		arena_printf(doctor->arena, "4 %s %s", m->is_egress ? own.data : remote,
			m->is_egress ? remote : own.data),
		&m->query);
}

/* "-s 10.0.0.0/8 -p 94 -j RETURN" with 4. */
static const char *rule_for_4(struct arena *arena, const struct mistaken *m)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct rule rule = *m->rule;

	rule.matches = arena_new_array(arena, struct match, rule.n_matches);
	for (size_t i = 0; i < rule.n_matches; i++) {
		rule.matches[i] = m->rule->matches[i];
		if (rule.matches[i].kind != MATCH_PROTO)
			continue;
		rule.matches[i].proto = PROTO_IPIP;
		rule.matches[i].proto_as = NULL;
	}
	rule_print(&out, m->groups->table->family, &rule);
	return arena_strdup(arena, out.data);
}

static const char *openstack_command(struct arena *arena, const struct mistaken *m)
{
	const struct match *remote = rule_match(m->rule, m->is_egress ? MATCH_DST : MATCH_SRC);
	struct text out CLEANUP(text_done) = TEXT_INIT;

	text_addf(&out, "openstack security group rule create --%s --ethertype %s --protocol 4",
		m->is_egress ? "egress" : "ingress", family_name(m->groups->table->family));
	if (remote) {
		text_add(&out, " --remote-ip ");
		prefix_print(&out, &remote->prefix);
	} else if (rule_match(m->rule, MATCH_SET)) {
		text_add(&out, " --remote-group REMOTE_GROUP");
	}
	text_add(&out, " GROUP\n");
	return arena_strdup(arena, out.data);
}

/* A group's rule stands at all its ports: the first of those that are equal. */
static bool is_first(const struct mistaken *all, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (rule_equal(all[j].rule, all[i].rule))
			return false;
	return true;
}

static void offer_rules(
	struct doctor *doctor, struct finding *finding, const struct mistaken *all, size_t n)
{
	struct text commands CLEANUP(text_done) = TEXT_INIT;
	struct edits edits = { 0 };
	struct fix fix = { .name = "group-rule",
		.words = "the group's rule once more, for protocol 4 by its number",
		.consequence =
			"GROUP is the one that has the rule for ipip; that rule may be deleted. The agent writes "
			"the new one as \"-p 4\" or \"-p ipencap\" at its next pass.",
		.undo = "" };

	for (size_t i = 0; i < n; i++) {
		*vec_push(&edits, doctor->arena) =
			host_edit_of_rule(doctor->arena, all[i].groups->table, all[i].chain,
				(size_t)(all[i].rule - all[i].chain->rules),
				rule_for_4(doctor->arena, &all[i]), true);
		if (is_first(all, i))
			text_add(&commands, openstack_command(doctor->arena, &all[i]));
	}
	fix.edits = edits.items;
	fix.n_edits = edits.n;
	fix.commands = arena_strdup(doctor->arena, commands.data);
	(void)finding_fix_elsewhere(doctor, finding, &fix, is_untouched, NULL);
}

/* Does conntrack know tunnels of the port's machine? Then there is one now. */
static const struct conntrack_entry *tunnel_of(struct doctor *doctor, const struct mistaken *m)
{
	const struct netns *ns = m->port->ns;

	for (size_t i = 0; i < ns->n_conntrack; i++)
		if (ns->conntrack[i].proto == PROTO_IPIP &&
			(vm_port_of_addr_only(doctor, &ns->conntrack[i].orig.src) == m->port ||
				vm_port_of_addr_only(doctor, &ns->conntrack[i].orig.dst) ==
					m->port))
			return &ns->conntrack[i];
	return NULL;
}

static void report(
	struct doctor *doctor, const struct check *check, const struct mistaken *all, size_t n)
{
	const struct mistaken *shown = all;
	struct finding *finding;
	bool is_felt = false;

	for (size_t i = 0; i < n && !is_felt; i++)
		is_felt = tunnel_of(doctor, &all[i]) != NULL;
	finding = finding_add(doctor, check, is_felt ? SEVERITY_BROKEN : SEVERITY_RISK,
		shown->port->ns,
		arena_printf(doctor->arena, "%s%s%s", shown->port->link->name,
			shown->is_egress ? "-out" : "",
			shown->groups->table->family == FAMILY_IPV6 ? "-ip6" : ""));
	finding->title = arena_printf(doctor->arena,
		"a group rule %s protocol 94 in place of IP in IP, which is protocol 4, at %s",
		shown->is_egress ? "lets out" : "lets in", shown->port->link->name);
	finding->symptom =
		"A tunnel of IP in IP (Calico's IPIP mode, tunl0) stays dead, or works only while the machine "
		"itself has just sent, although the security group has a rule for \"ipip\".";
	finding->owner =
		owner_of_rule(doctor->arena, shown->groups->table, shown->chain, shown->rule);
	for (size_t i = 0; i < n; i++)
		if (is_first(all, i))
			finding_prove_rule(doctor, finding, all[i].groups->table, all[i].chain,
				(size_t)(all[i].rule - all[i].chain->rules) + 1);
	finding_prove_filtered(doctor, finding, shown->port->bridge, shown->groups->table->family);
	finding_witness(doctor, finding, &shown->query);
	for (size_t i = 0; i < n; i++) {
		finding_port(doctor, finding, all[i].port->link->name);
		if (i)
			*vec_push(&finding->others, doctor->arena) = all[i].query;
	}
	offer_rules(doctor, finding, all, n);
}

struct all_mistaken {
	VEC(struct mistaken);
};

static void look(struct doctor *doctor, const struct vm_port *port, enum family family,
	bool is_egress, struct all_mistaken *ret)
{
	const struct port_groups *groups = doctor_groups(doctor, port, family);
	const struct chain *chain = groups ? (is_egress ? groups->out : groups->in) : NULL;

	for (size_t r = 0; chain && r < chain->n_rules; r++) {
		struct mistaken m = { .port = port,
			.groups = groups,
			.chain = chain,
			.rule = &chain->rules[r],
			.is_egress = is_egress };

		if (is_for_94(m.rule) && ask(doctor, &m))
			*vec_push(ret, doctor->arena) = m;
	}
}

/* Told once for a namespace, a family and a direction. */
static void run(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++)
		for (unsigned family = 0; family < N_IP_FAMILIES; family++)
			for (int is_egress = 0; is_egress < 2; is_egress++) {
				struct all_mistaken all = { 0 };

				vec_for_each (port, doctor_ports(doctor))
					if (port->ns == &doctor->host->netns[n])
						look(doctor, port, (enum family)family, is_egress,
							&all);
				if (all.n)
					report(doctor, check, all.items, all.n);
			}
}

static const char *const references[] = {
	"https://bugs.launchpad.net/neutron/+bug/2054324",
	"https://github.com/kubernetes-sigs/cluster-api-provider-openstack/issues/1484",
	"https://github.com/kubernetes-sigs/cluster-api-provider-openstack/issues/1489",
	"https://github.com/vexxhost/magnum-cluster-api/issues/72",
	"neutron/agent/linux/iptables_firewall.py, _protocol_name_map",
	NULL,
};

const struct check check_ipip_as_94 = {
	.id = "ipip-as-94",
	.title = "security group rules for IP in IP that were compiled as protocol 94",
	.description =
		"Neutron's API calls protocol 4 (IP in IP) \"ipip\", but /etc/protocols of Debian and Ubuntu gives this name to 94, and older "
		"agents hand the name on to iptables. The rule then lets in what nobody sends, and tunnels are lost at the "
		"group's end. Found are rules of ports for protocol 94 where a packet of protocol 4 with the rule's other "
		"conditions is lost by the same port's groups. Broken where conntrack has a tunnel of that machine, else a risk.",
	.references = references,
	.run = run,
};
