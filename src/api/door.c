// SPDX-License-Identifier: GPL-2.0-or-later
#include "api/credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The state is not asked for more often than this, however much happens. */
#define STATE_PAUSE_MS 200
#define HEALTH_S       15
#define PING_S	       5

bool door_open(const char *store_path, const char *host, struct door **ret, struct err *err)
{
	struct door *door = new_or_die(sizeof(*door));

	door->host = host;
	door->now_ms = 1; /* 0 is never */
	door->times =
		(struct door_times){ LIMIT_API_REQUEST_S, LIMIT_API_IDLE_S, LIMIT_API_ANSWER_S,
			LIMIT_API_WAIT_S, LIMIT_API_STATE_S, LIMIT_API_PROOF_S, HEALTH_S, PING_S };
	door->events = new_or_die(sizeof(*door->events));
	events_init(door->events);
	engine_init(&door->engine);
	if (!store_open(store_path, &door->store, err) ||
		!model_load(&door->model, door->store, err)) {
		door_close(&door);
		return false;
	}
	engine_sync(door);
	engine_ask_state(door);
	*ret = door;
	return true;
}

void door_close(struct door **door_p)
{
	struct door *door = *door_p;

	*door_p = NULL;
	if (!door)
		return;
	engine_done(door);
	credentials_close(&door->credentials);
	events_done(door->events);
	free(door->events);
	arena_free(door->state_arena);
	arena_free(door->shares_arena);
	arena_free(door->subnets_arena);
	rule_counters_done(&door->rule_counters);
	looks_done(&door->looks);
	model_done(&door->model);
	store_close(&door->store);
	free(door);
}

static void give_up(struct request *request)
{
	struct arena *arena = request->arena;
	uint64_t revision = request->pending ? request->pending->revision : 0;

	if (request->give_up) {
		request->give_up(request);
		request_finish(request);
		return;
	}
	answer_error(request, 504, "EngineTimeout",
		revision ? arena_printf(arena,
				   "It is stored as revision %llu, and reaches the kernel when the "
				   "engine goes on; GET /healthz tells.",
				   (unsigned long long)revision)
			 : "Try again; GET /healthz tells how the engine is.",
		"The engine has not answered in time.");
	request_finish(request);
}

void door_tick(struct door *door)
{
	for (struct request *request = door->waiting, *next; request; request = next) {
		next = request->next_waiting;
		if (request->give_up_ms <= door->now_ms)
			give_up(request);
	}
	if (door->sync_again_ms && door->sync_again_ms <= door->now_ms)
		engine_sync(door);
	if (door->now_ms - door->state_ms >=
		(door->is_state_stale ? (uint64_t)STATE_PAUSE_MS : door->times.ping_s * 1000ULL))
		engine_ask_state(door);
	looks_tick(door);
}

/* Is there something before the engine that brings it to this revision? */
static bool is_on_its_way(const struct door *door, uint64_t revision)
{
	for (const struct pending *pending = door->engine.pending; pending; pending = pending->next)
		if (pending->revision >= revision)
			return true;
	return false;
}

const char *door_sickness(struct door *door, struct arena *arena)
{
	uint64_t silent_ms = door->now_ms - door->heard_ms;

	if (!door->heard_ms)
		return "The engine has not answered yet; if that lasts, see the service's log.";
	if (silent_ms > door->times.health_s * 1000ULL)
		return arena_printf(arena,
			"The engine has not answered for %llu seconds; see the service's log.",
			(unsigned long long)silent_ms / 1000);
	if (door->refused[0])
		return arena_printf(arena,
			"Revision %llu is stored, but the engine did not take it: %s. It is tried "
			"again.",
			(unsigned long long)door->model.revision, door->refused);
	if (door->engine_revision < door->model.revision &&
		!is_on_its_way(door, door->model.revision))
		return arena_printf(arena,
			"The kernel has revision %llu and the store %llu, and nothing is on its "
			"way; restart the service.",
			(unsigned long long)door->engine_revision,
			(unsigned long long)door->model.revision);
	return NULL;
}
