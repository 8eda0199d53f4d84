// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The check of sources: the kernel's (rp_filter) for packets that a host gets or routes, and rules that ask the same (rpfilter). What
 * is expected behind a device is what its own routes say, its neighbours, and the machines of a bridge; a source that is
 * reached by another device is refused there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"

/* Asked about, for one device: who has all routes of the Internet is not kept waiting. */
#define MAX_NEIGHBOURS 256
#define MAX_ROUTES     256

/* ---- rp_filter ---- */

struct suspect {
	struct doctor *doctor;
	const struct check *check;
	const struct netns *ns;
	const struct link *link, *entry;
	const struct address *own;
};

static long number_of(const struct netns *ns, const char *name)
{
	const char *value = netns_sysctl(ns, name);

	return value ? strtol(value, NULL, 10) : 0;
}

static bool is_strict(struct doctor *doctor, const struct netns *ns, const struct link *link)
{
	long all = number_of(ns, "net.ipv4.conf.all.rp_filter");
	long own = number_of(ns, link_conf_name(doctor->arena, "ipv4", link, "rp_filter"));

	return (all > own ? all : own) == 1;
}

/* Within the prefix, and in no smaller one that another route leads to: what is left of it to this route alone. */
static bool is_covered(const struct netns *ns, const struct route *route, const struct addr *addr)
{
	for (size_t i = 0; i < ns->n_routes; i++)
		if (ns->routes[i].dst.len > route->dst.len &&
			ns->routes[i].dst.addr.family == addr->family &&
			prefix_contains(&ns->routes[i].dst, addr))
			return true;
	return false;
}

/* An IPv4 station of the route's network that no smaller route has; false: none was found. */
static bool find_station(const struct netns *ns, const struct route *route, struct addr *ret)
{
	uint32_t base = 0, size = route->dst.len ? (uint32_t)(UINT64_C(1) << (32 - route->dst.len))
						 : UINT32_MAX;
	/* for "all": addresses that a host on the Internet may have */
	static const uint32_t anywhere[] = { 0xcb00714d, 0x08080808, 0x01010101 };

	for (int i = 0; i < 4; i++)
		base = base << 8 | route->dst.addr.bytes[i];
	for (uint32_t i = 0; i < 8; i++) {
		uint32_t number =
			size < 4 ? base + (i ? size - 1 : 0) : base + 1 + (size - 2) / 8 * i;

		if (!route->dst.len && i >= N_OF(anywhere))
			return false;
		if (!route->dst.len)
			number = anywhere[i];
		*ret = (struct addr){ .family = FAMILY_IPV4,
			.bytes = { (uint8_t)(number >> 24), (uint8_t)(number >> 16),
				(uint8_t)(number >> 8), (uint8_t)number } };
		if (!is_covered(ns, route, ret))
			return true;
	}
	return false;
}

static bool is_loose_enough(const struct explanation *after, const void *data)
{
	(void)data;
	return after->leaf && after->leaf->drop != DROP_RP_FILTER;
}

static void offer_loose(const struct suspect *s, struct finding *finding)
{
	struct arena *arena = s->doctor->arena;
	struct host_edit *edit = arena_new_one(arena, struct host_edit);
	const char *name = link_conf_name(s->doctor->arena, "ipv4", s->link, "rp_filter");
	struct fix fix = { .name = "loose", .edits = edit, .n_edits = 1, .is_recommended = true };

	*edit = (struct host_edit){ .kind = HOST_EDIT_SYSCTL,
		.name = name,
		.value = "2",
		.before = netns_sysctl(s->ns, name) };
	fix.words = arena_printf(
		arena, "a loose source check at %s: any way back will do", s->link->name);
	fix.consequence =
		"It lasts until the next boot, unless a file of /etc/sysctl.d says it too. The larger one of "
		"net.ipv4.conf.all.rp_filter and the interface's counts: all = 2 would make every "
		"interface loose, and no interface can be strict then.";
	(void)finding_fix(s->doctor, finding, &fix, is_loose_enough, NULL);
}

static void tell(const struct suspect *s, const struct addr *source, enum severity severity,
	const struct query *witness, const struct route *expected)
{
	struct doctor *doctor = s->doctor;
	struct finding *finding = finding_add(doctor, s->check, severity, s->ns, s->link->name);
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct asked back = doctor_ask(doctor, scratch, s->ns, NULL,
		&(struct ask){ .proto = "icmp", .src = &s->own->local, .dst = source });
	const struct route *route = asked_route(&back);
	const struct link *away =
		route && route->n_hops ? netns_link_by_index(s->ns, route->hops[0].index) : NULL;

	finding->title = arena_printf(doctor->arena,
		"%s refuses packets from %s, because the way back to it leaves by %s",
		s->link->name, doctor_addr(doctor, source), away ? away->name : "nowhere");
	finding->symptom =
		"Packets are seen on the interface by a capture, and no program and no rule behind "
		"PREROUTING gets them; ping from there has no answer. Counted as IPReversePathFilter in nstat.";
	finding_prove_sysctl(doctor, finding, "net.ipv4.conf.all.rp_filter", NULL);
	finding_prove_sysctl(
		doctor, finding, link_conf_name(doctor->arena, "ipv4", s->link, "rp_filter"), NULL);
	if (expected)
		finding_prove(doctor, finding, "route", "expected here because of",
			doctor_route(doctor, s->ns, expected));
	if (route)
		finding_prove(doctor, finding, "route", "the way back",
			doctor_route(doctor, s->ns, route));
	finding_witness(doctor, finding, witness);
	offer_loose(s, finding);
}

/* Is a packet from there refused? Told then. */
static bool try_source(const struct suspect *s, const struct addr *source, enum severity severity,
	const struct route *expected)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct asked asked = doctor_ask(s->doctor, scratch, s->ns, s->entry,
		&(struct ask){ .proto = "icmp", .src = source, .dst = &s->own->local });

	if (!asked_is_lost(&asked, DROP_RP_FILTER))
		return false;
	tell(s, source, severity, &asked.query, expected);
	return true;
}

static bool is_on_link(const struct suspect *s, const struct addr *addr)
{
	for (size_t i = 0; i < s->ns->n_addresses; i++) {
		const struct address *address = &s->ns->addresses[i];
		struct prefix prefix = { .addr = address->local, .len = address->len };

		if (address->index == s->link->index && prefix_contains(&prefix, addr))
			return true;
	}
	return false;
}

/* Machines of the bridge that are in its network: they speak to the host without a router. */
static bool try_machines(struct suspect *s)
{
	vec_for_each (port, doctor_ports(s->doctor)) {
		if (port->ns != s->ns || port->bridge != s->link || !port->link->is_up)
			continue;
		vec_for_each (known, &port->addrs) {
			struct suspect one = *s;

			one.entry = port->link;
			if (known->addr.family == FAMILY_IPV4 && is_on_link(s, &known->addr) &&
				try_source(&one, &known->addr, SEVERITY_BROKEN, NULL))
				return true;
		}
	}
	return false;
}

static bool try_neighbours(const struct suspect *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->ns->n_neighbours && n < MAX_NEIGHBOURS; i++) {
		const struct neighbour *neighbour = &s->ns->neighbours[i];

		if (neighbour->index != s->link->index || !neighbour->has_mac ||
			neighbour->is_failed || neighbour->is_proxy ||
			neighbour->addr.family != FAMILY_IPV4)
			continue;
		n++;
		if (try_source(s, &neighbour->addr, SEVERITY_RISK, NULL))
			return true;
	}
	return false;
}

static bool leads_by(const struct route *route, const struct link *link)
{
	for (size_t i = 0; i < route->n_hops; i++)
		if (route->hops[i].index == link->index && !route->hops[i].is_dead &&
			!route->hops[i].is_linkdown)
			return true;
	return false;
}

/* A table that no rule names is nobody's expectation. */
static bool is_table_used(const struct netns *ns, uint32_t table)
{
	for (size_t i = 0; i < ns->n_rules; i++)
		if (ns->rules[i].action == RULE_LOOKUP && ns->rules[i].table == table)
			return true;
	return table == 254;
}

static bool try_routes(const struct suspect *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->ns->n_routes && n < MAX_ROUTES; i++) {
		const struct route *route = &s->ns->routes[i];
		struct addr station;

		if (route->type != ROUTE_UNICAST || route->dst.addr.family != FAMILY_IPV4 ||
			route->is_opaque || !leads_by(route, s->link) ||
			!is_table_used(s->ns, route->table))
			continue;
		n++;
		if (find_station(s->ns, route, &station) &&
			try_source(s, &station, SEVERITY_RISK, route))
			return true;
	}
	return false;
}

static bool is_any_unread(struct doctor *doctor, const struct check *check, const struct netns *ns)
{
	static const char *const needed[] = { "links", "addresses", "routes", "rules", "sysctls",
		"sysctl net.ipv4.conf.all.rp_filter" };

	for (size_t i = 0; i < N_OF(needed); i++)
		if (doctor_is_unread(doctor, check, ns, needed[i]))
			return true;
	return false;
}

static void look_at(struct doctor *doctor, const struct check *check, const struct netns *ns)
{
	for (size_t i = 0; i < ns->n_links; i++) {
		struct suspect s = {
			.doctor = doctor, .check = check, .ns = ns, .link = &ns->links[i]
		};

		/* one of a VRF is looked up in a table of its own */
		if (s.link->is_loopback || s.link->master_index || !is_strict(doctor, ns, s.link))
			continue;
		s.own = doctor_address_of(ns, s.link, FAMILY_IPV4);
		s.entry = doctor_entry_of(ns, s.link);
		if (s.own && s.entry && !try_machines(&s) && !try_neighbours(&s))
			(void)try_routes(&s);
	}
}

/* ---- rules ---- */

static bool asks_for_sources(const struct rule *rule)
{
	for (size_t i = 0; rule && i < rule->n_matches; i++)
		if (rule->matches[i].kind == MATCH_RPFILTER && rule->matches[i].inverted)
			return true;
	return false;
}

static bool is_passed(const struct explanation *after, const void *data)
{
	return after->final == FINAL_DELIVERED ||
	       (after->leaf && leaf_decider(after->leaf) &&
		       leaf_decider(after->leaf)->rule != data &&
		       !asks_for_sources(leaf_decider(after->leaf)->rule));
}

/* The rule no longer asks about what comes in by the machines' bridges. */
static void offer_spare(struct doctor *doctor, struct finding *finding, const struct harm *harm)
{
	struct arena *arena = doctor->arena;
	const struct node *node = harm->decider.node;
	const char *bridge = text_has_prefix(harm->port->bridge->name, "qbr")
				     ? "qbr+"
				     : harm->port->bridge->name;
	struct host_edit *edit = arena_new_one(arena, struct host_edit);
	struct text rule CLEANUP(text_done) = TEXT_INIT;
	struct fix fix = { .name = "spare", .edits = edit, .n_edits = 1, .is_recommended = true };

	for (size_t i = 0; i < node->rule->n_matches; i++)
		if (node->rule->matches[i].kind == MATCH_IN_IFACE)
			return;
	rule_print(&rule, node->table->family, node->rule);
	*edit = host_edit_of_rule(arena, node->table, node->rule_chain,
		(size_t)(node->rule - node->rule_chain->rules),
		arena_printf(arena, "! -i %s %s", bridge, rule.data), true);
	fix.words = arena_printf(arena, "the same rule, but not for what comes in by %s", bridge);
	fix.consequence = finding->owner.is_known
				  ? arena_printf(arena, "%s may write its own rule again.",
					    finding->owner.name)
				  : NULL;
	(void)finding_fix(doctor, finding, &fix, is_passed, node->rule);
}

static void tell_rule(struct doctor *doctor, const struct check *check, const struct harm *harm)
{
	struct finding *finding = finding_add(doctor, check,
		harm->is_felt ? SEVERITY_BROKEN : SEVERITY_RISK, harm->port->ns,
		arena_printf(doctor->arena, "%s-%zu", harm->decider.node->rule_chain->name,
			harm->decider.number));

	finding->title = arena_printf(doctor->arena,
		"a rule that asks for the way back to the source drops bridged packets of %s",
		harm->port->link->name);
	finding->symptom =
		"The machine's packets are seen at its tap and not at the other port of the "
		"bridge; ARP works. rp_filter may be 0: it is a rule that asks.";
	finding->owner = harm->decider.owner;
	finding_prove_rule(doctor, finding, harm->decider.node->table,
		harm->decider.node->rule_chain, harm->decider.number);
	finding_prove_filtered(doctor, finding, harm->port->bridge, harm->family);
	finding_port(doctor, finding, harm->port->link->name);
	finding_witness(doctor, finding, &harm->witness);
	offer_spare(doctor, finding, harm);
}

/* One finding for each rule: the worst, at all ports. */
static void look_at_rules(struct doctor *doctor, const struct check *check)
{
	const struct sweep *sweep = doctor_sweep(doctor, check);

	for (size_t i = 0; i < sweep->n; i++) {
		const struct harm *shown = &sweep->items[i];
		struct finding *finding = NULL;
		bool is_first = true;

		if (shown->kind != HARM_LOST || !asks_for_sources(shown->decider.node->rule))
			continue;
		for (size_t j = 0; j < i; j++)
			is_first = is_first &&
				   sweep->items[j].decider.node->rule != shown->decider.node->rule;
		for (size_t j = i; is_first && j < sweep->n; j++)
			if (sweep->items[j].decider.node->rule == shown->decider.node->rule &&
				sweep->items[j].is_felt && !shown->is_felt)
				shown = &sweep->items[j];
		if (!is_first)
			continue;
		tell_rule(doctor, check, shown);
		finding = doctor->diagnosis->findings.items[doctor->diagnosis->findings.n - 1];
		for (size_t j = i; j < sweep->n; j++)
			if (sweep->items[j].decider.node->rule == shown->decider.node->rule)
				finding_port(doctor, finding, sweep->items[j].port->link->name);
	}
}

static void run(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++)
		if (!is_any_unread(doctor, check, &doctor->host->netns[n]))
			look_at(doctor, check, &doctor->host->netns[n]);
	look_at_rules(doctor, check);
}

static const char *const references[] = {
	"https://github.com/projectcalico/calicoctl/issues/1082",
	"https://github.com/projectcalico/felix/issues/2082",
	"https://github.com/projectcalico/calico/issues/4630",
	"https://github.com/coreos/fedora-coreos-tracker/issues/219",
	"net/ipv4/fib_frontend.c, __fib_validate_source",
	NULL,
};

const struct check check_rp_filter = {
	.id = "rp-filter",
	.title = "packets refused because the way back to their source leaves elsewhere",
	.description =
		"With rp_filter = 1 an interface takes only packets whose source the routing tables reach by that "
		"same interface; on a host with several ways out, what comes in by the other one is dropped "
		"without a trace. Asked is about what must be expected at each interface: its neighbours, the "
		"machines of a bridge, and stations of the networks that routes say are behind it. Rules with "
		"rpfilter --invert that drop bridged packets of machines are found by what they do.",
	.references = references,
	.run = run,
};
