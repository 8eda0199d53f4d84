// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An unpacked sosreport: what ip, bridge, sysctl and the tools of rulesets printed, under
 * sos_commands/PLUGIN/, a file a command with its words joined by "_". The parsers of ip's text
 * are in iproute.c. A file that is not there, or a line that is not understood, leaves its part
 * unread.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/vec.h"
#include "host/internal.h"
#include "host/iproute.h"

struct pass {
	struct arena *arena;
	const char *folder;
	struct netns *ns;
	VEC(struct unread) unread;
	VEC(struct ruleset_text) texts;
};

static void unread(struct pass *pass, const char *what, const char *why)
{
	*vec_push(&pass->unread, pass->arena) =
		(struct unread){ what, arena_strdup(pass->arena, why) };
}

/* The first of these files that is there; NULL: none. */
static const char *load_first(struct pass *pass, const char *const *names)
{
	struct err ignored;

	for (; *names; names++) {
		struct text file CLEANUP(text_done) = TEXT_INIT;
		const char *path =
			arena_printf(pass->arena, "%s/sos_commands/%s", pass->folder, *names);

		if (access(path, R_OK) == 0 &&
			text_load(&file, path, LIMIT_SNAPSHOT_SIZE, &ignored))
			return arena_strndup(pass->arena, file.data, file.len);
	}
	return NULL;
}

#define FILES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Of the namespace; newer sosreports have a folder for each. */
static const char *command(struct pass *pass, const char *words)
{
	const char *name = pass->ns->name;

	if (!*name)
		return load_first(pass, FILES(arena_printf(pass->arena, "networking/%s", words)));
	return load_first(pass,
		FILES(arena_printf(pass->arena, "networking/ip_netns_exec_%s_%s", name, words),
			arena_printf(pass->arena, "networking/namespaces/%s/ip_netns_exec_%s_%s",
				name, name, words)));
}

/* sos writes a command's words as it was called, which changed over the years. */
static const char *command_of(struct pass *pass, const char *const *words)
{
	const char *found = NULL;

	for (; !found && *words; words++)
		found = command(pass, *words);
	return found;
}

static void take(struct pass *pass, const char *what, const char *text, enum iproute_kind kind)
{
	struct iproute_missing missing = { 0 };
	struct err err = { 0 };

	if (!text)
		unread(pass, what, "the sosreport has no such file");
	else if (!iproute_parse(pass->arena, pass->ns, kind, text, &missing, &err))
		unread(pass, what, err.text);
	for (size_t i = 0; i < missing.n; i++)
		unread(pass, arena_printf(pass->arena, "links %s", missing.keys[i]),
			!strcmp(missing.keys[i], "kind") ? "ip was called without -d"
							 : "ip did not print it");
}

static void take_links(struct pass *pass)
{
	const char *addresses =
		command_of(pass, FILES("ip_-d_address", "ip_-d_address_show", "ip_address_show"));
	const char *links = command_of(pass, FILES("ip_-s_-d_link", "ip_-d_link"));

	take(pass, "links", links ? links : addresses, IPROUTE_LINKS);
	take(pass, "addresses", addresses, IPROUTE_ADDRESSES);
	take(pass, "links vlans", command(pass, "bridge_-d_vlan_show"), IPROUTE_VLANS);
}

static void take_routes(struct pass *pass)
{
	const char *all = command(pass, "ip_route_show_table_all");
	const char *six = command(pass, "ip_-6_route_show_table_all");
	const char *rules4 = command_of(pass, FILES("ip_-4_rule_list", "ip_-4_rule", "ip_rule"));

	take(pass, "routes", all, six ? IPROUTE_ROUTES4 : IPROUTE_ROUTES);
	if (six)
		take(pass, "routes", six, IPROUTE_ROUTES6);
	take(pass, "rules", rules4, IPROUTE_RULES4);
	if (rules4)
		take(pass, "rules", command_of(pass, FILES("ip_-6_rule_list", "ip_-6_rule")),
			IPROUTE_RULES6);
	take(pass, "neighbours", command(pass, "ip_-s_-s_neigh_show"), IPROUTE_NEIGHBOURS);
	take(pass, "fdb", command(pass, "bridge_-s_-s_-d_-t_fdb_show"), IPROUTE_FDB);
}

static void take_sysctls(struct pass *pass)
{
	const char *text = *pass->ns->name ? command(pass, "sysctl_-a")
					   : load_first(pass, FILES("kernel/sysctl_-a"));

	take(pass, "sysctls", text, IPROUTE_SYSCTLS);
}

/* --- rulesets --- */

/* The first that is there of FOLDER/NAME for the folders that had it over the years. */
static const char *save(struct pass *pass, const char *const *names)
{
	static const char *const plugins[] = { "firewall_tables", "firewalld" };
	const char *found = command_of(pass, names);

	for (; !found && *names; names++)
		for (size_t p = 0; !found && p < N_OF(plugins) && !*pass->ns->name; p++)
			found = load_first(pass,
				FILES(arena_printf(pass->arena, "%s/%s", plugins[p], *names)));
	return found;
}

/* The list of loaded modules says that none begins so. Without a list: false. */
static bool has_no_module(struct pass *pass, const char *begin)
{
	const char *line = load_first(pass, FILES("kernel/lsmod"));

	if (!line)
		return false;
	while (*line) {
		if (text_has_prefix(line, begin))
			return false;
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return true;
}

static void take_text(struct pass *pass, const char *tool, const char *text, const char *module)
{
	if (text)
		*vec_push(&pass->texts, pass->arena) = (struct ruleset_text){ tool, text };
	else if (!module || !has_no_module(pass, module))
		unread(pass, tool,
			"the sosreport has no such save (what iptables -L prints is not enough)");
}

/* Has this print of nft every chain of the save? Then it may be of the same rules. */
static bool has_all_chains(
	struct pass *pass, const char *nft, const char *save_text, enum family family)
{
	const char *table = NULL;

	for (const char *line = save_text; *line;) {
		size_t len = strcspn(line, "\n");

		if (*line == '*')
			table = strstr(nft, arena_printf(pass->arena, "table %s %.*s {",
						    family == FAMILY_IPV6 ? "ip6" : "ip",
						    (int)len - 1, line + 1));
		if (*line == '*' && !table)
			return false;
		if (*line == ':' && table &&
			!strstr(table, arena_printf(pass->arena, "\tchain %.*s {",
					       (int)strcspn(line + 1, " "), line + 1)))
			return false;
		line += len + (line[len] == '\n');
	}
	return true;
}

/*
 * sos calls iptables-save, which is that of nf_tables or of legacy; its first line says which, or not
 * (host_save_variant). nft's own listing has the tables of the former, too.
 */
static void take_iptables(struct pass *pass, enum family family, const char *nft)
{
	static const char *const tools[N_IP_FAMILIES][2] = { { "iptables-nft", "iptables-legacy" },
		{ "ip6tables-nft", "ip6tables-legacy" } };
	static const char *const files[N_IP_FAMILIES][3] = { { "iptables-save", "iptables-save_-c",
								     NULL },
		{ "ip6tables-save", "ip6tables-save_-c", NULL } };
	static const char *const modules[N_IP_FAMILIES] = { "iptable_", "ip6table_" };
	const char *text = save(pass, files[family]);
	enum save_variant variant = text ? host_save_variant(text) : SAVE_UNKNOWN;

	if (text && variant == SAVE_UNKNOWN && has_no_module(pass, modules[family]))
		variant = SAVE_NFT;
	if (text && variant == SAVE_UNKNOWN && nft) {
		variant = has_all_chains(pass, nft, text, family) ? SAVE_NFT : SAVE_LEGACY;
		unread(pass, tools[family][variant == SAVE_NFT],
			"iptables-save does not say whether it printed these tables or those of the "
			"other iptables");
	} else {
		take_text(pass, tools[family][1], variant == SAVE_LEGACY ? text : NULL,
			modules[family]);
	}
	if (variant == SAVE_LEGACY && text)
		take_text(pass, tools[family][1], text, NULL);
	else if (text || !nft)
		take_text(pass, tools[family][0], text, "nf_tables");
}

static void take_rulesets(struct pass *pass)
{
	const char *nft = save(pass, FILES("nft_list_ruleset", "nft_-a_list_ruleset"));

	take_text(pass, "nft", nft, "nf_tables");
	take_text(pass, "ipset", save(pass, FILES("ipset_save")), "ip_set");
	take_text(pass, "ebtables-legacy", NULL, "ebtable_");
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++)
		take_iptables(pass, f, nft);
}

static void read_netns(struct pass *pass)
{
	take_links(pass);
	take_routes(pass);
	take_sysctls(pass);
	unread(pass, "conntrack", "not in a sosreport");
	unread(pass, "sockets", "not in a sosreport");
	unread(pass, "queues", "not in a sosreport");
	unread(pass, "links has_tx_checksum",
		"portwall does not read ethtool's files of a sosreport");
	unread(pass, "links has_lro", "portwall does not read ethtool's files of a sosreport");
	take_rulesets(pass);
	pass->ns->unread = pass->unread.items;
	pass->ns->n_unread = pass->unread.n;
	pass->ns->texts = pass->texts.items;
	pass->ns->n_texts = pass->texts.n;
	netns_parse_texts(pass->arena, pass->ns);
	netns_finish(pass->arena, pass->ns);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct names {
	VEC(const char *);
};

/* "ip_netns_exec_NAME_ip_address_show", "..._ip_-d_address_show": of every one. */
static void take_name(struct arena *arena, const char *file, struct names *names)
{
	static const char begin[] = "ip_netns_exec_";
	static const char *const ends[] = { "_ip_address_show", "_ip_-d_address_show" };
	size_t len = strlen(file);

	if (!text_has_prefix(file, begin))
		return;
	for (size_t e = 0; e < N_OF(ends); e++) {
		size_t around = strlen(begin) + strlen(ends[e]);
		const char *name;

		if (len <= around || strcmp(file + len - strlen(ends[e]), ends[e]) != 0)
			continue;
		name = arena_strndup(arena, file + strlen(begin), len - around);
		vec_for_each (known, names)
			if (!strcmp(*known, name))
				return;
		if (names->n < LIMIT_NETNS)
			*vec_push(names, arena) = name;
	}
}

static void find_in_folders(struct arena *arena, const char *path, struct names *names)
{
	DIR *dir = opendir(path), *inner;
	const struct dirent *entry, *file;

	if (!dir)
		return;
	while ((entry = readdir(dir)) != NULL) {
		inner = entry->d_name[0] == '.'
				? NULL
				: opendir(arena_printf(arena, "%s/%s", path, entry->d_name));
		while (inner && (file = readdir(inner)) != NULL)
			take_name(arena, file->d_name, names);
		if (inner)
			closedir(inner);
	}
	closedir(dir);
}

static bool find_netns(struct arena *arena, const char *folder, struct host *host, struct err *err)
{
	const char *path = arena_printf(arena, "%s/sos_commands/networking", folder);
	struct names names = { 0 };
	const struct dirent *entry;
	DIR *dir = opendir(path);

	if (!dir) {
		err_system(err, errno, "%s: it is not a sosreport: cannot open %s", folder, path);
		return err_next(err, "give the folder that holds sos_commands, or a snapshot");
	}
	while ((entry = readdir(dir)) != NULL)
		take_name(arena, entry->d_name, &names);
	closedir(dir);
	find_in_folders(arena, arena_printf(arena, "%s/namespaces", path), &names);
	if (names.n)
		qsort((void *)names.items, names.n, sizeof(*names.items), by_text);
	host->n_netns = names.n + 1;
	host->netns = arena_new_array(arena, struct netns, host->n_netns);
	host->netns[0].name = "";
	for (size_t i = 0; i < names.n; i++)
		host->netns[i + 1].name = names.items[i];
	return true;
}

static const char *first_line(struct pass *pass, const char *const *names)
{
	const char *text = load_first(pass, names);

	return text ? arena_strndup(pass->arena, text, strcspn(text, "\n")) : "";
}

bool host_load_sosreport(
	struct arena *arena, const char *folder, const struct host **ret, struct err *err)
{
	struct host *host = arena_new_one(arena, struct host);
	struct unread *missing = arena_new_array(arena, struct unread, 3);
	struct pass names = { .arena = arena, .folder = folder };

	if (!find_netns(arena, folder, host, err))
		return false;
	host->name = first_line(&names, FILES("host/hostname", "general/hostname"));
	host->release = first_line(&names, FILES("kernel/uname_-r"));
	for (size_t i = 0; i < host->n_netns; i++) {
		struct pass pass = { .arena = arena, .folder = folder, .ns = &host->netns[i] };

		read_netns(&pass);
	}
	missing[0] = (struct unread){ "ovsdb", "portwall does not read it from a sosreport" };
	missing[1] = (struct unread){ "namespaces of processes", "not in a sosreport" };
	missing[2] =
		(struct unread){ "sysctl files", "portwall does not read them from a sosreport" };
	host->unread = missing;
	host->n_unread = 3;
	host_finish(arena, host);
	*ret = host;
	return true;
}
