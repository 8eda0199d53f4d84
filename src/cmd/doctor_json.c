// SPDX-License-Identifier: GPL-2.0-or-later
/* The findings as JSON, as docs/doctor.md lists it. */
#include "cmd/doctor.h"

static json_t *words_json(const char *const *words)
{
	json_t *list = json_array();

	for (; *words; words++)
		json_array_append_new(list, output_json_words(*words));
	return list;
}

json_t *check_json(const struct check *check)
{
	return json_pack("{s:s, s:s, s:s, s:o}", "id", check->id, "title", check->title,
		"description", check->description, "references", words_json(check->references));
}

static json_t *proof_json(const struct proof *proof)
{
	return json_pack("{s:s, s:o, s:o}", "kind", proof->kind, "where",
		output_json_words(proof->where), "text", output_json_words(proof->text));
}

static json_t *fix_json(const struct fix *fix)
{
	json_t *value = json_pack("{s:s, s:s, s:b, s:b, s:o, s:o, s:s}", "name", fix->name, "words",
		fix->words, "recommended", fix->is_recommended, "applicable", fix->n_edits > 0,
		"commands", output_json_words(fix->commands), "undo", output_json_words(fix->undo),
		"proved", fix->proved);

	if (fix->consequence)
		json_object_set_new(value, "consequence", output_json_words(fix->consequence));
	return value;
}

json_t *finding_json(const struct finding *finding)
{
	json_t *proofs = json_array(), *ports = json_array(), *fixes = json_array();
	json_t *value;

	vec_for_each (proof, &finding->proofs)
		json_array_append_new(proofs, proof_json(proof));
	vec_for_each (port, &finding->ports)
		json_array_append_new(ports, output_json_words(*port));
	vec_for_each (fix, &finding->fixes)
		json_array_append_new(fixes, fix_json(fix));
	value = json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:o}", "id", finding->id,
		"check", finding->check->id, "severity", severity_name(finding->severity), "netns",
		output_json_words(finding->ns ? finding->ns->name : ""), "title",
		output_json_words(finding->title), "symptom", finding->symptom, "proofs", proofs,
		"ports", ports, "fixes", fixes);
	if (finding->owner.name)
		json_object_set_new(value, "owner",
			json_pack("{s:s, s:o}", "name", finding->owner.name, "evidence",
				output_json_words(finding->owner.evidence)));
	if (finding->witness)
		json_object_set_new(value, "witness", report_json(finding->witness, false));
	return value;
}

json_t *diagnosis_json(const struct diagnosis *diagnosis)
{
	json_t *findings = json_array(), *untold = json_array();

	vec_for_each (finding, &diagnosis->findings)
		json_array_append_new(findings, finding_json(*finding));
	vec_for_each (one, &diagnosis->untold)
		json_array_append_new(untold,
			json_pack("{s:s, s:o, s:o, s:I}", "check", one->check ? one->check->id : "",
				"why", output_json_words(one->why), "next",
				one->next ? output_json_words(one->next) : json_null(), "places",
				(json_int_t)one->n));
	return json_pack("{s:o, s:o, s:I, s:I}", "findings", findings, "cannot_tell", untold,
		"checks", (json_int_t)diagnosis->n_checks, "ports", (json_int_t)diagnosis->n_ports);
}
