// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The process that holds the guard. Its table has "flags owner", which ties it to the session of nft that is kept open
 * here: others get "operation not permitted", a flush of the ruleset passes it over, and it goes with the process. So the
 * end must leave a table without an owner behind, in the transaction that deletes this one: the new
 * chains are hooked in before the old ones are taken out. What kills the process without that leaves a gap
 * until it is started again.
 *
 * One poll waits for four things: links and addresses (a bridge that comes is in the sets as soon as the message is read), rules of others,
 * a signal, and the time of what is due: telling of changes, looking at iptables-legacy (which sends no messages), another try.
 */
#include "agent/guard.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "agent/internal.h"

#define QUIET_MS   200	/* since the last change; then it is told */
#define PATIENT_MS 2000 /* since the first one: told although more comes */
#define LEGACY_MS  3000 /* between two looks */
#define RETRY_MS   1000
#define NEVER	   INT64_MAX

struct guard_holder {
	const struct guard_options *options;
	agent_guard_change_fn *on_change;
	void *data;
	struct kernel_nft *nft;
	struct kernel_watch *watch;
	bool notifies; /* the manager, of its state */
	bool is_there; /* the table */

	struct arena *arena; /* of held */
	struct guard held;

	struct arena *changes_arena;
	VEC(struct kernel_change) changes; /* not told yet */
	int64_t first_change_ms, tell_ms;

	struct text legacy; /* as it was; looked at again at: */
	int64_t legacy_ms;
	bool has_legacy;
	int64_t retry_ms;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool has_name(const struct guard *guard, const char *name)
{
	for (size_t i = 0; i < guard->n_bridges; i++)
		if (!strcmp(guard->bridges[i].name, name))
			return true;
	return false;
}

/* "qbr1 qbr2": those of a that b has not. */
static const char *names_of(struct arena *arena, const struct guard *a, const struct guard *b)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < a->n_bridges; i++)
		if (!has_name(b, a->bridges[i].name))
			text_addf(&out, "%s%s", out.len ? " " : "", a->bridges[i].name);
	return out.len ? arena_strdup(arena, out.data) : NULL;
}

/* --- the table --- */

static bool write_table(
	struct guard_holder *holder, const struct guard *wanted, bool is_owned, struct err *err)
{
	struct text commands CLEANUP(text_done) = TEXT_INIT;

	guard_print_replace(&commands, wanted, holder->is_there, is_owned);
	if (!kernel_nft_run(holder->nft, commands.data, err))
		return false;
	holder->is_there = true;
	return true;
}

static void report_held(const struct guard_holder *holder, const char *state)
{
	if (!holder->notifies)
		return;
	sd_notifyf(0, "%s\nSTATUS=guards %zu bridge%s from NAT of others", state,
		holder->held.n_bridges, holder->held.n_bridges == 1 ? "" : "s");
}

static void keep(struct guard_holder *holder, struct arena *arena, const struct guard *wanted)
{
	arena_free(holder->arena);
	holder->arena = arena;
	holder->held = *wanted;
}

static void fail(struct guard_holder *holder, const char *event, const struct err *err)
{
	agent_log(LOG_ERROR, event, "why", err->text, NULL);
	holder->retry_ms = now_ms() + RETRY_MS;
}

/* Brings the table to what the host has now. */
static void refresh(struct guard_holder *holder)
{
	struct arena *arena = arena_new();
	struct guard wanted;
	struct err err;

	holder->retry_ms = NEVER;
	if (!guard_want(arena, holder->options, false, &wanted, &err)) {
		fail(holder, "guard-not-read", &err);
	} else if (guard_equal(&holder->held, &wanted)) {
		;
	} else if (!write_table(holder, &wanted, true, &err)) {
		fail(holder, "guard-not-written", &err);
	} else {
		agent_log(LOG_INFO, "guard-bridges", "added",
			names_of(arena, &wanted, &holder->held), "removed",
			names_of(arena, &holder->held, &wanted), NULL);
		keep(holder, arena, &wanted);
		report_held(holder, "READY=1");
		return;
	}
	arena_free(arena);
}

/* --- others --- */

/* Nobody else changes the held table: a transaction of it alone is one of this process. */
static bool is_own(const struct kernel_change *change)
{
	return change->program && !strcmp(change->tables, "inet " GUARD_TABLE);
}

static void note_change(struct guard_holder *holder, const struct kernel_change *change)
{
	int64_t now = now_ms();

	if (!holder->changes.n)
		holder->first_change_ms = now;
	*vec_push(&holder->changes,
		holder->changes_arena) = (struct kernel_change){ .pid = change->pid,
		.program = change->program ? arena_strdup(holder->changes_arena, change->program)
					   : NULL,
		.parent =
			change->parent ? arena_strdup(holder->changes_arena, change->parent) : NULL,
		.tables = arena_strdup(holder->changes_arena, change->tables),
		.n = change->n };
	holder->tell_ms = now + QUIET_MS;
	if (holder->tell_ms > holder->first_change_ms + PATIENT_MS)
		holder->tell_ms = holder->first_change_ms + PATIENT_MS;
}

static void tell_changes(struct guard_holder *holder)
{
	holder->on_change(holder->data, holder->changes.items, holder->changes.n);
	arena_reset(holder->changes_arena);
	memset(&holder->changes, 0, sizeof(holder->changes));
	holder->tell_ms = NEVER;
}

static bool take_rules(struct guard_holder *holder, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct kernel_change *changes;
	size_t n;

	if (!kernel_watch_rules(arena, holder->watch, &changes, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_own(&changes[i]) && !kernel_is_own_program(changes[i].pid))
			note_change(holder, &changes[i]);
	return true;
}

static bool take_links(struct guard_holder *holder, struct err *err)
{
	bool is_changed;

	if (!kernel_watch_links(holder->watch, &is_changed, err))
		return false;
	if (is_changed)
		refresh(holder);
	return true;
}

static void look_at_legacy(struct guard_holder *holder)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text rules CLEANUP(text_done) = TEXT_INIT;
	struct text before;
	struct err err;

	holder->legacy_ms = now_ms() + LEGACY_MS;
	if (!kernel_legacy_rules(arena, &rules, &err)) {
		agent_log(LOG_WARNING, "legacy-not-read", "why", err.text, NULL);
		return;
	}
	if (holder->has_legacy && strcmp(rules.data, holder->legacy.data) != 0)
		note_change(holder,
			&(struct kernel_change){ .program = "iptables-legacy", .tables = "" });
	holder->has_legacy = true;
	before = holder->legacy;
	holder->legacy = rules;
	rules = before;
}

/* --- what waits --- */

int guard_holder_timeout(const struct guard_holder *holder)
{
	const int64_t due[] = { holder->tell_ms, holder->legacy_ms, holder->retry_ms };
	int64_t first = NEVER, now = now_ms();

	for (size_t i = 0; i < N_OF(due); i++)
		if (due[i] < first)
			first = due[i];
	if (first <= now)
		return 0;
	return first - now > INT_MAX ? INT_MAX : (int)(first - now);
}

void guard_holder_fds(const struct guard_holder *holder, int ret[GUARD_HOLDER_FDS])
{
	ret[0] = kernel_watch_links_fd(holder->watch);
	ret[1] = kernel_watch_rules_fd(holder->watch);
}

bool guard_holder_work(struct guard_holder *holder, struct err *err)
{
	int64_t now;

	if (!take_links(holder, err) || !take_rules(holder, err))
		return false;
	now = now_ms();
	if (holder->retry_ms <= now)
		refresh(holder);
	if (holder->legacy_ms <= now)
		look_at_legacy(holder);
	if (holder->tell_ms <= now)
		tell_changes(holder);
	return true;
}

void guard_holder_close(struct guard_holder **holder)
{
	struct guard_holder *held = *holder;

	if (!held)
		return;
	kernel_watch_close(&held->watch);
	kernel_nft_close(&held->nft);
	text_done(&held->legacy);
	arena_free(held->changes_arena);
	arena_free(held->arena);
	free(held);
	*holder = NULL;
}

/* Messages are listened to before the host is read: what changes meanwhile is not lost. */
static bool begin(struct guard_holder *holder, struct err *err)
{
	struct kernel_lock lock CLEANUP(kernel_lock_close) = { 0 };
	struct arena *arena = arena_new();
	struct guard_state state = { 0 };

	if (!kernel_must_be_admin(err) ||
		!kernel_lock_open(&lock, holder->options->lock_wait_s, err) ||
		!kernel_nft_open(&holder->nft, err) || !kernel_watch_open(&holder->watch, err) ||
		!guard_want(arena, holder->options, false, &state.wanted, err) ||
		!guard_look(arena, holder->nft, &state, err) ||
		!guard_may_change(holder->options, &state, err)) {
		arena_free(arena);
		return false;
	}
	holder->is_there = state.is_there;
	if (!write_table(holder, &state.wanted, true, err)) {
		arena_free(arena);
		return false;
	}
	keep(holder, arena, &state.wanted);
	report_held(holder, "READY=1");
	agent_log(LOG_INFO, "guard-held", "bridges",
		names_of(arena, &holder->held, &(struct guard){ 0 }), NULL);
	return true;
}

bool guard_holder_open(const struct guard_options *options, bool notifies,
	agent_guard_change_fn *on_change, void *data, struct guard_holder **ret, struct err *err)
{
	struct guard_holder *holder = calloc(1, sizeof(*holder));

	if (!holder)
		abort();
	*holder = (struct guard_holder){ .options = options,
		.on_change = on_change,
		.data = data,
		.notifies = notifies,
		.changes_arena = arena_new(),
		.tell_ms = NEVER,
		.retry_ms = NEVER,
		.legacy = TEXT_INIT };
	if (!begin(holder, err)) {
		guard_holder_close(&holder);
		return false;
	}
	*ret = holder;
	return true;
}

/* Who keeps the lock for too long does not keep the guard from staying: it is one transaction. */
bool guard_holder_leave(struct guard_holder *holder, struct err *err)
{
	struct kernel_lock lock CLEANUP(kernel_lock_close) = { 0 };
	struct err busy;

	if (!kernel_lock_open(&lock, holder->options->lock_wait_s, &busy))
		agent_log(LOG_WARNING, "lock-not-held", "why", busy.text, NULL);
	if (!write_table(holder, &holder->held, false, err))
		return false;
	agent_log(LOG_INFO, "guard-left", "bridges",
		names_of(holder->arena, &holder->held, &(struct guard){ 0 }), NULL);
	return true;
}

/* --- a process of its own --- */

static bool hold(struct guard_holder *holder, int signals, struct err *err)
{
	int waits[GUARD_HOLDER_FDS];
	struct pollfd fds[GUARD_HOLDER_FDS + 1];

	guard_holder_fds(holder, waits);
	for (size_t i = 0; i < N_OF(waits); i++)
		fds[i] = (struct pollfd){ .fd = waits[i], .events = POLLIN };
	fds[N_OF(waits)] = (struct pollfd){ .fd = signals, .events = POLLIN };
	for (;;) {
		if (poll(fds, N_OF(fds), guard_holder_timeout(holder)) < 0 && errno != EINTR)
			return err_system(err, errno, "poll");
		if (fds[N_OF(waits)].revents)
			return true;
		if (!guard_holder_work(holder, err))
			return false;
	}
}

static bool hold_signals(int *ret, struct err *err)
{
	static const int enders[] = { SIGTERM, SIGINT, SIGHUP };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < N_OF(enders); i++)
		sigaddset(&set, enders[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	*ret = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *ret >= 0 || err_system(err, errno, "signalfd");
}

bool agent_guard_run(const struct guard_options *options, agent_guard_change_fn *on_change,
	void *data, struct err *err)
{
	struct guard_holder *holder CLEANUP(guard_holder_close) = NULL;
	struct err later;
	int signals;
	bool ok;

	if (!hold_signals(&signals, err))
		return false;
	ok = guard_holder_open(options, true, on_change, data, &holder, err);
	if (ok) {
		ok = hold(holder, signals, err);
		sd_notify(0, "STOPPING=1");
		if (!guard_holder_leave(holder, ok ? err : &later)) {
			if (!ok)
				agent_log(LOG_ERROR, "guard-not-left", "why", later.text, NULL);
			ok = false;
		}
	}
	close(signals);
	return ok;
}
