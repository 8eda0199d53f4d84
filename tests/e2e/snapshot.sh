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

# -- --redact: with the rules of a policy, and more of what a network node has in its flows and ports
export PORTWALL_RUN_DIR="$tmp/state"
says 'the lab has its rules' 0 applied ovs "$PORTWALL" apply "$root/build/lab/$lab/lab-policy.yaml"
check 'flows with addresses in them' ovs ovs-ofctl -OOpenFlow13 add-flows "unix:$dir/ovs/br-int.mgmt" - <<-END
	table=21,arp,arp_tpa=$vm1_ip actions=load:0xfa163e5c0e11->NXM_NX_ARP_SHA[],load:0xa01000b->NXM_OF_ARP_SPA[],set_field:$vm1_mac->eth_src,IN_PORT
	table=20,dl_vlan=1,dl_dst=$vm1_mac actions=strip_vlan,set_field:$director_ip->tun_dst,output:1
	table=24,arp,arp_sha=$vm2_mac,arp_spa=$vm2_ip actions=resubmit(,25)
	table=25,icmp6,icmp_type=135,nd_target=2001:db8::f816:3eff:fe5c:e11,nd_sll=$vm1_mac actions=output:1
	table=72,ct_state=+new-est,ip,nw_dst=$vm2_ip actions=ct(commit,zone=1,nat(dst=$vm1_ip-10.1.0.20:80-90))
	table=73,dl_dst=33:33:ff:5c:0e:11 actions=output:1
	table=73,ip,nw_src=10.1.0.0/24,nw_dst=$vm2_ip/255.255.255.254 actions=mod_nw_dst:$vm1_ip,output:1
END
check 'and a tunnel that is named by its end' vsctl add-port br-int vxlan-0a010063 -- set Interface vxlan-0a010063 \
	type=vxlan options:remote_ip="$director_ip" options:local_ip=10.1.0.98 external_ids:iface-id=7f6c1d52-8e4a-4b7d-9a10-5c0e7f21b9d5
plain=$tmp/plain.pws redacted=$tmp/redacted.pws
says 'a snapshot as it is' 0 links ovs "$PORTWALL" snapshot --own-namespace -o "$plain"
says 'and one that is redacted' 0 links ovs "$PORTWALL" snapshot --own-namespace --redact -o "$redacted"
zcat "$plain" >"$tmp/plain" && zcat "$redacted" >"$tmp/redacted"
own=$(ip -n "$host" -o link | grep -o 'link/ether [^ ]*' | cut -d' ' -f2)
# The ids of ports are shown up to their 11th character, which is in the names of devices.
for secret in 10.1.0. fa:16:3e 5c:0e:1 2001:db8 0a010063 0xfa163e 0xa0100 "$vm1_id" "$vm2_id" 0d3c2b1a-5f6e-4798 7e8f9a0b-1c2d-4e3f \
	"${vm1_id#???????????}" "${vm2_id#???????????}" $own; do
	check "nothing of $secret is left" sh -c '! grep -aF -e "$1" "$2"' - "$secret" "$tmp/redacted"
done
check 'the plain one had them' sh -c 'for secret in 10.1.0. fa:16:3e 2001:db8 0a010063 0d3c2b1a-5f6e-4798 "$2"; do grep -aqF -e "$secret" "$1" || exit; done' - "$tmp/plain" "$vm1_id"
check 'and it has as many rules and flows' test "$(grep -ac -e '^\[.*-A\|actions=' "$tmp/plain")" = "$(grep -ac -e '^\[.*-A\|actions=' "$tmp/redacted")"

# "-A neutron-openvswi-s... -s 10.1.0.11/32 -m mac --mac-source fa:16:..": a port's address and MAC, then its chain
pair() { # FILE CHAIN
	sed -n "s/.*-A neutron-openvswi-s$2 -s \([0-9.]*\)\/32 -m mac --mac-source \([0-9A-Fa-f:]*\) .*/\1 \2/p" "$1" | head -1
}
# what explain says of a packet from vm1 to vm2, without what was replaced
verdict() { # SNAPSHOT FILE PROTOCOL PORT
	read -r source source_mac <<-END
		$(pair "$2" 3f6c1d52-8)
	END
	read -r target target_mac <<-END
		$(pair "$2" b8a40e97-2)
	END
	"$PORTWALL" explain --snapshot "$1" --in "$5" --json "$3" "$source$4" "$target${4:+:22}" mac "$source_mac" '>' "$target_mac" |
		jq -c '[.verdict, .drop_reason, .decided_by.chain, .decided_by.rule, .fields, [.path[].kind]]'
}
for packet in 'tcp :4000 tap3f6c1d52-8e' 'tcp :4000 qvbb8a40e97-26' 'icmp  tap3f6c1d52-8e' 'icmp  tapb8a40e97-26'; do
	IFS=' ' read -r protocol port in <<-END
		$packet
	END
	[ -n "$in" ] || in=$port port=
	verdict "$plain" "$tmp/plain" "$protocol" "$port" "$in" >"$tmp/verdict"
	check "a verdict: $packet" grep -q '^\["[a-z]' "$tmp/verdict"
	verdict "$redacted" "$tmp/redacted" "$protocol" "$port" "$in" >"$tmp/redacted.verdict"
	same "the same with the redacted addresses: $packet" "$tmp/verdict" "$tmp/redacted.verdict"
done

# -- what the doctor makes of it: a NIC behind both bridges that takes less than the taps give
tap=tap$(printf %.11s "$vm1_id")
long_ping() {
	ip netns exec "$vm1" ping -c 2 -i 0.2 -W 1 -M "do" -s 1450 "$director_ip"
}
says 'a long packet gets out' 0 ' 0% packet loss' long_ping
ip -n "$host" link set eth1 mtu 1450
says 'a NIC that is too narrow loses it without a word' 1 '100% packet loss' long_ping
says 'the doctor finds the NIC behind Open vSwitch' 3 'are lost at eth1, without ICMP' ovs "$PORTWALL" doctor
says 'the command that shows it shows it' 3 'dropped at eth1' ovs "$PORTWALL" explain --brief --in "$tap" --to eth1 \
	"tcp $vm1_ip:40000 203.0.113.77:80 len 1500 df mac $vm1_mac > 02:00:00:00:00:77"
says 'its fix is applied' 0 'no longer found' ovs "$PORTWALL" doctor --fix "mtu.$tap-eth1:raise"
says 'and the packet gets out' 0 ' 0% packet loss' long_ping

"$root/examples/lab" down "$lab" >"$tmp/log" 2>&1
snapshot=$tmp/none.pws
says 'a socket that nobody answers is unread, not absent' 0 'ovsdb: .*refused' sh -c '
	mkdir '"$tmp"'/run && python3 -c "import socket; socket.socket(socket.AF_UNIX).bind(\"'"$tmp"'/run/db.sock\")" &&
	OVS_RUNDIR='"$tmp"'/run unshare -n "$1" snapshot --own-namespace -o '"$snapshot"'' - "$PORTWALL"
tap_done
