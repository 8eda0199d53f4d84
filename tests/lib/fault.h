/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_FAULT_H
#define TESTS_FAULT_H

#include <sys/types.h>

#include "net.h"
#include "policy/policy.h"
#include "random_rulesets.h"

/*
 * The program portwall (environment PORTWALL) on a host of tests/lib/net.h with four guests on one
 * bridge, killed where a test wants it: wrappers of its tools stand in front of PATH and count
 * the steps of its plan.
 */

#define FAULT_DIR     "/run/fault"
#define FAULT_RUN_DIR FAULT_DIR "/run" /* PORTWALL_RUN_DIR */
#define FAULT_GUESTS  4

struct fault {
	struct prng prng; /* PORTWALL_SEED, or the time */
	const char *backend;
	char *path_before;
	struct net *net;
	struct net_end *guests[FAULT_GUESTS];
	unsigned n_versions;
	char what[400]; /* what is being done, for messages */
};

void fault_init(struct fault *f, const char *backend);
/* The port of a guest; its MAC ends in 0a + i. */
const char *fault_guest_id(unsigned i);

/* A policy, or none: the host without portwall. */
struct version {
	char path[64]; /* "" for none */
	struct arena *arena;
	const struct policy *policy;
	struct text state; /* that one clean apply leaves */
};

/* text NULL: none. Fails the test when the policy is refused. */
struct version *version_new(struct fault *f, const struct text *text);
void version_free(struct version *version);
/* "apply FILE", or "clear" where nothing is wanted; option may be NULL. Until the next call. */
const char *const *version_words(const struct version *version, const char *option);
#define FAULT_WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* What is done at a step, which is one tool that changes something. */
enum fault_mode {
	DELAY,	/* the caller kills, whenever it likes */
	BEFORE, /* portwall and the tool are killed before the tool has begun */
	AFTER,	/* the tool has done its work */
	STOP,	/* portwall and the tool are stopped before it */
	PART,	/* as BEFORE; but ipset, which is not atomic, has done the first lines */
	TOOL,	/* only the tool is killed, in the midst of it */
	ORPHAN, /* only portwall is killed; the tool begins later, when FAULT_DIR/hold is gone */
	N_MODES,
	NO_FAULT
};
extern const char *const fault_mode_names[];

struct child {
	pid_t pid;
	struct timespec begin;
	bool is_stopped;
	int status;
};

struct fault_plan {
	enum fault_mode mode;
	unsigned at;	   /* step, from 1 */
	unsigned delay_us; /* DELAY, TOOL */
	unsigned n_lines;  /* PART */
};

/* The wrappers alone, where it is not the program that is killed but a child of the test: made, and then armed in that
 * child, which must be a process group of its own. */
void fault_put_fronts(const char *backend);
void fault_arm(const char *path_before, const struct fault_plan *plan);

struct child fault_start(
	const struct fault *f, const struct fault_plan *plan, const char *const *words);
/* What the child has said. */
void fault_output(struct text *out);
/* To its end, without a fault; false when it exits with another code than 0. */
bool fault_run(struct fault *f, struct text *out, const char *const *words);
void fault_must_run(struct fault *f, struct text *out, const char *const *words);
unsigned fault_count_steps(struct fault *f, const struct version *version);

/* What stands in the host: everything but counters, in an order that does not tell the past. */
void fault_shot(const struct fault *f, struct text *out);
void fault_must_stand(struct fault *f, const struct text *wanted, const char *when);

#endif
