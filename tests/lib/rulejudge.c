// SPDX-License-Identifier: GPL-2.0-or-later
#include "rulejudge.h"

#include <stdlib.h>
#include <string.h>

#include "rulepredict.h"
#include "setclaims.h"
#include "unit.h"

#define BATCH	  150
#define MAX_FAILS 3 /* a ruleset: printed */
#define MAX_TRIES 8 /* for one witness */

struct judge_totals judge_total;
struct judging judging = { .n_packets = 1350 };

static const char *const backend_names[] = { "iptables-nft", "iptables-legacy", "nft" };

struct bench {
	struct arena *arena;
	struct router *router;
	const char *name;
	enum backend backend;
	enum family family;
	bool is_stateless, has_sets;
	struct ruleset *rs; /* as the kernel has it; counters: what is predicted */
	struct ruleset *before;
	struct random random;
	size_t n_fails;
	struct setting setting;
	/* of first packets, of answers: what is held against the kernel. NULL: what is said of each packet alone is */
	struct set_claims *claims[2];
};

/* ---- what the kernel says ---- */

static bool run(const char *input, struct text *out, const char *a, const char *b, const char *c)
{
	const char *const argv[] = { a, b, c, NULL };

	return net_try(input, out, argv);
}

static const char *tool(const struct bench *bench, const char *what)
{
	return arena_printf(bench->arena, "%s-%s-%s",
		bench->family == FAMILY_IPV6 ? "ip6tables" : "iptables",
		bench->backend == BY_IPTABLES_LEGACY ? "legacy" : "nft", what);
}

static bool load(struct bench *bench, const struct subject *subject, struct text *out)
{
	struct text saved CLEANUP(text_done) = TEXT_INIT;
	const char *text = subject->text;

	if (subject->sets && !run(subject->sets, out, "ipset", "restore", NULL))
		return false;
	if (bench->backend == BY_NFTABLES)
		return run(text, out, "nft", "-f", "-");
	/* a base chain that the text does not name has no counter; the second time all are named */
	return run(text, out, tool(bench, "restore"), NULL, NULL) &&
	       run(NULL, &saved, tool(bench, "save"), NULL, NULL) &&
	       run(saved.data, out, tool(bench, "restore"), NULL, NULL);
}

/* A namespace tracks flows only as long as a rule asks for them; here one does, which no hook reaches. */
static void track_flows(void)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (!run("table inet tracks {\n chain never {\n ct state new\n }\n}\n", &out, "nft", "-f",
		    "-"))
		fail_msg("%s", out.data);
}

static struct ruleset *read_back(struct bench *bench, struct arena *arena)
{
	struct ruleset *rs = ruleset_new(arena);
	struct text out CLEANUP(text_done) = TEXT_INIT, sets CLEANUP(text_done) = TEXT_INIT;
	struct err err;
	bool is_read;

	if (bench->has_sets &&
		(!run(NULL, &sets, "ipset", "save", NULL) ||
			!ruleset_parse_ipset(arena, rs, bench->name, sets.data, &err)))
		fail_msg("%s: %s\n%s", bench->name, err.text, sets.data);
	if (bench->backend == BY_NFTABLES)
		is_read = run(NULL, &out, "nft", "list", "ruleset") &&
			  ruleset_parse_nft(arena, rs, bench->name, out.data, &err);
	else
		is_read = run(NULL, &out, tool(bench, "save"), "-c", NULL) &&
			  ruleset_parse_iptables(
				  arena, rs, bench->family, bench->name, out.data, &err);
	if (!is_read)
		fail_msg("%s: %s\n%s", bench->name, err.text, out.data);
	for (size_t t = 0; t < rs->n_tables; t++)
		if (bench->backend == BY_IPTABLES_LEGACY)
			rs->tables[t].source = SOURCE_IPTABLES_LEGACY;
	return rs;
}

/* ---- both together ---- */

/* packets: at least so many; bytes: so many more perhaps. The ruleset is ours. */
static void count(const struct step *last)
{
	for (const struct step *step = last; step; step = step->before) {
		struct counters *counters = step->rule ? &((struct rule *)step->rule)->counters
						       : &((struct chain *)step->chain)->counters;

		if (step->kind == STEP_MATCH || step->kind == STEP_POLICY)
			counters->packets++;
		else if (step->kind == STEP_MAYBE)
			counters->bytes++;
	}
}

static void forget_counts(struct ruleset *rs)
{
	for (size_t t = 0; t < rs->n_tables; t++) {
		for (size_t c = 0; c < rs->tables[t].n_chains; c++) {
			struct chain *chain = &rs->tables[t].chains[c];

			chain->counters = (struct counters){ 0 };
			for (size_t r = 0; r < chain->n_rules; r++)
				chain->rules[r].counters = (struct counters){ 0 };
		}
	}
}

static bool is_wrong(const struct counters *predicted, const struct counters *before,
	const struct counters *after)
{
	uint64_t rose = after->packets - before->packets;

	return rose < predicted->packets || rose > predicted->packets + predicted->bytes;
}

static void print_wrong(const struct bench *bench, const struct table *table,
	const struct chain *chain, size_t r, uint64_t rose)
{
	struct text line CLEANUP(text_done) = TEXT_INIT;
	const struct counters *predicted = &chain->counters;

	if (r < chain->n_rules) {
		table_print_rule(&line, table, &chain->rules[r]);
		predicted = &chain->rules[r].counters;
	} else {
		text_add(&line, "policy");
	}
	print_message("#   %s %s rule %zu, \"%s\": rose by %llu, predicted %llu\n", table->name,
		chain->name, r + 1, line.data, (unsigned long long)rose,
		(unsigned long long)predicted->packets);
	(void)bench;
}

/* A policy of nftables has no counter, nor has a rule without a statement for one. */
static bool is_counted(const struct bench *bench, const struct chain *chain, size_t r)
{
	if (r == chain->n_rules)
		return bench->backend != BY_NFTABLES && chain->is_base;
	return bench->backend != BY_NFTABLES || chain->rules[r].has_counter;
}

/* How many counters are not what the prediction says. */
static size_t compare_counters(struct bench *bench, const struct ruleset *after, bool verbose)
{
	size_t n_wrong = 0;

	for (size_t t = 0; t < bench->rs->n_tables; t++) {
		const struct table *table = &bench->rs->tables[t];

		for (size_t c = 0; c < table->n_chains; c++) {
			const struct chain *chain = &table->chains[c],
					   *was = &bench->before->tables[t].chains[c],
					   *is = &after->tables[t].chains[c];

			for (size_t r = 0; r <= chain->n_rules; r++) {
				bool is_rule = r < chain->n_rules;
				const struct counters *a =
					is_rule ? &was->rules[r].counters : &was->counters;
				const struct counters *b =
					is_rule ? &is->rules[r].counters : &is->counters;

				if (!is_counted(bench, chain, r))
					continue;
				judge_total.counters++;
				if (!is_wrong(
					    is_rule ? &chain->rules[r].counters : &chain->counters,
					    a, b))
					continue;
				n_wrong++;
				if (verbose)
					print_wrong(
						bench, table, chain, r, b->packets - a->packets);
			}
		}
	}
	return n_wrong;
}

/* What is said of one packet. */
struct word {
	struct prediction prediction;
	struct set_claim claim; /* with claims only */
	bool is_sure;		/* its counters are compared */
};

/*
 * What is sure is sent first, and then the answers to what of it arrived; the rest is sent last, and
 * only where it arrives is compared.
 */
enum round { ROUND_SURE, ROUND_ANSWERS, ROUND_UNSURE, N_ROUNDS };

struct shot {
	struct rule_packet packet;
	struct word word;
	struct rule_packet answer;
	struct word answer_word;
	bool has_answer;
};

struct batch {
	struct shot shots[BATCH];
	size_t n;
};

/* Two packets of one flow would make the second one another packet. Of protocols that conntrack does not know it
 * looks at the addresses alone. */
static bool is_flow_of(const struct rule_packet *a, const struct rule_packet *b)
{
	const struct packet *p = &a->frame.packet, *q = &b->frame.packet;

	bool has_ports = p->proto == PROTO_TCP || p->proto == PROTO_UDP;

	if (p->proto != q->proto)
		return false;
	if (addr_compare(&p->src, &q->src) == 0 && addr_compare(&p->dst, &q->dst) == 0)
		return !has_ports || (p->sport == q->sport && p->dport == q->dport);
	return addr_compare(&p->src, &q->dst) == 0 && addr_compare(&p->dst, &q->src) == 0 &&
	       (!has_ports || (p->sport == q->dport && p->dport == q->sport));
}

static void aim(struct bench *bench, struct batch *batch)
{
	for (int tries = 0; batch->n < BATCH && tries < 4 * BATCH; tries++) {
		struct rule_packet *packet = &batch->shots[batch->n].packet;
		size_t other = 0;

		rule_packet_aim(packet, &bench->random, bench->rs, bench->router, bench->family);
		if (bench->is_stateless && one_in(&bench->random, 2))
			rule_packet_break(packet, &bench->random);
		else if (!bench->is_stateless && one_in(&bench->random, 10))
			rule_packet_cut(packet);
		while (other < batch->n && !is_flow_of(packet, &batch->shots[other].packet))
			other++;
		batch->n += other == batch->n;
	}
}

static void print_packet(
	const struct bench *bench, const struct rule_packet *packet, enum round round)
{
	struct text line CLEANUP(text_done) = TEXT_INIT;
	const struct packet *p = &packet->frame.packet;
	bool is_host = packet->from == bench->router->n_ports;

	packet_print(&line, p);
	print_message("# %s by %s: %s%s%s, from %s, ct %d flags %d%s\n", bench->name,
		backend_names[bench->backend], line.data,
		p->is_first_fragment ? ", first fragment" : "",
		p->is_later_fragment ? ", later fragment" : "",
		is_host ? "the host" : bench->router->ports[packet->from].name, packet->ct_state,
		packet->frame.tcp_flags, round == ROUND_ANSWERS ? ", an answer" : "");
}

static unsigned times_in(
	const struct step *last, const struct chain *chain, const struct rule *rule)
{
	unsigned n = 0;

	for (const struct step *step = last; step; step = step->before)
		n += step->chain == chain && step->rule == rule &&
		     (step->kind == STEP_MATCH || step->kind == STEP_POLICY);
	return n;
}

/* The claim is counted as it is made, and the packet alone must be within it. */
struct counting {
	const struct step *last; /* of the packet alone; NULL: not sure */
	unsigned n_found;
	bool is_other;
};

static void count_claim(void *data, const struct table *table, const struct chain *chain,
	const struct rule *rule, unsigned least, unsigned most)
{
	struct counting *counting = data;
	struct counters *counters =
		rule ? &((struct rule *)rule)->counters : &((struct chain *)chain)->counters;
	unsigned alone;

	(void)table;
	counters->packets += least;
	counters->bytes += most - least;
	if (!counting->last)
		return;
	alone = times_in(counting->last, chain, rule);
	counting->n_found += alone;
	counting->is_other |= alone < least || alone > most;
}

/* Where the packet alone is counted otherwise. */
static void print_claim(void *data, const struct table *table, const struct chain *chain,
	const struct rule *rule, unsigned least, unsigned most)
{
	struct text line CLEANUP(text_done) = TEXT_INIT;
	const struct counting *counting = data;
	unsigned alone = times_in(counting->last, chain, rule);

	if (least <= alone && alone <= most)
		return;
	if (rule)
		table_print_rule(&line, table, rule);
	print_message("#   %s %s \"%s\": %u to %u times, alone %u\n", table->name, chain->name,
		rule ? line.data : "policy", least, most, alone);
}

static unsigned counted_steps(const struct step *last)
{
	unsigned n = 0;

	for (const struct step *step = last; step; step = step->before)
		n += step->kind == STEP_MATCH || step->kind == STEP_POLICY;
	return n;
}

/* Says the set the same as the packet alone? */
static void compare_alone(struct bench *bench, struct set_claims *claims,
	const struct rule_packet *packet, size_t length, const struct counting *counting,
	const struct word *word)
{
	const struct prediction *alone = &word->prediction;
	struct set_claim claim = word->claim;

	if (!counting->last ||
		(!counting->is_other && counting->n_found == counted_steps(counting->last) &&
			(alone->ends[0].arrives ? claim.may_arrive : claim.may_be_lost)))
		return;
	judge_total.differ++;
	if (bench->n_fails++ >= MAX_FAILS)
		return;
	print_packet(bench, packet, claims == bench->claims[1] ? ROUND_ANSWERS : ROUND_SURE);
	print_message("#   of the set: %s%s, alone: %s\n", claim.may_arrive ? "may arrive " : "",
		claim.may_be_lost ? "may be lost" : "",
		alone->ends[0].arrives ? "arrives" : "is lost");
	set_claims_ask(claims, packet, length, &claim, print_claim, (void *)(uintptr_t)counting);
}

/* is_counted: where the counters are known, they are counted. */
static void speak(struct bench *bench, struct arena *arena, const struct rule_packet *packet,
	bool is_answer, bool is_counted, struct word *ret)
{
	struct set_claims *claims = bench->claims[is_answer];
	const struct prediction *alone = &ret->prediction;
	struct counting counting = { 0 };
	uint8_t wire[NET_FRAME_SIZE];
	size_t length = net_packet_build(&packet->frame, 1, wire, sizeof(wire));

	predict(&bench->setting, arena, packet, length, &ret->prediction);
	ret->is_sure = prediction_is_sure(alone);
	if (ret->is_sure)
		counting.last = alone->ends[0].last;
	if (!bench->claims[0]) {
		if (ret->is_sure && is_counted)
			count(counting.last);
		return;
	}
	is_counted &= !alone->is_beyond;
	set_claims_ask(
		claims, packet, length, &ret->claim, is_counted ? count_claim : NULL, &counting);
	ret->is_sure = !ret->claim.is_beyond && !alone->is_beyond;
	if (ret->is_sure && is_counted)
		compare_alone(bench, claims, packet, length, &counting, ret);
}

/* Sends it if it belongs to the round, and counts what was said of it. */
static void speak_and_send(struct bench *bench, struct arena *arena, struct rule_packet *packet,
	enum round round, struct word *ret)
{
	speak(bench, arena, packet, round == ROUND_ANSWERS, round != ROUND_UNSURE, ret);
	if (ret->is_sure != (round != ROUND_UNSURE))
		return;
	packet->tag = net_new_tag(bench->router->net);
	router_send(bench->router, packet->from, &packet->frame, packet->tag);
}

/* The answer, if one is made, to a packet that was predicted to arrive; of NAT the test knows nothing. */
static void answer(struct bench *bench, struct arena *arena, struct shot *shot)
{
	const struct prediction *asked = &shot->word.prediction;

	shot->has_answer = shot->word.is_sure && prediction_is_sure(asked) &&
			   asked->ends[0].arrives && !asked->is_natted && !bench->is_stateless &&
			   rule_packet_answer(&shot->packet, &asked->ends[0].packet, bench->router,
				   &shot->answer);
	if (!shot->has_answer)
		return;
	speak_and_send(bench, arena, &shot->answer, ROUND_ANSWERS, &shot->answer_word);
	shot->has_answer = shot->answer_word.is_sure;
}

/* Sends what belongs to the round and counts what is predicted. */
static void send_all(struct bench *bench, struct arena *arena, struct batch *batch, size_t from,
	size_t to, enum round round)
{
	if (round != ROUND_ANSWERS)
		net_flush_conntrack(bench->router->net);
	for (size_t i = from; i < to; i++) {
		struct shot *shot = &batch->shots[i];

		if (round == ROUND_ANSWERS)
			answer(bench, arena, shot);
		else
			speak_and_send(bench, arena, &shot->packet, round, &shot->word);
	}
	net_settle(bench->router->net);
}

/* The packet of a round, and what was said of it; false: there is none. */
static bool shot_in(const struct shot *shot, enum round round, const struct rule_packet **ret,
	const struct word **ret_word)
{
	*ret = round == ROUND_ANSWERS ? &shot->answer : &shot->packet;
	*ret_word = round == ROUND_ANSWERS ? &shot->answer_word : &shot->word;
	if (round == ROUND_ANSWERS)
		return shot->has_answer;
	return shot->word.is_sure == (round == ROUND_SURE);
}

/* Of the host's own: it listens to these only. */
static bool is_heard(
	const struct bench *bench, const struct rule_packet *packet, const struct word *word)
{
	const struct packet *p = &packet->frame.packet;

	return p->proto == PROTO_TCP || p->proto == PROTO_UDP || p->proto == PROTO_ICMP ||
	       p->proto == PROTO_ICMPV6 ||
	       (!word->prediction.is_natted && !router_is_local(bench->router, &p->dst));
}

static bool may_be(const struct bench *bench, const struct word *word, bool arrived)
{
	if (bench->claims[0] && word->is_sure)
		return arrived ? word->claim.may_arrive : word->claim.may_be_lost;
	return prediction_may_be(&word->prediction, arrived);
}

/* How many packets of the batch did not end as predicted. */
static size_t compare_arrivals(struct bench *bench, const struct batch *batch, size_t from,
	size_t to, enum round round, bool verbose)
{
	size_t n_wrong = 0;

	for (size_t i = from; i < to; i++) {
		const struct word *word;
		const struct rule_packet *packet;
		bool arrived;

		if (!shot_in(&batch->shots[i], round, &packet, &word))
			continue;
		arrived = router_saw(bench->router, packet->tag);
		judge_total.passed += arrived;
		if (may_be(bench, word, arrived) || !is_heard(bench, packet, word))
			continue;
		n_wrong++;
		if (verbose)
			print_message("#   %s, predicted otherwise\n",
				arrived ? "arrived" : "did not arrive");
	}
	return n_wrong;
}

/* Of each packet that is unsure: the first rule that could not be told. */
static void print_unsure(const struct bench *bench, const struct batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		struct text line CLEANUP(text_done) = TEXT_INIT;
		const struct prediction *prediction = &batch->shots[i].word.prediction;
		const struct step *first = NULL;

		if (prediction_is_sure(prediction))
			continue;
		for (size_t e = 0; e < prediction->n && !first; e++)
			for (const struct step *step = prediction->ends[e].last; step;
				step = step->before)
				if (step_is_assumption(step))
					first = step;
		if (first)
			table_print_rule(&line, first->table, first->rule);
		print_message("# %s cannot tell: %s\n", bench->name, first ? line.data : "no end");
	}
}

/* What was read is the next one's "before". */
static void keep_counts(struct bench *bench, const struct ruleset *after)
{
	for (size_t t = 0; t < after->n_tables; t++) {
		for (size_t c = 0; c < after->tables[t].n_chains; c++) {
			struct chain *to_chain = &bench->before->tables[t].chains[c];
			const struct chain *chain = &after->tables[t].chains[c];

			to_chain->counters = chain->counters;
			for (size_t r = 0; r < chain->n_rules; r++)
				to_chain->rules[r].counters = chain->rules[r].counters;
		}
	}
}

/* One range of the batch: true when everything is as predicted. */
static bool holds(struct bench *bench, struct batch *batch, size_t from, size_t to,
	enum round round, bool verbose)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *after;
	size_t n_wrong = 0;

	forget_counts(bench->rs);
	send_all(bench, arena, batch, from, to, round);
	n_wrong += compare_arrivals(bench, batch, from, to, round, verbose);
	after = read_back(bench, arena);
	if (round == ROUND_UNSURE && getenv("PORTWALL_VERBOSE"))
		print_unsure(bench, batch);
	if (round != ROUND_UNSURE)
		n_wrong += compare_counters(bench, after, verbose);
	keep_counts(bench, after);
	return n_wrong == 0;
}

/* One packet alone, and its answer. */
static void find_wrong(struct bench *bench, struct batch *batch, size_t i)
{
	enum round first = batch->shots[i].word.is_sure ? ROUND_SURE : ROUND_UNSURE;
	enum round wrong = N_ROUNDS;

	if (!holds(bench, batch, i, i + 1, first, false))
		wrong = first;
	else if (first == ROUND_SURE && !holds(bench, batch, i, i + 1, ROUND_ANSWERS, false))
		wrong = ROUND_ANSWERS;
	if (wrong == N_ROUNDS)
		return;
	bench->n_fails++;
	print_packet(bench,
		wrong == ROUND_ANSWERS ? &batch->shots[i].answer : &batch->shots[i].packet, wrong);
	if (wrong == ROUND_ANSWERS)
		holds(bench, batch, i, i + 1, ROUND_SURE, false);
	holds(bench, batch, i, i + 1, wrong, true);
}

static void judge(struct bench *bench, struct batch *batch)
{
	size_t n_unsure = 0, n_answers = 0;
	bool is_right = holds(bench, batch, 0, batch->n, ROUND_SURE, false);

	for (size_t i = 0; i < batch->n; i++)
		n_unsure += !batch->shots[i].word.is_sure;
	for (size_t i = 0; i < batch->n; i++)
		judge_total.beyond += batch->shots[i].word.prediction.is_beyond;
	if (!bench->is_stateless)
		is_right &= holds(bench, batch, 0, batch->n, ROUND_ANSWERS, false);
	for (size_t i = 0; i < batch->n; i++)
		n_answers += batch->shots[i].has_answer;
	if (n_unsure)
		is_right &= holds(bench, batch, 0, batch->n, ROUND_UNSURE, false);
	judge_total.packets += batch->n + n_answers;
	judge_total.unsure += n_unsure;
	judge_total.answers += n_answers;
	if (is_right)
		return;
	judge_total.wrong++;
	for (size_t i = 0; i < batch->n && bench->n_fails < MAX_FAILS; i++)
		find_wrong(bench, batch, i);
	if (!bench->n_fails) {
		bench->n_fails++;
		print_message("# %s by %s: a batch of packets disagrees, each alone does not\n",
			bench->name, backend_names[bench->backend]);
		for (enum round round = ROUND_SURE; round < N_ROUNDS; round++)
			holds(bench, batch, 0, batch->n, round, true);
	}
}

/* The names of the text's interfaces, before anything is loaded. */
static struct router *router_for(const struct subject *subject)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *rs = ruleset_new(arena);
	char names[ROUTER_MAX_PORTS][16];
	const char *pointers[ROUTER_MAX_PORTS];
	struct err err;
	size_t n = 0;

	if (subject->backend == BY_NFTABLES
			? ruleset_parse_nft(arena, rs, subject->name, subject->text, &err)
			: ruleset_parse_iptables(
				  arena, rs, subject->family, subject->name, subject->text, &err))
		n = rule_packet_ifaces(rs, names, ROUTER_MAX_PORTS - 2);
	strcpy(names[n++], "other1");
	strcpy(names[n++], "other2");
	for (size_t i = 0; i < n; i++)
		pointers[i] = names[i];
	return router_new(pointers, n);
}

/* ---- what sets of packets say ---- */

/* A packet out of a part of a claim. */
struct witness {
	struct rule_packet packet;
	size_t shift;
	bool is_sent;
};

struct witnesses {
	VEC(struct witness);
};

static bool add_witness(struct bench *bench, struct witnesses *all, size_t part)
{
	struct witness one = { 0 };

	for (int tries = 0; tries < MAX_TRIES; tries++)
		if (set_claims_witness(
			    bench->claims[0], part, &bench->random, &one.packet, &one.shift)) {
			*vec_push(all, bench->arena) = one;
			return true;
		}
	return false;
}

/* Of a chain; those that cannot be sent are left out. */
struct parts {
	VEC(size_t);
};

/* A rule has as many parts as there are ways to it. */
static bool has_like(
	const struct bench *bench, const struct parts *parts, const struct set_part *part)
{
	vec_for_each (i, parts) {
		struct set_part other;

		set_claims_part(bench->claims[0], *i, &other);
		if (other.rule == part->rule && other.is_match == part->is_match)
			return true;
	}
	return false;
}

/* What each rule matched and let go by, by all ways until there are enough, and then some of any. */
static void add_of_chain(struct bench *bench, struct witnesses *all, const struct chain *chain)
{
	struct parts parts = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < set_claims_parts(bench->claims[0]); i++) {
		struct set_part part;

		if (!set_claims_part(bench->claims[0], i, &part) || part.chain != chain ||
			(n >= N_WITNESSES && has_like(bench, &parts, &part)))
			continue;
		if (add_witness(bench, all, i)) {
			*vec_push(&parts, bench->arena) = i;
			n++;
		} else {
			judge_total.unsendable++;
		}
	}
	if (!parts.n) {
		judge_total.unreached++;
		return;
	}
	judge_total.chains++;
	for (int tries = 0; n < N_WITNESSES && tries < 4 * N_WITNESSES; tries++)
		n += add_witness(
			bench, all, parts.items[random_below(&bench->random, (unsigned)parts.n)]);
	judge_total.full_chains += n >= N_WITNESSES;
	judge_total.witnesses += n;
}

/* Those for which the router is turned so, and that are of different flows. */
static void fill(struct batch *batch, struct witnesses *all, size_t shift)
{
	batch->n = 0;
	vec_for_each (one, all) {
		size_t other = 0;

		if (one->is_sent || one->shift != shift || batch->n == BATCH)
			continue;
		while (other < batch->n && !is_flow_of(&one->packet, &batch->shots[other].packet))
			other++;
		if (other < batch->n)
			continue;
		one->is_sent = true;
		batch->shots[batch->n++].packet = one->packet;
	}
}

static void send_witnesses(struct bench *bench, struct batch *batch, struct witnesses *all)
{
	for (size_t shift = 0; shift < bench->router->n_ports; shift++) {
		router_turn(bench->router, shift);
		while (bench->n_fails < MAX_FAILS) {
			fill(batch, all, shift);
			if (!batch->n)
				break;
			judge(bench, batch);
			for (size_t i = 0; i < batch->n; i++)
				judge_total.open += batch->shots[i].word.is_sure &&
						    !batch->shots[i].word.claim.is_sure;
		}
	}
}

static bool make_claims(struct bench *bench)
{
	struct text why CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < N_OF(bench->claims); i++) {
		bench->claims[i] = set_claims_new(&bench->setting, i == 1, &why);
		if (bench->claims[i])
			continue;
		print_message("# %s by %s, no sets: %s\n", bench->name,
			backend_names[bench->backend], why.data);
		judge_total.without_sets++;
		return false;
	}
	return true;
}

static void judge_sets(struct bench *bench, struct batch *batch)
{
	const struct ruleset *rs = bench->rs;
	struct witnesses all = { 0 };

	if (make_claims(bench)) {
		for (size_t t = 0; t < rs->n_tables; t++)
			for (size_t c = 0; c < rs->tables[t].n_chains; c++)
				add_of_chain(bench, &all, &rs->tables[t].chains[c]);
		send_witnesses(bench, batch, &all);
	}
	set_claims_free(bench->claims[0]);
	set_claims_free(bench->claims[1]);
}

void judge_ruleset(const struct subject *subject)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct bench bench = { .arena = arena,
		.name = subject->name,
		.backend = subject->backend,
		.family = subject->family,
		.is_stateless = subject->is_stateless,
		.has_sets = subject->sets };
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct batch *batch = calloc(1, sizeof(*batch));

	bench.random.state = judging.seed;
	for (const char *c = subject->name; *c; c++)
		bench.random.state = bench.random.state * 31 + (unsigned char)*c;
	bench.router = router_for(subject);
	if (!load(&bench, subject, &out)) {
		judge_total.unloadable++;
		if (getenv("PORTWALL_VERBOSE"))
			print_message("# %s by %s is not loadable: %.200s\n", subject->name,
				backend_names[subject->backend], out.data);
	} else {
		if (!subject->is_stateless)
			track_flows();
		bench.rs = read_back(&bench, arena);
		bench.before = read_back(&bench, arena);
		judge_total.rulesets++;
		judge_total.rules += judge_rules_of(bench.rs);
		bench.setting = (struct setting){ bench.router, bench.rs, bench.family,
			bench.is_stateless };
		for (size_t n = 0; n < judging.n_packets && bench.n_fails < MAX_FAILS; n += BATCH) {
			router_turn(bench.router, n / BATCH);
			batch->n = 0;
			aim(&bench, batch);
			judge(&bench, batch);
		}
		if (judging.has_sets)
			judge_sets(&bench, batch);
	}
	free(batch);
	router_free(bench.router);
}
