// SPDX-License-Identifier: GPL-2.0-or-later
/* An answer for programs: docs/explain.md lists every name. */
#include "cmd/explain.h"

#include "packet/expr.h"
#include "packet/field.h"

static json_t *json_packet(const struct packet *packet)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	packet_expr_print(&text, packet);
	return json_string(text.data);
}

static json_t *json_rule_text(const struct table *table, const struct rule *rule)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	table_print_rule(&text, table, rule);
	return json_string(text.data);
}

static const char *step_name(enum step_kind kind)
{
	switch (kind) {
	case STEP_MATCH:
		return "match";
	case STEP_MAYBE:
		return "maybe";
	case STEP_MAYBE_NOT:
		return "maybe-not";
	default:
		return "policy";
	}
}

static json_t *json_steps(const struct table *table, const struct step *last)
{
	json_t *steps = json_array();

	for (const struct step *step = last; step; step = step->before) {
		json_t *value = json_pack(
			"{s:s, s:s}", "kind", step_name(step->kind), "chain", step->chain->name);

		if (step->rule) {
			json_object_set_new(value, "rule",
				json_integer((json_int_t)(step->rule - step->chain->rules) + 1));
			json_object_set_new(value, "text", json_rule_text(table, step->rule));
		}
		json_array_insert_new(steps, 0, value);
	}
	return steps;
}

static json_t *json_node(const struct node *node)
{
	json_t *value = json_pack("{s:s}", "kind", node_kind_name(node->kind));

	if (node->ns)
		json_object_set_new(value, "netns", json_string(node->ns->name));
	if (node->link)
		json_object_set_new(value, "device", json_string(node->link->name));
	if (node->packet)
		json_object_set_new(value, "packet", json_packet(node->packet));
	if (node->note)
		json_object_set_new(value, "note", json_string(node->note));
	if (node->kind == NODE_CHAIN) {
		json_object_set_new(value, "table", json_string(node->table->name));
		json_object_set_new(value, "chain", json_string(node->chain->name));
		json_object_set_new(value, "hook", json_string(hook_name(node->hook)));
		json_object_set_new(value, "steps", json_steps(node->table, node->steps));
	}
	return value;
}

static json_t *json_path(const struct leaf *leaf)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	json_t *path = json_array();
	size_t n;
	const struct node *const *nodes = answer_path(arena, leaf, &n);

	for (size_t i = 0; i < n; i++)
		json_array_append_new(path, json_node(nodes[i]));
	return path;
}

static json_t *json_decider(const struct node *decider)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct owner owner = answer_owner(arena, decider);
	const struct chain *chain = decider->rule_chain;
	json_t *value = json_object();

	json_object_set_new(value, "table", json_string(decider->table->name));
	json_object_set_new(value, "chain", json_string(chain->name));
	if (decider->rule) {
		json_object_set_new(
			value, "rule", json_integer((json_int_t)answer_rule_number(decider)));
		json_object_set_new(value, "text", json_rule_text(decider->table, decider->rule));
		json_object_set_new(value, "packets",
			json_integer((json_int_t)decider->rule->counters.packets));
		json_object_set_new(
			value, "bytes", json_integer((json_int_t)decider->rule->counters.bytes));
	} else {
		json_object_set_new(
			value, "policy", chain->policy ? json_string(chain->policy) : json_null());
	}
	json_object_set_new(value, "owner", owner.is_known ? json_string(owner.name) : json_null());
	json_object_set_new(value, "owner_evidence", json_string(owner.evidence));
	return value;
}

static json_t *json_rewriters(const struct leaf *leaf)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	json_t *list = json_array();
	size_t n;
	const struct node *const *nodes = answer_path(arena, leaf, &n);

	for (size_t i = 0; i < n; i++) {
		const struct node *by =
			nodes[i]->kind == NODE_NAT ? answer_rewriter(nodes[i]) : NULL;

		if (by)
			json_array_append_new(list, json_decider(by));
	}
	return list;
}

static json_t *json_fields(uint64_t decided)
{
	json_t *fields = json_array();

	for (unsigned f = 0; f < N_FIELDS; f++)
		if (decided & FIELD_BIT(f))
			json_array_append_new(fields, json_string(field_key((enum field)f)));
	return fields;
}

json_t *answer_json(const struct answer *answer)
{
	const struct explanation *explanation = answer->explanation;
	const struct leaf *leaf = explanation->leaf;
	const struct node *decider = answer_decider(answer);
	struct text words CLEANUP(text_done) = TEXT_INIT;
	json_t *root = json_object();

	answer_print_verdict(&words, answer);
	json_object_set_new(root, "verdict", json_string(final_name(explanation->final)));
	json_object_set_new(root, "words", json_string(words.data));
	json_object_set_new(
		root, "drop_reason", leaf->drop ? json_string(drop_name(leaf->drop)) : json_null());
	json_object_set_new(root, "missing",
		explanation->final == FINAL_CANNOT_TELL && leaf->why ? json_string(leaf->why)
								     : json_null());
	json_object_set_new(root, "packet", json_packet(&answer->query->packet));
	json_object_set_new(root, "decided_by", decider ? json_decider(decider) : json_null());
	json_object_set_new(root, "rewritten_by", json_rewriters(leaf));
	json_object_set_new(root, "fields", json_fields(explanation->decided));
	json_object_set_new(root, "path", json_path(leaf));
	if (explanation->other)
		json_object_set_new(root, "other_path", json_path(explanation->other));
	return root;
}
