// SPDX-License-Identifier: GPL-2.0-or-later
/* Sets of packets over a small router: which parts there are, in words, and that each witness ends as its part does. */
#include "unit.h"

#include <string.h>

#include "explain/every.h"
#include "hostbuild.h"
#include "packet/expr.h"

#define GATEWAY "02:00:00:00:00:01"

/* lan 10.0.0.1/24 and 10.0.1.1/24, wan 192.0.2.1/24 with a default route. */
static struct host_build *router(struct arena *arena, const char *rules)
{
	struct host_build *b = host_build_new(arena);
	struct mac mac;

	assert_true(mac_parse(GATEWAY, &mac));
	build_link(b, 0, "", "lan")->mac = mac;
	build_link(b, 0, "", "dmz");
	build_link(b, 0, "", "wan");
	build_address(b, "lan", "10.0.0.1/24");
	build_address(b, "dmz", "10.0.1.1/24");
	build_address(b, "wan", "192.0.2.1/24");
	build_route(b, "0.0.0.0/0", "wan", "192.0.2.254");
	build_neighbour(b, "wan", "192.0.2.254", "02:00:00:00:00:fe");
	build_sysctl(b, 0, "net.ipv4.ip_forward", "1");
	(*rules == '*' ? build_iptables : build_nft)(b, 0, rules);
	return b;
}

/* br0, 10.0.0.1/24, with the taps of three guests, of which two are its neighbours. */
static struct host_build *shared_bridge(struct arena *arena, const char *rules)
{
	struct host_build *b = host_build_new(arena);
	struct mac mac;

	assert_true(mac_parse(GATEWAY, &mac));
	build_link(b, 0, "bridge", "br0")->mac = mac;
	build_address(b, "br0", "10.0.0.1/24");
	for (int i = 1; i <= 3; i++) {
		const char *tap = arena_printf(arena, "tap%d", i);

		build_link(b, 0, "", tap);
		build_port(b, "br0", tap);
		build_fdb(b, tap, arena_printf(arena, "02:00:00:00:00:1%d", i));
		if (i < 3)
			build_neighbour(b, "br0", arena_printf(arena, "10.0.0.1%d", i),
				arena_printf(arena, "02:00:00:00:00:1%d", i));
	}
	/* behind the port of the second guest is a third address */
	build_neighbour(b, "br0", "10.0.0.14", "02:00:00:00:00:12");
	build_sysctl(b, 0, "net.ipv4.ip_forward", "1");
	(*rules == '*' ? build_iptables : build_nft)(b, 0, rules);
	return b;
}

/* state: of all of them, in every namespace; 0: conntrack says it. */
static void ask(struct arena *arena, struct host_build *b, const char *in, const char *text,
	enum ct_state state, struct every *ret)
{
	const struct host *host = host_built(b);
	struct packet_choices choices = { 0 };
	struct query query;
	struct err err = { 0 };

	if (!explain_find_entry(host, in, &query, &err) ||
		!packet_expr_parse_set(arena, text, &query.packet, &choices, &err))
		fail_msg("%s", err.text);
	if (state) {
		query.has_ct_state = true;
		query.packet.ct_state = state;
		query.packet.unknown &= ~FIELD_BIT(FIELD_CT_STATE);
	}
	if (!explain_every(arena, explainer_new(arena, host), &query, &choices, ret, &err))
		fail_msg("%s", err.text);
}

/* "delivered wan: dst ...; dropped lan: ..." in the order of the answer. */
static void assert_parts_of(struct arena *arena, struct host_build *b, const char *in,
	const char *text, enum ct_state state, const char *expected)
{
	struct text told CLEANUP(text_done) = TEXT_INIT;
	struct every every = { 0 };

	ask(arena, b, in, text, state, &every);
	vec_for_each (part, &every.parts) {
		text_addf(&told, "%s %s: ", final_name(part->final), part->leaf->last->link->name);
		every_print_set(&told, &every, part->set, SIZE_MAX);
		if (part->final == FINAL_REWRITTEN) {
			text_add(&told, "  becomes ");
			every_print_set(&told, &every, part->into, SIZE_MAX);
		}
		if (part->why)
			text_addf(&told, "  %s\n", part->why);
		assert_false(part->is_contradicted);
		if (part->final != FINAL_CANNOT_TELL)
			assert_int_equal(part->explanation->final, part->final);
	}
	sets_free(every.sets);
	assert_string_equal(told.data, expected);
}

static void assert_parts_at(struct arena *arena, struct host_build *b, const char *in,
	const char *text, const char *expected)
{
	assert_parts_of(arena, b, in, text, 0, expected);
}

static void assert_parts(const char *rules, const char *text, const char *expected)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	assert_parts_at(arena, router(arena, rules), "lan", text, expected);
}

#define FILTER(rules)                                                                              \
	"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" rules        \
	"COMMIT\n"
#define NAT(rules)                                                                                 \
	"*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING " \
	"ACCEPT [0:0]\n" rules "COMMIT\n"
#define NFT_NAT(rule) "table ip n {\n\tchain c {\n\t\ttype nat hook " rule "\n\t}\n}\n"
#define TO_LAN	      " mac any > " GATEWAY

static void rules_part_a_set(void **state)
{
	(void)state;
	assert_parts(FILTER("-A FORWARD -p tcp --dport 22 -s 10.0.0.8/30 -j DROP\n"),
		"tcp 10.0.0.0/24 198.51.100.1" TO_LAN,
		"dropped lan: IPv4 src 10.0.0.8/30 dport 22\n"
		"delivered wan: IPv4 src 10.0.0.0,10.0.0.2-10.0.0.7,10.0.0.12-10.0.0.255\n"
		"IPv4 src 10.0.0.8/30 dport not 22\n"
		"dropped lan: IPv4 src 10.0.0.1\n");
}

static void routes_part_a_set(void **state)
{
	(void)state;
	assert_parts(FILTER(""), "udp 10.0.0.5:53 10.0.0.0/15:53" TO_LAN,
		"delivered wan: IPv4 dst 10.0.2.0-10.1.255.255\n"
		"delivered lan: IPv4 dst 10.0.0.0,10.0.0.2-10.0.0.255\n"
		"dropped lan: IPv4 dst 10.0.0.1,10.0.1.1\n"
		"delivered dmz: IPv4 dst 10.0.1.0,10.0.1.2-10.0.1.255\n");
}

/* 10.0.4.0/22 has its last 256 addresses left, 10.0.8.0/23 none. */
static void of_a_route_is_what_more_specific_ones_leave(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = router(arena, FILTER(""));

	(void)state;
	build_route(b, "10.0.4.0/22", "wan", "192.0.2.254");
	build_route(b, "10.0.4.0/23", "lan", NULL);
	build_route(b, "10.0.6.0/24", "lan", NULL);
	build_route(b, "10.0.8.0/23", "lan", NULL);
	build_route(b, "10.0.8.0/24", "dmz", NULL);
	build_route(b, "10.0.9.0/24", "wan", "192.0.2.254");
	assert_parts_at(arena, b, "lan", "udp 10.0.0.5:53 10.0.4.0-10.0.9.255:53" TO_LAN,
		"delivered wan: IPv4 dst 10.0.7.0/24,10.0.9.0/24\n"
		"delivered lan: IPv4 dst 10.0.4.0-10.0.6.255\n"
		"delivered dmz: IPv4 dst 10.0.8.0/24\n");
}

/* Of what begins, conntrack is asked nothing but whether it is never tracked: neighbour discovery and multicast listeners. */
static void what_is_never_tracked_is_apart_from_what_begins(void **state)
{
	static const char rules[] =
		"table ip6 f {\n\tchain c {\n\t\ttype filter hook prerouting priority 0; policy accept;\n"
		"\t\tct state untracked drop\n\t\tct state != new drop\n\t}\n}\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = router(arena, rules);

	(void)state;
	build_address(b, "lan", "2001:db8::1/64");
	build_address(b, "wan", "2001:db8:1::1/64");
	build_sysctl(b, 0, "net.ipv6.conf.all.forwarding", "1");
	assert_parts_of(arena, b, "lan", "icmpv6 2001:db8::5 2001:db8:1::9 type any" TO_LAN, CT_NEW,
		"dropped lan: IPv6 icmp_type 130-137,143\n"
		"delivered wan: IPv6 icmp_type not 130-137,143\n");
}

/* Whether the rule or the policy drops UDP is not known: told is the policy, which drops everything else. */
static void of_two_that_drop_the_usual_one_is_told(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	assert_parts_of(arena,
		router(arena,
			"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n"
			"-A FORWARD -p udp -m limit --limit 3/sec -j DROP\nCOMMIT\n"),
		"lan", "any 10.0.0.64/26 198.51.100.1" TO_LAN, CT_NEW,
		"dropped lan: all of them\n");
}

#define VALID                                                                                      \
	"syn/fin+syn+rst+ack+urg,rst/fin+syn+rst+ack+urg,ack/syn+rst+ack+urg,"                     \
	"rst+ack/fin+syn+rst+ack+urg,syn+urg/fin+syn+rst+ack+urg,ack+urg/syn+rst+ack+urg"

/* What conntrack has of a flow, and what NAT makes of one, depends on the protocol, though the state is given. */
static void of_a_given_state_entries_and_nat_are_still_asked(void **state)
{
	static const char marked[] =
		"table ip f {\n\tchain c {\n\t\ttype filter hook forward priority 0; policy accept;\n"
		"\t\tct mark 7 drop\n\t}\n}\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = router(arena, marked);
	struct conntrack_entry *entry = &b->built[0].conntrack[b->netns[0].n_conntrack++];

	(void)state;
	*entry = (struct conntrack_entry){ .proto = PROTO_TCP,
		.orig = { .sport = 1000, .dport = 80 },
		.tcp_state = "ESTABLISHED",
		.status = CT_STATUS_SEEN_REPLY | CT_STATUS_CONFIRMED,
		.mark = 7 };
	assert_true(addr_parse("10.0.0.5", &entry->orig.src));
	assert_true(addr_parse("198.51.100.1", &entry->orig.dst));
	entry->reply = (struct flow_tuple){ entry->orig.dst, entry->orig.src, 80, 1000 };
	assert_parts_of(arena, b, "lan", "tcp 10.0.0.5:1000 198.51.100.1:80 flags any" TO_LAN,
		CT_NEW,
		"delivered wan: IPv4 tcp_flags not " VALID "\n"
		"dropped lan: IPv4 tcp_flags " VALID "\n");
	assert_parts_of(arena,
		router(arena,
			NAT("-A POSTROUTING -p tcp -o wan -j SNAT --to-source 192.0.2.7:1024-2047\n")),
		"lan", "any 10.0.0.64/26 198.51.100.1" TO_LAN, CT_NEW,
		"rewritten wan: IPv4 proto tcp sport 1024-2047\n"
		"  becomes IPv4 src 192.0.2.7\n"
		"rewritten wan: IPv4 proto tcp sport not 1024-2047\n"
		"  becomes IPv4 src 192.0.2.7 sport 1024-2047\n"
		"delivered wan: IPv4 proto not tcp\n");
}

static void nat_maps_a_set(void **state)
{
	(void)state;
	assert_parts(NAT("-A POSTROUTING -s 10.0.0.0/25 -o wan -j MASQUERADE\n"
			 "-A POSTROUTING -p tcp -o wan -j SNAT --to-source 192.0.2.7:1024-2047\n"),
		"tcp 10.0.0.64/26:any 198.51.100.1:443" TO_LAN,
		"rewritten wan: all of them\n"
		"  becomes IPv4 src 192.0.2.1\n");
	assert_parts(NAT("-A POSTROUTING -p tcp -o wan -j SNAT --to-source 192.0.2.7:1024-2047\n"),
		"tcp 10.0.0.64/26:1000-3000 198.51.100.1:443" TO_LAN,
		"rewritten wan: IPv4 sport 1024-2047\n"
		"  becomes IPv4 src 192.0.2.7\n"
		"rewritten wan: IPv4 sport 1000-1023,2048-3000\n"
		"  becomes IPv4 src 192.0.2.7 sport 1024-2047\n");
}

static void a_set_that_is_mapped_to_itself_stays_what_it_is(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text told CLEANUP(text_done) = TEXT_INIT;
	struct host_build *b =
		router(arena, NAT("-A POSTROUTING -s 10.0.0.0/24 -o wan -j MASQUERADE\n"));
	struct every every = { 0 };

	(void)state;
	build_nft(b, 0,
		"table inet own {\n\tchain post {\n"
		"\t\ttype nat hook postrouting priority -199; policy accept;\n"
		"\t\toifname \"wan\" tcp dport 443 snat ip to ip saddr\n\t}\n}\n");
	ask(arena, b, "lan", "tcp 10.0.0.64/26:any 198.51.100.1:any" TO_LAN, 0, &every);
	vec_for_each (part, &every.parts) {
		text_addf(&told, "%s: ", final_name(part->final));
		every_print_set(&told, &every, part->set, SIZE_MAX);
		assert_false(part->is_contradicted);
		assert_int_equal(part->explanation->final, part->final);
	}
	sets_free(every.sets);
	assert_string_equal(told.data, "delivered: IPv4 dport 443\n"
				       "rewritten: IPv4 dport not 443\n");
}

/* The hosts of a network keep their places in the other one: what is behind NETMAP is asked of those. */
static void a_network_is_mapped_to_a_network(void **state)
{
	(void)state;
	assert_parts(NAT("-A PREROUTING -d 203.0.113.0/24 -j NETMAP --to 10.0.1.0/24\n")
			     FILTER("-A FORWARD -d 10.0.1.8/29 -j DROP\n"),
		"udp 10.0.0.5:53 203.0.113.0/26:53" TO_LAN,
		"dropped lan: IPv4 dst 203.0.113.8/29\n"
		"rewritten dmz: IPv4 dst 203.0.113.0,203.0.113.2-203.0.113.7,203.0.113.16-203.0.113.63\n"
		"  becomes IPv4 dst 10.0.1.0,10.0.1.2-10.0.1.7,10.0.1.16-10.0.1.63\n"
		"dropped lan: IPv4 dst 203.0.113.1\n");
	assert_parts(NAT("-A POSTROUTING -o wan -j NETMAP --to 10.9.0.0/16\n"),
		"udp 10.0.0.64/26,10.9.0.0/25:53 198.51.100.1:53" TO_LAN,
		"delivered wan: IPv4 src 10.9.0.0/25\n"
		"rewritten wan: IPv4 src 10.0.0.64/26\n"
		"  becomes IPv4 src 10.9.0.64/26\n");
	assert_parts(
		NFT_NAT("postrouting priority 100; policy accept;\n\t\tsnat prefix to 10.9.0.0/16"),
		"udp 10.0.0.64/26:53 198.51.100.1:53" TO_LAN,
		"rewritten wan: all of them\n"
		"  becomes IPv4 src 10.9.0.64/26\n");
	assert_parts(
		NFT_NAT("prerouting priority -100; policy accept;\n\t\tdnat prefix to 10.0.1.0/24"),
		"udp 10.0.0.5:53 10.0.3.8/30:53" TO_LAN,
		"rewritten dmz: all of them\n"
		"  becomes IPv4 dst 10.0.1.8/30\n");
}

static void what_is_not_modelled_is_told_by_its_words(void **state)
{
	(void)state;
	assert_parts(FILTER("-A FORWARD -p udp -m limit --limit 3/sec -j DROP\n"),
		"any 10.0.0.5 198.51.100.1" TO_LAN,
		"delivered wan: IPv4 proto not udp\n"
		"cannot-tell wan: IPv4 proto udp\n"
		"  delivered or dropped, by the value of [-m limit --limit 3/sec (rule 1 of FORWARD, table filter)]\n");
}

static void a_mark_is_set_and_asked(void **state)
{
	(void)state;
	assert_parts(
		"*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n"
		":OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
		"-A PREROUTING -p tcp --dport 80:90 -j MARK --set-mark 7\nCOMMIT\n" FILTER(
			"-A FORWARD -m mark --mark 7 -j DROP\n"),
		"tcp 10.0.0.5 198.51.100.0/24:!85" TO_LAN,
		"dropped lan: IPv4 dport 80-84,86-90\n"
		"delivered wan: IPv4 dport not 80-90\n");
}

static void ttl_ends_where_it_is_one(void **state)
{
	(void)state;
	assert_parts(FILTER(""), "icmp 10.0.0.5 198.51.100.1 ttl 1-3" TO_LAN,
		"dropped lan: IPv4 ttl 1\n"
		"delivered wan: IPv4 ttl 2-3\n");
}

static void guests_of_a_bridge_are_told_by_their_addresses(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = shared_bridge(arena,
		"table bridge f {\n\tchain c {\n\t\ttype filter hook forward priority 0; "
		"policy accept;\n\t\toifname \"tap1\" tcp dport 22 drop\n\t}\n}\n");

	(void)state;
	assert_parts_at(arena, b, "tap3", "tcp 10.0.0.13 10.0.0.8/29:22",
		"dropped tap1: IPv4 dst 10.0.0.11\n"
		"cannot-tell tap1: IPv4 dst 10.0.0.8-10.0.0.10,10.0.0.13,10.0.0.15\n"
		"  dropped or delivered: what the kernel chooses there, or what was not read, decides\n"
		"delivered tap2: IPv4 dst 10.0.0.12,10.0.0.14\n");
}

#define BRIDGED                                                                                    \
	"table bridge f {\n\tchain c {\n\t\ttype filter hook forward priority 0; policy accept;\n"
#define DROPS(match) "\t\t" match " drop\n\t}\n}\n"

/* With a MAC of its own for each, but no rule asks for any of them; then one does. */
static void groups_are_flooded_by_what_snooping_says(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = shared_bridge(arena,
		BRIDGED DROPS("oifname { \"tap1\", \"tap2\" } ether daddr 01:00:5e:00:00:fb"));

	(void)state;
	assert_parts_at(arena, b, "tap3", "udp 10.0.0.13:5 224.0.0.248/29:5",
		"cannot-tell br0: IPv4 dst 224.0.0.251\n"
		"  which multicast groups this host has joined was not read\n"
		"delivered tap1: IPv4 dst 224.0.0.248-224.0.0.250,224.0.0.252/30\n");
	built_link(b, "br0", NULL)->has_mcast_snooping = true;
	assert_parts_at(arena, b, "tap3", "udp 10.0.0.13:5 224.0.0.248/29,224.0.1.0/24:5",
		"cannot-tell br0: IPv4 dst 224.0.0.251\n"
		"  which multicast groups this host has joined was not read\n"
		"cannot-tell tap3: IPv4 dst 224.0.1.0/24\n"
		"  multicast snooping of br0 may keep it from ports that did not join\n"
		"delivered tap1: IPv4 dst 224.0.0.248-224.0.0.250,224.0.0.252/30\n");
}

/* A frame for another station is the host's while iptables has it, before a rule gives it a zone: none is lost. */
static void a_zone_is_given_to_a_part_with_a_known_mac(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = shared_bridge(arena,
		"*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
		"-A PREROUTING -m physdev --physdev-in tap3 -j CT --zone 7\nCOMMIT\n");

	(void)state;
	build_sysctl(b, 0, "net.bridge.bridge-nf-call-iptables", "1");
	assert_parts_at(arena, b, "tap3", "udp 10.0.0.13:5 10.0.0.11-10.0.0.12:5",
		"delivered tap1: IPv4 dst 10.0.0.11\n"
		"delivered tap2: IPv4 dst 10.0.0.12\n");
}

static void behind_a_bridge_each_new_destination_has_its_own_mac(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = shared_bridge(
		arena, NAT("-A PREROUTING -d 203.0.113.0/24 -j NETMAP --to 10.0.0.0/24\n"));

	(void)state;
	build_sysctl(b, 0, "net.bridge.bridge-nf-call-iptables", "1");
	assert_parts_at(arena, b, "tap3", "udp 10.0.0.13:5 203.0.113.11-203.0.113.12:5" TO_LAN,
		"rewritten tap1: IPv4 dst 203.0.113.11\n"
		"  becomes IPv4 dst 10.0.0.11\n"
		"rewritten tap2: IPv4 dst 203.0.113.12\n"
		"  becomes IPv4 dst 10.0.0.12\n");
}

/* What one copy does to the entry, those of other packets of the set do not find. */
static void copies_share_what_a_part_of_the_set_did(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host_build *b = shared_bridge(arena,
		"*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n"
		":OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
		"-A FORWARD -p udp --dport 78 -m physdev --physdev-out tap1 -j DROP\n"
		"-A FORWARD -p udp --dport 80 -m physdev --physdev-out tap1 -j CONNMARK --set-mark 1\n"
		"-A FORWARD -m physdev --physdev-out tap2 -m connmark --mark 1 -j DROP\nCOMMIT\n" NAT(
			"-A POSTROUTING -p udp --dport 77 -m physdev --physdev-out tap2 -j SNAT "
			"--to-source 10.0.0.77\n"));

	(void)state;
	build_sysctl(b, 0, "net.bridge.bridge-nf-call-iptables", "1");
	assert_parts_at(arena, b, "tap3", "udp 10.0.0.13:5 255.255.255.255:76-80",
		"delivered br0: IPv4 dport 76,78-79\n"
		"cannot-tell tap3: IPv4 dport 77,80\n"
		"  its copies at the ports of br0 have one entry of conntrack, and what rules do to it "
		"for one, others ask for: which port comes first is not known\n");
}

static void a_set_of_nothing_is_refused(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct host *host = host_built(router(arena, FILTER("")));
	struct packet_range none = { field_value_of_number(70000), field_value_of_number(70001) };
	struct packet_choice choice = { .field = FIELD_DPORT, .ranges = &none, .n = 1 };
	struct packet_choices choices = { { &choice, 1, 1 } };
	struct every every = { 0 };
	struct query query;
	struct err err = { 0 };

	(void)state;
	assert_true(explain_find_entry(host, "lan", &query, &err));
	assert_true(packet_expr_parse("tcp 10.0.0.5 10.0.1.5:80", &query.packet, &err));
	query.packet.unknown |= FIELD_BIT(FIELD_DPORT);
	assert_false(
		explain_every(arena, explainer_new(arena, host), &query, &choices, &every, &err));
	assert_string_equal(err.text, "there is no such packet");
	sets_free(every.sets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_part_a_set),
		cmocka_unit_test(routes_part_a_set),
		cmocka_unit_test(of_a_route_is_what_more_specific_ones_leave),
		cmocka_unit_test(what_is_never_tracked_is_apart_from_what_begins),
		cmocka_unit_test(of_two_that_drop_the_usual_one_is_told),
		cmocka_unit_test(of_a_given_state_entries_and_nat_are_still_asked),
		cmocka_unit_test(nat_maps_a_set),
		cmocka_unit_test(a_set_that_is_mapped_to_itself_stays_what_it_is),
		cmocka_unit_test(a_network_is_mapped_to_a_network),
		cmocka_unit_test(what_is_not_modelled_is_told_by_its_words),
		cmocka_unit_test(a_mark_is_set_and_asked),
		cmocka_unit_test(ttl_ends_where_it_is_one),
		cmocka_unit_test(guests_of_a_bridge_are_told_by_their_addresses),
		cmocka_unit_test(groups_are_flooded_by_what_snooping_says),
		cmocka_unit_test(a_zone_is_given_to_a_part_with_a_known_mac),
		cmocka_unit_test(behind_a_bridge_each_new_destination_has_its_own_mac),
		cmocka_unit_test(copies_share_what_a_part_of_the_set_did),
		cmocka_unit_test(a_set_of_nothing_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
