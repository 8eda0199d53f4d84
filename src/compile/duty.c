// SPDX-License-Identifier: GPL-2.0-or-later
#include "compile/compile.h"

const char *duty_name(enum duty duty)
{
	static const char *const names[] = {
		[DUTY_SKELETON] = "skeleton",
		[DUTY_DISPATCH] = "dispatch",
		[DUTY_ZONE] = "zone",
		[DUTY_DHCP_CLIENT] = "dhcp-client",
		[DUTY_DHCP_IN] = "dhcp-in",
		[DUTY_NO_DHCP_SERVER] = "no-dhcp-server",
		[DUTY_NO_RA] = "no-ra",
		[DUTY_RA_IN] = "ra-in",
		[DUTY_ND] = "nd",
		[DUTY_ANTI_SPOOF] = "anti-spoof",
		[DUTY_SPOOF_DROP] = "spoof-drop",
		[DUTY_ESTABLISHED] = "established",
		[DUTY_RULE] = "rule",
		[DUTY_INVALID] = "invalid",
		[DUTY_FALLBACK] = "fallback",
		[DUTY_DEFAULT_DROP] = "default-drop",
		[DUTY_CUT] = "cut",
		[DUTY_PORT_SECURITY_OFF] = "port-security-off",
		[DUTY_TRUSTED] = "trusted",
		[DUTY_FRAMES] = "frames",
		[DUTY_MARK] = "mark",
	};

	return names[duty];
}

const char *compile_frames_chain_name(
	struct arena *arena, enum direction direction, const char *port_id)
{
	return arena_printf(arena, direction == DIR_EGRESS ? "o-%.10s" : "to-%.10s", port_id);
}
