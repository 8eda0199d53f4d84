/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"
#include "compile/compile.h"
#include "host/host.h"
#include "kernel/kernel.h"
#include "policy/policy.h"
#include "ruleset/plan.h"

/*
 * Time and order: read, compile, diff, commit, cut. One pass brings a host to its policy; it is
 * the same pass for the first apply, for one changed rule, for clear (an empty policy).
 */

struct agent_options {
	const char *chain_prefix; /* NULL: Neutron's */
	const char *backend;	  /* "auto", "nft", "legacy" */
	bool dry_run;		  /* plan only */
	bool takeover;		  /* of chains that another agent made */
	bool allow_missing;	  /* ports whose interface is not there yet are closed ahead */
	bool is_looking;	  /* show: a port that cannot be filtered is a warning */
	bool fix_sysctl;	  /* turn on the switches of bridges that ports need */
	unsigned lock_wait_s;
	/* The file that an applied policy was read from, kept for show and groups; NULL: not kept. */
	const struct text *source;
	/* Told at the start of each stage of a pass ("writing the rules"); NULL: nobody. */
	void (*progress)(void *data, const char *stage);
	void *progress_data;
};

/* What a pass did or would do; everything lives in the caller's arena. */
struct agent_report {
	enum backend backend;
	const struct plan *plan;
	size_t n_local_ports, n_remote_ports;
	size_t n_flows_cut;
	const char *const *switched; /* "br0 nf_call_iptables": turned on; off by clear */
	size_t n_switched;
	const char *const *warnings; /* sentences: "groups are not enforced on br0: ..." */
	size_t n_warnings;
};

bool agent_apply(struct arena *arena, const struct policy *policy,
	const struct agent_options *options, struct agent_report *ret, struct err *err);
/* The host as it was before portwall: chains, sets, nft table, notes of the mark. */
bool agent_clear(struct arena *arena, const struct agent_options *options, struct agent_report *ret,
	struct err *err);

/*
 * What stands in the kernel for a policy: what was compiled (with origins) beside what was found
 * (with counters). Whoever shows it looks each wanted rule up in the found chain.
 */
struct agent_view {
	enum backend backend;
	struct plan_scope scope;
	const struct netns *host;
	const struct policy *policy;
	const struct plug *plugs;
	size_t n_plugs;
	const struct ruleset *wanted, *found;
	const char *const *warnings; /* as in the report */
	size_t n_warnings;
};

bool agent_view_read(struct arena *arena, const struct policy *policy,
	const struct agent_options *options, struct agent_view *ret, struct err *err);

/* The same of a host as it was read, or as a file has it: nothing is read, and found is all that stands there, of
 * whatever program. Warnings only of ports and bridges. */
bool agent_view_make(struct arena *arena, const struct policy *policy,
	const struct agent_options *options, const struct netns *host, struct agent_view *ret,
	struct err *err);

/* view.c: the rules of a port in both, row by row: of the chains i, o, s of each family and of the bridge family's. */
struct view_row {
	const struct rule *wanted; /* NULL: found only */
	const struct rule *found;  /* NULL: missing */
	size_t line;		   /* of the found chain, from 1 */
	const struct policy_rule
		*policy_rule; /* a wanted rule that serves several has a row for each */
};
struct view_section {
	enum family family;
	enum direction direction;
	const char *table, *chain;
	VEC(struct view_row) rows;
};
void agent_view_sections(struct arena *arena, const struct agent_view *view,
	const struct policy_port *port, struct view_section **ret, size_t *ret_n);
bool view_row_is_drop(const struct view_row *row);

/* A policy file ("-" is standard input) for this host; ret_text as for policy_load. */
bool agent_policy_read(struct arena *arena, const char *path, struct text *ret_text,
	const struct policy **ret, struct err *err);
/* The policy that was applied last in this namespace. */
bool agent_policy_load(struct arena *arena, const struct policy **ret, struct err *err);

/* log.c: what happened, for who runs it as a service: "<6>event=EVENT KEY=VALUE ..." on standard error. Pairs of texts
 * end with NULL; a pair without a value is left out. */
enum log_level { LOG_ERROR = 3, LOG_WARNING = 4, LOG_NOTICE = 5, LOG_INFO = 6 }; /* of syslog */
void agent_log(enum log_level level, const char *event, ...) __attribute__((sentinel));

#endif
