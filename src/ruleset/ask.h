/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_ASK_H
#define RULESET_ASK_H

#include "packet/set.h"
#include "ruleset/eval.h"

/*
 * What matches ask of what is before them: of one packet, or of a set of packets. Both get the
 * same questions, so that a match is written once. Of one packet the answer is yes, no or
 * "cannot tell"; of a set it is the set of those packets that say yes, and what cannot be told is
 * a boolean of that set's world.
 *
 * Within the evaluator; not for other folders.
 */

enum answer { NO, YES, CANNOT_TELL };

/* Of a set: NO is none of all packets, YES all of them, CANNOT_TELL those of the set. */
struct says {
	enum answer answer;
	struct packet_set set; /* of a set only */
};

/* Who asks, and of what. decided collects the fields that were looked at. */
struct asking {
	const struct eval *eval;
	const struct table *table;
	const struct chain *chain;
	const struct rule *rule;
	const struct match *match; /* being asked about: names what cannot be told */
	const struct packet
		*packet;       /* of a set: its family, and names of interfaces that are not open */
	struct packet_set set; /* of a set: these are asked */
	struct packet_set rest; /* of a set: those of which rule_matches said no */
	uint64_t decided;
};

static inline bool is_of_set(const struct asking *asking)
{
	return asking->eval->sets != NULL;
}

/* Of a set all fields are open but names that the packet has. */
bool is_open(const struct asking *asking, enum field field);

static inline struct says says(bool yes)
{
	return (struct says){ yes ? YES : NO, yes ? SET_FULL : SET_EMPTY };
}

struct says says_set(struct packet_set set);
struct says says_not(const struct asking *asking, struct says a);
struct says says_and(const struct asking *asking, struct says a, struct says b);
struct says says_or(const struct asking *asking, struct says a, struct says b);
/* Turned over where inverted. */
struct says says_inverted(const struct asking *asking, struct says a, bool inverted);

/* It cannot be told: of a set, a boolean with the words of the match. */
struct says ask_unknown(struct asking *asking);
/* The same for a part of a match, with words of its own. */
struct says ask_unknown_of(struct asking *asking, const char *words);

/*
 * One field. A packet that does not have it says no (packet_field); one whose value is not known cannot tell.
 * Both bounds are included. mask: NULL for all bits.
 */
struct says ask_value(struct asking *asking, enum field field, const struct field_value *min,
	const struct field_value *max, const struct field_value *mask);
struct says ask_number(struct asking *asking, enum field field, uint64_t min, uint64_t max);
struct says ask_bits(struct asking *asking, enum field field, uint64_t value, uint64_t mask);
struct says ask_prefix(struct asking *asking, enum field field, const struct prefix *prefix);
struct says ask_addr_range(struct asking *asking, enum field field, const struct addr *min,
	const struct addr *max, const struct addr *mask);
struct says ask_mac(struct asking *asking, enum field field, struct mac mac);
/* One packet, with a known value there: may its structure be looked at? */
bool is_known(struct asking *asking, enum field field);
/* Does it have the field at all? */
struct says ask_present(struct asking *asking, enum field field);
/* An interface; "" is none. has_wildcard: the pattern's trailing + stands for anything. */
struct says ask_iface(
	struct asking *asking, enum field field, const char *pattern, bool has_wildcard);
/* In one of these states (enum ct_state, or-ed). Not known at all: cannot tell. */
struct says ask_ct_states(struct asking *asking, unsigned states);
/* Does it belong to a flow of conntrack's? */
struct says ask_has_entry(struct asking *asking);
/*
 * A question to the host about one address: of a set it is asked for one address of each class. ask gets one packet, of which it
 * may look at that address and at interfaces.
 */
struct says ask_of_host(struct asking *asking, enum field field,
	struct says (*ask)(struct asking *asking, const void *data), const void *data);
/* Not a later fragment, of a protocol with ports. */
struct says ask_has_ports(struct asking *asking);
/* Not a later fragment, of this protocol. */
struct says ask_proto(struct asking *asking, uint8_t proto);

/* Where targets make other packets of what matched. */
struct changing {
	struct packet packet;
	struct packet_set set; /* of a set only */
};
/* field = (field & ~mask) ^ value; known when the old value is, or when nothing is left of it. */
void change_bits(const struct asking *asking, struct changing *to, enum field field, uint64_t mask,
	uint64_t value);
/* to = (to & ~to_mask) ^ (from & from_mask) */
void change_copy(const struct asking *asking, struct changing *to, enum field field,
	uint64_t to_mask, enum field from, uint64_t from_mask);
void change_number(
	const struct asking *asking, struct changing *to, enum field field, uint64_t number);
void change_addr(const struct asking *asking, struct changing *to, enum field field,
	const struct addr *addr);
void change_mac(const struct asking *asking, struct changing *to, enum field field, struct mac mac);
/* Nobody knows what is in these fields now. */
void change_unknown(const struct asking *asking, struct changing *to, uint64_t fields);

#endif
