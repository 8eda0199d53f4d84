// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "both.h"
#include "fault.h"
#include "netbeside.h"

/*
 * portwall is killed, at random moments and at each step of its plan, on the way from one random
 * policy to another, and it is done again. All the while packets are sent: none passes that both
 * policies drop, none is lost that both allow. Afterwards the host must be as if nothing had
 * happened: the state of one clean apply, and no flow that the policy does not allow.
 *
 * PORTWALL_KILLS: how many for each variant of iptables. PORTWALL_SEED: the same run again.
 */

#define N_KILLS	   30
#define N_FAR	   4 /* addresses of the outside */
#define N_GROUPS   4
#define FIRST_PORT 1000
#define N_PORTS	   3
#define N_FLOWS	   8
#define LAST_SPORT 60000 /* of probes; flows are behind it */
#define MAX_SENT   200

/* ---- random policies */

struct chaos {
	struct fault f;
	struct prng probes; /* their number depends on the time */
	uint16_t next_sport;
	unsigned last_ms; /* how long the last pass took that was not killed */
	/* probes on their way */
	struct probe {
		uint64_t tag;
		struct net_end *to;
		bool is_allowed;
		char words[160];
	} sent[MAX_SENT];
	size_t n_sent, n_dropped, n_passed;
};

/* Guests first, then the outside's addresses. */
static const char *address(unsigned i, enum family family)
{
	static char text[4][64];
	static unsigned next;
	char *ret = text[next++ % 4];
	unsigned number = i < FAULT_GUESTS ? 10 + i : 200 + i - FAULT_GUESTS;

	snprintf(ret, 64, family == FAMILY_IPV6 ? "2001:db8::%x" : "10.0.0.%u", number);
	return ret;
}

static void add_remote(struct text *out, struct prng *prng, enum family family)
{
	switch (prng_below(prng, 5)) {
	case 0:
	case 1:
		text_addf(out, ", remote_group: g%u", prng_below(prng, N_GROUPS));
		break;
	case 2:
		text_addf(out, ", remote_ip_prefix: '%s'",
			address(prng_below(prng, FAULT_GUESTS + N_FAR), family));
		break;
	case 3:
		text_add(out, ", remote_address_group: ag");
		break;
	default:
		break;
	}
}

static void add_group(struct text *out, struct prng *prng, unsigned number)
{
	text_addf(out, "- name: g%u\n  security_group_rules:\n", number);
	for (unsigned r = 1 + prng_below(prng, 5); r > 0; r--) {
		enum family family = prng_below(prng, 2);
		unsigned port = FIRST_PORT + prng_below(prng, N_PORTS);

		text_addf(out, "  - {direction: %sgress, ethertype: IPv%d",
			prng_below(prng, 2) ? "in" : "e", family == FAMILY_IPV6 ? 6 : 4);
		if (!prng_one_in(prng, 4))
			text_addf(out, ", protocol: %s, port_range_min: %u, port_range_max: %u",
				prng_below(prng, 2) ? "tcp" : "udp", port,
				port + prng_below(prng, 2));
		add_remote(out, prng, family);
		text_add(out, "}\n");
	}
}

static void add_port(struct text *out, struct prng *prng, unsigned i, bool is_local)
{
	text_addf(out, "- {mac_address: '02:00:00:00:%02x:%02x', fixed_ips: ['%s'",
		is_local ? 0 : 1, 10 + i, address(i, FAMILY_IPV4));
	if (!prng_one_in(prng, 5))
		text_addf(out, ", '%s'", address(i, FAMILY_IPV6));
	text_addf(out, "], security_groups: [g%u", prng_below(prng, N_GROUPS / 2));
	if (prng_below(prng, 2))
		text_addf(out, ", g%u", N_GROUPS / 2 + prng_below(prng, N_GROUPS / 2));
	if (is_local)
		text_addf(out, "], id: %s}\n", fault_guest_id(i));
	else
		text_addf(out, "], name: far%u, 'binding:host_id': elsewhere}\n", i);
}

/* Guest A is always there, so that the zone of the bridge has no past. */
static void print_policy(struct text *out, struct prng *prng)
{
	text_add(out, "address_groups:\n- name: ag\n  addresses:\n");
	for (unsigned i = 0; i < FAULT_GUESTS + N_FAR; i++)
		if (i == 1 || prng_below(prng, 2))
			text_addf(out, "  - '%s'\n  - '%s'\n", address(i, FAMILY_IPV4),
				address(i, FAMILY_IPV6));
	text_add(out, "security_groups:\n");
	for (unsigned i = 0; i < N_GROUPS; i++)
		add_group(out, prng, i);
	text_add(out, "ports:\n");
	for (unsigned i = 0; i < FAULT_GUESTS + N_FAR; i++)
		if (i == 0 || !prng_one_in(prng, 4))
			add_port(out, prng, i, i < FAULT_GUESTS);
}

static struct version *random_version(struct chaos *c)
{
	struct arena *arena CLEANUP(arena_freep) = NULL;
	struct text text CLEANUP(text_done) = TEXT_INIT;
	const struct policy *policy;
	struct err err;

	if (prng_one_in(&c->f.prng, 5))
		return version_new(&c->f, NULL);
	/* a rule twice in a group is refused */
	do {
		arena_freep(&arena);
		arena = arena_new();
		text_clear(&text);
		print_policy(&text, &c->f.prng);
	} while (!policy_parse(arena, "", text.data, text.len, "here", &policy, &err));
	return version_new(&c->f, &text);
}

/* ---- packets */

/* NULL: not in this version, and therefore not filtered. */
static const struct policy_port *port_of(const struct version *version, const struct net_end *end)
{
	if (!version->policy || end == end->net->outside)
		return NULL;
	for (unsigned i = 0; i < version->policy->n_ports; i++)
		if (version->policy->ports[i].is_local &&
			!strcmp(version->policy->ports[i].device, end->tap))
			return &version->policy->ports[i];
	return NULL;
}

static bool passes(const struct version *version, const struct net_end *from,
	const struct net_end *to, const struct net_frame *frame)
{
	struct packet packet = frame->packet;
	const struct policy_port *sender = port_of(version, from), *receiver = port_of(version, to);

	packet.ct_state = net_frame_first_state(frame);
	return (!sender || !reason_is_drop(policy_decide(sender, DIR_EGRESS, &packet).reason)) &&
	       (!receiver || !reason_is_drop(policy_decide(receiver, DIR_INGRESS, &packet).reason));
}

static bool has_same_ports(const struct version *a, const struct version *b,
	const struct net_end *from, const struct net_end *to)
{
	return !port_of(a, from) == !port_of(b, from) && !port_of(a, to) == !port_of(b, to);
}

static struct net_end *random_end(struct chaos *c, struct prng *prng, unsigned *ret_address)
{
	unsigned i = prng_below(prng, FAULT_GUESTS + 2);

	*ret_address = i < FAULT_GUESTS ? i : FAULT_GUESTS + prng_below(prng, N_FAR);
	return i < FAULT_GUESTS ? c->f.guests[i] : c->f.net->outside;
}

/* Every packet begins a flow of its own, whose answer is no other one's question. */
static struct net_frame random_frame(
	struct chaos *c, struct prng *prng, struct net_end **ret_from, struct net_end **ret_to)
{
	struct net_frame frame = { 0 };
	struct packet *p = &frame.packet;
	enum family family = prng_below(prng, 2);
	unsigned src, dst;

	do {
		*ret_from = random_end(c, prng, &src);
		*ret_to = random_end(c, prng, &dst);
	} while (*ret_from == *ret_to);
	if (prng_one_in(prng, 16))
		src = prng_below(prng, FAULT_GUESTS + N_FAR);
	assert_true(addr_parse(address(src, family), &p->src));
	assert_true(addr_parse(address(dst, family), &p->dst));
	p->eth_src = (*ret_from)->mac;
	p->eth_dst = (*ret_to)->mac;
	p->ethertype = family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	if (prng_one_in(prng, 16))
		p->ethertype = ETHERTYPE_VLAN;
	p->proto = prng_below(prng, 2) ? PROTO_TCP : PROTO_UDP;
	p->sport = c->next_sport++;
	if (c->next_sport == LAST_SPORT)
		c->next_sport = 2000;
	p->dport = (uint16_t)(FIRST_PORT + prng_below(prng, N_PORTS));
	return frame;
}

/* Sends what both versions agree about. */
static void send_probe(struct chaos *c, const struct version *a, const struct version *b)
{
	struct net_end *from, *to;
	struct net_frame frame = random_frame(c, &c->probes, &from, &to);
	bool is_allowed = passes(a, from, to, &frame);
	struct probe *probe = &c->sent[c->n_sent];
	struct text words CLEANUP(text_done) = TEXT_INIT;

	if (is_allowed != passes(b, from, to, &frame) ||
		(is_allowed && !has_same_ports(a, b, from, to)))
		return;
	packet_print(&words, &frame.packet);
	snprintf(probe->words, sizeof(probe->words), "%s > %s: %s", from->name, to->name,
		words.data);
	probe->to = to;
	probe->is_allowed = is_allowed;
	probe->tag = net_send(from, &frame);
	c->n_sent++;
}

static void judge_probes(struct chaos *c)
{
	net_settle(c->f.net);
	for (size_t i = 0; i < c->n_sent; i++) {
		const struct probe *probe = &c->sent[i];
		bool is_seen = net_saw(probe->to, probe->tag);

		if (is_seen != probe->is_allowed)
			fail_msg("%s\n%s, though both policies %s it: %s", c->f.what,
				is_seen ? "passed" : "was lost",
				probe->is_allowed ? "allow" : "drop", probe->words);
		(*(is_seen ? &c->n_passed : &c->n_dropped))++;
	}
	c->n_sent = 0;
}

static void flood(struct chaos *c, const struct version *a, const struct version *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		send_probe(c, a, b);
		if (c->n_sent == MAX_SENT)
			judge_probes(c);
	}
}

/* Flows of a version, with an answer, so that conntrack calls them established. */
struct flow_case {
	struct net_end *from, *to;
	struct net_frame there, back;
};

static size_t begin_flows(struct chaos *c, const struct version *version, struct flow_case *ret)
{
	size_t n = 0;

	for (unsigned i = 0; i < 400 && n < N_FLOWS; i++) {
		struct flow_case *flow = &ret[n];
		struct packet *back = &flow->back.packet;
		const struct packet *there = &flow->there.packet;

		*flow = (struct flow_case){ 0 };
		flow->there = random_frame(c, &c->f.prng, &flow->from, &flow->to);
		if (there->proto != PROTO_UDP || there->ethertype == ETHERTYPE_VLAN ||
			!passes(version, flow->from, flow->to, &flow->there))
			continue;
		/* no probe may have the addresses and ports of a flow, from another guest */
		flow->there.packet.sport = (uint16_t)(LAST_SPORT + 1 + n);
		*back = *there;
		back->src = there->dst;
		back->dst = there->src;
		back->eth_src = there->eth_dst;
		back->eth_dst = there->eth_src;
		back->sport = there->dport;
		back->dport = there->sport;
		net_send(flow->from, &flow->there);
		net_settle(c->f.net);
		net_send(flow->to, &flow->back);
		net_settle(c->f.net);
		n++;
	}
	return n;
}

static bool has_address(
	const struct version *version, const struct net_end *end, const struct addr *addr)
{
	const struct policy_port *port = port_of(version, end);

	for (size_t i = 0; port && i < port->n_fixed_ips; i++)
		if (addr_compare(&port->fixed_ips[i], addr) == 0)
			return true;
	return false;
}

/*
 * Conntrack keeps addresses and no bridge ports: of an address that is not the port's, nobody can tell
 * on which side of the port it lives.
 */
static bool is_known(const struct version *now, const struct net_end *end, const struct addr *addr)
{
	return !port_of(now, end) || has_address(now, end, addr);
}

/* Whichever end speaks first after the kill. */
static void judge_flows(
	struct chaos *c, const struct version *version, const struct flow_case *flows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct flow_case *flow = &flows[i];
		bool is_allowed = passes(version, flow->from, flow->to, &flow->there), is_seen;
		bool may_answer = passes(version, flow->to, flow->from, &flow->back);
		struct text words CLEANUP(text_done) = TEXT_INIT;
		uint64_t tag;

		if (!is_known(version, flow->from, &flow->there.packet.src) ||
			!is_known(version, flow->to, &flow->there.packet.dst))
			continue;
		packet_print(&words, &flow->there.packet);
		if (!is_allowed && !may_answer) {
			tag = net_send(flow->to, &flow->back);
			net_settle(c->f.net);
			if (net_saw(flow->from, tag))
				fail_msg("%s\nthe answers of a flow go on that no rule allows: %s",
					c->f.what, words.data);
		}
		tag = net_send(flow->from, &flow->there);
		net_settle(c->f.net);
		is_seen = net_saw(flow->to, tag);
		if (is_seen != is_allowed)
			fail_msg("%s\na flow %s: %s", c->f.what,
				is_seen ? "goes on that no rule allows" : "ended that is allowed",
				words.data);
	}
}

/* ---- kills */

static unsigned ms_since(const struct timespec *begin)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned)((now.tv_sec - begin->tv_sec) * 1000 +
			  (now.tv_nsec - begin->tv_nsec) / 1000000);
}

/* Sends packets until the child has ended; true when it did not end by itself. */
static bool attend(struct chaos *c, struct child *child, const struct fault_plan *fault,
	const struct version *a, const struct version *b)
{
	struct timespec delay = { 0, (long)fault->delay_us * 1000 };

	if (fault->mode == DELAY) {
		nanosleep(&delay, NULL);
		kill(-child->pid, SIGKILL);
	}
	for (;;) {
		pid_t pid = waitpid(child->pid, &child->status, WNOHANG | WUNTRACED);

		assert_true(pid >= 0);
		if (pid && WIFSTOPPED(child->status)) {
			/* the moment between two steps, as long as we like */
			flood(c, a, b, 150);
			judge_probes(c);
			kill(-child->pid, SIGKILL);
		} else if (pid) {
			break;
		}
		flood(c, a, b, 4);
	}
	flood(c, a, b, 60);
	judge_probes(c);
	return WIFSIGNALED(child->status);
}

static struct fault_plan random_fault(struct chaos *c, const struct version *version)
{
	struct fault_plan fault = { .mode = prng_below(&c->f.prng, N_MODES) };
	unsigned n_steps = 1;

	if (fault.mode == DELAY) {
		fault.delay_us = prng_below(&c->f.prng, c->last_ms * 1200 + 1);
	} else {
		n_steps = fault_count_steps(&c->f, version);
		/* the last step is the one before the cut */
		fault.at = n_steps && prng_one_in(&c->f.prng, 4)
				   ? n_steps
				   : 1 + prng_below(&c->f.prng, n_steps ? n_steps : 1);
		fault.delay_us = prng_below(&c->f.prng, 8000);
		fault.n_lines = prng_below(&c->f.prng, 4);
	}
	snprintf(c->f.what + strlen(c->f.what), sizeof(c->f.what) - strlen(c->f.what),
		"; %s: %s at step %u of %u, %u us, %u lines",
		*version->path ? version->path : "clear", fault_mode_names[fault.mode], fault.at,
		n_steps, fault.delay_us, fault.n_lines);
	return fault;
}

/* One pass with a fault; true when it was killed. */
static bool run_with_fault(
	struct chaos *c, const struct version *to, const struct version *a, const struct version *b)
{
	struct fault_plan fault = random_fault(c, to);
	struct child child = fault_start(&c->f, &fault, version_words(to, NULL));

	return attend(c, &child, &fault, a, b);
}

/* To its end, under packets. */
static void finish(
	struct chaos *c, const struct version *to, const struct version *a, const struct version *b)
{
	const struct fault_plan none = { .mode = NO_FAULT };
	struct child child = fault_start(&c->f, &none, version_words(to, NULL));
	struct text out CLEANUP(text_done) = TEXT_INIT;

	attend(c, &child, &none, a, b);
	c->last_ms = ms_since(&child.begin);
	fault_output(&out);
	if (!WIFEXITED(child.status) || WEXITSTATUS(child.status))
		fail_msg("%s\nthe next apply of %s fails: %s", c->f.what, to->path, out.data);
	fault_must_stand(&c->f, &to->state, "after the next apply");
	/* (a second apply may cut flows that the packets of this test began since) */
	fault_must_run(&c->f, &out, version_words(to, "--dry-run"));
	if (!strstr(out.data, "nothing would change"))
		fail_msg("%s\na second apply would change something: %s", c->f.what, out.data);
}

/* From old to new, killed at least once on the way; returns where it ended. */
static struct version *kill_once(
	struct chaos *c, struct version *old, struct version *new, unsigned *n_kills)
{
	struct flow_case flows[N_FLOWS];
	struct version *last = prng_one_in(&c->f.prng, 3) ? old : new;
	size_t n_flows;

	net_flush_conntrack(c->f.net);
	n_flows = begin_flows(c, old, flows);
	*n_kills += run_with_fault(c, new, old, new);
	if (prng_one_in(&c->f.prng, 3))
		*n_kills += run_with_fault(c, prng_below(&c->f.prng, 2) ? old : new, old, new);
	finish(c, last, old, new);
	judge_flows(c, last, flows, n_flows);
	return last;
}

static void however_it_is_killed_the_next_apply_makes_it_right(void **state)
{
	const char *text = getenv("PORTWALL_KILLS");
	unsigned n_wanted = text ? (unsigned)strtoul(text, NULL, 10) : N_KILLS, n_kills = 0;
	struct chaos c = { .next_sport = 2000, .last_ms = 200 };
	struct version *now, *nothing;
	struct text out CLEANUP(text_done) = TEXT_INIT;

	fault_init(&c.f, *state);
	c.probes = c.f.prng;
	nothing = version_new(&c.f, NULL);
	now = nothing;
	fault_must_stand(&c.f, &nothing->state, "before anything");
	for (unsigned round = 0; n_kills < n_wanted; round++) {
		struct version *next = random_version(&c), *last;

		snprintf(c.f.what, sizeof(c.f.what), "round %u, from %s to %s", round,
			*now->path ? now->path : "nothing", *next->path ? next->path : "nothing");
		last = kill_once(&c, now, next, &n_kills);
		if (last != next)
			version_free(next);
		if (last != now && now != nothing)
			version_free(now);
		now = last;
	}
	fault_must_run(&c.f, &out, FAULT_WORDS("clear"));
	fault_must_stand(&c.f, &nothing->state, "after the end");
	printf("# %u kills; %zu packets dropped, %zu passed\n", n_kills, c.n_dropped, c.n_passed);
	assert_true(c.n_dropped > c.n_passed / 100 && c.n_passed > c.n_dropped / 100);
	if (now != nothing)
		version_free(now);
	version_free(nothing);
	net_free(c.f.net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BY_BOTH_VARIANTS(however_it_is_killed_the_next_apply_makes_it_right, NULL),
	};

	if (!net_main())
		return 0;
	if (!getenv("PORTWALL")) {
		printf("1..0 # SKIP PORTWALL names no program\n");
		return 0;
	}
	return net_exit(net_run_beside("fault", tests, N_OF(tests), 2));
}
