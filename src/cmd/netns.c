// SPDX-License-Identifier: GPL-2.0-or-later
/* A network namespace of a host, by its name. */
#include "cmd/cmd.h"

#include "host/file.h"

#include <stdlib.h>
#include <string.h>

/* Those that have a name: of a host with many processes in some of their own not all fit. */
static bool refuse_netns(const struct host *host, const char *name, struct err *err)
{
	const char **names = calloc(host->n_netns + 1, sizeof(*names)), *nearest;
	struct text list CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; names && i < host->n_netns; i++) {
		names[i] = host->netns[i].name;
		if (*names[i] && list.len < 200)
			text_addf(&list, "%s%s", list.len ? ", " : "", names[i]);
	}
	nearest = names ? text_nearest(name, names, host->n_netns) : NULL;
	err_input(err, "this host has no network namespace %s%s%s%s", name,
		nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
	free(names);
	if (!nearest && list.len)
		err_next(err, "there are %s", list.data);
	else if (!nearest)
		err_next(err, "it has but its own, which needs no --netns");
	return false;
}

bool find_netns(
	const struct host *host, const char *name, const struct netns **ret, struct err *err)
{
	if (!name || !*name) {
		*ret = &host->netns[0];
		return true;
	}
	for (size_t i = 0; i < host->n_netns; i++) {
		if (strcmp(host->netns[i].name, name) != 0)
			continue;
		*ret = &host->netns[i];
		return true;
	}
	return refuse_netns(host, name, err);
}

bool read_host(struct invocation *inv, bool only_own, const struct host **ret, struct err *err)
{
	const struct host_read_options options = { .only_own = only_own };
	bool is_file = inv->n_snapshots, is_read;

	inv->agent.progress(
		inv->agent.progress_data, is_file ? "reading the snapshot" : "reading this host");
	is_read = is_file ? host_load(inv->arena, inv->snapshots, inv->n_snapshots, ret, err)
			  : kernel_host_read(inv->arena, &options, ret, err);
	inv->agent.progress(inv->agent.progress_data, NULL);
	return is_read;
}
