// SPDX-License-Identifier: GPL-2.0-or-later
/* The database speaks JSON-RPC (RFC 7047): one select over three tables, one answer. */
#include "kernel/ovs.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "kernel/processes.h"
#include "kernel/tool.h"

#define TIMEOUT_S 10

struct pass {
	struct arena *arena;
	struct host *host;
	const char *folder;
	VEC(struct ovs_bridge) bridges;
	VEC(struct ovs_port) ports;
	VEC(struct unread) unread;
};

static void unread(struct pass *pass, const char *what, const char *why)
{
	*vec_push(&pass->unread, pass->arena) =
		(struct unread){ arena_strdup(pass->arena, what), arena_strdup(pass->arena, why) };
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval timeout = { .tv_sec = TIMEOUT_S };
	int fd, sys;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	sys = errno;
	close(fd);
	errno = sys;
	return -1;
}

struct stream {
	int fd, sys;
	size_t n_read;
};

static size_t read_some(void *buffer, size_t size, void *data)
{
	struct stream *stream = data;
	ssize_t got;

	/* what follows an answer never comes: at its end jansson stops asking */
	if (stream->n_read >= LIMIT_OVSDB_REPLY) {
		stream->sys = EFBIG;
		return (size_t)-1;
	}
	do
		got = read(stream->fd, buffer, size);
	while (got < 0 && errno == EINTR);
	if (got < 0) {
		stream->sys = errno;
		return (size_t)-1;
	}
	stream->n_read += (size_t)got;
	return (size_t)got;
}

static void json_freep(json_t **value)
{
	json_decref(*value);
}

static void close_fdp(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static json_t *ask(struct pass *pass, int fd)
{
	static const char request[] =
		"{\"method\":\"transact\",\"id\":0,\"params\":[\"Open_vSwitch\","
		"{\"op\":\"select\",\"table\":\"Bridge\",\"where\":[],"
		"\"columns\":[\"name\",\"ports\",\"fail_mode\"]},"
		"{\"op\":\"select\",\"table\":\"Port\",\"where\":[],"
		"\"columns\":[\"_uuid\",\"tag\",\"trunks\",\"vlan_mode\",\"interfaces\"]},"
		"{\"op\":\"select\",\"table\":\"Interface\",\"where\":[],"
		"\"columns\":[\"_uuid\",\"name\",\"type\",\"options\",\"ofport\"]}]}";
	struct stream stream = { .fd = fd };
	json_error_t error;
	json_t *reply;

	if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request)) {
		unread(pass, "ovsdb", strerror(errno));
		return NULL;
	}
	reply = json_load_callback(read_some, &stream, JSON_DISABLE_EOF_CHECK, &error);
	if (!reply)
		unread(pass, "ovsdb", stream.sys ? strerror(stream.sys) : error.text);
	return reply;
}

/* A set of one is written without "set": the n-th of either; NULL: none. */
static const json_t *nth(const json_t *value, size_t n)
{
	const char *tag = json_string_value(json_array_get(value, 0));

	if (tag && !strcmp(tag, "set"))
		return json_array_get(json_array_get(value, 1), n);
	return n ? NULL : value;
}

static const char *uuid_of(const json_t *value)
{
	const char *tag = json_string_value(json_array_get(value, 0));

	return tag && !strcmp(tag, "uuid") ? json_string_value(json_array_get(value, 1)) : NULL;
}

static const char *in_map(const json_t *map, const char *key)
{
	const json_t *pairs = json_array_get(map, 1), *pair;
	size_t i;

	json_array_foreach(pairs, i, pair)
	{
		const char *name = json_string_value(json_array_get(pair, 0));

		if (name && !strcmp(name, key))
			return json_string_value(json_array_get(pair, 1));
	}
	return NULL;
}

static const char *text_of(struct arena *arena, const json_t *value)
{
	const char *text = json_string_value(nth(value, 0));

	return text ? arena_strdup(arena, text) : NULL;
}

static uint16_t vlan_of(const json_t *value)
{
	return json_is_integer(value) ? (uint16_t)(json_integer_value(value) & 0xfff) : 0;
}

static struct map *by_uuid(struct arena *arena, json_t *rows)
{
	struct map *map = map_new(arena);
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		const char *uuid = uuid_of(json_object_get(row, "_uuid"));

		if (uuid)
			map_add(map, uuid, row);
	}
	return map;
}

static void add_trunks(struct pass *pass, const json_t *trunks, struct ovs_port *port)
{
	VEC(uint16_t) ids = { 0 };
	const json_t *id;

	for (size_t i = 0; (id = nth(trunks, i)) != NULL; i++)
		*vec_push(&ids, pass->arena) = vlan_of(id);
	port->trunks = ids.items;
	port->n_trunks = ids.n;
}

static void add_port(
	struct pass *pass, const char *bridge, const json_t *row, const json_t *interface)
{
	const json_t *name = json_object_get(interface, "name");
	const json_t *options = json_object_get(interface, "options");
	const struct netns *at = NULL;
	struct ovs_port port = {
		.bridge = bridge,
		.netns = -1,
		.tag = vlan_of(nth(json_object_get(row, "tag"), 0)),
		.vlan_mode = text_of(pass->arena, json_object_get(row, "vlan_mode")),
		.ofport = (int)json_integer_value(nth(json_object_get(interface, "ofport"), 0)),
	};
	const char *peer = in_map(options, "peer");
	const char *type = json_string_value(json_object_get(interface, "type"));

	if (!json_is_string(name))
		return;
	port.name = arena_strdup(pass->arena, json_string_value(name));
	port.type = arena_strdup(pass->arena, type ? type : "");
	port.peer = peer ? arena_strdup(pass->arena, peer) : NULL;
	add_trunks(pass, json_object_get(row, "trunks"), &port);
	if (!*port.type ? netns_link(&pass->host->netns[0], port.name) != NULL
			: !strcmp(port.type, "internal") &&
				  host_find_link(pass->host, port.name, &at))
		port.netns = at ? (int)(at - pass->host->netns) : 0;
	*vec_push(&pass->ports, pass->arena) = port;
}

/* The interfaces of a bond are ports here like others, with the bond's VLANs. */
static void add_bridge(
	struct pass *pass, const json_t *row, const struct map *ports, const struct map *interfaces)
{
	const char *name = text_of(pass->arena, json_object_get(row, "name"));
	const json_t *port_id, *interface_id;

	if (!name)
		return;
	*vec_push(&pass->bridges, pass->arena) = (struct ovs_bridge){
		.name = name,
		.fail_mode = text_of(pass->arena, json_object_get(row, "fail_mode")),
	};
	for (size_t p = 0; (port_id = nth(json_object_get(row, "ports"), p)) != NULL; p++) {
		const char *uuid = uuid_of(port_id);
		const json_t *port = uuid ? map_find(ports, uuid) : NULL;

		for (size_t i = 0;
			(interface_id = nth(json_object_get(port, "interfaces"), i)) != NULL; i++) {
			const char *of = uuid_of(interface_id);
			const json_t *interface = of ? map_find(interfaces, of) : NULL;

			if (interface)
				add_port(pass, name, port, interface);
		}
	}
}

static int bridge_by_name(const void *a, const void *b)
{
	return strcmp(((const struct ovs_bridge *)a)->name, ((const struct ovs_bridge *)b)->name);
}

static int port_by_place(const void *a, const void *b)
{
	const struct ovs_port *x = a, *y = b;
	int order = strcmp(x->bridge, y->bridge);

	return order ? order : strcmp(x->name, y->name);
}

static void take_reply(struct pass *pass, const json_t *reply)
{
	const json_t *result = json_object_get(reply, "result"), *row;
	json_t *tables[3];
	struct map *ports, *interfaces;
	size_t i;

	for (size_t t = 0; t < N_OF(tables); t++) {
		tables[t] = json_object_get(json_array_get(result, t), "rows");
		if (!json_is_array(tables[t])) {
			unread(pass, "ovsdb", "it does not answer as ovsdb-server does");
			return;
		}
	}
	ports = by_uuid(pass->arena, tables[1]);
	interfaces = by_uuid(pass->arena, tables[2]);
	json_array_foreach(tables[0], i, row) add_bridge(pass, row, ports, interfaces);
	if (pass->bridges.n)
		qsort(pass->bridges.items, pass->bridges.n, sizeof(*pass->bridges.items),
			bridge_by_name);
	if (pass->ports.n)
		qsort(pass->ports.items, pass->ports.n, sizeof(*pass->ports.items), port_by_place);
}

/* Runs a program to its end; why: NULL when its output is in run. */
static const char *run_tool(
	struct pass *pass, struct tool_run *run, const char *name, const char *const *args)
{
	VEC(const char *) argv = { 0 };
	const char *program = tool_find(pass->arena, name);
	struct err err;

	if (!program)
		return arena_printf(pass->arena, "the program %s is not installed", name);
	*vec_push(&argv, pass->arena) = program;
	for (; *args; args++)
		*vec_push(&argv, pass->arena) = *args;
	*vec_push(&argv, pass->arena) = NULL;
	if (!tool_start(run, argv.items, NULL, &err) || !tools_finish(run, 1, &err))
		return arena_strdup(pass->arena, err.text);
	if (run->exit_code)
		return tool_complaint(pass->arena, run);
	return NULL;
}

static void read_flows(struct pass *pass, struct ovs_bridge *bridge)
{
	struct tool_run run CLEANUP(tool_run_done) = TOOL_RUN_INIT;
	const char *target =
		arena_printf(pass->arena, "unix:%s/%s.mgmt", pass->folder, bridge->name);
	const char *why = run_tool(pass, &run, "ovs-ofctl",
		(const char *const[]){ "-t5", "-OOpenFlow10,OpenFlow13,OpenFlow14,OpenFlow15",
			"dump-flows", target, NULL });
	VEC(const char *) flows = { 0 };

	if (why) {
		unread(pass, arena_printf(pass->arena, "ovs flows %s", bridge->name), why);
		return;
	}
	for (const char *line = run.out.data; *line; line += strcspn(line, "\n")) {
		line += strspn(line, " \n");
		/* the title: "NXST_FLOW reply (xid=0x4):" */
		if (*line && !text_has_prefix(line, "NXST_") && !text_has_prefix(line, "OFPST_"))
			*vec_push(&flows, pass->arena) =
				arena_strndup(pass->arena, line, strcspn(line, "\n"));
	}
	bridge->has_flows = true;
	bridge->flows = flows.items;
	bridge->n_flows = flows.n;
}

static const char *port_name(const struct pass *pass, const char *bridge, const char *number)
{
	char *end;
	long ofport = strtol(number, &end, 10);

	if (*end) /* LOCAL: the bridge's own */
		return !strcmp(number, "LOCAL") ? bridge : arena_strdup(pass->arena, number);
	vec_for_each (port, &pass->ports)
		if (port->ofport == ofport && !strcmp(port->bridge, bridge))
			return port->name;
	return arena_strdup(pass->arena, number);
}

static const char *control_of(struct pass *pass)
{
	struct text pid CLEANUP(text_done) = TEXT_INIT;
	struct err ignored;
	const char *path;

	if (text_load(&pid, arena_printf(pass->arena, "%s/ovs-vswitchd.pid", pass->folder), 64,
		    &ignored)) {
		path = arena_printf(pass->arena, "%s/ovs-vswitchd.%.*s.ctl", pass->folder,
			(int)strcspn(pid.data, "\n"), pid.data);
		if (access(path, F_OK) == 0)
			return path;
	}
	return arena_printf(pass->arena, "%s/ovs-vswitchd.ctl", pass->folder);
}

static void read_fdb(struct pass *pass, struct ovs_bridge *bridge)
{
	struct tool_run run CLEANUP(tool_run_done) = TOOL_RUN_INIT;
	const char *why = run_tool(pass, &run, "ovs-appctl",
		(const char *const[]){
			"-T5", "-t", control_of(pass), "fdb/show", bridge->name, NULL });
	VEC(struct ovs_fdb) fdb = { 0 };

	if (why) {
		unread(pass, arena_printf(pass->arena, "ovs fdb %s", bridge->name), why);
		return;
	}
	for (const char *line = run.out.data; *line;) {
		size_t len = strcspn(line, "\n");
		char *row = arena_strndup(pass->arena, line, len), *save = NULL;
		const char *port = strtok_r(row, " ", &save);
		const char *vlan = port ? strtok_r(NULL, " ", &save) : NULL;
		const char *mac = vlan ? strtok_r(NULL, " ", &save) : NULL;
		struct ovs_fdb entry;
		uint32_t id;

		if (mac && text_to_u32(vlan, 0, UINT16_MAX, &id) && mac_parse(mac, &entry.mac)) {
			entry.port = port_name(pass, bridge->name, port);
			entry.vlan = (uint16_t)id;
			*vec_push(&fdb, pass->arena) = entry;
		}
		line += len + (line[len] == '\n');
	}
	bridge->has_fdb = true;
	bridge->fdb = fdb.items;
	bridge->n_fdb = fdb.n;
}

static bool has_ovs_link(const struct host *host)
{
	for (size_t n = 0; n < host->n_netns; n++)
		for (size_t i = 0; i < host->netns[n].n_links; i++)
			if (!strcmp(host->netns[n].links[i].kind, "openvswitch"))
				return true;
	return false;
}

/* In user space it has no interface of its kind. */
static bool is_running(struct arena *arena)
{
	struct pids pids;

	if (!pids_read(arena, "/proc", &pids))
		return false;
	vec_for_each (pid, &pids) {
		struct text comm CLEANUP(text_done) = TEXT_INIT;
		struct err ignored;

		if (text_load(&comm, arena_printf(arena, "/proc/%ld/comm", *pid), 64, &ignored) &&
			!strcmp(comm.data, "ovs-vswitchd\n"))
			return true;
	}
	return false;
}

static void read_database(struct pass *pass)
{
	const char *path = arena_printf(pass->arena, "%s/db.sock", pass->folder);
	int fd CLEANUP(close_fdp) = connect_to(path);
	json_t *reply CLEANUP(json_freep) = NULL;
	int sys = errno;

	if (fd < 0) {
		bool runs = is_running(pass->arena);
		const char *why = arena_printf(pass->arena, "%s: %s%s", path, strerror(sys),
			runs ? "; ovs-vswitchd runs, and OVS_RUNDIR may name its folder" : "");

		if (sys != ENOENT || has_ovs_link(pass->host) || runs)
			unread(pass, "ovsdb", why);
		if (runs)
			unread(pass, "ovs ports", why);
		return;
	}
	reply = ask(pass, fd);
	if (!reply)
		return;
	take_reply(pass, reply);
	vec_for_each (bridge, &pass->bridges) {
		read_flows(pass, bridge);
		read_fdb(pass, bridge);
	}
}

void ovs_read(struct arena *arena, const char *folder, struct host *host)
{
	struct pass pass = { .arena = arena, .host = host, .folder = folder };

	if (!pass.folder)
		pass.folder = getenv("OVS_RUNDIR");
	if (!pass.folder || !*pass.folder)
		pass.folder = "/var/run/openvswitch";
	read_database(&pass);
	host->ovs_bridges = pass.bridges.items;
	host->n_ovs_bridges = pass.bridges.n;
	host->ovs_ports = pass.ports.items;
	host->n_ovs_ports = pass.ports.n;
	host->unread = pass.unread.items;
	host->n_unread = pass.unread.n;
}
