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
#include "policy/fit.h"

/* Objects that an event names; a whole new policy is told by its revision. */
#define EVENT_OBJECTS 100
#define SYNC_AGAIN_MS 1000

static const char *const kind_names[N_OBJECT_KINDS] = { [OBJECT_GROUP] = "security_group",
	[OBJECT_ADDRESS_GROUP] = "address_group",
	[OBJECT_PORT] = "port",
	[OBJECT_NETWORK] = "network",
	[OBJECT_SUBNET] = "subnet",
	[OBJECT_RBAC] = "rbac_policy",
	[OBJECT_QUOTA] = "quota",
	[OBJECT_DEFAULT_RULE] = "default_security_group_rule" };

struct change *change_new(struct request *request, unsigned status)
{
	struct change *change = arena_new_one(request->arena, struct change);

	change->request = request;
	change->status = status;
	request->change = change;
	return change;
}

static struct attrs new_attrs(const struct request *request)
{
	int64_t now_s = request->door->now_s;

	return (struct attrs){
		.project_id = request->who.project_id, .created_at = now_s, .updated_at = now_s
	};
}

/* Rules are known by their ids. Copies: what the model has goes with the first object that is put into it. */
static struct attrs *attrs_of_rules(struct change *change, const struct object *before,
	const struct policy_group *group, const char *project_id)
{
	struct arena *arena = change->request->arena;
	struct attrs *attrs = arena_new_array(arena, struct attrs, group->n_rules);
	struct map *known = map_new(arena);

	for (size_t i = 0; before && i < before->part.group.n_rules; i++)
		map_add(known, before->part.group.rules[i].id, &before->rule_attrs[i]);
	for (size_t i = 0; i < group->n_rules; i++) {
		const struct attrs *old = map_find(known, group->rules[i].id);

		if (old) {
			attrs_copy(arena, old, &attrs[i]);
			continue;
		}
		attrs[i] = new_attrs(change->request);
		attrs[i].project_id = project_id;
	}
	return attrs;
}

static struct object *put_object(struct change *change, const struct object *object)
{
	struct request *request = change->request;
	const struct object *before = model_find(&request->door->model, object->kind, object->id);
	struct object *put = vec_push(&change->puts, request->arena);

	*put = *object;
	/* a copy: what the model has may go before the engine has answered */
	if (before)
		attrs_copy(request->arena, &before->attrs, &put->attrs);
	else
		put->attrs = new_attrs(request);
	return put;
}

struct object *change_put(struct change *change, const struct policy_part *part)
{
	struct object *put =
		put_object(change, &(struct object){ .kind = (enum object_kind)part->kind,
					   .id = policy_part_id(part),
					   .part = *part });

	if (put->kind == OBJECT_GROUP)
		put->rule_attrs = attrs_of_rules(change,
			model_find(&change->request->door->model, put->kind, put->id), &part->group,
			put->attrs.project_id);
	return put;
}

struct object *change_put_shown(
	struct change *change, const struct policy_part *part, const char *id)
{
	*vec_push(&change->ids, change->request->arena) = id;
	return change_put(change, part);
}

struct object *change_put_record(
	struct change *change, enum object_kind kind, const char *id, json_t *extra)
{
	struct object *put = put_object(change, &(struct object){ .kind = kind, .id = id });

	put->attrs.extra = json_line(change->request->arena, extra);
	json_decref(extra);
	return put;
}

void object_of_project(struct object *object, const char *project_id)
{
	object->attrs.project_id = project_id;
	for (size_t i = 0; object->kind == OBJECT_GROUP && i < object->part.group.n_rules; i++)
		object->rule_attrs[i].project_id = project_id;
}

void change_remove(struct change *change, enum object_kind kind, const char *id)
{
	*vec_push(&change->gone, change->request->arena) = (struct gone){ kind, id };
}

static bool rules_equal(const struct object *before, const struct object *put)
{
	for (size_t i = 0; put->kind == OBJECT_GROUP && i < put->part.group.n_rules; i++)
		if (!attrs_equal(&before->rule_attrs[i], &put->rule_attrs[i]))
			return false;
	return true;
}

/* What is as the store has it already is no change; what means the same is none for the engine. */
static void drop_equal(struct change *change)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct request *request = change->request;
	size_t n = 0;

	for (size_t i = 0; i < change->puts.n; i++) {
		struct object *put = &change->puts.items[i];
		const struct object *before = model_find(&request->door->model, put->kind, put->id);
		bool is_same_part = !kind_is_part(put->kind) ||
				    (before && !strcmp(part_text(scratch, &before->part),
						       part_text(scratch, &put->part)));

		if (before && is_same_part && attrs_equal(&before->attrs, &put->attrs) &&
			rules_equal(before, put))
			continue;
		if (!is_same_part)
			*vec_push(&change->told, request->arena) = put->part;
		put->attrs.updated_at = request->door->now_s;
		change->puts.items[n++] = *put;
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
	size_t n = change->told.n;

	for (int kind = 0; kind < N_PART_KINDS; kind++) {
		goes[kind] = arena_new_array(arena, bool, model->n[kind]);
		n += model->n[kind];
	}
	vec_for_each (part, &change->told) {
		const struct object *before =
			model_find(model, (enum object_kind)part->kind, policy_part_id(part));

		if (before)
			goes[part->kind][before - model->objects[part->kind]] = true;
	}
	vec_for_each (gone, &change->gone) {
		const struct object *before = model_find(model, gone->kind, gone->id);

		if (before && kind_is_part(gone->kind))
			goes[gone->kind][before - model->objects[gone->kind]] = true;
	}
	parts = arena_new_array(arena, const struct policy_part *, n);
	n = 0;
	for (int kind = 0; kind < N_PART_KINDS; kind++)
		for (size_t i = 0; i < model->n[kind]; i++)
			if (!goes[kind][i])
				parts[n++] = &model->objects[kind][i].part;
	vec_for_each (part, &change->told)
		parts[n++] = part;
	*ret_n = n;
	return parts;
}

static bool has_parts(const struct change *change)
{
	vec_for_each (gone, &change->gone)
		if (kind_is_part(gone->kind))
			return true;
	return change->told.n != 0;
}

static const struct policy_part *part_at(const void *data, enum part_kind kind, size_t i)
{
	const struct model *model = data;

	return &model->objects[kind][i].part;
}

/* Is it a policy then, as can be seen from what changes alone? */
static bool fits(struct arena *scratch, const struct change *change)
{
	const struct model *model = &change->request->door->model;
	struct parts_view view = { .data = model, .at = part_at };
	const struct policy_part **puts =
		arena_new_array(scratch, const struct policy_part *, change->told.n);
	const char **gone = arena_new_array(scratch, const char *, change->gone.n);
	enum part_kind *kinds = arena_new_array(scratch, enum part_kind, change->gone.n);
	struct parts_change parts = {
		.puts = puts, .n_puts = change->told.n, .gone = gone, .gone_kinds = kinds
	};

	for (int kind = 0; kind < N_PART_KINDS; kind++)
		view.n[kind] = model->n[kind];
	for (size_t i = 0; i < change->told.n; i++)
		puts[i] = &change->told.items[i];
	vec_for_each (object, &change->gone)
		if (kind_is_part(object->kind)) {
			kinds[parts.n_gone] = (enum part_kind)object->kind;
			gone[parts.n_gone++] = object->id;
		}
	return policy_fit(&view, &parts) != FIT_UNSURE;
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

	if (!has_parts(change))
		return true;
	vec_for_each (part, &change->told) {
		struct policy_part copy;

		if (!part_copy(scratch, part, &copy, &err)) {
			answer_err(request, &err);
			return false;
		}
	}
	if (fits(scratch, change))
		return true;
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
	const struct object *object)
{
	/* changed 0: it is built in, and not in the store */
	const char *old_key = before && before->changed ? object_key(arena, before) : NULL;
	const char *key = object_key(arena, object), *value = object_text(arena, object);

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

	vec_for_each (put, &change->puts)
		add_put(scratch, &puts, model_find(&door->model, put->kind, put->id), put);
	vec_for_each (gone, &change->gone) {
		const struct object *before = model_find(&door->model, gone->kind, gone->id);

		if (before)
			*vec_push(&puts, scratch) = (struct store_put){ object_key(scratch, before),
				NULL, 0, before->changed };
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

static void add_event_object(
	json_t *objects, enum object_kind kind, const char *id, const char *what)
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

	vec_for_each (put, &change->puts) {
		bool is_new = !model_find(&door->model, put->kind, put->id);

		add_event_object(objects, put->kind, put->id, is_new ? "created" : "updated");
		model_put(&door->model, put, change->revision);
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
		json_t *object = resource_show(request, resource, *id);

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

/* May who asks be told of that port? Of his own, and of what he changes, which may be there no more ("") or not yet. */
static bool may_tell(const struct change *change, const char *port_id)
{
	const struct request *request = change->request;
	const struct object *port = model_find(&request->door->model, OBJECT_PORT, port_id);

	if (port)
		return is_own(request, port);
	vec_for_each (put, &change->puts)
		if (put->kind == OBJECT_PORT && !strcmp(put->id, port_id))
			return true;
	vec_for_each (gone, &change->gone)
		if (gone->kind == OBJECT_PORT && (!*port_id || !strcmp(gone->id, port_id)))
			return true;
	return false;
}

/* The engine tells of all ports of the host, and of rules as the kernel has them: an admin's. */
static void keep_own(const struct change *change, struct serve_done *done)
{
	size_t n_failures = 0, n_flows = 0, n_passings = 0;

	if (is_admin(change->request))
		return;
	done->n_changes = 0;
	for (size_t i = 0; i < done->n_failures; i++)
		if (may_tell(change, done->failures[i].port_id))
			done->failures[n_failures++] = done->failures[i];
	for (size_t i = 0; i < done->n_flows; i++)
		if (may_tell(change, done->flows[i].port_id))
			done->flows[n_flows++] = done->flows[i];
	for (size_t i = 0; i < done->n_passings; i++)
		if (may_tell(change, done->passings[i].port_id))
			done->passings[n_passings++] = done->passings[i];
	done->n_failures = n_failures;
	done->n_flows = n_flows;
	done->n_passings = n_passings;
}

static void finish_change(struct change *change, struct serve_done *done)
{
	struct request *request = change->request;
	struct pending *pending;

	keep_own(change, done);

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
		.parts = change->told.items,
		.n_parts = change->told.n,
		.gone = arena_new_array(request->arena, const char *, n),
		.gone_kinds = arena_new_array(request->arena, enum part_kind, n) };
	struct pending *pending = engine_ask(door, request);

	vec_for_each (gone, &change->gone) {
		if (!kind_is_part(gone->kind))
			continue;
		told.gone[told.n_gone] = gone->id;
		told.gone_kinds[told.n_gone++] = (enum part_kind)gone->kind;
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

void change_create(struct request *request, bool (*make)(struct change *change, json_t *item))
{
	struct change *change = change_new(request, 201);
	json_t *list = fields_of_body(request, true, &change->is_many), *item;
	bool is_fine = list != NULL;
	size_t i;

	json_array_foreach(list, i, item)
	{
		is_fine = make(change, item);
		if (!is_fine)
			break;
	}
	json_decref(list);
	if (is_fine)
		change_submit(change);
}
