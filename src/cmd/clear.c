// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/cmd.h"

bool cmd_clear(struct invocation *invocation, struct err *err)
{
	struct agent_report report;

	if (!agent_clear(invocation->arena, &invocation->agent, &report, err))
		return false;
	invocation->has_changed = !invocation->agent.dry_run;
	output_print_report(invocation,
		arena_printf(invocation->arena,
			"cleared (iptables-%s): no port is filtered by portwall",
			backend_name(report.backend)),
		&report);
	return true;
}
