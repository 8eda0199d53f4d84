# shellcheck shell=sh
# TAP for tests in shell: check "sentence" COMMAND..., one case each; tap_done at the end.
tap_n=0 tap_failed=0
check()
{
	tap_name=$1
	shift
	tap_n=$((tap_n + 1))
	if tap_out=$("$@" 2>&1); then
		echo "ok $tap_n - $tap_name"
	else
		echo "not ok $tap_n - $tap_name"
		echo "$tap_out" | sed 's/^/# /'
		tap_failed=1
	fi
}
tap_done()
{
	echo "1..$tap_n"
	exit "$tap_failed"
}
