// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packets of machines that rules of others lose: in the raw or mangle table (Docker's protection of containers' addresses), and in FORWARD
 * (a policy, or the catch-all of a firewall of the host, that was meant for what the host routes).
 */
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"

#define MAX_SHOWN 4 /* rules that are quoted */

struct cure {
	struct doctor *doctor;
	struct finding *finding;
	const struct harm_group *group;
	const struct table *table; /* whose rule or policy loses them */
	const struct chain *chain; /* where that stands */
	size_t number;		   /* 0: the policy */
};

static struct cure cure_of(
	struct doctor *doctor, struct finding *finding, const struct harm_group *group)
{
	const struct decider *decider = &group->shown->decider;

	return (struct cure){ .doctor = doctor,
		.finding = finding,
		.group = group,
		.table = decider->node->table,
		.chain = decider->node->rule_chain,
		.number = decider->number };
}

/* It is no longer lost here: what security groups say of it is theirs, and what NAT does to it is told by other checks. */
static bool is_passed(const struct explanation *after, const void *data)
{
	const struct cure *cure = data;
	const struct node *decider =
		after->final == FINAL_DROPPED ? leaf_decider(after->leaf) : NULL;

	return after->final == FINAL_DELIVERED || after->final == FINAL_REWRITTEN ||
	       (decider && decider_of(cure->doctor->arena, decider).port);
}

static const char *owner_words(const struct harm *harm)
{
	return harm->decider.owner.is_known ? harm->decider.owner.name : "a firewall of the host";
}

static const char undone_by_owner[] =
	"It stays until its owner writes the chain anew; what must stay belongs into that program's own settings.";

/* ---- raw-drop ---- */

static bool calls_neutron(const struct rule *rule)
{
	return rule->target.kind == TARGET_JUMP &&
	       text_has_prefix(rule->target.chain, "neutron-") &&
	       strstr(rule->target.chain, "PREROUTING");
}

/* Behind the jump of Neutron's that gives packets their zone of conntrack; in front of the rule that loses them that jump is made first. */
static void offer_raw_accept(const struct cure *cure)
{
	struct arena *arena = cure->doctor->arena;
	struct edits edits = { 0 };
	const struct chain *chain = cure->chain;
	const char *jump = NULL;
	size_t behind = 0;
	struct fix fix = { .name = "accept",
		.consequence =
			"Docker appends its rules, so this one stays in front of them. A process on another "
			"machine that can send to that bridge can reach containers' addresses by it.",
		.is_recommended = true };

	for (size_t i = 0; i < chain->n_rules; i++) {
		if (!calls_neutron(&chain->rules[i]))
			continue;
		behind = i + 1;
		jump = chain->rules[i].target.chain;
	}
	if (!cure->group->bridges.n)
		return;
	vec_for_each (harm, &cure->group->harms)
		if (behind >= (*harm)->decider.number)
			behind = 0;
	vec_for_each (bridge, &cure->group->bridges) {
		if (jump && !behind)
			edits_add(arena, &edits,
				host_edit_of_rule(arena, cure->table, chain, edits.n,
					arena_printf(arena, "-i %s -j %s", *bridge, jump), false));
		edits_add(arena, &edits,
			host_edit_of_rule(arena, cure->table, chain, behind + edits.n,
				arena_printf(arena, "-i %s -j ACCEPT", *bridge), false));
	}
	fix.words = arena_printf(arena,
		"a rule of %s, table %s, that takes what comes in by %s%s in front of them",
		chain->name, cure->table->name, cure->group->bridges.items[0],
		cure->group->bridges.n > 1 ? ", and so for each bridge" : "");
	fix.edits = edits.items;
	fix.n_edits = edits.n;
	(void)finding_fix(cure->doctor, cure->finding, &fix, is_passed, cure);
}

static void advise_docker(const struct cure *cure)
{
	bool is_nft = cure->table->source == SOURCE_NFT;

	finding_advise(cure->doctor, cure->finding, "allow-direct-routing",
		"dockerd's setting that leaves these rules out (28.2 and later)",
		"# in /etc/docker/daemon.json: { \"allow-direct-routing\": true }\n"
		"systemctl restart docker\n",
		is_nft ? "Containers' addresses can then be reached from the networks of the host. A drop of "
			 "nftables is final: no rule elsewhere can take it back. Or give Docker another "
			 "subnet (default-address-pools, bip), or the network the option "
			 "com.docker.network.bridge.trusted_host_interfaces with the bridges' names."
		       : "Containers' addresses can then be reached from the networks of the host. Before 28.2: "
			 "DOCKER_INSECURE_NO_IPTABLES_RAW=1 in dockerd's environment (28.0.2 and later). Or "
			 "give Docker another subnet (default-address-pools, bip).");
}

static bool is_at(const struct harm *harm, enum hook a, enum hook b)
{
	const struct node *node = harm->decider.node;

	return node->family != FAMILY_BRIDGE && (node->hook == a || node->hook == b);
}

/* Rules of one chain about addresses that no machine has yet are one risk: Docker writes one for each container. */
static bool is_one_risk(const struct harm_group *a, const struct harm_group *b)
{
	return !a->shown->is_felt && !b->shown->is_felt &&
	       a->shown->port->ns == b->shown->port->ns &&
	       a->shown->decider.node->rule_chain == b->shown->decider.node->rule_chain;
}

/* The group and those that are one risk with it; the first of them stands for all. */
static void merge(struct arena *arena, const struct harm_groups *groups,
	const struct harm_group *first, struct harm_group *ret)
{
	*ret = (struct harm_group){ .shown = first->shown };
	vec_for_each (group, groups) {
		if (group != first && !is_one_risk(group, first))
			continue;
		vec_for_each (harm, &group->harms)
			*vec_push(&ret->harms, arena) = *harm;
		vec_for_each (bridge, &group->bridges) {
			bool is_known = false;

			vec_for_each (known, &ret->bridges)
				is_known = is_known || strcmp(*known, *bridge) == 0;
			if (!is_known)
				*vec_push(&ret->bridges, arena) = *bridge;
		}
	}
}

static bool is_told(const struct harm_groups *groups, const struct harm_group *group)
{
	for (const struct harm_group *before = groups->items; before < group; before++)
		if (is_at(before->shown, HOOK_PREROUTING, HOOK_INGRESS) &&
			is_one_risk(before, group))
			return true;
	return false;
}

static void prove_others(struct doctor *doctor, struct finding *finding,
	const struct harm_groups *groups, const struct harm_group *first)
{
	size_t n = 1;

	vec_for_each (group, groups)
		if (group != first && is_one_risk(group, first) && n++ < MAX_SHOWN)
			finding_prove_rule(doctor, finding, group->shown->decider.node->table,
				group->shown->decider.node->rule_chain,
				group->shown->decider.number);
}

static void find_raw(struct doctor *doctor, const struct check *check,
	const struct harm_groups *groups, const struct harm_group *first)
{
	const struct harm *shown = first->shown;
	struct harm_group group;
	struct finding *finding =
		finding_add(doctor, check, shown->is_felt ? SEVERITY_BROKEN : SEVERITY_RISK,
			shown->port->ns, decider_id(doctor->arena, &shown->decider));
	struct cure cure;

	merge(doctor->arena, groups, first, &group);
	cure = cure_of(doctor, finding, &group);
	finding->title = arena_printf(doctor->arena,
		"%s loses bridged packets %s %s before any security group sees them%s",
		owner_words(shown), shown->is_egress ? "of" : "to", shown->port->link->name,
		shown->is_felt ? "" : ", when others choose such addresses");
	finding->symptom =
		"The machine with that address cannot be reached by anybody on this host: no answer, "
		"no ICMP error, nothing in the log; its neighbours can. Moved to a host without "
		"that container it works.";
	finding_add_harms(doctor, finding, &group);
	prove_others(doctor, finding, groups, first);
	if (cure.table->source != SOURCE_NFT)
		offer_raw_accept(&cure);
	if (strcmp(finding->owner.name, "Docker") == 0)
		advise_docker(&cure);
}

static void run_raw(struct doctor *doctor, const struct check *check)
{
	const struct harm_groups *groups = doctor_harms(doctor, check, HARM_LOST);

	vec_for_each (group, groups)
		if (is_at(group->shown, HOOK_PREROUTING, HOOK_INGRESS) && !is_told(groups, group))
			find_raw(doctor, check, groups, group);
}

static const char *const raw_references[] = {
	"https://github.com/moby/moby/pull/49325",
	"https://github.com/moby/moby/pull/52224",
	"https://github.com/moby/moby/issues/51015",
	"net/bridge/br_netfilter_hooks.c, br_nf_pre_routing",
	NULL,
};

const struct check check_raw_drop = {
	.id = "raw-drop",
	.title = "rules of raw and mangle that lose bridged packets",
	.description =
		"Docker 28 and later drops, in raw PREROUTING, what is sent to a container's address and does not come "
		"in by the container's bridge. Bridged packets of machines pass there too: a machine that has an "
		"address of a container (or, in a form that was proposed, of a container's subnet) cannot be reached "
		"on that host. Every packet of every port is walked; what a rule of PREROUTING loses is shown.",
	.references = raw_references,
	.run = run_raw,
};

/* ---- forward-drop ---- */

static const char *iface_match(const struct cure *cure, const char *key, const char *bridge)
{
	struct arena *arena = cure->doctor->arena;
	size_t len = strlen(bridge);
	bool is_open = len && bridge[len - 1] == '+';

	if (cure->table->source != SOURCE_NFT)
		return arena_printf(arena, "-%c %s", key[0], bridge);
	return arena_printf(arena, "%sifname \"%.*s%s\"", key, (int)(len - is_open), bridge,
		is_open ? "*" : "");
}

/* What lets packets of the bridge pass; is_back: of what is routed, the answers. */
static const char *accept_rule(const struct cure *cure, const char *bridge, bool is_back)
{
	struct arena *arena = cure->doctor->arena;
	bool is_nft = cure->table->source == SOURCE_NFT;
	const char *accept = is_nft ? "accept" : "-j ACCEPT";

	if (!cure->group->shown->is_routed)
		return arena_printf(arena, "%s %s %s",
			iface_match(cure, is_nft ? "i" : "in", bridge),
			iface_match(cure, is_nft ? "o" : "out", bridge), accept);
	if (!is_back)
		return arena_printf(
			arena, "%s %s", iface_match(cure, is_nft ? "i" : "in", bridge), accept);
	return arena_printf(arena, "%s %s %s", iface_match(cure, is_nft ? "o" : "out", bridge),
		is_nft ? "ct state established,related"
		       : "-m conntrack --ctstate RELATED,ESTABLISHED",
		accept);
}

/* Rules of that chain, the first at that place, for each bridge. */
static void offer_accept(
	const struct cure *cure, const struct chain *chain, size_t at, const struct fix *how)
{
	struct arena *arena = cure->doctor->arena;
	struct edits edits = { 0 };
	struct fix fix = *how;

	vec_for_each (bridge, &cure->group->bridges) {
		for (int is_back = 0; is_back <= cure->group->shown->is_routed; is_back++) {
			struct host_edit edit = host_edit_of_rule(arena, cure->table, chain,
				at + edits.n, accept_rule(cure, *bridge, is_back), false);

			edit.is_last = at == chain->n_rules;
			edits_add(arena, &edits, edit);
		}
	}
	fix.edits = edits.items;
	fix.n_edits = edits.n;
	(void)finding_fix(cure->doctor, cure->finding, &fix, is_passed, cure);
}

static bool is_called(const struct chain *from, const char *name)
{
	for (size_t i = 0; i < from->n_rules; i++)
		if (from->rules[i].target.kind == TARGET_JUMP && !from->rules[i].n_matches &&
			strcmp(from->rules[i].target.chain, name) == 0)
			return true;
	return false;
}

/* Where all packets of these bridges may pass without more ado: no security group is asked there. */
static bool has_groups(const struct cure *cure)
{
	vec_for_each (port, doctor_ports(cure->doctor)) {
		const char *pattern = bridge_pattern(port->bridge->name, false);

		vec_for_each (bridge, &cure->group->bridges)
			if (strcmp(*bridge, pattern) == 0 &&
				port->has_groups[cure->group->shown->family])
				return true;
	}
	return false;
}

static void offer_docker_user(const struct cure *cure)
{
	const struct chain *user = table_chain(cure->table, "DOCKER-USER");
	const struct chain *forward = cure->group->shown->decider.node->chain;
	const struct fix fix = { .name = "docker-user",
		.words = "a rule of DOCKER-USER, which Docker leaves to the administrator",
		.consequence =
			"It stays when Docker restarts, but not over a reboot: put it where your rules "
			"are kept. What passes there is not asked by the rules of FORWARD behind it.",
		.is_recommended = true };

	if (user && is_called(forward, "DOCKER-USER") && !has_groups(cure))
		offer_accept(cure, user, 0, &fix);
}

/* In front of what loses them, and behind all else: security groups are asked as before. */
static void offer_last(const struct cure *cure)
{
	struct fix fix = { .name = "accept", .consequence = undone_by_owner };
	size_t at = cure->number ? cure->number - 1 : cure->chain->n_rules;

	fix.words = arena_printf(cure->doctor->arena,
		"a rule of %s, in front of what loses them, that accepts what %s",
		cure->chain->name,
		cure->group->shown->is_routed ? "comes from that bridge, and the answers"
					      : "such a bridge forwards");
	fix.is_recommended = cure->finding->fixes.n == 0;
	offer_accept(cure, cure->chain, at, &fix);
}

static const char *forward_title(struct arena *arena, const struct harm *harm)
{
	const char *what = harm->decider.number ? "a rule of" : "the policy of";
	const char *chain = harm->decider.node->rule_chain->name;

	if (harm->is_routed)
		return arena_printf(arena, "%s %s loses all that machines on %s send out (%s)",
			what, chain, harm->port->bridge->name, owner_words(harm));
	return arena_printf(arena, "%s %s loses bridged packets %s %s (%s)", what, chain,
		harm->is_egress ? "of" : "to", harm->port->link->name, owner_words(harm));
}

/* Is the bridge a network that somebody serves: does a rule elsewhere accept what comes from there? */
static bool is_served(struct arena *arena, const struct netns *ns, const struct harm *harm)
{
	const char *bridge = harm->port->bridge->name;
	const char *const texts[] = { arena_printf(arena, "-i %s ", bridge),
		arena_printf(arena, "iifname \"%s\"", bridge),
		arena_printf(arena, "iif \"%s\"", bridge) };

	for (size_t t = 0; t < ns->ruleset->n_tables; t++) {
		const struct table *table = &ns->ruleset->tables[t];

		for (size_t c = 0; c < table->n_chains; c++) {
			const struct chain *chain = &table->chains[c];

			for (size_t r = 0; r < chain->n_rules; r++) {
				struct text text CLEANUP(text_done) = TEXT_INIT;

				if (chain->rules[r].target.kind != TARGET_ACCEPT)
					continue;
				table_print_rule(&text, table, &chain->rules[r]);
				for (size_t i = 0; i < N_OF(texts); i++)
					if (strstr(text.data, texts[i]))
						return true;
			}
		}
	}
	return false;
}

/* libvirt rejects what leaves an isolated network: who made the bridge may say so. */
static bool is_own(const struct harm *harm)
{
	const char *maker = owner_of_device(harm->port->bridge->name);

	return maker && strcmp(maker, harm->decider.owner.name) == 0;
}

static void find_forward(
	struct doctor *doctor, const struct harm_group *group, const struct check *check)
{
	const struct harm *shown = group->shown;
	const char *id = decider_id(doctor->arena, &shown->decider);
	struct finding *finding;
	struct cure cure;

	if (shown->is_routed &&
		(is_own(shown) || !is_served(doctor->arena, shown->port->ns, shown)))
		return;
	if (shown->is_routed)
		id = arena_printf(doctor->arena, "%s-%s", id, shown->port->bridge->name);
	finding = finding_add(doctor, check, SEVERITY_BROKEN, shown->port->ns, id);
	cure = cure_of(doctor, finding, group);
	finding->title = forward_title(doctor->arena, shown);
	finding->symptom =
		shown->is_routed
			? "Machines get an address and reach the host, but nothing beyond it. That another table "
			  "accepts their packets does not help: a drop of any base chain is final."
			: "Machines on the bridge reach neither each other nor the network, while ARP works; "
			  "IPv4 and IPv6 may differ, and of IPv6 neighbour discovery is lost too. It began when a "
			  "container engine or a firewall of the host was started, or br_netfilter was loaded.";
	finding_add_harms(doctor, finding, group);
	offer_docker_user(&cure);
	offer_last(&cure);
}

static void run_forward(struct doctor *doctor, const struct check *check)
{
	const struct harm_groups *groups = doctor_harms(doctor, check, HARM_LOST);

	vec_for_each (group, groups)
		if (group->shown->is_felt && is_at(group->shown, HOOK_FORWARD, HOOK_POSTROUTING))
			find_forward(doctor, group, check);
}

static const char *const forward_references[] = {
	"https://github.com/docker/for-linux/issues/949",
	"https://github.com/moby/moby/issues/39439",
	"https://github.com/moby/moby/issues/48365",
	"https://github.com/moby/moby/issues/52612",
	"https://github.com/moby/moby/pull/48492",
	"net/bridge/br_netfilter_hooks.c, br_nf_forward",
	NULL,
};

const struct check check_forward_drop = {
	.id = "forward-drop",
	.title = "a FORWARD policy or catch-all that loses packets of machines",
	.description =
		"With bridge-nf-call on, frames that a bridge forwards pass FORWARD. A policy DROP (Docker's, ufw's) or a "
		"catch-all of a firewall that was meant for what the host routes loses them where no rule accepts "
		"them; and of a bridge that the host routes for (libvirt's networks) it loses what libvirt's own "
		"table accepts, because every base chain must. Every packet of every port is walked; what the rules "
		"of security groups drop is no finding, nor is what a rule that nobody known wrote picks out.",
	.references = forward_references,
	.run = run_forward,
};
