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

# -- a Debian with what it depends on, and nothing else
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 2>/dev/null | sed -n "s/ $suite$//p" | head -n 1)
wanted=$(dpkg-deb -f "$deb" Depends | tr ',' '\n' |
	sed 's/([^)]*)//g; s/^ *systemd | \(systemd-standalone-[a-z]*\).*/\1/; s/|.*//; s/ //g' | sort -u | tr '\n' ',')
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
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"

# In it: with its own mounts, processes, and network.
cat >"$tmp/inside" <<'END'
#!/bin/sh
mount -t proc proc "$1/proc" && mount -t tmpfs -o mode=755 tmpfs "$1/tmp" && ip link set lo up || exit 99
root=$1
shift
exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"
END
chmod +x "$tmp/inside"
inside() {
	unshare --mount --pid --net --ipc --uts --fork --kill-child "$tmp/inside" "$root" "$@"
}
# All files but those in which dpkg and others count what they did, and the lock that every iptables makes.
list() {
	(cd "$root" && find . -xdev \( -path ./var/lib/dpkg -o -path ./var/log -o -path ./var/cache -o -path ./tmp -o -path ./proc -o -path ./run/xtables.lock \) \
		-prune -o -print | sort)
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
check 'it is upgraded' inside dpkg --force-confdef --force-confold -i /new.deb
same 'what somebody changed in the configuration stays' "$tmp/changed" "$root/etc/portwall/serve.conf"
check 'so does the state' grep -q kept "$root/var/lib/portwall/mark"
says 'so does its owner' 0 '^portwall portwall 700$' inside stat -c '%U %G %a' /var/lib/portwall
check 'the service is still enabled' test -L "$root/etc/systemd/system/multi-user.target.wants/portwall.service"
rm "$root/etc/systemd/system/multi-user.target.wants/portwall.service"
check 'it is installed once more' inside dpkg --force-confdef --force-confold -i /new.deb
check 'who disabled the service has it disabled' test ! -e "$root/etc/systemd/system/multi-user.target.wants/portwall.service"

# -- the end
check 'it is removed' inside dpkg -r portwall
check 'the program is gone' test ! -e "$root/usr/bin/portwall"
check 'configuration and state are not' test -e "$root/etc/portwall/serve.conf" -a -e "$root/var/lib/portwall/mark"
check 'it is purged' inside dpkg -P portwall
rm "$root/old.deb" "$root/new.deb"
list | grep -v -e '^\./etc/\(passwd\|group\|shadow\|gshadow\)-$' >"$tmp/after"
grep -v -e '^\./etc/\(passwd\|group\|shadow\|gshadow\)-$' "$tmp/before" >"$tmp/before.files"
same 'nothing of it is left' "$tmp/before.files" "$tmp/after"
tap_done
