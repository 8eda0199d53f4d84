// SPDX-License-Identifier: GPL-2.0-or-later
#include "netrouter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>

#include "unit.h"

#define TABLE_HOMES 99

static void set_sysctl(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	close(fd);
}

static int listen_to(const char *device)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(device) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
	int size = 32 << 20;

	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		fail_msg("bind to %s: %s", device, strerror(errno));
	return fd;
}

/* Lines of "ip -6 -batch", in the host's namespace. */
static void ip6(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void ip6(const char *fmt, ...)
{
	static const char *const argv[] = { "ip", "-6", "-batch", "-", NULL };
	struct text lines CLEANUP(text_done) = TEXT_INIT, out CLEANUP(text_done) = TEXT_INIT;
	va_list ap;

	va_start(ap, fmt);
	text_vaddf(&lines, fmt, ap);
	va_end(ap);
	if (!net_try(lines.data, &out, argv))
		fail_msg("ip -6 -batch:\n%s%s", lines.data, out.data);
}

static void add_port(struct router *router, const char *name)
{
	size_t i = router->n_ports++;
	struct router_port *port = &router->ports[i];
	struct net *net = router->net;
	char far[16], text[64], path[96];

	snprintf(port->name, sizeof(port->name), "%s", name);
	snprintf(far, sizeof(far), "far%zu", i);
	port->mac = (struct mac){ { 2, 0, 0, 0, 0x10, (uint8_t)i } };
	port->far_mac = (struct mac){ { 2, 0, 0, 0, 0x20, (uint8_t)i } };
	snprintf(text, sizeof(text), "198.51.100.%zu", 10 + 4 * i);
	assert_true(addr_parse(text, &port->addrs[FAMILY_IPV4]));
	snprintf(text, sizeof(text), "2001:db8:aa:%zx::1", i);
	assert_true(addr_parse(text, &port->addrs[FAMILY_IPV6]));
	net_ip(net->ns,
		"link add %s address 02:00:00:00:10:%02zx type veth peer name %s address "
		"02:00:00:00:20:%02zx netns /proc/%d/fd/%d\n",
		name, i, far, i, getpid(), net->outside->ns);
	/* no multicast, no discovery: the kernel has nothing to report or to ask */
	net_ip(net->ns, "link set %s multicast off arp off\n", name);
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/addr_gen_mode", name);
	set_sysctl(path, "1");
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	set_sysctl(path, "0");
	net_ip(net->outside->ns, "link set %s up\n", far);
	net_ip(net->ns,
		"link set %s up\n"
		"address add 198.51.100.%zu/30 dev %s\n"
		"neighbour add 198.51.100.%zu lladdr 02:00:00:00:20:%02zx dev %s nud permanent\n"
		"address add 2001:db8:aa:%zx::1/64 dev %s nodad\n"
		"neighbour add 2001:db8:aa:%zx::2 lladdr 02:00:00:00:20:%02zx dev %s nud permanent\n"
		"rule add pref %zu iif %s lookup %zu\n",
		name, 10 + 4 * i, name, 9 + 4 * i, i, name, i, name, i, i, name, 100 + i, name,
		100 + i);
	ip6("rule add pref %zu iif %s lookup %zu\n", 100 + i, name, 100 + i);
	net_await_link(name);
	net_enter(net->outside->ns);
	net_await_link(far);
	port->fd = listen_to(far);
	net_enter(net->ns);
}

static void hear(struct router *router, int family, int proto)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, proto), size = 16 << 20;

	if (fd < 0)
		fail_msg("raw socket of protocol %d: %s", proto, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	router->hear[router->n_hear++] = fd;
}

void router_turn(struct router *router, size_t shift)
{
	struct text lines CLEANUP(text_done) = TEXT_INIT, lines6 CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; router->n_ports && i <= router->n_ports; i++) {
		size_t out = (i + shift) % router->n_ports;
		const char *name = router->ports[out].name;

		if (i < router->n_ports)
			router->ports[i].out = out;
		else
			router->out = out;
		text_addf(&lines,
			"route replace default via 198.51.100.%zu dev %s onlink table %zu\n",
			9 + 4 * out, name, 100 + i);
		text_addf(&lines6,
			"route replace default via 2001:db8:aa:%zx::2 dev %s onlink table %zu\n",
			out, name, 100 + i);
	}
	net_ip(router->net->ns, "%s", lines.data);
	ip6("%s", lines6.data);
}

size_t router_owner(const struct router *router, const struct addr *addr)
{
	size_t i = 0;

	while (i < router->n_ports &&
		addr_compare(&router->ports[i].addrs[addr->family], addr) != 0)
		i++;
	return i;
}

bool router_is_local(const struct router *router, const struct addr *addr)
{
	return router_owner(router, addr) < router->n_ports;
}

struct addr router_home_addr(size_t port, enum family family, unsigned number)
{
	char text[64];
	struct addr addr;

	if (family == FAMILY_IPV6)
		snprintf(text, sizeof(text), "2001:db8:78:%zx::%x", port, number);
	else
		snprintf(text, sizeof(text), "10.78.%zu.%u", port, number);
	assert_true(addr_parse(text, &addr));
	return addr;
}

size_t router_home(const struct router *router, const struct addr *addr)
{
	size_t i = 0;

	for (; i < router->n_ports; i++) {
		const struct prefix home = { router_home_addr(i, addr->family, 0),
			addr->family == FAMILY_IPV6 ? 64 : 24 };

		if (prefix_contains(&home, addr))
			break;
	}
	return i;
}

/* Where what the host sends itself goes: see netrouter.h. */
static void add_ways_back(const struct router *router)
{
	size_t n = router->n_ports;

	net_ip(router->net->ns,
		"rule add pref 50 iif lo uidrange %d-%d lookup %zu\n"
		"rule add pref 51 iif lo from 198.51.100.0/24 blackhole\n"
		"rule add pref 52 iif lo lookup %d\n"
		"rule add pref 53 iif lo blackhole\n",
		ROUTER_UID, ROUTER_UID, 100 + n, TABLE_HOMES);
	ip6("rule add pref 50 iif lo uidrange %d-%d lookup %zu\n"
	    "rule add pref 51 iif lo from 2001:db8:aa::/48 blackhole\n"
	    "rule add pref 52 iif lo lookup %d\n"
	    "rule add pref 53 iif lo blackhole\n",
		ROUTER_UID, ROUTER_UID, 100 + n, TABLE_HOMES);
	for (size_t i = 0; i < n; i++) {
		const char *name = router->ports[i].name;

		net_ip(router->net->ns, "route add 10.78.%zu.0/24 dev %s table %d\n", i, name,
			TABLE_HOMES);
		ip6("route add 2001:db8:78:%zx::/64 dev %s table %d\n", i, name, TABLE_HOMES);
	}
}

struct router *router_new(const char *const *names, size_t n)
{
	struct router *router = calloc(1, sizeof(*router));

	router->net = net_new(NET_SHARED);
	/* only its namespaces and its clock are wanted */
	net_ip(router->net->ns, "link del up0\nlink del br0\n");
	set_sysctl("/proc/sys/net/ipv4/ip_forward", "1");
	set_sysctl("/proc/sys/net/ipv4/conf/all/rp_filter", "0");
	set_sysctl("/proc/sys/net/ipv4/conf/default/rp_filter", "0");
	set_sysctl("/proc/sys/net/ipv4/conf/all/accept_local", "1");
	set_sysctl("/proc/sys/net/ipv4/conf/all/send_redirects", "0");
	set_sysctl("/proc/sys/net/ipv4/conf/default/send_redirects", "0");
	for (size_t i = 0; i < n; i++)
		add_port(router, names[i]);
	/* not before multicast is off: routers join a group, and report that */
	set_sysctl("/proc/sys/net/ipv6/conf/all/forwarding", "1");
	add_ways_back(router);
	router_turn(router, 1);
	setfsuid(ROUTER_UID);
	router->raw[0] = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	router->raw[1] = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	setfsuid(0);
	hear(router, AF_INET, PROTO_TCP);
	hear(router, AF_INET, PROTO_UDP);
	hear(router, AF_INET, PROTO_ICMP);
	hear(router, AF_INET6, PROTO_TCP);
	hear(router, AF_INET6, PROTO_UDP);
	hear(router, AF_INET6, PROTO_ICMPV6);
	return router;
}

void router_free(struct router *router)
{
	if (!router)
		return;
	for (size_t i = 0; i < router->n_ports; i++)
		close(router->ports[i].fd);
	for (size_t i = 0; i < router->n_hear; i++)
		close(router->hear[i]);
	close(router->raw[0]);
	close(router->raw[1]);
	net_free(router->net);
	free(router->seen);
	free(router);
}

static size_t send_as_host(struct router *router, struct net_frame *frame, uint64_t tag)
{
	bool is_v6 = frame->packet.dst.family == FAMILY_IPV6;
	struct sockaddr_in to4 = { .sin_family = AF_INET };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };
	uint8_t data[NET_FRAME_SIZE];
	size_t size = net_packet_build(frame, tag, data, sizeof(data));
	ssize_t n;

	memcpy(&to4.sin_addr, frame->packet.dst.bytes, 4);
	memcpy(&to6.sin6_addr, frame->packet.dst.bytes, 16);
	n = sendto(router->raw[is_v6], data, size, 0, is_v6 ? (void *)&to6 : (void *)&to4,
		is_v6 ? sizeof(to6) : sizeof(to4));
	/* EPERM: a chain of OUTPUT dropped it; EINVAL: one changed it, and the way is a black hole */
	if (n != (ssize_t)size && errno != EPERM && errno != EINVAL)
		fail_msg("send from the host: %s", strerror(errno));
	return size;
}

size_t router_send(struct router *router, size_t from, struct net_frame *frame, uint64_t tag)
{
	static struct net_wire wires[NET_MAX_PIECES];
	size_t n;

	if (from == router->n_ports)
		return send_as_host(router, frame, tag);
	n = net_frame_build(frame, tag, wires, NET_MAX_PIECES);
	for (size_t i = 0; i < n; i++)
		if (send(router->ports[from].fd, wires[i].data, wires[i].size, 0) !=
			(ssize_t)wires[i].size)
			fail_msg("send to %s: %s", router->ports[from].name, strerror(errno));
	return wires[0].size - 14;
}

static void drain(struct router *router, int fd)
{
	uint8_t data[4096];
	ssize_t size;
	uint64_t tag;

	while ((size = recv(fd, data, sizeof(data), MSG_DONTWAIT)) >= 0) {
		uint32_t number;

		if (!net_tag_find(data, (size_t)size, &tag))
			continue;
		number = net_tag_number(tag);
		if (number >= router->size_seen) {
			size_t more = number + 65536;

			router->seen = realloc(router->seen, more);
			memset(router->seen + router->size_seen, 0, more - router->size_seen);
			router->size_seen = more;
		}
		router->seen[number] = 1;
	}
}

bool router_saw(struct router *router, uint64_t tag)
{
	uint32_t number = net_tag_number(tag);

	for (size_t i = 0; i < router->n_ports; i++)
		drain(router, router->ports[i].fd);
	for (size_t i = 0; i < router->n_hear; i++)
		drain(router, router->hear[i]);
	return number < router->size_seen && router->seen[number];
}
