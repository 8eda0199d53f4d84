// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a chain does to one packet. The answer has three values. A rule whose matches say "no"
 * anywhere is passed, however little is known of its other matches. A rule of which one match
 * cannot be told, and which could decide, ends the walk with "cannot tell": to guess either way
 * would make every answer behind it a guess.
 *
 * Chains can call each other in circles only in a text, never in a kernel; depth and number of
 * the steps are bounded all the same, and end in "cannot tell".
 */
#include <stdlib.h>
#include <string.h>

#include "ruleset/eval.h"
#include "base/vec.h"

#define MAX_DEPTH 64 /* nf_tables allows 16 */
#define MAX_STEPS 65536

enum answer { NO, YES, CANNOT_TELL };

struct walk {
	const struct ruleset *rs;
	const struct table *table;
	const struct packet *packet;
	struct frame {
		const struct chain *chain;
		size_t next; /* rule */
	} frames[MAX_DEPTH];
	size_t depth, n_steps;
};

static enum answer answer_of(bool yes)
{
	return yes ? YES : NO;
}

/* No interface is the empty name, for xt_tables as for nft's iifname. */
static bool iface_matches(const char *pattern, const char *iface, bool has_wildcard)
{
	size_t len = strlen(pattern);

	if (!iface)
		iface = "";
	if (has_wildcard && len && pattern[len - 1] == '+')
		return strncmp(iface, pattern, len - 1) == 0;
	return strcmp(iface, pattern) == 0;
}

static const char *iface_of(const struct walk *walk, bool is_out)
{
	const struct packet *packet = walk->packet;

	if (walk->table->family == FAMILY_BRIDGE)
		return is_out ? packet->physdev_out : packet->physdev_in;
	return is_out ? packet->out_iface : packet->in_iface;
}

/* As xt_physdev: without any port only inverted matches say yes, and where the packet has one
 * port, what is asked of the other is: of the input port no question, of the output port no. */
static bool physdev_matches(const struct packet *packet, const struct match *match)
{
	if (!packet->physdev_in && !packet->physdev_out)
		return match->inverted;
	switch (match->kind) {
	case MATCH_PHYSDEV_IN:
		return !packet->physdev_in ||
		       iface_matches(match->name, packet->physdev_in, true) != match->inverted;
	case MATCH_PHYSDEV_OUT:
		return packet->physdev_out &&
		       iface_matches(match->name, packet->physdev_out, true) != match->inverted;
	default:
		return (packet->physdev_out != NULL) != match->inverted;
	}
}

/* A later fragment has no ports, and so no rule about ports, inverted or not, matches it. */
static bool ports_match(const struct packet *packet, const struct match *match)
{
	uint16_t port = match->kind == MATCH_SPORT ? packet->sport : packet->dport;
	bool is_in = false;

	if (packet->is_later_fragment || !proto_has_ports(packet->proto))
		return false;
	for (size_t i = 0; i < match->ports.n_ranges; i++)
		is_in |= port >= match->ports.ranges[i].min && port <= match->ports.ranges[i].max;
	return is_in != match->inverted;
}

static bool icmp_matches(const struct packet *packet, const struct match *match, enum family family)
{
	uint8_t proto = family == FAMILY_IPV6 ? PROTO_ICMPV6 : PROTO_ICMP;
	bool is_any = family == FAMILY_IPV4 && match->icmp.type == 255;
	bool is_it = packet->icmp_type == match->icmp.type &&
		     (match->icmp.any_code || packet->icmp_code == match->icmp.code);

	if (packet->is_later_fragment || packet->proto != proto)
		return false;
	return (is_any || is_it) != match->inverted;
}

/* How many leading bits two addresses share. */
static unsigned common_bits(const struct addr *a, const struct addr *b)
{
	unsigned max = prefix_max_len(a->family), n = 0;

	while (n < max && a->bytes[n / 8] == b->bytes[n / 8])
		n += 8;
	while (n < max && n % 8 < 8 && !((a->bytes[n / 8] ^ b->bytes[n / 8]) & (0x80 >> n % 8)))
		n++;
	return n < max ? n : max;
}

static struct prefix shortened(const struct addr *addr, unsigned len)
{
	struct prefix prefix = { .addr = *addr, .len = (uint8_t)len };

	for (unsigned i = len; i < 128; i++)
		prefix.addr.bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return prefix;
}

/*
 * Prefixes may nest, so that the neighbour below an address need not be the one that contains it.
 * But it says how far to go up: whatever contains the address sorts below the neighbour and
 * contains the neighbour too, so it is no longer than what both have in common.
 */
static bool set_contains(const struct set *set, const struct addr *addr)
{
	struct prefix key = prefix_of_addr(addr);

	for (;;) {
		size_t low = 0, high = set->n_elements;
		const struct prefix *below;

		while (low < high) {
			size_t middle = low + (high - low) / 2;

			if (prefix_compare(&set->elements[middle].prefix, &key) <= 0)
				low = middle + 1;
			else
				high = middle;
		}
		if (low == 0)
			return false;
		below = &set->elements[low - 1].prefix;
		if (below->addr.family != addr->family)
			return false;
		if (prefix_contains(below, addr))
			return true;
		key = shortened(addr, common_bits(&below->addr, addr));
	}
}

static enum answer set_matches(const struct walk *walk, const struct match *match)
{
	const struct set *set = ruleset_set(walk->rs, match->set.name);

	if (!set || set->opaque || set->kind != SET_HASH_NET)
		return CANNOT_TELL;
	return answer_of(
		set_contains(set, match->set.is_src ? &walk->packet->src : &walk->packet->dst) !=
		match->inverted);
}

/* Opaque texts of which the meaning is known after all. */
static enum answer opaque_matches(const struct walk *walk, const char *text)
{
	if (text_has_prefix(text, "-m comment "))
		return YES;
	if (strcmp(text, "-f") == 0)
		return answer_of(walk->packet->is_later_fragment);
	if (strcmp(text, "! -f") == 0)
		return answer_of(!walk->packet->is_later_fragment);
	return CANNOT_TELL;
}

static enum answer match_eval(const struct walk *walk, const struct match *match)
{
	const struct packet *packet = walk->packet;
	bool is_bridge = walk->table->family == FAMILY_BRIDGE, is_it;

	switch (match->kind) {
	case MATCH_IN_IFACE:
	case MATCH_OUT_IFACE:
		is_it = iface_matches(
			match->name, iface_of(walk, match->kind == MATCH_OUT_IFACE), !is_bridge);
		break;
	case MATCH_SRC:
		is_it = prefix_contains(&match->prefix, &packet->src);
		break;
	case MATCH_DST:
		is_it = prefix_contains(&match->prefix, &packet->dst);
		break;
	case MATCH_PROTO:
		is_it = packet->proto == match->proto;
		break;
	case MATCH_SPORT:
	case MATCH_DPORT:
		return answer_of(ports_match(packet, match));
	case MATCH_ICMP_TYPE:
		return answer_of(icmp_matches(packet, match, walk->table->family));
	case MATCH_MAC_SRC:
	case MATCH_ETH_SRC:
		is_it = mac_equal(packet->eth_src, match->mac);
		break;
	case MATCH_PHYSDEV_IN:
	case MATCH_PHYSDEV_OUT:
	case MATCH_PHYSDEV_BRIDGED:
		return answer_of(physdev_matches(packet, match));
	case MATCH_CT_STATE:
		if (!packet->ct_state)
			return CANNOT_TELL;
		is_it = packet->ct_state & match->ct_states;
		break;
	case MATCH_CT_MARK:
		/* without an entry there is no mark, and no answer to "not this mark" either */
		if (packet->ct_state == CT_UNTRACKED || packet->ct_state == CT_INVALID)
			return NO;
		is_it = (packet->ct_mark & match->ct_mark.mask) == match->ct_mark.value;
		break;
	case MATCH_SET:
		return set_matches(walk, match);
	case MATCH_ETHERTYPE:
		is_it = packet->ethertype == match->ethertype;
		break;
	case MATCH_ARP_SHA:
		if (packet->ethertype != ETHERTYPE_ARP)
			return NO;
		is_it = mac_equal(packet->arp_sha, match->mac);
		break;
	case MATCH_ARP_SPA:
		if (packet->ethertype != ETHERTYPE_ARP)
			return NO;
		is_it = prefix_contains(&match->prefix, &packet->arp_spa);
		break;
	case MATCH_OPAQUE:
		return opaque_matches(walk, match->text);
	case MATCH_NFT_FIELD:
	case MATCH_NFT_DO:
		return CANNOT_TELL;
	default:
		abort();
	}
	return answer_of(is_it != match->inverted);
}

static enum answer rule_matches(const struct walk *walk, const struct rule *rule)
{
	enum answer answer = YES;

	for (size_t i = 0; i < rule->n_matches; i++) {
		enum answer one = match_eval(walk, &rule->matches[i]);

		if (one == NO)
			return NO;
		if (one == CANNOT_TELL)
			answer = CANNOT_TELL;
	}
	return answer;
}

/* Targets that do something to the packet or beside it, and never end the walk. */
static bool goes_on(const struct walk *walk, const char *text)
{
	static const char *const targets[] = { "AUDIT", "CHECKSUM", "CLASSIFY", "CONNMARK",
		"CONNSECMARK", "CT", "DSCP", "ECN", "HL", "LED", "LOG", "MARK", "NFLOG", "NOTRACK",
		"RATEEST", "SECMARK", "SET", "TCPMSS", "TEE", "TOS", "TRACE", "TTL", "ULOG" };
	size_t len = strcspn(text, " ");

	if (walk->table->family == FAMILY_BRIDGE)
		return strcmp(text, "continue") == 0;
	for (size_t i = 0; i < N_OF(targets); i++)
		if (strlen(targets[i]) == len && strncmp(targets[i], text, len) == 0)
			return true;
	return false;
}

static bool rejects(const struct walk *walk, const char *text)
{
	const char *word = walk->table->family == FAMILY_BRIDGE ? "reject" : "REJECT";
	size_t len = strlen(word);

	return text_has_prefix(text, word) && (!text[len] || text[len] == ' ');
}

static bool may_decide(const struct walk *walk, const struct target *target)
{
	switch (target->kind) {
	case TARGET_NONE:
	case TARGET_CT_ZONE:
	case TARGET_CT_NOTRACK:
	case TARGET_NFT_CONTINUE:
		return false;
	case TARGET_OPAQUE:
		return !goes_on(walk, target->text);
	default:
		return true;
	}
}

/* What the map has for the packet's port: NULL in *ret is nothing. False: cannot tell. */
static bool vmap_find(
	const struct walk *walk, const struct target *target, const struct target **ret)
{
	const struct set *map = table_set(walk->table, target->vmap.map);
	const char *iface = iface_of(walk, target->vmap.by_out_iface);
	size_t low = 0, high = map ? map->n_elements : 0;

	if (!map || map->opaque || map->kind != MAP_IFNAME_VERDICT)
		return false;
	*ret = NULL;
	while (iface && low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(map->elements[middle].name, iface);

		if (order == 0) {
			*ret = &map->elements[middle].target;
			break;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return true;
}

static bool enter(struct walk *walk, const char *name, bool is_goto)
{
	const struct chain *chain = table_chain(walk->table, name);

	if (is_goto)
		walk->depth--;
	if (!chain || walk->depth == MAX_DEPTH || ++walk->n_steps > MAX_STEPS)
		return false;
	walk->frames[walk->depth++] = (struct frame){ .chain = chain };
	return true;
}

/* Does what the target says. Returns true when the walk ends, with *ret_verdict set. */
static bool follow(struct walk *walk, const struct target *target, enum verdict *ret_verdict)
{
	*ret_verdict = VERDICT_CANNOT_TELL;
	switch (target->kind) {
	case TARGET_ACCEPT:
		*ret_verdict = VERDICT_ACCEPT;
		return true;
	case TARGET_DROP:
		*ret_verdict = VERDICT_DROP;
		return true;
	case TARGET_RETURN:
		walk->depth--;
		return false;
	case TARGET_JUMP:
	case TARGET_GOTO:
		return !enter(walk, target->chain, target->kind == TARGET_GOTO);
	case TARGET_OPAQUE:
		if (!rejects(walk, target->text))
			return may_decide(walk, target);
		*ret_verdict = VERDICT_DROP;
		return true;
	case TARGET_NFT_REJECT:
		*ret_verdict = VERDICT_DROP;
		return true;
	case TARGET_NFT_QUEUE:
	case TARGET_NFT_NAT:
	case TARGET_NFT_VMAP:
	case TARGET_NFT_TAKEN:
		return true;
	default:
		return false;
	}
}

/* The target that applies: a map's element for a map. NULL: none. False: cannot tell. */
static bool applying_target(
	const struct walk *walk, const struct rule *rule, const struct target **ret)
{
	switch (rule_matches(walk, rule)) {
	case NO:
		*ret = NULL;
		return true;
	case CANNOT_TELL:
		*ret = NULL;
		return !may_decide(walk, &rule->target);
	default:
		*ret = &rule->target;
		return rule->target.kind != TARGET_VMAP || vmap_find(walk, &rule->target, ret);
	}
}

struct evaluation ruleset_eval(const struct ruleset *rs, const struct table *table,
	const struct chain *chain, const struct packet *packet, ruleset_record_fn *record,
	void *data)
{
	struct walk walk = { .rs = rs,
		.table = table,
		.packet = packet,
		.frames = { { .chain = chain } },
		.depth = 1 };
	struct evaluation evaluation = { .verdict = VERDICT_CANNOT_TELL, .chain = chain };

	while (walk.depth) {
		struct frame *frame = &walk.frames[walk.depth - 1];
		const struct chain *at = frame->chain;
		const struct target *target;
		const struct rule *rule;

		if (frame->next == at->n_rules) {
			walk.depth--;
			continue;
		}
		rule = &at->rules[frame->next++];
		evaluation = (struct evaluation){ .rule = rule, .chain = at };
		evaluation.verdict = VERDICT_CANNOT_TELL;
		if (!applying_target(&walk, rule, &target))
			return evaluation;
		if (!target)
			continue;
		if (record)
			record(data, at, rule);
		if (follow(&walk, target, &evaluation.verdict))
			return evaluation;
	}
	evaluation = (struct evaluation){ .verdict = VERDICT_CANNOT_TELL, .chain = chain };
	if (chain->is_base)
		evaluation.verdict = chain->policy && strcmp(chain->policy, "DROP") == 0
					     ? VERDICT_DROP
					     : VERDICT_ACCEPT;
	return evaluation;
}
