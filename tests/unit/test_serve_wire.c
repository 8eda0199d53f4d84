// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "agent/serve.h"

#define ID_A "aaaaaaaa-1111-4000-8000-000000000001"
#define ID_B "bbbbbbbb-2222-4000-8000-000000000002"

/* One message of each kind with something in every field, and how it is read. */
struct message {
	const char *name;
	enum serve_type type;
	void (*put)(struct text *out);
	/* Reads it, and checks that it says what put wrote. */
	bool (*get)(struct arena *arena, const char *body, size_t size, struct err *err);
	void (*check)(struct arena *arena, const char *body, size_t size);
	size_t count; /* where in the body the first count of a list is */
};
#define NO_COUNT SIZE_MAX

/* A number of a message, as wire.h has it. */
static void wire_set(char *place, uint32_t number)
{
	number = htole32(number);
	memcpy(place, &number, sizeof(number));
}

static struct policy_part *parts_of(struct arena *arena, size_t *ret_n)
{
	static const char yaml[] =
		"address_groups: [{name: list, addresses: [10.0.0.0/8, '2001:db8::/32']}]\n"
		"security_groups:\n"
		"- name: web\n"
		"  description: caf\xc3\xa9\n"
		"  security_group_rules:\n"
		"  - {direction: ingress, protocol: tcp, port_range_min: 80, port_range_max: 81, "
		"remote_ip_prefix: 192.0.2.1/24}\n"
		"  - {direction: egress, ethertype: IPv6, protocol: icmpv6, icmp_type: 1, "
		"icmp_code: 2, remote_address_group: list}\n"
		"  - {direction: ingress, remote_group: web}\n"
		"ports:\n"
		"- {name: vm, device: tap0, mac_address: 'fa:16:3e:00:00:01', fixed_ips: "
		"[10.0.0.1], allowed_address_pairs: [{ip_address: 10.1.0.0/16}], network: n, "
		"security_groups: [web], 'binding:host_id': compute1}\n";
	const struct policy *policy = NULL;
	struct policy_part *parts;
	struct err err;

	if (!policy_parse(arena, "test", yaml, strlen(yaml), "compute1", &policy, &err))
		fail_msg("%s", err.text);
	policy_split(arena, policy, &parts, ret_n);
	return parts;
}

static void put_change(struct text *out)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const char *gone[] = { ID_A, ID_B };
	enum part_kind gone_kinds[] = { PART_GROUP, PART_PORT };
	struct serve_change change = { .revision = 0x1122334455667788,
		.is_dry = true,
		.gone = gone,
		.gone_kinds = gone_kinds,
		.n_gone = 2 };

	change.parts = parts_of(arena, &change.n_parts);
	serve_put_change(out, SERVE_CHANGE, 7, &change);
}

static bool get_change(struct arena *arena, const char *body, size_t size, struct err *err)
{
	struct serve_change change;

	return serve_get_change(arena, body, size, &change, err);
}

static void check_change(struct arena *arena, const char *body, size_t size)
{
	struct text wanted CLEANUP(text_done) = TEXT_INIT, got CLEANUP(text_done) = TEXT_INIT;
	struct policy_part *parts;
	struct serve_change change;
	struct err err;
	size_t n;

	parts = parts_of(arena, &n);
	assert_true(serve_get_change(arena, body, size, &change, &err));
	assert_int_equal(change.revision, 0x1122334455667788);
	assert_true(change.is_dry);
	assert_int_equal(change.n_parts, n);
	for (size_t i = 0; i < n; i++) {
		policy_part_encode(&wanted, &parts[i]);
		policy_part_encode(&got, &change.parts[i]);
	}
	assert_int_equal(wanted.len, got.len);
	assert_memory_equal(wanted.data, got.data, got.len);
	assert_int_equal(change.n_gone, 2);
	assert_string_equal(change.gone[0], ID_A);
	assert_string_equal(change.gone[1], ID_B);
	assert_int_equal(change.gone_kinds[0], PART_GROUP);
	assert_int_equal(change.gone_kinds[1], PART_PORT);
}

static void put_text(struct text *out)
{
	serve_put_text(out, SERVE_TEXT, 7, "{\"a\": \"caf\xc3\xa9\"}");
}

static bool get_text(struct arena *arena, const char *body, size_t size, struct err *err)
{
	const char *text;

	return serve_get_text(arena, body, size, &text, err);
}

static void check_text(struct arena *arena, const char *body, size_t size)
{
	const char *text;
	struct err err;

	assert_true(serve_get_text(arena, body, size, &text, &err));
	assert_string_equal(text, "{\"a\": \"caf\xc3\xa9\"}");
}

static void put_question(struct text *out)
{
	const struct serve_question question = { ID_A, "tcp any 10.0.0.0/8:22", "ingress", "new",
		"eth0" };

	serve_put_question(out, 7, &question);
}

static bool get_question(struct arena *arena, const char *body, size_t size, struct err *err)
{
	struct serve_question question;

	return serve_get_question(arena, body, size, &question, err);
}

static void check_question(struct arena *arena, const char *body, size_t size)
{
	struct serve_question question;
	struct err err;

	assert_true(serve_get_question(arena, body, size, &question, &err));
	assert_string_equal(question.port_id, ID_A);
	assert_string_equal(question.packet, "tcp any 10.0.0.0/8:22");
	assert_string_equal(question.direction, "ingress");
	assert_string_equal(question.state, "new");
	assert_string_equal(question.from, "eth0");
}

static void put_done(struct text *out)
{
	const char *changes[] = { "+ IPv4 chain: a rule", "- IPv6 chain: another" };
	struct serve_failure failures[] = { { ID_A, "the kernel refused it", "" },
		{ ID_B, "no bridge", "Plug it." } };
	struct serve_flow flows[] = { { ID_A, 1, "tcp", "10.0.0.1", "10.0.0.2", 65535, 22 },
		{ "", 0, "112", "10.0.0.2", "10.0.0.1", 0, 0 } };
	struct serve_passing passings[] = { { ID_A, 1, true, "IPv4\nIPv6", "tcp any any" },
		{ ID_B, 0, false, "IPv4", "" } };
	const struct serve_done done = { 1, 2, 3, UINT64_MAX, 5, 6, 7, 8, changes, N_OF(changes),
		failures, N_OF(failures), flows, N_OF(flows), passings, N_OF(passings), 9 };

	serve_put_done(out, 7, &done);
}

static bool get_done(struct arena *arena, const char *body, size_t size, struct err *err)
{
	struct serve_done done;

	return serve_get_done(arena, body, size, &done, err);
}

static void check_done(struct arena *arena, const char *body, size_t size)
{
	struct serve_done done;
	struct err err;

	assert_true(serve_get_done(arena, body, size, &done, &err));
	assert_int_equal(done.revision, 1);
	assert_int_equal(done.n_steps, 2);
	assert_int_equal(done.n_flows_cut, 3);
	assert_true(done.usec == UINT64_MAX);
	assert_int_equal(done.rules_added, 5);
	assert_int_equal(done.rules_removed, 6);
	assert_int_equal(done.members_added, 7);
	assert_int_equal(done.members_removed, 8);
	assert_int_equal(done.n_changes, 2);
	assert_string_equal(done.changes[1], "- IPv6 chain: another");
	assert_int_equal(done.n_failures, 2);
	assert_string_equal(done.failures[0].port_id, ID_A);
	assert_string_equal(done.failures[0].why, "the kernel refused it");
	assert_string_equal(done.failures[0].next_step, "");
	assert_string_equal(done.failures[1].next_step, "Plug it.");
	assert_int_equal(done.n_flows, 2);
	assert_string_equal(done.flows[0].port_id, ID_A);
	assert_int_equal(done.flows[0].direction, 1);
	assert_string_equal(done.flows[0].source, "10.0.0.1");
	assert_string_equal(done.flows[0].destination, "10.0.0.2");
	assert_int_equal(done.flows[0].source_port, 65535);
	assert_int_equal(done.flows[0].destination_port, 22);
	assert_string_equal(done.flows[1].protocol, "112");
	assert_int_equal(done.n_passings, 2);
	assert_true(done.passings[0].opens && !done.passings[1].opens);
	assert_int_equal(done.passings[0].direction, 1);
	assert_string_equal(done.passings[0].packets, "IPv4\nIPv6");
	assert_string_equal(done.passings[0].example, "tcp any any");
	assert_string_equal(done.passings[1].port_id, ID_B);
	assert_int_equal(done.n_ports_untold, 9);
}

static void put_state(struct text *out)
{
	const char *warnings[] = { "br0 does not call iptables" };
	struct serve_port ports[] = { { ID_A, "a", "tapa", "br0", "", PORT_ACTIVE, 4097 },
		{ ID_B, "b", "tapb", "", "it is not there", PORT_REMOTE, 65535 } };
	const struct serve_state state = { .revision = 1,
		.backend = BACKEND_LEGACY,
		.started_s = 2,
		.n_rules = 3,
		.n_commits = 4,
		.n_refused = 5,
		.n_repaired = 6,
		.n_flows_cut = 7,
		.n_queued = 8,
		.commit_usec = { 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21 },
		.commit_usec_sum = 9,
		.guard_held = true,
		.ports = ports,
		.n_ports = N_OF(ports),
		.warnings = warnings,
		.n_warnings = N_OF(warnings) };

	serve_put_state(out, 7, &state);
}

static bool get_state(struct arena *arena, const char *body, size_t size, struct err *err)
{
	struct serve_state state;

	return serve_get_state(arena, body, size, &state, err);
}

static void check_state(struct arena *arena, const char *body, size_t size)
{
	struct serve_state state;
	struct err err;

	assert_true(serve_get_state(arena, body, size, &state, &err));
	assert_int_equal(state.revision, 1);
	assert_int_equal(state.backend, BACKEND_LEGACY);
	assert_int_equal(state.started_s, 2);
	assert_int_equal(state.n_rules, 3);
	assert_int_equal(state.n_commits, 4);
	assert_int_equal(state.n_refused, 5);
	assert_int_equal(state.n_repaired, 6);
	assert_int_equal(state.n_flows_cut, 7);
	assert_int_equal(state.n_queued, 8);
	for (size_t i = 0; i < N_OF(state.commit_usec); i++)
		assert_int_equal(state.commit_usec[i], 10 + i);
	assert_int_equal(state.commit_usec_sum, 9);
	assert_true(state.guard_held);
	assert_int_equal(state.n_ports, 2);
	assert_string_equal(state.ports[0].id, ID_A);
	assert_string_equal(state.ports[0].name, "a");
	assert_string_equal(state.ports[0].device, "tapa");
	assert_string_equal(state.ports[0].bridge, "br0");
	assert_int_equal(state.ports[0].zone, 4097);
	assert_string_equal(state.ports[1].why, "it is not there");
	assert_int_equal(state.ports[1].state, PORT_REMOTE);
	assert_int_equal(state.ports[1].zone, 65535);
	assert_int_equal(state.n_warnings, 1);
	assert_string_equal(state.warnings[0], "br0 does not call iptables");
}

static void put_counted(struct text *out)
{
	struct serve_counter counters[] = { { ID_A, ID_B, "rule", 1, 0, 2, UINT64_MAX },
		{ ID_A, "", "anti-spoof", 0, 1, 4, 5 } };
	const struct serve_counted counted = { counters, N_OF(counters) };

	serve_put_counted(out, 7, &counted);
}

static bool get_counted(struct arena *arena, const char *body, size_t size, struct err *err)
{
	struct serve_counted counted;

	return serve_get_counted(arena, body, size, &counted, err);
}

static void check_counted(struct arena *arena, const char *body, size_t size)
{
	struct serve_counted counted;
	struct err err;

	assert_true(serve_get_counted(arena, body, size, &counted, &err));
	assert_int_equal(counted.n, 2);
	assert_string_equal(counted.counters[0].rule_id, ID_B);
	assert_int_equal(counted.counters[0].direction, 1);
	assert_int_equal(counted.counters[0].packets, 2);
	assert_true(counted.counters[0].bytes == UINT64_MAX);
	assert_string_equal(counted.counters[1].port_id, ID_A);
	assert_string_equal(counted.counters[1].rule_id, "");
	assert_string_equal(counted.counters[1].duty, "anti-spoof");
	assert_int_equal(counted.counters[1].family, 1);
	assert_int_equal(counted.counters[1].bytes, 5);
}

static void put_refused(struct text *out)
{
	struct err err;

	err_conflict(&err, "somebody else's chain");
	err_next(&err, "Give --takeover.");
	serve_put_refused(out, 7, &err);
}

static bool get_refused(struct arena *arena, const char *body, size_t size, struct err *err)
{
	struct err refused;

	(void)arena;
	return serve_get_refused(body, size, &refused, err);
}

static void check_refused(struct arena *arena, const char *body, size_t size)
{
	struct err refused, err;

	(void)arena;
	assert_true(serve_get_refused(body, size, &refused, &err));
	assert_int_equal(refused.kind, ERR_CONFLICT);
	assert_int_equal(refused.sys, 0);
	assert_string_equal(refused.text, "somebody else's chain");
	assert_string_equal(refused.next_step, "Give --takeover.");
}

static void put_event(struct text *out)
{
	const struct serve_event event = { "repaired", "tap0", "A rule was put back." };

	serve_put_event(out, &event);
}

static bool get_event(struct arena *arena, const char *body, size_t size, struct err *err)
{
	struct serve_event event;

	return serve_get_event(arena, body, size, &event, err);
}

static void check_event(struct arena *arena, const char *body, size_t size)
{
	struct serve_event event;
	struct err err;

	assert_true(serve_get_event(arena, body, size, &event, &err));
	assert_string_equal(event.what, "repaired");
	assert_string_equal(event.subject, "tap0");
	assert_string_equal(event.text, "A rule was put back.");
}

#define MESSAGE(name, type, count)                                                                 \
	{                                                                                          \
#name, type, put_##name, get_##name, check_##name, count                           \
	}
static const struct message messages[] = {
	MESSAGE(change, SERVE_CHANGE, 12),
	MESSAGE(text, SERVE_TEXT, NO_COUNT),
	MESSAGE(question, SERVE_EXPLAIN, NO_COUNT),
	MESSAGE(done, SERVE_DONE, 72),
	MESSAGE(state, SERVE_STATE, 9 * 8 + 12 * 8 + 8),
	MESSAGE(counted, SERVE_COUNTED, 0),
	MESSAGE(refused, SERVE_REFUSED, NO_COUNT),
	MESSAGE(event, SERVE_EVENT, NO_COUNT),
};

static struct serve_header header_of(const struct text *frame)
{
	struct serve_header header;

	assert_true(frame->len >= sizeof(header));
	memcpy(&header, frame->data, sizeof(header));
	return header;
}

/* Of exactly its size, so that reading behind it is seen. */
static char *body_of(const struct text *frame, size_t size)
{
	char *body = malloc(size ? size : 1);

	assert_non_null(body);
	memcpy(body, frame->data + sizeof(struct serve_header), size);
	return body;
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(messages); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text frame CLEANUP(text_done) = TEXT_INIT;
		struct serve_header header;
		char *body;

		messages[i].put(&frame);
		header = header_of(&frame);
		assert_int_equal(header.type, messages[i].type);
		assert_int_equal(header.id, messages[i].type == SERVE_EVENT ? 0 : 7);
		assert_int_equal(header.size, frame.len - sizeof(header));
		body = body_of(&frame, header.size);
		messages[i].check(arena, body, header.size);
		free(body);
	}
}

static void frames_follow_each_other(void **state)
{
	struct text frames CLEANUP(text_done) = TEXT_INIT;
	size_t at = 0;

	(void)state;
	for (size_t i = 0; i < N_OF(messages); i++)
		messages[i].put(&frames);
	for (size_t i = 0; i < N_OF(messages); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct serve_header header;

		memcpy(&header, frames.data + at, sizeof(header));
		at += sizeof(header);
		messages[i].check(arena, frames.data + at, header.size);
		at += header.size;
	}
	assert_int_equal(at, frames.len);
}

static void refuse(const struct message *message, const char *body, size_t size, size_t max_used)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct err err = { 0 };

	if (message->get(arena, body, size, &err))
		fail_msg("%s: %zu bytes are taken", message->name, size);
	assert_int_equal(err.kind, ERR_INPUT);
	assert_true(text_has_prefix(err.text, "a message of "));
	assert_in_range(arena_used(arena), 0, max_used);
}

static void every_beginning_of_a_message_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(messages); i++) {
		struct text frame CLEANUP(text_done) = TEXT_INIT;
		size_t size;

		messages[i].put(&frame);
		size = frame.len - sizeof(struct serve_header);
		for (size_t cut = 0; cut < size; cut++) {
			char *body = body_of(&frame, cut);

			refuse(&messages[i], body, cut, SIZE_MAX);
			free(body);
		}
	}
}

static void a_byte_too_many_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(messages); i++) {
		struct text frame CLEANUP(text_done) = TEXT_INIT;
		char *body;

		messages[i].put(&frame);
		text_add_n(&frame, "", 1);
		body = body_of(&frame, frame.len - sizeof(struct serve_header));
		refuse(&messages[i], body, frame.len - sizeof(struct serve_header), SIZE_MAX);
		free(body);
	}
}

static void a_count_that_the_frame_cannot_hold_makes_no_room(void **state)
{
	static const uint32_t counts[] = { 1000, 0x10000000, 0x7fffffff, 0x80000001, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < N_OF(messages); i++) {
		struct text frame CLEANUP(text_done) = TEXT_INIT;
		size_t size;

		if (messages[i].count == NO_COUNT)
			continue;
		messages[i].put(&frame);
		size = frame.len - sizeof(struct serve_header);
		for (size_t k = 0; k < N_OF(counts); k++) {
			char *body = body_of(&frame, size);

			wire_set(body + messages[i].count, counts[k]);
			refuse(&messages[i], body, size, 0);
			free(body);
		}
	}
}

/* Wherever in a message a number says more than there is, also inside a part of a policy. */
static void no_number_makes_more_room_than_the_frame_is_worth(void **state)
{
	static const uint32_t numbers[] = { 0, 100, 0x00ffffff, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < N_OF(messages); i++) {
		struct text frame CLEANUP(text_done) = TEXT_INIT;
		size_t size;

		messages[i].put(&frame);
		size = frame.len - sizeof(struct serve_header);
		for (size_t place = 0; place + 4 <= size; place++)
			for (size_t k = 0; k < N_OF(numbers); k++) {
				struct arena *arena CLEANUP(arena_freep) = arena_new();
				char *body = body_of(&frame, size);
				struct err err;

				wire_set(body + place, numbers[k]);
				messages[i].get(arena, body, size, &err);
				assert_in_range(arena_used(arena), 0, 64 * size);
				free(body);
			}
	}
}

static void values_that_are_none_are_refused(void **state)
{
	static const struct {
		const char *message;
		size_t place;
		uint32_t number;
	} bad[] = {
		{ "change", 8, 2 },		    /* a boolean */
		{ "state", 9 * 8 + 12 * 8, 2 },	    /* the backend */
		{ "state", 9 * 8 + 12 * 8 + 4, 2 }, /* a boolean */
		{ "refused", 0, ERR_NONE },	    /* refused for nothing */
		{ "refused", 0, ERR_LIMIT + 1 },    /* the kind */
	};

	(void)state;
	for (size_t i = 0; i < N_OF(bad); i++)
		for (size_t m = 0; m < N_OF(messages); m++) {
			struct text frame CLEANUP(text_done) = TEXT_INIT;
			char *body;

			if (strcmp(messages[m].name, bad[i].message) != 0)
				continue;
			messages[m].put(&frame);
			body = frame.data + sizeof(struct serve_header);
			wire_set(body + bad[i].place, bad[i].number);
			refuse(&messages[m], body, frame.len - sizeof(struct serve_header),
				SIZE_MAX);
		}
}

static void the_values_of_a_port_are_bounded(void **state)
{
	static const struct {
		uint32_t state, zone;
		bool is_fine;
	} cases[] = { { PORT_REMOTE, UINT16_MAX, true }, { PORT_REMOTE + 1, 1, false },
		{ PORT_ACTIVE, UINT16_MAX + 1, false }, { UINT32_MAX, 0, false } };

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct serve_port port = { "", "", "", "", "", PORT_ACTIVE, 0 };
		const struct serve_state full = { .ports = &port, .n_ports = 1 };
		struct text frame CLEANUP(text_done) = TEXT_INIT;
		struct serve_state got;
		struct err err;
		size_t size;

		serve_put_state(&frame, 0, &full);
		size = frame.len - sizeof(struct serve_header);
		/* the last three numbers: state, zone, and how many warnings there are */
		wire_set(frame.data + frame.len - 12, cases[i].state);
		wire_set(frame.data + frame.len - 8, cases[i].zone);
		assert_int_equal(serve_get_state(arena, frame.data + sizeof(struct serve_header),
					 size, &got, &err),
			cases[i].is_fine);
	}
}

static void what_has_gone_is_an_id(void **state)
{
	static const struct {
		const char *id;
		uint32_t kind;
	} bad[] = { { "", PART_PORT }, { "aaaaaaaa", PART_PORT },
		{ "AAAAAAAA-1111-4000-8000-000000000001", PART_PORT },
		{ "aaaaaaaa-1111-4000-8000-00000000000\n", PART_PORT },
		{ "aaaaaaaa-1111-4000-8000-0000000000011", PART_PORT }, { ID_A, N_PART_KINDS } };

	(void)state;
	for (size_t i = 0; i < N_OF(bad); i++) {
		const char *gone[] = { bad[i].id };
		enum part_kind kinds[] = { (enum part_kind)bad[i].kind };
		const struct serve_change change = {
			.gone = gone, .gone_kinds = kinds, .n_gone = 1
		};
		struct text frame CLEANUP(text_done) = TEXT_INIT;

		serve_put_change(&frame, SERVE_CHANGE, 0, &change);
		refuse(&messages[0], frame.data + sizeof(struct serve_header),
			frame.len - sizeof(struct serve_header), SIZE_MAX);
	}
}

static void a_text_has_no_nul(void **state)
{
	struct text frame CLEANUP(text_done) = TEXT_INIT;

	(void)state;
	serve_put_text(&frame, SERVE_TEXT, 0, "a.b");
	frame.data[frame.len - 2] = '\0';
	refuse(&messages[1], frame.data + sizeof(struct serve_header),
		frame.len - sizeof(struct serve_header), SIZE_MAX);
}

/* An error has room for so much, with its NUL. */
static void a_refusal_that_is_too_long_is_refused(void **state)
{
	(void)state;
	for (size_t more = 0; more < 2; more++) {
		struct text frame CLEANUP(text_done) = TEXT_INIT;
		struct err full = { .kind = ERR_INPUT }, got, err;
		char *body;
		size_t size;

		memset(full.text, 'x', ERR_TEXT_SIZE - 1);
		serve_put_refused(&frame, 0, &full);
		if (more) {
			/* one x more than put can write */
			wire_set(frame.data + sizeof(struct serve_header) + 4, ERR_TEXT_SIZE);
			text_add_n(&frame, "", 1);
			memset(frame.data + sizeof(struct serve_header) + 8, 'x', ERR_TEXT_SIZE);
			wire_set(frame.data + frame.len - 4, 0);
		}
		size = frame.len - sizeof(struct serve_header);
		body = body_of(&frame, size);
		assert_int_equal(serve_get_refused(body, size, &got, &err), !more);
		if (more)
			assert_non_null(strstr(err.text, "at most"));
		else
			assert_string_equal(got.text, full.text);
		free(body);
	}
}

static void the_names_of_states_are_their_own(void **state)
{
	(void)state;
	for (int i = PORT_ACTIVE; i <= PORT_REMOTE; i++)
		for (int k = PORT_ACTIVE; k <= i; k++)
			assert_int_equal(!strcmp(serve_port_state_name((enum serve_port_state)i),
						 serve_port_state_name((enum serve_port_state)k)),
				i == k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(frames_follow_each_other),
		cmocka_unit_test(every_beginning_of_a_message_is_refused),
		cmocka_unit_test(a_byte_too_many_is_refused),
		cmocka_unit_test(a_count_that_the_frame_cannot_hold_makes_no_room),
		cmocka_unit_test(no_number_makes_more_room_than_the_frame_is_worth),
		cmocka_unit_test(values_that_are_none_are_refused),
		cmocka_unit_test(the_values_of_a_port_are_bounded),
		cmocka_unit_test(what_has_gone_is_an_id),
		cmocka_unit_test(a_text_has_no_nul),
		cmocka_unit_test(a_refusal_that_is_too_long_is_refused),
		cmocka_unit_test(the_names_of_states_are_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
