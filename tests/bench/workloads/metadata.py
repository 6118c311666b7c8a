"""Names alone: listing one large directory with attributes, and, as mdtest does, several processes that each make empty files in
a directory of their own, and then ask for each of them by its name."""

import multiprocessing
import os
import shutil
import subprocess
import time

from accounts import Account
from swarm import Swarm
from targets import CREATES, LISTING, STATS, cpu

PROCESSES = 4


def create(folder, count):
    folder.mkdir()
    for number in range(count):
        os.close(os.open(f"{folder}/file{number:06d}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))


def stat(folder, count):
    for number in range(count):
        os.stat(f"{folder}/file{number:06d}")


def together(work, root, count):
    """Seconds that PROCESSES of them take, each with its part of `count`. Starting them is not counted."""
    barrier = multiprocessing.Barrier(PROCESSES + 1)
    failed = multiprocessing.Value("i", 0)

    def one(number):
        barrier.wait()
        try:
            work(root / f"process{number}", count // PROCESSES)
        except OSError:
            failed.value += 1
    processes = [multiprocessing.Process(target=one, args=(number,)) for number in range(PROCESSES)]
    for process in processes:
        process.start()
    barrier.wait()
    start = time.perf_counter()
    for process in processes:
        process.join()
    took = time.perf_counter() - start
    if failed.value:
        raise RuntimeError(f"{failed.value} of {PROCESSES} processes failed in {root}")
    return took


def measured(bench, name, pid, work, root):
    count, account = bench.options.names, Account({"node": pid} if pid else {})
    took = together(work, root, count)
    bench.figures.add(name, count / took, "1/s")
    if pid:
        bench.figures.add(cpu(name, "node"), account.spent()["node"] / count * 1e6, "us each")


def run_names(bench):
    """A mount that was just made knows no name: every stat is a question to the node."""
    with Swarm(bench.build, bench.work, "namer", tracker=False) as swarm:
        node, point = swarm["namer"], bench.work / "mount"
        for number in range(bench.rounds):
            here, local = f"round{number}", bench.work / f"local{number}"
            (point / here).mkdir()
            measured(bench, CREATES, node.pid, create, point / here)
            node.unmount(point)
            node.mount(point)
            measured(bench, STATS, node.pid, stat, point / here)
            local.mkdir()
            measured(bench, f"{CREATES}, local", None, create, local)
            measured(bench, f"{STATS}, local, warm", None, stat, local)
            shutil.rmtree(local)


def run_listing(bench):
    files, tree = bench.options.listed, bench.work / "tree"
    tree.mkdir()
    for number in range(files):
        (tree / f"file{number:06d}").write_bytes(b"%d\n" % number)
    with Swarm(bench.build, bench.work, "lister", tracker=False) as swarm:
        node = swarm["lister"]
        node.share(tree)
        there = node.sees(tree.name)
        bench.figures.add("ls -l of a large directory, first time", timed_listing(there, files), "s")
        for _ in range(bench.rounds):
            account = Account({"node": node.pid})
            bench.figures.add(LISTING, timed_listing(there, files), "s")
            bench.figures.add(cpu(LISTING, "node"), account.spent()["node"], "s")
            bench.figures.add(f"{LISTING}, local", timed_listing(tree, files), "s")


def timed_listing(directory, expected):
    start = time.perf_counter()
    lines = subprocess.run(["ls", "-l", directory], check=True, stdout=subprocess.PIPE).stdout.count(b"\n")
    took = time.perf_counter() - start
    if lines != expected + 1:
        raise RuntimeError(f"ls saw {lines - 1} files instead of {expected}")
    return took
