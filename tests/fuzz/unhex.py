# SPDX-License-Identifier: BSD-2-Clause
"""unhex.py FILE FOLDER: each line of FILE, in hex, as a file of FOLDER."""
import os
import sys

os.makedirs(sys.argv[2], exist_ok=True)
with open(sys.argv[1]) as lines:
    for n, line in enumerate(lines):
        with open(os.path.join(sys.argv[2], "kept-%04d" % n), "wb") as f:
            f.write(bytes.fromhex(line.strip()))
