// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All of netfilter that matters here, read by the programs that know its formats, side by side.
 * One iptables-save of all tables costs as much as one of the table filter; with -t legacy would
 * even make a table that is not there. nft is asked for each bridge table by name, because
 * "nft list ruleset bridge" reads every rule of iptables-nft as well (350 ms at 34,000 rules,
 * against 4 ms).
 */
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>

#include "base/vec.h"
#include "kernel/kernel.h"
#include "kernel/netlink.h"
#include "kernel/tool.h"

/* A bridge table may go between its name and its text. */
#define TRIES		  5
#define MAX_BRIDGE_TABLES 32

struct names {
	struct arena *arena;
	VEC(const char *) tables;
};

static int each_table(const struct nlmsghdr *nlh, void *data)
{
	struct names *names = data;
	const struct nlattr *attr;

	netlink_for_each(attr, nlh, sizeof(struct nfgenmsg))
	{
		const char *name;

		if (mnl_attr_get_type(attr) != NFTA_TABLE_NAME)
			continue;
		name = netlink_strdup(names->arena, attr);
		/* a table of another name is nobody's that uses nft */
		if (tool_is_nft_name(name))
			*vec_push(&names->tables, names->arena) = name;
	}
	return MNL_CB_OK;
}

static void forget_names(void *data)
{
	((struct names *)data)->tables.n = 0;
}

static bool read_bridge_tables(struct names *names, struct err *err)
{
	if (!netlink_nft_tables(NFPROTO_BRIDGE, forget_names, each_table, names, err))
		return false;
	if (names->tables.n > MAX_BRIDGE_TABLES)
		return err_limit(err, "there are more than %d nft tables of the bridge family",
			MAX_BRIDGE_TABLES);
	return true;
}

enum { RUN_IPTABLES, RUN_IP6TABLES, RUN_IPSET, RUN_NFT, N_RUNS = RUN_NFT + MAX_BRIDGE_TABLES };

struct reading {
	struct arena *arena;
	struct names names;
	struct tool_run runs[N_RUNS];
	size_t n_runs;
};

static void reading_init(struct reading *reading, struct arena *arena)
{
	*reading = (struct reading){ .arena = arena, .names = { .arena = arena } };
	for (size_t i = 0; i < N_RUNS; i++)
		reading->runs[i] = (struct tool_run)TOOL_RUN_INIT;
}

static void reading_done(struct reading *reading)
{
	for (size_t i = 0; i < N_RUNS; i++)
		tool_run_done(&reading->runs[i]);
}

static bool start_all(struct reading *reading, enum backend backend, struct err *err)
{
	const char *program;

	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
		if (!backend_program(reading->arena, backend, f, "save", &program, err))
			return false;
		if (!tool_start(&reading->runs[RUN_IPTABLES + f],
			    (const char *[]){ program, "-c", NULL }, NULL, err))
			return false;
	}
	if (!tool_must_find(reading->arena, "ipset", &program, err))
		return false;
	if (!tool_start(&reading->runs[RUN_IPSET], (const char *[]){ program, "save", NULL }, NULL,
		    err))
		return false;
	reading->n_runs = RUN_NFT;
	/* While those three work. */
	if (!read_bridge_tables(&reading->names, err))
		return false;
	if (reading->names.tables.n && !tool_must_find(reading->arena, "nft", &program, err))
		return false;
	vec_for_each (name, &reading->names.tables) {
		if (!tool_start(&reading->runs[reading->n_runs],
			    (const char *[]){ program, "list", "table", "bridge", *name, NULL },
			    NULL, err))
			return false;
		reading->n_runs++;
	}
	return true;
}

/* iptables-nft-save leaves a table out, with this remark, that it cannot express. */
static bool check_compatible(const struct tool_run *run, struct err *err)
{
	static const char *const tables[] = { "filter", "raw" };

	for (size_t i = 0; i < 2; i++) {
		char remark[64];

		snprintf(remark, sizeof(remark), "# Table `%s' is incompatible", tables[i]);
		if (strstr(run->out.data, remark)) {
			err_conflict(err,
				"%s cannot express the table %s: it holds rules made with nft",
				run->program, tables[i]);
			return err_next(err,
				"look at it with: nft list table ip %s; move "
				"those rules to a table of their own",
				tables[i]);
		}
	}
	return true;
}

static bool read_once(
	struct reading *reading, enum backend backend, bool *ret_again, struct err *err)
{
	*ret_again = false;
	if (!start_all(reading, backend, err) || !tools_finish(reading->runs, reading->n_runs, err))
		return false;
	for (size_t i = 0; i < reading->n_runs; i++) {
		const struct tool_run *run = &reading->runs[i];

		if (!run->exit_code)
			continue;
		*ret_again = i >= RUN_NFT && strstr(run->error.data, "No such file");
		err_system(err, 0, "%s: %s", run->program, tool_complaint(reading->arena, run));
		if (strstr(run->error.data, "Cannot open session"))
			err_next(err, "the kernel has no ipset: modprobe ip_set ip_set_hash_net");
		return false;
	}
	return true;
}

bool kernel_ruleset_read(
	struct arena *arena, enum backend backend, const struct ruleset **ret, struct err *err)
{
	bool again = true;

	for (int i = 0; again && i < TRIES; i++) {
		struct reading reading CLEANUP(reading_done);
		struct tool_run *runs = reading.runs;
		struct ruleset *rs;

		reading_init(&reading, arena);
		if (!read_once(&reading, backend, &again, err))
			continue;
		if (!check_compatible(&runs[RUN_IPTABLES], err) ||
			!check_compatible(&runs[RUN_IP6TABLES], err))
			return false;
		rs = ruleset_new(arena);
		for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++)
			if (!ruleset_parse_iptables(arena, rs, f,
				    f == FAMILY_IPV6 ? "ip6tables-save" : "iptables-save",
				    runs[RUN_IPTABLES + f].out.data, err))
				return false;
		if (!ruleset_parse_ipset(arena, rs, "ipset save", runs[RUN_IPSET].out.data, err))
			return false;
		for (size_t n = RUN_NFT; n < reading.n_runs; n++)
			if (!ruleset_parse_nft(arena, rs, "nft list", runs[n].out.data, err))
				return false;
		*ret = rs;
		return true;
	}
	return false;
}
