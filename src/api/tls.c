// SPDX-License-Identifier: GPL-2.0-or-later
/* What is wrong with a certificate and its key is said before anybody is served with them. */
#include "api/tls.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "users/secrets.h"

static bool refuse(const char *path, const char *what, int code, struct err *err)
{
	return err_input(err, "%s: %s: %s", path, what, gnutls_strerror(code));
}

static gnutls_datum_t datum_of(const struct text *text)
{
	return (gnutls_datum_t){ (unsigned char *)text->data, (unsigned)text->len };
}

static bool check_certificate(const char *path, const struct text *text, struct err *err)
{
	gnutls_datum_t datum = datum_of(text);
	gnutls_x509_crt_t *list = NULL;
	unsigned n = 0;
	int code = gnutls_x509_crt_list_import2(&list, &n, &datum, GNUTLS_X509_FMT_PEM, 0);
	time_t until;

	if (code < 0)
		return refuse(path, "this is no certificate in PEM", code, err);
	until = gnutls_x509_crt_get_expiration_time(list[0]);
	for (unsigned i = 0; i < n; i++)
		gnutls_x509_crt_deinit(list[i]);
	gnutls_free(list);
	if (until >= time(NULL))
		return true;
	err_input(err, "%s: the certificate has expired", path);
	return err_next(err, "renew it");
}

static bool check_key(const char *path, const struct text *text, struct err *err)
{
	gnutls_datum_t datum = datum_of(text);
	gnutls_x509_privkey_t key;
	int code = gnutls_x509_privkey_init(&key);

	if (code < 0)
		return refuse(path, "it cannot be looked at", code, err);
	code = gnutls_x509_privkey_import2(key, &datum, GNUTLS_X509_FMT_PEM, NULL, 0);
	gnutls_x509_privkey_deinit(key);
	if (code >= 0)
		return true;
	refuse(path, "this is no key in PEM", code, err);
	return err_next(err, "a key with a passphrase cannot be used: nobody is there to type it");
}

static bool check_pair(const char *certificate_path, const char *key_path,
	const struct tls_pair *pair, struct err *err)
{
	gnutls_datum_t certificate = datum_of(&pair->certificate), key = datum_of(&pair->key);
	gnutls_certificate_credentials_t credentials;
	int code = gnutls_certificate_allocate_credentials(&credentials);

	if (code < 0)
		return refuse(certificate_path, "it cannot be looked at", code, err);
	code = gnutls_certificate_set_x509_key_mem(
		credentials, &certificate, &key, GNUTLS_X509_FMT_PEM);
	gnutls_certificate_free_credentials(credentials);
	if (code >= 0)
		return true;
	err_input(err, "%s is not the key of the certificate in %s: %s", key_path, certificate_path,
		gnutls_strerror(code));
	return err_next(err, "both come in pairs: take them from the same place");
}

bool tls_pair_load(
	const char *certificate_path, const char *key_path, struct tls_pair *ret, struct err *err)
{
	const struct secret_owner owner = { geteuid(), 0 };
	struct tls_pair pair = { TEXT_INIT, TEXT_INIT };

	if (!secret_file_check(key_path, &owner, err) ||
		!text_load(&pair.certificate, certificate_path, LIMIT_TLS_FILE, err) ||
		!text_load(&pair.key, key_path, LIMIT_TLS_FILE, err) ||
		!check_certificate(certificate_path, &pair.certificate, err) ||
		!check_key(key_path, &pair.key, err) ||
		!check_pair(certificate_path, key_path, &pair, err)) {
		tls_pair_done(&pair);
		return false;
	}
	*ret = pair;
	return true;
}

void tls_pair_done(struct tls_pair *pair)
{
	if (pair->key.size)
		secret_wipe(pair->key.data, pair->key.size);
	text_done(&pair->key);
	text_done(&pair->certificate);
}
