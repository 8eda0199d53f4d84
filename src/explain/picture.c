// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The path as a drawing, in Graphviz's language: a box for each device that the packet met, in a
 * frame for its namespace, arrows in the order of the way, and the end. What it did not meet is not
 * drawn: a host with a thousand ports is as readable as one with two.
 */
#include <inttypes.h>
#include <string.h>

#include "explain/internal.h"
#include "explain/report.h"
#include "packet/expr.h"
#include "ruleset/edit.h"

enum spot_kind {
	SPOT_LINK,
	SPOT_BRIDGE,
	SPOT_OVS,
	SPOT_STACK,
	SPOT_GUEST,
	SPOT_WIRE,
	SPOT_PROCESS,
	SPOT_LOST
};

/* Where the packet is: two nodes of one spot are one box. */
struct spot {
	enum spot_kind kind;
	const struct netns *ns;
	const void *what; /* the link, the bridge of Open vSwitch */
	const char *name;
	char point;
	const struct packet *looks; /* when it comes there */
	unsigned depth;		    /* of the last node here */
};

struct drawing {
	struct text *out;
	VEC(struct spot) spots; /* in the order of the way, one may come twice */
	struct arena *arena;
};

static bool is_same_spot(const struct spot *a, const struct spot *b)
{
	return a->kind == b->kind && a->ns == b->ns && a->what == b->what;
}

static void add_spot(struct drawing *drawing, struct spot spot)
{
	struct spot *last = drawing->spots.n ? &drawing->spots.items[drawing->spots.n - 1] : NULL;

	if (last && is_same_spot(last, &spot)) {
		if (!last->point)
			last->point = spot.point;
		last->looks = spot.looks;
		last->depth = spot.depth;
		return;
	}
	*vec_push(&drawing->spots, drawing->arena) = spot;
}

static struct spot spot_of(
	const struct node *node, enum spot_kind kind, const void *what, const char *name)
{
	return (struct spot){ kind, node->ns, what, name, node_point(node), node->packet,
		node->depth };
}

static void add_node(struct drawing *drawing, const struct node *node)
{
	switch (node->kind) {
	case NODE_SENT:
		add_spot(drawing, spot_of(node, SPOT_PROCESS, NULL, "a process"));
		return;
	case NODE_RECEIVED:
	case NODE_TRANSMIT:
	case NODE_VETH:
	case NODE_VLAN:
		if (node->link)
			add_spot(drawing, spot_of(node, SPOT_LINK, node->link, node->link->name));
		return;
	case NODE_BRIDGE_IN:
	case NODE_BRIDGE_DECISION:
		if (node->bridge)
			add_spot(drawing,
				spot_of(node, SPOT_BRIDGE, node->bridge, node->bridge->name));
		return;
	case NODE_OVS:
		if (node->ovs)
			add_spot(drawing, spot_of(node, SPOT_OVS, node->ovs, node->ovs->name));
		return;
	case NODE_ROUTE:
	case NODE_FORWARD:
	case NODE_LOCAL:
		add_spot(drawing, spot_of(node, SPOT_STACK, NULL, "IP stack"));
		return;
	default:
		/* rules and lookups are where the packet is already */
		if (!drawing->spots.n || !node->packet)
			return;
		drawing->spots.items[drawing->spots.n - 1].looks = node->packet;
		drawing->spots.items[drawing->spots.n - 1].depth = node->depth;
		return;
	}
}

static void add_end(struct drawing *drawing, const struct leaf *leaf)
{
	struct spot end = { SPOT_LOST, NULL, NULL, final_name(leaf->final), 0, leaf->last->packet,
		leaf->last->depth };

	if (leaf->final == FINAL_DELIVERED || leaf->final == FINAL_REWRITTEN) {
		end.kind = leaf->place == PLACE_GUEST  ? SPOT_GUEST
			   : leaf->place == PLACE_WIRE ? SPOT_WIRE
						       : SPOT_PROCESS;
		end.name = leaf->place == PLACE_GUEST  ? "guest"
			   : leaf->place == PLACE_WIRE ? "wire"
						       : "socket";
		end.point = leaf->place == PLACE_GUEST ? 'A' : 0;
	}
	add_spot(drawing, end);
}

/* The number of the first spot that is the same box. */
static size_t box_of(const struct drawing *drawing, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (is_same_spot(&drawing->spots.items[i], &drawing->spots.items[at]))
			return i;
	return at;
}

static void draw_box(struct drawing *drawing, size_t at, const char *colour)
{
	static const char *const shapes[] = {
		[SPOT_LINK] = "box",
		[SPOT_BRIDGE] = "box3d",
		[SPOT_OVS] = "box3d",
		[SPOT_STACK] = "hexagon",
		[SPOT_GUEST] = "ellipse",
		[SPOT_WIRE] = "ellipse",
		[SPOT_PROCESS] = "ellipse",
		[SPOT_LOST] = "octagon",
	};
	const struct spot *spot = &drawing->spots.items[at];
	const struct link *link = spot->what;
	const char *kind = "";

	if (spot->kind == SPOT_OVS)
		kind = "\nOpen vSwitch";
	else if (spot->kind == SPOT_BRIDGE)
		kind = "\nbridge";
	else if (spot->kind == SPOT_LINK && *link->kind)
		kind = arena_printf(drawing->arena, "\n%s", link->kind);
	text_addf(drawing->out, "\t\tn%zu [shape=%s, label=", at, shapes[spot->kind]);
	text_add_dot(drawing->out,
		arena_printf(drawing->arena, "%c%s%s%s", spot->point ? spot->point : ' ',
			spot->point ? "  " : "", spot->name, kind) +
			!spot->point);
	if (spot->kind == SPOT_LOST)
		text_addf(drawing->out, ", color=%s, fontcolor=%s", colour, colour);
	text_add(drawing->out, "];\n");
}

static void draw_netns(
	struct drawing *drawing, const struct netns *ns, const char *colour, size_t n)
{
	if (ns) {
		text_addf(drawing->out, "\tsubgraph cluster_%zu {\n\t\tlabel=", n);
		text_add_dot(drawing->out, *ns->name ? ns->name : "this network namespace");
		text_add(drawing->out, ";\n\t\tstyle=dashed;\n");
	}
	for (size_t i = 0; i < drawing->spots.n; i++)
		if (drawing->spots.items[i].ns == ns && box_of(drawing, i) == i)
			draw_box(drawing, i, colour);
	if (ns)
		text_add(drawing->out, "\t}\n");
}

static void draw_boxes(struct drawing *drawing, const char *colour)
{
	for (size_t i = 0; i < drawing->spots.n; i++) {
		bool is_drawn = false;

		for (size_t j = 0; j < i; j++)
			is_drawn |= drawing->spots.items[j].ns == drawing->spots.items[i].ns;
		if (!is_drawn)
			draw_netns(drawing, drawing->spots.items[i].ns, colour, i);
	}
}

static void draw_arrows(struct drawing *drawing, const char *colour)
{
	struct text was CLEANUP(text_done) = TEXT_INIT, is CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 1; i < drawing->spots.n; i++) {
		const struct spot *from = &drawing->spots.items[i - 1], *to = from + 1;

		text_clear(&was);
		text_clear(&is);
		packet_expr_print(&is, from->looks);
		if (i > 1)
			packet_expr_print(&was, from[-1].looks);
		text_addf(drawing->out, "\tn%zu -> n%zu [color=%s", box_of(drawing, i - 1),
			box_of(drawing, i), colour);
		/* what the packet looks like is said where it is new */
		if (strcmp(was.data, is.data) != 0) {
			text_add(drawing->out, ", label=");
			text_add_dot(drawing->out, is.data);
		}
		if (to->kind == SPOT_LOST)
			text_add(drawing->out, ", style=dashed");
		text_add(drawing->out, "];\n");
	}
}

static const char *colour_of(enum final final)
{
	switch (final) {
	case FINAL_DELIVERED:
		return "darkgreen";
	case FINAL_REWRITTEN:
	case FINAL_CANNOT_TELL:
		return "orange3";
	default:
		return "red3";
	}
}

static void draw_decider(
	struct drawing *drawing, const struct decider *decider, const char *what, size_t n)
{
	struct text *out = drawing->out;
	size_t at = 0;
	struct text words CLEANUP(text_done) = TEXT_INIT;
	const struct node *node = decider->node;

	text_addf(&words, "%s by %s\n%s %s, chain %s", what, decider->owner.name,
		table_program(node->table), node->table->name, node->rule_chain->name);
	if (node->rule) {
		text_addf(&words, " rule %zu\n", decider->number);
		table_print_rule(&words, node->table, node->rule);
	} else {
		text_add(&words, ": its policy");
	}
	text_addf(out, "\tr%zu [shape=note, fontsize=10, label=", n);
	text_add_dot(out, words.data);
	text_add(out, "];\n");
	while (at + 1 < drawing->spots.n && drawing->spots.items[at].depth < node->depth)
		at++;
	at = box_of(drawing, at);
	text_addf(out, "\tn%zu -> r%zu [style=dotted, arrowhead=none];\n", at, n);
	text_addf(out, "\t{ rank=same; n%zu; r%zu; }\n", at, n);
}

void report_print_dot(struct text *out, const struct report *report)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct drawing drawing = { .out = out, .arena = arena };
	struct text verdict CLEANUP(text_done) = TEXT_INIT;
	const char *colour = colour_of(report->explanation->final);

	if (report->n_path && node_point(report->path[0]) == 'B')
		add_spot(&drawing, (struct spot){ SPOT_GUEST, NULL, report, "guest", 'A',
					   report->path[0]->packet, 0 });
	for (size_t i = 0; i < report->n_path; i++)
		add_node(&drawing, report->path[i]);
	add_end(&drawing, report->explanation->leaf);
	report_print_verdict(&verdict, report);
	text_add(out,
		"digraph path {\n\trankdir=TB;\n\tnewrank=true;\n\tfontname=\"sans-serif\";\n"
		"\tnode [fontname=\"sans-serif\"];\n\tedge [fontname=\"sans-serif\", fontsize=10];\n"
		"\tlabelloc=t;\n\tlabel=");
	text_add_dot(out, verdict.data);
	text_add(out, ";\n");
	draw_boxes(&drawing, colour);
	draw_arrows(&drawing, colour);
	for (size_t i = 0; i < report->n_rewriters; i++)
		draw_decider(&drawing, &report->rewriters[i], "rewritten", i);
	if (report->decider)
		draw_decider(&drawing, report->decider, "decided", report->n_rewriters);
	text_add(out, "}\n");
}
