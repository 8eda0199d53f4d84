// SPDX-License-Identifier: GPL-2.0-or-later
/* The whole policy as one file: shown, and made equal to one. */
#include "api/request.h"

#include <string.h>

#include "api/documents.h"

void policy_show(struct request *request)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct model *model = &request->door->model;
	struct answer *answer = &request->answer;
	const struct policy_part **parts;
	size_t n = 0;
	struct err err;

	for (int kind = 0; kind < N_PART_KINDS; kind++)
		n += model->n[kind];
	parts = arena_new_array(scratch, const struct policy_part *, n);
	n = 0;
	for (int kind = 0; kind < N_PART_KINDS; kind++)
		for (size_t i = 0; i < model->n[kind]; i++)
			parts[n++] = &model->objects[kind][i].part;
	if (!documents_to_policy_file(parts, n, &answer->body, &err)) {
		answer_err(request, &err);
		return;
	}
	answer->status = 200;
	answer->content_type = "application/yaml";
	answer->etag = model->revision;
}

struct policy_counts {
	size_t added[N_PART_KINDS], changed[N_PART_KINDS], removed[N_PART_KINDS],
		equal[N_PART_KINDS];
};

/* Whatever the file does not have goes. */
static void add_gone(struct change *change, const struct policy_part *parts, size_t n,
	struct policy_counts *counts)
{
	struct model *model = &change->request->door->model;
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	bool *stays[N_PART_KINDS];

	for (int kind = 0; kind < N_PART_KINDS; kind++)
		stays[kind] = arena_new_array(scratch, bool, model->n[kind]);
	for (size_t i = 0; i < n; i++) {
		const struct object *object = model_find(
			model, (enum object_kind)parts[i].kind, policy_part_id(&parts[i]));

		if (object)
			stays[parts[i].kind][object - model->objects[parts[i].kind]] = true;
	}
	for (int kind = 0; kind < N_PART_KINDS; kind++)
		for (size_t i = 0; i < model->n[kind]; i++)
			if (!stays[kind][i]) {
				/* a copy: what it points to may go before the engine is told */
				change_remove(change, (enum object_kind)kind,
					arena_strdup(change->request->arena,
						policy_part_id(&model->objects[kind][i].part)));
				counts->removed[kind]++;
			}
}

static void add_parts(struct change *change, const struct policy_part *parts, size_t n,
	struct policy_counts *counts)
{
	struct model *model = &change->request->door->model;

	for (size_t i = 0; i < n; i++) {
		struct arena *scratch CLEANUP(arena_freep) = arena_new();
		enum part_kind kind = parts[i].kind;
		const struct object *before =
			model_find(model, (enum object_kind)kind, policy_part_id(&parts[i]));
		struct object *put;

		if (before &&
			!strcmp(part_text(scratch, &before->part), part_text(scratch, &parts[i]))) {
			counts->equal[kind]++;
			continue;
		}
		before ? counts->changed[kind]++ : counts->added[kind]++;
		put = change_put(change, &parts[i]);
		if (kind == PART_PORT)
			port_forget_lists(change->request->arena, put);
	}
}

static void finish_replace(struct change *change, const struct serve_done *done)
{
	const struct policy_counts *counts = change->data;
	json_t *body = json_of_done(change, done), *policy = json_object();

	for (int kind = 0; kind < N_PART_KINDS; kind++)
		json_object_set_new(policy, document_list_key(kind),
			json_pack("{s:I, s:I, s:I, s:I}", "added", (json_int_t)counts->added[kind],
				"changed", (json_int_t)counts->changed[kind], "removed",
				(json_int_t)counts->removed[kind], "unchanged",
				(json_int_t)counts->equal[kind]));
	json_object_set_new(body, "policy", policy);
	change->request->answer.etag = change->revision;
	answer_json(change->request, change->status, body);
}

void policy_replace(struct request *request)
{
	struct door *door = request->door;
	struct change *change = change_new(request, 200);
	struct policy_counts *counts = arena_new_one(request->arena, struct policy_counts);
	const struct policy *policy;
	struct policy_part *parts;
	struct err err;
	size_t n;

	if (!request_matches(request, door->model.revision))
		return;
	if (!policy_parse(request->arena, "policy", request->body.data, request->body.len,
		    door->host, &policy, &err)) {
		answer_err(request, &err);
		return;
	}
	policy_split(request->arena, policy, &parts, &n);
	add_parts(change, parts, n, counts);
	add_gone(change, parts, n, counts);
	rbac_remove_of(change);
	change->finish = finish_replace;
	change->data = counts;
	change_submit(change);
}
