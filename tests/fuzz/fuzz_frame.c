// SPDX-License-Identifier: GPL-2.0-or-later
/* Bytes of a wire. The first byte says in what form they come: bit 0 with an Ethernet header, bit 1 IPv6 (without one), bit 2 a
 * tag beside, bit 3 the device had more of them. */
#include "fuzz.h"

#include <string.h>

#include "packet/frame.h"

#define HEADERS (14 + 4 + 60 + 60)

static void check_layout(const struct frame *frame, const struct frame_layout *layout)
{
	fuzz_check(!layout->has_network || layout->network < frame->size);
	fuzz_check(!layout->transport || layout->transport > layout->network);
	fuzz_check(layout->transport < frame->size || !layout->transport);
	fuzz_check(!layout->payload || layout->payload >= layout->transport);
	fuzz_check(layout->payload < frame->size || !layout->payload);
	fuzz_check(!layout->inner || layout->inner >= layout->transport);
	fuzz_check(layout->inner < frame->size || !layout->inner);
	fuzz_check(!layout->payload_size || layout->has_network);
}

/* What is seen of the whole is not seen otherwise when less of it is there. */
static void check_cut(const struct frame *frame, const struct packet *whole)
{
	struct frame cut = *frame;
	struct frame_layout layout;
	struct packet packet;

	cut.size = frame->size / 2;
	cut.wire_size = frame->wire_size ? frame->wire_size : frame->size;
	if (!frame_parse(&cut, &packet, &layout))
		return;
	for (enum field field = FIELD_ETH_SRC; field < N_FIELDS; field++) {
		struct field_value value, again;

		if (packet_field(&packet, field, &value) == FIELD_KNOWN &&
			packet_field(whole, field, &again) == FIELD_KNOWN)
			fuzz_check(!memcmp(&value, &again, sizeof(value)));
	}
}

static void check_built(const struct packet *parsed)
{
	uint8_t bytes[HEADERS + UINT16_MAX];
	struct packet packet = *parsed, again;
	struct frame_layout layout;
	struct frame frame = { .bytes = bytes, .has_ethernet = true };
	struct err err;

	packet.unknown |= FIELD_BIT(FIELD_LENGTH);
	if (!frame_build(&packet, "payload", 7, bytes, sizeof(bytes), &frame.size, &err))
		return;
	frame.wire_size = frame.size;
	fuzz_check(frame_parse(&frame, &again, &layout));
	for (enum field field = FIELD_ETH_SRC; field <= FIELD_ICMP_CODE; field++) {
		struct field_value value, other;

		if (field != FIELD_PKTTYPE && field != FIELD_LENGTH &&
			packet_field(&packet, field, &value) == FIELD_KNOWN) {
			fuzz_check(packet_field(&again, field, &other) == FIELD_KNOWN);
			fuzz_check(!memcmp(&value, &other, sizeof(value)));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame frame;
	struct frame_layout layout;
	struct packet packet;
	uint8_t form = size ? data[0] : 0;

	frame = (struct frame){ .bytes = data + (size > 0),
		.size = size - (size > 0),
		.has_ethernet = form & 1,
		.ethertype = form & 2 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4,
		.vlan_id = form & 4 ? 100 : 0 };
	if (form & 8)
		frame.wire_size = frame.size + 100;
	if (!frame_parse(&frame, &packet, &layout))
		return 0;
	check_layout(&frame, &layout);
	if (layout.has_network)
		frame_identity(frame.bytes + layout.network, frame.size - layout.network,
			layout.ethertype);
	frame_identity_of_pieces(frame.bytes, frame.size / 2, frame.bytes + frame.size / 2,
		frame.size - frame.size / 2, frame.ethertype);
	frame_payload_identity(&frame, &layout);
	check_cut(&frame, &packet);
	check_built(&packet);
	return 0;
}
