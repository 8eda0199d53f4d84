// SPDX-License-Identifier: GPL-2.0-or-later
/* The first byte is the type of a frame, the others are its body. */
#include "fuzz.h"

#include <string.h>

#include "agent/serve.h"

/* The body of a frame, which is all of out, is what came. */
static void is_same(struct text *out, enum serve_type type, const char *body, size_t size)
{
	struct serve_header header;

	fuzz_check(out->len == sizeof(header) + size);
	memcpy(&header, out->data, sizeof(header));
	fuzz_check(header.size == size && header.type == type && header.id == 0);
	fuzz_check(!memcmp(out->data + sizeof(header), body, size));
}

/* Read, and written again. false: it is no such message. */
static bool echo(struct arena *arena, enum serve_type type, const char *body, size_t size,
	struct text *out, struct err *err)
{
	struct serve_change change;
	struct serve_question question;
	struct serve_done done;
	struct serve_state state;
	struct serve_counted counted;
	struct serve_event event;
	struct err refused;
	const char *text;

	switch (type) {
	case SERVE_SYNC:
	case SERVE_CHANGE:
		if (!serve_get_change(arena, body, size, &change, err))
			return false;
		serve_put_change(out, type, 0, &change);
		return true;
	case SERVE_STATUS:
	case SERVE_VERIFY:
	case SERVE_FINDINGS:
	case SERVE_COUNTERS:
	case SERVE_TEXT:
		if (!serve_get_text(arena, body, size, &text, err))
			return false;
		serve_put_text(out, type, 0, text);
		return true;
	case SERVE_EXPLAIN:
		if (!serve_get_question(arena, body, size, &question, err))
			return false;
		serve_put_question(out, 0, &question);
		return true;
	case SERVE_DONE:
		if (!serve_get_done(arena, body, size, &done, err))
			return false;
		serve_put_done(out, 0, &done);
		return true;
	case SERVE_STATE:
		if (!serve_get_state(arena, body, size, &state, err))
			return false;
		for (size_t i = 0; i < state.n_ports; i++)
			fuzz_check(serve_port_state_name(state.ports[i].state));
		serve_put_state(out, 0, &state);
		return true;
	case SERVE_COUNTED:
		if (!serve_get_counted(arena, body, size, &counted, err))
			return false;
		serve_put_counted(out, 0, &counted);
		return true;
	case SERVE_REFUSED:
		if (!serve_get_refused(body, size, &refused, err))
			return false;
		serve_put_refused(out, 0, &refused);
		return true;
	case SERVE_EVENT:
		if (!serve_get_event(arena, body, size, &event, err))
			return false;
		serve_put_event(out, &event);
		return true;
	}
	return err_input(err, "no type of a frame");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct text out = TEXT_INIT;
	struct err err = { 0 };

	if (size) {
		enum serve_type type = (enum serve_type)data[0];
		const char *body = (const char *)data + 1;

		if (echo(arena, type, body, size - 1, &out, &err))
			is_same(&out, type, body, size - 1);
		else
			fuzz_check(err.kind == ERR_INPUT && err.text[0]);
		/* no count makes room that the bytes behind it are not worth */
		fuzz_check(arena_used(arena) <= 4096 + 64 * size);
	}
	text_done(&out);
	arena_free(arena);
	return 0;
}
