// SPDX-License-Identifier: GPL-2.0-or-later
/* portwall guard run: harms of other programs that the guard does not keep away, told once. */
#include "cmd/guard.h"

#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "cmd/cmd.h"
#include "doctor/doctor.h"

/* What the rules of others do to bridged packets. */
static const char *const checks[] = { "nat-source", "nat-destination", "raw-drop", "forward-drop",
	"nf-call-needless", "groups-not-enforced" };

/* A harm goes on under another number when a rule moves: it is told apart by what the rule says. */
static const char *key_of(struct arena *arena, const struct finding *finding)
{
	return arena_printf(arena, "%s %s", finding->check->id,
		finding->proofs.n ? finding->proofs.items[0].text : finding->title);
}

static bool has_line(const char *lines, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = lines; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
		if (strncmp(at, line, len) == 0 && (at[len] == '\n' || !at[len]))
			return true;
	return false;
}

static void log_new(struct arena *arena, const struct diagnosis *diagnosis, const char *known,
	const char *writer, struct text *now)
{
	vec_for_each (finding, &diagnosis->findings) {
		const struct finding *f = *finding;
		const char *key = key_of(arena, f);

		text_addf(now, "%s\n", key);
		if (!has_line(known, key))
			agent_log(LOG_WARNING, "harm", "finding", f->id, "severity",
				severity_name(f->severity), "owner", f->owner.name, "title",
				f->title, "rule", f->proofs.n ? f->proofs.items[0].text : NULL,
				"writer", writer, NULL);
	}
}

static void log_gone(struct arena *arena, const char *known, const char *now)
{
	while (*known) {
		size_t len = strcspn(known, "\n");
		const char *key = arena_strndup(arena, known, len);

		if (!has_line(now, key))
			agent_log(LOG_INFO, "harm-gone", "was", key, NULL);
		known += len + (known[len] == '\n');
	}
}

static bool look(struct arena *arena, const char *writer, struct err *err)
{
	const struct host_read_options read = { .only_own = true };
	const struct doctor_options options = { .only = checks, .n_only = N_OF(checks) };
	struct text known CLEANUP(text_done) = TEXT_INIT, now CLEANUP(text_done) = TEXT_INIT;
	struct diagnosis diagnosis;
	const struct host *host;
	const char *path;

	if (!kernel_state_path(arena, &path, err))
		return false;
	path = arena_printf(arena, "%s.harms", path);
	if (access(path, F_OK) == 0 && !text_load(&known, path, LIMIT_POLICY_FILE_SIZE, err))
		return false;
	if (!kernel_host_read(arena, &read, &host, err) ||
		!doctor_run(arena, host, &options, &diagnosis, err))
		return false;
	log_new(arena, &diagnosis, known.data, writer, &now);
	log_gone(arena, known.data, now.data);
	return text_save(&now, path, err);
}

static void look_and_log(void *data)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct err err;

	if (!look(arena, data, &err))
		agent_log(LOG_ERROR, "harms-unknown", "why", err.text, NULL);
}

void guard_look_for_harms(const char *writer)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct err err;
	pid_t pid;

	if (!kernel_detached_begin(
		    look_and_log, writer ? arena_strdup(arena, writer) : NULL, true, &pid, &err))
		agent_log(LOG_ERROR, "harms-unknown", "why", err.text, NULL);
}
