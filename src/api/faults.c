// SPDX-License-Identifier: GPL-2.0-or-later
/* What is wrong with values, as Neutron says it. What portwall itself says, and what would be right, is the detail. */
#include "api/request.h"

#include <string.h>

static const struct {
	unsigned status;
	const char *type;
} answers[] = {
	[FAULT_INVALID_DIRECTION] = { 400, "HTTPBadRequest" },
	[FAULT_INVALID_ETHERTYPE] = { 400, "SecurityGroupRuleInvalidEtherType" },
	[FAULT_INVALID_PROTOCOL] = { 400, "SecurityGroupRuleInvalidProtocol" },
	[FAULT_INVALID_PORT_VALUE] = { 400, "SecurityGroupInvalidPortValue" },
	[FAULT_INVALID_PORT_RANGE] = { 400, "SecurityGroupInvalidPortRange" },
	[FAULT_INVALID_PROTOCOL_FOR_PORT] = { 400, "SecurityGroupInvalidProtocolForPort" },
	[FAULT_PROTOCOL_REQUIRED_WITH_PORTS] = { 400, "SecurityGroupProtocolRequiredWithPorts" },
	[FAULT_INVALID_ICMP_VALUE] = { 400, "SecurityGroupInvalidIcmpValue" },
	[FAULT_MISSING_ICMP_TYPE] = { 400, "SecurityGroupMissingIcmpType" },
	[FAULT_INVALID_CIDR] = { 400, "InvalidCIDR" },
	[FAULT_PREFIX_CONFLICT] = { 400, "SecurityGroupRuleParameterConflict" },
	[FAULT_ETHERTYPE_CONFLICT_WITH_PROTOCOL] = { 400,
		"SecurityGroupEthertypeConflictWithProtocol" },
	[FAULT_MULTIPLE_REMOTE_ENTITIES] = { 400, "SecurityGroupMultipleRemoteEntites" },
	[FAULT_INVALID_MAC] = { 400, "HTTPBadRequest" },
	[FAULT_INVALID_ADDRESS] = { 400, "HTTPBadRequest" },
	[FAULT_DUPLICATE_ADDRESS_PAIR] = { 400, "DuplicateAddressPairInRequest" },
	[FAULT_DUPLICATE_FIXED_IP] = { 400, "HTTPBadRequest" },
	[FAULT_DUPLICATE_GROUP] = { 400, "HTTPBadRequest" },
	[FAULT_ADDRESS_PAIRS_EXHAUSTED] = { 400, "AllowedAddressPairExhausted" },
	[FAULT_GROUP_CONFLICT] = { 409, "SecurityGroupConflict" },
	[FAULT_PORT_SECURITY_CONFLICT] = { 400, "PortSecurityAndIPRequiredForSecurityGroups" },
	[FAULT_INVALID_DEVICE] = { 400, "HTTPBadRequest" },
};

static void answer_as(
	struct request *request, const struct fault *fault, const char *type, const char *message)
{
	const char *next = fault->err.next_step;

	if (!message) {
		answer_error(request, answers[fault->code].status, answers[fault->code].type, next,
			"%s", fault->err.text);
		return;
	}
	answer_error(request, answers[fault->code].status, type,
		arena_printf(request->arena, "%s.%s%s", fault->err.text, *next ? " " : "", next),
		"%s", message);
}

void answer_fault(struct request *request, const struct fault *fault)
{
	answer_as(request, fault, answers[fault->code].type,
		fault->code == FAULT_GROUP_CONFLICT
			? "Error Cannot apply both stateful and stateless security groups on the same "
			  "port at the same time while attempting the operation."
			: NULL);
}

#define PROTOCOLS                                                                                  \
	"[None, 'ah', 'dccp', 'egp', 'esp', 'gre', 'hopopt', 'icmp', 'igmp', 'ip', 'ipip', "       \
	"'ipv6-encap', 'ipv6-frag', 'ipv6-icmp', 'icmpv6', 'ipv6-nonxt', 'ipv6-opts', "            \
	"'ipv6-route', 'ospf', 'pgm', 'rsvp', 'sctp', 'tcp', 'udp', 'udplite', 'vrrp']"

static const char *icmp_message(
	struct arena *arena, const struct fault *fault, const char *value, const char **ret_type)
{
	bool is_type = fault->field == RULE_PORT_MIN || fault->field == RULE_ICMP_TYPE;

	if (*value == '-') {
		*ret_type = "SecurityGroupInvalidPortValue";
		return arena_printf(arena, "Invalid value for port %s", value);
	}
	return arena_printf(arena, "Invalid value for ICMP %s (%s) %s. It must be 0 to 255.",
		is_type ? "type" : "code", is_type ? "port_range_min" : "port_range_max", value);
}

static const char *message_of(struct arena *arena, const struct fault *fault,
	const char *const values[N_RULE_FIELDS], const struct policy_rule *rule,
	const char **ret_type)
{
	const char *value = values[fault->field] ? values[fault->field] : "None";
	const char *ethertype = family_name(rule->ethertype);

	switch (fault->code) {
	case FAULT_INVALID_DIRECTION:
		return arena_printf(arena,
			"Invalid input for direction. Reason: %s is not in valid_values.", value);
	case FAULT_INVALID_ETHERTYPE:
		return arena_printf(arena,
			"Security group rule for ethertype '%s' not supported. Allowed values are "
			"['IPv4', 'IPv6'].",
			value);
	case FAULT_INVALID_PROTOCOL:
		return arena_printf(arena,
			"Security group rule protocol %s not supported. Only protocol values " PROTOCOLS
			" and integer representations [0 to 255] are supported.",
			value);
	case FAULT_INVALID_PORT_VALUE:
		return arena_printf(arena, "Invalid value for port %s", value);
	case FAULT_INVALID_PORT_RANGE:
		return "For TCP/UDP protocols, port_range_min must be <= port_range_max";
	case FAULT_INVALID_PROTOCOL_FOR_PORT:
		return arena_printf(arena,
			"Ports cannot be specified for protocol %u. Ports are only supported for DCCP, "
			"SCTP, TCP, UDP, UDPLITE.",
			rule->proto);
	case FAULT_PROTOCOL_REQUIRED_WITH_PORTS:
		return "Must also specify protocol if port range is given.";
	case FAULT_INVALID_ICMP_VALUE:
		return icmp_message(arena, fault, value, ret_type);
	case FAULT_MISSING_ICMP_TYPE:
		return arena_printf(arena,
			"ICMP code (port-range-max) %s is provided but ICMP type (port-range-min) is "
			"missing.",
			values[RULE_PORT_MAX]);
	case FAULT_INVALID_CIDR:
		return arena_printf(
			arena, "Invalid CIDR %s given as IP prefix.", values[RULE_PREFIX]);
	case FAULT_PREFIX_CONFLICT:
		return arena_printf(arena, "Conflicting value ethertype %s for CIDR %s", ethertype,
			values[RULE_PREFIX]);
	case FAULT_ETHERTYPE_CONFLICT_WITH_PROTOCOL:
		return arena_printf(arena, "Invalid ethertype %s for protocol %s.", ethertype,
			values[RULE_PROTOCOL]);
	case FAULT_MULTIPLE_REMOTE_ENTITIES:
		return "Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may "
		       "be provided.";
	default:
		return NULL;
	}
}

void answer_rule_fault(struct request *request, const struct fault *fault,
	const char *const values[N_RULE_FIELDS], const struct policy_rule *rule)
{
	const char *type = answers[fault->code].type;
	const char *message = message_of(request->arena, fault, values, rule, &type);

	answer_as(request, fault, type, message);
}
