/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_OVS_H
#define KERNEL_OVS_H

#include "host/host.h"

/*
 * Private to kernel: Open vSwitch. Its database through db.sock of its folder (NULL: OVS_RUNDIR of
 * the environment, or /var/run/openvswitch), flows and learned addresses through its own programs.
 * Fills host->ovs_...; what cannot be read becomes host->unread. Where there is no db.sock, no
 * interface of its kind and no ovs-vswitchd running, there is no Open vSwitch.
 */
void ovs_read(struct arena *arena, const char *folder, struct host *host);

#endif
