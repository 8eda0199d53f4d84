// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What files of sysctl.d will set at the next boot, or when br_netfilter is loaded again, against what is set now and what machines
 * need: groups that are enforced today are not tomorrow.
 */
#include <fnmatch.h>
#include <string.h>

#include "base/text.h"
#include "doctor/checks.h"

/* ---- what the files say ---- */

static bool is_pattern(const char *name)
{
	return strpbrk(name, "*?[") != NULL;
}

/* The line that is applied last; one that names the setting itself is stronger than a pattern (sysctl.d(5)). */
static const struct sysctl_line *find_line(const struct host *host, const char *name)
{
	const struct sysctl_line *found = NULL;

	for (size_t i = 0; i < host->n_sysctl_lines; i++)
		if (strcmp(host->sysctl_lines[i].name, name) == 0)
			found = &host->sysctl_lines[i];
	for (size_t i = 0; !found && i < host->n_sysctl_lines; i++)
		if (is_pattern(host->sysctl_lines[i].name) &&
			fnmatch(host->sysctl_lines[i].name, name, 0) == 0)
			found = &host->sysctl_lines[i];
	if (found && is_pattern(found->name))
		for (size_t i = 0; i < host->n_sysctl_lines; i++)
			if (is_pattern(host->sysctl_lines[i].name) &&
				fnmatch(host->sysctl_lines[i].name, name, 0) == 0)
				found = &host->sysctl_lines[i];
	return found && found->value ? found : NULL;
}

/* ---- what machines need ---- */

/* A port whose groups are enforced now, and by this switch alone. */
static const struct vm_port *port_with_groups(struct doctor *doctor, enum family family)
{
	const struct netns *own = &doctor->host->netns[0];

	vec_for_each (port, doctor_ports(doctor))
		if (port->ns == own && port->has_groups[family] && port->is_filtered[family] &&
			!port->bridge->nf_call[family])
			return port;
	return NULL;
}

/* A station of a bridge that is routed today, and would not be. */
static bool find_routed(struct doctor *doctor, const struct host *other, struct query *ret,
	const struct link **ret_bridge)
{
	const struct netns *own = &doctor->host->netns[0];
	const struct explainer *explainer = explainer_new(doctor->arena, other);

	for (size_t i = 0; i < own->n_links; i++) {
		const struct link *link = &own->links[i];
		const struct address *address = doctor_address_of(own, link, FAMILY_IPV4);
		const struct link *entry = doctor_entry_of(own, link);
		struct arena *scratch CLEANUP(arena_freep) = arena_new();
		const struct explanation *after;
		struct query moved;
		struct asked asked;

		if (strcmp(link->kind, "bridge") != 0 || !address || !entry)
			continue;
		asked = doctor_ask_way_out(doctor, scratch, own, entry, link, address);
		if (!asked.explanation || (asked.explanation->final != FINAL_DELIVERED &&
						  asked.explanation->final != FINAL_REWRITTEN))
			continue;
		moved = query_moved(scratch, &asked.query, doctor->host, other);
		after = explain(scratch, explainer, &moved);
		if (after->final == FINAL_DROPPED && after->leaf->drop == DROP_FORWARDING_OFF) {
			*ret = asked.query;
			*ret_bridge = link;
			return true;
		}
	}
	return false;
}

/* ---- the findings ---- */

static struct finding *tell(struct doctor *doctor, const struct check *check,
	const struct sysctl_line *line, const char *name)
{
	const struct netns *own = &doctor->host->netns[0];
	const char *last = strrchr(name, '.');
	struct finding *finding = finding_add(doctor, check, SEVERITY_RISK, own, last + 1);

	finding_prove(doctor, finding, "sysctl",
		arena_printf(doctor->arena, "%s, line %u", line->path, line->line),
		arena_printf(doctor->arena, "%s = %s", line->name, line->value));
	finding_prove_sysctl(doctor, finding, name, NULL);
	finding_advise(doctor, finding, "file",
		"a file of its own, behind the one that says otherwise",
		arena_printf(doctor->arena,
			"echo '%s = 1' > /etc/sysctl.d/zz-portwall.conf\nsystemd-analyze cat-config sysctl.d\n",
			name),
		"Files are applied by the order of their names, whichever folder they are in; procps' "
		"sysctl --system reads /etc/sysctl.conf behind all of them.");
	return finding;
}

static bool is_off_later(
	const struct doctor *doctor, const char *name, const struct sysctl_line **ret)
{
	const char *now = netns_sysctl(&doctor->host->netns[0], name);

	*ret = find_line(doctor->host, name);
	return *ret && strcmp((*ret)->value, "0") == 0 && now && strcmp(now, "0") != 0;
}

static void look_at_groups(struct doctor *doctor, const struct check *check, enum family family)
{
	static const char *const names[N_IP_FAMILIES] = { "net.bridge.bridge-nf-call-iptables",
		"net.bridge.bridge-nf-call-ip6tables" };
	const struct vm_port *port = port_with_groups(doctor, family);
	const struct sysctl_line *line;
	struct finding *finding;

	if (!port || !is_off_later(doctor, names[family], &line))
		return;
	finding = tell(doctor, check, line, names[family]);
	finding->title = arena_printf(doctor->arena,
		"after a reboot security groups are not enforced for %s: %s turns %s off",
		family ? "IPv6" : "IPv4", line->path, names[family]);
	finding->symptom =
		"Nothing now. After a reboot, sysctl --system, or when br_netfilter is loaded again, bridged "
		"packets pass no rule of iptables: everybody reaches every port of the machines.";
	vec_for_each (one, doctor_ports(doctor))
		if (one->ns == port->ns && one->has_groups[family])
			finding_port(doctor, finding, one->link->name);
}

static void look_at_forwarding(struct doctor *doctor, const struct check *check)
{
	static const char name[] = "net.ipv4.ip_forward";
	struct host_edit edit = { .kind = HOST_EDIT_SYSCTL, .name = name, .value = "0" };
	const struct host *other;
	const struct sysctl_line *line;
	const struct link *bridge;
	struct finding *finding;
	struct query query;
	struct err err;

	if (!is_off_later(doctor, name, &line) ||
		!host_edited(doctor->arena, doctor->host, &doctor->host->netns[0], &edit, 1, &other,
			&err) ||
		!find_routed(doctor, other, &query, &bridge))
		return;
	finding = tell(doctor, check, line, name);
	finding->title = arena_printf(doctor->arena,
		"after a reboot nothing is routed for %s: %s turns forwarding off", bridge->name,
		line->path);
	finding->symptom =
		"Nothing now. After a reboot or sysctl --system the machines and containers of the bridge reach "
		"nobody beyond the host, until a program turns forwarding on again.";
	/* its way today: that is what is lost */
	finding_witness(doctor, finding, &query);
}

static void run(struct doctor *doctor, const struct check *check)
{
	const char *why;

	if (host_is_unread(doctor->host, "sysctl files", &why))
		doctor_untold(doctor, check,
			arena_printf(doctor->arena, "files of sysctl.d were not all read: %s", why),
			NULL);
	for (unsigned family = 0; family < N_IP_FAMILIES; family++)
		look_at_groups(doctor, check, (enum family)family);
	look_at_forwarding(doctor, check);
}

static const char *const references[] = {
	"https://github.com/kubernetes/kubernetes/issues/20475",
	NULL,
};

const struct check check_sysctl_files = {
	.id = "sysctl-files",
	.title = "settings that the next boot takes back",
	.description =
		"Files of sysctl.d of some distributions set bridge-nf-call-iptables or ip_forward to 0; who turned "
		"them on by hand, or by a program that has run since, loses them at the next boot, and security "
		"groups are no longer enforced. Found where the file that is applied last says 0, the setting is on "
		"now, and a port with rules of security groups, or a bridge that is routed for, needs it.",
	.references = references,
	.run = run,
};
