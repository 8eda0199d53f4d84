// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "both.h"
#include "fault.h"
#include "netbeside.h"

/* What a kill could lose, one case each: the lock, flows, what clear puts back, what show knows. */

static struct version *version_of(struct fault *f, const char *ports, const char *rules)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	text_addf(&text,
		"security_groups:\n- name: g\n  security_group_rules:\n"
		"  - {direction: egress}\n%s- name: members\nports:\n%s",
		rules, ports);
	return version_new(f, &text);
}

#define PORT_A(more)                                                                               \
	"- {id: aaaaaaaa-0000-4000-8000-000000000001, mac_address: '02:00:00:00:00:0a',\n"         \
	"   fixed_ips: [10.0.0.10], security_groups: [g, members]" more "}\n"
#define PORT_B                                                                                     \
	"- {id: bbbbbbbb-0000-4000-8000-000000000002, mac_address: '02:00:00:00:00:0b',\n"         \
	"   fixed_ips: [10.0.0.11], security_groups: [g, members]}\n"
#define ALLOW_MEMBERS "  - {direction: ingress, remote_group: members}\n"
#define ALLOW_UDP                                                                                  \
	"  - {direction: ingress, protocol: udp, port_range_min: 1000, port_range_max: 1000}\n"

/* Killed there; false when the plan has fewer steps. */
static bool kill_at(struct fault *f, const char *const *words, enum fault_mode mode, unsigned step)
{
	const struct fault_plan fault = { .mode = mode, .at = step };
	struct child child;

	snprintf(f->what, sizeof(f->what), "%s killed %s step %u", words[0], fault_mode_names[mode],
		step);
	unlink(FAULT_DIR "/orphan");
	child = fault_start(f, &fault, words);
	assert_int_equal(waitpid(child.pid, &child.status, 0), child.pid);
	return WIFSIGNALED(child.status);
}

static void done(struct fault *f, struct version *a, struct version *b)
{
	version_free(a);
	if (b)
		version_free(b);
	net_free(f->net);
}

static bool has_orphan_ended(void *data)
{
	(void)data;
	return access(FAULT_DIR "/orphan", F_OK) == 0;
}

static void a_tool_that_outlives_portwall_is_waited_for(void **state)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct fault f;
	struct version *a, *b;
	unsigned step = 1;

	fault_init(&f, *state);
	a = version_of(&f, PORT_A("") PORT_B, ALLOW_MEMBERS);
	b = version_of(&f, PORT_A(""), ALLOW_UDP);
	fault_must_run(&f, &out, version_words(a, NULL));
	for (; kill_at(&f, version_words(b, NULL), ORPHAN, step); step++) {
		fault_must_run(&f, &out, version_words(a, NULL));
		assert_true(net_wait_for(has_orphan_ended, NULL, 60000));
		fault_must_stand(&f, &a->state, "after the tool ended");
	}
	assert_true(step > 3);
	net_sh("touch " FAULT_DIR "/hold");
	kill_at(&f, version_words(a, NULL), ORPHAN, 1);
	if (fault_run(&f, &out, FAULT_WORDS("apply", "--wait", "0", a->path)))
		fail_msg("did not wait for the tool: %s", out.data);
	assert_non_null(strstr(out.data, "is changing the filters"));
	net_sh("rm " FAULT_DIR "/hold");
	assert_true(net_wait_for(has_orphan_ended, NULL, 60000));
	done(&f, a, b);
}

static struct net_frame udp_frame(
	const struct net_end *from, const char *src, const struct net_end *to, const char *dst)
{
	struct net_frame frame = { 0 };

	assert_true(addr_parse(src, &frame.packet.src));
	assert_true(addr_parse(dst, &frame.packet.dst));
	frame.packet.eth_src = from->mac;
	frame.packet.eth_dst = to->mac;
	frame.packet.ethertype = ETHERTYPE_IPV4;
	frame.packet.proto = PROTO_UDP;
	frame.packet.sport = frame.packet.dport = 1000;
	return frame;
}

static bool arrives(struct net_end *from, struct net_end *to, const struct net_frame *frame)
{
	uint64_t tag = net_send(from, frame);

	net_settle(from->net);
	return net_saw(to, tag);
}

static void a_flow_is_cut_though_the_kill_fell_between_commit_and_cut(void **state)
{
	static const char *const addresses[] = { "10.0.0.10", "10.0.0.99" };
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct net_frame there[2], back[2];
	struct fault f;
	struct version *before, *after;

	fault_init(&f, *state);
	before = version_of(
		&f, PORT_A(", allowed_address_pairs: [{ip_address: 10.0.0.99}]"), ALLOW_UDP);
	after = version_of(&f, PORT_A(""), "");
	fault_must_run(&f, &out, version_words(before, NULL));
	for (int i = 0; i < 2; i++) {
		struct net_end *far = f.net->outside, *a = f.guests[0];

		there[i] = udp_frame(far, "10.0.0.200", a, addresses[i]);
		back[i] = udp_frame(a, addresses[i], far, "10.0.0.200");
		assert_true(arrives(far, a, &there[i]));
		assert_true(arrives(a, far, &back[i]));
	}
	assert_true(kill_at(&f, version_words(after, NULL), AFTER, fault_count_steps(&f, after)));
	fault_must_stand(&f, &after->state, "the kill fell too early");
	/* the rules are new, the flows old */
	for (int i = 0; i < 2; i++)
		assert_true(arrives(f.net->outside, f.guests[0], &there[i]));
	fault_must_run(&f, &out, version_words(after, NULL));
	assert_non_null(strstr(out.data, "2 connections cut"));
	for (int i = 0; i < 2; i++)
		assert_false(arrives(f.net->outside, f.guests[0], &there[i]));
	done(&f, before, after);
}

static void clear_puts_back_what_a_killed_apply_turned_on(void **state)
{
	static const enum fault_mode modes[] = { BEFORE, AFTER };
	struct text out CLEANUP(text_done) = TEXT_INIT, bare CLEANUP(text_done) = TEXT_INIT,
			fixed CLEANUP(text_done) = TEXT_INIT;
	struct fault f;
	struct version *a;

	fault_init(&f, *state);
	a = version_of(&f, PORT_A("") PORT_B, ALLOW_MEMBERS);
	net_sh("rm " FAULT_RUN_DIR "/*"); /* of the host that was made for comparison */
	net_sh("ip link set br0 type bridge nf_call_iptables 0 nf_call_ip6tables 0");
	fault_shot(&f, &bare);
	fault_must_run(&f, &out, version_words(a, "--fix-sysctl"));
	fault_shot(&f, &fixed);
	fault_must_run(&f, &out, FAULT_WORDS("clear"));
	fault_must_stand(&f, &bare, "after clear");
	for (size_t m = 0; m < N_OF(modes); m++) {
		unsigned step = 1;

		for (; kill_at(&f, version_words(a, "--fix-sysctl"), modes[m], step); step++) {
			if (step % 2) {
				fault_must_run(&f, &out, version_words(a, "--fix-sysctl"));
				fault_must_stand(&f, &fixed, "after the next apply");
			}
			fault_must_run(&f, &out, FAULT_WORDS("clear"));
			fault_must_stand(&f, &bare, "after clear");
		}
		assert_true(step > 4);
		for (step = 1; kill_at(&f, FAULT_WORDS("clear"), modes[m], step); step++) {
			fault_must_run(&f, &out, FAULT_WORDS("clear"));
			fault_must_stand(&f, &bare, "after the second clear");
			fault_must_run(&f, &out, version_words(a, "--fix-sysctl"));
		}
		assert_true(step > 4);
	}
	/* a policy text that was not put in its place yet may be left */
	net_sh("! ls " FAULT_RUN_DIR " | grep -e yaml$ -e lock$ -e unfinished$");
	done(&f, a, NULL);
}

static void show_says_that_an_apply_did_not_end(void **state)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct fault f;
	struct version *a, *b;

	fault_init(&f, *state);
	a = version_of(&f, PORT_A("") PORT_B, ALLOW_MEMBERS);
	b = version_of(&f, PORT_A(""), ALLOW_UDP);
	assert_true(kill_at(&f, version_words(a, NULL), AFTER, 3));
	assert_false(fault_run(&f, &out, FAULT_WORDS("show")));
	assert_non_null(strstr(out.data, "has not ended"));
	fault_must_run(&f, &out, version_words(a, NULL));
	fault_must_run(&f, &out, FAULT_WORDS("show"));
	assert_null(strstr(out.data, "has not ended"));
	assert_null(strstr(out.data, "MISSING"));
	assert_true(kill_at(&f, version_words(b, NULL), AFTER, fault_count_steps(&f, b)));
	fault_must_run(&f, &out, FAULT_WORDS("show"));
	assert_non_null(strstr(out.data, "has not ended"));
	fault_must_run(&f, &out, version_words(b, NULL));
	fault_must_run(&f, &out, FAULT_WORDS("show"));
	assert_null(strstr(out.data, "has not ended"));
	assert_null(strstr(out.data, "MISSING"));
	done(&f, a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BY_BOTH_VARIANTS(a_tool_that_outlives_portwall_is_waited_for, NULL),
		BY_BOTH_VARIANTS(a_flow_is_cut_though_the_kill_fell_between_commit_and_cut, NULL),
		BY_BOTH_VARIANTS(clear_puts_back_what_a_killed_apply_turned_on, NULL),
		BY_BOTH_VARIANTS(show_says_that_an_apply_did_not_end, NULL),
	};

	if (!net_main())
		return 0;
	if (!getenv("PORTWALL")) {
		printf("1..0 # SKIP PORTWALL names no program\n");
		return 0;
	}
	return net_exit(net_run_beside("fault_cases", tests, N_OF(tests), 4));
}
