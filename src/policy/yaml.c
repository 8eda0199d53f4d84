// SPDX-License-Identifier: GPL-2.0-or-later
#include "policy/yaml.h"

#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"

struct builder {
	struct arena *arena;
	const struct source *source;
	struct err *err;
	yaml_parser_t parser;
	struct map *anchors;
	size_t n_nodes, n_aliased;
};

static void builder_done(struct builder *b)
{
	yaml_parser_delete(&b->parser);
}

static struct place place_of(const yaml_mark_t *start, const yaml_mark_t *end)
{
	size_t width = end->line == start->line && end->column > start->column
			       ? end->column - start->column
			       : 1;

	return (struct place){ (uint32_t)start->line, (uint32_t)start->column,
		(uint16_t)(width < UINT16_MAX ? width : UINT16_MAX) };
}

/* What people do wrong most often, by libyaml's words. */
static const char *syntax_hint(const char *problem)
{
	static const struct {
		const char *problem, *hint;
	} hints[] = {
		{ "tab character", "Indent with spaces." },
		{ "found character that cannot start any token",
			"Indent with spaces, not tabs; put quotes around a value that begins with "
			"@, ` or %." },
		{ "mapping values are not allowed",
			"Check the indentation; a key is followed by ': ', and a value that "
			"contains ': ' needs quotes." },
		{ "could not find expected ':'",
			"A key is followed by a colon and a space: 'name: web'." },
		{ "did not find expected key", "Check the indentation of this line." },
		{ "did not find expected '-'", "Check the indentation of this line." },
		{ "invalid Unicode character",
			"Write the character itself in place of its \\u escapes, in UTF-8." },
		{ "expected <document start>",
			"The policy ends before this; is there a bracket too many?" },
		{ "unexpected end of stream", "What begins here is not closed." },
	};

	for (size_t i = 0; i < N_OF(hints); i++)
		if (strstr(problem, hints[i].problem))
			return hints[i].hint;
	return NULL;
}

static bool fail_syntax(struct builder *b)
{
	const yaml_parser_t *p = &b->parser;
	const char *problem = p->problem ? p->problem : "it cannot be read";
	const char *hint = syntax_hint(problem);
	/* Something that is not closed is found at the end of the file, and wrong where it begins. */
	bool at_begin = p->context && strstr(problem, "unexpected end of stream");
	const yaml_mark_t *mark = at_begin ? &p->context_mark : &p->problem_mark;
	struct place at = { (uint32_t)mark->line, (uint32_t)mark->column, 1 };

	if (p->error == YAML_MEMORY_ERROR)
		return err_limit(b->err, "%s: out of memory", b->source->name);
	source_fail(b->source, at, b->err, "not YAML: %s%s%s", problem, p->context ? ", " : "",
		p->context ? p->context : "");
	if (hint)
		err_next(b->err, "%s", hint);
	else if (p->context && (strstr(problem, "']'") || strstr(problem, "'}'")))
		err_next(b->err, "Is the bracket of line %zu closed?", p->context_mark.line + 1);
	else if (p->context)
		err_next(b->err, "What it was reading begins in line %zu.",
			p->context_mark.line + 1);
	return false;
}

static bool next_event(struct builder *b, yaml_event_t *ret)
{
	if (!yaml_parser_parse(&b->parser, ret))
		return fail_syntax(b);
	return true;
}

static struct node *new_node(struct builder *b, enum node_kind kind, const yaml_event_t *event)
{
	struct place place = place_of(&event->start_mark, &event->end_mark);
	struct node *node = arena_new_one(b->arena, struct node);

	b->n_nodes++;
	node->kind = (uint8_t)kind;
	node->line = place.line;
	node->column = place.column;
	node->width = kind == NODE_SCALAR ? place.width : 1;
	return node;
}

static bool fail_event(struct builder *b, const yaml_event_t *event, const char *what)
{
	return source_fail(
		b->source, place_of(&event->start_mark, &event->end_mark), b->err, "%s", what);
}

/* An anchor that is named again takes the place of the first, as YAML says. */
struct anchor {
	const struct node *node; /* NULL while it is still being read */
};

static struct anchor *anchor_open(struct builder *b, const yaml_char_t *name)
{
	struct anchor *found, *anchor;

	if (!name)
		return NULL;
	found = map_find(b->anchors, (const char *)name);
	if (found) {
		found->node = NULL;
		return found;
	}
	anchor = arena_new_one(b->arena, struct anchor);
	map_add(b->anchors, arena_strdup(b->arena, (const char *)name), anchor);
	return anchor;
}

/* Nodes that a copy stands for, up to a bound. */
static size_t node_weight(const struct node *node, size_t bound)
{
	size_t n = 1;

	if (node->kind == NODE_SCALAR)
		return n;
	for (const struct node *child = node->first; child && n < bound; child = child->next)
		n += node_weight(child, bound - n);
	return n;
}

static struct node *build_alias(struct builder *b, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	const struct anchor *anchor = map_find(b->anchors, name);
	struct node *copy;

	if (!anchor || !anchor->node) {
		if (anchor) {
			fail_event(b, event, "the alias stands inside what it stands for");
			err_next(b->err, "An alias repeats a value that ended before it.");
		} else {
			fail_event(b, event, "no anchor of this name stands before the alias");
			err_next(b->err, "Put quotes around a value that begins with *.");
		}
		return NULL;
	}
	b->n_aliased += node_weight(anchor->node, LIMIT_POLICY_ALIASED + 1 - b->n_aliased);
	if (b->n_aliased > LIMIT_POLICY_ALIASED) {
		fail_event(b, event, "the aliases of this file stand for too many values");
		err_next(b->err, "All aliases together may stand for %d values.",
			LIMIT_POLICY_ALIASED);
		b->err->kind = ERR_LIMIT;
		return NULL;
	}
	copy = arena_new_one(b->arena, struct node);
	*copy = *anchor->node;
	copy->next = NULL;
	return copy;
}

static struct node *build_scalar(struct builder *b, const yaml_event_t *event)
{
	const char *value = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	struct node *node;

	if (strlen(value) != len) {
		fail_event(b, event, "there is a NUL character in this text");
		err_next(b->err, "Delete the \\0.");
		return NULL;
	}
	node = new_node(b, NODE_SCALAR, event);
	node->text = arena_strndup(b->arena, value, len);
	node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (event->start_mark.line != event->end_mark.line)
		node->width = 1;
	else if (!len && node->is_plain)
		node->width = 0;
	return node;
}

static struct node *build_node(struct builder *b, const yaml_event_t *event, unsigned depth);

/* A value that is not there is pointed at by its key. */
static void place_at_key(struct node *value, const struct node *key)
{
	if (value->kind != NODE_SCALAR || value->width)
		return;
	value->line = key->line;
	value->column = key->column;
	value->width = key->width;
}

static bool build_children(struct builder *b, struct node *node, unsigned depth)
{
	struct node **end = &node->first, *key = NULL;
	bool is_map = node->kind == NODE_MAP;
	uint32_t n = 0;

	for (;;) {
		yaml_event_t event;
		struct node *child;

		if (!next_event(b, &event))
			return false;
		if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&event);
			node->n = is_map ? n / 2 : n;
			return true;
		}
		child = build_node(b, &event, depth);
		if (child && is_map && n % 2 == 0 && child->kind != NODE_SCALAR) {
			fail_event(b, &event, "a list or mapping cannot be a key");
			err_next(b->err, "Put quotes around a text that begins with { or [.");
			child = NULL;
		}
		yaml_event_delete(&event);
		if (!child)
			return false;
		if (is_map && n % 2)
			place_at_key(child, key);
		else
			key = child;
		*end = child;
		end = &child->next;
		n++;
	}
}

static const char *event_tag(const yaml_event_t *event)
{
	const yaml_char_t *tag = event->type == YAML_SCALAR_EVENT ? event->data.scalar.tag
				 : event->type == YAML_SEQUENCE_START_EVENT
					 ? event->data.sequence_start.tag
					 : event->data.mapping_start.tag;

	return (const char *)tag;
}

static struct node *build_collection(struct builder *b, const yaml_event_t *event, unsigned depth)
{
	bool is_map = event->type == YAML_MAPPING_START_EVENT;
	struct node *node = new_node(b, is_map ? NODE_MAP : NODE_LIST, event);
	struct anchor *anchor = anchor_open(
		b, is_map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor);

	if (depth >= LIMIT_POLICY_DEPTH) {
		fail_event(b, event, "lists and mappings are nested too deep");
		err_next(b->err, "At most %d levels; a policy needs 5.", LIMIT_POLICY_DEPTH);
		b->err->kind = ERR_LIMIT;
		return NULL;
	}
	if (!build_children(b, node, depth + 1))
		return NULL;
	if (anchor)
		anchor->node = node;
	return node;
}

/* depth: of the collections around the node. The event stays the caller's. */
static struct node *build_node(struct builder *b, const yaml_event_t *event, unsigned depth)
{
	struct node *node;

	if (event->type == YAML_ALIAS_EVENT)
		return build_alias(b, event);
	if (event_tag(event)) {
		fail_event(b, event, "a policy has no tags");
		err_next(b->err, "Delete the word that begins with !, or put quotes around it.");
		return NULL;
	}
	if (b->n_nodes >= LIMIT_POLICY_NODES) {
		fail_event(b, event, "the file has too many values");
		b->err->kind = ERR_LIMIT;
		return NULL;
	}
	if (event->type == YAML_SCALAR_EVENT) {
		struct anchor *anchor = anchor_open(b, event->data.scalar.anchor);

		node = build_scalar(b, event);
		if (node && anchor)
			anchor->node = node;
		return node;
	}
	return build_collection(b, event, depth);
}

static bool fail_empty(struct builder *b)
{
	err_input(b->err, "%s: the file is empty", b->source->name);
	err_next(b->err, "A policy without groups and ports is written {}.");
	return false;
}

static bool expect_end(struct builder *b)
{
	for (;;) {
		yaml_event_t event;
		yaml_event_type_t type;

		if (!next_event(b, &event))
			return false;
		type = event.type;
		if (type == YAML_DOCUMENT_START_EVENT) {
			fail_event(b, &event, "a second document begins here");
			err_next(b->err, "A policy is one document: put everything under one "
					 "security_groups, address_groups and ports.");
		}
		yaml_event_delete(&event);
		if (type == YAML_DOCUMENT_START_EVENT)
			return false;
		if (type == YAML_STREAM_END_EVENT)
			return true;
	}
}

static bool build_document(struct builder *b, const struct node **ret_root)
{
	struct node *root = NULL;

	while (!root) {
		yaml_event_t event;
		bool is_end;

		if (!next_event(b, &event))
			return false;
		is_end = event.type == YAML_STREAM_END_EVENT;
		if (event.type == YAML_STREAM_START_EVENT ||
			event.type == YAML_DOCUMENT_START_EVENT || is_end) {
			yaml_event_delete(&event);
			if (is_end)
				return fail_empty(b);
			continue;
		}
		root = build_node(b, &event, 0);
		yaml_event_delete(&event);
		if (!root)
			return false;
	}
	if (!expect_end(b))
		return false;
	if (node_is_null(root))
		return fail_empty(b);
	*ret_root = root;
	return true;
}

bool yaml_parse(struct arena *arena, const struct source *source, const struct node **ret_root,
	struct err *err)
{
	struct builder b CLEANUP(builder_done) = { .arena = arena, .source = source, .err = err };

	if (source->size > LIMIT_POLICY_FILE_SIZE)
		return err_limit(
			err, "%s is larger than %zu bytes", source->name, LIMIT_POLICY_FILE_SIZE);
	b.anchors = map_new(arena);
	if (!yaml_parser_initialize(&b.parser))
		return err_limit(err, "%s: out of memory", source->name);
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)source->text, source->size);
	return build_document(&b, ret_root);
}

bool node_is_null(const struct node *node)
{
	return node->kind == NODE_SCALAR && node->is_plain &&
	       (!node->text[0] || !strcmp(node->text, "~") || !strcasecmp(node->text, "null"));
}
