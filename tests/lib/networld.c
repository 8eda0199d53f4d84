// SPDX-License-Identifier: GPL-2.0-or-later
#include "networld.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netbeside.h"
#include "unit.h"

/* One pass of a packet through the filters of one bridge. */
struct stage {
	const char *in_iface, *out_iface, *physdev_in, *physdev_out;
	const char *base;			    /* "FORWARD", "INPUT", "OUTPUT" */
	const struct policy_port *leaves, *reaches; /* the ports whose rules it crosses */
	uint16_t zone;				    /* of the model */
	bool is_untracked;
};

struct world *world_new(enum net_kind kind, const char *backend)
{
	struct world *world = calloc(1, sizeof(*world));

	*world = (struct world){ .net = net_new(kind),
		.ct = net_ct_new(),
		.next_port = 10000,
		.options = { .backend = backend, .lock_wait_s = 10 } };
	return world;
}

void world_freep(struct world **world)
{
	if (!*world)
		return;
	if ((*world)->arena)
		arena_free((*world)->arena);
	net_ct_free((*world)->ct);
	net_free((*world)->net);
	free(*world);
}

const char *world_port_id(size_t i)
{
	static const char *const ids[] = { "aaaaaaaa-aaaa-4000-8000-000000000001",
		"bbbbbbbb-bbbb-4000-8000-000000000002", "cccccccc-cccc-4000-8000-000000000003",
		"dddddddd-dddd-4000-8000-000000000004", "eeeeeeee-eeee-4000-8000-000000000005",
		"ffffffff-ffff-4000-8000-000000000006", "01234567-89ab-4000-8000-000000000007",
		"12345678-9abc-4000-8000-000000000008" };

	return ids[i];
}

void world_add_guests(struct world *world, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t k = world->net->n_ends;
		char mac[24], ip[40];
		struct net_end *end;

		snprintf(mac, sizeof(mac), "02:00:00:00:00:%02zx", 10 + k);
		end = net_add_guest(world->net, world_port_id(k), mac);
		if (world->net->kind != NET_ROUTED)
			continue;
		snprintf(ip, sizeof(ip), "10.0.0.%zu", 10 + k);
		net_add_neighbour(world->net, ip, end);
		snprintf(ip, sizeof(ip), "2001:db8::%zx", 10 + k);
		net_add_neighbour(world->net, ip, end);
	}
}

static bool change(struct world *world, const char *yaml, bool is_viewed, struct err *err)
{
	struct arena *arena = arena_new();
	const struct policy *policy;
	struct agent_report report;
	struct agent_view view = { 0 };

	if (!policy_parse(arena, "test", yaml, strlen(yaml), "here", &policy, err) ||
		!agent_apply(arena, policy, &world->options, &report, err) ||
		(is_viewed && !agent_view_read(arena, policy, &world->options, &view, err))) {
		arena_free(arena);
		return false;
	}
	view.policy = policy;
	arena_free(world->arena);
	world->arena = arena;
	world->report = report;
	world->view = view;
	return true;
}

bool world_try(struct world *world, const char *yaml, struct err *err)
{
	return change(world, yaml, true, err);
}

bool world_change(struct world *world, const char *yaml, struct err *err)
{
	return change(world, yaml, false, err);
}

void world_apply(struct world *world, const char *fmt, ...)
{
	struct text yaml CLEANUP(text_done) = TEXT_INIT;
	struct err err = { 0 };
	va_list ap;

	va_start(ap, fmt);
	text_vaddf(&yaml, fmt, ap);
	va_end(ap);
	if (!world_try(world, yaml.data, &err))
		fail_msg("%s\n%s\n%s", yaml.data, err.text, err.next_step);
}

size_t world_apply_again(struct world *world)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct agent_report report;
	struct err err = { 0 };

	if (!agent_apply(arena, world->view.policy, &world->options, &report, &err))
		fail_msg("%s\n%s", err.text, err.next_step);
	for (size_t i = 0; i < report.plan->n_steps; i++)
		print_message("# %s:\n%s\n", tool_name(report.plan->steps[i].tool),
			report.plan->steps[i].text);
	return report.plan->n_steps;
}

void world_forget_flows(struct world *world)
{
	net_ct_flush(world->ct);
	net_flush_conntrack(world->net);
}

static const struct plug *plug_of(const struct world *world, const struct net_end *end)
{
	for (size_t i = 0; i < world->view.n_plugs; i++)
		if (!strcmp(world->view.plugs[i].port->device, end->tap))
			return &world->view.plugs[i];
	return NULL;
}

static const struct policy_port *port_of(const struct world *world, const struct net_end *end)
{
	const struct plug *plug = plug_of(world, end);

	return plug ? plug->port : NULL;
}

/* The zone is what the compiler was told: a wrong one shows as a wrong state. */
static void set_zone(const struct world *world, struct stage *stage, const struct net_end *end)
{
	const struct plug *plug = plug_of(world, end);

	if (!plug || !policy_port_is_filtered(plug->port))
		return;
	stage->zone = plug->zone;
	stage->is_untracked = plug->hybrid_peer && !plug->port->stateful;
}

static size_t stages_hybrid(const struct world *world, const struct shot *shot, struct stage *ret)
{
	const struct net_end *from = shot->from, *to = shot->to;
	size_t n = 0;

	if (from != world->net->outside) {
		ret[n] = (struct stage){ from->bridge, from->bridge, from->tap, from->peer,
			"FORWARD", port_of(world, from), NULL, 0, false };
		set_zone(world, &ret[n++], from);
	}
	if (to != world->net->outside) {
		ret[n] = (struct stage){ to->bridge, to->bridge, to->peer, to->tap, "FORWARD", NULL,
			port_of(world, to), 0, false };
		set_zone(world, &ret[n++], to);
	}
	return n;
}

static void stage_shared(const struct world *world, const struct shot *shot, struct stage *stage)
{
	const struct plug *plugs = world->view.plugs;

	*stage = (struct stage){ "br0", "br0", shot->from->tap, shot->to->tap, "FORWARD",
		port_of(world, shot->from), port_of(world, shot->to), 0, false };
	/* one zone for the bridge, as soon as one port on it has it */
	for (size_t i = 0; i < world->view.n_plugs; i++)
		if (policy_port_is_filtered(plugs[i].port) && !plugs[i].hybrid_peer)
			stage->zone = plugs[i].zone;
}

static size_t stages_of(const struct world *world, const struct shot *shot, struct stage *ret)
{
	const struct net *net = world->net;
	const struct policy_port *from = port_of(world, shot->from), *to = port_of(world, shot->to);

	if (net->kind == NET_HYBRID)
		return stages_hybrid(world, shot, ret);
	if (net->kind == NET_SHARED ||
		(shot->from->ns >= 0 && shot->to->ns >= 0 && shot->from != net->outside &&
			shot->to != net->outside))
		stage_shared(world, shot, ret);
	else if (shot->to == net->host)
		*ret = (struct stage){ "br0", NULL, shot->from->tap, NULL, "INPUT", from, NULL, 0,
			false };
	else if (shot->from == net->host)
		*ret = (struct stage){ NULL, "br0", NULL, shot->to->tap, "OUTPUT", NULL, to, 0,
			false };
	else if (shot->to == net->outside)
		*ret = (struct stage){ "br0", "wan0", shot->from->tap, NULL, "FORWARD", from, NULL,
			0, false };
	else
		*ret = (struct stage){ "wan0", "br0", NULL, shot->to->tap, "FORWARD", NULL, to, 0,
			false };
	return 1;
}

static enum verdict eval_chain(const struct ruleset *rs, enum family family, const char *table_name,
	const char *chain_name, const struct packet *packet)
{
	const struct table *table = ruleset_table(rs, family, table_name);
	const struct chain *chain = table ? table_chain(table, chain_name) : NULL;

	return chain ? ruleset_eval(rs, table, chain, packet, NULL, NULL).verdict : VERDICT_ACCEPT;
}

/* Through the hooks in the kernel's order; the first that does not accept ends it. */
static enum verdict eval_stage(const struct world *world, const struct ruleset *rs,
	const struct stage *stage, const struct packet *packet)
{
	const char *l2 = world->view.scope.l2_table;
	bool is_ip = packet->ethertype == ETHERTYPE_IPV4 || packet->ethertype == ETHERTYPE_IPV6;
	enum verdict verdict = VERDICT_ACCEPT;
	struct packet frame = *packet, p = *packet;

	/* the bridge family sees ports and nothing else */
	frame.physdev_in = stage->physdev_in;
	frame.physdev_out = stage->physdev_out;
	p.in_iface = stage->in_iface;
	p.out_iface = stage->out_iface;
	p.physdev_in = stage->physdev_in;
	/* of a packet that is routed to the bridge its port is not known yet */
	p.physdev_out = stage->physdev_in ? stage->physdev_out : NULL;
	if (stage->physdev_in)
		verdict = eval_chain(rs, FAMILY_BRIDGE, l2, "prerouting", &frame);
	if (verdict == VERDICT_ACCEPT && is_ip)
		verdict = eval_chain(rs,
			packet->ethertype == ETHERTYPE_IPV6 ? FAMILY_IPV6 : FAMILY_IPV4, "filter",
			stage->base, &p);
	if (verdict == VERDICT_ACCEPT && stage->physdev_out)
		verdict = eval_chain(
			rs, FAMILY_BRIDGE, l2, stage->physdev_in ? "forward" : "output", &frame);
	return verdict;
}

/* before: of the bridge before this one. */
static struct decision decide_stage(
	const struct stage *stage, const struct packet *packet, struct decision before)
{
	struct decision decision = before;

	if (stage->leaves)
		decision = policy_decide(stage->leaves, DIR_EGRESS, packet);
	if (stage->reaches && !reason_is_drop(decision.reason))
		decision = policy_decide(stage->reaches, DIR_INGRESS, packet);
	return decision;
}

static void answer(struct world *world, struct shot *shot)
{
	struct stage stages[2];
	size_t n = stages_of(world, shot, stages);
	struct net_frame frame = shot->frame;

	if (shot->seen)
		frame.packet = *shot->seen;
	shot->wanted = shot->found = VERDICT_ACCEPT;
	shot->decision.reason = REASON_PORT_SECURITY_OFF;
	shot->is_allowed = true;
	for (size_t i = 0; i < n && shot->is_allowed; i++) {
		bool is_ip = frame.packet.ethertype == ETHERTYPE_IPV4 ||
			     frame.packet.ethertype == ETHERTYPE_IPV6;

		if (is_ip)
			frame.packet.ct_state =
				stages[i].is_untracked
					? CT_UNTRACKED
					: net_ct_look(world->ct, stages[i].zone, &frame);
		if (shot->said)
			frame.packet.ct_state = shot->said;
		shot->ct_state = frame.packet.ct_state;
		shot->decision = decide_stage(&stages[i], &frame.packet, shot->decision);
		shot->is_allowed = !reason_is_drop(shot->decision.reason);
		shot->wanted = eval_stage(world, world->view.wanted, &stages[i], &frame.packet);
		shot->found = eval_stage(world, world->view.found, &stages[i], &frame.packet);
		if (shot->is_allowed && is_ip && !stages[i].is_untracked)
			net_ct_confirm(world->ct, stages[i].zone, &frame);
	}
}

static bool is_as_expected(const struct shot *shot)
{
	if (shot->arrived != shot->is_allowed)
		return false;
	if (shot->wanted != VERDICT_CANNOT_TELL &&
		(shot->wanted == VERDICT_ACCEPT) != shot->is_allowed)
		return false;
	if (shot->found != VERDICT_CANNOT_TELL &&
		(shot->found == VERDICT_ACCEPT) != shot->is_allowed)
		return false;
	return shot->expect == EXPECT_EQUAL || shot->arrived == (shot->expect == EXPECT_PASS);
}

static const char *verdict_text(enum verdict verdict)
{
	return verdict == VERDICT_ACCEPT ? "passes"
	       : verdict == VERDICT_DROP ? "drops"
					 : "cannot tell";
}

static void print_shot(const struct world *world, const struct shot *shot)
{
	struct text what CLEANUP(text_done) = TEXT_INIT, rule CLEANUP(text_done) = TEXT_INIT;
	static const char *const kinds[] = { "shared", "hybrid", "routed" };
	struct packet p = shot->seen ? *shot->seen : shot->frame.packet;

	p.ct_state = shot->ct_state;
	packet_print(&what, &p);
	if (shot->decision.rule)
		policy_rule_print(&rule, shot->decision.rule);
	print_message("# %s %s > %s: %s\n#   %s\n"
		      "#   expected %s; kernel %s; policy %s (%s%s%s); compiled %s; read back %s\n",
		kinds[world->net->kind], shot->from->name, shot->to->name,
		shot->text ? shot->text : "", what.data,
		shot->expect == EXPECT_PASS   ? "pass"
		: shot->expect == EXPECT_DROP ? "drop"
					      : "agreement",
		shot->arrived ? "passes" : "drops", shot->is_allowed ? "passes" : "drops",
		reason_name(shot->decision.reason), rule.len ? ": " : "", rule.data,
		verdict_text(shot->wanted), verdict_text(shot->found));
}

size_t world_judge(struct world *world, struct shot *shots, size_t n)
{
	size_t n_wrong = 0;

	for (size_t i = 0; i < n; i++) {
		struct shot *shot = &shots[i];

		if (!shot->frame.icmp_id)
			shot->frame.icmp_id = world->next_port++;
		answer(world, shot);
		shot->tag = net_send(shot->from, &shot->frame);
	}
	net_settle(world->net);
	for (size_t i = 0; i < n; i++) {
		shots[i].arrived = net_saw(shots[i].to, shots[i].tag);
		if (is_as_expected(&shots[i]))
			continue;
		n_wrong++;
		if (n_wrong <= 20)
			print_shot(world, &shots[i]);
	}
	return n_wrong;
}

bool world_shoot(struct world *world, const char *from, const char *to, const char *text)
{
	struct shot shot;

	shot_parse(world, &shot, from, to, text);
	assert_int_equal(world_judge(world, &shot, 1), 0);
	return shot.arrived;
}

bool world_arrives(struct world *world, const char *from, const char *to, const char *text)
{
	struct shot shot;
	uint64_t tag;

	shot_parse(world, &shot, from, to, text);
	tag = net_send(shot.from, &shot.frame);
	net_settle(world->net);
	return net_saw(shot.to, tag);
}

size_t world_judge_rows(struct world *world, const struct shot_row *rows, size_t n)
{
	struct shot *shots = calloc(n, sizeof(*shots));
	size_t n_wrong;

	for (size_t i = 0; i < n; i++) {
		shot_parse(world, &shots[i], rows[i].from, rows[i].to, rows[i].text);
		shots[i].expect = rows[i].expect;
	}
	n_wrong = world_judge(world, shots, n);
	for (size_t i = 0; i < n; i++) {
		if (rows[i].reason < 0 || (int)shots[i].decision.reason == rows[i].reason)
			continue;
		print_message(
			"# expected because of %s:\n", reason_name((enum reason)rows[i].reason));
		print_shot(world, &shots[i]);
		n_wrong++;
	}
	free(shots);
	return n_wrong;
}

void world_save(const struct world *world, struct text *out)
{
	char command[512];

	/* set order of members is the kernel's hash order */
	snprintf(command, sizeof(command),
		"for t in raw filter; do for f in iptables ip6tables; do "
		"$f-%s-save -t $t; done; done | sed '/^#/d; s/ \\[[0-9]*:[0-9]*\\]$//'; "
		"ipset save | sed 's/ initval [^ ]*//; s/ bucketsize [0-9]*//' | sort; "
		"nft list tables | grep bridge | while read x f n; do nft -s list table $f $n; done",
		world->options.backend);
	if (!net_try_sh(out, command))
		fail_msg("%s", command);
}

struct variant {
	const struct world_case *test;
	enum net_kind kind;
	const char *backend;
};

static void run_case(void **state)
{
	const struct variant *variant = *state;
	struct world *world CLEANUP(world_freep) = world_new(variant->kind, variant->backend);

	if (variant->kind == NET_ROUTED)
		net_sh("iptables-%s -t nat -A POSTROUTING -s 10.0.0.0/24 -o wan0 -j MASQUERADE",
			variant->backend);
	world_add_guests(world, 3);
	variant->test->run(world);
}

int world_main(const struct world_case *cases, size_t n)
{
	return world_main_beside(cases, n, 1);
}

int world_main_beside(const struct world_case *cases, size_t n, unsigned n_at_once)
{
	static const char *const kinds[] = { "shared", "hybrid", "routed" };
	static const char *const backends[] = { "nft", "legacy" };
	struct CMUnitTest *tests;
	struct variant *variants;
	const char *only = getenv("PORTWALL_CASE");
	size_t n_tests = 0;
	int result;

	if (!net_main())
		return 0;
	tests = calloc(n * 6, sizeof(*tests));
	variants = calloc(n * 6, sizeof(*variants));
	if (!tests || !variants)
		abort();
	for (size_t i = 0; i < n * 6; i++) {
		const struct world_case *test = &cases[i / 6];
		unsigned kind = (unsigned)(i % 6 / 2), backend = (unsigned)(i % 2);
		char *name;

		if (!(test->on & ON_SHARED << kind) || !(test->on & BY_NFT << backend))
			continue;
		if (asprintf(&name, "%s (%s, %s)", test->name, kinds[kind], backends[backend]) < 0)
			abort();
		if (only && !strstr(name, only)) {
			free(name);
			continue;
		}
		variants[n_tests] =
			(struct variant){ test, (enum net_kind)kind, backends[backend] };
		tests[n_tests] = (struct CMUnitTest){
			.name = name, .test_func = run_case, .initial_state = &variants[n_tests]
		};
		n_tests++;
	}
	result = n_at_once > 1 ? net_run_beside("tests", tests, n_tests, n_at_once)
			       : _cmocka_run_group_tests("tests", tests, n_tests, NULL, NULL);
	result = net_exit(result);
	for (size_t i = 0; i < n_tests; i++)
		free((void *)(uintptr_t)tests[i].name);
	free(tests);
	free(variants);
	return result;
}
