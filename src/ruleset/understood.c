// SPDX-License-Identifier: GPL-2.0-or-later
/* What of a ruleset is only carried as text, by name. */
#include "ruleset/nft_eval.h"
#include "ruleset/ruleset.h"

static const char *keys_not_understood(const struct nft_keys *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		if (keys->items[i]->kind == NFT_KEY_UNKNOWN)
			return keys->items[i]->words;
	return NULL;
}

static const char *statement_not_understood(const struct statement *statement)
{
	switch (statement->kind) {
	case STATEMENT_LIMIT:
		return "limit";
	case STATEMENT_SET:
		if (!statement->key)
			return statement->text;
		return statement->is_known ? NULL : statement->text;
	default:
		return NULL;
	}
}

const char *match_not_understood(const struct match *match)
{
	switch (match->kind) {
	case MATCH_OPAQUE:
		return match->module ? match->module : match->text;
	case MATCH_NFT_FIELD:
		return keys_not_understood(&match->nft->keys);
	case MATCH_NFT_DO:
		return statement_not_understood(match->statement);
	default:
		return NULL;
	}
}

const char *target_not_understood(const struct target *target)
{
	switch (target->kind) {
	case TARGET_OPAQUE:
		return target->name ? target->name : target->text;
	case TARGET_NFT_NAT:
		return target->nat->is_known ? NULL : target->nat->text;
	case TARGET_NFT_VMAP:
		return keys_not_understood(&target->lookup->keys);
	default:
		return NULL;
	}
}

const char *set_not_understood(const struct set *set)
{
	if (!set->opaque)
		return NULL;
	return set->type ? set->type : set->opaque;
}
