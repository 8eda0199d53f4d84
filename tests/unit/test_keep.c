// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plan over parts is the plan over everything: from one state of a host to the next, by chance, what keep_change.c makes of
 * what differs is compared with the plan between two compiles of all there is, step by step and text by text, and then run on
 * paper. PORTWALL_SEED=N repeats a run, PORTWALL_PAIRS=N makes it longer.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "agent/keeping.h"
#include "hostbuild.h"
#include "networld.h"
#include "paper.h"
#include "policymodel.h"

#define N_PAIRS 2000
#define N_STEPS 20 /* of one host, one behind the other */
#define FOREIGN_RULES                                                                              \
	"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"              \
	"-A FORWARD -p udp -m udp --dport 9 -j DROP\n-A INPUT -p tcp -j ACCEPT\nCOMMIT\n"

enum guest_place { ON_BR0, ON_BR1 /* routed */, ON_QBR, ON_NONE, AWAY, N_GUEST_PLACES };

struct host_model {
	struct {
		enum guest_place place;
		bool is_vnet; /* has libvirt's name and MAC */
		bool is_refused, is_shut;
	} guests[POLICY_GUESTS];
	bool has_br1, calls_iptables[3] /* br0, br1, qbr */;
};

struct walk {
	struct random random;
	struct arena *arena;
	struct policy_model policy;
	struct host_model host;
	struct keeper keeper;
	struct stand *old;
	struct ruleset *kernel;
};

struct counts {
	size_t n, n_plans, n_twins, n_swaps, n_edits, n_bare, n_without_host;
};

static const struct serve_options options = {
	.closed_names = (const char *const[]){ "tap*", "vnet*" },
	.n_closed_names = 2,
};

/* ---- a host */

static void change_host(struct walk *w)
{
	struct host_model *h = &w->host;
	unsigned i = random_below(&w->random, POLICY_GUESTS);

	switch (random_below(&w->random, 8)) {
	case 0:
		h->guests[i].is_vnet ^= true;
		break;
	case 1:
		h->has_br1 ^= true;
		break;
	case 2:
		h->calls_iptables[random_below(&w->random, 3)] ^= true;
		break;
	case 3:
		h->guests[i].is_refused = one_in(&w->random, 3);
		break;
	case 4:
		h->guests[i].is_shut = one_in(&w->random, 4);
		break;
	default:
		h->guests[i].place = one_in(&w->random, 2) ? ON_BR0
							   : (enum guest_place)random_below(
								     &w->random, N_GUEST_PLACES);
	}
}

static void add_bridge(struct host_build *b, const char *name, bool calls_iptables)
{
	struct link *bridge = build_link(b, 0, "bridge", name);

	bridge->nf_call[FAMILY_IPV4] = bridge->nf_call[FAMILY_IPV6] = calls_iptables;
}

static void add_guest(struct walk *w, struct host_build *b, unsigned i)
{
	const char *id = world_port_id(i), *bridge = "br0";
	bool is_vnet = w->host.guests[i].is_vnet;
	struct link *link;

	if (w->host.guests[i].place == AWAY)
		return;
	link = build_link(b, 0, "tun",
		is_vnet ? arena_printf(w->arena, "vnet%u", i)
			: arena_printf(w->arena, "tap%.11s", id));
	link->mac = (struct mac){ { is_vnet ? 0xfe : 0x0e, 0, 0, 0, 0, (uint8_t)(10 + i) } };
	switch (w->host.guests[i].place) {
	case ON_QBR:
		bridge = arena_printf(w->arena, "qbr%.11s", id);
		add_bridge(b, bridge, w->host.calls_iptables[2]);
		build_link(b, 0, "veth", arena_printf(w->arena, "qvb%.11s", id));
		build_port(b, bridge, arena_printf(w->arena, "qvb%.11s", id));
		break;
	case ON_BR1:
		if (!w->host.has_br1)
			return;
		bridge = "br1";
		break;
	case ON_NONE:
		return;
	default:
		break;
	}
	build_port(b, bridge, link->name);
}

static const struct netns *build_host(struct walk *w)
{
	struct host_build *b = host_build_new(w->arena);

	add_bridge(b, "br0", w->host.calls_iptables[0]);
	if (w->host.has_br1) {
		add_bridge(b, "br1", w->host.calls_iptables[1]);
		built_link(b, "br1", NULL)->has_address = true;
	}
	for (unsigned i = 0; i < POLICY_GUESTS; i++)
		add_guest(w, b, i);
	return &host_built(b)->netns[0];
}

/* ---- where the ports stand */

static const struct policy *make_policy(struct walk *w)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	const struct policy *policy = NULL;
	struct err err;

	policy_model_print(&text, &w->policy);
	if (!policy_parse(w->arena, "test", text.data, text.len, "here", &policy, &err))
		fail_msg("%s\n%s", err.text, text.data);
	return policy;
}

/* As the kernel's refusals leave them, and the lack of zones. */
static void refuse_seats(struct walk *w, struct stand *stand, struct counts *counts)
{
	for (unsigned i = 0; i < POLICY_GUESTS; i++) {
		struct seat *seat = stand_seat(stand, world_port_id(i));

		if (!seat || !seat->plug || !policy_port_is_filtered(seat->port))
			continue;
		seat->plug->is_shut = w->host.guests[i].is_shut;
		if (w->host.guests[i].is_refused) {
			seat_make_bare(seat, "refused", "");
			counts->n_bare++;
		} else {
			seat_make_whole(seat);
		}
	}
	stand_find_uses(&w->keeper, stand);
}

static struct stand *make_stand(struct walk *w, bool reads_host, struct counts *counts)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct switches switches = { 0 };
	const struct policy *policy = make_policy(w);
	struct stand *stand;

	if (!reads_host && w->old && !stand_needs_host(w->old, policy))
		counts->n_without_host++;
	else
		reads_host = true;
	stand = stand_new(&w->keeper, scratch, policy, reads_host ? build_host(w) : NULL,
		stand_zones(scratch, w->old), w->old, SEAT_AS_BEFORE, &switches);
	refuse_seats(w, stand, counts);
	return stand;
}

/* ---- plans */

static const struct ruleset *compile_all(struct walk *w, const struct stand *stand)
{
	const struct ruleset *ret;
	struct err err;

	if (!stand_compile(&w->keeper, w->arena, stand, NULL, &ret, &err))
		fail_msg("%s", err.text);
	return ret;
}

static const struct plan *plan_all(
	struct walk *w, const struct ruleset *wanted, const struct ruleset *has)
{
	const struct plan *plan;
	struct err err;

	if (!plan_make(w->arena, wanted, has, &w->keeper.scope, &plan, &err))
		fail_msg("%s", err.text);
	return plan;
}

static void print_plan(const char *what, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		printf("# %s, step %zu, %s\n%s", what, i, tool_name(plan->steps[i].tool),
			plan->steps[i].text);
}

static void check_same(const struct plan *part, const struct plan *all, const char *when)
{
	bool ok = part->n_steps == all->n_steps && part->n_changes == all->n_changes;

	for (size_t i = 0; ok && i < all->n_steps; i++)
		ok = part->steps[i].tool == all->steps[i].tool &&
		     strcmp(part->steps[i].text, all->steps[i].text) == 0 &&
		     strcmp(part->steps[i].undo, all->steps[i].undo) == 0;
	if (ok)
		return;
	print_plan("of all", all);
	print_plan("of the part", part);
	fail_msg("%s: the plan over what differs is another one", when);
}

static void run_plan(struct walk *w, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		paper_run(w->arena, w->kernel, plan->steps[i].tool, plan->steps[i].text, SIZE_MAX);
}

static void count_plan(const struct plan *plan, struct counts *counts)
{
	counts->n_plans += plan->n_steps > 0;
	counts->n_twins += plan->n_twinned > 0;
	for (size_t i = 0; i < plan->n_steps; i++) {
		const char *text = plan->steps[i].text;

		counts->n_swaps += strstr(text, "swap ") != NULL;
		counts->n_edits += text_has_prefix(text, "add N") || text_has_prefix(text, "del N");
	}
}

static void check_arrival(struct walk *w, const struct ruleset *wanted,
	const struct ruleset *before, const char *when)
{
	const char *where;

	if (!paper_is_same(w->kernel, paper_expected(w->arena, &w->keeper.scope, wanted, before),
		    false, &where))
		fail_msg("%s: %s is not as it should be", when, where);
}

/* ---- walks */

static void begin(struct walk *w, struct random *random, struct counts *counts)
{
	struct err err;
	const struct ruleset *wanted;

	*w = (struct walk){ .random = { random_u64(random) }, .arena = arena_new() };
	w->keeper = (struct keeper){
		.options = &options, .scope = compile_default_scope, .agent = { .fix_sysctl = true }
	};
	policy_model_init(&w->policy, &w->random);
	w->host.has_br1 = true;
	for (int i = 0; i < 20; i++)
		change_host(w);
	w->kernel = ruleset_new(w->arena);
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++)
		if (!ruleset_parse_iptables(w->arena, w->kernel, f, "rules", FOREIGN_RULES, &err))
			fail_msg("%s", err.text);
	w->old = make_stand(w, true, counts);
	wanted = compile_all(w, w->old);
	run_plan(w, plan_all(w, wanted, w->kernel));
}

static void end(struct walk *w)
{
	stand_free(w->old);
	arena_free(w->arena);
}

static void step(struct walk *w, const char *when, struct counts *counts)
{
	unsigned kind = random_below(&w->random, 6);
	const struct ruleset *before = paper_clone(w->arena, w->kernel), *has, *wanted;
	const struct plan *part, *all;
	struct stand *new;
	struct err err;

	for (unsigned n = kind ? 1 + random_below(&w->random, 3) : 0; n > 0; n--)
		policy_model_change(&w->policy, &w->random);
	for (unsigned n = kind < 2 ? 1 + random_below(&w->random, 3) : 0; n > 0; n--)
		change_host(w);
	new = make_stand(w, kind < 2, counts);
	has = compile_all(w, w->old);
	wanted = compile_all(w, new);
	all = plan_all(w, wanted, has);
	if (!stand_plan(&w->keeper, w->arena, new, w->old, NULL, &part, &err))
		fail_msg("%s: %s", when, err.text);
	check_same(part, all, when);
	run_plan(w, part);
	check_arrival(w, wanted, before, when);
	count_plan(part, counts);
	counts->n++;
	stand_free(w->old);
	w->old = new;
}

static void a_plan_over_what_differs_is_the_plan_over_everything(void **state)
{
	const char *more = getenv("PORTWALL_PAIRS");
	size_t n_pairs = more ? strtoul(more, NULL, 10) : N_PAIRS;
	struct random random = random_seeded();
	struct counts counts = { 0 };

	(void)state;
	while (counts.n < n_pairs) {
		uint64_t seed = random.state;
		struct walk w;

		begin(&w, &random, &counts);
		for (unsigned i = 0; i < N_STEPS; i++) {
			char when[80];

			snprintf(when, sizeof(when), "PORTWALL_SEED=%llu step %u",
				(unsigned long long)seed, i);
			step(&w, when, &counts);
		}
		end(&w);
	}
	print_message(
		"# %zu pairs, %zu differ; %zu with twins, %zu swaps, %zu edits of sets, %zu bare "
		"ports, %zu times without the host\n",
		counts.n, counts.n_plans, counts.n_twins, counts.n_swaps, counts.n_edits,
		counts.n_bare, counts.n_without_host);
	/* it must go all ways */
	assert_true(counts.n_plans > counts.n / 2 && counts.n_twins > counts.n / 100 &&
		    counts.n_swaps > counts.n / 100 && counts.n_edits > counts.n / 50 &&
		    counts.n_bare > counts.n / 10 && counts.n_without_host > counts.n / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_over_what_differs_is_the_plan_over_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
