// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/iproute.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/vec.h"

#define MAX_WORDS 128

struct pass {
	struct arena *arena;
	struct netns *ns;
	enum iproute_kind kind;
	unsigned line;
	struct err *err;
	const char *words[MAX_WORDS];
	size_t n_words;
	bool is_indented;
	bool is_skipped;		 /* the last route: of the other family */
	bool has_details;		 /* of links: -d was given */
	struct iproute_missing *missing; /* NULL: nobody asks */
	struct link *port;		 /* whose VLANs are listed */
	VEC(struct port_vlan) vlans;
	VEC(struct link) links;
	VEC(const char *) masters, lowers; /* of the links, by name; "" without */
	VEC(struct address) addresses;
	VEC(struct route) routes;
	VEC(struct routing_rule) rules;
	VEC(struct neighbour) neighbours;
	VEC(struct fdb_entry) fdb;
	VEC(struct sysctl) sysctls;
	VEC(struct next_hop) hops; /* of the last route */
};

static bool refuse(struct pass *pass, const char *why)
{
	return err_input(pass->err, "line %u: %s", pass->line, why);
}

/* The word behind a key; "" when there is none. */
static const char *behind(const struct pass *pass, const char *key)
{
	for (size_t i = 0; i + 1 < pass->n_words; i++)
		if (!strcmp(pass->words[i], key))
			return pass->words[i + 1];
	return "";
}

static bool has_word(const struct pass *pass, const char *word)
{
	for (size_t i = 0; i < pass->n_words; i++)
		if (!strcmp(pass->words[i], word))
			return true;
	return false;
}

static bool is_on(const struct pass *pass, const char *key)
{
	return !strcmp(behind(pass, key), "on") || !strcmp(behind(pass, key), "1");
}

/* What is printed for a key, and noted if it is not. */
static bool take_flag(struct pass *pass, const char *key, const char *name)
{
	struct iproute_missing *missing = pass->missing;
	size_t i = 0;

	if (*behind(pass, key) || !missing)
		return is_on(pass, key);
	while (i < missing->n && strcmp(missing->keys[i], name) != 0)
		i++;
	if (i == missing->n && i < N_OF(missing->keys))
		missing->keys[missing->n++] = name;
	return false;
}

static uint32_t number(const char *text)
{
	return (uint32_t)strtoul(text, NULL, 0);
}

static int index_of(const struct pass *pass, const char *name)
{
	const struct link *link;

	for (size_t i = 0; i < pass->links.n; i++)
		if (!strcmp(pass->links.items[i].name, name))
			return pass->links.items[i].index;
	link = pass->links.n ? NULL : netns_link(pass->ns, name);
	return link ? link->index : 0;
}

static bool has_flag(const char *flags, const char *flag)
{
	size_t n = strlen(flag);

	for (const char *at = strstr(flags, flag); at; at = strstr(at + 1, flag))
		if ((at[-1] == '<' || at[-1] == ',') && (at[n] == '>' || at[n] == ','))
			return true;
	return false;
}

/* "4: v0@v1: <BROADCAST,UP> mtu 1500 qdisc noqueue master br0 state UP group default" */
static bool link_title(struct pass *pass)
{
	struct link link = { .kind = "" };
	char *name = arena_strdup(pass->arena, pass->words[1]), *at;
	const char *lower = "", *flags = pass->words[2];

	name[strcspn(name, ":")] = '\0';
	at = strrchr(name, '@');
	if (at) {
		*at = '\0';
		lower = at + 1;
	}
	link.name = name;
	link.index = (int)number(pass->words[0]);
	link.mtu = number(behind(pass, "mtu"));
	link.is_up = has_flag(flags, "UP");
	link.has_carrier = has_flag(flags, "LOWER_UP");
	link.is_loopback = has_flag(flags, "LOOPBACK");
	link.is_noarp = has_flag(flags, "NOARP");
	link.is_promisc = has_flag(flags, "PROMISC");
	*vec_push(&pass->links, pass->arena) = link;
	*vec_push(&pass->masters, pass->arena) = behind(pass, "master");
	*vec_push(&pass->lowers, pass->arena) = lower;
	return true;
}

static void bridge_line(struct pass *pass, struct link *link)
{
	link->forward_delay_cs = number(behind(pass, "forward_delay"));
	link->ageing_time_cs = number(behind(pass, "ageing_time"));
	link->has_stp = take_flag(pass, "stp_state", "has_stp");
	link->has_vlan_filtering = take_flag(pass, "vlan_filtering", "has_vlan_filtering");
	link->has_mcast_snooping = take_flag(pass, "mcast_snooping", "has_mcast_snooping");
	link->has_mcast_querier = is_on(pass, "mcast_querier");
	link->group_fwd_mask = (uint16_t)number(behind(pass, "group_fwd_mask"));
	link->default_pvid = (uint16_t)number(behind(pass, "vlan_default_pvid"));
	link->nf_call[FAMILY_IPV4] = take_flag(pass, "nf_call_iptables", "nf_call_iptables");
	link->nf_call[FAMILY_IPV6] = take_flag(pass, "nf_call_ip6tables", "nf_call_ip6tables");
	link->nf_call_arp = take_flag(pass, "nf_call_arptables", "nf_call_arp");
}

static void port_line(struct pass *pass, struct link *link)
{
	static const char *const states[] = { "disabled", "listening", "learning", "forwarding",
		"blocking" };

	for (size_t i = 0; i < N_OF(states); i++)
		if (!strcmp(behind(pass, "state"), states[i]))
			link->port_state = (enum port_state)i;
	link->has_hairpin = take_flag(pass, "hairpin", "has_hairpin");
	link->has_learning = is_on(pass, "learning");
	link->has_unicast_flood = take_flag(pass, "flood", "has_unicast_flood");
	link->has_mcast_flood = take_flag(pass, "mcast_flood", "has_mcast_flood");
	link->has_bcast_flood = take_flag(pass, "bcast_flood", "has_bcast_flood");
	link->is_isolated = take_flag(pass, "isolated", "is_isolated");
	link->is_locked = take_flag(pass, "locked", "is_locked");
	link->has_neigh_suppress = take_flag(pass, "neigh_suppress", "has_neigh_suppress");
	link->has_proxyarp = take_flag(pass, "proxy_arp", "has_proxyarp");
}

static bool parse_link(struct pass *pass)
{
	static const char *const others[] = { "RX:", "TX:", "inet", "inet6", "valid_lft", "alias",
		"altname", "vf", "bond_slave", "RX", "TX" };
	const char *first = pass->words[0];
	struct link *link;

	if (!pass->is_indented)
		return pass->n_words >= 3 && strchr(first, ':') && pass->words[2][0] == '<'
			       ? link_title(pass)
			       : refuse(pass, "it is no link");
	if (!pass->links.n)
		return refuse(pass, "it belongs to no link");
	link = &pass->links.items[pass->links.n - 1];
	if (text_has_prefix(first, "link/")) {
		if (pass->n_words > 1)
			mac_parse(pass->words[1], &link->mac);
		pass->has_details |= has_word(pass, "promiscuity");
		return true;
	}
	for (size_t i = 0; i < N_OF(others); i++)
		if (!strcmp(first, others[i]))
			return true;
	if (!strcmp(first, "bridge_slave")) {
		port_line(pass, link);
	} else if (first[0] >= 'a' && first[0] <= 'z' && !strchr(first, ':')) {
		/* the kind comes before what ports of bridges say */
		if (!*link->kind)
			link->kind = arena_strdup(pass->arena, first);
		if (!strcmp(first, "bridge"))
			bridge_line(pass, link);
		else if (!strcmp(first, "vlan"))
			link->vlan_id = (uint16_t)number(behind(pass, "id"));
		else if (!strcmp(first, "vrf"))
			link->table = number(behind(pass, "table"));
	}
	return true;
}

static void finish_links(struct pass *pass)
{
	for (size_t i = 0; i < pass->links.n; i++) {
		struct link *link = &pass->links.items[i];
		const char *lower = pass->lowers.items[i];
		bool is_away = text_has_prefix(lower, "if") && !index_of(pass, lower);
		int index = is_away ? (int)number(lower + 2) : index_of(pass, lower);

		link->master_index = index_of(pass, pass->masters.items[i]);
		if (!strcmp(link->kind, "veth"))
			link->peer_index = index;
		else
			link->lower_index = index;
		link->is_peer_away = is_away;
		if (is_away)
			link->peer_netns = -1;
	}
	if (pass->missing && pass->links.n && !pass->has_details)
		pass->missing->keys[pass->missing->n++] = "kind";
	pass->ns->links = pass->links.items;
	pass->ns->n_links = pass->links.n;
	pass->links.n = 0;
	netns_finish(pass->arena, pass->ns);
}

static bool parse_address(struct pass *pass)
{
	struct address address = { 0 };
	struct prefix prefix;
	const char *word;
	char text[64];
	size_t n;

	if (!pass->is_indented) {
		const char *name = pass->n_words > 1 ? pass->words[1] : "";

		n = strcspn(name, ":@");
		*vec_push(&pass->masters, pass->arena) = arena_strndup(pass->arena, name, n);
		return true;
	}
	if (strcmp(pass->words[0], "inet") != 0 && strcmp(pass->words[0], "inet6") != 0)
		return true;
	word = pass->n_words > 1 ? pass->words[1] : "";
	n = strcspn(word, "/");
	if (n >= sizeof(text) || !pass->masters.n)
		return refuse(pass, "it is no address");
	memcpy(text, word, n);
	text[n] = '\0';
	if (!addr_parse(text, &address.local))
		return refuse(pass, "it is no address");
	address.peer = address.local;
	address.len = prefix_max_len(address.local.family);
	word = *behind(pass, "peer") ? behind(pass, "peer") : word;
	if (strchr(word, '/')) {
		if (!prefix_parse(word, &prefix))
			return refuse(pass, "it is no address");
		address.len = prefix.len;
	}
	if (*behind(pass, "peer")) {
		n = strcspn(word, "/");
		memcpy(text, word, n < sizeof(text) ? n : 0);
		text[n < sizeof(text) ? n : 0] = '\0';
		addr_parse(text, &address.peer);
	}
	if (*behind(pass, "brd"))
		addr_parse(behind(pass, "brd"), &address.broadcast);
	address.index = index_of(pass, pass->masters.items[pass->masters.n - 1]);
	address.is_secondary = has_word(pass, "secondary");
	address.is_tentative = has_word(pass, "tentative");
	address.is_deprecated = has_word(pass, "deprecated");
	address.is_link_scope = !strcmp(behind(pass, "scope"), "link");
	address.is_host_scope = !strcmp(behind(pass, "scope"), "host");
	*vec_push(&pass->addresses, pass->arena) = address;
	return true;
}

static uint32_t table_of(const char *name)
{
	if (!*name || !strcmp(name, "main"))
		return 254;
	if (!strcmp(name, "local"))
		return 255;
	if (!strcmp(name, "default"))
		return 253;
	return number(name); /* 0 for a name of /etc/iproute2: nobody's */
}

static uint8_t scope_of(const char *name)
{
	if (!strcmp(name, "link"))
		return 253;
	if (!strcmp(name, "host"))
		return 254;
	return (uint8_t)(*name >= '0' && *name <= '9' ? number(name) : 0);
}

static bool parse_hop(struct pass *pass, struct next_hop *ret)
{
	const char *via = behind(pass, "via");

	*ret = (struct next_hop){ .weight = 1 };
	if (!strcmp(via, "inet6") || !strcmp(via, "inet"))
		via = behind(pass, via);
	if (*via) {
		ret->has_gateway = true;
		if (!addr_parse(via, &ret->gateway))
			return refuse(pass, "its gateway is none");
	}
	ret->index = index_of(pass, behind(pass, "dev"));
	if (*behind(pass, "weight"))
		ret->weight = number(behind(pass, "weight"));
	ret->is_dead = has_word(pass, "dead");
	ret->is_linkdown = has_word(pass, "linkdown");
	ret->is_onlink = has_word(pass, "onlink");
	return true;
}

/* The hops that came since the last route are its own. */
static void end_route(struct pass *pass)
{
	struct route *route;

	if (!pass->routes.n)
		return;
	route = &pass->routes.items[pass->routes.n - 1];
	if (pass->hops.n) {
		struct next_hop *hops = arena_new_array(pass->arena, struct next_hop, pass->hops.n);

		memcpy(hops, pass->hops.items, pass->hops.n * sizeof(*hops));
		route->hops = hops;
		route->n_hops = pass->hops.n;
	}
	pass->hops.n = 0;
}

static bool is_wanted(const struct pass *pass, enum family family)
{
	if (pass->kind == IPROUTE_ROUTES4)
		return family == FAMILY_IPV4;
	return pass->kind != IPROUTE_ROUTES6 || family == FAMILY_IPV6;
}

static bool parse_route(struct pass *pass)
{
	static const char *const types[] = { "", "unicast", "local", "broadcast", "anycast",
		"multicast", "blackhole", "unreachable", "prohibit", "throw", "nat" };
	struct route route = { .type = ROUTE_UNICAST };
	struct next_hop hop;
	size_t at = 0;
	bool is_six;

	if (pass->is_indented && pass->is_skipped)
		return true;
	if (pass->is_indented) {
		if (strcmp(pass->words[0], "nexthop") != 0 || !parse_hop(pass, &hop))
			return refuse(pass, "it is no next hop");
		*vec_push(&pass->hops, pass->arena) = hop;
		return true;
	}
	end_route(pass);
	for (size_t i = 1; i < N_OF(types); i++)
		if (!strcmp(pass->words[0], types[i])) {
			route.type = (enum route_type)i;
			at = 1;
		}
	if (at >= pass->n_words)
		return refuse(pass, "it has no destination");
	is_six = pass->kind == IPROUTE_ROUTES6 || strchr(pass->words[at], ':') ||
		 *behind(pass, "pref") || strchr(behind(pass, "via"), ':');
	if (!strcmp(pass->words[at], "default"))
		prefix_parse(is_six ? "::/0" : "0.0.0.0/0", &route.dst);
	else if (!prefix_parse(pass->words[at], &route.dst))
		return refuse(pass, "its destination is no prefix");
	route.src.addr.family = route.dst.addr.family;
	if (*behind(pass, "from") && !prefix_parse(behind(pass, "from"), &route.src))
		return refuse(pass, "its source is no prefix");
	route.table = table_of(behind(pass, "table"));
	if (!route.table)
		return refuse(pass, "its table has a name that only the host knows");
	route.tos = (uint8_t)number(behind(pass, "tos"));
	route.priority = number(behind(pass, "metric"));
	route.mtu = number(behind(pass, "mtu"));
	route.scope = scope_of(behind(pass, "scope"));
	route.is_opaque = has_word(pass, "encap");
	route.has_prefsrc = *behind(pass, "src") && addr_parse(behind(pass, "src"), &route.prefsrc);
	if (!parse_hop(pass, &hop))
		return false;
	pass->is_skipped = !is_wanted(pass, route.dst.addr.family);
	if (pass->is_skipped)
		return true;
	if (hop.index || hop.has_gateway)
		*vec_push(&pass->hops, pass->arena) = hop;
	*vec_push(&pass->routes, pass->arena) = route;
	return true;
}

static bool take_condition(
	struct pass *pass, const char *key, struct routing_rule *rule, const char *value, bool *ok)
{
	*ok = true;
	if (!strcmp(key, "from") || !strcmp(key, "to")) {
		bool is_from = !strcmp(key, "from");

		if (!strcmp(value, "all"))
			return true;
		*(is_from ? &rule->has_src : &rule->has_dst) = true;
		*ok = prefix_parse(value, is_from ? &rule->src : &rule->dst);
	} else if (!strcmp(key, "iif")) {
		rule->iif = arena_strdup(pass->arena, value);
	} else if (!strcmp(key, "oif")) {
		rule->oif = arena_strdup(pass->arena, value);
	} else if (!strcmp(key, "fwmark")) {
		const char *slash = strchr(value, '/');

		rule->mark = number(value);
		rule->mark_mask = slash ? number(slash + 1) : UINT32_MAX;
	} else if (!strcmp(key, "lookup")) {
		rule->action = RULE_LOOKUP;
		rule->table = table_of(value);
		*ok = rule->table || rule->is_l3mdev;
	} else if (!strcmp(key, "goto")) {
		rule->action = RULE_GOTO;
		rule->goto_priority = number(value);
	} else if (!strcmp(key, "suppress_prefixlength")) {
		rule->suppress_len = (int)number(value);
	} else if (!strcmp(key, "proto")) {
		/* who made it */
	} else {
		return false;
	}
	return true;
}

static bool parse_rule(struct pass *pass)
{
	struct routing_rule rule = { .suppress_len = -1, .action = RULE_LOOKUP };

	rule.family = pass->kind == IPROUTE_RULES6 ? FAMILY_IPV6 : FAMILY_IPV4;
	rule.priority = number(pass->words[0]);
	rule.src.addr.family = rule.dst.addr.family = rule.family;
	for (size_t i = 1; i < pass->n_words; i++) {
		const char *word = pass->words[i];
		bool ok = true;

		if (!strcmp(word, "not"))
			rule.is_inverted = true;
		else if (!strcmp(word, "blackhole"))
			rule.action = RULE_BLACKHOLE;
		else if (!strcmp(word, "unreachable"))
			rule.action = RULE_UNREACHABLE;
		else if (!strcmp(word, "prohibit"))
			rule.action = RULE_PROHIBIT;
		else if (!strcmp(word, "nop"))
			rule.action = RULE_NOP;
		else if (!strcmp(word, "[l3mdev-table]"))
			rule.is_l3mdev = true;
		else if (i + 1 < pass->n_words &&
			 take_condition(pass, word, &rule, pass->words[i + 1], &ok))
			i++;
		else if (word[0] != '[')
			rule.is_opaque = true;
		if (!ok)
			return refuse(pass, "its prefix or table is not understood");
	}
	*vec_push(&pass->rules, pass->arena) = rule;
	return true;
}

static bool parse_neighbour(struct pass *pass)
{
	struct neighbour neighbour = { .index = index_of(pass, behind(pass, "dev")) };

	if (!addr_parse(pass->words[0], &neighbour.addr))
		return refuse(pass, "it begins with no address");
	neighbour.has_mac = mac_parse(behind(pass, "lladdr"), &neighbour.mac);
	neighbour.is_failed = has_word(pass, "FAILED") || has_word(pass, "INCOMPLETE");
	neighbour.is_permanent = has_word(pass, "PERMANENT");
	neighbour.is_proxy = has_word(pass, "proxy");
	*vec_push(&pass->neighbours, pass->arena) = neighbour;
	return true;
}

static bool parse_fdb(struct pass *pass)
{
	struct fdb_entry entry = { .port_index = index_of(pass, behind(pass, "dev")) };

	if (!mac_parse(pass->words[0], &entry.mac))
		return refuse(pass, "it begins with no MAC address");
	entry.bridge_index = index_of(pass, behind(pass, "master"));
	entry.vlan = (uint16_t)number(behind(pass, "vlan"));
	entry.is_permanent = has_word(pass, "permanent");
	entry.is_static = entry.is_permanent || has_word(pass, "static");
	/* filters of devices, as in the kernel's own list */
	if (entry.bridge_index)
		*vec_push(&pass->fdb, pass->arena) = entry;
	return true;
}

static void end_vlans(struct pass *pass)
{
	if (pass->port && pass->vlans.n) {
		struct port_vlan *vlans =
			arena_new_array(pass->arena, struct port_vlan, pass->vlans.n);

		memcpy(vlans, pass->vlans.items, pass->vlans.n * sizeof(*vlans));
		pass->port->vlans = vlans;
		pass->port->n_vlans = pass->vlans.n;
	}
	pass->vlans.n = 0;
}

/* "v0   1 PVID Egress Untagged", and for the next one of the same port "     20-29" */
static bool parse_vlan(struct pass *pass)
{
	size_t at = 0;
	uint32_t first, last;
	const char *dash;
	char text[8];

	if (!pass->is_indented) {
		const char *name = pass->words[at++];

		if (!strcmp(name, "port"))
			return true;
		end_vlans(pass);
		pass->port = NULL;
		for (size_t i = 0; i < pass->ns->n_links; i++)
			if (!strcmp(pass->ns->links[i].name, name))
				pass->port = &pass->ns->links[i];
		if (!pass->port)
			return refuse(pass, "it is of a port that is no link");
	}
	/* "None", and lines of a VLAN's state and counters */
	if (at == pass->n_words || pass->words[at][0] < '0' || pass->words[at][0] > '9')
		return true;
	dash = strchr(pass->words[at], '-');
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(pass->words[at], "-"), pass->words[at]);
	if (!pass->port || !text_to_u32(text, 0, 4095, &first) ||
		!text_to_u32(dash ? dash + 1 : text, first, 4095, &last))
		return refuse(pass, "it is no VLAN of a port");
	for (uint32_t id = first; id <= last; id++)
		*vec_push(&pass->vlans, pass->arena) = (struct port_vlan){
			.id = (uint16_t)id,
			.is_pvid = has_word(pass, "PVID"),
			.is_untagged = has_word(pass, "Untagged"),
		};
	return true;
}

static bool parse_sysctl(struct pass *pass, const char *line, size_t len)
{
	const char *equal = memmem(line, len, " =", 2);

	if (!equal || (!text_has_prefix(line, "net.ipv4.") && !text_has_prefix(line, "net.ipv6.") &&
			      !text_has_prefix(line, "net.bridge.") &&
			      !text_has_prefix(line, "net.netfilter.")))
		return true;
	*vec_push(&pass->sysctls, pass->arena) = (struct sysctl){
		arena_strndup(pass->arena, line, (size_t)(equal - line)),
		equal + 3 <= line + len
			? arena_strndup(pass->arena, equal + 3, (size_t)(line + len - equal - 3))
			: "",
	};
	return true;
}

static bool parse_line(struct pass *pass, const char *line, size_t len)
{
	static bool (*const parsers[])(struct pass *) = {
		[IPROUTE_LINKS] = parse_link,
		[IPROUTE_ADDRESSES] = parse_address,
		[IPROUTE_ROUTES] = parse_route,
		[IPROUTE_ROUTES4] = parse_route,
		[IPROUTE_ROUTES6] = parse_route,
		[IPROUTE_RULES4] = parse_rule,
		[IPROUTE_RULES6] = parse_rule,
		[IPROUTE_NEIGHBOURS] = parse_neighbour,
		[IPROUTE_FDB] = parse_fdb,
		[IPROUTE_VLANS] = parse_vlan,
	};
	char *copy;

	if (pass->kind == IPROUTE_SYSCTLS)
		return parse_sysctl(pass, line, len);
	copy = arena_strndup(pass->arena, line, len);
	pass->is_indented = *copy == ' ' || *copy == '\t';
	pass->n_words = 0;
	for (char *save = NULL, *word = strtok_r(copy, " \t\\", &save);
		word && pass->n_words < MAX_WORDS; word = strtok_r(NULL, " \t\\", &save))
		pass->words[pass->n_words++] = word;
	return !pass->n_words || parsers[pass->kind](pass);
}

/* What the namespace has of this kind already stays in front. */
// NOLINTBEGIN(bugprone-macro-parentheses): member and type are names
#define JOIN(pass, member, type)                                                                   \
	do {                                                                                       \
		size_t n_ = (pass)->ns->n_##member + (pass)->member.n;                             \
		type *all_ = arena_new_array((pass)->arena, type, n_ + 1);                         \
		if ((pass)->ns->n_##member)                                                        \
			memcpy(all_, (pass)->ns->member, (pass)->ns->n_##member * sizeof(*all_));  \
		if ((pass)->member.n)                                                              \
			memcpy(all_ + (pass)->ns->n_##member, (pass)->member.items,                \
				(pass)->member.n * sizeof(*all_));                                 \
		(pass)->ns->member = n_ ? all_ : NULL;                                             \
		(pass)->ns->n_##member = n_;                                                       \
	} while (0)

// NOLINTEND(bugprone-macro-parentheses)

bool iproute_parse(struct arena *arena, struct netns *ns, enum iproute_kind kind, const char *text,
	struct iproute_missing *missing, struct err *err)
{
	struct pass pass = {
		.arena = arena, .ns = ns, .kind = kind, .err = err, .missing = missing
	};
	bool ok = true;

	while (ok && *text) {
		size_t len = strcspn(text, "\n");

		pass.line++;
		ok = parse_line(&pass, text, len);
		text += len + (text[len] == '\n');
	}
	end_route(&pass);
	end_vlans(&pass);
	if (kind == IPROUTE_LINKS)
		finish_links(&pass);
	JOIN(&pass, addresses, struct address);
	JOIN(&pass, routes, struct route);
	JOIN(&pass, rules, struct routing_rule);
	JOIN(&pass, neighbours, struct neighbour);
	JOIN(&pass, fdb, struct fdb_entry);
	JOIN(&pass, sysctls, struct sysctl);
	return ok;
}
