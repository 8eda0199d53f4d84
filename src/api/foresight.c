// SPDX-License-Identifier: GPL-2.0-or-later
/* What a change would do to packets, as a dry run answers it. */
#include "api/request.h"

#include <string.h>

static const char *direction_name(uint32_t direction)
{
	return direction == DIR_EGRESS ? "egress" : "ingress";
}

static json_t *json_port_number(uint32_t number)
{
	return number ? json_integer(number) : json_null();
}

static json_t *json_of_flow(const struct serve_flow *flow)
{
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "port_id",
		*flow->port_id ? json_text(flow->port_id) : json_null(), "direction",
		direction_name(flow->direction), "protocol", json_text(flow->protocol), "source",
		json_text(flow->source), "source_port", json_port_number(flow->source_port),
		"destination", json_text(flow->destination), "destination_port",
		json_port_number(flow->destination_port));
}

static json_t *json_lines(const char *text)
{
	json_t *lines = json_array();

	while (*text) {
		size_t len = strcspn(text, "\n");

		json_array_append_new(lines, json_stringn(text, len));
		text += len + (text[len] == '\n');
	}
	return lines;
}

static json_t *json_of_passings(const struct serve_done *done, bool opens)
{
	json_t *list = json_array();

	for (size_t i = 0; i < done->n_passings; i++) {
		const struct serve_passing *passing = &done->passings[i];

		if (passing->opens == opens)
			json_array_append_new(
				list, json_pack("{s:o, s:s, s:o, s:o}", "port_id",
					      json_text(passing->port_id), "direction",
					      direction_name(passing->direction), "packets",
					      json_lines(passing->packets), "example",
					      *passing->example ? json_text(passing->example)
								: json_null()));
	}
	return list;
}

void foresight_add(json_t *body, const struct serve_done *done)
{
	json_t *flows = json_array();

	for (size_t i = 0; i < done->n_flows; i++)
		json_array_append_new(flows, json_of_flow(&done->flows[i]));
	json_object_set_new(body, "flows", flows);
	json_object_set_new(body, "opens", json_of_passings(done, true));
	json_object_set_new(body, "closes", json_of_passings(done, false));
	json_object_set_new(body, "ports_not_told", json_integer((json_int_t)done->n_ports_untold));
}
