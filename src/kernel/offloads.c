// SPDX-License-Identifier: GPL-2.0-or-later
/* What devices do in place of the kernel, as far as it changes packets for others: two features, by ioctl, which needs no rights. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/reading.h"

/* 0, or an errno. */
static int ask(int fd, const char *device, uint32_t command, uint32_t *ret)
{
	struct ethtool_value value = { .cmd = command };
	struct ifreq request;

	memset(&request, 0, sizeof(request));
	strncpy(request.ifr_name, device, sizeof(request.ifr_name) - 1);
	request.ifr_data = (char *)&value;
	if (ioctl(fd, SIOCETHTOOL, &request) < 0)
		return errno;
	*ret = value.data;
	return 0;
}

/* A device without the feature says so, and one that has gone since is no longer anybody's. */
static bool is_answer(int sys)
{
	return sys == 0 || sys == EOPNOTSUPP || sys == ENODEV;
}

void reading_offloads(struct reading *reading)
{
	struct netns *ns = reading->ns;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), sys = fd < 0 ? errno : 0;

	for (size_t i = 0; i < ns->n_links && is_answer(sys); i++) {
		struct link *link = &ns->links[i];
		uint32_t checksum = 0, flags = 0;

		sys = ask(fd, link->name, ETHTOOL_GTXCSUM, &checksum);
		if (is_answer(sys))
			sys = ask(fd, link->name, ETHTOOL_GFLAGS, &flags);
		link->has_tx_checksum = checksum;
		link->has_lro = flags & ETH_FLAG_LRO;
	}
	if (!is_answer(sys)) {
		reading_unread(reading, "links has_tx_checksum", "%s", strerror(sys));
		reading_unread(reading, "links has_lro", "%s", strerror(sys));
	}
	if (fd >= 0)
		close(fd);
}
