/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_RULESET_H
#define RULESET_RULESET_H

#include "base/arena.h"
#include "base/err.h"
#include "packet/packet.h"

/*
 * What netfilter does, as a value: tables, chains, rules, sets, of iptables and of nftables
 * alike. Where rules come from and where they go is not known here. What is not modelled is
 * carried verbatim (MATCH_OPAQUE, TARGET_OPAQUE) and evaluates to "cannot tell".
 */

enum match_kind {
	MATCH_IN_IFACE, /* -i, iifname: name; a trailing + (iptables) is a wildcard */
	MATCH_OUT_IFACE,
	MATCH_SRC, /* -s, prefix */
	MATCH_DST,
	MATCH_PROTO, /* -p, proto */
	MATCH_SPORT, /* -m tcp --sport, -m multiport --sports: ports */
	MATCH_DPORT,
	MATCH_ICMP_TYPE,  /* -m icmp, -m icmp6: icmp */
	MATCH_MAC_SRC,	  /* -m mac --mac-source: mac */
	MATCH_PHYSDEV_IN, /* -m physdev: name */
	MATCH_PHYSDEV_OUT,
	MATCH_PHYSDEV_BRIDGED, /* --physdev-is-bridged: only ever true with an output port */
	MATCH_CT_STATE,	       /* -m state, -m conntrack --ctstate: ct_states */
	MATCH_CT_MARK,	       /* -m connmark --mark: ct_mark */
	MATCH_SET,	       /* -m set --match-set: set */
	/* the bridge family (nft) */
	MATCH_ETHERTYPE, /* ether type: ethertype */
	MATCH_ETH_SRC,	 /* ether saddr: mac */
	MATCH_ARP_SHA,	 /* arp saddr ether: mac */
	MATCH_ARP_SPA,	 /* arp saddr ip: prefix */
	MATCH_OPAQUE,	 /* text */
};

struct port_range {
	uint16_t min, max;
};

/* Forms of iptables that are no option of their own:
 * "-m tcp" without options is MATCH_DPORT with the one range 0..65535; "--icmp-type any" (IPv4)
 * is type 255 with any code; an opaque text that starts with "--" continues the module before it. */
struct match {
	enum match_kind kind;
	bool inverted;
	bool is_conntrack; /* MATCH_CT_STATE: spelled -m conntrack --ctstate, else -m state */
	union {
		const char *name;
		struct prefix prefix;
		uint8_t proto;
		struct mac mac;
		struct {
			struct port_range *ranges; /* one, or up to 15 of multiport */
			uint8_t n_ranges;
			bool is_multiport;
		} ports;
		struct {
			uint8_t type, code;
			bool any_code;
		} icmp;
		unsigned ct_states; /* enum ct_state, or-ed */
		struct {
			uint32_t value, mask;
		} ct_mark;
		struct {
			const char *name;
			bool is_src; /* else dst */
		} set;
		uint16_t ethertype;
		const char *text; /* MATCH_OPAQUE: as iptables-save or nft prints it */
	};
};

enum target_kind {
	TARGET_NONE, /* counts and goes on */
	TARGET_ACCEPT,
	TARGET_DROP,
	TARGET_RETURN,
	TARGET_JUMP,	/* chain */
	TARGET_GOTO,	/* chain */
	TARGET_CT_ZONE, /* -j CT --zone N */
	TARGET_CT_NOTRACK,
	TARGET_VMAP,   /* nft "iifname vmap @map": map, by in or out interface */
	TARGET_OPAQUE, /* text: everything behind -j */
};

struct target {
	enum target_kind kind;
	union {
		const char *chain;
		uint16_t zone;
		struct {
			const char *map;
			bool by_out_iface;
		} vmap;
		const char *text;
	};
};

struct counters {
	uint64_t packets, bytes;
};

struct origin; /* why a compiled rule is there: compile/compile.h */

struct rule {
	struct match *matches; /* in the order of iptables-save */
	size_t n_matches;
	struct target target;
	const char *comment;	  /* NULL without */
	uint8_t n_behind_comment; /* matches that are printed behind it; 0 in what we compile */
	struct counters counters;
	bool has_counter;	     /* nft: a counter statement is part of the rule */
	unsigned line;		     /* of the text it was read from, from 1; else 0 */
	const struct origin *origin; /* NULL for what was read */
};

struct chain {
	const char *name;
	/* nft, base chains: what hook_text says. iptables' own tables: see ruleset_hook_chains. */
	const char *device; /* "dev" of a netdev or ingress chain; NULL: none */
	int priority;
	bool is_base;	    /* built in (iptables) or with a hook (nft) */
	const char *policy; /* "ACCEPT", "DROP" (nft's too); NULL for a chain of one's own */
	/* nft: the whole line, "type filter hook forward priority -310; policy accept;"; else NULL */
	const char *hook_text;
	struct counters counters;
	struct rule *rules;
	size_t n_rules, cap_rules;
};

/* An ipset of type hash:net, or a set or verdict map of interface names of an nft table. */
enum set_kind { SET_HASH_NET, SET_IFNAME, MAP_IFNAME_VERDICT };

struct set_element {
	struct prefix prefix; /* SET_HASH_NET */
	const char *name;     /* the others */
	struct target target; /* MAP_IFNAME_VERDICT: ACCEPT, DROP, JUMP, GOTO */
};

struct set {
	const char *name;
	enum set_kind kind;
	enum family family;	      /* SET_HASH_NET */
	uint32_t max_elem;	      /* SET_HASH_NET; 65536 by default */
	struct set_element *elements; /* sorted by prefix or by name, unique */
	size_t n_elements;
	const char *opaque; /* a set of another type: its "create" line; elements unknown */
};

/* Who keeps a table: iptables-nft's tables are in "nft list ruleset" too, but only its own tools print
 * them whole. Tables of one family and name may be there once for each source. */
enum table_source { SOURCE_IPTABLES, SOURCE_IPTABLES_LEGACY, SOURCE_NFT };

struct table {
	enum table_source source;
	enum family family;
	const char *name;
	const char *comment;  /* nft; NULL without */
	struct chain *chains; /* in the order of the text, or of compile */
	size_t n_chains, cap_chains;
	struct set *sets; /* nft */
	size_t n_sets, cap_sets;
	struct map *chain_index; /* table_add_chain's own: from a name to its place */
};

/* All of one host that was read, or all that was compiled: iptables, ip6tables, nft, ipset. */
struct ruleset {
	struct table *tables; /* sorted by family, then by name */
	size_t n_tables, cap_tables;
	struct set *sets; /* ipsets, sorted by name */
	size_t n_sets, cap_sets;
};

struct ruleset *ruleset_new(struct arena *arena);
/* _add: finds or makes. Pointers are stale after the next _add into the same vector. */
struct table *ruleset_add_table(
	struct arena *arena, struct ruleset *rs, enum family family, const char *name);
struct chain *table_add_chain(struct arena *arena, struct table *table, const char *name);
struct rule *chain_add_rule(struct arena *arena, struct chain *chain); /* zeroed, at the end */
struct set *ruleset_add_set(struct arena *arena, struct ruleset *rs, const char *name);
struct set *table_add_set(struct arena *arena, struct table *table, const char *name);

const struct table *ruleset_table(
	const struct ruleset *rs, enum family family, const char *name); /* NULL: none */
const struct chain *table_chain(const struct table *table, const char *name);
const struct set *ruleset_set(const struct ruleset *rs, const char *name);
const struct set *table_set(const struct table *table, const char *name);

/* Same matches in the same order, same target, same comment at the same place. Counters, lines,
 * origins do not count. */
bool rule_equal(const struct rule *a, const struct rule *b);
bool match_equal(const struct match *a, const struct match *b);
bool target_equal(const struct target *a, const struct target *b);

/*
 * Text. The parsers add to rs and accept what iptables-save [-c], ipset save and
 * nft list ruleset print on Debian 12; a wrong line is an error with its number. name is for
 * messages. Parsing never loses anything: an unknown match or target is kept as text.
 */
bool ruleset_parse_iptables(struct arena *arena, struct ruleset *rs, enum family family,
	const char *name, const char *text, struct err *err);
bool ruleset_parse_ipset(struct arena *arena, struct ruleset *rs, const char *name,
	const char *text, struct err *err);
bool ruleset_parse_nft(struct arena *arena, struct ruleset *rs, const char *name, const char *text,
	struct err *err);

/* A rule as iptables-save prints it behind "-A CHAIN" (family IPv4 or IPv6), without counters;
 * or as nft prints it in a chain (family bridge), where a counter statement carries its values.
 * Matches are printed in their order. No leading or trailing space. */
void rule_print(struct text *out, enum family family, const struct rule *rule);
/* One element as ipset or nft takes it: "10.0.0.0/8", "\"tap1\" : goto o-..." */
void set_element_print(struct text *out, const struct set *set, const struct set_element *element);
/* A rule in words, for people: "tcp to 443 from 10.0.0.0/8: return". */
void rule_print_words(struct text *out, const struct rule *rule);

#endif
