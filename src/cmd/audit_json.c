// SPDX-License-Identifier: GPL-2.0-or-later
/* The answers of portwall audit as JSON; docs/audit.md lists the keys. */
#include "cmd/audit.h"

#include <string.h>

static json_t *of_rule(const struct invocation *inv, const struct audit_rule *rule)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;
	struct owner owner;

	if (!rule->chain)
		return json_null();
	audit_rule_print_text(&words, rule);
	owner = audit_rule_owner(inv->arena, rule);
	return json_pack("{s:s, s:o, s:o, s:I, s:i, s:o, s:s}", "family",
		family_name(rule->table->family), "table", output_json_words(rule->table->name),
		"chain", output_json_words(rule->chain->name), "number", (json_int_t)rule->number,
		"line", rule->rule ? (int)rule->rule->line : 0, "rule",
		output_json_words(words.data), "owner", owner.name);
}

static json_t *of_rules(const struct invocation *inv, const struct audit_rule *rules, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, of_rule(inv, &rules[i]));
	return array;
}

static json_t *of_packet(const struct packet *packet)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;

	packet_print(&words, packet);
	return output_json_words(words.data);
}

static json_t *of_set(struct sets *sets, struct packet_set set)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;
	json_t *array = json_array();
	char *at;

	set_print(sets, set, 1000, &words);
	at = words.data;
	for (char *line = strsep(&at, "\n"); line; line = strsep(&at, "\n"))
		if (*line)
			json_array_append_new(array, output_json_words(line));
	return array;
}

static json_t *of_ranges(const struct address_class *class)
{
	json_t *array = json_array();

	for (size_t i = 0; i < class->n_ranges; i++) {
		struct text words CLEANUP(text_done) = TEXT_INIT;

		class_range_print(&words, &class->ranges[i]);
		json_array_append_new(array, json_string(words.data));
	}
	return array;
}

static json_t *of_matrix(const struct service_matrix *matrix)
{
	json_t *classes = json_array(), *reach = json_array();

	for (size_t i = 0; i < matrix->n_classes; i++)
		json_array_append_new(
			classes, json_pack("{s:s, s:o, s:b}", "name", matrix->classes[i].name,
					 "addresses", of_ranges(&matrix->classes[i]), "is_cut",
					 matrix->classes[i].is_cut));
	for (size_t s = 0; s < matrix->n_services; s++)
		for (size_t from = 0; from < matrix->n_classes; from++)
			for (size_t to = 0; to < matrix->n_classes; to++) {
				enum reach one = service_matrix_cell(matrix, s, from, to);

				if (one == REACH_NO)
					continue;
				json_array_append_new(
					reach, json_pack("{s:o, s:s, s:s, s:s}", "service",
						       output_json_words(matrix->services[s]),
						       "from", matrix->classes[from].name, "to",
						       matrix->classes[to].name, "reach",
						       reach_name(one)));
			}
	return json_pack("{s:o, s:o}", "classes", classes, "reach", reach);
}

static json_t *of_sources(const struct judged_place *judged)
{
	json_t *array = json_array();

	for (size_t i = 0; i < judged->n_sources; i++) {
		json_t *ifaces = json_array();

		vec_for_each (name, &judged->sources[i].ifaces)
			json_array_append_new(ifaces, output_json_words(*name));
		json_array_append_new(
			array, json_pack("{s:o, s:b, s:o, s:b}", "interfaces", ifaces, "is_rest",
				       judged->sources[i].is_rest, "sources",
				       of_ranges(&judged->sources[i].sources), "is_cut",
				       judged->sources[i].sources.is_cut));
	}
	return array;
}

static json_t *of_certificates(const struct audited *audited, const struct judged_place *judged)
{
	json_t *array = json_array();

	for (size_t i = 0; i < judged->n_certificates; i++) {
		const struct audit_certificate *one = &judged->certificates[i];
		json_t *value = json_pack("{s:o, s:b}", "interface",
			output_json_words(one->assignment->iface), "certain", one->is_certain);

		if (!one->is_certain) {
			json_object_set_new(value, "others", of_set(audited->sets, one->others));
			json_object_set_new(value, "witness", of_packet(&one->witness));
		}
		json_array_append_new(array, value);
	}
	return array;
}

static json_t *of_place(const struct audited *audited, const struct judged_place *judged)
{
	const struct audit_place *place = judged->place;
	json_t *chains = json_array();

	for (size_t i = 0; i < place->n_chains; i++)
		json_array_append_new(
			chains, json_pack("{s:o, s:o}", "table",
					output_json_words(place->chains[i].table->name), "chain",
					output_json_words(place->chains[i].chain->name)));
	return json_pack("{s:s, s:o, s:b, s:o, s:o, s:o}", "hook", hook_name(place->hook), "chains",
		chains, "is_order_unknown", place->is_order_unknown, "matrix",
		of_matrix(&judged->matrix), "sources", of_sources(judged), "certificates",
		of_certificates(audited, judged));
}

static json_t *of_dead(const struct invocation *inv, const struct audit_dead *dead)
{
	return json_pack("{s:o, s:s, s:o, s:b, s:b, s:o}", "rule", of_rule(inv, &dead->rule),
		"reason", dead_reason_name(dead->reason), "by",
		of_rules(inv, dead->by.items, dead->by.n), "has_more", dead->has_more, "certain",
		!dead->is_unsure, "set",
		dead->set_name ? output_json_words(dead->set_name) : json_null());
}

json_t *audit_json(const struct invocation *inv, const struct audited *audited)
{
	const struct audit_deads *deads = &audited->deads;
	json_t *places = json_array(), *dead = json_array(), *unreached = json_array();
	json_t *not_known = json_array();

	for (size_t i = 0; i < audited->n_open; i++)
		json_array_append_new(not_known,
			json_pack("{s:o, s:s}", "rule", of_rule(inv, &audited->open[i].rule), "why",
				audited->open[i].why ? audited->open[i].why
						     : "its target is not modelled"));

	for (size_t i = 0; i < audited->n_places; i++)
		json_array_append_new(places, of_place(audited, &audited->places[i]));
	for (size_t i = 0; i < deads->n_dead; i++)
		json_array_append_new(dead, of_dead(inv, &deads->dead[i]));
	for (size_t i = 0; i < deads->n_unreached; i++)
		json_array_append_new(unreached,
			json_pack("{s:o, s:o, s:b}", "table",
				output_json_words(deads->unreached[i].table->name), "chain",
				output_json_words(deads->unreached[i].chain->name), "is_called",
				deads->unreached[i].is_called));
	return json_pack("{s:s, s:o, s:I, s:o, s:o, s:o}", "family", family_name(audited->family),
		"places", places, "rules", (json_int_t)deads->n_rules, "dead", dead, "unreached",
		unreached, "not_known", not_known);
}

json_t *audit_json_comparison(const struct invocation *inv, const struct compared *compared)
{
	json_t *places = json_array();

	for (size_t i = 0; i < compared->n_places; i++) {
		const struct audit_comparison *comparison = &compared->places[i].comparison;
		json_t *list = json_array(), *changed = json_array();

		for (size_t d = 0; d < comparison->n; d++) {
			const struct audit_difference *one = &comparison->differences[d];

			json_array_append_new(list,
				json_pack("{s:o, s:o, s:o, s:b, s:o, s:o}", "passed_by",
					output_json_words(compared->names[!one->is_first]),
					"packets", of_set(compared->sets, one->shown), "witness",
					of_packet(&one->witness), "certain", one->is_always,
					"passing", of_rule(inv, &one->passing), "losing",
					of_rule(inv, &one->losing)));
		}
		for (enum field field = 0; field < N_FIELDS; field++)
			if (comparison->changed & FIELD_BIT(field))
				json_array_append_new(changed, json_string(field_key(field)));
		json_array_append_new(places,
			json_pack("{s:s, s:o, s:b, s:o}", "hook",
				hook_name(compared->places[i].hook), "differences", list, "is_cut",
				!set_is_empty(comparison->rest[0]) ||
					!set_is_empty(comparison->rest[1]),
				"not_known", changed));
	}
	return json_pack("{s:s, s:o}", "family", family_name(compared->family), "places", places);
}
