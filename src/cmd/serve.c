// SPDX-License-Identifier: GPL-2.0-or-later
/* portwall serve: what its processes are given. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/serve.h"
#include "agent/service.h"
#include "api/api.h"
#include "cmd/cmd.h"
#include "cmd/doctor.h"
#include "cmd/explain.h"
#include "cmd/guard.h"
#include "cmd/serve_config.h"
#include "cmd/verify.h"
#include "kernel/privileges.h"

struct serving {
	const struct invocation *inv;
	struct arena *arena; /* of config */
	struct serve_config config;
	int listen_fd; /* -1 */
	const char *listens_at;
};

/* --- what takes long, in children of the engine --- */

static void log_and_fail(const char *event, const struct err *err)
{
	agent_log(LOG_ERROR, event, "why", err->text, "next",
		*err->next_step ? err->next_step : NULL, NULL);
	_exit(EXIT_FAILED);
}

/* As "portwall COMMAND --json" would print it. */
static struct invocation asking(struct serving *serving, struct arena *arena)
{
	struct invocation inv = *serving->inv;

	inv.arena = arena;
	inv.json = true;
	inv.agent.chain_prefix = serving->config.prefix;
	return inv;
}

static void verify(void *data, const struct policy *policy)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct invocation inv = asking(data, arena);
	struct err err;

	if (!kernel_privileges_reader(&err) || !verify_policy(&inv, policy, &err) ||
		!output_finish(&err))
		log_and_fail("verify-failed", &err);
}

static void find(void *data)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct invocation inv = asking(data, arena);
	struct err err;

	if (!kernel_privileges_reader(&err) || !cmd_doctor(&inv, &err) || !output_finish(&err))
		log_and_fail("findings-failed", &err);
}

/* What is wrong with the question is an answer; what fails beside that is logged by its caller, as theirs. */
static bool explain_at_port(void *data, const struct policy *policy,
	const struct serve_state *state, const struct serve_question *question, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct invocation inv = asking(data, arena);

	return kernel_privileges_reader(err) && explain_port(&inv, policy, state, question, err) &&
	       output_finish(err);
}

/* --- the two processes --- */

static void be_engine(void *data, int peer)
{
	struct serving *serving = data;
	const struct serve_config *config = &serving->config;
	const struct serve_options options = {
		.agent = { .chain_prefix = config->prefix,
			.backend = config->backend,
			.takeover = config->takeover,
			.allow_missing = true,
			.fix_sysctl = config->fix_sysctl,
			.lock_wait_s = config->wait_s,
			.progress = output_progress },
		.host = config->host,
		.closed_names = config->closed_interfaces,
		.n_closed_names = config->n_closed_interfaces,
		.is_paranoid = config->paranoid,
		.holds_guard = config->guard,
		.guard = { .bridges = config->n_guard_bridges ? config->guard_bridges : NULL,
			.n_bridges = config->n_guard_bridges,
			.takeover = true,
			.lock_wait_s = config->wait_s },
		.on_change = guard_log_changes,
		.verify = verify,
		.findings = find,
		.explain = explain_at_port,
		.data = serving,
	};
	struct err err;

	close(serving->listen_fd);
	if (!kernel_privileges_engine(&err) || !agent_serve_run(&options, peer, &err))
		log_and_fail("engine-ended", &err);
	_exit(EXIT_DONE);
}

static void tell_ready(void *data)
{
	int *fd = data;

	if (*fd >= 0 && write(*fd, "", 1) == 1)
		close(*fd);
	*fd = -1;
}

static void be_door(void *data, int peer, int ready)
{
	struct serving *serving = data;
	const struct serve_config *config = &serving->config;
	const struct api_options options = { .store_path = config->store,
		.host = config->host,
		.listen_fd = serving->listen_fd,
		.engine_fd = peer };
	struct err err;

	if (!kernel_privileges_door(config->user, &err) ||
		!api_run(&options, tell_ready, &ready, &err))
		log_and_fail("door-ended", &err);
	_exit(EXIT_DONE);
}

/* --- the configuration --- */

/* A socket of the same name is kept, so that who asks while we reload waits and is not refused. */
static bool load(void *data, struct err *err)
{
	struct serving *serving = data;
	struct arena *arena = arena_new();
	struct serve_config config;
	int fd = serving->listen_fd;

	if (!serve_config_load(arena, serving->inv->config_path, &config, err) ||
		!serve_config_check(&config, err) ||
		((fd < 0 || strcmp(serving->listens_at, config.socket) != 0) &&
			!kernel_socket_listen(config.socket, config.group, &fd, err))) {
		arena_free(arena);
		return false;
	}
	if (serving->listen_fd >= 0 && serving->listen_fd != fd) {
		unlink(serving->listens_at);
		close(serving->listen_fd);
	}
	config.paranoid |= serving->inv->paranoid;
	arena_free(serving->arena);
	*serving = (struct serving){ .inv = serving->inv,
		.arena = arena,
		.config = config,
		.listen_fd = fd,
		.listens_at = config.socket };
	return true;
}

static json_t *json_of_config(const struct serve_config *config)
{
	const char *key, *preset, *help;
	json_t *root = json_object();

	for (size_t i = 0; serve_config_key(i, &key, &preset, &help), key; i++) {
		struct text value CLEANUP(text_done) = TEXT_INIT;

		serve_config_value(config, i, &value);
		json_object_set_new(root, key,
			json_pack("{s:o, s:o}", "value", output_json_words(value.data), "line",
				config->lines[i] ? json_integer(config->lines[i]) : json_null()));
	}
	return root;
}

static bool check(struct invocation *inv, struct err *err)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct serve_config config;

	if (!serve_config_load(inv->arena, inv->config_path, &config, err) ||
		!serve_config_check(&config, err))
		return false;
	config.paranoid |= inv->paranoid;
	if (inv->json) {
		output_print_json(json_of_config(&config));
		return true;
	}
	serve_config_print(&config, &out);
	output_print_text(&out);
	return true;
}

bool cmd_serve(struct invocation *inv, struct err *err)
{
	struct serving serving = { .inv = inv, .listen_fd = -1 };
	const struct service service = {
		.load = load, .engine = be_engine, .door = be_door, .data = &serving
	};
	bool ok;

	if (inv->check)
		return check(inv, err);
	if (inv->json) {
		err_input(err, "--json is for --check: the service itself writes a log");
		return err_next(err, "portwall status --json asks it when it runs");
	}
	ok = kernel_must_be_admin(err) && agent_service_run(&service, err);
	if (serving.listen_fd >= 0)
		unlink(serving.listens_at);
	arena_free(serving.arena);
	return ok;
}
