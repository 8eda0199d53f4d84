// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What takes long and changes nothing: reading all counters, proofs, findings. A child has the policy and all else as it is now,
 * reads the kernel and writes the answer; the loop goes on.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/serve_internal.h"
#include "base/limits.h"

#define READ_SIZE ((size_t)64 * 1024)
/* A child's status: what it printed is a frame, that says why it answers nothing. */
#define JOB_REFUSED 64

/* --- in the child --- */

static void write_text(const struct text *text)
{
	fwrite(text->data, 1, text->len, stdout);
}

static void count(void *data)
{
	const struct serve_job *job = data;
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct serve_counted counted = { 0 };
	struct agent_view view;
	struct err err;

	if (!keeper_view(job->server->keeper, job->arena, &view, &err))
		serve_put_refused(&out, job->id, &err);
	else {
		agent_view_count(job->arena, &view,
			*job->question.port_id ? job->question.port_id : NULL, &counted);
		serve_put_counted(&out, job->id, &counted);
	}
	write_text(&out);
}

static void verify(void *data)
{
	const struct serve_job *job = data;
	const struct serve_options *options = job->server->options;

	options->verify(options->data, serve_parts_policy(job->server->parts));
}

static void look_for_findings(void *data)
{
	const struct serve_job *job = data;
	const struct serve_options *options = job->server->options;

	options->findings(options->data);
}

static void explain(void *data)
{
	const struct serve_job *job = data;
	const struct serve_options *options = job->server->options;
	struct text refused CLEANUP(text_done) = TEXT_INIT;
	struct serve_state state = { 0 };
	struct err err;

	keeper_state(job->server->keeper, job->arena, &state);
	if (options->explain(options->data, serve_parts_policy(job->server->parts), &state,
		    &job->question, &err))
		return;
	serve_put_refused(&refused, job->id, &err);
	write_text(&refused);
	fflush(stdout);
	_exit(JOB_REFUSED);
}

/* --- in the loop --- */

static void job_free(struct serve_job *job)
{
	struct server *server = job->server;

	for (size_t i = 0; i < SERVE_JOBS; i++)
		if (server->jobs[i] == job)
			server->jobs[i] = NULL;
	sd_event_source_disable_unref(job->child);
	sd_event_source_disable_unref(job->output);
	close(job->fd);
	text_done(&job->out);
	arena_free(job->arena);
	free(job);
}

/* What counts printed is a frame already, and a refusal; the others print the text of one. */
static void answer(struct serve_job *job)
{
	bool is_frame = job->type == SERVE_COUNTERS || job->status == JOB_REFUSED;
	struct server *server = job->server;
	struct err err;

	if ((job->status && job->status != JOB_REFUSED) || job->out.len > LIMIT_SERVE_FRAME) {
		err_system(&err, 0, "what was asked for could not be found out (status %d)",
			job->status);
		err_next(&err, "the service's log says why");
		serve_put_refused(&server->out, job->id, &err);
	} else if (is_frame) {
		text_add_n(&server->out, job->out.data, job->out.len);
	} else {
		serve_put_text(&server->out, SERVE_TEXT, job->id, job->out.data);
	}
	serve_door_flush(server);
}

static void end_if_done(struct serve_job *job)
{
	if (!job->is_ended || job->output)
		return;
	answer(job);
	job_free(job);
}

static int on_output(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct serve_job *job = data;
	char buf[READ_SIZE];
	ssize_t got = read(fd, buf, sizeof(buf));

	(void)source;
	(void)events;
	if (got > 0 && job->out.len <= LIMIT_SERVE_FRAME) {
		text_add_n(&job->out, buf, (size_t)got);
		return 0;
	}
	if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
		return 0;
	job->output = sd_event_source_disable_unref(job->output);
	end_if_done(job);
	return 0;
}

static int on_end(sd_event_source *source, const siginfo_t *info, void *data)
{
	struct serve_job *job = data;

	(void)source;
	job->is_ended = true;
	job->status = info->si_code == CLD_EXITED ? info->si_status : 128 + info->si_status;
	end_if_done(job);
	return 0;
}

static void (*work_of(const struct serve_options *options, enum serve_type type))(void *data)
{
	if (type == SERVE_COUNTERS)
		return count;
	if (type == SERVE_VERIFY)
		return options->verify ? verify : NULL;
	if (type == SERVE_EXPLAIN)
		return options->explain ? explain : NULL;
	return options->findings ? look_for_findings : NULL;
}

static bool find_place(
	const struct server *server, enum serve_type type, size_t *ret, struct err *err)
{
	size_t n_explain = 0, place = SERVE_JOBS;

	for (size_t i = SERVE_JOBS; i-- > 0;)
		if (!server->jobs[i])
			place = i;
		else
			n_explain += server->jobs[i]->type == SERVE_EXPLAIN;
	if (place < SERVE_JOBS && (type != SERVE_EXPLAIN || n_explain < SERVE_EXPLAIN_JOBS)) {
		*ret = place;
		return true;
	}
	err_limit(err, "%d such questions are being answered",
		type == SERVE_EXPLAIN ? SERVE_EXPLAIN_JOBS : SERVE_JOBS);
	return err_next(err, "ask again later");
}

static struct serve_question question_copy(
	struct arena *arena, const struct serve_question *question)
{
	return (struct serve_question){ arena_strdup(arena, question->port_id),
		arena_strdup(arena, question->packet), arena_strdup(arena, question->direction),
		arena_strdup(arena, question->state), arena_strdup(arena, question->from) };
}

bool serve_job_begin(struct server *server, uint64_t id, enum serve_type type,
	const struct serve_question *question, struct err *err)
{
	void (*work)(void *) = work_of(server->options, type);
	struct serve_job *job;
	size_t place = 0;
	pid_t pid;

	if (!serve_parts_policy(server->parts))
		return err_conflict(err, "there is no policy yet");
	if (!work)
		return err_input(err, "this service does not answer that");
	if (!find_place(server, type, &place, err))
		return false;
	job = calloc(1, sizeof(*job));
	if (!job)
		abort();
	*job = (struct serve_job){ .server = server,
		.id = id,
		.type = type,
		.arena = arena_new(),
		.out = TEXT_INIT,
		.fd = -1 };
	job->question = question_copy(job->arena, question);
	server->jobs[place] = job;
	if (!kernel_child_begin(work, job, &pid, &job->fd, err)) {
		job_free(job);
		return false;
	}
	if (sd_event_add_child(server->event, &job->child, pid, WEXITED, on_end, job) < 0 ||
		sd_event_add_io(server->event, &job->output, job->fd, EPOLLIN, on_output, job) <
			0) {
		kill(pid, SIGKILL);
		job_free(job);
		return err_system(err, 0, "cannot wait for a process");
	}
	sd_event_source_set_child_process_own(job->child, true);
	return true;
}

void serve_jobs_end(struct server *server)
{
	for (size_t i = 0; i < SERVE_JOBS; i++)
		if (server->jobs[i])
			job_free(
				server->jobs
					[i]); /* its child is ended with the source: it is its own */
}
