// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Frames that pass one device, both ways (packet(7)): a packet that comes in is seen before anything drops it, one that leaves
 * when it is given to the device. The filter is attached before the socket is bound, so that nothing passes unfiltered.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "capture/internal.h"

#define RECEIVE_SIZE (2 << 20) /* of one socket: a thousand full frames */
#define FRAME_SIZE   2048      /* what is looked at of one; the rest is only counted */

static bool attach(int fd, const struct sock_filter *ops, size_t n, struct err *err)
{
	struct sock_fprog program = { .len = (unsigned short)n,
		.filter = (struct sock_filter *)ops };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0 ||
	       err_system(err, errno, "the kernel takes no filter for captured frames");
}

static bool attach_filter(int fd, const struct filter *filter, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	size_t n;
	const struct filter_op *ops = filter_ops(arena, filter, FRAME_SIZE, &n);
	struct sock_filter *program = arena_new_array(arena, struct sock_filter, n);

	for (size_t i = 0; i < n; i++)
		program[i] = (struct sock_filter){ ops[i].code, ops[i].jt, ops[i].jf, ops[i].k };
	return attach(fd, program, n, err);
}

static bool attach_nothing(int fd, struct err *err)
{
	static const struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);

	return attach(fd, &nothing, 1, err);
}

bool frame_socket_gate(
	struct frame_socket *socket, const struct filter *filter, bool is_open, struct err *err)
{
	return is_open ? attach_filter(socket->fd, filter, err) : attach_nothing(socket->fd, err);
}

static bool set_up(
	int fd, const struct filter *filter, const struct capture_point *point, struct err *err)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = point->link };
	int size = RECEIVE_SIZE, yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &yes, sizeof(yes));
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof(yes));
	return attach_filter(fd, filter, err) &&
	       (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 ||
		       err_system(err, errno, "cannot capture at %s", point->name));
}

bool frame_socket_open(const struct filter *filter, const struct capture_point *point,
	struct frame_socket *ret, struct err *err)
{
	/* protocol 0: it gets nothing before it is bound */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return err_system(err, errno, "cannot capture at %s", point->name);
	if (!set_up(fd, filter, point, err)) {
		close(fd);
		return false;
	}
	*ret = (struct frame_socket){ .fd = fd, .point = *point };
	return true;
}

void frame_socket_close(struct frame_socket *socket)
{
	if (socket->fd >= 0)
		close(socket->fd);
	socket->fd = -1;
}

static uint64_t time_of(struct msghdr *message)
{
	struct timespec time = { 0 };

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS)
			memcpy(&time, CMSG_DATA(c), sizeof(time));
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint16_t vlan_of(struct msghdr *message)
{
	struct tpacket_auxdata aux = { 0 };

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
		if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA)
			memcpy(&aux, CMSG_DATA(c), sizeof(aux));
	return aux.tp_status & TP_STATUS_VLAN_VALID ? aux.tp_vlan_tci & 0xfff : 0;
}

/* false: there is none, or errno. */
static bool take(struct frame_socket *socket, capture_each *each, void *data)
{
	uint8_t bytes[FRAME_SIZE];
	char control[256] __attribute__((aligned(8)));
	struct sockaddr_ll from;
	struct iovec piece = { bytes, sizeof(bytes) };
	struct msghdr message = { .msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct sighting sighting = { .kind = SIGHTING_FRAME };
	ssize_t got;

	do
		got = recvmsg(socket->fd, &message, MSG_TRUNC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return false;
	sighting.netns = socket->point.netns;
	sighting.link = socket->point.link;
	sighting.time_ns = time_of(&message);
	sighting.is_out = from.sll_pkttype == PACKET_OUTGOING;
	sighting.bytes = bytes;
	sighting.wire_size = (size_t)got;
	sighting.size = sighting.wire_size < sizeof(bytes) ? sighting.wire_size : sizeof(bytes);
	sighting.has_ethernet =
		from.sll_hatype == 1 || from.sll_hatype == 772; /* ARPHRD_ETHER, _LOOPBACK */
	sighting.ethertype = ntohs(from.sll_protocol);
	sighting.vlan_id = vlan_of(&message);
	each(data, &sighting);
	return true;
}

bool frame_socket_read(struct frame_socket *socket, size_t max, capture_each *each, void *data,
	size_t *ret_n, struct err *err)
{
	size_t n = 0;

	while (n < max && take(socket, each, data))
		n++;
	*ret_n = n;
	/* a device that goes down or away says so once, and has nothing any more */
	return n == max || errno == EAGAIN || errno == ENETDOWN || errno == ENXIO ||
	       err_system(err, errno, "cannot read the frames of %s", socket->point.name);
}

uint64_t frame_socket_lost(struct frame_socket *socket)
{
	struct tpacket_stats stats = { 0 };
	socklen_t size = sizeof(stats);

	return getsockopt(socket->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0
		       ? stats.tp_drops
		       : 0;
}
