// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * portwall watch --drops. The kernel counts; every two seconds what has been added is put to the causes that explain has for it. When
 * links or rules change, what was counted until then is put to those of the host as it was, before it is read again.
 */
#include "cmd/watch_drops.h"

#include <poll.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>

#include "kernel/kernel.h"

#define SECOND_NS  1000000000ull
#define REFRESH_NS (2 * SECOND_NS)
#define STEP_MS	   100
#define READ_SHARE                                                                                 \
	10 /* because of drops that are not understood: at most a tenth of the time goes into reading the host */
#define TOP_SHOWN 20   /* on a terminal */
#define TOP_ASKED 1000 /* of which it is told what would help */

/* --- what is watched --- */

static bool is_port(const struct netns *ns, const struct link *link)
{
	const struct link *master =
		link->master_index ? netns_link_by_index(ns, link->master_index) : NULL;

	return !strcmp(link->kind, "bridge") || !strcmp(link->kind, "tun") ||
	       !strcmp(link->kind, "veth") || (master && !strcmp(master->kind, "bridge"));
}

static void add_device(
	struct drops_session *session, const struct netns *ns, const struct link *link)
{
	*vec_push(&session->devices, session->arena) = (struct drops_device_name){
		.netns = ns->inode, .link = link->index, .name = link->name
	};
}

static bool find_devices(struct drops_session *session, struct err *err)
{
	const struct invocation *inv = session->inv;
	struct watch_points points;
	const struct netns *ns;
	struct query entry;

	if (inv->in) {
		if (!watch_find_entry(session->host, inv->netns, inv->in, &entry, err))
			return false;
		watch_find_points(session->arena, session->host, entry.ns, entry.in, &points);
		session->is_cut_short = points.is_cut_short;
		vec_for_each (point, &points)
			add_device(session, point->ns, point->link);
		return true;
	}
	if (!find_netns(session->host, inv->netns, &ns, err))
		return false;
	for (size_t i = 0; i < ns->n_links; i++)
		if (is_port(ns, &ns->links[i]))
			add_device(session, ns, &ns->links[i]);
	return true;
}

static bool is_watched(const struct drops_session *session, const struct drops_device_name *device)
{
	vec_for_each (one, &session->devices)
		if (one->netns == device->netns && one->link == device->link)
			return true;
	return false;
}

/* Of what is there no more nothing is dropped; a number that is used again is another device. */
static bool watch_devices(
	struct drops_session *session, const struct drops_session *before, struct err *err)
{
	vec_for_each (device, &before->devices)
		if (!is_watched(session, device) &&
			!drops_unwatch(session->drops, device->netns, device->link, err))
			return false;
	vec_for_each (device, &session->devices)
		if (!drops_watch(session->drops, device->netns, device->link, err))
			return false;
	return true;
}

static bool read_host_again(struct drops_session *session, struct err *err)
{
	const struct host_read_options options = { 0 };
	struct drops_session newer = *session;
	struct losses_world world = { .tell = drops_tell, .data = session->inv };
	uint64_t begin_ns = watch_now_ns();

	newer.arena = arena_new();
	memset(&newer.devices, 0, sizeof(newer.devices));
	if (!kernel_host_read(newer.arena, &options, &newer.host, err) ||
		!find_devices(&newer, err) || !watch_devices(&newer, session, err)) {
		arena_free(newer.arena);
		return false;
	}
	newer.read_ns = begin_ns;
	newer.reading_ns = watch_now_ns() - begin_ns;
	world.host = newer.host;
	world.explainer = explainer_new(newer.arena, newer.host);
	losses_set_world(session->losses, &world);
	arena_free(session->arena);
	*session = newer;
	return true;
}

/* --- counting --- */

static bool read_totals(struct arena *arena, struct drops_session *session, struct loss_total **ret,
	size_t *ret_n, struct err *err)
{
	struct drop_total *totals;
	size_t n;

	if (!drops_totals(arena, session->drops, &totals, &n, err))
		return false;
	*ret = arena_new_array(arena, struct loss_total, n + 1);
	for (size_t i = 0; i < n; i++)
		(*ret)[i] = (struct loss_total){ .netns = totals[i].netns,
			.link = totals[i].link,
			.reason = totals[i].reason,
			.function = totals[i].function,
			.ethertype = totals[i].ethertype,
			.proto = totals[i].proto,
			.has_addresses = totals[i].has_addresses,
			.src = totals[i].src,
			.dst = totals[i].dst,
			.dport = totals[i].dport,
			.is_rest = totals[i].is_rest,
			.n = totals[i].n,
			.bytes = totals[i].bytes,
			.first_ns = totals[i].first_ns,
			.last_ns = totals[i].last_ns };
	*ret_n = n;
	return true;
}

static void see(void *data, const struct sighting *sighting)
{
	struct drops_session *session = data;

	losses_see(session->losses, sighting);
}

/* A host that cannot be read (the port is away while its machine is moved) is asked as it was. */
static void refresh(struct drops_session *session)
{
	struct err ignored;

	if (!read_host_again(session, &ignored))
		session->read_ns = watch_now_ns();
}

static bool may_read_again(const struct drops_session *session)
{
	return watch_now_ns() > session->read_ns + READ_SHARE * session->reading_ns;
}

/*
 * Samples first, so that what is counted has the packet to ask with. What only a newer host may explain waits until that may be
 * read; is_last: there is no next time.
 */
static bool count(struct drops_session *session, bool is_last, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct loss_total *totals;
	size_t n;

	if (!drops_read(session->drops, see, session, err) ||
		!read_totals(arena, session, &totals, &n, err))
		return false;
	if (losses_want_newer(session->losses, totals, n, session->read_ns)) {
		if (!is_last && !may_read_again(session))
			return true;
		refresh(session);
	}
	losses_count(session->losses, totals, n);
	losses_find_changes(session->losses, session->inv->brief ? 0
					     : is_last		 ? TOP_ASKED
								 : TOP_SHOWN);
	return drops_lost(session->drops, &session->lost, err);
}

/* Without asking what they are. */
static bool count_enough(struct drops_session *session, bool *ret, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct loss_total *totals;
	uint64_t sum = 0;
	size_t n;

	*ret = false;
	if (!session->inv->count)
		return true;
	if (!read_totals(arena, session, &totals, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		sum += loss_is_none(session->host, &totals[i]) ? 0 : totals[i].n;
	*ret = sum >= session->inv->count;
	return true;
}

/* --- the loop --- */

/* A change of rules wakes it at once: what is dropped behind it is put to the new ones. */
static void wait_a_little(const struct drops_session *session)
{
	struct pollfd waits[] = { { .fd = -1, .events = POLLIN }, { .fd = -1, .events = POLLIN } };

	if (session->changes) {
		waits[0].fd = kernel_watch_links_fd(session->changes);
		waits[1].fd = kernel_watch_rules_fd(session->changes);
	}
	poll(waits, N_OF(waits), STEP_MS);
}

static void show(struct drops_session *session)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	text_add(&out, "\033[H\033[2J");
	drops_print(session, &out, TOP_SHOWN);
	output_print_text(&out);
	fflush(stdout);
}

static bool follow(struct drops_session *session, struct err *err)
{
	const struct invocation *inv = session->inv;
	const bool is_shown = isatty(STDOUT_FILENO) && !inv->json;
	uint64_t end_ns = inv->for_s ? session->begin_ns + inv->for_s * SECOND_NS : UINT64_MAX;
	uint64_t shown_ns = session->begin_ns, now_ns;
	bool is_enough = false;

	while (!watch_is_ended() && !is_enough && (now_ns = watch_now_ns()) < end_ns) {
		bool is_stale;

		wait_a_little(session);
		if (!drops_read(session->drops, see, session, err) ||
			!count_enough(session, &is_enough, err))
			return false;
		is_stale = watch_host_changed(session->changes);
		if (!is_stale && now_ns < shown_ns + REFRESH_NS)
			continue;
		if (!count(session, false, err))
			return false;
		if (is_stale)
			refresh(session);
		shown_ns = now_ns;
		if (is_shown)
			show(session);
	}
	return count(session, true, err);
}

static bool check_usage(const struct invocation *inv, struct err *err)
{
	if (inv->n_args) {
		err_input(err, "watch: --drops and a filter");
		return err_next(
			err, "--drops is about all that is dropped; --in DEVICE, of one port");
	}
	if (inv->in && !*inv->in)
		return err_input(err, "watch: --in has no name");
	return kernel_must_be_admin(err);
}

static void close_session(struct drops_session *session)
{
	drops_close(&session->drops);
	kernel_watch_close(&session->changes);
	losses_freep(&session->losses);
	arena_free(session->arena);
	session->arena = NULL;
}

bool watch_drops(struct invocation *inv, struct err *err)
{
	struct drops_session session CLEANUP(close_session) = { .inv = inv };
	struct drops_options options = { .per_second = inv->rate };
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct err ignored;

	if (!check_usage(inv, err) || !drops_open(&options, &session.drops, err))
		return false;
	inv->agent.progress(inv->agent.progress_data, "reading this host");
	session.losses = losses_new();
	/* listened to first: what changes while the host is read is not missed */
	if (!kernel_watch_open(&session.changes, &ignored))
		session.changes = NULL;
	if (!read_host_again(&session, err))
		return false;
	inv->agent.progress(inv->agent.progress_data, NULL);
	session.begin_ns = watch_now_ns();
	watch_catch_signals();
	drops_print_begin(&session);
	if (!follow(&session, err))
		return false;
	if (inv->json) {
		output_print_json(drops_json(&session));
	} else {
		drops_print(&session, &out, SIZE_MAX);
		output_print_text(&out);
	}
	inv->exit = losses_n(session.losses) ? EXIT_DROPPED : EXIT_DONE;
	return true;
}
