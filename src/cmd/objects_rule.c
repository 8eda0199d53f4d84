// SPDX-License-Identifier: GPL-2.0-or-later
/* portwall rule: rules of security groups, with what they counted. */
#include "cmd/objects_rule.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "policy/check.h"

/* --- as tables --- */

static void print_protocol(struct talk *talk, const json_t *rule, struct text *out)
{
	const char *protocol = daemon_word(rule, "protocol");

	(void)talk;
	text_add(out, *protocol ? protocol : "any");
}

static bool is_icmp_word(const char *protocol)
{
	uint8_t number;

	return proto_parse(protocol, FAMILY_IPV4, &number) &&
	       (number == PROTO_ICMP || number == PROTO_ICMPV6);
}

static void print_ports(struct talk *talk, const json_t *rule, struct text *out)
{
	const json_t *min = json_object_get(rule, "port_range_min"),
		     *max = json_object_get(rule, "port_range_max");

	(void)talk;
	if (is_icmp_word(daemon_word(rule, "protocol"))) {
		if (json_is_integer(min))
			text_addf(out, "type=%lld", (long long)json_integer_value(min));
		if (json_is_integer(max))
			text_addf(out, ":code=%lld", (long long)json_integer_value(max));
	} else if (json_is_integer(min)) {
		text_addf(out, "%lld", (long long)json_integer_value(min));
		if (!json_equal(min, max))
			text_addf(out, ":%lld", (long long)json_integer_value(max));
	}
}

static void print_remote(struct talk *talk, const json_t *rule, struct text *out)
{
	const char *group = daemon_word(rule, "remote_group_id"),
		   *addresses = daemon_word(rule, "remote_address_group_id"),
		   *prefix = daemon_word(rule, "remote_ip_prefix");

	if (*group)
		text_addf(out, "group %s", name_of_id(talk, &group_kind, group));
	else if (*addresses)
		text_addf(
			out, "address group %s", name_of_id(talk, &address_group_kind, addresses));
	else
		text_add(out, *prefix ? prefix : "any");
}

static void print_group(struct talk *talk, const json_t *rule, struct text *out)
{
	text_add(out, name_of_id(talk, &group_kind, daemon_word(rule, "security_group_id")));
}

/* Not where it is what was asked for. */
static void print_group_in_list(struct talk *talk, const json_t *rule, struct text *out)
{
	if (!talk->inv->n_args)
		print_group(talk, rule, out);
}

static void print_packets(struct talk *talk, const json_t *rule, struct text *out)
{
	long long packets, bytes;

	if (rule_counted(talk, rule, &packets, &bytes))
		text_addf(out, "%lld", packets);
}

static void print_bytes(struct talk *talk, const json_t *rule, struct text *out)
{
	long long packets, bytes;

	if (rule_counted(talk, rule, &packets, &bytes))
		text_addf(out, "%lld", bytes);
}

static const struct object_field fields[] = {
	{ "id", "id", NULL, IN_LIST | IN_SHOW },
	{ "security group", NULL, print_group_in_list, IN_LIST | OPTIONAL },
	{ "security group", NULL, print_group, IN_SHOW },
	{ "direction", "direction", NULL, IN_LIST | IN_SHOW },
	{ "ethertype", "ethertype", NULL, IN_LIST | IN_SHOW },
	{ "protocol", NULL, print_protocol, IN_LIST | IN_SHOW },
	{ "port range", NULL, print_ports, IN_LIST | IN_SHOW },
	{ "remote", NULL, print_remote, IN_LIST | IN_SHOW },
	{ "packets", NULL, print_packets, IN_LIST | IN_SHOW | OPTIONAL },
	{ "bytes", NULL, print_bytes, IN_LIST | IN_SHOW | OPTIONAL },
	{ "description", "description", NULL, IN_LONG | IN_SHOW },
	{ "project", "project_id", NULL, IN_LONG | IN_SHOW | OPTIONAL },
	{ "created", "created_at", NULL, IN_SHOW | OPTIONAL },
	{ "updated", "updated_at", NULL, IN_SHOW | OPTIONAL },
};

const struct object_kind rule_kind = {
	.words = "rule",
	.noun = "rule",
	.path = "/v2.0/security-group-rules",
	.one = "security_group_rule",
	.many = "security_group_rules",
	.has_no_name = true,
	.fields = fields,
	.n_fields = N_OF(fields),
};

/* What an answer says of a rule, as the texts that check_rule takes. */
static void texts_of(struct arena *arena, const json_t *rule, const char *texts[N_RULE_FIELDS])
{
	static const unsigned taken[] = { RULE_DIRECTION, RULE_ETHERTYPE, RULE_PROTOCOL,
		RULE_PORT_MIN, RULE_PORT_MAX, RULE_PREFIX };

	for (size_t i = 0; i < N_OF(taken); i++) {
		const json_t *value = json_object_get(rule, rule_field_names[taken[i]]);

		if (json_is_integer(value))
			texts[taken[i]] =
				arena_printf(arena, "%lld", (long long)json_integer_value(value));
		else
			texts[taken[i]] = json_string_value(value);
	}
}

void rule_add_words(struct talk *talk, const json_t *rule, struct text *out)
{
	const char *texts[N_RULE_FIELDS] = { NULL };
	const char *group = daemon_word(rule, "remote_group_id"),
		   *addresses = daemon_word(rule, "remote_address_group_id");
	struct policy_address_group remote_addresses = { .id = addresses };
	struct policy_group remote_group = { .id = group };
	struct policy_rule checked = { 0 };
	struct fault fault;

	text_addf(out, "%s, %s: ", daemon_word(rule, "direction"), daemon_word(rule, "ethertype"));
	texts_of(talk->arena, rule, texts);
	if (!check_rule(talk->arena, talk->arena, texts, &checked, &fault)) {
		/* a rule that only a later version knows */
		print_remote(talk, rule, out);
		return;
	}
	remote_group.name = *group ? name_of_id(talk, &group_kind, group) : "";
	remote_addresses.name = *addresses ? name_of_id(talk, &address_group_kind, addresses) : "";
	checked.remote_group = *group ? &remote_group : NULL;
	checked.remote_address_group = *addresses ? &remote_addresses : NULL;
	policy_rule_print(out, &checked);
}

/* --- requests --- */

/* In whatever case; the service compares letters. */
static bool add_ethertype(struct text *path, const char *word, struct err *err)
{
	for (int family = FAMILY_IPV4; family <= FAMILY_IPV6; family++) {
		if (strcasecmp(family_name(family), word) != 0)
			continue;
		add_filter(path, "ethertype", family_name(family));
		return true;
	}
	return err_input(err, "--ethertype %s: it must be IPv4 or IPv6", word);
}

/* A rule keeps the word that it was made with: one protocol has a number and names. Of one key any value may be. */
static void add_protocol(struct text *path, const char *word)
{
	const char *const *names;
	uint8_t wanted, number;
	char text[4];
	size_t n;

	if (!proto_parse(word, FAMILY_IPV4, &wanted)) {
		add_filter(path, "protocol", word);
		return;
	}
	snprintf(text, sizeof(text), "%u", wanted);
	add_filter(path, "protocol", text);
	names = proto_names(&n);
	for (size_t i = 0; i < n; i++)
		if (proto_parse(names[i], FAMILY_IPV4, &number) && number == wanted)
			add_filter(path, "protocol", names[i]);
}

static bool add_filters(struct talk *talk, struct text *path, struct err *err)
{
	const struct invocation *inv = talk->inv;
	const struct object_words *words = &inv->object;
	const char *group;

	if (inv->n_args) {
		if (!object_find_id(talk, &group_kind, inv->args[0], &group, err))
			return false;
		add_filter(path, "security_group_id", group);
	}
	if (words->protocol && strcasecmp(words->protocol, "any") != 0)
		add_protocol(path, words->protocol);
	if (words->ethertype && !add_ethertype(path, words->ethertype, err))
		return false;
	if (words->ingress || words->egress)
		add_filter(path, "direction", words->egress ? "egress" : "ingress");
	if (words->project)
		add_filter(path, "project_id", words->project);
	return true;
}

static bool check_direction(const struct object_words *words, struct err *err)
{
	return refuse_both(words->ingress, words->egress, "--ingress", "--egress", err);
}

/* "80" or "80:90" */
static bool read_ports(
	struct arena *arena, const char *text, const char *texts[N_RULE_FIELDS], struct err *err)
{
	size_t len = strcspn(text, ":");
	uint32_t min, max;

	texts[RULE_PORT_MIN] = arena_strndup(arena, text, len);
	texts[RULE_PORT_MAX] = text[len] ? text + len + 1 : texts[RULE_PORT_MIN];
	if (text_to_u32(texts[RULE_PORT_MIN], 1, 65535, &min) &&
		text_to_u32(texts[RULE_PORT_MAX], min, 65535, &max))
		return true;
	err_input(err, "--dst-port %s: it must be a port or FIRST:LAST, from 1 to 65535", text);
	return err_next(err, "such as --dst-port 80 or --dst-port 8000:8099");
}

/* Without --ethertype a rule is for the family of its addresses. */
static const char *ethertype_of(const struct object_words *words)
{
	struct prefix prefix;

	if (words->ethertype)
		return words->ethertype;
	return family_name(words->remote_ip && prefix_parse(words->remote_ip, &prefix)
				   ? prefix.addr.family
				   : FAMILY_IPV4);
}

static bool check_words(struct arena *arena, const struct object_words *words,
	const char *texts[N_RULE_FIELDS], struct err *err)
{
	struct policy_rule checked = { 0 };
	struct fault fault;

	if (check_rule(arena, arena, texts, &checked, &fault))
		return true;
	/* or of its protocol, if that is one of IPv6 */
	if (fault.code == FAULT_ETHERTYPE_CONFLICT_WITH_PROTOCOL && !words->ethertype &&
		!words->remote_ip) {
		texts[RULE_ETHERTYPE] = family_name(FAMILY_IPV6);
		if (check_rule(arena, arena, texts, &checked, &fault))
			return true;
	}
	*err = fault.err;
	return false;
}

static bool check_icmp(const struct object_words *words, struct err *err)
{
	bool is_icmp = words->protocol && is_icmp_word(words->protocol);

	if (is_icmp && words->dst_port) {
		err_input(err, "--dst-port: ICMP has no ports");
		return err_next(err, "--icmp-type and --icmp-code choose among its messages");
	}
	if (!is_icmp && (words->icmp_type || words->icmp_code)) {
		err_input(err, "--icmp-type and --icmp-code are for --protocol icmp or icmpv6");
		return err_next(err, "portwall rule create --help has examples");
	}
	return true;
}

/* All that can be known before the service is asked. */
static bool read_words(struct invocation *inv, const char *texts[N_RULE_FIELDS], struct err *err)
{
	const struct object_words *words = &inv->object;

	if (!check_direction(words, err) || !check_icmp(words, err))
		return false;
	if ((words->remote_ip != NULL) + (words->remote_group != NULL) +
			(words->remote_address_group != NULL) >
		1) {
		err_input(err, "a rule has one remote");
		return err_next(err, "make a rule for each: --remote-ip, --remote-group, "
				     "--remote-address-group");
	}
	texts[RULE_DIRECTION] = words->egress ? "egress" : "ingress";
	texts[RULE_ETHERTYPE] = ethertype_of(words);
	texts[RULE_PROTOCOL] =
		words->protocol && strcasecmp(words->protocol, "any") != 0 ? words->protocol : NULL;
	texts[RULE_PREFIX] = words->remote_ip;
	if (words->dst_port && !read_ports(inv->arena, words->dst_port, texts, err))
		return false;
	if (words->icmp_type)
		texts[RULE_PORT_MIN] = words->icmp_type;
	if (words->icmp_code)
		texts[RULE_PORT_MAX] = words->icmp_code;
	return check_words(inv->arena, words, texts, err);
}

static bool put_number(json_t *body, const char *key, const char *text, struct err *err)
{
	uint32_t number;

	if (!text)
		return true;
	if (!text_to_u32(text, 0, 65535, &number))
		return err_input(err, "%s: %s is no number from 0 to 65535", key, text);
	json_object_set_new(body, key, json_integer(number));
	return true;
}

/* A group that the rule names, by what it is called. */
static bool put_reference(struct talk *talk, const struct object_kind *kind, json_t *body,
	const char *key, const char *word, struct err *err)
{
	const char *id;

	return !word ||
	       (object_find_id(talk, kind, word, &id, err) && put_word(body, key, id, err));
}

static bool fill_rule(struct talk *talk, const json_t *before, json_t *body, struct err *err)
{
	static const unsigned words_of[] = { RULE_DIRECTION, RULE_ETHERTYPE, RULE_PROTOCOL,
		RULE_PREFIX };
	const struct object_words *words = &talk->inv->object;
	const char *texts[N_RULE_FIELDS] = { NULL };

	(void)before;
	if (!read_words(talk->inv, texts, err))
		return false;
	for (size_t i = 0; i < N_OF(words_of); i++)
		if (!put_word(body, rule_field_names[words_of[i]], texts[words_of[i]], err))
			return false;
	return put_number(body, "port_range_min", texts[RULE_PORT_MIN], err) &&
	       put_number(body, "port_range_max", texts[RULE_PORT_MAX], err) &&
	       put_word(body, "description", words->description, err) &&
	       put_word(body, "project_id", words->project, err) &&
	       put_reference(
		       talk, &group_kind, body, "security_group_id", talk->inv->args[0], err) &&
	       put_reference(
		       talk, &group_kind, body, "remote_group_id", words->remote_group, err) &&
	       put_reference(talk, &address_group_kind, body, "remote_address_group_id",
		       words->remote_address_group, err);
}

static bool fill_description(struct talk *talk, const json_t *before, json_t *body, struct err *err)
{
	(void)before;
	return put_word(body, "description", talk->inv->object.description, err);
}

bool cmd_rule_list(struct invocation *inv, struct err *err)
{
	return check_direction(&inv->object, err) &&
	       objects_list(inv, &rule_kind, add_filters, err);
}

bool cmd_rule_show(struct invocation *inv, struct err *err)
{
	return objects_show(inv, &rule_kind, err);
}

bool cmd_rule_create(struct invocation *inv, struct err *err)
{
	const char *texts[N_RULE_FIELDS] = { NULL };

	return read_words(inv, texts, err) && objects_create(inv, &rule_kind, fill_rule, err);
}

bool cmd_rule_set(struct invocation *inv, struct err *err)
{
	if (!inv->object.description)
		return refuse_nothing(inv, err);
	return objects_change(inv, &rule_kind, fill_description, err);
}

bool cmd_rule_delete(struct invocation *inv, struct err *err)
{
	return objects_delete(inv, &rule_kind, err);
}
