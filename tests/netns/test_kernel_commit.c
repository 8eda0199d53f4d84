// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "both.h"
#include "kernel/kernel.h"
#include "net.h"

/*
 * Batches that the real kernel or the real tools refuse, at each place of a plan: what stands
 * afterwards is compared with what stood before, as the save tools print it, counters and all.
 * Every case runs with both variants of iptables, each in a namespace of its own.
 */

static enum backend backend;
static char *path_before; /* some cases put programs of their own in front */

static bool commit(const struct plan_step *steps, size_t n, struct err *err)
{
	const struct plan plan = { .steps = (struct plan_step *)steps, .n_steps = n };

	*err = (struct err){ 0 };
	return kernel_plan_commit(&plan, backend, NULL, err);
}

/* The host before any plan: rules with counters, foreign ones too, two sets, a bridge table.
 * By kernel_plan_commit, because ip6tables-nft-restore 1.8.9 forgets counters. */
static void fill_host(void)
{
	static const struct plan_step steps[] = {
		{ TOOL_IPSET,
			"create keep hash:net maxelem 4\nadd keep 10.0.0.0/8\n"
			"create keep6 hash:net family inet6\nadd keep6 fd00::/8\n",
			"", false },
		{ TOOL_IPTABLES,
			"*filter\n:INPUT ACCEPT [7:700]\n:OLD - [0:0]\n"
			"[3:300] -A INPUT -i lo -j OLD\n"
			"[5:500] -A OLD -p tcp -m tcp --dport 22 -j ACCEPT\n"
			"[6:600] -A OLD -m set --match-set keep src -j DROP\nCOMMIT\n"
			"*raw\n:OLD - [0:0]\n[9:900] -A OLD -j RETURN\nCOMMIT\n",
			"", false },
		{ TOOL_IP6TABLES,
			"*filter\n:INPUT ACCEPT [7:700]\n:OLD - [0:0]\n"
			"[3:300] -A INPUT -i lo -j OLD\n"
			"[5:500] -A OLD -p tcp -m tcp --dport 22 -j ACCEPT\n"
			"[6:600] -A OLD -m set --match-set keep6 src -j DROP\nCOMMIT\n"
			"*raw\n:OLD - [0:0]\n[9:900] -A OLD -j RETURN\nCOMMIT\n",
			"", false },
		{ TOOL_NFT,
			"table bridge portwall {\nmap ports {\ntype ifname : verdict\n"
			"elements = { \"tap1\" : drop }\n}\nchain c {\n"
			"counter packets 4 bytes 400 drop comment \"x\"\n}\n}\n",
			"", true },
	};
	struct err err;

	if (!commit(steps, N_OF(steps), &err))
		fail_msg("%s", err.text);
}

static int new_host(void **state)
{
	backend = strcmp(*state, "nft") ? BACKEND_LEGACY : BACKEND_NFT;
	if (!path_before)
		path_before = strdup(getenv("PATH") ?: "");
	setenv("PATH", path_before, 1);
	if (unshare(CLONE_NEWNET) != 0)
		return -1;
	fill_host();
	return 0;
}

static int count_of(const char *text, const char *what)
{
	int n = 0;

	while ((text = strstr(text, what))) {
		text++;
		n++;
	}
	return n;
}

static void shot(struct text *out)
{
	struct text command CLEANUP(text_done) = TEXT_INIT;

	text_addf(&command,
		"for i in '' 6; do ip${i}tables-%s-save -c | sed '/^#/d%s'; done;"
		"ipset save | sort; nft list table bridge portwall",
		backend_name(backend),
		/* iptables-legacy-restore --noflush sets these to 0, whatever the batch is */
		backend == BACKEND_LEGACY ? "; s/^\\(:[A-Z]* [A-Z]* \\)\\[.*/\\1/" : "");
	text_clear(out);
	assert_true(net_try_sh(out, command.data));
	assert_int_equal(count_of(out->data, "[5:500] -A OLD -p tcp"), 2); /* both families */
	assert_int_equal(count_of(out->data, "[6:600] -A OLD -m set --match-set keep"), 2);
	assert_int_equal(count_of(out->data, "[9:900] -A OLD -j RETURN"), 2);
	assert_non_null(strstr(out->data, "add keep 10.0.0.0/8"));
	assert_non_null(strstr(out->data, "packets 4 bytes 400"));
}

/* One good step of each tool, in the order plans have: sets, filters, frames. */
static const struct plan_step good[] = {
	{ TOOL_IPSET,
		"create new hash:net family inet maxelem 65536\nadd new 192.0.2.0/24\n"
		"add keep 172.16.0.0/12\ndel keep 10.0.0.0/8\n",
		"add keep 10.0.0.0/8\ndel keep 172.16.0.0/12\ndestroy new\n", false },
	{ TOOL_IPTABLES,
		"*filter\n:NEW - [0:0]\n-A NEW -m set --match-set new src -j RETURN\n"
		"-D OLD 1\n-I OLD 2 -p udp -m udp --dport 53 -j ACCEPT\nCOMMIT\n",
		"*filter\n-D OLD 2\n[5:500] -I OLD 1 -p tcp -m tcp --dport 22 -j ACCEPT\n-F NEW\n"
		"-X NEW\nCOMMIT\n",
		true },
	{ TOOL_IP6TABLES,
		"*filter\n:NEW - [0:0]\n-A NEW -p tcp -m tcp --dport 80 -j RETURN\n-D OLD 1\nCOMMIT\n",
		"*filter\n[5:500] -I OLD 1 -p tcp -m tcp --dport 22 -j ACCEPT\n-F NEW\n-X NEW\n"
		"COMMIT\n",
		true },
	{ TOOL_NFT,
		"add element bridge portwall ports { \"tap2\" : drop }\n"
		"add chain bridge portwall more\nadd rule bridge portwall more accept\n",
		"delete element bridge portwall ports { \"tap2\" }\n"
		"flush chain bridge portwall more\ndelete chain bridge portwall more\n",
		true },
};

static void a_good_plan_is_carried_out(void **state)
{
	struct err err;

	(void)state;
	if (!commit(good, N_OF(good), &err))
		fail_msg("%s", err.text);
	net_sh("iptables-%s-save | grep -q 'A NEW -m set --match-set new src'",
		backend_name(backend));
	net_sh("ip6tables-%s-save | grep -q 'A NEW -p tcp'", backend_name(backend));
	net_sh("ipset test new 192.0.2.1 && nft list table bridge portwall | grep -q tap2");
	assert_true(commit(good, 0, &err)); /* nothing to do */
}

/* Runs the good steps with a wrong line within one of them, and wants everything as before. */
static void refuse_at(size_t place, enum tool tool, const char *text, const char *undo,
	bool is_atomic, struct err *err)
{
	struct text before CLEANUP(text_done) = TEXT_INIT, after CLEANUP(text_done) = TEXT_INIT;
	struct plan_step steps[N_OF(good) + 1];

	for (size_t i = 0; i < place; i++)
		steps[i] = good[i];
	steps[place] = (struct plan_step){ tool, text, undo, is_atomic };
	for (size_t i = place; i < N_OF(good); i++)
		steps[i + 1] = good[i];
	shot(&before);
	assert_false(commit(steps, N_OF(steps), err));
	shot(&after);
	assert_string_equal(before.data, after.data);
	assert_null(strstr(err->text, "taken back"));
}

static void rules_bring_their_counters_wherever_they_go(void **state)
{
	static const char text[] =
		"*filter\n:MANY - [0:0]\n-A MANY -p 100 -j DROP\n[1:10] -A MANY -p tcp -m tcp "
		"--dport 1 -j DROP\n-A MANY -p 101 -j DROP\nCOMMIT\n"
		"*filter\n[2:20] -I MANY 1 -p ipv6-icmp -m comment --comment \"two \\\"2\\\"\" -j RETURN\n"
		"-D MANY 3\n[3:30] -I MANY 2 -p udp -m multiport --dports 5:9,11 -j DROP\n"
		"[4:40] -I MANY 5 ! -p udp -j RETURN\n[5:50] -A MANY -j DROP\n-D MANY 4\n"
		"[6:60] -I INPUT 1 -i lo -m mac --mac-source 02:00:00:00:00:01 -j OLD\nCOMMIT\n";
	const struct plan_step step = { TOOL_IP6TABLES, text, "", false };
	struct text out CLEANUP(text_done) = TEXT_INIT, save CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	(void)state;
	if (!commit(&step, 1, &err))
		fail_msg("%s", err.text);
	text_addf(&save, "ip6tables-%s-save -c -t filter | grep -e '-A MANY' -e '-A INPUT'",
		backend_name(backend));
	assert_true(net_try_sh(&out, save.data));
	assert_string_equal(out.data,
		"[6:60] -A INPUT -i lo -m mac --mac-source 02:00:00:00:00:01 -j OLD\n"
		"[3:300] -A INPUT -i lo -j OLD\n"
		"[2:20] -A MANY -p ipv6-icmp -m comment --comment \"two \\\"2\\\"\" -j RETURN\n"
		"[3:30] -A MANY -p udp -m multiport --dports 5:9,11 -j DROP\n"
		"[0:0] -A MANY -p 100 -j DROP\n"
		"[4:40] -A MANY ! -p udp -j RETURN\n"
		"[5:50] -A MANY -j DROP\n");
}

static void a_bad_rule_at_each_place_leaves_everything_as_it_was(void **state)
{
	static const char bad_rule[] = "*filter\n:BAD - [0:0]\n-A BAD -j DROP\n"
				       "-A BAD -p tcp -m tcp --dport 99999 -j DROP\n"
				       "-A OLD -j DROP\nCOMMIT\n";
	static const char no_chain[] = "*filter\n:BAD - [0:0]\n-A BAD -j DROP\n"
				       "-A NOWHERE -j DROP\nCOMMIT\n";
	static const char too_big[] = "*filter\n-I OLD 9 -j DROP\nCOMMIT\n";
	struct err err;

	(void)state;
	for (size_t place = 0; place <= N_OF(good); place++) {
		refuse_at(place, TOOL_IPTABLES, bad_rule, "*filter\n-X BAD\nCOMMIT\n", true, &err);
		assert_non_null(strstr(err.text, "iptables-restore refused line 4: invalid "
						 "port/service `99999' specified: -A BAD -p tcp"));
		refuse_at(place, TOOL_IP6TABLES, bad_rule, "*filter\n-X BAD\nCOMMIT\n", true, &err);
		assert_true(text_has_prefix(err.text, "ip6tables-restore refused line 4: "));
		assert_int_equal(err.kind, ERR_SYSTEM);
		refuse_at(place, TOOL_IPTABLES, no_chain, "*filter\n-X BAD\nCOMMIT\n", true, &err);
		assert_true(text_has_prefix(err.text, "iptables-restore refused line 4: "));
		assert_non_null(strstr(err.text, "-A NOWHERE -j DROP"));
	}
	refuse_at(2, TOOL_IP6TABLES, too_big, "*filter\n-D OLD 9\nCOMMIT\n", true, &err);
	assert_true(text_has_prefix(err.text, "ip6tables-restore refused line 2: "));
}

static void a_set_that_is_full_leaves_everything_as_it_was(void **state)
{
	static const char text[] = "create more hash:net\nadd more 1.1.1.1\nadd keep 1.0.0.0/8\n"
				   "add keep 2.0.0.0/8\nadd keep 3.0.0.0/8\nadd keep 4.0.0.0/8\n"
				   "add more 2.2.2.2\n";
	static const char undo[] = "del keep 4.0.0.0/8\ndel keep 3.0.0.0/8\ndel keep 2.0.0.0/8\n"
				   "del keep 1.0.0.0/8\ndestroy more\n";
	struct err err;

	(void)state;
	for (size_t place = 0; place <= N_OF(good); place++) {
		refuse_at(place, TOOL_IPSET, text, undo, false, &err);
		assert_string_equal(err.text,
			"ipset refused line 6: Hash is full, cannot add more elements: "
			"add keep 4.0.0.0/8");
		assert_non_null(strstr(err.next_step, "set"));
	}
}

static void a_set_that_is_not_there_leaves_everything_as_it_was(void **state)
{
	struct err err;

	(void)state;
	for (size_t place = 0; place <= N_OF(good); place++) {
		refuse_at(
			place, TOOL_IPSET, "swap keep nosuch\n", "swap keep nosuch\n", true, &err);
		assert_true(text_has_prefix(err.text, "ipset refused line 1: "));
		/* a word that ipset does not know: it does not say in which line */
		refuse_at(place, TOOL_IPSET, "add keep 9.9.9.9\nfrobnicate keep\n",
			"del keep 9.9.9.9\n", false, &err);
		assert_true(text_has_prefix(err.text, "ipset refused: "));
	}
}

static void a_frame_rule_that_nft_refuses_leaves_everything_as_it_was(void **state)
{
	struct err err;

	(void)state;
	for (size_t place = 0; place <= N_OF(good); place++) {
		refuse_at(place, TOOL_NFT,
			"add chain bridge portwall other\n"
			"add rule bridge portwall c counter accept\n"
			"add rule bridge portwall nosuch drop\n",
			"delete chain bridge portwall other\n", true, &err);
		assert_true(
			text_has_prefix(err.text, "nft refused line 3: Could not process rule"));
		assert_non_null(strstr(err.text, "add rule bridge portwall nosuch drop"));
		refuse_at(place, TOOL_NFT, "add rule bridge portwall c nonsense\n", "", true, &err);
	}
}

static void of_two_tables_the_one_that_was_taken_is_taken_back(void **state)
{
	struct err err;

	(void)state;
	for (size_t place = 0; place <= N_OF(good); place++) {
		refuse_at(place, TOOL_IPTABLES,
			"*raw\n:MORE - [0:0]\n-A MORE -j RETURN\n-D OLD 1\nCOMMIT\n"
			"*filter\n:MORE - [0:0]\n-A NOWHERE -j DROP\nCOMMIT\n",
			"*filter\n-F MORE\n-X MORE\nCOMMIT\n"
			"*raw\n[9:900] -A OLD -j RETURN\n-F MORE\n-X MORE\nCOMMIT\n",
			true, &err);
		assert_true(text_has_prefix(err.text, "iptables-restore refused line 8: "));
	}
}

/* A program in front of PATH that takes the place of the named one. */
static void put_in_front(const char *name, const char *script)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	char path[128];
	struct err err;

	mkdir("/run/front", 0755);
	snprintf(path, sizeof(path), "/run/front/%s", name);
	text_add(&text, script);
	if (!text_save(&text, path, &err))
		fail_msg("%s", err.text);
	assert_int_equal(chmod(path, 0755), 0);
}

static void put_restore6_in_front(const char *script)
{
	struct text path CLEANUP(text_done) = TEXT_INIT;
	char name[64];

	snprintf(name, sizeof(name), "ip6tables-%s-restore", backend_name(backend));
	net_sh("rm -rf /run/front");
	put_in_front(name, script);
	text_addf(&path, "/run/front:%s", path_before);
	setenv("PATH", path.data, 1);
}

static void a_kernel_that_is_busy_once_is_asked_again(void **state)
{
	static const char script[] =
		"#!/bin/sh\n"
		"echo x >>/run/front/calls\n"
		"if [ $(wc -l </run/front/calls) -lt 3 ]; then\n"
		"  echo 'ip6tables-restore v1.8.9 (nf_tables): ' >&2\n"
		"  echo 'line 4: RULE_APPEND failed (Device or resource busy): rule in chain NEW' >&2\n"
		"  exit 4\n"
		"fi\n"
		"PATH=${PATH#/run/front:} exec ${0##*/} \"$@\"\n";
	struct err err;

	(void)state;
	put_restore6_in_front(script);
	if (!commit(good, N_OF(good), &err))
		fail_msg("%s", err.text);
	net_sh("test $(wc -l </run/front/calls) = 3");
	net_sh("ip6tables-%s-save | grep -q 'A NEW -p tcp'", backend_name(backend));
}

static void a_kernel_that_stays_busy_leaves_everything_as_it_was(void **state)
{
	static const char script[] =
		"#!/bin/sh\n"
		"echo 'ip6tables-restore: Resource temporarily unavailable.' >&2\n"
		"exit 4\n";
	struct text before CLEANUP(text_done) = TEXT_INIT, after CLEANUP(text_done) = TEXT_INIT;
	time_t begin = time(NULL);
	struct err err;

	(void)state;
	shot(&before);
	put_restore6_in_front(script);
	assert_false(commit(good, N_OF(good), &err));
	setenv("PATH", path_before, 1);
	shot(&after);
	assert_string_equal(before.data, after.data);
	assert_string_equal(
		err.text, "ip6tables-restore refused: Resource temporarily unavailable");
	assert_non_null(strstr(err.next_step, "try again"));
	assert_true(time(NULL) - begin < 10);
}

static void what_could_not_be_taken_back_is_said(void **state)
{
	struct plan_step steps[] = { good[0], good[1], good[2] };
	struct err err;

	(void)state;
	steps[1].undo = "*filter\n-D OLD 99\nCOMMIT\n";
	steps[2].text = "*filter\n-A NOWHERE -j DROP\nCOMMIT\n";
	assert_false(commit(steps, N_OF(steps), &err));
	assert_true(text_has_prefix(err.text, "ip6tables-restore refused line 2: "));
	assert_non_null(strstr(err.text, "not all of it could be taken back: "
					 "step 2 of 3 (iptables-restore) stands, and all "
					 "before it: "));
	assert_non_null(strstr(err.text, "-D OLD 99"));
	assert_non_null(strstr(err.next_step, "apply again"));
	net_sh("iptables-%s-save | grep -q 'A NEW'", backend_name(backend));
	/* new rules do not look into old sets */
	net_sh("ipset test keep 172.16.0.1 && ! ipset test keep 10.1.1.1");
}

static void a_set_can_go_right_after_its_last_rule(void **state)
{
	static const struct plan_step steps[] = {
		{ TOOL_IPTABLES, "*filter\n-D OLD 2\nCOMMIT\n", "", true },
		{ TOOL_IPSET, "destroy keep\n", "", true },
		{ TOOL_IP6TABLES, "*filter\n-D OLD 2\nCOMMIT\n", "", true },
		{ TOOL_IPSET, "destroy keep6\n", "", true },
	};
	struct err err;

	(void)state;
	if (!commit(steps, N_OF(steps), &err))
		fail_msg("%s", err.text);
	net_sh("! ipset list -n | grep keep");
}

static void a_set_that_somebody_still_uses_is_named(void **state)
{
	static const struct plan_step step = { TOOL_IPSET, "destroy keep\n", "", true };
	struct err err;

	(void)state;
	assert_false(commit(&step, 1, &err));
	assert_string_equal(err.text, "ipset refused line 1: Set cannot be destroyed: it is in "
				      "use by a kernel component: destroy keep");
	assert_non_null(strstr(err.next_step, "another program"));
}

static void the_xtables_lock_is_waited_for(void **state)
{
	struct timespec begin, end;
	struct err err;
	int ready[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		int fd = open("/run/xtables.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		bool ok = flock(fd, LOCK_EX) == 0 && write(ready[1], "x", 1) == 1;

		sleep(1);
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	if (!commit(good, N_OF(good), &err))
		fail_msg("%s", err.text);
	clock_gettime(CLOCK_MONOTONIC, &end);
	if (backend == BACKEND_LEGACY) /* nft needs no lock */
		assert_true((end.tv_sec - begin.tv_sec) * 1000 +
				    (end.tv_nsec - begin.tv_nsec) / 1000000 >
			    500);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ready[0]);
	close(ready[1]);
}

static void a_tool_that_is_killed_is_not_taken_for_a_refusal(void **state)
{
	struct err err;

	(void)state;
	put_restore6_in_front("#!/bin/sh\nkill -9 $$\n");
	assert_false(commit(good, N_OF(good), &err));
	assert_non_null(strstr(err.text, "ended by signal 9"));
	assert_non_null(
		strstr(err.text, "whether step 3 of 4 (ip6tables-restore) was done is not known"));
	/* between two steps the filters hold; with some taken back they might not */
	net_sh("ipset list -n new && iptables-%s -S NEW", backend_name(backend));
}

static void everything_of_a_host_is_read(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct ruleset *rs = NULL;
	const struct table *table;
	const struct chain *chain;
	struct err err;

	(void)state;
	net_sh("nft add table bridge another; nft add table inet foreign;"
	       "nft 'add chain inet foreign x { type filter hook input priority 5; }'");
	if (!kernel_ruleset_read(arena, backend, &rs, &err))
		fail_msg("%s", err.text);
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
		table = ruleset_table(rs, f, "filter");
		assert_non_null(table);
		chain = table_chain(table, "OLD");
		assert_non_null(chain);
		assert_int_equal(chain->n_rules, 2);
		assert_int_equal(chain->rules[0].counters.packets, 5);
		assert_int_equal(chain->rules[0].counters.bytes, 500);
		assert_int_equal(table_chain(table, "INPUT")->is_base, true);
		assert_non_null(ruleset_table(rs, f, "raw"));
		assert_null(ruleset_table(rs, f, "nosuch"));
	}
	assert_int_equal(ruleset_set(rs, "keep")->n_elements, 1);
	assert_int_equal(ruleset_set(rs, "keep")->max_elem, 4);
	assert_int_equal(ruleset_set(rs, "keep6")->family, FAMILY_IPV6);
	table = ruleset_table(rs, FAMILY_BRIDGE, "portwall");
	assert_non_null(table);
	chain = table_chain(table, "c");
	assert_int_equal(chain->n_rules, 1);
	assert_int_equal(chain->rules[0].counters.bytes, 400);
	assert_int_equal(table_set(table, "ports")->n_elements, 1);
	assert_non_null(ruleset_table(rs, FAMILY_BRIDGE, "another"));
}

static void a_host_without_filters_is_read_and_nothing_is_made_by_reading(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text out CLEANUP(text_done) = TEXT_INIT;
	const struct ruleset *rs = NULL;
	struct err err;

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	if (!kernel_ruleset_read(arena, backend, &rs, &err))
		fail_msg("%s", err.text);
	assert_null(ruleset_table(rs, FAMILY_BRIDGE, "portwall"));
	assert_int_equal(rs->n_sets, 0);
	assert_true(net_try_sh(&out, "nft list tables; cat /proc/net/ip_tables_names"));
	assert_string_equal(out.data, "");
}

static void a_table_that_iptables_cannot_express_is_a_conflict(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct ruleset *rs = NULL;
	struct err err;

	(void)state;
	if (backend == BACKEND_LEGACY)
		return; /* legacy does not see nft's tables */
	net_sh("nft 'add chain ip filter FORWARD { type filter hook forward priority 0; }';"
	       "nft add rule ip filter FORWARD ct state new drop");
	assert_false(kernel_ruleset_read(arena, backend, &rs, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_non_null(strstr(err.text, "filter"));
	assert_null(rs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BY_BOTH_VARIANTS(a_good_plan_is_carried_out, new_host),
		BY_BOTH_VARIANTS(rules_bring_their_counters_wherever_they_go, new_host),
		BY_BOTH_VARIANTS(a_bad_rule_at_each_place_leaves_everything_as_it_was, new_host),
		BY_BOTH_VARIANTS(a_set_that_is_full_leaves_everything_as_it_was, new_host),
		BY_BOTH_VARIANTS(a_set_that_is_not_there_leaves_everything_as_it_was, new_host),
		BY_BOTH_VARIANTS(
			a_frame_rule_that_nft_refuses_leaves_everything_as_it_was, new_host),
		BY_BOTH_VARIANTS(of_two_tables_the_one_that_was_taken_is_taken_back, new_host),
		BY_BOTH_VARIANTS(a_kernel_that_is_busy_once_is_asked_again, new_host),
		BY_BOTH_VARIANTS(a_kernel_that_stays_busy_leaves_everything_as_it_was, new_host),
		BY_BOTH_VARIANTS(what_could_not_be_taken_back_is_said, new_host),
		BY_BOTH_VARIANTS(a_set_can_go_right_after_its_last_rule, new_host),
		BY_BOTH_VARIANTS(a_set_that_somebody_still_uses_is_named, new_host),
		BY_BOTH_VARIANTS(the_xtables_lock_is_waited_for, new_host),
		BY_BOTH_VARIANTS(a_tool_that_is_killed_is_not_taken_for_a_refusal, new_host),
		BY_BOTH_VARIANTS(everything_of_a_host_is_read, new_host),
		BY_BOTH_VARIANTS(
			a_host_without_filters_is_read_and_nothing_is_made_by_reading, new_host),
		BY_BOTH_VARIANTS(a_table_that_iptables_cannot_express_is_a_conflict, new_host),
	};

	if (!net_main())
		return 0;
	return net_exit(cmocka_run_group_tests_name("kernel_commit", tests, NULL, NULL));
}
