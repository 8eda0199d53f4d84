// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules of NAT that catch bridged packets of machines. Docker's "-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE" is the well-known one; a
 * rule is judged by what the sweep saw it do, so that it does not matter who wrote it, how, or what spares it.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"

/* ---- fixes ---- */

struct cure {
	struct doctor *doctor;
	struct finding *finding;
	const struct harm_group *group;
	const struct harm *harm; /* that is shown */
	const struct node *node; /* that rewrites */
};

/* First rules of the chain that return what goes by the bridges. */
static void offer_return(const struct cure *cure)
{
	struct arena *arena = cure->doctor->arena;
	const struct node *node = cure->node;
	bool is_source = cure->harm->kind == HARM_SOURCE;
	const struct harm_group *group = cure->group;
	struct host_edit *edits;
	struct fix fix = { .name = "return" };

	if (node->table->source == SOURCE_NFT)
		return; /* other base chains would be asked all the same */
	edits = arena_new_array(arena, struct host_edit, group->bridges.n);
	for (size_t i = 0; i < group->bridges.n; i++)
		edits[i] = host_edit_of_rule(arena, node->table, node->chain, i,
			arena_printf(arena, "%s %s -j RETURN", is_source ? "-o" : "-i",
				group->bridges.items[i]),
			false);
	fix.edits = edits;
	fix.n_edits = group->bridges.n;
	fix.words = arena_printf(arena,
		"a first rule in %s of table %s that spares what %s by %s%s", node->chain->name,
		node->table->name, is_source ? "leaves" : "comes in", group->bridges.items[0],
		group->bridges.n > 1 ? ", and so for each bridge" : "");
	fix.consequence = arena_printf(arena,
		"It is undone when %s puts its own rules on top again: Docker does so at each start of "
		"dockerd, and docker network create inserts above it.",
		cure->finding->owner.is_known ? cure->finding->owner.name : "their owner");
	offer_nat_fix(cure->doctor, cure->finding, &fix);
}

/* "-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE": of which bridge; NULL: another kind of rule. */
static const char *masqueraded_bridge(const struct node *node)
{
	const struct rule *rule = node->rule;

	if (node->table->source == SOURCE_NFT || rule->target.kind != TARGET_NAT ||
		rule->target.mapping->kind != NAT_MASQUERADE)
		return NULL;
	for (size_t i = 0; i < rule->n_matches; i++)
		if (rule->matches[i].kind == MATCH_OUT_IFACE && rule->matches[i].inverted)
			return rule->matches[i].name;
	return NULL;
}

/* What comes in by the bridge is marked, and only what is marked is masqueraded. */
static void offer_mark(const struct cure *cure)
{
	struct arena *arena = cure->doctor->arena;
	const struct node *node = cure->node;
	const char *bridge = masqueraded_bridge(node);
	const struct chain *pre = bridge ? table_chain(node->table, "PREROUTING") : NULL;
	struct host_edit *edits = arena_new_array(arena, struct host_edit, 2);
	struct text rule CLEANUP(text_done) = TEXT_INIT;
	const char *target;
	struct fix fix = { .name = "mark", .edits = edits, .n_edits = 2 };

	if (!pre)
		return;
	rule_print(&rule, node->table->family, node->rule);
	target = strstr(rule.data, "-j MASQUERADE");
	if (!target)
		return;
	edits[0] = host_edit_of_rule(arena, node->table, pre, pre->n_rules,
		arena_printf(arena, "-i %s -j MARK --set-xmark 0x10000/0x10000", bridge), false);
	edits[1] = host_edit_of_rule(arena, node->table, node->rule_chain,
		(size_t)(node->rule - node->rule_chain->rules),
		arena_printf(arena, "%.*s-m mark --mark 0x10000/0x10000 %s",
			(int)(target - rule.data), rule.data, target),
		true);
	fix.words = arena_printf(arena,
		"a mark (0x10000) for packets that come in by %s; only what has it is masqueraded",
		bridge);
	fix.consequence = arena_printf(arena,
		"It is undone at each start of dockerd, which inserts its broad rule again. It is for %s "
		"only: each Docker network needs its own. Packets that the host itself sends with an address "
		"of %s are no longer masqueraded.",
		bridge, bridge);
	offer_nat_fix(cure->doctor, cure->finding, &fix);
}

/* ---- the findings ---- */

static const char *title_of(struct arena *arena, const struct harm *harm)
{
	bool is_source = harm->kind == HARM_SOURCE;

	return arena_printf(arena, "%s%s rewrites the %s of bridged packets %s %s%s",
		harm->decider.owner.is_known ? harm->decider.owner.name : "a rule",
		harm->decider.owner.is_known ? "'s rule" : "", is_source ? "source" : "destination",
		harm->is_egress ? "of" : "to", harm->port->link->name,
		harm->is_felt ? "" : ", when others choose such addresses");
}

static const char source_symptom[] =
	"The other side sees the host's address in place of the machine's: it answers to the wrong place or "
	"its own filter drops it. Captures differ between the tap and the other side of the bridge; ARP "
	"and the other family work.";
static const char destination_symptom[] =
	"What the machine sends to that address and port reaches a service of the host or a container in "
	"place of the machine that it was meant for.";

static bool is_unroutable(struct doctor *doctor, const struct harm *harm)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	const struct explanation *answer = explain(scratch, doctor->explainer, &harm->witness);

	return answer->final == FINAL_DROPPED && is_lost_by_mapping(answer->leaf->drop);
}

/* One finding for each rule, at all the ports where it was seen; the worst of them is shown. */
static void find(struct doctor *doctor, const struct check *check, enum harm_kind kind)
{
	const struct harm_groups *groups = doctor_harms(doctor, check, kind);

	vec_for_each (group, groups) {
		const struct harm *shown = group->shown;
		struct cure cure = { .doctor = doctor, .group = group, .harm = shown };

		if (kind == HARM_DESTINATION && is_unroutable(doctor, shown))
			continue; /* dnat-unroutable tells it */

		cure.finding =
			finding_add(doctor, check, shown->is_felt ? SEVERITY_BROKEN : SEVERITY_RISK,
				shown->port->ns, decider_id(doctor->arena, &shown->decider));
		cure.finding->title = title_of(doctor->arena, shown);
		cure.finding->symptom = kind == HARM_SOURCE ? source_symptom : destination_symptom;
		cure.node = shown->decider.node;
		finding_add_harms(doctor, cure.finding, group);
		offer_guard(doctor, cure.finding);
		offer_return(&cure);
		if (kind == HARM_SOURCE)
			offer_mark(&cure);
	}
}

static void run_source(struct doctor *doctor, const struct check *check)
{
	find(doctor, check, HARM_SOURCE);
}

static void run_destination(struct doctor *doctor, const struct check *check)
{
	find(doctor, check, HARM_DESTINATION);
}

static const char *const source_references[] = {
	"https://bugs.launchpad.net/neutron/+bug/1908957",
	"https://bugs.launchpad.net/kolla-ansible/+bug/1923203",
	"https://github.com/firewalld/firewalld/issues/661",
	"https://github.com/KatharaFramework/Kathara/issues/211",
	"net/netfilter/nf_nat_core.c, nf_nat_inet_fn",
	NULL,
};

const struct check check_nat_source = {
	.id = "nat-source",
	.title = "NAT that rewrites the source of bridged packets",
	.description =
		"With bridge-nf-call-iptables on, frames that a bridge forwards pass iptables' and nft's NAT chains "
		"as if the host routed them. A rule that is meant for containers or for the way out, and does not "
		"say by which device packets come in, catches machines' packets too, when their addresses are in "
		"its network. Every packet of every port is walked; a rule is judged by what it does to them.",
	.references = source_references,
	.run = run_source,
};

static const char *const destination_references[] = {
	"https://bugs.launchpad.net/neutron/+bug/1908957",
	"net/bridge/br_netfilter_hooks.c, br_nf_pre_routing_finish",
	NULL,
};

const struct check check_nat_destination = {
	.id = "nat-destination",
	.title = "NAT that rewrites the destination of bridged packets",
	.description =
		"A published port, a node port, a redirection to a proxy: a rule of PREROUTING that names no device "
		"takes bridged packets of machines too. Docker's takes those to an address that the host owns, such as "
		"a tenant's gateway that is docker0's address as well; such a packet is delivered into a container.",
	.references = destination_references,
	.run = run_destination,
};
