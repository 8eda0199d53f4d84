// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random sequences of what happens to a host: groups, rules, members and ports change; interfaces are unplugged, moved between
 * bridges and namespaces, renamed as libvirt names them; other programs meddle; the service begins anew. After each step a full
 * recompute finds nothing to do (keephost.h), and the kernel does with packets what the policy says; now and then a keeper
 * that begins with nothing, on a host of the same interfaces, has to lead to the same. PORTWALL_SEED=N repeats a run,
 * PORTWALL_STEPS=N makes it longer.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keephost.h"
#include "policymodel.h"
#include "random.h"

#define FOREIGN "-p udp -m udp --dport 9 -j DROP"

#define N_STEPS	 150 /* of each variant of iptables */
#define N_SHOTS	 12  /* after each */
#define N_GUESTS POLICY_GUESTS
#define FRESH_IN 12 /* how often a fresh one is asked */

enum place { ON_BR0, ON_BR1, ON_NONE, AWAY };

struct model {
	struct random random;
	struct keephost h;
	struct world *world;
	struct policy_model policy;
	struct {
		enum place place;
		bool is_vnet; /* has libvirt's name and MAC */
	} guests[N_GUESTS];
	int away; /* a namespace */
	uint16_t next_sport;
	size_t n_passed, n_dropped, n_fresh;
	char what[200]; /* the step, for messages */
};

static const char *const bridges[] = { "br0", "br1" };

static unsigned below(struct model *m, unsigned n)
{
	return random_below(&m->random, n);
}

static struct net_end *guest(const struct model *m, unsigned i)
{
	return m->world->net->ends[i];
}

/* ---- the policy */

static void keep_policy(struct model *m)
{
	struct text yaml CLEANUP(text_done) = TEXT_INIT;

	policy_model_print(&yaml, &m->policy);
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
	int here = m->world->net->ns;
	char name[16];

	name_of(m, i, name);
	if (m->guests[i].place == AWAY && place != AWAY)
		net_ip(m->away, "link set %s netns /proc/%d/fd/%d\n", name, (int)getpid(), here);
	if (place == AWAY && m->guests[i].place != AWAY)
		net_ip(here, "link set %s netns /proc/%d/fd/%d\n", name, (int)getpid(), m->away);
	else if (place == ON_NONE)
		net_ip(here, "link set %s nomaster up\n", name);
	else if (place != AWAY)
		net_ip(here, "link set %s master %s up\n", name, bridges[place]);
	if (place < ON_NONE)
		net_await_link(name);
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
			put_guest(m, i, one_in(&m->random, 2) ? ON_BR0 : (enum place)below(m, 4));
	}
	keephost_links(&m->h);
}

static void meddle(struct model *m)
{
	static const char *const deeds[] = {
		"iptables-%s -F FORWARD",
		"ip6tables-%s -F neutron-openvswi-sg-chain",
		"iptables-%s -t raw -F neutron-openvswi-PREROUTING",
		"iptables-%1$s -F; ip6tables-%1$s -F; iptables-%1$s -X; ip6tables-%1$s -t raw -F",
		"nft flush chain bridge portwall forward # %s",
		"nft delete table bridge portwall # %s",
		"for i in $(ipset list -n); do ipset flush $i; done # %s",
		"for i in $(ipset list -n); do ipset add $i 10.9.9.9 2>/dev/null || :; done # %s",
		"iptables-%s -I FORWARD -j ACCEPT",
		"iptables-%s -I INPUT -p udp --dport 9 -j DROP", /* FOREIGN */
		"iptables-%s -I neutron-openvswi-FORWARD -j ACCEPT",
		"ip6tables-%s -I neutron-openvswi-sg-chain -j ACCEPT",
	};

	net_sh(deeds[below(m, N_OF(deeds))], m->world->options.backend);
	keephost_repair(&m->h);
	net_sh("iptables-%s -D FORWARD -j ACCEPT 2>/dev/null || :", m->world->options.backend);
}

/* ---- from nothing */

/*
 * What differs with history, and is not to be compared: the order of chains, numbers of zones, notes of bridges' switches, others'
 * rules. The order within a chain stays.
 */
static void cut_history(struct text *text)
{
	static const char script[] =
		"grep -v -e '--comment \"restore: ' -e '" FOREIGN "' -e '^[[:space:]}]*$' | "
		"sed 's/--zone .*//' | "
		"awk '/^[*]|^table/ { part++ } /^:/ { chain = $1 } /^-A|^\tchain|^\tmap/ { chain = $2 } "
		"{ printf \"%d %s %04d %s\\n\", part, chain, n[part, chain]++, $0 }' | LC_ALL=C sort";
	struct text out = TEXT_INIT;

	if (!net_try(text->data, &out, (const char *const[]){ "sh", "-c", script, NULL }))
		fail_msg("%s", out.data);
	text_done(text);
	*text = out;
}

static void add_interfaces(const struct model *m, int ns)
{
	struct text links CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < N_OF(bridges); i++)
		text_addf(&links,
			"link add %s type bridge nf_call_iptables 1 nf_call_ip6tables 1\n",
			bridges[i]);
	for (unsigned i = 0; i < N_GUESTS; i++) {
		char name[16];

		if (m->guests[i].place == AWAY)
			continue;
		name_of(m, i, name);
		text_addf(&links,
			"tuntap add dev %s mode tap\nlink set %s address %s:00:00:00:00:%02x\n",
			name, name, m->guests[i].is_vnet ? "fe" : "0e", 10 + i);
		if (m->guests[i].place != ON_NONE)
			text_addf(&links, "link set %s master %s\n", name,
				bridges[m->guests[i].place]);
	}
	net_ip(ns, "%s", links.data);
}

/* A message has little room: the first line that differs. */
static void compare_lines(const struct model *m, const char *here, const char *there)
{
	size_t at = 0, line = 0;

	while (here[at] && here[at] == there[at])
		if (here[at++] == '\n')
			line = at;
	if (here[at] != there[at])
		fail_msg("%s: the kernel has\n%.*s\na fresh one makes\n%.*s", m->what,
			(int)strcspn(here + line, "\n"), here + line,
			(int)strcspn(there + line, "\n"), there + line);
}

/* On a host of the same interfaces a keeper that begins with nothing leads to the same. */
static void look_at_a_fresh_one(struct model *m)
{
	struct text here CLEANUP(text_done) = TEXT_INIT, there CLEANUP(text_done) = TEXT_INIT,
			 yaml CLEANUP(text_done) = TEXT_INIT;
	struct keephost fresh CLEANUP(keephost_done);
	int ns;

	policy_model_print(&yaml, &m->policy);
	world_save(m->world, &here);
	ns = net_new_ns();
	add_interfaces(m, ns);
	keephost_init(&fresh, m->world);
	keephost_change(&fresh, "%s", yaml.data);
	world_save(m->world, &there);
	close(ns);
	net_leave(m->world->net);
	cut_history(&here);
	cut_history(&there);
	compare_lines(m, here.data, there.data);
	m->n_fresh++;
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

/* Often in the middle of what a rule of one of the two says, or beside it. */
static void aim(struct model *m, unsigned from, unsigned to, struct packet *p, bool *ret_is_v6)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_UDP, PROTO_ICMP };
	const struct policy_rule_model *rule =
		policy_model_rule(&m->policy, &m->random, one_in(&m->random, 2) ? from : to);

	*ret_is_v6 = rule ? rule->is_v6 : one_in(&m->random, 3);
	p->proto = rule && rule->proto != PROTO_IS_ANY ? protos[rule->proto]
						       : pick(&m->random, protos);
	p->dport = rule && rule->port ? (uint16_t)rule->port
				      : (uint16_t)(POLICY_PLACE + below(m, POLICY_PLACES + 1));
}

/* Each a flow of its own. */
static struct net_frame random_frame(struct model *m, unsigned from, unsigned to)
{
	struct net_frame frame = { 0 };
	struct packet *p = &frame.packet;
	bool is_v6;

	p->eth_src = guest(m, from)->mac;
	p->eth_dst = guest(m, to)->mac;
	aim(m, from, to, p, &is_v6);
	p->ethertype = is_v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	p->src = address(one_in(&m->random, 12) ? 10 + below(m, 8) : 10 + from, is_v6);
	p->dst = address(10 + to, is_v6);
	p->sport = m->next_sport;
	frame.icmp_id = m->next_sport;
	m->next_sport = m->next_sport == 60000 ? 2000 : (uint16_t)(m->next_sport + 1);
	if (p->proto == PROTO_ICMP) {
		p->proto = is_v6 ? PROTO_ICMPV6 : PROTO_ICMP;
		p->icmp_type = is_v6 ? 128 : 8;
		p->sport = p->dport = 0;
	}
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
		unsigned from, to;
		struct net_frame frame;

		/* most that chance makes are dropped; every other one should pass */
		for (unsigned tries = 0;
			tries == 0 || (i % 2 && tries < 400 && !passes(m, from, to, &frame.packet));
			tries++) {
			from = below(m, N_GUESTS);
			to = (from + 1 + below(m, N_GUESTS - 1)) % N_GUESTS;
			frame = random_frame(m, from, to);
		}
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
	unsigned chosen = below(m, 24), kind = chosen < 10   ? 0
					       : chosen < 16 ? 1
					       : chosen < 20 ? 3
							     : chosen - 19;

	if (kind >= N_OF(names))
		kind = 2;
	snprintf(m->what + strlen(m->what), sizeof(m->what) - strlen(m->what), ", %s", names[kind]);
	switch (kind) {
	case 0:
		policy_model_change(&m->policy, &m->random);
		keep_policy(m);
		break;
	case 1:
		change_links(m);
		break;
	case 2:
		/* what the policy says of an interface that the keeper does not know of yet */
		for (unsigned i = 0; i < N_GUESTS; i++)
			put_guest(m, i, (enum place)below(m, 3));
		policy_model_change(&m->policy, &m->random);
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
	m->away = net_new_ns();
	net_leave(world->net);
	net_ip(world->net->ns,
		"link add br1 up type bridge forward_delay 0 mcast_snooping 0 nf_call_iptables 1 "
		"nf_call_ip6tables 1\n");
	net_await_link("br0");
	policy_model_init(&m->policy, &m->random);
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
		if (i % FRESH_IN == FRESH_IN - 1)
			look_at_a_fresh_one(&m);
	}
	print_message("# %zu packets passed, %zu were dropped; %zu times a fresh one was asked\n",
		m.n_passed, m.n_dropped, m.n_fresh);
	/* they must be worth asking about */
	assert_true(m.n_passed > n_steps / 10 && m.n_dropped > n_steps);
	keephost_done(&m.h);
	close(m.away);
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
