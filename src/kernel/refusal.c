// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/refusal.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/vec.h"

/*
 * The forms, as iptables 1.8.9, ipset 7.17 and nft 1.0.6 print them:
 *
 *     iptables-nft-restore: line 4 failed: No chain/target/match by that name.
 *     iptables-restore: line 4 failed                       (legacy: that is all)
 *     iptables-nft-restore v1.8.9 (nf_tables): invalid port/service `99999' specified
 *     Error occurred at line: 4
 *     iptables-nft-restore v1.8.9 (nf_tables):
 *     line 4: RULE_APPEND failed (No such file or directory): rule in chain X
 *     iptables-restore: COMMIT expected at line 3
 *     ipset v7.17: Error in line 4: Hash is full, cannot add more elements
 *     /dev/stdin:1:26-29: Error: Could not process rule: No such file or directory
 */
static const struct {
	const char *said;
	bool is_transient;
	const char *next_step;
} known[] = {
	{ "xtables lock", true, "another program is changing the filters: try again" },
	{ "Resource temporarily unavailable", true,
		"another program is changing the filters: try again" },
	{ "Interrupted system call", true, "another program is changing the filters: try again" },
	{ "Device or resource busy", true,
		"another program is changing the filters, or refers to what was to go: try again" },
	{ "in use by a kernel component", true,
		"a rule of another program still refers to the set: iptables-save | grep match-set" },
	{ "Hash is full", false,
		"the set is smaller than its members need: remove it (ipset destroy) and apply again" },
	{ "Couldn't load match", false,
		"the iptables extension is missing: apt-get install --reinstall iptables" },
	{ "Couldn't load target", false,
		"the iptables extension is missing: apt-get install --reinstall iptables" },
	{ "No chain/target/match by that name", false,
		"a kernel module may be missing: modprobe -a xt_physdev xt_set xt_mac xt_CT" },
	{ "RULE_APPEND failed (No such file or directory)", false,
		"a kernel module may be missing: modprobe -a xt_physdev xt_set xt_mac xt_CT" },
	{ "RULE_INSERT failed (No such file or directory)", false,
		"a kernel module may be missing: modprobe -a xt_physdev xt_set xt_mac xt_CT" },
	{ "Cannot open session to kernel", false,
		"the kernel has no ipset: modprobe ip_set ip_set_hash_net" },
	{ "Operation not supported", false,
		"a kernel module may be missing: modprobe -a nf_tables br_netfilter" },
	{ "Operation not permitted", false, "call it with sudo" },
	{ "Permission denied", false, "call it with sudo" },
};

/* "ipset v7.17: text", "iptables-restore v1.8.9 (legacy): text", "iptables-restore: text" */
static const char *behind_program(const char *line)
{
	size_t word = strcspn(line, " :");
	const char *rest = line + word;

	if (text_has_prefix(rest, " v"))
		rest += strcspn(rest, ":");
	return rest[0] == ':' ? rest + 1 + strspn(rest + 1, " ") : line;
}

/* Takes "prefix NUMBER" off the beginning of a line. */
static bool take_number(const char **line, const char *prefix, unsigned *number)
{
	size_t len = strlen(prefix);
	unsigned long value;
	char *end;

	if (!text_has_prefix(*line, prefix) || !isdigit((unsigned char)(*line)[len]))
		return false;
	errno = 0;
	value = strtoul(*line + len, &end, 10);
	if (errno || value > UINT_MAX)
		return false;
	*number = (unsigned)value;
	*line = end;
	return true;
}

/* One line of standard error. message is set when this line holds it. */
static void parse_line(const char *line, unsigned *number, const char **message)
{
	const char *error = strstr(line, ": Error: "), *rest, *at;

	if (error) {
		take_number(&line, "/dev/stdin:", number);
		*message = error + strlen(": Error: ");
		return;
	}
	rest = line = behind_program(line);
	at = strstr(line, "at line ");
	if (take_number(&rest, "Error in line ", number) || take_number(&rest, "line ", number)) {
		if (text_has_prefix(rest, " failed"))
			rest += strlen(" failed");
		if (text_has_prefix(rest, ": "))
			*message = rest + 2;
	} else if (take_number(&rest, "Error occurred at line: ", number)) {
		return;
	} else if ((at && take_number(&at, "at line ", number)) ||
		   (!*message && *line && *line != '#' && !text_has_prefix(line, "Try `") &&
			   !text_has_prefix(line, "Warning"))) {
		*message = line;
	}
}

static const char *trimmed(struct arena *arena, const char *message)
{
	size_t len = strlen(message);

	while (len && strchr(" .\n", message[len - 1]))
		len--;
	return arena_strndup(arena, message, len);
}

struct refusal refusal_parse(struct arena *arena, const char *text)
{
	struct refusal refusal = { 0 };
	const char *message = NULL;

	while (*text && !(refusal.line && message)) {
		size_t len = strcspn(text, "\n");

		parse_line(arena_strndup(arena, text, len), &refusal.line, &message);
		text += len + (text[len] == '\n');
	}
	refusal.message = trimmed(arena, message ? message : "");
	for (size_t i = 0; i < N_OF(known); i++)
		if (strstr(refusal.message, known[i].said)) {
			refusal.is_known = true;
			refusal.is_transient |= known[i].is_transient;
		}
	return refusal;
}

void refusal_advise(const struct refusal *refusal, struct err *err)
{
	for (size_t i = 0; i < N_OF(known); i++)
		if (strstr(refusal->message, known[i].said)) {
			err_next(err, "%s", known[i].next_step);
			return;
		}
}
