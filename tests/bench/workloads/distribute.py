"""One publisher with a thin uplink and eight members that all fetch its file at once, beside the bound of their links."""

import threading
import time

from network import Star
from peers.libtorrent_peer import Session, why_no_libtorrent
from programs import MIB, clean, random_file, wait_until
from swarm import NAME, Node, Tracker
from targets import DISTRIBUTE, DISTRIBUTE_TORRENT

SIZE = 64 * MIB
MEMBERS = 8
PUBLISHER_MBIT, MEMBER_MBIT = 20, 40
PORT = 6881
BOUND = 8 * SIZE / 1e6 * max(1 / PUBLISHER_MBIT, 1 / MEMBER_MBIT, MEMBERS / (PUBLISHER_MBIT + MEMBERS * MEMBER_MBIT))


def at_once(fetches):
    """Seconds until the last of them has ended."""
    failed = []
    gate = threading.Barrier(len(fetches) + 1)

    def run(fetch):
        gate.wait()
        try:
            fetch()
        except (RuntimeError, OSError, ValueError) as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(fetch,)) for fetch in fetches]
    for thread in threads:
        thread.start()
    gate.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return time.perf_counter() - start


def swarmfs(bench, star, path, work):
    nodes = []
    tracker = Tracker(bench.build, work, star.address(0), star.hub)
    try:
        for number in range(1, MEMBERS + 2):
            nodes.append(Node(bench.build, work, f"n{number}", star.address(number), star.space(number)))
        publisher, *members = nodes
        publisher.run("create", NAME, "--tracker", tracker.url)
        for member in members:
            member.run("join", publisher.run("invite", NAME).strip().splitlines()[-1])
        publisher.share(path)
        for member in members:
            wait_until(lambda member=member: any(entry["name"] == path.name for entry in member.json("list", NAME)["entries"]),
                       60, f"{member.name} lists it")
            member.is_connected(MEMBERS)
        return at_once([lambda member=member: member.download(path.name, work / f"{member.name}.out") for member in members])
    finally:
        for node in nodes:
            node.stop()
        tracker.stop()


def torrent(star, path, work):
    sessions = []
    try:
        seed = Session(work / "seed.log", "seed", path, star.address(1), str(PORT), namespace=star.space(1))
        sessions.append(seed)
        seed.hears()
        for number in range(2, MEMBERS + 2):
            into = work / f"into{number}"
            into.mkdir()
            others = [star.address(other) for other in range(1, number)]
            fetch = Session(work / f"fetch{number}.log", "fetch", f"{path}.torrent", into, str(PORT),
                            star.address(number), *others, namespace=star.space(number))
            sessions.append(fetch)
            fetch.hears()

        def finish(fetch):
            fetch.goes_on()
            fetch.hears()
        return at_once([lambda fetch=fetch: finish(fetch) for fetch in sessions[1:]])
    finally:
        for session in sessions:
            session.stop()


def run(bench):
    """Each round: swarmfs, then libtorrent, over the same links."""
    rates = [(PUBLISHER_MBIT, MEMBER_MBIT)] + [(MEMBER_MBIT, MEMBER_MBIT)] * MEMBERS
    why_not = why_no_libtorrent()
    if why_not:
        bench.figures.missing(DISTRIBUTE_TORRENT, why_not)
    with Star(rates) as star:
        for number in range(bench.rounds):
            path = random_file(bench.work / f"film{number}", SIZE)
            for name, fetch in ((DISTRIBUTE, lambda work, path=path: swarmfs(bench, star, path, work)),
                                (DISTRIBUTE_TORRENT, lambda work, path=path: torrent(star, path, work))):
                if name == DISTRIBUTE_TORRENT and why_not:
                    continue
                work = bench.work / f"{number}-{len(name)}"
                work.mkdir()
                bench.figures.add(name, fetch(work) / BOUND, "")
                clean(work)
            path.unlink()
