// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Our rulesets against those that OpenStack Neutron's own driver wrote for the same policies
 * (neutron/README.md). Chain by chain, rule by rule, in order; every difference must be one of
 * those that docs/neutron-differences.md lists by number, told apart by a predicate here, and
 * every predicate must be needed.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/vec.h"
#include "golden.h"

#define PREFIX "neutron-openvswi-"

/* A place where the two differ. Of a rule that only one side has, the other is NULL. */
struct difference {
	const struct golden *golden;
	const struct policy *policy;
	enum family family;
	const char *table, *chain;
	const struct chain *our_chain, *their_chain; /* NULL: not there */
	const struct rule *ours, *theirs;	     /* both: only the comment differs */
	const struct policy_port *port;		     /* whose chain it is; NULL: nobody's */
	char kind;				     /* of that chain: i, o, s */
	const char *our_text, *their_text;	     /* printed, without the comment */
};

static const char *print_rule(struct arena *arena, enum family family, const struct rule *rule)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct rule bare;

	if (!rule)
		return NULL;
	bare = *rule;
	bare.comment = NULL;
	bare.n_behind_comment = 0;
	rule_print(&text, family, &bare);
	return arena_strdup(arena, text.data);
}

static bool has_origin(const struct difference *d, enum duty duty)
{
	return d->ours && d->ours->origin && d->ours->origin->duty == duty;
}

/* Is text the other one but for one piece that it does not have? */
static bool is_without(const char *text, const char *other, const char *piece)
{
	const char *at = strstr(other, piece);

	return at && strncmp(text, other, (size_t)(at - other)) == 0 &&
	       strcmp(text + (at - other), at + strlen(piece)) == 0;
}

typedef bool predicate(const struct difference *d, struct arena *arena);

/* Does the chain of one side hold a rule that stands in this relation to the text? */
static bool some_rule(struct arena *arena, const struct difference *d, const struct chain *chain,
	bool (*relation)(const char *other, const char *text), const char *text)
{
	for (size_t i = 0; chain && i < chain->n_rules; i++)
		if (relation(print_rule(arena, d->family, &chain->rules[i]), text))
			return true;
	return false;
}

static bool is_ipip_for(const char *our, const char *their)
{
	const char *at = strstr(our, " -p 4 ");

	return at && (size_t)(at - our) < strlen(their) &&
	       strncmp(our, their, (size_t)(at - our)) == 0 &&
	       text_has_prefix(their + (at - our), " -p 94 ") &&
	       strcmp(at + strlen(" -p 4 "), their + (at - our) + strlen(" -p 94 ")) == 0;
}

static bool d1_ipip_is_4(const struct difference *d, struct arena *arena)
{
	if (d->ours)
		return has_origin(d, DUTY_RULE) && d->ours->origin->rules[0]->has_proto &&
		       strcmp(d->ours->origin->rules[0]->proto_text, "ipip") == 0;
	return d->theirs && some_rule(arena, d, d->our_chain, is_ipip_for, d->their_text);
}

/* Neutron's rule for protocol 0: the same without a protocol. */
static bool is_rule_of_protocol_0(
	const struct policy_rule *rule, const struct difference *d, const char *their)
{
	struct text expected CLEANUP(text_done) = TEXT_INIT;

	if (!rule->has_proto || rule->proto != 0 || rule->ethertype != d->family ||
		(rule->direction == DIR_INGRESS) != (d->kind == 'i'))
		return false;
	if (rule->has_prefix && rule->prefix.len) {
		text_add(&expected, rule->direction == DIR_INGRESS ? "-s " : "-d ");
		prefix_print(&expected, &rule->prefix);
		text_add(&expected, " ");
	}
	text_add(&expected, "-j RETURN");
	return strcmp(their, expected.data) == 0;
}

static bool d2_protocol_0(const struct difference *d, struct arena *arena)
{
	(void)arena;
	if (d->ours)
		return has_origin(d, DUTY_RULE) && d->ours->origin->rules[0]->proto == 0 &&
		       d->ours->origin->rules[0]->has_proto && strstr(d->our_text, " -m u32 ");
	for (size_t g = 0; d->theirs && d->port && g < d->port->n_groups; g++)
		for (size_t i = 0; i < d->port->groups[g]->n_rules; i++)
			if (is_rule_of_protocol_0(&d->port->groups[g]->rules[i], d, d->their_text))
				return true;
	return false;
}

static bool restricts(const char *our, const char *their)
{
	const char *from = strstr(our, " -m set --match-set "), *to = strstr(our, " -j ");

	return from && to && (size_t)(from - our) <= strlen(their) &&
	       strncmp(our, their, (size_t)(from - our)) == 0 &&
	       strcmp(their + (from - our), to) == 0;
}

static bool d3_address_groups_restrict(const struct difference *d, struct arena *arena)
{
	if (d->ours)
		return has_origin(d, DUTY_RULE) &&
		       d->ours->origin->rules[0]->remote_address_group != NULL;
	return d->theirs && some_rule(arena, d, d->our_chain, restricts, d->their_text);
}

static bool d4_no_family(const struct difference *d, struct arena *arena)
{
	(void)arena;
	return d->port && (d->kind == 'o' || d->kind == 's') && d->our_chain &&
	       d->our_chain->n_rules == 1 && !policy_port_has_family(d->port, d->family) &&
	       (!d->ours || has_origin(d, DUTY_ANTI_SPOOF) || has_origin(d, DUTY_SPOOF_DROP));
}

static bool d5_frames(const struct difference *d, struct arena *arena)
{
	(void)arena;
	return d->family == FAMILY_BRIDGE && !d->theirs && (!d->ours || has_origin(d, DUTY_FRAMES));
}

static bool d8_comments(const struct difference *d, struct arena *arena)
{
	const struct policy_rule *rule;

	if (!d->ours || !d->theirs || !has_origin(d, DUTY_RULE) || d->theirs->comment)
		return false;
	rule = d->ours->origin->rules[0];
	return strcmp(d->ours->comment, arena_printf(arena, "rule %s of group %s", rule->id,
						rule->group->name)) == 0;
}

static bool lacks_is_bridged(const char *our, const char *their)
{
	return is_without(our, their, " --physdev-is-bridged");
}

static bool has_is_bridged(const char *their, const char *our)
{
	return is_without(our, their, " --physdev-is-bridged");
}

static bool d10_input(const struct difference *d, struct arena *arena)
{
	if (strcmp(d->chain, PREFIX "INPUT") != 0)
		return false;
	if (d->ours)
		return some_rule(arena, d, d->their_chain, has_is_bridged, d->our_text);
	/* "port security is disabled": that line never matched either, and ours must not */
	if (d->theirs && d->theirs->target.kind == TARGET_ACCEPT)
		return strstr(d->their_text, " --physdev-is-bridged") != NULL;
	return d->theirs && some_rule(arena, d, d->our_chain, lacks_is_bridged, d->their_text);
}

static bool d11_routed(const struct difference *d, struct arena *arena)
{
	(void)arena;
	if (d->theirs)
		return false;
	if (strcmp(d->chain, PREFIX "routed") == 0)
		return !d->ours || has_origin(d, DUTY_DISPATCH);
	return d->ours && strcmp(d->chain, PREFIX "FORWARD") == 0 &&
	       strcmp(d->our_text, "-m physdev ! --physdev-is-bridged -g " PREFIX "routed") == 0 &&
	       d->ours == d->our_chain->rules;
}

static bool d12_mark(const struct difference *d, struct arena *arena)
{
	(void)arena;
	return strcmp(d->chain, PREFIX "owner") == 0 && !d->theirs &&
	       (!d->ours || (has_origin(d, DUTY_MARK) && d->ours->target.kind == TARGET_NONE));
}

static bool d13_shared_zone(const struct difference *d, struct arena *arena)
{
	(void)arena;
	if (!d->golden->is_shared || strcmp(d->table, "raw") != 0)
		return false;
	if (d->ours)
		return has_origin(d, DUTY_ZONE) && d->ours->n_matches == 1 &&
		       d->ours->matches[0].kind == MATCH_IN_IFACE &&
		       (!d->theirs || text_has_prefix(d->theirs->comment, "Set zone for "));
	return d->theirs->target.kind == TARGET_CT_ZONE;
}

static bool d14_stateless_shared(const struct difference *d, struct arena *arena)
{
	(void)arena;
	if (!d->golden->is_shared || d->ours)
		return false;
	if (strcmp(d->table, "raw") == 0)
		return d->theirs->target.kind == TARGET_CT_NOTRACK;
	return d->port && !d->port->stateful && (d->kind == 'i' || d->kind == 'o') &&
	       d->theirs->n_matches == 1 && d->theirs->matches[0].kind == MATCH_CT_STATE;
}

static bool d17_cut(const struct difference *d, struct arena *arena)
{
	(void)arena;
	return !d->theirs && has_origin(d, DUTY_CUT) && d->ours == d->our_chain->rules &&
	       strcmp(d->our_text,
		       "-m connmark --mark 0x40000000/0x40000000 -j " PREFIX "sg-fallback") == 0;
}

static bool is_same(const char *other, const char *text)
{
	return strcmp(other, text) == 0;
}

/* Of two equal pairs we keep the first, the driver the last. */
static bool d15_duplicates(const struct difference *d, struct arena *arena)
{
	if (d->kind != 's' || (d->ours && d->theirs))
		return false;
	return d->ours ? some_rule(arena, d, d->their_chain, is_same, d->our_text)
		       : some_rule(arena, d, d->our_chain, is_same, d->their_text);
}

static const struct claim {
	unsigned number;
	predicate *claims;
	const char *elsewhere; /* not seen in a comparison of texts: where it is tested */
} claims[] = {
	{ 1, d1_ipip_is_4, NULL },
	{ 2, d2_protocol_0, NULL },
	{ 3, d3_address_groups_restrict, NULL },
	{ 4, d4_no_family, NULL },
	{ 5, d5_frames, NULL },
	{ 6, NULL, "zones survive a restart: test_compile_differences" },
	{ 7, NULL, "a set that the driver did not make yet: test_compile_differences" },
	{ 8, d8_comments, NULL },
	{ 9, NULL, "more than 65536 members: test_compile_differences" },
	{ 10, d10_input, NULL },
	{ 11, d11_routed, NULL },
	{ 12, d12_mark, NULL },
	{ 13, d13_shared_zone, NULL },
	{ 14, d14_stateless_shared, NULL },
	{ 15, d15_duplicates, NULL },
	{ 16, NULL, "the place among other programs' rules: netns/test_compiled" },
	{ 17, d17_cut, NULL },
};

static size_t n_claimed[N_OF(claims)];

static void claim(struct arena *arena, struct difference *d)
{
	d->our_text = print_rule(arena, d->family, d->ours);
	d->their_text = print_rule(arena, d->family, d->theirs);
	for (size_t i = 0; i < N_OF(claims); i++) {
		if (!claims[i].claims || !claims[i].claims(d, arena))
			continue;
		n_claimed[i]++;
		return;
	}
	fail_msg(
		"%s: %s %s: a difference that nobody meant\n  Neutron: %s (%s)\n  we:      %s (%s)",
		d->golden->name, family_name(d->family), d->chain,
		d->their_text ? d->their_text : "-",
		d->theirs && d->theirs->comment ? d->theirs->comment : "no comment",
		d->our_text ? d->our_text : "-",
		d->ours && d->ours->comment ? d->ours->comment : "no comment");
}

static bool same_comment(const struct rule *a, const struct rule *b)
{
	return a->comment == b->comment ||
	       (a->comment && b->comment && strcmp(a->comment, b->comment) == 0);
}

/* The longest common subsequence of the two rule lists; what is not in it differs. */
static void compare_rules(struct arena *arena, struct difference *d)
{
	static const struct chain none;
	const struct chain *our = d->our_chain ? d->our_chain : &none;
	const struct chain *their = d->their_chain ? d->their_chain : &none;
	size_t n = our->n_rules, m = their->n_rules, width = m + 1, i, k;
	const char **ours = arena_alloc(arena, (n + 1) * sizeof(char *));
	const char **theirs = arena_alloc(arena, (m + 1) * sizeof(char *));
	unsigned *len = arena_new_array(arena, unsigned, (n + 1) * width);

	for (i = 0; i < n; i++)
		ours[i] = print_rule(arena, d->family, &our->rules[i]);
	for (k = 0; k < m; k++)
		theirs[k] = print_rule(arena, d->family, &their->rules[k]);
	for (i = n; i-- > 0;)
		for (k = m; k-- > 0;) {
			unsigned a = len[(i + 1) * width + k], b = len[i * width + k + 1];

			len[i * width + k] = strcmp(ours[i], theirs[k]) == 0
						     ? len[(i + 1) * width + k + 1] + 1
					     : a > b ? a
						     : b;
		}
	for (i = k = 0; i < n || k < m;) {
		d->ours = i < n ? &our->rules[i] : NULL;
		d->theirs = k < m ? &their->rules[k] : NULL;
		if (i < n && k < m && strcmp(ours[i], theirs[k]) == 0) {
			i++, k++;
			if (!same_comment(d->ours, d->theirs))
				claim(arena, d);
			continue;
		}
		if (k == m || (i < n && len[(i + 1) * width + k] >= len[i * width + k + 1])) {
			d->theirs = NULL;
			i++;
		} else {
			d->ours = NULL;
			k++;
		}
		claim(arena, d);
	}
}

/* "neutron-openvswi-i3191c3d9-3" is chain i of the port whose id begins so. */
static void find_port(struct difference *d)
{
	const char *end = d->chain + strlen(PREFIX);

	d->port = NULL;
	d->kind = '\0';
	if (!text_has_prefix(d->chain, PREFIX) || !strchr("ios", *end))
		return;
	for (size_t i = 0; i < d->policy->n_ports; i++)
		if (strncmp(d->policy->ports[i].id, end + 1, 10) == 0 && strlen(end) == 11) {
			d->port = &d->policy->ports[i];
			d->kind = *end;
		}
}

static void compare_chain(struct arena *arena, struct difference d, const struct table *our,
	const struct table *their, const char *name)
{
	d.chain = name;
	d.our_chain = table_chain(our, name);
	d.their_chain = their ? table_chain(their, name) : NULL;
	find_port(&d);
	if (!d.our_chain || !d.their_chain)
		claim(arena, &d);
	else if (d.our_chain->policy != d.their_chain->policy)
		assert_string_equal(d.our_chain->policy, d.their_chain->policy);
	compare_rules(arena, &d);
}

static void compare_table(struct arena *arena, struct difference d, const struct table *our,
	const struct table *their)
{
	size_t at = 0;

	d.family = our->family;
	d.table = our->name;
	for (size_t i = 0; i < our->n_chains; i++)
		compare_chain(arena, d, our, their, our->chains[i].name);
	for (size_t i = 0; their && i < their->n_chains; i++) {
		const char *name = their->chains[i].name;

		if (!table_chain(our, name)) {
			compare_chain(arena, d, our, their, name);
			continue;
		}
		/* The chains that both have stand in the same order. */
		while (at < our->n_chains && strcmp(our->chains[at].name, name) != 0)
			at++;
		if (at == our->n_chains)
			fail_msg("%s: chain %s stands elsewhere", d.golden->name, name);
	}
}

static void read_file(struct arena *arena, const char *name, const char *end, struct text *ret)
{
	const char *path = golden_path(arena, name, end);
	struct err err = { 0 };

	if (!text_load(ret, path, LIMIT_TOOL_OUTPUT, &err))
		fail_msg("%s", err.text);
}

static const struct ruleset *read_driver(struct arena *arena, const char *name)
{
	static const char *const ends[] = { "iptables-save", "ip6tables-save" };
	struct ruleset *rs = ruleset_new(arena);
	struct err err = { 0 };

	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
		struct text text CLEANUP(text_done) = TEXT_INIT;

		read_file(arena, name, ends[f], &text);
		if (!ruleset_parse_iptables(arena, rs, f, ends[f], text.data, &err))
			fail_msg("%s", err.text);
	}
	{
		struct text text CLEANUP(text_done) = TEXT_INIT;

		read_file(arena, name, "ipset-save", &text);
		if (!ruleset_parse_ipset(arena, rs, "ipset-save", text.data, &err))
			fail_msg("%s", err.text);
	}
	return rs;
}

/* Sets are not made differently: no difference is claimed. */
static void compare_sets(
	const struct golden *golden, const struct ruleset *ours, const struct ruleset *theirs)
{
	for (size_t i = 0; i < ours->n_sets || i < theirs->n_sets; i++) {
		const struct set *a = &ours->sets[i], *b = &theirs->sets[i];

		if (i >= ours->n_sets || i >= theirs->n_sets || strcmp(a->name, b->name) != 0)
			fail_msg("%s: a set that only one side has: %s", golden->name,
				i < ours->n_sets ? a->name : b->name);
		assert_int_equal(a->kind, b->kind);
		assert_int_equal(a->family, b->family);
		assert_int_equal(a->max_elem, b->max_elem);
		assert_int_equal(a->n_elements, b->n_elements);
		for (size_t k = 0; k < a->n_elements; k++)
			assert_int_equal(
				prefix_compare(&a->elements[k].prefix, &b->elements[k].prefix), 0);
	}
}

static void every_difference_to_the_driver_is_on_purpose(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_goldens; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct difference d = { .golden = &goldens[i] };
		const struct ruleset *ours, *theirs;

		if (!goldens[i].has_driver)
			continue;
		d.policy = golden_policy(arena, &goldens[i]);
		ours = golden_compile(arena, &goldens[i], d.policy);
		theirs = read_driver(arena, goldens[i].name);
		for (size_t t = 0; t < ours->n_tables; t++) {
			const struct table *table = &ours->tables[t];

			compare_table(
				arena, d, table, ruleset_table(theirs, table->family, table->name));
		}
		for (size_t t = 0; t < theirs->n_tables; t++)
			assert_non_null(ruleset_table(
				ours, theirs->tables[t].family, theirs->tables[t].name));
		compare_sets(&goldens[i], ours, theirs);
	}
}

static void every_difference_that_is_listed_occurs(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(claims); i++) {
		assert_int_equal(claims[i].number, i + 1);
		if (claims[i].claims && !n_claimed[i])
			fail_msg("no golden shows D%u", claims[i].number);
		if (!claims[i].claims)
			assert_non_null(claims[i].elsewhere);
	}
}

static void our_output_is_the_golden_one(void **state)
{
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < n_goldens; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text text CLEANUP(text_done) = TEXT_INIT;
		struct text golden CLEANUP(text_done) = TEXT_INIT;

		golden_print(&text,
			golden_compile(arena, &goldens[i], golden_policy(arena, &goldens[i])));
		if (getenv("UPDATE_GOLDEN") &&
			!text_save(&text, golden_path(arena, goldens[i].name, "portwall"), &err))
			fail_msg("%s", err.text);
		read_file(arena, goldens[i].name, "portwall", &golden);
		if (strcmp(text.data, golden.data) != 0) {
			size_t at = 0, line = 1;

			while (text.data[at] == golden.data[at])
				line += text.data[at++] == '\n';
			fail_msg("%s: line %zu differs from the golden output "
				 "(UPDATE_GOLDEN=1 writes it anew)",
				goldens[i].name, line);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_difference_to_the_driver_is_on_purpose),
		cmocka_unit_test(every_difference_that_is_listed_occurs),
		cmocka_unit_test(our_output_is_the_golden_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
