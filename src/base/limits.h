/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* Every size that a user, a file or the kernel controls has its bound here, checked on entry. */
#define LIMIT_POLICY_FILE_SIZE	((size_t)64 * 1024 * 1024) /* bytes */
#define LIMIT_POLICY_DEPTH	16			   /* nesting of the YAML */
#define LIMIT_POLICY_NODES	40000000		   /* values and keys in the YAML */
#define LIMIT_POLICY_ALIASED	4000000			   /* values that its aliases stand for */
#define LIMIT_PORTS		20000			   /* Neutron zones end at 61,439 ports */
#define LIMIT_GROUPS		100000
#define LIMIT_RULES		2000000 /* of all groups */
#define LIMIT_MEMBERS		4000000 /* of all address groups and ports */
#define LIMIT_NAME_LEN		255	/* characters, as Neutron's columns */
#define LIMIT_ADDRESS_PAIRS	10	/* a port, as Neutron's max_allowed_address_pair */
#define LIMIT_TOOL_OUTPUT	((size_t)1024 * 1024 * 1024) /* bytes read from one tool */
#define LIMIT_RULESET_RULES	4000000
#define LIMIT_RULESET_FILE_SIZE ((size_t)1024 * 1024 * 1024) /* bytes */
#define LIMIT_RULESET_MOVES	20000000		     /* rules that insertions push on */
#define LIMIT_RULESET_PAIRS	65536		    /* rules that "-s a,b -d c,d" stands for */
#define LIMIT_RULESET_LINE	((size_t)64 * 1024) /* bytes */
#define LIMIT_RULESET_LOOKUPS	1000		    /* names that the host is asked for */
#define LIMIT_NFT_ELEMENTS	8000000		    /* of all sets of a listing */

#endif
