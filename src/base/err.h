/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

/*
 * The one error idiom. A fallible function returns bool, takes `struct err *` as its last
 * parameter, and on false has filled it; its other out-parameters are then untouched. The value
 * lives on the stack of whoever reports it. Context is put in front on the way up
 * (err_prefix), so that the text reads from the outside in:
 *
 *     apply: ip6tables-restore: line 3 failed: Index of insertion too big
 *
 * Only the edges translate a kind into an exit code (cmd) or an HTTP status (api).
 */
enum err_kind {
	ERR_NONE = 0,
	ERR_INPUT,    /* what the user gave is wrong: exit 2 */
	ERR_SYSTEM,   /* the system refused or lacks something: exit 1 */
	ERR_CONFLICT, /* somebody else owns it, or it is locked: exit 1 */
	ERR_LIMIT,    /* a named limit of base/limits.h was reached: exit 2 */
};

#define ERR_TEXT_SIZE 4096

struct err {
	enum err_kind kind;
	int sys;		  /* errno where there is one, else 0 */
	char text[ERR_TEXT_SIZE]; /* one sentence, no full stop; more lines for a quoted source */
	char next_step[512];	  /* what the user can do about it; "" when it is obvious */
};

/* All return false, so that a caller can write `return err_input(err, "...")`. */
bool err_input(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool err_system(struct err *err, int sys, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool err_conflict(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool err_limit(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " in front of the text. */
bool err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Sets the sentence that tells the user what to do next. */
bool err_next(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * clang's analyzer does not see into err.c; unless it knows that these return false, it believes
 * that callers go on with outputs that a failure left unset.
 */
#if defined(__clang_analyzer__) && !defined(ERR_C)
static inline bool err_false_(bool returned)
{
	(void)returned;
	return false;
}
#define err_input(...)	  err_false_(err_input(__VA_ARGS__))
#define err_system(...)	  err_false_(err_system(__VA_ARGS__))
#define err_conflict(...) err_false_(err_conflict(__VA_ARGS__))
#define err_limit(...)	  err_false_(err_limit(__VA_ARGS__))
#define err_prefix(...)	  err_false_(err_prefix(__VA_ARGS__))
#define err_next(...)	  err_false_(err_next(__VA_ARGS__))
#endif

#endif
