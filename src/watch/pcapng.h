/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATCH_PCAPNG_H
#define WATCH_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

/*
 * Writes pcapng (draft-ietf-opsawg-pcapng), the file of Wireshark that can say more of a packet than its bytes: on which of several
 * devices it was, in which direction, and in words what became of it. Blocks are added to a text, in the order of a file:
 *
 *	struct pcapng file = { 0 };
 *	struct text out CLEANUP(text_done) = TEXT_INIT;
 *
 *	pcapng_begin(&file, &out, "portwall 0.1.0");
 *	pcapng_add_interface(&file, &out, "tap812bd281-f5", 262144, &tap, err);
 *	pcapng_add_packet(&file, &out, &packet, err);
 *	... write(fd, out.data, out.len), text_clear(&out), whenever the caller likes
 *
 * Numbers are in the byte order of this machine, which the file tells; times are in nanoseconds.
 */
struct pcapng {
	uint32_t n_interfaces;
};

enum pcapng_direction {
	PCAPNG_UNKNOWN,
	PCAPNG_INBOUND,
	PCAPNG_OUTBOUND
}; /* epb_flags, bits 0..1 */

struct pcapng_packet {
	uint32_t interface; /* of pcapng_add_interface */
	uint64_t time_ns;   /* since 1970 */
	const uint8_t *bytes;
	size_t size;	  /* of them, what was captured */
	size_t wire_size; /* of the whole packet; less than size: size */
	enum pcapng_direction direction;
	const char *const *comments; /* what Wireshark shows with it, as UTF-8 */
	size_t n_comments;
};

/* The section header, and no interface yet. writer: the program and its version. */
void pcapng_begin(struct pcapng *file, struct text *out, const char *writer);

/* A device with Ethernet headers, before its first packet, at any time. snap_size: the most that is kept of a packet; 0: all. */
bool pcapng_add_interface(struct pcapng *file, struct text *out, const char *name,
	uint32_t snap_size, uint32_t *ret, struct err *err);

/*
 * Fails, with nothing added, for a packet of more than LIMIT_PCAPNG_PACKET bytes, a comment of more than LIMIT_PCAPNG_TEXT, more
 * than LIMIT_PCAPNG_COMMENTS of them, and an interface that was not added.
 */
bool pcapng_add_packet(const struct pcapng *file, struct text *out,
	const struct pcapng_packet *packet, struct err *err);

#endif
