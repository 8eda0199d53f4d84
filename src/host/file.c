// SPDX-License-Identifier: GPL-2.0-or-later
/* The bytes of a snapshot: packed as gzip does, so that zcat shows it. */
#include "host/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/limits.h"
#include "base/vec.h"
#include "host/internal.h"

#define GZIP_WINDOW (15 + 16) /* zlib.h: 16 more means gzip's frame */
#define CHUNK	    ((size_t)256 * 1024)
#define MAX_RATIO   ((size_t)1032) /* deflate cannot do better (zlib's documentation) */
/* What takes a snapshot is a host that has other work: half the time of the usual level 6 for an
 * eighth more bytes. Unpacking takes the same time. */
#define LEVEL 4

static bool pack(const struct text *json, struct text *ret, struct err *err)
{
	z_stream stream = { .next_in = (Bytef *)json->data, .avail_in = (uInt)json->len };
	static unsigned char out[CHUNK];
	int result;

	if (json->len > LIMIT_SNAPSHOT_SIZE)
		return err_limit(err, "the snapshot has more than %zu bytes", LIMIT_SNAPSHOT_SIZE);
	if (deflateInit2(&stream, LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
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

/* A packed file says at its end how long it was (modulo 2^32), which is not to be trusted. */
static size_t unpacked_size(const char *data, size_t size)
{
	const unsigned char *tail = (const unsigned char *)data + size - 4;
	size_t said, most = size < LIMIT_SNAPSHOT_SIZE / MAX_RATIO ? size * MAX_RATIO
								   : LIMIT_SNAPSHOT_SIZE;

	if (size < 18) /* RFC 1952: the least that a file has */
		return CHUNK;
	said = (size_t)tail[0] | (size_t)tail[1] << 8 | (size_t)tail[2] << 16 |
	       (size_t)tail[3] << 24;
	return said < most ? said + 1 : most;
}

static char *grow(char *buffer, size_t size)
{
	char *bigger = realloc(buffer, size);

	if (!bigger)
		abort();
	return bigger;
}

static bool refuse_bomb(const char *name, struct err *err)
{
	err_limit(err, "%s: it unpacks to more than %zu bytes", name, LIMIT_SNAPSHOT_SIZE);
	return err_next(err, "no snapshot is that large: take one with portwall snapshot");
}

/* Into memory of malloc, with a NUL behind it. */
static bool unpack(const char *name, const char *data, size_t size, char **ret, size_t *ret_size,
	struct err *err)
{
	z_stream stream = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size };
	size_t room = unpacked_size(data, size);
	char *out = arena_large_pages(room + 1);
	int result;

	if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK) {
		free(out);
		return err_system(err, ENOMEM, "cannot unpack %s", name);
	}
	do {
		if (stream.total_out == room) {
			room = room * 2 < LIMIT_SNAPSHOT_SIZE ? room * 2 : LIMIT_SNAPSHOT_SIZE + 1;
			out = grow(out, room + 1);
		}
		stream.next_out = (Bytef *)out + stream.total_out;
		stream.avail_out = (uInt)(room - stream.total_out);
		result = inflate(&stream, Z_NO_FLUSH);
	} while (result == Z_OK && stream.total_out <= LIMIT_SNAPSHOT_SIZE);
	inflateEnd(&stream);
	*ret_size = stream.total_out;
	if (result == Z_STREAM_END && stream.total_out <= LIMIT_SNAPSHOT_SIZE && !stream.avail_in) {
		out[stream.total_out] = '\0';
		*ret = out;
		return true;
	}
	free(out);
	if (result == Z_STREAM_END && stream.avail_in) {
		err_input(err, "%s: there is more behind the end of its packing (gzip): %u bytes",
			name, stream.avail_in);
		return err_next(err, "it was put together of several, or damaged: copy it again");
	}
	if (stream.total_out > LIMIT_SNAPSHOT_SIZE)
		return refuse_bomb(name, err);
	err_input(err, "%s: %s", name,
		result == Z_BUF_ERROR ? "it is cut short" : "its packing (gzip) is damaged");
	return err_next(err, "copy it again; gzip -t FILE checks a copy");
}

bool host_parse(struct arena *arena, const char *name, const char *data, size_t size,
	const struct host **ret, struct err *err)
{
	char *unpacked = NULL;

	if (size < 2 || memcmp(data, "\x1f\x8b", 2) != 0)
		return host_parse_text(
			arena, name, arena_strndup(arena, data, size), size, ret, err);
	if (!unpack(name, data, size, &unpacked, &size, err))
		return false;
	arena_adopt(arena, unpacked);
	if (host_is_archive(unpacked, size))
		return host_refuse_archive(name, err);
	return host_parse_text(arena, name, unpacked, size, ret, err);
}

/* To what is no file and is not replaced: a device, a pipe. */
static bool write_into(const struct text *packed, const char *path, struct err *err)
{
	FILE *file = strcmp(path, "-") != 0 ? fopen(path, "we") : stdout;
	bool is_done = file && fwrite(packed->data, 1, packed->len, file) == packed->len &&
		       fflush(file) == 0;
	int sys = errno;

	if (file && file != stdout)
		fclose(file);
	if (is_done)
		return true;
	return err_system(
		err, sys, "cannot write to %s", file == stdout ? "standard output" : path);
}

bool host_save(const struct host *host, const char *path, bool is_overwrite, struct err *err)
{
	struct text json CLEANUP(text_done) = TEXT_INIT, packed CLEANUP(text_done) = TEXT_INIT;
	bool is_there, is_special = !strcmp(path, "-"), is_saved;
	struct stat info;
	char *target;

	is_there = !is_special && stat(path, &info) == 0;
	is_special = is_special || (is_there && !S_ISREG(info.st_mode));
	if (is_there && !is_overwrite && (!is_special || S_ISDIR(info.st_mode))) {
		err_conflict(err, "%s is there already", path);
		return err_next(err, "give another name with -o, or --force to replace it");
	}
	host_print(&json, host);
	if (!pack(&json, &packed, err))
		return false;
	if (is_special)
		return write_into(&packed, path, err);
	/* a link stays one, and what it leads to is replaced: /dev/stdout is one */
	target = is_there ? realpath(path, NULL) : NULL;
	is_saved = text_save(&packed, target ? target : path, err);
	free(target);
	return is_saved;
}
