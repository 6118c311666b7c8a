"""btfs: a torrent as a mount, from a libtorrent seed beside it, whose address its magnet link names.

It has no option that keeps it from looking for others, so both live in a network namespace with nothing but a loopback.
"""

import os
import subprocess
import time

from network import ip
from peers import Meter
from peers.libtorrent_peer import Session, why_no_libtorrent
from programs import Program, clean, unmount, wait_until, why_absent

PATIENCE_SECONDS = 20  # until the metadata is there, and then until the first byte is
READ_SECONDS_MAX = 600  # it is known for 250 KB/s


class Btfs:
    name = "btfs"

    def why_not(self):
        return why_absent("btfs", "ip") or why_no_libtorrent()

    def fetch(self, source, work):
        point, held, space = work / "mount", work / "held", f"swarmbench{os.getpid()}t"
        point.mkdir()
        held.mkdir()
        ip("netns", "add", space)
        try:
            ip("-n", space, "link", "set", "lo", "up")
            with Session(work / "seed.log", "seed", source, namespace=space) as seed:
                hello = seed.hears()
                magnet = f"{hello['magnet']}&x.pe=127.0.0.1:{hello['port']}"
                mount = Program(["btfs", "-f", f"--data-directory={held}", magnet, point], work / "btfs.log", space)
                try:
                    return self._read(mount.has_mounted(point), seed, point / source.name, source)
                finally:
                    mount.kill()  # asked to end while a read waits, it does not
        finally:
            unmount(point)
            ip("netns", "delete", space)
            clean(held)

    @staticmethod
    def _read(mount, seed, path, source):
        wait_until(path.exists, PATIENCE_SECONDS, "btfs has the metadata")
        ends_within(["head", "-c", "1", path], PATIENCE_SECONDS, mount)
        meter = Meter(seed.pid, mount.pid)
        start = time.perf_counter()
        ends_within(["cat", path], READ_SECONDS_MAX, mount)
        fetched = meter.fetched(time.perf_counter() - start)
        ends_within(["cmp", path, source], READ_SECONDS_MAX, mount)
        return fetched


def ends_within(words, seconds, mount):
    """A reader of a mount that does not answer can be neither interrupted nor killed; it ends with the mount."""
    reader = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        if reader.wait(seconds) != 0:
            raise RuntimeError(f"{words[0]} of the mount failed")
    except subprocess.TimeoutExpired as expired:
        mount.kill()
        reader.wait()
        raise RuntimeError(f"{words[0]} of the mount did not end in {seconds} s") from expired
