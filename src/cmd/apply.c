// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/daemon.h"

bool cmd_apply(struct invocation *invocation, struct err *err)
{
	struct api_client *client CLEANUP(api_client_close) = NULL;
	struct text text CLEANUP(text_done) = TEXT_INIT;
	const struct policy *policy;
	struct agent_report report;

	if (!agent_policy_read(invocation->arena, invocation->args[0], &text, &policy, err) ||
		!daemon_open(&client, err))
		return false;
	if (client)
		return daemon_apply(invocation, client, &text, err);
	invocation->agent.source = &text;
	if (!agent_apply(invocation->arena, policy, &invocation->agent, &report, err))
		return false;
	invocation->has_changed = !invocation->agent.dry_run;
	output_print_report(invocation,
		arena_printf(invocation->arena,
			"applied %s: %zu port%s on this host%s (iptables-%s)", invocation->args[0],
			report.n_local_ports, report.n_local_ports == 1 ? "" : "s",
			report.n_remote_ports ? arena_printf(invocation->arena, ", %zu elsewhere",
							report.n_remote_ports)
					      : "",
			backend_name(report.backend)),
		&report);
	return true;
}
