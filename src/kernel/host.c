// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A whole host. The process enters one namespace after the other and comes back; it has no
 * threads, so nothing else of it moves. What it cannot enter or read is said in "unread".
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "kernel/guests.h"
#include "kernel/kernel.h"
#include "kernel/links.h"
#include "kernel/ovs.h"
#include "kernel/processes.h"
#include "kernel/reading.h"
#include "kernel/sysctl_files.h"

#define OWN "/proc/self/ns/net"

/* A way to a namespace; the file of a process goes with it. */
struct place {
	const char *path, *name;
	uint64_t inode;
	uint64_t proc_inode; /* of a file that /proc has for each namespace; 0: not known */
};

struct pass {
	struct arena *arena;
	VEC(struct place) places;
	VEC(struct unread) unread;
};

void reading_unread(struct reading *reading, const char *what, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	*vec_push(&reading->unread, reading->arena) =
		(struct unread){ arena_strdup(reading->arena, what),
			arena_vprintf(reading->arena, fmt, ap) };
	va_end(ap);
}

bool reading_has(struct reading *reading, const char *folder, const char *file, const char *what)
{
	const char *path = arena_printf(reading->arena, "%s/%s", folder, file);

	if (access(path, F_OK) == 0)
		return true;
	if (errno == ENOENT && access(folder, F_OK) == 0)
		return false;
	reading_unread(reading, what, "%s: %s", errno == ENOENT ? folder : path, strerror(errno));
	return false;
}

static void host_unread(struct pass *pass, const char *what, const char *why)
{
	*vec_push(&pass->unread, pass->arena) =
		(struct unread){ what, arena_strdup(pass->arena, why) };
}

/* false: known already, or the end of what may be. */
static bool add_place(struct pass *pass, const char *path, const char *name)
{
	struct stat file;

	if (stat(path, &file) < 0) {
		/* a process that has gone takes nothing with it that could be said */
		if (errno != ENOENT)
			host_unread(
				pass, arena_printf(pass->arena, "netns %s", name), strerror(errno));
		return false;
	}
	vec_for_each (place, &pass->places)
		if (place->inode == file.st_ino)
			return false;
	if (pass->places.n >= LIMIT_NETNS) {
		host_unread(pass, arena_printf(pass->arena, "netns %s", name),
			"there are too many namespaces");
		return false;
	}
	*vec_push(&pass->places, pass->arena) =
		(struct place){ .path = path, .name = name, .inode = file.st_ino };
	return true;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void find_named(struct pass *pass)
{
	static const char folder[] = "/run/netns";
	DIR *dir = opendir(folder);
	VEC(const char *) names = { 0 };
	const struct dirent *entry;

	if (!dir) {
		if (errno != ENOENT)
			host_unread(pass, "named namespaces", strerror(errno));
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			*vec_push(&names, pass->arena) = arena_strdup(pass->arena, entry->d_name);
	closedir(dir);
	if (names.n)
		qsort(names.items, names.n, sizeof(*names.items), by_text);
	vec_for_each (name, &names)
		add_place(pass, arena_printf(pass->arena, "%s/%s", folder, *name), *name);
}

static const char *process_name(struct arena *arena, long pid)
{
	struct text comm CLEANUP(text_done) = TEXT_INIT;
	struct err ignored;

	if (!text_load(&comm, arena_printf(arena, "/proc/%ld/comm", pid), 64, &ignored))
		return arena_printf(arena, "pid %ld", pid);
	return arena_printf(arena, "pid %ld (%.*s)", pid, (int)strcspn(comm.data, "\n"), comm.data);
}

/* PID/net/dev is a file of the process's namespace, and may be looked at where PID/ns may not. */
static uint64_t proc_inode_of(long pid)
{
	char path[64];
	struct stat file;

	snprintf(path, sizeof(path), "/proc/%ld/net/dev", pid);
	return stat(path, &file) == 0 ? file.st_ino : 0;
}

/* Namespaces without a name: containers. The first process of each lends it one. false: its
 * namespace is not told to us. */
static bool add_process(struct pass *pass, long pid)
{
	char path[64];
	struct stat file;

	snprintf(path, sizeof(path), "/proc/%ld/ns/net", pid);
	if (stat(path, &file) < 0)
		return errno != EACCES && errno != EPERM;
	vec_for_each (place, &pass->places)
		if (place->inode == file.st_ino) {
			if (!place->proc_inode)
				place->proc_inode = proc_inode_of(pid);
			return true;
		}
	if (add_place(pass, arena_strdup(pass->arena, path), process_name(pass->arena, pid)))
		pass->places.items[pass->places.n - 1].proc_inode = proc_inode_of(pid);
	return true;
}

static bool is_in_known_place(const struct pass *pass, long pid)
{
	uint64_t inode = proc_inode_of(pid);

	vec_for_each (place, &pass->places)
		if (inode && place->proc_inode == inode)
			return true;
	return false;
}

static void find_of_processes(struct pass *pass)
{
	struct pids pids, refused = { 0 };

	if (!pids_read(pass->arena, "/proc", &pids)) {
		host_unread(pass, "namespaces of processes", strerror(errno));
		return;
	}
	vec_for_each (pid, &pids)
		if (!add_process(pass, *pid))
			*vec_push(&refused, pass->arena) = *pid;
	/* of others' processes an ordinary user is told nothing, and of some not even root */
	vec_for_each (pid, &refused) {
		if (is_in_known_place(pass, *pid))
			continue;
		host_unread(pass, "namespaces of processes",
			arena_printf(pass->arena, "%s: %s", process_name(pass->arena, *pid),
				strerror(EACCES)));
		return;
	}
}

static void forget_sysctls(void *data)
{
	((struct reading *)data)->sysctls.n = 0;
}

static void read_links(struct reading *reading)
{
	struct netlink nl CLEANUP(netlink_close) = NETLINK_INIT;
	struct links links = { 0 };
	struct err err;

	if (!netlink_open(&nl, NETLINK_ROUTE, &err) ||
		!links_read(reading->arena, &nl,
			&(struct links_read_options){
				.with_vlans = true,
				.begin = forget_sysctls,
				.each_conf = reading_link_conf,
				.conf_data = reading,
			},
			&links, &err))
		reading_unread(reading, "links", "%s", err.text);
	if (links.n > LIMIT_LINKS) {
		reading_unread(
			reading, "links", "more than %d: the others are not here", LIMIT_LINKS);
		links.n = LIMIT_LINKS;
	}
	reading->ns->links = links.items;
	reading->ns->n_links = links.n;
}

static void finish_reading(struct reading *reading)
{
	struct netns *ns = reading->ns;

	ns->sysctls = reading->sysctls.items;
	ns->n_sysctls = reading->sysctls.n;
	ns->unread = reading->unread.items;
	ns->n_unread = reading->unread.n;
	netns_parse_texts(reading->arena, ns);
	netns_finish(reading->arena, ns);
}

static void read_here(struct arena *arena, struct netns *ns)
{
	struct reading reading = { .arena = arena, .ns = ns };

	read_links(&reading);
	reading_addresses(&reading);
	reading_routes(&reading);
	reading_neighbours(&reading);
	reading_sysctls(&reading);
	reading_conntrack(&reading);
	reading_sockets(&reading);
	reading_queues(&reading);
	reading_offloads(&reading);
	reading_rulesets(&reading);
	reading_programs(&reading);
	finish_reading(&reading);
}

const struct host *kernel_settings_read(struct arena *arena)
{
	struct host *host = arena_new_one(arena, struct host);
	struct netns *ns = arena_new_one(arena, struct netns);
	struct reading reading = { .arena = arena, .ns = ns };

	ns->name = "";
	read_links(&reading);
	for (size_t i = 0; i < ns->n_links; i++)
		ns->links[i].peer_netns = ns->links[i].is_peer_away ? -1 : 0;
	reading_sysctls(&reading);
	reading_rulesets(&reading);
	finish_reading(&reading);
	host->name = host->release = "";
	host->netns = ns;
	host->n_netns = 1;
	host_finish(arena, host);
	return host;
}

/* The number that this namespace has for another one; -1: none, or it cannot be told. */
static int ask_nsid(struct netlink *nl, int fd)
{
	char buf[NETLINK_BUF_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	const struct nlattr *attr;
	ssize_t got;

	nlh->nlmsg_type = RTM_GETNSID;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = ++nl->seq;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(nlh, NETNSA_FD, (uint32_t)fd);
	if (mnl_socket_sendto(nl->socket, nlh, nlh->nlmsg_len) < 0)
		return -1;
	got = mnl_socket_recvfrom(nl->socket, buf, sizeof(buf));
	nlh = (struct nlmsghdr *)(void *)buf;
	if (got < (ssize_t)sizeof(*nlh) || nlh->nlmsg_type != RTM_NEWNSID)
		return -1;
	netlink_for_each(attr, nlh, sizeof(struct rtgenmsg))
	{
		if (mnl_attr_get_type(attr) == NETNSA_NSID)
			return (int)mnl_attr_get_u32(attr);
	}
	return -1;
}

/*
 * Where the peers are: a link tells the number that its namespace has for the peer's. Each
 * namespace that was found is asked for its number, until all that are needed are known.
 */
static void resolve_peers(const struct pass *pass, struct netns *ns, size_t at)
{
	struct netlink nl CLEANUP(netlink_close) = NETLINK_INIT;
	struct err ignored;
	size_t n_left = 0;
	int *away = arena_new_array(pass->arena, int, ns->n_links + 1);
	bool is_open = netlink_open(&nl, NETLINK_ROUTE, &ignored);

	for (size_t i = 0; i < ns->n_links; i++) {
		struct link *link = &ns->links[i];

		away[i] = link->is_peer_away ? link->peer_netns : NSID_NONE;
		link->peer_netns = link->is_peer_away ? -1 : (int)at;
		n_left += link->is_peer_away && away[i] >= 0;
	}
	for (size_t p = 0; is_open && n_left && p < pass->places.n; p++) {
		int fd = open(pass->places.items[p].path, O_RDONLY | O_CLOEXEC);
		int nsid = fd < 0 ? -1 : ask_nsid(&nl, fd);

		if (fd >= 0)
			close(fd);
		for (size_t i = 0; nsid >= 0 && i < ns->n_links; i++)
			if (ns->links[i].is_peer_away && away[i] == nsid) {
				ns->links[i].peer_netns = (int)p;
				n_left--;
			}
	}
}

/* In place p; own: the way back, which is never refused. */
static bool read_there(struct pass *pass, int own, size_t p, struct netns *ns, struct err *err)
{
	const struct place *place = &pass->places.items[p];
	int fd = -1, sys = 0;

	ns->name = place->name;
	ns->inode = place->inode;
	if (p) {
		fd = open(place->path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT &&
			(fd = netns_open_of_process(pass->arena, place->inode)) < 0)
			return true; /* it ended while the others were read: nothing is in it */
		if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
			sys = errno;
	}
	if (!sys) {
		read_here(pass->arena, ns);
		resolve_peers(pass, ns, p);
	} else {
		struct unread *unread = arena_new_one(pass->arena, struct unread);

		*unread = (struct unread){ "everything", arena_strdup(pass->arena, strerror(sys)) };
		ns->unread = unread;
		ns->n_unread = 1;
		host_unread(
			pass, arena_printf(pass->arena, "netns %s", place->name), strerror(sys));
	}
	if (fd >= 0)
		close(fd);
	if (p && !sys && setns(own, CLONE_NEWNET) < 0)
		return err_system(err, errno, "cannot return from the namespace %s", place->name);
	return true;
}

bool kernel_host_read(struct arena *arena, const struct host_read_options *options,
	const struct host **ret, struct err *err)
{
	struct host *host = arena_new_one(arena, struct host);
	struct pass pass = { .arena = arena };
	struct unread_list guests, files;
	struct utsname names;
	int own = open(OWN, O_RDONLY | O_CLOEXEC);
	bool ok = true;

	if (own < 0)
		return err_system(err, errno, "cannot open %s", OWN);
	add_place(&pass, arena_printf(arena, "/proc/self/fd/%d", own), "");
	if (options->only_own) {
		host_unread(&pass, "other namespaces", "not asked for");
	} else {
		find_named(&pass);
		find_of_processes(&pass);
	}
	uname(&names);
	host->name = arena_strdup(arena, names.nodename);
	host->release = arena_strdup(arena, names.release);
	host->taken_s = (uint64_t)time(NULL);
	host->netns = arena_new_array(arena, struct netns, pass.places.n);
	host->n_netns = pass.places.n;
	for (size_t p = 0; ok && p < pass.places.n; p++)
		ok = read_there(&pass, own, p, &host->netns[p], err);
	close(own);
	if (!ok)
		return false;
	guests = guests_read(arena, "/proc", host);
	for (size_t i = 0; i < guests.n; i++)
		host_unread(&pass, guests.items[i].what, guests.items[i].why);
	ovs_read(arena, options->ovs_dir, host);
	files = sysctl_lines_read(arena, "", host);
	for (size_t i = 0; i < files.n; i++)
		host_unread(&pass, files.items[i].what, files.items[i].why);
	for (size_t i = 0; i < host->n_unread; i++)
		host_unread(&pass, host->unread[i].what, host->unread[i].why);
	host->unread = pass.unread.items;
	host->n_unread = pass.unread.n;
	host_finish(arena, host);
	*ret = host;
	return true;
}
