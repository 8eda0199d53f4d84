// SPDX-License-Identifier: GPL-2.0-or-later
/* What stands in place of one value: "10.0.0.0/8,192.168.0.1", "22,80-90", "any". */
#include "packet/expr_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

/* One list while it is read. */
struct list {
	struct parse *parse;
	const struct expr_kind *kind;
	struct expr_part part;
	enum family family; /* of its addresses */
	VEC(struct packet_range) ranges;
};

struct expr_part expr_part(const char *at, size_t len)
{
	bool is_negated = len && *at == '!';

	return (struct expr_part){ at + is_negated, len - is_negated, is_negated };
}

/* The error points at this part of the word, and quotes it. */
static void point_at(struct parse *parse, const char *at, size_t len)
{
	parse->start = at;
	parse->word = arena_strndup(parse->arena, at, len);
}

static void point_at_list(const struct list *list)
{
	/* "!" is not beside it where a bracket is between them */
	bool has_not = list->part.is_negated && list->part.at[-1] == '!';

	point_at(list->parse, list->part.at - has_not, list->part.len + has_not);
}

static bool is_any(struct expr_part part)
{
	return part.len == 3 && memcmp(part.at, "any", 3) == 0;
}

/* --- one item --- */

/* What would be right in place of an item, in ret where it is not a constant. */
static const char *hint_item(const struct list *list, const char *item, char *ret, size_t size)
{
	const char *slash = strchr(item, '/');
	bool is_list = memchr(list->part.at, ',', list->part.len) != NULL;
	struct prefix prefix;

	if (!*item)
		return "a list has something on both sides of a comma, and no spaces";
	if (*item == '!')
		return "\"!\" stands once, in front of the whole list";
	if (!strcmp(item, "any"))
		return "any stands alone";
	if (!list->kind->max && is_list && strchr(item, '.') && strchr(item, ':'))
		return "a port stands once, behind the whole list";
	if (!list->kind->max && slash &&
		prefix_parse(
			arena_strndup(list->parse->arena, item, (size_t)(slash - item)), &prefix)) {
		snprintf(ret, size, "the length behind the slash is 0 to %u, in decimal",
			prefix.len);
		return ret;
	}
	if (list->kind->right)
		return list->kind->right;
	snprintf(ret, size, "0 to %u is right", list->kind->max);
	return ret;
}

static bool fail_item(const struct list *list, const char *at, size_t len)
{
	char hint[64];

	point_at(list->parse, at, len);
	return expr_fail_word(list->parse, list->kind->what,
		hint_item(list, list->parse->word, hint, sizeof(hint)));
}

static bool read_number(const struct expr_kind *kind, const char *text, struct field_value *ret)
{
	char *end;
	unsigned long number;
	uint32_t decimal;

	if (kind->is_decimal) {
		if (!text_to_u32(text, 0, kind->max, &decimal))
			return false;
		*ret = field_value_of_number(decimal);
		return true;
	}
	if (text[0] < '0' || text[0] > '9')
		return false;
	number = strtoul(text, &end, 0);
	*ret = field_value_of_number(number);
	return !*end && number <= kind->max;
}

static bool read_value(const struct expr_kind *kind, const char *text, struct field_value *ret,
	enum family *ret_family)
{
	struct addr addr;

	if (kind->max)
		return read_number(kind, text, ret);
	if (!addr_parse(text, &addr))
		return false;
	*ret = field_value_of_addr(&addr);
	*ret_family = addr.family;
	return true;
}

/* As everywhere in portwall: host bits are no error. */
static bool read_prefix(const char *text, struct packet_range *ret, enum family *ret_family)
{
	struct prefix prefix;
	unsigned open;

	if (!prefix_parse(text, &prefix))
		return false;
	*ret_family = prefix.addr.family;
	ret->min = ret->max = field_value_of_addr(&prefix.addr);
	open = prefix_max_len(prefix.addr.family) - prefix.len;
	for (unsigned i = 0; i < open; i++)
		ret->max.bytes[15 - i / 8] |= (uint8_t)(1 << i % 8);
	return true;
}

/* "A", "A-B", "A/LEN" */
static bool read_item(struct list *list, const char *at, size_t len)
{
	struct parse *parse = list->parse;
	char *item = arena_strndup(parse->arena, at, len), *dash = strchr(item, '-');
	struct packet_range range;
	enum family family = FAMILY_IPV4, last = FAMILY_IPV4;
	bool is_right;

	if (!list->kind->max && strchr(item, '/')) {
		is_right = read_prefix(item, &range, &family);
		last = family;
	} else {
		if (dash)
			*dash = '\0';
		is_right = read_value(list->kind, item, &range.min, &family) &&
			   read_value(list->kind, dash ? dash + 1 : item, &range.max, &last);
	}
	if (!is_right)
		return fail_item(list, at, len);
	if (last != family || (list->ranges.n && family != list->family)) {
		point_at(parse, at, len);
		return expr_fail(parse, "these addresses are of different families",
			"all must be IPv4, or all IPv6");
	}
	if (memcmp(&range.min, &range.max, sizeof(range.min)) > 0) {
		point_at(parse, at, len);
		return expr_fail_word(parse, "range", "the smaller one comes first");
	}
	list->family = family;
	*vec_push(&list->ranges, parse->arena) = range;
	return true;
}

/* --- the list --- */

static bool read_items(struct list *list)
{
	const char *end = list->part.at + list->part.len;

	for (const char *at = list->part.at, *comma;; at = comma + 1) {
		comma = memchr(at, ',', (size_t)(end - at));
		if (list->ranges.n == LIMIT_EXPR_LIST)
			return err_limit(
				list->parse->err, "a list has more than %d parts", LIMIT_EXPR_LIST);
		if (!read_item(list, at, (size_t)((comma ? comma : end) - at)))
			return false;
		if (!comma)
			return true;
	}
}

static int compare_ranges(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct packet_range)); /* big-endian: min, then max */
}

/* Sorts, and makes one of those that overlap or touch. */
static void join_ranges(struct list *list)
{
	struct packet_range *ranges = list->ranges.items, *last = ranges;

	qsort(ranges, list->ranges.n, sizeof(*ranges), compare_ranges);
	for (size_t i = 1; i < list->ranges.n; i++) {
		if (memcmp(&ranges[i].min, &last->max, sizeof(last->max)) > 0 &&
			!field_value_is_next(&last->max, &ranges[i].min))
			*++last = ranges[i];
		else if (memcmp(&ranges[i].max, &last->max, sizeof(last->max)) > 0)
			last->max = ranges[i].max;
	}
	list->ranges.n = (size_t)(last - ranges) + 1;
}

static bool has_all_values(const struct list *list)
{
	static const struct field_value zero;
	const struct packet_range *range = list->ranges.items;
	struct packet_range all = { .max = field_value_of_number(list->kind->max) };

	if (!list->kind->max)
		read_prefix(list->family == FAMILY_IPV6 ? "::/0" : "0.0.0.0/0", &all,
			&(enum family){ FAMILY_IPV4 });
	return list->ranges.n == 1 && memcmp(&range->min, &zero, sizeof(zero)) == 0 &&
	       memcmp(&range->max, &all.max, sizeof(all.max)) == 0;
}

static bool fail_none(const struct list *list)
{
	point_at_list(list);
	return expr_fail(list->parse, "this is no packet at all",
		"leave the \"!\" away, or say which values are not meant");
}

static bool refuse_choice(const struct list *list)
{
	struct parse *parse = list->parse;
	const char *what = list->kind->what;
	char message[160], next[96];

	point_at_list(list);
	snprintf(message, sizeof(message), "\"%.60s\" is more than one %s", parse->word, what);
	if (!parse->is_one)
		snprintf(next, sizeof(next), "%s one %s is right, or any",
			parse->packet.arp_op ? "with ARP" : "here", what);
	else if (!list->kind->max && strchr(parse->word, '/'))
		snprintf(next, sizeof(next),
			"a packet has one address: leave the /LENGTH away, or say any");
	else
		snprintf(next, sizeof(next), "a packet has one %s: say one, or any", what);
	return expr_fail(parse, message, next);
}

/* --- the field --- */

static void drop_choice(struct parse *parse, enum field field)
{
	struct packet_choices *choices = &parse->choices;

	for (size_t i = 0; i < choices->n; i++)
		if (choices->items[i].field == field)
			choices->items[i--] = choices->items[--choices->n];
}

void expr_set_known(struct parse *parse, enum field field)
{
	drop_choice(parse, field);
	parse->packet.unknown &= ~FIELD_BIT(field);
}

static bool add_choice(const struct list *list, enum field field)
{
	struct parse *parse = list->parse;

	if (parse->is_one || parse->packet.arp_op || !list->kind->has_choices)
		return refuse_choice(list);
	parse->packet.unknown |= FIELD_BIT(field);
	*vec_push(&parse->choices, parse->arena) = (struct packet_choice){ field,
		list->part.is_negated, list->ranges.items, list->ranges.n };
	return true;
}

bool expr_values(struct parse *parse, struct expr_part part, const struct expr_kind *kind,
	enum field field, struct field_value *ret, enum family *ret_family)
{
	struct list list = { .parse = parse, .kind = kind, .part = part };
	const struct packet_range *first;
	bool is_all = is_any(part);

	drop_choice(parse, field);
	*ret = (struct field_value){ 0 };
	if (!is_all) {
		if (!read_items(&list))
			return false;
		join_ranges(&list);
		is_all = has_all_values(&list);
		if (ret_family)
			*ret_family = list.family;
	}
	if (is_all) {
		parse->packet.unknown |= FIELD_BIT(field);
		return !part.is_negated || fail_none(&list);
	}
	first = list.ranges.items;
	if (part.is_negated || list.ranges.n > 1 ||
		memcmp(&first->min, &first->max, sizeof(*ret)) != 0)
		return add_choice(&list, field);
	*ret = first->min;
	parse->packet.unknown &= ~FIELD_BIT(field);
	return true;
}
