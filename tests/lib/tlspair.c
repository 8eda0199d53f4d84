// SPDX-License-Identifier: GPL-2.0-or-later
#include "unit.h"

#include "tlspair.h"

#include <gnutls/x509.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400

static void must(int code)
{
	if (code < 0)
		fail_msg("%s", gnutls_strerror(code));
}

static void add_datum(struct text *out, gnutls_datum_t *datum)
{
	text_clear(out);
	text_add_n(out, (const char *)datum->data, datum->size);
	gnutls_free(datum->data);
}

static void make(const char *name, time_t from, struct text *ret_certificate, struct text *ret_key)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t certificate;
	gnutls_datum_t datum;

	must(gnutls_x509_privkey_init(&key));
	must(gnutls_x509_privkey_generate(
		key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	must(gnutls_x509_crt_init(&certificate));
	must(gnutls_x509_crt_set_version(certificate, 3));
	must(gnutls_x509_crt_set_serial(certificate, "\1", 1));
	must(gnutls_x509_crt_set_activation_time(certificate, from));
	must(gnutls_x509_crt_set_expiration_time(certificate, from + DAY_S));
	must(gnutls_x509_crt_set_dn_by_oid(
		certificate, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name)));
	must(gnutls_x509_crt_set_subject_alt_name(
		certificate, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name), GNUTLS_FSAN_SET));
	must(gnutls_x509_crt_set_key(certificate, key));
	must(gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0));
	must(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &datum));
	add_datum(ret_certificate, &datum);
	must(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &datum));
	add_datum(ret_key, &datum);
	gnutls_x509_crt_deinit(certificate);
	gnutls_x509_privkey_deinit(key);
}

void test_pair_make(const char *name, struct text *ret_certificate, struct text *ret_key)
{
	make(name, time(NULL) - 60, ret_certificate, ret_key);
}

void test_pair_make_old(const char *name, struct text *ret_certificate, struct text *ret_key)
{
	make(name, time(NULL) - 2 * DAY_S, ret_certificate, ret_key);
}
