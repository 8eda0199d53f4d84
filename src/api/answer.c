// SPDX-License-Identifier: GPL-2.0-or-later
/* Answers: JSON, and errors in the shape of Neutron's, whose detail says what can be done. */
#include "api/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *json_text(const char *text)
{
	json_t *string = json_string(text);

	if (!string) {
		struct text plain CLEANUP(text_done) = TEXT_INIT;

		text_add(&plain, text);
		for (char *c = plain.data; *c; c++)
			if ((unsigned char)*c >= 0x80)
				*c = '?';
		string = json_string(plain.data);
	}
	return string;
}

const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static int add_bytes(const char *bytes, size_t size, void *data)
{
	text_add_n(data, bytes, size);
	return 0;
}

static bool is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == '"' || text[i] == '\\')
			return false;
	return true;
}

/* Keys, ids, times: one call for each of them. Longer texts are rare. */
#define SHORT_LEN 64

/* What needs escapes is left to jansson. before, after: what stands there; 0: nothing. */
static void add_string(struct text *out, char before, const char *text, size_t len, char after)
{
	char whole[SHORT_LEN + 4];
	size_t n = 0;
	json_t *value;

	if (before)
		whole[n++] = before;
	if (len <= SHORT_LEN && is_plain(text, len)) {
		whole[n++] = '"';
		memcpy(whole + n, text, len);
		n += len;
		whole[n++] = '"';
	} else {
		text_add_n(out, whole, n);
		n = 0;
		value = json_stringn_nocheck(text, len);
		json_dump_callback(value, add_bytes, out, JSON_ENCODE_ANY);
		json_decref(value);
	}
	if (after)
		whole[n++] = after;
	text_add_n(out, whole, n);
}

static void add_object(struct text *out, const json_t *object)
{
	/* iterators are of what is not const, and change nothing */
	json_t *o = (json_t *)(uintptr_t)object;
	char before = '{';

	if (!json_object_size(object))
		text_add_n(out, "{", 1);
	for (void *at = json_object_iter(o); at; at = json_object_iter_next(o, at)) {
		add_string(
			out, before, json_object_iter_key(at), json_object_iter_key_len(at), ':');
		json_add(out, json_object_iter_value(at));
		before = ',';
	}
	text_add_n(out, "}", 1);
}

/*
 * What jansson prints, without decoding every text again, and a call for every comma: of a long list that is
 * much of the time.
 */
void json_add(struct text *out, const json_t *value)
{
	char number[24];
	json_t *item;
	size_t i;

	if (!value)
		return;
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		add_object(out, value);
		break;
	case JSON_ARRAY:
		text_add_n(out, "[", 1);
		json_array_foreach(value, i, item)
		{
			if (i)
				text_add_n(out, ",", 1);
			json_add(out, item);
		}
		text_add_n(out, "]", 1);
		break;
	case JSON_STRING:
		add_string(out, 0, json_string_value(value), json_string_length(value), 0);
		break;
	case JSON_INTEGER:
		text_add_n(out, number,
			(size_t)snprintf(number, sizeof(number), "%lld",
				(long long)json_integer_value(value)));
		break;
	case JSON_TRUE:
		text_add_n(out, "true", 4);
		break;
	case JSON_FALSE:
		text_add_n(out, "false", 5);
		break;
	case JSON_NULL:
		text_add_n(out, "null", 4);
		break;
	case JSON_REAL:
		json_dump_callback(value, add_bytes, out, JSON_COMPACT | JSON_ENCODE_ANY);
		break;
	}
}

void answer_json(struct request *request, unsigned status, json_t *body)
{
	struct answer *answer = &request->answer;

	answer->status = status;
	answer->content_type = body ? "application/json" : NULL;
	text_clear(&answer->body);
	if (body)
		json_add(&answer->body, body);
	json_decref(body);
}

const char *json_line(struct arena *arena, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY), *copy;

	if (!text)
		abort(); /* a value is always JSON; else there is no memory */
	copy = arena_strdup(arena, text);
	free(text);
	return copy;
}

static void answer_neutron(struct request *request, unsigned status, const char *type,
	const char *message, const char *detail)
{
	request->answer.etag = 0;
	answer_json(request, status,
		json_pack("{s:{s:s, s:o, s:o}}", "NeutronError", "type", type, "message",
			json_text(message), "detail", json_text(detail)));
}

void answer_error(struct request *request, unsigned status, const char *type, const char *next,
	const char *fmt, ...)
{
	struct text message CLEANUP(text_done) = TEXT_INIT;
	va_list ap;

	va_start(ap, fmt);
	text_vaddf(&message, fmt, ap);
	va_end(ap);
	answer_neutron(request, status, type, message.data, next);
}

void answer_err(struct request *request, const struct err *err)
{
	switch (err->kind) {
	case ERR_NONE:
	case ERR_INPUT:
		answer_neutron(request, 400, "BadRequest", err->text, err->next_step);
		break;
	case ERR_LIMIT:
		answer_neutron(request, 400, "OverLimit", err->text, err->next_step);
		break;
	case ERR_CONFLICT:
		answer_neutron(request, 409, "Conflict", err->text, err->next_step);
		break;
	case ERR_SYSTEM:
		answer_neutron(request, 503, "ServiceUnavailable", err->text,
			err->next_step[0] ? err->next_step
					  : "See the service's log, and try again.");
		request->answer.retry_after_s = 5;
		break;
	}
}

static size_t depth_of(const char *text, size_t size)
{
	size_t depth = 0, most = 0;
	bool in_string = false;

	for (size_t i = 0; i < size; i++) {
		if (in_string) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				in_string = false;
		} else if (text[i] == '"') {
			in_string = true;
		} else if (text[i] == '[' || text[i] == '{') {
			if (++depth > most)
				most = depth;
		} else if ((text[i] == ']' || text[i] == '}') && depth) {
			depth--;
		}
	}
	return most;
}

json_t *request_json(struct request *request)
{
	json_error_t wrong;
	json_t *value;

	/* Before it is parsed: what is counted here bounds the parser's recursion. */
	if (depth_of(request->body.data, request->body.len) > LIMIT_API_DEPTH) {
		answer_error(request, 400, "MalformedRequestBody",
			"No object of this API is that deep; send what its description shows.",
			"Malformed request body: nested more than %d levels deep.",
			LIMIT_API_DEPTH);
		return NULL;
	}
	value = json_loadb(request->body.data, request->body.len, JSON_REJECT_DUPLICATES, &wrong);
	if (!value) {
		struct text next CLEANUP(text_done) = TEXT_INIT;

		text_addf(&next, "Line %d, column %d: %s.", wrong.line, wrong.column, wrong.text);
		answer_error(request, 400, "MalformedRequestBody", next.data,
			"Malformed request body: Cannot understand JSON.");
	}
	return value;
}
