# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What examples/lab and examples/demo share: where things lie, the names of the lab's parts, and
# Open vSwitch as it was unpacked. To be sourced with $root set.

# Used by those who source this file:
# shellcheck disable=SC2034
build=${PORTWALL_BUILD:-$root/build} portwall=${PORTWALL:-${PORTWALL_BUILD:-$root/build}/portwall}
case $portwall in
/*) ;;
*) portwall=$PWD/$portwall ;;
esac
python=/usr/bin/python3
[ -x "$python" ] || python=python3
wire=$root/examples/wire.py

die() { # what is wrong, next step
	printf '%s: %s\n' "${0##*/}" "$1" >&2
	[ $# -lt 2 ] || printf 'next step: %s\n' "$2" >&2
	exit 1
}

wait_for() { # WHAT COMMAND...
	what=$1 n=0
	shift
	until "$@" >/dev/null 2>&1; do
		n=$((n + 1))
		[ $n -lt 100 ] || die "waited in vain for $what"
		sleep 0.1
	done
}

need_root() {
	[ "$(id -u)" = 0 ] || die 'only root may make network namespaces' "sudo $0 $*"
}

# Everything of a lab has its name in it, so that labs stand beside one another.
lab_names() { # NAME
	case $1 in
	'' | *[!a-z0-9-]* | -* | ????????????????????*)
		die "'$1' is no name for a lab: small letters, digits and dashes, at most 19" ;;
	esac
	name=$1 dir=$build/lab/$1
	host=pw-$1-host vm1=pw-$1-vm1 vm2=pw-$1-vm2 director=pw-$1-director
	export OVS_RUNDIR="$dir/ovs" OVS_LOGDIR="$dir/ovs" OVS_DBDIR="$dir/ovs" OVS_SYSCONFDIR="$dir/ovs"
}

# The ports, as Nova and Neutron would name them: tap, qbr, qvb, qvo and 11 characters of the id.
vm1_id=3f6c1d52-8e4a-4b7d-9a10-5c0e7f21b9d4 vm1_ip=10.1.0.11 vm1_mac=fa:16:3e:5c:0e:11
vm2_id=b8a40e97-260f-4c35-8d7e-91f3a6c20b58 vm2_ip=10.1.0.12 vm2_mac=fa:16:3e:5c:0e:12
director_ip=10.1.0.99
short() { # ID
	printf %.11s "$1"
}

in_host() { ip netns exec "$host" "$@"; }

# Runs a program in the lab's host namespace, Open vSwitch's from build/unpacked even where this
# machine has its own installed.
ovs() { # PROGRAM ARGUMENT...
	ovs_path=$build/unpacked/openvswitch-switch/usr ovs_common=$build/unpacked/openvswitch-common/usr
	ovs_path=$ovs_path/lib/openvswitch-switch:$ovs_path/sbin:$ovs_path/bin:$ovs_common/sbin:$ovs_common/bin
	ovs_libs=
	for ovs_lib in "$build"/unpacked/*/lib/*-linux-gnu* "$build"/unpacked/*/usr/lib/*-linux-gnu*; do
		[ -d "$ovs_lib" ] && ovs_libs=$ovs_libs${ovs_libs:+:}$ovs_lib
	done
	in_host env PATH="$ovs_path:$PATH" LD_LIBRARY_PATH="$ovs_libs" \
		OVS_PKGDATADIR="$build/unpacked/openvswitch-switch/usr/share/openvswitch" "$@"
}
vsctl() { ovs ovs-vsctl --timeout=10 --db="unix:$dir/ovs/db.sock" "$@"; }
