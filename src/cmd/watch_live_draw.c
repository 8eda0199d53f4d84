// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * On top the points of the way, as columns, with their counters: where packets come, where they come no further. Below, the newest packets,
 * a line each. Everything is drawn anew from what is kept, at most once a turn, and only what ASCII has: a name in a rule or a device's alias
 * may hold anything, and nothing of it may command the terminal.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/watch_live_internal.h"

#define POINT_MIN  10 /* columns of a point */
#define POINT_MAX  40
#define LABEL_COLS 5 /* "  in " */

/* --- text on the screen --- */

static attr_t attribute(enum colour colour)
{
	switch (colour) {
	case COLOUR_BOLD:
		return A_BOLD;
	case COLOUR_DIM:
		return A_DIM;
	case COLOUR_NONE:
		return A_NORMAL;
	default:
		return (attr_t)COLOR_PAIR((int)colour);
	}
}

void live_start_colours(void)
{
	start_color();
	use_default_colors();
	init_pair(COLOUR_RED, COLOR_RED, -1);
	init_pair(COLOUR_GREEN, COLOR_GREEN, -1);
	init_pair(COLOUR_YELLOW, COLOR_YELLOW, -1);
}

/* At most so many columns, of which the rest is left as it is. */
static void put(int y, int x, int columns, attr_t attributes, const char *text)
{
	int most = COLS - x < columns ? COLS - x : columns;

	if (y < 0 || y >= LINES || x < 0)
		return;
	attrset(attributes);
	for (int i = 0; i < most && text[i]; i++)
		mvaddch(y, x + i, isprint((unsigned char)text[i]) ? (chtype)text[i] : '?');
	attrset(A_NORMAL);
}

static void put_bar(int y, const char *text)
{
	attrset(A_REVERSE);
	mvhline(y, 0, ' ', COLS);
	put(y, 0, COLS, A_REVERSE, text);
}

/* --- points --- */

static uint64_t counted(const struct counter *counter, int direction)
{
	uint64_t now = counter->now[direction], base = counter->base[direction];

	return now > base ? now - base : 0;
}

static void draw_count(const struct counter *counter, int direction, int y, int x, int columns)
{
	uint64_t count = counted(counter, direction);
	char number[32];

	snprintf(number, sizeof(number), "%llu", (unsigned long long)count);
	put(y, x, columns,
		counter->now[direction] > counter->before[direction]
			? attribute(COLOUR_GREEN) | A_BOLD
		: count ? A_NORMAL
			: A_DIM,
		number);
}

static const char *netns_words(const struct watch_session *session, const struct watch_point *point)
{
	return *point->ns->name ? point->ns->name : point->ns == session->ns ? "here" : "no name";
}

static int point_columns(const struct watch_session *session, const struct watch_point *point)
{
	size_t device = strlen(point->link->name), ns = strlen(netns_words(session, point));
	int most = (int)(device > ns ? device : ns) + 2;

	return most < POINT_MIN ? POINT_MIN : most > POINT_MAX ? POINT_MAX : most;
}

/* Where nothing came stands dim, so that the way that packets take is what is seen. */
static void draw_point(struct watch_live *live, const struct watch_session *session,
	const struct watch_point *point, int y, int x, int columns)
{
	const struct counter *counter =
		live_find_counter(live, point->ns->inode, point->link->index);
	const struct ended *ended = live_find_ended(live, point->ns->inode, point->link->index);
	bool is_lit = counter && (counted(counter, 0) || counted(counter, 1));
	char letter[2] = { point->letter, '\0' }; /* "": none of the picture */
	char number[32];

	put(y, x, 1, A_BOLD, letter);
	put(y + 1, x, columns - 1, is_lit ? A_BOLD : A_DIM, point->link->name);
	put(y + 2, x, columns - 1, A_DIM, netns_words(session, point));
	for (int d = 0; d < 2; d++) {
		if (counter)
			draw_count(counter, d, y + 3 + d, x, columns - 1);
		else
			put(y + 3 + d, x, columns - 1, A_DIM, "-");
	}
	if (!ended)
		return;
	snprintf(number, sizeof(number), "%llu", (unsigned long long)ended->n);
	put(y + 5, x, columns - 1, attribute(COLOUR_RED) | A_BOLD, number);
}

static bool is_peer(const struct watch_session *session, const struct watch_point *point)
{
	return session->in->peer_index && session->in->peer_netns >= 0 &&
	       &session->host->netns[session->in->peer_netns] == point->ns &&
	       session->in->peer_index == point->link->index;
}

/* As a picture has them, from left to right: the guest's own end, its port, and what lies behind that. */
static size_t order_points(
	const struct watch_session *session, const struct watch_point *ret[LIMIT_WATCH_POINTS])
{
	size_t n = 0;

	for (int round = 0; round < 2; round++)
		vec_for_each (point, &session->points)
			if (is_peer(session, point) == !round && n < LIMIT_WATCH_POINTS)
				ret[n++] = point;
	return n;
}

/* Returns the first row below. */
static int draw_points(struct watch_live *live, const struct watch_session *session, int y)
{
	const struct watch_point *points[LIMIT_WATCH_POINTS];
	size_t n = order_points(session, points), i;
	int x = LABEL_COLS;

	if (n && live->first_point >= n)
		live->first_point = n - 1;
	put(y + 3, 0, LABEL_COLS, A_NORMAL, "  in");
	put(y + 4, 0, LABEL_COLS, A_NORMAL, " out");
	put(y + 5, 0, LABEL_COLS, A_NORMAL, "lost");
	for (i = live->first_point; i < n; i++) {
		int columns = point_columns(session, points[i]);

		if (x + columns > COLS - 1 && i > live->first_point)
			break;
		draw_point(live, session, points[i], y, x, columns);
		x += columns;
	}
	if (live->first_point)
		put(y + 1, 0, 3, A_BOLD, "<--");
	if (i < n)
		put(y, COLS - 3, 3, A_BOLD, "-->");
	return y + 6;
}

/* --- lists --- */

static void draw_packet_line(const struct kept *kept, int y, int packet_cols, bool is_selected)
{
	attr_t more = is_selected ? A_REVERSE : 0;

	if (is_selected) {
		attrset(A_REVERSE);
		mvhline(y, 0, ' ', COLS);
	}
	put(y, 0, 12, more, kept->line[0].data); /* up to milliseconds */
	put(y, 13, 1, more | attribute(COLOUR_YELLOW) | A_BOLD, kept->is_different ? "!" : " ");
	put(y, 15, packet_cols, more, kept->line[1].data);
	put(y, 16 + packet_cols, COLS, more | attribute(kept->colour), kept->line[2].data);
}

/* As many as the longest of those needs, but not more than half of the room. */
static int packet_columns(const struct watch_live *live, size_t n)
{
	size_t most = 0;

	for (size_t i = live->top; i < live->n_shown && i < live->top + n; i++) {
		size_t len = live->kept[live->shown[i] % KEPT].line[1].len;

		most = len > most ? len : most;
	}
	return COLS <= 16 ? 0 : most < (size_t)(COLS - 16) / 2 ? (int)most : (COLS - 16) / 2;
}

static void draw_list(struct watch_live *live, int y, int rows)
{
	size_t place, most = rows > 0 ? (size_t)rows : 0;

	live_list_shown(live);
	place = live_selected_place(live);
	if (place < live->top)
		live->top = place;
	if (place >= live->top + most)
		live->top = most ? place - most + 1 : place;
	/* a longer window shows more, not emptiness */
	if (live->n_shown - live->top < most)
		live->top = live->n_shown > most ? live->n_shown - most : 0;
	for (size_t i = live->top; i < live->n_shown && i < live->top + most; i++)
		draw_packet_line(&live->kept[live->shown[i] % KEPT], y + (int)(i - live->top),
			packet_columns(live, most), i == place);
	if (!live->n_shown)
		put(y, 2, COLS, A_DIM,
			*live->filter  ? "no packet has this text; Esc shows all"
			: live->n_seen ? "no packet since"
				       : "no packet yet");
}

/* A block that output_add has coloured; its codes are the only ones in it that count. */
static attr_t read_code(const char **at, attr_t attributes)
{
	long code = strtol(*at + 2, NULL, 10);
	const char *end = strchr(*at, 'm');

	*at = end ? end + 1 : *at + 2;
	switch (code) {
	case 1:
		return A_BOLD;
	case 2:
		return A_DIM;
	case 31:
		return attribute(COLOUR_RED);
	case 32:
		return attribute(COLOUR_GREEN);
	case 33:
		return attribute(COLOUR_YELLOW);
	case 0:
		return A_NORMAL;
	default:
		return attributes;
	}
}

static void draw_block(struct watch_live *live, const char *block, int y, int rows)
{
	attr_t attributes = A_NORMAL;
	int line = 0, column = 0;

	for (const char *at = block; *at;) {
		char letter[2] = { *at, '\0' };

		if (at[0] == '\033' && at[1] == '[') {
			attributes = read_code(&at, attributes);
			continue;
		}
		at++;
		if (*letter == '\n') {
			line++;
			column = 0;
			continue;
		}
		if (line >= live->row && line < live->row + rows && column >= live->column)
			put(y + line - live->row, column - live->column, 1, attributes, letter);
		column++;
	}
}

/* --- the whole --- */

const char live_help[] =
	"A column is a point that packets pass: its letter in the OpenStack picture (A the guest's own\n"
	"interface, B tap, C qbr, D qvb and qvo, E br-int, F another bridge of Open vSwitch, G a NIC), its\n"
	"device, its network namespace. Below it the packets of the filter that came in by it and left by it,\n"
	"counted by the kernel: all of them, also where few are followed. Green: more than half a second ago;\n"
	"dim: nothing came here. Lost: packets, of those that were followed, that got no further than here.\n"
	"\n"
	"A line is a packet: when it was seen first, what became of it, and where. \"!\": this is not what\n"
	"portwall explain says.\n"
	"\n"
	"  up, down, page up, page down   choose a packet; Home the oldest one, End follows the newest\n"
	"  Enter                          all that is known of it: its way, the rules, what helps\n"
	"  left, right                    more points; in a packet: the rest of long lines\n"
	"  /                              show only lines with a text; Esc shows all again\n"
	"  space                          stand still, or go on; it is watched on meanwhile\n"
	"  c                              forget the packets, and count from 0 on\n"
	"  q                              end; Esc goes back from a packet, or from this\n";

static void draw_title(const struct watch_live *live)
{
	struct text title CLEANUP(text_done) = TEXT_INIT;

	text_add(&title, " portwall watch ");
	for (size_t i = 0; i < live->inv->n_args; i++)
		text_addf(&title, "%s ", live->inv->args[i]);
	text_addf(&title, "--in %s   %llu packet%s", live->inv->in,
		(unsigned long long)live->n_seen, live->n_seen == 1 ? "" : "s");
	if (live->last_shown)
		text_addf(&title, "   STANDS STILL (%llu more)",
			(unsigned long long)(live->n_seen - live->last_shown));
	if (*live->filter)
		text_addf(&title, "   with \"%s\"", live->filter);
	put_bar(0, title.data);
}

static void draw_status(const struct watch_live *live, struct watch_session *session)
{
	struct text status CLEANUP(text_done) = TEXT_INIT;
	struct capture_losses losses = capture_losses(session->capture);
	size_t n;
	const char *const *missing = capture_missing(session->capture, &n);

	if (live->mode == MODE_TYPING) {
		text_addf(&status, "/%s_", live->typed);
		put_bar(LINES - 1, status.data);
		return;
	}
	text_add(&status, live->mode == MODE_LIST ? " ?: help  q: end" : " Esc: back  q: end");
	watch_print_losses(&status, &losses);
	for (size_t i = 0; i < n; i++)
		text_addf(&status, "  not observed: %s", missing[i]);
	if (!live->has_counts)
		text_add(&status, "  no counters");
	for (char *c = status.data; *c; c++)
		if (*c == '\n')
			*c = ' ';
	put_bar(LINES - 1, status.data);
}

void live_draw(struct watch_live *live, struct watch_session *session)
{
	int y;

	erase();
	draw_title(live);
	switch (live->mode) {
	case MODE_PACKET:
		draw_block(live, live->block.data, 1, LINES - 2);
		break;
	case MODE_HELP:
		draw_block(live, live_help, 1, LINES - 2);
		break;
	default:
		y = draw_points(live, session, 1);
		attrset(A_DIM);
		mvhline(y, 0, '-', COLS);
		draw_list(live, y + 1, LINES - y - 2);
	}
	draw_status(live, session);
	refresh();
	live->is_dirty = false;
}
