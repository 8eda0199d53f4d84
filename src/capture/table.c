// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tables that set the flag nf_trace of a few packets that the filter is for, and count all of them.
 *
 * Of family netdev: ingress is before the bridge and before routing, egress behind NAT, so that the trace of a packet begins
 * and ends with the device and shows what it looks like there. A base chain in egress needs no rule for that: that it was
 * asked is an event. Of family inet: what the host itself sends has no ingress. The flag does not go through a veth into another
 * namespace, nor into the peer in the same one (skb_scrub_packet): the next ingress sets it again.
 *
 * The limit is each device's own, so that a packet that was picked at one is likely picked at the next.
 *
 * Behind NAT the filter may not match any more. A packet that was picked is therefore known for two seconds by what NAT leaves:
 * IPv4's id, protocol and length; whatever bears the same is picked at other devices of the namespace, too. A packet of somebody else's that
 * happens to (one of thousands) is told from it by watch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/vec.h"
#include "capture/internal.h"

/* Before all others, also before conntrack's defragmentation. */
#define PRIORITY (-500)

const char *own_table_name(void)
{
	static char name[64];

	snprintf(name, sizeof(name), KERNEL_WATCH_TABLE "%ld", (long)getpid());
	return name;
}

bool capture_is_own_table(const char *table)
{
	return text_has_prefix(table, KERNEL_WATCH_TABLE);
}

bool own_chain_is_out(const char *chain)
{
	return text_has_prefix(chain, "out_") || text_has_prefix(chain, "hit_out") ||
	       text_has_prefix(chain, "fo_");
}

#define FOLLOWED_BY "ip id . ip protocol . ip length"

static void add_pick(struct text *out, const char *name, unsigned per_s, bool is_followed)
{
	text_addf(out, "\tchain %s {\n", name);
	if (per_s)
		text_addf(out, "\t\tlimit rate %u/second burst %u packets meta nftrace set 1%s\n",
			per_s, per_s < 10 ? 10 : per_s,
			is_followed ? " ip id != 0 add @followed { " FOLLOWED_BY " }" : "");
	/* what matched is not asked about again in the base chain */
	text_add(out, "\t\taccept\n\t}\n");
}

/* Which device it is: of family netdev "iifname" at ingress, "oifname" at egress. */
static void add_sorter(struct text *out, const char *name, const char *key,
	const struct capture_point *points, size_t n, const char *to)
{
	text_addf(out, "\tchain %s {\n\t\t%s vmap { ", name, key);
	for (size_t i = 0; i < n; i++)
		text_addf(out, "%s\"%s\" : goto %s_%d", i ? ", " : "", points[i].name, to,
			points[i].link);
	text_add(out, " }\n\t}\n");
}

static bool add_netdev(struct text *out, const struct capture_options *options,
	const struct capture_point *points, size_t n, bool has_egress, struct err *err)
{
	char name[64];

	text_addf(out, "table netdev %s {\n\tflags owner\n", own_table_name());
	text_add(out, "\tset followed {\n\t\ttypeof " FOLLOWED_BY
		      "\n\t\tsize 65535\n\t\tflags dynamic,timeout\n\t\ttimeout 2s\n\t}\n");
	for (size_t i = 0; i < n; i++)
		text_addf(out, "\tcounter c_in_%d { }\n\tcounter c_out_%d { }\n", points[i].link,
			points[i].link);
	for (size_t i = 0; i < n; i++) {
		text_addf(out,
			"\tchain hit_in_%d {\n\t\tcounter name c_in_%d\n\t\tgoto pick_%d\n\t}\n",
			points[i].link, points[i].link, points[i].link);
		text_addf(out, "\tchain hit_out_%d {\n\t\tcounter name c_out_%d accept\n\t}\n",
			points[i].link, points[i].link);
		snprintf(name, sizeof(name), "pick_%d", points[i].link);
		add_pick(out, name, options->traces_per_s, true);
		snprintf(name, sizeof(name), "again_%d", points[i].link);
		add_pick(out, name, options->traces_per_s, false);
		/* what Open vSwitch in user space sends had no ingress */
		snprintf(name, sizeof(name), "out_again_%d", points[i].link);
		add_pick(out, name, options->traces_per_s, false);
	}
	add_sorter(out, "hit_in", "iifname", points, n, "hit_in");
	add_sorter(out, "hit_out", "oifname", points, n, "hit_out");
	if (!filter_print_nft(options->filter, FAMILY_NETDEV, "fi", "hit_in", out, err) ||
		!filter_print_nft(options->filter, FAMILY_NETDEV, "fo", "hit_out", out, err))
		return false;
	for (size_t i = 0; i < n; i++) {
		text_addf(out,
			"\tchain in_%d {\n\t\ttype filter hook ingress device \"%s\" priority %d\n\t\tjump fi_0\n"
			"\t\t" FOLLOWED_BY " @followed counter name c_in_%d goto again_%d\n\t}\n",
			points[i].link, points[i].name, PRIORITY, points[i].link, points[i].link);
		if (has_egress)
			text_addf(out,
				"\tchain out_%d {\n\t\ttype filter hook egress device \"%s\" priority %d\n\t\tjump fo_0\n"
				"\t\t" FOLLOWED_BY
				" @followed counter name c_out_%d goto out_again_%d\n\t}\n",
				points[i].link, points[i].name, PRIORITY, points[i].link,
				points[i].link);
	}
	text_add(out, "}\n");
	return true;
}

/* What the host itself sends has no Ethernet header yet: an expression about that is of no use there. */
static void add_inet(struct text *out, const struct capture_options *options)
{
	struct text chains CLEANUP(text_done) = TEXT_INIT;
	struct err ignored;

	text_addf(out, "table inet %s {\n\tflags owner\n", own_table_name());
	add_pick(out, "pick", options->traces_per_s, false);
	if (filter_print_nft(options->filter, FAMILY_INET, "f", "pick", &chains, &ignored))
		text_addf(out,
			"%s\tchain output {\n\t\ttype filter hook output priority %d\n\t\tjump f_0\n\t}\n",
			chains.data, PRIORITY);
	text_add(out, "}\n");
}

/* One transaction: there is no moment without the table. */
bool own_table_print(struct text *out, const struct capture_options *options,
	const struct capture_point *points, size_t n, bool has_egress, struct err *err)
{
	static const char *const families[] = { "netdev", "inet" };

	for (size_t i = 0; i < N_OF(families); i++)
		text_addf(out, "table %s %s { flags owner; }\ndelete table %s %s\n", families[i],
			own_table_name(), families[i], own_table_name());
	if (!add_netdev(out, options, points, n, has_egress, err))
		return false;
	add_inet(out, options);
	return true;
}

static uint64_t counter_in(const char *listing, const char *direction, int link)
{
	char words[64];
	const char *at;
	unsigned long long n = 0;

	snprintf(words, sizeof(words), "counter c_%s_%d {", direction, link);
	at = strstr(listing, words);
	at = at ? strstr(at, "packets ") : NULL;
	if (at)
		n = strtoull(at + strlen("packets "), NULL, 10);
	return n;
}

void own_table_counts(const char *listing, int link, uint64_t *ret_in, uint64_t *ret_out)
{
	*ret_in = counter_in(listing, "in", link);
	*ret_out = counter_in(listing, "out", link);
}
