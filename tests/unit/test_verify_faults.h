/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The faults that test_verify.c plants; part of it. */
static const struct fault faults[] = {
	{ "a rule is removed", HYBRID, NULL, { { V4, P "i" A " -p tcp -m tcp -m multiport", NULL } },
		VERIFY_LOST, VERIFY_IPV4, DIR_INGRESS, CAUSE_MISSING, "tapA", "80:90", "portwall", "dport 80-90" },
};
