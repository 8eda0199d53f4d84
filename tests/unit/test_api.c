// SPDX-License-Identifier: GPL-2.0-or-later
/* The door in one process: groups, rules, address groups and ports as Neutron's clients know them. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apitest.h"

#define NOBODY "25252525-2525-4252-8252-252525252525"

static void the_root_names_the_version_and_the_version_its_collections(void **state)
{
	json_t *answer = apitest_expect(*state, 200, "GET", "/", NULL);

	assert_string_equal(at(answer, "versions.0.id"), "v2.0");
	assert_string_equal(at(answer, "versions.0.links.0.href"), "http://localhost/v2.0/");
	json_decref(answer);
	for (int slash = 0; slash < 2; slash++) {
		answer = apitest_expect(*state, 200, "GET", slash ? "/v2.0/" : "/v2.0", NULL);
		assert_string_equal(at(answer, "resources.1.collection"), "security_groups");
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
	/* and its project has the group that ports get when nothing is said */
	assert_int_equal(test->engine.parts.n, 2);
	json_decref(
		apitest_expect(test, 204, "DELETE", with("/v2.0/security-groups/%s", id), NULL));
	assert_int_equal(test->engine.parts.n, 1);
	assert_string_equal(test->engine.parts.items[0].group.name, "default");
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
	assert_int_equal(test->engine.parts.n, 4); /* with the project's default */
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
	json_t *answer;

	expect_error(test, 409, "SecurityGroupInUse", "DELETE",
		with("/v2.0/security-groups/%s", web), NULL);
	expect_error(test, 409, "SecurityGroupInUse", "PUT", with("/v2.0/security-groups/%s", web),
		"{\"security_group\": {\"stateful\": false}}");
	json_decref(apitest_expect(test, 204, "DELETE", with("/v2.0/ports/%s", port), NULL));
	json_decref(
		apitest_expect(test, 204, "DELETE", with("/v2.0/security-groups/%s", web), NULL));
	expect_error(test, 404, "SecurityGroupRuleNotFound", "GET",
		with("/v2.0/security-group-rules/%s", rule), NULL);
	answer = apitest_expect(test, 200, "GET", with("/v2.0/security-groups/%s", db), NULL);
	assert_int_equal(json_array_size(json_object_get(json_object_get(answer, "security_group"),
				 "security_group_rules")),
		2);
	json_decref(answer);
	assert_int_equal(test->engine.parts.n, 2);
}

static void groups_are_renamed_but_there_is_one_default(void **state)
{
	struct apitest *test = *state;
	const char *other = make(test, "security-groups", "{\"security_group\": {}}");
	json_t *answer =
		apitest_expect(test, 200, "GET", "/v2.0/security-groups?name=default", NULL);
	char id[64];

	snprintf(id, sizeof(id), "%s", at(answer, "security_groups.0.id"));
	assert_string_equal(
		at(answer, "security_groups.0.security_group_rules.2.remote_group_id"), id);
	json_decref(answer);

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
		"{\"security_group\": {\"tenant_id\": 7}}",
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
	const char *group =
		make(test, "security-groups", "{\"security_group\": {\"name\": \"g\"}}");
	const char *port =
		make(test, "ports", with("{\"port\": {\"security_groups\": [\"%s\"]}}", group));
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
	expect_error(
		test, 409, "Conflict", "POST", "/v2.0/ports", "{\"port\": {\"device\": \"tap1\"}}");
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
			model_find(&test->door->model, OBJECT_GROUP, id)->changed;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_CASE(the_root_names_the_version_and_the_version_its_collections),
		API_CASE(a_path_that_there_is_not_is_404_and_a_method_405_with_what_it_takes),
		API_CASE(a_new_group_has_the_two_egress_rules_and_is_in_the_engine),
		API_CASE(what_was_made_is_there_after_a_restart_and_the_engine_gets_it_whole),
		API_CASE(a_rule_is_made_shown_and_gone),
		API_CASE(what_is_wrong_with_a_rule_is_answered_with_neutrons_errors),
		API_CASE(a_rule_twice_is_a_conflict_that_names_the_first),
		API_CASE(rules_come_in_bulk_for_one_group),
		API_CASE(a_group_in_use_stays_and_one_that_rules_name_takes_them_along),
		API_CASE(groups_are_renamed_but_there_is_one_default),
		API_CASE(bodies_that_are_none_are_400),
		API_CASE(lists_are_filtered_and_show_what_is_asked_for),
		API_CASE(ports_are_filtered_by_group_and_by_address),
		API_CASE(a_port_tells_what_the_kernel_has_of_it),
		API_CASE(what_is_wrong_with_a_port_is_answered_with_neutrons_errors),
		API_CASE(port_security_goes_with_the_groups_and_pairs),
		API_CASE(two_ports_of_one_device_are_refused_before_anything_is_stored),
		API_CASE(a_port_that_moves_to_another_host_is_still_one),
		API_CASE(an_address_group_in_use_stays),
		API_CASE(a_change_of_an_older_revision_is_412),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
