// SPDX-License-Identifier: GPL-2.0-or-later
#include "watch/filter.h"

#include <ctype.h>
#include <string.h>

#include "base/limits.h"
#include "watch/filter_internal.h"

/* Loads from here on are no bytes of the frame: SKF_AD_OFF and its like. A frame is not that large. */
#define MAX_OFFSET 0x100000

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_.:-/\\", c));
}

static bool is_word(const char *at, size_t len, const char *word)
{
	return len == strlen(word) && strncmp(at, word, len) == 0;
}

/* What libpcap understands: "ipip" is none of its words. */
static bool translate_words(const char *expression, struct text *out, struct err *err)
{
	bool is_behind_proto = false;

	while (*expression) {
		size_t len = 1;

		while (is_word_char(expression[0]) && is_word_char(expression[len]))
			len++;
		if (is_word(expression, len, "vlan")) {
			err_input(
				err, "a filter cannot ask for \"vlan\": tags are taken off before");
			return err_next(err,
				"leave it out: the rest is compared with the frame without its tag");
		}
		if (is_word(expression, len, "ipip"))
			text_add(out, is_behind_proto ? "4" : "(ip proto 4)");
		else
			text_add_n(out, expression, len);
		if (!isspace((unsigned char)expression[0]))
			is_behind_proto = is_word(expression, len, "proto");
		expression += len;
	}
	return true;
}

static bool is_division(const struct bpf_insn *op)
{
	return BPF_CLASS(op->code) == BPF_ALU &&
	       (BPF_OP(op->code) == BPF_DIV || BPF_OP(op->code) == BPF_MOD) &&
	       BPF_SRC(op->code) == BPF_X;
}

static bool is_far_load(const struct bpf_insn *op)
{
	if (BPF_CLASS(op->code) == BPF_LD)
		return (BPF_MODE(op->code) == BPF_ABS || BPF_MODE(op->code) == BPF_IND) &&
		       op->k > MAX_OFFSET;
	return BPF_CLASS(op->code) == BPF_LDX && BPF_MODE(op->code) == BPF_MSH &&
	       op->k > MAX_OFFSET;
}

/* What the kernel runs otherwise than libpcap does, or not at all. */
static bool check_program(
	const struct bpf_program *program, const char *expression, struct err *err)
{
	if (program->bf_len > FILTER_MAX_OPS)
		return err_limit(err, "filter \"%s\": more than %d instructions", expression,
			FILTER_MAX_OPS);
	for (u_int i = 0; i < program->bf_len; i++) {
		const struct bpf_insn *op = &program->bf_insns[i];

		if (is_far_load(op))
			return err_input(err,
				"filter \"%s\" asks for what is no byte of a frame (inbound, outbound, an offset too large)",
				expression);
		if (op->code == (BPF_JMP | BPF_JA) && op->k >= program->bf_len)
			return err_input(err,
				"filter \"%s\" makes a loop (protochain), which the kernel does not run",
				expression);
		if (is_division(op))
			return err_input(
				err, "filter \"%s\" divides by a value of the packet", expression);
		if (op->code == (BPF_RET | BPF_A))
			return err_input(err, "filter \"%s\" does not say yes or no", expression);
	}
	return true;
}

static bool compile(pcap_t *pcap, const char *text, struct bpf_program *ret)
{
	return pcap_compile(pcap, ret, text, 1, PCAP_NETMASK_UNKNOWN) == 0;
}

static struct program keep(struct arena *arena, struct bpf_program *program)
{
	struct program kept = { arena_new_array(arena, struct bpf_insn, program->bf_len),
		program->bf_len };

	memcpy(kept.ops, program->bf_insns, kept.n * sizeof(*kept.ops));
	return kept;
}

/* link: DLT_...; ret_words: libpcap's, where it refuses. */
static bool compile_for(struct arena *arena, const char *text, int link, const char *expression,
	struct program *ret, const char **ret_words, struct err *err)
{
	struct bpf_program program = { 0 };
	pcap_t *pcap = pcap_open_dead(link, FILTER_SNAP);
	bool is_right = true;

	if (!pcap)
		return err_system(err, 0, "libpcap: no memory");
	if (!compile(pcap, text, &program)) {
		*ret_words = arena_strdup(arena, pcap_geterr(pcap));
	} else {
		is_right = check_program(&program, expression, err);
		if (is_right)
			*ret = keep(arena, &program);
		pcap_freecode(&program);
	}
	pcap_close(pcap);
	return is_right;
}

static bool is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

bool filter_parse(struct arena *arena, const char *expression, struct filter **ret, struct err *err)
{
	struct text text CLEANUP(text_done) = TEXT_INIT;
	struct filter *filter = arena_new_one(arena, struct filter);
	const char *words = NULL, *no_matter = NULL;

	if (strlen(expression) > LIMIT_FILTER_LEN)
		return err_limit(err, "a filter of more than %d characters", LIMIT_FILTER_LEN);
	filter->expression = arena_strdup(arena, expression);
	filter->is_everything = is_blank(expression);
	if (!translate_words(expression, &text, err))
		return false;
	if (!compile_for(arena, text.data, DLT_EN10MB, expression, &filter->frame, &words, err))
		return false;
	if (words)
		return err_input(err, "filter \"%s\": %s", expression, words);
	/* What libpcap refuses here is about Ethernet: no packet without such a header is meant. */
	if (!filter->is_everything && !compile_for(arena, text.data, DLT_RAW, expression,
					      &filter->packet, &no_matter, err))
		return false;
	if (!filter_assemble(arena, filter, err))
		return false;
	*ret = filter;
	return true;
}

bool filter_is_everything(const struct filter *filter)
{
	return filter->is_everything;
}

const struct filter_op *filter_ops(
	struct arena *arena, const struct filter *filter, uint32_t snap_size, size_t *ret_n)
{
	const struct program *whole = &filter->whole;
	struct filter_op *ops = arena_new_array(arena, struct filter_op, whole->n);

	for (size_t i = 0; i < whole->n; i++) {
		const struct bpf_insn *op = &whole->ops[i];
		bool is_match = op->code == (BPF_RET | BPF_K) && op->k;

		ops[i] = (struct filter_op){ .code = op->code,
			.jt = op->jt,
			.jf = op->jf,
			.k = is_match ? snap_size : op->k };
	}
	*ret_n = whole->n;
	return ops;
}

bool filter_matches(const struct filter *filter, const uint8_t *frame, size_t size)
{
	return bpf_filter(filter->frame.ops, frame, (u_int)size, (u_int)size) != 0;
}

bool filter_takes(const struct filter *filter, const uint8_t *frame, size_t size)
{
	return bpf_filter(filter->whole.ops, frame, (u_int)size, (u_int)size) != 0;
}
