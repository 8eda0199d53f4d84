// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a pass must know of one that was killed. Between passes the kernel holds all there is to
 * know; in the middle of one it does not: the mark, which says that the chains are ours and what
 * clear puts back, is in one of several batches, and once a rule has gone nothing tells that flows
 * of its addresses are still to be cut. So a pass writes this down before its first change and
 * removes it after its last one; a journal that a pass finds is that of a pass that did not end,
 * and is added to its own.
 *
 * One line an entry, "note BRIDGE ATTRIBUTE" or "gone PREFIX". The file is written beside the
 * last policy, and like it forgotten at the next boot, as the kernel forgets its rules.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/internal.h"
#include "base/limits.h"

static const char note_word[] = "note ", gone_word[] = "gone ";

static bool journal_path(struct arena *arena, const char **ret, struct err *err)
{
	const char *policy = NULL;

	if (!kernel_state_path(arena, &policy, err))
		return false;
	*ret = arena_printf(arena, "%s.unfinished", policy);
	return true;
}

static void parse_line(struct arena *arena, struct journal *journal, const char *line)
{
	struct prefix prefix;

	if (text_has_prefix(line, note_word))
		*vec_push(&journal->notes, arena) = line + strlen(note_word);
	else if (text_has_prefix(line, gone_word) &&
		 prefix_parse(line + strlen(gone_word), &prefix))
		*vec_push(&journal->gone, arena) = prefix;
}

bool journal_load(struct arena *arena, struct journal *ret, struct err *err)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct journal journal = { 0 };
	const char *path = NULL;

	if (!journal_path(arena, &path, err))
		return false;
	journal.was_there = access(path, F_OK) == 0;
	if (journal.was_there && !text_load(&text, path, LIMIT_POLICY_FILE_SIZE, err))
		return false;
	for (const char *at = text.data; *at;) {
		size_t len = strcspn(at, "\n");

		parse_line(arena, &journal, arena_strndup(arena, at, len));
		at += len + (at[len] == '\n');
	}
	*ret = journal;
	return true;
}

bool journal_save(const struct journal *journal, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text text CLEANUP(text_done) = TEXT_INIT;
	const char *path = NULL;

	if (!journal_path(arena, &path, err))
		return false;
	vec_for_each (note, &journal->notes)
		text_addf(&text, "%s%s\n", note_word, *note);
	vec_for_each (prefix, &journal->gone) {
		text_add(&text, gone_word);
		prefix_print(&text, prefix);
		text_add(&text, "\n");
	}
	return text_save(&text, path, err);
}

bool journal_remove(struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const char *path = NULL;

	if (!journal_path(arena, &path, err))
		return false;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_system(err, errno, "cannot remove %s", path);
	return true;
}
