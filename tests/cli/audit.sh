#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# portwall audit as a user meets it: the page, exit codes, forms of output, bad input. Needs no root.
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
PORTWALL=$(realpath "$PORTWALL")
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
cd "$DIR" || exit 1
export NO_COLOR=1
pw() { "$PORTWALL" "$@"; }

cat > a.save <<'SAVE'
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:web - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -s 10.0.0.0/8 -p tcp --dport 22 -j ACCEPT
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i eth1 -s 10.0.0.0/8 -j web
-A web -p tcp --dport 80 -m limit --limit 3/s -j ACCEPT
-A web -p tcp --dport 443 -j ACCEPT
COMMIT
SAVE
sed 's/--dport 443/--dport 444/' a.save > b.save
sed '/^-A web -p tcp --dport 443/a -A web -s 10.2.0.0/16 -p tcp --dport 443 -j DROP' a.save > dead.save
printf 'table inet f {\n\tchain in {\n\t\ttype filter hook input priority 0; policy drop;\n\t\tip saddr 10.0.0.0/8 accept\n\t\tip6 saddr fd00::/8 tcp dport 22 accept\n\t}\n}\n' > both.nft

# -- the page
says 'nothing found: exit 0' 0 'IPv4 rules that can never match: none of 6' pw audit a.save
says 'the classes are told' 0 '^  B  10\.0\.0\.0/8$' pw audit a.save
says 'who comes in by an interface' 0 '^  eth1: 10\.0\.0\.0/8$' pw audit --chain forward a.save
says 'a dead rule with the one that shadows it: exit 3' 3 'rule 3 of filter web \(line 11\): -A web -s 10\.2\.0\.0/16' pw audit dead.save
says 'the one that shadows it' 3 'rule 2 of filter web \(line 10\): -A web -p tcp -m tcp --dport 443 -j ACCEPT' pw audit dead.save
says 'standard input' 0 'none of 6' bash -c '"$0" audit - < a.save' "$PORTWALL"
says 'another service' 0 '^udp/53: nobody reaches anybody' pw audit --chain filter/FORWARD --service udp/53 a.save
says 'a service that depends on what nobody can compute is "some"' 0 '~ something' pw audit --chain forward --service tcp/80 a.save
says 'nft, both families' 0 'IPv6 to this host' pw audit both.nft
says 'one family' 0 '^  A  fd00::/8|^  B  fd00::/8' pw audit --family ipv6 both.nft

# -- certificates
says 'an interface is certain' 0 'eth1: certain' pw audit --assign eth1=10.0.0.0/8 --chain forward a.save
says 'or not, with a witness: exit 3' 3 'such as tcp 10\.128\.0\.0:' pw audit --assign eth1=10.0.0.0/9 --chain forward a.save

# -- fffuu's question: interfaces may be any, but lo's addresses are its own
synology=$GOLDEN/audit/synology.save
says 'as fffuu asks: from 127.0.0.0/8' 0 '^  B  127\.0\.0\.0/8$' pw audit --as-fffuu --chain filter/INPUT --service tcp/80 "$synology"
says 'exactly: from lo, whoever it is' 3 '^tcp/80: everybody may reach everybody' pw audit --chain filter/INPUT --service tcp/80 "$synology"
says 'an interface that has addresses stands for them' 0 '^  A  0\.0\.0\.0-126' pw audit --as-fffuu --assign lo=127.0.0.0/8 --chain filter/INPUT "$synology"
says 'its interfaces do not matter' 0 '^tcp/22, tcp/80: everybody reaches everybody' pw audit --as-fffuu "$GOLDEN/audit/sqrl2014.save"
says 'of one base chain' 2 'TABLE/CHAIN' pw audit --as-fffuu --chain forward a.save
says 'and of rules that it knows' 2 'not a target that fffuu knows' pw audit --as-fffuu --chain mangle/FORWARD "$GOLDEN/audit/sqrl2014.save"
says 'of IPv4 alone' 2 'is one question about IPv4' pw audit --as-fffuu --family ipv6 a.save

# -- two rulesets
says 'the same: exit 0' 0 'through this host \(forward\): the same packets pass' pw audit --against a.save a.save
pw audit --against a.save b.save > differ
ok 'different: exit 3' $(($? != 3))
check 'both ways' grep -q '^  a.save passes, b.save does not' differ
check 'as sets' grep -q '^    IPv4 in eth1 src 10.0.0.0/8 ct_state not established,related proto tcp dport 443$' differ
check 'with a witness' grep -q 'such as tcp 10.0.0.1:40000 > 10.0.0.2:444 new' differ
check 'with the rule that decides on each side' grep -q 'a.save: dropped by the policy of filter FORWARD: policy DROP' differ

# -- other forms
pw audit --json dead.save > dead.json
ok 'JSON has the same exit code' $(($? != 3))
check 'and is JSON' python3 -c '
import json
page = json.load(open("dead.json"))["families"][0]
assert page["dead"][0]["rule"]["number"] == 3 and page["dead"][0]["by"][0]["number"] == 2
assert {p["hook"] for p in page["places"]} == {"input", "forward"}'
pw audit --against a.save --json b.save > differ.json
check 'of differences too' python3 -c '
import json
page = json.load(open("differ.json"))["differences"][0]
found = [d for p in page["places"] for d in p["differences"]]
assert {d["passed_by"] for d in found} == {"a.save", "b.save"} and all(d["certain"] for d in found)'
says 'a drawing for Graphviz' 0 '^digraph matrix' pw audit --dot --chain forward a.save
if command -v dot >/dev/null; then
	says 'or as SVG' 0 '<svg' pw audit --svg --chain forward --family ipv4 a.save
fi

# -- what is not known
sed 's/-j ACCEPT/-j STRANGE/' a.save > strange.save
says 'a target that is not modelled: exit 5' 5 'Not known: what becomes of packets here' pw audit strange.save

# -- bad input
says 'no such file' 1 'cannot open missing' pw audit missing
echo hello > hello
says 'no ruleset' 2 'neither a snapshot nor' pw audit hello
: > empty
says 'an empty file' 2 'it is empty' pw audit empty
sed 's/^-A INPUT -i lo.*/-A INPUT -i/' a.save > bad.save
says 'a wrong rule has its line' 2 'portwall: bad.save:5:' pw audit bad.save
says 'rules of another family' 2 'there are no rules for ipv6' pw audit --family ipv6 a.save
says 'an unknown chain, and which there are' 2 'base chains are filter/INPUT, filter/FORWARD' pw audit --chain filter/NONE a.save
says 'a chain that is called is no base chain' 2 'no base chain' pw audit --chain filter/web a.save
says 'a wrong service' 2 'service tcp/99999: must be' pw audit --service tcp/99999 a.save
says 'a protocol without ports' 2 'service icmp/8: must be' pw audit --service icmp/8 a.save
says 'a wrong assignment' 2 'must be IFACE=PREFIX' pw audit --assign eth1 a.save
says 'a wrong prefix' 2 'x is no prefix' pw audit --assign eth1=x a.save
says 'a wrong family' 2 'must be ipv4 or ipv6' pw audit --family ipv5 a.save
says 'forms exclude each other' 2 'exclude each other' pw audit --json --svg a.save
says 'differences have no services' 2 'only says what differs' pw audit --against a.save --service tcp/1 a.save
says 'a namespace that is not there' 2 'no network namespace' pw audit --netns x a.save
tap_done
