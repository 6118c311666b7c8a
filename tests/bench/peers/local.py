"""The file system below the bench's directory itself, the file's pages dropped: no network, no proof."""

import os
import subprocess

from peers import Meter
from programs import forget_pages, read_through


def kind_of(directory):
    return subprocess.run(["stat", "-f", "-c", "%T", directory], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()


class Local:
    name = "local file system, pages dropped"

    def why_not(self):
        return None

    def fetch(self, source, work):
        os.sync()  # what is dirty cannot be dropped
        forget_pages(source)
        meter = Meter(None, None)
        return meter.fetched(read_through(source))
