// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules that are there, and do not do what their owner thinks: nothing calls them, they are there twice, or no packet meets them. */
#include <string.h>

#include "base/map.h"
#include "base/text.h"
#include "doctor/checks.h"
#include "packet/expr.h"
#include "prove/audit.h"
#include "ruleset/edit.h"

#define MAX_SHOWN 5

static bool is_of_iptables(const struct table *table)
{
	return table->source == SOURCE_IPTABLES || table->source == SOURCE_IPTABLES_LEGACY;
}

/* ---- rules-vanished ---- */

/* Programs that jump into their own chains from the built-in ones, and how they write the jumps again. */
static const struct maker {
	const char *name; /* of the owner */
	const char *restart;
	const char *symptom;
} makers[] = {
	{ "Docker", "systemctl restart docker\n",
		"Containers lose their published ports, their way out or their isolation, while docker ps shows "
		"nothing wrong. It began when a firewall was reloaded (firewalld, ufw, iptables-restore)." },
	{ "libvirt", "systemctl restart virtnetworkd || systemctl restart libvirtd\n",
		"Machines of libvirt's networks get no lease or no way out, while virsh net-list shows the network "
		"active. It began when a firewall was reloaded (firewalld, ufw, iptables-restore)." },
};

static bool is_makers(const struct maker *maker, const char *owner)
{
	return owner && strcmp(owner, maker->name) == 0;
}

/* A bridge of that program's that is up; NULL: it has none here. */
static const struct link *bridge_of(const struct netns *ns, const struct maker *maker)
{
	for (size_t i = 0; i < ns->n_links; i++)
		if (ns->links[i].is_up && strcmp(ns->links[i].kind, "bridge") == 0 &&
			is_makers(maker, owner_of_device(ns->links[i].name)))
			return &ns->links[i];
	return NULL;
}

static bool is_chain_of(struct arena *arena, const struct table *table, const struct chain *chain,
	const struct maker *maker)
{
	return !chain->is_base && is_makers(maker, owner_of_rule(arena, table, chain, NULL).name);
}

/* A chain of theirs with rules; NULL: one of them is called from a built-in chain, or there is none. */
static const struct chain *find_uncalled(
	struct arena *arena, const struct table *table, const struct maker *maker)
{
	const struct chain *found = NULL;

	for (size_t c = 0; c < table->n_chains; c++) {
		const struct chain *chain = &table->chains[c];

		if (!found && chain->n_rules && is_chain_of(arena, table, chain, maker))
			found = chain;
		for (size_t r = 0; r < chain->n_rules; r++) {
			const char *name = rule_called_chain(&chain->rules[r]);
			const struct chain *called = name ? table_chain(table, name) : NULL;

			/* another program's chain may call it: it is called then */
			if (called && !is_chain_of(arena, table, chain, maker) &&
				is_chain_of(arena, table, called, maker))
				return NULL;
		}
	}
	return found;
}

/* What a station of the bridge sends to anybody: lost is what that shows. */
static bool find_loss(struct doctor *doctor, const struct netns *ns, const struct link *bridge,
	enum family family, struct query *ret)
{
	const struct addr far = doctor_anybody(family);
	struct sides bridges = { 0 }, outsides = { 0 };
	struct err err;

	doctor_sides(doctor, ns, family, &bridges, &outsides);
	vec_for_each (side, &bridges) {
		struct arena *scratch CLEANUP(arena_freep) = arena_new();
		const struct explanation *answer;

		*ret = (struct query){ .from = FROM_DEVICE, .ns = ns, .in = side->port };
		if (side->link != bridge ||
			!packet_expr_parse(packet_text(doctor, &side->station, &far, PROTO_TCP, 80,
						   side->link->mac),
				&ret->packet, &err))
			continue;
		answer = explain(scratch, doctor->explainer, ret);
		if ((answer->final == FINAL_DROPPED || answer->final == FINAL_REJECTED) &&
			leaf_decider(answer->leaf))
			return true;
	}
	return false;
}

static void find_vanished(struct doctor *doctor, const struct check *check, const struct netns *ns,
	const struct table *table, const struct maker *maker)
{
	const struct link *bridge = bridge_of(ns, maker);
	const struct chain *chain = bridge ? find_uncalled(doctor->arena, table, maker) : NULL;
	struct finding *finding;
	struct query loss;

	if (!chain)
		return;
	finding = finding_add(doctor, check, SEVERITY_HINT, ns,
		arena_printf(doctor->arena, "%s-%s", table_program(table), table->name));
	finding->title = arena_printf(doctor->arena,
		"nothing calls %s's chains in table %s (%s): %s is there, and no packet meets its rules",
		maker->name, table->name, table_program(table), bridge->name);
	finding->symptom = maker->symptom;
	finding->owner = owner_of_rule(doctor->arena, table, chain, NULL);
	finding_prove_rule(doctor, finding, table, chain, 1);
	finding_prove(
		doctor, finding, "link", "", arena_printf(doctor->arena, "%s is up", bridge->name));
	if (strcmp(table->name, "filter") == 0 &&
		find_loss(doctor, ns, bridge, table->family, &loss)) {
		finding->severity = SEVERITY_BROKEN;
		finding_witness(doctor, finding, &loss);
	}
	finding_advise(doctor, finding, "restart",
		arena_printf(doctor->arena, "%s writes its jumps anew when it starts", maker->name),
		maker->restart,
		"What it serves is away for that time, unless it keeps it over a restart.");
}

static void run_vanished(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];

		for (size_t t = 0; ns->ruleset && t < ns->ruleset->n_tables; t++)
			for (size_t m = 0; m < N_OF(makers); m++)
				if (is_of_iptables(&ns->ruleset->tables[t]))
					find_vanished(doctor, check, ns, &ns->ruleset->tables[t],
						&makers[m]);
	}
}

static const char *const vanished_references[] = {
	"https://github.com/firewalld/firewalld/issues/503",
	"https://github.com/moby/moby/issues/16137",
	"https://github.com/moby/moby/issues/16816",
	NULL,
};

const struct check check_rules_vanished = {
	.id = "rules-vanished",
	.title = "chains of Docker or libvirt that nothing calls any more",
	.description =
		"A reload of a firewall writes FORWARD, PREROUTING and POSTROUTING anew, without the jumps that Docker and "
		"libvirt had put there; their chains stay, and so do their bridges. Found are chains of theirs with "
		"rules, in a table where nothing calls any of them, while a bridge of theirs is up.",
	.references = vanished_references,
	.run = run_vanished,
};

/* ---- duplicate-rules ---- */

struct rule_place {
	const struct table *table;
	const struct chain *chain;
	size_t number;
};
struct places_found {
	VEC(struct rule_place);
};

/* A second one never does anything, or does the same once more. */
static bool is_pointless_twice(const struct rule *rule)
{
	switch (rule->target.kind) {
	case TARGET_ACCEPT:
	case TARGET_DROP:
	case TARGET_RETURN:
	case TARGET_REJECT:
	case TARGET_JUMP:
	case TARGET_GOTO:
	case TARGET_MARK:
	case TARGET_NAT:
		break;
	default:
		return false;
	}
	for (size_t i = 0; i < rule->n_matches; i++)
		if (match_not_understood(&rule->matches[i]))
			return false;
	return true;
}

static void read_chain(struct arena *arena, const struct table *table, const struct chain *chain,
	struct places_found *ret)
{
	struct map *known = map_new(arena);
	struct text text CLEANUP(text_done) = TEXT_INIT;

	for (size_t r = 0; r < chain->n_rules; r++) {
		const struct rule *rule = &chain->rules[r];

		if (!is_pointless_twice(rule))
			continue;
		text.len = 0;
		table_print_rule(&text, table, rule);
		if (map_add(known, arena_strdup(arena, text.data), (void *)rule))
			*vec_push(ret, arena) = (struct rule_place){ table, chain, r + 1 };
	}
}

static const char *delete_commands(struct arena *arena, const struct places_found *found)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = found->n; i > 0; i--) {
		const struct rule_place *place = &found->items[i - 1];

		text_addf(&text, "%s -t %s -D %s %zu\n", table_program(place->table),
			place->table->name, place->chain->name, place->number);
	}
	return arena_strdup(arena, text.data ? text.data : "");
}

static void find_duplicates(
	struct doctor *doctor, const struct check *check, const struct netns *ns)
{
	struct places_found found = { 0 };
	struct edits edits = { 0 };
	struct finding *finding;
	struct fix fix = { .name = "delete",
		.words = "the later ones are deleted",
		.consequence =
			"Their owner may add them again: run one version of iptables on the host and in its "
			"containers.",
		.is_recommended = true };

	for (size_t t = 0; t < ns->ruleset->n_tables; t++) {
		const struct table *table = &ns->ruleset->tables[t];

		for (size_t c = 0; is_of_iptables(table) && c < table->n_chains; c++)
			read_chain(doctor->arena, table, &table->chains[c], &found);
	}
	if (!found.n)
		return;
	finding = finding_add(doctor, check, SEVERITY_HINT, ns, NULL);
	finding->title = arena_printf(doctor->arena, "%zu %s there twice in one chain", found.n,
		found.n == 1 ? "rule is" : "rules are");
	finding->symptom =
		"Lists of rules grow with each restart. It happens when a program looks for its rule and does not "
		"know it again: written by one version of iptables and read by another, or through the other "
		"back end.";
	finding->owner = owner_of_rule(doctor->arena, found.items[0].table, found.items[0].chain,
		&found.items[0].chain->rules[found.items[0].number - 1]);
	for (size_t i = 0; i < found.n && i < MAX_SHOWN; i++)
		finding_prove_rule(doctor, finding, found.items[i].table, found.items[i].chain,
			found.items[i].number);
	for (size_t i = found.n; i > 0; i--)
		edits_add(doctor->arena, &edits,
			host_edit_of_rule(doctor->arena, found.items[i - 1].table,
				found.items[i - 1].chain, found.items[i - 1].number - 1, NULL,
				false));
	fix.edits = edits.items;
	fix.n_edits = edits.n;
	fix.commands = delete_commands(doctor->arena, &found);
	fix.undo = "";
	/* deleted by its words, the first of two equal ones would go: by hand only, by number */
	if (finding_fix(doctor, finding, &fix, NULL, NULL))
		finding->fixes.items[0].n_edits = 0;
}

static void run_duplicates(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++)
		if (doctor->host->netns[n].ruleset)
			find_duplicates(doctor, check, &doctor->host->netns[n]);
}

static const char *const duplicate_references[] = {
	"https://github.com/kubernetes/kubernetes/issues/112477",
	"https://github.com/kubernetes/kubernetes/issues/71305",
	NULL,
};

const struct check check_duplicate_rules = {
	.id = "duplicate-rules",
	.title = "rules that are there twice",
	.description =
		"A program that adds its rule when it does not find it adds it again and again when it does not know it: "
		"versions and back ends of iptables print and read some matches differently. Found are equal rules in "
		"one chain whose second one does nothing or the same once more.",
	.references = duplicate_references,
	.run = run_duplicates,
};

/* ---- dead-rules ---- */

#define MAX_RULES 20000 /* of a namespace: more take too long */

static size_t count_rules(const struct ruleset *rs)
{
	size_t n = 0;

	for (size_t t = 0; t < rs->n_tables; t++)
		for (size_t c = 0; c < rs->tables[t].n_chains; c++)
			n += rs->tables[t].chains[c].n_rules;
	return n;
}

/* Is there a rule that no known program wrote? Else there is nothing to be told. */
static bool has_own_rules(const struct ruleset *rs)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();

	for (size_t t = 0; t < rs->n_tables; t++)
		for (size_t c = 0; c < rs->tables[t].n_chains; c++) {
			const struct chain *chain = &rs->tables[t].chains[c];

			for (size_t r = 0; r < chain->n_rules; r++)
				if (!owner_of_rule(scratch, &rs->tables[t], chain, &chain->rules[r])
						.is_known)
					return true;
		}
	return false;
}

/* Programs write rules for what may come; by hand one writes rules for what one has. */
static bool is_worth_telling(struct arena *arena, const struct audit_dead *dead)
{
	return !dead->is_unsure && dead->rule.rule && dead->rule.rule->target.kind != TARGET_NONE &&
	       (dead->reason == DEAD_SHADOWED || dead->reason == DEAD_CONTRADICTION) &&
	       !audit_rule_owner(arena, &dead->rule).is_known &&
	       strcmp(dead->rule.table->name, "nat") != 0;
}

static const char *reason_words(struct arena *arena, const struct audit_dead *dead)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	audit_rule_print(&text, &dead->rule);
	if (dead->reason == DEAD_CONTRADICTION)
		text_add(&text, ": no packet has all that it asks for");
	else
		text_add(&text, ": taken by ");
	if (dead->reason == DEAD_SHADOWED && !dead->by.n)
		text_add(&text, "earlier rules");
	for (size_t i = 0; i < dead->by.n && i < 2; i++) {
		text_add(&text, i ? ", " : "");
		audit_rule_print(&text, &dead->by.items[i]);
	}
	return arena_strdup(arena, text.data);
}

static void add_dead(struct doctor *doctor, struct finding **finding, const struct check *check,
	const struct netns *ns, const struct audit_dead *dead)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	if (!*finding)
		*finding = finding_add(doctor, check, SEVERITY_HINT, ns, NULL);
	if ((*finding)->proofs.n >= MAX_SHOWN)
		return;
	audit_rule_print_text(&text, &dead->rule);
	finding_prove(doctor, *finding, "rule", reason_words(doctor->arena, dead), text.data);
}

/* One base chain: what other chains make of packets before it is left open, or marks would make it endless. */
static void find_dead_at(struct doctor *doctor, const struct check *check, const struct netns *ns,
	enum family family, const char *place, struct finding **finding, size_t *n)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct sets *sets = audit_world(ns->ruleset, NULL, NULL, 0);
	struct audit_deads deads = { 0 };
	struct audit *audit = NULL;
	struct err err;

	if (audit_new(scratch, sets, ns->ruleset, family, place, NULL, &audit, &err) &&
		audit_find_dead(audit, scratch, &deads, &err)) {
		for (size_t i = 0; i < deads.n_dead; i++) {
			if (!is_worth_telling(scratch, &deads.dead[i]))
				continue;
			add_dead(doctor, finding, check, ns, &deads.dead[i]);
			(*n)++;
		}
	} else {
		doctor_untold(doctor, check, arena_strdup(doctor->arena, err.text), NULL);
	}
	sets_free(sets);
}

static bool is_filter(const struct table *table, const struct chain *chain)
{
	if (!chain->is_base || !chain->n_rules || table->is_of_iptables)
		return false;
	return table->source == SOURCE_NFT
		       ? chain->type && strcmp(chain->type, "filter") == 0
		       : is_of_iptables(table) && strcmp(table->name, "filter") == 0;
}

static void find_dead(struct doctor *doctor, const struct check *check, const struct netns *ns)
{
	struct finding *finding = NULL;
	size_t n = 0;

	for (unsigned family = 0; family < N_IP_FAMILIES; family++) {
		struct map *asked = map_new(doctor->arena);

		for (size_t t = 0; t < ns->ruleset->n_tables; t++) {
			const struct table *table = &ns->ruleset->tables[t];

			for (size_t c = 0; c < table->n_chains; c++) {
				const struct chain *chain = &table->chains[c];
				const char *place = arena_printf(
					doctor->arena, "%s/%s", table->name, chain->name);

				/* not of inet: a rule may be dead for one family and live for the other */
				if (is_filter(table, chain) && table->family == family &&
					!map_add(asked, place, (void *)chain))
					find_dead_at(doctor, check, ns, (enum family)family, place,
						&finding, &n);
			}
		}
	}
	if (!finding)
		return;
	finding->title = arena_printf(
		doctor->arena, "no packet can match %zu %s", n, n == 1 ? "rule" : "rules");
	finding->symptom =
		"A rule that somebody counts on does nothing, because others before it take all its packets: "
		"what it was to drop may pass, what it was to let pass may be lost.";
	finding->owner = (struct owner){ .name = "nobody known",
		.evidence = "no program that is known here writes such rules" };
	finding_advise(doctor, finding, "audit",
		"all of them, with the rules that take their packets", "portwall audit\n", NULL);
}

static void run_dead(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];

		if (!ns->ruleset || !has_own_rules(ns->ruleset))
			continue;
		if (count_rules(ns->ruleset) > MAX_RULES)
			doctor_untold(doctor, check, "so many rules are not looked at here",
				"portwall audit does");
		else
			find_dead(doctor, check, ns);
	}
}

static const char *const dead_references[] = {
	"https://github.com/diekmann/Iptables_Semantics",
	NULL,
};

const struct check check_dead_rules = {
	.id = "dead-rules",
	.title = "rules of the host's own that no packet can match",
	.description =
		"A rule behind one that takes all its packets, or that asks for what no packet has, does nothing. All "
		"packets are asked at once, which proves it. Told are rules that no known program wrote, the first few "
		"of them; portwall audit has all.",
	.references = dead_references,
	.run = run_dead,
};
