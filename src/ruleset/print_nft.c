// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules of the bridge family as nft 1.0.6 lists them: what it would print for our own rules is
 * what we print, so that a comparison of texts finds no difference where there is none.
 */
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "ruleset/nft.h"
#include "ruleset/ebtables.h"
#include "ruleset/print.h"

/* The types for which nft has a name (src/proto.c there); RARP is not among them. */
static const char *nft_ethertype(uint16_t type)
{
	switch (type) {
	case ETHERTYPE_IPV4:
		return "ip";
	case ETHERTYPE_ARP:
		return "arp";
	case ETHERTYPE_IPV6:
		return "ip6";
	case ETHERTYPE_QINQ:
		return "8021ad";
	case ETHERTYPE_VLAN:
		return "8021q";
	default:
		return NULL;
	}
}

static void print_key(struct text *out, const struct match *match, const char *key)
{
	text_addf(out, " %s%s ", key, match->inverted ? " !=" : "");
}

static void print_keys(struct text *out, const struct nft_keys *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		text_addf(out, "%s%s", i ? " . " : "", keys->items[i]->words);
}

static void print_set_ref(struct text *out, const char *name, const struct set *set)
{
	if (name)
		text_addf(out, "@%s", name);
	else
		nft_elements_print(out, set, 0);
}

static void print_nft_match(struct text *out, const struct nft_match *match)
{
	bool is_list = match->keys.n == 1;

	print_keys(out, &match->keys);
	if (match->has_mask && !match->is_slash)
		text_addf(out, " & %s", match->mask_text);
	if (match->is_op_written)
		text_addf(out, " %s", nft_op_words[match->op]);
	text_add(out, " ");
	if (match->set_name || match->set)
		print_set_ref(out, match->set_name, match->set);
	for (size_t i = 0; i < match->n_values; i++) {
		if (i)
			text_add(out, is_list ? "," : " . ");
		nft_value_print(out, match->keys.items[is_list ? 0 : i]->type, &match->values[i]);
	}
	if (match->is_slash)
		text_addf(out, " / %s", match->mask_text);
}

static void print_match(struct text *out, const struct match *match)
{
	switch (match->kind) {
	case MATCH_IN_IFACE:
	case MATCH_OUT_IFACE:
		print_key(out, match, match->kind == MATCH_IN_IFACE ? "iifname" : "oifname");
		text_addf(out, "\"%s\"", match->name);
		break;
	case MATCH_ETHERTYPE:
		print_key(out, match, "ether type");
		if (nft_ethertype(match->ethertype))
			text_add(out, nft_ethertype(match->ethertype));
		else
			text_addf(out, "0x%04x", match->ethertype);
		break;
	case MATCH_ETH_SRC:
		print_key(out, match, "ether saddr");
		mac_print(out, match->mac);
		break;
	case MATCH_ARP_SHA:
		print_key(out, match, "arp saddr ether");
		mac_print(out, match->mac);
		break;
	case MATCH_ARP_SPA:
		print_key(out, match, "arp saddr ip");
		prefix_print_bare(out, &match->prefix);
		break;
	case MATCH_OPAQUE:
		text_addf(out, " %s", match->text);
		break;
	case MATCH_NFT_FIELD:
		text_add(out, " ");
		print_nft_match(out, match->nft);
		break;
	case MATCH_NFT_DO:
		text_addf(out, " %s", match->statement->text);
		break;
	default:
		break; /* iptables only */
	}
}

static void print_target(struct text *out, const struct target *target)
{
	switch (target->kind) {
	case TARGET_ACCEPT:
		text_add(out, " accept");
		break;
	case TARGET_DROP:
		text_add(out, " drop");
		break;
	case TARGET_RETURN:
		text_add(out, " return");
		break;
	case TARGET_JUMP:
		text_addf(out, " jump %s", target->chain);
		break;
	case TARGET_GOTO:
		text_addf(out, " goto %s", target->chain);
		break;
	case TARGET_VMAP:
		text_addf(out, " %s vmap @%s", target->vmap.by_out_iface ? "oifname" : "iifname",
			target->vmap.map);
		break;
	case TARGET_OPAQUE:
	case TARGET_NFT_REJECT:
	case TARGET_NFT_QUEUE:
	case TARGET_NFT_TAKEN:
		text_addf(out, " %s", target->text);
		break;
	case TARGET_NFT_CONTINUE:
		text_add(out, " continue");
		break;
	case TARGET_NFT_NAT:
		text_addf(out, " %s", target->nat->text);
		break;
	case TARGET_NFT_VMAP:
		text_add(out, " ");
		print_keys(out, &target->lookup->keys);
		text_add(out, " vmap ");
		print_set_ref(out, target->lookup->set_name, target->lookup->set);
		break;
	default:
		break;
	}
}

/* The printers above bring a space in front. */
static void add_trimmed(struct text *out, const struct text *printed)
{
	if (printed->len)
		text_add_n(out, printed->data + 1, printed->len - 1);
}

void match_print_nft(struct text *out, const struct match *match)
{
	struct text printed CLEANUP(text_done) = TEXT_INIT;

	print_match(&printed, match);
	add_trimmed(out, &printed);
}

void target_print_nft(struct text *out, const struct target *target)
{
	struct text printed CLEANUP(text_done) = TEXT_INIT;

	print_target(&printed, target);
	add_trimmed(out, &printed);
}

bool match_equal_nft(const struct match *a, const struct match *b)
{
	struct text left CLEANUP(text_done) = TEXT_INIT, right CLEANUP(text_done) = TEXT_INIT;

	print_match(&left, a);
	print_match(&right, b);
	return strcmp(left.data, right.data) == 0;
}

bool target_equal_nft(const struct target *a, const struct target *b)
{
	struct text left CLEANUP(text_done) = TEXT_INIT, right CLEANUP(text_done) = TEXT_INIT;

	print_target(&left, a);
	print_target(&right, b);
	return strcmp(left.data, right.data) == 0;
}

static void print_counter(struct text *out, const struct rule *rule, bool has_counters)
{
	text_add(out, " counter");
	if (has_counters && !rule->is_stateless)
		text_addf(out, " packets %" PRIu64 " bytes %" PRIu64, rule->counters.packets,
			rule->counters.bytes);
}

static void print_rule(struct text *out, const struct rule *rule, bool has_counters)
{
	size_t counter_at = rule->n_matches - rule->n_behind_counter;

	for (size_t i = 0; i <= rule->n_matches; i++) {
		if (rule->has_counter && i == counter_at)
			print_counter(out, rule, has_counters);
		if (i < rule->n_matches)
			print_match(out, &rule->matches[i]);
	}
	print_target(out, &rule->target);
	if (rule->comment)
		text_addf(out, " comment \"%s\"", rule->comment);
}

void rule_print_nft(struct text *out, const struct rule *rule)
{
	print_rule(out, rule, true);
}

void table_print_rule(struct text *out, const struct table *table, const struct rule *rule)
{
	struct text printed CLEANUP(text_done) = TEXT_INIT;

	if (table_is_ebtables(table))
		rule_print_ebtables(&printed, rule);
	else if (table->source == SOURCE_NFT || table->family == FAMILY_BRIDGE)
		rule_print_nft(&printed, rule);
	else
		rule_print_iptables(&printed, table->family, rule, true);
	add_trimmed(out, &printed);
}

/* ---- whole listings */

static void print_block_lines(struct text *out, const char *body)
{
	const char *end;

	while (*body) {
		end = strstr(body, "\n");
		text_addf(out, "\t\t%.*s\n", end ? (int)(end - body) : (int)strlen(body), body);
		body = end ? end + 1 : "";
	}
}

static void print_set(struct text *out, const struct set *set)
{
	text_addf(out, "\t%s %s {\n", set->is_map ? "map" : "set", set->name);
	if (set->written) {
		text_add(out, set->written);
	} else {
		print_block_lines(out, set->body ? set->body : "");
		if (set->n_nft_elements) {
			text_add(out, "\t\telements = ");
			nft_elements_print(out, set, set->n_per_line);
			text_add(out, "\n");
		}
	}
	text_add(out, "\t}\n");
}

void nft_set_print(struct text *out, const struct set *set)
{
	print_set(out, set);
}

static void print_chain(struct text *out, const struct chain *chain, bool has_counters)
{
	text_addf(out, "\tchain %s {\n", chain->name);
	if (chain->comment)
		text_addf(out, "\t\tcomment \"%s\"\n", chain->comment);
	if (chain->hook_text)
		text_addf(out, "\t\t%s\n", chain->hook_text);
	for (size_t i = 0; i < chain->n_rules; i++) {
		struct text printed CLEANUP(text_done) = TEXT_INIT;

		print_rule(&printed, &chain->rules[i], has_counters);
		text_add(out, "\t\t");
		add_trimmed(out, &printed);
		text_add(out, "\n");
	}
	text_add(out, "\t}\n");
}

/* Objects, sets and chains in the order of their lines; each kind is sorted in itself. */
static void print_items(struct text *out, const struct table *table, bool has_counters)
{
	size_t o = 0, s = 0, c = 0;
	bool is_first = !table->flags && !table->comment;

	while (o < table->n_objects || s < table->n_sets || c < table->n_chains) {
		unsigned object = o < table->n_objects ? table->objects[o].line : UINT_MAX;
		unsigned set = s < table->n_sets ? table->sets[s].line : UINT_MAX;
		unsigned chain = c < table->n_chains ? table->chains[c].line : UINT_MAX;

		text_add(out, is_first ? "" : "\n");
		is_first = false;
		if (o < table->n_objects && object <= set && object <= chain) {
			text_addf(out, "\t%s {\n%s\t}\n", table->objects[o].title,
				table->objects[o].body);
			o++;
		} else if (s < table->n_sets && set <= chain) {
			print_set(out, &table->sets[s++]);
		} else {
			print_chain(out, &table->chains[c++], has_counters);
		}
	}
}

const char *nft_family_name(enum family family)
{
	static const char *const families[] = { [FAMILY_IPV4] = "ip",
		[FAMILY_IPV6] = "ip6",
		[FAMILY_BRIDGE] = "bridge",
		[FAMILY_INET] = "inet",
		[FAMILY_ARP] = "arp",
		[FAMILY_NETDEV] = "netdev" };

	return families[family];
}

static void print_table(struct text *out, const struct table *table, bool has_counters)
{
	const char *family = nft_family_name(table->family);

	if (table->is_of_iptables)
		text_addf(out, "# Warning: table %s %s is managed by iptables-nft, do not touch!\n",
			family, table->name);
	text_addf(out, "table %s %s {%s%s\n", family, table->name, table->holder ? " # " : "",
		table->holder ? table->holder : "");
	if (table->flags)
		text_addf(out, "\tflags %s\n", table->flags);
	if (table->comment)
		text_addf(out, "\tcomment \"%s\"\n", table->comment);
	print_items(out, table, has_counters);
	text_add(out, "}\n");
}

/* Tables are kept sorted; a listing has them as they were made. */
void ruleset_print_nft(struct text *out, const struct ruleset *rs, bool has_counters)
{
	unsigned line = 0;

	for (;;) {
		const struct table *next = NULL;

		for (size_t i = 0; i < rs->n_tables; i++) {
			const struct table *table = &rs->tables[i];

			if (table->source == SOURCE_NFT && table->line > line &&
				(!next || table->line < next->line))
				next = table;
		}
		if (!next)
			return;
		print_table(out, next, has_counters);
		line = next->line;
	}
}

void set_element_print(struct text *out, const struct set *set, const struct set_element *element)
{
	if (set->kind == SET_HASH_NET) {
		prefix_print_bare(out, &element->prefix);
		return;
	}
	text_addf(out, "\"%s\"", element->name);
	if (set->kind == MAP_IFNAME_VERDICT) {
		text_add(out, " :");
		print_target(out, &element->target);
	}
}
