// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What nobody tells, but has to be looked for: packets that are dropped, and what other programs do to the ports (findings). It is looked
 * for while somebody reads the event stream, and each time not again before nine times as long as the last time took, so that it
 * is never more than a tenth of what a process can do; what came since the last time is an event. The first look only says how things stand.
 */
#include "api/request.h"

#include <string.h>

#define DROPS_MS    1000
#define FINDINGS_MS 10000
#define PAUSE	    9 /* times as long as it took */

struct drop_count {
	uint64_t packets, bytes;
};

static void forget(struct look *look)
{
	arena_free(look->arena);
	look->arena = NULL;
	look->seen = NULL;
	json_decref(look->findings);
	look->findings = NULL;
	look->due_ms = 0;
}

void looks_done(struct looks *looks)
{
	forget(&looks->drops);
	forget(&looks->findings);
}

static void note_answer(struct door *door, struct look *look, uint64_t least_ms)
{
	uint64_t took_ms = door->now_ms - look->asked_ms;
	uint64_t pause_ms = PAUSE * took_ms;

	look->is_asked = false;
	look->due_ms = door->now_ms + (pause_ms > least_ms ? pause_ms : least_ms);
}

/* --- drops --- */

/* Since the last look. Where there is less than there was the lines were written anew; NULL: nothing. */
static json_t *rise(const struct look *look, const struct drop_sum *drop, const char *key)
{
	const struct drop_count nothing = { 0, 0 }, *before = map_find(look->seen, key);

	if (!before || before->packets > drop->packets || before->bytes > drop->bytes)
		before = &nothing;
	if (drop->packets == before->packets)
		return NULL;
	return json_pack("{s:s, s:s, s:s, s:I, s:I}", "direction",
		drop->first->direction == DIR_EGRESS ? "egress" : "ingress", "ethertype",
		family_name(drop->first->family), "kind", drop_reason(drop->first), "packets",
		(json_int_t)(drop->packets - before->packets), "bytes",
		(json_int_t)(drop->bytes - before->bytes));
}

/* All of one port are one event. */
static void tell_port(struct door *door, const char *port_id, json_t *drops)
{
	if (json_array_size(drops))
		events_add(door, "drop",
			json_pack("{s:o, s:o}", "port_id", json_text(port_id), "drops", drops));
	else
		json_decref(drops);
}

static void look_at_drops(struct door *door, const drop_vec *drops)
{
	struct look *look = &door->looks.drops;
	struct arena *arena = arena_new();
	struct map *seen = map_new(arena);
	const char *port_id = "";
	json_t *list = json_array();

	vec_for_each (drop, drops) {
		const char *key = arena_printf(arena, "%s %u %u %s", drop->first->port_id,
			drop->first->direction, drop->first->family, drop->first->duty);
		struct drop_count *count = arena_new_one(arena, struct drop_count);
		json_t *more = look->seen ? rise(look, drop, key) : NULL;

		if (strcmp(port_id, drop->first->port_id) != 0) {
			tell_port(door, port_id, list);
			list = json_array();
			port_id = drop->first->port_id;
		}
		if (more)
			json_array_append_new(list, more);
		*count = (struct drop_count){ drop->packets, drop->bytes };
		map_add(seen, key, count);
	}
	tell_port(door, port_id, list);
	arena_free(look->arena);
	look->arena = arena;
	look->seen = seen;
}

static void take_drops(struct door *door, struct pending *pending, enum serve_type type,
	const char *body, size_t size)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct serve_counted counted;
	drop_vec drops = { 0 };
	struct err err;

	(void)pending;
	note_answer(door, &door->looks.drops, DROPS_MS);
	if (type != SERVE_COUNTED || !serve_get_counted(scratch, body, size, &counted, &err))
		return;
	drops_sum(scratch, &counted, &drops);
	look_at_drops(door, &drops);
}

/* --- findings --- */

static const json_t *find(const json_t *findings, const char *id)
{
	const json_t *finding;
	size_t i;

	json_array_foreach(findings, i, finding)
	{
		const char *other = json_string_value(json_object_get(finding, "id"));

		if (other && !strcmp(other, id))
			return finding;
	}
	return NULL;
}

/* Those of one that the other has not. */
static void tell_findings(
	struct door *door, const json_t *these, const json_t *others, const char *is)
{
	const json_t *finding;
	size_t i;

	json_array_foreach(these, i, finding)
	{
		const char *id = json_string_value(json_object_get(finding, "id"));
		const char *title = json_string_value(json_object_get(finding, "title"));
		const char *severity = json_string_value(json_object_get(finding, "severity"));

		if (id && title && severity && !find(others, id))
			events_add(door, "finding",
				json_pack("{s:s, s:s, s:s, s:s}", "subject", id, "is", is,
					"severity", severity, "text", title));
	}
}

static void take_findings(struct door *door, struct pending *pending, enum serve_type type,
	const char *body, size_t size)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct look *look = &door->looks.findings;
	json_t *answer, *now;
	const char *text;
	struct err err;

	(void)pending;
	note_answer(door, look, FINDINGS_MS);
	if (type != SERVE_TEXT || !serve_get_text(scratch, body, size, &text, &err))
		return;
	answer = json_loads(text, 0, NULL);
	now = json_incref(json_object_get(answer, "findings"));
	json_decref(answer);
	if (!json_is_array(now)) {
		json_decref(now);
		return;
	}
	if (look->findings) {
		tell_findings(door, now, look->findings, "new");
		tell_findings(door, look->findings, now, "gone");
	}
	json_decref(look->findings);
	look->findings = now;
}

/* --- when --- */

static void look_if_due(struct door *door, struct look *look, enum serve_type type,
	void (*answered)(struct door *door, struct pending *pending, enum serve_type type,
		const char *body, size_t size))
{
	struct pending *pending;

	if (look->is_asked || look->due_ms > door->now_ms)
		return;
	look->is_asked = true;
	look->asked_ms = door->now_ms;
	pending = engine_ask(door, NULL);
	pending->answered = answered;
	serve_put_text(&door->engine.out, type, pending->id, "");
}

void looks_tick(struct door *door)
{
	if (!door->n_streams) {
		looks_done(&door->looks);
		return;
	}
	/* what has no port has nothing that could be dropped */
	if (!door->model.n[PART_PORT])
		return;
	look_if_due(door, &door->looks.drops, SERVE_COUNTERS, take_drops);
	look_if_due(door, &door->looks.findings, SERVE_FINDINGS, take_findings);
}
