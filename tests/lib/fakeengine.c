// SPDX-License-Identifier: GPL-2.0-or-later
#include "fakeengine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fake_engine_init(struct fake_engine *fake)
{
	*fake = (struct fake_engine){ .in = TEXT_INIT, .out = TEXT_INIT, .arena = arena_new() };
}

void fake_engine_done(struct fake_engine *fake)
{
	text_done(&fake->in);
	text_done(&fake->out);
	arena_free(fake->arena);
}

static void die(const char *what)
{
	fprintf(stderr, "the engine of the test: %s\n", what);
	abort();
}

static const char *name_of(const struct policy_part *part)
{
	return part->kind == PART_GROUP		  ? part->group.name
	       : part->kind == PART_ADDRESS_GROUP ? part->address_group.name
						  : part->port.name;
}

static bool is_named(const struct policy_part *part, enum part_kind kind, const char *prefix)
{
	return part->kind == kind && text_has_prefix(name_of(part), prefix);
}

static void drop_part(struct fake_engine *fake, enum part_kind kind, const char *id)
{
	size_t n = 0;

	vec_for_each (part, &fake->parts)
		if (part->kind != kind || strcmp(policy_part_id(part), id) != 0)
			fake->parts.items[n++] = *part;
	fake->parts.n = n;
}

static void take_parts(struct fake_engine *fake, const struct serve_change *change)
{
	for (size_t i = 0; i < change->n_parts; i++) {
		drop_part(fake, change->parts[i].kind, policy_part_id(&change->parts[i]));
		*vec_push(&fake->parts, fake->arena) = change->parts[i];
	}
	for (size_t i = 0; i < change->n_gone; i++)
		drop_part(fake, change->gone_kinds[i], change->gone[i]);
}

static void answer_change(
	struct fake_engine *fake, const struct serve_header *header, const char *body)
{
	struct serve_failure failures[16];
	struct serve_flow flows[] = { { "11111111-2222-4333-8444-555555555555", DIR_INGRESS, "tcp",
					      "192.0.2.1", "192.0.2.2", 40000, 22 },
		{ "", DIR_EGRESS, "icmp", "192.0.2.2", "192.0.2.1", 0, 0 } };
	struct serve_passing passings[] = { { "11111111-2222-4333-8444-555555555555", DIR_INGRESS,
						    true, "IPv4 proto tcp\nIPv6 proto tcp",
						    "tcp 192.0.2.1:1 192.0.2.2:22" },
		{ "11111111-2222-4333-8444-555555555555", DIR_EGRESS, false, "IPv4", "" } };
	const char *changes[2];
	struct serve_change change;
	struct serve_done done = { .changes = changes, .failures = failures };
	struct err err;

	if (!serve_get_change(fake->arena, body, header->size, &change, &err))
		die(err.text);
	fake->n_syncs += header->type == SERVE_SYNC;
	fake->n_changes += header->type == SERVE_CHANGE && !change.is_dry;
	fake->n_dry += change.is_dry;
	fake->n_parts_told += change.n_parts;
	for (size_t i = 0; i < change.n_parts; i++)
		if (!fake->is_kind && is_named(&change.parts[i], PART_GROUP, "refused")) {
			err_conflict(&err, "somebody else has the chains");
			err_next(&err, "Stop the other agent.");
			serve_put_refused(&fake->out, header->id, &err);
			return;
		}
	for (size_t i = 0; i < change.n_parts; i++)
		if (is_named(&change.parts[i], PART_PORT, "failed") &&
			done.n_failures < N_OF(failures))
			failures[done.n_failures++] =
				(struct serve_failure){ change.parts[i].port.id,
					"the kernel refused a rule", "Wait." };
	if (header->type == SERVE_SYNC)
		fake->parts.n = 0;
	if (!change.is_dry) {
		take_parts(fake, &change);
		fake->revision = change.revision;
	}
	changes[0] = "+ IPv4 neutron-openvswi-i0000000-0: allow any from anywhere";
	changes[1] = "- IPv4 neutron-openvswi-i0000000-0: allow icmp";
	done.revision = change.revision;
	done.n_steps = change.n_parts + change.n_gone;
	done.n_changes = done.n_steps ? N_OF(changes) : 0;
	done.rules_added = change.n_parts;
	done.rules_removed = change.n_gone;
	done.usec = 1500;
	if (change.is_dry) {
		done.n_flows_cut = 101;
		done.flows = flows;
		done.n_flows = N_OF(flows);
		done.passings = passings;
		done.n_passings = N_OF(passings);
		done.n_ports_untold = 3;
	}
	serve_put_done(&fake->out, header->id, &done);
}

static void answer_state(struct fake_engine *fake, const struct serve_header *header)
{
	struct serve_state state = { .revision = fake->revision,
		.started_s = 1800000000,
		.n_rules = 7,
		.n_commits = 10,
		.n_repaired = 3,
		.n_flows_cut = 4,
		.commit_usec = { 1, 2, 3, 1, 1, 1, 0, 0, 0, 0, 0, 1 },
		.commit_usec_sum = 12345678 };

	state.ports = arena_new_array(fake->arena, struct serve_port, fake->parts.n);
	vec_for_each (part, &fake->parts) {
		bool waits = is_named(part, PART_PORT, "waiting");
		bool failed = is_named(part, PART_PORT, "failed");

		if (part->kind != PART_PORT)
			continue;
		state.ports[state.n_ports++] = (struct serve_port){ .id = part->port.id,
			.name = part->port.name,
			.device = part->port.device,
			.bridge = waits ? "" : "br0",
			.why = waits	? "its interface is not there"
			       : failed ? "the kernel refused a rule"
					: "",
			.state = waits	  ? PORT_WAITING
				 : failed ? PORT_FAILED
					  : PORT_ACTIVE,
			.zone = 4097 };
	}
	serve_put_state(&fake->out, header->id, &state);
}

/* For each port, or the one: what a rule let pass, what was dropped by default and as spoofed, in two lines. */
static void answer_counters(
	struct fake_engine *fake, const struct serve_header *header, const char *body)
{
	struct serve_counted counted = { 0 };
	const char *wanted;
	struct err err;

	if (!serve_get_text(fake->arena, body, header->size, &wanted, &err))
		die(err.text);
	counted.counters = arena_new_array(fake->arena, struct serve_counter, 4 * fake->parts.n);
	vec_for_each (part, &fake->parts) {
		static const char *const duties[] = { "rule", "fallback", "spoof-drop",
			"spoof-drop" };

		if (part->kind != PART_PORT || (*wanted && strcmp(wanted, part->port.id) != 0))
			continue;
		for (size_t i = 0; i < N_OF(duties); i++)
			counted.counters[counted.n++] = (struct serve_counter){
				.port_id = part->port.id,
				.rule_id = i ? "" : "11111111-2222-4333-8444-555555555555",
				.duty = duties[i],
				.direction = DIR_INGRESS,
				.family = FAMILY_IPV4,
				.packets = 10 + i + (i == 1 ? fake->n_dropped : 0),
				.bytes = 1000 + i + (i == 1 ? 100 * fake->n_dropped : 0),
			};
	}
	serve_put_counted(&fake->out, header->id, &counted);
}

static void flood(struct fake_engine *fake)
{
	for (uint64_t i = 0; i < fake->n_flood; i++) {
		char text[64];
		struct serve_event event = { "repaired", "filter", text };

		snprintf(text, sizeof(text), "rule %llu was put back", (unsigned long long)i);
		serve_put_event(&fake->out, &event);
	}
}

/* The question itself; of a port that waits there is no answer. */
static void answer_explain(
	struct fake_engine *fake, const struct serve_header *header, const char *body)
{
	struct serve_question question;
	struct err err;
	json_t *said;
	char *text;

	if (!serve_get_question(fake->arena, body, header->size, &question, &err))
		die(err.text);
	vec_for_each (part, &fake->parts)
		if (is_named(part, PART_PORT, "waiting") &&
			!strcmp(part->port.id, question.port_id)) {
			err_conflict(&err, "it has no interface");
			serve_put_refused(&fake->out, header->id, &err);
			return;
		}
	said = json_pack("{s:s, s:o, s:s, s:o, s:o}", "port", question.port_id, "packet",
		json_text(question.packet), "direction", question.direction, "state",
		json_text(question.state), "from", json_text(question.from));
	text = json_dumps(said, 0);
	serve_put_text(&fake->out, SERVE_TEXT, header->id, text);
	free(text);
	json_decref(said);
}

static void answer(struct fake_engine *fake, const struct serve_header *header, const char *body)
{
	fake->n_requests++;
	if (fake->is_silent)
		return;
	switch (header->type) {
	case SERVE_SYNC:
	case SERVE_CHANGE:
		answer_change(fake, header, body);
		break;
	case SERVE_STATUS:
		answer_state(fake, header);
		break;
	case SERVE_COUNTERS:
		answer_counters(fake, header, body);
		break;
	case SERVE_VERIFY:
		serve_put_text(&fake->out, SERVE_TEXT, header->id, "{\"verdict\":\"equal\"}");
		break;
	case SERVE_FINDINGS:
		flood(fake);
		serve_put_text(&fake->out, SERVE_TEXT, header->id,
			fake->findings ? fake->findings : "{\"findings\":[]}");
		break;
	case SERVE_EXPLAIN:
		answer_explain(fake, header, body);
		break;
	default:
		die("a request that there is not");
	}
}

void fake_engine_take(struct fake_engine *fake, const char *bytes, size_t size)
{
	struct serve_header header;

	text_add_n(&fake->in, bytes, size);
	while (fake->in.len >= sizeof(header)) {
		memcpy(&header, fake->in.data, sizeof(header));
		if (header.size > LIMIT_SERVE_FRAME)
			die("a frame that is too large");
		if (fake->in.len < sizeof(header) + header.size)
			break;
		answer(fake, &header, fake->in.data + sizeof(header));
		fake->in.len -= sizeof(header) + header.size;
		memmove(fake->in.data, fake->in.data + sizeof(header) + header.size, fake->in.len);
	}
}

void fake_engine_run(struct fake_engine *fake, int fd)
{
	char bytes[65536];
	ssize_t got;

	while ((got = read(fd, bytes, sizeof(bytes))) > 0) {
		fake_engine_take(fake, bytes, (size_t)got);
		for (size_t done = 0; done < fake->out.len;) {
			ssize_t put = write(fd, fake->out.data + done, fake->out.len - done);

			if (put <= 0)
				return;
			done += (size_t)put;
		}
		text_clear(&fake->out);
	}
}
