// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * MACs that a set of packets was given without: whoever has the address is meant, as of one packet (macs.c). So the set is
 * parted by destinations whose MAC is known, and what nobody knows stays open. MACs that nothing on this host tells apart are
 * one part, with one of them for all: the stations behind one port, the groups that no rule and no flow names.
 */
#include <string.h>

#include "explain/internal.h"

struct mac_class {
	struct mac mac;
	struct packet_set seen; /* as rules see it */
	const char *traits;	/* as all else does */
	struct packet_set dsts;
};
struct mac_classes {
	VEC(struct mac_class);
};

static struct packet_set seen_by_rules(const struct walk *walk, struct mac mac)
{
	const struct packet packet = { .eth_dst = mac };

	return set_of_packet(walk->sets, &packet, FIELD_BIT(FIELD_ETH_DST));
}

static const char *traits_of(struct walk *walk, struct mac mac)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	text_addf(&out, "%d", mac_is_multicast(mac));
	for (size_t n = 0; n < walk->host->n_netns; n++) {
		const struct netns *ns = &walk->host->netns[n];

		/* libvirt's taps have the MAC of their guests with another first byte (is_for_guest) */
		for (size_t i = 0; i < ns->n_links; i++)
			if (!memcmp(ns->links[i].mac.bytes + 1, mac.bytes + 1, 5))
				text_addf(&out, " link %zu %d %d", n, ns->links[i].index,
					mac_equal(ns->links[i].mac, mac));
		for (size_t i = netns_first(ns, FDB_BY_MAC, key_of_mac(mac)); i < ns->n_fdb;
			i = netns_next(ns, FDB_BY_MAC, i)) {
			const struct fdb_entry *entry = &ns->fdb[i];

			if (mac_equal(entry->mac, mac))
				text_addf(&out, " fdb %zu %d %d %u %d %d", n, entry->bridge_index,
					entry->port_index, entry->vlan, entry->is_permanent,
					entry->is_static);
		}
	}
	ovs_add_traits(&out, walk->host, mac);
	return arena_strdup(walk->arena, out.data);
}

static struct mac_class *class_of(struct walk *walk, struct mac_classes *classes, struct mac mac)
{
	const struct mac_class new = { .mac = mac,
		.seen = seen_by_rules(walk, mac),
		.traits = traits_of(walk, mac),
		.dsts = SET_EMPTY };

	vec_for_each (known, classes)
		if (set_equal(known->seen, new.seen) && !strcmp(known->traits, new.traits))
			return known;
	*vec_push(classes, walk->arena) = new;
	return &classes->items[classes->n - 1];
}

static void add_class(
	struct walk *walk, struct mac_classes *classes, struct mac mac, struct packet_set dsts)
{
	struct mac_class *class = class_of(walk, classes, mac);

	class->dsts = set_or(walk->sets, class->dsts, dsts);
}

/* --- stations --- */

static void add_stations(
	struct walk *walk, enum family family, struct packet_set have, struct mac_classes *classes)
{
	struct stations stations = { 0 };

	stations_find(walk->arena, walk->host, walk->query, family, &stations);
	vec_for_each (station, &stations) {
		struct packet_set one = set_and(
			walk->sets, have, set_of_addr(walk->sets, FIELD_DST, &station->addr));

		if (!set_is_empty(one))
			add_class(walk, classes, station->mac, one);
	}
}

/* --- groups --- */

static struct packet_set group_set(const struct walk *walk, enum family family)
{
	struct prefix prefix;

	prefix_parse(family == FAMILY_IPV6 ? "ff00::/8" : "224.0.0.0/4", &prefix);
	return set_of_prefix(walk->sets, FIELD_DST, &prefix);
}

/* The groups whose MAC it is: the last 23 bits of theirs, of IPv6 the last 32. */
static struct packet_set groups_of(const struct walk *walk, enum family family, struct mac mac)
{
	struct field_value value = { 0 }, mask = { 0 };

	memcpy(value.bytes + 12, mac.bytes + 2, 4);
	memset(mask.bytes + 12, 0xff, 4);
	if (family != FAMILY_IPV6) {
		value.bytes[12] = mask.bytes[12] = 0;
		mask.bytes[13] = 0x7f;
	}
	return set_of_mask(walk->sets, FIELD_DST, family, &value, &mask);
}

/* False: they are told apart in a way that is not known here. */
static bool add_groups(
	struct walk *walk, enum family family, struct packet_set have, struct mac_classes *classes)
{
	struct packet_set rest = set_and(walk->sets, have, group_set(walk, family));
	struct field_value value;
	struct packet packet;

	if (set_is_empty(rest))
		return true;
	if (!sets_value(walk->sets, FIELD_ETH_DST, 0, &value) || ovs_parts_groups(walk->host))
		return false;
	for (size_t i = 0; sets_value(walk->sets, FIELD_ETH_DST, i, &value); i++) {
		struct packet_set groups;
		struct mac mac;

		memcpy(mac.bytes, value.bytes + 10, sizeof(mac.bytes));
		groups = set_and(walk->sets, rest, groups_of(walk, family, mac));
		if (!set_witness(walk->sets, groups, &packet) ||
			!mac_equal(group_mac(&packet.dst), mac))
			continue;
		add_class(walk, classes, mac, groups);
		rest = set_minus(walk->sets, rest, groups);
	}
	if (set_witness(walk->sets, rest, &packet))
		add_class(walk, classes, group_mac(&packet.dst), rest);
	return true;
}

static void add_broadcast(struct walk *walk, struct packet_set have, struct mac_classes *classes)
{
	const struct addr all = { FAMILY_IPV4, { 255, 255, 255, 255 } };
	struct packet_set one = set_and(walk->sets, have, set_of_addr(walk->sets, FIELD_DST, &all));

	if (!set_is_empty(one))
		add_class(walk, classes, group_mac(&all), one);
}

/* --- parts --- */

struct giving {
	struct mac mac;
	part_fn *go;
	const void *data;
};

static struct answer give_mac(struct walk *walk, struct skb *skb, const void *data)
{
	const struct giving *giving = data;

	skb->packet.eth_dst = giving->mac;
	skb->packet.unknown &= ~FIELD_BIT(FIELD_ETH_DST);
	skb_push(walk, skb);
	return giving->go(walk, skb, giving->data);
}

static struct answer end_groups(struct walk *walk, struct skb *skb, const void *data)
{
	(void)data;
	return end_cannot_tell(walk, skb,
		"rules, or flows of Open vSwitch, tell multicast groups apart by bits of their MACs: ask "
		"for one group");
}

struct answer skb_part_by_mac(
	struct walk *walk, struct skb *skb, bool has_stations, part_fn *go, const void *data)
{
	enum family family = skb->packet.src.family;
	struct mac_classes classes = { 0 };
	struct packet_set have, rest, part;
	struct answer answer = { 0 };

	skb_push(walk, skb);
	rest = skb->set;
	have = set_forget(walk->sets, rest, ~FIELD_BIT(FIELD_DST) & ~SET_FAMILY_BIT);
	if (has_stations)
		add_stations(walk, family, have, &classes);
	add_broadcast(walk, have, &classes);
	if (!add_groups(walk, family, have, &classes)) {
		part = set_and(walk->sets, rest, group_set(walk, family));
		rest = set_minus(walk->sets, rest, part);
		answer = skb_part(walk, skb, part, end_groups, NULL);
	}
	vec_for_each (class, &classes) {
		const struct giving giving = { class->mac, go, data };

		part = set_and(walk->sets, rest, class->dsts);
		rest = set_minus(walk->sets, rest, part);
		answer =
			answer_of_cases(walk, answer, skb_part(walk, skb, part, give_mac, &giving));
	}
	return answer_of_cases(walk, answer, skb_part(walk, skb, rest, go, data));
}
