// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Machines that share an address and do not hear each other. VRRP sends protocol 112 to 224.0.0.18; security groups have no rule for it
 * unless somebody makes one, and then each machine takes the address. Who shares one is told by the source checks of ports
 * (the same address at two of them, or a MAC of VRRP's own, 00:00:5e:00:01:xx) and by what bridges have learned.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"

#define PROTO_VRRP 112
#define TO_ALL	   "224.0.0.18"

struct member {
	const struct vm_port *port;
	struct addr own, peer;
	struct query query;
};
/* Those that share "what". */
struct club {
	const char *what; /* "address 10.0.0.100", "MAC 00:00:5e:00:01:33" */
	bool is_heard;	  /* VRRP is spoken now */
	struct {
		VEC(struct member);
	} members;
};
struct clubs {
	VEC(struct club);
};

static bool is_mac_of_vrrp(struct mac mac)
{
	static const uint8_t prefix[] = { 0, 0, 0x5e, 0, 1 };

	for (size_t i = 0; i < N_OF(prefix); i++)
		if (mac.bytes[i] != prefix[i])
			return false;
	return true;
}

/* Its own one: allowed address pairs stand in front of it. */
static bool is_fixed(struct doctor *doctor, const struct vm_port *port, const struct addr *addr)
{
	const struct port_groups *groups = doctor_groups(doctor, port, addr->family);
	const struct chain *spoof = groups ? groups->spoof : NULL;

	for (size_t i = spoof ? spoof->n_rules : 0; i > 0; i--) {
		const struct match *src = rule_match(&spoof->rules[i - 1], MATCH_SRC);

		if (src)
			return prefix_contains(&src->prefix, addr);
	}
	return false;
}

/* Another port that may have the address as well; not by chance, as ports of different tenants. */
static const struct vm_port *sharer_of(
	struct doctor *doctor, const struct vm_port *port, const struct addr *addr)
{
	vec_for_each (other, doctor_ports(doctor))
		if (other != port && vm_port_has_addr(other, addr) &&
			!is_fixed(doctor, port, addr) && !is_fixed(doctor, other, addr))
			return other;
	return NULL;
}

/* An address that only this port has; NULL: none is known. */
static const struct addr *own_addr(struct doctor *doctor, const struct vm_port *port)
{
	vec_for_each (known, &port->addrs)
		if (known->addr.family == FAMILY_IPV4 && !is_mac_of_vrrp(known->mac) &&
			!sharer_of(doctor, port, &known->addr))
			return &known->addr;
	return NULL;
}

static struct addr neighbour_of(const struct addr *addr)
{
	struct addr next = *addr;

	next.bytes[3] = (uint8_t)(next.bytes[3] >= 0xfd ? next.bytes[3] - 1 : next.bytes[3] + 1);
	return next;
}

static struct club *club_of(struct doctor *doctor, struct clubs *clubs, const char *what)
{
	struct club *club;

	vec_for_each (known, clubs)
		if (strcmp(known->what, what) == 0)
			return known;
	club = vec_push(clubs, doctor->arena);
	club->what = what;
	return club;
}

static bool speaks_now(const struct vm_port *port)
{
	const struct netns *ns = port->ns;

	for (size_t i = 0; i < ns->n_conntrack; i++)
		if (ns->conntrack[i].proto == PROTO_VRRP &&
			vm_port_has_addr(port, &ns->conntrack[i].orig.src))
			return true;
	for (size_t i = 0; i < ns->n_fdb; i++)
		if (ns->fdb[i].port_index == port->link->index && !ns->fdb[i].is_permanent &&
			is_mac_of_vrrp(ns->fdb[i].mac))
			return true;
	return false;
}

/* Does it lack what VRRP needs? By multicast, and, for those who were told their peers, by unicast. */
static void ask(struct doctor *doctor, const struct check *check, struct sets_of_ports *world,
	struct club *club, const struct vm_port *port, const struct addr *peer)
{
	struct text own CLEANUP(text_done) = TEXT_INIT, text CLEANUP(text_done) = TEXT_INIT;
	const struct addr *addr = own_addr(doctor, port);
	struct member member = { .port = port };

	if (!addr || !port->is_filtered[FAMILY_IPV4])
		return;
	vec_for_each (known, &club->members)
		if (known->port == port)
			return;
	member.own = *addr;
	member.peer = peer ? *peer : neighbour_of(addr);
	addr_print(&own, addr);
	addr_print(&text, &member.peer);
	if (!vm_port_loses(doctor, port, false,
		    arena_printf(doctor->arena, "%d %s " TO_ALL, PROTO_VRRP, text.data),
		    &member.query))
		return;
	if (!world->sets)
		*world = sets_of_ports_new(doctor);
	if (vm_port_gets_any(doctor, check, world, port, false,
		    arena_printf(doctor->arena, "%d 0.0.0.0/0 " TO_ALL, PROTO_VRRP)) ||
		vm_port_gets_any(doctor, check, world, port, false,
			arena_printf(doctor->arena, "%d 0.0.0.0/0 %s", PROTO_VRRP, own.data)))
		return;
	club->is_heard = club->is_heard || speaks_now(port);
	*vec_push(&club->members, doctor->arena) = member;
}

static void look(struct doctor *doctor, const struct check *check, struct sets_of_ports *world,
	struct clubs *clubs, const struct vm_port *port)
{
	vec_for_each (known, &port->addrs) {
		struct text what CLEANUP(text_done) = TEXT_INIT;
		const struct vm_port *other;
		const struct addr *peer;

		if (known->addr.family != FAMILY_IPV4)
			continue;
		other = sharer_of(doctor, port, &known->addr);
		if (!other && !is_mac_of_vrrp(known->mac))
			continue;
		text_add(&what, other ? "address " : "MAC ");
		if (other)
			addr_print(&what, &known->addr);
		else
			mac_print(&what, known->mac);
		peer = other ? own_addr(doctor, other) : NULL;
		if (other && !peer)
			continue;
		ask(doctor, check, world,
			club_of(doctor, clubs, arena_strdup(doctor->arena, what.data)), port, peer);
	}
}

static void report(struct doctor *doctor, const struct check *check, const struct club *club)
{
	const struct member *shown = &club->members.items[0];
	const struct port_groups *groups = doctor_groups(doctor, shown->port, FAMILY_IPV4);
	struct finding *finding =
		finding_add(doctor, check, club->is_heard ? SEVERITY_BROKEN : SEVERITY_RISK,
			shown->port->ns, shown->port->link->name);

	finding->title =
		arena_printf(doctor->arena, "machines share %s, but no rule of %s lets in VRRP",
			club->what, shown->port->link->name);
	finding->symptom =
		"Two keepalived are both MASTER: the address answers here and there, and flows to it break. "
		"(Machines that agree on the address in another way do not need the rule.)";
	finding->owner = owner_of_rule(doctor->arena, groups->table, groups->in, NULL);
	for (size_t i = 0; groups->spoof && i < groups->spoof->n_rules; i++) {
		const struct rule *rule = &groups->spoof->rules[i];
		const struct match *src = rule_match(rule, MATCH_SRC);
		const struct match *mac = rule_match(rule, MATCH_MAC_SRC);

		if ((src && src->prefix.len == 32 &&
			    sharer_of(doctor, shown->port, &src->prefix.addr)) ||
			(mac && is_mac_of_vrrp(mac->mac)))
			finding_prove_rule(doctor, finding, groups->table, groups->spoof, i + 1);
	}
	finding_prove_rule(doctor, finding, groups->table, groups->in, groups->in->n_rules);
	finding_witness(doctor, finding, &shown->query);
	vec_for_each (member, &club->members) {
		finding_port(doctor, finding, member->port->link->name);
		if (member != shown && member->port->ns == shown->port->ns)
			*vec_push(&finding->others, doctor->arena) = member->query;
	}
	(void)finding_fix_groups(doctor, finding, "group-rule");
}

static void run(struct doctor *doctor, const struct check *check)
{
	struct sets_of_ports world = { 0 };
	struct clubs clubs = { 0 };

	vec_for_each (port, doctor_ports(doctor)) {
		const struct port_groups *groups = doctor_groups(doctor, port, FAMILY_IPV4);

		if (groups && groups->in && groups->in->n_rules)
			look(doctor, check, &world, &clubs, port);
	}
	if (world.sets)
		sets_free(world.sets);
	vec_for_each (club, &clubs)
		if (club->members.n)
			report(doctor, check, club);
}

static const char *const references[] = {
	"https://github.com/OpenNebula/one/issues/5945",
	"https://github.com/acassen/keepalived/issues/821",
	"https://github.com/acassen/keepalived/issues/2643",
	"https://github.com/cloudfoundry/bosh-openstack-cpi-release/issues/235",
	"RFC 5798, section 5.1.1.2 (224.0.0.18)",
	NULL,
};

const struct check check_vrrp_missing = {
	.id = "vrrp-missing",
	.title = "machines that share an address and do not hear each other's VRRP",
	.description =
		"Machines with a common address (an allowed address pair at two ports, or a MAC 00:00:5e:00:01:xx) agree by VRRP on who has it. "
		"Without a rule for protocol 112 the security groups lose it, and each machine takes the address. Found are such "
		"ports that no VRRP packet reaches, neither to 224.0.0.18 nor to the machine's own address. The frame is shown with the machine's "
		"own MAC, so that the walk follows one copy. Broken where VRRP was seen on this host, else a risk.",
	.references = references,
	.run = run,
};
