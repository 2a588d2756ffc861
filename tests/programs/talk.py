# SPDX-License-Identifier: BSD-2-Clause
#
# talk.py redis|http ADDRESS: over one connection, until there is a file called
# "enough", and every answer is checked.  Prints its pid, "talking" after the
# first ones, and then how many there were.
#
#	redis	counts `n` up, 200 requests at a time
#	http	gets /big, which is the file www/big here
import hashlib
import http.client
import os
import socket
import sys
import time


def count(address):
    connection = socket.create_connection((address, 6379))
    answers = connection.makefile("rb")
    n = 0
    while True:
        connection.sendall(b"INCR n\r\n" * 200)
        for _ in range(200):
            n += 1
            answer = answers.readline()
            if answer != b":%d\r\n" % n:
                sys.exit("%r instead of %d" % (answer, n))
        yield n
        time.sleep(0.001)


def download(address):
    with open("www/big", "rb") as f:
        wanted = hashlib.sha256(f.read()).digest()
    connection = http.client.HTTPConnection(address)
    connection.connect()
    connection.auto_open = 0
    n = 0
    while True:
        connection.request("GET", "/big")
        answer = connection.getresponse()
        digest = hashlib.sha256()
        while piece := answer.read(65536):
            digest.update(piece)
            time.sleep(0.001)
        if digest.digest() != wanted:
            sys.exit("not what was sent")
        n += 1
        yield n


print("pid", os.getpid(), flush=True)
for n in {"redis": count, "http": download}[sys.argv[1]](sys.argv[2]):
    if n in (1, 200):
        print("talking", flush=True)
    if os.path.exists("enough"):
        break
print("answers", n, flush=True)
