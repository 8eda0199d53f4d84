// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include <string.h>

#include "policy/policy.h"

/* What holds for every policy, however odd the file. */
static void list_is_sorted_and_lean(const struct prefix_list *list, enum family family)
{
	for (size_t i = 0; i < list->n; i++) {
		fuzz_check(list->items[i].addr.family == family);
		fuzz_check(i == 0 || prefix_compare(&list->items[i - 1], &list->items[i]) < 0);
		fuzz_check(i == 0 || !prefix_covers(&list->items[i - 1], &list->items[i]));
	}
}

static void rule_is_whole(const struct policy_rule *rule, const struct policy_group *group)
{
	struct text words = TEXT_INIT;

	fuzz_check(rule->group == group && strlen(rule->id) == 36 && rule->description);
	fuzz_check(rule->has_prefix + !!rule->remote_group + !!rule->remote_address_group <= 1);
	fuzz_check(!rule->has_ports || proto_has_ports(rule->proto));
	fuzz_check(!rule->has_ports || rule->port_min <= rule->port_max);
	fuzz_check(!rule->has_icmp_code || rule->has_icmp_type);
	fuzz_check(!rule->has_prefix || rule->prefix.addr.family == rule->ethertype);
	policy_rule_print(&words, rule);
	fuzz_check(text_has_prefix(words.data, "allow "));
	text_done(&words);
}

static struct packet packet_between(const struct addr *src, const struct addr *dst, struct mac mac)
{
	return (struct packet){ .eth_src = mac,
		.ethertype = src->family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4,
		.src = *src,
		.dst = *dst,
		.proto = PROTO_TCP,
		.sport = 40000,
		.dport = 80,
		.ct_state = CT_NEW };
}

static void port_is_whole(const struct policy *policy, const struct policy_port *port)
{
	fuzz_check(strlen(port->id) == 36 && policy_port_find(policy, port->id) == port);
	fuzz_check(strlen(port->device) >= 1 && strlen(port->device) <= 15);
	for (size_t i = 0; i < port->n_fixed_ips; i++) {
		struct packet packet =
			packet_between(&port->fixed_ips[i], &port->fixed_ips[0], port->mac);
		struct decision decision;

		if (packet.src.family != packet.dst.family)
			continue;
		decision = policy_decide(port, DIR_EGRESS, &packet);
		fuzz_check(decision.reason != DROP_SPOOF && decision.reason != DROP_NO_FAMILY);
		fuzz_check(reason_is_drop(decision.reason) !=
			   policy_allows_flow(port, DIR_EGRESS, &packet));
		/* Every address of the port is a member of its groups. */
		for (size_t g = 0; g < port->n_groups; g++) {
			const struct prefix_list *list =
				&port->groups[g]->members[packet.src.family];
			bool found = false;

			for (size_t m = 0; m < list->n; m++)
				found |= prefix_contains(&list->items[m], &packet.src);
			fuzz_check(found);
		}
	}
}

static void policy_is_whole(const struct policy *policy)
{
	for (size_t g = 0; g < policy->n_groups; g++) {
		const struct policy_group *group = &policy->groups[g];

		fuzz_check(policy_group_find(policy, group->id) == group);
		for (size_t i = 0; i < group->n_rules; i++)
			rule_is_whole(&group->rules[i], group);
		list_is_sorted_and_lean(&group->members[FAMILY_IPV4], FAMILY_IPV4);
		list_is_sorted_and_lean(&group->members[FAMILY_IPV6], FAMILY_IPV6);
	}
	for (size_t p = 0; p < policy->n_ports; p++) {
		port_is_whole(policy, &policy->ports[p]);
		fuzz_check(!p || strcmp(policy->ports[p - 1].id, policy->ports[p].id) < 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	const struct policy *policy = NULL;
	struct err err = { 0 };

	/* A buffer of exactly this size, so that reading behind its end is seen. */
	if (policy_parse(arena, "fuzz", (const char *)data, size, "compute1", &policy, &err)) {
		policy_is_whole(policy);
	} else {
		fuzz_check(!policy && (err.kind == ERR_INPUT || err.kind == ERR_LIMIT));
		fuzz_check(text_has_prefix(err.text, "fuzz:"));
		for (const char *c = err.text; *c; c++)
			fuzz_check((unsigned char)*c >= 0x20 || *c == '\n');
		for (const char *c = err.next_step; *c; c++)
			fuzz_check((unsigned char)*c >= 0x20 || *c == '\n');
	}
	arena_free(arena);
	return 0;
}
