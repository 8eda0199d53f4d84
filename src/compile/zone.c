// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Table raw: which conntrack zone a packet's flow is looked up in.
 *
 * A packet between two ports of one host is seen by conntrack on each side that has a bridge of its
 * own, and a flow known from one side must not be taken for the other's (LP 1478925): so each bridge
 * has a zone. With Nova's hybrid plug the bridge has one port, and the zone is the port's. On a
 * bridge of several ports br_netfilter shows every packet with -i = the bridge, whichever of its
 * ports it comes from, so one rule says it all. A bridge that the host routes for stays in zone 0:
 * the other half of such a flow is seen at other interfaces, where nobody sets a zone.
 */
#include "compile/internal.h"

#include <stdlib.h>
#include <string.h>

static void hybrid_add(struct compiler *c, struct chain *chain, struct port_plan *port)
{
	const struct plug *plug = port->plug;
	struct match matches[] = {
		{ .kind = MATCH_PHYSDEV_IN, .name = plug->hybrid_peer },
		{ .kind = MATCH_IN_IFACE, .name = plug->hybrid_peer },
		{ .kind = MATCH_PHYSDEV_IN, .name = port->port->device },
	};
	struct match *m = matches_copy(c, matches, N_OF(matches));
	const struct origin *in = origin_of(c, port, DUTY_ZONE, DIR_INGRESS);
	const struct origin *out = origin_of(c, port, DUTY_ZONE, DIR_EGRESS);
	struct target target = { .kind = TARGET_CT_ZONE, .zone = plug->zone };
	const char *comment;

	if (port->port->stateful) {
		if (!plug->zone)
			return;
		comment = compile_zone_comment(c->arena, port->port->id);
	} else {
		target = target_of(TARGET_CT_NOTRACK);
		comment = comment_join(
			c->arena, (const char *[]){ "Make ", port->port->id, " stateless", NULL });
	}
	for (size_t i = 0; i < N_OF(matches); i++)
		rule_add(c, chain, m + i, 1, target, comment, i < 2 ? in : out);
}

static int by_bridge(const void *a, const void *b)
{
	const struct plug *x = a, *y = b;

	return strcmp(x->bridge, y->bridge);
}

/* The filtered ports' plugs on shared bridges, sorted by bridge. */
static struct plug *shared_plugs(struct compiler *c, size_t *ret_n)
{
	struct plug *plugs = arena_new_array(c->arena, struct plug, c->n_ports + 1);
	size_t n = 0;

	for (struct port_plan *p = c->ports; p < c->ports + c->n_ports; p++)
		if (p->is_filtered && p->plug->bridge && !p->plug->hybrid_peer)
			plugs[n++] = *p->plug;
	qsort(plugs, n, sizeof(*plugs), by_bridge);
	*ret_n = n;
	return plugs;
}

bool zones_make(struct compiler *c, struct table *table, struct err *err)
{
	static const char *const base[] = { "PREROUTING", "OUTPUT" };
	const char *own[] = { c->names.prerouting, c->names.output };
	const struct origin *origin = origin_of_host(c, DUTY_SKELETON);
	struct plug *plugs;
	struct chain *chain;
	size_t n;

	chains_make(c, table, base, N_OF(base), own, N_OF(own));
	rule_add(c, chain_of(c, table, "PREROUTING"), NULL, 0, target_jump(c->names.prerouting),
		NULL, origin);
	rule_add(c, chain_of(c, table, "OUTPUT"), NULL, 0, target_jump(c->names.output), NULL,
		origin);
	chain = chain_of(c, table, c->names.prerouting);
	for (struct port_plan *p = c->ports; p < c->ports + c->n_ports; p++)
		if (p->is_filtered && p->plug->hybrid_peer)
			hybrid_add(c, chain, p);
	plugs = shared_plugs(c, &n);
	for (size_t i = 0; i < n; i++) {
		struct match match = { .kind = MATCH_IN_IFACE, .name = plugs[i].bridge };

		if (i && strcmp(plugs[i - 1].bridge, plugs[i].bridge) == 0) {
			if (plugs[i - 1].zone != plugs[i].zone)
				return err_input(err, "bridge %s has two zones, %u and %u",
					plugs[i].bridge, plugs[i - 1].zone, plugs[i].zone);
			continue;
		}
		if (plugs[i].zone)
			rule_add(c, chain, matches_copy(c, &match, 1), 1,
				(struct target){ .kind = TARGET_CT_ZONE, .zone = plugs[i].zone },
				compile_zone_comment(c->arena, plugs[i].bridge),
				origin_of_host(c, DUTY_ZONE));
	}
	return true;
}
