"""Finds few operations of a history that fail by themselves in empty directories, as far as time allows."""

import os
import shutil
import tempfile
import time

from .pair import Mismatch, NodeGone, Pair

SUFFIX_FIRST = 8


def fails(operations, mount, plain):
    """Whether the two sides differ after `operations`, in new directories beside those where it happened."""
    mine = tempfile.mkdtemp(prefix="again-", dir=os.path.dirname(mount))
    other = tempfile.mkdtemp(prefix="again-", dir=os.path.dirname(plain))
    os.chmod(mine, 0o755)
    os.chmod(other, 0o755)
    pair = Pair(mine, other)
    try:
        for operation in operations:
            pair.step(operation)
        pair.close_all()
        pair.compare_all()
        return False
    except Mismatch:
        return True
    finally:
        for side in (pair.mount, pair.plain):
            side.close_all()
        for folder in (mine, other):
            shutil.rmtree(folder, ignore_errors=True)


def shortest(operations, mount, plain, seconds):
    """A failing subsequence of `operations`, or None when they do not fail again, or the node went away."""
    try:
        return search(operations, mount, plain, time.monotonic() + seconds)
    except (NodeGone, OSError):
        return None


def search(operations, mount, plain, end):
    found, length = None, SUFFIX_FIRST
    while time.monotonic() < end:
        if fails(operations[-length:], mount, plain):
            found = operations[-length:]
            break
        if length >= len(operations):
            return None
        length *= 2
    if found is None:
        return None
    step = len(found) // 2
    while step > 0 and time.monotonic() < end:
        at = 0
        while at < len(found) and time.monotonic() < end:
            fewer = found[:at] + found[at + step:]
            if fewer and fails(fewer, mount, plain):
                found = fewer
            else:
                at += step
        step //= 2
    return found
