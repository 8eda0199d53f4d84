// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Published service matrices against ours: the same classes of addresses, and the same pairs that reach each other.
 *
 * The files NAME.fffuu in the folder audit are what the verified tool fffuu prints, from the golden files of its own tests
 * (github.com/diekmann/Iptables_Semantics, commit e0a2516b, haskell_tool/test/Suites/GoldenFiles; licence in audit/LICENSE.fffuu),
 * byte for byte from the section that is the first in each. NAME.save is the ruleset itself (thy/Iptables_Semantics/Examples there). fffuu's settings are those of its tests:
 *
 *	parser_test  filter FORWARD, TCP 22 and 80
 *	synology     filter INPUT, TCP 22, 8080 and 80
 *	sqrl         raw PREROUTING, TCP 22 and 80, its ipassmt (which addresses are behind an interface) is the second line
 *	sqrl2014     filter FORWARD, TCP 22 and 80; no golden file of theirs: the same commit, built with GHC 9.0.2 and run on
 *	docker       the rulesets of its Examples (SQRL_Shorewall/iptables-saveakachan, containern/iptables-save.topos4.1)
 *	calls        filter FORWARD, TCP 22 and 80, a ruleset that was made up: calls and returns that depend on what fffuu does not know; run so, too
 *	assigned     the same, with addresses for each interface
 *	tum          filter FORWARD, TCP 22 and 80, ipassmt_tumi8; only the matrices: of the ruleset behind them another
 *	             version is in the data of this project, under a licence that does not let it be copied
 *
 * All are about the first packet of a connection over IPv4: TCP with SYN alone, state NEW, source port 10000. What fffuu does not
 * model "may accept": it is left out of a rule that accepts, and a rule that drops is left out with it.
 *
 * Compared are, for each service, the partition as sets of addresses and every ordered pair of classes, the pair of a class with
 * itself included: fffuu's arrow is there where ours is not "no". Not compared: the names and the order of the classes, "some" apart
 * from "yes" (fffuu has no such word), UDP (no matrix is published), spoofing certificates.
 *
 * Rules come from two sections of the same output. "To even-simpler firewall" is what fffuu itself makes the matrix from: so
 * the two algorithms have the same input. "To simple firewall" still has interfaces, which fffuu has then to approximate and
 * sets of packets have not: a packet comes from an interface that has its source.
 *
 * And the ruleset itself is asked twice. Exactly (the_ruleset_itself...), which gives the published matrix only where fffuu's
 * over-approximation loses nothing that matters; and as fffuu asks (audit_pass_loosely), which must give it always. By hand so were
 * compared, with PORTWALL_FFFUU (a folder of NAME.save and NAME.fffuu) and the NAMEs as arguments, the files of the table "Prove, real firewalls" in docs/benchmarks.md.
 *
 * The two sections of the TUM firewall (3,141 and 3,794 rules) were compared by hand, and are not here for the licence's sake. The first gives the
 * published 9 classes for TCP 22 and 12 for TCP 80, and every arrow. The second gives less: fffuu lets 138.246.253.5 reach 131.159.20.15, .16, .19
 * and .20, which rules drop that ask for an interface. With those rules left out as fffuu does, the set is that of the first, in all fields.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "packet/classes.h"
#include "prove/audit.h"

#define MAX_CLASSES 64
#define MAX_FILE    ((size_t)4 << 20)

struct simple_rule {
	bool is_accept;
	const char *proto, *src, *dst, *in, *out, *sports, *dports;
};

/* The addresses behind an interface: those of the list, or all but those. */
struct behind {
	const char *iface;
	bool is_not;
	VEC(const char *) list;
};

struct service_published {
	unsigned sport, dport;
	VEC(const char *) classes; /* ranges, as text */
	bool edges[MAX_CLASSES][MAX_CLASSES];
};

struct prefixes {
	VEC(struct prefix);
};

struct published {
	struct arena *arena;
	VEC(struct behind) ipassmt;
	VEC(struct simple_rule) simple, simpler;
	VEC(struct service_published) services;
};

enum section { IN_NONE, IN_SIMPLE, IN_SIMPLER, IN_MATRICES };

static void read_rule(struct simple_rule *rule, char *line)
{
	char *at = NULL, *word = strtok_r(line, " ", &at);

	rule->is_accept = strcmp(word, "ACCEPT") == 0;
	assert_true(rule->is_accept || strcmp(word, "DROP") == 0);
	rule->proto = strtok_r(NULL, " ", &at);
	strtok_r(NULL, " ", &at); /* -- */
	rule->src = strtok_r(NULL, " ", &at);
	rule->dst = strtok_r(NULL, " ", &at);
	while ((word = strtok_r(NULL, " ", &at))) {
		const char *value = strtok_r(NULL, " ", &at);

		if (strcmp(word, "in:") == 0)
			rule->in = value;
		else if (strcmp(word, "out:") == 0)
			rule->out = value;
		else if (strcmp(word, "sports:") == 0)
			rule->sports = value;
		else if (strcmp(word, "dports:") == 0)
			rule->dports = value;
		else
			fail_msg("%s", word);
	}
}

static void read_matrix(struct published *p, char *line)
{
	static const char title[] = "=========== TCP port ";
	struct service_published *service =
		p->services.n ? &p->services.items[p->services.n - 1] : NULL;
	char *arrow = strstr(line, " |-> "), *end;

	if (text_has_prefix(line, title)) {
		service = vec_push(&p->services, p->arena);
		service->sport = (unsigned)strtoul(line + strlen(title), &end, 10);
		assert_true(text_has_prefix(end, "->"));
		service->dport = (unsigned)strtoul(end + 2, &end, 10);
	} else if (service && arrow) {
		assert_int_equal(line[0] - 'a', service->classes.n);
		*vec_push(&service->classes, p->arena) = arrow + strlen(" |-> ");
	} else if (service && *line) { /* (a,b) */
		assert_int_equal(strlen(line), 5);
		service->edges[line[1] - 'a'][line[3] - 'a'] = true;
	}
}

/* IpAssmt [(eth0,Pos [10.0.0.0-10.255.255.255]),(eth1,Neg [10.0.0.1/8,127.0.0.0/8])] */
static void read_ipassmt(struct published *p, char *line)
{
	char *at = NULL;

	for (char *word = strtok_r(line, "(),[] ", &at); word;
		word = strtok_r(NULL, "(),[] ", &at)) {
		struct behind *last = p->ipassmt.n ? &p->ipassmt.items[p->ipassmt.n - 1] : NULL;

		if (last && strcmp(word, "Neg") == 0)
			last->is_not = true;
		else if (last && (strchr(word, '/') || strchr(word, '-')))
			*vec_push(&last->list, p->arena) = word;
		else if (strcmp(word, "Pos") != 0)
			vec_push(&p->ipassmt, p->arena)->iface = word;
	}
}

static enum section section_of(const char *line, enum section now)
{
	if (text_has_prefix(line, "== to simple "))
		return IN_SIMPLE;
	if (text_has_prefix(line, "== to even-simpler "))
		return IN_SIMPLER;
	if (text_has_prefix(line, "== calculating service matrices"))
		return IN_MATRICES;
	return text_has_prefix(line, "== ") ? IN_NONE : now;
}

/* PORTWALL_FFFUU: another one, for rulesets that cannot be copied here. */
static const char *folder(void)
{
	const char *other = getenv("PORTWALL_FFFUU");

	return other ? other : getenv("GOLDEN_DIR");
}

static void published_load(struct published *p, const char *name)
{
	struct text path CLEANUP(text_done) = TEXT_INIT, text CLEANUP(text_done) = TEXT_INIT;
	enum section section = IN_NONE;
	struct err err;
	char *at;

	p->arena = arena_new();
	text_addf(&path, "%s/%s.fffuu", folder(), name);
	if (!text_load(&text, path.data, MAX_FILE, &err))
		fail_msg("%s", err.text);
	at = arena_strdup(p->arena, text.data);
	for (char *line = strsep(&at, "\n"); line; line = strsep(&at, "\n")) {
		enum section next = section_of(line, section);

		if (text_has_prefix(line, "IpAssmt "))
			read_ipassmt(p, line + strlen("IpAssmt "));
		if (next == section && section == IN_SIMPLE && *line)
			read_rule(vec_push(&p->simple, p->arena), line);
		else if (next == section && section == IN_SIMPLER && *line)
			read_rule(vec_push(&p->simpler, p->arena), line);
		else if (next == section && section == IN_MATRICES)
			read_matrix(p, line);
		section = next;
	}
	assert_true(p->services.n > 1);
}

static struct field_value value_of(const char *words)
{
	struct field_value value = { 0 };
	struct addr addr;

	assert_true(addr_parse(words, &addr));
	memcpy(value.bytes + 12, addr.bytes, 4);
	return value;
}

/* 10.0.0.1, 10.0.0.1/8, 10.0.0.1-10.0.0.9 */
static struct packet_set of_addresses(struct sets *sets, enum field field, const char *words)
{
	struct field_value from, to;
	struct prefix prefix;
	char copy[64], *dash;

	if (prefix_parse(words, &prefix))
		return set_of_prefix(sets, field, &prefix);
	snprintf(copy, sizeof(copy), "%s", words);
	dash = strchr(copy, '-');
	assert_non_null(dash);
	*dash = '\0';
	from = value_of(copy);
	to = value_of(dash + 1);
	return set_of_range(sets, field, FAMILY_IPV4, &from, &to);
}

/* {10.0.0.0 .. 10.0.0.9} u 10.0.0.11 */
static struct packet_set of_class(struct sets *sets, const char *words)
{
	struct packet_set all = SET_EMPTY;
	char *copy = strdup(words), *at = NULL;

	for (char *word = strtok_r(copy, "{} ", &at); word; word = strtok_r(NULL, "{} ", &at)) {
		struct field_value from, to;

		if (strcmp(word, "u") == 0)
			continue;
		from = to = value_of(word);
		if (at && text_has_prefix(at, ".. ")) {
			strtok_r(NULL, "{} ", &at);
			to = value_of(strtok_r(NULL, "{} ", &at));
		}
		all = set_or(sets, all, set_of_range(sets, FIELD_SRC, FAMILY_IPV4, &from, &to));
	}
	free(copy);
	return all;
}

static struct packet_set of_ports(struct sets *sets, enum field field, const char *words)
{
	char *end;
	uint64_t from = strtoul(words, &end, 10),
		 to = *end == ':' ? strtoul(end + 1, &end, 10) : from;

	assert_true(end != words && !*end);
	return set_of_numbers(sets, field, from, to);
}

static unsigned proto_of(const char *words)
{
	uint8_t proto;

	assert_true(proto_parse(words, FAMILY_IPV4, &proto));
	return proto;
}

static struct packet_set of_iface(struct sets *sets, enum field field, const char *name)
{
	size_t len = strlen(name);
	char prefix[32];

	if (name[len - 1] != '+')
		return set_of_name(sets, field, name);
	snprintf(prefix, sizeof(prefix), "%.*s", (int)len - 1, name);
	return set_of_name_prefix(sets, field, prefix);
}

static struct packet_set of_rule(struct sets *sets, const struct simple_rule *rule)
{
	struct packet_set all = of_addresses(sets, FIELD_SRC, rule->src);

	all = set_and(sets, all, of_addresses(sets, FIELD_DST, rule->dst));
	if (strcmp(rule->proto, "all") != 0)
		all = set_and(sets, all, set_of_number(sets, FIELD_PROTO, proto_of(rule->proto)));
	if (rule->in)
		all = set_and(sets, all, of_iface(sets, FIELD_IN_IFACE, rule->in));
	if (rule->out)
		all = set_and(sets, all, of_iface(sets, FIELD_OUT_IFACE, rule->out));
	if (rule->sports)
		all = set_and(sets, all, of_ports(sets, FIELD_SPORT, rule->sports));
	if (rule->dports)
		all = set_and(sets, all, of_ports(sets, FIELD_DPORT, rule->dports));
	return all;
}

static void add_name(struct sets *sets, enum field field, const char *name)
{
	size_t len = name ? strlen(name) : 0;
	char prefix[32];

	if (len && name[len - 1] != '+') {
		sets_add_name(sets, field, name);
	} else if (len) {
		snprintf(prefix, sizeof(prefix), "%.*s", (int)len - 1, name);
		sets_add_name_prefix(sets, field, prefix);
	}
}

static struct sets *world(const struct published *p)
{
	struct sets *sets = sets_new(0);

	vec_for_each (a, &p->ipassmt)
		add_name(sets, FIELD_IN_IFACE, a->iface);
	vec_for_each (rule, &p->simple) {
		add_name(sets, FIELD_IN_IFACE, rule->in);
		add_name(sets, FIELD_OUT_IFACE, rule->out);
	}
	sets_seal(sets);
	return sets;
}

static struct packet_set of_chain(struct sets *sets, const struct simple_rule *rules, size_t n)
{
	struct packet_set left = SET_FULL, accepted = SET_EMPTY;

	for (size_t i = 0; i < n; i++) {
		struct packet_set match = of_rule(sets, &rules[i]);

		if (rules[i].is_accept)
			accepted = set_or(sets, accepted, set_and(sets, left, match));
		left = set_minus(sets, left, match);
	}
	return accepted;
}

/* A packet comes from an interface that has its source; those that nobody assigned addresses to have all. */
static struct packet_set assigned(struct sets *sets, const struct published *p)
{
	struct packet_set all = SET_FULL;

	vec_for_each (a, &p->ipassmt) {
		struct packet_set there = SET_EMPTY,
				  iface = of_iface(sets, FIELD_IN_IFACE, a->iface);

		vec_for_each (words, &a->list)
			there = set_or(sets, there, of_addresses(sets, FIELD_SRC, *words));
		if (a->is_not)
			there = set_not(sets, there);
		all = set_minus(sets, all, set_minus(sets, iface, there));
	}
	return all;
}

/* The number of the published class that is ours. */
static size_t find_class(struct sets *sets, const struct service_published *service,
	const struct address_class *ours)
{
	for (size_t i = 0; i < service->classes.n; i++)
		if (set_equal(of_class(sets, service->classes.items[i]), ours->addresses))
			return i;
	fail_msg("TCP %u: no published class has just the addresses of our class %s",
		service->dport, ours->name);
	return 0;
}

static void assert_published(struct sets *sets, const struct service_published *service,
	struct packet_set accepted, struct packet_set assignment)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct service asked = { "first packet", assignment };
	struct matrix_query query = { FAMILY_IPV4, accepted, SET_FULL, &asked, 1 };
	struct service_matrix matrix;
	size_t theirs[MAX_CLASSES];
	struct err err;

	asked.asked = set_and(sets, asked.asked, set_of_number(sets, FIELD_PROTO, PROTO_TCP));
	asked.asked = set_and(sets, asked.asked, set_of_number(sets, FIELD_SPORT, service->sport));
	asked.asked = set_and(sets, asked.asked, set_of_number(sets, FIELD_DPORT, service->dport));
	asked.asked = set_and(sets, asked.asked, set_of_number(sets, FIELD_TCP_FLAGS, TCP_SYN));
	asked.asked = set_and(sets, asked.asked, set_of_ct_states(sets, CT_NEW));
	if (!service_matrix_make(sets, &query, arena, &matrix, &err))
		fail_msg("%s", err.text);
	assert_int_equal(matrix.n_classes, service->classes.n);
	for (size_t i = 0; i < matrix.n_classes; i++)
		theirs[i] = find_class(sets, service, &matrix.classes[i]);
	for (size_t from = 0; from < matrix.n_classes; from++)
		for (size_t to = 0; to < matrix.n_classes; to++)
			if ((service_matrix_cell(&matrix, 0, from, to) != REACH_NO) !=
				service->edges[theirs[from]][theirs[to]])
				fail_msg("TCP %u: from %s to %s", service->dport,
					matrix.classes[from].name, matrix.classes[to].name);
}

static void rules_make_the_published_matrices(const struct published *p, bool has_ifaces)
{
	struct sets *sets CLEANUP(sets_freep) = world(p);
	struct packet_set accepted = has_ifaces ? of_chain(sets, p->simple.items, p->simple.n)
						: of_chain(sets, p->simpler.items, p->simpler.n);
	struct packet_set assignment = has_ifaces ? assigned(sets, p) : SET_FULL;

	vec_for_each (service, &p->services)
		assert_published(sets, service, accepted, assignment);
}

static void fffuus_own_rules_make_its_matrix(void **state)
{
	struct published p = { 0 };

	published_load(&p, *state);
	rules_make_the_published_matrices(&p, false);
	arena_free(p.arena);
}

/* fffuu's own, where it is given none */
static void assign_lo(struct published *p)
{
	struct behind *lo;

	if (p->ipassmt.n)
		return;
	lo = vec_push(&p->ipassmt, p->arena);
	lo->iface = "lo";
	*vec_push(&lo->list, p->arena) = "127.0.0.0/8";
}

static void rules_with_interfaces_make_the_same_matrix(void **state)
{
	struct published p = { 0 };

	published_load(&p, *state);
	assign_lo(&p);
	rules_make_the_published_matrices(&p, true);
	arena_free(p.arena);
}

/* Where fffuu was asked, for each ruleset. */
static const char *place_of(const char *name)
{
	return text_has_prefix(name, "synology") ? "filter/INPUT"
	       : strcmp(name, "sqrl") == 0	 ? "raw/PREROUTING"
						 : "filter/FORWARD";
}

static struct sets *world_of_ruleset(const struct published *p, const struct ruleset *rs)
{
	struct assignment *assignments =
		arena_new_array(p->arena, struct assignment, p->ipassmt.n + 1);
	size_t n = 0;

	vec_for_each (a, &p->ipassmt)
		assignments[n++] = (struct assignment){ a->iface, NULL, 0 };
	return audit_world(rs, NULL, assignments, n);
}

/* The whole way: text, evaluator, all packets, classes. */
static void the_ruleset_itself_makes_the_published_matrix(void **state)
{
	struct text path CLEANUP(text_done) = TEXT_INIT, text CLEANUP(text_done) = TEXT_INIT;
	struct sets *sets CLEANUP(sets_freep) = NULL;
	struct published p = { 0 };
	const struct audit_place *places;
	struct audit *audit = NULL;
	struct ruleset *rs;
	struct packet_set among;
	struct err err;
	size_t n;

	published_load(&p, *state);
	assign_lo(&p);
	rs = ruleset_new(p.arena);
	text_addf(&path, "%s/%s.save", folder(), (const char *)*state);
	if (!text_load(&text, path.data, MAX_FILE, &err) ||
		!ruleset_parse_iptables(p.arena, rs, FAMILY_IPV4, path.data, text.data, &err))
		fail_msg("%s", err.text);
	sets = world_of_ruleset(&p, rs);
	if (!audit_new(p.arena, sets, rs, FAMILY_IPV4, place_of(*state), NULL, &audit, &err))
		fail_msg("%s", err.text);
	places = audit_places(audit, &n);
	assert_int_equal(n, 1);
	among = set_and(sets, places[0].asked, assigned(sets, &p));
	vec_for_each (service, &p.services)
		assert_published(sets, service, places[0].passed, among);
	arena_free(p.arena);
}

/* ---- fffuu's own question ---- */

/* The addresses of a set as prefixes. */
static void add_prefixes(struct sets *sets, struct packet_set set, struct prefix prefix,
	struct arena *arena, struct prefixes *ret)
{
	struct packet_set own = set_of_prefix(sets, FIELD_SRC, &prefix);

	if (set_is_empty(set_and(sets, own, set)))
		return;
	if (set_is_subset(sets, own, set)) {
		*vec_push(ret, arena) = prefix;
		return;
	}
	prefix.len++;
	add_prefixes(sets, set, prefix, arena, ret);
	prefix.addr.bytes[(prefix.len - 1) / 8] |= (uint8_t)(0x80 >> (prefix.len - 1) % 8);
	add_prefixes(sets, set, prefix, arena, ret);
}

static void assignments_of(const struct published *p, struct assignment **ret, size_t *ret_n)
{
	struct sets *sets CLEANUP(sets_freep) = sets_new(0);
	const struct prefix all = { .addr.family = FAMILY_IPV4 };

	sets_seal(sets);
	*ret = arena_new_array(p->arena, struct assignment, p->ipassmt.n + 1);
	*ret_n = 0;
	vec_for_each (a, &p->ipassmt) {
		struct packet_set there = SET_EMPTY;
		struct prefixes prefixes = { 0 };

		vec_for_each (words, &a->list)
			there = set_or(sets, there, of_addresses(sets, FIELD_SRC, *words));
		if (a->is_not)
			there = set_not(sets, there);
		add_prefixes(sets, there, all, p->arena, &prefixes);
		(*ret)[(*ret_n)++] = (struct assignment){ a->iface, prefixes.items, prefixes.n };
	}
}

static void fffuus_question_has_its_answer(void **state)
{
	struct text path CLEANUP(text_done) = TEXT_INIT, text CLEANUP(text_done) = TEXT_INIT;
	struct sets *sets CLEANUP(sets_freep) = NULL;
	struct published p = { 0 };
	struct assignment *assignments;
	struct packet_set passed;
	struct ruleset *rs;
	struct err err;
	size_t n;

	published_load(&p, *state);
	assign_lo(&p);
	rs = ruleset_new(p.arena);
	text_addf(&path, "%s/%s.save", folder(), (const char *)*state);
	if (!text_load(&text, path.data, MAX_FILE, &err) ||
		!ruleset_parse_iptables(p.arena, rs, FAMILY_IPV4, path.data, text.data, &err))
		fail_msg("%s", err.text);
	assignments_of(&p, &assignments, &n);
	sets = audit_world(rs, NULL, assignments, n);
	if (!audit_pass_loosely(sets, rs, place_of(*state), assignments, n, &passed, &err))
		fail_msg("%s", err.text);
	vec_for_each (service, &p.services)
		assert_published(sets, service, passed, sets_real(sets));
	arena_free(p.arena);
}

/*
 * Without any rule: what goes from class to class where there is an arrow is a set, and its classes are the published
 * ones, neither fewer (theirs are not all different) nor more.
 */
static void a_published_matrix_is_the_matrix_of_its_arrows(void **state)
{
	struct sets *sets CLEANUP(sets_freep) = sets_new(0);
	struct published p = { 0 };

	published_load(&p, *state);
	sets_seal(sets);
	vec_for_each (service, &p.services) {
		struct packet_set accepted = SET_EMPTY;

		for (size_t from = 0; from < service->classes.n; from++)
			for (size_t to = 0; to < service->classes.n; to++) {
				struct packet_set src =
					of_class(sets, service->classes.items[from]);
				struct packet_set dst = of_class(sets, service->classes.items[to]);

				dst = set_swap(sets, dst, FIELD_SRC, FIELD_DST);
				if (service->edges[from][to])
					accepted = set_or(sets, accepted, set_and(sets, src, dst));
			}
		assert_published(sets, service, accepted, SET_FULL);
	}
	arena_free(p.arena);
}

#define CASE(fn, name)                                                                             \
	{                                                                                          \
#fn " (" name ")", fn, NULL, NULL, (void *)(name)                                  \
	}
#define CASES(name)                                                                                \
	CASE(a_published_matrix_is_the_matrix_of_its_arrows, name),                                \
		CASE(fffuus_own_rules_make_its_matrix, name),                                      \
		CASE(rules_with_interfaces_make_the_same_matrix, name),                            \
		CASE(the_ruleset_itself_makes_the_published_matrix, name)

/* By hand: PORTWALL_FFFUU is the folder, each argument a NAME in it. */
static int run_others(int n, char **names)
{
	struct CMUnitTest tests[32];

	for (int i = 0; i < n && i < (int)N_OF(tests); i++)
		tests[i] = (struct CMUnitTest){ names[i], fffuus_question_has_its_answer, NULL,
			NULL, names[i] };
	return _cmocka_run_group_tests("others", tests, (size_t)n, NULL, NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CASE(fffuus_question_has_its_answer, "parser_test"),
		CASE(fffuus_question_has_its_answer, "synology"),
		CASE(fffuus_question_has_its_answer, "sqrl"),
		CASE(fffuus_question_has_its_answer, "sqrl2014"),
		CASE(fffuus_question_has_its_answer, "docker"),
		CASE(fffuus_question_has_its_answer, "calls"),
		CASE(fffuus_question_has_its_answer, "assigned"),
		CASES("parser_test"),
		CASES("synology"),
		CASES("sqrl"),
		CASE(a_published_matrix_is_the_matrix_of_its_arrows, "tum"),
	};

	if (getenv("PORTWALL_FFFUU"))
		return run_others(argc - 1, argv + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
