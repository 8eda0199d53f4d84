/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATCH_FILTER_H
#define WATCH_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "packet/packet.h"

/*
 * Which packets "portwall watch" looks at: an expression of libpcap (pcap-filter(7)), applied by the kernel itself. It is
 * wanted in two places, in the form that each understands: as classic BPF for a packet socket, and as chains of nftables
 * for where packets are to be traced. Both say the same as libpcap's own program of every frame; where one cannot, it is an
 * error, never an approximation.
 *
 * What differs from tcpdump:
 *
 *   ipip      is a word: IPv4 in IPv4, as "ip proto 4" (Neutron's name of the protocol).
 *   vlan      is refused. The kernel takes a tag off a frame before a socket sees it, so whether a frame had one is not to be
 *             asked of its bytes. The expression is about the frame without its tag.
 *   inbound, outbound, ifindex and what else is no byte of the frame are refused.
 *   protochain is refused: it is a loop, which the kernel does not run.
 *
 * Names of hosts ("host web1") are looked up by libpcap, with the resolver of the C library.
 */
struct filter;

/* As struct sock_filter of linux/filter.h. */
struct filter_op {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

/* "" or only spaces: everything. An expression that is wrong is ERR_INPUT, in libpcap's words. */
bool filter_parse(
	struct arena *arena, const char *expression, struct filter **ret, struct err *err);
bool filter_is_everything(const struct filter *filter);

/*
 * For a packet socket on a device with Ethernet headers (SO_ATTACH_FILTER). Beside the frames that match, it takes those that
 * carry a packet that matches: in IPv4 or IPv6 (4, 41), in GRE (with or without checksum, key and sequence number; IPv4, IPv6 or Ethernet
 * in it), in VXLAN (UDP port 4789); over IPv4 with or without options, not in later fragments, or over IPv6 without extension headers.
 * One level: what is in a tunnel in a tunnel is not looked at. One VLAN tag that is still in a frame, or in an
 * Ethernet frame in a tunnel, is looked through. Of a packet without an Ethernet header "len" is the length of the IP packet, and an
 * expression about Ethernet addresses does not match it.
 *
 * snap_size: how many bytes of a frame the socket gets, at least 1. At most 4096 ops (BPF_MAXINSNS).
 */
const struct filter_op *filter_ops(
	struct arena *arena, const struct filter *filter, uint32_t snap_size, size_t *ret_n);

/*
 * Chains PREFIX_0, PREFIX_1, ... as they stand in the braces of a table, for the frame itself, without tunnels and without tags
 * that are still in it. A base chain says "jump PREFIX_0"; a packet that matches goes to accept_chain, every other comes
 * back. family:
 *
 *   FAMILY_NETDEV             hooks ingress and egress of devices with Ethernet headers. At the egress hook the kernel knows
 *                             where the network header is, but of frames of packet sockets with a tag in them.
 *   FAMILY_INET, _IPV4, _IPV6 every hook. The packet has no Ethernet header there: what is about its addresses is an error, and
 *                             "len" counts 14 bytes for it.
 *
 * False where the expression cannot be said in nftables: arithmetic with more than one field, one that is spread over 12..13
 * and its neighbours, bytes behind the first 255 of a header, lengths of 802.3 frames, or too many chains, or ways through them, for
 * the kernel (a long expression that looks behind IP headers of every length, again and again). Nothing is written
 * then, and the caller goes on without. Of packets that are put together or cut later (GRO, GSO) "len" is what they are now.
 */
bool filter_print_nft(const struct filter *filter, enum family family, const char *prefix,
	const char *accept_chain, struct text *out, struct err *err);

/* libpcap's own program, on a whole frame from its Ethernet header on. */
bool filter_matches(const struct filter *filter, const uint8_t *frame, size_t size);
/* The same for what filter_ops says: with the packets in tunnels. */
bool filter_takes(const struct filter *filter, const uint8_t *frame, size_t size);

#endif
