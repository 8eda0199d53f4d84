// SPDX-License-Identifier: GPL-2.0-or-later
#include "policy/whole.h"

#include <stdlib.h>
#include <string.h>

static int compare_prefixes(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

/*
 * The next of prefixes that come sorted. A prefix sorts right before everything inside it, and two
 * prefixes are either nested or apart: so the last one kept is the only one that can cover the next.
 */
static void add_sorted(struct prefix_list *list, const struct prefix *prefix)
{
	if (!list->n || !prefix_covers(&list->items[list->n - 1], prefix))
		list->items[list->n++] = *prefix;
}

static void split_families(const struct prefix_list *all, struct prefix_list lists[N_IP_FAMILIES])
{
	size_t n_ipv4 = 0;

	while (n_ipv4 < all->n && all->items[n_ipv4].addr.family == FAMILY_IPV4)
		n_ipv4++;
	lists[FAMILY_IPV4] = (struct prefix_list){ .items = all->items, .n = n_ipv4 };
	lists[FAMILY_IPV6] =
		(struct prefix_list){ .items = all->items + n_ipv4, .n = all->n - n_ipv4 };
}

void prefix_lists_make(struct arena *arena, const struct prefix *prefixes, size_t n,
	struct prefix_list lists[N_IP_FAMILIES])
{
	struct prefix_list all = { .items = arena_new_array(arena, struct prefix, n) };

	if (n)
		memcpy(all.items, prefixes, n * sizeof(*prefixes));
	qsort(all.items, n, sizeof(*all.items), compare_prefixes);
	for (size_t i = 0; i < n; i++)
		add_sorted(&all, &all.items[i]);
	split_families(&all, lists);
}

/* An address of a port that is in groups. */
struct owned {
	struct prefix prefix;
	const struct policy_port *port;
};

static int compare_owned(const void *a, const void *b)
{
	return prefix_compare(
		&((const struct owned *)a)->prefix, &((const struct owned *)b)->prefix);
}

static size_t port_n_members(const struct policy_port *port)
{
	return port->n_groups ? port->n_fixed_ips + port->n_pairs : 0;
}

static size_t add_owned(struct owned *owned, const struct policy_port *port)
{
	size_t n = 0;

	if (!port->n_groups)
		return 0;
	for (size_t i = 0; i < port->n_fixed_ips; i++)
		owned[n++] = (struct owned){ prefix_of_addr(&port->fixed_ips[i]), port };
	for (size_t i = 0; i < port->n_pairs; i++)
		owned[n++] = (struct owned){ port->pairs[i].prefix, port };
	return n;
}

/* Sorted once for all groups: each gets its own in that order. */
static struct owned *sort_owned(struct arena *scratch, const struct policy *policy, size_t *ret_n)
{
	struct owned *owned;
	size_t n = 0;

	for (size_t p = 0; p < policy->n_ports; p++)
		n += port_n_members(&policy->ports[p]);
	owned = arena_new_array(scratch, struct owned, n);
	n = 0;
	for (size_t p = 0; p < policy->n_ports; p++)
		n += add_owned(owned + n, &policy->ports[p]);
	qsort(owned, n, sizeof(*owned), compare_owned);
	*ret_n = n;
	return owned;
}

void policy_make_members(struct arena *arena, struct arena *scratch, struct policy *policy)
{
	struct prefix_list *all = arena_new_array(scratch, struct prefix_list, policy->n_groups);
	size_t n;
	const struct owned *owned = sort_owned(scratch, policy, &n);

	for (size_t p = 0; p < policy->n_ports; p++)
		for (size_t g = 0; g < policy->ports[p].n_groups; g++)
			all[policy->ports[p].groups[g] - policy->groups].n +=
				port_n_members(&policy->ports[p]);
	for (size_t g = 0; g < policy->n_groups; g++) {
		all[g].items = arena_new_array(arena, struct prefix, all[g].n);
		all[g].n = 0;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t g = 0; g < owned[i].port->n_groups; g++)
			add_sorted(
				&all[owned[i].port->groups[g] - policy->groups], &owned[i].prefix);
	for (size_t g = 0; g < policy->n_groups; g++)
		split_families(&all[g], policy->groups[g].members);
}
