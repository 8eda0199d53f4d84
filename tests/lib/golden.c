// SPDX-License-Identifier: GPL-2.0-or-later
#include "golden.h"

#include <stdlib.h>
#include <string.h>

#include "ruleset_text.h"
#include "unit.h"

const struct golden goldens[] = {
	{ .name = "default1", .policy = "default1", .has_driver = true },
	{ .name = "mixed3", .policy = "mixed3", .has_driver = true },
	{ .name = "mixed3-linuxbridge", .policy = "mixed3", .has_driver = true, .is_shared = true },
	{ .name = "mixed3-routed", .policy = "mixed3", .is_shared = true, .is_routed = true },
	{ .name = "extras", .policy = "extras", .has_driver = true },
	{ .name = "extras-linuxbridge", .policy = "extras", .has_driver = true, .is_shared = true },
	{ .name = "corners", .policy = "corners", .has_driver = true },
	{ .name = "corners-routed", .policy = "corners", .is_shared = true, .is_routed = true },
	{ .name = "ports100", .policy = "ports100", .has_driver = true },
};
const size_t n_goldens = N_OF(goldens);

const char *golden_path(struct arena *arena, const char *name, const char *end)
{
	const char *dir = getenv("GOLDEN_DIR");

	if (!dir)
		fail_msg("GOLDEN_DIR is not set: the folder with the .yaml files");
	return arena_printf(arena, "%s/%s.%s", dir, name, end);
}

const struct policy *golden_policy(struct arena *arena, const struct golden *golden)
{
	const struct policy *policy = NULL;
	struct err err = { 0 };

	if (!policy_load(
		    arena, golden_path(arena, golden->policy, "yaml"), "host", NULL, &policy, &err))
		fail_msg("%s: %s", err.text, err.next_step);
	return policy;
}

/* Zones as the driver gives them to a fresh host: in the order of the ids. */
static struct plug *golden_plugs(
	struct arena *arena, const struct golden *golden, const struct policy *policy)
{
	struct plug *plugs = arena_new_array(arena, struct plug, policy->n_ports + 1);
	uint16_t zone = COMPILE_ZONE_MIN;

	for (size_t i = 0; i < policy->n_ports; i++) {
		const struct policy_port *port = &policy->ports[i];

		plugs[i].port = port;
		plugs[i].is_routed = golden->is_routed;
		if (golden->is_shared) {
			plugs[i].bridge = "brq0bc1bd0d-a5";
			plugs[i].zone = golden->is_routed ? 0 : zone;
			continue;
		}
		plugs[i].bridge = arena_printf(arena, "qbr%.11s", port->id);
		plugs[i].hybrid_peer = arena_printf(arena, "qvb%.11s", port->id);
		if (policy_port_is_filtered(port) && port->stateful)
			plugs[i].zone = zone++;
	}
	return plugs;
}

const struct ruleset *golden_compile(
	struct arena *arena, const struct golden *golden, const struct policy *policy)
{
	static const char *const notes[] = { "br0 nf_call_iptables" };
	struct compile_options options = { .scope = compile_default_scope };
	const struct ruleset *rs = NULL;
	struct err err = { 0 };

	if (golden->is_routed) {
		options.restore_notes = notes;
		options.n_restore_notes = N_OF(notes);
	}
	if (!compile_policy(arena, policy, golden_plugs(arena, golden, policy), policy->n_ports,
		    &options, &rs, &err))
		fail_msg("%s", err.text);
	return rs;
}

void golden_print(struct text *out, const struct ruleset *rs)
{
	static const char version[] = "\"portwall " PORTWALL_VERSION "\"";
	struct text all CLEANUP(text_done) = TEXT_INIT;
	const char *rest, *mark;

	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
		text_addf(&all, "# %s\n", family_name(f));
		ruleset_text_iptables(&all, rs, f);
	}
	text_add(&all, "# ipset\n");
	ruleset_text_ipset(&all, rs);
	text_add(&all, "# nft\n");
	ruleset_text_nft(&all, rs);
	for (rest = all.data; (mark = strstr(rest, version)); rest = mark + strlen(version)) {
		text_add_n(out, rest, (size_t)(mark - rest));
		text_add(out, "\"portwall VERSION\"");
	}
	text_add(out, rest);
}
