// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random rules of every modelled kind: printed and read again they are the same. Prints the seed;
 * PORTWALL_SEED=N repeats a run.
 */
#include "unit.h"

#include <string.h>

#include "random.h"
#include "ruleset/ruleset.h"

#define N_ROUNDS 20000

static const char *const names[] = { "tap1", "br-int+", "eth0.100", "qvbf58f85ec-95", "a'b" };
static const char *const comments[] = { "plain", "two words", "", "-j", "a \"quote\"", "\\", "it's",
	"--comment x", "{ } # handle 5" };

static bool chance(struct random *random)
{
	return random_below(random, 3) == 0;
}

static struct prefix random_prefix(struct random *random, enum family family, unsigned min_len)
{
	struct prefix prefix = { .addr.family = family };
	char text[128];
	struct text out CLEANUP(text_done) = TEXT_INIT;

	for (int i = 0; i < (family == FAMILY_IPV6 ? 16 : 4); i++)
		prefix.addr.bytes[i] = (uint8_t)random_below(random, 256);
	addr_print(&out, &prefix.addr);
	snprintf(text, sizeof(text), "%s/%u", out.data,
		min_len + random_below(random, prefix_max_len(family) + 1 - min_len));
	assert_true(prefix_parse(text, &prefix));
	return prefix;
}

static struct mac random_mac(struct random *random)
{
	uint64_t bits = random_u64(random);
	struct mac mac;

	memcpy(mac.bytes, &bits, sizeof(mac.bytes));
	return mac;
}

static struct match *add(struct rule *rule, struct random *random, enum match_kind kind)
{
	struct match *match = &rule->matches[rule->n_matches++];

	*match = (struct match){ .kind = kind, .inverted = chance(random) };
	return match;
}

static void set_ports(struct arena *arena, struct random *random, struct match *match, unsigned n)
{
	match->ports.ranges = arena_new_array(arena, struct port_range, n);
	match->ports.n_ranges = (uint8_t)n;
	for (unsigned i = 0; i < n; i++) {
		uint16_t min = (uint16_t)random_u64(random);

		match->ports.ranges[i].min = min;
		match->ports.ranges[i].max =
			chance(random) ? (uint16_t)(min + random_below(random, 65536u - min)) : min;
	}
}

static void add_ports(struct arena *arena, struct random *random, struct rule *rule)
{
	switch (random_below(random, 5)) {
	case 0:
		set_ports(arena, random, add(rule, random, MATCH_SPORT), 1);
		break;
	case 1:
		set_ports(arena, random, add(rule, random, MATCH_SPORT), 1);
		set_ports(arena, random, add(rule, random, MATCH_DPORT), 1);
		break;
	case 2:
		set_ports(arena, random, add(rule, random, MATCH_DPORT), 1);
		break;
	case 3: { /* -m tcp alone */
		struct match *any = add(rule, random, MATCH_DPORT);

		any->inverted = false;
		any->ports.ranges = arena_new_one(arena, struct port_range);
		any->ports.ranges[0].max = 65535;
		any->ports.n_ranges = 1;
		break;
	}
	default:
		break;
	}
	if (chance(random)) {
		struct match *match = add(rule, random, chance(random) ? MATCH_SPORT : MATCH_DPORT);

		match->ports.is_multiport = true;
		set_ports(arena, random, match, 1 + random_below(random, 7));
	}
}

static void add_modules(struct arena *arena, struct random *random, enum family family,
	struct rule *rule, unsigned proto)
{
	static const uint8_t with_ports[] = { PROTO_TCP, PROTO_UDP, PROTO_SCTP, PROTO_DCCP };

	for (size_t i = 0; i < N_OF(with_ports); i++)
		if (proto == with_ports[i])
			add_ports(arena, random, rule);
	if (proto == (family == FAMILY_IPV6 ? PROTO_ICMPV6 : PROTO_ICMP)) {
		struct match *match = add(rule, random, MATCH_ICMP_TYPE);

		match->icmp.type = (uint8_t)random_below(random, 256);
		match->icmp.any_code = match->icmp.type == 255 || chance(random);
		if (!match->icmp.any_code)
			match->icmp.code = (uint8_t)random_below(random, 256);
	}
	if (chance(random))
		add(rule, random, MATCH_PHYSDEV_IN)->name =
			names[random_below(random, N_OF(names))];
	if (chance(random))
		add(rule, random, MATCH_PHYSDEV_OUT)->name =
			names[random_below(random, N_OF(names))];
	if (chance(random))
		add(rule, random, MATCH_PHYSDEV_BRIDGED);
	if (chance(random))
		add(rule, random, MATCH_MAC_SRC)->mac = random_mac(random);
	if (chance(random)) {
		struct match *match = add(rule, random, MATCH_CT_STATE);

		match->ct_states = 1 + random_below(random, 31);
		match->is_conntrack = chance(random);
	}
	if (chance(random)) {
		struct match *match = add(rule, random, MATCH_CT_MARK);

		match->ct_mark.value = (uint32_t)random_u64(random);
		match->ct_mark.mask = chance(random) ? UINT32_MAX : (uint32_t)random_u64(random);
	}
	if (chance(random)) {
		struct match *match = add(rule, random, MATCH_SET);

		match->set.name = "NIPv4599886bb-89ec-54e8-af3b-";
		match->set.is_src = chance(random);
	}
	if (chance(random)) {
		struct match *match = add(rule, random, MATCH_OPAQUE);

		match->inverted = false;
		match->text = "-m limit --limit 3/min";
	}
}

static struct target random_target(struct random *random)
{
	switch (random_below(random, 9)) {
	case 0:
		return (struct target){ .kind = TARGET_ACCEPT };
	case 1:
		return (struct target){ .kind = TARGET_DROP };
	case 2:
		return (struct target){ .kind = TARGET_RETURN };
	case 3:
		return (struct target){ .kind = TARGET_JUMP, .chain = "other" };
	case 4:
		return (struct target){ .kind = TARGET_GOTO, .chain = "other" };
	case 5:
		return (struct target){ .kind = TARGET_CT_ZONE,
			.zone = (uint16_t)random_u64(random) };
	case 6:
		return (struct target){ .kind = TARGET_CT_NOTRACK };
	case 7:
		return (struct target){ .kind = TARGET_OPAQUE,
			.text = "HMARK --hmark-tuple src --hmark-mod 5" };
	default:
		return (struct target){ .kind = TARGET_NONE };
	}
}

static void add_comment(struct random *random, struct rule *rule)
{
	if (!chance(random))
		return;
	rule->comment = comments[random_below(random, N_OF(comments))];
	/* Only modules stand behind a comment. */
	for (size_t i = rule->n_matches; i > 0 && rule->matches[i - 1].kind > MATCH_PROTO; i--)
		if (chance(random))
			rule->n_behind_comment++;
}

static void a_random_iptables_rule_comes_back(void **state)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_UDP, PROTO_SCTP, PROTO_DCCP, PROTO_ICMP,
		PROTO_ICMPV6, PROTO_IPIP, PROTO_UDPLITE, 50, 255 };
	struct random random = random_seeded();

	(void)state;
	for (int round = 0; round < N_ROUNDS; round++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text text CLEANUP(text_done) = TEXT_INIT;
		enum family family = chance(&random) ? FAMILY_IPV6 : FAMILY_IPV4;
		struct match matches[32];
		struct rule rule = { .matches = matches, .target = random_target(&random) };
		struct ruleset *rs = ruleset_new(arena);
		unsigned proto = 0;
		struct err err = { 0 };

		/* a whole range is no condition, and is not printed by iptables */
		if (chance(&random))
			add(&rule, &random, MATCH_SRC)->prefix = random_prefix(&random, family, 1);
		if (chance(&random))
			add(&rule, &random, MATCH_DST)->prefix = random_prefix(&random, family, 1);
		if (chance(&random))
			add(&rule, &random, MATCH_IN_IFACE)->name =
				names[random_below(&random, N_OF(names))];
		if (chance(&random))
			add(&rule, &random, MATCH_OUT_IFACE)->name =
				names[random_below(&random, N_OF(names))];
		if (!chance(&random)) {
			struct match *match = add(&rule, &random, MATCH_PROTO);

			match->proto = protos[random_below(&random, N_OF(protos))];
			proto = match->inverted ? 0 : match->proto;
		}
		add_modules(arena, &random, family, &rule, proto);
		add_comment(&random, &rule);
		text_add(&text, "*t\n:c - [0:0]\n:other - [0:0]\n-A c ");
		rule_print(&text, family, &rule);
		text_add(&text, "\nCOMMIT\n");
		if (!ruleset_parse_iptables(arena, rs, family, "t", text.data, &err) ||
			!rule_equal(&rule, &rs->tables[0].chains[0].rules[0]))
			fail_msg("%s\n%s", err.text, text.data);
	}
}

static void a_random_bridge_rule_comes_back(void **state)
{
	static const char *const plain[] = { "tap1", "eth0.100" };
	struct random random = random_seeded();

	(void)state;
	for (int round = 0; round < N_ROUNDS; round++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text text CLEANUP(text_done) = TEXT_INIT;
		struct match matches[16];
		struct rule rule = { .matches = matches };
		struct ruleset *rs = ruleset_new(arena);
		struct err err = { 0 };

		do {
			rule.target = random_target(&random);
		} while (rule.target.kind >= TARGET_CT_ZONE);
		for (unsigned n = random_below(&random, 5); n > 0; n--) {
			switch (random_below(&random, 6)) {
			case 0:
				add(&rule, &random, MATCH_IN_IFACE)->name =
					plain[random_below(&random, 2)];
				break;
			case 1:
				add(&rule, &random, MATCH_OUT_IFACE)->name =
					plain[random_below(&random, 2)];
				break;
			case 2:
				add(&rule, &random, MATCH_ETHERTYPE)->ethertype =
					chance(&random) ? ETHERTYPE_VLAN
							: (uint16_t)random_u64(&random);
				break;
			case 3:
				add(&rule, &random, MATCH_ETH_SRC)->mac = random_mac(&random);
				break;
			case 4:
				add(&rule, &random, MATCH_ARP_SHA)->mac = random_mac(&random);
				break;
			default:
				add(&rule, &random, MATCH_ARP_SPA)->prefix =
					random_prefix(&random, FAMILY_IPV4, 0);
				break;
			}
		}
		if (chance(&random)) {
			rule.has_counter = true;
			rule.counters.packets = random_u64(&random);
		}
		if (chance(&random))
			rule.comment = "a comment; with { } # handle 5";
		if (!rule.n_matches && !rule.has_counter && rule.target.kind == TARGET_NONE)
			continue; /* no rule at all, or the comment of the chain */
		text_add(&text, "table bridge t {\n\tchain c {\n\t\t");
		rule_print(&text, FAMILY_BRIDGE, &rule);
		text_add(&text, "\n\t}\n}\n");
		if (!ruleset_parse_nft(arena, rs, "t", text.data, &err) ||
			!rule_equal(&rule, &rs->tables[0].chains[0].rules[0]))
			fail_msg("%s\n%s", err.text, text.data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_random_iptables_rule_comes_back),
		cmocka_unit_test(a_random_bridge_rule_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
