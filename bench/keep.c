// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it costs the service to keep a host, from the call to the kernel, tools included: one changed rule, a group of half
 * of all ports, a member of a group of 500 on other hosts whose flows are cut or go on, all interfaces at once; and the memory that
 * it holds. In a network namespace of its own, with taps on one
 * bridge. Each port has two addresses, the default group and a group of 10 rules of its own, as in bench/run.
 *
 *	build/release/bench/bench_keep [--backend nft|legacy] [--rounds N] PORTS ...
 */
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/keep.h"
#include "base/vec.h"

#define RULES_PER_PORT 10
#define MAX_ROUNDS     1000
#define N_FAR	       500  /* members of a group, on other hosts */
#define N_FLOWS	       1000 /* of one of them, to port 0 */
#define FLOW_PORT      1

static const char *backend = "nft";
static unsigned n_rounds = 50;

static double wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double cpu_ms(int who)
{
	struct rusage usage;

	getrusage(who, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static long status_kib(const char *field)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	long ret = 0;

	while (file && fgets(line, sizeof(line), file))
		if (text_has_prefix(line, field))
			ret = strtol(line + strlen(field) + 1, NULL, 10);
	if (file)
		fclose(file);
	return ret;
}

static void must(bool ok, const struct err *err)
{
	if (ok)
		return;
	fprintf(stderr, "bench: %s\n%s\n", err->text, err->next_step);
	exit(1);
}

static void must_run(const char *command)
{
	if (system(command) == 0) // NOLINT(cert-env33-c,concurrency-mt-unsafe): of this bench alone
		return;
	fprintf(stderr, "bench: refused: %s\n", command);
	exit(1);
}

static void add_rule(struct text *out, unsigned number, unsigned port)
{
	text_addf(out,
		"  - {direction: ingress, protocol: tcp, port_range_min: %u, port_range_max: %u, "
		"remote_ip_prefix: 198.51.%u.0/24}\n",
		port, port, number);
}

static void print_port(struct text *out, unsigned i, unsigned n)
{
	text_addf(out,
		"- {id: %08x-0000-4000-8000-000000000000, name: vm%u, mac_address: "
		"'02:00:00:%02x:%02x:%02x', fixed_ips: [10.0.%u.%u, '2001:db8::%x'], "
		"security_groups: [default, app%u%s]}\n",
		i * 0x9e3779b9u, i, i >> 16 & 255, i >> 8 & 255, i & 255, i >> 8, i & 255, i + 1, i,
		i < n / 2 ? ", half" : "");
}

/* What a policy has beside the plain one. */
enum {
	WITH_RULE = 1 << 0,	 /* one more in port 0's own group */
	WITH_HALF = 1 << 1,	 /* one more in the group of half of all ports */
	WITHOUT_MEMBER = 1 << 2, /* the first of those on other hosts is missing */
};

static const struct policy *make_policy(struct arena *arena, unsigned n, unsigned flags)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	const struct policy *policy = NULL;
	struct err err;

	text_add(&text, "security_groups:\n- name: default\n  security_group_rules:\n"
			"  - {direction: egress, ethertype: IPv4}\n"
			"  - {direction: egress, ethertype: IPv6}\n"
			"  - {direction: ingress, ethertype: IPv4, remote_group: default}\n"
			"  - {direction: ingress, ethertype: IPv6, remote_group: default}\n"
			"  - {direction: ingress, ethertype: IPv4, remote_group: far}\n"
			"- name: far\n  security_group_rules: []\n"
			"- name: half\n  security_group_rules:\n");
	add_rule(&text, 1, 30000);
	if (flags & WITH_HALF)
		add_rule(&text, 2, 30001);
	for (unsigned i = 0; i < n; i++) {
		text_addf(&text, "- name: app%u\n  security_group_rules:\n", i);
		for (unsigned r = 0; r < RULES_PER_PORT; r++)
			add_rule(&text, r, 1000 + r);
		if (flags & WITH_RULE && i == 0)
			add_rule(&text, 0, 20000);
	}
	text_add(&text, "ports:\n");
	for (unsigned i = 0; i < n; i++)
		print_port(&text, i, n);
	for (unsigned i = flags & WITHOUT_MEMBER ? 1 : 0; i < N_FAR; i++)
		text_addf(&text,
			"- {name: far%u, mac_address: '02:00:01:00:%02x:%02x', fixed_ips: [10.9.%u.%u], "
			"security_groups: [far], 'binding:host_id': elsewhere}\n",
			i, i >> 8, i & 255, i >> 8, i & 255);
	must(policy_parse(arena, "bench", text.data, text.len, "here", &policy, &err), &err);
	return policy;
}

/* The taps that the policy's ports have, as one batch of ip. */
static void add_taps(const struct policy *policy)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	text_add(&text, "link add br0 type bridge nf_call_iptables 1 nf_call_ip6tables 1\n");
	for (size_t i = 0; i < policy->n_ports; i++) {
		const char *tap = policy->ports[i].device;

		if (!policy->ports[i].is_local)
			continue;
		text_addf(&text, "tuntap add dev %s mode tap\nlink set %s master br0\n", tap, tap);
	}
	must(text_save(&text, "/run/links", &err), &err);
	must_run("ip -batch /run/links");
}

static uint16_t zone_of(const struct keeper *keeper)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct serve_state state;

	keeper_state(keeper, arena, &state);
	for (size_t i = 0; i < state.n_ports; i++)
		if (state.ports[i].state == PORT_ACTIVE)
			return state.ports[i].zone;
	return 0;
}

/* Established, from the first member of the far group. */
static void add_flows(const struct keeper *keeper)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	uint16_t zone = zone_of(keeper);
	struct err err;

	for (unsigned i = 0; i < N_FLOWS; i++)
		text_addf(&text,
			"-I -w %u -s 10.9.0.0 -d 10.0.0.0 -p tcp --sport %u --dport %u --state "
			"ESTABLISHED -t 30000 -u ASSURED,SEEN_REPLY\n",
			zone, 1024 + i, FLOW_PORT);
	must(text_save(&text, "/run/flows", &err), &err);
	must_run("conntrack -R /run/flows");
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

struct measure {
	const char *what;
	double wall[MAX_ROUNDS];
	unsigned n;
	double own_ms, tools_ms;
	uint64_t n_steps, n_flows_cut;
};

typedef bool call_fn(struct keeper *keeper, struct arena *arena, const struct policy *policy,
	struct keeper_result *ret, struct err *err);

static bool bind_links(struct keeper *keeper, struct arena *arena, const struct policy *policy,
	struct keeper_result *ret, struct err *err)
{
	(void)policy;
	return keeper_links_changed(keeper, arena, ret, err);
}

static void measure(struct measure *m, struct keeper *keeper, call_fn *call,
	const struct policy *policy, uint64_t n_rules)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	double own = cpu_ms(RUSAGE_SELF), tools = cpu_ms(RUSAGE_CHILDREN), begin = wall_ms();
	struct keeper_result result;
	struct err err;

	must(call(keeper, arena, policy, &result, &err), &err);
	m->wall[m->n++] = wall_ms() - begin;
	m->own_ms += cpu_ms(RUSAGE_SELF) - own;
	m->tools_ms += cpu_ms(RUSAGE_CHILDREN) - tools;
	m->n_steps += result.done.n_steps;
	m->n_flows_cut += result.done.n_flows_cut;
	if (result.done.n_failures ||
		(n_rules && result.done.rules_added + result.done.rules_removed != n_rules)) {
		fprintf(stderr, "bench: %s: %llu rules changed, %zu ports failed\n", m->what,
			(unsigned long long)result.done.rules_added + result.done.rules_removed,
			result.done.n_failures);
		exit(1);
	}
}

static void print_measure(struct measure *m)
{
	qsort(m->wall, m->n, sizeof(m->wall[0]), by_value);
	printf("| %s | %.1f | %.1f | %.1f | %.1f | %.1f | %llu |\n", m->what, m->wall[m->n / 2],
		m->wall[m->n * 99 / 100], m->own_ms / m->n, m->tools_ms / m->n,
		(double)m->n_steps / m->n, (unsigned long long)(m->n_flows_cut / m->n));
}

static void bench(unsigned n)
{
	static const char *const closed[] = { "tap*", "vnet*" };
	const struct serve_options options = {
		.agent = { .backend = backend, .fix_sysctl = true, .lock_wait_s = 10 },
		.host = "here",
		.closed_names = closed,
		.n_closed_names = N_OF(closed),
	};
	struct measure first = { .what = "first policy, no interface" },
		       bound = { .what = "all interfaces at once" },
		       added = { .what = "one rule more" }, removed = { .what = "one rule less" },
		       half_added = { .what = "one rule more at half of the ports" },
		       half_removed = { .what = "one rule less at half of the ports" },
		       member_gone = { .what = "one member less of 500" },
		       member_back = { .what = "one member more" }, again = { .what = "restarted" };
	struct arena *arenas[3] = { arena_new(), arena_new(), arena_new() };
	const struct policy *policy = make_policy(arenas[0], n, 0);
	struct keeper *keeper = NULL;
	long idle_kib, peak_kib;
	struct err err;

	must(keeper_open(&options, &keeper, &err), &err);
	idle_kib = status_kib("VmRSS:");
	measure(&first, keeper, keeper_change, policy, 0);
	add_taps(policy);
	measure(&bound, keeper, bind_links, NULL, 0);
	peak_kib = status_kib("VmHWM:");
	printf("\n%u ports, iptables-%s; memory: %ld KiB with the policy alone, %ld KiB with the "
	       "host kept, %ld KiB at most\n",
		n, backend, idle_kib, status_kib("VmRSS:"), peak_kib);
	printf("| | wall ms p50 | p99 | CPU ms own | CPU ms of tools | steps | flows cut |\n"
	       "|---|---|---|---|---|---|---|\n");
	for (unsigned i = 0; i < n_rounds; i++) {
		const struct policy *more = make_policy(arenas[1], n, WITH_RULE);

		measure(&added, keeper, keeper_change, more, 1);
		measure(&removed, keeper, keeper_change, policy, 1);
		arena_reset(arenas[1]);
	}
	for (unsigned i = 0; i < n_rounds / 5 + 1; i++) {
		const struct policy *half = make_policy(arenas[2], n, WITH_HALF);

		measure(&half_added, keeper, keeper_change, half, n / 2);
		measure(&half_removed, keeper, keeper_change, policy, n / 2);
		arena_reset(arenas[2]);
	}
	add_flows(keeper);
	for (unsigned i = 0; i < n_rounds; i++) {
		const struct policy *less = make_policy(arenas[1], n, WITHOUT_MEMBER);

		measure(&member_gone, keeper, keeper_change, less, 0);
		measure(&member_back, keeper, keeper_change, policy, 0);
		arena_reset(arenas[1]);
	}
	if (member_gone.n_flows_cut != (uint64_t)n_rounds * N_FLOWS) {
		fprintf(stderr, "bench: %llu flows were cut\n",
			(unsigned long long)member_gone.n_flows_cut);
		exit(1);
	}
	printf("(memory after the changes: %ld KiB)\n", status_kib("VmRSS:"));
	keeper_close(&keeper);
	must(keeper_open(&options, &keeper, &err), &err);
	measure(&again, keeper, keeper_change, policy, 0);
	print_measure(&first);
	print_measure(&bound);
	print_measure(&added);
	print_measure(&removed);
	print_measure(&half_added);
	print_measure(&half_removed);
	print_measure(&member_gone);
	print_measure(&member_back);
	print_measure(&again);
	fflush(stdout);
	keeper_close(&keeper);
	for (size_t i = 0; i < N_OF(arenas); i++)
		arena_free(arenas[i]);
}

/* Each size in a namespace and a process of its own. */
static void bench_apart(unsigned n)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNET) < 0) {
			perror("bench: unshare");
			_exit(1);
		}
		bench(n);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		exit(1);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "backend", required_argument, NULL, 'b' },
		{ "rounds", required_argument, NULL, 'r' }, { 0 } };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'b') {
			backend = optarg;
		} else if (option != 'r' || !text_to_u32(optarg, 1, MAX_ROUNDS, &n_rounds)) {
			fprintf(stderr, "bench: --backend nft|legacy, --rounds up to %d, sizes\n",
				MAX_ROUNDS);
			return 2;
		}
	}
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0) {
		perror("bench: needs root");
		return 1;
	}
	for (int i = optind; i < argc; i++)
		bench_apart((unsigned)strtoul(argv[i], NULL, 10));
	return 0;
}
