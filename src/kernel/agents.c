// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "base/vec.h"
#include "kernel/kernel.h"
#include "kernel/processes.h"

/* /proc/PID/comm is cut to this. */
#define COMM_LEN 15
/* Neutron makes its chain prefix of so many characters of the program's name, and a dash. */
#define PREFIX_NAME_LEN 16
#define CMDLINE_SIZE	((size_t)64 * 1024)

static const char *const known_agents[] = {
	"neutron-openvswitch-agent",
	"neutron-linuxbridge-agent",
};

static const char *base_name(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	/* "neutron-openvswitch-agent: worker (...)", as setproctitle writes it */
	return arena_strndup(arena, name, strcspn(name, " :"));
}

static bool is_agent(const char *program, const char *chain_prefix)
{
	size_t len = strlen(chain_prefix);

	for (size_t i = 0; i < N_OF(known_agents); i++)
		if (!strcmp(program, known_agents[i]))
			return true;
	return len == PREFIX_NAME_LEN + 1 && chain_prefix[len - 1] == '-' &&
	       strncmp(program, chain_prefix, PREFIX_NAME_LEN) == 0;
}

static bool is_interpreter(const char *program)
{
	return text_has_prefix(program, "python");
}

/*
 * The agent that this process is, or NULL. Only what it runs counts, not what it is told:
 * "tail -f neutron-openvswitch-agent.log" is none.
 */
static const char *agent_of(struct arena *arena, long pid, const char *chain_prefix)
{
	struct text cmdline CLEANUP(text_done) = TEXT_INIT, comm CLEANUP(text_done) = TEXT_INIT;
	const char *program, *arg;
	struct err ignored;

	if (text_load(&comm, arena_printf(arena, "/proc/%ld/comm", pid), 64, &ignored)) {
		comm.data[strcspn(comm.data, "\n")] = '\0';
		for (size_t i = 0; i < N_OF(known_agents); i++)
			if (strlen(comm.data) == COMM_LEN &&
				!strncmp(comm.data, known_agents[i], COMM_LEN))
				return known_agents[i];
	}
	if (!text_load(&cmdline, arena_printf(arena, "/proc/%ld/cmdline", pid), CMDLINE_SIZE,
		    &ignored) ||
		!cmdline.len)
		return NULL;
	program = base_name(arena, cmdline.data);
	arg = cmdline.data + strlen(cmdline.data) + 1;
	while (is_interpreter(program) && arg < cmdline.data + cmdline.len) {
		if (*arg != '-') {
			program = base_name(arena, arg);
			break;
		}
		arg += strlen(arg) + 1;
	}
	return is_agent(program, chain_prefix) ? program : NULL;
}

static bool is_in_netns(struct arena *arena, long pid, const struct stat *netns)
{
	struct stat st;

	return stat(arena_printf(arena, "/proc/%ld/ns/net", pid), &st) == 0 &&
	       st.st_ino == netns->st_ino && st.st_dev == netns->st_dev;
}

const char *kernel_other_agent(struct arena *arena, const char *chain_prefix)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct stat netns;
	struct pids pids;

	if (stat("/proc/self/ns/net", &netns) < 0 || !pids_read(scratch, "/proc", &pids))
		return NULL;
	vec_for_each (pid, &pids) {
		const char *agent;

		if (*pid == getpid() || !is_in_netns(scratch, *pid, &netns))
			continue;
		agent = agent_of(scratch, *pid, chain_prefix);
		if (agent)
			return arena_printf(arena, "%s (pid %ld)", agent, *pid);
	}
	return NULL;
}
