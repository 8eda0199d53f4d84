// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include <string.h>

#include "base/vec.h"
#include "explain/explain.h"
#include "host/file.h"
#include "packet/expr.h"

#define MAX_DEVICES 8
#define MAX_STEPS   500

static const char *const packets[] = { "tcp 10.0.0.5:40000 10.0.0.9:443 syn",
	"udp 2001:db8::5:53 2001:db8::9:53", "icmp any any", "arp request 10.0.0.5 10.0.0.9" };

static void walk(const struct explainer *explainer, const struct netns *ns, const struct link *in,
	const char *text)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct query query = {
		.from = in ? FROM_DEVICE : FROM_PROCESS, .ns = ns, .in = in, .max_steps = MAX_STEPS
	};
	const struct explanation *explanation;
	struct err err;

	if (!packet_expr_parse(text, &query.packet, &err))
		return;
	explanation = explain(arena, explainer, &query);
	fuzz_check(explanation->final != FINAL_NONE && explanation->leaves.n > 0);
}

/* Whatever a host says of itself, a packet ends somewhere on it. */
static void packets_end(struct arena *arena, const struct host *host)
{
	const struct explainer *explainer = explainer_new(arena, host);

	for (size_t n = 0; n < host->n_netns && n < 2; n++) {
		const struct netns *ns = &host->netns[n];

		for (size_t p = 0; p < N_OF(packets); p++) {
			walk(explainer, ns, NULL, packets[p]);
			for (size_t i = 0; i < ns->n_links && i < MAX_DEVICES; i++)
				walk(explainer, ns, &ns->links[i], packets[p]);
		}
	}
}

/* Any bytes: refused, or a host that packets can travel and that prints, parses and prints to the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text first CLEANUP(text_done) = TEXT_INIT, second CLEANUP(text_done) = TEXT_INIT;
	const struct host *host = NULL, *again = NULL;
	struct err err = { 0 };

	if (!host_parse(arena, "fuzz", (const char *)data, size, &host, &err)) {
		fuzz_check(err.kind != ERR_NONE && err.text[0]);
		return 0;
	}
	packets_end(arena, host);
	host_print(&first, host);
	fuzz_check(host_parse(arena, "again", first.data, first.len, &again, &err));
	host_print(&second, again);
	fuzz_check(first.len == second.len && !memcmp(first.data, second.data, first.len));
	fuzz_check(host_redact(arena, host, &again, &err));
	return 0;
}
