// SPDX-License-Identifier: GPL-2.0-or-later
/* The policy that was applied last, kept as its own text for show and groups. */
#include "agent/internal.h"

#include <errno.h>
#include <sys/utsname.h>
#include <unistd.h>

bool agent_policy_read(struct arena *arena, const char *path, struct text *ret_text,
	const struct policy **ret, struct err *err)
{
	struct utsname names;

	if (uname(&names) < 0)
		return err_system(err, errno, "uname");
	return policy_load(arena, path, names.nodename, ret_text, ret, err);
}

bool agent_policy_load(struct arena *arena, const struct policy **ret, struct err *err)
{
	struct journal journal;
	const char *path;

	if (!kernel_state_path(arena, &path, err))
		return false;
	if (access(path, F_OK) < 0 && errno == ENOENT) {
		if (!journal_load(arena, &journal, err))
			return false;
		err_system(err, 0,
			journal.was_there ? "the first apply in this network namespace has not "
					    "ended: it still runs, or was killed"
					  : "no policy has been applied in this network namespace");
		return err_next(err, "portwall apply FILE");
	}
	if (agent_policy_read(arena, path, NULL, ret, err))
		return true;
	if (err->sys == EACCES)
		err_next(err, "call it with sudo");
	if (err->sys)
		err->kind = ERR_SYSTEM;
	return false;
}

bool agent_policy_stage(const struct text *text, struct text *ret_staged, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const char *path;

	return kernel_state_path(arena, &path, err) && text_stage(text, path, ret_staged, err);
}

bool agent_policy_keep(struct text *staged, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const char *path;

	return kernel_state_path(arena, &path, err) && text_staged_place(staged, path, err);
}

bool agent_policy_forget(struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const char *path;

	if (!kernel_state_path(arena, &path, err))
		return false;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_system(err, errno, "cannot remove %s", path);
	return true;
}
