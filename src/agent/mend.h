/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef AGENT_MEND_H
#define AGENT_MEND_H

#include "agent/agent.h"
#include "host/edit.h"

/*
 * Fixes: edits of a host that were proved on its copy are done in the kernel, written down, and taken back.
 *
 * A fix is done as a whole or not at all: what is refused in its middle is undone. It is written down before its first change
 * (beside the last policy, kernel_state_path; forgotten at the next boot, as the kernel forgets its rules), so that
 * "undo" takes back exactly that, whatever happened since: a rule is removed where it stands now, nothing is put back that somebody
 * else has put back already, and what is no longer as the fix made it is left alone and told (agent_unmend's notes).
 *
 * With undo_after_s the fix is taken back by itself after so many seconds unless agent_mend_keep comes first: a process of its own,
 * which lives on when the terminal goes, waits for it.
 */
struct mend {
	const char *id;	   /* of the finding: "docker-nat.qbr1": no space in it */
	const char *title; /* a line for people */
	const struct host_edit *edits;
	size_t n_edits;
	unsigned undo_after_s; /* 0: never */
};

struct mend_result {
	size_t n_flows_deleted;
	const char *const *notes; /* sentences: what was not as expected */
	size_t n_notes;
};

/* In the calling process's namespace. Rules are those of iptables' tables (SOURCE_IPTABLES, SOURCE_IPTABLES_LEGACY), of any variant beside
 * the other; a rule of another table is refused with the command to type (ERR_INPUT), a table of nft comes or goes as a
 * whole. Flows are deleted when all else stands, exactly those (kernel_flows_delete). With undo_after_s the process that waits has a
 * copy of the caller's memory. Only lock_wait_s, dry_run and progress of the options are read. Errors: another fix of
 * this id is there already (ERR_CONFLICT), the host is no longer as the edits have it (ERR_CONFLICT), the kernel refuses. */
bool agent_mend(struct arena *arena, const struct mend *mend, const struct agent_options *options,
	struct mend_result *ret, struct err *err);

/* One that was done and not undone. */
struct mended {
	const char *id, *title;
	uint64_t done_s, undo_at_s; /* seconds since 1970; 0: kept */
	bool is_unfinished;	    /* a process that did or undid it was killed (or is at it) */
};
bool agent_mended(struct arena *arena, struct mended **ret, size_t *ret_n, struct err *err);

/* id NULL: the last one. Errors: there is none of that id (ERR_INPUT); the kernel refuses, then the fix stands as before. dry_run: only
 * the notes. */
bool agent_unmend(struct arena *arena, const char *id, const struct agent_options *options,
	struct mend_result *ret, struct err *err);
/* A fix that was not done to its end cannot be kept (ERR_CONFLICT). */
bool agent_mend_keep(
	struct arena *arena, const char *id, const struct agent_options *options, struct err *err);

#endif
