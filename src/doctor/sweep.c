// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What becomes of all packets of all ports: from each machine to the wire and to another machine of its bridge, and from the wire to
 * each machine, as sets (explain/every.h). Kept is what somebody else does to them: a rule of NAT that rewrites them while
 * they are bridged, a rule or policy that loses them and is no security group's.
 *
 * A rule is judged by what it does, however it is spelled, and by whom it does it to: to a machine's own addresses where they are
 * known. Frames are asked about up to the other side of the machine's own bridge; where MACs live there is taken as a bridge that has
 * heard everybody would have it, or each question would be one about a flood to all ports.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/internal.h"
#include "host/index.h"
#include "packet/expr.h"

struct sweeping {
	struct doctor *doctor;
	const struct check *check;
	struct sweep *sweep;
	/* The host whose bridges know where each station is; and the same without what the groups of single ports say. */
	struct version {
		const struct host *host;
		const struct explainer *explainer;
	} heard, bare;
	struct sets *sets;	      /* of both */
	char machines[N_IP_FAMILIES]; /* their addresses of a family, as a list of set_remember */
};

/* One question: what a machine sends, or what is sent to it. */
struct question {
	struct arena *arena; /* of its answer */
	const struct vm_port *port;
	bool is_egress;
	bool is_routed; /* by the host, which has an address on the bridge */
	enum family family;
	struct mac mac, remote_mac; /* the machine's, the other station's */
};

/* ---- the bridges that have heard everybody ---- */

const struct host *doctor_heard(struct doctor *doctor)
{
	const struct vm_ports *ports = doctor_ports(doctor);
	struct host *copy = arena_new_one(doctor->arena, struct host);

	if (doctor->heard)
		return doctor->heard;
	*copy = *doctor->host;
	copy->netns = arena_new_array(doctor->arena, struct netns, copy->n_netns);
	memcpy(copy->netns, doctor->host->netns, copy->n_netns * sizeof(*copy->netns));
	for (size_t n = 0; n < copy->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];
		struct {
			VEC(struct fdb_entry);
		} fdb = { 0 };

		for (size_t i = 0; i < ns->n_fdb; i++)
			*vec_push(&fdb, doctor->arena) = ns->fdb[i];
		vec_for_each (port, ports) {
			if (port->ns != ns)
				continue;
			*vec_push(&fdb, doctor->arena) =
				(struct fdb_entry){ .bridge_index = port->bridge->index,
					.port_index = port->link->index,
					.mac = port->mac };
			if (port->uplink)
				*vec_push(&fdb, doctor->arena) =
					(struct fdb_entry){ .bridge_index = port->bridge->index,
						.port_index = port->uplink->index,
						.mac = outside_mac };
		}
		copy->netns[n].fdb = fdb.items;
		copy->netns[n].n_fdb = fdb.n;
		/* asked is about new flows, each as if it were alone */
		copy->netns[n].n_conntrack = 0;
		netns_index(doctor->arena, &copy->netns[n]);
	}
	doctor->heard = copy;
	return copy;
}

/* ---- asking ---- */

/* The host's address on the bridge; NULL: it has none that others may use. */
static const struct address *host_address(const struct vm_port *port, enum family family)
{
	const struct netns *ns = port->ns;

	for (size_t i = netns_first(ns, ADDRESSES_BY_LINK, (uint64_t)port->bridge->index);
		i < ns->n_addresses; i = netns_next(ns, ADDRESSES_BY_LINK, i)) {
		const struct address *address = &ns->addresses[i];

		if (address->index == port->bridge->index && address->local.family == family &&
			!address->is_link_scope && !address->is_host_scope)
			return address;
	}
	return NULL;
}

static void print_network(struct text *out, const struct address *address)
{
	addr_print(out, &address->local);
	text_addf(out, "/%u", address->len);
}

/* "10.0.0.5,10.0.0.6", or every address that it may have. */
static void print_addrs(struct text *out, const struct question *q)
{
	size_t n = 0;

	vec_for_each (known, &q->port->addrs) {
		if (known->addr.family != q->family)
			continue;
		text_add(out, n++ ? "," : "");
		addr_print(out, &known->addr);
	}
	if (n)
		return;
	if (q->is_routed)
		print_network(out, host_address(q->port, q->family));
	else
		text_add(out, q->family == FAMILY_IPV6 ? "::/0" : "0.0.0.0/0");
}

/* Addresses that mean "anybody": of two different networks, or a rule about one of them would seem to be about all. */
static const char *const anybody[N_IP_FAMILIES][2] = {
	[FAMILY_IPV4] = { "203.0.113.77", "8.8.8.8" },
	[FAMILY_IPV6] = { "2001:db8:ffff::77", "2001:4860:4860::8888" },
};

static void print_question(struct text *out, const struct question *q)
{
	const char *all = q->family == FAMILY_IPV6 ? "::/0" : "0.0.0.0/0";

	if (q->is_routed)
		all = anybody[q->family][0];
	text_add(out, "any ");
	if (!q->is_egress)
		text_addf(out, "%s ", all);
	print_addrs(out, q);
	if (q->is_egress)
		text_addf(out, " %s", all);
	text_add(out, " mac ");
	mac_print(out, q->is_egress ? q->mac : q->remote_mac);
	text_add(out, " > ");
	mac_print(out, q->is_egress ? q->remote_mac : q->mac);
}

/* ---- judging ---- */

static struct packet_set of_anywhere(
	struct sets *sets, enum field field, enum family family, unsigned which)
{
	struct addr addr;

	(void)addr_parse(anybody[family][which], &addr);
	return set_of_addr(sets, field, &addr);
}

static bool is_anothers(const struct sweeping *s, const struct question *q, const struct addr *addr)
{
	vec_for_each (port, doctor_ports(s->doctor))
		if (port != q->port && vm_port_has_addr(port, addr))
			return true;
	return false;
}

/* Of all other machines: that of all, which the world remembers, without what is this one's alone. */
static struct packet_set of_machines(
	const struct sweeping *s, const struct question *q, enum field field)
{
	const void *list = &s->machines[q->family];
	struct packet_set all = SET_EMPTY;

	if (!set_recall(s->sets, list, field, &all)) {
		vec_for_each (port, doctor_ports(s->doctor))
			vec_for_each (known, &port->addrs)
				if (known->addr.family == q->family)
					all = set_or(s->sets, all,
						set_of_addr(s->sets, field, &known->addr));
		set_remember(s->sets, list, field, all);
	}
	vec_for_each (known, &q->port->addrs)
		if (known->addr.family == q->family && !is_anothers(s, q, &known->addr))
			all = set_minus(s->sets, all, set_of_addr(s->sets, field, &known->addr));
	return all;
}

/* Those of it that the machine, another one or anybody would notice now; and the best of them to show: between machines. */
static struct packet_set felt_of(
	const struct sweeping *s, const struct question *q, struct packet_set set)
{
	enum field remote = q->is_egress ? FIELD_DST : FIELD_SRC;
	enum field own = q->is_egress ? FIELD_SRC : FIELD_DST;
	struct sets *sets = s->sets;
	struct packet_set one, two;

	if (q->is_routed)
		return set;
	if (!vm_port_addr(q->port, q->family))
		set = set_and(sets, set, of_anywhere(sets, own, q->family, 0));
	one = set_and(sets, set, of_machines(s, q, remote));
	if (!set_is_empty(one))
		return one;
	one = set_and(sets, set, of_anywhere(sets, remote, q->family, 0));
	two = set_and(sets, set, of_anywhere(sets, remote, q->family, 1));
	return set_is_empty(two) ? SET_EMPTY : one;
}

/* Programs that filter the ports because somebody asked them to. */
static bool is_filter_of_ports(const struct decider *decider)
{
	static const char *const names[] = { "Neutron", "portwall", "Nova", "libvirt (nwfilter)",
		"Proxmox VE", "CloudStack" };

	for (size_t i = 0; i < N_OF(names); i++)
		if (strcmp(decider->owner.name, names[i]) == 0)
			return true;
	return decider->port != NULL;
}

static bool passes(const struct every_part *part)
{
	return part->final == FINAL_DELIVERED || part->final == FINAL_REWRITTEN;
}

static bool passes_any(const struct every *every)
{
	vec_for_each (part, &every->parts)
		if (passes(part))
			return true;
	return false;
}

/* Does a rule say of this port, or of its bridge, that packets may pass? */
static bool names_port(const struct rule *rule, const struct vm_port *port)
{
	for (size_t i = 0; i < rule->n_matches; i++) {
		const struct match *match = &rule->matches[i];

		switch (match->kind) {
		case MATCH_IN_IFACE:
		case MATCH_OUT_IFACE:
			if (!match->inverted && strcmp(match->name, port->bridge->name) == 0)
				return true;
			break;
		case MATCH_PHYSDEV_IN:
		case MATCH_PHYSDEV_OUT:
		case MATCH_PHYSDEV_BRIDGED:
			return true;
		default:
			break;
		}
	}
	return false;
}

static bool is_chosen(const struct question *q, const struct every *every)
{
	vec_for_each (part, &every->parts) {
		const struct leaf *leaf = part->leaf;

		if (!leaf || !passes(part))
			continue;
		for (const struct node *node = leaf->last; node; node = node->before)
			if (node->kind == NODE_CHAIN && node->rule &&
				node->rule->target.kind == TARGET_ACCEPT &&
				names_port(node->rule, q->port))
				return true;
	}
	return false;
}

/* Programs that set the policy of FORWARD without a thought of bridges, known by their rules in the chain. */
static bool find_policy_owner(struct arena *arena, const struct decider *decider, struct owner *ret)
{
	static const char *const names[] = { "Docker", "ufw" };
	const struct chain *chain = decider->node->rule_chain;

	for (size_t r = 0; r < chain->n_rules; r++) {
		struct owner owner =
			owner_of_rule(arena, decider->node->table, chain, &chain->rules[r]);

		for (size_t i = 0; i < N_OF(names); i++)
			if (strcmp(owner.name, names[i]) == 0) {
				*ret = owner;
				return true;
			}
	}
	return false;
}

/* What becomes of the other packets of a question. */
struct others {
	bool pass;
	bool are_chosen; /* somebody chose which of the port may pass; the rest was meant to be lost */
};

static struct others others_of(const struct question *q, const struct every *every)
{
	return (struct others){ passes_any(every), is_chosen(q, every) };
}

/* Lost, but not because somebody wanted it so for the machine. */
static bool is_harm(const struct question *q, const struct others *others, struct decider *decider)
{
	if (is_filter_of_ports(decider))
		return false;
	if (q->is_routed)
		return !others->pass;
	if (!decider->owner.is_known && !decider->number &&
		find_policy_owner(q->arena, decider, &decider->owner))
		return !others->are_chosen;
	/* what nobody known wrote, and lets others pass, is meant so */
	return decider->owner.is_known || !others->pass;
}

static struct harm *find_harm(const struct sweeping *s, const struct question *q,
	const struct node *node, enum harm_kind kind)
{
	/* port by port: those of this one are the last */
	for (size_t i = s->sweep->n; i && s->sweep->items[i - 1].port == q->port; i--) {
		struct harm *known = &s->sweep->items[i - 1];

		if (known->is_egress == q->is_egress && known->is_routed == q->is_routed &&
			known->family == q->family && known->kind == kind &&
			known->decider.node->rule == node->rule &&
			known->decider.node->chain == node->chain)
			return known;
	}
	return NULL;
}

/* The first rewriting of a bridged packet on the way, and what it changed. */
static const struct node *find_rewriter(const struct leaf *leaf, enum harm_kind *ret)
{
	const struct node *found = NULL;

	for (const struct node *node = leaf->last; node; node = node->before) {
		const struct node *by = node->kind == NODE_NAT ? node_rewriter(node) : NULL;

		if (!by || !node_is_bridged(node))
			continue;
		found = by;
		*ret = by->hook == HOOK_POSTROUTING || by->hook == HOOK_INPUT ? HARM_SOURCE
									      : HARM_DESTINATION;
	}
	return found;
}

/* Lost because the rule had no address to give: REDIRECT on a bridge without one. */
static const struct node *find_mapper_in_vain(const struct leaf *leaf, enum harm_kind *ret)
{
	if (leaf->drop != DROP_NAT_NO_ADDRESS)
		return NULL;
	for (const struct node *node = leaf->last; node; node = node->before) {
		if (node->kind != NODE_CHAIN || node->chain_type != CHAIN_NAT || !node->rule)
			continue;
		*ret = node->hook == HOOK_POSTROUTING || node->hook == HOOK_INPUT
			       ? HARM_SOURCE
			       : HARM_DESTINATION;
		return node;
	}
	return NULL;
}

/* Whose rule or policy harms such packets; false: none does. */
static bool find_culprit(const struct question *q, const struct leaf *leaf,
	const struct others *others, struct decider *ret, enum harm_kind *ret_kind)
{
	const struct node *node = leaf ? find_rewriter(leaf, ret_kind) : NULL;

	if (leaf && !node && !q->is_routed)
		node = find_mapper_in_vain(leaf, ret_kind);
	if (node) {
		*ret = decider_of(q->arena, node);
		return true;
	}
	node = leaf ? leaf_decider(leaf) : NULL;
	if (!node)
		return false;
	*ret = decider_of(q->arena, node);
	*ret_kind = leaf->final == FINAL_CONSUMED ? HARM_TAKEN : HARM_LOST;
	if (*ret_kind == HARM_TAKEN)
		return true;
	return (leaf->final == FINAL_DROPPED || leaf->final == FINAL_REJECTED) &&
	       is_harm(q, others, ret);
}

static bool ask(const struct sweeping *s, const struct version *version, const struct question *q,
	struct every *ret)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct packet_choices choices = { 0 };
	/* what rules do to a flow is done to its first packet; those that there are have it behind them */
	struct query query = vm_port_query(s->doctor, q->port, q->is_egress, version->host);
	struct err err;

	print_question(&text, q);
	if (q->is_routed)
		query.within = NULL;
	if (packet_expr_parse_set(q->arena, text.data, &query.packet, &choices, &err)) {
		query_begin_flow(&query);
		if (explain_every_in(
			    q->arena, version->explainer, s->sets, &query, &choices, ret, &err))
			return true;
	}
	doctor_untold(s->doctor, s->check,
		arena_printf(s->doctor->arena, "packets of %s: %s", q->port->link->name, err.text),
		NULL);
	return false;
}

/* One packet, through all rules: who harms it? */
static bool find_harm_of(const struct sweeping *s, const struct question *q,
	const struct query *query, const struct others *others, struct decider *ret,
	enum harm_kind *ret_kind)
{
	return find_culprit(
		q, explain(q->arena, s->heard.explainer, query)->leaf, others, ret, ret_kind);
}

/* The query is of the host that has heard everybody. */
static void add_harm(const struct sweeping *s, const struct question *q, const struct query *query,
	bool is_felt, const struct others *others, const struct node *by, enum harm_kind kind)
{
	struct harm *harm = find_harm(s, q, by, kind);
	struct question kept = *q;

	if (harm && (harm->is_felt || !is_felt))
		return;
	if (!harm)
		harm = vec_push(s->sweep, s->doctor->arena);
	*harm = (struct harm){ .kind = kind,
		.port = q->port,
		.is_egress = q->is_egress,
		.is_routed = q->is_routed,
		.family = q->family,
		.is_felt = is_felt,
		.witness = query_moved(s->doctor->arena, query, s->heard.host, s->doctor->host) };
	/* the answer goes with its question: one that stays */
	kept.arena = s->doctor->arena;
	(void)find_harm_of(s, &kept, query, others, &harm->decider, &harm->kind);
}

/* One packet, through all rules: is it harmed? Then it is noted. */
static bool confirm(const struct sweeping *s, const struct question *q, const struct query *witness,
	const struct host *of, bool is_felt, const struct others *others)
{
	struct query query = query_moved(q->arena, witness, of, s->heard.host);
	struct decider decider;
	enum harm_kind kind;

	if (!find_harm_of(s, q, &query, others, &decider, &kind))
		return false;
	add_harm(s, q, &query, is_felt, others, decider.node, kind);
	return true;
}

/* The part, if it is harmed, by the best packet of it; false: not shown by that. */
static bool judge(const struct sweeping *s, const struct version *version, const struct question *q,
	const struct every *every, const struct every_part *part)
{
	const struct others others = others_of(q, every);
	struct decider decider;
	struct packet_set felt;
	struct query witness;
	enum harm_kind kind;

	if (!find_culprit(q, part->leaf, &others, &decider, &kind))
		return true;
	felt = felt_of(s, q, part->set);
	if (!set_is_empty(felt) && every_witness(every, felt, &witness) &&
		confirm(s, q, &witness, version->host, true, &others))
		return true;
	return every_witness(every, part->set, &witness) &&
	       confirm(s, q, &witness, version->host, false, &others) && set_is_empty(felt);
}

/*
 * First without what the groups of single ports say, which is most of the rules: where nobody else does anything, that is seen at once; where
 * somebody does, one packet through all rules mostly shows it. Only what is left is asked about all packets and all rules.
 */
static void ask_both(const struct sweeping *s, const struct question *q)
{
	bool is_settled = true;
	struct every every;

	if (!ask(s, &s->bare, q, &every))
		return;
	vec_for_each (part, &every.parts)
		if (part->final == FINAL_CANNOT_TELL || !judge(s, &s->bare, q, &every, part))
			is_settled = false;
	if (is_settled || !ask(s, &s->heard, q, &every))
		return;
	vec_for_each (part, &every.parts) {
		(void)judge(s, &s->heard, q, &every, part);
		/* of what is routed only the ways out are asked about, which others may answer for */
		if (part->final == FINAL_CANNOT_TELL && !q->is_routed)
			doctor_untold(s->doctor, s->check,
				arena_printf(s->doctor->arena, "packets of %s: %s",
					q->port->link->name,
					part->why ? part->why : "it is not known why"),
				"ask portwall explain --every about that device");
	}
}

/* ---- without groups ---- */

/* "neutron-openvswi-i812bd281-f": a chain of one port, as Neutron's driver and portwall name it. */
static bool is_chain_of_port(const char *name)
{
	const size_t len = strlen(name), id = 10;

	return len > id + 2 && name[len - id - 2] == '-' && strchr("io", name[len - id - 1]);
}

static bool is_call_of_port(const struct rule *rule)
{
	if (rule->target.kind != TARGET_JUMP || !is_chain_of_port(rule->target.chain))
		return false;
	for (size_t i = 0; i < rule->n_matches; i++)
		if (rule->matches[i].kind == MATCH_PHYSDEV_IN ||
			rule->matches[i].kind == MATCH_PHYSDEV_OUT)
			return true;
	return false;
}

static void bare_chain(struct arena *arena, struct chain *chain)
{
	struct rule *rules = arena_new_array(arena, struct rule, chain->n_rules + 1);
	size_t n = 0;

	for (size_t i = 0; i < chain->n_rules; i++)
		if (!is_call_of_port(&chain->rules[i]))
			rules[n++] = chain->rules[i];
	if (n == chain->n_rules)
		return; /* and rules keep their addresses, by which they are told apart */
	chain->rules = rules;
	chain->n_rules = chain->cap_rules = n;
	chain->index = NULL;
}

static const struct ruleset *bare_ruleset(struct arena *arena, const struct ruleset *rs)
{
	struct ruleset *copy = arena_new_one(arena, struct ruleset);

	*copy = *rs;
	copy->tables = arena_new_array(arena, struct table, rs->n_tables + 1);
	for (size_t t = 0; t < rs->n_tables; t++) {
		struct table *table = &copy->tables[t];

		*table = rs->tables[t];
		if (table->source == SOURCE_NFT || strcmp(table->name, "filter") != 0)
			continue;
		table->chains = arena_new_array(arena, struct chain, table->n_chains + 1);
		for (size_t c = 0; c < table->n_chains; c++) {
			table->chains[c] = rs->tables[t].chains[c];
			bare_chain(arena, &table->chains[c]);
		}
	}
	return copy;
}

static const struct host *host_without_groups(struct arena *arena, const struct host *host)
{
	struct host *copy = arena_new_one(arena, struct host);

	*copy = *host;
	copy->netns = arena_new_array(arena, struct netns, copy->n_netns);
	for (size_t n = 0; n < copy->n_netns; n++) {
		copy->netns[n] = host->netns[n];
		if (copy->netns[n].ruleset)
			copy->netns[n].ruleset = bare_ruleset(arena, copy->netns[n].ruleset);
	}
	return copy;
}

/* ---- all ports ---- */

static const struct vm_port *another_port(const struct vm_ports *ports, const struct vm_port *port)
{
	vec_for_each (other, ports)
		if (other != port && other->bridge == port->bridge)
			return other;
	return NULL;
}

/* By the host to anybody. */
static void ask_routed(const struct sweeping *s, const struct question *q)
{
	struct question routed = *q;

	routed.is_routed = true;
	routed.remote_mac = q->port->bridge->mac;
	ask_both(s, &routed);
}

static void ask_about_port(
	const struct sweeping *s, const struct vm_ports *ports, const struct vm_port *port)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	const struct link *uplink = port->uplink;
	const struct vm_port *other = another_port(ports, port);
	struct question q = { .arena = scratch, .port = port, .mac = port->mac };

	for (unsigned family = 0; family < N_IP_FAMILIES; family++) {
		q.family = (enum family)family;
		q.is_egress = true;
		q.remote_mac = outside_mac;
		if (uplink)
			ask_both(s, &q);
		q.remote_mac = other ? other->mac : outside_mac;
		if (other)
			ask_both(s, &q);
		if (host_address(port, q.family))
			ask_routed(s, &q);
		q.is_egress = false;
		q.remote_mac = outside_mac;
		if (uplink)
			ask_both(s, &q);
	}
}

const struct sweep *doctor_sweep(struct doctor *doctor, const struct check *check)
{
	const struct vm_ports *ports = doctor_ports(doctor);
	struct sweeping s = { .doctor = doctor, .check = check };

	if (doctor->sweep)
		return doctor->sweep;
	doctor->sweep = s.sweep = arena_new_one(doctor->arena, struct sweep);
	if (!ports->n)
		return s.sweep;
	s.heard.host = doctor_heard(doctor);
	s.heard.explainer = explainer_new(doctor->arena, s.heard.host);
	s.bare.host = host_without_groups(doctor->arena, s.heard.host);
	s.bare.explainer = explainer_new(doctor->arena, s.bare.host);
	s.sets = explain_world(s.heard.host);
	vec_for_each (port, ports)
		ask_about_port(&s, ports, port);
	sets_free(s.sets);
	return s.sweep;
}
