// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Flows of which only one direction passes this host: conntrack takes such a connection up in its middle (nf_conntrack_tcp_loose) and
 * never sees the window that the other side opens (net/netfilter/nf_conntrack_proto_tcp.c, tcp_in_window). What goes beyond the window that it
 * remembers is invalid to it, and a rule that drops invalid packets ends the transfer. An entry that is established and has
 * seen no reply is the sign of it.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"

static const char liberal[] = "net.netfilter.nf_conntrack_tcp_be_liberal";

static bool is_one_way(const struct conntrack_entry *flow)
{
	return flow->proto == PROTO_TCP && flow->tcp_state &&
	       strcmp(flow->tcp_state, "ESTABLISHED") == 0 &&
	       !(flow->status & CT_STATUS_SEEN_REPLY);
}

/* A packet of the flow that conntrack calls invalid: does a rule that asks for that drop it? */
static bool is_dropped(struct doctor *doctor, const struct vm_port *port, bool is_egress,
	const struct conntrack_entry *flow, struct query *ret)
{
	const struct link *in = is_egress ? port->link : port->uplink;
	struct mac own = port->mac;
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct asked asked;
	const struct node *node;
	const struct match *match;

	if (!in)
		return false;
	asked = doctor_ask(doctor, scratch, port->ns, in,
		&(struct ask){ .proto = "tcp",
			.src = &flow->orig.src,
			.dst = &flow->orig.dst,
			.sport = flow->orig.sport,
			.dport = flow->orig.dport,
			.has_macs = true,
			.from = is_egress ? own : outside_mac,
			.to = is_egress ? outside_mac : own,
			.options = "ack" });
	asked.query.has_ct_state = true;
	asked.query.packet.ct_state = CT_INVALID;
	asked.query.within = port->bridge;
	node = leaf_decider(explain(scratch, doctor->explainer, &asked.query)->leaf);
	match = node && node->rule ? rule_match(node->rule, MATCH_CT_STATE) : NULL;
	*ret = asked.query;
	return match && match->ct_states == CT_INVALID;
}

static void report(struct doctor *doctor, const struct check *check, const struct vm_port *port,
	const struct conntrack_entry *flow, const struct query *query)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;
	struct finding *finding =
		finding_add(doctor, check, SEVERITY_RISK, port->ns, port->link->name);
	const struct decider *decider;

	text_addf(&words, "tcp ESTABLISHED src=");
	addr_print(&words, &flow->orig.src);
	text_add(&words, " dst=");
	addr_print(&words, &flow->orig.dst);
	text_addf(&words, " sport=%u dport=%u [UNREPLIED]", flow->orig.sport, flow->orig.dport);
	finding->title = arena_printf(doctor->arena,
		"only one direction of a connection of %s passes this host, and a rule drops what "
		"conntrack calls invalid",
		port->link->name);
	finding->symptom =
		"Long transfers stall or are reset after some data; short ones and ping work.";
	finding_prove(doctor, finding, "flow", "", words.data);
	finding_prove_sysctl(doctor, finding, liberal, NULL);
	decider = finding_witness(doctor, finding, query)->decider;
	if (decider) {
		finding->owner = decider->owner;
		finding_prove_rule(doctor, finding, decider->node->table, decider->node->rule_chain,
			decider->number);
	}
	finding_port(doctor, finding, port->link->name);
	finding_advise(doctor, finding, "be-liberal",
		"conntrack takes TCP packets outside of the window that it knows, too",
		arena_printf(doctor->arena, "sysctl -w %s=1\n", liberal),
		"The better cure is a way back that passes this host as well. Packets that somebody makes up "
		"for a connection are then no longer told by their numbers.");
}

static void look(struct doctor *doctor, const struct check *check, const struct vm_port *port)
{
	const struct netns *ns = port->ns;
	const char *value = netns_sysctl(ns, liberal);
	struct query query;

	if (!value || strcmp(value, "0") != 0)
		return;
	for (size_t i = 0; i < ns->n_conntrack; i++) {
		const struct conntrack_entry *flow = &ns->conntrack[i];
		bool is_egress = is_one_way(flow) && vm_port_has_addr(port, &flow->orig.src);

		if (!is_one_way(flow) || (!is_egress && !vm_port_has_addr(port, &flow->orig.dst)) ||
			!is_dropped(doctor, port, is_egress, flow, &query))
			continue;
		report(doctor, check, port, flow, &query);
		return;
	}
}

static void run(struct doctor *doctor, const struct check *check)
{
	vec_for_each (port, doctor_ports(doctor))
		look(doctor, check, port);
}

static const char *const references[] = {
	"https://github.com/kubernetes/kubernetes/issues/94861",
	"https://github.com/kubernetes/kubernetes/issues/117924",
	"https://github.com/moby/libnetwork/issues/1129",
	"net/netfilter/nf_conntrack_proto_tcp.c, tcp_in_window",
	NULL,
};

const struct check check_invalid_asymmetric = {
	.id = "invalid-asymmetric",
	.title = "connections seen in one direction, whose invalid packets a rule drops",
	.description =
		"Where the two directions of a connection take different ways, conntrack knows only one side's window, and what goes beyond it is "
		"invalid. Neutron's chains, and many firewalls, drop that. Found are connections of machines that conntrack holds for established "
		"though no reply was seen, while nf_conntrack_tcp_be_liberal is 0 and the walk shows that such a packet, being invalid, is dropped.",
	.references = references,
	.run = run,
};
