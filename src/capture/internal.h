/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CAPTURE_INTERNAL_H
#define CAPTURE_INTERNAL_H

#include "capture/capture.h"
#include "kernel/kernel.h"

/* What the files of the folder share. */

/* trace.c: the events of the called namespace. fd -1: not open. */
bool trace_socket_open(int *ret_fd, struct err *err);
/* Takes what has come; ret_is_lost: some did not fit. */
bool trace_socket_read(
	int fd, uint64_t netns, capture_each *each, void *data, bool *ret_is_lost, struct err *err);

/* frames.c: one socket, bound to one device of the called namespace. */
struct frame_socket {
	int fd; /* -1: not open */
	struct capture_point point;
};
bool frame_socket_open(const struct filter *filter, const struct capture_point *point,
	struct frame_socket *ret, struct err *err);
void frame_socket_close(struct frame_socket *socket);
/* Closed: nothing is copied any more. */
bool frame_socket_gate(
	struct frame_socket *socket, const struct filter *filter, bool is_open, struct err *err);
/* Takes at most max frames; *ret_n: how many. */
bool frame_socket_read(struct frame_socket *socket, size_t max, capture_each *each, void *data,
	size_t *ret_n, struct err *err);
/* How many had no room since the last call. */
uint64_t frame_socket_lost(struct frame_socket *socket);

/* table.c: the tables that ask for traces, of the called namespace. */
bool own_table_print(struct text *out, const struct capture_options *options,
	const struct capture_point *points, size_t n, bool has_egress, struct err *err);
/* The counters of a device in what nft lists. */
void own_table_counts(const char *listing, int link, uint64_t *ret_in, uint64_t *ret_out);
const char *own_table_name(void);
/* Of a chain of our tables: it belongs to the egress hook; else to ingress, or to what the host sends. */
bool own_chain_is_out(const char *chain);

#endif
