// SPDX-License-Identifier: GPL-2.0-or-later
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <time.h>

#include "nettool.h"
#include "unit.h"

/* Rounds of net_settle; the longest way is tap, qvo, qvb, eth0 and has four hops. */
#define SETTLE_ROUNDS 8

static int open_ns(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail_msg("/proc/self/ns/net: %s", strerror(errno));
	return fd;
}

static void write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	close(fd);
}

void net_enter(int ns)
{
	if (setns(ns, CLONE_NEWNET) != 0)
		fail_msg("setns: %s", strerror(errno));
}

void net_leave(const struct net *net)
{
	net_enter(net->ns);
}

static void quiet_ns(void)
{
	write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	write_file("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
	write_file("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
	write_file("/proc/sys/net/ipv6/conf/default/accept_ra", "0");
	write_file("/proc/sys/net/ipv6/conf/default/router_solicitations", "0");
}

/* A new namespace, without IPv6 of its own; leaves the process in it. */
int net_new_ns(void)
{
	if (unshare(CLONE_NEWNET) != 0)
		fail_msg("unshare: %s", strerror(errno));
	quiet_ns();
	return open_ns();
}

static int open_packet_socket(const char *device)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
	int size = 64 << 20;
	struct sockaddr_ll addr = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(device) };

	if (fd < 0 || !addr.sll_ifindex)
		fail_msg("no packet socket on %s: %s", device, strerror(errno));
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		fail_msg("bind to %s: %s", device, strerror(errno));
	return fd;
}

static void set_mac(struct mac *mac, const char *text)
{
	if (!mac_parse(text, mac))
		fail_msg("no MAC: %s", text);
}

static struct net_end *new_end(struct net *net, const char *name, const char *mac)
{
	struct net_end *end = calloc(1, sizeof(*end));

	*end = (struct net_end){ .net = net, .ns = -1, .fd = -1, .raw = { -1, -1 } };
	snprintf(end->name, sizeof(end->name), "%s", name);
	set_mac(&end->mac, mac);
	return end;
}

static void free_end(struct net_end *end)
{
	if (!end)
		return;
	for (size_t i = 0; i < end->n_hear; i++)
		close(end->hear[i]);
	for (int i = 0; i < N_IP_FAMILIES; i++) {
		if (end->raw[i] >= 0)
			close(end->raw[i]);
	}
	if (end->fd >= 0)
		close(end->fd);
	if (end->ns >= 0)
		close(end->ns);
	free(end->seen);
	free(end);
}

static bool is_running(const char *device)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };
	bool is_up;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	is_up = ioctl(fd, SIOCGIFFLAGS, &request) == 0 && request.ifr_flags & IFF_RUNNING;
	/* takes the lock under which the kernel makes the link ready, and is therefore behind that */
	is_up = is_up && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	close(fd);
	return is_up;
}

void net_await_link(const char *device)
{
	const struct timespec tick = { .tv_nsec = 1000000 };

	for (int ms = 0; !is_running(device); ms++) {
		if (ms == 120000)
			fail_msg("%s does not come up", device);
		nanosleep(&tick, NULL);
	}
}

/* The end's namespace with eth0; its other side is the end's tap in the present one. */
static void plug_end(struct net_end *end, int host_ns)
{
	struct text mac CLEANUP(text_done) = TEXT_INIT;

	mac_print(&mac, end->mac);
	end->ns = net_new_ns();
	net_enter(host_ns);
	net_ip(host_ns, "link add %s up type veth peer name eth0 address %s netns /proc/%d/fd/%d\n",
		end->tap, mac.data, getpid(), end->ns);
	net_ip(end->ns, "link set lo up\nlink set eth0 up\n");
	net_enter(end->ns);
	net_await_link("eth0");
	end->fd = open_packet_socket("eth0");
	net_enter(host_ns);
	net_await_link(end->tap);
}

static void add_bridge(int ns, const char *name, const char *mac, bool nf_call)
{
	net_ip(ns,
		"link add %s address %s up type bridge forward_delay 0 mcast_snooping 0 "
		"nf_call_iptables %d nf_call_ip6tables %d\n",
		name, mac, nf_call, nf_call);
}

static void plug_into(int ns, const char *port, const char *bridge)
{
	net_ip(ns, "link set %s master %s up\nlink set %s type bridge_slave learning off\n", port,
		bridge, port);
}

/* Tells a bridge where a MAC lives. */
static void learn(int ns, const struct mac *mac, const char *port)
{
	struct text line CLEANUP(text_done) = TEXT_INIT;
	static const char *const argv[] = { "bridge", "-batch", "-", NULL };
	struct text out CLEANUP(text_done) = TEXT_INIT;
	int back = open_ns();

	text_add(&line, "fdb replace ");
	mac_print(&line, *mac);
	text_addf(&line, " dev %s master static\n", port);
	net_enter(ns);
	if (!net_try(line.data, &out, argv))
		fail_msg("bridge %s%s", line.data, out.data);
	net_enter(back);
	close(back);
}

static void add_outside(struct net *net)
{
	struct net_end *end = new_end(net, "outside", "02:00:00:00:ff:02");

	net->outside = end;
	net->outside_mac = end->mac;
	if (net->kind == NET_ROUTED) {
		set_mac(&net->wan_mac, "02:00:00:00:ff:01");
		strcpy(end->tap, "wan0");
		plug_end(end, net->ns);
		write_file("/proc/sys/net/ipv6/conf/wan0/disable_ipv6", "0");
		net_ip(net->ns,
			"link set wan0 address 02:00:00:00:ff:01\n"
			"address add " NET_WAN_IPV4 "/24 dev wan0\n"
			"address add " NET_WAN_IPV6 "/64 dev wan0 nodad\n"
			"neighbour add " NET_OUTSIDE_IPV4 " lladdr 02:00:00:00:ff:02 dev wan0\n"
			"neighbour add " NET_OUTSIDE_IPV6 " lladdr 02:00:00:00:ff:02 dev wan0\n"
			"route add default via " NET_OUTSIDE_IPV4 "\n"
			"route add ::/0 via " NET_OUTSIDE_IPV6 "\n");
		return;
	}
	strcpy(end->tap, "up0");
	if (net->kind == NET_HYBRID) {
		net_enter(net->middle);
		add_bridge(net->middle, "br-int", "02:00:00:00:fe:01", false);
		plug_end(end, net->middle);
		plug_into(net->middle, "up0", "br-int");
		learn(net->middle, &end->mac, "up0");
		net_enter(net->ns);
	} else {
		strcpy(end->bridge, "br0");
		plug_end(end, net->ns);
		plug_into(net->ns, "up0", "br0");
		learn(net->ns, &end->mac, "up0");
	}
}

/* Protocols of which the host's end hears what came through INPUT. */
static const uint8_t heard_protocols[] = { PROTO_TCP, PROTO_UDP, PROTO_UDPLITE, PROTO_DCCP,
	PROTO_SCTP, PROTO_IPIP, 47, 50, 112, 250 };

static void hear(struct net_end *end, int family, int proto)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, proto), size = 8 << 20;

	if (fd < 0)
		fail_msg("raw socket of protocol %d: %s", proto, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	end->hear[end->n_hear++] = fd;
}

static void add_host(struct net *net)
{
	struct net_end *end = new_end(net, "host", "02:00:00:00:fe:01");

	net->host = end;
	strcpy(end->bridge, "br0");
	end->raw[0] = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	end->raw[1] = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	for (size_t i = 0; i < N_OF(heard_protocols); i++) {
		hear(end, AF_INET, heard_protocols[i]);
		hear(end, AF_INET6, heard_protocols[i]);
	}
	hear(end, AF_INET, PROTO_ICMP);
	hear(end, AF_INET6, PROTO_ICMPV6);
}

static void add_routing(struct net *net)
{
	write_file("/proc/sys/net/ipv6/conf/br0/disable_ipv6", "0");
	net_ip(net->ns, "address add " NET_BR0_IPV4 "/24 dev br0\n"
			"address add " NET_BR0_IPV6 "/64 dev br0 nodad\n"
			"address add fe80::1/64 dev br0 nodad\n");
	write_file("/proc/sys/net/ipv4/ip_forward", "1");
	write_file("/proc/sys/net/ipv6/conf/all/forwarding", "1");
	write_file("/proc/sys/net/ipv4/conf/all/rp_filter", "0");
	write_file("/proc/sys/net/ipv4/conf/default/rp_filter", "0");
}

struct net *net_new(enum net_kind kind)
{
	struct net *net = calloc(1, sizeof(*net));

	*net = (struct net){ .kind = kind, .middle = -1 };
	if (kind == NET_HYBRID)
		net->middle = net_new_ns();
	net->ns = net_new_ns();
	write_file("/proc/sys/net/bridge/bridge-nf-call-iptables", "0");
	write_file("/proc/sys/net/bridge/bridge-nf-call-ip6tables", "0");
	write_file("/proc/sys/net/bridge/bridge-nf-call-arptables", "0");
	set_mac(&net->bridge_mac, "02:00:00:00:fe:01");
	net_ip(net->ns, "link set lo up\n");
	if (kind != NET_HYBRID)
		add_bridge(net->ns, "br0", "02:00:00:00:fe:01", true);
	if (kind == NET_ROUTED)
		add_routing(net);
	add_outside(net);
	if (kind == NET_ROUTED)
		add_host(net);

	net->clock[0] = net_new_ns();
	net_ip(net->clock[0], "link add tick up type veth peer name tock\nlink set tock up\n");
	close(net->clock[0]);
	net_await_link("tick");
	net_await_link("tock");
	net->clock[0] = open_packet_socket("tick");
	net->clock[1] = open_packet_socket("tock");
	net_enter(net->ns);
	return net;
}

void net_free(struct net *net)
{
	if (!net)
		return;
	for (size_t i = 0; i < net->n_ends; i++)
		free_end(net->ends[i]);
	free_end(net->outside);
	free_end(net->host);
	close(net->clock[0]);
	close(net->clock[1]);
	if (net->middle >= 0)
		close(net->middle);
	close(net->ns);
	free(net);
}

void net_freep(struct net **net)
{
	net_free(*net);
}

static void plug_hybrid(struct net_end *end)
{
	struct net *net = end->net;
	char qvo[16];

	snprintf(end->bridge, sizeof(end->bridge), "qbr%s", end->key);
	snprintf(end->peer, sizeof(end->peer), "qvb%s", end->key);
	snprintf(qvo, sizeof(qvo), "qvo%s", end->key);
	add_bridge(net->ns, end->bridge, "02:00:00:00:fd:01", true);
	net_ip(net->ns, "link add %s up type veth peer name %s netns /proc/%d/fd/%d\n", end->peer,
		qvo, getpid(), net->middle);
	plug_into(net->middle, qvo, "br-int");
	plug_into(net->ns, end->peer, end->bridge);
	net_await_link(end->peer);
	net_enter(net->middle);
	net_await_link(qvo);
	net_enter(net->ns);
	learn(net->middle, &end->mac, qvo);
	for (size_t i = 0; i < net->n_ends; i++) {
		learn(net->ns, &net->ends[i]->mac, end->peer);
		learn(net->ns, &end->mac, net->ends[i]->peer);
	}
	learn(net->ns, &net->outside->mac, end->peer);
}

struct net_end *net_add_guest(struct net *net, const char *port_id, const char *mac)
{
	char name[2] = { (char)('A' + net->n_ends), '\0' };
	struct net_end *end = new_end(net, name, mac);

	if (net->n_ends == NET_MAX_ENDS)
		fail_msg("more than %d guests", NET_MAX_ENDS);
	snprintf(end->key, sizeof(end->key), "%s", port_id);
	snprintf(end->tap, sizeof(end->tap), "tap%s", end->key);
	strcpy(end->bridge, "br0");
	plug_end(end, net->ns);
	if (net->kind == NET_HYBRID)
		plug_hybrid(end);
	plug_into(net->ns, end->tap, end->bridge);
	learn(net->ns, &end->mac, end->tap);
	net_await_link(end->bridge);
	net->ends[net->n_ends++] = end;
	return end;
}

void net_remove_guest(struct net_end *end)
{
	struct net *net = end->net;
	size_t i = 0;

	net_ip(net->ns, "link del %s\n", end->tap);
	if (net->kind == NET_HYBRID)
		net_ip(net->ns, "link del %s\nlink del %s\n", end->peer, end->bridge);
	while (net->ends[i] != end)
		i++;
	for (net->n_ends--; i < net->n_ends; i++)
		net->ends[i] = net->ends[i + 1];
	free_end(end);
}

void net_add_neighbour(struct net *net, const char *ip, const struct net_end *end)
{
	struct text mac CLEANUP(text_done) = TEXT_INIT;

	mac_print(&mac, end->mac);
	net_ip(net->ns, "neighbour replace %s lladdr %s dev %s nud permanent\n", ip, mac.data,
		end == net->outside ? "wan0" : "br0");
}

void net_add_address(struct net_end *end, const char *prefix, const char *gateway)
{
	net_enter(end->ns);
	if (strchr(prefix, ':'))
		write_file("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "0");
	net_leave(end->net);
	net_ip(end->ns, "address add %s dev eth0%s\n", prefix, strchr(prefix, ':') ? " nodad" : "");
	if (gateway)
		net_ip(end->ns, "route add default via %s\n", gateway);
}

uint64_t net_new_tag(struct net *net)
{
	return net_tag(++net->n_tags);
}

void net_send_wire(struct net_end *from, const struct net_wire *wire)
{
	struct pollfd wait = { .fd = from->fd, .events = POLLOUT };

	/* net.core.netdev_max_backlog is 1000, for all that use this processor */
	if (++from->net->n_unsettled == 100)
		net_settle(from->net);
	while (send(from->fd, wire->data, wire->size, 0) != (ssize_t)wire->size) {
		if (errno != EAGAIN && errno != ENOBUFS)
			fail_msg("send of %zu bytes from %s: %s", wire->size, from->name,
				strerror(errno));
		poll(&wait, 1, 100);
	}
}

static void send_as_host(struct net_end *from, const struct net_frame *frame, uint64_t tag)
{
	enum family family = frame->packet.dst.family;
	struct sockaddr_in to4 = { .sin_family = AF_INET };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6 };
	uint8_t data[NET_FRAME_SIZE];
	size_t size = net_packet_build(frame, tag, data, sizeof(data));
	ssize_t n;

	memcpy(&to4.sin_addr, frame->packet.dst.bytes, 4);
	memcpy(&to6.sin6_addr, frame->packet.dst.bytes, 16);
	n = sendto(from->raw[family], data, size, 0,
		family == FAMILY_IPV6 ? (void *)&to6 : (void *)&to4,
		family == FAMILY_IPV6 ? sizeof(to6) : sizeof(to4));
	/* EPERM: a chain of OUTPUT dropped it, which is an answer too */
	if (n != (ssize_t)size && errno != EPERM)
		fail_msg("send from the host: %s", strerror(errno));
}

uint64_t net_send(struct net_end *from, const struct net_frame *frame)
{
	uint64_t tag = net_new_tag(from->net);

	if (from->ns < 0) {
		send_as_host(from, frame, tag);
	} else {
		struct net_wire wires[NET_MAX_PIECES];
		size_t n = net_frame_build(frame, tag, wires, N_OF(wires));

		for (size_t i = 0; i < n; i++)
			net_send_wire(from, &wires[i]);
	}
	return tag;
}

void net_settle(struct net *net)
{
	uint8_t frame[60] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5 }, got[60];

	net->n_unsettled = 0;
	for (int i = 0; i < SETTLE_ROUNDS; i++) {
		struct pollfd wait = { .fd = net->clock[1], .events = POLLIN };

		if (send(net->clock[0], frame, sizeof(frame), 0) != sizeof(frame))
			fail_msg("the clock does not tick: %s", strerror(errno));
		while (recv(net->clock[1], got, sizeof(got), MSG_DONTWAIT) < 0) {
			if (poll(&wait, 1, 120000) != 1)
				fail_msg("the clock stands");
		}
	}
}

static void note(struct net_end *end, const uint8_t *data, size_t size)
{
	uint64_t tag;
	uint32_t number;

	if (!net_tag_find(data, size, &tag)) {
		end->n_strays++;
		return;
	}
	number = net_tag_number(tag);
	if (number >= end->size_seen) {
		size_t more = number + 4096;

		end->seen = realloc(end->seen, more);
		memset(end->seen + end->size_seen, 0, more - end->size_seen);
		end->size_seen = more;
	}
	if (end->seen[number] < UINT8_MAX)
		end->seen[number]++;
}

static void drain(struct net_end *end, int fd)
{
	uint8_t data[65536];
	ssize_t size;

	while ((size = recv(fd, data, sizeof(data), MSG_DONTWAIT)) >= 0)
		note(end, data, (size_t)size);
}

unsigned net_noted_times(const struct net_end *at, uint64_t tag)
{
	return net_tag_number(tag) < at->size_seen ? at->seen[net_tag_number(tag)] : 0;
}

unsigned net_saw_times(struct net_end *at, uint64_t tag)
{
	if (at->fd >= 0)
		drain(at, at->fd);
	for (size_t i = 0; i < at->n_hear; i++)
		drain(at, at->hear[i]);
	return net_noted_times(at, tag);
}

bool net_saw(struct net_end *at, uint64_t tag)
{
	return net_saw_times(at, tag) > 0;
}

bool net_wait_for(bool (*done)(void *data), void *data, unsigned timeout_ms)
{
	const struct timespec tick = { .tv_nsec = 5000000 };

	for (unsigned ms = 0; !done(data); ms += 5) {
		if (ms >= timeout_ms)
			return false;
		nanosleep(&tick, NULL);
	}
	return true;
}
