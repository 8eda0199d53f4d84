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

struct change;
struct request {
	struct door *door;
	struct arena *arena;
	struct identity who;
	enum proof proof;
	const char *peer;    /* the address over TCP, of IPv6 its /64; "": it is none */
	struct login *login; /* credentials.c's, while it is asked who he is; NULL */
	uint64_t session;    /* and the short-lived token that it came with; 0 */
	enum method method;
	const char *path;
	VEC(struct argument) arguments;
	const char *if_match, *last_event_id, *host; /* headers; NULL: not there */
	bool is_secret;				     /* it came over TLS */
	struct text body;
	const struct api_route *route;
	const char *id, *tag; /* what stands for {id} and {tag} in the path; NULL */
	struct answer answer;
	json_t *kept;		 /* an answer's body that is not sent yet; NULL */
	struct change *change;	 /* that it makes; NULL */
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
/* Where it was asked: "https://HOST:PORT", without a path. */
const char *request_origin(const struct request *request);
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
/* The text that an object has under the key; NULL: it has none. */
const char *text_of(const json_t *object, const char *key);
void json_add(struct text *out, const json_t *value);		 /* in one line */
const char *json_line(struct arena *arena, const json_t *value); /* the same with keys sorted */
/* A JSON body, checked for size and depth; NULL: it is answered as malformed. */
json_t *request_json(struct request *request);

/* --- fields.c, resources.c: what can be said of each kind of object --- */

enum {
	IS_STRING = 1,
	IS_INT = 2,
	IS_BOOL = 4,
	IS_NULL = 8,
	IS_LIST = 16,
	IS_OBJECT = 32,
	IS_REAL = 64,
	IS_ANY = 127
};
enum { IN_POST = 1, IN_PUT = 2, REQUIRED = 4, FILTERED = 8 };
struct api_field {
	const char *name;
	unsigned types, flags;
	const char *words;
	const char *
		initial; /* of a record: JSON that a new one has where it says nothing; NULL: it has none */
};

struct resource {
	const char *one, *many;	       /* keys of bodies */
	const char *title, *not_found; /* "Security group": for messages; the error's type */
	const char *not_found_words;   /* "does not exist" */
	const struct api_field *fields;
	size_t n_fields;
	enum object_kind kind;
	bool is_rule; /* its objects are the rules of those of that kind */
	/* As it is shown to who asks; rule: which one of a group's, of rules. */
	json_t *(*view)(const struct request *request, const struct object *object, size_t rule);
	/* What a record (record.c) has to be; record NULL: of its object, its end. False: it is answered as wrong. */
	bool (*check)(struct request *request, const struct object *before, json_t *record);
};
extern const struct resource group_resource, rule_resource, address_group_resource, port_resource,
	network_resource, subnet_resource, rbac_resource, default_rule_resource;

/* Of all that have them; in front of a table of fields. */
#define PROJECT_FIELDS                                                                             \
	{ "project_id", IS_STRING | IS_NULL, IN_POST | FILTERED,                                   \
		"The project that it is of; only an admin names another than his own.", NULL },    \
	{                                                                                          \
		"tenant_id", IS_STRING | IS_NULL, IN_POST | FILTERED,                              \
			"The old name of project_id.", NULL                                        \
	}
#define STANDARD_FIELDS                                                                            \
	PROJECT_FIELDS, { "created_at", IS_STRING, FILTERED, "It is set by itself.", NULL },       \
		{ "updated_at", IS_STRING, FILTERED, "It is set by itself.", NULL },               \
		{ "revision_number", IS_INT, FILTERED, "It counts by itself.", NULL },             \
	{                                                                                          \
		"tags", IS_LIST, 0, "PUT /v2.0/.../ID/tags/TAG sets one.", NULL                    \
	}

/* The object in a body, or the objects; each checked against the fields. NULL: it is answered as wrong. *ret_many: it was a list. */
json_t *fields_of_body(struct request *request, bool may_be_many, bool *ret_many);
/* Whose a new object is; what says it is taken out of its body. False: he may not say that, and it is answered so. */
bool request_project(struct request *request, json_t *object, const char **ret);
void answer_not_found(struct request *request, const struct resource *resource, const char *id);
/* If-Match against the revision: false when it is another one, and answered so. */
bool request_matches(struct request *request, uint64_t revision);

/* --- collection.c --- */
/* An object of a resource as it is shown; NULL: there is none. And the revision of its last change, or 0. */
json_t *resource_show(
	const struct request *request, const struct resource *resource, const char *id);
uint64_t resource_changed(const struct door *door, const struct resource *resource, const char *id);
/* The object of the route's resource that the request names, or the group that has the rule (*ret_rule: its place; NULL when
 * rules are not asked for); NULL: there is none that who asks may see, and it is answered so. */
const struct object *collection_find(struct request *request, size_t *ret_rule);
/* And he may change it. */
const struct object *collection_find_own(struct request *request, size_t *ret_rule);
/* One of that kind that he sees; NULL: there is none. */
const struct object *visible_find(
	const struct request *request, enum object_kind kind, const char *id);
bool is_own(const struct request *request, const struct object *object);
bool is_visible(const struct request *request, const struct object *object);
/* "port ID", or "a port of another project" for who may not know more. */
const char *words_of_port(const struct request *request, const struct object *port);
void collection_list(struct request *request);
void collection_show(struct request *request);

/* --- rbac.c --- */
/* Is the object shared with the project, or with all ("*")? */
bool is_shared_with(struct door *door, const char *object_id, const char *project_id);
/* "shared", for who asks. */
void shared_show(const struct request *request, const struct object *object, json_t *view);
/* What shares them goes with the objects that go. */
struct change;
void rbac_remove_of(struct change *change);

/* --- change.c: every change goes this way --- */

struct gone {
	enum object_kind kind;
	const char *id;
};
struct change {
	struct request *request;
	VEC(struct object) puts;
	VEC(struct gone) gone;
	VEC(struct policy_part) told; /* parts that mean something else now: for the engine */
	unsigned status;	      /* of the answer when all went well: 200, 201, 204 */
	VEC(const char *) ids; /* of the objects of the route's resource that the answer shows */
	bool is_many;	       /* as a list */
	bool is_dry;	       /* only told what it would do; set by change_submit */
	uint64_t revision;     /* of the store behind it */
	/* Makes the answer; NULL: that of the route's resource. */
	void (*finish)(struct change *change, const struct serve_done *done);
	void *data; /* finish's */
};

struct change *change_new(struct request *request, unsigned status); /* lives with the request */
/*
 * The object as it will be. A part that is there already keeps its attributes, a new one is of the project of who asks. What is
 * returned may be altered (its attrs), until the next put.
 */
struct object *change_put(struct change *change, const struct policy_part *part);
/* And the answer shows the object of that id. */
struct object *change_put_shown(
	struct change *change, const struct policy_part *part, const char *id);
/* One that is no part. extra is its fields, and is given back. */
struct object *change_put_record(
	struct change *change, enum object_kind kind, const char *id, json_t *extra);
/* It is of that project, and so are its rules. */
void object_of_project(struct object *object, const char *project_id);
void change_remove(struct change *change, enum object_kind kind, const char *id);
/*
 * A request that makes the objects of its body: make puts each into the change, or answers what is wrong with it (false), and
 * then none is made.
 */
void change_create(struct request *request, bool (*make)(struct change *change, json_t *item));
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
bool is_project_id(const char *text); /* UTF-8 of a bounded length */
/* A document, which is freed, as a part; NULL: it is none, and answered so. */
const struct policy_part *part_of_document(
	struct request *request, json_t *document, enum part_kind kind);
/* What a file's field is wrong in, as Neutron's error of that name. */
void answer_fault(struct request *request, const struct fault *fault);
/* The same of a rule; values: of its fields, as check_rule got them; rule: as far as it was read. */
void answer_rule_fault(struct request *request, const struct fault *fault,
	const char *const values[N_RULE_FIELDS], const struct policy_rule *rule);
/* Makes of the document of that rule of a group what answers have. */
/* A field of a rule as check_rule takes it, in the arena; NULL: absent, or null. */
const char *rule_value(struct arena *arena, const json_t *rule, enum rule_field field);
/* Whom a rule names (NULL: nobody) has to be there, and to be seen by who asks. False: it is answered so. */
bool rule_check_remotes(
	struct request *request, const char *group_id, const char *address_group_id);
void rule_view_of_document(const struct object *object, size_t rule, json_t *view);

/* --- default_group.c --- */
/* The id of the project's group "default"; when there is none yet, the change makes it. NULL: it cannot, and it is answered so. */
const char *default_group_ensure(struct change *change, const char *project_id);
/* NULL: it has none yet. */
const struct object *default_group_find(const struct model *model, const char *project_id);
/* The rules that a new group begins with, as its document has them. */
json_t *default_rules(struct request *request, bool is_default_group, const char *group_id);
/* What is there when the store says nothing of it. */
void default_rules_load(struct model *model);
void default_rule_create(struct request *request);
void default_rule_delete(struct request *request);

/* --- quota.c --- */
/* Has the project room for so many more than the change makes already? False: it is answered so. */
struct change;
bool quota_check(
	const struct change *change, const char *project_id, const char *resource, size_t n);
void quota_list(struct request *request);
void quota_show(struct request *request);
void quota_default(struct request *request);
void quota_details(struct request *request);
void quota_update(struct request *request);
void quota_delete(struct request *request);

/* --- record.c: objects that are no parts of a policy --- */
/* As the store has it: what others rely on is there. */
bool record_check_kept(const struct object *object, struct err *err);
json_t *record_view(const struct request *request, const struct object *object, size_t rule);
void record_create(struct request *request);
void record_update(struct request *request);
void record_delete(struct request *request);

/* --- tags.c: of any resource --- */
void tags_list(struct request *request);
void tags_replace(struct request *request);
void tags_clear(struct request *request);
void tag_show(struct request *request);
void tag_add(struct request *request);
void tag_remove(struct request *request);

/* --- addresses.c --- */
/*
 * The fixed addresses of a port, from what it asks for (none: fixed_ips is absent) and the subnets of its network: its fixed_ips
 * become addresses with their subnets, none of them another port's, also of the change. False: it is answered as wrong.
 */
bool addresses_choose(struct change *change, json_t *port, const char *id);
/* The first port with an address of the subnet, or in the network; NULL: none. */
const struct object *port_in_subnet(const struct door *door, const char *subnet_id);
const struct object *port_in_network(const struct door *door, const char *network_id);

/* --- network.c --- */
/* The id of the network that the subnet is of. */
const char *network_of_subnet(struct door *door, const char *subnet_id);
/* Its subnets go with a network. */
void subnets_remove_of(struct change *change, const char *network_id);

void extension_list(struct request *request);
void extension_show(struct request *request);
void group_create(struct request *request);
void group_update(struct request *request);
void group_delete(struct request *request);
void rule_list(struct request *request);
void rule_show(struct request *request);
/* Answers when the rules' counters were read, if they are among what is to be shown; or without, when the engine is busy. */
void rule_counters_with(struct request *request, void (*answer)(struct request *request));
/* To a rule as it is shown: null where they are not known. */
void rule_counters_add(const struct request *request, const struct object *group, json_t *rule);
void rule_create(struct request *request);
void rule_update(struct request *request);
void rule_delete(struct request *request);
void address_group_create(struct request *request);
void address_group_update(struct request *request);
void address_group_delete(struct request *request);
void address_group_add(struct request *request);
void address_group_take(struct request *request);
void group_list(struct request *request);
void port_list(struct request *request);
void port_show(struct request *request);
void port_create(struct request *request);
void port_update(struct request *request);
void port_delete(struct request *request);
void port_add_state(struct door *door, json_t *port);
/* It is as a policy file has it now, whatever a client wrote before. */
void port_forget_lists(struct arena *arena, struct object *port);
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
void token_create(struct request *request);
void token_delete(struct request *request);
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

/* Sets route and id. False: there is none, and it is answered so (404, 405). Who asks may not be known yet: access_check is next. */
bool route_find(struct request *request);
/* Handles a whole request whose route was found, from who may ask it. */
void route_handle(struct request *request);

#endif
