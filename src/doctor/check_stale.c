// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules left behind: they name a bridge that only one program makes, and that is not there. dockerd leaves all its rules when it ends, and a
 * daemon that is told to write none (iptables=false, bridge=none) does not remove those of the one before it.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"

#define MAX_SHOWN 8

struct stale {
	const struct table *table;
	const struct chain *chain;
	size_t number; /* in the chain, from 1 */
};
/* All that name one device. */
struct stales {
	const char *device;
	VEC(struct stale);
};
struct devices {
	VEC(struct stales);
};

/* Programs whose bridges are there for as long as their rules are. */
static bool makes_bridges_for_good(const char *owner)
{
	static const char *const names[] = { "Docker", "libvirt", "LXD", "Incus", "LXC" };

	for (size_t i = 0; owner && i < N_OF(names); i++)
		if (strcmp(owner, names[i]) == 0)
			return true;
	return false;
}

/* The device that it names, and that is gone; NULL: none. */
static const char *gone_device(const struct netns *ns, const struct rule *rule)
{
	for (size_t i = 0; i < rule->n_matches; i++) {
		const struct match *match = &rule->matches[i];

		if (match->kind != MATCH_IN_IFACE && match->kind != MATCH_OUT_IFACE)
			continue;
		if (!strchr(match->name, '+') && !netns_link(ns, match->name) &&
			makes_bridges_for_good(owner_of_device(match->name)))
			return match->name;
	}
	return NULL;
}

static struct stales *stales_of(struct arena *arena, struct devices *devices, const char *device)
{
	struct stales *stales;

	vec_for_each (known, devices)
		if (strcmp(known->device, device) == 0)
			return known;
	stales = vec_push(devices, arena);
	stales->device = device;
	return stales;
}

static void read_chain(struct arena *arena, const struct netns *ns, const struct table *table,
	const struct chain *chain, struct devices *devices)
{
	for (size_t r = 0; r < chain->n_rules; r++) {
		const char *device = gone_device(ns, &chain->rules[r]);

		if (device)
			*vec_push(stales_of(arena, devices, device), arena) =
				(struct stale){ table, chain, r + 1 };
	}
}

static bool is_of_iptables(const struct table *table)
{
	return table->source == SOURCE_IPTABLES || table->source == SOURCE_IPTABLES_LEGACY;
}

static bool is_by_one_of(const struct harm *harm, const struct stales *stales)
{
	vec_for_each (stale, stales)
		if (harm->decider.node->rule == &stale->chain->rules[stale->number - 1])
			return true;
	return false;
}

/* The worst that they do is shown; the fix must cure all of it. */
static void add_harms(struct doctor *doctor, const struct check *check, struct finding *finding,
	const struct stales *stales)
{
	const struct harm *worst = NULL;

	vec_for_each (harm, doctor_sweep(doctor, check))
		if (is_by_one_of(harm, stales) && (!worst || (harm->is_felt && !worst->is_felt)))
			worst = harm;
	if (!worst)
		return;
	finding->severity = worst->is_felt ? SEVERITY_BROKEN : SEVERITY_RISK;
	finding_prove_filtered(doctor, finding, worst->port->bridge, worst->family);
	finding_witness(doctor, finding, &worst->witness);
	vec_for_each (harm, doctor_sweep(doctor, check)) {
		if (!is_by_one_of(harm, stales))
			continue;
		finding_port(doctor, finding, harm->port->link->name);
		*vec_push(&finding->others, doctor->arena) = harm->witness;
	}
}

/* From the last one to the first, so that those before it stay where they are. */
static void offer_delete(
	struct doctor *doctor, struct finding *finding, const struct stales *stales)
{
	struct edits edits = { 0 };
	struct fix fix = { .name = "delete",
		.consequence = "Should that program come back it writes its rules anew.",
		.is_recommended = true };

	for (size_t i = stales->n; i > 0; i--) {
		const struct stale *stale = &stales->items[i - 1];

		edits_add(doctor->arena, &edits,
			host_edit_of_rule(doctor->arena, stale->table, stale->chain,
				stale->number - 1, NULL, false));
	}
	fix.edits = edits.items;
	fix.n_edits = edits.n;
	fix.words = arena_printf(doctor->arena,
		"the %zu rules that name %s are deleted, and no other", stales->n, stales->device);
	(void)finding_fix(doctor, finding, &fix, is_untouched, NULL);
}

static void find(struct doctor *doctor, const struct check *check, const struct netns *ns,
	const struct stales *stales)
{
	const char *maker = owner_of_device(stales->device);
	struct finding *finding = finding_add(doctor, check, SEVERITY_HINT, ns, stales->device);

	finding->title =
		arena_printf(doctor->arena, "%zu %s of %s's left behind: %s, which %s, is gone",
			stales->n, stales->n == 1 ? "rule" : "rules", maker, stales->device,
			stales->n == 1 ? "it names" : "they name");
	finding->owner = (struct owner){ .name = maker,
		.evidence = arena_printf(
			doctor->arena, "only %s calls a device %s", maker, stales->device),
		.is_known = true };
	for (size_t i = 0; i < stales->n && i < MAX_SHOWN; i++)
		finding_prove_rule(doctor, finding, stales->items[i].table, stales->items[i].chain,
			stales->items[i].number);
	add_harms(doctor, check, finding, stales);
	finding->symptom =
		finding->witness
			? "Packets of machines are rewritten or lost by rules of a program that no longer runs: its "
			  "configuration looks right, and it is not there to be asked."
			: "Nothing is lost by them now; whoever reads the rules takes them for something that is "
			  "there.";
	offer_delete(doctor, finding, stales);
}

static void run(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];
		struct devices devices = { 0 };

		for (size_t t = 0; ns->ruleset && t < ns->ruleset->n_tables; t++) {
			const struct table *table = &ns->ruleset->tables[t];

			for (size_t c = 0; is_of_iptables(table) && c < table->n_chains; c++)
				read_chain(doctor->arena, ns, table, &table->chains[c], &devices);
		}
		if (!devices.n || doctor_is_unread(doctor, check, ns, "links"))
			continue;
		vec_for_each (stales, &devices)
			find(doctor, check, ns, stales);
	}
}

static const char *const references[] = {
	"https://bugs.launchpad.net/kolla-ansible/+bug/1923203",
	NULL,
};

const struct check check_stale_rules = {
	.id = "stale-rules",
	.title = "rules of a program that is gone",
	.description =
		"dockerd leaves its rules when it ends, also when the next one is told to write none: its bridge is gone, "
		"its MASQUERADE is not. A rule that names a bridge which only one program makes, and which is not "
		"there, is left behind. It is a hint where it does nothing, and broken where the walk shows what "
		"it does to machines' packets.",
	.references = references,
	.run = run,
};
