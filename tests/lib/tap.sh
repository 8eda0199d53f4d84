# shellcheck shell=sh
# TAP for tests in shell: source it; check, same and says are one case each; tap_done at the end.
tap_n=0 tap_failed=0

# ok SENTENCE STATUS [WHAT]: passed when STATUS is 0; else WHAT is shown
ok()
{
	tap_n=$((tap_n + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $tap_n - $1"
		return
	fi
	echo "not ok $tap_n - $1"
	[ -z "${3-}" ] || echo "$3" | sed 's/^/# /'
	tap_failed=1
}

# check SENTENCE COMMAND...: COMMAND must succeed
check()
{
	tap_name=$1
	shift
	tap_out=$("$@" 2>&1 && echo TAP-PASSED)
	case $tap_out in
	*TAP-PASSED) ok "$tap_name" 0 ;;
	*) ok "$tap_name" 1 "$*
$tap_out" ;;
	esac
}

# same SENTENCE FILE FILE
same()
{
	check "$1" diff -u "$2" "$3"
}

# says SENTENCE STATUS PATTERN COMMAND...: its exit status, and an extended regular expression
# somewhere in what it prints on both streams
says()
{
	tap_name=$1 tap_wanted=$2 tap_pattern=$3
	shift 3
	tap_status=0
	tap_out=$("$@" 2>&1 </dev/null) || tap_status=$?
	if [ "$tap_status" -eq "$tap_wanted" ] && echo "$tap_out" | grep -qE -- "$tap_pattern"; then
		ok "$tap_name" 0
	else
		ok "$tap_name" 1 "$*
exit status $tap_status, wanted $tap_wanted and: $tap_pattern
$tap_out"
	fi
}

tap_done()
{
	echo "1..$tap_n"
	exit "$tap_failed"
}
