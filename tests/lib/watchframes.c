// SPDX-License-Identifier: GPL-2.0-or-later
#include "watchframes.h"

#include <pcap/bpf.h>
#include <string.h>

#include "base/vec.h"

const struct watch_expression watch_expressions[] = {
	{ .text = "ip" },
	{ .text = "ip6" },
	{ .text = "arp" },
	{ .text = "not ip" },
	{ .text = "ipip" },
	{ .text = "ip proto ipip and src host 10.0.0.1" },
	{ .text = "not ipip" },
	{ .text = "icmp" },
	{ .text = "icmp and host 172.17.0.9" },
	{ .text = "tcp" },
	{ .text = "udp" },
	{ .text = "tcp or udp or icmp or icmp6" },
	{ .text = "host 10.0.0.1" },
	{ .text = "src host 10.0.0.1 and dst host 10.1.2.3" },
	{ .text = "host 10.0.0.1 and not (tcp or udp)" },
	{ .text = "net 10.0.0.0/8" },
	{ .text = "net 10.0.0.0/15 or net 172.16.0.0/12" },
	{ .text = "tcp port 443" },
	{ .text = "tcp port 443 and (src net 10.0.0.0/8 or dst net 10.0.0.0/8)" },
	{ .text = "port 53" },
	{ .text = "not port 22" },
	{ .text = "src port 22 or dst port 80" },
	{ .text = "portrange 1000-2000" },
	{ .text = "udp dst portrange 50-60" },
	{ .text = "not portrange 22-443" },
	{ .text = "port 22 or port 53 or port 80 or port 443 or port 1000 or port 1500 or port 4789" },
	{ .text = "ip6 host 2001:db8::1" },
	{ .text = "ip6 net 2001:db8::/33" },
	{ .text = "not ip6 net 2001:db8:8000::/33" },
	{ .text = "icmp6" },
	{ .text = "ip6 proto 58" },
	{ .text = "icmp6[icmp6type] == 135" },
	{ .text = "ip6[6] = 6 and ip6[40:2] > 100" },
	{ .text = "arp host 10.0.0.1" },
	{ .text = "arp[6:2] = 1" },
	{ .text = "rarp" },
	{ .text = "ether host 02:00:00:00:00:05", .is_about_link = true },
	{ .text = "ether dst 02:00:00:00:0d:01", .is_about_link = true },
	{ .text = "ether broadcast", .is_about_link = true },
	{ .text = "ether multicast or tcp", .is_about_link = true },
	{ .text = "ether[0] & 1 = 1", .is_about_link = true },
	{ .text = "ether[6:4] = 0x02000000 and udp", .is_about_link = true },
	{ .text = "ether proto 0x88cc" },
	{ .text = "llc or tcp" },
	{ .text = "not llc" },
	{ .text = "tcp[tcpflags] & tcp-syn != 0" },
	{ .text = "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn" },
	{ .text = "tcp[13] = 2 or tcp[13] = 16" },
	{ .text = "icmp[icmptype] == 8" },
	{ .text = "icmp[icmptype] != icmp-echo and icmp[icmptype] != icmp-echoreply" },
	{ .text = "less 80" },
	{ .text = "greater 100 and udp" },
	{ .text = "len > 60 and len < 120" },
	{ .text = "len != 74" },
	{ .text = "len - 20 > 60" },
	{ .text = "ip[6:2] & 0x1fff != 0" },
	{ .text = "ip[6] & 0x20 != 0 and udp" },
	{ .text = "ip[0] & 0xf != 5" },
	{ .text = "ip[8] < 5" },
	{ .text = "ip[8] >= 64 and ip[8] <= 128" },
	{ .text = "ip[2:2] - 20 > 60" },
	{ .text = "(ip[0] & 0xf) << 2 > 20" },
	{ .text = "ip[0] >> 4 = 4 and ip[1] != 0" },
	{ .text = "ip[2:2] + 20 <= 60" },
	{ .text = "ip[16] >= 224" },
	{ .text = "udp[8:4] = 0x12345678" },
	{ .text = "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420" },
	{ .text = "ip multicast or ip6 multicast" },
	{ .text = "icmp[4:2] = icmp[6:2]", .is_no_nft = true },
	{ .text = "ip[2:2] - ((ip[0] & 0xf) << 2) > 20" },
	{ .text = "ip[2:2] = len - 14", .is_no_nft = true },
	{ .text = "(tcp port 443 or tcp port 80) and (host 10.0.0.1 or host 10.1.2.3) and not src port 22" },
	{ .text = "udp port 4789 or proto gre or ip proto 41" },
	{ .text = "ip[20:2] = 443 and ip[9] = 6" },
	{ .text = "ether[100] = 0 or tcp" },
	{ .text = "not ether[60] = 0" },
	{ .text = "ip[1] * 4 = 64 or ip[1] / 16 = 1" },
	{ .text = "tcp[200] = 0 or icmp", .is_no_nft = true },
};
const size_t watch_n_expressions = N_OF(watch_expressions);

void watch_expression_random(struct random *random, struct text *out)
{
	static const char *const joints[] = { " and ", " or ", " and not ", " or not " };
	unsigned n = 2 + random_below(random, 3);

	while (n) {
		const struct watch_expression *e =
			&watch_expressions[random_below(random, (unsigned)watch_n_expressions)];

		if (e->is_no_nft)
			continue;
		if (out->len)
			text_add(out, pick(random, joints));
		text_addf(out, one_in(random, 6) ? "not (%s)" : "(%s)", e->text);
		n--;
	}
}

bool watch_kernel_takes(const struct filter_op *ops, size_t n)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	uint16_t *masks = arena_new_array(arena, uint16_t, n + 1), valid = 0;

	if (!n || n > 4096 || BPF_CLASS(ops[n - 1].code) != BPF_RET)
		return false;
	memset(masks, 0xff, n * sizeof(*masks));
	for (size_t i = 0; i < n; i++) {
		const struct filter_op *op = &ops[i];
		unsigned class = BPF_CLASS(op->code);

		valid &= masks[i];
		if (op->code == BPF_ST || op->code == BPF_STX) {
			valid |= (uint16_t)(1u << op->k);
		} else if (op->code == (BPF_LD | BPF_MEM) || op->code == (BPF_LDX | BPF_MEM)) {
			if (!(valid & 1u << op->k))
				return false;
		} else if (class == BPF_JMP) {
			bool is_ja = op->code == (BPF_JMP | BPF_JA);
			size_t yes = i + 1 + (is_ja ? op->k : op->jt);
			size_t no = i + 1 + (is_ja ? op->k : op->jf);

			if (yes >= n || no >= n)
				return false;
			masks[yes] &= valid;
			masks[no] &= valid;
			valid = UINT16_MAX;
		} else if (class == BPF_ALU && BPF_SRC(op->code) == BPF_K) {
			unsigned what = BPF_OP(op->code);

			if ((what == BPF_DIV || what == BPF_MOD) && !op->k)
				return false;
			if ((what == BPF_LSH || what == BPF_RSH) && op->k >= 32)
				return false;
		}
	}
	return true;
}

struct maker {
	struct random *random;
	uint8_t *bytes;
	size_t size;
	unsigned depth;
	bool is_sane; /* as the kernel itself would make it */
};

static void put(struct maker *m, const void *data, size_t size)
{
	if (m->size + size > WATCH_FRAME_SIZE)
		size = WATCH_FRAME_SIZE - m->size;
	if (data)
		memcpy(m->bytes + m->size, data, size);
	else
		memset(m->bytes + m->size, 0, size);
	m->size += size;
}

static void put8(struct maker *m, unsigned value)
{
	put(m, &(uint8_t){ (uint8_t)value }, 1);
}

static void put16(struct maker *m, unsigned value)
{
	put8(m, value >> 8 & 0xff);
	put8(m, value & 0xff);
}

static void put32(struct maker *m, uint32_t value)
{
	put16(m, value >> 16);
	put16(m, value & 0xffff);
}

static void put_noise(struct maker *m, size_t size)
{
	while (size--)
		put8(m, one_in(m->random, 2) ? 0 : (unsigned)random_below(m->random, 256));
}

static void put_packet(struct maker *m, bool is_ipv6);
static void put_frame(struct maker *m, uint16_t number);

static unsigned a_port(struct maker *m)
{
	static const uint16_t ports[] = { 22, 53, 80, 443, 999, 1000, 1500, 2000, 2001, 4789, 55 };

	return one_in(m->random, 6) ? random_below(m->random, 65536) : pick(m->random, ports);
}

static void put_addr4(struct maker *m)
{
	static const uint32_t addrs[] = { 0x0a000001, 0x0a010203, 0x0a020304, 0xac110009,
		0xc0a80101, 0xe0000001 };

	put32(m, pick(m->random, addrs));
}

static void put_addr6(struct maker *m)
{
	put32(m, one_in(m->random, 5) ? 0xff020000 : 0x20010db8);
	put32(m, one_in(m->random, 3) ? 0x80000000 : 0);
	put32(m, 0);
	put32(m, one_in(m->random, 2) ? 1 : 2);
}

static void put_tcp(struct maker *m)
{
	static const uint8_t flags[] = { 2, 16, 18, 24, 17, 4 };
	unsigned words = one_in(m->random, 3) ? 5 + random_below(m->random, 5) : 5;

	put16(m, a_port(m));
	put16(m, a_port(m));
	put_noise(m, 8);
	put8(m, words << 4);
	put8(m, pick(m->random, flags));
	put_noise(m, 6);
	put_noise(m, (size_t)words * 4 - 20);
	if (one_in(m->random, 2))
		put(m, "GET / ", 6);
	put_noise(m, random_below(m->random, 60));
}

static void put_udp(struct maker *m)
{
	bool is_vxlan = m->depth < 2 && one_in(m->random, 3);

	put16(m, a_port(m));
	put16(m, is_vxlan ? 4789 : a_port(m));
	put_noise(m, 4);
	if (is_vxlan) {
		put8(m, one_in(m->random, 8) ? 0 : 8);
		put_noise(m, 7);
		put_frame(m, 5);
		return;
	}
	if (one_in(m->random, 2))
		put32(m, 0x12345678);
	put_noise(m, random_below(m->random, 80));
}

static void put_icmp(struct maker *m)
{
	static const uint8_t types[] = { 0, 8, 3, 11, 128, 129, 135, 136 };

	put8(m, pick(m->random, types));
	put_noise(m, 3);
	put16(m, 7);
	put16(m, one_in(m->random, 2) ? 7 : 9);
	put_noise(m, random_below(m->random, 60));
}

static void put_gre(struct maker *m)
{
	static const uint16_t flags[] = { 0, 0x2000, 0x8000, 0xa000, 0xb000, 0x1000, 0x4000, 1 };
	static const uint16_t types[] = { 0x800, 0x800, 0x86dd, 0x6558, 0x6558, 0x88be };
	unsigned flag = pick(m->random, flags), type = pick(m->random, types);

	put16(m, flag);
	put16(m, type);
	for (unsigned bit = 0x8000; bit >= 0x1000; bit >>= 1)
		put_noise(m, flag & bit && bit != 0x4000 ? 4 : 0);
	if (type == 0x6558)
		put_frame(m, 5);
	else
		put_packet(m, type == 0x86dd);
}

static void put_payload(struct maker *m, unsigned proto)
{
	m->depth++;
	if (proto == 6)
		put_tcp(m);
	else if (proto == 17)
		put_udp(m);
	else if (proto == 1 || proto == 58)
		put_icmp(m);
	else if ((proto == 4 || proto == 41) && m->depth < 3)
		put_packet(m, proto == 41);
	else if (proto == 47 && m->depth < 3)
		put_gre(m);
	else
		put_noise(m, random_below(m->random, 100));
	m->depth--;
}

static const uint8_t protos[] = { 6, 6, 6, 17, 17, 17, 1, 4, 4, 41, 47, 47, 50, 58, 132 };

static void put_ipv4(struct maker *m)
{
	static const uint8_t ttls[] = { 1, 4, 5, 63, 64, 65, 128, 129, 255 };
	size_t at = m->size;
	unsigned proto = pick(m->random, protos),
		 words = one_in(m->random, 4) ? 5 + random_below(m->random, 11) : 5;
	unsigned offset = one_in(m->random, 6) ? 1 + random_below(m->random, 100) : 0;

	if (!m->is_sane && one_in(m->random, 20))
		words = random_below(m->random, 5);
	put8(m, 0x40 | words);
	put8(m, one_in(m->random, 2) ? 16 : 0);
	put16(m, 0);
	put16(m, 0x1234);
	put16(m, offset | (one_in(m->random, 5) ? 0x2000u : 0));
	put8(m, pick(m->random, ttls));
	put8(m, proto);
	put16(m, 0);
	put_addr4(m);
	put_addr4(m);
	for (unsigned i = 5; i < words; i++)
		put32(m, 0x01010101);
	put_payload(m, proto);
	m->bytes[at + 2] = (uint8_t)((m->size - at) >> 8);
	m->bytes[at + 3] = (uint8_t)(m->size - at);
	if (!m->is_sane && one_in(m->random, 20))
		m->bytes[at + 2] = 9;
}

static void put_ipv6(struct maker *m)
{
	size_t at = m->size;
	unsigned proto = pick(m->random, protos), frag = !m->is_sane && one_in(m->random, 6);

	put32(m, 0x60000000);
	put16(m, 0);
	put8(m, frag ? 44 : proto);
	put8(m, 64);
	put_addr6(m);
	put_addr6(m);
	if (frag) {
		put8(m, proto);
		put_noise(m, 7);
	}
	put_payload(m, proto);
	m->bytes[at + 4] = (uint8_t)((m->size - at - 40) >> 8);
	m->bytes[at + 5] = (uint8_t)(m->size - at - 40);
}

static void put_packet(struct maker *m, bool is_ipv6)
{
	if (is_ipv6)
		put_ipv6(m);
	else
		put_ipv4(m);
}

static void put_behind_type(struct maker *m, unsigned type)
{
	if (type == 0x800 || type == 0x86dd) {
		put_packet(m, type == 0x86dd);
	} else if (type == 0x806 || type == 0x8035) {
		put32(m, 0x00010800);
		put16(m, 0x0604);
		put16(m, 1 + random_below(m->random, 2));
		put_noise(m, 6);
		put_addr4(m);
		put_noise(m, 6);
		put_addr4(m);
	} else {
		put_noise(m, 20 + random_below(m->random, 80));
	}
}

static void put_frame(struct maker *m, uint16_t number)
{
	static const uint16_t types[] = { 0x800, 0x800, 0x800, 0x800, 0x800, 0x86dd, 0x86dd, 0x806,
		0x8035, 0x88cc, 100, 0x5dc };
	static const uint8_t to[][6] = { { 2, 0, 0, 0, 13, 1 }, { 2, 0, 0, 0, 13, 2 },
		{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, { 1, 0, 0x5e, 0, 0, 1 } };
	unsigned type = pick(m->random, types);

	put(m, to[random_below(m->random, N_OF(to))], 6);
	put32(m, 0x02000000);
	put16(m, number);
	if (one_in(m->random, 10))
		put32(m, 0x81000005);
	put16(m, type);
	put_behind_type(m, type);
}

static unsigned get16(const struct watch_frame *frame, size_t at)
{
	return at + 2 <= frame->size ? (unsigned)frame->bytes[at] << 8 | frame->bytes[at + 1]
				     : 0x10000;
}

static bool is_tag(unsigned type)
{
	return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

void watch_frame_random(struct random *random, uint16_t number, struct watch_frame *ret)
{
	struct maker m = { .random = random, .bytes = ret->bytes };

	put_frame(&m, number);
	ret->size = m.size;
	if (!one_in(random, 6))
		return;
	/* the kernel drops what ends in a tag */
	ret->size = is_tag(get16(ret, 12)) ? 22 : 14;
	ret->size += random_below(random, (unsigned)(m.size - ret->size) + 1);
}

void watch_packet_random(struct random *random, bool is_ipv6, struct watch_frame *ret)
{
	struct maker m = { .random = random, .bytes = ret->bytes, .is_sane = true };

	put_packet(&m, is_ipv6);
	ret->size = m.size;
}

static bool find_in_gre(const struct watch_frame *frame, size_t at, struct watch_inner *ret)
{
	unsigned flags = get16(frame, at), type = get16(frame, at + 2);

	if (type > 0xffff || flags & 0x4000 || flags & 7)
		return false;
	ret->at = at + 4 + (flags & 0x8000 ? 4 : 0) + (flags & 0x2000 ? 4 : 0) +
		  (flags & 0x1000 ? 4 : 0);
	ret->has_ethernet = type == 0x6558;
	return type == 0x800 || type == 0x86dd || type == 0x6558;
}

static bool find_behind_ip(
	const struct watch_frame *frame, size_t at, unsigned proto, struct watch_inner *ret)
{
	*ret = (struct watch_inner){ .at = at };
	if (proto == 4 || proto == 41)
		return true;
	if (proto == 47)
		return find_in_gre(frame, at, ret);
	ret->at = at + 16;
	ret->has_ethernet = true;
	return proto == 17 && at + 16 <= frame->size && get16(frame, at + 2) == 4789 &&
	       frame->bytes[at + 8] & 8;
}

bool watch_inner_find(const struct watch_frame *frame, struct watch_inner *ret)
{
	size_t at = 14;
	unsigned type = get16(frame, 12);

	if (is_tag(type)) {
		type = get16(frame, 16);
		at = 18;
	}
	if (frame->size < 54)
		return false;
	if (type == 0x86dd)
		return find_behind_ip(frame, at + 40, frame->bytes[at + 6], ret);
	if (type != 0x800 || (frame->bytes[at] & 0xf) < 5 || get16(frame, at + 6) & 0x1fff)
		return false;
	return find_behind_ip(frame, at + (frame->bytes[at] & 0xf) * 4u, frame->bytes[at + 9], ret);
}

bool watch_untag(const struct watch_frame *frame, struct watch_frame *ret)
{
	if (frame->size < 18 || !is_tag(get16(frame, 12)))
		return false;
	*ret = *frame;
	memmove(ret->bytes + 12, ret->bytes + 16, frame->size - 16);
	ret->size -= 4;
	return true;
}
