"""Other systems that do the same work, each run on the same file in the same round.

A peer is a class with
    name                 as its figures are called
    why_not()            why it cannot be run here, or None
    fetch(source, work)  starts both ends in `work`, reads the file `source` once, cold, and takes both ends down;
                         returns a Fetched
"""

import dataclasses

from accounts import Account, PeakMemory
from programs import read_through, unmount, wait_until


@dataclasses.dataclass
class Fetched:
    seconds: float
    cpu: dict          # what both ends spent meanwhile: accounts.Account.spent()
    peaks: dict        # MiB by end


class Meter:
    """Account and peak memory of both ends, from now on."""

    def __init__(self, serving, fetching):
        pids = {name: pid for name, pid in (("serving", serving), ("fetching", fetching)) if pid}
        self.account = Account(pids)
        self.peaks = {name: PeakMemory(pid) for name, pid in pids.items()}

    def fetched(self, seconds):
        spent = self.account.spent()
        return Fetched(seconds, spent, {name: peak.stop() for name, peak in self.peaks.items()})


def read_mounted(server, mount, file, lists):
    """Reads `file` once through the peer's mount, in whose top directory it stands, and takes the mount down."""
    mount.has_mounted(file.parent)
    wait_until(file.exists, 20, lists)
    meter = Meter(server.pid, mount.pid)
    fetched = meter.fetched(read_through(file))
    unmount(file.parent)
    return fetched


def every_peer():
    from peers import btfs, http, libtorrent_peer, local, ssh
    return [libtorrent_peer.Libtorrent(), http.RcloneMount(), ssh.Sshfs(), btfs.Btfs(), local.Local()]
