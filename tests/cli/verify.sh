#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# portwall verify as a user meets it: a policy is applied in a network namespace of its own and holds; somebody breaks it,
# and verify names what is broken, by which rule and whose; it is mended and holds again. PORTWALL is the program.
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
pw() { "$PORTWALL" "$@"; }

mount -t sysfs sysfs /sys # of this namespace
ip link set lo up
sysctl -q net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0
ip link add br0 type bridge forward_delay 0
for i in tap1 tap2 up0; do
	ip link add "$i" type veth peer name "$i-peer"
	ip link set "$i" master br0 up
done
ip link set br0 up

cat > good.yaml <<'YAML'
security_groups:
  - name: web
    security_group_rules:
      - {direction: ingress, protocol: tcp, port_range_min: 80, port_range_max: 80}
      - {direction: ingress, protocol: tcp, port_range_min: 22, port_range_max: 22, remote_ip_prefix: 192.0.2.0/24}
      - {direction: ingress, protocol: tcp, port_range_min: 5432, port_range_max: 5432, remote_group: web}
      - {direction: egress, ethertype: IPv4}
      - {direction: egress, ethertype: IPv6}
ports:
  - {name: vm1, device: tap1, mac_address: "fa:16:3e:00:00:01", fixed_ips: [10.0.0.1, "2001:db8::1"], security_groups: [web]}
  - {name: vm2, device: tap2, mac_address: "fa:16:3e:00:00:02", fixed_ips: [10.0.0.2], security_groups: [web]}
YAML
sed 's/min: 80, port_range_max: 80/min: 80, port_range_max: 81/' good.yaml > wider.yaml
sed 's/tap2/tap9/' good.yaml > missing.yaml
sed 's/protocol: tcp, port_range_min: 80/protocl: tcp, port_range_min: 80/' good.yaml > typo.yaml

# -- words and exit codes
says '--help tells exit codes and examples' 0 '3 different' pw verify --help
says 'without anything applied it tells what to do' 1 'portwall apply FILE' pw verify
says 'a typing error is shown with its place' 2 'typo.yaml:4:30' pw verify typo.yaml
says 'a policy that is not there is refused' 2 'cannot open nowhere.yaml' pw verify nowhere.yaml
says 'two policies are refused' 2 'takes \[POLICY\]' pw verify good.yaml wider.yaml
says 'a snapshot without a policy is refused' 2 'a snapshot has no policy' pw verify --snapshot x.pws
says 'a policy and another host are refused' 2 'exclude each other' pw verify --against x.pws good.yaml
says 'a snapshot that is not there fails' 1 'nowhere.pws' pw verify --against nowhere.pws
echo '{}' > empty.pws
says 'a file that is no snapshot is refused' 2 'empty.pws' pw verify --against empty.pws
says 'an unknown option is refused with the nearest one' 2 'did you mean --against' pw verify --agianst x

# -- not enforced at all
says 'before apply everything passes, and the bridge is named' 3 'bridge br0 does not ask iptables' pw verify good.yaml
pw apply --fix-sysctl good.yaml >/dev/null 2>&1
says 'a policy that was applied holds' 0 'equal: 2 ports, every packet, both directions' pw verify
says 'also when its file is given' 0 'equal: 2 ports' pw verify good.yaml
pw snapshot --own-namespace -o good.pws >/dev/null 2>&1
says 'also in a snapshot' 0 'equal: 2 ports' pw verify --snapshot good.pws good.yaml
iptables-save > rules.v4
says 'rules alone cannot tell where a port is' 5 'interfaces were not read' pw verify --snapshot rules.v4 good.yaml
says 'another policy does not' 3 'LOST: the policy lets these pass' pw verify wider.yaml
check 'JSON says the same' jq -e '.verdict == "equal" and .ports == 2 and .differences == []' <(pw verify --json)

# -- one rule is taken away
chain=$(iptables-save | sed -n 's/^-A \(neutron-openvswi-i[^ ]*\) .*--dport 80 .*/\1/p' | head -1)
rule=$(iptables-save | grep -- "^-A $chain .*--dport 80 ")
number=$(iptables -S "$chain" | grep -n -- '--dport 80 ' | cut -d: -f1)
iptables -D "$chain" $((number - 1))
says 'a rule that is gone is missed' 3 "missing: rule [0-9]+ of chain $chain, table filter" pw verify
says 'the packets are told in words' 3 'IPv4 ct_state new,invalid proto tcp dport 80$|IPv4 .*proto tcp dport 80' pw verify
says 'and what the policy says of them' 3 'the policy: allow tcp 80 from anywhere  \[web\] rule [0-9a-f-]{36}' pw verify
says 'one of two ports is different' 3 'different from the policy at 1 of 2 ports' pw verify
check 'in JSON too' jq -e '.verdict == "different" and .ports_different == 1 and (.differences | length) == 1 and
	(.differences[0] | .kind == "lost" and .cause == "missing" and .direction == "ingress" and
	 .missing.chain == "'"$chain"'" and .policy.allows and (.missing.rule | test("--dport 80")))' <(pw verify --json)
example=$(pw verify --json 2>/dev/null | jq -r '.differences[0].example')
says 'its example is dropped by explain, too' 3 'dropped' pw explain --in up0 "$example" --brief
pw snapshot --own-namespace -o broken.pws >/dev/null 2>&1
says 'two moments are compared' 3 'TOO MUCH: this host lets these pass, the other one does not|LOST: the other host' \
	pw verify --against good.pws
says 'the one that lacks a rule passes less' 3 'LOST: the other host lets these pass, this one does not' pw verify --against good.pws
says 'and the other one more' 3 'TOO MUCH: this host lets these pass' pw verify --snapshot good.pws --against broken.pws
says 'a moment is equal to itself' 0 'equal: 3 ports' pw verify --snapshot broken.pws --against broken.pws
# shellcheck disable=SC2086 # the rule's words, as iptables-save quotes them
eval iptables -I "$chain" $((number - 1)) "${rule#-A "$chain" }"
says 'the rule is back, and the policy holds' 0 'equal: 2 ports' pw verify

# -- somebody else's rules
iptables -N DOCKER-USER
iptables -A DOCKER-USER -p tcp --dport 8080 -j ACCEPT
iptables -I FORWARD -j DOCKER-USER
says "Docker's accept above ours is too much" 3 'too much: rule 1 of chain DOCKER-USER' pw verify
says 'and it is Docker'"'"'s' 3 'whose it is: Docker' pw verify
iptables -F DOCKER-USER
says 'a chain that only comes back is nothing' 0 'equal: 2 ports' pw verify
nft add table inet other
nft add chain inet other forward '{ type filter hook forward priority 10; }'
nft add rule inet other forward udp dport 53 drop
says 'a drop of nft behind ours is in the way' 3 'in the way: rule 1 of chain forward, table other' pw verify
nft delete table inet other
iptables -I FORWARD -m limit --limit 3/second -j ACCEPT
says 'what a limit decides cannot be told' 5 'CANNOT TELL.*brackets' pw verify
iptables -D FORWARD 1
ipset add "$(ipset list -n | grep NIPv4)" 203.0.113.0/24
says 'a set with a member too many is named' 3 'cause: the set NIPv4.* has other members' pw verify
ipset del "$(ipset list -n | grep NIPv4)" 203.0.113.0/24
ip link set br0 type bridge nf_call_ip6tables 0
says 'a bridge that does not ask ip6tables is named' 3 'bridge br0 does not ask ip6tables' pw verify
ip link set br0 type bridge nf_call_ip6tables 1
nft flush chain bridge portwall "$(nft list table bridge portwall | sed -n 's/.*chain \(o-[^ ]*\) .*/\1/p' | head -1)"
says 'an empty chain of the bridge table lets frames pass' 3 'other frames' pw verify
pw apply good.yaml >/dev/null 2>&1
says 'apply mends it' 0 'equal: 2 ports' pw verify
ip link del tap2
says 'a port without its interface is left out, and named' 0 'not there yet, so nothing to compare: tap2' pw verify
says 'of the others all is told' 0 'equal: 1 port,' pw verify
says 'in JSON, too' 0 '^    "tap2"' pw verify --json
iptables -F FORWARD
says 'a difference of another port is found beside it' 3 'different from the policy at 1 of 1 port' pw verify
ip link del tap1
says 'no port with its interface: nothing is told' 5 'there is no interface tap2' pw verify
pw clear >/dev/null 2>&1
tap_done
