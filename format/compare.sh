#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# compare.sh RELEASED FORMAT SPEC
#
# What was released stays: no field, enumeration value or rule of the folder
# RELEASED may be missing in FORMAT and SPEC, have another type, or have given
# its number to something else.  A field that is gone must be reserved.
# Prints what is wrong and exits 1.
set -eu
released=$1 format=$2 spec=$3

# "Message.number repeated-type name", "Enum.number value NAME", "Message.number reserved"
flatten() {
	sed 's|//.*||' "$1"/*.proto | tr -s ' \t\n' ' ' | sed 's/[{};]/&\n/g' | awk '
		/^ *(message|enum) /	{ is_enum = $1 == "enum"; in_ = $2; next }
		/^ *}/			{ next }
		/^ *reserved /		{
			gsub(/[;,]/, " ")
			for (i = 2; i <= NF; i++)
				print in_ "." $i, "reserved"
			next
		}
		/=.*;/ && in_ != "" {
			gsub(/[=;]/, " ")
			if (is_enum)
				print in_ "." $2, "value", $1
			else if ($1 == "repeated" || $1 == "optional")
				print in_ "." $4, $1 "-" $2, $3
			else
				print in_ "." $3, $1, $2
		}'
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flatten "$released" >"$work/old"
flatten "$format" >"$work/new"
cat "$spec"/rules-*.md | sed -n 's/^| \([A-Z][A-Z0-9]*-[0-9]*\) |.*/\1/p' >"$work/rules"
[ -s "$work/old" ] && [ -s "$work/new" ] && [ -s "$work/rules" ] || { echo "nothing to compare"; exit 1; }

awk '
	FILENAME == ARGV[1]	{ type[$1] = $2; name[$1] = $3; next }
	FILENAME == ARGV[2]	{ rule[$1] = 1; next }
	FILENAME == ARGV[3]	{ if (!($1 in rule)) { print "rule " $1 " was dropped"; bad = 1 }; next }
	!($1 in type)		{ print $1 " " $3 " is gone, and not reserved"; bad = 1; next }
	$2 == "reserved"	{ if (type[$1] != "reserved") { print $1 " was retired, and is used again"; bad = 1 }; next }
	type[$1] == "reserved"	{ next }
	type[$1] != $2		{ print $1 " " $3 " was " $2 ", and is " type[$1]; bad = 1; next }
	name[$1] != $3		{ print $1 " was " $3 ", and is " name[$1]; bad = 1 }
	END			{ exit bad }
' "$work/new" "$work/rules" "$released/rules" "$work/old"
