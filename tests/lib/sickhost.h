/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_SICKHOST_H
#define TESTS_SICKHOST_H

#include "doctor/doctor.h"
#include "hostbuild.h"

/*
 * A healthy compute node for the doctor's tests, to which a test adds one fault:
 *
 *	tap11111111-11 - qbr11111111-11 - qvb11111111-11 | qvo11111111-11 -.
 *	tap22222222-22 - qbr22222222-22 - qvb22222222-22 | qvo22222222-22 -+- br-int (ns1)
 *	eth0 198.18.0.1/24, default via 198.18.0.254
 *	docker0 172.17.0.1/16 - vethc1 | eth0c1 172.17.0.2 (ns2)
 *
 * Machines 172.17.0.11 and .12 (fa:16:3e:00:00:11, :12) of a tenant whose network is docker0's too; security groups as
 * Neutron's driver writes them let out everything, and in what ingress says. bridge-nf-call is on.
 */
#define SICK_TAP1 "tap11111111-11"
#define SICK_TAP2 "tap22222222-22"

/* ingress: rules of the "...i" chains, without "-A CHAIN", a line each; NULL: all of ICMP and TCP. */
struct host_build *sick_host(struct arena *arena, const char *ingress);
/* The same for the ruleset: what sick_host gave, without the ports' rules (for faults in those). */
struct host_build *sick_host_without_groups(struct arena *arena);
/* Neutron's filter table for both ports, as iptables-save prints it; in, out, spoof: rules of the chains of the first
 * port, NULL: as usual. */
const char *sick_groups(struct arena *arena, const char *in, const char *out, const char *spoof);

/* Only that check: "broken nat-source.POSTROUTING-1: guard return mark; ...", "-" for none; what cannot be told behind:
 * " ? why". */
void assert_diagnosis(struct host_build *b, const char *check, const char *expected);
/* The same with all checks. */
void assert_all_diagnoses(struct host_build *b, const char *expected);
/* The finding of that id, which is there. */
const struct finding *finding_of(struct host_build *b, const char *check, const char *id);

#endif
