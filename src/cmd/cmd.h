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
	OPT_PORT,
	OPT_COUNT,
	OPT_FOR,
	OPT_RATE,
	OPT_TO_MANY,
	OPT_MATRIX,
	OPT_PCAP,
	OPT_PLAIN,
	OPT_DROPS,
	OPT_CONFIG,
	OPT_PARANOID,
	/* of objects of the service */
	OPT_WATCH,
	OPT_LONG,
	OPT_NAME,
	OPT_DESCRIPTION,
	OPT_PROJECT,
	OPT_TAG,
	OPT_NO_TAG,
	OPT_TAGS,
	OPT_STATEFUL,
	OPT_STATELESS,
	OPT_PROTOCOL,
	OPT_INGRESS,
	OPT_EGRESS,
	OPT_ETHERTYPE,
	OPT_DST_PORT,
	OPT_ICMP_TYPE,
	OPT_ICMP_CODE,
	OPT_REMOTE_IP,
	OPT_REMOTE_GROUP,
	OPT_REMOTE_ADDRESS_GROUP,
	OPT_NETWORK,
	OPT_DEVICE,
	OPT_DEVICE_OWNER,
	OPT_HOST,
	OPT_MAC_ADDRESS,
	OPT_FIXED_IP,
	OPT_NO_FIXED_IP,
	OPT_SECURITY_GROUP,
	OPT_NO_SECURITY_GROUP,
	OPT_ALLOWED_ADDRESS,
	OPT_NO_ALLOWED_ADDRESS,
	OPT_ENABLE_PORT_SECURITY,
	OPT_DISABLE_PORT_SECURITY,
	OPT_ADDRESS,
	OPT_SUBNET_RANGE,
	OPT_GATEWAY,
	OPT_ALLOCATION_POOL,
	/* of users */
	OPT_ROLE,
	OPT_PASSWORD,
	OPT_NO_PASSWORD,
	OPT_REVOKE,
	N_OPTIONS,
};

/* What is said of an object of the service (objects.h), in words; NULL: not said. */
struct object_words {
	const char *name, *description, *project, *all_tags;
	const char *protocol, *ethertype, *dst_port, *icmp_type, *icmp_code;
	const char *remote_ip, *remote_group, *remote_address_group;
	const char *network, *device, *device_owner, *host, *mac_address;
	const char *subnet_range, *gateway;
	const char *tags[64], *fixed_ips[64], *groups[64], *pairs[64], *addresses[256], *pools[64];
	size_t n_tags, n_fixed_ips, n_groups, n_pairs, n_addresses, n_pools;
	bool stateful, stateless, ingress, egress;
	bool no_tag, no_fixed_ip, no_group, no_pair;
	bool port_security, no_port_security;
	bool watch, is_long; /* --watch, --long */
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
	/* watch; 0: not said */
	unsigned count, for_s, rate;
	bool to_many, matrix; /* probe */
	const char *port;     /* --port; NULL: not said */
	const char *pcap_dir; /* --pcap; NULL: not said */
	bool plain;	      /* watch */
	bool drops;
	struct object_words object;
	/* serve */
	const char *config_path; /* --config; NULL: the default one */
	/* user */
	const char *role; /* NULL: not said; --project is object.project */
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
	const char *
		words_of_args; /* for the completion: what args may be, "install run"; NULL: files */
	const char *names_of_args; /* or of which kind of object they are the names: "group" */
	/*
	 * A noun has verbs, whose names are two words ("group list"), in place of options and run; the last one is followed by one
	 * without a name.
	 */
	const struct command *verbs;
	const enum option_id *options;
	size_t n_options;
	/* Fills err and returns false, or returns true: the edges make an exit code of it. */
	bool (*run)(struct invocation *invocation, struct err *err);
};

/* commands.c */
extern const struct command commands[];
extern const size_t n_commands;

/* commands_objects.c: verbs of the nouns among them */
extern const struct command group_verbs[], rule_verbs[], port_verbs[], address_group_verbs[],
	network_verbs[], subnet_verbs[];

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
bool cmd_probe(struct invocation *invocation, struct err *err);
bool cmd_watch(struct invocation *invocation, struct err *err);
/* objects_group.c, objects_rule.c, objects_port.c, objects_network.c */
bool cmd_group_list(struct invocation *invocation, struct err *err);
bool cmd_group_show(struct invocation *invocation, struct err *err);
bool cmd_group_create(struct invocation *invocation, struct err *err);
bool cmd_group_set(struct invocation *invocation, struct err *err);
bool cmd_group_delete(struct invocation *invocation, struct err *err);
bool cmd_rule_list(struct invocation *invocation, struct err *err);
bool cmd_rule_show(struct invocation *invocation, struct err *err);
bool cmd_rule_create(struct invocation *invocation, struct err *err);
bool cmd_rule_set(struct invocation *invocation, struct err *err);
bool cmd_rule_delete(struct invocation *invocation, struct err *err);
bool cmd_port_list(struct invocation *invocation, struct err *err);
bool cmd_port_show(struct invocation *invocation, struct err *err);
bool cmd_port_create(struct invocation *invocation, struct err *err);
bool cmd_port_set(struct invocation *invocation, struct err *err);
bool cmd_port_unset(struct invocation *invocation, struct err *err);
bool cmd_port_delete(struct invocation *invocation, struct err *err);
bool cmd_address_group_list(struct invocation *invocation, struct err *err);
bool cmd_address_group_show(struct invocation *invocation, struct err *err);
bool cmd_address_group_create(struct invocation *invocation, struct err *err);
bool cmd_address_group_set(struct invocation *invocation, struct err *err);
bool cmd_address_group_unset(struct invocation *invocation, struct err *err);
bool cmd_address_group_delete(struct invocation *invocation, struct err *err);
bool cmd_network_list(struct invocation *invocation, struct err *err);
bool cmd_network_show(struct invocation *invocation, struct err *err);
bool cmd_network_create(struct invocation *invocation, struct err *err);
bool cmd_network_set(struct invocation *invocation, struct err *err);
bool cmd_network_delete(struct invocation *invocation, struct err *err);
bool cmd_subnet_list(struct invocation *invocation, struct err *err);
bool cmd_subnet_show(struct invocation *invocation, struct err *err);
bool cmd_subnet_create(struct invocation *invocation, struct err *err);
bool cmd_subnet_set(struct invocation *invocation, struct err *err);
bool cmd_subnet_delete(struct invocation *invocation, struct err *err);

/* options.c */
struct option_spec {
	const char *name;
	char letter;	 /* 0: none */
	const char *arg; /* NULL: a switch */
	const char *help;
	const char *words; /* for the completion: what arg may be, "nft legacy" */
	const char *names; /* or of which kind of object it is a name: "group" */
};
extern const struct option_spec option_specs[N_OPTIONS];

/* Reads argv behind the command's name. *ret_help: --help was asked for. */
bool options_parse(
	struct invocation *invocation, int argc, char **argv, bool *ret_help, struct err *err);
void options_print_usage(struct text *out);
void options_print_help(struct text *out, const struct command *command);
/* The verb of a noun; NULL: there is none of this name. */
const struct command *options_find_verb(const struct command *noun, const char *word);
const char *options_verb_name(const struct command *verb); /* "list" of "group list" */
void options_print_man(struct text *out);		   /* portwall(1) */

/* completion.c */
void completion_print(struct text *out); /* for bash */

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
