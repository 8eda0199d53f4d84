// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"
#include "random_rulesets.h"

#include <stdlib.h>
#include <string.h>

#define P "neutron-openvswi-"

const struct plan_scope model_scope = {
	.chain_prefix = P,
	.top_chain = "neutron-filter-top",
	.set_prefix = "N",
	.l2_table = "portwall",
};

enum { RULE_PORT, RULE_ADDR, RULE_SET, RULE_SET_PORT, RULE_ANY_ICMP, N_RULE_KINDS };

static const char *const taps[MODEL_PORTS] = { "tap11111111-11", "tap22222222-22", "tap33333333-33",
	"tap44444444-44" };
static const char *const ids[MODEL_PORTS] = { "11111111-1", "22222222-2", "33333333-3",
	"44444444-4" };
static const char *const addrs[N_IP_FAMILIES][MODEL_ADDRS] = {
	{ "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "192.0.2.1", "192.0.2.2", "198.51.100.1",
		"203.0.113.9" },
	{ "2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4", "2001:db8:1::1",
		"2001:db8:1::2", "2001:db8:2::1", "2001:db8:3::9" },
};
static const unsigned dports[] = { 22, 80, 443 };

/* SplitMix64. */
uint32_t prng_below(struct prng *prng, uint32_t n)
{
	uint64_t z = prng->state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (uint32_t)((z ^ (z >> 31)) >> 32) % n;
}

bool prng_one_in(struct prng *prng, uint32_t n)
{
	return prng_below(prng, n) == 0;
}

/* ---- models */

static struct model_rule random_rule(struct prng *prng)
{
	return (struct model_rule){ .kind = (uint8_t)prng_below(prng, N_RULE_KINDS),
		.set = (uint8_t)prng_below(prng, MODEL_SETS),
		.addr = (uint8_t)prng_below(prng, MODEL_ADDRS),
		.port = (uint8_t)prng_below(prng, N_OF(dports)),
		.comment = (uint8_t)prng_below(prng, 3) };
}

static void fill_port(struct model_port *port, struct prng *prng)
{
	for (int f = 0; f < N_IP_FAMILIES; f++)
		for (int d = 0; d < 2; d++) {
			port->n_rules[f][d] = (uint8_t)prng_below(prng, MODEL_RULES + 1);
			for (int r = 0; r < MODEL_RULES; r++)
				port->rules[f][d][r] = random_rule(prng);
		}
}

static uint16_t random_members(struct prng *prng)
{
	uint32_t some = prng_below(prng, 256), others = prng_below(prng, 256);
	uint16_t members = (uint16_t)(some & others);

	return prng_one_in(prng, 16) ? members | 1 << MODEL_ADDRS : members;
}

void model_fill(struct model *model, struct prng *prng)
{
	memset(model, 0, sizeof(*model));
	for (int i = 0; i < MODEL_PORTS; i++) {
		model->ports[i].is_present = !prng_one_in(prng, 3);
		fill_port(&model->ports[i], prng);
	}
	for (int f = 0; f < N_IP_FAMILIES; f++)
		for (int s = 0; s < MODEL_SETS; s++) {
			model->members[f][s] = random_members(prng);
			model->is_large[f][s] = !prng_one_in(prng, 4);
		}
	model->has_bridge = !prng_one_in(prng, 3);
}

static void change_rules(struct model_port *port, struct prng *prng)
{
	uint32_t f = prng_below(prng, 2), d = prng_below(prng, 2);
	uint8_t *n = &port->n_rules[f][d];
	struct model_rule *rules = port->rules[f][d];
	uint32_t at = prng_below(prng, MODEL_RULES);

	switch (prng_below(prng, 3)) {
	case 0: /* one more */
		if (*n < MODEL_RULES) {
			memmove(rules + at + 1, rules + at,
				(MODEL_RULES - 1 - at) * sizeof(rules[0]));
			rules[at] = random_rule(prng);
			++*n;
		}
		break;
	case 1: /* one less */
		if (*n && at < *n) {
			memmove(rules + at, rules + at + 1,
				(MODEL_RULES - 1 - at) * sizeof(rules[0]));
			--*n;
		}
		break;
	default:
		rules[at] = random_rule(prng);
	}
}

/* Up, down, or anyhow. */
static void change_members(uint16_t *members, struct prng *prng)
{
	switch (prng_below(prng, 3)) {
	case 0:
		*members |= random_members(prng);
		break;
	case 1:
		*members &= (uint16_t)~random_members(prng);
		break;
	default:
		*members = random_members(prng);
	}
}

void model_change(struct model *model, struct prng *prng)
{
	uint32_t n = 1 + prng_below(prng, 4);
	/* Every third time no rule of a port that stays: what may go without twins. */
	bool no_rules = prng_one_in(prng, 3);

	while (n--) {
		struct model_port *port = &model->ports[prng_below(prng, MODEL_PORTS)];
		uint32_t f = prng_below(prng, 2), s = prng_below(prng, MODEL_SETS);

		switch (no_rules ? 2 + prng_below(prng, 4) : prng_below(prng, 8)) {
		case 0:
		case 1:
			change_rules(port, prng);
			break;
		case 2:
			port->is_present = !port->is_present;
			break;
		case 3:
			if (!no_rules)
				fill_port(port, prng);
			break;
		case 4:
			model->is_large[f][s] = !model->is_large[f][s];
			break;
		default:
			change_members(&model->members[f][s], prng);
		}
	}
}

/* ---- texts */

void host_texts_done(struct host_texts *texts)
{
	text_done(&texts->rules[FAMILY_IPV4]);
	text_done(&texts->rules[FAMILY_IPV6]);
	text_done(&texts->ipset);
	text_done(&texts->nft);
}

struct print {
	const struct model *model;
	struct prng *prng;
	unsigned flags;
	int family;
	struct text *out;
	bool uses_set[MODEL_SETS];
	const char *set_suffix;
};

static void print_rule(struct print *print, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void print_rule(struct print *print, const char *fmt, ...)
{
	va_list ap;

	if (print->flags & HOST_COUNTERS)
		text_addf(print->out, "[%u:%u] ", 1 + prng_below(print->prng, 1000000),
			1 + prng_below(print->prng, 1000000));
	else
		text_add(print->out, "[0:0] ");
	text_add(print->out, "-A ");
	va_start(ap, fmt);
	text_vaddf(print->out, fmt, ap);
	va_end(ap);
	text_add(print->out, "\n");
}

static const char *set_name(int family, int set, char *buf, size_t size)
{
	snprintf(buf, size, "NIPv%dgroup%d00-0000-4000-8000-", family ? 6 : 4, set);
	return buf;
}

static void print_model_rule(
	struct print *print, int port, int direction, const struct model_rule *rule)
{
	char chain[64], name[32], comment[64] = "";
	const char *addr = addrs[print->family][rule->addr];
	int len = print->family ? 128 : 32;
	const char *way = direction ? "-d" : "-s", *set_way = direction ? "dst" : "src";

	snprintf(chain, sizeof(chain), P "%c%s", direction ? 'o' : 'i', ids[port]);
	set_name(print->family, rule->set, name, sizeof(name));
	if (rule->comment)
		snprintf(comment, sizeof(comment),
			" -m comment --comment \"rule %d of it's group\"", rule->comment);
	if (rule->kind == RULE_SET || rule->kind == RULE_SET_PORT)
		print->uses_set[rule->set] = true;
	switch (rule->kind) {
	case RULE_PORT:
		print_rule(print, "%s -p tcp -m tcp --dport %u%s -j RETURN", chain,
			dports[rule->port], comment);
		break;
	case RULE_ADDR:
		print_rule(print, "%s %s %s/%d%s -j RETURN", chain, way, addr, len, comment);
		break;
	case RULE_SET:
		print_rule(print, "%s -m set --match-set %s%s %s%s -j RETURN", chain, name,
			print->set_suffix, set_way, comment);
		break;
	case RULE_SET_PORT:
		print_rule(print,
			"%s -p tcp -m tcp --dport %u -m set --match-set %s%s %s%s -j RETURN", chain,
			dports[rule->port], name, print->set_suffix, set_way, comment);
		break;
	default:
		print_rule(print, "%s -p %s%s -j RETURN", chain,
			print->family ? "ipv6-icmp" : "icmp", comment);
	}
}

static void print_port_chain(struct print *print, int port, int direction)
{
	const struct model_port *model = &print->model->ports[port];
	char chain[64];

	snprintf(chain, sizeof(chain), P "%c%s", direction ? 'o' : 'i', ids[port]);
	if (direction)
		print_rule(print, "%s -j " P "s%s", chain, ids[port]);
	print_rule(print, "%s -m state --state RELATED,ESTABLISHED -j RETURN", chain);
	for (int r = 0; r < model->n_rules[print->family][direction]; r++)
		print_model_rule(
			print, port, direction, &model->rules[print->family][direction][r]);
	print_rule(print, "%s -m state --state INVALID -j DROP", chain);
	print_rule(print, "%s -j " P "sg-fallback", chain);
}

static bool is_present(const struct print *print, int port)
{
	return print->model->ports[port].is_present;
}

static void print_filter_chains(struct print *print)
{
	static const char *const own[] = { "FORWARD", "INPUT", "OUTPUT", "local", "sg-chain",
		"sg-fallback" };

	text_add(print->out, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n"
			     ":OUTPUT ACCEPT [0:0]\n:neutron-filter-top - [0:0]\n");
	for (size_t i = 0; i < N_OF(own); i++)
		text_addf(print->out, ":" P "%s - [0:0]\n", own[i]);
	for (int i = 0; i < MODEL_PORTS; i++)
		for (const char *c = "ios"; is_present(print, i) && *c; c++)
			text_addf(print->out, ":" P "%c%s - [0:0]\n", *c, ids[i]);
	if (print->flags & HOST_FOREIGN)
		text_add(print->out, ":DOCKER-USER - [0:0]\n");
}

static void print_foreign(struct print *print, const char *chain)
{
	const char *addr = addrs[print->family][prng_below(print->prng, MODEL_ADDRS)];

	if (!(print->flags & HOST_FOREIGN) || prng_one_in(print->prng, 2))
		return;
	print_rule(print, "%s -s %s/%d -j %s", chain, addr, print->family ? 128 : 32,
		prng_one_in(print->prng, 2) ? "ACCEPT" : "DOCKER-USER");
}

static void print_builtin(struct print *print)
{
	bool odd = (print->flags & HOST_FOREIGN) && prng_one_in(print->prng, 3);

	print_rule(print, "INPUT -j " P "INPUT");
	print_foreign(print, "INPUT");
	if (odd)
		print_foreign(print, "FORWARD");
	print_rule(print, "FORWARD -j neutron-filter-top");
	if (odd)
		print_foreign(print, "FORWARD");
	print_rule(print, "FORWARD -j " P "FORWARD");
	print_foreign(print, "FORWARD");
	print_foreign(print, "FORWARD");
	print_rule(print, "OUTPUT -j neutron-filter-top");
	print_rule(print, "OUTPUT -j " P "OUTPUT");
	print_rule(print, "neutron-filter-top -j " P "local");
	if (print->flags & HOST_FOREIGN)
		print_rule(print, "DOCKER-USER -j RETURN");
}

static void print_filter(struct print *print)
{
	print_filter_chains(print);
	print_builtin(print);
	for (int i = 0; i < MODEL_PORTS; i++) {
		if (!is_present(print, i))
			continue;
		print_rule(print,
			P "FORWARD -m physdev --physdev-out %s --physdev-is-bridged -j " P
			  "sg-chain",
			taps[i]);
		print_rule(print,
			P "FORWARD -m physdev --physdev-in %s --physdev-is-bridged -j " P
			  "sg-chain",
			taps[i]);
		print_rule(
			print, P "INPUT -m physdev --physdev-in %s -j " P "o%s", taps[i], ids[i]);
		print_rule(print,
			P "sg-chain -m physdev --physdev-out %s --physdev-is-bridged -j " P "i%s",
			taps[i], ids[i]);
		print_rule(print,
			P "sg-chain -m physdev --physdev-in %s --physdev-is-bridged -j " P "o%s",
			taps[i], ids[i]);
		print_port_chain(print, i, 0);
		print_port_chain(print, i, 1);
		print_rule(print,
			P "s%s -s %s/%d -m mac --mac-source fa:16:3e:00:00:%02x -j RETURN", ids[i],
			addrs[print->family][i], print->family ? 128 : 32, (unsigned)i);
		print_rule(print, P "s%s -j DROP", ids[i]);
	}
	print_rule(print, P "sg-chain -j ACCEPT");
	print_rule(print, P "sg-fallback -j DROP");
	text_add(print->out, "COMMIT\n");
}

static void print_raw(struct print *print)
{
	text_add(print->out,
		"*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:" P "PREROUTING - [0:0]\n");
	if (print->flags & HOST_FOREIGN)
		text_add(print->out, ":DOCKER-USER - [0:0]\n");
	print_foreign(print, "OUTPUT");
	print_rule(print, "PREROUTING -j " P "PREROUTING");
	for (int i = 0; i < MODEL_PORTS; i++)
		if (is_present(print, i))
			print_rule(print,
				P
				"PREROUTING -m physdev --physdev-in %s -m comment --comment \"Set "
				"zone for %s\" -j CT --zone %d",
				taps[i], ids[i], 4097 + i);
	text_add(print->out, "COMMIT\n");
}

/* Loses, doubles or moves a few lines of our chains. */
static void make_dirty(struct print *print)
{
	struct text clean = *print->out, dirty = TEXT_INIT;
	char *next = clean.data;

	while (*next) {
		char *line = next, *end = strchr(line, '\n');
		int times = 1;

		next = end + 1;
		if (line[0] == '[' && strstr(line, "-A " P) && strstr(line, "-A " P) < end &&
			prng_one_in(print->prng, 25))
			times = prng_below(print->prng, 2) ? 2 : 0;
		while (times--)
			text_add_n(&dirty, line, (size_t)(next - line));
	}
	*print->out = dirty;
	text_done(&clean);
}

static void print_sets(struct print *print, struct text *out)
{
	for (int s = 0; s < MODEL_SETS; s++) {
		uint16_t members = print->model->members[print->family][s];
		int copies = *print->set_suffix ? 2 : 1;
		char name[32];

		if (!print->uses_set[s] && prng_one_in(print->prng, 2))
			continue;
		set_name(print->family, s, name, sizeof(name));
		for (int c = 0; c < copies; c++) {
			const char *suffix = c ? print->set_suffix : "";
			size_t max = print->model->is_large[print->family][s] ? 65536 : 8;

			text_addf(out, "create %s%s hash:net family %s hashsize 1024 maxelem %zu\n",
				name, suffix, print->family ? "inet6" : "inet", max);
			for (int a = 0; a < MODEL_ADDRS; a++)
				if (members & 1 << a)
					text_addf(out, "add %s%s %s\n", name, suffix,
						addrs[print->family][a]);
			if ((members & 1 << MODEL_ADDRS) && max > 8) {
				const char *halves[N_IP_FAMILIES][2] = {
					{ "0.0.0.0/1", "128.0.0.0/1" }, { "::/1", "8000::/1" }
				};

				text_addf(out, "add %s%s %s\nadd %s%s %s\n", name, suffix,
					halves[print->family][0], name, suffix,
					halves[print->family][1]);
			}
		}
	}
	if (print->flags & HOST_FOREIGN)
		text_addf(out, "create other%d hash:net family %s hashsize 1024 maxelem 65536\n",
			print->family, print->family ? "inet6" : "inet");
}

static void print_map(const struct model *model, struct text *out, const char *map, const char *to)
{
	const char *before = "\n\t\telements = { ";

	text_addf(out, "\tmap %s {\n\t\ttype ifname : verdict", map);
	for (int i = 0; i < MODEL_PORTS; i++) {
		if (!model->ports[i].is_present)
			continue;
		text_addf(out, "%s\"%s\" : goto %s-%s", before, taps[i], to, ids[i]);
		before = ",\n\t\t\t     ";
	}
	text_addf(out, "%s\n\t}\n\n", strstr(before, "elements") ? "" : " }");
}

static void print_bridge(
	const struct model *model, struct prng *prng, unsigned flags, struct text *out)
{
	static const char ends[] = "\n\t}\n\n";

	text_add(out, "table bridge portwall {\n");
	print_map(model, out, "from-port", "o");
	print_map(model, out, "to-port", "to");
	text_addf(out,
		"\tchain prerouting {\n\t\ttype filter hook prerouting priority dstnat - 10; policy "
		"accept;\n\t\tiifname vmap @from-port%s",
		ends);
	text_addf(out,
		"\tchain forward {\n\t\ttype filter hook forward priority -310; policy "
		"accept;\n\t\toifname vmap @to-port%s",
		ends);
	for (int i = 0; i < MODEL_PORTS; i++) {
		uint32_t packets = flags & HOST_COUNTERS ? 1 + prng_below(prng, 1000000) : 0;

		if (!model->ports[i].is_present)
			continue;
		text_addf(out,
			"\tchain o-%s {\n\t\tether type ip accept\n\t\tether type ip6 accept\n"
			"%s\t\tcounter packets %u bytes %u drop comment \"frames of %s\"%s",
			ids[i],
			model->ports[i].n_rules[0][0] % 2 ? "\t\tether type arp accept\n" : "",
			packets, packets, ids[i], ends);
		text_addf(out,
			"\tchain to-%s {\n\t\tether type ip accept\n\t\tether type ip6 accept\n"
			"\t\tcounter packets %u bytes %u drop%s",
			ids[i], packets, packets, ends);
	}
	text_add(out, "}\n");
}

void model_print(
	const struct model *model, struct prng *prng, unsigned flags, struct host_texts *ret)
{
	for (int f = 0; f < N_IP_FAMILIES; f++) {
		struct print print = { .model = model,
			.prng = prng,
			.flags = flags,
			.family = f,
			.out = &ret->rules[f],
			.set_suffix = flags & HOST_TWINS && prng_one_in(prng, 2) ? "-n" : "" };

		print_raw(&print);
		print_filter(&print);
		if (flags & HOST_DIRTY)
			make_dirty(&print);
		print_sets(&print, &ret->ipset);
	}
	if (model->has_bridge)
		print_bridge(model, prng, flags, &ret->nft);
}

struct ruleset *host_texts_parse(struct arena *arena, const struct host_texts *texts)
{
	struct ruleset *rs = ruleset_new(arena);
	struct err err;

	for (int f = 0; f < N_IP_FAMILIES; f++)
		if (!ruleset_parse_iptables(
			    arena, rs, (enum family)f, "rules", texts->rules[f].data, &err))
			fail_msg("%s\n%s", err.text, texts->rules[f].data);
	if (!ruleset_parse_ipset(arena, rs, "sets", texts->ipset.data, &err))
		fail_msg("%s\n%s", err.text, texts->ipset.data);
	if (!ruleset_parse_nft(arena, rs, "bridge", texts->nft.data, &err))
		fail_msg("%s\n%s", err.text, texts->nft.data);
	return rs;
}

/* ---- packets */

int model_port_of(const char *iface)
{
	for (int i = 0; i < MODEL_PORTS; i++)
		if (strcmp(iface, taps[i]) == 0)
			return i;
	return -1;
}

static struct addr random_addr(struct prng *prng, enum family family, uint32_t place)
{
	struct addr addr;

	if (place >= MODEL_PORTS)
		place = MODEL_PORTS + prng_below(prng, MODEL_ADDRS - MODEL_PORTS);
	if (!addr_parse(addrs[family][place], &addr))
		abort();
	return addr;
}

struct packet model_packet(struct prng *prng)
{
	enum family family = prng_below(prng, 2) ? FAMILY_IPV6 : FAMILY_IPV4;
	uint32_t from = prng_below(prng, MODEL_PORTS + 1), to = prng_below(prng, MODEL_PORTS);
	struct packet packet = { .in_iface = "br0", .out_iface = "br0" };

	if (to >= from)
		to++;
	packet.physdev_in = from < MODEL_PORTS ? taps[from] : "up0";
	packet.physdev_out = to < MODEL_PORTS ? taps[to] : "up0";
	packet.ethertype = family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	packet.eth_src = (struct mac){ { 0xfa, 0x16, 0x3e, 0, 0, (uint8_t)from } };
	packet.src = random_addr(prng, family, prng_one_in(prng, 12) ? MODEL_PORTS : from);
	packet.dst = random_addr(prng, family, to);
	packet.ct_state = prng_one_in(prng, 12) ? CT_ESTABLISHED : CT_NEW;
	if (prng_one_in(prng, 5)) {
		packet.proto = family == FAMILY_IPV6 ? PROTO_ICMPV6 : PROTO_ICMP;
		packet.icmp_type = family == FAMILY_IPV6 ? 128 : 8;
	} else {
		packet.proto = PROTO_TCP;
		packet.sport = 1025;
		packet.dport = (uint16_t)dports[prng_below(prng, N_OF(dports))];
	}
	return packet;
}
