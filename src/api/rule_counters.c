// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What each rule let pass, beside the rule. Only the kernel knows, and to read it takes the longer the more ports a host has: so it is asked
 * once for all who list rules at about the same time, not again before as long as the last time took, and only when somebody wants to see it.
 */
#include "api/request.h"

#include <string.h>

/* What was read is shown for so long at least. */
#define FRESH_MS 200
/*
 * Where reading takes longer, only who names the fields waits for it; others, as clients of Neutron that do not even show them, get
 * what was read last, if it is not too old, and have it read anew for the next one.
 */
#define SLOW_MS	 300
#define STALE_MS 60000

static const char *const names[] = { "portwall:packets", "portwall:bytes" };

struct rule_count {
	uint64_t packets, bytes;
};

void rule_counters_done(struct rule_counters *counters)
{
	arena_free(counters->arena);
}

static bool is_fresh(const struct door *door)
{
	const struct rule_counters *counters = &door->rule_counters;

	return counters->arena &&
	       door->now_ms - counters->read_ms <=
		       (counters->took_ms > FRESH_MS ? counters->took_ms : FRESH_MS);
}

/* A rule is a line of each of its ports, and in each family that it is for. */
static void add_up(struct rule_counters *counters, const struct serve_counted *counted)
{
	for (size_t i = 0; i < counted->n; i++) {
		const struct serve_counter *counter = &counted->counters[i];
		struct rule_count *count;

		if (!*counter->rule_id)
			continue;
		count = map_find(counters->by_id, counter->rule_id);
		if (!count) {
			count = arena_new_one(counters->arena, struct rule_count);
			map_add(counters->by_id, arena_strdup(counters->arena, counter->rule_id),
				count);
		}
		count->packets += counter->packets;
		count->bytes += counter->bytes;
	}
}

static void read_counters(struct door *door, enum serve_type type, const char *body, size_t size)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct rule_counters *counters = &door->rule_counters;
	struct serve_counted counted;
	struct err err;

	if (type != SERVE_COUNTED || !serve_get_counted(scratch, body, size, &counted, &err))
		return;
	rule_counters_done(counters);
	counters->arena = arena_new();
	counters->by_id = map_new(counters->arena);
	counters->read_ms = door->now_ms;
	counters->took_ms = door->now_ms - counters->asked_ms;
	counters->revision = counters->asked_revision;
	add_up(counters, &counted);
}

/* Whoever waits for them is answered, with or without. */
static void take_counters(struct door *door, struct pending *pending, enum serve_type type,
	const char *body, size_t size)
{
	struct request *request = door->waiting, *next;

	(void)pending;
	door->rule_counters.is_asked = false;
	read_counters(door, type, body, size);
	for (; request; request = next) {
		next = request->next_waiting;
		if (!request->waits_for_counters)
			continue;
		request->waits_for_counters = false;
		request->give_up(request);
		request_finish(request);
	}
}

static void ask(struct door *door)
{
	struct pending *pending = engine_ask(door, NULL);

	door->rule_counters.is_asked = true;
	door->rule_counters.asked_revision = door->model.revision;
	door->rule_counters.asked_ms = door->now_ms;
	pending->answered = take_counters;
	serve_put_text(&door->engine.out, SERVE_COUNTERS, pending->id, "");
}

static bool is_stale(const struct door *door)
{
	const struct rule_counters *counters = &door->rule_counters;

	return counters->arena && counters->took_ms > SLOW_MS &&
	       door->now_ms - counters->read_ms <= STALE_MS;
}

/* *ret_by_name: by their own names, and not with all others. */
static bool are_asked_for(const struct request *request, bool *ret_by_name)
{
	bool has_fields = false;

	*ret_by_name = false;

	vec_for_each (argument, &request->arguments) {
		if (strcmp(argument->key, "fields") != 0)
			continue;
		has_fields = true;
		for (size_t i = 0; i < N_OF(names); i++)
			if (!strcmp(argument->value, names[i])) {
				*ret_by_name = true;
				return true;
			}
	}
	return !has_fields;
}

void rule_counters_with(struct request *request, void (*answer)(struct request *request))
{
	struct door *door = request->door;
	bool by_name;

	if (!are_asked_for(request, &by_name) || is_fresh(door) || !door->model.n[PART_PORT]) {
		answer(request);
		return;
	}
	if (!request_may_wait(request))
		return;
	if (!by_name && is_stale(door)) {
		if (!door->rule_counters.is_asked)
			ask(door);
		answer(request);
		return;
	}
	request->give_up = answer;
	request->waits_for_counters = true;
	if (!door->rule_counters.is_asked)
		ask(door);
	request_wait(request, door->times.state_s);
}

/* No line of this host: that is 0, but for a rule that came after the lines were read. */
static const struct rule_count *count_of(const struct door *door, const json_t *rule)
{
	static const struct rule_count nothing = { 0, 0 };
	const struct rule_counters *counters = &door->rule_counters;
	const char *id = json_string_value(json_object_get(rule, "id"));
	const struct rule_count *count;

	if (!door->model.n[PART_PORT])
		return &nothing;
	if (!id || (!is_fresh(door) && !is_stale(door)))
		return NULL;
	count = map_find(counters->by_id, id);
	return count || counters->revision != door->model.revision ? count : &nothing;
}

void rule_counters_add(const struct request *request, const struct object *group, json_t *rule)
{
	/* a group that is shared counts what passes at ports of others too: that is its owner's to know */
	const struct rule_count *count =
		is_own(request, group) ? count_of(request->door, rule) : NULL;

	json_object_set_new(
		rule, names[0], count ? json_integer((json_int_t)count->packets) : json_null());
	json_object_set_new(
		rule, names[1], count ? json_integer((json_int_t)count->bytes) : json_null());
}

void rule_list(struct request *request)
{
	rule_counters_with(request, collection_list);
}

void rule_show(struct request *request)
{
	rule_counters_with(request, collection_show);
}
