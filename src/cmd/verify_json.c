// SPDX-License-Identifier: GPL-2.0-or-later
/* The answer of verify as JSON: docs/verify.md. */
#include "cmd/verify.h"

#include <string.h>

#include "packet/expr.h"
#include "packet/field.h"
#include "ruleset/edit.h"

const char *verification_verdict(const struct verification *v)
{
	return v->n_different ? "different" : v->n_cannot_tell ? "cannot-tell" : "equal";
}

static json_t *lines_json(const char *words)
{
	json_t *lines = json_array();

	while (words && *words) {
		size_t len = strcspn(words, "\n");

		json_array_append_new(lines, json_stringn(words, len));
		words += len + (words[len] == '\n');
	}
	return lines;
}

void verification_print_example(struct text *out, const struct verify_difference *d)
{
	static const enum field fields[] = { FIELD_LENGTH, FIELD_UID, FIELD_GID };
	struct packet packet = d->witness;

	for (size_t i = 0; i < N_OF(fields); i++)
		if (!d->words || !strstr(d->words, field_key(fields[i])))
			packet.unknown |= FIELD_BIT(fields[i]);
	packet_expr_print(out, &packet);
}

static void add_rule(json_t *to, const char *key, const struct verify_rule *rule)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	json_t *value;

	if (!rule->chain)
		return;
	if (rule->rule)
		table_print_rule(&out, rule->table, rule->rule);
	value = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "program", table_program(rule->table),
		"family", family_name(rule->table->family), "table", rule->table->name, "chain",
		rule->chain->name, "owner", rule->owner.name, "evidence", rule->owner.evidence);
	if (rule->rule) {
		json_object_set_new(value, "number", json_integer((json_int_t)rule->number));
		json_object_set_new(value, "rule", json_string(out.data));
	} else {
		json_object_set_new(value, "policy",
			rule->chain->policy ? json_string(rule->chain->policy) : json_null());
	}
	json_object_set_new(to, key, value);
}

static json_t *decision_json(const struct decision *decision)
{
	json_t *value = json_pack("{s:b, s:s}", "allows", !reason_is_drop(decision->reason),
		"reason", reason_name(decision->reason));

	if (decision->rule) {
		json_object_set_new(value, "rule_id", json_string(decision->rule->id));
		json_object_set_new(value, "group", json_string(decision->rule->group->name));
	}
	return value;
}

static json_t *difference_json(const struct verify_difference *d, bool has_policy)
{
	json_t *value = json_pack("{s:s, s:s, s:s}", "port", d->port->name, "device",
		d->port->way.device, "kind", verify_kind_name(d->kind));

	if (d->why)
		json_object_set_new(value, "why", json_string(d->why));
	if (d->words) {
		json_object_set_new(value, "direction",
			json_string(d->direction == DIR_EGRESS ? "egress" : "ingress"));
		json_object_set_new(value, "of", json_string(verify_class_name(d->class)));
		json_object_set_new(value, "packets", lines_json(d->words));
	}
	if (d->has_witness) {
		struct text out CLEANUP(text_done) = TEXT_INIT;

		verification_print_example(&out, d);
		json_object_set_new(value, "example", json_string(out.data));
		if (has_policy)
			json_object_set_new(value, "policy", decision_json(&d->decision));
	}
	if (d->kind != VERIFY_CANNOT_TELL) {
		json_object_set_new(value, "cause", json_string(verify_cause_name(d->cause)));
		if (d->name)
			json_object_set_new(value, "name", json_string(d->name));
	}
	add_rule(value, "missing", &d->missing);
	add_rule(value, "culprit", &d->culprit);
	add_rule(value, "decided", &d->decided);
	return value;
}

json_t *verification_json(const struct verification *v, bool has_policy)
{
	json_t *differences = json_array();

	for (size_t i = 0; i < v->n; i++)
		json_array_append_new(differences, difference_json(&v->items[i], has_policy));
	return json_pack("{s:s, s:I, s:I, s:I, s:b, s:o}", "verdict", verification_verdict(v),
		"ports", (json_int_t)v->n_ports, "ports_different", (json_int_t)v->n_different,
		"ports_cannot_tell", (json_int_t)v->n_cannot_tell, "has_nat", v->has_nat,
		"differences", differences);
}
