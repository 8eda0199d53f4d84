// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel judges the evaluator. A ruleset is loaded into a router (netrouter.h), packets at the
 * boundaries of its rules are sent through it, and two things are held against the evaluator's
 * prediction: which packets came out, and by how much the counter of every rule and of every
 * policy rose. Packets go in batches; a batch that disagrees is sent again one by one.
 *
 * PORTWALL_SEED=N repeats a run; PORTWALL_PACKETS=N: so many packets a ruleset; PORTWALL_RULESETS=DIR:
 * every file there, instead of those of tests/netns/rulesets; PORTWALL_RANDOM=N: so many rulesets by chance.
 */
#include "unit.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "random_iptables.h"
#include "rulepackets.h"

#define N_PACKETS 600 /* a ruleset and backend */
#define N_RANDOM  50  /* rulesets by chance */
#define BATCH	  150
#define MAX_ENDS  64
#define MAX_FAILS 3 /* a ruleset: printed */

static uint64_t seed;
static size_t n_packets = N_PACKETS, n_random = N_RANDOM;

static struct {
	size_t rulesets, unloadable, rules, packets, unsure, counters, wrong, passed;
} total;

enum backend { BY_IPTABLES_NFT, BY_IPTABLES_LEGACY, BY_NFTABLES };
static const char *const backend_names[] = { "iptables-nft", "iptables-legacy", "nft" };

struct bench {
	struct arena *arena;
	struct router *router;
	const char *name;
	enum backend backend;
	enum family family;
	struct ruleset *rs; /* as the kernel has it; counters: what is predicted */
	struct ruleset *before;
	struct random random;
	size_t n_fails;
};

/* ---- what the evaluator says ---- */

struct end {
	bool arrives;
	const struct step *last;
};

struct prediction {
	struct end ends[MAX_ENDS];
	size_t n;
	bool is_overfull; /* more ends than fit */
	bool is_assumed;  /* ways that end alike are one end, so the counters are not known */
	bool is_natted;
};

struct way {
	struct bench *bench;
	struct arena *arena;
	const struct rule_packet *sent;
	struct prediction *ret;
};

static bool addr_type_of(
	void *data, const struct addr *addr, const char *iface, enum addr_type *ret)
{
	struct bench *bench = data;

	(void)iface;
	if (router_is_local(bench->router, addr))
		*ret = ADDR_LOCAL;
	else
		*ret = ADDR_UNICAST; /* the only ones that are sent: see rulepackets.c */
	return true;
}

/* Was it assumed that a rule sent it elsewhere, or did not? Not so where the rule only counts or logs. */
static bool is_assumption(const struct step *step)
{
	const struct target *target;

	if (step->kind != STEP_MAYBE)
		return step->kind == STEP_MAYBE_NOT;
	target = &step->rule->target;
	return target->kind != TARGET_NONE && target->kind != TARGET_CONTINUE &&
	       target->kind != TARGET_NFT_CONTINUE;
}

static void add_end(struct way *way, bool arrives, const struct step *last)
{
	struct prediction *ret = way->ret;

	for (const struct step *step = last; step; step = step->before)
		ret->is_assumed |= is_assumption(step);
	if (ret->n == MAX_ENDS)
		ret->is_overfull = true;
	else
		ret->ends[ret->n++] = (struct end){ arrives, last };
}

/* The hooks of a routed packet, and conntrack, which stands at -200. */
enum stage { PREROUTING_EARLY, PREROUTING, INPUT, FORWARD, OUTPUT_EARLY, OUTPUT, POSTROUTING, END };

static const enum hook hook_of[] = { HOOK_PREROUTING, HOOK_PREROUTING, HOOK_INPUT, HOOK_FORWARD,
	HOOK_OUTPUT, HOOK_OUTPUT, HOOK_POSTROUTING };

static void rewrite(struct way *way, struct packet *packet, const struct nat *nat)
{
	const struct router *router = way->bench->router;
	const struct addr dst = packet->dst;
	const uint16_t dport = packet->dport;

	way->ret->is_natted |= nat->kind != NAT_NONE;
	if (nat->kind == NAT_REDIRECT && way->sent->from < router->n_ports)
		packet->dst = router->ports[way->sent->from].addrs[packet->dst.family];
	if (nat->kind == NAT_DNAT && nat->has_addr)
		packet->dst = nat->addr_min;
	if ((nat->kind == NAT_DNAT || nat->kind == NAT_REDIRECT) && nat->has_ports &&
		proto_has_ports(packet->proto))
		packet->dport = nat->port_min;
	/* what is mapped to itself is not mapped */
	if (addr_compare(&packet->dst, &dst) != 0 || packet->dport != dport)
		packet->ct_status |= CT_STATUS_DST_NAT;
}

static void travel(
	struct way *way, enum stage stage, const struct packet *packet, const struct step *last);

static void next_stage(
	struct way *way, enum stage stage, const struct outcome *outcome, const struct step *last)
{
	const struct router *router = way->bench->router;
	struct packet packet = outcome->packet;

	switch (stage) {
	case PREROUTING_EARLY:
	case OUTPUT_EARLY:
		if (packet.ct_state != CT_UNTRACKED)
			packet.ct_state = way->sent->ct_state;
		travel(way, stage + 1, &packet, last);
		return;
	case PREROUTING:
		rewrite(way, &packet, &outcome->nat);
		if (router_is_local(router, &packet.dst)) {
			travel(way, INPUT, &packet, last);
			return;
		}
		packet.ttl--;
		packet.out_iface = router->ports[router->ports[way->sent->from].out].name;
		travel(way, FORWARD, &packet, last);
		return;
	case OUTPUT:
		rewrite(way, &packet, &outcome->nat);
		/* it is routed again, as the kernel's own packets are: see netrouter.h */
		if (addr_compare(&packet.dst, &way->sent->frame.packet.dst) != 0 || packet.mark ||
			outcome->nat.kind == NAT_REDIRECT || packet.unknown ||
			packet.tos != way->sent->frame.packet.tos)
			way->ret->is_overfull = true;
		travel(way, POSTROUTING, &packet, last);
		return;
	case FORWARD:
		travel(way, POSTROUTING, &packet, last);
		return;
	case INPUT:
	case POSTROUTING:
		way->ret->is_natted |= outcome->nat.kind != NAT_NONE;
		add_end(way, true, last);
		return;
	case END:
		break;
	}
	abort();
}

static void travel(
	struct way *way, enum stage stage, const struct packet *packet, const struct step *last)
{
	const struct eval_oracle oracle = { .data = way->bench, .addr_type = addr_type_of };
	const struct eval eval = { way->arena, way->bench->rs, &oracle, hook_of[stage] };
	struct outcomes outcomes = { 0 };
	struct hook_chain *chains;
	size_t n, n_early = 0;

	ruleset_hook_chains(way->arena, eval.rs, way->bench->family, eval.hook, NULL, &chains, &n);
	while (n_early < n && chains[n_early].priority < -200 && chains[n_early].type != CHAIN_NAT)
		n_early++;
	if (stage == PREROUTING_EARLY || stage == OUTPUT_EARLY) {
		n = n_early;
	} else if (stage == PREROUTING || stage == OUTPUT) {
		chains += n_early;
		n -= n_early;
	}
	ruleset_eval_chains(
		&eval, chains, n, packet->ct_state == CT_NEW, packet, last, NULL, &outcomes);
	vec_for_each (outcome, &outcomes) {
		if (outcome->verdict == VERDICT_ACCEPT)
			next_stage(way, stage, outcome, outcome->last);
		else if (outcome->verdict == VERDICT_CANNOT_TELL)
			way->ret->is_overfull = true;
		else
			add_end(way, false, outcome->last);
	}
}

static void predict(struct bench *bench, struct arena *arena, const struct rule_packet *sent,
	size_t length, struct prediction *ret)
{
	const struct router *router = bench->router;
	struct packet packet = sent->frame.packet;
	struct way way = { bench, arena, sent, ret };

	ret->n = 0;
	ret->is_overfull = ret->is_natted = ret->is_assumed = false;
	packet.length = (uint16_t)length;
	packet.ct_state = CT_INVALID; /* no entry yet */
	packet.ct_orig_src = packet.src;
	packet.ct_orig_dst = packet.dst;
	packet.ct_orig_sport = packet.sport;
	packet.ct_orig_dport = packet.dport;
	packet.uid = ROUTER_UID;
	if (sent->from == router->n_ports) {
		packet.out_iface = router->ports[router->out].name;
		travel(&way, OUTPUT_EARLY, &packet, NULL);
	} else {
		packet.in_iface = router->ports[sent->from].name;
		travel(&way, PREROUTING_EARLY, &packet, NULL);
	}
}

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

static bool load(struct bench *bench, const char *text, struct text *out)
{
	struct text saved CLEANUP(text_done) = TEXT_INIT;

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
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct err err;
	bool is_read;

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
				total.counters++;
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

struct batch {
	struct rule_packet packets[BATCH];
	struct prediction predictions[BATCH];
	size_t n;
};

/* Two packets of one flow would make the second one another packet. */
static bool is_flow_of(const struct rule_packet *a, const struct rule_packet *b)
{
	const struct packet *p = &a->frame.packet, *q = &b->frame.packet;

	if (p->proto != q->proto)
		return false;
	if (addr_compare(&p->src, &q->src) == 0 && addr_compare(&p->dst, &q->dst) == 0)
		return p->sport == q->sport && p->dport == q->dport;
	return addr_compare(&p->src, &q->dst) == 0 && addr_compare(&p->dst, &q->src) == 0 &&
	       p->sport == q->dport && p->dport == q->sport;
}

static void aim(struct bench *bench, struct batch *batch)
{
	for (int tries = 0; batch->n < BATCH && tries < 4 * BATCH; tries++) {
		struct rule_packet *packet = &batch->packets[batch->n];
		size_t other = 0;

		rule_packet_aim(packet, &bench->random, bench->rs, bench->router, bench->family);
		while (other < batch->n && !is_flow_of(packet, &batch->packets[other]))
			other++;
		batch->n += other == batch->n;
	}
}

static bool is_sure(const struct prediction *prediction)
{
	return prediction->n == 1 && !prediction->is_overfull && !prediction->is_assumed;
}

static bool may_be(const struct prediction *prediction, bool arrived)
{
	for (size_t i = 0; i < prediction->n; i++)
		if (prediction->ends[i].arrives == arrived)
			return true;
	return prediction->is_overfull;
}

/* Sends packets and counts what is predicted. Unsure ones are another batch: see judge. */
static void send_all(struct bench *bench, struct arena *arena, struct batch *batch, size_t from,
	size_t to, bool sure)
{
	net_flush_conntrack(bench->router->net);
	for (size_t i = from; i < to; i++) {
		struct rule_packet *packet = &batch->packets[i];
		uint8_t wire[NET_FRAME_SIZE];
		size_t length = net_packet_build(&packet->frame, 1, wire, sizeof(wire));

		predict(bench, arena, packet, length, &batch->predictions[i]);
		if (is_sure(&batch->predictions[i]) != sure)
			continue;
		packet->tag = net_new_tag(bench->router->net);
		router_send(bench->router, packet->from, &packet->frame, packet->tag);
		if (sure)
			count(batch->predictions[i].ends[0].last);
	}
	net_settle(bench->router->net);
}

/* How many packets of the batch did not end as predicted. */
static size_t compare_arrivals(
	struct bench *bench, struct batch *batch, size_t from, size_t to, bool sure, bool verbose)
{
	size_t n_wrong = 0;

	for (size_t i = from; i < to; i++) {
		const struct prediction *prediction = &batch->predictions[i];
		bool arrived;

		if (is_sure(prediction) != sure)
			continue;
		/* the host listens to TCP, UDP and ICMP only, and ICMP reaches raw sockets
		 * only if it is not an error */
		arrived = router_saw(bench->router, batch->packets[i].tag);
		total.passed += arrived;
		if (may_be(prediction, arrived))
			continue;
		n_wrong++;
		if (verbose)
			print_message("#   %s, predicted otherwise\n",
				arrived ? "arrived" : "did not arrive");
	}
	return n_wrong;
}

static void print_packet(const struct bench *bench, const struct rule_packet *packet)
{
	struct text line CLEANUP(text_done) = TEXT_INIT;
	bool is_host = packet->from == bench->router->n_ports;

	packet_print(&line, &packet->frame.packet);
	print_message("# %s by %s: %s, from %s, ct %d flags %d\n", bench->name,
		backend_names[bench->backend], line.data,
		is_host ? "the host" : bench->router->ports[packet->from].name, packet->ct_state,
		packet->frame.tcp_flags);
}

/* Of each packet that is unsure: the first rule that could not be told. */
static void print_unsure(const struct bench *bench, const struct batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		struct text line CLEANUP(text_done) = TEXT_INIT;
		const struct prediction *prediction = &batch->predictions[i];
		const struct step *first = NULL;

		if (is_sure(prediction))
			continue;
		for (size_t e = 0; e < prediction->n && !first; e++)
			for (const struct step *step = prediction->ends[e].last; step;
				step = step->before)
				if (is_assumption(step))
					first = step;
		if (first)
			table_print_rule(&line, first->table, first->rule);
		print_message("# %s cannot tell: %s\n", bench->name, first ? line.data : "no end");
	}
}

/* One range of the batch: true when everything is as predicted. */
static bool holds(
	struct bench *bench, struct batch *batch, size_t from, size_t to, bool sure, bool verbose)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *after;
	size_t n_wrong = 0;

	forget_counts(bench->rs);
	send_all(bench, arena, batch, from, to, sure);
	n_wrong += compare_arrivals(bench, batch, from, to, sure, verbose);
	after = read_back(bench, arena);
	if (!sure && getenv("PORTWALL_VERBOSE"))
		print_unsure(bench, batch);
	if (sure)
		n_wrong += compare_counters(bench, after, verbose);
	/* what was read is the next one's "before" */
	for (size_t t = 0; t < after->n_tables; t++) {
		for (size_t c = 0; c < after->tables[t].n_chains; c++) {
			struct chain *to_chain = &bench->before->tables[t].chains[c];
			const struct chain *chain = &after->tables[t].chains[c];

			to_chain->counters = chain->counters;
			for (size_t r = 0; r < chain->n_rules; r++)
				to_chain->rules[r].counters = chain->rules[r].counters;
		}
	}
	return n_wrong == 0;
}

static void judge(struct bench *bench, struct batch *batch)
{
	bool is_right = holds(bench, batch, 0, batch->n, true, false), has_unsure = false;

	for (size_t i = 0; i < batch->n; i++)
		has_unsure |= !is_sure(&batch->predictions[i]);
	for (size_t i = 0; i < batch->n; i++)
		total.unsure += !is_sure(&batch->predictions[i]);
	if (has_unsure)
		is_right &= holds(bench, batch, 0, batch->n, false, false);
	total.packets += batch->n;
	if (is_right)
		return;
	total.wrong++;
	for (size_t i = 0; i < batch->n && bench->n_fails < MAX_FAILS; i++) {
		bool sure = is_sure(&batch->predictions[i]);

		if (holds(bench, batch, i, i + 1, sure, false))
			continue;
		bench->n_fails++;
		print_packet(bench, &batch->packets[i]);
		holds(bench, batch, i, i + 1, sure, true);
	}
	if (!bench->n_fails) {
		bench->n_fails++;
		print_message("# %s by %s: a batch of packets disagrees, each alone does not\n",
			bench->name, backend_names[bench->backend]);
		holds(bench, batch, 0, batch->n, true, true);
		holds(bench, batch, 0, batch->n, false, true);
	}
}

static size_t rules_of(const struct ruleset *rs)
{
	size_t n = 0;

	for (size_t t = 0; t < rs->n_tables; t++)
		for (size_t c = 0; c < rs->tables[t].n_chains; c++)
			n += rs->tables[t].chains[c].n_rules;
	return n;
}

/* The names of the text's interfaces, before anything is loaded. */
static struct router *router_for(struct bench *bench, const char *text)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *rs = ruleset_new(arena);
	char names[ROUTER_MAX_PORTS][16];
	const char *pointers[ROUTER_MAX_PORTS];
	struct err err;
	size_t n = 0;

	if (bench->backend == BY_NFTABLES
			? ruleset_parse_nft(arena, rs, bench->name, text, &err)
			: ruleset_parse_iptables(arena, rs, bench->family, bench->name, text, &err))
		n = rule_packet_ifaces(rs, names, ROUTER_MAX_PORTS - 2);
	strcpy(names[n++], "other1");
	strcpy(names[n++], "other2");
	for (size_t i = 0; i < n; i++)
		pointers[i] = names[i];
	return router_new(pointers, n);
}

static void judge_ruleset(
	const char *name, const char *text, enum backend backend, enum family family)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct bench bench = { .arena = arena, .name = name, .backend = backend, .family = family };
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct batch *batch = calloc(1, sizeof(*batch));

	bench.random.state = seed;
	for (const char *c = name; *c; c++)
		bench.random.state = bench.random.state * 31 + (unsigned char)*c;
	bench.router = router_for(&bench, text);
	if (!load(&bench, text, &out)) {
		total.unloadable++;
		if (getenv("PORTWALL_VERBOSE"))
			print_message("# %s by %s is not loadable: %.200s\n", name,
				backend_names[backend], out.data);
	} else {
		track_flows();
		bench.rs = read_back(&bench, arena);
		bench.before = read_back(&bench, arena);
		total.rulesets++;
		total.rules += rules_of(bench.rs);
		for (size_t n = 0; n < n_packets && bench.n_fails < MAX_FAILS; n += BATCH) {
			router_turn(bench.router, n / BATCH);
			batch->n = 0;
			aim(&bench, batch);
			judge(&bench, batch);
		}
	}
	free(batch);
	router_free(bench.router);
}

static void judge_nft(const char *name, const char *text)
{
	struct text counted CLEANUP(text_done) = TEXT_INIT;

	if (!nft_with_counters(name, text, &counted))
		return;
	if (strstr(text, "table ip ") || strstr(text, "table inet "))
		judge_ruleset(name, counted.data, BY_NFTABLES, FAMILY_IPV4);
	if (strstr(text, "table ip6 ") || strstr(text, "table inet "))
		judge_ruleset(name, counted.data, BY_NFTABLES, FAMILY_IPV6);
}

static void judge_file(const char *path)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	struct err err;
	bool is_v6;

	if (!text_load(&text, path, (size_t)16 << 20, &err))
		fail_msg("%s", err.text);
	if (strstr(text.data, "\nCOMMIT")) {
		is_v6 = strstr(name, "ip6") || strstr(name, "v6") ||
			strstr(text.data, "by ip6tables");
		judge_ruleset(name, text.data, BY_IPTABLES_NFT, is_v6 ? FAMILY_IPV6 : FAMILY_IPV4);
		judge_ruleset(
			name, text.data, BY_IPTABLES_LEGACY, is_v6 ? FAMILY_IPV6 : FAMILY_IPV4);
	} else if (strncmp(text.data, "table ", 6) == 0 || strstr(text.data, "\ntable ")) {
		judge_nft(name, text.data);
	}
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void judge_folder(const char *path)
{
	struct dirent **entries;
	int n = scandir(path ? path : "", &entries, NULL, by_name);

	if (n < 0)
		fail_msg("%s is no folder", path);
	for (int i = 0; i < n; i++) {
		char inner[PATH_MAX];
		struct stat info;

		snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && stat(inner, &info) == 0) {
			if (S_ISDIR(info.st_mode))
				judge_folder(inner);
			else if (info.st_size < 4 << 20 && !strstr(inner, "README") &&
				 !strstr(inner, "MANIFEST"))
				judge_file(inner);
		}
		free(entries[i]);
	}
	free(entries);
}

static void print_totals(void)
{
	print_message("# %zu rulesets (%zu not loadable), %zu rules, %zu packets (%zu cannot tell, "
		      "%zu passed), %zu counters, %zu batches wrong\n",
		total.rulesets, total.unloadable, total.rules, total.packets, total.unsure,
		total.passed, total.counters, total.wrong);
	if (total.wrong)
		fail_msg("PORTWALL_SEED=%llu repeats this", (unsigned long long)seed);
}

/* ---- rulesets by chance ---- */

static void random_rulesets_are_counted_alike(void **state)
{
	struct random random = { seed };

	(void)state;
	memset(&total, 0, sizeof(total));
	for (size_t i = 0; i < n_random; i++) {
		struct text text CLEANUP(text_done) = TEXT_INIT;
		enum family family = one_in(&random, 3) ? FAMILY_IPV6 : FAMILY_IPV4;
		char name[32];

		snprintf(name, sizeof(name), "random %zu", i);
		random_iptables(&random, &text, family == FAMILY_IPV6);
		judge_ruleset(
			name, text.data, i % 2 ? BY_IPTABLES_NFT : BY_IPTABLES_LEGACY, family);
		if (total.wrong)
			print_message("# %s:\n%s", name, text.data);
	}
	print_totals();
	assert_int_equal(total.unloadable, 0);
	assert_int_equal(total.unsure, 0);
}

/* ---- single cases ---- */

/* NAT's helper drops what it cannot read, and no rule says so. */
static void a_helper_finds_nothing_wrong_in_what_is_sent(void **state)
{
	static const char text[] =
		"*raw\n"
		":PREROUTING ACCEPT [0:0]\n"
		"-A PREROUTING -p udp -m udp --dport 161 -j CT --helper snmp\n"
		"COMMIT\n"
		"*nat\n"
		":POSTROUTING ACCEPT [0:0]\n"
		"-A POSTROUTING -o eth1 -p udp -m udp --dport 161 -j MASQUERADE\n"
		"COMMIT\n";

	(void)state;
	memset(&total, 0, sizeof(total));
	judge_ruleset("snmp", text, BY_IPTABLES_NFT, FAMILY_IPV4);
	print_totals();
	assert_int_equal(total.unloadable, 0);
}

static void the_kernel_counts_what_the_evaluator_says(void **state)
{
	const char *given = getenv("PORTWALL_RULESETS");

	(void)state;
	judge_folder(given ? given : getenv("RULESETS_DIR"));
	print_totals();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_counts_what_the_evaluator_says),
		cmocka_unit_test(random_rulesets_are_counted_alike),
		cmocka_unit_test(a_helper_finds_nothing_wrong_in_what_is_sent),
	};
	const char *more = getenv("PORTWALL_PACKETS"), *random = getenv("PORTWALL_RANDOM");

	if (!net_main())
		return 0;
	/* the same for everybody until it is said otherwise: PORTWALL_SEED=$(date +%s) tries others */
	seed = random_seeded_or(1).state;
	if (more)
		n_packets = strtoull(more, NULL, 10);
	if (random)
		n_random = strtoull(random, NULL, 10);
	return net_exit(cmocka_run_group_tests(tests, NULL, NULL));
}
