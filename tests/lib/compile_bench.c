// SPDX-License-Identifier: GPL-2.0-or-later
#include "compile_bench.h"

#include <string.h>

/* Parses a policy and plugs its ports: each on a bridge of its own, or all on br0. */
void bench_setup(struct bench *b, enum bench_plugs kind, const char *yaml)
{
	uint16_t zone = COMPILE_ZONE_MIN;

	*b = (struct bench){ .arena = arena_new(), .options = { .scope = compile_default_scope } };
	if (!policy_parse(b->arena, "test", yaml, strlen(yaml), "host", &b->policy, &b->err))
		fail_msg("%s: %s", b->err.text, b->err.next_step);
	b->plugs = arena_new_array(b->arena, struct plug, b->policy->n_ports + 1);
	for (size_t i = 0; i < b->policy->n_ports; i++) {
		const struct policy_port *port = &b->policy->ports[i];

		b->plugs[i] = (struct plug){ .port = port };
		if (kind == HYBRID) {
			b->plugs[i].bridge = arena_printf(b->arena, "qbr%.11s", port->id);
			b->plugs[i].hybrid_peer = arena_printf(b->arena, "qvb%.11s", port->id);
			b->plugs[i].zone = zone++;
		} else if (kind != UNPLUGGED) {
			b->plugs[i].bridge = "br0";
			b->plugs[i].is_routed = kind == ROUTED;
			b->plugs[i].zone = kind == ROUTED ? 0 : zone;
		}
	}
}

bool bench_try(struct bench *b)
{
	return compile_policy(
		b->arena, b->policy, b->plugs, b->policy->n_ports, &b->options, &b->rs, &b->err);
}

void bench_compile(struct bench *b, enum bench_plugs kind, const char *yaml)
{
	bench_setup(b, kind, yaml);
	if (!bench_try(b))
		fail_msg("%s", b->err.text);
}

const struct chain *bench_chain(
	const struct bench *b, enum family family, const char *table, const char *chain)
{
	const struct table *t = ruleset_table(b->rs, family, table);

	assert_non_null(t);
	return table_chain(t, chain);
}

const struct chain *bench_filter4(const struct bench *b, const char *chain)
{
	return bench_chain(b, FAMILY_IPV4, "filter", chain);
}

const char *bench_print(
	const struct bench *b, enum family family, const char *table, const char *name)
{
	const struct chain *chain = bench_chain(b, family, table, name);
	struct text text CLEANUP(text_done) = TEXT_INIT;

	if (!chain)
		return "no such chain";
	for (size_t i = 0; i < chain->n_rules; i++) {
		struct rule bare = chain->rules[i];

		bare.comment = NULL;
		rule_print(&text, family, &bare);
		text_add(&text, "\n");
	}
	return arena_strdup(b->arena, text.data);
}

const struct rule *bench_rule_of_id(const struct chain *chain, const char *id)
{
	for (size_t i = 0; i < chain->n_rules; i++) {
		const struct origin *origin = chain->rules[i].origin;

		for (size_t k = 0; k < origin->n_rules; k++)
			if (strcmp(origin->rules[k]->id, id) == 0)
				return &chain->rules[i];
	}
	return NULL;
}
