// SPDX-License-Identifier: GPL-2.0-or-later
/* The live view of watch: what it keeps, and its keys. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cmd/watch_live_internal.h"

#define COUNTS_NS  500000000ull
#define KEY_ESCAPE 27
#define ESCAPE_MS  25 /* a key that begins with ESC has come whole by then */

/* --- what is kept --- */

/* Also its memory: a thousand of the largest blocks that ever came would be more than the newest thousand. */
static void kept_done(struct kept *kept)
{
	for (size_t i = 0; i < N_OF(kept->line); i++)
		text_done(&kept->line[i]);
	text_done(&kept->block);
}

struct ended *live_find_ended(struct watch_live *live, uint64_t netns, int link)
{
	for (size_t i = 0; i < live->n_ended; i++)
		if (live->ended[i].netns == netns && live->ended[i].link == link)
			return &live->ended[i];
	return NULL;
}

static void count_end(struct watch_live *live, const struct leaf *leaf)
{
	const struct node *last = leaf ? leaf->last : NULL;
	struct ended *ended;

	if (!last || !last->ns || !last->link ||
		(leaf->final != FINAL_DROPPED && leaf->final != FINAL_REJECTED))
		return;
	ended = live_find_ended(live, last->ns->inode, last->link->index);
	if (!ended && live->n_ended < N_OF(live->ended)) {
		ended = &live->ended[live->n_ended++];
		*ended = (struct ended){ .netns = last->ns->inode, .link = last->link->index };
	}
	if (ended)
		ended->n++;
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

	kept_done(kept);
	if (number - live->first >= KEPT)
		live->first = number - KEPT + 1;
	watch_print_time(&kept->line[0], watched->first_ns);
	packet_expr_print(&kept->line[1], &answer->query.packet);
	cut_frame(&kept->line[1]);
	report_print_verdict(&kept->line[2], &answer->seen);
	watch_print_answer(session, &kept->block, watched, answer);
	kept->colour = explain_colour(answer->seen.explanation->final);
	count_end(live, answer->seen.explanation->leaf);
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

void live_list_shown(struct watch_live *live)
{
	uint64_t last = live->last_shown ? live->last_shown : live->n_seen;

	live->n_shown = 0;
	for (uint64_t number = live->first; number <= last; number++)
		if (is_matched(live, &live->kept[number % KEPT]))
			live->shown[live->n_shown++] = number;
}

size_t live_selected_place(const struct watch_live *live)
{
	if (live->selected)
		for (size_t i = 0; i < live->n_shown; i++)
			if (live->shown[i] >= live->selected)
				return i;
	return live->n_shown ? live->n_shown - 1 : 0;
}

static void select_by(struct watch_live *live, long by)
{
	long place = (long)live_selected_place(live) + by;

	if (!live->n_shown)
		return;
	if (place < 0)
		place = 0;
	live->selected = place >= (long)live->n_shown - 1 ? 0 : live->shown[place];
}

static void clear_all(struct watch_live *live)
{
	for (size_t i = 0; i < KEPT; i++)
		kept_done(&live->kept[i]);
	live->first = live->n_seen + 1;
	live->selected = 0;
	live->top = 0;
	live->n_ended = 0;
	if (live->last_shown)
		live->last_shown = live->n_seen;
	for (size_t i = 0; i < live->n_counters; i++)
		for (int d = 0; d < 2; d++)
			live->counters[i].base[d] = live->counters[i].before[d] =
				live->counters[i].now[d];
}

/* --- counters --- */

struct counter *live_find_counter(struct watch_live *live, uint64_t netns, int link)
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
		struct counter *old = live_find_counter(live, counts[i].netns, counts[i].link);
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

/* --- keys --- */

static int n_lines(const char *block)
{
	int n = 0;

	for (; *block; block++)
		n += *block == '\n';
	return n;
}

static void open_packet(struct watch_live *live)
{
	live_list_shown(live);
	if (!live->n_shown)
		return;
	text_clear(&live->block);
	text_add(
		&live->block, live->kept[live->shown[live_selected_place(live)] % KEPT].block.data);
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

	live_list_shown(live);
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
	int last = n_lines(live->mode == MODE_HELP ? live_help : live->block.data) - 1;

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
		live_draw(live, session);
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
	text_done(&live->block); /* of nothing: an empty text */
	for (size_t i = 0; i < KEPT; i++)
		kept_done(&live->kept[i]);
	take_no_quit();
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	if (has_colors())
		live_start_colours();
	*ret = live;
}

void watch_live_close(struct watch_live **live)
{
	if (!*live)
		return;
	endwin();
	delscreen((*live)->screen);
	text_done(&(*live)->block);
	for (size_t i = 0; i < KEPT; i++)
		kept_done(&(*live)->kept[i]);
	free(*live);
	*live = NULL;
}
