/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PACKET_SET_H
#define PACKET_SET_H

#include "base/arena.h"
#include "packet/field.h"

/*
 * Sets of packets, exactly: all packets that some rules accept, as one value that can be joined, compared,
 * counted and shown. They are for questions about every packet, where packet.h is for one.
 *
 * A world (struct sets) is what its sets range over: every field of field.h with its bits, and one boolean for each
 * match that nobody can compute from a packet ("limit 3/s"). What rules compare as a whole is enumerated: the
 * names of interfaces, and the values of fields for which somebody calls sets_add_value (MACs, marks). All that
 * is not registered is one value more, "other": no rule tells those apart.
 *
 *	sets_new, sets_add_...; sets_seal; set_of_..., set_and, ...; sets_ok; sets_free
 *
 * Every packet has a value in every field; where it has not (ports of ICMP) it is 0, or the name "none". So the set
 * "not dport 80" has ICMP in it: who asks for a port says the protocols that have ports (set_of_present).
 * Addresses are those of the packet's family, which is a field of its own. Equal sets are equal handles.
 *
 * Errors: nothing here fails at once. A world that reached its limit, or was asked what it cannot tell, stays
 * failed: everything returns the empty set from then on, and no answer means anything. Ask sets_ok before you believe one.
 */
struct sets;

struct packet_set {
	uint32_t node; /* private */
};

#define SET_EMPTY                                                                                  \
	(struct packet_set)                                                                        \
	{                                                                                          \
		0                                                                                  \
	}
#define SET_FULL                                                                                   \
	(struct packet_set)                                                                        \
	{                                                                                          \
		1                                                                                  \
	}

/* Bits for masks of fields, beside FIELD_BIT: the packet's family, the booleans. */
#define SET_FAMILY_BIT ((uint64_t)1 << N_FIELDS)
#define SET_EXTRA_BITS ((uint64_t)1 << (N_FIELDS + 1))

/* max_nodes: 16 bytes each, and half as much again for finding them; 0: LIMIT_SET_NODES. */
struct sets *sets_new(size_t max_nodes);
void sets_free(struct sets *sets); /* with all sets of it; NULL is fine */
void sets_freep(struct sets **sets);
/* False, with ERR_LIMIT (too many nodes) or ERR_INPUT (a question that the world was not made for). */
bool sets_ok(const struct sets *sets, struct err *err);

/* The world, before sets_seal. Texts are copied; what is there already is not added twice. */
void sets_add_name(struct sets *sets, enum field field, const char *name);
void sets_add_name_prefix(
	struct sets *sets, enum field field, const char *prefix); /* of "eth+": "eth" */
/* As iptables writes interfaces: a trailing + stands for anything behind it ("eth+"), alone for every name. */
void sets_add_pattern(struct sets *sets, enum field field, const char *pattern);
void sets_add_value(struct sets *sets, enum field field, const struct field_value *value);
/* At most this many bits, for worlds that a test can go through; 0: always 0. Not for names. */
void sets_set_width(struct sets *sets, enum field field, unsigned bits);
void sets_seal(struct sets *sets);
/* Also after sets_seal. words: what it stands for; the same words are the same boolean. At most LIMIT_SET_EXTRAS. */
unsigned sets_add_extra(struct sets *sets, const char *words);

/* The values of sets_add_value, number i of them; false: there are no more. */
bool sets_value(const struct sets *sets, enum field field, size_t i, struct field_value *ret);

/* Of one field. Values wider than the field are in no packet. An enumerated field has only values that were
 * registered, and no ranges and masks, but for the fields of a few fixed values (ct state, fragment, packet type).
 * family: of addresses; the set is then within that family. */
struct packet_set set_of_family(struct sets *sets, enum family family);
struct packet_set set_of_value(
	struct sets *sets, enum field field, enum family family, const struct field_value *value);
struct packet_set set_of_range(struct sets *sets, enum field field, enum family family,
	const struct field_value *from, const struct field_value *to); /* both inclusive */
struct packet_set set_of_mask(struct sets *sets, enum field field, enum family family,
	const struct field_value *value,
	const struct field_value *mask); /* field & mask == value */
struct packet_set set_of_prefix(struct sets *sets, enum field field, const struct prefix *prefix);
struct packet_set set_of_addr(struct sets *sets, enum field field, const struct addr *addr);
/* The same for fields of up to 64 bits that are no addresses: ports, MACs, marks, flags. */
struct packet_set set_of_number(struct sets *sets, enum field field, uint64_t number);
struct packet_set set_of_numbers(struct sets *sets, enum field field, uint64_t from, uint64_t to);
struct packet_set set_of_bits(struct sets *sets, enum field field, uint64_t value, uint64_t mask);
struct packet_set set_of_ct_states(struct sets *sets, unsigned states); /* enum ct_state, or-ed */
struct packet_set set_of_name(
	struct sets *sets, enum field field, const char *name); /* NULL: none */
struct packet_set set_of_name_prefix(struct sets *sets, enum field field, const char *prefix);
struct packet_set set_of_pattern(struct sets *sets, enum field field, const char *pattern);
struct packet_set set_of_extra(struct sets *sets, unsigned extra);
/*
 * Sets that are made of long lists (the members of a group) and asked for by many rules: remembered with the world, by whose list it
 * is (any address that means the same as long as the world lives) and the field. sets_collect keeps them.
 */
bool set_recall(
	const struct sets *sets, const void *list, enum field field, struct packet_set *ret);
void set_remember(struct sets *sets, const void *list, enum field field, struct packet_set set);
/* Packets that have the field at all (packet_field). */
struct packet_set set_of_present(struct sets *sets, enum field field);
/* Packets that can be: 0 in every field that they do not have, an ethertype of their family, a length. */
struct packet_set sets_real(struct sets *sets);

struct packet_set set_and(struct sets *sets, struct packet_set a, struct packet_set b);
struct packet_set set_or(struct sets *sets, struct packet_set a, struct packet_set b);
struct packet_set set_minus(struct sets *sets, struct packet_set a, struct packet_set b);
struct packet_set set_not(struct sets *sets, struct packet_set a);
/* a and b, and a minus b, for little more than one of them. */
struct set_parts {
	struct packet_set in, out;
};
struct set_parts set_split(struct sets *sets, struct packet_set a, struct packet_set b);

/* All n of them, joined by halves: one by one, each would go through all that there are already. */
struct packet_set set_or_all(
	struct sets *sets, size_t n, struct packet_set (*one)(void *data, size_t i), void *data);

bool set_is_empty(struct packet_set a);
bool set_is_full(struct packet_set a);
bool set_equal(struct packet_set a, struct packet_set b);
bool set_is_subset(struct sets *sets, struct packet_set inner, struct packet_set outer);

/* fields: FIELD_BITs. Packets that are in a with some value of these fields. */
struct packet_set set_forget(struct sets *sets, struct packet_set a, uint64_t fields);
/* Does it depend on a boolean? */
bool set_asks_extra(struct sets *sets, struct packet_set a);
/* The words of those that it depends on, in arena. */
void set_extras(struct sets *sets, struct packet_set a, struct arena *arena,
	const char *const **ret, size_t *ret_n);
/* For people: a, which is within among, without what all of among have: with as few fields as tell the two apart. */
struct packet_set set_shorten(struct sets *sets, struct packet_set a, struct packet_set among);
/* What becomes of a when the fields get values of the set to (NAT, MARK): forget, then and. */
struct packet_set set_assign(
	struct sets *sets, struct packet_set a, uint64_t fields, struct packet_set to);
/* The two fields change places (a reply's addresses). Not of enumerated fields; of equal width. */
struct packet_set set_swap(
	struct sets *sets, struct packet_set a, enum field one, enum field other);

/* field = (field & ~mask) ^ value, as xt_mark and nft compute it. Of fields of up to 64 bits that are not enumerated. */
struct packet_set set_change_bits(
	struct sets *sets, struct packet_set a, enum field field, uint64_t mask, uint64_t value);
/* As set_forget, of some bits of a field that is not enumerated; all of a is of that family. And a mask of new ones behind it
 * gives an address another network (NETMAP). */
struct packet_set set_forget_bits(struct sets *sets, struct packet_set a, enum field field,
	enum family family, const struct field_value *mask);
/* to = (to & ~to_mask) ^ (from & from_mask), as xt_connmark does. */
struct packet_set set_copy_bits(struct sets *sets, struct packet_set a, enum field to,
	uint64_t to_mask, enum field from, uint64_t from_mask);

/* Is this packet in it? Depends: on what is unknown of the packet, or on a boolean. */
enum set_answer { SET_OUT, SET_IN, SET_DEPENDS };
enum set_answer set_has_packet(struct sets *sets, struct packet_set a, const struct packet *packet);

/* Those that rules cannot tell from this packet by these fields, as far as they are known of it. */
struct packet_set set_of_packet(struct sets *sets, const struct packet *packet, uint64_t fields);
/*
 * Of these fields (no names), those that have one value in all of a, which is not empty: the value is put into the packet, and its
 * bit taken from "unknown". The others get that bit. A value that is enumerated as "other" is not one value.
 */
void set_know(struct sets *sets, struct packet_set a, uint64_t fields, struct packet *packet);

/* How many combinations of values of these fields (no booleans) occur in it; "other" counts as one. Infinity above 1.8e308. */
double set_count(struct sets *sets, struct packet_set a, uint64_t fields);

/* One packet of it that can be, everything known; the same one each time, and as usual as can be: TCP, TTL 64, a low
 * address. False: there is none, or the world failed. Names live as long as the world. */
bool set_witness(struct sets *sets, struct packet_set a, struct packet *ret);

/*
 * In words, one line a part, at most max_parts; then "and 7 more". The parts together are the set; they may overlap.
 *
 *	IPv4 in eth0 src 10.0.0.0/8,192.168.0.1 proto tcp dport not 22,80-90
 *	eth_src other
 *
 * Fields have their keys; a field is "not" a list where that is shorter, and value/mask where it is neither
 * a prefix nor a range. A boolean is its words in brackets, or "not [...]". The empty set is "nothing", the full one "everything".
 */
void set_print(struct sets *sets, struct packet_set a, size_t max_parts, struct text *out);

/* Gives back the nodes that none of these needs; all other handles are then void. Work on thousands of rules asks after each whether it
 * is time to: when there are several times as many nodes as were kept the last time. */
bool sets_should_collect(const struct sets *sets);
void sets_collect(struct sets *sets, const struct packet_set *keep, size_t n_keep);
/* Who works for others, who hold sets too, cannot name these: so everybody puts a keeper on the world's list while others work for
 * him, and takes it off again, the last one first. keep calls sets_keep for each set that must stay. */
struct set_keeper {
	void (*keep)(void *data, struct sets *sets);
	void *data;
	const struct set_keeper *outer; /* the world's */
};
void sets_push_keeper(struct sets *sets, struct set_keeper *keeper);
void sets_pop_keeper(struct sets *sets);
void sets_keep(struct sets *sets, struct packet_set set);

/* For measurements: nodes of one set, and of the world now and at most. */
size_t set_n_nodes(struct sets *sets, struct packet_set a);
size_t sets_n_nodes(const struct sets *sets);
size_t sets_n_nodes_peak(const struct sets *sets);

#endif
