// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files of sysctl.d, as systemd-sysctl takes them (sysctl.d(5)): of several folders that have a file of one name the first folder's
 * counts, an empty one or a link to /dev/null hides the others, and all are applied by the order of their names. /etc/sysctl.conf is
 * one of them only where a link in /etc/sysctl.d says so; where there is no systemd, procps reads it last.
 */
#include "kernel/sysctl_files.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/text.h"
#include "base/vec.h"

struct file {
	const char *name; /* "10-net.conf" */
	const char *path; /* without the root */
};

struct pass {
	struct arena *arena;
	const char *root;
	VEC(struct file) files;
	VEC(struct sysctl_line) lines;
	VEC(struct unread) unread;
};

static void unread(struct pass *pass, const char *path, const char *why)
{
	*vec_push(&pass->unread, pass->arena) =
		(struct unread){ "sysctl files", arena_printf(pass->arena, "%s: %s", path, why) };
}

static bool has_name(const struct pass *pass, const char *name)
{
	vec_for_each (file, &pass->files)
		if (strcmp(file->name, name) == 0)
			return true;
	return false;
}

static bool is_conf(const char *name)
{
	size_t n = strlen(name);

	return name[0] != '.' && n > 5 && strcmp(name + n - 5, ".conf") == 0;
}

static void find_files(struct pass *pass, const char *folder)
{
	DIR *dir = opendir(arena_printf(pass->arena, "%s%s", pass->root, folder));
	const struct dirent *entry;

	if (!dir) {
		if (errno != ENOENT)
			unread(pass, folder, strerror(errno));
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		struct file file;

		if (!is_conf(entry->d_name) || has_name(pass, entry->d_name))
			continue;
		file.name = arena_strdup(pass->arena, entry->d_name);
		file.path = arena_printf(pass->arena, "%s/%s", folder, file.name);
		*vec_push(&pass->files, pass->arena) = file;
	}
	closedir(dir);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

/* The first of dot and slash parts the name: "net.ipv4.conf.eth0/5.rp_filter", "net/ipv4/conf/eth0.5/rp_filter". */
static char *normal_name(struct arena *arena, const char *text, size_t n)
{
	char *name = arena_strndup(arena, text, n);

	if (name[strcspn(name, "./")] == '/')
		for (char *at = name; *at; at++)
			if (*at == '/' || *at == '.')
				*at = *at == '/' ? (char)'.' : (char)'/';
	return name;
}

static bool has_suffix(const char *text, const char *suffix)
{
	size_t n = strlen(text), len = strlen(suffix);

	return n > len && strcmp(text + n - len, suffix) == 0;
}

static bool is_kept(const char *name)
{
	return text_has_prefix(name, "net.bridge.bridge-nf-call-") ||
	       strcmp(name, "net.ipv4.ip_forward") == 0 ||
	       (text_has_prefix(name, "net.ipv4.conf.") &&
		       (has_suffix(name, ".rp_filter") || has_suffix(name, ".forwarding"))) ||
	       strcmp(name, "net.ipv6.conf.all.forwarding") == 0;
}

static size_t trimmed(const char *text, size_t n)
{
	while (n && isspace((unsigned char)text[n - 1]))
		n--;
	return n;
}

/* "-net.ipv4.ip_forward = 1": the dash says that it may fail; without a value, that no pattern means it. */
static void read_line(
	struct pass *pass, const struct file *file, uint32_t number, const char *line, size_t n)
{
	const char *equals, *value = NULL, *end = line + n;
	struct sysctl_line found = { .path = file->path, .line = number };
	bool is_optional;

	while (line < end && isspace((unsigned char)*line))
		line++;
	if (line == end || *line == '#' || *line == ';')
		return;
	is_optional = *line == '-';
	line += is_optional;
	equals = memchr(line, '=', (size_t)(end - line));
	if (!equals && !is_optional)
		return;
	found.name = normal_name(
		pass->arena, line, trimmed(line, (size_t)((equals ? equals : end) - line)));
	if (!is_kept(found.name) || pass->lines.n >= LIMIT_SYSCTL_LINES)
		return;
	if (equals) {
		value = equals + 1;
		while (value < end && isspace((unsigned char)*value))
			value++;
		found.value =
			arena_strndup(pass->arena, value, trimmed(value, (size_t)(end - value)));
	}
	*vec_push(&pass->lines, pass->arena) = found;
}

static void read_file(struct pass *pass, const struct file *file)
{
	const char *path = arena_printf(pass->arena, "%s%s", pass->root, file->path);
	struct text text CLEANUP(text_done) = TEXT_INIT;
	uint32_t number = 1;
	struct err err;

	if (!text_load(&text, path, LIMIT_SYSCTL_FILE, &err)) {
		/* a link to nowhere sets nothing */
		if (access(path, F_OK) == 0 || errno != ENOENT)
			unread(pass, file->path, err.text);
		return;
	}
	for (const char *line = text.data; *line; number++) {
		size_t n = strcspn(line, "\n");

		read_line(pass, file, number, line, n);
		line += n + (line[n] == '\n');
	}
}

static bool has_systemd(const struct pass *pass)
{
	static const char *const places[] = { "/usr/lib/systemd/systemd-sysctl",
		"/lib/systemd/systemd-sysctl" };

	for (size_t i = 0; i < N_OF(places); i++)
		if (access(arena_printf(pass->arena, "%s%s", pass->root, places[i]), F_OK) == 0)
			return true;
	return false;
}

struct unread_list sysctl_lines_read(struct arena *arena, const char *root, struct host *host)
{
	/* from the one that counts most */
	static const char *const folders[] = { "/etc/sysctl.d", "/run/sysctl.d",
		"/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d" };
	static const struct file last = { "sysctl.conf", "/etc/sysctl.conf" };
	struct pass pass = { .arena = arena, .root = root };

	for (size_t i = 0; i < N_OF(folders); i++)
		find_files(&pass, folders[i]);
	if (pass.files.n)
		qsort(pass.files.items, pass.files.n, sizeof(*pass.files.items), by_name);
	vec_for_each (file, &pass.files)
		read_file(&pass, file);
	if (!has_systemd(&pass))
		read_file(&pass, &last);
	host->sysctl_lines = pass.lines.items;
	host->n_sysctl_lines = pass.lines.n;
	return (struct unread_list){ pass.unread.items, pass.unread.n };
}
