// SPDX-License-Identifier: GPL-2.0-or-later
/* The values of iptables' options: numbers, ports, protocols, addresses, names. */
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "ruleset/iptables.h"
#include "ruleset/print.h"

/* What no system calls otherwise; a ruleset has thousands of them. */
static bool fixed_proto(const char *name, uint8_t *ret)
{
	static const struct {
		const char *name;
		uint8_t number;
	} fixed[] = { { "tcp", PROTO_TCP }, { "udp", PROTO_UDP }, { "icmp", PROTO_ICMP },
		{ "ipv6-icmp", PROTO_ICMPV6 }, { "icmpv6", PROTO_ICMPV6 }, { "all", 0 } };
	uint32_t number;

	for (size_t i = 0; i < N_OF(fixed); i++) {
		if (strcmp(name, fixed[i].name) == 0) {
			*ret = fixed[i].number;
			return true;
		}
	}
	if (!text_to_u32(name, 0, 255, &number))
		return false;
	*ret = (uint8_t)number;
	return true;
}

/* /etc/protocols of Debian 12 */
static bool debian_proto(const char *name, uint8_t *ret)
{
	static const struct {
		const char *name;
		uint8_t number;
	} debian[] = { { "igmp", 2 }, { "ggp", 3 }, { "ipencap", 4 }, { "egp", 8 }, { "dccp", 33 },
		{ "ipv6", 41 }, { "ipv6-route", 43 }, { "ipv6-frag", 44 }, { "rsvp", 46 },
		{ "gre", 47 }, { "esp", 50 }, { "ah", 51 }, { "ipv6-nonxt", 59 },
		{ "ipv6-opts", 60 }, { "ospf", 89 }, { "ipip", 94 }, { "pim", 103 },
		{ "vrrp", 112 }, { "l2tp", 115 }, { "sctp", 132 }, { "mobility-header", 135 },
		{ "ipv6-mh", 135 }, { "mh", 135 }, { "udplite", 136 } };

	for (size_t i = 0; i < N_OF(debian); i++) {
		if (strcmp(name, debian[i].name) == 0) {
			*ret = debian[i].number;
			return true;
		}
	}
	return false;
}

bool xt_proto_number(const char *name, uint8_t *ret)
{
	return fixed_proto(name, ret) || debian_proto(name, ret);
}

/*
 * The host's /etc/protocols is what iptables-save printed the name from, and so is asked before
 * the list of what Debian's has where the two could differ.
 */
bool iptables_proto_number(struct iptables_parser *p, const char *value, uint8_t *ret)
{
	struct protoent entry, *found = NULL;
	char buf[1024];
	uintptr_t known;
	uint8_t number;

	if (fixed_proto(value, ret))
		return true;
	known = (uintptr_t)map_find(p->protos, value);
	if (!known && ++p->n_lookups <= LIMIT_RULESET_LOOKUPS &&
		getprotobyname_r(value, &entry, buf, sizeof(buf), &found) == 0 && found &&
		found->p_proto >= 0 && found->p_proto <= 255)
		known = (uintptr_t)found->p_proto + 1;
	if (!known && debian_proto(value, &number))
		known = (uintptr_t)number + 1;
	if (!known)
		return false;
	map_add(p->protos, iptables_intern(p, value), (void *)known);
	*ret = (uint8_t)(known - 1);
	return true;
}

/* The services that rulesets name; any other is asked of the host's /etc/services. */
static bool service_port(struct iptables_parser *p, const char *name, uint16_t *ret)
{
	static const struct {
		const char *name;
		uint16_t port;
	} fixed[] = { { "ssh", 22 }, { "http", 80 }, { "https", 443 }, { "domain", 53 },
		{ "smtp", 25 }, { "ftp", 21 }, { "ntp", 123 }, { "bootps", 67 }, { "bootpc", 68 },
		{ "imaps", 993 }, { "pop3", 110 }, { "telnet", 23 }, { "www", 80 } };
	struct servent entry, *found = NULL;
	char buf[1024];
	uintptr_t known = (uintptr_t)map_find(p->services, name);

	for (size_t i = 0; !known && i < N_OF(fixed); i++)
		if (strcmp(name, fixed[i].name) == 0)
			known = (uintptr_t)fixed[i].port + 1;
	if (!known && ++p->n_lookups <= LIMIT_RULESET_LOOKUPS &&
		getservbyname_r(name, NULL, &entry, buf, sizeof(buf), &found) == 0 && found)
		known = ((uintptr_t)(found->s_port & 0xff) << 8 |
				(uintptr_t)(found->s_port >> 8 & 0xff)) +
			1;
	if (!known)
		return false;
	map_add(p->services, iptables_intern(p, name), (void *)known);
	*ret = (uint16_t)(known - 1);
	return true;
}

bool iptables_port(struct iptables_parser *p, const char *text, size_t len, uint16_t *ret)
{
	char copy[32];
	uint32_t port;

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (!text_to_u32(copy, 0, UINT16_MAX, &port))
		return (copy[0] < '0' || copy[0] > '9') && service_port(p, copy, ret);
	*ret = (uint16_t)port;
	return true;
}

bool iptables_range(struct iptables_parser *p, const char *text, size_t len, char between,
	bool may_be_open, struct port_range *ret)
{
	const char *colon = memchr(text, between, len);
	struct port_range range = { 0, UINT16_MAX };
	size_t min_len = colon ? (size_t)(colon - text) : len;
	size_t max_len = colon ? len - min_len - 1 : 0;

	if (!len || (!may_be_open && (!min_len || (colon && !max_len))))
		return false;
	if ((min_len && !iptables_port(p, text, min_len, &range.min)) ||
		(max_len && !iptables_port(p, colon + 1, max_len, &range.max)))
		return false;
	if (!colon)
		range.max = range.min;
	if (range.min > range.max)
		return false;
	*ret = range;
	return true;
}

bool iptables_number(const char **at, uint32_t *ret)
{
	unsigned long number;
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	number = strtoul(*at, &end, 0);
	if (errno || number > UINT32_MAX)
		return false;
	*at = end;
	*ret = (uint32_t)number;
	return true;
}

bool iptables_masked_number(
	const char *text, uint32_t whole, uint32_t *ret_value, uint32_t *ret_mask)
{
	uint32_t value, mask = whole;

	if (!iptables_number(&text, &value))
		return false;
	if (*text == '/') {
		text++;
		if (!iptables_number(&text, &mask))
			return false;
	}
	if (*text || value > whole || mask > whole)
		return false;
	*ret_value = value;
	*ret_mask = mask;
	return true;
}

bool iptables_number_range(const char *text, char between, uint32_t *ret_min, uint32_t *ret_max)
{
	uint32_t min, max;

	if (!iptables_number(&text, &min))
		return false;
	max = min;
	if (between && *text == between) {
		text++;
		if (!iptables_number(&text, &max))
			return false;
	}
	if (*text || min > max)
		return false;
	*ret_min = min;
	*ret_max = max;
	return true;
}

bool iptables_masked_addr(
	const struct iptables_parser *p, const char *text, struct masked_addr *ret)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct masked_addr masked;
	char copy[64];
	uint32_t bits;
	uint8_t max = prefix_max_len(p->family);

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (!addr_parse(copy, &masked.addr) || masked.addr.family != p->family)
		return false;
	if (!slash || text_to_u32(slash + 1, 0, max, &bits)) {
		masked.mask = (struct addr){ .family = p->family };
		if (!slash)
			bits = max;
		for (unsigned i = 0; i < bits; i++)
			masked.mask.bytes[i / 8] |= (uint8_t)(0x80 >> i % 8);
	} else if (!addr_parse(slash + 1, &masked.mask) || masked.mask.family != p->family) {
		return false;
	}
	for (size_t i = 0; i < sizeof(masked.addr.bytes); i++)
		masked.addr.bytes[i] &= masked.mask.bytes[i];
	*ret = masked;
	return true;
}

bool iptables_addr_range(const struct iptables_parser *p, const char *text, size_t len,
	struct addr *ret_min, struct addr *ret_max)
{
	const char *dash = memchr(text, '-', len);
	size_t min_len = dash ? (size_t)(dash - text) : len;
	struct addr min, max;
	char copy[128];

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	copy[min_len] = '\0';
	if (!addr_parse(copy, &min) || min.family != p->family)
		return false;
	max = min;
	if (dash && (!addr_parse(copy + min_len + 1, &max) || max.family != p->family))
		return false;
	if (addr_compare(&min, &max) > 0)
		return false;
	*ret_min = min;
	*ret_max = max;
	return true;
}

bool iptables_name_in(const char *text, size_t len, const char *const *names, size_t n, size_t *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(names[i]) == len && strncasecmp(names[i], text, len) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

bool iptables_tos(const char *text, uint8_t *ret_value, uint8_t *ret_mask)
{
	static const char *const names[] = { "Normal-Service", "Minimize-Cost",
		"Maximize-Reliability", "Maximize-Throughput", "Minimize-Delay" };
	static const uint8_t values[] = { 0, 2, 4, 8, 16 };
	uint32_t value, mask;
	size_t i;

	if (iptables_name_in(text, strlen(text), names, N_OF(names), &i)) {
		*ret_value = values[i];
		*ret_mask = 0x3f;
		return true;
	}
	if (!iptables_masked_number(text, 0xff, &value, &mask))
		return false;
	*ret_value = (uint8_t)value;
	*ret_mask = (uint8_t)mask;
	return true;
}

/* RFC 2474, 2597, 3246: CSn is n * 8, AFxy is x * 8 + y * 2, EF is 46. */
static bool dscp_class(const char *text, uint8_t *ret)
{
	size_t len = strlen(text);

	if (strcasecmp(text, "EF") == 0)
		*ret = 46;
	else if (strcasecmp(text, "BE") == 0)
		*ret = 0;
	else if (len == 3 && strncasecmp(text, "CS", 2) == 0 && text[2] >= '0' && text[2] <= '7')
		*ret = (uint8_t)((text[2] - '0') * 8);
	else if (len == 4 && strncasecmp(text, "AF", 2) == 0 && text[2] >= '1' && text[2] <= '4' &&
		 text[3] >= '1' && text[3] <= '3')
		*ret = (uint8_t)((text[2] - '0') * 8 + (text[3] - '0') * 2);
	else
		return false;
	return true;
}

bool iptables_dscp(const char *text, bool is_class, uint8_t *ret)
{
	uint32_t value;

	if (is_class)
		return dscp_class(text, ret);
	if (!iptables_number(&text, &value) || *text || value > 63)
		return false;
	*ret = (uint8_t)value;
	return true;
}
