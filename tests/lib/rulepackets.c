// SPDX-License-Identifier: GPL-2.0-or-later
#include "rulepackets.h"

#include <string.h>

#include "ruleset/nft_eval.h"
#include "unit.h"

struct aim {
	struct random *random;
	const struct router *router;
	enum family family;
	struct rule_packet *to;
	const struct ruleset *rs;
	const struct table *table;
	bool has_from;
};

/* What is read of nft: a key of its own, or a lookup in what may be a set of the table. */
static const struct set *set_of(
	const struct table *table, const struct set *set, const char *set_name)
{
	return set || !set_name ? set : table_set(table, set_name);
}

struct names {
	char (*items)[16];
	size_t n, max;
};

static void add_name(struct names *names, const char *text, bool is_open)
{
	size_t len = strlen(text), known = 0;
	char name[16] = "";

	if (len == 0 || len > 14 || strpbrk(text, "/*{ ") || strcmp(text, "lo") == 0)
		return;
	memcpy(name, text, len);
	if (name[len - 1] == '+')
		name[len - 1] = '7';
	if (is_open)
		name[len] = '7';
	while (known < names->n && strcmp(names->items[known], name) != 0)
		known++;
	if (known == names->n && names->n < names->max)
		memcpy(names->items[names->n++], name, sizeof(name));
}

static void add_keys(struct names *names, const struct nft_keys *keys,
	const struct nft_value *values, size_t n_values)
{
	for (size_t i = 0; i < keys->n && i < n_values; i++)
		if ((keys->items[i]->kind == NFT_KEY_IN_IFACE ||
			    keys->items[i]->kind == NFT_KEY_OUT_IFACE) &&
			values[i].name)
			add_name(names, values[i].name, values[i].is_open);
}

static void add_set(struct names *names, const struct nft_keys *keys, const struct set *set)
{
	for (size_t e = 0; set && e < set->n_nft_elements; e++)
		add_keys(names, keys, set->nft_elements[e].keys, set->nft_elements[e].n_keys);
}

static void add_rule(struct names *names, const struct table *table, const struct rule *rule)
{
	for (size_t m = 0; m < rule->n_matches; m++) {
		const struct match *match = &rule->matches[m];

		if (match->kind == MATCH_IN_IFACE || match->kind == MATCH_OUT_IFACE)
			add_name(names, match->name, false);
		if (match->kind != MATCH_NFT_FIELD)
			continue;
		add_keys(names, &match->nft->keys, match->nft->values, match->nft->n_values);
		add_set(names, &match->nft->keys,
			set_of(table, match->nft->set, match->nft->set_name));
	}
	if (rule->target.kind == TARGET_NFT_VMAP)
		add_set(names, &rule->target.lookup->keys,
			set_of(table, rule->target.lookup->set, rule->target.lookup->set_name));
	if (rule->target.kind == TARGET_VMAP) {
		const struct set *set = table_set(table, rule->target.vmap.map);

		for (size_t e = 0; set && e < set->n_elements; e++)
			add_name(names, set->elements[e].name, false);
	}
}

size_t rule_packet_ifaces(const struct ruleset *rs, char names[][16], size_t max)
{
	struct names found = { names, 0, max };

	for (size_t t = 0; t < rs->n_tables; t++)
		for (size_t c = 0; c < rs->tables[t].n_chains; c++)
			for (size_t r = 0; r < rs->tables[t].chains[c].n_rules; r++)
				add_rule(&found, &rs->tables[t], &rs->tables[t].chains[c].rules[r]);
	return found.n;
}

void addr_step(struct addr *addr, int by)
{
	size_t end = addr->family == FAMILY_IPV6 ? 16 : 4;
	uint32_t low = 0;

	for (size_t i = end - 4; i < end; i++)
		low = low << 8 | addr->bytes[i];
	low += (uint32_t)by;
	for (size_t i = end; i-- > end - 4; low >>= 8)
		addr->bytes[i] = (uint8_t)low;
}

static struct addr near_prefix(struct random *random, const struct prefix *prefix, bool inside)
{
	struct addr addr = prefix->addr;
	unsigned kind = random_below(random, 3);

	if (kind == 0) {
		if (!inside)
			addr_step(&addr, -1);
		return addr;
	}
	for (unsigned bit = prefix->len; bit < prefix_max_len(addr.family); bit++)
		if (kind == 1 || !inside || one_in(random, 2))
			addr.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	if (!inside)
		addr_step(&addr, 1);
	return addr;
}

static void aim_iface(
	struct aim *aim, const char *wanted_name, bool is_in, bool is_open, bool wanted)
{
	size_t start = random_below(aim->random, (unsigned)aim->router->n_ports);

	if (aim->has_from)
		return;
	for (size_t i = 0; i < aim->router->n_ports; i++) {
		size_t from = (start + i) % aim->router->n_ports;
		const struct router_port *in = &aim->router->ports[from];
		const char *name = is_in ? in->name : aim->router->ports[in->out].name;
		size_t len = strlen(wanted_name);
		bool ends_in_plus = !is_open && len && wanted_name[len - 1] == '+';
		bool is_it = is_open || ends_in_plus
				     ? strncmp(name, wanted_name, len - ends_in_plus) == 0
				     : strcmp(name, wanted_name) == 0;

		if (is_it == wanted) {
			aim->to->from = from;
			aim->has_from = is_in;
			return;
		}
	}
}

static void aim_port(struct aim *aim, const struct match *match, bool wanted, uint16_t *port)
{
	const struct port_range *range =
		&match->ports.ranges[random_below(aim->random, match->ports.n_ranges)];
	struct packet *p = &aim->to->frame.packet;

	if (wanted)
		*port = one_in(aim->random, 2) ? range->min : range->max;
	else
		*port = (uint16_t)(one_in(aim->random, 2) ? range->min - 1 : range->max + 1);
	if (!proto_has_ports(p->proto))
		p->proto = one_in(aim->random, 2) ? PROTO_TCP : PROTO_UDP;
}

static struct addr addr_of(enum family family, const struct field_value *value)
{
	struct addr addr = { .family = family };
	size_t len = family == FAMILY_IPV6 ? 16 : 4;

	memcpy(addr.bytes, value->bytes + 16 - len, len);
	return addr;
}

/* One value of one key of nft: either end of it, or, when not wanted, what is next to it. */
static void aim_value(
	struct aim *aim, const struct nft_key *key, const struct nft_value *value, bool wanted)
{
	struct packet *p = &aim->to->frame.packet;
	bool is_low = one_in(aim->random, 2);
	const struct field_value *end = is_low ? &value->min : &value->max;
	uint16_t number = (uint16_t)(end->bytes[14] << 8 | end->bytes[15]);
	int by = wanted ? 0 : is_low ? -1 : 1;

	if (value->is_any)
		return;
	if (key->proto)
		p->proto = key->proto;
	if (key->kind == NFT_KEY_IN_IFACE || key->kind == NFT_KEY_OUT_IFACE) {
		if (value->name)
			aim_iface(aim, value->name, key->kind == NFT_KEY_IN_IFACE, value->is_open,
				wanted);
		return;
	}
	if (key->kind != NFT_KEY_FIELD || key->width)
		return;
	switch (key->field) {
	case FIELD_SRC:
	case FIELD_DST:
		if (key->type != (aim->family == FAMILY_IPV6 ? NFT_TYPE_IPV6 : NFT_TYPE_IPV4))
			return;
		*(key->field == FIELD_SRC ? &p->src : &p->dst) = addr_of(aim->family, end);
		addr_step(key->field == FIELD_SRC ? &p->src : &p->dst, by);
		return;
	case FIELD_SPORT:
	case FIELD_DPORT:
		*(key->field == FIELD_SPORT ? &p->sport : &p->dport) = (uint16_t)(number + by);
		if (!proto_has_ports(p->proto))
			p->proto = one_in(aim->random, 2) ? PROTO_TCP : PROTO_UDP;
		return;
	case FIELD_PROTO:
		p->proto = (uint8_t)(wanted ? number : number == PROTO_TCP ? PROTO_UDP : PROTO_TCP);
		return;
	case FIELD_ICMP_TYPE:
		p->icmp_type = (uint8_t)(number + by);
		return;
	default:
		return;
	}
}

static void aim_keys(
	struct aim *aim, const struct nft_keys *keys, const struct nft_value *values, bool wanted)
{
	size_t wrong = wanted ? SIZE_MAX : random_below(aim->random, (unsigned)keys->n);

	for (size_t i = 0; i < keys->n; i++)
		aim_value(aim, keys->items[i], &values[i], i != wrong);
}

static const struct nft_element *some_element(struct aim *aim, const struct set *set, size_t n)
{
	const struct nft_element *element;

	if (!set || !set->n_nft_elements)
		return NULL;
	element = &set->nft_elements[random_below(aim->random, (unsigned)set->n_nft_elements)];
	return element->n_keys == n ? element : NULL;
}

/* A source to which the way back is by that interface, by another one, or that is the host's own. */
static void aim_way_back(struct aim *aim, bool wanted)
{
	struct packet *p = &aim->to->frame.packet;
	size_t n = aim->router->n_ports, from = aim->to->from;

	if (from == n)
		return;
	aim->has_from = true;
	if (!wanted && one_in(aim->random, 3)) {
		p->src = aim->router->ports[random_below(aim->random, (unsigned)n)]
				 .addrs[aim->family];
		return;
	}
	if (!wanted)
		from = (from + 1 + random_below(aim->random, (unsigned)n - 1)) % n;
	p->src = router_home_addr(from, aim->family, 1 + random_below(aim->random, 254));
}

/* "fib saddr . iif oif missing", or a type of address. */
static void aim_fib(struct aim *aim, const struct nft_match *match, bool wanted)
{
	const char *words = match->keys.items[0]->words;
	struct packet *p = &aim->to->frame.packet;
	size_t n = aim->router->n_ports;

	if (strstr(words, " oif"))
		aim_way_back(
			aim, match->n_values && match->values[0].min.bytes[15] ? wanted : !wanted);
	else if (wanted && text_has_prefix(words, "fib daddr"))
		p->dst = aim->router->ports[random_below(aim->random, (unsigned)n)]
				 .addrs[aim->family];
	else if (wanted)
		aim_way_back(aim, one_in(aim->random, 2));
}

static void aim_nft(struct aim *aim, const struct nft_match *match, bool wanted)
{
	const struct nft_element *element;

	if (match->keys.n == 1 && text_has_prefix(match->keys.items[0]->words, "fib ")) {
		aim_fib(aim, match, wanted);
		return;
	}
	if (match->has_mask || match->op == NFT_BITS)
		return;
	if (match->op == NFT_NE || match->op == NFT_LT || match->op == NFT_GT)
		wanted = !wanted;
	if (!match->set && !match->set_name) {
		if (match->n_values == match->keys.n)
			aim_keys(aim, &match->keys, match->values, wanted);
		return;
	}
	element = some_element(aim, set_of(aim->table, match->set, match->set_name), match->keys.n);
	if (element)
		aim_keys(aim, &match->keys, element->keys, wanted);
}

/* One member of an ipset, and what the match takes for each of its parts. */
static void aim_set(struct aim *aim, const char *name, const struct match *match, bool wanted)
{
	const struct set *set = ruleset_set(aim->rs, name);
	const struct ipset_member *member;
	struct packet *p = &aim->to->frame.packet;
	size_t n_nets = 0;

	if (!set)
		return;
	if (!set->n_members && set->n_elements) {
		*(match->set.is_src ? &p->src : &p->dst) = near_prefix(aim->random,
			&set->elements[random_below(aim->random, (unsigned)set->n_elements)].prefix,
			wanted);
		return;
	}
	if (!set->n_members)
		return;
	member = &set->members[random_below(aim->random, (unsigned)set->n_members)];
	if (set->parts[0] == IPSET_SET) {
		aim_set(aim, member->name, match, wanted);
		return;
	}
	for (unsigned i = 0; i < IPSET_MAX_PARTS && set->parts[i] != IPSET_NONE; i++) {
		bool is_src = i ? match->set.more_srcs & 1u << (i - 1) : match->set.is_src;
		bool is_it = wanted || !one_in(aim->random, 2);

		switch (set->parts[i]) {
		case IPSET_IP:
		case IPSET_NET:
			*(is_src ? &p->src : &p->dst) =
				near_prefix(aim->random, &member->nets[n_nets++], is_it);
			break;
		case IPSET_PORT:
			if (member->proto)
				p->proto = member->proto;
			else if (!proto_has_ports(p->proto))
				p->proto = PROTO_UDP;
			*(is_src ? &p->sport : &p->dport) =
				(uint16_t)((one_in(aim->random, 2) ? member->ports.min
								   : member->ports.max) +
					   !is_it);
			if (p->proto == PROTO_ICMP || p->proto == PROTO_ICMPV6) {
				p->icmp_type = (uint8_t)(member->ports.min >> 8);
				p->icmp_code = (uint8_t)(member->ports.min + !is_it);
			}
			break;
		case IPSET_MAC:
			if (member->has_mac && is_src && aim->to->from < aim->router->n_ports)
				p->eth_src = member->mac;
			break;
		case IPSET_IFACE:
			aim_iface(aim, member->name, is_src, member->is_wildcard, is_it);
			break;
		default:
			break;
		}
	}
}

/* The kinds of iptables' modules. */
static void aim_xt(struct aim *aim, const struct match *match, bool wanted)
{
	struct packet *p = &aim->to->frame.packet;
	bool is_low = one_in(aim->random, 2);
	struct addr *addr = match->kind == MATCH_IPRANGE_SRC ? &p->src : &p->dst;

	switch (match->kind) {
	case MATCH_PORT:
		aim_port(aim, match, wanted, is_low ? &p->sport : &p->dport);
		return;
	case MATCH_IPRANGE_SRC:
	case MATCH_IPRANGE_DST:
		*addr = is_low ? match->addrs->min : match->addrs->max;
		if (!wanted)
			addr_step(addr, is_low ? -1 : 1);
		return;
	case MATCH_TCP_FLAGS:
		p->proto = PROTO_TCP;
		p->tcp_flags = match->tcp_flags.value;
		if (!wanted)
			p->tcp_flags ^= match->tcp_flags.mask & -match->tcp_flags.mask;
		return;
	case MATCH_TTL:
		p->ttl = (uint8_t)(match->ttl.value + (int)random_below(aim->random, 3) - 1);
		if (p->ttl < 2)
			p->ttl = 2;
		return;
	case MATCH_TOS:
		p->tos = (uint8_t)(match->tos.value ^ (wanted ? 0 : 4));
		return;
	case MATCH_DSCP:
		p->tos = (uint8_t)((match->tos.value ^ !wanted) << 2);
		return;
	case MATCH_RPFILTER:
		aim_way_back(aim, wanted);
		return;
	case MATCH_SET:
		aim_set(aim, match->set.name, match, wanted);
		return;
	case MATCH_ADDRTYPE_DST:
		if (wanted && (match->addrtype.types & ADDR_LOCAL))
			p->dst = aim->router
					 ->ports[random_below(
						 aim->random, (unsigned)aim->router->n_ports)]
					 .addrs[aim->family];
		return;
	default:
		return;
	}
}

/* Sets what the match asks for so that it says yes, or no. What it cannot set it leaves. */
static void aim_match(struct aim *aim, const struct match *match, bool wanted)
{
	struct packet *p = &aim->to->frame.packet;

	if (match->inverted)
		wanted = !wanted;
	switch (match->kind) {
	case MATCH_IN_IFACE:
	case MATCH_OUT_IFACE:
		aim_iface(aim, match->name, match->kind == MATCH_IN_IFACE, false, wanted);
		return;
	case MATCH_SRC:
		if (match->prefix.addr.family == aim->family)
			p->src = near_prefix(aim->random, &match->prefix, wanted);
		return;
	case MATCH_DST:
		if (match->prefix.addr.family == aim->family)
			p->dst = near_prefix(aim->random, &match->prefix, wanted);
		return;
	case MATCH_PROTO:
		p->proto = wanted		       ? match->proto
			   : match->proto == PROTO_TCP ? PROTO_UDP
						       : PROTO_TCP;
		return;
	case MATCH_SPORT:
		aim_port(aim, match, wanted, &p->sport);
		return;
	case MATCH_DPORT:
		aim_port(aim, match, wanted, &p->dport);
		return;
	case MATCH_ICMP_TYPE:
		p->proto = aim->family == FAMILY_IPV6 ? PROTO_ICMPV6 : PROTO_ICMP;
		p->icmp_type = (uint8_t)(match->icmp.type + !wanted);
		p->icmp_code = match->icmp.any_code ? 0 : match->icmp.code;
		return;
	case MATCH_MAC_SRC:
	case MATCH_ETH_SRC:
		if (aim->to->from < aim->router->n_ports)
			p->eth_src = match->mac;
		p->eth_src.bytes[5] ^= !wanted;
		return;
	case MATCH_CT_STATE:
		/* an answer without a question is invalid */
		if ((match->ct_states & CT_INVALID) && !(match->ct_states & CT_NEW) == wanted) {
			p->proto = PROTO_TCP;
			p->tcp_flags = TCP_SYN | TCP_ACK;
		}
		return;
	case MATCH_NFT_FIELD:
		aim_nft(aim, match->nft, wanted);
		return;
	default:
		aim_xt(aim, match, wanted);
		return;
	}
}

static bool leads_on(const struct target *target)
{
	return target->kind == TARGET_JUMP || target->kind == TARGET_GOTO ||
	       target->kind == TARGET_VMAP || target->kind == TARGET_NFT_VMAP;
}

/* Where the rule leads, and a packet that goes there: NULL for no chain. */
static const struct chain *aim_target(struct aim *aim, const struct target *target, bool wanted)
{
	const struct nft_element *element;
	const struct set *set;
	size_t at;

	switch (target->kind) {
	case TARGET_JUMP:
	case TARGET_GOTO:
		return table_chain(aim->table, target->chain);
	case TARGET_VMAP:
		set = table_set(aim->table, target->vmap.map);
		if (!set || !set->n_elements)
			return NULL;
		at = random_below(aim->random, (unsigned)set->n_elements);
		aim_iface(aim, set->elements[at].name, !target->vmap.by_out_iface, false, wanted);
		target = &set->elements[at].target;
		break;
	case TARGET_NFT_VMAP:
		set = set_of(aim->table, target->lookup->set, target->lookup->set_name);
		element = some_element(aim, set, target->lookup->keys.n);
		if (!element)
			return NULL;
		aim_keys(aim, &target->lookup->keys, element->keys, wanted);
		target = &element->target;
		break;
	default:
		return NULL;
	}
	return target->kind == TARGET_JUMP || target->kind == TARGET_GOTO
		       ? table_chain(aim->table, target->chain)
		       : NULL;
}

static void aim_rule(struct aim *aim, const struct rule *rule, bool wanted)
{
	size_t wrong = wanted || !rule->n_matches
			       ? SIZE_MAX
			       : random_below(aim->random, (unsigned)rule->n_matches);

	for (size_t i = 0; i < rule->n_matches; i++)
		aim_match(aim, &rule->matches[i], i != wrong);
}

static bool has_rules(const struct table *table)
{
	for (size_t c = 0; c < table->n_chains; c++)
		if (table->chains[c].is_base && table->chains[c].n_rules)
			return true;
	return false;
}

/* A base chain of a table that filters this family, with rules. */
static const struct chain *some_base(
	struct aim *aim, const struct ruleset *rs, const struct table **ret_table)
{
	const struct chain *chain = NULL;

	for (int tries = 0; tries < 200; tries++) {
		const struct table *table =
			&rs->tables[random_below(aim->random, (unsigned)rs->n_tables)];

		if ((table->family != aim->family && table->family != FAMILY_INET) ||
			!has_rules(table))
			continue;
		chain = &table->chains[random_below(aim->random, (unsigned)table->n_chains)];
		*ret_table = table;
		if (chain->is_base && chain->n_rules)
			return chain;
	}
	return NULL;
}

static void start_at(struct aim *aim, const struct chain *chain)
{
	const struct router *router = aim->router;
	enum hook hook = chain ? ruleset_chain_hook(chain) : HOOK_FORWARD;
	struct packet *p = &aim->to->frame.packet;

	if (hook == HOOK_OUTPUT) {
		aim->to->from = router->n_ports;
		aim->has_from = true;
	} else if (hook == HOOK_INPUT || (hook == HOOK_PREROUTING && one_in(aim->random, 4))) {
		p->dst = router->ports[random_below(aim->random, (unsigned)router->n_ports)]
				 .addrs[aim->family];
	}
}

/* No sender, or none that a router takes a packet from. */
static bool is_usable(const struct addr *addr)
{
	const uint8_t *b = addr->bytes;

	if (addr->family == FAMILY_IPV4)
		return b[0] != 0 && b[0] != 127 && b[0] < 224 &&
		       !(b[0] == 198 && b[1] == 51 && b[2] == 100);
	return b[0] >= 0x20 && b[0] < 0xfd;
}

static struct addr some_addr(struct random *random, enum family family)
{
	struct addr addr = { .family = family, .bytes = { 10, 77 } };
	size_t end = family == FAMILY_IPV6 ? 16 : 4;

	if (family == FAMILY_IPV6)
		memcpy(addr.bytes, "\x20\x01\x0d\xb8\x00\x77", 6);
	addr.bytes[end - 2] = (uint8_t)random_below(random, 256);
	addr.bytes[end - 1] = (uint8_t)(1 + random_below(random, 254));
	return addr;
}

#define SNMP_PORT 161

/* An SNMPv1 request for sysDescr.0 (RFC 1157): NAT's helper drops what it cannot read. */
static const uint8_t snmp_request[] = {
	0x30,
	0x26, /* a message: */
	0x02,
	0x01,
	0, /* version 1, */
	0x04,
	0x06,
	'p',
	'u',
	'b',
	'l',
	'i',
	'c', /* community, */
	0xa0,
	0x19,
	0x02,
	0x01,
	1,
	0x02,
	0x01,
	0, /* get: request 1, no error, */
	0x02,
	0x01,
	0,
	0x30,
	0x0e, /* at nothing, of variables: */
	0x30,
	0x0c,
	0x06,
	0x08,
	0x2b,
	6,
	1,
	2,
	1,
	1,
	1,
	0,
	0x05,
	0,
};

void rule_packet_settle(struct rule_packet *to, struct random *random, const struct router *router,
	enum family family)
{
	struct packet *p = &to->frame.packet;
	bool is_v6 = family == FAMILY_IPV6;

	p->in_iface = p->out_iface = p->physdev_in = p->physdev_out = NULL;
	if (to->from < router->n_ports) {
		if (mac_equal(p->eth_src, (struct mac){ { 0 } }) || (p->eth_src.bytes[0] & 1))
			p->eth_src = router->ports[to->from].far_mac;
		p->eth_dst = router->ports[to->from].mac;
	} else {
		p->eth_src = p->eth_dst = (struct mac){ { 0 } };
	}

	if (!is_usable(&p->src) &&
		(to->from == router->n_ports || !router_is_local(router, &p->src)))
		p->src = some_addr(random, family);
	if (router_is_local(router, &p->src) && router_is_local(router, &p->dst))
		p->dst = some_addr(random, family);
	/* what the host sends to itself never leaves */
	if (to->from == router->n_ports && router_is_local(router, &p->dst))
		p->dst = some_addr(random, family);
	if ((to->from == router->n_ports || !router_is_local(router, &p->dst)) &&
		(!is_usable(&p->dst) || addr_compare(&p->src, &p->dst) == 0))
		p->dst = some_addr(random, family);
	if (p->proto == (is_v6 ? PROTO_ICMP : PROTO_ICMPV6) || p->proto == 0 || p->proto == 2 ||
		p->proto == 44 || p->proto == 43 || p->proto == 60 || p->proto == 41 ||
		p->proto == 50 || p->proto == 51)
		p->proto = PROTO_UDP;
	if (p->proto == PROTO_ICMPV6 && p->icmp_type >= 130)
		p->icmp_type = 128;
	if (!proto_has_ports(p->proto))
		p->sport = p->dport = 0;
	if (p->proto != PROTO_ICMP && p->proto != PROTO_ICMPV6)
		p->icmp_type = p->icmp_code = 0;
	/* echo requests and what asks for an answer have no reply here, errors speak of no flow */
	if (p->proto == PROTO_TCP && !p->tcp_flags)
		p->tcp_flags = TCP_SYN;
	if (p->proto != PROTO_TCP)
		p->tcp_flags = 0;
	to->frame.tcp_flags = p->tcp_flags;
	if (p->proto == PROTO_UDP && p->dport == SNMP_PORT) {
		to->frame.payload = snmp_request;
		to->frame.payload_size = sizeof(snmp_request);
	}
	to->ct_state = net_frame_first_state(&to->frame);
	/* no packet of a flow (nf_conntrack_proto_tcp.c, tcp_valid_flags) */
	if ((p->tcp_flags & (TCP_SYN | TCP_FIN)) == (TCP_SYN | TCP_FIN))
		to->ct_state = CT_INVALID;
}

void rule_packet_aim(struct rule_packet *ret, struct random *random, const struct ruleset *rs,
	const struct router *router, enum family family)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_TCP, PROTO_UDP, PROTO_ICMP };
	struct aim aim = { random, router, family, ret, rs, NULL, false };
	struct packet *p = &ret->frame.packet;
	const struct table *table = NULL;
	const struct chain *chain;

	*ret = (struct rule_packet){ .from = random_below(random, (unsigned)router->n_ports) };
	p->ethertype = family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	p->src = some_addr(random, family);
	p->dst = some_addr(random, family);
	p->proto = protos[random_below(random, 4)];
	if (p->proto == PROTO_ICMP && family == FAMILY_IPV6)
		p->proto = PROTO_ICMPV6;
	p->icmp_type = family == FAMILY_IPV6 ? 128 : 8;
	p->sport = (uint16_t)(1024 + random_below(random, 64000));
	p->dport = (uint16_t)(1 + random_below(random, 65535));
	p->ttl = 64;
	chain = some_base(&aim, rs, &table);
	start_at(&aim, chain);
	for (int depth = 0; chain && chain->n_rules && depth < 8; depth++) {
		const struct rule *rule =
			&chain->rules[random_below(random, (unsigned)chain->n_rules)];
		bool goes_down = leads_on(&rule->target);

		aim.table = table;
		aim_rule(&aim, rule, goes_down ? !one_in(random, 6) : !one_in(random, 3));
		chain = aim_target(&aim, &rule->target, !one_in(random, 6));
	}
	rule_packet_settle(ret, random, router, family);
}

bool nft_with_counters(const char *name, const char *text, struct text *ret)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ruleset *rs = ruleset_new(arena);
	size_t n = 0;
	struct err err;

	if (!ruleset_parse_nft(arena, rs, name, text, &err)) {
		print_message("# %s\n", err.text);
		return false;
	}
	for (size_t t = 0; t < rs->n_tables; t++) {
		struct table *table = &rs->tables[t];

		if (table->is_of_iptables)
			continue;
		for (size_t c = 0; c < table->n_chains; c++) {
			for (size_t r = 0; r < table->chains[c].n_rules; r++) {
				struct rule *rule = &table->chains[c].rules[r];

				rule->has_counter = rule->is_stateless = true;
				rule->n_behind_counter = 0;
			}
		}
		rs->tables[n++] = *table;
	}
	rs->n_tables = n;
	ruleset_print_nft(ret, rs, false);
	return n > 0;
}
