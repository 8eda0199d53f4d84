// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ports of containers that are open although INPUT is not. DNAT takes a published port's packets before the host sees them as its own: they are
 * forwarded, INPUT is never asked, and who closed the port there (ufw, firewalld's zones, a rule by hand) closed nothing.
 * INPUT is asked about the same packet as if there were no DNAT; only where it drops is anything told.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"

/* A port of the host's address, seen from outside. */
struct published {
	const struct netns *ns;
	const struct link *outside;
	const struct node *rewriter; /* whose DNAT it is */
	uint8_t proto;
	uint16_t port;
	struct query query;
	/* INPUT's */
	const struct table *table;
	const struct chain *chain;
	const struct rule *rule; /* NULL: the policy */
};

/* ---- which ports ---- */

static const struct node *find_dnat(const struct leaf *leaf)
{
	for (const struct node *node = leaf->last; node; node = node->before) {
		const struct node *by = node->kind == NODE_NAT ? node_rewriter(node) : NULL;

		if (by && by->hook == HOOK_PREROUTING)
			return by;
	}
	return NULL;
}

/* What INPUT would say to it, had nobody rewritten it. False: it lets it in, or it cannot be told. */
static bool is_closed_by_input(struct doctor *doctor, struct published *p)
{
	struct outcomes outcomes = { 0 };
	struct packet packet = p->query.packet;
	struct eval eval = { .arena = doctor->arena, .rs = p->ns->ruleset, .hook = HOOK_INPUT };

	packet.in_iface = p->outside->name;
	packet.ct_state = CT_NEW;
	ruleset_eval_hook(&eval, packet.src.family, NULL, false, &packet, NULL, NULL, &outcomes);
	if (!outcomes.n)
		return false;
	vec_for_each (outcome, &outcomes)
		if (outcome->verdict != VERDICT_DROP && outcome->verdict != VERDICT_REJECT)
			return false;
	p->table = outcomes.items[0].table;
	p->chain = outcomes.items[0].chain;
	p->rule = outcomes.items[0].rule;
	return p->table && p->chain;
}

/* Is it said of this port, and not of all that nobody let in? */
static bool is_meant(const struct published *p)
{
	const struct match *dport = p->rule ? rule_match(p->rule, MATCH_DPORT) : NULL;
	uint16_t port;

	if (dport)
		return dport->ports.n_ranges == 1 && dport->ports.ranges[0].min == p->port &&
		       dport->ports.ranges[0].max == p->port;
	return p->rule && rule_dport(p->rule, &port) && port == p->port;
}

/* ---- the fix ---- */

static bool is_closed(const struct explanation *after, const void *data)
{
	(void)data;
	return after->final == FINAL_DROPPED || after->final == FINAL_REJECTED;
}

static void offer_rule(struct doctor *doctor, struct finding *finding, const struct published *p)
{
	const struct table *table =
		ruleset_table(p->ns->ruleset, p->query.packet.dst.family, "filter");
	const struct chain *user = table ? table_chain(table, "DOCKER-USER") : NULL;
	struct host_edit edit;
	struct fix fix = { .name = "docker-user", .edits = &edit, .n_edits = 1 };

	if (!user)
		return;
	edit = host_edit_of_rule(doctor->arena, table, user, 0,
		arena_printf(doctor->arena,
			"-i %s -p %s -m conntrack --ctorigdstport %u --ctdir ORIGINAL -j DROP",
			p->outside->name, p->proto == PROTO_UDP ? "udp" : "tcp", p->port),
		false);
	fix.words = arena_printf(doctor->arena,
		"a rule in DOCKER-USER that drops what came to port %u by %s", p->port,
		p->outside->name);
	fix.consequence =
		"Nobody reaches the port by that device any more; put \"-s NETWORK -j RETURN\" rules in front "
		"for who may. Docker keeps what is in DOCKER-USER; a reload of firewalld or ufw may lose it.";
	doctor->closed = &p->query;
	(void)finding_fix(doctor, finding, &fix, is_closed, NULL);
	doctor->closed = NULL;
}

/* ---- telling ---- */

static void report(struct doctor *doctor, const struct check *check, const struct published *p)
{
	struct arena *arena = doctor->arena;
	const char *proto = p->proto == PROTO_UDP ? "udp" : "tcp";
	struct decider dnat = decider_of(arena, p->rewriter);
	bool is_said = is_meant(p);
	struct finding *finding =
		finding_add(doctor, check, is_said ? SEVERITY_OPEN : SEVERITY_RISK, p->ns,
			arena_printf(arena, "%s-%s-%u%s", p->outside->name, proto, p->port,
				p->query.packet.dst.family == FAMILY_IPV6 ? "-ip6" : ""));

	finding->title = arena_printf(arena,
		"port %u (%s) is open to a container by %s, although %s of INPUT %s", p->port,
		proto, p->outside->name, p->rule ? "a rule" : "the policy",
		is_said ? "closes just this port" : "lets in nobody who is not named");
	finding->symptom =
		"The service is reached from outside, while the host's firewall says that the port is closed.";
	finding->owner = dnat.owner;
	finding_prove_rule(
		doctor, finding, p->rewriter->table, p->rewriter->rule_chain, dnat.number);
	finding_prove_rule(doctor, finding, p->table, p->chain,
		p->rule ? (size_t)(p->rule - p->chain->rules) + 1 : 0);
	finding_port(doctor, finding, p->outside->name);
	finding_witness(doctor, finding, &p->query);
	offer_rule(doctor, finding, p);
	finding_advise(doctor, finding, "publish", "the port is published for the host itself only",
		arena_printf(arena, "docker run -p 127.0.0.1:%u:PORT ...\n", p->port),
		"For services that only the host, or a proxy on it, shall reach; the container has to be "
		"made anew.");
}

static void look(struct doctor *doctor, const struct check *check, struct published *p,
	const struct side *outside)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	const struct explanation *explanation;

	p->outside = outside->link;
	if (!service_query(doctor, p->ns, outside, p->proto, p->port, &p->query))
		return;
	explanation = explain(scratch, doctor->explainer, &p->query);
	if (explanation->final != FINAL_REWRITTEN)
		return;
	p->rewriter = find_dnat(explanation->leaf);
	/* a container, not another machine of the network */
	if (!p->rewriter || explanation->leaf->last->link == p->outside ||
		!is_closed_by_input(doctor, p))
		return;
	report(doctor, check, p);
}

static void run(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];

		for (unsigned family = 0; ns->ruleset && family < N_IP_FAMILIES; family++) {
			struct sides outsides = { 0 };
			struct service_ports ports = { 0 };

			services_find_published(doctor, ns, (enum family)family, &outsides, &ports);
			vec_for_each (port, &ports) {
				vec_for_each (outside, &outsides) {
					struct published p = {
						.ns = ns, .proto = port->proto, .port = port->port
					};

					look(doctor, check, &p, outside);
				}
			}
		}
	}
}

static const char *const references[] = {
	"https://docs.docker.com/engine/network/packet-filtering-firewalls/ (Docker and ufw)",
	"https://github.com/moby/moby/issues/4737",
	"net/ipv4/ip_input.c, ip_rcv_finish",
	NULL,
};

const struct check check_published_port_open = {
	.id = "published-port-open",
	.title = "published ports of containers that INPUT seems to close",
	.description =
		"A published port is rewritten to the container's address before routing: its packets are forwarded, and rules of INPUT (ufw, "
		"a policy DROP, a rule for the port) are never asked. Found are ports of DNAT rules that a stranger reaches by a device of the "
		"host, while INPUT drops the same packet as it came. Open where a rule of INPUT closes just this port, else a risk: the "
		"port may be meant to be public.",
	.references = references,
	.run = run,
};
