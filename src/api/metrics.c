// SPDX-License-Identifier: GPL-2.0-or-later
/* What is counted, in Prometheus' text format 0.0.4. */
#include "api/credentials.h"

#include <string.h>

/* Of what a port's rules count: what drops. compile.h names the duties; a chain's last jump is its default drop. */
static const char *const drop_duties[] = { "no-dhcp-server", "no-ra", "spoof-drop", "invalid",
	"fallback", "cut", "frames-drop" };

static void add_head(struct text *out, const char *name, const char *type, const char *help)
{
	text_addf(out, "# HELP portwall_%s %s\n# TYPE portwall_%s %s\n", name, help, name, type);
}

static void add_one(
	struct text *out, const char *name, const char *type, const char *help, uint64_t value)
{
	add_head(out, name, type, help);
	text_addf(out, "portwall_%s %llu\n", name, (unsigned long long)value);
}

/* A label's value: backslash, quote and newline are escaped. */
static void add_label(struct text *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n') {
			text_add(out, "\\n");
			continue;
		}
		if (*value == '"' || *value == '\\')
			text_add(out, "\\");
		text_add_n(out, value, 1);
	}
}

static void add_ports(struct text *out, const struct serve_state *state)
{
	add_head(out, "ports", "gauge", "Ports of the policy by what the kernel has of them.");
	for (int s = PORT_ACTIVE; s <= PORT_REMOTE; s++) {
		size_t n = 0;

		for (size_t i = 0; i < state->n_ports; i++)
			n += state->ports[i].state == (enum serve_port_state)s;
		text_addf(out, "portwall_ports{state=\"%s\"} %zu\n", serve_port_state_name(s), n);
	}
}

static void add_latency(struct text *out, const struct serve_state *state)
{
	static const char *const bounds[] = { "0.001", "0.002", "0.005", "0.01", "0.02", "0.05",
		"0.1", "0.2", "0.5", "1", "5", "+Inf" };
	uint64_t n = 0;

	_Static_assert(N_OF(bounds) == N_OF(state->commit_usec), "one bound for each count");
	add_head(out, "commit_seconds", "histogram",
		"How long it took from a change to the kernel.");
	for (size_t i = 0; i < N_OF(bounds); i++) {
		n += state->commit_usec[i];
		text_addf(out, "portwall_commit_seconds_bucket{le=\"%s\"} %llu\n", bounds[i],
			(unsigned long long)n);
	}
	text_addf(out, "portwall_commit_seconds_sum %.6f\nportwall_commit_seconds_count %llu\n",
		(double)state->commit_usec_sum / 1e6, (unsigned long long)n);
}

static void add_state(struct text *out, const struct serve_state *state)
{
	add_ports(out, state);
	add_one(out, "rules", "gauge", "Rules of ports that are to be in the kernel.",
		state->n_rules);
	add_latency(out, state);
	add_one(out, "refused_total", "counter", "Changes that the kernel refused.",
		state->n_refused);
	add_one(out, "repaired_total", "counter",
		"Times that another program's changes were undone.", state->n_repaired);
	add_one(out, "flows_cut_total", "counter",
		"Connections that were cut because no rule allows them any more.",
		state->n_flows_cut);
	add_one(out, "queue", "gauge", "Changes that the engine has before it.", state->n_queued);
	add_one(out, "guard_held", "gauge", "1 when the guard is held.", state->guard_held);
	add_one(out, "warnings", "gauge", "Warnings that GET /v2.0/portwall/status lists.",
		state->n_warnings);
	add_one(out, "start_time_seconds", "gauge",
		"When the engine started, in seconds since 1970.", state->started_s);
	add_one(out, "kernel_revision", "gauge", "Revision of the store that the kernel has.",
		state->revision);
}

static bool is_drop(const char *duty)
{
	for (size_t i = 0; i < N_OF(drop_duties); i++)
		if (!strcmp(duty, drop_duties[i]))
			return true;
	return false;
}

const char *drop_reason(const struct serve_counter *counter)
{
	return !strcmp(counter->duty, "fallback") ? "default-drop" : counter->duty;
}

void drops_sum(struct arena *arena, const struct serve_counted *counters, drop_vec *ret_drops)
{
	struct map *places = map_new(arena); /* the place of a sum, from 1 */

	for (size_t i = 0; i < counters->n; i++) {
		const struct serve_counter *counter = &counters->counters[i];
		const char *key;
		uintptr_t place;

		if (!is_drop(counter->duty))
			continue;
		key = arena_printf(arena, "%u %u %s %s", counter->direction, counter->family,
			counter->duty, counter->port_id);
		place = (uintptr_t)map_add(places, key, (void *)(ret_drops->n + 1));
		if (!place) {
			vec_push(ret_drops, arena)->first = counter;
			place = ret_drops->n;
		}
		ret_drops->items[place - 1].packets += counter->packets;
		ret_drops->items[place - 1].bytes += counter->bytes;
	}
}

static void add_drops_of(struct text *out, const drop_vec *drops, bool is_bytes)
{
	const char *what = is_bytes ? "bytes" : "packets";

	add_head(out, is_bytes ? "drop_bytes_total" : "drop_packets_total", "counter",
		is_bytes ? "Bytes dropped at ports, by reason."
			 : "Packets dropped at ports, by reason.");
	vec_for_each (drop, drops) {
		text_addf(out, "portwall_drop_%s_total{port=\"", what);
		add_label(out, drop->first->port_id);
		text_add(out, "\",reason=\"");
		add_label(out, drop_reason(drop->first));
		text_addf(out, "\",direction=\"%s\",ethertype=\"%s\"} %llu\n",
			drop->first->direction == DIR_EGRESS ? "egress" : "ingress",
			family_name(drop->first->family),
			(unsigned long long)(is_bytes ? drop->bytes : drop->packets));
	}
}

static void add_requests(struct text *out, const struct door *door)
{
	static const char *const classes[N_STATUS_CLASSES] = { "1xx", "2xx", "3xx", "4xx", "5xx",
		"other" };

	add_head(out, "requests_total", "counter", "Requests that were answered.");
	for (int m = 0; m <= N_METHODS; m++)
		for (int c = 0; c < N_STATUS_CLASSES; c++)
			if (door->counts.requests[m][c])
				text_addf(out,
					"portwall_requests_total{method=\"%s\",code=\"%s\"} %llu\n",
					m < N_METHODS ? method_names[m] : "other", classes[c],
					(unsigned long long)door->counts.requests[m][c]);
	add_one(out, "request_timeouts_total", "counter",
		"Clients that were too slow with a request or an answer.", door->counts.timeouts);
	add_one(out, "wrong_credentials_total", "counter", "Passwords and tokens that were wrong.",
		door->counts.wrong_credentials);
	if (door->credentials) {
		add_one(out, "logins_waiting", "gauge", "Passwords that wait to be looked at.",
			credentials_n_logins(door->credentials));
		add_one(out, "tokens", "gauge", "Short-lived tokens that hold.",
			credentials_n_sessions(door->credentials));
	}
	add_one(out, "streams_dropped_total", "counter", "Readers of events that were too slow.",
		door->counts.streams_dropped);
	add_one(out, "engine_refused_total", "counter",
		"Changes that the engine refused as a whole.", door->counts.engine_refused);
	add_one(out, "connections", "gauge", "Connections of clients.", door->n_connections);
	add_one(out, "streams", "gauge", "Readers of events.", door->n_streams);
	add_one(out, "requests_waiting", "gauge", "Requests that wait for the engine.",
		door->n_waiting);
	add_one(out, "request_bytes", "gauge", "Bytes of bodies and answers under way.",
		door->n_memory);
}

void metrics_print(struct text *out, struct door *door, const struct serve_counted *counters)
{
	struct arena *scratch CLEANUP(arena_freep) = arena_new();
	drop_vec drops = { 0 };

	add_one(out, "up", "gauge", "1 when /healthz says so.",
		door_sickness(door, scratch) == NULL);
	add_one(out, "store_revision", "gauge", "Revision of the store.", door->model.revision);
	add_head(out, "objects", "gauge", "Objects in the store.");
	text_addf(out,
		"portwall_objects{kind=\"security_group\"} %zu\n"
		"portwall_objects{kind=\"security_group_rule\"} %zu\n"
		"portwall_objects{kind=\"address_group\"} %zu\n"
		"portwall_objects{kind=\"port\"} %zu\n",
		door->model.n[PART_GROUP], model_n_rules(&door->model),
		door->model.n[PART_ADDRESS_GROUP], door->model.n[PART_PORT]);
	add_requests(out, door);
	if (door->state_arena)
		add_state(out, &door->state);
	if (!counters)
		return;
	drops_sum(scratch, counters, &drops);
	add_drops_of(out, &drops, false);
	add_drops_of(out, &drops, true);
}
