// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random sequences of what happens to a host: groups, rules, members and ports change; interfaces are unplugged, moved between
 * bridges and namespaces, renamed as libvirt names them; other programs meddle; the service begins anew. After each step a full
 * recompute finds nothing to do (keephost.h), and the kernel does with packets what the policy says. PORTWALL_SEED=N repeats a
 * run, PORTWALL_STEPS=N makes it longer.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keephost.h"
#include "random.h"

#define N_STEPS	  60 /* of each variant of iptables */
#define N_SHOTS	  12 /* after each */
#define N_GUESTS  4
#define N_FAR	  4
#define N_GROUPS  5
#define MAX_RULES 6
#define N_PLACES  4 /* of rules' ports */

/* ---- what there is */

struct rule_model {
	unsigned number; /* its id */
	bool is_egress, is_v6;
	unsigned proto; /* of protos */
	unsigned port;	/* 0: none */
	enum { FROM_ANY, FROM_GROUP, FROM_PREFIX, FROM_LIST } remote;
	unsigned of;
};

struct group_model {
	unsigned n_rules, renamed;
	struct rule_model rules[MAX_RULES];
};

struct port_model {
	bool is_there, is_open, is_trusted, has_v4, has_v6, has_pair, is_named;
	unsigned address; /* the last byte */
	unsigned groups;  /* bits */
};

enum place { ON_BR0, ON_BR1, ON_NONE, AWAY };

struct model {
	struct random random;
	struct keephost h;
	struct world *world;
	struct group_model groups[N_GROUPS];
	struct port_model ports[N_GUESTS + N_FAR];
	bool in_list[8]; /* of addresses */
	unsigned next_rule;
	struct {
		enum place place;
		bool is_vnet; /* has libvirt's name and MAC */
	} guests[N_GUESTS];
	int away; /* a namespace */
	uint16_t next_sport;
	size_t n_passed, n_dropped;
	char what[200]; /* the step, for messages */
};

static const char *const protos[] = { "tcp", "udp", "icmp" };

static unsigned below(struct model *m, unsigned n)
{
	return random_below(&m->random, n);
}

static struct net_end *guest(const struct model *m, unsigned i)
{
	return m->world->net->ends[i];
}

/* ---- the policy */

static void print_rule(struct text *out, const struct rule_model *r)
{
	const char *proto = protos[r->proto];

	text_addf(out, "  - {id: %08x-0000-4000-8000-000000000000, direction: %s, ethertype: IPv%c",
		r->number, r->is_egress ? "egress" : "ingress", r->is_v6 ? '6' : '4');
	if (r->proto == 2)
		text_addf(out, ", protocol: %s", r->is_v6 ? "icmpv6" : "icmp");
	else
		text_addf(out, ", protocol: %s", proto);
	if (r->port && r->proto != 2)
		text_addf(out, ", port_range_min: %u, port_range_max: %u", r->port,
			r->port + r->of % 2);
	if (r->remote == FROM_GROUP)
		text_addf(out, ", remote_group: eeeeeee%u-0000-4000-8000-000000000000",
			r->of % N_GROUPS);
	if (r->remote == FROM_PREFIX)
		text_addf(out,
			r->is_v6 ? ", remote_ip_prefix: '2001:db8::%x/127'"
				 : ", remote_ip_prefix: 10.0.0.%u/31",
			10 + (r->of & 6));
	if (r->remote == FROM_LIST)
		text_add(out, ", remote_address_group: list");
	text_add(out, "}\n");
}

static void print_port(struct text *out, const struct model *m, unsigned i)
{
	const struct port_model *p = &m->ports[i];
	bool is_far = i >= N_GUESTS;
	unsigned n = 0;

	if (!p->is_there)
		return;
	if (is_far)
		text_addf(out,
			"- {id: f%07x-0000-4000-8000-000000000000, 'binding:host_id': far, "
			"mac_address: '02:00:00:00:01:%02x'",
			i, i);
	else
		text_addf(out, "- {id: %s, mac_address: '02:00:00:00:00:%02x'", world_port_id(i),
			10 + i);
	if (p->is_named && !is_far)
		text_addf(out, ", device: %s", guest(m, i)->tap);
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
	text_add(out, ", security_groups: [");
	for (unsigned g = 0; g < N_GROUPS; g++)
		if (p->groups >> g & 1)
			text_addf(
				out, "%seeeeeee%u-0000-4000-8000-000000000000", n++ ? ", " : "", g);
	text_add(out, "]}\n");
}

static void print_policy(struct text *out, const struct model *m)
{
	text_add(out, "address_groups:\n- name: list\n  addresses: ['2001:db8::63', ");
	for (unsigned i = 0; i < N_OF(m->in_list); i++)
		if (m->in_list[i])
			text_addf(out, "10.0.0.%u, ", 10 + i);
	text_add(out, "10.0.0.99]\nsecurity_groups:\n");
	for (unsigned g = 0; g < N_GROUPS; g++) {
		const struct group_model *group = &m->groups[g];

		text_addf(out,
			"- name: g%u-%u\n  id: eeeeeee%u-0000-4000-8000-000000000000\n"
			"  security_group_rules:%s\n",
			g, group->renamed, g, group->n_rules ? "" : " []");
		for (unsigned r = 0; r < group->n_rules; r++)
			print_rule(out, &group->rules[r]);
	}
	text_add(out, "ports:\n");
	for (unsigned i = 0; i < N_GUESTS + N_FAR; i++)
		print_port(out, m, i);
}

/* ---- what changes in it */

static struct rule_model random_rule(struct model *m)
{
	return (struct rule_model){ .number = ++m->next_rule,
		.is_egress = below(m, 2),
		.is_v6 = one_in(&m->random, 3),
		.proto = below(m, N_OF(protos)),
		.port = one_in(&m->random, 4) ? 0 : 1000 + below(m, N_PLACES),
		.remote = below(m, 4),
		.of = below(m, 8) };
}

static bool is_same_rule(const struct rule_model *a, const struct rule_model *b)
{
	struct rule_model x = *a, y = *b;

	x.number = y.number = 0;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

static void change_group(struct model *m, struct group_model *group)
{
	struct rule_model rule;
	unsigned at;

	memset(&rule, 0, sizeof(rule));
	rule = random_rule(m);
	if (one_in(&m->random, 12)) {
		group->renamed++;
		return;
	}
	if (group->n_rules && one_in(&m->random, 2)) {
		at = below(m, group->n_rules);
		group->n_rules--;
		memmove(&group->rules[at], &group->rules[at + 1],
			(group->n_rules - at) * sizeof(rule));
		return;
	}
	for (unsigned i = 0; i < group->n_rules; i++)
		if (is_same_rule(&group->rules[i], &rule))
			return;
	if (group->n_rules < MAX_RULES)
		group->rules[group->n_rules++] = rule;
}

static void change_port(struct model *m, unsigned i)
{
	struct port_model *p = &m->ports[i];

	switch (below(m, 10)) {
	case 0:
	case 1:
		p->is_there = !p->is_there;
		break;
	case 2:
	case 3:
	case 4:
	case 5:
		p->groups ^= 1u << below(m, N_GROUPS);
		break;
	case 6:
		p->has_v6 = !p->has_v6;
		break;
	case 7:
		p->has_pair = !p->has_pair;
		break;
	case 8:
		if (one_in(&m->random, 2))
			p->is_open = !p->is_open;
		else
			p->is_trusted = !p->is_trusted;
		break;
	default:
		p->is_named = !p->is_named;
	}
}

static void change_policy(struct model *m)
{
	for (unsigned n = one_in(&m->random, 4) ? 1 + below(m, 4) : 1; n > 0; n--)
		switch (below(m, 5)) {
		case 0:
		case 1:
			change_group(m, &m->groups[below(m, N_GROUPS)]);
			break;
		case 2:
		case 3:
			change_port(m, below(m, N_GUESTS + N_FAR));
			break;
		default:
			m->in_list[below(m, N_OF(m->in_list))] ^= true;
		}
}

static void keep_policy(struct model *m)
{
	struct text yaml CLEANUP(text_done) = TEXT_INIT;

	print_policy(&yaml, m);
	keephost_change(&m->h, "%s", yaml.data);
	assert_int_equal(m->h.result.done.n_failures, 0);
}

/* ---- what changes on the host */

/* The name that the interface has now. */
static void name_of(const struct model *m, unsigned i, char name[16])
{
	if (m->guests[i].is_vnet)
		snprintf(name, 16, "vnet%u", i);
	else
		snprintf(name, 16, "%s", guest(m, i)->tap);
}

static void put_guest(struct model *m, unsigned i, enum place place)
{
	static const char *const bridges[] = { "br0", "br1" };
	char name[16];

	name_of(m, i, name);
	if (m->guests[i].place == AWAY && place != AWAY) {
		net_enter(m->away);
		net_sh("ip link set %s netns %d", name, (int)getppid());
		net_leave(m->world->net);
	}
	if (place == AWAY && m->guests[i].place != AWAY) {
		net_sh("ip link set %s netns /proc/self/fd/%d", name, m->away);
	} else if (place == ON_NONE) {
		net_ip(m->world->net->ns, "link set %s nomaster\n", name);
	} else if (place != AWAY) {
		net_ip(m->world->net->ns, "link set %s master %s up\n", name, bridges[place]);
		net_await_link(name);
	}
	m->guests[i].place = place;
}

static void rename_guest(struct model *m, unsigned i)
{
	char from[16], to[16];

	if (m->guests[i].place == AWAY)
		return;
	name_of(m, i, from);
	m->guests[i].is_vnet = !m->guests[i].is_vnet;
	name_of(m, i, to);
	net_ip(m->world->net->ns,
		"link set %s down\nlink set %s name %s address %s:00:00:00:00:%02x\nlink set %s up\n",
		from, from, to, m->guests[i].is_vnet ? "fe" : "0e", 10 + i, to);
	net_await_link(to);
}

static void change_links(struct model *m)
{
	for (unsigned n = 1 + below(m, 3); n > 0; n--) {
		unsigned i = below(m, N_GUESTS);

		if (one_in(&m->random, 4))
			rename_guest(m, i);
		else
			put_guest(m, i, one_in(&m->random, 2) ? ON_BR0 : (enum place)below(m, 3));
	}
	keephost_links(&m->h);
}

static void meddle(struct model *m)
{
	static const char *const deeds[] = {
		"iptables-%s -F FORWARD",
		"ip6tables-%s -F neutron-openvswi-sg-chain",
		"iptables-%s -t raw -F neutron-openvswi-PREROUTING",
		"nft flush chain bridge portwall forward # %s",
		"nft delete table bridge portwall # %s",
		"for i in $(ipset list -n); do ipset flush $i; done # %s",
		"iptables-%s -I INPUT -p udp --dport 9 -j DROP",
	};

	net_sh(deeds[below(m, N_OF(deeds))], m->world->options.backend);
	keephost_repair(&m->h);
}

/* ---- packets */

static const struct policy_port *port_of(const struct model *m, unsigned i)
{
	return policy_port_find(m->h.policy, world_port_id(i));
}

/* The interface of which the keeper thinks that it is the port's. */
static bool is_bound(const struct model *m, unsigned i)
{
	const struct policy_port *port = port_of(m, i);

	return port && (!m->guests[i].is_vnet || !port->has_device);
}

static bool passes(const struct model *m, unsigned from, unsigned to, const struct packet *packet)
{
	if (m->guests[from].place != m->guests[to].place || m->guests[from].place > ON_BR1)
		return false;
	if (!is_bound(m, from) || !is_bound(m, to))
		return false; /* closed */
	return !reason_is_drop(policy_decide(port_of(m, from), DIR_EGRESS, packet).reason) &&
	       !reason_is_drop(policy_decide(port_of(m, to), DIR_INGRESS, packet).reason);
}

static struct addr address(unsigned last, bool is_v6)
{
	char text[32];
	struct addr addr;

	snprintf(text, sizeof(text), is_v6 ? "2001:db8::%x" : "10.0.0.%u", last);
	assert_true(addr_parse(text, &addr));
	return addr;
}

/* Each a flow of its own. */
static struct net_frame random_frame(struct model *m, unsigned from, unsigned to)
{
	struct net_frame frame = { 0 };
	struct packet *p = &frame.packet;
	bool is_v6 = one_in(&m->random, 3);
	unsigned proto = below(m, N_OF(protos));

	p->eth_src = guest(m, from)->mac;
	p->eth_dst = guest(m, to)->mac;
	p->ethertype = is_v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	p->src = address(one_in(&m->random, 12) ? 10 + below(m, 8) : 10 + from, is_v6);
	p->dst = address(10 + to, is_v6);
	p->proto = proto == 0	? PROTO_TCP
		   : proto == 1 ? PROTO_UDP
		   : is_v6	? PROTO_ICMPV6
				: PROTO_ICMP;
	if (proto == 2)
		p->icmp_type = is_v6 ? 128 : 8;
	else
		p->dport = (uint16_t)(1000 + below(m, N_PLACES + 1));
	p->sport = proto == 2 ? 0 : m->next_sport;
	frame.icmp_id = m->next_sport;
	m->next_sport = m->next_sport == 60000 ? 2000 : (uint16_t)(m->next_sport + 1);
	if (one_in(&m->random, 20))
		p->ethertype = ETHERTYPE_VLAN;
	p->ct_state = net_frame_first_state(&frame);
	return frame;
}

static void look_at_packets(struct model *m)
{
	struct {
		uint64_t tag;
		unsigned from, to;
		bool is_allowed;
		struct packet packet;
	} sent[N_SHOTS];

	for (unsigned i = 0; i < N_SHOTS; i++) {
		unsigned from = below(m, N_GUESTS),
			 to = (from + 1 + below(m, N_GUESTS - 1)) % N_GUESTS;
		struct net_frame frame = random_frame(m, from, to);

		sent[i].from = from;
		sent[i].to = to;
		sent[i].packet = frame.packet;
		sent[i].is_allowed = passes(m, from, to, &frame.packet);
		sent[i].tag = net_send(guest(m, from), &frame);
	}
	net_settle(m->world->net);
	for (unsigned i = 0; i < N_SHOTS; i++) {
		struct text words CLEANUP(text_done) = TEXT_INIT;

		if (net_saw(guest(m, sent[i].to), sent[i].tag) == sent[i].is_allowed) {
			(*(sent[i].is_allowed ? &m->n_passed : &m->n_dropped))++;
			continue;
		}
		packet_print(&words, &sent[i].packet);
		fail_msg("%s: %c > %c %s, though the policy %s it: %s", m->what, 'A' + sent[i].from,
			'A' + sent[i].to, sent[i].is_allowed ? "was lost" : "passed",
			sent[i].is_allowed ? "allows" : "drops", words.data);
	}
}

/* ---- */

static void step(struct model *m)
{
	static const char *const names[] = { "policy", "links", "both", "meddling", "restart" };
	unsigned chosen = below(m, 20), kind = chosen < 10 ? 0 : chosen < 16 ? 1 : chosen - 15;

	if (kind >= N_OF(names))
		kind = 2;
	snprintf(m->what + strlen(m->what), sizeof(m->what) - strlen(m->what), ", %s", names[kind]);
	switch (kind) {
	case 0:
		change_policy(m);
		keep_policy(m);
		break;
	case 1:
		change_links(m);
		break;
	case 2:
		/* what the policy says of an interface that the keeper does not know of yet */
		for (unsigned i = 0; i < N_GUESTS; i++)
			put_guest(m, i, (enum place)below(m, 3));
		change_policy(m);
		keep_policy(m);
		keephost_links(&m->h);
		break;
	case 3:
		meddle(m);
		break;
	default:
		keephost_close(&m->h);
		keephost_open(&m->h);
		keep_policy(m);
		assert_int_equal(m->h.result.done.n_steps, 0);
	}
}

static void model_init(struct model *m, struct world *world, uint64_t seed)
{
	*m = (struct model){ .random = { seed }, .world = world, .next_sport = 2000 };
	world_add_guests(world, N_GUESTS - world->net->n_ends);
	net_ip(world->net->ns, "link add br1 up type bridge forward_delay 0 mcast_snooping 0\n");
	net_await_link("br0");
	for (unsigned i = 0; i < N_GUESTS + N_FAR; i++)
		m->ports[i] = (struct port_model){ .is_there = i != 1,
			.has_v4 = true,
			.has_v6 = i != 2,
			.address = 10 + i,
			.groups = 1u << below(m, N_GROUPS) | 1 };
	for (unsigned g = 0; g < N_GROUPS; g++)
		for (unsigned r = 0; r < 4; r++)
			change_group(m, &m->groups[g]);
	keephost_init(&m->h, world);
	keep_policy(m);
}

static uint64_t seed;
static unsigned n_steps = N_STEPS;

static void random_changes_end_as_a_full_recompute(struct world *world)
{
	struct model m;

	model_init(&m, world, seed);
	for (unsigned i = 0; i < n_steps; i++) {
		snprintf(m.what, sizeof(m.what), "PORTWALL_SEED=%llu step %u",
			(unsigned long long)seed, i);
		step(&m);
		look_at_packets(&m);
	}
	print_message("# %zu packets passed, %zu were dropped\n", m.n_passed, m.n_dropped);
	/* they must be worth asking about */
	assert_true(m.n_passed > n_steps / 2 && m.n_dropped > n_steps);
	keephost_done(&m.h);
}

int main(void)
{
	static const struct world_case cases[] = {
		WORLD_CASE(random_changes_end_as_a_full_recompute, ON_SHARED | BY_BOTH),
	};
	const char *more = getenv("PORTWALL_STEPS");

	seed = random_seeded().state;
	if (more)
		n_steps = (unsigned)strtoul(more, NULL, 10);
	return world_main(cases, N_OF(cases));
}
