// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a guest may claim to be: addresses, MACs (to the filters and to the bridge that learns
 * them), a DHCP server, a router; and the frames that iptables never sees. All ports allow everything by their groups, so that what is dropped here is
 * dropped for the claim alone.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "netpolicy.h"
#include "networld.h"

#define check(world, rows) assert_int_equal(world_judge_rows(world, rows, N_OF(rows)), 0)
#define OPEN		   GROUPS OPEN_GROUP("open")
#define OTHER		   "02:00:00:00:00:99"

static void only_own_addresses_leave(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "A", "out", "tcp A > out:80", PASS(RULE) },
		{ "A", "out", "tcp 10.0.0.20 > out:80", DROP(SPOOF) },
		{ "A", "out", "tcp B > out:80", DROP(SPOOF) },
		{ "A", "out", "tcp A > out:80 mac " OTHER, DROP(SPOOF) },
		{ "A", "out", "tcp A > out:80 mac B", DROP(SPOOF) },
		{ "A", "out", "tcp B > out:80 mac B", DROP(SPOOF) },
		{ "A", "out", "icmp 10.0.0.20 > out", DROP(SPOOF) },
		{ "A", "out", "250 10.0.0.20 > out", DROP(SPOOF) },
		{ "A", "out", "udp 0.0.0.0 > 255.255.255.255:9", DROP(SPOOF) },
		{ "A", "out", "tcp A6 > out6:80", PASS(RULE) },
		{ "A", "out", "tcp [2001:db8::20] > out6:80", DROP(SPOOF) },
		{ "A", "out", "tcp A6 > out6:80 mac " OTHER, DROP(SPOOF) },
		{ "A", "out", "tcp Al > out6:80", PASS(RULE) },
		{ "A", "out", "tcp Bl > out6:80", DROP(SPOOF) },
		{ "A", "out", "tcp Al > out6:80 mac " OTHER, DROP(SPOOF) },
		{ "A", "out", "icmpv6 [2001:db8::20] > out6 type 128", DROP(SPOOF) },
		{ "A", "out", "icmpv6 [2001:db8::20] > ff02::1 type 136", DROP(SPOOF) },
		/* to another guest of the host no less */
		{ "A", "B", "tcp 10.0.0.20 > B:80", DROP(SPOOF) },
		{ "A", "B", "tcp A > B:80 mac " OTHER, DROP(SPOOF) },
		{ "A", "B", "tcp A > B:80", PASS(RULE) },
		/* what comes in may come from anybody */
		{ "out", "A", "tcp 10.9.9.9 > A:80 mac " OTHER, PASS(RULE) },
	};

	world_apply(world, OPEN PORTS PORT_A("open") PORT_B("open"));
	check(world, rows);
}

static void allowed_pairs_are_own_addresses(struct world *world)
{
	static const struct shot_row rows[] = {
		/* one address, the port's MAC */
		{ "A", "out", "tcp 10.0.0.50 > out:80", PASS(RULE) },
		{ "A", "out", "tcp 10.0.0.51 > out:80", DROP(SPOOF) },
		{ "A", "out", "tcp 10.0.0.50 > out:80 mac " OTHER, DROP(SPOOF) },
		/* a prefix */
		{ "A", "out", "tcp 10.8.0.0 > out:80", PASS(RULE) },
		{ "A", "out", "tcp 10.8.0.255 > out:80", PASS(RULE) },
		{ "A", "out", "tcp 10.8.1.0 > out:80", DROP(SPOOF) },
		{ "A", "out", "tcp 10.7.255.255 > out:80", DROP(SPOOF) },
		{ "A", "out", "tcp [2001:db8:8::1] > out6:80", PASS(RULE) },
		{ "A", "out", "tcp [2001:db8:8:1::1] > out6:80", DROP(SPOOF) },
		/* another MAC: for its address only (VRRP) */
		{ "A", "out", "tcp 10.0.0.60 > out:80 mac 00:00:5e:00:01:05", PASS(RULE) },
		{ "A", "out", "tcp 10.0.0.60 > out:80", DROP(SPOOF) },
		{ "A", "out", "tcp A > out:80 mac 00:00:5e:00:01:05", DROP(SPOOF) },
		{ "A", "out", "tcp [2001:db8::60] > out6:80 mac 00:00:5e:00:02:05", PASS(RULE) },
		{ "A", "out", "tcp [2001:db8::60] > out6:80", DROP(SPOOF) },
		/* and that MAC's link-local address */
		{ "A", "out", "tcp [fe80::200:5eff:fe00:205] > out6:80 mac 00:00:5e:00:02:05",
			PASS(RULE) },
		{ "A", "out", "tcp [fe80::200:5eff:fe00:205] > out6:80", DROP(SPOOF) },
		/* ARP likewise */
		{ "A", "out", "arp A", PASS(ARP) },
		{ "A", "out", "arp 10.0.0.50", PASS(ARP) },
		{ "A", "out", "arp 10.0.0.51", DROP(ARP_SPOOF) },
		{ "A", "out", "arp 10.8.0.77", PASS(ARP) },
		{ "A", "out", "arp 10.8.1.0", DROP(ARP_SPOOF) },
		{ "A", "out", "arp 10.0.0.60 mac 00:00:5e:00:01:05", PASS(ARP) },
		{ "A", "out", "arp 10.0.0.60 sha 00:00:5e:00:01:05", DROP(ARP_SPOOF) },
		{ "A", "out", "arp 10.0.0.60", DROP(ARP_SPOOF) },
		{ "A", "out", "arp A mac 00:00:5e:00:01:05", DROP(ARP_SPOOF) },
		{ "A", "out", "rarp 0.0.0.0 mac 00:00:5e:00:01:05", PASS(ARP) },
		/* and what has no address yet */
		{ "A", "out", "udp 0.0.0.0:68 > 255.255.255.255:67 mac 00:00:5e:00:01:05",
			PASS(DHCP_CLIENT) },
		{ "A", "out", "icmpv6 :: > ff02::16 type 143 mac 00:00:5e:00:02:05", PASS(ND) },
	};

	world_apply(world,
		OPEN PORTS PORT(ID_A, MAC_A, IPS_A,
			IN_GROUPS(
				"open") ", allowed_address_pairs: [{ip_address: 10.0.0.50}, "
					"{ip_address: 10.8.0.0/24}, "
					"{ip_address: '2001:db8:8::/64'}, "
					"{ip_address: 10.0.0.60, mac_address: '00:00:5e:00:01:05'}, "
					"{ip_address: '2001:db8::60', "
					"mac_address: '00:00:5e:00:02:05'}]"));
	check(world, rows);
}

static void a_pair_of_length_0_allows_any_address_of_its_family(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "A", "out", "tcp 10.0.0.50 > out:80", PASS(RULE) },
		{ "A", "out", "tcp 200.1.2.3 > out:80", PASS(RULE) },
		{ "A", "out", "tcp 200.1.2.3 > out:80 mac " OTHER, DROP(SPOOF) },
		{ "A", "out", "arp 200.1.2.3", PASS(ARP) },
		{ "A", "out", "arp 200.1.2.3 mac " OTHER, DROP(ARP_SPOOF) },
		{ "A", "out", "tcp [2001:db8::20] > out6:80", DROP(SPOOF) },
		{ "A", "out", "tcp A6 > out6:80", PASS(RULE) },
	};

	world_apply(world,
		OPEN PORTS PORT(ID_A, MAC_A, IPS_A,
			IN_GROUPS("open") ", allowed_address_pairs: [{ip_address: 0.0.0.0/0}]"));
	check(world, rows);
}

static void a_port_without_addresses_may_use_any_with_its_mac(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "A", "out", "tcp 10.0.0.77 > out:80", PASS(RULE) },
		{ "A", "out", "tcp 10.0.0.77 > out:80 mac " OTHER, DROP(SPOOF) },
		{ "A", "out", "tcp [2001:db8::77] > out6:80", PASS(RULE) },
		{ "A", "out", "tcp [2001:db8::77] > out6:80 mac " OTHER, DROP(SPOOF) },
		{ "A", "out", "tcp [fe80::77] > out6:80", PASS(RULE) },
		{ "A", "out", "arp 10.0.0.77", PASS(ARP) },
		{ "A", "out", "arp 10.0.0.77 mac " OTHER, DROP(ARP_SPOOF) },
		{ "A", "out", "arp 10.0.0.77 sha " OTHER, DROP(ARP_SPOOF) },
		{ "out", "A", "tcp out > 10.0.0.77:80", PASS(RULE) },
		{ "out", "A", "tcp out6 > [2001:db8::77]:80", PASS(RULE) },
	};

	world_apply(world, OPEN PORTS PORT(ID_A, MAC_A, "", IN_GROUPS("open")));
	check(world, rows);
}

static void a_port_of_one_family_sends_nothing_of_the_other(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "A", "out", "tcp A > out:80", PASS(RULE) },
		{ "A", "out", "tcp A6 > out6:80", DROP(NO_FAMILY) },
		{ "A", "out", "tcp Al > out6:80", DROP(NO_FAMILY) },
		{ "A", "out", "icmpv6 Al > ff02::2 type 133", DROP(NO_FAMILY) },
		{ "A", "out", "icmpv6 :: > ff02::1:ff00:a type 135", DROP(NO_FAMILY) },
		{ "A", "out", "icmpv6 :: > ff02::16 type 143", DROP(NO_FAMILY) },
		{ "A", "out", "udp [fe80::1]:546 > [ff02::1:2]:547", DROP(NO_FAMILY) },
		{ "A", "out", "arp A", PASS(ARP) },
		{ "B", "out", "tcp B6 > out6:80", PASS(RULE) },
		{ "B", "out", "tcp B > out:80", DROP(NO_FAMILY) },
		{ "B", "out", "udp 0.0.0.0:68 > 255.255.255.255:67", DROP(NO_FAMILY) },
		{ "B", "out", "arp B", DROP(ARP_SPOOF) },
		{ "B", "out", "arp 0.0.0.0", DROP(ARP_SPOOF) },
		{ "B", "out", "icmpv6 :: > ff02::1:ff00:b type 135", PASS(ND) },
	};

	world_apply(world, OPEN PORTS PORT(ID_A, MAC_A, "10.0.0.10", IN_GROUPS("open"))
				   PORT(ID_B, MAC_B, "'2001:db8::b'", IN_GROUPS("open")));
	check(world, rows);
}

/* Groups without rules: what passes is what every host needs. */
static void dhcp_and_discovery_work_without_rules(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "A", "out", "udp 0.0.0.0:68 > 255.255.255.255:67", PASS(DHCP_CLIENT) },
		{ "A", "out", "udp A:68 > out:67", PASS(DHCP_CLIENT) },
		{ "A", "out", "udp 10.0.0.20:68 > out:67", DROP(SPOOF) },
		{ "A", "out", "udp 0.0.0.0:68 > out:67", DROP(SPOOF) },
		{ "A", "out", "udp 0.0.0.0:68 > 255.255.255.255:67 mac B", DROP(SPOOF) },
		{ "A", "out", "udp 0.0.0.0:68 > 255.255.255.255:67 mac " OTHER, DROP(SPOOF) },
		{ "A", "out", "udp A:68 > out:68", DROP(NO_RULE) },
		{ "A", "out", "tcp A:68 > out:67", DROP(NO_RULE) },
		{ "A", "out", "udp Al:546 > [ff02::1:2]:547", PASS(DHCP_CLIENT) },
		{ "A", "out", "udp Bl:546 > [ff02::1:2]:547", DROP(SPOOF) },
		/* leases come in */
		{ "out", "A", "udp 10.0.0.3:67 > A:68", PASS(DHCP_SERVER_IN) },
		{ "out", "A", "udp 10.0.0.3:67 > 255.255.255.255:68", PASS(DHCP_SERVER_IN) },
		{ "out", "A", "udp out:67 > 10.0.0.20:68", DROP(NO_RULE) },
		{ "out", "A", "udp out:68 > A:68", DROP(NO_RULE) },
		{ "out", "A", "udp [fe80::99]:547 > Al:546", PASS(DHCP_SERVER_IN) },
		{ "out", "A", "udp [fe80::99]:547 > A6:546", PASS(DHCP_SERVER_IN) },
		{ "out", "A", "udp [fe80::99]:547 > [2001:db8::20]:546", DROP(NO_RULE) },
		/* routers and neighbours */
		{ "out", "A", "icmpv6 fe80::99 > ff02::1 type 134", PASS(RA_IN) },
		{ "out", "A", "icmpv6 fe80::99 > A6 type 135", PASS(ND) },
		{ "out", "A", "icmpv6 fe80::99 > A6 type 136", PASS(ND) },
		{ "out", "A", "icmpv6 fe80::99 > ff02::1 type 130", PASS(ND) },
		{ "out", "A", "icmpv6 out6 > A6 type 128", DROP(NO_RULE) },
		{ "out", "A", "icmpv6 fe80::99 > A6 type 137", DROP(INVALID) },
		{ "A", "out", "icmpv6 :: > ff02::1:ff00:a type 135", PASS(ND) },
		{ "A", "out", "icmpv6 :: > ff02::16 type 131", PASS(ND) },
		{ "A", "out", "icmpv6 :: > ff02::16 type 143", PASS(ND) },
		{ "A", "out", "icmpv6 :: > ff02::2 type 133", DROP(SPOOF) },
		{ "A", "out", "icmpv6 :: > 2001:db8::99 type 135", DROP(SPOOF) },
		{ "A", "out", "icmpv6 :: > ff02::1:ff00:b type 135 mac B", DROP(SPOOF) },
		{ "A", "out", "icmpv6 :: > ff02::16 type 143 mac " OTHER, DROP(SPOOF) },
		{ "A", "out", "icmpv6 Al > ff02::2 type 133", PASS(ND) },
		{ "A", "out", "icmpv6 A6 > out6 type 135", PASS(ND) },
		{ "A", "out", "icmpv6 A6 > out6 type 136", PASS(ND) },
		{ "A", "out", "arp A", PASS(ARP) },
		{ "A", "out", "arp 0.0.0.0", PASS(ARP) },
		{ "out", "A", "arp 10.0.0.99", PASS(ARP) },
		{ "out", "A", "arp A", PASS(ARP) },
		/* no IPv6 address of its own: no router speaks to it */
		{ "out", "B", "icmpv6 fe80::99 > ff02::1 type 134", DROP(NO_RULE) },
		{ "out", "B", "udp out:67 > B:68", PASS(DHCP_SERVER_IN) },
	};

	world_apply(world, GROUPS EMPTY_GROUP("none") PORTS PORT_A("none")
				   PORT(ID_B, MAC_B, "10.0.0.11", IN_GROUPS("none")));
	check(world, rows);
}

/* Groups that allow everything: what is dropped is what no guest may be. */
static void no_guest_is_a_dhcp_server_or_a_router(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "A", "out", "udp A:67 > 255.255.255.255:68", DROP(DHCP_SERVER) },
		{ "A", "out", "udp A:67 > out:68", DROP(DHCP_SERVER) },
		{ "A", "B", "udp A:67 > B:68", DROP(DHCP_SERVER) },
		{ "A", "out", "udp Al:547 > [fe80::99]:546", DROP(DHCP_SERVER) },
		{ "A", "out", "udp A6:547 > out6:546", DROP(DHCP_SERVER) },
		{ "A", "B", "udp A6:547 > B6:546", DROP(DHCP_SERVER) },
		{ "A", "out", "icmpv6 Al > ff02::1 type 134", DROP(RA) },
		{ "A", "B", "icmpv6 Al > Bl type 134", DROP(RA) },
		{ "A", "out", "icmpv6 A6 > ff02::1 type 134", DROP(RA) },
		/* near misses */
		{ "A", "out", "udp A:67 > out:67", PASS(RULE) },
		{ "A", "out", "tcp A:67 > out:68", PASS(RULE) },
		{ "A", "out", "udp A6:67 > out6:68", PASS(RULE) },
		{ "A", "out", "udp A:547 > out:546", PASS(RULE) },
		/* in answer to a flow neither */
		{ "out", "A", "udp out:68 > A:67", PASS(RULE) },
		{ "A", "out", "udp A:67 > out:68", DROP(DHCP_SERVER) },
	};

	world_apply(world, OPEN PORTS PORT_A("open") PORT_B("open"));
	check(world, rows);
}

static void only_plain_ip_and_arp_cross(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "A", "out", "vlan udp A > out", DROP(FRAME_TYPE) },
		{ "A", "out", "vlan tcp A6 > out6", DROP(FRAME_TYPE) },
		{ "A", "out", "qinq udp A > out", DROP(FRAME_TYPE) },
		{ "A", "out", "pppoe udp A > out", DROP(FRAME_TYPE) },
		{ "A", "out", "pppoe udp A6 > out6", DROP(FRAME_TYPE) },
		{ "A", "out", "vlan udp 10.9.9.9 > out mac " OTHER, DROP(FRAME_TYPE) },
		{ "A", "out", "type 88cc", DROP(FRAME_TYPE) },
		{ "A", "out", "type 88b5", DROP(FRAME_TYPE) },
		{ "A", "out", "type 8863", DROP(FRAME_TYPE) },
		{ "A", "out", "type 8847", DROP(FRAME_TYPE) },
		{ "A", "out", "type 888e", DROP(FRAME_TYPE) },
		{ "A", "out", "type 0042", DROP(FRAME_TYPE) },
		{ "A", "B", "vlan udp A > B", DROP(FRAME_TYPE) },
		{ "A", "B", "type 88cc", DROP(FRAME_TYPE) },
		{ "out", "A", "vlan udp out > A", DROP(FRAME_TYPE) },
		{ "out", "A", "qinq udp out > A", DROP(FRAME_TYPE) },
		{ "out", "A", "pppoe udp out > A", DROP(FRAME_TYPE) },
		{ "out", "A", "type 88cc", DROP(FRAME_TYPE) },
		{ "out", "A", "type 0042", DROP(FRAME_TYPE) },
		{ "C", "A", "vlan udp C > A", DROP(FRAME_TYPE) },
		/* ARP: the sender must be the port */
		{ "A", "out", "arp A", PASS(ARP) },
		{ "A", "out", "arp 10.0.0.1", DROP(ARP_SPOOF) },
		{ "A", "out", "arp B", DROP(ARP_SPOOF) },
		{ "A", "out", "arp A mac " OTHER, DROP(ARP_SPOOF) },
		{ "A", "out", "arp A sha " OTHER, DROP(ARP_SPOOF) },
		{ "A", "out", "arp A mac " OTHER " sha A", DROP(ARP_SPOOF) },
		{ "A", "B", "arp 10.0.0.1", DROP(ARP_SPOOF) },
		{ "A", "B", "arp A", PASS(ARP) },
		{ "A", "out", "rarp 0.0.0.0", PASS(ARP) },
		{ "A", "out", "rarp 0.0.0.0 mac " OTHER, DROP(ARP_SPOOF) },
		{ "out", "A", "rarp 0.0.0.0", PASS(ARP) },
		/* between unfiltered ports everything */
		{ "C", "out", "vlan udp C > out", PASS(PORT_SECURITY_OFF) },
		{ "C", "out", "type 88cc", PASS(PORT_SECURITY_OFF) },
		{ "out", "C", "pppoe udp out > C", PASS(PORT_SECURITY_OFF) },
	};

	world_apply(world, OPEN PORTS PORT_A("open") PORT_B("open"));
	check(world, rows);
}

static void fragments_are_judged_whole(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "out", "A", "udp out > A:53 pieces 24 size 64", PASS(RULE) },
		{ "out", "A", "udp out > A:54 pieces 24 size 64", DROP(NO_RULE) },
		{ "out", "A", "udp out > A:53 pieces 1400 size 4000", PASS(RULE) },
		{ "out", "A", "udp out > A:54 pieces 1400 size 4000", DROP(NO_RULE) },
		{ "out", "A", "udp out6 > A6:53 pieces 24 size 64", PASS(RULE) },
		{ "out", "A", "udp out6 > A6:54 pieces 1400 size 4000", DROP(NO_RULE) },
		{ "out", "A", "udp out6 > A6:53 pieces 1400 size 4000", PASS(RULE) },
		{ "A", "out", "udp A > out:53 pieces 1400 size 4000", PASS(RULE) },
		{ "A", "out", "udp 10.0.0.20 > out:53 pieces 1400 size 4000", DROP(SPOOF) },
		{ "A", "out", "udp A > out:54 pieces 1400 size 4000", DROP(NO_RULE) },
		/* as small as they come: the ports in the second one */
		{ "out", "A", "tcp out > A:22 pieces 8 size 60", PASS(RULE) },
		{ "out", "A", "tcp out > A:23 pieces 8 size 60", DROP(NO_RULE) },
		{ "out", "A", "icmp out > A pieces 16 size 64", PASS(RULE) },
	};

	world_apply(world, GROUPS GROUP("dns", IN4(L4("udp", "53")) IN6(L4("udp", "53")) OUT4(
						       L4("udp", "53")) IN4(L4("tcp", "22"))
						       IN4(ICMP("icmp", "8"))) PORTS PORT_A("dns"));
	check(world, rows);
}

/* Nobody asks for states, but the zone (or its absence) is a target of conntrack: it is enough for the kernel to put
 * fragments together before the rules. Without that a piece of data could pass for a header. */
static void fragments_of_a_stateless_port_are_judged_whole(struct world *world)
{
	static const struct shot_row rows[] = {
		{ "out", "A", "udp out > A:53 pieces 24 size 64", PASS(RULE) },
		{ "out", "A", "udp out > A:54 pieces 24 size 64", DROP(NO_RULE) },
		{ "out", "A", "udp out > A:54 pieces 1400 size 4000", DROP(NO_RULE) },
		{ "out", "A", "udp out6 > A6:53 pieces 1400 size 4000", PASS(RULE) },
		{ "out", "A", "udp out6 > A6:54 pieces 24 size 64", DROP(NO_RULE) },
		{ "A", "out", "udp A > out:53 pieces 1400 size 4000", PASS(RULE) },
		{ "A", "out", "udp 10.0.0.20 > out:53 pieces 1400 size 4000", DROP(SPOOF) },
		{ "A", "out", "udp A > out:54 pieces 8 size 64", DROP(NO_RULE) },
		{ "A", "out", "udp A:68 > out:67 pieces 8 size 64", PASS(DHCP_CLIENT) },
		{ "A", "out", "udp A:67 > out:68 pieces 8 size 64", DROP(DHCP_SERVER) },
	};

	world_apply(world, GROUPS STATELESS_GROUP("dns",
				   IN4(L4("udp", "53")) IN6(L4("udp", "53")) OUT4(L4("udp", "53")))
				   PORTS PORT_A("dns"));
	check(world, rows);
}

/* The bridge says that a MAC lives behind tap, or nowhere when tap is NULL. */
static bool lives_at(const char *bridge, const char *mac, const char *tap)
{
	struct text out CLEANUP(text_done) = TEXT_INIT, line CLEANUP(text_done) = TEXT_INIT;
	static const char *const argv[] = { "bridge", "fdb", "show", "br", NULL, NULL };
	const char *args[N_OF(argv)], *found;

	memcpy(args, argv, sizeof(args));
	args[4] = bridge;
	assert_true(net_try("", &out, args));
	if (!tap)
		return !strstr(out.data, mac);
	text_addf(&line, "%s dev %s ", mac, tap);
	found = strstr(out.data, line.data);
	return found && !strstr(found + 1, mac) && strstr(out.data, mac) == found;
}

/* What a guest could say in another's name, if learning had no rule before it. */
static const char *const claims[] = {
	"tcp A > out:80",
	"tcp B > out:80",
	"udp 10.0.0.20 > 255.255.255.255:9",
	"tcp B > B:80",
	"icmp A > out",
	"udp 0.0.0.0:68 > 255.255.255.255:67",
	"udp A > out:53 pieces 24 size 64",
	"tcp A6 > out6:80",
	"tcp B6 > out6:80",
	"icmpv6 :: > ff02::1:ff00:b type 135",
	"icmpv6 :: > ff02::16 type 143",
	"icmpv6 Bl > ff02::1 type 136",
	"udp Bl:546 > [ff02::1:2]:547",
	"arp A",
	"arp B",
	"arp 0.0.0.0",
	"arp A sha A",
	"rarp 0.0.0.0",
	"vlan udp A > out",
	"vlan udp B > out",
	"vlan tcp B6 > out6",
	"qinq udp B > out",
	"pppoe udp B > out",
	"pppoe udp B6 > out6",
	"type 88cc",
	"type 88b5",
	"type 8863",
	"type 0042",
};

static void claim(struct world *world, const char *what, const char *mac, const char *tap)
{
	char text[160];

	snprintf(text, sizeof(text), "%s mac %s", what, mac);
	assert_false(world_arrives(world, "A", "out", text));
	if (!lives_at(world_end(world, "A")->bridge, mac, tap))
		fail_msg("\"%s\" moved the MAC", text);
}

/* One bridge, on which everything is learned: what is dropped must not be learned either. */
static void no_guest_takes_the_mac_of_another(struct world *world)
{
	const struct net_end *a = world_end(world, "A"), *b = world_end(world, "B");

	world_apply(world, OPEN PORTS PORT_A("open") PORT_B("open") PORT_C("open"));
	for (size_t i = 0; i < world->net->n_ends; i++)
		net_ip(world->net->ns, "link set %s type bridge_slave learning on\n",
			world->net->ends[i]->tap);
	/* the static entry that the tests make, then a learned one */
	for (int is_learned = 0; is_learned <= 1; is_learned++) {
		if (is_learned) {
			net_sh("bridge fdb del " MAC_B " dev %s master", b->tap);
			assert_true(lives_at("br0", MAC_B, NULL));
			assert_true(world_shoot(world, "B", "out", "arp B"));
		}
		assert_true(lives_at("br0", MAC_B, b->tap));
		for (size_t i = 0; i < N_OF(claims); i++) {
			claim(world, claims[i], MAC_B, b->tap);
			claim(world, claims[i], OTHER, NULL);
		}
		assert_true(world_shoot(world, "out", "B", "tcp out > B:80"));
		assert_true(world_shoot(world, "C", "B", "tcp C6 > B6:80"));
		assert_true(world_shoot(world, "A", "B", "tcp A > B:80"));
	}
	/* its own is learned anew, by any frame that passes */
	net_sh("bridge fdb del " MAC_A " dev %s master", a->tap);
	assert_true(world_shoot(world, "A", "out", "tcp A6 > out6:80"));
	assert_true(lives_at("br0", MAC_A, a->tap));
}

/* What is for the bridge itself is kept from teaching it by a switch of the bridge (D5), which
 * --fix-sysctl turns on. */
static void no_guest_takes_a_mac_by_frames_to_the_bridge_itself(struct world *world)
{
	world_apply(world, OPEN PORTS PORT_A("open") PORT_B("open"));
	assert_int_equal(world->report.n_warnings, 1);
	assert_non_null(strstr(world->report.warnings[0], "no_linklocal_learn"));
	world->options.fix_sysctl = true;
	world_apply(world, OPEN PORTS PORT_A("open") PORT_B("open"));
	assert_int_equal(world->report.n_warnings, 0);
	assert_int_equal(world->report.n_switched, 1);
	net_ip(world->net->ns, "link set %s type bridge_slave learning on\n",
		world_end(world, "A")->tap);
	for (unsigned to = 0; to < 16; to++) {
		static const char *const types[] = { "type 88cc", "tcp B > B:80", "arp B" };

		for (size_t i = 0; i < N_OF(types); i++) {
			char text[100];

			snprintf(text, sizeof(text), "%s dmac 01:80:c2:00:00:%02x", types[i], to);
			claim(world, text, MAC_B, world_end(world, "B")->tap);
			claim(world, text, OTHER, NULL);
		}
	}
}

/* A bridge for each guest: nobody else lives behind its tap. */
static void a_hybrid_bridge_learns_its_own_guest_only(struct world *world)
{
	const struct net_end *a = world_end(world, "A");

	world_apply(world, OPEN PORTS PORT_A("open") PORT_B("open"));
	net_ip(world->net->ns, "link set %s type bridge_slave learning on\n", a->tap);
	for (size_t i = 0; i < N_OF(claims); i++) {
		claim(world, claims[i], MAC_B, a->peer);
		claim(world, claims[i], OTHER, NULL);
	}
	net_sh("bridge fdb del " MAC_A " dev %s master", a->tap);
	assert_true(lives_at(a->bridge, MAC_A, NULL));
	assert_true(world_shoot(world, "A", "out", "tcp A > out:80"));
	assert_true(lives_at(a->bridge, MAC_A, a->tap));
}

int main(void)
{
	static const struct world_case cases[] = {
		WORLD_CASE(only_own_addresses_leave, ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(allowed_pairs_are_own_addresses, ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(a_pair_of_length_0_allows_any_address_of_its_family,
			ON_SHARED | ON_HYBRID | BY_NFT),
		WORLD_CASE(a_port_without_addresses_may_use_any_with_its_mac,
			ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(a_port_of_one_family_sends_nothing_of_the_other,
			ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(dhcp_and_discovery_work_without_rules, ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(no_guest_is_a_dhcp_server_or_a_router, ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(only_plain_ip_and_arp_cross, ON_SHARED | ON_HYBRID | BY_NFT),
		WORLD_CASE(no_guest_takes_the_mac_of_another, ON_SHARED | BY_BOTH),
		WORLD_CASE(no_guest_takes_a_mac_by_frames_to_the_bridge_itself, ON_SHARED | BY_NFT),
		WORLD_CASE(a_hybrid_bridge_learns_its_own_guest_only, ON_HYBRID | BY_BOTH),
		WORLD_CASE(fragments_are_judged_whole, ON_SHARED | ON_HYBRID | BY_BOTH),
		WORLD_CASE(fragments_of_a_stateless_port_are_judged_whole,
			ON_SHARED | ON_HYBRID | BY_BOTH),
	};

	return world_main(cases, N_OF(cases));
}
