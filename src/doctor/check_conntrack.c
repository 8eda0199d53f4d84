// SPDX-License-Identifier: GPL-2.0-or-later
/* Entries of conntrack that a rule has damaged, and that outlive it. */
#include "base/text.h"
#include "doctor/checks.h"

#define MAX_SHOWN 4

static void print_tuple(struct text *out, const struct flow_tuple *tuple, uint8_t proto)
{
	text_add(out, "src=");
	addr_print(out, &tuple->src);
	text_add(out, " dst=");
	addr_print(out, &tuple->dst);
	if (proto_has_ports(proto))
		text_addf(out, " sport=%u dport=%u", tuple->sport, tuple->dport);
}

static void prove_flow(
	struct doctor *doctor, struct finding *finding, const struct conntrack_entry *entry)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	text_addf(&text, "proto %u ", entry->proto);
	print_tuple(&text, &entry->orig, entry->proto);
	text_add(&text, " ");
	print_tuple(&text, &entry->reply, entry->proto);
	text_addf(&text, " zone=%u", entry->zone);
	finding_prove(doctor, finding, "flow", "", text.data);
}

static void find(struct doctor *doctor, const struct check *check, const struct netns *ns)
{
	struct host_edit *edit = arena_new_one(doctor->arena, struct host_edit);
	struct fix fix = { .name = "delete",
		.words = "these entries are deleted, and no other",
		.consequence =
			"Connections that have never worked begin anew; nothing takes it back, and nothing "
			"needs to.",
		.edits = edit,
		.n_edits = 1,
		.is_recommended = true };
	struct finding *finding;
	struct flows flows;

	find_damaged_flows(doctor, doctor->host, ns, &flows);
	if (!flows.n)
		return;
	finding = finding_add(doctor, check, SEVERITY_BROKEN, ns, NULL);
	finding->title = arena_printf(doctor->arena,
		"%zu %s of conntrack still rewrite%s packets of machines, which no rule does now",
		flows.n, flows.n == 1 ? "entry" : "entries", flows.n == 1 ? "s" : "");
	finding->symptom =
		"Flows that began before the rule was mended stay broken for as long as packets come "
		"(UDP with fixed ports, ICMP, retried TCP), while new ones work.";
	for (size_t i = 0; i < flows.n && i < MAX_SHOWN; i++)
		prove_flow(doctor, finding, flows.items[i]);
	finding_port(doctor, finding, flows.port->link->name);
	finding_witness(doctor, finding, &flows.witness);
	*edit = (struct host_edit){
		.kind = HOST_EDIT_FLOWS, .flows = flows.items, .n_flows = flows.n
	};
	(void)finding_fix(doctor, finding, &fix, is_untouched, NULL);
}

static void run(struct doctor *doctor, const struct check *check)
{
	const struct netns *asked = NULL;

	vec_for_each (port, doctor_ports(doctor)) {
		if (port->ns == asked)
			continue;
		asked = port->ns;
		if (!doctor_is_unread(doctor, check, asked, "conntrack"))
			find(doctor, check, asked);
	}
}

static const char *const references[] = {
	"https://github.com/kubernetes/kubernetes/issues/125467",
	"https://github.com/projectcalico/felix/issues/618",
	"net/netfilter/nf_nat_core.c, nf_nat_inet_fn",
	NULL,
};

const struct check check_conntrack_damaged = {
	.id = "conntrack-damaged",
	.title = "entries of conntrack that rewrite packets though no rule does",
	.description =
		"NAT chooses once for each flow. An entry that a too broad rule has made keeps the host's address as the "
		"machine's when that rule is gone. Each entry that maps a machine's address is asked about: what would "
		"a new flow of the same packet get, in the same zone, by the rules that are there now? When that "
		"is nothing, the entry is damaged.",
	.references = references,
	.run = run,
};
