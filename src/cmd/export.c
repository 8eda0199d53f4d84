// SPDX-License-Identifier: GPL-2.0-or-later
/* The policy that holds here as a policy file, to be kept, or applied elsewhere. */
#include "api/documents.h"
#include "cmd/daemon.h"

static void print_json(const struct policy_part *parts, size_t n)
{
	json_t *root = json_object();

	for (int kind = 0; kind < N_PART_KINDS; kind++)
		json_object_set_new(root, document_list_key(kind), json_array());
	for (size_t i = 0; i < n; i++)
		json_array_append_new(json_object_get(root, document_list_key(parts[i].kind)),
			document_of_part(&parts[i]));
	output_print_json(root);
}

bool cmd_export(struct invocation *inv, struct err *err)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	const struct policy_part **order;
	const struct policy *policy;
	struct policy_part *parts;
	size_t n;

	if (!daemon_policy(inv->arena, &policy, err))
		return false;
	policy_split(inv->arena, policy, &parts, &n);
	if (inv->json) {
		print_json(parts, n);
		return true;
	}
	order = arena_new_array(inv->arena, const struct policy_part *, n + 1);
	for (size_t i = 0; i < n; i++)
		order[i] = &parts[i];
	if (!documents_to_policy_file(order, n, &out, err))
		return false;
	output_print_text(&out);
	return true;
}
