// SPDX-License-Identifier: GPL-2.0-or-later
/* Whose connection it is, for what is bounded by address. */
#include "api/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

_Static_assert(PEER_SIZE >= INET6_ADDRSTRLEN + 4, "an address fits");

/* Who has IPv6 has at least 2^64 addresses: its network is who it is. */
static void print_v6(const struct in6_addr *address, char ret[PEER_SIZE])
{
	struct in6_addr network = *address;
	char words[INET6_ADDRSTRLEN] = "";

	if (IN6_IS_ADDR_V4MAPPED(address)) {
		inet_ntop(AF_INET, &address->s6_addr[12], ret, PEER_SIZE);
		return;
	}
	memset(&network.s6_addr[8], 0, 8);
	inet_ntop(AF_INET6, &network, words, sizeof(words));
	snprintf(ret, PEER_SIZE, "%s/64", words);
}

void peer_print(const struct sockaddr *address, char ret[PEER_SIZE])
{
	ret[0] = '\0';
	if (address && address->sa_family == AF_INET)
		inet_ntop(
			AF_INET, &((const struct sockaddr_in *)address)->sin_addr, ret, PEER_SIZE);
	else if (address && address->sa_family == AF_INET6)
		print_v6(&((const struct sockaddr_in6 *)address)->sin6_addr, ret);
}
