# SPDX-License-Identifier: BSD-2-Clause
#
# Turn the schema into C constants for code that encodes without protobuf-c:
#	message OpenFile { uint64 position = 12; }	->  #define PSNAP_F_OPEN_FILE_POSITION 12
#	enum Kind { KIND_HOST = 2; }			->  #define PSNAP_KIND_HOST 2
# Reads the plain style format/*.proto are written in: one field a line, no
# nested messages.

function snake(s,    out, i, c, prev) {
	out = ""
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		prev = i > 1 ? substr(s, i - 1, 1) : ""
		if (c ~ /[A-Z]/ && prev ~ /[a-z0-9]/)
			out = out "_"
		out = out toupper(c)
	}
	return out
}

BEGIN {
	print "/* Made by format/fields.awk from the .proto files. */"
	print "#ifndef FORMAT_PSNAP_FIELDS_H"
	print "#define FORMAT_PSNAP_FIELDS_H"
}

{ sub(/\/\/.*/, "") }

/^message / { scope = "message"; name = snake($2); print ""; next }
/^enum /    { scope = "enum"; print ""; next }
/^}/        { scope = ""; next }
/^ *(reserved|option) / { next }

scope != "" && /=/ {
	split($0, side, "=")
	n = split(side[1], word, " ")
	value = side[2] + 0
	if (scope == "message")
		printf "#define PSNAP_F_%s_%s %d\n", name, toupper(word[n]), value
	else
		printf "#define PSNAP_%s %d\n", word[1], value
}

END {
	print ""
	print "#endif"
}
