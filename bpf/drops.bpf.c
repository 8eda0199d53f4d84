// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs in the kernel, for each packet that it gives up (skb:kfree_skb): all of the host, so what is not watched has to be passed over
 * with few steps. What is watched is counted, every one, and a sample goes to user space (src/capture/drops.c), not more than it
 * asked for.
 *
 * The structs are the kernel's with the members that are read here; libbpf puts the offsets of the running kernel in (CO-RE).
 *
 * Members of the packet's own struct are read as they are: it is there. What it points to is only read by the helper that fails where there is no
 * such memory (BPF_CORE_READ), although the verifier would let this program follow the pointers: of some of them it believes that they are
 * sound (rx_sk before 6.13 can be NULL, sk before 6.9 can be a number of the reassembly of fragments), takes out the questions that this program asks about
 * them, and the kernel would fault.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "capture/drops_bpf.h"

#define KERNELS __attribute__((preserve_access_index))

struct ns_common {
	unsigned inum;
} KERNELS;

struct net {
	struct ns_common ns;
} KERNELS;

typedef struct {
	struct net *net;
} KERNELS possible_net_t;

struct net_device {
	int ifindex;
	unsigned short type;
	possible_net_t nd_net;
} KERNELS;

struct sock_common {
	unsigned short skc_family;
	possible_net_t skc_net;
} KERNELS;

struct sock {
	struct sock_common __sk_common;
} KERNELS;

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned len, data_len;
	int skb_iif;
	__u32 vlan_all;
	__u16 vlan_tci;
	__be16 protocol;
	__u16 network_header, mac_header;
	unsigned char *head, *data;
} KERNELS;

/* before 6.2 */
struct sk_buff___with_present {
	__u8 vlan_present : 1;
} KERNELS;

#define NONE_16		 0xffff /* a header's place that is not set */
#define FAMILY_INET	 2
#define FAMILY_INET6	 10
#define TYPE_ETHERNET	 1 /* ARPHRD_... */
#define TYPE_LOOPBACK	 772
#define ETHERNET_SIZE	 14
#define TRIES		 4 /* of two processors at one bucket */
#define EXTENSIONS	 4 /* headers of IPv6 before the one that is looked for */
#define ETHERTYPE_IP	 0x0800
#define ETHERTYPE_ARP	 0x0806
#define ETHERTYPE_VLAN	 0x8100
#define ETHERTYPE_QINQ	 0x88a8
#define ETHERTYPE_IPV6	 0x86dd
#define FRAGMENT_OFFSET	 0x1fff
#define FRAGMENT_OFFSET6 0xfff8

char terms[] SEC("license") = "GPL";

const volatile struct drops_settings settings;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DROPS_WATCHED);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct drops_device);
	__type(value, __u8);
} watched SEC(".maps");

/* Its size is set before it is loaded. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct drops_key);
	__type(value, struct drops_count);
} totals SEC(".maps");

/* What found no room there, without addresses and ports: a flood of made up addresses does not hide the rest. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DROPS_REST);
	__type(key, struct drops_key);
	__type(value, struct drops_count);
} rest SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct drops_state);
} state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, DROPS_RING_SIZE);
} ring SEC(".maps");

/* One packet; places are counted from skb->head. */
struct drop {
	struct sk_buff *skb;
	const unsigned char *head;
	__u64 now;
	__u64 location;
	__u32 reason;
	struct drops_device device;
	__u32 start;	     /* where what is told of it begins */
	__u32 end;	     /* of what is in one piece of memory */
	__u32 size;	     /* from start, with what is elsewhere */
	__u32 network;	     /* the network header */
	unsigned short type; /* of the device, ARPHRD_...; 0: not known */
	bool has_ethernet;
};

/*
 * Where it was lost. skb->dev is not always a device: before routing out there is none yet, TCP takes it away, and where a packet waits for a
 * process its place has other uses (udp_set_dev_scratch, rbnode), so that what it leads to is no namespace. Then the socket tells it, and
 * skb_iif by which device it had come. Other sockets than of IP have packets that are none: netlink's messages, for one.
 */
static __always_inline bool find_device(struct drop *drop, struct sock *rx_sk)
{
	struct sk_buff *skb = drop->skb;
	struct net_device *dev = BPF_CORE_READ(skb, dev);
	struct drops_device all = { 0 };
	unsigned short family;
	struct sock *sk;

	if (dev) {
		drop->device.netns = BPF_CORE_READ(dev, nd_net.net, ns.inum);
		drop->device.ifindex = (__u32)BPF_CORE_READ(dev, ifindex);
		drop->type = BPF_CORE_READ(dev, type);
	}
	if (!drop->device.netns) {
		sk = rx_sk ? rx_sk : BPF_CORE_READ(skb, sk);
		if (!sk || !skb->protocol)
			return false;
		family = BPF_CORE_READ(sk, __sk_common.skc_family);
		if (family != FAMILY_INET && family != FAMILY_INET6)
			return false;
		drop->device.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
		drop->device.ifindex = (__u32)skb->skb_iif;
		drop->type = 0;
	}
	all.netns = drop->device.netns;
	return bpf_map_lookup_elem(&watched, &all) || bpf_map_lookup_elem(&watched, &drop->device);
}

/*
 * The Ethernet header is where mac_header says, as long as the network header is behind it: of what this host sends it is not yet
 * set, and in a tunnel it is that of the packet in it. A device without such a header may have set it, too; where the device is not known
 * any more it is taken for an Ethernet.
 */
static __always_inline void find_headers(struct drop *drop)
{
	struct sk_buff *skb = drop->skb;
	__u32 mac = skb->mac_header, network = skb->network_header;
	__u32 data;

	drop->head = skb->head;
	data = (__u32)(skb->data - drop->head);
	drop->network = network;
	drop->has_ethernet =
		mac != NONE_16 && network >= mac + ETHERNET_SIZE &&
		(!drop->type || drop->type == TYPE_ETHERNET || drop->type == TYPE_LOOPBACK);
	drop->start = drop->has_ethernet ? mac : network;
	drop->end = data + skb->len - skb->data_len;
	drop->size = data + skb->len - drop->start;
	if (drop->end < drop->start)
		drop->end = drop->start;
	if ((__s32)drop->size < 0)
		drop->size = 0;
}

static __always_inline __u16 vlan_id(struct sk_buff *skb)
{
	struct sk_buff___with_present *old = (void *)skb;

	if (bpf_core_field_exists(skb->vlan_all) ? !skb->vlan_all
						 : !BPF_CORE_READ_BITFIELD(old, vlan_present))
		return 0;
	return skb->vlan_tci & 0xfff;
}

static __always_inline bool copy(const struct drop *drop, __u32 at, void *ret, __u32 size)
{
	return at + size <= drop->end && !bpf_probe_read_kernel(ret, size, drop->head + at);
}

static __always_inline void read_transport(const struct drop *drop, struct drops_key *key, __u32 at)
{
	__u8 icmp;
	__be16 ports[2];

	switch (key->proto) {
	case 1:	 /* ICMP */
	case 58: /* ICMPv6 */
		if (copy(drop, at, &icmp, sizeof(icmp)))
			key->dport = icmp;
		return;
	case 6:	  /* TCP */
	case 17:  /* UDP */
	case 33:  /* DCCP */
	case 132: /* SCTP */
	case 136: /* UDP-Lite */
		if (copy(drop, at, ports, sizeof(ports)))
			key->dport = bpf_ntohs(ports[1]);
	}
}

static __always_inline void read_ipv4(const struct drop *drop, struct drops_key *key, __u32 at)
{
	__u8 ip[20];

	if (!copy(drop, at, ip, sizeof(ip)) || ip[0] >> 4 != 4)
		return;
	key->proto = ip[9];
	__builtin_memcpy(key->saddr, ip + 12, 4);
	__builtin_memcpy(key->daddr, ip + 16, 4);
	if (!((ip[6] << 8 | ip[7]) & FRAGMENT_OFFSET))
		read_transport(drop, key, at + (ip[0] & 15) * 4);
}

static __always_inline void read_ipv6(const struct drop *drop, struct drops_key *key, __u32 at)
{
	__u8 ip[40], next[4];

	if (!copy(drop, at, ip, sizeof(ip)) || ip[0] >> 4 != 6)
		return;
	key->proto = ip[6];
	__builtin_memcpy(key->saddr, ip + 8, 16);
	__builtin_memcpy(key->daddr, ip + 24, 16);
	at += sizeof(ip);
	for (int i = 0; i < EXTENSIONS; i++) {
		/* hop-by-hop, routing, fragment, destination options */
		if (key->proto != 0 && key->proto != 43 && key->proto != 44 && key->proto != 60)
			break;
		if (!copy(drop, at, next, sizeof(next)))
			return;
		if (key->proto == 44 && (next[2] << 8 | next[3]) & FRAGMENT_OFFSET6) {
			key->proto = next[0];
			return;
		}
		at += key->proto == 44 ? 8 : next[1] * 8 + 8;
		key->proto = next[0];
	}
	read_transport(drop, key, at);
}

static __always_inline void read_packet(const struct drop *drop, struct drops_key *key)
{
	__u32 at = drop->network;
	__be16 tag[2];
	__u8 arp[28];

	key->ethertype = bpf_ntohs(drop->skb->protocol);
	if ((key->ethertype == ETHERTYPE_VLAN || key->ethertype == ETHERTYPE_QINQ) &&
		copy(drop, at, tag, sizeof(tag))) {
		key->ethertype = bpf_ntohs(tag[1]);
		at += sizeof(tag);
	}
	if (key->ethertype == ETHERTYPE_IP)
		read_ipv4(drop, key, at);
	if (key->ethertype == ETHERTYPE_IPV6)
		read_ipv6(drop, key, at);
	if (key->ethertype == ETHERTYPE_ARP && copy(drop, at, arp, sizeof(arp))) {
		__builtin_memcpy(key->saddr, arp + 14, 4);
		__builtin_memcpy(key->daddr, arp + 24, 4);
	}
}

static __always_inline bool add(void *map, const struct drops_key *key, const struct drop *drop)
{
	struct drops_count *count = bpf_map_lookup_elem(map, key);

	if (!count) {
		struct drops_count none = { .first_ns = drop->now };

		/* another processor may have been faster */
		bpf_map_update_elem(map, key, &none, BPF_NOEXIST);
		count = bpf_map_lookup_elem(map, key);
		if (!count)
			return false;
	}
	__sync_fetch_and_add(&count->n, 1);
	__sync_fetch_and_add(&count->bytes, drop->size);
	count->last_ns = drop->now;
	return true;
}

static __always_inline void count(const struct drop *drop, struct drops_state *all)
{
	struct drops_key key = { .location = drop->location,
		.netns = drop->device.netns,
		.ifindex = drop->device.ifindex,
		.reason = drop->reason };

	read_packet(drop, &key);
	if (add(&totals, &key, drop))
		return;
	key.dport = 0;
	__builtin_memset(key.saddr, 0, sizeof(key.saddr));
	__builtin_memset(key.daddr, 0, sizeof(key.daddr));
	if (!add(&rest, &key, drop))
		__sync_fetch_and_add(&all->not_counted, 1);
}

/* Does the bucket have a token? As one number, that all processors move on without a lock: the time at which the next sample would
 * be due if all had come evenly. It may be ahead of now by the burst. */
static __always_inline bool may_sample(struct drops_state *all, __u64 now)
{
	for (int i = 0; i < TRIES; i++) {
		__u64 due = *(volatile __u64 *)&all->next_sample_ns;
		__u64 next = (due > now ? due : now) + settings.interval_ns;

		if (next > now + settings.burst_ns)
			return false;
		if (__sync_val_compare_and_swap(&all->next_sample_ns, due, next) == due)
			return true;
	}
	return false;
}

static __always_inline bool sample(const struct drop *drop, struct drops_state *all)
{
	struct drops_sample *sample;
	__u32 size = drop->end - drop->start;

	if (!may_sample(all, drop->now))
		return false;
	sample = bpf_ringbuf_reserve(&ring, sizeof(*sample), 0);
	if (!sample)
		return false;
	sample->time_ns = drop->now;
	sample->location = drop->location;
	sample->netns = drop->device.netns;
	sample->ifindex = drop->device.ifindex;
	sample->reason = drop->reason;
	sample->wire_size = drop->size;
	sample->ethertype = bpf_ntohs(drop->skb->protocol);
	sample->vlan_id = vlan_id(drop->skb);
	sample->has_ethernet = drop->has_ethernet;
	if (size > DROPS_BYTES)
		size = DROPS_BYTES;
	if (bpf_probe_read_kernel(sample->bytes, size, drop->head + drop->start))
		size = 0;
	sample->size = (__u8)size;
	bpf_ringbuf_submit(sample, 0);
	return true;
}

/* void kfree_skb(skb, location, reason, rx_sk) */
SEC("tp_btf/kfree_skb")
int portwall_drops(__u64 *args)
{
	struct drop drop = { .skb = (void *)args[0], .location = args[1] };
	struct sock *rx_sk = NULL;
	struct drops_state *all;
	__u32 zero = 0;

	if (settings.has_reason) {
		drop.reason = (__u32)args[2];
		if (!drop.reason || drop.reason == settings.consumed)
			return 0;
	}
	if (settings.has_rx_sk)
		bpf_probe_read_kernel(&rx_sk, sizeof(rx_sk), &args[3]);
	if (!find_device(&drop, rx_sk))
		return 0;
	all = bpf_map_lookup_elem(&state, &zero);
	if (!all)
		return 0;
	drop.now = bpf_ktime_get_ns();
	find_headers(&drop);
	count(&drop, all);
	if (!sample(&drop, all))
		__sync_fetch_and_add(&all->not_sampled, 1);
	return 0;
}
