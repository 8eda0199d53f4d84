// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A machine or container that asks for itself, or for its neighbour on the bridge, by an address that DNAT leads back: the bridge must let
 * the frame out where it came in (hairpin), and the neighbour must not answer past the host.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"

#define MAX_RULES 500 /* of DNAT, of one namespace */

struct loop {
	const struct netns *ns;
	const struct table *table;
	const struct chain *chain;
	size_t at;
	uint16_t dport;
	struct addr to;			  /* who gets it */
	struct addr asked;		  /* the address that is asked for */
	const struct link *bridge, *port; /* where it is */
	struct mac mac;
};

/* The one address that a rule maps to. */
static bool target_of(const struct rule *rule, struct addr *ret)
{
	if (rule->target.kind == TARGET_NAT && rule->target.mapping->kind == NAT_DNAT &&
		rule->target.mapping->has_addr) {
		*ret = rule->target.mapping->addr_min;
		return addr_compare(ret, &rule->target.mapping->addr_max) == 0;
	}
	if (rule->target.kind == TARGET_NFT_NAT && rule->target.nat->kind == NFT_DNAT &&
		rule->target.nat->has_addr && rule->target.nat->is_known &&
		!rule->target.nat->lookup) {
		*ret = rule->target.nat->addr_min;
		return addr_compare(ret, &rule->target.nat->addr_max) == 0;
	}
	return false;
}

/* The bridge's port behind which the address is, by the neighbour that the host knows. */
static bool find_place(struct loop *loop)
{
	const struct netns *ns = loop->ns;

	for (size_t i = 0; i < ns->n_neighbours; i++) {
		const struct neighbour *neighbour = &ns->neighbours[i];

		if (!neighbour->has_mac || neighbour->is_failed ||
			addr_compare(&neighbour->addr, &loop->to) != 0)
			continue;
		loop->bridge = netns_link_by_index(ns, neighbour->index);
		loop->mac = neighbour->mac;
		for (size_t f = 0; loop->bridge && f < ns->n_fdb; f++)
			if (ns->fdb[f].bridge_index == loop->bridge->index &&
				mac_equal(ns->fdb[f].mac, loop->mac) && !ns->fdb[f].is_permanent)
				loop->port = netns_link_by_index(ns, ns->fdb[f].port_index);
		return loop->bridge && loop->port && loop->port->is_up &&
		       loop->port->master_index == loop->bridge->index;
	}
	return false;
}

/* What the rule is asked for: its own destination, or the host's address on another device. */
static bool find_asked(struct loop *loop)
{
	const struct rule *rule = &loop->chain->rules[loop->at];

	for (size_t i = 0; i < rule->n_matches; i++) {
		const struct match *match = &rule->matches[i];

		if (match->kind == MATCH_DST && !match->inverted &&
			match->prefix.len == prefix_max_len(match->prefix.addr.family)) {
			loop->asked = match->prefix.addr;
			return true;
		}
	}
	for (size_t i = 0; i < loop->ns->n_addresses; i++) {
		const struct address *address = &loop->ns->addresses[i];
		const struct link *link = netns_link_by_index(loop->ns, address->index);

		if (link && link != loop->bridge && !link->is_loopback && link->is_up &&
			address->local.family == loop->to.family && !address->is_link_scope &&
			!address->is_host_scope) {
			loop->asked = address->local;
			return true;
		}
	}
	return false;
}

static bool is_through(const struct explanation *after, const void *data)
{
	(void)data;
	/* whether a program listens there is not the host's affair */
	return after->final == FINAL_DELIVERED || after->final == FINAL_REWRITTEN ||
	       (after->leaf && after->leaf->drop == DROP_NO_SOCKET);
}

/* With the frame alone its sender gets back a packet from its own address, and throws it away: it needs another source as well. */
static void offer(struct doctor *doctor, struct finding *finding, const struct loop *loop)
{
	struct arena *arena = doctor->arena;
	const struct chain *post =
		loop->table->source == SOURCE_NFT ? NULL : table_chain(loop->table, "POSTROUTING");
	struct host_edit *edits = arena_new_array(arena, struct host_edit, 2);
	struct fix fix = {
		.name = "hairpin", .edits = edits, .n_edits = 1, .is_recommended = true
	};
	const char *addr = doctor_addr(doctor, &loop->to);

	edits[0] = (struct host_edit){ .kind = HOST_EDIT_LINK,
		.name = loop->port->name,
		.flag = LINK_FLAG_HAIRPIN,
		.value = "on",
		.before = "off" };
	fix.words = arena_printf(arena, "hairpin on at %s", loop->port->name);
	fix.consequence =
		"It lasts as long as the port: whoever makes it must set it each time (Docker does without its "
		"userland proxy, kubelet with hairpinMode). Multicast of the machine comes back to it, which "
		"IPv6 may take for a duplicate address.";
	if (finding_fix(doctor, finding, &fix, is_through, NULL) || !post)
		return;
	edits[1] = host_edit_of_rule(arena, loop->table, post, post->n_rules,
		arena_printf(arena, "-s %s -d %s -j MASQUERADE", addr, addr), false);
	fix.name = "hairpin-and-masquerade";
	fix.n_edits = 2;
	fix.words = arena_printf(
		arena, "%s, and the host's address as source of what comes back", fix.words);
	(void)finding_fix(doctor, finding, &fix, is_through, NULL);
}

static void look_at(struct doctor *doctor, const struct check *check, const struct loop *loop)
{
	struct arena *arena = doctor->arena;
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct finding *finding;
	struct asked asked = doctor_ask(doctor, scratch, loop->ns, loop->port,
		&(struct ask){ .proto = "tcp",
			.src = &loop->to,
			.dst = &loop->asked,
			.sport = 40000,
			.dport = loop->dport,
			.has_macs = true,
			.from = loop->mac,
			.to = loop->bridge->mac });

	if (!asked_is_lost(&asked, DROP_BRIDGE_HAIRPIN))
		return;
	vec_for_each (known, &doctor->diagnosis->findings)
		if ((*known)->check == check && (*known)->ns == loop->ns && (*known)->ports.n &&
			strcmp((*known)->ports.items[0], loop->port->name) == 0)
			return;
	finding = finding_add(doctor, check, SEVERITY_RISK, loop->ns, loop->port->name);
	finding->title =
		arena_printf(arena, "%s does not reach itself by %s:%u: hairpin is off at %s",
			doctor_addr(doctor, &loop->to), doctor_addr(doctor, &loop->asked),
			loop->dport, loop->port->name);
	finding->symptom =
		"A program in the machine or container that connects to its own public or service address hangs; "
		"from everywhere else the same address answers.";
	finding->owner =
		owner_of_rule(arena, loop->table, loop->chain, &loop->chain->rules[loop->at]);
	finding_prove_rule(doctor, finding, loop->table, loop->chain, loop->at + 1);
	finding_prove(doctor, finding, "link", loop->port->name,
		arena_printf(
			arena, "port %s of %s: hairpin off", loop->port->name, loop->bridge->name));
	finding_prove_filtered(doctor, finding, loop->bridge, loop->to.family);
	finding_port(doctor, finding, loop->port->name);
	finding_witness(doctor, finding, &asked.query);
	offer(doctor, finding, loop);
}

/* ---- a neighbour that answers past the host ---- */

/* Another station of the bridge, at another port. */
static bool find_client(const struct loop *loop, struct addr *ret, const struct link **ret_port,
	struct mac *ret_mac)
{
	const struct netns *ns = loop->ns;

	for (size_t i = 0; i < ns->n_neighbours; i++) {
		const struct neighbour *neighbour = &ns->neighbours[i];

		if (neighbour->index != loop->bridge->index || !neighbour->has_mac ||
			neighbour->is_failed || neighbour->addr.family != loop->to.family ||
			mac_equal(neighbour->mac, loop->mac))
			continue;
		for (size_t f = 0; f < ns->n_fdb; f++)
			if (ns->fdb[f].bridge_index == loop->bridge->index &&
				mac_equal(ns->fdb[f].mac, neighbour->mac) &&
				ns->fdb[f].port_index != loop->port->index &&
				!ns->fdb[f].is_permanent) {
				*ret = neighbour->addr;
				*ret_mac = neighbour->mac;
				*ret_port = netns_link_by_index(ns, ns->fdb[f].port_index);
				return *ret_port && (*ret_port)->is_up;
			}
	}
	return false;
}

/* With another source the answer has to come back to the host. */
static bool is_masqueraded(const struct explanation *after, const void *data)
{
	return after->final == FINAL_REWRITTEN &&
	       addr_compare(&after->leaf->last->packet->src, data) != 0;
}

static void offer_masquerade(struct doctor *doctor, struct finding *finding,
	const struct loop *loop, const struct addr *client)
{
	const struct chain *post =
		loop->table->source == SOURCE_NFT ? NULL : table_chain(loop->table, "POSTROUTING");
	const struct address *own = doctor_address_of(loop->ns, loop->bridge, loop->to.family);
	struct host_edit *edit = arena_new_one(doctor->arena, struct host_edit);
	struct fix fix = {
		.name = "masquerade", .edits = edit, .n_edits = 1, .is_recommended = true
	};
	struct text subnet CLEANUP(text_done) = TEXT_INIT;
	struct prefix prefix;

	if (!post || !own)
		return;
	prefix = (struct prefix){ .addr = own->local, .len = own->len };
	prefix_print(&subnet, &prefix);
	*edit = host_edit_of_rule(doctor->arena, loop->table, post, post->n_rules,
		arena_printf(doctor->arena,
			"-s %s -d %s -m conntrack --ctstatus DNAT -j MASQUERADE", subnet.data,
			doctor_addr(doctor, &loop->to)),
		false);
	fix.words =
		"the host's address as source of what DNAT sends back into the network that it came from";
	fix.consequence =
		"The service no longer sees which neighbour asks. sysctl "
		"net.bridge.bridge-nf-call-iptables = 1 helps too, and makes all bridged packets "
		"pass iptables.";
	(void)finding_fix(doctor, finding, &fix, is_masqueraded, client);
}

/* The answer goes straight to who asked, from an address that it did not ask. */
static void look_at_neighbour(
	struct doctor *doctor, const struct check *check, const struct loop *loop)
{
	struct arena *arena = doctor->arena;
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	const struct explanation *answer;
	const struct link *port;
	struct finding *finding;
	struct asked asked;
	struct query reply;
	struct addr client;
	struct mac mac;
	struct err err;

	if (!find_client(loop, &client, &port, &mac))
		return;
	asked = doctor_ask(doctor, scratch, loop->ns, port,
		&(struct ask){ .proto = "tcp",
			.src = &client,
			.dst = &loop->asked,
			.sport = 40000,
			.dport = loop->dport,
			.has_macs = true,
			.from = mac,
			.to = loop->bridge->mac });
	if (!asked.explanation || asked.explanation->final != FINAL_REWRITTEN ||
		addr_compare(&asked.explanation->leaf->last->packet->src, &client) != 0 ||
		addr_compare(&asked.explanation->leaf->last->packet->dst, &loop->to) != 0 ||
		!explain_reply(asked.explanation->leaf, &reply, &err))
		return;
	answer = explain(scratch, doctor->explainer, &reply);
	if (answer->final != FINAL_DELIVERED ||
		addr_compare(&answer->leaf->last->packet->src, &loop->to) != 0)
		return;
	finding = finding_add(doctor, check, SEVERITY_RISK, loop->ns,
		arena_printf(arena, "%s-%zu", loop->chain->name, loop->at + 1));
	finding->title = arena_printf(arena,
		"who asks for %s:%u from the same bridge is answered by %s, which it did not ask",
		doctor_addr(doctor, &loop->asked), loop->dport, doctor_addr(doctor, &loop->to));
	finding->symptom =
		"A machine or container of the same network that connects to the public or service address hangs; a "
		"capture there shows answers from an inner address, and resets for them.";
	finding->owner =
		owner_of_rule(arena, loop->table, loop->chain, &loop->chain->rules[loop->at]);
	finding_prove_rule(doctor, finding, loop->table, loop->chain, loop->at + 1);
	finding_port(doctor, finding, port->name);
	finding_witness(doctor, finding, &asked.query);
	offer_masquerade(doctor, finding, loop, &client);
}

static void look_at_rule(struct doctor *doctor, const struct check *check, struct loop *loop)
{
	const struct rule *rule = &loop->chain->rules[loop->at];

	loop->dport = 80;
	(void)rule_dport(rule, &loop->dport);
	if (!target_of(rule, &loop->to) || !find_place(loop) || !find_asked(loop))
		return;
	look_at(doctor, check, loop);
	look_at_neighbour(doctor, check, loop);
}

static void run(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];
		size_t n_rules = 0;

		if (!ns->ruleset || !ns->n_links ||
			doctor_is_unread(doctor, check, ns, "links has_hairpin"))
			continue;
		for (size_t t = 0; t < ns->ruleset->n_tables; t++) {
			const struct table *table = &ns->ruleset->tables[t];

			for (size_t c = 0; c < table->n_chains; c++)
				for (size_t r = 0; r < table->chains[c].n_rules; r++) {
					struct loop loop = { .ns = ns,
						.table = table,
						.chain = &table->chains[c],
						.at = r };
					struct addr to;

					if (target_of(&table->chains[c].rules[r], &to) &&
						n_rules++ < MAX_RULES)
						look_at_rule(doctor, check, &loop);
				}
		}
	}
}

static const char *const references[] = {
	"https://github.com/kubernetes/kubernetes/issues/13375",
	"https://github.com/kubernetes/kubernetes/issues/20475",
	"https://github.com/kubernetes/kubernetes/issues/23657",
	"net/bridge/br_forward.c, should_deliver",
	NULL,
};

const struct check check_hairpin = {
	.id = "hairpin",
	.title = "DNAT that leads back to the port where a packet came in",
	.description =
		"Who asks for its own published address is sent back by DNAT; where the bridge does that itself "
		"(bridge-nf-call), it forwards no frame to the port that it came from, unless hairpin is on there; "
		"where it does not, a neighbour on the bridge answers past the host, with an address that nobody "
		"asked. Each rule of DNAT to a station of a bridge is asked with a packet of that very station and one "
		"of a neighbour, and with its answer.",
	.references = references,
	.run = run,
};
