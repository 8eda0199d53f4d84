// SPDX-License-Identifier: GPL-2.0-or-later
/* The door in one process: projects and what they share, quotas, networks, tags, order and pages, default rules. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apitest.h"

static struct identity as_member(const char *project)
{
	return (struct identity){ "x", project, ROLE_READER | ROLE_MEMBER };
}

static size_t n_in(const json_t *answer, const char *key)
{
	return json_array_size(json_object_get(answer, key));
}

static size_t n_listed(struct apitest *test, const char *path, const char *key)
{
	json_t *answer = apitest_expect(test, 200, "GET", path, NULL);
	size_t n = n_in(answer, key);

	json_decref(answer);
	return n;
}

static void what_is_of_another_project_is_not_found(void **state)
{
	static const char *const changes[] = { "PUT", "DELETE" };
	struct apitest *test = *state;
	const char *group, *rule, *network, *path;

	test->who = as_member("bob");
	group = make(test, "security-groups", "{\"security_group\": {\"name\": \"g\"}}");
	rule = make(test, "security-group-rules",
		with("{\"security_group_rule\": {\"security_group_id\": \"%s\", \"direction\": "
		     "\"ingress\"}}",
			group));
	network = make(test, "networks", "{\"network\": {\"name\": \"n\"}}");
	test->who = as_member("eve");
	expect_error(test, 404, "SecurityGroupNotFound", "GET",
		with("/v2.0/security-groups/%s", group), NULL);
	expect_error(test, 404, "SecurityGroupRuleNotFound", "GET",
		with("/v2.0/security-group-rules/%s", rule), NULL);
	expect_error(test, 404, "NetworkNotFound", "GET", with("/v2.0/networks/%s", network), NULL);
	for (size_t i = 0; i < N_OF(changes); i++) {
		path = with("/v2.0/security-groups/%s", group);
		expect_error(test, 404, "SecurityGroupNotFound", changes[i], path,
			"{\"security_group\": {\"name\": \"h\"}}");
	}
	expect_error(test, 404, "SecurityGroupRuleNotFound", "DELETE",
		with("/v2.0/security-group-rules/%s", rule), NULL);
	expect_error(test, 404, "SecurityGroupNotFound", "POST", "/v2.0/security-group-rules",
		with("{\"security_group_rule\": {\"security_group_id\": \"%s\", \"direction\": "
		     "\"egress\"}}",
			group));
	expect_error(test, 404, "SecurityGroupNotFound", "POST", "/v2.0/ports",
		with("{\"port\": {\"security_groups\": [\"%s\"]}}", group));
	expect_error(test, 404, "NetworkNotFound", "POST", "/v2.0/ports",
		with("{\"port\": {\"network_id\": \"%s\"}}", network));
	expect_error(test, 404, "SecurityGroupNotFound", "PUT",
		with("/v2.0/security-groups/%s/tags/a", group), NULL);
	/* only the own default */
	assert_int_equal(n_listed(test, "/v2.0/security-groups", "security_groups"), 1);
	assert_int_equal(n_listed(test, "/v2.0/networks", "networks"), 0);
	test->who = identity_local;
	assert_int_equal(
		n_listed(test, "/v2.0/security-groups?project_id=bob", "security_groups"), 2);
	assert_int_equal(
		n_listed(test, "/v2.0/security-groups?tenant_id=eve", "security_groups"), 1);
}

static void what_is_shared_is_seen_and_named_but_not_changed(void **state)
{
	struct apitest *test = *state;
	char group[64], rbac[64], port_of_bob[64];
	json_t *answer;

	test->who = as_member("bob");
	snprintf(group, sizeof(group), "%s",
		make(test, "security-groups", "{\"security_group\": {\"name\": \"g\"}}"));
	snprintf(rbac, sizeof(rbac), "%s",
		make(test, "rbac-policies",
			with("{\"rbac_policy\": {\"object_type\": \"security_group\", \"object_id\": "
			     "\"%s\", \"target_tenant\": \"eve\", \"action\": \"access_as_shared\"}}",
				group)));
	expect_error(test, 403, "PolicyNotAuthorized", "POST", "/v2.0/rbac-policies",
		with("{\"rbac_policy\": {\"object_type\": \"security_group\", \"object_id\": \"%s\", "
		     "\"target_tenant\": \"*\", \"action\": \"access_as_shared\"}}",
			group));
	test->who = as_member("eve");
	answer = apitest_expect(test, 200, "GET", with("/v2.0/security-groups/%s", group), NULL);
	assert_string_equal(at(answer, "security_group.shared"), "true");
	assert_string_equal(at(answer, "security_group.project_id"), "bob");
	json_decref(answer);
	/* what its rules count, at ports of all projects, is the owner's to know */
	answer = apitest_expect(test, 200, "GET",
		with("/v2.0/security-group-rules?security_group_id=%s", group), NULL);
	assert_string_equal(at(answer, "security_group_rules.0.portwall:packets"), "null");
	json_decref(answer);
	expect_error(test, 403, "PolicyNotAuthorized", "PUT",
		with("/v2.0/security-groups/%s", group), "{\"security_group\": {\"name\": \"h\"}}");
	expect_error(test, 403, "PolicyNotAuthorized", "DELETE",
		with("/v2.0/security-groups/%s", group), NULL);
	make(test, "ports", with("{\"port\": {\"security_groups\": [\"%s\"]}}", group));
	test->who = as_member("zoe");
	expect_error(test, 404, "SecurityGroupNotFound", "GET",
		with("/v2.0/security-groups/%s", group), NULL);
	test->who = as_member("bob");
	snprintf(port_of_bob, sizeof(port_of_bob), "%s",
		make(test, "ports", with("{\"port\": {\"security_groups\": [\"%s\"]}}", group)));
	expect_error(
		test, 409, "RbacPolicyInUse", "DELETE", with("/v2.0/rbac-policies/%s", rbac), NULL);
	expect_error(test, 409, "RbacPolicyInUse", "PUT", with("/v2.0/rbac-policies/%s", rbac),
		"{\"rbac_policy\": {\"target_tenant\": \"zoe\"}}");
	json_decref(apitest_expect(test, 200, "PUT", with("/v2.0/rbac-policies/%s", rbac),
		"{\"rbac_policy\": {\"target_tenant\": \"eve\"}}"));
	json_decref(apitest_expect(test, 204, "DELETE", with("/v2.0/ports/%s", port_of_bob), NULL));
	answer = apitest_expect(test, 409, "DELETE", with("/v2.0/security-groups/%s", group), NULL);
	assert_string_equal(at(answer, "NeutronError.type"), "SecurityGroupInUse");
	assert_string_equal(
		at(answer, "NeutronError.detail"), "Take it off a port of another project first.");
	json_decref(answer);
	/* an admin shares what is of bob with zoe: bob's and eve's use of it is none of zoe's */
	test->who = identity_local;
	snprintf(rbac, sizeof(rbac), "%s",
		make(test, "rbac-policies",
			with("{\"rbac_policy\": {\"object_type\": \"security_group\", \"object_id\": "
			     "\"%s\", \"target_tenant\": \"zoe\", \"action\": \"access_as_shared\"}}",
				group)));
	json_decref(
		apitest_expect(test, 204, "DELETE", with("/v2.0/rbac-policies/%s", rbac), NULL));
}

static void sharing_ends_with_the_object(void **state)
{
	struct apitest *test = *state;
	const char *group =
		make(test, "address-groups", "{\"address_group\": {\"name\": \"offices\"}}");

	make(test, "rbac-policies",
		with("{\"rbac_policy\": {\"object_type\": \"address_group\", \"object_id\": \"%s\", "
		     "\"target_tenant\": \"*\", \"action\": \"access_as_shared\"}}",
			group));
	assert_int_equal(n_listed(test, "/v2.0/rbac-policies", "rbac_policies"), 1);
	json_decref(
		apitest_expect(test, 204, "DELETE", with("/v2.0/address-groups/%s", group), NULL));
	assert_int_equal(n_listed(test, "/v2.0/rbac-policies", "rbac_policies"), 0);
}

static void quotas_hold_for_projects_but_not_for_the_local_one(void **state)
{
	struct apitest *test = *state;
	json_t *answer;

	for (int i = 0; i < 12; i++) /* of the local project */
		make(test, "security-groups", "{\"security_group\": {}}");
	test->who = as_member("bob");
	for (int i = 0; i < 9; i++) /* and its default */
		make(test, "security-groups", "{\"security_group\": {}}");
	expect_error(test, 409, "OverQuota", "POST", "/v2.0/security-groups",
		"{\"security_group\": {}}");
	expect_error(test, 403, "PolicyNotAuthorized", "PUT", "/v2.0/quotas/bob",
		"{\"quota\": {\"security_group\": 11}}");
	expect_error(test, 403, "PolicyNotAuthorized", "GET", "/v2.0/quotas/eve", NULL);
	test->who = identity_local;
	expect_error(test, 400, "HTTPBadRequest", "PUT", "/v2.0/quotas/bob",
		"{\"quota\": {\"security_group\": -2}}");
	expect_error(test, 400, "HTTPBadRequest", "PUT", "/v2.0/quotas/bob",
		"{\"quota\": {\"cars\": 2}}");
	expect_error(test, 400, "HTTPBadRequest", "PUT", "/v2.0/quotas/bob", "{}");
	answer = apitest_expect(
		test, 200, "PUT", "/v2.0/quotas/bob", "{\"quota\": {\"security_group\": 11}}");
	assert_string_equal(at(answer, "quota.security_group"), "11");
	assert_string_equal(at(answer, "quota.security_group_rule"), "100");
	json_decref(answer);
	test->who = as_member("bob");
	make(test, "security-groups", "{\"security_group\": {}}");
	expect_error(test, 409, "OverQuota", "POST", "/v2.0/security-groups",
		"{\"security_group\": {}}");
	answer = apitest_expect(test, 200, "GET", "/v2.0/quotas/bob/details", NULL);
	assert_string_equal(at(answer, "quota.security_group.used"), "11");
	json_decref(answer);
	test->who = identity_local;
	json_decref(apitest_expect(test, 204, "DELETE", "/v2.0/quotas/bob", NULL));
	expect_error(test, 404, "TenantQuotaNotFound", "DELETE", "/v2.0/quotas/bob", NULL);
	/* a list is counted as a whole; each may be wrapped once more */
	json_decref(apitest_expect(test, 200, "POST", "/v2.0/security-groups?dry_run=true",
		"{\"security_groups\": [{\"security_group\": {\"name\": \"a\", \"project_id\": null}}, {}]}"));
	test->who = as_member("eve");
	expect_error(test, 409, "OverQuota", "POST", "/v2.0/security-groups",
		"{\"security_groups\": [{}, {}, {}, {}, {}, {}, {}, {}, {}, {}]}");
	assert_int_equal(n_listed(test, "/v2.0/security-groups", "security_groups"), 1);
}

static void a_list_is_sorted_and_cut_into_pages(void **state)
{
	static const char *const names[] = { "c", "a", "b", "e", "d" };
	struct apitest *test = *state;
	char marker[64];
	json_t *answer;

	for (size_t i = 0; i < N_OF(names); i++)
		make(test, "address-groups",
			with("{\"address_group\": {\"name\": \"%s\"}}", names[i]));
	answer = apitest_expect(
		test, 200, "GET", "/v2.0/address-groups?sort_key=name&sort_dir=desc&limit=2", NULL);
	assert_int_equal(n_in(answer, "address_groups"), 2);
	assert_string_equal(at(answer, "address_groups.0.name"), "e");
	assert_string_equal(at(answer, "address_groups.1.name"), "d");
	assert_string_equal(at(answer, "address_groups_links.0.rel"), "next");
	snprintf(marker, sizeof(marker), "%s", at(answer, "address_groups.1.id"));
	assert_string_equal(at(answer, "address_groups_links.0.href"),
		with("http://localhost/v2.0/address-groups?sort_key=name&sort_dir=desc&limit=2&marker=%s",
			marker));
	json_decref(answer);
	answer = apitest_expect(test, 200, "GET",
		with("/v2.0/address-groups?sort_key=name&sort_dir=desc&limit=2&marker=%s", marker),
		NULL);
	assert_string_equal(at(answer, "address_groups.0.name"), "c");
	assert_string_equal(at(answer, "address_groups.1.name"), "b");
	snprintf(marker, sizeof(marker), "%s", at(answer, "address_groups.0.id"));
	json_decref(answer);
	answer = apitest_expect(test, 200, "GET",
		with("/v2.0/address-groups?sort_key=name&sort_dir=desc&limit=1&page_reverse=true&marker=%s",
			marker),
		NULL);
	assert_int_equal(n_in(answer, "address_groups"), 1);
	assert_string_equal(at(answer, "address_groups.0.name"), "d");
	json_decref(answer);
	/* the last page is short, and has nothing behind it */
	answer = apitest_expect(test, 200, "GET",
		"/v2.0/address-groups?sort_key=name&sort_dir=asc&limit=9&fields=name", NULL);
	assert_int_equal(n_in(answer, "address_groups"), 5);
	assert_string_equal(at(answer, "address_groups.4.name"), "e");
	assert_string_equal(at(answer, "address_groups_links.0.rel"), "previous");
	json_decref(answer);
	expect_error(test, 404, "AddressGroupNotFound", "GET",
		"/v2.0/address-groups?marker=25252525-2525-4252-8252-252525252525", NULL);
	expect_error(test, 400, "HTTPBadRequest", "GET",
		"/v2.0/address-groups?sort_key=addresses&sort_dir=asc", NULL);
	expect_error(test, 400, "HTTPBadRequest", "GET",
		"/v2.0/address-groups?sort_key=name&sort_dir=up", NULL);
	expect_error(test, 400, "BadRequest", "GET", "/v2.0/address-groups?limit=-1", NULL);
}

static void tags_are_set_and_looked_for(void **state)
{
	struct apitest *test = *state;
	const char *a = make(test, "security-groups", "{\"security_group\": {\"name\": \"a\"}}");
	const char *n = make(test, "networks", "{\"network\": {}}");
	size_t n_changes;
	json_t *answer;

	n_changes = test->engine.n_parts_told;
	answer = apitest_expect(test, 200, "PUT", with("/v2.0/security-groups/%s/tags", a),
		"{\"tags\": [\"red\", \"blue\", \"red\"]}");
	assert_int_equal(n_in(answer, "tags"), 2);
	assert_string_equal(at(answer, "tags.0"), "blue");
	json_decref(answer);
	json_decref(apitest_expect(
		test, 201, "PUT", with("/v2.0/security-groups/%s/tags/green", a), NULL));
	json_decref(apitest_expect(test, 201, "PUT", with("/v2.0/networks/%s/tags/red", n), NULL));
	assert_int_equal(
		test->engine.n_parts_told, n_changes); /* they mean nothing to the engine */
	json_decref(apitest_expect(
		test, 204, "GET", with("/v2.0/security-groups/%s/tags/green", a), NULL));
	expect_error(test, 404, "TagNotFound", "GET",
		with("/v2.0/security-groups/%s/tags/white", a), NULL);
	expect_error(test, 400, "HTTPBadRequest", "PUT", with("/v2.0/security-groups/%s/tags", a),
		"{\"tags\": [\"a,b\"]}");
	expect_error(test, 400, "HTTPBadRequest", "PUT", with("/v2.0/security-groups/%s/tags", a),
		"{\"tags\": \"a\"}");
	assert_int_equal(
		n_listed(test, "/v2.0/security-groups?tags=red,blue", "security_groups"), 1);
	assert_int_equal(
		n_listed(test, "/v2.0/security-groups?tags=red,white", "security_groups"), 0);
	assert_int_equal(
		n_listed(test, "/v2.0/security-groups?tags-any=red,white", "security_groups"), 1);
	/* default has none */
	assert_int_equal(
		n_listed(test, "/v2.0/security-groups?not-tags=red", "security_groups"), 1);
	assert_int_equal(
		n_listed(test, "/v2.0/security-groups?not-tags-any=red,x", "security_groups"), 1);
	apitest_reopen(test);
	answer = apitest_expect(test, 200, "GET", with("/v2.0/security-groups/%s/tags", a), NULL);
	assert_int_equal(n_in(answer, "tags"), 3);
	json_decref(answer);
	json_decref(apitest_expect(
		test, 204, "DELETE", with("/v2.0/security-groups/%s/tags/green", a), NULL));
	json_decref(apitest_expect(
		test, 204, "DELETE", with("/v2.0/security-groups/%s/tags", a), NULL));
	assert_int_equal(n_listed(test, "/v2.0/security-groups?tags=red", "security_groups"), 0);
}

static void a_port_gets_addresses_of_its_network(void **state)
{
	struct apitest *test = *state;
	char network[64], subnet[64];
	const char *port;
	json_t *answer;

	snprintf(network, sizeof(network), "%s", make(test, "networks", "{\"network\": {}}"));
	snprintf(subnet, sizeof(subnet), "%s",
		make(test, "subnets",
			with("{\"subnet\": {\"network_id\": \"%s\", \"ip_version\": 4, \"cidr\": "
			     "\"192.0.2.0/29\", \"gateway_ip\": \"192.0.2.3\"}}",
				network)));
	answer = apitest_expect(test, 200, "GET", with("/v2.0/subnets/%s", subnet), NULL);
	assert_string_equal(at(answer, "subnet.allocation_pools.0.end"), "192.0.2.2");
	assert_string_equal(at(answer, "subnet.allocation_pools.1.start"), "192.0.2.4");
	assert_string_equal(at(answer, "subnet.allocation_pools.1.end"), "192.0.2.6");
	json_decref(answer);
	port = make(test, "ports", with("{\"port\": {\"network_id\": \"%s\"}}", network));
	answer = apitest_expect(test, 201, "POST", "/v2.0/ports",
		with("{\"ports\": [{\"network_id\": \"%s\"}, {\"network_id\": \"%s\"}]}", network,
			network));
	assert_string_equal(at(answer, "ports.0.fixed_ips.0.ip_address"), "192.0.2.2");
	assert_string_equal(at(answer, "ports.1.fixed_ips.0.ip_address"), "192.0.2.4");
	assert_string_equal(at(answer, "ports.1.fixed_ips.0.subnet_id"), subnet);
	json_decref(answer);
	expect_error(test, 409, "IpAddressAlreadyAllocated", "POST", "/v2.0/ports",
		with("{\"port\": {\"network_id\": \"%s\", \"fixed_ips\": [{\"ip_address\": "
		     "\"192.0.2.2\"}]}}",
			network));
	expect_error(test, 400, "InvalidIpForNetwork", "POST", "/v2.0/ports",
		with("{\"port\": {\"network_id\": \"%s\", \"fixed_ips\": [{\"ip_address\": "
		     "\"192.0.9.2\"}]}}",
			network));
	expect_error(test, 409, "SubnetInUse", "DELETE", with("/v2.0/subnets/%s", subnet), NULL);
	expect_error(test, 409, "NetworkInUse", "DELETE", with("/v2.0/networks/%s", network), NULL);
	make(test, "ports", with("{\"port\": {\"network_id\": \"%s\"}}", network));
	make(test, "ports", with("{\"port\": {\"network_id\": \"%s\"}}", network));
	expect_error(test, 409, "IpAddressGenerationFailure", "POST", "/v2.0/ports",
		with("{\"port\": {\"network_id\": \"%s\"}}", network));
	/* one that is given back is given again */
	json_decref(apitest_expect(test, 204, "DELETE", with("/v2.0/ports/%s", port), NULL));
	answer = apitest_expect(test, 201, "POST", "/v2.0/ports",
		with("{\"port\": {\"network_id\": \"%s\"}}", network));
	assert_string_equal(at(answer, "port.fixed_ips.0.ip_address"), "192.0.2.1");
	json_decref(answer);
	answer = apitest_expect(
		test, 200, "GET", with("/v2.0/ports?fixed_ips=subnet_id=%s", subnet), NULL);
	assert_int_equal(n_in(answer, "ports"), 5);
	json_decref(answer);
}

static void a_subnet_that_cannot_be_is_refused(void **state)
{
	static const char *const wrong[] = {
		"\"ip_version\": 4",
		"\"ip_version\": 5, \"cidr\": \"192.0.2.0/24\"",
		"\"ip_version\": 6, \"cidr\": \"192.0.2.0/24\"",
		"\"ip_version\": 4, \"cidr\": \"192.0.2\"",
		"\"ip_version\": 4, \"cidr\": \"198.51.100.0/25\"", /* overlaps */
		"\"ip_version\": 4, \"cidr\": \"192.0.2.0/24\", \"gateway_ip\": \"x\"",
		"\"ip_version\": 4, \"cidr\": \"192.0.2.0/24\", \"gateway_ip\": \"::1\"",
		"\"ip_version\": 4, \"cidr\": \"192.0.2.0/24\", \"allocation_pools\": [{}]",
		"\"ip_version\": 4, \"cidr\": \"192.0.2.0/24\", \"allocation_pools\": [1]",
		("\"ip_version\": 4, \"cidr\": \"192.0.2.0/24\", \"allocation_pools\": [{\"start\": "
		 "\"192.0.2.9\", \"end\": \"192.0.2.5\"}]"),
		("\"ip_version\": 4, \"cidr\": \"192.0.2.0/24\", \"allocation_pools\": [{\"start\": "
		 "\"192.0.2.9\", \"end\": \"192.0.3.5\"}]"),
	};
	struct apitest *test = *state;
	char network[64];

	snprintf(network, sizeof(network), "%s", make(test, "networks", "{\"network\": {}}"));
	make(test, "subnets",
		with("{\"subnet\": {\"network_id\": \"%s\", \"ip_version\": 4, \"cidr\": "
		     "\"198.51.100.0/24\"}}",
			network));
	for (size_t i = 0; i < N_OF(wrong); i++)
		json_decref(apitest_expect(test, 400, "POST", "/v2.0/subnets",
			with("{\"subnet\": {\"network_id\": \"%s\", %s}}", network, wrong[i])));
	/* nor two of one request with each other */
	json_decref(apitest_expect(test, 400, "POST", "/v2.0/subnets",
		with("{\"subnets\": [{\"network_id\": \"%s\", \"ip_version\": 4, \"cidr\": "
		     "\"192.0.2.0/24\"}, {\"network_id\": \"%s\", \"ip_version\": 4, \"cidr\": "
		     "\"192.0.2.0/25\"}]}",
			network, network)));
	assert_int_equal(n_listed(test, "/v2.0/subnets", "subnets"), 1);
	json_decref(apitest_expect(test, 204, "DELETE", with("/v2.0/networks/%s", network), NULL));
	assert_int_equal(n_listed(test, "/v2.0/subnets", "subnets"), 0);
}

static void new_groups_begin_with_the_rules_that_an_admin_says(void **state)
{
	struct apitest *test = *state;
	json_t *answer =
		apitest_expect(test, 200, "GET", "/v2.0/default-security-group-rules", NULL);
	char egress[64];
	const char *group;

	assert_int_equal(n_in(answer, "default_security_group_rules"), 4);
	snprintf(egress, sizeof(egress), "%s", at(answer, "default_security_group_rules.1.id"));
	json_decref(answer);
	expect_error(test, 400, "SecurityGroupProtocolRequiredWithPorts", "POST",
		"/v2.0/default-security-group-rules",
		"{\"default_security_group_rule\": {\"direction\": \"ingress\", \"port_range_min\": 1, "
		"\"port_range_max\": 2}}");
	make(test, "default-security-group-rules",
		"{\"default_security_group_rule\": {\"direction\": \"ingress\", \"protocol\": \"icmp\", "
		"\"used_in_non_default_sg\": true}}");
	json_decref(apitest_expect(
		test, 204, "DELETE", with("/v2.0/default-security-group-rules/%s", egress), NULL));
	expect_error(test, 404, "DefaultSecurityGroupRuleNotFound", "GET",
		with("/v2.0/default-security-group-rules/%s", egress), NULL);
	apitest_reopen(test); /* one that was built in stays removed */
	assert_int_equal(n_listed(test, "/v2.0/default-security-group-rules",
				 "default_security_group_rules"),
		4);
	group = make(test, "security-groups", "{\"security_group\": {}}");
	answer = apitest_expect(test, 200, "GET", with("/v2.0/security-groups/%s", group), NULL);
	assert_int_equal(
		n_in(json_object_get(answer, "security_group"), "security_group_rules"), 2);
	assert_string_equal(at(answer, "security_group.security_group_rules.0.ethertype"), "IPv4");
	assert_string_equal(at(answer, "security_group.security_group_rules.1.protocol"), "icmp");
	json_decref(answer);
	test->who = as_member("bob");
	expect_error(test, 403, "PolicyNotAuthorized", "POST", "/v2.0/default-security-group-rules",
		"{\"default_security_group_rule\": {\"direction\": \"ingress\"}}");
	assert_int_equal(n_listed(test, "/v2.0/default-security-group-rules",
				 "default_security_group_rules"),
		4);
}

static void a_rule_that_names_what_has_gone_keeps_nobody_from_making_groups(void **state)
{
	struct apitest *test = *state;
	const char *group = make(test, "security-groups", "{\"security_group\": {}}");

	make(test, "default-security-group-rules",
		with("{\"default_security_group_rule\": {\"direction\": \"ingress\", "
		     "\"remote_group_id\": \"%s\", \"used_in_default_sg\": true}}",
			group));
	json_decref(
		apitest_expect(test, 204, "DELETE", with("/v2.0/security-groups/%s", group), NULL));
	test->who = as_member("bob");
	assert_int_equal(n_listed(test, "/v2.0/security-groups", "security_groups"), 1);
	make(test, "security-groups", "{\"security_group\": {}}");
}

static void a_rule_that_new_groups_begin_with_is_there_once(void **state)
{
	static const char rule[] = "{\"direction\": \"ingress\", \"protocol\": \"icmp\", "
				   "\"used_in_default_sg\": true, \"description\": \"a\"}";
	struct apitest *test = *state;
	const char *path = "/v2.0/default-security-group-rules";

	expect_error(test, 404, "SecurityGroupNotFound", "POST", path,
		"{\"default_security_group_rule\": {\"direction\": \"ingress\", \"remote_group_id\": "
		"\"25252525-2525-4252-8252-252525252525\"}}");
	json_decref(apitest_expect(test, 201, "POST", path,
		with("{\"default_security_group_rules\": [%s, %s]}", rule, rule)));
	expect_error(test, 409, "DefaultSecurityGroupRuleExists", "POST", path,
		with("{\"default_security_group_rule\": %s}", rule));
	test->who = as_member("bob");
	make(test, "security-groups", "{\"security_group\": {}}");
	assert_int_equal(
		n_listed(test, "/v2.0/security-group-rules?protocol=icmp", "security_group_rules"),
		2);
}

static void looking_makes_no_policy_where_there_is_none(void **state)
{
	struct apitest *test = *state;

	assert_int_equal(n_listed(test, "/v2.0/security-groups", "security_groups"), 0);
	assert_int_equal(test->door->model.revision, 0);
	make(test, "networks", "{\"network\": {}}");
	assert_int_equal(n_listed(test, "/v2.0/security-groups", "security_groups"), 1);
}

static void no_project_takes_all_address_groups_and_addresses(void **state)
{
	struct text body CLEANUP(text_done) = TEXT_INIT;
	struct apitest *test = *state;
	json_t *answer;
	const char *group;

	test->who = as_member("bob");
	group = make(test, "address-groups", "{\"address_group\": {}}");
	text_add(&body, "{\"addresses\": [\"::1\"");
	for (int i = 0; i < LIMIT_API_ADDRESSES; i++)
		text_addf(&body, ", \"10.%d.%d.1\"", i / 200, i % 200);
	text_add(&body, "]}");
	expect_error(test, 409, "OverQuota", "PUT",
		with("/v2.0/address-groups/%s/add_addresses", group), body.data);
	for (int i = 1; i < 100; i++)
		make(test, "address-groups", "{\"address_group\": {}}");
	expect_error(
		test, 409, "OverQuota", "POST", "/v2.0/address-groups", "{\"address_group\": {}}");
	answer = apitest_expect(test, 200, "GET", "/v2.0/quotas/bob", NULL);
	assert_null(json_object_get(json_object_get(answer, "quota"), "address_group"));
	json_decref(answer);
	test->who = identity_local;
	group = make(test, "address-groups", "{\"address_group\": {}}");
	json_decref(apitest_expect(
		test, 200, "PUT", with("/v2.0/address-groups/%s/add_addresses", group), body.data));
}

static void addresses_come_to_a_group_and_go(void **state)
{
	struct apitest *test = *state;
	const char *group = make(
		test, "address-groups", "{\"address_group\": {\"addresses\": [\"192.0.2.0/24\"]}}");
	const char *add = with("/v2.0/address-groups/%s/add_addresses", group);
	const char *take = with("/v2.0/address-groups/%s/remove_addresses", group);
	json_t *answer;

	json_decref(apitest_expect(
		test, 200, "PUT", add, "{\"address_group\": {\"addresses\": [\"198.51.100.7\"]}}"));
	/* as the SDK sends it */
	answer = apitest_expect(test, 200, "PUT", add, "{\"addresses\": [\"2001:db8::/32\"]}");
	assert_int_equal(n_in(json_object_get(answer, "address_group"), "addresses"), 3);
	json_decref(answer);
	expect_error(test, 404, "AddressesNotFound", "PUT", take,
		"{\"addresses\": [\"192.0.2.0/24\", \"203.0.113.1\"]}");
	expect_error(test, 400, "AddressesAlreadyExist", "PUT", add,
		"{\"addresses\": [\"203.0.113.1\", \"192.0.2.0/24\"]}");
	answer = apitest_expect(test, 200, "PUT", take, "{\"addresses\": [\"192.0.2.0/24\"]}");
	assert_int_equal(n_in(json_object_get(answer, "address_group"), "addresses"), 2);
	json_decref(answer);
	expect_error(test, 400, "HTTPBadRequest", "PUT", add, "{}");
	expect_error(test, 400, "InvalidCIDR", "PUT", add, "{\"addresses\": [\"x\"]}");
}

static void times_and_revisions_count_changes_and_nothing_else(void **state)
{
	struct apitest *test = *state;
	const char *group =
		make(test, "security-groups", "{\"security_group\": {\"name\": \"a\"}}");
	const char *path = with("/v2.0/security-groups/%s", group);
	json_t *before = apitest_expect(test, 200, "GET", path, NULL), *after;

	assert_string_equal(at(before, "security_group.created_at"), "2027-01-15T08:00:00Z");
	test->door->now_s += 3600;
	json_decref(
		apitest_expect(test, 200, "PUT", path, "{\"security_group\": {\"name\": \"a\"}}"));
	after = apitest_expect(test, 200, "GET", path, NULL);
	assert_true(json_equal(before, after));
	json_decref(after);
	json_decref(
		apitest_expect(test, 200, "PUT", path, "{\"security_group\": {\"name\": \"b\"}}"));
	apitest_reopen(test);
	after = apitest_expect(test, 200, "GET", path, NULL);
	assert_string_equal(at(after, "security_group.created_at"), "2027-01-15T08:00:00Z");
	assert_string_equal(at(after, "security_group.updated_at"), "2027-01-15T09:00:00Z");
	assert_string_not_equal(at(before, "security_group.revision_number"),
		at(after, "security_group.revision_number"));
	json_decref(before);
	json_decref(after);
}

/* Of so many rules that the model has soon enough garbage to be copied, between any two of the groups. */
static void replace_policy(struct apitest *test, const char *description)
{
	struct text policy CLEANUP(text_done) = TEXT_INIT;

	text_add(&policy, "security_groups:\n");
	for (int group = 0; group < 40; group++) {
		text_addf(&policy, "- {name: g%d, description: %s, security_group_rules: [", group,
			description);
		for (int rule = 1; rule <= 30; rule++)
			text_addf(&policy,
				"{direction: ingress, protocol: tcp, port_range_min: %d, "
				"port_range_max: %d},",
				rule, rule);
		text_add(&policy, "]}\n");
	}
	json_decref(apitest_expect(test, 200, "PUT", "/v2.0/portwall/policy", policy.data));
}

static void rules_keep_their_project_when_several_groups_change_at_once(void **state)
{
	struct apitest *test = *state;
	json_t *answer;

	test->who = (struct identity){ "x", "bob", identity_local.roles };
	for (int round = 0; round < 12; round++)
		replace_policy(test, round % 2 ? "odd" : "even");
	answer = apitest_expect(
		test, 200, "GET", "/v2.0/security-group-rules?project_id=bob&fields=id", NULL);
	assert_int_equal(n_in(answer, "security_group_rules"), 40 * 30);
	json_decref(answer);
}

static void nobody_is_told_what_his_change_means_for_ports_of_others(void **state)
{
	static const char *const lists[] = { "changes", "flows", "opens", "closes" };
	struct apitest *test = *state;
	const json_t *told;
	json_t *answer;

	test->who = as_member("bob");
	answer = apitest_expect(test, 200, "POST", "/v2.0/security-groups?dry_run=true",
		"{\"security_group\": {\"name\": \"g\"}}");
	told = json_object_get(answer, "portwall");
	for (size_t i = 0; i < N_OF(lists); i++) {
		assert_true(json_is_array(json_object_get(told, lists[i])));
		assert_int_equal(n_in(told, lists[i]), 0);
	}
	json_decref(answer);
	/* of his own he is */
	answer = apitest_expect(test, 200, "POST", "/v2.0/ports?dry_run=true",
		"{\"port\": {\"name\": \"failed\"}}");
	assert_int_equal(n_in(json_object_get(answer, "portwall"), "failures"), 1);
	json_decref(answer);
}

static void not_everybody_says_which_interface_and_which_addresses_a_port_has(void **state)
{
	static const char *const of_admins[] = { "\"device\": \"eth0\"",
		"\"binding:host_id\": \"compute2\"", "\"binding:profile\": {}" };
	static const char *const of_owners[] = { "\"mac_address\": \"fa:16:3e:00:00:01\"",
		"\"port_security_enabled\": false", "\"device_owner\": \"network:dhcp\"",
		"\"allowed_address_pairs\": [{\"ip_address\": \"0.0.0.0/0\"}]",
		"\"fixed_ips\": [{\"ip_address\": \"192.0.2.1\"}]" };
	struct apitest *test = *state;
	char network[64], port[64];

	test->who = as_member("bob");
	snprintf(network, sizeof(network), "%s", make(test, "networks", "{\"network\": {}}"));
	make(test, "subnets",
		with("{\"subnet\": {\"network_id\": \"%s\", \"ip_version\": 4, \"cidr\": "
		     "\"192.0.2.0/24\"}}",
			network));
	make(test, "rbac-policies",
		with("{\"rbac_policy\": {\"object_type\": \"network\", \"object_id\": \"%s\", "
		     "\"target_tenant\": \"eve\", \"action\": \"access_as_shared\"}}",
			network));
	for (size_t i = 0; i < N_OF(of_owners); i++)
		make(test, "ports",
			with("{\"port\": {\"network_id\": \"%s\", \"security_groups\": [], %s}}",
				network, of_owners[i]));
	test->who = as_member("zoe");
	assert_int_equal(n_listed(test, "/v2.0/subnets", "subnets"), 0);
	test->who = as_member("eve");
	assert_int_equal(n_listed(test, "/v2.0/subnets", "subnets"), 1);
	snprintf(port, sizeof(port), "%s",
		make(test, "ports", with("{\"port\": {\"network_id\": \"%s\"}}", network)));
	for (size_t i = 0; i < N_OF(of_owners); i++) {
		expect_error(test, 403, "PolicyNotAuthorized", "POST", "/v2.0/ports",
			with("{\"port\": {\"network_id\": \"%s\", %s}}", network, of_owners[i]));
		expect_error(test, 403, "PolicyNotAuthorized", "PUT", with("/v2.0/ports/%s", port),
			with("{\"port\": {%s}}", of_owners[i]));
	}
	for (size_t i = 0; i < N_OF(of_admins); i++) {
		expect_error(test, 403, "PolicyNotAuthorized", "POST", "/v2.0/ports",
			with("{\"port\": {%s}}", of_admins[i]));
		expect_error(test, 403, "PolicyNotAuthorized", "PUT", with("/v2.0/ports/%s", port),
			with("{\"port\": {%s}}", of_admins[i]));
	}
	json_decref(apitest_expect(test, 200, "PUT", with("/v2.0/ports/%s", port),
		"{\"port\": {\"name\": \"a\", \"security_groups\": []}}"));
	test->who = identity_local;
	json_decref(apitest_expect(test, 200, "PUT", with("/v2.0/ports/%s", port),
		"{\"port\": {\"device\": \"tap1\", \"mac_address\": \"fa:16:3e:00:00:02\"}}"));
}

/* Each a record that some version, or somebody with an editor of databases, may have left behind. */
static void a_damaged_record_is_told_by_name_and_ends_nothing(void **state)
{
	static const struct {
		const char *key, *value;
	} records[] = {
		{ "/fw/v1/n/a", "{}" },
		{ "/fw/v1/sn/a", "{\"extra\": {\"network_id\": \"b\"}}" },
		{ "/fw/v1/sn/a", "{\"extra\": {\"ip_version\": 4, \"cidr\": \"192.0.2.0/24\"}}" },
		{ "/fw/v1/rbac/a", "{\"extra\": {\"object_id\": 5}}" },
		{ "/fw/v1/dr/a", "{\"extra\": {}}" },
		{ "/fw/v1/dr/a", "{}" },
		{ "/fw/v1/quota/a", "{\"extra\": 7}" },
	};
	struct apitest *test = *state;
	uint64_t revision;
	struct err err;

	for (size_t i = 0; i < N_OF(records); i++) {
		struct model fresh = { .revision = 0 };
		struct store_put put = { records[i].key, records[i].value, strlen(records[i].value),
			0 };

		assert_true(store_commit(test->door->store, &put, 1, &revision, NULL, &err));
		assert_false(model_load(&fresh, test->door->store, &err));
		assert_non_null(strstr(err.text, records[i].key));
		put = (struct store_put){ records[i].key, NULL, 0, revision };
		assert_true(store_commit(test->door->store, &put, 1, &revision, NULL, &err));
	}
}

static void what_is_no_text_is_no_name_of_anything(void **state)
{
	static const char body[] = "{\"quota\": {\"port\": 1}}";
	struct apitest *test = *state;
	const char *network = make(test, "networks", "{\"network\": {}}");
	char path[512];

	expect_error(test, 400, "HTTPBadRequest", "PUT", "/v2.0/quotas/\xff", body);
	snprintf(path, sizeof(path), "/v2.0/quotas/%0300d", 0);
	expect_error(test, 400, "HTTPBadRequest", "PUT", path, body);
	expect_error(test, 400, "HTTPBadRequest", "PUT",
		with("/v2.0/networks/%s/tags/\xc3", network), NULL);
	expect_error(test, 400, "HTTPBadRequest", "GET", "/v2.0/networks?name=\xff", NULL);
	json_decref(apitest_expect(test, 200, "PUT", "/v2.0/quotas/caf\xc3\xa9", body));
}

static void what_a_policy_file_removes_is_shared_no_more_when_it_comes_again(void **state)
{
	static const char policy[] = "security_groups: [{name: g, id: "
				     "25252525-2525-4252-8252-252525252525}]";
	struct apitest *test = *state;

	json_decref(apitest_expect(test, 200, "PUT", "/v2.0/portwall/policy", policy));
	make(test, "rbac-policies",
		"{\"rbac_policy\": {\"object_type\": \"security_group\", \"object_id\": "
		"\"25252525-2525-4252-8252-252525252525\", \"target_tenant\": \"*\", \"action\": "
		"\"access_as_shared\"}}");
	json_decref(apitest_expect(test, 200, "PUT", "/v2.0/portwall/policy", policy));
	assert_int_equal(n_listed(test, "/v2.0/rbac-policies", "rbac_policies"), 1);
	json_decref(apitest_expect(test, 200, "PUT", "/v2.0/portwall/policy", "{}"));
	json_decref(apitest_expect(test, 200, "PUT", "/v2.0/portwall/policy", policy));
	assert_int_equal(n_listed(test, "/v2.0/rbac-policies", "rbac_policies"), 0);
	test->who = as_member("eve");
	expect_error(test, 404, "SecurityGroupNotFound", "GET",
		"/v2.0/security-groups/25252525-2525-4252-8252-252525252525", NULL);
}

static void add_n(struct text *text, const char *what, size_t n)
{
	for (size_t i = 0; i < n; i++)
		text_add(text, what);
}

static void one_request_asks_for_and_keeps_so_much_and_no_more(void **state)
{
	struct text tags CLEANUP(text_done) = TEXT_INIT;
	struct text kept CLEANUP(text_done) = TEXT_INIT;
	struct text body CLEANUP(text_done) = TEXT_INIT;
	struct apitest *test = *state;

	make(test, "networks", "{\"network\": {}}");
	make(test, "networks", "{\"network\": {\"admin_state_up\": \"yes\", \"mtu\": \"1400\"}}");
	text_add(&tags, "/v2.0/networks?not-tags-any=a");
	add_n(&tags, ",a", LIMIT_API_TAGS - 1);
	assert_int_equal(n_listed(test, tags.data, "networks"), 2);
	text_add(&tags, ",");
	expect_error(test, 400, "HTTPBadRequest", "GET", tags.data, NULL);
	add_n(&kept, "x", LIMIT_API_KEPT);
	text_addf(&body, "{\"network\": {\"availability_zone_hints\": [\"%s\"]}}", kept.data);
	expect_error(test, 400, "HTTPBadRequest", "POST", "/v2.0/networks", body.data);
	text_clear(&body);
	text_addf(&body, "{\"port\": {\"binding:profile\": {\"a\": \"%s\"}}}", kept.data);
	expect_error(test, 400, "HTTPBadRequest", "POST", "/v2.0/ports", body.data);
	text_clear(&body);
	text_add(&body, "{\"port\": {\"fixed_ips\": [{\"ip_address\": \"::1\"}");
	add_n(&body, ", {\"ip_address\": \"::1\"}", LIMIT_API_FIXED_IPS);
	text_add(&body, "]}}");
	expect_error(test, 400, "InvalidInput", "POST", "/v2.0/ports", body.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_CASE(what_is_of_another_project_is_not_found),
		API_CASE(what_is_shared_is_seen_and_named_but_not_changed),
		API_CASE(sharing_ends_with_the_object),
		API_CASE(quotas_hold_for_projects_but_not_for_the_local_one),
		API_CASE(a_list_is_sorted_and_cut_into_pages),
		API_CASE(tags_are_set_and_looked_for),
		API_CASE(a_port_gets_addresses_of_its_network),
		API_CASE(a_subnet_that_cannot_be_is_refused),
		API_CASE(new_groups_begin_with_the_rules_that_an_admin_says),
		API_CASE(a_rule_that_names_what_has_gone_keeps_nobody_from_making_groups),
		API_CASE(a_rule_that_new_groups_begin_with_is_there_once),
		API_CASE(looking_makes_no_policy_where_there_is_none),
		API_CASE(no_project_takes_all_address_groups_and_addresses),
		API_CASE(addresses_come_to_a_group_and_go),
		API_CASE(times_and_revisions_count_changes_and_nothing_else),
		API_CASE(rules_keep_their_project_when_several_groups_change_at_once),
		API_CASE(nobody_is_told_what_his_change_means_for_ports_of_others),
		API_CASE(not_everybody_says_which_interface_and_which_addresses_a_port_has),
		API_CASE(a_damaged_record_is_told_by_name_and_ends_nothing),
		API_CASE(what_is_no_text_is_no_name_of_anything),
		API_CASE(what_a_policy_file_removes_is_shared_no_more_when_it_comes_again),
		API_CASE(one_request_asks_for_and_keeps_so_much_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
