/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef USERS_SECRETS_H
#define USERS_SECRETS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * Passwords, tokens and keys, by libsodium. A password is guessed, so its hash is slow (argon2id, 64 MiB, a tenth of a
 * second); a token has 256 random bits, so its hash is fast.
 */
#define SECRET_HASH_SIZE   32
#define SECRET_KEY_SIZE	   32
#define PASSWORD_HASH_SIZE 128 /* with its NUL */
#define TOKEN_LEN	   46  /* "pw_" and 43 characters of base64 */

void secret_wipe(void *bytes, size_t size);
void secret_random(void *ret, size_t size);
/* In a time that does not depend on where they differ. */
bool secret_is_equal(const void *a, const void *b, size_t size);
/* Of a text, or of several whose ends count; key NULL: none. */
void secret_hash(const unsigned char *key, const char *const *texts, size_t n,
	unsigned char ret[SECRET_HASH_SIZE]);

/* ERR_SYSTEM: there is no memory. */
bool password_hash(const char *password, char ret[PASSWORD_HASH_SIZE], struct err *err);
bool password_is_hash(const char *hash);
/* Takes as long as password_hash, and blocks meanwhile. */
bool password_matches(const char *hash, const char *password);

void token_make(char ret[TOKEN_LEN + 1]);
void token_hash(const char *token, unsigned char ret[SECRET_HASH_SIZE]);
/* As 64 hexadecimal digits and back; false: they are none. */
void secret_hash_print(
	const unsigned char hash[SECRET_HASH_SIZE], char ret[2 * SECRET_HASH_SIZE + 1]);
bool secret_hash_parse(const char *text, unsigned char ret[SECRET_HASH_SIZE]);
/* "Basic" credentials: at most size - 1 bytes without NUL; false: it is no base64 of such. */
bool secret_base64_parse(const char *text, char *ret, size_t size);

/* Whose a file with secrets has to be, and which group may read it. */
struct secret_owner {
	uid_t uid;
	gid_t gid;
};
/* A file that is his, and that nobody reads but a group. False: it is not there, or is not so, and the next step says what to do. */
bool secret_file_check(const char *path, const struct secret_owner *owner, struct err *err);

#endif
