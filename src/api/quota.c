// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How many objects a project may have. Neutron's defaults hold for each but the local project, which is the host's own: its
 * policy may come from a file, and no file is refused for being long. -1: no limit.
 */
#include "api/request.h"

#include <string.h>

struct counted {
	const char *name; /* as in bodies */
	int most;	  /* of a project that has no quota of its own */
	int kind;	  /* -1: there are none here */
	bool is_ours;	  /* not Neutron's: it holds, and is not shown */
};
/* Ours come last. */
static const struct counted counted[] = {
	{ "network", 100, OBJECT_NETWORK, false },
	{ "subnet", 100, OBJECT_SUBNET, false },
	{ "subnetpool", -1, -1, false },
	{ "port", 500, OBJECT_PORT, false },
	{ "rbac_policy", 10, OBJECT_RBAC, false },
	{ "security_group", 10, OBJECT_GROUP, false },
	{ "security_group_rule", 100, OBJECT_GROUP, false },
	{ "address_group", 100, OBJECT_ADDRESS_GROUP, true },
};

static bool is_rules(const struct counted *what)
{
	return !strcmp(what->name, "security_group_rule");
}

static int default_of(const struct counted *what, const char *project_id)
{
	return strcmp(project_id, LOCAL_PROJECT) != 0 ? what->most : -1;
}

static int quota_of(const struct door *door, const struct counted *what, const char *project_id)
{
	const struct object *object = model_find(&door->model, OBJECT_QUOTA, project_id);
	json_t *extra = object ? json_loads(object->attrs.extra, 0, NULL) : NULL;
	const json_t *value = json_object_get(extra, what->name);
	int most = json_is_integer(value) ? (int)json_integer_value(value)
					  : default_of(what, project_id);

	json_decref(extra);
	return most;
}

static size_t count_object(
	const struct counted *what, const struct object *object, const char *project_id)
{
	size_t n = 0;

	if ((int)object->kind != what->kind)
		return 0;
	if (!is_rules(what))
		return !strcmp(object->attrs.project_id, project_id);
	for (size_t i = 0; i < object->part.group.n_rules; i++)
		n += !strcmp(object->rule_attrs[i].project_id, project_id);
	return n;
}

static size_t count_used(
	const struct door *door, const struct counted *what, const char *project_id)
{
	size_t n = 0;

	for (size_t i = 0; what->kind >= 0 && i < door->model.n[what->kind]; i++)
		n += count_object(what, &door->model.objects[what->kind][i], project_id);
	return n;
}

bool quota_check(
	const struct change *change, const char *project_id, const char *resource, size_t n)
{
	struct request *request = change->request;
	const struct counted *what = counted;
	size_t used;
	int most;

	while (what < counted + N_OF(counted) && strcmp(what->name, resource) != 0)
		what++;
	if (what == counted + N_OF(counted))
		return true;
	most = quota_of(request->door, what, project_id);
	if (most < 0)
		return true;
	used = count_used(request->door, what, project_id);
	vec_for_each (put, &change->puts)
		if (!model_find(&request->door->model, put->kind, put->id))
			used += count_object(what, put, project_id);
	if (used + n <= (size_t)most)
		return true;
	answer_error(request, 409, "OverQuota",
		arena_printf(
			request->arena, "An admin changes it: PUT /v2.0/quotas/%s.", project_id),
		"Quota exceeded for resources: ['%s'].", resource);
	return false;
}

/* Of his own project whoever asks, of others an admin. */
static bool may_see(struct request *request)
{
	if (is_admin(request) || !strcmp(request->id, request->who.project_id))
		return true;
	answer_error(request, 403, "PolicyNotAuthorized", "Only of your own project.",
		"%s %s is disallowed by policy", method_names[request->method], request->path);
	return false;
}

static json_t *quota_view(const struct door *door, const char *project_id)
{
	json_t *view = json_object();

	for (size_t i = 0; i < N_OF(counted) && !counted[i].is_ours; i++)
		json_object_set_new(view, counted[i].name,
			json_integer(quota_of(door, &counted[i], project_id)));
	return view;
}

void quota_show(struct request *request)
{
	if (may_see(request))
		answer_json(request, 200,
			json_pack("{s:o}", "quota", quota_view(request->door, request->id)));
}

void quota_default(struct request *request)
{
	json_t *view = json_object();

	for (size_t i = 0; i < N_OF(counted) && !counted[i].is_ours; i++)
		json_object_set_new(
			view, counted[i].name, json_integer(default_of(&counted[i], request->id)));
	answer_json(request, 200, json_pack("{s:o}", "quota", view));
}

void quota_details(struct request *request)
{
	json_t *view = json_object();

	if (!may_see(request)) {
		json_decref(view);
		return;
	}
	for (size_t i = 0; i < N_OF(counted) && !counted[i].is_ours; i++)
		json_object_set_new(view, counted[i].name,
			json_pack("{s:i, s:I, s:i}", "limit",
				quota_of(request->door, &counted[i], request->id), "used",
				(json_int_t)count_used(request->door, &counted[i], request->id),
				"reserved", 0));
	answer_json(request, 200, json_pack("{s:o}", "quota", view));
}

void quota_list(struct request *request)
{
	const struct model *model = &request->door->model;
	json_t *quotas = json_array();

	for (size_t i = 0; i < model->n[OBJECT_QUOTA]; i++) {
		const char *project = model->objects[OBJECT_QUOTA][i].id;
		json_t *view = quota_view(request->door, project);

		json_object_set_new(view, "project_id", json_text(project));
		json_object_set_new(view, "tenant_id", json_text(project));
		json_array_append_new(quotas, view);
	}
	answer_json(request, 200, json_pack("{s:o}", "quotas", quotas));
}

static bool take_quota(struct request *request, json_t *extra, const char *name, json_t *value)
{
	for (size_t i = 0; i < N_OF(counted); i++) {
		if (strcmp(counted[i].name, name) != 0)
			continue;
		if (!json_is_integer(value) || json_integer_value(value) < -1 ||
			json_integer_value(value) > INT32_MAX) {
			answer_error(request, 400, "HTTPBadRequest", "-1 is no limit.",
				"Invalid input for %s. Reason: it is an integer from -1 to %d.",
				name, INT32_MAX);
			return false;
		}
		json_object_set(extra, name, value);
		return true;
	}
	answer_error(request, 400, "HTTPBadRequest",
		"GET /v2.0/quotas/PROJECT shows what is counted.", "Unrecognized attribute(s) '%s'",
		name);
	return false;
}

static void finish_update(struct change *change, const struct serve_done *done)
{
	struct request *request = change->request;

	(void)done;
	if (change->status == 204)
		answer_json(request, 204, NULL);
	else
		quota_show(request);
}

void quota_update(struct request *request)
{
	struct change *change = change_new(request, 200);
	const struct object *before = model_find(&request->door->model, OBJECT_QUOTA, request->id);
	json_t *body = request_json(request), *quota = json_object_get(body, "quota"), *extra,
	       *value;
	bool is_fine = json_is_object(quota);
	const char *name;

	if (!body)
		return;
	if (!is_project_id(request->id)) {
		is_fine = false;
		answer_error(request, 400, "HTTPBadRequest", "",
			"The id of a project has 1 to %d bytes of UTF-8.", LIMIT_NAME_LEN);
	} else if (!is_fine) {
		answer_error(request, 400, "HTTPBadRequest",
			"Send {\"quota\": {\"security_group\": 100}}.",
			"Unable to find 'quota' in request body");
	}
	extra = before ? json_loads(before->attrs.extra, 0, NULL) : json_object();
	json_object_foreach(quota, name, value) is_fine =
		is_fine && take_quota(request, extra, name, value);
	json_decref(body);
	if (!is_fine) {
		json_decref(extra);
		return;
	}
	object_of_project(change_put_record(change, OBJECT_QUOTA, request->id, extra), request->id);
	change->finish = finish_update;
	change_submit(change);
}

void quota_delete(struct request *request)
{
	struct change *change = change_new(request, 204);

	if (!model_find(&request->door->model, OBJECT_QUOTA, request->id)) {
		answer_error(request, 404, "TenantQuotaNotFound", "It has the default quotas.",
			"Quota for tenant %s could not be found.", request->id);
		return;
	}
	change_remove(change, OBJECT_QUOTA, request->id);
	change->finish = finish_update;
	change_submit(change);
}
