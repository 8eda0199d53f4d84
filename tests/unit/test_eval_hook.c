// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <string.h>
#include <time.h>

#include "packet/field.h"
#include "ruleset/eval.h"

struct fixture {
	struct arena *arena;
	struct ruleset *rs;
};

static struct addr addr_of(const char *text)
{
	struct addr addr;

	assert_true(addr_parse(text, &addr));
	return addr;
}

static struct packet tcp_packet(void)
{
	return (struct packet){ .in_iface = "eth0",
		.out_iface = "eth1",
		.ethertype = ETHERTYPE_IPV4,
		.src = addr_of("10.0.0.11"),
		.dst = addr_of("10.0.0.12"),
		.proto = PROTO_TCP,
		.sport = 40000,
		.dport = 443,
		.ttl = 64,
		.ct_state = CT_NEW };
}

static struct fixture fixture_of(const char *iptables)
{
	struct arena *arena = arena_new();
	struct fixture f = { arena, ruleset_new(arena) };
	struct err err;

	if (!ruleset_parse_iptables(arena, f.rs, FAMILY_IPV4, "t", iptables, &err))
		fail_msg("%s", err.text);
	return f;
}

static void add_nft_chain(struct fixture *f, enum family family, const char *table_name,
	const char *name, const char *hook_text)
{
	struct table *table = ruleset_add_table(f->arena, f->rs, family, table_name);
	struct chain *chain = table_add_chain(f->arena, table, name);

	table->source = SOURCE_NFT;
	chain->is_base = true;
	chain->policy = "ACCEPT";
	chain->hook_text = hook_text;
}

static void assert_order(
	struct fixture *f, enum family family, enum hook hook, const char *expected)
{
	struct text names CLEANUP(text_done) = TEXT_INIT;
	struct hook_chain *chains;
	size_t n;

	ruleset_hook_chains(f->arena, f->rs, family, hook, NULL, &chains, &n);
	for (size_t i = 0; i < n; i++)
		text_addf(&names, "%s %s %d%s, ", chains[i].table->name, chains[i].chain->name,
			chains[i].priority, chains[i].is_order_unknown ? "?" : "");
	assert_string_equal(names.data, expected);
}

#define TABLE(name, chains) "*" name "\n" chains "COMMIT\n"
#define EVERY_CHAIN                                                                                \
	":PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n"                   \
	":OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"

static void chains_are_asked_in_the_order_of_the_kernel(void **state)
{
	static const char iptables[] = TABLE("filter", ":INPUT ACCEPT [0:0]\n")
		TABLE("mangle", EVERY_CHAIN) TABLE("nat", ":PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT "
							  "[0:0]\n:POSTROUTING ACCEPT [0:0]\n")
			TABLE("raw", ":PREROUTING ACCEPT [0:0]\n")
				TABLE("security", ":INPUT ACCEPT [0:0]\n");
	struct fixture f = fixture_of(iptables);

	(void)state;
	add_nft_chain(
		&f, FAMILY_INET, "a", "pre", "type filter hook prerouting priority mangle + 10;");
	add_nft_chain(&f, FAMILY_INET, "a", "in", "type filter hook input priority filter;");
	add_nft_chain(&f, FAMILY_INET, "a", "guard", "type nat hook postrouting priority -199;");
	add_nft_chain(&f, FAMILY_IPV6, "b", "pre", "type filter hook prerouting priority raw;");
	assert_order(&f, FAMILY_IPV4, HOOK_PREROUTING,
		"raw PREROUTING -300, mangle PREROUTING -150, a pre -140, nat PREROUTING -100, ");
	assert_order(&f, FAMILY_IPV4, HOOK_INPUT,
		"mangle INPUT -150, a in 0?, filter INPUT 0?, security INPUT 50, nat INPUT 100, ");
	/* all nat chains hang where NAT hangs; their own priorities count among themselves */
	assert_order(&f, FAMILY_IPV4, HOOK_POSTROUTING,
		"mangle POSTROUTING -150, a guard -199, nat POSTROUTING 100, ");
	assert_order(&f, FAMILY_IPV6, HOOK_PREROUTING, "b pre -300, a pre -140, ");
	arena_free(f.arena);
}

static void eval_hook_of(
	struct fixture *f, enum hook hook, const struct packet *packet, struct outcomes *outcomes)
{
	const struct eval eval = { .arena = f->arena, .rs = f->rs, .hook = hook };

	ruleset_eval_hook(&eval, FAMILY_IPV4, NULL, true, packet, NULL, NULL, outcomes);
}

static void an_accept_goes_on_and_a_drop_ends(void **state)
{
	struct fixture f = fixture_of(
		TABLE("mangle", ":FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -j ACCEPT\n")
			TABLE("filter", ":FORWARD DROP [0:0]\n-A FORWARD -p udp -j ACCEPT\n"));
	struct packet packet = tcp_packet();
	struct outcomes tcp = { 0 }, udp = { 0 };

	(void)state;
	eval_hook_of(&f, HOOK_FORWARD, &packet, &tcp);
	assert_int_equal(tcp.n, 1);
	assert_int_equal(tcp.items[0].verdict, VERDICT_DROP);
	assert_string_equal(tcp.items[0].table->name, "filter");
	assert_null(tcp.items[0].rule);
	assert_int_equal(tcp.items[0].last->kind, STEP_POLICY);
	assert_int_equal(tcp.items[0].last->before->kind, STEP_MATCH);
	packet.proto = PROTO_UDP;
	eval_hook_of(&f, HOOK_FORWARD, &packet, &udp);
	assert_int_equal(udp.n, 1);
	assert_int_equal(udp.items[0].verdict, VERDICT_ACCEPT);
	arena_free(f.arena);
}

/* Two chains of one priority of which only one drops: both orders end alike. */
static void an_unknown_order_that_does_not_matter_is_no_doubt(void **state)
{
	struct fixture f =
		fixture_of(TABLE("filter", ":FORWARD ACCEPT [0:0]\n-A FORWARD -j DROP\n"));
	struct packet packet = tcp_packet();
	struct outcomes outcomes = { 0 };

	(void)state;
	add_nft_chain(&f, FAMILY_INET, "a", "fwd", "type filter hook forward priority 0;");
	eval_hook_of(&f, HOOK_FORWARD, &packet, &outcomes);
	assert_int_equal(outcomes.n, 1);
	assert_int_equal(outcomes.items[0].verdict, VERDICT_DROP);
	assert_string_equal(outcomes.items[0].table->name, "filter");
	arena_free(f.arena);
}

static void eval_forward(
	struct fixture *f, const struct packet *packet, uint64_t *decided, struct outcomes *ret)
{
	const struct eval eval = { .arena = f->arena, .rs = f->rs, .hook = HOOK_FORWARD };
	const struct table *table = ruleset_table(f->rs, FAMILY_IPV4, "filter");

	ruleset_eval_chain(&eval, table, table_chain(table, "FORWARD"), packet, NULL, decided, ret);
}

static void an_answer_says_which_fields_decided(void **state)
{
	struct fixture f =
		fixture_of(TABLE("filter", ":FORWARD DROP [0:0]\n"
					   "-A FORWARD -s 10.9.0.0/16 -i eth9 -j ACCEPT\n"
					   "-A FORWARD -p tcp -m tcp --dport 443 -j ACCEPT\n"
					   "-A FORWARD -d 10.0.0.0/8 -j DROP\n"));
	struct packet packet = tcp_packet();
	struct outcomes outcomes = { 0 };
	uint64_t decided = 0;

	(void)state;
	eval_forward(&f, &packet, &decided, &outcomes);
	assert_int_equal(outcomes.n, 1);
	assert_int_equal(decided, FIELD_BIT(FIELD_SRC) | FIELD_BIT(FIELD_PROTO) |
					  FIELD_BIT(FIELD_FRAGMENT) | FIELD_BIT(FIELD_DPORT));
	arena_free(f.arena);
}

static void a_field_that_is_open_splits(void **state)
{
	struct fixture f =
		fixture_of(TABLE("filter", ":FORWARD DROP [0:0]\n"
					   "-A FORWARD -p tcp -m tcp --dport 443 -j ACCEPT\n"
					   "-A FORWARD -p tcp -m tcp --dport 22 -j ACCEPT\n"));
	struct packet packet = tcp_packet();
	struct outcomes outcomes = { 0 };

	(void)state;
	packet.unknown = FIELD_BIT(FIELD_DPORT);
	eval_forward(&f, &packet, NULL, &outcomes);
	assert_int_equal(outcomes.n, 3);
	assert_int_equal(outcomes.items[0].verdict, VERDICT_ACCEPT);
	assert_int_equal(outcomes.items[0].last->kind, STEP_MAYBE);
	assert_int_equal(outcomes.items[0].last->assumed->kind, MATCH_DPORT);
	assert_int_equal(outcomes.items[2].verdict, VERDICT_DROP);
	arena_free(f.arena);
}

/* 40 rules that cannot be told would be 2^40 ways, were halves that come back alike not joined. */
static void halves_that_come_back_alike_are_one(void **state)
{
	struct text rules CLEANUP(text_done) = TEXT_INIT;
	struct packet packet = tcp_packet();
	struct outcomes outcomes = { 0 };
	struct fixture f;

	(void)state;
	text_add(&rules, "*filter\n:FORWARD ACCEPT [0:0]\n:c - [0:0]\n");
	for (int i = 0; i < 40; i++)
		text_add(&rules, "-A FORWARD -m u32 --u32 \"6&0xFF=0\" -j c\n");
	text_add(&rules, "-A c -p tcp -j RETURN\n-A c -j DROP\nCOMMIT\n");
	f = fixture_of(rules.data);
	eval_forward(&f, &packet, NULL, &outcomes);
	assert_int_equal(outcomes.n, 1);
	assert_int_equal(outcomes.items[0].verdict, VERDICT_ACCEPT);
	packet.proto = PROTO_UDP;
	outcomes.n = 0;
	eval_forward(&f, &packet, NULL, &outcomes);
	assert_int_equal(outcomes.n, 2);
	arena_free(f.arena);
}

/* Chains that call the next one twice, and so on, are 2^60 ways for a packet that returns. */
static void endless_ways_end(void **state)
{
	struct text rules CLEANUP(text_done) = TEXT_INIT;
	struct packet packet = tcp_packet();
	struct outcomes outcomes = { 0 };
	struct fixture f;

	(void)state;
	text_add(&rules, "*filter\n:FORWARD ACCEPT [0:0]\n");
	for (int i = 0; i < 60; i++)
		text_addf(&rules, ":c%d - [0:0]\n", i);
	text_add(&rules, "-A FORWARD -j c0\n");
	for (int i = 0; i < 59; i++)
		text_addf(&rules, "-A c%d -j c%d\n-A c%d -j c%d\n", i, i + 1, i, i + 1);
	text_add(&rules, "COMMIT\n");
	f = fixture_of(rules.data);
	eval_forward(&f, &packet, NULL, &outcomes);
	assert_int_equal(outcomes.n, 1);
	assert_int_equal(outcomes.items[0].verdict, VERDICT_CANNOT_TELL);
	assert_non_null(outcomes.items[0].why);
	arena_free(f.arena);
}

/* 10.0.0.12 is the host's, 10.0.0.13 nobody knows. */
static bool addr_type(void *data, const struct addr *addr, const char *iface, enum addr_type *ret)
{
	struct addr own = addr_of("10.0.0.12"), unknown = addr_of("10.0.0.13");

	(void)data;
	(void)iface;
	*ret = addr_compare(addr, &own) == 0 ? ADDR_LOCAL : ADDR_UNICAST;
	return addr_compare(addr, &unknown) != 0;
}

static size_t n_drops_of_nft(const char *rule, const char *flags, const struct eval_oracle *oracle,
	const struct packet *packet, size_t *ret_n)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *rs = ruleset_new(arena);
	const struct eval eval = {
		.arena = arena, .rs = rs, .oracle = oracle, .hook = HOOK_FORWARD
	};
	struct outcomes outcomes = { 0 };
	struct err err;
	size_t n = 0;

	if (!ruleset_parse_nft(arena, rs, "t",
		    arena_printf(arena,
			    "table inet t {\n%s\tchain c {\n\t\ttype filter hook forward "
			    "priority filter; policy accept;\n\t\t%s\n\t}\n}\n",
			    flags, rule),
		    &err))
		fail_msg("%s", err.text);
	ruleset_eval_hook(&eval, FAMILY_IPV4, NULL, false, packet, NULL, NULL, &outcomes);
	vec_for_each (outcome, &outcomes)
		n += outcome->verdict == VERDICT_DROP;
	*ret_n = outcomes.n;
	return n;
}

static void the_host_says_what_nfts_fib_has(void **state)
{
	static const struct {
		const char *rule, *dst;
		size_t n, n_drops;
	} cases[] = {
		{ "fib daddr type local drop", "10.0.0.12", 1, 1 },
		{ "fib daddr type local drop", "10.0.0.11", 1, 0 },
		{ "fib daddr type != local drop", "10.0.0.11", 1, 1 },
		{ "fib daddr type { local, unicast } drop", "10.0.0.11", 1, 1 },
		{ "fib daddr type { local, broadcast } drop", "10.0.0.11", 1, 0 },
		{ "fib saddr type local drop", "10.0.0.12", 1, 0 },
		{ "fib daddr type local drop", "10.0.0.13", 2, 1 },
		{ "fib daddr . iif type local drop", "10.0.0.12", 1, 1 },
		{ "fib saddr . iif oif missing drop", "10.0.0.12", 2, 1 },
	};
	const struct eval_oracle oracle = { .addr_type = addr_type };
	struct packet packet = tcp_packet();
	size_t n;

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		packet.dst = addr_of(cases[i].dst);
		if (n_drops_of_nft(cases[i].rule, "", &oracle, &packet, &n) != cases[i].n_drops ||
			n != cases[i].n)
			fail_msg("%s, %s: %zu ends", cases[i].rule, cases[i].dst, n);
	}
	packet.dst = addr_of("10.0.0.12");
	assert_int_equal(n_drops_of_nft(cases[0].rule, "", NULL, &packet, &n), 1);
	assert_int_equal(n, 2);
}

static void nat_of_another_family_goes_on(void **state)
{
	struct packet packet = tcp_packet();
	size_t n;

	(void)state;
	assert_int_equal(n_drops_of_nft("dnat ip6 to fd00::2\n\t\tdrop", "", NULL, &packet, &n), 1);
	assert_int_equal(n_drops_of_nft("dnat ip to 10.0.0.2\n\t\tdrop", "", NULL, &packet, &n), 0);
}

static void a_dormant_table_is_not_asked(void **state)
{
	struct packet packet = tcp_packet();
	size_t n;

	(void)state;
	assert_int_equal(n_drops_of_nft("drop", "", NULL, &packet, &n), 1);
	assert_int_equal(n_drops_of_nft("drop", "\tflags dormant\n\n", NULL, &packet, &n), 0);
	assert_int_equal(n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chains_are_asked_in_the_order_of_the_kernel),
		cmocka_unit_test(an_accept_goes_on_and_a_drop_ends),
		cmocka_unit_test(an_unknown_order_that_does_not_matter_is_no_doubt),
		cmocka_unit_test(an_answer_says_which_fields_decided),
		cmocka_unit_test(a_field_that_is_open_splits),
		cmocka_unit_test(halves_that_come_back_alike_are_one),
		cmocka_unit_test(endless_ways_end),
		cmocka_unit_test(the_host_says_what_nfts_fib_has),
		cmocka_unit_test(nat_of_another_family_goes_on),
		cmocka_unit_test(a_dormant_table_is_not_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
