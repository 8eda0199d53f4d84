/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef AGENT_SERVE_H
#define AGENT_SERVE_H

#include <stdint.h>

#include "agent/agent.h"
#include "agent/guard.h"
#include "policy/parts.h"

/*
 * The engine of "portwall serve": the one loop, and the only process that touches the kernel. What the policy says is what
 * the kernel does, through plugs, restarts and other programs' meddling. It takes typed requests from one other process, the door
 * (src/api), over a stream socket; the door speaks HTTP and SQL, and holds no right.
 *
 * Frames on that socket: a header (struct serve_header, host's byte order: both are one program), then its body. Numbers in bodies are
 * little-endian u32 or u64, texts a u32 length and bytes without NUL, lists a u32 count (serve_wire.c). A frame that is not
 * understood ends the engine, and with it the service; the kernel goes on enforcing.
 */
struct serve_header {
	uint32_t size; /* of the body; at most LIMIT_SERVE_FRAME */
	uint32_t type; /* enum serve_type */
	uint64_t id;   /* of a request, told again in its answer; 0 in events */
};

enum serve_type {
	/* requests; from SERVE_STATUS to SERVE_FINDINGS they are a text, "" where they say nothing else */
	SERVE_SYNC = 1, /* serve_change: these are all parts; the answer is SERVE_DONE */
	SERVE_CHANGE,	/* serve_change: some came or went; SERVE_DONE */
	SERVE_STATUS,	/* SERVE_STATE */
	SERVE_COUNTERS, /* the text of a port's id, or "": all; SERVE_COUNTED */
	SERVE_VERIFY,	/* SERVE_TEXT: JSON of portwall verify */
	SERVE_FINDINGS, /* SERVE_TEXT: JSON of portwall doctor */
	SERVE_EXPLAIN,	/* serve_question; SERVE_TEXT: JSON of portwall explain */
	/* answers */
	SERVE_DONE = 64,
	SERVE_STATE,
	SERVE_COUNTED,
	SERVE_TEXT,
	SERVE_REFUSED, /* kind, text, next step: the request failed as a whole and nothing was done */
	/* events, unasked */
	SERVE_EVENT = 128,
};

/* A part came or changed, or one has gone. */
struct serve_change {
	uint64_t revision; /* of the store */
	bool is_dry;	   /* tell what it would do */
	struct policy_part *parts;
	size_t n_parts;
	const char **gone; /* ids */
	enum part_kind *gone_kinds;
	size_t n_gone;
};

/* What becomes of packets at a port of this host? "" where nothing is said. */
struct serve_question {
	const char *port_id;
	const char *packet;    /* as portwall explain takes it: one, or a set of them */
	const char *direction; /* "ingress", to the port, or "egress"; "": what the addresses say */
	const char *state;     /* of conntrack, as the command's */
	const char *from;      /* the interface at which it comes in; "": where such packets do */
};

/* What became of it. In the kernel when this is sent, but for ports that are listed. */
struct serve_done {
	uint64_t revision;
	uint64_t n_steps, n_flows_cut, usec; /* from the request to the kernel */
	uint64_t rules_added, rules_removed, members_added, members_removed;
	const char **changes; /* "+ IPv4 CHAIN: words", as apply prints them; at most 1,000 */
	size_t n_changes;
	struct serve_failure { /* ports that could not be brought to it; they are closed */
		const char *port_id, *why, *next_step;
	} * failures;
	size_t n_failures;
	/* The rest of a dry run: what it would mean for packets. n_flows_cut is how many connections it would cut. */
	struct serve_flow {
		const char *port_id; /* that refuses it; "": no port has it any more */
		uint32_t direction;  /* at the port */
		const char *protocol, *source, *destination;
		uint32_t source_port, destination_port; /* 0: it has none */
	} * flows;					/* at most 100 of them */
	size_t n_flows;
	/* New connections that a port lets pass which it did not, or no longer. */
	struct serve_passing {
		const char *port_id;
		uint32_t direction;
		bool opens;
		const char *packets; /* in words, a line a part */
		const char *example; /* one of them, as portwall explain takes it; "": none */
	} * passings;
	size_t n_passings;
	uint64_t n_ports_untold; /* that differ, and were too many, or took too long, to be told */
};

enum serve_port_state {
	PORT_ACTIVE,  /* its rules are in the kernel */
	PORT_WAITING, /* its interface is not there; closed ahead of it */
	PORT_UNPLUGGED, /* the interface is in no bridge: nothing passes through one, so nothing is filtered */
	PORT_FAILED, /* the kernel refused its rules: closed */
	PORT_REMOTE, /* on another host */
};
const char *serve_port_state_name(enum serve_port_state state); /* "active": for JSON, stable */

struct serve_state {
	uint64_t revision; /* that is in the kernel */
	enum backend backend;
	uint64_t started_s; /* CLOCK_REALTIME */
	uint64_t n_rules;   /* of ports, that are wanted */
	uint64_t n_commits, n_refused, n_repaired, n_flows_cut, n_queued;
	uint64_t commit_usec
		[12]; /* how many commits took at most 1, 2, 5, 10, 20, 50, 100, 200, 500 ms, 1, 5 s, and more */
	uint64_t commit_usec_sum;
	bool guard_held;
	struct serve_port {
		const char *id, *name, *device, *bridge, *why; /* why: "" when active */
		enum serve_port_state state;
		uint16_t zone;
	} * ports;
	size_t n_ports;
	const char **
		warnings; /* closed interfaces that no port has, bridges that do not call iptables */
	size_t n_warnings;
};

/* Counters of what a port's rules did. */
struct serve_counted {
	struct serve_counter {
		const char *port_id;
		const char *rule_id; /* "" for what is no group's rule */
		const char *duty;    /* duty_name(); "frames-drop" of frames' rules that drop */
		uint32_t direction, family;
		uint64_t packets, bytes;
	} * counters;
	size_t n;
};

/* Of all ports, or of one. */
void agent_view_count(struct arena *arena, const struct agent_view *view, const char *port_id,
	struct serve_counted *ret);

/* For people and for the event stream. */
struct serve_event {
	const char *
		what; /* "port", "repaired", "refused", "changed-by-others", "unknown-interface", "bug" */
	const char *subject; /* port's id, interface, table; "" */
	const char *text;    /* one sentence */
};

/* --- the two ends, serve_wire.c: pure --- */

/* Adds a frame with its header. */
void serve_put_change(
	struct text *out, enum serve_type type, uint64_t id, const struct serve_change *change);
void serve_put_text(struct text *out, enum serve_type type, uint64_t id, const char *text);
void serve_put_question(struct text *out, uint64_t id, const struct serve_question *question);
void serve_put_done(struct text *out, uint64_t id, const struct serve_done *done);
void serve_put_state(struct text *out, uint64_t id, const struct serve_state *state);
void serve_put_counted(struct text *out, uint64_t id, const struct serve_counted *counted);
void serve_put_refused(struct text *out, uint64_t id, const struct err *err);
void serve_put_event(struct text *out, const struct serve_event *event);

/* From a body of that size; ERR_INPUT: it is none. What is got lives in the arena. */
bool serve_get_change(struct arena *arena, const char *body, size_t size, struct serve_change *ret,
	struct err *err);
bool serve_get_text(
	struct arena *arena, const char *body, size_t size, const char **ret, struct err *err);
bool serve_get_question(struct arena *arena, const char *body, size_t size,
	struct serve_question *ret, struct err *err);
bool serve_get_done(struct arena *arena, const char *body, size_t size, struct serve_done *ret,
	struct err *err);
bool serve_get_state(struct arena *arena, const char *body, size_t size, struct serve_state *ret,
	struct err *err);
bool serve_get_counted(struct arena *arena, const char *body, size_t size,
	struct serve_counted *ret, struct err *err);
bool serve_get_refused(const char *body, size_t size, struct err *ret,
	struct err *err); /* ret: what was refused */
bool serve_get_event(struct arena *arena, const char *body, size_t size, struct serve_event *ret,
	struct err *err);

/* --- the engine --- */

struct serve_options {
	struct agent_options agent; /* prefix, backend, fix_sysctl, takeover */
	const char *host;	    /* this host's name, as ports' binding:host_id has it */
	/* Interfaces of these names ("tap*") pass nothing on bridges before a port has them. */
	const char *const *closed_names;
	size_t n_closed_names;
	bool is_paranoid; /* compare with a full recompute after every change */
	bool holds_guard;
	struct guard_options guard;
	/* Others changed rules: of the guard; data is the same. */
	agent_guard_change_fn *on_change;
	/* In a process of its own, whose standard output is the text that is answered. NULL: not known. */
	void (*verify)(void *data, const struct policy *policy);
	void (*findings)(void *data);
	/* Likewise; state: where the ports are. What is wrong with the question is told by err, and then nothing is printed. */
	bool (*explain)(void *data, const struct policy *policy, const struct serve_state *state,
		const struct serve_question *question, struct err *err);
	void *data;
};

/* Until SIGTERM or SIGINT. door: the connected socket. The kernel goes on enforcing what it has. */
bool agent_serve_run(const struct serve_options *options, int door, struct err *err);

#endif
