#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What a snapshot says of a real Open vSwitch: the lab's bridges, ports, flows and learned addresses.
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=examples/lib.sh
. "$root/examples/lib.sh"
PORTWALL=$(realpath "$PORTWALL")
tmp=$(mktemp -d)
file=$tmp/lab.json
lab=snap$$
trap '"$root/examples/lab" down "$lab" >/dev/null 2>&1; rm -rf "$tmp"' EXIT
if ! "$root/tools/unpack-package" >"$tmp/log" 2>&1; then
	echo "1..0 # SKIP Open vSwitch cannot be unpacked"
	exit 0
fi
if ! "$root/examples/lab" up "$lab" >"$tmp/log" 2>&1; then
	ok 'the lab comes up' 1 "$(cat "$tmp/log")"
	tap_done
fi
snapshot=$tmp/lab.pws
lab_names "$lab"
says 'a snapshot of the lab is taken' 0 'links' ovs "$PORTWALL" snapshot --own-namespace -o "$snapshot"
zcat "$snapshot" | sed '/^}$/q' >"$file"
holds() { # SENTENCE FILTER
	check "$1" jq -e "$2" "$file"
}
holds 'nothing of Open vSwitch is unread' '[.host.unread[] | select(.what | startswith("ovs"))] == []'
holds 'its bridges are there' '[.host.ovs_bridges[].name] == ["br-ethx", "br-int"]'
holds 'a tagged port has its tag, its bridge and its namespace' '.host.ovs_ports[] |
	select(.name == "eth1") | .tag == 101 and .bridge == "br-ethx" and .netns == 0 and .ofport > 0'
holds 'patch ports know each other' '[.host.ovs_ports[] | select(.type == "patch") | [.name, .peer]] ==
	[["phy-br-ethx", "int-br-ethx"], ["int-br-ethx", "phy-br-ethx"]]'
holds 'all flows are there' '[.host.ovs_bridges[] | .has_flows, (.flows | length)] == [true, 3, true, 3]'
holds 'a learned address is at its port' '[.host.ovs_bridges[] | select(.name == "br-int") | .fdb[]? |
	select(.port | startswith("qvo")) | .mac] | all(startswith("fa:16:3e"))'
"$root/examples/lab" down "$lab" >"$tmp/log" 2>&1
snapshot=$tmp/none.pws
says 'a socket that nobody answers is unread, not absent' 0 'ovsdb: .*refused' sh -c '
	mkdir '"$tmp"'/run && python3 -c "import socket; socket.socket(socket.AF_UNIX).bind(\"'"$tmp"'/run/db.sock\")" &&
	OVS_RUNDIR='"$tmp"'/run unshare -n "$1" snapshot --own-namespace -o '"$snapshot"'' - "$PORTWALL"
tap_done
