// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules that hand packets to a program which does not run: without "bypass" the kernel drops them (net/netfilter/nf_queue.c, nf_queue).
 * Reported is a rule that a walked packet comes to: of the machines' packets all are asked, of the others usual ones.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"

struct queues {
	unsigned first, last;
	bool is_bypass;
};

/* The number behind one of these words, and the one behind a dash or colon; false: computed, or not said. */
static bool numbers_behind(const char *text, const char *const *words, size_t n, struct queues *ret)
{
	for (size_t i = 0; i < n; i++) {
		const char *at = strstr(text, words[i]);
		char *end;

		if (!at)
			continue;
		at += strlen(words[i]);
		ret->first = ret->last = (unsigned)strtoul(at, &end, 10);
		if (end == at)
			return false;
		if (*end == ':' || *end == '-')
			ret->last = (unsigned)strtoul(end + 1, NULL, 10);
		return ret->last >= ret->first && ret->last <= UINT16_MAX;
	}
	return false;
}

/* false: it queues nothing, or where to is not known. */
static bool queues_of(const struct rule *rule, struct queues *ret)
{
	static const char *const iptables[] = { "--queue-num ", "--queue-balance " };
	static const char *const nft[] = { "num ", "to " };

	*ret = (struct queues){ 0 };
	if (rule->target.kind == TARGET_TAKEN && rule->target.name &&
		strcmp(rule->target.name, "NFQUEUE") == 0) {
		ret->is_bypass = strstr(rule->target.text, "--queue-bypass");
		return !strstr(rule->target.text, "--queue-") ||
		       strcmp(rule->target.text, "NFQUEUE --queue-bypass") == 0 ||
		       numbers_behind(rule->target.text, iptables, N_OF(iptables), ret);
	}
	if (rule->target.kind != TARGET_NFT_QUEUE)
		return false;
	ret->is_bypass = strstr(rule->target.text, "bypass");
	return strcmp(rule->target.text, "queue") == 0 ||
	       numbers_behind(rule->target.text, nft, N_OF(nft), ret);
}

/* The first queue of them that nobody listens on; false: somebody does on each. */
static bool find_deserted(const struct netns *ns, const struct queues *queues, unsigned *ret)
{
	for (unsigned number = queues->first; number <= queues->last; number++) {
		bool is_there = false;

		for (size_t i = 0; i < ns->n_queues; i++)
			is_there = is_there || ns->queues[i].number == number;
		if (!is_there) {
			*ret = number;
			return true;
		}
	}
	return false;
}

/* ---- a packet that comes to the rule ---- */

struct shown {
	struct query query;
	const struct vm_port *port; /* NULL: no machine's */
	bool is_felt;
};

static bool is_taken_by(const struct explanation *explanation, const struct rule *rule)
{
	const struct node *node =
		explanation && explanation->leaf && explanation->final == FINAL_CONSUMED
			? leaf_decider(explanation->leaf)
			: NULL;

	return node && node->rule == rule;
}

static bool find_of_machines(struct doctor *doctor, const struct check *check,
	const struct rule *rule, struct shown *ret)
{
	const struct sweep *sweep = doctor_sweep(doctor, check);
	bool is_found = false;

	vec_for_each (harm, sweep) {
		if (harm->kind != HARM_TAKEN || harm->decider.node->rule != rule ||
			(is_found && !harm->is_felt))
			continue;
		*ret = (struct shown){ harm->witness, harm->port, harm->is_felt };
		is_found = true;
		if (harm->is_felt)
			break;
	}
	return is_found;
}

static bool try_packet(struct doctor *doctor, const struct netns *ns, const struct link *in,
	const struct ask *ask, const struct rule *rule, struct shown *ret)
{
	static const char *const protos[] = { "tcp", "udp", "icmp" };

	for (size_t i = 0; i < N_OF(protos); i++) {
		struct arena *scratch CLEANUP(arena_freep) = arena_new();
		struct ask one = *ask;
		struct asked asked;

		one.proto = protos[i];
		asked = doctor_ask(doctor, scratch, ns, in, &one);
		if (is_taken_by(asked.explanation, rule)) {
			*ret = (struct shown){ asked.query, NULL, true };
			return true;
		}
	}
	return false;
}

/* To the host, through it, and from it, at each of its devices. */
static bool find_of_host(
	struct doctor *doctor, const struct netns *ns, const struct rule *rule, struct shown *ret)
{
	uint16_t port = 0;
	bool has_port = rule_dport(rule, &port);

	for (size_t i = 0; i < ns->n_links; i++) {
		const struct link *link = &ns->links[i];
		const struct link *entry = doctor_entry_of(ns, link);

		for (unsigned family = 0; family < N_IP_FAMILIES && !link->is_loopback; family++) {
			const struct address *own =
				doctor_address_of(ns, link, (enum family)family);
			struct addr far = doctor_anybody((enum family)family), station;
			struct ask ask = { .sport = 40000, .dport = has_port ? port : 80 };

			if (!own || !entry)
				continue;
			station = own->local;
			station.bytes[family ? 15 : 3] ^= 2;
			ask.src = &station;
			ask.dst = &own->local;
			if (try_packet(doctor, ns, entry, &ask, rule, ret))
				return true;
			ask.dst = &far;
			if (try_packet(doctor, ns, entry, &ask, rule, ret))
				return true;
			ask.src = &own->local;
			if (try_packet(doctor, ns, NULL, &ask, rule, ret))
				return true;
		}
	}
	return false;
}

/* ---- the findings ---- */

static void advise_bypass(struct doctor *doctor, struct finding *finding, const struct table *table,
	const struct chain *chain, size_t at)
{
	struct text rule CLEANUP(text_done) = TEXT_INIT, command CLEANUP(text_done) = TEXT_INIT;
	struct host_edit edit;

	if (table->source == SOURCE_NFT)
		return;
	rule_print(&rule, table->family, &chain->rules[at]);
	edit = host_edit_of_rule(doctor->arena, table, chain, at,
		arena_printf(doctor->arena, "%s --queue-bypass", rule.data), true);
	host_edit_print_command(&command, &edit);
	finding_advise(doctor, finding, "bypass", "the same rule with --queue-bypass",
		arena_printf(doctor->arena, "%s\n", command.data),
		"Packets then pass unseen while the program does not run. Whoever wrote the rule may "
		"write it without this again.");
}

static void tell(struct doctor *doctor, const struct check *check, const struct netns *ns,
	const struct table *table, const struct chain *chain, size_t at, unsigned queue,
	const struct shown *shown)
{
	struct arena *arena = doctor->arena;
	struct finding *finding =
		finding_add(doctor, check, shown->is_felt ? SEVERITY_BROKEN : SEVERITY_RISK, ns,
			arena_printf(arena, "%s-%zu", chain->name, at + 1));

	finding->title = arena_printf(arena,
		"packets are handed to queue %u, and no program listens: they are dropped", queue);
	finding->symptom =
		"All that comes to the rule is lost without an answer, since the program (an IPS, a filter) "
		"stopped; no rule says DROP, and the rule's own counter still counts.";
	finding->owner = owner_of_rule(arena, table, chain, &chain->rules[at]);
	finding_prove_rule(doctor, finding, table, chain, at + 1);
	finding_prove(doctor, finding, "socket", "/proc/net/netfilter/nfnetlink_queue",
		ns->n_queues ? arena_printf(arena, "%zu queues, and not %u", ns->n_queues, queue)
			     : "no queue has a program");
	if (shown->port)
		finding_port(doctor, finding, shown->port->link->name);
	finding_witness(doctor, finding, &shown->query);
	finding_advise(doctor, finding, "start", "starting the program that listens",
		arena_printf(arena,
			"# the program that binds queue %u, then:\n"
			"cat /proc/net/netfilter/nfnetlink_queue\n",
			queue),
		NULL);
	advise_bypass(doctor, finding, table, chain, at);
}

static void look_at(struct doctor *doctor, const struct check *check, const struct netns *ns,
	const struct table *table, const struct chain *chain, size_t at)
{
	const struct rule *rule = &chain->rules[at];
	struct queues queues;
	struct shown shown;
	unsigned queue;

	if (!queues_of(rule, &queues) || queues.is_bypass ||
		doctor_is_unread(doctor, check, ns, "queues") ||
		!find_deserted(ns, &queues, &queue))
		return;
	if (find_of_machines(doctor, check, rule, &shown) || find_of_host(doctor, ns, rule, &shown))
		tell(doctor, check, ns, table, chain, at, queue, &shown);
}

static void run(struct doctor *doctor, const struct check *check)
{
	for (size_t n = 0; n < doctor->host->n_netns; n++) {
		const struct netns *ns = &doctor->host->netns[n];

		for (size_t t = 0; ns->ruleset && t < ns->ruleset->n_tables; t++) {
			const struct table *table = &ns->ruleset->tables[t];

			for (size_t c = 0; c < table->n_chains; c++)
				for (size_t r = 0; r < table->chains[c].n_rules; r++)
					look_at(doctor, check, ns, table, &table->chains[c], r);
		}
	}
}

static const char *const references[] = {
	"net/netfilter/nf_queue.c, nf_queue",
	NULL,
};

const struct check check_nfqueue = {
	.id = "nfqueue",
	.title = "a queue to a program that does not run",
	.description =
		"A rule with NFQUEUE (nft: queue) gives packets to a program; when none listens on the queue, the "
		"kernel drops them, unless the rule says bypass. Found where a packet of a machine, or a usual one "
		"to, through or from the host, is walked to such a rule and the kernel's list of queues does not "
		"have its number.",
	.references = references,
	.run = run,
};
