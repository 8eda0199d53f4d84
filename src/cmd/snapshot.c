// SPDX-License-Identifier: GPL-2.0-or-later
/* The whole host in one file, and what of it could not be read. */
#include <string.h>
#include <time.h>

#include "cmd/cmd.h"
#include "host/file.h"

static const char *default_path(struct arena *arena, const struct host *host, bool is_redacted)
{
	time_t taken = (time_t)host->taken_s;
	char *name = arena_strdup(arena, is_redacted || !*host->name ? "host" : host->name);
	char date[32] = "";
	struct tm when;

	for (char *at = name; *at; at++)
		if (*at == '/')
			*at = '_';
	if (localtime_r(&taken, &when))
		strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &when);
	return arena_printf(arena, "%s-%s.pws", name, date);
}

static size_t print_unread(
	struct text *out, const char *where, const struct unread *unread, size_t n)
{
	for (size_t i = 0; i < n; i++)
		text_addf(out, "  %s%s%s: %s\n", where, *where ? ": " : "", unread[i].what,
			unread[i].why);
	return n;
}

static json_t *json_unread(const struct unread *unread, size_t n, const char *netns, json_t *list)
{
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:s*, s:s, s:s}", "netns", netns, "what",
						    unread[i].what, "why", unread[i].why));
	return list;
}

static void report(const struct invocation *inv, const struct host *host, const char *path)
{
	struct text out CLEANUP(text_done) = TEXT_INIT, list CLEANUP(text_done) = TEXT_INIT;
	size_t n_unread = print_unread(&list, "", host->unread, host->n_unread), n_links = 0;
	json_t *unread = json_array();

	json_unread(host->unread, host->n_unread, NULL, unread);
	for (size_t i = 0; i < host->n_netns; i++) {
		const struct netns *ns = &host->netns[i];

		n_links += ns->n_links;
		n_unread += print_unread(&list, ns->name, ns->unread, ns->n_unread);
		json_unread(ns->unread, ns->n_unread, ns->name, unread);
	}
	if (inv->json) {
		output_print_json(json_pack("{s:s, s:I, s:I, s:o}", "file", path, "netns",
			(json_int_t)host->n_netns, "links", (json_int_t)n_links, "unread", unread));
		return;
	}
	json_decref(unread);
	text_addf(&out, "%s: %zu network namespace%s, %zu links\n", path, host->n_netns,
		host->n_netns == 1 ? "" : "s", n_links);
	if (n_unread)
		text_addf(&out, "not read, and noted in the file as unread:\n%s", list.data);
	output_print_text(&out);
}

bool cmd_snapshot(struct invocation *inv, struct err *err)
{
	struct host_read_options options = { .only_own = inv->only_own };
	const struct host *host = NULL;
	const char *path = inv->output_path;

	if (path && !strcmp(path, "-") && inv->json)
		return err_input(err, "--json says on standard output what -o - is to have alone");
	inv->agent.progress(inv->agent.progress_data, "reading this host");
	if (!kernel_host_read(inv->arena, &options, &host, err))
		return false;
	inv->agent.progress(inv->agent.progress_data, "redacting the snapshot");
	if (inv->redact && !host_redact(inv->arena, host, &host, err))
		return false;
	if (!path)
		path = default_path(inv->arena, host, inv->redact);
	inv->agent.progress(inv->agent.progress_data, "packing the snapshot");
	if (!host_save(host, path, inv->force, err))
		return false;
	inv->agent.progress(inv->agent.progress_data, NULL);
	if (strcmp(path, "-") != 0)
		report(inv, host, path);
	return true;
}
