/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HOST_FILE_H
#define HOST_FILE_H

#include "host/host.h"

/*
 * A host in a file: JSON (docs/snapshot.md lists every key) and behind it the texts of rules and
 * settings as they are, packed as gzip does. Saved, loaded and saved again it has the same bytes. Key
 * and text are those of host.h; a value that is 0, false, empty or NULL has no key. Version 1,
 * which had these texts in the JSON, is read too.
 */
#define HOST_FILE_FORMAT  "portwall snapshot"
#define HOST_FILE_VERSION 2

void host_print(struct text *out, const struct host *host); /* unpacked */
/* path "-": standard output. Refuses a file that is there, unless is_overwrite; a device or a pipe is written to. */
bool host_save(const struct host *host, const char *path, bool is_overwrite, struct err *err);

/* What host_print wrote, packed or not. name is for messages. */
bool host_parse(struct arena *arena, const char *name, const char *data, size_t size,
	const struct host **ret, struct err *err);

/*
 * One or several paths that stand for one host: a snapshot; the folder of an unpacked sosreport; or
 * any number of files of iptables-save, ip6tables-save, nft list ruleset, ipset save, which make
 * one namespace of which everything else is unread.
 */
bool host_load(struct arena *arena, const char *const *paths, size_t n_paths,
	const struct host **ret, struct err *err);

/*
 * A copy in which addresses, MACs and host names are replaced, in structure and in texts, each
 * always by the same. The common prefix of two addresses keeps its length, and so an address
 * stays inside the prefixes that it was inside; what every host has (0.0.0.0, 127/8, link-local
 * prefixes, multicast, broadcast) stays. The key of the replacement is random and kept nowhere.
 */
bool host_redact(
	struct arena *arena, const struct host *host, const struct host **ret, struct err *err);

#endif
