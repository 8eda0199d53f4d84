// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The filter of a packet socket: the expression for a frame, or for what a tunnel in it carries.
 *
 * libpcap's program for a frame stands at the end, word for word: a load behind the end of a frame ends the whole program with
 * "no", which is right only for the last question. Before it stand
 *
 *	what is the outer header?  not a tunnel: to 3
 *	   puts into memory where the packet in it begins (NET), and its Ethernet header, if it has one (LINK)
 *	1. libpcap's program for an IP packet (DLT_RAW), moved to NET
 *	2. libpcap's program for a frame, moved to LINK
 *	3. a tag in the frame itself: libpcap's program for a frame, with all behind the addresses moved by the tag
 *	4. libpcap's program for the frame
 *
 * Moved means: a load of byte k is one of byte NET + k, by the index register, and only where the frame is that long; "no" is a jump
 * to the next question. The place is a value and not a constant since there are many (GRE alone has four lengths, IPv4
 * options, IPv6, tags): one copy does for all of them, and a long expression stays below what the kernel takes.
 *
 * The index register then is not the program's own any more: VIRTUAL_X keeps that. Invariant at the beginning of each moved
 * instruction: X is VIRTUAL_X. Each jump is a conditional one over two long ones, since a conditional one reaches 255
 * instructions only.
 */
#include <string.h>

#include "watch/filter_internal.h"

/* Scratch memory that libpcap's programs leave free: it takes the numbers from 0 on. */
enum { SAVED_A = 11, VIRTUAL_X, NET, LINK, PROTO };

#define ETHERNET_SIZE 14
#define TAG_SIZE      4
#define VXLAN_PORT    4789
#define SHORTEST      (ETHERNET_SIZE + 20 + 20) /* the smallest packet in a packet */

#define LD_LEN	(BPF_LD | BPF_W | BPF_LEN)
#define LD_MEM	(BPF_LD | BPF_MEM)
#define LDX_MEM (BPF_LDX | BPF_MEM)
#define LD_B	(BPF_LD | BPF_B | BPF_IND)
#define LD_H	(BPF_LD | BPF_H | BPF_IND)
#define TAX	(BPF_MISC | BPF_TAX)
#define TXA	(BPF_MISC | BPF_TXA)
#define ADD_K	(BPF_ALU | BPF_ADD | BPF_K)
#define ADD_X	(BPF_ALU | BPF_ADD | BPF_X)
#define SUB_K	(BPF_ALU | BPF_SUB | BPF_K)
#define SUB_X	(BPF_ALU | BPF_SUB | BPF_X)
#define AND_K	(BPF_ALU | BPF_AND | BPF_K)
#define LSH_K	(BPF_ALU | BPF_LSH | BPF_K)
#define JEQ_K	(BPF_JMP | BPF_JEQ | BPF_K)
#define JGE_K	(BPF_JMP | BPF_JGE | BPF_K)
#define JGE_X	(BPF_JMP | BPF_JGE | BPF_X)
#define JSET_K	(BPF_JMP | BPF_JSET | BPF_K)

/* Jumps are to labels, which get their places later; all go forward. */
struct assembly {
	struct arena *arena;
	VEC(struct bpf_insn) ops;
	VEC(struct jump {
		size_t at;
		size_t label;
	})
	jumps;
	VEC(size_t) labels;
};

static size_t new_label(struct assembly *as)
{
	*vec_push(&as->labels, as->arena) = 0;
	return as->labels.n - 1;
}

static void place_label(struct assembly *as, size_t label)
{
	as->labels.items[label] = as->ops.n;
}

static void emit(struct assembly *as, unsigned code, uint32_t k)
{
	*vec_push(&as->ops, as->arena) = (struct bpf_insn){ .code = (u_short)code, .k = k };
}

static void jump(struct assembly *as, size_t label)
{
	*vec_push(&as->jumps, as->arena) = (struct jump){ as->ops.n, label };
	emit(as, BPF_JMP | BPF_JA, 0);
}

static void jump_if(struct assembly *as, unsigned code, uint32_t k, size_t label)
{
	emit(as, code, k);
	as->ops.items[as->ops.n - 1].jf = 1;
	jump(as, label);
}

static void jump_unless(struct assembly *as, unsigned code, uint32_t k, size_t label)
{
	emit(as, code, k);
	as->ops.items[as->ops.n - 1].jt = 1;
	jump(as, label);
}

/* Goes on if the frame has X + n bytes. A is lost. */
static void need(struct assembly *as, uint32_t n, size_t otherwise)
{
	emit(as, LD_LEN, 0);
	jump_unless(as, JGE_K, n, otherwise);
	emit(as, SUB_K, n);
	jump_unless(as, JGE_X, 0, otherwise);
}

static uint32_t load_size(const struct bpf_insn *op)
{
	switch (BPF_SIZE(op->code)) {
	case BPF_W:
		return 4;
	case BPF_H:
		return 2;
	default:
		return 1;
	}
}

/* One program, moved. */
struct moving {
	struct assembly *as;
	bool has_link; /* what is in front of the EtherType is at LINK */
	size_t *labels;
	size_t no;
};

static uint32_t base_of(const struct moving *m, const struct bpf_insn *op)
{
	/* what a tag does not move; of a field across that border nothing sensible can be said */
	return m->has_link && op->k < ETHERNET_SIZE - 2 ? LINK : NET;
}

static void move_load(struct moving *m, const struct bpf_insn *op)
{
	struct assembly *as = m->as;

	emit(as, LDX_MEM, base_of(m, op));
	if (BPF_MODE(op->code) == BPF_IND) {
		emit(as, LD_MEM, VIRTUAL_X);
		emit(as, ADD_X, 0);
		emit(as, TAX, 0);
	}
	need(as, op->k + load_size(op), m->no);
	emit(as, BPF_LD | BPF_SIZE(op->code) | BPF_IND, op->k);
	emit(as, LDX_MEM, VIRTUAL_X);
}

static void move_ld(struct moving *m, const struct bpf_insn *op)
{
	struct assembly *as = m->as;

	switch (BPF_MODE(op->code)) {
	case BPF_ABS:
	case BPF_IND:
		move_load(m, op);
		return;
	case BPF_LEN:
		emit(as, LDX_MEM, NET);
		emit(as, LD_LEN, 0);
		emit(as, SUB_X, 0);
		emit(as, LDX_MEM, VIRTUAL_X);
		return;
	default:
		emit(as, op->code, op->k);
	}
}

static void move_ldx(struct moving *m, const struct bpf_insn *op)
{
	struct assembly *as = m->as;

	switch (BPF_MODE(op->code)) {
	case BPF_MSH:
		emit(as, BPF_ST, SAVED_A);
		emit(as, LDX_MEM, base_of(m, op));
		need(as, op->k + 1, m->no);
		emit(as, LD_B, op->k);
		emit(as, AND_K, 0xf);
		emit(as, LSH_K, 2);
		emit(as, TAX, 0);
		emit(as, LD_MEM, SAVED_A);
		break;
	case BPF_LEN:
		emit(as, BPF_ST, SAVED_A);
		emit(as, LDX_MEM, NET);
		emit(as, LD_LEN, 0);
		emit(as, SUB_X, 0);
		emit(as, TAX, 0);
		emit(as, LD_MEM, SAVED_A);
		break;
	default:
		emit(as, op->code, op->k);
	}
	emit(as, BPF_STX, VIRTUAL_X);
}

static void move_jump(struct moving *m, const struct bpf_insn *op, size_t at)
{
	if (BPF_OP(op->code) == BPF_JA) {
		jump(m->as, m->labels[at + 1 + op->k]);
		return;
	}
	jump_if(m->as, op->code, op->k, m->labels[at + 1 + op->jt]);
	jump(m->as, m->labels[at + 1 + op->jf]);
}

static void move_op(struct moving *m, const struct bpf_insn *op, size_t at)
{
	switch (BPF_CLASS(op->code)) {
	case BPF_LD:
		move_ld(m, op);
		return;
	case BPF_LDX:
		move_ldx(m, op);
		return;
	case BPF_JMP:
		move_jump(m, op, at);
		return;
	case BPF_RET:
		/*
		 * Nobody comes to the jump behind a return. The kernel's check of what memory is set (check_load_and_stores)
		 * takes a return for an instruction that goes on: without it what is set here would be all that is set there.
		 */
		if (op->k)
			emit(m->as, op->code, op->k);
		jump(m->as, m->no);
		return;
	default:
		emit(m->as, op->code, op->k);
		if (op->code == TAX)
			emit(m->as, BPF_STX, VIRTUAL_X);
	}
}

/* Some of libpcap's programs (geneve) read memory that only one way to there has set; the kernel refuses that. */
static void set_memory(struct assembly *as, const struct program *program)
{
	uint32_t is_set = 0;

	for (size_t i = 0; i < program->n; i++) {
		const struct bpf_insn *op = &program->ops[i];

		if ((op->code != LD_MEM && op->code != LDX_MEM) || is_set & 1u << op->k)
			continue;
		if (!is_set)
			emit(as, BPF_LD | BPF_IMM, 0);
		emit(as, BPF_ST, op->k);
		is_set |= 1u << op->k;
	}
}

/* Goes to no when it does not match. */
static void move_program(
	struct assembly *as, const struct program *program, bool has_link, size_t no)
{
	struct moving m = { .as = as,
		.has_link = has_link,
		.labels = arena_new_array(as->arena, size_t, program->n),
		.no = no };

	if (!program->n) {
		jump(as, no);
		return;
	}
	set_memory(as, program);
	emit(as, BPF_LDX | BPF_IMM, 0);
	emit(as, BPF_STX, VIRTUAL_X);
	for (size_t i = 0; i < program->n; i++)
		m.labels[i] = new_label(as);
	for (size_t i = 0; i < program->n; i++) {
		place_label(as, m.labels[i]);
		move_op(&m, &program->ops[i], i);
	}
}

struct questions {
	size_t packet, ethernet; /* what is at NET, at LINK */
	size_t tagged;		 /* no tunnel */
	size_t frame;
};

static void jump_if_tag(struct assembly *as, size_t label)
{
	jump_if(as, JEQ_K, ETHERTYPE_VLAN, label);
	jump_if(as, JEQ_K, ETHERTYPE_QINQ, label);
	jump_if(as, JEQ_K, 0x9100, label); /* as libpcap */
}

/* X is where an Ethernet header begins; all behind a tag in it is moved by that tag. */
static void ask_ethernet(struct assembly *as, const struct questions *to)
{
	size_t has_tag = new_label(as);

	need(as, ETHERNET_SIZE, to->tagged);
	emit(as, BPF_STX, LINK);
	emit(as, BPF_STX, NET);
	emit(as, LD_H, ETHERNET_SIZE - 2);
	jump_if_tag(as, has_tag);
	jump(as, to->ethernet);
	place_label(as, has_tag);
	need(as, ETHERNET_SIZE + TAG_SIZE, to->tagged);
	emit(as, TXA, 0);
	emit(as, ADD_K, TAG_SIZE);
	emit(as, BPF_ST, NET);
	jump(as, to->ethernet);
}

/* X is where an IP packet begins; behind the end of the frame its length would be less than nothing. */
static void ask_packet(struct assembly *as, const struct questions *to)
{
	need(as, 0, to->tagged);
	emit(as, BPF_STX, NET);
	jump(as, to->packet);
}

/* X is at the GRE header (RFC 2784, 2890). */
static void ask_gre(struct assembly *as, const struct questions *to)
{
	static const uint32_t options[] = { 0x8000, 0x2000, 0x1000 }; /* checksum, key, sequence */
	size_t packet = new_label(as);

	need(as, 4, to->tagged);
	emit(as, LD_H, 0);
	jump_if(as, JSET_K, 0x4007, to->tagged); /* routing; a version: PPTP */
	emit(as, TXA, 0);
	emit(as, ADD_K, 4);
	emit(as, BPF_ST, NET);
	for (size_t i = 0; i < N_OF(options); i++) {
		size_t next = new_label(as);

		emit(as, LD_H, 0);
		jump_unless(as, JSET_K, options[i], next);
		emit(as, LD_MEM, NET);
		emit(as, ADD_K, 4);
		emit(as, BPF_ST, NET);
		place_label(as, next);
	}
	emit(as, LD_H, 2);
	emit(as, LDX_MEM, NET);
	jump_if(as, JEQ_K, ETHERTYPE_IPV4, packet);
	jump_if(as, JEQ_K, ETHERTYPE_IPV6, packet);
	jump_unless(as, JEQ_K, 0x6558, to->tagged);
	ask_ethernet(as, to);
	place_label(as, packet);
	ask_packet(as, to);
}

/* X is at the UDP header (RFC 7348). */
static void ask_vxlan(struct assembly *as, const struct questions *to)
{
	need(as, 8 + 8, to->tagged);
	emit(as, LD_H, 2);
	jump_unless(as, JEQ_K, VXLAN_PORT, to->tagged);
	emit(as, LD_B, 8);
	jump_unless(as, JSET_K, 0x08, to->tagged); /* it has a network identifier */
	emit(as, TXA, 0);
	emit(as, ADD_K, 8 + 8);
	emit(as, TAX, 0);
	ask_ethernet(as, to);
}

/* X is where the outer IP header begins, A is its EtherType; leaves X behind it. The frame is no shorter than SHORTEST. */
static void pass_ip(struct assembly *as, size_t no_tunnel)
{
	size_t ipv4 = new_label(as), behind = new_label(as);

	jump_if(as, JEQ_K, ETHERTYPE_IPV4, ipv4);
	jump_unless(as, JEQ_K, ETHERTYPE_IPV6, no_tunnel);
	emit(as, LD_B, 6);
	emit(as, BPF_ST, PROTO);
	emit(as, TXA, 0);
	emit(as, ADD_K, 40);
	emit(as, TAX, 0);
	jump(as, behind);

	place_label(as, ipv4);
	emit(as, LD_H, 6);
	jump_if(as, JSET_K, 0x1fff, no_tunnel); /* a later fragment */
	emit(as, LD_B, 9);
	emit(as, BPF_ST, PROTO);
	emit(as, LD_B, 0);
	emit(as, AND_K, 0xf);
	jump_unless(as, JGE_K, 5, no_tunnel);
	emit(as, LSH_K, 2);
	emit(as, ADD_X, 0);
	emit(as, TAX, 0);
	place_label(as, behind);
}

static void ask_tunnel(struct assembly *as, const struct questions *to)
{
	size_t has_tag = new_label(as), ip = new_label(as), gre = new_label(as),
	       udp = new_label(as), inner = new_label(as);

	emit(as, LD_LEN, 0);
	jump_unless(as, JGE_K, SHORTEST, to->tagged);
	emit(as, BPF_LDX | BPF_IMM, 0);
	emit(as, LD_H, ETHERNET_SIZE - 2);
	jump_if_tag(as, has_tag);
	emit(as, BPF_LDX | BPF_IMM, ETHERNET_SIZE);
	jump(as, ip);
	place_label(as, has_tag);
	emit(as, LD_H, ETHERNET_SIZE + 2);
	emit(as, BPF_LDX | BPF_IMM, ETHERNET_SIZE + TAG_SIZE);
	place_label(as, ip);
	pass_ip(as, to->tagged);

	emit(as, LD_MEM, PROTO);
	jump_if(as, JEQ_K, PROTO_IPIP, inner);
	jump_if(as, JEQ_K, 41, inner);
	jump_if(as, JEQ_K, 47, gre);
	jump_if(as, JEQ_K, PROTO_UDP, udp);
	jump(as, to->tagged);
	place_label(as, gre);
	ask_gre(as, to);
	place_label(as, udp);
	ask_vxlan(as, to);
	place_label(as, inner);
	ask_packet(as, to);
}

static void ask_tagged(struct assembly *as, const struct filter *filter, size_t no)
{
	size_t has_tag = new_label(as);

	emit(as, LD_LEN, 0);
	jump_unless(as, JGE_K, ETHERNET_SIZE + TAG_SIZE, no);
	emit(as, BPF_LD | BPF_H | BPF_ABS, ETHERNET_SIZE - 2);
	jump_if_tag(as, has_tag);
	jump(as, no);
	place_label(as, has_tag);
	emit(as, BPF_LD | BPF_IMM, 0);
	emit(as, BPF_ST, LINK);
	emit(as, BPF_LD | BPF_IMM, TAG_SIZE);
	emit(as, BPF_ST, NET);
	move_program(as, &filter->frame, true, no);
}

static void assemble(struct assembly *as, const struct filter *filter)
{
	struct questions to = { new_label(as), new_label(as), new_label(as), new_label(as) };

	ask_tunnel(as, &to);
	place_label(as, to.packet);
	move_program(as, &filter->packet, false, to.tagged);
	place_label(as, to.ethernet);
	move_program(as, &filter->frame, true, to.tagged);
	place_label(as, to.tagged);
	ask_tagged(as, filter, to.frame);
	place_label(as, to.frame);
	set_memory(as, &filter->frame);
	for (size_t i = 0; i < filter->frame.n; i++)
		*vec_push(&as->ops, as->arena) = filter->frame.ops[i];
	vec_for_each (jump, &as->jumps)
		as->ops.items[jump->at].k =
			(bpf_u_int32)(as->labels.items[jump->label] - jump->at - 1);
}

/* Is the memory free that a moved program needs beside its own? */
static bool has_free_memory(const struct program *program)
{
	for (size_t i = 0; i < program->n; i++) {
		unsigned code = program->ops[i].code;
		bool is_memory =
			code == BPF_ST || code == BPF_STX || code == LD_MEM || code == LDX_MEM;

		if (is_memory && program->ops[i].k >= SAVED_A)
			return false;
	}
	return true;
}

bool filter_assemble(struct arena *arena, struct filter *filter, struct err *err)
{
	struct assembly as = { .arena = arena };

	if (filter->is_everything) {
		filter->whole = filter->frame;
		return true;
	}
	if (!has_free_memory(&filter->frame) || !has_free_memory(&filter->packet))
		return err_limit(
			err, "filter \"%s\": its arithmetic is too long", filter->expression);
	assemble(&as, filter);
	if (as.ops.n > FILTER_MAX_OPS)
		return err_limit(err,
			"filter \"%s\": with the packets in tunnels %zu instructions, and the kernel takes %d",
			filter->expression, as.ops.n, FILTER_MAX_OPS);
	if (!bpf_validate(as.ops.items, (int)as.ops.n))
		return err_system(err, 0, "filter \"%s\": the program for it is not valid",
			filter->expression);
	filter->whole = (struct program){ as.ops.items, as.ops.n };
	return true;
}
