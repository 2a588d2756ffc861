#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Add up the counts of every configuration.
#
# usage: total.sh COUNTS...
set -u
cat "$@" 2>/dev/null | awk '
	{ passed += $1; failed += $2; skipped += $3 }
	END {
		printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
		exit failed > 0 || passed == 0
	}'
