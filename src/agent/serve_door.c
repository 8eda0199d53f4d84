// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The engine's end of the socket to the door. Whatever comes is a frame that is understood as a whole, or the end of the service:
 * the door is the one that reads from strangers, and what it sends by mistake may be what a stranger made it send.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/serve_internal.h"
#include "base/limits.h"

#define READ_SIZE ((size_t)64 * 1024)
/* Events that the door does not take are left out beyond this; answers never are. */
#define EVENTS_BEHIND ((size_t)8 * 1024 * 1024)

static void watch_for(struct server *server)
{
	bool has_more = server->out_done < server->out.len;

	sd_event_source_set_io_events(
		server->door_source, EPOLLIN | (has_more ? (uint32_t)EPOLLOUT : 0));
}

void serve_door_flush(struct server *server)
{
	while (server->out_done < server->out.len) {
		ssize_t put = write(server->door, server->out.data + server->out_done,
			server->out.len - server->out_done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			break; /* EAGAIN; else its end is read next */
		server->out_done += (size_t)put;
	}
	if (server->out_done == server->out.len) {
		text_clear(&server->out);
		server->out_done = 0;
	}
	watch_for(server);
}

void serve_tell(struct server *server, const char *what, const char *subject, const char *text)
{
	const struct serve_event event = { .what = what, .subject = subject, .text = text };

	if (server->out.len - server->out_done > EVENTS_BEHIND)
		return;
	serve_put_event(&server->out, &event);
	serve_door_flush(server);
}

static void refuse(struct server *server, uint64_t id, const struct err *why)
{
	serve_put_refused(&server->out, id, why);
	serve_door_flush(server);
}

/* --- requests --- */

static void answer_change(struct server *server, const struct serve_header *header,
	uint64_t revision, uint64_t since, struct keeper_result *result)
{
	result->done.revision = revision;
	result->done.usec = serve_usec() - since;
	serve_put_done(&server->out, header->id, &result->done);
	serve_door_flush(server);
}

/*
 * A store that never held anything is that of a service which was installed and has not been asked for anything yet. What the kernel has
 * was put there without it, and machines that run are no strangers: until the first policy comes, nothing is changed, and no interface closed.
 */
static bool is_before_any_policy(const struct serve_header *header, uint64_t revision)
{
	return header->type == SERVE_SYNC && revision == 0;
}

/*
 * May a change that no port can tell go past the keeper? Only when the kernel has the policy that stands: then it has that
 * of the change, too. A port or a call that failed is told, and tried again, with each change; who is paranoid looks
 * at all there is behind each.
 */
static bool may_policy_stay(const struct server *server)
{
	return server->has_begun && keeper_retry_ms(server->keeper) == UINT64_MAX &&
	       !server->options->is_paranoid;
}

/*
 * On a failure of the keeper the policy stands nevertheless: it is in the door's store, and the keeper goes on to it. The door
 * is told that it is not in the kernel yet.
 */
static bool bring(struct server *server, struct arena *arena, const struct serve_tried *tried,
	uint64_t since, struct keeper_result *result, struct err *why)
{
	bool ok = true;

	if (tried->is_dry) {
		if (tried->policy)
			ok = keeper_preview(server->keeper, arena, tried->policy, result, why);
		serve_parts_drop(server->parts);
		return ok;
	}
	if (tried->policy) {
		ok = keeper_change(server->keeper, arena, tried->policy, result, why);
		server->has_begun = true;
	}
	serve_parts_keep(server->parts);
	server->revision = ok ? tried->revision : server->revision;
	serve_note_commit(server, serve_usec() - since);
	return ok;
}

static void change(struct server *server, const struct serve_header *header, const char *body)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct keeper_result result = { 0 };
	struct serve_tried tried;
	uint64_t since = serve_usec();
	struct err why;
	bool ok;

	if (!serve_parts_try(server->parts, body, header->size, header->type == SERVE_SYNC,
		    server->options->host, may_policy_stay(server), &tried, &why)) {
		refuse(server, header->id, &why);
		return;
	}
	if (!tried.is_dry && is_before_any_policy(header, tried.revision)) {
		serve_parts_keep(server->parts);
		server->has_begun = false;
		/* Said before the door counts the service as ready: who waits for that looks for it. */
		agent_log(LOG_INFO, "no-policy-yet", NULL);
		answer_change(server, header, tried.revision, since, &result);
		return;
	}
	ok = bring(server, arena, &tried, since, &result, &why);
	if (ok)
		answer_change(server, header, tried.revision, since, &result);
	else
		refuse(server, header->id, &why);
	if (!tried.is_dry) {
		agent_log(ok ? LOG_INFO : LOG_ERROR, ok ? "commit" : "not-committed", "revision",
			arena_printf(arena, "%llu", (unsigned long long)tried.revision), "usec",
			arena_printf(arena, "%llu", (unsigned long long)(serve_usec() - since)),
			"why", ok ? NULL : why.text, NULL);
		serve_tell_result(server, &result);
		serve_set_timer(server);
	}
}

static void tell_state(struct server *server, uint64_t id)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct serve_state state = { 0 };

	keeper_state(server->keeper, arena, &state);
	state.revision = server->revision;
	state.started_s = server->started_s;
	state.n_queued = server->n_queued;
	memcpy(state.commit_usec, server->commit_usec, sizeof(state.commit_usec));
	state.commit_usec_sum = server->commit_usec_sum;
	state.guard_held = server->guard != NULL;
	serve_put_state(&server->out, id, &state);
	serve_door_flush(server);
}

static bool begin_job(
	struct server *server, const struct serve_header *header, const char *body, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct serve_question question = { "", "", "", "", "" };
	struct err why;

	if (header->type == SERVE_EXPLAIN
			? !serve_get_question(arena, body, header->size, &question, err)
			: !serve_get_text(arena, body, header->size, &question.port_id, err))
		return false;
	if (!serve_job_begin(server, header->id, (enum serve_type)header->type, &question, &why))
		refuse(server, header->id, &why);
	return true;
}

static bool take_frame(
	struct server *server, const struct serve_header *header, const char *body, struct err *err)
{
	switch (header->type) {
	case SERVE_SYNC:
	case SERVE_CHANGE:
		change(server, header, body);
		return true;
	case SERVE_STATUS:
		tell_state(server, header->id);
		return true;
	case SERVE_COUNTERS:
	case SERVE_VERIFY:
	case SERVE_FINDINGS:
	case SERVE_EXPLAIN:
		return begin_job(server, header, body, err);
	default:
		return err_input(err, "the door sent a frame of the unknown type %u", header->type);
	}
}

/* --- the stream --- */

/* The next frame that has come whole; its place and size are known only when its header is. */
static bool next_frame(const struct server *server, size_t at, struct serve_header *ret,
	bool *ret_is_whole, struct err *err)
{
	size_t left = server->in.len - at;

	*ret_is_whole = false;
	if (left < sizeof(*ret))
		return true;
	memcpy(ret, server->in.data + at, sizeof(*ret));
	if (ret->size > LIMIT_SERVE_FRAME)
		return err_limit(err, "the door sent a frame of %u bytes", ret->size);
	*ret_is_whole = left - sizeof(*ret) >= ret->size;
	return true;
}

/* How many have come, for who asks how far behind the engine is. */
static void count_frames(struct server *server)
{
	struct serve_header header;
	bool is_whole;
	struct err err;

	server->n_queued = 0;
	for (size_t at = 0; next_frame(server, at, &header, &is_whole, &err) && is_whole;
		at += sizeof(header) + header.size)
		server->n_queued++;
}

static bool take_frames(struct server *server, struct err *err)
{
	size_t at = 0;

	count_frames(server);
	for (;;) {
		const char *body = server->in.data + at + sizeof(struct serve_header);
		struct serve_header header;
		bool is_whole;

		if (!next_frame(server, at, &header, &is_whole, err))
			return false;
		if (!is_whole)
			break;
		server->n_queued--;
		if (!take_frame(server, &header, body, err))
			return false;
		at += sizeof(header) + header.size;
	}
	if (at) {
		server->in.len -= at;
		memmove(server->in.data, server->in.data + at, server->in.len + 1);
	}
	return true;
}

static int on_door(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct server *server = data;
	char buf[READ_SIZE];
	ssize_t got;
	struct err err;

	(void)source;
	if (events & EPOLLOUT)
		serve_door_flush(server);
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return 0;
	got = read(fd, buf, sizeof(buf));
	if (got > 0)
		text_add_n(&server->in, buf, (size_t)got);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0) {
		/* whoever began us knows why, and begins us again */
		agent_log(LOG_INFO, "door-gone", NULL);
		sd_event_exit(server->event, 0);
		return 0;
	}
	if (!take_frames(server, &err))
		serve_fail(server, &err);
	return 0;
}

bool serve_door_open(struct server *server, struct err *err)
{
	int r = sd_event_add_io(
		server->event, &server->door_source, server->door, EPOLLIN, on_door, server);

	return r >= 0 || err_system(err, -r, "cannot wait for the door");
}
