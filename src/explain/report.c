// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/report.h"

#include <string.h>

#include "explain/internal.h"
#include "explain/report_internal.h"

const char *change_kind_name(enum change_kind kind)
{
	static const char *const names[] = {
		[CHANGE_GROUP_RULE] = "group-rule",
		[CHANGE_ADDRESS_PAIR] = "address-pair",
		[CHANGE_RULE] = "rule",
		[CHANGE_NAT_EXCEPTION] = "nat-exception",
		[CHANGE_SYSCTL] = "sysctl",
		[CHANGE_LINK] = "link",
	};

	return names[kind];
}

/* --- the path and who decided --- */

const struct node *const *leaf_path(struct arena *arena, const struct leaf *leaf, size_t *ret_n)
{
	size_t n = leaf->last ? leaf->last->depth + 1 : 0;
	const struct node **path = arena_new_array(arena, const struct node *, n + 1);

	*ret_n = n;
	for (const struct node *node = leaf->last; node && n; node = node->before)
		path[--n] = node;
	return path;
}

/* Only what was asked right before: of an older flow the rule that made its mapping is not known. */
const struct node *node_rewriter(const struct node *nat)
{
	for (const struct node *node = nat->before; node && node->kind == NODE_CHAIN;
		node = node->before)
		if (node->rule && node->chain_type == CHAIN_NAT)
			return node;
	return NULL;
}

bool node_is_bridged(const struct node *node)
{
	return node->packet->physdev_in || node->packet->physdev_out;
}

const struct node *leaf_decider(const struct leaf *leaf)
{
	bool is_lost = leaf->drop == DROP_RULE || leaf->drop == DROP_POLICY ||
		       leaf->final == FINAL_REJECTED || leaf->final == FINAL_CONSUMED;

	for (const struct node *node = leaf->last; is_lost && node; node = node->before)
		if (node->kind == NODE_CHAIN)
			return node;
	return NULL;
}

struct decider decider_of(struct arena *arena, const struct node *node)
{
	struct decider decider = { .node = node };
	struct group_port port;

	if (node->rule)
		decider.number = (size_t)(node->rule - node->rule_chain->rules) + 1;
	decider.owner = owner_of_rule(arena, node->table, node->rule_chain, node->rule);
	if (group_port_find(node, &port)) {
		struct group_port *kept = arena_new_one(arena, struct group_port);

		*kept = port;
		decider.port = kept;
	}
	return decider;
}

static void make_rewriters(struct arena *arena, struct report *report)
{
	struct decider *rewriters = arena_new_array(arena, struct decider, report->n_path + 1);

	for (size_t i = 0; i < report->n_path; i++) {
		const struct node *by =
			report->path[i]->kind == NODE_NAT ? node_rewriter(report->path[i]) : NULL;

		if (by)
			rewriters[report->n_rewriters++] = decider_of(arena, by);
	}
	report->rewriters = rewriters;
}

/* --- what did not matter --- */

static bool is_same_leaf(const struct leaf *a, const struct leaf *b)
{
	const struct node *x = leaf_decider(a), *y = leaf_decider(b);

	if (a->final != b->final || a->drop != b->drop || a->place != b->place ||
		a->last->link != b->last->link || a->last->ns != b->last->ns)
		return false;
	return !x == !y && (!x || (x->rule == y->rule && x->rule_chain == y->rule_chain));
}

/* Does it end in b as it does in a, in every case and copy, and by the same rules? */
static bool is_same_answer(const struct explanation *a, const struct explanation *b)
{
	if (a->final != b->final || a->other || b->other)
		return false;
	for (size_t i = 0; i < b->leaves.n; i++) {
		bool is_found = false;

		for (size_t j = 0; j < a->leaves.n && !is_found; j++)
			is_found = is_same_leaf(a->leaves.items[j], b->leaves.items[i]);
		if (!is_found)
			return false;
	}
	return true;
}

/*
 * One field after the other is opened, and stays open when the walk still answers alike: what it
 * says of an open field holds for every value, and so the claim is of all of them together.
 */
static uint64_t find_any(struct arena *arena, const struct explainer *explainer,
	const struct query *query, const struct explanation *explanation)
{
	static const enum field fields[] = { FIELD_SRC, FIELD_SPORT, FIELD_ETH_SRC, FIELD_DST,
		FIELD_DPORT, FIELD_TCP_FLAGS, FIELD_ICMP_TYPE };
	uint64_t any = 0;

	if (explanation->final == FINAL_CANNOT_TELL)
		return 0;
	for (size_t i = 0; i < N_OF(fields); i++) {
		struct query open = *query;
		struct field_value value;

		if (packet_field(&query->packet, fields[i], &value) != FIELD_KNOWN)
			continue;
		open.packet.unknown |= any | FIELD_BIT(fields[i]);
		if (is_same_answer(explanation, explain(arena, explainer, &open)))
			any |= FIELD_BIT(fields[i]);
	}
	return any;
}

void report_make(struct arena *arena, const struct explainer *explainer, const struct query *query,
	const struct explanation *explanation, unsigned flags, struct report *ret)
{
	struct report report = { .query = query, .explanation = explanation };
	const struct node *decider = leaf_decider(explanation->leaf);

	report.path = leaf_path(arena, explanation->leaf, &report.n_path);
	if (decider) {
		struct decider *kept = arena_new_one(arena, struct decider);

		*kept = decider_of(arena, decider);
		report.decider = kept;
	}
	make_rewriters(arena, &report);
	if (flags & REPORT_ANY)
		report.any = find_any(arena, explainer, query, explanation);
	report.fields = explanation->decided & ~report.any;
	if (explanation->final == FINAL_CANNOT_TELL)
		report.open = explanation->decided & query->packet.unknown;
	if (flags & REPORT_CHANGES)
		changes_find(arena, explainer, query, explanation, &report.changes);
	*ret = report;
}

/* --- points of the picture --- */

static bool begins(const struct link *link, const char *prefix)
{
	return link && text_has_prefix(link->name, prefix);
}

char node_point(const struct node *node)
{
	if (node->kind == NODE_OVS)
		return node->ovs && !strcmp(node->ovs->name, "br-int") ? 'E' : 'F';
	if (node->kind == NODE_BRIDGE_IN || node->kind == NODE_BRIDGE_DECISION ||
		node->kind == NODE_IPTABLES_CALLED)
		return begins(node->bridge, "qbr") || begins(node->bridge, "brq") ? 'C' : 0;
	if (node->kind != NODE_RECEIVED && node->kind != NODE_TRANSMIT && node->kind != NODE_VETH)
		return 0;
	if (begins(node->link, "tap") || begins(node->link, "vnet"))
		return 'B';
	if (begins(node->link, "qvb") || begins(node->link, "qvo"))
		return 'D';
	if (node->link && !*node->link->kind && !node->link->is_loopback)
		return 'G';
	return 0;
}

/* --- the verdict as a sentence --- */

static const char *place_words(enum place place)
{
	switch (place) {
	case PLACE_WIRE:
		return "onto the wire";
	case PLACE_GUEST:
		return "to the guest";
	case PLACE_SOCKET:
		return "to a socket of the host";
	case PLACE_HOST:
		return "to the host itself";
	default:
		return "";
	}
}

static void add_where(struct text *out, const struct leaf *leaf)
{
	const struct node *last = leaf->last;

	if (last && last->link)
		text_addf(out, " at %s", last->link->name);
	if (last && last->ns && *last->ns->name)
		text_addf(out, " (%s)", last->ns->name);
}

static void add_port_change(struct text *out, const char *side, enum field field,
	const struct packet *was, const struct packet *is)
{
	uint16_t old = field == FIELD_SPORT ? was->sport : was->dport,
		 new = field == FIELD_SPORT ? is->sport : is->dport;

	if (!proto_has_ports(is->proto) || (was->unknown & FIELD_BIT(field)) ||
		(old == new && !(is->unknown & FIELD_BIT(field))))
		return;
	if (is->unknown & FIELD_BIT(field))
		text_addf(out, "; its %s port %u may become another", side, old);
	else
		text_addf(out, "; its %s port %u becomes %u", side, old, new);
}

static void add_addr_change(
	struct text *out, const char *side, const struct addr *was, const struct addr *is)
{
	if (addr_compare(was, is) == 0)
		return;
	text_addf(out, "; its %s ", side);
	addr_print(out, was);
	text_add(out, " becomes ");
	addr_print(out, is);
}

/* What differs between the packet that was asked for and the one that arrives. */
static void add_rewriting(struct text *out, const struct report *report)
{
	const struct packet *was = &report->query->packet,
			    *is = report->explanation->leaf->last->packet;

	add_addr_change(out, "source", &was->src, &is->src);
	add_addr_change(out, "destination", &was->dst, &is->dst);
	add_port_change(out, "source", FIELD_SPORT, was, is);
	add_port_change(out, "destination", FIELD_DPORT, was, is);
}

static void add_group_words(
	struct text *out, const struct group_port *port, const struct packet *packet)
{
	if (port->is_spoof) {
		text_add(out, "the source ");
		addr_print(out, &packet->src);
		if (!(packet->unknown & FIELD_BIT(FIELD_ETH_SRC))) {
			text_add(out, " with MAC ");
			mac_print(out, packet->eth_src);
		}
		text_addf(out, " is none of port %s (anti-spoofing)", port->device);
		return;
	}
	if (port->is_invalid) {
		text_addf(out,
			"conntrack knows no flow that it belongs to (state invalid), and no rule of "
			"the security groups of port %s lets it %s all the same",
			port->device, port->is_ingress ? "in" : "out");
		return;
	}
	text_addf(out, "no rule of the security groups of port %s lets %s ", port->device,
		port->is_ingress ? "in" : "out");
	packet_print_service(out, packet);
	text_add(out, port->is_ingress ? " from " : " to ");
	if (packet->unknown & FIELD_BIT(port->is_ingress ? FIELD_SRC : FIELD_DST))
		text_add(out, "anywhere");
	else
		addr_print(out, port->is_ingress ? &packet->src : &packet->dst);
}

/* Is the drop the one that every port's chains end with? Others say more by themselves. */
static bool is_group_words(const struct decider *decider)
{
	const struct group_port *port = decider ? decider->port : NULL;

	if (!port || !decider->node->rule)
		return false;
	return port->is_spoof || port->is_invalid || decider->node->rule_chain != port->chain;
}

static void add_loss(struct text *out, const struct report *report)
{
	const struct leaf *leaf = report->explanation->leaf;

	if (is_group_words(report->decider))
		add_group_words(out, report->decider->port, report->decider->node->packet);
	else if (leaf->drop == DROP_RULE && leaf->final == FINAL_REJECTED)
		text_add(out, "a rule rejects it, and the sender is told");
	else if (leaf->final == FINAL_CONSUMED)
		text_add(out, "a rule hands it to a program or another device");
	else
		text_add(out, drop_words(leaf->drop));
}

void report_print_verdict(struct text *out, const struct report *report)
{
	const struct explanation *explanation = report->explanation;
	const struct leaf *leaf = explanation->leaf;

	text_addf(out, "%s%s", report->is_reply ? "reply " : "",
		explanation->final == FINAL_CANNOT_TELL ? "cannot tell"
		: explanation->final == FINAL_REWRITTEN ? "delivered but rewritten"
							: final_name(explanation->final));
	switch (explanation->final) {
	case FINAL_DELIVERED:
	case FINAL_REWRITTEN:
		text_addf(out, " %s", place_words(leaf->place));
		add_where(out, leaf);
		add_rewriting(out, report);
		break;
	case FINAL_CANNOT_TELL:
		if (explanation->other)
			text_addf(out, ": in one case it is %s, in another %s",
				final_name(leaf->final), final_name(explanation->other->final));
		else if (leaf->why)
			text_addf(out, ": %s", leaf->why);
		break;
	default:
		add_where(out, leaf);
		text_add(out, ": ");
		add_loss(out, report);
		add_rewriting(out, report);
	}
}

/* --- what is missing --- */

/* How a field is given in a packet's words (packet/expr.h). */
static const struct {
	enum field field;
	const char *how;
} givers[] = {
	{ FIELD_ETH_SRC, "mac SOURCE > DESTINATION" },
	{ FIELD_ETH_DST, "mac SOURCE > DESTINATION" },
	{ FIELD_SRC, "an address as the source" },
	{ FIELD_DST, "an address as the destination" },
	{ FIELD_SPORT, "SOURCE:PORT" },
	{ FIELD_DPORT, "DESTINATION:PORT" },
	{ FIELD_LENGTH, "length BYTES" },
	{ FIELD_CT_STATE, "--state" },
};

static void add_open(struct text *out, uint64_t open)
{
	const char *comma = "left open: ";

	for (unsigned f = 0; f < N_FIELDS; f++) {
		if (!(open & FIELD_BIT(f)))
			continue;
		text_addf(out, "%s%s", comma, field_name((enum field)f));
		comma = ", ";
		for (size_t i = 0; i < N_OF(givers); i++)
			if (givers[i].field == (enum field)f)
				text_addf(out, " (give %s)", givers[i].how);
	}
}

/* The first assumption on the way to a leaf. */
static const struct step *assumption(const struct leaf *leaf, const struct node **ret_node)
{
	const struct step *first = NULL;

	for (const struct node *node = leaf->last; node; node = node->before)
		for (const struct step *step = node->kind == NODE_CHAIN ? node->steps : NULL; step;
			step = step->before)
			if (step->kind == STEP_MAYBE || step->kind == STEP_MAYBE_NOT) {
				first = step;
				*ret_node = node;
			}
	return first;
}

void report_print_missing(struct text *out, const struct report *report)
{
	const struct explanation *explanation = report->explanation;
	const struct node *node;
	const struct step *step;
	const char *what;

	if (explanation->final != FINAL_CANNOT_TELL)
		return;
	step = assumption(explanation->leaf, &node);
	if (!step && explanation->other)
		step = assumption(explanation->other, &node);
	if (step) {
		what = step->assumed ? match_not_understood(step->assumed) : NULL;
		text_addf(out, "whether rule %zu of chain %s, table %s, matches%s%s%s",
			(size_t)(step->rule - step->chain->rules) + 1, step->chain->name,
			node->table->name, what ? " (not modelled: " : "", what ? what : "",
			what ? ")" : "");
	}
	if (report->open) {
		text_add(out, out->len ? "; " : "");
		add_open(out, report->open);
	}
}
