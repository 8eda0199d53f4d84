// SPDX-License-Identifier: GPL-2.0-or-later
#include "attempt.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/vec.h"

static long try_mount(void)
{
	return mount("none", "/nowhere", "tmpfs", 0, NULL);
}

static long try_umount(void)
{
	return umount2("/nowhere", 0);
}

static long try_move_mount(void)
{
	return syscall(SYS_move_mount, -1, "", -1, "", 0);
}

static long try_open_tree(void)
{
	return syscall(SYS_open_tree, -1, "nowhere", 0);
}

static long try_fsopen(void)
{
	return syscall(SYS_fsopen, "no-such-fs", 0);
}

static long try_pivot_root(void)
{
	return syscall(SYS_pivot_root, "/nowhere", "/nowhere");
}

static long try_chroot(void)
{
	return chroot("/nowhere");
}

static long try_ptrace(void)
{
	return ptrace(PTRACE_ATTACH, 0x3fffffff, NULL, NULL);
}

static long try_read_memory(void)
{
	return syscall(SYS_process_vm_readv, 0x3fffffff, NULL, 0, NULL, 0, 0);
}

static long try_bpf(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	return syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static long try_perf(void)
{
	return syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0);
}

static long try_init_module(void)
{
	return syscall(SYS_init_module, NULL, 0, "");
}

static long try_finit_module(void)
{
	return syscall(SYS_finit_module, -1, "", 0);
}

static long try_kexec(void)
{
	return syscall(SYS_kexec_load, 0, 0, NULL, 0xffff0000ul | 0x8000);
}

static long try_reboot(void)
{
	return syscall(SYS_reboot, 0, 0, 0, NULL);
}

static long try_swapon(void)
{
	return syscall(SYS_swapon, "/nowhere", 0);
}

static long try_keyctl(void)
{
	return syscall(SYS_keyctl, 9999, 0, 0, 0, 0);
}

static long try_settime(void)
{
	return syscall(SYS_clock_settime, 9999, NULL);
}

static long try_unshare(void)
{
	return unshare(CLONE_NEWNS);
}

static long try_unshare_user(void)
{
	return unshare(CLONE_NEWUSER);
}

static long try_setns(void)
{
	return setns(-1, CLONE_NEWNS);
}

static long try_setns_any(void)
{
	return setns(-1, 0);
}

static long try_handle(void)
{
	return syscall(SYS_open_by_handle_at, -1, NULL, 0);
}

static long try_setuid(void)
{
	return setresuid(0, 0, 0);
}

static long try_personality(void)
{
	return syscall(SYS_personality, 0xffffffffu);
}

static long try_sethostname(void)
{
	return syscall(SYS_sethostname, NULL, -1);
}

static long try_mknod(void)
{
	return mknod("/nowhere/a", S_IFREG, 0);
}

const struct attempt attempts_refused[] = {
	{ "mount", try_mount, 0 },
	{ "umount", try_umount, 0 },
	{ "move_mount", try_move_mount, 0 },
	{ "open_tree", try_open_tree, 0 },
	{ "fsopen", try_fsopen, 0 },
	{ "pivot_root", try_pivot_root, 0 },
	{ "chroot", try_chroot, 0 },
	{ "ptrace", try_ptrace, 0 },
	{ "process_vm_readv", try_read_memory, 0 },
	{ "bpf: load", try_bpf, 0 },
	{ "perf_event_open", try_perf, 0 },
	{ "init_module", try_init_module, 0 },
	{ "finit_module", try_finit_module, 0 },
	{ "kexec_load", try_kexec, 0 },
	{ "reboot", try_reboot, 0 },
	{ "swapon", try_swapon, 0 },
	{ "keyctl", try_keyctl, 0 },
	{ "clock_settime", try_settime, 0 },
	{ "unshare: mounts", try_unshare, 0 },
	{ "unshare: users", try_unshare_user, 0 },
	{ "setns: mounts", try_setns, 0 },
	{ "setns: any", try_setns_any, 0 },
	{ "open_by_handle_at", try_handle, 0 },
	{ "setresuid", try_setuid, 0 },
	{ "personality", try_personality, 0 },
	{ "sethostname", try_sethostname, 0 },
	{ "mknod", try_mknod, 0 },
};
const size_t n_attempts_refused = N_OF(attempts_refused);

static long try_packet(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static long try_alg(void)
{
	return socket(AF_ALG, SOCK_SEQPACKET, 0);
}

static long try_vsock(void)
{
	return socket(AF_VSOCK, 999, 0);
}

/* The kernel refuses this pair, too, with another error. */
static long try_namespace_clone(void)
{
	return syscall(SYS_clone, CLONE_NEWUSER | CLONE_FS, NULL, NULL, NULL, 0);
}

static long try_clone3(void)
{
	return syscall(SYS_clone3, NULL, 0);
}

static long try_io_uring(void)
{
	return syscall(SYS_io_uring_setup, 0, NULL);
}

static long try_type(void)
{
	return syscall(SYS_ioctl, 0, TIOCSTI, "x");
}

/* The kernel does not look at the upper half of the number. */
static long try_type_with_a_bit_above(void)
{
	return syscall(SYS_ioctl, 0, 1ul << 32 | TIOCSTI, "x");
}

static long try_code_that_was_written(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static long try_code_that_is_writable(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0) == MAP_FAILED
		       ? -1
		       : 0;
}

const struct attempt attempts_unknown[] = {
	{ "socket of packets", try_packet, 0 },
	{ "socket of ciphers", try_alg, 0 },
	{ "socket of the hypervisor", try_vsock, 0 },
	{ "clone with a namespace", try_namespace_clone, 0 },
	{ "clone3", try_clone3, 0 },
	{ "io_uring", try_io_uring, ENOSYS },
	{ "typing into a terminal", try_type, 0 },
	{ "the same with a bit above", try_type_with_a_bit_above, 0 },
	{ "written memory as code", try_code_that_was_written, 0 },
	{ "writable code", try_code_that_is_writable, 0 },
};
const size_t n_attempts_unknown = N_OF(attempts_unknown);
