"""What this machine can do at most, from the work that no implementation can leave out, each piece measured alone."""

import json
import os
import pathlib
import subprocess
import time

from accounts import process_seconds
from programs import MIB, Program, read_through, unmount

GIB = 1 << 30
LIMIT = "limit of this machine"
READ_AHEAD_KIB = 2048  # as a mount of swarmfs asks for, so that the kernel's requests are as large

# What one byte of a cold read meets between the giver's page cache and the program that reads it.
PRIMITIVES = {
    "seal": "AES-256-GCM seal, records of 64 KiB",
    "open": "AES-256-GCM open, records of 64 KiB",
    "hash": "SHA-256 of 16 KiB leaves, the better of the two",
    "socket": "send and recv over loopback TCP",
    "write": "pwrite to a new sparse file",
    "reply": "FUSE reply from memory, the daemon",
    "read": "read() through FUSE, the program that reads",
}


def primitive(name):
    return f"primitive: {PRIMITIVES[name]}"


def fuse_costs(build, work, size):
    """CPU seconds per byte that a FUSE daemon spends on replies from memory, and that its reader spends."""
    point = work / "fuse"
    point.mkdir(exist_ok=True)
    try:
        with Program([build / "tests/bench/bench_fuse", point, size], work / "fuse.log") as daemon:
            daemon.has_mounted(point)
            device = os.stat(point).st_dev
            bdi = pathlib.Path(f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb")
            bdi.write_text(str(READ_AHEAD_KIB), encoding="ascii")
            before = process_seconds(daemon.pid), time.thread_time()
            read_through(point / "file")
            replies, reader = process_seconds(daemon.pid) - before[0], time.thread_time() - before[1]
            unmount(point)
            return replies / size, reader / size
    finally:
        unmount(point)


def sample(bench, work):
    """Measures every primitive once and adds it, with the limit that follows from them."""
    size = min(bench.size, 512 * MIB)
    work.mkdir(parents=True, exist_ok=True)
    said = subprocess.run([bench.build / "tests/bench/bench_primitives", "costs", work, str(size)], check=True,
                          stdout=subprocess.PIPE).stdout
    measured = json.loads(said)
    costs = {name: measured[name] for name in ("seal", "open", "socket", "write")}
    costs["hash"] = min(measured["hash_openssl"], measured["hash_lanes"])
    costs["reply"], costs["read"] = fuse_costs(bench.build, work, size)
    for name in PRIMITIVES:
        bench.figures.add(primitive(name), costs[name] * GIB, "s/GiB")
    bench.figures.add("primitive, beside: SHA-256 of leaves by OpenSSL alone", measured["hash_openssl"] * GIB, "s/GiB")
    bench.figures.add(LIMIT, len(os.sched_getaffinity(0)) / sum(costs.values()) / MIB, "MiB/s")


def run(bench):
    for _ in range(bench.rounds):
        sample(bench, bench.work)
