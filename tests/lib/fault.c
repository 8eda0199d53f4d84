// SPDX-License-Identifier: GPL-2.0-or-later
#include "fault.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "random.h"
#include "unit.h"

#define FRONT FAULT_DIR "/front"

const char *fault_guest_id(unsigned i)
{
	static const char *const ids[FAULT_GUESTS] = { "aaaaaaaa-0000-4000-8000-000000000001",
		"bbbbbbbb-0000-4000-8000-000000000002", "cccccccc-0000-4000-8000-000000000003",
		"dddddddd-0000-4000-8000-000000000004" };

	return ids[i];
}

static const char *guest_mac(unsigned i)
{
	static const char *const macs[FAULT_GUESTS] = { "02:00:00:00:00:0a", "02:00:00:00:00:0b",
		"02:00:00:00:00:0c", "02:00:00:00:00:0d" };

	return macs[i];
}

static void save(const char *path, const struct text *text)
{
	struct err err;

	if (!text_save(text, path, &err))
		fail_msg("%s", err.text);
}

/*
 * Stands in PATH before each tool that changes something, and does at step FAULT_AT what FAULT_MODE
 * says. 0 is the group of portwall and its tools.
 */
static const char front[] =
	"#!/bin/sh\n"
	"PATH=${PATH#" FRONT ":}\n"
	"tool=${0##*/}\n"
	"case \"$*\" in *save*|*list*) exec $tool \"$@\" ;; esac\n"
	"read n <" FAULT_DIR "/count\n"
	"n=$((n + 1))\n"
	"echo $n >" FAULT_DIR "/count\n"
	"[ $n = \"$FAULT_AT\" ] || exec $tool \"$@\"\n"
	"case $FAULT_MODE in\n"
	"before) kill -9 0 ;;\n"
	"after) $tool \"$@\"; kill -9 0 ;;\n"
	"stop) kill -STOP 0; exec $tool \"$@\" ;;\n"
	"part) if [ $tool = ipset ]; then head -n $FAULT_LINES | $tool \"$@\"; fi; kill -9 0 ;;\n"
	"tool) exec 9<&0; $tool \"$@\" <&9 & sleep $FAULT_DELAY; kill -9 $! $$ ;;\n"
	"orphan) kill -9 $PPID; sleep 0.3; while [ -e " FAULT_DIR "/hold ]; do sleep 0.02; done\n"
	"$tool \"$@\"; echo $? >" FAULT_DIR "/orphan ;;\n"
	"esac\n";

const char *const fault_mode_names[] = { "delay", "before", "after", "stop", "part", "tool",
	"orphan", "", "no fault" };

void fault_put_fronts(const char *backend)
{
	char names[4][40] = { "", "", "ipset", "nft" };
	struct text text CLEANUP(text_done) = TEXT_INIT;

	text_add(&text, front);
	snprintf(names[0], sizeof(names[0]), "iptables-%s-restore", backend);
	snprintf(names[1], sizeof(names[1]), "ip6tables-%s-restore", backend);
	net_sh("rm -rf " FAULT_DIR "; mkdir -p " FRONT " " FAULT_RUN_DIR);
	for (size_t i = 0; i < N_OF(names); i++) {
		char path[128];

		snprintf(path, sizeof(path), FRONT "/%s", names[i]);
		save(path, &text);
		assert_int_equal(chmod(path, 0755), 0);
	}
}

static void set_number(const char *name, unsigned value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	setenv(name, text, 1);
}

void fault_arm(const char *path_before, const struct fault_plan *plan)
{
	struct text zero CLEANUP(text_done) = TEXT_INIT;
	char path[600], delay[32];

	text_add(&zero, "0\n");
	save(FAULT_DIR "/count", &zero);
	snprintf(path, sizeof(path), FRONT ":%s", path_before);
	snprintf(delay, sizeof(delay), "0.%06u", plan->delay_us % 1000000);
	setenv("FAULT_DELAY", delay, 1);
	setenv("FAULT_MODE", fault_mode_names[plan->mode], 1);
	set_number("FAULT_AT", plan->at);
	set_number("FAULT_LINES", plan->n_lines);
	if (plan->mode != NO_FAULT && plan->mode != DELAY)
		setenv("PATH", path, 1);
}

static void exec_portwall(
	const struct fault *f, const struct fault_plan *fault, const char *const *words)
{
	const char *argv[12] = { getenv("PORTWALL") };
	int fd = open(FAULT_DIR "/out", O_WRONLY | O_CREAT | O_TRUNC, 0600), n = 1;

	setpgid(0, 0);
	while (*words)
		argv[n++] = *words++;
	argv[n++] = "--backend";
	argv[n++] = f->backend;
	fault_arm(f->path_before, fault);
	setenv("PORTWALL_RUN_DIR", FAULT_RUN_DIR, 1);
	dup2(fd, 1);
	dup2(fd, 2);
	if (argv[0])
		execv(argv[0], (char *const *)argv);
	_exit(126);
}

struct child fault_start(
	const struct fault *f, const struct fault_plan *plan, const char *const *words)
{
	struct child child = { 0 };

	fflush(stdout);
	clock_gettime(CLOCK_MONOTONIC, &child.begin);
	child.pid = fork();
	if (child.pid == 0)
		exec_portwall(f, plan, words);
	assert_true(child.pid > 0);
	setpgid(child.pid, child.pid); /* whoever is first */
	return child;
}

void fault_output(struct text *out)
{
	struct err err;

	text_clear(out);
	if (!text_load(out, FAULT_DIR "/out", 1 << 20, &err))
		fail_msg("%s", err.text);
}

/* To its end, without a fault. */
bool fault_run(struct fault *f, struct text *out, const char *const *words)
{
	struct child child = fault_start(f, &(struct fault_plan){ .mode = NO_FAULT }, words);

	assert_int_equal(waitpid(child.pid, &child.status, 0), child.pid);
	fault_output(out);
	return WIFEXITED(child.status) && WEXITSTATUS(child.status) == 0;
}

/* "apply FILE", or "clear" where nothing is wanted. */
const char *const *version_words(const struct version *version, const char *option)
{
	static const char *words[4];

	words[0] = *version->path ? "apply" : "clear";
	words[1] = *version->path ? version->path : option;
	words[2] = *version->path ? option : NULL;
	words[3] = NULL;
	return words;
}

void fault_must_run(struct fault *f, struct text *out, const char *const *words)
{
	if (!fault_run(f, out, words))
		fail_msg("%s\nportwall %s %s: %s", f->what, words[0], words[1] ? words[1] : "",
			out->data);
}

/* Everything but counters, in an order that does not tell the past. */
void fault_shot(const struct fault *f, struct text *out)
{
	struct text command CLEANUP(text_done) = TEXT_INIT;

	text_addf(&command,
		"export LC_ALL=C; for i in '' 6; do for t in raw filter; do echo \"ip$i $t\";"
		"ip${i}tables-%s-save -t $t | sed '/^[#*C]/d; /^:[A-Z]* /d; s/ \\[[0-9:]*\\]$//' |"
		"sort -s -k1,2; done; done; ipset save | sed 's, initval 0x[0-9a-f]*,,; s, hashsize [0-9]*,,' | sort;"
		"nft -s list ruleset bridge | awk '/^\\t[a-z]/ { b = $1 \" \" $2 } "
		"!/^}?$/ { print b \"|\" $0 }' | sort -s -t '|' -k1,1;"
		"ip -d -j link show type bridge | grep -oE '\"(nf_call_ip|no_linklocal_learn)[a-z0-9]*\":[0-9]*'",
		f->backend);
	text_clear(out);
	if (!net_try_sh(out, command.data))
		fail_msg("%s", out->data);
}

void fault_must_stand(struct fault *f, const struct text *wanted, const char *when)
{
	struct text is CLEANUP(text_done) = TEXT_INIT, diff CLEANUP(text_done) = TEXT_INIT;

	fault_shot(f, &is);
	if (!strcmp(is.data, wanted->data))
		return;
	save(FAULT_DIR "/is", &is);
	save(FAULT_DIR "/wanted", wanted);
	net_try_sh(&diff, "diff -U0 " FAULT_DIR "/wanted " FAULT_DIR "/is");
	fail_msg(
		"%s\n%s: another state than that of one clean apply\n%s", f->what, when, diff.data);
}

/* The state after one apply, in a namespace that has seen nothing else. */
static void fill_state(struct fault *f, struct version *version)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	int ns;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	net_ip(ns, "link add br0 up type bridge nf_call_iptables 1 nf_call_ip6tables 1\n");
	for (unsigned i = 0; i < FAULT_GUESTS; i++)
		net_ip(ns, "link add %s master br0 up type veth\n", f->guests[i]->tap);
	if (*version->path)
		fault_must_run(f, &out, version_words(version, NULL));
	fault_shot(f, &version->state);
	close(ns);
	net_leave(f->net);
}

struct version *version_new(struct fault *f, const struct text *text)
{
	struct version *version = calloc(1, sizeof(*version));
	struct err err;

	version->state = (struct text)TEXT_INIT;
	version->arena = arena_new();
	if (text) {
		snprintf(version->path, sizeof(version->path), FAULT_DIR "/policy%u.yaml",
			f->n_versions++);
		save(version->path, text);
		if (!policy_load(
			    version->arena, version->path, "here", NULL, &version->policy, &err))
			fail_msg("%s\n%s", err.text, text->data);
	}
	fill_state(f, version);
	return version;
}

void version_free(struct version *version)
{
	if (*version->path)
		unlink(version->path);
	text_done(&version->state);
	arena_free(version->arena);
	free(version);
}

unsigned fault_count_steps(struct fault *f, const struct version *version)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	const char *of;

	fault_must_run(f, &out, version_words(version, "--dry-run"));
	of = strstr(out.data, "# 1 of ");
	return of ? (unsigned)strtoul(of + strlen("# 1 of "), NULL, 10) : 0;
}

void fault_init(struct fault *f, const char *backend)
{
	*f = (struct fault){ .backend = backend };
	f->path_before = getenv("PATH");
	f->prng.state = random_seeded().state;
	fault_put_fronts(backend);
	f->net = net_new(NET_SHARED);
	for (unsigned i = 0; i < FAULT_GUESTS; i++)
		f->guests[i] = net_add_guest(f->net, fault_guest_id(i), guest_mac(i));
}
