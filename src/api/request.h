/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef API_REQUEST_H
#define API_REQUEST_H

#include "api/access.h"
#include "api/door.h"

/* Requests, what is answered, and the one table of what can be asked; nobody outside this folder includes it. */

enum method { METHOD_GET, METHOD_POST, METHOD_PUT, METHOD_DELETE, N_METHODS };
extern const char *const method_names[N_METHODS];

struct argument {
	const char *key, *value; /* behind the "?"; value "" when there is none */
};

struct answer {
	unsigned status; /* of HTTP; 0: not answered yet */
	const char *content_type;
	struct text body;
	const char *allow;	/* of a 405, else NULL */
	uint64_t etag;		/* a revision; 0: none */
	unsigned retry_after_s; /* 0: not said */
	bool is_stream;		/* events, from number first on */
	uint64_t first;
};

struct request {
	struct door *door;
	struct arena *arena;
	struct identity who;
	enum method method;
	const char *path;
	VEC(struct argument) arguments;
	const char *if_match, *last_event_id, *host; /* headers; NULL: not there */
	struct text body;
	const struct api_route *route;
	const char *id; /* what stands for {id} in the path; NULL */
	struct answer answer;
	json_t *kept;		 /* an answer's body that is not sent yet; NULL */
	struct pending *pending; /* what it waits for; NULL */
	uint64_t give_up_ms;	 /* when it has waited for long enough */
	/* Then it is answered by this; NULL: the engine has not answered in time. */
	void (*give_up)(struct request *request);
	bool waits_for_counters; /* of all rules (rule_counters.c) */
	struct request *next_waiting, **waiting_at;
	void *data; /* http.c's */
};

struct request *request_new(struct door *door, enum method method, const char *path);
void request_free(struct request *request); /* NULL is fine; what it waits for is forgotten */
/* The value of the first argument with that key; NULL: there is none. */
const char *request_argument(const struct request *request, const char *key);
/* An argument that is true or false; *ret stays when there is none. False: it is answered as wrong. */
bool request_flag(struct request *request, const char *key, bool *ret);
/* False: too much is waited for already, and it is answered so. */
bool request_may_wait(struct request *request);
/* It waits for the engine; give up after so many seconds. */
void request_wait(struct request *request, unsigned wait_s);
/* Its answer stands now: whoever serves is told if it had to wait. */
void request_finish(struct request *request);

/* --- answer.c --- */

/* body is taken over. */
void answer_json(struct request *request, unsigned status, json_t *body);
/* NeutronError; next: what can be done about it, "" where it is obvious. */
void answer_error(struct request *request, unsigned status, const char *type, const char *next,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void answer_err(struct request *request, const struct err *err);
/* A string whatever bytes there are: what is no UTF-8 becomes "?". */
json_t *json_text(const char *text);
void json_add(struct text *out, const json_t *value); /* in one line */
/* A JSON body, checked for size and depth; NULL: it is answered as malformed. */
json_t *request_json(struct request *request);

/* --- fields.c, resources.c: what can be said of each kind of object --- */

enum { IS_STRING = 1, IS_INT = 2, IS_BOOL = 4, IS_NULL = 8, IS_LIST = 16, IS_OBJECT = 32 };
enum { IN_POST = 1, IN_PUT = 2, REQUIRED = 4, FILTERED = 8 };
struct api_field {
	const char *name;
	unsigned types, flags;
	const char *words;
};

struct resource {
	const char *one, *many;	       /* keys of bodies */
	const char *title, *not_found; /* "Security group": for messages; the error's type */
	const char *not_found_words;   /* "does not exist" */
	const struct api_field *fields;
	size_t n_fields;
	/* An object of the model as it is shown. */
	enum part_kind kind;
	json_t *(*view)(struct door *door, const struct object *object);
	/* The rest only of those whose objects are no parts, or are better shown together; else NULL: collection.c does it by kind and view. */
	/* fn is told each object, which it frees. */
	void (*each)(struct door *door, void (*fn)(void *data, json_t *object), void *data);
	json_t *(*find)(struct door *door, const char *id); /* NULL: there is none */
	uint64_t (*changed)(struct door *door, const char *id);
};
extern const struct resource group_resource, rule_resource, address_group_resource, port_resource;

/* The object in a body, or the objects; each checked against the fields. NULL: it is answered as wrong. *ret_many: it was a list. */
json_t *fields_of_body(struct request *request, bool may_be_many, bool *ret_many);
void answer_not_found(struct request *request, const struct resource *resource, const char *id);
/* If-Match against the revision: false when it is another one, and answered so. */
bool request_matches(struct request *request, uint64_t revision);

/* --- collection.c --- */
/* An object of a resource as it is shown; NULL: there is none. And the revision of its last change, or 0. */
json_t *resource_show(struct door *door, const struct resource *resource, const char *id);
uint64_t resource_changed(struct door *door, const struct resource *resource, const char *id);
/* The object of the route's resource that the request names; NULL: there is none, and it is answered so. */
const struct object *collection_find(struct request *request);
void collection_list(struct request *request);
void collection_show(struct request *request);

/* --- change.c: every change goes this way --- */

struct gone {
	enum part_kind kind;
	const char *id;
};
struct change {
	struct request *request;
	VEC(struct policy_part) puts;
	VEC(struct gone) gone;
	unsigned status;       /* of the answer when all went well: 200, 201, 204 */
	VEC(const char *) ids; /* of the objects of the route's resource that the answer shows */
	bool is_many;	       /* as a list */
	bool is_dry;	       /* only told what it would do; set by change_submit */
	uint64_t revision;     /* of the store behind it */
	/* Makes the answer; NULL: that of the route's resource. */
	void (*finish)(struct change *change, const struct serve_done *done);
	void *data; /* finish's */
};

struct change *change_new(struct request *request, unsigned status); /* lives with the request */
void change_put(struct change *change, const struct policy_part *part);
/* And the answer shows the object of that id. */
void change_put_shown(struct change *change, const struct policy_part *part, const char *id);
void change_remove(struct change *change, enum part_kind kind, const char *id);
/* Checks it, stores it, tells the engine; the request waits, or is answered with what is wrong. */
void change_submit(struct change *change);
/* What became of it in the kernel; with the lines of what changed. */
json_t *json_of_done(const struct change *change, const struct serve_done *done);
/* foresight.c: of a dry run, what it would mean for packets. */
void foresight_add(json_t *body, const struct serve_done *done);

/* --- handlers --- */
/* A new random id. */
const char *new_id(struct arena *arena);
bool is_id(const char *text);
/* A document, which is freed, as a part; NULL: it is none, and answered so. */
const struct policy_part *part_of_document(
	struct request *request, json_t *document, enum part_kind kind);
/* What a file's field is wrong in, as Neutron's error of that name. */
void answer_fault(struct request *request, const struct fault *fault);
/* Of a group's document, its rule of that place, as answers have it. */
json_t *rule_view(const json_t *document, size_t rule);
void group_create(struct request *request);
void group_update(struct request *request);
void group_delete(struct request *request);
void rule_list(struct request *request);
void rule_show(struct request *request);
/* Answers when the rules' counters were read, if they are among what is to be shown; or without, when the engine is busy. */
void rule_counters_with(struct request *request, void (*answer)(struct request *request));
/* To a rule as it is shown: null where they are not known. */
void rule_counters_add(const struct door *door, json_t *rule);
void rule_create(struct request *request);
void rule_update(struct request *request);
void rule_delete(struct request *request);
void address_group_create(struct request *request);
void address_group_update(struct request *request);
void address_group_delete(struct request *request);
void port_list(struct request *request);
void port_show(struct request *request);
void port_create(struct request *request);
void port_update(struct request *request);
void port_delete(struct request *request);
void port_add_state(struct door *door, json_t *port);
void policy_show(struct request *request);
void policy_replace(struct request *request);
void root_show(struct request *request);
void version_show(struct request *request);
void status_show(struct request *request);
void counters_show(struct request *request);
void verify_show(struct request *request);
void findings_show(struct request *request);
void explain_show(struct request *request);
void events_show(struct request *request);
void metrics_show(struct request *request);
void health_show(struct request *request);
void openapi_show(struct request *request);

/* --- routes.c --- */

struct api_route {
	enum method method;
	const char *path; /* "{id}" stands for one segment */
	void (*handle)(struct request *request);
	const struct resource *resource; /* of its body and answers; NULL: none */
	const char *words;
	const char *const
		*arguments; /* that it takes, ends with NULL; NULL: those of its resource */
	size_t max_body;    /* 0: it takes none */
	unsigned role;	    /* that it takes; 0: none, not even credentials */
};
extern const struct api_route routes[];
extern const size_t n_routes;

/* Sets route and id. False: there is none, or not for who asks, and it is answered so (404, 405, 401, 403). */
bool route_find(struct request *request);
/* Handles a whole request whose route was found. */
void route_handle(struct request *request);

#endif
