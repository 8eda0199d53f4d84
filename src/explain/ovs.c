// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A bridge of Open vSwitch. What its flow tables say decides; of them the simple ones are walked: those
 * that look at port, VLAN, MACs, ethertype and IPv4 addresses and then drop, send, change the
 * VLAN, go to another table or say NORMAL. Everything else is a flow whose text is given as the
 * reason why it cannot be told. NORMAL is a learning switch with VLANs (ovs-vswitchd.conf.db(5),
 * tag and trunks).
 */
#include <stdlib.h>
#include <string.h>

#include "explain/internal.h"

#define MAX_TABLES_VISITED 64

static const struct ovs_bridge *bridge_find(const struct host *host, const char *name)
{
	for (size_t i = 0; i < host->n_ovs_bridges; i++)
		if (!strcmp(host->ovs_bridges[i].name, name))
			return &host->ovs_bridges[i];
	return NULL;
}

/* --- out of a port --- */

static struct answer output(struct walk *walk, struct skb *skb, const struct ovs_port *port)
{
	const struct netns *ns = NULL;
	const struct link *link;
	const struct ovs_port *peer;
	bool is_internal = !strcmp(port->type, "internal");

	if (walk_is_too_long(walk))
		return end_too_long(walk, skb);
	if (!strcmp(port->type, "patch")) {
		peer = port->peer ? host_ovs_port(walk->host, port->peer) : NULL;
		if (!peer)
			return end_cannot_tell(
				walk, skb, "the peer of patch port %s is not known", port->name);
		return ovs_input(walk, skb, peer);
	}
	if (strcmp(port->type, "") != 0 && !is_internal)
		return end_cannot_tell(walk, skb,
			"it goes into the tunnel port %s: the outer packet is not walked",
			port->name);
	link = host_ovs_link(walk->host, port, &ns);
	if (!link)
		return end_cannot_tell(walk, skb, "the device of port %s was not read", port->name);
	skb->ns = ns;
	skb->dev = link;
	/* ovs_vport_send; of the datapath in user space the socket says EMSGSIZE (net/packet/af_packet.c, packet_snd) */
	if (!skb_is_unknown(skb, FIELD_LENGTH) && skb->packet.length > link->mtu)
		return end_dropped(walk, skb, DROP_MTU);
	return is_internal ? device_receive(walk, skb) : device_transmit(walk, skb);
}

/* --- NORMAL --- */

static bool port_has_vlan(const struct ovs_port *port, uint16_t vlan)
{
	if (port->tag)
		return port->tag == vlan;
	if (!port->n_trunks)
		return true;
	for (size_t i = 0; i < port->n_trunks; i++)
		if (port->trunks[i] == vlan)
			return true;
	return false;
}

/* The VLAN that the switch takes the frame to be in. */
static bool normal_vlan(
	const struct ovs_port *port, const struct packet *packet, uint16_t *ret_vlan)
{
	uint16_t vlan = packet_is_tagged(packet) ? packet->vlan_id : 0;

	if (port->tag) {
		*ret_vlan = port->tag;
		return vlan == 0;
	}
	*ret_vlan = vlan;
	return port_has_vlan(port, vlan);
}

static struct answer normal_out(
	struct walk *walk, struct skb *skb, const struct ovs_port *port, uint16_t vlan)
{
	if (port->tag || !vlan)
		packet_untag(&skb->packet);
	else
		packet_tag(&skb->packet, vlan);
	return output(walk, skb, port);
}

static bool is_candidate(const struct ovs_port *port, const struct ovs_port *in, uint16_t vlan)
{
	return port != in && !strcmp(port->bridge, in->bridge) && port_has_vlan(port, vlan);
}

static struct answer normal_flood(
	struct walk *walk, struct skb *skb, const struct ovs_port *in, uint16_t vlan, bool is_case)
{
	struct answer answer = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < walk->host->n_ovs_ports; i++)
		n += is_candidate(&walk->host->ovs_ports[i], in, vlan);
	for (size_t i = 0; i < walk->host->n_ovs_ports; i++) {
		const struct ovs_port *port = &walk->host->ovs_ports[i];
		struct skb one = *skb;
		struct answer part;

		if (!is_candidate(port, in, vlan))
			continue;
		one.branch = n == 1 ? skb->branch : is_case ? BRANCH_CASE : BRANCH_COPY;
		part = normal_out(walk, &one, port, vlan);
		answer = is_case ? answer_of_cases(walk, answer, part)
				 : answer_of_copies(walk, answer, part);
	}
	return n ? answer : end_dropped(walk, skb, DROP_OVS_NO_TARGET);
}

/* The port to which query.toward leads; NULL: nobody said, or none that the frame may leave by. */
static const struct ovs_port *normal_toward(
	const struct walk *walk, const struct ovs_port *in, uint16_t vlan)
{
	const struct toward *toward = walk->query->toward;
	const struct ovs_port *port = toward ? toward_ovs_port(toward, in->bridge) : NULL;

	return port && is_candidate(port, in, vlan) ? port : NULL;
}

static struct answer normal(struct walk *walk, struct skb *skb, const struct ovs_bridge *bridge,
	const struct ovs_port *in)
{
	const struct ovs_port *toward;
	uint16_t vlan;

	if (!normal_vlan(in, &skb->packet, &vlan))
		return end_dropped(walk, skb, DROP_OVS_VLAN);
	if (in->vlan_mode && strcmp(in->vlan_mode, "access") != 0 &&
		strcmp(in->vlan_mode, "trunk") != 0)
		return end_cannot_tell(walk, skb, "vlan_mode %s of port %s is not walked",
			in->vlan_mode, in->name);
	toward = normal_toward(walk, in, vlan);
	if (skb_is_unknown(skb, FIELD_ETH_DST))
		return toward ? normal_out(walk, skb, toward, vlan)
			      : normal_flood(walk, skb, in, vlan, true);
	for (size_t i = 0; i < bridge->n_fdb && !mac_is_multicast(skb->packet.eth_dst); i++) {
		const struct ovs_fdb *entry = &bridge->fdb[i];
		const struct ovs_port *port;

		if (entry->vlan != vlan || !mac_equal(entry->mac, skb->packet.eth_dst))
			continue;
		port = host_ovs_port(walk->host, entry->port);
		if (port == in)
			return end_dropped(walk, skb, DROP_OVS_NO_TARGET);
		if (port)
			return normal_out(walk, skb, port, vlan);
	}
	if (toward && !mac_is_multicast(skb->packet.eth_dst))
		return normal_out(walk, skb, toward, vlan);
	return normal_flood(
		walk, skb, in, vlan, !bridge->has_fdb && !mac_is_multicast(skb->packet.eth_dst));
}

/* --- flows --- */

enum fits { FITS_NOT, FITS, FITS_MAYBE };

static bool word_is(const char *word, size_t len, const char *text)
{
	return strlen(text) == len && !memcmp(word, text, len);
}

/* The value of "key=value" in a word. */
static bool word_value(const char *word, size_t len, const char *key, char *ret, size_t ret_size)
{
	size_t key_len = strlen(key), n;

	if (len <= key_len || memcmp(word, key, key_len) != 0 || word[key_len] != '=')
		return false;
	n = len - key_len - 1;
	if (n >= ret_size)
		return false;
	memcpy(ret, word + key_len + 1, n);
	ret[n] = '\0';
	return true;
}

static enum fits fits_if(bool fits)
{
	return fits ? FITS : FITS_NOT;
}

static enum fits port_fits(const char *value, const struct ovs_port *in)
{
	size_t len = strlen(value);

	if (!strcmp(value, "LOCAL"))
		return fits_if(!strcmp(in->name, in->bridge));
	if (value[0] == '"')
		return fits_if(len > 2 && word_is(value + 1, len - 2, in->name));
	if (value[0] >= '0' && value[0] <= '9')
		return in->ofport > 0 ? fits_if(strtol(value, NULL, 10) == in->ofport) : FITS_MAYBE;
	return fits_if(!strcmp(value, in->name));
}

static enum fits mac_fits(const char *value, struct mac mac, bool is_unknown)
{
	struct mac wanted, mask;
	char text[18] = "";
	const char *slash = strchr(value, '/');

	if (is_unknown)
		return FITS_MAYBE;
	if (!slash)
		return mac_parse(value, &wanted) ? fits_if(mac_equal(wanted, mac)) : FITS_MAYBE;
	if (slash - value != 17)
		return FITS_MAYBE;
	memcpy(text, value, 17);
	if (!mac_parse(text, &wanted) || !mac_parse(slash + 1, &mask))
		return FITS_MAYBE;
	for (int i = 0; i < 6; i++)
		if ((wanted.bytes[i] ^ mac.bytes[i]) & mask.bytes[i])
			return FITS_NOT;
	return FITS;
}

/* The values that a flow asks of destinations: word follows the last one. */
static bool next_dl_dst(const char **word, char *ret, size_t size)
{
	const char *at = strstr(*word, "dl_dst=");
	const char *actions = strstr(*word, "actions=");

	if (!at || (actions && at > actions))
		return false;
	*word = at + 1;
	return word_value(at, strcspn(at, ", "), "dl_dst", ret, size);
}

void ovs_add_traits(struct text *out, const struct host *host, struct mac mac)
{
	char value[64];

	for (size_t b = 0; b < host->n_ovs_bridges; b++) {
		const struct ovs_bridge *bridge = &host->ovs_bridges[b];

		for (size_t i = 0; i < bridge->n_fdb; i++)
			if (mac_equal(bridge->fdb[i].mac, mac))
				text_addf(out, " ovs %zu %s %u", b, bridge->fdb[i].port,
					bridge->fdb[i].vlan);
		for (size_t i = 0; i < bridge->n_flows; i++)
			for (const char *at = bridge->flows[i];
				next_dl_dst(&at, value, sizeof(value));)
				if (mac_fits(value, mac, false) != FITS_NOT)
					text_addf(out, " flow %zu %zu", b, i);
	}
}

bool ovs_parts_groups(const struct host *host)
{
	char value[64];

	for (size_t b = 0; b < host->n_ovs_bridges; b++)
		for (size_t i = 0; i < host->ovs_bridges[b].n_flows; i++)
			for (const char *at = host->ovs_bridges[b].flows[i];
				next_dl_dst(&at, value, sizeof(value));)
				if (text_has_prefix(value, "33:33") ||
					text_has_prefix(value, "01:00:5e"))
					return true;
	return false;
}

static enum fits vlan_fits(const char *value, const struct packet *packet)
{
	unsigned long wanted = strtoul(value, NULL, 0);

	if (wanted == 0xffff)
		return fits_if(!packet_is_tagged(packet));
	return fits_if(packet_is_tagged(packet) && packet->vlan_id == wanted);
}

static enum fits prefix_fits(const char *value, const struct addr *addr, bool is_unknown)
{
	struct prefix prefix;

	if (is_unknown || !prefix_parse(value, &prefix))
		return FITS_MAYBE;
	return fits_if(prefix_contains(&prefix, addr));
}

static enum fits protocol_fits(const char *word, size_t len, const struct packet *packet)
{
	uint16_t ethertype = packet_inner_ethertype(packet);
	static const struct {
		const char *word;
		uint16_t ethertype;
		uint8_t proto;
	} known[] = {
		{ "ip", ETHERTYPE_IPV4, 0 },
		{ "ipv6", ETHERTYPE_IPV6, 0 },
		{ "arp", ETHERTYPE_ARP, 0 },
		{ "rarp", ETHERTYPE_RARP, 0 },
		{ "tcp", ETHERTYPE_IPV4, PROTO_TCP },
		{ "udp", ETHERTYPE_IPV4, PROTO_UDP },
		{ "icmp", ETHERTYPE_IPV4, PROTO_ICMP },
		{ "tcp6", ETHERTYPE_IPV6, PROTO_TCP },
		{ "udp6", ETHERTYPE_IPV6, PROTO_UDP },
		{ "icmp6", ETHERTYPE_IPV6, PROTO_ICMPV6 },
	};

	for (size_t i = 0; i < N_OF(known); i++) {
		if (!word_is(word, len, known[i].word))
			continue;
		if (ethertype != known[i].ethertype)
			return FITS_NOT;
		if (!known[i].proto)
			return FITS;
		return packet->unknown & FIELD_BIT(FIELD_PROTO)
			       ? FITS_MAYBE
			       : fits_if(packet->proto == known[i].proto);
	}
	return FITS_MAYBE;
}

static bool is_statistic(const char *word, size_t len)
{
	static const char *const names[] = { "cookie", "duration", "table", "n_packets", "n_bytes",
		"idle_timeout", "hard_timeout", "idle_age", "hard_age", "priority", "importance" };

	for (size_t i = 0; i < N_OF(names); i++) {
		size_t n = strlen(names[i]);

		if (len > n && !memcmp(word, names[i], n) && word[n] == '=')
			return true;
	}
	return word_is(word, len, "send_flow_rem") || word_is(word, len, "reset_counts");
}

/* The flow without what it counted: "table=0, priority=3,in_port=1 actions=NORMAL". */
static const char *flow_words(struct arena *arena, const char *flow)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	const char *end = strstr(flow, "actions=");

	for (const char *word = flow; word < end;) {
		size_t len = strcspn(word, ", "), gap = strspn(word + len, ", ");

		if (!is_statistic(word, len) || text_has_prefix(word, "table=") ||
			text_has_prefix(word, "priority="))
			text_add_n(&out, word, len + gap);
		word += len + gap;
	}
	text_add(&out, end);
	return arena_strdup(arena, out.data);
}

static enum fits word_fits(
	const char *word, size_t len, const struct skb *skb, const struct ovs_port *in)
{
	const struct packet *packet = &skb->packet;
	char value[64];

	if (!len || is_statistic(word, len))
		return FITS;
	if (word_value(word, len, "in_port", value, sizeof(value)))
		return port_fits(value, in);
	if (word_value(word, len, "dl_vlan", value, sizeof(value)))
		return vlan_fits(value, packet);
	if (word_value(word, len, "vlan_tci", value, sizeof(value)) &&
		!strcmp(value, "0x0000/0x1fff"))
		return fits_if(!packet_is_tagged(packet));
	if (word_value(word, len, "dl_src", value, sizeof(value)))
		return mac_fits(value, packet->eth_src, skb_is_unknown(skb, FIELD_ETH_SRC));
	if (word_value(word, len, "dl_dst", value, sizeof(value)))
		return mac_fits(value, packet->eth_dst, skb_is_unknown(skb, FIELD_ETH_DST));
	if (word_value(word, len, "nw_src", value, sizeof(value)))
		return prefix_fits(value, &packet->src, skb_is_unknown(skb, FIELD_SRC));
	if (word_value(word, len, "nw_dst", value, sizeof(value)))
		return prefix_fits(value, &packet->dst, skb_is_unknown(skb, FIELD_DST));
	if (word_value(word, len, "arp_spa", value, sizeof(value)))
		return prefix_fits(value, &packet->arp_spa, skb_is_unknown(skb, FIELD_ARP_SPA));
	return protocol_fits(word, len, packet);
}

static long flow_number(const char *flow, const char *key, long fallback)
{
	const char *actions = strstr(flow, "actions="), *at = flow;
	size_t len = strlen(key);

	while ((at = strstr(at, key)) && (!actions || at < actions)) {
		if ((at == flow || at[-1] == ' ' || at[-1] == ',') && at[len] == '=')
			return strtol(at + len + 1, NULL, 0);
		at += len;
	}
	return fallback;
}

static enum fits flow_fits(const char *flow, const struct skb *skb, const struct ovs_port *in)
{
	const char *end = strstr(flow, "actions=");
	enum fits fits = FITS;

	if (!end)
		return FITS_NOT;
	for (const char *word = flow; word < end;) {
		size_t len = strcspn(word, ", ");
		enum fits here = word_fits(word, len, skb, in);

		if (here == FITS_NOT)
			return FITS_NOT;
		if (here == FITS_MAYBE)
			fits = FITS_MAYBE;
		word += len + strspn(word + len, ", ");
	}
	return fits;
}

/* The flow with the highest priority; of the possible ones too. NULL: none. ret_rival: another one
 * of that priority which does something else; which of both is taken, OpenFlow leaves open. */
static const char *flow_find(const struct ovs_bridge *bridge, const struct skb *skb,
	const struct ovs_port *in, long table, bool *ret_is_sure, const char **ret_rival)
{
	const char *best = NULL;
	long best_priority = -1;

	*ret_is_sure = true;
	*ret_rival = NULL;
	for (size_t i = 0; i < bridge->n_flows; i++) {
		const char *flow = bridge->flows[i];
		long priority = flow_number(flow, "priority", 32768);
		enum fits fits;

		if (flow_number(flow, "table", 0) != table || priority < best_priority)
			continue;
		fits = flow_fits(flow, skb, in);
		if (fits == FITS_NOT)
			continue;
		if (best && priority == best_priority) {
			if (strcmp(strstr(flow, "actions="), strstr(best, "actions=")) != 0)
				*ret_rival = flow;
			continue;
		}
		*ret_rival = NULL;
		best = flow;
		best_priority = priority;
		*ret_is_sure = fits == FITS;
	}
	return best;
}

static const struct ovs_port *port_by_number(
	const struct walk *walk, const struct ovs_bridge *bridge, const char *text, size_t len)
{
	for (size_t i = 0; i < walk->host->n_ovs_ports; i++) {
		const struct ovs_port *port = &walk->host->ovs_ports[i];

		if (strcmp(port->bridge, bridge->name) != 0)
			continue;
		if (text[0] >= '0' && text[0] <= '9' ? strtol(text, NULL, 10) == port->ofport
						     : word_is(text, len, port->name))
			return port;
		if (text[0] == '"' && len > 2 && word_is(text + 1, len - 2, port->name))
			return port;
	}
	return NULL;
}

struct pipeline {
	const struct ovs_bridge *bridge;
	const struct ovs_port *in;
	unsigned n_tables;
};

static struct answer table_run(
	struct walk *walk, struct skb *skb, struct pipeline pipeline, long table);

/* One action list. An output ends it: several outputs are copies, which the simple flows have
 * not. */
static struct answer actions_run(
	struct walk *walk, struct skb *skb, struct pipeline pipeline, const char *flow)
{
	const char *at = strstr(flow, "actions=") + strlen("actions=");

	while (*at && *at != '\n') {
		size_t len = strcspn(at, ",(\n");
		const struct ovs_port *port;

		if (at[len] == '(')
			len += strcspn(at + len, ")") + 1;
		if (word_is(at, len, "NORMAL"))
			return normal(walk, skb, pipeline.bridge, pipeline.in);
		if (word_is(at, len, "drop"))
			return end_dropped(walk, skb, DROP_OVS_FLOW);
		if (len > 13 && !memcmp(at, "mod_vlan_vid:", 13)) {
			packet_tag(&skb->packet, (uint16_t)strtoul(at + 13, NULL, 0));
		} else if (word_is(at, len, "strip_vlan") || word_is(at, len, "pop_vlan")) {
			packet_untag(&skb->packet);
		} else if (len > 11 && !memcmp(at, "push_vlan:0", 11)) {
			packet_tag(&skb->packet, skb->packet.vlan_id);
		} else if (len > 10 && !memcmp(at, "set_field:", 10) &&
			   !memcmp(at + len - 10, "->vlan_vid", 10)) {
			packet_tag(&skb->packet, (uint16_t)(strtoul(at + 10, NULL, 0) & 0xfff));
		} else if (len > 10 && !memcmp(at, "resubmit(,", 10)) {
			return table_run(walk, skb, pipeline, strtol(at + 10, NULL, 10));
		} else if (len > 11 && !memcmp(at, "goto_table:", 11)) {
			return table_run(walk, skb, pipeline, strtol(at + 11, NULL, 10));
		} else if (len > 7 && !memcmp(at, "output:", 7) && at[len] != ',' &&
			   (port = port_by_number(walk, pipeline.bridge, at + 7, len - 7))) {
			return output(walk, skb, port);
		} else {
			return end_cannot_tell(walk, skb, "this flow is not understood: %s", flow);
		}
		at += len + strspn(at + len, ", ");
	}
	return end_dropped(walk, skb, DROP_OVS_FLOW);
}

static struct answer table_run(
	struct walk *walk, struct skb *skb, struct pipeline pipeline, long table)
{
	bool is_sure;
	const char *rival;
	const char *flow = flow_find(pipeline.bridge, skb, pipeline.in, table, &is_sure, &rival);
	struct node *node;

	if (++pipeline.n_tables > MAX_TABLES_VISITED)
		return end_cannot_tell(walk, skb, "the flow tables of %s go round in circles",
			pipeline.bridge->name);
	node = skb_node(walk, skb, NODE_OVS);
	node->ovs = pipeline.bridge;
	node->note = flow ? flow_words(walk->arena, flow) : "no flow matches";
	if (!flow)
		return end_dropped(walk, skb, DROP_OVS_FLOW);
	if (!is_sure)
		return end_cannot_tell(
			walk, skb, "whether this flow matches is not known: %s", flow);
	if (rival)
		return end_cannot_tell(walk, skb,
			"two flows of one priority match, which of them is taken is open: %s; %s",
			flow, rival);
	return actions_run(walk, skb, pipeline, flow);
}

struct answer ovs_input(struct walk *walk, struct skb *skb, const struct ovs_port *port)
{
	const struct ovs_bridge *bridge = bridge_find(walk->host, port->bridge);
	struct node *node;
	const char *why;

	if (walk_is_too_long(walk))
		return end_too_long(walk, skb);
	conntrack_reset(walk, skb);
	skb->phys_in = skb->phys_out = skb->in_port = skb->out = NULL;
	skb->is_prerouted = skb->is_made_here = false;
	if (!bridge)
		return end_cannot_tell(
			walk, skb, "the bridge of Open vSwitch port %s was not read", port->name);
	if (bridge->has_flows)
		return table_run(walk, skb, (struct pipeline){ .bridge = bridge, .in = port }, 0);
	node = skb_node(walk, skb, NODE_OVS);
	node->ovs = bridge;
	node->note = "the flows were not read";
	if (host_is_unread(
		    walk->host, arena_printf(walk->arena, "ovs flows %s", bridge->name), &why))
		return end_cannot_tell(
			walk, skb, "the flows of %s were not read: %s", bridge->name, why);
	return end_cannot_tell(walk, skb, "the flows of %s were not read", bridge->name);
}
