/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_BOTH_H
#define TESTS_BOTH_H

/* A case that is run with each variant of iptables; its state begins as "nft" or "legacy". */
#define BY_BOTH_VARIANTS(fn, setup)                                                                \
	{ #fn " (nft)", fn, setup, NULL, (void *)"nft" },                                          \
	{                                                                                          \
#fn " (legacy)", fn, setup, NULL, (void *)"legacy"                                 \
	}

#endif
