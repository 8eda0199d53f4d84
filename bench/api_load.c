// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One client that asks one HTTP server, a request after the answer to the last, on one connection: how long does each answer take?
 * It is in C because a client in Python takes longer for a request than portwall for an answer.
 *
 *	build/release/bench/api_load --connect 127.0.0.1:9696 --path /v2.0/security-groups --requests 100
 *	build/release/bench/api_load --connect /run/portwall/api.sock --method POST --path /v2.0/security-groups
 *		--body '{"security_group": {"name": "g@N@"}}' --save-ids made
 *	build/release/bench/api_load ... --method DELETE --path /v2.0/security-groups/@ID@ --ids made
 *
 * In the path and the body, @N@ is the number of the request and @ID@ a line of the file of ids, one after the other and then again
 * from the first; a DELETE stops behind the last one. It ends when the requests have been answered or the seconds are over, whichever comes first, at
 * least one request later. One line of JSON tells what was measured. A status that is no success ends it with status 1 and what the
 * server said; a server that says nothing for --patience seconds, with status 3.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

#define READ_SIZE   ((size_t)256 * 1024)
#define ID_LEN	    36
#define MAX_HEADERS ((size_t)64 * 1024)
#define MAX_IDS	    ((size_t)64 * 1024 * 1024) /* bytes of the file */

static const char *connect_to, *method = "GET", *path = "/", *body, *ids_path, *save_path;
static struct text headers = TEXT_INIT;
static unsigned long n_wanted = 1, n_warm_up;
static double seconds_wanted = 1e9;
static long patience_s = 600;

/* An answer, as much of it as is needed; the same memory for each. */
struct answer {
	struct text head, body;
	size_t body_size; /* of which only a POST's is kept, for the ids in it */
	int status;
	bool closes;
};

struct connection {
	int fd;
	size_t begin, end; /* what has been read and not been taken */
	char *data;	   /* READ_SIZE */
	unsigned long n_opened;
};

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("api_load: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputs("\n", stderr);
	va_end(ap);
	exit(1);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void connection_open(struct connection *c)
{
	struct timeval patience = { .tv_sec = patience_s };
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct sockaddr_in remote = { .sin_family = AF_INET };
	const char *colon = strrchr(connect_to, ':');
	bool is_local = connect_to[0] == '/', is_open;
	int one = 1;

	c->begin = c->end = 0;
	c->n_opened++;
	c->fd = socket(is_local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		fail("no socket: %s", strerror(errno));
	if (is_local) {
		if (strlen(connect_to) >= sizeof(local.sun_path))
			fail("the path of the socket is too long: %s", connect_to);
		memcpy(local.sun_path, connect_to, strlen(connect_to) + 1);
		is_open = connect(c->fd, (struct sockaddr *)&local, sizeof(local)) == 0;
	} else {
		char address[INET_ADDRSTRLEN] = "";

		if (!colon || colon - connect_to >= (long)sizeof(address))
			fail("--connect takes ADDRESS:PORT or the path of a socket, not %s",
				connect_to);
		memcpy(address, connect_to, colon - connect_to);
		remote.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
		if (inet_pton(AF_INET, address, &remote.sin_addr) != 1)
			fail("this is no IPv4 address: %s", address);
		is_open = connect(c->fd, (struct sockaddr *)&remote, sizeof(remote)) == 0;
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	if (!is_open)
		fail("%s cannot be reached: %s", connect_to, strerror(errno));
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

static void connection_close(struct connection *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

/* What is there is at least one byte, or the answer is cut off, which ends it all. */
static void connection_fill(struct connection *c)
{
	ssize_t got;

	if (c->begin < c->end)
		return;
	c->begin = 0;
	do {
		got = recv(c->fd, c->data, READ_SIZE, 0);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN) {
		fprintf(stderr, "api_load: no answer for %ld seconds\n", patience_s);
		exit(3);
	}
	if (got <= 0)
		fail("an answer was cut off: %s", got ? strerror(errno) : "the connection ended");
	c->end = (size_t)got;
}

static void connection_send(struct connection *c, const struct text *request)
{
	for (size_t done = 0; done < request->len;) {
		ssize_t sent = send(c->fd, request->data + done, request->len - done, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			fail("a request was not taken: %s", strerror(errno));
		done += sent > 0 ? (size_t)sent : 0;
	}
}

/* Up to and with the next newline. */
static void take_line(struct connection *c, struct text *line)
{
	const char *newline = NULL;

	while (!newline) {
		size_t len;

		connection_fill(c);
		newline = memchr(c->data + c->begin, '\n', c->end - c->begin);
		len = newline ? (size_t)(newline + 1 - c->data) - c->begin : c->end - c->begin;
		text_add_n(line, c->data + c->begin, len);
		c->begin += len;
		if (line->len > MAX_HEADERS)
			fail("the headers of an answer do not end");
	}
}

static void take_bytes(struct connection *c, size_t n, struct answer *ret)
{
	ret->body_size += n;
	while (n) {
		size_t len;

		connection_fill(c);
		len = c->end - c->begin < n ? c->end - c->begin : n;
		if (save_path || ret->status >= 300)
			text_add_n(&ret->body, c->data + c->begin, len);
		c->begin += len;
		n -= len;
	}
}

static const char *header_find(const struct answer *answer, const char *name)
{
	const char *line = answer->head.data;

	while ((line = strchr(line, '\n'))) {
		line++;
		if (strncasecmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
			return line + strlen(name) + 1 + strspn(line + strlen(name) + 1, " ");
	}
	return NULL;
}

static void take_chunks(struct connection *c, struct answer *ret)
{
	CLEANUP(text_done) struct text line = TEXT_INIT;
	size_t size;

	do {
		text_clear(&line);
		take_line(c, &line);
		size = strtoul(line.data, NULL, 16);
		take_bytes(c, size, ret);
		text_clear(&line);
		take_line(c,
			&line); /* behind the last chunk this is the end: neither server sends trailers */
	} while (size);
}

static void take_answer(struct connection *c, struct answer *ret)
{
	const char *value;
	size_t before;

	text_clear(&ret->head);
	text_clear(&ret->body);
	ret->body_size = 0;
	do {
		before = ret->head.len;
		take_line(c, &ret->head);
	} while (strcmp(ret->head.data + before, "\r\n") != 0);
	if (text_has_prefix(ret->head.data, "HTTP/1.1 "))
		ret->status = (int)strtol(ret->head.data + strlen("HTTP/1.1 "), NULL, 10);
	else
		fail("this is no answer of HTTP/1.1: %.*s", (int)strcspn(ret->head.data, "\r\n"),
			ret->head.data);
	value = header_find(ret, "Connection");
	ret->closes = value && strncasecmp(value, "close", 5) == 0;
	value = header_find(ret, "Transfer-Encoding");
	if (value && strncasecmp(value, "chunked", 7) == 0) {
		take_chunks(c, ret);
		return;
	}
	value = header_find(ret, "Content-Length");
	if (value)
		take_bytes(c, strtoul(value, NULL, 10), ret);
	else if (ret->status != 204)
		fail("an answer does not say how long it is: %.200s", ret->head.data);
}

/* Of the object itself, not of a rule in it: the "id" that stands two braces deep. */
static void save_id(const struct answer *answer, FILE *file)
{
	const char *p = answer->body.data;
	int depth = 0;
	bool in_string = false;

	for (; *p; p++) {
		if (in_string) {
			if (*p == '\\' && p[1])
				p++;
			else if (*p == '"')
				in_string = false;
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		else if (*p == '"') {
			in_string = true;
			if (depth == 2 && strncmp(p, "\"id\"", 4) == 0) {
				const char *id = p + 4 + strspn(p + 4, " :");

				if (*id == '"' && strlen(id) > ID_LEN + 1) {
					fprintf(file, "%.*s\n", ID_LEN, id + 1);
					return;
				}
			}
		}
	}
	fail("there is no id in %.200s", answer->body.data);
}

static void add_filled(struct text *ret, const char *template, unsigned long n, const char *id)
{
	while (*template) {
		if (strncmp(template, "@N@", 3) == 0) {
			text_addf(ret, "%lu", n);
			template += 3;
		} else if (strncmp(template, "@ID@", 4) == 0) {
			text_add(ret, id);
			template += 4;
		} else {
			text_add_n(ret, template ++, 1);
		}
	}
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "connect", required_argument, NULL, 'c' },
		{ "method", required_argument, NULL, 'm' },
		{ "path", required_argument, NULL, 'p' },
		{ "header", required_argument, NULL, 'h' },
		{ "body", required_argument, NULL, 'b' },
		{ "ids", required_argument, NULL, 'i' },
		{ "save-ids", required_argument, NULL, 's' },
		{ "requests", required_argument, NULL, 'n' },
		{ "seconds", required_argument, NULL, 't' },
		{ "warm-up", required_argument, NULL, 'w' },
		{ "patience", required_argument, NULL, 'x' },
		{ 0 },
	};

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 'c':
			connect_to = optarg;
			break;
		case 'm':
			method = optarg;
			break;
		case 'p':
			path = optarg;
			break;
		case 'h':
			text_addf(&headers, "%s\r\n", optarg);
			break;
		case 'b':
			body = optarg;
			break;
		case 'i':
			ids_path = optarg;
			break;
		case 's':
			save_path = optarg;
			break;
		case 'n':
			n_wanted = strtoul(optarg, NULL, 10);
			break;
		case 't':
			seconds_wanted = strtod(optarg, NULL);
			break;
		case 'w':
			n_warm_up = strtoul(optarg, NULL, 10);
			break;
		case 'x':
			patience_s = strtol(optarg, NULL, 10);
			break;
		default:
			exit(2);
		}
	}
	if (!connect_to || optind != argc || !n_wanted) {
		fputs("usage: api_load --connect ADDRESS:PORT|SOCKET [--method M] [--path P] [--header H] [--body B]\n"
		      "                [--ids FILE] [--save-ids FILE] [--requests N] [--seconds S] [--warm-up N]\n"
		      "                [--patience S]\n",
			stderr);
		exit(2);
	}
}

struct ids {
	struct text text;
	size_t len; /* lines */
};

static void ids_load(struct ids *ids)
{
	struct err err = { 0 };

	if (!ids_path)
		return;
	if (!text_load(&ids->text, ids_path, MAX_IDS, &err))
		fail("%s", err.text);
	ids->len = ids->text.len / (ID_LEN + 1);
	if (!ids->len || ids->text.len % (ID_LEN + 1))
		fail("%s has a line that is no id", ids_path);
	for (size_t i = 0; i < ids->len; i++)
		ids->text.data[i * (ID_LEN + 1) + ID_LEN] = '\0';
}

static const char *id_of(const struct ids *ids, unsigned long n)
{
	return ids->len ? ids->text.data + n % ids->len * (ID_LEN + 1) : "";
}

static void build_request(struct text *ret, unsigned long n, const struct ids *ids)
{
	CLEANUP(text_done) struct text filled = TEXT_INIT;

	text_clear(ret);
	text_addf(ret, "%s ", method);
	add_filled(ret, path, n, id_of(ids, n));
	text_addf(ret, " HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n%s",
		headers.data);
	if (body) {
		add_filled(&filled, body, n, id_of(ids, n));
		text_addf(ret, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
			filled.len);
	}
	text_addf(ret, "\r\n%s", filled.data);
}

/* Seconds from the first byte of the request to the last of the answer. */
static double ask(struct connection *c, const struct text *request, struct answer *ret)
{
	double begin = now_s(), took;

	if (c->fd < 0)
		connection_open(c); /* belongs to the request of a server that closes */
	connection_send(c, request);
	take_answer(c, ret);
	took = now_s() - begin;
	if (ret->status < 200 || ret->status > 299)
		fail("%.*s was answered %d: %.500s", (int)strcspn(request->data, "\r"),
			request->data, ret->status, ret->body.data);
	if (ret->closes)
		connection_close(c);
	return took;
}

int main(int argc, char **argv)
{
	CLEANUP(text_done) struct text request = TEXT_INIT;
	struct connection c = { .fd = -1 };
	struct answer answer = { .head = TEXT_INIT, .body = TEXT_INIT };
	struct ids ids = { .text = TEXT_INIT };
	unsigned long n = 0, n_done = 0;
	size_t body_size = 0;
	double *took, begin, sum = 0, wall;
	FILE *save = NULL;

	parse_options(argc, argv);
	ids_load(&ids);
	if (strcmp(method, "DELETE") == 0 && ids.len && n_warm_up + n_wanted > ids.len)
		n_wanted = ids.len > n_warm_up ? ids.len - n_warm_up : 1;
	took = calloc(n_wanted, sizeof(*took));
	c.data = malloc(READ_SIZE);
	if (!took || !c.data)
		fail("there is no memory for %lu latencies", n_wanted);
	if (save_path && !(save = fopen(save_path, "we")))
		fail("%s cannot be written: %s", save_path, strerror(errno));
	connection_open(&c);
	begin = now_s();
	do {
		double one;

		build_request(&request, n, &ids);
		one = ask(&c, &request, &answer);
		if (save)
			save_id(&answer, save);
		if (n++ < n_warm_up) {
			begin = now_s(); /* what was warm-up is of no account */
			continue;
		}
		took[n_done++] = one;
		sum += one;
		body_size = answer.body_size;
	} while (n_done < n_wanted && (n_done == 0 || now_s() - begin < seconds_wanted));
	wall = now_s() - begin;
	if (save && fclose(save) != 0)
		fail("%s cannot be written: %s", save_path, strerror(errno));
	qsort(took, n_done, sizeof(*took), compare);
	/* Requests a second by the time that was waited for answers: what the client does between two is not the server's. */
	printf("{\"requests\": %lu, \"warm_up\": %lu, \"p50_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.4f, "
	       "\"requests_per_s\": %.3f, \"wall_s\": %.3f, \"answer_bytes\": %zu, \"connections\": %lu}\n",
		n_done, n_warm_up, took[n_done / 2] * 1e3, took[n_done * 99 / 100] * 1e3,
		took[n_done - 1] * 1e3, (double)n_done / sum, wall, body_size, c.n_opened);
	connection_close(&c);
	text_done(&answer.head);
	text_done(&answer.body);
	text_done(&ids.text);
	free(c.data);
	free(took);
	return 0;
}
