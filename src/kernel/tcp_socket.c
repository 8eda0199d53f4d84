// SPDX-License-Identifier: GPL-2.0-or-later
/* Sockets of TCP: where the service is asked from elsewhere, when its configuration says so. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/kernel.h"

#define BACKLOG 128

static socklen_t address_of(const struct addr *addr, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (addr->family == FAMILY_IPV4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, addr->bytes, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, addr->bytes, 16);
	return sizeof(*v6);
}

static bool refuse(int sys, struct err *err)
{
	err_system(err, sys, "cannot listen there");
	switch (sys) {
	case EADDRINUSE:
		return err_next(err,
			"another process listens there; if it is portwall serve itself, at another address of "
			"the same port, restart it");
	case EADDRNOTAVAIL:
		return err_next(err, "the address is none of this host's");
	case EACCES:
		return err_next(err,
			"ports below 1024 need CAP_NET_BIND_SERVICE, which portwall.service has not");
	default:
		return false;
	}
}

bool kernel_tcp_listen(const struct addr *addr, uint16_t port, int *ret_fd, struct err *err)
{
	struct sockaddr_storage address;
	socklen_t size = address_of(addr, port, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), sys;
	const int yes = 1;

	if (fd < 0)
		return err_system(err, errno, "cannot make a socket");
	/* connections of the process before this one may still be closing */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
		(address.ss_family == AF_INET ||
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) == 0) &&
		bind(fd, (const struct sockaddr *)&address, size) == 0 &&
		listen(fd, BACKLOG) == 0) {
		*ret_fd = fd;
		return true;
	}
	sys = errno;
	close(fd);
	return refuse(sys, err);
}
