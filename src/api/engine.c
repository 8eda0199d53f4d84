// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The engine as the door sees it: frames out, frames in, and who waits for which. What was asked stays here until it is
 * answered, also when nobody waits any more, since the answer to a change tells what the kernel has.
 */
#include "api/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room that is kept for the next frames. */
#define ENGINE_BUFFER_KEPT  ((size_t)1024 * 1024)
#define SYNC_AGAIN_FIRST_MS 1000
#define SYNC_AGAIN_LAST_MS  30000

void engine_init(struct engine *engine)
{
	*engine = (struct engine){ .out = TEXT_INIT, .in = TEXT_INIT };
	engine->pending_end = &engine->pending;
}

static struct pending *take_pending(struct engine *engine, uint64_t id)
{
	for (struct pending **at = &engine->pending; *at; at = &(*at)->next) {
		struct pending *pending = *at;

		if (pending->id != id)
			continue;
		*at = pending->next;
		if (!*at)
			engine->pending_end = at;
		engine->n_pending--;
		return pending;
	}
	return NULL;
}

static void answer_pending(struct door *door, struct pending *pending, enum serve_type type,
	const char *body, size_t size)
{
	struct request *request = pending->request;

	/* Before it is told: it may wait for something else next. */
	if (request)
		request->pending = NULL;
	pending->answered(door, pending, type, body, size);
	free(pending);
}

void engine_done(struct door *door)
{
	struct engine *engine = &door->engine;

	while (engine->pending)
		answer_pending(door, take_pending(engine, engine->pending->id), 0, NULL, 0);
	text_done(&engine->out);
	text_done(&engine->in);
}

struct pending *engine_ask(struct door *door, struct request *request)
{
	struct engine *engine = &door->engine;
	struct pending *pending = new_or_die(sizeof(*pending));

	pending->id = ++engine->last_id;
	pending->request = request;
	if (request)
		request->pending = pending;
	*engine->pending_end = pending;
	engine->pending_end = &pending->next;
	engine->n_pending++;
	return pending;
}

bool engine_take_state(struct door *door, enum serve_type type, const char *body, size_t size)
{
	struct arena *arena = arena_new();
	struct serve_state state;
	struct err err;

	if (type != SERVE_STATE || !serve_get_state(arena, body, size, &state, &err)) {
		arena_free(arena);
		return false;
	}
	arena_free(door->state_arena);
	door->state_arena = arena;
	door->state = state;
	door->state_ports = map_new(arena);
	for (size_t i = 0; i < state.n_ports; i++)
		map_add(door->state_ports, state.ports[i].id, &state.ports[i]);
	door->state_ms = door->now_ms;
	door->engine_revision = state.revision;
	return true;
}

static void take_state(struct door *door, struct pending *pending, enum serve_type type,
	const char *body, size_t size)
{
	(void)pending;
	door->is_state_asked = false;
	engine_take_state(door, type, body, size);
}

void engine_ask_state(struct door *door)
{
	struct pending *pending;

	if (door->is_state_asked)
		return;
	door->is_state_stale = false;
	door->is_state_asked = true;
	pending = engine_ask(door, NULL);
	pending->answered = take_state;
	serve_put_text(&door->engine.out, SERVE_STATUS, pending->id, "");
}

static void take_synced(struct door *door, struct pending *pending, enum serve_type type,
	const char *body, size_t size)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct serve_done done;
	struct err refused, err;
	unsigned wait_ms = SYNC_AGAIN_FIRST_MS;

	if (type == SERVE_DONE && serve_get_done(arena, body, size, &done, &err)) {
		door->is_synced = true;
		door->n_refused_syncs = 0;
		door->engine_revision = done.revision;
		door->refused[0] = '\0';
		door->is_state_stale = true;
		return;
	}
	if (type != SERVE_REFUSED || !serve_get_refused(body, size, &refused, &err))
		return;
	door->counts.engine_refused++;
	snprintf(door->refused, sizeof(door->refused), "%s", refused.text);
	agent_log(LOG_ERROR, "refused", "revision",
		arena_printf(arena, "%llu", (unsigned long long)pending->revision), "why",
		refused.text, "next", refused.next_step[0] ? refused.next_step : NULL, NULL);
	for (unsigned i = 0; i < door->n_refused_syncs && wait_ms < SYNC_AGAIN_LAST_MS; i++)
		wait_ms *= 2;
	door->n_refused_syncs++;
	door->sync_again_ms =
		door->now_ms + (wait_ms < SYNC_AGAIN_LAST_MS ? wait_ms : SYNC_AGAIN_LAST_MS);
}

void engine_sync(struct door *door)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct model *model = &door->model;
	struct serve_change all = { .revision = model->revision };
	struct pending *pending = engine_ask(door, NULL);

	for (int kind = 0; kind < N_PART_KINDS; kind++)
		all.n_parts += model->n[kind];
	all.parts = arena_new_array(scratch, struct policy_part, all.n_parts);
	all.n_parts = 0;
	for (int kind = 0; kind < N_PART_KINDS; kind++)
		for (size_t i = 0; i < model->n[kind]; i++)
			all.parts[all.n_parts++] = model->objects[kind][i].part;
	pending->revision = model->revision;
	pending->answered = take_synced;
	serve_put_change(&door->engine.out, SERVE_SYNC, pending->id, &all);
	door->sync_again_ms = 0;
}

static bool take_event(struct door *door, const char *body, size_t size, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct serve_event event;

	if (!serve_get_event(arena, body, size, &event, err))
		return false;
	door->is_state_stale = true;
	events_add(door, event.what,
		json_pack("{s:o, s:o}", "subject", json_text(event.subject), "text",
			json_text(event.text)));
	return true;
}

static bool take_frame(
	struct door *door, const struct serve_header *header, const char *body, struct err *err)
{
	struct pending *pending;

	door->heard_ms = door->now_ms;
	if (header->type == SERVE_EVENT && header->id == 0)
		return take_event(door, body, header->size, err);
	pending = take_pending(&door->engine, header->id);
	if (!pending)
		return err_input(err, "the engine answered what it was not asked");
	answer_pending(door, pending, header->type, body, header->size);
	return true;
}

bool engine_take(struct door *door, const char *bytes, size_t size, struct err *err)
{
	struct text *in = &door->engine.in;
	struct serve_header header;
	size_t at = 0;

	text_add_n(in, bytes, size);
	while (in->len - at >= sizeof(header)) {
		memcpy(&header, in->data + at, sizeof(header));
		if (header.size > LIMIT_SERVE_FRAME)
			return err_input(err, "the engine sent a frame of %u bytes, more than %zu",
				header.size, LIMIT_SERVE_FRAME);
		if (in->len - at - sizeof(header) < header.size)
			break;
		if (!take_frame(door, &header, in->data + at + sizeof(header), err))
			return false;
		at += sizeof(header) + header.size;
	}
	if (!at)
		return true;
	memmove(in->data, in->data + at, in->len - at);
	in->len -= at;
	if (!in->len && in->size > ENGINE_BUFFER_KEPT)
		text_done(in);
	return true;
}
