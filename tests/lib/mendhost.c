// SPDX-License-Identifier: GPL-2.0-or-later
#include "mendhost.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "net.h"
#include "unit.h"

static const struct agent_options options = { .lock_wait_s = 20 };

static void fill(const struct mendhost *h)
{
	static const struct {
		const char *digit, *net, *ctr;
	} families[] = { { "", MEND_NET4, "172.17.0.2/32" }, { "6", MEND_NET6, "fd00:17::2/128" } };

	for (size_t i = 0; i < N_OF(families); i++)
		net_sh("ip%stables-%s-restore <<'END'\n"
		       "*nat\n:DOCKER - [0:0]\n"
		       "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n"
		       "-A POSTROUTING -s %s ! -o docker0 -j MASQUERADE\n"
		       "-A POSTROUTING -o eth9 -m comment --comment \"it's \\\"ours\\\"\" -j ACCEPT\n"
		       "-A POSTROUTING -s %s -o eth8 -j MASQUERADE\n"
		       "-A DOCKER -i docker0 -j RETURN\nCOMMIT\n"
		       "*raw\n-A PREROUTING -d %s ! -i docker0 -j DROP\nCOMMIT\n"
		       "*filter\n:FORWARD DROP [0:0]\n:DOCKER-USER - [0:0]\n"
		       "-A FORWARD -j DOCKER-USER\n"
		       "-A DOCKER-USER -p tcp -m tcp --dport 25 -j DROP\n"
		       "-A DOCKER-USER -j RETURN\nCOMMIT\nEND\n",
			families[i].digit, h->variant, families[i].net, families[i].net,
			families[i].ctr);
	net_sh("ip link add br0 up type bridge; ip link add v0 up mtu 1400 master br0 type veth peer v1;"
	       "cd /proc/sys/net/ipv4; echo 1 >conf/v1/forwarding; echo 2 >conf/v0/rp_filter;"
	       "nft 'table inet other { chain c { counter accept; }; }'");
}

struct mendhost *mendhost_new(const char *variant)
{
	struct mendhost *h = calloc(1, sizeof(*h));

	h->variant = variant;
	h->arena = arena_new();
	h->before = (struct text)TEXT_INIT;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	net_sh("rm -rf /run/portwall");
	fill(h);
	mendhost_shot(&h->before);
	return h;
}

void mendhost_free(struct mendhost *h)
{
	text_done(&h->before);
	arena_free(h->arena);
	free(h);
}

void mendhost_freep(struct mendhost **h)
{
	mendhost_free(*h);
}

void mendhost_rule(struct mendhost *h, enum family family, const char *table, const char *chain,
	size_t at, const char *rule, const char *before)
{
	*vec_push(&h->edits, h->arena) = (struct host_edit){
		.kind = !rule	 ? HOST_EDIT_RULE_REMOVE
			: before ? HOST_EDIT_RULE_REPLACE
				 : HOST_EDIT_RULE_ADD,
		.source = strcmp(h->variant, "nft") ? SOURCE_IPTABLES_LEGACY : SOURCE_IPTABLES,
		.family = family,
		.table = table,
		.chain = chain,
		.at = at,
		.rule = rule,
		.before = before,
	};
}

void mendhost_sysctl(struct mendhost *h, const char *name, const char *before, const char *value)
{
	*vec_push(&h->edits, h->arena) = (struct host_edit){
		.kind = HOST_EDIT_SYSCTL, .name = name, .value = value, .before = before
	};
}

void mendhost_link(struct mendhost *h, const char *name, enum link_flag flag, const char *before,
	const char *value)
{
	*vec_push(&h->edits, h->arena) = (struct host_edit){
		.kind = HOST_EDIT_LINK, .name = name, .flag = flag, .value = value, .before = before
	};
}

void mendhost_table(struct mendhost *h, const char *name, const char *text, const char *before)
{
	*vec_push(&h->edits, h->arena) =
		(struct host_edit){ .kind = text ? HOST_EDIT_TABLE_ADD : HOST_EDIT_TABLE_REMOVE,
			.source = SOURCE_NFT,
			.family = FAMILY_INET,
			.table = name,
			.rule = text,
			.before = before };
}

void mendhost_everything(struct mendhost *h)
{
	for (enum family f = FAMILY_IPV4; f < N_IP_FAMILIES; f++) {
		const char *broad =
			f == FAMILY_IPV4 ? "-s " MEND_NET4 MEND_BROAD : "-s " MEND_NET6 MEND_BROAD;
		const char *marked = f == FAMILY_IPV4
					     ? "-s " MEND_NET4 " -m mark --mark 0xd0 -j MASQUERADE"
					     : "-s " MEND_NET6 " -m mark --mark 0xd0 -j MASQUERADE";

		mendhost_rule(h, f, "nat", "POSTROUTING", 0, MEND_SPARE, NULL);
		mendhost_rule(h, f, "nat", "POSTROUTING", 1, marked, broad);
		if (f == FAMILY_IPV4)
			mendhost_sysctl(h, "net.ipv4.ip_forward", "0", "1");
		mendhost_rule(
			h, f, "filter", "DOCKER-USER", 0, NULL, "-p tcp -m tcp --dport 25 -j DROP");
		mendhost_rule(h, f, "filter", "DOCKER-USER", 1, "-i qbr+ -j ACCEPT", NULL);
	}
	mendhost_link(h, "br0", LINK_FLAG_NF_CALL_IPTABLES, "0", "1");
	mendhost_table(h, "guard",
		"table inet guard {\n"
		"\tcomment \"keeps VMs' addresses\"\n"
		"\tchain post {\n"
		"\t\ttype nat hook postrouting priority -199; policy accept;\n"
		"\t\toifname \"qbr*\" snat ip to ip saddr\n"
		"\t}\n"
		"}\n",
		NULL);
}

bool mendhost_mend(struct mendhost *h, const char *id, unsigned undo_after_s,
	struct mend_result *ret, struct err *err)
{
	const struct mend mend = { .id = id,
		.title = "a fix\nof \\ two lines",
		.edits = h->edits.items,
		.n_edits = h->edits.n,
		.undo_after_s = undo_after_s };

	*err = (struct err){ 0 };
	return agent_mend(h->arena, &mend, &options, ret, err);
}

void mendhost_must_mend(struct mendhost *h, const char *id, unsigned undo_after_s)
{
	struct mend_result result;
	struct err err;

	if (!mendhost_mend(h, id, undo_after_s, &result, &err))
		fail_msg("%s", err.text);
	assert_int_equal(result.n_notes, 0);
}

const char *mendhost_must_unmend(struct mendhost *h, const char *id)
{
	static struct text notes = TEXT_INIT;
	struct mend_result result;
	struct err err;

	if (!agent_unmend(h->arena, id, &options, &result, &err))
		fail_msg("%s", err.text);
	text_clear(&notes);
	for (size_t i = 0; i < result.n_notes; i++)
		text_addf(&notes, "%s\n", result.notes[i]);
	return notes.data;
}

size_t mendhost_n_mended(struct mendhost *h)
{
	struct mended *mended;
	struct err err;
	size_t n = 99;

	if (!agent_mended(h->arena, &mended, &n, &err))
		fail_msg("%s", err.text);
	return n;
}

void mendhost_shot(struct text *out)
{
	text_clear(out);
	if (!net_try_sh(out,
		    "for i in '' 6; do for v in nft legacy; do echo \"ip$i $v\";"
		    "ip${i}tables-$v-save 2>/dev/null | sed '/^#/d; s/ \\[[0-9:]*\\]$//'; done; done;"
		    "for t in $(nft list tables | sed -n 's/table inet //p'); do"
		    " nft -s list table inet $t; done;"
		    "sysctl net.ipv4.ip_forward net.ipv4.conf.all.rp_filter"
		    " net.ipv6.conf.all.forwarding;"
		    "sysctl -a -r '^net\\.ipv[46]\\.conf\\..*\\.(forwarding|rp_filter)$';"
		    "ip -d link show br0 | grep -oE "
		    "'state [A-Z]*|nf_call_[a-z0-9]* .|mcast_(snooping|querier) .' | grep -v state;"
		    "bridge -d link show dev v0 | grep -oE '(isolated|locked|hairpin) [a-z]*';"
		    "ip link show v0 | grep -oE 'mtu [0-9]*';"
		    "ip link show v1 | grep -oE '<[^>]*>' | grep -oE '\\<UP\\>'; true"))
		fail_msg("%s", out->data);
}

void mendhost_must_be_as_before(struct mendhost *h)
{
	struct text now CLEANUP(text_done) = TEXT_INIT;

	mendhost_shot(&now);
	assert_string_equal(now.data, h->before.data);
}

void mendhost_must_differ(struct mendhost *h)
{
	struct text now CLEANUP(text_done) = TEXT_INIT;

	mendhost_shot(&now);
	assert_string_not_equal(now.data, h->before.data);
}

const char *mendhost_rules(
	struct mendhost *h, enum family family, const char *table, const char *chain)
{
	static struct text out = TEXT_INIT;
	const char *command = arena_printf(h->arena,
		"ip%stables-%s-save -t %s 2>/dev/null | sed -n 's/^-A %s //p'",
		family == FAMILY_IPV6 ? "6" : "", h->variant, table, chain);

	text_clear(&out);
	if (!net_try_sh(&out, command))
		fail_msg("%s", out.data);
	return out.data;
}

void mendhost_iptables(struct mendhost *h, enum family family, const char *words)
{
	net_sh("ip%stables-%s %s", family == FAMILY_IPV6 ? "6" : "", h->variant, words);
}
