// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "kernel/tool.h"
#include "base/vec.h"

/* Linux numbers its capabilities for good (include/uapi/linux/capability.h). */
#define CAP_NET_ADMIN_BIT 12

static const char install[] = "apt-get install iptables ipset nftables";

const char *backend_name(enum backend backend)
{
	return backend == BACKEND_LEGACY ? "legacy" : "nft";
}

bool tool_must_find(struct arena *arena, const char *name, const char **ret, struct err *err)
{
	const char *found = tool_find(arena, name);

	if (!found) {
		err_system(err, 0, "the program %s is not installed", name);
		return err_next(err, "%s", install);
	}
	*ret = found;
	return true;
}

/* "iptables v1.8.9 (nf_tables)", "iptables v1.8.9 (legacy)"; before 1.8 there was only legacy
 * and nothing in brackets. */
static bool variant_of(const char *program, enum backend *ret, struct err *err)
{
	struct tool_run run CLEANUP(tool_run_done) = TOOL_RUN_INIT;
	const char *argv[] = { program, "--version", NULL };
	const char *version;

	if (!tool_start(&run, argv, NULL, err) || !tools_finish(&run, 1, err))
		return false;
	version = strstr(run.out.data, " v");
	if (run.exit_code || !version)
		return err_system(err, 0, "%s does not say its version", program);
	*ret = strstr(version, "(nf_tables)") ? BACKEND_NFT : BACKEND_LEGACY;
	return true;
}

bool kernel_backend_default(enum backend *ret, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const char *program = NULL;

	return tool_must_find(arena, "iptables", &program, err) && variant_of(program, ret, err);
}

/* The tables of legacy are modules that the first use loads, and then listed; nft's have no such
 * list that is cheaper than reading them. */
bool kernel_backend_in_use(enum backend backend)
{
	static const char *const lists[] = { "/proc/net/ip_tables_names",
		"/proc/net/ip6_tables_names" };

	if (backend == BACKEND_NFT)
		return true;
	for (size_t i = 0; i < N_OF(lists); i++) {
		int fd = open(lists[i], O_RDONLY | O_CLOEXEC);
		char first;
		bool is_listed = fd >= 0 && read(fd, &first, 1) == 1;

		if (fd >= 0)
			close(fd);
		if (is_listed)
			return true;
	}
	return false;
}

bool backend_program(struct arena *arena, enum backend backend, enum family family,
	const char *action, const char **ret, struct err *err)
{
	const char *base = family == FAMILY_IPV6 ? "ip6tables" : "iptables";
	const char *name = arena_printf(arena, "%s-%s-%s", base, backend_name(backend), action);
	const char *plain_name = arena_printf(arena, "%s-%s", base, action);
	const char *found = tool_find(arena, name);
	const char *plain = found ? NULL : tool_find(arena, plain_name);
	enum backend variant = backend;

	if (plain) {
		if (!variant_of(plain, &variant, err))
			return false;
		if (variant == backend)
			found = plain;
	}
	if (!found) {
		err_system(err, 0, "the program %s is not installed", name);
		return err_next(err, "%s", install);
	}
	*ret = found;
	return true;
}

static bool has_net_admin(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long long caps = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (text_has_prefix(line, "CapEff:"))
			caps = strtoull(line + strlen("CapEff:"), NULL, 16);
	if (file)
		fclose(file);
	return caps >> CAP_NET_ADMIN_BIT & 1;
}

bool kernel_must_be_admin(struct err *err)
{
	if (has_net_admin())
		return true;
	err_system(err, 0, "this needs root (the capability CAP_NET_ADMIN)");
	return err_next(err, "call it with sudo");
}

bool kernel_check_requirements(enum backend backend, struct err *err)
{
	static const char *const actions[] = { "save", "restore" };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const char *found;

	if (!kernel_must_be_admin(err))
		return false;
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++)
		for (size_t i = 0; i < 2; i++)
			if (!backend_program(arena, backend, f, actions[i], &found, err))
				return false;
	return tool_must_find(arena, "ipset", &found, err) &&
	       tool_must_find(arena, "nft", &found, err);
}
