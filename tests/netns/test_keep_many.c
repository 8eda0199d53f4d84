// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many interfaces at once, that come while nobody looks and go while their rules are written. After each call a full
 * recompute finds nothing to do (keephost.h).
 */
#include "unit.h"

#include <string.h>

#include "keephost.h"

#define N_TAPS 1000

static void print_id(char id[40], unsigned i)
{
	snprintf(id, 40, "%08x-0000-4000-8000-%012x", i * 0x9e3779b9u, i);
}

static void print_policy(struct text *out)
{
	text_add(out,
		"security_groups:\n- name: g\n  security_group_rules:\n"
		"  - {direction: egress, ethertype: IPv4}\n"
		"  - {direction: ingress, protocol: tcp, port_range_min: 22, port_range_max: 22}\n"
		"  - {direction: ingress, remote_group: g}\nports:\n");
	for (unsigned i = 0; i < N_TAPS; i++) {
		char id[40];

		print_id(id, i);
		text_addf(out,
			"- {id: %s, mac_address: '02:00:00:01:%02x:%02x', fixed_ips: [10.1.%u.%u], "
			"security_groups: [g]}\n",
			id, i >> 8, i & 255, i >> 8, i & 255);
	}
}

/* Lines of ip -batch with the name of each tap but those of the rest of every step. */
static void for_taps(struct text *out, unsigned step, const char *fmt)
{
	for (unsigned i = 0; i < N_TAPS; i += step) {
		struct text line CLEANUP(text_done) = TEXT_INIT;
		char id[40];

		print_id(id, i);
		text_add(&line, fmt);
		for (const char *at = line.data; *at; at++)
			if (*at == '@')
				text_addf(out, "tap%.11s", id);
			else
				text_addf(out, "%c", *at);
	}
}

static size_t n_in_state(struct keephost *h, enum serve_port_state state)
{
	struct serve_state now;
	size_t n = 0;

	keeper_state(h->keeper, h->arena, &now);
	for (size_t i = 0; i < now.n_ports; i++)
		n += now.ports[i].state == state;
	return n;
}

static void a_thousand_taps_are_bound_at_once(struct world *world)
{
	struct text policy CLEANUP(text_done) = TEXT_INIT, add CLEANUP(text_done) = TEXT_INIT,
			   del CLEANUP(text_done) = TEXT_INIT;
	struct keephost h CLEANUP(keephost_done);

	keephost_init(&h, world);
	print_policy(&policy);
	keephost_change(&h, "%s", policy.data);
	assert_int_equal(n_in_state(&h, PORT_WAITING), N_TAPS);

	for_taps(&add, 1, "tuntap add dev @ mode tap\nlink set @ master br0\n");
	net_ip(world->net->ns, "%s", add.data);
	keephost_links(&h);
	assert_int_equal(n_in_state(&h, PORT_ACTIVE), N_TAPS);
	assert_int_equal(h.result.done.n_failures, 0);
	/* their chains were there: what leads to them is opened, in the map of frames and by their zones */
	assert_true(h.result.done.n_steps < 8);

	for_taps(&del, 2, "link del @\n");
	net_ip(world->net->ns, "%s", del.data);
	keephost_links(&h);
	assert_int_equal(n_in_state(&h, PORT_ACTIVE), N_TAPS / 2);
	assert_int_equal(n_in_state(&h, PORT_WAITING), N_TAPS / 2);
	keephost_repair(&h);
	assert_int_equal(h.result.done.n_steps, 0);
}

static void interfaces_and_bridges_may_go_while_their_rules_are_written(struct world *world)
{
	struct text policy CLEANUP(text_done) = TEXT_INIT, add CLEANUP(text_done) = TEXT_INIT,
			   del CLEANUP(text_done) = TEXT_INIT,
			   script CLEANUP(text_done) = TEXT_INIT;
	struct keephost h CLEANUP(keephost_done);
	struct err err;

	keephost_init(&h, world);
	print_policy(&policy);
	/* one whose switches have not been turned on yet */
	text_add(&add, "link add br9 type bridge\n");
	for_taps(&add, 20, "tuntap add dev @ mode tap\nlink set @ master br9\n");
	net_ip(world->net->ns, "%s", add.data);
	for_taps(&del, 40, "link del @\n");
	text_add(&del, "link del br9\n");
	if (!text_save(&del, "/run/del", &err))
		fail_msg("%s", err.text);
	/* by somebody else: a long batch's program, and what it starts, has no socket for links */
	net_sh("{ until [ -e /run/go ]; do sleep 0.01; done; ip -batch /run/del; rm /run/del; } "
	       ">/dev/null 2>&1 </dev/null &");
	text_add(&script,
		"[ ! -e /run/del ] || { touch /run/go; while [ -e /run/del ]; do sleep 0.01; done; }\n"
		"exec \"$TOOL\" \"$@\"\n");
	keephost_wrap_restore(world, script.data);
	keephost_change(&h, "%s", policy.data);
	keephost_unwrap_restore();
	net_sh("[ ! -e /run/del ]");
	/* what was seen when it began; the kernel tells of the rest */
	assert_int_equal(n_in_state(&h, PORT_ACTIVE), N_TAPS / 20);
	assert_int_equal(h.result.done.n_failures, 0);
	keephost_links(&h);
	assert_int_equal(n_in_state(&h, PORT_ACTIVE), 0);
	assert_int_equal(n_in_state(&h, PORT_UNPLUGGED), N_TAPS / 40);
	assert_int_equal(n_in_state(&h, PORT_WAITING), N_TAPS - N_TAPS / 40);
	keephost_repair(&h);
	assert_int_equal(h.result.done.n_steps, 0);
}

int main(void)
{
	static const struct world_case cases[] = {
		WORLD_CASE(a_thousand_taps_are_bound_at_once, ON_SHARED | BY_BOTH),
		WORLD_CASE(interfaces_and_bridges_may_go_while_their_rules_are_written,
			ON_SHARED | BY_NFT),
	};

	return world_main(cases, N_OF(cases));
}
