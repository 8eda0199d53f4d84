// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which sources come in by which interface, as the first packet of a connection: what belongs to a known flow
 * is let in from anywhere by nearly every ruleset, and shows nothing.
 *
 * An interface is the one that the packet came in by; of a name that some rule asks for as the port of a bridge, that port.
 */
#include "base/map.h"
#include "prove/audit_internal.h"

/* Names that some rule asks for as a port. */
static struct map *port_names(const struct audit *audit, struct arena *arena)
{
	struct map *names = map_new(arena);

	for (size_t c = 0; c < audit->n_chains; c++) {
		const struct chain *chain = audit->chains[c].chain;

		for (size_t r = 0; audit->chains[c].places && r < chain->n_rules; r++)
			for (size_t m = 0; m < chain->rules[r].n_matches; m++) {
				struct match *match = &chain->rules[r].matches[m];

				if (match->kind == MATCH_PHYSDEV_IN ||
					match->kind == MATCH_PHYSDEV_OUT)
					map_add(names, match->name, match);
			}
	}
	return names;
}

static struct packet_set at_iface(
	const struct audit *audit, const struct map *ports, const char *iface)
{
	struct sets *sets = audit->sets;
	struct packet_set here = set_of_pattern(sets, FIELD_IN_IFACE, iface);
	struct packet_set port = set_of_pattern(sets, FIELD_PHYSDEV_IN, iface);

	return map_find(ports, iface) ? set_or(sets, here, port) : here;
}

static struct packet_set first_passed(const struct audit *audit, const struct audit_place *place)
{
	struct packet_set passed = set_and(audit->sets, place->passed, audit->all);

	return set_and(audit->sets, passed, set_of_ct_states(audit->sets, CT_NEW));
}

static struct packet_set sources_of(const struct audit *audit, struct packet_set packets)
{
	uint64_t others = (FIELD_BIT(N_FIELDS) - 1) | SET_FAMILY_BIT | SET_EXTRA_BITS;

	packets = set_forget(audit->sets, packets, others & ~FIELD_BIT(FIELD_SRC));
	return set_and(audit->sets, packets, set_of_family(audit->sets, audit->family));
}

bool audit_find_sources(const struct audit *audit, const struct audit_place *place,
	struct arena *arena, struct audit_sources **ret, size_t *ret_n, struct err *err)
{
	struct sets *sets = audit->sets;
	const struct map *ports = port_names(audit, arena);
	struct packet_set first = first_passed(audit, place), rest = first;
	const char *const *names;
	VEC(struct packet_set) found = { 0 };
	VEC(struct audit_sources) entries = { 0 };
	size_t n;

	ruleset_iface_names(arena, audit->rs, &names, &n);
	for (size_t i = 0; i <= n; i++) { /* the last: all others */
		struct packet_set here = i < n ? at_iface(audit, ports, names[i]) : SET_FULL;
		struct packet_set sources =
			sources_of(audit, set_and(sets, i < n ? first : rest, here));
		size_t at = 0;

		rest = set_minus(sets, rest, here);
		while (at < found.n && !set_equal(found.items[at], sources))
			at++;
		if (at == found.n) {
			struct audit_sources *entry = vec_push(&entries, arena);

			*vec_push(&found, arena) = sources;
			entry->sources = class_of_sources(sets, audit->family, sources, arena);
			entry->is_everything =
				set_equal(sources, set_of_family(sets, audit->family));
		}
		if (i < n)
			*vec_push(&entries.items[at].ifaces, arena) = names[i];
		else
			entries.items[at].is_rest = true;
	}
	if (!sets_ok(sets, err))
		return false;
	*ret = entries.items;
	*ret_n = entries.n;
	return true;
}

bool audit_certify(const struct audit *audit, const struct audit_place *place,
	const struct assignment *assignment, struct audit_certificate *ret, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct sets *sets = audit->sets;
	struct packet_set bad = set_and(sets, first_passed(audit, place),
		at_iface(audit, port_names(audit, arena), assignment->iface));
	struct audit_certificate certificate = { .assignment = assignment };

	for (size_t i = 0; i < assignment->n_prefixes; i++)
		if (assignment->prefixes[i].addr.family == audit->family)
			bad = set_minus(sets, bad,
				set_of_prefix(sets, FIELD_SRC, &assignment->prefixes[i]));
	certificate.others = sources_of(audit, bad);
	certificate.is_certain = !set_witness(sets, bad, &certificate.witness);
	if (!sets_ok(sets, err))
		return false;
	*ret = certificate;
	return true;
}
