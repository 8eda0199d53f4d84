// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The life of a fix: the edits are tried on what is there now, written down as unfinished, done as one plan, then the flows are
 * deleted, which cannot be taken back, and it is finished. Whoever is killed leaves an unfinished record, from which the way back is
 * found as from a finished one.
 */
#include "agent/mend.h"

#include <string.h>
#include <time.h>

#include "agent/mending.h"

static void tell(const struct agent_options *options, const char *stage)
{
	if (options->progress)
		options->progress(options->progress_data, stage);
}

static size_t find_fix(const fix_vec *fixes, const char *id)
{
	for (size_t i = 0; i < fixes->n; i++)
		if (!strcmp(fixes->items[i].id, id))
			return i;
	return fixes->n;
}

static void drop_fix(fix_vec *fixes, size_t at)
{
	fixes->n--;
	memmove(&fixes->items[at], &fixes->items[at + 1], (fixes->n - at) * sizeof(*fixes->items));
}

static bool open_lock(
	const struct agent_options *options, struct kernel_lock *lock, struct err *err)
{
	if (!kernel_must_be_admin(err))
		return false;
	if (options->dry_run)
		return true;
	tell(options, "waiting for the lock");
	return kernel_lock_open(lock, options->lock_wait_s, err);
}

/* What stands of a fix: nothing when its edits could be done again. */
static bool could_be_done(struct arena *arena, const struct fix *fix)
{
	struct scene scene;
	struct made_edit made;
	struct err ignored;

	scene_read(arena, &scene);
	vec_for_each (edit, &fix->edits)
		if (!scene_do(&scene, &edit->edit, &made, &ignored))
			return false;
	return true;
}

static bool commit(const struct plan *plan, const struct kernel_lock *lock, struct err *err)
{
	/* the plain tools of a plan are here those of nft: mend_plan.c */
	return kernel_plan_commit(plan, BACKEND_NFT, lock, err);
}

/* A fix that was refused leaves no record, unless something of it could not be taken back. */
static bool give_up(struct arena *arena, fix_vec *fixes, struct err *err)
{
	struct fix *fix = &fixes->items[fixes->n - 1];
	struct err ignored;

	if (!could_be_done(arena, fix))
		return err_next(
			err, "take back what is left of it: portwall doctor --undo %s", fix->id);
	/* who waits for its time sees that it is gone */
	drop_fix(fixes, fixes->n - 1);
	fixes_save(fixes, &ignored);
	return false;
}

static bool take_back(struct arena *arena, const struct fix *fix, const struct kernel_lock *lock,
	struct mend_result *ret, struct err *err)
{
	struct scene scene;
	warning_list notes = { 0 };
	made_vec edits = { 0 };

	scene_read(arena, &scene);
	if (!fix_invert(&scene, fix, &edits, &notes, err) ||
		(lock && !commit(mend_plan(arena, &edits), lock, err)))
		return false;
	ret->notes = (const char *const *)notes.items;
	ret->n_notes = notes.n;
	return true;
}

static bool delete_flows(const struct mend *mend, size_t *ret_n, struct err *err)
{
	size_t n = 0;

	*ret_n = 0;
	for (size_t i = 0; i < mend->n_edits; i++) {
		const struct host_edit *edit = &mend->edits[i];

		if (edit->kind != HOST_EDIT_FLOWS)
			continue;
		if (!kernel_flows_delete(edit->flows, edit->n_flows, &n, err))
			return false;
		*ret_n += n;
	}
	return true;
}

/* A new table as nft shows it: with that it is compared when it is to go. */
static void note_tables(struct arena *arena, struct fix *fix)
{
	struct scene scene = { 0 };

	vec_for_each (edit, &fix->edits) {
		const struct table *table;

		if (edit->edit.kind != HOST_EDIT_TABLE_ADD)
			continue;
		if (!scene.host)
			scene_read(arena, &scene);
		table = scene_table(&scene, &edit->edit);
		edit->made = table ? table_text(arena, table) : NULL;
	}
}

static bool check_mend(const struct mend *mend, struct err *err)
{
	if (!*mend->id || strpbrk(mend->id, " \t\n"))
		return err_input(err, "\"%s\" is no name of a fix", mend->id);
	if (!mend->n_edits)
		return err_input(err, "the fix %s does nothing", mend->id);
	return true;
}

static bool try_edits(struct arena *arena, const struct mend *mend, made_vec *ret, struct err *err)
{
	struct scene scene;
	struct made_edit made;

	scene_read(arena, &scene);
	for (size_t i = 0; i < mend->n_edits; i++) {
		if (!scene_do(&scene, &mend->edits[i], &made, err))
			return false;
		if (made.edit.kind != HOST_EDIT_FLOWS)
			*vec_push(ret, arena) = made;
	}
	return true;
}

/* The last of fixes is the new one. */
static bool do_fix(struct arena *arena, const struct mend *mend, fix_vec *fixes,
	const struct kernel_lock *lock, struct mend_result *ret, struct err *err)
{
	struct fix *fix = &fixes->items[fixes->n - 1];
	struct mend_result ignored;
	warning_list notes = { 0 };
	struct err why;

	if (!fixes_save(fixes, err))
		return false;
	if (mend->undo_after_s && !waiter_begin(fix, mend->undo_after_s, &fix->waiter, err))
		return give_up(arena, fixes, err);
	if (!commit(mend_plan(arena, &fix->edits), lock, err))
		return give_up(arena, fixes, err);
	if (!delete_flows(mend, &ret->n_flows_deleted, err)) {
		if (!take_back(arena, fix, lock, &ignored, &why))
			return err_next(
				err, "the fix stands, and could not be taken back: %s", why.text);
		return give_up(arena, fixes, err);
	}
	note_tables(arena, fix);
	fix->is_unfinished = false;
	if (!fixes_save(fixes, &why))
		*vec_push(&notes, arena) =
			arena_printf(arena, "it is written down as unfinished: %s", why.text);
	ret->notes = (const char *const *)notes.items;
	ret->n_notes = notes.n;
	return true;
}

bool agent_mend(struct arena *arena, const struct mend *mend, const struct agent_options *options,
	struct mend_result *ret, struct err *err)
{
	struct kernel_lock lock CLEANUP(kernel_lock_close) = { 0 };
	struct mend_result result = { 0 };
	struct fix fix = { .id = mend->id, .title = mend->title ? mend->title : "" };
	fix_vec fixes = { 0 };

	if (!check_mend(mend, err) || !open_lock(options, &lock, err) ||
		!fixes_load(arena, &fixes, err))
		return false;
	if (find_fix(&fixes, mend->id) < fixes.n) {
		err_conflict(err, "the fix %s is there already", mend->id);
		return err_next(err, "take it back first: portwall doctor --undo %s", mend->id);
	}
	tell(options, "reading what is there");
	if (!try_edits(arena, mend, &fix.edits, err))
		return false;
	if (!options->dry_run) {
		tell(options, "writing the fix");
		fix.done_s = (uint64_t)time(NULL);
		fix.is_unfinished = true;
		if (mend->undo_after_s) {
			fix.undo_at_s = fix.done_s + mend->undo_after_s;
			fix.token = kernel_boottime_ms();
		}
		*vec_push(&fixes, arena) = fix;
		if (!do_fix(arena, mend, &fixes, &lock, &result, err))
			return false;
	}
	*ret = result;
	return true;
}

bool agent_mended(struct arena *arena, struct mended **ret, size_t *ret_n, struct err *err)
{
	fix_vec fixes = { 0 };
	struct mended *mended;

	if (!fixes_load(arena, &fixes, err))
		return false;
	mended = arena_new_array(arena, struct mended, fixes.n + 1);
	for (size_t i = 0; i < fixes.n; i++) {
		const struct fix *fix = &fixes.items[i];

		mended[i] = (struct mended){ .id = fix->id,
			.title = fix->title,
			.done_s = fix->done_s,
			.undo_at_s = fix->undo_at_s,
			.is_unfinished = fix->is_unfinished };
	}
	*ret = mended;
	*ret_n = fixes.n;
	return true;
}

/* id NULL: the last one. */
static bool choose_fix(const fix_vec *fixes, const char *id, size_t *ret, struct err *err)
{
	size_t at = id ? find_fix(fixes, id) : fixes->n - (fixes->n > 0);

	if (at < fixes->n) {
		*ret = at;
		return true;
	}
	if (id)
		return err_input(err, "there is no fix %s", id);
	return err_input(err, "no fix stands in this network namespace");
}

bool fix_undo(struct arena *arena, const char *id, uint64_t token,
	const struct agent_options *options, struct mend_result *ret, struct err *err)
{
	struct kernel_lock lock CLEANUP(kernel_lock_close) = { 0 };
	struct mend_result result = { 0 };
	fix_vec fixes = { 0 };
	struct err ignored;
	struct fix *fix;
	bool was_unfinished;
	size_t at = 0;

	if (!open_lock(options, &lock, err) || !fixes_load(arena, &fixes, err) ||
		!choose_fix(&fixes, id, &at, err))
		return false;
	fix = &fixes.items[at];
	was_unfinished = fix->is_unfinished;
	if (token && fix->token != token)
		return err_input(err, "the fix %s is another one", fix->id);
	tell(options, "reading what is there");
	if (options->dry_run) {
		if (!take_back(arena, fix, NULL, &result, err))
			return false;
		*ret = result;
		return true;
	}
	tell(options, "taking the fix back");
	fix->is_unfinished = true;
	if (!fixes_save(&fixes, err))
		return false;
	if (!take_back(arena, fix, &lock, &result, err)) {
		fix->is_unfinished = was_unfinished;
		fixes_save(&fixes, &ignored);
		return false;
	}
	drop_fix(&fixes, at);
	if (!fixes_save(&fixes, err))
		return err_prefix(err, "the fix is taken back, but still written down");
	*ret = result;
	return true;
}

bool agent_unmend(struct arena *arena, const char *id, const struct agent_options *options,
	struct mend_result *ret, struct err *err)
{
	return fix_undo(arena, id, 0, options, ret, err);
}

bool agent_mend_keep(
	struct arena *arena, const char *id, const struct agent_options *options, struct err *err)
{
	struct kernel_lock lock CLEANUP(kernel_lock_close) = { 0 };
	fix_vec fixes = { 0 };
	struct fix *fix;
	size_t at = 0;

	if (!open_lock(options, &lock, err) || !fixes_load(arena, &fixes, err) ||
		!choose_fix(&fixes, id, &at, err))
		return false;
	fix = &fixes.items[at];
	if (fix->is_unfinished) {
		err_conflict(err, "the fix %s was not done to its end", fix->id);
		return err_next(err, "take it back: portwall doctor --undo %s", fix->id);
	}
	fix->undo_at_s = fix->token = 0;
	fix->waiter = 0;
	return options->dry_run || fixes_save(&fixes, err);
}
