// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every limit of base/limits.h that bounds what a reader of snapshots or rulesets takes: one more
 * is refused by name, and nobody's memory is filled before it is seen. Each case is read by a
 * process of its own, whose peak is its own.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <zlib.h>

#include "base/limits.h"
#include "host/file.h"
#include "ruleset/ruleset.h"

struct outcome {
	bool is_read;
	struct err err;
};

static bool read_snapshot(struct arena *arena, const struct text *text, struct err *err)
{
	const struct host *host;

	return host_parse(arena, "x", text->data, text->len, &host, err);
}

static bool read_ruleset(struct arena *arena, const struct text *text, struct err *err)
{
	enum text_kind kind;

	return ruleset_parse_text(arena, ruleset_new(arena), "x", text->data, &kind, err);
}

/* n times "each" between two texts. */
struct crowd {
	bool (*read)(struct arena *arena, const struct text *text, struct err *err);
	const char *begin, *each;
	size_t n;
	const char *end, *said;
};

#define MANY ((size_t)1000)

static void read_crowd(const struct crowd *crowd, struct outcome *ret)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text text CLEANUP(text_done) = TEXT_INIT, many CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < MANY; i++)
		text_add(&many, crowd->each);
	text_add(&text, crowd->begin);
	for (size_t i = 0; i < crowd->n / MANY; i++)
		text_add_n(&text, many.data, many.len);
	text_add_n(&text, many.data, crowd->n % MANY * strlen(crowd->each));
	text_add(&text, crowd->end);
	ret->is_read = crowd->read(arena, &text, &ret->err);
}

/* The peak in bytes of the process that did it. */
static size_t read_apart(const struct crowd *crowd, struct outcome *ret)
{
	struct outcome *shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct rusage usage;
	int status;
	pid_t pid;

	assert_ptr_not_equal(shared, MAP_FAILED);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		read_crowd(crowd, shared);
		_exit(0);
	}
	while (wait4(pid, &status, 0, &usage) < 0)
		assert_int_equal(errno, EINTR);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("the reader ended with %#x: %s", status, crowd->said);
	*ret = *shared;
	munmap(shared, sizeof(*shared));
	return (size_t)usage.ru_maxrss * 1024;
}

/* 8,000,000 elements of nft in rules need 1.8 GiB; everything else about half. */
#define PEAK_MAX ((size_t)9 << 28)

static void check_refused(const struct crowd *crowds, size_t n, size_t peak_max)
{
	for (size_t i = 0; i < n; i++) {
		struct outcome outcome;
		size_t peak = read_apart(&crowds[i], &outcome);

		if (getenv("LIMITS_PEAKS"))
			fprintf(stderr, "%zu MiB: %s\n", peak >> 20, crowds[i].said);
		if (outcome.is_read || !strstr(outcome.err.text, crowds[i].said))
			fail_msg("\"%s\": %s", crowds[i].said,
				outcome.is_read ? "it was taken" : outcome.err.text);
		assert_int_equal(outcome.err.kind, ERR_LIMIT);
		if (peak > peak_max)
			fail_msg("\"%s\": %zu MiB of memory", crowds[i].said, peak >> 20);
	}
}

/* A file that nobody filled: all of it is a hole. */
static void make_hole(char *path, size_t size)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
}

static bool load_host(struct arena *arena, const struct text *path, struct err *err)
{
	const struct host *host;

	return host_load(arena, (const char *const[]){ path->data }, 1, &host, err);
}

static bool load_text(struct arena *arena, const struct text *path, struct err *err)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	(void)arena;
	return text_load(&text, path->data, LIMIT_RULESET_FILE_SIZE, err);
}

/* A device says no size. */
static void a_file_is_refused_one_byte_above_its_limit(void **state)
{
	char snapshot[] = "/tmp/test_limits.XXXXXX", ruleset[] = "/tmp/test_limits.XXXXXX";
	const struct crowd crowds[] = {
		{ load_host, snapshot, "", 0, "", "is larger than 536870912 bytes" },
		{ load_text, ruleset, "", 0, "", "is larger than 1073741824 bytes" },
		{ load_host, "/dev/zero", "", 0, "", "/dev/zero is larger than 536870912 bytes" },
	};

	(void)state;
	make_hole(snapshot, LIMIT_SNAPSHOT_SIZE + 1);
	make_hole(ruleset, LIMIT_RULESET_FILE_SIZE + 1);
	check_refused(crowds, 2, (size_t)64 << 20);
	check_refused(&crowds[2], 1, PEAK_MAX);
	unlink(snapshot);
	unlink(ruleset);
}

/* 600 MiB of spaces, packed to less than 8 MiB. */
static bool read_bomb(struct arena *arena, const struct text *unused, struct err *err)
{
	struct text packed CLEANUP(text_done) = TEXT_INIT;
	static unsigned char in[1 << 20], out[1 << 16];
	const struct host *host;
	z_stream stream = { 0 };

	(void)unused;
	memset(in, ' ', sizeof(in));
	if (deflateInit2(&stream, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return true;
	for (int i = 0; i < 600; i++) {
		stream.next_in = in;
		stream.avail_in = sizeof(in);
		do {
			stream.next_out = out;
			stream.avail_out = sizeof(out);
			deflate(&stream, i == 599 ? Z_FINISH : Z_NO_FLUSH);
			text_add_n(&packed, (const char *)out, sizeof(out) - stream.avail_out);
		} while (!stream.avail_out);
	}
	deflateEnd(&stream);
	return packed.len > 8 << 20 || host_parse(arena, "x", packed.data, packed.len, &host, err);
}

static void a_gzip_bomb_is_refused(void **state)
{
	static const struct crowd bomb = { read_bomb, "", "", 0, "",
		"x: it unpacks to more than 536870912 bytes" };

	(void)state;
	check_refused(&bomb, 1, PEAK_MAX);
}

#define HOST(inside) "{\"format\": \"portwall snapshot\", \"version\": 2,\n\"host\": {" inside
#define NETNS(list)  HOST("\"netns\": [{\"" list "\": [")

static void a_list_of_a_snapshot_is_refused_one_above_its_limit(void **state)
{
	static const struct crowd crowds[] = {
		{ read_snapshot, HOST("\"netns\": ["), "{},", LIMIT_NETNS, "{}]}}",
			"x:2:12308: netns: has more than 4096 elements" },
		{ read_snapshot, NETNS("links"), "{\"name\": \"\"},\n", LIMIT_LINKS, "7",
			"x:65538:1: netns[0].links: has more than 65536 elements" },
		{ read_snapshot, NETNS("addresses"), "{},", LIMIT_LINKS, "7",
			"netns[0].addresses: has more than 65536 elements" },
		{ read_snapshot, NETNS("routes"), "{},", LIMIT_ROUTES, "7",
			"netns[0].routes: has more than 2000000 elements" },
		{ read_snapshot, NETNS("rules"), "{},", LIMIT_ROUTES, "7",
			"netns[0].rules: has more than 2000000 elements" },
		{ read_snapshot, NETNS("neighbours"), "{},", LIMIT_NEIGHBOURS, "7",
			"netns[0].neighbours: has more than 1000000 elements" },
		{ read_snapshot, NETNS("fdb"), "{},", LIMIT_NEIGHBOURS, "7",
			"netns[0].fdb: has more than 1000000 elements" },
		{ read_snapshot, NETNS("conntrack"), "{},", LIMIT_CONNTRACK, "7",
			"netns[0].conntrack: has more than 1000000 elements" },
		{ read_snapshot, NETNS("sockets"), "{},", LIMIT_SOCKETS, "7",
			"netns[0].sockets: has more than 1000000 elements" },
		{ read_snapshot, NETNS("links\": [{\"name\": \"a\", \"vlans"), "{},", 4096, "7",
			"netns[0].links[0].vlans: has more than 4096 elements" },
		{ read_snapshot, NETNS("routes\": [{\"hops"), "{},", 65536, "7",
			"netns[0].routes[0].hops: has more than 65536 elements" },
		{ read_snapshot, HOST("\"ovs_bridges\": ["), "{\"name\": \"\"},", LIMIT_LINKS, "7",
			"ovs_bridges: has more than 65536 elements" },
		{ read_snapshot, HOST("\"ovs_ports\": ["), "{\"name\": \"\", \"bridge\": \"\"},",
			LIMIT_LINKS, "7", "ovs_ports: has more than 65536 elements" },
		{ read_snapshot, HOST("\"ovs_bridges\": [{\"name\": \"a\", \"fdb\": ["),
			"{\"port\": \"\"},", LIMIT_NEIGHBOURS, "7",
			"ovs_bridges[0].fdb: has more than 1000000 elements" },
	};

	(void)state;
	check_refused(crowds, N_OF(crowds), PEAK_MAX);
}

/* Lists without a limit of their own, and what is passed over because nobody asks for it. */
static void all_values_and_the_depth_of_a_snapshot_have_their_limits(void **state)
{
	static const struct crowd crowds[] = {
		{ read_snapshot, NETNS("vms"), "\"\",", LIMIT_SNAPSHOT_ITEMS, "7",
			"it has more values than portwall takes" },
		{ read_snapshot, "{\"other\":\n[", "0,", LIMIT_SNAPSHOT_ITEMS, "7",
			"x:2:40000000: it has more values than portwall takes" },
		{ read_snapshot, "{\"other\":", "[", LIMIT_SNAPSHOT_DEPTH + 1, "]",
			"x:1:26: it is nested too deeply" },
		{ read_snapshot, "{\"other\":", "{\"a\":", LIMIT_SNAPSHOT_DEPTH + 1, "}",
			"it is nested too deeply" },
	};

	(void)state;
	check_refused(crowds, N_OF(crowds), PEAK_MAX);
}

static void a_ruleset_is_refused_one_above_its_limit(void **state)
{
	static const struct crowd crowds[] = {
		{ read_ruleset, "*filter\n:F - [0:0]\n", "-A F\n", LIMIT_RULESET_RULES + 1,
			"COMMIT\n", "x:4000003:1: more than 4000000 rules" },
		{ read_ruleset, "# Generated by ebtables-save\n*filter\n:FORWARD ACCEPT\n",
			"-A FORWARD -j DROP\n", LIMIT_RULESET_RULES + 1, "",
			"x:4000004:1: more than 4000000 rules" },
		{ read_ruleset, "table ip t {\nchain c {\n", "drop\n", LIMIT_RULESET_RULES + 1,
			"}\n}\n", "x:4000003:1: more than 4000000 rules" },
		{ read_ruleset, "table ip t {\nset s {\ntype inet_service\nelements = {", "1,",
			LIMIT_NFT_ELEMENTS + 1, " 1 }\n}\n}\n",
			"x:4:1: more than 8000000 elements" },
		/* of many sets, the elements of rules among them */
		{ read_ruleset, "table ip t {\nchain c {\n",
			"tcp dport { 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, "
			"6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8 } drop\n",
			LIMIT_NFT_ELEMENTS / 32 + 1, "}\n}\n",
			"x:250003:1: more than 8000000 elements" },
		{ read_ruleset, "table ip t {\nchain c {\n", "a ", LIMIT_NFT_WORDS + 2, "\n}\n}\n",
			"x:3:1: a statement of more than 50000000 words" },
		{ read_ruleset, "create a hash:ip family inet\n", "add a 10.0.0.1\n",
			LIMIT_MEMBERS + 1, "", "x:4000002:5: more than 4000000 members" },
		{ read_ruleset, "*filter\n:F - [0:0]\n-A F -m comment --comment ", "x",
			LIMIT_RULESET_LINE, "\nCOMMIT\n",
			"x:3:1: a line of more than 65536 bytes" },
		{ read_ruleset,
			"# Generated by ebtables-save\n*filter\n:FORWARD ACCEPT\n-A FORWARD -i ",
			"x", LIMIT_RULESET_LINE, "\n", "x:4:1: a line of more than 65536 bytes" },
		{ read_ruleset, "*filter\n:F - [0:0]\n", "-I F\n", 6400, "COMMIT\n",
			"too many rules are inserted in front of others" },
		{ read_ruleset,
			"*filter\n:F - [0:0]\n-A F -d 1.1.1.0,1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,1.1.1.7,1.1.1.8 "
			"-s 8.8.8.8",
			",8.8.8.8", 8000, "\nCOMMIT\n", "more than 65536 pairs of addresses" },
	};

	(void)state;
	check_refused(crowds, N_OF(crowds), PEAK_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_of_a_snapshot_is_refused_one_above_its_limit),
		cmocka_unit_test(all_values_and_the_depth_of_a_snapshot_have_their_limits),
		cmocka_unit_test(a_ruleset_is_refused_one_above_its_limit),
		cmocka_unit_test(a_file_is_refused_one_byte_above_its_limit),
		cmocka_unit_test(a_gzip_bomb_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
