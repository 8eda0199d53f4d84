#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# portwall explain as a user meets it: verdicts, exit codes, forms of output, bad input.
#
#     vm1 eth0 --- tap1 +-- br0 --+ tap2 --- eth0 vm2     (guests in namespaces of their own)
set -u
if [ "${1-}" != inside ]; then
	exec unshare --net --mount "$0" inside
fi
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
PORTWALL=$(realpath "$PORTWALL")
mount -t tmpfs tmpfs /run
DIR=/run/explain
mkdir $DIR
cd $DIR || exit 1
export PORTWALL_RUN_DIR=$DIR/run NO_COLOR=1
pw() { "$PORTWALL" "$@"; }

ip link set lo up
sysctl -q net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0
ip link add br0 type bridge forward_delay 0 mcast_snooping 0
for i in 1 2; do
	ip netns add "guest$i"
	ip link add "tap$i" type veth peer name "vm$i" netns "guest$i"
	ip link set "tap$i" master br0 up
	ip -n "guest$i" link set "vm$i" address "fa:16:3e:00:00:0$i" up
	ip -n "guest$i" addr add "10.0.0.$i/24" dev "vm$i"
	bridge fdb add "fa:16:3e:00:00:0$i" dev "tap$i" master static
done
ip link set br0 up
ip netns exec guest2 python3 -c '
import socket, time
listening = [socket.create_server(("0.0.0.0", port)) for port in (22, 80)]
open("ready", "w").close()
time.sleep(300)' &
listener=$!
trap 'kill $listener' EXIT
until [ -e ready ]; do sleep 0.02; done
cat > policy.yaml <<'YAML'
security_groups:
  - name: web
    security_group_rules:
      - {direction: ingress, protocol: tcp, port_range_min: 80, port_range_max: 80}
      - {direction: egress, ethertype: IPv4}
ports:
  - {name: vm1, device: tap1, mac_address: "fa:16:3e:00:00:01", fixed_ips: [10.0.0.1], security_groups: [web]}
  - {name: vm2, device: tap2, mac_address: "fa:16:3e:00:00:02", fixed_ips: [10.0.0.2], security_groups: [web]}
YAML

# -- before and after a policy
says 'without a policy all passes' 0 '^delivered' pw explain --in tap1 --brief tcp 10.0.0.1:4000 10.0.0.2:22
pw apply --fix-sysctl policy.yaml >/dev/null
says 'what a group allows is delivered' 0 '^delivered' pw explain --in tap1 --brief tcp 10.0.0.1:4000 10.0.0.2:80
says 'what no group allows is dropped, exit 3' 3 '^dropped at tap2: no rule of the security groups of port tap2 lets in tcp to port 22 from 10.0.0.1' pw explain --in tap1 --brief 'tcp 10.0.0.1:4000 10.0.0.2:22'
pw explain --in tap1 tcp 10.0.0.1:4000 10.0.0.2:22 > text
check 'the rule is named with its chain' grep -q 'decided by rule 1 of chain neutron-openvswi-sg-fallback, table filter (iptables, line [0-9]* of what it lists)' text
check 'as it is written' grep -q -- '-j DROP$' text
check 'and whose it is' grep -q 'whose it is: portwall' text
check 'and the way there' grep -q 'chain  *tap2 .* FORWARD 2 > .* > neutron-openvswi-sg-fallback 1$' text
check 'and what to change, as a line of the policy' grep -qxF '      - {direction: ingress, ethertype: IPv4, protocol: tcp, port_range_min: 22, port_range_max: 22, remote_ip_prefix: "10.0.0.1/32"}' text
check 'and what of the packet did not matter' grep -q 'any source port.*: the same answer$' text
says 'a foreign source is dropped before the bridge learns it' 3 '^dropped' pw explain --in tap1 --brief tcp 10.0.0.1:1 10.0.0.2:80 mac 02:00:00:00:00:99 '>' fa:16:3e:00:00:02
says 'a foreign address lacks an allowed address pair' 3 'allowed_address_pairs: \[\{ip_address: "10.0.0.9", mac_address: "fa:16:3e:00:00:01"\}\]' pw explain --in tap1 tcp 10.0.0.9:1 10.0.0.2:80 mac fa:16:3e:00:00:01 '>' fa:16:3e:00:00:02
says 'a foreign address is dropped by the anti-spoof chain' 3 'rule 2 of chain neutron-openvswi-s' pw explain --in tap1 tcp 10.0.0.9:1 10.0.0.2:80 mac fa:16:3e:00:00:01 '>' fa:16:3e:00:00:02
says 'a port that nobody listens at' 3 'no socket takes it' pw explain --in tap1 --brief --state established tcp 10.0.0.1:4000 10.0.0.2:23
says 'what depends on an open part cannot be told, and by which rule' 5 '^cannot tell: in one case it is .*; it depends on whether rule [0-9]* of chain .*left open: ' pw explain --in tap1 --brief tcp 10.0.0.1:any 10.0.0.2:any
says 'and an open part that decides nothing is none' 0 '^delivered' pw explain --in tap1 --brief tcp 10.0.0.1:any 10.0.0.2:80
says 'an established flow passes' 0 '^delivered' pw explain --in tap1 --brief --state established tcp 10.0.0.1:4000 10.0.0.2:22
says 'the reply is walked, too' 0 '^reply delivered' pw explain --in tap1 --brief --reply tcp 10.0.0.1:4000 10.0.0.2:80
says 'what is dropped has no reply, and says so behind the verdict' 3 '^no reply: ' pw explain --in tap1 --reply --brief tcp 10.0.0.1:4000 10.0.0.2:22
ip link set tap2 type bridge_slave isolated on
ip link set tap1 type bridge_slave isolated on
says 'the flag that keeps two ports apart is named' 3 'bridge link set dev tap[12] isolated off' pw explain --in tap1 tcp 10.0.0.1:4000 10.0.0.2:80
says 'what is no rule has its reason' 3 '"drop_reason": "bridge-isolated"' pw explain --in tap1 --json tcp 10.0.0.1:4000 10.0.0.2:80
ip link set tap1 type bridge_slave isolated off

# -- NAT: the rule that maps a new flow is named, and none for a flow that is mapped already
iptables -t nat -A POSTROUTING -s 10.0.0.1 -p tcp -j SNAT --to-source 10.0.0.7:777
says 'a rewritten packet is told, source port too' 4 'its source 10.0.0.1 becomes 10.0.0.7; its source port 4000 becomes 777' pw explain --in tap1 --brief tcp 10.0.0.1:4000 10.0.0.2:80
check 'and the rule that does it' jq -e '.rewritten_by[0].text | contains("--to-source 10.0.0.7:777")' <(pw explain --in tap1 --json tcp 10.0.0.1:4000 10.0.0.2:80)
says 'and the rule that would spare it' 4 'iptables -t nat -I POSTROUTING 1 -o br0 -j RETURN' pw explain --in tap1 tcp 10.0.0.1:4000 10.0.0.2:80
iptables -t nat -I POSTROUTING 1 -o br0 -j RETURN
says 'which is true' 0 '^delivered' pw explain --in tap1 --brief tcp 10.0.0.1:4000 10.0.0.2:80
iptables -t nat -F POSTROUTING

# -- JSON, and a file in place of the host
pw explain --in tap1 --json tcp 10.0.0.1:4000 10.0.0.2:22 > live.json
check 'JSON has verdict, rule and owner' jq -e '.verdict == "dropped" and .drop_reason == "rule" and
	.decided_by.chain == "neutron-openvswi-sg-fallback" and .decided_by.rule == 1 and .decided_by.owner == "portwall"' live.json
check 'and the fields that mattered' jq -e '.fields | index("dport") and index("physdev_out") and (index("sport") | not)' live.json
check 'and the path from the tap on' jq -e '.path[0].kind == "received" and .path[0].device == "tap1" and .path[-1].kind == "end"' live.json
pw snapshot -o host.pws > /dev/null
says 'a snapshot gives the same answer' 3 '' pw explain --snapshot host.pws --in tap1 --json tcp 10.0.0.1:4000 10.0.0.2:22
check 'to the letter' test "$(jq -S 'del(.. | .note?)' live.json)" = "$(pw explain --snapshot host.pws --in tap1 --json tcp 10.0.0.1:4000 10.0.0.2:22 | jq -S 'del(.. | .note?)')"
iptables-save -c > rules.save
says 'a bare ruleset says that it has no devices, and where some are' 2 'portwall snapshot -o FILE' pw explain --snapshot rules.save --in tap1 tcp 10.0.0.1:4000 10.0.0.2:22

says 'rulesets come through pipes, too' 2 'has rules only' pw explain --snapshot <(cat rules.save) --in tap1 tcp 10.0.0.1:4000 10.0.0.2:22
says 'and several' 2 'has rules only' pw explain --snapshot <(cat rules.save) --snapshot <(ip6tables-save) --in tap1 tcp 10.0.0.1:4000 10.0.0.2:22

# -- many packets
cat > packets.jsonl <<'JSONL'
{"in": "tap1", "packet": "tcp 10.0.0.1:4000 10.0.0.2:22", "id": "ssh"}

{"in": "tap1", "packet": "tcp 10.0.0.1:4000 10.0.0.2:80"}
{"in": "tap1", "packet": "tcp 10.0.0.1:4000 10.0.0.2:80", "state": "established"}
JSONL
says 'each line has its answer; the worst is the exit code' 3 '"line":1,"id":"ssh"' pw explain -s host.pws --packets packets.jsonl
check 'in the order of the lines' test "$(pw explain -s host.pws --packets packets.jsonl | jq -c '[.line, .verdict]' | tr '\n' ' ')" = '[1,"dropped"] [3,"delivered"] [4,"delivered"] '
check 'a place on the command line is that of all lines' jq -e '.verdict == "delivered"' <(echo '{"packet": "tcp 10.0.0.1:4000 10.0.0.2:80"}' | pw explain -s host.pws --in tap1 --packets -)
{
	echo '{"packet": "tcp 10.0.0.1:4000 10.0.0.2:80", "in": "tap3"}'
	echo '{"paket": "x"}'
	echo 'tcp'
	echo '[]'
	head -c 70000 /dev/zero | tr '\0' x
	echo
	echo '{"in": "tap1", "packet": "tcp 10.0.0.1:4000 10.0.0.2:80"}'
} > wrong.jsonl
says 'wrong lines do not keep the others from their answers' 2 '"verdict":"delivered".*"line":6' pw explain -s host.pws --packets wrong.jsonl
says 'and are counted' 2 '5 of 6 lines are wrong' pw explain -s host.pws --packets wrong.jsonl
says 'an unknown key: the nearest is named' 2 'did you mean \\"packet\\"' pw explain -s host.pws --packets wrong.jsonl
says 'a line that is no JSON: the column' 2 '"line":3,"error":"column 3: ' pw explain -s host.pws --packets wrong.jsonl
says 'a folder in place of packets' 2 'cannot read nowhere: Is a directory' sh -c "mkdir nowhere && '$PORTWALL' explain -s host.pws --packets nowhere"
says 'a file that is not there' 2 'cannot open nosuch.jsonl' pw explain -s host.pws --packets nosuch.jsonl
says 'a packet beside a file of packets' 2 'portwall explain --help' pw explain -s host.pws --packets packets.jsonl icmp 1.1.1.1 2.2.2.2
says 'no packet at all' 2 'which packet' pw explain -s host.pws --in tap1

# -- drawings
pw explain -s host.pws --in tap1 --dot tcp 10.0.0.1:4000 10.0.0.2:22 > path.dot
check 'Graphviz takes the drawing' dot -Tsvg -o path.svg path.dot
check 'it has the guest, the tap and the bridge' grep -qz 'A  guest.*B  tap1.*br0' path.dot
check 'and the rule that decided' grep -q 'chain neutron-openvswi-sg-fallback rule 1' path.dot
says 'SVG is made by Graphviz' 3 '</svg>' pw explain -s host.pws --in tap1 --svg tcp 10.0.0.1:4000 10.0.0.2:22
says 'a drawing is no JSON, brief or not' 2 'exclude each other' pw explain -s host.pws --in tap1 --dot --json --brief tcp 10.0.0.1:4000 10.0.0.2:22
says 'one form at a time' 2 'exclude each other' pw explain -s host.pws --in tap1 --svg --json tcp 10.0.0.1:4000 10.0.0.2:22
# -- guests by their names: as qemu's command line tells them; no other run of this test has this one
name=instance-$(printf %08x $$)
uuid=6f70656e-7374-6163-6b20-$(printf %012x $$)
mkfifo hold
(exec -a qemu-system-x86_64 bash -c 'read -r _ < hold; :' -name guest="$name",debug-threads=on \
	-uuid "$uuid" -netdev tap,ifname=tap1,id=n0 -device virtio-net-pci,netdev=n0,mac=fa:16:3e:00:00:01) &
guest=$!
trap 'kill $listener $guest' EXIT
until grep -qz "$name" /proc/$guest/cmdline; do sleep 0.02; done
says 'a guest is found by its name' 3 '^dropped' pw explain --in "$name" --brief tcp 10.0.0.1:4000 10.0.0.2:22
says 'and by its UUID' 3 '^dropped' pw explain --in "$uuid" --brief tcp 10.0.0.1:4000 10.0.0.2:22
pw snapshot -o guest.pws > /dev/null
says 'a snapshot knows it, too' 3 '^dropped' pw explain --snapshot guest.pws --in "$name" --brief tcp 10.0.0.1:4000 10.0.0.2:22

# -- Open vSwitch in user space: nothing in the kernel shows it
cp "$(command -v sleep)" ovs-vswitchd
./ovs-vswitchd 1000 &
switch=$!
trap 'kill $listener $guest $switch' EXIT
until grep -q vswitchd /proc/$switch/comm; do sleep 0.02; done
OVS_RUNDIR=$DIR/nowhere says 'an Open vSwitch whose database is elsewhere is unread' 0 'ovs ports: .*db.sock: No such file.*OVS_RUNDIR' pw snapshot --own-namespace -o switch.pws
kill $switch
trap 'kill $listener $guest' EXIT

# -- where a snapshot is written to
mknod full c 1 7
ln -s host.pws link.pws
says 'a device is written to, not replaced' 1 'cannot write to full: No space left' pw snapshot --own-namespace -f -o full
check 'and stays a device' test -c full
says 'and needs no --force' 0 'full.null: 1 network namespace' sh -c "mknod full.null c 1 3 && '$PORTWALL' snapshot --own-namespace -o full.null"
says 'a link is no new name' 1 'link.pws is there already' pw snapshot --own-namespace -o link.pws
cp host.pws kept.pws
ln -sf kept.pws link.pws
pw snapshot --own-namespace -f -o link.pws >/dev/null
check 'what a link leads to is replaced, and the link stays' sh -c 'test -L link.pws && ! cmp -s kept.pws host.pws'

# -- rulesets
check 'a save comes back to the letter' cmp rules.save <(pw ruleset rules.save)
says 'all of it is understood' 0 'rules.save: iptables, ([0-9]+) rules, \1 understood' pw ruleset --check rules.save
printf '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m recent --name x --rcheck -j DROP\nCOMMIT\n' > recent.save
says 'what is not understood is listed, exit 5' 5 'recent.save:3: .*recent' pw ruleset --check recent.save
printf '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 10.0.0.1/8 -j\nCOMMIT\n' > bad.save
says 'a bad line is named' 2 'bad.save:3:' pw ruleset bad.save
printf 'table ip t {\n\tchain c {\n' > bad.nft
says 'of nft, too: line and column' 2 'bad.nft:2:2: the text ends inside of a chain' pw ruleset bad.nft
printf 'create a hash:ip\nadd a 10.0.0.300\n' > bad.ipset
says 'and of ipset' 2 'bad.ipset:2:7: 10.0.0.300 is no member of set a' pw ruleset bad.ipset

# -- bad input
says 'without a place to start it says how' 2 'explain: where does the packet start' pw explain tcp 10.0.0.1:1 10.0.0.2:2
says 'an unknown device: the nearest is named' 2 'did you mean tap1' pw explain --in tab1 tcp 10.0.0.1:1 10.0.0.2:2
says 'a bad packet: the place is shown' 2 '\^' pw explain --in tap1 tcp 10.0.0.300:1 10.0.0.2:2
says 'two families in one packet' 2 '.' pw explain --in tap1 tcp 10.0.0.1:1 '[2001:db8::2]:2'
says 'an unknown state' 2 'must be new, established' pw explain --in tap1 --state old tcp 10.0.0.1:1 10.0.0.2:2
says 'a file that is not there' 1 'nosuch.pws' pw explain --snapshot nosuch.pws --in tap1 tcp 10.0.0.1:1 10.0.0.2:2
head -c 200 host.pws > cut.pws
# name, exit code, pattern, command...: the message, its lines joined, has the pattern; nothing is on standard output
refuses() {
	local name=$1 code=$2 pattern=$3 status
	shift 3
	"$@" > refused.out 2> refused.err
	status=$?
	# shellcheck disable=SC2016 # expanded by the inner shell
	check "$name" sh -c 'test "$1" = "$2" && tr "\n" " " < refused.err | grep -qE -e "$3" || { cat refused.err; exit 1; }' - "$status" "$code" "$pattern"
	check "$name: nothing is half printed" test ! -s refused.out
}
flow=(tcp 10.0.0.1:1 10.0.0.2:2)
zcat host.pws > host.json
refuses 'a device that no name is near: what there is is listed' 2 'no device or guest xyzzyxyzzy.*its devices are .*br0' pw explain --in xyzzyxyzzy "${flow[@]}"
refuses 'a port of a protocol that has none' 2 'this protocol has no ports' pw explain --in tap1 icmp 10.0.0.1:5 10.0.0.2
refuses 'a port of any protocol' 2 'say tcp or udp in place of any' pw explain --in tap1 any 10.0.0.1:5 10.0.0.2
refuses 'an IPv4 and an IPv6 address' 2 'different families.*both must be IPv4, or both IPv6' pw explain --in tap1 tcp 10.0.0.1 fe80::1
refuses 'ICMPv6 with IPv4 addresses' 2 'ICMPv6 is of IPv6 only.*say icmp' pw explain --in tap1 icmpv6 10.0.0.1 10.0.0.2
refuses 'a type of the other ICMP' 2 'of the other ICMP' pw explain --in tap1 icmp 10.0.0.1 10.0.0.2 neighbour-solicitation
refuses 'a type that is misspelt' 2 'did you mean router-advertisement' pw explain --in tap1 icmp 10.0.0.1 10.0.0.2 router-advertisment
refuses 'ARP of IPv6' 2 'ARP is of IPv4 only' pw explain --in tap1 arp fe80::1 fe80::2
refuses 'no protocol' 2 'the protocol comes first' pw explain --in tap1 10.0.0.1:5 10.0.0.2:80
refuses 'a list of two families' 2 'famil' pw explain --in tap1 tcp 10.0.0.0/24,2001:db8::/32 10.0.0.2:80
refuses 'a set of nothing' 2 'none|no packet|nothing' pw explain --in tap1 tcp '!0.0.0.0/0' 10.0.0.2:80
refuses 'a set of ARP' 2 'ARP' pw explain --in tap1 --every arp any 10.0.0.2
refuses 'the reply of a set' 2 'are of one packet' pw explain --in tap1 --reply tcp 10.0.0.0/24 10.0.0.2:80
refuses '--every with --packets' 2 'exclude each other' pw explain --every --packets /dev/null
says 'a set in a line of --packets is an error of that line' 2 'more than one address' pw explain --packets <(echo '{"in": "tap1", "packet": "tcp 10.0.0.0/24 10.0.0.2"}')
refuses 'a port as an option' 2 'a port stands behind its address' pw explain --in tap1 tcp 10.0.0.1 10.0.0.2 dport 80
refuses 'a MAC alone' 2 'with quotes because of the shell' pw explain --in tap1 "${flow[@]}" mac fa:16:3e:00:00:01
refuses 'a fragment that is two' 2 'first-frag. or a later one' pw explain --in tap1 "${flow[@]}" frag first-frag
refuses 'a place without a name' 2 'in has no name' pw explain --in '' "${flow[@]}"
refuses 'the beginning of names' 2 'no device or guest ta.*did you mean tap|no device or guest ta.*begin so' pw explain --in ta "${flow[@]}"
says 'a set is answered by parts' 3 'for example tcp 10\.0\.0\.' pw explain --in tap1 tcp 10.0.0.1 10.0.0.0/24:any
says 'the parts as JSON' 0 '^true$' sh -c '"$PORTWALL" explain --snapshot host.pws --in tap1 --json tcp any 10.0.0.0/24:!22 | python3 -c "
import json, sys
told = json.load(sys.stdin)
parts = told[\"parts\"]
print(str(told[\"asked\"].startswith(\"tcp any:any 10.0.0.0/24:!22\") and all(p[\"packets\"] and p[\"example\"] and p[\"words\"] for p in parts)).lower())"'
says 'any is every value with --every' 5 'it depends on the packet|all of it ends alike' pw explain --in tap1 --every tcp any any
says 'icmp6, as nft calls it' 3 '^dropped' pw explain --in tap1 --brief icmp6 fe80::1 fe80::2
says 'a state in capitals' 0 '^delivered' pw explain --in tap1 --brief --state ESTABLISHED tcp 10.0.0.1:4000 10.0.0.2:22
refuses 'a device of another namespace' 2 'the network namespace guest1 has no device tap1' pw explain --netns guest1 --in tap1 "${flow[@]}"
says 'a device of a namespace that is named' 3 '^dropped at vm1 .guest1.' pw explain --netns guest1 --in vm1 --brief tcp 10.0.0.2:1 10.0.0.1:2
refuses 'flags of what is no TCP' 2 'only TCP has flags.*say tcp' pw explain --in tap1 udp 10.0.0.1:1 10.0.0.2:2 syn
refuses 'a VLAN that cannot be' 2 'is no VLAN id' pw explain --in tap1 "${flow[@]}" vlan 4095
refuses 'a place to start, twice' 2 'where does the packet start' pw explain --in tap1 --out-of-process "${flow[@]}"
refuses 'a snapshot where a ruleset belongs' 2 'host.pws: it is packed .gzip.*portwall explain --snapshot FILE' pw ruleset host.pws
refuses 'JSON where a ruleset belongs' 2 'host.json:1:1: this is no text of iptables-save.*portwall explain --snapshot FILE' pw ruleset host.json
refuses 'a folder where a ruleset belongs' 2 'cannot read' pw ruleset "$PWD"
refuses 'a file that is there already' 1 'host.pws is there already.*--force' pw snapshot -o host.pws
: > empty.pws
refuses 'an empty file' 2 'empty.pws.*portwall snapshot' pw explain --snapshot empty.pws --in tap1 "${flow[@]}"
head -c 100000 /dev/urandom > noise.pws
refuses 'noise' 2 'noise.pws' pw explain --snapshot noise.pws --in tap1 "${flow[@]}"
head -c 3000 host.json > cut.json
tar -cf sos.tar host.json
refuses 'a sosreport that is still packed' 2 'sos.tar: it is an archive.*the folder that holds sos_commands' pw explain --snapshot sos.tar --in tap1 "${flow[@]}"
gzip -k sos.tar
refuses 'and packed twice' 2 'sos.tar.gz: it is an archive' pw explain --snapshot sos.tar.gz --in tap1 "${flow[@]}"
(cat host.pws; echo more) > behind.pws
refuses 'a snapshot with garbage behind it' 2 'behind.pws: there is more behind the end of its packing .gzip.: 5 bytes' pw explain --snapshot behind.pws --in tap1 "${flow[@]}"
refuses 'JSON that was cut: line and column' 2 'cut.json:[0-9]+:[0-9]+: .*copy it again' pw explain --snapshot cut.json --in tap1 "${flow[@]}"
python3 -c 'print("{\"a\":" + "[" * 100000)' > deep.json
refuses 'JSON that is nested without end' 2 'deep.json:1:[0-9]+: it is nested too deeply' pw explain --snapshot deep.json --in tap1 "${flow[@]}"
head -c 600000000 /dev/zero | gzip -1 > bomb.pws
refuses 'a small file that unpacks to a huge one' 2 'bomb.pws: it unpacks to more than' pw explain --snapshot bomb.pws --in tap1 "${flow[@]}"
rm bomb.pws
echo '{"format": "something else"}' > other.json
refuses 'JSON of something else' 2 'other.json: it is JSON, but no snapshot.*portwall snapshot' pw explain --snapshot other.json --in tap1 "${flow[@]}"
jq '.version = 99' host.json > newer.json 2>/dev/null
refuses 'a snapshot of a later version' 2 'its version is 99' pw explain --snapshot newer.json --in tap1 "${flow[@]}"
jq '.host.netns = 5' host.json > odd.json 2>/dev/null
refuses 'a value that cannot be is told by its place' 2 'odd.json:[0-9]+:[0-9]+: netns: must be a list.*docs/snapshot.md' pw explain --snapshot odd.json --in tap1 "${flow[@]}"
mkdir -p nothing
refuses 'a directory that is no sosreport' 1 'nothing: it is not a sosreport.*give the folder' pw explain --snapshot nothing --in tap1 "${flow[@]}"
jq '.host.netns[0].links[3].mtu = "big"' host.json > odd.json 2>/dev/null
refuses 'and by its line and column' 2 "odd.json:$(grep -n '"mtu": "big"' odd.json | cut -d: -f1):[0-9]+: netns.0..links.3..mtu: must be a whole number from 0 to 4294967295" pw explain --snapshot odd.json --in tap1 "${flow[@]}"
refuses 'two snapshots' 2 'host.pws' pw explain --snapshot host.pws --snapshot host.json --in tap1 "${flow[@]}"
refuses 'what is no place of a file' 1 'cannot open no/such' pw explain --snapshot no/such --in tap1 "${flow[@]}"
says 'a file that was cut' 2 'cut.pws' pw explain --snapshot cut.pws --in tap1 tcp 10.0.0.1:1 10.0.0.2:2
says 'a namespace that is misspelt' 2 'no network namespace guset1; did you mean guest1' pw explain --out-of-process --netns guset1 tcp 10.0.0.1:1 10.0.0.2:2
says 'an unknown namespace: what there is' 2 'there are .*guest1' pw explain --out-of-process --netns nowhere tcp 10.0.0.1:1 10.0.0.2:2
says 'an unknown namespace' 2 'no network namespace nowhere' pw explain --out-of-process --netns nowhere tcp 10.0.0.1:1 10.0.0.2:2
says 'help tells the exit codes' 0 '5 it cannot be told' pw explain --help
tap_done
