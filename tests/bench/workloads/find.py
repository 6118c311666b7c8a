"""`find` over many small files: a fresh mount, once more, and by a node that has just started; beside the local tree."""

import subprocess
import time

from accounts import Account, PeakMemory
from programs import drop_caches
from swarm import Swarm
from targets import FIND, FIND_LOCAL, FIND_STARTED, PEAK, cpu
from workloads.small_files import FILES_A_FOLDER


def make_tree(tree, files):
    for number in range(files):
        folder = tree / f"d{number // FILES_A_FOLDER:04d}"
        if number % FILES_A_FOLDER == 0:
            folder.mkdir(parents=True)
        (folder / f"f{number:05d}").write_bytes(b"%d\n" % number)


def timed_find(directory, expected):
    start = time.perf_counter()
    found = subprocess.run(["find", directory, "-type", "f", "-size", "+0"], check=True,
                           stdout=subprocess.PIPE).stdout.count(b"\n")
    took = time.perf_counter() - start
    if found != expected:
        raise RuntimeError(f"find saw {found} files instead of {expected} in {directory}")
    return took


def run(bench):
    files, tree = bench.options.find_files, bench.work / "tree"
    make_tree(tree, files)
    with Swarm(bench.build, bench.work, "lister", tracker=False) as swarm:
        node = swarm["lister"]
        peak = PeakMemory(node.pid)
        node.share(tree, "--to", "tree")
        for number in range(bench.rounds):
            point = node.mount(bench.work / f"find{number}")
            bench.figures.add("find, fresh mount", timed_find(point, files), "s")
            bench.figures.add(FIND, timed_find(point, files), "s")
            node.unmount(point)
            timed_find(tree, files)
            bench.figures.add(FIND_LOCAL, timed_find(tree, files), "s")
        bench.figures.add(f"{PEAK}node with {files} files", peak.stop(), "MiB")
        for number in range(bench.rounds):
            find_by_started_node(bench, node, tree, bench.work / f"started{number}")


def find_by_started_node(bench, node, tree, point):
    """Once with what the kernel still has of the node's home, once without, and then beside the same tree on the disk."""
    files = bench.options.find_files
    restart(node, point)
    account = Account({"node": node.pid})
    bench.figures.add(FIND_STARTED, timed_find(point, files), "s")
    bench.figures.add(cpu(FIND_STARTED, "node"), account.spent()["node"] / files * 1e6, "us/file")
    restart(node, point)
    for name, where in (("caches dropped", point), ("local, caches dropped", tree)):
        if drop_caches():
            bench.figures.add(f"find, {name}", timed_find(where, files), "s")
        else:
            bench.figures.missing(f"find, {name}", "only root can drop the kernel's caches")
    node.unmount(point)


def restart(node, point):
    node.stop()
    node.start()
    node.mount(point)
