/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_EVAL_INTERNAL_H
#define RULESET_EVAL_INTERNAL_H

#include "packet/field.h"
#include "ruleset/eval.h"
#include "ruleset/nft_eval.h"

/* Between the files of the evaluator: what one match says of one packet. */

/* Who asks, of which packet. decided collects the fields that were looked at. */
struct asking {
	const struct eval *eval;
	const struct table *table;
	const struct packet *packet;
	uint64_t decided;
};

static inline enum answer answer_of(bool yes)
{
	return yes ? YES : NO;
}

static inline enum answer answer_inverted(enum answer answer, bool inverted)
{
	return answer == CANNOT_TELL ? answer : answer_of((answer == YES) != inverted);
}

/* nft's, or compiled as such */
static inline bool table_is_nft(const struct table *table)
{
	return table->source == SOURCE_NFT ||
	       (table->family == FAMILY_BRIDGE && table->source == SOURCE_IPTABLES);
}

/* Looks at fields (a set of bits 1 << enum field): false when one of them is not known. */
static inline bool fields_known(struct asking *asking, uint64_t fields)
{
	asking->decided |= fields;
	return !(asking->packet->unknown & fields);
}

/* The family of the packet: in a table of inet or of a device, that of its addresses. */
enum family packet_family(const struct packet *packet);

/* eval_match.c: what all kinds of rules have */
enum answer match_eval(struct asking *asking, const struct match *match);
/* YES: all; NO: one does not; CANNOT_TELL: *ret is the first that could not be told. */
enum answer rule_matches(
	struct asking *asking, const struct rule *rule, const struct match **ret_unknown);
/* "" for none */
const char *iface_asked(struct asking *asking, bool is_out);
/* A name, or with a wildcard what it begins with. */
bool iface_matches(const char *pattern, const char *iface, bool has_wildcard);
/* A later fragment of which ports or flags are read all the same. */
bool fragment_is_misread(const struct asking *asking);
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
	struct packet packet; /* EFFECT_CHANGE only */
};
/* eval_target.c */
void target_effect(struct asking *asking, const struct target *target, struct effect *ret);
/* eval_set.c: -m set */
enum answer set_match_eval(struct asking *asking, const struct match *match);
/* eval_xt.c: the kinds of iptables' modules */
/* What "CT" without --notrack makes of a packet. */
void packet_take_template(struct packet *packet, uint16_t zone);
/* flags: RPFILTER_... */
enum answer way_back_eval(struct asking *asking, unsigned flags);
enum answer match_eval_xt(struct asking *asking, const struct match *match);
void target_effect_xt(struct asking *asking, const struct target *target, struct effect *ret);
/* Does it only ever count, or act beside the packet? Then it does not matter whether it is reached. */
bool rule_is_beside(const struct table *table, const struct rule *rule);
/* What statements of nft in front of the target do to the packet: true when there are such. */
bool rule_changes(const struct rule *rule, const struct packet *packet, struct packet *ret);

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

/* eval.c: unless an equal one is there */
void outcomes_add(struct arena *arena, struct outcomes *outcomes, const struct outcome *outcome);

#endif
