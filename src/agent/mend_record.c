// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fixes that stand, in a file beside the last policy, forgotten like it at the next boot. A line is a word and its value;
 * "fix" begins one, "edit" one of its edits. Values are as they are, but for line ends and backslashes. What is not there was not set.
 *
 *	fix docker-nat.qbr1
 *	title Docker rewrites the packets of VMs
 *	done 1790000000
 *	edit rule-add
 *	source iptables
 *	family ip
 *	table nat
 *	...
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/mending.h"
#include "base/limits.h"

static const char *const kind_words[] = {
	[HOST_EDIT_RULE_ADD] = "rule-add",
	[HOST_EDIT_RULE_REMOVE] = "rule-remove",
	[HOST_EDIT_RULE_REPLACE] = "rule-replace",
	[HOST_EDIT_TABLE_ADD] = "table-add",
	[HOST_EDIT_TABLE_REMOVE] = "table-remove",
	[HOST_EDIT_SYSCTL] = "sysctl",
	[HOST_EDIT_LINK] = "link",
	[HOST_EDIT_FLOWS] = "flows",
};

static const char *const source_words[] = {
	[SOURCE_IPTABLES] = "iptables",
	[SOURCE_IPTABLES_LEGACY] = "iptables-legacy",
	[SOURCE_NFT] = "nft",
	[SOURCE_EBTABLES] = "ebtables",
	[SOURCE_EBTABLES_LEGACY] = "ebtables-legacy",
};

static const char *const family_words[] = { [FAMILY_IPV4] = "ip",
	[FAMILY_IPV6] = "ip6",
	[FAMILY_BRIDGE] = "bridge",
	[FAMILY_INET] = "inet",
	[FAMILY_ARP] = "arp",
	[FAMILY_NETDEV] = "netdev" };

static const struct {
	const char *word;
	size_t at; /* of a const char * in struct made_edit */
} texts[] = {
	{ "table", offsetof(struct made_edit, edit.table) },
	{ "chain", offsetof(struct made_edit, edit.chain) },
	{ "rule", offsetof(struct made_edit, edit.rule) },
	{ "before", offsetof(struct made_edit, edit.before) },
	{ "name", offsetof(struct made_edit, edit.name) },
	{ "value", offsetof(struct made_edit, edit.value) },
	{ "above", offsetof(struct made_edit, above) },
	{ "below", offsetof(struct made_edit, below) },
	{ "made", offsetof(struct made_edit, made) },
};

static const struct {
	const char *word;
	size_t at; /* of a size_t there */
} numbers[] = {
	{ "at", offsetof(struct made_edit, edit.at) },
	{ "equal", offsetof(struct made_edit, n_equal) },
	{ "equal-before", offsetof(struct made_edit, n_before) },
};

static void *member(const struct made_edit *edit, size_t at)
{
	return (char *)edit + at;
}

static void print_value(struct text *out, const char *word, const char *value)
{
	text_addf(out, "%s ", word);
	for (; *value; value++) {
		if (*value == '\n')
			text_add(out, "\\n");
		else if (*value == '\\')
			text_add(out, "\\\\");
		else
			text_add_n(out, value, 1);
	}
	text_add(out, "\n");
}

static void print_edit(struct text *out, const struct made_edit *made)
{
	const struct host_edit *edit = &made->edit;

	text_addf(out, "edit %s\nsource %s\nfamily %s\n", kind_words[edit->kind],
		source_words[edit->source], family_words[edit->family]);
	if (edit->kind == HOST_EDIT_LINK)
		text_addf(out, "flag %s\n", link_flag_name(edit->flag));
	for (size_t i = 0; i < N_OF(texts); i++) {
		const char *const *value = member(made, texts[i].at);

		if (*value)
			print_value(out, texts[i].word, *value);
	}
	for (size_t i = 0; i < N_OF(numbers); i++) {
		const size_t *value = member(made, numbers[i].at);

		if (*value)
			text_addf(out, "%s %zu\n", numbers[i].word, *value);
	}
	for (size_t i = 0; i < made->n_also; i++)
		text_addf(out, "also %s=%s\n", made->also[i].name, made->also[i].value);
}

void fixes_print(struct text *out, const fix_vec *fixes)
{
	vec_for_each (fix, fixes) {
		print_value(out, "fix", fix->id);
		print_value(out, "title", fix->title);
		text_addf(out, "done %" PRIu64 "\n", fix->done_s);
		if (fix->undo_at_s)
			text_addf(out, "undo-at %" PRIu64 "\ntoken %" PRIu64 "\nwaiter %d\n",
				fix->undo_at_s, fix->token, (int)fix->waiter);
		if (fix->is_unfinished)
			text_add(out, "unfinished yes\n");
		vec_for_each (edit, &fix->edits)
			print_edit(out, edit);
	}
}

static const char *parse_value(struct arena *arena, const char *value, size_t len)
{
	char *copy = arena_strndup(arena, value, len), *to = copy;

	for (const char *from = copy; *from; from++) {
		char byte = *from;

		if (byte == '\\' && from[1]) {
			byte = *++from;
			if (byte == 'n')
				byte = '\n';
		}
		*to++ = byte;
	}
	*to = '\0';
	return copy;
}

static bool parse_number(const char *value, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(value, &end, 10);
	return !errno && end != value && !*end && *value != '-';
}

static bool parse_word(const char *value, const char *const *words, size_t n, unsigned *ret)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(value, words[i])) {
			*ret = i;
			return true;
		}
	return false;
}

static bool parse_also(struct arena *arena, struct made_edit *made, const char *value)
{
	const char *equals = strchr(value, '=');
	struct sysctl *also;

	if (!equals)
		return false;
	also = arena_new_array(arena, struct sysctl, made->n_also + 1);
	if (made->n_also)
		memcpy(also, made->also, made->n_also * sizeof(*also));
	also[made->n_also++] =
		(struct sysctl){ arena_strndup(arena, value, (size_t)(equals - value)),
			equals + 1 };
	made->also = also;
	return true;
}

static bool parse_edit_line(
	struct arena *arena, struct made_edit *made, const char *word, const char *value)
{
	unsigned number;
	uint64_t size;

	for (size_t i = 0; i < N_OF(texts); i++)
		if (!strcmp(word, texts[i].word)) {
			*(const char **)member(made, texts[i].at) = value;
			return true;
		}
	for (size_t i = 0; i < N_OF(numbers); i++)
		if (!strcmp(word, numbers[i].word)) {
			if (!parse_number(value, &size))
				return false;
			*(size_t *)member(made, numbers[i].at) = size;
			return true;
		}
	if (!strcmp(word, "also"))
		return parse_also(arena, made, value);
	if (!strcmp(word, "source")) {
		if (!parse_word(value, source_words, N_OF(source_words), &number))
			return false;
		made->edit.source = (enum table_source)number;
		return true;
	}
	if (!strcmp(word, "family")) {
		if (!parse_word(value, family_words, N_OF(family_words), &number))
			return false;
		made->edit.family = (enum family)number;
		return true;
	}
	if (strcmp(word, "flag") != 0)
		return false;
	for (enum link_flag flag = 0; flag < N_LINK_FLAGS; flag++)
		if (!strcmp(value, link_flag_name(flag))) {
			made->edit.flag = flag;
			return true;
		}
	return false;
}

static bool parse_fix_line(struct fix *fix, const char *word, const char *value)
{
	uint64_t number;

	if (!strcmp(word, "title")) {
		fix->title = value;
		return true;
	}
	if (!strcmp(word, "unfinished")) {
		fix->is_unfinished = true;
		return true;
	}
	if (!parse_number(value, &number))
		return false;
	if (!strcmp(word, "done"))
		fix->done_s = number;
	else if (!strcmp(word, "undo-at"))
		fix->undo_at_s = number;
	else if (!strcmp(word, "token"))
		fix->token = number;
	else if (!strcmp(word, "waiter"))
		fix->waiter = (pid_t)number;
	else
		return false;
	return true;
}

static bool parse_line(struct arena *arena, fix_vec *fixes, const char *word, const char *value)
{
	struct fix *fix = fixes->n ? &fixes->items[fixes->n - 1] : NULL;
	unsigned kind;

	if (!strcmp(word, "fix")) {
		*vec_push(fixes, arena) = (struct fix){ .id = value, .title = "" };
		return true;
	}
	if (!fix)
		return false;
	if (!strcmp(word, "edit")) {
		if (!parse_word(value, kind_words, N_OF(kind_words), &kind))
			return false;
		*vec_push(&fix->edits, arena) =
			(struct made_edit){ .edit.kind = (enum host_edit_kind)kind };
		return true;
	}
	return fix->edits.n
		       ? parse_edit_line(arena, &fix->edits.items[fix->edits.n - 1], word, value)
		       : parse_fix_line(fix, word, value);
}

/* What an edit of its kind cannot be without: a file that was cut or written by hand must not lead to a crash. */
static bool is_whole(const struct made_edit *made)
{
	const struct host_edit *edit = &made->edit;

	switch (edit->kind) {
	case HOST_EDIT_RULE_ADD:
		return edit->table && edit->chain && edit->rule;
	case HOST_EDIT_RULE_REMOVE:
		return edit->table && edit->chain && edit->before && made->above && made->below;
	case HOST_EDIT_RULE_REPLACE:
		return edit->table && edit->chain && edit->rule && edit->before;
	case HOST_EDIT_TABLE_ADD:
		return edit->table && edit->rule;
	case HOST_EDIT_TABLE_REMOVE:
		return edit->table && edit->before;
	case HOST_EDIT_SYSCTL:
	case HOST_EDIT_LINK:
		return edit->name && edit->value && edit->before;
	case HOST_EDIT_FLOWS:
		break;
	}
	return true;
}

bool fixes_parse(
	struct arena *arena, const char *name, const char *text, fix_vec *ret, struct err *err)
{
	fix_vec fixes = { 0 };
	unsigned line = 1;

	for (const char *at = text; *at; line++) {
		size_t len = strcspn(at, "\n"), word_len = strcspn(at, " \n");
		size_t value_at = word_len < len ? word_len + 1 : len;

		if (!parse_line(arena, &fixes, arena_strndup(arena, at, word_len),
			    parse_value(arena, at + value_at, len - value_at)))
			return err_system(err, 0, "%s line %u: \"%.*s\" is not understood", name,
				line, (int)(len > 80 ? 80 : len), at);
		at += len + (at[len] == '\n');
	}
	vec_for_each (fix, &fixes)
		vec_for_each (edit, &fix->edits)
			if (!is_whole(edit))
				return err_system(err, 0, "%s: an edit of the fix %s is not whole",
					name, fix->id);
	*ret = fixes;
	return true;
}

static bool fixes_path(struct arena *arena, const char **ret, struct err *err)
{
	const char *policy = NULL;

	if (!kernel_state_path(arena, &policy, err))
		return false;
	*ret = arena_printf(arena, "%s.fixes", policy);
	return true;
}

bool fixes_load(struct arena *arena, fix_vec *ret, struct err *err)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	const char *path = NULL;

	if (!fixes_path(arena, &path, err))
		return false;
	*ret = (fix_vec){ 0 };
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return true;
	if (!text_load(&text, path, LIMIT_POLICY_FILE_SIZE, err)) {
		err->kind = ERR_SYSTEM;
		return err->sys == EACCES ? err_next(err, "call it with sudo") : false;
	}
	if (fixes_parse(arena, path, text.data, ret, err))
		return true;
	return err_next(err, "another version of portwall wrote it: look at it, then remove it");
}

bool fixes_save(const fix_vec *fixes, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text text CLEANUP(text_done) = TEXT_INIT;
	const char *path = NULL;

	if (!fixes_path(arena, &path, err))
		return false;
	if (!fixes->n)
		return unlink(path) == 0 || errno == ENOENT ||
		       err_system(err, errno, "cannot remove %s", path);
	fixes_print(&text, fixes);
	return text_save(&text, path, err);
}
