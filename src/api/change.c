// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way of every change: it is checked as a part of the whole policy, put into the store, told to readers of events and to the
 * engine, and answered when the engine has said what became of it. What is in the store is what will be: when the
 * engine refuses it, or has gone, it is told again, and the answer says so.
 */
#include "api/request.h"

#include <stdio.h>
#include <string.h>

#include "api/documents.h"

/* Objects that an event names; a whole new policy is told by its revision. */
#define EVENT_OBJECTS 100
#define SYNC_AGAIN_MS 1000

static const char *const kind_names[N_PART_KINDS] = { [PART_GROUP] = "security_group",
	[PART_ADDRESS_GROUP] = "address_group",
	[PART_PORT] = "port" };

struct change *change_new(struct request *request, unsigned status)
{
	struct change *change = arena_new_one(request->arena, struct change);

	change->request = request;
	change->status = status;
	return change;
}

void change_put(struct change *change, const struct policy_part *part)
{
	*vec_push(&change->puts, change->request->arena) = *part;
}

void change_put_shown(struct change *change, const struct policy_part *part, const char *id)
{
	change_put(change, part);
	*vec_push(&change->ids, change->request->arena) = id;
}

void change_remove(struct change *change, enum part_kind kind, const char *id)
{
	*vec_push(&change->gone, change->request->arena) = (struct gone){ kind, id };
}

/* What is as the store has it already is no change. */
static void drop_equal(struct change *change)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct model *model = &change->request->door->model;
	size_t n = 0;

	for (size_t i = 0; i < change->puts.n; i++) {
		struct policy_part *part = &change->puts.items[i];
		const struct object *before = model_find(model, part->kind, policy_part_id(part));

		if (before && !strcmp(part_text(scratch, &before->part), part_text(scratch, part)))
			continue;
		change->puts.items[n++] = *part;
	}
	change->puts.n = n;
}

/* The parts of the policy as it would be. */
static const struct policy_part **parts_behind(
	struct arena *arena, const struct change *change, size_t *ret_n)
{
	const struct model *model = &change->request->door->model;
	const struct policy_part **parts;
	bool *goes[N_PART_KINDS];
	size_t n = change->puts.n;

	for (int kind = 0; kind < N_PART_KINDS; kind++) {
		goes[kind] = arena_new_array(arena, bool, model->n[kind]);
		n += model->n[kind];
	}
	vec_for_each (part, &change->puts) {
		const struct object *before = model_find(model, part->kind, policy_part_id(part));

		if (before)
			goes[part->kind][before - model->objects[part->kind]] = true;
	}
	vec_for_each (gone, &change->gone) {
		const struct object *before = model_find(model, gone->kind, gone->id);

		if (before)
			goes[gone->kind][before - model->objects[gone->kind]] = true;
	}
	parts = arena_new_array(arena, const struct policy_part *, n);
	n = 0;
	for (int kind = 0; kind < N_PART_KINDS; kind++)
		for (size_t i = 0; i < model->n[kind]; i++)
			if (!goes[kind][i])
				parts[n++] = &model->objects[kind][i].part;
	vec_for_each (part, &change->puts)
		parts[n++] = part;
	*ret_n = n;
	return parts;
}

/* Would the store hold a policy? Else the request is answered. */
static bool check_change(struct change *change)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct request *request = change->request;
	const struct policy_part **parts;
	const struct policy *policy;
	size_t n, wrong;
	struct err err;

	vec_for_each (part, &change->puts) {
		struct policy_part copy;

		if (!part_copy(scratch, part, &copy, &err)) {
			answer_err(request, &err);
			return false;
		}
	}
	parts = parts_behind(scratch, change, &n);
	if (policy_join(scratch, parts, n, request->door->host, &policy, &wrong, &err))
		return true;
	/* Each part is right on its own: it is what they are together. */
	if (err.kind == ERR_INPUT)
		err.kind = ERR_CONFLICT;
	answer_err(request, &err);
	return false;
}

typedef VEC(struct store_put) put_vec;

static void add_put(struct arena *arena, put_vec *puts, const struct object *before,
	const struct policy_part *part)
{
	const char *old_key = before ? document_key(arena, &before->part) : NULL;
	const char *key = document_key(arena, part), *value = part_text(arena, part);

	/* A port that moves to another host has another key. */
	if (old_key && strcmp(old_key, key) != 0) {
		*vec_push(puts, arena) = (struct store_put){ old_key, NULL, 0, before->changed };
		old_key = NULL;
	}
	*vec_push(puts, arena) =
		(struct store_put){ key, value, strlen(value), old_key ? before->changed : 0 };
}

static bool store_change(struct change *change)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct request *request = change->request;
	struct door *door = request->door;
	put_vec puts = { 0 };
	struct err err, reload;

	vec_for_each (part, &change->puts)
		add_put(scratch, &puts, model_find(&door->model, part->kind, policy_part_id(part)),
			part);
	vec_for_each (gone, &change->gone) {
		const struct object *before = model_find(&door->model, gone->kind, gone->id);

		if (before)
			*vec_push(&puts, scratch) =
				(struct store_put){ document_key(scratch, &before->part), NULL, 0,
					before->changed };
	}
	if (store_commit(door->store, puts.items, puts.n, &change->revision, NULL, &err))
		return true;
	if (err.kind == ERR_CONFLICT) {
		/* Somebody else wrote: what we know is no longer what is there. */
		if (!model_load(&door->model, door->store, &reload)) {
			answer_err(request, &reload);
			return false;
		}
		engine_sync(door);
		err_next(&err, "Another program changed the store; look again, and try again.");
	}
	answer_err(request, &err);
	return false;
}

static void add_event_object(json_t *objects, enum part_kind kind, const char *id, const char *what)
{
	if (json_array_size(objects) < EVENT_OBJECTS)
		json_array_append_new(objects, json_pack("{s:s, s:s, s:s}", "kind",
						       kind_names[kind], "id", id, "is", what));
}

/* What the store has taken. */
static void apply_change(struct change *change)
{
	struct door *door = change->request->door;
	json_t *objects = json_array();

	vec_for_each (part, &change->puts) {
		bool is_new = !model_find(&door->model, part->kind, policy_part_id(part));

		add_event_object(
			objects, part->kind, policy_part_id(part), is_new ? "created" : "updated");
		model_put(&door->model, part, change->revision);
	}
	vec_for_each (gone, &change->gone) {
		add_event_object(objects, gone->kind, gone->id, "deleted");
		model_remove(&door->model, gone->kind, gone->id, change->revision);
	}
	events_add(door, "change",
		json_pack("{s:I, s:I, s:o}", "revision", (json_int_t)change->revision, "n",
			(json_int_t)change->puts.n + (json_int_t)change->gone.n, "objects",
			objects));
}

static json_t *json_of_failures(const struct serve_done *done)
{
	json_t *failures = json_array();

	for (size_t i = 0; i < done->n_failures; i++)
		json_array_append_new(
			failures, json_pack("{s:o, s:o, s:o}", "port_id",
					  json_text(done->failures[i].port_id), "why",
					  json_text(done->failures[i].why), "next_step",
					  json_text(done->failures[i].next_step)));
	return failures;
}

json_t *json_of_done(const struct change *change, const struct serve_done *done)
{
	json_t *lines = json_array(), *body;

	for (size_t i = 0; i < done->n_changes; i++)
		json_array_append_new(lines, json_text(done->changes[i]));
	body = json_pack("{s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "revision",
		(json_int_t)change->revision, "dry_run", change->is_dry, "steps",
		(json_int_t)done->n_steps, "flows_cut", (json_int_t)done->n_flows_cut, "usec",
		(json_int_t)done->usec, "rules_added", (json_int_t)done->rules_added,
		"rules_removed", (json_int_t)done->rules_removed, "members_added",
		(json_int_t)done->members_added, "members_removed",
		(json_int_t)done->members_removed, "changes", lines, "failures",
		json_of_failures(done));
	if (change->is_dry)
		foresight_add(body, done);
	return body;
}

/* The objects as they are now. */
static json_t *json_of_objects(const struct change *change)
{
	struct request *request = change->request;
	const struct resource *resource = request->route->resource;
	json_t *body = json_object(), *list = change->is_many ? json_array() : NULL;

	vec_for_each (id, &change->ids) {
		json_t *object = resource_show(request->door, resource, *id);

		if (!list)
			json_object_set_new(body, resource->one, object);
		else
			json_array_append_new(list, object);
	}
	if (list)
		json_object_set_new(body, resource->many, list);
	return body;
}

static void add_port_states(const struct change *change, json_t *body)
{
	struct request *request = change->request;
	const struct resource *resource = request->route->resource;
	json_t *one = json_object_get(body, resource->one), *port;
	size_t i;

	if (one)
		port_add_state(request->door, one);
	json_array_foreach(json_object_get(body, resource->many), i, port)
		port_add_state(request->door, port);
}

static void finish_objects(struct change *change)
{
	struct request *request = change->request;

	if (request->route->resource == &port_resource)
		add_port_states(change, request->kept);
	answer_json(request, change->status, change->status == 204 ? NULL : request->kept);
	if (change->status == 204)
		json_decref(request->kept);
	request->kept = NULL;
	request_finish(request);
}

static void take_ports_state(struct door *door, struct pending *pending, enum serve_type type,
	const char *body, size_t size)
{
	/* An engine that has gone answers nothing: then the ports are as they were known. */
	engine_take_state(door, type, body, size);
	if (pending->request)
		finish_objects(pending->data);
}

static void finish_change(struct change *change, const struct serve_done *done)
{
	struct request *request = change->request;
	struct pending *pending;

	if (change->finish) {
		change->finish(change, done);
		request_finish(request);
		return;
	}
	/* Clients of Neutron look at their own object: what else there is to say is beside it. */
	if (change->is_dry || done->n_failures) {
		json_object_set_new(request->kept, "portwall", json_of_done(change, done));
		if (change->status == 204 || change->is_dry)
			change->status = 200;
	}
	if (request->route->resource != &port_resource || change->is_dry || !change->ids.n) {
		finish_objects(change);
		return;
	}
	pending = engine_ask(request->door, request);
	pending->data = change;
	pending->answered = take_ports_state;
	serve_put_text(&request->door->engine.out, SERVE_STATUS, pending->id, "");
}

static void take_refused(struct door *door, const struct pending *pending, const struct err *err)
{
	struct change *change = pending->data;
	struct request *request = pending->request;
	bool is_stored = pending->revision != 0;

	if (is_stored) {
		door->counts.engine_refused++;
		snprintf(door->refused, sizeof(door->refused), "%s", err->text);
		if (!door->sync_again_ms)
			door->sync_again_ms = door->now_ms + SYNC_AGAIN_MS;
	}
	if (!request)
		return;
	if (!is_stored)
		answer_err(request, err);
	else
		answer_error(request, 503, "EngineRefused",
			arena_printf(request->arena,
				"%s%sIt is tried again; GET /healthz tells when it is there.",
				err->next_step, err->next_step[0] ? " " : ""),
			"It is stored as revision %llu but not in the kernel: %s.",
			(unsigned long long)change->revision, err->text);
	request_finish(request);
}

static void take_done(struct door *door, struct pending *pending, enum serve_type type,
	const char *body, size_t size)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct serve_done done;
	struct err err, wrong;

	if (type == SERVE_DONE && serve_get_done(scratch, body, size, &done, &wrong)) {
		if (pending->revision && done.revision > door->engine_revision)
			door->engine_revision = done.revision;
		door->is_state_stale = true;
		if (pending->request)
			finish_change(pending->data, &done);
		return;
	}
	if (type != SERVE_REFUSED || !serve_get_refused(body, size, &err, &wrong)) {
		err_system(&err, 0, "the engine has ended");
		err_next(&err, "The service starts anew by itself; ask again then.");
	}
	take_refused(door, pending, &err);
}

static void tell_engine(struct change *change)
{
	struct request *request = change->request;
	struct door *door = request->door;
	size_t n = change->gone.n;
	struct serve_change told = { .revision = change->is_dry ? door->model.revision
								: change->revision,
		.is_dry = change->is_dry,
		.parts = change->puts.items,
		.n_parts = change->puts.n,
		.gone = arena_new_array(request->arena, const char *, n),
		.gone_kinds = arena_new_array(request->arena, enum part_kind, n),
		.n_gone = n };
	struct pending *pending = engine_ask(door, request);

	for (size_t i = 0; i < n; i++) {
		told.gone[i] = change->gone.items[i].id;
		told.gone_kinds[i] = change->gone.items[i].kind;
	}
	pending->revision = change->is_dry ? 0 : change->revision;
	pending->data = change;
	pending->answered = take_done;
	serve_put_change(&door->engine.out, SERVE_CHANGE, pending->id, &told);
	request_wait(request, door->times.wait_s);
}

void change_submit(struct change *change)
{
	struct request *request = change->request;
	struct door *door = request->door;

	if (!request_flag(request, "dry_run", &change->is_dry) || !request_may_wait(request))
		return;
	drop_equal(change);
	if (!check_change(change))
		return;
	change->revision = door->model.revision;
	if (!change->is_dry && change->puts.n + change->gone.n) {
		if (!store_change(change))
			return;
		apply_change(change);
	}
	/* As it is now: a change that comes behind it is not its answer. */
	request->kept = change->is_dry ? json_object() : json_of_objects(change);
	if (!change->is_dry && change->ids.n == 1)
		request->answer.etag =
			resource_changed(door, request->route->resource, change->ids.items[0]);
	tell_engine(change);
}
