// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "api/documents.h"
#include "api/request.h"
#include "base/limits.h"
#include "policytext.h"
#include "random_policy.h"

/* Parts as documents and back, and as a policy file and back. */

#define G1 "11111111-1111-4111-8111-111111111111"
#define G2 "22222222-2222-4222-8222-222222222222"
#define R1 "aaaaaaaa-0000-4000-8000-000000000001"
#define P1 "33333333-3333-4333-8333-333333333333"

static json_t *load(const char *text)
{
	json_error_t wrong;
	json_t *document = json_loads(text, JSON_REJECT_DUPLICATES, &wrong);

	if (!document)
		fail_msg("%s: %s", text, wrong.text);
	return document;
}

static const struct policy_part *read_part(
	struct arena *arena, enum part_kind kind, const char *text)
{
	struct policy_part *part = arena_new_one(arena, struct policy_part);
	json_t *document = load(text);
	struct err err;

	if (!document_to_part(arena, document, kind, part, &err))
		fail_msg("%s: %s", text, err.text);
	json_decref(document);
	return part;
}

/* As it goes into the store. */
static const char *printed(struct arena *arena, const struct policy_part *part)
{
	json_t *document = document_of_part(part);
	char *text = json_dumps(document, JSON_COMPACT);
	const char *copy;

	assert_non_null(text);
	copy = arena_strdup(arena, text);
	free(text);
	json_decref(document);
	return copy;
}

/* ---- the shapes */

static const struct {
	enum part_kind kind;
	const char *text; /* as document_of_part prints it */
} shapes[] = {
	{ PART_GROUP, "{\"id\":\"" G1 "\",\"name\":\"web\",\"description\":\"a\\nb\","
		      "\"stateful\":true,\"security_group_rules\":["
		      "{\"id\":\"" R1 "\",\"security_group_id\":\"" G1 "\","
		      "\"direction\":\"ingress\",\"ethertype\":\"IPv4\",\"protocol\":\"tcp\","
		      "\"port_range_min\":80,\"port_range_max\":443,"
		      "\"remote_ip_prefix\":\"192.0.2.7/24\",\"remote_group_id\":null,"
		      "\"remote_address_group_id\":null,\"description\":\"the shop\"}]}" },
	{ PART_GROUP, "{\"id\":\"" G1 "\",\"name\":\"\",\"description\":\"\","
		      "\"stateful\":false,\"security_group_rules\":["
		      "{\"id\":\"" R1 "\",\"security_group_id\":\"" G1 "\","
		      "\"direction\":\"egress\",\"ethertype\":\"IPv6\",\"protocol\":\"58\","
		      "\"port_range_min\":128,\"port_range_max\":0,"
		      "\"remote_ip_prefix\":null,\"remote_group_id\":\"" G2 "\","
		      "\"remote_address_group_id\":null,\"description\":\"\"},"
		      "{\"id\":\"" P1 "\",\"security_group_id\":\"" G1 "\","
		      "\"direction\":\"egress\",\"ethertype\":\"IPv4\",\"protocol\":null,"
		      "\"port_range_min\":null,\"port_range_max\":null,"
		      "\"remote_ip_prefix\":null,\"remote_group_id\":null,"
		      "\"remote_address_group_id\":\"" G2 "\",\"description\":\"\"},"
		      "{\"id\":\"" G2 "\",\"security_group_id\":\"" G1 "\","
		      "\"direction\":\"egress\",\"ethertype\":\"IPv4\",\"protocol\":\"icmp\","
		      "\"port_range_min\":8,\"port_range_max\":null,"
		      "\"remote_ip_prefix\":\"0.0.0.0/0\",\"remote_group_id\":null,"
		      "\"remote_address_group_id\":null,\"description\":\"\"}]}" },
	{ PART_GROUP, "{\"id\":\"" G1 "\",\"name\":\"none\",\"description\":\"\","
		      "\"stateful\":true,\"security_group_rules\":[]}" },
	{ PART_ADDRESS_GROUP,
		"{\"id\":\"" G2 "\",\"name\":\"lists\",\"description\":\"\","
		"\"addresses\":[\"192.0.2.7/32\",\"198.51.100.0/24\",\"2001:db8::/32\"]}" },
	{ PART_ADDRESS_GROUP,
		"{\"id\":\"" G2 "\",\"name\":\"lists\",\"description\":\"d\",\"addresses\":[]}" },
	{ PART_PORT,
		"{\"id\":\"" P1 "\",\"name\":\"vm\",\"device\":\"tap-web\","
		"\"mac_address\":\"fa:16:3e:00:00:01\","
		"\"fixed_ips\":[{\"ip_address\":\"10.0.0.5\"},{\"ip_address\":\"2001:db8::5\"}],"
		"\"allowed_address_pairs\":["
		"{\"ip_address\":\"10.0.0.6\",\"mac_address\":\"fa:16:3e:00:00:01\"},"
		"{\"ip_address\":\"10.1.0.0/16\",\"mac_address\":\"fa:16:3e:00:00:02\"}],"
		"\"security_groups\":[\"" G2 "\",\"" G1 "\"],\"port_security_enabled\":true,"
		"\"device_owner\":\"compute:nova\",\"network_id\":\"net\","
		"\"binding:host_id\":\"compute1\"}" },
	{ PART_PORT, "{\"id\":\"" P1 "\",\"name\":\"\",\"mac_address\":null,\"fixed_ips\":[],"
		     "\"allowed_address_pairs\":[{\"ip_address\":\"10.0.0.6\"}],"
		     "\"security_groups\":[],\"port_security_enabled\":true,"
		     "\"device_owner\":\"\",\"network_id\":null,\"binding:host_id\":\"\"}" },
	{ PART_PORT, "{\"id\":\"" P1 "\",\"name\":\"off\","
		     "\"mac_address\":\"fa:16:3e:00:00:01\",\"fixed_ips\":[],"
		     "\"allowed_address_pairs\":[],"
		     "\"security_groups\":[],\"port_security_enabled\":false,"
		     "\"device_owner\":\"network:dhcp\",\"network_id\":null,"
		     "\"binding:host_id\":null}" },
};

static void a_document_is_printed_as_it_was_read(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	for (size_t i = 0; i < N_OF(shapes); i++)
		assert_string_equal(
			printed(arena, read_part(arena, shapes[i].kind, shapes[i].text)),
			shapes[i].text);
}

static void a_part_says_what_its_document_says(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct policy_part *web = read_part(arena, PART_GROUP, shapes[0].text);
	const struct policy_part *more = read_part(arena, PART_GROUP, shapes[1].text);
	const struct policy_part *port = read_part(arena, PART_PORT, shapes[5].text);
	const struct policy_part *unbound = read_part(arena, PART_PORT, shapes[6].text);
	const struct policy_part *off = read_part(arena, PART_PORT, shapes[7].text);

	(void)state;
	assert_true(web->group.rules[0].has_ports && web->group.rules[0].port_max == 443);
	assert_string_equal(web->group.rules[0].prefix_text, "192.0.2.7/24");
	assert_int_equal(web->group.rules[0].prefix.addr.bytes[3], 0);
	assert_false(more->group.stateful);
	assert_true(more->group.rules[0].has_icmp_code && more->group.rules[0].icmp_type == 128);
	assert_string_equal(more->remote_group_ids[0], G2);
	assert_null(more->remote_group_ids[1]);
	assert_string_equal(more->remote_address_group_ids[1], G2);
	assert_false(more->group.rules[2].has_icmp_code);
	assert_true(port->port.has_device);
	assert_string_equal(port->port.device, "tap-web");
	assert_int_equal(port->n_group_ids, 2);
	assert_string_equal(port->group_ids[0], G2);
	assert_int_equal(port->port.n_groups, 0);
	assert_true(unbound->port.is_unbound && !unbound->port.has_device);
	assert_string_equal(unbound->port.device, "tap33333333-33");
	assert_true(!off->port.is_unbound && !off->port.port_security);
	assert_string_equal(off->port.host, "");
}

static void what_may_be_left_out_has_the_default_of_a_policy_file(void **state)
{
	static const struct {
		enum part_kind kind;
		const char *text, *printed;
	} cases[] = {
		{ PART_GROUP, "{\"id\":\"" G1 "\"}",
			"{\"id\":\"" G1 "\",\"name\":\"\",\"description\":\"\",\"stateful\":true,"
			"\"security_group_rules\":[]}" },
		{ PART_GROUP,
			"{\"id\":\"" G1 "\",\"name\":null,\"stateful\":null,"
			"\"security_group_rules\":[{\"id\":\"" R1 "\",\"direction\":\"ingress\"}]}",
			"{\"id\":\"" G1 "\",\"name\":\"\",\"description\":\"\",\"stateful\":true,"
			"\"security_group_rules\":[{\"id\":\"" R1 "\",\"security_group_id\":\"" G1
			"\",\"direction\":\"ingress\",\"ethertype\":\"IPv4\",\"protocol\":null,"
			"\"port_range_min\":null,\"port_range_max\":null,"
			"\"remote_ip_prefix\":null,\"remote_group_id\":null,"
			"\"remote_address_group_id\":null,\"description\":\"\"}]}" },
		{ PART_ADDRESS_GROUP, "{\"id\":\"" G1 "\"}",
			"{\"id\":\"" G1 "\",\"name\":\"\",\"description\":\"\",\"addresses\":[]}" },
		/* sorted, and what is inside another one is gone */
		{ PART_ADDRESS_GROUP,
			"{\"id\":\"" G1 "\",\"addresses\":[\"2001:db8::1\",\"192.0.2.9\","
			"\"192.0.2.1/24\",\"10.0.0.1\"]}",
			"{\"id\":\"" G1 "\",\"name\":\"\",\"description\":\"\","
			"\"addresses\":[\"10.0.0.1/32\",\"192.0.2.0/24\",\"2001:db8::1/128\"]}" },
		{ PART_PORT, "{\"id\":\"" P1 "\"}",
			"{\"id\":\"" P1 "\",\"name\":\"\",\"mac_address\":null,\"fixed_ips\":[],"
			"\"allowed_address_pairs\":[],\"security_groups\":[],"
			"\"port_security_enabled\":true,\"device_owner\":\"\","
			"\"network_id\":null,\"binding:host_id\":null}" },
		/* a pair without a MAC is of the port's, and an address may stand alone */
		{ PART_PORT,
			"{\"id\":\"" P1 "\",\"mac_address\":\"FA-16-3E-00-00-01\","
			"\"fixed_ips\":[\"10.0.0.1\"],"
			"\"allowed_address_pairs\":[{\"ip_address\":\"10.0.0.6/32\"}]}",
			"{\"id\":\"" P1 "\",\"name\":\"\",\"mac_address\":\"fa:16:3e:00:00:01\","
			"\"fixed_ips\":[{\"ip_address\":\"10.0.0.1\"}],"
			"\"allowed_address_pairs\":[{\"ip_address\":\"10.0.0.6\","
			"\"mac_address\":\"fa:16:3e:00:00:01\"}],\"security_groups\":[],"
			"\"port_security_enabled\":true,\"device_owner\":\"\","
			"\"network_id\":null,\"binding:host_id\":null}" },
	};
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++)
		assert_string_equal(printed(arena, read_part(arena, cases[i].kind, cases[i].text)),
			cases[i].printed);
}

/* What Neutron 21.0.0 answers, ids and times put in. */
static void an_answer_of_neutron_is_a_document(void **state)
{
	static const char port[] =
		"{\"id\":\"" P1 "\",\"name\":\"\",\"network_id\":\"" G1 "\",\"tenant_id\":\"1\","
		"\"mac_address\":\"fa:16:3e:9d:1c:02\",\"admin_state_up\":true,\"status\":\"DOWN\","
		"\"device_id\":\"\",\"device_owner\":\"\",\"fixed_ips\":[{\"subnet_id\":\"" G2
		"\",\"ip_address\":\"10.0.0.18\"},{\"subnet_id\":\"" G1
		"\",\"ip_address\":\"2001:db8:1::343\"}],\"project_id\":\"1\","
		"\"port_security_enabled\":true,\"security_groups\":[\"" G2 "\"],"
		"\"binding:vnic_type\":\"normal\",\"binding:profile\":{},\"binding:host_id\":\"\","
		"\"binding:vif_type\":\"unbound\",\"binding:vif_details\":{},"
		"\"allowed_address_pairs\":[],\"extra_dhcp_opts\":[],\"description\":\"\","
		"\"tags\":[],\"created_at\":\"2026-01-01T00:00:00Z\",\"updated_at\":\"\","
		"\"revision_number\":1}";
	static const char group[] =
		"{\"id\":\"" G1 "\",\"name\":\"\",\"stateful\":true,\"tenant_id\":\"1\","
		"\"description\":\"\",\"shared\":false,\"security_group_rules\":[{\"id\":\"" R1
		"\",\"tenant_id\":\"1\",\"security_group_id\":\"" G1
		"\",\"ethertype\":\"IPv6\",\"direction\":\"egress\",\"protocol\":null,"
		"\"port_range_min\":null,\"port_range_max\":null,\"remote_ip_prefix\":null,"
		"\"remote_address_group_id\":null,\"normalized_cidr\":null,"
		"\"remote_group_id\":null,\"standard_attr_id\":7,\"tags\":[],"
		"\"created_at\":\"\",\"updated_at\":\"\",\"revision_number\":0,"
		"\"project_id\":\"1\"}],\"tags\":[],\"created_at\":\"\",\"updated_at\":\"\","
		"\"revision_number\":1,\"project_id\":\"1\"}";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct policy_part *part = read_part(arena, PART_PORT, port);

	(void)state;
	assert_true(part->port.is_unbound);
	assert_int_equal(part->port.n_fixed_ips, 2);
	assert_string_equal(part->port.network, G1);
	part = read_part(arena, PART_GROUP, group);
	assert_int_equal(part->group.rules[0].ethertype, FAMILY_IPV6);
}

/* ---- what is refused */

#define RULE(fields)                                                                               \
	"{\"id\":\"" G1 "\",\"security_group_rules\":[{\"id\":\"" P1                               \
	"\",\"direction\":\"egress\"},{\"id\":\"" R1 "\",\"direction\":\"ingress\"" fields "}]}"
#define PORT(fields) "{\"id\":\"" P1 "\"" fields "}"

static const struct {
	enum part_kind kind;
	const char *text, *said;
} refused[] = {
	{ PART_GROUP, "[]", "a security group is an object, not a list" },
	{ PART_ADDRESS_GROUP, "[]", "an address group is an object, not a list" },
	{ PART_PORT, "[]", "a port is an object, not a list" },
	{ PART_GROUP, "{}", "a security group needs an id" },
	{ PART_GROUP, "{\"id\":null}", "a security group needs an id" },
	{ PART_GROUP, "{\"id\":\"web\"}", "id is no UUID" },
	{ PART_GROUP, "{\"id\":7}", "id is no UUID" },
	{ PART_GROUP, "{\"id\":[]}", "id is a single value, not a list" },
	{ PART_GROUP, "{\"id\":\"" G1 "\",\"name\":{}}", "name is a single value, not an object" },
	{ PART_GROUP, "{\"id\":\"" G1 "\",\"name\":\"a\\tb\"}",
		"name: there is a control character in this name" },
	{ PART_GROUP, "{\"id\":\"" G1 "\",\"stateful\":\"yes\"}",
		"stateful is neither true nor false" },
	{ PART_GROUP, "{\"id\":\"" G1 "\",\"security_group_rules\":{}}",
		"security_group_rules is a list, not an object" },
	{ PART_GROUP, "{\"id\":\"" G1 "\",\"security_group_rules\":[7]}",
		"security_group_rules[0]: a rule is an object, not a value" },
	{ PART_GROUP, "{\"id\":\"" G1 "\",\"security_group_rules\":[{\"direction\":\"egress\"}]}",
		"security_group_rules[0]: a rule needs an id" },
	{ PART_GROUP, "{\"id\":\"" G1 "\",\"security_group_rules\":[{\"id\":\"" R1 "\"}]}",
		"security_group_rules[0]: direction: a rule needs a direction" },
	{ PART_GROUP, RULE(",\"ethertype\":\"IPv5\""),
		"security_group_rules[1]: ethertype: 'IPv5' is no ethertype of a rule" },
	{ PART_GROUP, RULE(",\"protocol\":\"tpc\""),
		"security_group_rules[1]: protocol: 'tpc' is no protocol" },
	{ PART_GROUP, RULE(",\"protocol\":256"),
		"security_group_rules[1]: protocol: '256' is no protocol" },
	{ PART_GROUP, RULE(",\"protocol\":true"),
		"security_group_rules[1]: protocol: 'true' is no protocol" },
	{ PART_GROUP, RULE(",\"protocol\":[\"tcp\"]"),
		"security_group_rules[1]: protocol is a single value, not a list" },
	{ PART_GROUP, RULE(",\"protocol\":6,\"port_range_min\":0,\"port_range_max\":1"),
		"security_group_rules[1]: port_range_min: '0' is no port" },
	{ PART_GROUP, RULE(",\"protocol\":6,\"port_range_min\":80,\"port_range_max\":80.5"),
		"security_group_rules[1]: port_range_max: '80.5' is no port" },
	{ PART_GROUP, RULE(",\"port_range_min\":80,\"port_range_max\":80"),
		"security_group_rules[1]: port_range_min: ports need a protocol" },
	{ PART_GROUP, RULE(",\"remote_ip_prefix\":\"\""),
		"security_group_rules[1]: remote_ip_prefix: '' is no address or prefix" },
	{ PART_GROUP, RULE(",\"remote_ip_prefix\":\"::/0\""),
		"security_group_rules[1]: remote_ip_prefix: '::/0' is no IPv4 prefix" },
	{ PART_GROUP, RULE(",\"remote_ip_prefix\":\"10.0.0.0/8\",\"remote_group_id\":\"" G2 "\""),
		"security_group_rules[1]: remote_group_id: both remote_ip_prefix and" },
	{ PART_GROUP, RULE(",\"remote_group_id\":\"web\""),
		"security_group_rules[1]: remote_group_id is no UUID" },
	{ PART_GROUP, RULE(",\"remote_address_group_id\":\"\""),
		"security_group_rules[1]: remote_address_group_id is no UUID" },
	/* else they would be rules that let in everybody */
	{ PART_GROUP, RULE(",\"remote_group\":\"web\""),
		"security_group_rules[1]: remote_group: a group is meant by its id here" },
	{ PART_GROUP, RULE(",\"remote_address_group\":\"" G2 "\""),
		"security_group_rules[1]: remote_address_group: a group is meant by its id here" },
	{ PART_GROUP, RULE(",\"security_group_id\":\"" G2 "\""),
		"security_group_rules[1]: security_group_id: " G2 " is another group" },
	{ PART_ADDRESS_GROUP, "{\"id\":\"" G1 "\",\"addresses\":[\"10.0.0.1\",\"10/8\"]}",
		"addresses[1]: '10/8' is no address or prefix" },
	{ PART_ADDRESS_GROUP, "{\"id\":\"" G1 "\",\"addresses\":[null]}", "addresses[0] is null" },
	{ PART_PORT, PORT(",\"device\":\"a/b\""),
		"device: 'a/b' cannot be the name of an interface" },
	{ PART_PORT, PORT(",\"device\":\"\""), "device: device is empty" },
	{ PART_PORT, PORT(",\"mac_address\":\"01:00:5e:00:00:01\""),
		"mac_address: '01:00:5e:00:00:01' is a multicast MAC address" },
	{ PART_PORT, PORT(",\"fixed_ips\":[\"10.0.0.1\",\"10.0.0.1/24\"]"),
		"fixed_ips[1]: ip_address: '10.0.0.1/24' is no address" },
	{ PART_PORT, PORT(",\"fixed_ips\":[{\"subnet_id\":\"" G1 "\"}]"),
		"fixed_ips[0]: a fixed address needs ip_address" },
	{ PART_PORT, PORT(",\"fixed_ips\":[null]"), "fixed_ips[0]: ip_address is null" },
	{ PART_PORT, PORT(",\"fixed_ips\":[\"10.0.0.1\",\"10.0.0.2\",\"10.0.0.1\"]"),
		"fixed_ips[2]: this address is there twice" },
	{ PART_PORT, PORT(",\"allowed_address_pairs\":[\"10.0.0.1\"]"),
		"allowed_address_pairs[0]: an allowed address pair is an object, not a value" },
	{ PART_PORT, PORT(",\"allowed_address_pairs\":[{}]"),
		"allowed_address_pairs[0]: an allowed address pair needs ip_address" },
	{ PART_PORT, PORT(",\"allowed_address_pairs\":[{\"ip_address\":\"224.0.0.0/4\"}]"),
		"allowed_address_pairs[0]: '224.0.0.0/4' is multicast" },
	{ PART_PORT,
		PORT(",\"allowed_address_pairs\":[{\"ip_address\":\"10.0.0.1\",\"mac_address\":7}]"),
		"allowed_address_pairs[0]: mac_address: '7' is no MAC address" },
	{ PART_PORT, PORT(",\"security_groups\":[\"" G1 "\",\"default\"]"),
		"security_groups[1] is no UUID" },
	{ PART_PORT, PORT(",\"security_groups\":[\"" G1 "\",\"" G2 "\",\"" G1 "\"]"),
		"security_groups[2]: group '" G1 "' is there twice" },
	{ PART_PORT, PORT(",\"security_groups\":[\"" G1 "\"],\"port_security_enabled\":false"),
		"security_groups: security groups on a port with port_security_enabled: false" },
	{ PART_PORT, PORT(",\"security_groups\":[\"" G1 "\"],\"device_owner\":\"network:dhcp\""),
		"security_groups: security groups on a port of device_owner 'network:dhcp'" },
	{ PART_PORT, PORT(",\"binding:host_id\":\"a\\u0001\""),
		"binding:host_id: there is a control character in this binding:host_id" },
};

static void what_is_wrong_is_told_with_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(refused); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct policy_part part = { .kind = N_PART_KINDS };
		json_t *document = load(refused[i].text);
		struct err err;

		if (document_to_part(arena, document, refused[i].kind, &part, &err))
			fail_msg("%s: it was taken", refused[i].text);
		if (!text_has_prefix(err.text, refused[i].said))
			fail_msg("%s: \"%s\", not \"%s\"", refused[i].text, err.text,
				refused[i].said);
		assert_int_equal(err.kind, ERR_INPUT);
		assert_int_equal(part.kind, N_PART_KINDS);
		json_decref(document);
	}
}

/* JSON of a file never has one, a value that was made may. */
static void a_zero_byte_is_refused(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	json_t *document = load("{\"id\":\"" G1 "\"}");
	struct policy_part part;
	struct err err;

	(void)state;
	json_object_set_new(document, "name", json_stringn("a\0b", 3));
	assert_false(document_to_part(arena, document, PART_GROUP, &part, &err));
	assert_string_equal(err.text, "name: there is a zero byte in it");
	json_decref(document);
}

static void an_id_in_capitals_is_the_same(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct policy_part *part = read_part(arena, PART_GROUP,
		"{\"id\":\"AAAAAAAA-0000-4000-8000-00000000000F\",\"security_group_rules\":[{\"id\":"
		"\"" R1 "\",\"security_group_id\":\"aaaaaaaa-0000-4000-8000-00000000000f\","
		"\"direction\":\"egress\","
		"\"remote_group_id\":\"BBBBBBBB-0000-4000-8000-000000000001\"}]}");

	(void)state;
	assert_string_equal(part->group.id, "aaaaaaaa-0000-4000-8000-00000000000f");
	assert_string_equal(part->remote_group_ids[0], "bbbbbbbb-0000-4000-8000-000000000001");
}

/* ---- keys */

static void a_key_is_where_the_store_keeps_it(void **state)
{
	static const struct {
		const char *host, *key;
	} hosts[] = {
		{ "\"compute1\"", "/fw/v1/h/compute1/p/" P1 },
		{ "\"compute1.example.org\"", "/fw/v1/h/compute1.example.org/p/" P1 },
		{ "null", "/fw/v1/h/-/p/" P1 },
		{ "\"\"", "/fw/v1/h/-/p/" P1 },
		{ "\"-\"", "/fw/v1/h/%2D/p/" P1 },
		{ "\"a/p/b%2F\"", "/fw/v1/h/a%2Fp%2Fb%252F/p/" P1 },
		{ "\"--\"", "/fw/v1/h/--/p/" P1 },
		{ "\"r\u00e9seau\"", "/fw/v1/h/r\u00e9seau/p/" P1 },
	};
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	for (size_t i = 0; i < N_OF(hosts); i++)
		assert_string_equal(
			document_key(
				arena, read_part(arena, PART_PORT,
					       arena_printf(arena,
						       "{\"id\":\"" P1 "\",\"binding:host_id\":%s}",
						       hosts[i].host))),
			hosts[i].key);
	assert_string_equal(document_key(arena, read_part(arena, PART_GROUP, shapes[0].text)),
		"/fw/v1/g/" G1 "/r");
	assert_string_equal(
		document_key(arena, read_part(arena, PART_ADDRESS_GROUP, shapes[3].text)),
		"/fw/v1/ag/" G2);
}

static void the_longest_host_has_a_key_that_the_store_takes(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	static const char *const longest[] = { "/", "\xf0\x9f\x98\x80" };

	(void)state;
	for (size_t i = 0; i < N_OF(longest); i++) {
		struct text host CLEANUP(text_done) = TEXT_INIT;

		for (unsigned k = 0; k < LIMIT_NAME_LEN; k++)
			text_add(&host, longest[i]);
		assert_true(
			strlen(document_key(arena,
				read_part(arena, PART_PORT,
					arena_printf(arena,
						"{\"id\":\"" P1 "\",\"binding:host_id\":\"%s\"}",
						host.data)))) <= LIMIT_STORE_KEY);
	}
}

/* ---- whole policies */

struct parts {
	struct policy_part *items;
	const struct policy_part **list;
	size_t n;
};

/* Of a policy, through documents as text and back. */
static struct parts through_documents(struct arena *arena, const struct policy *policy)
{
	struct parts parts;

	policy_split(arena, policy, &parts.items, &parts.n);
	parts.list = arena_new_array(arena, const struct policy_part *, parts.n);
	for (size_t i = 0; i < parts.n; i++) {
		struct text before CLEANUP(text_done) = TEXT_INIT;
		struct text after CLEANUP(text_done) = TEXT_INIT;

		parts.list[i] =
			read_part(arena, parts.items[i].kind, printed(arena, &parts.items[i]));
		policy_part_encode(&before, &parts.items[i]);
		policy_part_encode(&after, parts.list[i]);
		assert_int_equal(before.len, after.len);
		assert_memory_equal(before.data, after.data, before.len);
	}
	return parts;
}

static const char *file_of(struct arena *arena, const struct parts *parts)
{
	struct text file CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	if (!documents_to_policy_file(parts->list, parts->n, &file, &err))
		fail_msg("%s", err.text);
	return arena_strdup(arena, file.data);
}

static const struct policy *parse(struct arena *arena, const char *text)
{
	const struct policy *policy = NULL;
	struct err err;

	if (!policy_parse(arena, "file", text, strlen(text), "compute1", &policy, &err))
		fail_msg("%s\n%s\n%s", err.text, err.next_step, text);
	return policy;
}

/* As documents, as a file of them, and as that file is read: the same policy, and then the same file. */
static void assert_is_exported(const struct policy *policy)
{
	struct text wanted CLEANUP(text_done) = TEXT_INIT, got CLEANUP(text_done) = TEXT_INIT;
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct parts parts = through_documents(arena, policy), again;
	const char *file = file_of(arena, &parts);
	const struct policy *parsed = parse(arena, file);

	policy_text(&wanted, policy, true);
	policy_text(&got, parsed, true);
	assert_string_equal(got.data, wanted.data);
	again = through_documents(arena, parsed);
	assert_string_equal(file_of(arena, &again), file);
}

static size_t try_folder(const char *folder)
{
	struct dirent **files;
	int n = scandir(folder, &files, NULL, alphasort);
	size_t n_tried = 0;

	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		const struct policy *policy;
		struct err err;

		if (strstr(files[i]->d_name, ".yaml") &&
			policy_load(arena, arena_printf(arena, "%s/%s", folder, files[i]->d_name),
				"compute1", NULL, &policy, &err)) {
			assert_is_exported(policy);
			n_tried++;
		}
		free(files[i]);
	}
	free(files);
	return n_tried;
}

static void the_policies_of_files_are_exported_as_they_are(void **state)
{
	const char *golden = getenv("GOLDEN");
	struct arena *arena CLEANUP(arena_freep) = arena_new();

	(void)state;
	assert_non_null(golden);
	assert_true(try_folder(arena_printf(arena, "%s/neutron", golden)) >= 5);
	assert_true(try_folder(arena_printf(arena, "%s/../../examples/policies", golden)) >= 4);
	assert_true(try_folder(arena_printf(arena, "%s/../fuzz/corpus/policy", golden)) >= 5);
}

static void policies_by_chance_are_exported_as_they_are(void **state)
{
	struct random random = random_seeded();
	size_t n_tried = 0;

	(void)state;
	while (n_tried < 300) {
		struct text yaml CLEANUP(text_done) = TEXT_INIT;
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		const struct policy *policy;
		struct err err;

		random_policy(&random, &yaml);
		if (!policy_parse(arena, "random", yaml.data, yaml.len, "compute1", &policy, &err))
			continue;
		assert_is_exported(policy);
		n_tried++;
	}
}

static void the_default_group_is_not_put_into_a_port_that_has_none(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct policy *policy = parse(arena,
		"security_groups: [{name: default}]\n"
		"ports: [{name: none, mac_address: fa:16:3e:00:00:01, security_groups: []},"
		" {name: one, mac_address: fa:16:3e:00:00:02},"
		" {name: elsewhere, binding:host_id: ''}]");

	(void)state;
	assert_is_exported(policy);
}

/* Characters that JSON or YAML treat in a way of their own. */
static void add_any_text(struct random *random, struct text *out, bool is_one_line)
{
	static const char *const any[] = { "a", " ", "\"", "\\", "'", ":", ": ", " #", "-", "- ",
		"{", "}", "[", "]", ",", "&a", "*a", "!", "|", ">", "%", "@", "`", "~", "null",
		"true", "\u00e9", "\xc2\x80", "\xc2\x85", "\xc2\x9f", "\u00a0", "\u00ad", "\u2028",
		"\u2029", "\ufeff", "\ufffd", "\ufffe", "\uffff", "\U0001f600", "\U0010ffff",
		"\u3042", "\\u0041", "\\n", "/" };
	static const char *const lines[] = { "\n", "\r", "\t", "\x01", "\x1f", "\x7f", "\b", "\n\n",
		" \n " };
	unsigned n = random_below(random, 20);

	for (unsigned i = 0; i < n; i++)
		text_add(out, !is_one_line && one_in(random, 4) ? pick(random, lines)
								: pick(random, any));
}

static void any_text_is_exported_as_it_is(void **state)
{
	struct random random = random_seeded();

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		struct text name CLEANUP(text_done) = TEXT_INIT;
		struct text description CLEANUP(text_done) = TEXT_INIT;
		struct text host CLEANUP(text_done) = TEXT_INIT;
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct policy_part group = { .kind = PART_GROUP }, port = { .kind = PART_PORT };
		const struct policy_part *parts[] = { &group, &port };
		const struct policy *policy = NULL;
		size_t wrong;
		struct err err;

		add_any_text(&random, &name, true);
		add_any_text(&random, &description, false);
		add_any_text(&random, &host, true);
		group.group = (struct policy_group){ .id = G1,
			.name = name.data,
			.description = description.data,
			.stateful = true };
		port.port = (struct policy_port){ .id = P1,
			.name = name.data,
			.device = "tap33333333-33",
			.network = name.data,
			.device_owner = host.data,
			.host = host.data,
			.is_unbound = !host.len,
			.port_security = true,
			.stateful = true };
		if (!policy_join(arena, parts, 2, "compute1", &policy, &wrong, &err))
			fail_msg("%s", err.text);
		assert_is_exported(policy);
	}
}

static void a_policy_file_is_for_people_too(void **state)
{
	static const char wanted[] =
		"security_groups:\n"
		"- id: \"" G1 "\"\n"
		"  name: \"web\"\n"
		"  description: \"a\\u000ab\"\n"
		"  stateful: true\n"
		"  security_group_rules:\n"
		"  - {id: \"" R1
		"\", direction: \"ingress\", ethertype: \"IPv4\", protocol: \"tcp\", "
		"port_range_min: 80, port_range_max: 443, remote_ip_prefix: \"192.0.2.7/24\", "
		"description: \"the shop\"}\n"
		"address_groups:\n"
		"- id: \"" G2 "\"\n"
		"  name: \"lists\"\n"
		"  addresses:\n"
		"  - \"192.0.2.7/32\"\n"
		"  - \"198.51.100.0/24\"\n"
		"  - \"2001:db8::/32\"\n"
		"ports:\n"
		"- id: \"" P1 "\"\n"
		"  allowed_address_pairs: [{ip_address: \"10.0.0.6\"}]\n"
		"  security_groups: []\n"
		"  port_security_enabled: true\n"
		"  binding:host_id: \"\"\n";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct policy_part *list[] = { read_part(arena, PART_PORT, shapes[6].text),
		read_part(arena, PART_ADDRESS_GROUP, shapes[3].text),
		read_part(arena, PART_GROUP, shapes[0].text) };
	struct parts parts = { .list = list, .n = 3 }, none = { .n = 0 };

	(void)state;
	assert_string_equal(file_of(arena, &parts), wanted);
	assert_string_equal(
		file_of(arena, &none), "security_groups: []\naddress_groups: []\nports: []\n");
	parse(arena, file_of(arena, &none));
}

static void what_no_policy_file_may_be_is_not_made(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct policy_part part = *read_part(arena, PART_GROUP, shapes[0].text);
	struct text file CLEANUP(text_done) = TEXT_INIT;
	const struct policy_part *parts[400];
	struct policy_rule *rules = arena_new_array(arena, struct policy_rule, 1000);
	struct err err;

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		rules[i] = part.group.rules[0];
	part.group.rules = rules;
	part.group.n_rules = 1000;
	part.remote_group_ids = arena_new_array(arena, const char *, 1000);
	part.remote_address_group_ids = arena_new_array(arena, const char *, 1000);
	for (size_t i = 0; i < N_OF(parts); i++)
		parts[i] = &part;
	text_add(&file, "as before");
	assert_false(documents_to_policy_file(parts, N_OF(parts), &file, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_string_equal(file.data, "as before");
	assert_true(documents_to_policy_file(parts, 1, &file, &err));
	assert_true(file.len > LIMIT_POLICY_FILE_SIZE / N_OF(parts));
}

static void json_is_printed_as_jansson_does(void **state)
{
	static const char *const samples[] = {
		"{\"of 70 characters, which is more than those that are short, as names can be\": 1}",
		"[\"0123456789012345678901234567890123456789012345678901234567890123\"]", "{}",
		"[]", "[{}, [], [[]], {\"\": {}}]", "null", "\"\"",
		"[true, false, null, 0, -1, 9223372036854775807, -9223372036854775808]",
		"[1.5, -0.0, 1e300, 0.1]",
		"[\"caf\xc3\xa9\", \"\xf0\x9f\x98\x80\", \"a/b\", \"\x7f\"]",
		"{\"z\": 1, \"a\": {\"q\\\"\": \"\\\\\", \"\\u0001\": [\"\\n\\t\\b\\f\\r\\u001f\"]}}",
		"[\"a\\u0000b\", \"\\u0000\", \"\\u2028\"]"
	};

	(void)state;
	for (size_t i = 0; i < N_OF(samples); i++) {
		struct text out CLEANUP(text_done) = TEXT_INIT;
		json_t *value = json_loads(samples[i], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		char *wanted;

		assert_non_null(value);
		wanted = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		json_add(&out, value);
		assert_string_equal(out.data, wanted);
		free(wanted);
		json_decref(value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_is_printed_as_it_was_read),
		cmocka_unit_test(a_part_says_what_its_document_says),
		cmocka_unit_test(what_may_be_left_out_has_the_default_of_a_policy_file),
		cmocka_unit_test(an_answer_of_neutron_is_a_document),
		cmocka_unit_test(what_is_wrong_is_told_with_its_place),
		cmocka_unit_test(a_zero_byte_is_refused),
		cmocka_unit_test(an_id_in_capitals_is_the_same),
		cmocka_unit_test(a_key_is_where_the_store_keeps_it),
		cmocka_unit_test(the_longest_host_has_a_key_that_the_store_takes),
		cmocka_unit_test(the_policies_of_files_are_exported_as_they_are),
		cmocka_unit_test(policies_by_chance_are_exported_as_they_are),
		cmocka_unit_test(the_default_group_is_not_put_into_a_port_that_has_none),
		cmocka_unit_test(any_text_is_exported_as_it_is),
		cmocka_unit_test(a_policy_file_is_for_people_too),
		cmocka_unit_test(what_no_policy_file_may_be_is_not_made),
		cmocka_unit_test(json_is_printed_as_jansson_does),
	};

	return cmocka_run_group_tests_name("documents", tests, NULL, NULL);
}
