// SPDX-License-Identifier: GPL-2.0-or-later
/* The loop: clients, the engine, signals and time, in one thread that waits in one place. */
#include "api/api.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "api/credentials.h"
#include "api/http.h"

#define TICK_MS	  200
#define READ_SIZE ((size_t)64 * 1024)
/* What is open is answered first, but not for longer. */
#define END_MS 3000
/* Turns for clients between two reads from the engine: readers of events that read keep up with a storm of them. */
#define TURNS_BETWEEN 16
/* libmicrohttpd has its own files, the store too. */
#define SPARE_FILES 128

struct loop {
	struct door *door;
	struct http *http;
	int epoll, signals;
	int engine;	/* -1: it has gone */
	int verifier;	/* -1: there is none */
	bool wants_out; /* the engine's socket was full */
	sigset_t old_mask;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void set_time(struct door *door)
{
	door->now_ms = now_ms();
	door->now_s = (int64_t)time(NULL);
}

static void loop_done(struct loop *loop)
{
	http_close(&loop->http);
	if (loop->epoll >= 0)
		close(loop->epoll);
	if (loop->signals >= 0) {
		close(loop->signals);
		sigprocmask(SIG_SETMASK, &loop->old_mask, NULL);
	}
}

static bool watch(struct loop *loop, int fd, struct err *err)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ||
	       err_system(err, errno, "epoll");
}

static bool loop_init(struct loop *loop, const struct api_options *options, struct err *err)
{
	struct rlimit files;
	sigset_t set;

	/* A connection is a file; where fewer are allowed, fewer are taken. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
		files.rlim_cur < LIMIT_API_CONNECTIONS + SPARE_FILES) {
		files.rlim_cur = files.rlim_max < LIMIT_API_CONNECTIONS + SPARE_FILES
					 ? files.rlim_max
					 : LIMIT_API_CONNECTIONS + SPARE_FILES;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, &loop->old_mask);
	loop->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (loop->signals < 0) {
		sigprocmask(SIG_SETMASK, &loop->old_mask, NULL);
		return err_system(err, errno, "signalfd");
	}
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0)
		return err_system(err, errno, "epoll");
	if (!http_open(loop->door, options, &loop->http, err))
		return false;
	for (size_t i = 0; i < options->n_listeners; i++)
		if (!watch(loop, http_fd(loop->http, i), err))
			return false;
	return watch(loop, loop->signals, err) && watch(loop, loop->engine, err) &&
	       (loop->verifier < 0 || watch(loop, loop->verifier, err));
}

/* As much as its socket takes; the rest when it takes more. */
static bool write_engine(struct loop *loop, struct err *err)
{
	struct engine *engine = &loop->door->engine;
	struct epoll_event event = { .events = EPOLLIN, .data.fd = loop->engine };

	while (engine->n_sent < engine->out.len) {
		ssize_t sent = send(loop->engine, engine->out.data + engine->n_sent,
			engine->out.len - engine->n_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (sent < 0)
			return err_system(err, errno, "the engine has gone");
		engine->n_sent += (size_t)sent;
	}
	if (engine->n_sent == engine->out.len) {
		/* A sync of all parts is large, and seldom. */
		text_done(&engine->out);
		engine->n_sent = 0;
	}
	if (loop->wants_out == (engine->out.len != 0))
		return true;
	loop->wants_out = !loop->wants_out;
	if (loop->wants_out)
		event.events |= EPOLLOUT;
	return epoll_ctl(loop->epoll, EPOLL_CTL_MOD, loop->engine, &event) == 0 ||
	       err_system(err, errno, "epoll");
}

static bool read_engine(struct loop *loop, struct err *err)
{
	char bytes[READ_SIZE];
	ssize_t got = recv(loop->engine, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (got > 0)
		return engine_take(loop->door, bytes, (size_t)got, err);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return true;
	err_system(err, got < 0 ? errno : 0, "the engine has gone");
	return err_next(err, "Its own message in the log says why.");
}

/* One task at a time is what it has, so that its socket takes it whole. */
static bool write_verifier(struct loop *loop, struct err *err)
{
	const struct verifier_task *task =
		loop->verifier >= 0 ? credentials_task(loop->door->credentials) : NULL;

	if (!task)
		return true;
	if (send(loop->verifier, task, sizeof(*task), MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof(*task))
		return err_system(err, errno, "the process that looks at passwords has gone");
	credentials_sent(loop->door->credentials);
	return true;
}

static bool read_verifier(struct loop *loop, struct err *err)
{
	char matches;
	ssize_t got = recv(loop->verifier, &matches, 1, MSG_DONTWAIT);

	if (got == 1) {
		credentials_answered(loop->door, matches != 0);
		return true;
	}
	return (got < 0 && (errno == EAGAIN || errno == EINTR)) ||
	       err_system(err, got < 0 ? errno : 0, "the process that looks at passwords has gone");
}

static void turn_http(struct loop *loop)
{
	http_turn(loop->http);
	for (int i = 0; i < TURNS_BETWEEN && http_wait_ms(loop->http) == 0; i++)
		http_turn(loop->http);
}

/* One round. *ret_ends: SIGTERM came. */
static bool loop_round(struct loop *loop, bool *ret_ends, struct err *err)
{
	struct signalfd_siginfo signal; /* taken, so that it does not come when it may again */
	struct epoll_event events[LIMIT_API_LISTEN + 8];
	int wait_ms = http_wait_ms(loop->http), n;

	if (wait_ms < 0 || wait_ms > TICK_MS)
		wait_ms = TICK_MS;
	n = epoll_wait(loop->epoll, events, (int)N_OF(events), wait_ms);
	if (n < 0 && errno != EINTR)
		return err_system(err, errno, "epoll");
	set_time(loop->door);
	for (int i = 0; i < n; i++) {
		if (events[i].data.fd == loop->signals)
			*ret_ends |= read(loop->signals, &signal, sizeof(signal)) > 0;
		else if (events[i].data.fd == loop->engine && !read_engine(loop, err))
			return false;
		else if (events[i].data.fd == loop->verifier && !read_verifier(loop, err))
			return false;
	}
	turn_http(loop);
	return write_verifier(loop, err) && (loop->engine < 0 || write_engine(loop, err));
}

/* Answers what came, as far as it can still be answered. */
static void end_loop(struct loop *loop)
{
	uint64_t until_ms = now_ms() + END_MS;
	bool ends = false;
	struct err err;

	http_begin_end(loop->http);
	while (!http_is_idle(loop->http) && loop->door->now_ms < until_ms) {
		if (loop_round(loop, &ends, &err))
			continue;
		/* Who waits for it is told so. */
		if (loop->engine >= 0)
			epoll_ctl(loop->epoll, EPOLL_CTL_DEL, loop->engine, NULL);
		if (loop->verifier >= 0)
			epoll_ctl(loop->epoll, EPOLL_CTL_DEL, loop->verifier, NULL);
		loop->engine = loop->verifier = -1;
		engine_done(loop->door);
		engine_init(&loop->door->engine);
	}
}

bool door_run(struct door *door, const struct api_options *options, void (*ready)(void *data),
	void *data, struct err *err)
{
	struct loop loop CLEANUP(loop_done) = { .door = door,
		.epoll = -1,
		.signals = -1,
		.engine = options->engine_fd,
		.verifier = door->credentials ? options->verifier_fd : -1 };
	uint64_t tick_ms = 0;
	bool ends = false, is_fine = true;

	set_time(door);
	if (!loop_init(&loop, options, err))
		return false;
	while (is_fine && !ends) {
		is_fine = loop_round(&loop, &ends, err);
		/* Not before the kernel has the policy, or it is known why not: others begin behind us. */
		if (ready && (door->is_synced || door->n_refused_syncs)) {
			ready(data);
			ready = NULL;
		}
		if (is_fine && door->now_ms - tick_ms >= TICK_MS) {
			tick_ms = door->now_ms;
			door_tick(door);
			http_tick(loop.http);
			is_fine = write_engine(&loop, err);
		}
	}
	end_loop(&loop);
	return is_fine;
}

bool api_run(
	const struct api_options *options, void (*ready)(void *data), void *data, struct err *err)
{
	struct door *door CLEANUP(door_close) = NULL;

	return door_open(options->store_path, options->host, &door, err) &&
	       (!options->users_path || credentials_open(options->users_path, &options->users_owner,
						&door->credentials, err)) &&
	       door_run(door, options, ready, data, err);
}
