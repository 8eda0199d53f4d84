// SPDX-License-Identifier: GPL-2.0-or-later
#include "policy/check.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/vec.h"
#include "policy/source.h"

const char *const rule_field_names[N_RULE_FIELDS] = {
	[RULE_ID] = "id",
	[RULE_DIRECTION] = "direction",
	[RULE_ETHERTYPE] = "ethertype",
	[RULE_PROTOCOL] = "protocol",
	[RULE_PORT_MIN] = "port_range_min",
	[RULE_PORT_MAX] = "port_range_max",
	[RULE_ICMP_TYPE] = "icmp_type",
	[RULE_ICMP_CODE] = "icmp_code",
	[RULE_PREFIX] = "remote_ip_prefix",
	[RULE_REMOTE_GROUP] = "remote_group",
	[RULE_REMOTE_ADDRESS_GROUP] = "remote_address_group",
	[RULE_DESCRIPTION] = "description",
	[RULE_REMOTE_GROUP_ID] = "remote_group_id",
	[RULE_REMOTE_ADDRESS_GROUP_ID] = "remote_address_group_id",
};

const char *const port_field_names[N_PORT_FIELDS] = {
	[PORT_ID] = "id",
	[PORT_NAME] = "name",
	[PORT_DEVICE] = "device",
	[PORT_MAC] = "mac_address",
	[PORT_FIXED_IPS] = "fixed_ips",
	[PORT_PAIRS] = "allowed_address_pairs",
	[PORT_GROUPS] = "security_groups",
	[PORT_SECURITY] = "port_security_enabled",
	[PORT_NETWORK] = "network",
	[PORT_DEVICE_OWNER] = "device_owner",
	[PORT_HOST] = "binding:host_id",
	[PORT_NETWORK_ID] = "network_id",
};

/* FAULT(fault, CODE, field, "what", args) fills what is wrong; err_next(...) says what is right. */
#define FAULT(fault, the_code, the_field, ...)                                                     \
	((fault)->code = (the_code), (fault)->field = (the_field),                                 \
		err_input(&(fault)->err, __VA_ARGS__))

static bool is_digits(const char *text)
{
	return text[0] && strspn(text, "0123456789") == strlen(text);
}

/*
 * A number as YAML or a programmer would write it, for the hint only: 0x50, 0o120, 1_000, 080,
 * +80, 80.0. None of them is taken: other programs read 080 and 0x50 in ways of their own.
 */
static bool number_guess(const char *text, unsigned long max, unsigned long *ret)
{
	char digits[32];
	size_t n = 0;
	int base = 10;
	char *end;

	if (text[0] == '+')
		text++;
	if (!strncasecmp(text, "0x", 2))
		base = 16, text += 2;
	else if (!strncasecmp(text, "0o", 2))
		base = 8, text += 2;
	for (; *text && *text != '.'; text++) {
		if (*text == '_' || *text == ' ')
			continue;
		if (!isxdigit((unsigned char)*text) || n + 1 >= sizeof(digits))
			return false;
		digits[n++] = *text;
	}
	if (*text == '.' && strspn(text + 1, "0") != strlen(text + 1))
		return false;
	digits[n] = '\0';
	*ret = strtoul(digits, &end, base);
	return n && !*end && *ret <= max;
}

static bool check_direction(
	struct arena *arena, const char *text, enum direction *ret, struct fault *fault)
{
	if (!text) {
		FAULT(fault, FAULT_INVALID_DIRECTION, RULE_DIRECTION, "a rule needs a direction");
		return err_next(
			&fault->err, "direction: ingress (to the port) or egress (from it).");
	}
	if (!strcasecmp(text, "ingress")) {
		*ret = DIR_INGRESS;
	} else if (!strcasecmp(text, "egress")) {
		*ret = DIR_EGRESS;
	} else {
		FAULT(fault, FAULT_INVALID_DIRECTION, RULE_DIRECTION, "%s is no direction",
			source_shown(arena, text));
		return err_next(&fault->err, "ingress (to the port) or egress (from it).");
	}
	return true;
}

static bool check_ethertype(
	struct arena *arena, const char *text, enum family *ret, struct fault *fault)
{
	if (!text || !strcasecmp(text, "IPv4")) {
		*ret = FAMILY_IPV4;
	} else if (!strcasecmp(text, "IPv6")) {
		*ret = FAMILY_IPV6;
	} else {
		FAULT(fault, FAULT_INVALID_ETHERTYPE, RULE_ETHERTYPE,
			"%s is no ethertype of a rule", source_shown(arena, text));
		return err_next(&fault->err, "IPv4 or IPv6; a rule is for one of the two.");
	}
	return true;
}

static bool is_ipv6_only(uint8_t proto)
{
	/* ipv6-encap, -route, -frag, -icmp, -nonxt, -opts: Neutron's list */
	return proto == 41 || proto == 43 || proto == 44 || proto == PROTO_ICMPV6 || proto == 59 ||
	       proto == 60;
}

static bool check_protocol(struct arena *arena, struct arena *scratch, const char *text,
	struct policy_rule *rule, struct fault *fault)
{
	unsigned long number;
	const char *near;
	size_t n;
	const char *const *names = proto_names(&n);
	char *lower;

	if (!text || !strcasecmp(text, "any"))
		return true;
	if (!proto_parse(text, rule->ethertype, &rule->proto)) {
		FAULT(fault, FAULT_INVALID_PROTOCOL, RULE_PROTOCOL, "%s is no protocol",
			source_shown(scratch, text));
		if (number_guess(text, 255, &number))
			return err_next(&fault->err,
				"Numbers are decimal, without leading zeros: "
				"%lu.",
				number);
		near = text_nearest(text, names, n);
		if (near && !is_digits(text))
			return err_next(&fault->err, "Did you mean %s?", near);
		return err_next(&fault->err,
			"A number 0 to 255, any, or one of: ah dccp egp esp gre hopopt icmp icmpv6 "
			"igmp ip ipip ipv6-encap ipv6-frag ipv6-icmp ipv6-nonxt ipv6-opts "
			"ipv6-route ospf pgm rsvp sctp tcp udp udplite vrrp.");
	}
	lower = arena_strdup(arena, text);
	for (char *c = lower; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	rule->has_proto = true;
	rule->proto_text = lower;
	return true;
}

static bool check_number(struct arena *arena, unsigned field, const char *text, const char *what,
	uint32_t min, uint32_t max, uint32_t *ret, struct fault *fault)
{
	unsigned long number;
	const char *sign;
	uint32_t low, high;
	char *copy;

	if (text_to_u32(text, min, max, ret))
		return true;
	FAULT(fault,
		max == 255 && is_digits(text) ? FAULT_INVALID_ICMP_VALUE : FAULT_INVALID_PORT_VALUE,
		field, "%s is no %s", source_shown(arena, text), what);
	if (number_guess(text, max, &number) && number >= min)
		return err_next(&fault->err,
			"Numbers are decimal, without signs, leading zeros or separators: %lu.",
			number);
	copy = arena_strdup(arena, text);
	sign = strpbrk(copy, "-:");
	if (max != 255 && sign) {
		copy[sign - copy] = '\0';
		if (text_to_u32(copy, min, max, &low) && text_to_u32(sign + 1, min, max, &high))
			return err_next(&fault->err,
				"A range is two keys: port_range_min: %u and port_range_max: %u.",
				low, high);
	}
	if (max == 255)
		return err_next(&fault->err, "A number %u to %u%s.", min, max,
			field == RULE_ICMP_TYPE || field == RULE_PORT_MIN
				? " (8 is echo request, 128 in ICMPv6)"
				: "");
	return err_next(&fault->err, "A number %u to %u.", min, max);
}

static bool check_icmp(struct arena *arena, const char *const fields[N_RULE_FIELDS],
	struct policy_rule *rule, struct fault *fault)
{
	bool is_clear = fields[RULE_ICMP_TYPE] || fields[RULE_ICMP_CODE];
	unsigned type_field = is_clear ? RULE_ICMP_TYPE : RULE_PORT_MIN;
	unsigned code_field = is_clear ? RULE_ICMP_CODE : RULE_PORT_MAX;
	uint32_t number;

	if (is_clear && (fields[RULE_PORT_MIN] || fields[RULE_PORT_MAX])) {
		FAULT(fault, FAULT_INVALID_ICMP_VALUE,
			fields[RULE_PORT_MIN] ? RULE_PORT_MIN : RULE_PORT_MAX,
			"the ICMP type is given in two ways");
		return err_next(&fault->err,
			"port_range_min and port_range_max are the API's names "
			"of icmp_type and icmp_code: keep one pair.");
	}
	if (fields[code_field] && !fields[type_field]) {
		FAULT(fault, FAULT_MISSING_ICMP_TYPE, code_field,
			"an ICMP code needs an ICMP type");
		return err_next(&fault->err, "Add %s.", rule_field_names[type_field]);
	}
	if (fields[type_field]) {
		if (!check_number(arena, type_field, fields[type_field], "ICMP type", 0, 255,
			    &number, fault))
			return false;
		/* net/ipv4/netfilter/ip_tables.c: type 255 of a rule means every type */
		if (number == 255 && rule->proto == PROTO_ICMP) {
			FAULT(fault, FAULT_INVALID_ICMP_VALUE, type_field,
				"ICMP type 255 is reserved, and iptables takes it for every type");
			return err_next(&fault->err,
				"Leave the type out to allow every ICMP type; 8 is echo request.");
		}
		rule->has_icmp_type = true;
		rule->icmp_type = (uint8_t)number;
	}
	if (fields[code_field]) {
		if (!check_number(arena, code_field, fields[code_field], "ICMP code", 0, 255,
			    &number, fault))
			return false;
		rule->has_icmp_code = true;
		rule->icmp_code = (uint8_t)number;
	}
	return true;
}

static bool check_port_numbers(struct arena *arena, const char *const fields[N_RULE_FIELDS],
	struct policy_rule *rule, struct fault *fault)
{
	uint32_t min, max;

	for (unsigned f = RULE_PORT_MIN; f <= RULE_PORT_MAX; f++) {
		unsigned other = f == RULE_PORT_MIN ? RULE_PORT_MAX : RULE_PORT_MIN;

		if (fields[f] || !fields[other])
			continue;
		FAULT(fault, FAULT_INVALID_PORT_RANGE, other, "%s without %s",
			rule_field_names[other], rule_field_names[f]);
		return err_next(&fault->err, "For one port give both the same number.");
	}
	if (!check_number(
		    arena, RULE_PORT_MIN, fields[RULE_PORT_MIN], "port", 1, 65535, &min, fault) ||
		!check_number(
			arena, RULE_PORT_MAX, fields[RULE_PORT_MAX], "port", 1, 65535, &max, fault))
		return false;
	if (min > max) {
		FAULT(fault, FAULT_INVALID_PORT_RANGE, RULE_PORT_MIN,
			"port_range_min %u is above port_range_max %u", min, max);
		return err_next(&fault->err, "Swap them for the ports %u to %u.", max, min);
	}
	if (min == 1 && max == 65535)
		return true; /* all of them: no ports, as in Neutron */
	rule->has_ports = true;
	rule->port_min = (uint16_t)min;
	rule->port_max = (uint16_t)max;
	return true;
}

static bool check_ports(struct arena *arena, const char *const fields[N_RULE_FIELDS],
	struct policy_rule *rule, struct fault *fault)
{
	bool is_icmp =
		rule->has_proto && (rule->proto == PROTO_ICMP || rule->proto == PROTO_ICMPV6);
	const char *name = rule->has_proto ? proto_name(rule->proto) : NULL;
	unsigned first = RULE_PORT_MIN;

	while (first <= RULE_ICMP_CODE && !fields[first])
		first++;
	if (first > RULE_ICMP_CODE)
		return true;
	if (is_icmp)
		return check_icmp(arena, fields, rule, fault);
	if (fields[RULE_ICMP_TYPE] || fields[RULE_ICMP_CODE]) {
		FAULT(fault, FAULT_INVALID_ICMP_VALUE,
			fields[RULE_ICMP_TYPE] ? RULE_ICMP_TYPE : RULE_ICMP_CODE,
			"an ICMP type or code in a rule that is not for ICMP");
		return err_next(&fault->err, "%s protocol: %s.",
			rule->has_proto ? "For ICMP the rule needs" : "Add",
			rule->ethertype == FAMILY_IPV6 ? "icmpv6" : "icmp");
	}
	if (!rule->has_proto) {
		FAULT(fault, FAULT_PROTOCOL_REQUIRED_WITH_PORTS, first, "ports need a protocol");
		return err_next(&fault->err, "Add protocol: tcp, or another that has ports: udp, "
					     "sctp, dccp, udplite.");
	}
	if (!proto_has_ports(rule->proto)) {
		FAULT(fault, FAULT_INVALID_PROTOCOL_FOR_PORT, first,
			"protocol %u%s%s%s has no ports", rule->proto, name ? " (" : "",
			name ? name : "", name ? ")" : "");
		return err_next(&fault->err, "Only tcp, udp, sctp, dccp and udplite have.");
	}
	return check_port_numbers(arena, fields, rule, fault);
}

bool check_prefix(struct arena *arena, const char *text, struct prefix *ret, struct fault *fault)
{
	const char *slash = strchr(text, '/');
	struct prefix prefix;

	if (prefix_parse(text, ret))
		return true;
	FAULT(fault, FAULT_INVALID_CIDR, 0, "%s is no address or prefix",
		source_shown(arena, text));
	if (!text[0])
		return err_next(&fault->err, "Leave the key out to mean any address.");
	if (slash && prefix_parse(arena_strndup(arena, text, (size_t)(slash - text)), &prefix)) {
		if (strchr(slash, '.'))
			return err_next(&fault->err, "Write the mask as a length: 255.255.255.0 is "
						     "/24.");
		return err_next(&fault->err, "The length behind the slash is 0 to %u, in decimal.",
			prefix_max_len(prefix.addr.family));
	}
	return err_next(&fault->err, "Such as 192.0.2.0/24, 192.0.2.7 or 2001:db8::/32.");
}

static bool check_remote(struct arena *arena, struct arena *scratch,
	const char *const fields[N_RULE_FIELDS], struct policy_rule *rule, struct fault *fault)
{
	static const unsigned remotes[] = { RULE_PREFIX, RULE_REMOTE_GROUP, RULE_REMOTE_GROUP_ID,
		RULE_REMOTE_ADDRESS_GROUP, RULE_REMOTE_ADDRESS_GROUP_ID };
	const char *first = NULL;

	if (fields[RULE_PREFIX]) {
		if (!check_prefix(scratch, fields[RULE_PREFIX], &rule->prefix, fault)) {
			fault->field = RULE_PREFIX;
			return false;
		}
		rule->has_prefix = true;
		rule->prefix_text = arena_strdup(arena, fields[RULE_PREFIX]);
	}
	if (rule->has_prefix && rule->prefix.addr.family != rule->ethertype) {
		FAULT(fault, FAULT_PREFIX_CONFLICT, RULE_PREFIX, "%s is no %s prefix%s",
			source_shown(scratch, fields[RULE_PREFIX]), family_name(rule->ethertype),
			fields[RULE_ETHERTYPE] ? "" : ", and without ethertype a rule is for IPv4");
		return err_next(&fault->err, "For this prefix: ethertype: %s.",
			family_name(rule->prefix.addr.family));
	}
	for (size_t i = 0; i < N_OF(remotes); i++) {
		if (!fields[remotes[i]])
			continue;
		if (first) {
			FAULT(fault, FAULT_MULTIPLE_REMOTE_ENTITIES, remotes[i],
				"both %s and %s in one rule", first, rule_field_names[remotes[i]]);
			return err_next(&fault->err, "A rule has one remote; make a rule of each.");
		}
		first = rule_field_names[remotes[i]];
	}
	return true;
}

static bool check_proto_family(const char *const fields[N_RULE_FIELDS],
	const struct policy_rule *rule, struct fault *fault)
{
	if (!rule->has_proto || rule->ethertype != FAMILY_IPV4 || !is_ipv6_only(rule->proto))
		return true;
	FAULT(fault, FAULT_ETHERTYPE_CONFLICT_WITH_PROTOCOL, RULE_PROTOCOL,
		"protocol %s belongs to IPv6%s", rule->proto_text,
		fields[RULE_ETHERTYPE] ? "" : ", and without ethertype a rule is for IPv4");
	return err_next(&fault->err, "Add ethertype: IPv6%s.",
		rule->proto == PROTO_ICMPV6 ? ", or use protocol: icmp" : "");
}

/*
 * Neutron compares the protocol as (name, number), so ip and hopopt differ, and the prefix with
 * its host bits, so 192.0.2.1/24 and 192.0.2.0/24 differ; /0 and no prefix are the same. A rule has one remote at most, and
 * groups and address groups have no id in common. The text may never change: ids of rules that a file gives none are made of it.
 */
const char *check_rule_key(struct arena *arena, const struct policy_rule *rule,
	const char *remote_group_id, const char *remote_address_group_id)
{
	struct text key CLEANUP(text_done) = TEXT_INIT;
	struct addr addr;

	text_addf(&key, "%s %s", rule->direction == DIR_EGRESS ? "egress" : "ingress",
		family_name(rule->ethertype));
	if (rule->has_proto)
		text_addf(&key, " proto %u%s", rule->proto,
			!strcmp(rule->proto_text, "hopopt") ? " hopopt" : "");
	if (rule->has_ports)
		text_addf(&key, " ports %u-%u", rule->port_min, rule->port_max);
	if (rule->has_icmp_type)
		text_addf(&key, " type %u", rule->icmp_type);
	if (rule->has_icmp_code)
		text_addf(&key, " code %u", rule->icmp_code);
	if (rule->has_prefix && rule->prefix.len) {
		char *bare =
			arena_strndup(arena, rule->prefix_text, strcspn(rule->prefix_text, "/"));

		text_add(&key, " prefix ");
		if (addr_parse(bare, &addr))
			addr_print(&key, &addr);
		text_addf(&key, "/%u", rule->prefix.len);
	}
	text_addf(&key, " %s",
		remote_group_id		  ? remote_group_id
		: remote_address_group_id ? remote_address_group_id
					  : "");
	return arena_strdup(arena, key.data);
}

bool check_rule(struct arena *arena, struct arena *scratch, const char *const fields[N_RULE_FIELDS],
	struct policy_rule *rule, struct fault *fault)
{
	return check_direction(scratch, fields[RULE_DIRECTION], &rule->direction, fault) &&
	       check_ethertype(scratch, fields[RULE_ETHERTYPE], &rule->ethertype, fault) &&
	       check_protocol(arena, scratch, fields[RULE_PROTOCOL], rule, fault) &&
	       check_ports(scratch, fields, rule, fault) &&
	       check_remote(arena, scratch, fields, rule, fault) &&
	       check_proto_family(fields, rule, fault);
}

static bool check_len(const char *text, const char *what, struct fault *fault)
{
	size_t len = utf8_len(text);

	if (len <= LIMIT_NAME_LEN)
		return true;
	FAULT(fault, FAULT_INVALID_TEXT, 0, "this %s has %zu characters", what, len);
	return err_next(&fault->err, "At most %d.", LIMIT_NAME_LEN);
}

bool check_name(const char *text, const char *what, struct fault *fault)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c >= 0x20 && *c != 0x7f)
			continue;
		FAULT(fault, FAULT_INVALID_TEXT, 0, "there is a control character in this %s",
			what);
		return err_next(&fault->err, "One line of printable characters.");
	}
	return check_len(text, what, fault);
}

bool check_description(const char *text, struct fault *fault)
{
	return check_len(text, "description", fault);
}

bool check_mac_value(struct mac mac, struct fault *fault)
{
	static const struct mac zero;
	struct text text CLEANUP(text_done) = TEXT_INIT;

	if (mac.bytes[0] & 1) {
		mac_print(&text, mac);
		FAULT(fault, FAULT_INVALID_MAC, PORT_MAC, "'%s' is a multicast MAC address",
			text.data);
		return err_next(
			&fault->err, "No packet comes from one: its first byte must be even.");
	}
	if (mac_equal(mac, zero)) {
		FAULT(fault, FAULT_INVALID_MAC, PORT_MAC, "the MAC address is zero");
		return err_next(&fault->err, "Give the one that the VM uses.");
	}
	return true;
}

bool check_mac(struct arena *arena, const char *text, struct mac *ret, struct fault *fault)
{
	if (!mac_parse(text, ret)) {
		FAULT(fault, FAULT_INVALID_MAC, PORT_MAC, "%s is no MAC address",
			source_shown(arena, text));
		return err_next(&fault->err, "Six bytes in hexadecimal: fa:16:3e:00:00:01.");
	}
	return check_mac_value(*ret, fault);
}

static bool is_multicast(const struct addr *addr)
{
	return addr->family == FAMILY_IPV6 ? addr->bytes[0] == 0xff
					   : (addr->bytes[0] & 0xf0) == 0xe0;
}

bool check_fixed_ip_value(const struct addr *addr, struct fault *fault)
{
	static const struct addr loopback6 = { .family = FAMILY_IPV6, .bytes = { [15] = 1 } };
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct addr zero = { .family = addr->family };
	const char *what = NULL;

	if (is_multicast(addr))
		what = "a multicast";
	else if (addr_compare(addr, &zero) == 0)
		what = "the unspecified";
	else if (addr->family == FAMILY_IPV4 ? addr->bytes[0] == 127
					     : addr_compare(addr, &loopback6) == 0)
		what = "a loopback";
	else if (addr->family == FAMILY_IPV4 && !memcmp(addr->bytes, "\xff\xff\xff\xff", 4))
		what = "the broadcast";
	if (!what)
		return true;
	addr_print(&text, addr);
	FAULT(fault, FAULT_INVALID_ADDRESS, PORT_FIXED_IPS, "'%s' is %s address", text.data, what);
	return err_next(&fault->err, "A fixed address is one that the VM has for itself.");
}

bool check_fixed_ip(struct arena *arena, const char *text, struct addr *ret, struct fault *fault)
{
	struct prefix prefix;
	struct addr addr;

	if (!addr_parse(text, &addr)) {
		FAULT(fault, FAULT_INVALID_ADDRESS, PORT_FIXED_IPS, "%s is no address",
			source_shown(arena, text));
		if (prefix_parse(text, &prefix))
			return err_next(&fault->err, "A fixed address has no length; a prefix goes "
						     "into allowed_address_pairs.");
		return err_next(&fault->err, "Such as 192.0.2.7 or 2001:db8::7.");
	}
	if (!check_fixed_ip_value(&addr, fault))
		return false;
	*ret = addr;
	return true;
}

bool check_device(struct arena *arena, const char *text, struct fault *fault)
{
	size_t len = strlen(text);

	if (!len) {
		FAULT(fault, FAULT_INVALID_DEVICE, PORT_DEVICE, "device is empty");
		return err_next(&fault->err,
			"The interface on this host; without the key: tap and 11 characters of the "
			"id.");
	}
	if (len > 15) {
		FAULT(fault, FAULT_INVALID_DEVICE, PORT_DEVICE, "%s has %zu characters",
			source_shown(arena, text), len);
		return err_next(&fault->err,
			"The name of an interface has at most 15. Did you mean %s?",
			source_shown(arena, arena_strndup(arena, text, 15)));
	}
	for (const char *c = text; *c; c++) {
		if (*c > ' ' && *c < 0x7f && !strchr("/:\"'\\*", *c))
			continue;
		FAULT(fault, FAULT_INVALID_DEVICE, PORT_DEVICE,
			"%s cannot be the name of an interface", source_shown(arena, text));
		return err_next(
			&fault->err, "No spaces, no quotes, and none of / : \\ *, in ASCII.");
	}
	/* xtables takes a + at the end for any name that begins so, ! and - for itself */
	if (!strcmp(text, ".") || !strcmp(text, "..") || text[len - 1] == '+' ||
		strchr("-!", text[0])) {
		FAULT(fault, FAULT_INVALID_DEVICE, PORT_DEVICE,
			"%s cannot be the name of an interface", source_shown(arena, text));
		return err_next(&fault->err,
			"It does not begin with - or !, nor end with +; such as tap3f2a1b04-5c.");
	}
	return true;
}

/* A thing of a list, to be sorted by what it is. */
struct placed {
	const void *what;
	size_t place;
};

static int compare_groups(const void *a, const void *b)
{
	const struct placed *one = a, *other = b;

	return (one->what > other->what) - (one->what < other->what);
}

static int compare_addrs(const void *a, const void *b)
{
	return addr_compare(((const struct placed *)a)->what, ((const struct placed *)b)->what);
}

/* The place of the first thing that was there before; n: there is none. */
static size_t first_twice(
	struct placed *things, size_t n, int (*compare)(const void *a, const void *b))
{
	size_t twice = n, first = 0; /* of equal ones, which qsort gives in any order */

	qsort(things, n, sizeof(*things), compare);
	for (size_t i = 0; i < n; i++) {
		size_t place = things[i].place, later;

		if (!i || compare(&things[i - 1], &things[i]) != 0) {
			first = place;
			continue;
		}
		later = place > first ? place : first;
		first = place < first ? place : first;
		twice = later < twice ? later : twice;
	}
	return twice;
}

static bool check_port_groups(
	struct arena *arena, const struct policy_port *port, struct fault *fault)
{
	struct placed *groups = arena_new_array(arena, struct placed, port->n_groups);
	size_t twice;

	for (size_t i = 0; i < port->n_groups; i++)
		groups[i] = (struct placed){ port->groups[i], i };
	twice = first_twice(groups, port->n_groups, compare_groups);
	for (size_t i = 0; i < port->n_groups; i++) {
		const struct policy_group *group = port->groups[i];

		fault->item = i;
		if (i == twice) {
			FAULT(fault, FAULT_DUPLICATE_GROUP, PORT_GROUPS, "group %s is there twice",
				source_shown(arena, group->name));
			return err_next(&fault->err, "Delete one of the two.");
		}
		if (group->stateful != port->groups[0]->stateful) {
			FAULT(fault, FAULT_GROUP_CONFLICT, PORT_GROUPS,
				"group %s is %s, the groups before it are %s",
				source_shown(arena, group->name),
				group->stateful ? "stateful" : "stateless",
				group->stateful ? "stateless" : "stateful");
			return err_next(&fault->err, "The groups of a port are all of one kind.");
		}
	}
	return true;
}

/* For a message. */
static const char *shown_prefix(struct arena *arena, const struct prefix *prefix)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	prefix_print_bare(&text, prefix);
	return source_shown(arena, text.data);
}

static bool check_port_pairs(
	struct arena *arena, const struct policy_port *port, struct fault *fault)
{
	for (size_t i = 0; i < port->n_pairs; i++) {
		const struct address_pair *pair = &port->pairs[i];

		fault->item = i;
		if (i >= LIMIT_ADDRESS_PAIRS) {
			FAULT(fault, FAULT_ADDRESS_PAIRS_EXHAUSTED, PORT_PAIRS,
				"more than %d allowed address pairs", LIMIT_ADDRESS_PAIRS);
			return err_next(&fault->err, "A pair may be a prefix: 192.0.2.0/28.");
		}
		if (is_multicast(&pair->prefix.addr) &&
			pair->prefix.len >= (pair->prefix.addr.family == FAMILY_IPV6 ? 8 : 4)) {
			FAULT(fault, FAULT_INVALID_ADDRESS, PORT_PAIRS, "%s is multicast",
				shown_prefix(arena, &pair->prefix));
			return err_next(&fault->err,
				"Pairs are source addresses, and no packet comes from one of "
				"these.");
		}
		for (size_t k = 0; k < i; k++) {
			if (prefix_compare(&port->pairs[k].prefix, &pair->prefix) ||
				!mac_equal(port->pairs[k].mac, pair->mac))
				continue;
			FAULT(fault, FAULT_DUPLICATE_ADDRESS_PAIR, PORT_PAIRS,
				"the pair %s is there twice", shown_prefix(arena, &pair->prefix));
			return err_next(&fault->err, "Delete one of the two.");
		}
	}
	return true;
}

static bool check_fixed_ips(
	struct arena *arena, const struct policy_port *port, struct fault *fault)
{
	struct placed *addrs = arena_new_array(arena, struct placed, port->n_fixed_ips);
	size_t twice;

	for (size_t i = 0; i < port->n_fixed_ips; i++)
		addrs[i] = (struct placed){ &port->fixed_ips[i], i };
	twice = first_twice(addrs, port->n_fixed_ips, compare_addrs);
	if (twice == port->n_fixed_ips)
		return true;
	fault->item = twice;
	FAULT(fault, FAULT_DUPLICATE_FIXED_IP, PORT_FIXED_IPS, "this address is there twice");
	return err_next(&fault->err, "Delete one of the two.");
}

bool check_port(struct arena *arena, const struct policy_port *port, struct fault *fault)
{
	fault->item = 0;
	if (!port->port_security && (port->n_groups || port->n_pairs)) {
		bool groups = port->n_groups > 0;

		FAULT(fault, FAULT_PORT_SECURITY_CONFLICT, groups ? PORT_GROUPS : PORT_PAIRS,
			"%s on a port with port_security_enabled: false",
			groups ? "security groups" : "allowed address pairs");
		return err_next(&fault->err, "Such a port is not filtered: delete them, or enable "
					     "port security.");
	}
	if (policy_port_is_trusted(port) && port->n_groups) {
		FAULT(fault, FAULT_PORT_SECURITY_CONFLICT, PORT_GROUPS,
			"security groups on a port of device_owner %s",
			source_shown(arena, port->device_owner));
		return err_next(&fault->err, "Ports of the network itself are not filtered: delete "
					     "them.");
	}
	return check_port_groups(arena, port, fault) && check_fixed_ips(arena, port, fault) &&
	       check_port_pairs(arena, port, fault);
}
