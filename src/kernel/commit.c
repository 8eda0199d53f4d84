// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plan is several batches of several programs; each batch is atomic at best by itself. What
 * holds them together is this file: a batch that is refused for a passing reason is offered
 * again, from where it was refused; one that stays refused takes everything back that was done
 * before it, the newest first. Order matters both ways: a set must be there before the rule that
 * names it, and the rule be gone before the set can go.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "kernel/counters.h"
#include "kernel/kernel.h"
#include "kernel/refusal.h"
#include "kernel/settings.h"
#include "kernel/tool.h"
#include "kernel/undo.h"
#include "base/vec.h"

/* 10 + 20 + ... + 640 ms: longer than any kernel object lingers after its last user. */
#define TRIES	      8
#define LONG_BATCH    ((size_t)32 * 1024)
#define FIRST_WAIT_MS 10
/* Of a refused line that is quoted. */
#define QUOTE_LEN 400

struct commit {
	struct arena *arena;
	enum backend backend;
	int lock_fd; /* 0: none */
};

/* How far a batch came. */
struct progress {
	size_t applied_len; /* bytes of the text */
	unsigned n_lines;   /* lines in those bytes */
	bool is_unsure;	    /* the program did not say where it stopped */
	unsigned refused;   /* the line, from 1; 0: not known */
};

static void wait_ms(unsigned ms)
{
	struct timespec left = { ms / 1000, (long)(ms % 1000) * 1000000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static bool is_legacy(const struct commit *commit, enum tool tool)
{
	if (tool == TOOL_IPTABLES || tool == TOOL_IP6TABLES)
		return commit->backend == BACKEND_LEGACY;
	return tool == TOOL_IPTABLES_LEGACY || tool == TOOL_IP6TABLES_LEGACY;
}

static bool fill_argv(
	struct commit *commit, enum tool tool, bool is_undo, const char *argv[8], struct err *err)
{
	struct arena *arena = commit->arena;
	int n = 0;

	if (tool == TOOL_IPSET) {
		if (!tool_must_find(arena, "ipset", &argv[n++], err))
			return false;
		/* going back from a part: what was not done need not be undone */
		if (is_undo)
			argv[n++] = "-exist";
		argv[n++] = "restore";
	} else if (tool == TOOL_NFT) {
		if (!tool_must_find(arena, "nft", &argv[n++], err))
			return false;
		argv[n++] = "-f";
		argv[n++] = "-";
	} else {
		bool is_ipv6 = tool == TOOL_IP6TABLES || tool == TOOL_IP6TABLES_LEGACY;

		if (!backend_program(arena, is_legacy(commit, tool) ? BACKEND_LEGACY : BACKEND_NFT,
			    is_ipv6 ? FAMILY_IPV6 : FAMILY_IPV4, "restore", &argv[n++], err))
			return false;
		argv[n++] = "--noflush";
		argv[n++] = "--counters";
		if (is_legacy(commit, tool)) {
			argv[n++] = "-w";
			argv[n++] = "10";
		}
	}
	argv[n] = NULL;
	return true;
}

/* legacy gives no reason when the kernel refuses a table at its COMMIT; busy is one of them. */
static bool may_pass_later(const struct commit *commit, enum tool tool, const char *text,
	const struct refusal *refusal, int exit_code)
{
	const char *line;
	size_t len;

	/* legacy has waited for that lock already, as long as it was told to */
	if (strstr(refusal->message, "xtables lock") || strstr(refusal->message, "xtables.lock"))
		return false;
	if (refusal->is_transient)
		return true;
	if (tool_is_iptables(tool) && exit_code == 4) /* RESOURCE_PROBLEM of include/xtables.h */
		return true;
	if (!is_legacy(commit, tool) || *refusal->message)
		return false;
	line = undo_line(text, refusal->line, &len);
	return len == strlen("COMMIT") && strncmp(line, "COMMIT", len) == 0;
}

/* A program that was killed, or that gives no line while there were several tables to take. Of
 * ipset the undo leads back from any part, unless it is one command. */
static bool may_be_done(
	enum tool tool, const char *text, const struct refusal *refusal, int exit_code)
{
	const char *first = strstr(text, "COMMIT\n");

	if (refusal->line || refusal->is_known)
		return false;
	if (!tool_is_iptables(tool))
		return exit_code >= 128;
	return exit_code >= 128 || (first && strstr(first + 1, "COMMIT\n"));
}

static bool report(enum tool tool, const char *text, const struct progress *progress,
	const struct refusal *refusal, const struct tool_run *run, struct arena *arena,
	struct err *err)
{
	const char *message = *refusal->message ? refusal->message : tool_complaint(arena, run);
	size_t len;

	if (refusal->line && !*refusal->message)
		message = "the kernel refused it and gave no reason";
	if (refusal->line) {
		const char *line = undo_line(text + progress->applied_len, refusal->line, &len);

		err_system(err, 0, "%s refused line %u: %s: %.*s%s", tool_name(tool),
			progress->n_lines + refusal->line, message,
			(int)(len > QUOTE_LEN ? QUOTE_LEN : len), line,
			len > QUOTE_LEN ? "..." : "");
	} else {
		err_system(err, 0, "%s refused: %s", tool_name(tool), message);
	}
	refusal_advise(refusal, err);
	return false;
}

static unsigned count_lines(const char *text, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

static bool run_batch(struct commit *commit, enum tool tool, const char *text, bool is_undo,
	struct progress *progress, struct err *err)
{
	const char *argv[8];

	*progress = (struct progress){ 0 };
	if (tool == TOOL_SYSCTL || tool == TOOL_LINK)
		return settings_run(tool, text, &progress->applied_len, err);
	if (!fill_argv(commit, tool, is_undo, argv, err))
		return false;
	for (unsigned try = 0, wait = FIRST_WAIT_MS;; try++, wait *= 2) {
		struct tool_run run CLEANUP(tool_run_done) = TOOL_RUN_INIT;
		const char *rest = text + progress->applied_len;
		struct refusal refusal;
		size_t applied;

		run.shared_fd = commit->lock_fd;
		/* it costs a fork, some milliseconds where this process is large: of one rule that is more than it saves */
		run.has_no_routes = tool_is_iptables(tool) && strlen(rest) > LONG_BATCH;
		if (!tool_start(&run, argv, rest, err))
			return false;
		if (!tools_finish(&run, 1, err)) {
			progress->is_unsure = true;
			return false;
		}
		if (run.exit_code == 0) {
			progress->applied_len = strlen(text);
			if (tool == TOOL_IP6TABLES && commit->backend == BACKEND_NFT &&
				strstr(text, "\n["))
				counters_mend(text);
			return true;
		}
		refusal = refusal_parse(commit->arena, run.error.data);
		applied = undo_applied_len(tool, rest, refusal.line);
		if (try + 1 == TRIES ||
			!may_pass_later(commit, tool, rest, &refusal, run.exit_code)) {
			report(tool, text, progress, &refusal, &run, commit->arena, err);
			progress->is_unsure = may_be_done(tool, rest, &refusal, run.exit_code);
			progress->refused = refusal.line ? progress->n_lines + refusal.line : 0;
			progress->applied_len += applied;
			return false;
		}
		progress->applied_len += applied;
		progress->n_lines += count_lines(rest, applied);
		wait_ms(wait);
	}
}

/*
 * Takes steps[0 .. n_done] back, the last one as far as it came. left: which could not be, and why,
 * for the end of the message.
 *
 * Between two steps the filters hold, whichever two (plan.c); with one taken back below another
 * that stands they do not: a set may be the old one while the new rules look into it. So the first that
 * cannot be taken back, or of which nobody knows whether it was done, ends it.
 */
static void take_back(struct commit *commit, const struct plan *plan, size_t n_done,
	const struct progress *last, struct text *left)
{
	const struct plan_step *refused = &plan->steps[n_done];

	if (last->is_unsure && (refused->tool != TOOL_IPSET || refused->is_atomic)) {
		text_addf(left,
			"whether step %zu of %zu (%s) was done is not known, and the steps before "
			"it stand",
			n_done + 1, plan->n_steps, tool_name(refused->tool));
		return;
	}
	for (size_t i = n_done + 1; i-- > 0;) {
		const struct plan_step *step = &plan->steps[i];
		struct text undo CLEANUP(text_done) = TEXT_INIT;
		struct progress ignored;
		struct err err;

		undo_print(&undo, step, i == n_done ? last->applied_len : strlen(step->text));
		if (!undo.len || run_batch(commit, step->tool, undo.data, true, &ignored, &err))
			continue;
		text_addf(left, "step %zu of %zu (%s) stands%s%s: %s", i + 1, plan->n_steps,
			tool_name(step->tool), i == n_done ? " in part" : "",
			i ? ", and all before it" : "", err.text);
		return;
	}
}

/*
 * Ctrl-C reaches the tools as well, and half a plan is worse than a late end: the signals that ask
 * for an end wait until the plan is done or taken back.
 */
static void hold_signals(sigset_t *ret_old)
{
	static const int enders[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < N_OF(enders); i++)
		sigaddset(&set, enders[i]);
	sigprocmask(SIG_BLOCK, &set, ret_old);
}

static bool run_plan(struct commit *commit, const struct plan *plan, struct kernel_refusal *refusal,
	struct err *err)
{
	struct text left CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct plan_step *step = &plan->steps[i];
		struct progress progress;

		if (run_batch(commit, step->tool, step->text, false, &progress, err))
			continue;
		take_back(commit, plan, i, &progress, &left);
		*refusal = (struct kernel_refusal){ i, progress.refused, left.len != 0 };
		if (left.len) {
			size_t len = strlen(err->text);

			snprintf(err->text + len, sizeof(err->text) - len,
				"\nand not all of it could be taken back: %s", left.data);
			err_next(err, "the filters are in between: mend the cause and apply again");
		}
		return false;
	}
	return true;
}

bool kernel_plan_try(const struct plan *plan, enum backend backend, const struct kernel_lock *lock,
	struct kernel_refusal *ret, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct commit commit = {
		.arena = arena, .backend = backend, .lock_fd = lock ? lock->fd : 0
	};
	sigset_t old;
	bool ok;

	*ret = (struct kernel_refusal){ .step = plan->n_steps };
	hold_signals(&old);
	ok = run_plan(&commit, plan, ret, err);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return ok;
}

bool kernel_plan_commit(const struct plan *plan, enum backend backend,
	const struct kernel_lock *lock, struct err *err)
{
	struct kernel_refusal ignored;

	return kernel_plan_try(plan, backend, lock, &ignored, err);
}
