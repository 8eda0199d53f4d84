// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The completion script for bash, from the tables of commands and options.
 *
 * Names of objects come from strangers (whoever may make a group), and compgen -W expands its words as the shell does: a group
 * called $(reboot) would be run. So names are never words of compgen: "portwall --complete KIND BEGIN" prints those that begin so,
 * a line each, and readline quotes them.
 */
#include "cmd/cmd.h"

#include <string.h>

/* What may follow a command: options, and its arguments; words=' ' is none. */
static void add_options_of(struct text *out, const struct command *command)
{
	text_addf(out, "\t'%s') options='", command->name);
	for (size_t o = 0; o < command->n_options; o++)
		text_addf(out, "%s--%s", o ? " " : "", option_specs[command->options[o]].name);
	text_add(out, "'");
	if (command->names_of_args)
		text_addf(out, " names=%s", command->names_of_args);
	else if (command->words_of_args)
		text_addf(out, " words='%s'", command->words_of_args);
	else if (!*command->args || strchr(command->name, ' '))
		text_add(out, " words=' '");
	text_add(out, " ;;\n");
}

static void add_verbs(struct text *out, const struct command *noun)
{
	text_addf(out, "\t%s) verbs='", noun->name);
	for (const struct command *verb = noun->verbs; verb->name; verb++)
		text_addf(out, "%s ", options_verb_name(verb));
	text_add(out, "--help' ;;\n");
}

/* What may stand behind an option. An option's name means the same in all commands. */
static void add_values(struct text *out)
{
	const char *const *protocols;
	size_t n;

	for (size_t i = 0; i < N_OPTIONS; i++) {
		const struct option_spec *spec = &option_specs[i];

		if (spec->names)
			text_addf(out, "\t--%s) names=%s words='' ;;\n", spec->name, spec->names);
		else if (spec->words)
			text_addf(out, "\t--%s) words='%s' names='' ;;\n", spec->name, spec->words);
	}
	protocols = proto_names(&n);
	text_addf(out, "\t--%s) names='' words='any", option_specs[OPT_PROTOCOL].name);
	for (size_t i = 0; i < n; i++)
		text_addf(out, " %s", protocols[i]);
	text_add(out, "' ;;\n");
}

/* Options whose value nobody can guess: a word, a number. */
static void add_unknown_values(struct text *out)
{
	static const enum option_id unknown[] = { OPT_PREFIX, OPT_WAIT, OPT_NAME, OPT_DESCRIPTION,
		OPT_PROJECT, OPT_TAG, OPT_TAGS, OPT_DST_PORT, OPT_ICMP_TYPE, OPT_ICMP_CODE,
		OPT_REMOTE_IP, OPT_DEVICE_OWNER, OPT_HOST, OPT_MAC_ADDRESS, OPT_FIXED_IP,
		OPT_ALLOWED_ADDRESS, OPT_ADDRESS, OPT_DEVICE, OPT_SUBNET_RANGE,
		OPT_ALLOCATION_POOL };

	text_add(out, "\t-w");
	for (size_t i = 0; i < N_OF(unknown); i++)
		text_addf(out, " | --%s", option_specs[unknown[i]].name);
	text_add(out, ") return ;;\n");
}

void completion_print(struct text *out)
{
	text_add(out,
		"# bash completion for portwall; made by: portwall completion\n"
		"_portwall()\n{\n"
		"\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
		"\tlocal command=${COMP_WORDS[1]} options='' verbs='' words='' names=''\n"
		"\tCOMPREPLY=()\n"
		"\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\tmapfile -t COMPREPLY < <(compgen -W '");
	for (size_t i = 0; i < n_commands; i++)
		text_addf(out, "%s ", commands[i].name);
	text_add(out, "completion --help --version' -- \"$word\")\n\t\treturn\n\tfi\n"
		      "\tcase $command in\n");
	for (size_t i = 0; i < n_commands; i++)
		if (commands[i].verbs)
			add_verbs(out, &commands[i]);
	text_add(out, "\tesac\n\tif [ -n \"$verbs\" ]; then\n"
		      "\t\tif [ \"$COMP_CWORD\" -eq 2 ]; then\n"
		      "\t\t\tmapfile -t COMPREPLY < <(compgen -W \"$verbs\" -- \"$word\")\n"
		      "\t\t\treturn\n\t\tfi\n\t\tcommand+=\" ${COMP_WORDS[2]}\"\n\tfi\n"
		      "\tcase $command in\n");
	for (size_t i = 0; i < n_commands; i++) {
		if (!commands[i].verbs)
			add_options_of(out, &commands[i]);
		for (const struct command *verb = commands[i].verbs; verb && verb->name; verb++)
			add_options_of(out, verb);
	}
	/* only an option that this command has takes what stands before the word as its own */
	text_add(out, "\t*) return ;;\n\tesac\n\tcase $before in\n");
	add_unknown_values(out);
	text_add(out,
		"\t-*) [[ \" $options \" = *\" $before \"* ]] && _portwall_value \"$before\" ;;\n"
		"\tesac\n"
		"\tif [ -n \"$names\" ] && [[ $word != -* ]]; then\n"
		"\t\tmapfile -t COMPREPLY < <(portwall --complete \"$names\" \"$word\" 2>/dev/null)\n"
		"\telif [[ $word = -* ]]; then\n"
		"\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
		"\telif [ -n \"$words\" ]; then\n"
		"\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
		"\telse\n\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n\tfi\n}\n"
		"# what may stand behind an option: into words or names of _portwall\n"
		"_portwall_value()\n{\n\tcase $1 in\n");
	add_values(out);
	text_add(out, "\tesac\n}\ncomplete -o filenames -F _portwall portwall\n");
}
