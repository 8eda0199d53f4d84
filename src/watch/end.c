// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What became of a packet: by the last rule that was seen, by what the kernel says of its drop, or by where it was seen last.
 * Where the kernel says that it was dropped but not by what, explain says it, if that fits; the evidence tells which it is.
 */
#include <string.h>

#include "watch/internal.h"

const char *watch_evidence_name(enum watch_evidence evidence)
{
	static const char *const names[] = {
		[EVIDENCE_NONE] = "none",
		[EVIDENCE_FRAME] = "frame",
		[EVIDENCE_TRACE] = "trace",
		[EVIDENCE_DROP] = "drop",
		[EVIDENCE_SAID] = "explain",
	};

	return names[evidence];
}

/*
 * include/net/dropreason-core.h names reasons, and many drops have none (NOT_SPECIFIED): then the function that gave the packet up
 * tells. Measured on Linux 6.18; a name that is not here is told as it is. The first cause is the one that is told where explain
 * does not say another of them.
 */
#define CAUSES 8
static const struct cause {
	const char *reason, *function; /* NULL: any; a prefix */
	enum drop drops[CAUSES];       /* up to DROP_NONE */
} causes[] = {
	{ "NETFILTER_DROP", NULL,
		{ DROP_RULE, DROP_POLICY, DROP_FLOW_CLASH, DROP_NAT_NO_ADDRESS } },
	{ "IP_RPFILTER", NULL, { DROP_RP_FILTER } },
	{ "IP_LOCALNET", NULL, { DROP_MARTIAN_SOURCE, DROP_MARTIAN_DESTINATION } },
	{ "IP_LOCAL_SOURCE", NULL, { DROP_OWN_SOURCE } },
	{ "IP_INVALID_SOURCE", NULL, { DROP_MARTIAN_SOURCE, DROP_OWN_SOURCE } },
	{ "IP_INVALID_DEST", NULL, { DROP_MARTIAN_DESTINATION } },
	{ "IP_INADDRERRORS", NULL,
		{ DROP_FORWARDING_OFF, DROP_NO_ROUTE, DROP_DNAT_UNROUTABLE, DROP_NOT_FORWARDED,
			DROP_SCOPE } },
	{ "IP_INNOROUTES", NULL, { DROP_NO_ROUTE } },
	{ "IP_OUTNOROUTES", NULL, { DROP_NO_ROUTE } },
	{ "IP_INHDR", NULL, { DROP_TTL } },
	{ "PKT_TOO_BIG", NULL, { DROP_MTU } },
	{ "NEIGH_", NULL, { DROP_NEIGHBOUR } },
	{ "OTHERHOST", NULL, { DROP_OTHER_HOST } },
	{ "NO_SOCKET", NULL, { DROP_NO_SOCKET, DROP_NOT_JOINED } },
	{ "UNHANDLED_PROTO", NULL, { DROP_NO_PROTOCOL, DROP_NO_VLAN_DEVICE } },
	{ "IP_NOPROTO", NULL, { DROP_NO_SOCKET } },
	{ "NO_TX_TARGET", NULL,
		{ DROP_BRIDGE_NO_TARGET, DROP_BRIDGE_HAIRPIN, DROP_BRIDGE_ISOLATED,
			DROP_BRIDGE_STATE, DROP_LINK_DOWN } },
	{ "MAC_INVALID_SOURCE", NULL, { DROP_BRIDGE_SOURCE } },
	{ "BRIDGE_INGRESS_STP_STATE", NULL, { DROP_BRIDGE_STATE } },
	{ NULL, "ip_error", { DROP_BLACKHOLE, DROP_UNREACHABLE, DROP_PROHIBIT } },
	{ NULL, "ip6_pkt_drop",
		{ DROP_BLACKHOLE, DROP_PROHIBIT, DROP_UNREACHABLE, DROP_NO_ROUTE } },
	{ NULL, "ip6_pkt_prohibit", { DROP_PROHIBIT } },
	{ NULL, "ip6_forward", { DROP_FORWARDING_OFF, DROP_TTL, DROP_SCOPE } },
	{ NULL, "br_nf_dev_queue_xmit", { DROP_MTU } },
	{ NULL, "br_handle_frame_finish",
		{ DROP_BRIDGE_ISOLATED, DROP_BRIDGE_LOCKED, DROP_BRIDGE_NO_TARGET,
			DROP_BRIDGE_STATE, DROP_BRIDGE_HAIRPIN, DROP_BRIDGE_VLAN } },
	{ NULL, "br_handle_frame",
		{ DROP_BRIDGE_STATE, DROP_BRIDGE_SOURCE, DROP_BRIDGE_RESERVED } },
	{ NULL, "nf_queue", { DROP_RULE } },
};

static const struct cause *cause_of(const struct sighting *drop)
{
	for (size_t i = 0; i < N_OF(causes); i++) {
		const struct cause *cause = &causes[i];

		if (cause->reason ? drop->reason && text_has_prefix(drop->reason, cause->reason)
				  : drop->function && !strcmp(drop->function, cause->function))
			return cause;
	}
	return NULL;
}

static bool may_be(const struct cause *cause, enum drop drop)
{
	for (size_t i = 0; cause && i < CAUSES && cause->drops[i]; i++)
		if (cause->drops[i] == drop)
			return true;
	return false;
}

/* --- by a rule that was seen --- */

static bool end_by_trace(struct arena *arena, const struct moments *moments,
	const struct node *last, struct watch_answer *answer, struct explanation *seen)
{
	const struct moment *moment = moments->n ? &moments->items[moments->n - 1] : NULL;
	const struct trace *trace;
	struct leaf leaf = { .final = FINAL_DROPPED };

	if (!moment || moment->kind != MOMENT_CHAIN || last->kind != NODE_CHAIN)
		return false;
	trace = &moment->events[moment->n_events - 1]->trace;
	if (trace->verdict == TRACE_DROP) {
		leaf.drop = trace->step == TRACE_RULE ? DROP_RULE : DROP_POLICY;
		if (last->rule && last->rule->target.kind == TARGET_REJECT)
			leaf.final = FINAL_REJECTED;
	} else if (trace->verdict == TRACE_QUEUE || trace->verdict == TRACE_STOLEN) {
		leaf.final = FINAL_CONSUMED;
	} else {
		return false;
	}
	answer->evidence = EVIDENCE_TRACE;
	seen_end(arena, seen, last, leaf);
	return true;
}

/* --- by the kernel's word --- */

/* A port of Open vSwitch in user space is read by it, and the kernel gives up what it has of the frame. */
static bool is_of_ovs(const struct watch_world *world, const struct link *link)
{
	for (size_t i = 0; link && i < world->host->n_ovs_ports; i++)
		if (!strcmp(world->host->ovs_ports[i].name, link->name))
			return true;
	return false;
}

static const struct sighting *last_drop(
	const struct watch_world *world, const struct watched *watched)
{
	uint64_t seen_ns = 0;

	vec_for_each (frame, &watched->frames)
		seen_ns = (*frame)->time_ns > seen_ns ? (*frame)->time_ns : seen_ns;
	for (size_t i = watched->drops.n; i-- > 0;) {
		const struct sighting *drop = watched->drops.items[i];
		const struct netns *ns = world_netns(world, drop->netns);
		const struct link *link = ns ? netns_link_by_index(ns, drop->link) : NULL;

		/* what was seen later was not dropped: that was a copy */
		if (drop->time_ns < seen_ns)
			return NULL;
		if (!(drop->reason && !strcmp(drop->reason, "OTHERHOST") && is_of_ovs(world, link)))
			return drop;
	}
	return NULL;
}

static bool is_of_rules(enum drop drop)
{
	return drop == DROP_RULE || drop == DROP_POLICY;
}

/* The chain that explain says it was, since the packet's own rules were not traced. */
static const struct node *adopt_decider(
	struct arena *arena, const struct node *last, const struct leaf *said)
{
	const struct node *decider = leaf_decider(said);
	struct node *copy;

	if (!decider)
		return last;
	copy = arena_new_one(arena, struct node);
	*copy = *decider;
	copy->before = last;
	copy->depth = last->depth + 1;
	copy->note = "(not traced: as explain says)";
	return copy;
}

/* Of several copies, one that was lost in this way. */
static const struct leaf *said_loss(const struct explanation *said, const struct cause *cause)
{
	if (may_be(cause, said->leaf->drop))
		return said->leaf;
	for (size_t i = 0; i < said->leaves.n; i++)
		if (may_be(cause, said->leaves.items[i]->drop))
			return said->leaves.items[i];
	return NULL;
}

static bool end_by_drop(struct arena *arena, const struct sighting *drop,
	const struct explanation *said, const struct node *last, struct watch_answer *answer,
	struct explanation *seen)
{
	const struct cause *cause = cause_of(drop);
	const struct leaf *as_said = said_loss(said, cause);
	struct leaf leaf = { .final = FINAL_DROPPED };

	answer->kernel_reason =
		arena_printf(arena, "%s at %s", drop->reason ? drop->reason : "no reason",
			drop->function ? drop->function : "an unknown function");
	if (answer->evidence == EVIDENCE_TRACE)
		return true;
	answer->evidence = EVIDENCE_DROP;
	leaf.drop = as_said ? as_said->drop : cause ? cause->drops[0] : DROP_NONE;
	if (as_said && as_said->final == FINAL_REJECTED)
		leaf.final = FINAL_REJECTED;
	if (leaf.drop == DROP_NONE) {
		leaf.final = FINAL_CANNOT_TELL;
		leaf.why = arena_printf(arena, "the kernel dropped it: %s", answer->kernel_reason);
	}
	/* a rule that was not seen, and that explain does not name either */
	if (is_of_rules(leaf.drop) && !as_said) {
		leaf.final = FINAL_CANNOT_TELL;
		leaf.drop = DROP_NONE;
		leaf.why = "netfilter dropped it, by a rule that was not seen";
	}
	if (as_said && is_of_rules(leaf.drop))
		last = adopt_decider(arena, last, as_said);
	seen_end(arena, seen, last, leaf);
	return true;
}

/* --- by where it was last --- */

static const struct moment *last_place(const struct moments *moments)
{
	for (size_t i = moments->n; i-- > 0;)
		if (moments->items[i].kind == MOMENT_PLACE && moments->items[i].link)
			return &moments->items[i];
	return NULL;
}

static bool is_watched(
	const struct watch_world *world, const struct netns *ns, const struct link *link)
{
	vec_for_each (point, world->points)
		if (point->ns == ns && point->link == link)
			return true;
	return false;
}

/* Does what leaves by it leave all that is watched? */
static enum place beyond(const struct watch_world *world, const struct moment *place)
{
	const struct link *link = place->link, *peer;
	const struct netns *there;

	if (!strcmp(link->kind, "tun"))
		return PLACE_GUEST;
	if (!*link->kind)
		return PLACE_WIRE;
	if (strcmp(link->kind, "veth") != 0)
		return PLACE_NONE;
	if (!link->peer_index || link->peer_netns < 0)
		return PLACE_GUEST;
	there = &world->host->netns[link->peer_netns];
	peer = netns_link_by_index(there, link->peer_index);
	return peer && is_watched(world, there, peer) ? PLACE_NONE : PLACE_GUEST;
}

static bool is_rewritten(const struct packet *was, const struct packet *is)
{
	return addr_compare(&was->src, &is->src) || addr_compare(&was->dst, &is->dst) ||
	       was->sport != is->sport || was->dport != is->dport;
}

static bool is_delivered(enum final final)
{
	return final == FINAL_DELIVERED || final == FINAL_REWRITTEN;
}

/* The end of explain's that is where the packet was seen last. */
static const struct leaf *said_there(const struct explanation *said, const struct moment *place)
{
	for (size_t i = 0; i < said->leaves.n; i++) {
		const struct leaf *leaf = said->leaves.items[i];

		if (is_delivered(leaf->final) && leaf->last->ns == place->ns)
			return leaf;
	}
	return NULL;
}

static void end_by_place(struct arena *arena, const struct watch_world *world,
	const struct moment *place, const struct explanation *said, const struct node *last,
	struct watch_answer *answer, struct explanation *seen)
{
	struct leaf leaf = { .final = FINAL_DELIVERED };
	const struct leaf *there = said_there(said, place);

	if (place->is_out) {
		leaf.place = beyond(world, place);
		answer->evidence = leaf.place ? EVIDENCE_FRAME : EVIDENCE_NONE;
	} else if (there && (world->has_drops || there->place == PLACE_SOCKET)) {
		/* it came in where it is for somebody, and the kernel dropped nothing */
		leaf.place = there->place;
		answer->evidence = EVIDENCE_FRAME;
	}
	if (answer->evidence == EVIDENCE_FRAME) {
		if (last->packet && is_rewritten(&answer->query.packet, last->packet))
			leaf.final = FINAL_REWRITTEN;
		seen_end(arena, seen, last, leaf);
		return;
	}
	if (!is_delivered(said->final) && said->final != FINAL_CANNOT_TELL) {
		/* what is not seen is not proved: explain's word, and where it was last */
		answer->evidence = EVIDENCE_SAID;
		leaf = *said->leaf;
		seen_end(arena, seen, adopt_decider(arena, last, said->leaf), leaf);
		return;
	}
	leaf = (struct leaf){ .final = FINAL_CANNOT_TELL,
		.why = arena_printf(arena,
			"it was seen last %s %s, and why no further is not known",
			place->is_out ? "leaving by" : "at", place->link->name) };
	answer->evidence = EVIDENCE_NONE;
	seen_end(arena, seen, last, leaf);
}

void seen_find_end(struct arena *arena, const struct watch_world *world,
	const struct watched *watched, const struct moments *moments,
	const struct explanation *said, struct watch_answer *answer, struct explanation *seen)
{
	const struct node *last = seen->leaf->last->before; /* the provisional end */
	const struct sighting *drop = last_drop(world, watched);
	bool is_ended;

	seen->leaves.n = 0;
	is_ended = end_by_trace(arena, moments, last, answer, seen);
	if (drop)
		is_ended |= end_by_drop(arena, drop, said, last, answer, seen);
	if (!is_ended)
		end_by_place(arena, world, last_place(moments), said, last, answer, seen);
}
