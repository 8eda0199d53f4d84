// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The half of the drops source that is no part of the kernel: loads bpf/drops.bpf.c, which is embedded in this program, tells it what to
 * watch, and makes values of what it says. Nothing is pinned: program and maps are held by this process' descriptors alone.
 */
#include "capture/drops.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/vec.h"
#include "capture/drops_bpf.h"
#include "capture/drops_internal.h"

#define PER_SECOND   1000
#define TOTAL_PLACES 16384
#define SECOND_NS    1000000000ULL
#define READ_AT_ONCE 4096 /* so that who reads at a flood comes to do something else */
#define LOG_LINES    12
#define LOG_LEN	     2000

extern const unsigned char drops_object[]; /* made by tools/embed */
extern const size_t drops_object_size;

struct drops {
	struct arena *arena;
	struct drops_names *names;
	struct bpf_object *object;
	struct bpf_link *link;
	struct ring_buffer *ring;
	int program, watched, totals, rest, state; /* descriptors of object's */
	unsigned n_places;

	/* of the drops_read that runs */
	void (*each)(void *data, const struct sighting *sighting);
	void *data;
	uint64_t to_realtime_ns;
	unsigned n_read;
};

/* --- libbpf's own words --- */

/* libbpf has one function for them all, and it is given nothing of ours. */
static __thread struct text *library_log;

static int note(enum libbpf_print_level level, const char *fmt, va_list args)
{
	if (library_log && level != LIBBPF_DEBUG)
		text_vaddf(library_log, fmt, args);
	return 0;
}

/* What it said last, which is what the kernel's verifier ended with. */
static const char *last_lines(const struct text *text)
{
	const char *at = text->data + text->len;
	unsigned n = 0;

	while (at > text->data && text->data + text->len - at < LOG_LEN) {
		if (at[-1] == '\n' && n++ == LOG_LINES)
			break;
		at--;
	}
	return at;
}

/* --- open and close --- */

static bool fail(struct err *err, int sys, const char *what, struct text *log)
{
	while (log->len && log->data[log->len - 1] == '\n')
		log->data[--log->len] = '\0';
	if (sys == EPERM) {
		err_system(err, 0, "%s: it needs CAP_BPF and CAP_PERFMON", what);
		err->sys = sys;
		return err_next(err, "run it as root (sudo)");
	}
	err_system(
		err, 0, "%s: %s%s%s", what, strerror(sys), log->len ? "\n" : "", last_lines(log));
	err->sys = sys;
	return false;
}

static bool check_options(struct drops_options *options, struct err *err)
{
	if (options->per_second > LIMIT_DROP_SIGHTINGS)
		return err_limit(err, "%u sightings a second are more than %d", options->per_second,
			LIMIT_DROP_SIGHTINGS);
	if (options->total_places > LIMIT_DROP_TOTALS)
		return err_limit(err, "%u totals are more than %d", options->total_places,
			LIMIT_DROP_TOTALS);
	if (!options->per_second)
		options->per_second = PER_SECOND;
	if (!options->total_places)
		options->total_places = TOTAL_PLACES;
	return true;
}

static bool prepare(struct drops *drops, const struct drops_options *options,
	const struct drops_abi *abi, struct err *err)
{
	struct drops_settings settings = { .interval_ns = SECOND_NS / options->per_second,
		.burst_ns = SECOND_NS,
		.consumed = abi->consumed,
		.has_reason = abi->has_reason,
		.has_rx_sk = abi->has_rx_sk };
	struct bpf_map *rodata = bpf_object__find_map_by_name(drops->object, ".rodata");
	struct bpf_map *totals = bpf_object__find_map_by_name(drops->object, "totals");

	drops->n_places = options->total_places;
	if (!rodata || !totals ||
		bpf_map__set_initial_value(rodata, &settings, sizeof(settings)) != 0 ||
		bpf_map__set_max_entries(totals, options->total_places) != 0)
		return err_system(err, 0, "the embedded BPF program is not that of this portwall");
	return true;
}

static int map_of(const struct drops *drops, const char *name)
{
	return bpf_object__find_map_fd_by_name(drops->object, name);
}

static int each_sample(void *data, void *record, size_t size);

static bool load(struct drops *drops, struct text *log, struct err *err)
{
	struct bpf_program *program =
		bpf_object__find_program_by_name(drops->object, "portwall_drops");

	if (bpf_object__load(drops->object) != 0)
		return fail(err, errno, "cannot load the BPF program that sees drops", log);
	drops->link = bpf_program__attach(program);
	if (!drops->link)
		return fail(err, errno, "cannot put a BPF program at skb:kfree_skb", log);
	drops->ring = ring_buffer__new(map_of(drops, "ring"), each_sample, drops, NULL);
	if (!drops->ring)
		return fail(err, errno, "cannot read what the BPF program says", log);
	drops->program = bpf_program__fd(program);
	drops->watched = map_of(drops, "watched");
	drops->totals = map_of(drops, "totals");
	drops->rest = map_of(drops, "rest");
	drops->state = map_of(drops, "state");
	return true;
}

static bool open_all(
	struct drops *drops, const struct drops_options *options, struct text *log, struct err *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, open_options, .object_name = "portwall");
	struct drops_options chosen = *options;
	struct drops_abi abi;

	if (!check_options(&chosen, err) ||
		!drops_names_open(drops->arena, &drops->names, &abi, err))
		return false;
	drops->object = bpf_object__open_mem(drops_object, drops_object_size, &open_options);
	if (!drops->object)
		return fail(err, errno, "cannot read the embedded BPF program", log);
	return prepare(drops, &chosen, &abi, err) && load(drops, log, err);
}

bool drops_open(const struct drops_options *options, struct drops **ret, struct err *err)
{
	struct text log CLEANUP(text_done) = TEXT_INIT;
	struct drops *drops = new_or_die(sizeof(*drops));
	libbpf_print_fn_t before = libbpf_set_print(note);
	bool ok;

	drops->arena = arena_new();
	library_log = &log;
	ok = open_all(drops, options, &log, err);
	library_log = NULL;
	libbpf_set_print(before);
	if (!ok) {
		drops_close(&drops);
		return false;
	}
	*ret = drops;
	return true;
}

void drops_close(struct drops **drops)
{
	if (!*drops)
		return;
	ring_buffer__free((*drops)->ring);
	bpf_link__destroy((*drops)->link);
	bpf_object__close((*drops)->object);
	arena_free((*drops)->arena);
	free(*drops);
	*drops = NULL;
}

int drops_fd(const struct drops *drops)
{
	return ring_buffer__epoll_fd(drops->ring);
}

/* --- what is watched --- */

static bool device_of(uint64_t netns, int ifindex, struct drops_device *ret, struct err *err)
{
	if (!netns || netns > UINT32_MAX)
		return err_input(
			err, "no namespace has the number %llu", (unsigned long long)netns);
	if (ifindex < 0)
		return err_input(err, "no device has the number %d", ifindex);
	*ret = (struct drops_device){ .netns = (uint32_t)netns, .ifindex = (uint32_t)ifindex };
	return true;
}

bool drops_watch(struct drops *drops, uint64_t netns, int ifindex, struct err *err)
{
	struct drops_device device;
	uint8_t yes = 1;

	if (!device_of(netns, ifindex, &device, err))
		return false;
	if (bpf_map_update_elem(drops->watched, &device, &yes, BPF_ANY) == 0)
		return true;
	if (errno == E2BIG)
		return err_limit(
			err, "drops of more than %d devices cannot be watched", DROPS_WATCHED);
	return err_system(err, errno, "cannot watch the drops of a device");
}

bool drops_unwatch(struct drops *drops, uint64_t netns, int ifindex, struct err *err)
{
	struct drops_device device;

	if (!device_of(netns, ifindex, &device, err))
		return false;
	if (bpf_map_delete_elem(drops->watched, &device) == 0 || errno == ENOENT)
		return true;
	return err_system(err, errno, "cannot end to watch the drops of a device");
}

/* --- samples --- */

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* Of the moment: the real clock is set now and then. */
static uint64_t to_realtime_ns(void)
{
	return now_ns(CLOCK_REALTIME) - now_ns(CLOCK_MONOTONIC);
}

static int each_sample(void *data, void *record, size_t size)
{
	const struct drops_sample *sample = record;
	struct drops *drops = data;
	struct sighting sighting;

	if (size < sizeof(*sample))
		return 0;
	sighting = (struct sighting){ .kind = SIGHTING_DROP,
		.netns = sample->netns,
		.time_ns = sample->time_ns + drops->to_realtime_ns,
		.link = (int)sample->ifindex,
		.bytes = sample->bytes,
		.size = sample->size,
		.has_ethernet = sample->has_ethernet,
		.ethertype = sample->ethertype,
		.vlan_id = sample->vlan_id,
		.wire_size = sample->wire_size,
		.reason = drops_reason(drops->names, sample->reason),
		.function = drops_function(drops->names, sample->location) };
	drops->each(drops->data, &sighting);
	/* the rest stays, and keeps the descriptor readable */
	return ++drops->n_read < READ_AT_ONCE ? 0 : -ECANCELED;
}

bool drops_read(struct drops *drops, void (*each)(void *data, const struct sighting *sighting),
	void *data, struct err *err)
{
	int got;

	drops->each = each;
	drops->data = data;
	drops->n_read = 0;
	drops->to_realtime_ns = to_realtime_ns();
	got = ring_buffer__consume(drops->ring);
	if (got < 0 && got != -ECANCELED)
		return err_system(err, -got, "cannot read what the kernel drops");
	return true;
}

/* --- totals --- */

typedef VEC(struct drop_total) totals_vec;

static bool is_any(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return true;
	return false;
}

static struct drop_total total_of(struct drops *drops, const struct drops_key *key,
	const struct drops_count *count, uint64_t to_realtime, bool is_rest)
{
	struct drop_total total = { .netns = key->netns,
		.link = (int)key->ifindex,
		.reason = drops_reason(drops->names, key->reason),
		.function = drops_function(drops->names, key->location),
		.ethertype = key->ethertype,
		.proto = key->proto,
		.dport = key->dport,
		.is_rest = is_rest,
		.n = count->n,
		.bytes = count->bytes,
		.first_ns = count->first_ns + to_realtime,
		.last_ns = count->last_ns + to_realtime };

	if (is_any(key->saddr, sizeof(key->saddr)) || is_any(key->daddr, sizeof(key->daddr))) {
		total.has_addresses = true;
		total.src.family = total.dst.family =
			key->ethertype == ETHERTYPE_IPV6 ? FAMILY_IPV6 : FAMILY_IPV4;
		memcpy(total.src.bytes, key->saddr, sizeof(total.src.bytes));
		memcpy(total.dst.bytes, key->daddr, sizeof(total.dst.bytes));
	}
	return total;
}

/* Nothing is ever taken out of the map, so that each key has a next one until the last. */
static bool read_totals(struct arena *arena, struct drops *drops, int map, unsigned max,
	totals_vec *totals, struct err *err)
{
	uint64_t to_realtime = to_realtime_ns();
	struct drops_key key, next;
	struct drops_count count;

	for (unsigned n = 0; n < max; n++) {
		if (bpf_map_get_next_key(map, n ? &key : NULL, &next) != 0) {
			if (errno == ENOENT)
				break;
			return err_system(err, errno, "cannot read the totals of drops");
		}
		key = next;
		if (bpf_map_lookup_elem(map, &key, &count) == 0 && count.n)
			*vec_push(totals, arena) =
				total_of(drops, &key, &count, to_realtime, map == drops->rest);
	}
	return true;
}

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int by_kind(const void *left, const void *right)
{
	const struct drop_total *a = left, *b = right;
	const int orders[] = { COMPARE(a->netns, b->netns), COMPARE(a->link, b->link),
		strcmp(a->reason, b->reason), strcmp(a->function, b->function),
		COMPARE(a->ethertype, b->ethertype), COMPARE(a->proto, b->proto),
		COMPARE(a->is_rest, b->is_rest), COMPARE(a->has_addresses, b->has_addresses),
		addr_compare(&a->src, &b->src), addr_compare(&a->dst, &b->dst),
		COMPARE(a->dport, b->dport) };

	for (size_t i = 0; i < N_OF(orders); i++)
		if (orders[i])
			return orders[i];
	return 0;
}

static int by_number(const void *left, const void *right)
{
	const struct drop_total *a = left, *b = right;

	return a->n != b->n ? COMPARE(b->n, a->n) : by_kind(a, b);
}

/* The kernel counts by places in its code, and a function has several of them. */
static void join_places(totals_vec *totals)
{
	size_t n = 0;

	for (size_t i = 0; i < totals->n; i++) {
		struct drop_total *last = n ? &totals->items[n - 1] : NULL,
				  *total = &totals->items[i];

		if (!last || by_kind(last, total) != 0) {
			totals->items[n++] = *total;
			continue;
		}
		last->n += total->n;
		last->bytes += total->bytes;
		if (total->first_ns < last->first_ns)
			last->first_ns = total->first_ns;
		if (total->last_ns > last->last_ns)
			last->last_ns = total->last_ns;
	}
	totals->n = n;
}

bool drops_totals(struct arena *arena, struct drops *drops, struct drop_total **ret, size_t *ret_n,
	struct err *err)
{
	totals_vec totals = { 0 };

	if (!read_totals(arena, drops, drops->totals, drops->n_places, &totals, err) ||
		!read_totals(arena, drops, drops->rest, DROPS_REST, &totals, err))
		return false;
	if (totals.n) {
		qsort(totals.items, totals.n, sizeof(*totals.items), by_kind);
		join_places(&totals);
		qsort(totals.items, totals.n, sizeof(*totals.items), by_number);
	}
	*ret = totals.items;
	*ret_n = totals.n;
	return true;
}

bool drops_lost(const struct drops *drops, struct drops_lost *ret, struct err *err)
{
	struct bpf_prog_info info = { 0 };
	struct drops_state state;
	__u32 size = sizeof(info);
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(drops->state, &zero, &state) != 0 ||
		bpf_obj_get_info_by_fd(drops->program, &info, &size) != 0)
		return err_system(err, errno, "cannot read how many drops were not told");
	*ret = (struct drops_lost){ .sightings = state.not_sampled,
		.totals = state.not_counted,
		.unseen = info.recursion_misses };
	return true;
}
