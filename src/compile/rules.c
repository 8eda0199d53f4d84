// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Security group rules as matches, and the ipsets that they name.
 *
 * A group is translated once, however many ports have it. A port gets the rules of its groups in
 * the order of the groups; a rule whose matches are there already gets no line of its own (its
 * packets never reach it), but the line remembers both, so that neither is lost to those who ask
 * what a rule became. To see this at once each distinct list of matches has a number.
 */
#include "compile/internal.h"

#include <string.h>

/* IPv4's protocol field, behind "-m u32": iptables takes "-p 0" for "any protocol". */
#define PROTO_0_TEXT "-m u32 --u32 \"0x6&0xff=0x0\""

#define SET_MAX_ELEM 65536 /* ipset's default */
#define MATCHES_MAX  6

/* An ipset that rules may name; it is made when one does. */
struct set_plan {
	const char *name;
	enum family family;
	const struct prefix_list *members;
	bool is_used;
	struct set_plan *next;
};

/* A security group rule as matches, made once and shared by the ports that have its group. */
struct rule_plan {
	const struct policy_rule *rule;
	struct match *matches; /* NULL with n_matches 0: matches everything */
	size_t n_matches;
	bool matches_nothing; /* no packet can match it: it gets no line */
	const char *comment;
	struct set_plan *set; /* that it names; NULL: none */
	size_t signature;     /* the same number for rules with the same matches */
};

struct book {
	struct map *groups;	/* id of a group -> struct rule_plan[n_rules] */
	struct map *signatures; /* matches as text -> number + 1 */
	struct map *sets;	/* name -> struct set_plan */
	struct set_plan *set_list;
	/* By signature: the chain that had it last, and whence its line there is. */
	struct seen {
		size_t serial;
		struct origin *origin;
	} * seen;
	size_t serial; /* of chains, from 1 */
};

static bool has_remote(const struct policy_rule *rule)
{
	return rule->remote_group || rule->remote_address_group;
}

/* 0 as the first header of IPv6 is hop-by-hop options, which ip6tables steps over: it never sees that number as
 * the protocol. */
static bool matches_nothing(const struct policy_rule *rule)
{
	return rule->has_proto && rule->proto == 0 && rule->ethertype == FAMILY_IPV6;
}

/* What a port of another family sends has no lines of rules: port.c. */
bool compile_names_set(const struct policy_port *port, const struct policy_rule *rule)
{
	return has_remote(rule) && !matches_nothing(rule) &&
	       (rule->direction == DIR_INGRESS || policy_port_has_family(port, rule->ethertype));
}

static struct set_plan *set_plan_of(
	struct compiler *c, const struct policy_rule *rule, struct err *err)
{
	enum family family = rule->ethertype;
	const char *id =
		rule->remote_group ? rule->remote_group->id : rule->remote_address_group->id;
	const struct prefix_list *members =
		rule->remote_group ? &rule->remote_group->members[family]
				   : &rule->remote_address_group->addresses[family];
	const char *name = compile_set_name(c->arena, c->scope, family, id);
	struct set_plan *set = map_find(c->book->sets, name);

	if (set && set->members != members) {
		err_input(err, "the groups %s and %s of rule %s have the same set name %s", id,
			rule->group->id, rule->id, name);
		err_next(err,
			"Sets are named by the first characters of an id, as Neutron does: give "
			"one of the two another id.");
		return NULL;
	}
	if (!set) {
		set = arena_new_one(c->arena, struct set_plan);
		*set = (struct set_plan){ .name = name, .family = family, .members = members };
		map_add(c->book->sets, name, set);
		set->next = c->book->set_list;
		c->book->set_list = set;
	}
	return set;
}

static struct match match_dports(struct compiler *c, const struct policy_rule *rule, bool multiport)
{
	struct match match = match_port(c, MATCH_DPORT, rule->port_min);

	match.ports.ranges->max = rule->port_max;
	match.ports.is_multiport = multiport;
	return match;
}

/* Neutron's spelling: "-m tcp --dport N", "-m tcp -m multiport --dports A:B", and for udplite,
 * which has no module, "-m multiport". */
static size_t ports_translate(struct compiler *c, const struct policy_rule *rule, struct match *m)
{
	size_t n = 0;

	if (rule->proto == PROTO_UDPLITE) {
		m[n++] = match_dports(c, rule, true);
	} else if (rule->port_min == rule->port_max) {
		m[n++] = match_dports(c, rule, false);
	} else {
		m[n] = match_port(c, MATCH_DPORT, 0); /* 0..65535: "-m tcp" alone */
		m[n++].ports.ranges->max = UINT16_MAX;
		m[n++] = match_dports(c, rule, true);
	}
	return n;
}

static size_t rule_translate(struct compiler *c, const struct policy_rule *rule,
	const struct set_plan *set, struct match *m)
{
	bool to_port = rule->direction == DIR_INGRESS;
	size_t n = 0;

	if (rule->has_prefix && rule->prefix.len)
		m[n++] = (struct match){ .kind = to_port ? MATCH_SRC : MATCH_DST,
			.prefix = rule->prefix };
	if (rule->has_proto && rule->proto == 0)
		m[n++] = (struct match){ .kind = MATCH_OPAQUE, .text = PROTO_0_TEXT };
	else if (rule->has_proto)
		m[n++] = (struct match){ .kind = MATCH_PROTO, .proto = rule->proto };
	if (rule->has_ports)
		n += ports_translate(c, rule, m + n);
	if (rule->has_icmp_type)
		m[n++] = (struct match){ .kind = MATCH_ICMP_TYPE,
			.icmp = { .type = rule->icmp_type,
				.code = rule->icmp_code,
				.any_code = !rule->has_icmp_code } };
	if (set)
		m[n++] = (struct match){ .kind = MATCH_SET,
			.set = { .name = set->name, .is_src = to_port } };
	return n;
}

static char *put_bytes(char *p, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		*p++ = (char)('A' + (bytes[i] >> 4));
		*p++ = (char)('A' + (bytes[i] & 15));
	}
	return p;
}

/* Everything of a rule that its matches come from, as a text: the numbers in a fixed width. */
static size_t signature_of(
	struct compiler *c, const struct policy_rule *r, const struct set_plan *set)
{
	bool has_prefix = r->has_prefix && r->prefix.len;
	const uint8_t numbers[] = { (uint8_t)r->direction, (uint8_t)r->ethertype, r->has_proto,
		r->has_proto ? r->proto : 0, r->has_icmp_type, r->has_icmp_code,
		r->has_icmp_type ? r->icmp_type : 0, r->has_icmp_code ? r->icmp_code : 0,
		r->has_ports ? (uint8_t)(r->port_min >> 8) : 0,
		r->has_ports ? (uint8_t)r->port_min : 0,
		r->has_ports ? (uint8_t)(r->port_max >> 8) : 0,
		r->has_ports ? (uint8_t)r->port_max : 0, has_prefix ? r->prefix.len : 0 };
	char text[2 * (sizeof(numbers) + sizeof(r->prefix.addr.bytes)) + SET_NAME_MAX + 1];
	char *p = put_bytes(text, numbers, sizeof(numbers));
	void *number;

	if (has_prefix)
		p = put_bytes(p, r->prefix.addr.bytes, r->ethertype == FAMILY_IPV6 ? 16 : 4);
	*p = '\0';
	if (set)
		memcpy(p, set->name, strlen(set->name) + 1);
	number = map_find(c->book->signatures, text);
	if (!number) {
		number = (void *)(uintptr_t)(map_n(c->book->signatures) + 1);
		map_add(c->book->signatures, arena_strdup(c->arena, text), number);
	}
	return (uintptr_t)number - 1;
}

static bool rule_plan_init(
	struct compiler *c, struct rule_plan *plan, const struct policy_rule *rule, struct err *err)
{
	const struct policy_group *group = rule->group;
	struct match matches[MATCHES_MAX];

	plan->rule = rule;
	plan->matches_nothing = matches_nothing(rule);
	if (plan->matches_nothing)
		return true;
	if (has_remote(rule)) {
		plan->set = set_plan_of(c, rule, err);
		if (!plan->set)
			return false;
	}
	plan->n_matches = rule_translate(c, rule, plan->set, matches);
	plan->matches = matches_copy(c, matches, plan->n_matches);
	plan->comment = comment_join(
		c->arena, (const char *[]){ "rule ", rule->id, " of group ",
				  group->name && group->name[0] ? group->name : group->id, NULL });
	plan->signature = signature_of(c, rule, plan->set);
	return true;
}

static bool group_init(struct compiler *c, const struct policy_group *group, struct err *err)
{
	struct rule_plan *plans;

	if (map_find(c->book->groups, group->id))
		return true;
	plans = arena_new_array(c->arena, struct rule_plan, group->n_rules + 1);
	map_add(c->book->groups, group->id, plans);
	for (size_t i = 0; i < group->n_rules; i++)
		if (!rule_plan_init(c, &plans[i], &group->rules[i], err))
			return false;
	return true;
}

bool rules_init(struct compiler *c, struct err *err)
{
	struct book *book = c->book = arena_new_one(c->arena, struct book);

	book->groups = map_new(c->arena);
	book->signatures = map_new(c->arena);
	book->sets = map_new(c->arena);
	for (struct port_plan *p = c->ports; p < c->ports + c->n_ports; p++)
		for (size_t i = 0; p->has_chains && i < p->port->n_groups; i++)
			if (!group_init(c, p->port->groups[i], err))
				return false;
	book->seen = arena_new_array(c->arena, struct seen, map_n(book->signatures) + 1);
	return true;
}

size_t rules_count(const struct policy_port *port)
{
	size_t n = 0;

	for (size_t i = 0; i < port->n_groups; i++)
		n += port->groups[i]->n_rules;
	return n;
}

static struct origin *rule_origin(
	struct compiler *c, struct port_plan *port, const struct policy_rule *rule)
{
	struct origin *origin = arena_new_one(c->arena, struct origin);

	*origin = (struct origin){
		.duty = DUTY_RULE, .port = port->port, .direction = rule->direction, .n_rules = 1
	};
	origin->rules = arena_new_one(c->arena, const struct policy_rule *);
	origin->rules[0] = rule;
	return origin;
}

/* Duplicates are rare, so the list is only ever as long as it must be. */
static void origin_add_rule(
	struct compiler *c, struct origin *origin, const struct policy_rule *rule)
{
	const struct policy_rule **rules =
		arena_new_array(c->arena, const struct policy_rule *, origin->n_rules + 1);

	for (size_t i = 0; i < origin->n_rules; i++)
		rules[i] = origin->rules[i];
	rules[origin->n_rules++] = rule;
	origin->rules = rules;
}

void rules_add(struct compiler *c, struct chain *chain, struct port_plan *port, enum family family,
	enum direction direction)
{
	struct book *book = c->book;

	book->serial++;
	for (size_t g = 0; g < port->port->n_groups; g++) {
		const struct policy_group *group = port->port->groups[g];
		struct rule_plan *plans = map_find(book->groups, group->id);

		for (struct rule_plan *p = plans; p < plans + group->n_rules; p++) {
			struct seen *seen = &book->seen[p->signature];

			if (p->rule->ethertype != family || p->rule->direction != direction ||
				p->matches_nothing)
				continue;
			if (seen->serial == book->serial) {
				origin_add_rule(c, seen->origin, p->rule);
				continue;
			}
			*seen = (struct seen){ book->serial, rule_origin(c, port, p->rule) };
			rule_add(c, chain, p->matches, p->n_matches, target_of(TARGET_RETURN),
				p->comment, seen->origin);
			if (p->set)
				p->set->is_used = true;
		}
	}
}

/* ipset's hash:net has no element of length 0; its two halves are the same addresses. */
static void set_fill(struct compiler *c, struct set *set, const struct prefix_list *members)
{
	set->elements = arena_new_array(c->arena, struct set_element, members->n + 1);
	for (size_t i = 0; i < members->n; i++) {
		struct prefix prefix = members->items[i];

		if (prefix.len == 0) {
			prefix.len = 1;
			set->elements[set->n_elements++].prefix = prefix;
			prefix.addr.bytes[0] = 0x80;
		}
		set->elements[set->n_elements++].prefix = prefix;
	}
	set->max_elem = SET_MAX_ELEM;
	while (set->max_elem < set->n_elements)
		set->max_elem *= 2;
}

void sets_make(struct compiler *c)
{
	struct book *book = c->book;

	for (struct set_plan *s = book->set_list; s; s = s->next) {
		const struct compile_part *part = c->options->part;
		struct set *set;

		if (!s->is_used || (part && !map_find(part->sets, s->name)))
			continue;
		set = ruleset_add_set(c->arena, c->rs, s->name);
		set->kind = SET_HASH_NET;
		set->family = s->family;
		set_fill(c, set, s->members);
	}
}
