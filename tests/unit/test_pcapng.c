// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "watch/pcapng.h"

/* What a file says, read by the draft's words and not by what writes it. */
struct option {
	uint16_t code, size;
	const uint8_t *bytes;
};

struct block {
	uint32_t type, size;
	const uint8_t *body;
	size_t body_size;
};

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint16_t get16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* Figure 1: type, length, body, length; the length is a multiple of 4. */
static struct block next_block(const struct text *file, size_t *at)
{
	const uint8_t *bytes = (const uint8_t *)file->data + *at;
	struct block block;

	assert_true(*at + 12 <= file->len);
	block = (struct block){ get32(bytes), get32(bytes + 4), bytes + 8, 0 };
	assert_int_equal(block.size % 4, 0);
	assert_true(block.size >= 12 && *at + block.size <= file->len);
	assert_int_equal(get32(bytes + block.size - 4), block.size);
	block.body_size = block.size - 12;
	*at += block.size;
	return block;
}

/* Options from at on; the last is opt_endofopt, where there are any. Returns how many before it. */
static size_t read_options(const struct block *block, size_t at, struct option *ret, size_t max)
{
	size_t n = 0;

	if (at == block->body_size)
		return 0;
	for (;;) {
		struct option option = { get16(block->body + at), get16(block->body + at + 2),
			block->body + at + 4 };

		at += 4 + (option.size + 3u) / 4 * 4;
		assert_true(at <= block->body_size);
		for (const uint8_t *pad = option.bytes + option.size; pad < block->body + at; pad++)
			assert_int_equal(*pad, 0);
		if (!option.code) {
			assert_int_equal(option.size, 0);
			assert_int_equal(at, block->body_size);
			return n;
		}
		assert_true(n < max);
		ret[n++] = option;
	}
}

static bool is_text(const struct option *option, uint16_t code, const char *text)
{
	return option->code == code && option->size == strlen(text) &&
	       memcmp(option->bytes, text, option->size) == 0;
}

static const uint8_t bytes[] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 28, 0, 1, 0,
	0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 8, 0, 0xf7, 0xff, 0, 0, 0, 0, 1 };

static void add_interface(struct pcapng *file, struct text *out, const char *name, uint32_t want)
{
	struct err err = { 0 };
	uint32_t number;

	assert_true(pcapng_add_interface(file, out, name, 262144, &number, &err));
	assert_int_equal(number, want);
}

static void add(struct pcapng *file, struct text *out, struct pcapng_packet packet)
{
	struct err err = { 0 };

	if (!pcapng_add_packet(file, out, &packet, &err))
		fail_msg("%s", err.text);
}

static void the_section_names_who_wrote_it(void **state)
{
	struct pcapng file = { .n_interfaces = 7 };
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct option options[4];
	struct block block;
	size_t at = 0;

	(void)state;
	pcapng_begin(&file, &out, "portwall 0.1.0");
	block = next_block(&out, &at);
	assert_int_equal(at, out.len);
	assert_int_equal(block.type, 0x0a0d0d0a);
	assert_int_equal(get32(block.body), 0x1a2b3c4d);
	assert_int_equal(get16(block.body + 4), 1);
	assert_int_equal(get16(block.body + 6), 0);
	assert_int_equal(get32(block.body + 8), 0xffffffff);
	assert_int_equal(get32(block.body + 12), 0xffffffff);
	assert_int_equal(read_options(&block, 16, options, N_OF(options)), 1);
	assert_true(is_text(&options[0], 4, "portwall 0.1.0"));
	assert_int_equal(file.n_interfaces, 0);
}

static void interfaces_come_whenever_they_are_first_seen(void **state)
{
	static const char *const names[] = { "a", "ab", "abc", "tap812bd281-f5", "web/eth0" };
	struct pcapng file = { 0 };
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct option options[4];
	size_t at = 0;

	(void)state;
	pcapng_begin(&file, &out, "portwall");
	next_block(&out, &at);
	for (uint32_t i = 0; i < N_OF(names); i++) {
		struct block block;

		add_interface(&file, &out, names[i], i);
		add(&file, &out, (struct pcapng_packet){ .interface = i });
		block = next_block(&out, &at);
		assert_int_equal(block.type, 1);
		assert_int_equal(get16(block.body), 1); /* LINKTYPE_ETHERNET */
		assert_int_equal(get16(block.body + 2), 0);
		assert_int_equal(get32(block.body + 4), 262144);
		assert_int_equal(read_options(&block, 8, options, N_OF(options)), 2);
		assert_true(is_text(&options[0], 2, names[i]));
		assert_true(is_text(&options[1], 9, "\x09"));
		block = next_block(&out, &at);
		assert_int_equal(block.type, 6);
		assert_int_equal(get32(block.body), i);
	}
	assert_int_equal(at, out.len);
}

static void check_packet(const struct block *block, size_t size, const char *const *comments,
	size_t n_comments, uint32_t flags)
{
	size_t padded = (size + 3) / 4 * 4, n;
	struct option options[4];

	assert_int_equal(block->type, 6);
	assert_int_equal(get32(block->body + 4), 0x18a1b2c3);
	assert_int_equal(get32(block->body + 8), 0xd4e5f607);
	assert_int_equal(get32(block->body + 12), size);
	assert_int_equal(get32(block->body + 16), 1500);
	assert_true(!size || memcmp(block->body + 20, bytes, size) == 0);
	for (size_t i = size; i < padded; i++)
		assert_int_equal(block->body[20 + i], 0);
	n = read_options(block, 20 + padded, options, N_OF(options));
	assert_int_equal(n, n_comments + (flags ? 1 : 0));
	if (flags) {
		assert_int_equal(options[0].code, 2);
		assert_int_equal(options[0].size, 4);
		assert_int_equal(get32(options[0].bytes), flags);
	}
	for (size_t i = 0; i < n_comments; i++)
		assert_true(is_text(&options[i + (flags ? 1 : 0)], 1, comments[i]));
}

static void packets_of_every_length_have_their_words_and_their_direction(void **state)
{
	static const char *const comments[] = { "dropped by rule 5 of group web", "x", "" };
	struct pcapng file = { 0 };
	struct text out CLEANUP(text_done) = TEXT_INIT;
	size_t at = 0;

	(void)state;
	pcapng_begin(&file, &out, "portwall");
	add_interface(&file, &out, "tap0", 0);
	next_block(&out, &at);
	next_block(&out, &at);
	for (size_t size = 0; size <= sizeof(bytes); size++) {
		for (size_t n = 0; n <= N_OF(comments); n++) {
			for (uint32_t direction = 0; direction < 3; direction++) {
				struct block block;

				add(&file, &out,
					(struct pcapng_packet){ .time_ns = 0x18a1b2c3d4e5f607,
						.bytes = bytes,
						.size = size,
						.wire_size = 1500,
						.direction = direction,
						.comments = comments,
						.n_comments = n });
				block = next_block(&out, &at);
				check_packet(&block, size, comments, n, direction);
			}
		}
	}
	assert_int_equal(at, out.len);
}

static void what_has_no_room_is_refused_and_nothing_written(void **state)
{
	struct pcapng file = { 0 };
	struct text out CLEANUP(text_done) = TEXT_INIT, longest CLEANUP(text_done) = TEXT_INIT;
	const char *comment;
	struct pcapng_packet packet = { .bytes = bytes, .size = sizeof(bytes), .n_comments = 1 };
	struct err err = { 0 };
	uint32_t number = 99;
	size_t len;

	(void)state;
	pcapng_begin(&file, &out, "portwall");
	len = out.len;
	packet.comments = &comment;
	comment = "x";
	assert_false(pcapng_add_packet(&file, &out, &packet, &err)); /* no interface yet */
	assert_int_equal(out.len, len);
	add_interface(&file, &out, "tap0", 0);
	for (size_t i = 0; i < LIMIT_PCAPNG_TEXT; i++)
		text_add(&longest, "c");
	comment = longest.data;
	assert_true(pcapng_add_packet(&file, &out, &packet, &err));
	text_add(&longest, "c");
	comment = longest.data;
	len = out.len;
	assert_false(pcapng_add_packet(&file, &out, &packet, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_false(pcapng_add_interface(&file, &out, longest.data, 0, &number, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_int_equal(number, 99);
	packet.n_comments = LIMIT_PCAPNG_COMMENTS + 1;
	assert_false(pcapng_add_packet(&file, &out, &packet, &err));
	packet.n_comments = 0;
	packet.size = LIMIT_PCAPNG_PACKET + 1;
	assert_false(pcapng_add_packet(&file, &out, &packet, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_int_equal(out.len, len);
}

static void read_with(const char *command, const char *path, struct text *ret)
{
	char *line;
	FILE *pipe;
	char buffer[4096];
	size_t n;

	assert_true(asprintf(&line, command, path) > 0);
	pipe = popen(line, "r"); // NOLINT(cert-env33-c): the command is this test's own
	assert_non_null(pipe);
	while ((n = fread(buffer, 1, sizeof(buffer), pipe)) > 0)
		text_add_n(ret, buffer, n);
	if (pclose(pipe) != 0)
		fail_msg("%s: %s", line, ret->data);
	free(line);
}

static void tcpdump_reads_times_packets_and_devices(void **state)
{
	static const char *const comments[] = { "dropped by the security group", "twice" };
	struct pcapng file = { 0 };
	struct text out CLEANUP(text_done) = TEXT_INIT, read CLEANUP(text_done) = TEXT_INIT;
	char path[] = "/tmp/test_pcapng.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	pcapng_begin(&file, &out, "portwall 0.1.0");
	add_interface(&file, &out, "tap812bd281-f5", 0);
	add(&file, &out,
		(struct pcapng_packet){ .time_ns = 1700000000123456789,
			.bytes = bytes,
			.size = sizeof(bytes) - 1,
			.wire_size = sizeof(bytes) - 1,
			.direction = PCAPNG_INBOUND,
			.comments = comments,
			.n_comments = 2 });
	add_interface(&file, &out, "web/eth0", 1);
	add(&file, &out,
		(struct pcapng_packet){ .interface = 1,
			.time_ns = 1700000001000000001,
			.bytes = bytes,
			.size = sizeof(bytes),
			.direction = PCAPNG_OUTBOUND });
	assert_int_equal(write(fd, out.data, out.len), out.len);
	close(fd);
	read_with("tcpdump -nn -tt --nano -e -r %s 2>&1", path, &read);
	unlink(path);
	if (!strstr(read.data, "1700000000.123456789 02:00:00:00:00:01 > 02:00:00:00:00:02") ||
		!strstr(read.data, "length 42: 10.0.0.1 > 10.0.0.2: ICMP echo request") ||
		!strstr(read.data, "1700000001.000000001 ") ||
		!strstr(read.data, "length 43: 10.0.0.1 > 10.0.0.2: ICMP echo request"))
		fail_msg("%s", read.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_section_names_who_wrote_it),
		cmocka_unit_test(interfaces_come_whenever_they_are_first_seen),
		cmocka_unit_test(packets_of_every_length_have_their_words_and_their_direction),
		cmocka_unit_test(what_has_no_room_is_refused_and_nothing_written),
		cmocka_unit_test(tcpdump_reads_times_packets_and_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
