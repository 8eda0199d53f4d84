/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_NETTOOL_H
#define TESTS_NETTOOL_H

/* Undoes the others, for a child that shall choose anew. */
void net_bind_to_any_cpu(void);
/* Binds the process to one of the processors that it may use. */
void net_bind_to_one_cpu(void);
/* For a child: to one that its parent has not; to the same where there is only one. */
void net_bind_to_another_cpu(void);

#endif
