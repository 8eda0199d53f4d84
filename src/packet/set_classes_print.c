// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A service matrix for people: tables with the classes as letters and what the letters are, or a drawing. A firewall's class may
 * have hundreds of ranges; what is not said of one is counted.
 */
#include <string.h>

#include "packet/classes.h"
#include "packet/set_bdd.h"

#define WIDTH 100 /* columns of a legend */

static const char marks[] = { [REACH_NO] = '.', [REACH_SOME] = '~', [REACH_YES] = '+' };

const char *reach_name(enum reach reach)
{
	static const char *const names[] = {
		[REACH_NO] = "no", [REACH_SOME] = "some", [REACH_YES] = "yes"
	};

	return names[reach];
}

static struct field_value value_of(const struct addr *addr)
{
	struct field_value value = { 0 };
	size_t size = addr->family == FAMILY_IPV6 ? 16 : 4;

	memcpy(value.bytes + 16 - size, addr->bytes, size);
	return value;
}

void class_range_print(struct text *out, const struct class_range *range)
{
	struct set_item item = { value_of(&range->from), value_of(&range->to) };

	sets_print_item(out, FIELD_SRC, range->from.family, false, &item);
}

static void print_table(struct text *out, const struct service_matrix *matrix, size_t service)
{
	size_t n = matrix->n_classes;
	int width = n ? (int)strlen(matrix->classes[n - 1].name) : 1;

	text_addf(out, "%s\n  %*s", matrix->services[service], width, "");
	for (size_t to = 0; to < n; to++)
		text_addf(out, " %*s", width, matrix->classes[to].name);
	text_add(out, "\n");
	for (size_t from = 0; from < n; from++) {
		text_addf(out, "  %-*s", width, matrix->classes[from].name);
		for (size_t to = 0; to < n; to++)
			text_addf(out, " %*c", width,
				marks[service_matrix_cell(matrix, service, from, to)]);
		text_add(out, "\n");
	}
	text_add(out, "\n");
}

/* Ranges of a class, a line each or as many as fit into one. */
struct listing {
	struct text *out;
	const char *line_end; /* and how the next one begins */
	size_t width, column, n;
};

static void list_add(struct listing *listing, const char *words)
{
	bool is_full = listing->n && listing->column + 2 + strlen(words) > listing->width;

	if (listing->n)
		text_add(listing->out, is_full ? "," : ", ");
	if (is_full) {
		text_add(listing->out, listing->line_end);
		listing->column = strlen(listing->line_end);
	}
	text_add(listing->out, words);
	listing->column += strlen(words) + 2;
	listing->n++;
}

static void list_ranges(
	struct listing *listing, const struct address_class *class, size_t max_ranges)
{
	struct text one CLEANUP(text_done) = TEXT_INIT;
	size_t n = max_ranges && max_ranges < class->n_ranges ? max_ranges : class->n_ranges;

	for (size_t i = 0; i < n; i++) {
		text_clear(&one);
		class_range_print(&one, &class->ranges[i]);
		list_add(listing, one.data);
	}
	if (n == class->n_ranges && !class->is_cut)
		return;
	text_clear(&one);
	text_addf(&one, "and %s%zu more", class->is_cut ? "more than " : "", class->n_ranges - n);
	list_add(listing, one.data);
}

static void print_legend(struct text *out, const struct service_matrix *matrix, size_t max_ranges)
{
	size_t n = matrix->n_classes;
	int width = n ? (int)strlen(matrix->classes[n - 1].name) : 1;
	struct text line_end CLEANUP(text_done) = TEXT_INIT;

	text_addf(&line_end, "\n  %*s  ", width, "");
	for (size_t i = 0; i < n; i++) {
		struct listing listing = { out, line_end.data, WIDTH, line_end.len, 0 };

		text_addf(out, "  %-*s  ", width, matrix->classes[i].name);
		list_ranges(&listing, &matrix->classes[i], max_ranges);
		text_add(out, "\n");
	}
}

void service_matrix_print(struct text *out, const struct service_matrix *matrix, size_t max_ranges)
{
	bool has[N_OF(marks)] = { false };
	const char *comma = "";

	for (size_t i = 0; i < matrix->n_services; i++)
		print_table(out, matrix, i);
	for (size_t i = 0; i < matrix->n_services * matrix->n_classes * matrix->n_classes; i++)
		has[matrix->cells[i]] = true;
	text_add(out, "From the row to the column: ");
	if (has[REACH_YES]) {
		text_add(out, "+ everything asked");
		comma = ", ";
	}
	if (has[REACH_SOME]) {
		text_addf(out, "%s~ something, depending on what is not asked", comma);
		comma = ", ";
	}
	if (has[REACH_NO])
		text_addf(out, "%s. nothing", comma);
	text_add(out, "\n\n");
	print_legend(out, matrix, max_ranges);
}

/* What an arrow says, or nothing: then there is none. */
static bool print_services(
	struct text *out, const struct service_matrix *matrix, size_t from, size_t to)
{
	bool is_any = false;

	for (size_t i = 0; i < matrix->n_services; i++) {
		enum reach reach = service_matrix_cell(matrix, i, from, to);

		if (reach == REACH_NO)
			continue;
		text_addf(out, "%s%s%s", is_any ? "\n" : "", matrix->services[i],
			reach == REACH_SOME ? " (some)" : "");
		is_any = true;
	}
	return is_any;
}

static bool is_some(const struct service_matrix *matrix, size_t from, size_t to)
{
	for (size_t i = 0; i < matrix->n_services; i++)
		if (service_matrix_cell(matrix, i, from, to) == REACH_YES)
			return false;
	return true;
}

static void draw_arrow(struct text *out, const struct service_matrix *matrix, size_t from,
	size_t to, const struct text *words, bool is_both)
{
	if (!words->len)
		return;
	text_addf(out, "\t%s -> %s [style=%s%s", matrix->classes[from].name,
		matrix->classes[to].name, is_some(matrix, from, to) ? "dashed" : "solid",
		is_both ? ", dir=both" : "");
	if (matrix->n_services > 1) { /* else it is said above all */
		text_add(out, ", label=");
		text_add_dot(out, words->data);
	}
	text_add(out, "];\n");
}

/* One arrow with two heads where both ways are alike. */
static void draw_arrows(
	struct text *out, const struct service_matrix *matrix, size_t one, size_t other)
{
	struct text there CLEANUP(text_done) = TEXT_INIT, back CLEANUP(text_done) = TEXT_INIT;
	bool is_both;

	print_services(&there, matrix, one, other);
	if (other != one)
		print_services(&back, matrix, other, one);
	is_both = strcmp(there.data, back.data) == 0;
	draw_arrow(out, matrix, one, other, &there, is_both);
	if (!is_both)
		draw_arrow(out, matrix, other, one, &back, false);
}

void service_matrix_print_dot(
	struct text *out, const struct service_matrix *matrix, size_t max_ranges)
{
	struct text label CLEANUP(text_done) = TEXT_INIT;

	text_add(out, "digraph matrix {\n\trankdir=LR;\n\tfontname=\"sans-serif\";\n"
		      "\tnode [fontname=\"sans-serif\", shape=box];\n"
		      "\tedge [fontname=\"sans-serif\", fontsize=10, color=darkgreen];\n"
		      "\tlabelloc=t;\n\tlabel=");
	for (size_t i = 0; i < matrix->n_services; i++)
		text_addf(&label, "%s%s", i ? ", " : "", matrix->services[i]);
	text_add_dot(out, label.data);
	text_add(out, ";\n");
	for (size_t i = 0; i < matrix->n_classes; i++) {
		const struct address_class *class = &matrix->classes[i];
		struct listing listing = { &label, "\n", 0, 0, 0 };

		text_clear(&label);
		text_addf(&label, "%s\n", class->name);
		list_ranges(&listing, class, max_ranges);
		text_addf(out, "\t%s [label=", class->name);
		text_add_dot(out, label.data);
		text_add(out, "];\n");
	}
	for (size_t from = 0; from < matrix->n_classes; from++)
		for (size_t to = from; to < matrix->n_classes; to++)
			draw_arrows(out, matrix, from, to);
	text_add(out, "}\n");
}
