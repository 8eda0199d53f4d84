// SPDX-License-Identifier: GPL-2.0-or-later
/* What text and JSON of an answer have in common: who decided, and the verdict as a sentence. */
#include "cmd/explain.h"

#include "packet/field.h"

const struct node *const *answer_path(struct arena *arena, const struct leaf *leaf, size_t *ret_n)
{
	size_t n = leaf->last ? leaf->last->depth + 1 : 0;
	const struct node **path = arena_new_array(arena, const struct node *, n + 1);
	const struct node *node = leaf->last;

	*ret_n = n;
	for (; node && n; node = node->before)
		path[--n] = node;
	return path;
}

/* Only what was asked right before: of an older flow the rule that made its mapping is not known. */
const struct node *answer_rewriter(const struct node *nat)
{
	for (const struct node *node = nat->before; node && node->kind == NODE_CHAIN;
		node = node->before)
		if (node->rule && node->chain_type == CHAIN_NAT)
			return node;
	return NULL;
}

const struct node *answer_decider(const struct answer *answer)
{
	const struct leaf *leaf = answer->explanation->leaf;
	bool is_lost = leaf->drop == DROP_RULE || leaf->drop == DROP_POLICY ||
		       leaf->final == FINAL_REJECTED || leaf->final == FINAL_CONSUMED;

	for (const struct node *node = leaf->last; is_lost && node; node = node->before)
		if (node->kind == NODE_CHAIN)
			return node;
	return NULL;
}

size_t answer_rule_number(const struct node *decider)
{
	return (size_t)(decider->rule - decider->rule_chain->rules) + 1;
}

struct owner answer_owner(struct arena *arena, const struct node *decider)
{
	return owner_of_rule(arena, decider->table, decider->rule_chain, decider->rule);
}

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

/* What differs between the packet that was asked for and the one that arrives. */
static void add_rewriting(struct text *out, const struct answer *answer)
{
	const struct packet *was = &answer->query->packet,
			    *is = answer->explanation->leaf->last->packet;

	if (addr_compare(&was->src, &is->src) != 0) {
		text_add(out, "; its source ");
		addr_print(out, &was->src);
		text_add(out, " becomes ");
		addr_print(out, &is->src);
	}
	if (addr_compare(&was->dst, &is->dst) != 0) {
		text_add(out, "; its destination ");
		addr_print(out, &was->dst);
		text_add(out, " becomes ");
		addr_print(out, &is->dst);
	}
	add_port_change(out, "source", FIELD_SPORT, was, is);
	add_port_change(out, "destination", FIELD_DPORT, was, is);
}

static const char *loss_words(const struct leaf *leaf)
{
	if (leaf->drop == DROP_RULE && leaf->final == FINAL_REJECTED)
		return "a rule rejects it, and the sender is told";
	if (leaf->final == FINAL_CONSUMED)
		return "a rule hands it to a program or another device";
	return drop_words(leaf->drop);
}

void answer_print_verdict(struct text *out, const struct answer *answer)
{
	const struct explanation *explanation = answer->explanation;
	const struct leaf *leaf = explanation->leaf;

	text_addf(out, "%s%s", answer->is_reply ? "reply " : "",
		explanation->final == FINAL_CANNOT_TELL ? "cannot tell"
		: explanation->final == FINAL_REWRITTEN ? "delivered but rewritten"
							: final_name(explanation->final));
	switch (explanation->final) {
	case FINAL_DELIVERED:
	case FINAL_REWRITTEN:
		text_addf(out, " %s", place_words(leaf->place));
		add_where(out, leaf);
		add_rewriting(out, answer);
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
		text_addf(out, ": %s", loss_words(leaf));
		add_rewriting(out, answer);
	}
}
