# SPDX-License-Identifier: BSD-2-Clause
"""
A program for tests/behaviour/run.sh that computes all the time: digits of pi in
one thread, by a generator whose state is big integers, and in another a series
of floats that tells a difference in the last bit, over and over.  When told, it
goes on a little, and looks whether all of it is what another way gives.
"""
import os
import signal
import sys
import threading
import time

ENOUGH = 50
GO = {signal.SIGRTMAX}


def spigot():
    """The digits of pi, after Gibbons: all that follow depend on each number."""
    q, r, t, k, n, m = 1, 0, 1, 1, 3, 3
    while True:
        if 4 * q + r - t < n * t:
            yield n
            q, r, n = 10 * q, 10 * (r - n * t), 10 * (3 * q + r) // t - 10 * n
        else:
            q, r, t, k, n, m = q * k, (2 * q + r) * m, t * m, k + 1, (q * (7 * k + 2) + r * m) // (t * m), m + 2


def machin(count):
    """The first digits of pi, by another formula."""
    unit = 10 ** (count + 10)

    def arctan_of_one_over(x):
        power = total = unit // x
        n, sign = 1, 1
        while power:
            power //= x * x
            n, sign = n + 2, -sign
            total += sign * (power // n)
        return total

    return str(4 * (4 * arctan_of_one_over(5) - arctan_of_one_over(239)))[:count]


def chaos():
    """The logistic map: what differs in the last bit is another number soon."""
    x = 0.4
    for _ in range(200):
        yield x
        x = 3.99 * x * (1.0 - x)


class Work(threading.Thread):
    """Results until there are `end` of them, which is told while it runs."""

    def __init__(self, results):
        super().__init__()
        self.results, self.done, self.end = results, [], 0
        self.start()

    def run(self):
        for result in self.results:
            self.done.append(result)
            if 0 < self.end <= len(self.done):
                return

    def finish(self):
        self.end = len(self.done) + ENOUGH
        self.join()


def verdict(pi, floats):
    if "".join(map(str, pi.done)) != machin(len(pi.done)):
        return "FAIL %d digits of pi" % len(pi.done)
    if set(floats.done) != {sum(chaos())}:
        return "FAIL %d sums of floats: %s" % (len(floats.done), set(floats.done))
    return "PASS"


os.nice(19)	# the other cases have it first
sys.set_int_max_str_digits(0)
signal.pthread_sigmask(signal.SIG_BLOCK, GO)
pi = Work(spigot())
floats = Work(iter(lambda: sum(chaos()), None))
while min(len(pi.done), len(floats.done)) < ENOUGH:
    time.sleep(0.02)
print("ready", flush=True)
signal.sigwait(GO)
pi.finish()
floats.finish()
print(verdict(pi, floats), flush=True)
os._exit(0)
