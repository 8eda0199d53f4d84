/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PACKET_CLASSES_H
#define PACKET_CLASSES_H

#include "base/arena.h"
#include "packet/set.h"

/*
 * Who may talk to whom, on one page: the service matrix of Diekmann, Michaelis, Haslbeck and Carle ("Verified iptables
 * firewall analysis", IFIP Networking 2016).
 *
 * A service is a question: some packets, from whomever to whomever ("new TCP to port 22"). An address reaches another
 * if one of the packets asked about, with these two as source and destination, is accepted. That is existential over everything
 * else that the question leaves open: interfaces, MACs, flags, matches that nobody can compute. So no answer of "no" is
 * ever wrong, and a question that fixes more gives a finer one.
 *
 * Two addresses are of one class if, for every service, they reach the same addresses and are reached from the same. Classes are
 * the largest such: any two differ in something. A class that does not reach itself holds addresses that do not reach each other.
 */
enum reach {
	REACH_NO,   /* no packet asked about is accepted, between any two of their addresses */
	REACH_SOME, /* between any two one is; and somewhere one is not: it depends on what is open */
	REACH_YES, /* every one is, between any two */
};

struct service {
	const char *name;
	/* Only packets that can be (sets_real): the others would make a "some" of each "yes". */
	struct packet_set asked;
};

struct matrix_query {
	enum family family; /* IPv4 or IPv6 */
	struct packet_set accepted;
	/* The sources of these packets are all addresses that there are, as peers too; SET_FULL: no address is left out. */
	struct packet_set addresses;
	const struct service *services;
	size_t n_services;
};

struct class_range {
	struct addr from, to; /* both inclusive */
};

struct address_class {
	const char *name; /* A, B .. Z, AA .. */
	struct addr first;
	struct packet_set addresses;	  /* as sources, within the family */
	const struct class_range *ranges; /* sorted, with gaps between */
	size_t n_ranges;
	bool is_cut; /* there are more ranges */
};

/* The sources of these packets as one class, without a name. */
struct address_class class_of_sources(
	struct sets *sets, enum family family, struct packet_set packets, struct arena *arena);

/* Lives in the arena it was made in, and needs the world no more, but for the sets in it. */
struct service_matrix {
	enum family family;
	const struct address_class *classes; /* sorted by their first address */
	size_t n_classes;
	const char *const *services; /* names */
	size_t n_services;
	const uint8_t *cells; /* enum reach, by service, from, to */
};

/* False, with ERR_LIMIT (more than LIMIT_CLASSES) or what became of the world. */
bool service_matrix_make(struct sets *sets, const struct matrix_query *query, struct arena *arena,
	struct service_matrix *ret, struct err *err);
enum reach service_matrix_cell(
	const struct service_matrix *matrix, size_t service, size_t from, size_t to);
const char *reach_name(enum reach reach); /* "no", "some", "yes" */

/* 10.0.0.0/8, 10.0.0.1, or 10.0.0.1-10.0.0.6 */
void class_range_print(struct text *out, const struct class_range *range);
/* A table for each service, and the classes below; max_ranges: of each class, 0: all. */
void service_matrix_print(struct text *out, const struct service_matrix *matrix, size_t max_ranges);
/* The same in Graphviz's language: an arrow for each pair of classes that reach each other. */
void service_matrix_print_dot(
	struct text *out, const struct service_matrix *matrix, size_t max_ranges);

#endif
