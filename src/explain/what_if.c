// SPDX-License-Identifier: GPL-2.0-or-later
/* A host as it would be: copies that share all that did not change. */
#include <string.h>

#include "explain/report_internal.h"

static struct netns *copy_netns(
	struct arena *arena, const struct host *host, const struct netns *ns, struct host **ret)
{
	struct host *copy = arena_new_one(arena, struct host);

	*copy = *host;
	copy->netns = arena_new_array(arena, struct netns, host->n_netns);
	memcpy(copy->netns, host->netns, host->n_netns * sizeof(*copy->netns));
	*ret = copy;
	return &copy->netns[ns - host->netns];
}

bool host_with_rule(struct arena *arena, const struct host *host, const struct netns *ns,
	const struct edit *edit, const struct host **ret)
{
	struct host *copy;
	struct netns *changed = copy_netns(arena, host, ns, &copy);
	struct err err;

	/* a rule that cannot be written is no way out: the caller has others */
	if (!ruleset_edit(arena, ns->ruleset, edit, &changed->ruleset, &err))
		return false;
	*ret = copy;
	return true;
}

const struct host *host_with_sysctl(struct arena *arena, const struct host *host,
	const struct netns *ns, const char *name, const char *value)
{
	struct host *copy;
	struct netns *changed = copy_netns(arena, host, ns, &copy);
	struct sysctl *sysctls = arena_new_array(arena, struct sysctl, ns->n_sysctls + 1);
	size_t at = 0;
	bool found;

	while (at < ns->n_sysctls && strcmp(ns->sysctls[at].name, name) < 0)
		at++;
	found = at < ns->n_sysctls && strcmp(ns->sysctls[at].name, name) == 0;
	if (at)
		memcpy(sysctls, ns->sysctls, at * sizeof(*sysctls));
	sysctls[at] = (struct sysctl){ name, value };
	if (at + found < ns->n_sysctls)
		memcpy(&sysctls[at + 1], &ns->sysctls[at + found],
			(ns->n_sysctls - at - found) * sizeof(*sysctls));
	changed->sysctls = sysctls;
	changed->n_sysctls = ns->n_sysctls + !found;
	return copy;
}

/* What its lists are found by (host/index.h: index, master, lower) must stay. */
const struct host *host_with_link(struct arena *arena, const struct host *host,
	const struct netns *ns, const struct link *link, struct link **ret_link)
{
	struct host *copy;
	struct netns *changed = copy_netns(arena, host, ns, &copy);
	const struct link **by_index = arena_new_array(arena, const struct link *, ns->n_links + 1);

	changed->links = arena_new_array(arena, struct link, ns->n_links);
	memcpy(changed->links, ns->links, ns->n_links * sizeof(*changed->links));
	for (size_t i = 0; ns->links_by_index && i < ns->n_links; i++)
		by_index[i] = &changed->links[ns->links_by_index[i] - ns->links];
	changed->links_by_index = ns->links_by_index ? by_index : NULL;
	*ret_link = &changed->links[link - ns->links];
	return copy;
}

struct query query_moved(struct arena *arena, const struct query *query, const struct host *from,
	const struct host *to)
{
	struct query moved = *query;
	const struct walked_flow **end = &moved.flows;

	moved.ns = &to->netns[query->ns - from->netns];
	if (query->in)
		moved.in = &moved.ns->links[query->in - query->ns->links];
	for (const struct walked_flow *flow = query->flows; flow; flow = flow->before) {
		struct walked_flow *copy = arena_new_one(arena, struct walked_flow);

		*copy = *flow;
		copy->ns = &to->netns[flow->ns - from->netns];
		*end = copy;
		end = &copy->before;
	}
	return moved;
}
