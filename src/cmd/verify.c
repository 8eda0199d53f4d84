// SPDX-License-Identifier: GPL-2.0-or-later
/* portwall verify: does this host, or one in a file, pass what its policy passes, or what another host does? */
#include "cmd/daemon.h"
#include "cmd/verify.h"

#include <string.h>

#include "host/file.h"
#include "ruleset/edit.h"

#define MAX_SHOWN 6 /* ports that wait */

struct job {
	const struct host *host, *other; /* other: --against */
	const struct policy *policy;
	struct agent_view view; /* with a policy */
	struct verify_port *ports;
	size_t n_ports;
	VEC(const char *)
	waiting; /* devices of ports that are not there: no packet comes by them */
	VEC(const char *) warnings;
};

static bool read_hosts(struct invocation *inv, struct job *job, struct err *err)
{
	return read_host(inv, true, &job->host, err) &&
	       (!inv->n_against ||
		       host_load(inv->arena, inv->against, inv->n_against, &job->other, err));
}

static bool read_policy(struct invocation *inv, struct job *job, struct err *err)
{
	if (!inv->n_args)
		return daemon_policy(inv->arena, &job->policy, err);
	/* which ports are its own is asked by the name of the host that it is of */
	if (inv->n_snapshots)
		return policy_load(
			inv->arena, inv->args[0], job->host->name, NULL, &job->policy, err);
	return agent_policy_read(inv->arena, inv->args[0], NULL, &job->policy, err);
}

static bool check_usage(const struct invocation *inv, struct err *err)
{
	if (inv->n_against && inv->n_args) {
		err_input(err, "verify: a policy and --against exclude each other");
		return err_next(err, "--against compares two hosts, whatever their policies are");
	}
	if (inv->n_snapshots && !inv->n_args && !inv->n_against) {
		err_input(err, "verify: a snapshot has no policy");
		return err_next(err,
			"portwall verify --snapshot FILE POLICY; or --against OTHER, to compare two hosts");
	}
	return true;
}

/* ---- ports ---- */

static bool is_waiting(const struct netns *ns, const struct policy_port *port)
{
	const char *why;

	return !netns_link(ns, port->device) && !netns_is_unread(ns, "links", &why);
}

/* A guest that does not run has no interface, and what its rules say is proved when it has. Where that is so of all, nothing is. */
static void find_waiting(struct invocation *inv, struct job *job)
{
	const struct netns *ns = &job->host->netns[0];

	for (size_t i = 0; i < job->view.n_plugs; i++)
		if (is_waiting(ns, job->view.plugs[i].port))
			*vec_push(&job->waiting, inv->arena) = job->view.plugs[i].port->device;
	if (job->waiting.n == job->view.n_plugs)
		job->waiting.n = 0;
}

static void ports_of_policy(struct invocation *inv, struct job *job)
{
	const struct netns *ns = &job->host->netns[0];

	find_waiting(inv, job);
	job->ports = arena_new_array(inv->arena, struct verify_port, job->view.n_plugs + 1);
	for (size_t i = 0; i < job->view.n_plugs; i++) {
		const struct policy_port *port = job->view.plugs[i].port;
		struct verify_port *to;

		if (job->waiting.n && is_waiting(ns, port))
			continue;
		to = &job->ports[job->n_ports++];
		to->name = port->name && *port->name ? port->name : port->device;
		to->port = port;
		to->way.device = port->device;
	}
	for (size_t i = 0; i < job->n_ports; i++) {
		struct verify_port *port = &job->ports[i];

		port->way =
			verify_way_of(inv->arena, ns, port->way.device, job->ports, job->n_ports);
		port->expected_way = port->way;
		/* a policy is enforced where the bridge asks */
		port->expected_way.is_called[FAMILY_IPV4] =
			port->expected_way.is_called[FAMILY_IPV6] = true;
	}
}

static void warn_of_lone_port(
	struct invocation *inv, struct job *job, const char *device, const char *where)
{
	*vec_push(&job->warnings, inv->arena) =
		arena_printf(inv->arena, "%s is a port of a bridge only %s", device, where);
}

static bool has_port(const struct verify_port *ports, size_t n, const char *device)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(ports[i].way.device, device) == 0)
			return true;
	return false;
}

/* Ports of bridges that both have. */
static void ports_of_both(struct invocation *inv, struct job *job)
{
	const struct netns *ns = &job->host->netns[0], *other = &job->other->netns[0];
	struct verify_port *theirs;
	size_t n_all, n_theirs;

	verify_bridge_ports(inv->arena, ns, &job->ports, &n_all);
	verify_bridge_ports(inv->arena, other, &theirs, &n_theirs);
	for (size_t i = 0; i < n_theirs; i++)
		if (!has_port(job->ports, n_all, theirs[i].way.device))
			warn_of_lone_port(
				inv, job, theirs[i].way.device, "in the file of --against");
	for (size_t i = 0; i < n_all; i++) {
		const char *device = job->ports[i].way.device;
		struct verify_port *port = &job->ports[job->n_ports];

		if (!has_port(theirs, n_theirs, device)) {
			warn_of_lone_port(inv, job, device, "here");
			continue;
		}
		*port = job->ports[i];
		port->way = verify_way_of(inv->arena, ns, device, NULL, 0);
		port->expected_way = verify_way_of(inv->arena, other, device, NULL, 0);
		job->n_ports++;
	}
}

/* ---- words ---- */

static void add_rule(const struct invocation *inv, struct text *out, const char *what,
	const struct verify_rule *rule, bool has_owner)
{
	const char *program;

	if (!rule->chain)
		return;
	program = table_program(rule->table);
	if (!rule->rule) {
		text_addf(out, "  %s: the policy of chain %s, table %s (%s): %s\n", what,
			rule->chain->name, rule->table->name, program,
			rule->chain->policy ? rule->chain->policy : "-");
	} else {
		output_add(inv, out, COLOUR_BOLD, "  %s:", what);
		text_addf(out, " rule %zu of chain %s, table %s (%s)\n      ", rule->number,
			rule->chain->name, rule->table->name, program);
		table_print_rule(out, rule->table, rule->rule);
		text_add(out, "\n");
	}
	if (has_owner)
		text_addf(out, "      whose it is: %s (%s)\n", rule->owner.name,
			rule->owner.evidence);
}

static void add_lines(struct text *out, const char *words)
{
	while (words && *words) {
		size_t len = strcspn(words, "\n");

		text_addf(out, "    %.*s\n", (int)len, words);
		words += len + (words[len] == '\n');
	}
}

static const char *culprit_words(const struct verify_difference *d)
{
	switch (d->cause) {
	case CAUSE_TOO_MUCH:
		return "too much";
	case CAUSE_IN_THE_WAY:
		return "in the way";
	case CAUSE_ORDER:
		return "out of order";
	case CAUSE_SET:
	case CAUSE_MAP:
		return "asks for other members";
	default:
		return "met";
	}
}

static void add_cause(
	const struct invocation *inv, struct text *out, const struct verify_difference *d)
{
	if (d->cause == CAUSE_NOT_CALLED)
		text_addf(out, "  cause: bridge %s does not ask %s (nf_call_%s is off)\n", d->name,
			d->class == VERIFY_IPV6 ? "ip6tables" : "iptables",
			d->class == VERIFY_IPV6 ? "ip6tables" : "iptables");
	if (d->cause == CAUSE_SET || d->cause == CAUSE_MAP)
		text_addf(out, "  cause: the %s %s has other members than it should\n",
			d->cause == CAUSE_SET ? "set" : "map", d->name);
	if (d->cause == CAUSE_MISSING)
		add_rule(inv, out, "missing", &d->missing, false);
	add_rule(inv, out, culprit_words(d), &d->culprit, true);
	if (d->cause == CAUSE_IN_THE_WAY || d->cause == CAUSE_TOO_MUCH)
		add_rule(inv, out, "missing, perhaps in its place", &d->missing, false);
	if (d->cause == CAUSE_ORDER)
		add_rule(inv, out, "should be met before", &d->missing, false);
	if (d->kind == VERIFY_LOST && d->decided.chain && d->decided.rule != d->culprit.rule)
		add_rule(inv, out, "dropped by", &d->decided, true);
}

static void add_example(const struct job *job, struct text *out, const struct verify_difference *d)
{
	if (!d->has_witness)
		return;
	text_add(out, "  such as: ");
	verification_print_example(out, d);
	text_add(out, "\n");
	if (!job->policy)
		return;
	text_add(out, "  the policy: ");
	if (d->decision.rule) {
		policy_rule_print(out, d->decision.rule);
		text_addf(out, "  [%s] rule %s\n", d->decision.rule->group->name,
			d->decision.rule->id);
	} else {
		text_addf(out, "%s\n", reason_sentence(d->decision.reason));
	}
}

static void add_difference(const struct invocation *inv, const struct job *job, struct text *out,
	const struct verify_difference *d)
{
	static const char *const of_policy[] = {
		"LOST: the policy lets these pass, the host does not",
		"TOO MUCH: the host lets these pass, the policy does not", "CANNOT TELL"
	};
	static const char *const of_other[] = {
		"LOST: the other host lets these pass, this one does not",
		"TOO MUCH: this host lets these pass, the other one does not", "CANNOT TELL"
	};

	output_add(inv, out, COLOUR_BOLD, "port %s", d->port->name);
	if (strcmp(d->port->name, d->port->way.device) != 0)
		text_addf(out, "  %s", d->port->way.device);
	if (d->words)
		text_addf(out, ", %s, %s", d->direction == DIR_EGRESS ? "from it" : "to it",
			verify_class_name(d->class));
	text_add(out, "\n  ");
	output_add(inv, out, d->kind == VERIFY_CANNOT_TELL ? COLOUR_YELLOW : COLOUR_RED, "%s",
		job->policy ? of_policy[d->kind] : of_other[d->kind]);
	text_addf(out, "%s%s\n", d->why ? ": " : "", d->why ? d->why : "");
	add_lines(out, d->words);
	add_example(job, out, d);
	if (d->kind == VERIFY_CANNOT_TELL)
		add_rule(inv, out, "decides", &d->decided, true);
	else
		add_cause(inv, out, d);
	text_add(out, "\n");
}

static void add_summary(const struct invocation *inv, const struct job *job, struct text *out,
	const struct verification *v)
{
	const char *than = job->policy ? "the policy" : "the other host";

	if (v->n_different)
		output_add(inv, out, COLOUR_RED, "different from %s at %zu of %zu port%s", than,
			v->n_different, v->n_ports, v->n_ports == 1 ? "" : "s");
	else if (!v->n_cannot_tell)
		output_add(inv, out, COLOUR_GREEN,
			"equal: %zu port%s, every packet, both directions, as %s has it",
			v->n_ports, v->n_ports == 1 ? "" : "s", than);
	if (v->n_cannot_tell)
		output_add(inv, out, COLOUR_YELLOW, "%scannot tell at %zu of %zu port%s",
			v->n_different ? "; " : "", v->n_cannot_tell, v->n_ports,
			v->n_ports == 1 ? "" : "s");
	text_add(out, "\n");
	for (size_t i = 0; i < job->waiting.n && i < MAX_SHOWN; i++)
		text_addf(out, "%s%s",
			i ? ", " : "not there yet, so nothing to compare: ", job->waiting.items[i]);
	if (job->waiting.n > MAX_SHOWN)
		text_addf(out, " and %zu more", job->waiting.n - MAX_SHOWN);
	text_add(out, job->waiting.n ? "\n" : "");
	if (v->has_nat)
		text_add(out, "there are rules of NAT here, which verify does not judge\n");
}

static void print(const struct invocation *inv, const struct job *job, const struct verification *v)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (inv->json) {
		json_t *root = verification_json(v, job->policy != NULL), *waiting = json_array();

		for (size_t i = 0; i < job->waiting.n; i++)
			json_array_append_new(waiting, json_string(job->waiting.items[i]));
		json_object_set_new(root, "waiting", waiting);
		json_object_set_new(root, "warnings",
			output_json_warnings(
				(const char *const *)job->warnings.items, job->warnings.n));
		output_print_json(root);
		return;
	}
	for (size_t i = 0; i < v->n; i++)
		add_difference(inv, job, &out, &v->items[i]);
	add_summary(inv, job, &out, v);
	output_print_text(&out);
}

/* policy NULL: that of the invocation, if it is asked about one. */
static bool verify(struct invocation *inv, const struct policy *policy, struct err *err)
{
	struct job job = { .policy = policy };
	struct verify_input input;
	struct verification v;
	const struct ruleset *none = ruleset_new(inv->arena);

	/* of this host, first the policy: it may have a mistake, and reading a host takes long */
	if (!policy && !inv->n_snapshots && !inv->n_against && !read_policy(inv, &job, err))
		return false;
	if (!read_hosts(inv, &job, err))
		return false;
	if (inv->n_against) {
		ports_of_both(inv, &job);
	} else if ((!job.policy && !read_policy(inv, &job, err)) ||
		   !agent_view_make(inv->arena, job.policy, &inv->agent, &job.host->netns[0],
			   &job.view, err)) {
		return false;
	} else {
		ports_of_policy(inv, &job);
		for (size_t i = 0; i < job.view.n_warnings; i++)
			*vec_push(&job.warnings, inv->arena) = job.view.warnings[i];
	}
	input = (struct verify_input){ .found = job.host->netns[0].ruleset,
		.wanted = job.other ? job.other->netns[0].ruleset : job.view.wanted,
		.ports = job.ports,
		.n_ports = job.n_ports,
		.cut_mark = COMPILE_CUT_MARK,
		.progress = inv->agent.progress,
		.progress_data = inv->agent.progress_data };
	input.found = input.found ? input.found : none;
	input.wanted = input.wanted ? input.wanted : none;
	if (!verify_run(inv->arena, &input, &v, err))
		return false;
	inv->agent.progress(inv->agent.progress_data, NULL);
	output_print_warnings((const char *const *)job.warnings.items, job.warnings.n);
	print(inv, &job, &v);
	inv->exit = v.n_different ? EXIT_FOUND : v.n_cannot_tell ? EXIT_CANNOT_TELL : EXIT_DONE;
	return true;
}

bool verify_policy(struct invocation *inv, const struct policy *policy, struct err *err)
{
	return verify(inv, policy, err);
}

bool cmd_verify(struct invocation *inv, struct err *err)
{
	return check_usage(inv, err) && verify(inv, NULL, err);
}
