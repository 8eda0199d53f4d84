// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/vec.h"
#include "capture/drops.h"
#include "capture/internal.h"

#define SECOND_NS 1000000000ull
#define N_AT_ONCE 256 /* frames of one device before the others have their turn */

/* What listens in one namespace. */
struct post {
	uint64_t netns;
	struct kernel_nft *nft; /* NULL: no table */
	int traces;		/* -1: none */
	bool is_untraced;	/* is_logged */
	struct frame_socket *sockets;
	size_t n;
	/* of tables that were there before the present one */
	struct capture_count *before;
	size_t n_before;
};

struct capture {
	struct capture_options options;
	struct arena *arena;	 /* of the posts: given back with them */
	struct arena *for_words; /* of what is missing: as long as the capture */
	struct post *posts;
	size_t n_posts;
	struct drops *drops;
	int epoll;
	uint64_t second; /* since when n_frames counts */
	size_t n_frames; /* in this second */
	bool is_closed;	 /* frames_per_s was reached */
	struct capture_losses losses;
	VEC(const char *) missing;
};

static void add_missing(struct capture *capture, const char *what, const struct err *err)
{
	const char *words = arena_printf(capture->for_words, "%s: %s", what, err->text);

	vec_for_each (known, &capture->missing)
		if (!strcmp(*known, words))
			return;
	*vec_push(&capture->missing, capture->for_words) = words;
}

const char *const *capture_missing(const struct capture *capture, size_t *ret_n)
{
	*ret_n = capture->missing.n;
	return capture->missing.items;
}

static void poll_too(struct capture *capture, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data = { .fd = fd } };

	epoll_ctl(capture->epoll, EPOLL_CTL_ADD, fd, &event);
}

bool capture_open(const struct capture_options *options, struct capture **ret, struct err *err)
{
	struct capture *capture = new_or_die(sizeof(*capture));
	struct err why;

	capture->options = *options;
	capture->arena = arena_new();
	capture->for_words = arena_new();
	capture->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (capture->epoll < 0) {
		err_system(err, errno, "cannot wait for packets");
		capture_close(&capture);
		return false;
	}
	if (!options->no_drops) {
		if (drops_open(&(struct drops_options){ 0 }, &capture->drops, &why))
			poll_too(capture, drops_fd(capture->drops));
		else
			add_missing(capture, "drops by the kernel", &why);
	}
	*ret = capture;
	return true;
}

static void close_post(struct capture *capture, struct post *post)
{
	struct err ignored;

	for (size_t i = 0; i < post->n; i++) {
		if (post->sockets[i].fd >= 0)
			capture->losses.frames += frame_socket_lost(&post->sockets[i]);
		frame_socket_close(&post->sockets[i]);
		if (capture->drops)
			drops_unwatch(
				capture->drops, post->netns, post->sockets[i].point.link, &ignored);
	}
	kernel_nft_close(&post->nft);
	if (post->traces >= 0)
		close(post->traces);
	post->traces = -1;
}

void capture_close(struct capture **capture)
{
	if (!*capture)
		return;
	for (size_t i = 0; i < (*capture)->n_posts; i++)
		close_post(*capture, &(*capture)->posts[i]);
	drops_close(&(*capture)->drops);
	if ((*capture)->epoll >= 0)
		close((*capture)->epoll);
	arena_free((*capture)->arena);
	arena_free((*capture)->for_words);
	free(*capture);
	*capture = NULL;
}

/* --- posts --- */

struct setting_up {
	struct capture *capture;
	struct post *post;
};

static bool make_table(struct capture *capture, struct post *post, bool has_egress, struct err *err)
{
	struct text commands CLEANUP(text_done) = TEXT_INIT;
	struct capture_point *points =
		arena_new_array(capture->arena, struct capture_point, post->n);
	struct capture_options options = capture->options;

	if (post->is_untraced)
		options.traces_per_s = 0;
	for (size_t i = 0; i < post->n; i++)
		points[i] = post->sockets[i].point;
	return own_table_print(&commands, &options, points, post->n, has_egress, err) &&
	       kernel_nft_run(post->nft, commands.data, err);
}

static bool is_sysctl(struct arena *arena, const char *name, const char *value)
{
	const char *found = NULL;
	struct err ignored;

	return kernel_sysctl_read(arena, name, &found, &ignored) && found && !strcmp(found, value);
}

/*
 * The rules of iptables-legacy write a line for each step of a traced packet to whatever logs there (net/ipv4/netfilter/ip_tables.c,
 * trace_packet). Where that is the kernel's log, a few packets a second would fill it: then it is done without. Of other
 * namespaces than the first, which alone has nf_log_all_netns, nothing is logged unless somebody wants it so.
 */
static bool is_logged(struct arena *arena)
{
	const char *found = NULL;
	struct err ignored;
	bool is_first =
		kernel_sysctl_read(arena, "net.netfilter.nf_log_all_netns", &found, &ignored) &&
		found;
	bool has_log = !is_sysctl(arena, "net.netfilter.nf_log.2", "NONE") ||
		       !is_sysctl(arena, "net.netfilter.nf_log.10", "NONE");

	return is_first && has_log && kernel_backend_in_use(BACKEND_LEGACY);
}

/* Without traces, captures alone still tell where a packet ends. */
static void ask_for_traces(struct capture *capture, struct post *post)
{
	struct err err, ignored;

	post->is_untraced = is_logged(capture->arena);
	if (post->is_untraced) {
		err_system(&err, 0,
			"there are rules of iptables-legacy, and each step of a traced packet would be written to the "
			"kernel's log (net.netfilter.nf_log.2)");
		add_missing(capture, "rules that a packet meets", &err);
	}
	if (!kernel_nft_open(&post->nft, &err)) {
		add_missing(capture, "rules that a packet meets, and counts", &err);
		return;
	}
	if (!make_table(capture, post, true, &err)) {
		if (!make_table(capture, post, false, &ignored)) {
			add_missing(capture, "rules that a packet meets, and counts", &err);
			kernel_nft_close(&post->nft);
			return;
		}
		add_missing(capture, "counts of what leaves (the egress hook of Linux 5.16)", &err);
	}
	if (capture->options.traces_per_s && !post->is_untraced &&
		!trace_socket_open(&post->traces, &err))
		add_missing(capture, "rules that a packet meets", &err);
	if (post->traces >= 0)
		poll_too(capture, post->traces);
}

static bool set_up_post(void *data, struct err *err)
{
	const struct setting_up *up = data;
	struct capture *capture = up->capture;
	struct post *post = up->post;
	struct err why;
	size_t n = 0;

	(void)err;
	for (size_t i = 0; i < post->n; i++) {
		struct frame_socket socket = post->sockets[i];

		/* one that has gone since the host was read is left out */
		if (!frame_socket_open(capture->options.filter, &socket.point, &socket, &why)) {
			if (why.sys != ENODEV && why.sys != ENXIO)
				add_missing(capture, socket.point.name, &why);
			continue;
		}
		if (capture->options.no_frames || capture->is_closed)
			frame_socket_gate(&socket, capture->options.filter, false, &why);
		post->sockets[n++] = socket;
		poll_too(capture, socket.fd);
	}
	post->n = n;
	if (n)
		ask_for_traces(capture, post);
	for (size_t i = 0; capture->drops && i < n; i++)
		if (!drops_watch(capture->drops, post->netns, post->sockets[i].point.link, &why))
			add_missing(capture, "drops by the kernel", &why);
	return true;
}

static struct post *post_of(struct post *posts, size_t n, uint64_t netns)
{
	for (size_t i = 0; i < n; i++)
		if (posts[i].netns == netns)
			return &posts[i];
	return NULL;
}

static struct post *make_posts(
	struct arena *arena, const struct capture_point *points, size_t n, size_t *ret_n)
{
	struct post *posts = arena_new_array(arena, struct post, n + 1);
	size_t n_posts = 0;

	for (size_t i = 0; i < n; i++) {
		struct post *post = post_of(posts, n_posts, points[i].netns);

		if (!post) {
			post = &posts[n_posts++];
			*post = (struct post){ .netns = points[i].netns,
				.traces = -1,
				.sockets = arena_new_array(arena, struct frame_socket, n) };
		}
		post->sockets[post->n] = (struct frame_socket){ .fd = -1, .point = points[i] };
		post->sockets[post->n++].point.name = arena_strdup(arena, points[i].name);
	}
	*ret_n = n_posts;
	return posts;
}

static bool has_point(const struct post *post, const struct capture_point *point)
{
	for (size_t i = 0; i < post->n; i++)
		if (post->sockets[i].point.link == point->link &&
			!strcmp(post->sockets[i].point.name, point->name))
			return true;
	return false;
}

static bool is_same(const struct post *a, const struct post *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (!has_point(a, &b->sockets[i].point))
			return false;
	return a->n == b->n;
}

static bool is_unchanged(const struct capture *capture, const struct post *posts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct post *post = post_of(capture->posts, capture->n_posts, posts[i].netns);

		if (!post || !is_same(post, &posts[i]))
			return false;
	}
	return n == capture->n_posts;
}

/* The counts of the old tables go on in the new ones. */
static void keep_counts(struct capture *capture, struct arena *arena, struct post *posts, size_t n)
{
	struct capture_count *counts;
	struct err ignored;
	size_t n_counts = 0;

	if (!capture->n_posts || !capture_counts(arena, capture, &counts, &n_counts, &ignored))
		return;
	for (size_t i = 0; i < n; i++) {
		posts[i].before = counts;
		posts[i].n_before = n_counts;
	}
}

bool capture_set_points(
	struct capture *capture, const struct capture_point *points, size_t n, struct err *err)
{
	struct arena *arena = arena_new();
	size_t n_posts;
	struct post *posts = make_posts(arena, points, n, &n_posts);
	struct err why;

	(void)err;
	if (is_unchanged(capture, posts, n_posts)) {
		arena_free(arena);
		return true;
	}
	keep_counts(capture, arena, posts, n_posts);
	for (size_t i = 0; i < capture->n_posts; i++)
		close_post(capture, &capture->posts[i]);
	arena_free(capture->arena);
	capture->arena = arena;
	capture->posts = posts;
	capture->n_posts = n_posts;
	for (size_t i = 0; i < n_posts; i++) {
		struct setting_up up = { capture, &posts[i] };

		if (!kernel_in_netns(posts[i].netns, set_up_post, &up, &why)) {
			posts[i].n = 0;
			if (why.sys != ENOENT)
				add_missing(capture, "a network namespace", &why);
		}
	}
	return true;
}

/* --- reading --- */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static bool gate_all(struct capture *capture, bool is_open, struct err *err)
{
	capture->is_closed = !is_open;
	for (size_t p = 0; p < capture->n_posts; p++)
		for (size_t i = 0; i < capture->posts[p].n; i++)
			if (!frame_socket_gate(&capture->posts[p].sockets[i],
				    capture->options.filter, is_open, err))
				return false;
	return true;
}

/* What has been let in before the gate closed is read all the same. */
static bool keep_the_pace(struct capture *capture, struct err *err)
{
	uint64_t now = now_ns();

	if (capture->options.no_frames)
		return true;
	if (now - capture->second >= SECOND_NS) {
		capture->second = now;
		capture->n_frames = 0;
		return !capture->is_closed || gate_all(capture, true, err);
	}
	if (capture->n_frames < capture->options.frames_per_s || capture->is_closed)
		return true;
	capture->losses.pauses++;
	return gate_all(capture, false, err);
}

static bool read_frames(struct capture *capture, struct post *post, capture_each *each, void *data,
	bool *ret_more, struct err *err)
{
	for (size_t i = 0; i < post->n; i++) {
		size_t n;

		if (!frame_socket_read(&post->sockets[i], N_AT_ONCE, each, data, &n, err))
			return false;
		capture->n_frames += n;
		capture->losses.frames += n ? frame_socket_lost(&post->sockets[i]) : 0;
		*ret_more |= n == N_AT_ONCE;
		if (!keep_the_pace(capture, err))
			return false;
	}
	return true;
}

bool capture_read(struct capture *capture, capture_each *each, void *data, struct err *err)
{
	bool has_more = true, is_lost;

	/* frames first: a trace finds the packet that it is of */
	while (has_more) {
		has_more = false;
		for (size_t p = 0; p < capture->n_posts; p++)
			if (!read_frames(capture, &capture->posts[p], each, data, &has_more, err))
				return false;
	}
	for (size_t p = 0; p < capture->n_posts; p++) {
		struct post *post = &capture->posts[p];

		if (post->traces < 0)
			continue;
		if (!trace_socket_read(post->traces, post->netns, each, data, &is_lost, err))
			return false;
		capture->losses.traces += is_lost;
	}
	return (!capture->drops || drops_read(capture->drops, each, data, err)) &&
	       keep_the_pace(capture, err);
}

int capture_fd(const struct capture *capture)
{
	return capture->epoll;
}

/* --- counts --- */

static void add_before(const struct post *post, struct capture_count *count)
{
	for (size_t i = 0; i < post->n_before; i++)
		if (post->before[i].netns == count->netns && post->before[i].link == count->link) {
			count->n_in += post->before[i].n_in;
			count->n_out += post->before[i].n_out;
		}
}

bool capture_counts(struct arena *arena, struct capture *capture, struct capture_count **ret,
	size_t *ret_n, struct err *err)
{
	VEC(struct capture_count) counts = { 0 };

	for (size_t p = 0; p < capture->n_posts; p++) {
		const struct post *post = &capture->posts[p];
		struct text listing CLEANUP(text_done) = TEXT_INIT;

		if (!post->nft)
			continue;
		if (!kernel_nft_list(post->nft, arena_printf(arena, "netdev %s", own_table_name()),
			    &listing, err))
			return false;
		for (size_t i = 0; i < post->n; i++) {
			struct capture_count *count = vec_push(&counts, arena);

			count->netns = post->netns;
			count->link = post->sockets[i].point.link;
			own_table_counts(listing.data, count->link, &count->n_in, &count->n_out);
			add_before(post, count);
		}
	}
	*ret = counts.items;
	*ret_n = counts.n;
	return true;
}

bool capture_has_drops(const struct capture *capture)
{
	return capture->drops != NULL;
}

struct capture_losses capture_losses(const struct capture *capture)
{
	struct capture_losses losses = capture->losses;
	struct drops_lost lost;
	struct err ignored;

	if (capture->drops && drops_lost(capture->drops, &lost, &ignored))
		losses.drops = lost.sightings + lost.unseen;
	return losses;
}
