"""4 KiB written into a published file and closed: how soon, how much goes to the disk, and how much to another member
that has the file."""

import os
import pathlib
import shutil
import time

from programs import MIB, random_file, read_through, wait_until
from swarm import NAME, Swarm
from targets import EDIT_CLOSE, EDIT_DISK, EDIT_SEEN, EDIT_WIRE

BYTES = 4096


def disk_writes(pid):
    """Bytes a process caused to be written to the disk, as the kernel accounts them."""
    lines = pathlib.Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split(":")[1]) for line in lines if line.startswith("write_bytes"))


def root(node):
    return next((entry["root"] for entry in node.json("list", NAME)["entries"] if entry["name"] == "big"), None)


def received(node):
    return sum(peer["received_bytes"] for peer in node.json("peers", NAME)["peers"])


def edit(bench, swarm, number, copy):
    """The writer has the swarm mounted; the other one follows."""
    writer, other = swarm["reader"], swarm["giver"]
    before, there = root(other), received(other)
    os.sync()
    written = disk_writes(writer.pid)
    offset = bench.size // 2 + number * 10 * MIB % (bench.size // 2)
    data = os.urandom(BYTES)
    start = time.perf_counter()
    with open(bench.work / "mount/big", "r+b", buffering=0) as file:
        file.seek(offset)
        file.write(data)
    bench.figures.add(EDIT_CLOSE, (time.perf_counter() - start) * 1000, "ms")
    wait_until(lambda: root(other) != before, 60, "the other member shows the change")
    bench.figures.add(EDIT_SEEN, (time.perf_counter() - start) * 1000, "ms")
    os.sync()
    bench.figures.add(EDIT_DISK, (disk_writes(writer.pid) - written) / 1024, "KiB")
    read_through(copy)
    with open(copy, "rb") as file:
        file.seek(offset)
        if file.read(BYTES) != data:
            raise RuntimeError("the other member reads something else than what was written")
    bench.figures.add(EDIT_WIRE, (received(other) - there) / 1024, "KiB")


def run(bench):
    with Swarm(bench.build, bench.work, "giver", "reader") as swarm:
        path = random_file(bench.work / "big", bench.size)
        shutil.copy(path, bench.work / "mount/big")
        path.unlink()
        swarm["giver"].mount(bench.work / "other")
        copy = swarm["giver"].sees("big")
        read_through(copy)  # so that the other has the file
        for number in range(bench.rounds):
            edit(bench, swarm, number, copy)
