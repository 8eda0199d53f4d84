// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Protocols that open a second flow (FTP, TFTP, PPTP): rules accept RELATED, but nothing is related unless conntrack is told which flow
 * has a helper. Kernels since 4.7 do not guess it by port (nf_conntrack_helper 0, removed in 6.0), so that without "-j CT --helper" the
 * second flow is a new one, and lost where no rule lets it in.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"

#define HELPER_SYSCTL "net.netfilter.nf_conntrack_helper"

static const struct helped {
	const char *name, *words;
	uint8_t proto;
	uint16_t port;
	bool is_egress;		   /* of the second flow, as its first packet goes */
	const char *second, *what; /* "PROTOCOL%s.. %s.." between the stranger and the machine */
	const char *from_port, *to_port;
} protocols[] = {
	{ "ftp", "FTP", PROTO_TCP, 21, false, "tcp", "a passive data connection", ":50000",
		":40021" },
	{ "tftp", "TFTP", PROTO_UDP, 69, true, "udp", "an answer, from another port", ":40069",
		":50000" },
	{ "pptp", "PPTP", PROTO_TCP, 1723, false, "47", "the tunnel's GRE", "", "" },
};

/* A rule for just this port. */
static bool is_for_port(const struct rule *rule, const struct helped *helped)
{
	const struct match *proto = rule_match(rule, MATCH_PROTO);
	const struct match *dport = rule_match(rule, MATCH_DPORT);

	return proto && dport && proto->proto == helped->proto && dport->ports.n_ranges == 1 &&
	       dport->ports.ranges[0].min == helped->port &&
	       dport->ports.ranges[0].max == helped->port &&
	       (rule->target.kind == TARGET_RETURN || rule->target.kind == TARGET_ACCEPT);
}

static bool accepts_related(const struct chain *chain)
{
	for (size_t i = 0; i < chain->n_rules; i++) {
		const struct match *state = rule_match(&chain->rules[i], MATCH_CT_STATE);

		if (state && (state->ct_states & CT_RELATED) &&
			(chain->rules[i].target.kind == TARGET_RETURN ||
				chain->rules[i].target.kind == TARGET_ACCEPT))
			return true;
	}
	return false;
}

/* Some rule or object that gives flows a helper, for whichever port: then somebody has thought of it. */
static bool has_helpers(const struct netns *ns)
{
	for (size_t t = 0; t < ns->ruleset->n_tables; t++) {
		const struct table *table = &ns->ruleset->tables[t];

		for (size_t i = 0; i < table->n_objects; i++)
			if (text_has_prefix(table->objects[i].title, "ct helper"))
				return true;
		for (size_t c = 0; c < table->n_chains; c++)
			for (size_t r = 0; r < table->chains[c].n_rules; r++) {
				const struct target *target = &table->chains[c].rules[r].target;

				if (target->kind == TARGET_CT && target->ct->helper)
					return true;
			}
	}
	return false;
}

static bool guesses_helpers(const struct netns *ns)
{
	const char *value = netns_sysctl(ns, HELPER_SYSCTL);

	return value && strcmp(value, "0") != 0;
}

/* ---- the second flow ---- */

static bool ask(struct doctor *doctor, const struct vm_port *port, const struct helped *helped,
	const struct vm_addr *addr, struct query *ret)
{
	struct text text CLEANUP(text_done) = TEXT_INIT, own CLEANUP(text_done) = TEXT_INIT;
	const char *far = doctor_anybody_text(FAMILY_IPV4);

	addr_print(&own, &addr->addr);
	text_addf(&text, "%s %s%s %s%s", helped->second, helped->is_egress ? own.data : far,
		helped->from_port, helped->is_egress ? far : own.data, helped->to_port);
	return vm_port_loses(doctor, port, helped->is_egress, text.data, ret);
}

struct lack {
	const struct vm_port *port;
	const struct port_groups *groups;
	const struct helped *helped;
	size_t number; /* of the rule in groups->in */
	struct query query;
};

static void report(struct doctor *doctor, const struct check *check, const struct lack *lack)
{
	const struct helped *helped = lack->helped;
	const char *proto = helped->proto == PROTO_TCP ? "tcp" : "udp";
	struct finding *finding = finding_add(doctor, check, SEVERITY_HINT, lack->port->ns,
		arena_printf(doctor->arena, "%s-%s", lack->port->link->name, helped->name));

	finding->title = arena_printf(doctor->arena,
		"rules of %s let in %s and what is RELATED, but no flow has a helper: %s is lost",
		lack->port->link->name, helped->words, helped->what);
	finding->symptom = arena_printf(doctor->arena,
		"If the machine serves %s: it takes connections, and then %s hangs. (A service without a "
		"second flow, or one inside TLS, does not need a helper, or cannot use it.)",
		helped->words, helped->what);
	finding->owner = owner_of_rule(doctor->arena, lack->groups->table, lack->groups->in,
		&lack->groups->in->rules[lack->number - 1]);
	finding_prove_rule(doctor, finding, lack->groups->table, lack->groups->in, lack->number);
	finding_prove_sysctl(
		doctor, finding, HELPER_SYSCTL, "absent: this kernel never guesses helpers");
	finding_port(doctor, finding, lack->port->link->name);
	finding_witness(doctor, finding, &lack->query);
	finding_advise(doctor, finding, "helper", "a helper for flows to that port",
		arena_printf(doctor->arena,
			"modprobe nf_conntrack_%s\n"
			"iptables -t raw -A PREROUTING -p %s --dport %u -j CT --helper %s\n",
			helped->name, proto, helped->port, helped->name),
		"A rule that gives a flow its zone (Neutron's) gives no helper, and the first -j CT "
		"that matches is the one that counts: it has to stand in front, with --zone as well. A group "
		"rule for the range of ports that the service uses does the same without a helper.");
}

static void look(struct doctor *doctor, const struct check *check, const struct vm_port *port)
{
	const struct port_groups *groups = doctor_groups(doctor, port, FAMILY_IPV4);
	const struct vm_addr *addr = vm_port_addr(port, FAMILY_IPV4);

	if (!groups || !groups->in || !addr || !port->is_filtered[FAMILY_IPV4] ||
		!accepts_related(groups->in))
		return;
	for (size_t p = 0; p < N_OF(protocols); p++)
		for (size_t r = 0; r < groups->in->n_rules; r++) {
			struct lack lack = { .port = port,
				.groups = groups,
				.helped = &protocols[p],
				.number = r + 1 };

			if (!is_for_port(&groups->in->rules[r], &protocols[p]))
				continue;
			if (ask(doctor, port, &protocols[p], addr, &lack.query) &&
				!doctor_is_unread(doctor, check, port->ns,
					"sysctl net.netfilter.nf_conntrack_*"))
				report(doctor, check, &lack);
			break;
		}
}

static void run(struct doctor *doctor, const struct check *check)
{
	vec_for_each (port, doctor_ports(doctor))
		if (port->ns->ruleset && !has_helpers(port->ns) && !guesses_helpers(port->ns))
			look(doctor, check, port);
}

static const char *const references[] = {
	"https://github.com/arno-iptables-firewall/aif/issues/37",
	"https://github.com/openwrt/openwrt/issues/13009",
	"https://github.com/Ysurac/openmptcprouter/issues/4184",
	"net/netfilter/nf_conntrack_helper.c, __nf_ct_try_assign_helper",
	NULL,
};

const struct check check_helper_missing = {
	.id = "helper-missing",
	.title = "rules for FTP, TFTP or PPTP that wait for a helper that no rule gives",
	.description =
		"A second flow is RELATED only if conntrack's helper reads the first one, and kernels no longer choose helpers by port. Found are ports "
		"whose groups have a rule for just that port (tcp 21 or 1723, udp 69) and for RELATED, while no rule of the "
		"namespace gives any flow a helper, and the second flow's first packet is lost. A hint: it is not known what the machine serves.",
	.references = references,
	.run = run,
};
