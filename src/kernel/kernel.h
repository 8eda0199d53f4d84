/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "host/edit.h"
#include "base/text.h"
#include "host/host.h"
#include "ruleset/plan.h"
#include "ruleset/ruleset.h"

/*
 * Linux: the one folder that touches it. Everything acts on the network namespace of the
 * calling process.
 */

/*
 * Programs are searched in PATH, then in /usr/sbin:/sbin:/usr/bin:/bin: iptables-nft-save and so
 * on (iptables-legacy-save), or the plain iptables-save where that is the wanted variant.
 */
enum backend { BACKEND_NFT, BACKEND_LEGACY }; /* which iptables; the bridge table is always nft */

/* So begin the names of the tables by which portwall watches packets: they are no part of a host that is read. */
#define KERNEL_WATCH_TABLE "portwall-watch-"

/* The variant behind the host's plain "iptables"; fails when there is none. */
bool kernel_backend_default(enum backend *ret, struct err *err);
const char *backend_name(enum backend backend); /* "nft", "legacy" */
/* May there be rules of this variant? A cheap look that may say yes too often, never no. */
bool kernel_backend_in_use(enum backend backend);

/* Links, bridge attributes, sysctls (rtnetlink). */
bool kernel_netns_read(struct arena *arena, const struct netns **ret, struct err *err);

/*
 * The whole host: every namespace, with all that host.h knows, and Open vSwitch. What could not
 * be read is in it as unread; fails only when this process cannot come back from a namespace.
 */
struct host_read_options {
	bool only_own;	     /* the called namespace alone */
	const char *ovs_dir; /* where db.sock is; NULL: OVS_RUNDIR, or /var/run/openvswitch */
};
bool kernel_host_read(struct arena *arena, const struct host_read_options *options,
	const struct host **ret, struct err *err);

/* What can be edited (host/edit.h) of the called namespace alone: links, sysctls and all rulesets. What could not
 * be read is in it as unread. */
const struct host *kernel_settings_read(struct arena *arena);

/*
 * iptables-save -c, ip6tables-save -c (tables filter and raw), ipset save, and the tables of
 * the bridge family. Tables that are not there are absent, not an error.
 */
bool kernel_ruleset_read(
	struct arena *arena, enum backend backend, const struct ruleset **ret, struct err *err);

/*
 * One change of a namespace's filters at a time: a lock file of this namespace in
 * /run/portwall. Waits up to wait_s seconds, then names the process that holds it.
 */
struct kernel_lock {
	int fd; /* {0}: not held */
};
bool kernel_lock_open(struct kernel_lock *ret, unsigned wait_s, struct err *err);
void kernel_lock_close(struct kernel_lock *lock); /* for CLEANUP */

/*
 * Runs the steps; backend: of TOOL_IPTABLES and TOOL_IP6TABLES. When one is refused, the undo of those done is run in reverse and err says
 * which tool refused what, with the line of the batch. If even the undo is refused, or a tool was
 * killed and may have done its step, all before it stays as it is, and err says so. A batch that was refused in its middle is taken back as far as it came. A refusal that may
 * pass (busy, locked, a set that its last rule has only just left) is tried again for a second.
 *
 * The tools share the lock (NULL: none): should this process be killed, nobody else begins before
 * the tool that it left behind has ended.
 */
bool kernel_plan_commit(const struct plan *plan, enum backend backend,
	const struct kernel_lock *lock, struct err *err);

/* Where a plan was refused, for who can do without a part of it. */
struct kernel_refusal {
	size_t step;	    /* of plan->steps; n_steps: it was not */
	unsigned line;	    /* of its text, from 1; 0: not known */
	bool is_in_between; /* not all of it could be taken back */
};
/* As kernel_plan_commit. */
bool kernel_plan_try(const struct plan *plan, enum backend backend, const struct kernel_lock *lock,
	struct kernel_refusal *ret, struct err *err);

/*
 * One conntrack entry, as the filter chains saw its first packet (after NAT of the destination):
 * ct_state is CT_NEW; interfaces and MACs are not known. An entry that came of another one
 * (RELATED: FTP data) is shown as the first packet of that one, because that is what let it in.
 * Ports are 0 where conntrack does not keep them (DCCP from Linux 6.16 on).
 */
struct flow {
	uint16_t zone;
	bool is_marked; /* has the mark of cut flows */
	struct packet first;
	const void *handle; /* of the dump; for the cut */
};

enum flow_verdict {
	FLOW_LEAVE, /* not ours: nothing is changed, also not its mark */
	FLOW_ALLOW, /* goes on: a marked one loses the mark */
	FLOW_CUT,
	FLOW_FORGET, /* its entry is deleted, marked or not */
};

/*
 * Dumps conntrack once and does what the verdict of each entry says. To cut a TCP flow is to set
 * the bit mark of its conntrack mark, and no other bit: a rule has to drop what bears it. To
 * delete its entry would be no end: conntrack takes TCP up in the middle (nf_conntrack_tcp_loose), as
 * a flow begun by whoever speaks first. Flows of all other protocols are cut by deleting, and so
 * is one whose mark the kernel refuses to set. An entry that is offloaded to a flowtable, where
 * no rule sees it, cannot be cut: a failure.
 * ret_n_cut: those that were cut or forgotten and had no mark before.
 */
typedef enum flow_verdict kernel_flow_fn(void *data, const struct flow *flow);
bool kernel_flows_cut(
	kernel_flow_fn *judge, void *data, uint32_t mark, size_t *ret_n_cut, struct err *err);

/* The same dump and the same judge, and nothing is changed: the flows that would be cut or forgotten, and had no mark before. In the
 * arena, without handle: the first max of them; ret_n_all: how many there are. */
bool kernel_flows_find(struct arena *arena, kernel_flow_fn *judge, void *data, uint32_t mark,
	size_t max, struct flow **ret, size_t *ret_n, size_t *ret_n_all, struct err *err);

/* Deletes these entries, as they are now in conntrack: of this protocol, both tuples, zone and NAT. One that has
 * gone, or another one in its place, is no failure and not counted. */
bool kernel_flows_delete(const struct conntrack_entry *const *flows, size_t n,
	size_t *ret_n_deleted, struct err *err);

/* A setting of this namespace ("net.ipv4.ip_forward", names as of struct sysctl), as /proc/sys has it;
 * NULL: there is none. */
bool kernel_sysctl_read(struct arena *arena, const char *name, const char **ret, struct err *err);

/* One attribute of one link; value: 0 or 1, or the MTU. */
bool kernel_link_set(const char *link, enum link_flag flag, uint32_t value, struct err *err);

/* One switch of one bridge, through the bridge's own attribute. */
bool kernel_bridge_set(const char *bridge, enum bridge_switch which, bool on, struct err *err);

/* A running process of this network namespace that maintains Neutron's chains, as
 * "neutron-openvswitch-agent (pid 812)"; NULL when there is none. */
const char *kernel_other_agent(struct arena *arena, const char *chain_prefix);

/* Where the last applied policy of this namespace and boot is kept:
 * "/run/portwall/<SO_NETNS_COOKIE>-<boot id>.yaml". The folder is made with the lock. PORTWALL_RUN_DIR in the
 * environment names another one, for this file and for the lock. */
bool kernel_state_path(struct arena *arena, const char **ret, struct err *err);

/* Another program that reads input and prints: argv as "dot", "-Tsvg", NULL, at most that many words.
 * package: what to install when it is not there. What it prints is added to ret. */
#define KERNEL_FILTER_WORDS 8
bool kernel_filter(struct arena *arena, const char *const *argv, const char *package,
	const char *input, struct text *ret, struct err *err);

/*
 * nftables in this process. A table that it makes with "flags owner" (Linux 5.12) is its own: nobody else changes or
 * flushes it, and it goes when the session is closed or the process ends.
 */
struct kernel_nft;
bool kernel_nft_open(struct kernel_nft **ret, struct err *err);
void kernel_nft_close(struct kernel_nft **nft); /* for CLEANUP; NULL in it is fine */
/* As in a file of nft: all of it is one transaction. err->sys is EPERM where another session owns the table. */
bool kernel_nft_run(struct kernel_nft *nft, const char *commands, struct err *err);
/* "inet portwall-guard" as nft lists it; empty: there is none. */
bool kernel_nft_list(struct kernel_nft *nft, const char *table, struct text *ret, struct err *err);

/*
 * What others change while a process waits: links and addresses, and the rules of nftables (iptables-nft's
 * too; iptables-legacy tells nobody). The descriptors are for poll(2), POLLIN; the functions take what has come.
 */
struct kernel_watch;
struct kernel_change {	     /* one transaction */
	long pid;	     /* 0: not known */
	const char *program; /* "iptables"; NULL: messages were lost, anything may have changed */
	const char *parent;  /* of the process, "dockerd"; NULL: it has gone already */
	const char *tables;  /* "ip nat, ip filter" */
	size_t n;	     /* tables, chains, rules, elements that came or went */
};
bool kernel_watch_open(struct kernel_watch **ret, struct err *err);
void kernel_watch_close(struct kernel_watch **watch); /* for CLEANUP; NULL in it is fine */
int kernel_watch_links_fd(const struct kernel_watch *watch);
int kernel_watch_rules_fd(const struct kernel_watch *watch);
bool kernel_watch_links(struct kernel_watch *watch, bool *ret_is_changed, struct err *err);
bool kernel_watch_rules(struct arena *arena, struct kernel_watch *watch, struct kernel_change **ret,
	size_t *ret_n, struct err *err);

/* The rules of iptables-legacy and ip6tables-legacy, without counters and dates: to be compared with
 * what they were. Empty where there are none. */
bool kernel_legacy_rules(struct arena *arena, struct text *ret, struct err *err);

/* How many rules and bytes the tables of iptables-legacy have, as one number that changes with them (a rule
 * that is replaced by one of its size changes nothing); costs no program. 0: there are none. */
uint64_t kernel_legacy_size(void);

/* Was it a program that this process ran lately? Of pids as the messages of nftables have them: where this process is in
 * a namespace of processes that is not the first, they are other numbers, and it says no. */
bool kernel_is_own_program(long pid);

/* Does work(data) in a network namespace of this machine, by its inode (struct netns), and comes back from it. */
bool kernel_in_netns(
	uint64_t inode, bool (*work)(void *data, struct err *err), void *data, struct err *err);

/* CAP_NET_ADMIN, and the tools that are needed: says what to install or how to call. */
bool kernel_check_requirements(enum backend backend, struct err *err);
bool kernel_must_be_admin(struct err *err); /* CAP_NET_ADMIN alone */

/*
 * Begins a process that does work(data) and ends, and that outlives its caller: in a session of its own, so that no terminal
 * ends it, without any file of ours (standard input, output and error are /dev/null; keeps_error: but for the last), child of nobody here. It has a copy of the
 * caller's memory. ret_pid: its number.
 */
bool kernel_detached_begin(
	void (*work)(void *data), void *data, bool keeps_error, pid_t *ret_pid, struct err *err);
/* A process that does work(data) and ends, at the latest with its caller. What it writes to standard output comes out of
 * *ret_fd, which does not block; its end is the work's. Who begins it has to wait for it. It has none of the caller's files. */
bool kernel_child_begin(
	void (*work)(void *data), void *data, pid_t *ret_pid, int *ret_fd, struct err *err);
/* A process that does work(data) with all that the caller has, and ends by _exit, or by SIGTERM when its caller does. */
bool kernel_process_begin(void (*work)(void *data), void *data, pid_t *ret_pid, struct err *err);
/* A connected pair of stream sockets; close-on-exec. */
bool kernel_pair_open(int ret[2], struct err *err);
/* A socket at path that listens, of that group and with mode 0660; what stands there is replaced if nobody listens behind it. group
 * NULL: of ours. */
bool kernel_socket_listen(const char *path, const char *group, int *ret_fd, struct err *err);
/* A socket that listens at an address of this host, and at no other: "::" is not 0.0.0.0 as well. */
bool kernel_tcp_listen(const struct addr *addr, uint16_t port, int *ret_fd, struct err *err);
/* Is who listens at path in our network namespace? false: nobody listens, or in another one. */
bool kernel_socket_is_here(const char *path);
/* Sleeps until CLOCK_BOOTTIME, which goes on while the machine is suspended, is at_ms. */
uint64_t kernel_boottime_ms(void);
void kernel_sleep_until(uint64_t at_ms);
/* A line for the host's log, where nobody is there to be told. */
void kernel_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
