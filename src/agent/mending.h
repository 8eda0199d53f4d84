/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef AGENT_MENDING_H
#define AGENT_MENDING_H

#include <sys/types.h>

#include "agent/internal.h"
#include "agent/mend.h"

/* What the files of fixes (mend*.c) share; nobody else includes it. */

/* An edit as it was done: all that it takes to find it again, and to take it back, when others have written since. */
struct made_edit {
	struct host_edit edit; /* before: as it was found; without flows */
	/* rules, of the chain behind the edit */
	const char *above, *below; /* the neighbours of the place; "": it is the first, the last */
	size_t n_equal;	  /* how many there are like the rule (removed: like the one that went) */
	size_t n_before;  /* replaced: like the one that went */
	const char *made; /* a new table as nft listed it then; NULL: not known */
	/* sysctls: others that go with this one, which it would not put back */
	const struct sysctl *also;
	size_t n_also;
	/* for the plan; not kept */
	size_t n_rules;		  /* of the chain before */
	bool is_first;		  /* no rule like the one that goes is above it */
	struct counters counters; /* of the rule that goes */
};
typedef VEC(struct made_edit) made_vec;

struct fix {
	const char *id, *title;
	uint64_t done_s, undo_at_s; /* as in struct mended */
	uint64_t
		token; /* by it the process that takes it back at undo_at_s knows its own fix; 0: none */
	pid_t waiter; /* that process, for people */
	bool is_unfinished;
	made_vec edits;
};
typedef VEC(struct fix) fix_vec;

/* mend_record.c: the file of all fixes that stand, in the order they were done. */
bool fixes_load(struct arena *arena, fix_vec *ret, struct err *err);
bool fixes_save(const fix_vec *fixes, struct err *err);
bool fixes_parse(
	struct arena *arena, const char *name, const char *text, fix_vec *ret, struct err *err);
void fixes_print(struct text *out, const fix_vec *fixes);

/* mend_edit.c: a namespace's settings, which edits are tried on one after the other. */
struct scene {
	struct arena *arena;
	const struct host *host;
};
void scene_read(struct arena *arena, struct scene *ret);
const struct netns *scene_netns(const struct scene *scene);
const struct table *scene_table(const struct scene *scene, const struct host_edit *edit);
const struct chain *scene_chain(const struct scene *scene, const struct host_edit *edit);
/* A rule of the edit's chain; NULL when the text is none. */
const struct rule *scene_rule(struct scene *scene, const struct host_edit *edit, const char *text);
size_t chain_count(const struct chain *chain, const struct rule *rule);
/* "iptables -t nat, chain POSTROUTING": for messages */
const char *edit_place(struct arena *arena, const struct host_edit *edit);
/* A table's text without counters, so that two can be compared; NULL when it is none. */
const char *table_text(struct arena *arena, const struct table *table);
const char *table_text_of(struct arena *arena, const char *text);
const struct link *scene_link(const struct scene *scene, const struct host_edit *edit);
uint32_t link_flag_value(const struct link *link, enum link_flag flag);
bool link_value_parse(const char *text, uint32_t *ret); /* "on", "up", "1", an MTU */
/* What was not read is not taken for absent: ERR_SYSTEM, or ERR_CONFLICT where iptables cannot read it. */
bool scene_check_read(const struct scene *scene, const struct host_edit *edit, struct err *err);
/* Does the edit on the scene; ERR_CONFLICT: the host is not as the edit has it. */
bool scene_do(
	struct scene *scene, const struct host_edit *edit, struct made_edit *ret, struct err *err);

/* mend_plan.c: the steps that do these edits in the kernel, with their undo. */
const struct plan *mend_plan(struct arena *arena, const made_vec *edits);

/* mend_undo.c: the way back from a fix in a host as it is now. What is no longer as the fix made it is left alone
 * and told. The scene is afterwards without the fix. */
bool fix_invert(struct scene *scene, const struct fix *fix, made_vec *ret, warning_list *notes,
	struct err *err);

/* mend_wait.c: the process that takes a fix back when its time has come and it was not kept. */
bool waiter_begin(const struct fix *fix, unsigned after_s, pid_t *ret, struct err *err);

/* mend.c: for the waiter. token: only if the fix is still its own; 0: anyhow. */
bool fix_undo(struct arena *arena, const char *id, uint64_t token,
	const struct agent_options *options, struct mend_result *ret, struct err *err);

#endif
