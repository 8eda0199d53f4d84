/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATCH_WATCH_H
#define WATCH_WATCH_H

#include "base/vec.h"
#include "explain/report.h"
#include "watch/sighting.h"

/*
 * Packets, made of what was seen of them (watch/sighting.h): frames at many devices, steps of rules, and drops are put together to the
 * one way that each packet took. That way is the same value as the one that explain predicts, an explanation, so that it is told in the
 * same words and can be held against the prediction. Pure: time is given.
 */

/* --- putting together --- */

/* The events of netfilter for one packet in one namespace, in their order. Copies of it that the kernel made one after the other may
 * be in one, since it gives a number again as soon as it is free. */
struct track {
	uint64_t netns;
	uint32_t id;
	uint64_t turn; /* the later, the later its last event */
	VEC(const struct sighting *) events;
};

/* One packet. Frames and drops are sorted by time; those of another packet never are among them where the two differ in what
 * frame_identity looks at. */
struct watched {
	struct arena *arena; /* of all of it */
	uint64_t first_ns, last_ns;
	uint64_t identity, payload; /* frame_identity, frame_payload_identity (0: not known) */
	VEC(const struct sighting *) frames;
	VEC(const struct sighting *) drops;
	VEC(struct track *) tracks;
	bool is_cut_short; /* more was seen than is kept */
};

struct watch;
struct watch *watch_new(void);
void watch_freep(struct watch **watch); /* for CLEANUP */
void watch_see(struct watch *watch, const struct sighting *sighting);
/* The next packet of which nothing more was seen for quiet_ns, the oldest first; NULL: none yet. To be freed with watched_free. */
struct watched *watch_take(struct watch *watch, uint64_t now_ns, uint64_t quiet_ns);
void watched_free(struct watched *watched);
/* Sightings that could not be told to be of any packet (too short, of no IP). */
uint64_t watch_n_unknown(const struct watch *watch);

/* --- where to look --- */

/* A device on the way of a port's packets. */
struct watch_point {
	const struct netns *ns;
	const struct link *link;
	unsigned distance; /* from the port, in devices */
	char letter;	   /* of the OpenStack picture, node_point; 0: none */
};
struct watch_points {
	VEC(struct watch_point);
	bool is_cut_short; /* a bridge has more ports than are looked at: LIMIT_WATCH_PORTS */
};
/*
 * From a port on: the ports of its bridge, the other ends of veths, the ports of Open vSwitch that they lead to, up to NICs and other
 * guests; sorted by distance. Of a bridge with many ports only those that lead further are taken, and those that are named.
 */
void watch_find_points(struct arena *arena, const struct host *host, const struct netns *ns,
	const struct link *from, struct watch_points *ret);

/* --- what became of it --- */

struct watch_world {
	const struct host *host;
	const struct explainer *explainer;
	const struct watch_points *points; /* where captures stood */
	bool has_drops;			   /* drops of the kernel were told of */
	const char *own_tables; /* tables whose names begin so are no rules of the host */
	/* The place of a rule in its chain, from 0 on. */
	bool (*find_rule)(void *data, const struct netns *ns, enum family family, const char *table,
		const char *chain, uint64_t handle, size_t *ret);
	void *data;
};

/* How sure the end is. */
enum watch_evidence {
	EVIDENCE_NONE,	/* it was seen no further, and why is not known */
	EVIDENCE_FRAME, /* seen where it leaves the host */
	EVIDENCE_TRACE, /* the rule itself was seen */
	EVIDENCE_DROP, /* the kernel said that it dropped it; by which rule, if one, is what explain says */
	EVIDENCE_SAID, /* it was seen no further, as explain says */
};
const char *watch_evidence_name(enum watch_evidence evidence); /* "trace" */

/* May what explain says be the reason that the kernel has for a drop, and the function that did it? Either may be NULL: not known. */
bool watch_drop_fits(const char *reason, const char *function, enum drop drop);

struct watch_answer {
	struct query query;	  /* the packet as it was seen first */
	bool has_query;		  /* false: no device that the host is known to have */
	struct report seen, said; /* said: what explain says of it */
	enum watch_evidence evidence;
	const char *
		kernel_reason; /* of the last drop, "IP_RPFILTER at ip_rcv_finish_core"; NULL: none */
	bool is_traced;	       /* rules that it met were seen */
	bool is_changed;       /* a rule was seen that the host, as it was read, does not have */
	/* How it differs from what explain says, a sentence each; none: it is the same. */
	VEC(const char *) differences;
};
/* flags: as report_make's, for what explain says. */
void watch_answer_make(struct arena *arena, const struct watch_world *world,
	const struct watched *watched, unsigned flags, struct watch_answer *ret);

#endif
