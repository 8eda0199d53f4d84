// SPDX-License-Identifier: GPL-2.0-or-later
#include "host/json.h"

#include <string.h>

#include "base/limits.h"
#include "host/utf8.h"

void json_init(struct json *json, char *data, size_t size)
{
	*json = (struct json){ .at = data, .end = data + size, .line_at = data, .line = 1 };
}

struct json_place json_here(const struct json *json)
{
	return (struct json_place){ json->line, (size_t)(json->at - json->line_at) + 1 };
}

static bool wrong(struct json *json, const char *what)
{
	if (!json->wrong)
		json->wrong = json->at == json->end ? "it ends in the middle" : what;
	return false;
}

static bool too_much(struct json *json, const char *what)
{
	json->is_limit = !json->wrong;
	return wrong(json, what);
}

static void skip_space(struct json *json)
{
	for (; *json->at == ' ' || *json->at == '\n' || *json->at == '\t' || *json->at == '\r';
		json->at++)
		if (*json->at == '\n') {
			json->line++;
			json->line_at = json->at + 1;
		}
}

static bool is_word(const struct json *json, const char *word)
{
	return strncmp(json->at, word, strlen(word)) == 0;
}

enum json_kind json_kind(struct json *json)
{
	if (json->wrong)
		return JSON_NONE;
	skip_space(json);
	json->value = json_here(json);
	switch (*json->at) {
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_LIST;
	case '"':
		return JSON_TEXT;
	case 't':
		if (is_word(json, "true"))
			return JSON_TRUE;
		break;
	case 'f':
		if (is_word(json, "false"))
			return JSON_FALSE;
		break;
	case 'n':
		if (is_word(json, "null"))
			return JSON_NULL;
		break;
	case '-':
	case '0' ... '9':
		return JSON_NUMBER;
	default:
		break;
	}
	wrong(json, "this is no value");
	return JSON_NONE;
}

void json_enter(struct json *json)
{
	json->at++;
}

/* In front of the next member: true; behind the last: false. */
static bool next(struct json *json, size_t *n, char end)
{
	if (json->wrong)
		return false;
	skip_space(json);
	if (*json->at == end) {
		json->at++;
		return false;
	}
	if (*n && *json->at != ',')
		return wrong(json, "a comma or the end of the list is missing");
	json->at += *n > 0;
	skip_space(json);
	if (++json->n_values > LIMIT_SNAPSHOT_ITEMS)
		return too_much(json, "it has more values than portwall takes");
	(*n)++;
	return true;
}

bool json_next_item(struct json *json, size_t *n)
{
	return next(json, n, ']');
}

bool json_next_key(struct json *json, size_t *n, const char **ret_key)
{
	char *key = NULL;

	if (!next(json, n, '}'))
		return false;
	json->key = json_here(json);
	if (*json->at != '"')
		return wrong(json, "a key is missing");
	if (!json_take_text(json, &key))
		return false;
	skip_space(json);
	if (*json->at != ':')
		return wrong(json, "a colon is missing");
	json->at++;
	*ret_key = key;
	return true;
}

/* The four digits behind "\u". */
static bool take_hex(struct json *json, unsigned *ret)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		char c = *json->at, low = (char)(c | 0x20);

		if (c >= '0' && c <= '9')
			value = value << 4 | (unsigned)(c - '0');
		else if (low >= 'a' && low <= 'f')
			value = value << 4 | (unsigned)(low - 'a' + 10);
		else
			return wrong(json, "these are no four hexadecimal digits");
		json->at++;
	}
	*ret = value;
	return true;
}

static char *put_utf8(char *to, unsigned code)
{
	if (code < 0x80) {
		*to++ = (char)code;
		return to;
	}
	if (code < 0x800) {
		*to++ = (char)(0xc0 | code >> 6);
	} else {
		if (code < 0x10000) {
			*to++ = (char)(0xe0 | code >> 12);
		} else {
			*to++ = (char)(0xf0 | code >> 18);
			*to++ = (char)(0x80 | (code >> 12 & 0x3f));
		}
		*to++ = (char)(0x80 | (code >> 6 & 0x3f));
	}
	*to++ = (char)(0x80 | (code & 0x3f));
	return to;
}

static bool take_unicode(struct json *json, char **to)
{
	unsigned code = 0, low = 0;

	if (!take_hex(json, &code))
		return false;
	if (!code)
		return wrong(json, "a text must not hold a zero byte");
	if (code >= 0xd800 && code < 0xe000) {
		if (code >= 0xdc00 || json->at[0] != '\\' || json->at[1] != 'u')
			return wrong(json, "half a character");
		json->at += 2;
		if (!take_hex(json, &low))
			return false;
		if (low < 0xdc00 || low >= 0xe000)
			return wrong(json, "half a character");
		code = 0x10000 + ((code & 0x3ff) << 10 | (low & 0x3ff));
	}
	*to = put_utf8(*to, code);
	return true;
}

static bool take_escape(struct json *json, char **to)
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *letter;

	json->at++;
	if (*json->at == 'u') {
		json->at++;
		return take_unicode(json, to);
	}
	letter = *json->at ? strchr(letters, *json->at) : NULL;
	if (!letter)
		return wrong(json, "no such escape");
	json->at++;
	*(*to)++ = meant[letter - letters];
	return true;
}

static bool is_plain(char c)
{
	return (signed char)c >= 0x20 && c != '"' && c != '\\';
}

/* Decoded it is never longer: what is written is always behind what is read. */
bool json_take_text(struct json *json, char **ret)
{
	char *text = ++json->at, *to;
	size_t len;

	while (is_plain(*json->at))
		json->at++;
	to = json->at;
	while (*json->at != '"') {
		if (is_plain(*json->at)) {
			*to++ = *json->at++;
		} else if (*json->at == '\\') {
			if (!take_escape(json, &to))
				return false;
		} else {
			len = (unsigned char)*json->at < 0x80
				      ? 0
				      : host_utf8_len((const unsigned char *)json->at);
			if (!len)
				return wrong(json, "this is no character of UTF-8");
			memmove(to, json->at, len);
			to += len;
			json->at += len;
		}
	}
	json->at++;
	*to = '\0';
	*ret = text;
	return true;
}

static bool skip_digits(struct json *json)
{
	if (*json->at < '0' || *json->at > '9')
		return wrong(json, "a digit is missing");
	while (*json->at >= '0' && *json->at <= '9')
		json->at++;
	return true;
}

static bool skip_number(struct json *json, bool *ret_is_whole)
{
	*ret_is_whole = true;
	json->at += *json->at == '-';
	if (json->at[0] == '0' && json->at[1] >= '0' && json->at[1] <= '9')
		return wrong(json, "a number begins with 0");
	if (!skip_digits(json))
		return false;
	if (*json->at == '.') {
		*ret_is_whole = false;
		json->at++;
		if (!skip_digits(json))
			return false;
	}
	if (*json->at == 'e' || *json->at == 'E') {
		*ret_is_whole = false;
		json->at++;
		json->at += *json->at == '-' || *json->at == '+';
		if (!skip_digits(json))
			return false;
	}
	return true;
}

bool json_take_integer(struct json *json, int64_t min, uint64_t max, int64_t *ret)
{
	const char *from = json->at;
	bool is_negative = *from == '-', is_whole;
	uint64_t value = 0;

	if (!skip_number(json, &is_whole) || !is_whole)
		return false;
	for (from += is_negative; from < json->at; from++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(*from - '0'), &value))
			return false;
	if (is_negative ? min > 0 || value > (uint64_t)-min : value > max)
		return false;
	*ret = is_negative ? -(int64_t)value : (int64_t)value;
	return true;
}

static bool skip(struct json *json, unsigned depth)
{
	const char *key;
	char *text = NULL;
	size_t n = 0;
	bool is_whole;

	switch (json_kind(json)) {
	case JSON_NONE:
		return false;
	case JSON_TEXT:
		return json_take_text(json, &text);
	case JSON_NUMBER:
		return skip_number(json, &is_whole);
	case JSON_OBJECT:
	case JSON_LIST:
		break;
	default:
		json->at += *json->at == 'f' ? 5 : 4;
		return true;
	}
	if (depth == LIMIT_SNAPSHOT_DEPTH)
		return too_much(json, "it is nested too deeply");
	if (*json->at++ == '{')
		while (json_next_key(json, &n, &key) && skip(json, depth + 1))
			;
	else
		while (json_next_item(json, &n) && skip(json, depth + 1))
			;
	return !json->wrong;
}

bool json_skip(struct json *json)
{
	return skip(json, 0);
}

bool json_take_bool(struct json *json)
{
	bool value = *json->at == 't';

	json->at += value ? 4 : 5;
	return value;
}
