// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A frame that is injected is received: once, unchanged, by the device that was named. The hosts are made here, with a bridge
 * that has a real tap, as of a VM, and a veth.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "capture/inject.h"
#include "net.h"
#include "packet/expr.h"
#include "packet/frame.h"

#define GUEST_PORT "aaaaaaaa-0000-4000-8000-000000000001"
#define GUEST_TAP  "tapaaaaaaaa-00"
#define GUEST_MAC  "02:00:00:00:00:0a"
#define VM_MAC	   "02:00:00:00:00:0b"
#define BRIDGE_MAC "02:00:00:00:fe:01"

/* NET_ROUTED: br0 is the host's own, with an address; a guest behind a veth, and a VM that holds its tap. */
struct place {
	struct net *net;
	struct net_end *guest;
	int vm; /* the tap's descriptor */
	char ns_path[64];
};

static int open_tap(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -1;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) != 0)
		fail_msg("%s: %s", name, strerror(errno));
	return fd;
}

static bool place_init(struct place *place)
{
	*place = (struct place){ .net = net_new(NET_ROUTED) };
	place->guest = net_add_guest(place->net, GUEST_PORT, GUEST_MAC);
	place->vm = open_tap("vm0");
	if (place->vm < 0)
		return false;
	net_sh("ip link set vm0 master br0 up && bridge fdb replace " VM_MAC
	       " dev vm0 master static");
	net_await_link("vm0");
	snprintf(place->ns_path, sizeof(place->ns_path), "/proc/self/fd/%d", place->net->ns);
	return true;
}

static void place_done(struct place *place)
{
	if (place->vm >= 0)
		close(place->vm);
	net_free(place->net);
}

#define with_place(place)                                                                          \
	struct place place CLEANUP(place_done);                                                    \
	if (!place_init(&(place)))                                                                 \
	skip_because("no /dev/net/tun")

struct wire {
	uint8_t bytes[4096];
	size_t size;
};

/* payload_size: of zeros, with a tag at the end by which a net_end knows it again. */
static struct wire wire_of(
	struct net *net, const char *text, size_t payload_size, uint64_t *ret_tag)
{
	uint8_t payload[4096] = { 0 };
	struct packet packet;
	struct wire wire = { 0 };
	struct err err;

	*ret_tag = net_new_tag(net);
	for (size_t i = 0; i < NET_TAG_SIZE; i++)
		payload[payload_size - 1 - i] = (uint8_t)(*ret_tag >> 8 * i);
	if (!packet_expr_parse(text, &packet, &err) ||
		!frame_build(&packet, payload, payload_size, wire.bytes, sizeof(wire.bytes),
			&wire.size, &err))
		fail_msg("%s: %s", text, err.text);
	return wire;
}

static void inject(const char *netns, const char *device, const struct wire *wire)
{
	struct inject *inject CLEANUP(inject_close) = NULL;
	struct err err;

	if (!inject_open(netns, &inject, &err) ||
		!inject_frame(inject, device, wire->bytes, wire->size, &err))
		fail_msg("%s: %s", device, err.text);
}

static void expect_error(struct place *place, const char *device, const struct wire *wire,
	enum err_kind kind, const char *text)
{
	struct inject *inject CLEANUP(inject_close) = NULL;
	struct err err = { 0 };

	if (!inject_open(place->ns_path, &inject, &err))
		fail_msg("%s", err.text);
	if (inject_frame(inject, device, wire->bytes, wire->size, &err))
		fail_msg("%s takes it", device);
	print_message("# %s (%s)\n", err.text, err.next_step);
	assert_int_equal(err.kind, kind);
	if (!strstr(err.text, text))
		fail_msg("not \"%s\" but \"%s\"", text, err.text);
}

/* What the VM receives next that has the tag; its size. */
static ssize_t vm_receive(const struct place *place, uint64_t tag, uint8_t *ret, size_t size)
{
	struct pollfd wait = { .fd = place->vm, .events = POLLIN };

	while (poll(&wait, 1, 10000) == 1) {
		ssize_t got = read(place->vm, ret, size);
		uint64_t found;

		if (got > 0 && net_tag_find(ret, (size_t)got, &found) && found == tag)
			return got;
	}
	return -1;
}

/* What is there, without the frames that the kernel sends by itself. */
static unsigned vm_more(const struct place *place, uint64_t tag)
{
	uint8_t bytes[4096];
	unsigned n = 0;
	ssize_t got;

	while ((got = read(place->vm, bytes, sizeof(bytes))) > 0) {
		uint64_t found;

		n += net_tag_find(bytes, (size_t)got, &found) && found == tag;
	}
	return n;
}

static const char *const packets[] = {
	"udp 10.0.0.11:1111 10.0.0.10:2222",
	"tcp 10.0.0.11:1111 10.0.0.10:2222",
	"icmp 10.0.0.11 10.0.0.10",
	"sctp 10.0.0.11:1111 10.0.0.10:2222",
	"ipip 10.0.0.11 10.0.0.10",
	"udp [2001:db8::b]:1 [2001:db8::a]:2",
	"udp 10.0.0.11:1111 10.0.0.10:2222 vlan 100",
};

static void what_a_vm_would_send_arrives_at_the_other_guest_once(void **state)
{
	with_place(place);
	(void)state;
	for (size_t i = 0; i < N_OF(packets); i++) {
		char text[200];
		uint8_t got[4096];
		struct wire wire;
		uint64_t tag;
		ssize_t size;

		snprintf(text, sizeof(text), "%s mac " VM_MAC " > " GUEST_MAC, packets[i]);
		wire = wire_of(place.net, text, 40, &tag);
		inject(NULL, "vm0", &wire);
		net_settle(place.net);
		/* a tagged one is given to packet sockets with its tag beside */
		if (!strstr(packets[i], "vlan")) {
			size = recv(place.guest->fd, got, sizeof(got), MSG_DONTWAIT);
			while (size > 0 && !net_tag_find(got, (size_t)size, &(uint64_t){ 0 }))
				size = recv(place.guest->fd, got, sizeof(got), MSG_DONTWAIT);
			print_message("# %s\n", packets[i]);
			assert_int_equal(size, wire.size);
			assert_memory_equal(got, wire.bytes, wire.size);
			assert_int_equal(net_saw_times(place.guest, tag), 0);
		} else {
			assert_int_equal(net_saw_times(place.guest, tag), 1);
		}
		assert_int_equal(vm_more(&place, tag), 0);
	}
}

static void what_the_other_end_of_a_veth_would_send_arrives_at_the_vm_once(void **state)
{
	with_place(place);
	(void)state;
	for (size_t i = 0; i < N_OF(packets); i++) {
		for (int at_peer = 0; at_peer < 2; at_peer++) {
			char text[200], path[64];
			uint8_t got[4096];
			struct wire wire;
			struct err err;
			uint64_t tag;

			snprintf(text, sizeof(text), "%s mac " GUEST_MAC " > " VM_MAC, packets[i]);
			snprintf(path, sizeof(path), "/proc/self/fd/%d", place.guest->ns);
			wire = wire_of(place.net, text, 40, &tag);
			if (!at_peer)
				inject(NULL, GUEST_TAP, &wire);
			else if (!inject_at_peer(path, "eth0", wire.bytes, wire.size, &err))
				fail_msg("%s", err.text);
			print_message("# %s\n", packets[i]);
			net_settle(place.net);
			assert_int_equal(vm_receive(&place, tag, got, sizeof(got)), wire.size);
			assert_memory_equal(got, wire.bytes, wire.size);
			assert_int_equal(vm_more(&place, tag), 0);
			assert_int_equal(net_saw_times(place.guest, tag), 0);
		}
	}
}

static void a_frame_for_the_host_reaches_its_socket(void **state)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(4000) };
	struct sockaddr_in from = { 0 };
	socklen_t size = sizeof(from);
	struct wire wire;
	uint8_t got[100];
	uint64_t tag;
	int fd;
	with_place(place);

	(void)state;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof(here)), 0);
	wire = wire_of(place.net,
		"udp 10.0.0.11:1111 " NET_BR0_IPV4 ":4000 mac " VM_MAC " > " BRIDGE_MAC, 32, &tag);
	inject(NULL, "vm0", &wire);
	net_settle(place.net);
	assert_int_equal(recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from, &size), 32);
	assert_int_equal(ntohs(from.sin_port), 1111);
	assert_int_equal(recv(fd, got, sizeof(got), 0), -1);
	/* the checksum is looked at */
	wire.bytes[wire.size - 1] ^= 1;
	inject(NULL, "vm0", &wire);
	net_settle(place.net);
	assert_int_equal(recv(fd, got, sizeof(got), 0), -1);
	close(fd);
}

static unsigned long counted(const char *device)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	char want[64];
	const char *at;

	if (!net_try_sh(&out, "nft list table bridge seen"))
		fail_msg("%s", out.data);
	snprintf(want, sizeof(want), "iifname \"%s\" counter packets ", device);
	at = strstr(out.data, want);
	if (!at)
		fail_msg("no rule of %s in %s", device, out.data);
	return at ? strtoul(at + strlen(want), NULL, 10) : 0;
}

static void netfilter_sees_the_device_that_was_named(void **state)
{
	struct wire wire;
	uint64_t tag;
	with_place(place);

	(void)state;
	net_sh("nft 'table bridge seen { chain c { type filter hook prerouting priority 0; "
	       "udp dport 2222 iifname \"vm0\" counter; udp dport 2222 iifname \"" GUEST_TAP
	       "\" counter; }; }'");
	wire = wire_of(place.net, "udp 10.0.0.11:1111 10.0.0.10:2222 mac " VM_MAC " > " GUEST_MAC,
		40, &tag);
	assert_int_equal(counted("vm0"), 0);
	inject(NULL, "vm0", &wire);
	net_settle(place.net);
	assert_int_equal(counted("vm0"), 1);
	assert_int_equal(counted(GUEST_TAP), 0);
	inject(NULL, GUEST_TAP, &wire);
	net_settle(place.net);
	assert_int_equal(counted("vm0"), 1);
	assert_int_equal(counted(GUEST_TAP), 1);
}

static void another_namespace_is_entered_and_left(void **state)
{
	unsigned here;
	struct wire wire;
	uint64_t tag;
	with_place(place);

	(void)state;
	net_enter(place.guest->ns);
	here = if_nametoindex("eth0");
	assert_int_not_equal(here, 0);
	assert_int_equal(if_nametoindex("vm0"), 0);
	wire = wire_of(place.net, "udp 10.0.0.11:1111 10.0.0.10:2222 mac " VM_MAC " > " GUEST_MAC,
		40, &tag);
	inject(place.ns_path, "vm0", &wire);
	assert_int_equal(if_nametoindex("eth0"), here);
	net_leave(place.net);
	net_settle(place.net);
	assert_int_equal(net_saw_times(place.guest, tag), 1);
}

static void what_cannot_be_received_is_an_error(void **state)
{
	struct inject *inject CLEANUP(inject_close) = NULL;
	struct wire wire, runt = { .size = 13 };
	struct err err;
	uint64_t tag;
	with_place(place);

	(void)state;
	wire = wire_of(place.net, "udp 10.0.0.11:1111 10.0.0.10:2222 mac " VM_MAC " > " GUEST_MAC,
		40, &tag);
	expect_error(&place, "none0", &wire, ERR_INPUT, "no device none0");
	expect_error(&place, "", &wire, ERR_INPUT, "no device");
	expect_error(&place, "a_name_that_is_too_long", &wire, ERR_INPUT, "no device");
	expect_error(&place, "vm0", &runt, ERR_INPUT, "13 bytes");
	net_sh("ip link add down9 type bridge && ip tuntap add dev tun9 mode tun && "
	       "ip link set tun9 up && ip tuntap add dev gone0 mode tap && ip link set gone0 up");
	expect_error(&place, "down9", &wire, ERR_SYSTEM, "down9 is down");
	expect_error(&place, "tun9", &wire, ERR_INPUT, "no Ethernet device");
	expect_error(&place, "gone0", &wire, ERR_SYSTEM, "no carrier");
	assert_false(inject_open("/run/netns/that-is-not-there", &inject, &err));
	assert_int_equal(err.kind, ERR_INPUT);
	assert_false(inject_at_peer(NULL, "vm0", wire.bytes, wire.size, &err));
	assert_non_null(strstr(err.text, "no veth"));
	net_settle(place.net);
	assert_int_equal(net_saw_times(place.guest, tag), 0);
}

static void who_may_not_is_told_what_is_missing(void **state)
{
	struct inject *inject CLEANUP(inject_close) = NULL;
	uint8_t frame[60] = { 0 };
	struct err err = { 0 }, at_peer = { 0 };
	bool ok;
	with_place(place);

	(void)state;
	assert_int_equal(seteuid(65534), 0);
	ok = inject_open(NULL, &inject, &err) ||
	     inject_at_peer(NULL, GUEST_TAP, frame, sizeof(frame), &at_peer);
	assert_int_equal(seteuid(0), 0);
	assert_false(ok);
	assert_int_equal(err.sys, EPERM);
	assert_non_null(strstr(err.next_step, "CAP_BPF"));
	assert_int_equal(at_peer.sys, EPERM);
	assert_non_null(strstr(at_peer.next_step, "CAP_NET_RAW"));
}

static void frames_are_as_long_as_the_device_allows(void **state)
{
	struct wire wire;
	uint64_t tag;
	with_place(place);

	(void)state;
#define BETWEEN "udp 10.0.0.11:1 10.0.0.10:2 mac " VM_MAC " > " GUEST_MAC
	wire = wire_of(place.net, BETWEEN, 1500 - 28, &tag);
	inject(NULL, "vm0", &wire);
	net_settle(place.net);
	assert_int_equal(net_saw_times(place.guest, tag), 1);
	wire = wire_of(place.net, BETWEEN " vlan 5", 1500 - 28, &tag);
	inject(NULL, "vm0", &wire);
	net_settle(place.net);
	assert_int_equal(net_saw_times(place.guest, tag), 1);
	wire = wire_of(place.net, BETWEEN, 1500 - 28 + 1, &tag);
	expect_error(&place, "vm0", &wire, ERR_INPUT, "its MTU is 1500");
	/* more than a page has room for */
	net_sh("ip link set vm0 mtu 9000");
	net_ip(place.net->ns, "link set " GUEST_TAP " mtu 9000\n");
	net_ip(place.guest->ns, "link set eth0 mtu 9000\n");
	wire = wire_of(place.net, BETWEEN, 3072 - 14 - 28, &tag);
	inject(NULL, "vm0", &wire);
	net_settle(place.net);
	assert_int_equal(net_saw_times(place.guest, tag), 1);
	wire = wire_of(place.net, BETWEEN, 4000, &tag);
	expect_error(&place, "vm0", &wire, ERR_INPUT, "less than a page");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_vm_would_send_arrives_at_the_other_guest_once),
		cmocka_unit_test(what_the_other_end_of_a_veth_would_send_arrives_at_the_vm_once),
		cmocka_unit_test(a_frame_for_the_host_reaches_its_socket),
		cmocka_unit_test(netfilter_sees_the_device_that_was_named),
		cmocka_unit_test(another_namespace_is_entered_and_left),
		cmocka_unit_test(what_cannot_be_received_is_an_error),
		cmocka_unit_test(who_may_not_is_told_what_is_missing),
		cmocka_unit_test(frames_are_as_long_as_the_device_allows),
	};

	if (!net_main())
		return 0;
	return net_exit(cmocka_run_group_tests(tests, NULL, NULL));
}
