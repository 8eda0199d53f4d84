// SPDX-License-Identifier: GPL-2.0-or-later
#include "mesh.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/vec.h"
#include "unit.h"

static void set_sysctl(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	close(fd);
}

/* Bound to a name, so that a whole host is read with it. */
static void name_ns(int ns, const char *name)
{
	char path[64], from[64];
	int fd;

	mkdir("/run/netns", 0755);
	snprintf(path, sizeof(path), "/run/netns/%s", name);
	snprintf(from, sizeof(from), "/proc/self/fd/%d", ns);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0444);
	if (fd >= 0)
		close(fd);
	if (mount(from, path, NULL, MS_BIND, NULL) != 0)
		fail_msg("mount %s: %s", path, strerror(errno));
}

static int open_far(struct mesh_place *place, const char *device)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(device) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
	int size = 32 << 20;

	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		fail_msg("bind to %s: %s", device, strerror(errno));
	place->fds[place->n_fds++] = fd;
	return fd;
}

static void hear(struct mesh_place *place, int family, int proto)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, proto), size = 8 << 20;

	if (fd < 0)
		fail_msg("raw socket of protocol %d: %s", proto, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	place->fds[place->n_fds++] = fd;
}

static void add_sockets(struct mesh *mesh, size_t ns)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_UDP, PROTO_SCTP, PROTO_UDPLITE, 47,
		250 };
	struct mesh_place *place = &mesh->places[MESH_SOCKETS + ns];

	net_enter(mesh->ns[ns]);
	place->ns = ns;
	for (size_t i = 0; i < N_OF(protos); i++) {
		hear(place, AF_INET, protos[i]);
		hear(place, AF_INET6, protos[i]);
	}
	hear(place, AF_INET, PROTO_ICMP);
	hear(place, AF_INET6, PROTO_ICMPV6);
	setfsuid(MESH_UID);
	mesh->raw[ns][0] = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	mesh->raw[ns][1] = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	setfsuid(0);
	net_enter(mesh->ns[0]);
}

static void ip6_on(const char *device)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/addr_gen_mode", device);
	set_sysctl(path, "1");
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", device);
	set_sysctl(path, "0");
}

static void add_end(struct mesh *mesh, size_t i)
{
	static const char *const devices[] = { "tapa", "tapb", "tapc", "tapd", "wan0", "rwan" };
	static const char *const macs[] = { "02:00:00:00:00:0a", "02:00:00:00:00:0b",
		"02:00:00:00:00:0c", "02:00:00:00:00:0d", "02:00:00:00:ff:02",
		"02:00:00:00:ee:02" };
	struct mesh_place *place = &mesh->places[i];
	char far[16];

	place->ns = i == 5;
	snprintf(place->device, sizeof(place->device), "%s", devices[i]);
	assert_true(mac_parse(macs[i], &place->mac));
	snprintf(far, sizeof(far), "far%zu", i);
	net_ip(mesh->ns[place->ns],
		"link add %s %s type veth peer name %s address %s netns /proc/%d/fd/%d\n"
		"link set %s multicast off up\n",
		devices[i],
		i == 4	 ? "address 02:00:00:00:ff:01"
		: i == 5 ? "address 02:00:00:00:ee:01"
			 : "",
		far, macs[i], getpid(), mesh->net->outside->ns, devices[i]);
	net_ip(mesh->net->outside->ns, "link set %s up\n", far);
	net_enter(mesh->net->outside->ns);
	open_far(place, far);
	net_enter(mesh->ns[0]);
}

static void add_bridge(struct mesh *mesh, struct random *random, unsigned n)
{
	unsigned calls = random_below(random, 4);

	net_ip(mesh->ns[0],
		"link add br%u address 02:00:00:00:fe:0%u type bridge forward_delay 0 "
		"mcast_snooping 0 nf_call_iptables %u nf_call_ip6tables %u\n",
		n, n + 1, calls & 1, calls >> 1);
	if (!mesh->has_address[n])
		return;
	ip6_on(n ? "br1" : "br0");
	net_ip(mesh->ns[0],
		"address add 10.0.%u.1/24 dev br%u\naddress add 2001:db8:%u::1/64 dev br%u nodad\n",
		n, n, n, n);
}

static void plug(struct mesh *mesh, struct random *random, const char *port, unsigned bridge)
{
	static const char *const flags[] = { "isolated", "hairpin", "flood", "bcast_flood" };

	net_ip(mesh->ns[0],
		"link set %s master br%u up\nlink set %s type bridge_slave learning off\n", port,
		bridge, port);
	for (size_t f = 0; f < N_OF(flags); f++)
		if (one_in(random, f < 2 ? 4 : 8))
			net_sh("bridge link set dev %s %s %s", port, flags[f],
				f < 2 ? "on" : "off");
}

static void teach(void)
{
	static const char *const lines[] = { "02:00:00:00:00:0a dev tapa",
		"02:00:00:00:00:0b dev tapb", "02:00:00:00:00:0c dev tapc",
		"02:00:00:00:00:0d dev tapd", "02:00:00:00:dd:00 dev r0",
		"02:00:00:00:dd:01 dev r1" };
	struct text text CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < N_OF(lines); i++)
		text_addf(&text, "bridge fdb replace %s master static\n", lines[i]);
	net_sh("%s", text.data);
}

static void add_router(struct mesh *mesh)
{
	for (unsigned n = 0; n < 2; n++)
		net_ip(mesh->ns[0],
			"link add r%u type veth peer name eth%u address 02:00:00:00:dd:0%u netns "
			"/proc/%d/fd/%d\n",
			n, n, n, getpid(), mesh->ns[1]);
	net_enter(mesh->ns[1]);
	net_ip(mesh->ns[1],
		"link set lo up\nlink set eth0 multicast off\nlink set eth1 multicast off\n");
	ip6_on("eth0");
	ip6_on("eth1");
	ip6_on("rwan");
	net_ip(mesh->ns[1],
		"link set eth0 up\nlink set eth1 up\n"
		"address add 10.0.0.254/24 dev eth0\naddress add 10.0.1.254/24 dev eth1\n"
		"address add 203.0.113.1/24 dev rwan\n"
		"address add 2001:db8::254/64 dev eth0 nodad\n"
		"address add 2001:db8:1::254/64 dev eth1 nodad\n"
		"address add 2001:db8:eeee::1/64 dev rwan nodad\n"
		"neighbour add 10.0.0.10 lladdr 02:00:00:00:00:0a dev eth0\n"
		"neighbour add 10.0.0.11 lladdr 02:00:00:00:00:0b dev eth0\n"
		"neighbour add 10.0.0.1 lladdr 02:00:00:00:fe:01 dev eth0\n"
		"neighbour add 10.0.1.10 lladdr 02:00:00:00:00:0c dev eth1\n"
		"neighbour add 10.0.1.11 lladdr 02:00:00:00:00:0d dev eth1\n"
		"neighbour add 10.0.1.1 lladdr 02:00:00:00:fe:02 dev eth1\n"
		"neighbour add 203.0.113.5 lladdr 02:00:00:00:ee:02 dev rwan\n"
		"neighbour add 2001:db8::a lladdr 02:00:00:00:00:0a dev eth0\n"
		"neighbour add 2001:db8::b lladdr 02:00:00:00:00:0b dev eth0\n"
		"neighbour add 2001:db8::1 lladdr 02:00:00:00:fe:01 dev eth0\n"
		"neighbour add 2001:db8:1::a lladdr 02:00:00:00:00:0c dev eth1\n"
		"neighbour add 2001:db8:1::b lladdr 02:00:00:00:00:0d dev eth1\n"
		"neighbour add 2001:db8:1::1 lladdr 02:00:00:00:fe:02 dev eth1\n"
		"neighbour add 2001:db8:eeee::5 lladdr 02:00:00:00:ee:02 dev rwan\n"
		"route add default via 10.0.0.1\nroute add ::/0 via 2001:db8::1\n");
	net_enter(mesh->ns[0]);
}

static void add_routes(struct mesh *mesh)
{
	ip6_on("wan0");
	net_ip(mesh->ns[0],
		"address add 192.0.2.1/24 dev wan0\naddress add 2001:db8:ffff::1/64 dev wan0 nodad\n"
		"neighbour add 192.0.2.2 lladdr 02:00:00:00:ff:02 dev wan0\n"
		"neighbour add 2001:db8:ffff::2 lladdr 02:00:00:00:ff:02 dev wan0\n"
		"route add default via 192.0.2.2\nroute add ::/0 via 2001:db8:ffff::2\n");
	if (mesh->has_address[0])
		net_ip(mesh->ns[0], "neighbour add 10.0.0.10 lladdr 02:00:00:00:00:0a dev br0\n"
				    "neighbour add 10.0.0.11 lladdr 02:00:00:00:00:0b dev br0\n"
				    "neighbour add 10.0.0.254 lladdr 02:00:00:00:dd:00 dev br0\n"
				    "neighbour add 2001:db8::a lladdr 02:00:00:00:00:0a dev br0\n"
				    "neighbour add 2001:db8::b lladdr 02:00:00:00:00:0b dev br0\n"
				    "neighbour add 2001:db8::254 lladdr 02:00:00:00:dd:00 dev br0\n"
				    "route add 203.0.113.0/24 via 10.0.0.254\n"
				    "route add 2001:db8:eeee::/64 via 2001:db8::254\n");
	if (mesh->has_address[1])
		net_ip(mesh->ns[0],
			"neighbour add 10.0.1.10 lladdr 02:00:00:00:00:0c dev br1\n"
			"neighbour add 10.0.1.11 lladdr 02:00:00:00:00:0d dev br1\n"
			"neighbour add 10.0.1.254 lladdr 02:00:00:00:dd:01 dev br1\n"
			"neighbour add 2001:db8:1::a lladdr 02:00:00:00:00:0c dev br1\n"
			"neighbour add 2001:db8:1::b lladdr 02:00:00:00:00:0d dev br1\n"
			"neighbour add 2001:db8:1::254 lladdr 02:00:00:00:dd:01 dev br1\n");
}

/* On a busy machine a batch takes longer than an entry without an answer lives (SCTP: 10 s, UDP: 30 s), and
 * the flow that was read as a known one would be new. */
static void keep_flows(void)
{
	static const char *const timeouts[] = { "generic_timeout", "udp_timeout",
		"udp_timeout_stream", "icmp_timeout", "icmpv6_timeout", "tcp_timeout_syn_sent",
		"tcp_timeout_syn_recv", "tcp_timeout_unacknowledged", "tcp_timeout_max_retrans",
		"tcp_timeout_close", "tcp_timeout_time_wait", "tcp_timeout_last_ack",
		"sctp_timeout_closed", "sctp_timeout_cookie_wait", "sctp_timeout_cookie_echoed" };

	for (size_t i = 0; i < N_OF(timeouts); i++) {
		char path[96];

		snprintf(
			path, sizeof(path), "/proc/sys/net/netfilter/nf_conntrack_%s", timeouts[i]);
		set_sysctl(path, "3600");
	}
}

static void set_sysctls(struct mesh *mesh, struct random *random)
{
	static const char *const filters[] = { "0", "0", "0", "1", "2" }, *const bools[] = { "0",
		"1" };

	for (size_t n = 0; n < MESH_NS; n++) {
		net_enter(mesh->ns[n]);
		keep_flows();
		set_sysctl("/proc/sys/net/ipv4/ip_forward", one_in(random, 8) ? "0" : "1");
		set_sysctl("/proc/sys/net/ipv6/conf/all/forwarding", one_in(random, 8) ? "0" : "1");
		set_sysctl("/proc/sys/net/ipv4/conf/all/rp_filter", pick(random, filters));
		set_sysctl("/proc/sys/net/ipv4/conf/all/accept_local", pick(random, bools));
		set_sysctl(n ? "/proc/sys/net/ipv4/conf/rwan/rp_filter"
			     : "/proc/sys/net/ipv4/conf/wan0/rp_filter",
			pick(random, filters));
		set_sysctl(n ? "/proc/sys/net/ipv4/conf/eth0/rp_filter"
			     : "/proc/sys/net/ipv4/conf/br0/rp_filter",
			pick(random, filters));
	}
	net_enter(mesh->ns[0]);
}

static void await_links(struct mesh *mesh)
{
	static const char *const links[] = { "tapa", "tapb", "tapc", "tapd", "r0", "r1", "wan0",
		"br0", "br1" };
	static const char *const router_links[] = { "eth0", "eth1", "rwan" };

	for (size_t i = 0; i < N_OF(links); i++)
		net_await_link(links[i]);
	net_enter(mesh->ns[1]);
	for (size_t i = 0; i < N_OF(router_links); i++)
		net_await_link(router_links[i]);
	net_enter(mesh->ns[0]);
}

struct mesh *mesh_new(struct random *random)
{
	static const char *const taps[] = { "tapa", "tapb", "tapc", "tapd", "r0", "r1" };
	struct mesh *mesh = calloc(1, sizeof(*mesh));

	mesh->net = net_new(NET_SHARED);
	/* only its namespaces and its clock are wanted */
	net_ip(mesh->net->ns, "link del up0\nlink del br0\n");
	mesh->ns[0] = mesh->net->ns;
	mesh->ns[1] = net_new_ns();
	name_ns(mesh->ns[1], "router");
	net_enter(mesh->ns[0]);
	mesh->has_address[0] = !one_in(random, 3);
	mesh->has_address[1] = !one_in(random, 3);
	add_bridge(mesh, random, 0);
	add_bridge(mesh, random, 1);
	for (size_t i = 0; i < MESH_ENDS; i++)
		add_end(mesh, i);
	add_router(mesh);
	net_ip(mesh->ns[0], "link set br0 up\nlink set br1 up\n");
	for (size_t i = 0; i < N_OF(taps); i++)
		plug(mesh, random, taps[i], i == 2 || i == 3 || i == 5);
	await_links(mesh);
	teach();
	add_routes(mesh);
	set_sysctls(mesh, random);
	add_sockets(mesh, 0);
	add_sockets(mesh, 1);
	assert_true(mac_parse("02:00:00:00:fe:01", &mesh->macs[0]));
	assert_true(mac_parse("02:00:00:00:fe:02", &mesh->macs[1]));
	assert_true(mac_parse("02:00:00:00:dd:00", &mesh->macs[2]));
	assert_true(mac_parse("02:00:00:00:dd:01", &mesh->macs[3]));
	assert_true(mac_parse("02:00:00:00:ff:01", &mesh->wan_macs[0]));
	assert_true(mac_parse("02:00:00:00:ee:01", &mesh->wan_macs[1]));
	return mesh;
}

void mesh_free(struct mesh *mesh)
{
	for (size_t i = 0; i < MESH_PLACES; i++) {
		for (size_t f = 0; f < mesh->places[i].n_fds; f++)
			close(mesh->places[i].fds[f]);
		free(mesh->places[i].arrivals);
	}
	for (size_t n = 0; n < MESH_NS; n++) {
		close(mesh->raw[n][0]);
		close(mesh->raw[n][1]);
	}
	umount2("/run/netns/router", MNT_DETACH);
	close(mesh->ns[1]);
	net_free(mesh->net);
	free(mesh);
}

/* ---- frames ---- */

static void send_as_process(
	struct mesh *mesh, size_t ns, const struct net_frame *frame, uint64_t tag)
{
	bool is_v6 = frame->packet.dst.family == FAMILY_IPV6;
	struct sockaddr_in to4 = { .sin_family = AF_INET };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };
	uint8_t data[NET_FRAME_SIZE];
	size_t size = net_packet_build(frame, tag, data, sizeof(data));
	ssize_t n;

	memcpy(&to4.sin_addr, frame->packet.dst.bytes, 4);
	memcpy(&to6.sin6_addr, frame->packet.dst.bytes, 16);
	n = sendto(mesh->raw[ns][is_v6], data, size, 0, is_v6 ? (void *)&to6 : (void *)&to4,
		is_v6 ? sizeof(to6) : sizeof(to4));
	/* dropped by a rule, or there is no way: that is an answer too */
	if (n != (ssize_t)size && errno != EPERM && errno != EINVAL && errno != ENETUNREACH &&
		errno != EHOSTUNREACH && errno != EACCES)
		fail_msg("send from a process: %s", strerror(errno));
}

uint32_t mesh_send(struct mesh *mesh, size_t from, const struct net_frame *frame)
{
	uint64_t tag = net_new_tag(mesh->net);

	if (from >= MESH_SOCKETS) {
		send_as_process(mesh, from - MESH_SOCKETS, frame, tag);
	} else {
		struct net_wire wires[NET_MAX_PIECES];
		size_t n = net_frame_build(frame, tag, wires, N_OF(wires));

		for (size_t i = 0; i < n; i++)
			if (send(mesh->places[from].fds[0], wires[i].data, wires[i].size, 0) !=
				(ssize_t)wires[i].size)
				fail_msg("send to %s: %s", mesh->places[from].device,
					strerror(errno));
	}
	/* net.core.netdev_max_backlog is 1000, and a flooded frame is in it several times */
	if (++mesh->n_unsettled == 40)
		mesh_settle(mesh);
	return net_tag_number(tag);
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void look_at_ip(struct mesh_arrival *to, const uint8_t *data, size_t size)
{
	struct packet *look = &to->look;
	size_t header;

	if (size < 20 || ((data[0] >> 4 == 6) && size < 40))
		return;
	if (data[0] >> 4 == 4) {
		header = (size_t)(data[0] & 15) * 4;
		look->tos = data[1];
		look->ttl = data[8];
		look->proto = data[9];
		memcpy(look->src.bytes, data + 12, 4);
		memcpy(look->dst.bytes, data + 16, 4);
	} else {
		header = 40;
		look->tos = (uint8_t)(data[0] << 4 | data[1] >> 4);
		look->ttl = data[7];
		look->proto = data[6];
		look->src.family = look->dst.family = FAMILY_IPV6;
		memcpy(look->src.bytes, data + 8, 16);
		memcpy(look->dst.bytes, data + 24, 16);
	}
	if (proto_has_ports(look->proto) && size >= header + 4) {
		look->sport = get16(data + header);
		look->dport = get16(data + header + 2);
	}
	to->has_ip = true;
}

static void note(struct mesh_place *place, const uint8_t *data, size_t size, int vlan)
{
	struct mesh_arrival *to;
	uint64_t tag;

	if (!net_tag_find(data, size, &tag))
		return;
	if (place->n_arrivals == place->cap_arrivals) {
		place->cap_arrivals = place->cap_arrivals * 2 + 64;
		place->arrivals =
			realloc(place->arrivals, place->cap_arrivals * sizeof(*place->arrivals));
	}
	to = &place->arrivals[place->n_arrivals++];
	*to = (struct mesh_arrival){ .tag = net_tag_number(tag) };
	if (!place->device[0]) {
		if (size > 20 && data[0] == 0x45 && get16(data + 2) == size)
			look_at_ip(to, data, size);
		return;
	}
	memcpy(to->look.eth_dst.bytes, data, 6);
	memcpy(to->look.eth_src.bytes, data + 6, 6);
	to->look.ethertype = get16(data + 12);
	to->look.vlan_id = (uint16_t)(vlan < 0 ? 0 : vlan & 0xfff);
	if (to->look.ethertype == ETHERTYPE_VLAN && vlan < 0) {
		to->look.vlan_id = get16(data + 14) & 0xfff;
		to->look.ethertype = get16(data + 16);
		data += 4;
		size -= 4;
	}
	if (to->look.ethertype == ETHERTYPE_IPV4 || to->look.ethertype == ETHERTYPE_IPV6)
		look_at_ip(to, data + 14, size - 14);
}

static void drain(struct mesh_place *place, int fd)
{
	uint8_t data[4096];
	char control[256] __attribute__((aligned(8)));
	struct iovec iov = { data, sizeof(data) };

	for (;;) {
		struct msghdr msg = { .msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control) };
		ssize_t size = recvmsg(fd, &msg, MSG_DONTWAIT);
		int vlan = -1;

		if (size < 0)
			return;
		for (struct cmsghdr *at = CMSG_FIRSTHDR(&msg); at; at = CMSG_NXTHDR(&msg, at)) {
			struct tpacket_auxdata aux;

			if (at->cmsg_level != SOL_PACKET || at->cmsg_type != PACKET_AUXDATA)
				continue;
			memcpy(&aux, CMSG_DATA(at), sizeof(aux));
			if (aux.tp_status & TP_STATUS_VLAN_VALID)
				vlan = aux.tp_vlan_tci;
		}
		note(place, data, (size_t)size, vlan);
	}
}

void mesh_settle(struct mesh *mesh)
{
	mesh->n_unsettled = 0;
	net_settle(mesh->net);
	net_settle(mesh->net);
	for (size_t i = 0; i < MESH_PLACES; i++)
		for (size_t f = 0; f < mesh->places[i].n_fds; f++)
			drain(&mesh->places[i], mesh->places[i].fds[f]);
}

void mesh_forget_arrivals(struct mesh *mesh)
{
	for (size_t i = 0; i < MESH_PLACES; i++)
		mesh->places[i].n_arrivals = 0;
}
