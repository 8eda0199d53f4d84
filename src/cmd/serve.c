// SPDX-License-Identifier: GPL-2.0-or-later
/* portwall serve: what its processes are given. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/serve.h"
#include "agent/service.h"
#include "api/api.h"
#include "base/limits.h"
#include "cmd/cmd.h"
#include "cmd/doctor.h"
#include "cmd/explain.h"
#include "cmd/guard.h"
#include "cmd/serve_access.h"
#include "cmd/serve_config.h"
#include "cmd/verify.h"
#include "kernel/privileges.h"

struct serving {
	const struct invocation *inv;
	struct arena *arena; /* of config */
	struct serve_config config;
	/* Where each listens; the first one is the unix socket. */
	const char *places[1 + LIMIT_API_LISTEN];
	struct api_listener listeners[1 + LIMIT_API_LISTEN];
	size_t n_listeners;
	struct tls_pair tls;
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

/* --- the processes --- */

static void close_listeners(const struct serving *serving)
{
	for (size_t i = 0; i < serving->n_listeners; i++)
		close(serving->listeners[i].fd);
}

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

	close_listeners(serving);
	tls_pair_done(&serving->tls);
	if (!kernel_privileges_engine(&err) || !agent_serve_run(&options, peer, &err))
		log_and_fail("engine-ended", &err);
	_exit(EXIT_DONE);
}

/* Passwords take long, so they are looked at beside the door: with its rights, and with nothing of what it has open. */
struct verifying {
	struct serving *serving;
	int ends[2]; /* the door's, the other one's */
	int peer, ready;
};

static void be_verifier(void *data)
{
	struct verifying *verifying = data;
	struct serving *serving = verifying->serving;
	struct err err;

	close_listeners(serving);
	tls_pair_done(&serving->tls);
	close(verifying->peer);
	close(verifying->ready);
	close(verifying->ends[0]);
	if (!kernel_privileges_door(serving->config.user, &err))
		log_and_fail("verifier-ended", &err);
	api_verify(verifying->ends[1]);
	_exit(EXIT_DONE);
}

/* It ends when the door's end of the pair is closed. */
static bool begin_verifier(struct verifying *verifying, struct err *err)
{
	pid_t pid;

	if (!serve_takes_credentials(&verifying->serving->config))
		return true;
	if (!kernel_pair_open(verifying->ends, err) ||
		!kernel_process_begin(be_verifier, verifying, &pid, err))
		return false;
	close(verifying->ends[1]);
	return true;
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
	struct verifying verifying = {
		.serving = serving, .ends = { -1, -1 }, .peer = peer, .ready = ready
	};
	struct api_options options = { .store_path = config->store,
		.host = config->host,
		.listeners = serving->listeners,
		.n_listeners = serving->n_listeners,
		.tls = &serving->tls,
		.engine_fd = peer,
		.users_path = serve_takes_credentials(config) ? config->users : NULL };
	struct err err;

	if (!serve_users_owner(config, &options.users_owner, &err) ||
		!begin_verifier(&verifying, &err))
		log_and_fail("door-ended", &err);
	options.verifier_fd = verifying.ends[0];
	if (!kernel_privileges_door(config->user, &err) ||
		!api_run(&options, tell_ready, &ready, &err))
		log_and_fail("door-ended", &err);
	_exit(EXIT_DONE);
}

/* --- the configuration --- */

static void close_listener(const struct serving *serving, size_t i)
{
	if (!serving->listeners[i].is_tcp)
		unlink(serving->places[i]);
	close(serving->listeners[i].fd);
}

static bool has_listener(const struct serving *serving, int fd)
{
	for (size_t i = 0; i < serving->n_listeners; i++)
		if (serving->listeners[i].fd == fd)
			return true;
	return false;
}

/* All of one that the other has not. */
static void close_listeners_but(const struct serving *serving, const struct serving *other)
{
	for (size_t i = 0; i < serving->n_listeners; i++)
		if (!has_listener(other, serving->listeners[i].fd))
			close_listener(serving, i);
}

static bool open_listener(const struct serve_config *config, const char *place, bool is_tcp,
	int *ret_fd, struct err *err)
{
	struct serve_address address = { 0 };

	if (!is_tcp)
		return kernel_socket_listen(place, config->group, ret_fd, err);
	serve_address_parse(place, &address);
	return kernel_tcp_listen(&address.addr, address.port, ret_fd, err) ||
	       err_prefix(err, "%s", place);
}

/* Of the same place it is kept, so that who asks while we reload waits and is not refused. */
static bool add_listener(struct serving *serving, const struct serving *before, const char *place,
	const struct api_listener *kind, struct err *err)
{
	struct api_listener *listener = &serving->listeners[serving->n_listeners];

	*listener = *kind;
	listener->fd = -1;
	for (size_t i = 0; i < before->n_listeners; i++)
		if (before->listeners[i].is_tcp == kind->is_tcp &&
			!strcmp(before->places[i], place))
			listener->fd = before->listeners[i].fd;
	if (listener->fd < 0 &&
		!open_listener(&serving->config, place, kind->is_tcp, &listener->fd, err))
		return false;
	serving->places[serving->n_listeners++] = place;
	return true;
}

static bool add_listeners(struct serving *serving, const struct serving *before, struct err *err)
{
	const struct serve_config *config = &serving->config;
	struct api_listener tcp = { .is_tcp = true,
		.takes_credentials = serve_takes_credentials(config) };

	if (!add_listener(serving, before, config->socket, &(struct api_listener){ 0 }, err))
		return false;
	for (size_t i = 0; i < config->n_listen; i++)
		if (!add_listener(serving, before, config->listen[i], &tcp, err))
			return false;
	tcp.has_tls = true;
	for (size_t i = 0; i < config->n_listen_tls; i++)
		if (!add_listener(serving, before, config->listen_tls[i], &tcp, err))
			return false;
	return true;
}

/* Nothing changes unless all of it is right. */
static bool load(void *data, struct err *err)
{
	struct serving *serving = data;
	struct serving next = {
		.inv = serving->inv, .arena = arena_new(), .tls = { TEXT_INIT, TEXT_INIT }
	};

	if (!serve_config_load(next.arena, serving->inv->config_path, &next.config, err) ||
		!serve_config_check(&next.config, err) ||
		!serve_access_check(&next.config, &next.tls, err) ||
		!add_listeners(&next, serving, err)) {
		close_listeners_but(&next, serving);
		tls_pair_done(&next.tls);
		arena_free(next.arena);
		return false;
	}
	close_listeners_but(serving, &next);
	tls_pair_done(&serving->tls);
	arena_free(serving->arena);
	next.config.paranoid |= serving->inv->paranoid;
	*serving = next;
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
		!serve_config_check(&config, err) || !serve_access_check(&config, NULL, err))
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
	struct serving serving = { .inv = inv, .tls = { TEXT_INIT, TEXT_INIT } };
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
	for (size_t i = 0; i < serving.n_listeners; i++)
		close_listener(&serving, i);
	tls_pair_done(&serving.tls);
	arena_free(serving.arena);
	return ok;
}
