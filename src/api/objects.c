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
