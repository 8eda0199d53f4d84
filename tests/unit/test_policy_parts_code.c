// SPDX-License-Identifier: GPL-2.0-or-later
/* What is a part, of bytes. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "policy/parts.h"

#define ID_A "aaaaaaaa-1111-4000-8000-000000000001"
#define ID_B "bbbbbbbb-2222-4000-8000-000000000002"

/* A part of each kind that is fine, to be spoiled. Everything in it may be changed. */
struct sample {
	struct policy_part part;
	struct policy_rule rules[2];
	const char *remote_group_ids[2], *remote_address_group_ids[2];
	struct prefix lists[N_IP_FAMILIES][2];
	struct addr fixed_ips[2];
	struct address_pair pairs[LIMIT_ADDRESS_PAIRS + 1];
	const char *group_ids[2];
};

static struct prefix prefix(const char *text)
{
	struct prefix ret;

	assert_true(prefix_parse(text, &ret));
	return ret;
}

static struct addr addr(const char *text)
{
	struct addr ret;

	assert_true(addr_parse(text, &ret));
	return ret;
}

static struct mac mac(const char *text)
{
	struct mac ret;

	assert_true(mac_parse(text, &ret));
	return ret;
}

static void make_group(struct sample *s)
{
	*s = (struct sample){ .part = { .kind = PART_GROUP,
				      .group = { .id = ID_A,
					      .name = "web",
					      .description = "two\nlines",
					      .stateful = true,
					      .n_rules = 2 } } };
	s->rules[0] = (struct policy_rule){ .id = ID_A,
		.description = "",
		.direction = DIR_INGRESS,
		.ethertype = FAMILY_IPV4,
		.has_proto = true,
		.proto = PROTO_TCP,
		.proto_text = "tcp",
		.has_ports = true,
		.port_min = 80,
		.port_max = 81,
		.has_prefix = true,
		.prefix = prefix("192.0.2.0/24"),
		.prefix_text = "192.0.2.1/24" };
	s->rules[1] = (struct policy_rule){ .id = ID_B,
		.description = "ping",
		.direction = DIR_EGRESS,
		.ethertype = FAMILY_IPV6,
		.has_proto = true,
		.proto = PROTO_ICMPV6,
		.proto_text = "icmpv6",
		.has_icmp_type = true,
		.has_icmp_code = true,
		.icmp_type = 128 };
	s->remote_group_ids[1] = ID_B;
	s->part.group.rules = s->rules;
	s->part.remote_group_ids = s->remote_group_ids;
	s->part.remote_address_group_ids = s->remote_address_group_ids;
}

static void make_address_group(struct sample *s)
{
	*s = (struct sample){ .part = { .kind = PART_ADDRESS_GROUP,
				      .address_group = {
					      .id = ID_A, .name = "list", .description = "" } } };
	s->lists[FAMILY_IPV4][0] = prefix("10.0.0.0/8");
	s->lists[FAMILY_IPV4][1] = prefix("192.0.2.0/24");
	s->lists[FAMILY_IPV6][0] = prefix("2001:db8::/32");
	s->lists[FAMILY_IPV6][1] = prefix("2001:db9::1");
	for (int f = 0; f < N_IP_FAMILIES; f++)
		s->part.address_group.addresses[f] = (struct prefix_list){ s->lists[f], 2 };
}

static void make_port(struct sample *s)
{
	*s = (struct sample){ .part = { .kind = PART_PORT,
				      .port = { .id = ID_A,
					      .name = "vm",
					      .device = "tap0",
					      .has_device = true,
					      .network = "net",
					      .device_owner = "compute:nova",
					      .host = "compute1",
					      .mac = mac("fa:16:3e:00:00:01"),
					      .n_fixed_ips = 2,
					      .n_pairs = 2,
					      .port_security = true,
					      .stateful = true },
				      .n_group_ids = 2 } };
	s->fixed_ips[0] = addr("10.0.0.1");
	s->fixed_ips[1] = addr("2001:db8::1");
	for (size_t i = 0; i < N_OF(s->pairs); i++) {
		s->pairs[i] =
			(struct address_pair){ prefix("10.1.0.0/24"), mac("fa:16:3e:00:00:02") };
		s->pairs[i].prefix.addr.bytes[2] = (uint8_t)i;
	}
	s->group_ids[0] = ID_A;
	s->group_ids[1] = ID_B;
	s->part.port.fixed_ips = s->fixed_ips;
	s->part.port.pairs = s->pairs;
	s->part.group_ids = s->group_ids;
}

/* From bytes of exactly their size, so that reading behind them is seen. */
static bool decode(
	struct arena *arena, const struct text *bytes, struct policy_part *ret, struct err *err)
{
	char *copy = malloc(bytes->len ? bytes->len : 1);
	const char *at = copy;
	bool ok;

	assert_non_null(copy);
	memcpy(copy, bytes->data, bytes->len);
	ok = policy_part_decode(arena, &at, copy + bytes->len, ret, err);
	assert_true(ok || at == copy);
	free(copy);
	return ok;
}

#define NAME_255                                                                                   \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                         \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                         \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                         \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"

/* X(kind, statement): a part of that kind is none after the statement. */
#define SPOILS(X)                                                                                  \
	X(group, part->group.id = "")                                                              \
	X(group, part->group.id = "aaaaaaaa-1111-4000-8000-00000000000A")                          \
	X(group, part->group.id = "aaaaaaaa-1111-4000-8000-0000000000011")                         \
	X(group, part->group.id = "aaaaaaaa-1111-4000-8000-00000000000")                           \
	X(group, part->group.id = "aaaaaaaa11111-4000-8000-000000000001")                          \
	X(group, part->group.name = "a\nb")                                                        \
	X(group, part->group.name = "\x7f")                                                        \
	X(group, part->group.name = "\xff")                                                        \
	X(group, part->group.name = "\xc0\x80")                                                    \
	X(group, part->group.name = "\xed\xa0\x80")                                                \
	X(group, part->group.name = "\xe2\x82")                                                    \
	X(group, part->group.name = NAME_255 "x")                                                  \
	X(group, part->group.description = NAME_255 "x")                                           \
	X(group, part->group.description = "\xf4\x90\x80\x80")                                     \
	X(group, rule->id = "")                                                                    \
	X(group, rule->id = NULL)                                                                  \
	X(group, rule->description = "\x80")                                                       \
	X(group, rule->description = NAME_255 "x")                                                 \
	X(group, rule->proto_text = "TCP")                                                         \
	X(group, rule->proto_text = "tpc")                                                         \
	X(group, rule->proto_text = "any")                                                         \
	X(group, rule->proto_text = "06")                                                          \
	X(group, rule->proto_text = "256")                                                         \
	X(group, rule->proto_text = "gre")                                                         \
	X(group, rule->proto_text = "icmpv6")                                                      \
	X(group, rule->has_proto = false)                                                          \
	X(group, rule->port_min = 0)                                                               \
	X(group, rule->port_min = 82)                                                              \
	X(group, (rule->port_min = 1, rule->port_max = 65535))                                     \
	X(group, (rule->has_icmp_type = true, rule->has_ports = false))                            \
	X(group, rule->has_icmp_type = true)                                                       \
	X(group, rule->prefix_text = "192.0.2.0/33")                                               \
	X(group, rule->prefix_text = "192.0.2.0/024")                                              \
	X(group, rule->prefix_text = "192.0.2.0/255.255.255.0")                                    \
	X(group, rule->prefix_text = "2001:db8::/32")                                              \
	X(group, rule->prefix_text = "")                                                           \
	X(group, rule->ethertype = FAMILY_IPV6)                                                    \
	X(group, rule->ethertype = FAMILY_BRIDGE)                                                  \
	X(group, s->rules[1].ethertype = FAMILY_IPV4)                                              \
	X(group, s->rules[1].has_icmp_type = false)                                                \
	X(group, (s->rules[1].ethertype = FAMILY_IPV4, s->rules[1].proto_text = "icmp",            \
			 s->rules[1].icmp_type = 255))                                             \
	X(group, s->remote_group_ids[0] = ID_B)                                                    \
	X(group, s->remote_address_group_ids[0] = ID_B)                                            \
	X(group, s->remote_address_group_ids[1] = ID_B)                                            \
	X(group, s->remote_group_ids[1] = "web")                                                   \
	X(group, s->remote_group_ids[1] = "")                                                      \
	X(address_group, part->address_group.id = "x")                                             \
	X(address_group, part->address_group.name = "\t")                                          \
	X(address_group, part->address_group.description = "\xe9")                                 \
	X(address_group, s->lists[FAMILY_IPV4][0].addr.bytes[3] = 1)                               \
	X(address_group, s->lists[FAMILY_IPV4][0].len = 6)                                         \
	X(address_group, s->lists[FAMILY_IPV4][0].len = 33)                                        \
	X(address_group, s->lists[FAMILY_IPV6][1].len = 129)                                       \
	X(address_group, s->lists[FAMILY_IPV4][0] = s->lists[FAMILY_IPV4][1])                      \
	X(address_group, s->lists[FAMILY_IPV4][0] = prefix("192.0.3.0/24"))                        \
	X(address_group, s->lists[FAMILY_IPV4][1] = prefix("10.1.0.0/16"))                         \
	X(address_group, s->lists[FAMILY_IPV4][1] = prefix("2001:db8::1"))                         \
	X(address_group, s->lists[FAMILY_IPV6][0] = prefix("10.0.0.1"))                            \
	X(port, part->port.id = "vm")                                                              \
	X(port, part->port.name = "a\x1b[31m")                                                     \
	X(port, part->port.device = "")                                                            \
	X(port, part->port.device = "0123456789abcdef")                                            \
	X(port, part->port.device = "a/b")                                                         \
	X(port, part->port.device = "a b")                                                         \
	X(port, part->port.device = "-j")                                                          \
	X(port, part->port.device = "tap+")                                                        \
	X(port, part->port.device = "caf\xc3\xa9")                                                 \
	X(port, part->port.network = "\n")                                                         \
	X(port, part->port.device_owner = "network:\n")                                            \
	X(port, part->port.host = NAME_255 "x")                                                    \
	X(port, part->port.host = "a\rb")                                                          \
	X(port, part->port.is_unbound = true)                                                      \
	X(port, part->port.mac.bytes[0] = 1)                                                       \
	X(port, s->pairs[0].mac.bytes[0] = 0xff)                                                   \
	X(port, memset(&s->pairs[0].mac, 0, sizeof(s->pairs[0].mac)))                              \
	X(port, s->fixed_ips[0] = addr("224.0.0.1"))                                               \
	X(port, s->fixed_ips[0] = addr("0.0.0.0"))                                                 \
	X(port, s->fixed_ips[0] = addr("127.0.0.1"))                                               \
	X(port, s->fixed_ips[0] = addr("255.255.255.255"))                                         \
	X(port, s->fixed_ips[1] = addr("::"))                                                      \
	X(port, s->fixed_ips[1] = addr("::1"))                                                     \
	X(port, s->fixed_ips[1] = addr("ff02::1"))                                                 \
	X(port, s->fixed_ips[1] = s->fixed_ips[0])                                                 \
	X(port, part->port.n_pairs = LIMIT_ADDRESS_PAIRS + 1)                                      \
	X(port, s->pairs[0].prefix = prefix("224.0.0.0/4"))                                        \
	X(port, s->pairs[0].prefix.addr.bytes[3] = 1)                                              \
	X(port, s->pairs[1] = s->pairs[0])                                                         \
	X(port, part->port.port_security = false)                                                  \
	X(port, s->group_ids[1] = "default")

#define COUNTED(...) +1 // NOLINT(bugprone-macro-parentheses): one of a sum
enum { N_SPOILT = SPOILS(COUNTED) };

static void spoil(struct sample *s, size_t which, const char **ret_what)
{
	struct policy_part *part = &s->part;
	struct policy_rule *rule = &s->rules[0];
	size_t n = 0;

#define X(kind, statement)                                                                         \
	if (n++ == which) {                                                                        \
		make_##kind(s);                                                                    \
		*ret_what = #statement;                                                            \
		(void)(statement);                                                                 \
	}
	SPOILS(X)
#undef X
}

static void what_a_file_could_not_have_made_is_no_part(void **state)
{
	const char *what;
	struct sample s;

	(void)state;
	for (size_t i = 0; i < N_SPOILT; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text bytes CLEANUP(text_done) = TEXT_INIT;
		struct policy_part part = { .kind = N_PART_KINDS };
		struct err err = { 0 };

		spoil(&s, i, &what);
		policy_part_encode(&bytes, &s.part);
		if (decode(arena, &bytes, &part, &err))
			fail_msg("taken: %s", what);
		assert_int_equal(err.kind, ERR_INPUT);
		assert_true(text_has_prefix(err.text, "a part of a policy: "));
		assert_int_equal(part.kind, N_PART_KINDS);
	}
}

typedef void make_fn(struct sample *s);
static make_fn *const makes[N_PART_KINDS] = { make_group, make_address_group, make_port };

static void what_a_file_could_have_made_is_a_part(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(makes); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text bytes CLEANUP(text_done) = TEXT_INIT;
		struct policy_part part;
		struct sample s;
		struct err err;

		makes[i](&s);
		policy_part_encode(&bytes, &s.part);
		assert_true(bytes.len >= POLICY_PART_LEAST);
		if (!decode(arena, &bytes, &part, &err))
			fail_msg("%s", err.text);
		assert_int_equal(part.kind, i);
	}
}

static void the_smallest_parts_have_so_many_bytes(void **state)
{
	const struct policy_part smallest[] = {
		{ .kind = PART_GROUP, .group = { .id = ID_A, .name = "", .description = "" } },
		{ .kind = PART_ADDRESS_GROUP,
			.address_group = { .id = ID_A, .name = "", .description = "" } },
		{ .kind = PART_PORT,
			.port = { .id = ID_A, .name = "", .device_owner = "", .host = "" } },
	};
	size_t least = SIZE_MAX;

	(void)state;
	for (size_t i = 0; i < N_OF(smallest); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text bytes CLEANUP(text_done) = TEXT_INIT;
		struct policy_part part;
		struct err err;

		policy_part_encode(&bytes, &smallest[i]);
		assert_true(decode(arena, &bytes, &part, &err));
		least = bytes.len < least ? bytes.len : least;
	}
	assert_int_equal(least, POLICY_PART_LEAST);
}

/* Every beginning of a part is none, and what one changed byte makes is either none or another part, with the same bytes. */
static void no_byte_of_a_part_can_be_left_or_doubted(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(makes); i++) {
		struct text bytes CLEANUP(text_done) = TEXT_INIT;
		struct sample s;
		size_t len;

		makes[i](&s);
		policy_part_encode(&bytes, &s.part);
		len = bytes.len;
		for (bytes.len = 0; bytes.len < len; bytes.len++) {
			struct arena *arena CLEANUP(arena_freep) = arena_new();
			struct policy_part part;
			struct err err;

			assert_false(decode(arena, &bytes, &part, &err));
		}
		for (size_t at = 0; at < len; at++)
			for (unsigned bit = 0; bit < 8; bit++) {
				struct arena *arena CLEANUP(arena_freep) = arena_new();
				struct text again CLEANUP(text_done) = TEXT_INIT;
				struct policy_part part;
				struct err err;

				bytes.data[at] = (char)(bytes.data[at] ^ 1 << bit);
				if (decode(arena, &bytes, &part, &err)) {
					policy_part_encode(&again, &part);
					assert_in_range(again.len, 1, len);
					assert_memory_equal(again.data, bytes.data, again.len);
				}
				bytes.data[at] = (char)(bytes.data[at] ^ 1 << bit);
			}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_file_could_not_have_made_is_no_part),
		cmocka_unit_test(what_a_file_could_have_made_is_a_part),
		cmocka_unit_test(the_smallest_parts_have_so_many_bytes),
		cmocka_unit_test(no_byte_of_a_part_can_be_left_or_doubted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
