// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A set in words: a few lines that together are the set, each a list of values for some fields.
 *
 * Cut along the diagram alone, "from 10.0.0.0/8, or to port 80" would become "from 10.0.0.0/8; from others to port 80". So the search has
 * two bounds (Minato's and Morreale's irredundant sums, with whole fields in the place of variables): what must be covered, and
 * what may be. The values of the top field fall into classes, by what is left to ask below them. What
 * holds for all classes is said without the field; each class then needs only what is not covered by that.
 */
#include "packet/set_bdd.h"

#include <inttypes.h>
#include <string.h>

#define MAX_PARTS  ((size_t)10000)
#define MAX_PATHS  ((size_t)65536) /* of one field's values */
#define MAX_ITEMS  ((size_t)100)   /* printed of one list */
#define MANY_ITEMS ((size_t)16)	   /* too many to be read, if masks are fewer */

struct literal {
	unsigned block;
	struct packet_set values;
};

struct part {
	struct literal *literals;
	size_t n;
};

struct class
{
	struct packet_set values, must, may;
};

struct cover {
	struct sets *sets;
	struct arena *arena;
	VEC(struct part) parts;
	VEC(struct literal) stack;
	bool is_cut; /* there are more parts */
};

struct classes {
	VEC(struct class) found;
	uint8_t path[128]; /* of the block's bits: 0, 1, 2 both */
	size_t n_paths;
};

static uint32_t child(const struct sets *sets, uint32_t node, unsigned level, bool bit)
{
	if (sets_level(sets, node) != level)
		return node;
	return bit ? sets->nodes[node].high : sets->nodes[node].low;
}

static struct packet_set path_set(struct sets *sets, unsigned block, const uint8_t *path)
{
	unsigned first = sets_first_level(sets, block);
	uint32_t node = 1;

	for (unsigned i = sets_block_bits(sets, block); i-- > 0;) {
		if (path[i] == 2)
			continue;
		node = path[i] ? sets_node(sets, first + i, 0, node)
			       : sets_node(sets, first + i, node, 0);
	}
	return (struct packet_set){ node };
}

static void split(struct cover *c, struct classes *classes, unsigned block, struct packet_set must,
	struct packet_set may)
{
	unsigned first = sets_first_level(c->sets, block);
	unsigned a = sets_level(c->sets, must.node), b = sets_level(c->sets, may.node);
	unsigned level = a < b ? a : b;
	struct class *class = NULL;

	if (level < first + sets_block_bits(c->sets, block)) {
		for (uint8_t bit = 0; bit < 2 && !c->is_cut; bit++) {
			classes->path[level - first] = bit;
			split(c, classes, block,
				(struct packet_set){ child(c->sets, must.node, level, bit) },
				(struct packet_set){ child(c->sets, may.node, level, bit) });
		}
		classes->path[level - first] = 2;
		return;
	}
	if (++classes->n_paths > MAX_PATHS)
		c->is_cut = true;
	vec_for_each (known, &classes->found) {
		if (set_equal(known->must, must) && set_equal(known->may, may))
			class = known;
	}
	if (!class) {
		class = vec_push(&classes->found, c->arena);
		class->must = must;
		class->may = may;
	}
	class->values = set_or(c->sets, class->values, path_set(c->sets, block, classes->path));
}

/* Whatever the field's value is. Of the family also: whatever the addresses are, whose bits mean something else then. */
static struct packet_set in_all(struct cover *c, const struct classes *classes, unsigned block)
{
	uint64_t addresses = 0;
	struct packet_set all = SET_FULL;

	for (size_t i = 0; i < classes->found.n; i++)
		all = set_and(c->sets, all, classes->found.items[i].may);
	if (block != BLOCK_FAMILY || set_is_empty(all))
		return all;
	for (unsigned field = 0; field < N_FIELDS; field++)
		if (sets_is_address(field))
			addresses |= FIELD_BIT(field);
	all = set_forget(c->sets, set_not(c->sets, all), addresses);
	return set_not(c->sets, all);
}

static void add_part(struct cover *c)
{
	struct part *part;

	if (c->parts.n == MAX_PARTS) {
		c->is_cut = true;
		return;
	}
	part = vec_push(&c->parts, c->arena);
	part->n = c->stack.n;
	part->literals = arena_new_array(c->arena, struct literal, part->n);
	if (part->n)
		memcpy(part->literals, c->stack.items, part->n * sizeof(*part->literals));
}

static struct packet_set cover(struct cover *c, struct packet_set must, struct packet_set may);

static struct packet_set cover_classes(
	struct cover *c, const struct classes *classes, unsigned block)
{
	struct sets *sets = c->sets;
	struct packet_set covered = SET_EMPTY, rest = SET_EMPTY, common = in_all(c, classes, block);

	vec_for_each (class, &classes->found) {
		struct packet_set need = set_minus(sets, class->must, common), got = SET_EMPTY;

		if (!set_is_empty(need)) {
			*vec_push(&c->stack, c->arena) = (struct literal){ block, class->values };
			got = cover(c, need, class->may);
			c->stack.n--;
			covered = set_or(sets, covered, set_and(sets, class->values, got));
		}
		rest = set_or(sets, rest, set_minus(sets, class->must, got));
	}
	return set_or(sets, covered, cover(c, rest, common));
}

/* Adds parts that are together at least must and at most may; returns what they are. */
static struct packet_set cover(struct cover *c, struct packet_set must, struct packet_set may)
{
	struct classes classes = { .n_paths = 0 };
	unsigned block, a, b;

	if (set_is_empty(must) || c->is_cut || c->sets->has_failed)
		return SET_EMPTY;
	if (set_is_full(may)) {
		add_part(c);
		return SET_FULL;
	}
	a = sets_level(c->sets, must.node);
	b = sets_level(c->sets, may.node);
	block = sets_block_of(c->sets, a < b ? a : b);
	memset(classes.path, 2, sizeof(classes.path));
	split(c, &classes, block, must, may);
	return cover_classes(c, &classes, block);
}

/* Even a set that does not ask the family is one class each: its addresses are not the same ones in words. */
static void cover_families(struct cover *c, struct packet_set a)
{
	struct classes classes = { .n_paths = 0 };

	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct packet_set part = { child(c->sets, a.node, c->sets->family_level, v6) };

		*vec_push(&classes.found, c->arena) =
			(struct class){ set_of_family(c->sets, v6 ? FAMILY_IPV6 : FAMILY_IPV4),
				part, part };
	}
	cover_classes(c, &classes, BLOCK_FAMILY);
}

static void set_bit(struct field_value *value, unsigned place, bool bit)
{
	uint8_t one = (uint8_t)(1 << place % 8);

	if (bit)
		value->bytes[15 - place / 8] |= one;
	else
		value->bytes[15 - place / 8] &= (uint8_t)~one;
}

/* Bits from i on, of n; item has those before. For ranges every open bit is gone through, but for the last ones. */
static void list_values(struct sets *sets, struct arena *arena, struct set_items *items,
	uint32_t node, unsigned first, unsigned i, unsigned n, struct set_item item)
{
	struct set_item *last = items->list.n ? &items->list.items[items->list.n - 1] : NULL;

	if (!node || items->is_cut)
		return;
	if (i < n && (items->is_masks ? sets_level(sets, node) > first + i : node == 1)) {
		/* open: 0 to 1; or a mask without it */
		set_bit(&item.from, n - 1 - i, false);
		set_bit(&item.to, n - 1 - i, !items->is_masks);
		list_values(sets, arena, items, node, first, i + 1, n, item);
		return;
	}
	if (i == n) {
		if (last && !items->is_masks && field_value_is_next(&last->to, &item.from))
			last->to = item.to;
		else if (items->list.n == MAX_PATHS)
			items->is_cut = true;
		else
			*vec_push(&items->list, arena) = item;
		return;
	}
	for (uint8_t bit = 0; bit < 2; bit++) {
		set_bit(&item.from, n - 1 - i, bit);
		set_bit(&item.to, n - 1 - i, bit || items->is_masks);
		list_values(sets, arena, items, child(sets, node, first + i, bit), first, i + 1, n,
			item);
	}
}

struct set_items sets_list(struct sets *sets, struct arena *arena, struct packet_set values,
	unsigned first, unsigned n, bool is_masks)
{
	struct set_items items = { .is_masks = is_masks };

	list_values(sets, arena, &items, values.node, first, 0, n, (struct set_item){ 0 });
	return items;
}

static bool is_shorter(const struct set_items *a, const struct set_items *b)
{
	return a->is_cut == b->is_cut ? a->list.n < b->list.n : b->is_cut;
}

/* Commas are between the values of a list. */
static void print_value(
	struct text *out, enum field field, enum family family, const struct field_value *value)
{
	struct text one CLEANUP(text_done) = TEXT_INIT;

	field_value_print(&one, field, family, value);
	for (size_t i = 0; i < one.len; i++)
		if (one.data[i] == ',')
			one.data[i] = '+';
	text_add(out, one.data);
}

/* Bits that are open if it is all addresses of a prefix, or UINT_MAX. */
static unsigned open_bits(const struct set_item *item)
{
	unsigned n = 0, i;

	while (n < 128 && (item->from.bytes[15 - n / 8] >> n % 8 & 1) == 0 &&
		(item->to.bytes[15 - n / 8] >> n % 8 & 1) == 1)
		n++;
	for (i = n; i < 128; i++)
		if ((item->from.bytes[15 - i / 8] ^ item->to.bytes[15 - i / 8]) >> i % 8 & 1)
			return UINT32_MAX;
	return n;
}

void sets_print_item(struct text *out, enum field field, enum family family, bool is_masks,
	const struct set_item *item)
{
	bool is_address =
		sets_is_address(field) || field == FIELD_ARP_SPA || field == FIELD_ARP_TPA;
	bool is_number = !is_address && field_width(field, family) < 48 && field != FIELD_TCP_FLAGS;
	unsigned open = open_bits(item), width = field_width(field, family);

	if (is_masks && is_number) {
		text_addf(out, "0x%" PRIx64 "/0x%" PRIx64, field_value_number(&item->from),
			field_value_number(&item->to));
	} else if (memcmp(&item->from, &item->to, sizeof(item->from)) == 0 && !is_masks) {
		print_value(out, field, family, &item->from);
	} else if (is_address && !is_masks && open <= width) {
		print_value(out, field, family, &item->from);
		text_addf(out, "/%u", width - open);
	} else if (is_number) {
		text_addf(out, "%" PRIu64 "-%" PRIu64, field_value_number(&item->from),
			field_value_number(&item->to));
	} else {
		print_value(out, field, family, &item->from);
		text_add(out, is_masks ? "/" : "-");
		print_value(out, field, family, &item->to);
	}
}

/* Of other fields a mask is the last resort: nobody reads 10.0.0.1/255.255.254.255. */
static bool is_read_by_bits(enum field field)
{
	return field == FIELD_MARK || field == FIELD_CT_MARK || field == FIELD_CT_STATUS ||
	       field == FIELD_TOS || field == FIELD_TCP_FLAGS || field == FIELD_ETH_SRC ||
	       field == FIELD_ETH_DST;
}

static void print_numbers(struct sets *sets, struct arena *arena, struct text *out,
	enum field field, enum family family, struct packet_set values)
{
	unsigned first = sets->fields[field].first, n = sets_bits(sets, field, family);
	struct packet_set others = set_not(sets, values);
	struct set_items best = sets_list(sets, arena, values, first, n, false);
	bool is_not = false;

	for (unsigned i = 1; i < 4; i++) {
		struct set_items next =
			sets_list(sets, arena, i & 1 ? others : values, first, n, i >= 2);

		if (i >= 2 && !is_read_by_bits(field) && !best.is_cut && best.list.n <= MANY_ITEMS)
			break;
		if (next.list.n && is_shorter(&next, &best)) {
			best = next;
			is_not = i & 1;
		}
	}
	text_addf(out, "%s %s", field_key(field), is_not ? "not " : "");
	for (size_t i = 0; i < best.list.n && i < MAX_ITEMS; i++) {
		text_add(out, i ? "," : "");
		sets_print_item(out, field, family, best.is_masks, &best.list.items[i]);
	}
	if (best.list.n > MAX_ITEMS)
		text_addf(out, ",and %s%zu more", best.is_cut ? "more than " : "",
			best.list.n - MAX_ITEMS);
}

static bool has_code(
	const struct sets *sets, enum field field, struct packet_set values, size_t code)
{
	const struct set_field *f = &sets->fields[field];
	uint32_t node = values.node;

	for (unsigned i = 0; i < f->n_bits; i++)
		node = child(sets, node, f->first + i, code >> (f->n_bits - 1 - i) & 1);
	return node == 1;
}

/* Does the set have every name that begins as this prefix? */
static bool is_whole_prefix(
	const struct sets *sets, enum field field, struct packet_set values, const char *prefix)
{
	const struct set_field *f = &sets->fields[field];

	for (size_t i = 0; i < f->values.n; i++)
		if (text_has_prefix(f->values.items[i].name, prefix) &&
			!has_code(sets, field, values, i))
			return false;
	return true;
}

/* "eth+" says it already. */
static bool is_said(
	const struct sets *sets, enum field field, struct packet_set values, size_t code)
{
	const struct set_field *f = &sets->fields[field];

	for (size_t i = 0; i < f->values.n && code < f->values.n; i++)
		if (i != code && f->values.items[i].is_prefix &&
			text_has_prefix(f->values.items[code].name, f->values.items[i].name) &&
			is_whole_prefix(sets, field, values, f->values.items[i].name))
			return true;
	return false;
}

static void print_code(const struct sets *sets, struct text *out, enum field field,
	struct packet_set values, size_t code)
{
	const struct set_field *f = &sets->fields[field];
	const char *name;

	if (code >= f->values.n) {
		text_add(out, "other");
		return;
	}
	if (!sets_is_names(field)) {
		print_value(out, field, FAMILY_IPV4, &f->values.items[code].value);
		return;
	}
	name = f->values.items[code].name;
	if (f->values.items[code].is_prefix)
		text_addf(out, "%s%s+", is_whole_prefix(sets, field, values, name) ? "" : "other ",
			name);
	else if (!*name)
		text_add(out, "none");
	else if (strcmp(name, "none") == 0 || strcmp(name, "other") == 0 ||
		 strcmp(name, "not") == 0)
		text_addf(out, "\"%s\"", name);
	else
		text_add(out, name);
}

static size_t print_codes(
	const struct sets *sets, struct text *out, enum field field, struct packet_set values)
{
	size_t n = 0;

	for (size_t code = 0; code < sets_n_codes(sets, field); code++) {
		if (!has_code(sets, field, values, code) ||
			(sets_is_names(field) && is_said(sets, field, values, code)))
			continue;
		if (n++ < MAX_ITEMS) {
			text_add(out, n > 1 ? "," : "");
			print_code(sets, out, field, values, code);
		}
	}
	if (n > MAX_ITEMS)
		text_addf(out, ",and %zu more", n - MAX_ITEMS);
	return n;
}

static void print_enumerated(
	struct sets *sets, struct text *out, enum field field, struct packet_set values)
{
	struct text yes CLEANUP(text_done) = TEXT_INIT, no CLEANUP(text_done) = TEXT_INIT;
	size_t n_yes = print_codes(sets, &yes, field, values);
	size_t n_no = print_codes(sets, &no, field, set_not(sets, values));
	bool is_not = n_no < n_yes;

	text_addf(out, "%s %s%s", field_key(field), is_not ? "not " : "",
		is_not ? no.data : yes.data);
}

static void print_part(
	struct sets *sets, struct arena *arena, struct text *out, const struct part *part)
{
	enum family family = FAMILY_IPV4;

	for (size_t i = 0; i < part->n; i++) {
		unsigned block = part->literals[i].block;
		struct packet_set values = part->literals[i].values;

		text_add(out, i ? " " : "");
		if (block == BLOCK_FAMILY) {
			if (sets->nodes[values.node].low == 0)
				family = FAMILY_IPV6;
			text_add(out, family_name(family));
		} else if (block >= BLOCK_FIRST_EXTRA) {
			text_addf(out, "%s[%s]", sets->nodes[values.node].low ? "not " : "",
				sets->extras.items[block - BLOCK_FIRST_EXTRA]);
		} else if (sets->fields[block].is_enumerated) {
			print_enumerated(sets, out, block, values);
		} else {
			print_numbers(sets, arena, out, block, family, values);
		}
	}
	text_add(out, part->n ? "\n" : "everything\n");
}

void set_print(struct sets *sets, struct packet_set a, size_t max_parts, struct text *out)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct cover c = { .sets = sets, .arena = arena };
	size_t n;

	if (!sets->has_failed)
		cover_families(&c, a);
	if (sets->has_failed)
		return;
	n = c.parts.n < max_parts ? c.parts.n : max_parts;
	for (size_t i = 0; i < n; i++)
		print_part(sets, arena, out, &c.parts.items[i]);
	if (!c.parts.n && !c.is_cut)
		text_add(out, "nothing\n");
	if (c.is_cut)
		text_addf(out, "and more than %zu more\n", c.parts.n - n);
	else if (c.parts.n > n)
		text_addf(out, "and %zu more\n", c.parts.n - n);
}
