// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The settings that decide about packets. Those of links come with the links themselves
 * (IFLA_AF_SPEC): a file for each would be 48,000 files on a host with 1,000 ports.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/reading.h"

#define VALUE_SIZE 256

/* DEVCONF_FORCE_FORWARDING of Linux 6.17; older headers do not have it */
#define CONF6_FORCE_FORWARDING 59

static const struct conf {
	const char *name;
	unsigned at;
} conf4[] = {
	/* IFLA_INET_CONF begins with setting 1 */
	{ "forwarding", IPV4_DEVCONF_FORWARDING - 1 },
	{ "rp_filter", IPV4_DEVCONF_RP_FILTER - 1 },
	{ "arp_ignore", IPV4_DEVCONF_ARP_IGNORE - 1 },
	{ "arp_announce", IPV4_DEVCONF_ARP_ANNOUNCE - 1 },
	{ "arp_filter", IPV4_DEVCONF_ARPFILTER - 1 },
	{ "proxy_arp", IPV4_DEVCONF_PROXY_ARP - 1 },
	{ "proxy_arp_pvlan", IPV4_DEVCONF_PROXY_ARP_PVLAN - 1 },
	{ "route_localnet", IPV4_DEVCONF_ROUTE_LOCALNET - 1 },
	{ "accept_local", IPV4_DEVCONF_ACCEPT_LOCAL - 1 },
	{ "send_redirects", IPV4_DEVCONF_SEND_REDIRECTS - 1 },
	{ "src_valid_mark", IPV4_DEVCONF_SRC_VMARK - 1 },
	{ "log_martians", IPV4_DEVCONF_LOG_MARTIANS - 1 },
	{ "bc_forwarding", IPV4_DEVCONF_BC_FORWARDING - 1 },
	{ "accept_source_route", IPV4_DEVCONF_ACCEPT_SOURCE_ROUTE - 1 },
	{ "ignore_routes_with_linkdown", IPV4_DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN - 1 },
	{ "drop_unicast_in_l2_multicast", IPV4_DEVCONF_DROP_UNICAST_IN_L2_MULTICAST - 1 },
},
  conf6[] = {
	  { "forwarding", DEVCONF_FORWARDING },
	  { "disable_ipv6", DEVCONF_DISABLE_IPV6 },
	  { "accept_ra", DEVCONF_ACCEPT_RA },
	  { "proxy_ndp", DEVCONF_PROXY_NDP },
	  { "accept_source_route", DEVCONF_ACCEPT_SOURCE_ROUTE },
	  { "ignore_routes_with_linkdown", DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN },
	  { "drop_unicast_in_l2_multicast", DEVCONF_DROP_UNICAST_IN_L2_MULTICAST },
	  { "force_forwarding", CONF6_FORCE_FORWARDING },
  };

/* One file each. */
static const char *const files[] = {
	"net.ipv4.ip_forward",
	"net.ipv4.ip_nonlocal_bind",
	"net.ipv4.ip_default_ttl",
	"net.ipv4.ip_forward_use_pmtu",
	"net.ipv4.ip_early_demux",
	"net.ipv4.fib_multipath_hash_fields",
	"net.ipv4.fib_multipath_hash_policy",
	"net.ipv4.fib_multipath_use_neigh",
	"net.ipv4.fwmark_reflect",
	"net.ipv4.tcp_fwmark_accept",
	"net.ipv4.tcp_l3mdev_accept",
	"net.ipv4.udp_l3mdev_accept",
	"net.ipv4.raw_l3mdev_accept",
	"net.ipv4.nexthop_compat_mode",
	"net.ipv4.icmp_echo_enable_probe",
	"net.ipv4.icmp_echo_ignore_all",
	"net.ipv4.icmp_echo_ignore_broadcasts",
	"net.ipv6.icmp.echo_ignore_all",
	"net.ipv6.icmp.echo_ignore_anycast",
	"net.ipv6.icmp.echo_ignore_multicast",
	"net.ipv6.bindv6only",
	"net.ipv6.ip_nonlocal_bind",
	"net.ipv6.fwmark_reflect",
	"net.ipv6.fib_multipath_hash_fields",
	"net.ipv6.fib_multipath_hash_policy",
	"net.ipv6.conf.all.seg6_enabled",
};

/* Whole folders, but for what a name does not begin with. */
static const struct folder {
	const char *name, *begin;
	const char *what; /* is unread, when it is there but cannot be read */
} folders[] = {
	{ "net.bridge", "bridge-nf-", "br_netfilter" },
	{ "net.netfilter", "nf_conntrack_", "sysctl net.netfilter.nf_conntrack_*" },
};

static void add(struct reading *reading, const char *name, const char *value)
{
	*vec_push(&reading->sysctls, reading->arena) =
		(struct sysctl){ name, arena_strdup(reading->arena, value) };
}

/* false: it is not there. */
static bool read_file(struct reading *reading, const char *path, const char *name)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char value[VALUE_SIZE];
	ssize_t got;

	if (fd < 0 && errno == ENOENT)
		return false;
	got = fd < 0 ? -1 : read(fd, value, sizeof(value) - 1);
	if (got < 0)
		reading_unread(reading, arena_printf(reading->arena, "sysctl %s", name), "%s",
			strerror(errno));
	if (fd >= 0)
		close(fd);
	if (got < 0)
		return true;
	value[got] = '\0';
	value[strcspn(value, "\n")] = '\0';
	add(reading, name, value);
	return true;
}

static bool read_sysctl(struct reading *reading, const char *name)
{
	char *path = arena_printf(reading->arena, "/proc/sys/%s", name);

	for (char *at = path + strlen("/proc/sys/"); *at; at++)
		if (*at == '.')
			*at = '/';
	return read_file(reading, path, name);
}

static void read_folder(struct reading *reading, const struct folder *folder)
{
	char *path = arena_printf(reading->arena, "/proc/sys/%s", folder->name);
	const struct dirent *entry;
	DIR *dir;

	path[strcspn(path, ".")] = '/';
	dir = opendir(path);
	if (!dir) {
		if (errno != ENOENT)
			reading_unread(reading, folder->what, "%s: %s", path, strerror(errno));
		return;
	}
	while ((errno = 0, entry = readdir(dir)) != NULL)
		if (text_has_prefix(entry->d_name, folder->begin))
			read_file(reading,
				arena_printf(reading->arena, "%s/%s", path, entry->d_name),
				arena_printf(reading->arena, "%s.%s", folder->name, entry->d_name));
	if (errno)
		reading_unread(reading, folder->what, "%s: %s", path, strerror(errno));
	closedir(dir);
}

/* sysctl writes the dots of an interface's name as slashes. */
static const char *name_of(
	struct arena *arena, const char *family, const char *link, const char *setting)
{
	char *name = arena_printf(arena, "net.%s.conf.%s.%s", family, link, setting);
	size_t from = strlen("net.") + strlen(family) + strlen(".conf."), n = strlen(link);

	for (size_t i = from; i < from + n; i++)
		if (name[i] == '.')
			name[i] = '/';
	return name;
}

static void add_confs(struct reading *reading, const char *family, const char *link,
	const struct nlattr *values, const struct conf *confs, size_t n)
{
	const int32_t *numbers = mnl_attr_get_payload(values);
	size_t n_numbers = mnl_attr_get_payload_len(values) / sizeof(*numbers);

	for (size_t i = 0; i < n; i++) {
		char value[16];

		if (confs[i].at >= n_numbers)
			continue;
		snprintf(value, sizeof(value), "%d", numbers[confs[i].at]);
		add(reading, name_of(reading->arena, family, link, confs[i].name), value);
	}
}

void reading_link_conf(void *data, const char *link, const struct nlattr *af_spec)
{
	const struct nlattr *family, *attr;
	struct reading *reading = data;

	netlink_for_each_nested(family, af_spec)
	{
		netlink_for_each_nested(attr, family)
		{
			if (mnl_attr_get_type(family) == AF_INET &&
				mnl_attr_get_type(attr) == IFLA_INET_CONF)
				add_confs(reading, "ipv4", link, attr, conf4, N_OF(conf4));
			else if (mnl_attr_get_type(family) == AF_INET6 &&
				 mnl_attr_get_type(attr) == IFLA_INET6_CONF)
				add_confs(reading, "ipv6", link, attr, conf6, N_OF(conf6));
		}
	}
}

void reading_sysctls(struct reading *reading)
{
	static const char *const every[] = { "all", "default" };

	if (access("/proc/sys/net", F_OK) < 0) {
		reading_unread(reading, "sysctls", "/proc/sys/net: %s", strerror(errno));
		return;
	}
	for (size_t i = 0; i < N_OF(files); i++)
		read_sysctl(reading, files[i]);
	for (size_t i = 0; i < N_OF(every); i++) {
		for (size_t c = 0; c < N_OF(conf4); c++)
			read_sysctl(
				reading, name_of(reading->arena, "ipv4", every[i], conf4[c].name));
		for (size_t c = 0; c < N_OF(conf6); c++)
			read_sysctl(
				reading, name_of(reading->arena, "ipv6", every[i], conf6[c].name));
	}
	for (size_t i = 0; i < N_OF(folders); i++)
		read_folder(reading, &folders[i]);
	/* before Linux 5.3 the settings were in the first namespace alone, and held for all of them */
	if (access("/proc/sys/net/bridge", F_OK) < 0 && errno == ENOENT &&
		access("/sys/module/br_netfilter", F_OK) == 0)
		reading_unread(reading, "br_netfilter",
			"it is loaded, but its settings are not in this namespace");
}
