// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the processes of the service can do after they have given up the rest, and what they cannot: each call is made in a child that is
 * confined, and in one that is not, so that what is refused is refused by the confinement.
 */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <microhttpd.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "agent/agent.h"
#include "agent/guard.h"
#include "attempt.h"
#include "kernel/kernel.h"
#include "kernel/privileges.h"
#include "kernel/system_calls.h"
#include "net.h"
#include "netpolicy.h"

#define USER	  "nobody"
#define GROUP_OF  "nogroup"
#define BIT(name) (1ull << (name))
#define LENT	  (BIT(CAP_NET_ADMIN) | BIT(CAP_NET_RAW))
#define KEPT	  (LENT | BIT(CAP_SYS_ADMIN) | BIT(CAP_SYS_PTRACE))

/* --- children --- */

/* What a child does. It says what went wrong on standard error and ends with another code than 0. */
typedef int work_fn(void *data);

static int run_child(work_fn *work, void *data)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(work(data));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static int complain(const char *what, const struct err *err)
{
	fprintf(stderr, "# %s: %s (%s)\n", what, err->text, err->next_step);
	return 1;
}

/* Of /proc/self/status; all bits: it is not there. */
static unsigned long long status_of(const char *name, int base)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long long value = ~0ull;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (text_has_prefix(line, name) && line[strlen(name)] == ':')
			value = strtoull(line + strlen(name) + 1, NULL, base);
	if (file)
		fclose(file);
	return value;
}

static int differs(const char *name, int base, unsigned long long wanted)
{
	unsigned long long got = status_of(name, base);

	if (got != wanted)
		fprintf(stderr, "# %s is %llx, not %llx\n", name, got, wanted);
	return got != wanted;
}

/* --- the engine --- */

static int has_rights_of_engine(void *data)
{
	struct err err;

	(void)data;
	if (!kernel_privileges_engine(&err))
		return complain("engine", &err);
	return differs("CapEff", 16, LENT) | differs("CapPrm", 16, KEPT) |
	       differs("CapInh", 16, LENT) | differs("CapAmb", 16, LENT) |
	       differs("CapBnd", 16, LENT) | differs("NoNewPrivs", 10, 1) |
	       differs("Seccomp", 10, 2);
}

static int has_rights_of_reader(void *data)
{
	struct err err;

	(void)data;
	if (!kernel_privileges_engine(&err) || !kernel_privileges_reader(&err))
		return complain("reader", &err);
	return differs("CapEff", 16, KEPT) | differs("CapAmb", 16, LENT) |
	       differs("CapBnd", 16, LENT);
}

/* A shell is root's, and would have everything. */
static int lends_to_programs(void *data)
{
	static const char script[] = "read -r _ bits <<-END\n"
				     "$(grep CapPrm: /proc/self/status)\n"
				     "END\n"
				     "test $bits = 0000000000003000";
	struct err err;

	(void)data;
	if (!kernel_privileges_engine(&err) || !kernel_privileges_reader(&err))
		return complain("reader", &err);
	execl("/bin/sh", "sh", "-c", script, (char *)NULL);
	return 2;
}

static void the_engine_holds_what_it_needs_and_lends_less(void **state)
{
	(void)state;
	assert_int_equal(run_child(has_rights_of_engine, NULL), 0);
	assert_int_equal(run_child(has_rights_of_reader, NULL), 0);
	assert_int_equal(run_child(lends_to_programs, NULL), 0);
}

static int lacks(void *data)
{
	const char *name = data;
	struct err err;

	if (!strcmp(name, "CAP_SETUID")) {
		if (setgroups(0, NULL) < 0 || setuid(65534) < 0 ||
			kernel_privileges_door(USER, &err))
			return 2;
	} else {
		prctl(PR_CAPBSET_DROP, CAP_NET_RAW);
		if (setuid(65534) < 0 || kernel_privileges_engine(&err))
			return 2;
	}
	return !strstr(err.text, name) || !strstr(err.next_step, "root");
}

static void who_is_not_root_is_told_what_is_missing(void **state)
{
	char engine[] = "CAP_NET_ADMIN", door[] = "CAP_SETUID";

	(void)state;
	assert_int_equal(run_child(lacks, engine), 0);
	assert_int_equal(run_child(lacks, door), 0);
}

struct work {
	const char *backend;
	bool is_confined;
};

static enum flow_verdict leave(void *data, const struct flow *flow)
{
	(void)flow;
	++*(size_t *)data;
	return FLOW_LEAVE;
}

static bool read_all(struct arena *arena, struct err *err)
{
	const struct host *host;
	const char *forward;
	size_t n_cut, n = 0;

	if (!kernel_host_read(arena, &(struct host_read_options){ .only_own = true }, &host, err) ||
		!kernel_flows_cut(leave, &n, 1u << 31, &n_cut, err) ||
		!kernel_sysctl_read(arena, "net.ipv4.ip_forward", &forward, err))
		return false;
	/* that others were not asked for is the one thing */
	for (size_t i = 0; i < host->netns[0].n_unread; i++)
		return err_system(err, 0, "unread: %s: %s", host->netns[0].unread[i].what,
			host->netns[0].unread[i].why);
	return n || err_system(err, 0, "no flow is seen");
}

/* All that an engine does to a kernel, and nothing of it refused. */
static int does_its_duty(void *data)
{
	static const char yaml[] =
		GROUPS GROUP("g", IN4(L4("tcp", "22") FROM_GROUP("g")) IN6(PROTO("udp")) OUT4(ANY))
			PORTS PORT_A("g") PORT_B("g");
	const struct work *work = data;
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct agent_options options = { .backend = work->backend, .fix_sysctl = true };
	struct agent_report report;
	struct agent_view view;
	struct guard_state guard;
	const struct policy *policy;
	const char *commands;
	struct kernel_watch *watch CLEANUP(kernel_watch_close) = NULL;
	struct text legacy CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	if (work->is_confined && !kernel_privileges_engine(&err))
		return complain("engine", &err);
	if (!policy_parse(arena, "test", yaml, strlen(yaml), "here", &policy, &err) ||
		!kernel_watch_open(&watch, &err) ||
		!agent_apply(arena, policy, &options, &report, &err))
		return complain("apply", &err);
	if (!report.plan->n_steps)
		return 3;
	if (!agent_view_read(arena, policy, &options, &view, &err) ||
		!agent_guard_install(
			arena, &(struct guard_options){ 0 }, &guard, &commands, &err) ||
		!read_all(arena, &err) || !kernel_legacy_rules(arena, &legacy, &err))
		return complain("look", &err);
	if (!agent_guard_remove(arena, &(struct guard_options){ 0 }, &guard, &commands, &err) ||
		!agent_clear(arena, &options, &report, &err))
		return complain("clear", &err);
	return 0;
}

static void what_the_engine_does_is_not_refused(const char *backend)
{
	struct net *net CLEANUP(net_freep) = net_new(NET_SHARED);
	struct net_end *a = net_add_guest(net, ID_A, MAC_A);

	net_add_guest(net, ID_B, MAC_B);
	net_add_address(a, "10.0.0.10/24", "10.0.0.98");
	/* conntrack has something to tell */
	net_sh("nft 'table ip t { chain c { type filter hook output priority 0; ct state new accept; }; }' "
	       "&& ip link set lo up && ping -qc1 127.0.0.1 && nft delete table ip t");
	assert_int_equal(run_child(does_its_duty, &(struct work){ backend, false }), 0);
	assert_int_equal(run_child(does_its_duty, &(struct work){ backend, true }), 0);
}

static void the_engine_does_its_work_with_nft(void **state)
{
	(void)state;
	what_the_engine_does_is_not_refused("nft");
}

static void the_engine_does_its_work_with_legacy(void **state)
{
	(void)state;
	what_the_engine_does_is_not_refused("legacy");
}

/* --- calls --- */

struct trial {
	const struct attempt *attempt;
	bool (*confine)(struct err *err); /* NULL: not at all */
	int wanted;			  /* errno */
};

/* 0: as wanted; 1: not */
static int make_attempt(void *data)
{
	const struct trial *trial = data;
	struct err err;
	long result;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (trial->confine && !trial->confine(&err))
		return complain("filter", &err) + 1;
	errno = 0;
	result = trial->attempt->make();
	return !(result == -1 && errno == trial->wanted);
}

static void refused_only_by_the_filter(const struct attempt *table, size_t n, int wanted)
{
	for (size_t i = 0; i < n; i++) {
		struct trial trial = { &table[i], system_calls_confine_engine, wanted };

		if (run_child(make_attempt, &trial) != 0)
			fail_msg("%s is not refused", table[i].what);
		trial.confine = NULL;
		if (run_child(make_attempt, &trial) == 0 && table[i].may_be != wanted)
			fail_msg("%s is refused without the filter too", table[i].what);
	}
}

static void the_filter_refuses_the_engine_what_changes_the_host(void **state)
{
	(void)state;
	refused_only_by_the_filter(attempts_refused, n_attempts_refused, EPERM);
}

static void what_is_on_no_list_does_not_exist(void **state)
{
	(void)state;
	refused_only_by_the_filter(attempts_unknown, n_attempts_unknown, ENOSYS);
}

/* Asked about programs at a device, the kernel answers as it does without a filter. */
static int asks_for_programs(void *data)
{
	union bpf_attr attr;
	struct err err;
	long before, result;
	int sys;

	(void)data;
	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = 1; /* lo */
	attr.query.attach_type = 46;
	before = syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof(attr));
	sys = errno;
	if (!kernel_privileges_engine(&err))
		return complain("engine", &err);
	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = 1;
	attr.query.attach_type = 46;
	result = syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof(attr));
	return result != before || (result < 0 && errno != sys);
}

static void programs_at_devices_are_still_seen(void **state)
{
	(void)state;
	assert_int_equal(run_child(asks_for_programs, NULL), 0);
}

/* The test's own process has every right, as a container's may; its namespace is another one then. */
static int looks_into_another_namespace(void *data)
{
	bool is_reader = *(bool *)data;
	struct err err;
	char path[64];
	int fd, own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)getppid());
	if (unshare(CLONE_NEWNET) < 0 || own < 0)
		return 2;
	if (!kernel_privileges_engine(&err) || (is_reader && !kernel_privileges_reader(&err)))
		return complain("engine", &err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (!is_reader)
		return fd >= 0 || setns(own, CLONE_NEWNET) == 0;
	return fd < 0 || setns(fd, CLONE_NEWNET) < 0;
}

static void only_the_reader_looks_into_other_namespaces(void **state)
{
	(void)state;
	assert_int_equal(run_child(looks_into_another_namespace, &(bool){ false }), 0);
	assert_int_equal(run_child(looks_into_another_namespace, &(bool){ true }), 0);
}

/* --- the door --- */

/* A folder of the door's user, and a listening socket in it. */
struct lobby {
	char folder[64], store[96], socket[96];
	int listen_fd;
	pid_t door;
	int told; /* the door serves when there is a byte */
};

static bool become_door(void)
{
	struct err err;

	return kernel_privileges_door(USER, &err) || (complain("door", &err), false);
}

static void lobby_init(struct lobby *lobby)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(lobby->folder, sizeof(lobby->folder), "/tmp/portwall-door-XXXXXX");
	assert_non_null(mkdtemp(lobby->folder));
	assert_int_equal(chown(lobby->folder, getpwnam(USER)->pw_uid, (gid_t)-1), 0);
	snprintf(lobby->store, sizeof(lobby->store), "%s/store.db", lobby->folder);
	snprintf(lobby->socket, sizeof(lobby->socket), "%s/api.sock", lobby->folder);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", lobby->socket);
	lobby->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(lobby->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(lobby->listen_fd, 16), 0);
}

static void lobby_done(struct lobby *lobby)
{
	DIR *dir = opendir(lobby->folder);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL)
		unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(lobby->folder);
	if (lobby->listen_fd >= 0)
		close(lobby->listen_fd);
}

/* "Groups:\t0 4 27 " */
static int is_in_groups(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	int found = !file;

	while (file && fgets(line, sizeof(line), file))
		if (text_has_prefix(line, "Groups:"))
			found = line[strcspn(line, "0123456789")] != '\0';
	if (file)
		fclose(file);
	return found;
}

static int has_rights_of_door(void *data)
{
	(void)data;
	if (!become_door())
		return 1;
	return differs("CapEff", 16, 0) | differs("CapPrm", 16, 0) | differs("CapInh", 16, 0) |
	       differs("CapAmb", 16, 0) | differs("CapBnd", 16, 0) | differs("NoNewPrivs", 10, 1) |
	       differs("Seccomp", 10, 2) | differs("Uid", 10, getpwnam(USER)->pw_uid) |
	       differs("Gid", 10, getgrnam(GROUP_OF)->gr_gid) | is_in_groups();
}

static void the_door_has_no_right_at_all(void **state)
{
	(void)state;
	assert_int_equal(run_child(has_rights_of_door, NULL), 0);
}

static int is_shut_in(void *data)
{
	const char *folder = data;
	char own[96];
	pthread_t thread;
	int bad = 0;

	if (!become_door())
		return 1;
#define MUST_FAIL(call, ...)                                                                       \
	do {                                                                                       \
		static const int errors[] = { __VA_ARGS__ };                                       \
		bool is_one = false;                                                               \
		long got_ = (long)(call);                                                          \
		for (size_t i_ = 0; i_ < N_OF(errors); i_++)                                       \
			is_one |= errno == errors[i_];                                             \
		if (got_ != -1 || !is_one)                                                         \
			bad += fprintf(stderr, "# %s: %ld, %s\n", #call, got_, strerror(errno));   \
	} while (0)
	MUST_FAIL(open("/etc/shadow", O_RDONLY), EACCES);
	MUST_FAIL(open("/etc/portwall-by-the-door", O_WRONLY | O_CREAT, 0600), EACCES);
	MUST_FAIL(open("/proc/1/environ", O_RDONLY), EACCES);
	MUST_FAIL(open("/proc/sys/net/ipv4/ip_forward", O_WRONLY), EACCES);
	MUST_FAIL(socket(AF_NETLINK, SOCK_RAW, 12), EPERM);
	MUST_FAIL(socket(AF_UNIX, SOCK_STREAM, 0), EPERM);
	MUST_FAIL(socket(AF_INET, SOCK_STREAM, 0), EPERM);
	MUST_FAIL(socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){ 0 }), EPERM);
	MUST_FAIL(fork(), EPERM);
	MUST_FAIL(kill(getppid(), 0), ENOSYS);
	MUST_FAIL(syscall(SYS_memfd_create, "x", 0), ENOSYS);
	MUST_FAIL(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), ENOSYS);
	MUST_FAIL(listen(0, 1), ENOSYS);
	MUST_FAIL(chmod("/tmp", 0777), ENOSYS);
	for (size_t i = 0; i < n_attempts_unknown; i++) {
		errno = 0;
		if (attempts_unknown[i].make() != -1 || (errno != ENOSYS && errno != EPERM))
			bad += fprintf(
				stderr, "# %s: %s\n", attempts_unknown[i].what, strerror(errno));
	}
	if (pthread_create(&thread, NULL, (void *(*)(void *))(void *)abort, NULL) == 0)
		bad += fprintf(stderr, "# a thread begins\n");
	/* what is its own it may write */
	snprintf(own, sizeof(own), "%s/own", folder);
	if (open(own, O_RDWR | O_CREAT, 0600) < 0)
		bad += fprintf(stderr, "# %s: %s\n", own, strerror(errno));
	return bad != 0;
}

static void the_door_is_shut_in(void **state)
{
	struct lobby lobby;

	(void)state;
	lobby_init(&lobby);
	assert_int_equal(run_child(is_shut_in, lobby.folder), 0);
	lobby_done(&lobby);
}

static long try_execve(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static long try_execveat(void)
{
	return syscall(SYS_execveat, -1, "/bin/true", NULL, NULL, 0);
}

static int knocks(void *data)
{
	const struct attempt *attempt = data;

	if (!become_door())
		return 1;
	attempt->make();
	return 2;
}

static void what_no_library_calls_ends_the_door(void **state)
{
	struct attempt programs[] = { { "execve", try_execve, 0 },
		{ "execveat", try_execveat, 0 } };

	(void)state;
	for (size_t i = 0; i < N_OF(programs) + n_attempts_refused; i++) {
		struct attempt attempt =
			i < N_OF(programs) ? programs[i] : attempts_refused[i - N_OF(programs)];
		int status = run_child(knocks, &attempt);

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("%s: status %x", attempt.what, (unsigned)status);
	}
}

/* SQLite as the store uses it, HTTP over the socket that is there, JSON: in one thread and one epoll. */
static bool keep(sqlite3 *db, const char *value)
{
	sqlite3_stmt *put = NULL;
	bool ok;

	ok = sqlite3_prepare_v2(db, "INSERT INTO t VALUES (?)", -1, &put, NULL) == SQLITE_OK &&
	     sqlite3_bind_text(put, 1, value, -1, SQLITE_TRANSIENT) == SQLITE_OK &&
	     sqlite3_step(put) == SQLITE_DONE;
	sqlite3_finalize(put);
	return ok;
}

static enum MHD_Result answer(void *data, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *body, size_t *size, void **request)
{
	static const char begun;
	struct MHD_Response *response;
	enum MHD_Result result;
	json_t *json;
	char *words;

	(void)version;
	(void)body;
	if (!*request) {
		*request = (void *)(uintptr_t)&begun;
		return MHD_YES;
	}
	*size = 0;
	json = json_pack("{s:s, s:s, s:b}", "url", url, "method", method, "kept", keep(data, url));
	words = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	response = MHD_create_response_from_buffer(strlen(words), words, MHD_RESPMEM_MUST_FREE);
	result = MHD_queue_response(connection, 200, response);
	MHD_destroy_response(response);
	return result;
}

static void note_answered(void *data, struct MHD_Connection *connection, void **request,
	enum MHD_RequestTerminationCode how)
{
	(void)connection;
	(void)request;
	*(bool *)data = how == MHD_REQUEST_TERMINATED_COMPLETED_OK;
}

static int serves(void *data)
{
	static const char schema[] =
		"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
		"CREATE TABLE t (v TEXT); BEGIN IMMEDIATE; INSERT INTO t VALUES ('x'); COMMIT;"
		"PRAGMA wal_checkpoint(TRUNCATE); VACUUM;"
		"CREATE TEMP TABLE big AS WITH RECURSIVE n(i) AS "
		"(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
		"SELECT hex(randomblob(200)) AS v FROM n; SELECT count(*) FROM big ORDER BY v;";
	struct lobby *lobby = data;
	struct MHD_Daemon *daemon;
	char *message = NULL;
	bool is_answered = false;
	sqlite3 *db;

	if (!become_door())
		return 1;
	if (sqlite3_open(lobby->store, &db) != SQLITE_OK ||
		sqlite3_exec(db, schema, NULL, NULL, &message) != SQLITE_OK) {
		fprintf(stderr, "# sqlite: %s\n", message ? message : sqlite3_errmsg(db));
		return 2;
	}
	daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, answer,
		db, MHD_OPTION_LISTEN_SOCKET, lobby->listen_fd, MHD_OPTION_NOTIFY_COMPLETED,
		note_answered, &is_answered, MHD_OPTION_END);
	if (!daemon || write(lobby->told, "", 1) != 1)
		return 3;
	while (!is_answered && MHD_run_wait(daemon, -1) == MHD_YES)
		;
	MHD_stop_daemon(daemon);
	return sqlite3_close(db) == SQLITE_OK ? 0 : 4;
}

static void the_door_keeps_and_answers(void **state)
{
	static const char request[] =
		"GET /v2.0/ports HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct lobby lobby;
	char reply[4096], byte;
	size_t len = 0;
	ssize_t got;
	int ends[2], fd, status;

	(void)state;
	lobby_init(&lobby);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	lobby.told = ends[1];
	lobby.door = fork();
	if (lobby.door == 0)
		_exit(serves(&lobby));
	close(ends[1]);
	got = read(ends[0], &byte, 1);
	if (got == 1) {
		snprintf(address.sun_path, sizeof(address.sun_path), "%s", lobby.socket);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
		assert_int_equal(write(fd, request, strlen(request)), strlen(request));
		while ((got = read(fd, reply + len, sizeof(reply) - 1 - len)) > 0)
			len += (size_t)got;
		close(fd);
	}
	reply[len] = '\0';
	assert_int_equal(waitpid(lobby.door, &status, 0), lobby.door);
	close(ends[0]);
	lobby_done(&lobby);
	assert_int_equal(status, 0);
	assert_non_null(strstr(reply, "200 OK"));
	assert_non_null(
		strstr(reply, "{\"url\":\"/v2.0/ports\",\"method\":\"GET\",\"kept\":true}"));
}

/* Its user's other processes cannot read it. */
static int waits_as_door(void *data)
{
	const int *ends = data;
	char byte;

	if (!become_door() || write(ends[1], "", 1) != 1)
		return 1;
	return read(ends[2], &byte, 1) == 0 ? 0 : 2;
}

static int spies(void *data)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", *(pid_t *)data);
	if (setgroups(0, NULL) < 0 || setgid(getgrnam(GROUP_OF)->gr_gid) < 0 ||
		setuid(getpwnam(USER)->pw_uid) < 0)
		return 2;
	if (open(path, O_RDONLY) >= 0 || errno != EACCES)
		return 3;
	return ptrace(PTRACE_ATTACH, *(pid_t *)data, NULL, NULL) == 0;
}

static void the_door_cannot_be_read_by_its_own_user(void **state)
{
	int told[2], held[2], status;
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	assert_int_equal(pipe2(held, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		close(held[1]);
		_exit(waits_as_door((int[]){ told[0], told[1], held[0] }));
	}
	close(told[1]);
	assert_int_equal(read(told[0], &byte, 1), 1);
	assert_int_equal(run_child(spies, &pid), 0);
	close(held[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(told[0]);
	close(held[0]);
}

static void the_door_is_never_root(void **state)
{
	static const struct {
		const char *user, *says;
	} rows[] = {
		{ "no-such-user", "there is no user no-such-user" },
		{ "root", "does not run as root" },
		{ "", "there is no user " },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < N_OF(rows); i++) {
		memset(&err, 0, sizeof(err));
		assert_false(kernel_privileges_door(rows[i].user, &err));
		assert_int_equal(err.kind, ERR_INPUT);
		assert_non_null(strstr(err.text, rows[i].says));
	}
	assert_int_equal(getuid(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_engine_holds_what_it_needs_and_lends_less),
		cmocka_unit_test(who_is_not_root_is_told_what_is_missing),
		cmocka_unit_test(the_engine_does_its_work_with_nft),
		cmocka_unit_test(the_engine_does_its_work_with_legacy),
		cmocka_unit_test(the_filter_refuses_the_engine_what_changes_the_host),
		cmocka_unit_test(what_is_on_no_list_does_not_exist),
		cmocka_unit_test(programs_at_devices_are_still_seen),
		cmocka_unit_test(only_the_reader_looks_into_other_namespaces),
		cmocka_unit_test(the_door_has_no_right_at_all),
		cmocka_unit_test(the_door_is_shut_in),
		cmocka_unit_test(what_no_library_calls_ends_the_door),
		cmocka_unit_test(the_door_keeps_and_answers),
		cmocka_unit_test(the_door_cannot_be_read_by_its_own_user),
		cmocka_unit_test(the_door_is_never_root),
	};

	if (!net_main())
		return 0;
	return net_exit(cmocka_run_group_tests(tests, NULL, NULL));
}
