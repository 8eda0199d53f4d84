// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sets of packets against single packets, in a toy world: a few fields with a few values each, so that every packet there is
 * can be asked. An expression is evaluated twice: by the sets, and value by value.
 */
#include "unit.h"

#include <string.h>

#include "packet/set.h"
#include "random.h"

#define MAX_DOMAIN 8

/* Of each field that a toy world may have: raw values, one for each that can be told apart. */
static const struct toy_field {
	enum field field;
	unsigned bits, n;
	uint64_t values[MAX_DOMAIN];
} toy_fields[] = {
	{ FIELD_IN_IFACE, 0, 5, { 0, 1, 2, 3, 4 } }, /* of names[] */
	{ FIELD_SRC, 2, 4, { 0, 1, 2, 3 } }, { FIELD_DST, 2, 4, { 0, 1, 2, 3 } },
	{ FIELD_ETH_SRC, 0, 3, { 0x11, 0x22, 0x33 } }, /* the last is not registered */
	{ FIELD_FRAGMENT, 2, 3, { 0, 1, 2 } },
	{ FIELD_CT_STATE, 2, 4, { CT_NEW, CT_ESTABLISHED, CT_RELATED, CT_INVALID } },
	{ FIELD_PROTO, 3, 8, { 0, 1, 2, 3, 4, 5, 6, 7 } }, { FIELD_SPORT, 2, 4, { 0, 1, 2, 3 } },
	{ FIELD_DPORT, 2, 4, { 0, 1, 2, 3 } }, { FIELD_TCP_FLAGS, 2, 4, { 0, 1, 2, 3 } },
	{ FIELD_TTL, 2, 4, { 0, 1, 2, 3 } }, { FIELD_MARK, 0, 3, { 5, 7, 6 } }, /* likewise */
};

/* "eth" and "et" are registered as prefixes, the third and the fourth are of those; the last is of neither. */
static const char *const names[] = { "", "eth0", "eth7", "etx", "wlan0" };

#define N_ACTIVE 4

struct toy {
	struct random random;
	struct sets *sets;
	const struct toy_field *active[N_ACTIVE];
	struct arena *arena;
};

/* One packet: the raw value of each active field, and the family. */
struct vector {
	uint64_t values[N_ACTIVE];
	bool is_v6;
};

enum expr_kind {
	E_FAMILY,
	E_RANGE,
	E_MASK,
	E_NAME,
	E_PREFIX,
	E_AND,
	E_OR,
	E_MINUS,
	E_NOT,
	E_FORGET,
	E_SWAP
};

struct expr {
	enum expr_kind kind;
	unsigned active; /* which field */
	bool is_v6;
	uint64_t a, b; /* from and to; value and mask; a name */
	const struct expr *left, *right;
};

static bool is_ip_field(enum field field)
{
	return field == FIELD_SRC || field == FIELD_DST;
}

static bool is_open_enum(enum field field)
{
	return field == FIELD_MARK || field == FIELD_ETH_SRC;
}

static int place_of(const struct toy *toy, enum field field)
{
	for (int i = 0; i < N_ACTIVE; i++)
		if (toy->active[i]->field == field)
			return i;
	return -1;
}

static void toy_begin(struct toy *toy)
{
	struct field_value value;

	toy->arena = arena_new();
	toy->sets = sets_new(0);
	for (unsigned i = 0; i < N_ACTIVE;) {
		toy->active[i] = &pick(&toy->random, toy_fields);
		if (place_of(toy, toy->active[i]->field) == (int)i)
			i++;
	}
	for (unsigned field = FIELD_ETH_SRC; field < N_FIELDS; field++) {
		int place = place_of(toy, field);

		if (place < 0 || !is_open_enum(field)) {
			sets_set_width(toy->sets, field, place < 0 ? 0 : toy->active[place]->bits);
			continue;
		}
		for (unsigned i = 0; i < 2; i++) {
			value = field_value_of_number(toy->active[place]->values[i]);
			sets_add_value(toy->sets, field, &value);
		}
	}
	sets_add_name(toy->sets, FIELD_IN_IFACE, "eth0");
	sets_add_name_prefix(toy->sets, FIELD_IN_IFACE, "eth");
	sets_add_name_prefix(toy->sets, FIELD_IN_IFACE, "et");
	sets_seal(toy->sets);
}

static void toy_end(struct toy *toy)
{
	struct err err = { 0 };

	if (!sets_ok(toy->sets, &err))
		fail_msg("%s", err.text);
	sets_free(toy->sets);
	arena_free(toy->arena);
}

/* Every packet of the toy world in turn; the first is all zero indices. */
static bool vector_next(const struct toy *toy, unsigned *indices, struct vector *ret)
{
	unsigned i;

	for (i = 0; i <= N_ACTIVE; i++) {
		unsigned n = i < N_ACTIVE ? toy->active[i]->n : 2;

		if (++indices[i] < n)
			break;
		indices[i] = 0;
	}
	for (unsigned k = 0; k < N_ACTIVE; k++)
		ret->values[k] = toy->active[k]->values[indices[k]];
	ret->is_v6 = indices[N_ACTIVE];
	return i <= N_ACTIVE;
}

#define for_each_vector(toy, vector)                                                               \
	for (unsigned indices_[N_ACTIVE + 1] = { UINT32_MAX };                                     \
		vector_next((toy), indices_, (vector));)

static const struct expr *random_leaf(struct toy *toy)
{
	struct expr *e = arena_new_one(toy->arena, struct expr);
	enum field field;
	unsigned n;

	e->active = random_below(&toy->random, N_ACTIVE);
	field = toy->active[e->active]->field;
	n = toy->active[e->active]->n;
	e->is_v6 = one_in(&toy->random, 2);
	if (one_in(&toy->random, 8)) {
		e->kind = E_FAMILY;
	} else if (field == FIELD_IN_IFACE) {
		e->kind = one_in(&toy->random, 2) ? E_NAME : E_PREFIX;
		e->a = random_below(&toy->random, 2); /* what is registered */
	} else if (is_open_enum(field)) {
		e->kind = E_RANGE;
		e->a = e->b = toy->active[e->active]->values[random_below(&toy->random, 2)];
	} else if (one_in(&toy->random, 2)) {
		e->kind = E_RANGE;
		e->a = toy->active[e->active]->values[random_below(&toy->random, n)];
		e->b = one_in(&toy->random, 2) ? e->a : e->a + random_below(&toy->random, 4);
	} else {
		e->kind = E_MASK;
		e->b = random_below(&toy->random, 8);
		e->a = e->b & random_u64(&toy->random);
	}
	return e;
}

static bool can_swap(const struct toy *toy, enum field *ret_one, enum field *ret_other)
{
	bool has_ports = place_of(toy, FIELD_SPORT) >= 0 && place_of(toy, FIELD_DPORT) >= 0;

	*ret_one = has_ports ? FIELD_SPORT : FIELD_SRC;
	*ret_other = has_ports ? FIELD_DPORT : FIELD_DST;
	return place_of(toy, *ret_one) >= 0 && place_of(toy, *ret_other) >= 0;
}

static const struct expr *random_expr(struct toy *toy, unsigned depth)
{
	struct expr *e;
	enum field one, other;

	if (depth == 0 || one_in(&toy->random, 5))
		return random_leaf(toy);
	e = arena_new_one(toy->arena, struct expr);
	e->kind = E_AND + random_below(&toy->random, 3);
	if (one_in(&toy->random, 5))
		e->kind = E_NOT;
	if (one_in(&toy->random, 12))
		e->kind = E_FORGET;
	if (one_in(&toy->random, 6) && can_swap(toy, &one, &other))
		e->kind = E_SWAP;
	e->active = random_below(&toy->random, N_ACTIVE);
	e->left = random_expr(toy, depth - 1);
	e->right = e->kind <= E_MINUS ? random_expr(toy, depth - 1) : NULL;
	return e;
}

static bool eval(const struct toy *toy, const struct expr *e, struct vector v)
{
	const struct toy_field *f = toy->active[e->active];
	uint64_t value = v.values[e->active];
	bool is_right_family = !is_ip_field(f->field) || v.is_v6 == e->is_v6;
	enum field one, other;

	switch (e->kind) {
	case E_FAMILY:
		return v.is_v6 == e->is_v6;
	case E_RANGE:
		return is_right_family && value >= e->a && value <= e->b;
	case E_MASK:
		return is_right_family && (value & e->b) == e->a;
	case E_NAME:
		return value == e->a;
	case E_PREFIX:
		return strncmp(names[value], e->a ? "eth" : "et", e->a ? 3 : 2) == 0;
	case E_AND:
		return eval(toy, e->left, v) && eval(toy, e->right, v);
	case E_OR:
		return eval(toy, e->left, v) || eval(toy, e->right, v);
	case E_MINUS:
		return eval(toy, e->left, v) && !eval(toy, e->right, v);
	case E_NOT:
		return !eval(toy, e->left, v);
	case E_FORGET:
		for (unsigned i = 0; i < f->n; i++) {
			v.values[e->active] = f->values[i];
			if (eval(toy, e->left, v))
				return true;
		}
		return false;
	case E_SWAP:
		can_swap(toy, &one, &other);
		value = v.values[place_of(toy, one)];
		v.values[place_of(toy, one)] = v.values[place_of(toy, other)];
		v.values[place_of(toy, other)] = value;
		return eval(toy, e->left, v);
	}
	return false;
}

static struct packet_set set_of_leaf(const struct toy *toy, const struct expr *e)
{
	enum field field = toy->active[e->active]->field;
	enum family family = e->is_v6 ? FAMILY_IPV6 : FAMILY_IPV4;
	struct field_value a = field_value_of_number(e->a), b = field_value_of_number(e->b);

	switch (e->kind) {
	case E_FAMILY:
		return set_of_family(toy->sets, family);
	case E_RANGE:
		return e->a == e->b ? set_of_value(toy->sets, field, family, &a)
				    : set_of_range(toy->sets, field, family, &a, &b);
	case E_MASK:
		return set_of_mask(toy->sets, field, family, &a, &b);
	case E_NAME:
		return set_of_name(toy->sets, field, names[e->a]);
	default:
		return set_of_name_prefix(toy->sets, field, e->a ? "eth" : "et");
	}
}

static struct packet_set set_of_expr(const struct toy *toy, const struct expr *e)
{
	struct packet_set left, right;
	enum field one, other;

	if (e->kind < E_AND)
		return set_of_leaf(toy, e);
	left = set_of_expr(toy, e->left);
	right = e->right ? set_of_expr(toy, e->right) : SET_EMPTY;
	switch (e->kind) {
	case E_AND:
		return set_and(toy->sets, left, right);
	case E_OR:
		return set_or(toy->sets, left, right);
	case E_MINUS:
		return set_minus(toy->sets, left, right);
	case E_NOT:
		return set_not(toy->sets, left);
	case E_FORGET:
		return set_forget(toy->sets, left, FIELD_BIT(toy->active[e->active]->field));
	default:
		can_swap(toy, &one, &other);
		return set_swap(toy->sets, left, one, other);
	}
}

static void put(struct packet *packet, enum field field, uint64_t value)
{
	uint8_t low = (uint8_t)value;

	switch (field) {
	case FIELD_IN_IFACE:
		packet->in_iface = *names[value] ? names[value] : NULL;
		break;
	case FIELD_SRC:
		packet->src.bytes[packet->src.family == FAMILY_IPV6 ? 15 : 3] = low;
		break;
	case FIELD_DST:
		packet->dst.bytes[packet->src.family == FAMILY_IPV6 ? 15 : 3] = low;
		break;
	case FIELD_ETH_SRC:
		packet->eth_src.bytes[5] = low;
		break;
	case FIELD_FRAGMENT:
		packet->is_first_fragment = value == 1;
		packet->is_later_fragment = value == 2;
		break;
	case FIELD_CT_STATE:
		packet->ct_state = (enum ct_state)value;
		break;
	case FIELD_PROTO:
		packet->proto = low;
		break;
	case FIELD_SPORT:
		packet->sport = low;
		break;
	case FIELD_DPORT:
		packet->dport = low;
		break;
	case FIELD_TCP_FLAGS:
		packet->tcp_flags = low;
		break;
	case FIELD_TTL:
		packet->ttl = low;
		break;
	default:
		packet->mark = (uint32_t)value;
	}
}

/* False: there is no such packet, it would have ports without a protocol that has them. */
static bool packet_of(const struct toy *toy, const struct vector *v, struct packet *ret)
{
	struct field_value value;
	enum family family = v->is_v6 ? FAMILY_IPV6 : FAMILY_IPV4;

	*ret = (struct packet){ .src.family = family, .dst.family = family };
	for (unsigned i = 0; i < N_ACTIVE; i++)
		put(ret, toy->active[i]->field, v->values[i]);
	for (unsigned i = 0; i < N_ACTIVE; i++)
		if (v->values[i] &&
			packet_field(ret, toy->active[i]->field, &value) == FIELD_ABSENT)
			return false;
	return true;
}

/* The packet's values, to ask the expression about a witness. */
static struct vector vector_of(const struct toy *toy, const struct packet *packet)
{
	struct vector v = { .is_v6 = packet->src.family == FAMILY_IPV6 };
	struct field_value value;

	for (unsigned i = 0; i < N_ACTIVE; i++) {
		enum field field = toy->active[i]->field;

		if (field == FIELD_IN_IFACE) {
			while (v.values[i] < N_OF(names) &&
				strcmp(names[v.values[i]],
					packet->in_iface ? packet->in_iface : "") != 0)
				v.values[i]++;
			/* some other name that the world told to be of the same kind */
			if (v.values[i] == N_OF(names))
				v.values[i] = text_has_prefix(packet->in_iface, "eth")	? 2
					      : text_has_prefix(packet->in_iface, "et") ? 3
											: 4;
		} else if (packet_field(packet, field, &value) == FIELD_KNOWN) {
			v.values[i] = field_value_number(&value);
		}
		if (is_open_enum(field) && v.values[i] != toy->active[i]->values[0] &&
			v.values[i] != toy->active[i]->values[1])
			v.values[i] = toy->active[i]->values[2];
	}
	return v;
}

static void set_and_packets_agree(struct toy *toy, const struct expr *e, struct packet_set a)
{
	uint64_t fields = SET_FAMILY_BIT;
	struct packet packet;
	struct vector v;
	unsigned n = 0, n_real = 0;

	for_each_vector(toy, &v)
	{
		bool is_in = eval(toy, e, v);

		n += is_in;
		if (!packet_of(toy, &v, &packet))
			continue;
		n_real += is_in;
		assert_int_equal(set_has_packet(toy->sets, a, &packet), is_in ? SET_IN : SET_OUT);
	}
	for (unsigned i = 0; i < N_ACTIVE; i++)
		fields |= FIELD_BIT(toy->active[i]->field);
	assert_true(set_count(toy->sets, a, fields) == n);
	assert_int_equal(set_is_empty(a), n == 0);
	assert_int_equal(set_witness(toy->sets, a, &packet), n_real > 0);
	if (!n_real)
		return;
	assert_int_equal(set_has_packet(toy->sets, a, &packet), SET_IN);
	assert_int_equal(packet.unknown, 0);
	assert_true(eval(toy, e, vector_of(toy, &packet)));
}

static void a_set_has_the_packets_of_which_its_expression_is_true(void **state)
{
	struct toy toy = { .random = random_seeded() };

	(void)state;
	for (unsigned world = 0; world < 100; world++) {
		toy_begin(&toy);
		for (unsigned i = 0; i < 20; i++) {
			const struct expr *e = random_expr(&toy, 4);

			set_and_packets_agree(&toy, e, set_of_expr(&toy, e));
		}
		toy_end(&toy);
	}
}

static void sets_are_equal_or_subsets_when_their_packets_say_so(void **state)
{
	struct toy toy = { .random = random_seeded() };
	struct vector v;

	(void)state;
	for (unsigned world = 0; world < 300; world++) {
		const struct expr *e, *f;
		bool is_equal = true, is_subset = true;
		struct packet_set a, b;

		toy_begin(&toy);
		e = random_expr(&toy, 2);
		f = random_expr(&toy, 2);
		a = set_of_expr(&toy, e);
		b = set_of_expr(&toy, f);
		for_each_vector(&toy, &v)
		{
			bool in_a = eval(&toy, e, v), in_b = eval(&toy, f, v);

			is_equal = is_equal && in_a == in_b;
			is_subset = is_subset && (!in_a || in_b);
		}
		assert_int_equal(set_equal(a, b), is_equal);
		assert_int_equal(set_is_subset(toy.sets, a, b), is_subset);
		toy_end(&toy);
	}
}

/* What set_print says, read again. */
static struct field_value read_value(enum field field, const char *text)
{
	static const char *const flags[] = { "fin", "syn" };
	static const char *const states[] = { "new", "established", "related", "invalid" };
	struct field_value value = { 0 };
	uint64_t bits = 0;
	struct addr addr;
	struct mac mac;

	if (is_ip_field(field)) {
		assert_true(addr_parse(text, &addr));
		if (addr.family == FAMILY_IPV6)
			memcpy(value.bytes, addr.bytes, 16);
		else
			memcpy(value.bytes + 12, addr.bytes, 4);
		return value;
	}
	if (field == FIELD_ETH_SRC) {
		assert_true(mac_parse(text, &mac));
		memcpy(value.bytes + 10, mac.bytes, 6);
		return value;
	}
	for (unsigned i = 0; i < N_OF(flags); i++)
		if (field == FIELD_TCP_FLAGS && strstr(text, flags[i]))
			bits |= 1u << i;
	for (unsigned i = 0; i < N_OF(states); i++)
		if (field == FIELD_CT_STATE && strcmp(text, states[i]) == 0)
			bits |= 1u << i;
	for (unsigned i = 0; i < 8; i++)
		if (field == FIELD_PROTO && proto_name((uint8_t)i) &&
			strcmp(text, proto_name((uint8_t)i)) == 0)
			return field_value_of_number(i);
	if (field != FIELD_TCP_FLAGS && field != FIELD_CT_STATE)
		bits = strtoull(text, NULL, 0);
	return field_value_of_number(bits);
}

static struct packet_set read_name(const struct toy *toy, char *item)
{
	struct packet_set of_eth = set_of_name_prefix(toy->sets, FIELD_IN_IFACE, "eth");
	struct packet_set of_et = set_of_name_prefix(toy->sets, FIELD_IN_IFACE, "et");
	struct packet_set eth0 = set_of_name(toy->sets, FIELD_IN_IFACE, "eth0");

	if (strcmp(item, "none") == 0)
		return set_of_name(toy->sets, FIELD_IN_IFACE, NULL);
	if (strcmp(item, "eth0") == 0)
		return eth0;
	if (strcmp(item, "eth+") == 0)
		return of_eth;
	if (strcmp(item, "et+") == 0)
		return of_et;
	if (strcmp(item, "other eth+") == 0)
		return set_minus(toy->sets, of_eth, eth0);
	if (strcmp(item, "other et+") == 0)
		return set_minus(toy->sets, of_et, of_eth);
	assert_string_equal(item, "other");
	return set_not(
		toy->sets, set_or(toy->sets, of_et, set_of_name(toy->sets, FIELD_IN_IFACE, NULL)));
}

static struct packet_set read_item(
	const struct toy *toy, enum field field, enum family family, char *item)
{
	char *rest = strpbrk(item, "-/");
	struct field_value a, b;
	struct prefix prefix;
	struct packet_set known;

	if (field == FIELD_IN_IFACE)
		return read_name(toy, item);
	if (strcmp(item, "other") == 0) {
		a = field_value_of_number(toy->active[place_of(toy, field)]->values[0]);
		known = set_of_value(toy->sets, field, family, &a);
		a = field_value_of_number(toy->active[place_of(toy, field)]->values[1]);
		known = set_or(toy->sets, known, set_of_value(toy->sets, field, family, &a));
		return set_not(toy->sets, known);
	}
	if (is_ip_field(field) && rest && *rest == '/' && strlen(rest) <= 4 && !strchr(rest, ':')) {
		assert_true(prefix_parse(item, &prefix));
		return set_of_prefix(toy->sets, field, &prefix);
	}
	if (!rest) {
		a = read_value(field, item);
		return set_of_value(toy->sets, field, family, &a);
	}
	b = read_value(field, rest + 1);
	if (*rest == '-') {
		*rest = '\0';
		a = read_value(field, item);
		return set_of_range(toy->sets, field, family, &a, &b);
	}
	*rest = '\0';
	a = read_value(field, item);
	return set_of_mask(toy->sets, field, family, &a, &b);
}

static struct packet_set read_line(const struct toy *toy, char *line)
{
	struct packet_set all = SET_FULL, list;
	enum family family = FAMILY_IPV4;
	char *save = NULL, *word = strtok_r(line, " ", &save), *save_item;

	if (strcmp(line, "everything") == 0)
		return all;
	for (; word; word = strtok_r(NULL, " ", &save)) {
		enum field field = 0;
		bool is_not = false;
		char items[256] = "";

		if (strcmp(word, "IPv4") == 0 || strcmp(word, "IPv6") == 0) {
			family = word[3] == '4' ? FAMILY_IPV4 : FAMILY_IPV6;
			all = set_and(toy->sets, all, set_of_family(toy->sets, family));
			continue;
		}
		while (field < N_FIELDS && strcmp(field_key(field), word) != 0)
			field++;
		assert_true(field < N_FIELDS);
		word = strtok_r(NULL, " ", &save);
		if (strcmp(word, "not") == 0) {
			is_not = true;
			word = strtok_r(NULL, " ", &save);
		}
		snprintf(items, sizeof(items), "%s", word);
		/* "other eth+" is one item of two words */
		while (*save && strlen(items) >= 5 &&
			strcmp(items + strlen(items) - 5, "other") == 0 &&
			memchr(save, '+', strcspn(save, " ")) && field == FIELD_IN_IFACE) {
			word = strtok_r(NULL, " ", &save);
			snprintf(items + strlen(items), sizeof(items) - strlen(items), " %s", word);
		}
		list = SET_EMPTY;
		save_item = NULL;
		for (char *item = strtok_r(items, ",", &save_item); item;
			item = strtok_r(NULL, ",", &save_item))
			list = set_or(toy->sets, list, read_item(toy, field, family, item));
		all = is_not ? set_minus(toy->sets, all, list) : set_and(toy->sets, all, list);
	}
	return all;
}

static void what_is_printed_of_a_set_is_the_set(void **state)
{
	struct toy toy = { .random = random_seeded() };

	(void)state;
	for (unsigned i = 0; i < 1500; i++) {
		struct text text CLEANUP(text_done) = TEXT_INIT;
		struct packet_set all = SET_EMPTY, a;
		char *save = NULL, *said;

		toy_begin(&toy);
		a = set_of_expr(&toy, random_expr(&toy, 4));
		set_print(toy.sets, a, 1000, &text);
		said = arena_strdup(toy.arena, text.data);
		for (char *line = strtok_r(said, "\n", &save); line;
			line = strtok_r(NULL, "\n", &save))
			if (strcmp(line, "nothing") != 0)
				all = set_or(toy.sets, all, read_line(&toy, line));
		if (!set_equal(all, a))
			fail_msg("this is not the set that was printed:\n%s", text.data);
		toy_end(&toy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_has_the_packets_of_which_its_expression_is_true),
		cmocka_unit_test(sets_are_equal_or_subsets_when_their_packets_say_so),
		cmocka_unit_test(what_is_printed_of_a_set_is_the_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
