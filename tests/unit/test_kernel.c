// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "host/host.h"
#include "kernel/kernel.h"
#include "kernel/refusal.h"
#include "kernel/tool.h"
#include "kernel/undo.h"

static void what_a_program_refuses_is_read(void **state)
{
	/* as iptables 1.8.9, ipset 7.17 and nft 1.0.6 said it */
	static const struct {
		const char *said;
		unsigned line;
		const char *message;
		bool is_transient;
	} cases[] = {
		{ "iptables-nft-restore: line 4 failed: No chain/target/match by that name.\n", 4,
			"No chain/target/match by that name", false },
		{ "iptables-restore: line 4 failed\n", 4, "", false },
		{ "iptables-nft-restore v1.8.9 (nf_tables): invalid port/service `99999' "
		  "specified\nError occurred at line: 4\nTry `iptables-nft-restore -h' or "
		  "'iptables-nft-restore --help' for more information.\n",
			4, "invalid port/service `99999' specified", false },
		{ "iptables-restore v1.8.9 (legacy): Couldn't load match `nosuchmatch':No such "
		  "file or directory\n\nError occurred at line: 3\nTry `iptables-restore -h' or "
		  "'iptables-restore --help' for more information.\n",
			3, "Couldn't load match `nosuchmatch':No such file or directory", false },
		{ "iptables-nft-restore v1.8.9 (nf_tables): \nline 5: CHAIN_DEL failed (Device "
		  "or resource busy): chain FOO\n",
			5, "CHAIN_DEL failed (Device or resource busy): chain FOO", true },
		{ "iptables-nft-restore v1.8.9 (nf_tables): \nline 17: RULE_APPEND failed (No "
		  "such file or directory): rule in chain X\nline 18: RULE_APPEND failed\n",
			17, "RULE_APPEND failed (No such file or directory): rule in chain X",
			false },
		{ "iptables-restore: COMMIT expected at line 3\n", 3, "COMMIT expected at line 3",
			false },
		{ "# Warning: iptables-legacy tables present, use iptables-legacy-save to see "
		  "them\niptables-nft-restore: line 2 failed: Index of insertion too big.\n",
			2, "Index of insertion too big", false },
		{ "Another app is currently holding the xtables lock; still 9s 0us time ahead "
		  "to have a chance to grab the lock...\n",
			0,
			"Another app is currently holding the xtables lock; still 9s 0us time "
			"ahead to have a chance to grab the lock",
			true },
		{ "iptables-restore: Resource temporarily unavailable.\n", 0,
			"Resource temporarily unavailable", true },
		{ "ipset v7.17: Error in line 4: Hash is full, cannot add more elements\n", 4,
			"Hash is full, cannot add more elements", false },
		{ "ipset v7.17: Error in line 1: Set cannot be destroyed: it is in use by a "
		  "kernel component\n",
			1, "Set cannot be destroyed: it is in use by a kernel component", true },
		{ "ipset v7.17: No command specified: unknown argument addx\nTry `ipset help' "
		  "for more information.\n",
			0, "No command specified: unknown argument addx", false },
		{ "/dev/stdin:12:26-29: Error: Could not process rule: No such file or "
		  "directory\nadd rule bridge portwall nope drop\n           ^^^^\n",
			12, "Could not process rule: No such file or directory", false },
		{ "internal:0:0-0: Error: Could not process rule: Device or resource busy\n\n", 0,
			"Could not process rule: Device or resource busy", true },
		{ "netlink: Error: cache initialization failed: Resource temporarily "
		  "unavailable\n",
			0, "cache initialization failed: Resource temporarily unavailable", true },
		{ "", 0, "", false }, { "\n\n", 0, "", false }, { "line", 0, "line", false },
		{ "line 4294967297 failed", 0, NULL, false }, /* any answer but a crash */
	};
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct refusal got = refusal_parse(arena, cases[i].said);

		if (!cases[i].message)
			continue;
		assert_string_equal(got.message, cases[i].message);
		assert_int_equal(got.line, cases[i].line);
		assert_int_equal(got.is_transient, cases[i].is_transient);
	}
}

static void a_known_refusal_comes_with_a_next_step(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct refusal refusal = refusal_parse(
		arena, "ipset v7.17: Error in line 4: Hash is full, cannot add more elements\n");
	struct err err;

	(void)state;
	err_system(&err, 0, "x");
	refusal_advise(&refusal, &err);
	assert_non_null(strstr(err.next_step, "ipset destroy"));
	err_system(&err, 0, "x");
	refusal = refusal_parse(arena, "something new\n");
	refusal_advise(&refusal, &err);
	assert_string_equal(err.next_step, "");
	assert_false(refusal.is_known);
}

static void a_batch_counts_as_applied_by_table_by_line_or_not_at_all(void **state)
{
	static const char iptables[] =
		"*raw\n-A X -j DROP\nCOMMIT\n*filter\n-A Y -j DROP\nCOMMIT\n";
	static const char ipset[] = "create a hash:net\nadd a 1.1.1.1\nadd a 1.1.1.2\n";

	(void)state;
	assert_int_equal(undo_applied_len(TOOL_IPTABLES, iptables, 2), 0);
	/* refused at its own COMMIT: that table was not taken */
	assert_int_equal(undo_applied_len(TOOL_IPTABLES, iptables, 3), 0);
	assert_int_equal(undo_applied_len(TOOL_IP6TABLES, iptables, 5),
		strlen("*raw\n-A X -j DROP\nCOMMIT\n"));
	assert_int_equal(undo_applied_len(TOOL_IPSET, ipset, 1), 0);
	assert_int_equal(undo_applied_len(TOOL_IPSET, ipset, 3),
		strlen("create a hash:net\nadd a 1.1.1.1\n"));
	assert_int_equal(undo_applied_len(TOOL_IPSET, ipset, 99), strlen(ipset));
	assert_int_equal(undo_applied_len(TOOL_NFT, ipset, 3), 0);
	assert_int_equal(undo_applied_len(TOOL_IPSET, ipset, 0), 0); /* not said */
}

static void the_way_back_covers_what_was_applied_and_no_more(void **state)
{
	static const struct {
		struct plan_step step;
		unsigned refused_line;
		const char *undo;
	} cases[] = {
		{ { TOOL_IPTABLES, "*filter\n-N A\nCOMMIT\n*raw\n-N B\nCOMMIT\n",
			  "*raw\n-X B\nCOMMIT\n*filter\n-X A\nCOMMIT\n", false },
			5, "*filter\n-X A\nCOMMIT\n" },
		{ { TOOL_IPTABLES, "*filter\n-N A\nCOMMIT\n", "*filter\n-X A\nCOMMIT\n", true }, 2,
			"" },
		{ { TOOL_IPSET, "create s hash:net\nadd s full\n", "destroy s\n", false }, 2,
			"destroy s\n" },
		{ { TOOL_IPSET, "swap s t\n", "swap s t\n", true }, 1, "" },
		{ { TOOL_NFT, "add table bridge x\n", "delete table bridge x\n", true }, 1, "" },
		{ { TOOL_IPSET, "create s hash:net\n", NULL, false }, 9, "" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		const struct plan_step *step = &cases[i].step;
		struct text out CLEANUP(text_done) = TEXT_INIT;

		undo_print(&out, step,
			undo_applied_len(step->tool, step->text, cases[i].refused_line));
		assert_string_equal(out.data, cases[i].undo);
	}
}

enum { SIZE = 3 * 1024 * 1024 };

static void remove_folder(const char *dir)
{
	struct tool_run run CLEANUP(tool_run_done) = TOOL_RUN_INIT;
	struct err err;

	assert_true(tool_start(&run, (const char *[]){ "/bin/rm", "-r", dir, NULL }, NULL, &err));
	assert_true(tools_finish(&run, 1, &err));
	assert_int_equal(run.exit_code, 0);
}

static bool run_shell(struct tool_run *run, const char *script, const char *input, struct err *err)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };

	return tool_start(run, argv, input, err) && tools_finish(run, 1, err);
}

static void a_program_gets_its_input_and_both_outputs_are_kept_apart(void **state)
{
	struct tool_run run CLEANUP(tool_run_done) = TOOL_RUN_INIT;
	struct err err;

	(void)state;
	assert_true(run_shell(&run, "cat; echo $LC_ALL; echo wrong >&2; exit 3", "in\n", &err));
	assert_string_equal(run.out.data, "in\nC\n");
	assert_string_equal(run.error.data, "wrong\n");
	assert_int_equal(run.exit_code, 3);
}

static void more_than_a_pipe_holds_goes_through_both_ways(void **state)
{
	struct tool_run run CLEANUP(tool_run_done) = TOOL_RUN_INIT;
	struct text input CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	(void)state;
	while (input.len < SIZE)
		text_addf(&input, "line %zu\n", input.len);
	assert_true(run_shell(&run, "tee /dev/stderr", input.data, &err));
	assert_int_equal(run.out.len, input.len);
	assert_int_equal(run.error.len, input.len);
	assert_memory_equal(run.out.data, input.data, input.len);
}

static void a_program_that_does_not_read_its_input_does_no_harm(void **state)
{
	struct tool_run run CLEANUP(tool_run_done) = TOOL_RUN_INIT;
	struct text input CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	(void)state;
	while (input.len < SIZE)
		text_add(&input, "nobody reads this\n");
	assert_true(run_shell(&run, "exit 0", input.data, &err));
	assert_int_equal(run.exit_code, 0);
}

static void the_input_can_be_opened_anew_as_nft_does(void **state)
{
	struct tool_run run CLEANUP(tool_run_done) = TOOL_RUN_INIT;
	struct err err;

	(void)state;
	assert_true(run_shell(&run, "cat /dev/stdin", "all of it\n", &err));
	assert_string_equal(run.out.data, "all of it\n");
}

static void several_programs_run_side_by_side(void **state)
{
	/* each waits for the other: one after the other they would never end */
	static const char script[] = "d=$1; echo x >$d/$2 & read y <$d/$3; echo got $y";
	char dir[] = "/tmp/portwall-test-XXXXXX";
	struct tool_run runs[2] = { TOOL_RUN_INIT, TOOL_RUN_INIT };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct err err;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(mkfifo(arena_printf(arena, "%s/a", dir), 0600), 0);
	assert_int_equal(mkfifo(arena_printf(arena, "%s/b", dir), 0600), 0);
	for (int i = 0; i < 2; i++)
		assert_true(tool_start(&runs[i],
			(const char *[]){ "/bin/sh", "-c", script, "sh", dir, i ? "a" : "b",
				i ? "b" : "a", NULL },
			NULL, &err));
	assert_true(tools_finish(runs, 2, &err));
	for (int i = 0; i < 2; i++) {
		assert_string_equal(runs[i].out.data, "got x\n");
		tool_run_done(&runs[i]);
	}
	unlink(arena_printf(arena, "%s/a", dir));
	unlink(arena_printf(arena, "%s/b", dir));
	rmdir(dir);
}

static void nothing_of_ours_but_three_descriptors_reaches_a_program(void **state)
{
	struct tool_run run CLEANUP(tool_run_done) = TOOL_RUN_INIT;
	struct tool_run other CLEANUP(tool_run_done) = TOOL_RUN_INIT;
	const char *sleep[] = { "/bin/sh", "-c", "cat >/dev/null; exec sleep 30", NULL };
	struct err err;

	(void)state;
	assert_true(tool_start(&other, sleep, "x", &err)); /* its pipes are open meanwhile */
	assert_true(
		tool_start(&run, (const char *[]){ "/bin/ls", "/proc/self/fd", NULL }, NULL, &err));
	assert_true(tools_finish(&run, 1, &err));
	assert_string_equal(run.out.data, "0\n1\n2\n3\n"); /* 3 is the folder that ls reads */
}

static void a_signal_that_ends_a_program_is_told(void **state)
{
	struct tool_run run CLEANUP(tool_run_done) = TOOL_RUN_INIT;
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct err err;

	(void)state;
	assert_true(run_shell(&run, "kill -9 $$", NULL, &err));
	assert_int_equal(run.exit_code, 128 + SIGKILL);
	assert_string_equal(tool_complaint(arena, &run), "ended by signal 9");
}

/* That is all that is different: input, outputs, signals and the end are as of any program. */
static void a_program_without_routes_gets_no_socket_for_them(void **state)
{
	struct tool_run run CLEANUP(tool_run_done) = TOOL_RUN_INIT;
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct err err;

	(void)state;
	run.has_no_routes = true;
	assert_true(run_shell(&run,
		"ip link 2>&1; cat; echo said >&2; ls /proc/self/fd | wc -l; kill -9 $$", "in\n",
		&err));
	assert_non_null(strstr(run.out.data, "Permission denied"));
	assert_non_null(strstr(run.out.data, "\nin\n4\n"));
	assert_string_equal(run.error.data, "said\n");
	assert_int_equal(run.exit_code, 128 + SIGKILL);
	run.has_no_routes = false;
	assert_true(run_shell(&run, "ip link", NULL, &err));
	assert_int_equal(run.exit_code, 0);
	run.has_no_routes = true;
	assert_true(tool_start(&run, (const char *[]){ "/nowhere/x", NULL }, NULL, &err));
	assert_true(tools_finish(&run, 1, &err));
	assert_int_equal(run.exit_code, 127);
	assert_string_equal(
		tool_complaint(arena, &run), "cannot be run: No such file or directory");
}

static void a_program_that_is_not_there_is_named(void **state)
{
	struct tool_run run CLEANUP(tool_run_done) = TOOL_RUN_INIT;
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const char *path = "untouched";
	struct err err;

	(void)state;
	assert_false(tool_start(&run, (const char *[]){ "/nowhere/x", NULL }, NULL, &err));
	assert_string_equal(err.text, "cannot run /nowhere/x: No such file or directory");
	assert_false(tool_must_find(arena, "portwall-no-such-program", &path, &err));
	assert_string_equal(path, "untouched");
	assert_non_null(strstr(err.text, "portwall-no-such-program"));
	assert_non_null(strstr(err.next_step, "apt-get install"));
}

static void programs_are_found_without_a_path_and_never_in_the_folder_of_the_caller(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const char *before = getenv("PATH");
	char *old = arena_strdup(arena, before ? before : "");
	char cwd[4096];

	(void)state;
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	unsetenv("PATH");
	assert_non_null(tool_find(arena, "sh"));
	setenv("PATH", "::.:relative", 1);
	assert_int_equal(chdir("/bin"), 0);
	assert_int_equal(*tool_find(arena, "sh"), '/');
	assert_null(tool_find(arena, "portwall-no-such-program"));
	assert_int_equal(chdir(cwd), 0);
	setenv("PATH", old, 1);
}

static void a_lock_is_held_once_and_its_holder_is_named(void **state)
{
	char dir[] = "/tmp/portwall-test-XXXXXX";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct kernel_lock lock = { 0 }, again = { 0 };
	struct err err;

	(void)state;
	assert_non_null(mkdtemp(dir));
	setenv("PORTWALL_RUN_DIR", dir, 1);
	assert_true(kernel_lock_open(&lock, 0, &err));
	assert_false(kernel_lock_open(&again, 0, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_string_equal(err.text,
		arena_printf(arena, "process %d is changing the filters of this host", getpid()));
	assert_int_equal(again.fd, 0);
	kernel_lock_close(&again); /* never opened: closes nothing */
	assert_int_not_equal(fcntl(0, F_GETFD), -1);
	assert_int_equal(fcntl(lock.fd, F_GETFD), FD_CLOEXEC);
	kernel_lock_close(&lock);
	assert_true(kernel_lock_open(&lock, 0, &err));
	kernel_lock_close(&lock);
	unsetenv("PORTWALL_RUN_DIR");
	remove_folder(dir);
}

static void a_lock_is_waited_for(void **state)
{
	char dir[] = "/tmp/portwall-test-XXXXXX";
	struct kernel_lock lock = { 0 };
	struct err err;
	int ready[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(dir));
	setenv("PORTWALL_RUN_DIR", dir, 1);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		bool ok = kernel_lock_open(&lock, 0, &err) && write(ready[1], "x", 1) == 1;

		usleep(300000);
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_false(kernel_lock_open(&lock, 0, &err));
	assert_true(kernel_lock_open(&lock, 20, &err));
	kernel_lock_close(&lock);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ready[0]);
	close(ready[1]);
	unsetenv("PORTWALL_RUN_DIR");
	remove_folder(dir);
}

static void the_place_of_the_state_is_stable_and_its_folder_is_made_with_the_lock_only(void **state)
{
	char dir[] = "/tmp/portwall-test-XXXXXX";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct kernel_lock lock = { 0 };
	const char *path, *again;
	struct stat st;
	struct err err;

	(void)state;
	assert_non_null(mkdtemp(dir));
	setenv("PORTWALL_RUN_DIR", arena_printf(arena, "%s/made", dir), 1);
	assert_true(kernel_state_path(arena, &path, &err));
	assert_true(kernel_state_path(arena, &again, &err));
	assert_string_equal(path, again);
	assert_true(text_has_prefix(path, arena_printf(arena, "%s/made/", dir)));
	assert_string_equal(path + strlen(path) - 5, ".yaml");
	assert_null(strchr(path, '\n'));
	/* to ask for it, as show does, needs no right to write */
	assert_int_equal(stat(arena_printf(arena, "%s/made", dir), &st), -1);
	assert_true(kernel_lock_open(&lock, 0, &err));
	assert_int_equal(stat(arena_printf(arena, "%s/made", dir), &st), 0);
	kernel_lock_close(&lock);
	setenv("PORTWALL_RUN_DIR", "/nowhere/at/all", 1);
	assert_false(kernel_lock_open(&lock, 0, &err));
	unsetenv("PORTWALL_RUN_DIR");
	remove_folder(dir);
}

static void a_host_finds_its_links_and_knows_what_is_filtered(void **state)
{
	struct link links[] = {
		{ .name = "br0", .index = 7, .kind = "bridge" },
		{ .name = "eth0", .index = 2, .kind = "" },
		{ .name = "tap1", .index = 9, .kind = "tun", .master_index = 7 },
	};
	struct netns host = { .links = links, .n_links = 3, .has_br_netfilter = true },
		     none = { 0 };

	(void)state;
	assert_ptr_equal(netns_link(&host, "tap1"), &links[2]);
	assert_ptr_equal(netns_link(&host, "br0"), &links[0]);
	assert_null(netns_link(&host, "br"));
	assert_null(netns_link(&none, "br0"));
	assert_ptr_equal(netns_link_by_index(&host, 7), &links[0]);
	assert_null(netns_link_by_index(&host, 0));

	/* the sysctl or the bridge's own attribute, by family; neither without br_netfilter */
	assert_false(netns_bridge_is_filtered(&host, &links[0], FAMILY_IPV4));
	host.nf_call[FAMILY_IPV4] = true;
	assert_true(netns_bridge_is_filtered(&host, &links[0], FAMILY_IPV4));
	assert_false(netns_bridge_is_filtered(&host, &links[0], FAMILY_IPV6));
	links[0].nf_call[FAMILY_IPV6] = true;
	assert_true(netns_bridge_is_filtered(&host, &links[0], FAMILY_IPV6));
	host.has_br_netfilter = false;
	assert_false(netns_bridge_is_filtered(&host, &links[0], FAMILY_IPV4));
	assert_false(netns_bridge_is_filtered(&host, &links[0], FAMILY_IPV6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_program_refuses_is_read),
		cmocka_unit_test(a_known_refusal_comes_with_a_next_step),
		cmocka_unit_test(a_batch_counts_as_applied_by_table_by_line_or_not_at_all),
		cmocka_unit_test(the_way_back_covers_what_was_applied_and_no_more),
		cmocka_unit_test(a_program_gets_its_input_and_both_outputs_are_kept_apart),
		cmocka_unit_test(more_than_a_pipe_holds_goes_through_both_ways),
		cmocka_unit_test(a_program_that_does_not_read_its_input_does_no_harm),
		cmocka_unit_test(the_input_can_be_opened_anew_as_nft_does),
		cmocka_unit_test(several_programs_run_side_by_side),
		cmocka_unit_test(nothing_of_ours_but_three_descriptors_reaches_a_program),
		cmocka_unit_test(a_signal_that_ends_a_program_is_told),
		cmocka_unit_test(a_program_without_routes_gets_no_socket_for_them),
		cmocka_unit_test(a_program_that_is_not_there_is_named),
		cmocka_unit_test(
			programs_are_found_without_a_path_and_never_in_the_folder_of_the_caller),
		cmocka_unit_test(a_lock_is_held_once_and_its_holder_is_named),
		cmocka_unit_test(a_lock_is_waited_for),
		cmocka_unit_test(
			the_place_of_the_state_is_stable_and_its_folder_is_made_with_the_lock_only),
		cmocka_unit_test(a_host_finds_its_links_and_knows_what_is_filtered),
	};

	return cmocka_run_group_tests_name("kernel", tests, NULL, NULL);
}
