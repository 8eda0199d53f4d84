/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_KEEPHOST_H
#define TESTS_KEEPHOST_H

#include "agent/keep.h"
#include "networld.h"

/*
 * A host of networld.h with a keeper in place of single passes. It is paranoid: each change is compared with a full recompute,
 * and a difference fails the test.
 */
struct keephost {
	struct world *world;
	struct serve_options options;
	struct keeper *keeper;
	struct arena *policy_arena; /* of the last policy */
	const struct policy *policy;
	struct arena *arena; /* of the last result */
	struct keeper_result result;
};

void keephost_init(struct keephost *h, struct world *world);
void keephost_done(struct keephost *h);
/* As a service that ends, and begins again. */
void keephost_close(struct keephost *h);
void keephost_open(struct keephost *h);

/* These fail the test when they are refused. Ports that fail are no refusal. */
void keephost_change(struct keephost *h, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void keephost_links(struct keephost *h);
void keephost_repair(struct keephost *h);
void keephost_retry(struct keephost *h);
/* A policy that is parsed and was not refused as such; false: refused. */
bool keephost_try(struct keephost *h, const char *yaml, struct err *err);
/* From a text to the keeper's wanted policy: false where the text is no policy. */
bool keephost_parse(
	const char *yaml, struct arena **ret_arena, const struct policy **ret, struct err *err);

/* The state of a port; PORT_REMOTE where it is not there. */
struct serve_port keephost_port(struct keephost *h, const char *port_id);
/* An event of the last result; NULL: there is none. subject NULL: any. */
const char *keephost_event(const struct keephost *h, const char *what, const char *subject);
/* Counts, shoots and judges as networld does, by what the keeper wants. */
void keephost_look(struct keephost *h);

/*
 * In front of iptables' and ip6tables' restore: lines of a shell in which $TOOL is the program. Of this process, and of those that it
 * begins.
 */
void keephost_wrap_restore(const struct world *world, const char *script);
void keephost_unwrap_restore(void);

#endif
