// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host as a value and the packets as they come. The value is read again when links or rules have changed, and when a rule was
 * seen that it does not have; what is listened to follows the new one.
 */
#include "cmd/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "cmd/daemon.h"
#include "kernel/kernel.h"

#define SECOND_NS 1000000000ull
#define QUIET_NS  (SECOND_NS / 3) /* of which nothing more is seen for so long is complete */
#define STEP_MS	  50
#define AGAIN_NS  (SECOND_NS / 2) /* the host is not read more often */

static volatile sig_atomic_t is_ended;

static void on_signal(int number)
{
	is_ended = number;
}

void watch_catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

bool watch_is_ended(void)
{
	return is_ended;
}

uint64_t watch_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* --- the host --- */

/* A port of the policy that holds here is where its interface is; every other name is one that explain knows. */
const char *watch_port_device(struct arena *arena, const char *port)
{
	const struct policy *policy;
	const struct policy_port *found;
	struct err ignored;

	if (!daemon_policy(arena, &policy, &ignored))
		return port;
	found = policy_port_find(policy, port);
	return found ? found->device : port;
}

/* "vm1", "tap812bd281-f5", or the id of a port whose tap is called by its beginning, as Nova and portwall do. */
bool watch_find_entry(const struct host *host, const char *netns, const char *name,
	struct query *ret, struct err *err)
{
	char tap[32];
	struct err ignored;

	if (netns && *netns)
		return question_find_link(host, netns, name, ret, err);
	if (explain_find_entry(host, name, ret, err))
		return true;
	if (strlen(name) != 36)
		return false;
	snprintf(tap, sizeof(tap), "tap%.11s", name);
	return explain_find_entry(host, tap, ret, &ignored);
}

static bool read_host_again(struct watch_session *session, struct err *err)
{
	const struct host_read_options options = { 0 };
	struct arena *arena = arena_new();
	const struct host *host;
	struct query entry;

	if (!kernel_host_read(arena, &options, &host, err) ||
		!watch_find_entry(host, session->netns, session->entry, &entry, err)) {
		arena_free(arena);
		return false;
	}
	arena_free(session->arena);
	session->arena = arena;
	session->host = host;
	session->explainer = explainer_new(arena, host);
	session->ns = entry.ns;
	session->in = entry.in;
	session->handles = arena_alloc(arena, sizeof(struct rule_handles *) * (host->n_netns + 1));
	watch_find_points(arena, host, entry.ns, entry.in, &session->points);
	session->read_ns = watch_now_ns();
	session->is_stale = false;
	return true;
}

static bool listen_at_points(struct watch_session *session, struct err *err)
{
	struct capture_point *points =
		arena_new_array(session->arena, struct capture_point, session->points.n + 1);

	for (size_t i = 0; i < session->points.n; i++)
		points[i] = (struct capture_point){ .netns = session->points.items[i].ns->inode,
			.link = session->points.items[i].link->index,
			.name = session->points.items[i].link->name };
	return capture_set_points(session->capture, points, session->points.n, err);
}

/* A device that is away for a moment (a machine is moved) is waited for: what was read last is kept. */
static bool refresh(struct watch_session *session, struct err *err)
{
	struct err ignored;

	if (!read_host_again(session, &ignored)) {
		session->read_ns = watch_now_ns();
		session->is_stale = false;
		return true;
	}
	return listen_at_points(session, err);
}

bool watch_host_changed(struct kernel_watch *watch)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct kernel_change *changes;
	struct err ignored;
	size_t n = 0;
	bool is_changed = false;

	if (!watch)
		return false;
	if (!kernel_watch_links(watch, &is_changed, &ignored))
		is_changed = false;
	if (!kernel_watch_rules(arena, watch, &changes, &n, &ignored))
		return is_changed;
	for (size_t i = 0; i < n; i++)
		is_changed |= !changes[i].program || !strstr(changes[i].tables, KERNEL_WATCH_TABLE);
	return is_changed;
}

/* --- rules --- */

static bool find_rule(void *data, const struct netns *ns, enum family family, const char *table,
	const char *chain, uint64_t handle, size_t *ret)
{
	struct watch_session *session = data;
	size_t i = (size_t)(ns - session->host->netns);
	struct err ignored;

	if (!session->handles[i] &&
		!rule_handles_read(session->arena, ns->inode, &session->handles[i], &ignored))
		return false;
	return rule_handles_find(session->handles[i], family, table, chain, handle, ret);
}

static struct watch_world world_of(struct watch_session *session)
{
	return (struct watch_world){ .host = session->host,
		.explainer = session->explainer,
		.points = &session->points,
		.has_drops = capture_has_drops(session->capture),
		.own_tables = KERNEL_WATCH_TABLE,
		.find_rule = find_rule,
		.data = session };
}

/* Is the flow one that conntrack has made since the host was read? */
static bool wants_newer_host(const struct watch_session *session, const struct watch_answer *answer)
{
	return watch_now_ns() > session->read_ns + AGAIN_NS &&
	       (answer->is_changed || session->is_stale || answer->differences.n);
}

static void answer_of(struct arena *arena, struct watch_session *session,
	const struct watched *watched, struct watch_answer *ret)
{
	struct watch_world world = world_of(session);
	struct err ignored;

	watch_answer_make(arena, &world, watched, session->inv->brief ? 0 : REPORT_CHANGES, ret);
	if (!wants_newer_host(session, ret) || !refresh(session, &ignored))
		return;
	world = world_of(session);
	watch_answer_make(arena, &world, watched, session->inv->brief ? 0 : REPORT_CHANGES, ret);
}

/* --- the loop --- */

static void see(void *data, const struct sighting *sighting)
{
	struct watch_session *session = data;

	watch_see(session->watch, sighting);
}

/* now_ns: all that was seen before has been read. What was seen since may be of a packet that seems complete. */
static bool take_complete(struct watch_session *session, uint64_t now_ns, uint64_t quiet_ns,
	watch_each *each, void *data)
{
	struct watched *watched;
	bool goes_on = true;

	while (goes_on && (watched = watch_take(session->watch, now_ns, quiet_ns)) != NULL) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct watch_answer answer;

		answer_of(arena, session, watched, &answer);
		if (answer.has_query)
			goes_on = each(data, session, watched, &answer);
		watched_free(watched);
	}
	return goes_on;
}

static void wait_a_little(struct watch_session *session)
{
	struct pollfd waits = { .fd = capture_fd(session->capture), .events = POLLIN };

	poll(&waits, 1, STEP_MS);
}

bool watch_session_run(struct watch_session *session, uint64_t end_ns, watch_each *each, void *data,
	struct err *err)
{
	uint64_t now_ns = watch_now_ns();

	while (!is_ended && (!end_ns || now_ns < end_ns)) {
		wait_a_little(session);
		now_ns = watch_now_ns();
		if (!capture_read(session->capture, see, session, err))
			return false;
		if (!take_complete(session, now_ns, QUIET_NS, each, data))
			return true;
		if (session->turn && !session->turn(session->turn_data, session))
			return true;
		session->is_stale |= watch_host_changed(session->changes);
		if (session->is_stale && watch_now_ns() > session->read_ns + AGAIN_NS &&
			!refresh(session, err))
			return false;
	}
	/* what is under way is told of as far as it came */
	take_complete(session, UINT64_MAX, 0, each, data);
	return true;
}

bool watch_session_open(struct watch_session *session, struct err *err)
{
	const struct invocation *inv = session->inv;
	struct capture_options options = { .filter = session->filter,
		.traces_per_s = inv->rate ? inv->rate : 100,
		.frames_per_s = inv->rate ? inv->rate * 10 : 1000 };
	struct err ignored;

	inv->agent.progress(inv->agent.progress_data, "reading this host");
	session->watch = watch_new();
	if (!read_host_again(session, err) || !capture_open(&options, &session->capture, err) ||
		!listen_at_points(session, err))
		return false;
	if (!kernel_watch_open(&session->changes, &ignored))
		session->changes = NULL;
	inv->agent.progress(inv->agent.progress_data, NULL);
	watch_catch_signals();
	return true;
}

void watch_session_close(struct watch_session *session)
{
	capture_close(&session->capture);
	kernel_watch_close(&session->changes);
	watch_freep(&session->watch);
	arena_free(session->arena);
	session->arena = NULL;
}
