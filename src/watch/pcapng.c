// SPDX-License-Identifier: GPL-2.0-or-later
#include "watch/pcapng.h"

#include <string.h>

#include "base/limits.h"

/* Section numbers are those of draft-ietf-opsawg-pcapng. */
enum {
	BLOCK_INTERFACE = 1, /* 4.2 */
	BLOCK_PACKET = 6,    /* 4.3 */
	BLOCK_SECTION = 0x0a0d0d0a,
};

enum {
	OPT_END = 0,
	OPT_COMMENT = 1,
	SHB_USERAPPL = 4,
	IF_NAME = 2,
	IF_TSRESOL = 9,
	EPB_FLAGS = 2,
};

#define BYTE_ORDER_MAGIC 0x1a2b3c4d
#define LINK_ETHERNET	 1
#define NANOSECONDS	 9 /* a negative power of ten */

static void put16(struct text *out, uint16_t value)
{
	text_add_n(out, (const char *)&value, sizeof(value));
}

static void put32(struct text *out, uint32_t value)
{
	text_add_n(out, (const char *)&value, sizeof(value));
}

/* All of the format is in steps of 32 bits. */
static void put_padded(struct text *out, const void *bytes, size_t size)
{
	static const char zeros[3];

	if (size)
		text_add_n(out, bytes, size);
	text_add_n(out, zeros, (4 - size % 4) % 4);
}

static void put_option(struct text *out, uint16_t code, const void *bytes, size_t size)
{
	put16(out, code);
	put16(out, (uint16_t)size);
	put_padded(out, bytes, size);
}

/* Returns where the block begins. */
static size_t begin_block(struct text *out, uint32_t type)
{
	size_t at = out->len;

	put32(out, type);
	put32(out, 0);
	return at;
}

/* Its length stands at its beginning and at its end. */
static void end_block(struct text *out, size_t at)
{
	uint32_t size = (uint32_t)(out->len + sizeof(size) - at);

	memcpy(out->data + at + sizeof(uint32_t), &size, sizeof(size));
	put32(out, size);
}

static size_t bounded_len(const char *text)
{
	return strnlen(text, LIMIT_PCAPNG_TEXT);
}

void pcapng_begin(struct pcapng *file, struct text *out, const char *writer)
{
	size_t at = begin_block(out, BLOCK_SECTION);

	put32(out, BYTE_ORDER_MAGIC);
	put16(out, 1); /* version 1.0 */
	put16(out, 0);
	put32(out, UINT32_MAX); /* the section's size is not known: -1 in 64 bits */
	put32(out, UINT32_MAX);
	put_option(out, SHB_USERAPPL, writer, bounded_len(writer));
	put_option(out, OPT_END, NULL, 0);
	end_block(out, at);
	file->n_interfaces = 0;
}

bool pcapng_add_interface(struct pcapng *file, struct text *out, const char *name,
	uint32_t snap_size, uint32_t *ret, struct err *err)
{
	static const uint8_t resolution = NANOSECONDS;
	size_t at;

	if (file->n_interfaces >= LIMIT_PCAPNG_INTERFACES)
		return err_limit(err, "pcapng: more than %d devices", LIMIT_PCAPNG_INTERFACES);
	if (strlen(name) > LIMIT_PCAPNG_TEXT)
		return err_limit(err, "pcapng: the name of a device has more than %d bytes",
			LIMIT_PCAPNG_TEXT);
	at = begin_block(out, BLOCK_INTERFACE);
	put16(out, LINK_ETHERNET);
	put16(out, 0);
	put32(out, snap_size);
	put_option(out, IF_NAME, name, strlen(name));
	put_option(out, IF_TSRESOL, &resolution, sizeof(resolution));
	put_option(out, OPT_END, NULL, 0);
	end_block(out, at);
	*ret = file->n_interfaces++;
	return true;
}

static bool check_packet(
	const struct pcapng *file, const struct pcapng_packet *packet, struct err *err)
{
	if (packet->interface >= file->n_interfaces)
		return err_system(err, 0, "pcapng: there is no device %u", packet->interface);
	if (packet->size > LIMIT_PCAPNG_PACKET || packet->wire_size > UINT32_MAX)
		return err_limit(
			err, "pcapng: a packet of more than %d bytes", LIMIT_PCAPNG_PACKET);
	if (packet->n_comments > LIMIT_PCAPNG_COMMENTS)
		return err_limit(
			err, "pcapng: more than %d comments on a packet", LIMIT_PCAPNG_COMMENTS);
	for (size_t i = 0; i < packet->n_comments; i++) {
		if (strlen(packet->comments[i]) > LIMIT_PCAPNG_TEXT)
			return err_limit(
				err, "pcapng: a comment of more than %d bytes", LIMIT_PCAPNG_TEXT);
	}
	return true;
}

bool pcapng_add_packet(const struct pcapng *file, struct text *out,
	const struct pcapng_packet *packet, struct err *err)
{
	uint32_t flags = packet->direction;
	size_t at;

	if (!check_packet(file, packet, err))
		return false;
	at = begin_block(out, BLOCK_PACKET);
	put32(out, packet->interface);
	put32(out, (uint32_t)(packet->time_ns >> 32));
	put32(out, (uint32_t)packet->time_ns);
	put32(out, (uint32_t)packet->size);
	put32(out, (uint32_t)(packet->wire_size < packet->size ? packet->size : packet->wire_size));
	put_padded(out, packet->bytes, packet->size);
	if (flags)
		put_option(out, EPB_FLAGS, &flags, sizeof(flags));
	for (size_t i = 0; i < packet->n_comments; i++)
		put_option(out, OPT_COMMENT, packet->comments[i], strlen(packet->comments[i]));
	if (flags || packet->n_comments)
		put_option(out, OPT_END, NULL, 0);
	end_block(out, at);
	return true;
}
