// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the engine and the door say to each other, as bytes. The engine, which may do much, reads what the door writes, which may
 * be in somebody else's hands: nothing is believed that is not checked here, and a count makes no more room than the bytes
 * behind it are worth. Each message has one spelling, so what is read and written again is the same.
 */
#include "agent/serve.h"

#include <string.h>

#include "base/vec.h"
#include "base/wire.h"

#define TEXT_SIZE    ((size_t)4) /* of an empty one */
#define GONE_SIZE    (4 + TEXT_SIZE + 36)
#define FAILURE_SIZE (3 * TEXT_SIZE)
#define FLOW_SIZE    (4 * TEXT_SIZE + 4 + 4 + 4)
#define PASSING_SIZE (3 * TEXT_SIZE + 4 + 4)
#define PORT_SIZE    (5 * TEXT_SIZE + 4 + 4)
#define COUNTER_SIZE (3 * TEXT_SIZE + 4 + 4 + 8 + 8)

const char *serve_port_state_name(enum serve_port_state state)
{
	static const char *const names[] = {
		[PORT_ACTIVE] = "active",
		[PORT_WAITING] = "waiting",
		[PORT_UNPLUGGED] = "unplugged",
		[PORT_FAILED] = "failed",
		[PORT_REMOTE] = "remote",
	};

	return names[state];
}

/* --- frames --- */

static size_t frame_begin(struct text *out, enum serve_type type, uint64_t id)
{
	const struct serve_header header = { .type = type, .id = id };
	size_t place = out->len;

	wire_put_bytes(out, &header, sizeof(header));
	return place;
}

static void frame_end(struct text *out, size_t place)
{
	struct serve_header header;

	memcpy(&header, out->data + place, sizeof(header));
	header.size = (uint32_t)(out->len - place - sizeof(header));
	memcpy(out->data + place, &header, sizeof(header));
}

static bool fail_in(struct wire *wire, const char *what)
{
	return err_prefix(wire->err, "a message of %s that is none", what);
}

static void put_texts(struct text *out, const char *const *texts, size_t n)
{
	wire_put_u32(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		wire_put_text(out, texts[i]);
}

static bool get_texts(struct wire *wire, struct arena *arena, const char ***ret, size_t *ret_n)
{
	if (!wire_get_count(wire, TEXT_SIZE, ret_n))
		return false;
	*ret = arena_new_array(arena, const char *, *ret_n);
	for (size_t i = 0; i < *ret_n; i++)
		if (!wire_get_text(wire, arena, &(*ret)[i]))
			return false;
	return true;
}

/* --- a change --- */

void serve_put_change(
	struct text *out, enum serve_type type, uint64_t id, const struct serve_change *change)
{
	size_t place = frame_begin(out, type, id);

	wire_put_u64(out, change->revision);
	wire_put_bool(out, change->is_dry);
	wire_put_u32(out, (uint32_t)change->n_parts);
	for (size_t i = 0; i < change->n_parts; i++)
		policy_part_encode(out, &change->parts[i]);
	wire_put_u32(out, (uint32_t)change->n_gone);
	for (size_t i = 0; i < change->n_gone; i++) {
		wire_put_u32(out, change->gone_kinds[i]);
		wire_put_text(out, change->gone[i]);
	}
	frame_end(out, place);
}

static bool get_parts(struct wire *wire, struct arena *arena, struct serve_change *change)
{
	if (!wire_get_count(wire, POLICY_PART_LEAST, &change->n_parts))
		return false;
	change->parts = arena_new_array(arena, struct policy_part, change->n_parts);
	for (size_t i = 0; i < change->n_parts; i++)
		if (!policy_part_decode(arena, &wire->at, wire->end, &change->parts[i], wire->err))
			return false;
	return true;
}

static bool get_gone(struct wire *wire, struct arena *arena, struct serve_change *change)
{
	if (!wire_get_count(wire, GONE_SIZE, &change->n_gone))
		return false;
	change->gone = arena_new_array(arena, const char *, change->n_gone);
	change->gone_kinds = arena_new_array(arena, enum part_kind, change->n_gone);
	for (size_t i = 0; i < change->n_gone; i++) {
		uint32_t kind;

		if (!wire_get_below(wire, N_PART_KINDS, &kind) ||
			!wire_get_text(wire, arena, &change->gone[i]))
			return false;
		if (!policy_part_is_id(change->gone[i]))
			return err_input(wire->err, "what has gone has no id");
		change->gone_kinds[i] = (enum part_kind)kind;
	}
	return true;
}

bool serve_get_change(struct arena *arena, const char *body, size_t size, struct serve_change *ret,
	struct err *err)
{
	struct wire wire = { body, body + size, err };
	struct serve_change change = { 0 };

	if (!wire_get_u64(&wire, &change.revision) || !wire_get_bool(&wire, &change.is_dry) ||
		!get_parts(&wire, arena, &change) || !get_gone(&wire, arena, &change) ||
		!wire_get_end(&wire))
		return fail_in(&wire, "a change");
	*ret = change;
	return true;
}

/* --- a text --- */

void serve_put_text(struct text *out, enum serve_type type, uint64_t id, const char *text)
{
	size_t place = frame_begin(out, type, id);

	wire_put_text(out, text);
	frame_end(out, place);
}

bool serve_get_text(
	struct arena *arena, const char *body, size_t size, const char **ret, struct err *err)
{
	struct wire wire = { body, body + size, err };
	const char *text;

	if (!wire_get_text(&wire, arena, &text) || !wire_get_end(&wire))
		return fail_in(&wire, "a text");
	*ret = text;
	return true;
}

/* --- a question --- */

#define QUESTION_TEXTS(question)                                                                   \
	{                                                                                          \
		&(question)->port_id, &(question)->packet, &(question)->direction,                 \
			&(question)->state, &(question)->from,                                     \
	}

void serve_put_question(struct text *out, uint64_t id, const struct serve_question *question)
{
	const char *const *const texts[] = QUESTION_TEXTS(question);
	size_t place = frame_begin(out, SERVE_EXPLAIN, id);

	for (size_t i = 0; i < N_OF(texts); i++)
		wire_put_text(out, *texts[i]);
	frame_end(out, place);
}

bool serve_get_question(struct arena *arena, const char *body, size_t size,
	struct serve_question *ret, struct err *err)
{
	struct wire wire = { body, body + size, err };
	struct serve_question question = { 0 };
	const char **const texts[] = QUESTION_TEXTS(&question);

	for (size_t i = 0; i < N_OF(texts); i++)
		if (!wire_get_text(&wire, arena, texts[i]))
			return fail_in(&wire, "a question");
	if (!wire_get_end(&wire))
		return fail_in(&wire, "a question");
	*ret = question;
	return true;
}

/* --- what became of a change --- */

/* Pointers to the numbers of a message, in the order of its bytes, so that writing and reading have one list. */
#define DONE_NUMBERS(done)                                                                         \
	{                                                                                          \
		&(done)->revision, &(done)->n_steps, &(done)->n_flows_cut, &(done)->usec,          \
			&(done)->rules_added, &(done)->rules_removed, &(done)->members_added,      \
			&(done)->members_removed, &(done)->n_ports_untold,                         \
	}
#define STATE_NUMBERS(state)                                                                       \
	{                                                                                          \
		&(state)->revision, &(state)->started_s, &(state)->n_rules, &(state)->n_commits,   \
			&(state)->n_refused, &(state)->n_repaired, &(state)->n_flows_cut,          \
			&(state)->n_queued, &(state)->commit_usec_sum,                             \
	}

static void put_numbers(struct text *out, const uint64_t *const *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		wire_put_u64(out, *numbers[i]);
}

static bool get_numbers(struct wire *wire, uint64_t *const *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!wire_get_u64(wire, numbers[i]))
			return false;
	return true;
}

static void put_flow(struct text *out, const struct serve_flow *flow)
{
	wire_put_text(out, flow->port_id);
	wire_put_u32(out, flow->direction);
	wire_put_text(out, flow->protocol);
	wire_put_text(out, flow->source);
	wire_put_text(out, flow->destination);
	wire_put_u32(out, flow->source_port);
	wire_put_u32(out, flow->destination_port);
}

static void put_passing(struct text *out, const struct serve_passing *passing)
{
	wire_put_text(out, passing->port_id);
	wire_put_u32(out, passing->direction);
	wire_put_bool(out, passing->opens);
	wire_put_text(out, passing->packets);
	wire_put_text(out, passing->example);
}

void serve_put_done(struct text *out, uint64_t id, const struct serve_done *done)
{
	const uint64_t *const numbers[] = DONE_NUMBERS(done);
	size_t place = frame_begin(out, SERVE_DONE, id);

	put_numbers(out, numbers, N_OF(numbers));
	put_texts(out, done->changes, done->n_changes);
	wire_put_u32(out, (uint32_t)done->n_failures);
	for (size_t i = 0; i < done->n_failures; i++) {
		wire_put_text(out, done->failures[i].port_id);
		wire_put_text(out, done->failures[i].why);
		wire_put_text(out, done->failures[i].next_step);
	}
	wire_put_u32(out, (uint32_t)done->n_flows);
	for (size_t i = 0; i < done->n_flows; i++)
		put_flow(out, &done->flows[i]);
	wire_put_u32(out, (uint32_t)done->n_passings);
	for (size_t i = 0; i < done->n_passings; i++)
		put_passing(out, &done->passings[i]);
	frame_end(out, place);
}

static bool get_flows(struct wire *wire, struct arena *arena, struct serve_done *done)
{
	if (!wire_get_count(wire, FLOW_SIZE, &done->n_flows))
		return false;
	done->flows = arena_new_array(arena, struct serve_flow, done->n_flows);
	for (size_t i = 0; i < done->n_flows; i++) {
		struct serve_flow *flow = &done->flows[i];

		if (!wire_get_text(wire, arena, &flow->port_id) ||
			!wire_get_below(wire, 2, &flow->direction) ||
			!wire_get_text(wire, arena, &flow->protocol) ||
			!wire_get_text(wire, arena, &flow->source) ||
			!wire_get_text(wire, arena, &flow->destination) ||
			!wire_get_below(wire, UINT16_MAX + 1, &flow->source_port) ||
			!wire_get_below(wire, UINT16_MAX + 1, &flow->destination_port))
			return false;
	}
	return true;
}

static bool get_passings(struct wire *wire, struct arena *arena, struct serve_done *done)
{
	if (!wire_get_count(wire, PASSING_SIZE, &done->n_passings))
		return false;
	done->passings = arena_new_array(arena, struct serve_passing, done->n_passings);
	for (size_t i = 0; i < done->n_passings; i++) {
		struct serve_passing *passing = &done->passings[i];

		if (!wire_get_text(wire, arena, &passing->port_id) ||
			!wire_get_below(wire, 2, &passing->direction) ||
			!wire_get_bool(wire, &passing->opens) ||
			!wire_get_text(wire, arena, &passing->packets) ||
			!wire_get_text(wire, arena, &passing->example))
			return false;
	}
	return true;
}

static bool get_failures(struct wire *wire, struct arena *arena, struct serve_done *done)
{
	if (!wire_get_count(wire, FAILURE_SIZE, &done->n_failures))
		return false;
	done->failures = arena_new_array(arena, struct serve_failure, done->n_failures);
	for (size_t i = 0; i < done->n_failures; i++) {
		struct serve_failure *failure = &done->failures[i];

		if (!wire_get_text(wire, arena, &failure->port_id) ||
			!wire_get_text(wire, arena, &failure->why) ||
			!wire_get_text(wire, arena, &failure->next_step))
			return false;
	}
	return true;
}

bool serve_get_done(
	struct arena *arena, const char *body, size_t size, struct serve_done *ret, struct err *err)
{
	struct wire wire = { body, body + size, err };
	struct serve_done done = { 0 };
	uint64_t *const numbers[] = DONE_NUMBERS(&done);

	if (!get_numbers(&wire, numbers, N_OF(numbers)) ||
		!get_texts(&wire, arena, &done.changes, &done.n_changes) ||
		!get_failures(&wire, arena, &done) || !get_flows(&wire, arena, &done) ||
		!get_passings(&wire, arena, &done) || !wire_get_end(&wire))
		return fail_in(&wire, "what was done");
	*ret = done;
	return true;
}

/* --- the state --- */

static void put_port(struct text *out, const struct serve_port *port)
{
	wire_put_text(out, port->id);
	wire_put_text(out, port->name);
	wire_put_text(out, port->device);
	wire_put_text(out, port->bridge);
	wire_put_text(out, port->why);
	wire_put_u32(out, port->state);
	wire_put_u32(out, port->zone);
}

void serve_put_state(struct text *out, uint64_t id, const struct serve_state *state)
{
	const uint64_t *const numbers[] = STATE_NUMBERS(state);
	size_t place = frame_begin(out, SERVE_STATE, id);

	put_numbers(out, numbers, N_OF(numbers));
	for (size_t i = 0; i < N_OF(state->commit_usec); i++)
		wire_put_u64(out, state->commit_usec[i]);
	wire_put_u32(out, state->backend);
	wire_put_bool(out, state->guard_held);
	wire_put_u32(out, (uint32_t)state->n_ports);
	for (size_t i = 0; i < state->n_ports; i++)
		put_port(out, &state->ports[i]);
	put_texts(out, state->warnings, state->n_warnings);
	frame_end(out, place);
}

static bool get_port(struct wire *wire, struct arena *arena, struct serve_port *port)
{
	uint32_t state, zone;

	if (!wire_get_text(wire, arena, &port->id) || !wire_get_text(wire, arena, &port->name) ||
		!wire_get_text(wire, arena, &port->device) ||
		!wire_get_text(wire, arena, &port->bridge) ||
		!wire_get_text(wire, arena, &port->why) ||
		!wire_get_below(wire, PORT_REMOTE + 1, &state) ||
		!wire_get_below(wire, UINT16_MAX + 1, &zone))
		return false;
	port->state = (enum serve_port_state)state;
	port->zone = (uint16_t)zone;
	return true;
}

static bool get_ports(struct wire *wire, struct arena *arena, struct serve_state *state)
{
	if (!wire_get_count(wire, PORT_SIZE, &state->n_ports))
		return false;
	state->ports = arena_new_array(arena, struct serve_port, state->n_ports);
	for (size_t i = 0; i < state->n_ports; i++)
		if (!get_port(wire, arena, &state->ports[i]))
			return false;
	return true;
}

bool serve_get_state(struct arena *arena, const char *body, size_t size, struct serve_state *ret,
	struct err *err)
{
	struct wire wire = { body, body + size, err };
	struct serve_state state = { 0 };
	uint64_t *const numbers[] = STATE_NUMBERS(&state);
	uint32_t backend;
	bool ok = get_numbers(&wire, numbers, N_OF(numbers));

	for (size_t i = 0; ok && i < N_OF(state.commit_usec); i++)
		ok = wire_get_u64(&wire, &state.commit_usec[i]);
	if (!ok || !wire_get_below(&wire, BACKEND_LEGACY + 1, &backend) ||
		!wire_get_bool(&wire, &state.guard_held) || !get_ports(&wire, arena, &state) ||
		!get_texts(&wire, arena, &state.warnings, &state.n_warnings) ||
		!wire_get_end(&wire))
		return fail_in(&wire, "the state");
	state.backend = (enum backend)backend;
	*ret = state;
	return true;
}

/* --- counters --- */

void serve_put_counted(struct text *out, uint64_t id, const struct serve_counted *counted)
{
	size_t place = frame_begin(out, SERVE_COUNTED, id);

	wire_put_u32(out, (uint32_t)counted->n);
	for (size_t i = 0; i < counted->n; i++) {
		const struct serve_counter *counter = &counted->counters[i];

		wire_put_text(out, counter->port_id);
		wire_put_text(out, counter->rule_id);
		wire_put_text(out, counter->duty);
		wire_put_u32(out, counter->direction);
		wire_put_u32(out, counter->family);
		wire_put_u64(out, counter->packets);
		wire_put_u64(out, counter->bytes);
	}
	frame_end(out, place);
}

static bool get_counter(struct wire *wire, struct arena *arena, struct serve_counter *counter)
{
	return wire_get_text(wire, arena, &counter->port_id) &&
	       wire_get_text(wire, arena, &counter->rule_id) &&
	       wire_get_text(wire, arena, &counter->duty) &&
	       wire_get_u32(wire, &counter->direction) && wire_get_u32(wire, &counter->family) &&
	       wire_get_u64(wire, &counter->packets) && wire_get_u64(wire, &counter->bytes);
}

bool serve_get_counted(struct arena *arena, const char *body, size_t size,
	struct serve_counted *ret, struct err *err)
{
	struct wire wire = { body, body + size, err };
	struct serve_counted counted = { 0 };

	if (!wire_get_count(&wire, COUNTER_SIZE, &counted.n))
		return fail_in(&wire, "counters");
	counted.counters = arena_new_array(arena, struct serve_counter, counted.n);
	for (size_t i = 0; i < counted.n; i++)
		if (!get_counter(&wire, arena, &counted.counters[i]))
			return fail_in(&wire, "counters");
	if (!wire_get_end(&wire))
		return fail_in(&wire, "counters");
	*ret = counted;
	return true;
}

/* --- a refusal --- */

void serve_put_refused(struct text *out, uint64_t id, const struct err *err)
{
	size_t place = frame_begin(out, SERVE_REFUSED, id);

	wire_put_u32(out, err->kind);
	wire_put_text(out, err->text);
	wire_put_text(out, err->next_step);
	frame_end(out, place);
}

/* Into an array of that size, with its NUL. */
static bool get_short_text(struct wire *wire, char *ret, size_t size)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	const char *text;

	if (!wire_get_text(wire, scratch, &text))
		return false;
	if (strlen(text) >= size)
		return err_input(wire->err, "a text of %zu bytes, at most %zu are possible",
			strlen(text), size - 1);
	memcpy(ret, text, strlen(text) + 1);
	return true;
}

bool serve_get_refused(const char *body, size_t size, struct err *ret, struct err *err)
{
	struct wire wire = { body, body + size, err };
	struct err refused = { 0 };
	uint32_t kind = ERR_NONE;

	if (!wire_get_below(&wire, ERR_LIMIT + 1, &kind) ||
		!get_short_text(&wire, refused.text, sizeof(refused.text)) ||
		!get_short_text(&wire, refused.next_step, sizeof(refused.next_step)) ||
		!wire_get_end(&wire))
		return fail_in(&wire, "a refusal");
	if (kind == ERR_NONE) {
		err_input(err, "it has no kind");
		return fail_in(&wire, "a refusal");
	}
	refused.kind = (enum err_kind)kind;
	*ret = refused;
	return true;
}

/* --- an event --- */

void serve_put_event(struct text *out, const struct serve_event *event)
{
	size_t place = frame_begin(out, SERVE_EVENT, 0);

	wire_put_text(out, event->what);
	wire_put_text(out, event->subject);
	wire_put_text(out, event->text);
	frame_end(out, place);
}

bool serve_get_event(struct arena *arena, const char *body, size_t size, struct serve_event *ret,
	struct err *err)
{
	struct wire wire = { body, body + size, err };
	struct serve_event event;

	if (!wire_get_text(&wire, arena, &event.what) ||
		!wire_get_text(&wire, arena, &event.subject) ||
		!wire_get_text(&wire, arena, &event.text) || !wire_get_end(&wire))
		return fail_in(&wire, "an event");
	*ret = event;
	return true;
}
