// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include <string.h>

#include "packet/packet.h"

static void mac_comes_back(const char *text)
{
	struct text printed = TEXT_INIT;
	struct mac mac, again;

	if (!mac_parse(text, &mac))
		return;
	mac_print(&printed, mac);
	fuzz_check(mac_parse(printed.data, &again) && mac_equal(mac, again));
	text_done(&printed);
}

static void prefix_comes_back(const char *text)
{
	struct text printed = TEXT_INIT;
	struct prefix prefix, again;

	if (!prefix_parse(text, &prefix))
		return;
	prefix_print(&printed, &prefix);
	fuzz_check(prefix_parse(printed.data, &again) && prefix_compare(&prefix, &again) == 0);
	text_clear(&printed);
	prefix_print_bare(&printed, &prefix);
	fuzz_check(prefix_parse(printed.data, &again) && prefix_compare(&prefix, &again) == 0);
	fuzz_check(prefix_contains(&prefix, &prefix.addr));
	fuzz_check(prefix_covers(&prefix, &again) && prefix_covers(&again, &prefix));
	text_done(&printed);
}

static void addr_is_its_own_prefix(const char *text)
{
	struct addr addr, back;
	struct prefix prefix;
	struct text printed = TEXT_INIT;

	if (!addr_parse(text, &addr))
		return;
	prefix = prefix_of_addr(&addr);
	fuzz_check(prefix_contains(&prefix, &addr));
	addr_print(&printed, &addr);
	fuzz_check(addr_parse(printed.data, &back) && addr_compare(&addr, &back) == 0);
	text_done(&printed);
}

static void proto_name_means_its_number(const char *text)
{
	uint8_t proto, again;

	for (enum family family = FAMILY_IPV4; family < N_IP_FAMILIES; family++) {
		if (!proto_parse(text, family, &proto) || !proto_name(proto))
			continue;
		fuzz_check(proto_parse(proto_name(proto), family, &again) && proto == again);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text text = TEXT_INIT;

	text_add_n(&text, (const char *)data, size);
	mac_comes_back(text.data);
	prefix_comes_back(text.data);
	addr_is_its_own_prefix(text.data);
	proto_name_means_its_number(text.data);
	text_done(&text);
	return 0;
}
