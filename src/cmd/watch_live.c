// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * On top the points of the way, as columns, with their counters: where packets come, where they come no further. Below, the newest packets,
 * a line each. Everything is drawn anew from what is kept, at most once a turn, and only what ASCII has: a name in a rule or a device's alias
 * may hold anything, and nothing of it may command the terminal.
 */
#include "cmd/watch_live.h"

#include <ctype.h>
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/limits.h"

#define KEPT	   1000 /* packets */
#define COUNTS_NS  500000000ull
#define POINT_MIN  10 /* columns of a point */
#define LABEL_COLS 5  /* "  in " */
#define KEY_ESCAPE 27
#define ESCAPE_MS  25 /* a key that begins with ESC has come whole by then */

enum mode { MODE_LIST, MODE_PACKET, MODE_HELP, MODE_TYPING };

struct kept {
	struct text line[3]; /* when; which packet; what became of it */
	struct text block;
	enum colour colour;
	bool is_different; /* from what explain says */
};

struct counter {
	uint64_t netns;
	int link;
	uint64_t now[2], before[2], base[2]; /* in, out; base: when they were cleared */
};

struct watch_live {
	SCREEN *screen;
	const struct invocation *inv;
	struct kept kept[KEPT]; /* the one numbered n is at n % KEPT */
	uint64_t n_seen, first; /* packets are numbered from 1 on; first: that is kept */
	uint64_t selected;	/* 0: the newest, whichever that is */
	uint64_t last_shown;	/* while paused; 0: not paused */
	uint64_t shown[KEPT];	/* numbers of those that the list has */
	size_t n_shown, top;

	enum mode mode;
	struct text block; /* of the packet that is open */
	int row, column;   /* that it is scrolled to */
	char filter[64], typed[64];

	struct counter counters[LIMIT_WATCH_POINTS];
	size_t n_counters, first_point;
	uint64_t counts_ns; /* when they were read */
	bool has_counts, is_dirty, has_ended;
};

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

static void start_colours(void)
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

/* --- what is kept --- */

static void kept_clear(struct kept *kept)
{
	for (size_t i = 0; i < N_OF(kept->line); i++)
		text_clear(&kept->line[i]);
	text_clear(&kept->block);
}

/* MACs and what follows them are in the block. */
static void cut_frame(struct text *words)
{
	char *end = strstr(words->data, " mac ");

	if (!end)
		return;
	*end = '\0';
	words->len = (size_t)(end - words->data);
}

void watch_live_add(struct watch_live *live, struct watch_session *session,
	const struct watched *watched, const struct watch_answer *answer)
{
	uint64_t number = ++live->n_seen;
	struct kept *kept = &live->kept[number % KEPT];

	kept_clear(kept);
	if (number - live->first >= KEPT)
		live->first = number - KEPT + 1;
	watch_print_time(&kept->line[0], watched->first_ns);
	packet_expr_print(&kept->line[1], &answer->query.packet);
	cut_frame(&kept->line[1]);
	report_print_verdict(&kept->line[2], &answer->seen);
	watch_print_answer(session, &kept->block, watched, answer);
	kept->colour = explain_colour(answer->seen.explanation->final);
	kept->is_different = answer->differences.n != 0;
	live->is_dirty = true;
}

static bool is_matched(const struct watch_live *live, const struct kept *kept)
{
	if (!*live->filter)
		return true;
	for (size_t i = 0; i < N_OF(kept->line); i++)
		if (strcasestr(kept->line[i].data, live->filter))
			return true;
	return false;
}

static void list_shown(struct watch_live *live)
{
	uint64_t last = live->last_shown ? live->last_shown : live->n_seen;

	live->n_shown = 0;
	for (uint64_t number = live->first; number <= last; number++)
		if (is_matched(live, &live->kept[number % KEPT]))
			live->shown[live->n_shown++] = number;
}

/* The place in the list of the selected packet; of one that is in it no more that of the next one. */
static size_t selected_place(const struct watch_live *live)
{
	if (live->selected)
		for (size_t i = 0; i < live->n_shown; i++)
			if (live->shown[i] >= live->selected)
				return i;
	return live->n_shown ? live->n_shown - 1 : 0;
}

static void select_by(struct watch_live *live, long by)
{
	long place = (long)selected_place(live) + by;

	if (!live->n_shown)
		return;
	if (place < 0)
		place = 0;
	live->selected = place >= (long)live->n_shown - 1 ? 0 : live->shown[place];
}

static void clear_all(struct watch_live *live)
{
	live->first = live->n_seen + 1;
	live->selected = 0;
	live->top = 0;
	if (live->last_shown)
		live->last_shown = live->n_seen;
	for (size_t i = 0; i < live->n_counters; i++)
		for (int d = 0; d < 2; d++)
			live->counters[i].base[d] = live->counters[i].before[d] =
				live->counters[i].now[d];
}

/* --- counters --- */

static struct counter *find_counter(struct watch_live *live, uint64_t netns, int link)
{
	for (size_t i = 0; i < live->n_counters; i++)
		if (live->counters[i].netns == netns && live->counters[i].link == link)
			return &live->counters[i];
	return NULL;
}

static void read_counts(struct watch_live *live, struct watch_session *session, uint64_t now_ns)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct capture_count *counts;
	struct counter new[LIMIT_WATCH_POINTS];
	size_t n, n_new = 0;
	struct err ignored;

	live->counts_ns = now_ns;
	live->is_dirty = true;
	live->has_counts = capture_counts(arena, session->capture, &counts, &n, &ignored);
	if (!live->has_counts)
		return;
	for (size_t i = 0; i < n && n_new < N_OF(new); i++) {
		struct counter *old = find_counter(live, counts[i].netns, counts[i].link);
		struct counter *counter = &new[n_new++];

		*counter =
			old ? *old
			    : (struct counter){ .netns = counts[i].netns, .link = counts[i].link };
		memcpy(counter->before, counter->now, sizeof(counter->before));
		counter->now[0] = counts[i].n_in;
		counter->now[1] = counts[i].n_out;
	}
	memcpy(live->counters, new, sizeof(*new) * n_new);
	live->n_counters = n_new;
}

static uint64_t counted(const struct counter *counter, int direction)
{
	uint64_t now = counter->now[direction], base = counter->base[direction];

	return now > base ? now - base : 0;
}

static bool has_any_count(const struct watch_live *live)
{
	for (size_t i = 0; i < live->n_counters; i++)
		if (counted(&live->counters[i], 0) || counted(&live->counters[i], 1))
			return true;
	return false;
}

static void draw_count(
	const struct counter *counter, int direction, bool is_left_out, int y, int x, int columns)
{
	char number[32];
	attr_t attributes = A_NORMAL;

	snprintf(number, sizeof(number), "%llu", (unsigned long long)counted(counter, direction));
	if (is_left_out)
		attributes = attribute(COLOUR_RED) | A_BOLD;
	else if (counter->now[direction] > counter->before[direction])
		attributes = attribute(COLOUR_GREEN) | A_BOLD;
	else if (!counted(counter, direction))
		attributes = A_DIM;
	put(y, x, columns, attributes, number);
}

static const char *netns_words(const struct watch_session *session, const struct watch_point *point)
{
	return point->ns == session->ns && !*point->ns->name ? "here"
	       : *point->ns->name			     ? point->ns->name
							     : "no name";
}

static int point_columns(const struct watch_session *session, const struct watch_point *point)
{
	size_t device = strlen(point->link->name), ns = strlen(netns_words(session, point));
	size_t most = device > ns ? device : ns;

	return (int)(most + 2 < POINT_MIN ? POINT_MIN : most + 2 > 40 ? 40 : most + 2);
}

static void draw_point(struct watch_live *live, const struct watch_session *session,
	const struct watch_point *point, int y, int x, int columns)
{
	const struct counter *counter = find_counter(live, point->ns->inode, point->link->index);
	/* nothing came here, and somewhere else something did */
	bool is_left_out =
		counter && !counted(counter, 0) && !counted(counter, 1) && has_any_count(live);
	attr_t attributes = is_left_out ? attribute(COLOUR_RED) : A_BOLD;
	char letter[2] = { point->letter ? point->letter : ' ', '\0' };

	put(y, x, 1, A_BOLD, letter);
	put(y + 1, x, columns - 1, attributes, point->link->name);
	put(y + 2, x, columns - 1, A_DIM, netns_words(session, point));
	for (int d = 0; d < 2; d++) {
		if (counter)
			draw_count(counter, d, is_left_out, y + 3 + d, x, columns - 1);
		else
			put(y + 3 + d, x, columns - 1, A_DIM, "-");
	}
}

/* Returns the first row below. */
static int draw_points(struct watch_live *live, const struct watch_session *session, int y)
{
	size_t n = session->points.n, i;
	int x = LABEL_COLS;

	if (n && live->first_point >= n)
		live->first_point = n - 1;
	put(y + 3, 0, LABEL_COLS, A_NORMAL, "  in");
	put(y + 4, 0, LABEL_COLS, A_NORMAL, " out");
	for (i = live->first_point; i < n; i++) {
		const struct watch_point *point = &session->points.items[i];
		int columns = point_columns(session, point);

		if (x + columns > COLS - 1 && i > live->first_point)
			break;
		draw_point(live, session, point, y, x, columns);
		x += columns;
	}
	if (live->first_point)
		put(y + 1, 0, 3, A_BOLD, "<--");
	if (i < n)
		put(y, COLS - 3, 3, A_BOLD, "-->");
	return y + 5;
}

/* --- lists --- */

static void draw_packet_line(const struct kept *kept, int y, bool is_selected)
{
	attr_t more = is_selected ? A_REVERSE : 0;
	int packet_cols = COLS > 60 ? (COLS - 18) / 2 : COLS / 3;

	if (is_selected) {
		attrset(A_REVERSE);
		mvhline(y, 0, ' ', COLS);
	}
	put(y, 0, 12, more, kept->line[0].data); /* up to milliseconds */
	put(y, 13, 1, more | attribute(COLOUR_YELLOW) | A_BOLD, kept->is_different ? "!" : " ");
	put(y, 15, packet_cols, more, kept->line[1].data);
	put(y, 16 + packet_cols, COLS, more | attribute(kept->colour), kept->line[2].data);
}

static void draw_list(struct watch_live *live, int y, int rows)
{
	size_t place, most = rows > 0 ? (size_t)rows : 0;

	list_shown(live);
	place = selected_place(live);
	if (place < live->top)
		live->top = place;
	if (place >= live->top + most)
		live->top = most ? place - most + 1 : place;
	/* a longer window shows more, not emptiness */
	if (live->n_shown - live->top < most)
		live->top = live->n_shown > most ? live->n_shown - most : 0;
	for (size_t i = live->top; i < live->n_shown && i < live->top + most; i++)
		draw_packet_line(
			&live->kept[live->shown[i] % KEPT], y + (int)(i - live->top), i == place);
	if (!live->n_shown)
		put(y, 2, COLS, A_DIM,
			*live->filter  ? "no packet has this text; Esc shows all"
			: live->n_seen ? "no packet since"
				       : "no packet yet");
}

/* A block that output_add has coloured; its codes are the only ones in it that count. */
static attr_t read_code(const char **at, attr_t attributes)
{
	int code = atoi(*at + 2);
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

static int n_lines(const char *block)
{
	int n = 0;

	for (; *block; block++)
		n += *block == '\n';
	return n;
}

/* --- the whole --- */

static const char help[] =
	"A column is a point that packets pass: its letter in the OpenStack picture (A the guest's own\n"
	"interface, B tap, C qbr, D qvb and qvo, E br-int, F another bridge of Open vSwitch, G a NIC), its\n"
	"device, its network namespace. Below it the packets of the filter that came in by it and left by it,\n"
	"counted by the kernel: all of them, also where few are followed. Green: more than half a second ago.\n"
	"Red: nothing came here, and elsewhere something did.\n"
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
			*c = ';';
	put_bar(LINES - 1, status.data);
}

static void draw(struct watch_live *live, struct watch_session *session)
{
	int y;

	erase();
	draw_title(live);
	switch (live->mode) {
	case MODE_PACKET:
		draw_block(live, live->block.data, 1, LINES - 2);
		break;
	case MODE_HELP:
		draw_block(live, help, 1, LINES - 2);
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

/* --- keys --- */

static void open_packet(struct watch_live *live)
{
	list_shown(live);
	if (!live->n_shown)
		return;
	text_clear(&live->block);
	text_add(&live->block, live->kept[live->shown[selected_place(live)] % KEPT].block.data);
	live->mode = MODE_PACKET;
	live->row = live->column = 0;
}

static void pause_or_go_on(struct watch_live *live)
{
	live->last_shown = live->last_shown ? 0 : live->n_seen;
}

static void key_of_list(struct watch_live *live, int key)
{
	int page = LINES > 10 ? LINES - 9 : 1;

	list_shown(live);
	switch (key) {
	case KEY_UP:
		return select_by(live, -1);
	case KEY_DOWN:
		return select_by(live, 1);
	case KEY_PPAGE:
		return select_by(live, -page);
	case KEY_NPAGE:
		return select_by(live, page);
	case KEY_HOME:
		return select_by(live, -KEPT);
	case KEY_END:
		live->selected = 0;
		return;
	case KEY_LEFT:
		live->first_point -= live->first_point ? 1 : 0;
		return;
	case KEY_RIGHT:
		live->first_point++;
		return;
	case '\n':
	case '\r':
	case KEY_ENTER:
		return open_packet(live);
	case ' ':
		return pause_or_go_on(live);
	case '/':
		live->mode = MODE_TYPING;
		*live->typed = '\0';
		return;
	case KEY_ESCAPE:
		*live->filter = '\0';
		return;
	case 'c':
		return clear_all(live);
	default:
		return;
	}
}

static void key_of_block(struct watch_live *live, int key)
{
	int page = LINES > 3 ? LINES - 3 : 1;
	int last = n_lines(live->mode == MODE_HELP ? help : live->block.data) - 1;

	switch (key) {
	case KEY_ESCAPE:
	case KEY_BACKSPACE:
	case '\n':
	case '\r':
	case '?':
		live->mode = MODE_LIST;
		live->row = live->column = 0;
		return;
	case KEY_UP:
		live->row--;
		break;
	case KEY_DOWN:
		live->row++;
		break;
	case KEY_PPAGE:
		live->row -= page;
		break;
	case KEY_NPAGE:
	case ' ':
		live->row += page;
		break;
	case KEY_LEFT:
		live->column -= live->column ? 8 : 0;
		break;
	case KEY_RIGHT:
		live->column += 8;
		break;
	default:
		break;
	}
	live->row = live->row > last ? last : live->row;
	live->row = live->row < 0 ? 0 : live->row;
}

static void key_typed(struct watch_live *live, int key)
{
	size_t len = strlen(live->typed);

	if (key == KEY_ESCAPE) {
		live->mode = MODE_LIST;
	} else if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		memcpy(live->filter, live->typed, sizeof(live->filter));
		live->mode = MODE_LIST;
		live->selected = 0;
	} else if (key == KEY_BACKSPACE || key == 127 || key == '\b') {
		live->typed[len ? len - 1 : 0] = '\0';
	} else if (key < 128 && isprint(key) && len + 1 < sizeof(live->typed)) {
		live->typed[len] = (char)key;
		live->typed[len + 1] = '\0';
	}
}

static void take_key(struct watch_live *live, int key)
{
	live->is_dirty = true;
	if (key == KEY_RESIZE)
		return;
	if (live->mode == MODE_TYPING) {
		key_typed(live, key);
	} else if (key == 'q') {
		live->has_ended = true;
	} else if (live->mode != MODE_LIST) {
		key_of_block(live, key);
	} else if (key == '?') {
		live->mode = MODE_HELP;
		live->row = live->column = 0;
	} else {
		key_of_list(live, key);
	}
}

bool watch_live_turn(void *data, struct watch_session *session)
{
	struct watch_live *live = data;
	uint64_t now_ns = watch_now_ns();
	int key;

	while (!live->has_ended && (key = getch()) != ERR)
		take_key(live, key);
	if (live->has_ended)
		return false;
	if (now_ns > live->counts_ns + COUNTS_NS)
		read_counts(live, session, now_ns);
	if (live->is_dirty)
		draw(live, session);
	return true;
}

/* --- beginning and end --- */

bool watch_live_is_wanted(const struct invocation *inv)
{
	const char *term = getenv("TERM");

	return !inv->json && !inv->brief && !inv->plain && !getenv("NO_COLOR") && term && *term &&
	       strcmp(term, "dumb") != 0 && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/* Ctrl-\ would end it with the terminal as it is. endwin takes back what was before newterm. */
static void take_no_quit(void)
{
	struct termios mode;

	if (tcgetattr(STDIN_FILENO, &mode) != 0)
		return;
	mode.c_cc[VQUIT] = _POSIX_VDISABLE;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &mode) == 0)
		def_prog_mode();
}

void watch_live_open(struct watch_session *session, struct watch_live **ret)
{
	struct watch_live *live = NULL;
	SCREEN *screen = newterm(NULL, stdout, stdin);

	*ret = NULL;
	if (!screen)
		return;
	live = calloc(1, sizeof(*live));
	if (!live) {
		endwin();
		delscreen(screen);
		return;
	}
	live->screen = screen;
	live->inv = session->inv;
	live->first = 1;
	live->is_dirty = true;
	live->block = (struct text)TEXT_INIT;
	for (size_t i = 0; i < KEPT; i++) {
		for (size_t j = 0; j < N_OF(live->kept[i].line); j++)
			live->kept[i].line[j] = (struct text)TEXT_INIT;
		live->kept[i].block = (struct text)TEXT_INIT;
	}
	take_no_quit();
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	if (has_colors())
		start_colours();
	*ret = live;
}

void watch_live_close(struct watch_live **live)
{
	if (!*live)
		return;
	endwin();
	delscreen((*live)->screen);
	text_done(&(*live)->block);
	for (size_t i = 0; i < KEPT; i++) {
		for (size_t j = 0; j < N_OF((*live)->kept[i].line); j++)
			text_done(&(*live)->kept[i].line[j]);
		text_done(&(*live)->kept[i].block);
	}
	free(*live);
	*live = NULL;
}
