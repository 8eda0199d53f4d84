// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "kernel/kernel.h"
#include "net.h"

/* What kernel says of a host, against what ip made of it. Each case in a namespace of its own. */

static int new_netns(void **state)
{
	(void)state;
	return unshare(CLONE_NEWNET);
}

static const struct netns *read_host(struct arena *arena)
{
	const struct netns *host = NULL;
	struct err err = { 0 };

	if (!kernel_netns_read(arena, &host, &err))
		fail_msg("%s", err.text);
	return host;
}

static const struct link *link_of(const struct netns *host, const char *name)
{
	const struct link *link = netns_link(host, name);

	if (!link)
		fail_msg("no link %s", name);
	return link;
}

static void links_are_read_with_kind_master_peer_mac_and_state(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct link *bridge, *port, *peer, *tap, *vlan, *lo;
	const struct netns *host;
	struct mac mac;

	(void)state;
	net_sh("ip link add br0 type bridge;"
	       "ip link add p0 address 02:00:00:00:00:aa type veth peer name p1;"
	       "ip link set p0 master br0; ip link set p0 up;"
	       "ip tuntap add dev tap0 mode tap; ip link set tap0 master br0");
	host = read_host(arena);
	assert_int_equal(host->n_links, 5);
	for (size_t i = 1; i < host->n_links; i++)
		assert_true(strcmp(host->links[i - 1].name, host->links[i].name) < 0);
	bridge = link_of(host, "br0");
	port = link_of(host, "p0");
	peer = link_of(host, "p1");
	tap = link_of(host, "tap0");
	lo = link_of(host, "lo");
	assert_string_equal(bridge->kind, "bridge");
	assert_string_equal(port->kind, "veth");
	assert_string_equal(tap->kind, "tun");
	assert_string_equal(lo->kind, "");
	assert_int_equal(port->master_index, bridge->index);
	assert_int_equal(tap->master_index, bridge->index);
	assert_int_equal(bridge->master_index, 0);
	assert_int_equal(peer->master_index, 0);
	assert_int_equal(port->peer_index, peer->index);
	assert_int_equal(peer->peer_index, port->index);
	assert_false(port->is_peer_away);
	assert_int_equal(tap->peer_index, 0);
	assert_true(port->is_up);
	assert_false(peer->is_up);
	assert_true(mac_parse("02:00:00:00:00:aa", &mac));
	assert_true(mac_equal(port->mac, mac));
	assert_ptr_equal(netns_link_by_index(host, tap->index), tap);
	/* what another link stands on is not its peer */
	if (net_try_sh(NULL, "ip link add link p1 name p1.5 type vlan id 5")) {
		host = read_host(arena);
		vlan = link_of(host, "p1.5");
		assert_string_equal(vlan->kind, "vlan");
		assert_int_equal(vlan->peer_index, 0);
	}
}

static void a_peer_in_another_namespace_is_not_taken_for_a_link_of_this_one(void **state)
{
	int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there;
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct link *link;

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	there = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(setns(here, CLONE_NEWNET), 0);
	net_sh("ip link add p0 type veth peer name far netns /proc/%d/fd/%d", getpid(), there);
	link = link_of(read_host(arena), "p0");
	assert_string_equal(link->kind, "veth");
	assert_true(link->is_peer_away);
	assert_int_not_equal(link->peer_index, 0);
	close(here);
	close(there);
}

static void an_address_counts_unless_it_is_link_local_ipv6(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct netns *host;

	(void)state;
	net_sh("for i in none v4 v6 ll; do ip link add $i type bridge; done;"
	       "ip addr add 10.0.0.1/24 dev v4;"
	       "ip addr add 2001:db8::1/64 dev v6 nodad;"
	       "ip addr add fe80::1/64 dev ll nodad");
	host = read_host(arena);
	assert_false(link_of(host, "none")->has_address);
	assert_true(link_of(host, "v4")->has_address);
	assert_true(link_of(host, "v6")->has_address);
	assert_false(link_of(host, "ll")->has_address);
}

static void links_with_odd_names_are_links(void **state)
{
	static const char *const names[] = { "a'b", "a\"b", "$(reboot)", "a;b", "-rf", "\xc3\xa9t",
		"a@b", "fifteen-letters", "a\\b" };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct netns *host;
	struct err err;

	(void)state;
	for (size_t i = 0; i < N_OF(names); i++) {
		const char *const argv[] = { "ip", "link", "add", "name", names[i], "type",
			"bridge", NULL };

		assert_true(net_try(NULL, NULL, argv));
		assert_true(kernel_bridge_set(names[i], SWITCH_NF_CALL_IPTABLES, true, &err));
	}
	host = read_host(arena);
	for (size_t i = 0; i < N_OF(names); i++)
		assert_true(link_of(host, names[i])->nf_call[FAMILY_IPV4]);
}

static void a_bridges_own_switches_are_set_and_read_back(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct link *link;
	struct err err;

	(void)state;
	net_sh("ip link add br0 type bridge; ip link add br1 type bridge;"
	       "ip link add p0 type veth peer name p1");
	assert_true(kernel_bridge_set("br0", SWITCH_NF_CALL_IP6TABLES, true, &err));
	link = link_of(read_host(arena), "br0");
	assert_false(link->nf_call[FAMILY_IPV4]);
	assert_true(link->nf_call[FAMILY_IPV6]);
	net_sh("ip -d link show br0 | grep -q 'nf_call_iptables 0 nf_call_ip6tables 1'");
	assert_true(kernel_bridge_set("br0", SWITCH_NF_CALL_IPTABLES, true, &err));
	assert_true(kernel_bridge_set("br0", SWITCH_NF_CALL_IP6TABLES, false, &err));
	link = link_of(read_host(arena), "br0");
	assert_true(link->nf_call[FAMILY_IPV4]);
	assert_false(link->nf_call[FAMILY_IPV6]);
	assert_false(link->no_linklocal_learn);
	assert_true(kernel_bridge_set("br0", SWITCH_NO_LINKLOCAL_LEARN, true, &err));
	link = link_of(read_host(arena), "br0");
	assert_true(link->nf_call[FAMILY_IPV4]);
	assert_true(link->no_linklocal_learn);
	net_sh("ip -d link show br0 | grep -q 'no_linklocal_learn 1'");
	assert_true(kernel_bridge_set("br0", SWITCH_NO_LINKLOCAL_LEARN, false, &err));
	assert_false(link_of(read_host(arena), "br0")->no_linklocal_learn);
	link = link_of(read_host(arena), "br1");
	assert_false(link->nf_call[FAMILY_IPV4]);

	assert_false(kernel_bridge_set("p0", SWITCH_NF_CALL_IPTABLES, true, &err));
	assert_non_null(strstr(err.text, "bridge p0"));
	assert_false(kernel_bridge_set("nosuch", SWITCH_NF_CALL_IPTABLES, true, &err));
	assert_non_null(strstr(err.text, "nosuch"));
	assert_false(kernel_bridge_set(
		"a-name-of-more-than-15-letters", SWITCH_NF_CALL_IPTABLES, true, &err));
}

static void the_sysctls_of_this_namespace_are_read(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const struct netns *host;

	(void)state;
	net_sh("echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables;"
	       "echo 1 >/proc/sys/net/bridge/bridge-nf-call-ip6tables");
	host = read_host(arena);
	assert_true(host->has_br_netfilter);
	assert_false(host->nf_call[FAMILY_IPV4]);
	assert_true(host->nf_call[FAMILY_IPV6]);
	net_sh("echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables;"
	       "echo 0 >/proc/sys/net/bridge/bridge-nf-call-ip6tables");
	host = read_host(arena);
	assert_true(host->nf_call[FAMILY_IPV4]);
	assert_false(host->nf_call[FAMILY_IPV6]);
}

static void a_thousand_taps_are_read_in_a_moment(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct text batch CLEANUP(text_done) = TEXT_INIT, out CLEANUP(text_done) = TEXT_INIT;
	static const char *const argv[] = { "ip", "-batch", "-", NULL };
	const struct netns *host;
	clock_t begin;

	(void)state;
	text_add(&batch, "link add br0 type bridge\n");
	for (int i = 0; i < 500; i++)
		text_addf(&batch,
			"link add name tap%d type veth peer name eth%d\nlink set tap%d master br0\n"
			"addr add 10.%d.%d.1/24 dev eth%d\n",
			i, i, i, i / 250, i % 250, i);
	if (!net_try(batch.data, &out, argv))
		fail_msg("%s", out.data);
	begin = clock();
	host = read_host(arena);
	assert_true(clock() - begin < CLOCKS_PER_SEC / 2);
	assert_int_equal(host->n_links, 1002);
	for (int i = 0; i < 500; i++) {
		const struct link *tap = link_of(host, arena_printf(arena, "tap%d", i));
		const struct link *eth = link_of(host, arena_printf(arena, "eth%d", i));

		assert_int_equal(tap->peer_index, eth->index);
		assert_true(eth->has_address);
		assert_false(tap->has_address);
	}
}

/* A process that only looks like a program of that name. */
static pid_t pretend(const char *exe, const char *const *argv, const char *ns_of_its_own)
{
	int ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		if (ns_of_its_own && unshare(CLONE_NEWNET) != 0)
			_exit(1);
		execv(exe, (char *const *)argv);
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 0); /* it has become the program */
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void another_agent_is_found_by_what_it_runs(void **state)
{
	char dir[] = "/run/agents-XXXXXX";
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	const char *agent, *script, *log, *found;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(dir));
	agent = arena_printf(arena, "%s/neutron-openvswitch-agent", dir);
	script = arena_printf(arena, "%s/neutron-linuxbridge-agent", dir);
	log = arena_printf(arena, "%s/neutron-openvswitch-agent.log", dir);
	net_sh("cp /bin/sleep %s; touch %s; echo 'import time; time.sleep(100)' > %s", agent, log,
		script);
	assert_null(kernel_other_agent(arena, "neutron-openvswi-"));

	/* its own program */
	pid = pretend(agent, (const char *[]){ agent, "100", NULL }, NULL);
	found = kernel_other_agent(arena, "neutron-openvswi-");
	assert_non_null(found);
	assert_string_equal(found, arena_printf(arena, "neutron-openvswitch-agent (pid %d)", pid));
	end(pid);

	/* a script of Python's */
	pid = pretend("/usr/bin/python3",
		(const char *[]){ "/usr/bin/python3", script, "--config", NULL }, NULL);
	found = kernel_other_agent(arena, "neutron-openvswi-");
	assert_non_null(found);
	assert_string_equal(found, arena_printf(arena, "neutron-linuxbridge-agent (pid %d)", pid));
	end(pid);

	/* any program that would make this chain prefix */
	net_sh("mv %s %s/another-agent-of-somebody", agent, dir);
	agent = arena_printf(arena, "%s/another-agent-of-somebody", dir);
	pid = pretend(agent, (const char *[]){ agent, "100", NULL }, NULL);
	assert_null(kernel_other_agent(arena, "neutron-openvswi-"));
	assert_non_null(kernel_other_agent(arena, "another-agent-of-"));
	end(pid);

	/* reading its log does not make it one */
	pid = pretend("/usr/bin/tail", (const char *[]){ "tail", "-f", log, NULL }, NULL);
	assert_null(kernel_other_agent(arena, "neutron-openvswi-"));
	end(pid);

	/* nor does one that looks after another namespace matter */
	net_sh("cp /bin/sleep %s/neutron-openvswitch-agent", dir);
	agent = arena_printf(arena, "%s/neutron-openvswitch-agent", dir);
	pid = pretend(agent, (const char *[]){ agent, "100", NULL }, "yes");
	assert_null(kernel_other_agent(arena, "neutron-openvswi-"));
	end(pid);
}

static void locks_and_states_of_two_namespaces_are_two(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct kernel_lock lock = { 0 }, other = { 0 };
	const char *here, *there;
	struct err err;
	struct stat st;

	(void)state;
	assert_true(kernel_lock_open(&lock, 0, &err));
	assert_true(kernel_state_path(arena, &here, &err));
	assert_int_equal(stat("/run/portwall", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_true(kernel_state_path(arena, &there, &err));
	assert_string_not_equal(here, there);
	assert_true(kernel_lock_open(&other, 0, &err));
	kernel_lock_close(&other);
	kernel_lock_close(&lock);
}

static void without_root_the_refusal_says_how_to_call(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		struct err err = { 0 };

		if (setuid(65534) != 0 || kernel_check_requirements(BACKEND_NFT, &err))
			_exit(1);
		_exit(strstr(err.text, "root") && strstr(err.next_step, "sudo") ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void with_root_and_the_tools_nothing_is_missing(void **state)
{
	struct err err = { 0 };
	enum backend backend;

	(void)state;
	assert_true(kernel_backend_default(&backend, &err));
	if (!kernel_check_requirements(backend, &err))
		fail_msg("%s", err.text);
}

#define CASE(name) cmocka_unit_test_setup(name, new_netns)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(links_are_read_with_kind_master_peer_mac_and_state),
		CASE(a_peer_in_another_namespace_is_not_taken_for_a_link_of_this_one),
		CASE(an_address_counts_unless_it_is_link_local_ipv6),
		CASE(links_with_odd_names_are_links),
		CASE(a_bridges_own_switches_are_set_and_read_back),
		CASE(the_sysctls_of_this_namespace_are_read),
		CASE(a_thousand_taps_are_read_in_a_moment),
		CASE(another_agent_is_found_by_what_it_runs),
		CASE(locks_and_states_of_two_namespaces_are_two),
		CASE(without_root_the_refusal_says_how_to_call),
		CASE(with_root_and_the_tools_nothing_is_missing),
	};

	if (!net_main())
		return 0;
	return net_exit(cmocka_run_group_tests_name("kernel_host", tests, NULL, NULL));
}
