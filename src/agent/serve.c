// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The loop of the service: the only mutable world. Five things come in: requests of the door; messages of the kernel about links, and
 * about rules that others changed; the end of children; and time. Each becomes one call of the keeper (keep.h), one after another, so that
 * there is never more than one change under way.
 *
 * Messages of links and rules come in bursts (a VM's start is a dozen, a restart of dockerd hundreds): the first one sets a time at which all
 * of them are dealt with, links at once but not again before as long as the last time took, rules when they have been quiet for
 * QUIET_MS, at the latest PATIENT_MS after the first.
 *
 * iptables-legacy and ipset send no messages. Of legacy the size is looked at often and the text now and then; what no look sees, a set that was
 * emptied, is found by a repair every RESYNC_MS.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "agent/serve_internal.h"

#define QUIET_MS       30
#define PATIENT_MS     300
#define LEGACY_LOOK_MS 250
#define LEGACY_LOOKS   20 /* the text, too, each time so many looks */
#define RESYNC_MS      60000
#define CULPRITS_LEN   400
#define MESSAGE_MS     50

uint64_t serve_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void serve_note_commit(struct server *server, uint64_t usec)
{
	static const uint64_t bounds_ms[] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000 };
	size_t i = 0;

	_Static_assert(N_OF(bounds_ms) + 1 == N_OF(((struct server *)0)->commit_usec),
		"a class for each bound, and one above");
	while (i < N_OF(bounds_ms) && usec > bounds_ms[i] * 1000)
		i++;
	server->commit_usec[i]++;
	server->commit_usec_sum += usec;
}

bool serve_fail(struct server *server, struct err *err)
{
	if (!server->has_failed)
		*server->err = *err;
	server->has_failed = true;
	sd_event_exit(server->event, 1);
	return false;
}

static enum log_level level_of(const char *what)
{
	if (!strcmp(what, "bug"))
		return LOG_ERROR;
	if (!strcmp(what, "repaired") || !strcmp(what, "refused"))
		return LOG_WARNING;
	return LOG_NOTICE;
}

void serve_tell_result(struct server *server, const struct keeper_result *result)
{
	vec_for_each (event, &result->events) {
		agent_log(level_of(event->what), event->what, "subject",
			*event->subject ? event->subject : NULL, "text", event->text, NULL);
		serve_tell(server, event->what, event->subject, event->text);
	}
}

/* --- what is due --- */

static void soonest(uint64_t *first, uint64_t due)
{
	if (due < *first)
		*first = due;
}

void serve_set_timer(struct server *server)
{
	uint64_t first = SERVE_NEVER, now = kernel_boottime_ms();

	soonest(&first, server->links_ms);
	soonest(&first, server->repair_ms);
	soonest(&first, server->legacy_ms);
	soonest(&first, server->resync_ms);
	soonest(&first, keeper_retry_ms(server->keeper));
	if (first == SERVE_NEVER) {
		sd_event_source_set_enabled(server->timer, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time_relative(server->timer, first > now ? (first - now) * 1000 : 0);
	sd_event_source_set_enabled(server->timer, SD_EVENT_ONESHOT);
}

static void bind_links(struct server *server)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct keeper_result result = { 0 };
	uint64_t since = kernel_boottime_ms();
	struct err err;

	server->links_ms = SERVE_NEVER;
	if (!keeper_links_changed(server->keeper, arena, &result, &err))
		agent_log(LOG_ERROR, "links-not-bound", "why", err.text, NULL);
	serve_tell_result(server, &result);
	server->links_took_ms = kernel_boottime_ms() - since;
}

/* culprits NULL: nobody is known to have changed anything. */
static void repair(struct server *server, const char *culprits)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct keeper_result result = { 0 };
	struct err err;

	server->repair_ms = SERVE_NEVER;
	server->first_repair_ms = SERVE_NEVER;
	server->resync_ms = kernel_boottime_ms() + RESYNC_MS;
	if (!keeper_repair(server->keeper, arena, &result, &err)) {
		agent_log(LOG_ERROR, "not-repaired", "why", err.text, "who", culprits, NULL);
		serve_tell(server, "refused", "", err.text);
	} else if (culprits && result.events.n) {
		agent_log(LOG_WARNING, "changed-by-others", "who", culprits, NULL);
		serve_tell(server, "changed-by-others", "", culprits);
	}
	serve_tell_result(server, &result);
}

static void retry(struct server *server)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct keeper_result result = { 0 };
	struct err err;

	if (!keeper_retry(server->keeper, arena, &result, &err))
		agent_log(LOG_ERROR, "retry-failed", "why", err.text, NULL);
	serve_tell_result(server, &result);
}

static void want_repair(struct server *server, uint64_t now)
{
	if (server->first_repair_ms == SERVE_NEVER)
		server->first_repair_ms = now;
	server->repair_ms = now + QUIET_MS;
	if (server->repair_ms > server->first_repair_ms + PATIENT_MS)
		server->repair_ms = server->first_repair_ms + PATIENT_MS;
}

static bool has_legacy_changed(struct server *server, uint64_t look)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text rules CLEANUP(text_done) = TEXT_INIT, before;
	uint64_t size = kernel_legacy_size();
	struct err err;
	bool is_changed = size != server->legacy_size;

	server->legacy_size = size;
	if (!is_changed && look % LEGACY_LOOKS != 0)
		return false;
	if (!kernel_legacy_rules(arena, &rules, &err))
		return is_changed;
	is_changed = strcmp(rules.data, server->legacy.data) != 0;
	before = server->legacy;
	server->legacy = rules;
	rules = before;
	return is_changed;
}

/* What the keeper itself has changed since is a change too; a repair then finds nothing to do. */
static void look_at_legacy(struct server *server, uint64_t now)
{
	server->legacy_ms = now + LEGACY_LOOK_MS;
	if (!has_legacy_changed(server, server->legacy_looks++))
		return;
	text_clear(&server->culprits);
	text_add(&server->culprits, "a program that uses iptables-legacy");
	want_repair(server, now);
}

static int on_time(sd_event_source *source, uint64_t usec, void *data)
{
	struct server *server = data;
	uint64_t now = kernel_boottime_ms();

	(void)source;
	(void)usec;
	if (server->legacy_ms <= now)
		look_at_legacy(server, now);
	if (server->links_ms <= now)
		bind_links(server);
	if (server->repair_ms <= now) {
		repair(server, server->culprits.len ? server->culprits.data : NULL);
		text_clear(&server->culprits);
	} else if (server->resync_ms <= now) {
		repair(server, NULL);
	}
	if (keeper_retry_ms(server->keeper) <= now)
		retry(server);
	serve_set_timer(server);
	return 0;
}

/* --- what the kernel says --- */

static int on_links(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct server *server = data;
	bool is_changed = false;
	struct err err;

	(void)source;
	(void)fd;
	(void)events;
	if (!kernel_watch_links(server->watch, &is_changed, &err)) {
		serve_fail(server, &err);
		return 0;
	}
	if (is_changed && server->links_ms == SERVE_NEVER) {
		server->links_ms = kernel_boottime_ms() + server->links_took_ms;
		serve_set_timer(server);
	}
	return 0;
}

/* Could it be rules, jumps or sets of ours? A change of which messages were lost could be. */
static bool concerns_us(const struct kernel_change *change)
{
	static const char *const tables[] = { "ip filter", "ip raw", "ip6 filter", "ip6 raw",
		"bridge " };

	if (kernel_is_own_program(change->pid))
		return false;
	if (!change->program)
		return true;
	for (size_t i = 0; i < N_OF(tables); i++)
		if (strstr(change->tables, tables[i]))
			return true;
	return false;
}

static void note_culprit(struct server *server, const struct kernel_change *change)
{
	struct text who CLEANUP(text_done) = TEXT_INIT;

	if (!change->program)
		text_add(&who, "somebody (messages were lost)");
	else
		text_addf(&who, "%s (process %ld%s%s) in %s", change->program, change->pid,
			change->parent ? ", of " : "", change->parent ? change->parent : "",
			change->tables);
	if (server->culprits.len > CULPRITS_LEN || strstr(server->culprits.data, who.data))
		return;
	text_addf(&server->culprits, "%s%s", server->culprits.len ? "; " : "", who.data);
}

static bool take_rule_changes(struct server *server)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct kernel_change *changes;
	struct err err;
	size_t n;

	if (!kernel_watch_rules(arena, server->watch, &changes, &n, &err))
		return serve_fail(server, &err);
	for (size_t i = 0; i < n; i++) {
		if (!concerns_us(&changes[i]))
			continue;
		note_culprit(server, &changes[i]);
		want_repair(server, kernel_boottime_ms());
	}
	return true;
}

static int on_rules(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct server *server = data;

	(void)source;
	(void)fd;
	(void)events;
	if (take_rule_changes(server))
		serve_set_timer(server);
	return 0;
}

/* A message comes a moment after a program can read what it tells of. iptables-legacy sends none: by it nobody is seen here. */
static bool others_have_changed(void *data)
{
	struct server *server = data;

	(void)poll(NULL, 0, MESSAGE_MS);
	(void)take_rule_changes(server);
	if (server->repair_ms == SERVE_NEVER)
		return false;
	if (server->culprits.len)
		agent_log(LOG_WARNING, "changed-by-others", "who", server->culprits.data, NULL);
	return true;
}

/* --- the guard --- */

static int on_guard_time(sd_event_source *source, uint64_t usec, void *data);

static void guard_work(struct server *server)
{
	struct err err;

	if (!guard_holder_work(server->guard, &err)) {
		serve_fail(server, &err);
		return;
	}
	sd_event_source_set_time_relative(
		server->guard_timer, (uint64_t)guard_holder_timeout(server->guard) * 1000);
	sd_event_source_set_enabled(server->guard_timer, SD_EVENT_ONESHOT);
}

static int on_guard(sd_event_source *source, int fd, uint32_t events, void *data)
{
	(void)source;
	(void)fd;
	(void)events;
	guard_work(data);
	return 0;
}

static int on_guard_time(sd_event_source *source, uint64_t usec, void *data)
{
	(void)source;
	(void)usec;
	guard_work(data);
	return 0;
}

static bool begin_guard(struct server *server, struct err *err)
{
	const struct serve_options *options = server->options;
	int fds[GUARD_HOLDER_FDS], r = 0;

	if (!guard_holder_open(
		    &options->guard, false, options->on_change, options->data, &server->guard, err))
		return err_prefix(err, "guard");
	guard_holder_fds(server->guard, fds);
	for (size_t i = 0; r >= 0 && i < N_OF(fds); i++)
		r = sd_event_add_io(server->event, NULL, fds[i], EPOLLIN, on_guard, server);
	if (r >= 0)
		r = sd_event_add_time_relative(server->event, &server->guard_timer, CLOCK_MONOTONIC,
			(uint64_t)guard_holder_timeout(server->guard) * 1000, 0, on_guard_time,
			server);
	return r >= 0 || err_system(err, -r, "cannot wait for the guard's messages");
}

/* --- begin and end --- */

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct server *server = data;

	(void)source;
	(void)info;
	sd_event_exit(server->event, 0);
	return 0;
}

static bool begin_events(struct server *server, struct err *err)
{
	static const int signals[] = { SIGTERM, SIGINT };
	sigset_t set;
	int r = sd_event_new(&server->event);

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < N_OF(signals); i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* the door may end before us: that is an error of a write, and no reason to die in the middle of a change */
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; r >= 0 && i < N_OF(signals); i++)
		r = sd_event_add_signal(server->event, NULL, signals[i], on_signal, server);
	if (r >= 0)
		r = sd_event_add_time_relative(
			server->event, &server->timer, CLOCK_BOOTTIME, 0, 1000, on_time, server);
	if (r >= 0)
		r = sd_event_add_io(server->event, NULL, kernel_watch_links_fd(server->watch),
			EPOLLIN, on_links, server);
	if (r >= 0)
		r = sd_event_add_io(server->event, NULL, kernel_watch_rules_fd(server->watch),
			EPOLLIN, on_rules, server);
	if (r >= 0)
		r = sd_event_set_watchdog(server->event, true);
	return r >= 0 || err_system(err, -r, "cannot set the event loop up");
}

/* The kernel's messages are listened to before anything is read: what changes meanwhile is not lost. */
static bool begin(struct server *server, struct err *err)
{
	struct serve_state state = { 0 };
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	if (!kernel_watch_open(&server->watch, err) ||
		!keeper_open(server->options, &server->keeper, err) || !begin_events(server, err) ||
		!serve_door_open(server, err) ||
		(server->options->holds_guard && !begin_guard(server, err)))
		return false;
	keeper_set_others(server->keeper, others_have_changed, server);
	keeper_state(server->keeper, arena, &state);
	if (state.backend == BACKEND_LEGACY)
		server->legacy_ms = 0;
	serve_set_timer(server);
	agent_log(LOG_NOTICE, "serving", "iptables", backend_name(state.backend), "host",
		server->options->host, "guard", server->guard ? "held" : "off", NULL);
	return true;
}

static bool leave(struct server *server, struct err *err)
{
	serve_jobs_end(server);
	if (server->guard && !guard_holder_leave(server->guard, err))
		return false;
	agent_log(LOG_NOTICE, "ended", "kernel", "goes on enforcing", NULL);
	return true;
}

bool agent_serve_run(const struct serve_options *options, int door, struct err *err)
{
	struct server server = { .options = options,
		.door = door,
		.parts = serve_parts_new(),
		.in = TEXT_INIT,
		.out = TEXT_INIT,
		.culprits = TEXT_INIT,
		.legacy = TEXT_INIT,
		.links_ms = SERVE_NEVER,
		.repair_ms = SERVE_NEVER,
		.first_repair_ms = SERVE_NEVER,
		.legacy_ms = SERVE_NEVER,
		.resync_ms = SERVE_NEVER,
		.started_s = (uint64_t)time(NULL),
		.err = err };
	struct err later;
	bool ok = begin(&server, err);

	if (ok) {
		int r = sd_event_loop(server.event);

		if (r < 0 && !server.has_failed) {
			err_system(err, -r, "the event loop failed");
			server.has_failed = true;
		}
		ok = !server.has_failed;
		if (!leave(&server, ok ? err : &later)) {
			if (!ok)
				agent_log(LOG_ERROR, "guard-not-left", "why", later.text, NULL);
			ok = false;
		}
	}
	sd_event_source_disable_unref(server.door_source);
	sd_event_source_disable_unref(server.timer);
	sd_event_source_disable_unref(server.guard_timer);
	sd_event_unref(server.event);
	guard_holder_close(&server.guard);
	keeper_close(&server.keeper);
	kernel_watch_close(&server.watch);
	serve_parts_free(server.parts);
	text_done(&server.in);
	text_done(&server.out);
	text_done(&server.culprits);
	text_done(&server.legacy);
	return ok;
}
