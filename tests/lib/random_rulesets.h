/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_RANDOM_RULESETS_H
#define TESTS_RANDOM_RULESETS_H

#include "base/text.h"
#include "packet/packet.h"
#include "ruleset/plan.h"
#include "ruleset/ruleset.h"

/*
 * Random hosts in the layout of Neutron's driver, small enough that random packets meet their
 * rules often: a few ports, a few sets, a few addresses. Made as the texts that the tools save,
 * so that the same host can be read by portwall and loaded into the kernel.
 */

struct prng {
	uint64_t state;
};

uint32_t prng_below(struct prng *prng, uint32_t n); /* 0 .. n-1 */
bool prng_one_in(struct prng *prng, uint32_t n);

#define MODEL_PORTS 4
#define MODEL_SETS  3
#define MODEL_ADDRS 8 /* a family; that of port i is address i */
#define MODEL_RULES 5

extern const struct plan_scope model_scope;

struct model_rule {
	uint8_t kind, set, addr, port, comment;
};

struct model {
	struct model_port {
		bool is_present;
		uint8_t n_rules[N_IP_FAMILIES][2]; /* by direction: in, out */
		struct model_rule rules[N_IP_FAMILIES][2][MODEL_RULES];
	} ports[MODEL_PORTS];
	/* The last bit: everything (/0). */
	uint16_t members[N_IP_FAMILIES][MODEL_SETS];
	bool is_large[N_IP_FAMILIES][MODEL_SETS]; /* maxelem 4 or 65536 */
	bool has_bridge;
};

void model_fill(struct model *model, struct prng *prng);
/* One to a few changes, each of them small. */
void model_change(struct model *model, struct prng *prng);

struct host_texts {
	struct text rules[N_IP_FAMILIES], ipset, nft;
};

#define HOST_TEXTS_INIT                                                                            \
	{                                                                                          \
		{ TEXT_INIT, TEXT_INIT }, TEXT_INIT, TEXT_INIT                                     \
	}

void host_texts_done(struct host_texts *texts);

enum {
	HOST_COUNTERS = 1 << 0, /* every rule has its own */
	HOST_FOREIGN = 1 << 1,	/* rules, chains and sets of somebody else around ours */
	HOST_DIRTY = 1 << 2,	/* rules of ours lost, doubled or moved */
	HOST_TWINS = 1 << 3,	/* as a run leaves it that was killed between its rules */
};

void model_print(
	const struct model *model, struct prng *prng, unsigned flags, struct host_texts *ret);
/* Fails the test when a text is not understood. */
struct ruleset *host_texts_parse(struct arena *arena, const struct host_texts *texts);

/* From one port or the outside to another, in the middle of what rules speak of. */
struct packet model_packet(struct prng *prng);
/* The port by its interface; -1: up0, the outside. */
int model_port_of(const char *iface);

#endif
