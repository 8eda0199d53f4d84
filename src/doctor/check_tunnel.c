// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tunnels that live on an entry of conntrack: the machine began (IP in IP, GRE, ESP), so that the other side's packets are answers and
 * pass; no rule lets them in by themselves. When the machine is silent for as long as the entry lasts (net.netfilter.
 * nf_conntrack_generic_timeout, 600 s), the tunnel is dead until it sends again.
 */
#include "base/text.h"
#include "doctor/checks.h"

static const struct tunnel {
	uint8_t proto;
	const char *name, *timeout;
} tunnels[] = {
	{ PROTO_IPIP, "IP in IP", "net.netfilter.nf_conntrack_generic_timeout" },
	{ 41, "IPv6 in IP (6in4)", "net.netfilter.nf_conntrack_generic_timeout" },
	{ 47, "GRE", "net.netfilter.nf_conntrack_gre_timeout_stream" },
	{ 50, "ESP", "net.netfilter.nf_conntrack_generic_timeout" },
};

static const struct tunnel *tunnel_of(const struct conntrack_entry *flow)
{
	for (size_t i = 0; i < N_OF(tunnels); i++)
		if (tunnels[i].proto == flow->proto)
			return &tunnels[i];
	return NULL;
}

static bool is_known(const struct doctor *doctor, const char *id)
{
	vec_for_each (finding, &doctor->diagnosis->findings)
		if (text_has_prefix((*finding)->id, id))
			return true;
	return false;
}

static void report(struct doctor *doctor, const struct check *check, const struct vm_port *port,
	const struct conntrack_entry *flow, const struct tunnel *tunnel, const struct query *query)
{
	const struct port_groups *groups = doctor_groups(doctor, port, flow->orig.src.family);
	struct text peer CLEANUP(text_done) = TEXT_INIT, own CLEANUP(text_done) = TEXT_INIT;
	struct finding *finding;
	const char *which;

	addr_print(&peer, &flow->orig.dst);
	addr_print(&own, &flow->orig.src);
	which = arena_printf(doctor->arena, "%s-%u-%s", port->link->name, tunnel->proto, peer.data);
	/* conntrack may have it once for each zone */
	if (is_known(doctor, arena_printf(doctor->arena, "%s.%s", check->id, which)))
		return;
	finding = finding_add(doctor, check, SEVERITY_RISK, port->ns, which);
	finding->title = arena_printf(doctor->arena,
		"%s from %s to %s passes only while conntrack remembers that the machine began",
		tunnel->name, peer.data, port->link->name);
	finding->symptom =
		"The tunnel works after the machine has sent something, and is dead from outside "
		"when it was silent for some minutes.";
	finding->owner = owner_of_rule(doctor->arena, groups->table, groups->in, NULL);
	finding_prove(doctor, finding, "flow", "",
		arena_printf(doctor->arena, "protocol %u src=%s dst=%s, %u s left", tunnel->proto,
			own.data, peer.data, flow->timeout_s));
	finding_prove_sysctl(doctor, finding, tunnel->timeout, NULL);
	if (groups->in && groups->in->n_rules)
		finding_prove_rule(doctor, finding, groups->table, groups->in, groups->in->n_rules);
	finding_port(doctor, finding, port->link->name);
	finding_witness(doctor, finding, query);
	(void)finding_fix_groups(doctor, finding, "group-rule");
}

static void look(struct doctor *doctor, const struct check *check, const struct netns *ns,
	const struct conntrack_entry *flow)
{
	const struct tunnel *tunnel = tunnel_of(flow);
	const struct vm_port *port = tunnel ? vm_port_of_addr_only(doctor, &flow->orig.src) : NULL;
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct query query;

	if (!port || port->ns != ns || !port->is_filtered[flow->orig.src.family] ||
		!doctor_groups(doctor, port, flow->orig.src.family))
		return;
	text_addf(&text, "%u ", tunnel->proto);
	addr_print(&text, &flow->orig.dst);
	text_add(&text, " ");
	addr_print(&text, &flow->orig.src);
	/* as the first of its flow: the entry is gone then */
	if (vm_port_loses(doctor, port, false, text.data, &query))
		report(doctor, check, port, flow, tunnel, &query);
}

static void run(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];

		for (size_t i = 0; i < ns->n_conntrack; i++)
			look(doctor, check, ns, &ns->conntrack[i]);
	}
}

static const char *const references[] = {
	"https://github.com/projectcalico/calico/issues/1357",
	"net/netfilter/nf_conntrack_proto_generic.c, nf_ct_generic_timeout",
	NULL,
};

const struct check check_tunnel_one_way = {
	.id = "tunnel-one-way",
	.title = "tunnels of machines that pass only while conntrack remembers them",
	.description =
		"A machine that begins a tunnel (protocols 4, 41, 47, 50) gets the other side's packets as answers, without a rule that lets them in; "
		"when the entry times out, they are lost. Found are flows of conntrack that a port's machine began, whose other side's packet "
		"is lost by the port's groups when it is the first of its flow. A risk: now they pass.",
	.references = references,
	.run = run,
};
