// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Messages that the kernel sends unasked: RTNLGRP_LINK and the two of addresses, NFNLGRP_NFTABLES. A transaction
 * of nftables is a message for each thing that came or went, and then NFT_MSG_NEWGEN, which
 * names the process. Who reads too slowly loses messages (ENOBUFS): then anything may have changed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/vec.h"
#include "kernel/kernel.h"
#include "kernel/netlink.h"
#include "kernel/tool.h"

#define RECEIVE_SIZE (4 << 20) /* a restart of a container program is some hundred messages */
#define TABLES_LEN   200

struct kernel_watch {
	struct mnl_socket *links, *rules;
	struct text tables; /* of the transaction that is not yet complete */
	size_t n;
	char last_table[64];
};

static bool open_socket(struct mnl_socket **ret, int bus, unsigned groups, struct err *err)
{
	int size = RECEIVE_SIZE;

	*ret = mnl_socket_open2(bus, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!*ret || mnl_socket_bind(*ret, groups, MNL_SOCKET_AUTOPID) < 0)
		return err_system(err, errno, "cannot listen to the kernel's messages");
	/* without the right to it the smaller default serves as well, until it is full */
	setsockopt(mnl_socket_get_fd(*ret), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return true;
}

bool kernel_watch_open(struct kernel_watch **ret, struct err *err)
{
	struct kernel_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		abort();
	watch->tables = (struct text)TEXT_INIT;
	if (!open_socket(&watch->links, NETLINK_ROUTE,
		    RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR, err) ||
		!open_socket(&watch->rules, NETLINK_NETFILTER, 1u << (NFNLGRP_NFTABLES - 1), err)) {
		kernel_watch_close(&watch);
		return false;
	}
	*ret = watch;
	return true;
}

void kernel_watch_close(struct kernel_watch **watch)
{
	if (!*watch)
		return;
	if ((*watch)->links)
		mnl_socket_close((*watch)->links);
	if ((*watch)->rules)
		mnl_socket_close((*watch)->rules);
	text_done(&(*watch)->tables);
	free(*watch);
	*watch = NULL;
}

int kernel_watch_links_fd(const struct kernel_watch *watch)
{
	return mnl_socket_get_fd(watch->links);
}

int kernel_watch_rules_fd(const struct kernel_watch *watch)
{
	return mnl_socket_get_fd(watch->rules);
}

/* false and errno: EAGAIN when there is no more, ENOBUFS when some were lost. */
static bool take(struct mnl_socket *socket, mnl_cb_t each, void *data)
{
	char buf[NETLINK_BUF_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t got;

	do
		got = mnl_socket_recvfrom(socket, buf, sizeof(buf));
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return false;
	mnl_cb_run(buf, (size_t)got, 0, 0, each, data);
	return true;
}

static int ignore(const struct nlmsghdr *nlh, void *data)
{
	(void)nlh;
	(void)data;
	return MNL_CB_OK;
}

bool kernel_watch_links(struct kernel_watch *watch, bool *ret_is_changed, struct err *err)
{
	bool is_any = false;

	while (take(watch->links, ignore, NULL) || errno == ENOBUFS)
		is_any = true;
	if (errno != EAGAIN)
		return err_system(err, errno, "cannot read messages about links");
	*ret_is_changed = is_any;
	return true;
}

/* --- rules --- */

struct taking {
	struct arena *arena;
	struct kernel_watch *watch;
	VEC(struct kernel_change) changes;
};

/* Of every message of tables, chains, rules, sets, elements, objects and flowtables the first attribute
 * is the table. */
static void note_table(struct kernel_watch *watch, uint8_t family, const struct nlattr *attr)
{
	struct text *tables = &watch->tables;
	const char *word = netlink_nft_family(family);
	char table[sizeof(watch->last_table)];

	snprintf(table, sizeof(table), "%s %.*s", word ? word : "?",
		(int)strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr)),
		(const char *)mnl_attr_get_payload(attr));
	watch->n++;
	if (!strcmp(table, watch->last_table))
		return;
	memcpy(watch->last_table, table, sizeof(table));
	if (!strstr(tables->data, table) && tables->len < TABLES_LEN)
		text_addf(tables, "%s%s", tables->len ? ", " : "", table);
}

static bool read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	bool ok = file && fgets(line, (int)size, file);

	if (file)
		fclose(file);
	if (ok)
		line[strcspn(line, "\n")] = '\0';
	return ok;
}

/* The numbers are of the kernel's own namespace of processes: in another one they may be nobody's, or
 * somebody else's. */
static const char *parent_of(struct arena *arena, long pid, const char *program)
{
	char path[64], line[512];
	const char *behind;
	long parent;

	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	if (!read_line(path, line, sizeof(line)) || strcmp(line, program) != 0)
		return NULL;
	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	/* "812 (name) S 1 ...", and a name may have brackets */
	if (!read_line(path, line, sizeof(line)) || !(behind = strrchr(line, ')')) ||
		strlen(behind) < 5)
		return NULL;
	parent = strtol(behind + 4, NULL, 10);
	snprintf(path, sizeof(path), "/proc/%ld/comm", parent);
	return parent > 0 && read_line(path, line, sizeof(line)) ? arena_strdup(arena, line) : NULL;
}

static void begin_transaction(struct kernel_watch *watch)
{
	text_clear(&watch->tables);
	watch->n = 0;
	watch->last_table[0] = '\0';
}

static void end_transaction(struct taking *taking, const struct nlmsghdr *nlh)
{
	struct kernel_change *change = vec_push(&taking->changes, taking->arena);
	const struct nlattr *attr;

	*change = (struct kernel_change){ .program = "",
		.tables = arena_strdup(taking->arena, taking->watch->tables.data),
		.n = taking->watch->n };
	netlink_for_each(attr, nlh, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) == NFTA_GEN_PROC_PID)
			change->pid = (long)ntohl(mnl_attr_get_u32(attr));
		if (mnl_attr_get_type(attr) == NFTA_GEN_PROC_NAME)
			change->program = netlink_strdup(taking->arena, attr);
	}
	if (change->pid)
		change->parent = parent_of(taking->arena, change->pid, change->program);
	begin_transaction(taking->watch);
}

static int each_rule_message(const struct nlmsghdr *nlh, void *data)
{
	const struct nfgenmsg *msg = mnl_nlmsg_get_payload(nlh);
	struct taking *taking = data;
	const struct nlattr *attr;

	if (NFNL_SUBSYS_ID(nlh->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
		nlh->nlmsg_len < mnl_nlmsg_size(sizeof(*msg)))
		return MNL_CB_OK;
	if (NFNL_MSG_TYPE(nlh->nlmsg_type) == NFT_MSG_NEWGEN) {
		end_transaction(taking, nlh);
		return MNL_CB_OK;
	}
	netlink_for_each(attr, nlh, sizeof(*msg))
	{
		if (mnl_attr_get_type(attr) != NFTA_TABLE_NAME)
			continue;
		note_table(taking->watch, msg->nfgen_family, attr);
		break;
	}
	return MNL_CB_OK;
}

bool kernel_watch_rules(struct arena *arena, struct kernel_watch *watch, struct kernel_change **ret,
	size_t *ret_n, struct err *err)
{
	struct taking taking = { .arena = arena, .watch = watch };

	for (;;) {
		if (take(watch->rules, each_rule_message, &taking))
			continue;
		if (errno == EAGAIN)
			break;
		if (errno != ENOBUFS)
			return err_system(err, errno, "cannot read messages about rules");
		begin_transaction(watch);
		*vec_push(&taking.changes, arena) = (struct kernel_change){ .tables = "" };
	}
	*ret = taking.changes.items;
	*ret_n = taking.changes.n;
	return true;
}

/* --- iptables-legacy --- */

/* include/uapi/linux/netfilter_ipv[46]/ip[6]_tables.h: their headers do not go together. */
#define SO_GET_INFO 64
struct legacy_info {
	char name[32];
	unsigned valid_hooks, hook_entry[5], underflow[5], n_entries, size;
};

uint64_t kernel_legacy_size(void)
{
	static const char *const tables[] = { "filter", "raw" };
	static const struct {
		int domain, level;
	} families[] = { { AF_INET, IPPROTO_IP }, { AF_INET6, IPPROTO_IPV6 } };
	uint64_t sum = 0;

	if (!kernel_backend_in_use(BACKEND_LEGACY))
		return 0;
	for (size_t f = 0; f < N_OF(families); f++) {
		int fd = socket(families[f].domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

		for (size_t t = 0; fd >= 0 && t < N_OF(tables); t++) {
			struct legacy_info info = { 0 };
			socklen_t size = sizeof(info);

			memcpy(info.name, tables[t], strlen(tables[t]));
			if (getsockopt(fd, families[f].level, SO_GET_INFO, &info, &size) < 0)
				continue;
			sum = sum * 1000003 + info.size;
			sum = sum * 1000003 + info.n_entries;
		}
		if (fd >= 0)
			close(fd);
	}
	return sum;
}

/* "[12:345]" of a chain, and remarks with dates, are no rules. */
static void add_rules(struct text *out, const char *saved)
{
	while (*saved) {
		size_t len = strcspn(saved, "\n"), keep = len;

		if (*saved == ':' && memchr(saved, '[', len))
			keep = (size_t)((const char *)memchr(saved, '[', len) - saved);
		if (*saved != '#') {
			text_add_n(out, saved, keep);
			text_add(out, "\n");
		}
		saved += len + (saved[len] == '\n');
	}
}

bool kernel_legacy_rules(struct arena *arena, struct text *ret, struct err *err)
{
	text_clear(ret);
	if (!kernel_backend_in_use(BACKEND_LEGACY))
		return true;
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
		struct tool_run run CLEANUP(tool_run_done) = TOOL_RUN_INIT;
		const char *program;

		if (!backend_program(arena, BACKEND_LEGACY, f, "save", &program, err) ||
			!tool_start(&run, (const char *const[]){ program, NULL }, NULL, err) ||
			!tools_finish(&run, 1, err))
			return false;
		if (run.exit_code)
			return err_system(err, 0, "%s: %s", program, tool_complaint(arena, &run));
		add_rules(ret, run.out.data);
	}
	return true;
}
