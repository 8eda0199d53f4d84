#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# portwall guard as a user meets it: what it says and its exit codes. What the guard does to packets is netns-guard's.
set -u
if [ "${1-}" != inside ]; then
	exec unshare --net --mount "$0" inside
fi
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
PORTWALL=$(realpath "$PORTWALL")
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
cd "$DIR" || exit 1
export PORTWALL_RUN_DIR=$DIR/run NO_COLOR=1
pw() { "$PORTWALL" guard "$@"; }
state() { nft -s list ruleset; }

mount -t sysfs sysfs /sys # of this namespace
ip link set lo up
ip link add qbr1 type bridge
ip link add docker0 type bridge
ip link add br0 type bridge
ip link add br0-tap type veth peer name br0-vm
ip link set br0-tap name tap0 master br0
ip address add 10.0.0.1/24 dev br0
ip link add dummy0 type veth peer name dummy1

# -- words
says '--help tells exit codes and examples' 0 '3 it is not there' pw --help
check '--help fits 100 columns' awk 'length > 100 { bad = 1; print } END { exit bad }' <(pw --help)
says 'without an action it is refused' 2 'takes ACTION' pw
says 'two actions are refused' 2 'takes ACTION' pw install remove
says 'an unknown action is refused with the nearest one' 2 'did you mean portwall guard install' pw instal
says 'an unknown option is refused with the nearest one' 2 'did you mean --bridge' pw install --bridges br0
says 'run takes no --json' 2 'neither --json nor --dry-run' pw run --json
says 'and no --dry-run' 2 'neither --json nor --dry-run' pw run --dry-run
says 'a bridge that is not there is refused' 2 'br9: there is no link' pw install --bridge br9
says 'a link that is no bridge is refused' 2 'dummy0: there is no bridge' pw install --bridge dummy0
says 'a name that nft cannot have is refused' 2 'nft has no word' pw install --bridge 'br"0'
says 'also by status' 2 'br9: there is no link' pw status --bridge br9

# -- install, status, remove
says 'without a guard status says so, and what is not guarded' 3 'not guarded: 2 bridges: br0 \(what it bridges\), qbr1' pw status
says 'and what to do' 3 '-> portwall guard install$' pw status
check 'in JSON too' jq -e '.verdict == "missing" and (.unguarded | length) == 2 and .held == false' <(pw status --json)
says '--dry-run prints the table' 0 '^table inet portwall-guard \{' pw install --dry-run
check 'and nft takes it' sh -c "'$PORTWALL' guard install --dry-run | nft --check -f -"
check 'and changes nothing' test -z "$(state)"
says 'remove without one says so' 0 'there is no guard' pw remove
says 'install says for which bridges' 0 'the guard stands for 2 bridges: br0 \(what it bridges\), qbr1' pw install
says 'status is content' 0 'the guard is whole' pw status
state > installed
says 'install again changes nothing' 0 'stands already' pw install
check 'in JSON too' jq -e '.changed == false and .commands == "" and (.bridges | length) == 2' <(pw install --json)
state > again
same 'and the kernel agrees' installed again
ip link add brq2 type bridge
says 'a bridge that comes is missed' 3 'not guarded: 1 bridge: brq2' pw status
check 'by name' jq -e '.verdict == "incomplete" and .unguarded[0].name == "brq2"' <(pw status --json)
says 'install takes it in' 0 '3 bridges' pw install
ip link set br0 address 02:00:00:00:00:77
says 'a bridge with another MAC is missed' 3 'not guarded: 1 bridge: br0' pw status
pw install > /dev/null
ip link delete brq2
says 'one that has gone is none too few' 0 'whole' pw status
says 'and goes with install' 0 'for 2 bridges' pw install
says 'named bridges are those and no others' 0 'for 1 bridge: qbr1' pw install --bridge qbr1 --bridge qbr1
says 'what others own is guarded when it is named' 0 'for 1 bridge: docker0' pw install --bridge docker0
pw install > /dev/null
state > before
nft add rule inet portwall-guard prerouting counter
says 'one rule more is noticed' 3 'was changed' pw status
says 'and install leaves it alone' 1 'is not the guard, or somebody has changed it' pw install
says 'and remove' 1 '--takeover' pw remove
check 'JSON has the error' jq -e '.error.kind == "conflict"' <(pw install --json 2> /dev/null)
says 'unless told to' 0 'the guard stands for' pw install --takeover
state > after
same 'which makes it whole again' before after
says 'remove takes it away' 0 'the guard is gone' pw remove
check 'whole' test -z "$(state)"
says 'without root status cannot tell' 5 'needs root' setpriv --bounding-set=-all --inh-caps=-all --reuid 65534 \
	--clear-groups "$PORTWALL" guard status
says 'and install is refused' 1 'needs root' setpriv --bounding-set=-all --inh-caps=-all --reuid 65534 \
	--clear-groups "$PORTWALL" guard install

tap_done
