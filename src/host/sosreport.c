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

/* prefix: "" or "ip_netns_exec_NAME_". */
static const char *command(struct pass *pass, const char *prefix, const char *words)
{
	return load_first(pass, FILES(arena_printf(pass->arena, "networking/%s%s", prefix, words)));
}

static void take(struct pass *pass, const char *what, const char *text, enum iproute_kind kind)
{
	struct err err = { 0 };

	if (!text)
		unread(pass, what, "the sosreport has no such file");
	else if (!iproute_parse(pass->arena, pass->ns, kind, text, &err))
		unread(pass, what, err.text);
}

static void take_links(struct pass *pass, const char *prefix)
{
	const char *addresses = command(pass, prefix, "ip_-d_address");
	const char *links = command(pass, prefix, "ip_-s_-d_link");

	if (!addresses)
		addresses = command(pass, prefix, "ip_address_show");
	if (!links)
		links = command(pass, prefix, "ip_-d_link");
	take(pass, "links", links ? links : addresses, IPROUTE_LINKS);
	take(pass, "addresses", addresses, IPROUTE_ADDRESSES);
}

static void take_routes(struct pass *pass, const char *prefix)
{
	const char *all = command(pass, prefix, "ip_route_show_table_all");
	const char *six = command(pass, prefix, "ip_-6_route_show_table_all");
	const char *rules4 = command(pass, prefix, "ip_-4_rule");
	const char *rules6 = command(pass, prefix, "ip_-6_rule");

	take(pass, "routes", all, six ? IPROUTE_ROUTES4 : IPROUTE_ROUTES);
	if (six)
		take(pass, "routes", six, IPROUTE_ROUTES6);
	if (!rules4)
		rules4 = command(pass, prefix, "ip_rule");
	take(pass, "rules", rules4, IPROUTE_RULES4);
	if (rules4)
		take(pass, "rules", rules6, IPROUTE_RULES6);
	take(pass, "neighbours", command(pass, prefix, "ip_-s_-s_neigh_show"), IPROUTE_NEIGHBOURS);
	take(pass, "fdb", command(pass, prefix, "bridge_-s_-s_-d_-t_fdb_show"), IPROUTE_FDB);
}

static void take_sysctls(struct pass *pass)
{
	const char *text = load_first(pass, FILES("kernel/sysctl_-a"));

	take(pass, "sysctls", text, IPROUTE_SYSCTLS);
}

static void take_rulesets(struct pass *pass, const char *prefix)
{
	static const struct {
		const char *tool, *words;
	} files[] = {
		{ "iptables-nft", "iptables-save" },
		{ "iptables-nft", "iptables-save_-c" },
		{ "ip6tables-nft", "ip6tables-save" },
		{ "ip6tables-nft", "ip6tables-save_-c" },
		{ "nft", "nft_list_ruleset" },
		{ "nft", "nft_-a_list_ruleset" },
		{ "ipset", "ipset_save" },
	};
	static const char *const plugins[] = { "networking", "firewall_tables", "firewalld" };
	static const char *const tools[] = { "iptables-nft", "ip6tables-nft", "nft", "ipset" };

	for (size_t t = 0; t < N_OF(tools); t++) {
		const char *found = NULL;

		for (size_t f = 0; !found && f < N_OF(files); f++)
			for (size_t p = 0; !found && p < N_OF(plugins); p++)
				if (!strcmp(files[f].tool, tools[t]))
					found = load_first(
						pass, FILES(arena_printf(pass->arena, "%s/%s%s",
							      plugins[p], prefix, files[f].words)));
		if (found)
			*vec_push(&pass->texts, pass->arena) =
				(struct ruleset_text){ tools[t], found };
		else
			unread(pass, tools[t],
				"the sosreport has no such save (what iptables -L prints is not "
				"enough)");
	}
}

static void read_netns(struct pass *pass, const char *prefix)
{
	take_links(pass, prefix);
	take_routes(pass, prefix);
	if (!*prefix)
		take_sysctls(pass);
	else
		unread(pass, "sysctls", "a sosreport has those of the host alone");
	unread(pass, "conntrack", "not in a sosreport");
	unread(pass, "sockets", "not in a sosreport");
	take_rulesets(pass, prefix);
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

/* "ip_netns_exec_NAME_ip_address_show" is there for every one. */
static bool find_netns(struct arena *arena, const char *folder, struct host *host, struct err *err)
{
	static const char begin[] = "ip_netns_exec_", end[] = "_ip_address_show";
	const char *path = arena_printf(arena, "%s/sos_commands/networking", folder);
	VEC(const char *) names = { 0 };
	const struct dirent *entry;
	DIR *dir = opendir(path);

	if (!dir) {
		err_system(err, errno, "%s: it is not a sosreport: cannot open %s", folder, path);
		return err_next(err, "give the folder that holds sos_commands, or a snapshot");
	}
	while ((entry = readdir(dir)) != NULL) {
		size_t len = strlen(entry->d_name), around = strlen(begin) + strlen(end);

		if (text_has_prefix(entry->d_name, begin) && len > around &&
			!strcmp(entry->d_name + len - strlen(end), end) && names.n < LIMIT_NETNS)
			*vec_push(&names, arena) =
				arena_strndup(arena, entry->d_name + strlen(begin), len - around);
	}
	closedir(dir);
	if (names.n)
		qsort(names.items, names.n, sizeof(*names.items), by_text);
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
	struct unread *missing = arena_new_array(arena, struct unread, 2);
	struct pass names = { .arena = arena, .folder = folder };

	if (!find_netns(arena, folder, host, err))
		return false;
	host->name = first_line(&names, FILES("host/hostname", "general/hostname"));
	host->release = first_line(&names, FILES("kernel/uname_-r"));
	for (size_t i = 0; i < host->n_netns; i++) {
		struct pass pass = { .arena = arena, .folder = folder, .ns = &host->netns[i] };

		read_netns(&pass,
			i ? arena_printf(arena, "ip_netns_exec_%s_", host->netns[i].name) : "");
	}
	missing[0] = (struct unread){ "ovsdb", "portwall does not read it from a sosreport" };
	missing[1] = (struct unread){ "namespaces of processes", "not in a sosreport" };
	host->unread = missing;
	host->n_unread = 2;
	*ret = host;
	return true;
}
