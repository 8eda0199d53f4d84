// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a change would do to packets, before it is made: the connections that it would cut, by the judgement that cuts them (flows.c), of
 * conntrack as it is now; and the new connections that a port would let pass and does not, or does and would not, as the sets of
 * packets that the policy means before and after. The engine waits for it: so ports and time have a bound, and the number of the
 * others is told.
 */
#include "agent/keeping.h"

#include "packet/expr.h"
#include "policy/set.h"

#define MAX_FLOWS 100
#define MAX_PORTS 20
#define MAX_LINES 8 /* of the words of one set */
#define MAX_MS	  500
#define MAX_NODES 2000000 /* of the world: 50 MB */

/* ---- flows */

static const char *address_words(struct arena *arena, const struct addr *addr)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	addr_print(&out, addr);
	return arena_strdup(arena, out.data);
}

static struct serve_flow flow_words(struct arena *arena, const struct flow_told *told)
{
	const char *protocol = proto_name(told->first.proto);

	return (struct serve_flow){
		.port_id = told->port ? arena_strdup(arena, told->port->id) : "",
		.direction = told->direction,
		.protocol = protocol ? protocol : arena_printf(arena, "%u", told->first.proto),
		.source = address_words(arena, &told->first.src),
		.destination = address_words(arena, &told->first.dst),
		.source_port = told->first.sport,
		.destination_port = told->first.dport,
	};
}

static bool foresee_flows(struct work *work, struct serve_done *done, struct err *err)
{
	const struct stand *old = work->keeper->kept, *new = work->target;
	struct flows_told told;

	work->takes = plan_takes(work->plan);
	if (!work_judges_flows(work))
		return true;
	agent_gone_prefixes(work->scratch, work->plan, &work->journal.gone);
	if (!agent_find_cut_flows(work->scratch, new->plugs, new->n_plugs, old ? old->plugs : NULL,
		    old ? old->n_plugs : 0, work->zones, &work->journal.gone, MAX_FLOWS, &told,
		    err))
		return false;
	done->n_flows_cut = told.n_all;
	done->n_flows = told.n;
	done->flows = arena_new_array(work->arena, struct serve_flow, told.n + 1);
	for (size_t i = 0; i < told.n; i++)
		done->flows[i] = flow_words(work->arena, &told.items[i]);
	return true;
}

/* ---- ports */

/* A port before and after; NULL: it is not there. */
struct turn {
	const struct policy_port *before, *after;
};
typedef VEC(struct turn) turn_vec;

/* By plug: does it name a group whose members are others now? */
static bool *plugs_of_changed_sets(
	struct arena *arena, const struct stand *old, const struct stand *new)
{
	bool *has = arena_new_array(arena, bool, new->n_plugs + 1);

	vec_for_each (use, &new->uses) {
		const struct set_use *before = map_find(old->uses_by_name, (*use)->name);

		if (before && set_use_is_same(before, *use))
			continue;
		vec_for_each (user, &(*use)->users)
			has[*user] = true;
	}
	return has;
}

static void find_turns(
	struct arena *arena, const struct stand *old, const struct stand *new, turn_vec *ret)
{
	const bool *has_changed = old ? plugs_of_changed_sets(arena, old, new) : NULL;

	for (size_t i = 0; i < new->n_seats; i++) {
		const struct seat *seat = &new->seats[i];
		const struct seat *before = old ? stand_seat(old, seat->of->id) : NULL;
		bool is_same = before && port_is_same(before->of, seat->of) &&
			       !(seat->plug && has_changed[seat->plug - new->plugs]);

		if (!is_same)
			*vec_push(ret, arena) =
				(struct turn){ before ? before->of : NULL, seat->of };
	}
	for (size_t i = 0; old && i < old->n_seats; i++)
		if (!stand_seat(new, old->seats[i].of->id))
			*vec_push(ret, arena) = (struct turn){ old->seats[i].of, NULL };
}

/* ---- packets */

/* What follows from the family, or from being a connection's first packet. */
#define SAME_IN_ALL                                                                                \
	(FIELD_BIT(FIELD_ETHERTYPE) | FIELD_BIT(FIELD_CT_STATE) | FIELD_BIT(FIELD_ARP_SHA) |       \
		FIELD_BIT(FIELD_ARP_SPA))

struct foreseeing {
	struct arena *arena; /* the caller's */
	struct sets *sets;
	struct packet_set all; /* first packets of connections */
	VEC(struct serve_passing) passings;
};

static struct packet_set packets_of(struct sets *sets, enum family family, uint16_t ethertype)
{
	return set_and(
		sets, set_of_family(sets, family), set_of_number(sets, FIELD_ETHERTYPE, ethertype));
}

static void begin_world(struct foreseeing *f, const turn_vec *turns, size_t n)
{
	f->sets = sets_new(MAX_NODES);
	for (size_t i = 0; i < n; i++) {
		if (turns->items[i].before)
			policy_add_to_world(f->sets, turns->items[i].before);
		if (turns->items[i].after)
			policy_add_to_world(f->sets, turns->items[i].after);
	}
	sets_seal(f->sets);
	f->all = set_or(f->sets, packets_of(f->sets, FAMILY_IPV4, ETHERTYPE_IPV4),
		packets_of(f->sets, FAMILY_IPV6, ETHERTYPE_IPV6));
	f->all = set_and(f->sets, f->all,
		set_and(f->sets, sets_real(f->sets), set_of_ct_states(f->sets, CT_NEW)));
}

static struct packet_set passing(
	struct foreseeing *f, const struct policy_port *port, enum direction direction)
{
	return port ? set_and(f->sets, policy_set(f->sets, port, direction), f->all) : SET_EMPTY;
}

/* Such as is sent to the port, where the set has some; without what nobody asked for. */
static void add_example(struct foreseeing *f, struct text *out, const struct policy_port *port,
	enum direction direction, struct packet_set set)
{
	struct packet packet;

	for (size_t i = 0; direction == DIR_INGRESS && i < port->n_fixed_ips; i++) {
		struct packet_set own =
			set_and(f->sets, set, set_of_addr(f->sets, FIELD_DST, &port->fixed_ips[i]));

		if (set_is_empty(own))
			continue;
		set = own;
		break;
	}
	if (!set_witness(f->sets, set, &packet))
		return;
	packet.unknown |= FIELD_BIT(FIELD_LENGTH) | FIELD_BIT(FIELD_UID) | FIELD_BIT(FIELD_GID) |
			  FIELD_BIT(FIELD_ETH_DST);
	if (direction == DIR_INGRESS)
		packet.unknown |= FIELD_BIT(FIELD_ETH_SRC);
	packet_expr_print(out, &packet);
}

static void add_passing(struct foreseeing *f, const struct policy_port *port,
	enum direction direction, bool opens, struct packet_set set)
{
	struct text words CLEANUP(text_done) = TEXT_INIT, example CLEANUP(text_done) = TEXT_INIT;

	if (set_is_empty(set))
		return;
	set_print(f->sets, set_forget(f->sets, set_shorten(f->sets, set, f->all), SAME_IN_ALL),
		MAX_LINES, &words);
	if (words.len && words.data[words.len - 1] == '\n')
		words.data[--words.len] = '\0';
	add_example(f, &example, port, direction, set);
	*vec_push(&f->passings, f->arena) =
		(struct serve_passing){ .port_id = arena_strdup(f->arena, port->id),
			.direction = direction,
			.opens = opens,
			.packets = arena_strdup(f->arena, words.data),
			.example = arena_strdup(f->arena, example.data) };
}

/* False: the world is full, and nothing was told of the port. */
static bool foresee_port(struct foreseeing *f, const struct turn *turn)
{
	const struct policy_port *port = turn->after ? turn->after : turn->before;
	size_t n = f->passings.n;
	struct err err;

	for (int d = DIR_INGRESS; d <= DIR_EGRESS; d++) {
		struct packet_set before = passing(f, turn->before, (enum direction)d);
		struct packet_set after = passing(f, turn->after, (enum direction)d);

		add_passing(f, port, (enum direction)d, true, set_minus(f->sets, after, before));
		add_passing(f, port, (enum direction)d, false, set_minus(f->sets, before, after));
	}
	if (sets_ok(f->sets, &err))
		return true;
	f->passings.n = n;
	return false;
}

static void foresee_packets(struct work *work, struct serve_done *done)
{
	struct foreseeing f = { .arena = work->arena };
	uint64_t until = kernel_boottime_ms() + MAX_MS;
	turn_vec turns = { 0 };
	size_t n, i = 0;

	find_turns(work->scratch, work->keeper->kept, work->target, &turns);
	n = turns.n < MAX_PORTS ? turns.n : MAX_PORTS;
	if (n)
		begin_world(&f, &turns, n);
	while (i < n && kernel_boottime_ms() < until && foresee_port(&f, &turns.items[i]))
		i++;
	sets_free(f.sets);
	done->passings = f.passings.items;
	done->n_passings = f.passings.n;
	done->n_ports_untold = turns.n - i;
}

bool work_foresee(struct work *work, struct serve_done *done, struct err *err)
{
	if (!foresee_flows(work, done, err))
		return false;
	foresee_packets(work, done);
	return true;
}
