/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CMD_PROBE_H
#define CMD_PROBE_H

#include "cmd/watch.h"

/* What probe and its matrix share: one packet that is sent and known again. */
#define PROBE_FRAME_MAX 1600
struct probe {
	struct packet packet;
	uint8_t frame[PROBE_FRAME_MAX];
	size_t size;
	uint64_t identity;  /* frame_identity */
	const char *device; /* that it is sent in by */
};

/* With a payload of its own. The packet has all that it needs. */
bool probe_make(
	const struct packet *packet, const char *device, struct probe *ret, struct err *err);
/* In libpcap's words: by the IPv4 id or the flow label, which are made of the payload and which NAT and routing leave. */
void probe_print_filter(const struct probe *probe, struct text *out);
/* What became of one of them: told when it is complete. */
typedef void probe_told(void *data, struct watch_session *session, const struct watched *watched,
	const struct watch_answer *answer);
/* Sends it, once, and waits for its answer; false and err: it was not sent, or seen nowhere. */
bool probe_send(struct watch_session *session, struct probe *probe, probe_told *told, void *data,
	struct err *err);

/* probe_matrix.c: --matrix */
bool probe_matrix(struct invocation *inv, struct err *err);

#endif
