// SPDX-License-Identifier: GPL-2.0-or-later
#include "policy/whole.h"

#include <stdlib.h>
#include <string.h>

static int compare_prefixes(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

/*
 * A prefix sorts right before everything inside it, and two prefixes are either nested or apart:
 * so the last one kept is the only one that can cover the next.
 */
static size_t drop_covered(struct prefix *items, size_t n)
{
	size_t kept = 0;

	qsort(items, n, sizeof(*items), compare_prefixes);
	for (size_t i = 0; i < n; i++)
		if (!kept || !prefix_covers(&items[kept - 1], &items[i]))
			items[kept++] = items[i];
	return kept;
}

static void split_families(struct prefix *items, size_t n, struct prefix_list lists[N_IP_FAMILIES])
{
	size_t n_ipv4 = 0;

	n = drop_covered(items, n);
	while (n_ipv4 < n && items[n_ipv4].addr.family == FAMILY_IPV4)
		n_ipv4++;
	lists[FAMILY_IPV4] = (struct prefix_list){ .items = items, .n = n_ipv4 };
	lists[FAMILY_IPV6] = (struct prefix_list){ .items = items + n_ipv4, .n = n - n_ipv4 };
}

void prefix_lists_make(struct arena *arena, const struct prefix *prefixes, size_t n,
	struct prefix_list lists[N_IP_FAMILIES])
{
	struct prefix *items = arena_new_array(arena, struct prefix, n);

	if (n)
		memcpy(items, prefixes, n * sizeof(*items));
	split_families(items, n, lists);
}

static size_t port_n_members(const struct policy_port *port)
{
	return port->n_fixed_ips + port->n_pairs;
}

void policy_make_members(struct arena *arena, struct arena *scratch, struct policy *policy)
{
	struct filling {
		struct prefix *items;
		size_t n;
	} *fillings = arena_new_array(scratch, struct filling, policy->n_groups);

	for (size_t p = 0; p < policy->n_ports; p++)
		for (size_t g = 0; g < policy->ports[p].n_groups; g++)
			fillings[policy->ports[p].groups[g] - policy->groups].n +=
				port_n_members(&policy->ports[p]);
	for (size_t g = 0; g < policy->n_groups; g++) {
		fillings[g].items = arena_new_array(arena, struct prefix, fillings[g].n);
		fillings[g].n = 0;
	}
	for (size_t p = 0; p < policy->n_ports; p++) {
		const struct policy_port *port = &policy->ports[p];

		for (size_t g = 0; g < port->n_groups; g++) {
			struct filling *to = &fillings[port->groups[g] - policy->groups];

			for (size_t i = 0; i < port->n_fixed_ips; i++)
				to->items[to->n++] = prefix_of_addr(&port->fixed_ips[i]);
			for (size_t i = 0; i < port->n_pairs; i++)
				to->items[to->n++] = port->pairs[i].prefix;
		}
	}
	for (size_t g = 0; g < policy->n_groups; g++)
		split_families(fillings[g].items, fillings[g].n, policy->groups[g].members);
}
