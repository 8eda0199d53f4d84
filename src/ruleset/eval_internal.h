/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_EVAL_INTERNAL_H
#define RULESET_EVAL_INTERNAL_H

#include "packet/field.h"
#include "ruleset/ask.h"
#include "ruleset/eval.h"
#include "ruleset/nft_eval.h"

/* Between the files of the evaluator: what one match says of one packet. */

/* nft's, or compiled as such */
static inline bool table_is_nft(const struct table *table)
{
	return table->source == SOURCE_NFT ||
	       (table->family == FAMILY_BRIDGE && table->source == SOURCE_IPTABLES);
}

/* The family of the packet: in a table of inet or of a device, that of its addresses. */
enum family packet_family(const struct packet *packet);

/* eval_match.c: what all kinds of rules have */
struct says match_eval(struct asking *asking, const struct match *match);
/* YES: all; NO: one does not; CANNOT_TELL: *ret is the first that could not be told. Of a set: those of
 * asking->set that all matches say yes to; the others are in asking->rest. */
struct says rule_matches(
	struct asking *asking, const struct rule *rule, const struct match **ret_unknown);
/* Which interface a table means: in those of frames, the bridge's port. */
enum field iface_field(const struct asking *asking, bool is_out);
struct says ask_has_port(struct asking *asking, enum field field);
const char *iface_name(const struct asking *asking, enum field field); /* "" for none */
/* A name, or with a wildcard what it begins with. */
bool iface_matches(const char *pattern, const char *iface, bool has_wildcard);
/* A later fragment of which ports or flags are read all the same. */
struct says ask_misread(struct asking *asking);
struct says ask_misread_of(struct asking *asking, uint8_t proto);
struct says says_unless_misread(struct asking *asking, struct says misread, struct says said);
bool set_contains_addr(const struct set *set, const struct addr *addr);

/* What a target does. */
struct effect {
	enum effect_kind {
		EFFECT_NONE,	/* goes on, nothing changed */
		EFFECT_CHANGE,	/* goes on with another packet */
		EFFECT_VERDICT, /* ends, with verdict (and nat, why) */
		EFFECT_RETURN,
		EFFECT_JUMP, /* to chain; NULL: there is none of that name */
		EFFECT_GOTO,
	} kind;
	enum verdict verdict;
	const struct chain *chain;
	struct nat nat;
	const char *why;
	struct changing changed;     /* EFFECT_CHANGE only */
	struct packet_set unchanged; /* the same, of a set: those that stay as they are */
};
/* Begins EFFECT_CHANGE, for those that "where" says yes to. */
void effect_change(const struct asking *asking, struct effect *ret, struct says where);
/* eval_target.c */
void target_effect(struct asking *asking, const struct target *target, struct effect *ret);
/* Of a set: does a map send its parts to different targets? Then target_part tells them: of element i, those
 * of asking->set that it takes, and their target. The element for all else is the last. False: no more. */
bool target_splits(const struct asking *asking, const struct target *target);
bool target_part(struct asking *asking, const struct target *target, size_t i,
	struct packet_set *ret, const struct target **ret_target);
/* eval_set.c: -m set */
struct says set_match_eval(struct asking *asking, const struct match *match);
/* eval_xt.c: the kinds of iptables' modules */
void ct_effect(struct asking *asking, const struct ct_target *ct, struct effect *ret);
/* flags: RPFILTER_... */
struct says ask_way_back(struct asking *asking, unsigned flags);
struct says match_eval_xt(struct asking *asking, const struct match *match);
void target_effect_xt(struct asking *asking, const struct target *target, struct effect *ret);
/* Does it only ever count, or act beside the packet? Then it does not matter whether it is reached. */
bool rule_is_beside(const struct table *table, const struct rule *rule);
/* What statements of nft in front of the target do, and targets of ebtables: true when there are such. */
bool rule_changes(struct asking *asking, const struct rule *rule, struct changing *changed);

/* eval_index.c: the rules of a chain that a packet has to be asked about, in order. */
#define N_IFACE_KINDS 4
struct asked {
	const struct chain_index *index; /* NULL: all of them */
	size_t named[N_IFACE_KINDS]; /* of each kind, the next that names the packet's interface */
};
void asked_begin(struct asked *asked, const struct chain *chain, const struct packet *packet);
/* The first from there on; behind the last: any number from n_rules on. What those that are passed
 * over would have looked at is or-ed into decided. */
size_t asked_next(struct asked *asked, size_t from, uint64_t *decided);

/* eval.c: unless an equal one is there; of sets, equal ones are joined */
void outcomes_add(
	const struct eval *eval, struct outcomes *outcomes, const struct outcome *outcome);

#endif
