/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CAPTURE_INJECT_H
#define CAPTURE_INJECT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Sends one frame as if it had been received on a device: as if the VM behind a tap had sent it, or it had come by the wire. It
 * goes through everything that such a frame goes through (tc, netfilter, bridge, IP) but an XDP program of the device, and
 * its checksums are looked at. One call, one frame.
 *
 * A program of type XDP that says XDP_PASS is run on the frame (BPF_PROG_TEST_RUN with BPF_F_TEST_XDP_LIVE_FRAMES), and the
 * kernel does with it what it does behind XDP. Needs Linux 5.18, CAP_BPF and CAP_NET_ADMIN, and CAP_SYS_ADMIN for
 * another namespace.
 */
struct inject;

/* netns: the file of a network namespace ("/run/netns/blue", "/proc/812/ns/net"); NULL: where the process is at each call. The
 * process comes back from it in every call. */
bool inject_open(const char *netns, struct inject **ret, struct err *err);
void inject_close(struct inject **inject); /* for CLEANUP; NULL in it is fine */

/*
 * The frame begins with the Ethernet header, and may have a VLAN tag. ERR_INPUT: it is shorter than that header, longer than the
 * device takes (its MTU) or than the kernel takes in this way (about 3,400 bytes), or there is no such device, or it is none of
 * Ethernet's. ERR_SYSTEM: the device is down or without carrier, where whatever comes is lost; or the kernel refuses. That it
 * was taken in says nothing of what became of it.
 */
bool inject_frame(struct inject *inject, const char *device, const uint8_t *frame, size_t size,
	struct err *err);

/*
 * Where the kernel cannot do that: the same for a veth, by sending at its other end, as what lives there would. peer is
 * that end, in the namespace peer_netns (NULL: in this one); its tc and netfilter egress see the frame first. Needs CAP_NET_RAW.
 */
bool inject_at_peer(const char *peer_netns, const char *peer, const uint8_t *frame, size_t size,
	struct err *err);

#endif
