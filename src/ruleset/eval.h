/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_EVAL_H
#define RULESET_EVAL_H

#include "base/vec.h"
#include "packet/set.h"
#include "ruleset/ruleset.h"

/*
 * Meaning: what chains do to a packet. There is one evaluator. It is written for sets: what goes
 * into a chain comes out as several outcomes, each with a packet of its own, and a rule splits
 * what reaches it into what it matches and what it does not. One packet of which everything is
 * known never splits. It splits where a match asks for something that is not known (a field that
 * was left open, a match that is not modelled): then both halves go on, each with what was
 * assumed, and whoever asks sees whether they end alike. Never a guess.
 */

/* The kernel's hooks (include/uapi/linux/netfilter.h); ingress and egress are of a device. */
enum hook {
	HOOK_INGRESS,
	HOOK_PREROUTING,
	HOOK_INPUT,
	HOOK_FORWARD,
	HOOK_OUTPUT,
	HOOK_POSTROUTING,
	HOOK_EGRESS,
	N_HOOKS,
};
const char *hook_name(enum hook hook); /* "prerouting" */
/* Of a base chain; of a chain that others call, which is asked in several: HOOK_FORWARD. */
enum hook ruleset_chain_hook(const struct chain *chain);

enum chain_type { CHAIN_FILTER, CHAIN_NAT, CHAIN_ROUTE };

/* NF_IP_PRI_CONNTRACK: where conntrack stands among the chains of prerouting and output. */
#define PRIORITY_CONNTRACK (-200)

/* A base chain at a hook. */
struct hook_chain {
	const struct table *table;
	const struct chain *chain;
	enum chain_type type;
	int priority;
	/* Another chain has the same priority, and what was read does not say which one is asked
	 * first (the kernel: the one that was registered last). */
	bool is_order_unknown;
};

/*
 * The base chains that a packet of this family meets at a hook, in the kernel's order: of
 * iptables and nftables together, of tables of the family and, for IP, of family inet. device:
 * for ingress and egress; NULL else. Within one priority the last registered comes first.
 */
void ruleset_hook_chains(struct arena *arena, const struct ruleset *rs, enum family family,
	enum hook hook, const char *device, struct hook_chain **ret, size_t *ret_n);

/* For rulesets with long chains that are asked often. Rules must not change any more. */
void ruleset_index(struct arena *arena, struct ruleset *rs);

/* What rules may ask about the host. A question that is NULL, or answered with false, cannot be told. */
enum addr_type { /* RTN_..., include/uapi/linux/rtnetlink.h */
	ADDR_UNICAST = 1 << 1,
	ADDR_LOCAL = 1 << 2,
	ADDR_BROADCAST = 1 << 3,
	ADDR_ANYCAST = 1 << 4,
	ADDR_MULTICAST = 1 << 5,
	ADDR_BLACKHOLE = 1 << 6,
	ADDR_UNREACHABLE = 1 << 7,
	ADDR_PROHIBIT = 1 << 8,
	ADDR_UNSPEC = 1 << 0,
};
struct eval_oracle {
	void *data;
	/* The type that the routing tables give an address, limited to an interface or not (NULL). */
	bool (*addr_type)(
		void *data, const struct addr *addr, const char *iface, enum addr_type *ret);
	/* The interface by which a packet would leave to addr ("" for none): rpfilter, fib oif. */
	bool (*route)(void *data, const struct packet *packet, const struct addr *addr,
		const char **ret_iface);
	/* Of a set: all addresses that may be in this field, in classes of which every question here has one answer: number i, one
	 * address of it and the packets that have one of it there. False: there are no more. */
	bool (*class_of)(void *data, enum field field, size_t i, struct addr *ret_addr,
		struct packet_set *ret_set);
	/* Did IPsec unwrap the packet, or will it wrap it (is_out)? */
	bool (*ipsec)(void *data, const struct packet *packet, bool is_out, bool *ret);
};

struct eval {
	struct arena *arena; /* for outcomes and steps */
	const struct ruleset *rs;
	const struct eval_oracle *oracle; /* NULL: nothing of the host is known */
	enum hook hook; /* where the chain is asked: NAT and some matches depend on it */

	/*
	 * All packets of a set instead of one. Then "packet" tells only their family and the names of interfaces, of
	 * those that its "unknown" does not have; everything else of them is in the set, and so is what cannot be told,
	 * as booleans. The world is one that ruleset_add_to_world was asked to prepare. Outcomes have sets,
	 * and no steps.
	 */
	struct sets *sets; /* NULL: one packet */
	/* Who asks does not care for conntrack's zones: else packets of different ones are walked apart. */
	bool is_blind_to_zones;
	/* Nor for the rule that decided, nor to what NAT maps: all that is accepted (dropped, rejected) is one outcome, which
	 * has the rule, the chain and the mapping of the first. */
	bool is_blind_to_rules;
	struct packet_set set; /* what comes in */
	/* Nodes may be given back under way: all sets that the caller and those above it hold are kept (set_keeper). */
	bool may_collect;
	/* Called for each rule that packets reach; may be NULL. reach: those that come to it, matched: of them. */
	void (*record)(void *data, const struct table *table, const struct chain *chain,
		const struct rule *rule, struct packet_set reach, struct packet_set matched);
	void *data;
};

/* Before sets_seal, once for all rulesets of a world: the names and values that their rules compare. MACs are enumerated
 * where rules ask for whole ones only; returned are the fields of which they ask bits. */
uint64_t ruleset_add_to_world(struct sets *sets, const struct ruleset *const *rulesets, size_t n);
/* The names of interfaces in it: of input ones and of ports of bridges, too. Sorted, each once; "eth+": all that begin so. */
void ruleset_iface_names(
	struct arena *arena, const struct ruleset *rs, const char *const **ret, size_t *ret_n);

/* The fields that a rule may change of packets that it matches, as FIELD_BITs. */
uint64_t ruleset_rule_writes(const struct table *table, const struct rule *rule);

/* br_netfilter takes a frame's tag away before it asks iptables (setup_pre_routing, br_nf_forward_ip), so that there
 * all is IP; nft's keys look at the ethertype themselves. */
bool table_hides_tag(const struct table *table, const struct packet *packet);

/* Of eval->set, those that a rule matches, whatever stands before it. */
struct packet_set ruleset_rule_matches(const struct eval *eval, const struct table *table,
	const struct chain *chain, const struct rule *rule, const struct packet *packet);

/* One thing that was done to the packet. Steps are shared: each knows only what was before it. */
enum step_kind {
	STEP_MATCH,	/* the rule matched: its counter rises */
	STEP_MAYBE,	/* it was assumed to match */
	STEP_MAYBE_NOT, /* it was assumed not to match; its counter does not rise */
	STEP_POLICY,	/* the end of a base chain: its policy */
};
struct step {
	const struct step *before; /* NULL: the first */
	enum step_kind kind;
	const struct table *table;
	const struct chain *chain;
	const struct rule *rule; /* NULL for STEP_POLICY */
	const struct match
		*assumed; /* STEP_MAYBE, STEP_MAYBE_NOT: the first match that could not be told */
	const struct packet *after; /* the packet behind it, when the rule changed it; else NULL */
};

enum verdict {
	VERDICT_ACCEPT,
	VERDICT_DROP,
	VERDICT_REJECT, /* dropped, and the sender is told */
	VERDICT_STOLEN, /* handed to a program, a socket or another device: NFQUEUE, TPROXY, fwd, SYNPROXY */
	VERDICT_CANNOT_TELL, /* a target or a chain that is not modelled */
};

struct outcome {
	enum verdict verdict;
	struct packet packet;
	struct packet_set set;	 /* of a set: those that end so, as they look then */
	struct nat nat;		 /* from a chain of type nat */
	const struct step *last; /* the way here, from its end; NULL of a set */
	/* that decided; NULL: the policy, or, in a chain that is none, its end */
	const struct rule *rule;
	const struct table *table;
	const struct chain *chain;
	const char *why; /* VERDICT_CANNOT_TELL: what is missing, as a phrase */
};
struct outcomes {
	VEC(struct outcome);
};
/* Of a set: all that ended with one of these verdicts (VERDICT_BITs). */
#define VERDICT_BIT(verdict) (1u << (verdict))
struct packet_set outcomes_set(
	struct sets *sets, const struct outcomes *outcomes, unsigned verdicts);

/*
 * One base chain. Outcomes are added to ret. Equal ones (same verdict, rule, packet and nat) are one.
 * decided: the fields that were looked at are or-ed into it (a set of bits 1 << enum field): any
 * packet that has the same values there gets the same answer. NULL: not asked.
 */
void ruleset_eval_chain(const struct eval *eval, const struct table *table,
	const struct chain *chain, const struct packet *packet, const struct step *before,
	uint64_t *decided, struct outcomes *ret);

/*
 * All base chains of a hook in order: a drop ends, an accept goes on with the next chain, of NAT
 * chains the first mapping counts. nat chains are asked only with is_first_of_flow (net/netfilter/nf_nat_core.c:
 * once for each flow and direction of manipulation).
 */
void ruleset_eval_hook(const struct eval *eval, enum family family, const char *device,
	bool is_first_of_flow, const struct packet *packet, const struct step *before,
	uint64_t *decided, struct outcomes *ret);

/* Of all packets, those that chains of nat are not asked about at all, since they belong to no flow or to one that was there before
 * (net/netfilter/nf_nat_core.c, nf_nat_inet_fn). Of a set the functions above and below leave them out. */
struct packet_set ruleset_passes_by_nat(struct sets *sets);

/* The same for some of a hook's chains, as ruleset_hook_chains gave them: those before or behind
 * conntrack, for instance. eval->hook is theirs. An order that is not known is tried in every way. */
void ruleset_eval_chains(const struct eval *eval, const struct hook_chain *chains, size_t n,
	bool is_first_of_flow, const struct packet *packet, const struct step *before,
	uint64_t *decided, struct outcomes *ret);

/* The one answer for one packet through one base chain: of several outcomes that differ, VERDICT_CANNOT_TELL.
 * record: called for every rule that matched, in order (its counter would rise); may be NULL. */
struct evaluation {
	enum verdict verdict;
	const struct rule *rule; /* as in struct outcome */
	const struct chain *chain;
};
typedef void ruleset_record_fn(void *data, const struct chain *chain, const struct rule *rule);
struct evaluation ruleset_eval(const struct ruleset *rs, const struct table *table,
	const struct chain *chain, const struct packet *packet, ruleset_record_fn *record,
	void *data);

#endif
