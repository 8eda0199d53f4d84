// SPDX-License-Identifier: GPL-2.0-or-later
/* What the engine knows, and where to begin: versions, collections, status, counters, proofs, events, health. */
#include "api/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "packet/expr.h"

static json_t *version_links(const struct request *request, const char *path)
{
	return json_pack("[{s:s, s:o}]", "rel", "self", "href",
		json_text(arena_printf(request->arena, "%s%s", request_origin(request), path)));
}

void root_show(struct request *request)
{
	answer_json(request, 200,
		json_pack("{s:[{s:s, s:s, s:o}]}", "versions", "id", "v2.0", "status", "CURRENT",
			"links", version_links(request, "/v2.0/")));
}

void version_show(struct request *request)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n_routes; i++) {
		const char *path = routes[i].path, *name = strrchr(path, '/') + 1;

		if (routes[i].method == METHOD_GET && text_has_prefix(path, "/v2.0/") &&
			!strchr(path, '{'))
			json_array_append_new(
				list, json_pack("{s:s, s:s, s:s, s:o}", "name",
					      routes[i].resource ? routes[i].resource->one : name,
					      "collection",
					      routes[i].resource ? routes[i].resource->many : name,
					      "description", routes[i].words, "links",
					      version_links(request, path)));
	}
	answer_json(request, 200, json_pack("{s:o}", "resources", list));
}

/* --- what has to be asked of the engine --- */

static void answer_no_engine(
	struct request *request, enum serve_type type, const char *body, size_t size)
{
	struct err refused, err;

	if (type == SERVE_REFUSED && serve_get_refused(body, size, &refused, &err))
		answer_err(request, &refused);
	else
		answer_error(request, 503, "ServiceUnavailable",
			"The service starts anew by itself; ask again then.",
			"The engine has ended.");
	request_finish(request);
}

static void ask_engine(struct request *request, enum serve_type type, const char *text,
	unsigned wait_s,
	void (*answered)(struct door *door, struct pending *pending, enum serve_type type,
		const char *body, size_t size))
{
	struct pending *pending;

	if (!request_may_wait(request))
		return;
	pending = engine_ask(request->door, request);
	pending->answered = answered;
	serve_put_text(&request->door->engine.out, type, pending->id, text);
	request_wait(request, wait_s);
}

static json_t *json_of_ports(const struct serve_state *state)
{
	json_t *ports = json_array();

	for (size_t i = 0; i < state->n_ports; i++) {
		const struct serve_port *port = &state->ports[i];

		json_array_append_new(
			ports, json_pack("{s:o, s:o, s:o, s:o, s:s, s:o, s:i}", "id",
				       json_text(port->id), "name", json_text(port->name), "device",
				       json_text(port->device), "bridge", json_text(port->bridge),
				       "state", serve_port_state_name(port->state), "why",
				       json_text(port->why), "zone", port->zone));
	}
	return ports;
}

static json_t *json_of_state(const struct door *door, const struct serve_state *state)
{
	json_t *warnings = json_array();

	for (size_t i = 0; i < state->n_warnings; i++)
		json_array_append_new(warnings, json_text(state->warnings[i]));
	return json_pack("{s:s, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:o, s:o}",
		"host", door->host, "revision", (json_int_t)door->model.revision, "kernel_revision",
		(json_int_t)state->revision, "backend", backend_name(state->backend), "started",
		(json_int_t)state->started_s, "rules", (json_int_t)state->n_rules, "commits",
		(json_int_t)state->n_commits, "refused", (json_int_t)state->n_refused, "repaired",
		(json_int_t)state->n_repaired, "flows_cut", (json_int_t)state->n_flows_cut,
		"queued", (json_int_t)state->n_queued, "guard", state->guard_held, "ports",
		json_of_ports(state), "warnings", warnings);
}

static void take_status(struct door *door, struct pending *pending, enum serve_type type,
	const char *body, size_t size)
{
	struct request *request = pending->request;
	bool is_state = engine_take_state(door, type, body, size);

	if (!request)
		return;
	if (!is_state) {
		answer_no_engine(request, type, body, size);
		return;
	}
	answer_json(request, 200, json_of_state(door, &door->state));
	request_finish(request);
}

void status_show(struct request *request)
{
	ask_engine(request, SERVE_STATUS, "", request->door->times.wait_s, take_status);
}

static json_t *json_of_counters(const struct serve_counted *counted)
{
	json_t *list = json_array();

	for (size_t i = 0; i < counted->n; i++) {
		const struct serve_counter *counter = &counted->counters[i];

		json_array_append_new(list,
			json_pack("{s:o, s:o, s:o, s:s, s:s, s:I, s:I}", "port_id",
				json_text(counter->port_id), "rule_id",
				counter->rule_id[0] ? json_text(counter->rule_id) : json_null(),
				"duty", json_text(counter->duty), "direction",
				counter->direction == DIR_EGRESS ? "egress" : "ingress",
				"ethertype", family_name(counter->family), "packets",
				(json_int_t)counter->packets, "bytes", (json_int_t)counter->bytes));
	}
	return list;
}

static void take_counters(struct door *door, struct pending *pending, enum serve_type type,
	const char *body, size_t size)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct request *request = pending->request;
	struct serve_counted counted;
	struct err err;

	(void)door;
	if (!request)
		return;
	if (type != SERVE_COUNTED || !serve_get_counted(scratch, body, size, &counted, &err)) {
		answer_no_engine(request, type, body, size);
		return;
	}
	answer_json(request, 200, json_pack("{s:o}", "counters", json_of_counters(&counted)));
	request_finish(request);
}

void counters_show(struct request *request)
{
	const char *port = request_argument(request, "port");

	if (port && !model_find(&request->door->model, OBJECT_PORT, port)) {
		answer_not_found(request, &port_resource, port);
		return;
	}
	ask_engine(request, SERVE_COUNTERS, port ? port : "", request->door->times.wait_s,
		take_counters);
}

/* JSON of verify, doctor or explain, as it came. */
static void take_text(struct door *door, struct pending *pending, enum serve_type type,
	const char *body, size_t size)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct request *request = pending->request;
	const char *text;
	struct err err;

	(void)door;
	if (!request)
		return;
	if (type != SERVE_TEXT || !serve_get_text(scratch, body, size, &text, &err)) {
		answer_no_engine(request, type, body, size);
		return;
	}
	request->answer.status = 200;
	request->answer.content_type = "application/json";
	text_clear(&request->answer.body);
	text_add(&request->answer.body, text);
	request_finish(request);
}

void verify_show(struct request *request)
{
	ask_engine(request, SERVE_VERIFY, "", request->door->times.proof_s, take_text);
}

void findings_show(struct request *request)
{
	ask_engine(request, SERVE_FINDINGS, "", request->door->times.proof_s, take_text);
}

static const char *said(const struct request *request, const char *key)
{
	const char *value = request_argument(request, key);

	return value ? value : "";
}

/* What no engine needs to see to be refused. */
static bool check_question(struct request *request, const struct serve_question *question)
{
	struct packet_choices choices = { 0 };
	struct packet packet;
	struct err err;

	if (*question->direction && strcmp(question->direction, "ingress") != 0 &&
		strcmp(question->direction, "egress") != 0) {
		answer_error(request, 400, "HTTPBadRequest",
			"ingress is to the port, egress from it.",
			"Invalid input for direction. Reason: '%s' is neither ingress nor egress.",
			question->direction);
		return false;
	}
	if (packet_expr_parse_set(request->arena, question->packet, &packet, &choices, &err))
		return true;
	answer_err(request, &err);
	return false;
}

void explain_show(struct request *request)
{
	const struct serve_question question = { request->id, said(request, "packet"),
		said(request, "direction"), said(request, "state"), said(request, "from") };
	struct pending *pending;

	if (!collection_find(request, NULL) || !check_question(request, &question) ||
		!request_may_wait(request))
		return;
	pending = engine_ask(request->door, request);
	pending->answered = take_text;
	serve_put_question(&request->door->engine.out, pending->id, &question);
	request_wait(request, request->door->times.proof_s);
}

static void take_metrics(struct door *door, struct pending *pending, enum serve_type type,
	const char *body, size_t size)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct request *request = pending->request;
	struct serve_counted counted;
	struct err err;
	bool has_counted =
		type == SERVE_COUNTED && serve_get_counted(scratch, body, size, &counted, &err);

	if (!request)
		return;
	/* Without the engine there is still what the door knows, and that the engine is not there. */
	text_clear(&request->answer.body);
	metrics_print(&request->answer.body, door, has_counted ? &counted : NULL);
	request->answer.status = 200;
	request->answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
	request_finish(request);
}

void metrics_show(struct request *request)
{
	ask_engine(request, SERVE_COUNTERS, "", request->door->times.wait_s, take_metrics);
}

/* --- what the door knows itself --- */

void health_show(struct request *request)
{
	struct door *door = request->door;
	const char *sickness = door_sickness(door, request->arena);

	answer_json(request, sickness ? 503 : 200,
		json_pack("{s:s, s:I, s:I, s:o*}", "status", sickness ? "sick" : "well", "revision",
			(json_int_t)door->model.revision, "kernel_revision",
			(json_int_t)door->engine_revision, "why",
			sickness ? json_text(sickness) : NULL));
}

/* From the next event on, or behind the one that a reader had last. */
void events_show(struct request *request)
{
	struct event_log *log = request->door->events;
	uint64_t first = log->next;
	char *end;

	if (request->last_event_id) {
		errno = 0;
		first = strtoull(request->last_event_id, &end, 10) + 1;
		if (errno || *end || end == request->last_event_id || first > log->next) {
			/* of a service that ran before: everything that is there */
			first = log->first;
		}
		if (first < log->first) {
			answer_error(request, 410, "EventsGone",
				"Read the objects anew, and ask without Last-Event-ID.",
				"The events behind %s are no longer kept.", request->last_event_id);
			return;
		}
	}
	if (request->door->n_streams >= LIMIT_API_STREAMS) {
		answer_error(request, 429, "TooManyStreams", "End another one first.",
			"There are %d readers of events already.", LIMIT_API_STREAMS);
		request->answer.retry_after_s = 30;
		return;
	}
	request->answer.status = 200;
	request->answer.content_type = "text/event-stream";
	request->answer.is_stream = true;
	request->answer.first = first;
}
