// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset_text.h"

void ruleset_text_iptables(struct text *out, const struct ruleset *rs, enum family family)
{
	for (const struct table *t = rs->tables; t < rs->tables + rs->n_tables; t++) {
		if (t->family != family)
			continue;
		text_addf(out, "*%s\n", t->name);
		for (const struct chain *c = t->chains; c < t->chains + t->n_chains; c++)
			text_addf(out, ":%s %s [0:0]\n", c->name, c->policy ? c->policy : "-");
		for (const struct chain *c = t->chains; c < t->chains + t->n_chains; c++) {
			for (const struct rule *r = c->rules; r < c->rules + c->n_rules; r++) {
				struct text rule CLEANUP(text_done) = TEXT_INIT;

				rule_print(&rule, family, r);
				text_addf(out, "-A %s%s%s\n", c->name, rule.len ? " " : "",
					rule.data);
			}
		}
		text_add(out, "COMMIT\n");
	}
}

static void print_set(struct text *out, const struct set *set)
{
	text_addf(out, "\tmap %s {\n\t\ttype ifname : verdict\n", set->name);
	for (size_t i = 0; i < set->n_elements; i++) {
		text_add(out, i ? ",\n\t\t\t     " : "\t\telements = { ");
		set_element_print(out, set, &set->elements[i]);
	}
	text_add(out, set->n_elements ? " }\n\t}\n\n" : "\t}\n\n");
}

static void print_chain(struct text *out, const struct chain *chain)
{
	text_addf(out, "\tchain %s {\n", chain->name);
	if (chain->hook_text)
		text_addf(out, "\t\t%s\n", chain->hook_text);
	for (const struct rule *r = chain->rules; r < chain->rules + chain->n_rules; r++) {
		text_add(out, "\t\t");
		rule_print(out, FAMILY_BRIDGE, r);
		text_add(out, "\n");
	}
	text_add(out, "\t}\n");
}

void ruleset_text_nft(struct text *out, const struct ruleset *rs)
{
	for (const struct table *t = rs->tables; t < rs->tables + rs->n_tables; t++) {
		if (t->family != FAMILY_BRIDGE)
			continue;
		text_addf(out, "table bridge %s {\n", t->name);
		for (size_t i = 0; i < t->n_sets; i++)
			print_set(out, &t->sets[i]);
		for (size_t i = 0; i < t->n_chains; i++) {
			text_add(out, i ? "\n" : "");
			print_chain(out, &t->chains[i]);
		}
		text_add(out, "}\n");
	}
}

void ruleset_text_ipset(struct text *out, const struct ruleset *rs)
{
	for (const struct set *s = rs->sets; s < rs->sets + rs->n_sets; s++) {
		text_addf(out, "create %s hash:net family %s maxelem %u\n", s->name,
			s->family == FAMILY_IPV6 ? "inet6" : "inet", s->max_elem);
		for (size_t i = 0; i < s->n_elements; i++) {
			text_addf(out, "add %s ", s->name);
			set_element_print(out, s, &s->elements[i]);
			text_add(out, "\n");
		}
	}
}
