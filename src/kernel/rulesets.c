// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All rulesets of one namespace, as the tools print them. Nothing is asked that would make a
 * table or load a module where that can be told before: nftables' tables are listed first, and
 * each program is run only when there is something that it alone knows.
 *
 *   iptables-nft-save     when nftables has a table of one of iptables' names
 *   iptables-legacy-save  when the kernel lists such tables
 *   ebtables-nft-save     when nftables has a bridge table of one of ebtables' names: what nft prints of
 *                         it leaves out the words of modules ("xt match arp")
 *   nft list table        for every other table, by its name: one listing of all of them would read
 *                         every rule of iptables-nft as well
 *   ipset save            when the module is there
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "kernel/reading.h"
#include "kernel/tool.h"

#define TRIES 5

struct nft_table {
	uint8_t family; /* NFPROTO_... */
	const char *name;
	bool is_iptables; /* of iptables-nft, going by its name */
};

struct run {
	const char *what;   /* as in struct ruleset_text and struct unread */
	enum family family; /* of iptables-save */
	struct tool_run tool;
};

struct pass {
	struct reading *reading;
	struct arena *arena;
	VEC(struct nft_table) tables;
	VEC(struct run) runs;
};

static bool is_iptables_name(const char *name)
{
	static const char *const names[] = { "filter", "nat", "mangle", "raw", "security" };

	for (size_t i = 0; i < N_OF(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static int each_table(const struct nlmsghdr *nlh, void *data)
{
	const struct nfgenmsg *msg = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	struct pass *pass = data;

	netlink_for_each(attr, nlh, sizeof(*msg))
	{
		struct nft_table table = { .family = msg->nfgen_family };

		if (mnl_attr_get_type(attr) != NFTA_TABLE_NAME)
			continue;
		table.name = netlink_strdup(pass->arena, attr);
		/* they only say which packets netfilter tells of, and go with their process */
		if (text_has_prefix(table.name, KERNEL_WATCH_TABLE))
			continue;
		table.is_iptables =
			(table.family == NFPROTO_IPV4 || table.family == NFPROTO_IPV6) &&
			is_iptables_name(table.name);
		*vec_push(&pass->tables, pass->arena) = table;
	}
	return MNL_CB_OK;
}

static void forget_tables(void *data)
{
	((struct pass *)data)->tables.n = 0;
}

/* A program that is not there, or does not start, leaves its ruleset unread. */
static void start(struct pass *pass, const char *what, enum family family, const char *program,
	const char *const *args, const struct err *missing)
{
	VEC(const char *) argv = { 0 };
	struct run *run;
	struct err err;

	if (!program) {
		reading_unread(pass->reading, what, "%s", missing->text);
		return;
	}
	*vec_push(&argv, pass->arena) = program;
	for (; *args; args++)
		*vec_push(&argv, pass->arena) = *args;
	*vec_push(&argv, pass->arena) = NULL;
	run = vec_push(&pass->runs, pass->arena);
	*run = (struct run){ .what = what, .family = family, .tool = TOOL_RUN_INIT };
	if (!tool_start(&run->tool, argv.items, NULL, &err)) {
		reading_unread(pass->reading, what, "%s", err.text);
		pass->runs.n--;
	}
}

static void start_iptables(struct pass *pass, enum backend backend)
{
	static const char *const names[][N_IP_FAMILIES] = {
		[BACKEND_NFT] = { "iptables-nft", "ip6tables-nft" },
		[BACKEND_LEGACY] = { "iptables-legacy", "ip6tables-legacy" },
	};

	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
		const char *program = NULL;
		struct err err;
		bool is_needed = backend == BACKEND_LEGACY;

		vec_for_each (table, &pass->tables)
			is_needed |= table->is_iptables &&
				     (table->family == NFPROTO_IPV6) == (f == FAMILY_IPV6);
		if (!is_needed)
			continue;
		backend_program(pass->arena, backend, f, "save", &program, &err);
		start(pass, names[backend][f], f, program, (const char *const[]){ "-c", NULL },
			&err);
	}
}

/* Without the program nft's print of these tables remains, and what it leaves out cannot be told. */
static void start_ebtables_nft(struct pass *pass)
{
	const char *program = tool_find(pass->arena, "ebtables-nft-save");

	if (!program)
		return;
	vec_for_each (table, &pass->tables) {
		if (table->family != NFPROTO_BRIDGE ||
			(strcmp(table->name, "filter") != 0 && strcmp(table->name, "nat") != 0))
			continue;
		start(pass, "ebtables-nft", FAMILY_BRIDGE, program,
			(const char *const[]){ "-c", NULL }, NULL);
		return;
	}
}

static void start_nft(struct pass *pass)
{
	const char *program = NULL;
	bool is_one_by_one = true, is_any = false;
	struct err err;

	/* a table of a name that nft does not take is listed with all others */
	vec_for_each (table, &pass->tables) {
		is_any |= !table->is_iptables;
		is_one_by_one &= table->is_iptables || (tool_is_nft_name(table->name) &&
							       netlink_nft_family(table->family));
	}
	if (!is_any)
		return;
	tool_must_find(pass->arena, "nft", &program, &err);
	if (!program || !is_one_by_one) {
		start(pass, "nft", FAMILY_INET, program,
			(const char *const[]){ "list", "ruleset", NULL }, &err);
		return;
	}
	vec_for_each (table, &pass->tables)
		if (!table->is_iptables)
			start(pass, "nft", FAMILY_INET, program,
				(const char *const[]){ "list", "table",
					netlink_nft_family(table->family), table->name, NULL },
				&err);
}

/* The tables of legacy are modules that the first use loads, and then listed. */
static bool has_legacy_tables(struct pass *pass)
{
	static const struct {
		const char *path, *what;
	} lists[] = { { "/proc/net/ip_tables_names", "iptables-legacy" },
		{ "/proc/net/ip6_tables_names", "ip6tables-legacy" } };
	bool is_any = false;

	for (size_t i = 0; i < N_OF(lists); i++) {
		int fd = open(lists[i].path, O_RDONLY | O_CLOEXEC);
		char first;
		ssize_t got = fd >= 0 ? read(fd, &first, 1) : -1;

		/* a kernel without that module has no such file */
		if (got < 0 && (errno != ENOENT || access("/proc/net", F_OK) < 0))
			reading_unread(pass->reading, lists[i].what, "%s: %s", lists[i].path,
				strerror(errno));
		if (fd >= 0)
			close(fd);
		is_any |= got == 1;
	}
	return is_any;
}

static void start_others(struct pass *pass)
{
	static const char *const ebtables[] = { "ebtable_filter", "ebtable_nat", "ebtable_broute" };
	const char *program = NULL;
	struct err err;

	/* A module that is not there keeps nothing. */
	if (reading_has(pass->reading, "/sys/module", "ip_set", "ipset")) {
		tool_must_find(pass->arena, "ipset", &program, &err);
		start(pass, "ipset", FAMILY_IPV4, program, (const char *const[]){ "save", NULL },
			&err);
	}
	for (size_t i = 0; i < N_OF(ebtables); i++) {
		if (!reading_has(pass->reading, "/sys/module", ebtables[i], "ebtables-legacy"))
			continue;
		program = tool_find(pass->arena, "ebtables-legacy-save");
		err_system(&err, 0, "the program ebtables-legacy-save is not installed");
		start(pass, "ebtables-legacy", FAMILY_BRIDGE, program,
			(const char *const[]){ NULL }, &err);
		return;
	}
}

/* The tables that a save leaves out, with this remark, hold what only nft can express. */
static bool is_incompatible(const struct pass *pass, const struct nft_table *table)
{
	const char *remark = arena_printf(pass->arena, "# Table `%s' is incompatible", table->name);

	for (size_t i = 0; i < pass->reading->ns->n_texts; i++) {
		const struct ruleset_text *text = &pass->reading->ns->texts[i];

		if (!strcmp(text->tool,
			    table->family == NFPROTO_IPV6 ? "ip6tables-nft" : "iptables-nft"))
			return strstr(text->text, remark) != NULL;
	}
	return true; /* no save of this family could be had */
}

static void finish(struct pass *pass)
{
	struct ruleset_text *texts;
	size_t n_before = pass->reading->ns->n_texts, n = n_before;
	struct err err;

	texts = arena_new_array(pass->arena, struct ruleset_text, n_before + pass->runs.n + 1);
	if (n_before)
		memcpy(texts, pass->reading->ns->texts, n_before * sizeof(*texts));
	vec_for_each (run, &pass->runs) {
		if (!tools_finish(&run->tool, 1, &err))
			reading_unread(pass->reading, run->what, "%s", err.text);
		else if (run->tool.exit_code)
			reading_unread(pass->reading, run->what, "%s: %s", run->tool.program,
				tool_complaint(pass->arena, &run->tool));
		else
			texts[n++] = (struct ruleset_text){ run->what,
				arena_strndup(pass->arena, run->tool.out.data, run->tool.out.len) };
		tool_run_done(&run->tool);
	}
	pass->runs.n = 0;
	pass->reading->ns->texts = n ? texts : NULL;
	pass->reading->ns->n_texts = n;
}

void reading_rulesets(struct reading *reading)
{
	struct pass pass = { .reading = reading, .arena = reading->arena };
	VEC(struct nft_table) incompatible = { 0 };
	struct err err;

	if (!netlink_nft_tables(NFPROTO_UNSPEC, forget_tables, each_table, &pass, &err)) {
		reading_unread(reading, "nft", "%s", err.text);
		reading_unread(reading, "iptables-nft", "%s", err.text);
		reading_unread(reading, "ip6tables-nft", "%s", err.text);
	}
	start_iptables(&pass, BACKEND_NFT);
	if (has_legacy_tables(&pass))
		start_iptables(&pass, BACKEND_LEGACY);
	start_others(&pass);
	start_ebtables_nft(&pass);
	start_nft(&pass);
	finish(&pass);
	vec_for_each (table, &pass.tables)
		if (table->is_iptables && is_incompatible(&pass, table)) {
			table->is_iptables = false;
			*vec_push(&incompatible, pass.arena) = *table;
		}
	pass.tables.n = 0;
	vec_for_each (table, &incompatible)
		*vec_push(&pass.tables, pass.arena) = *table;
	start_nft(&pass);
	finish(&pass);
}
