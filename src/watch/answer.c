// SPDX-License-Identifier: GPL-2.0-or-later
/* What was seen of a packet, and what explain says of it, side by side. */
#include <string.h>

#include "watch/internal.h"

static void add_difference(struct arena *arena, struct watch_answer *answer, const char *words)
{
	*vec_push(&answer->differences, arena) = arena_strdup(arena, words);
}

static void add_verdict(struct text *out, const char *who, const struct report *report)
{
	text_addf(out, "%s: ", who);
	report_print_verdict(out, report);
}

static bool is_same_decider(const struct decider *a, const struct decider *b)
{
	return a && b ? a->node->rule == b->node->rule && a->node->rule_chain == b->node->rule_chain
		      : !a && !b;
}

static void add_decider(struct text *out, const struct decider *decider)
{
	if (!decider)
		text_add(out, "no rule");
	else if (decider->node->rule)
		text_addf(out, "rule %zu of chain %s, table %s", decider->number,
			decider->node->rule_chain->name, decider->node->table->name);
	else
		text_addf(out, "the policy of chain %s, table %s", decider->node->rule_chain->name,
			decider->node->table->name);
}

/*
 * Explain asks for the socket where a flow begins. What else comes to the host is the host's for it, whether a socket takes it or
 * not: both ways it came there.
 */
static bool is_nobodys(const struct explanation *seen, const struct leaf *said)
{
	if ((said->final != FINAL_DELIVERED && said->final != FINAL_REWRITTEN) ||
		said->place != PLACE_HOST)
		return false;
	for (size_t i = 0; i < seen->leaves.n; i++)
		if (seen->leaves.items[i]->drop == DROP_NO_SOCKET &&
			seen->leaves.items[i]->last->ns == said->last->ns)
			return true;
	return false;
}

/* Where another flow may have the port, explain says that it may become another: then both ends are as it says. */
static bool is_rewritten_as_said(const struct leaf *seen, const struct leaf *said)
{
	const struct packet *is = seen->last->packet, *may = said->last->packet;

	return seen->final == FINAL_REWRITTEN && said->final == FINAL_DELIVERED && is && may &&
	       may->unknown & (FIELD_BIT(FIELD_SPORT) | FIELD_BIT(FIELD_DPORT)) &&
	       !addr_compare(&is->src, &may->src) && !addr_compare(&is->dst, &may->dst);
}

static void compare_verdicts(struct arena *arena, struct watch_answer *answer)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;
	enum final seen = answer->seen.explanation->final, said = answer->said.explanation->final;

	if (seen == FINAL_CANNOT_TELL ||
		is_nobodys(answer->seen.explanation, answer->said.explanation->leaf) ||
		is_rewritten_as_said(
			answer->seen.explanation->leaf, answer->said.explanation->leaf))
		return;
	if (seen != said) {
		add_verdict(&words, "explain says", &answer->said);
		add_difference(arena, answer, words.data);
		return;
	}
	/* where the rule was not seen, it is explain's anyhow */
	if (answer->evidence == EVIDENCE_TRACE &&
		!is_same_decider(answer->seen.decider, answer->said.decider)) {
		text_add(&words, "explain says that it is ");
		add_decider(&words, answer->said.decider);
		text_add(&words, "; seen was ");
		add_decider(&words, answer->seen.decider);
		add_difference(arena, answer, words.data);
	} else if (answer->seen.explanation->leaf->drop != answer->said.explanation->leaf->drop) {
		text_addf(&words, "explain says another cause: %s",
			drop_words(answer->said.explanation->leaf->drop));
		add_difference(arena, answer, words.data);
	}
}

static void compare_rewriting(struct arena *arena, struct watch_answer *answer)
{
	const struct packet *seen = answer->seen.explanation->leaf->last->packet;
	const struct packet *said = answer->said.explanation->leaf->last->packet;
	struct text words CLEANUP(text_done) = TEXT_INIT;

	if (answer->seen.explanation->final != FINAL_REWRITTEN ||
		answer->said.explanation->final != FINAL_REWRITTEN)
		return;
	if (!addr_compare(&seen->src, &said->src) && !addr_compare(&seen->dst, &said->dst) &&
		(seen->dport == said->dport || said->unknown & FIELD_BIT(FIELD_DPORT)))
		return;
	text_add(&words, "explain says that it becomes ");
	packet_print(&words, said);
	add_difference(arena, answer, words.data);
}

/* --- the devices --- */

enum { WAY_IN = 1, WAY_OUT = 2 };

static unsigned way_of(const struct node *node)
{
	if (node->kind == NODE_RECEIVED || node->kind == NODE_VETH)
		return WAY_IN;
	return node->kind == NODE_TRANSMIT ? WAY_OUT : 0;
}

static unsigned ways_of_leaf(const struct leaf *leaf, const struct link *link)
{
	unsigned ways = 0;

	for (const struct node *node = leaf->last; node; node = node->before)
		if (node->link == link)
			ways |= way_of(node);
	return ways;
}

/*
 * By which ways was it seen to pass the device? A copy that a device took because somebody listens there (a capture makes a bridge
 * promiscuous), and that nobody wanted, is no way of the packet: it may be there or not.
 */
static unsigned ways_seen(const struct explanation *seen, const struct link *link)
{
	unsigned ways = 0;

	for (size_t i = 0; i < seen->leaves.n; i++)
		if (seen->leaves.items[i] == seen->leaf ||
			seen->leaves.items[i]->drop != DROP_OTHER_HOST)
			ways |= ways_of_leaf(seen->leaves.items[i], link);
	return ways;
}

/* By which ways does explain let it pass? */
static unsigned ways_said(const struct explanation *said, const struct link *link)
{
	unsigned ways = 0;

	for (size_t i = 0; i < said->leaves.n; i++)
		ways |= ways_of_leaf(said->leaves.items[i], link);
	return ways;
}

static void compare_places(
	struct arena *arena, const struct watch_world *world, struct watch_answer *answer)
{
	const struct explanation *seen = answer->seen.explanation, *said = answer->said.explanation;

	vec_for_each (point, world->points) {
		unsigned were = ways_seen(seen, point->link), may = ways_said(said, point->link),
			 must = seen->final == said->final ? ways_of_leaf(said->leaf, point->link)
							   : 0;

		if (were & ~may & WAY_IN)
			add_difference(arena, answer,
				arena_printf(arena,
					"it was seen coming in at %s, where explain says that it does not come",
					point->link->name));
		if (were & ~may & WAY_OUT)
			add_difference(arena, answer,
				arena_printf(arena,
					"it was seen leaving by %s, where explain says that it does not go",
					point->link->name));
		if (must & ~were)
			add_difference(arena, answer,
				arena_printf(arena,
					"it was not seen %s %s, where explain says that it passes",
					must & ~were & WAY_IN ? "coming in at" : "leaving by",
					point->link->name));
	}
}

/* Where explain cannot tell there is nothing to compare with. */
static void compare(struct arena *arena, const struct watch_world *world,
	const struct watched *watched, struct watch_answer *answer)
{
	if (answer->said.explanation->final == FINAL_CANNOT_TELL)
		return;
	compare_verdicts(arena, answer);
	compare_rewriting(arena, answer);
	/* under a flood not every frame is kept */
	if (watched->frames.n)
		compare_places(arena, world, answer);
}

/* What the walk found in conntrack's entries, as they were read, where it asked first; 0: it did not ask there. */
static enum ct_state said_state(const struct explanation *said, const struct netns *ns)
{
	enum ct_state state = 0;

	for (const struct node *node = said->leaf->last; node; node = node->before)
		if (node->kind == NODE_CONNTRACK && node->ns == ns && node->packet)
			state = node->packet->ct_state;
	return state;
}

/*
 * Entries that were made since the host was read are known by what rules saw of the flow. But what holds in one namespace need not in the
 * next: it is said to explain only if that would say something else.
 */
static const struct explanation *ask(struct arena *arena, const struct watch_world *world,
	const struct moments *moments, struct query *query)
{
	const struct explanation *said = explain(arena, world->explainer, query);
	enum ct_state state = moments_state(moments, query->ns);
	enum ct_state known = said_state(said, query->ns);

	if (!state || !known || state == known)
		return said;
	query->packet.ct_state = state;
	query->has_ct_state = true;
	return explain(arena, world->explainer, query);
}

void watch_answer_make(struct arena *arena, const struct watch_world *world,
	const struct watched *watched, unsigned flags, struct watch_answer *ret)
{
	struct moments moments;
	struct way_ends ends = { 0 };
	struct explanation *seen = arena_new_one(arena, struct explanation);
	const struct explanation *said;

	*ret = (struct watch_answer){ 0 };
	moments_make(arena, world, watched, &moments);
	if (!seen_make(arena, world, &moments, ret, &ends))
		return;
	said = ask(arena, world, &moments, &ret->query);
	seen_find_ends(arena, world, watched, &ends, said, ret, seen);
	report_make(arena, world->explainer, &ret->query, said, flags, &ret->said);
	report_make(arena, world->explainer, &ret->query, seen, 0, &ret->seen);
	/* what is to be done is asked of explain, and holds where it agrees */
	compare(arena, world, watched, ret);
	if (!ret->differences.n) {
		ret->seen.changes = ret->said.changes;
		ret->seen.fields = ret->said.fields;
		ret->seen.any = ret->said.any;
	}
}
