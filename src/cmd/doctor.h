/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CMD_DOCTOR_H
#define CMD_DOCTOR_H

#include "cmd/cmd.h"
#include "cmd/explain.h"
#include "doctor/doctor.h"

/* What the files of the command share. */

/* Reads the host of the invocation and makes the checks; n_only 0: all. */
bool doctor_diagnose(struct invocation *inv, const char *const *only, size_t n_only,
	const struct host **ret_host, struct diagnosis *ret, struct err *err);

/* doctor_json.c: as docs/doctor.md lists it */
json_t *check_json(const struct check *check);
json_t *finding_json(const struct finding *finding);
json_t *diagnosis_json(const struct diagnosis *diagnosis);

/* doctor_mend.c: --fix, --undo, --keep */
bool doctor_mend(struct invocation *inv, struct err *err);

#endif
