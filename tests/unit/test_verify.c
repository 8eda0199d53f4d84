// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What verify finds. A policy is compiled and printed as the kernel's tools would list it; then somebody plants a fault in
 * that text, it is read as every host's rules are, and verify has to find what it does: which packets, and by which
 * rule, and whose that is. Without a fault it has to find nothing.
 */
#include "unit.h"

#include <string.h>

#include "compile_bench.h"
#include "prove/verify.h"

enum which { V4, V6, SETS, NFT, N_TEXTS };

/* The first line that has these words gets others in its place: NULL, nothing; %s stands for the line. */
struct edit {
	enum which which;
	const char *line, *instead;
};

struct fault {
	const char *name;
	enum bench_plugs plugs;
	const char *yaml; /* NULL: the usual one */
	struct edit edits[4];
	/* What is to be found, among whatever else. */
	enum verify_kind kind;
	enum verify_class class;
	enum direction direction;
	enum verify_cause cause;
	const char *device;
	const char *rule;  /* part of the text of the missing or the guilty one */
	const char *owner; /* of the guilty one; NULL: not asked */
	const char *words; /* part of the words; NULL: not asked */
};

struct faulty {
	struct bench bench;
	struct text texts[N_TEXTS];
	struct ruleset *found;
	struct verify_port *ports;
	struct verify_memory *memory; /* NULL: none */
	struct verification v;
};

#define USUAL                                                                                      \
	"security_groups:\n- name: g\n  id: 99999999-0000-4000-8000-000000000009\n"                \
	"  security_group_rules:\n"                                                                \
	"  - {direction: ingress, protocol: tcp, port_range_min: 22, port_range_max: 22, "         \
	"remote_ip_prefix: 192.0.2.0/24}\n"                                                        \
	"  - {direction: ingress, protocol: tcp, port_range_min: 80, port_range_max: 90}\n"        \
	"  - {direction: ingress, protocol: udp, remote_group: g}\n"                               \
	"  - {direction: ingress, ethertype: IPv6, protocol: tcp, port_range_min: 443, "           \
	"port_range_max: 443}\n"                                                                   \
	"  - {direction: ingress, ethertype: IPv6, protocol: udp, remote_group: g}\n"              \
	"  - {direction: egress, protocol: tcp}\n"                                                 \
	"  - {direction: egress, protocol: udp, port_range_min: 53, port_range_max: 53}\n"         \
	"  - {direction: egress, ethertype: IPv6}\n"                                               \
	"ports:\n"                                                                                 \
	"- {id: " ID_A ", name: a, device: tapA, mac_address: '02:00:00:00:00:01',\n"              \
	"   fixed_ips: [10.0.0.1, '2001:db8::1'], security_groups: [g]}\n"                         \
	"- {id: " ID_B ", name: b, device: tapB, mac_address: '02:00:00:00:00:02',\n"              \
	"   fixed_ips: [10.0.0.2], security_groups: [g],\n"                                        \
	"   allowed_address_pairs: [{ip_address: 10.9.0.0/24, mac_address: '00:00:5e:00:01:05'}]}\n"

/* One port that is not filtered. */
#define OFF(how)                                                                                   \
	NO_GROUPS "- {id: " ID_A ", name: a, device: tapA, mac_address: '02:00:00:00:00:01', "     \
		  "fixed_ips: [10.0.0.1], " how "}\n"

/* As "nft list ruleset" would. */
static void print_frames(struct text *out, const struct ruleset *rs)
{
	const struct table *table = ruleset_table(rs, FAMILY_BRIDGE, "portwall");

	text_add(out, "table bridge portwall {\n");
	for (size_t s = 0; s < table->n_sets; s++) {
		text_addf(out, "\tmap %s {\n\t\ttype ifname : verdict\n", table->sets[s].name);
		for (size_t e = 0; e < table->sets[s].n_elements; e++) {
			text_add(out, e ? ",\n\t\t\t     " : "\t\telements = { ");
			set_element_print(out, &table->sets[s], &table->sets[s].elements[e]);
		}
		text_add(out, table->sets[s].n_elements ? " }\n\t}\n" : "\t}\n");
	}
	for (size_t c = 0; c < table->n_chains; c++) {
		const struct chain *chain = &table->chains[c];

		text_addf(out, "\tchain %s {\n", chain->name);
		if (chain->hook_text)
			text_addf(out, "\t\t%s\n", chain->hook_text);
		for (size_t r = 0; r < chain->n_rules; r++) {
			text_add(out, "\t\t");
			rule_print(out, FAMILY_BRIDGE, &chain->rules[r]);
			text_add(out, "\n");
		}
		text_add(out, "\t}\n");
	}
	text_add(out, "}\n");
}

static void print_texts(struct faulty *h)
{
	const struct ruleset *rs = h->bench.rs;

	for (size_t i = 0; i < N_TEXTS; i++)
		h->texts[i] = (struct text)TEXT_INIT;
	ruleset_print_iptables(&h->texts[V4], rs, SOURCE_IPTABLES, FAMILY_IPV4, COUNTERS_NONE);
	ruleset_print_iptables(&h->texts[V6], rs, SOURCE_IPTABLES, FAMILY_IPV6, COUNTERS_NONE);
	ruleset_print_ipset(&h->texts[SETS], rs);
	print_frames(&h->texts[NFT], rs);
}

/* Puts others in the place of the first line that has these words. */
static void edit_text(struct text *text, const struct edit *edit)
{
	struct text after CLEANUP(text_done) = TEXT_INIT;
	char *at = strstr(text->data, edit->line), *end;

	if (!at) {
		fail_msg("there is no line with %s in\n%s", edit->line, text->data);
		return;
	}
	while (at > text->data && at[-1] != '\n')
		at--;
	end = at + strcspn(at, "\n");
	text_add_n(&after, text->data, (size_t)(at - text->data));
	for (const char *c = edit->instead; c && *c; c++) {
		if (c[0] == '%' && c[1] == 's') {
			text_add_n(&after, at, (size_t)(end - at));
			c++;
		} else {
			text_add_n(&after, c, 1);
		}
	}
	text_add(&after, edit->instead ? end : end + (*end == '\n'));
	text_clear(text);
	text_add(text, after.data);
}

static void read_texts(struct faulty *h)
{
	struct arena *arena = h->bench.arena;
	struct err err;

	h->found = ruleset_new(arena);
	if (!ruleset_parse_iptables(
		    arena, h->found, FAMILY_IPV4, "iptables", h->texts[V4].data, &err) ||
		!ruleset_parse_iptables(
			arena, h->found, FAMILY_IPV6, "ip6tables", h->texts[V6].data, &err) ||
		!ruleset_parse_ipset(arena, h->found, "ipset", h->texts[SETS].data, &err) ||
		!ruleset_parse_nft(arena, h->found, "nft", h->texts[NFT].data, &err))
		fail_msg("%s\n%s", err.text, h->texts[NFT].data);
}

static void make_ports(struct faulty *h)
{
	const struct policy *policy = h->bench.policy;

	h->ports = arena_new_array(h->bench.arena, struct verify_port, policy->n_ports + 1);
	for (size_t i = 0; i < policy->n_ports; i++) {
		const struct plug *plug = &h->bench.plugs[i];
		struct verify_way way = { .device = plug->port->device,
			.bridge = plug->bridge,
			.other = plug->hybrid_peer ? plug->hybrid_peer : "eth0",
			.is_called = { true, true } };

		h->ports[i] = (struct verify_port){ plug->port->name, plug->port, way, way };
	}
}

static void verify(struct faulty *h)
{
	const struct verify_input input = { .found = h->found,
		.wanted = h->bench.rs,
		.ports = h->ports,
		.n_ports = h->bench.policy->n_ports,
		.memory = h->memory,
		.cut_mark = COMPILE_CUT_MARK };
	struct err err = { 0 };

	if (!verify_run(h->bench.arena, &input, &h->v, &err))
		fail_msg("%s", err.text);
}

static void faulty_begin(struct faulty *h, enum bench_plugs plugs, const char *yaml)
{
	*h = (struct faulty){ 0 };
	bench_compile(&h->bench, plugs, yaml);
	print_texts(h);
	make_ports(h);
}

static void faulty_end(struct faulty *h)
{
	for (size_t i = 0; i < N_TEXTS; i++)
		text_done(&h->texts[i]);
	verify_memory_free(h->memory);
	arena_free(h->bench.arena);
}

static void print_rule(struct text *out, const char *what, const struct verify_rule *rule)
{
	if (!rule->chain)
		return;
	text_addf(out, "  %s: %s %s %zu (%s): ", what, rule->table->name, rule->chain->name,
		rule->number, rule->owner.name);
	if (rule->rule)
		table_print_rule(out, rule->table, rule->rule);
	else
		text_add(out, rule->chain->policy ? rule->chain->policy : "");
	text_add(out, "\n");
}

static void print_difference(struct text *out, const struct verify_difference *d)
{
	text_addf(out, "%s %s %s %s: %s%s %s%s\n", d->port->name,
		d->direction == DIR_EGRESS ? "egress" : "ingress", verify_class_name(d->class),
		verify_kind_name(d->kind), verify_cause_name(d->cause), d->name ? " of " : "",
		d->name ? d->name : "", d->why ? d->why : "");
	text_addf(out, "  %s\n  ", d->words ? d->words : "(no words)");
	packet_print(out, &d->witness);
	text_add(out, "\n");
	print_rule(out, "missing", &d->missing);
	print_rule(out, "culprit", &d->culprit);
	print_rule(out, "decided", &d->decided);
}

static void fail_found(const struct faulty *h, const char *name)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < h->v.n; i++)
		print_difference(&out, &h->v.items[i]);
	fail_msg("%s: found\n%s", name, out.data);
}

static bool has_text(const struct verify_rule *rule, const char *part)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (!rule->chain)
		return false;
	text_addf(&out, "-A %s ", rule->chain->name);
	if (rule->rule)
		table_print_rule(&out, rule->table, rule->rule);
	else
		text_addf(&out, "policy %s", rule->chain->policy);
	return strstr(out.data, part) != NULL;
}

static bool is_it(const struct fault *fault, const struct verify_difference *d)
{
	const struct verify_rule *guilty = d->cause == CAUSE_MISSING ? &d->missing : &d->culprit;

	return d->kind == fault->kind && d->class == fault->class &&
	       d->direction == fault->direction && d->cause == fault->cause &&
	       strcmp(d->port->way.device, fault->device) == 0 &&
	       (!fault->rule || has_text(guilty, fault->rule)) &&
	       (!fault->owner || strcmp(guilty->owner.name, fault->owner) == 0) &&
	       (!fault->words || (d->words && strstr(d->words, fault->words)));
}

#include "test_verify_faults.h"

/* The policy itself, asked about one packet, agrees about each that is shown. */
static void check_witnesses(const struct faulty *h)
{
	for (size_t i = 0; i < h->v.n; i++) {
		const struct verify_difference *d = &h->v.items[i];

		if (d->kind != VERIFY_CANNOT_TELL &&
			(!d->has_witness ||
				reason_is_drop(d->decision.reason) != (d->kind == VERIFY_EXTRA)))
			fail_found(h, "the policy says something else of a packet");
	}
}

/* Before, all is equal and remembered: no fault is missed for that. */
static void remember_without_faults(struct faulty *h)
{
	h->memory = verify_memory_new();
	read_texts(h);
	verify(h);
	if (h->v.n)
		fail_found(h, "without a fault");
	verify(h);
	assert_int_equal(h->v.n_remembered, h->bench.policy->n_ports);
}

static void each_planted_fault_is_found_with_its_rule_and_owner(void **state)
{
	(void)state;
	printf("# %zu faults\n", N_OF(faults));
	for (size_t i = 0; i < N_OF(faults); i++) {
		const struct fault *fault = &faults[i];
		bool is_found = false;
		struct faulty h;

		faulty_begin(&h, fault->plugs, fault->yaml ? fault->yaml : USUAL);
		remember_without_faults(&h);
		for (size_t e = 0; e < N_OF(fault->edits) && fault->edits[e].line; e++)
			edit_text(&h.texts[fault->edits[e].which], &fault->edits[e]);
		read_texts(&h);
		verify(&h);
		for (size_t d = 0; d < h.v.n; d++)
			is_found |= is_it(fault, &h.v.items[d]);
		if (!is_found)
			fail_found(&h, fault->name);
		check_witnesses(&h);
		faulty_end(&h);
	}
}

/* What changes nothing for any packet is no difference, however the rules look. */
static const struct {
	const char *name;
	enum bench_plugs plugs;
	struct edit edits[3];
} harmless[] = {
	{ "a rule stands twice", HYBRID, { { V4, "-A " P "i" A " -p udp", "%s\n%s" } } },
	{ "two rules that both allow change places", HYBRID,
		{ { V4, "-A " P "i" A " -p udp", NULL },
			{ V4, "-A " P "i" A " -s 192.0.2.0/24",
				"-A " P "i" A " -p udp -m set --match-set "
				"NIPv499999999-0000-4000-8000- src -j RETURN\n%s" } } },
	{ "a range is cut in two", SHARED,
		{ { V4, "-A " P "i" A " -p tcp -m tcp -m multiport",
			"-A " P "i" A " -p tcp -m tcp --dport 80:84 -j RETURN\n"
			"-A " P "i" A " -p tcp -m tcp --dport 85:90 -j RETURN" } } },
	{ "invalid packets fall to the default drop", HYBRID,
		{ { V4, "-A " P "i" A " -m state --state INVALID", NULL } } },
	{ "a chain of Docker comes back", HYBRID,
		{ { V4, ":OUTPUT", "%s\n:DOCKER-USER - [0:0]" },
			{ V4, "-A FORWARD -j neutron-filter-top",
				"-A FORWARD -j DOCKER-USER\n%s\n-A DOCKER-USER -j RETURN" } } },
	{ "the policy of FORWARD is drop", HYBRID,
		{ { V4, ":FORWARD ACCEPT", ":FORWARD DROP [0:0]" } } },
	{ "a zone is missing", HYBRID,
		{ { V4, "-m physdev --physdev-in tapA -m comment", NULL } } },
	{ "somebody accepts in a chain behind ours", HYBRID,
		{ { NFT, "table bridge portwall",
			"table inet other {\n\tchain forward {\n\t\ttype filter hook forward "
			"priority filter + 10; policy accept;\n\t\ttcp dport 22 accept\n\t}\n}\n%s" } } },
	{ "somebody logs and marks", HYBRID,
		{ { V4, "-A FORWARD -j neutron-filter-top",
			  "-A FORWARD -j LOG\n-A FORWARD -m limit --limit 1/sec -j LOG\n%s" },
			{ V4, "*filter",
				"*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j MARK --set-xmark "
				"0x5/0xffffffff\nCOMMIT\n%s" } } },
	{ "somebody asks for a bit of MACs", HYBRID,
		{ { NFT, "table bridge portwall",
			"table bridge other {\n\tchain forward {\n\t\ttype filter hook forward "
			"priority -250; policy accept;\n\t\tether saddr & 01:00:00:00:00:00 == "
			"01:00:00:00:00:00 accept\n\t}\n}\n%s" } } },
	{ "a rule for what no bridge forwards here", HYBRID,
		{ { V4, "-A FORWARD -j neutron-filter-top",
			"-A FORWARD -i docker0 -j ACCEPT\n%s" } } },
};

static void what_changes_no_packet_is_no_difference(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(harmless); i++) {
		struct faulty h;

		faulty_begin(&h, harmless[i].plugs, USUAL);
		for (size_t e = 0; e < N_OF(harmless[i].edits) && harmless[i].edits[e].line; e++)
			edit_text(&h.texts[harmless[i].edits[e].which], &harmless[i].edits[e]);
		read_texts(&h);
		verify(&h);
		if (h.v.n)
			fail_found(&h, harmless[i].name);
		faulty_end(&h);
	}
}

static void a_bridge_that_does_not_ask_ip6tables_is_named(void **state)
{
	struct faulty h;

	(void)state;
	faulty_begin(&h, SHARED, USUAL);
	read_texts(&h);
	for (size_t i = 0; i < h.bench.policy->n_ports; i++)
		h.ports[i].way.is_called[FAMILY_IPV6] = false;
	verify(&h);
	assert_int_equal(h.v.n_different, 2);
	for (size_t i = 0; i < h.v.n; i++) {
		assert_int_equal(h.v.items[i].class, VERIFY_IPV6);
		assert_int_equal(h.v.items[i].kind, VERIFY_EXTRA);
		assert_int_equal(h.v.items[i].cause, CAUSE_NOT_CALLED);
		assert_string_equal(h.v.items[i].name, "br0");
	}
	faulty_end(&h);
}

static void a_port_that_cannot_be_told_says_why(void **state)
{
	struct faulty h;

	(void)state;
	faulty_begin(&h, SHARED, USUAL);
	read_texts(&h);
	h.ports[1].way.why_unknown = "there is no interface tapB";
	verify(&h);
	assert_int_equal(h.v.n, 1);
	assert_int_equal(h.v.n_cannot_tell, 1);
	assert_int_equal(h.v.n_different, 0);
	assert_int_equal(h.v.items[0].kind, VERIFY_CANNOT_TELL);
	assert_string_equal(h.v.items[0].why, "there is no interface tapB");
	faulty_end(&h);
}

/* Two hosts without a policy: what one has more is too much here and lost there. */
static void two_hosts_are_compared_both_ways(void **state)
{
	static const struct edit edit = { V4, "-A " P "i" A " -p tcp -m tcp -m multiport", NULL };
	const struct ruleset *whole;
	struct faulty h;

	(void)state;
	faulty_begin(&h, HYBRID, USUAL);
	read_texts(&h);
	whole = h.found;
	edit_text(&h.texts[V4], &edit);
	read_texts(&h);
	for (size_t i = 0; i < h.bench.policy->n_ports; i++)
		h.ports[i].port = NULL;
	h.bench.rs = whole;
	verify(&h);
	assert_int_equal(h.v.n, 1);
	assert_int_equal(h.v.items[0].kind, VERIFY_LOST);
	assert_int_equal(h.v.items[0].cause, CAUSE_MISSING);
	assert_true(has_text(&h.v.items[0].missing, "80:90"));
	h.bench.rs = h.found;
	h.found = (struct ruleset *)whole;
	verify(&h);
	assert_int_equal(h.v.n, 1);
	assert_int_equal(h.v.items[0].kind, VERIFY_EXTRA);
	assert_int_equal(h.v.items[0].cause, CAUSE_TOO_MUCH);
	assert_true(has_text(&h.v.items[0].culprit, "80:90"));
	faulty_end(&h);
}

static void without_a_fault_all_is_equal(void **state)
{
	static const enum bench_plugs plugs[] = { HYBRID, SHARED, ROUTED };

	(void)state;
	for (size_t i = 0; i < N_OF(plugs); i++) {
		struct faulty h;

		faulty_begin(&h, plugs[i], USUAL);
		read_texts(&h);
		verify(&h);
		if (h.v.n)
			fail_found(&h, "usual");
		assert_int_equal(h.v.n_different + h.v.n_cannot_tell, 0);
		faulty_end(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_fault_all_is_equal),
		cmocka_unit_test(each_planted_fault_is_found_with_its_rule_and_owner),
		cmocka_unit_test(what_changes_no_packet_is_no_difference),
		cmocka_unit_test(a_bridge_that_does_not_ask_ip6tables_is_named),
		cmocka_unit_test(a_port_that_cannot_be_told_says_why),
		cmocka_unit_test(two_hosts_are_compared_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
