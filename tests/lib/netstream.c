// SPDX-License-Identifier: GPL-2.0-or-later
#include "netstream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

static socklen_t sockaddr_of(const char *ip, uint16_t port, struct sockaddr_in6 *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;

	memset(ret, 0, sizeof(*ret));
	if (strchr(ip, ':')) {
		ret->sin6_family = AF_INET6;
		ret->sin6_port = htons(port);
		assert_int_equal(inet_pton(AF_INET6, ip, &ret->sin6_addr), 1);
		return sizeof(*ret);
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons(port);
	assert_int_equal(inet_pton(AF_INET, ip, &v4->sin_addr), 1);
	return sizeof(*v4);
}

static int socket_in(const struct world *world, const struct net_end *end, int family)
{
	int fd;

	if (end->ns >= 0)
		net_enter(end->ns);
	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	net_leave(world->net);
	assert_true(fd >= 0);
	return fd;
}

bool stream_try(struct world *world, const char *client, const char *server, const char *ip,
	uint16_t port, int timeout_ms, struct stream *ret)
{
	struct sockaddr_in6 addr;
	socklen_t size = sockaddr_of(ip, port, &addr);
	int family = strchr(ip, ':') ? AF_INET6 : AF_INET, one = 1;
	int listener = socket_in(world, world_end(world, server), family);
	struct stream c = { .client = socket_in(world, world_end(world, client), family),
		.server = -1 };
	struct pollfd wait = { .fd = listener, .events = POLLIN };

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&addr, size) != 0 || listen(listener, 1) != 0)
		fail_msg("%s port %u: %s", ip, port, strerror(errno));
	if (connect(c.client, (struct sockaddr *)&addr, size) != 0 && errno != EINPROGRESS)
		fail_msg("connect to %s port %u: %s", ip, port, strerror(errno));
	if (poll(&wait, 1, timeout_ms) == 1)
		c.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	close(listener);
	if (c.server < 0) {
		close(c.client);
		return false;
	}
	*ret = c;
	return true;
}

struct stream stream_open(
	struct world *world, const char *client, const char *server, const char *ip, uint16_t port)
{
	struct stream c = { -1, -1 };

	if (!stream_try(world, client, server, ip, port, STREAM_PATIENCE_MS, &c))
		fail_msg("no connection from %s to %s port %u", client, ip, port);
	return c;
}

bool stream_says(int from, int to, int timeout_ms)
{
	struct pollfd wait = { .fd = to, .events = POLLIN };
	char byte = 'x';

	if (send(from, &byte, 1, MSG_NOSIGNAL) != 1)
		return false;
	return poll(&wait, 1, timeout_ms) == 1 && recv(to, &byte, 1, 0) == 1;
}

bool stream_lives(const struct stream *c)
{
	return stream_says(c->client, c->server, STREAM_PATIENCE_MS) &&
	       stream_says(c->server, c->client, STREAM_PATIENCE_MS);
}

bool stream_goes_on(const struct stream *c)
{
	return stream_says(c->client, c->server, 30000) && stream_says(c->server, c->client, 30000);
}

static bool has_arrived(int fd)
{
	char byte;

	/* a reset of whoever is left without a connection is no answer */
	return recv(fd, &byte, 1, 0) == 1;
}

bool stream_is_dead(const struct stream *c)
{
	struct pollfd wait[] = { { .fd = c->client, .events = POLLIN },
		{ .fd = c->server, .events = POLLIN } };

	send(c->client, "x", 1, MSG_NOSIGNAL);
	send(c->server, "x", 1, MSG_NOSIGNAL);
	/* retransmissions come after 0.2, 0.6 and 1.4 s */
	poll(wait, 2, STREAM_SILENCE_MS);
	return !has_arrived(c->client) && !has_arrived(c->server);
}

void stream_end(struct stream *c)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(c->client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	setsockopt(c->server, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(c->client);
	close(c->server);
}
