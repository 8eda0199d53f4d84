// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include <string.h>

#include "api/documents.h"
#include "base/limits.h"

/* A JSON value as the document of each kind: a part that comes of it makes a document that makes the same part. */

static void err_is_clean(const struct err *err)
{
	fuzz_check(err->kind == ERR_INPUT || err->kind == ERR_LIMIT);
	for (const unsigned char *c = (const unsigned char *)err->text; *c; c++)
		fuzz_check(*c >= 0x20 && *c != 0x7f);
}

/* Alone a part cannot always be a policy: what it refers to is not there. */
static void policy_file_is_same(struct arena *arena, const struct policy_part *part)
{
	struct text file = TEXT_INIT, bytes = TEXT_INIT, again = TEXT_INIT;
	const struct policy *policy = NULL, *parsed = NULL;
	struct policy_part *from_join, *from_file;
	size_t wrong, n_join, n_file;
	struct err err;

	if (policy_join(arena, &part, 1, "compute1", &policy, &wrong, &err)) {
		fuzz_check(documents_to_policy_file(&part, 1, &file, &err));
		if (!policy_parse(arena, "file", file.data, file.len, "compute1", &parsed, &err)) {
			fprintf(stderr, "%s\n%s", err.text, file.data);
			abort();
		}
		policy_split(arena, policy, &from_join, &n_join);
		policy_split(arena, parsed, &from_file, &n_file);
		fuzz_check(n_join == 1 && n_file == 1);
		policy_part_encode(&bytes, from_join);
		policy_part_encode(&again, from_file);
		fuzz_check(bytes.len == again.len && !memcmp(bytes.data, again.data, bytes.len));
	}
	text_done(&file);
	text_done(&bytes);
	text_done(&again);
}

static void try_kind(const json_t *document, enum part_kind kind)
{
	struct text bytes = TEXT_INIT, bytes_again = TEXT_INIT;
	struct arena *arena = arena_new();
	struct policy_part part, again;
	struct err err = { 0 };
	json_t *printed;

	if (!document_to_part(arena, document, kind, &part, &err)) {
		err_is_clean(&err);
		arena_free(arena);
		return;
	}
	fuzz_check(part.kind == kind && policy_part_is_id(policy_part_id(&part)));
	fuzz_check(strlen(document_key(arena, &part)) <= LIMIT_STORE_KEY);
	printed = document_of_part(&part);
	if (!document_to_part(arena, printed, kind, &again, &err)) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	policy_part_encode(&bytes, &part);
	policy_part_encode(&bytes_again, &again);
	fuzz_check(
		bytes.len == bytes_again.len && !memcmp(bytes.data, bytes_again.data, bytes.len));
	policy_file_is_same(arena, &part);
	json_decref(printed);
	text_done(&bytes);
	text_done(&bytes_again);
	arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_error_t wrong;
	json_t *document = json_loadb((const char *)data, size,
		JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &wrong);

	if (!document)
		return 0;
	for (enum part_kind kind = 0; kind < N_PART_KINDS; kind++)
		try_kind(document, kind);
	json_decref(document);
	return 0;
}
