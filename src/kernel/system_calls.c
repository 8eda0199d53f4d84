// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which system calls the service's processes have. Both filters are lists of what is allowed, because what Linux will
 * have next year is not known today. What is not on a list fails with ENOSYS, and not with EPERM: a newer libc tries newer calls
 * first, and takes ENOSYS for "this kernel has none" and goes back to the older one, which is on the list. EPERM it would believe.
 *
 * Two kinds of calls are named nevertheless, so that whoever meets them is told the truth:
 *
 *   engine  what would undo the sandbox or change the host beyond its filters: refused with EPERM. Not the end of the process,
 *           for its filter holds in the tools too, which may try and go on (nft and iptables ask for little, but they are other
 *           people's).
 *   door    the same, and programs, processes of others: nothing that is linked into it ever calls these, so
 *           what does is somebody else's code. It ends there, with a line in the kernel's log.
 *
 * Arguments are looked at where a call is harmless with some and not with others. The kernel shows a filter numbers only, not what
 * pointers point to: clone3 keeps its flags in memory, so it is not on a list, and libc takes clone.
 */
#include "kernel/system_calls.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* SCMP_A0 and its like leave datum_b out where it is not compared; clang sees it in our lines. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#include "base/vec.h"

/* --- what there is --- */

/* Memory, time, signals, itself, files by name and descriptor, waiting: any program. Names that an architecture has not are skipped. */
static const char *const of_everybody[] = {
	/* memory; mmap and mprotect are below */
	"brk", "madvise", "membarrier", "mincore", "mremap", "munmap",
	/* time */
	"clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64",
	"clock_nanosleep", "clock_nanosleep_time64", "gettimeofday", "nanosleep", "time", "times",
	/* itself */
	"exit", "exit_group", "futex", "futex_time64", "get_robust_list", "getcpu", "getegid",
	"getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getpgrp", "getpid", "getppid",
	"getrandom", "getresgid", "getresgid32", "getresuid", "getresuid32", "getrlimit",
	"getrusage", "gettid", "getuid", "getuid32", "pause", "prlimit64", "restart_syscall",
	"rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend",
	"rt_sigtimedwait", "rt_sigtimedwait_time64", "sched_getaffinity", "sched_yield",
	"set_robust_list", "set_tid_address", "sigaltstack", "sigreturn", "sysinfo", "ugetrlimit",
	"umask", "uname",
	/* files */
	"_llseek", "access", "close", "close_range", "dup", "dup2", "dup3", "faccessat",
	"faccessat2", "fadvise64", "fadvise64_64", "fallocate", "fchmod", "fcntl", "fcntl64",
	"fdatasync", "flock", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64", "fsync",
	"ftruncate", "ftruncate64", "getcwd", "getdents", "getdents64", "lseek", "lstat", "lstat64",
	"newfstatat", "open", "openat", "pread64", "preadv", "preadv2", "pwrite64", "pwritev",
	"pwritev2", "read", "readlink", "readlinkat", "readv", "rename", "renameat", "renameat2",
	"stat", "stat64", "statfs", "statfs64", "statx", "unlink", "unlinkat", "write", "writev",
	/* waiting */
	"epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait",
	"eventfd", "eventfd2", "pipe", "pipe2", "poll", "ppoll", "ppoll_time64", "pselect6",
	"pselect6_time64", "select", "_newselect", "signalfd", "signalfd4", "timerfd_create",
	"timerfd_gettime", "timerfd_gettime64", "timerfd_settime", "timerfd_settime64",
	/* sockets that are there */
	"accept", "accept4", "getpeername", "getsockname", "getsockopt", "recv", "recvfrom",
	"recvmmsg", "recvmmsg_time64", "recvmsg", "send", "sendmmsg", "sendmsg", "sendto",
	"setsockopt", "shutdown",
	/* libmicrohttpd's answers out of files */
	"sendfile", "sendfile64"
};

/* The tools: iptables, ipset, nft, ovs-ofctl, and the shell's worth of calls that their libraries make. */
static const char *const of_engine[] = { "alarm", "arch_prctl", "bind", "capget", "capset", "chdir",
	"chmod", "connect", "copy_file_range", "execve", "fchdir", "fchmodat", "fchmodat2",
	"fgetxattr", "fork", "getgroups", "getgroups32", "getitimer", "getpgid", "getpriority",
	"getsid", "getxattr", "inotify_add_watch", "inotify_init", "inotify_init1",
	"inotify_rm_watch", "kill", "lgetxattr", "link", "linkat", "listen", "memfd_create",
	"mkdir", "mkdirat", "pidfd_open", "pidfd_send_signal", "prctl", "riscv_flush_icache",
	"rmdir", "sched_get_priority_max", "sched_get_priority_min", "sched_getparam",
	"sched_getscheduler", "set_thread_area", "set_tls", "setitimer", "setpgid", "setrlimit",
	"setsid", "sigaction", "sigprocmask", "socketpair", "splice", "symlink", "symlinkat", "tee",
	"tgkill", "tkill", "truncate", "truncate64", "utimensat", "utimensat_time64", "vfork",
	"vmsplice", "wait4", "waitid", "waitpid" };

/* What undoes a sandbox or changes the host beyond its filters. */
static const char *const of_nobody[] = { "acct", "add_key", "adjtimex", "chroot", "clock_adjtime",
	"clock_settime", "create_module", "delete_module", "finit_module", "fsconfig", "fsmount",
	"fsopen", "fspick", "init_module", "ioperm", "iopl", "kexec_file_load", "kexec_load",
	"keyctl", "lookup_dcookie", "mknod", "mknodat", "mount", "mount_setattr", "move_mount",
	"move_pages", "name_to_handle_at", "open_by_handle_at", "open_tree", "perf_event_open",
	"personality", "pidfd_getfd", "pivot_root", "process_madvise", "process_vm_readv",
	"process_vm_writev", "ptrace", "quotactl", "quotactl_fd", "reboot", "request_key",
	"setdomainname", "setgid", "setgroups", "sethostname", "setregid", "setresgid", "setresuid",
	"setreuid", "settimeofday", "setuid", "swapoff", "swapon", "syslog", "umount", "umount2",
	"unshare", "userfaultfd", "vhangup" };

/* --- making a filter --- */

struct filter {
	scmp_filter_ctx ctx;
	int sys; /* of the first rule that was refused, else 0 */
};

static void filter_done(struct filter *filter)
{
	if (filter->ctx)
		seccomp_release(filter->ctx);
}

/* A call that this architecture, or this libseccomp, does not know cannot be allowed by name: it is not on the list then. */
static void add(struct filter *filter, uint32_t action, const char *name, unsigned n_args,
	const struct scmp_arg_cmp *args)
{
	int number = seccomp_syscall_resolve_name(name), result;

	if (number == __NR_SCMP_ERROR)
		return;
	result = seccomp_rule_add_array(filter->ctx, action, number, n_args, args);
	if (result < 0 && result != -EDOM && !filter->sys)
		filter->sys = -result;
}

static void add_all(struct filter *filter, uint32_t action, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add(filter, action, names[i], 0, NULL);
}

static void allow_if(struct filter *filter, const char *name, struct scmp_arg_cmp arg)
{
	add(filter, SCMP_ACT_ALLOW, name, 1, &arg);
}

static bool filter_init(struct filter *ret, struct err *err)
{
	ret->ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	if (!ret->ctx)
		return err_system(err, ENOMEM, "a filter of system calls cannot be made");
	/* calls of another architecture (a 32-bit program) are none of ours */
	seccomp_attr_set(ret->ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* a tree of comparisons in place of a chain: each call of each tool passes it */
	seccomp_attr_set(ret->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return true;
}

static bool filter_load(struct filter *filter, struct err *err)
{
	int result = filter->sys ? -filter->sys : seccomp_load(filter->ctx);

	if (result == 0)
		return true;
	err_system(err, -result, "the filter of system calls is refused");
	return err_next(err,
		"portwall serve needs a kernel with CONFIG_SECCOMP_FILTER, and libseccomp 2.5");
}

/* --- what depends on arguments --- */

/* Memory is written or run, never both; and nothing that was written becomes code. */
static void allow_data_memory(struct filter *filter)
{
	static const char *const maps[] = { "mmap", "mmap2" };

	for (size_t i = 0; i < N_OF(maps); i++)
		allow_if(filter, maps[i], SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	allow_if(filter, "mprotect", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

/* ld.so maps the code of programs and libraries, from files. */
static void allow_code_memory(struct filter *filter)
{
	static const char *const maps[] = { "mmap", "mmap2" };

	for (size_t i = 0; i < N_OF(maps); i++)
		allow_if(filter, maps[i],
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC));
}

/* New processes, but none in namespaces of its own. */
static void allow_processes(struct filter *filter)
{
	static const unsigned long namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
						CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
						CLONE_NEWNET;

#if defined(__s390__) || defined(__CRIS__)
	/* there the stack comes first */
	allow_if(filter, "clone", SCMP_A1(SCMP_CMP_MASKED_EQ, namespaces, 0));
#else
	allow_if(filter, "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces, 0));
#endif
}

/*
 * Sockets of unix (logs, Open vSwitch, the service manager), netlink, and IP, by whose options iptables-legacy and ipset talk to
 * the kernel. AF_PACKET, AF_VSOCK, AF_ALG and others have been the way into many a kernel.
 */
static void allow_sockets(struct filter *filter)
{
	static const unsigned families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };

	for (size_t i = 0; i < N_OF(families); i++)
		allow_if(filter, "socket", SCMP_A0_32(SCMP_CMP_EQ, families[i]));
}

/* The reader looks into the network namespaces of the host, and in no namespace of another kind. */
static void allow_net_namespaces(struct filter *filter)
{
	allow_if(filter, "setns", SCMP_A1_32(SCMP_CMP_EQ, CLONE_NEWNET));
	add(filter, SCMP_ACT_ERRNO(EPERM), "setns", 1,
		&SCMP_A1_32(SCMP_CMP_NE, (uint32_t)CLONE_NEWNET));
}

/* Is there a program at a device? Answered EPERM, the reader would take it for "there is none". */
static void allow_bpf_query(struct filter *filter)
{
	allow_if(filter, "bpf", SCMP_A0_32(SCMP_CMP_EQ, BPF_PROG_QUERY));
	add(filter, SCMP_ACT_ERRNO(EPERM), "bpf", 1, &SCMP_A0_32(SCMP_CMP_NE, BPF_PROG_QUERY));
}

/*
 * By number, because some act on the whole host: TIOCSTI types into a terminal, and devices and file systems have many more. The kernel
 * looks at 32 bits of the number only, so "all but TIOCSTI" would let it through with a bit above them.
 */
static void allow_ioctls(struct filter *filter, const unsigned long *requests, size_t n)
{
	for (size_t i = 0; i < n; i++)
		allow_if(filter, "ioctl", SCMP_A1_32(SCMP_CMP_EQ, requests[i]));
}

/* abort() */
static void allow_signals_to_self(struct filter *filter)
{
	uint32_t self = (uint32_t)getpid();

	allow_if(filter, "tgkill", SCMP_A0_32(SCMP_CMP_EQ, self));
	allow_if(filter, "kill", SCMP_A0_32(SCMP_CMP_EQ, self));
}

/* --- the two --- */

/* stdio asks whether a file is a terminal, and how wide. */
static const unsigned long ioctls_of_everybody[] = { FIOCLEX, FIONBIO, FIONREAD, TCGETS,
	TIOCGWINSZ };
/* Interfaces: names and numbers; offloads. */
static const unsigned long ioctls_of_engine[] = { SIOCETHTOOL, SIOCGIFFLAGS, SIOCGIFHWADDR,
	SIOCGIFINDEX, SIOCGIFMTU, SIOCGIFNAME };

bool system_calls_confine_engine(struct err *err)
{
	struct filter filter CLEANUP(filter_done) = { 0 };

	if (!filter_init(&filter, err))
		return false;
	add_all(&filter, SCMP_ACT_ALLOW, of_everybody, N_OF(of_everybody));
	add_all(&filter, SCMP_ACT_ALLOW, of_engine, N_OF(of_engine));
	allow_data_memory(&filter);
	allow_code_memory(&filter);
	allow_processes(&filter);
	allow_sockets(&filter);
	allow_net_namespaces(&filter);
	allow_bpf_query(&filter);
	allow_ioctls(&filter, ioctls_of_everybody, N_OF(ioctls_of_everybody));
	allow_ioctls(&filter, ioctls_of_engine, N_OF(ioctls_of_engine));
	add_all(&filter, SCMP_ACT_ERRNO(EPERM), of_nobody, N_OF(of_nobody));
	return filter_load(&filter, err);
}

bool system_calls_confine_door(struct err *err)
{
	static const char *const programs[] = { "bpf", "execve", "execveat", "setns" };
	/* a library may ask (syslog, a resolver) and live without an answer */
	static const char *const refused[] = { "connect", "clone", "fork", "socket", "socketpair",
		"vfork" };
	struct filter filter CLEANUP(filter_done) = { 0 };

	if (!filter_init(&filter, err))
		return false;
	add_all(&filter, SCMP_ACT_ALLOW, of_everybody, N_OF(of_everybody));
	allow_data_memory(&filter);
	allow_ioctls(&filter, ioctls_of_everybody, N_OF(ioctls_of_everybody));
	allow_signals_to_self(&filter);
	add_all(&filter, SCMP_ACT_ERRNO(EPERM), refused, N_OF(refused));
	add_all(&filter, SCMP_ACT_KILL_PROCESS, programs, N_OF(programs));
	add_all(&filter, SCMP_ACT_KILL_PROCESS, of_nobody, N_OF(of_nobody));
	return filter_load(&filter, err);
}
