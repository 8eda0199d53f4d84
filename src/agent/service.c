// SPDX-License-Identifier: GPL-2.0-or-later
#include "agent/service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "agent/agent.h"
#include "kernel/kernel.h"

enum part { ENGINE, DOOR, N_PARTS };

struct keeper_of_parts {
	const struct service *service;
	sd_event *event;
	pid_t pids[N_PARTS];
	sd_event_source *children[N_PARTS], *ready;
	int peers[N_PARTS], ready_ends[2]; /* of the next processes; -1 */
	bool is_ending, is_reloading;
	struct err *err;
	bool has_failed;
};

static const char *const part_names[N_PARTS] = { "engine", "door" };

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void be_engine(void *data)
{
	struct keeper_of_parts *keeper = data;

	close_fd(&keeper->peers[DOOR]);
	close_fd(&keeper->ready_ends[0]);
	close_fd(&keeper->ready_ends[1]);
	keeper->service->engine(keeper->service->data, keeper->peers[ENGINE]);
}

static void be_door(void *data)
{
	struct keeper_of_parts *keeper = data;

	close_fd(&keeper->peers[ENGINE]);
	close_fd(&keeper->ready_ends[0]);
	keeper->service->door(keeper->service->data, keeper->peers[DOOR], keeper->ready_ends[1]);
}

/* --- begin --- */

static int on_end(sd_event_source *source, const siginfo_t *info, void *data);

static int on_ready(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct keeper_of_parts *keeper = data;
	char byte;

	(void)source;
	(void)events;
	if (read(fd, &byte, 1) == 1) {
		sd_notify(0, "READY=1\nSTATUS=enforcing");
		agent_log(LOG_NOTICE, "ready", NULL);
	}
	keeper->ready = sd_event_source_disable_unref(keeper->ready);
	close_fd(&keeper->ready_ends[0]);
	return 0;
}

static bool open_ends(struct keeper_of_parts *keeper, struct err *err)
{
	if (!kernel_pair_open(keeper->peers, err))
		return false;
	return pipe2(keeper->ready_ends, O_CLOEXEC) == 0 || err_system(err, errno, "pipe");
}

static bool watch(struct keeper_of_parts *keeper, enum part part, struct err *err)
{
	int r = sd_event_add_child(keeper->event, &keeper->children[part], keeper->pids[part],
		WEXITED, on_end, keeper);

	return r >= 0 || err_system(err, -r, "cannot wait for the %s", part_names[part]);
}

static bool begin_parts(struct keeper_of_parts *keeper, struct err *err)
{
	int r;

	if (!open_ends(keeper, err) ||
		!kernel_process_begin(be_engine, keeper, &keeper->pids[ENGINE], err) ||
		!watch(keeper, ENGINE, err) ||
		!kernel_process_begin(be_door, keeper, &keeper->pids[DOOR], err) ||
		!watch(keeper, DOOR, err))
		return false;
	close_fd(&keeper->peers[ENGINE]);
	close_fd(&keeper->peers[DOOR]);
	close_fd(&keeper->ready_ends[1]);
	r = sd_event_add_io(
		keeper->event, &keeper->ready, keeper->ready_ends[0], EPOLLIN, on_ready, keeper);
	return r >= 0 || err_system(err, -r, "cannot wait for the door");
}

/* --- end --- */

/* The door first: what it has taken is still answered. Then, when it is gone, the engine. */
static void end_parts(struct keeper_of_parts *keeper)
{
	if (keeper->pids[DOOR] > 0)
		kill(keeper->pids[DOOR], SIGTERM);
	else if (keeper->pids[ENGINE] > 0)
		kill(keeper->pids[ENGINE], SIGTERM);
}

static void fail(struct keeper_of_parts *keeper, const struct err *err)
{
	if (!keeper->has_failed)
		*keeper->err = *err;
	keeper->has_failed = true;
	keeper->is_ending = true;
	end_parts(keeper);
}

/* Both are gone: the end, or a new beginning. */
static void go_on(struct keeper_of_parts *keeper)
{
	struct err err;

	keeper->ready = sd_event_source_disable_unref(keeper->ready);
	close_fd(&keeper->ready_ends[0]);
	if (keeper->is_ending) {
		sd_event_exit(keeper->event, 0);
		return;
	}
	keeper->is_reloading = false;
	if (!begin_parts(keeper, &err)) {
		fail(keeper, &err);
		if (keeper->pids[ENGINE] <= 0 && keeper->pids[DOOR] <= 0)
			sd_event_exit(keeper->event, 0);
	}
}

static void fail_as_ended(
	struct keeper_of_parts *keeper, enum part part, bool is_asked, const siginfo_t *info)
{
	struct err err;

	err_system(&err, 0, "the %s has ended %s (%s %d)", part_names[part],
		is_asked ? "as it should not" : "by itself",
		info->si_code == CLD_EXITED ? "status" : "signal", info->si_status);
	err_next(&err, "its last message says why; the kernel goes on enforcing what it has");
	fail(keeper, &err);
}

static int on_end(sd_event_source *source, const siginfo_t *info, void *data)
{
	struct keeper_of_parts *keeper = data;
	enum part part = info->si_pid == keeper->pids[ENGINE] ? ENGINE : DOOR;
	bool is_asked = keeper->is_ending || keeper->is_reloading;

	(void)source;
	keeper->pids[part] = 0;
	keeper->children[part] = sd_event_source_disable_unref(keeper->children[part]);
	if (!is_asked || info->si_code != CLD_EXITED || info->si_status != 0)
		fail_as_ended(keeper, part, is_asked, info);
	if (keeper->pids[ENGINE] <= 0 && keeper->pids[DOOR] <= 0)
		go_on(keeper);
	else
		end_parts(keeper);
	return 0;
}

static int on_end_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct keeper_of_parts *keeper = data;

	(void)source;
	(void)info;
	keeper->is_ending = true;
	sd_notify(0, "STOPPING=1");
	end_parts(keeper);
	return 0;
}

static int on_reload_signal(
	sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct keeper_of_parts *keeper = data;
	struct err err;

	(void)source;
	(void)info;
	if (keeper->is_ending || keeper->is_reloading)
		return 0;
	if (!keeper->service->load(keeper->service->data, &err)) {
		agent_log(LOG_ERROR, "not-reloaded", "why", err.text, "next", err.next_step, NULL);
		return 0;
	}
	agent_log(LOG_NOTICE, "reloading", NULL);
	sd_notify(0, "RELOADING=1");
	keeper->is_reloading = true;
	end_parts(keeper);
	return 0;
}

static bool begin_events(struct keeper_of_parts *keeper, struct err *err)
{
	sigset_t set;
	int r = sd_event_new(&keeper->event);

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (r >= 0)
		r = sd_event_add_signal(keeper->event, NULL, SIGTERM, on_end_signal, keeper);
	if (r >= 0)
		r = sd_event_add_signal(keeper->event, NULL, SIGINT, on_end_signal, keeper);
	if (r >= 0)
		r = sd_event_add_signal(keeper->event, NULL, SIGHUP, on_reload_signal, keeper);
	return r >= 0 || err_system(err, -r, "cannot set the event loop up");
}

bool agent_service_run(const struct service *service, struct err *err)
{
	struct keeper_of_parts keeper = {
		.service = service, .peers = { -1, -1 }, .ready_ends = { -1, -1 }, .err = err
	};
	int r = 0;

	if (!service->load(service->data, err) || !begin_events(&keeper, err))
		return false;
	/* the engine's watchdog is fed by the engine, which is another process than the manager knows */
	unsetenv("WATCHDOG_PID");
	if (!begin_parts(&keeper, err))
		fail(&keeper, err);
	if (keeper.pids[ENGINE] > 0 || keeper.pids[DOOR] > 0)
		r = sd_event_loop(keeper.event);
	if (r < 0 && !keeper.has_failed) {
		err_system(err, -r, "the event loop failed");
		keeper.has_failed = true;
	}
	sd_event_unref(keeper.event);
	return !keeper.has_failed;
}
