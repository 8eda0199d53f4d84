// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/tool.h"

#include <string.h>

bool kernel_filter(struct arena *arena, const char *const *argv, const char *package,
	const char *input, struct text *ret, struct err *err)
{
	struct tool_run run CLEANUP(tool_run_done) = TOOL_RUN_INIT;
	const char *words[KERNEL_FILTER_WORDS + 1] = { tool_find(arena, argv[0]) };

	if (!words[0]) {
		err_system(err, 0, "the program %s is not installed", argv[0]);
		return err_next(err, "apt-get install %s", package);
	}
	for (size_t i = 1; argv[i] && i < KERNEL_FILTER_WORDS; i++)
		words[i] = argv[i];
	if (!tool_start(&run, words, input, err) || !tools_finish(&run, 1, err))
		return false;
	if (run.exit_code)
		return err_system(err, 0, "%s: %s", argv[0], tool_complaint(arena, &run));
	text_add_n(ret, run.out.data, run.out.len);
	return true;
}
