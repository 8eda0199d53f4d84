// SPDX-License-Identifier: GPL-2.0-or-later
/* The way that a packet took, as nodes of the same kinds that explain predicts. */
#include <string.h>

#include "watch/internal.h"

struct way {
	struct arena *arena;
	const struct watch_world *world;
	struct watch_answer *answer;
	const struct moments *moments;
	struct way_ends *ends;
	const struct node *last;
	const struct moment *place; /* the last one; NULL: none yet */
	bool is_copy;		    /* the next node is one of several */
};

static struct node *add_node(
	struct way *way, enum node_kind kind, const struct netns *ns, const struct link *link)
{
	struct node *node = arena_new_one(way->arena, struct node);

	node->before = way->last;
	node->kind = kind;
	node->depth = way->last ? way->last->depth + 1 : 0;
	node->ns = ns;
	node->link = link;
	node->packet = way->last ? way->last->packet : NULL;
	node->branch = way->is_copy ? BRANCH_COPY : BRANCH_NONE;
	way->is_copy = false;
	if (link && link->master_index)
		node->bridge = netns_link_by_index(ns, link->master_index);
	way->last = node;
	return node;
}

static const struct packet *keep(struct way *way, const struct packet *packet)
{
	struct packet *kept = arena_new_one(way->arena, struct packet);

	*kept = *packet;
	return kept;
}

/* --- NAT --- */

static bool knows(const struct packet *packet, enum field field)
{
	struct field_value ignored;

	return packet_field(packet, field, &ignored) == FIELD_KNOWN;
}

static bool differs(const struct packet *a, const struct packet *b, enum field field)
{
	struct field_value x, y;

	return packet_field(a, field, &x) == FIELD_KNOWN &&
	       packet_field(b, field, &y) == FIELD_KNOWN && memcmp(&x, &y, sizeof(x)) != 0;
}

static bool is_rewritten(const struct packet *was, const struct packet *is)
{
	if (!knows(was, FIELD_SRC) || !knows(is, FIELD_SRC) || was->src.family != is->src.family)
		return false;
	return differs(was, is, FIELD_SRC) || differs(was, is, FIELD_DST) ||
	       differs(was, is, FIELD_SPORT) || differs(was, is, FIELD_DPORT);
}

/* That it happened is seen at the next place or chain. */
static void look_for_nat(struct way *way, const struct moment *moment)
{
	struct node *node;

	if (!way->last || !way->last->packet || !moment->has_packet ||
		!is_rewritten(way->last->packet, &moment->packet))
		return;
	node = add_node(way, NODE_NAT, way->last->ns, way->last->link);
	node->packet = keep(way, &moment->packet);
}

/* --- devices --- */

static const struct ovs_bridge *ovs_bridge_of(
	const struct watch_world *world, const struct moment *place)
{
	const struct ovs_port *port = ovs_port_at(world->host, place->ns, place->link);

	for (size_t i = 0; port && i < world->host->n_ovs_bridges; i++)
		if (!strcmp(world->host->ovs_bridges[i].name, port->bridge))
			return &world->host->ovs_bridges[i];
	return NULL;
}

static void add_between(struct way *way, const struct moment *place)
{
	const struct moment *before = way->place;
	const struct ovs_bridge *ovs;

	if (!before || before->is_out || !place->is_out)
		return;
	if (before->ns == place->ns && before->link->master_index &&
		before->link->master_index == place->link->master_index)
		return; /* a bridge: told of where it took the frame */
	if ((ovs = ovs_bridge_of(way->world, before)) && ovs_bridge_of(way->world, place))
		add_node(way, NODE_OVS, place->ns, NULL)->ovs = ovs;
	else if (before->ns == place->ns && before->link != place->link)
		add_node(way, NODE_FORWARD, place->ns, place->link);
}

static enum node_kind kind_of(const struct way *way, const struct moment *place)
{
	if (place->is_out)
		return NODE_TRANSMIT;
	return way->place && way->place->is_out &&
			       moment_is_other_end(way->world, way->place, place)
		       ? NODE_VETH
		       : NODE_RECEIVED;
}

static bool is_bridge_port(const struct moment *place)
{
	const struct link *master = place->link->master_index ? netns_link_by_index(place->ns,
									place->link->master_index)
							      : NULL;

	return master && !strcmp(master->kind, "bridge");
}

static void add_sent(struct way *way, const struct moment *moment)
{
	struct node *node = add_node(way, NODE_SENT, moment->ns, NULL);

	if (moment->has_packet)
		node->packet = keep(way, &moment->packet);
}

static void add_place(struct way *way, const struct moment *place)
{
	struct node *node;

	if (!way->last && place->is_out)
		add_sent(way, place);
	look_for_nat(way, place);
	add_between(way, place);
	node = add_node(way, kind_of(way, place), place->ns, place->link);
	if (place->has_packet)
		node->packet = keep(way, &place->packet);
	if (!place->is_out && is_bridge_port(place))
		add_node(way, NODE_BRIDGE_IN, place->ns, place->link);
	way->place = place;
}

/* --- rules --- */

static const struct rule *rule_of(struct way *way, const struct netns *ns,
	const struct table *table, const struct chain *chain, const struct trace *trace)
{
	size_t at;

	if (!way->world->find_rule(way->world->data, ns, table->family, table->name, chain->name,
		    trace->handle, &at) ||
		at >= chain->n_rules)
		return NULL;
	return &chain->rules[at];
}

static bool is_policy_of(const struct chain *chain, const struct trace *trace)
{
	return !chain->policy || !strcmp(chain->policy, "DROP") == (trace->verdict == TRACE_DROP);
}

/* Do all rules of the run stand in it, and is the policy that was seen its own? */
static bool fits(struct way *way, const struct moment *moment, const struct table *table)
{
	for (size_t i = 0; i < moment->n_events; i++) {
		const struct trace *trace = &moment->events[i]->trace;
		const struct chain *chain = table_chain(table, trace->chain);

		if (!chain ||
			(trace->step == TRACE_RULE &&
				!rule_of(way, moment->ns, table, chain, trace)) ||
			(trace->step == TRACE_POLICY && !is_policy_of(chain, trace)))
			return false;
	}
	return true;
}

/* Since the packet came to the device where it is. */
static bool was_asked(const struct way *way, const struct moment *moment, const struct table *table)
{
	const char *name = moment->events[0]->trace.chain;

	for (const struct node *node = way->last;
		node && (node->kind == NODE_CHAIN || node->kind == NODE_NAT); node = node->before)
		if (node->kind == NODE_CHAIN && node->table == table &&
			!strcmp(node->chain->name, name))
			return true;
	return false;
}

/* A trace of family inet names the packet's family. */
static bool may_be_table(const struct table *table, const struct trace *trace)
{
	bool is_ip = trace->family == FAMILY_IPV4 || trace->family == FAMILY_IPV6;

	return !strcmp(table->name, trace->table) && table_chain(table, trace->chain) &&
	       (table->family == trace->family || (is_ip && table->family == FAMILY_INET));
}

static bool is_before(const struct table *a, const struct table *b, const char *chain)
{
	return a->source == SOURCE_NFT && b->source == SOURCE_NFT &&
	       table_chain(a, chain)->priority < table_chain(b, chain)->priority;
}

/*
 * Two tables may be meant: then the one that has these rules, and of two that have them the one that was not asked yet, since no hook
 * asks a chain twice, and of two that were not the one that comes first. What iptables-save and ebtables-save list is told better
 * there than by nft.
 */
static const struct table *table_of(struct way *way, const struct moment *moment)
{
	static const enum table_source sources[] = { SOURCE_IPTABLES, SOURCE_EBTABLES, SOURCE_NFT };
	const struct ruleset *ruleset = moment->ns ? moment->ns->ruleset : NULL;
	const struct trace *first = &moment->events[0]->trace;
	const struct table *best = NULL;
	int best_rank = 0;

	for (size_t s = 0; ruleset && s < N_OF(sources); s++)
		for (size_t t = 0; t < ruleset->n_tables; t++) {
			const struct table *table = &ruleset->tables[t];
			int rank;

			if (table->source != sources[s] || !may_be_table(table, first))
				continue;
			rank = !fits(way, moment, table)       ? 1
			       : was_asked(way, moment, table) ? 2
							       : 3;
			if (rank > best_rank ||
				(rank == best_rank && is_before(table, best, first->chain)))
				best = table;
			best_rank = rank > best_rank ? rank : best_rank;
		}
	return best;
}

static enum chain_type type_of(const struct table *table, const struct chain *chain)
{
	const char *type = chain->type			 ? chain->type
			   : table->source == SOURCE_NFT ? ""
							 : table->name;

	return !strcmp(type, "nat")	? CHAIN_NAT
	       : !strcmp(type, "route") ? CHAIN_ROUTE
					: CHAIN_FILTER;
}

/* false: the rule is not of the ruleset that was read. */
static bool add_step(
	struct way *way, const struct moment *moment, struct node *node, const struct trace *trace)
{
	const struct chain *chain = table_chain(node->table, trace->chain);
	const struct rule *rule =
		chain ? rule_of(way, moment->ns, node->table, chain, trace) : NULL;
	struct step *step;

	if (!rule)
		return false;
	step = arena_new_one(way->arena, struct step);
	*step = (struct step){ .before = node->steps,
		.kind = STEP_MATCH,
		.table = node->table,
		.chain = chain,
		.rule = rule };
	node->steps = step;
	if (trace_is_last_word(trace->verdict)) {
		node->rule = rule;
		node->rule_chain = chain;
	}
	return true;
}

/* The names of devices as rules see them: for a bridged packet the bridge, and its ports as physdevs. */
static void name_devices(struct way *way, const struct moment *moment, struct packet *packet)
{
	const struct trace *trace = &moment->events[0]->trace;
	const struct link *in = trace->in ? netns_link_by_index(moment->ns, trace->in) : NULL;
	const struct link *out = trace->out ? netns_link_by_index(moment->ns, trace->out) : NULL;

	packet->in_iface = in ? in->name : NULL;
	packet->out_iface = out ? out->name : NULL;
	if (in && !strcmp(in->kind, "bridge") && way->place && way->place->ns == moment->ns &&
		way->place->link->master_index == in->index)
		packet->physdev_in = way->place->link->name;
	packet->unknown &= ~(FIELD_BIT(FIELD_IN_IFACE) | FIELD_BIT(FIELD_OUT_IFACE) |
			     FIELD_BIT(FIELD_PHYSDEV_IN));
}

static void add_chain(struct way *way, const struct moment *moment)
{
	const struct trace *first = &moment->events[0]->trace;
	const struct table *table = table_of(way, moment);
	const struct chain *chain = table ? table_chain(table, first->chain) : NULL;
	struct node *node;
	struct packet packet;

	if (!chain) {
		way->answer->is_changed = true;
		return;
	}
	look_for_nat(way, moment);
	node = add_node(way, NODE_CHAIN, moment->ns, way->place ? way->place->link : NULL);
	way->answer->is_traced = true;
	node->family = first->family;
	node->table = table;
	node->chain = node->rule_chain = chain;
	node->hook = ruleset_chain_hook(chain);
	node->chain_type = type_of(table, chain);
	packet = moment->has_packet ? moment->packet
		 : node->packet	    ? *node->packet
				    : (struct packet){ 0 };
	name_devices(way, moment, &packet);
	packet.mark = first->mark;
	packet.ct_state = first->ct_state;
	packet.unknown &=
		~(FIELD_BIT(FIELD_MARK) | (first->ct_state ? FIELD_BIT(FIELD_CT_STATE) : 0));
	node->packet = keep(way, &packet);
	for (size_t i = 0; i < moment->n_events; i++)
		if (moment->events[i]->trace.step == TRACE_RULE &&
			!add_step(way, moment, node, &moment->events[i]->trace))
			way->answer->is_changed = true;
}

/* --- the whole --- */

enum ct_state moments_state(const struct moments *moments, const struct netns *ns)
{
	vec_for_each (moment, moments)
		for (size_t i = 0;
			moment->kind == MOMENT_CHAIN && moment->ns == ns && i < moment->n_events;
			i++)
			if (moment->events[i]->trace.ct_state)
				return moment->events[i]->trace.ct_state;
	return 0;
}

static bool has_place(const struct moments *moments)
{
	vec_for_each (moment, moments)
		if (moment->kind == MOMENT_PLACE && moment->link)
			return true;
	return false;
}

/* The rules of what the host sends are asked before it is known by which device that goes: of others than the watched nobody asked. */
static bool is_beginning(
	const struct watch_world *world, const struct moments *moments, const struct moment *moment)
{
	if (moment->parent != NO_MOMENT || !moment->has_packet || !moment->ns || !moment->link)
		return false;
	return moment->kind == MOMENT_PLACE ||
	       (moment->kind == MOMENT_SENT &&
		       (has_place(moments) || world_is_watched(world, moment->ns, moment->link)));
}

static bool make_query(
	const struct watch_world *world, const struct moments *moments, struct watch_answer *answer)
{
	const struct moment *first = NULL;

	vec_for_each (moment, moments)
		if (is_beginning(world, moments, moment) &&
			(!first || moment->time_ns < first->time_ns ||
				(moment->time_ns == first->time_ns && moment->kind == MOMENT_SENT)))
			first = moment;
	if (!first)
		return false;
	answer->query = (struct query){ .from = first->is_out ? FROM_PROCESS : FROM_DEVICE,
		.ns = first->ns,
		.in = first->is_out ? NULL : first->link,
		.packet = first->packet };
	answer->has_query = true;
	return true;
}

/* --- the tree --- */

static size_t n_children(const struct moments *moments, size_t of)
{
	size_t n = 0;

	for (size_t i = 0; i < moments->n; i++)
		n += moments->items[i].parent == of && !moments->items[i].is_left_out;
	return n;
}

static void end_way(const struct way *way, const struct moment *moment)
{
	if (way->last)
		*vec_push(way->ends, way->arena) = (struct way_end){
			.last = way->last, .moment = moment, .place = way->place
		};
}

/* depth: of the tree, which no packet makes deeper than what is kept of it. */
static void follow(struct way way, size_t at)
{
	const struct moment *moment = &way.moments->items[at];
	size_t n = n_children(way.moments, at);

	if (moment->kind == MOMENT_SENT)
		add_sent(&way, moment);
	else if (moment->kind == MOMENT_PLACE && moment->link)
		add_place(&way, moment);
	else if (moment->kind == MOMENT_CHAIN)
		add_chain(&way, moment);
	if (!n)
		end_way(&way, moment);
	way.is_copy = n > 1;
	for (size_t i = 0; i < way.moments->n; i++)
		if (way.moments->items[i].parent == at && !way.moments->items[i].is_left_out)
			follow(way, i);
}

bool seen_make(struct arena *arena, const struct watch_world *world, const struct moments *moments,
	struct watch_answer *answer, struct way_ends *ret)
{
	struct way way = {
		.arena = arena, .world = world, .answer = answer, .moments = moments, .ends = ret
	};

	if (!make_query(world, moments, answer))
		return false;
	for (size_t i = 0; i < moments->n; i++)
		if (moments->items[i].parent == NO_MOMENT && !moments->items[i].is_left_out)
			follow(way, i);
	return ret->n > 0;
}
