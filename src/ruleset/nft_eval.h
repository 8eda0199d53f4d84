/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RULESET_NFT_EVAL_H
#define RULESET_NFT_EVAL_H

#include "ruleset/ask.h"
#include "ruleset/ruleset.h"

/* What nft's matches and maps say of what is asked about. */

enum nft_key_kind {
	NFT_KEY_FIELD,
	NFT_KEY_IN_IFACE,
	NFT_KEY_OUT_IFACE,
	NFT_KEY_NFPROTO,
	NFT_KEY_UNKNOWN, /* has values of a known type, but they are not in a packet */
};

/* Headers that a packet must have, or the key, inverted or not, never matches. */
enum nft_need { NFT_NEED_IPV4 = 1, NFT_NEED_IPV6 = 2, NFT_NEED_ARP = 4, NFT_NEED_CT = 8 };

struct nft_key {
	const char *words; /* "ip saddr", as nft writes it */
	enum nft_key_kind kind;
	enum nft_type type;
	enum field field;
	uint8_t shift, width; /* a part of the field: bits from shift; width 0: all of it */
	unsigned needs;	      /* enum nft_need, or-ed */
	uint8_t proto;	      /* of the transport header; 0: any */
};

/* A MATCH_NFT_FIELD or MATCH_NFT_DO. */
struct says nft_match_eval(struct asking *asking, const struct match *match);

/* Of one packet, what a verdict map says: YES with the element, NO: none. */
enum answer nft_lookup_eval(
	struct asking *asking, const struct nft_lookup *lookup, const struct nft_element **ret);

/* Of a set: are the elements known? Then those of asking->set that element i takes; the element for all else is
 * the last one. False: there is no element i. */
bool nft_lookup_is_known(const struct asking *asking, const struct nft_lookup *lookup);
bool nft_lookup_part(struct asking *asking, const struct nft_lookup *lookup, size_t i,
	struct says *ret, const struct nft_element **ret_element);

#endif
