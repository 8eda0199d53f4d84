// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it costs to prove that a host of many ports passes what its policy passes: a policy is compiled, and its rules are
 * verified against it. All ports are in one group, which may talk to itself; a port has one address of each family.
 *
 *	build/release/bench/bench_verify PORTS [hybrid]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "compile/compile.h"
#include "prove/verify.h"
#include "ruleset/eval.h"

static double cpu_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_policy(struct text *out, unsigned n)
{
	text_add(out, "security_groups:\n- name: g\n  security_group_rules:\n");
	for (int v6 = 0; v6 < 2; v6++) {
		const char *type = v6 ? "IPv6" : "IPv4";

		text_addf(out,
			"  - {direction: egress, ethertype: %s}\n"
			"  - {direction: ingress, ethertype: %s, remote_group: g}\n"
			"  - {direction: ingress, ethertype: %s, protocol: tcp, port_range_min: 80, "
			"port_range_max: 80}\n"
			"  - {direction: ingress, ethertype: %s, protocol: tcp, port_range_min: 443, "
			"port_range_max: 443}\n",
			type, type, type, type);
	}
	text_add(out, "  - {direction: ingress, protocol: tcp, port_range_min: 22, port_range_max: "
		      "22, remote_ip_prefix: 192.0.2.0/24}\nports:\n");
	for (unsigned i = 0; i < n; i++)
		text_addf(out,
			"- {id: %08x-0000-4000-8000-000000000000, device: tap%x, mac_address: "
			"'02:00:00:%02x:%02x:%02x', fixed_ips: [10.%u.%u.%u, '2001:db8::%x'], "
			"security_groups: [g]}\n",
			i, i, i >> 16 & 255, i >> 8 & 255, i & 255, 1 + (i >> 16 & 127),
			i >> 8 & 255, i & 255, i + 1);
}

/* A guest's own chain in the middle of them loses its first rule. */
static bool take_rule_away(const struct ruleset *rs)
{
	const struct table *table = ruleset_table(rs, FAMILY_IPV4, "filter");

	for (size_t c = table->n_chains / 2; c < table->n_chains; c++) {
		struct chain *chain = &table->chains[c];

		if (chain->is_base || chain->n_rules < 3 || chain->n_rules > 30)
			continue;
		memmove(chain->rules, chain->rules + 1,
			(chain->n_rules - 1) * sizeof(*chain->rules));
		chain->n_rules--;
		return true;
	}
	return false;
}

static bool verify(struct arena *arena, const struct verify_input *input, const char *what)
{
	struct verification v;
	struct rusage usage;
	double begin = cpu_s();
	struct err err;

	if (!verify_run(arena, input, &v, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return false;
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("%zu ports, %s: %.3f s, %zu differences, %zu remembered, %zu nodes at most, %ld MiB\n",
		input->n_ports, what, cpu_s() - begin, v.n, v.n_remembered, v.n_nodes_peak,
		usage.ru_maxrss / 1024);
	return true;
}

int main(int argc, char **argv)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text yaml CLEANUP(text_done) = TEXT_INIT;
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000;
	bool is_hybrid = argc > 2 && !strcmp(argv[2], "hybrid");
	const struct compile_options options = { .scope = compile_default_scope };
	struct plug *plugs = arena_new_array(arena, struct plug, n + 1);
	struct verify_port *ports = arena_new_array(arena, struct verify_port, n + 1);
	const struct policy *policy;
	const struct ruleset *rs;
	struct verify_input input;
	bool is_done;
	struct err err;

	print_policy(&yaml, n);
	if (!policy_parse(arena, "bench", yaml.data, yaml.len, "host", &policy, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	for (unsigned i = 0; i < n; i++) {
		const struct policy_port *port = &policy->ports[i];
		struct verify_way way = { .device = port->device,
			.bridge = "br0",
			.other = "eth0",
			.is_called = { true, true } };

		plugs[i] = (struct plug){ .port = port, .bridge = "br0", .zone = COMPILE_ZONE_MIN };
		if (is_hybrid) {
			way.bridge = plugs[i].bridge = arena_printf(arena, "qbr%x", i);
			way.other = plugs[i].hybrid_peer = arena_printf(arena, "qvb%x", i);
			plugs[i].zone = (uint16_t)(COMPILE_ZONE_MIN + i);
		}
		ports[i] = (struct verify_port){ port->name, port, way, way };
	}
	if (!compile_policy(arena, policy, plugs, n, &options, &rs, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	ruleset_index(arena, (struct ruleset *)rs);
	input = (struct verify_input){ .found = rs,
		.wanted = rs,
		.ports = ports,
		.n_ports = n,
		.cut_mark = COMPILE_CUT_MARK };
	is_done = verify(arena, &input, "once");
	input.memory = verify_memory_new();
	is_done = is_done && verify(arena, &input, "to be remembered") &&
		  verify(arena, &input, "again, nothing changed") && take_rule_away(rs) &&
		  verify(arena, &input, "again, one rule less");
	verify_memory_free(input.memory);
	return is_done ? 0 : 1;
}
