// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From the surest sign to the weakest: the table's name (nft), the chain's, the chain that a rule
 * jumps to, the comment, the interface. In a built-in chain only the rule itself tells; in a chain
 * of one's own the chain does, whatever the rule says: who hangs a rule into DOCKER-USER is not
 * Docker, but Docker asks them to, and nothing shows who it was.
 */
#include "ruleset/owner.h"

#include <string.h>

#include "base/text.h"
#include "base/vec.h"

enum sign {
	SIGN_TABLE,	   /* the name of an nft table */
	SIGN_TABLE_PREFIX, /* "kube-proxy", "libvirt_network": how it begins */
	SIGN_CHAIN,
	SIGN_CHAIN_PREFIX,
	SIGN_COMMENT,
	SIGN_COMMENT_PREFIX,
	SIGN_IFACE, /* an interface that only this program makes */
	SIGN_IFACE_PREFIX,
	/* A chain whose presence says that the whole table was written by the program. */
	SIGN_WHOLE_TABLE,
};

/* More than one may fit: the first one counts, so longer prefixes of one kind stand first. */
static const struct {
	enum sign sign;
	const char *text, *owner;
} signs[] = {
	{ SIGN_TABLE, "docker-bridges", "Docker" },
	{ SIGN_TABLE, "firewalld", "firewalld" },
	{ SIGN_TABLE, "firewalld_policy_drop", "firewalld" },
	{ SIGN_TABLE, "kube-proxy", "kube-proxy" },
	{ SIGN_TABLE, "libvirt_network", "libvirt" },
	{ SIGN_TABLE, "netavark", "podman (netavark)" },
	{ SIGN_TABLE, "fw4", "OpenWrt fw4" },
	{ SIGN_TABLE, "calico", "Calico" },
	{ SIGN_TABLE, "lxd", "LXD" },
	{ SIGN_TABLE, "incus", "Incus" },
	{ SIGN_TABLE, "portwall", "portwall" },
	{ SIGN_TABLE, "portwall-guard", "portwall" },
	{ SIGN_TABLE, "io.systemd.nat", "systemd-networkd" },
	{ SIGN_TABLE, "sshguard", "sshguard" },
	{ SIGN_TABLE_PREFIX, "f2b-", "fail2ban" },
	{ SIGN_TABLE_PREFIX, "crowdsec", "CrowdSec" },
	{ SIGN_TABLE_PREFIX, "nm-shared-", "NetworkManager" },
	{ SIGN_TABLE_PREFIX, "wg-quick-", "wg-quick" },
	{ SIGN_TABLE_PREFIX, "cni_", "CNI plugins" },

	{ SIGN_CHAIN, "DOCKER", "Docker" },
	{ SIGN_CHAIN_PREFIX, "DOCKER-", "Docker" },
	{ SIGN_CHAIN_PREFIX, "LIBVIRT_", "libvirt" },
	{ SIGN_CHAIN_PREFIX, "libvirt-", "libvirt (nwfilter)" },
	{ SIGN_CHAIN_PREFIX, "KUBE-ROUTER-", "kube-router" },
	{ SIGN_CHAIN_PREFIX, "KUBE-", "kube-proxy" },
	{ SIGN_CHAIN_PREFIX, "FLANNEL-", "flannel" },
	{ SIGN_CHAIN_PREFIX, "CILIUM_", "Cilium" },
	{ SIGN_CHAIN_PREFIX, "cali-", "Calico" },
	{ SIGN_CHAIN_PREFIX, "felix-", "Calico" },
	{ SIGN_CHAIN_PREFIX, "WEAVE", "Weave Net" },
	{ SIGN_CHAIN_PREFIX, "CNI-", "CNI plugins" },
	{ SIGN_CHAIN_PREFIX, "NETAVARK", "podman (netavark)" },
	{ SIGN_CHAIN_PREFIX, "ufw6-", "ufw" },
	{ SIGN_CHAIN_PREFIX, "ufw-", "ufw" },
	{ SIGN_CHAIN_PREFIX, "f2b-", "fail2ban" },
	{ SIGN_CHAIN_PREFIX, "fail2ban-", "fail2ban" },
	{ SIGN_CHAIN_PREFIX, "ts-", "Tailscale" },
	{ SIGN_CHAIN_PREFIX, "PVEFW-", "Proxmox VE" },
	{ SIGN_CHAIN_PREFIX, "nm-sh-", "NetworkManager" },
	{ SIGN_CHAIN_PREFIX, "ISTIO_", "Istio" },
	{ SIGN_CHAIN_PREFIX, "AWS-SNAT-CHAIN", "AWS VPC CNI" },
	{ SIGN_CHAIN_PREFIX, "MINIUPNPD", "miniupnpd" },
	{ SIGN_CHAIN, "sshguard", "sshguard" },
	{ SIGN_CHAIN_PREFIX, "CROWDSEC", "CrowdSec" },
	{ SIGN_CHAIN_PREFIX, "neutron-", "Neutron" },
	{ SIGN_CHAIN_PREFIX, "nova-", "Nova" },
	{ SIGN_CHAIN_PREFIX, "BF-", "CloudStack" },

	{ SIGN_COMMENT_PREFIX, "cali:", "Calico" },
	{ SIGN_COMMENT_PREFIX, "flanneld ", "flannel" },
	{ SIGN_COMMENT_PREFIX, "kubernetes ", "kube-proxy" },
	{ SIGN_COMMENT_PREFIX, "cilium", "Cilium" },
	{ SIGN_COMMENT_PREFIX, "generated for LXD network", "LXD" },
	{ SIGN_COMMENT_PREFIX, "generated for Incus network", "Incus" },
	{ SIGN_COMMENT_PREFIX, "name: \"", "CNI plugins" },
	{ SIGN_COMMENT_PREFIX, "crowdsec", "CrowdSec" },

	{ SIGN_WHOLE_TABLE, "shorewall", "Shorewall" },
	{ SIGN_WHOLE_TABLE, "INPUT_direct", "firewalld" },
	{ SIGN_WHOLE_TABLE, "PREROUTING_direct", "firewalld" },
	{ SIGN_WHOLE_TABLE, "OUTPUT_direct", "firewalld" },
	{ SIGN_WHOLE_TABLE, "zone_wan_input", "OpenWrt" },

	{ SIGN_IFACE, "docker0", "Docker" },
	{ SIGN_IFACE, "docker_gwbridge", "Docker" },
	{ SIGN_IFACE, "cni0", "CNI plugins" },
	{ SIGN_IFACE, "lxcbr0", "LXC" },
	{ SIGN_IFACE_PREFIX, "lxdbr", "LXD" },
	{ SIGN_IFACE_PREFIX, "incusbr", "Incus" },
	{ SIGN_IFACE_PREFIX, "cni-podman", "podman (CNI plugins)" },
	{ SIGN_IFACE, "kube-bridge", "kube-router" },
	{ SIGN_IFACE_PREFIX, "virbr", "libvirt" },
	{ SIGN_IFACE_PREFIX, "podman", "podman (netavark)" },
	{ SIGN_IFACE_PREFIX, "flannel.", "flannel" },
	{ SIGN_IFACE_PREFIX, "tailscale", "Tailscale" },
};

#define NOBODY "nobody known"

static bool sign_fits(size_t i, enum sign sign, enum sign prefix, const char *value)
{
	if (signs[i].sign == sign)
		return strcmp(value, signs[i].text) == 0;
	return signs[i].sign == prefix && text_has_prefix(value, signs[i].text);
}

static const char *look_up(enum sign sign, enum sign prefix, const char *value)
{
	for (size_t i = 0; i < N_OF(signs); i++)
		if (sign_fits(i, sign, prefix, value))
			return signs[i].owner;
	return NULL;
}

/* Docker calls the bridges of its networks "br-" and 12 digits of their id. */
static bool is_docker_bridge(const char *name)
{
	return text_has_prefix(name, "br-") && strspn(name + 3, "0123456789abcdef") == 12 &&
	       strlen(name) == 15;
}

/* portwall writes Neutron's layout; its mark is a chain "PREFIXowner". */
static bool is_portwalls(const struct table *table, const char *chain_name)
{
	static const char end[] = "owner";

	for (size_t i = 0; i < table->n_chains; i++) {
		const struct chain *chain = &table->chains[i];
		size_t len = strlen(chain->name), prefix = len - (sizeof(end) - 1);

		if (len >= sizeof(end) && !strcmp(chain->name + prefix, end) &&
			strncmp(chain->name, chain_name, prefix) == 0 && chain->n_rules &&
			chain->rules[0].comment &&
			text_has_prefix(chain->rules[0].comment, "portwall "))
			return true;
	}
	return false;
}

static const char *owner_of_chain_name(const struct table *table, const char *name)
{
	return is_portwalls(table, name) ? "portwall"
					 : look_up(SIGN_CHAIN, SIGN_CHAIN_PREFIX, name);
}

static const char *owner_of_whole_table(const struct table *table, const char **ret_chain)
{
	for (size_t i = 0; i < N_OF(signs); i++) {
		if (signs[i].sign != SIGN_WHOLE_TABLE || !table_chain(table, signs[i].text))
			continue;
		*ret_chain = signs[i].text;
		return signs[i].owner;
	}
	return NULL;
}

const char *owner_of_device(const char *name)
{
	return is_docker_bridge(name) ? "Docker" : look_up(SIGN_IFACE, SIGN_IFACE_PREFIX, name);
}

static const char *iface_of(const struct match *match)
{
	switch (match->kind) {
	case MATCH_IN_IFACE:
	case MATCH_OUT_IFACE:
	case MATCH_PHYSDEV_IN:
	case MATCH_PHYSDEV_OUT:
		return match->name;
	default:
		return NULL;
	}
}

static struct owner known(
	struct arena *arena, const char *owner, const char *what, const char *name)
{
	return (struct owner){ .name = owner,
		.evidence = arena_printf(arena, "%s %s is %s's", what, name, owner),
		.is_known = true };
}

/* What a rule of a chain that everybody writes into says of itself. */
static bool owner_of_lone_rule(
	struct arena *arena, const struct table *table, const struct rule *rule, struct owner *ret)
{
	const char *owner;

	if (rule->target.kind == TARGET_JUMP || rule->target.kind == TARGET_GOTO) {
		owner = owner_of_chain_name(table, rule->target.chain);
		if (owner) {
			*ret = known(arena, owner, "the chain that it calls,", rule->target.chain);
			return true;
		}
	}
	owner = rule->comment ? look_up(SIGN_COMMENT, SIGN_COMMENT_PREFIX, rule->comment) : NULL;
	if (owner) {
		*ret = (struct owner){ .name = owner,
			.evidence = arena_printf(
				arena, "%s writes such comments: \"%s\"", owner, rule->comment),
			.is_known = true };
		return true;
	}
	for (size_t i = 0; i < rule->n_matches; i++) {
		const char *iface = iface_of(&rule->matches[i]);

		owner = iface ? owner_of_device(iface) : NULL;
		if (!owner)
			continue;
		*ret = known(arena, owner, "the interface", iface);
		return true;
	}
	return false;
}

struct owner owner_of_rule(struct arena *arena, const struct table *table,
	const struct chain *chain, const struct rule *rule)
{
	const char *owner, *marker;
	struct owner lone;

	owner = table->source == SOURCE_NFT ? look_up(SIGN_TABLE, SIGN_TABLE_PREFIX, table->name)
					    : NULL;
	if (owner)
		return known(arena, owner, "the table", table->name);
	if (!chain->is_base || table->source == SOURCE_NFT) {
		owner = owner_of_chain_name(table, chain->name);
		if (owner)
			return known(arena, owner, "the chain", chain->name);
	}
	if (rule && owner_of_lone_rule(arena, table, rule, &lone))
		return lone;
	owner = owner_of_whole_table(table, &marker);
	if (owner)
		return known(arena, owner, "this table has the chain", marker);
	return (struct owner){ .name = NOBODY,
		.evidence =
			"no name of a table, a chain, a comment or an interface tells; it may have "
			"been written by hand" };
}
