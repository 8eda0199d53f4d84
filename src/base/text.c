// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char text_empty_[1] = "";

/* Names longer than this are never a typing error of each other. */
#define NEAREST_MAX_LEN 64
#define READ_SIZE	((size_t)64 * 1024)

void text_done(struct text *text)
{
	if (text->size)
		free(text->data);
	*text = (struct text)TEXT_INIT;
}

void text_clear(struct text *text)
{
	text->len = 0;
	if (text->size)
		text->data[0] = '\0';
}

static void text_reserve(struct text *text, size_t more)
{
	size_t want = text->size ? text->size : 256;
	char *data;

	if (more > SIZE_MAX / 2 - text->len)
		abort();
	if (text->size && text->len + more + 1 <= text->size)
		return;
	while (want < text->len + more + 1)
		want *= 2;
	data = realloc(text->size ? text->data : NULL, want);
	if (!data) {
		fputs("portwall: out of memory\n", stderr);
		abort();
	}
	if (!text->size)
		data[0] = '\0';
	text->data = data;
	text->size = want;
}

void text_add_n(struct text *text, const char *more, size_t len)
{
	text_reserve(text, len);
	memcpy(text->data + text->len, more, len);
	text->len += len;
	text->data[text->len] = '\0';
}

void text_add(struct text *text, const char *more)
{
	text_add_n(text, more, strlen(more));
}

void text_vaddf(struct text *text, const char *fmt, va_list ap)
{
	va_list again;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, ap);
	if (len < 0)
		abort();
	text_reserve(text, (size_t)len);
	vsnprintf(text->data + text->len, (size_t)len + 1, fmt, again);
	text->len += (size_t)len;
	va_end(again);
}

void text_add_uri(struct text *text, const char *more)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

	for (; *more; more++) {
		if (strchr(plain, *more))
			text_add_n(text, more, 1);
		else
			text_addf(text, "%%%02X", (unsigned char)*more);
	}
}

void text_addf(struct text *text, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_vaddf(text, fmt, ap);
	va_end(ap);
}

void text_add_dot(struct text *text, const char *more)
{
	text_add(text, "\"");
	for (; *more; more++) {
		if (*more == '"' || *more == '\\')
			text_add(text, "\\");
		if (*more == '\n')
			text_add(text, "\\n");
		else
			text_add_n(text, more, 1);
	}
	text_add(text, "\"");
}

bool text_load(struct text *text, const char *path, size_t max_size, struct err *err)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	struct text read_text = TEXT_INIT;
	struct stat info;
	ssize_t got;
	int sys = 0;

	if (fd < 0) {
		err_system(err, errno, "cannot open %s", path);
		err->kind = ERR_INPUT;
		return false;
	}
	/* a file that says itself that it is too large is not read in vain */
	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && (uintmax_t)info.st_size > max_size) {
		if (fd != STDIN_FILENO)
			close(fd);
		return err_limit(err, "%s is larger than %zu bytes", path, max_size);
	}
	do {
		text_reserve(&read_text, READ_SIZE);
		got = read(fd, read_text.data + read_text.len, read_text.size - read_text.len - 1);
		if (got > 0)
			read_text.len += (size_t)got;
		else if (got < 0)
			sys = errno;
	} while ((got > 0 && read_text.len <= max_size) || (got < 0 && sys == EINTR));
	if (fd != STDIN_FILENO)
		close(fd);
	read_text.data[read_text.len] = '\0';
	if (got < 0) {
		text_done(&read_text);
		err_system(err, sys, "cannot read %s", path);
		err->kind = ERR_INPUT;
		return false;
	}
	if (read_text.len > max_size) {
		text_done(&read_text);
		return err_limit(err, "%s is larger than %zu bytes", path, max_size);
	}
	text_done(text);
	*text = read_text;
	return true;
}

bool text_stage(const struct text *text, const char *path, struct text *ret_staged, struct err *err)
{
	struct text beside = TEXT_INIT;
	size_t done = 0;
	int fd, sys = 0;

	text_addf(&beside, "%s.XXXXXX", path);
	fd = mkstemp(beside.data);
	if (fd < 0)
		sys = errno;
	while (!sys && done < text->len) {
		ssize_t put = write(fd, text->data + done, text->len - done);

		if (put >= 0)
			done += (size_t)put;
		else if (errno != EINTR)
			sys = errno;
	}
	if (!sys && fsync(fd) < 0)
		sys = errno;
	if (fd >= 0 && close(fd) < 0 && !sys)
		sys = errno;
	if (sys) {
		if (fd >= 0)
			unlink(beside.data);
		text_done(&beside);
		return err_system(err, sys, "cannot write %s", path);
	}
	text_done(ret_staged);
	*ret_staged = beside;
	return true;
}

bool text_staged_place(struct text *staged, const char *path, struct err *err)
{
	int sys = rename(staged->data, path) < 0 ? errno : 0;

	if (sys)
		unlink(staged->data);
	text_done(staged);
	return sys ? err_system(err, sys, "cannot write %s", path) : true;
}

void text_staged_drop(struct text *staged)
{
	if (staged->len)
		unlink(staged->data);
	text_done(staged);
}

bool text_save(const struct text *text, const char *path, struct err *err)
{
	struct text staged = TEXT_INIT;

	return text_stage(text, path, &staged, err) && text_staged_place(&staged, path, err);
}

bool text_to_u32(const char *text, uint32_t min, uint32_t max, uint32_t *ret)
{
	uint64_t value = 0;
	size_t len = strlen(text);

	if (len == 0 || len > 10 || (len > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	if (value < min || value > max)
		return false;
	*ret = (uint32_t)value;
	return true;
}

/*
 * How many letters have to be put in, left out, changed or swapped with their neighbour (Damerau and
 * Levenshtein, each place edited once), by rows.
 */
static size_t edit_distance(const char *a, const char *b)
{
	size_t rows[3][NEAREST_MAX_LEN + 1], len_a = strlen(a), len_b = strlen(b);
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	if (len_a > NEAREST_MAX_LEN || len_b > NEAREST_MAX_LEN)
		return SIZE_MAX;
	for (size_t j = 0; j <= len_b; j++)
		row[j] = j;
	for (size_t i = 1; i <= len_a; i++) {
		size_t *free_row = before;

		before = last;
		last = row;
		row = free_row;
		row[0] = i;
		for (size_t j = 1; j <= len_b; j++) {
			row[j] = last[j - 1] + (a[i - 1] != b[j - 1]);
			if (last[j] + 1 < row[j])
				row[j] = last[j] + 1;
			if (row[j - 1] + 1 < row[j])
				row[j] = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
	}
	return row[len_b];
}

const char *text_nearest(const char *text, const char *const *names, size_t n)
{
	const char *best = NULL;
	size_t best_distance = strlen(text) / 3 + 2; /* further away it is another word */

	for (size_t i = 0; i < n; i++) {
		size_t d = edit_distance(text, names[i]);

		if (d < best_distance) {
			best = names[i];
			best_distance = d;
		}
	}
	return best;
}

static uint64_t mixed(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 32;
}

/* By words: comments and names of chains are long, and many. */
uint64_t text_hash(const char *text)
{
	size_t len = strlen(text);
	uint64_t hash = len, word;

	for (; len >= sizeof(word); text += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, text, sizeof(word));
		hash = mixed(hash, word);
	}
	word = 0;
	memcpy(&word, text, len);
	return mixed(hash, word);
}

bool text_has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}
