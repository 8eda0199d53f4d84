// SPDX-License-Identifier: GPL-2.0-or-later
/* Packet expressions that describe sets of packets. */
#include "unit.h"

#include <string.h>

#include "base/limits.h"
#include "packet/expr.h"
#include "random.h"

static int set_up(void **state)
{
	*state = arena_new();
	return 0;
}

static int tear_down(void **state)
{
	arena_free(*state);
	return 0;
}

static struct packet parsed(struct arena *arena, const char *text, struct packet_choices *ret)
{
	struct packet packet = { 0 };
	struct err err = { 0 };

	if (!packet_expr_parse_set(arena, text, &packet, ret, &err))
		fail_msg("%s: %s", text, err.text);
	return packet;
}

static const struct packet_choice *choice_of(const struct packet_choices *choices, enum field field)
{
	vec_for_each (choice, choices)
		if (choice->field == field)
			return choice;
	return NULL;
}

/* "!22-22 80-90" */
static void print_choice(struct text *out, const struct packet_choice *choice, enum family family)
{
	text_add(out, choice->is_negated ? "!" : "");
	for (size_t i = 0; i < choice->n; i++) {
		text_add(out, i ? " " : "");
		field_value_print(out, choice->field, family, &choice->ranges[i].min);
		text_add(out, "-");
		field_value_print(out, choice->field, family, &choice->ranges[i].max);
	}
}

static void a_list_becomes_sorted_ranges_that_do_not_touch(void **state)
{
	static const struct {
		const char *text;
		enum field field;
		const char *ranges;
	} cases[] = {
		{ "tcp 10.0.0.0/8 any", FIELD_SRC, "10.0.0.0-10.255.255.255" },
		{ "tcp 10.1.2.3/8 any", FIELD_SRC, "10.0.0.0-10.255.255.255" },
		{ "tcp any 10.0.0.1-10.0.0.9", FIELD_DST, "10.0.0.1-10.0.0.9" },
		{ "tcp any !10.0.0.5", FIELD_DST, "!10.0.0.5-10.0.0.5" },
		{ "tcp any 192.168.0.1,10.0.0.0/8:80", FIELD_DST,
			"10.0.0.0-10.255.255.255 192.168.0.1-192.168.0.1" },
		{ "tcp any 10.0.0.0/25,10.0.0.128/25", FIELD_DST, "10.0.0.0-10.0.0.255" },
		{ "tcp any 10.0.0.0/8,10.1.0.0/16", FIELD_DST, "10.0.0.0-10.255.255.255" },
		{ "tcp any 255.255.255.255,0.0.0.0", FIELD_DST,
			"0.0.0.0-0.0.0.0 255.255.255.255-255.255.255.255" },
		{ "tcp any 2001:db8::/32", FIELD_DST,
			"2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "tcp any [2001:db8::/127,2001:db8::3]:80-90", FIELD_DST,
			"2001:db8::-2001:db8::1 2001:db8::3-2001:db8::3" },
		{ "tcp any ![2001:db8::/127]:80-90", FIELD_DST, "!2001:db8::-2001:db8::1" },
		{ "tcp any [2001:db8::/32]:80-90", FIELD_DPORT, "80-90" },
		{ "udp any 2001:db8::1-2001:db8::ff", FIELD_DST, "2001:db8::1-2001:db8::ff" },
		{ "udp any any:80-90,22,91", FIELD_DPORT, "22-22 80-91" },
		{ "udp any:!1024-65535 any", FIELD_SPORT, "!1024-65535" },
		{ "udp any any ttl !1", FIELD_TTL, "!1-1" },
		{ "udp any any len 28-1500", FIELD_LENGTH, "28-1500" },
		{ "udp any any tos 0x10,0x20", FIELD_TOS, "16-16 32-32" },
		{ "udp any any mark 0x10-0x1f", FIELD_MARK, "0x10-0x1f" },
		{ "udp any any uid 1000-4294967295", FIELD_UID, "1000-4294967295" },
		{ "udp any any gid !0", FIELD_GID, "!0-0" },
		{ "icmp any any type 3,11-12", FIELD_ICMP_TYPE, "3-3 11-12" },
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		struct text text CLEANUP(text_done) = TEXT_INIT;
		struct packet_choices choices = { 0 };
		struct packet packet = parsed(*state, cases[i].text, &choices);
		const struct packet_choice *choice = choice_of(&choices, cases[i].field);

		assert_non_null(choice);
		assert_true(packet.unknown & FIELD_BIT(cases[i].field));
		print_choice(&text, choice, packet.src.family);
		assert_string_equal(text.data, cases[i].ranges);
	}
}

static void one_value_and_every_value_are_no_choice(void **state)
{
	static const struct {
		const char *text;
		enum field field;
		bool is_open;
	} cases[] = {
		{ "tcp 10.0.0.5/32 any", FIELD_SRC, false },
		{ "tcp 10.0.0.5,10.0.0.5 any", FIELD_SRC, false },
		{ "tcp any any:80-80", FIELD_DPORT, false },
		{ "tcp any any:80,80", FIELD_DPORT, false },
		{ "tcp any any vlan 5-5", FIELD_VLAN_ID, false },
		{ "tcp any any ttl 3-3", FIELD_TTL, false },
		{ "tcp 0.0.0.0/0 any", FIELD_SRC, true },
		{ "tcp 0.0.0.0/1,128.0.0.0/1 any", FIELD_SRC, true },
		{ "tcp ::/0 any", FIELD_SRC, true },
		{ "tcp any any:0-65535", FIELD_DPORT, true },
		{ "tcp any any:0,1-65535", FIELD_DPORT, true },
		{ "tcp any any mark 0-0xffffffff", FIELD_MARK, true },
		/* what is said last counts */
		{ "tcp any any ttl 3-5 ttl 7", FIELD_TTL, false },
		{ "tcp any any ttl 3-5 ttl any", FIELD_TTL, true },
		{ "tcp any any tos 3-5 dscp 1", FIELD_TOS, false },
		{ "icmp any any type 3-5 echo-reply", FIELD_ICMP_TYPE, false },
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		struct packet_choices choices = { 0 };
		struct packet packet = parsed(*state, cases[i].text, &choices);

		if (choices.n || !(packet.unknown & FIELD_BIT(cases[i].field)) == cases[i].is_open)
			fail_msg("%s", cases[i].text);
	}
}

static void the_last_of_two_choices_counts(void **state)
{
	struct packet_choices choices = { 0 };

	parsed(*state, "tcp any:1-2 any ttl 3-5 ttl !7", &choices);
	assert_int_equal(choices.n, 2);
	assert_true(choice_of(&choices, FIELD_TTL)->is_negated);
	assert_false(choice_of(&choices, FIELD_SPORT)->is_negated);
}

static void all_of_ipv6_is_no_ipv4(void **state)
{
	struct packet_choices choices = { 0 };
	struct packet packet = parsed(*state, "tcp any ::/0", &choices);

	assert_int_equal(packet.src.family, FAMILY_IPV6);
	assert_int_equal(packet.dst.family, FAMILY_IPV6);
	assert_int_equal(packet.ethertype, ETHERTYPE_IPV6);
	packet = parsed(*state, "tcp !2001:db8::1 any", &choices);
	assert_int_equal(packet.dst.family, FAMILY_IPV6);
}

static void a_set_prints_as_one_that_is_the_same(void **state)
{
	static const struct {
		const char *text, *printed;
	} cases[] = {
		{ "tcp any 10.0.0.0/8", "tcp any:any 10.0.0.0/8:any syn" },
		{ "tcp 10.0.0.1-10.0.0.2,10.0.0.3 !10.0.0.0/8:!22,80-90",
			"tcp 10.0.0.1-10.0.0.3:any !10.0.0.0/8:!22,80-90 syn" },
		{ "udp ![2001:db8::/32]:1-2 2001:db8::1-2001:db8::5",
			"udp ![2001:db8::/32]:1-2 [2001:db8::1-2001:db8::5]:any" },
		{ "gre !2001:db8::1 any", "gre !2001:db8::1 any" },
		{ "udp ::/0 [::/0]:1-2", "udp [::/0]:any any:1-2" },
		{ "icmp any 10.0.0.0/8 type 3,11 ttl !1 tos 1-2 len 28-1500 uid !0 gid 1-2 "
		  "mark 1,3-4",
			"icmp any 10.0.0.0/8 type 3,11 code 0 ttl !1 tos 1-2 len 28-1500 uid !0 "
			"gid 1-2 mark 0x1,3-4" },
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		struct text text CLEANUP(text_done) = TEXT_INIT;
		struct packet_choices choices = { 0 };
		struct packet packet = parsed(*state, cases[i].text, &choices);

		packet_expr_print_set(&text, &packet, &choices);
		assert_string_equal(text.data, cases[i].printed);
		packet = parsed(*state, text.data, &choices);
		text_clear(&text);
		packet_expr_print_set(&text, &packet, &choices);
		assert_string_equal(text.data, cases[i].printed);
	}
}

struct wrong {
	const char *text, *error, *next;
	unsigned column; /* of what the error points at */
};

static void assert_wrong(const struct wrong *wrong, bool was_read, const struct err *err)
{
	const char *caret = strrchr(err->text, '\n');

	if (was_read)
		fail_msg("%s was read", wrong->text);
	if (strncmp(err->text, wrong->error, strlen(wrong->error)) != 0)
		assert_string_equal(err->text, wrong->error);
	if (strncmp(err->next_step, wrong->next, strlen(wrong->next)) != 0)
		assert_string_equal(err->next_step, wrong->next);
	assert_non_null(caret);
	if (strlen(caret) != strlen("\n    ^") + wrong->column)
		fail_msg("another column: %s", err->text);
}

static void an_error_points_at_its_part_of_the_list(void **state)
{
	static const struct wrong cases[] = {
		{ "tcp 10.0.0.1,10.0.0.300 any", "\"10.0.0.300\" is no address", "10.0.0.5", 13 },
		{ "tcp 10.0.0.0/33 any", "\"10.0.0.0/33\" is no address",
			"the length behind the slash is 0 to 32", 4 },
		{ "tcp [::1,::/129]:5 any", "\"::/129\" is no address",
			"the length behind the slash is 0 to 128", 9 },
		{ "tcp 10.0.0.0/8-11.0.0.0 any", "\"10.0.0.0/8-11.0.0.0\" is no address", "", 4 },
		{ "tcp 10.0.0.9-10.0.0.1 any", "\"10.0.0.9-10.0.0.1\" is no range",
			"the smaller one", 4 },
		{ "tcp any any:5,90-80", "\"90-80\" is no range", "the smaller one", 14 },
		{ "tcp any any:80-", "\"80-\" is no port", "ports are", 12 },
		{ "tcp any any:-80", "\"-80\" is no port", "ports are", 12 },
		{ "tcp any any:80-90-99", "\"80-90-99\" is no port", "ports are", 12 },
		{ "tcp any any:80-70000", "\"80-70000\" is no port", "ports are", 12 },
		{ "tcp any any:22, 80", "\"\" is no port", "a list has something", 15 },
		{ "tcp any any:!", "\"\" is no port", "a list has something", 13 },
		{ "tcp any any:22,any", "\"any\" is no port", "any stands alone", 15 },
		{ "tcp any any:22,!80", "\"!80\" is no port", "\"!\" stands once", 15 },
		{ "tcp any any:!!80", "\"!80\" is no port", "\"!\" stands once", 13 },
		{ "tcp any [!::1]:80", "\"!::1\" is no address", "\"!\" stands once", 9 },
		{ "tcp any [::1],[::2]:80", "\"[::1],[::2]:80\" is no address", "10.0.0.5", 8 },
		{ "tcp any 10.0.0.1:80,10.0.0.2:90", "\"10.0.0.1:80\" is no address",
			"a port stands once", 8 },
		{ "tcp 10.0.0.1,::1 any", "these addresses are of different families", "all must",
			13 },
		{ "tcp 10.0.0.1-::1 any", "these addresses are of different families", "all must",
			4 },
		{ "tcp 10.0.0.0/8 2001:db8::/32", "source and destination are of different",
			"both must", 15 },
		{ "tcp 0.0.0.0/0 ::/0", "source and destination are of different", "both must",
			14 },
		{ "tcp !any any", "this is no packet at all", "leave the \"!\"", 4 },
		{ "tcp !0.0.0.0/0 any", "this is no packet at all", "leave the \"!\"", 4 },
		{ "tcp any ![::/0]:5", "this is no packet at all", "leave the \"!\"", 10 },
		{ "tcp any any:!0-65535", "this is no packet at all", "leave the \"!\"", 12 },
		{ "tcp any any ttl !0-255", "this is no packet at all", "leave the \"!\"", 16 },
		{ "tcp any any ttl 3,256", "\"256\" is no TTL", "0 to 255 is right", 18 },
		{ "tcp any any vlan 5-6", "\"5-6\" is more than one VLAN id",
			"here one VLAN id is right, or any", 17 },
		{ "tcp any any dscp !1", "\"!1\" is more than one DSCP", "here one", 17 },
		{ "icmp any any code 1,2", "\"1,2\" is more than one ICMP code", "here one", 18 },
		{ "arp 10.0.0.0/8 any", "\"10.0.0.0/8\" is more than one address",
			"with ARP one address is right, or any", 4 },
		{ "arp any any mark 1-2", "\"1-2\" is more than one mark", "with ARP one mark",
			17 },
		{ "tcp,udp any any", "\"tcp,udp\" is no protocol", "one expression for each", 0 },
		{ "!tcp any any", "\"!tcp\" is no protocol", "one expression for each", 0 },
		{ "10.0.0.0/8 any", "\"10.0.0.0/8\" is no protocol", "the protocol comes first",
			0 },
		{ "icmp 10.0.0.0/8:5 any", "this protocol has no ports", "leave", 5 },
		{ "icmpv6 10.0.0.0/8 any", "ICMPv6 is of IPv6 only", "with IPv4", 18 },
		{ "udp any any:80-90 frag", "a later fragment (frag) has no ports", "leave", 22 },
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		struct packet packet;
		struct packet_choices choices;
		struct err err = { 0 };

		assert_wrong(&cases[i],
			packet_expr_parse_set(*state, cases[i].text, &packet, &choices, &err),
			&err);
	}
}

static void an_expression_of_one_packet_has_no_sets(void **state)
{
	static const struct wrong cases[] = {
		{ "tcp any 10.0.0.0/8", "\"10.0.0.0/8\" is more than one address",
			"a packet has one address: leave the /LENGTH away, or say any", 8 },
		{ "tcp any 10.0.0.1-10.0.0.9:80", "\"10.0.0.1-10.0.0.9\" is more than one address",
			"a packet has one address: say one, or any", 8 },
		{ "tcp any !10.0.0.1", "\"!10.0.0.1\" is more than one address", "a packet", 8 },
		{ "tcp any ![::1]:80", "\"::1\" is more than one address", "a packet", 10 },
		{ "tcp any any:22,80", "\"22,80\" is more than one port",
			"a packet has one port: say one, or any", 12 },
		{ "tcp any any:!22", "\"!22\" is more than one port", "a packet", 12 },
		{ "tcp any any ttl 3-5", "\"3-5\" is more than one TTL", "a packet", 16 },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct packet packet;
		struct err err = { 0 };

		assert_wrong(&cases[i], packet_expr_parse(cases[i].text, &packet, &err), &err);
	}
}

static void a_list_has_a_limit(void **state)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct packet_choices choices = { 0 };
	struct packet packet;
	struct err err = { 0 };

	text_add(&text, "tcp any any:0");
	for (unsigned i = 1; i < LIMIT_EXPR_LIST; i++)
		text_addf(&text, ",%u", 2 * i);
	parsed(*state, text.data, &choices);
	assert_int_equal(choices.items[0].n, LIMIT_EXPR_LIST);
	text_add(&text, ",1");
	assert_false(packet_expr_parse_set(*state, text.data, &packet, &choices, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
}

/* --- random sets: read as what they say, and printed as what is read as the same --- */

/* One list as it was made, to ask it in the simplest way. */
struct made {
	enum field field;
	bool is_negated;
	unsigned n;
	struct packet_range items[6];
};

static struct field_value random_value(struct random *random, enum field field, enum family family)
{
	unsigned width = field_width(field, family);
	struct field_value value = { 0 };

	/* near each other and near the ends, so that ranges touch, overlap and end there */
	if (one_in(random, 4) && width <= 64)
		return field_value_of_number(((uint64_t)1 << width) - 1 - random_below(random, 8));
	value.bytes[15] = (uint8_t)random_below(random, 24);
	if (one_in(random, 4))
		for (unsigned i = 0; i < width / 8; i++)
			value.bytes[15 - i] = pick(random, ((uint8_t[]){ 0, 1, 0x7f, 0x80, 0xff }));
	if (field == FIELD_LENGTH)
		value.bytes[15] |= 1; /* a length of 0 is one that is not said */
	return value;
}

static void print_random_prefix(struct random *random, struct text *out, enum field field,
	enum family family, struct packet_range *ret)
{
	unsigned width = field_width(field, family), len = width - random_below(random, 12);

	field_value_print(out, field, family, &ret->min);
	text_addf(out, "/%u", len);
	ret->max = ret->min;
	for (unsigned i = 0; i < width - len; i++) {
		ret->min.bytes[15 - i / 8] &= (uint8_t) ~(1 << i % 8);
		ret->max.bytes[15 - i / 8] |= (uint8_t)(1 << i % 8);
	}
}

static void print_random_item(struct random *random, struct text *out, enum field field,
	enum family family, struct packet_range *ret)
{
	struct field_value a = random_value(random, field, family),
			   b = random_value(random, field, family);
	bool is_less = memcmp(&a, &b, sizeof(a)) < 0;

	*ret = (struct packet_range){ is_less ? a : b, is_less ? b : a };
	if ((field == FIELD_SRC || field == FIELD_DST) && one_in(random, 3)) {
		print_random_prefix(random, out, field, family, ret);
		return;
	}
	if (one_in(random, 2))
		ret->max = ret->min;
	field_value_print(out, field, family, &ret->min);
	if (memcmp(&ret->min, &ret->max, sizeof(a)) == 0 && one_in(random, 2))
		return;
	text_add(out, "-");
	field_value_print(out, field, family, &ret->max);
}

static void print_random_list(struct random *random, struct text *out, enum field field,
	enum family family, bool has_brackets, struct made *ret)
{
	*ret = (struct made){
		.field = field, .is_negated = one_in(random, 3), .n = 1 + random_below(random, 6)
	};
	text_add(out, ret->is_negated ? "!" : "");
	text_add(out, has_brackets ? "[" : "");
	for (unsigned i = 0; i < ret->n; i++) {
		text_add(out, i ? "," : "");
		print_random_item(random, out, field, family, &ret->items[i]);
	}
	text_add(out, has_brackets ? "]" : "");
}

static bool has_value(const struct packet_range *ranges, size_t n, const struct field_value *value)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(value, &ranges[i].min, sizeof(*value)) >= 0 &&
			memcmp(value, &ranges[i].max, sizeof(*value)) <= 0)
			return true;
	return false;
}

/* Does the set allow the value? */
static bool allows(const struct packet *packet, const struct packet_choices *choices,
	enum field field, const struct field_value *value)
{
	const struct packet_choice *choice = choice_of(choices, field);
	struct field_value one = { 0 };

	if (choice)
		return has_value(choice->ranges, choice->n, value) != choice->is_negated;
	if (packet->unknown & FIELD_BIT(field))
		return true;
	assert_int_equal(packet_field(packet, field, &one), FIELD_KNOWN);
	return memcmp(&one, value, sizeof(one)) == 0;
}

static void assert_in_order(const struct packet_choice *choice)
{
	assert_true(choice->n > 0);
	for (size_t i = 0; i < choice->n; i++) {
		const struct packet_range *range = &choice->ranges[i];

		assert_true(memcmp(&range->min, &range->max, sizeof(range->min)) <= 0);
		if (!i)
			continue;
		assert_true(memcmp(&range[-1].max, &range->min, sizeof(range->min)) < 0);
		assert_false(field_value_is_next(&range[-1].max, &range->min));
	}
}

static void assert_same_set(const struct packet *a, const struct packet_choices *choices_a,
	const struct packet *b, const struct packet_choices *choices_b)
{
	assert_int_equal(choices_a->n, choices_b->n);
	vec_for_each (choice, choices_a) {
		const struct packet_choice *other = choice_of(choices_b, choice->field);

		assert_non_null(other);
		assert_int_equal(choice->is_negated, other->is_negated);
		assert_int_equal(choice->n, other->n);
		assert_memory_equal(
			choice->ranges, other->ranges, choice->n * sizeof(choice->ranges[0]));
	}
	assert_true(a->unknown == b->unknown);
	assert_int_equal(addr_compare(&a->src, &b->src), 0);
	assert_int_equal(addr_compare(&a->dst, &b->dst), 0);
	for (enum field field = FIELD_PROTO; field < N_FIELDS; field++)
		assert_true(packet_number(a, field) == packet_number(b, field));
}

static void a_random_set_is_what_it_says(
	struct random *random, struct arena *arena, unsigned *n_sets)
{
	static const struct {
		const char *name;
		enum field field;
	} options[] = { { "ttl", FIELD_TTL }, { "tos", FIELD_TOS }, { "len", FIELD_LENGTH },
		{ "mark", FIELD_MARK }, { "uid", FIELD_UID }, { "gid", FIELD_GID } };
	enum family family = one_in(random, 2) ? FAMILY_IPV6 : FAMILY_IPV4;
	bool has_brackets = family == FAMILY_IPV6;
	struct made made[10];
	unsigned n = 0;
	struct text text CLEANUP(text_done) = TEXT_INIT, printed CLEANUP(text_done) = TEXT_INIT;
	struct packet_choices choices = { 0 }, again = { 0 };
	struct packet packet, second;
	struct err err = { 0 };

	text_add(&text, "udp ");
	print_random_list(random, &text, FIELD_SRC, family, has_brackets, &made[n++]);
	text_add(&text, ":");
	print_random_list(random, &text, FIELD_SPORT, family, false, &made[n++]);
	text_add(&text, " ");
	print_random_list(random, &text, FIELD_DST, family, has_brackets, &made[n++]);
	text_add(&text, ":");
	print_random_list(random, &text, FIELD_DPORT, family, false, &made[n++]);
	for (size_t i = 0; i < N_OF(options); i++) {
		if (one_in(random, 2))
			continue;
		text_addf(&text, " %s ", options[i].name);
		print_random_list(random, &text, options[i].field, family, false, &made[n++]);
	}
	if (!packet_expr_parse_set(arena, text.data, &packet, &choices, &err)) {
		/* the one thing that may be wrong with them */
		assert_non_null(strstr(err.text, "this is no packet at all"));
		return;
	}
	++*n_sets;
	for (unsigned i = 0; i < 40 * n; i++) {
		const struct made *list = &made[i % n];
		struct field_value value = random_value(random, list->field, family);

		if (allows(&packet, &choices, list->field, &value) !=
			(has_value(list->items, list->n, &value) != list->is_negated))
			fail_msg("%s: another %s", text.data, field_name(list->field));
	}
	vec_for_each (choice, &choices)
		assert_in_order(choice);
	packet_expr_print_set(&printed, &packet, &choices);
	second = parsed(arena, printed.data, &again);
	assert_same_set(&packet, &choices, &second, &again);
}

static void random_sets_are_what_they_say_and_print_as_the_same(void **state)
{
	struct random random = random_seeded();
	unsigned n_sets = 0;

	for (unsigned i = 0; i < 3000; i++) {
		a_random_set_is_what_it_says(&random, *state, &n_sets);
		arena_reset(*state);
	}
	assert_true(n_sets > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_becomes_sorted_ranges_that_do_not_touch),
		cmocka_unit_test(one_value_and_every_value_are_no_choice),
		cmocka_unit_test(the_last_of_two_choices_counts),
		cmocka_unit_test(all_of_ipv6_is_no_ipv4),
		cmocka_unit_test(a_set_prints_as_one_that_is_the_same),
		cmocka_unit_test(an_error_points_at_its_part_of_the_list),
		cmocka_unit_test(an_expression_of_one_packet_has_no_sets),
		cmocka_unit_test(a_list_has_a_limit),
		cmocka_unit_test(random_sets_are_what_they_say_and_print_as_the_same),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
