// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/doctor.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/vec.h"
#include "doctor/internal.h"

const char *severity_name(enum severity severity)
{
	static const char *const names[N_SEVERITIES] = {
		[SEVERITY_BROKEN] = "broken",
		[SEVERITY_OPEN] = "open",
		[SEVERITY_RISK] = "risk",
		[SEVERITY_HINT] = "hint",
	};

	return names[severity];
}

static const struct check *find_check(const char *id)
{
	for (size_t i = 0; i < doctor_n_checks; i++)
		if (strcmp(doctor_checks[i]->id, id) == 0)
			return doctor_checks[i];
	return NULL;
}

static bool unknown_check(const char *id, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const char **names = arena_new_array(arena, const char *, doctor_n_checks + 1);
	const char *nearest;

	for (size_t i = 0; i < doctor_n_checks; i++)
		names[i] = doctor_checks[i]->id;
	nearest = text_nearest(id, names, doctor_n_checks);
	err_input(err, "there is no check \"%s\"", id);
	if (nearest)
		return err_next(err, "did you mean %s? portwall doctor --list has all", nearest);
	return err_next(err, "portwall doctor --list has them");
}

bool doctor_check_names(const char *const *ids, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (!find_check(ids[i]))
			return unknown_check(ids[i], err);
	return true;
}

static bool is_wanted(const struct doctor_options *options, const struct check *check)
{
	for (size_t i = 0; i < options->n_only; i++)
		if (strcmp(options->only[i], check->id) == 0)
			return true;
	return options->n_only == 0;
}

static size_t place_of(const struct check *check)
{
	size_t i = 0;

	while (doctor_checks[i] != check)
		i++;
	return i;
}

/* Worst first; those of one severity stay in the order of the checks and of what each found. */
static void sort_findings(struct diagnosis *diagnosis)
{
	struct finding **items = diagnosis->findings.items;

	for (size_t i = 1; i < diagnosis->findings.n; i++) {
		struct finding *one = items[i];
		size_t at = i;

		while (at &&
			(items[at - 1]->severity > one->severity ||
				(items[at - 1]->severity == one->severity &&
					place_of(items[at - 1]->check) > place_of(one->check)))) {
			items[at] = items[at - 1];
			at--;
		}
		items[at] = one;
	}
}

/* Without these no check has seen all: nothing found is not nothing there. */
static bool is_essential(const char *what)
{
	static const char *const all[] = { "links", "nft", "iptables-nft", "iptables-legacy",
		"ip6tables-nft", "ip6tables-legacy" };

	for (size_t i = 0; i < N_OF(all); i++)
		if (strcmp(what, all[i]) == 0)
			return true;
	return text_has_prefix(what, "netns");
}

static void note_unread(
	struct doctor *doctor, const char *where, const struct unread *unread, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_essential(unread[i].what))
			doctor_untold(doctor, NULL,
				arena_printf(doctor->arena, "%s%s%s was not read: %s",
					unread[i].what, *where ? " of namespace " : "", where,
					unread[i].why),
				"run it as root on the host, or take a new snapshot there as root");
}

bool doctor_run(struct arena *arena, const struct host *host, const struct doctor_options *options,
	struct diagnosis *ret, struct err *err)
{
	struct diagnosis *diagnosis = arena_new_one(arena, struct diagnosis);
	struct doctor doctor = { .arena = arena,
		.host = host,
		.explainer = explainer_new(arena, host),
		.options = options,
		.diagnosis = diagnosis };

	if (!doctor_check_names(options->only, options->n_only, err))
		return false;
	for (size_t i = 0; i < doctor_n_checks; i++) {
		if (!is_wanted(options, doctor_checks[i]))
			continue;
		if (options->progress)
			options->progress(options->progress_data, doctor_checks[i]->title);
		doctor_checks[i]->run(&doctor, doctor_checks[i]);
		diagnosis->n_checks++;
	}
	if (!options->n_only) {
		note_unread(&doctor, "", host->unread, host->n_unread);
		for (size_t i = 0; i < host->n_netns; i++)
			note_unread(&doctor, host->netns[i].name, host->netns[i].unread,
				host->netns[i].n_unread);
	}
	diagnosis->n_ports = doctor_ports(&doctor)->n;
	sort_findings(diagnosis);
	*ret = *diagnosis;
	return true;
}

static bool no_such_finding(const struct diagnosis *diagnosis, const char *id, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const char **names = arena_new_array(arena, const char *, diagnosis->findings.n + 1);
	const char *nearest;

	for (size_t i = 0; i < diagnosis->findings.n; i++)
		names[i] = diagnosis->findings.items[i]->id;
	nearest = text_nearest(id, names, diagnosis->findings.n);
	err_input(err, "there is no finding \"%s\" on this host now", id);
	if (nearest)
		return err_next(err, "did you mean %s?", nearest);
	return err_next(err, "portwall doctor prints the findings with their ids");
}

static const struct fix *recommended(const struct finding *finding)
{
	vec_for_each (fix, &finding->fixes)
		if (fix->is_recommended)
			return fix;
	vec_for_each (fix, &finding->fixes)
		if (fix->n_edits)
			return fix;
	return NULL;
}

static bool find_fix(
	const struct finding *finding, const char *name, const struct fix **ret, struct err *err)
{
	struct text names CLEANUP(text_done) = TEXT_INIT;

	vec_for_each (fix, &finding->fixes) {
		if (strcmp(fix->name, name) == 0) {
			*ret = fix;
			return true;
		}
		text_addf(&names, "%s%s", names.len ? ", " : "", fix->name);
	}
	err_input(err, "%s has no fix \"%s\"", finding->id, name);
	return names.len ? err_next(err, "its fixes: %s", names.data) : false;
}

bool diagnosis_find(const struct diagnosis *diagnosis, const char *id, const struct finding **ret,
	const struct fix **ret_fix, struct err *err)
{
	const char *colon = strrchr(id, ':');
	size_t len = colon ? (size_t)(colon - id) : strlen(id);
	const struct fix *fix;

	vec_for_each (finding, &diagnosis->findings) {
		if (strlen((*finding)->id) != len || memcmp((*finding)->id, id, len) != 0)
			continue;
		fix = recommended(*finding);
		if (colon && !find_fix(*finding, colon + 1, &fix, err))
			return false;
		*ret = *finding;
		*ret_fix = fix;
		return true;
	}
	return no_such_finding(diagnosis, id, err);
}
