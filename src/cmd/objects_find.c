// SPDX-License-Identifier: GPL-2.0-or-later
/* Objects of the service by what people call them, and what people call them by their ids. */
#include "cmd/objects.h"

#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/map.h"
#include "policy/parts.h"

/* A completion that takes longer than that is worse than none. */
#define COMPLETE_S 2

const char *object_name(const json_t *object)
{
	const char *name = daemon_word(object, "name");

	return *name ? name : daemon_word(object, "id");
}

/* --- by name --- */

/* *ret NULL: there is none with this id. */
static bool find_by_id(struct talk *talk, const struct object_kind *kind, const char *id,
	json_t **ret, struct err *err)
{
	struct text answer CLEANUP(text_done) = TEXT_INIT;
	unsigned status;
	json_t *body;

	*ret = NULL;
	if (!api_request(talk->client, "GET", arena_printf(talk->arena, "%s/%s", kind->path, id),
		    NULL, 0, &status, &answer, err))
		return false;
	if (status == 404)
		return true;
	if (!daemon_take(status, &answer, &body, err))
		return false;
	*ret = json_incref(json_object_get(body, kind->one));
	json_decref(body);
	return true;
}

static bool refuse_several(const struct object_kind *kind, const char *key, const char *word,
	const json_t *list, struct err *err)
{
	struct text ids CLEANUP(text_done) = TEXT_INIT;
	const json_t *object;
	size_t i;

	json_array_foreach(list, i, object)
	{
		text_addf(&ids, "%s%s", i ? ", " : "", daemon_word(object, "id"));
	}
	err_input(err, "%zu %ss have the %s %s: %s", json_array_size(list), kind->words,
		key ? key : "name", word, ids.data);
	return err_next(err, "name it by its id; portwall %s list shows all", kind->noun);
}

/* *ret NULL: none has it. */
static bool find_by_key(struct talk *talk, const struct object_kind *kind, const char *key,
	const char *word, json_t **ret, struct err *err)
{
	struct text path CLEANUP(text_done) = TEXT_INIT;
	const json_t *list;
	json_t *answer;
	bool is_one;

	*ret = NULL;
	text_add(&path, kind->path);
	add_filter(&path, key, word);
	if (!talk_ask(talk, "GET", path.data, NULL, &answer, err))
		return false;
	list = json_object_get(answer, kind->many);
	is_one = json_array_size(list) <= 1 || refuse_several(kind, key, word, list, err);
	if (is_one)
		*ret = json_incref(json_array_get(list, 0));
	json_decref(answer);
	return is_one;
}

/* All of a kind, with a few of their fields. NULL: that could not be asked. */
static json_t *list_of_names(struct talk *talk, const struct object_kind *kind, json_t **ret_answer)
{
	struct text path CLEANUP(text_done) = TEXT_INIT;
	struct err ignored;

	text_addf(&path, "%s?fields=id", kind->path);
	if (!kind->has_no_name)
		text_add(&path, "&fields=name");
	if (kind->other_key)
		text_addf(&path, "&fields=%s", kind->other_key);
	*ret_answer = NULL;
	talk_ask(talk, "GET", path.data, NULL, ret_answer, &ignored);
	return json_object_get(*ret_answer, kind->many);
}

static bool refuse_absent(
	struct talk *talk, const struct object_kind *kind, const char *word, struct err *err)
{
	const char **names, *nearest;
	json_t *answer, *list = list_of_names(talk, kind, &answer), *object;
	size_t n = 0, i;

	names = arena_new_array(talk->arena, const char *, 2 * json_array_size(list) + 1);
	json_array_foreach(list, i, object)
	{
		names[n++] = object_name(object);
		if (kind->other_key && *daemon_word(object, kind->other_key))
			names[n++] = daemon_word(object, kind->other_key);
	}
	nearest = strlen(word) <= LIMIT_NAME_LEN ? text_nearest(word, names, n) : NULL;
	err_input(err, "there is no %s %s", kind->words, word);
	if (nearest)
		err_next(err, "did you mean %s? portwall %s list shows all", nearest, kind->noun);
	else
		err_next(err, "portwall %s list shows all", kind->noun);
	json_decref(answer);
	return false;
}

bool object_find(struct talk *talk, const struct object_kind *kind, const char *word, json_t **ret,
	struct err *err)
{
	json_t *object = NULL;

	if (policy_part_is_id(word) && !find_by_id(talk, kind, word, &object, err))
		return false;
	if (!object && !kind->has_no_name && *word &&
		!find_by_key(talk, kind, "name", word, &object, err))
		return false;
	if (!object && kind->other_key && *word &&
		!find_by_key(talk, kind, kind->other_key, word, &object, err))
		return false;
	if (!object)
		return refuse_absent(talk, kind, word, err);
	*ret = object;
	return true;
}

bool object_find_id(struct talk *talk, const struct object_kind *kind, const char *word,
	const char **ret, struct err *err)
{
	json_t *object = NULL;

	if (!object_find(talk, kind, word, &object, err))
		return false;
	*ret = arena_strdup(talk->arena, daemon_word(object, "id"));
	json_decref(object);
	return true;
}

/* --- names by id --- */

static struct map **names_of(struct talk *talk, const struct object_kind *kind)
{
	if (kind == &group_kind)
		return &talk->group_names;
	if (kind == &subnet_kind)
		return &talk->subnet_names;
	return kind == &address_group_kind ? &talk->address_group_names : &talk->network_names;
}

const char *name_of_id(struct talk *talk, const struct object_kind *kind, const char *id)
{
	struct map **names = names_of(talk, kind);
	const char *name;

	if (!*names) {
		json_t *answer, *list = list_of_names(talk, kind, &answer), *object;
		size_t i;

		*names = map_new(talk->arena);
		json_array_foreach(list, i, object)
		{
			map_add(*names, arena_strdup(talk->arena, daemon_word(object, "id")),
				arena_strdup(talk->arena, object_name(object)));
		}
		json_decref(answer);
	}
	name = map_find(*names, id);
	return name ? name : id;
}

/* --- counters --- */

struct counted {
	long long packets, bytes;
};

/* Of all ports of this host: a rule has one line at each of them. */
static void read_counters(struct talk *talk)
{
	json_t *answer = NULL, *counter;
	struct err ignored;
	size_t i;

	talk->counters = map_new(talk->arena);
	talk_ask(talk, "GET", "/v2.0/portwall/counters", NULL, &answer, &ignored);
	json_array_foreach(json_object_get(answer, "counters"), i, counter)
	{
		const char *id = daemon_word(counter, "rule_id");
		struct counted *sum = map_find(talk->counters, id);

		if (!sum) {
			sum = arena_new_one(talk->arena, struct counted);
			map_add(talk->counters, arena_strdup(talk->arena, id), sum);
		}
		sum->packets += daemon_number(counter, "packets");
		sum->bytes += daemon_number(counter, "bytes");
	}
	json_decref(answer);
}

bool rule_counted(
	struct talk *talk, const json_t *rule, long long *ret_packets, long long *ret_bytes)
{
	const json_t *packets = json_object_get(rule, "portwall:packets");
	const struct counted *sum;

	if (json_is_integer(packets)) {
		*ret_packets = json_integer_value(packets);
		*ret_bytes = daemon_number(rule, "portwall:bytes");
		return true;
	}
	if (!talk->counters)
		read_counters(talk);
	sum = map_find(talk->counters, daemon_word(rule, "id"));
	if (!sum)
		return false;
	*ret_packets = sum->packets;
	*ret_bytes = sum->bytes;
	return true;
}

/* --- completion --- */

static void add_word(struct text *out, const char *word, const char *begin)
{
	if (*word && text_has_prefix(word, begin))
		text_addf(out, "%s\n", word);
}

/* Without a service portwall show still tells of the ports of what was applied last. */
static void add_applied_ports(struct arena *arena, const char *word, struct text *out)
{
	const struct policy *policy;
	struct err ignored;

	if (!agent_policy_load(arena, &policy, &ignored))
		return;
	for (size_t i = 0; i < policy->n_ports; i++) {
		add_word(out, policy->ports[i].name, word);
		add_word(out, policy->ports[i].device, word);
	}
}

void objects_complete(const char *noun, const char *word, struct text *out)
{
	static const struct object_kind *const kinds[] = { &group_kind, &rule_kind, &port_kind,
		&address_group_kind, &network_kind, &subnet_kind };
	struct arena *arena CLEANUP(arena_freep) = arena_new();
	struct api_client *client CLEANUP(api_client_close) = NULL;
	struct talk talk = { .arena = arena };
	const struct object_kind *kind = NULL;
	json_t *answer, *list, *object;
	struct err ignored;
	size_t i;

	for (i = 0; i < N_OF(kinds); i++)
		if (!strcmp(kinds[i]->noun, noun))
			kind = kinds[i];
	alarm(COMPLETE_S);
	if (!kind || !daemon_open(&client, &ignored))
		return;
	if (!client) {
		if (kind == &port_kind)
			add_applied_ports(arena, word, out);
		return;
	}
	talk.client = client;
	list = list_of_names(&talk, kind, &answer);
	json_array_foreach(list, i, object)
	{
		add_word(out, daemon_word(object, "name"), word);
		if (kind->other_key)
			add_word(out, daemon_word(object, kind->other_key), word);
		/* ids are for who has begun one, or has nothing else */
		if (*word || (object_name(object) == daemon_word(object, "id") && !kind->other_key))
			add_word(out, daemon_word(object, "id"), word);
	}
	json_decref(answer);
}
