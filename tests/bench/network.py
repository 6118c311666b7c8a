"""Network namespaces: two and a path between them on which packets take their time; and many around one bridge.

The near end is where the reader lives, the far end where everybody else does. Both are named after this process, and
go with `close`.
"""

import json
import os
import subprocess
import sys
import time

from programs import Program, wait_until

CONNECTS = """
import socket, time
seconds = []
for _ in range(9):
    with socket.socket() as probe:
        start = time.perf_counter()
        probe.connect_ex(("{address}", 1))
        seconds.append(time.perf_counter() - start)
print(min(seconds))
"""


def ip(*words):
    done = subprocess.run(["ip", *words], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def limit_sending(space, device, megabits, burst, latency):
    """What leaves `space` by `device`, headers among it."""
    subprocess.run(["ip", "netns", "exec", space, "tc", "qdisc", "replace", "dev", device, "root", "tbf", "rate",
                    f"{megabits}mbit", "burst", burst, "latency", latency], check=True)


class Namespaces:
    """Those that were added; they go with it."""

    def __init__(self):
        self.made = []

    def add(self, space):
        ip("netns", "add", space)
        self.made.append(space)
        ip("-n", space, "link", "set", "lo", "up")

    def close(self):
        for space in self.made:
            subprocess.run(["ip", "netns", "delete", space], check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class DelayedPath(Namespaces):
    near_address, far_address = "10.78.0.1", "10.78.0.2"

    def __init__(self, build, work, round_trip_ms, *more):
        """`more`: "whole", where packets are not counted and the rate is high."""
        super().__init__()
        self.near, self.far = (f"swarmbench{os.getpid()}{end}" for end in ("n", "f"))
        self.carrier = None
        try:
            for space in (self.near, self.far):
                self.add(space)
            self.carrier = Program([build / "tests/bench/bench_path", str(round_trip_ms * 500), self.near, self.far, *more],
                                   work / "path.log", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            if self.carrier.process.stdout.readline() != "ready\n":
                self.carrier.process.wait()
                self.carrier.alive()
            for space, own, other in ((self.near, self.near_address, self.far_address),
                                      (self.far, self.far_address, self.near_address)):
                ip("-n", space, "addr", "add", own, "peer", other, "dev", "path0")
                ip("-n", space, "link", "set", "path0", "up", "txqueuelen", "10000")
        except BaseException:
            self.close()
            raise

    def limit(self, megabits):
        """What the far end may send towards the near one."""
        limit_sending(self.far, "path0", megabits, "256kb", "50ms")

    def counts(self):
        """Bytes of IP packets that were sent (towards the far end, towards the near end) so far, and those dropped."""
        self.carrier.process.stdin.write("\n")
        self.carrier.process.stdin.flush()
        there, back = json.loads(self.carrier.process.stdout.readline())
        return there["bytes"], back["bytes"], there["dropped"] + back["dropped"]

    def quiet(self):
        """Waits until nothing is under way any more; returns the bytes sent both ways so far."""
        last, since = None, time.monotonic()

        def is_quiet():
            nonlocal last, since
            now = sum(self.counts()[:2])
            if now != last:
                last, since = now, time.monotonic()
            return time.monotonic() - since > 0.2  # four round trips
        wait_until(is_quiet, 30, "the path is quiet")
        return last

    def round_trip_seconds(self):
        """As a connection attempt sees it that the other end refuses."""
        said = subprocess.run(["ip", "netns", "exec", self.near, sys.executable, "-c",
                               CONNECTS.format(address=self.far_address)], stdout=subprocess.PIPE, check=True).stdout
        return float(said)

    def close(self):
        if self.carrier:
            self.carrier.stop()
        super().close()


class Star(Namespaces):
    """Namespaces with links of their own to a bridge, each limited both ways. `address(0)` is the bridge's."""

    def __init__(self, rates_mbit):
        """One (up, down) for each end; the first is number 1."""
        super().__init__()
        self.prefix = f"swarmbench{os.getpid()}s"
        self.hub = f"{self.prefix}0"
        try:
            self.add(self.hub)
            ip("-n", self.hub, "link", "add", "br0", "type", "bridge")
            ip("-n", self.hub, "addr", "add", f"{self.address(0)}/24", "dev", "br0")
            ip("-n", self.hub, "link", "set", "br0", "up")
            for number, (up, down) in enumerate(rates_mbit, 1):
                space = self.space(number)
                self.add(space)
                ip("-n", space, "link", "add", "eth0", "type", "veth", "peer", "name", f"v{number}", "netns", self.hub)
                ip("-n", self.hub, "link", "set", f"v{number}", "master", "br0", "up")
                ip("-n", space, "addr", "add", f"{self.address(number)}/24", "dev", "eth0")
                ip("-n", space, "link", "set", "eth0", "up")
                limit_sending(space, "eth0", up, "64kb", "100ms")
                limit_sending(self.hub, f"v{number}", down, "64kb", "100ms")
        except BaseException:
            self.close()
            raise

    def space(self, number):
        return f"{self.prefix}{number}"

    @staticmethod
    def address(number):
        return f"10.79.0.{number or 254}"
