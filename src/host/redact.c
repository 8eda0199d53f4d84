// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Addresses of people become addresses of nobody, and everything that portwall concludes stays
 * the same: equal ones stay equal, and two that share their first n bits share the first n bits
 * after it, so that longest-prefix match, subnets and sets mean what they meant. The scheme is that
 * of Crypto-PAn (Xu et al. 2002) with another function: bit i is flipped or not by a keyed hash
 * of the i bits before it. Prefixes that are known to all (loopback, link-local, multicast,
 * RFC 1918) are kept. A range ("10.0.0.1-10.0.0.9") is not made of prefixes: its ends stay in their
 * subnets, but may change places.
 *
 * In texts (rules, flows) every word that is an address is replaced where it stands, and UUIDs in
 * the same way, so that the beginning of one that is the name of a set stays the beginning.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/vec.h"
#include "host/file.h"
#include "host/internal.h"
#include "host/schema.h"

struct pass {
	struct arena *arena;
	uint64_t key[2];
	const char *host_name;
};

static uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

#define SIP_ROUND(v)                                                                               \
	do {                                                                                       \
		(v)[0] += (v)[1];                                                                  \
		(v)[1] = rotate((v)[1], 13) ^ (v)[0];                                              \
		(v)[0] = rotate((v)[0], 32);                                                       \
		(v)[2] += (v)[3];                                                                  \
		(v)[3] = rotate((v)[3], 16) ^ (v)[2];                                              \
		(v)[0] += (v)[3];                                                                  \
		(v)[3] = rotate((v)[3], 21) ^ (v)[0];                                              \
		(v)[2] += (v)[1];                                                                  \
		(v)[1] = rotate((v)[1], 17) ^ (v)[2];                                              \
		(v)[2] = rotate((v)[2], 32);                                                       \
	} while (0)

/* SipHash-2-4 (Aumasson, Bernstein 2012) over whole words. */
static uint64_t hash(const struct pass *pass, const uint64_t *words, size_t n)
{
	uint64_t v[4] = { pass->key[0] ^ 0x736f6d6570736575u, pass->key[1] ^ 0x646f72616e646f6du,
		pass->key[0] ^ 0x6c7967656e657261u, pass->key[1] ^ 0x7465646279746573u };

	for (size_t i = 0; i <= n; i++) {
		uint64_t word = i < n ? words[i] : (uint64_t)n << 59;

		v[3] ^= word;
		SIP_ROUND(v);
		SIP_ROUND(v);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		SIP_ROUND(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Flips bits of bytes up to "to" where is_free says so, each by the bits before it. */
static void scramble(const struct pass *pass, uint8_t *bytes, unsigned to, uint64_t kind,
	bool (*is_free)(const uint8_t *bytes, unsigned bit, uint64_t kind))
{
	uint8_t before[16] = { 0 }, result[16] = { 0 };
	size_t size = (to + 7) / 8;

	memcpy(result, bytes, size);
	for (unsigned bit = 0; bit < to; bit++) {
		uint8_t mask = (uint8_t)(0x80u >> bit % 8);
		uint64_t words[4] = { kind, bit };

		memcpy(&words[2], before, sizeof(before));
		if (is_free(bytes, bit, kind) && hash(pass, words, N_OF(words)) & 1)
			result[bit / 8] ^= mask;
		before[bit / 8] |= bytes[bit / 8] & mask;
	}
	memcpy(bytes, result, size);
}

static unsigned n_common_bits(const uint8_t *a, const uint8_t *b, unsigned max)
{
	unsigned n = 0;

	while (n < max && !((a[n / 8] ^ b[n / 8]) & 0x80u >> n % 8))
		n++;
	return n;
}

/*
 * Prefixes that everybody knows stay, with their first "kept" bits. A bit on the way to one is
 * not flipped either, so that no other address gets into it, and common prefixes are kept across
 * their borders too.
 */
static const struct region {
	enum family family;
	uint8_t bytes[16];
	unsigned len, kept;
} regions[] = {
	{ FAMILY_IPV4, { 0 }, 8, 32 },	 /* 0.0.0.0/8 */
	{ FAMILY_IPV4, { 127 }, 8, 32 }, /* loopback */
	{ FAMILY_IPV4, { 224 }, 4, 32 }, /* multicast */
	{ FAMILY_IPV4, { 255, 255, 255, 255 }, 32, 32 },
	{ FAMILY_IPV4, { 169, 254 }, 16, 16 },		 /* link-local */
	{ FAMILY_IPV4, { 169, 254, 169, 254 }, 32, 32 }, /* the metadata service */
	{ FAMILY_IPV4, { 10 }, 8, 8 },			 /* private, RFC 1918 */
	{ FAMILY_IPV4, { 172, 16 }, 12, 12 }, { FAMILY_IPV4, { 192, 168 }, 16, 16 },
	{ FAMILY_IPV6, { 0 }, 128, 128 },		       /* :: */
	{ FAMILY_IPV6, { [15] = 1 }, 128, 128 },	       /* ::1 */
	{ FAMILY_IPV6, { [10] = 0xff, [11] = 0xff }, 96, 96 }, /* IPv4-mapped */
	{ FAMILY_IPV6, { 0, 0x64, 0xff, 0x9b }, 96, 96 },      /* NAT64 */
	{ FAMILY_IPV6, { 0x20 }, 3, 3 },		       /* global */
	{ FAMILY_IPV6, { 0xfc }, 7, 8 },		       /* unique local */
	{ FAMILY_IPV6, { 0xfe, 0x80 }, 10, 64 },	       /* link-local */
	{ FAMILY_IPV6, { 0xff }, 8, 104 }, /* multicast; the rest may be an address's */
};

static bool is_free_of_regions(const uint8_t *bytes, unsigned bit, uint64_t kind)
{
	for (size_t i = 0; i < N_OF(regions); i++) {
		const struct region *region = &regions[i];
		unsigned n = bit < region->len ? bit : region->len;

		if (region->family == (enum family)kind && bit < region->kept &&
			n_common_bits(bytes, region->bytes, n) == n)
			return false;
	}
	return true;
}

/* Multicast below ff00::/8 keeps all but what is made of an address (RFC 4291, 2.7.1). */
static bool is_known_group(const struct addr *addr)
{
	static const uint8_t solicited[] = { 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff };

	return addr->family == FAMILY_IPV6 && addr->bytes[0] == 0xff &&
	       memcmp(addr->bytes, solicited, sizeof(solicited)) != 0;
}

static void redact_addr(const struct pass *pass, struct addr *addr, unsigned len)
{
	unsigned max = prefix_max_len(addr->family);

	if (!is_known_group(addr))
		scramble(
			pass, addr->bytes, len < max ? len : max, addr->family, is_free_of_regions);
}

#define KIND_MAC 100

/* Not the bits for multicast and local administration. */
static bool is_free_of_mac(const uint8_t *bytes, unsigned bit, uint64_t kind)
{
	(void)bytes;
	(void)kind;
	return bit != 6 && bit != 7;
}

static void redact_mac(const struct pass *pass, struct mac *mac)
{
	static const uint8_t none[6], solicited[] = { 0x33, 0x33, 0xff };
	struct addr group = { .family = FAMILY_IPV6, .bytes = { 0xff, 2, [11] = 1, 0xff } };

	/* the group that a neighbour is asked at has the end of its address: as in IPv6 */
	if (memcmp(mac->bytes, solicited, sizeof(solicited)) == 0) {
		memcpy(group.bytes + 13, mac->bytes + 3, 3);
		redact_addr(pass, &group, 128);
		memcpy(mac->bytes + 3, group.bytes + 13, 3);
	}
	if (!(mac->bytes[0] & 1) && memcmp(mac->bytes, none, sizeof(none)) != 0)
		scramble(pass, mac->bytes, 48, KIND_MAC, is_free_of_mac);
}

#define KIND_UUID      101
#define UUID_SHOWN_LEN 11 /* of Neutron's ids in the names of devices and chains */

/* Digits that a device's name shows, too, and those that say which kind of UUID it is, stay. */
static bool is_free_of_uuid(const uint8_t *bytes, unsigned bit, uint64_t kind)
{
	(void)bytes;
	(void)kind;
	return bit >= 40 && bit / 4 != 12 && bit / 2 != 32;
}

/* How long a UUID or the beginning of one is that begins here; its digits in ret. Sets of remote
 * groups have as many characters of it as fit. */
static size_t uuid_parse(const char *text, uint8_t ret[16], unsigned *ret_n_digits)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	size_t len = 0;

	memset(ret, 0, 16);
	*ret_n_digits = 0;
	for (; shape[len]; len++) {
		const char *digit = text[len] ? strchr("0123456789abcdef", text[len]) : NULL;

		if (shape[len] == '-' ? text[len] != '-' : !digit)
			break;
		if (shape[len] == '-')
			continue;
		ret[*ret_n_digits / 2] |=
			(uint8_t)((digit - "0123456789abcdef") << (*ret_n_digits % 2 ? 0 : 4));
		++*ret_n_digits;
	}
	return len > UUID_SHOWN_LEN && !isalnum((unsigned char)text[len]) ? len : 0;
}

/* n: of a run in front of a dash, whose last 8 are of a UUID ("NIPv4" + it). Gives its length. */
static size_t redact_uuid(const struct pass *pass, struct text *out, const char *run, size_t n)
{
	const char *from = run + n - 8;
	uint8_t bytes[16];
	unsigned n_digits;
	size_t len = n < 8 || run[n] != '-' ? 0 : uuid_parse(from, bytes, &n_digits);

	if (!len)
		return 0;
	scramble(pass, bytes, n_digits * 4, KIND_UUID, is_free_of_uuid);
	text_add_n(out, run, n - 8);
	for (size_t i = 0, digit = 0; i < len; i++) {
		if (from[i] == '-')
			text_add(out, "-");
		else
			text_addf(out, "%x", bytes[digit / 2] >> (digit % 2 ? 0 : 4) & 0xf);
		digit += from[i] != '-';
	}
	return n - 8 + len;
}

/* "vxlan-0a000001": Neutron names a tunnel's port by the address of its other end. */
static bool redact_tunnel(
	const struct pass *pass, struct text *out, const char *text, const char *run, size_t n)
{
	static const char *const kinds[] = { "vxlan-", "gre-", "geneve-" };
	struct addr addr = { .family = FAMILY_IPV4 };
	char digits[9] = "";

	for (size_t i = 0; i < N_OF(kinds); i++) {
		size_t len = strlen(kinds[i]);

		if (n != 8 || (size_t)(run - text) < len || memcmp(run - len, kinds[i], len) != 0)
			continue;
		memcpy(digits, run, n);
		if (strspn(digits, "0123456789abcdef") != n)
			return false;
		for (size_t b = 4; b-- > 0; digits[2 * b] = '\0')
			addr.bytes[b] = (uint8_t)strtoul(digits + 2 * b, NULL, 16);
		redact_addr(pass, &addr, 32);
		text_addf(out, "%02x%02x%02x%02x", addr.bytes[0], addr.bytes[1], addr.bytes[2],
			addr.bytes[3]);
		return true;
	}
	return false;
}

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == ':' || c == '.';
}

/* ebtables writes the bytes of a MAC as they come: "2:0:0:0:0:1". */
static bool short_mac_parse(const char *text, struct mac *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof(ret->bytes); i++) {
		size_t n = strspn(text, "0123456789abcdefABCDEF");

		if (n < 1 || n > 2 || text[n] != (i == 5 ? '\0' : ':'))
			return false;
		ret->bytes[i] = 0;
		for (; n > 0; n--, text++)
			ret->bytes[i] = (uint8_t)(ret->bytes[i] << 4 |
						  (strchr(digits, *text | 0x20) - digits));
		text++;
	}
	return true;
}

/* One word of letters, digits, dots and colons; n: its length. false: it is no address. */
static bool redact_word(
	const struct pass *pass, struct text *out, const char *word, size_t n, const char *behind)
{
	char text[64];
	struct addr addr;
	struct mac mac;
	uint32_t len = 128;

	if (n >= sizeof(text) || n < 2)
		return false;
	memcpy(text, word, n);
	text[n] = '\0';
	if (!strchr(text, '.') && !strchr(text, ':'))
		return false;
	if (mac_parse(text, &mac) || short_mac_parse(text, &mac)) {
		redact_mac(pass, &mac);
		mac_print(out, mac);
		return true;
	}
	if (!addr_parse(text, &addr))
		return false;
	if (*behind == '/') {
		char digits[4] = "";

		memcpy(digits, behind + 1, strnlen(behind + 1, 3));
		digits[strspn(digits, "0123456789")] = '\0';
		if (behind[1 + strlen(digits)] != '.')
			text_to_u32(digits, 0, 128, &len);
	}
	redact_addr(pass, &addr, len);
	addr_print(out, &addr);
	return true;
}

/* "10.0.0.1:80": a port behind an address is not part of the word. */
static size_t without_port(const char *word, size_t n)
{
	const char *colon = memchr(word, ':', n);

	if (!colon || !memchr(word, '.', (size_t)(colon - word)))
		return n;
	return (size_t)(colon - word);
}

/* "load:0xfa163e000001->NXM_OF_ETH_DST[]", as Neutron's ARP responder has it. */
static bool redact_hex(const struct pass *pass, struct text *out, const char *word, size_t n)
{
	static const char *const macs[] = { "ETH_", "_SHA", "_THA", "_SLL", "_TLL" };
	static const char *const addrs[] = { "_SPA", "_TPA", "IP_SRC", "IP_DST" };
	struct addr addr = { .family = FAMILY_IPV4 };
	struct mac mac = { 0 };
	char target[32] = "";
	uint64_t value = 0;

	if (n < 3 || memcmp(word, "0x", 2) != 0 || memcmp(word + n, "->", 2) != 0)
		return false;
	for (size_t i = 2; i < n; i++)
		value = value << 4 |
			(unsigned)(isdigit((unsigned char)word[i])
					   ? word[i] - '0'
					   : tolower((unsigned char)word[i]) - 'a' + 10);
	memcpy(target, word + n, strnlen(word + n, sizeof(target) - 1));
	target[strcspn(target, "[,")] = '\0';
	for (size_t i = 0; i < N_OF(addrs); i++)
		if (strstr(target, addrs[i])) {
			for (int b = 0; b < 4; b++)
				addr.bytes[b] = (uint8_t)(value >> (24 - 8 * b));
			redact_addr(pass, &addr, 32);
			text_addf(out, "0x%02x%02x%02x%02x", addr.bytes[0], addr.bytes[1],
				addr.bytes[2], addr.bytes[3]);
			return true;
		}
	for (size_t i = 0; i < N_OF(macs); i++)
		if (strstr(target, macs[i])) {
			for (int b = 0; b < 6; b++)
				mac.bytes[b] = (uint8_t)(value >> (40 - 8 * b));
			redact_mac(pass, &mac);
			text_addf(out, "0x%02x%02x%02x%02x%02x%02x", mac.bytes[0], mac.bytes[1],
				mac.bytes[2], mac.bytes[3], mac.bytes[4], mac.bytes[5]);
			return true;
		}
	return false;
}

/* A run of letters, digits, dots and colons: the address in it, which words and colons may come
 * before ("set_field:fa:16:3e:00:00:01") and a port behind. */
static void redact_run(const struct pass *pass, struct text *out, const char *run, size_t n)
{
	const char *word = run, *end = run + n;

	while (word < end) {
		size_t len = (size_t)(end - word), used;
		const char *colon;

		while (len && (word[len - 1] == '.' ||
				      (word[len - 1] == ':' && len > 1 && word[len - 2] != ':')))
			len--;
		if (redact_word(pass, out, word, len, word + len) ||
			redact_hex(pass, out, word, len)) {
			text_add_n(out, word + len, (size_t)(end - word) - len);
			return;
		}
		used = without_port(word, len);
		if (used < len && redact_word(pass, out, word, used, word + used)) {
			word += used;
			continue;
		}
		colon = memchr(word, ':', (size_t)(end - word));
		used = colon ? (size_t)(colon + 1 - word) : (size_t)(end - word);
		text_add_n(out, word, used);
		word += used;
	}
}

/* Behind a slash is a mask, or a length. */
static bool is_mask(const char *text, const char *run)
{
	return (run > text && run[-1] == '/') || text_has_prefix(run, "255.");
}

static bool is_host_name(const struct pass *pass, const char *text, const char *at)
{
	size_t n = strlen(pass->host_name);

	return n > 2 && !strncmp(at, pass->host_name, n) && !isalnum((unsigned char)at[n]) &&
	       (at == text || !isalnum((unsigned char)at[-1]));
}

static const char *redact_text(const struct pass *pass, const char *text)
{
	struct text out CLEANUP(text_done) = TEXT_INIT;
	const char *at = text;
	size_t used;

	while (*at) {
		const char *run = at;

		if (is_host_name(pass, text, at)) {
			text_add(&out, "host");
			at += strlen(pass->host_name);
			continue;
		}
		if (!is_word_char(*at)) {
			text_add_n(&out, at++, 1);
			continue;
		}
		while (is_word_char(*at))
			at++;
		used = redact_uuid(pass, &out, run, (size_t)(at - run));
		if (used) {
			at = run + used;
			continue;
		}
		if (redact_tunnel(pass, &out, text, run, (size_t)(at - run)))
			continue;
		if (is_mask(text, run))
			text_add_n(&out, run, (size_t)(at - run));
		else
			redact_run(pass, &out, run, (size_t)(at - run));
	}
	return arena_strndup(pass->arena, out.data, out.len);
}

static void redact_struct(const struct pass *pass, const struct schema *schema, char *value);

static void redact_list(
	const struct pass *pass, const struct schema_field *field, void *slot, size_t n)
{
	const char *items = *(const char *const *)slot;
	char *copy;

	if (field->kind == F_NUMBERS || field->kind == F_SYSCTLS)
		return;
	copy = arena_alloc(
		pass->arena, n * (field->kind == F_TEXTS ? sizeof(char *) : field->schema->size));
	memcpy(copy, items, n * (field->kind == F_TEXTS ? sizeof(char *) : field->schema->size));
	for (size_t i = 0; i < n; i++) {
		if (field->kind == F_TEXTS)
			((const char **)(void *)copy)[i] =
				redact_text(pass, ((const char **)(void *)copy)[i]);
		else
			redact_struct(pass, field->schema, copy + i * field->schema->size);
	}
	*(char **)slot = copy;
}

static void redact_struct(const struct pass *pass, const struct schema *schema, char *value)
{
	for (size_t i = 0; i < schema->n_fields; i++) {
		const struct schema_field *field = &schema->fields[i];
		void *slot = value + field->at;
		size_t n = field->n_at ? *(size_t *)(void *)(value + field->n_at) : 0;

		if (field->n_at) {
			if (n)
				redact_list(pass, field, slot, n);
			continue;
		}
		switch (field->kind) {
		case F_STRUCT:
			redact_struct(pass, field->schema, slot);
			break;
		case F_ADDR:
			redact_addr(pass, slot, 128);
			break;
		case F_PREFIX:
			redact_addr(
				pass, &((struct prefix *)slot)->addr, ((struct prefix *)slot)->len);
			break;
		case F_MAC:
			redact_mac(pass, slot);
			break;
		case F_BLOCK:
		case F_NAME:
		case F_TEXT:
			if (*(const char **)slot)
				*(const char **)slot = redact_text(pass, *(const char **)slot);
			break;
		default:
			break;
		}
	}
}

bool host_redact(
	struct arena *arena, const struct host *host, const struct host **ret, struct err *err)
{
	struct host *copy = arena_new_one(arena, struct host);
	struct pass pass = { .arena = arena, .host_name = host->name };

	if (getrandom(pass.key, sizeof(pass.key), 0) != (ssize_t)sizeof(pass.key))
		return err_system(err, errno, "cannot get random numbers");
	*copy = *host;
	redact_struct(&pass, &host_schema, (char *)copy);
	copy->name = "host";
	for (size_t i = 0; i < copy->n_netns; i++) {
		struct netns *ns = &copy->netns[i];

		netns_parse_texts(arena, ns);
		netns_finish(arena, ns);
	}
	host_finish(arena, copy);
	*ret = copy;
	return true;
}
