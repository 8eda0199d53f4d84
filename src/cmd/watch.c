// SPDX-License-Identifier: GPL-2.0-or-later
/* portwall watch: packets on the wire, at every point of their path, as they pass. */
#include "cmd/watch.h"

#include <stdio.h>

#include "kernel/kernel.h"

#define SECOND_NS 1000000000ull

struct watching {
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

	if (inv->json) {
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

static bool check_usage(const struct invocation *inv, struct err *err)
{
	if (!inv->in || !*inv->in) {
		err_input(err, "watch: at which port?");
		return err_next(err,
			"--in DEVICE, or the name of its machine; portwall explain knows the same names");
	}
	return kernel_must_be_admin(err);
}

bool cmd_watch(struct invocation *inv, struct err *err)
{
	struct watch_session session CLEANUP(
		watch_session_close) = { .inv = inv, .entry = inv->in, .netns = inv->netns };
	struct watching watching = { 0 };
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (inv->drops)
		return watch_drops(inv, err);
	if (!check_usage(inv, err) || !find_filter(inv, &session.filter, err) ||
		!watch_session_open(&session, err))
		return false;
	watch_print_begin(&session);
	if (!watch_session_run(&session, inv->for_s ? watch_now_ns() + inv->for_s * SECOND_NS : 0,
		    tell, &watching, err))
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
