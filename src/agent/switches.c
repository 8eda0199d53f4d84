// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The switches of bridges without which groups do not hold. They are the bridge's own, never the
 * sysctl: that would change every other bridge of the host too. What a pass turns on it notes as
 * "BRIDGE SWITCH" in the mark and in the journal, so that clear finds what to put back.
 */
#include "agent/internal.h"

#include <errno.h>
#include <string.h>

static bool is_planned(
	const struct switches *switches, const char *bridge, enum bridge_switch which)
{
	vec_for_each (change, &switches->planned)
		if (change->which == which && !strcmp(change->bridge, bridge))
			return true;
	return false;
}

void switches_add_note(struct arena *arena, struct switches *switches, const char *note)
{
	vec_for_each (other, &switches->notes)
		if (!strcmp(*other, note))
			return;
	*vec_push(&switches->notes, arena) = note;
}

static const char *note_of(struct arena *arena, const struct switch_change *change)
{
	return arena_printf(arena, "%s %s", change->bridge, bridge_switch_name(change->which));
}

/* A bridge that does not call iptables forwards past every group. */
static const char *nf_call_warning(struct arena *arena, const struct netns *host,
	const struct switch_change *change, enum family family)
{
	return arena_printf(arena,
		"%s groups are NOT ENFORCED on bridge %s: %s; --fix-sysctl turns %s of this bridge on",
		family_name(family), change->bridge,
		host->has_br_netfilter
			? family == FAMILY_IPV4 ? "net.bridge.bridge-nf-call-iptables is 0"
						: "net.bridge.bridge-nf-call-ip6tables is 0"
			: "the kernel module br_netfilter is not loaded (modprobe br_netfilter)",
		bridge_switch_name(change->which));
}

/*
 * From frames to 01:80:c2:00:00:0X a bridge learns without asking any hook: a VM takes the MAC of
 * whoever else lives on it.
 */
static const char *learn_warning(struct arena *arena, const struct switch_change *change)
{
	return arena_printf(arena,
		"on bridge %s a VM can draw its neighbours' traffic to itself, with frames to "
		"01:80:c2:00:00:00 to 0f; --fix-sysctl turns %s of this bridge on",
		change->bridge, bridge_switch_name(change->which));
}

static const char *warning_of(
	struct arena *arena, const struct netns *host, const struct switch_change *change)
{
	switch (change->which) {
	case SWITCH_NF_CALL_IPTABLES:
		return nf_call_warning(arena, host, change, FAMILY_IPV4);
	case SWITCH_NF_CALL_IP6TABLES:
		return nf_call_warning(arena, host, change, FAMILY_IPV6);
	default:
		return learn_warning(arena, change);
	}
}

/* A bridge of one VM has nobody else on it whose MAC could be taken. */
static bool is_needed(const struct netns *host, const struct plug *plug, const struct link *bridge,
	enum bridge_switch which)
{
	switch (which) {
	case SWITCH_NF_CALL_IPTABLES:
		return !netns_bridge_is_filtered(host, bridge, FAMILY_IPV4);
	case SWITCH_NF_CALL_IP6TABLES:
		return !netns_bridge_is_filtered(host, bridge, FAMILY_IPV6);
	default:
		return !plug->hybrid_peer && !bridge->no_linklocal_learn;
	}
}

void switches_check(struct arena *arena, struct switches *switches, const struct netns *host,
	const struct plug *plug, bool may_fix, warning_list *warnings)
{
	const struct link *bridge = plug->bridge ? netns_link(host, plug->bridge) : NULL;

	if (!bridge || !policy_port_is_filtered(plug->port))
		return;
	for (enum bridge_switch which = 0; which < N_BRIDGE_SWITCHES; which++) {
		struct switch_change change = { bridge->name, which };

		if (!is_needed(host, plug, bridge, which) ||
			is_planned(switches, bridge->name, which))
			continue;
		*vec_push(&switches->planned, arena) = change;
		if (may_fix)
			switches_add_note(arena, switches, note_of(arena, &change));
		else
			*vec_push(warnings, arena) = warning_of(arena, host, &change);
	}
	switches->may_fix = may_fix;
}

bool switches_set(const struct switches *switches, bool on, struct err *err)
{
	if (!switches->may_fix)
		return true;
	vec_for_each (change, &switches->planned)
		/* a bridge that has gone meanwhile forwards nothing */
		if (!kernel_bridge_set(change->bridge, change->which, on, err) &&
			err->sys != ENODEV)
			return false;
	return true;
}

const char *const *switches_turned_on(
	struct arena *arena, const struct switches *switches, size_t *ret_n)
{
	VEC(const char *) turned_on = { 0 };

	if (switches->may_fix)
		vec_for_each (change, &switches->planned)
			*vec_push(&turned_on, arena) = note_of(arena, change);
	*ret_n = turned_on.n;
	return turned_on.items;
}

bool switches_restore(struct arena *arena, const struct switches *switches,
	const struct netns *host, struct err *err)
{
	vec_for_each (note, &switches->notes) {
		const char *space = strchr(*note, ' ');
		const char *bridge;

		if (!space)
			continue;
		bridge = arena_strndup(arena, *note, (size_t)(space - *note));
		for (enum bridge_switch which = 0; which < N_BRIDGE_SWITCHES; which++) {
			if (strcmp(space + 1, bridge_switch_name(which)) != 0)
				continue;
			/* A bridge that is gone has nothing to put back. */
			if (netns_link(host, bridge) &&
				!kernel_bridge_set(bridge, which, false, err))
				return false;
		}
	}
	return true;
}
