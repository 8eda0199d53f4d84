// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Numbers of reasons are others in each version of the kernel, so only their names are told. Which place in the kernel's code is which
 * function is looked up where it is asked for: there are few places that drop packets, and a table of all functions would be larger than the
 * rest of the program, and be old as soon as a module is loaded.
 */
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/vec.h"
#include "capture/drops_internal.h"

#define BTF_PATH "/sys/kernel/btf/vmlinux"
#define PREFIX	 "SKB_DROP_REASON_"
#define SUBSYS	 "SUBSYS_"
#define UNNAMED	 "NOT_SPECIFIED"

/* SKB_DROP_REASON_SUBSYS_SHIFT: above are the parts of the kernel that have their own. */
#define SUBSYS_SHIFT 16

struct known {
	uint64_t number;
	const char *name;
};

struct drops_names {
	struct arena *arena;
	VEC(const char *) reasons; /* by number; NULL: none */
	VEC(const char *) subsystems;
	VEC(struct known) functions, other_reasons; /* that were asked for */
};

/* vec_push of the NULLs before it, too. */
#define set_name(vec, arena, at, name)                                                             \
	do {                                                                                       \
		while ((vec)->n <= (at))                                                           \
			*vec_push(vec, arena) = NULL;                                              \
		(vec)->items[at] = (name);                                                         \
	} while (0)

static const char *without(const char *name, const char *prefix)
{
	return text_has_prefix(name, prefix) ? name + strlen(prefix) : name;
}

/* enum skb_drop_reason, or skb_drop_reason_subsys. false: this kernel has none. */
static bool read_enum(struct drops_names *names, const struct btf *btf, const char *type_name)
{
	int id = btf__find_by_name_kind(btf, type_name, BTF_KIND_ENUM);
	bool is_subsys = strstr(type_name, "subsys") != NULL;
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, (__u32)id);

	for (unsigned i = 0; type && i < btf_vlen(type); i++) {
		const struct btf_enum *item = &btf_enum(type)[i];
		const char *name = btf__name_by_offset(btf, item->name_off);
		size_t at = (size_t)item->val;

		/* a mask, and what else is no number of a reason */
		if (!name || item->val < 0 || item->val >> SUBSYS_SHIFT)
			continue;
		name = arena_strdup(names->arena, without(without(name, PREFIX), SUBSYS));
		if (is_subsys)
			set_name(&names->subsystems, names->arena, at, name);
		else
			set_name(&names->reasons, names->arena, at, name);
	}
	return type != NULL;
}

/* typedef void (*btf_trace_kfree_skb)(void *, struct sk_buff *, void *, enum skb_drop_reason, struct sock *) */
static unsigned n_arguments(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "btf_trace_kfree_skb", BTF_KIND_TYPEDEF);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, (__u32)id);

	while (type && (btf_is_typedef(type) || btf_is_ptr(type)))
		type = btf__type_by_id(btf, type->type);
	return type && btf_is_func_proto(type) ? btf_vlen(type) : 0;
}

static uint32_t reason_of(const struct drops_names *names, const char *name)
{
	for (size_t i = 0; i < names->reasons.n; i++)
		if (names->reasons.items[i] && !strcmp(names->reasons.items[i], name))
			return (uint32_t)i;
	return UINT32_MAX;
}

bool drops_names_open(
	struct arena *arena, struct drops_names **ret, struct drops_abi *ret_abi, struct err *err)
{
	struct drops_names *names = arena_new_one(arena, struct drops_names);
	struct drops_abi abi = { 0 };
	struct btf *btf;
	unsigned n;

	if (access(BTF_PATH, R_OK) != 0) {
		if (errno != ENOENT)
			return err_system(err, errno, "cannot read " BTF_PATH);
		err_system(err, 0, "this kernel has no BTF (" BTF_PATH ")");
		return err_next(err, "a kernel with CONFIG_DEBUG_INFO_BTF=y tells what it drops");
	}
	btf = btf__load_vmlinux_btf();
	if (!btf)
		return err_system(err, errno, "cannot read " BTF_PATH);
	names->arena = arena;
	n = n_arguments(btf);
	abi.has_reason = read_enum(names, btf, "skb_drop_reason") && n > 3;
	abi.has_rx_sk = n > 4;
	abi.consumed = reason_of(names, "SKB_CONSUMED");
	read_enum(names, btf, "skb_drop_reason_subsys");
	btf__free(btf);
	if (n < 3)
		return err_system(err, 0, "this kernel has no tracepoint skb:kfree_skb");
	*ret = names;
	*ret_abi = abi;
	return true;
}

static const char *other_reason(struct drops_names *names, uint32_t reason)
{
	size_t subsys = reason >> SUBSYS_SHIFT;

	if (!names->reasons.n)
		return UNNAMED;
	if (subsys && subsys < names->subsystems.n && names->subsystems.items[subsys])
		return arena_printf(names->arena, "%s:%u", names->subsystems.items[subsys],
			reason & ((1U << SUBSYS_SHIFT) - 1));
	return arena_printf(names->arena, "%u", reason);
}

const char *drops_reason(struct drops_names *names, uint32_t reason)
{
	struct known *other;

	if (reason < names->reasons.n && names->reasons.items[reason])
		return names->reasons.items[reason];
	vec_for_each (known, &names->other_reasons) {
		if (known->number == reason)
			return known->name;
	}
	other = vec_push(&names->other_reasons, names->arena);
	*other = (struct known){ .number = reason, .name = other_reason(names, reason) };
	return other->name;
}

/* --- functions --- */

/* The one that begins last before it. */
static const char *look_up(struct arena *arena, uint64_t location)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	uint64_t best = 0;
	char line[600], best_name[sizeof(line)] = "";

	while (file && fgets(line, sizeof(line), file)) {
		/* "ffffffff81a12340 t nft_do_chain	[nf_tables]" */
		char *end, *name;
		uint64_t at = strtoull(line, &end, 16);

		if (at > location || at < best || end[0] != ' ' || !end[1] ||
			!strchr("tTwW", end[1]) || end[2] != ' ')
			continue;
		name = end + 3;
		/* the compiler's: "ip_rcv_finish_core.constprop.0" */
		name[strcspn(name, " \t\n.")] = '\0';
		best = at;
		memcpy(best_name, name, strlen(name) + 1);
	}
	if (file)
		fclose(file);
	/* where it is not allowed to be seen each address is 0 */
	return best ? arena_strdup(arena, best_name)
		    : arena_printf(arena, "0x%llx", (unsigned long long)location);
}

const char *drops_function(struct drops_names *names, uint64_t location)
{
	struct known *function;

	vec_for_each (known, &names->functions) {
		if (known->number == location)
			return known->name;
	}
	function = vec_push(&names->functions, names->arena);
	/* It is where the call returns to: behind the end of a function whose last instruction the call is. */
	*function =
		(struct known){ .number = location, .name = look_up(names->arena, location - 1) };
	return function->name;
}
