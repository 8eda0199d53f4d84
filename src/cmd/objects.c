// SPDX-License-Identifier: GPL-2.0-or-later
/* A command about an object of the service, of whatever kind: what is asked, in which order, and what is told of it. */
#include "cmd/objects.h"

#include <stdlib.h>
#include <string.h>

/* Somebody else changes the same object at the same time, again and again: then it is told. */
#define MAX_TRIES 20

static bool talk_open(struct invocation *inv, struct talk *ret, struct err *err)
{
	*ret = (struct talk){ .inv = inv, .arena = inv->arena };
	if (!daemon_open(&ret->client, err))
		return false;
	return ret->client || daemon_refuse_absent(err);
}

static void talk_close(struct talk *talk)
{
	api_client_close(&talk->client);
}

static char *line_of(const json_t *body)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

	if (body && !text)
		abort(); /* a body is always JSON; else there is no memory */
	return text;
}

bool talk_ask(struct talk *talk, const char *method, const char *path, const json_t *body,
	json_t **ret, struct err *err)
{
	char *text = line_of(body);
	bool is_done =
		daemon_ask(talk->client, method, path, text, text ? strlen(text) : 0, ret, err);

	free(text);
	return is_done;
}

void add_filter(struct text *path, const char *key, const char *word)
{
	text_addf(path, "%c%s=", strchr(path->data, '?') ? '&' : '?', key);
	text_add_uri(path, word);
}

/* --- words of argv --- */

bool put_word(json_t *body, const char *key, const char *word, struct err *err)
{
	if (!word || json_object_set_new(body, key, json_string(word)) == 0)
		return true;
	err_input(err, "%s: this is no UTF-8", key);
	return err_next(err, "the service takes UTF-8 only; does the terminal send it?");
}

bool refuse_both(
	bool one, bool other, const char *one_name, const char *other_name, struct err *err)
{
	return !one || !other ||
	       err_input(err, "%s and %s exclude each other", one_name, other_name);
}

bool refuse_nothing(const struct invocation *inv, struct err *err)
{
	err_input(err, "%s: it is not said what to change", inv->command->name);
	return err_next(err, "portwall %s --help lists the options", inv->command->name);
}

static bool refuse_key(
	const char *option, const char *text, const char *const *keys, size_t n, struct err *err)
{
	struct text form CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < n; i++)
		text_addf(&form, "%s%s=...", i ? "," : "", keys[i]);
	err_input(err, "%s %s: it must be of the form %s", option, text, form.data);
	return err_next(err, "such as %s=192.0.2.7; what is not needed is left out", keys[0]);
}

bool parse_pairs(struct arena *arena, const char *option, const char *text, const char *const *keys,
	size_t n, const char **ret_values, struct err *err)
{
	for (const char *at = text; *at;) {
		size_t len = strcspn(at, ","), i = 0, key_len;

		for (; i < n; i++) {
			key_len = strlen(keys[i]);
			if (!strncmp(at, keys[i], key_len) && at[key_len] == '=')
				break;
		}
		if (i == n || key_len + 1 == len || ret_values[i])
			return refuse_key(option, text, keys, n, err);
		ret_values[i] = arena_strndup(arena, at + key_len + 1, len - key_len - 1);
		at += len + (at[len] == ',');
	}
	return *text || refuse_key(option, text, keys, n, err);
}

void add_common_filters(const struct talk *talk, struct text *path)
{
	const struct object_words *words = &talk->inv->object;

	if (words->name)
		add_filter(path, "name", words->name);
	if (words->project)
		add_filter(path, "project_id", words->project);
	if (words->all_tags)
		add_filter(path, "tags", words->all_tags);
}

bool check_port_security(const struct object_words *words, struct err *err)
{
	return refuse_both(words->port_security, words->no_port_security, "--enable-port-security",
		"--disable-port-security", err);
}

void put_port_security(const struct object_words *words, json_t *body)
{
	if (words->port_security || words->no_port_security)
		json_object_set_new(
			body, "port_security_enabled", json_boolean(words->port_security));
}

bool is_same_prefix(const char *a, const char *b)
{
	struct prefix one, other;

	return prefix_parse(a, &one) && prefix_parse(b, &other) && prefix_covers(&one, &other) &&
	       prefix_covers(&other, &one);
}

/* --- list and show --- */

struct look {
	const struct object_kind *kind;
	filters_fn filters; /* of a list; NULL: one object */
};

static bool ask_for(struct talk *talk, const struct look *look, json_t **ret, struct err *err)
{
	struct text path CLEANUP(text_done) = TEXT_INIT;
	json_t *object;

	if (!look->filters) {
		if (!object_find(talk, look->kind, talk->inv->args[0], &object, err))
			return false;
		*ret = json_pack("{s:o}", look->kind->one, object);
		return true;
	}
	text_add(&path, look->kind->path);
	return look->filters(talk, &path, err) && talk_ask(talk, "GET", path.data, NULL, ret, err);
}

static void add_json(struct text *out, const json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(2) | JSON_PRESERVE_ORDER);

	text_addf(out, "%s\n", text ? text : "");
	free(text);
}

static bool look_at(struct talk *talk, void *data, struct text *out, struct err *err)
{
	const struct look *look = data;
	json_t *answer;

	if (!ask_for(talk, look, &answer, err))
		return false;
	if (talk->inv->json)
		add_json(out, answer);
	else if (look->filters)
		objects_table(talk, look->kind, json_object_get(answer, look->kind->many), out);
	else
		object_table(talk, look->kind, json_object_get(answer, look->kind->one), out);
	json_decref(answer);
	return true;
}

static bool view(struct invocation *inv, struct look *look, struct err *err)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct talk talk CLEANUP(talk_close) = { 0 };

	if (!talk_open(inv, &talk, err))
		return false;
	if (inv->object.watch)
		return objects_watch(inv, talk.client, look_at, look, err);
	if (!look_at(&talk, look, &out, err))
		return false;
	output_print_text(&out);
	return true;
}

bool objects_list(
	struct invocation *inv, const struct object_kind *kind, filters_fn filters, struct err *err)
{
	return view(inv, &(struct look){ kind, filters }, err);
}

bool objects_show(struct invocation *inv, const struct object_kind *kind, struct err *err)
{
	return view(inv, &(struct look){ kind, NULL }, err);
}

/* --- create, set, unset, delete --- */

static void add_passings(struct text *out, const json_t *list, const char *what)
{
	const json_t *passing, *line;
	size_t i, l;

	json_array_foreach(list, i, passing)
	{
		const json_t *lines = json_object_get(passing, "packets");

		json_array_foreach(lines, l, line)
		{
			text_addf(out, "  %s, %s of port %s: %s\n", what,
				daemon_word(passing, "direction"), daemon_word(passing, "port_id"),
				json_string_value(line));
		}
	}
}

/* What a change would do to packets, and to connections that there are, where the service foresees it. */
static void add_foreseen(struct text *out, const json_t *done)
{
	const json_t *flows = json_object_get(done, "flows"), *flow;
	size_t i;

	add_passings(out, json_object_get(done, "opens"), "would pass then");
	add_passings(out, json_object_get(done, "closes"), "would no longer pass");
	json_array_foreach(flows, i, flow)
	{
		text_addf(out, "  would be cut: %s %s:%lld > %s:%lld\n",
			daemon_word(flow, "protocol"), daemon_word(flow, "source"),
			daemon_number(flow, "source_port"), daemon_word(flow, "destination"),
			daemon_number(flow, "destination_port"));
	}
}

/* What the kernel made of it stands beside the object only where there is something to tell. */
static void print_changed(struct talk *talk, const struct object_kind *kind, const char *would,
	const char *name, json_t *answer)
{
	const json_t *done = json_object_get(answer, "portwall"),
		     *object = json_object_get(answer, kind->one);
	struct invocation *inv = talk->inv;
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (inv->agent.dry_run) {
		output_add(inv, &out, COLOUR_BOLD, "would %s %s %s", would, kind->words, name);
		text_add(&out, daemon_number(done, "steps")
				       ? "\n"
				       : ": nothing to change in the kernel\n");
	}
	daemon_add_failures(inv, &out, done);
	if (inv->agent.dry_run) {
		daemon_add_changes(inv, &out, done);
		add_foreseen(&out, done);
	} else if (object) {
		object_table(talk, kind, object, &out);
	}
	output_print_text(&out);
}

static void tell(struct talk *talk, const struct object_kind *kind, const char *would,
	const char *name, json_t *answer)
{
	struct invocation *inv = talk->inv;

	if (json_array_size(json_object_get(json_object_get(answer, "portwall"), "failures")))
		inv->exit = EXIT_FAILED;
	if (inv->json)
		output_print_json(json_incref(answer));
	else
		print_changed(talk, kind, would, name, answer);
}

static const char *dry(const struct invocation *inv)
{
	return inv->agent.dry_run ? "?dry_run=true" : "";
}

/* Neutron has tags in a request of their own. What they are now comes into the object of the answer. */
static bool put_tags(struct talk *talk, const struct object_kind *kind, json_t *object,
	const char *done, struct err *err)
{
	const struct object_words *words = &talk->inv->object;
	const char *id = daemon_word(object, "id");
	json_t *tags, *body, *answer = NULL;
	bool is_done = true;

	if ((!words->n_tags && !words->no_tag) || talk->inv->agent.dry_run)
		return true;
	tags = words->no_tag ? json_array() : json_copy(json_object_get(object, "tags"));
	if (!json_is_array(tags))
		tags = json_array();
	for (size_t i = 0; i < words->n_tags; i++)
		json_array_append_new(tags, output_json_words(words->tags[i]));
	body = json_pack("{s:o}", "tags", tags);
	is_done = talk_ask(talk, "PUT", arena_printf(talk->arena, "%s/%s/tags", kind->path, id),
		body, &answer, err);
	if (is_done)
		json_object_set(object, "tags", json_object_get(answer, "tags"));
	else
		err_prefix(err, "%s %s is %s, but without its tags", kind->words,
			object_name(object), done);
	json_decref(answer);
	json_decref(body);
	return is_done;
}

bool objects_create(
	struct invocation *inv, const struct object_kind *kind, body_fn fill, struct err *err)
{
	struct talk talk CLEANUP(talk_close) = { 0 };
	json_t *fields = json_object(), *body = json_pack("{s:o}", kind->one, fields), *answer;
	bool is_done =
		talk_open(inv, &talk, err) && fill(&talk, NULL, fields, err) &&
		talk_ask(&talk, "POST", arena_printf(inv->arena, "%s%s", kind->path, dry(inv)),
			body, &answer, err);

	json_decref(body);
	if (!is_done)
		return false;
	inv->has_changed = !inv->agent.dry_run;
	is_done = put_tags(&talk, kind, json_object_get(answer, kind->one), "created", err);
	if (is_done)
		tell(&talk, kind, "create",
			kind->has_no_name ? arena_printf(inv->arena, "of %s", inv->args[0])
					  : inv->args[0],
			answer);
	json_decref(answer);
	return is_done;
}

/* Only if it is still as we have seen it: what is added to a list would else undo what somebody else added. */
static bool change_if(struct talk *talk, const struct object_kind *kind, const json_t *before,
	const json_t *body, unsigned *ret_status, json_t **ret, struct err *err)
{
	struct text answer CLEANUP(text_done) = TEXT_INIT, path CLEANUP(text_done) = TEXT_INIT;
	const json_t *revision = json_object_get(before, "revision_number");
	char *text = line_of(body);
	bool is_done;

	text_addf(&path, "%s/%s%s", kind->path, daemon_word(before, "id"), dry(talk->inv));
	/* Rules count none of their own, and nothing is added to what they are. */
	if (kind == &rule_kind || !json_is_integer(revision))
		is_done = api_request(talk->client, "PUT", path.data, text, strlen(text),
			ret_status, &answer, err);
	else
		is_done = api_request_if(talk->client, "PUT", path.data,
			(unsigned long long)json_integer_value(revision), text, strlen(text),
			ret_status, &answer, err);
	free(text);
	return is_done && daemon_take(*ret_status, &answer, ret, err);
}

/* One try. *ret_again: somebody else was faster. */
static bool change_once(struct talk *talk, const struct object_kind *kind, body_fn fill,
	bool *ret_again, struct err *err)
{
	json_t *before = NULL, *answer = NULL, *fields = json_object(),
	       *body = json_pack("{s:o}", kind->one, fields);
	const char *name = talk->inv->args[0];
	unsigned status = 0;
	bool is_done = object_find(talk, kind, name, &before, err);

	if (is_done && fill(talk, before, fields, err)) {
		if (json_object_size(fields)) {
			is_done = change_if(talk, kind, before, body, &status, &answer, err);
			talk->inv->has_changed = is_done && !talk->inv->agent.dry_run;
		} else if (talk->inv->agent.dry_run) {
			answer = json_pack("{s:{}}", "portwall");
		} else {
			answer = json_pack("{s:O}", kind->one, before);
		}
		is_done = is_done &&
			  put_tags(talk, kind, json_object_get(answer, kind->one), "changed", err);
		if (is_done)
			tell(talk, kind, "change", name, answer);
	} else {
		is_done = false;
	}
	*ret_again = status == 412;
	json_decref(answer);
	json_decref(before);
	json_decref(body);
	return is_done;
}

bool objects_change(
	struct invocation *inv, const struct object_kind *kind, body_fn fill, struct err *err)
{
	struct talk talk CLEANUP(talk_close) = { 0 };
	bool is_done = false, again = true;

	if (!talk_open(inv, &talk, err))
		return false;
	for (int i = 0; i < MAX_TRIES && again; i++)
		is_done = change_once(&talk, kind, fill, &again, err);
	return is_done;
}

/* One, and what is told of it, into out (text) or list (JSON). */
static bool delete_one(struct talk *talk, const struct object_kind *kind, const json_t *object,
	struct text *out, json_t *list, struct err *err)
{
	struct invocation *inv = talk->inv;
	const char *id = daemon_word(object, "id"), *name = object_name(object);
	const json_t *done;
	json_t *answer;

	if (!talk_ask(talk, "DELETE", arena_printf(inv->arena, "%s/%s%s", kind->path, id, dry(inv)),
		    NULL, &answer, err))
		return false;
	inv->has_changed = !inv->agent.dry_run;
	done = json_object_get(answer, "portwall");
	if (json_array_size(json_object_get(done, "failures")))
		inv->exit = EXIT_FAILED;
	daemon_add_failures(inv, out, done);
	output_add(inv, out, COLOUR_BOLD, "%s %s %s",
		inv->agent.dry_run ? "would delete" : "deleted", kind->words, name);
	if (strcmp(id, name) != 0)
		text_addf(out, " (%s)", id);
	if (inv->agent.dry_run && !daemon_number(done, "steps"))
		text_add(out, ": nothing to change in the kernel");
	text_add(out, "\n");
	if (inv->agent.dry_run) {
		daemon_add_changes(inv, out, done);
		add_foreseen(out, done);
	}
	json_object_set_new(answer, "id", json_string(id));
	json_object_set_new(answer, "name", output_json_words(daemon_word(object, "name")));
	json_array_append_new(list, answer);
	return true;
}

bool objects_delete(struct invocation *inv, const struct object_kind *kind, struct err *err)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct talk talk CLEANUP(talk_close) = { 0 };
	json_t *objects = json_array(), *list = json_array(), *object;
	bool is_done = talk_open(inv, &talk, err);
	size_t i, n;

	/* All of them are there, or none is deleted: a mistyped name is no reason to begin. */
	for (size_t a = 0; is_done && a < inv->n_args; a++) {
		is_done = object_find(&talk, kind, inv->args[a], &object, err);
		if (is_done)
			json_array_append_new(objects, object);
	}
	json_array_foreach(objects, i, object)
	{
		is_done = is_done && delete_one(&talk, kind, object, &out, list, err);
	}
	n = json_array_size(list);
	if (!is_done && n)
		err_prefix(err, "after %zu of %zu were deleted", n, inv->n_args);
	if (is_done && inv->json)
		output_print_json(json_pack("{s:O}", "deleted", list));
	else if (!inv->json)
		output_print_text(&out);
	json_decref(list);
	json_decref(objects);
	return is_done;
}
