// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What was not read. Whoever asks for it gets a value that it might have, and the walk is made
 * again with each other one: if all end alike, the fact does not matter; otherwise it is what is
 * missing. The walk is a function of the answers, so the list of what was asked is a way through
 * a tree, and the next way differs in the last question that has another answer left.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "explain/internal.h"

long facts_ask(struct facts *facts, const struct netns *ns, const char *key, long min, long max,
	const char *why, const char *how)
{
	struct fact *fact;

	vec_for_each (known, &facts->asked)
		if (known->ns == ns && !strcmp(known->key, key))
			return known->value;
	fact = vec_push(&facts->asked, facts->arena);
	*fact = (struct fact){ .ns = ns,
		.key = arena_strdup(facts->arena, key),
		.why = why,
		.how = how ? how : "\"portwall snapshot\" as root on that host reads it",
		.value = min,
		.max = max };
	return min;
}

bool facts_next(struct facts *facts)
{
	struct fact *last;

	while (facts->asked.n) {
		last = &facts->asked.items[facts->asked.n - 1];
		if (last->value < last->max) {
			last->value++;
			facts->n_kept = facts->asked.n;
			return true;
		}
		facts->asked.n--;
	}
	return false;
}

/* --- settings --- */

/* What is not there and not unread is not there: a kernel without the feature. */
static const char *sysctl_unread(
	struct facts *facts, const struct netns *ns, const char *name, const char **ret_why)
{
	const char *what = arena_printf(facts->arena, "sysctl %s", name);

	if (netns_is_unread(ns, what, ret_why) || netns_is_unread(ns, "sysctls", ret_why))
		return what;
	/* whole folders that could not be opened */
	if (text_has_prefix(name, "net.bridge.") && netns_is_unread(ns, "br_netfilter", ret_why))
		return what;
	if (text_has_prefix(name, "net.netfilter.nf_conntrack_") &&
		netns_is_unread(ns, "sysctl net.netfilter.nf_conntrack_*", ret_why))
		return what;
	return NULL;
}

/* false: it is not there; *ret_what: it was not read. */
static bool sysctl_find(struct facts *facts, const struct netns *ns, const char *name, long *ret,
	const char **ret_what, const char **ret_why)
{
	const char *value = netns_sysctl(ns, name);

	*ret_what = NULL;
	if (value) {
		*ret = strtol(value, NULL, 10);
		return true;
	}
	*ret_what = ns->n_unread ? sysctl_unread(facts, ns, name, ret_why) : NULL;
	return false;
}

long netns_sysctl_number(struct facts *facts, const struct netns *ns, const char *name, long absent)
{
	const char *what, *why;
	long value;

	if (sysctl_find(facts, ns, name, &value, &what, &why))
		return value;
	return what ? facts_ask(facts, ns, what, 0, 1, why, NULL) : absent;
}

long link_conf(struct facts *facts, const struct netns *ns, const char *family,
	const struct link *dev, const char *name, long absent)
{
	return netns_sysctl_number(
		facts, ns, link_conf_name(facts->arena, family, dev, name), absent);
}

long link_conf_max(struct facts *facts, const struct netns *ns, const char *family,
	const struct link *dev, const char *name, long max)
{
	const char *all = arena_printf(facts->arena, "net.%s.conf.all.%s", family, name);
	const char *why, *what_all, *what_own, *why_own;
	long value = 0, own = 0;

	sysctl_find(facts, ns, all, &value, &what_all, &why);
	sysctl_find(facts, ns, link_conf_name(facts->arena, family, dev, name), &own, &what_own,
		&why_own);
	if (own > value)
		value = own;
	if ((!what_all && !what_own) || value >= max)
		return value;
	return facts_ask(facts, ns, what_all ? what_all : what_own, value, max,
		what_all ? why : why_own, NULL);
}

/* --- addresses --- */

bool skb_owns(const struct skb *skb, const struct addr *addr)
{
	struct text key CLEANUP(text_done) = TEXT_INIT;
	const struct netns *ns = skb->ns;
	const char *why;

	for (size_t i = netns_first(ns, ADDRESSES_BY_LOCAL, key_of_addr(addr)); i < ns->n_addresses;
		i = netns_next(ns, ADDRESSES_BY_LOCAL, i))
		if (!addr_compare(&ns->addresses[i].local, addr))
			return true;
	if (!netns_is_unread(ns, "addresses", &why))
		return false;
	text_add(&key, "addresses: whether ");
	addr_print(&key, addr);
	text_add(&key, " is one of them");
	return facts_ask(skb->facts, ns, key.data, 0, 1, why, NULL);
}

bool skb_owns_next_hop(const struct skb *skb, bool *ret_is_known)
{
	const struct addr *addr =
		skb->has_next_hop && !skb->is_next_hop_dst ? &skb->next_hop : &skb->packet.dst;

	*ret_is_known = !skb->is_next_hop_dst || skb->n_mapped_then == skb->n_mapped;
	/* nobody asks on a wire who that is */
	return !addr_is_loopback(addr) && skb_owns(skb, addr);
}

bool link_has_address(const struct skb *skb, const struct link *link, enum family family)
{
	const struct netns *ns = skb->ns;
	const char *why;

	for (size_t i = netns_first(ns, ADDRESSES_BY_LINK, (uint64_t)link->index);
		i < ns->n_addresses; i = netns_next(ns, ADDRESSES_BY_LINK, i))
		if (ns->addresses[i].index == link->index &&
			ns->addresses[i].local.family == family)
			return true;
	if (!netns_is_unread(ns, "addresses", &why))
		return false;
	return facts_ask(skb->facts, ns,
		arena_printf(skb->facts->arena, "addresses: whether %s has one of IPv%d",
			link->name, family == FAMILY_IPV6 ? 6 : 4),
		0, 1, why, NULL);
}

/* --- links --- */

const char *host_hidden_links(const struct host *host)
{
	static const char *const all[] = { "other namespaces", "named namespaces",
		"namespaces of processes" };

	for (size_t n = 0; n < host->n_netns; n++)
		if (netns_is_unread(&host->netns[n], "links", NULL))
			return "links";
	for (size_t i = 0; i < host->n_unread; i++) {
		const char *what = host->unread[i].what;

		if (text_has_prefix(what, "netns "))
			return what;
		for (size_t a = 0; a < N_OF(all); a++)
			if (!strcmp(what, all[a]))
				return what;
	}
	return NULL;
}

bool link_flag(const struct skb *skb, const struct link *link, const char *key, bool value)
{
	struct facts *facts = skb->facts;
	const char *what, *why;

	if (!skb->ns->n_unread)
		return value;
	what = arena_printf(facts->arena, "links %s", key);
	if (!netns_is_unread(skb->ns, what, &why))
		return value;
	return facts_ask(facts, skb->ns, arena_printf(facts->arena, "%s of %s", what, link->name),
		0, 1, why, NULL);
}

/* --- all ways together --- */

static bool is_alike(const struct answer *a, const struct answer *b)
{
	const struct node *x = a->leaf->last, *y = b->leaf->last;

	if (a->final != b->final)
		return false;
	if (a->final != FINAL_DELIVERED && a->final != FINAL_REWRITTEN)
		return true;
	return a->leaf->place == b->leaf->place && a->leaf->socket == b->leaf->socket &&
	       x->ns == y->ns && x->link == y->link &&
	       !addr_compare(&x->packet->src, &y->packet->src) &&
	       !addr_compare(&x->packet->dst, &y->packet->dst) &&
	       x->packet->sport == y->packet->sport && x->packet->dport == y->packet->dport &&
	       x->packet->vlan_id == y->packet->vlan_id;
}

static void add_end(struct text *out, const struct answer *answer)
{
	const struct leaf *leaf = answer->leaf;

	text_add(out, final_name(answer->final));
	if (leaf->drop)
		text_addf(out, " (%s)", drop_name(leaf->drop));
	if (leaf->last->link &&
		(answer->final == FINAL_DELIVERED || answer->final == FINAL_REWRITTEN))
		text_addf(out, " at %s", leaf->last->link->name);
}

static struct answer cannot_tell(struct walk *walk, const struct answer *like, const char *why)
{
	struct leaf *leaf = arena_new_one(walk->arena, struct leaf);

	*leaf = *like->leaf;
	leaf->final = FINAL_CANNOT_TELL;
	leaf->drop = DROP_NONE;
	leaf->place = PLACE_NONE;
	leaf->socket = NULL;
	leaf->why = why;
	*vec_push(&walk->result->leaves, walk->arena) = leaf;
	return (struct answer){ .final = FINAL_CANNOT_TELL, .leaf = leaf };
}

static const char *words_of(struct arena *arena, const struct fact *fact)
{
	bool is_own = !*fact->ns->name;

	return arena_printf(arena, "%s%s%s%s: %s", fact->key, is_own ? "" : " (",
		is_own ? "" : fact->ns->name, is_own ? "" : ")", fact->why);
}

static struct answer differ(struct walk *walk, const struct answer *before,
	const struct answer *other, const struct fact *fact)
{
	struct text why CLEANUP(text_done) = TEXT_INIT;

	text_addf(&why, "not known: %s; if %ld, it is ", words_of(walk->arena, fact),
		fact->value - 1);
	add_end(&why, before);
	text_addf(&why, ", if %ld, ", fact->value);
	add_end(&why, other);
	text_addf(&why, "; %s", fact->how);
	return cannot_tell(walk, before, arena_strdup(walk->arena, why.data));
}

/* Of a set all are cases: packets that do not end alike in all of them are in several parts. */
static struct answer run_of_set(struct walk *walk, struct answer (*once)(struct walk *walk))
{
	struct answer answer = once(walk);

	for (unsigned n = 1; facts_next(&walk->facts); n++) {
		struct skb all = { .set = walk->set, .ns = walk->query->ns };

		if (n == LIMIT_WALK_UNREAD)
			return answer_of_cases(walk, answer,
				end_cannot_tell(walk, &all,
					"too much is not known to try all of it; one of it: %s",
					words_of(walk->arena, &walk->facts.asked.items[0])));
		answer = answer_of_cases(walk, answer, once(walk));
	}
	return answer;
}

struct answer facts_run(struct walk *walk, struct answer (*once)(struct walk *walk))
{
	struct facts *facts = &walk->facts;
	struct answer first;

	if (walk->sets)
		return run_of_set(walk, once);
	first = once(walk);

	for (unsigned n = 1; first.final != FINAL_CANNOT_TELL && facts_next(facts); n++) {
		struct answer other;

		if (n == LIMIT_WALK_UNREAD)
			return cannot_tell(walk, &first,
				arena_printf(walk->arena,
					"too much is not known to try all of it; one of it: %s",
					words_of(walk->arena, &facts->asked.items[0])));
		other = once(walk);
		if (other.final == FINAL_CANNOT_TELL)
			return other;
		if (!is_alike(&first, &other))
			return differ(walk, &first, &other, &facts->asked.items[facts->n_kept - 1]);
	}
	return first;
}
