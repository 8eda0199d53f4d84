/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef API_CLIENT_H
#define API_CLIENT_H

#include "base/err.h"
#include "base/text.h"

/* A client of the door, for our own commands: requests over its socket, one after the other, on one connection. */
struct api_client;

/* Connects. Errors: nobody listens there (api_is_absent), it may not be asked, it does not answer. */
bool api_client_open(const char *socket_path, struct api_client **ret, struct err *err);
void api_client_close(struct api_client **client); /* for CLEANUP; NULL in it is fine */
/* Was it that there is no daemon: no socket, or nobody behind it? */
bool api_is_absent(const struct err *err);

/*
 * body NULL: none. *ret_status is HTTP's; ret_body, which is emptied first, what was answered, whatever the status. Errors: the
 * connection broke, or no answer came for as long as the door lets a request wait.
 */
bool api_request(struct api_client *client, const char *method, const char *path, const char *body,
	size_t size, unsigned *ret_status, struct text *ret_body, struct err *err);
/* The same, sent only if what it changes is still of this revision (If-Match); 412 if not. */
bool api_request_if(struct api_client *client, const char *method, const char *path,
	unsigned long long revision, const char *body, size_t size, unsigned *ret_status,
	struct text *ret_body, struct err *err);
/*
 * A stream of events, told as it comes, until fn says false, or its end; fn is also asked, with size 0, about every second. Another
 * status than 200 is an error.
 */
bool api_stream(struct api_client *client, const char *path,
	bool (*fn)(void *data, const char *bytes, size_t size), void *data, struct err *err);

/* An answer that is an error (status 400 and above), as one: its sentence and next step. False then, true else. */
bool api_check(unsigned status, const struct text *body, struct err *err);

#endif
