/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DOCTOR_DOCTOR_H
#define DOCTOR_DOCTOR_H

#include "explain/report.h"
#include "host/edit.h"
#include "ruleset/owner.h"

/*
 * What goes wrong on hosts with virtual machines, found by asking the walk (explain/explain.h): nothing is reported that
 * it does not show, and no fix is offered that was not tried in a copy of the host. Pure.
 *
 * A check (check.h) is one file, check_*.c, that looks for one kind of trouble: its evidence, a witness packet, fixes. Checks that ask
 * "what does somebody else do to the packets of the ports?" share one look at all packets of all ports (sweep.h).
 */

/* How much it matters, worst first. */
enum severity {
	SEVERITY_BROKEN, /* packets of a port are lost or changed, now */
	SEVERITY_OPEN,	 /* something gets through that should not */
	SEVERITY_RISK,	 /* one more thing, which a user may do, and packets are lost or changed */
	SEVERITY_HINT,	 /* nothing is lost; it is in the way of whoever looks next */
	N_SEVERITIES,
};
const char *severity_name(enum severity severity); /* "broken" */

/* What is quoted of the host. */
struct proof {
	const char *
		kind; /* "rule", "policy", "sysctl", "route", "link", "flow", "address", "socket" */
	const char *
		where; /* "rule 1 of chain POSTROUTING, table nat (iptables), line 12"; "" when text says it */
	const char *text; /* as the host's own tools print it */
};

/* A thing to do. What was tried: edits, in this order, in the namespace of the finding. */
struct fix {
	const char *name; /* "guard": stable, and what --fix takes behind the finding's id */
	const char *
		words; /* a phrase: "a first rule of POSTROUTING that spares what leaves by qbr+" */
	const char *
		consequence; /* sentences: what it costs, and what undoes it; NULL: nothing to know */
	const struct host_edit
		*edits; /* n_edits 0: portwall does not do it itself; the commands are advice */
	size_t n_edits;
	const char *
		commands; /* lines for a shell in the namespace; a check leaves it NULL: those of the edits */
	const char *undo;   /* the same for the way back; "" when there is none */
	const char *proved; /* a sentence: what the walk said with it in place */
	bool is_recommended;
};

struct finding {
	const struct check *check;
	const char *id; /* CHECK, or CHECK.WHICH: the same on the next run; no spaces */
	enum severity severity;
	const struct netns *ns;
	const char *title;   /* one line, without full stop */
	const char *symptom; /* what users see: sentences */
	struct owner owner;  /* of what is in the way; name NULL: nobody's */
	struct {
		VEC(struct proof);
	} proofs;
	/* A packet that shows it. NULL: it is about no packet in particular (a HINT). */
	const struct report *witness;
	/* Further packets that show it, at other ports: a fix cures them all. */
	struct {
		VEC(struct query);
	} others;
	struct {
		VEC(const char *);
	} ports; /* devices that it was seen at; in the order of the host */
	struct {
		VEC(struct fix);
	} fixes;
};

/* A check could not be made, or not at this port. */
struct untold {
	const struct check *check; /* NULL: all of them lack it */
	const char *why;	   /* a phrase: "iptables-legacy of netns blue was not read: ..." */
	const char *next;	   /* a sentence: what makes it known; NULL: nothing */
	size_t n;		   /* at how many places */
};

struct doctor;
struct check {
	const char *id;	   /* "nat-source": stable */
	const char *title; /* what it finds: a phrase */
	const char
		*description; /* sentences: what goes wrong, how it is found, for docs and --list */
	const char *const *references; /* issues, bugs, sources; NULL at the end */
	void (*run)(struct doctor *doctor, const struct check *check);
};
/* In the order in which they are made. */
extern const struct check *const doctor_checks[];
extern const size_t doctor_n_checks;

struct doctor_options {
	const char *const *only; /* ids of checks; n_only 0: all */
	size_t n_only;
	void (*progress)(void *data, const char *stage); /* NULL: nobody */
	void *progress_data;
};
struct diagnosis {
	struct {
		VEC(struct finding *);
	} findings; /* worst first, then by check and host */
	struct {
		VEC(struct untold);
	} untold;
	size_t n_checks, n_ports; /* made; looked at */
};

/* Is each of them a check's id? Else ERR_INPUT. */
bool doctor_check_names(const char *const *ids, size_t n, struct err *err);
/* All lives in arena; host must live as long. False: an id of options->only is no check's (ERR_INPUT). */
bool doctor_run(struct arena *arena, const struct host *host, const struct doctor_options *options,
	struct diagnosis *ret, struct err *err);

/* By id, or by an id and a fix: "nat-source.qbr1", "nat-source.qbr1:mark". fix: NULL when none is named: the
 * recommended one is meant then. Errors: there is none of that name (the nearest one is told). */
bool diagnosis_find(const struct diagnosis *diagnosis, const char *id, const struct finding **ret,
	const struct fix **ret_fix, struct err *err);

#endif
