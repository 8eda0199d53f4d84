// SPDX-License-Identifier: GPL-2.0-or-later
/* Files of sysctl.d, in a folder that stands for the root. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/sysctl_files.h"

static const char *new_root(struct arena *arena)
{
	static const char *const folders[] = { "etc", "etc/sysctl.d", "run", "run/sysctl.d", "usr",
		"usr/lib", "usr/lib/sysctl.d", "usr/lib/systemd" };
	char *root = arena_strdup(arena, "/tmp/test_sysctl_files.XXXXXX");

	assert_non_null(mkdtemp(root));
	for (size_t i = 0; i < N_OF(folders); i++)
		assert_int_equal(mkdir(arena_printf(arena, "%s/%s", root, folders[i]), 0700), 0);
	return root;
}

static void write_file(struct arena *arena, const char *root, const char *path, const char *data)
{
	FILE *file = fopen(arena_printf(arena, "%s/%s", root, path), "we");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, strlen(data), file), strlen(data));
	assert_int_equal(fclose(file), 0);
}

/* "PATH:LINE NAME=VALUE", in their order; what is unread behind. */
static const char *lines_of(struct arena *arena, const char *root)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	struct host host = { .name = "" };
	struct unread_list unread = sysctl_lines_read(arena, root, &host);

	for (size_t i = 0; i < host.n_sysctl_lines; i++)
		text_addf(&out, "%s%s:%u %s=%s", i ? "; " : "", host.sysctl_lines[i].path,
			host.sysctl_lines[i].line, host.sysctl_lines[i].name,
			host.sysctl_lines[i].value ? host.sysctl_lines[i].value : "(excepted)");
	for (size_t i = 0; i < unread.n; i++)
		text_addf(&out, " ? %s: %s", unread.items[i].what, unread.items[i].why);
	return arena_strdup(arena, out.data);
}

static void remove_root(struct arena *arena, const char *root)
{
	assert_int_equal(
		system(arena_printf(arena, "rm -r '%s'", root)), 0); // NOLINT(cert-env33-c)
}

static void files_are_applied_by_their_names_and_the_first_folder_hides_the_others(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const char *root = new_root(arena);

	(void)state;
	write_file(arena, root, "usr/lib/sysctl.d/50-a.conf", "net.ipv4.ip_forward = 0\n");
	write_file(arena, root, "etc/sysctl.d/60-b.conf", "net.ipv4.ip_forward=1\n");
	write_file(arena, root, "run/sysctl.d/10-c.conf", "net.ipv4.ip_forward = 5\n");
	write_file(arena, root, "etc/sysctl.d/readme", "net.ipv4.ip_forward = 6\n");
	assert_string_equal(lines_of(arena, root),
		"/run/sysctl.d/10-c.conf:1 net.ipv4.ip_forward=5; "
		"/usr/lib/sysctl.d/50-a.conf:1 net.ipv4.ip_forward=0; "
		"/etc/sysctl.d/60-b.conf:1 net.ipv4.ip_forward=1");
	/* an empty file, or a link to nothing, hides those of its name */
	write_file(arena, root, "etc/sysctl.d/50-a.conf", "");
	assert_int_equal(
		symlink("/dev/null", arena_printf(arena, "%s/etc/sysctl.d/10-c.conf", root)), 0);
	assert_string_equal(
		lines_of(arena, root), "/etc/sysctl.d/60-b.conf:1 net.ipv4.ip_forward=1");
	remove_root(arena, root);
}

static void lines_are_read_as_sysctl_d_has_them(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const char *root = new_root(arena);

	(void)state;
	write_file(arena, root, "etc/sysctl.d/1.conf",
		"# net.ipv4.ip_forward = 1\n; net.ipv4.ip_forward = 1\n\nkernel.panic = 1\nnonsense\n"
		"  -net/bridge/bridge-nf-call-iptables =  0  \r\n"
		"net/ipv4/conf/eth0.5/rp_filter = 1\nnet.ipv4.conf.eth0/5.rp_filter=2\n"
		"net.ipv4.conf.*.rp_filter = 1\n-net.ipv4.conf.lo.rp_filter\n"
		"net.ipv4.conf.all.arp_ignore = 1\nnet.ipv4.conf.all.forwarding = 0");
	assert_string_equal(lines_of(arena, root),
		"/etc/sysctl.d/1.conf:6 net.bridge.bridge-nf-call-iptables=0; "
		"/etc/sysctl.d/1.conf:7 net.ipv4.conf.eth0/5.rp_filter=1; "
		"/etc/sysctl.d/1.conf:8 net.ipv4.conf.eth0/5.rp_filter=2; "
		"/etc/sysctl.d/1.conf:9 net.ipv4.conf.*.rp_filter=1; "
		"/etc/sysctl.d/1.conf:10 net.ipv4.conf.lo.rp_filter=(excepted); "
		"/etc/sysctl.d/1.conf:12 net.ipv4.conf.all.forwarding=0");
	remove_root(arena, root);
}

static void the_old_file_is_read_where_no_systemd_is_or_a_link_says_so(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const char *root = new_root(arena);

	(void)state;
	write_file(arena, root, "etc/sysctl.conf", "net.ipv4.ip_forward = 0\n");
	assert_string_equal(lines_of(arena, root), "/etc/sysctl.conf:1 net.ipv4.ip_forward=0");
	write_file(arena, root, "usr/lib/systemd/systemd-sysctl", "");
	assert_string_equal(lines_of(arena, root), "");
	assert_int_equal(symlink("../sysctl.conf",
				 arena_printf(arena, "%s/etc/sysctl.d/99-sysctl.conf", root)),
		0);
	assert_string_equal(
		lines_of(arena, root), "/etc/sysctl.d/99-sysctl.conf:1 net.ipv4.ip_forward=0");
	remove_root(arena, root);
}

static void what_cannot_be_read_is_unread(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const char *root = new_root(arena);

	(void)state;
	assert_int_equal(mkdir(arena_printf(arena, "%s/etc/sysctl.d/1.conf", root), 0700), 0);
	assert_non_null(strstr(lines_of(arena, root), " ? sysctl files: /etc/sysctl.d/1.conf: "));
	remove_root(arena, root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			files_are_applied_by_their_names_and_the_first_folder_hides_the_others),
		cmocka_unit_test(lines_are_read_as_sysctl_d_has_them),
		cmocka_unit_test(the_old_file_is_read_where_no_systemd_is_or_a_link_says_so),
		cmocka_unit_test(what_cannot_be_read_is_unread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
