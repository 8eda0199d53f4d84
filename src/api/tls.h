/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef API_TLS_H
#define API_TLS_H

#include "base/text.h"

/* What TLS needs: a certificate with those that it was signed by, and its key, in PEM. */
struct tls_pair {
	struct text certificate, key;
};

/*
 * Errors: a file is not there or cannot be read; the key can be read by others (ERR_INPUT), is none, or is another certificate's;
 * the certificate has expired. They name the file.
 */
bool tls_pair_load(
	const char *certificate_path, const char *key_path, struct tls_pair *ret, struct err *err);
void tls_pair_done(struct tls_pair *pair); /* for CLEANUP; the key is wiped */

/* Of GnuTLS: the versions and ciphers that are spoken. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

#endif
