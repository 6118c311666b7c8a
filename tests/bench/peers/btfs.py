"""btfs: a torrent as a mount, from a libtorrent seed beside it. It finds the seed by its address in the magnet link."""

import subprocess

from peers import Meter
from peers.libtorrent_peer import Session, why_no_libtorrent
from programs import Program, clean, read_through, unmount, wait_until, why_absent


class Btfs:
    name = "btfs"

    def why_not(self):
        return why_absent("btfs") or why_no_libtorrent()

    def fetch(self, source, work):
        point, held = work / "mount", work / "held"
        point.mkdir()
        held.mkdir()
        try:
            with Session(work / "seed.log", "seed", source) as seed:
                hello = seed.hears()
                magnet = f"{hello['magnet']}&x.pe=127.0.0.1:{hello['port']}"
                with Program(["btfs", "-f", f"--data-directory={held}", magnet, point], work / "btfs.log") as mount:
                    mount.has_mounted(point)
                    wait_until(lambda: mount.alive() and (point / source.name).exists(), 60, "btfs has the metadata")
                    meter = Meter(seed.pid, mount.pid)
                    fetched = meter.fetched(read_through(point / source.name))
                    subprocess.run(["cmp", point / source.name, source], check=True)
                    unmount(point)
                    return fetched
        finally:
            unmount(point)
            clean(held)
