// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/cmd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/objects.h"
#include "cmd/serve_config.h"

#define LOCK_WAIT_S 10

static enum exit_code exit_code_of(const struct err *err)
{
	return err->kind == ERR_INPUT || err->kind == ERR_LIMIT ? EXIT_USAGE : EXIT_FAILED;
}

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < n_commands; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static enum exit_code refuse_command(const char *word)
{
	const char **names = calloc(n_commands, sizeof(*names)), *nearest = NULL;
	struct err err;

	for (size_t i = 0; names && i < n_commands; i++)
		names[i] = commands[i].name;
	if (names)
		nearest = text_nearest(word, names, n_commands);
	err_input(&err, "there is no command %s", word);
	if (nearest)
		err_next(&err, "did you mean portwall %s? See portwall --help", nearest);
	else
		err_next(&err, "portwall --help lists the commands");
	output_print_error(&err, false);
	free(names);
	return EXIT_USAGE;
}

static enum exit_code refuse_verb(const struct command *noun, const char *word)
{
	const char *names[16], *nearest;
	size_t n = 0;
	struct err err;

	for (const struct command *verb = noun->verbs; verb->name && n < N_OF(names); verb++)
		names[n++] = options_verb_name(verb);
	nearest = text_nearest(word, names, n);
	err_input(&err, "%s has no verb %s", noun->name, word);
	if (nearest)
		err_next(&err, "did you mean portwall %s %s? See portwall %s --help", noun->name,
			nearest, noun->name);
	else
		err_next(&err, "portwall %s --help lists its verbs", noun->name);
	output_print_error(&err, false);
	return EXIT_USAGE;
}

static bool is_colour_for(int fd)
{
	return isatty(fd) && !getenv("NO_COLOR");
}

/* done: what stands although its report was lost; NULL: nothing was changed. */
static enum exit_code finish(const char *done)
{
	struct err err;

	if (output_finish(&err))
		return EXIT_DONE;
	if (done)
		err_prefix(&err, "%s is done, but its report is lost", done);
	output_print_error(&err, is_colour_for(STDERR_FILENO));
	return EXIT_FAILED;
}

static enum exit_code print_and_end(void (*print)(struct text *out))
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	print(&out);
	output_print_text(&out);
	return finish(NULL);
}

static void print_version(struct text *out)
{
	text_addf(out, "portwall %s\n", PORTWALL_VERSION);
}

/* The options behind a wrong one were not read. */
static bool asks_for_json(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--json") || !strcmp(argv[i], "-j"))
			return true;
	return false;
}

/*
 * Who is started without 0, 1 or 2 would open its files there, and print into them or read
 * from them. What stands there instead can neither be read (0) nor written (1, 2), so that it
 * is an error as before.
 */
static void hold_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_PATH);
	while (fd >= 0 && fd < STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static enum exit_code command_run(const struct command *command, int argc, char **argv)
{
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct invocation invocation = { .command = command,
		.arena = arena,
		.agent = { .lock_wait_s = LOCK_WAIT_S, .progress = output_progress },
		.colour = is_colour_for(STDOUT_FILENO) };
	bool help = false;
	struct err err;

	if (options_parse(&invocation, argc, argv, &help, &err)) {
		if (help) {
			struct text out CLEANUP(text_done) = TEXT_INIT;

			options_print_help(&out, command);
			output_print_text(&out);
			return finish(NULL);
		}
		if (command->run(&invocation, &err)) {
			enum exit_code end = finish(invocation.has_changed ? command->name : NULL);

			return end ? end : invocation.exit;
		}
	}
	if (invocation.json || asks_for_json(argc, argv))
		output_print_json(output_json_error(&err));
	output_print_error(&err, is_colour_for(STDERR_FILENO));
	return exit_code_of(&err);
}

/* "portwall group list ...": argv from the noun on. */
static enum exit_code noun_run(const struct command *noun, int argc, char **argv)
{
	struct text help CLEANUP(text_done) = TEXT_INIT;
	const struct command *verb = argc > 1 ? options_find_verb(noun, argv[1]) : NULL;

	if (verb)
		return command_run(verb, argc - 1, argv + 1);
	options_print_help(&help, noun);
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		output_print_text(&help);
		return finish(NULL);
	}
	if (argc > 1)
		return refuse_verb(noun, argv[1]);
	fputs(help.data, stderr);
	return EXIT_USAGE;
}

/* For the completion: names of objects of a kind that begin with a word, or nothing. */
static enum exit_code complete(int argc, char **argv)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (argc > 2)
		objects_complete(argv[2], argc > 3 ? argv[3] : "", &out);
	output_print_text(&out);
	return finish(NULL);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *word;
		void (*print)(struct text *out);
	} printers[] = {
		{ "--help", options_print_usage },
		{ "-h", options_print_usage },
		{ "help", options_print_usage },
		{ "--version", print_version },
		{ "completion", completion_print },
		/* for the build, which makes portwall(1) and serve.conf of them */
		{ "--man", options_print_man },
		{ "--serve-conf", serve_config_print_default },
	};
	const struct command *command;

	hold_standard_fds();
	if (argc < 2) {
		struct text out CLEANUP(text_done) = TEXT_INIT;

		options_print_usage(&out);
		fputs(out.data, stderr);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < N_OF(printers); i++)
		if (!strcmp(argv[1], printers[i].word))
			return (int)print_and_end(printers[i].print);
	if (!strcmp(argv[1], "--complete"))
		return (int)complete(argc, argv);
	command = command_find(argv[1]);
	if (!command)
		return (int)refuse_command(argv[1]);
	if (command->verbs)
		return (int)noun_run(command, argc - 1, argv + 1);
	return (int)command_run(command, argc - 1, argv + 1);
}
