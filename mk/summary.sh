#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What kyua found: failures with their output, skips with their reasons, and
# the counts, which also go to COUNTS.
#
# usage: summary.sh CONFIGURATION RESULTS LOG COUNTS
set -u

echo "== $1"
shift

if [ ! -s "$1" ]; then
	cat "$2"
	echo "kyua ran nothing" >&2
	exit 1
fi
kyua report -r "$1" --verbose --results-filter=broken,failed 2>/dev/null | sed -n '/^===>/,$p' | head -400
kyua report -r "$1" --results-filter=skipped,xfail 2>/dev/null | grep -E -- '->' || true
sql="select coalesce(sum(result_type in ('passed', 'expected_failure')), 0) || ' ' ||
    coalesce(sum(result_type in ('failed', 'broken')), 0) || ' ' ||
    coalesce(sum(result_type = 'skipped'), 0) from test_results"
kyua db-exec -r "$1" --no-headers "$sql" >"$3"
read -r passed failed skipped <"$3"
echo "$passed passed, $failed failed, $skipped skipped"
