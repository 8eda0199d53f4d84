/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * A fuzz target is tests/fuzz/fuzz_NAME.c with this one function; its corpus is
 * tests/fuzz/corpus/NAME/. "make fuzz" links it with libFuzzer; everywhere else fuzz_main.c runs
 * each file of the corpus as one test. It returns 0, and it aborts when a property does not hold:
 * not only crashes are bugs, what is printed must parse back to the same.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define fuzz_check(property)                                                                       \
	do {                                                                                       \
		if (!(property)) {                                                                 \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__,          \
				#property);                                                        \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#endif
