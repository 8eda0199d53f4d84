/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COMPILE_INTERNAL_H
#define COMPILE_INTERNAL_H

#include "base/map.h"
#include "base/vec.h"
#include "compile/compile.h"

/* Of compile only: what its files share. */

#define CHAIN_NAME_MAX 28  /* characters; iptables' limit */
#define CHAIN_KEY_LEN  10  /* of the port's id that a chain name keeps */
#define SET_NAME_MAX   29  /* ipset takes 31; Neutron leaves two for its "-n" twin */
#define COMMENT_MAX    255 /* xt_comment has 256 bytes with the NUL */
#define IFACE_MAX      15

/* A plug, and everything of it that several rules name. */
struct port_plan {
	const struct plug *plug;
	const struct policy_port *port;
	const char *key; /* CHAIN_KEY_LEN characters of the id */
	const char *chain_i, *chain_o, *chain_s;
	bool is_filtered; /* it has chains; */
	bool has_chains;  /* and they are made: compile_part */
	/* Shared by all rules of both families that dispatch by the port's interface. */
	struct match *bridged_out, *bridged_in; /* two each: physdev, is-bridged; in that order */
	/* One for each duty and direction, made when first asked for. */
	struct origin *origins[DIR_EGRESS + 1][DUTY_MARK + 1];
};

struct compiler {
	struct arena *arena;
	const struct plan_scope *scope;
	const struct compile_options *options;
	struct ruleset *rs;
	struct port_plan *ports; /* all plugs of the part, sorted by the port's id */
	size_t n_ports, n_filtered, n_with_chains;
	/* The chains of the scope that every host has. */
	struct {
		const char *input, *forward, *output, *prerouting, *local, *sg_chain, *sg_fallback,
			*routed, *owner;
	} names;
	struct rule *lines; /* lines.c: by enum line, without origin */
	struct book *book;  /* rules.c */
};

/* names.c */
void names_init(struct compiler *c);
/* The parts up to NULL, as far as a comment can hold them. */
const char *comment_join(struct arena *arena, const char *const *parts);
bool name_is_interface(const char *name);

/* compile.c */
const struct origin *origin_of(
	struct compiler *c, struct port_plan *port, enum duty duty, enum direction direction);
const struct origin *origin_of_host(struct compiler *c, enum duty duty);
struct match *matches_copy(struct compiler *c, const struct match *matches, size_t n);
struct rule *rule_add(struct compiler *c, struct chain *chain, struct match *matches,
	size_t n_matches, struct target target, const char *comment, const struct origin *origin);
static inline struct target target_of(enum target_kind kind)
{
	return (struct target){ .kind = kind };
}
static inline struct target target_jump(const char *chain)
{
	return (struct target){ .kind = TARGET_JUMP, .chain = chain };
}

/*
 * The addresses that a port may send from in a family, with their MACs: allowed pairs as given,
 * then fixed addresses, each once; in IPv6 behind a MAC's first pair its link-local address.
 * A port without fixed addresses may use any with its own MAC: the last one, of length 0.
 */
struct address_pair *port_sources(
	struct compiler *c, const struct policy_port *port, enum family family, size_t *ret_n);

/* Is what all ports share a part of it? */
static inline bool has_shared(const struct compiler *c)
{
	return !c->options->part || c->options->part->has_shared;
}

/* skeleton.c: table filter */
void filter_make(struct compiler *c, struct table *table);
/* Makes a table's chains: the built-in ones as given, then the others by name (own is sorted).
 * Their places in memory do not change any more. */
void chains_make(struct compiler *c, struct table *table, const char *const *base, size_t n_base,
	const char **own, size_t n_own);
/* One of them. */
static inline struct chain *chain_of(struct compiler *c, struct table *table, const char *name)
{
	return table_add_chain(c->arena, table, name);
}

/* lines.c: rules that are the same at every port */
enum line {
	LINE_DHCP4_DISCOVER,
	LINE_DHCP4_CLIENT,
	LINE_DHCP4_SERVER_DROP,
	LINE_ND_MLD_REPORT,
	LINE_ND_SOLICITATION,
	LINE_ND_MLD2_REPORT,
	LINE_RA_DROP,
	LINE_ICMPV6,
	LINE_DHCP6_CLIENT,
	LINE_DHCP6_SERVER_DROP,
	LINE_IN_MLD_QUERY,
	LINE_IN_SOLICITATION,
	LINE_IN_ADVERTISEMENT,
	LINE_IN_RA,
	LINE_IN_DHCP4_BROADCAST,
	LINE_IN_DHCP6_LOCAL,
	LINE_ESTABLISHED,
	LINE_INVALID,
	LINE_SPOOF_DROP,
	N_LINES,
};
void lines_init(struct compiler *c);
struct match match_port(struct compiler *c, enum match_kind kind, uint16_t port);
void line_add(struct compiler *c, struct chain *chain, struct port_plan *port,
	enum direction direction, enum line line);

/* port.c: the i, o and s chains */
void port_make(struct compiler *c, struct table *table, struct port_plan *port);

/* rules.c */
bool rules_init(struct compiler *c, struct err *err);
/* At least as many as the port's chains get in any family and direction. */
size_t rules_count(const struct policy_port *port);
void rules_add(struct compiler *c, struct chain *chain, struct port_plan *port, enum family family,
	enum direction direction);
void sets_make(struct compiler *c);

/* zone.c: table raw */
bool zones_make(struct compiler *c, struct table *table, struct err *err);

/* frames.c: the bridge family */
void frames_make(struct compiler *c, struct table *table);

#endif
