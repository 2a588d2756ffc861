# SPDX-License-Identifier: BSD-2-Clause
#
# talk.py redis|http|visits ADDRESS: until there is a file called "enough", and
# every answer is checked.  Prints its pid, "talking" after the first ones, and
# then how many there were.
#
#	redis	over one connection: counts `n` up, 200 requests at a time
#	http	the same: gets /big, which is the file www/big here
#	visits	gets www/page, each time over a new connection, 16 at a time
import hashlib
import http.client
import itertools
import os
import queue
import socket
import sys
import threading
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


def visit(address, wanted, answers):
    while True:
        try:
            with socket.create_connection((address, 80)) as connection:
                connection.sendall(b"GET /page HTTP/1.0\r\n\r\n")
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
            answers.put("" if answer.endswith(wanted) else "not what was sent")
        except OSError as e:
            answers.put(repr(e))
        time.sleep(0.005)


def visits(address):
    answers = queue.SimpleQueue()
    with open("www/page", "rb") as f:
        wanted = f.read()
    for _ in range(16):
        threading.Thread(target=visit, args=(address, wanted, answers), daemon=True).start()
    for n in itertools.count(1):
        if wrong := answers.get():
            sys.exit(wrong)
        yield n


print("pid", os.getpid(), flush=True)
for n in {"redis": count, "http": download, "visits": visits}[sys.argv[1]](sys.argv[2]):
    if n in (1, 200):
        print("talking", flush=True)
    if os.path.exists("enough"):
        break
print("answers", n, flush=True)
