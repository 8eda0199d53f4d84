// SPDX-License-Identifier: GPL-2.0-or-later
/* portwall watch: packets on the wire, at every point of their path, as they pass. */
#include "cmd/watch_live.h"

#include <stdio.h>

#include "kernel/kernel.h"

#define SECOND_NS 1000000000ull

struct watching {
	struct watch_live *live; /* NULL: lines are printed */
	struct watch_file *file; /* NULL: no --pcap */
	struct err *err;	 /* of the file */
	bool has_failed;
	size_t n;
	enum exit_code worst;
};

static void print_line(json_t *value)
{
	json_dumpf(value, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putchar('\n');
	fflush(stdout);
	json_decref(value);
}

static bool tell(void *data, struct watch_session *session, const struct watched *watched,
	const struct watch_answer *answer)
{
	struct watching *watching = data;
	const struct invocation *inv = session->inv;
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (watching->file &&
		!watch_file_add(watching->file, session, watched, answer, watching->err)) {
		watching->has_failed = true;
		return false;
	}
	if (watching->live) {
		watch_live_add(watching->live, session, watched, answer);
	} else if (inv->json) {
		print_line(watch_json_answer(session, watched, answer));
	} else {
		watch_print_answer(session, &out, watched, answer);
		output_print_text(&out);
		fflush(stdout);
	}
	watching->n++;
	watching->worst =
		explain_worse(watching->worst, explain_exit(answer->seen.explanation->final));
	return !inv->count || watching->n < inv->count;
}

static bool find_filter(struct invocation *inv, const struct filter **ret, struct err *err)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;
	struct filter *filter;

	for (size_t i = 0; i < inv->n_args; i++)
		text_addf(&words, "%s%s", i ? " " : "", inv->args[i]);
	if (!filter_parse(inv->arena, words.data, &filter, err))
		return false;
	*ret = filter;
	return true;
}

static bool check_usage(struct invocation *inv, struct err *err)
{
	if (inv->in && inv->port)
		return err_input(err, "watch: --in and --port exclude each other");
	if (inv->port && *inv->port)
		inv->in = watch_port_device(inv->arena, inv->port);
	if (!inv->drops && (!inv->in || !*inv->in)) {
		err_input(err, "watch: at which port?");
		return err_next(err, "--port PORT, or --in DEVICE; portwall show lists ports");
	}
	return kernel_must_be_admin(err);
}

/* The terminal is the live view's no longer than this: whatever comes of it is told where it can be read afterwards. */
static bool watch(struct watch_session *session, struct watching *watching, struct err *err)
{
	struct watch_live *live CLEANUP(watch_live_close) = NULL;
	const struct invocation *inv = session->inv;
	uint64_t end_ns = inv->for_s ? watch_now_ns() + inv->for_s * SECOND_NS : 0;

	if (watch_live_is_wanted(inv))
		watch_live_open(session, &live);
	watching->live = live;
	session->turn = live ? watch_live_turn : NULL;
	session->turn_data = live;
	return watch_session_run(session, end_ns, tell, watching, err) && !watching->has_failed;
}

bool cmd_watch(struct invocation *inv, struct err *err)
{
	struct watch_session session CLEANUP(watch_session_close) = { .inv = inv };
	struct watch_file *file CLEANUP(watch_file_close) = NULL;
	struct watching watching = { .err = err };
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (!check_usage(inv, err))
		return false;
	if (inv->drops)
		return watch_drops(inv, err);
	session.entry = inv->in;
	session.netns = inv->netns;
	if (!find_filter(inv, &session.filter, err) || !watch_session_open(&session, err) ||
		(inv->pcap_dir && !watch_file_open(inv->pcap_dir, &file, err)))
		return false;
	watching.file = file;
	watch_print_begin(&session);
	if (file)
		fprintf(stderr, "writing %s\n", watch_file_path(file));
	if (!watch(&session, &watching, err))
		return false;
	if (inv->json) {
		print_line(watch_json_counts(&session));
	} else {
		watch_print_counts(&session, &out);
		output_print_text(&out);
	}
	/* that nothing came is no answer of what would become of it */
	inv->exit = watching.n ? watching.worst : EXIT_CANNOT_TELL;
	return true;
}
