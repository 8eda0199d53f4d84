// SPDX-License-Identifier: GPL-2.0-or-later
/* What clients ask before they use it: the extensions of Neutron's API that are served here. */
#include "api/request.h"

#include <string.h>

static const struct {
	const char *alias, *name;
} extensions[] = {
	{ "address-group", "Address group" },
	{ "allowed-address-pairs", "Allowed Address Pairs" },
	{ "binding", "Port Binding" },
	{ "default-sg-rules", "Default rules for security groups" },
	{ "net-mtu", "Network MTU" },
	{ "pagination", "Pagination support" },
	{ "port-security", "Port Security" },
	{ "project-id", "project_id field enabled" },
	{ "provider", "Provider Network" },
	{ "quota_details", "Quota details support" },
	{ "quotas", "Quota management support" },
	{ "rbac-address-group", "Add address_group type to RBAC" },
	{ "rbac-policies", "RBAC Policies" },
	{ "rbac-security-groups", "Add security_group type to network RBAC" },
	{ "revision-if-match", "If-Match constraints based on revision_number" },
	{ "security-group", "security-group" },
	{ "security-groups-normalized-cidr", "Normalized CIDR field for security group rules" },
	{ "security-groups-remote-address-group",
		"Remote address group id field for security group rules" },
	{ "security-groups-shared-filtering", "Security group filtering on the shared field" },
	{ "sorting", "Sorting support" },
	{ "standard-attr-description", "standard-attr-description" },
	{ "standard-attr-revisions", "Resource revision numbers" },
	{ "standard-attr-tag", "Tag support for resources with standard attribute" },
	{ "standard-attr-timestamp", "Resource timestamps" },
	{ "stateful-security-group", "Stateful security group" },
};

static json_t *extension_view(size_t i)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:[]}", "alias", extensions[i].alias, "name",
		extensions[i].name, "description", extensions[i].name, "updated",
		"2026-11-01T00:00:00-00:00", "links");
}

void extension_list(struct request *request)
{
	json_t *list = json_array();

	for (size_t i = 0; i < N_OF(extensions); i++)
		json_array_append_new(list, extension_view(i));
	answer_json(request, 200, json_pack("{s:o}", "extensions", list));
}

void extension_show(struct request *request)
{
	for (size_t i = 0; i < N_OF(extensions); i++)
		if (!strcmp(extensions[i].alias, request->id)) {
			answer_json(
				request, 200, json_pack("{s:o}", "extension", extension_view(i)));
			return;
		}
	/* Its shape is not that of other errors in Neutron either, and clients look into it. */
	answer_json(request, 404,
		json_pack("{s:o, s:s, s:s}", "message",
			json_text(arena_printf(request->arena,
				"The resource could not be found.<br /><br />\nExtension with alias %s "
				"does not exist\n\n",
				request->id)),
			"code", "404 Not Found", "title", "Not Found"));
}
