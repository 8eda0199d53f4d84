// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The chains of a port's security groups, as Neutron's driver and portwall lay them out: rules that name the bridge port call
 * "...i" + id for what is sent to the machine and "...o" + id for what it sends, and that one calls "...s" + id, which returns for
 * the addresses that the machine may have and drops all others.
 */
#include <string.h>

#include "base/map.h"
#include "base/text.h"
#include "doctor/internal.h"
#include "packet/expr.h"

bool chain_names_other(const char *name, const char *other, char as)
{
	size_t same = 0;

	while (name[same] && name[same] == other[same])
		same++;
	return other[same] == as && name[same] && strcmp(name + same + 1, other + same + 1) == 0;
}

/* ---- reading ---- */

static bool drops_all(const struct rule *rule)
{
	return rule->n_matches == 0 && rule->target.kind == TARGET_DROP;
}

/* A check of sources: RETURN by MAC, and DROP behind it. */
static bool is_source_check(const struct chain *chain, const struct chain *out)
{
	if (!chain->n_rules || !drops_all(&chain->rules[chain->n_rules - 1]))
		return false;
	for (size_t i = 0; i < chain->n_rules; i++)
		if (chain->rules[i].target.kind == TARGET_RETURN &&
			rule_match(&chain->rules[i], MATCH_MAC_SRC))
			return true;
	return chain_names_other(out->name, chain->name, 's');
}

static void read_out(struct port_groups *groups, const struct chain *out)
{
	groups->out = out;
	for (size_t i = 0; i < out->n_rules && !groups->spoof; i++) {
		const char *name = rule_called_chain(&out->rules[i]);
		const struct chain *called = name ? table_chain(groups->table, name) : NULL;

		if (!called || out->rules[i].n_matches || !is_source_check(called, out))
			continue;
		groups->spoof = called;
		groups->spoof_at = i;
	}
}

static bool names_port(const struct rule *rule)
{
	return rule_match(rule, MATCH_PHYSDEV_IN) || rule_match(rule, MATCH_PHYSDEV_OUT);
}

/* The chain from which each port's packets go to its own. */
static bool is_of_all_ports(const struct chain *chain)
{
	for (size_t r = 0; r < chain->n_rules; r++)
		if (names_port(&chain->rules[r]) && rule_called_chain(&chain->rules[r]))
			return true;
	return false;
}

static void read_spoof_rule(
	struct arena *arena, const struct rule *rule, struct port_groups *groups)
{
	const struct match *src = rule_match(rule, MATCH_SRC);
	const struct match *mac = rule_match(rule, MATCH_MAC_SRC);

	if (rule->target.kind == TARGET_RETURN && src && mac &&
		src->prefix.len == prefix_max_len(src->prefix.addr.family))
		*vec_push(&groups->addrs, arena) = (struct vm_addr){ src->prefix.addr, mac->mac };
}

/* The check of sources is called from the chain that the port's packets are sent through. */
static void read_addrs(struct arena *arena, struct port_groups *groups, const struct table *table,
	const struct chain *chain)
{
	for (size_t i = 0; i < chain->n_rules; i++) {
		const char *name = rule_called_chain(&chain->rules[i]);
		const struct chain *called = name ? table_chain(table, name) : NULL;

		for (size_t r = 0; called && r < called->n_rules; r++)
			read_spoof_rule(arena, &called->rules[r], groups);
	}
}

static void read_rule(struct arena *arena, struct map *by_device, const struct table *table,
	const struct rule *rule)
{
	const struct match *in = rule_match(rule, MATCH_PHYSDEV_IN);
	const struct match *match = in ? in : rule_match(rule, MATCH_PHYSDEV_OUT);
	const char *name = rule_called_chain(rule);
	const struct chain *chain = name ? table_chain(table, name) : NULL;
	struct port_groups *groups = match ? map_find(by_device, match->name) : NULL;

	if (!match || (!chain && rule->target.kind != TARGET_ACCEPT))
		return;
	if (!groups) {
		groups = arena_new_one(arena, struct port_groups);
		groups->table = table;
		(void)map_add(by_device, match->name, groups);
	}
	groups->is_called = groups->is_called || chain;
	/* INPUT's rule calls the same chain once more */
	if (chain && in && !groups->addrs.n)
		read_addrs(arena, groups, table, chain);
	if (!chain)
		groups->is_trusted = true;
	else if (is_of_all_ports(chain))
		return;
	else if (in)
		read_out(groups, chain);
	else
		groups->in = chain;
}

static bool is_filter_of_iptables(const struct table *table, enum family family)
{
	return (table->source == SOURCE_IPTABLES || table->source == SOURCE_IPTABLES_LEGACY) &&
	       table->family == family && strcmp(table->name, "filter") == 0;
}

static struct map *read_groups(struct arena *arena, const struct ruleset *rs, enum family family)
{
	struct map *by_device = map_new(arena);

	for (size_t t = 0; rs && t < rs->n_tables; t++) {
		const struct table *table = &rs->tables[t];

		for (size_t c = 0; is_filter_of_iptables(table, family) && c < table->n_chains; c++)
			for (size_t r = 0; r < table->chains[c].n_rules; r++)
				read_rule(arena, by_device, table, &table->chains[c].rules[r]);
	}
	return by_device;
}

const struct port_groups *doctor_groups_of_device(
	struct doctor *doctor, const struct netns *ns, const char *device, enum family family)
{
	size_t at = (size_t)(ns - doctor->host->netns) * N_IP_FAMILIES + family;

	if (!doctor->groups)
		doctor->groups = arena_new_array(
			doctor->arena, struct map *, doctor->host->n_netns * N_IP_FAMILIES);
	if (!doctor->groups[at])
		doctor->groups[at] = read_groups(doctor->arena, ns->ruleset, family);
	return map_find(doctor->groups[at], device);
}

const struct port_groups *doctor_groups(
	struct doctor *doctor, const struct vm_port *port, enum family family)
{
	return doctor_groups_of_device(doctor, port->ns, port->link->name, family);
}

/* ---- asking ---- */

static bool print_question(
	const struct vm_port *port, bool is_egress, const char *packet, struct text *out)
{
	struct mac own = port->mac, other = outside_mac;

	if (!port->uplink)
		return false;
	text_addf(out, "%s ", packet);
	if (!strstr(packet, " mac ")) {
		text_add(out, "mac ");
		mac_print(out, is_egress ? own : other);
	}
	text_add(out, " > ");
	mac_print(out, is_egress ? other : own);
	return true;
}

struct query vm_port_query(
	struct doctor *doctor, const struct vm_port *port, bool is_egress, const struct host *host)
{
	const struct link *links = port->ns->links;
	const struct link *in = is_egress ? port->link : port->uplink;
	const struct netns *ns = &host->netns[port->ns - doctor->host->netns];

	return (struct query){ .from = FROM_DEVICE,
		.ns = ns,
		.in = &ns->links[in - links],
		.within = &ns->links[port->bridge - links] };
}

void query_begin_flow(struct query *query)
{
	query->has_ct_state = true;
	query->packet.ct_state = CT_NEW;
	query->packet.unknown &= ~FIELD_BIT(FIELD_CT_STATE);
}

bool vm_port_ask(struct doctor *doctor, const struct vm_port *port, bool is_egress,
	const char *packet, struct query *ret)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	if (!print_question(port, is_egress, packet, &text))
		return false;
	*ret = vm_port_query(doctor, port, is_egress, doctor->host);
	if (!packet_expr_parse(text.data, &ret->packet, &err))
		return false;
	query_begin_flow(ret);
	return true;
}

bool lost_by_groups(struct doctor *doctor, const struct vm_port *port, const struct query *query,
	struct group_port *ret)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	const struct explanation *explanation = explain(scratch, doctor->explainer, query);
	const struct node *node;
	struct decider decider;

	if (explanation->final != FINAL_DROPPED && explanation->final != FINAL_REJECTED)
		return false;
	node = leaf_decider(explanation->leaf);
	if (!node)
		return false;
	decider = decider_of(scratch, node);
	if (!decider.port || strcmp(decider.port->device, port->link->name) != 0)
		return false;
	*ret = *decider.port;
	return true;
}

bool vm_port_loses(struct doctor *doctor, const struct vm_port *port, bool is_egress,
	const char *packet, struct query *ret)
{
	struct group_port by;

	return vm_port_ask(doctor, port, is_egress, packet, ret) &&
	       lost_by_groups(doctor, port, ret, &by) && !by.is_spoof;
}

struct sets_of_ports sets_of_ports_new(struct doctor *doctor)
{
	const struct host *heard = doctor_heard(doctor);

	return (struct sets_of_ports){ explainer_new(doctor->arena, heard), explain_world(heard) };
}

bool vm_port_ask_every(struct doctor *doctor, struct arena *arena, const struct check *check,
	const struct sets_of_ports *world, const struct vm_port *port, bool is_egress,
	const char *packets, struct every *ret)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct packet_choices choices = { 0 };
	struct query query;
	struct err err;

	if (!print_question(port, is_egress, packets, &text))
		return false;
	query = vm_port_query(doctor, port, is_egress, doctor_heard(doctor));
	if (packet_expr_parse_set(arena, text.data, &query.packet, &choices, &err)) {
		query_begin_flow(&query);
		if (explain_every_in(
			    arena, world->explainer, world->sets, &query, &choices, ret, &err))
			return true;
	}
	doctor_untold(doctor, check,
		arena_printf(doctor->arena, "packets of %s: %s", port->link->name, err.text), NULL);
	return false;
}

bool vm_port_gets_any(struct doctor *doctor, const struct check *check,
	const struct sets_of_ports *world, const struct vm_port *port, bool is_egress,
	const char *packets)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct every every;

	if (!vm_port_ask_every(doctor, scratch, check, world, port, is_egress, packets, &every))
		return true;
	vec_for_each (part, &every.parts)
		if (part->final != FINAL_DROPPED && part->final != FINAL_REJECTED)
			return true;
	return false;
}

struct query query_of_host(struct doctor *doctor, const struct query *heard)
{
	return query_moved(doctor->arena, heard, doctor_heard(doctor), doctor->host);
}
