// SPDX-License-Identifier: GPL-2.0-or-later
/* What the handlers of groups, rules, address groups and ports share. */
#include "api/request.h"

#include <string.h>
#include <uuid/uuid.h>

#include "api/documents.h"

const char *new_id(struct arena *arena)
{
	char *text = arena_alloc(arena, UUID_STR_LEN);
	uuid_t uuid;

	uuid_generate_random(uuid);
	uuid_unparse_lower(uuid, text);
	return text;
}

bool is_id(const char *text)
{
	uuid_t uuid;

	return text && uuid_parse(text, uuid) == 0;
}

const struct policy_part *part_of_document(
	struct request *request, json_t *document, enum part_kind kind)
{
	struct policy_part *part = arena_new_one(request->arena, struct policy_part);
	struct err err;
	bool is_part = document_to_part(request->arena, document, kind, part, &err);

	json_decref(document);
	if (is_part)
		return part;
	answer_err(request, &err);
	return NULL;
}

void answer_fault(struct request *request, const struct fault *fault)
{
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
		[FAULT_PROTOCOL_REQUIRED_WITH_PORTS] = { 400,
			"SecurityGroupProtocolRequiredWithPorts" },
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
		[FAULT_PORT_SECURITY_CONFLICT] = { 400,
			"PortSecurityAndIPRequiredForSecurityGroups" },
		[FAULT_INVALID_DEVICE] = { 400, "HTTPBadRequest" },
	};

	answer_error(request, answers[fault->code].status, answers[fault->code].type,
		fault->err.next_step, "%s", fault->err.text);
}
