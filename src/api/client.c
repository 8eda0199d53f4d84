// SPDX-License-Identifier: GPL-2.0-or-later
#include "api/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

/* The name that unix sockets need no more than that they have one. */
#define BASE_URL  "http://localhost"
#define CONNECT_S 10L
/* A little longer than the door lets anything wait. */
#define ANSWER_S ((long)LIMIT_API_PROOF_S + 30)

struct api_client {
	CURL *curl;
	char *socket_path;
	char error[CURL_ERROR_SIZE];
};

struct receiver {
	struct text *body; /* all of it, or of an error */
	bool (*fn)(void *data, const char *bytes, size_t size);
	void *data;
	CURL *curl;
	bool is_stopped, is_too_large;
};

static size_t take(char *bytes, size_t one, size_t size, void *data)
{
	struct receiver *receiver = data;
	long status = 0;

	(void)one; /* always 1 */
	if (receiver->fn)
		curl_easy_getinfo(receiver->curl, CURLINFO_RESPONSE_CODE, &status);
	if (receiver->fn && status == 200) {
		receiver->is_stopped = !receiver->fn(receiver->data, bytes, size);
		return receiver->is_stopped ? 0 : size;
	}
	receiver->is_too_large = size > LIMIT_API_MEMORY - receiver->body->len;
	if (receiver->is_too_large)
		return 0;
	text_add_n(receiver->body, bytes, size);
	return size;
}

/* Nothing came for a while: curl asks about once a second whether to go on. */
static int waited(
	void *data, curl_off_t to_come, curl_off_t came, curl_off_t to_go, curl_off_t went)
{
	struct receiver *receiver = data;
	long status = 0;

	(void)to_come, (void)came, (void)to_go, (void)went;
	curl_easy_getinfo(receiver->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200 && !receiver->is_stopped)
		receiver->is_stopped = !receiver->fn(receiver->data, "", 0);
	return receiver->is_stopped;
}

static bool fail(struct api_client *client, CURLcode code, struct err *err)
{
	const char *what = client->error[0] ? client->error : curl_easy_strerror(code);
	long sys = 0;

	curl_easy_getinfo(client->curl, CURLINFO_OS_ERRNO, &sys);
	if (code == CURLE_COULDNT_CONNECT) {
		err_system(err, (int)sys, "no daemon is reached at %s", client->socket_path);
		return sys == EACCES || sys == EPERM
			       ? err_next(err, "Be root, or a member of the group portwall.")
			       : err_next(err, "Is it running? systemctl status portwall.");
	}
	err_system(err, (int)sys, "the daemon at %s: %s", client->socket_path, what);
	return err_next(err, code == CURLE_OPERATION_TIMEDOUT
				     ? "It may still be at work; portwall status tells."
				     : "See its log: journalctl -u portwall.");
}

static void set_common(struct api_client *client)
{
	curl_easy_reset(client->curl);
	client->error[0] = '\0';
	curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, client->error);
	curl_easy_setopt(client->curl, CURLOPT_UNIX_SOCKET_PATH, client->socket_path);
	curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(client->curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(client->curl, CURLOPT_PROXY, ""); /* whatever the environment says */
	curl_easy_setopt(client->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
}

bool api_client_open(const char *socket_path, struct api_client **ret, struct err *err)
{
	struct api_client *client = calloc(1, sizeof(*client));
	CURLcode code;

	if (!client || !(client->socket_path = strdup(socket_path)) ||
		!(client->curl = curl_easy_init())) {
		fputs("portwall: out of memory\n", stderr);
		abort();
	}
	set_common(client);
	curl_easy_setopt(client->curl, CURLOPT_URL, BASE_URL "/");
	curl_easy_setopt(client->curl, CURLOPT_CONNECT_ONLY, 1L);
	code = curl_easy_perform(client->curl);
	if (code != CURLE_OK) {
		fail(client, code, err);
		api_client_close(&client);
		return false;
	}
	*ret = client;
	return true;
}

void api_client_close(struct api_client **client_p)
{
	struct api_client *client = *client_p;

	*client_p = NULL;
	if (!client)
		return;
	curl_easy_cleanup(client->curl);
	free(client->socket_path);
	free(client);
}

bool api_is_absent(const struct err *err)
{
	return err->kind == ERR_SYSTEM && (err->sys == ENOENT || err->sys == ECONNREFUSED);
}

static bool perform(struct api_client *client, const char *method, const char *path,
	struct curl_slist *headers, const char *body, size_t size, struct receiver *receiver,
	unsigned *ret_status, struct err *err)
{
	struct text url CLEANUP(text_done) = TEXT_INIT;
	long status = 0;
	CURLcode code;

	text_addf(&url, BASE_URL "%s", path);
	set_common(client);
	receiver->curl = client->curl;
	curl_easy_setopt(client->curl, CURLOPT_URL, url.data);
	curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, receiver);
	if (!receiver->fn) {
		curl_easy_setopt(client->curl, CURLOPT_TIMEOUT, ANSWER_S);
	} else {
		curl_easy_setopt(client->curl, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(client->curl, CURLOPT_XFERINFOFUNCTION, waited);
		curl_easy_setopt(client->curl, CURLOPT_XFERINFODATA, receiver);
	}
	if (body) {
		curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
	}
	code = curl_easy_perform(client->curl);
	if (receiver->is_too_large)
		return err_limit(err, "the daemon at %s answered more than %zu bytes",
			client->socket_path, LIMIT_API_MEMORY);
	if (code != CURLE_OK && !receiver->is_stopped)
		return fail(client, code, err);
	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
	*ret_status = (unsigned)status;
	return true;
}

static bool request_with(struct api_client *client, const char *method, const char *path,
	const char *if_match, const char *body, size_t size, unsigned *ret_status,
	struct text *ret_body, struct err *err)
{
	struct receiver receiver = { .body = ret_body };
	/* "Expect:" without a value: it is not waited for. */
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
	bool is_done;

	headers = curl_slist_append(headers, "Content-Type: application/json");
	if (if_match)
		headers = curl_slist_append(headers, if_match);
	text_clear(ret_body);
	is_done = perform(client, method, path, headers, body, size, &receiver, ret_status, err);
	curl_slist_free_all(headers);
	return is_done;
}

bool api_request(struct api_client *client, const char *method, const char *path, const char *body,
	size_t size, unsigned *ret_status, struct text *ret_body, struct err *err)
{
	return request_with(client, method, path, NULL, body, size, ret_status, ret_body, err);
}

bool api_request_if(struct api_client *client, const char *method, const char *path,
	unsigned long long revision, const char *body, size_t size, unsigned *ret_status,
	struct text *ret_body, struct err *err)
{
	char if_match[48];

	snprintf(if_match, sizeof(if_match), "If-Match: revision_number=%llu", revision);
	return request_with(client, method, path, if_match, body, size, ret_status, ret_body, err);
}

bool api_stream(struct api_client *client, const char *path,
	bool (*fn)(void *data, const char *bytes, size_t size), void *data, struct err *err)
{
	struct text body CLEANUP(text_done) = TEXT_INIT;
	struct receiver receiver = { .body = &body, .fn = fn, .data = data };
	unsigned status;

	return perform(client, "GET", path, NULL, NULL, 0, &receiver, &status, err) &&
	       api_check(status, &body, err);
}

bool api_check(unsigned status, const struct text *body, struct err *err)
{
	json_t *answer;
	const char *message = NULL, *detail = NULL;

	if (status < 400)
		return true;
	answer = json_loadb(body->data, body->len, 0, NULL);
	json_unpack(
		answer, "{s:{s:s, s:s}}", "NeutronError", "message", &message, "detail", &detail);
	if (!message)
		err_system(err, 0, "the daemon answered with status %u", status);
	else if (status == 409 || status == 412)
		err_conflict(err, "%s", message);
	else if (status < 500)
		err_input(err, "%s", message);
	else
		err_system(err, 0, "%s", message);
	if (detail && *detail)
		err_next(err, "%s", detail);
	json_decref(answer);
	return false;
}
