// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/guests.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "base/vec.h"
#include "kernel/processes.h"

#define MAX_CMDLINE ((size_t)4 * 1024 * 1024)
#define MAX_NICS    256 /* of one guest */

/* A -netdev and the -device that has it as its other end. */
struct nic {
	const char *id;	    /* of the netdev */
	const char *ifname; /* NULL: an open descriptor was given */
	const char *fds;    /* "28", "28:29"; NULL: none */
	const char *mac;    /* NULL: none */
	bool is_tap;
};

struct pass {
	struct arena *arena;
	const char *proc;
	struct host *host;
	VEC(struct unread) unread;
	struct {
		VEC(const char *);
	} * vms; /* by namespace */
};

/* --- options of qemu: "tap,fd=28,id=hostnet0" or {"type":"tap","fd":"28","id":"hostnet0"} --- */

static const char *json_option(struct arena *arena, const char *arg, const char *key)
{
	json_t *root = json_loads(arg, 0, NULL);
	const json_t *value = json_object_get(root, key);
	const char *text = json_string_value(value), *found = NULL;

	if (text)
		found = arena_strdup(arena, text);
	else if (json_is_integer(value))
		found = arena_printf(arena, "%lld", (long long)json_integer_value(value));
	json_decref(root);
	return found;
}

/* Up to the next comma; two of them stand for one in a value. */
static const char *word_end(const char *word)
{
	for (;; word += 2) {
		word += strcspn(word, ",");
		if (word[0] != ',' || word[1] != ',')
			return word;
	}
}

static const char *unescaped(struct arena *arena, const char *from, const char *end)
{
	char *copy = arena_strndup(arena, from, (size_t)(end - from)), *to = copy;

	for (const char *at = copy; *at; at++) {
		*to++ = *at;
		at += at[0] == ',' && at[1] == ',';
	}
	*to = '\0';
	return copy;
}

/* implied: the key that the first word may leave out; NULL: none. NULL: it is not there. */
static const char *option(
	struct arena *arena, const char *arg, const char *key, const char *implied)
{
	size_t len = strlen(key);

	if (*arg == '{')
		return json_option(arena, arg, key);
	for (const char *word = arg; *word; word += *word == ',') {
		const char *end = word_end(word), *equals = memchr(word, '=', (size_t)(end - word));

		if (equals && (size_t)(equals - word) == len && !memcmp(word, key, len))
			return unescaped(arena, equals + 1, end);
		if (!equals && word == arg && implied && !strcmp(implied, key))
			return unescaped(arena, word, end);
		word = end;
	}
	return NULL;
}

/* --- one process --- */

struct guest {
	long pid;
	const char *name, *uuid;
	struct nic nics[MAX_NICS];
	size_t n_nics;
};

static struct nic *nic_of(struct guest *guest, const char *id)
{
	for (size_t i = 0; i < guest->n_nics; i++)
		if (!strcmp(guest->nics[i].id, id))
			return &guest->nics[i];
	if (guest->n_nics == MAX_NICS)
		return NULL;
	guest->nics[guest->n_nics] = (struct nic){ .id = id };
	return &guest->nics[guest->n_nics++];
}

static void take_netdev(struct arena *arena, struct guest *guest, const char *arg)
{
	const char *type = option(arena, arg, "type", "type");
	const char *id = option(arena, arg, "id", NULL);
	struct nic *nic = id ? nic_of(guest, id) : NULL;

	if (!nic || !type || strcmp(type, "tap") != 0)
		return;
	nic->is_tap = true;
	nic->ifname = option(arena, arg, "ifname", NULL);
	nic->fds = option(arena, arg, "fd", NULL);
	if (!nic->fds)
		nic->fds = option(arena, arg, "fds", NULL);
}

static void take_device(struct arena *arena, struct guest *guest, const char *arg)
{
	const char *netdev = option(arena, arg, "netdev", NULL);
	struct nic *nic = netdev ? nic_of(guest, netdev) : NULL;

	if (nic)
		nic->mac = option(arena, arg, "mac", NULL);
}

static bool is_qemu(const char *program)
{
	const char *base = strrchr(program, '/');

	base = base ? base + 1 : program;
	return text_has_prefix(base, "qemu-system-") || !strcmp(base, "qemu-kvm") ||
	       !strcmp(base, "kvm");
}

/* false: no guest with a name. */
static bool read_guest(struct arena *arena, const struct text *cmdline, struct guest *guest)
{
	const char *at = cmdline->data, *end = cmdline->data + cmdline->len, *before = "";

	if (!is_qemu(at))
		return false;
	for (; at < end; before = at, at += strlen(at) + 1) {
		/* "--netdev" is as good */
		const char *key = before + (before[0] == '-' && before[1] == '-');

		if (!strcmp(key, "-name"))
			guest->name = option(arena, at, "guest", "guest");
		else if (!strcmp(key, "-uuid"))
			guest->uuid = at;
		else if (!strcmp(key, "-netdev"))
			take_netdev(arena, guest, at);
		else if (!strcmp(key, "-device"))
			take_device(arena, guest, at);
	}
	return guest->name && *guest->name;
}

/* --- its taps --- */

/* The device of an open /dev/net/tun: a line "iff:\ttap0" (drivers/net/tun.c, tun_chr_show_fdinfo). */
static const char *ifname_of_fd(const struct pass *pass, const struct guest *guest, const char *fds)
{
	struct text info CLEANUP(text_done) = TEXT_INIT;
	struct err ignored;
	const char *line;
	unsigned long fd = strtoul(fds, NULL, 10);

	if (!text_load(&info,
		    arena_printf(pass->arena, "%s/%ld/fdinfo/%lu", pass->proc, guest->pid, fd),
		    65536, &ignored))
		return NULL;
	line = strstr(info.data, "iff:\t");
	if (!line)
		return NULL;
	line += strlen("iff:\t");
	return arena_strndup(pass->arena, line, strcspn(line, "\n"));
}

/* In the namespace of the process, or in the only one that has such a device. */
static const struct netns *netns_with(
	const struct pass *pass, const struct guest *guest, const char *ifname)
{
	const struct netns *only = NULL;
	struct stat file;
	bool has_own = stat(arena_printf(pass->arena, "%s/%ld/ns/net", pass->proc, guest->pid),
			       &file) == 0;

	for (size_t n = 0; n < pass->host->n_netns; n++) {
		const struct netns *ns = &pass->host->netns[n];

		if (!netns_link(ns, ifname))
			continue;
		if (has_own && ns->inode == file.st_ino)
			return ns;
		if (only)
			return NULL;
		only = ns;
	}
	return only;
}

/* libvirt gives the tap the guest's MAC with fe in front; false: none, or not only one has it. */
static bool find_by_mac(const struct pass *pass, const char *text, const struct netns **ret_ns,
	const struct link **ret)
{
	struct mac mac;
	size_t n_found = 0;

	if (!text || !pass->host->netns || !mac_parse(text, &mac))
		return false;
	mac.bytes[0] = 0xfe;
	for (size_t n = 0; n < pass->host->n_netns; n++) {
		const struct netns *ns = &pass->host->netns[n];

		for (size_t i = 0; i < ns->n_links; i++) {
			if (strcmp(ns->links[i].kind, "tun") != 0 ||
				!mac_equal(ns->links[i].mac, mac))
				continue;
			*ret_ns = ns;
			*ret = &ns->links[i];
			n_found++;
		}
	}
	return n_found == 1;
}

static bool find_tap(const struct pass *pass, const struct guest *guest, const struct nic *nic,
	const struct netns **ret_ns, const struct link **ret)
{
	const char *ifname = nic->ifname;

	if (!ifname && nic->fds)
		ifname = ifname_of_fd(pass, guest, nic->fds);
	*ret_ns = ifname ? netns_with(pass, guest, ifname) : NULL;
	if (*ret_ns) {
		*ret = netns_link(*ret_ns, ifname);
		return true;
	}
	return find_by_mac(pass, nic->mac, ret_ns, ret);
}

static void add_guest(struct pass *pass, const struct guest *guest)
{
	for (size_t i = 0; i < guest->n_nics; i++) {
		const struct netns *ns = NULL;
		const struct link *link = NULL;
		size_t at;

		if (!guest->nics[i].is_tap)
			continue;
		if (!find_tap(pass, guest, &guest->nics[i], &ns, &link)) {
			*vec_push(&pass->unread, pass->arena) = (struct unread){
				arena_printf(pass->arena, "guest %s", guest->name),
				arena_printf(pass->arena, "the tap of its %s was not found",
					guest->nics[i].id),
			};
			continue;
		}
		at = (size_t)(ns - pass->host->netns);
		*vec_push(&pass->vms[at], pass->arena) =
			arena_printf(pass->arena, "%s=%s", link->name, guest->name);
		if (guest->uuid)
			*vec_push(&pass->vms[at], pass->arena) =
				arena_printf(pass->arena, "%s=%s", link->name, guest->uuid);
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void read_process(struct pass *pass, long pid)
{
	struct text cmdline CLEANUP(text_done) = TEXT_INIT;
	struct guest *guest;
	struct err ignored;

	/* a process that has gone has no guest any more */
	if (!text_load(&cmdline, arena_printf(pass->arena, "%s/%ld/cmdline", pass->proc, pid),
		    MAX_CMDLINE, &ignored) ||
		!is_qemu(cmdline.data))
		return;
	guest = arena_new_one(pass->arena, struct guest);
	guest->pid = pid;
	if (read_guest(pass->arena, &cmdline, guest))
		add_guest(pass, guest);
}

struct unread_list guests_read(struct arena *arena, const char *proc, struct host *host)
{
	struct pass pass = { .arena = arena, .proc = proc, .host = host };
	struct pids pids;

	/* that /proc cannot be read is said where namespaces are looked for */
	if (!pids_read(arena, proc, &pids))
		return (struct unread_list){ 0 };
	pass.vms = arena_alloc(arena, sizeof(*pass.vms) * (host->n_netns + 1));
	vec_for_each (pid, &pids)
		read_process(&pass, *pid);
	for (size_t n = 0; n < host->n_netns; n++) {
		if (pass.vms[n].n)
			qsort((void *)pass.vms[n].items, pass.vms[n].n, sizeof(const char *),
				by_text);
		host->netns[n].vms = pass.vms[n].items;
		host->netns[n].n_vms = pass.vms[n].n;
	}
	return (struct unread_list){ pass.unread.items, pass.unread.n };
}
