/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef POLICY_CHECK_H
#define POLICY_CHECK_H

#include "base/arena.h"
#include "policy/policy.h"

/*
 * What Neutron's API checks of rules and ports, on values, wherever they come from. A file
 * points at the field of a fault with a caret, an API answers with its code.
 */

enum rule_field {
	RULE_ID,
	RULE_DIRECTION,
	RULE_ETHERTYPE,
	RULE_PROTOCOL,
	RULE_PORT_MIN,
	RULE_PORT_MAX,
	RULE_ICMP_TYPE,
	RULE_ICMP_CODE,
	RULE_PREFIX,
	RULE_REMOTE_GROUP,
	RULE_REMOTE_ADDRESS_GROUP,
	RULE_DESCRIPTION,
	RULE_REMOTE_GROUP_ID, /* the API's names of the two above */
	RULE_REMOTE_ADDRESS_GROUP_ID,
	N_RULE_FIELDS,
};
extern const char *const rule_field_names[N_RULE_FIELDS];

enum port_field {
	PORT_ID,
	PORT_NAME,
	PORT_DEVICE,
	PORT_MAC,
	PORT_FIXED_IPS,
	PORT_PAIRS,
	PORT_GROUPS,
	PORT_SECURITY,
	PORT_NETWORK,
	PORT_DEVICE_OWNER,
	PORT_HOST,
	PORT_NETWORK_ID, /* the API's name of network */
	N_PORT_FIELDS,
};
extern const char *const port_field_names[N_PORT_FIELDS];

/* Named as Neutron's exceptions where it has one. */
enum fault_code {
	FAULT_INVALID_DIRECTION,
	FAULT_INVALID_ETHERTYPE,
	FAULT_INVALID_PROTOCOL,
	FAULT_INVALID_PORT_VALUE,
	FAULT_INVALID_PORT_RANGE,
	FAULT_INVALID_PROTOCOL_FOR_PORT,
	FAULT_PROTOCOL_REQUIRED_WITH_PORTS,
	FAULT_INVALID_ICMP_VALUE,
	FAULT_MISSING_ICMP_TYPE,
	FAULT_INVALID_CIDR,
	FAULT_PREFIX_CONFLICT, /* SecurityGroupRuleParameterConflict */
	FAULT_ETHERTYPE_CONFLICT_WITH_PROTOCOL,
	FAULT_MULTIPLE_REMOTE_ENTITIES,
	FAULT_INVALID_MAC,
	FAULT_INVALID_ADDRESS,
	FAULT_DUPLICATE_ADDRESS_PAIR,
	FAULT_DUPLICATE_FIXED_IP,
	FAULT_DUPLICATE_GROUP,
	FAULT_ADDRESS_PAIRS_EXHAUSTED,
	FAULT_GROUP_CONFLICT,	      /* stateful and stateless mixed */
	FAULT_PORT_SECURITY_CONFLICT, /* groups or pairs without port security */
	FAULT_INVALID_DEVICE,
	FAULT_INVALID_TEXT, /* a name or description */
};

struct fault {
	enum fault_code code;
	unsigned field; /* enum rule_field or port_field */
	size_t item;	/* of a list, from 0 */
	struct err err; /* what is wrong, and what would be right */
};

/*
 * Reads the fields of a rule, texts as they came (NULL: absent), into *rule, all but its id,
 * group and references. What messages need is in scratch.
 */
bool check_rule(struct arena *arena, struct arena *scratch, const char *const fields[N_RULE_FIELDS],
	struct policy_rule *rule, struct fault *fault);
/* Equals another rule's, of one group, exactly when Neutron calls the two duplicates. The references are ids; NULL: none. */
const char *check_rule_key(struct arena *arena, const struct policy_rule *rule,
	const char *remote_group_id, const char *remote_address_group_id);

/* Everything of a port that can be wrong once each of its values is right. */
bool check_port(struct arena *arena, const struct policy_port *port, struct fault *fault);

/* Single values; fault->err is set, field and item are the caller's. */
bool check_prefix(struct arena *arena, const char *text, struct prefix *ret, struct fault *fault);
bool check_fixed_ip(struct arena *arena, const char *text, struct addr *ret, struct fault *fault);
bool check_mac(struct arena *arena, const char *text, struct mac *ret, struct fault *fault);
bool check_device(struct arena *arena, const char *text, struct fault *fault);
bool check_fixed_ip_value(const struct addr *addr, struct fault *fault);
bool check_mac_value(struct mac mac, struct fault *fault);
/* UTF-8 is what they are given. what: "name", for messages; a description may have several lines. */
bool check_name(const char *text, const char *what, struct fault *fault);
bool check_description(const char *text, struct fault *fault);

#endif
