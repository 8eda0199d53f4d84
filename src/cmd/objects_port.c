// SPDX-License-Identifier: GPL-2.0-or-later
/* portwall port: ports of virtual machines, and what the kernel has of them. */
#include "cmd/objects.h"

#include <string.h>
#include <strings.h>

#include "policy/check.h"

/* --- as tables --- */

/* A line each: the address, and behind the words what else is said of it. */
static void add_addresses(
	const json_t *port, const char *list, const char *words, const char *more, struct text *out)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(port, list), i, item)
	{
		text_addf(out, "%s%s", i ? "\n" : "", daemon_word(item, "ip_address"));
		if (*daemon_word(item, more))
			text_addf(out, "%s%s", words, daemon_word(item, more));
	}
}

static void print_fixed_ips(struct talk *talk, const json_t *port, struct text *out)
{
	(void)talk;
	add_addresses(port, "fixed_ips", ", subnet ", "subnet_id", out);
}

static void print_pairs(struct talk *talk, const json_t *port, struct text *out)
{
	(void)talk;
	add_addresses(port, "allowed_address_pairs", " from ", "mac_address", out);
}

static void print_groups(struct talk *talk, const json_t *port, struct text *out)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(port, "security_groups"), i, item)
	{
		const char *id = json_string_value(item);

		text_addf(out, "%s%s", i ? "\n" : "", id ? name_of_id(talk, &group_kind, id) : "");
	}
}

static void print_network(struct talk *talk, const json_t *port, struct text *out)
{
	const char *id = daemon_word(port, "network_id");

	if (*id)
		text_add(out, name_of_id(talk, &network_kind, id));
}

/* What is as it should be needs no reason. */
static void print_why(struct talk *talk, const json_t *port, struct text *out)
{
	const char *state = daemon_word(port, "portwall:state"),
		   *why = daemon_word(port, "portwall:why");

	(void)talk;
	if (!strcmp(daemon_word(port, "status"), "ACTIVE"))
		return;
	text_add(out, state);
	if (*why)
		text_addf(out, "%s%s", *state ? ": " : "", why);
}

static const struct object_field fields[] = {
	{ "id", "id", NULL, IN_LIST | IN_SHOW },
	{ "name", "name", NULL, IN_LIST | IN_SHOW },
	{ "interface", "device", NULL, IN_LIST | IN_SHOW },
	{ "mac address", "mac_address", NULL, IN_LIST | IN_SHOW },
	{ "fixed ip addresses", NULL, print_fixed_ips, IN_LIST | IN_SHOW },
	{ "status", "status", NULL, IN_LIST | IN_SHOW },
	{ "why", NULL, print_why, IN_LIST | IN_SHOW | OPTIONAL },
	{ "security groups", NULL, print_groups, IN_LONG | IN_SHOW },
	{ "allowed address pairs", NULL, print_pairs, IN_LONG | IN_SHOW | OPTIONAL },
	{ "description", "description", NULL, IN_LONG | IN_SHOW | OPTIONAL },
	{ "port security", "port_security_enabled", NULL, IN_SHOW },
	{ "network", NULL, print_network, IN_LONG | IN_SHOW | OPTIONAL },
	{ "device owner", "device_owner", NULL, IN_LONG | IN_SHOW | OPTIONAL },
	{ "host", "binding:host_id", NULL, IN_LONG | IN_SHOW | OPTIONAL },
	{ "project", "project_id", NULL, IN_LONG | IN_SHOW | OPTIONAL },
	{ "tags", "tags", NULL, IN_LONG | IN_SHOW | OPTIONAL },
	{ "created", "created_at", NULL, IN_SHOW | OPTIONAL },
	{ "updated", "updated_at", NULL, IN_SHOW | OPTIONAL },
	{ "revision", "revision_number", NULL, IN_SHOW | OPTIONAL },
};

const struct object_kind port_kind = {
	.words = "port",
	.noun = "port",
	.path = "/v2.0/ports",
	.one = "port",
	.many = "ports",
	.other_key = "device",
	.fields = fields,
	.n_fields = N_OF(fields),
};

/* --- words of argv --- */

static const char *const pair_keys[] = { "ip-address", "mac-address" };
static const char *const fixed_keys[] = { "ip-address", "subnet" };
enum { PAIR_IP, PAIR_MAC, FIXED_SUBNET = PAIR_MAC };

static bool take_fault(const struct fault *fault, const char *option, struct err *err)
{
	*err = fault->err;
	return err_prefix(err, "%s", option);
}

static bool check_pair(
	struct arena *arena, const char *text, const char **ret_values, struct err *err)
{
	struct prefix prefix;
	struct fault fault;
	struct mac mac;

	if (!parse_pairs(
		    arena, "--allowed-address", text, pair_keys, N_OF(pair_keys), ret_values, err))
		return false;
	if (!ret_values[PAIR_IP]) {
		err_input(err, "--allowed-address %s: it has no ip-address", text);
		return err_next(err, "such as --allowed-address ip-address=192.0.2.0/24");
	}
	if (!check_prefix(arena, ret_values[PAIR_IP], &prefix, &fault) ||
		(ret_values[PAIR_MAC] && !check_mac(arena, ret_values[PAIR_MAC], &mac, &fault)))
		return take_fault(&fault, "--allowed-address", err);
	return true;
}

static bool check_fixed(
	struct arena *arena, const char *text, const char **ret_values, struct err *err)
{
	struct fault fault;
	struct addr addr;

	if (!parse_pairs(arena, "--fixed-ip", text, fixed_keys, N_OF(fixed_keys), ret_values, err))
		return false;
	if (ret_values[PAIR_IP] && !check_fixed_ip(arena, ret_values[PAIR_IP], &addr, &fault))
		return take_fault(&fault, "--fixed-ip", err);
	return true;
}

/* All that can be known before the service is asked. */
static bool check_words_of_port(struct invocation *inv, struct err *err)
{
	const struct object_words *words = &inv->object;
	struct fault fault;
	struct mac mac;

	if (words->mac_address && !check_mac(inv->arena, words->mac_address, &mac, &fault))
		return take_fault(&fault, "--mac-address", err);
	if (words->device && !check_device(inv->arena, words->device, &fault))
		return take_fault(&fault, "--device", err);
	for (size_t i = 0; i < words->n_pairs; i++) {
		const char *values[N_OF(pair_keys)] = { NULL };

		if (!check_pair(inv->arena, words->pairs[i], values, err))
			return false;
	}
	for (size_t i = 0; i < words->n_fixed_ips; i++) {
		const char *values[N_OF(fixed_keys)] = { NULL };

		if (!check_fixed(inv->arena, words->fixed_ips[i], values, err))
			return false;
	}
	return check_port_security(words, err);
}

/* --- lists of a port: what is said comes to what is there, unless that goes first --- */

/* A member of the list, of the word that was said. */
typedef bool (*member_fn)(struct talk *talk, const char *word, json_t **ret, struct err *err);

static bool group_member(struct talk *talk, const char *word, json_t **ret, struct err *err)
{
	const char *id;

	if (!object_find_id(talk, &group_kind, word, &id, err))
		return false;
	*ret = json_string(id);
	return true;
}

static bool pair_member(struct talk *talk, const char *word, json_t **ret, struct err *err)
{
	const char *values[N_OF(pair_keys)] = { NULL };

	if (!check_pair(talk->arena, word, values, err))
		return false;
	*ret = json_pack(
		"{s:s, s:s*}", "ip_address", values[PAIR_IP], "mac_address", values[PAIR_MAC]);
	return true;
}

static bool fixed_member(struct talk *talk, const char *word, json_t **ret, struct err *err)
{
	const char *values[N_OF(fixed_keys)] = { NULL }, *subnet = NULL;

	if (!check_fixed(talk->arena, word, values, err) ||
		(values[FIXED_SUBNET] &&
			!object_find_id(talk, &subnet_kind, values[FIXED_SUBNET], &subnet, err)))
		return false;
	*ret = json_pack("{s:s*, s:s*}", "ip_address", values[PAIR_IP], "subnet_id", subnet);
	return true;
}

/* Is a member of a port's list what was said? It may have more: a subnet, a MAC that is the port's own. */
static bool is_member(const json_t *item, const json_t *said)
{
	const json_t *value;
	const char *key;

	if (!json_is_object(said))
		return json_equal(item, said);
	json_object_foreach((json_t *)said, key, value)
	{
		const char *text = daemon_word(item, key), *word = json_string_value(value);

		if (!strcmp(key, "ip_address") ? !is_same_prefix(text, word)
					       : strcasecmp(text, word) != 0)
			return false;
	}
	return true;
}

/* Where it is in a list; its length: nowhere. */
static size_t place_of(const json_t *list, const json_t *said)
{
	size_t i = 0;

	while (i < json_array_size(list) && !is_member(json_array_get(list, i), said))
		i++;
	return i;
}

struct port_list {
	const char *key, *option;
	const char *const *said;
	size_t n_said;
	bool goes_first; /* what is there */
	member_fn member;
};

#define N_LISTS 3
static void lists_of(const struct object_words *words, struct port_list ret[N_LISTS])
{
	ret[0] = (struct port_list){ "security_groups", "--security-group", words->groups,
		words->n_groups, words->no_group, group_member };
	ret[1] = (struct port_list){ "allowed_address_pairs", "--allowed-address", words->pairs,
		words->n_pairs, words->no_pair, pair_member };
	ret[2] = (struct port_list){ "fixed_ips", "--fixed-ip", words->fixed_ips,
		words->n_fixed_ips, words->no_fixed_ip, fixed_member };
}

static bool add_members(struct talk *talk, const struct port_list *list, const json_t *before,
	json_t *body, struct err *err)
{
	const json_t *old = json_object_get(before, list->key);
	json_t *members = old && !list->goes_first ? json_deep_copy(old) : json_array();
	bool is_done = true;

	for (size_t i = 0; is_done && i < list->n_said; i++) {
		json_t *member;

		is_done = list->member(talk, list->said[i], &member, err);
		if (is_done && place_of(members, member) == json_array_size(members))
			json_array_append_new(members, member);
		else if (is_done)
			json_decref(member);
	}
	if (is_done && (list->n_said || list->goes_first) && !json_equal(members, old))
		json_object_set(body, list->key, members);
	json_decref(members);
	return is_done;
}

static bool take_member(struct talk *talk, const struct port_list *list, const char *said,
	const json_t *before, json_t *members, struct err *err)
{
	json_t *member;
	size_t place;

	if (!list->member(talk, said, &member, err))
		return false;
	place = place_of(members, member);
	json_decref(member);
	if (json_array_remove(members, place) == 0)
		return true;
	err_input(err, "port %s has no %s %s", object_name(before), list->option, said);
	return err_next(err, "portwall port show %s lists what it has", object_name(before));
}

static bool take_members(struct talk *talk, const struct port_list *list, const json_t *before,
	json_t *body, struct err *err)
{
	json_t *members = json_deep_copy(json_object_get(before, list->key));
	bool is_done = true;

	if (!members)
		members = json_array();
	for (size_t i = 0; is_done && i < list->n_said; i++)
		is_done = take_member(talk, list, list->said[i], before, members, err);
	if (is_done && list->n_said)
		json_object_set(body, list->key, members);
	json_decref(members);
	return is_done;
}

/* --- requests --- */

/* A service that keeps no networks takes any word for one. */
static bool put_network(struct talk *talk, json_t *body, const char *word, struct err *err)
{
	struct text answer CLEANUP(text_done) = TEXT_INIT;
	unsigned status;
	const char *id = word;

	if (!word)
		return true;
	if (!api_request(talk->client, "GET", "/v2.0/networks?fields=id", NULL, 0, &status, &answer,
		    err))
		return false;
	if (status != 404 && !object_find_id(talk, &network_kind, word, &id, err))
		return false;
	return put_word(body, "network_id", id, err);
}

static bool fill_port(struct talk *talk, const json_t *before, json_t *body, struct err *err)
{
	const struct object_words *words = &talk->inv->object;
	const char *name = before ? words->name : talk->inv->args[0];
	struct port_list lists[N_LISTS];

	put_port_security(words, body);
	if (!put_word(body, "name", name, err) ||
		!put_word(body, "description", words->description, err) ||
		!put_word(body, "device", words->device, err) ||
		!put_word(body, "mac_address", words->mac_address, err) ||
		!put_word(body, "device_owner", words->device_owner, err) ||
		!put_word(body, "binding:host_id", words->host, err) ||
		!put_word(body, "project_id", words->project, err) ||
		!put_network(talk, body, words->network, err))
		return false;
	lists_of(words, lists);
	for (size_t i = 0; i < N_LISTS; i++)
		if (!add_members(talk, &lists[i], before, body, err))
			return false;
	return true;
}

static bool take_from_port(struct talk *talk, const json_t *before, json_t *body, struct err *err)
{
	struct port_list lists[N_LISTS];

	lists_of(&talk->inv->object, lists);
	for (size_t i = 0; i < N_LISTS; i++)
		if (!take_members(talk, &lists[i], before, body, err))
			return false;
	return true;
}

static bool add_filters(struct talk *talk, struct text *path, struct err *err)
{
	const struct object_words *words = &talk->inv->object;
	const char *group;

	for (size_t i = 0; i < words->n_groups; i++) {
		if (!object_find_id(talk, &group_kind, words->groups[i], &group, err))
			return false;
		add_filter(path, "security_groups", group);
	}
	add_common_filters(talk, path);
	if (words->mac_address)
		add_filter(path, "mac_address", words->mac_address);
	if (words->host)
		add_filter(path, "binding:host_id", words->host);
	return true;
}

bool cmd_port_list(struct invocation *inv, struct err *err)
{
	return objects_list(inv, &port_kind, add_filters, err);
}

bool cmd_port_show(struct invocation *inv, struct err *err)
{
	return objects_show(inv, &port_kind, err);
}

bool cmd_port_create(struct invocation *inv, struct err *err)
{
	const struct object_words *words = &inv->object;

	return refuse_both(words->n_groups, words->no_group, "--security-group",
		       "--no-security-group", err) &&
	       check_words_of_port(inv, err) && objects_create(inv, &port_kind, fill_port, err);
}

bool cmd_port_set(struct invocation *inv, struct err *err)
{
	const struct object_words *words = &inv->object;

	if (!words->name && !words->description && !words->device && !words->mac_address &&
		!words->device_owner && !words->host && !words->n_groups && !words->no_group &&
		!words->n_pairs && !words->no_pair && !words->n_fixed_ips && !words->no_fixed_ip &&
		!words->port_security && !words->no_port_security && !words->n_tags &&
		!words->no_tag)
		return refuse_nothing(inv, err);
	return check_words_of_port(inv, err) && objects_change(inv, &port_kind, fill_port, err);
}

bool cmd_port_unset(struct invocation *inv, struct err *err)
{
	const struct object_words *words = &inv->object;

	if (!words->n_groups && !words->n_pairs && !words->n_fixed_ips)
		return refuse_nothing(inv, err);
	return check_words_of_port(inv, err) &&
	       objects_change(inv, &port_kind, take_from_port, err);
}

bool cmd_port_delete(struct invocation *inv, struct err *err)
{
	return objects_delete(inv, &port_kind, err);
}
