// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include <string.h>

#include "base/text.h"
#include "sickhost.h"

static const char usual_in[] = "-p icmp -j RETURN\n-p tcp -m tcp -j RETURN\n";
static const char usual_out[] = "-j RETURN\n";

/* "-A CHAIN LINE" for each line. */
static void add_rules(struct text *out, const char *chain, const char *id, const char *lines)
{
	while (*lines) {
		size_t len = strcspn(lines, "\n");

		text_addf(out, "-A neutron-openvswi-%s%s %.*s\n", chain, id, (int)len, lines);
		lines += len + (lines[len] == '\n');
	}
}

static void add_port(struct text *out, const char *id, const char *tap, const char *in,
	const char *egress, const char *spoof)
{
	text_addf(out,
		"-A neutron-openvswi-FORWARD -m physdev --physdev-out %s --physdev-is-bridged -j neutron-openvswi-sg-chain\n"
		"-A neutron-openvswi-FORWARD -m physdev --physdev-in %s --physdev-is-bridged -j neutron-openvswi-sg-chain\n"
		"-A neutron-openvswi-sg-chain -m physdev --physdev-out %s --physdev-is-bridged -j neutron-openvswi-i%s\n"
		"-A neutron-openvswi-sg-chain -m physdev --physdev-in %s --physdev-is-bridged -j neutron-openvswi-o%s\n",
		tap, tap, tap, id, tap, id);
	add_rules(out, "i", id, "-m state --state RELATED,ESTABLISHED -j RETURN\n");
	add_rules(out, "i", id, in);
	add_rules(out, "i", id,
		"-m state --state INVALID -j DROP\n-j neutron-openvswi-sg-fallback\n");
	text_addf(out, "-A neutron-openvswi-o%s -j neutron-openvswi-s%s\n", id, id);
	add_rules(out, "o", id, "-m state --state RELATED,ESTABLISHED -j RETURN\n");
	add_rules(out, "o", id, egress);
	add_rules(out, "o", id,
		"-m state --state INVALID -j DROP\n-j neutron-openvswi-sg-fallback\n");
	add_rules(out, "s", id, spoof);
}

const char *sick_groups(struct arena *arena, const char *in, const char *out, const char *spoof)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;

	text_add(&text,
		"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
		":neutron-openvswi-FORWARD - [0:0]\n:neutron-openvswi-sg-chain - [0:0]\n"
		":neutron-openvswi-sg-fallback - [0:0]\n"
		":neutron-openvswi-i11111111-1 - [0:0]\n:neutron-openvswi-o11111111-1 - [0:0]\n"
		":neutron-openvswi-s11111111-1 - [0:0]\n"
		":neutron-openvswi-i22222222-2 - [0:0]\n:neutron-openvswi-o22222222-2 - [0:0]\n"
		":neutron-openvswi-s22222222-2 - [0:0]\n"
		"-A FORWARD -j neutron-openvswi-FORWARD\n");
	add_port(&text, "11111111-1", SICK_TAP1, in ? in : usual_in, out ? out : usual_out,
		spoof ? spoof
		      : "-s 172.17.0.11/32 -m mac --mac-source FA:16:3E:00:00:11 -j RETURN\n-j DROP\n");
	add_port(&text, "22222222-2", SICK_TAP2, usual_in, usual_out,
		"-s 172.17.0.12/32 -m mac --mac-source FA:16:3E:00:00:12 -j RETURN\n-j DROP\n");
	text_add(&text, "-A neutron-openvswi-sg-chain -j ACCEPT\n"
			"-A neutron-openvswi-sg-fallback -j DROP\nCOMMIT\n");
	return arena_strdup(arena, text.data);
}

static void add_machine(struct host_build *b, const char *number, const char *mac)
{
	const char *tap = arena_printf(b->arena, "tap%s", number);
	const char *qbr = arena_printf(b->arena, "qbr%s", number);
	const char *qvb = arena_printf(b->arena, "qvb%s", number);
	const char *qvo = arena_printf(b->arena, "qvo%s", number);

	build_link(b, 0, "bridge", qbr);
	build_link(b, 0, "tun", tap);
	build_veth(b, 0, qvb, 1, qvo);
	build_port(b, qbr, tap);
	build_port(b, qbr, qvb);
	build_port(b, "br-int", qvo);
	build_fdb(b, tap, mac);
	build_fdb(b, qvo, mac);
}

struct host_build *sick_host_without_groups(struct arena *arena)
{
	struct host_build *b = host_build_new(arena);

	build_link(b, 0, "", "eth0");
	build_address(b, "eth0", "198.18.0.1/24");
	build_route(b, "0.0.0.0/0", "eth0", "198.18.0.254");
	build_neighbour(b, "eth0", "198.18.0.254", "02:00:00:00:fe:fe");
	build_neighbour(b, "eth0", "198.18.0.2", "02:00:00:00:fe:02");
	build_link(b, 0, "bridge", "docker0");
	build_address(b, "docker0", "172.17.0.1/16");
	build_veth(b, 0, "vethc1", 2, "eth0c1");
	build_port(b, "docker0", "vethc1");
	build_address(b, "eth0c1", "172.17.0.2/16");
	build_neighbour(b, "docker0", "172.17.0.2", "02:42:ac:11:00:02");
	built_link(b, "eth0c1", NULL)->mac = (struct mac){ { 2, 0x42, 0xac, 0x11, 0, 2 } };
	build_link(b, 1, "bridge", "br-int");
	add_machine(b, "11111111-11", "fa:16:3e:00:00:11");
	add_machine(b, "22222222-22", "fa:16:3e:00:00:12");
	build_sysctl(b, 0, "net.bridge.bridge-nf-call-iptables", "1");
	build_sysctl(b, 0, "net.bridge.bridge-nf-call-ip6tables", "1");
	b->netns[0].nf_call[FAMILY_IPV4] = b->netns[0].nf_call[FAMILY_IPV6] = true;
	build_sysctl(b, 0, "net.ipv4.ip_forward", "1");
	build_sysctl(b, 0, "net.ipv4.conf.all.arp_ignore", "1");
	return b;
}

struct host_build *sick_host(struct arena *arena, const char *ingress)
{
	struct host_build *b = sick_host_without_groups(arena);

	build_iptables(b, 0, sick_groups(arena, ingress, NULL, NULL));
	return b;
}

static void diagnose(struct host_build *b, const char *check, struct diagnosis *ret)
{
	struct doctor_options options = { .only = &check, .n_only = check ? 1 : 0 };
	struct err err = { 0 };

	if (!doctor_run(b->arena, host_built(b), &options, ret, &err))
		fail_msg("%s", err.text);
}

static void print_diagnosis(struct text *out, const struct diagnosis *diagnosis)
{
	vec_for_each (finding, &diagnosis->findings) {
		text_addf(out, "%s%s %s:", out->len ? "; " : "",
			severity_name((*finding)->severity), (*finding)->id);
		vec_for_each (fix, &(*finding)->fixes)
			text_addf(out, " %s", fix->name);
	}
	if (!out->len)
		text_add(out, "-");
	vec_for_each (untold, &diagnosis->untold)
		text_addf(out, " ? %s", untold->why);
}

void assert_diagnosis(struct host_build *b, const char *check, const char *expected)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct diagnosis diagnosis;

	diagnose(b, check, &diagnosis);
	print_diagnosis(&text, &diagnosis);
	assert_string_equal(text.data, expected);
}

void assert_all_diagnoses(struct host_build *b, const char *expected)
{
	assert_diagnosis(b, NULL, expected);
}

const struct finding *finding_of(struct host_build *b, const char *check, const char *id)
{
	struct diagnosis diagnosis;

	diagnose(b, check, &diagnosis);
	vec_for_each (finding, &diagnosis.findings)
		if (strcmp((*finding)->id, id) == 0)
			return *finding;
	fail_msg("no finding %s", id);
	return NULL;
}
