// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Table filter: what every host has, and the dispatch from there into the ports' chains (port.c).
 *
 * Bridged packets go FORWARD -> P-FORWARD -> P-sg-chain -> o of the port they come from and i of
 * the port they go to, in one pass: allow is RETURN there, and only the end of P-sg-chain
 * accepts. So the jumps of filtered ports must stand before every ACCEPT of other ports: a packet
 * from an unfiltered port to a filtered one is still judged.
 *
 * Packets that leave or enter the bridge through the host's own IP stack are not bridged; for
 * them the host's other rules have the last word, so nothing here accepts them:
 *  - to the host itself: P-INPUT -> o.
 *  - routed by the host: P-FORWARD -> P-routed -> o of the port they come from, by the bridge
 *    port that br_netfilter remembers; and i of the port they go to. Which bridge port that will
 *    be is only decided behind FORWARD, so i is found by address.
 *  - from the host itself: P-OUTPUT -> i, by address too.
 *
 * In front of every such dispatch stands one line for flows that were cut (COMPILE_CUT_MARK):
 * ports let what is ESTABLISHED pass before they ask any rule.
 */
#include "compile/internal.h"

#include <stdlib.h>
#include <string.h>

#define FORWARD_TEXT  "Direct traffic from the VM interface to the security group chain."
#define SG_CHAIN_TEXT "Jump to the VM specific chain."
#define INPUT_TEXT    "Direct incoming traffic from VM to the security group chain."
#define FALLBACK_TEXT "Default drop rule for unmatched traffic."
#define CUT_TEXT      "Drop connections that no rule allows any more."
#define OFF_TEXT      "Accept all packets when port security is disabled."
#define TRUSTED_TEXT  "Accept all packets when port is trusted."

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void chains_make(struct compiler *c, struct table *table, const char *const *base, size_t n_base,
	const char **own, size_t n_own)
{
	qsort(own, n_own, sizeof(*own), by_text);
	table->cap_chains = n_base + n_own;
	table->chains = arena_new_array(c->arena, struct chain, table->cap_chains);
	for (size_t i = 0; i < n_base; i++) {
		struct chain *chain = table_add_chain(c->arena, table, base[i]);

		chain->is_base = true;
		chain->policy = "ACCEPT";
	}
	for (size_t i = 0; i < n_own; i++)
		table_add_chain(c->arena, table, own[i]);
}

/* A port's address on a bridge that the host routes for. */
struct routed {
	const char *bridge;
	struct prefix prefix;
	struct port_plan *port;
};

/* By bridge; narrow before wide, so that the port with the nearest claim is asked first. */
static int by_claim(const void *a, const void *b)
{
	const struct routed *x = a, *y = b;
	int order = strcmp(x->bridge, y->bridge);

	if (order == 0)
		order = y->prefix.len - x->prefix.len;
	if (order == 0)
		order = prefix_compare(&x->prefix, &y->prefix);
	if (order == 0)
		order = strcmp(x->port->port->id, y->port->port->id);
	return order;
}

/*
 * The addresses that lead to ports. A port that may use any address (a pair of length 0, no
 * fixed address) gets no line for that: it would catch what the host sends to everybody else.
 */
static struct routed *routed_list(struct compiler *c, enum family family, size_t *ret_n)
{
	VEC(struct routed) list = { 0 };

	for (struct port_plan *p = c->ports; p < c->ports + c->n_ports; p++) {
		struct address_pair *sources;
		size_t n, first;

		if (!p->plug->is_routed || !p->plug->bridge || !p->is_filtered ||
			!policy_port_has_family(p->port, family))
			continue;
		sources = port_sources(c, p->port, family, &n);
		first = list.n;
		for (size_t i = 0; i < n; i++) {
			bool is_there = sources[i].prefix.len == 0;

			/* One address with two MACs is one address here. */
			for (size_t k = first; k < list.n && !is_there; k++)
				is_there = prefix_compare(
						   &list.items[k].prefix, &sources[i].prefix) == 0;
			if (!is_there)
				*vec_push(&list, c->arena) =
					(struct routed){ p->plug->bridge, sources[i].prefix, p };
		}
	}
	if (list.n)
		qsort(list.items, list.n, sizeof(*list.items), by_claim);
	*ret_n = list.n;
	return list.items;
}

/*
 * Must the search end at this claim? Only when a wider claim would have the packet judged again,
 * by another port or counted twice by the same. Ports with the same claim are all asked: who has
 * the address now is not known.
 */
static bool routed_ends(const struct routed *claim, const struct routed *end)
{
	const struct routed *r = claim + 1;

	if (r == end || strcmp(r->bridge, claim->bridge) != 0 ||
		prefix_compare(&r->prefix, &claim->prefix) == 0)
		return false;
	for (; r < end && strcmp(r->bridge, claim->bridge) == 0; r++)
		if (r->prefix.len < claim->prefix.len && prefix_covers(&r->prefix, &claim->prefix))
			return true;
	return false;
}

static void routed_add(
	struct compiler *c, struct chain *routed, struct chain *output, enum family family)
{
	size_t n, n_wide = 0;
	struct routed *list = routed_list(c, family, &n);

	/* Wide claims are few; without one no search needs to end early. */
	for (size_t i = 0; i < n; i++)
		n_wide += list[i].prefix.len < prefix_max_len(family);
	for (size_t i = 0; i < n; i++) {
		struct match *m = matches_copy(c,
			(struct match[]){ { .kind = MATCH_DST, .prefix = list[i].prefix },
				{ .kind = MATCH_OUT_IFACE, .name = list[i].bridge } },
			2);
		struct target target = target_jump(list[i].port->chain_i);
		const struct origin *origin =
			origin_of(c, list[i].port, DUTY_DISPATCH, DIR_INGRESS);

		if (n_wide && routed_ends(&list[i], list + n))
			target.kind = TARGET_GOTO;
		rule_add(c, routed, m, 2, target, NULL, origin);
		rule_add(c, output, m, 2, target, NULL, origin);
	}
}

struct skeleton {
	struct chain *input, *forward, *output, *sg_chain, *routed;
};

static void dispatch_filtered(struct compiler *c, const struct skeleton *s, struct port_plan *p)
{
	const struct origin *in = origin_of(c, p, DUTY_DISPATCH, DIR_INGRESS);
	const struct origin *out = origin_of(c, p, DUTY_DISPATCH, DIR_EGRESS);
	struct target sg_chain = target_jump(c->names.sg_chain);

	rule_add(c, s->forward, p->bridged_out, 2, sg_chain, FORWARD_TEXT, in);
	rule_add(c, s->forward, p->bridged_in, 2, sg_chain, FORWARD_TEXT, out);
	rule_add(c, s->sg_chain, p->bridged_out, 2, target_jump(p->chain_i), SG_CHAIN_TEXT, in);
	rule_add(c, s->sg_chain, p->bridged_in, 2, target_jump(p->chain_o), SG_CHAIN_TEXT, out);
	/* is-bridged needs an output port, and in INPUT there is none. */
	rule_add(c, s->input, p->bridged_in, 1, target_jump(p->chain_o), INPUT_TEXT, out);
	rule_add(c, s->routed, p->bridged_in, 1, target_jump(p->chain_o), NULL, out);
}

static void dispatch_open(struct compiler *c, const struct skeleton *s, struct port_plan *p)
{
	bool is_trusted = policy_port_is_trusted(p->port);
	enum duty duty = is_trusted ? DUTY_TRUSTED : DUTY_PORT_SECURITY_OFF;
	const char *comment = is_trusted ? TRUSTED_TEXT : OFF_TEXT;
	const struct origin *in = origin_of(c, p, duty, DIR_INGRESS);
	const struct origin *out = origin_of(c, p, duty, DIR_EGRESS);

	rule_add(c, s->forward, p->bridged_out, 2, target_of(TARGET_ACCEPT), comment, in);
	rule_add(c, s->forward, p->bridged_in, 2, target_of(TARGET_ACCEPT), comment, out);
	/* Nothing in INPUT: the host's own rules say what this VM may send to the host. */
}

/* On every host, with ports or without, so that no port that comes or goes changes it. */
static void cut_add(struct compiler *c, struct chain *chain)
{
	static const struct match marked = { .kind = MATCH_CT_MARK,
		.ct_mark = { .value = COMPILE_CUT_MARK, .mask = COMPILE_CUT_MARK } };

	rule_add(c, chain, matches_copy(c, &marked, 1), 1, target_jump(c->names.sg_fallback),
		CUT_TEXT, origin_of_host(c, DUTY_CUT));
}

static void dispatch_add(struct compiler *c, const struct skeleton *s, enum family family)
{
	static const struct match unbridged = { .kind = MATCH_PHYSDEV_BRIDGED, .inverted = true };

	chain_reserve(c->arena, s->forward, 2 * c->n_ports + 1);
	chain_reserve(c->arena, s->input, c->n_ports + 1);
	chain_reserve(c->arena, s->sg_chain, 2 * c->n_filtered + 2);
	chain_reserve(c->arena, s->routed, c->n_filtered + 1);
	/* First, and without return: none of the lines for bridged packets is for these. */
	rule_add(c, s->forward, matches_copy(c, &unbridged, 1), 1,
		(struct target){ .kind = TARGET_GOTO, .chain = c->names.routed }, NULL,
		origin_of_host(c, DUTY_SKELETON));
	cut_add(c, s->sg_chain);
	cut_add(c, s->input);
	cut_add(c, s->routed);
	cut_add(c, s->output);
	for (struct port_plan *p = c->ports; p < c->ports + c->n_ports; p++)
		if (p->is_filtered)
			dispatch_filtered(c, s, p);
	for (int trusted = 1; trusted >= 0; trusted--)
		for (struct port_plan *p = c->ports; p < c->ports + c->n_ports; p++)
			if (!policy_port_is_filtered(p->port) &&
				policy_port_is_trusted(p->port) == (trusted == 1))
				dispatch_open(c, s, p);
	rule_add(c, s->sg_chain, NULL, 0, target_of(TARGET_ACCEPT), NULL,
		origin_of_host(c, DUTY_SKELETON));
	routed_add(c, s->routed, s->output, family);
}

/* Nothing jumps here: the comments are the message, to later runs and to people. */
static void mark_add(struct compiler *c, struct chain *owner)
{
	const struct compile_options *o = c->options;
	const struct origin *origin = origin_of_host(c, DUTY_MARK);
	struct target none = target_of(TARGET_NONE);

	rule_add(c, owner, NULL, 0, none,
		comment_join(c->arena, (const char *[]){ "portwall ", PORTWALL_VERSION, NULL }),
		origin);
	for (size_t i = 0; i < o->n_restore_notes; i++)
		rule_add(c, owner, NULL, 0, none,
			comment_join(c->arena,
				(const char *[]){ "restore: ", o->restore_notes[i], NULL }),
			origin);
}

/* All chains before the first rule, so that they stand in order and their places stay. */
static void filter_chains_make(struct compiler *c, struct table *table)
{
	static const char *const base[] = { "INPUT", "FORWARD", "OUTPUT" };
	const char *const fixed[] = { c->scope->top_chain, c->names.forward, c->names.input,
		c->names.output, c->names.local, c->names.owner, c->names.routed, c->names.sg_chain,
		c->names.sg_fallback };
	size_t n_fixed = has_shared(c) ? N_OF(fixed) : 0, n = 0;
	const char **own = arena_new_array(c->arena, const char *, n_fixed + 3 * c->n_with_chains);

	for (size_t i = 0; i < n_fixed; i++)
		own[n++] = fixed[i];
	for (struct port_plan *p = c->ports; p < c->ports + c->n_ports; p++) {
		if (!p->has_chains)
			continue;
		own[n++] = p->chain_i;
		own[n++] = p->chain_o;
		own[n++] = p->chain_s;
	}
	chains_make(c, table, base, n_fixed ? N_OF(base) : 0, own, n);
}

static void skeleton_make(struct compiler *c, struct table *table)
{
	const struct origin *origin = origin_of_host(c, DUTY_SKELETON);
	struct chain *input, *forward, *output;
	struct skeleton s;

	input = chain_of(c, table, "INPUT");
	forward = chain_of(c, table, "FORWARD");
	output = chain_of(c, table, "OUTPUT");
	s.forward = chain_of(c, table, c->names.forward);
	s.input = chain_of(c, table, c->names.input);
	s.output = chain_of(c, table, c->names.output);
	s.sg_chain = chain_of(c, table, c->names.sg_chain);
	s.routed = chain_of(c, table, c->names.routed);

	rule_add(c, input, NULL, 0, target_jump(c->names.input), NULL, origin);
	rule_add(c, forward, NULL, 0, target_jump(c->scope->top_chain), NULL, origin);
	rule_add(c, forward, NULL, 0, target_jump(c->names.forward), NULL, origin);
	rule_add(c, output, NULL, 0, target_jump(c->scope->top_chain), NULL, origin);
	rule_add(c, output, NULL, 0, target_jump(c->names.output), NULL, origin);
	rule_add(c, chain_of(c, table, c->scope->top_chain), NULL, 0, target_jump(c->names.local),
		NULL, origin);
	rule_add(c, chain_of(c, table, c->names.sg_fallback), NULL, 0, target_of(TARGET_DROP),
		FALLBACK_TEXT, origin_of_host(c, DUTY_DEFAULT_DROP));
	mark_add(c, chain_of(c, table, c->names.owner));
	dispatch_add(c, &s, table->family);
}

void filter_make(struct compiler *c, struct table *table)
{
	filter_chains_make(c, table);
	if (has_shared(c))
		skeleton_make(c, table);
	for (struct port_plan *p = c->ports; p < c->ports + c->n_ports; p++)
		if (p->has_chains)
			port_make(c, table, p);
}
