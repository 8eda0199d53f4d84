// SPDX-License-Identifier: GPL-2.0-or-later
/* portwall audit: what a ruleset says of all packets, and what two say differently. */
#include "cmd/audit.h"

#include <string.h>
#include <strings.h>

#include "host/file.h"

/* What it was asked about. */
struct asked {
	struct invocation *inv;
	const struct ruleset *rs, *other;
	const struct assignment *assignments;
	size_t n_assignments;
	bool has_unread; /* some rules of the host are not in it */
	bool has_found, has_open, has_any;
	struct text text;
	json_t *families;
};

/* ---- reading ---- */

static bool is_of_rules(const char *tool)
{
	return strstr(tool, "tables") != NULL || strcmp(tool, "nft") == 0 ||
	       strcmp(tool, "ipset") == 0;
}

/* A text that is wrong is an error; what of a host could not be read is said, and missing. */
static bool check_read(struct asked *asked, const char *name, bool is_bare, const struct netns *ns,
	struct err *err)
{
	for (size_t i = 0; i < ns->n_unread; i++) {
		const struct unread *unread = &ns->unread[i];
		bool is_derived = i >= ns->n_unread - ns->n_derived;
		const char *warning = arena_printf(asked->inv->arena,
			"%s: the rules of %s are not in the answer: %s", name, unread->what,
			unread->why);

		if (!is_of_rules(unread->what))
			continue;
		/* "iptables-nft:5:1: ...": the file is what people know */
		if (is_bare && is_derived)
			return err_input(err, "%s%s%s", name,
				text_has_prefix(unread->why, unread->what) ? "" : ": ",
				unread->why + (text_has_prefix(unread->why, unread->what)
							      ? strlen(unread->what)
							      : 0));
		if (is_bare)
			continue;
		output_print_warnings(&warning, 1);
		asked->has_unread = true;
	}
	return true;
}

/* paths: none for this host. */
static bool read_ruleset(struct asked *asked, const char *const *paths, size_t n_paths,
	const struct ruleset **ret, struct err *err)
{
	const struct host_read_options options = { 0 };
	struct invocation *inv = asked->inv;
	const struct host *host = NULL;
	const struct netns *ns = NULL;
	bool is_read;

	inv->agent.progress(inv->agent.progress_data, "reading the ruleset");
	is_read = n_paths ? host_load(inv->arena, paths, n_paths, &host, err)
			  : kernel_host_read(inv->arena, &options, &host, err);
	if (!is_read || !find_netns(host, inv->netns, &ns, err) ||
		!check_read(asked, n_paths ? paths[0] : "this host", n_paths && !*host->release, ns,
			err))
		return false;
	*ret = ns->ruleset;
	return true;
}

/* IFACE=PREFIX,PREFIX */
static bool read_assignment(
	struct arena *arena, const char *words, struct assignment *ret, struct err *err)
{
	const char *equals = strchr(words, '=');
	VEC(struct prefix) prefixes = { 0 };
	char *list, *at = NULL;

	if (!equals || equals == words || !equals[1]) {
		err_input(err, "--assign %s: must be IFACE=PREFIX,...", words);
		return err_next(err, "as eth0=10.0.0.0/8,192.168.0.0/16");
	}
	list = arena_strdup(arena, equals + 1);
	for (char *word = strtok_r(list, ",", &at); word; word = strtok_r(NULL, ",", &at))
		if (!prefix_parse(word, vec_push(&prefixes, arena)))
			return err_input(err, "--assign %s: %s is no prefix", words, word);
	*ret = (struct assignment){ arena_strndup(arena, words, (size_t)(equals - words)),
		prefixes.items, prefixes.n };
	return true;
}

static bool read_assignments(struct asked *asked, struct err *err)
{
	struct invocation *inv = asked->inv;
	struct assignment *all = arena_new_array(inv->arena, struct assignment, inv->n_assigns + 1);

	for (size_t i = 0; i < inv->n_assigns; i++)
		if (!read_assignment(inv->arena, inv->assigns[i], &all[i], err))
			return false;
	asked->assignments = all;
	asked->n_assignments = inv->n_assigns;
	return true;
}

/* ---- one ruleset ---- */

static bool read_services(struct asked *asked, struct sets *sets, enum family family,
	struct service *ret, size_t *ret_n, struct err *err)
{
	static const char *const defaults[] = { "tcp/22", "tcp/80" };
	const struct invocation *inv = asked->inv;
	const char *const *words = inv->n_services ? inv->services : defaults;
	size_t n = inv->n_services ? inv->n_services : N_OF(defaults);

	for (size_t i = 0; i < n; i++)
		if (!audit_service_parse(sets, family, words[i], &ret[i], err))
			return false;
	*ret_n = n;
	return true;
}

/* Of all hooks those that say who comes to and through the host; where there is none of them, the others. */
static bool is_shown(
	const struct asked *asked, const struct audit_place *places, size_t n, size_t i)
{
	bool has_main = false;

	for (size_t p = 0; p < n; p++)
		has_main |= places[p].hook == HOOK_FORWARD || places[p].hook == HOOK_INPUT;
	return asked->inv->chain || !has_main || places[i].hook == HOOK_FORWARD ||
	       places[i].hook == HOOK_INPUT;
}

static bool judge_place(struct asked *asked, const struct audit *audit,
	const struct service *services, size_t n_services, struct judged_place *ret,
	struct err *err)
{
	struct arena *arena = asked->inv->arena;
	struct audit_certificate *certificates =
		arena_new_array(arena, struct audit_certificate, asked->n_assignments + 1);
	struct audit_sources *sources = NULL;

	for (size_t i = 0; i < asked->n_assignments; i++) {
		if (!audit_certify(
			    audit, ret->place, &asked->assignments[i], &certificates[i], err))
			return false;
		asked->has_found |= !certificates[i].is_certain;
	}
	ret->certificates = certificates;
	ret->n_certificates = asked->n_assignments;
	if (!audit_matrix(
		    audit, ret->place, services, n_services, SET_FULL, arena, &ret->matrix, err) ||
		!audit_find_sources(audit, ret->place, arena, &sources, &ret->n_sources, err))
		return false;
	ret->sources = sources;
	return true;
}

static bool draw(struct asked *asked, const struct audited *audited, struct err *err)
{
	const struct judged_place *place = audited->n_places ? &audited->places[0] : NULL;
	struct text dot CLEANUP(text_done) = TEXT_INIT;
	const char *warning;

	if (!place || asked->text.len)
		return true;
	/* through the host, where there is such: the picture is of one place */
	for (size_t i = 0; i < audited->n_places; i++)
		if (audited->places[i].place->hook == HOOK_FORWARD)
			place = &audited->places[i];
	if (!asked->inv->chain || !asked->inv->family) {
		warning = arena_printf(asked->inv->arena,
			"drawn is %s of %s; --chain and --family choose another one",
			hook_name(place->place->hook), family_name(audited->family));
		output_print_warnings(&warning, 1);
	}
	text_add(&asked->text, "drawn");
	service_matrix_print_dot(&dot, &place->matrix, 12);
	return output_print_picture(asked->inv, &dot, err);
}

static bool show(struct asked *asked, const struct audited *audited, struct err *err)
{
	struct invocation *inv = asked->inv;

	if (inv->dot || inv->svg)
		return draw(asked, audited, err);
	if (inv->json)
		json_array_append_new(asked->families, audit_json(inv, audited));
	else
		audit_print_text(inv, &asked->text, audited);
	return true;
}

static bool audit_one(struct asked *asked, enum family family, struct err *err)
{
	struct invocation *inv = asked->inv;
	struct sets *sets CLEANUP(sets_freep) =
		audit_world(asked->rs, NULL, asked->assignments, asked->n_assignments);
	struct service services[N_OF(inv->services)];
	struct audited audited = { .family = family, .sets = sets };
	struct audit *audit = NULL;
	const struct audit_place *places;
	struct judged_place *judged;
	struct audit_open *open;
	size_t n, n_services;

	if (!audit_new(inv->arena, sets, asked->rs, family, inv->chain, NULL, &audit, err) ||
		!audit_find_dead(audit, inv->arena, &audited.deads, err) ||
		!read_services(asked, sets, family, services, &n_services, err))
		return false;
	places = audit_places(audit, &n);
	if (!n)
		return true;
	asked->has_any = true;
	judged = arena_new_array(inv->arena, struct judged_place, n);
	for (size_t i = 0; i < n; i++) {
		struct judged_place *one = &judged[audited.n_places];

		if (!is_shown(asked, places, n, i))
			continue;
		one->place = &places[i];
		if (!judge_place(asked, audit, services, n_services, one, err))
			return false;
		audited.n_places++;
	}
	audited.places = judged;
	audit_find_open(audit, inv->arena, &open, &audited.n_open);
	audited.open = open;
	asked->has_open |= audited.n_open > 0;
	for (size_t i = 0; i < audited.deads.n_dead; i++)
		asked->has_found |= !audited.deads.dead[i].is_unsure;
	return show(asked, &audited, err);
}

/* ---- as fffuu asks ---- */

/* Its ipassmt_generic_ipv4 */
static bool assign_lo(struct asked *asked, struct err *err)
{
	struct assignment *lo = arena_new_one(asked->inv->arena, struct assignment);

	if (asked->n_assignments)
		return true;
	asked->assignments = lo;
	asked->n_assignments = 1;
	return read_assignment(asked->inv->arena, "lo=127.0.0.0/8", lo, err);
}

/* The place is that of all packets, but for what passes there. */
static bool judge_as_fffuu(struct asked *asked, struct sets *sets, const char *chain,
	struct judged_place *ret, struct err *err)
{
	struct arena *arena = asked->inv->arena;
	struct service services[N_OF(asked->inv->services)];
	struct audit_place *place = arena_new_one(arena, struct audit_place);
	struct audit *audit;
	size_t n;

	if (!audit_new(arena, sets, asked->rs, FAMILY_IPV4, chain, NULL, &audit, err))
		return false;
	*place = *audit_places(audit, &n);
	ret->place = place;
	return audit_pass_loosely(sets, asked->rs, chain, asked->assignments, asked->n_assignments,
		       &place->passed, err) &&
	       read_services(asked, sets, FAMILY_IPV4, services, &n, err) &&
	       audit_matrix(audit, place, services, n, SET_FULL, arena, &ret->matrix, err);
}

static bool audit_as_fffuu(struct asked *asked, struct err *err)
{
	const char *chain = asked->inv->chain ? asked->inv->chain : "filter/FORWARD";
	struct sets *sets CLEANUP(sets_freep) = NULL;
	struct judged_place place = { 0 };
	struct audited audited = {
		.is_of_fffuu = true, .family = FAMILY_IPV4, .places = &place, .n_places = 1
	};

	if (!strchr(chain, '/'))
		return err_input(err, "--as-fffuu asks one base chain: --chain TABLE/CHAIN");
	if (!assign_lo(asked, err))
		return false;
	sets = audit_world(asked->rs, NULL, asked->assignments, asked->n_assignments);
	audited.sets = sets;
	return judge_as_fffuu(asked, sets, chain, &place, err) && show(asked, &audited, err);
}

/* ---- two rulesets ---- */

static const struct audit_place *place_at(const struct audit *audit, enum hook hook)
{
	const struct audit_place *places;
	size_t n;

	places = audit_places(audit, &n);
	for (size_t i = 0; i < n; i++)
		if (places[i].hook == hook)
			return &places[i];
	return NULL;
}

static bool compare_places(struct asked *asked, const struct audit *first,
	const struct audit *other, struct compared *ret, struct err *err)
{
	struct arena *arena = asked->inv->arena;
	struct compared_place *found = arena_new_array(arena, struct compared_place, N_HOOKS);

	for (enum hook hook = HOOK_PREROUTING; hook <= HOOK_POSTROUTING; hook++) {
		const struct audit_place *a = place_at(first, hook), *b = place_at(other, hook);
		struct compared_place *one = &found[ret->n_places];

		if (!a && !b)
			continue;
		one->hook = hook;
		if (!audit_compare(first, a, other, b, arena, &one->comparison, err))
			return false;
		asked->has_found |= one->comparison.n > 0;
		asked->has_open |= one->comparison.changed != 0;
		ret->n_places++;
	}
	ret->places = found;
	return true;
}

/* A chain that only one of them has is compared with what lets everything pass. */
static bool make_both(struct asked *asked, struct sets *sets, enum family family,
	struct audit **ret_first, struct audit **ret_other, struct err *err)
{
	struct invocation *inv = asked->inv;
	const struct ruleset *none = ruleset_new(inv->arena);
	struct err missing;

	if (!audit_new(inv->arena, sets, asked->rs, family, inv->chain, NULL, ret_first, err))
		return false;
	if (audit_new(inv->arena, sets, asked->other, family, inv->chain, *ret_first, ret_other,
		    &missing))
		return true;
	if (!sets_ok(sets, err))
		return false;
	return audit_new(inv->arena, sets, none, family, NULL, *ret_first, ret_other, err);
}

static bool compare_one(struct asked *asked, enum family family, struct err *err)
{
	struct invocation *inv = asked->inv;
	struct sets *sets CLEANUP(sets_freep) = audit_world(asked->rs, asked->other, NULL, 0);
	struct compared compared = { .family = family,
		.sets = sets,
		.names = { inv->n_args ? inv->args[0] : "this host", inv->against[0] } };
	struct audit *first = NULL, *other = NULL;

	if (!make_both(asked, sets, family, &first, &other, err) ||
		!compare_places(asked, first, other, &compared, err))
		return false;
	if (!compared.n_places)
		return true;
	asked->has_any = true;
	if (inv->json)
		json_array_append_new(asked->families, audit_json_comparison(inv, &compared));
	else
		audit_print_comparison(inv, &asked->text, &compared);
	return true;
}

/* ---- the command ---- */

static bool check_usage(const struct invocation *inv, struct err *err)
{
	if (inv->json + inv->dot + inv->svg > 1)
		return err_input(err, "audit: --dot, --svg and --json exclude each other");
	if (inv->n_against && (inv->dot || inv->svg || inv->n_services || inv->n_assigns)) {
		err_input(err, "audit: --against only says what differs");
		return err_next(err, "ask the other options of each ruleset alone");
	}
	if (inv->as_fffuu && (inv->n_against || inv->family)) {
		err_input(err, "audit: --as-fffuu is one question about IPv4");
		return err_next(err, "leave --against and --family out");
	}
	if (inv->family && strcasecmp(inv->family, "ipv4") != 0 &&
		strcasecmp(inv->family, "ipv6") != 0)
		return err_input(err, "--family %s: must be ipv4 or ipv6", inv->family);
	return true;
}

static bool is_asked(const struct invocation *inv, enum family family)
{
	return !inv->family || strcasecmp(inv->family, family_name(family)) == 0;
}

/* A chain is often there for one family alone: then only of that one. */
static bool ask_families(struct asked *asked, struct err *err)
{
	struct invocation *inv = asked->inv;
	struct err first = { 0 };

	if (inv->as_fffuu)
		return audit_as_fffuu(asked, err);
	for (enum family family = FAMILY_IPV4; family < N_IP_FAMILIES; family++) {
		struct err now = { 0 };

		inv->agent.progress(inv->agent.progress_data, "asking about all packets");
		if (!is_asked(inv, family) ||
			(asked->other ? compare_one : audit_one)(asked, family, &now))
			continue;
		if (!inv->chain || now.kind != ERR_INPUT) {
			*err = now;
			return false;
		}
		if (!first.kind)
			first = now;
	}
	if (asked->has_any)
		return true;
	if (first.kind) {
		*err = first;
		return false;
	}
	err_input(err, "audit: there are no rules for %s",
		inv->family ? inv->family : "IPv4 or IPv6");
	return err_next(
		err, "tables of bridges (ebtables, nft bridge) and of ARP are not asked here");
}

static enum exit_code exit_of(const struct asked *asked)
{
	if (asked->has_found)
		return EXIT_FOUND;
	return asked->has_open || asked->has_unread ? EXIT_CANNOT_TELL : EXIT_DONE;
}

bool cmd_audit(struct invocation *inv, struct err *err)
{
	struct asked asked = { .inv = inv, .text = TEXT_INIT, .families = json_array() };
	bool ok = check_usage(inv, err) && read_assignments(&asked, err) &&
		  read_ruleset(&asked, inv->args, inv->n_args, &asked.rs, err) &&
		  (!inv->n_against ||
			  read_ruleset(&asked, inv->against, inv->n_against, &asked.other, err)) &&
		  ask_families(&asked, err);

	if (ok) {
		inv->exit = exit_of(&asked);
		if (inv->json)
			output_print_json(json_pack("{s:O}",
				inv->n_against ? "differences" : "families", asked.families));
		else if (!inv->dot && !inv->svg)
			output_print_text(&asked.text);
	}
	json_decref(asked.families);
	text_done(&asked.text);
	return ok;
}
