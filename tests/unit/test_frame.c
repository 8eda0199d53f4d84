// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "packet/expr.h"
#include "packet/frame.h"
#include "random.h"

#define MAX_FRAME 4096

struct built {
	uint8_t bytes[MAX_FRAME];
	size_t size;
};

static struct packet packet_of(const char *text)
{
	struct packet packet;
	struct err err;

	if (!packet_expr_parse(text, &packet, &err))
		fail_msg("%s: %s", text, err.text);
	return packet;
}

static struct built build(const struct packet *packet, const void *payload, size_t size)
{
	struct built built;
	struct err err;

	if (!frame_build(
		    packet, payload, size, built.bytes, sizeof(built.bytes), &built.size, &err)) {
		struct text what CLEANUP(text_done) = TEXT_INIT;

		packet_expr_print(&what, packet);
		fail_msg("%s: %s", what.data, err.text);
	}
	return built;
}

static struct frame frame_of(const struct built *built)
{
	return (struct frame){ .bytes = built->bytes,
		.size = built->size,
		.has_ethernet = true,
		.wire_size = built->size };
}

static struct built build_text(const char *text, const char *payload)
{
	struct packet packet = packet_of(text);

	return build(&packet, payload, strlen(payload));
}

/* --- fields --- */

static void assert_same_field(const struct packet *a, const struct packet *b, enum field field)
{
	struct field_value value_a = { 0 }, value_b = { 0 };
	enum field_answer is_a = packet_field(a, field, &value_a);
	enum field_answer is_b = packet_field(b, field, &value_b);

	if (is_a == is_b && !memcmp(&value_a, &value_b, sizeof(value_a)))
		return;
	fail_msg("%s: %d, %d: %" PRIx64 ", %" PRIx64, field_key(field), is_a, is_b,
		field_value_number(&value_a), field_value_number(&value_b));
}

static bool is_of_wire(enum field field)
{
	return (field >= FIELD_ETH_SRC && field <= FIELD_ICMP_CODE && field != FIELD_PKTTYPE) ||
	       field >= FIELD_ARP_OP;
}

static void assert_same(const struct packet *a, const struct packet *b)
{
	struct packet inner_a = *a, inner_b = *b;

	for (enum field field = 0; field < N_FIELDS; field++)
		if (is_of_wire(field))
			assert_same_field(a, b, field);
	/* packet_field gives nothing of a tagged one */
	inner_a.ethertype = inner_b.ethertype = a->arp_op ? ETHERTYPE_ARP : 0;
	for (enum field field = FIELD_SRC; field < N_FIELDS; field++)
		if (is_of_wire(field))
			assert_same_field(&inner_a, &inner_b, field);
	assert_int_equal(a->is_dont_fragment, b->is_dont_fragment);
}

static void fill_random(struct random *random, void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)bytes)[i] = (uint8_t)random_u64(random);
}

static struct packet random_arp(struct random *random)
{
	struct packet packet = { .ethertype = ETHERTYPE_ARP,
		.arp_op = (uint16_t)(1 + random_below(random, 2)) };

	fill_random(random, &packet.arp_sha, sizeof(packet.arp_sha));
	fill_random(random, &packet.arp_tha, sizeof(packet.arp_tha));
	fill_random(random, packet.arp_spa.bytes, 4);
	fill_random(random, packet.arp_tpa.bytes, 4);
	return packet;
}

static struct packet random_ip(struct random *random)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_UDP, PROTO_SCTP, PROTO_DCCP,
		PROTO_UDPLITE, PROTO_ICMP, PROTO_IPIP, 2, 41, 47, 50, 112, 255 };
	bool is_v6 = one_in(random, 2);
	struct packet packet = { .ethertype = is_v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4,
		.proto = pick(random, protos),
		.ttl = (uint8_t)random_u64(random),
		.tos = (uint8_t)random_u64(random),
		.src.family = is_v6,
		.dst.family = is_v6,
		.is_dont_fragment = !is_v6 && one_in(random, 2) };

	fill_random(random, packet.src.bytes, is_v6 ? 16 : 4);
	fill_random(random, packet.dst.bytes, is_v6 ? 16 : 4);
	if (is_v6 && packet.proto == PROTO_ICMP)
		packet.proto = PROTO_ICMPV6;
	if (one_in(random, 8))
		packet.is_first_fragment = true;
	else if (one_in(random, 8))
		packet.is_later_fragment = true;
	if (packet.is_later_fragment)
		return packet;
	if (proto_has_ports(packet.proto)) {
		packet.sport = (uint16_t)random_u64(random);
		packet.dport = (uint16_t)random_u64(random);
	}
	if (packet.proto == PROTO_TCP)
		packet.tcp_flags = (uint8_t)random_u64(random);
	if (packet.proto == PROTO_ICMP || packet.proto == PROTO_ICMPV6) {
		packet.icmp_type = (uint8_t)random_u64(random);
		packet.icmp_code = (uint8_t)random_u64(random);
	}
	return packet;
}

static struct packet random_packet(struct random *random)
{
	struct packet packet = one_in(random, 10) ? random_arp(random) : random_ip(random);

	fill_random(random, &packet.eth_src, 6);
	fill_random(random, &packet.eth_dst, 6);
	if (one_in(random, 4)) {
		packet.ethertype = ETHERTYPE_VLAN;
		packet.vlan_id = (uint16_t)random_below(random, 4096);
	}
	return packet;
}

static bool verify_checksums(
	const struct built *built, const struct packet *packet, const struct frame_layout *layout)
{
	struct built again = *built;
	uint8_t *at = again.bytes + layout->transport;

	if (packet->arp_op || !layout->transport || packet->is_later_fragment)
		return true;
	if (packet->src.family == FAMILY_IPV4 &&
		frame_sum(0, built->bytes + layout->network, 20) != 0xffff)
		return false;
	frame_set_checksum(packet, at, built->size - layout->transport);
	return !memcmp(again.bytes, built->bytes, built->size);
}

static void what_is_built_is_parsed_as_the_same_packet(void **state)
{
	struct random random = random_seeded();

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct packet packet = random_packet(&random), parsed;
		uint8_t payload[200];
		size_t size = one_in(&random, 2) ? 0 : random_below(&random, 192);
		struct frame_layout layout;
		struct built built;
		struct frame frame;

		/* less would be no ESP packet */
		if (packet.proto == 50)
			size += 8;
		fill_random(&random, payload, sizeof(payload));
		built = build(&packet, payload, size);
		frame = frame_of(&built);
		assert_true(frame_parse(&frame, &parsed, &layout));
		if (layout.malformed)
			fail_msg("packet %d: %s", i, layout.malformed);
		assert_false(layout.is_cut);
		assert_true(layout.has_network);
		if (!packet.arp_op)
			packet.length = (uint16_t)(built.size - layout.network);
		assert_same(&packet, &parsed);
		assert_true(verify_checksums(&built, &packet, &layout));
		assert_true(frame_identity(built.bytes + layout.network,
				    built.size - layout.network, layout.ethertype) != 0);
		/* and once more with its length said */
		if (packet.proto != PROTO_SCTP || packet.arp_op || size) {
			struct built again = build(&packet, payload, size);

			assert_int_equal(again.size, built.size);
			assert_memory_equal(again.bytes, built.bytes, built.size);
		}
	}
}

/* The bytes are in a piece of memory of their own: AddressSanitizer sees who reads behind it. */
static void parse_cut(const struct built *built, size_t size, const struct packet *whole)
{
	uint8_t *bytes = malloc(size ? size : 1);
	struct frame frame = { .bytes = bytes, .size = size, .has_ethernet = true };
	struct frame_layout layout;
	struct packet packet;

	assert_non_null(bytes);
	memcpy(bytes, built->bytes, size);
	if (!frame_parse(&frame, &packet, &layout)) {
		assert_true(size < 14);
		free(bytes);
		return;
	}
	assert_true(layout.is_cut);
	assert_true(layout.payload <= size && layout.transport <= size && layout.inner <= size);
	/* what is known is right */
	for (enum field field = 0; field < N_FIELDS; field++) {
		struct field_value known, right;

		if (is_of_wire(field) && packet_field(&packet, field, &known) == FIELD_KNOWN) {
			assert_int_equal(packet_field(whole, field, &right), FIELD_KNOWN);
			assert_memory_equal(&known, &right, sizeof(known));
		}
	}
	if (layout.has_network)
		frame_identity(bytes + layout.network, size - layout.network, layout.ethertype);
	frame_payload_identity(&frame, &layout);
	free(bytes);
}

static void a_frame_cut_at_any_length_says_nothing_wrong_and_nothing_behind_it_is_read(void **state)
{
	struct random random = random_seeded();

	(void)state;
	for (int i = 0; i < 500; i++) {
		struct packet packet = random_packet(&random), whole;
		struct built built = build(&packet, "a payload of a few bytes", 24);
		struct frame frame = frame_of(&built);
		struct frame_layout layout;

		assert_true(frame_parse(&frame, &whole, &layout));
		for (size_t size = 0; size < built.size; size++)
			parse_cut(&built, size, &whole);
	}
}

static void fields_behind_the_cut_are_unknown(void **state)
{
	struct built built = build_text(
		"tcp 10.0.0.5:40000 10.0.0.9:443 mac 02:00:00:00:00:01 > 02:00:00:00:00:02", "");
	struct frame frame = frame_of(&built);
	struct frame_layout layout;
	struct packet packet;

	(void)state;
	frame.size = 14 + 20 + 2;
	assert_true(frame_parse(&frame, &packet, &layout));
	assert_true(layout.is_cut);
	assert_int_equal(packet.sport, 40000);
	assert_int_equal(packet.unknown & FIELD_BIT(FIELD_SPORT), 0);
	assert_true(packet.unknown & FIELD_BIT(FIELD_DPORT));
	assert_true(packet.unknown & FIELD_BIT(FIELD_TCP_FLAGS));
	assert_true(packet.unknown & FIELD_BIT(FIELD_IN_IFACE));
	assert_true(packet.unknown & FIELD_BIT(FIELD_CT_STATE));
	assert_true(packet.unknown & FIELD_BIT(FIELD_MARK));
	assert_true(packet.unknown & FIELD_BIT(FIELD_UID));
	frame.size = 14 + 20 - 8;
	assert_true(frame_parse(&frame, &packet, &layout));
	assert_true(packet.unknown & FIELD_BIT(FIELD_SRC));
	assert_int_equal(packet.proto, PROTO_TCP);
	frame.size = 13;
	assert_false(frame_parse(&frame, &packet, &layout));
}

/* --- forms of frames --- */

static void a_frame_without_ethernet_and_with_a_tag_beside_is_read(void **state)
{
	struct built built = build_text(
		"udp [2001:db8::1]:53 [2001:db8::2]:1024 mac 02:00:00:00:00:01 > 02:00:00:00:00:02",
		"hello");
	struct frame frame = { .bytes = built.bytes + 14,
		.size = built.size - 14,
		.ethertype = ETHERTYPE_IPV6,
		.vlan_id = 5 };
	struct frame_layout layout;
	struct packet packet;

	(void)state;
	assert_true(frame_parse(&frame, &packet, &layout));
	assert_int_equal(packet.ethertype, ETHERTYPE_VLAN);
	assert_int_equal(packet.vlan_id, 5);
	assert_int_equal(packet.sport, 53);
	assert_int_equal(packet.dport, 1024);
	assert_true(packet.unknown & FIELD_BIT(FIELD_ETH_SRC));
	assert_true(layout.has_network);
	assert_int_equal(layout.network, 0);
	assert_int_equal(layout.transport, 40);
	assert_int_equal(layout.payload, 48);
	assert_int_equal(layout.payload_size, 5);
	assert_memory_equal(frame.bytes + layout.payload, "hello", 5);
}

static void ethernet_padding_is_no_payload(void **state)
{
	struct built built = build_text("udp 10.0.0.1:1 10.0.0.2:2 mac 02:00:00:00:00:01 > "
					"02:00:00:00:00:02",
		"ab");
	struct frame frame = frame_of(&built), padded;
	struct frame_layout layout, layout_padded;
	struct packet packet;

	(void)state;
	assert_true(frame_parse(&frame, &packet, &layout));
	memset(built.bytes + built.size, 0xee, 60 - built.size);
	built.size = 60;
	padded = frame_of(&built);
	assert_true(frame_parse(&padded, &packet, &layout_padded));
	assert_int_equal(layout_padded.payload_size, 2);
	assert_false(layout_padded.is_cut);
	assert_null(layout_padded.malformed);
	assert_true(frame_payload_identity(&frame, &layout) ==
		    frame_payload_identity(&padded, &layout_padded));
}

/* A row: an IPv6 packet's next header and what is behind its 40 bytes. */
static const struct {
	uint8_t next;
	uint8_t size;
	uint8_t bytes[40];
	uint8_t proto;
	uint16_t dport;
	bool is_later, is_first, is_proto_unknown;
} extensions[] = {
	{ .next = 0,
		.size = 24,
		.bytes = { 60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0, 0, 1, 0, 2, 0, 8 },
		.proto = 17,
		.dport = 2 },
	{ .next = 43,
		.size = 32,
		.bytes = { 17, 2, [24] = 0, 1, 0, 3, 0, 8 },
		.proto = 17,
		.dport = 3 },
	{ .next = 44,
		.size = 16,
		.bytes = { 17, 0, 0, 1, 0, 0, 0, 7, 0, 1, 0, 4, 0, 8 },
		.proto = 17,
		.dport = 4,
		.is_first = true },
	{ .next = 44,
		.size = 16,
		.bytes = { 17, 0, 0, 0, 0, 0, 0, 7, 0, 1, 0, 4, 0, 8 },
		.proto = 17,
		.dport = 4 },
	{ .next = 44,
		.size = 16,
		.bytes = { 17, 0, 0, 8, 0, 0, 0, 7, 0, 1, 0, 4, 0, 8 },
		.proto = 17,
		.is_later = true },
	/* in the first piece there would be another header behind this one */
	{ .next = 44,
		.size = 16,
		.bytes = { 60, 0, 0, 8, 0, 0, 0, 7, 1, 200 },
		.proto = 60,
		.is_later = true },
	{ .next = 51,
		.size = 20,
		.bytes = { 17, 1, [12] = 0, 1, 0, 5, 0, 8 },
		.proto = 17,
		.dport = 5 },
	{ .next = 59, .size = 8, .bytes = { 0 }, .proto = 59 },
	{ .next = 135, .size = 8, .bytes = { 59, 0 }, .proto = 135 },
	{ .next = 60, .size = 8, .bytes = { 17, 30 }, .proto = 17 },
	{ .next = 60, .size = 6, .bytes = { 17, 0 }, .proto = 0, .is_proto_unknown = true },
};

static void extension_headers_are_walked_as_the_kernel_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(extensions); i++) {
		uint8_t bytes[80] = {
			0x60, [5] = extensions[i].size, [6] = extensions[i].next, [7] = 64
		};
		struct frame frame = { .bytes = bytes,
			.size = 40u + extensions[i].size,
			.wire_size = 40u + extensions[i].size,
			.ethertype = ETHERTYPE_IPV6 };
		struct frame_layout layout;
		struct packet packet;

		memcpy(bytes + 40, extensions[i].bytes, extensions[i].size);
		assert_true(frame_parse(&frame, &packet, &layout));
		print_message("# row %zu\n", i);
		assert_int_equal(packet.proto, extensions[i].proto);
		assert_int_equal(packet.dport, extensions[i].dport);
		assert_int_equal(packet.is_later_fragment, extensions[i].is_later);
		assert_int_equal(packet.is_first_fragment, extensions[i].is_first);
		assert_int_equal(!!(packet.unknown & FIELD_BIT(FIELD_PROTO)),
			extensions[i].is_proto_unknown);
		assert_true(frame_identity(bytes, frame.size, ETHERTYPE_IPV6) != 0);
	}
}

static void what_no_stack_would_take_is_called_malformed(void **state)
{
	static const struct {
		uint8_t at, value;
	} cases[] = { { 14, 0x65 }, { 14, 0x44 }, { 17, 10 }, { 17, 200 }, { 46, 0x40 },
		{ 46, 0xf0 } };
	struct built good = build_text(
		"tcp 10.0.0.5:40000 10.0.0.9:443 mac 02:00:00:00:00:01 > 02:00:00:00:00:02", "");

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct built built = good;
		struct frame frame = frame_of(&built);
		struct frame_layout layout;
		struct packet packet;

		assert_true(frame_parse(&frame, &packet, &layout));
		assert_null(layout.malformed);
		built.bytes[cases[i].at] = cases[i].value;
		frame = frame_of(&built);
		assert_true(frame_parse(&frame, &packet, &layout));
		print_message("# %s\n", layout.malformed ? layout.malformed : "nothing");
		assert_non_null(layout.malformed);
	}
}

static void tunnels_say_where_what_they_carry_begins(void **state)
{
	static const struct {
		const char *packet;
		size_t inner; /* from the network header on */
		uint16_t ethertype;
	} cases[] = {
		{ "ipip 10.0.0.1 10.0.0.2", 20, ETHERTYPE_IPV4 },
		{ "47 10.0.0.1 10.0.0.2", 24, ETHERTYPE_IPV4 },
		{ "47 2001:db8::1 2001:db8::2", 44, ETHERTYPE_IPV4 },
		{ "udp 10.0.0.1:9 10.0.0.2:4789", 36, 0 },
		{ "udp 10.0.0.1:9 10.0.0.2:4788", 0, 0 },
		{ "41 10.0.0.1 10.0.0.2", 20, ETHERTYPE_IPV6 },
		{ "50 10.0.0.1 10.0.0.2", 0, 0 },
	};
	uint8_t payload[64] = { 0x60 };

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct packet packet = packet_of(cases[i].packet);
		struct frame_layout layout;
		struct built built;
		struct frame frame;

		packet.unknown &= ~(FIELD_BIT(FIELD_ETH_SRC) | FIELD_BIT(FIELD_ETH_DST));
		built = build(&packet, payload, sizeof(payload));
		frame = frame_of(&built);
		assert_true(frame_parse(&frame, &packet, &layout));
		print_message("# %s\n", cases[i].packet);
		assert_int_equal(layout.inner, cases[i].inner ? 14 + cases[i].inner : 0);
		assert_int_equal(layout.inner_ethertype, cases[i].ethertype);
		if (cases[i].ethertype == ETHERTYPE_IPV4) {
			struct frame inner = { .bytes = built.bytes + layout.inner,
				.size = built.size - layout.inner,
				.wire_size = built.size - layout.inner,
				.ethertype = layout.inner_ethertype };

			assert_true(frame_parse(&inner, &packet, &layout));
			assert_null(layout.malformed);
			assert_int_equal(packet.proto, PROTO_UDP);
			assert_int_equal(layout.payload_size, sizeof(payload));
		}
	}
}

static void pppoe_and_two_tags_are_looked_through(void **state)
{
	struct built plain = build_text("udp 10.0.0.1:1 10.0.0.2:2 mac 02:00:00:00:00:01 > "
					"02:00:00:00:00:02",
		"x");
	static const uint8_t heads[2][10] = {
		{ 0x88, 0xa8, 0, 7, 0x81, 0, 0, 100, 0x08, 0 },
		{ 0x88, 0x64, 0x11, 0, 0, 1, 0, 31, 0, 0x21 },
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct built built = plain;
		struct frame_layout layout;
		struct packet packet;
		struct frame frame;

		memcpy(built.bytes + 12, heads[i], 10);
		memcpy(built.bytes + 22, plain.bytes + 14, plain.size - 14);
		built.size += 8;
		frame = frame_of(&built);
		assert_true(frame_parse(&frame, &packet, &layout));
		assert_int_equal(packet.ethertype, i ? ETHERTYPE_PPPOE : ETHERTYPE_QINQ);
		assert_int_equal(layout.ethertype, ETHERTYPE_IPV4);
		assert_int_equal(layout.network, 22);
		assert_int_equal(packet.dport, 2);
	}
}

/* --- identity --- */

static uint64_t identity_of(const struct built *built)
{
	struct frame frame = frame_of(built);
	struct frame_layout layout;
	struct packet packet;

	assert_true(frame_parse(&frame, &packet, &layout));
	return frame_identity(
		built->bytes + layout.network, built->size - layout.network, layout.ethertype);
}

static void nat_and_routing_change_no_identity(void **state)
{
	struct random random = random_seeded();

	(void)state;
	for (int i = 0; i < 5000; i++) {
		struct packet packet = random_ip(&random), other = packet;
		struct built a, b;

		fill_random(&random, other.src.bytes, other.src.family ? 16 : 4);
		fill_random(&random, other.dst.bytes, other.src.family ? 16 : 4);
		other.ttl--;
		other.tos ^= 0x1c;
		other.sport++;
		other.dport ^= 0x0101;
		fill_random(&random, &other.eth_dst, 6);
		if (frame_identity(NULL, 0, packet.ethertype) != 0)
			fail_msg("nothing has an identity");
		/* what a router quotes, or asks a neighbour for, is another address */
		if (packet.proto == PROTO_ICMPV6)
			other.icmp_type = packet.icmp_type = one_in(&random, 2) ? 128 : 1;
		a = build(&packet, "payload", 7);
		b = build(&other, "payload", 7);
		if (packet.proto == PROTO_ICMP && !packet.is_later_fragment &&
			packet.icmp_type == 8) {
			b.bytes[14 + 20 + 4] ^= 0x55; /* the id */
		}
		if (identity_of(&a) != identity_of(&b))
			fail_msg("packet %d, protocol %u: NAT changes its identity", i,
				packet.proto);
	}
}

static void another_packet_of_a_flow_has_another_identity(void **state)
{
	static const struct {
		const char *packet;
		uint8_t at; /* from the network header on */
	} cases[] = {
		{ "tcp 10.0.0.5:1 10.0.0.9:443", 20 + 7 },  /* sequence */
		{ "tcp 10.0.0.5:1 10.0.0.9:443", 20 + 11 }, /* acknowledgement */
		{ "tcp 10.0.0.5:1 10.0.0.9:443", 20 + 13 }, /* flags */
		{ "tcp 10.0.0.5:1 10.0.0.9:443", 5 },	    /* id */
		{ "tcp 2001:db8::1 2001:db8::2", 3 },	    /* flow label */
		{ "udp 10.0.0.5:1 10.0.0.9:443", 5 },
		{ "udp 10.0.0.5:1 10.0.0.9:443", 7 }, /* fragment offset */
		{ "icmp 10.0.0.5 10.0.0.9", 20 + 7 }, /* sequence */
		{ "icmp 10.0.0.5 10.0.0.9", 20 + 1 },
		{ "icmp 10.0.0.5 10.0.0.9 type 3", 20 + 13 }, /* id of what is quoted */
		{ "icmpv6 2001:db8::1 2001:db8::2", 40 + 7 },
		{ "icmpv6 fe80::1 fe80::2 type 135", 40 + 19 }, /* target */
		{ "50 10.0.0.5 10.0.0.9", 20 + 7 },
		{ "arp 10.0.0.5 10.0.0.9", 7 },
		{ "arp 10.0.0.5 10.0.0.9", 27 },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct packet packet = packet_of(cases[i].packet);
		struct built built;
		uint64_t before;

		packet.unknown = 0;
		built = build(&packet, "12345678", 8);
		before = identity_of(&built);
		assert_true(before != 0);
		built.bytes[14 + cases[i].at] ^= 1;
		if (identity_of(&built) == before)
			fail_msg("%s: byte %u changes nothing", cases[i].packet, cases[i].at);
	}
	/* and so has another payload, which gives all numbers that struct packet has not */
	for (size_t i = 0; i < N_OF(cases) - 2; i++) {
		struct packet packet = packet_of(cases[i].packet);
		struct built a, b;

		packet.unknown = 0;
		a = build(&packet, "12345678", 8);
		b = build(&packet, "12345679", 8);
		assert_true(identity_of(&a) != identity_of(&b));
	}
}

static void the_two_pieces_of_a_trace_have_the_number_of_the_whole(void **state)
{
	struct random random = random_seeded();

	(void)state;
	for (int i = 0; i < 5000; i++) {
		struct packet packet = random_packet(&random);
		struct built built = build(&packet, "a payload of a few bytes", 24);
		struct frame frame = frame_of(&built);
		size_t network_size, transport_size, piece;
		struct frame_layout layout;
		const uint8_t *network;
		uint64_t whole;

		assert_true(frame_parse(&frame, &packet, &layout));
		network = built.bytes + layout.network;
		whole = frame_identity(network, built.size - layout.network, layout.ethertype);
		network_size = layout.transport ? layout.transport - layout.network
						: built.size - layout.network;
		piece = network_size < 40 ? network_size : 40;
		transport_size = layout.transport ? built.size - layout.transport : 0;
		if (transport_size > 20)
			transport_size = 20;
		assert_true(whole == frame_identity_of_pieces(network, piece,
					     built.bytes + layout.transport, transport_size,
					     layout.ethertype));
		if (packet.proto == PROTO_TCP && !packet.arp_op &&
			packet.ethertype == ETHERTYPE_IPV4 && !packet.is_later_fragment)
			assert_true(
				frame_identity_of_pieces(network, piece,
					built.bytes + layout.transport, 13, layout.ethertype) == 0);
	}
}

static void the_number_of_a_payload_needs_the_payload(void **state)
{
	char text[100];
	struct packet packet = packet_of("udp 10.0.0.1:1 10.0.0.2:2"), parsed;
	struct frame_layout layout;
	struct built built;
	struct frame frame;
	uint64_t whole;

	(void)state;
	packet.unknown = 0;
	memset(text, 'x', sizeof(text));
	built = build(&packet, text, sizeof(text));
	frame = frame_of(&built);
	assert_true(frame_parse(&frame, &parsed, &layout));
	whole = frame_payload_identity(&frame, &layout);
	assert_true(whole != 0);
	frame.size = 14 + 28 + 64;
	assert_true(frame_parse(&frame, &parsed, &layout));
	assert_true(frame_payload_identity(&frame, &layout) == whole);
	frame.size--;
	assert_true(frame_parse(&frame, &parsed, &layout));
	assert_true(frame_payload_identity(&frame, &layout) == 0);
	built = build(&packet, "", 0);
	frame = frame_of(&built);
	assert_true(frame_parse(&frame, &parsed, &layout));
	assert_true(frame_payload_identity(&frame, &layout) == 0);
	packet = packet_of("icmp 10.0.0.1 10.0.0.2 type 3");
	packet.unknown = 0;
	built = build(&packet, text, sizeof(text));
	frame = frame_of(&built);
	assert_true(frame_parse(&frame, &parsed, &layout));
	assert_true(frame_payload_identity(&frame, &layout) == 0);
}

/* --- what cannot be built --- */

static void what_is_missing_is_named(void **state)
{
	static const struct {
		const char *packet, *error;
		size_t room;
	} cases[] = {
		{ "tcp 10.0.0.1:any 10.0.0.2:2 mac 02:00:00:00:00:01 > 02:00:00:00:00:02",
			"source port", 0 },
		{ "tcp any:5 10.0.0.2:2 mac 02:00:00:00:00:01 > 02:00:00:00:00:02",
			"source address", 0 },
		{ "tcp 10.0.0.1:1 10.0.0.2:2 flags any mac 02:00:00:00:00:01 > 02:00:00:00:00:02",
			"TCP flags", 0 },
		{ "any 10.0.0.1 10.0.0.2 mac 02:00:00:00:00:01 > 02:00:00:00:00:02", "protocol",
			0 },
		{ "udp 10.0.0.1:1 10.0.0.2:2", "source MAC", 0 },
		{ "udp 10.0.0.1:1 10.0.0.2:2 src-mac 02:00:00:00:00:01", "destination MAC", 0 },
		{ "arp 10.0.0.1 any src-mac 02:00:00:00:00:01", "ARP target address", 0 },
		{ "udp 10.0.0.1:1 10.0.0.2:2 len 20 mac 02:00:00:00:00:01 > 02:00:00:00:00:02",
			"length of 28", 0 },
		{ "44 2001:db8::1 2001:db8::2 mac 02:00:00:00:00:01 > 02:00:00:00:00:02",
			"extension header", 0 },
		{ "udp 10.0.0.1:1 10.0.0.2:2 mac 02:00:00:00:00:01 > 02:00:00:00:00:02",
			"does not fit into 41 bytes", 41 },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct packet packet = packet_of(cases[i].packet);
		size_t room = cases[i].room ? cases[i].room : MAX_FRAME, size = 12345;
		uint8_t *buf = malloc(room);
		struct err err;

		assert_non_null(buf);
		assert_false(frame_build(&packet, NULL, 0, buf, room, &size, &err));
		assert_int_equal(err.kind, ERR_INPUT);
		if (!strstr(err.text, cases[i].error))
			fail_msg("%s: %s", cases[i].packet, err.text);
		assert_int_equal(size, 12345);
		free(buf);
	}
}

static void a_length_that_is_said_is_filled_with_zeros(void **state)
{
	struct built built = build_text("udp 10.0.0.1:1 10.0.0.2:2 len 100 "
					"mac 02:00:00:00:00:01 > 02:00:00:00:00:02",
		"ab");
	struct frame frame = frame_of(&built);
	struct frame_layout layout;
	struct packet packet;

	(void)state;
	assert_true(frame_parse(&frame, &packet, &layout));
	assert_int_equal(packet.length, 100);
	assert_int_equal(built.size, 114);
	assert_int_equal(layout.payload_size, 72);
	assert_memory_equal(built.bytes + layout.payload, "ab\0\0", 4);
	assert_null(layout.malformed);
}

/* Written down from RFC 791 and 768, the checksum counted apart from this program. */
static void a_small_udp_frame_has_these_bytes(void **state)
{
	static const uint8_t head[] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 30 };
	static const uint8_t rest[] = { 0, 0, 64, 17 };
	static const uint8_t tail[] = { 10, 0, 0, 1, 10, 0, 0, 2, 0, 1, 0, 2, 0, 10, 0x8a, 0x72,
		'a', 'b' };
	struct built built = build_text("udp 10.0.0.1:1 10.0.0.2:2 "
					"mac 02:00:00:00:00:01 > 02:00:00:00:00:02",
		"ab");

	(void)state;
	assert_int_equal(built.size, 44);
	assert_memory_equal(built.bytes, head, sizeof(head));
	assert_memory_equal(built.bytes + 20, rest, sizeof(rest));
	assert_memory_equal(built.bytes + 26, tail, sizeof(tail));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_built_is_parsed_as_the_same_packet),
		cmocka_unit_test(
			a_frame_cut_at_any_length_says_nothing_wrong_and_nothing_behind_it_is_read),
		cmocka_unit_test(fields_behind_the_cut_are_unknown),
		cmocka_unit_test(a_frame_without_ethernet_and_with_a_tag_beside_is_read),
		cmocka_unit_test(ethernet_padding_is_no_payload),
		cmocka_unit_test(extension_headers_are_walked_as_the_kernel_does),
		cmocka_unit_test(what_no_stack_would_take_is_called_malformed),
		cmocka_unit_test(tunnels_say_where_what_they_carry_begins),
		cmocka_unit_test(pppoe_and_two_tags_are_looked_through),
		cmocka_unit_test(nat_and_routing_change_no_identity),
		cmocka_unit_test(another_packet_of_a_flow_has_another_identity),
		cmocka_unit_test(the_two_pieces_of_a_trace_have_the_number_of_the_whole),
		cmocka_unit_test(the_number_of_a_payload_needs_the_payload),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(a_length_that_is_said_is_filled_with_zeros),
		cmocka_unit_test(a_small_udp_frame_has_these_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
