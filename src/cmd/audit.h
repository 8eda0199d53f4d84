/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CMD_AUDIT_H
#define CMD_AUDIT_H

#include "cmd/cmd.h"
#include "prove/audit.h"

/* What the files of the command share: the answers about one family. */

struct judged_place {
	const struct audit_place *place;
	struct service_matrix matrix;
	const struct audit_sources *sources;
	size_t n_sources;
	const struct audit_certificate *certificates;
	size_t n_certificates;
};

struct audited {
	enum family family;
	bool is_of_fffuu; /* only the matrices are known */
	struct sets *sets;
	const struct judged_place *places;
	size_t n_places;
	struct audit_deads deads;
	const struct audit_open *open;
	size_t n_open;
};

struct compared_place {
	enum hook hook;
	struct audit_comparison comparison;
};

struct compared {
	enum family family;
	struct sets *sets;
	const char *names[2]; /* of the rulesets */
	const struct compared_place *places;
	size_t n_places;
};

void audit_print_text(
	const struct invocation *inv, struct text *out, const struct audited *audited);
json_t *audit_json(const struct invocation *inv, const struct audited *audited);
void audit_print_comparison(
	const struct invocation *inv, struct text *out, const struct compared *compared);
json_t *audit_json_comparison(const struct invocation *inv, const struct compared *compared);

#endif
