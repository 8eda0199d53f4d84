// SPDX-License-Identifier: GPL-2.0-or-later
/* Drops by their cause, for people and for programs. */
#include "cmd/watch_drops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "packet/expr.h"

/* What is kept of a report, because the host that it is of does not last. */
struct told {
	const char *text; /* lines */
	const char *json; /* as report_json */
};

void *drops_tell(void *data, struct arena *arena, const struct report *report)
{
	struct invocation *inv = data;
	struct told *told = arena_new_one(arena, struct told);
	struct text out CLEANUP(text_done) = TEXT_INIT;
	json_t *value;
	char *dumped;

	if (!inv->json) {
		text_add(&out, "  explain: ");
		report_print_verdict(&out, report);
		text_add(&out, "\n");
		report_print_deciders(&out, report);
		report_print_changes(inv, &out, report);
		told->text = arena_strdup(arena, out.data);
		return told;
	}
	value = report_json(report, false);
	/* the way is long, and not asked for */
	json_object_del(value, "path");
	dumped = json_dumps(value, JSON_COMPACT);
	told->json = arena_strdup(arena, dumped ? dumped : "{}");
	free(dumped);
	json_decref(value);
	return told;
}

void drops_print_begin(const struct drops_session *session)
{
	fprintf(stderr, "watching what is dropped at");
	if (session->inv->in)
		vec_for_each (device, &session->devices)
			fprintf(stderr, "%s %s", device == session->devices.items ? "" : ",",
				device->name);
	else
		fprintf(stderr, " %zu ports and bridges", session->devices.n);
	fprintf(stderr, "%s\n",
		session->is_cut_short ? " (and not the other ports of large bridges)" : "");
	if (isatty(STDOUT_FILENO) && !session->inv->json)
		fprintf(stderr, "Ctrl-C ends it\n");
}

static void add_peer(struct text *out, const struct loss *loss)
{
	if (loss->has_peer)
		addr_print(out, &loss->peer);
	else
		text_add(out, "-");
}

/* Why nothing better than the kernel's reason is told. */
static const char *unknown_words(const struct loss *loss)
{
	if (loss->is_asked)
		return "explain does not know why";
	return loss->has_packet ? "not asked of explain: there are too many different ones"
				: "not asked of explain: no packet of it is known";
}

/* --- text --- */

static void print_loss(const struct invocation *inv, struct text *out, const struct loss *loss)
{
	const struct told *told = loss->told;
	struct text peer CLEANUP(text_done) = TEXT_INIT;

	add_peer(&peer, loss);
	output_add(inv, out, COLOUR_BOLD, "%9llu %11llu  %-15s  %-15s  ",
		(unsigned long long)loss->n, (unsigned long long)loss->bytes, loss->port,
		peer.data);
	text_addf(out, "%s at %s", loss->reason, loss->function);
	if (inv->brief) {
		text_add(out, "\n");
		return;
	}
	if (strcmp(loss->port, loss->device) != 0)
		text_addf(out, " (at %s)", loss->device);
	text_addf(out, "\n  %s: ",
		!loss->has_packet || loss->is_sample ? "packet" : "packet, by its addresses");
	if (loss->has_packet)
		packet_expr_print(out, &loss->packet);
	else
		text_add(out, "not known");
	if (loss->n_kinds > 1)
		text_addf(out, " (and %zu kinds more)", loss->n_kinds - 1);
	text_add(out, "\n");
	if (loss->entry == LOSS_ENTRY_ASSUMED && loss->came_in)
		text_addf(out,
			"  it came in by an unknown port; by any that explain loses it from the cause is the same (asked: %s)\n",
			loss->came_in);
	if (told)
		text_add(out, told->text);
	else
		text_addf(out, "  %s\n", unknown_words(loss));
}

static void add_lost(struct text *out, const struct drops_lost *lost)
{
	if (lost->sightings)
		text_addf(out,
			"not sampled: %llu (they are counted; packets are built of their addresses)\n",
			(unsigned long long)lost->sightings);
	if (lost->totals)
		text_addf(out, "not counted, as there are too many different ones: %llu\n",
			(unsigned long long)lost->totals);
	if (lost->unseen)
		text_addf(out, "not seen: up to %llu, anywhere on this host\n",
			(unsigned long long)lost->unseen);
}

void drops_print(struct drops_session *session, struct text *out, size_t max)
{
	const struct invocation *inv = session->inv;
	size_t n;
	const struct loss *const *losses = losses_list(session->losses, &n);

	if (n)
		text_addf(out, "%9s %11s  %-15s  %-15s  %s\n", "packets", "bytes", "port", "peer",
			"reason of the kernel");
	for (size_t i = 0; i < n && i < max; i++)
		print_loss(inv, out, losses[i]);
	if (n > max)
		text_addf(out, "and %zu more\n", n - max);
	text_addf(out, "%s%llu packets lost in %llu s\n", n ? "\n" : "",
		(unsigned long long)losses_n(session->losses),
		(unsigned long long)((watch_now_ns() - session->begin_ns) / 1000000000u));
	if (losses_n_none(session->losses))
		text_addf(out, "not counted as losses: %llu\n",
			(unsigned long long)losses_n_none(session->losses));
	add_lost(out, &session->lost);
}

/* --- JSON --- */

static json_t *json_packet(const struct loss *loss)
{
	struct text packet CLEANUP(text_done) = TEXT_INIT;

	if (!loss->has_packet)
		return json_null();
	packet_expr_print(&packet, &loss->packet);
	return json_string(packet.data);
}

static json_t *json_peer(const struct loss *loss)
{
	struct text peer CLEANUP(text_done) = TEXT_INIT;

	if (!loss->has_peer)
		return json_null();
	addr_print(&peer, &loss->peer);
	return json_string(peer.data);
}

static void set_told(json_t *entry, const struct loss *loss)
{
	static const char *const keys[] = { "words", "drop_reason", "decided_by", "change" };
	const struct told *told = loss->told;
	json_t *report = told ? json_loads(told->json, 0, NULL) : NULL;

	for (size_t i = 0; i < N_OF(keys); i++) {
		json_t *value = report ? json_object_get(report, keys[i]) : NULL;

		json_object_set(entry, keys[i], value ? value : json_null());
	}
	if (!report)
		json_object_set_new(entry, "words", json_string(unknown_words(loss)));
	json_object_set_new(entry, "by", report ? json_string("explain") : json_null());
	json_decref(report);
}

static json_t *json_loss(const struct loss *loss)
{
	static const char *const entries[] = { [LOSS_ENTRY_UNKNOWN] = "unknown",
		[LOSS_ENTRY_KNOWN] = "known",
		[LOSS_ENTRY_ASSUMED] = "assumed" };
	json_t *entry = json_pack("{s:o, s:o, s:o, s:I, s:I, s:s, s:s}", "device",
		output_json_words(loss->device), "netns", output_json_words(loss->netns), "port",
		output_json_words(loss->port), "n", (json_int_t)loss->n, "bytes",
		(json_int_t)loss->bytes, "reason", loss->reason, "function", loss->function);

	json_object_set_new(entry, "peer", json_peer(loss));
	json_object_set_new(entry, "packet", json_packet(loss));
	json_object_set_new(entry, "sampled", json_boolean(loss->is_sample));
	json_object_set_new(entry, "kinds", json_integer((json_int_t)loss->n_kinds));
	json_object_set_new(
		entry, "came_in", loss->came_in ? output_json_words(loss->came_in) : json_null());
	json_object_set_new(entry, "entry", json_string(entries[loss->entry]));
	set_told(entry, loss);
	json_object_set_new(entry, "first", watch_json_time(loss->first_ns));
	json_object_set_new(entry, "last", watch_json_time(loss->last_ns));
	return entry;
}

json_t *drops_json(struct drops_session *session)
{
	json_t *list = json_array();
	size_t n;
	const struct loss *const *losses = losses_list(session->losses, &n);

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_loss(losses[i]));
	return json_pack("{s:I, s:o, s:I, s:{s:I, s:I, s:I}}", "n",
		(json_int_t)losses_n(session->losses), "drops", list, "not_losses",
		(json_int_t)losses_n_none(session->losses), "lost", "samples",
		(json_int_t)session->lost.sightings, "totals", (json_int_t)session->lost.totals,
		"unseen", (json_int_t)session->lost.unseen);
}
