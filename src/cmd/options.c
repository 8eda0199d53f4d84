// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of options, and everything that is made from it and from the table of commands. */
#include "cmd/cmd.h"

#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/serve_config.h"
#include "doctor/doctor.h"

static const struct option_spec {
	const char *name;
	char letter;	 /* 0: none */
	const char *arg; /* NULL: a switch */
	const char *help;
} option_specs[N_OPTIONS] = {
	[OPT_HELP] = { "help", 'h', NULL, "print this help" },
	[OPT_JSON] = { "json", 'j', NULL, "print JSON on standard output" },
	[OPT_PREFIX] = { "prefix", 0, "PREFIX",
		"prefix of the chains (default neutron-openvswi-), at most 17 characters; one for a "
		"network namespace" },
	[OPT_BACKEND] = { "backend", 0, "nft|legacy",
		"which iptables (default: the host's own, see iptables --version)" },
	[OPT_DRY_RUN] = { "dry-run", 'n', NULL,
		"print the exact batches for iptables-restore, ipset and nft; change nothing" },
	[OPT_TAKEOVER] = { "takeover", 0, NULL,
		"go on although another agent made these chains (guard: somebody else this table); its rules go" },
	[OPT_ALLOW_MISSING] = { "allow-missing", 0, NULL,
		"close ports whose interface is not there yet, ahead of it" },
	[OPT_FIX_SYSCTL] = { "fix-sysctl", 0, NULL,
		"turn nf_call_iptables and nf_call_ip6tables on for bridges that have ports, and "
		"no_linklocal_learn for those that several may share (clear turns them off again)" },
	[OPT_WAIT] = { "wait", 'w', "SECONDS",
		"how long to wait for another portwall to finish (default 10)" },
	[OPT_VERBOSE] = { "verbose", 'v', NULL, "list every changed rule" },
	[OPT_ALL] = { "all", 'a', NULL,
		"the rules that every port has, too; audit: all of each list" },
	[OPT_POLICY] = { "policy", 'p', "FILE",
		"compare with FILE (default: what was applied last)" },
	[OPT_OUTPUT] = { "output", 'o', "FILE",
		"write to FILE (default: HOSTNAME-DATE.pws); \"-\" is standard output" },
	[OPT_REDACT] = { "redact", 0, NULL,
		"replace addresses, MACs and host names, each always by the same" },
	[OPT_FORCE] = { "force", 'f', NULL, "replace FILE if it is there" },
	[OPT_ONLY_OWN] = { "own-namespace", 0, NULL,
		"only the network namespace of the caller, not the others of this host" },
	[OPT_IN] = { "in", 'i', "DEVICE",
		"the packet is received at DEVICE, from the wire or from the guest behind it; a guest may be "
		"named in its place, by name or UUID" },
	[OPT_TO] = { "to", 0, "DEVICE",
		"the packet is for a station behind DEVICE: a bridge that has not learned its MAC sends it there alone "
		"(default: to all of its ports)" },
	[OPT_OUT_OF_PROCESS] = { "out-of-process", 0, NULL, "a process of the host sends it" },
	[OPT_NETNS] = { "netns", 0, "NAME",
		"a network namespace (default: the caller's): of the process, of DEVICE, or whose rules are audited" },
	[OPT_SNAPSHOT] = { "snapshot", 's', "FILE",
		"ask FILE in place of this host: a snapshot, an unpacked sosreport, or (again for "
		"each) files of iptables-save, ip6tables-save, nft list ruleset, ipset save" },
	[OPT_STATE] = { "state", 0, "STATE",
		"what conntrack says of the packet: new, established, related, invalid or untracked "
		"(default: what its entries say)" },
	[OPT_REPLY] = { "reply", 'r', NULL, "its answer's way back, too" },
	[OPT_EVERY] = { "every", 0, NULL,
		"what is \"any\" or not said stands for every value: the answer is told by parts (as it is for a "
		"prefix, a range or a list)" },
	[OPT_BRIEF] = { "brief", 'b', NULL, "the verdict alone, in one line" },
	[OPT_PACKETS] = { "packets", 0, "FILE",
		"a JSON object a line, {\"in\": \"tap1\", \"packet\": \"icmp 10.0.0.5 10.0.0.9\"}, is "
		"answered with a JSON object a line; \"-\" is standard input" },
	[OPT_DOT] = { "dot", 0, NULL,
		"a drawing for Graphviz: of the devices with the path in it; audit: of who reaches whom" },
	[OPT_SVG] = { "svg", 0, NULL, "the same drawing as SVG (made by Graphviz)" },
	[OPT_BRIDGE] = { "bridge", 0, "NAME",
		"guard this bridge (again for each), in place of all that have ports of VMs" },
	[OPT_CHECK] = { "check", 0, NULL,
		"list what is not understood, by file, line and rule; serve: check the configuration and print what is effective" },
	[OPT_AGAINST] = { "against", 0, "OTHER",
		"say what this one passes and OTHER does not, and the other way: a snapshot of another host "
		"or moment, or (audit) its rules, again for each of its files" },
	[OPT_CHAIN] = { "chain", 'c', "PLACE",
		"one base chain as TABLE/CHAIN (filter/FORWARD), or all of one hook (forward, input, output, "
		"prerouting, postrouting)" },
	[OPT_FAMILY] = { "family", 0, "ipv4|ipv6", "only of this family (default: both)" },
	[OPT_SERVICE] = { "service", 0, "SERVICE",
		"who reaches whom with it: tcp/443, udp/53, tcp/8000-8080, icmp, esp; again for each "
		"(default: tcp/22 and tcp/80)" },
	[OPT_ASSIGN] = { "assign", 0, "IFACE=NETS",
		"the addresses behind an interface (eth0=10.0.0.0/8, eth+=...): are no others let in by "
		"it? Again for each" },
	[OPT_LIST] = { "list", 'l', NULL, "the checks that there are, and what each looks for" },
	[OPT_FIX] = { "fix", 0, NULL,
		"apply the fix that each finding recommends, or that of FINDING, or FINDING:FIX" },
	[OPT_UNDO] = { "undo", 0, NULL,
		"take back the fix that was applied last, or that of FINDING" },
	[OPT_KEEP] = { "keep", 0, NULL, "keep a fix that waits to be confirmed" },
	[OPT_CONFIRM] = { "confirm", 0, "SECONDS",
		"with --fix: take it back after SECONDS, unless portwall doctor --keep comes first" },
	[OPT_PARANOID] = { "paranoid", 0, NULL,
		"compare the kernel with a full recompute after every change, as the key paranoid does" },
	[OPT_CONFIG] = { "config", 'c', "FILE",
		"the configuration (default /etc/portwall/serve.conf)" },
	[OPT_PROJECT] = { "project", 0, "PROJECT", "of which project (default: default)" },
	[OPT_ROLE] = { "role", 0, "ROLE", "admin, member or reader (default: member)" },
	[OPT_PASSWORD] = { "password", 0, NULL,
		"set a new password, which is typed, or the first line of standard input" },
	[OPT_NO_PASSWORD] = { "no-password", 0, NULL, "without a password: only tokens let in" },
	[OPT_REVOKE] = { "revoke", 0, NULL, "end the token in place of making it" },
	[OPT_AS_FFFUU] = { "as-fffuu", 0, NULL,
		"who reaches whom, as fffuu would answer for filter/FORWARD or --chain: each rule may match "
		"whatever interface, MAC or module it asks for; --assign is its ipassmt (default: lo=127.0.0.0/8)" },
};

#define WAIT_MAX_S    3600
#define CONFIRM_MAX_S 86400

static bool is_option_of(const struct command *command, int id)
{
	for (size_t i = 0; i < command->n_options; i++)
		if ((int)command->options[i] == id)
			return true;
	return false;
}

/* Of an option that may come again. */
static bool add_word(struct invocation *inv, enum option_id id, const char *arg, struct err *err)
{
	const struct {
		enum option_id id;
		const char **words;
		size_t most, *n;
	} lists[] = {
		{ OPT_SNAPSHOT, inv->snapshots, N_OF(inv->snapshots), &inv->n_snapshots },
		{ OPT_AGAINST, inv->against, N_OF(inv->against), &inv->n_against },
		{ OPT_SERVICE, inv->services, N_OF(inv->services), &inv->n_services },
		{ OPT_ASSIGN, inv->assigns, N_OF(inv->assigns), &inv->n_assigns },
		{ OPT_BRIDGE, inv->bridges, N_OF(inv->bridges), &inv->n_bridges },
	};

	for (size_t i = 0; i < N_OF(lists); i++) {
		if (lists[i].id != id)
			continue;
		if (*lists[i].n == lists[i].most)
			return err_input(err, "--%s: at most %zu of them", option_specs[id].name,
				lists[i].most);
		lists[i].words[(*lists[i].n)++] = arg;
	}
	return true;
}

#define AT(member) offsetof(struct invocation, member)

/* Options without a value: what is true then. */
static const struct {
	enum option_id id;
	size_t at;
} switches[] = {
	{ OPT_JSON, AT(json) },
	{ OPT_DRY_RUN, AT(agent.dry_run) },
	{ OPT_TAKEOVER, AT(agent.takeover) },
	{ OPT_ALLOW_MISSING, AT(agent.allow_missing) },
	{ OPT_FIX_SYSCTL, AT(agent.fix_sysctl) },
	{ OPT_VERBOSE, AT(verbose) },
	{ OPT_ALL, AT(all) },
	{ OPT_REDACT, AT(redact) },
	{ OPT_FORCE, AT(force) },
	{ OPT_ONLY_OWN, AT(only_own) },
	{ OPT_OUT_OF_PROCESS, AT(from_process) },
	{ OPT_REPLY, AT(reply) },
	{ OPT_EVERY, AT(every) },
	{ OPT_BRIEF, AT(brief) },
	{ OPT_DOT, AT(dot) },
	{ OPT_SVG, AT(svg) },
	{ OPT_CHECK, AT(check) },
	{ OPT_AS_FFFUU, AT(as_fffuu) },
	{ OPT_LIST, AT(list) },
	{ OPT_FIX, AT(fix) },
	{ OPT_UNDO, AT(undo) },
	{ OPT_KEEP, AT(keep) },
	{ OPT_PARANOID, AT(paranoid) },
	{ OPT_PASSWORD, AT(password) },
	{ OPT_NO_PASSWORD, AT(no_password) },
	{ OPT_REVOKE, AT(revoke) },
};

/* Options whose value is kept as it is. */
static const struct {
	enum option_id id;
	size_t at;
} texts[] = {
	{ OPT_PREFIX, AT(agent.chain_prefix) },
	{ OPT_BACKEND, AT(agent.backend) },
	{ OPT_POLICY, AT(policy_path) },
	{ OPT_CONFIG, AT(config_path) },
	{ OPT_OUTPUT, AT(output_path) },
	{ OPT_IN, AT(in) },
	{ OPT_TO, AT(to) },
	{ OPT_NETNS, AT(netns) },
	{ OPT_STATE, AT(state) },
	{ OPT_PACKETS, AT(packets_path) },
	{ OPT_CHAIN, AT(chain) },
	{ OPT_FAMILY, AT(family) },
	{ OPT_PROJECT, AT(project) },
	{ OPT_ROLE, AT(role) },
};

static const struct {
	enum option_id id;
	uint32_t min, max;
	size_t at;
} seconds[] = {
	{ OPT_WAIT, 0, WAIT_MAX_S, AT(agent.lock_wait_s) },
	{ OPT_CONFIRM, 1, CONFIRM_MAX_S, AT(confirm_s) },
};

static bool set_seconds(struct invocation *inv, size_t i, const char *arg, struct err *err)
{
	uint32_t value;

	if (!text_to_u32(arg, seconds[i].min, seconds[i].max, &value))
		return err_input(err, "--%s %s: must be whole seconds, %u to %u",
			option_specs[seconds[i].id].name, arg, seconds[i].min, seconds[i].max);
	*(unsigned *)((char *)inv + seconds[i].at) = value;
	return true;
}

static bool option_set(
	struct invocation *inv, enum option_id id, const char *arg, bool *ret_help, struct err *err)
{
	if (id == OPT_HELP) {
		*ret_help = true;
		return true;
	}
	for (size_t i = 0; i < N_OF(switches); i++) {
		if (switches[i].id == id) {
			*(bool *)((char *)inv + switches[i].at) = true;
			return true;
		}
	}
	for (size_t i = 0; i < N_OF(texts); i++) {
		if (texts[i].id == id) {
			*(const char **)((char *)inv + texts[i].at) = arg;
			return true;
		}
	}
	for (size_t i = 0; i < N_OF(seconds); i++)
		if (seconds[i].id == id)
			return set_seconds(inv, i, arg, err);
	return add_word(inv, id, arg, err);
}

static bool refuse_option(const struct command *command, const char *word, struct err *err)
{
	const char *names[N_OPTIONS], *nearest;
	size_t n = 0;

	for (size_t i = 0; i < command->n_options; i++)
		names[n++] = option_specs[command->options[i]].name;
	err_input(err, "%s: unknown option or missing value: %s", command->name, word);
	nearest = text_nearest(word + strspn(word, "-"), names, n);
	if (nearest)
		return err_next(
			err, "did you mean --%s? See portwall %s --help", nearest, command->name);
	return err_next(err, "portwall %s --help", command->name);
}

bool options_parse(struct invocation *inv, int argc, char **argv, bool *ret_help, struct err *err)
{
	const struct command *command = inv->command;
	struct option longs[N_OPTIONS + 1] = { 0 };
	char letters[2 * N_OPTIONS + 2] = ":";
	size_t n_letters = 1;
	int id;

	for (size_t i = 0; i < command->n_options; i++) {
		enum option_id o = command->options[i];
		const struct option_spec *spec = &option_specs[o];

		longs[i] = (struct option){ spec->name, spec->arg ? required_argument : no_argument,
			NULL, 256 + (int)o };
		if (!spec->letter)
			continue;
		letters[n_letters++] = spec->letter;
		if (spec->arg)
			letters[n_letters++] = ':';
	}
	optind = 1;
	opterr = 0;
	while ((id = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (id == '?' || id == ':')
			return refuse_option(command, argv[optind - 1], err);
		if (id < 256) {
			for (int o = 0; o < N_OPTIONS; o++)
				if (option_specs[o].letter == id && is_option_of(command, o))
					id = 256 + o;
		}
		if (!option_set(inv, (enum option_id)(id - 256), optarg, ret_help, err))
			return false;
	}
	if (*ret_help)
		return true;
	inv->n_args = (size_t)(argc - optind);
	if (inv->n_args < command->min_args || inv->n_args > command->max_args) {
		err_input(err, "%s takes %s, not %zu argument%s", command->name,
			*command->args ? command->args : "no argument", inv->n_args,
			inv->n_args == 1 ? "" : "s");
		return err_next(err, "portwall %s --help", command->name);
	}
	for (size_t i = 0; i < inv->n_args; i++)
		inv->args[i] = argv[optind + (int)i];
	return true;
}

void options_print_usage(struct text *out)
{
	text_add(out,
		"Usage: portwall COMMAND [OPTION...]\n\n"
		"Security groups for the bridge ports of this host, and where its packets go.\n\nCommands:\n");
	for (size_t i = 0; i < n_commands; i++)
		text_addf(out, "  %-8s %-8s %s\n", commands[i].name, commands[i].args,
			commands[i].summary);
	text_add(out, "  completion        print the completion script for bash\n"
		      "\nportwall COMMAND --help says more, man portwall everything. "
		      "Everything acts on the current network namespace; explain, doctor and "
		      "snapshot see all of them.\n");
}

/* Adds text in lines of at most width columns, each begun with indent spaces. */
static void add_wrapped(struct text *out, const char *text, size_t indent, size_t width)
{
	size_t column = 0;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (column && column + 1 + word > width) {
			text_add(out, "\n");
			column = 0;
		}
		if (!column) {
			text_addf(out, "%*s", (int)indent, "");
			column = indent;
		} else {
			text_add(out, " ");
			column++;
		}
		text_add_n(out, text, word);
		column += word;
		text += word + strspn(text + word, " ");
	}
	text_add(out, "\n");
}

static void add_option_words(struct text *out, const struct option_spec *spec)
{
	if (spec->letter)
		text_addf(out, "-%c, ", spec->letter);
	else
		text_add(out, "    ");
	text_addf(out, "--%s%s%s", spec->name, spec->arg ? " " : "", spec->arg ? spec->arg : "");
}

void options_print_help(struct text *out, const struct command *command)
{
	text_addf(out, "Usage: portwall %s [OPTION...]%s%s\n\n", command->name,
		*command->args ? " " : "", command->args);
	add_wrapped(out, command->description, 0, 80);
	text_add(out, "\nOptions:\n");
	for (size_t i = 0; i < command->n_options; i++) {
		const struct option_spec *spec = &option_specs[command->options[i]];
		struct text words CLEANUP(text_done) = TEXT_INIT,
				  help CLEANUP(text_done) = TEXT_INIT;

		add_option_words(&words, spec);
		add_wrapped(&help, spec->help, 27, 80);
		text_addf(out, "  %-24s %s", words.data, help.data + 27);
	}
	text_add(out,
		"\nExit status: 0 done, 1 failed (what was changed is taken back, or the message says "
		"what stands),\n2 wrong usage or bad input (nothing was changed).\n");
	if (command->exit_status)
		add_wrapped(out, command->exit_status, 0, 80);
	text_add(out, "\nExamples:\n");
	for (const char *line = command->examples; *line;) {
		size_t len = strcspn(line, "\n");

		text_addf(out, "  %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

void options_print_completion(struct text *out)
{
	text_add(out,
		"# bash completion for portwall; made by: portwall completion\n"
		"_portwall()\n{\n\tlocal word=${COMP_WORDS[COMP_CWORD]} options\n"
		"\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\tmapfile -t COMPREPLY < <(compgen -W '");
	for (size_t i = 0; i < n_commands; i++)
		text_addf(out, "%s ", commands[i].name);
	text_add(out,
		"completion --help --version' -- \"$word\")\n\t\treturn\n\tfi\n"
		"\tcase ${COMP_WORDS[COMP_CWORD - 1]} in\n"
		"\t--backend) mapfile -t COMPREPLY < <(compgen -W 'nft legacy' -- \"$word\"); return ;;\n"
		"\t--role) mapfile -t COMPREPLY < <(compgen -W 'admin member reader' -- \"$word\"); return ;;\n"
		"\t--prefix | --wait | -w | --project) return ;;\n\tesac\n"
		"\tcase ${COMP_WORDS[1]} in\n");
	for (size_t i = 0; i < n_commands; i++) {
		text_addf(out, "\t%s) options='", commands[i].name);
		for (size_t o = 0; o < commands[i].n_options; o++)
			text_addf(out, "%s--%s", o ? " " : "",
				option_specs[commands[i].options[o]].name);
		text_add(out, "' ;;\n");
	}
	text_add(out,
		"\t*) return ;;\n\tesac\n\tcase $word in\n"
		"\t-*) mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\") ;;\n"
		"\t*)\n\t\tif [ \"${COMP_WORDS[1]}\" = show ]; then\n"
		"\t\t\tmapfile -t COMPREPLY < <(compgen -W \"$(portwall show --json 2>/dev/null |\n"
		"\t\t\t\tsed -n 's/^      \"name\": \"\\(.*\\)\",$/\\1/p')\" -- \"$word\")\n"
		"\t\telif [ \"${COMP_WORDS[1]}\" = guard ]; then\n"
		"\t\t\tmapfile -t COMPREPLY < <(compgen -W 'install run status remove' -- \"$word\")\n"
		"\t\telif [ \"${COMP_WORDS[1]}\" = user ]; then\n"
		"\t\t\tmapfile -t COMPREPLY < <(compgen -W 'list add set delete token' -- \"$word\")\n"
		"\t\telse\n\t\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
		"\t\tfi ;;\n\tesac\n}\ncomplete -o filenames -F _portwall portwall\n");
}

/* roff eats leading dots and backslashes, and turns - into a hyphen. */
static void add_roff(struct text *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\')
			text_add(out, "\\e");
		else if (*text == '-')
			text_add(out, "\\-");
		else
			text_add_n(out, text, 1);
	}
}

static void add_checks(struct text *out)
{
	text_add(out, ".SH CHECKS OF DOCTOR\n");
	for (size_t i = 0; i < doctor_n_checks; i++) {
		text_add(out, ".TP\n.B ");
		add_roff(out, doctor_checks[i]->id);
		text_add(out, "\n");
		add_roff(out, doctor_checks[i]->description);
		text_add(out, "\n");
	}
}

static void add_serve_config(struct text *out)
{
	const char *key, *preset, *help;

	text_add(out, ".SH CONFIGURATION OF SERVE\n");
	add_roff(out, SERVE_CONFIG_PATH);
	text_add(out,
		" has lines KEY = VALUE. A # at the beginning of a line or behind a space begins a remark, "
		"and the words of a list are parted by spaces. portwall serve \\-\\-check reads it and "
		"tells what is effective, or what is wrong and in which line.\n");
	for (size_t i = 0; serve_config_key(i, &key, &preset, &help), key; i++) {
		text_addf(out, ".TP\n.B ");
		add_roff(out, key);
		text_add(out, "\n");
		add_roff(out, help);
		text_add(out, *preset ? " Default: " : " Default: none");
		add_roff(out, preset);
		text_add(out, ".\n");
	}
}

void options_print_man(struct text *out)
{
	text_addf(out,
		".\\\" made from the option table: do not edit\n"
		".TH PORTWALL 1 \"2026-11-27\" \"portwall %s\" \"User Commands\"\n"
		".SH NAME\nportwall \\- security groups for the bridge ports of a host\n"
		".SH SYNOPSIS\n",
		PORTWALL_VERSION);
	for (size_t i = 0; i < n_commands; i++)
		text_addf(out, "%s.B portwall %s\n[OPTION...] %s\n", i ? ".br\n" : "",
			commands[i].name, commands[i].args);
	text_add(out,
		".SH DESCRIPTION\n"
		"portwall puts OpenStack\\-style security groups on the ports of Linux bridges: taps of "
		"virtual machines, veths of containers. What no rule allows is dropped, in both "
		"directions; replies of allowed connections pass; source addresses are checked. The "
		"rules have the layout of OpenStack Neutron's iptables driver. Every command acts on "
		"the current network namespace and needs root.\n.SH COMMANDS\n");
	for (size_t i = 0; i < n_commands; i++) {
		const struct command *command = &commands[i];

		text_addf(out, ".SS portwall %s [OPTION...] %s\n", command->name, command->args);
		add_roff(out, command->description);
		text_add(out, "\n");
		for (size_t o = 0; o < command->n_options; o++) {
			struct text words CLEANUP(text_done) = TEXT_INIT;

			add_option_words(&words, &option_specs[command->options[o]]);
			text_add(out, ".TP\n.B ");
			add_roff(out, words.data + strspn(words.data, " "));
			text_add(out, "\n");
			add_roff(out, option_specs[command->options[o]].help);
			text_add(out, "\n");
		}
		text_add(out, ".PP\n.nf\n");
		add_roff(out, command->examples);
		text_add(out, ".fi\n");
	}
	add_checks(out);
	add_serve_config(out);
	text_add(out,
		".SH EXIT STATUS\n.TP\n.B 0\nDone.\n.TP\n.B 1\nFailed: the system refused or lacks "
		"something, or somebody else owns the chains. Nothing was changed, or what was changed "
		"was taken back, or the message says what stands.\n.TP\n.B 2\n"
		"Wrong usage, or an error in the policy file, the packet or the snapshot. Nothing was "
		"changed.\n"
		".TP\n.B 3\nexplain: the packet is dropped, rejected or consumed; verify: something passes or is dropped that "
		"should not; audit: rules that can never match, a difference, or a source that should not be let in; doctor: there are findings; guard status: "
		"the guard is not there, was changed, or does not have all bridges.\n"
		".TP\n.B 4\nexplain: it is delivered, but rewritten.\n.TP\n.B 5\nexplain, verify: it cannot be told, also guard status; doctor: there are no findings, but something could not be told; "
		"ruleset \\-\\-check: something is not understood; audit: nothing was found, but something is not known.\n"
		".SH FILES\n.TP\n.I /run/portwall/\nThe policy that was applied last, the fixes of doctor that stand, and while something "
		"is changed a lock file and a journal, one each for every network namespace.\n"
		".SH ENVIRONMENT\n.TP\n.B PORTWALL_RUN_DIR\nIn place of /run/portwall.\n.TP\n"
		".B NO_COLOR\nNo colour, on a terminal too.\n"
		".SH SEE ALSO\n.BR iptables (8),\n.BR ipset (8),\n.BR nft (8),\n.BR bridge (8)\n");
}
