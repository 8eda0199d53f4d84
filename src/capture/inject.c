// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/inject.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/bpf.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/vec.h"
#include "packet/packet.h"

#define OWN		 "/proc/thread-self/ns/net"
#define ETHERNET_SIZE	 14
#define VLAN_SIZE	 4
#define LINK_BUFFER_SIZE 32768 /* a link's message is a few KiB */
/* What is left of a page beside the kernel's own data, at the least; the kernel knows better, and says EINVAL. */
#define PAGE_ROOM 3072

struct inject {
	int program;
	int netns; /* -1: where the process is */
};

/* A frame on its way. */
struct shot {
	const char *device;
	const uint8_t *frame;
	size_t size;
	int program;
};

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* --- the device --- */

struct device {
	int index;
	unsigned type, flags, mtu;
	bool is_veth;
};

static int read_info(const struct nlattr *attr, void *data)
{
	struct device *ret = data;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		ret->is_veth = !strcmp(mnl_attr_get_str(attr), "veth");
	return MNL_CB_OK;
}

static int read_attr(const struct nlattr *attr, void *data)
{
	struct device *ret = data;

	if (mnl_attr_get_type(attr) == IFLA_MTU)
		ret->mtu = mnl_attr_get_u32(attr);
	else if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
		mnl_attr_parse_nested(attr, read_info, ret);
	return MNL_CB_OK;
}

static int read_link(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(nlh);
	struct device *ret = data;

	ret->index = link->ifi_index;
	ret->type = link->ifi_type;
	ret->flags = link->ifi_flags;
	mnl_attr_parse(nlh, sizeof(*link), read_attr, ret);
	return MNL_CB_STOP;
}

/* Of the present namespace; 0 or errno. */
static int ask_link(struct mnl_socket *nl, const char *name, struct device *ret)
{
	_Alignas(struct nlmsghdr) char buf[LINK_BUFFER_SIZE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	ssize_t got;

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = 1;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
		mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return errno;
	got = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	if (got < 0 ||
		mnl_cb_run(buf, (size_t)got, 1, mnl_socket_get_portid(nl), read_link, ret) < 0)
		return errno;
	return 0;
}

static bool read_device(const char *name, struct device *ret, struct err *err)
{
	struct mnl_socket *nl;
	int sys = ENODEV;

	*ret = (struct device){ 0 };
	if (*name && strlen(name) < IFNAMSIZ) {
		nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
		sys = nl ? ask_link(nl, name, ret) : errno;
		if (nl)
			mnl_socket_close(nl);
	}
	if (sys == ENODEV) {
		err_input(err, "there is no device %s in this network namespace", name);
		return err_next(err, "\"ip -br link\" lists those that there are");
	}
	return sys == 0 || err_system(err, sys, "cannot read the device %s", name);
}

static bool is_tagged(const struct shot *shot)
{
	unsigned type = (unsigned)shot->frame[12] << 8 | shot->frame[13];

	return shot->size >= ETHERNET_SIZE + VLAN_SIZE &&
	       (type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ);
}

/* Would the frame be received, or be sent by it? */
static bool check_device(const struct shot *shot, struct device *ret, struct err *err)
{
	size_t max;

	if (shot->size < ETHERNET_SIZE)
		return err_input(err,
			"a frame of %zu bytes has no whole Ethernet header, which is %d",
			shot->size, ETHERNET_SIZE);
	if (!read_device(shot->device, ret, err))
		return false;
	if (ret->type != ARPHRD_ETHER)
		return err_input(
			err, "%s is no Ethernet device: no frame comes in by it", shot->device);
	if (!(ret->flags & IFF_UP)) {
		err_system(err, 0, "%s is down", shot->device);
		return err_next(err, "ip link set %s up", shot->device);
	}
	if (!(ret->flags & IFF_LOWER_UP)) {
		err_system(err, 0, "%s has no carrier", shot->device);
		return err_next(err,
			"a tap has it while a VM runs, a veth while its other end is up, "
			"a NIC with a cable");
	}
	max = (size_t)ret->mtu + ETHERNET_SIZE + (is_tagged(shot) ? VLAN_SIZE : 0);
	if (shot->size > max)
		return err_input(err, "the frame has %zu bytes, and %s takes %zu (its MTU is %u)",
			shot->size, shot->device, max, ret->mtu);
	return true;
}

/* --- in a namespace --- */

static bool open_netns(const char *path, int *ret, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		bool is_wrong = errno == ENOENT;

		err_system(err, errno, "cannot open the network namespace %s", path);
		if (is_wrong)
			err->kind = ERR_INPUT;
		return false;
	}
	*ret = fd;
	return true;
}

/* Does the work in the namespace (-1: here), and comes back. */
static bool work_there(int netns, bool (*work)(const struct shot *shot, struct err *err),
	const struct shot *shot, struct err *err)
{
	int own CLEANUP(close_fd) = -1;
	bool ok;

	if (netns < 0)
		return work(shot, err);
	if (!open_netns(OWN, &own, err))
		return false;
	if (setns(netns, CLONE_NEWNET) < 0) {
		err_system(err, errno, "cannot enter the network namespace");
		return err_next(err, "run it as root, or with CAP_SYS_ADMIN");
	}
	ok = work(shot, err);
	if (setns(own, CLONE_NEWNET) < 0)
		return err_system(err, errno, "cannot return from the network namespace");
	return ok;
}

/* --- received --- */

static bool fail_run(const struct shot *shot, int sys, struct err *err)
{
	err_system(err, sys, "the kernel does not take a frame as received on %s", shot->device);
	if (sys == EINVAL && shot->size > PAGE_ROOM) {
		err_input(err, "the frame has %zu bytes, and the kernel takes less than a page",
			shot->size);
		return err_next(err, "a smaller frame (%d bytes) will do", PAGE_ROOM);
	}
	if (sys == EINVAL || sys == EOPNOTSUPP)
		return err_next(err, "it needs Linux 5.18 or later");
	return false;
}

static bool receive_here(const struct shot *shot, struct err *err)
{
	struct xdp_md where = { .data_end = (uint32_t)shot->size };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = shot->frame,
		.data_size_in = (uint32_t)shot->size, .ctx_in = &where,
		.ctx_size_in = sizeof(where), .repeat = 1, .batch_size = 1,
		.flags = BPF_F_TEST_XDP_LIVE_FRAMES);
	struct device device;
	int result;

	if (!check_device(shot, &device, err))
		return false;
	where.ingress_ifindex = (uint32_t)device.index;
	result = bpf_prog_test_run_opts(shot->program, &options);
	return result == 0 || fail_run(shot, -result, err);
}

static bool load_program(int *ret, struct err *err)
{
	static const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "portwall_inject", "GPL", pass, N_OF(pass), NULL);

	if (fd >= 0) {
		*ret = fd;
		return true;
	}
	err_system(err, -fd, "the kernel takes no BPF program");
	if (fd == -EPERM)
		return err_next(err,
			"run it as root, or with CAP_BPF and CAP_NET_ADMIN; a container is "
			"often denied bpf(2) whatever it has");
	if (fd == -ENOSYS)
		return err_next(err, "it needs a kernel with CONFIG_BPF_SYSCALL");
	return false;
}

bool inject_open(const char *netns, struct inject **ret, struct err *err)
{
	int there CLEANUP(close_fd) = -1;
	struct inject *inject;
	int program = -1;

	if ((netns && !open_netns(netns, &there, err)) || !load_program(&program, err))
		return false;
	inject = new_or_die(sizeof(*inject));
	*inject = (struct inject){ .program = program, .netns = there };
	there = -1;
	*ret = inject;
	return true;
}

void inject_close(struct inject **inject)
{
	if (!*inject)
		return;
	close_fd(&(*inject)->program);
	close_fd(&(*inject)->netns);
	free(*inject);
	*inject = NULL;
}

bool inject_frame(struct inject *inject, const char *device, const uint8_t *frame, size_t size,
	struct err *err)
{
	const struct shot shot = {
		.device = device, .frame = frame, .size = size, .program = inject->program
	};

	return work_there(inject->netns, receive_here, &shot, err);
}

/* --- sent by the other end --- */

static bool send_here(const struct shot *shot, struct err *err)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	int fd CLEANUP(close_fd) = -1;
	struct device device;
	ssize_t sent;

	if (!check_device(shot, &device, err))
		return false;
	if (!device.is_veth)
		return err_input(err,
			"%s is no veth: what is sent by it does not come in at "
			"another device of this host",
			shot->device);
	/* of protocol 0 it hears nothing */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		err_system(err, errno, "no packet socket");
		return err_next(err, "run it as root, or with CAP_NET_RAW");
	}
	to.sll_ifindex = device.index;
	sent = sendto(fd, shot->frame, shot->size, 0, (struct sockaddr *)&to, sizeof(to));
	if (sent < 0)
		return err_system(err, errno, "cannot send by %s", shot->device);
	return true;
}

bool inject_at_peer(const char *peer_netns, const char *peer, const uint8_t *frame, size_t size,
	struct err *err)
{
	const struct shot shot = { .device = peer, .frame = frame, .size = size, .program = -1 };
	int there CLEANUP(close_fd) = -1;

	if (peer_netns && !open_netns(peer_netns, &there, err))
		return false;
	return work_there(there, send_here, &shot, err);
}
