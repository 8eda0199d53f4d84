// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "both.h"
#include "kernel/kernel.h"
#include "mendhost.h"
#include "net.h"

/* Fixes done and undone on the real kernel, refused, and undone after others have written. */

static const struct agent_options options = { .lock_wait_s = 20 };

#define HOST(state) struct mendhost *h CLEANUP(mendhost_freep) = mendhost_new(*(state))

static void every_kind_of_edit_is_done_and_undone(void **state)
{
	HOST(state);

	mendhost_everything(h);
	mendhost_must_mend(h, "all", 0);
	assert_string_equal(mendhost_rules(h, FAMILY_IPV4, "nat", "POSTROUTING"),
		"-o qbr+ -j RETURN\n-s 172.17.0.0/16 -m mark --mark 0xd0 -j MASQUERADE\n"
		"-o eth9 -m comment --comment \"it\\'s \\\"ours\\\"\" -j ACCEPT\n"
		"-s 172.17.0.0/16 -o eth8 -j MASQUERADE\n");
	assert_string_equal(mendhost_rules(h, FAMILY_IPV6, "nat", "POSTROUTING"),
		"-o qbr+ -j RETURN\n-s fd00:17::/64 -m mark --mark 0xd0 -j MASQUERADE\n"
		"-o eth9 -m comment --comment \"it\\'s \\\"ours\\\"\" -j ACCEPT\n"
		"-s fd00:17::/64 -o eth8 -j MASQUERADE\n");
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++)
		assert_string_equal(mendhost_rules(h, f, "filter", "DOCKER-USER"),
			"-j RETURN\n-i qbr+ -j ACCEPT\n");
	net_sh("sysctl -n net.ipv4.ip_forward | grep -qx 1");
	net_sh("ip -d link show br0 | grep -q 'nf_call_iptables 1'");
	net_sh("nft list table inet guard | tr -d '\\n' |"
	       " grep -q 'comment \"keeps .*snat ip to ip saddr'");
	assert_int_equal(mendhost_n_mended(h), 1);
	assert_string_equal(mendhost_must_unmend(h, "all"), "");
	mendhost_must_be_as_before(h);
	assert_int_equal(mendhost_n_mended(h), 0);
	net_sh("! ls /run/portwall | grep .");
}

/* Docker may write to the variant that is not the host's. */
static void one_fix_may_change_both_variants(void **state)
{
	struct mendhost other = { .variant = !strcmp(*state, "nft") ? "legacy" : "nft" };
	struct mend_result result;
	struct err err;
	HOST(state);

	other.arena = h->arena;
	mendhost_iptables(&other, FAMILY_IPV4, "-t nat -A POSTROUTING -s " MEND_NET4 MEND_BROAD);
	mendhost_shot(&h->before);
	mendhost_rule(h, FAMILY_IPV4, "nat", "POSTROUTING", 0, MEND_SPARE, NULL);
	mendhost_rule(&other, FAMILY_IPV4, "nat", "POSTROUTING", 1, MEND_SPARE, NULL);
	*vec_push(&h->edits, h->arena) = other.edits.items[0];
	mendhost_must_mend(h, "both", 0);
	assert_true(text_has_prefix(
		mendhost_rules(h, FAMILY_IPV4, "nat", "POSTROUTING"), MEND_SPARE "\n"));
	assert_string_equal(mendhost_rules(&other, FAMILY_IPV4, "nat", "POSTROUTING"),
		"-s " MEND_NET4 MEND_BROAD "\n" MEND_SPARE "\n");
	assert_string_equal(mendhost_must_unmend(h, NULL), "");
	mendhost_must_be_as_before(h);
	/* what one refuses the other has not */
	h->edits.items[1].rule = "-m set --match-set nosuch src -j DROP";
	assert_false(mendhost_mend(h, "both", 0, &result, &err));
	mendhost_must_be_as_before(h);
}

static void a_rule_goes_to_each_place_and_away_again(void **state)
{
	HOST(state);

	for (size_t at = 0; at <= 3; at++) {
		h->edits.n = 0;
		mendhost_rule(h, FAMILY_IPV4, "nat", "POSTROUTING", at, MEND_SPARE, NULL);
		mendhost_rule(
			h, FAMILY_IPV6, "raw", "PREROUTING", at > 0, "-i qbr+ -j ACCEPT", NULL);
		mendhost_must_mend(h, "add", 0);
		mendhost_must_differ(h);
		assert_string_equal(mendhost_must_unmend(h, NULL), "");
		mendhost_must_be_as_before(h);
	}
	h->edits.n = 0;
	mendhost_rule(h, FAMILY_IPV6, "nat", "POSTROUTING", 2, NULL,
		"-s " MEND_NET6 " -o eth8 -j MASQUERADE");
	mendhost_rule(h, FAMILY_IPV6, "nat", "POSTROUTING", 0, NULL, "-s " MEND_NET6 MEND_BROAD);
	mendhost_rule(h, FAMILY_IPV6, "nat", "POSTROUTING", 0, NULL, NULL);
	mendhost_must_mend(h, "remove", 0);
	assert_string_equal(mendhost_rules(h, FAMILY_IPV6, "nat", "POSTROUTING"), "");
	assert_string_equal(mendhost_must_unmend(h, NULL), "");
	mendhost_must_be_as_before(h);
}

static void every_switch_of_a_link_is_set_and_set_back(void **state)
{
	static const struct {
		const char *name;
		enum link_flag flag;
		const char *before, *value, *shown;
	} rows[] = {
		{ "v1", LINK_FLAG_UP, "off", "up", "ip link show v1 | grep -q '[<,]UP[,>]'" },
		{ "v0", LINK_FLAG_MTU, "1400", "1300", "ip link show v0 | grep -q 'mtu 1300'" },
		{ "v0", LINK_FLAG_ISOLATED, "off", "on",
			"bridge -d link show dev v0 | grep -q 'isolated on'" },
		{ "v0", LINK_FLAG_LOCKED, "off", "on",
			"bridge -d link show dev v0 | grep -q 'locked on'" },
		{ "v0", LINK_FLAG_HAIRPIN, "off", "1",
			"bridge -d link show dev v0 | grep -q 'hairpin on'" },
		{ "br0", LINK_FLAG_NF_CALL_IPTABLES, "0", "1",
			"ip -d link show br0 | grep -q 'nf_call_iptables 1'" },
		{ "br0", LINK_FLAG_NF_CALL_IP6TABLES, "0", "1",
			"ip -d link show br0 | grep -q 'nf_call_ip6tables 1'" },
		{ "br0", LINK_FLAG_MCAST_SNOOPING, "1", "0",
			"ip -d link show br0 | grep -q 'mcast_snooping 0'" },
		{ "br0", LINK_FLAG_MCAST_QUERIER, "0", "1",
			"ip -d link show br0 | grep -q 'mcast_querier 1'" },
	};
	HOST(state);

	/* but for LINK_FLAG_PORT_STATE, which a port with carrier has: the next case */
	_Static_assert(N_OF(rows) == N_LINK_FLAGS - 1, "a switch has no row");
	for (size_t i = 0; i < N_OF(rows); i++)
		mendhost_link(h, rows[i].name, rows[i].flag, rows[i].before, rows[i].value);
	mendhost_must_mend(h, "links", 0);
	for (size_t i = 0; i < N_OF(rows); i++)
		net_sh("%s", rows[i].shown);
	/* what somebody has set meanwhile is his */
	net_sh("ip link set v0 mtu 1280; bridge link set dev v0 locked off");
	assert_string_equal(mendhost_must_unmend(h, "links"),
		"locked of v0 is 0 already\nmtu of v0 is not 1300 any more, and is left: 1280\n");
	net_sh("ip link show v0 | grep -q 'mtu 1280' && ip link set v0 mtu 1400");
	mendhost_must_be_as_before(h);
}

static void the_state_of_a_port_is_set_and_set_back(void **state)
{
	HOST(state);

	net_sh("ip link set v1 up");
	/* until the bridge has noticed */
	net_sh("for i in $(seq 200); do bridge link show dev v0 | grep -q 'state forwarding' && exit 0; sleep 0.05; done; exit 1");
	/* a bridge without STP makes all other states forwarding at once (br_port_state_selection) */
	mendhost_link(h, "v0", LINK_FLAG_PORT_STATE, "3", "0");
	mendhost_must_mend(h, "state", 0);
	net_sh("bridge link show dev v0 | grep -q 'state disabled'");
	assert_string_equal(mendhost_must_unmend(h, "state"), "");
	net_sh("bridge link show dev v0 | grep -q 'state forwarding'");
	net_sh("ip link set v1 down");
	mendhost_must_be_as_before(h);
}

static void settings_of_all_links_come_back_to_each(void **state)
{
	HOST(state);

	/* the kernel writes ip_forward to every link; v1 had its own */
	net_sh("sysctl -n net.ipv4.conf.v1.forwarding | grep -qx 1");
	mendhost_sysctl(h, "net.ipv4.ip_forward", "0", "1");
	mendhost_sysctl(h, "net.ipv4.conf.v0.rp_filter", "2", "0");
	mendhost_sysctl(h, "net.ipv6.conf.all.forwarding", NULL, "1");
	mendhost_must_mend(h, "forward", 0);
	net_sh("sysctl -n net.ipv4.conf.v0.forwarding net.ipv6.conf.v0.forwarding | grep -c 1 |"
	       " grep -qx 2");
	assert_string_equal(mendhost_must_unmend(h, "forward"), "");
	mendhost_must_be_as_before(h);
	/* a third value is somebody else's */
	mendhost_must_mend(h, "forward", 0);
	net_sh("sysctl -qw net.ipv4.conf.v0.rp_filter=1 net.ipv6.conf.all.forwarding=0");
	assert_string_equal(mendhost_must_unmend(h, "forward"),
		"net.ipv6.conf.all.forwarding is 0 already\n"
		"net.ipv4.conf.v0.rp_filter is not 0 any more, and is left: 1\n");
	net_sh("sysctl -n net.ipv4.conf.v0.rp_filter | grep -qx 1");
}

static void a_table_of_nft_is_removed_and_comes_back(void **state)
{
	static const char other[] =
		"table inet other {\n\tchain c {\n\t\tcounter packets 0 bytes 0 accept\n\t}\n}\n";
	HOST(state);

	mendhost_table(h, "other", NULL, other);
	mendhost_must_mend(h, "gone", 0);
	net_sh("! nft list table inet other 2>/dev/null");
	assert_string_equal(mendhost_must_unmend(h, NULL), "");
	mendhost_must_be_as_before(h);
	mendhost_must_mend(h, "gone", 0);
	net_sh("nft add table inet other");
	assert_string_equal(
		mendhost_must_unmend(h, NULL), "the nft table inet other is there already\n");
	net_sh("nft list table inet other | grep -c chain | grep -qx 0");
}

/* ---- conntrack */

/* What a look at the host finds of zone 7 that is translated, as the edit of a fix. */
static void add_flows(struct mendhost *h)
{
	VEC(const struct conntrack_entry *) flows = { 0 };
	const struct host *host;
	struct err err;

	if (!kernel_host_read(
		    h->arena, &(struct host_read_options){ .only_own = true }, &host, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < host->netns[0].n_conntrack; i++) {
		struct conntrack_entry *entry =
			arena_new_array(h->arena, struct conntrack_entry, 2);

		entry[0] = host->netns[0].conntrack[i];
		if (entry->zone != 7 || addr_compare(&entry->orig.src, &entry->reply.dst) == 0)
			continue;
		/* this one was answered since: it is the same flow */
		if (entry->orig.sport == 1001)
			entry->status ^= CT_STATUS_SEEN_REPLY | CT_STATUS_ASSURED;
		/* this one was translated otherwise, or not: it was another one */
		if (entry->orig.sport == 1004) {
			entry[1] = entry[0];
			entry[0].status ^= CT_STATUS_SRC_NAT;
			entry[1].reply.dport++;
			*vec_push(&flows, h->arena) = &entry[1];
		}
		*vec_push(&flows, h->arena) = &entry[0];
	}
	assert_int_equal(flows.n, 4);
	*vec_push(&h->edits, h->arena) = (struct host_edit){
		.kind = HOST_EDIT_FLOWS, .flows = flows.items, .n_flows = flows.n
	};
}

static void exactly_the_flows_of_the_fix_are_deleted(void **state)
{
	static const char track[] = "conntrack -I -p udp -s 10.0.0.1 -d 10.0.0.2 --timeout 600";
	struct mend_result result;
	struct err err;
	HOST(state);

	/* the same tuples in two zones, translated; one without in a third; and one of zone 7 that is in order */
	net_sh("for z in 6 7; do for p in 1 2 4; do"
	       " %s -w $z --sport 100$p --dport 53 --src-nat 192.0.2.1:100$p; done; done;"
	       "%s -w 8 --sport 1001 --dport 53; %s -w 7 --sport 1003 --dport 53",
		track, track, track);
	net_sh("conntrack -I -p udp -s fd00::1 -d fd00::2 --timeout 600 -w 7 --sport 1001 --dport 53");
	mendhost_rule(h, FAMILY_IPV4, "nat", "POSTROUTING", 0, MEND_SPARE, NULL);
	add_flows(h);
	/* one goes by itself, and comes again without translation: it is another one */
	net_sh("conntrack -D -w 7 -p udp --orig-port-src 1002; %s -w 7 --sport 1002 --dport 53",
		track);
	if (!mendhost_mend(h, "flows", 0, &result, &err))
		fail_msg("%s", err.text);
	assert_int_equal(result.n_flows_deleted, 1);
	net_sh("test \"$(conntrack -L -f ipv4 2>/dev/null | grep -o 'sport=[0-9]* .*zone=[0-9]*' |"
	       " sed 's/ .*zone/ zone/' | sort | tr '\\n' ,)\" ="
	       " 'sport=1001 zone=6,sport=1001 zone=8,sport=1002 zone=6,sport=1002 zone=7,"
	       "sport=1003 zone=7,sport=1004 zone=6,sport=1004 zone=7,'");
	net_sh("conntrack -L -f ipv6 2>/dev/null | grep -q zone=7");
	assert_string_equal(mendhost_must_unmend(h, "flows"), "");
	mendhost_must_be_as_before(h);
}

/* ---- refused */

static void must_be_refused(struct mendhost *h, const char *text, enum err_kind kind)
{
	struct mend_result result;
	struct err err;

	assert_false(mendhost_mend(h, "bad", 5, &result, &err));
	if (!strstr(err.text, text))
		fail_msg("\"%s\" is not in: %s", text, err.text);
	assert_int_equal(err.kind, kind);
	mendhost_must_be_as_before(h);
	assert_int_equal(mendhost_n_mended(h), 0);
	h->edits.n = 0;
}

static void what_is_refused_in_its_middle_leaves_the_host_as_it_was(void **state)
{
	static const char nosuch[] = "-m set --match-set nosuch src -j DROP";
	HOST(state);
	bool is_nft = !strcmp(*state, "nft");

	mendhost_everything(h);
	mendhost_rule(h, FAMILY_IPV6, "raw", "PREROUTING", 0, nosuch, NULL);
	must_be_refused(h,
		is_nft ? "ip6tables-restore refused line "
		       : "ip6tables-legacy-restore refused line ",
		ERR_SYSTEM);
	mendhost_everything(h);
	mendhost_sysctl(h, "net.ipv4.conf.v0.rp_filter", "2", "many");
	must_be_refused(h,
		"sysctl refused line 1: cannot set it: Invalid argument: "
		"net.ipv4.conf.v0.rp_filter=many",
		ERR_SYSTEM);
	mendhost_everything(h);
	mendhost_link(h, "v0", LINK_FLAG_MTU, "1400", "1000000");
	must_be_refused(h, "link refused line 1: cannot set mtu of v0: ", ERR_SYSTEM);
	mendhost_everything(h);
	mendhost_table(h, "bad", "table inet bad {\n\tchain c {\n\t\tjump nowhere\n\t}\n}\n", NULL);
	must_be_refused(h, "nft refused", ERR_SYSTEM);
}

static void what_cannot_be_an_edit_is_refused(void **state)
{
	HOST(state);

	must_be_refused(h, "the fix bad does nothing", ERR_INPUT);
	mendhost_rule(h, FAMILY_IPV4, "nat", "POSTROUTING", 0, "-j ACCEPT\n-F", NULL);
	must_be_refused(h, "has to be one line", ERR_INPUT);
	mendhost_rule(
		h, FAMILY_IPV4, "nat", "POSTROUTING", 0, "-s 10.0.0.1,10.0.0.2 -j ACCEPT", NULL);
	must_be_refused(h, "is no rule", ERR_INPUT);
	mendhost_sysctl(h, "kernel.panic", NULL, "1");
	must_be_refused(h, "no setting of the network", ERR_INPUT);
	mendhost_sysctl(h, "net.//.kernel.panic", NULL, "1");
	must_be_refused(h, "no name of a setting", ERR_INPUT);
	mendhost_rule(h, FAMILY_INET, "other", "c", 0, NULL, "counter accept");
	h->edits.items[0].source = SOURCE_NFT;
	must_be_refused(h, "does not change rules of others' tables of nft", ERR_INPUT);
}

static void a_host_that_has_changed_is_left_alone(void **state)
{
	HOST(state);

	/* the places are those before somebody wrote; the good edits come first */
	mendhost_everything(h);
	mendhost_rule(h, FAMILY_IPV4, "nat", "POSTROUTING", 3, NULL, "-o eth9 -j ACCEPT");
	must_be_refused(h, "the host has changed: rule 4 of ", ERR_CONFLICT);
	mendhost_rule(h, FAMILY_IPV4, "nat", "POSTROUTING", 9, MEND_SPARE, NULL);
	must_be_refused(h, "the host has changed", ERR_CONFLICT);
	mendhost_rule(h, FAMILY_IPV4, "nat", "NOWHERE", 0, MEND_SPARE, NULL);
	must_be_refused(h, "the host has changed: there is no ", ERR_CONFLICT);
	mendhost_rule(h, FAMILY_IPV4, "mangle", "FORWARD", 0, MEND_SPARE, NULL);
	must_be_refused(h, "the host has changed: there is no ", ERR_CONFLICT);
	mendhost_sysctl(h, "net.ipv4.conf.v0.rp_filter", "0", "1");
	must_be_refused(
		h, "the host has changed: net.ipv4.conf.v0.rp_filter is now 2", ERR_CONFLICT);
	mendhost_sysctl(h, "net.ipv4.conf.v7.rp_filter", "0", "1");
	must_be_refused(h, "there is no sysctl", ERR_CONFLICT);
	mendhost_link(h, "v0", LINK_FLAG_MTU, "1500", "1300");
	must_be_refused(h, "the host has changed: mtu of v0 is now 1400", ERR_CONFLICT);
	mendhost_link(h, "v7", LINK_FLAG_MTU, "1500", "1300");
	must_be_refused(h, "there is no link v7", ERR_CONFLICT);
	mendhost_table(h, "other", "table inet other {\n}\n", NULL);
	must_be_refused(h, "the host has changed: there is a table inet other", ERR_CONFLICT);
	mendhost_table(h, "other", NULL, "table inet other {\n}\n");
	must_be_refused(h, "the table inet other is another one", ERR_CONFLICT);
}

static void one_fix_at_a_time_and_each_once(void **state)
{
	struct mended *mended;
	size_t n;
	struct kernel_lock lock = { 0 };
	struct mend_result result;
	struct err err;
	HOST(state);

	mendhost_rule(h, FAMILY_IPV4, "nat", "POSTROUTING", 0, MEND_SPARE, NULL);
	mendhost_must_mend(h, "one", 0);
	assert_false(mendhost_mend(h, "one", 0, &result, &err));
	assert_string_equal(err.text, "the fix one is there already");
	assert_int_equal(err.kind, ERR_CONFLICT);
	h->edits.n = 0;
	mendhost_rule(h, FAMILY_IPV6, "nat", "POSTROUTING", 0, MEND_SPARE, NULL);
	mendhost_must_mend(h, "two", 0);
	assert_true(agent_mended(h->arena, &mended, &n, &err));
	assert_int_equal(n, 2);
	assert_string_equal(mended[1].id, "two");
	assert_string_equal(mended[1].title, "a fix\nof \\ two lines");
	assert_true(
		mended[1].done_s > 1700000000 && !mended[1].undo_at_s && !mended[1].is_unfinished);
	net_sh("test $(stat -c %%a /run/portwall/*.fixes) = 600");

	assert_true(kernel_lock_open(&lock, 0, &err));
	assert_false(agent_unmend(h->arena, "one", &(struct agent_options){ 0 }, &result, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	kernel_lock_close(&lock);
	/* looking changes nothing */
	assert_true(agent_unmend(
		h->arena, "one", &(struct agent_options){ .dry_run = true }, &result, &err));
	assert_int_equal(mendhost_n_mended(h), 2);
	/* the first of two goes before the second */
	assert_string_equal(mendhost_must_unmend(h, "one"), "");
	assert_string_equal(mendhost_must_unmend(h, NULL), "");
	mendhost_must_be_as_before(h);
	assert_false(agent_unmend(h->arena, NULL, &options, &result, &err));
	assert_int_equal(err.kind, ERR_INPUT);
	assert_false(agent_unmend(h->arena, "one", &options, &result, &err));
	assert_string_equal(err.text, "there is no fix one");
}

static void without_permission_it_says_what_to_do(void **state)
{
	int status;
	pid_t pid;
	HOST(state);

	mendhost_rule(h, FAMILY_IPV4, "nat", "POSTROUTING", 0, MEND_SPARE, NULL);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct mend_result result;
		struct err err;

		_exit(setgid(65534) || setuid(65534) || mendhost_mend(h, "x", 0, &result, &err) ||
			err.kind != ERR_SYSTEM || strcmp(err.next_step, "call it with sudo") != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	mendhost_must_be_as_before(h);
}

/* ---- others write between fix and undo */

#define POST4(h)  mendhost_rules(h, FAMILY_IPV4, "nat", "POSTROUTING")
#define COMMENTED "-o eth9 -m comment --comment \"it\\'s \\\"ours\\\"\" -j ACCEPT\n"
#define BROAD4	  "-s " MEND_NET4 MEND_BROAD "\n"
#define LAST4	  "-s " MEND_NET4 " -o eth8 -j MASQUERADE\n"

static void a_rule_that_was_moved_is_removed_where_it_stands(void **state)
{
	HOST(state);

	mendhost_rule(h, FAMILY_IPV4, "nat", "POSTROUTING", 0, MEND_SPARE, NULL);
	mendhost_must_mend(h, "spare", 0);
	/* dockerd starts anew, and makes a network */
	mendhost_iptables(h, FAMILY_IPV4, "-t nat -D POSTROUTING -s " MEND_NET4 MEND_BROAD);
	mendhost_iptables(h, FAMILY_IPV4, "-t nat -I POSTROUTING -s " MEND_NET4 MEND_BROAD);
	mendhost_iptables(
		h, FAMILY_IPV4, "-t nat -I POSTROUTING -s 172.18.0.0/16 ! -o br-1 -j MASQUERADE");
	assert_string_equal(mendhost_must_unmend(h, NULL), "");
	assert_string_equal(
		POST4(h), "-s 172.18.0.0/16 ! -o br-1 -j MASQUERADE\n" BROAD4 COMMENTED LAST4);
}

static void a_rule_that_somebody_removed_or_added_again_is_told(void **state)
{
	HOST(state);

	mendhost_rule(h, FAMILY_IPV4, "nat", "POSTROUTING", 0, MEND_SPARE, NULL);
	mendhost_must_mend(h, "spare", 0);
	mendhost_iptables(h, FAMILY_IPV4, "-t nat -D POSTROUTING 1");
	assert_non_null(strstr(mendhost_must_unmend(h, NULL), "the rule is not there any more"));
	mendhost_must_be_as_before(h);

	mendhost_must_mend(h, "spare", 0);
	mendhost_iptables(h, FAMILY_IPV4, "-t nat -A POSTROUTING " MEND_SPARE);
	assert_non_null(strstr(mendhost_must_unmend(h, NULL),
		"somebody has added 1 more of this rule, one is removed"));
	assert_string_equal(POST4(h), BROAD4 COMMENTED LAST4 MEND_SPARE "\n");

	/* one like it was there before: when one has gone it is not known to be theirs */
	mendhost_must_mend(h, "spare", 0);
	mendhost_iptables(h, FAMILY_IPV4, "-t nat -D POSTROUTING 1");
	assert_non_null(strstr(mendhost_must_unmend(h, NULL), "the rule is not there any more"));
	assert_string_equal(POST4(h), BROAD4 COMMENTED LAST4 MEND_SPARE "\n");

	/* its chain goes */
	h->edits.n = 0;
	mendhost_rule(h, FAMILY_IPV4, "nat", "DOCKER", 1, MEND_SPARE, NULL);
	mendhost_rule(h, FAMILY_IPV4, "nat", "DOCKER", 0, NULL, "-i docker0 -j RETURN");
	h->edits.items[0].rule = "-p udp -j RETURN";
	mendhost_must_mend(h, "chain", 0);
	mendhost_iptables(h, FAMILY_IPV4, "-t nat -F");
	mendhost_iptables(h, FAMILY_IPV4, "-t nat -X");
	assert_non_null(strstr(mendhost_must_unmend(h, NULL), "is not there any more"));
}

static void a_rule_that_somebody_put_back_is_not_put_back_again(void **state)
{
	HOST(state);

	mendhost_rule(h, FAMILY_IPV4, "nat", "POSTROUTING", 0, NULL, "-s " MEND_NET4 MEND_BROAD);
	mendhost_must_mend(h, "gone", 0);
	mendhost_iptables(h, FAMILY_IPV4, "-t nat -A POSTROUTING -s " MEND_NET4 MEND_BROAD);
	assert_non_null(strstr(mendhost_must_unmend(h, NULL), "the rule is there already"));
	assert_string_equal(POST4(h), COMMENTED LAST4 BROAD4);

	/* replaced: only ours goes */
	h->edits.n = 0;
	mendhost_rule(h, FAMILY_IPV4, "nat", "POSTROUTING", 2,
		"-s " MEND_NET4 " -m mark --mark 0xd0 -j MASQUERADE", "-s " MEND_NET4 MEND_BROAD);
	mendhost_must_mend(h, "marked", 0);
	mendhost_iptables(h, FAMILY_IPV4, "-t nat -I POSTROUTING -s " MEND_NET4 MEND_BROAD);
	assert_non_null(strstr(mendhost_must_unmend(h, NULL), "the rule is there already"));
	assert_string_equal(POST4(h), BROAD4 COMMENTED LAST4);
	mendhost_must_be_as_before(h);

	/* the replacement is gone: what was before it is not put back */
	h->edits.items[0].at = 0;
	mendhost_must_mend(h, "marked", 0);
	mendhost_iptables(h, FAMILY_IPV4, "-t nat -D POSTROUTING 1");
	assert_non_null(strstr(mendhost_must_unmend(h, NULL), "is not put back"));
	assert_string_equal(POST4(h), COMMENTED LAST4);
}

static void a_rule_comes_back_between_its_neighbours(void **state)
{
	const char *notes;
	HOST(state);

	mendhost_rule(h, FAMILY_IPV4, "nat", "POSTROUTING", 1, NULL, NULL);
	mendhost_must_mend(h, "gone", 0);
	mendhost_iptables(h, FAMILY_IPV4, "-t nat -I POSTROUTING -p tcp -j ACCEPT");
	mendhost_iptables(h, FAMILY_IPV4, "-t nat -I POSTROUTING -p udp -j ACCEPT");
	assert_string_equal(mendhost_must_unmend(h, NULL), "");
	assert_string_equal(
		POST4(h), "-p udp -j ACCEPT\n-p tcp -j ACCEPT\n" BROAD4 COMMENTED LAST4);

	/* only the one below is left */
	h->edits.items[0].at = 3;
	mendhost_must_mend(h, "gone", 0);
	mendhost_iptables(h, FAMILY_IPV4, "-t nat -D POSTROUTING 3");
	notes = mendhost_must_unmend(h, NULL);
	assert_non_null(strstr(notes, "the rules around it are others now; put back as rule 3"));
	assert_string_equal(POST4(h), "-p udp -j ACCEPT\n-p tcp -j ACCEPT\n" COMMENTED LAST4);
}

static void a_table_that_somebody_changed_is_left(void **state)
{
	HOST(state);

	mendhost_everything(h);
	mendhost_must_mend(h, "all", 0);
	net_sh("nft add rule inet guard post counter");
	assert_non_null(strstr(mendhost_must_unmend(h, NULL),
		"the nft table inet guard is not as the fix made it, and is left"));
	net_sh("nft delete table inet guard");
	mendhost_must_be_as_before(h);
	mendhost_must_mend(h, "all", 0);
	net_sh("nft delete table inet guard");
	assert_string_equal(
		mendhost_must_unmend(h, NULL), "the nft table inet guard is not there any more\n");
	mendhost_must_be_as_before(h);
}

/* What cannot be read is not taken for gone: the record would be, and the fix would stand for ever. */
static void rules_that_cannot_be_read_are_not_taken_for_gone(void **state)
{
	struct mend_result result;
	struct err err;
	HOST(state);

	mendhost_rule(h, FAMILY_IPV4, "nat", "POSTROUTING", 0, MEND_SPARE, NULL);
	mendhost_must_mend(h, "spare", 0);
	net_sh("nft add rule ip nat POSTROUTING ct state new drop");
	assert_false(agent_unmend(h->arena, NULL, &options, &result, &err));
	assert_string_equal(
		err.text, "iptables cannot express the table nat: it holds rules made with nft");
	h->edits.items[0].chain = "PREROUTING";
	assert_false(mendhost_mend(h, "more", 0, &result, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	net_sh("nft delete rule ip nat POSTROUTING handle"
	       " $(nft -a list chain ip nat POSTROUTING | sed -n '/ct state/s/.*handle //p')");
	net_sh("mkdir -p /run/front; printf '#!/bin/sh\\nexit 1\\n' >/run/front/iptables-nft-save;"
	       "chmod +x /run/front/*");
	setenv("PATH", "/run/front:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	assert_false(agent_unmend(h->arena, NULL, &options, &result, &err));
	assert_true(text_has_prefix(err.text, "iptables-nft could not be read: "));
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	assert_int_equal(mendhost_n_mended(h), 1);
	assert_string_equal(mendhost_must_unmend(h, NULL), "");
	mendhost_must_be_as_before(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BY_BOTH_VARIANTS(every_kind_of_edit_is_done_and_undone, NULL),
		BY_BOTH_VARIANTS(one_fix_may_change_both_variants, NULL),
		BY_BOTH_VARIANTS(a_rule_goes_to_each_place_and_away_again, NULL),
		cmocka_unit_test_prestate(
			every_switch_of_a_link_is_set_and_set_back, (void *)"nft"),
		cmocka_unit_test_prestate(the_state_of_a_port_is_set_and_set_back, (void *)"nft"),
		cmocka_unit_test_prestate(settings_of_all_links_come_back_to_each, (void *)"nft"),
		cmocka_unit_test_prestate(a_table_of_nft_is_removed_and_comes_back, (void *)"nft"),
		cmocka_unit_test_prestate(exactly_the_flows_of_the_fix_are_deleted, (void *)"nft"),
		BY_BOTH_VARIANTS(what_is_refused_in_its_middle_leaves_the_host_as_it_was, NULL),
		cmocka_unit_test_prestate(what_cannot_be_an_edit_is_refused, (void *)"nft"),
		BY_BOTH_VARIANTS(a_host_that_has_changed_is_left_alone, NULL),
		cmocka_unit_test_prestate(one_fix_at_a_time_and_each_once, (void *)"nft"),
		cmocka_unit_test_prestate(without_permission_it_says_what_to_do, (void *)"nft"),
		BY_BOTH_VARIANTS(a_rule_that_was_moved_is_removed_where_it_stands, NULL),
		BY_BOTH_VARIANTS(a_rule_that_somebody_removed_or_added_again_is_told, NULL),
		BY_BOTH_VARIANTS(a_rule_that_somebody_put_back_is_not_put_back_again, NULL),
		BY_BOTH_VARIANTS(a_rule_comes_back_between_its_neighbours, NULL),
		cmocka_unit_test_prestate(a_table_that_somebody_changed_is_left, (void *)"nft"),
		cmocka_unit_test_prestate(
			rules_that_cannot_be_read_are_not_taken_for_gone, (void *)"nft"),
	};

	if (!net_main())
		return 0;
	return net_exit(cmocka_run_group_tests_name("mend", tests, NULL, NULL));
}
