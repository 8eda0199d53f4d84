# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What examples/lab and examples/demo share: where things lie, the names of the lab's parts, and
# Open vSwitch and Docker as they were unpacked. To be sourced with $root set.

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
		[ $n -lt 600 ] || die "waited in vain for $what"
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
	host=pw-$1-host vm1=pw-$1-vm1 vm2=pw-$1-vm2 director=pw-$1-director outside=pw-$1-outside
	namespaces="$host $vm1 $vm2 $director"
	vm1_ip=10.1.0.11 vm2_ip=10.1.0.12 director_ip=10.1.0.99
	if [ -d "$dir/docker" ]; then
		namespaces="$namespaces $outside"
		vm1_ip=172.17.0.8 vm2_ip=172.17.0.9 director_ip=172.17.0.99
	fi
	export OVS_RUNDIR="$dir/ovs" OVS_LOGDIR="$dir/ovs" OVS_DBDIR="$dir/ovs" OVS_SYSCONFDIR="$dir/ovs"
}

# The ports, as Nova and Neutron would name them: tap, qbr, qvb, qvo and 11 characters of the id.
vm1_id=3f6c1d52-8e4a-4b7d-9a10-5c0e7f21b9d4 vm1_mac=fa:16:3e:5c:0e:11
vm2_id=b8a40e97-260f-4c35-8d7e-91f3a6c20b58 vm2_mac=fa:16:3e:5c:0e:12
# Where the host has its own network card, with Docker: the host, and somebody whom it can reach there.
host_ip=192.0.2.10 outside_ip=192.0.2.1
short() { # ID
	printf %.11s "$1"
}

in_host() { ip netns exec "$host" "$@"; }

unpacked_libraries() { # PACKAGE, may be a pattern
	libraries=
	# shellcheck disable=SC2231 # the pattern
	for library in "$build"/unpacked/$1/lib/*-linux-gnu* "$build"/unpacked/$1/usr/lib/*-linux-gnu*; do
		[ -d "$library" ] && libraries=$libraries${libraries:+:}$library
	done
	echo "$libraries"
}

# Runs a program in the lab's host namespace, Open vSwitch's from build/unpacked even where this
# machine has its own installed.
ovs() { # PROGRAM ARGUMENT...
	ovs_path=$build/unpacked/openvswitch-switch/usr ovs_common=$build/unpacked/openvswitch-common/usr
	ovs_path=$ovs_path/lib/openvswitch-switch:$ovs_path/sbin:$ovs_path/bin:$ovs_common/sbin:$ovs_common/bin
	in_host env PATH="$ovs_path:$PATH" LD_LIBRARY_PATH="$(unpacked_libraries "*")" \
		OVS_PKGDATADIR="$build/unpacked/openvswitch-switch/usr/share/openvswitch" "$@"
}
vsctl() { ovs ovs-vsctl --timeout=60 --db="unix:$dir/ovs/db.sock" "$@"; }

docker_path=$build/unpacked/docker.io/usr/sbin:$build/unpacked/docker.io/usr/bin:$build/unpacked/containerd/usr/bin
docker_path=$docker_path:$build/unpacked/runc/usr/sbin:$build/unpacked/tini/usr/bin
# For Docker's client. The socket is in the daemon's own /run.
docker_environment() { # COMMAND...
	read -r docker_init _ <"$dir/docker/init" || die "no dockerd runs in the lab '$name'" "$root/examples/lab dockerd $name"
	env -u DOCKER_CONTEXT -u DOCKER_TLS_VERIFY DOCKER_CONFIG="$dir/docker/client" \
		DOCKER_HOST="unix:///proc/$docker_init/root/run/docker.sock" PATH="$docker_path:$PATH" "$@"
}
docker() { docker_environment docker "$@"; }
