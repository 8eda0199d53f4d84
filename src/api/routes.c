// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The one table of what can be asked. Routing, what a method that is not there is answered with, the limits of bodies and the
 * list of resources are made from it, and the description for clients (openapi.c).
 */
#include "api/request.h"

#include <string.h>

const char *const method_names[N_METHODS] = { "GET", "POST", "PUT", "DELETE" };

static const char *const no_arguments[] = { NULL };
static const char *const dry_run[] = { "dry_run", NULL };
static const char *const of_port[] = { "port", NULL };
static const char *const of_packet[] = { "packet", "direction", "state", "from", NULL };

#define V2 "/v2.0/"

#define TAGS(path_, resource_)                                                                     \
	{ METHOD_GET, V2 path_ "/{id}/tags", tags_list, resource_, "Its tags.", no_arguments, 0,   \
		ROLE_READER },                                                                     \
		{ METHOD_PUT, V2 path_ "/{id}/tags", tags_replace, resource_,                      \
			"Replaces its tags.", no_arguments, LIMIT_API_BODY, ROLE_MEMBER },         \
		{ METHOD_DELETE, V2 path_ "/{id}/tags", tags_clear, resource_,                     \
			"Removes its tags.", no_arguments, 0, ROLE_MEMBER },                       \
		{ METHOD_GET, V2 path_ "/{id}/tags/{tag}", tag_show, resource_,                    \
			"204 if it has the tag.", no_arguments, 0, ROLE_READER },                  \
		{ METHOD_PUT, V2 path_ "/{id}/tags/{tag}", tag_add, resource_, "Gives it a tag.",  \
			no_arguments, LIMIT_API_BODY, ROLE_MEMBER },                               \
	{                                                                                          \
		METHOD_DELETE, V2 path_ "/{id}/tags/{tag}", tag_remove, resource_,                 \
			"Takes a tag off it.", no_arguments, 0, ROLE_MEMBER                        \
	}

/* Without PUT. */
#define COLLECTION_OF_CONSTANTS(path_, create, list, delete_, resource_, a, many, role_)           \
	{ METHOD_GET, V2 path_, list, resource_, "All " many ".", NULL, 0, ROLE_READER },          \
		{ METHOD_POST, V2 path_, create, resource_, "Makes " a ", or several of a list.",  \
			dry_run, LIMIT_API_BODY, role_ },                                          \
		{ METHOD_GET, V2 path_ "/{id}", collection_show, resource_,                        \
			"One of the " many ".", NULL, 0, ROLE_READER },                            \
	{                                                                                          \
		METHOD_DELETE, V2 path_ "/{id}", delete_, resource_, "Removes " a ".", dry_run, 0, \
			role_                                                                      \
	}

#define COLLECTION(path_, create, list, show, update, delete_, resource_, a, many)                 \
	{ METHOD_GET, V2 path_, list, resource_, "All " many ".", NULL, 0, ROLE_READER },          \
		{ METHOD_POST, V2 path_, create, resource_, "Makes " a ", or several of a list.",  \
			dry_run, LIMIT_API_BODY, ROLE_MEMBER },                                    \
		{ METHOD_GET, V2 path_ "/{id}", show, resource_, "One of the " many ".", NULL, 0,  \
			ROLE_READER },                                                             \
		{ METHOD_PUT, V2 path_ "/{id}", update, resource_, "Changes " a ".", dry_run,      \
			LIMIT_API_BODY, ROLE_MEMBER },                                             \
	{                                                                                          \
		METHOD_DELETE, V2 path_ "/{id}", delete_, resource_, "Removes " a ".", dry_run, 0, \
			ROLE_MEMBER                                                                \
	}

const struct api_route routes[] = {
	{ METHOD_GET, "/", root_show, NULL, "The versions of the API.", no_arguments, 0, 0 },
	{ METHOD_GET, "/v2.0", version_show, NULL, "The collections of the API.", no_arguments, 0,
		ROLE_READER },
	{ METHOD_GET, V2 "extensions", extension_list, NULL, "What of Neutron's API there is.",
		no_arguments, 0, ROLE_READER },
	{ METHOD_GET, V2 "extensions/{id}", extension_show, NULL, "Is there an extension?",
		no_arguments, 0, ROLE_READER },
	COLLECTION("security-groups", group_create, group_list, collection_show, group_update,
		group_delete, &group_resource, "a security group", "security groups"),
	TAGS("security-groups", &group_resource),
	COLLECTION("security-group-rules", rule_create, rule_list, rule_show, rule_update,
		rule_delete, &rule_resource, "a rule of a security group",
		"rules of security groups"),
	COLLECTION("address-groups", address_group_create, collection_list, collection_show,
		address_group_update, address_group_delete, &address_group_resource,
		"an address group", "address groups"),
	{ METHOD_PUT, V2 "address-groups/{id}/add_addresses", address_group_add,
		&address_group_resource, "Adds addresses to an address group.", dry_run,
		LIMIT_API_BODY, ROLE_MEMBER },
	{ METHOD_PUT, V2 "address-groups/{id}/remove_addresses", address_group_take,
		&address_group_resource, "Removes addresses from an address group.", dry_run,
		LIMIT_API_BODY, ROLE_MEMBER },
	TAGS("address-groups", &address_group_resource),
	COLLECTION("ports", port_create, port_list, port_show, port_update, port_delete,
		&port_resource, "a port", "ports"),
	/* an admin's: it tells of rules of other programs, and of other projects' ports */
	{ METHOD_GET, V2 "ports/{id}/explain", explain_show, &port_resource,
		"What happens to a packet at the port, by which rule, and what would change it.",
		of_packet, 0, ROLE_ADMIN },
	TAGS("ports", &port_resource),
	COLLECTION("networks", record_create, collection_list, collection_show, record_update,
		record_delete, &network_resource, "a network", "networks"),
	TAGS("networks", &network_resource),
	COLLECTION("subnets", record_create, collection_list, collection_show, record_update,
		record_delete, &subnet_resource, "a subnet", "subnets"),
	TAGS("subnets", &subnet_resource),
	COLLECTION("rbac-policies", record_create, collection_list, collection_show, record_update,
		record_delete, &rbac_resource, "a sharing of an object", "sharings of objects"),
	COLLECTION_OF_CONSTANTS("default-security-group-rules", record_create, collection_list,
		default_rule_delete, &default_rule_resource,
		"a rule that new security groups begin with",
		"rules that new security groups begin with", ROLE_ADMIN),
	{ METHOD_GET, V2 "quotas", quota_list, NULL, "Projects that have quotas of their own.",
		no_arguments, 0, ROLE_ADMIN },
	{ METHOD_GET, V2 "quotas/{id}", quota_show, NULL, "How much a project may have.",
		no_arguments, 0, ROLE_READER },
	{ METHOD_GET, V2 "quotas/{id}/default", quota_default, NULL,
		"What it may have if nothing is said.", no_arguments, 0, ROLE_READER },
	{ METHOD_GET, V2 "quotas/{id}/details.json", quota_details, NULL,
		"How much it may have, and has.", no_arguments, 0, ROLE_READER },
	{ METHOD_GET, V2 "quotas/{id}/details", quota_details, NULL,
		"How much it may have, and has.", no_arguments, 0, ROLE_READER },
	{ METHOD_PUT, V2 "quotas/{id}", quota_update, NULL, "Says how much a project may have.",
		dry_run, LIMIT_API_BODY, ROLE_ADMIN },
	{ METHOD_DELETE, V2 "quotas/{id}", quota_delete, NULL, "A project has the defaults again.",
		dry_run, 0, ROLE_ADMIN },
	{ METHOD_GET, V2 "portwall/policy", policy_show, NULL,
		"The whole policy, as a policy file.", no_arguments, 0, ROLE_ADMIN },
	{ METHOD_PUT, V2 "portwall/policy", policy_replace, NULL,
		"Makes the policy equal to a policy file, in YAML or JSON.", dry_run,
		LIMIT_POLICY_FILE_SIZE, ROLE_ADMIN },
	{ METHOD_GET, V2 "portwall/status", status_show, NULL,
		"What the kernel has: ports and their states, rules, commits.", no_arguments, 0,
		ROLE_ADMIN },
	{ METHOD_GET, V2 "portwall/counters", counters_show, NULL,
		"What the rules of ports counted.", of_port, 0, ROLE_ADMIN },
	{ METHOD_GET, V2 "portwall/verify", verify_show, NULL,
		"Does this host pass what its policy passes? Computed for all packets.",
		no_arguments, 0, ROLE_ADMIN },
	{ METHOD_GET, V2 "portwall/findings", findings_show, NULL,
		"What other programs and settings of this host do to the ports.", no_arguments, 0,
		ROLE_ADMIN },
	{ METHOD_GET, V2 "portwall/events", events_show, NULL,
		"Changes and what happens to ports, as they come (text/event-stream).",
		no_arguments, 0, ROLE_ADMIN },
	{ METHOD_POST, V2 "portwall/tokens", token_create, NULL,
		"A token that lives for an hour, for a name and its password.", no_arguments,
		LIMIT_API_BODY, ROLE_READER },
	{ METHOD_DELETE, V2 "portwall/tokens", token_delete, NULL,
		"Ends the token that it is asked with.", no_arguments, 0, ROLE_READER },
	{ METHOD_GET, V2 "portwall/openapi.json", openapi_show, NULL,
		"This API as an OpenAPI 3.0 description.", no_arguments, 0, 0 },
	{ METHOD_GET, "/metrics", metrics_show, NULL, "Counts, for Prometheus.", no_arguments, 0,
		ROLE_ADMIN },
	{ METHOD_GET, "/healthz", health_show, NULL,
		"200 when the kernel has what the policy says, or will soon; else 503 and why.",
		no_arguments, 0, 0 },
};
const size_t n_routes = N_OF(routes);

static const char *skip_segment(const char *path)
{
	return path + strcspn(path, "/");
}

/* Is the path one of the pattern? *ret_id, *ret_tag: what stands for {id} and {tag}. */
static bool matches(struct arena *arena, const char *pattern, const char *path, const char **ret_id,
	const char **ret_tag)
{
	const char *id = NULL, *tag = NULL, *root = pattern;

	while (*pattern && *path) {
		if (*pattern == '{') {
			const char *end = skip_segment(path);
			char *value = arena_strndup(arena, path, end - path);

			if (end == path)
				return false;
			*(text_has_prefix(pattern, "{id}") ? &id : &tag) = value;
			path = end;
			pattern = strchr(pattern, '}') + 1;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	/* Clients ask for "/v2.0" and "/v2.0/" alike. */
	if (!strcmp(path, "/") && root[1])
		path++;
	if (*pattern || *path)
		return false;
	*ret_id = id;
	*ret_tag = tag;
	return true;
}

bool route_find(struct request *request)
{
	struct text allow CLEANUP(text_done) = TEXT_INIT;
	const char *id = NULL, *tag = NULL;

	for (size_t i = 0; i < n_routes; i++) {
		if (!matches(request->arena, routes[i].path, request->path, &id, &tag))
			continue;
		if (routes[i].method == request->method) {
			request->route = &routes[i];
			request->id = id;
			request->tag = tag;
			return true;
		}
		if (!allow.len && routes[i].method == METHOD_GET)
			text_add(&allow, "GET, HEAD");
		else
			text_addf(&allow, "%s%s", allow.len ? ", " : "",
				method_names[routes[i].method]);
	}
	if (!allow.len) {
		answer_error(request, 404, "HTTPNotFound", "GET /v2.0/ lists what there is.",
			"The resource could not be found.");
		return false;
	}
	request->answer.allow = arena_strdup(request->arena, allow.data);
	answer_error(request, 405, "HTTPMethodNotAllowed",
		arena_printf(request->arena, "%s is no method of %s. It takes %s.",
			request->method < N_METHODS ? method_names[request->method] : "This",
			request->path, allow.data),
		"The server could not comply with the request since it is either malformed or "
		"otherwise incorrect.");
	return false;
}

/* An argument that nobody takes is a mistake that would be silent otherwise. */
static bool check_arguments(struct request *request)
{
	const char *const *known = request->route->arguments;

	if (request->arguments.n > LIMIT_API_QUERY) {
		answer_error(request, 400, "HTTPBadRequest", "Ask several times, for less each.",
			"More than %d arguments.", LIMIT_API_QUERY);
		return false;
	}
	if (!known)
		return true;
	vec_for_each (argument, &request->arguments) {
		size_t i = 0;

		while (known[i] && strcmp(known[i], argument->key) != 0)
			i++;
		if (known[i])
			continue;
		answer_error(request, 400, "HTTPBadRequest",
			known[0] ? arena_printf(request->arena, "It takes %s.", known[0])
				 : "It takes no arguments.",
			"'%s' is no argument of %s %s.", argument->key,
			method_names[request->method], request->route->path);
		return false;
	}
	return true;
}

static bool is_utf8(const char *text)
{
	json_t *string = text ? json_string(text) : NULL;

	json_decref(string);
	return !text || string;
}

/* What becomes a part of an object, or of an answer, has to be JSON; bodies are. */
static bool check_texts(struct request *request)
{
	bool is_fine = is_utf8(request->id) && is_utf8(request->tag);

	vec_for_each (argument, &request->arguments)
		is_fine = is_fine && is_utf8(argument->key) && is_utf8(argument->value);
	if (!is_fine)
		answer_error(request, 400, "HTTPBadRequest", "Write UTF-8, percent-encoded.",
			"The path or an argument is no UTF-8.");
	return is_fine;
}

void route_handle(struct request *request)
{
	if (check_arguments(request) && check_texts(request))
		request->route->handle(request);
}
