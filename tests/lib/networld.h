/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_NETWORLD_H
#define TESTS_NETWORLD_H

#include "agent/agent.h"
#include "ruleset/eval.h"
#include "net.h"
#include "netct.h"

/*
 * A host with a policy on it, and the three answers to every packet:
 *
 *	the kernel's		did the frame arrive?
 *	policy_decide's		at the port it left and at the port it goes to
 *	the ruleset's		ruleset_eval over every hook of its way, over what was compiled and over
 *				what was read back from the kernel
 *
 * A shot is one frame from one end to another. Its text is
 *
 *	tcp A:1000 > out:80		names are addresses: A, A6 (IPv6), Al (link-local), out, out6, host ..
 *	udp 10.0.0.10 > B6		or literal ones, [2001:db8::1]:53 with a port
 *	icmp A > B type 3 code 1	icmpv6 likewise; any protocol by name or number
 *	tcp A > B:22 flags SA seq 1 ack 5	S A F R P
 *	sctp A > B:22 chunk 0		0 data, 1 init
 *	icmp A > B id 5
 *	udp A > B mac 02:00:00:00:00:99
 *	udp A > B bad			a wrong checksum
 *	udp A > B dmac ff:ff:ff:ff:ff:ff
 *	udp A > B:53 pieces 24		in fragments
 *	udp A > B size 1000		bytes of payload
 *	arp A [sha MAC] [mac MAC]	sender address and MACs; rarp likewise
 *	vlan udp A > B			tagged; qinq, pppoe likewise
 *	type 0x88cc			any other frame
 *
 * Ports that are not given: a new source port for each shot, destination 7.
 */

struct world {
	struct net *net;
	struct arena *arena; /* of the last policy */
	struct agent_options options;
	struct agent_report report;
	struct agent_view view;
	struct net_ct *ct;
	uint16_t next_port;
};

enum expect { EXPECT_EQUAL /* of the answers, whatever it is */, EXPECT_PASS, EXPECT_DROP };

struct shot {
	struct net_end *from, *to;
	struct net_frame frame;
	bool is_port_new; /* the text gives no source port */
	enum expect expect;
	const char *text; /* for messages */
	/* what the filters see where NAT has changed addresses before; NULL: the frame itself */
	const struct packet *seen;
	/* what conntrack will say where the model does not know (windows); 0: the model is asked */
	enum ct_state said;
	/* the answers */
	uint64_t tag;
	bool arrived, is_allowed;
	enum verdict wanted, found;
	struct decision decision; /* the first drop, or the last pass */
	enum ct_state ct_state;
};

struct world *world_new(enum net_kind kind, const char *backend);
void world_freep(struct world **world);
/* Guests A, B, ...: port ids world_port_id(i), MACs 02:00:00:00:00:0a and so on, addresses
 * 10.0.0.10.. and 2001:db8::a... */
void world_add_guests(struct world *world, size_t n);
const char *world_port_id(size_t i);

/* From YAML to the kernel; apply fails the test when it is refused. */
bool world_try(struct world *world, const char *yaml, struct err *err);
void world_apply(struct world *world, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * Apply and nothing else: the ruleset is not read back, which takes as many programs as the change. There is no view
 * to judge shots by until the next world_try or world_apply.
 */
bool world_change(struct world *world, const char *yaml, struct err *err);
/* The policy as it stands again, and what it changed: 0 when apply is idempotent. */
size_t world_apply_again(struct world *world);
/* For the model and the kernel: no flow is known. */
void world_forget_flows(struct world *world);

void shot_parse(
	struct world *world, struct shot *shot, const char *from, const char *to, const char *text);
/* For the same shot again as a flow of its own: another source port, where the text gives none. */
void shot_renew(struct world *world, struct shot *shot);
/* Sends all in order and holds the answers together; returns how many are wrong, each printed.*/
size_t world_judge(struct world *world, struct shot *shots, size_t n);
/* One shot; true when it arrived. The answers must agree. */
bool world_shoot(struct world *world, const char *from, const char *to, const char *text);
/* The same without asking policy and ruleset: for flows that the model does not know. */
bool world_arrives(struct world *world, const char *from, const char *to, const char *text);

/* A table of rows is the usual test: returns how many are wrong. */
struct shot_row {
	const char *from, *to, *text;
	enum expect expect;
	int reason; /* enum reason, or -1 for any */
};
size_t world_judge_rows(struct world *world, const struct shot_row *rows, size_t n);

/*
 * Cases of a test program: each is run on a fresh host with three guests, once for every kind of
 * host and every variant of iptables that it names.
 */
#define ON_SHARED 1u
#define ON_HYBRID 2u
#define ON_ROUTED 4u
#define ON_EVERY  7u
#define BY_NFT	  8u
#define BY_LEGACY 16u
#define BY_BOTH	  24u

struct world_case {
	const char *name;
	void (*run)(struct world *world);
	unsigned on; /* ON_..., BY_... */
};
#define WORLD_CASE(run, on)                                                                        \
	{                                                                                          \
#run, run, on                                                                      \
	}
/* The whole of main: 0 or 1. PORTWALL_CASE=text runs those whose name has it. */
int world_main(const struct world_case *cases, size_t n);
/* The same, so many at once: for cases that mostly wait. */
int world_main_beside(const struct world_case *cases, size_t n, unsigned n_at_once);

#define PASS(why) EXPECT_PASS, REASON_##why
#define DROP(why) EXPECT_DROP, DROP_##why

struct net_end *world_end(const struct world *world, const char *name);
/* iptables-save of all tables of both families and ipset save and the bridge tables, without
 * counters and dates. */
void world_save(const struct world *world, struct text *out);

#endif
