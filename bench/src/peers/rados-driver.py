"""Puts or gets of objects of a Ceph pool: as many clients as ordered, each with one in flight.

The same loop and the same clock semantics as the load that Kura gets. Its standard input has
a line of JSON with its orders, then a line each to go and to report; it answers a line of JSON to
each of the three: when it has warmed up, when the last operation has ended, what it found.

A thread for each client: python3-rados gives the interpreter's lock away while an operation runs,
and hashlib while it hashes.
"""

import ctypes
import hashlib
import json
import os
import random
import sys
import threading
import time

import rados

STAMP_BYTES = 8
COUNTER_BITS = 40


def main():
    orders = json.loads(sys.stdin.readline())
    cluster = rados.Rados(conffile=orders["conf"], rados_id="admin")
    cluster.connect()
    ioctx = cluster.open_ioctx(orders["pool"])
    make = {"put": make_put, "get": make_get}[orders["operation"]]
    load = Load(make(ioctx, orders), orders)
    load.warm_up(orders["warmUpSeconds"])
    tell({})
    wait_for_word()
    seconds, latencies = load.measure(orders["seconds"])
    tell({})
    wait_for_word()
    tell({"seconds": seconds, "latencyUs": latencies, "counts": load.counts})
    # Who started it looks at its memory until then.
    sys.stdin.read()
    ioctx.close()
    cluster.shutdown()


def wait_for_word():
    if sys.stdin.readline() == "":
        sys.exit("who started this is gone")


def tell(reply):
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()


class Load:
    """Runs the operation by all clients at once; the first failure ends all of them."""

    def __init__(self, operation, orders):
        self._operation = operation
        self._clients = orders["clients"]
        self._most = orders["mostOperations"]
        # Each object is read once before any is read at random.
        self._visit_once = list(range(sum(orders["counts"])))
        random.shuffle(self._visit_once)
        self._failure = None
        self._done = 0
        # Operations of each client so far: which objects it has put follows from it.
        self.counts = [0] * self._clients

    def warm_up(self, seconds):
        self._run(seconds, None)

    def measure(self, seconds):
        latencies = [[] for _ in range(self._clients)]
        started = time.perf_counter_ns()
        self._run(seconds, latencies)
        elapsed = (time.perf_counter_ns() - started) / 1e9
        return elapsed, [us for each in latencies for us in each]

    def _run(self, seconds, latencies):
        ends = time.perf_counter_ns() + int(seconds * 1e9)
        threads = [
            threading.Thread(target=self._guard, args=(client, ends, latencies))
            for client in range(self._clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failure is not None:
            raise self._failure

    def _guard(self, client, ends, latencies):
        try:
            self._loop(client, ends, [] if latencies is None else latencies[client])
        except Exception as failure:
            self._failure = failure

    def _loop(self, client, ends, latencies):
        clock, operation = time.perf_counter_ns, self._operation
        while self._failure is None:
            wanted = self._next_to_visit()
            started = clock()
            if (wanted is None and started >= ends) or self._done >= self._most:
                return
            operation(client, self.counts[client], wanted)
            latencies.append((clock() - started) // 1000)
            self.counts[client] += 1
            self._done += 1

    def _next_to_visit(self):
        try:
            return self._visit_once.pop()
        except IndexError:
            return None


def make_put(ioctx, orders):
    size, prefix, is_hashing = orders["sizeBytes"], orders["prefix"], orders["hash"]
    # librados copies what it is given, so each client may use its bytes again: a copy less for it.
    contents = [os.urandom(size) for _ in range(orders["clients"])]
    stamps = [ctypes.cast(ctypes.c_char_p(each), ctypes.c_void_p).value for each in contents]

    def put(client, number, _wanted):
        stamp = stamp_of(client, number)
        ctypes.memmove(stamps[client] + size - STAMP_BYTES, stamp, STAMP_BYTES)
        if is_hashing:
            hashlib.sha256(contents[client]).digest()
        ioctx.write_full(f"{prefix}-{client}-{number}", contents[client])

    return put


def make_get(ioctx, orders):
    size, prefix, is_hashing = orders["sizeBytes"], orders["prefix"], orders["hash"]
    counts = enumerate(orders["counts"])
    stored = [(client, number) for client, count in counts for number in range(count)]
    choose = random.Random().randrange

    def get(_client, _number, wanted):
        client, number = stored[choose(len(stored)) if wanted is None else wanted]
        content = ioctx.read(f"{prefix}-{client}-{number}", size)
        if is_hashing:
            hashlib.sha256(content).digest()
        if len(content) != size or content[-STAMP_BYTES:] != stamp_of(client, number):
            raise RuntimeError(f"object {prefix}-{client}-{number} has other bytes")

    return get


def stamp_of(client, number):
    return (client << COUNTER_BITS | number).to_bytes(STAMP_BYTES, "little")


main()
