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
	const struct host *host; /* where every bridge knows where each station is */
	const struct explainer *explainer;
	struct sets *sets;
};

/* One question: what a machine sends, or what is sent to it. */
struct question {
	const struct vm_port *port;
	bool is_egress;
	bool is_routed; /* by the host, which has an address on the bridge */
	enum family family;
	const struct link *in;	    /* where it enters the bridge */
	struct mac mac, remote_mac; /* the machine's, the other station's */
};

/* ---- the bridges that have heard everybody ---- */

static struct mac made_up_mac(size_t number)
{
	return (struct mac){ { 0x02, 0x70, 0x77, 1, (uint8_t)(number >> 8), (uint8_t)number } };
}

static struct mac mac_of_port(const struct vm_ports *ports, const struct vm_port *port)
{
	const struct netns *ns = port->ns;

	if (port->addrs.n)
		return port->addrs.items[0].mac;
	for (size_t i = netns_first(ns, FDB_BY_PORT, (uint64_t)port->link->index); i < ns->n_fdb;
		i = netns_next(ns, FDB_BY_PORT, i))
		if (ns->fdb[i].port_index == port->link->index && !ns->fdb[i].is_permanent)
			return ns->fdb[i].mac;
	return made_up_mac((size_t)(port - ports->items));
}

static const struct host *host_that_has_heard(struct doctor *doctor)
{
	const struct vm_ports *ports = doctor_ports(doctor);
	struct host *copy = arena_new_one(doctor->arena, struct host);

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
			const struct link *uplink = vm_port_uplink(doctor, port);

			if (port->ns != ns)
				continue;
			*vec_push(&fdb, doctor->arena) =
				(struct fdb_entry){ .bridge_index = port->bridge->index,
					.port_index = port->link->index,
					.mac = mac_of_port(ports, port) };
			if (uplink)
				*vec_push(&fdb, doctor->arena) =
					(struct fdb_entry){ .bridge_index = port->bridge->index,
						.port_index = uplink->index,
						.mac = outside_mac };
		}
		copy->netns[n].fdb = fdb.items;
		copy->netns[n].n_fdb = fdb.n;
		netns_index(doctor->arena, &copy->netns[n]);
	}
	return copy;
}

/* ---- asking ---- */

static bool has_known_addrs(const struct vm_port *port, enum family family)
{
	vec_for_each (known, &port->addrs)
		if (known->addr.family == family)
			return true;
	return false;
}

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

static struct packet_set of_machines(
	const struct sweeping *s, const struct question *q, enum field field)
{
	struct packet_set all = SET_EMPTY;

	vec_for_each (port, doctor_ports(s->doctor))
		vec_for_each (known, &port->addrs)
			if (port != q->port && known->addr.family == q->family)
				all = set_or(
					s->sets, all, set_of_addr(s->sets, field, &known->addr));
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
	if (!has_known_addrs(q->port, q->family))
		set = set_and(sets, set, of_anywhere(sets, own, q->family, 0));
	one = set_and(sets, set, of_machines(s, q, remote));
	if (!set_is_empty(one))
		return one;
	one = set_and(sets, set, of_anywhere(sets, remote, q->family, 0));
	two = set_and(sets, set, of_anywhere(sets, remote, q->family, 1));
	return set_is_empty(two) ? SET_EMPTY : one;
}

static bool is_bridged(const struct node *nat)
{
	return nat->packet->physdev_in || nat->packet->physdev_out;
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

/* Somebody chose which packets of the port may pass; the rest was meant to be lost. */
static bool is_chosen(const struct question *q, const struct every *every)
{
	vec_for_each (part, &every->parts) {
		const struct leaf *leaf = part->explanation ? part->explanation->leaf : NULL;

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

/* Lost, but not because somebody wanted it so for the machine. */
static bool is_harm(const struct sweeping *s, const struct question *q, const struct every *every,
	struct decider *decider)
{
	if (is_filter_of_ports(decider))
		return false;
	if (q->is_routed)
		return !passes_any(every);
	if (!decider->owner.is_known && !decider->number &&
		find_policy_owner(s->doctor->arena, decider, &decider->owner))
		return !is_chosen(q, every);
	/* what nobody known wrote, and lets others pass, is meant so */
	return decider->owner.is_known || !passes_any(every);
}

static const char *words_of(
	const struct sweeping *s, const struct every *every, struct packet_set set)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	every_print_set(&out, every, set, 4);
	return arena_strdup(s->doctor->arena, out.data ? out.data : "");
}

static struct harm *find_harm(const struct sweeping *s, const struct question *q,
	const struct node *node, enum harm_kind kind)
{
	vec_for_each (known, s->sweep)
		if (known->port == q->port && known->is_egress == q->is_egress &&
			known->is_routed == q->is_routed && known->family == q->family &&
			known->kind == kind && known->decider.node->rule == node->rule &&
			known->decider.node->chain == node->chain)
			return known;
	return NULL;
}

static void add_harm(const struct sweeping *s, const struct question *q, const struct every *every,
	const struct every_part *part, const struct decider *decider, enum harm_kind kind)
{
	const struct node *node = decider->node;
	struct packet_set felt = felt_of(s, q, part->set);
	struct harm *harm = find_harm(s, q, node, kind);

	if (harm && (harm->is_felt || set_is_empty(felt)))
		return;
	if (!harm)
		harm = vec_push(s->sweep, s->doctor->arena);
	*harm = (struct harm){ .kind = kind,
		.port = q->port,
		.is_egress = q->is_egress,
		.is_routed = q->is_routed,
		.family = q->family,
		.is_known_source = has_known_addrs(q->port, q->family),
		.is_felt = !set_is_empty(felt),
		.witness = part->witness,
		.decider = *decider,
		.packets = words_of(s, every, part->set) };
	if (harm->is_felt)
		(void)every_witness(every, felt, &harm->witness);
}

/* The first rewriting of a bridged packet on the way, and what it changed. */
static const struct node *find_rewriter(const struct leaf *leaf, enum harm_kind *ret)
{
	const struct node *found = NULL;

	for (const struct node *node = leaf->last; node; node = node->before) {
		const struct node *by = node->kind == NODE_NAT ? node_rewriter(node) : NULL;

		if (!by || !is_bridged(node))
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

static void judge(const struct sweeping *s, const struct question *q, const struct every *every,
	const struct every_part *part)
{
	const struct leaf *leaf = part->explanation ? part->explanation->leaf : NULL;
	enum harm_kind kind = HARM_LOST;
	const struct node *node = leaf ? find_rewriter(leaf, &kind) : NULL;
	struct decider decider;

	if (leaf && !node && !q->is_routed)
		node = find_mapper_in_vain(leaf, &kind);
	if (node) {
		decider = decider_of(s->doctor->arena, node);
		add_harm(s, q, every, part, &decider, kind);
		return;
	}
	if (part->final == FINAL_CANNOT_TELL) {
		/* of what is routed only the ways out are asked about, which others may answer for */
		if (!q->is_routed)
			doctor_untold(s->doctor, s->check,
				arena_printf(s->doctor->arena, "packets of %s: %s",
					q->port->link->name,
					part->why ? part->why : "it is not known why"),
				"ask portwall explain --every about that device");
		return;
	}
	node = leaf && (part->final == FINAL_DROPPED || part->final == FINAL_REJECTED)
		       ? leaf_decider(leaf)
		       : NULL;
	if (!node)
		return;
	decider = decider_of(s->doctor->arena, node);
	if (is_harm(s, q, every, &decider))
		add_harm(s, q, every, part, &decider, HARM_LOST);
}

static void ask(const struct sweeping *s, const struct question *q)
{
	struct arena *arena = s->doctor->arena;
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct packet_choices choices = { 0 };
	struct query query = { .from = FROM_DEVICE };
	struct every every;
	struct err err;

	print_question(&text, q);
	query.ns = &s->host->netns[q->port->ns - s->doctor->host->netns];
	query.in = &query.ns->links[q->in - q->port->ns->links];
	if (!q->is_routed)
		query.within = &query.ns->links[q->port->bridge - q->port->ns->links];
	if (!packet_expr_parse_set(arena, text.data, &query.packet, &choices, &err) ||
		!explain_every_in(arena, s->explainer, s->sets, &query, &choices, &every, &err)) {
		doctor_untold(s->doctor, s->check,
			arena_printf(arena, "packets of %s: %s", q->port->link->name, err.text),
			NULL);
		return;
	}
	vec_for_each (part, &every.parts)
		judge(s, q, &every, part);
}

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
	ask(s, &routed);
}

static void ask_about_port(
	const struct sweeping *s, const struct vm_ports *ports, const struct vm_port *port)
{
	const struct link *uplink = vm_port_uplink(s->doctor, port);
	const struct vm_port *other = another_port(ports, port);
	struct question q = { .port = port, .mac = mac_of_port(ports, port) };

	for (unsigned family = 0; family < N_IP_FAMILIES; family++) {
		q.family = (enum family)family;
		q.is_egress = true;
		q.in = port->link;
		q.remote_mac = outside_mac;
		if (uplink)
			ask(s, &q);
		q.remote_mac = other ? mac_of_port(ports, other) : outside_mac;
		if (other)
			ask(s, &q);
		if (host_address(port, q.family))
			ask_routed(s, &q);
		q.is_egress = false;
		q.in = uplink;
		q.remote_mac = outside_mac;
		if (uplink)
			ask(s, &q);
	}
}

/* Queries and what was found are of the host that has heard everybody: told is what the host itself says. */
static void ask_the_host(struct doctor *doctor, struct harm *harm, const struct host *heard)
{
	harm->witness = query_moved(doctor->arena, &harm->witness, heard, doctor->host);
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
	s.host = host_that_has_heard(doctor);
	s.explainer = explainer_new(doctor->arena, s.host);
	s.sets = explain_world(s.host);
	vec_for_each (port, ports)
		ask_about_port(&s, ports, port);
	sets_free(s.sets);
	vec_for_each (harm, s.sweep)
		ask_the_host(doctor, harm, s.host);
	return s.sweep;
}
