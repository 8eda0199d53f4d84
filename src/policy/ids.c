// SPDX-License-Identifier: GPL-2.0-or-later
#include "policy/whole.h"

#include <string.h>
#include <uuid/uuid.h>

/* Ours, for UUIDs of version 5 (RFC 4122, 4.3). Changing it renames every chain and set. */
static const uuid_t namespace = { 0x6d, 0x0c, 0x1e, 0x5b, 0x2f, 0x5a, 0x4d, 0x36, 0x9a, 0x5e, 0x70,
	0x6f, 0x72, 0x74, 0x77, 0x6c };

bool uuid_normalise(struct arena *arena, const char *text, const char **ret)
{
	uuid_t uuid;
	char lower[UUID_STR_LEN];

	if (uuid_parse(text, uuid) != 0)
		return false;
	uuid_unparse_lower(uuid, lower);
	*ret = arena_strdup(arena, lower);
	return true;
}

bool uuid_is_normal(const char *text)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	size_t i = 0;

	for (; text[i] && shape[i]; i++)
		if (shape[i] == '-' ? text[i] != '-' : !strchr("0123456789abcdef", text[i]))
			return false;
	return !text[i] && !shape[i];
}

const char *uuid_derive(struct arena *arena, const char *kind, const char *of)
{
	struct text name CLEANUP(text_done) = TEXT_INIT;
	char lower[UUID_STR_LEN];
	uuid_t uuid;

	text_addf(&name, "%s %s", kind, of);
	uuid_generate_sha1(uuid, namespace, name.data, name.len);
	uuid_unparse_lower(uuid, lower);
	return arena_strdup(arena, lower);
}
