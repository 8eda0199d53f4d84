# shellcheck shell=bash
# TAP for shell tests: source it, call check and is, end with done_testing.
N_CASES=0

# ok DESCRIPTION STATUS: a case that passed when STATUS is 0
ok() {
	N_CASES=$((N_CASES + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $N_CASES - $1"
	else
		echo "not ok $N_CASES - $1"
	fi
}

# check DESCRIPTION COMMAND...: COMMAND must succeed; what it printed is shown when it does not
check() {
	local said status what=$1
	shift
	said=$("$@" 2>&1)
	status=$?
	ok "$what" $status
	[ $status -eq 0 ] || printf '# %s\n# exit status %s: %s\n' "$*" "$status" "${said//$'\n'/$'\n# '}"
}

# same DESCRIPTION FILE FILE
same() {
	check "$1" diff -u "$2" "$3"
}

# says DESCRIPTION STATUS PATTERN COMMAND...: exit status and an extended regular expression
# somewhere in what it prints (both streams)
says() {
	local what=$1 wanted=$2 pattern=$3 said status
	shift 3
	said=$("$@" 2>&1 </dev/null)
	status=$?
	if [ "$status" -eq "$wanted" ] && grep -qE -- "$pattern" <<<"$said"; then
		ok "$what" 0
	else
		ok "$what" 1
		printf '# %s\n# exit status %s, wanted %s and: %s\n# %s\n' "$*" "$status" "$wanted" \
			"$pattern" "${said//$'\n'/$'\n# '}"
	fi
}

done_testing() {
	echo "1..$N_CASES"
}
