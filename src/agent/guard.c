// SPDX-License-Identifier: GPL-2.0-or-later
/* The guard, looked at, put there and taken away. What holds it is guard_run.c. */
#include "agent/guard.h"

#include <errno.h>
#include <string.h>

#include "agent/internal.h"

#define TABLE "inet " GUARD_TABLE

/* --- looking --- */

/* Named ones; with must_be_there each is a bridge of the host. */
static bool name_bridges(struct arena *arena, const struct netns *host,
	const struct guard_options *options, bool must_be_there, struct guard *ret, struct err *err)
{
	VEC(struct guard_bridge) bridges = { 0 };

	for (size_t i = 0; i < options->n_bridges; i++) {
		const char *name = options->bridges[i];
		const struct link *link = netns_link(host, name);
		bool is_bridge = link && !strcmp(link->kind, "bridge"), is_twice = false;

		if (!guard_can_name(name) || !*name)
			return err_input(err, "--bridge %s: nft has no word for such a name", name);
		if (must_be_there && !is_bridge)
			return err_input(err, "--bridge %s: there is no %s of this name here", name,
				link ? "bridge" : "link");
		vec_for_each (bridge, &bridges)
			is_twice |= !strcmp(bridge->name, name);
		if (!is_twice)
			*vec_push(&bridges, arena) =
				is_bridge ? guard_bridge_of_link(host, link)
					  : (struct guard_bridge){ .name = name };
	}
	*ret = guard_of_bridges(bridges.items, bridges.n);
	return true;
}

bool guard_want(struct arena *arena, const struct guard_options *options, bool must_be_there,
	struct guard *ret, struct err *err)
{
	const struct netns *host;

	if (!kernel_netns_read(arena, &host, err))
		return false;
	if (options->bridges)
		return name_bridges(arena, host, options, must_be_there, ret, err);
	guard_of_netns(arena, host, ret);
	return true;
}

bool guard_look(
	struct arena *arena, struct kernel_nft *nft, struct guard_state *state, struct err *err)
{
	struct text listed CLEANUP(text_done) = TEXT_INIT;
	struct ruleset_text text = { .tool = "nft" };
	struct netns ns = { .name = "", .texts = &text };

	if (!kernel_nft_list(nft, TABLE, &listed, err))
		return false;
	text.text = arena_strdup(arena, listed.data);
	ns.n_texts = listed.len > 0;
	netns_parse_texts(arena, &ns);
	state->is_there = listed.len > 0;
	if (!guard_find(arena, &ns, &state->found, &state->is_whole))
		state->is_whole = false;
	state->is_owned = guard_is_owned(&ns);
	return true;
}

bool agent_guard_look(struct arena *arena, const struct guard_options *options,
	struct guard_state *ret, struct err *err)
{
	struct kernel_nft *nft CLEANUP(kernel_nft_close) = NULL;

	*ret = (struct guard_state){ 0 };
	return kernel_must_be_admin(err) && kernel_nft_open(&nft, err) &&
	       guard_want(arena, options, true, &ret->wanted, err) &&
	       guard_look(arena, nft, ret, err);
}

bool guard_state_is_complete(const struct guard_state *state)
{
	for (size_t i = 0; i < state->wanted.n_bridges; i++)
		if (!guard_has(&state->found, &state->wanted.bridges[i]))
			return false;
	return true;
}

/* --- changing --- */

/* "table inet portwall-guard", made if it is not there so that it can be deleted, is refused of a table with
 * an owner, by its owner too: whether it is there must be known. */
void guard_print_replace(struct text *out, const struct guard *guard, bool is_there, bool is_owned)
{
	if (is_there)
		text_add(out, "delete table " TABLE "\n");
	guard_print(out, guard, is_owned);
}

bool guard_may_change(
	const struct guard_options *options, const struct guard_state *state, struct err *err)
{
	if (state->is_owned) {
		err_conflict(err, "a process holds the nft table \"" TABLE
				  "\" (portwall guard run), and nobody else can change it");
		return err_next(err,
			"it keeps the bridges up to date; to take the guard away stop it first: "
			"systemctl stop portwall-guard");
	}
	if (!state->is_there || state->is_whole || options->takeover)
		return true;
	err_conflict(
		err, "the nft table \"" TABLE "\" is not the guard, or somebody has changed it");
	return err_next(
		err, "see nft list table " TABLE "; --takeover replaces it, or takes it away");
}

/* Asks print what is to be done about the state as it is under the lock. */
static bool change(struct arena *arena, const struct guard_options *options,
	void (*print)(struct text *out, const struct guard_state *state),
	struct guard_state *ret_state, const char **ret_commands, struct err *err)
{
	struct kernel_lock lock CLEANUP(kernel_lock_close) = { 0 };
	struct kernel_nft *nft CLEANUP(kernel_nft_close) = NULL;
	struct text commands CLEANUP(text_done) = TEXT_INIT;

	*ret_state = (struct guard_state){ 0 };
	if (!kernel_must_be_admin(err) ||
		(!options->dry_run && !kernel_lock_open(&lock, options->lock_wait_s, err)) ||
		!kernel_nft_open(&nft, err) ||
		!guard_want(arena, options, true, &ret_state->wanted, err) ||
		!guard_look(arena, nft, ret_state, err))
		return false;
	print(&commands, ret_state);
	*ret_commands = arena_strdup(arena, commands.data);
	if (!commands.len)
		return true;
	return guard_may_change(options, ret_state, err) &&
	       (options->dry_run || kernel_nft_run(nft, commands.data, err));
}

static void print_install(struct text *out, const struct guard_state *state)
{
	if (!state->is_whole || !guard_equal(&state->found, &state->wanted))
		guard_print_replace(out, &state->wanted, state->is_there, false);
}

static void print_remove(struct text *out, const struct guard_state *state)
{
	if (state->is_there)
		text_add(out, "delete table " TABLE "\n");
}

bool agent_guard_install(struct arena *arena, const struct guard_options *options,
	struct guard_state *ret_state, const char **ret_commands, struct err *err)
{
	return change(arena, options, print_install, ret_state, ret_commands, err);
}

bool agent_guard_remove(struct arena *arena, const struct guard_options *options,
	struct guard_state *ret_state, const char **ret_commands, struct err *err)
{
	return change(arena, options, print_remove, ret_state, ret_commands, err);
}
