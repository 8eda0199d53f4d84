// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include <string.h>

#include "policy/parts.h"

#define MAX_PARTS 64 /* of one input: more find nothing else */

static void text_is_clean(const char *text)
{
	fuzz_check(text);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		fuzz_check(*c >= 0x20 && *c != 0x7f);
}

static void rule_is_whole(const struct policy_rule *rule)
{
	bool is_icmp =
		rule->has_proto && (rule->proto == PROTO_ICMP || rule->proto == PROTO_ICMPV6);

	fuzz_check(!rule->group && !rule->remote_group && !rule->remote_address_group);
	fuzz_check(policy_part_is_id(rule->id) && rule->description);
	fuzz_check(rule->direction == DIR_INGRESS || rule->direction == DIR_EGRESS);
	fuzz_check(rule->ethertype == FAMILY_IPV4 || rule->ethertype == FAMILY_IPV6);
	fuzz_check(!rule->has_proto || rule->proto_text);
	fuzz_check(!rule->has_ports || (rule->has_proto && proto_has_ports(rule->proto)));
	fuzz_check(!rule->has_ports || (rule->port_min && rule->port_min <= rule->port_max));
	fuzz_check(!rule->has_icmp_type || is_icmp);
	fuzz_check(!rule->has_icmp_code || rule->has_icmp_type);
	fuzz_check(!rule->has_prefix ||
		   (rule->prefix.addr.family == rule->ethertype && prefix_is_bare(&rule->prefix)));
}

static void port_is_whole(const struct policy_port *port)
{
	text_is_clean(port->name);
	text_is_clean(port->device);
	text_is_clean(port->device_owner);
	text_is_clean(port->host);
	fuzz_check(strlen(port->device) >= 1 && strlen(port->device) <= 15);
	fuzz_check(!(port->mac.bytes[0] & 1));
	fuzz_check(!port->groups && !port->n_groups && !port->is_local && port->stateful);
	for (size_t i = 0; i < port->n_pairs; i++)
		fuzz_check(prefix_is_bare(&port->pairs[i].prefix));
}

static void part_is_whole(const struct policy_part *part)
{
	fuzz_check(part->kind < N_PART_KINDS && policy_part_is_id(policy_part_id(part)));
	if (part->kind == PART_PORT) {
		port_is_whole(&part->port);
		for (size_t i = 0; i < part->n_group_ids; i++)
			fuzz_check(policy_part_is_id(part->group_ids[i]));
	} else if (part->kind == PART_GROUP) {
		text_is_clean(part->group.name);
		for (size_t i = 0; i < part->group.n_rules; i++) {
			rule_is_whole(&part->group.rules[i]);
			fuzz_check(part->group.rules[i].has_prefix + !!part->remote_group_ids[i] +
					   !!part->remote_address_group_ids[i] <=
				   1);
		}
	} else {
		text_is_clean(part->address_group.name);
	}
}

static void err_is_clean(const struct err *err)
{
	fuzz_check(err->kind == ERR_INPUT || err->kind == ERR_LIMIT);
	text_is_clean(err->text);
	text_is_clean(err->next_step);
}

static int compare_parts(const void *a, const void *b)
{
	const struct policy_part *one = *(const struct policy_part *const *)a;
	const struct policy_part *other = *(const struct policy_part *const *)b;

	return one->kind != other->kind ? (one->kind > other->kind) - (one->kind < other->kind)
					: strcmp(policy_part_id(one), policy_part_id(other));
}

/* What joins splits into the same parts, but that a port without a name is called by its device. */
static void join_and_split(struct arena *arena, const struct policy_part **parts, size_t n)
{
	struct text joined = TEXT_INIT, split = TEXT_INIT;
	const struct policy *policy = NULL;
	struct policy_part *again;
	size_t n_again, wrong = SIZE_MAX;
	struct err err = { 0 };

	if (!policy_join(arena, parts, n, "compute1", &policy, &wrong, &err)) {
		fuzz_check(!policy && wrong <= n);
		err_is_clean(&err);
		return;
	}
	policy_split(arena, policy, &again, &n_again);
	fuzz_check(n_again == n);
	qsort(parts, n, sizeof(*parts), compare_parts);
	for (size_t i = 0; i < n; i++) {
		struct policy_part part = *parts[i];

		if (part.kind == PART_PORT && !part.port.name[0])
			part.port.name = part.port.device;
		policy_part_encode(&joined, &part);
		policy_part_encode(&split, &again[i]);
	}
	fuzz_check(joined.len == split.len && !memcmp(joined.data, split.data, split.len));
	text_done(&joined);
	text_done(&split);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	const struct policy_part *parts[MAX_PARTS];
	struct arena *arena = arena_new();
	struct text again = TEXT_INIT;
	struct err err = { 0 };
	size_t n = 0;

	while (at < end && n < MAX_PARTS) {
		struct policy_part *part = arena_new_one(arena, struct policy_part);
		const char *before = at;

		if (!policy_part_decode(arena, &at, end, part, &err)) {
			fuzz_check(at == before);
			err_is_clean(&err);
			break;
		}
		part_is_whole(part);
		policy_part_encode(&again, part);
		fuzz_check(at > before && at <= end);
		parts[n++] = part;
	}
	fuzz_check(again.len == (size_t)(at - (const char *)data));
	fuzz_check(!memcmp(again.data, data, again.len));
	join_and_split(arena, parts, n);
	text_done(&again);
	arena_free(arena);
	return 0;
}
