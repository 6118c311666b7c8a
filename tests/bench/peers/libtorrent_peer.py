"""libtorrent: a v2 torrent, plain TCP, downloaded to disk. No mount: its bytes are not even read by anybody."""

import json
import pathlib
import subprocess

from peers import Meter
from programs import Program, clean

SESSION = pathlib.Path(__file__).with_name("libtorrent_session.py")
PYTHON = "/usr/bin/python3"  # the one that Debian's python3-libtorrent is for


class Session(Program):
    def __init__(self, log, *words, namespace=None):
        super().__init__([PYTHON, SESSION, *words], log, namespace, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         text=True)

    def hears(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.alive()
        return json.loads(line)

    def goes_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()


def why_no_libtorrent():
    try:
        there = subprocess.run([PYTHON, "-c", "import libtorrent"], stderr=subprocess.DEVNULL, check=False).returncode
    except OSError:
        there = 1
    return "python3-libtorrent is not installed (tools/dev/install-packages bench)" if there else None


class Libtorrent:
    name = "libtorrent v2, to disk"
    why_not = staticmethod(why_no_libtorrent)

    def fetch(self, source, work):
        into = work / "download"
        into.mkdir()
        try:
            with Session(work / "seed.log", "seed", source) as seed:
                port = seed.hears()["port"]
                with Session(work / "fetch.log", "fetch", f"{source}.torrent", into, str(port)) as fetch:
                    fetch.hears()
                    meter = Meter(seed.pid, fetch.pid)
                    fetch.goes_on()
                    return meter.fetched(fetch.hears()["seconds"])
        finally:
            clean(into)
