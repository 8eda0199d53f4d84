// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Switches of bridge ports that keep a machine's frames from the wire: both ends isolated, a locked port that does not know its machine,
 * a port that does not forward though no spanning tree runs. What an operator sets to part machines from each other is no fault.
 */
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"

struct fault {
	enum drop drop;
	enum link_flag flag;
	const char *value, *key; /* the flag's value that helps; what must have been read */
	const char *symptom, *words, *consequence;
	/* The port where it is wrong; NULL: neither is. */
	const struct link *(*at)(const struct vm_port *port, const struct link *uplink);
};

/* Machines are isolated from each other on purpose; then their way out must not be. */
static const struct link *isolated_at(const struct vm_port *port, const struct link *uplink)
{
	return port->link->is_isolated && uplink->is_isolated ? uplink : NULL;
}

/* A machine that the host knows by its rules or its neighbours, and the port does not. */
static const struct link *locked_at(const struct vm_port *port, const struct link *uplink)
{
	if (port->link->is_locked && port->addrs.n)
		return port->link;
	return uplink->is_locked ? uplink : NULL;
}

/* With a spanning tree a blocked port is what keeps the network from a loop. */
static const struct link *not_forwarding_at(const struct vm_port *port, const struct link *uplink)
{
	if (port->bridge->has_stp)
		return NULL;
	if (port->link->port_state != PORT_FORWARDING && port->link->has_carrier)
		return port->link;
	return uplink->port_state != PORT_FORWARDING && uplink->has_carrier ? uplink : NULL;
}

static bool is_there(const struct explanation *after, const void *data)
{
	const struct fault *fault = data;

	return after->final == FINAL_DELIVERED || after->final == FINAL_REWRITTEN ||
	       (after->leaf && after->leaf->drop != fault->drop && leaf_decider(after->leaf));
}

static struct asked ask(struct doctor *doctor, struct arena *arena, const struct vm_port *port,
	const struct link *uplink, bool is_egress)
{
	struct addr own, other = doctor_anybody(FAMILY_IPV4);
	struct mac own_mac = port->mac, other_mac = vm_port_remote(port);
	bool is_known = false;

	vec_for_each (known, &port->addrs) {
		if (known->addr.family != FAMILY_IPV4 || is_known)
			continue;
		own = known->addr;
		is_known = true;
	}
	if (!is_known)
		(void)addr_parse("198.51.100.77", &own);
	return doctor_ask(doctor, arena, port->ns, is_egress ? port->link : uplink,
		&(struct ask){ .proto = "icmp",
			.src = is_egress ? &own : &other,
			.dst = is_egress ? &other : &own,
			.has_macs = true,
			.from = is_egress ? own_mac : other_mac,
			.to = is_egress ? other_mac : own_mac });
}

static struct finding *find_told(const struct doctor *doctor, const struct check *check,
	const struct netns *ns, const char *id)
{
	size_t len = strlen(id);

	vec_for_each (finding, &doctor->diagnosis->findings)
		if ((*finding)->check == check && (*finding)->ns == ns &&
			text_has_prefix((*finding)->id, id) &&
			((*finding)->id[len] == '\0' || (*finding)->id[len] == '@'))
			return *finding;
	return NULL;
}

static const char *value_of(const struct fault *fault, const struct link *at, struct arena *arena)
{
	if (fault->flag == LINK_FLAG_PORT_STATE)
		return arena_printf(arena, "%d", (int)at->port_state);
	return strcmp(fault->value, "on") == 0 ? "off" : "on";
}

static void tell(struct doctor *doctor, const struct check *check, const struct fault *fault,
	const struct vm_port *port, const struct link *at, const struct asked *asked)
{
	struct arena *arena = doctor->arena;
	struct host_edit *edit = arena_new_one(arena, struct host_edit);
	struct finding *finding = finding_add(doctor, check, SEVERITY_BROKEN, port->ns, at->name);
	struct fix fix = { .name = link_flag_name(fault->flag),
		.words = arena_printf(arena, "%s at %s", fault->words, at->name),
		.consequence = fault->consequence,
		.edits = edit,
		.n_edits = 1,
		.is_recommended = true };

	*edit = (struct host_edit){ .kind = HOST_EDIT_LINK,
		.name = at->name,
		.flag = fault->flag,
		.value = fault->value,
		.before = value_of(fault, at, arena) };
	finding->title = arena_printf(arena, "%s loses frames of %s: %s", at->name,
		port->link->name, drop_words(fault->drop));
	finding->symptom = fault->symptom;
	finding_prove(doctor, finding, "link", at->name,
		arena_printf(arena, "port %s of %s: %s %s", at->name, port->bridge->name,
			link_flag_name(fault->flag), edit->before));
	if (fault->drop == DROP_BRIDGE_ISOLATED)
		finding_prove(doctor, finding, "link", port->link->name,
			arena_printf(arena, "port %s of %s: isolated on", port->link->name,
				port->bridge->name));
	finding_port(doctor, finding, port->link->name);
	finding_witness(doctor, finding, &asked->query);
	(void)finding_fix(doctor, finding, &fix, is_there, fault);
}

static void look_at(struct doctor *doctor, const struct check *check, const struct fault *fault,
	const struct vm_port *port)
{
	const struct link *uplink = port->uplink, *at;
	struct finding *told;

	if (!port->link->is_up || !uplink ||
		doctor_is_unread(doctor, check, port->ns,
			arena_printf(doctor->arena, "links %s", fault->key)))
		return;
	at = fault->at(port, uplink);
	for (int is_ingress = 0; at && is_ingress < 2; is_ingress++) {
		struct arena *scratch CLEANUP(arena_freep) = arena_new();
		struct asked asked = ask(doctor, scratch, port, uplink, !is_ingress);

		if (!asked_is_lost(&asked, fault->drop))
			continue;
		told = find_told(doctor, check, port->ns,
			arena_printf(doctor->arena, "%s.%s", check->id, at->name));
		if (told)
			finding_port(doctor, told, port->link->name);
		else
			tell(doctor, check, fault, port, at, &asked);
		return;
	}
}

static void find(struct doctor *doctor, const struct check *check, const struct fault *fault)
{
	vec_for_each (port, doctor_ports(doctor))
		look_at(doctor, check, fault, port);
}

static void run_isolated(struct doctor *doctor, const struct check *check)
{
	static const struct fault fault = { .drop = DROP_BRIDGE_ISOLATED,
		.flag = LINK_FLAG_ISOLATED,
		.value = "off",
		.key = "is_isolated",
		.symptom =
			"The machine reaches nobody outside, and nobody reaches it; ARP is lost too. Its "
			"frames are seen at the tap and not at the way out of the bridge.",
		.words = "isolated off",
		.consequence =
			"Machines stay parted from each other: their own ports are still isolated.",
		.at = isolated_at };

	find(doctor, check, &fault);
}

static void run_locked(struct doctor *doctor, const struct check *check)
{
	static const struct fault fault = { .drop = DROP_BRIDGE_LOCKED,
		.flag = LINK_FLAG_LOCKED,
		.value = "off",
		.key = "is_locked",
		.symptom =
			"Nothing that comes in by the port gets further, ARP neither; what is sent to it "
			"arrives, but for answers.",
		.words = "locked off",
		.consequence =
			"Who locked the port wanted only known MACs there: to keep that, add the MAC "
			"instead: bridge fdb add MAC dev PORT master static",
		.at = locked_at };

	find(doctor, check, &fault);
}

static void run_state(struct doctor *doctor, const struct check *check)
{
	static const struct fault fault = { .drop = DROP_BRIDGE_STATE,
		.flag = LINK_FLAG_PORT_STATE,
		.value = "3",
		.key = "port_state",
		.symptom =
			"The port has a carrier and is in the bridge, and no frame passes it, ARP neither.",
		.words = "state forwarding",
		.consequence =
			"A state is set by hand, or by a program that speaks a spanning tree for the "
			"bridge: where one does, it sets it again.",
		.at = not_forwarding_at };

	find(doctor, check, &fault);
}

static const char *const references[] = {
	"net/bridge/br_forward.c, should_deliver",
	"net/bridge/br_input.c, br_handle_frame_finish",
	NULL,
};

const struct check check_port_isolated = {
	.id = "port-isolated",
	.title = "an isolated way out of a bridge with isolated machines",
	.description =
		"Isolated ports of a bridge do not speak to each other, which parts machines; when the port that "
		"leads out of the bridge is isolated as well, nothing is left to speak to. Found where a packet of "
		"the machine, walked to the wire or back, is lost for that.",
	.references = references,
	.run = run_isolated,
};

const struct check check_port_locked = {
	.id = "port-locked",
	.title = "a locked bridge port that does not know its machine",
	.description =
		"A locked port takes frames only from MACs that the bridge's table already has there, and it "
		"learns none. Found where a machine whose addresses the host knows is not among them, or the way out "
		"of the bridge is locked, and the walk loses its packets for that.",
	.references = references,
	.run = run_locked,
};

const struct check check_port_state = {
	.id = "port-state",
	.title = "a bridge port that does not forward",
	.description =
		"A port with a carrier that is disabled, blocking, listening or learning, at a bridge without a "
		"spanning tree, was put there by hand or by a program that has gone. Where STP is on, such a state is "
		"what prevents a loop, and is not reported.",
	.references = references,
	.run = run_state,
};
