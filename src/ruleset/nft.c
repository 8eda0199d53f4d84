// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nft list ruleset text, as nft 1.0.6 prints it: a line is a statement, a block opens at the end
 * of a line and closes on a line of its own. What is read prints back as it was.
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/vec.h"
#include "ruleset/nft.h"

typedef VEC(struct nft_object) object_vec;

static bool fail(const struct nft_parser *p, struct err *err, const char *what)
{
	return err_input(err, "%s:%u:%zu: %s", p->name, p->line, p->column, what);
}

/* How many braces more are opened than closed; none counts inside quotes. */
static int brace_depth(const char *text)
{
	bool in_quotes = false;
	int depth = 0;

	for (; *text; text++) {
		if (*text == '"')
			in_quotes = !in_quotes;
		else if (!in_quotes && *text == '{')
			depth++;
		else if (!in_quotes && *text == '}')
			depth--;
	}
	return depth;
}

/* "nft -a" ends objects and rules with "# handle 5". What was added is asked alone: the elements of a
 * set are one line of thousands that were put together. */
static void cut_handle(struct text *line, size_t from)
{
	char *handle = strrchr(line->data + from, '#');

	if (!handle || !text_has_prefix(handle, "# handle ") ||
		handle[9 + strspn(handle + 9, "0123456789")])
		return;
	while (handle > line->data && handle[-1] == ' ')
		handle--;
	line->len = (size_t)(handle - line->data);
	*handle = '\0';
}

/* Adds the next line without its indentation; false at the end of the text. */
static bool add_line(struct nft_parser *p)
{
	size_t len, start, from = p->current.len;

	if (!*p->at)
		return false;
	p->line++;
	len = strcspn(p->at, "\n");
	start = strspn(p->at, " \t");
	p->column = start < len ? start + 1 : 1;
	if (start < len)
		text_add_n(&p->current, p->at + start, len - start);
	while (p->current.len && strchr(" \t", p->current.data[p->current.len - 1]))
		p->current.data[--p->current.len] = '\0';
	p->at += len + (p->at[len] == '\n');
	cut_handle(&p->current, from < p->current.len ? from : p->current.len);
	return true;
}

/* The next line that says something, into p->current. */
static bool next_line(struct nft_parser *p)
{
	do {
		text_clear(&p->current);
		if (!add_line(p))
			return false;
		if (text_has_prefix(p->current.data, "# Warning: table ") &&
			strstr(p->current.data, "managed by iptables-nft"))
			p->is_warned = true;
	} while (!p->current.len || p->current.data[0] == '#');
	return true;
}

static bool check_elements(const struct nft_parser *p, size_t n, struct err *err)
{
	return n <= LIMIT_NFT_ELEMENTS || err_limit(err, "%s:%u:%zu: more than %d elements",
						  p->name, p->line, p->column, LIMIT_NFT_ELEMENTS);
}

/* Before it is cut into words, of which each takes more memory than its text. */
static bool check_statement(const struct nft_parser *p, struct err *err)
{
	size_t n_elements = 0, n_words = 0;

	if (p->current.len <= LIMIT_NFT_ELEMENTS)
		return true;
	for (const char *at = p->current.data; *at; at++) {
		n_elements += *at == ',';
		n_words += strchr(" ,{}\"", *at) != NULL;
	}
	if (!check_elements(p, n_elements, err))
		return false;
	return n_words <= LIMIT_NFT_WORDS ||
	       err_limit(err, "%s:%u:%zu: a statement of more than %d words", p->name, p->line,
		       p->column, LIMIT_NFT_WORDS);
}

/* What goes over several lines, the elements of a set, becomes one line. */
static bool complete_line(struct nft_parser *p, struct err *err)
{
	int depth = brace_depth(p->current.data);

	while (depth > 0) {
		size_t len;

		text_add(&p->current, " ");
		len = p->current.len;
		if (!add_line(p))
			return fail(p, err, "the text ends inside of braces");
		if (p->current.len > len)
			depth += brace_depth(p->current.data + len);
	}
	return check_statement(p, err);
}

static bool opens_block(const struct nft_parser *p)
{
	return brace_depth(p->current.data) == 1 && p->current.data[p->current.len - 1] == '{';
}

/* "chain NAME {": the name, or NULL when the line is something else. */
static const char *block_name(struct nft_parser *p, const char *keyword)
{
	const char *text = p->current.data;
	size_t keyword_len = strlen(keyword), len;

	if (!text_has_prefix(text, keyword) || text[keyword_len] != ' ' || !opens_block(p))
		return NULL;
	text += keyword_len + 1;
	len = strcspn(text, " ");
	return len && strcmp(text + len, " {") == 0 ? arena_strndup(p->scratch, text, len) : NULL;
}

/* The text between the quotes behind keyword, or NULL. */
static const char *quoted_value(struct nft_parser *p, const char *keyword)
{
	const char *text = p->current.data;
	size_t keyword_len = strlen(keyword);

	if (!text_has_prefix(text, keyword) || strncmp(text + keyword_len, " \"", 2) != 0)
		return NULL;
	text += keyword_len + 2;
	return arena_strndup(p->arena, text, strcspn(text, "\""));
}

/* Lines of a set that change nothing in who is a member. */
static bool is_harmless(const char *line)
{
	return text_has_prefix(line, "comment ") || text_has_prefix(line, "size ") ||
	       text_has_prefix(line, "policy ");
}

static int element_compare(const void *a, const void *b)
{
	const struct set_element *left = a, *right = b;

	return strcmp(left->name, right->name);
}

/* Sets and verdict maps of plain interface names are kept sorted too, for comparing. */
static bool fill_names(struct nft_parser *p, struct set *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n_nft_elements; i++) {
		const struct nft_element *element = &set->nft_elements[i];

		if (element->extra || !element->keys[0].name || element->keys[0].is_open)
			return false;
	}
	if (!set->n_nft_elements)
		return true;
	set->elements = arena_new_array(p->arena, struct set_element, set->n_nft_elements);
	for (size_t i = 0; i < set->n_nft_elements; i++)
		set->elements[i] = (struct set_element){ .name = set->nft_elements[i].keys[0].name,
			.target = set->nft_elements[i].target };
	qsort(set->elements, set->n_nft_elements, sizeof(set->elements[0]), element_compare);
	for (size_t i = 0; i < set->n_nft_elements; i++)
		if (!n || element_compare(&set->elements[n - 1], &set->elements[i]) != 0)
			set->elements[n++] = set->elements[i];
	set->n_elements = n;
	return true;
}

#define MAX_TYPES 8

/* "ipv4_addr . inet_service" or, for typeof, "ip saddr . tcp dport"; ends at ":" or the end. */
static size_t parse_types(
	struct nft_parser *p, size_t *at, bool is_typeof, const enum nft_type **ret)
{
	enum nft_type *types = arena_new_array(p->arena, enum nft_type, MAX_TYPES);
	struct nft_keys keys;
	size_t n = 0;

	if (is_typeof) {
		if (!nft_parse_keys(p, at, p->tokens.n, &keys) || keys.n > MAX_TYPES)
			return 0;
		for (; n < keys.n; n++)
			types[n] = keys.items[n]->type;
	} else {
		do {
			*at += n > 0;
			if (n == MAX_TYPES || *at >= p->tokens.n ||
				!nft_type_parse(p->tokens.items[*at].start,
					p->tokens.items[*at].len, &types[n++]))
				return 0;
			(*at)++;
		} while (*at < p->tokens.n && nft_token_is(p, *at, "."));
	}
	*ret = types;
	return n;
}

/* "type ipv4_addr : verdict"; "typeof .." */
static bool parse_set_type(struct nft_parser *p, struct set *set)
{
	size_t at = 1;
	bool is_typeof;

	nft_split(p, p->current.data);
	is_typeof = nft_token_is(p, 0, "typeof");
	set->n_types = parse_types(p, &at, is_typeof, &set->types);
	if (!set->n_types)
		return false;
	if (!set->is_map)
		return at == p->tokens.n;
	if (!nft_token_is(p, at, ":"))
		return false;
	at++;
	if (nft_token_is(p, at, "interval"))
		at++;
	set->n_data_types =
		parse_types(p, &at, is_typeof && !nft_token_is(p, at, "verdict"), &set->data_types);
	set->is_verdict_map = set->n_data_types == 1 && set->data_types[0] == NFT_TYPE_VERDICT;
	return set->n_data_types && at == p->tokens.n;
}

static void parse_set_flags(struct nft_parser *p, struct set *set)
{
	const char *line = p->current.data;

	set->is_interval |= strstr(line, "interval") != NULL;
	set->is_dynamic |= strstr(line, "dynamic") != NULL;
	set->is_constant |= strstr(line, "constant") != NULL;
	set->has_timeout |= strstr(line, "timeout") != NULL;
}

/* One line of a set; false: not understood. */
static bool parse_set_line(struct nft_parser *p, struct set *set)
{
	const char *line = p->current.data;
	size_t at = 2;

	if (text_has_prefix(line, "type ") || text_has_prefix(line, "typeof "))
		return parse_set_type(p, set);
	if (text_has_prefix(line, "flags ") || text_has_prefix(line, "timeout ")) {
		parse_set_flags(p, set);
		return true;
	}
	if (text_has_prefix(line, "elements = {")) {
		nft_split(p, line);
		return set->n_types && nft_parse_elements(p, &at, p->tokens.n, set) &&
		       at == p->tokens.n;
	}
	return is_harmless(line) || text_has_prefix(line, "gc-interval ") ||
	       strcmp(line, "auto-merge") == 0;
}

/* How many elements stand on the first line of the text; 0 where all do. */
static size_t elements_per_line(const char *line)
{
	size_t len = strcspn(line, "\n"), n = 0;

	if (!len || line[len - 1] != ',')
		return 0;
	for (size_t i = 0; i < len; i++)
		n += line[i] == ',';
	return n;
}

/* Printed must be what was read; else what was read is kept and printed. */
static void keep_written(struct nft_parser *p, struct set *set, const char *from, const char *to)
{
	struct text printed CLEANUP(text_done) = TEXT_INIT;
	size_t len = (size_t)(to - from);
	const char *start;

	if (!set->opaque) {
		nft_set_print(&printed, set);
		start = strchr(printed.data, '\n') + 1;
		if (strlen(start) == len + 3 && memcmp(start, from, len) == 0)
			return;
	}
	set->written = arena_strndup(p->arena, from, len);
}

static void settle_kind(struct nft_parser *p, struct set *set, bool is_simple)
{
	bool is_name = set->n_types == 1 && set->types[0] == NFT_TYPE_IFNAME &&
		       (!set->is_map || set->is_verdict_map);

	set->kind = SET_NFT;
	if (is_simple && is_name && fill_names(p, set))
		set->kind = set->is_map ? MAP_IFNAME_VERDICT : SET_IFNAME;
}

static bool parse_set(struct nft_parser *p, const char *name, bool is_map, struct err *err)
{
	struct text block CLEANUP(text_done) = TEXT_INIT, body CLEANUP(text_done) = TEXT_INIT;
	struct set *set = table_add_set(p->arena, p->table, name);
	const char *from = p->at, *line_start;
	bool is_known = true, is_simple = true;

	*set = (struct set){ .name = set->name, .is_map = is_map, .line = p->line };
	for (;;) {
		line_start = p->at;
		if (!next_line(p))
			return fail(p, err, "the text ends inside of a set");
		if (strcmp(p->current.data, "}") == 0)
			break;
		if (!complete_line(p, err))
			return false;
		text_add(&block, block.len ? "; " : "");
		text_add_n(&block, p->current.data, p->current.len);
		is_known = parse_set_line(p, set) && is_known;
		if (!check_elements(p, p->n_elements, err))
			return false;
		if (text_has_prefix(p->current.data, "elements = {")) {
			set->n_per_line = elements_per_line(line_start);
			continue;
		}
		is_simple = is_simple && (text_has_prefix(p->current.data, "type ifname") ||
						 is_harmless(p->current.data));
		text_add(&body, body.len ? "\n" : "");
		text_add_n(&body, p->current.data, p->current.len);
	}
	set->body = arena_strdup(p->arena, body.data);
	if (!is_known || !set->n_types) {
		set->nft_elements = NULL;
		set->n_nft_elements = 0;
		set->sorted = NULL;
		set->opaque = arena_strdup(p->arena, block.data);
	}
	settle_kind(p, set, is_simple && !set->opaque);
	keep_written(p, set, from, line_start);
	return true;
}

/* The family's number of a name (include/uapi/linux/netfilter_{ipv4,bridge}.h). */
static bool parse_priority(enum family family, const char *text, int *ret)
{
	static const struct {
		const char *name;
		int ip, bridge;
	} names[] = { { "raw", -300, 0 }, { "mangle", -150, 0 }, { "dstnat", -100, -300 },
		{ "filter", 0, -200 }, { "security", 50, 0 }, { "srcnat", 100, 300 },
		{ "out", 0, 100 } };
	long value = 0, sign;

	for (size_t i = 0; i < N_OF(names); i++) {
		size_t len = strlen(names[i].name);

		if (!text_has_prefix(text, names[i].name))
			continue;
		value = family == FAMILY_BRIDGE ? names[i].bridge : names[i].ip;
		text += len;
		if (*text == ';') {
			*ret = (int)value;
			return true;
		}
		if (text[0] != ' ' || !strchr("+-", text[1]) || text[2] != ' ')
			return false;
		sign = text[1] == '-' ? -1 : 1;
		*ret = (int)(value + sign * strtol(text + 3, NULL, 10));
		return true;
	}
	if (*text != '-' && (*text < '0' || *text > '9'))
		return false;
	*ret = (int)strtol(text, NULL, 10);
	return true;
}

/* The names behind "device" or within "devices = { .. }". */
static void parse_devices(struct nft_parser *p, struct chain *chain)
{
	VEC(const char *) devices = { 0 };
	bool is_in = false;

	for (size_t i = 0; i < p->tokens.n; i++) {
		const char *name;

		if (nft_token_is(p, i, "device") || nft_token_is(p, i, "devices"))
			is_in = true;
		else if (nft_token_is(p, i, "priority"))
			break;
		else if (is_in && nft_token_name(p, i, &name))
			*vec_push(&devices, p->arena) = name;
	}
	chain->devices = devices.items;
	chain->n_devices = devices.n;
	chain->device = devices.n ? devices.items[0] : NULL;
}

/* "type filter hook forward priority -310; policy accept;" */
static bool parse_hook(struct nft_parser *p, struct chain *chain)
{
	const char *line = p->current.data, *type = line + 5, *hook, *priority;

	if (!text_has_prefix(line, "type ") || !(hook = strstr(line, " hook ")))
		return false;
	chain->is_base = true;
	chain->hook_text = arena_strdup(p->arena, line);
	chain->policy = strstr(line, "policy drop;") ? "DROP" : "ACCEPT";
	chain->type = arena_strndup(p->arena, type, strcspn(type, " "));
	hook += 6;
	chain->hook = arena_strndup(p->arena, hook, strcspn(hook, " "));
	priority = strstr(hook, " priority ");
	if (priority)
		parse_priority(p->table->family, priority + 10, &chain->priority);
	nft_split(p, line);
	parse_devices(p, chain);
	return true;
}

/* A line of a chain that is no rule. */
static bool parse_chain_line(struct nft_parser *p, struct chain *chain)
{
	const char *comment;

	if (chain->n_rules)
		return false;
	if (parse_hook(p, chain))
		return true;
	comment = quoted_value(p, "comment");
	if (!comment)
		return false;
	chain->comment = comment;
	return true;
}

static bool parse_chain(struct nft_parser *p, const char *name, struct err *err)
{
	struct chain *chain = table_add_chain(p->arena, p->table, name);
	struct rule rule;

	chain->line = p->line;
	for (;;) {
		if (!next_line(p))
			return fail(p, err, "the text ends inside of a chain");
		if (strcmp(p->current.data, "}") == 0)
			return true;
		rule = (struct rule){ .line = p->line };
		if (!complete_line(p, err))
			return false;
		if (parse_chain_line(p, chain))
			continue;
		if (++p->n_rules > LIMIT_RULESET_RULES)
			return err_limit(err, "%s:%u:%zu: more than %d rules", p->name, p->line,
				p->column, LIMIT_RULESET_RULES);
		nft_parse_rule(p, &rule);
		if (!check_elements(p, p->n_elements, err))
			return false;
		*chain_add_rule(p->arena, chain) = rule;
	}
}

/* A counter, a limit, a flowtable .. stays as it stands. */
static bool parse_object(struct nft_parser *p, object_vec *objects, struct err *err)
{
	struct nft_object object = { .line = p->line };
	const char *from = p->at, *end = p->at;
	int depth = 1;

	object.title = arena_strndup(
		p->arena, p->current.data, p->current.len >= 2 ? p->current.len - 2 : 0);
	while (depth > 0) {
		end = p->at;
		text_clear(&p->current);
		if (!add_line(p))
			return fail(p, err, "the text ends inside of a block");
		depth += brace_depth(p->current.data);
	}
	object.body = arena_strndup(p->arena, from, (size_t)(end - from));
	*vec_push(objects, p->arena) = object;
	return true;
}

static bool parse_table_line(struct nft_parser *p, object_vec *objects, struct err *err)
{
	const char *name;

	if ((name = block_name(p, "chain")))
		return parse_chain(p, name, err);
	if ((name = block_name(p, "map")) || (name = block_name(p, "set")))
		return parse_set(p, name, p->current.data[0] == 'm', err);
	if (opens_block(p))
		return parse_object(p, objects, err);
	if (brace_depth(p->current.data) != 0)
		return fail(p, err, "braces that do not belong here");
	if ((name = quoted_value(p, "comment")))
		p->table->comment = name;
	else if (text_has_prefix(p->current.data, "flags "))
		p->table->flags = arena_strdup(p->arena, p->current.data + 6);
	return true;
}

static bool parse_table(struct nft_parser *p, struct err *err)
{
	object_vec objects = { 0 };

	for (;;) {
		if (!next_line(p))
			return fail(p, err, "the text ends inside of a table");
		if (strcmp(p->current.data, "}") == 0)
			break;
		if (!parse_table_line(p, &objects, err))
			return false;
	}
	p->table->objects = objects.items;
	p->table->n_objects = objects.n;
	return true;
}

/* "table inet t { # progname firewalld": a process holds it ("flags owner"). */
static const char *take_holder(struct nft_parser *p)
{
	char *brace =
		text_has_prefix(p->current.data, "table ") ? strstr(p->current.data, "{ # ") : NULL;
	const char *holder;

	if (!brace)
		return NULL;
	holder = arena_strdup(p->arena, brace + strlen("{ # "));
	brace[1] = '\0';
	p->current.len = (size_t)(brace + 1 - p->current.data);
	return holder;
}

static bool parse_text(struct nft_parser *p, struct err *err)
{
	static const struct {
		const char *words;
		enum family family;
	} families[] = { { "table ip", FAMILY_IPV4 }, { "table ip6", FAMILY_IPV6 },
		{ "table inet", FAMILY_INET }, { "table arp", FAMILY_ARP },
		{ "table bridge", FAMILY_BRIDGE }, { "table netdev", FAMILY_NETDEV } };

	while (next_line(p)) {
		const char *name = NULL, *holder = take_holder(p);
		size_t i = 0;

		while (i < N_OF(families) && !(name = block_name(p, families[i].words)))
			i++;
		if (!name)
			return fail(p, err, "expected a table");
		p->table = ruleset_add_table_from(
			p->arena, p->rs, SOURCE_NFT, families[i].family, name);
		if (!p->table->line)
			p->table->line = p->line;
		p->table->holder = holder;
		p->table->is_of_iptables |= p->is_warned;
		p->is_warned = false;
		if (!parse_table(p, err))
			return false;
	}
	return true;
}

/* No string of nft goes over a line; after this check a quote that opens also closes. */
static bool check_quotes(struct nft_parser *p, const char *text, struct err *err)
{
	const char *line_start = text;
	bool in_quotes = false;

	p->line = 1;
	for (; *text; text++) {
		if (*text == '"') {
			in_quotes = !in_quotes;
			p->column = (size_t)(text - line_start) + 1;
		}
		if (*text != '\n')
			continue;
		if (in_quotes)
			break;
		p->line++;
		line_start = text + 1;
	}
	if (in_quotes)
		return fail(p, err, "a quote is not closed");
	p->line = 0;
	return true;
}

bool ruleset_parse_nft(struct arena *arena, struct ruleset *rs, const char *name, const char *text,
	struct err *err)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	struct nft_parser p = { .arena = arena,
		.scratch = scratch,
		.rs = rs,
		.name = name,
		.at = text,
		.current = TEXT_INIT };
	bool ok = check_quotes(&p, text, err) && parse_text(&p, err);

	text_done(&p.current);
	return ok;
}
