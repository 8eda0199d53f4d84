#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The Debian package: built from this tree, and in a Debian 12 of its own in a folder installed, used, upgraded, removed and purged.
# What is downloaded and unpacked stays under build/e2e-deb for the next run.
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
source=$(cd "$(dirname "$0")/../.." && pwd)
build=$source/build/e2e-deb
suite=bookworm
tmp=$(mktemp -d)
root=$tmp/root
trap 'rm -rf --one-file-system "$tmp"' EXIT
# beside what the package depends on: to boot it, and to have machines
printf '%s\n' systemd systemd-sysv dbus iproute2 iputils-ping curl >"$tmp/more"

skip() {
	echo "1..0 # SKIP $1"
	exit 0
}
for tool in debootstrap lintian dpkg-buildpackage dh systemd-analyze; do
	command -v "$tool" >/dev/null || skip "$tool is not installed"
done

# -- the package
mkdir -p "$build"
exec 9>"$build/.lock"
flock 9
# without optimisation: a third of the work, and the same files
check 'the package is built' "$source/tools/make-deb" -b "$build" -o 'noopt noautodbgsym parallel=2'
deb=$(echo "$build"/deb/portwall_*.deb)
[ -f "$deb" ] || tap_done
version=$(sed -n "s/^  version: '\(.*\)',$/\1/p" "$source/meson.build")
check 'its version is that of the program' test "$(dpkg-deb -f "$deb" Version)" = "$version"
check 'lintian has no error and no warning' lintian --allow-root --fail-on error,warning "$build"/deb/*.changes

# -- a Debian with what it depends on, systemd as its first process, and nothing else
cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
[ -n "$cgroups" ] || skip 'this machine has no cgroup2'
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 2>/dev/null | sed -n "s/ $suite$//p" | head -n 1)
wanted=$(dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed 's/([^)]*)//g; s/|.*//; s/ //g' |
	cat - "$tmp/more" | sort -u | tr '\n' ',')
base=$build/base-$(echo "$wanted $suite" | md5sum | cut -c1-8).tar
if [ ! -f "$base" ]; then
	if [ -z "$mirror" ] ||
		! /usr/lib/apt/apt-helper download-file "$mirror/dists/$suite/InRelease" "$tmp/release" >/dev/null 2>&1; then
		skip "there is no mirror of Debian $suite"
	fi
	mkdir -p "$build/debs"
	check 'a Debian is made in a folder' debootstrap --variant=minbase --include="${wanted%,}" --cache-dir="$build/debs" \
		"$suite" "$tmp/base" "$mirror"
	rm -rf "$tmp"/base/var/cache/apt/archives/*.deb "$tmp"/base/var/lib/apt/lists/*
	tar -C "$tmp/base" --one-file-system -cf "$base.new" . && mv "$base.new" "$base"
	rm -rf --one-file-system "$tmp/base"
fi
mkdir "$root"
tar -C "$root" -xpf "$base"
flock -u 9

# It is booted: with its own mounts, processes, network and cgroup, seen from here through its first process.
cgroup=$cgroups/pw-deb-$$
cat >"$tmp/boot" <<'END'
#!/bin/sh
mount --bind "$1" "$1" && cd "$1" && mount -t proc proc proc && mount -t sysfs sysfs sys && mount -t cgroup2 cgroup2 sys/fs/cgroup &&
	mount -t tmpfs -o mode=755 tmpfs run && mount -t tmpfs tmpfs tmp && mount -t tmpfs -o mode=755 dev dev || exit 99
for name in null zero full random urandom tty; do
	: >dev/$name
	mount --bind /dev/$name dev/$name
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
hostname compute
exec chroot . /usr/bin/env -i container=portwall-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=null --show-status=0
END
chmod +x "$tmp/boot"
mkdir "$cgroup"
# shellcheck disable=SC2016 # for the shell that goes into the cgroup
sh -c 'echo $$ >"$1/cgroup.procs"; exec unshare --mount --pid --net --ipc --uts --cgroup --fork --kill-child "$2" "$3"' \
	- "$cgroup" "$tmp/boot" "$root" </dev/null >"$tmp/boot.log" 2>&1 &
outer=$!
init=
inside() {
	nsenter --target "$init" --mount --pid --net --ipc --uts --cgroup --root "--wd=/proc/$init/root" \
		env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"
}
booted() {
	init=$(cat "/proc/$outer/task/$outer/children" 2>/dev/null)
	init=${init%% *}
	[ -n "$init" ] && inside systemctl is-system-running --wait 2>/dev/null | grep -qE '^(running|degraded)$'
}
wait_for() { # WHAT COMMAND...: at most a minute
	what=$1
	shift
	for _ in $(seq 120); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.5
	done
	check "waited in vain for $what" false
}
end_all() {
	kill -s KILL "$init" "$outer" 2>/dev/null
	wait "$outer" 2>/dev/null
	for _ in $(seq 50); do
		find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
		[ -d "$cgroup" ] || break
		sleep 0.1
	done
	rm -rf --one-file-system "$tmp"
}
trap end_all EXIT
wait_for 'the boot' booted
says 'it runs, with systemd' 0 '^running$' inside systemctl is-system-running
# All files but those in which dpkg, systemd and others count what they did, and what is only in memory.
list() {
	(cd "$root" && find . -xdev \( -path ./var/lib/dpkg -o -path ./var/lib/systemd -o -path ./var/log -o -path ./var/cache -o -path ./tmp \
		-o -path ./proc -o -path ./run \) -prune -o -print | sort)
}
list >"$tmp/before"

# -- an older one, and what somebody made of it
old=$tmp/old
dpkg-deb -R "$deb" "$old"
sed -i 's/^Version: .*/Version: 0.0.9/' "$old/DEBIAN/control"
sed -i 's/^#guard = no/#guard = never/' "$old/etc/portwall/serve.conf"
check 'an older package is made' dpkg-deb -b "$old" "$root/old.deb"
cp "$deb" "$root/new.deb"
check 'the older one is installed, with nothing missing' inside dpkg -i /old.deb

# -- what is there
says 'the program runs' 0 'Usage: portwall' inside portwall --help
says 'it is of this version' 0 "^portwall $version\$" inside portwall --version
check 'the man page has the service' sh -c 'zcat "$1" | grep -q "CONFIGURATION OF SERVE"' - "$root/usr/share/man/man1/portwall.1.gz"
says 'bash completes its commands' 0 'apply' inside bash -c '. /usr/share/bash-completion/completions/portwall.bash
	COMP_WORDS=(portwall ap) COMP_CWORD=1; _portwall; echo "${COMPREPLY[@]}"'
says 'its user is nobody who logs in' 0 '^portwall:x:[0-9]*:[0-9]*:portwall serve:/var/lib/portwall:/usr/sbin/nologin$' \
	inside getent passwd portwall
says 'the store is its user'\''s alone' 0 '^portwall portwall 700$' inside stat -c '%U %G %a' /var/lib/portwall
check 'the service is enabled' test -L "$root/etc/systemd/system/multi-user.target.wants/portwall.service"
check 'the guard is not' test ! -e "$root/etc/systemd/system/multi-user.target.wants/portwall-guard.service"
for unit in portwall portwall-guard; do
	check "systemd understands $unit.service" sh -c '! systemd-analyze verify --man=no --root="$1" "$2.service" 2>&1 | grep "$2" |
		grep -v "Unit sysinit.target not found"' - "$root" "$unit"
done
check 'its exposure is below 3' systemd-analyze security --offline=true --root="$root" --threshold=29 --no-pager portwall.service

# -- it runs: under systemd, in its sandbox, with machines on a bridge
has_no_rules() { ! inside iptables-save | grep -q neutron; }
is_logged() { # TIMES WORD
	[ "$(inside journalctl --no-pager -u portwall | grep -c "$2")" -ge "$1" ]
}
pings() { inside ip netns exec vm1 ping -q -c 1 -W 2 192.0.2.2; }
is_closed() { ! inside ip netns exec vm1 ping -q -c 1 -W 1 192.0.2.2; }
wait_for 'the service' inside systemctl is-active portwall
says 'the package has started the service' 0 '^active$' inside systemctl is-active portwall
says 'which changes nothing before it has a policy' 0 'no policy yet' inside portwall status
check 'not a rule is written' has_no_rules
says 'systemd gives its exposure below 3 as well' 0 'Overall exposure level.* [012]\.[0-9]' inside systemd-analyze security --no-pager portwall
cat >"$root/root/machines" <<'END'
ip link add br0 type bridge mcast_snooping 0 && ip link set br0 up
for n in 1 2; do
	ip netns add vm$n
	ip link add tap$n type veth peer name eth0 netns vm$n address fa:16:3e:00:00:0$n
	ip link set tap$n master br0 up
	ip -n vm$n address add 192.0.2.$n/24 dev eth0
	ip -n vm$n link set eth0 up
done
END
cat >"$root/root/policy.yaml" <<'END'
security_groups:
- name: all
  security_group_rules: [{direction: egress, ethertype: IPv4}, {direction: ingress, ethertype: IPv4, protocol: icmp}]
- {name: none, security_group_rules: []}
ports:
- {name: vm1, device: tap1, mac_address: 'fa:16:3e:00:00:01', fixed_ips: [{ip_address: 192.0.2.1}], security_groups: [all]}
- {name: vm2, device: tap2, mac_address: 'fa:16:3e:00:00:02', fixed_ips: [{ip_address: 192.0.2.2}], security_groups: [all]}
END
check 'two machines are there' inside sh /root/machines
says 'the service takes a policy' 0 'applied .* as revision 1 of portwall serve' inside portwall apply /root/policy.yaml
check 'what the groups allow passes' pings
inside sh -c 'sed "s/\[all\]/[none]/" /root/policy.yaml >/root/closed.yaml; portwall apply /root/closed.yaml' >/dev/null
check 'what they do not allow does not' is_closed
inside portwall apply /root/policy.yaml >/dev/null
inside iptables -F
wait_for 'the repair' is_logged 1 event=repaired
says 'who flushed the rules is in the journal' 0 'event=changed-by-others who="iptables' inside journalctl --no-pager -u portwall
says 'it is reloaded' 0 '' inside systemctl reload portwall
wait_for 'the reload' is_logged 2 event=ready
says 'and proves its rules in its sandbox' 0 '^equal: 2 ports' inside portwall verify
says 'it looks for what others do' 0 '"findings"' inside curl -s --unix-socket /run/portwall/api.sock http://localhost/v2.0/portwall/findings
inside sh -c 'kill -9 "$(systemctl show -p MainPID --value portwall)"'
wait_for 'systemd to start it again' inside portwall status
check 'killed it is started again' pings

# the guard has a unit of its own, for who wants no more
inside systemctl start portwall-guard
says 'the guard runs in its sandbox' 0 '^active$' inside systemctl is-active portwall-guard
inside iptables -t nat -F
says 'and holds its table' 0 'br0' inside portwall guard status
inside systemctl stop portwall-guard
says 'which stays when it ends' 0 'br0' inside portwall guard status
inside portwall guard remove >/dev/null

# -- the configuration
says 'the installed configuration is right' 0 '^store = /var/lib/portwall/store.db$' inside portwall serve --check
echo 'closed_interface = tap*' >>"$root/etc/portwall/serve.conf"
line=$(wc -l <"$root/etc/portwall/serve.conf")
says 'a wrong key is named with its line and the right one' 2 "/etc/portwall/serve.conf:$line: there is no key closed_interface" \
	inside portwall serve --check
says 'the right one too' 2 'did you mean closed_interfaces' inside portwall serve --check
sed -i 's/^closed_interface = .*/wait = 7/' "$root/etc/portwall/serve.conf"
says 'a right one is effective' 0 "^wait = 7  # /etc/portwall/serve.conf:$line" inside portwall serve --check

# -- upgrade
echo kept >"$root/var/lib/portwall/mark"
cp "$root/etc/portwall/serve.conf" "$tmp/changed"
inside ip netns exec vm1 ping -q -i 0.02 -w 600 192.0.2.2 >"$tmp/pings" 2>&1 &
pinging=$!
check 'it is upgraded' inside dpkg --force-confdef --force-confold -i /new.deb
wait_for 'the service' inside portwall status
says 'the new one serves' 0 'the kernel has the policy: revision 3' inside portwall status
inside sh -c 'kill -INT $(ip netns pids vm1)'
wait $pinging
says 'no packet was lost meanwhile' 0 ' 0% packet loss' cat "$tmp/pings"
same 'what somebody changed in the configuration stays' "$tmp/changed" "$root/etc/portwall/serve.conf"
check 'so does the state' grep -q kept "$root/var/lib/portwall/mark"
says 'so does its owner' 0 '^portwall portwall 700$' inside stat -c '%U %G %a' /var/lib/portwall
check 'the service is still enabled' test -L "$root/etc/systemd/system/multi-user.target.wants/portwall.service"
rm "$root/etc/systemd/system/multi-user.target.wants/portwall.service"
check 'it is installed once more' inside dpkg --force-confdef --force-confold -i /new.deb
check 'who disabled the service has it disabled' test ! -e "$root/etc/systemd/system/multi-user.target.wants/portwall.service"

# -- the end
check 'it is removed' inside dpkg -r portwall
check 'the rules are the kernel'\''s, and stay' pings
check 'the program is gone' test ! -e "$root/usr/bin/portwall"
check 'configuration and state are not' test -e "$root/etc/portwall/serve.conf" -a -e "$root/var/lib/portwall/mark"
check 'it is purged' inside dpkg -P portwall
rm "$root/old.deb" "$root/new.deb" "$root"/root/machines "$root"/root/*.yaml
inside ip netns delete vm1
inside ip netns delete vm2
list | grep -v -e '^\./etc/\(passwd\|group\|shadow\|gshadow\)-$' >"$tmp/after"
grep -v -e '^\./etc/\(passwd\|group\|shadow\|gshadow\)-$' "$tmp/before" >"$tmp/before.files"
same 'nothing of it is left' "$tmp/before.files" "$tmp/after"
tap_done
