// SPDX-License-Identifier: GPL-2.0-or-later
#include "users/secrets.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

_Static_assert(PASSWORD_HASH_SIZE == crypto_pwhash_STRBYTES, "as libsodium prints it");
_Static_assert(SECRET_HASH_SIZE >= crypto_generichash_BYTES_MIN, "as BLAKE2b may be short");

#define OPERATIONS crypto_pwhash_OPSLIMIT_INTERACTIVE
#define MEMORY	   crypto_pwhash_MEMLIMIT_INTERACTIVE

/* Each entry calls it: who forgot would have no random bytes. */
static void init(void)
{
	if (sodium_init() >= 0)
		return;
	fputs("portwall: libsodium does not start: the kernel gives no random bytes\n", stderr);
	abort();
}

void secret_wipe(void *bytes, size_t size)
{
	sodium_memzero(bytes, size);
}

void secret_random(void *ret, size_t size)
{
	init();
	randombytes_buf(ret, size);
}

bool secret_is_equal(const void *a, const void *b, size_t size)
{
	return sodium_memcmp(a, b, size) == 0;
}

void secret_hash(const unsigned char *key, const char *const *texts, size_t n,
	unsigned char ret[SECRET_HASH_SIZE])
{
	crypto_generichash_state state;

	init();
	crypto_generichash_init(&state, key, key ? SECRET_KEY_SIZE : 0, SECRET_HASH_SIZE);
	/* with its NUL: "ab" "c" are not "a" "bc" */
	for (size_t i = 0; i < n; i++)
		crypto_generichash_update(
			&state, (const unsigned char *)texts[i], strlen(texts[i]) + 1);
	crypto_generichash_final(&state, ret, SECRET_HASH_SIZE);
	sodium_memzero(&state, sizeof(state));
}

/* --- passwords --- */

bool password_hash(const char *password, char ret[PASSWORD_HASH_SIZE], struct err *err)
{
	init();
	return crypto_pwhash_str(ret, password, strlen(password), OPERATIONS, MEMORY) == 0 ||
	       err_system(err, ENOMEM, "there is no memory to hash a password (%zu MiB)",
		       (size_t)MEMORY / 1024 / 1024);
}

bool password_is_hash(const char *hash)
{
	init();
	return !strncmp(hash, crypto_pwhash_STRPREFIX, strlen(crypto_pwhash_STRPREFIX)) &&
	       strlen(hash) < PASSWORD_HASH_SIZE &&
	       crypto_pwhash_str_needs_rehash(hash, OPERATIONS, MEMORY) >= 0;
}

bool password_matches(const char *hash, const char *password)
{
	char padded[PASSWORD_HASH_SIZE] = "";

	init();
	strncpy(padded, hash, sizeof(padded) - 1);
	return crypto_pwhash_str_verify(padded, password, strlen(password)) == 0;
}

/* --- tokens --- */

void token_make(char ret[TOKEN_LEN + 1])
{
	unsigned char bytes[SECRET_KEY_SIZE];

	_Static_assert(3 + 43 == TOKEN_LEN, "the length of 32 bytes in base64");
	secret_random(bytes, sizeof(bytes));
	snprintf(ret, TOKEN_LEN + 1, "pw_");
	sodium_bin2base64(ret + 3, TOKEN_LEN + 1 - 3, bytes, sizeof(bytes),
		sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(bytes, sizeof(bytes));
}

void token_hash(const char *token, unsigned char ret[SECRET_HASH_SIZE])
{
	secret_hash(NULL, &token, 1, ret);
}

void secret_hash_print(
	const unsigned char hash[SECRET_HASH_SIZE], char ret[2 * SECRET_HASH_SIZE + 1])
{
	sodium_bin2hex(ret, 2 * SECRET_HASH_SIZE + 1, hash, SECRET_HASH_SIZE);
}

bool secret_hash_parse(const char *text, unsigned char ret[SECRET_HASH_SIZE])
{
	size_t size;

	return strlen(text) == (size_t)2 * SECRET_HASH_SIZE &&
	       sodium_hex2bin(ret, SECRET_HASH_SIZE, text, strlen(text), NULL, &size, NULL) == 0 &&
	       size == SECRET_HASH_SIZE;
}

bool secret_base64_parse(const char *text, char *ret, size_t size)
{
	size_t len;

	init();
	if (sodium_base642bin((unsigned char *)ret, size - 1, text, strlen(text), NULL, &len, NULL,
		    sodium_base64_VARIANT_ORIGINAL) < 0)
		return false;
	ret[len] = '\0';
	return strlen(ret) == len;
}

/* --- files --- */

bool secret_file_check(const char *path, const struct secret_owner *owner, struct err *err)
{
	struct stat file;

	if (stat(path, &file) < 0)
		return err_system(err, errno, "cannot look at %s", path);
	if (!S_ISREG(file.st_mode))
		return err_input(err, "%s is no file", path);
	if (file.st_uid != owner->uid) {
		err_input(err, "%s belongs to user %u: who owns it decides who may do what", path,
			(unsigned)file.st_uid);
		return err_next(err, "chown %u %s", (unsigned)owner->uid, path);
	}
	if (file.st_mode & (S_IRWXO | S_IWGRP)) {
		err_input(err, "%s can be %s by others", path,
			file.st_mode & (S_IWOTH | S_IWGRP) ? "written" : "read");
		return err_next(err, "chmod 640 %s", path);
	}
	return true;
}
