// SPDX-License-Identifier: GPL-2.0-or-later
/* Objects as tables: a list has a row for each, one alone a row for each of its fields. */
#include "cmd/objects.h"

#include <ctype.h>
#include <string.h>

static void add_value(struct text *out, const json_t *value)
{
	const json_t *item;
	size_t i;

	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_STRING:
		text_add(out, json_string_value(value));
		break;
	case JSON_INTEGER:
		text_addf(out, "%lld", (long long)json_integer_value(value));
		break;
	case JSON_TRUE:
		text_add(out, "yes");
		break;
	case JSON_FALSE:
		text_add(out, "no");
		break;
	case JSON_ARRAY:
		json_array_foreach(value, i, item)
		{
			text_add(out, i ? "\n" : "");
			add_value(out, item);
		}
		break;
	default:
		break;
	}
}

static const char *cell_of(
	struct talk *talk, const struct object_field *field, const json_t *object)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (field->print)
		field->print(talk, object, &out);
	else
		add_value(&out, json_object_get(object, field->key));
	/* A description may be anything: nothing of it may command the terminal. */
	for (char *c = out.data; *c; c++)
		if (iscntrl((unsigned char)*c) && *c != '\n')
			*c = '?';
	return arena_strdup(talk->arena, out.data);
}

void object_table(
	struct talk *talk, const struct object_kind *kind, const json_t *object, struct text *out)
{
	static const char *const titles[] = { "field", "value" };
	struct output_table table = {
		.arena = talk->arena, .titles = titles, .n_columns = N_OF(titles)
	};

	for (size_t i = 0; i < kind->n_fields; i++) {
		const struct object_field *field = &kind->fields[i];
		const char **row = arena_new_array(talk->arena, const char *, N_OF(titles));

		if (!(field->flags & IN_SHOW))
			continue;
		row[0] = field->title;
		row[1] = cell_of(talk, field, object);
		if (*row[1] || !(field->flags & OPTIONAL))
			*vec_push(&table.rows, talk->arena) = row;
	}
	output_table_print(&table, out);
}

/* Which fields of a kind are columns of this list. An optional one is there if a row has something in it. */
static size_t choose_columns(const struct talk *talk, const struct object_kind *kind,
	const char ***cells, size_t n_rows, const struct object_field **ret)
{
	unsigned wanted = talk->inv->object.is_long ? IN_LIST | IN_LONG : IN_LIST;
	size_t n = 0;

	for (size_t i = 0; i < kind->n_fields; i++) {
		bool is_told = !(kind->fields[i].flags & OPTIONAL);

		if (!(kind->fields[i].flags & wanted))
			continue;
		for (size_t r = 0; r < n_rows && !is_told; r++)
			is_told = *cells[r][i] != '\0';
		if (is_told)
			ret[n++] = &kind->fields[i];
	}
	return n;
}

void objects_table(
	struct talk *talk, const struct object_kind *kind, const json_t *list, struct text *out)
{
	size_t n_rows = json_array_size(list), n;
	unsigned wanted = talk->inv->object.is_long ? IN_LIST | IN_LONG : IN_LIST;
	const char ***cells = arena_new_array(talk->arena, const char **, n_rows + 1);
	const struct object_field **columns =
		arena_new_array(talk->arena, const struct object_field *, kind->n_fields);
	const char **titles = arena_new_array(talk->arena, const char *, kind->n_fields);
	struct output_table table = { .arena = talk->arena, .titles = titles };

	for (size_t r = 0; r < n_rows; r++) {
		cells[r] = arena_new_array(talk->arena, const char *, kind->n_fields);
		for (size_t i = 0; i < kind->n_fields; i++)
			if (kind->fields[i].flags & wanted)
				cells[r][i] =
					cell_of(talk, &kind->fields[i], json_array_get(list, r));
	}
	n = choose_columns(talk, kind, cells, n_rows, columns);
	for (size_t c = 0; c < n; c++)
		titles[c] = columns[c]->title;
	table.n_columns = n;
	for (size_t r = 0; r < n_rows; r++) {
		const char **row = arena_new_array(talk->arena, const char *, n);

		for (size_t c = 0; c < n; c++)
			row[c] = cells[r][columns[c] - kind->fields];
		*vec_push(&table.rows, talk->arena) = row;
	}
	output_table_print(&table, out);
}
