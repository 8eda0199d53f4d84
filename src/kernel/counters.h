/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_COUNTERS_H
#define KERNEL_COUNTERS_H

/*
 * Private to kernel. ip6tables-nft-restore of iptables 1.8.9 (Debian 12; mended in 1.8.10) takes
 * "[packets:bytes] -A ..." and forgets the numbers. This sets them, in the rules that a batch of
 * iptables-restore --noflush has just put into the IPv6 tables. What was right stays. Counters
 * are for people: nothing is said when it does not work.
 */
void counters_mend(const char *text);

#endif
