// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/file.h"
#include "host/schema.h"

#define RULES                                                                                      \
	"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"              \
	"[3:180] -A FORWARD -s 10.1.2.0/24 -d 10.1.2.77/32 -j DROP\n"                              \
	"[0:0] -A FORWARD -m mac --mac-source fa:16:3e:12:34:56 -j ACCEPT\nCOMMIT\n"

static struct addr addr(const char *text)
{
	struct addr ret;

	assert_true(addr_parse(text, &ret));
	return ret;
}

static struct prefix prefix(const char *text)
{
	struct prefix ret;

	assert_true(prefix_parse(text, &ret));
	return ret;
}

static struct mac mac(const char *text)
{
	struct mac ret;

	assert_true(mac_parse(text, &ret));
	return ret;
}

#define LIST(ns, member, type, ...)                                                                \
	do {                                                                                       \
		static const type items_[] = { __VA_ARGS__ };                                      \
		type *copy_ = arena_new_array(arena, type, N_OF(items_));                          \
		memcpy(copy_, items_, sizeof(items_));                                             \
		(ns)->member = copy_;                                                              \
		(ns)->n_##member = N_OF(items_);                                                   \
	} while (0)

static void add_flows(struct arena *arena, struct netns *ns)
{
	struct conntrack_entry *entry = arena_new_one(arena, struct conntrack_entry);
	struct neighbour *neighbour = arena_new_one(arena, struct neighbour);
	struct fdb_entry *fdb = arena_new_one(arena, struct fdb_entry);

	*neighbour = (struct neighbour){ .index = 2,
		.addr = addr("10.1.2.1"),
		.has_mac = true,
		.mac = mac("fa:16:3e:00:00:01") };
	ns->neighbours = neighbour;
	ns->n_neighbours = 1;
	*fdb = (struct fdb_entry){ .bridge_index = 2,
		.port_index = 3,
		.vlan = 12,
		.mac = mac("fa:16:3e:12:34:56"),
		.is_static = true };
	ns->fdb = fdb;
	ns->n_fdb = 1;
	*entry = (struct conntrack_entry){ .proto = 6,
		.zone = 4097,
		.mark = 0xf0000000,
		.status = CT_STATUS_ASSURED,
		.tcp_state = "ESTABLISHED",
		.orig = { addr("10.1.2.77"), addr("10.1.3.9"), 40000, 443 },
		.reply = { addr("10.1.3.9"), addr("10.1.2.77"), 443, 40000 } };
	ns->conntrack = entry;
	ns->n_conntrack = 1;
}

/* Something of everything. */
static struct host *made_host(struct arena *arena)
{
	struct host *host = arena_new_one(arena, struct host);
	struct netns *ns = arena_new_array(arena, struct netns, 2);
	struct address *address = arena_new_array(arena, struct address, 2);
	struct next_hop *hops = arena_new_array(arena, struct next_hop, 2);
	struct route *route = arena_new_one(arena, struct route);
	struct routing_rule *rule = arena_new_one(arena, struct routing_rule);

	*host = (struct host){
		.name = "node7", .release = "6.1", .taken_s = 1700000000, .netns = ns, .n_netns = 2
	};
	ns[0].name = "";
	ns[1].name = "pid 812 (caf\xe9 \"x\")";
	LIST(&ns[0], links, struct link,
		{ .name = "br0",
			.index = 2,
			.kind = "bridge",
			.nf_call = { false, true },
			.has_tx_checksum = true,
			.has_lro = true,
			.ageing_time_cs = 30000 },
		{ .name = "v0",
			.index = 3,
			.kind = "veth",
			.peer_index = 7,
			.is_peer_away = true,
			.peer_netns = 1,
			.port_state = PORT_FORWARDING,
			.has_learning = true });
	ns[0].links[0].mac = mac("fa:16:3e:12:34:56");
	LIST(&ns[1], links, struct link,
		{ .name = "eth0",
			.index = 7,
			.kind = "veth",
			.peer_index = 3,
			.is_peer_away = true });
	address[0] = (struct address){ .index = 2,
		.local = addr("10.1.2.77"),
		.len = 24,
		.peer = addr("10.1.2.77"),
		.broadcast = addr("10.1.2.255") };
	address[1] = (struct address){
		.index = 2, .local = addr("2001:db8:1::5"), .len = 64, .peer = addr("2001:db8:1::5")
	};
	ns[0].addresses = address;
	ns[0].n_addresses = 2;
	hops[0] = (struct next_hop){
		.index = 2, .has_gateway = true, .weight = 1, .gateway = addr("10.1.2.1")
	};
	hops[1] = (struct next_hop){ .index = 2,
		.has_gateway = true,
		.weight = 3,
		.gateway = addr("10.1.2.2"),
		.is_dead = true };
	*route = (struct route){ .table = 254,
		.type = ROUTE_UNICAST,
		.dst = prefix("0.0.0.0/0"),
		.priority = 100,
		.hops = hops,
		.n_hops = 2 };
	ns[0].routes = route;
	ns[0].n_routes = 1;
	*rule = (struct routing_rule){ .family = FAMILY_IPV6,
		.priority = 5,
		.action = RULE_PROHIBIT,
		.has_src = true,
		.src = prefix("2001:db8:1::/48"),
		.iif = "v0",
		.suppress_len = 0,
		.has_dport = true,
		.dport = { 80, 90 } };
	ns[0].rules = rule;
	ns[0].n_rules = 1;
	add_flows(arena, &ns[0]);
	LIST(&ns[0], sysctls, struct sysctl, { "net.bridge.bridge-nf-call-iptables", "1" },
		{ "net.ipv4.conf.eth0/5.rp_filter", "2" }, { "net.ipv4.ip_forward", "1" });
	LIST(&ns[0], queues, struct packet_queue, { .number = 7, .n_waiting = 3, .n_dropped = 1 });
	LIST(host, sysctl_lines, struct sysctl_line,
		{ "/etc/sysctl.d/node7.conf", 3, "net.ipv4.conf.*.rp_filter", "1" },
		{ "/etc/sysctl.d/node7.conf", 4, "net.ipv4.conf.lo.rp_filter", NULL });
	LIST(&ns[0], texts, struct ruleset_text, { "iptables-nft", RULES });
	LIST(&ns[1], unread, struct unread, { "conntrack", "Operation not permitted" });
	LIST(host, ovs_ports, struct ovs_port,
		{ .name = "qvo1", .bridge = "br-int", .type = "", .tag = 5, .ofport = 3 },
		{ .name = "p", .bridge = "br-int", .type = "patch", .peer = "q", .netns = -1 });
	for (size_t i = 0; i < 2; i++) {
		netns_parse_texts(arena, &ns[i]);
		netns_finish(arena, &ns[i]);
	}
	return host;
}

static const struct host *parse(struct arena *arena, const struct text *json)
{
	const struct host *host = NULL;
	struct err err = { 0 };

	if (!host_parse(arena, "x.pws", json->data, json->len, &host, &err))
		fail_msg("%s", err.text);
	return host;
}

static void a_host_that_is_printed_and_parsed_is_printed_alike(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text first CLEANUP(text_done) = TEXT_INIT, second CLEANUP(text_done) = TEXT_INIT;
	const struct netns *ns;
	const struct host *host;

	(void)state;
	host_print(&first, made_host(arena));
	host = parse(arena, &first);
	host_print(&second, host);
	assert_string_equal(first.data, second.data);
	ns = &host->netns[0];
	assert_string_equal(host->netns[1].name, "pid 812 (caf\xe9 \"x\")");
	assert_true(netns_link(ns, "br0")->has_address);
	assert_true(ns->has_br_netfilter && ns->nf_call[FAMILY_IPV4] && !ns->nf_call[FAMILY_IPV6]);
	assert_string_equal(netns_sysctl(ns, "net.ipv4.conf.eth0/5.rp_filter"), "2");
	assert_int_equal(ns->rules[0].suppress_len, 0);
	assert_int_equal(ns->rules[0].dport.max, 90);
	assert_int_equal(ns->routes[0].hops[1].weight, 3);
	assert_int_equal(ns->conntrack[0].zone, 4097);
	assert_true(netns_link(ns, "br0")->has_tx_checksum && netns_link(ns, "br0")->has_lro);
	assert_int_equal(ns->queues[0].number, 7);
	assert_int_equal(ns->queues[0].n_waiting, 3);
	assert_string_equal(host->sysctl_lines[0].value, "1");
	assert_int_equal(host->sysctl_lines[1].line, 4);
	assert_null(host->sysctl_lines[1].value);
	assert_int_equal(ns->ruleset->n_tables, 1);
	assert_ptr_equal(host_veth_peer(host, ns, netns_link(ns, "v0"), NULL),
		netns_link(&host->netns[1], "eth0"));
	assert_true(netns_is_unread(&host->netns[1], "conntrack", NULL));
	assert_false(netns_is_unread(ns, "conntrack", NULL));
	assert_int_equal(host_ovs_port(host, "p")->netns, -1);
}

static void a_saved_host_is_gzip_and_loads_to_the_same_bytes(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text first CLEANUP(text_done) = TEXT_INIT, second CLEANUP(text_done) = TEXT_INIT;
	char path[] = "/tmp/test_host.XXXXXX";
	int fd = mkstemp(path);
	const struct host *host = NULL;
	struct err err = { 0 };

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_false(host_save(made_host(arena), path, false, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_true(host_save(made_host(arena), path, true, &err));
	assert_true(text_load(&first, path, 1 << 20, &err));
	assert_memory_equal(first.data, "\x1f\x8b", 2);
	if (!host_load(arena, (const char *const[]){ path }, 1, &host, &err))
		fail_msg("%s", err.text);
	assert_true(host_save(host, path, true, &err));
	assert_true(text_load(&second, path, 1 << 20, &err));
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.data, second.data, first.len);
	for (size_t cut = 1; cut < first.len; cut += 7)
		assert_false(host_parse(arena, "cut", first.data, cut, &host, &err));
	unlink(path);
}

static void a_wrong_snapshot_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *json, *said;
	} cases[] = {
		{ "", "x.pws:1:1: it ends" },
		{ "{\"format\":\n \"portwall", "x.pws:2:" },
		{ "{}", "no snapshot of portwall" },
		{ "{\"format\": \"portwall snapshot\", \"version\": 3, \"host\": {}}",
			"x.pws:1:44: its version is 3" },
		{ "{\"format\": \"portwall snapshot\", \"version\": 1}", "host: is missing" },
		{ "{\"format\": \"portwall snapshot\", \"version\": 1, \"host\": []}",
			"must be an object" },
		{ "{\"format\": \"portwall snapshot\", \"version\": 1, \"host\": {\"name\": \"a\","
		  " \"name\": \"a\"}}",
			"name: is there twice" },
		{ "{\"format\": \"portwall snapshot\", \"version\": 1, \"host\": {\"name\": "
		  "\"a\\u0000\"}}",
			"zero byte" },
		{ "{\"format\": \"portwall snapshot\", \"version\": 1, \"host\": {\"name\": \"\xff\"}}",
			":65: this is no character" },
		{ "{\"format\": \"portwall snapshot\", \"version\": 1, \"host\": {\"name\": \"a\",}}",
			"a key is missing" },
		{ "{\"format\": \"portwall snapshot\", \"version\": 1, \"host\": {\"taken_s\": 1e3}}",
			"taken_s: must be a whole number" },
		{ "{\"format\": \"portwall snapshot\", \"version\": 1, \"host\": {\"taken_s\": 01}}",
			"begins with 0" },
		{ "{\"format\": \"portwall snapshot\", \"version\": 1, \"host\": {}}",
			"x.pws:1:55: netns: there must be a namespace" },
		{ "{\"format\": \"portwall snapshot\", \"version\": 1, \"host\": {\"nets\": 1}}",
			"nets: is no key" },
		{ "{\"format\": \"portwall snapshot\", \"version\": 1, \"host\": {\"netns\": [{"
		  "\"links\": [{\"name\": \"a\"}, {\"index\": 5}]}]}}",
			"netns[0].links[1].name: is missing" },
		{ "{\"format\": \"portwall snapshot\", \"version\": 1, \"host\": {\"netns\": [{"
		  "\"links\": [{\"name\": \"a\", \"vlan_id\": 65536}]}]}}",
			"netns[0].links[0].vlan_id: must be a whole number" },
		{ "{\"format\": \"portwall snapshot\", \"version\": 1, \"host\": {\"netns\": [{"
		  "\"sysctls\": \"a = 1\\nb\"}]}}",
			"netns[0].sysctls: must be lines" },
		{ "[[[[[[[[[[[[[[[[[[[[[", ":1:17: it is nested too deeply" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		const struct host *host = NULL;
		struct err err = { 0 };

		assert_false(host_parse(
			arena, "x.pws", cases[i].json, strlen(cases[i].json), &host, &err));
		if (!strstr(err.text, cases[i].said))
			fail_msg("case %zu: %s", i, err.text);
		assert_null(host);
	}
}

/* Values that are JSON and no host: where each stands, by line, column and path. */
static void a_wrong_value_is_refused_with_its_line_column_and_path(void **state)
{
	/* behind two lines of which the second begins: {"name": "n\n", "netns": [{ */
	static const struct {
		const char *json, *said;
	} cases[] = {
		{ "\"links\":\n [{\"name\": \"a\", \"mtu\": true}]}]",
			"x:4:24: netns[0].links[0].mtu: must be a whole number from 0 to 4294967295" },
		{ "\"links\": [{\"name\": \"a\"},\n{\"name\": 5}]}]",
			"x:4:10: netns[0].links[1].name: must be a text" },
		{ "\"links\": [{\"name\": \"a\", \"mtu\":\n-1}]}]",
			"x:4:1: netns[0].links[0].mtu: must be a whole number from 0 to" },
		{ "\"links\": [{\"name\": \"a\", \"index\": 2147483648}]}]",
			"x:3:34: netns[0].links[0].index: must be a whole number from -2147483648 to 2147483647" },
		{ "\"links\": [{\"name\": \"a\", \"is_up\": 1}]}]",
			"x:3:34: netns[0].links[0].is_up: must be true or false" },
		{ "\"links\": [{\"name\": \"a\",\n\t\"port_state\": \"off\"}]}]",
			"x:4:16: netns[0].links[0].port_state: must be one of disabled, listening, "
			"learning, forwarding, blocking" },
		{ "\"links\": [{\"name\": \"a\"},\n\n  {\"mtu\": 5}]}]",
			"x:5:3: netns[0].links[1].name: is missing" },
		{ "\"links\": [{\"name\": \"a\", \"nam\": 1}]}]",
			"x:3:25: netns[0].links[0].nam: is no key" },
		{ "\"links\": [{\"name\": \"a\",\n\"name\": \"b\"}]}]",
			"x:4:1: netns[0].links[0].name: is there twice" },
		{ "\"links\": {}}]", "x:3:10: netns[0].links: must be a list" },
		{ "\"links\": [\n7]}]", "x:4:1: netns[0].links[0]: must be an object" },
		{ "\"routes\": [{\"dst\": \"10.0.0.0\"}]}]",
			"x:3:20: netns[0].routes[0].dst: must be a prefix" },
		{ "\"rules\": [{\"family\": \"ip\"}]}]",
			"x:3:22: netns[0].rules[0].family: must be ipv4 or ipv6" },
		{ "\"rules\": [{\"dport\": [1]}]}]",
			"x:3:21: netns[0].rules[0].dport: must be a list of two ports" },
		{ "\"rules\": [{\"dport\": [1,\n2,\n3]}]}]",
			"x:3:21: netns[0].rules[0].dport: must be a list of two ports" },
		{ "\"rules\": [{\"dport\": [1,\n65536]}]}]",
			"x:4:1: netns[0].rules[0].dport: must be a whole number from 0 to 65535" },
		{ "\"addresses\": [{\"local\": \"10.0.0.256\"}]}]",
			"x:3:25: netns[0].addresses[0].local: must be an IP address" },
		{ "\"addresses\": [\n{\"len\": 33, \"local\": \"10.0.0.2\"}]}]",
			"x:4:1: netns[0].addresses[0].len: is longer than the address" },
		{ "\"addresses\": [\n{\"local\": \"2001:db8::1\", \"len\": 129}]}]",
			"x:4:1: netns[0].addresses[0].len: is longer than the address" },
		{ "\"fdb\": [{\"mac\": \"02:00\"}]}]",
			"x:3:17: netns[0].fdb[0].mac: must be a MAC address" },
		{ "\"sysctls\": []}]", "x:3:12: netns[0].sysctls: must be a text, or its length" },
		{ "\"texts\": [{\"tool\": \"nft\"}]}]",
			"x:3:11: netns[0].texts[0].text: is missing" },
		{ "\"texts\": [{\"tool\": \"nft\", \"text\": -1}]}]",
			"x:3:35: netns[0].texts[0].text: must be a whole number from 0 to" },
		/* an index of a namespace that is not there: the highest, wherever it was */
		{ "\"links\": [{\"name\": \"a\", \"peer_netns\": 0},\n{\"name\": \"b\",\n"
		  "\"peer_netns\": 2}, {\"name\": \"c\", \"peer_netns\": 1}]},\n{\"name\": \"d\"}]",
			"x:5:15: netns[0].links[1].peer_netns: there is no namespace 2, the last is 1" },
		{ "\"name\": \"\"}], \"ovs_ports\": [{\"name\": \"p\", \"bridge\": \"b\", \"netns\": 1}]",
			"x:3:67: ovs_ports[0].netns: there is no namespace 1, the last is 0" },
		{ "\"name\": \"\"}], \"ovs_ports\": [{\"name\": \"p\", \"netns\": -2}]",
			"x:3:52: ovs_ports[0].netns: must be a whole number from -1 to" },
		{ "\"name\": \"\"}], \"ovs_ports\": [{\"trunks\": [1,\n \"2\"]}]",
			"x:4:2: ovs_ports[0].trunks[1]: must be a whole number" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text json CLEANUP(text_done) = TEXT_INIT;
		const struct host *host = NULL;
		struct err err = { 0 };

		text_addf(&json,
			"{\"format\": \"portwall snapshot\", \"version\": 2,\n\"host\": {\"name\": "
			"\"n\\n\\n\", \"netns\": [{\n%s}}",
			cases[i].json);
		assert_false(host_parse(arena, "x", json.data, json.len, &host, &err));
		if (strncmp(err.text, cases[i].said, strlen(cases[i].said)) != 0)
			fail_msg("case %zu: %s", i, err.text);
		assert_int_equal(err.kind, ERR_INPUT);
		assert_string_not_equal(err.next_step, "");
		assert_null(host);
	}
}

/* An end of line inside of a text, which is one only when it was read, is none of the file. */
static void what_is_wrong_behind_the_json_is_told_by_its_line(void **state)
{
	static const struct {
		const char *behind, *said;
	} cases[] = {
		{ "== netns[0].sysctls: 11 bytes ==\na = 1\nb = 2\n== netns[0].texts[0].text: 3 "
		  "bytes ==\nx\ny\n",
			NULL },
		{ "== netns[0].sysctls: 12 bytes ==\n",
			"x:3:1: here there should be \"== netns[0].sys" },
		{ "== netns[0].sysctls: 11 bytes ==\na = 1\nb : 2\n== netns[0].texts[0].text: 3 "
		  "bytes ==\nx\ny\n",
			"x:5:1: it must be a line \"name = value\"" },
		{ "== netns[0].sysctls: 11 bytes ==\na = 1\nb = 2\n== netns[0].texts[1].text: 3 "
		  "bytes ==\nx\ny\n",
			"x:6:1: here there should be \"== netns[0].texts[0].text: 3 bytes ==\"" },
		{ "== netns[0].sysctls: 11 bytes ==\na = 1\nb = 2\n== netns[0].texts[0].text: 3 "
		  "bytes ==\nx\ny\n\n more",
			"x:10:2: there is more behind its end" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text json CLEANUP(text_done) = TEXT_INIT;
		const struct host *host = NULL;
		struct err err = { 0 };
		bool is_read;

		text_addf(&json,
			"{\"format\": \"portwall snapshot\", \"version\": 2, \"host\": {\"name\": "
			"\"\\n\", \"netns\": [{\"sysctls\": 11,\n\"texts\": [{\"tool\": \"x\", \"text\": "
			"3}]}]}}\n%s",
			cases[i].behind);
		is_read = host_parse(arena, "x", json.data, json.len, &host, &err);
		assert_int_equal(is_read, !cases[i].said);
		if (cases[i].said && strncmp(err.text, cases[i].said, strlen(cases[i].said)) != 0)
			fail_msg("case %zu: %s", i, err.text);
	}
}

/* What version 1 had inside the JSON, keys in any order, is the same host. */
static void the_first_version_is_still_read(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text again CLEANUP(text_done) = TEXT_INIT;
	struct text old = TEXT_INIT;
	const struct host *host;

	(void)state;
	text_add(&old,
		"{\"host\": {\"netns\": [{\"texts\": [{\"text\": \"*filter\\n:FORWARD DROP "
		"[1:2]\\n-A FORWARD -m comment --comment \\\"caf\\uf7e9 \\u00e9\\\" -j ACCEPT"
		"\\nCOMMIT\\n\", \"tool\": \"iptables-nft\"}], \"sysctls\": \"net.ipv4.ip_forward "
		"= 1\\nnet.ipv6.x = 2\\n\"}]}, \"version\": 1, \"format\": "
		"\"portwall snapshot\"}\n");
	host = parse(arena, &old);
	text_done(&old);
	assert_string_equal(netns_sysctl(&host->netns[0], "net.ipv4.ip_forward"), "1");
	assert_string_equal(netns_sysctl(&host->netns[0], "net.ipv6.x"), "2");
	assert_string_equal(
		table_chain(ruleset_table(host->netns[0].ruleset, FAMILY_IPV4, "filter"), "FORWARD")
			->rules[0]
			.comment,
		"caf\xe9 \xc3\xa9");
	host_print(&again, host);
	assert_non_null(strstr(again.data, "\"version\": 2"));
	assert_non_null(strstr(again.data,
		"\n}\n== netns[0].sysctls: 39 bytes ==\nnet.ipv4.ip_forward = 1\nnet.ipv6.x = 2\n\n"
		"== netns[0].texts[0].text: 87 bytes ==\n*filter\n"));
}

/* Texts find their places whatever moved while the lists around them grew. */
static void many_texts_stand_behind_the_json_in_their_order(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text first CLEANUP(text_done) = TEXT_INIT, second CLEANUP(text_done) = TEXT_INIT;
	struct netns namespaces[40];
	struct host made = { .name = "n", .release = "", .netns = namespaces, .n_netns = 40 };
	const struct host *host;

	(void)state;
	for (size_t n = 0; n < made.n_netns; n++) {
		struct ruleset_text *texts = arena_new_array(arena, struct ruleset_text, n + 1);
		struct sysctl *sysctl = arena_new_one(arena, struct sysctl);

		for (size_t t = 0; t < n; t++)
			texts[t] = (struct ruleset_text){ "other",
				arena_printf(arena, "\"%zu.%zu\xf0\n\n", n, t) };
		*sysctl = (struct sysctl){ "n", arena_printf(arena, "%zu", n) };
		namespaces[n] = (struct netns){
			.name = "", .texts = texts, .n_texts = n, .sysctls = sysctl, .n_sysctls = 1
		};
	}
	host_print(&first, &made);
	host = parse(arena, &first);
	for (size_t n = 0; n < made.n_netns; n++) {
		assert_string_equal(
			netns_sysctl(&host->netns[n], "n"), namespaces[n].sysctls[0].value);
		for (size_t t = 0; t < n; t++)
			assert_string_equal(
				host->netns[n].texts[t].text, namespaces[n].texts[t].text);
	}
	host_print(&second, host);
	assert_string_equal(first.data, second.data);
}

static void a_snapshot_that_was_cut_or_changed_behind_its_json_is_refused(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text whole CLEANUP(text_done) = TEXT_INIT;
	const struct host *host = NULL;
	struct err err = { 0 };
	char *heading, *inside;

	(void)state;
	host_print(&whole, made_host(arena));
	for (size_t cut = 0; cut < whole.len; cut++)
		assert_false(host_parse(arena, "cut", whole.data, cut, &host, &err));
	heading = strstr(whole.data, "== netns[0].texts[0].text: ");
	inside = strstr(heading, "*filter");
	*inside = '\0';
	assert_false(host_parse(arena, "x", whole.data, whole.len, &host, &err));
	assert_non_null(strstr(err.text, "there is a zero byte in it"));
	*inside = '*';
	heading[strlen("== netns[")] = '1';
	assert_false(host_parse(arena, "x", whole.data, whole.len, &host, &err));
	assert_non_null(strstr(err.text, "there should be \"== netns[0].texts[0].text: "));
	heading[strlen("== netns[")] = '0';
	assert_true(host_parse(arena, "x", whole.data, whole.len, &host, &err));
	text_add(&whole, "\n more");
	assert_false(host_parse(arena, "x", whole.data, whole.len, &host, &err));
	assert_non_null(strstr(err.text, "more behind its end"));
}

/* Packed by hand: what is done to a file on its way is told from what is no snapshot. */
static void a_damaged_file_is_refused_with_what_to_do(void **state)
{
	static const struct {
		size_t keep; /* of the file; 0: all */
		const char *behind, *said, *next;
	} cases[] = {
		{ 400, "", "it is cut short", "copy it again" },
		{ 0, "garbage", "there is more behind the end of its packing (gzip): 7 bytes",
			"copy it again" },
		{ 0, "\x1f\x8b", "there is more behind the end of its packing (gzip): 2 bytes",
			"copy it again" },
		{ 10, "no deflate at all", "its packing (gzip) is damaged", "copy it again" },
	};
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text file CLEANUP(text_done) = TEXT_INIT, made CLEANUP(text_done) = TEXT_INIT;
	char path[] = "/tmp/test_host.XXXXXX";
	int fd = mkstemp(path);
	const struct host *host = NULL;
	struct err err = { 0 };

	(void)state;
	close(fd);
	assert_true(host_save(made_host(arena), path, true, &err));
	assert_true(text_load(&file, path, 1 << 20, &err));
	for (size_t i = 0; i < N_OF(cases); i++) {
		text_clear(&made);
		text_add_n(&made, file.data, cases[i].keep ? cases[i].keep : file.len);
		text_add(&made, cases[i].behind);
		assert_true(text_save(&made, path, &err));
		assert_false(host_load(arena, (const char *const[]){ path }, 1, &host, &err));
		if (!strstr(err.text, cases[i].said) || !strstr(err.next_step, cases[i].next))
			fail_msg("case %zu: %s; %s", i, err.text, err.next_step);
	}
	unlink(path);
}

static void what_is_no_snapshot_is_refused_with_what_to_give(void **state)
{
	static const struct {
		const char *data;
		size_t size;
		const char *said, *next;
	} cases[] = {
		{ "", 0, "it is empty", "portwall snapshot -o FILE" },
		{ "\x7f"
		  "ELF\2\1\1\0\0",
			9, "it is neither a snapshot nor", "portwall snapshot -o FILE" },
		{ "<html>", 6, "it is neither a snapshot nor", "portwall snapshot -o FILE" },
		{ "\xfd"
		  "7zXZ\0\0\4",
			8, "it is an archive", "of a sosreport give the folder" },
		{ "PK\3\4\0", 5, "it is an archive", "of a sosreport give the folder" },
	};
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text made CLEANUP(text_done) = TEXT_INIT;
	char path[] = "/tmp/test_host.XXXXXX";
	int fd = mkstemp(path);
	const struct host *host = NULL;
	struct err err = { 0 };

	(void)state;
	close(fd);
	for (size_t i = 0; i < N_OF(cases); i++) {
		text_clear(&made);
		text_add_n(&made, cases[i].data, cases[i].size);
		assert_true(text_save(&made, path, &err));
		assert_false(host_load(arena, (const char *const[]){ path }, 1, &host, &err));
		if (!strstr(err.text, cases[i].said) || !strstr(err.next_step, cases[i].next))
			fail_msg("case %zu: %s; %s", i, err.text, err.next_step);
	}
	unlink(path);
}

static void redaction_keeps_relations_and_leaks_nothing(void **state)
{
	static const char *const secrets[] = { "10.1.2.", "10.1.3.9",
		"2001:db8:1:", "fa:16:3e:12:34", "fa:16:3e:00:00:01", "node7" };

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct text json CLEANUP(text_done) = TEXT_INIT;
		struct host *made = made_host(arena);
		const struct host *host = NULL;
		const struct table *table;
		const struct netns *ns;
		struct err err;
		size_t n_leaks = 0;

		assert_true(host_redact(arena, made, &host, &err));
		host_print(&json, host);
		/* each bit is flipped or not: one of them may stay by chance, but not twice in a row */
		for (size_t i = 0; i < N_OF(secrets); i++)
			n_leaks += strstr(json.data, secrets[i]) != NULL;
		assert_true(n_leaks <= 1);
		assert_null(strstr(json.data, "node7"));
		assert_string_equal(host->sysctl_lines[0].path, "/etc/sysctl.d/host.conf");
		assert_string_equal(host->sysctl_lines[0].name, "net.ipv4.conf.*.rp_filter");
		ns = &host->netns[0];
		assert_true(addr_compare(&ns->addresses[0].local, &ns->conntrack[0].orig.src) == 0);
		assert_memory_equal(ns->addresses[0].local.bytes, ns->neighbours[0].addr.bytes, 3);
		assert_memory_equal(&ns->links[0].mac, &ns->fdb[0].mac, sizeof(struct mac));
		assert_int_equal(ns->routes[0].dst.len, 0);
		assert_int_equal(host->netns[0].rules[0].src.addr.bytes[0] >> 5, 1);
		assert_true(prefix_contains(&ns->rules[0].src, &ns->addresses[1].local));
		table = ruleset_table(ns->ruleset, FAMILY_IPV4, "filter");
		assert_non_null(table);
		{
			const struct rule *rule = &table_chain(table, "FORWARD")->rules[0];

			assert_true(
				prefix_contains(&rule->matches[0].prefix, &ns->addresses[0].local));
			assert_true(addr_compare(&rule->matches[1].prefix.addr,
					    &ns->addresses[0].local) == 0);
			assert_int_equal(rule->matches[0].prefix.len, 24);
			assert_int_equal(rule->counters.packets, 3);
		}
		assert_memory_equal(&made->netns[0].links[0].mac, "\xfa\x16\x3e\x12\x34\x56", 6);
	}
}

static void redaction_finds_addresses_in_flows_and_leaves_known_ones(void **state)
{
	static const char *const flows[] = {
		"cookie=0x1, priority=10,arp,in_port=3,arp_spa=10.1.2.77 actions=resubmit(,25)",
		"nw_dst=10.1.2.0/255.255.255.0,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00 "
		"actions=mod_dl_src:fa:16:3e:12:34:56,set_field:fa:16:3e:12:34:56->eth_dst,"
		"load:0xfa163e123456->NXM_NX_ARP_SHA[],load:0xa01024d->NXM_OF_ARP_SPA[]",
		"ip,nw_src=127.0.0.1,nw_dst=0.0.0.0/0 actions=ct(commit,nat(dst=10.1.2.77:8080)),ff:ff:ff:ff:ff:ff",
		"ipv6_src=fe80::/10,ipv6_dst=ff02::1",
	};
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct ovs_bridge bridge = { .name = "br-int", .flows = flows, .n_flows = N_OF(flows) };
	struct text all CLEANUP(text_done) = TEXT_INIT, address CLEANUP(text_done) = TEXT_INIT;
	struct host *made = made_host(arena);
	const struct host *host = NULL;
	struct err err;

	(void)state;
	made->ovs_bridges = &bridge;
	made->n_ovs_bridges = 1;
	assert_true(host_redact(arena, made, &host, &err));
	for (size_t i = 0; i < N_OF(flows); i++)
		text_addf(&all, "%s\n", host->ovs_bridges[0].flows[i]);
	addr_print(&address, &host->netns[0].addresses[0].local);
	text_add(&address, ":8080");
	assert_non_null(strstr(all.data, address.data));
	text_clear(&address);
	mac_print(&address, host->netns[0].links[0].mac);
	text_add(&address, "->eth_dst");
	assert_non_null(strstr(all.data, address.data));
	assert_null(strstr(all.data, "10.1.2.77"));
	assert_null(strstr(all.data, "fa:16:3e:12:34:56"));
	assert_null(strstr(all.data, "0xfa163e123456"));
	assert_null(strstr(all.data, "0xa01024d"));
	assert_non_null(
		strstr(all.data, "/255.255.255.0,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00"));
	assert_non_null(strstr(all.data, "nw_src=127.0.0.1,nw_dst=0.0.0.0/0"));
	assert_non_null(strstr(all.data, ",ff:ff:ff:ff:ff:ff"));
	assert_non_null(strstr(all.data, "ipv6_src=fe80::/10,ipv6_dst=ff02::1"));
	assert_non_null(strstr(all.data, "priority=10,arp,in_port=3,"));
}

static void bare_rulesets_make_a_host_of_which_the_rest_is_unread(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	char path[] = "/tmp/test_host.XXXXXX";
	int fd = mkstemp(path);
	const struct host *host = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(write(fd, RULES, strlen(RULES)), strlen(RULES));
	close(fd);
	if (!host_load(arena, (const char *const[]){ path }, 1, &host, &err))
		fail_msg("%s", err.text);
	unlink(path);
	assert_int_equal(host->netns[0].ruleset->n_tables, 1);
	assert_true(netns_is_unread(&host->netns[0], "links", NULL));
	assert_true(netns_is_unread(&host->netns[0], "ip6tables-nft", NULL));
	assert_false(netns_is_unread(&host->netns[0], "iptables-nft", NULL));
}

/* Rows of the table of docs/snapshot.md: "| link, of a bridge | `nf_call_iptables`, ..." */
static bool is_documented(const char *docs, const char *object, const char *key)
{
	char begin[64], name[64];

	snprintf(begin, sizeof(begin), "\n| %s", object);
	snprintf(name, sizeof(name), "`%s`", key);
	for (const char *row = strstr(docs, begin); row; row = strstr(row + 1, begin)) {
		const char *found = strstr(row, name), *end = strchr(row + 1, '\n');

		if (strchr(" ,", row[strlen(begin)]) && found && found < end)
			return true;
	}
	return false;
}

static void check_documented(const char *docs, const struct schema *schema)
{
	for (size_t i = 0; i < schema->n_fields; i++) {
		const struct schema_field *field = &schema->fields[i];

		if (!is_documented(docs, schema->what, field->key))
			fail_msg(
				"docs/snapshot.md does not say %s of %s", field->key, schema->what);
		if (field->schema)
			check_documented(docs, field->schema);
	}
}

static void every_key_is_in_the_documentation(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text docs CLEANUP(text_done) = TEXT_INIT;
	struct err err;

	(void)state;
	if (!text_load(&docs, arena_printf(arena, "%s/../../docs/snapshot.md", getenv("GOLDEN")),
		    1 << 20, &err))
		fail_msg("%s", err.text);
	check_documented(docs.data, &host_schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_that_is_printed_and_parsed_is_printed_alike),
		cmocka_unit_test(a_saved_host_is_gzip_and_loads_to_the_same_bytes),
		cmocka_unit_test(a_wrong_snapshot_is_refused_with_its_place),
		cmocka_unit_test(a_wrong_value_is_refused_with_its_line_column_and_path),
		cmocka_unit_test(what_is_wrong_behind_the_json_is_told_by_its_line),
		cmocka_unit_test(the_first_version_is_still_read),
		cmocka_unit_test(many_texts_stand_behind_the_json_in_their_order),
		cmocka_unit_test(a_snapshot_that_was_cut_or_changed_behind_its_json_is_refused),
		cmocka_unit_test(a_damaged_file_is_refused_with_what_to_do),
		cmocka_unit_test(what_is_no_snapshot_is_refused_with_what_to_give),
		cmocka_unit_test(redaction_keeps_relations_and_leaks_nothing),
		cmocka_unit_test(redaction_finds_addresses_in_flows_and_leaves_known_ones),
		cmocka_unit_test(every_key_is_in_the_documentation),
		cmocka_unit_test(bare_rulesets_make_a_host_of_which_the_rest_is_unread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
