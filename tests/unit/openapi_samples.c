// SPDX-License-Identifier: GPL-2.0-or-later
/* For test_openapi.py: the description of the API, and what a door really answered, as JSON. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apitest.h"

static void sample(struct apitest *test, json_t *samples, const char *method, const char *path,
	const char *body)
{
	struct request *request = apitest_ask(test, method, path, body);
	const struct api_route *route = request->route;
	const char *type;
	json_t *said;

	apitest_pump(test);
	type = request->answer.content_type ? request->answer.content_type : "";
	said = json_loadb(
		request->answer.body.data, request->answer.body.len, JSON_DECODE_ANY, NULL);
	if (!said)
		said = json_text(request->answer.body.data);
	json_array_append_new(
		samples, json_pack("{s:s, s:s, s:s, s:I, s:s, s:o, s:s}", "method", method, "asked",
				 path, "path", route ? route->path : "", "status",
				 (json_int_t)request->answer.status, "type", type, "said", said,
				 "body", body ? body : ""));
	request_free(request);
}

static void sample_all(struct apitest *test, json_t *samples)
{
	static const char rule[] = "{\"security_group_rule\": {\"security_group_id\": \"%s\", "
				   "\"direction\": \"ingress\", \"protocol\": \"tcp\", "
				   "\"port_range_min\": %d, \"port_range_max\": 4000}}";
	const char *group =
		make(test, "security-groups", "{\"security_group\": {\"name\": \"g\"}}");
	const char *made = make(test, "security-group-rules", with(rule, group, 22));
	const char *addresses = make(
		test, "address-groups", "{\"address_group\": {\"addresses\": [\"192.0.2.0/24\"]}}");
	const char *port = make(test, "ports",
		with("{\"port\": {\"fixed_ips\": [{\"ip_address\": \"192.0.2.7\"}], "
		     "\"security_groups\": [\"%s\"]}}",
			group));
	const struct {
		const char *collection, *id;
	} shown[] = { { "security-groups", group }, { "security-group-rules", made },
		{ "address-groups", addresses }, { "ports", port } };

	for (size_t i = 0; i < n_routes; i++)
		if (routes[i].method == METHOD_GET && !strchr(routes[i].path, '{'))
			sample(test, samples, "GET", routes[i].path, NULL);
	for (size_t i = 0; i < N_OF(shown); i++)
		sample(test, samples, "GET", with("/v2.0/%s/%s", shown[i].collection, shown[i].id),
			NULL);
	sample(test, samples, "GET", "/v2.0/ports/00000000-0000-4000-8000-000000000000", NULL);
	sample(test, samples, "GET", "/v2.0/ports?nosuch=1", NULL);
	sample(test, samples, "GET", with("/v2.0/ports/%s/explain?packet=icmp any any", port),
		NULL);
	sample(test, samples, "GET", with("/v2.0/ports/%s/explain?packet=x", port), NULL);
	sample(test, samples, "POST", "/v2.0/security-groups",
		"{\"security_group\": {\"name\": \"h\"}}");
	sample(test, samples, "POST", "/v2.0/security-groups",
		"{\"security_groups\": [{\"name\": \"i\"}, {\"stateful\": false}]}");
	sample(test, samples, "POST", "/v2.0/security-group-rules?dry_run=true",
		with(rule, group, 23));
	sample(test, samples, "POST", "/v2.0/security-group-rules", with(rule, group, 22));
	sample(test, samples, "PUT", with("/v2.0/ports/%s", port),
		"{\"port\": {\"name\": \"failed\"}}");
	sample(test, samples, "DELETE", with("/v2.0/security-group-rules/%s?dry_run=true", made),
		NULL);
	sample(test, samples, "DELETE", with("/v2.0/security-groups/%s", group), NULL);
	sample(test, samples, "DELETE", with("/v2.0/security-group-rules/%s", made), NULL);
	sample(test, samples, "PUT", "/v2.0/portwall/policy", "{}");
}

int main(void)
{
	struct apitest test;
	json_t *samples = json_array(), *root;

	apitest_open(&test);
	sample_all(&test, samples);
	root = json_pack("{s:o, s:o}", "description",
		apitest_expect(&test, 200, "GET", "/v2.0/portwall/openapi.json", NULL), "samples",
		samples);
	json_dumpf(root, stdout, 0);
	json_decref(root);
	apitest_close(&test);
	return 0;
}
