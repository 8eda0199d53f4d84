/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROVE_AUDIT_H
#define PROVE_AUDIT_H

#include "base/vec.h"
#include "packet/classes.h"
#include "ruleset/eval.h"
#include "ruleset/owner.h"

/*
 * What can be said of a ruleset that nobody wrote a policy for: what it lets pass, which rules no packet can match, which
 * sources it lets in by which interface, and what it passes that another one does not. All packets are asked at once, at each
 * hook those that can come to it: with an input interface where there is one, with an output interface where there is one.
 *
 * What cannot be told is a boolean of the sets: a match that nobody can compute, and whether what a target does that is not modelled,
 * or a program that takes packets (NFQUEUE), lets them pass. So the answers say "for some value of it".
 *
 *	sets = audit_world(..); audit_new(..); audit_find_dead(..); audit_...; sets_free
 *
 * audit_new and audit_find_dead give back nodes of the world: sets that somebody else has of it are void behind them.
 * All that is given lives in the arena, and as long as the world.
 */

/* Which addresses belong behind an interface. */
struct assignment {
	const char *iface; /* "eth0"; "eth+": all that begin so */
	const struct prefix *prefixes;
	size_t n_prefixes;
};

/* A world for one ruleset, or for two that are compared (other: NULL for none). */
struct sets *audit_world(const struct ruleset *rs, const struct ruleset *other,
	const struct assignment *assignments, size_t n_assignments);

struct audit;

/*
 * place: "forward" (a hook with all its base chains), "filter/FORWARD" (one base chain); NULL: all hooks.
 * other: of the same world, made before, is kept; NULL: none. Nothing at all for this family is no error: then there is no place.
 */
bool audit_new(struct arena *arena, struct sets *sets, const struct ruleset *rs, enum family family,
	const char *place, struct audit *other, struct audit **ret, struct err *err);

/* Where packets are judged. */
struct audit_place {
	enum hook hook;
	const struct hook_chain *chains;
	size_t n_chains;
	struct packet_set asked;  /* all that can come there */
	struct packet_set passed; /* those that every chain accepts, as they look then */
	bool is_order_unknown;	  /* of two chains: passed is what some order passes */
};
/* Those that have chains, in the order of the hooks. */
const struct audit_place *audit_places(const struct audit *audit, size_t *ret_n);

/* A rule, or the policy of a base chain (rule NULL, number 0). */
struct audit_rule {
	const struct table *table;
	const struct chain *chain;
	const struct rule *rule;
	size_t number; /* in the chain, from 1 */
};
/* "rule 3 of filter FORWARD", "the policy of filter FORWARD" */
void audit_rule_print(struct text *out, const struct audit_rule *rule);
struct owner audit_rule_owner(struct arena *arena, const struct audit_rule *rule);
/* As the ruleset has it: "-A FORWARD -s 10.0.0.0/8 -j DROP", "policy DROP" */
void audit_rule_print_text(struct text *out, const struct audit_rule *rule);

/* ---- what it allows ---- */

/* "tcp/443", "udp/53", "tcp/8000-8080", "icmp", "esp": new, and of TCP SYN alone, from port 10000. */
bool audit_service_parse(struct sets *sets, enum family family, const char *words,
	struct service *ret, struct err *err);
/* among: SET_FULL, or only these packets. */
bool audit_matrix(const struct audit *audit, const struct audit_place *place,
	const struct service *services, size_t n_services, struct packet_set among,
	struct arena *arena, struct service_matrix *ret, struct err *err);

/*
 * The question of fffuu (Diekmann and others), for its answer: at least all that a base chain of iptables ("filter/FORWARD") accepts over IPv4.
 * A match on anything but addresses, protocols, ports, TCP's flags and states may hold or not, at each rule anew, and so may one on an
 * interface. assignments: behind these interfaces are these sources only; where each interface that rules ask for has some, and no two
 * the same, the source stands for the interface. False: ERR_INPUT, a target that fffuu does not know or no such chain; else what became of the world.
 */
bool audit_pass_loosely(struct sets *sets, const struct ruleset *rs, const char *place,
	const struct assignment *assignments, size_t n_assignments, struct packet_set *ret,
	struct err *err);

/* Where it is not known what becomes of packets; the answers above count those as perhaps passed. */
struct audit_open {
	struct audit_rule rule;
	const char *why; /* a phrase; NULL: its target is not modelled */
};
void audit_find_open(
	const struct audit *audit, struct arena *arena, struct audit_open **ret, size_t *ret_n);

/* ---- rules that no packet can match ---- */

enum dead_reason {
	DEAD_SHADOWED, /* earlier rules take all that would match it; by: some that are enough. None: who does cannot be said */
	DEAD_CONTRADICTION, /* no packet has all that it asks for */
	DEAD_EMPTY_SET,	    /* its set has no members */
	DEAD_NOT_CALLED_SO, /* those that call its chain never send it such packets; by: these */
	DEAD_NOT_AT_HOOK,   /* no such packet comes to this hook */
};
const char *dead_reason_name(enum dead_reason reason); /* "shadowed" */
struct audit_dead {
	struct audit_rule rule;
	enum dead_reason reason;
	const char *set_name; /* DEAD_EMPTY_SET */
	struct {
		VEC(struct audit_rule);
	} by;	       /* in the order in which packets meet them */
	bool has_more; /* there are more */
	bool is_unsure; /* some of its packets end at a rule that is not modelled: then it may live */
};
/* A chain that no packet comes to: its rules are not listed one by one. */
struct audit_unreached {
	const struct table *table;
	const struct chain *chain;
	bool is_called; /* by rules that no packet matches, or that are in such chains */
};
/* Of tables of inet those that are dead for both families. */
struct audit_deads {
	const struct audit_dead *dead; /* in the order of the tables */
	size_t n_dead;
	const struct audit_unreached *unreached; /* asked at all hooks only */
	size_t n_unreached;
	size_t n_rules; /* that were looked at */
};
bool audit_find_dead(
	struct audit *audit, struct arena *arena, struct audit_deads *ret, struct err *err);

/* ---- sources ---- */

/* What comes in as the first packet of a connection, by interfaces that are treated alike. */
struct audit_sources {
	struct {
		VEC(const char *);
	} ifaces;     /* "eth0", "eth+" */
	bool is_rest; /* and all that no rule names */
	struct address_class sources;
	bool is_everything;
};
bool audit_find_sources(const struct audit *audit, const struct audit_place *place,
	struct arena *arena, struct audit_sources **ret, size_t *ret_n, struct err *err);

/* Does this interface let in new connections from its addresses only? */
struct audit_certificate {
	const struct assignment *assignment;
	bool is_certain;
	struct packet witness; /* else: one that comes in and should not */
	struct packet_set others;
};
bool audit_certify(const struct audit *audit, const struct audit_place *place,
	const struct assignment *assignment, struct audit_certificate *ret, struct err *err);

/* ---- two rulesets ---- */

struct audit_difference {
	bool is_first; /* the first one passes these, the other does not; else the other way */
	struct packet_set set;
	struct packet_set shown; /* the same, without what all that comes there has in common */
	struct packet witness;
	struct audit_rule passing, losing; /* who decides on each side */
	enum verdict verdict;		   /* of the losing one */
	bool is_always; /* whatever the booleans are; else for some value of them */
};
struct audit_comparison {
	const struct audit_difference *differences;
	size_t n;
	struct packet_set rest[2]; /* those that are not in the list, by direction */
	/* Fields that rules change and ask for: then that nothing differs is not proved. */
	uint64_t changed;
};
/* Two of the same family and world. place_a or place_b NULL: that one has no chain there, and passes everything. */
bool audit_compare(const struct audit *a, const struct audit_place *place_a, const struct audit *b,
	const struct audit_place *place_b, struct arena *arena, struct audit_comparison *ret,
	struct err *err);

#endif
