// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daemon.h"

bool cmd_clear(struct invocation *invocation, struct err *err)
{
	struct api_client *client CLEANUP(api_client_close) = NULL;
	struct agent_report report;

	if (!daemon_open(&client, err))
		return false;
	if (client) {
		err_conflict(err, "portwall serve keeps the rules of this host");
		return err_next(err,
			"stop it first (systemctl stop portwall), or apply a policy without ports");
	}
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
