/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_RULESET_H
#define RULESET_RULESET_H

#include "base/arena.h"
#include "base/err.h"
#include "packet/field.h"
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
	/* nft, every family */
	MATCH_NFT_FIELD, /* nft: keys compared with values */
	MATCH_NFT_DO,	 /* statement: something that is done and ends nothing; always matches, but
			    for STATEMENT_LIMIT */
	/* iptables */
	MATCH_SRC_MASK, /* -s with a mask with holes: masked */
	MATCH_DST_MASK,
	MATCH_FRAGMENT,	      /* -f: a later fragment */
	MATCH_PORT,	      /* -m multiport --ports, of either side: ports */
	MATCH_TCP_FLAGS,      /* tcp_flags */
	MATCH_PHYSDEV_IS_IN,  /* --physdev-is-in */
	MATCH_PHYSDEV_IS_OUT, /* --physdev-is-out */
	MATCH_CT_PROTO,	      /* -m conntrack --ctproto: ct.proto */
	MATCH_CT_ADDR,	      /* --ctorigsrc and the like: ct.of and ct.masked */
	MATCH_CT_PORT,	      /* --ctorigsrcport and the like: ct.of and ct.range */
	MATCH_CT_STATUS,      /* --ctstatus: ct.status; 0: NONE */
	MATCH_CT_DIR,	      /* --ctdir: ct.is_reply */
	MATCH_MARK,	      /* -m mark: ct_mark, of the packet */
	MATCH_ADDRTYPE_SRC,   /* -m addrtype: addrtype */
	MATCH_ADDRTYPE_DST,
	MATCH_IPRANGE_SRC, /* -m iprange: addrs */
	MATCH_IPRANGE_DST,
	MATCH_PKTTYPE,	 /* -m pkttype: pkt_type */
	MATCH_TTL,	 /* -m ttl, -m hl: ttl */
	MATCH_LENGTH,	 /* -m length: range, of the packet from its IP header on */
	MATCH_TOS,	 /* -m tos: tos */
	MATCH_DSCP,	 /* -m dscp: tos.value, the upper six bits of the byte, shifted down */
	MATCH_RPFILTER,	 /* rpfilter; inverted: --invert */
	MATCH_OWNER_UID, /* -m owner: ids */
	MATCH_OWNER_GID,
	MATCH_OWNER_SOCKET, /* --socket-exists */
	MATCH_POLICY,	    /* -m policy without elements: policy */
	MATCH_RT,	    /* -m rt, the IPv6 routing header: rt */
	MATCH_SOCKET,	    /* -m socket: socket */
	MATCH_COMMENT,	    /* a second comment: name; always matches */
	MATCH_EBT,	    /* ebtables: ebt; -i and -o are MATCH_IN_IFACE and MATCH_OUT_IFACE */
};

/* A value under a mask: (field & mask) is compared with value. */
struct masked_addr {
	struct addr addr, mask; /* addr: no bit outside of mask */
};

struct addr_range {
	struct addr min, max;
};

/* Of the flow's tuples in conntrack's table, as --ctorigsrc and its kin name them. */
enum ct_tuple { CT_ORIG_SRC, CT_ORIG_DST, CT_REPL_SRC, CT_REPL_DST };

/* MATCH_CT_STATE: beside enum ct_state, the flow's address is rewritten. */
#define CT_STATE_SNAT (1u << 8)
#define CT_STATE_DNAT (1u << 9)

enum addrtype_limit { ADDRTYPE_EVERYWHERE, ADDRTYPE_IN_IFACE, ADDRTYPE_OUT_IFACE };
enum ttl_op { TTL_EQ, TTL_LT, TTL_GT };

/* xt_rpfilter, xt_socket: options that are set, or-ed. */
enum rpfilter_flag {
	RPFILTER_LOOSE = 1 << 0,
	RPFILTER_VALIDMARK = 1 << 1,
	RPFILTER_ACCEPT_LOCAL = 1 << 2,
};
enum socket_flag {
	SOCKET_TRANSPARENT = 1 << 0,
	SOCKET_NOWILDCARD = 1 << 1,
	SOCKET_RESTORE_SKMARK = 1 << 2,
};

/* nft: how a value of a key is written. */
enum nft_type {
	NFT_TYPE_NUMBER,
	NFT_TYPE_HEX, /* marks: 0x00000001 */
	NFT_TYPE_IFNAME,
	NFT_TYPE_IPV4,
	NFT_TYPE_IPV6,
	NFT_TYPE_MAC,
	NFT_TYPE_ETHERTYPE,
	NFT_TYPE_PROTO,
	NFT_TYPE_PORT,
	NFT_TYPE_CT_STATE,
	NFT_TYPE_CT_STATUS,
	NFT_TYPE_CT_DIRECTION,
	NFT_TYPE_TCP_FLAGS,
	NFT_TYPE_ICMP,
	NFT_TYPE_ICMPV6,
	NFT_TYPE_DSCP,
	NFT_TYPE_NFPROTO,
	NFT_TYPE_PKTTYPE,
	NFT_TYPE_ARP_OP,
	NFT_TYPE_ID, /* of users and groups */
	NFT_TYPE_FIB_TYPE,
	NFT_TYPE_EXISTS, /* exists, missing */
	NFT_TYPE_VERDICT,
	NFT_TYPE_UNKNOWN, /* values are only text */
};

struct ebt_match; /* ruleset/ebtables.h */
struct ebt_target;
struct nft_key; /* ruleset/nft_eval.h: "ip saddr", "tcp dport", "meta mark" .. */

/* One value, prefix, range or wildcard. */
struct nft_value {
	struct field_value min, max; /* numbers, both included */
	const char *name;	     /* interfaces: without quotes and the * of is_open; "": none */
	const char *text;   /* as it was written, where that is not how it is printed; else NULL */
	bool is_open;	    /* a name that goes on: "tap*" */
	bool is_any;	    /* "*", an element for everything else */
	bool is_range;	    /* a-b */
	uint8_t prefix_len; /* with has_prefix_len: a/len */
	bool has_prefix_len;
};

enum nft_op { NFT_EQ, NFT_NE, NFT_LT, NFT_GT, NFT_LE, NFT_GE, NFT_BITS };

struct target;
struct set;

/* keys, one or more joined with " . " */
struct nft_keys {
	const struct nft_key *const *items;
	size_t n;
};

struct nft_match {
	struct nft_keys keys;
	enum nft_op op;	    /* NFT_EQ also where nothing is written; NFT_BITS: any of the bits */
	bool is_op_written; /* "==" is there */
	bool has_mask;	    /* key & mask */
	struct field_value mask;
	bool is_slash;	       /* written "value / mask" */
	const char *mask_text; /* as written: "(fin | syn)" */
	struct nft_value
		*values; /* with one key and no set: one; with n keys: n; NFT_BITS: its bits */
	size_t n_values;
	const char *set_name;  /* @name; NULL: none */
	const struct set *set; /* { .. }; NULL: none */
};

/* key vmap {..}, key map @name */
struct nft_lookup {
	struct nft_keys keys;
	const char *set_name;
	const struct set *set;
};

enum statement_kind {
	STATEMENT_LOG,
	STATEMENT_LIMIT, /* matches while a limit or a quota is not reached: cannot be told */
	STATEMENT_SET,	 /* key = (source & and_bits) ^ xor_bits */
	STATEMENT_NOTRACK,
	STATEMENT_SET_UPDATE, /* add, update, delete @set { .. } */
	STATEMENT_COUNTER,    /* a named one, or a second one */
	STATEMENT_OTHER,      /* touches nothing that a rule asks for */
};

struct statement {
	enum statement_kind kind;
	const char *text;	      /* as written */
	const struct nft_key *key;    /* STATEMENT_SET; NULL: one that is not modelled */
	const struct nft_key *source; /* NULL: only xor_bits */
	bool is_known;		      /* STATEMENT_SET: the value can be computed */
	struct field_value and_bits, xor_bits;
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
	/* iptables: an option of the module ("-m") of the match in front of it. Of the kinds of
	 * conntrack: behind a MATCH_CT_STATE it is not asked where there is no entry (xt_conntrack). */
	bool is_continued;
	union {
		const char *name;
		struct prefix prefix;
		struct {
			uint8_t proto;
			const char *proto_as; /* MATCH_PROTO: the name it was read by, or NULL */
		};
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
			bool is_src;	   /* else dst: of the first dimension */
			uint8_t n_more;	   /* further dimensions: "src,dst" has one */
			uint8_t more_srcs; /* bit n: further dimension n is src */
		} set;
		uint16_t ethertype;
		struct {
			const char *text; /* MATCH_OPAQUE: as iptables-save or nft prints it */
			/* iptables: of which module ("recent"), or the option ("-s"); NULL: nft's */
			const char *module;
		};
		const struct masked_addr *masked;
		const struct addr_range *addrs;
		struct port_range range;
		struct {
			uint8_t mask, value; /* enum tcp_flag, or-ed */
		} tcp_flags;
		struct {
			enum ct_tuple of;
			union {
				uint8_t proto;
				bool is_reply;
				unsigned status; /* enum ct_status, or-ed: any of them */
				const struct masked_addr *masked;
				struct port_range range;
			};
		} ct;
		struct {
			uint16_t types; /* enum addr_type, or-ed */
			enum addrtype_limit limit;
		} addrtype;
		enum pkt_type pkt_type;
		struct {
			enum ttl_op op;
			uint8_t value;
		} ttl;
		struct {
			uint8_t value, mask;
		} tos;
		unsigned rpfilter, socket; /* enum rpfilter_flag, enum socket_flag, or-ed */
		struct {
			uint32_t min, max;
		} ids;
		struct {
			bool is_out;	/* --dir */
			bool is_none;	/* --pol none, else ipsec */
			bool is_strict; /* --strict */
		} policy;
		struct {
			bool has_type;
			bool is_segsleft_inverted, has_segsleft;
			uint8_t type;
			uint32_t segsleft_min, segsleft_max;
		} rt;
		const struct nft_match *nft;
		const struct statement *statement;
		const struct ebt_match *ebt;
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
	/* nft, every family */
	TARGET_NFT_CONTINUE,
	TARGET_NFT_REJECT, /* text: "reject with tcp reset" */
	TARGET_NFT_QUEUE,  /* text */
	TARGET_NFT_NAT,	   /* nat */
	TARGET_NFT_VMAP,   /* lookup */
	TARGET_NFT_TAKEN,  /* text: tproxy, synproxy, fwd: another takes the packet */
	/* iptables; text and name as of TARGET_OPAQUE */
	TARGET_CONTINUE, /* LOG, NFLOG, CHECKSUM, TCPMSS, SET ..: goes on, and no rule sees a change */
	TARGET_TAKEN,	 /* NFQUEUE, QUEUE, TPROXY, SYNPROXY, TARPIT: another takes the packet */
	TARGET_REJECT,	 /* reject_with: "icmp-port-unreachable" */
	TARGET_MARK,	 /* mark: of the packet */
	TARGET_CONNMARK, /* connmark */
	TARGET_CT,	 /* ct: what is neither TARGET_CT_ZONE nor TARGET_CT_NOTRACK */
	TARGET_NOTRACK,	 /* -j NOTRACK, the older spelling of TARGET_CT_NOTRACK */
	TARGET_NAT,	 /* mapping */
	TARGET_TOS,	 /* tos: byte = (byte & ~mask) ^ value */
	TARGET_DSCP,	 /* tos.value: the upper six bits, shifted down */
	TARGET_TTL,	 /* ttl; HL in IPv6 */
	TARGET_EBT,	 /* ebtables: ebt, changes the frame; what follows is in it */
};

/* xt_connmark; values are computed as (old & ~mask) ^ new. */
struct connmark {
	enum connmark_op {
		CONNMARK_SET,	 /* connection: mask ct_mask, value */
		CONNMARK_SAVE,	 /* connection: mask ct_mask, the packet's mark & nf_mask */
		CONNMARK_RESTORE /* packet: mask nf_mask, the connection's mark & ct_mask */
	} op;
	uint32_t value, ct_mask, nf_mask;
};

/* -j CT */
struct ct_target {
	bool is_notrack;
	bool has_zone, is_zone_mark; /* is_zone_mark: the packet's mark is the zone */
	enum ct_zone_of { CT_ZONE_BOTH, CT_ZONE_ORIG, CT_ZONE_REPLY } zone_of;
	uint16_t zone;
	const char *helper; /* NULL: none */
	const char *others; /* "--timeout t --ctevents new", touches no rule; NULL: none */
};

/* What a NAT rule asks for; addresses that depend on the host (masquerade, redirect) are chosen by
 * whoever knows it. */
struct nat {
	enum nat_kind {
		NAT_NONE,
		NAT_SNAT,
		NAT_DNAT,
		NAT_MASQUERADE,
		NAT_REDIRECT,
		NAT_NETMAP
	} kind;
	bool has_addr, has_ports, is_random; /* NAT_NETMAP: addr_min.. is the network's range */
	bool is_fully_random, is_persistent;
	struct addr addr_min, addr_max;
	uint16_t port_min, port_max;
};

enum nft_nat_kind { NFT_SNAT, NFT_DNAT, NFT_MASQUERADE, NFT_REDIRECT };

struct nft_nat {
	enum nft_nat_kind kind;
	const char *text;   /* as written */
	enum family family; /* of the address; FAMILY_INET: not said */
	bool has_addr, has_ports;
	struct addr addr_min, addr_max;
	uint16_t port_min, port_max;
	bool is_random, is_persistent, is_fully_random, is_prefix; /* is_prefix: netmap */
	bool is_identity; /* "snat ip to ip saddr": set up, and the address stays what it is */
	bool is_known;	  /* false: address or port come from what is not modelled */
	const struct nft_lookup
		*lookup; /* the address (and port, where two) of a map's element; else NULL */
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
		struct {
			const char *text;
			const char *name; /* iptables: the first word of text; NULL: nft's */
		};
		const char *reject_with;
		struct {
			uint32_t value, mask; /* mark = (mark & ~mask) ^ value */
		} mark;
		const struct connmark *connmark;
		const struct ct_target *ct;
		const struct nat *mapping;
		struct {
			uint8_t value, mask;
		} tos;
		struct {
			enum { TTL_SET, TTL_INC, TTL_DEC } op;
			uint8_t value;
		} ttl;
		const struct nft_nat *nat;
		const struct nft_lookup *lookup;
		const struct ebt_target *ebt;
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
	bool has_counter; /* nft: a counter statement is part of the rule */
	bool is_policy;	  /* ebtables: of a chain of one's own, which is printed with the chain */
	bool has_space_behind; /* ebtables: its line ends with a space */
	bool is_stateless;     /* nft: and it came without values ("nft -s") */
	/* nft: matches that come behind it: it rises whether they match or not */
	uint16_t n_behind_counter;
	unsigned line;		     /* of the text it was read from, from 1; else 0 */
	const struct origin *origin; /* NULL for what was read */
};

struct chain_index;

struct chain {
	const char *name;
	/* nft, base chains: what hook_text says. iptables' own tables: see ruleset_hook_chains. */
	const char *device; /* "dev" of a netdev or ingress chain; NULL: none */
	int priority;
	bool is_base;	    /* built in (iptables) or with a hook (nft) */
	const char *policy; /* "ACCEPT", "DROP" (nft's too); NULL for a chain of one's own */
	/* nft: the whole line, "type filter hook forward priority -310; policy accept;"; else NULL */
	const char *hook_text;
	/* nft: parts of hook_text; NULL without a hook. device is the first of several. */
	const char *type, *hook;
	const char *const *devices;
	size_t n_devices;
	const char *comment;
	unsigned line; /* of the text it was read from; 0: none */
	struct counters counters;
	struct rule *rules;
	size_t n_rules, cap_rules;
	const struct chain_index *index; /* the evaluator's own; NULL: none */
};

/* An ipset of type hash:net, or a set or verdict map of interface names of an nft table. */
enum set_kind { SET_HASH_NET, SET_IFNAME, MAP_IFNAME_VERDICT, SET_NFT, SET_IPSET };

/* An ipset of any type ("hash:ip,port"): what its dimensions are. */
enum ipset_part {
	IPSET_NONE,
	IPSET_IP,
	IPSET_NET,
	IPSET_PORT,
	IPSET_MAC,
	IPSET_IFACE,
	IPSET_MARK,
	IPSET_SET
};
#define IPSET_MAX_PARTS 3

/* One member. Only what the set's parts ask for is filled; parts of one kind are in their order. */
struct ipset_member {
	struct prefix nets[2]; /* IP and NET */
	uint8_t proto;	       /* PORT */
	bool has_mac;	       /* bitmap:ip,mac: else any, learned when first asked */
	bool is_physdev;       /* IFACE: of the bridge's port */
	bool is_wildcard;      /* IFACE: a name that goes on */
	bool is_nomatch;       /* an exception: what it holds is not in the set */
	struct mac mac;
	struct port_range ports; /* PORT: ports, or of ICMP type * 256 + code */
	uint32_t mark;
	const char *name; /* IFACE, SET */
	const char *text; /* as it was read, where that is not how it is printed; else NULL */
	const char *rest; /* behind it: "timeout 5 nomatch"; NULL: nothing */
};

/* nft: one element of a set or map of any type. */
struct nft_element {
	struct nft_value *keys; /* as many as the set's type has; one with is_any: for all else */
	size_t n_keys;
	struct nft_value *data; /* maps of values */
	size_t n_data;
	struct target target; /* verdict maps */
	const char
		*extra; /* "timeout 1h expires 59m", "counter packets 0 bytes 0", 'comment "x"' */
};

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
	/* SET_IPSET, and a SET_HASH_NET that was read: as ipset save has it */
	const char *type;    /* "hash:ip,port"; NULL: compiled */
	const char *options; /* behind the type: "family inet hashsize 1024 maxelem 65536" */
	enum ipset_part parts[IPSET_MAX_PARTS];
	uint32_t mark_mask; /* hash:ip,mark */
	/* In the order of the text. NULL where the elements are all there is: of sets of one address, with
	 * nothing behind the members; then text_order is that order, as places in elements. */
	const struct ipset_member *members;
	size_t n_members;
	const uint32_t *text_order;
	bool has_elements; /* SET_IPSET: of one address without exceptions: elements hold all of it */
	/* nft: every set and map has these, SET_IFNAME and MAP_IFNAME_VERDICT too. */
	bool is_map, is_verdict_map;
	bool is_interval, is_dynamic, is_constant, has_timeout;
	const enum nft_type *types; /* of the keys */
	size_t n_types;
	const enum nft_type *data_types;
	size_t n_data_types;
	struct nft_element *nft_elements; /* in the order of the text */
	size_t n_nft_elements;
	const struct nft_element *
		*sorted;  /* by the first key, when no elements overlap; else NULL */
	const char *body; /* the lines of the block without elements, "; " between */
	const char *
		written; /* the whole block as it stands, where it is not what is printed; else NULL */
	size_t n_per_line; /* elements on a line of the text; 0: all */
	unsigned line;
};

/* nft: counter, quota, limit, ct helper, ct timeout, ct expectation, synproxy, secmark, flowtable: verbatim. */
struct nft_object {
	const char *title; /* "counter web" */
	const char *body;  /* lines, with their indentation */
	unsigned line;
};

/* Who keeps a table: iptables-nft's tables are in "nft list ruleset" too, but only its own tools print
 * them whole. Tables of one family and name may be there once for each source. */
enum table_source {
	SOURCE_IPTABLES,
	SOURCE_IPTABLES_LEGACY,
	SOURCE_NFT,
	SOURCE_EBTABLES, /* ebtables-nft */
	SOURCE_EBTABLES_LEGACY,
};

struct table {
	enum table_source source;
	enum family family;
	const char *name;
	const char *comment;  /* nft; NULL without */
	struct chain *chains; /* in the order of the text, or of compile */
	size_t n_chains, cap_chains;
	struct set *sets; /* nft */
	size_t n_sets, cap_sets;
	const char *flags; /* nft: "dormant"; NULL without */
	const char *
		holder; /* nft: of "flags owner", as it is listed: "progname firewalld"; else NULL */
	bool is_of_iptables; /* SOURCE_NFT: iptables-nft keeps it, and its rules may be half told here */
	const struct nft_object *objects;
	size_t n_objects;
	bool has_rule_counters;	 /* iptables: its text had "[packets:bytes]" in front of rules */
	unsigned line;		 /* of the text it was read from, from 1; else 0 */
	struct map *chain_index; /* table_add_chain's own: from a name to its place */
};

/* A line of an iptables-save text that is no part of a table: "# Generated by ...". */
struct remark {
	enum table_source source;
	enum family family;
	unsigned line;
	const char *text;
};

/* All of one host that was read, or all that was compiled: iptables, ip6tables, nft, ipset. */
struct ruleset {
	struct table *tables; /* sorted by family, then by name */
	size_t n_tables, cap_tables;
	struct set *sets; /* ipsets, sorted by name */
	size_t n_sets, cap_sets;
	struct remark *remarks;
	size_t n_remarks, cap_remarks;
};

const char *nft_family_name(enum family family); /* "ip6" */

struct ruleset *ruleset_new(struct arena *arena);
/* _add: finds or makes. Pointers are stale after the next _add into the same vector. */
struct table *ruleset_add_table(
	struct arena *arena, struct ruleset *rs, enum family family, const char *name);
/* The same for a table of one source; tables of other sources with this name are left alone. */
struct table *ruleset_add_table_from(struct arena *arena, struct ruleset *rs,
	enum table_source source, enum family family, const char *name);
struct chain *table_add_chain(struct arena *arena, struct table *table, const char *name);
struct rule *chain_add_rule(struct arena *arena, struct chain *chain); /* zeroed, at the end */
void chain_reserve(struct arena *arena, struct chain *chain, size_t n_more); /* room for them */
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

/* What nft reads of "iifname NAME" (is_out: "oifname NAME"), where NAME goes on: "tap*". Of a table of nft. */
struct match match_of_pattern(struct arena *arena, bool is_out, const char *pattern);
/* The pattern of such a match; NULL: it is another one. */
const char *match_pattern(struct arena *arena, const struct match *match);

/* What of it is not modelled, by name ("recent", "HMARK", "nft: .."); NULL: all of it is understood.
 * Such a match or target is carried as text and evaluates to "cannot tell". */
const char *match_not_understood(const struct match *match);
const char *target_not_understood(const struct target *target);
const char *set_not_understood(const struct set *set);

/*
 * Text. The parsers add to rs and accept what iptables-save [-c], ipset save and
 * nft list ruleset print on Debian 12; a wrong line is an error with its number. name is for
 * messages. Parsing never loses anything: an unknown match or target is kept as text.
 */
bool ruleset_parse_iptables(struct arena *arena, struct ruleset *rs, enum family family,
	const char *name, const char *text, struct err *err);
/* The same, for tables of one source: SOURCE_IPTABLES or SOURCE_IPTABLES_LEGACY. */
bool ruleset_parse_iptables_from(struct arena *arena, struct ruleset *rs, enum table_source source,
	enum family family, const char *name, const char *text, struct err *err);
/* What ebtables-save prints; source: SOURCE_EBTABLES or SOURCE_EBTABLES_LEGACY. */
bool ruleset_parse_ebtables(struct arena *arena, struct ruleset *rs, enum table_source source,
	const char *name, const char *text, struct err *err);
bool ruleset_parse_ipset(struct arena *arena, struct ruleset *rs, const char *name,
	const char *text, struct err *err);
bool ruleset_parse_nft(struct arena *arena, struct ruleset *rs, const char *name, const char *text,
	struct err *err);

/* Which program wrote a text, told by its content, and its parser; an empty text gives nothing. */
enum text_kind {
	TEXT_EMPTY,
	TEXT_UNKNOWN,
	TEXT_IPTABLES,
	TEXT_IP6TABLES,
	TEXT_IPSET,
	TEXT_NFT,
	TEXT_EBTABLES
};
enum text_kind ruleset_text_kind(const char *text);
const char *text_kind_name(enum text_kind kind); /* "iptables" */
bool ruleset_parse_text(struct arena *arena, struct ruleset *rs, const char *name, const char *text,
	enum text_kind *ret_kind, struct err *err);

/* A rule as iptables-save prints it behind "-A CHAIN" (family IPv4 or IPv6), without counters;
 * or as nft prints it in a chain (family bridge), where a counter statement carries its values.
 * Protocols that only a host's /etc/protocols names are printed as numbers.
 * Matches are printed in their order. No leading or trailing space. */
void rule_print(struct text *out, enum family family, const struct rule *rule);
/* One element as ipset or nft takes it: "10.0.0.0/8", "\"tap1\" : goto o-..." */
void set_element_print(struct text *out, const struct set *set, const struct set_element *element);
/* The tables of one family and source as iptables-save or ebtables-save prints them, in the order of the text,
 * with the lines around them. */
enum counters_printed { COUNTERS_AS_READ, COUNTERS_NONE, COUNTERS_ALL };
void ruleset_print_iptables(struct text *out, const struct ruleset *rs, enum table_source source,
	enum family family, enum counters_printed counters);
/* The ipsets as ipset save prints them: first all that others are members of. */
void ruleset_print_ipset(struct text *out, const struct ruleset *rs);
/* All nft tables as "nft list ruleset" prints them; without counters: as with -s. */
void ruleset_print_nft(struct text *out, const struct ruleset *rs, bool has_counters);
/* A rule as its table's program prints it: rule_print of any table; protocols as they were read. */
void table_print_rule(struct text *out, const struct table *table, const struct rule *rule);
/* The chain that it jumps or goes to; NULL: none. */
const char *rule_called_chain(const struct rule *rule);
/* Its first match of that kind that is not inverted; NULL: it has none. */
const struct match *rule_match(const struct rule *rule, enum match_kind kind);
/* The first destination port that the rule asks for, of whatever protocol; false: it asks for none. */
bool rule_dport(const struct rule *rule, uint16_t *ret);
/* A rule in words, for people: "tcp to 443 from 10.0.0.0/8: return". */
void rule_print_words(struct text *out, const struct rule *rule);

#endif
