// SPDX-License-Identifier: GPL-2.0-or-later
/* The process that looks at passwords: it knows one of them at a time, and nothing else. */
#include "api/api.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "api/credentials.h"

static bool must_wait(int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	return (errno == EAGAIN || errno == EINTR) && (poll(&poller, 1, -1) > 0 || errno == EINTR);
}

/* False: the door has gone. */
static bool receive(int fd, struct verifier_task *ret)
{
	size_t size = 0;

	while (size < sizeof(*ret)) {
		ssize_t got = recv(fd, (char *)ret + size, sizeof(*ret) - size, 0);

		if (got > 0)
			size += (size_t)got;
		else if (got == 0 || !must_wait(fd))
			return false;
	}
	return true;
}

void api_verify(int peer)
{
	char nobodys[PASSWORD_HASH_SIZE] = "", password[TOKEN_LEN + 1];
	struct verifier_task task;
	struct err err;

	/* What is compared with where there is nothing to compare with: a hash of the same cost, of what nobody has. */
	token_make(password);
	if (!password_hash(password, nobodys, &err))
		return;
	secret_wipe(password, sizeof(password));
	while (receive(peer, &task)) {
		char matches;

		task.hash[sizeof(task.hash) - 1] = '\0';
		task.password[sizeof(task.password) - 1] = '\0';
		matches = (char)password_matches(*task.hash ? task.hash : nobodys, task.password);
		matches = (char)(*task.hash && matches);
		secret_wipe(&task, sizeof(task));
		if (send(peer, &matches, 1, MSG_NOSIGNAL) != 1)
			return;
	}
}
