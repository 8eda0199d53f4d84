// SPDX-License-Identifier: GPL-2.0-or-later
#include "policymodel.h"

#include <string.h>

#include "base/vec.h"
#include "networld.h"

/* ---- as a text */

static void print_rule(struct text *out, const struct policy_rule_model *r)
{
	static const char *const protos[] = { "tcp", "udp", "icmp" };

	text_addf(out, "  - {id: %08x-0000-4000-8000-000000000000, direction: %s, ethertype: IPv%c",
		r->number, r->is_egress ? "egress" : "ingress", r->is_v6 ? '6' : '4');
	if (r->proto != PROTO_IS_ANY)
		text_addf(out, ", protocol: %s%s", protos[r->proto],
			r->is_v6 && r->proto == PROTO_IS_ICMP ? "v6" : "");
	if (r->port && r->proto < PROTO_IS_ICMP)
		text_addf(out, ", port_range_min: %u, port_range_max: %u", r->port,
			r->port + r->of % 2);
	if (r->remote == FROM_GROUP)
		text_addf(out, ", remote_group: eeeeeee%u-0000-4000-8000-000000000000",
			r->of % POLICY_GROUPS);
	if (r->remote == FROM_PREFIX)
		text_addf(out,
			r->is_v6 ? ", remote_ip_prefix: '2001:db8::%x/127'"
				 : ", remote_ip_prefix: 10.0.0.%u/31",
			10 + (r->of & 6));
	if (r->remote == FROM_LIST)
		text_add(out, ", remote_address_group: list");
	text_add(out, "}\n");
}

static void print_groups_of(struct text *out, const struct policy_port_model *p)
{
	unsigned n = 0;

	text_add(out, ", security_groups: [");
	for (unsigned g = 0; g < POLICY_GROUPS; g++)
		if (p->groups >> g & 1)
			text_addf(
				out, "%seeeeeee%u-0000-4000-8000-000000000000", n++ ? ", " : "", g);
	text_add(out, "]}\n");
}

static void print_port(struct text *out, const struct policy_model *m, unsigned i)
{
	const struct policy_port_model *p = &m->ports[i];

	if (!p->is_there)
		return;
	if (i >= POLICY_GUESTS)
		text_addf(out,
			"- {id: f%07x-0000-4000-8000-000000000000, 'binding:host_id': far, "
			"mac_address: '02:00:00:00:01:%02x'",
			i, i);
	else
		text_addf(out, "- {id: %s, mac_address: '02:00:00:00:00:%02x'", world_port_id(i),
			10 + i);
	if (p->is_named && i < POLICY_GUESTS)
		text_addf(out, ", device: tap%.11s", world_port_id(i));
	text_add(out, ", fixed_ips: [");
	if (p->has_v4)
		text_addf(out, "10.0.0.%u%s", p->address, p->has_v6 ? ", " : "");
	if (p->has_v6)
		text_addf(out, "'2001:db8::%x'", p->address);
	text_add(out, "]");
	if (p->is_open || p->is_trusted) {
		text_add(out, p->is_open ? ", port_security_enabled: false}\n"
					 : ", device_owner: 'network:dhcp'}\n");
		return;
	}
	if (p->has_pair)
		text_addf(out, ", allowed_address_pairs: [{ip_address: 10.0.1.%u}]", p->address);
	print_groups_of(out, p);
}

void policy_model_print(struct text *out, const struct policy_model *m)
{
	text_add(out, "address_groups:\n- name: list\n  addresses: ['2001:db8::63', ");
	for (unsigned i = 0; i < N_OF(m->in_list); i++)
		if (m->in_list[i])
			text_addf(out, "10.0.0.%u, ", 10 + i);
	text_add(out, "10.0.0.99]\nsecurity_groups:\n");
	for (unsigned g = 0; g < POLICY_GROUPS; g++) {
		const struct policy_group_model *group = &m->groups[g];

		text_addf(out,
			"- name: g%u-%u\n  id: eeeeeee%u-0000-4000-8000-000000000000\n"
			"  stateful: %s\n  security_group_rules:%s\n",
			g, group->renamed, g, m->is_stateless ? "false" : "true",
			group->n_rules ? "" : " []");
		for (unsigned r = 0; r < group->n_rules; r++)
			print_rule(out, &group->rules[r]);
	}
	text_add(out, "ports:\n");
	for (unsigned i = 0; i < POLICY_GUESTS + POLICY_FAR; i++)
		print_port(out, m, i);
}

/* ---- changes */

static struct policy_rule_model random_rule(struct policy_model *m, struct random *random)
{
	struct policy_rule_model rule = { .number = ++m->next_rule,
		.is_egress = random_below(random, 2),
		.is_v6 = one_in(random, 3),
		.proto = (enum policy_proto)random_below(random, N_POLICY_PROTOS),
		.of = random_below(random, 8) };

	if (!one_in(random, 4))
		rule.port = POLICY_PLACE + random_below(random, POLICY_PLACES);
	if (one_in(random, 2))
		rule.remote = 1 + random_below(random, 3);
	return rule;
}

/* Of the same id, as who writes a file may have it, and hardly another one. */
static struct policy_rule_model other_rule(
	const struct policy_rule_model *of, struct random *random)
{
	struct policy_rule_model rule = *of;

	switch (random_below(random, 6)) {
	case 0:
		rule.is_egress = !rule.is_egress;
		break;
	case 1:
		rule.is_v6 = !rule.is_v6;
		break;
	case 2:
		rule.proto = (enum policy_proto)random_below(random, N_POLICY_PROTOS);
		break;
	case 3:
		rule.port = rule.port ? 0 : POLICY_PLACE;
		break;
	case 4:
		rule.remote = random_below(random, 4);
		break;
	default:
		rule.of = random_below(random, 8);
	}
	return rule;
}

/* Two that say the same are refused. */
static bool is_same_rule(const struct policy_rule_model *a, const struct policy_rule_model *b)
{
	struct text x CLEANUP(text_done) = TEXT_INIT, y CLEANUP(text_done) = TEXT_INIT;
	struct policy_rule_model unnumbered = *a;

	unnumbered.number = b->number;
	print_rule(&x, &unnumbered);
	print_rule(&y, b);
	return strcmp(x.data, y.data) == 0;
}

static void change_group(
	struct policy_model *m, struct random *random, struct policy_group_model *group)
{
	struct policy_rule_model rule, *other;

	if (one_in(random, 12)) {
		group->renamed++;
		return;
	}
	if (group->n_rules && one_in(random, 3)) {
		unsigned at = random_below(random, group->n_rules--);

		memmove(&group->rules[at], &group->rules[at + 1],
			(group->n_rules - at) * sizeof(rule));
		return;
	}
	other = group->n_rules ? &group->rules[random_below(random, group->n_rules)] : NULL;
	rule = other && one_in(random, 3) ? other_rule(other, random) : random_rule(m, random);
	for (unsigned i = 0; i < group->n_rules; i++)
		if (is_same_rule(&group->rules[i], &rule))
			return;
	if (other && rule.number == other->number)
		*other = rule;
	else if (group->n_rules < POLICY_RULES)
		group->rules[group->n_rules++] = rule;
}

/* Away, since a guest sends from its own address. */
static void change_far_address(struct policy_model *m, struct random *random)
{
	m->ports[POLICY_GUESTS + random_below(random, POLICY_FAR)].address ^= 64;
}

static void change_port(struct random *random, struct policy_port_model *p)
{
	switch (random_below(random, 12)) {
	case 0:
	case 1:
		p->is_there = !p->is_there;
		break;
	case 2:
		p->has_v6 = !p->has_v6;
		break;
	case 3:
		p->has_pair = !p->has_pair;
		break;
	case 4:
		if (one_in(random, 2))
			p->is_open = !p->is_open;
		else
			p->is_trusted = !p->is_trusted;
		break;
	case 5:
		p->is_named = !p->is_named;
		break;
	case 6:
		if (one_in(random, 3))
			p->has_v4 = !p->has_v4;
		break;
	default:
		p->groups ^= 1u << random_below(random, POLICY_GROUPS);
	}
}

void policy_model_change(struct policy_model *m, struct random *random)
{
	for (unsigned n = one_in(random, 4) ? 1 + random_below(random, 4) : 1; n > 0; n--)
		switch (random_below(random, 6)) {
		case 0:
		case 1:
			change_group(m, random, &m->groups[random_below(random, POLICY_GROUPS)]);
			break;
		case 2:
		case 3:
			change_port(random,
				&m->ports[random_below(random, POLICY_GUESTS + POLICY_FAR)]);
			break;
		case 4:
			change_far_address(m, random);
			break;
		default:
			if (one_in(random, 8))
				m->is_stateless = !m->is_stateless;
			else
				m->in_list[random_below(random, N_OF(m->in_list))] ^= true;
		}
}

void policy_model_init(struct policy_model *m, struct random *random)
{
	memset(m, 0, sizeof(*m));
	for (unsigned i = 0; i < POLICY_GUESTS + POLICY_FAR; i++)
		m->ports[i] = (struct policy_port_model){ .is_there = i != 1,
			.has_v4 = true,
			.has_v6 = i != 2,
			.address = 10 + i,
			.groups = 1u << random_below(random, POLICY_GROUPS) | 1 };
	for (unsigned g = 0; g < POLICY_GROUPS; g++)
		for (unsigned r = 0; r < 5; r++)
			change_group(m, random, &m->groups[g]);
}

const struct policy_rule_model *policy_model_rule(
	const struct policy_model *m, struct random *random, unsigned port)
{
	const struct policy_group_model *group = &m->groups[random_below(random, POLICY_GROUPS)];

	if (!(m->ports[port].groups >> (group - m->groups) & 1) || !group->n_rules)
		return NULL;
	return &group->rules[random_below(random, group->n_rules)];
}
