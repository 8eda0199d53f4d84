// SPDX-License-Identifier: GPL-2.0-or-later
/* The bytes of a snapshot: packed as gzip does, so that zcat shows it. */
#include "host/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/limits.h"
#include "base/vec.h"
#include "host/internal.h"

#define GZIP_WINDOW (15 + 16) /* zlib.h: 16 more means gzip's frame */
#define CHUNK	    ((size_t)256 * 1024)

static bool pack(const struct text *json, struct text *ret, struct err *err)
{
	z_stream stream = { .next_in = (Bytef *)json->data, .avail_in = (uInt)json->len };
	static unsigned char out[CHUNK];
	int result;

	if (json->len > LIMIT_SNAPSHOT_SIZE)
		return err_limit(err, "the snapshot has more than %zu bytes", LIMIT_SNAPSHOT_SIZE);
	if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
		    Z_DEFAULT_STRATEGY) != Z_OK)
		return err_system(err, ENOMEM, "cannot pack the snapshot");
	do {
		stream.next_out = out;
		stream.avail_out = sizeof(out);
		result = deflate(&stream, Z_FINISH);
		text_add_n(ret, (const char *)out, sizeof(out) - stream.avail_out);
	} while (result == Z_OK);
	deflateEnd(&stream);
	return result == Z_STREAM_END || err_system(err, 0, "cannot pack the snapshot");
}

static bool unpack(
	const char *name, const char *data, size_t size, struct text *ret, struct err *err)
{
	z_stream stream = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size };
	static unsigned char out[CHUNK];
	int result;

	if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
		return err_system(err, ENOMEM, "cannot unpack %s", name);
	do {
		stream.next_out = out;
		stream.avail_out = sizeof(out);
		result = inflate(&stream, Z_NO_FLUSH);
		text_add_n(ret, (const char *)out, sizeof(out) - stream.avail_out);
	} while (result == Z_OK && ret->len <= LIMIT_SNAPSHOT_SIZE);
	inflateEnd(&stream);
	if (ret->len > LIMIT_SNAPSHOT_SIZE)
		return err_limit(
			err, "%s: it unpacks to more than %zu bytes", name, LIMIT_SNAPSHOT_SIZE);
	if (result == Z_STREAM_END)
		return true;
	err_input(err, "%s: %s", name,
		result == Z_BUF_ERROR ? "it is cut short" : "its packing (gzip) is damaged");
	return err_next(err, "copy it again; gzip -t FILE checks a copy");
}

bool host_parse(struct arena *arena, const char *name, const char *data, size_t size,
	const struct host **ret, struct err *err)
{
	struct text json CLEANUP(text_done) = TEXT_INIT;

	if (size < 2 || memcmp(data, "\x1f\x8b", 2) != 0)
		return host_parse_json(arena, name, data, size, ret, err);
	return unpack(name, data, size, &json, err) &&
	       host_parse_json(arena, name, json.data, json.len, ret, err);
}

bool host_save(const struct host *host, const char *path, bool is_overwrite, struct err *err)
{
	struct text json CLEANUP(text_done) = TEXT_INIT, packed CLEANUP(text_done) = TEXT_INIT;

	if (strcmp(path, "-") != 0 && !is_overwrite && access(path, F_OK) == 0) {
		err_conflict(err, "%s is there already", path);
		return err_next(err, "give another name with -o, or --force to replace it");
	}
	host_print(&json, host);
	if (!pack(&json, &packed, err))
		return false;
	if (strcmp(path, "-") != 0)
		return text_save(&packed, path, err);
	if (fwrite(packed.data, 1, packed.len, stdout) != packed.len || fflush(stdout) != 0)
		return err_system(err, errno, "cannot write to standard output");
	return true;
}
