// SPDX-License-Identifier: GPL-2.0-or-later
#include "keephost.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

static const char *const closed_names[] = { "tap*", "vnet*" };

void keephost_open(struct keephost *h)
{
	struct err err;

	if (!keeper_open(&h->options, &h->keeper, &err))
		fail_msg("%s\n%s", err.text, err.next_step);
}

void keephost_close(struct keephost *h)
{
	keeper_close(&h->keeper);
}

void keephost_init(struct keephost *h, struct world *world)
{
	*h = (struct keephost){ .world = world,
		.options = { .agent = world->options,
			.host = "here",
			.closed_names = closed_names,
			.n_closed_names = N_OF(closed_names),
			.is_paranoid = true } };
	h->options.agent.fix_sysctl = true;
	keephost_open(h);
}

void keephost_done(struct keephost *h)
{
	keephost_close(h);
	arena_free(h->policy_arena);
	arena_free(h->arena);
}

bool keephost_parse(
	const char *yaml, struct arena **ret_arena, const struct policy **ret, struct err *err)
{
	struct arena *arena = arena_new();

	if (!policy_parse(arena, "test", yaml, strlen(yaml), "here", ret, err)) {
		arena_free(arena);
		return false;
	}
	*ret_arena = arena;
	return true;
}

/* The result of a call, in the place of the one before. */
static void take(struct keephost *h, struct arena *arena, const struct keeper_result *result)
{
	arena_free(h->arena);
	h->arena = arena;
	h->result = *result;
	if (keephost_event(h, "bug", NULL))
		fail_msg("a full recompute finds a difference: %s", keephost_event(h, "bug", NULL));
}

bool keephost_try(struct keephost *h, const char *yaml, struct err *err)
{
	struct arena *policy_arena = NULL, *arena;
	const struct policy *policy = NULL;
	struct keeper_result result;
	bool ok;

	if (!keephost_parse(yaml, &policy_arena, &policy, err))
		fail_msg("no policy: %s\n%s", err->text, yaml);
	arena = arena_new();
	ok = keeper_change(h->keeper, arena, policy, &result, err);
	/* as the contract has it: nobody looks at the one before any more */
	arena_free(h->policy_arena);
	h->policy_arena = policy_arena;
	h->policy = policy;
	if (ok)
		take(h, arena, &result);
	else
		arena_free(arena);
	return ok;
}

void keephost_change(struct keephost *h, const char *fmt, ...)
{
	struct text yaml CLEANUP(text_done) = TEXT_INIT;
	struct err err;
	va_list ap;

	va_start(ap, fmt);
	text_vaddf(&yaml, fmt, ap);
	va_end(ap);
	if (!keephost_try(h, yaml.data, &err))
		fail_msg("%s\n%s\n%s", yaml.data, err.text, err.next_step);
}

typedef bool call_fn(
	struct keeper *keeper, struct arena *arena, struct keeper_result *ret, struct err *err);

static void call(struct keephost *h, call_fn *fn)
{
	struct arena *arena = arena_new();
	struct keeper_result result;
	struct err err;

	if (!fn(h->keeper, arena, &result, &err)) {
		arena_free(arena);
		fail_msg("%s\n%s", err.text, err.next_step);
	}
	take(h, arena, &result);
}

void keephost_links(struct keephost *h)
{
	call(h, keeper_links_changed);
}

void keephost_repair(struct keephost *h)
{
	call(h, keeper_repair);
}

void keephost_retry(struct keephost *h)
{
	call(h, keeper_retry);
}

struct serve_port keephost_port(struct keephost *h, const char *port_id)
{
	struct serve_state state;

	keeper_state(h->keeper, h->arena, &state);
	for (size_t i = 0; i < state.n_ports; i++)
		if (strcmp(state.ports[i].id, port_id) == 0)
			return state.ports[i];
	return (struct serve_port){ .id = port_id, .state = PORT_REMOTE };
}

const char *keephost_event(const struct keephost *h, const char *what, const char *subject)
{
	vec_for_each (event, &h->result.events)
		if (strcmp(event->what, what) == 0 &&
			(!subject || strcmp(event->subject, subject) == 0))
			return event->text;
	return NULL;
}

void keephost_look(struct keephost *h)
{
	struct world *world = h->world;
	struct arena *arena = arena_new();
	struct err err;

	arena_free(world->arena);
	world->arena = arena;
	if (!keeper_view(h->keeper, arena, &world->view, &err))
		fail_msg("%s", err.text);
}

/* ---- the tools */

#define WRAPPERS "/run/keephost-wrappers"

void keephost_unwrap_restore(void)
{
	const char *path = getenv("PATH");

	if (path && text_has_prefix(path, WRAPPERS ":")) {
		char *rest = strdup(path + strlen(WRAPPERS ":"));

		setenv("PATH", rest, 1);
		free(rest);
	}
	net_sh("rm -rf " WRAPPERS);
}

void keephost_wrap_restore(const struct world *world, const char *script)
{
	struct text path CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	keephost_unwrap_restore();
	net_sh("mkdir " WRAPPERS);
	for (int i = 0; i < 2; i++) {
		struct text text CLEANUP(text_done) = TEXT_INIT;
		char tool[64], file[128];

		snprintf(tool, sizeof(tool), "ip%stables-%s-restore", i ? "6" : "",
			world->options.backend);
		snprintf(file, sizeof(file), WRAPPERS "/%s", tool);
		text_addf(&text, "#!/bin/sh\nPATH=${PATH#" WRAPPERS ":}\nTOOL=$(command -v %s)\n%s",
			tool, script);
		if (!text_save(&text, file, &err))
			fail_msg("%s", err.text);
		net_sh("chmod 755 %s", file);
	}
	text_addf(&path, WRAPPERS ":%s", getenv("PATH"));
	setenv("PATH", path.data, 1);
}
