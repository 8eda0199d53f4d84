// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * portwall audit on rulesets of which the answer is known, and its claims against single packets: no packet matches a rule
 * that is called dead, and a witness does what is said of it.
 */
#include "unit.h"

#include <string.h>

#include "packet/set_bdd.h"
#include "prove/audit.h"
#include "random.h"

#define N_PACKETS 3000

struct loaded {
	struct arena *arena;
	struct ruleset *rs, *other;
	struct sets *sets;
	struct audit *audit, *audit_other;
};

static struct ruleset *parse(struct arena *arena, const char *text)
{
	struct ruleset *rs = ruleset_new(arena);
	enum text_kind kind;
	struct err err;

	if (!ruleset_parse_text(arena, rs, "test", text, &kind, &err))
		fail_msg("%s", err.text);
	return rs;
}

static struct loaded load(const char *text, const char *other, const struct assignment *assignments,
	size_t n_assignments)
{
	struct loaded l = { .arena = arena_new() };
	struct err err;

	l.rs = parse(l.arena, text);
	l.other = other ? parse(l.arena, other) : NULL;
	l.sets = audit_world(l.rs, l.other, assignments, n_assignments);
	l.sets->collect_min =
		0; /* every node that nobody says he needs is given back, again and again */
	if (!audit_new(l.arena, l.sets, l.rs, FAMILY_IPV4, NULL, NULL, &l.audit, &err) ||
		(other && !audit_new(l.arena, l.sets, l.other, FAMILY_IPV4, NULL, l.audit,
				  &l.audit_other, &err)))
		fail_msg("%s", err.text);
	return l;
}

static void unload(struct loaded *l)
{
	sets_free(l->sets);
	arena_free(l->arena);
}

static const struct audit_place *place_at(const struct audit *audit, enum hook hook)
{
	const struct audit_place *places;
	size_t n;

	places = audit_places(audit, &n);
	for (size_t i = 0; i < n; i++)
		if (places[i].hook == hook)
			return &places[i];
	fail_msg("nothing at %s", hook_name(hook));
	return NULL;
}

/* "filter FORWARD 3 shadowed by FORWARD 1, FORWARD 2", a line each */
static void print_deads(struct text *out, const struct audit_deads *deads)
{
	for (size_t i = 0; i < deads->n_dead; i++) {
		const struct audit_dead *dead = &deads->dead[i];
		const char *before = " by ";

		text_addf(out, "%s %s %zu %s", dead->rule.table->name, dead->rule.chain->name,
			dead->rule.number, dead_reason_name(dead->reason));
		if (dead->set_name)
			text_addf(out, " %s", dead->set_name);
		vec_for_each (by, &dead->by) {
			text_addf(out, "%s%s %zu", before, by->chain->name, by->number);
			before = ", ";
		}
		text_addf(out, "%s%s\n", dead->has_more ? " and more" : "",
			dead->is_unsure ? " perhaps" : "");
	}
	for (size_t i = 0; i < deads->n_unreached; i++)
		text_addf(out, "%s %s %s\n", deads->unreached[i].table->name,
			deads->unreached[i].chain->name,
			deads->unreached[i].is_called ? "called in vain" : "not called");
}

/* ---- random packets ---- */

/* Values at the bounds of what rules compare, and beside them. */
struct bounds {
	VEC(struct addr) addresses;
	VEC(uint16_t) ports;
	const char *const *names;
	size_t n_names;
};

static void add_address(struct loaded *l, struct bounds *bounds, struct addr addr, int step)
{
	uint32_t number = (uint32_t)addr.bytes[0] << 24 | (uint32_t)addr.bytes[1] << 16 |
			  (uint32_t)addr.bytes[2] << 8 | addr.bytes[3];

	number += (uint32_t)step;
	for (int i = 0; i < 4; i++)
		addr.bytes[i] = (uint8_t)(number >> (24 - 8 * i));
	*vec_push(&bounds->addresses, l->arena) = addr;
}

static void add_prefix(struct loaded *l, struct bounds *bounds, const struct prefix *prefix)
{
	struct addr last = prefix->addr;

	if (last.family != FAMILY_IPV4)
		return;
	for (unsigned bit = prefix->len; bit < 32; bit++)
		last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	add_address(l, bounds, prefix->addr, 0);
	add_address(l, bounds, prefix->addr, -1);
	add_address(l, bounds, last, 0);
	add_address(l, bounds, last, 1);
}

static void add_bounds(struct loaded *l, struct bounds *bounds, const struct match *match)
{
	if (match->kind == MATCH_SRC || match->kind == MATCH_DST)
		add_prefix(l, bounds, &match->prefix);
	if (match->kind != MATCH_SPORT && match->kind != MATCH_DPORT && match->kind != MATCH_PORT)
		return;
	for (size_t i = 0; i < match->ports.n_ranges; i++) {
		*vec_push(&bounds->ports, l->arena) = match->ports.ranges[i].min;
		*vec_push(&bounds->ports, l->arena) = (uint16_t)(match->ports.ranges[i].min - 1);
		*vec_push(&bounds->ports, l->arena) = match->ports.ranges[i].max;
		*vec_push(&bounds->ports, l->arena) = (uint16_t)(match->ports.ranges[i].max + 1);
	}
}

static struct bounds bounds_of(struct loaded *l)
{
	struct bounds bounds = { 0 };

	for (size_t t = 0; t < l->rs->n_tables; t++)
		for (size_t c = 0; c < l->rs->tables[t].n_chains; c++) {
			const struct chain *chain = &l->rs->tables[t].chains[c];

			for (size_t r = 0; r < chain->n_rules; r++)
				for (size_t m = 0; m < chain->rules[r].n_matches; m++)
					add_bounds(l, &bounds, &chain->rules[r].matches[m]);
		}
	add_address(l, &bounds, (struct addr){ FAMILY_IPV4, { 192, 0, 2, 7 } }, 0);
	*vec_push(&bounds.ports, l->arena) = 22;
	*vec_push(&bounds.ports, l->arena) = 40000;
	ruleset_iface_names(l->arena, l->rs, &bounds.names, &bounds.n_names);
	return bounds;
}

static const char *random_name(struct random *random, const struct bounds *bounds)
{
	size_t i = random_below(random, (unsigned)bounds->n_names + 1);
	static char names[4][32];
	static unsigned next;
	char *name = names[next++ % 4];

	snprintf(name, 32, "%s", i < bounds->n_names ? bounds->names[i] : "other0");
	if (name[strlen(name) - 1] == '+')
		name[strlen(name) - 1] = '7';
	return name;
}

static struct packet random_packet(
	struct random *random, const struct bounds *bounds, enum hook hook)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_TCP, PROTO_UDP, PROTO_ICMP, 47 };
	static const uint8_t flags[] = { TCP_SYN, TCP_ACK, TCP_SYN | TCP_ACK, TCP_RST, TCP_FIN };
	bool has_in = hook != HOOK_OUTPUT && hook != HOOK_POSTROUTING;
	bool has_out = hook == HOOK_FORWARD || !has_in;
	struct packet packet = { .ethertype = ETHERTYPE_IPV4,
		.ttl = 64,
		.length = 100,
		.eth_src = { { 2, 0, 0, 0, 0, 1 } },
		.eth_dst = { { 2, 0, 0, 0, 0, 2 } } };

	packet.in_iface = has_in ? random_name(random, bounds) : NULL;
	packet.out_iface = has_out ? random_name(random, bounds) : NULL;
	packet.src = bounds->addresses.items[random_below(random, (unsigned)bounds->addresses.n)];
	packet.dst = bounds->addresses.items[random_below(random, (unsigned)bounds->addresses.n)];
	packet.ct_orig_src = packet.src;
	packet.ct_orig_dst = packet.dst;
	packet.proto = protos[random_below(random, N_OF(protos))];
	packet.ct_state = (enum ct_state)(1 << random_below(random, 5));
	if (proto_has_ports(packet.proto)) {
		packet.sport = bounds->ports.items[random_below(random, (unsigned)bounds->ports.n)];
		packet.dport = bounds->ports.items[random_below(random, (unsigned)bounds->ports.n)];
	}
	if (packet.proto == PROTO_TCP)
		packet.tcp_flags = flags[random_below(random, N_OF(flags))];
	if (packet.proto == PROTO_ICMP)
		packet.icmp_type = random_below(random, 2) ? 8 : 0;
	return packet;
}

/* All that happens at a hook to one packet. */
static struct outcomes eval_alone(const struct loaded *l, const struct ruleset *rs,
	struct arena *arena, enum hook hook, const struct packet *packet)
{
	const struct eval eval = { .arena = arena, .rs = rs, .hook = hook };
	bool is_first = packet->ct_state & (CT_NEW | CT_RELATED);
	struct outcomes outcomes = { 0 };

	(void)l;
	ruleset_eval_hook(&eval, FAMILY_IPV4, NULL, is_first, packet, NULL, NULL, &outcomes);
	return outcomes;
}

static bool is_sure(const struct outcome *outcome)
{
	for (const struct step *step = outcome->last; step; step = step->before)
		if (step->kind == STEP_MAYBE || step->kind == STEP_MAYBE_NOT)
			return false;
	return true;
}

static const struct audit_dead *find_dead(const struct audit_deads *deads, const struct rule *rule)
{
	for (size_t i = 0; i < deads->n_dead; i++)
		if (deads->dead[i].rule.rule == rule)
			return &deads->dead[i];
	return NULL;
}

static size_t check_steps(const struct outcomes *outcomes, const struct audit_deads *deads)
{
	size_t n = 0;

	vec_for_each (outcome, outcomes) {
		if (!is_sure(outcome))
			continue;
		for (const struct step *step = outcome->last; step; step = step->before) {
			const struct audit_dead *dead =
				step->rule ? find_dead(deads, step->rule) : NULL;
			struct text text CLEANUP(text_done) = TEXT_INIT;

			n += step->kind == STEP_MATCH;
			if (!dead || dead->is_unsure)
				continue;
			audit_rule_print(&text, &dead->rule);
			text_add(&text, " is called dead, and matched ");
			packet_print(&text, &outcome->packet);
			fail_msg("%s", text.data);
		}
	}
	return n;
}

/* No dead rule matches any of many packets; and many others do. */
static void check_dead_rules(struct loaded *l, const struct audit_deads *deads)
{
	struct random random = random_seeded_or(20261127);
	const struct bounds bounds = bounds_of(l);
	size_t n = 0;

	for (unsigned i = 0; i < N_PACKETS; i++) {
		enum hook hook = (enum hook)(HOOK_PREROUTING + i % 5);
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct packet packet = random_packet(&random, &bounds, hook);
		struct outcomes outcomes = eval_alone(l, l->rs, arena, hook, &packet);

		n += check_steps(&outcomes, deads);
	}
	printf("# %zu rules matched, %zu are dead\n", n, deads->n_dead);
	assert_true(n > N_PACKETS / 50);
}

static void assert_dead(const char *rules, const char *wanted)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct loaded l = load(rules, NULL, NULL, 0);
	struct audit_deads deads;
	struct err err;

	if (!audit_find_dead(l.audit, l.arena, &deads, &err))
		fail_msg("%s", err.text);
	print_deads(&text, &deads);
	assert_string_equal(text.data, wanted);
	check_dead_rules(&l, &deads);
	unload(&l);
}

/* ---- rules that no packet matches ---- */

#define FILTER "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"

static void a_rule_behind_a_wider_one_is_dead_and_its_neighbour_is_not(void **state)
{
	(void)state;
	assert_dead(FILTER "-A INPUT -s 10.0.0.0/8 -p tcp --dport 22 -j ACCEPT\n"
			   "-A INPUT -s 10.1.0.0/16 -p tcp --dport 22 -j DROP\n"
			   "-A INPUT -s 10.1.0.0/16 -p tcp --dport 23 -j DROP\n"
			   "-A INPUT -s 11.0.0.0/16 -p tcp --dport 22 -j DROP\nCOMMIT\n",
		"filter INPUT 2 shadowed by INPUT 1\n");
}

static void rules_that_shadow_together_are_named_and_others_are_not(void **state)
{
	(void)state;
	assert_dead(FILTER "-A FORWARD -p icmp -j ACCEPT\n"
			   "-A FORWARD -s 10.0.0.0/9 -j ACCEPT\n"
			   "-A FORWARD -s 10.128.0.0/9 -j DROP\n"
			   "-A FORWARD -s 10.0.0.0/8 -j DROP\n"
			   "-A FORWARD -s 0.0.0.0/0 -j DROP\nCOMMIT\n",
		"filter FORWARD 4 shadowed by FORWARD 2, FORWARD 3\n");
}

static void a_rule_that_cannot_match_by_itself_is_said_so(void **state)
{
	(void)state;
	assert_dead(FILTER "-A INPUT -m state --state NEW -m state --state ESTABLISHED -j DROP\n"
			   "-A INPUT -m state --state NEW -j ACCEPT\nCOMMIT\n",
		"filter INPUT 1 contradiction\n");
}

static void a_rule_that_counts_shadows_nothing(void **state)
{
	(void)state;
	assert_dead(FILTER "-A INPUT -s 10.0.0.0/8\n-A INPUT -s 10.0.0.0/8 -j LOG\n"
			   "-A INPUT -s 10.0.0.0/8 -j ACCEPT\nCOMMIT\n",
		"");
}

static void a_match_that_nobody_can_compute_shadows_nothing(void **state)
{
	(void)state;
	assert_dead(FILTER "-A INPUT -s 10.0.0.0/8 -m limit --limit 3/sec -j ACCEPT\n"
			   "-A INPUT -s 10.0.0.0/8 -m limit --limit 3/sec -j ACCEPT\n"
			   "-A INPUT -s 10.0.0.0/8 -j DROP\n-A INPUT -j DROP\nCOMMIT\n",
		"");
}

static void chains_that_are_called_shadow_and_are_shadowed(void **state)
{
	(void)state;
	assert_dead(FILTER ":web - [0:0]\n:never - [0:0]\n:vain - [0:0]\n"
			   "-A FORWARD -s 10.0.0.0/8 -j web\n"
			   "-A FORWARD -s 10.1.0.0/16 -p tcp --dport 80 -j DROP\n"
			   "-A FORWARD -s 10.1.0.0/16 -p tcp --dport 81 -j DROP\n"
			   "-A FORWARD -p udp -j DROP\n"
			   "-A FORWARD -p udp --dport 53 -j vain\n"
			   "-A web -s 11.0.0.0/8 -j DROP\n"
			   "-A web -p tcp --dport 80 -j ACCEPT\n"
			   "-A vain -j DROP\n-A never -j DROP\nCOMMIT\n",
		"filter FORWARD 2 shadowed by web 2\n"
		"filter FORWARD 5 shadowed by FORWARD 4\n"
		"filter web 1 not-called-so by FORWARD 1\n"
		"filter never not called\nfilter vain called in vain\n");
}

static void what_a_called_chain_sends_back_is_not_taken_there(void **state)
{
	(void)state;
	assert_dead(FILTER ":s - [0:0]\n-A FORWARD -j s\n-A FORWARD -s 10.0.0.1 -j ACCEPT\n"
			   "-A FORWARD -s 10.0.0.0/8 -j DROP\n-A FORWARD -j DROP\n"
			   "-A s -s 10.0.0.1 -j RETURN\n-A s -s 10.0.0.0/8 -j DROP\nCOMMIT\n",
		"filter FORWARD 3 shadowed by s 2, FORWARD 2\n");
}

/* More than the evaluator walks apart. */
static void zones_of_conntrack_do_not_part_packets(void **state)
{
	struct text rules CLEANUP(text_done) = TEXT_INIT;
	struct audit_open *open;
	struct loaded l;
	size_t n;

	(void)state;
	text_add(&rules, "*raw\n:PREROUTING ACCEPT [0:0]\n");
	for (unsigned i = 0; i < 40; i++)
		text_addf(&rules, "-A PREROUTING -i tap%u -j CT --zone %u\n", i, i + 1);
	text_add(&rules, "COMMIT\n");
	l = load(rules.data, NULL, NULL, 0);
	audit_find_open(l.audit, l.arena, &open, &n);
	assert_int_equal(n, 0);
	unload(&l);
}

/* Behind a zone rule a packet has a template until conntrack is asked: then it may be INVALID all the same. */
static void what_a_zone_leaves_ends_where_conntrack_is_asked(void **state)
{
	(void)state;
	assert_dead("*raw\n"
		    ":PREROUTING ACCEPT [0:0]\n"
		    "-A PREROUTING -j CT --zone 1\n"
		    "-A PREROUTING -m conntrack --ctstate INVALID -j DROP\n"
		    "COMMIT\n"
		    "*mangle\n"
		    ":PREROUTING ACCEPT [0:0]\n"
		    "-A PREROUTING -m conntrack --ctstate INVALID -j DROP\n"
		    "COMMIT\n",
		"raw PREROUTING 2 shadowed by PREROUTING 1\n");
}

static void a_rule_of_inet_lives_for_either_family(void **state)
{
	(void)state;
	assert_dead(
		"table inet t {\n\tchain in {\n\t\ttype filter hook input priority 0; policy accept;\n"
		"\t\tip6 saddr fd00::/8 drop\n\t\tmeta nfproto ipv6 jump six\n"
		"\t\tip saddr 10.0.0.0/8 drop\n\t\tip saddr 10.1.0.0/16 drop\n"
		"\t\tmeta nfproto ipv4 accept\n\t\ttcp dport 22 drop\n\t}\n"
		"\tchain six {\n\t\ttcp dport 23 drop\n\t}\n}\n",
		"t in 4 shadowed by in 3\n");
}

static void a_return_takes_packets_too(void **state)
{
	(void)state;
	assert_dead(FILTER ":c - [0:0]\n-A INPUT -j c\n-A c -s 10.0.0.0/8 -j RETURN\n"
			   "-A c -s 10.1.0.0/16 -j DROP\n-A c -j ACCEPT\nCOMMIT\n",
		"filter c 2 shadowed by c 1\n");
}

static void a_chain_of_an_earlier_table_shadows(void **state)
{
	(void)state;
	assert_dead("*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -s 10.0.0.0/8 -j DROP\nCOMMIT\n"
		    "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -s 10.2.0.0/16 -j DROP\n"
		    "-A PREROUTING -s 11.0.0.0/8 -j DROP\nCOMMIT\n",
		"mangle PREROUTING 1 shadowed by PREROUTING 1\n");
}

static void what_no_packet_of_a_hook_has_is_dead_there(void **state)
{
	(void)state;
	assert_dead(
		FILTER "-A OUTPUT -m physdev ! --physdev-is-in -o eth0 -j ACCEPT\nCOMMIT\n", "");
	assert_dead(
		"table ip t {\n\tchain out {\n\t\ttype filter hook output priority 0; policy accept;\n"
		"\t\tiifname \"eth0\" drop\n\t\toifname \"eth0\" drop\n\t}\n}\n",
		"t out 1 not-at-hook\n");
}

/*
 * As kube-proxy writes it. The first part of a datagram is judged; of a later one iptables-nft reads anything as its ports, but only what
 * conntrack has put together comes to chains of nat.
 */
#define KUBE                                                                                       \
	"*nat\n:PREROUTING ACCEPT [0:0]\n:FW - [0:0]\n:SVC - [0:0]\n:MARK-DROP - [0:0]\n"          \
	"-A PREROUTING -j LOG\n"                                                                   \
	"-A PREROUTING -d 10.0.0.1/32 -p tcp -m tcp --dport 80 -j FW\n"                            \
	"-A PREROUTING -m conntrack --ctstate ESTABLISHED -j ACCEPT\n"                             \
	"-A FW -j SVC\n-A FW -j MARK-DROP\n"                                                       \
	"-A SVC -m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.1.0.1\n"  \
	"-A SVC -p tcp -m tcp -j DNAT --to-destination 10.1.0.2:80\n"                              \
	"-A MARK-DROP -j MARK --set-xmark 0x8000/0x8000\nCOMMIT\n"
#define KUBE_DEAD                                                                                  \
	"nat PREROUTING 3 not-at-hook\n"                                                           \
	"nat FW 2 shadowed by SVC 1, SVC 2\n"                                                      \
	"nat MARK-DROP called in vain\n"

static void chains_of_nat_are_asked_about_new_flows_by_either_iptables(void **state)
{
	(void)state;
	assert_dead("# Generated by iptables-save v1.8.9\n" KUBE, KUBE_DEAD);
	assert_dead("# Generated by iptables-save v1.8.9 (nf_tables)\n" KUBE, KUBE_DEAD);
}

static void behind_a_target_that_is_not_modelled_nothing_is_certain(void **state)
{
	struct loaded l = load(FILTER "-A INPUT -s 10.0.0.0/8 -j STRANGE --x\n"
				      "-A INPUT -s 10.0.0.0/8 -j DROP\nCOMMIT\n",
		NULL, NULL, 0);
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct audit_deads deads;
	struct audit_open *open;
	struct err err;
	size_t n;

	(void)state;
	assert_true(audit_find_dead(l.audit, l.arena, &deads, &err));
	print_deads(&text, &deads);
	assert_string_equal(text.data, "filter INPUT 2 shadowed by INPUT 1 perhaps\n");
	audit_find_open(l.audit, l.arena, &open, &n);
	assert_int_equal(n, 1);
	assert_int_equal(open[0].rule.number, 1);
	unload(&l);
}

static void real_dead_rules_match_nothing(void **state)
{
	static const char *const names[] = { "audit/synology.save", "audit/sqrl.save",
		"audit/parser_test.save", "ruleset/docker.iptables-save",
		"ruleset/calico.iptables-save", "ruleset/neutron.iptables-save" };

	(void)state;
	for (size_t i = 0; i < N_OF(names); i++) {
		struct text path CLEANUP(text_done) = TEXT_INIT,
				 text CLEANUP(text_done) = TEXT_INIT;
		struct audit_deads deads;
		struct loaded l;
		struct err err;

		text_addf(&path, "%s/%s", getenv("GOLDEN"), names[i]);
		if (!text_load(&text, path.data, (size_t)1 << 24, &err))
			fail_msg("%s", err.text);
		l = load(text.data, NULL, NULL, 0);
		if (!audit_find_dead(l.audit, l.arena, &deads, &err))
			fail_msg("%s: %s", names[i], err.text);
		printf("# %s\n", names[i]);
		check_dead_rules(&l, &deads);
		unload(&l);
	}
}

/* ---- an ipset ---- */

static void an_empty_ipset_is_named(void **state)
{
	struct loaded l = { .arena = arena_new() };
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct audit_deads deads;
	struct err err;

	(void)state;
	l.rs = parse(l.arena, FILTER "-A INPUT -m set --match-set none src -j DROP\n"
				     "-A INPUT -m set ! --match-set none src -j ACCEPT\nCOMMIT\n");
	assert_true(ruleset_parse_ipset(l.arena, l.rs, "sets",
		"create none hash:net family inet hashsize 1024 maxelem 65536\n", &err));
	l.sets = audit_world(l.rs, NULL, NULL, 0);
	assert_true(audit_new(l.arena, l.sets, l.rs, FAMILY_IPV4, NULL, NULL, &l.audit, &err));
	assert_true(audit_find_dead(l.audit, l.arena, &deads, &err));
	print_deads(&text, &deads);
	assert_string_equal(text.data, "filter INPUT 1 empty-set none\n");
	unload(&l);
}

/* ---- sources ---- */

#define SPOOF                                                                                      \
	"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n"                                      \
	"-A FORWARD -m state --state ESTABLISHED -j ACCEPT\n"                                      \
	"-A FORWARD -i eth1 -s 10.0.0.0/8 -j ACCEPT\n"                                             \
	"-A FORWARD -i eth2 -s 10.0.0.0/7 -j ACCEPT\nCOMMIT\n"

static void an_interface_is_certified_or_has_a_witness(void **state)
{
	struct prefix prefix;
	struct assignment assignments[] = { { "eth1", &prefix, 1 }, { "eth2", &prefix, 1 },
		{ "eth3", &prefix, 1 } };
	struct loaded l = load(SPOOF, NULL, assignments, N_OF(assignments));
	const struct audit_place *place = place_at(l.audit, HOOK_FORWARD);
	struct audit_certificate certificate;
	struct outcomes outcomes;
	struct err err;

	(void)state;
	assert_true(prefix_parse("10.0.0.0/8", &prefix));
	for (size_t i = 0; i < N_OF(assignments); i++) {
		assert_true(audit_certify(l.audit, place, &assignments[i], &certificate, &err));
		assert_int_equal(certificate.is_certain, i != 1);
		if (certificate.is_certain)
			continue;
		assert_int_equal(certificate.witness.src.bytes[0], 11);
		outcomes = eval_alone(&l, l.rs, l.arena, HOOK_FORWARD, &certificate.witness);
		assert_int_equal(outcomes.n, 1);
		assert_int_equal(outcomes.items[0].verdict, VERDICT_ACCEPT);
	}
	unload(&l);
}

static void interfaces_are_grouped_by_what_they_let_in(void **state)
{
	struct loaded l = load(SPOOF, NULL, NULL, 0);
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct audit_sources *sources;
	struct err err;
	size_t n;

	(void)state;
	assert_true(audit_find_sources(
		l.audit, place_at(l.audit, HOOK_FORWARD), l.arena, &sources, &n, &err));
	for (size_t i = 0; i < n; i++) {
		vec_for_each (name, &sources[i].ifaces)
			text_addf(&text, "%s ", *name);
		text_addf(&text, "%s:", sources[i].is_rest ? "rest" : "");
		for (size_t r = 0; r < sources[i].sources.n_ranges; r++) {
			text_add(&text, " ");
			class_range_print(&text, &sources[i].sources.ranges[r]);
		}
		text_add(&text, "\n");
	}
	assert_string_equal(text.data, "eth1 : 10.0.0.0/8\neth2 : 10.0.0.0/7\nrest:\n");
	unload(&l);
}

/* ---- two rulesets ---- */

static struct audit_comparison compare(struct loaded *l, enum hook hook)
{
	struct audit_comparison comparison;
	struct err err;

	if (!audit_compare(l->audit, place_at(l->audit, hook), l->audit_other,
		    place_at(l->audit_other, hook), l->arena, &comparison, &err))
		fail_msg("%s", err.text);
	return comparison;
}

static void assert_witness(struct loaded *l, enum hook hook, const struct audit_difference *one)
{
	const struct ruleset *passing = one->is_first ? l->rs : l->other;
	const struct ruleset *losing = one->is_first ? l->other : l->rs;
	struct outcomes outcomes = eval_alone(l, passing, l->arena, hook, &one->witness);

	assert_int_equal(outcomes.n, 1);
	assert_int_equal(outcomes.items[0].verdict, VERDICT_ACCEPT);
	assert_ptr_equal(outcomes.items[0].rule, one->passing.rule);
	outcomes = eval_alone(l, losing, l->arena, hook, &one->witness);
	assert_int_equal(outcomes.n, 1);
	assert_int_equal(outcomes.items[0].verdict, one->verdict);
	assert_ptr_equal(outcomes.items[0].rule, one->losing.rule);
}

static void two_rulesets_differ_both_ways_with_witnesses(void **state)
{
	struct loaded l = load(FILTER
		"-A FORWARD -s 10.0.0.0/8 -p tcp --dport 80 -j ACCEPT\n-A FORWARD -j DROP\nCOMMIT\n",
		FILTER "-A FORWARD -s 10.0.0.0/9 -p tcp --dport 80 -j ACCEPT\n"
		       "-A FORWARD -p tcp --dport 81 -j ACCEPT\n-A FORWARD -j REJECT\nCOMMIT\n",
		NULL, 0);
	struct audit_comparison comparison = compare(&l, HOOK_FORWARD);
	struct text text CLEANUP(text_done) = TEXT_INIT;

	(void)state;
	assert_int_equal(comparison.n, 2);
	for (size_t i = 0; i < comparison.n; i++) {
		text_add(&text, comparison.differences[i].is_first ? "first " : "other ");
		set_print(l.sets, comparison.differences[i].shown, 5, &text);
		assert_true(comparison.differences[i].is_always);
		assert_witness(&l, HOOK_FORWARD, &comparison.differences[i]);
	}
	assert_string_equal(text.data, "first IPv4 src 10.128.0.0/9 proto tcp dport 80\n"
				       "other IPv4 proto tcp dport 81\n");
	assert_int_equal(compare(&l, HOOK_INPUT).n, 0);
	unload(&l);
}

/* One asks for a whole MAC, the other for a part of it: in their world MACs have their bits. */
static void a_mac_of_one_and_its_half_of_the_other_are_compared(void **state)
{
	static const char whole[] = "*filter\n:FORWARD ACCEPT [0:0]\n"
				    "-A FORWARD -m mac --mac-source fa:16:3e:00:00:01 -j DROP\n"
				    "COMMIT\n";
	static const char part[] =
		"table ip t {\n\tchain c {\n"
		"\t\ttype filter hook forward priority filter; policy accept;\n"
		"\t\tether saddr & ff:ff:ff:00:00:00 == fa:16:3e:00:00:00 drop\n\t}\n}\n";
	const char *const texts[][2] = { { whole, part }, { part, whole } };

	(void)state;
	for (size_t i = 0; i < N_OF(texts); i++) {
		struct loaded l = load(texts[i][0], texts[i][1], NULL, 0);
		const struct audit_comparison comparison = compare(&l, HOOK_FORWARD);

		/* the part takes more than the whole one */
		assert_int_equal(comparison.n, 1);
		assert_int_equal(comparison.differences[0].is_first, i == 0);
		assert_witness(&l, HOOK_FORWARD, &comparison.differences[0]);
		unload(&l);
	}
}

static void equal_meaning_is_no_difference(void **state)
{
	struct loaded l = load(FILTER
		"-A FORWARD -s 10.0.0.0/8 -m recent --name x --rcheck -j STRANGE\n-A FORWARD -j DROP\nCOMMIT\n",
		FILTER
		"-A FORWARD ! -s 10.0.0.0/8 -j DROP\n"
		"-A FORWARD -m comment --comment x -s 10.0.0.0/8 -j LOG\n-A FORWARD -j DROP\nCOMMIT\n",
		NULL, 0);
	struct loaded same = load(FILTER "-A FORWARD -s 10.0.0.0/8 -j STRANGE\nCOMMIT\n",
		FILTER
		"-A FORWARD -s 10.0.0.0/9 -j STRANGE\n-A FORWARD -s 10.128.0.0/9 -j STRANGE\nCOMMIT\n",
		NULL, 0);
	struct audit_comparison comparison = compare(&l, HOOK_FORWARD);

	(void)state;
	/* only for some value of the match and of the target */
	assert_int_equal(comparison.n, 1);
	assert_false(comparison.differences[0].is_always);
	assert_int_equal(compare(&same, HOOK_FORWARD).n, 0);
	unload(&l);
	unload(&same);
}

static void a_mark_that_is_asked_for_is_not_known(void **state)
{
	struct loaded l =
		load("*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m mark --mark 5 -j DROP\n"
		     "-A FORWARD -j MARK --set-mark 1\nCOMMIT\n",
			"*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j MARK --set-mark 1\nCOMMIT\n",
			NULL, 0);
	struct loaded blind =
		load("*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j MARK --set-mark 1\nCOMMIT\n",
			"*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j MARK --set-mark 2\nCOMMIT\n",
			NULL, 0);

	(void)state;
	assert_int_equal(compare(&l, HOOK_FORWARD).changed, FIELD_BIT(FIELD_MARK));
	assert_int_equal(compare(&blind, HOOK_FORWARD).changed, 0);
	assert_int_equal(compare(&blind, HOOK_FORWARD).n, 0);
	unload(&l);
	unload(&blind);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_behind_a_wider_one_is_dead_and_its_neighbour_is_not),
		cmocka_unit_test(rules_that_shadow_together_are_named_and_others_are_not),
		cmocka_unit_test(a_rule_that_cannot_match_by_itself_is_said_so),
		cmocka_unit_test(a_rule_that_counts_shadows_nothing),
		cmocka_unit_test(a_match_that_nobody_can_compute_shadows_nothing),
		cmocka_unit_test(chains_that_are_called_shadow_and_are_shadowed),
		cmocka_unit_test(what_a_called_chain_sends_back_is_not_taken_there),
		cmocka_unit_test(zones_of_conntrack_do_not_part_packets),
		cmocka_unit_test(what_a_zone_leaves_ends_where_conntrack_is_asked),
		cmocka_unit_test(a_rule_of_inet_lives_for_either_family),
		cmocka_unit_test(a_return_takes_packets_too),
		cmocka_unit_test(a_chain_of_an_earlier_table_shadows),
		cmocka_unit_test(what_no_packet_of_a_hook_has_is_dead_there),
		cmocka_unit_test(chains_of_nat_are_asked_about_new_flows_by_either_iptables),
		cmocka_unit_test(behind_a_target_that_is_not_modelled_nothing_is_certain),
		cmocka_unit_test(real_dead_rules_match_nothing),
		cmocka_unit_test(an_empty_ipset_is_named),
		cmocka_unit_test(an_interface_is_certified_or_has_a_witness),
		cmocka_unit_test(interfaces_are_grouped_by_what_they_let_in),
		cmocka_unit_test(two_rulesets_differ_both_ways_with_witnesses),
		cmocka_unit_test(a_mac_of_one_and_its_half_of_the_other_are_compared),
		cmocka_unit_test(equal_meaning_is_no_difference),
		cmocka_unit_test(a_mark_that_is_asked_for_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
