/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_MENDHOST_H
#define TESTS_MENDHOST_H

#include "agent/mend.h"
#include "base/vec.h"

/*
 * A namespace with what fixes change: Docker's rules in one variant of iptables and both families, a bridge br0 with the port v0,
 * settings. The process stands in it.
 */
struct mendhost {
	const char *variant; /* "nft", "legacy" */
	struct arena *arena;
	struct text before; /* mendhost_shot of the beginning */
	VEC(struct host_edit) edits;
};

/* The rules of nat POSTROUTING, both families; NET is the family's prefix. */
#define MEND_NET4  "172.17.0.0/16"
#define MEND_NET6  "fd00:17::/64"
#define MEND_BROAD " ! -o docker0 -j MASQUERADE"
#define MEND_SPARE "-o qbr+ -j RETURN"

struct mendhost *mendhost_new(const char *variant);
void mendhost_free(struct mendhost *h);
void mendhost_freep(struct mendhost **h);

/* The edits that mendhost_mend does; texts must live as long. */
void mendhost_rule(struct mendhost *h, enum family family, const char *table, const char *chain,
	size_t at, const char *rule, const char *before);
void mendhost_sysctl(struct mendhost *h, const char *name, const char *before, const char *value);
void mendhost_link(struct mendhost *h, const char *name, enum link_flag flag, const char *before,
	const char *value);
void mendhost_table(struct mendhost *h, const char *name, const char *text, const char *before);
/* One of everything, in both families: eleven edits of four tools. */
void mendhost_everything(struct mendhost *h);

bool mendhost_mend(struct mendhost *h, const char *id, unsigned undo_after_s,
	struct mend_result *ret, struct err *err);
/* These fail the test when refused. The notes, a line each; until the next call. */
void mendhost_must_mend(struct mendhost *h, const char *id, unsigned undo_after_s);
const char *mendhost_must_unmend(struct mendhost *h, const char *id);
size_t mendhost_n_mended(struct mendhost *h);

/* What the tools say of all that fixes change: rules of both variants without counters, tables of nft, sysctls, links. */
void mendhost_shot(struct text *out);
/* All is as before; and it is not. */
void mendhost_must_be_as_before(struct mendhost *h);
void mendhost_must_differ(struct mendhost *h);
/* A chain's rules as this variant's save prints them, a line each, without "-A CHAIN "; until the next call. */
const char *mendhost_rules(
	struct mendhost *h, enum family family, const char *table, const char *chain);
/* "iptables-nft -t nat ..." */
void mendhost_iptables(struct mendhost *h, enum family family, const char *words);

#endif
