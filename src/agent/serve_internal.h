/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef AGENT_SERVE_INTERNAL_H
#define AGENT_SERVE_INTERNAL_H

#include <systemd/sd-event.h>

#include "agent/internal.h"
#include "agent/keep.h"

/* What the files serve*.c share. */

/* serve_parts.c: the policy as the door has told it, in parts. */
struct serve_parts;
struct serve_parts *serve_parts_new(void);
void serve_parts_free(struct serve_parts *parts);
/*
 * The policy with this change, and the parts as they then are; nothing is kept before serve_parts_keep. is_all: the change has all parts, what
 * it does not name goes. may_stay: a change that no port can tell makes no policy, that which stands stays. What is made of it points into the
 * parts. ERR_INPUT: a part that goes is not there, or policy_join's reasons.
 */
struct serve_tried {
	uint64_t revision;
	bool is_dry;
	const struct policy *policy; /* NULL: that which stands */
};
bool serve_parts_try(struct serve_parts *parts, const char *body, size_t size, bool is_all,
	const char *host, bool may_stay, struct serve_tried *ret, struct err *err);
/* What was tried last stands; the policy before it is gone, unless it is the same. */
void serve_parts_keep(struct serve_parts *parts);
/* What was tried is forgotten. */
void serve_parts_drop(struct serve_parts *parts);
/* What stands; NULL: nothing yet. Groups that no port has may be missing in it, or be older. */
const struct policy *serve_parts_policy(const struct serve_parts *parts);
size_t serve_parts_used(const struct serve_parts *parts); /* bytes, for tests */

/* serve_jobs.c: what is slow is done in a child beside the loop. */
#define SERVE_JOBS 8
/* Of them: who may only read may ask for explanations, and that must not keep all others waiting. */
#define SERVE_EXPLAIN_JOBS (SERVE_JOBS / 2)
struct server;
struct serve_job {
	struct server *server;
	uint64_t id;			/* of the request */
	enum serve_type type;		/* of the request */
	struct serve_question question; /* SERVE_COUNTERS: of a port, "" is all */
	struct arena *arena;
	struct text out;
	int fd;
	bool is_ended; /* the process; status is then how */
	int status;
	sd_event_source *child, *output;
};
bool serve_job_begin(struct server *server, uint64_t id, enum serve_type type,
	const struct serve_question *question, struct err *err);
void serve_jobs_end(struct server *server); /* at once */

struct server {
	const struct serve_options *options;
	sd_event *event;
	struct keeper *keeper;
	struct serve_parts *parts;
	struct kernel_watch *watch;
	struct guard_holder *guard;
	bool has_begun; /* the keeper knows the policy that stands */
	struct serve_job *jobs[SERVE_JOBS];

	int door;
	struct text in, out;
	size_t in_done, out_done; /* bytes of them that are dealt with */
	sd_event_source *door_source;

	uint64_t links_ms, repair_ms, legacy_ms,
		resync_ms;	  /* when it is due, as kernel_boottime_ms; NEVER */
	uint64_t first_repair_ms; /* since when rules of others wait */
	uint64_t links_took_ms;
	struct text culprits; /* who changed them */
	uint64_t legacy_size, legacy_looks;
	struct text legacy;
	sd_event_source *timer, *guard_timer;

	/* what serve_state has and the keeper does not */
	uint64_t revision, started_s, n_queued;
	uint64_t commit_usec[N_OF(((struct serve_state *)0)->commit_usec)], commit_usec_sum;
	struct err *err; /* why the loop ends */
	bool has_failed;
};

#define SERVE_NEVER UINT64_MAX

/* serve.c */
void serve_tell(struct server *server, const char *what, const char *subject, const char *text);
/* Events of the keeper to the log and to the door. */
void serve_tell_result(struct server *server, const struct keeper_result *result);
void serve_set_timer(struct server *server);
bool serve_fail(struct server *server, struct err *err); /* ends the loop; returns false */
uint64_t serve_usec(void);
void serve_note_commit(struct server *server, uint64_t usec);

/* serve_door.c */
bool serve_door_open(struct server *server, struct err *err);
/* Sends what is in server->out, as far as the door takes it. */
void serve_door_flush(struct server *server);

#endif
