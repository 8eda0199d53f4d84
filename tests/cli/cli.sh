#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The program as a user meets it, in a network namespace of its own: what it says, its exit codes,
# what it changes and what it leaves alone. PORTWALL is the program.
#
#     vm1 eth0 --- tap1 +-- br0 --+ tap2 --- eth0 vm2     (interfaces only: packets are netns tests)
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

mount -t sysfs sysfs /sys # of this namespace: br0 and br1 are in it
ip link set lo up
sysctl -q net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0
ip link add br0 type bridge forward_delay 0
ip link add br1 type bridge forward_delay 0
for i in 1 2; do
	ip link add "tap$i" type veth peer name "vm$i"
	ip link set "tap$i" master br0 up
done
ip link add loose type veth peer name loose-peer
ip link set br0 up

cat > good.yaml <<'YAML'
security_groups:
  - name: web
    description: what the world may
    security_group_rules:
      - {direction: ingress, protocol: tcp, port_range_min: 80, port_range_max: 80}
      - {direction: ingress, protocol: tcp, port_range_min: 22, port_range_max: 22, remote_ip_prefix: 192.0.2.0/24, description: from the office}
      - {direction: ingress, protocol: tcp, port_range_min: 5432, port_range_max: 5432, remote_group: web}
      - {direction: egress, ethertype: IPv4}
      - {direction: egress, ethertype: IPv6}
ports:
  - {name: vm1, device: tap1, mac_address: "fa:16:3e:00:00:01", fixed_ips: [10.0.0.1, "2001:db8::1"], security_groups: [web]}
  - {name: vm2, device: tap2, mac_address: "fa:16:3e:00:00:02", fixed_ips: [10.0.0.2], security_groups: [web]}
  - {name: far, binding:host_id: another-host, mac_address: "fa:16:3e:00:00:03", fixed_ips: [10.0.0.3], security_groups: [web]}
YAML
sed 's/port_range_min: 80, port_range_max: 80/port_range_min: 443, port_range_max: 443/' good.yaml > changed.yaml
sed 's/tap2/tap9/' good.yaml > missing.yaml
sed 's/tap2/loose/' good.yaml > loose.yaml
sed 's/protocol: tcp, port_range_min: 80/protocl: tcp, port_range_min: 80/' good.yaml > typo.yaml

# The state of netfilter, without what differs from run to run: comments with dates, counters.
state() {
	for tool in "$@"; do
		case $tool in
		nft) nft -s list ruleset bridge ;;
		ipset) ipset save | sed 's/ initval 0x[0-9a-f]*//' | sort ;;
		*) "$tool" | sed '/^#/d; s/\[[0-9]*:[0-9]*\]//' ;;
		esac
	done
}
all_state() { state iptables-save ip6tables-save ipset nft; }

# -- words and exit codes, nothing applied yet
says 'without a command it prints its usage and exits 2' 2 '^Usage: portwall COMMAND' pw
says '--help prints the commands and exits 0' 0 'apply +FILE' pw --help
says 'an unknown command is refused with the nearest one' 2 'did you mean portwall apply' pw aply x
for command in apply show groups clear export status serve 'group create' 'group set' 'rule list' 'rule create' 'rule delete' \
	'port create' 'port set' 'port unset' 'address-group set'; do
	# shellcheck disable=SC2086 # a noun and its verb are two words
	says "$command --help tells exit codes and examples" 0 'Exit status: 0 done' pw $command --help
	# shellcheck disable=SC2086
	check "$command --help fits 100 columns" awk 'length > 100 { bad = 1; print } END { exit bad }' \
		<(pw $command --help)
done
for noun in group rule port address-group; do
	says "$noun --help lists its verbs" 0 '^  create +[A-Z]+' pw $noun --help
	says "$noun alone says what it takes" 2 "^Usage: portwall $noun VERB" pw $noun
done
says 'an unknown verb is refused with the nearest one' 2 'did you mean portwall rule create' pw rule craete web
says 'without a service its objects are not asked for in vain' 1 'systemctl start portwall' pw group list
says 'an unknown option is refused with the nearest one' 2 'did you mean --dry-run' pw apply --dryrun good.yaml
says 'an option without its value is refused' 2 'missing value' pw apply good.yaml --wait
says 'a wait that is no number is refused' 2 'whole seconds' pw apply --wait soon good.yaml
says 'apply without a file is refused' 2 'takes FILE' pw apply
says 'apply with two files is refused' 2 'takes FILE' pw apply good.yaml changed.yaml
says 'a file that is not there is refused' 2 'cannot open nowhere.yaml' pw apply nowhere.yaml
says 'a folder is refused' 2 'Is a directory' pw apply .
says 'a wrong backend is refused' 2 'must be auto, nft or legacy' pw apply --backend ebpf good.yaml
says 'a prefix that iptables cannot hold is refused' 2 'prefix' pw apply --prefix a-very-long-chain-prefix- good.yaml
says 'a typing error in the policy is shown with place and caret' 2 '^typo.yaml:5:|typo.yaml:5:' pw apply typo.yaml
says 'the caret stands under the typing error' 2 '^ +\^' pw apply typo.yaml
says 'the next step names the right key' 2 'protocol' pw apply typo.yaml
says 'show before any apply tells what to do' 1 'portwall apply FILE' pw show
says 'groups before any apply tells what to do' 1 'portwall apply FILE' pw groups
says 'export before any apply tells what to do' 1 'portwall apply FILE' pw export
says 'groups of a file needs no apply' 0 'ingress, IPv4: .*tcp' pw groups good.yaml
all_state > before
says 'an interface that is not there is named with the nearest' 2 'tap9' pw apply missing.yaml
sed 's/name: vm2, device: tap2/name: "", device: tap9/' good.yaml > nameless.yaml
says 'a port without a name is called by its interface' 2 'port tap9: there is no interface' pw apply nameless.yaml
says 'an interface in no bridge is named' 2 'loose is not a port of a bridge' pw apply loose.yaml
all_state > after
same 'refused policies changed nothing' before after

# -- apply, idempotent; the batches are what it says
says 'bridges that do not call iptables are warned of' 0 'NOT ENFORCED on bridge br0' pw apply --dry-run good.yaml
says 'and bridges that learn from what no hook sees' 0 'on bridge br0 a VM can draw its neighbours.*no_linklocal_learn' pw apply --dry-run good.yaml
pw apply --dry-run good.yaml > batches 2>/dev/null
all_state > after
same '--dry-run changed nothing' before after
says 'apply says what it did' 0 'applied good.yaml: 2 ports on this host, 1 elsewhere' pw apply --fix-sysctl good.yaml
check 'nf_call is on for the bridge that has ports' grep -qx 1 /sys/class/net/br0/bridge/nf_call_iptables
check 'and no_linklocal_learn' grep -qx 1 /sys/class/net/br0/bridge/no_linklocal_learn
check 'nf_call stays off for other bridges' grep -qx 0 /sys/class/net/br1/bridge/nf_call_iptables
all_state > applied
says 'the same policy again changes nothing' 0 'nothing to change' pw apply good.yaml
all_state > after
same 'and the kernel agrees' applied after
check 'JSON of apply says that nothing changed' jq -e '.changed == false' <(pw apply --json good.yaml)
says 'one changed rule is said in words' 0 '\+ IPv4 .*443' pw apply changed.yaml
check 'and is one small batch: a line less and one more for each of two ports' \
	test "$(pw apply --dry-run good.yaml 2>/dev/null | grep -c '^-[AID]')" -eq 4
pw apply good.yaml >/dev/null
check 'rules are traceable to group and id by comment' \
	sh -c "iptables-save | grep -qE 'rule [0-9a-f-]{36} of group web'"
check 'standard input is a file too' sh -c "'$PORTWALL' apply - < good.yaml"

# -- export: what is printed is the policy
pw export > exported.yaml
pw export --json > exported.json
for file in exported.yaml exported.json; do
	says "$file says the same" 0 'nothing would change' pw apply --dry-run $file
	check "$file keeps the ports of other hosts" grep -q far $file
done

# -- show and groups
says 'show names port, rule and line' 0 'allow tcp 80 from any' pw show vm1
says 'show has the description' 0 'from the office' pw show vm1
says 'show has the default drop' 0 'default drop' pw show vm1
says 'show has the anti-spoof drop' 0 'anti-spoofing' pw show vm1
says 'show finds a port by interface' 0 '^port vm2' pw show tap2
says 'show of an unknown port names the nearest' 2 'did you mean vm1' pw show vm11
says 'show does not list ports of other hosts' 2 'no port of this host' pw show far
check 'show --json has chain, line and counters of each rule' jq -e \
	'.ports[0].chains[] | select(.direction == "ingress" and .family == "IPv4") | .rules[] |
	 select(.group == "web") | .line > 0 and .packets >= 0 and .installed' <(pw show --json vm1)
chain=$(pw show --json vm1 | jq -r '[.ports[0].chains[] | select(.direction == "ingress")][0].chain')
iptables -D "$chain" "$(pw show --json vm1 | jq '[.ports[0].chains[] | select(.direction == "ingress")][0].rules[] |
	select(.words | startswith("allow tcp 80")) | .line')"
iptables -I "$chain" 1 -s 203.0.113.5 -j ACCEPT
says 'show marks a rule that somebody took away' 0 'MISSING IN THE KERNEL: allow tcp 80' pw show vm1
says 'show marks a rule that somebody put in' 0 "NOT PORTWALL'S: .*203.0.113.5" pw show vm1
iptables -D FORWARD -j neutron-openvswi-FORWARD
says 'show warns of what is beside the chains of ports' 0 'the kernel differs from this policy in 3 places' pw show vm1
says 'apply mends all' 0 'rules?' pw apply good.yaml
all_state > after
same 'and leads to the same state' applied after
check 'show of a policy that stands has no warning' jq -e '.warnings == []' <(pw show --json)
ip link set tap2 nomaster
says 'show does not fail for a port that was taken out of its bridge' 0 '^port vm2  tap2 .in no bridge' pw show
says 'and warns' 0 'tap2 is in no bridge' pw show vm1
ip link set tap2 master br0
echo 0 > /sys/class/net/br0/bridge/nf_call_iptables
says 'a bridge that is all there is to mend is said' 0 'br0 nf_call_iptables: turned on' pw apply --fix-sysctl good.yaml
echo 0 > /sys/class/net/br0/bridge/nf_call_iptables
check 'and is a change' jq -e '.changed and .turned_on == ["br0 nf_call_iptables"]' <(pw apply --fix-sysctl --json good.yaml)
says 'groups prints a table' 0 '\| web +\|' pw groups
check 'groups --json' jq -e '.security_groups[0].security_group_rules | length == 5' <(pw groups --json)
check 'a reader that closes early does no harm' sh -c "'$PORTWALL' show | head -1 >/dev/null"
says 'a full standard output is no success' 1 'cannot write standard output' sh -c "'$PORTWALL' show > /dev/full"
says 'and what is done nevertheless is said' 1 'apply is done, but' sh -c "'$PORTWALL' apply good.yaml > /dev/full"
says 'a closed standard output is no success' 1 'cannot write standard output' sh -c "'$PORTWALL' show >&-"
check 'JSON of an error is JSON, whatever bytes were given' jq -e '.error.kind == "input"' <(pw show --json $'vm\xff' 2>/dev/null)
check 'JSON of an error does not need --json in front of it' jq -e '.error.kind == "input"' <(pw show --jsn --json 2>/dev/null)
pw $'\033[31m' 2> said
check 'no word of argv commands the terminal' sh -c '! grep -q "$(printf "\033")" said'

# -- others
iptables -A FORWARD -p tcp --dport 9 -j ACCEPT -m comment --comment "somebody else's"
iptables -I FORWARD 1 -p tcp --dport 10 -j ACCEPT
iptables -N SOMEBODY
pw apply changed.yaml >/dev/null
check "somebody's rules and chains are untouched" test "$(iptables-save | grep -cE 'dport (9|10) |:SOMEBODY')" -eq 3
check 'our jumps are first again' test "$(iptables -S FORWARD | sed -n 2p)" = '-A FORWARD -j neutron-filter-top'
bash -c 'exec -a neutron-openvswitch-agent sleep 1d' &
agent=$!
until tr '\0' ' ' < /proc/$agent/cmdline | grep -q '^neutron'; do sleep 0.05; done
all_state > before
says 'another agent of the same chains is named' 1 "neutron-openvswitch-agent \(pid $agent\)" pw apply good.yaml
all_state > after
same 'and nothing is changed' before after
says '--takeover goes on' 0 '^applied' pw apply --takeover good.yaml
kill $agent
wait $agent 2>/dev/null
says 'another prefix beside ours is refused' 1 'clear --prefix neutron-openvswi-' pw apply --prefix pw- good.yaml
says 'and not cleared as if it were there' 1 'begin with neutron-openvswi-' pw clear --prefix pw-
says 'nor shown' 1 'go on with --prefix neutron-openvswi-' pw show --prefix pw-

kept=$(basename "$PORTWALL_RUN_DIR"/*.yaml)
# one process: of two the one that is left over would hold the lock
flock --no-fork "$PORTWALL_RUN_DIR/${kept%%-*}.lock" sleep 1d &
locker=$!
while flock -n "$PORTWALL_RUN_DIR/${kept%%-*}.lock" true; do sleep 0.02; done
says 'a second portwall is refused after its wait' 1 'lock|another' pw apply --wait 0 good.yaml
kill $locker
wait $locker 2>/dev/null

# -- a batch that the kernel refuses
mkdir fake
cat > fake/ip6tables-nft-restore <<'SH'
#!/bin/sh
cat >/dev/null
echo 'ip6tables-restore v1.8.9 (nf_tables): line 3: RULE_INSERT failed (Device or resource busy): rule in chain X' >&2
exit 4
SH
cp fake/ip6tables-nft-restore fake/ip6tables-restore
chmod +x fake/*
sed 's/ethertype: IPv6}/ethertype: IPv6}\n      - {direction: egress, ethertype: IPv6, protocol: tcp, port_range_min: 7, port_range_max: 7}/;
	s/port_range_min: 80, port_range_max: 80/port_range_min: 8080, port_range_max: 8080/' good.yaml > both.yaml
all_state > before
says 'a refused batch names the tool and the reason' 1 'ip6tables.*busy' env PATH="$DIR/fake:$PATH" "$PORTWALL" apply both.yaml
all_state > after
same 'and leaves both families as they were' before after

# -- asked to end in the middle: all of it is done, or nothing
mkdir slow
for tool in iptables ip6tables; do
	printf '#!/bin/sh\ntouch slow/began\nsleep 0.5\nexec %s "$@"\n' "$(command -v $tool-nft-restore)" > slow/$tool-nft-restore
done
chmod +x slow/*
pw apply good.yaml >/dev/null
PATH="$DIR/slow:$PATH" setsid "$PORTWALL" apply both.yaml >/dev/null &
slow=$!
until [ -e slow/began ] || ! kill -0 $slow 2>/dev/null; do sleep 0.05; done
check 'a slow tool was started' test -e slow/began
kill -INT -- -$slow
wait $slow 2>/dev/null
says 'Ctrl-C in the middle of an apply leaves no half of it' 0 '# nothing would change' pw apply --dry-run both.yaml
pw apply good.yaml >/dev/null
mkdir full
mount -t tmpfs -o size=4k,nr_inodes=9 none full
check 'with a full /run nothing is applied' sh -c "! PORTWALL_RUN_DIR=full '$PORTWALL' apply changed.yaml 2> said"
says 'and it says why' 0 'cannot keep the policy.*No space left' cat said
says 'and nothing was changed' 0 '# nothing would change' pw apply --dry-run good.yaml
mount -o remount,ro full
says 'show needs no /run to write to' 1 'portwall apply FILE' env PORTWALL_RUN_DIR=full "$PORTWALL" show
umount full
says 'a state that only root may read says so' 1 'call it with sudo' setpriv --reuid=65534 --regid=65534 \
	--clear-groups "$PORTWALL" show
mkdir empty
says 'a host without iptables is told what to install' 1 'apt-get install' unshare --mount \
	sh -c "mount --bind empty /usr/sbin && '$PORTWALL' apply good.yaml"
says 'without root it says so' 1 'root|CAP_NET_ADMIN' setpriv --bounding-set=-net_admin --inh-caps=-net_admin \
	"$PORTWALL" apply good.yaml

# -- clear
says 'clear says what it took away' 0 '^cleared' pw clear
iptables -D FORWARD -p tcp --dport 9 -j ACCEPT -m comment --comment "somebody else's"
iptables -D FORWARD -p tcp --dport 10 -j ACCEPT
iptables -X SOMEBODY
all_state | grep -E '^(-A|:neutron|create|add|table)' > after
check 'nothing of ours is left' test ! -s after
check 'nf_call of the bridge is off again' grep -qx 0 /sys/class/net/br0/bridge/nf_call_iptables
check 'and no_linklocal_learn' grep -qx 0 /sys/class/net/br0/bridge/no_linklocal_learn
says 'clear again has nothing to do' 0 'nothing to change' pw clear
check 'no lock and no policy is left' test -z "$(ls "$PORTWALL_RUN_DIR")"

# -- chains that somebody else made
iptables -N neutron-openvswi-FORWARD
says 'chains without our mark are not ours' 1 'made by another program' pw apply good.yaml
says 'clear does not take them either' 1 'made by another program' pw clear
iptables -X neutron-openvswi-FORWARD

# -- a table that somebody else made
nft 'table bridge portwall { chain theirs { counter; }; }'
says 'an nft table of our name is not ours' 1 'the nft table "bridge portwall" was made by another program' pw apply good.yaml
says 'clear does not take it either' 1 'use --takeover' pw clear
check 'and it is still there' nft list chain bridge portwall theirs
says 'who says so may replace it' 0 '^applied' pw apply --takeover good.yaml
says 'and then it is ours' 0 '^cleared' pw clear

# -- legacy and nft
if iptables-legacy -S >/dev/null 2>&1; then
	says 'apply through iptables-legacy' 0 'iptables-legacy' pw apply --backend legacy good.yaml
	says 'rules in the other variant are found' 1 'stand in iptables-legacy' pw apply --backend nft good.yaml
	says 'show does not call them missing' 1 'go on with --backend legacy' pw show --backend nft
	says 'clear through iptables-legacy' 0 '^cleared' pw clear --backend legacy
	check 'nothing of ours is left in it' sh -c '! iptables-legacy-save | grep -q neutron'
else
	echo "# skip: no iptables-legacy in this kernel"
fi

# -- what is made from the option table
check 'the completion is a valid script' bash -n <(pw completion)
# shellcheck disable=SC2016
check 'the completion knows commands and options' bash -c '
	. <("$0" completion)
	COMP_WORDS=(portwall apply --d) COMP_CWORD=2; _portwall
	[ "${COMPREPLY[*]}" = --dry-run ] || exit 1
	COMP_WORDS=(portwall rule create web --remote-a) COMP_CWORD=4; _portwall
	[ "${COMPREPLY[*]}" = --remote-address-group ] || exit 1
	COMP_WORDS=(portwall sh) COMP_CWORD=1; _portwall
	[ "${COMPREPLY[*]}" = show ]' "$PORTWALL"
tap_done
