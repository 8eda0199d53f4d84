// SPDX-License-Identifier: GPL-2.0-or-later
/* What is set without a program: files of /proc/sys/net and attributes of links. */
#include "kernel/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PROC_SYS   "/proc/sys/"
#define VALUE_SIZE 256

/* The file of a name; only what is of a network namespace, and no way out of that folder. */
static bool sysctl_path(struct arena *arena, const char *name, const char **ret, struct err *err)
{
	char *path = arena_printf(arena, PROC_SYS "%s", name);

	if (!text_has_prefix(name, "net."))
		return err_input(err, "%s is no setting of the network", name);
	for (char *at = path + strlen(PROC_SYS); *at; at++) {
		if (*at == '.')
			*at = '/';
		else if (*at == '/')
			*at = '.';
	}
	if (strstr(path, "/../") || strstr(path, "//") || strstr(path, "/./"))
		return err_input(err, "%s is no name of a setting", name);
	*ret = path;
	return true;
}

bool kernel_sysctl_read(struct arena *arena, const char *name, const char **ret, struct err *err)
{
	const char *path = NULL;
	char value[VALUE_SIZE];
	ssize_t got = -1;
	int fd, sys = 0;

	if (!sysctl_path(arena, name, &path, err))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		got = read(fd, value, sizeof(value) - 1);
	if (got < 0)
		sys = errno;
	if (fd >= 0)
		close(fd);
	if (sys == ENOENT) {
		*ret = NULL;
		return true;
	}
	if (sys)
		return err_system(err, sys, "cannot read the sysctl %s", name);
	value[got] = '\0';
	value[strcspn(value, "\n")] = '\0';
	*ret = arena_strdup(arena, value);
	return true;
}

static bool sysctl_write(struct arena *arena, const char *name, const char *value, struct err *err)
{
	const char *path = NULL;
	size_t len = strlen(value);
	ssize_t put = -1;
	int fd, sys = 0;

	if (!sysctl_path(arena, name, &path, err))
		return false;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		put = write(fd, value, len);
	if (put < 0)
		sys = errno;
	if (fd >= 0)
		close(fd);
	/* a file of /proc/sys takes all of a value or none of it */
	return sys ? err_system(err, sys, "cannot set it") : true;
}

/* "net.ipv4.ip_forward=1" */
static bool run_sysctl(struct arena *arena, char *line, struct err *err)
{
	char *value = strchr(line, '=');

	if (!value)
		return err_input(err, "there is no \"=\" in it");
	*value++ = '\0';
	return sysctl_write(arena, line, value, err);
}

/* "br0 nf_call_iptables 1" */
static bool run_link(char *line, struct err *err)
{
	char *rest = line, *name = strsep(&rest, " "), *flag = strsep(&rest, " ");
	uint32_t value;

	if (!rest || !text_to_u32(rest, 0, UINT32_MAX, &value))
		return err_input(err, "its value is no number");
	for (enum link_flag f = 0; f < N_LINK_FLAGS; f++)
		if (!strcmp(flag, link_flag_name(f)))
			return kernel_link_set(name, f, value, err);
	return err_input(err, "there is no such switch of links");
}

bool settings_run(enum tool tool, const char *text, size_t *ret_done_len, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	*ret_done_len = 0;
	for (unsigned line = 1; text[*ret_done_len]; line++) {
		const char *at = text + *ret_done_len;
		size_t len = strcspn(at, "\n");
		char *copy = arena_strndup(arena, at, len);
		struct err why;

		if (tool == TOOL_SYSCTL ? !run_sysctl(arena, copy, &why) : !run_link(copy, &why)) {
			err_system(err, 0, "%s refused line %u: %s: %.*s", tool_name(tool), line,
				why.text, (int)len, at);
			err->sys = why.sys;
			return why.sys == EACCES || why.sys == EPERM
				       ? err_next(err, "call it with sudo")
				       : false;
		}
		*ret_done_len += len + (at[len] == '\n');
	}
	return true;
}
