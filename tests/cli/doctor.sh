#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# portwall doctor as a user meets it: the page, exit codes, JSON, what is wrong usage. Needs no root: the host is a snapshot.
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
PORTWALL=$(realpath "$PORTWALL")
SELF=$(realpath "$0")
LAB=$GOLDEN/explain/lab.json
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
cd "$DIR" || exit 1
export NO_COLOR=1 PORTWALL_RUN_DIR=$DIR/run
pw() { "$PORTWALL" "$@"; }
doctor() { pw doctor --snapshot "$LAB" "$@"; }
# jq_is FILTER: the JSON of the lab's diagnosis has it
jq_is() { doctor --json | jq -e "$1"; }

# -- the page
says 'a finding, worst first, with its id: exit 3' 3 '^broken  .*\[nat-source\.POSTROUTING-1\]$' doctor
says 'the rule is quoted with its place' 3 'rule, rule 1 of chain POSTROUTING, table nat \(iptables\), line [0-9]+ of its listing:' doctor
says 'as its program prints it' 3 '^    -A POSTROUTING -s 172\.17\.0\.0/16 ! -o docker0 -j MASQUERADE$' doctor
says 'whose it is' 3 'whose it is: Docker \(' doctor
says 'the packet that shows it can be asked for' 3 "^    portwall explain --in tap3f6c1d52-8e --state new 'tcp 172\.17\.0\.8" doctor
says 'with its way' 3 'transmit +qvb3f6c1d52-8e' doctor
says '--brief leaves the way out' 3 '^  what users see: ' doctor --brief
check '--brief has no line of the way' bash -c '! "$0" doctor --brief --snapshot "$1" | grep -q "transmit  *qvb"' "$PORTWALL" "$LAB"
says 'a fix is recommended' 3 '^  fix guard \(recommended\): ' doctor
says 'it was tried' 3 'with it the packet is delivered; ' doctor
says 'how it is applied' 3 'or: portwall doctor --fix nat-source\.POSTROUTING-1:return$' doctor
says 'how much was looked at' 3 '^[0-9]+ checks, 2 ports of machines: 1 broken, 2 risk$' doctor
says 'one check alone' 3 '^1 check, 2 ports of machines: 1 broken$' doctor nat-source
says 'a check that finds nothing: exit 0' 0 '^1 check, 2 ports of machines: healthy$' doctor spoof-after-accept
says 'two checks' 0 '^2 checks, 2 ports of machines: healthy$' doctor ipip-as-94 tunnel-one-way

# -- the list
says 'all checks are listed' 0 '^nat-source: NAT that rewrites' pw doctor --list
says 'with what they look for' 0 '^  see https://' pw doctor --list
check 'each has an id, a title, a description and references' bash -c '"$0" doctor --list --json |
	jq -e ".checks | length > 5 and all(.id and .title and .description and (.references | length > 0))"' "$PORTWALL"
check 'no id twice' bash -c '"$0" doctor --list --json | jq -e "[.checks[].id] | length == (unique | length)"' "$PORTWALL"

# -- JSON
check 'findings, as docs/doctor.md lists them' jq_is '.findings[0] | .id == "nat-source.POSTROUTING-1" and
	.check == "nat-source" and .severity == "broken" and .netns == "" and .owner.name == "Docker"'
check 'proofs' jq_is '.findings[0].proofs[0] | .kind == "rule" and (.text | startswith("-A POSTROUTING"))'
check 'fixes, one of them recommended' jq_is '.findings[0].fixes | map(select(.recommended)) | length == 1 and .[0].name == "guard" and .[0].applicable'
check 'each fix says what was proved, and its way back' jq_is 'all(.findings[].fixes[]; .proved and .commands and (.undo | type == "string"))'
check 'the witness is a report of explain' jq_is '.findings[0].witness.final == "rewritten" or .findings[0].witness.verdict'
check 'how much was looked at' jq_is '.ports == 2 and .checks > 5 and (.cannot_tell | type == "array")'

# -- rulesets without a host
printf '*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n' > a.save
says 'bare rules say nothing about ports' 0 '0 ports of machines: healthy' pw doctor --snapshot a.save spoof-after-accept tap-without-chains published-port-open
says 'rules for ports are not left over where there are no devices to see' 0 'healthy' pw doctor --snapshot a.save chains-without-tap

pw doctor --list --json | jq -r '.checks[].id' >listed
sed -n 's/^| `\([a-z0-9-]*\)` | .*/\1/p' "$(dirname "$SELF")/../../docs/doctor.md" | sed -n '/^nat-source$/,/^dead-rules$/p' >described
same 'docs/doctor.md has the same checks in the same order' listed described

# -- wrong usage
says 'a check that there is not, and the nearest' 2 'there is no check "nat-sorce"' doctor nat-sorce
says 'the nearest is told' 2 'did you mean nat-source\?' doctor nat-sorce
says 'and before a host is read' 2 'there is no check "nat-sorce"' pw doctor --snapshot /no/such.pws nat-sorce
says 'a snapshot that is not there' 1 'cannot open /no/such\.pws' pw doctor --snapshot /no/such.pws
says 'a snapshot that is none' 2 'neither a snapshot nor' pw doctor --snapshot "$SELF"
says 'a snapshot cannot be fixed' 2 'a snapshot cannot be fixed' doctor --fix
says 'nor undone' 2 'a snapshot cannot be fixed' doctor --undo
says 'nor kept' 2 'a snapshot cannot be fixed' doctor --keep
says '--fix and --undo at once' 2 'exclude each other' pw doctor --fix --undo
says '--list and --keep at once' 2 'exclude each other' pw doctor --list --keep
says '--confirm alone' 2 '--confirm is for --fix' pw doctor --confirm 5
says '--confirm with --undo' 2 '--confirm is for --fix' pw doctor --undo --confirm 5
says '--confirm without a number' 2 'must be whole seconds, 1 to 86400' pw doctor --fix --confirm soon
says '--confirm 0' 2 'must be whole seconds, 1 to 86400' pw doctor --fix --confirm 0
says '--dry-run alone' 2 '--dry-run is for --fix and --undo' pw doctor --dry-run
says 'an option that there is not' 2 'portwall doctor --help' pw doctor --repair
says 'help' 0 '^Usage: portwall doctor' pw doctor --help
tap_done
