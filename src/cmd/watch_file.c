// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What was seen, as a file for Wireshark: the frames of each packet at every point, and on the last of them, as comments, what became
 * of it. A packet is written as a whole when it is complete, by one write where the system lets it: whoever kills portwall, or fills the
 * disk, leaves a file that can be read up to there.
 */
#include "cmd/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "watch/pcapng.h"

#define NAMES_MAX   1000 /* runs that begin in the same second */
#define ETHERNET    14
#define VLAN_TAG    4
#define TPID_802_1Q 0x8100

/* A device may come again with another number, or another with its number: each is one of its own. */
struct interface {
	uint64_t netns;
	int link;
	const char *name;
	uint32_t number; /* in the file */
};

struct watch_file {
	struct arena *arena;
	const char *path;
	int fd;
	off_t size; /* of whole blocks */
	struct pcapng pcapng;
	VEC(struct interface) interfaces;
};

/* --- the file --- */

static bool append(struct watch_file *file, const struct text *blocks, struct err *err)
{
	size_t done = 0;

	while (done < blocks->len) {
		ssize_t n = write(file->fd, blocks->data + done, blocks->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int sys = n ? errno : ENOSPC;

			/* half a block is an error to whoever reads it; should it stay, all before it can be read all the same */
			if (ftruncate(file->fd, file->size) != 0)
				return err_system(err, sys,
					"--pcap: cannot write %s, whose last packet is cut off",
					file->path);
			return err_system(err, sys, "--pcap: cannot write %s", file->path);
		}
		done += (size_t)n;
	}
	file->size += (off_t)blocks->len;
	return true;
}

/* Nobody's file is written over, and no link of somebody else followed. */
static bool create(struct watch_file *file, const char *dir, struct err *err)
{
	time_t now = time(NULL);
	struct tm parts;
	char begin[32];

	gmtime_r(&now, &parts);
	strftime(begin, sizeof(begin), "%Y%m%dT%H%M%SZ", &parts);
	/* a limit of sizes (ulimit -f) is an error of write, as a full disk is, and no end without a word */
	signal(SIGXFSZ, SIG_IGN);
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return err_system(err, errno, "--pcap: cannot make the folder %s", dir);
	for (unsigned i = 1; i <= NAMES_MAX; i++) {
		file->path = i == 1 ? arena_printf(file->arena, "%s/portwall-%s.pcapng", dir, begin)
				    : arena_printf(file->arena, "%s/portwall-%s-%u.pcapng", dir,
					      begin, i);
		file->fd = open(file->path,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_APPEND, 0600);
		if (file->fd >= 0)
			return true;
		if (errno != EEXIST)
			break;
	}
	return err_system(err, errno, "--pcap: cannot make %s", file->path);
}

bool watch_file_open(const char *dir, struct watch_file **ret, struct err *err)
{
	struct arena *arena = arena_new();
	struct watch_file *file = arena_alloc(arena, sizeof(*file));
	struct text blocks CLEANUP(text_done) = TEXT_INIT;

	file->arena = arena;
	file->fd = -1;
	if (create(file, dir, err)) {
		pcapng_begin(&file->pcapng, &blocks, "portwall " PORTWALL_VERSION);
		if (append(file, &blocks, err)) {
			*ret = file;
			return true;
		}
	}
	watch_file_close(&file);
	return false;
}

void watch_file_close(struct watch_file **file)
{
	if (!*file)
		return;
	if ((*file)->fd >= 0)
		close((*file)->fd);
	arena_free((*file)->arena);
	*file = NULL;
}

const char *watch_file_path(const struct watch_file *file)
{
	return file->path;
}

/* --- devices --- */

static const char *device_name(
	struct arena *arena, const struct watch_session *session, const struct sighting *seen)
{
	vec_for_each (point, &session->points)
		if (point->ns->inode == seen->netns && point->link->index == seen->link)
			return *point->ns->name && point->ns != session->ns
				       ? arena_printf(
						 arena, "%s/%s", point->ns->name, point->link->name)
				       : arena_strdup(arena, point->link->name);
	/* it went while the packet was under way */
	return arena_printf(arena, "device %d", seen->link);
}

static bool find_interface(struct watch_file *file, const struct watch_session *session,
	const struct sighting *seen, struct text *blocks, uint32_t *ret, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const char *name = device_name(arena, session, seen);
	struct interface new = { .netns = seen->netns, .link = seen->link };

	vec_for_each (old, &file->interfaces)
		if (old->netns == seen->netns && old->link == seen->link &&
			!strcmp(old->name, name)) {
			*ret = old->number;
			return true;
		}
	if (!pcapng_add_interface(
		    &file->pcapng, blocks, name, LIMIT_PCAPNG_PACKET, &new.number, err))
		return false;
	new.name = arena_strdup(file->arena, name);
	*vec_push(&file->interfaces, file->arena) = new;
	*ret = new.number;
	return true;
}

/* --- packets --- */

static void add_words(struct text *out, const struct watch_answer *answer)
{
	report_print_verdict(out, &answer->seen);
	text_addf(out, "\nhow that is known: %s", watch_evidence_words(answer->evidence));
	if (answer->kernel_reason)
		text_addf(out, "\nthe kernel's reason: %s", answer->kernel_reason);
	text_add(out, "\n");
	report_print_deciders(out, &answer->seen);
	vec_for_each (words, &answer->differences)
		text_addf(out, "differs: %s\n", *words);
	if (!answer->differences.n && answer->seen.explanation->final != FINAL_CANNOT_TELL)
		text_add(out, "explain says the same\n");
}

/* A comment a line: Wireshark shows them below each other. The format wants UTF-8. */
static const char *const *comments_of(
	struct arena *arena, const struct watch_answer *answer, size_t *ret_n)
{
	struct text words CLEANUP(text_done) = TEXT_INIT;
	VEC(const char *) comments = { 0 };
	json_t *utf8;

	add_words(&words, answer);
	utf8 = output_json_words(words.data);
	for (const char *at = json_string_value(utf8); at && *at;) {
		size_t len;

		at += strspn(at, " \n");
		len = strcspn(at, "\n");
		if (len && comments.n < LIMIT_PCAPNG_COMMENTS)
			*vec_push(&comments, arena) = arena_printf(arena, "%.*s",
				(int)(len < LIMIT_PCAPNG_TEXT ? len : LIMIT_PCAPNG_TEXT), at);
		at += len;
	}
	json_decref(utf8);
	*ret_n = comments.n;
	return comments.items;
}

static uint8_t *put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

/* As it is on a wire: what a device without Ethernet leaves out, and a tag that it took off, are put in again. */
static void restore(struct arena *arena, const struct sighting *seen, struct pcapng_packet *packet)
{
	size_t macs = ETHERNET - 2, taken = seen->has_ethernet ? macs : 0;
	size_t added = (seen->has_ethernet ? 0 : ETHERNET) + (seen->vlan_id ? VLAN_TAG : 0);
	uint8_t *bytes, *at;

	packet->bytes = seen->bytes;
	packet->size = seen->size;
	packet->wire_size = seen->wire_size;
	if (!added || seen->size < taken)
		return;
	bytes = arena_alloc(arena, seen->size + added);
	memcpy(bytes, seen->bytes, taken);
	at = bytes + macs;
	if (seen->vlan_id)
		at = put16(put16(at, TPID_802_1Q), seen->vlan_id);
	if (!seen->has_ethernet)
		at = put16(at, seen->ethertype);
	memcpy(at, seen->bytes + taken, seen->size - taken);
	packet->bytes = bytes;
	packet->size += added;
	packet->wire_size += seen->wire_size ? added : 0;
}

bool watch_file_add(struct watch_file *file, const struct watch_session *session,
	const struct watched *watched, const struct watch_answer *answer, struct err *err)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text blocks CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < watched->frames.n; i++) {
		const struct sighting *seen = watched->frames.items[i];
		struct pcapng_packet packet = { .time_ns = seen->time_ns,
			.direction = seen->is_out ? PCAPNG_OUTBOUND : PCAPNG_INBOUND };

		restore(arena, seen, &packet);
		if (i + 1 == watched->frames.n)
			packet.comments = comments_of(arena, answer, &packet.n_comments);
		if (!find_interface(file, session, seen, &blocks, &packet.interface, err) ||
			!pcapng_add_packet(&file->pcapng, &blocks, &packet, err))
			return err_prefix(err, "--pcap");
	}
	return append(file, &blocks, err);
}
