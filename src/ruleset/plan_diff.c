// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The shortest edit of one rule sequence into another: E. Myers, "An O(ND) Difference Algorithm
 * and Its Variations", 1986, the greedy forward variant. Most chains differ in a rule or two, so
 * that the common head and tail is nearly all of the work. The bound keeps memory at 4 MiB and
 * the time in milliseconds; beyond it the differing middle is replaced, which is right as well,
 * only longer, and loses the counters of rules that could have stayed.
 */
#include <string.h>

#include "ruleset/plan_internal.h"

#define DIFF_MAX_EDITS 1024

static uint64_t hash_add(uint64_t hash, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3;
	return hash;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	return text ? hash_add(hash, text, strlen(text) + 1) : hash;
}

static uint64_t hash_match(uint64_t hash, const struct match *match)
{
	hash = hash_add(hash, &match->kind, sizeof(match->kind));
	switch (match->kind) {
	case MATCH_IN_IFACE:
	case MATCH_OUT_IFACE:
	case MATCH_PHYSDEV_IN:
	case MATCH_PHYSDEV_OUT:
		return hash_text(hash, match->name);
	case MATCH_SRC:
	case MATCH_DST:
	case MATCH_ARP_SPA:
		hash = hash_add(hash, match->prefix.addr.bytes, match->prefix.addr.family ? 16 : 4);
		return hash_add(hash, &match->prefix.len, 1);
	case MATCH_PROTO:
		return hash_add(hash, &match->proto, 1);
	case MATCH_SPORT:
	case MATCH_DPORT:
		for (size_t i = 0; i < match->ports.n_ranges; i++) {
			hash = hash_add(hash, &match->ports.ranges[i].min, 2);
			hash = hash_add(hash, &match->ports.ranges[i].max, 2);
		}
		return hash;
	case MATCH_MAC_SRC:
	case MATCH_ETH_SRC:
	case MATCH_ARP_SHA:
		return hash_add(hash, match->mac.bytes, 6);
	case MATCH_SET:
		return hash_text(hash, match->set.name);
	case MATCH_OPAQUE:
		return hash_text(hash, match->text);
	default:
		return hash;
	}
}

/* Equal rules have equal hashes; it may look at less than rule_equal, never at more. */
static uint64_t rule_hash(const struct rule *rule)
{
	uint64_t hash = 0xcbf29ce484222325;

	hash = hash_add(hash, &rule->target.kind, sizeof(rule->target.kind));
	if (rule->target.kind == TARGET_JUMP || rule->target.kind == TARGET_GOTO)
		hash = hash_text(hash, rule->target.chain);
	hash = hash_text(hash, rule->comment);
	for (size_t i = 0; i < rule->n_matches; i++)
		hash = hash_match(hash, &rule->matches[i]);
	return hash;
}

struct side {
	const struct rule *rules;
	uint64_t *hashes;
	bool *is_edited; /* deleted from this side, or inserted on this side */
	int32_t n;
};

struct differ {
	struct arena *scratch;
	struct side from, to;
	int32_t *trace[DIFF_MAX_EDITS + 1]; /* by number of edits d: furthest x on -d..d */
};

static void side_init(struct side *side, struct arena *scratch, const struct rule *rules, size_t n)
{
	side->rules = rules;
	side->n = (int32_t)n;
	side->hashes = arena_new_array(scratch, uint64_t, n + 1);
	side->is_edited = arena_new_array(scratch, bool, n + 1);
	for (size_t i = 0; i < n; i++)
		side->hashes[i] = rule_hash(&rules[i]);
}

static bool is_same(const struct differ *differ, int32_t x, int32_t y)
{
	return differ->from.hashes[x] == differ->to.hashes[y] &&
	       rule_equal(&differ->from.rules[x], &differ->to.rules[y]);
}

/* The x to start from on diagonal k with one edit more than before; before[k + d - 1]. */
static int32_t step_from(const int32_t *before, int32_t d, int32_t k, bool *ret_is_insert)
{
	const int32_t *x = before + d - 1;

	*ret_is_insert = k == -d || (k != d && x[k - 1] < x[k + 1]);
	return *ret_is_insert ? x[k + 1] : x[k - 1] + 1;
}

static bool find_path(struct differ *differ, int32_t *ret_n_edits)
{
	for (int32_t d = 0; d <= DIFF_MAX_EDITS; d++) {
		int32_t *furthest = arena_new_array(differ->scratch, int32_t, (size_t)d * 2 + 1);

		differ->trace[d] = furthest;
		for (int32_t k = -d; k <= d; k += 2) {
			bool is_insert;
			int32_t x = d ? step_from(differ->trace[d - 1], d, k, &is_insert) : 0;
			int32_t y = x - k;

			while (x < differ->from.n && y >= 0 && y < differ->to.n &&
				is_same(differ, x, y)) {
				x++;
				y++;
			}
			furthest[k + d] = x;
			if (x == differ->from.n && y == differ->to.n) {
				*ret_n_edits = d;
				return true;
			}
		}
	}
	return false;
}

static void mark_edits(struct differ *differ, int32_t n_edits)
{
	int32_t x = differ->from.n, y = differ->to.n;

	for (int32_t d = n_edits; d > 0; d--) {
		bool is_insert;
		int32_t k = x - y, start = step_from(differ->trace[d - 1], d, k, &is_insert);

		x = start;
		y = start - k;
		if (is_insert)
			differ->to.is_edited[--y] = true;
		else
			differ->from.is_edited[--x] = true;
	}
}

static void collect_hunks(
	struct arena *arena, const struct differ *differ, size_t head, hunk_vec *hunks)
{
	int32_t x = 0, y = 0;

	while (x < differ->from.n || y < differ->to.n) {
		struct hunk hunk = { .at_from = head + (size_t)x, .at_to = head + (size_t)y };

		for (; x < differ->from.n && differ->from.is_edited[x]; x++)
			hunk.n_del++;
		for (; y < differ->to.n && differ->to.is_edited[y]; y++)
			hunk.n_ins++;
		if (hunk.n_del || hunk.n_ins) {
			*vec_push(hunks, arena) = hunk;
		} else {
			x++;
			y++;
		}
	}
}

void diff_rules(struct arena *arena, const struct rule *from, size_t n_from, const struct rule *to,
	size_t n_to, struct hunk **ret, size_t *ret_n)
{
	size_t head = 0;
	hunk_vec hunks = { 0 };

	while (head < n_from && head < n_to && rule_equal(&from[head], &to[head]))
		head++;
	while (n_from > head && n_to > head && rule_equal(&from[n_from - 1], &to[n_to - 1])) {
		n_from--;
		n_to--;
	}
	n_from -= head;
	n_to -= head;
	if (n_from && n_to) {
		struct arena *scratch CLEANUP(arena_freep) = arena_new();
		struct differ *differ = arena_new_one(scratch, struct differ);
		int32_t n_edits;

		differ->scratch = scratch;
		side_init(&differ->from, scratch, from + head, n_from);
		side_init(&differ->to, scratch, to + head, n_to);
		if (find_path(differ, &n_edits)) {
			mark_edits(differ, n_edits);
		} else {
			memset(differ->from.is_edited, true, n_from);
			memset(differ->to.is_edited, true, n_to);
		}
		collect_hunks(arena, differ, head, &hunks);
	} else if (n_from || n_to) {
		*vec_push(&hunks, arena) = (struct hunk){
			.at_from = head, .n_del = n_from, .at_to = head, .n_ins = n_to
		};
	}
	*ret = hunks.items;
	*ret_n = hunks.n;
}
