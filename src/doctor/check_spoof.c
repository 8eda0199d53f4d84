// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Machines that can send as somebody else. All packets of a port are asked about, from every source and MAC; what is delivered and
 * has none of the sources that the port's own check names is a hole. A port without any group is one whose security
 * is off, and an allowed address pair for everything is wanted too: neither is told.
 */
#include "base/text.h"
#include "doctor/checks.h"

/* A port, and what it can send that it should not. */
struct hole {
	const struct vm_port *port;
	const struct port_groups *groups;
	enum family family;
	bool is_other_family; /* Neutron makes no check for a family of which the port has no address */
	const struct netns *ns;
	const struct table *table;
	const struct chain
		*chain;		 /* of the rule that lets it pass before its source is asked for */
	const struct rule *rule; /* NULL: there is no check at all */
	struct query query;
};
struct holes {
	VEC(struct hole);
};

/* ---- the sources that a port may have ---- */

/* Those that a rule of the check returns for; what else it asks for is taken to hold. */
static struct packet_set returned_by(struct sets *sets, const struct rule *rule, enum family family)
{
	const struct match *src = rule_match(rule, MATCH_SRC);
	const struct match *mac = rule_match(rule, MATCH_MAC_SRC);
	struct packet_set set = set_of_family(sets, family);

	if (src)
		set = set_and(sets, set, set_of_prefix(sets, FIELD_SRC, &src->prefix));
	if (mac) {
		struct field_value value = field_value_of_mac(mac->mac);

		set = set_and(sets, set, set_of_value(sets, FIELD_ETH_SRC, family, &value));
	}
	return set;
}

static struct packet_set allowed_of(struct sets *sets, const struct hole *hole)
{
	const struct chain *spoof = hole->groups->spoof;
	struct addr none = { .family = hole->family };
	/* "no address yet" is not somebody else's: leases, duplicate address detection */
	struct packet_set set = set_of_addr(sets, FIELD_SRC, &none);

	for (size_t i = 0; spoof && i < spoof->n_rules; i++)
		if (spoof->rules[i].target.kind == TARGET_RETURN ||
			spoof->rules[i].target.kind == TARGET_ACCEPT)
			set = set_or(sets, set, returned_by(sets, &spoof->rules[i], hole->family));
	vec_for_each (known, &hole->port->addrs)
		if (!spoof && known->addr.family == hole->family)
			set = set_or(sets, set, set_of_addr(sets, FIELD_SRC, &known->addr));
	return set;
}

/* ---- asking ---- */

static bool is_allow(const struct rule *rule)
{
	return rule && (rule->target.kind == TARGET_ACCEPT || rule->target.kind == TARGET_RETURN);
}

/* The first rule that let the packet pass in a chain that asks for sources behind it. */
static void find_rule(const struct explanation *explanation, struct hole *hole)
{
	const struct node *node = explanation->leaf->last;

	for (; node; node = node->before) {
		if (node->kind != NODE_CHAIN || node->table != hole->groups->table)
			continue;
		for (const struct step *step = node->steps; step; step = step->before) {
			if (step->kind != STEP_MATCH || !is_allow(step->rule))
				continue;
			hole->table = node->table;
			hole->chain = step->chain;
			hole->rule = step->rule;
		}
	}
}

/* Is the source check passed by on the way? Then the rule that passed it by is named; not where there is none. */
static bool ask(struct doctor *doctor, const struct check *check, struct sets_of_ports *world,
	struct hole *hole)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct packet_set foreign;
	struct every every;
	struct query heard;
	const struct explanation *explanation;

	if (!vm_port_ask_every(doctor, scratch, check, world, hole->port, true,
		    hole->family == FAMILY_IPV6 ? "any ::/0 ::/0 mac any"
						: "any 0.0.0.0/0 0.0.0.0/0 mac any",
		    &every))
		return false;
	foreign = set_not(every.sets, allowed_of(every.sets, hole));
	vec_for_each (part, &every.parts) {
		struct packet_set set = set_and(every.sets, part->set, foreign);

		if (part->final != FINAL_DELIVERED || part->is_contradicted || set_is_empty(set) ||
			!every_witness(&every, set, &heard))
			continue;
		hole->query = query_of_host(doctor, &heard);
		explanation = explain(scratch, doctor->explainer, &hole->query);
		if (explanation->final != FINAL_DELIVERED)
			continue;
		if (hole->groups->spoof)
			find_rule(explanation, hole);
		return true;
	}
	return false;
}

static bool has_others_with_check(
	struct doctor *doctor, const struct vm_port *port, enum family family)
{
	vec_for_each (other, doctor_ports(doctor)) {
		const struct port_groups *groups = other->ns == port->ns && other != port
							   ? doctor_groups(doctor, other, family)
							   : NULL;

		if (groups && groups->spoof)
			return true;
	}
	return false;
}

/* Without groups, or without a check as all ports of this host are: somebody wanted that. */
static bool is_of_interest(struct doctor *doctor, struct hole *hole)
{
	const struct port_groups *groups = doctor_groups(doctor, hole->port, hole->family);
	const struct port_groups *others;

	if (!hole->port->is_filtered[hole->family] || !groups || !groups->out)
		return false;
	hole->groups = groups;
	if (groups->spoof)
		return true;
	others = doctor_groups(
		doctor, hole->port, hole->family == FAMILY_IPV6 ? FAMILY_IPV4 : FAMILY_IPV6);
	hole->is_other_family = others && others->spoof && !vm_port_addr(hole->port, hole->family);
	return has_others_with_check(doctor, hole->port, hole->family);
}

/* ---- telling ---- */

static bool is_dropped(const struct explanation *after, const void *data)
{
	(void)data;
	return after->final == FINAL_DROPPED || after->final == FINAL_REJECTED;
}

/* The rule goes to its place behind the check, where that stands in the same chain. */
static void offer_order(struct doctor *doctor, struct finding *finding, const struct hole *hole)
{
	struct arena *arena = doctor->arena;
	struct text rule CLEANUP(text_done) = TEXT_INIT;
	struct host_edit *edits = arena_new_array(arena, struct host_edit, 2);
	size_t at = (size_t)(hole->rule - hole->chain->rules);
	struct fix fix = { .name = "order",
		.edits = edits,
		.n_edits = 2,
		.words = arena_printf(
			arena, "the rule behind the check of sources in %s", hole->chain->name),
		.consequence = "What wrote the rules may put it in front again: its own "
			       "configuration has to change." };

	if (hole->chain != hole->groups->out || at > hole->groups->spoof_at)
		return;
	rule_print(&rule, hole->table->family, hole->rule);
	edits[0] = host_edit_of_rule(arena, hole->table, hole->chain, at, NULL, false);
	edits[1] = host_edit_of_rule(arena, hole->table, hole->chain, hole->groups->spoof_at,
		arena_strdup(arena, rule.data), false);
	(void)finding_fix(doctor, finding, &fix, is_dropped, NULL);
}

static const char *title_of(struct arena *arena, const struct hole *hole)
{
	if (hole->rule)
		return arena_printf(arena,
			"%s can send as somebody else: a rule accepts before the source is checked",
			hole->port->link->name);
	if (hole->groups->spoof)
		return arena_printf(arena,
			"%s can send as somebody else: its source check is not asked",
			hole->port->link->name);
	if (hole->is_other_family)
		return arena_printf(arena,
			"%s has no %s address, so nothing checks the %s sources that it sends with",
			hole->port->link->name, family_name(hole->family),
			family_name(hole->family));
	return arena_printf(arena,
		"%s can send as somebody else: it has no source check, as other ports have",
		hole->port->link->name);
}

static void report(struct doctor *doctor, const struct check *check, const struct holes *holes,
	const struct hole *shown)
{
	struct arena *arena = doctor->arena;
	struct finding *finding = finding_add(doctor, check,
		shown->is_other_family ? SEVERITY_HINT : SEVERITY_OPEN, shown->ns,
		arena_printf(arena, "%s%s", shown->port->link->name,
			shown->family == FAMILY_IPV6 ? "-ip6" : ""));
	const struct chain *named = shown->rule ? shown->chain : shown->groups->out;

	finding->title = title_of(arena, shown);
	finding->symptom =
		"Nothing is lost. The machine can take over another one's address: answers "
		"meant for that one, and what is trusted by source address, are open to it.";
	finding->owner = owner_of_rule(arena, shown->groups->table, named, shown->rule);
	if (shown->rule)
		finding_prove_rule(doctor, finding, shown->table, shown->chain,
			(size_t)(shown->rule - shown->chain->rules) + 1);
	if (shown->groups->spoof)
		finding_prove_rule(doctor, finding, shown->groups->table, shown->groups->out,
			shown->groups->spoof_at + 1);
	if (shown->is_other_family) {
		const struct port_groups *others = doctor_groups(doctor, shown->port,
			shown->family == FAMILY_IPV6 ? FAMILY_IPV4 : FAMILY_IPV6);

		finding_prove_rule(
			doctor, finding, others->table, others->out, others->spoof_at + 1);
	}
	finding_witness(doctor, finding, &shown->query);
	vec_for_each (hole, holes)
		if (hole->ns == shown->ns && hole->family == shown->family &&
			hole->rule == shown->rule &&
			hole->is_other_family == shown->is_other_family &&
			(shown->rule || hole == shown || shown->is_other_family))
			finding_port(doctor, finding, hole->port->link->name);
	if (shown->rule && shown->groups->spoof)
		offer_order(doctor, finding, shown);
	if (!shown->groups->spoof && !shown->is_other_family)
		finding_advise(doctor, finding, "resync", "the agent writes the port's chains anew",
			"systemctl restart neutron-openvswitch-agent\n",
			"The agent of this host, by whichever name it has; all ports are "
			"filtered on while it starts.");
}

/* One finding for a rule, and for a port without a check; for all ports that only lack the other family's. */
static void run(struct doctor *doctor, const struct check *check)
{
	struct sets_of_ports world = { 0 };
	struct holes holes = { 0 };

	vec_for_each (port, doctor_ports(doctor)) {
		for (unsigned family = 0; family < N_IP_FAMILIES; family++) {
			struct hole hole = {
				.port = port, .ns = port->ns, .family = (enum family)family
			};

			if (!is_of_interest(doctor, &hole) || !port->uplink)
				continue;
			if (!world.sets)
				world = sets_of_ports_new(doctor);
			if (ask(doctor, check, &world, &hole))
				*vec_push(&holes, doctor->arena) = hole;
		}
	}
	if (world.sets)
		sets_free(world.sets);
	for (size_t i = 0; i < holes.n; i++) {
		const struct hole *hole = &holes.items[i];
		bool is_first = true;

		for (size_t j = 0; j < i; j++) {
			const struct hole *known = &holes.items[j];

			if (known->ns == hole->ns && known->family == hole->family &&
				((hole->rule && known->rule == hole->rule) ||
					(hole->is_other_family && known->is_other_family)))
				is_first = false;
		}
		if (is_first)
			report(doctor, check, &holes, hole);
	}
}

static const char *const references[] = {
	"https://bugs.launchpad.net/neutron/+bug/1558658",
	"https://bugs.launchpad.net/neutron/+bug/1502933",
	"https://github.com/OpenNebula/one/issues/3556",
	"https://github.com/projectcalico/felix/issues/790",
	"neutron/agent/linux/iptables_firewall.py, _setup_spoof_filter_chain",
	NULL,
};

const struct check check_spoof_after_accept = {
	.id = "spoof-after-accept",
	.title = "machines that can send with addresses that are not theirs",
	.description =
		"The check of source addresses and MACs only helps when nothing accepts in front of it, and when every port has one. "
		"All packets that the machine can send, with every source and MAC, are walked to the other side of its bridge; a packet that is "
		"delivered with a source that the port's check does not name is shown. Ports without security groups, and allowed "
		"address pairs, are meant so and are not reported; a port without addresses of a family, for which Neutron "
		"makes no check, is a hint where other ports have one.",
	.references = references,
	.run = run,
};
