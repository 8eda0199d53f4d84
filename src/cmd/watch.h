/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CMD_WATCH_H
#define CMD_WATCH_H

#include "capture/capture.h"
#include "cmd/explain.h"
#include "watch/watch.h"

/* What watch and probe share: a host that is read again when it changes, and what is listened to on it. */

struct watch_session;
/* Called at each turn of the loop, some 20 times a second; false: enough. */
typedef bool watch_turn(void *data, struct watch_session *session);

struct watch_session {
	struct invocation *inv;
	const char *entry; /* the name of the port or device */
	const char *netns; /* that it is in; NULL: whichever has it */
	const struct filter *filter;
	struct capture *capture;
	struct kernel_watch *changes; /* NULL: they cannot be listened to */
	struct watch *watch;
	struct watch_file *file; /* of a probe: --pcap; NULL: none */
	watch_turn *turn;	 /* NULL: none */
	void *turn_data;

	/* of the present reading of the host, all in one arena that the next one replaces */
	struct arena *arena;
	const struct host *host;
	const struct explainer *explainer;
	const struct netns *ns;
	const struct link *in;
	struct watch_points points;
	struct rule_handles **handles; /* by the number of the namespace; NULL: not read yet */
	uint64_t read_ns;	       /* when it was read */
	bool is_stale;
};

/* What is done with a packet that is complete; false: enough. */
typedef bool watch_each(void *data, struct watch_session *session, const struct watched *watched,
	const struct watch_answer *answer);

bool watch_session_open(struct watch_session *session, struct err *err);
void watch_session_close(struct watch_session *session); /* for CLEANUP */
/* Until end_ns (CLOCK_REALTIME; 0: none), until each says that it is enough, or until a signal ends it. */
bool watch_session_run(struct watch_session *session, uint64_t end_ns, watch_each *each, void *data,
	struct err *err);
uint64_t watch_now_ns(void);
/* --port: the device of a port of the policy that holds here; else the name itself, which may be a device's or a guest's. */
const char *watch_port_device(struct arena *arena, const char *port);

/*
 * watch_file.c: a pcapng file for one run, in a folder that is made if it is not there. Mode 0600: it holds packets of people.
 */
struct watch_file;
bool watch_file_open(const char *dir, struct watch_file **ret, struct err *err);
void watch_file_close(struct watch_file **file); /* for CLEANUP */
const char *watch_file_path(const struct watch_file *file);
/* The packet's frames; one that only traces told of has none. Fails where the file cannot be written; it can be read all the same. */
bool watch_file_add(struct watch_file *file, const struct watch_session *session,
	const struct watched *watched, const struct watch_answer *answer, struct err *err);
/* "vm1", "tap812bd281-f5", or the id of a port whose tap is called by its beginning. netns NULL or "": whichever has it. */
bool watch_find_entry(const struct host *host, const char *netns, const char *name,
	struct query *ret, struct err *err);
/* Have links or rules changed since the last call, by others than portwall watch? NULL: not known, false. */
bool watch_host_changed(struct kernel_watch *watch);
/* SIGINT, SIGTERM and SIGHUP end what is watched; what is to be said at the end is said. */
void watch_catch_signals(void);
bool watch_is_ended(void);

/* watch_drops.c: --drops */
bool watch_drops(struct invocation *inv, struct err *err);

/* watch_print.c */
void watch_print_begin(const struct watch_session *session);
void watch_print_answer(struct watch_session *session, struct text *out,
	const struct watched *watched, const struct watch_answer *answer);
void watch_print_time(
	struct text *out, uint64_t time_ns); /* "15:04:05.123456", of the place's clock */
/* What could not be looked at, a line each; nothing when all was. */
void watch_print_losses(struct text *out, const struct capture_losses *losses);
/* "seen there", "told by the kernel" */
const char *watch_evidence_words(enum watch_evidence evidence);
/* Points as columns: how many packets passed each. */
void watch_print_counts(struct watch_session *session, struct text *out);
json_t *watch_json_answer(struct watch_session *session, const struct watched *watched,
	const struct watch_answer *answer);
json_t *watch_json_counts(struct watch_session *session);
json_t *watch_json_time(uint64_t time_ns);

#endif
