/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef API_DOOR_H
#define API_DOOR_H

#include <jansson.h>
#include <stdint.h>

#include "agent/serve.h"
#include "api/api.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/text.h"
#include "base/vec.h"
#include "policy/parts.h"
#include "store/store.h"

/*
 * What the files of this folder share; nobody else includes it.
 *
 * A door is a value without sockets: requests go in by route_request, frames of the engine by engine_take, time is what it is
 * told. http.c and run.c tie it to file descriptors; tests and the fuzzer do without them.
 */
struct door;
struct request;

/* --- model.c: all objects, as the store has them --- */

/* Those of a policy first, then those that only clients of the API know: the engine is not told of them. */
enum object_kind {
	OBJECT_GROUP = PART_GROUP,
	OBJECT_ADDRESS_GROUP = PART_ADDRESS_GROUP,
	OBJECT_PORT = PART_PORT,
	OBJECT_NETWORK = N_PART_KINDS,
	OBJECT_SUBNET,
	OBJECT_RBAC,
	OBJECT_QUOTA,	     /* its id is the project's */
	OBJECT_DEFAULT_RULE, /* what a new group begins with */
	N_OBJECT_KINDS
};

/* What the API knows beside a policy: whose it is, since when, and what only clients care for. */
struct attrs {
	const char *project_id;
	int64_t created_at, updated_at; /* seconds since 1970; 0: before that was kept */
	unsigned revision; /* of a rule: how often it was changed; others have object.changed */
	const char *const *tags; /* sorted */
	size_t n_tags;
	const char *
		extra; /* a JSON object in one line: further fields, as they are shown; NULL: none */
};

struct object {
	enum object_kind kind;
	const char *id;
	uint64_t created, changed; /* revisions of the store */
	struct attrs attrs;
	struct attrs *rule_attrs; /* of a group: of each of its rules */
	struct policy_part part;  /* of those of a policy */
};

struct model {
	struct arena *arena; /* all that objects point to; made anew when most of it is garbage */
	size_t fresh_size;   /* bytes of it when it had no garbage */
	struct object *objects[N_OBJECT_KINDS]; /* sorted by id; on the heap */
	size_t n[N_OBJECT_KINDS], cap[N_OBJECT_KINDS];
	uint64_t revision;
};

/* Reads everything anew. Errors: the store's; a document that is no object (ERR_INPUT). */
bool model_load(struct model *model, struct store *store, struct err *err);
void model_done(struct model *model);
/* What is found is stale after the next model_put or model_remove. */
const struct object *model_find(const struct model *model, enum object_kind kind, const char *id);
/* The group that has the rule, and the rule's place in it; NULL: there is none. */
const struct object *model_find_rule(const struct model *model, const char *id, size_t *ret_rule);
/* What the store has at this revision. The object is copied. */
void model_put(struct model *model, const struct object *object, uint64_t revision);
void model_remove(struct model *model, enum object_kind kind, const char *id, uint64_t revision);
size_t model_n_rules(const struct model *model);
static inline bool kind_is_part(enum object_kind kind)
{
	return (int)kind < (int)N_PART_KINDS;
}
/* A part and all that it points to, checked as values of a file are. */
bool part_copy(struct arena *arena, const struct policy_part *part, struct policy_part *ret,
	struct err *err);
/* JSON in one line, keys sorted: of the part alone, and as the store keeps an object. */
const char *part_text(struct arena *arena, const struct policy_part *part);
const char *object_text(struct arena *arena, const struct object *object);
/* Where the store has it (store.h). */
const char *object_key(struct arena *arena, const struct object *object);

/* --- attrs.c --- */
void attrs_copy(struct arena *arena, const struct attrs *attrs, struct attrs *ret);
bool attrs_equal(const struct attrs *a, const struct attrs *b);
/* Into a document of the store, and out of it; what is absent is as it was before attributes were kept. */
void attrs_to_document(const struct attrs *attrs, json_t *document);
void attrs_of_document(struct arena *arena, const json_t *document, struct attrs *ret);
/* As answers have them: project_id and tenant_id, created_at and updated_at, and what extra says. */
void attrs_show(const struct attrs *attrs, json_t *view);
json_t *attrs_tags(const struct attrs *attrs);
/* The same with tags and revision_number, of all but rules. */
void object_show(const struct object *object, json_t *view);

/* --- engine.c: the other process --- */

/* Something that was asked of the engine and is not answered yet. */
struct pending {
	struct pending *next;
	uint64_t id;
	uint64_t revision;	 /* of a change; 0: it is none */
	struct request *request; /* who waits for it; NULL: nobody (any more) */
	void *data;
	/* The answer; type 0: the engine has gone. Then it is freed. */
	void (*answered)(struct door *door, struct pending *pending, enum serve_type type,
		const char *body, size_t size);
};

struct engine {
	struct text out; /* frames for it, the first n_sent bytes are gone */
	size_t n_sent;
	struct text in;
	uint64_t last_id;
	struct pending *pending, **pending_end; /* oldest first */
	size_t n_pending;
};

void engine_init(struct engine *engine);
void engine_done(struct door *door);
/* A new request: its frame is to be added to engine.out with the id. */
struct pending *engine_ask(struct door *door, struct request *request);
/* Bytes from the engine. ERR_INPUT: it says what nobody understands. */
bool engine_take(struct door *door, const char *bytes, size_t size, struct err *err);
/* Everything as it is, at the start and when the engine and the store have come apart. */
void engine_sync(struct door *door);
/* Asks for its state, unless that is under way. */
void engine_ask_state(struct door *door);
/* The answer to SERVE_STATUS. False: it was something else. */
bool engine_take_state(struct door *door, enum serve_type type, const char *body, size_t size);

/* --- events.c: what happened, for readers of the event stream --- */

struct event_entry {
	uint64_t number;
	char *text; /* as it goes over the wire */
	size_t size;
};

struct event_log {
	struct event_entry ring[LIMIT_API_EVENTS];
	uint64_t first, next; /* numbers of the oldest one and of the one to come; from 1 */
	size_t size;	      /* bytes of all texts */
};

void events_init(struct event_log *log);
void events_done(struct event_log *log);
/* data is taken over. */
void events_add(struct door *door, const char *what, json_t *data);
/* NULL: there is none yet, or no longer. */
const struct event_entry *events_get(const struct event_log *log, uint64_t number);

/* --- rule_counters.c: what each rule counted, as it was last read --- */

struct rule_counters {
	struct arena *arena;	    /* NULL: never */
	struct map *by_id;	    /* to struct rule_count */
	uint64_t read_ms, revision; /* of the store, that the kernel was being brought to then */
	uint64_t took_ms, asked_ms, asked_revision;
	bool is_asked;
};
void rule_counters_done(struct rule_counters *counters);

/* --- looks.c: what is looked for while somebody reads events --- */

struct look {
	bool is_asked;
	uint64_t asked_ms, due_ms;
	struct arena *arena; /* of seen */
	struct map *seen;    /* drops by their keys; NULL: it is the first time */
	json_t *findings;    /* NULL: likewise */
};
struct looks {
	struct look drops, findings;
};
void looks_tick(struct door *door);
void looks_done(struct looks *looks);

/* --- door.c --- */

#define N_STATUS_CLASSES 6 /* 1xx..5xx, others */
struct door_counts {
	uint64_t requests[5 /* methods, and others */][N_STATUS_CLASSES];
	uint64_t streams_dropped, engine_refused, timeouts, wrong_credentials;
};

/* Seconds. As in limits.h; tests wait less. */
struct door_times {
	unsigned request_s, idle_s, answer_s, wait_s, state_s, proof_s, health_s, ping_s;
};

struct door {
	const char *host;
	struct store *store;
	struct model model;
	struct engine engine;
	struct credentials *credentials; /* NULL: nobody is asked for any */
	struct event_log *events;
	struct door_counts counts;
	struct door_times times;
	uint64_t now_ms; /* CLOCK_MONOTONIC, told by the loop */
	int64_t now_s;	 /* CLOCK_REALTIME, likewise */
	/* What the engine said last. */
	struct arena *state_arena; /* NULL: nothing yet */
	struct serve_state state;
	struct map *state_ports;    /* its ports by id; NULL: nothing yet */
	struct arena *shares_arena; /* rbac.c's, of shares_revision; NULL: nothing yet */
	struct map *shares;
	uint64_t shares_revision;
	struct arena *subnets_arena; /* network.c's, as shares */
	struct map *subnets, *networks;
	uint64_t subnets_revision;
	uint64_t state_ms, heard_ms; /* 0: never */
	uint64_t engine_revision;    /* that it has */
	bool is_state_stale, is_state_asked;
	bool is_synced;		/* the first sync has been answered */
	uint64_t sync_again_ms; /* 0: not needed */
	unsigned n_refused_syncs;
	char refused
		[ERR_TEXT_SIZE]; /* why the engine did not take what the store has; "": it did */
	struct rule_counters rule_counters;
	struct looks looks;
	struct request *waiting; /* requests that wait for the engine */
	size_t n_waiting;
	size_t n_streams, n_connections, n_memory; /* http.c's, for limits and metrics */
	/* Who serves: a request that waited is answered; there is a new event. */
	void (*answered)(void *data, struct request *request);
	void (*happened)(void *data);
	void *data;
};

bool door_open(const char *store_path, const char *host, struct door **ret, struct err *err);
void door_close(struct door **door); /* for CLEANUP */
/* What is due by now_ms: asks for the state, syncs again, gives up requests that wait too long. */
void door_tick(struct door *door);
/* NULL: as far as is known the kernel has what the store has, or will soon; else why not. */
const char *door_sickness(struct door *door, struct arena *arena);

/* run.c: until the engine's end closes or SIGTERM comes. */
bool door_run(struct door *door, const struct api_options *options, void (*ready)(void *data),
	void *data, struct err *err);

/* metrics.c */

/* What several lines of a port count for one reason, added up; in the order of the ports. */
struct drop_sum {
	const struct serve_counter *first;
	uint64_t packets, bytes;
};
typedef VEC(struct drop_sum) drop_vec;
void drops_sum(struct arena *arena, const struct serve_counted *counters, drop_vec *ret_drops);
const char *drop_reason(const struct serve_counter *counter); /* "default-drop" */
/* In Prometheus' text format; counters may be NULL. */
void metrics_print(struct text *out, struct door *door, const struct serve_counted *counters);

#endif
