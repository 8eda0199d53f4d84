/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <jansson.h>

#include "agent/agent.h"
#include "base/text.h"
#include "base/vec.h"

/*
 * argv. One file a subcommand, one table of commands and options from which parsing, --help, the
 * completion and the man page are made. No logic beyond words lives here.
 */

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	/* explain */
	EXIT_DROPPED = 3, /* or rejected, or consumed */
	EXIT_REWRITTEN = 4,
	EXIT_CANNOT_TELL = 5,
	/* audit, verify, doctor */
	EXIT_FOUND =
		3, /* a difference, a dead rule, a source that is let in and should not; a finding */
	/* guard status */
	EXIT_NOT_WHOLE = 3,
};

enum option_id {
	OPT_HELP,
	OPT_JSON,
	OPT_PREFIX,
	OPT_BACKEND,
	OPT_DRY_RUN,
	OPT_TAKEOVER,
	OPT_ALLOW_MISSING,
	OPT_FIX_SYSCTL,
	OPT_WAIT,
	OPT_VERBOSE,
	OPT_ALL,
	OPT_POLICY,
	OPT_OUTPUT,
	OPT_REDACT,
	OPT_FORCE,
	OPT_ONLY_OWN,
	OPT_IN,
	OPT_TO,
	OPT_OUT_OF_PROCESS,
	OPT_NETNS,
	OPT_SNAPSHOT,
	OPT_STATE,
	OPT_REPLY,
	OPT_EVERY,
	OPT_BRIEF,
	OPT_PACKETS,
	OPT_DOT,
	OPT_SVG,
	OPT_CHECK,
	OPT_AGAINST,
	OPT_CHAIN,
	OPT_FAMILY,
	OPT_SERVICE,
	OPT_ASSIGN,
	OPT_LIST,
	OPT_FIX,
	OPT_UNDO,
	OPT_KEEP,
	OPT_CONFIRM,
	OPT_BRIDGE,
	OPT_AS_FFFUU,
	OPT_CONFIG,
	OPT_PARANOID,
	OPT_PROJECT,
	OPT_ROLE,
	OPT_PASSWORD,
	OPT_NO_PASSWORD,
	OPT_REVOKE,
	N_OPTIONS,
};

/* What one call of portwall was asked to do. */
struct invocation {
	const struct command *command;
	struct arena *arena;
	struct agent_options agent;
	const char *args[64]; /* words that are no options */
	size_t n_args;
	const char *policy_path; /* --policy */
	const char *output_path; /* --output; NULL: not said */
	bool redact, force, only_own, check;
	/* explain */
	const char *in, *to, *netns, *state, *packets_path;
	const char *snapshots[16];
	size_t n_snapshots;
	bool from_process, reply, every, brief, dot, svg;
	/* audit */
	const char *chain, *family;
	const char *against[16], *services[16], *assigns[256];
	size_t n_against, n_services, n_assigns;
	/* doctor */
	bool list, fix, undo, keep, paranoid;
	unsigned confirm_s;
	/* guard */
	const char *bridges[256];
	size_t n_bridges;
	bool as_fffuu;
	/* serve */
	const char *config_path; /* --config; NULL: the default one */
	/* user */
	const char *project, *role; /* NULL: not said */
	bool password, no_password, revoke;
	enum exit_code exit; /* of a run that did not fail */
	bool has_changed;    /* something was done that stands, whatever becomes of its report */
	bool json, verbose, all;
	bool colour; /* standard output is a terminal and NO_COLOR is not set */
};

struct command {
	const char *name;
	const char *args; /* for the synopsis: "FILE" */
	size_t min_args, max_args;
	const char *summary;	 /* one line */
	const char *description; /* paragraphs for --help and the man page */
	const char *examples;	 /* lines "command  # what it does" */
	const char *exit_status; /* codes that only it has: "3 ..., 4 ..."; NULL: none */
	const enum option_id *options;
	size_t n_options;
	/* Fills err and returns false, or returns true: the edges make an exit code of it. */
	bool (*run)(struct invocation *invocation, struct err *err);
};

/* commands.c */
extern const struct command commands[];
extern const size_t n_commands;

/* One file a subcommand. */
bool cmd_apply(struct invocation *invocation, struct err *err);
bool cmd_show(struct invocation *invocation, struct err *err);
bool cmd_groups(struct invocation *invocation, struct err *err);
bool cmd_verify(struct invocation *invocation, struct err *err);
bool cmd_explain(struct invocation *invocation, struct err *err);
bool cmd_snapshot(struct invocation *invocation, struct err *err);
bool cmd_ruleset(struct invocation *invocation, struct err *err);
bool cmd_audit(struct invocation *invocation, struct err *err);
bool cmd_clear(struct invocation *invocation, struct err *err);
bool cmd_doctor(struct invocation *invocation, struct err *err);
bool cmd_serve(struct invocation *invocation, struct err *err);
bool cmd_export(struct invocation *invocation, struct err *err);
bool cmd_status(struct invocation *invocation, struct err *err);
bool cmd_user(struct invocation *invocation, struct err *err);
bool cmd_guard(struct invocation *invocation, struct err *err);

/* options.c */
/* Reads argv behind the command's name. *ret_help: --help was asked for. */
bool options_parse(
	struct invocation *invocation, int argc, char **argv, bool *ret_help, struct err *err);
void options_print_usage(struct text *out);
void options_print_help(struct text *out, const struct command *command);
void options_print_completion(struct text *out); /* for bash */
void options_print_man(struct text *out);	 /* portwall(1) */

/* netns.c */
/* The host that is asked about: that of --snapshot, or this one; only_own: the namespace that portwall was called in alone. */
bool read_host(struct invocation *inv, bool only_own, const struct host **ret, struct err *err);
/* Of a host, by --netns; NULL or "": the one that it was read from. */
bool find_netns(
	const struct host *host, const char *name, const struct netns **ret, struct err *err);

/* output.c */
enum colour { COLOUR_NONE, COLOUR_BOLD, COLOUR_RED, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_DIM };
/* Adds text in a colour, or plain when the invocation has none. */
void output_add(const struct invocation *invocation, struct text *out, enum colour colour,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void output_print_text(const struct text *text);
void output_print_json(json_t *value); /* takes the reference */
/* JSON is UTF-8, and a word of argv, of a file or of the kernel need not be: then every other byte is a "?". */
json_t *output_json_words(const char *words);
/* A drawing in Graphviz's language: as it is (--dot), or as SVG. */
bool output_print_picture(struct invocation *invocation, const struct text *dot, struct err *err);
/* Did all that was printed arrive? Who reads a half must not take it for the whole. */
bool output_finish(struct err *err);
void output_print_error(const struct err *err, bool colour);
void output_print_warnings(const char *const *warnings, size_t n);
json_t *output_json_error(const struct err *err);
json_t *output_json_warnings(const char *const *warnings, size_t n);
/* What a pass did or, after --dry-run, would do. */
/* Are so many lines of what changed listed, without being asked for? Else the second tells how many there are. */
bool output_lists_changes(const struct invocation *invocation, size_t n);
void output_add_unlisted(struct text *out, size_t n);
void output_print_report(
	const struct invocation *invocation, const char *what, const struct agent_report *report);

/* progress.c */
/*
 * agent_options.progress: the stage on standard error when that is a terminal, from the second second
 * of the command on; NULL erases it. A stage is told where it begins and lives as long as the command.
 */
void output_progress(void *data, const char *stage);

/*
 * A table with a frame of + - |, as the openstack client prints them; a cell may have several
 * lines. Cells are borrowed until the table is printed.
 */
struct output_table {
	struct arena *arena;
	const char *const *titles;
	size_t n_columns;
	VEC(const char *const *) rows;
};
void output_table_print(const struct output_table *table, struct text *out);

#endif
