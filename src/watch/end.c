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
	{ "IP_INHDR", NULL, { DROP_TTL, DROP_MARTIAN_DESTINATION, DROP_MARTIAN_SOURCE } },
	{ "PKT_TOO_BIG", NULL, { DROP_MTU } },
	{ "NEIGH_", NULL, { DROP_NEIGHBOUR } },
	/* a tag that no device takes makes the frame one for another host */
	{ "OTHERHOST", NULL, { DROP_OTHER_HOST, DROP_NO_VLAN_DEVICE } },
	{ "NO_SOCKET", NULL, { DROP_NO_SOCKET, DROP_NOT_JOINED } },
	{ "UNHANDLED_PROTO", NULL, { DROP_NO_PROTOCOL, DROP_NO_VLAN_DEVICE } },
	{ "IPV6DISABLED", NULL, { DROP_NO_PROTOCOL } },
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
	{ NULL, "ip_rcv_finish_core", { DROP_NOT_JOINED } },
	{ NULL, "ip_forward", { DROP_NOT_FORWARDED } },
	{ NULL, "ip6_forward", { DROP_FORWARDING_OFF, DROP_NOT_FORWARDED, DROP_TTL, DROP_SCOPE } },
	/* what came as a broadcast or multicast frame, for which nobody is there */
	{ NULL, "__udp4_lib_rcv", { DROP_NO_SOCKET, DROP_NOT_JOINED } },
	{ NULL, "__udp6_lib_rcv", { DROP_NO_SOCKET, DROP_NOT_JOINED } },
	{ NULL, "tcp_v4_rcv", { DROP_NO_SOCKET } },
	{ NULL, "tcp_v6_rcv", { DROP_NO_SOCKET } },
	{ NULL, "br_nf_dev_queue_xmit", { DROP_MTU } },
	{ NULL, "br_handle_frame_finish",
		{ DROP_BRIDGE_ISOLATED, DROP_BRIDGE_LOCKED, DROP_BRIDGE_NO_TARGET,
			DROP_BRIDGE_STATE, DROP_BRIDGE_HAIRPIN, DROP_BRIDGE_VLAN } },
	{ NULL, "br_handle_frame",
		{ DROP_BRIDGE_STATE, DROP_BRIDGE_SOURCE, DROP_BRIDGE_RESERVED } },
	{ NULL, "nf_queue", { DROP_RULE } },
};

static const struct cause *cause_of(const char *reason, const char *function)
{
	bool has_reason = reason && strcmp(reason, "NOT_SPECIFIED") != 0;

	for (size_t i = 0; i < N_OF(causes); i++) {
		const struct cause *cause = &causes[i];

		if (cause->reason ? has_reason && text_has_prefix(reason, cause->reason)
				  : !has_reason && function && !strcmp(function, cause->function))
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

bool watch_drop_fits(const char *reason, const char *function, enum drop drop)
{
	return may_be(cause_of(reason, function), drop);
}

static const char *words_of_drop(struct arena *arena, const struct sighting *drop)
{
	return arena_printf(arena, "%s at %s", drop->reason ? drop->reason : "no reason",
		drop->function ? drop->function : "an unknown function");
}

/* --- one end --- */

struct ending {
	struct arena *arena;
	const struct watch_world *world;
	const struct explanation *said;
	struct watch_answer *answer;
	struct explanation *seen;
};
/* How it ends, as far as it is found. */
struct found {
	struct leaf leaf;
	const struct node *last;
	enum watch_evidence evidence;
};

static bool is_reject(const struct rule *rule)
{
	return rule->target.kind == TARGET_REJECT || rule->target.kind == TARGET_NFT_REJECT;
}

/* One of these drops what it finds no address for. */
static bool is_nat(const struct rule *rule)
{
	return rule && (rule->target.kind == TARGET_NAT || rule->target.kind == TARGET_NFT_NAT);
}

/* By a rule that was seen. */
static bool end_by_trace(const struct way_end *end, struct found *ret)
{
	const struct moment *moment = end->moment;
	const struct trace *trace;

	if (moment->kind != MOMENT_CHAIN || end->last->kind != NODE_CHAIN)
		return false;
	trace = &moment->events[moment->n_events - 1]->trace;
	ret->evidence = EVIDENCE_TRACE;
	ret->leaf.final = FINAL_DROPPED;
	if (trace->verdict == TRACE_DROP) {
		ret->leaf.drop = trace->step != TRACE_RULE ? DROP_POLICY
				 : is_nat(end->last->rule) ? DROP_NAT_NO_ADDRESS
							   : DROP_RULE;
		if (end->last->rule && is_reject(end->last->rule))
			ret->leaf.final = FINAL_REJECTED;
		return true;
	}
	ret->leaf.final = FINAL_CONSUMED;
	return trace->verdict == TRACE_QUEUE || trace->verdict == TRACE_STOLEN;
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

/* Of several copies, one that was lost in this way in that namespace, at best at that place. */
static const struct leaf *said_loss(
	const struct explanation *said, const struct cause *cause, const struct way_end *end)
{
	const struct moment *where = end->place ? end->place : end->moment;
	const struct leaf *any = NULL;

	for (size_t i = 0; i < said->leaves.n; i++) {
		const struct leaf *leaf = said->leaves.items[i];

		if (!may_be(cause, leaf->drop) || leaf->last->ns != where->ns)
			continue;
		if (leaf->last->link == where->link)
			return leaf;
		any = !any || leaf == said->leaf ? leaf : any;
	}
	return any;
}

/* By the kernel's word. */
static void end_by_drop(const struct ending *ending, const struct way_end *end, struct found *ret)
{
	const struct cause *cause = cause_of(end->drop->reason, end->drop->function);
	const struct leaf *as_said = said_loss(ending->said, cause, end);

	*ret = (struct found){ .leaf = { .final = FINAL_DROPPED,
				       .drop = as_said ? as_said->drop
					       : cause ? cause->drops[0]
						       : DROP_NONE },
		.last = end->last,
		.evidence = EVIDENCE_DROP };
	if (as_said && as_said->final == FINAL_REJECTED)
		ret->leaf.final = FINAL_REJECTED;
	if (as_said && is_of_rules(ret->leaf.drop))
		ret->last = adopt_decider(ending->arena, end->last, as_said);
	if (as_said || (cause && !is_of_rules(ret->leaf.drop)))
		return;
	/* a reason that is not known, or a rule that was not seen and that explain does not name either */
	ret->leaf = (struct leaf){ .final = FINAL_CANNOT_TELL,
		.why = cause ? "netfilter dropped it, by a rule that was not seen"
			     : arena_printf(ending->arena, "the kernel dropped it: %s",
				       words_of_drop(ending->arena, end->drop)) };
}

/* --- by where it was last --- */

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
	/* rewritten, it is no packet of the filter any more: in another namespace nobody follows it */
	return peer && world_is_watched(world, there, peer) &&
			       (place->is_captured || there == place->ns)
		       ? PLACE_NONE
		       : PLACE_GUEST;
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

/* The end of explain's that is where the packet was seen last. What leaves by a device that is watched must be seen there. */
static const struct leaf *said_there(
	const struct watch_world *world, const struct explanation *said, const struct moment *place)
{
	for (size_t i = 0; i < said->leaves.n; i++) {
		const struct leaf *leaf = said->leaves.items[i];
		bool leaves = leaf->place == PLACE_GUEST || leaf->place == PLACE_WIRE;

		if (is_delivered(leaf->final) && leaf->last->ns == place->ns &&
			!(leaves && world_is_watched(world, leaf->last->ns, leaf->last->link)))
			return leaf;
	}
	return NULL;
}

/* Is it the last device that it comes to? */
static bool ends_behind(const struct leaf *leaf, const struct moment *place)
{
	const struct node *node = leaf->last;

	while (node && node->kind != NODE_TRANSMIT && node->kind != NODE_RECEIVED &&
		node->kind != NODE_VETH)
		node = node->before;
	return node && node->ns == place->ns && node->link == place->link &&
	       (node->kind == NODE_TRANSMIT) == place->is_out;
}

/* An end of explain's where it is lost between the place where it was seen last and the next: by Open vSwitch, waiting for a
 * neighbour's MAC, or where drops are not told of. */
static const struct leaf *said_lost(const struct explanation *said, const struct moment *place)
{
	for (size_t i = 0; i < said->leaves.n; i++) {
		const struct leaf *leaf = said->leaves.items[i];

		if (!is_delivered(leaf->final) && leaf->final != FINAL_CANNOT_TELL &&
			leaf->last->ns == place->ns &&
			(leaf->last->link == place->link || ends_behind(leaf, place)))
			return leaf;
	}
	return NULL;
}

static bool came_to_a_device(const struct leaf *leaf)
{
	for (const struct node *node = leaf->last; node; node = node->before)
		if (node->kind == NODE_TRANSMIT)
			return true;
	return false;
}

/* The same for what the host sent and what was seen at no device. */
static const struct leaf *said_lost_before(
	const struct explanation *said, const struct moment *moment)
{
	for (size_t i = 0; i < said->leaves.n; i++) {
		const struct leaf *leaf = said->leaves.items[i];

		if (!is_delivered(leaf->final) && leaf->final != FINAL_CANNOT_TELL &&
			leaf->last->ns == moment->ns && !came_to_a_device(leaf))
			return leaf;
	}
	return NULL;
}

static void end_by_place(const struct ending *ending, const struct way_end *end, struct found *ret)
{
	const struct moment *place = end->place;
	const struct leaf *there = place ? said_there(ending->world, ending->said, place) : NULL,
			  *lost;

	*ret = (struct found){ .leaf = { .final = FINAL_DELIVERED }, .last = end->last };
	if (place && place->is_out)
		ret->leaf.place = beyond(ending->world, place);
	else if (there && ending->world->has_drops)
		ret->leaf.place =
			there->place; /* it came in where it is for somebody, and the kernel dropped nothing */
	if (ret->leaf.place) {
		ret->evidence = EVIDENCE_FRAME;
		if (end->last->packet &&
			is_rewritten(&ending->answer->query.packet, end->last->packet))
			ret->leaf.final = FINAL_REWRITTEN;
		return;
	}
	lost = place ? said_lost(ending->said, place) : said_lost_before(ending->said, end->moment);
	if (lost) {
		/* what is not seen is not proved: explain's word, and where it was last */
		ret->evidence = EVIDENCE_SAID;
		ret->leaf = *lost;
		ret->last = adopt_decider(ending->arena, end->last, lost);
		return;
	}
	ret->leaf = (struct leaf){ .final = FINAL_CANNOT_TELL,
		.why = arena_printf(ending->arena,
			"it was seen last %s %s, and why no further is not known",
			place && place->is_out ? "leaving by" : "at",
			place ? place->link->name : "an unknown place") };
}

static struct leaf *add_end(const struct ending *ending, const struct found *found)
{
	struct leaf *leaf = arena_new_one(ending->arena, struct leaf);
	struct node *node = arena_new_one(ending->arena, struct node);

	*node = (struct node){ .before = found->last,
		.kind = NODE_END,
		.depth = found->last->depth + 1,
		.ns = found->last->ns,
		.link = found->last->link,
		.packet = found->last->packet };
	*leaf = found->leaf;
	leaf->last = node;
	*vec_push(&ending->seen->leaves, ending->arena) = leaf;
	return leaf;
}

/* --- all ends --- */

static bool is_as_said(const struct explanation *said, const struct leaf *leaf)
{
	const struct node *mine = leaf_decider(leaf), *theirs = leaf_decider(said->leaf);

	if (leaf->final != said->leaf->final || leaf->drop != said->leaf->drop)
		return false;
	if (mine && theirs)
		return mine->rule == theirs->rule && mine->rule_chain == theirs->rule_chain;
	return leaf->last->ns == said->leaf->last->ns && leaf->last->link == said->leaf->last->link;
}

/* Of ends that tell as much as one another the one that explain names speaks for all, so that it is held against its like. */
static bool speaks_rather(const struct ending *ending, const struct leaf *leaf)
{
	const struct host *host = ending->world->host;
	const struct leaf *best = ending->seen->leaf;

	if (!best || leaf_is_better(host, leaf, best))
		return true;
	return !leaf_is_better(host, best, leaf) && is_as_said(ending->said, leaf) &&
	       !is_as_said(ending->said, best);
}

/* A port of Open vSwitch in user space is read by it, and the kernel gives up what it has of the frame. */
static bool is_taken_by_ovs(
	const struct watch_world *world, const struct netns *ns, const struct sighting *drop)
{
	const struct link *link = ns ? netns_link_by_index(ns, drop->link) : NULL;

	return drop->reason && !strcmp(drop->reason, "OTHERHOST") &&
	       ovs_port_at(world->host, ns, link);
}

static bool is_dropped_by_trace(const struct way_end *end)
{
	const struct moment *moment = end->moment;

	return moment->kind == MOMENT_CHAIN &&
	       moment->events[moment->n_events - 1]->trace.verdict == TRACE_DROP;
}

#define LIKELINESS_MAX 4
/*
 * How likely is the drop that of this end? 0: it is not. A rule that was seen to drop it explains a drop of netfilter's, which then
 * is not looked for among the copies whose rules were not seen. What was seen leaving is lost behind that at most by its device.
 */
static int likeliness(
	const struct way_end *end, const struct netns *ns, const struct sighting *drop)
{
	const struct moment *where = end->place ? end->place : end->moment;
	const struct trace *trace =
		end->moment->kind == MOMENT_CHAIN ? &end->moment->events[0]->trace : NULL;
	bool is_there = (end->place && end->place->link->index == drop->link) ||
			(trace && trace->out == drop->link);

	if (end->drop || where->ns != ns || where->time_ns > drop->time_ns)
		return 0;
	if (is_dropped_by_trace(end))
		return drop->reason && !strcmp(drop->reason, "NETFILTER_DROP") ? 3 + is_there : 0;
	if (where->is_captured && where->is_out)
		return is_there ? 2 : 0;
	return 1 + is_there;
}

static bool is_given(const struct way_ends *ends, const struct sighting *drop)
{
	vec_for_each (end, ends)
		if (end->drop == drop)
			return true;
	return false;
}

/*
 * Each to the end that it is likely of, the surest first: of a flood there may be drops of copies that were seen nowhere, and they are not
 * to take the place of the one that belongs there.
 */
static void give_drops(
	const struct watch_world *world, const struct watched *watched, struct way_ends *ends)
{
	for (int level = LIKELINESS_MAX; level > 0; level--)
		vec_for_each (drop, &watched->drops) {
			const struct netns *ns = netns_of_inode(world->host, (*drop)->netns);

			if (is_taken_by_ovs(world, ns, *drop) || is_given(ends, *drop))
				continue;
			vec_for_each (end, ends)
				if (likeliness(end, ns, *drop) >= level) {
					end->drop = *drop;
					break;
				}
		}
}

/* Where it came into the bridge that the port is of. */
static const struct node *bridge_in_of(
	const struct way_end *end, const struct netns *ns, const struct link *port)
{
	for (const struct node *node = end->last; node; node = node->before)
		if (node->kind == NODE_BRIDGE_IN && node->ns == ns && node->link != port &&
			node->link->master_index == port->master_index)
			return node;
	return NULL;
}

/*
 * A copy that was lost on its way to another port of the bridge, by rules that are not traced (iptables-legacy's), was seen nowhere
 * but in the drop: that is its end.
 */
static void add_lost_copy(struct arena *arena, const struct netns *ns, const struct sighting *drop,
	struct way_ends *ends)
{
	const struct link *port = netns_link_by_index(ns, drop->link);

	for (size_t i = 0; port && port->master_index && i < ends->n; i++) {
		const struct node *node = bridge_in_of(&ends->items[i], ns, port);
		struct moment *place;

		if (!node)
			continue;
		place = arena_new_one(arena, struct moment);
		*place = (struct moment){ .kind = MOMENT_PLACE,
			.parent = NO_MOMENT,
			.ns = ns,
			.link = port,
			.is_out = true,
			.time_ns = drop->time_ns };
		*vec_push(ends, arena) = (struct way_end){
			.last = node, .moment = place, .place = place, .drop = drop
		};
		return;
	}
}

static void add_lost_copies(struct arena *arena, const struct watch_world *world,
	const struct watched *watched, struct way_ends *ends)
{
	vec_for_each (drop, &watched->drops) {
		const struct netns *ns = netns_of_inode(world->host, (*drop)->netns);

		if (ns && !is_taken_by_ovs(world, ns, *drop) && !is_given(ends, *drop))
			add_lost_copy(arena, ns, *drop, ends);
	}
}

void seen_find_ends(struct arena *arena, const struct watch_world *world,
	const struct watched *watched, struct way_ends *ends, const struct explanation *said,
	struct watch_answer *answer, struct explanation *ret)
{
	struct ending ending = { arena, world, said, answer, ret };

	give_drops(world, watched, ends);
	add_lost_copies(arena, world, watched, ends);
	vec_for_each (end, ends) {
		struct found found = { .last = end->last };
		const struct leaf *leaf;

		if (!end_by_trace(end, &found)) {
			if (end->drop)
				end_by_drop(&ending, end, &found);
			else
				end_by_place(&ending, end, &found);
		}
		leaf = add_end(&ending, &found);
		if (!speaks_rather(&ending, leaf))
			continue;
		ret->leaf = leaf;
		ret->final = leaf->final;
		answer->evidence = found.evidence;
		answer->kernel_reason = end->drop ? words_of_drop(arena, end->drop) : NULL;
	}
}
