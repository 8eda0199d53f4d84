// SPDX-License-Identifier: GPL-2.0-or-later
/* portwall doctor --fix, --undo, --keep. */
#include "cmd/doctor.h"

bool doctor_mend(struct invocation *inv, struct err *err)
{
	(void)inv;
	return err_system(err, 0, "doctor: not yet");
}
