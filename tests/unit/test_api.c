// SPDX-License-Identifier: GPL-2.0-or-later
/* The door in one process: what is asked, checked, stored, told to the engine and answered. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "apitest.h"

#define NOBODY "25252525-2525-4252-8252-252525252525"

static int setup(void **state)
{
	struct apitest *test = calloc(1, sizeof(*test));

	apitest_open(test);
	*state = test;
	return 0;
}

static int teardown(void **state)
{
	apitest_close(*state);
	free(*state);
	return 0;
}

/* The id of what is made. */
static const char *make(struct apitest *test, const char *collection, const char *body)
{
	static char ids[8][64];
	static size_t next;
	char path[64], *id = ids[next++ % 8];
	json_t *answer;
	void *first;

	snprintf(path, sizeof(path), "/v2.0/%s", collection);
	answer = apitest_expect(test, 201, "POST", path, body);
	first = json_object_iter(answer);
	snprintf(id, 64, "%s", at(json_object_iter_value(first), "id"));
	json_decref(answer);
	return id;
}

static const char *with(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static const char *with(const char *fmt, ...)
{
	static char texts[8][1024];
	static size_t next;
	char *text = texts[next++ % 8];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, 1024, fmt, ap);
	va_end(ap);
	return text;
}

/* Status, type of the error, and that it is a sentence. */
static void expect_error(struct apitest *test, unsigned status, const char *type,
	const char *method, const char *path, const char *body)
{
	json_t *answer = apitest_expect(test, status, method, path, body);

	assert_string_equal(at(answer, "NeutronError.type"), type);
	assert_true(strlen(at(answer, "NeutronError.message")) > 5);
	json_decref(answer);
}

static void the_root_names_the_version_and_the_version_its_collections(void **state)
{
	json_t *answer = apitest_expect(*state, 200, "GET", "/", NULL);

	assert_string_equal(at(answer, "versions.0.id"), "v2.0");
	assert_string_equal(at(answer, "versions.0.links.0.href"), "http://localhost/v2.0/");
	json_decref(answer);
	for (int slash = 0; slash < 2; slash++) {
		answer = apitest_expect(*state, 200, "GET", slash ? "/v2.0/" : "/v2.0", NULL);
		assert_string_equal(at(answer, "resources.0.collection"), "security_groups");
		json_decref(answer);
	}
}

static void a_path_that_there_is_not_is_404_and_a_method_405_with_what_it_takes(void **state)
{
	static const struct {
		const char *method, *path;
		const char *allow; /* NULL: 404 */
	} cases[] = {
		{ "GET", "/nosuch", NULL },
		{ "GET", "/v2.0/nosuch", NULL },
		{ "GET", "/v2.0/ports/a/b", NULL },
		{ "GET", "//", NULL },
		{ "GET", "/v2.0/ports//", NULL },
		{ "GET", "/v2.00", NULL },
		{ "PATCH", "/v2.0/ports", "GET, HEAD, POST" },
		{ "DELETE", "/v2.0/ports", "GET, HEAD, POST" },
		{ "POST", "/v2.0/ports/a", "GET, HEAD, PUT, DELETE" },
		{ "PUT", "/", "GET, HEAD" },
		{ "DELETE", "/v2.0/portwall/policy", "GET, HEAD, PUT" },
		{ "POST", "/metrics", "GET, HEAD" },
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		struct request *request = apitest_ask(*state, cases[i].method, cases[i].path, NULL);

		assert_int_equal(request->answer.status, cases[i].allow ? 405 : 404);
		if (cases[i].allow)
			assert_string_equal(request->answer.allow, cases[i].allow);
		else
			assert_null(request->answer.allow);
		request_free(request);
	}
}

static void a_new_group_has_the_two_egress_rules_and_is_in_the_engine(void **state)
{
	struct apitest *test = *state;
	const char *id = make(test, "security-groups", "{\"security_group\": {\"name\": \"web\"}}");
	json_t *answer =
		apitest_expect(test, 200, "GET", with("/v2.0/security-groups/%s", id), NULL);

	assert_string_equal(at(answer, "security_group.name"), "web");
	assert_string_equal(at(answer, "security_group.stateful"), "true");
	assert_string_equal(
		at(answer, "security_group.security_group_rules.0.direction"), "egress");
	assert_string_equal(at(answer, "security_group.security_group_rules.0.ethertype"), "IPv4");
	assert_string_equal(at(answer, "security_group.security_group_rules.1.ethertype"), "IPv6");
	assert_string_equal(at(answer, "security_group.security_group_rules.1.protocol"), "null");
	assert_string_equal(
		at(answer, "security_group.security_group_rules.1.security_group_id"), id);
	json_decref(answer);
	assert_int_equal(test->engine.n_syncs, 1);
	assert_int_equal(test->engine.n_changes, 1);
	assert_int_equal(test->engine.parts.n, 1);
	assert_string_equal(test->engine.parts.items[0].group.name, "web");
}

static void what_was_made_is_there_after_a_restart_and_the_engine_gets_it_whole(void **state)
{
	struct apitest *test = *state;
	const char *group =
		make(test, "security-groups", "{\"security_group\": {\"name\": \"g\"}}");
	const char *port = make(test, "ports",
		with("{\"port\": {\"name\": \"p\", \"fixed_ips\": [{\"ip_address\": "
		     "\"192.0.2.7\"}], \"security_groups\": [\"%s\"]}}",
			group));
	json_t *before = apitest_expect(test, 200, "GET", "/v2.0/ports", NULL), *after;

	make(test, "address-groups", "{\"address_group\": {\"addresses\": [\"192.0.2.0/24\"]}}");
	apitest_reopen(test);
	assert_int_equal(test->engine.n_syncs, 1);
	assert_int_equal(test->engine.parts.n, 3);
	assert_int_equal(test->engine.revision, test->door->model.revision);
	after = apitest_expect(test, 200, "GET", "/v2.0/ports", NULL);
	assert_true(json_equal(before, after));
	assert_string_equal(at(after, "ports.0.id"), port);
	json_decref(before);
	json_decref(after);
}

static void a_rule_is_made_shown_and_gone(void **state)
{
	struct apitest *test = *state;
	const char *group =
		make(test, "security-groups", "{\"security_group\": {\"name\": \"g\"}}");
	const char *rule = make(test, "security-group-rules",
		with("{\"security_group_rule\": {\"security_group_id\": \"%s\", \"direction\": "
		     "\"ingress\", \"protocol\": \"tcp\", \"port_range_min\": 80, "
		     "\"port_range_max\": \"90\", \"remote_ip_prefix\": \"192.0.2.0/24\"}}",
			group));
	json_t *answer =
		apitest_expect(test, 200, "GET", with("/v2.0/security-group-rules/%s", rule), NULL);

	assert_string_equal(at(answer, "security_group_rule.port_range_max"), "90");
	assert_string_equal(at(answer, "security_group_rule.protocol"), "tcp");
	assert_string_equal(at(answer, "security_group_rule.normalized_cidr"), "192.0.2.0/24");
	json_decref(answer);
	answer = apitest_expect(test, 200, "PUT", with("/v2.0/security-group-rules/%s", rule),
		"{\"security_group_rule\": {\"description\": \"the shop\"}}");
	assert_string_equal(at(answer, "security_group_rule.description"), "the shop");
	assert_string_equal(at(answer, "security_group_rule.id"), rule);
	json_decref(answer);
	answer = apitest_expect(
		test, 204, "DELETE", with("/v2.0/security-group-rules/%s", rule), NULL);
	json_decref(answer);
	expect_error(test, 404, "SecurityGroupRuleNotFound", "GET",
		with("/v2.0/security-group-rules/%s", rule), NULL);
	expect_error(test, 404, "SecurityGroupRuleNotFound", "DELETE",
		with("/v2.0/security-group-rules/%s", rule), NULL);
}

static void what_is_wrong_with_a_rule_is_answered_with_neutrons_errors(void **state)
{
	static const struct {
		const char *rule;
		unsigned status;
		const char *type;
	} cases[] = {
		{ "\"direction\": \"in\"", 400, "HTTPBadRequest" },
		{ "\"direction\": null", 400, "HTTPBadRequest" },
		{ "\"direction\": \"ingress\", \"ethertype\": \"ARP\"", 400,
			"SecurityGroupRuleInvalidEtherType" },
		{ "\"direction\": \"ingress\", \"protocol\": \"nosuch\"", 400,
			"SecurityGroupRuleInvalidProtocol" },
		{ "\"direction\": \"ingress\", \"protocol\": 256", 400,
			"SecurityGroupRuleInvalidProtocol" },
		{ "\"direction\": \"ingress\", \"protocol\": \"06\"", 400,
			"SecurityGroupRuleInvalidProtocol" },
		{ "\"direction\": \"ingress\", \"protocol\": \"icmpv6\"", 400,
			"SecurityGroupEthertypeConflictWithProtocol" },
		{ "\"direction\": \"ingress\", \"protocol\": \"tcp\", \"port_range_min\": 90, "
		  "\"port_range_max\": 80",
			400, "SecurityGroupInvalidPortRange" },
		{ "\"direction\": \"ingress\", \"protocol\": \"tcp\", \"port_range_min\": 0, "
		  "\"port_range_max\": 80",
			400, "SecurityGroupInvalidPortValue" },
		{ "\"direction\": \"ingress\", \"port_range_min\": 80, \"port_range_max\": 80", 400,
			"SecurityGroupProtocolRequiredWithPorts" },
		{ "\"direction\": \"ingress\", \"protocol\": 112, \"port_range_min\": 80, "
		  "\"port_range_max\": 80",
			400, "SecurityGroupInvalidProtocolForPort" },
		{ "\"direction\": \"ingress\", \"protocol\": \"icmp\", \"port_range_max\": 0", 400,
			"SecurityGroupMissingIcmpType" },
		{ "\"direction\": \"ingress\", \"protocol\": \"icmp\", \"port_range_min\": 256",
			400, "SecurityGroupInvalidIcmpValue" },
		{ "\"direction\": \"ingress\", \"remote_ip_prefix\": \"192.0.2.0/33\"", 400,
			"InvalidCIDR" },
		{ "\"direction\": \"ingress\", \"remote_ip_prefix\": \"2001:db8::/32\"", 400,
			"SecurityGroupRuleParameterConflict" },
		{ "\"direction\": \"ingress\", \"remote_ip_prefix\": \"192.0.2.0/24\", "
		  "\"remote_group_id\": \"" NOBODY "\"",
			400, "SecurityGroupMultipleRemoteEntites" },
		{ "\"direction\": \"ingress\", \"remote_group_id\": \"" NOBODY "\"", 404,
			"SecurityGroupNotFound" },
		{ "\"direction\": \"ingress\", \"remote_group_id\": \"\"", 404,
			"SecurityGroupNotFound" },
		{ "\"direction\": \"ingress\", \"remote_address_group_id\": \"" NOBODY "\"", 404,
			"AddressGroupNotFound" },
		{ "\"direction\": \"ingress\", \"colour\": \"red\"", 400, "HTTPBadRequest" },
		{ "\"direction\": \"ingress\", \"id\": \"" NOBODY "\"", 400, "HTTPBadRequest" },
		{ "\"direction\": \"ingress\", \"protocol\": 1.5", 400, "HTTPBadRequest" },
		{ "\"direction\": \"ingress\", \"protocol\": []", 400, "HTTPBadRequest" },
		{ "\"direction\": \"ingress\", \"protocol\": true", 400, "HTTPBadRequest" },
		{ "\"ethertype\": \"IPv4\"", 400, "HTTPBadRequest" },
	};
	struct apitest *test = *state;
	const char *group =
		make(test, "security-groups", "{\"security_group\": {\"name\": \"g\"}}");
	uint64_t revision = test->door->model.revision;

	for (size_t i = 0; i < N_OF(cases); i++)
		expect_error(test, cases[i].status, cases[i].type, "POST",
			"/v2.0/security-group-rules",
			with("{\"security_group_rule\": {\"security_group_id\": \"%s\", %s}}",
				group, cases[i].rule));
	expect_error(test, 404, "SecurityGroupNotFound", "POST", "/v2.0/security-group-rules",
		"{\"security_group_rule\": {\"security_group_id\": \"" NOBODY
		"\", \"direction\": \"ingress\"}}");
	/* nothing of that was stored, or told */
	assert_int_equal(test->door->model.revision, revision);
	assert_int_equal(test->engine.n_changes, 1);
}

static void a_rule_twice_is_a_conflict_that_names_the_first(void **state)
{
	struct apitest *test = *state;
	const char *group =
		make(test, "security-groups", "{\"security_group\": {\"name\": \"g\"}}");
	const char *tcp = with("{\"security_group_id\": \"%s\", \"direction\": \"ingress\", "
			       "\"protocol\": \"tcp\"}",
		group);
	const char *six = with("{\"security_group_id\": \"%s\", \"direction\": \"ingress\", "
			       "\"protocol\": 6, \"remote_ip_prefix\": \"0.0.0.0/0\"}",
		group);
	const char *rule;
	json_t *answer;

	expect_error(test, 409, "DuplicateSecurityGroupRuleInPost", "POST",
		"/v2.0/security-group-rules",
		with("{\"security_group_rules\": [%s, %s]}", tcp, six));
	rule = make(test, "security-group-rules", with("{\"security_group_rule\": %s}", tcp));
	answer = apitest_expect(test, 409, "POST", "/v2.0/security-group-rules",
		with("{\"security_group_rule\": %s}", six));
	assert_string_equal(at(answer, "NeutronError.type"), "SecurityGroupRuleExists");
	assert_string_equal(at(answer, "NeutronError.message"),
		with("Security group rule already exists. Rule id is %s.", rule));
	json_decref(answer);
}

static void rules_come_in_bulk_for_one_group(void **state)
{
	struct apitest *test = *state;
	const char *group =
		make(test, "security-groups", "{\"security_group\": {\"name\": \"g\"}}");
	const char *other =
		make(test, "security-groups", "{\"security_group\": {\"name\": \"h\"}}");
	json_t *answer = apitest_expect(test, 201, "POST", "/v2.0/security-group-rules",
		with("{\"security_group_rules\": [{\"security_group_id\": \"%s\", \"direction\": "
		     "\"ingress\", \"protocol\": \"udp\"}, {\"security_group_id\": \"%s\", "
		     "\"direction\": \"ingress\", \"protocol\": \"ipip\"}]}",
			group, group));

	assert_string_equal(at(answer, "security_group_rules.1.protocol"), "ipip");
	json_decref(answer);
	expect_error(test, 400, "SecurityGroupNotSingleGroupRules", "POST",
		"/v2.0/security-group-rules",
		with("{\"security_group_rules\": [{\"security_group_id\": \"%s\", \"direction\": "
		     "\"ingress\", \"protocol\": \"gre\"}, {\"security_group_id\": \"%s\", "
		     "\"direction\": \"ingress\", \"protocol\": \"gre\"}]}",
			group, other));
}

static void a_group_in_use_stays_and_one_that_rules_name_takes_them_along(void **state)
{
	struct apitest *test = *state;
	const char *web =
		make(test, "security-groups", "{\"security_group\": {\"name\": \"web\"}}");
	const char *db = make(test, "security-groups", "{\"security_group\": {\"name\": \"db\"}}");
	const char *rule = make(test, "security-group-rules",
		with("{\"security_group_rule\": {\"security_group_id\": \"%s\", \"direction\": "
		     "\"ingress\", \"remote_group_id\": \"%s\"}}",
			db, web));
	const char *port =
		make(test, "ports", with("{\"port\": {\"security_groups\": [\"%s\"]}}", web));

	expect_error(test, 409, "SecurityGroupInUse", "DELETE",
		with("/v2.0/security-groups/%s", web), NULL);
	expect_error(test, 409, "SecurityGroupInUse", "PUT", with("/v2.0/security-groups/%s", web),
		"{\"security_group\": {\"stateful\": false}}");
	json_decref(apitest_expect(test, 204, "DELETE", with("/v2.0/ports/%s", port), NULL));
	json_decref(
		apitest_expect(test, 204, "DELETE", with("/v2.0/security-groups/%s", web), NULL));
	expect_error(test, 404, "SecurityGroupRuleNotFound", "GET",
		with("/v2.0/security-group-rules/%s", rule), NULL);
	assert_int_equal(test->engine.parts.n, 1);
	assert_int_equal(test->engine.parts.items[0].group.n_rules, 2);
}

static void groups_are_renamed_but_there_is_one_default(void **state)
{
	struct apitest *test = *state;
	const char *id =
		make(test, "security-groups", "{\"security_group\": {\"name\": \"default\"}}");
	const char *other = make(test, "security-groups", "{\"security_group\": {}}");
	json_t *answer;

	expect_error(test, 409, "SecurityGroupDefaultAlreadyExists", "POST",
		"/v2.0/security-groups", "{\"security_group\": {\"name\": \"Default\"}}");
	expect_error(test, 409, "SecurityGroupDefaultAlreadyExists", "PUT",
		with("/v2.0/security-groups/%s", other),
		"{\"security_group\": {\"name\": \"default\"}}");
	answer = apitest_expect(test, 200, "PUT", with("/v2.0/security-groups/%s", other),
		"{\"security_group\": {\"name\": \"renamed\", \"description\": \"new\", "
		"\"stateful\": \"no\"}}");
	assert_string_equal(at(answer, "security_group.name"), "renamed");
	assert_string_equal(at(answer, "security_group.stateful"), "false");
	assert_string_equal(
		at(answer, "security_group.security_group_rules.1.direction"), "egress");
	json_decref(answer);
	/* a port that names no group gets it */
	answer = apitest_expect(test, 201, "POST", "/v2.0/ports", "{\"port\": {}}");
	assert_string_equal(at(answer, "port.security_groups.0"), id);
	json_decref(answer);
}

static void bodies_that_are_none_are_400(void **state)
{
	static const char *const bodies[] = { "", "{", "[]", "{}", "null", "1", "\"x\"",
		"{\"group\": {}}", "{\"security_group\": \"x\"}", "{\"security_group\": []}",
		"{\"security_groups\": {}}", "{\"security_groups\": []}",
		"{\"security_groups\": [1]}", "{\"security_group\": {\"name\": 7}}",
		"{\"security_group\": {\"name\": null}}",
		"{\"security_group\": {\"name\": \"x\", \"name\": \"y\"}}",
		"{\"security_group\": {\"stateful\": \"perhaps\"}}",
		"{\"security_group\": {\"security_group_rules\": []}}",
		"{\"security_group\": {\"name\": \"\\u0000\"}}",
		"{\"security_group\": {\"name\": \"a\\nb\"}}",
		"{\"security_group\": {\"name\": \"\xff\"}}",
		"{\"security_group\": {\"tenant_id\": \"x\"}}",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]" };
	char name[512];

	for (size_t i = 0; i < N_OF(bodies); i++) {
		unsigned status;
		json_t *answer =
			apitest_call(*state, "POST", "/v2.0/security-groups", bodies[i], &status);

		if (status != 400)
			fail_msg("%s: %u", bodies[i], status);
		json_decref(answer);
	}
	memset(name, 'n', 256);
	name[256] = '\0';
	expect_error(*state, 400, "HTTPBadRequest", "POST", "/v2.0/security-groups",
		with("{\"security_group\": {\"name\": \"%s\"}}", name));
	name[255] = '\0';
	make(*state, "security-groups", with("{\"security_group\": {\"name\": \"%s\"}}", name));
}

static void lists_are_filtered_and_show_what_is_asked_for(void **state)
{
	struct apitest *test = *state;
	const char *web =
		make(test, "security-groups", "{\"security_group\": {\"name\": \"web\"}}");
	json_t *answer;

	make(test, "security-groups", "{\"security_group\": {\"name\": \"db\"}}");
	make(test, "security-groups", "{\"security_group\": {}}");
	answer = apitest_expect(test, 200, "GET", "/v2.0/security-groups?name=web&fields=id", NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "security_groups")), 1);
	assert_string_equal(at(answer, "security_groups.0.id"), web);
	assert_int_equal(
		json_object_size(json_array_get(json_object_get(answer, "security_groups"), 0)), 1);
	json_decref(answer);
	answer = apitest_expect(test, 200, "GET",
		"/v2.0/security-groups?name=web&name=db&name=nosuch&fields=name&fields=x", NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "security_groups")), 2);
	json_decref(answer);
	answer = apitest_expect(test, 200, "GET", "/v2.0/security-groups?name=", NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "security_groups")), 1);
	json_decref(answer);
	answer = apitest_expect(test, 200, "GET",
		with("/v2.0/security-group-rules?security_group_id=%s&ethertype=IPv6", web), NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "security_group_rules")), 1);
	json_decref(answer);
	answer = apitest_expect(test, 400, "GET", "/v2.0/security-groups?nosuch=x&y=z", NULL);
	assert_string_equal(at(answer, "NeutronError.message"),
		"['nosuch', 'y'] is invalid attribute for filtering");
	json_decref(answer);
	expect_error(
		test, 400, "HTTPBadRequest", "GET", "/v2.0/security-groups?stateful=true", NULL);
	expect_error(test, 400, "HTTPBadRequest", "GET", "/metrics?x=1", NULL);
}

static void ports_are_filtered_by_group_and_by_address(void **state)
{
	struct apitest *test = *state;
	const char *group =
		make(test, "security-groups", "{\"security_group\": {\"name\": \"g\"}}");
	const char *port = make(test, "ports",
		with("{\"port\": {\"name\": \"a\", \"security_groups\": [\"%s\"], \"fixed_ips\": "
		     "[{\"ip_address\": \"192.0.2.7\"}]}}",
			group));
	static const char *const queries[] = { "security_groups=%s",
		"fixed_ips=ip_address=192.0.2.7", "status=ACTIVE&name=a",
		"portwall:state=active&name=a", "port_security_enabled=true&name=a" };

	make(test, "ports", "{\"port\": {\"name\": \"waiting\", \"security_groups\": []}}");
	for (size_t i = 0; i < N_OF(queries); i++) {
		char path[256] = "/v2.0/ports?";
		json_t *answer;

		snprintf(path + strlen(path), 200, i ? "%s" : "security_groups=%s",
			i ? queries[i] : group);
		answer = apitest_expect(test, 200, "GET", path, NULL);
		assert_int_equal(json_array_size(json_object_get(answer, "ports")), 1);
		assert_string_equal(at(answer, "ports.0.id"), port);
		json_decref(answer);
	}
}

static void a_port_tells_what_the_kernel_has_of_it(void **state)
{
	struct apitest *test = *state;
	json_t *answer = apitest_expect(test, 201, "POST", "/v2.0/ports",
		"{\"port\": {\"name\": \"a\", \"admin_state_up\": true, \"network_id\": \"net\", "
		"\"mac_address\": \"fa:16:3e:00:00:01\", \"binding:host_id\": \"compute1\"}}");

	assert_string_equal(at(answer, "port.status"), "ACTIVE");
	assert_string_equal(at(answer, "port.portwall:state"), "active");
	assert_string_equal(at(answer, "port.network_id"), "net");
	assert_string_equal(at(answer, "port.binding:host_id"), "compute1");
	assert_string_equal(at(answer, "port.device"), with("tap%.11s", at(answer, "port.id")));
	json_decref(answer);
	answer = apitest_expect(
		test, 201, "POST", "/v2.0/ports", "{\"port\": {\"name\": \"waiting\"}}");
	assert_string_equal(at(answer, "port.status"), "DOWN");
	assert_string_equal(at(answer, "port.portwall:state"), "waiting");
	assert_string_equal(at(answer, "port.portwall:why"), "its interface is not there");
	assert_memory_equal(at(answer, "port.mac_address"), "fa:16:3e:", 9);
	json_decref(answer);
	answer = apitest_expect(
		test, 201, "POST", "/v2.0/ports", "{\"port\": {\"name\": \"failed\"}}");
	assert_string_equal(at(answer, "port.portwall:state"), "failed");
	assert_string_equal(at(answer, "portwall.failures.0.port_id"), at(answer, "port.id"));
	assert_string_equal(at(answer, "portwall.failures.0.why"), "the kernel refused a rule");
	json_decref(answer);
}

static void what_is_wrong_with_a_port_is_answered_with_neutrons_errors(void **state)
{
	struct apitest *test = *state;
	char full[64], less[64];
	const struct {
		const char *port;
		unsigned status;
		const char *type;
	} cases[] = {
		{ "\"security_groups\": \"x\"", 400, "HTTPBadRequest" },
		{ "\"security_groups\": [\"web\"]", 400, "HTTPBadRequest" },
		{ "\"security_groups\": [7]", 400, "HTTPBadRequest" },
		{ "\"security_groups\": [\"" NOBODY "\"]", 404, "SecurityGroupNotFound" },
		{ with("\"security_groups\": [\"%s\", \"%s\"]", full, full), 400,
			"HTTPBadRequest" },
		{ with("\"security_groups\": [\"%s\", \"%s\"]", full, less), 409,
			"SecurityGroupConflict" },
		{ with("\"port_security_enabled\": false, \"security_groups\": [\"%s\"]", full),
			400, "PortSecurityAndIPRequiredForSecurityGroups" },
		{ "\"allowed_address_pairs\": [{\"mac_address\": \"00:00:5e:00:01:0a\"}]", 400,
			"AllowedAddressPairsMissingIP" },
		{ "\"allowed_address_pairs\": {}", 400, "HTTPBadRequest" },
		{ "\"allowed_address_pairs\": [1]", 400, "AllowedAddressPairsMissingIP" },
		{ "\"admin_state_up\": false", 400, "HTTPBadRequest" },
		{ "\"device\": \"a b\"", 400, "BadRequest" },
		{ "\"mac_address\": \"x\"", 400, "BadRequest" },
		{ "\"fixed_ips\": [{\"ip_address\": \"x\"}]", 400, "BadRequest" },
		{ "\"fixed_ips\": [7]", 400, "BadRequest" },
		{ "\"status\": \"ACTIVE\"", 400, "HTTPBadRequest" },
	};

	snprintf(full, sizeof(full), "%s",
		make(test, "security-groups", "{\"security_group\": {\"name\": \"g\"}}"));
	snprintf(less, sizeof(less), "%s",
		make(test, "security-groups", "{\"security_group\": {\"stateful\": false}}"));
	for (size_t i = 0; i < N_OF(cases); i++) {
		const char *body =
			i == 4	 ? with("{\"port\": {\"security_groups\": [\"%s\", \"%s\"]}}", full,
					   full)
			: i == 5 ? with("{\"port\": {\"security_groups\": [\"%s\", \"%s\"]}}", full,
					   less)
			: i == 6 ? with("{\"port\": {\"port_security_enabled\": false, "
					"\"security_groups\": [\"%s\"]}}",
					   full)
				 : with("{\"port\": {%s}}", cases[i].port);

		expect_error(test, cases[i].status, cases[i].type, "POST", "/v2.0/ports", body);
	}
}

static void port_security_goes_with_the_groups_and_pairs(void **state)
{
	struct apitest *test = *state;
	const char *group = make(test, "security-groups", "{\"security_group\": {\"name\": \"g\"}}");
	const char *port = make(
		test, "ports", with("{\"port\": {\"security_groups\": [\"%s\"]}}", group));
	const char *path = with("/v2.0/ports/%s", port);

	expect_error(test, 409, "PortSecurityPortHasSecurityGroup", "PUT", path,
		"{\"port\": {\"port_security_enabled\": false}}");
	json_decref(apitest_expect(test, 200, "PUT", path,
		"{\"port\": {\"port_security_enabled\": false, \"security_groups\": []}}"));
	expect_error(test, 400, "PortSecurityAndIPRequiredForSecurityGroups", "PUT", path,
		with("{\"port\": {\"security_groups\": [\"%s\"]}}", group));
	expect_error(test, 409, "AddressPairAndPortSecurityRequired", "PUT", path,
		"{\"port\": {\"allowed_address_pairs\": [{\"ip_address\": \"192.0.2.9\"}]}}");
	json_decref(apitest_expect(
		test, 200, "PUT", path, "{\"port\": {\"port_security_enabled\": true}}"));
	json_decref(apitest_expect(test, 200, "PUT", path,
		"{\"port\": {\"allowed_address_pairs\": [{\"ip_address\": \"192.0.2.0/25\"}]}}"));
}

static void two_ports_of_one_device_are_refused_before_anything_is_stored(void **state)
{
	struct apitest *test = *state;
	uint64_t revision;

	make(test, "ports", "{\"port\": {\"device\": \"tap1\"}}");
	revision = test->door->model.revision;
	expect_error(test, 400, "BadRequest", "POST", "/v2.0/ports",
		"{\"port\": {\"device\": \"tap1\"}}");
	assert_int_equal(test->door->model.revision, revision);
}

static void a_port_that_moves_to_another_host_is_still_one(void **state)
{
	struct apitest *test = *state;
	const char *port = make(test, "ports", "{\"port\": {\"binding:host_id\": \"compute1\"}}");
	json_t *answer = apitest_expect(test, 200, "PUT", with("/v2.0/ports/%s", port),
		"{\"port\": {\"binding:host_id\": \"compute2\"}}");

	json_decref(answer);
	apitest_reopen(test);
	answer = apitest_expect(test, 200, "GET", "/v2.0/ports", NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "ports")), 1);
	assert_string_equal(at(answer, "ports.0.binding:host_id"), "compute2");
	json_decref(answer);
}

static void an_address_group_in_use_stays(void **state)
{
	struct apitest *test = *state;
	const char *addresses = make(test, "address-groups",
		"{\"address_group\": {\"name\": \"a\", \"addresses\": [\"192.0.2.0/24\", "
		"\"2001:db8::/32\"]}}");
	const char *group =
		make(test, "security-groups", "{\"security_group\": {\"name\": \"g\"}}");
	const char *rule = make(test, "security-group-rules",
		with("{\"security_group_rule\": {\"security_group_id\": \"%s\", \"direction\": "
		     "\"ingress\", \"remote_address_group_id\": \"%s\"}}",
			group, addresses));
	json_t *answer;

	expect_error(test, 409, "AddressGroupInUse", "DELETE",
		with("/v2.0/address-groups/%s", addresses), NULL);
	answer = apitest_expect(test, 200, "PUT", with("/v2.0/address-groups/%s", addresses),
		"{\"address_group\": {\"addresses\": [\"198.51.100.7\"]}}");
	assert_string_equal(at(answer, "address_group.addresses.0"), "198.51.100.7/32");
	json_decref(answer);
	expect_error(test, 400, "InvalidCIDR", "PUT", with("/v2.0/address-groups/%s", addresses),
		"{\"address_group\": {\"addresses\": [\"x\"]}}");
	expect_error(test, 400, "HTTPBadRequest", "POST", "/v2.0/address-groups",
		"{\"address_group\": {\"addresses\": [7]}}");
	json_decref(apitest_expect(
		test, 204, "DELETE", with("/v2.0/security-group-rules/%s", rule), NULL));
	json_decref(apitest_expect(
		test, 204, "DELETE", with("/v2.0/address-groups/%s", addresses), NULL));
}

static void a_change_of_an_older_revision_is_412(void **state)
{
	struct apitest *test = *state;
	const char *id = make(test, "security-groups", "{\"security_group\": {\"name\": \"g\"}}");
	const char *path = with("/v2.0/security-groups/%s", id);
	static const char *const forms[] = { "%llu", "\"%llu\"", "revision_number=%llu",
		"W/\"%llu\"", "\"7777\", \"%llu\"", "*" };
	unsigned status;

	for (size_t i = 0; i < N_OF(forms); i++) {
		unsigned long long revision =
			model_find(&test->door->model, PART_GROUP, id)->changed;
		char if_match[64], name[64];

		// NOLINTNEXTLINE(clang-diagnostic-format-nonliteral): of the table above
		snprintf(if_match, sizeof(if_match), forms[i], revision);
		snprintf(name, sizeof(name), "{\"security_group\": {\"name\": \"g%zu\"}}", i);
		json_decref(apitest_call_if(test, "PUT", path, if_match, name, &status));
		assert_int_equal(status, 200);
		json_decref(
			apitest_call_if(test, "PUT", path, i < 5 ? if_match : "0", name, &status));
		assert_int_equal(status, 412);
	}
	json_decref(apitest_call_if(test, "DELETE", path, "\"1\"", NULL, &status));
	assert_int_equal(status, 412);
}

static const char policy_text[] = "security_groups:\n"
				  "- name: web\n"
				  "  security_group_rules:\n"
				  "  - {direction: ingress, protocol: tcp, port_range_min: 80, "
				  "port_range_max: 80, remote_group: clients}\n"
				  "- name: clients\n"
				  "  security_group_rules: [{direction: egress}]\n"
				  "ports:\n"
				  "- name: web\n"
				  "  device: tap-web\n"
				  "  mac_address: fa:16:3e:00:00:01\n"
				  "  fixed_ips: [{ip_address: 192.0.2.1}]\n"
				  "  security_groups: [web]\n";

static void the_policy_becomes_the_file_and_the_file_comes_back(void **state)
{
	struct apitest *test = *state;
	const char *gone = make(test, "security-groups", "{\"security_group\": {\"name\": \"x\"}}");
	json_t *answer = apitest_expect(test, 200, "PUT", "/v2.0/portwall/policy", policy_text);
	json_t *before;
	char *text;

	assert_string_equal(at(answer, "policy.security_groups.added"), "2");
	assert_string_equal(at(answer, "policy.security_groups.removed"), "1");
	assert_string_equal(at(answer, "policy.ports.added"), "1");
	assert_string_equal(at(answer, "changes.0"),
		"+ IPv4 neutron-openvswi-i0000000-0: allow any from anywhere");
	assert_string_equal(at(answer, "dry_run"), "false");
	json_decref(answer);
	expect_error(test, 404, "SecurityGroupNotFound", "GET",
		with("/v2.0/security-groups/%s", gone), NULL);
	before = apitest_expect(test, 200, "GET", "/v2.0/portwall/policy", NULL);
	text = json_dumps(before, 0);
	answer = apitest_expect(test, 200, "PUT", "/v2.0/portwall/policy", text);
	assert_string_equal(at(answer, "policy.security_groups.unchanged"), "2");
	assert_string_equal(at(answer, "policy.security_groups.changed"), "0");
	assert_string_equal(at(answer, "policy.ports.unchanged"), "1");
	assert_string_equal(at(answer, "changes.0"), "");
	free(text);
	json_decref(answer);
	answer = apitest_expect(test, 200, "GET", "/v2.0/portwall/policy", NULL);
	assert_true(json_equal(before, answer));
	json_decref(before);
	json_decref(answer);
}

static void a_dry_run_tells_and_does_nothing(void **state)
{
	struct apitest *test = *state;
	uint64_t revision = test->door->model.revision;
	json_t *answer =
		apitest_expect(test, 200, "PUT", "/v2.0/portwall/policy?dry_run=true", policy_text);

	assert_string_equal(at(answer, "dry_run"), "true");
	assert_string_equal(at(answer, "policy.security_groups.added"), "2");
	assert_string_equal(at(answer, "rules_added"), "3");
	json_decref(answer);
	answer = apitest_expect(test, 200, "POST", "/v2.0/security-groups?dry_run=1",
		"{\"security_group\": {\"name\": \"g\"}}");
	assert_string_equal(at(answer, "portwall.dry_run"), "true");
	assert_string_equal(at(answer, "security_group.id"), "");
	json_decref(answer);
	expect_error(test, 400, "HTTPBadRequest", "POST", "/v2.0/security-groups?dry_run=perhaps",
		"{\"security_group\": {\"name\": \"g\"}}");
	assert_int_equal(test->door->model.revision, revision);
	assert_int_equal(test->engine.n_dry, 2);
	assert_int_equal(test->engine.n_changes, 0);
	assert_int_equal(test->engine.parts.n, 0);
}

static void of_two_that_write_over_the_same_policy_the_second_is_told(void **state)
{
	struct apitest *test = *state;
	unsigned status;

	json_decref(apitest_expect(test, 200, "PUT", "/v2.0/portwall/policy", policy_text));
	json_decref(apitest_call_if(test, "PUT", "/v2.0/portwall/policy", "\"1\"",
		"security_groups: [{name: a}]", &status));
	assert_int_equal(status, 200);
	json_decref(apitest_call_if(test, "PUT", "/v2.0/portwall/policy", "\"1\"",
		"security_groups: [{name: b}]", &status));
	assert_int_equal(status, 412);
}

static void an_error_in_a_policy_file_has_its_place(void **state)
{
	json_t *answer = apitest_expect(*state, 400, "PUT", "/v2.0/portwall/policy",
		"security_groups:\n- name: web\n  security_group_rules: [{direction: in}]\n");

	assert_memory_equal(at(answer, "NeutronError.message"), "policy:3:", 9);
	assert_true(strlen(at(answer, "NeutronError.detail")) > 0);
	json_decref(answer);
}

static void changes_are_sent_on_while_others_are_at_the_engine(void **state)
{
	struct apitest *test = *state;
	struct request *a = apitest_ask(
		test, "POST", "/v2.0/security-groups", "{\"security_group\": {\"name\": \"a\"}}");
	struct request *b = apitest_ask(
		test, "POST", "/v2.0/security-groups", "{\"security_group\": {\"name\": \"b\"}}");
	json_t *answer;

	/* both are stored, and neither is answered */
	assert_int_equal(test->door->model.revision, 2);
	assert_int_equal(a->answer.status, 0);
	assert_int_equal(b->answer.status, 0);
	answer = apitest_expect(test, 200, "GET", "/v2.0/security-groups?name=b", NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "security_groups")), 1);
	json_decref(answer);
	apitest_pump(test);
	assert_int_equal(a->answer.status, 201);
	assert_int_equal(b->answer.status, 201);
	request_free(a);
	request_free(b);
}

static void who_hung_up_is_not_answered_but_the_change_is_made(void **state)
{
	struct apitest *test = *state;
	struct request *request = apitest_ask(
		test, "POST", "/v2.0/security-groups", "{\"security_group\": {\"name\": \"a\"}}");

	request_free(request);
	apitest_pump(test);
	assert_int_equal(test->engine.parts.n, 1);
	assert_int_equal(test->door->engine_revision, 1);
	assert_int_equal(test->door->n_waiting, 0);
}

static void a_silent_engine_is_504_and_the_change_is_stored(void **state)
{
	struct apitest *test = *state;
	struct request *request;
	json_t *answer;

	test->engine.is_silent = true;
	request = apitest_ask(
		test, "POST", "/v2.0/security-groups", "{\"security_group\": {\"name\": \"a\"}}");
	apitest_pump(test);
	assert_int_equal(request->answer.status, 0);
	test->door->now_ms += LIMIT_API_WAIT_S * 1000 + 1;
	door_tick(test->door);
	assert_int_equal(request->answer.status, 504);
	answer = json_loadb(request->answer.body.data, request->answer.body.len, 0, NULL);
	assert_string_equal(at(answer, "NeutronError.type"), "EngineTimeout");
	assert_non_null(strstr(at(answer, "NeutronError.detail"), "revision 1"));
	json_decref(answer);
	request_free(request);
	answer = apitest_expect(test, 503, "GET", "/healthz", NULL);
	assert_non_null(strstr(at(answer, "why"), "has not answered for"));
	json_decref(answer);
	answer = apitest_expect(test, 200, "GET", "/v2.0/security-groups", NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "security_groups")), 1);
	json_decref(answer);
}

static void with_too_much_before_the_engine_a_change_is_503_and_not_stored(void **state)
{
	struct apitest *test = *state;
	uint64_t revision;

	test->engine.is_silent = true;
	for (size_t i = test->door->engine.n_pending; i < LIMIT_API_WAITING; i++)
		request_free(apitest_ask(test, "GET", "/v2.0/portwall/status", NULL));
	revision = test->door->model.revision;
	expect_error(test, 503, "ServiceUnavailable", "POST", "/v2.0/security-groups",
		"{\"security_group\": {\"name\": \"a\"}}");
	assert_int_equal(test->door->model.revision, revision);
}

static void what_the_engine_refuses_is_stored_told_and_tried_again(void **state)
{
	struct apitest *test = *state;
	const char *id;
	json_t *answer = apitest_expect(test, 503, "POST", "/v2.0/security-groups",
		"{\"security_group\": {\"name\": \"refused\"}}");

	assert_string_equal(at(answer, "NeutronError.type"), "EngineRefused");
	assert_non_null(strstr(at(answer, "NeutronError.message"), "somebody else has the chains"));
	assert_non_null(strstr(at(answer, "NeutronError.detail"), "Stop the other agent."));
	json_decref(answer);
	answer = apitest_expect(test, 503, "GET", "/healthz", NULL);
	assert_non_null(strstr(at(answer, "why"), "somebody else has the chains"));
	json_decref(answer);
	/* Seconds later it is told again, and again refused, and later again. */
	for (uint64_t n = 2; n < 5; n++) {
		test->door->now_ms += 60000;
		door_tick(test->door);
		apitest_pump(test);
		assert_int_equal(test->engine.n_syncs, n);
	}
	answer = apitest_expect(test, 200, "GET", "/v2.0/security-groups", NULL);
	id = at(answer, "security_groups.0.id");
	json_decref(
		apitest_expect(test, 204, "DELETE", with("/v2.0/security-groups/%s", id), NULL));
	json_decref(answer);
	test->door->now_ms += 60000;
	door_tick(test->door);
	apitest_pump(test);
	json_decref(apitest_expect(test, 200, "GET", "/healthz", NULL));
	/* a dry run that would be refused is no more than that */
	expect_error(test, 409, "Conflict", "POST", "/v2.0/security-groups?dry_run=true",
		"{\"security_group\": {\"name\": \"refused\"}}");
}

static void status_counters_and_proofs_come_from_the_engine(void **state)
{
	struct apitest *test = *state;
	const char *a = make(test, "ports", "{\"port\": {\"name\": \"a\"}}");
	json_t *answer;

	make(test, "ports", "{\"port\": {\"name\": \"waiting\"}}");
	answer = apitest_expect(test, 200, "GET", "/v2.0/portwall/status", NULL);
	assert_string_equal(at(answer, "kernel_revision"), "2");
	assert_string_equal(at(answer, "revision"), "2");
	assert_string_equal(at(answer, "repaired"), "3");
	assert_int_equal(json_array_size(json_object_get(answer, "ports")), 2);
	json_decref(answer);
	answer = apitest_expect(test, 200, "GET", "/v2.0/portwall/counters", NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "counters")), 8);
	json_decref(answer);
	answer = apitest_expect(test, 200, "GET", with("/v2.0/portwall/counters?port=%s", a), NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "counters")), 4);
	assert_string_equal(at(answer, "counters.0.duty"), "rule");
	assert_string_equal(at(answer, "counters.0.direction"), "ingress");
	assert_string_equal(at(answer, "counters.1.rule_id"), "null");
	json_decref(answer);
	expect_error(test, 404, "PortNotFound", "GET", "/v2.0/portwall/counters?port=x", NULL);
	answer = apitest_expect(test, 200, "GET", "/v2.0/portwall/verify", NULL);
	assert_string_equal(at(answer, "verdict"), "equal");
	json_decref(answer);
	answer = apitest_expect(test, 200, "GET", "/v2.0/portwall/findings", NULL);
	assert_true(json_is_array(json_object_get(answer, "findings")));
	json_decref(answer);
}

static void a_change_and_what_the_engine_says_are_events_and_old_ones_go(void **state)
{
	struct apitest *test = *state;
	struct event_log *log = test->door->events;
	const struct event_entry *entry;
	uint64_t first = log->next;
	struct request *request;

	make(test, "security-groups", "{\"security_group\": {\"name\": \"a\"}}");
	entry = events_get(log, first);
	assert_non_null(strstr(entry->text, "event: change\ndata: {"));
	assert_non_null(strstr(entry->text, "\"revision\":1"));
	assert_non_null(strstr(entry->text, "\"is\":\"created\""));
	test->engine.n_flood = LIMIT_API_EVENTS + 100;
	json_decref(apitest_expect(test, 200, "GET", "/v2.0/portwall/findings", NULL));
	assert_null(events_get(log, first));
	assert_int_equal(log->next - log->first, LIMIT_API_EVENTS);
	assert_true(log->size <= LIMIT_API_EVENT_BYTES);
	entry = events_get(log, log->next - 1);
	assert_non_null(strstr(entry->text, "event: repaired\ndata: {\"subject\":\"filter\","));
	assert_null(events_get(log, log->next));
	/* from the next one on, behind a given one, behind one that has gone */
	request = apitest_ask(test, "GET", "/v2.0/portwall/events", NULL);
	assert_true(request->answer.is_stream);
	assert_int_equal(request->answer.first, log->next);
	request_free(request);
}

/* --- what Prometheus' text format demands --- */

static bool is_metric_name(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz_", name[i]))
			return false;
	return len > 0;
}

/* One line of a sample: name, labels, value. Returns its series, without the value. */
static char *check_sample(const char *line, const char *family)
{
	size_t name_len = strcspn(line, "{ ");
	const char *value = strrchr(line, ' ') + 1;
	char *end;

	assert_true(is_metric_name(line, name_len));
	assert_memory_equal(line, family, strlen(family));
	if (line[name_len] == '{') {
		const char *c = line + name_len + 1;

		while (*c != '}') {
			size_t label_len = strcspn(c, "=");

			assert_true(is_metric_name(c, label_len));
			c += label_len + 1;
			assert_int_equal(*c++, '"');
			while (*c != '"') {
				assert_true(*c);
				c += *c == '\\' ? 2 : 1;
			}
			c++;
			c += *c == ',';
		}
	}
	strtod(value, &end);
	assert_int_equal(*end, '\0');
	return strndup(line, value - line);
}

static void check_metrics(char *text)
{
	struct arena *arena = arena_new();
	struct map *series = map_new(arena), *families = map_new(arena);
	char family[128] = "", type[32] = "";
	double last_bucket = -1, value;

	for (char *line = strsep(&text, "\n"); text; line = strsep(&text, "\n")) {
		char name[128];

		if (sscanf(line, "# HELP %127s", name) == 1) {
			snprintf(family, sizeof(family), "%s", name);
			assert_null(map_add(families, arena_strdup(arena, name), family));
			last_bucket = -1;
		} else if (sscanf(line, "# TYPE %127s %31s", name, type) == 2) {
			assert_string_equal(name, family);
			assert_true(!strcmp(type, "gauge") || !strcmp(type, "counter") ||
				    !strcmp(type, "histogram"));
			if (!strcmp(type, "counter"))
				assert_string_equal(name + strlen(name) - 6, "_total");
		} else {
			char *key = check_sample(line, family);

			assert_null(map_add(series, key, key));
			arena_adopt(arena, key);
			value = strtod(strrchr(line, ' '), NULL);
			assert_true(value >= 0);
			if (strstr(line, "_bucket{")) {
				assert_true(value >= last_bucket);
				last_bucket = value;
			} else if (strstr(line, "_count "))
				assert_true(value == last_bucket);
		}
	}
	arena_free(arena);
}

static void metrics_are_what_prometheus_reads(void **state)
{
	struct apitest *test = *state;
	struct request *request;
	struct text *body;

	make(test, "ports", "{\"port\": {\"name\": \"a\"}}");
	make(test, "ports", "{\"port\": {\"name\": \"waiting\"}}");
	request = apitest_ask(test, "GET", "/metrics", NULL);
	apitest_pump(test);
	body = &request->answer.body;
	assert_int_equal(request->answer.status, 200);
	assert_non_null(strstr(body->data, "\nportwall_up 1\n"));
	assert_non_null(strstr(body->data, "\nportwall_ports{state=\"active\"} 1\n"));
	assert_non_null(strstr(body->data, "\nportwall_ports{state=\"waiting\"} 1\n"));
	assert_non_null(strstr(body->data, "\nportwall_commit_seconds_bucket{le=\"+Inf\"} 10\n"));
	assert_non_null(strstr(body->data, "\nportwall_commit_seconds_sum 12.345678\n"));
	assert_non_null(strstr(body->data, "\nportwall_store_revision 2\n"));
	/* two lines of one reason are one series */
	assert_non_null(strstr(body->data, ",reason=\"spoof-drop\",direction=\"ingress\","
					   "ethertype=\"IPv4\"} 25\n"));
	assert_non_null(strstr(body->data, ",reason=\"default-drop\","));
	assert_null(strstr(body->data, "reason=\"rule\""));
	assert_int_equal(body->data[body->len - 1], '\n');
	check_metrics(body->data);
	request_free(request);
}

static void the_store_of_somebody_else_is_read_again(void **state)
{
	struct apitest *test = *state;
	const char *id = make(test, "security-groups", "{\"security_group\": {\"name\": \"a\"}}");
	char key[128];
	struct store *store;
	struct err err;
	uint64_t revision;
	struct store_put put = { key, NULL, 0, STORE_ANY };

	snprintf(key, sizeof(key), "/fw/v1/g/%s/r", id);
	assert_true(store_open(test->store_path.data, &store, &err));
	assert_true(store_commit(store, &put, 1, &revision, NULL, &err));
	store_close(&store);
	expect_error(test, 409, "Conflict", "PUT", with("/v2.0/security-groups/%s", id),
		"{\"security_group\": {\"name\": \"b\"}}");
	assert_int_equal(test->engine.n_syncs, 2);
	assert_int_equal(test->engine.parts.n, 0);
	expect_error(test, 404, "SecurityGroupNotFound", "GET",
		with("/v2.0/security-groups/%s", id), NULL);
}

/* Garbage of what was replaced is left behind: 3,000 changes of a large group need no more memory than one. */
static void changes_without_end_need_no_memory(void **state)
{
	struct apitest *test = *state;
	char name[300];
	const char *id = make(test, "security-groups", "{\"security_group\": {\"name\": \"a\"}}");
	const char *path = with("/v2.0/security-groups/%s", id);

	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "{\"security_group\": {\"description\": \"%0250d\"}}",
			i);
		json_decref(apitest_expect(test, 200, "PUT", path, name));
		assert_true(arena_used(test->door->model.arena) < (size_t)5 * 1024 * 1024);
	}
	assert_int_equal(test->door->model.n[PART_GROUP], 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_root_names_the_version_and_the_version_its_collections),
		CASE(a_path_that_there_is_not_is_404_and_a_method_405_with_what_it_takes),
		CASE(a_new_group_has_the_two_egress_rules_and_is_in_the_engine),
		CASE(what_was_made_is_there_after_a_restart_and_the_engine_gets_it_whole),
		CASE(a_rule_is_made_shown_and_gone),
		CASE(what_is_wrong_with_a_rule_is_answered_with_neutrons_errors),
		CASE(a_rule_twice_is_a_conflict_that_names_the_first),
		CASE(rules_come_in_bulk_for_one_group),
		CASE(a_group_in_use_stays_and_one_that_rules_name_takes_them_along),
		CASE(groups_are_renamed_but_there_is_one_default),
		CASE(bodies_that_are_none_are_400),
		CASE(lists_are_filtered_and_show_what_is_asked_for),
		CASE(ports_are_filtered_by_group_and_by_address),
		CASE(a_port_tells_what_the_kernel_has_of_it),
		CASE(what_is_wrong_with_a_port_is_answered_with_neutrons_errors),
		CASE(port_security_goes_with_the_groups_and_pairs),
		CASE(two_ports_of_one_device_are_refused_before_anything_is_stored),
		CASE(a_port_that_moves_to_another_host_is_still_one),
		CASE(an_address_group_in_use_stays),
		CASE(a_change_of_an_older_revision_is_412),
		CASE(the_policy_becomes_the_file_and_the_file_comes_back),
		CASE(a_dry_run_tells_and_does_nothing),
		CASE(of_two_that_write_over_the_same_policy_the_second_is_told),
		CASE(an_error_in_a_policy_file_has_its_place),
		CASE(changes_are_sent_on_while_others_are_at_the_engine),
		CASE(who_hung_up_is_not_answered_but_the_change_is_made),
		CASE(a_silent_engine_is_504_and_the_change_is_stored),
		CASE(with_too_much_before_the_engine_a_change_is_503_and_not_stored),
		CASE(what_the_engine_refuses_is_stored_told_and_tried_again),
		CASE(status_counters_and_proofs_come_from_the_engine),
		CASE(a_change_and_what_the_engine_says_are_events_and_old_ones_go),
		CASE(metrics_are_what_prometheus_reads),
		CASE(the_store_of_somebody_else_is_read_again),
		CASE(changes_without_end_need_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
