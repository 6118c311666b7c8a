"""Many files of 0 to 299 bytes: published by one member, read through tar on another that has none of them."""

import random
import subprocess
import time

from accounts import Account
from programs import clean, wait_until
from swarm import NAME, Swarm
from targets import SMALL_PUBLISH, SMALL_TAR, cpu

BYTES_BELOW = 300
FILES_A_FOLDER = 100


def make_tree(root, files, seed):
    """Names and bytes that follow from `seed`, so that no two rounds share a content."""
    dice = random.Random(seed)
    for number in range(files):
        folder = root / f"d{number // FILES_A_FOLDER:04d}"
        if number % FILES_A_FOLDER == 0:
            folder.mkdir(parents=True)
        (folder / f"f{number:05d}").write_bytes(dice.randbytes(dice.randrange(BYTES_BELOW)))
    return root


def run(bench):
    files = bench.options.files
    with Swarm(bench.build, bench.work, "giver", "reader") as swarm:
        for number in range(bench.rounds):
            tree = make_tree(bench.work / f"tree{number}", files, number)
            start = time.perf_counter()
            swarm["giver"].share(tree, "--to", tree.name)
            bench.figures.add(SMALL_PUBLISH, files / (time.perf_counter() - start), "files/s")
            wait_until(lambda: same_catalog(swarm), 120, "the reader knows all of them")
            cold_tar(bench, swarm, swarm["reader"].sees(tree.name), files)
            clean(tree)


def same_catalog(swarm):
    counts = [next(one["files"] for one in swarm[name].json("status")["swarms"] if one["name"] == NAME)
              for name in ("giver", "reader")]
    return counts[0] == counts[1]


def cold_tar(bench, swarm, there, files):
    """Through a pipe: GNU tar that writes to /dev/null itself reads nothing."""
    account = Account({"serving": swarm["giver"].pid, "fetching": swarm["reader"].pid})
    start = time.perf_counter()
    tar = subprocess.Popen(["tar", "-C", there, "-c", "."], stdout=subprocess.PIPE)
    with open("/dev/null", "wb") as nowhere:
        subprocess.run(["cat"], stdin=tar.stdout, stdout=nowhere, check=True)
    tar.stdout.close()
    if tar.wait() != 0:
        raise RuntimeError("tar could not read all of them")
    bench.figures.add(SMALL_TAR, files / (time.perf_counter() - start), "files/s")
    for end, seconds in account.spent().items():
        bench.figures.add(cpu("small files", end), seconds / files * 1e6, "us/file")
