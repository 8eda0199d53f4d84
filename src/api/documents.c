// SPDX-License-Identifier: GPL-2.0-or-later
/* From a part to its document, its key, and the file of all parts. */
#include "api/documents.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/vec.h"

/* --- keys --- */

/* Only what would make another key of it: a key is also to be read. */
static const char *host_of_key(struct arena *arena, const char *host)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	if (!host[0])
		return "-";
	if (!strcmp(host, "-"))
		return "%2D";
	for (; *host; host++) {
		if (*host == '/' || *host == '%')
			text_addf(&out, "%%%02X", *host);
		else
			text_add_n(&out, host, 1);
	}
	return arena_strdup(arena, out.data);
}

const char *document_list_key(enum part_kind kind)
{
	static const char *const keys[N_PART_KINDS] = { [PART_GROUP] = "security_groups",
		[PART_ADDRESS_GROUP] = "address_groups",
		[PART_PORT] = "ports" };

	return keys[kind];
}

const char *document_key(struct arena *arena, const struct policy_part *part)
{
	switch (part->kind) {
	case PART_GROUP:
		return arena_printf(arena, "/fw/v1/g/%s/r", part->group.id);
	case PART_ADDRESS_GROUP:
		return arena_printf(arena, "/fw/v1/ag/%s", part->address_group.id);
	case PART_PORT:
	case N_PART_KINDS:
		break;
	}
	return arena_printf(
		arena, "/fw/v1/h/%s/p/%s", host_of_key(arena, part->port.host), part->port.id);
}

/* --- documents --- */

/* There is no memory, else: all texts of a part are UTF-8, as the keys are. */
static void set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new_nocheck(object, key, value) != 0)
		abort();
}

static void append(json_t *list, json_t *value)
{
	if (json_array_append_new(list, value) != 0)
		abort();
}

static void set_text(json_t *object, const char *key, const char *value)
{
	set(object, key, value ? json_string(value) : json_null());
}

/* How packet.h prints a value. */
#define SET_PRINTED(object, key, print, value)                                                     \
	do {                                                                                       \
		struct text printed_ CLEANUP(text_done) = TEXT_INIT;                               \
		print(&printed_, value);                                                           \
		set_text(object, key, printed_.data);                                              \
	} while (0)

static json_t *number_or_null(bool has, unsigned number)
{
	return has ? json_integer(number) : json_null();
}

json_t *document_of_rule(const struct policy_part *part, size_t i)
{
	const struct policy_rule *rule = &part->group.rules[i];
	bool has_first = rule->has_ports || rule->has_icmp_type;
	bool has_second = rule->has_ports || rule->has_icmp_code;
	json_t *object = json_object();

	set_text(object, "id", rule->id);
	set_text(object, "security_group_id", part->group.id);
	set_text(object, "direction", rule->direction == DIR_INGRESS ? "ingress" : "egress");
	set_text(object, "ethertype", family_name(rule->ethertype));
	set_text(object, "protocol", rule->has_proto ? rule->proto_text : NULL);
	set(object, "port_range_min",
		number_or_null(has_first, rule->has_ports ? rule->port_min : rule->icmp_type));
	set(object, "port_range_max",
		number_or_null(has_second, rule->has_ports ? rule->port_max : rule->icmp_code));
	set_text(object, "remote_ip_prefix", rule->has_prefix ? rule->prefix_text : NULL);
	set_text(object, "remote_group_id", part->remote_group_ids[i]);
	set_text(object, "remote_address_group_id", part->remote_address_group_ids[i]);
	set_text(object, "description", rule->description);
	return object;
}

static void fill_group(json_t *object, const struct policy_part *part)
{
	json_t *rules = json_array();

	set_text(object, "id", part->group.id);
	set_text(object, "name", part->group.name);
	set_text(object, "description", part->group.description);
	set(object, "stateful", json_boolean(part->group.stateful));
	for (size_t i = 0; i < part->group.n_rules; i++)
		append(rules, document_of_rule(part, i));
	set(object, "security_group_rules", rules);
}

static void fill_address_group(json_t *object, const struct policy_address_group *group)
{
	json_t *addresses = json_array();

	set_text(object, "id", group->id);
	set_text(object, "name", group->name);
	set_text(object, "description", group->description);
	for (unsigned f = 0; f < N_IP_FAMILIES; f++)
		for (size_t i = 0; i < group->addresses[f].n; i++) {
			struct text text CLEANUP(text_done) = TEXT_INIT;

			prefix_print(&text, &group->addresses[f].items[i]);
			append(addresses, json_string(text.data));
		}
	set(object, "addresses", addresses);
}

static json_t *document_of_pair(const struct address_pair *pair)
{
	static const struct mac none;
	json_t *object = json_object();

	SET_PRINTED(object, "ip_address", prefix_print_bare, &pair->prefix);
	if (!mac_equal(pair->mac, none))
		SET_PRINTED(object, "mac_address", mac_print, pair->mac);
	return object;
}

static void fill_port_lists(json_t *object, const struct policy_part *part)
{
	const struct policy_port *port = &part->port;
	json_t *fixed_ips = json_array(), *pairs = json_array(), *groups = json_array();

	for (size_t i = 0; i < port->n_fixed_ips; i++) {
		json_t *fixed_ip = json_object();

		SET_PRINTED(fixed_ip, "ip_address", addr_print, &port->fixed_ips[i]);
		append(fixed_ips, fixed_ip);
	}
	for (size_t i = 0; i < port->n_pairs; i++)
		append(pairs, document_of_pair(&port->pairs[i]));
	for (size_t i = 0; i < part->n_group_ids; i++)
		append(groups, json_string(part->group_ids[i]));
	set(object, "fixed_ips", fixed_ips);
	set(object, "allowed_address_pairs", pairs);
	set(object, "security_groups", groups);
}

static void fill_port(json_t *object, const struct policy_part *part)
{
	const struct policy_port *port = &part->port;
	static const struct mac none;

	set_text(object, "id", port->id);
	set_text(object, "name", port->name);
	if (port->has_device)
		set_text(object, "device", port->device);
	if (mac_equal(port->mac, none))
		set_text(object, "mac_address", NULL);
	else
		SET_PRINTED(object, "mac_address", mac_print, port->mac);
	fill_port_lists(object, part);
	set(object, "port_security_enabled", json_boolean(port->port_security));
	set_text(object, "device_owner", port->device_owner);
	set_text(object, "network_id", port->network);
	/* null is this host, whatever its name; "" is none, as in Neutron */
	set_text(object, "binding:host_id", port->host[0] || port->is_unbound ? port->host : NULL);
}

json_t *document_of_part(const struct policy_part *part)
{
	json_t *object = json_object();

	switch (part->kind) {
	case PART_GROUP:
		fill_group(object, part);
		break;
	case PART_ADDRESS_GROUP:
		fill_address_group(object, &part->address_group);
		break;
	case PART_PORT:
	case N_PART_KINDS:
		fill_port(object, part);
		break;
	}
	return object;
}

/* --- a policy file --- */

/* What YAML takes for the end of a line, or does not take at all, when it is not escaped. */
static bool needs_escape(unsigned code)
{
	return code < 0x20 || code == '"' || code == '\\' || (code >= 0x7f && code < 0xa0) ||
	       code == 0x2028 || code == 0x2029 || code == 0xfeff || code == 0xfffe ||
	       code == 0xffff;
}

/* Of UTF-8 that is known to be some; 0: of four bytes, none of which is escaped. */
static unsigned code_at(const unsigned char *at, size_t *ret_len)
{
	*ret_len = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	switch (*ret_len) {
	case 1:
		return at[0];
	case 2:
		return (at[0] & 0x1fu) << 6 | (at[1] & 0x3fu);
	case 3:
		return (at[0] & 0x0fu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
	default:
		return UINT32_MAX;
	}
}

static void print_quoted(struct text *out, const char *value)
{
	text_add(out, "\"");
	while (*value) {
		size_t len;
		unsigned code = code_at((const unsigned char *)value, &len);

		if (needs_escape(code))
			text_addf(out, "\\u%04x", code);
		else
			text_add_n(out, value, len);
		value += len;
	}
	text_add(out, "\"");
}

/* What the file says by saying nothing. An empty host, network or list of groups is not that. */
static bool is_left_out(const char *key, const json_t *value)
{
	static const char *const texts[] = { "name", "description", "device_owner" };

	if (json_is_null(value) || !strcmp(key, "security_group_id"))
		return true;
	if (json_is_array(value))
		return !json_array_size(value) && strcmp(key, "security_groups") != 0;
	for (size_t i = 0; i < N_OF(texts); i++)
		if (!strcmp(key, texts[i]))
			return !json_string_length(value);
	return false;
}

/* On one line. */
static void print_flow(struct text *out, json_t *value)
{
	const char *key, *between = "";
	json_t *item;
	size_t i;

	switch (json_typeof(value)) {
	case JSON_STRING:
		print_quoted(out, json_string_value(value));
		break;
	case JSON_INTEGER:
		text_addf(out, "%lld", (long long)json_integer_value(value));
		break;
	case JSON_ARRAY:
		text_add(out, "[");
		json_array_foreach(value, i, item)
		{
			text_add(out, i ? ", " : "");
			print_flow(out, item);
		}
		text_add(out, "]");
		break;
	case JSON_OBJECT:
		text_add(out, "{");
		json_object_foreach(value, key, item)
		{
			if (is_left_out(key, item))
				continue;
			text_addf(out, "%s%s: ", between, key);
			print_flow(out, item);
			between = ", ";
		}
		text_add(out, "}");
		break;
	default:
		text_add(out, json_is_true(value) ? "true" : "false");
		break;
	}
}

/* A line for each key, for each rule and for each address, so that a change of one is a line of diff(1). */
static void print_object(struct text *out, json_t *object)
{
	const char *key, *begin = "- ";
	json_t *value, *item;
	size_t i;

	json_object_foreach(object, key, value)
	{
		bool has_lines = !strcmp(key, "security_group_rules") || !strcmp(key, "addresses");

		if (is_left_out(key, value))
			continue;
		text_addf(out, "%s%s:", begin, key);
		begin = "  ";
		if (!has_lines) {
			text_add(out, " ");
			print_flow(out, value);
		}
		text_add(out, "\n");
		json_array_foreach(has_lines ? value : NULL, i, item)
		{
			text_add(out, "  - ");
			print_flow(out, item);
			text_add(out, "\n");
		}
	}
}

static void print_kind(
	struct text *out, const struct policy_part *const *parts, size_t n, enum part_kind kind)
{
	size_t n_printed = 0;

	text_addf(out, "%s:", document_list_key(kind));
	for (size_t i = 0; i < n && out->len <= LIMIT_POLICY_FILE_SIZE; i++) {
		json_t *document;

		if (parts[i]->kind != kind)
			continue;
		document = document_of_part(parts[i]);
		text_add(out, n_printed++ ? "" : "\n");
		print_object(out, document);
		json_decref(document);
	}
	text_add(out, n_printed ? "" : " []\n");
}

bool documents_to_policy_file(
	const struct policy_part *const *parts, size_t n, struct text *ret, struct err *err)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;

	for (enum part_kind kind = 0; kind < N_PART_KINDS; kind++)
		print_kind(&out, parts, n, kind);
	if (out.len > LIMIT_POLICY_FILE_SIZE)
		return err_limit(
			err, "as a policy file it has more than %zu bytes", LIMIT_POLICY_FILE_SIZE);
	text_done(ret);
	*ret = out;
	out = (struct text)TEXT_INIT;
	return true;
}
