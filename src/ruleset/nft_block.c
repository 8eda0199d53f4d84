// SPDX-License-Identifier: GPL-2.0-or-later
/* Elements of sets and maps, read and printed. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "ruleset/nft.h"
#include "ruleset/print.h"

/* Values joined by " . ", as many as there are types, or the one "*". */
static bool parse_joined(struct nft_parser *p, size_t *at, size_t end, const enum nft_type *types,
	size_t n_types, struct nft_value **ret, size_t *ret_n)
{
	struct nft_value *values = arena_new_array(p->arena, struct nft_value, n_types);

	for (size_t n = 0; n < n_types; n++) {
		const struct nft_token *token = &p->tokens.items[*at];

		if (n && (*at >= end || !nft_token_is(p, *at, ".")))
			return false;
		*at += n > 0;
		if (*at >= end)
			return false;
		token = &p->tokens.items[*at];
		if (!nft_value_parse(p->arena, p->scratch, types[n],
			    arena_strndup(p->scratch, token->start, token->len), &values[n]))
			return false;
		(*at)++;
		if (values[n].is_any && n_types > 1)
			return false;
	}
	*ret = values;
	*ret_n = n_types;
	return true;
}

/* "KEYS [timeout ..] [: DATA]" in [at, end) */
static bool parse_element(
	struct nft_parser *p, size_t at, size_t end, const struct set *set, struct nft_element *ret)
{
	struct nft_element element = { 0 };
	size_t from;

	if (!parse_joined(p, &at, end, set->types, set->n_types, &element.keys, &element.n_keys))
		return false;
	from = at;
	while (at < end && !nft_token_is(p, at, ":"))
		at++;
	if (at > from)
		element.extra = nft_raw_text(p, from, at);
	if (element.extra && !text_has_prefix(element.extra, "timeout ") &&
		!text_has_prefix(element.extra, "expires ") &&
		!text_has_prefix(element.extra, "counter ") &&
		!text_has_prefix(element.extra, "comment ") &&
		!text_has_prefix(element.extra, "limit ") &&
		!text_has_prefix(element.extra, "ct count "))
		return false;
	if (set->is_map != (at < end))
		return false;
	if (at < end) {
		at++;
		if (set->is_verdict_map
				? !nft_parse_verdict(p, at, end, &element.target)
				: !parse_joined(p, &at, end, set->data_types, set->n_data_types,
					  &element.data, &element.n_data) ||
					  at != end)
			return false;
	}
	*ret = element;
	return true;
}

static int compare_min(const void *a, const void *b)
{
	const struct nft_element *const *left = a, *const *right = b;

	return memcmp((*left)->keys[0].min.bytes, (*right)->keys[0].min.bytes, 16);
}

/* With one key of numbers and no overlap an element is found by its place. */
static void sort_elements(struct nft_parser *p, struct set *set)
{
	const struct nft_element **sorted;

	if (set->n_types != 1 || set->n_nft_elements < 2)
		return;
	for (size_t i = 0; i < set->n_nft_elements; i++)
		if (set->nft_elements[i].keys[0].name || set->nft_elements[i].keys[0].is_any)
			return;
	sorted = arena_new_array(p->arena, const struct nft_element *, set->n_nft_elements);
	for (size_t i = 0; i < set->n_nft_elements; i++)
		sorted[i] = &set->nft_elements[i];
	qsort(sorted, set->n_nft_elements, sizeof(*sorted), compare_min);
	for (size_t i = 1; i < set->n_nft_elements; i++)
		if (memcmp(sorted[i - 1]->keys[0].max.bytes, sorted[i]->keys[0].min.bytes, 16) >= 0)
			return;
	set->sorted = sorted;
}

bool nft_parse_elements(struct nft_parser *p, size_t *at, size_t end, struct set *set)
{
	VEC(struct nft_element) elements = { 0 };
	size_t i = *at + 1, from = i;

	if (*at >= end || !nft_token_is(p, *at, "{"))
		return false;
	for (;; i++) {
		bool is_last;

		if (i >= end || nft_token_is(p, i, "{"))
			return false;
		is_last = nft_token_is(p, i, "}");
		if (!is_last && !nft_token_is(p, i, ","))
			continue;
		if (++p->n_elements > LIMIT_NFT_ELEMENTS ||
			!parse_element(p, from, i, set, vec_push(&elements, p->arena)))
			return false;
		from = i + 1;
		if (is_last)
			break;
	}
	*at = i + 1;
	set->nft_elements = elements.items;
	set->n_nft_elements = elements.n;
	sort_elements(p, set);
	return true;
}

static void print_joined(
	struct text *out, const enum nft_type *types, const struct nft_value *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		text_add(out, i ? " . " : "");
		nft_value_print(out, types[i], &values[i]);
	}
}

void nft_elements_print(struct text *out, const struct set *set, size_t n_per_line)
{
	text_add(out, "{ ");
	for (size_t i = 0; i < set->n_nft_elements; i++) {
		const struct nft_element *element = &set->nft_elements[i];

		if (i)
			text_add(out, n_per_line && i % n_per_line == 0 ? ",\n\t\t\t     " : ", ");
		print_joined(out, set->types, element->keys, element->n_keys);
		if (element->extra)
			text_addf(out, " %s", element->extra);
		if (set->is_map)
			text_add(out, " : ");
		if (set->is_verdict_map)
			target_print_nft(out, &element->target);
		else if (set->is_map)
			print_joined(out, set->data_types, element->data, element->n_data);
	}
	text_add(out, " }");
}
