#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What portwall explain says of a host in a file, to the letter. UPDATE_GOLDEN=1 writes it anew.
set -u
here=$(dirname "$0")/explain
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
said=$(mktemp -d)
trap 'rm -r "$said"' EXIT
export NO_COLOR=1

while IFS='|' read -r name words; do
	name=${name%% *}
	case $name in
	'' | '#'*) continue ;;
	esac
	# shellcheck disable=SC2086 # words are several
	"$PORTWALL" explain --snapshot "$here/lab.json" $words > "$said/$name" 2>&1 </dev/null
	echo "exit status $?" >> "$said/$name"
	[ -z "${UPDATE_GOLDEN-}" ] || cp "$said/$name" "$here/$name.expected"
	same "$name" "$here/$name.expected" "$said/$name"
done < "$here/cases"
tap_done
