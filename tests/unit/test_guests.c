// SPDX-License-Identifier: GPL-2.0-or-later
/* Guests by the command lines of their qemu, in a folder that stands for /proc. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hostbuild.h"
#include "kernel/guests.h"

static void write_file(const char *path, const char *data, size_t size)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

/* words: a NULL ends them; a "process" of that number. */
static void add_process(struct arena *arena, const char *proc, int pid, const char *const *words)
{
	struct text line CLEANUP(text_done) = TEXT_INIT;
	const char *folder = arena_printf(arena, "%s/%d", proc, pid);

	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(mkdir(arena_printf(arena, "%s/fdinfo", folder), 0700), 0);
	for (; *words; words++)
		text_add_n(&line, *words, strlen(*words) + 1);
	write_file(arena_printf(arena, "%s/cmdline", folder), line.data, line.len);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const struct host *host_with_taps(struct arena *arena)
{
	struct host_build *b = host_build_new(arena);

	build_link(b, 0, "tun", "tapname");
	build_link(b, 0, "tun", "tapfd");
	assert_true(mac_parse("fe:16:3e:00:00:0c", &build_link(b, 0, "tun", "tapmac")->mac));
	assert_true(mac_parse("fe:16:3e:00:00:0d", &build_link(b, 0, "tun", "twice")->mac));
	assert_true(mac_parse("fe:16:3e:00:00:0d", &build_link(b, 1, "tun", "twice")->mac));
	/* no tap has this MAC by right */
	assert_true(mac_parse("fe:16:3e:00:00:0e", &build_link(b, 0, "veth", "notap")->mac));
	return host_built(b);
}

static const char *vms_of(struct arena *arena, const struct host *host, size_t n)
{
	struct text all CLEANUP(text_done) = TEXT_INIT;

	for (size_t i = 0; i < host->netns[n].n_vms; i++)
		text_addf(&all, "%s%s", i ? " " : "", host->netns[n].vms[i]);
	return arena_strdup(arena, all.data);
}

static const char *new_proc(struct arena *arena)
{
	char *proc = arena_strdup(arena, "/tmp/test_guests.XXXXXX");

	assert_non_null(mkdtemp(proc));
	return proc;
}

static void end_proc(struct arena *arena, const char *proc)
{
	assert_int_equal(system(arena_printf(arena, "rm -r %s", proc)), 0);
}

static void a_tap_is_found_by_name_by_descriptor_and_by_mac(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host *host = (struct host *)host_with_taps(arena);
	const char *proc = new_proc(arena);
	struct unread_list unread;

	(void)state;
	add_process(arena, proc, 10,
		WORDS("/usr/bin/qemu-system-x86_64", "-name", "guest=by,,name,debug-threads=on",
			"-netdev", "tap,ifname=tapname,id=n0,script=no"));
	/* as libvirt of today does it */
	add_process(arena, proc, 11,
		WORDS("/usr/libexec/qemu-kvm", "-name", "by-fd", "-uuid",
			"6f70656e-7374-6163-6b20-000000000000", "-netdev",
			"{\"type\":\"tap\",\"fd\":\"28\",\"vhost\":true,\"id\":\"hostnet0\"}",
			"-device",
			"{\"driver\":\"virtio-net-pci\",\"netdev\":\"hostnet0\",\"mac\":\"fa:16:3e:00:00:0c\"}"));
	write_file(arena_printf(arena, "%s/11/fdinfo/28", proc),
		"pos:\t0\nflags:\t0104002\niff:\ttapfd\n", 34);
	add_process(arena, proc, 12,
		WORDS("qemu-system-aarch64", "-netdev", "tap,fds=7:8,id=n0", "-device",
			"virtio-net-pci,netdev=n0,id=net0,mac=fa:16:3e:00:00:0c", "--name",
			"guest=by-mac"));
	unread = guests_read(arena, proc, host);
	assert_string_equal(vms_of(arena, host, 0),
		"tapfd=6f70656e-7374-6163-6b20-000000000000 tapfd=by-fd tapmac=by-mac "
		"tapname=by,name");
	assert_int_equal(unread.n, 0);
	end_proc(arena, proc);
}

static void a_tap_that_is_not_sure_is_unread(void **state)
{
	static const char *const netdevs[][3] = {
		{ "tap,fd=7,id=n0", "virtio-net-pci,netdev=n0,mac=fa:16:3e:00:00:0d",
			"two have it" },
		{ "tap,fd=7,id=n0", "virtio-net-pci,netdev=n0,mac=fa:16:3e:00:00:0e", "no tap" },
		{ "tap,fd=7,id=n0", "virtio-net-pci,netdev=n1,mac=fa:16:3e:00:00:0c", "another's" },
		{ "tap,ifname=nosuch,id=n0", "virtio-net-pci,netdev=n0", "no such device" },
		{ "tap,ifname=twice,id=n0", "virtio-net-pci,netdev=n0", "in two namespaces" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(netdevs); i++) {
		struct arena *arena CLEANUP(arena_freep) = arena_new();
		struct host *host = (struct host *)host_with_taps(arena);
		const char *proc = new_proc(arena);
		struct unread_list unread;

		add_process(arena, proc, 10,
			WORDS("qemu-system-x86_64", "-name", "guest=x", "-netdev", netdevs[i][0],
				"-device", netdevs[i][1]));
		unread = guests_read(arena, proc, host);
		if (unread.n != 1 || *vms_of(arena, host, 0) || *vms_of(arena, host, 1))
			fail_msg("%s: %s", netdevs[i][2], vms_of(arena, host, 0));
		assert_string_equal(unread.items[0].what, "guest x");
		end_proc(arena, proc);
	}
}

static void what_is_no_guest_is_none(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host *host = (struct host *)host_with_taps(arena);
	const char *proc = new_proc(arena);

	(void)state;
	add_process(arena, proc, 10,
		WORDS("vim", "-name", "guest=x", "-netdev", "tap,ifname=tapname,id=n0"));
	add_process(arena, proc, 11,
		WORDS("qemu-system-x86_64", "-netdev", "tap,ifname=tapname,id=n0")); /* no name */
	add_process(arena, proc, 12,
		WORDS("qemu-system-x86_64", "-name", "guest=user", "-netdev", "user,id=n0"));
	add_process(arena, proc, 13,
		WORDS("qemu-system-x86_64", "-name", "guest=odd", "-netdev", "{\"type\":\"tap\",",
			"-netdev"));
	add_process(arena, proc, 14, WORDS(""));
	assert_int_equal(guests_read(arena, proc, host).n, 0);
	assert_string_equal(vms_of(arena, host, 0), "");
	end_proc(arena, proc);
}

static void a_guest_of_several_taps_is_asked_back(void **state)
{
	static const char *vms[] = { "tapfd=two", "tapmac=one", "tapname=two" };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct host *host = (struct host *)host_with_taps(arena);
	struct query query = { 0 };
	struct err err = { 0 };

	(void)state;
	host->netns[0].vms = vms;
	host->netns[0].n_vms = N_OF(vms);
	assert_true(explain_find_entry(host, "one", &query, &err));
	assert_string_equal(query.in->name, "tapmac");
	assert_false(explain_find_entry(host, "two", &query, &err));
	assert_string_equal(err.text, "the guest two has several devices: tapfd, tapname");
	assert_false(explain_find_entry(host, "three", &query, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tap_is_found_by_name_by_descriptor_and_by_mac),
		cmocka_unit_test(a_tap_that_is_not_sure_is_unread),
		cmocka_unit_test(what_is_no_guest_is_none),
		cmocka_unit_test(a_guest_of_several_taps_is_asked_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
