// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a policy and a host to where each port stands. A port is never a reason why the others cannot be served: where it
 * cannot be in the kernel as its policy says, it gets less there than it is due.
 *
 *  - Its interface is missing, or in no bridge: it is closed ahead (frames.c of compile).
 *  - The kernel refused its rules, or a set that they name: it is bare, it has its chains without the rules of its groups.
 *  - There is no zone left for it: it is shut, it has no chains, and its frames are dropped.
 *  - Its interface is another port's, or has a name that no rule can have: there is nothing of it.
 */
#include "agent/keeping.h"

#include <string.h>

struct seating {
	const struct keeper *keeper;
	struct stand *stand;
	struct arena *scratch;
	const struct netns *host;      /* NULL: not read */
	const struct plugger *plugger; /* likewise */
	const struct stand *old;       /* NULL: none */
	enum seat_again again;
	struct map *devices; /* interfaces that are taken: to struct seat */
	struct switches *switches;
};

/* ---- bare and whole */

void seat_make_bare(struct seat *seat, const char *why, const char *next_step)
{
	seat->is_bare = true;
	seat->port->n_groups = 0;
	seat->state = PORT_FAILED;
	seat->why = why;
	seat->next_step = next_step;
}

void seat_make_whole(struct seat *seat)
{
	seat->is_bare = seat->is_refused = seat->is_culprit = false;
	seat->port->n_groups = seat->of->n_groups;
	seat->state = seat->place;
	seat->why = seat->place_why;
	seat->next_step = "";
}

bool seat_has_chains(const struct seat *seat)
{
	return seat->plug && !seat->plug->is_shut && policy_port_is_filtered(seat->port);
}

/* Nothing of it can be in the kernel but, where it is shut, that its frames are dropped. */
static void fail_seat(struct seating *s, struct seat *seat, const struct err *err)
{
	seat->state = PORT_FAILED;
	seat->why = arena_strdup(s->stand->arena, err->text);
	seat->next_step = arena_strdup(s->stand->arena, err->next_step);
}

/* ---- sets */

static const struct prefix_list *members_of(const struct policy_rule *rule)
{
	return rule->remote_group ? &rule->remote_group->members[rule->ethertype]
				  : &rule->remote_address_group->addresses[rule->ethertype];
}

/* No two groups of a policy have the same name of sets. */
static struct set_use *use_of(
	const struct keeper *keeper, struct stand *stand, const struct policy_rule *rule)
{
	const char *of =
		rule->remote_group ? rule->remote_group->id : rule->remote_address_group->id;
	struct map *by_group = stand->uses_by_group[rule->ethertype];
	struct set_use *use = map_find(by_group, of);

	if (use)
		return use;
	use = arena_new_one(stand->arena, struct set_use);
	use->name = compile_set_name(stand->arena, &keeper->scope, rule->ethertype, of);
	use->family = rule->ethertype;
	use->members = members_of(rule);
	map_add(stand->uses_by_name, use->name, use);
	map_add(by_group, of, use);
	*vec_push(&stand->uses, stand->arena) = use;
	return use;
}

/* The next rule of the port that names a set, or NULL. */
static const struct policy_rule *next_naming(const struct policy_port *port, size_t *g, size_t *r)
{
	for (; *g < port->n_groups; ++*g, *r = 0)
		while (*r < port->groups[*g]->n_rules) {
			const struct policy_rule *rule = &port->groups[*g]->rules[(*r)++];

			if ((rule->remote_group || rule->remote_address_group) &&
				compile_names_set(port, rule))
				return rule;
		}
	return NULL;
}

void stand_find_uses(const struct keeper *keeper, struct stand *stand)
{
	stand->uses.n = 0;
	stand->uses_by_name = map_new(stand->arena);
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++)
		stand->uses_by_group[f] = map_new(stand->arena);
	for (size_t i = 0; i < stand->n_plugs; i++) {
		const struct seat *seat = stand->seat_of[i];
		const struct policy_rule *rule;

		if (!seat_has_chains(seat))
			continue;
		for (size_t g = 0, r = 0; (rule = next_naming(seat->port, &g, &r));) {
			struct set_use *use = use_of(keeper, stand, rule);

			if (!use->users.n || use->users.items[use->users.n - 1] != i)
				*vec_push(&use->users, stand->arena) = i;
		}
	}
}

/* ---- one port */

static void place_seat(struct seat *seat, enum serve_port_state place, const char *why)
{
	seat->place = seat->state = place;
	seat->place_why = seat->why = why;
}

/* Where its interface is, as the host has it now. */
static bool plug_anew(struct seating *s, struct seat *seat, struct err *err)
{
	struct arena *arena = s->stand->arena;
	const char *why = "";
	const struct link *link = plugger_link(s->plugger, seat->of, &why);
	struct plug *plug = seat->plug;
	bool ok = plugger_plug(s->plugger, seat->of, link, plug, err);

	if (link && strcmp(link->name, seat->port->device) != 0)
		seat->port->device = arena_strdup(arena, link->name);
	if (plug->bridge)
		plug->bridge = arena_strdup(arena, plug->bridge);
	if (plug->hybrid_peer)
		plug->hybrid_peer = arena_strdup(arena, plug->hybrid_peer);
	if (!link)
		place_seat(seat, PORT_WAITING, arena_strdup(arena, why));
	else if (!plug->bridge)
		place_seat(seat, PORT_UNPLUGGED,
			arena_printf(arena, "its interface %s is in no bridge", link->name));
	else
		place_seat(seat, PORT_ACTIVE, "");
	return ok;
}

static const char *copy(struct arena *arena, const char *text)
{
	return text ? arena_strdup(arena, text) : NULL;
}

/* Where it was. */
static void plug_as_before(struct seating *s, struct seat *seat, const struct seat *before)
{
	struct arena *arena = s->stand->arena;

	if (!before || !before->plug) {
		place_seat(seat, PORT_WAITING, "its interface was not looked for yet");
		return;
	}
	*seat->plug = *before->plug;
	seat->plug->is_shut = false;
	seat->plug->port = seat->port;
	seat->plug->bridge = copy(arena, before->plug->bridge);
	seat->plug->hybrid_peer = copy(arena, before->plug->hybrid_peer);
	seat->port->device = copy(arena, before->port->device);
	place_seat(seat, before->place, copy(arena, before->place_why));
}

/* Two ports of one interface would be judged by each other's rules. */
static bool claim_device(struct seating *s, struct seat *seat, struct err *err)
{
	const struct seat *other;

	if (!compile_check_plug(seat->plug, err))
		return false;
	other = map_add(s->devices, seat->port->device, seat);
	return !other || err_input(err, "the interface %s is the port %s's", seat->port->device,
				 other->of->id);
}

static void refuse_as_before(struct seating *s, struct seat *seat, const struct seat *before)
{
	if (!before || !before->is_refused || s->again == SEAT_ANEW ||
		(s->again == SEAT_CULPRITS_AS_BEFORE && !before->is_culprit) ||
		!port_is_same(before->of, seat->of))
		return;
	seat_make_bare(
		seat, copy(s->stand->arena, before->why), copy(s->stand->arena, before->next_step));
	seat->is_refused = true;
	seat->is_culprit = before->is_culprit;
}

static void seat_port(struct seating *s, const struct policy_port *of)
{
	struct stand *stand = s->stand;
	struct seat *seat = &stand->seats[stand->n_seats++];
	const struct seat *before = s->old ? stand_seat(s->old, of->id) : NULL;
	bool has_zone = true;
	struct err err, no_zone;

	*seat = (struct seat){ .of = of, .next_step = "" };
	seat->port = arena_new_one(stand->arena, struct policy_port);
	*seat->port = *of;
	seat->plug = &stand->plugs[stand->n_plugs];
	*seat->plug = (struct plug){ .port = seat->port };
	if (s->plugger)
		has_zone = plug_anew(s, seat, &no_zone);
	else
		plug_as_before(s, seat, before);
	if (!claim_device(s, seat, &err)) {
		fail_seat(s, seat, &err);
		seat->plug = NULL;
		return;
	}
	stand->seat_of[stand->n_plugs++] = seat;
	if (!policy_port_is_filtered(of))
		return;
	if (!has_zone) {
		fail_seat(s, seat, &no_zone);
		seat->plug->is_shut = true;
		return;
	}
	refuse_as_before(s, seat, before);
}

/* ---- the host */

static bool is_of_bridge(const char *note, const struct netns *host)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	return netns_link(host, arena_strndup(arena, note, strcspn(note, " "))) != NULL;
}

/* A bridge that is gone has nothing to put back, and with Nova's hybrid plug each VM has one. */
static void keep_notes(struct seating *s)
{
	struct stand *stand = s->stand;
	VEC(const char *) notes = { 0 };

	for (size_t i = 0; s->old && i < s->old->n_notes; i++)
		switches_add_note(s->scratch, s->switches, s->old->notes[i]);
	vec_for_each (note, &s->switches->notes)
		if (!s->host || is_of_bridge(*note, s->host))
			*vec_push(&notes, stand->arena) = arena_strdup(stand->arena, *note);
	stand->notes = (const char *const *)notes.items;
	stand->n_notes = notes.n;
}

static bool is_closed(const struct keeper *keeper, const char *name)
{
	const struct serve_options *options = keeper->options;

	for (size_t i = 0; i < options->n_closed_names; i++)
		if (compile_closes(options->closed_names[i], name))
			return true;
	return false;
}

/* Links are sorted by name. */
static void find_unknown(struct seating *s)
{
	struct stand *stand = s->stand;
	VEC(const char *) unknown = { 0 };

	for (size_t i = 0; i < s->host->n_links; i++) {
		const struct link *link = &s->host->links[i];
		const struct link *bridge = plugger_bridge(s->plugger, link);

		if (!bridge || !is_closed(s->keeper, link->name) ||
			map_find(s->devices, link->name))
			continue;
		*vec_push(&unknown, stand->arena) = arena_strdup(stand->arena, link->name);
		*vec_push(&stand->warnings, stand->arena) = arena_printf(stand->arena,
			"interface %s is in the bridge %s and no port's: it is closed", link->name,
			bridge->name);
	}
	stand->unknown = unknown.items;
	stand->n_unknown = unknown.n;
}

/* What the bridges need, and what the administrator should know. */
static void look_at_bridges(struct seating *s)
{
	struct stand *stand = s->stand;

	for (size_t i = 0; i < stand->n_plugs; i++) {
		const struct plug *plug = &stand->plugs[i];
		const char *warning = plugger_warning(stand->arena, plug);

		if (!plug->is_shut)
			switches_check(s->scratch, s->switches, s->host, plug,
				s->keeper->agent.fix_sysctl, &stand->warnings);
		if (warning)
			*vec_push(&stand->warnings, stand->arena) = warning;
	}
	vec_for_each (warning, &stand->warnings)
		*warning = arena_strdup(stand->arena, *warning);
	plugs_warn_of_networks(stand->arena, stand->plugs, stand->n_plugs, &stand->warnings);
	find_unknown(s);
}

static void look_as_before(struct seating *s)
{
	struct stand *stand = s->stand;
	const struct stand *old = s->old;

	if (!old)
		return;
	stand->unknown = arena_new_array(stand->arena, const char *, old->n_unknown + 1);
	for (size_t i = 0; i < old->n_unknown; i++)
		stand->unknown[stand->n_unknown++] = arena_strdup(stand->arena, old->unknown[i]);
	vec_for_each (warning, &old->warnings)
		*vec_push(&stand->warnings, stand->arena) = arena_strdup(stand->arena, *warning);
}

/* ---- all of it */

static struct stand *stand_with_room(struct arena *arena, size_t n)
{
	struct stand *stand = arena_new_one(arena, struct stand);

	stand->arena = arena;
	stand->plugs = arena_new_array(arena, struct plug, n + 1);
	stand->seats = arena_new_array(arena, struct seat, n + 1);
	stand->seat_of = arena_new_array(arena, struct seat *, n + 1);
	return stand;
}

struct stand *stand_new(const struct keeper *keeper, struct arena *scratch,
	const struct policy *policy, const struct netns *host, struct zone_map *zones,
	const struct stand *old, enum seat_again again, struct switches *switches)
{
	struct stand *stand = stand_with_room(arena_new(), policy->n_ports);
	struct seating s = { .keeper = keeper,
		.stand = stand,
		.scratch = scratch,
		.host = host,
		.old = old,
		.again = again,
		.devices = map_new(scratch),
		.switches = switches };

	stand->policy = policy;
	if (host)
		s.plugger = plugger_new(scratch, policy, host, zones, true);
	for (size_t i = 0; i < policy->n_ports; i++)
		if (policy->ports[i].is_local)
			seat_port(&s, &policy->ports[i]);
	if (host)
		look_at_bridges(&s);
	else
		look_as_before(&s);
	keep_notes(&s);
	stand->highest_zone = zone_map_highest(zones);
	stand_find_uses(keeper, stand);
	return stand;
}

void stand_free(struct stand *stand)
{
	if (stand)
		arena_free(stand->arena);
}

struct stand *stand_clone(
	const struct keeper *keeper, struct arena *arena, const struct stand *stand)
{
	struct stand *clone = stand_with_room(arena, stand->n_seats);

	clone->policy = stand->policy;
	clone->notes = stand->notes;
	clone->n_notes = stand->n_notes;
	clone->n_seats = stand->n_seats;
	for (size_t i = 0; i < stand->n_seats; i++) {
		struct seat *seat = &clone->seats[i];

		*seat = stand->seats[i];
		seat->port = arena_new_one(arena, struct policy_port);
		*seat->port = *stand->seats[i].port;
		if (!seat->plug)
			continue;
		seat->plug = &clone->plugs[clone->n_plugs];
		*seat->plug = *stand->seats[i].plug;
		seat->plug->port = seat->port;
		clone->seat_of[clone->n_plugs++] = seat;
	}
	stand_find_uses(keeper, clone);
	return clone;
}

struct zone_map *stand_zones(struct arena *arena, const struct stand *stand)
{
	struct zone_map *zones = zone_map_new(arena, stand ? stand->highest_zone : 0);

	for (size_t i = 0; stand && i < stand->n_plugs; i++) {
		const char *key = plug_zone_key(&stand->plugs[i]);

		if (key)
			zone_map_keep(zones, arena_strdup(arena, key), stand->plugs[i].zone);
	}
	return zones;
}

struct seat *stand_seat(const struct stand *stand, const char *port_id)
{
	size_t low = 0, high = stand->n_seats;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(stand->seats[middle].of->id, port_id);

		if (order == 0)
			return &stand->seats[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool stand_needs_host(const struct stand *old, const struct policy *policy)
{
	size_t n_local = 0;

	for (size_t i = 0; i < policy->n_ports; i++) {
		const struct policy_port *port = &policy->ports[i];
		const struct seat *before;

		if (!port->is_local)
			continue;
		n_local++;
		before = stand_seat(old, port->id);
		if (!before || !before->plug || before->plug->is_shut ||
			before->of->has_device != port->has_device ||
			strcmp(before->of->device, port->device) != 0 ||
			!mac_equal(before->of->mac, port->mac) ||
			policy_port_is_filtered(before->of) != policy_port_is_filtered(port))
			return true;
	}
	return n_local != old->n_seats;
}
