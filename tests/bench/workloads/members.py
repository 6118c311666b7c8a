"""The same bytes from four members at once; and eight programs that read eight files at once from one."""

import threading

from programs import MIB, random_file, read_through
from swarm import Swarm
from targets import MEMBERS, MEMBERS_ONE, READERS, READERS_ONE, SLOWEST

READERS_AT_ONCE = 8


def rate(size, seconds):
    return size / MIB / seconds


def run_members(bench):
    """Each round: a file that one member has, and one that all four have."""
    givers = ["giver", "second", "third", "fourth"]
    with Swarm(bench.build, bench.work, *givers, "reader") as swarm:
        for number in range(bench.rounds):
            for name, holders in ((MEMBERS_ONE, givers[:1]), (MEMBERS, givers)):
                path = random_file(bench.work / f"of{len(holders)}-{number}", bench.size)
                swarm["giver"].share(path)
                there = swarm["reader"].sees(path.name)
                for holder in holders[1:]:
                    out = bench.work / f"{holder}-{path.name}"
                    swarm[holder].download(path.name, out)
                    out.unlink()  # its store keeps what it gives
                swarm["reader"].is_connected(len(givers))
                received = received_by_peer(swarm["reader"])
                bench.figures.add(name, rate(bench.size, read_through(there)), "MiB/s")
                if holders == givers:
                    note_shares(bench, received, received_by_peer(swarm["reader"]))
                path.unlink()


def received_by_peer(node):
    return {peer["node"]: peer["received_bytes"] for peer in node.json("peers")["peers"]}


def note_shares(bench, before, after):
    given = [after[peer] - before.get(peer, 0) for peer in after]
    if sum(given):
        bench.figures.add("four members: the largest giver's share", max(given) / sum(given), "")


def run_readers(bench):
    """Each round: one reader of one file, and eight readers of eight files of together the same size."""
    each = bench.size // READERS_AT_ONCE
    with Swarm(bench.build, bench.work, "giver", "reader") as swarm:
        for number in range(bench.rounds):
            one = random_file(bench.work / f"one{number}", bench.size)
            swarm["giver"].share(one)
            bench.figures.add(READERS_ONE, rate(bench.size, read_through(swarm["reader"].sees(one.name))), "MiB/s")
            one.unlink()
            paths = [random_file(bench.work / f"r{number}-{i}", each) for i in range(READERS_AT_ONCE)]
            swarm["giver"].share(*paths)
            seconds, share = read_at_once([swarm["reader"].sees(path.name) for path in paths])
            bench.figures.add(READERS, rate(each * len(paths), seconds), "MiB/s")
            bench.figures.add(SLOWEST, share, "")
            for path in paths:
                path.unlink()


def read_at_once(paths):
    """Returns: seconds until the last has ended, and how much the slowest had read, beside the mean, when the first
    one ended. (Later, who is still reading has the machine for itself.)"""
    read = [0] * len(paths)
    seconds = [0.0] * len(paths)
    when_first_ended = []
    gate = threading.Barrier(len(paths))

    def reader(i):
        def told(got):
            read[i] += got
        gate.wait()
        seconds[i] = read_through(paths[i], told=told)
        if not when_first_ended:
            when_first_ended.append(list(read))

    threads = [threading.Thread(target=reader, args=(i,)) for i in range(len(paths))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    progress = when_first_ended[0]
    return max(seconds), min(progress) / (sum(progress) / len(progress))
