#!/usr/bin/env python3
"""Does random operations in a directory of a mount and in a plain one, and compares after each.

    worker.py MOUNT PLAIN SEED        speaks with model_test.py: a line of JSON in, a line out
    worker.py MOUNT PLAIN --replay FILE   does what a failed run printed, once more

With `-` for PLAIN nothing is compared: other members change the same directory. Then only an errno that no file system
may answer to such an operation is a failure.

Commands: {"run": seconds, "calm": nobody is away meanwhile}, {"settle": 1} closes all and compares everything,
{"recover": 1} does so after the node was killed. Answers: {"done": operations}, {"gone": 1} when the node went away,
{"failed": what and how to do it again}.
"""

import argparse
import json
import os
import pathlib
import random
import sys
import time

if __package__ is None:
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from model.generator import Generator  # noqa: E402  found through the line above
from model.operations import Side  # noqa: E402
from model.pair import GONE, Mismatch, NodeGone, Pair  # noqa: E402
from model.shrink import shortest  # noqa: E402

STRUCTURE = {"open", "rename", "unlink", "mkdir", "rmdir", "symlink"}
HISTORY_MAX = 4000
SHRINK_SECONDS = 40

# What an operation on names that others change meanwhile may meet.
PLAUSIBLE = {"ENOENT", "EEXIST", "ENOTDIR", "EISDIR", "ENOTEMPTY", "EINVAL", "ELOOP", "ENODATA", "EBADF", "ENAMETOOLONG", "EPERM",
             "ENXIO", "EACCES", "EBUSY", "ETXTBSY", "EOPNOTSUPP", "ESTALE"}


class Compared:
    """A directory that is this worker's own."""

    def __init__(self, mount, plain, seed):
        self.mount, self.plain, self.seed = mount, plain, seed
        self.pair = Pair(mount, plain)
        self.generator = Generator(random.Random(seed), large=(seed % 4) * 0.02)
        self.generator.look(self.pair.plain.root)
        self.history, self.under_way = [], None

    def run(self, seconds, calm):
        del calm  # what is compared here was written here: nobody else is needed
        end, done = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            operation = self.generator.next(self.pair.plain.slots)
            self.history.append(operation)
            self.pair.step(operation)
            done += 1
            if operation["do"] in STRUCTURE:
                self.generator.look(self.pair.plain.root)
        return done

    def settle(self):
        self.history += [{"do": "close", "slot": slot} for slot in self.pair.plain.slots]
        self.pair.close_all()
        self.pair.compare_all()

    def recover(self):
        self.history.append({"do": "killed"})
        self.pair.recover(self.under_way)
        self.under_way = None
        self.generator.look(self.pair.plain.root)

    def failure(self, error):
        after_kill = [number for number, one in enumerate(self.history) if one["do"] == "killed"]
        since = self.history[after_kill[-1] + 1 if after_kill else 0:]
        found = shortest(since[-HISTORY_MAX:], self.mount, self.plain, SHRINK_SECONDS)
        lines = "\n".join(json.dumps(one) for one in found or self.history[-60:])
        how = "these operations fail so, in an empty directory" if found else "it did not happen again; the last operations were"
        return f"seed {self.seed}, operation {len(self.history)}, in {self.mount}: {error}\n{how}:\n{lines}"


class Common:
    """A directory in which other members write as well."""

    def __init__(self, mount, seed):
        self.seed, self.side = seed, Side(mount)
        self.top = os.path.dirname(self.side.root)
        self.dice = random.Random(seed)
        self.generator = Generator(self.dice, large=0.01)
        self.done = 0

    def run(self, seconds, calm):
        end, before = time.monotonic() + seconds, self.done
        while time.monotonic() < end:
            self.generator.look(self.side.root)
            for _ in range(5):
                self.one(calm)
        return self.done - before

    def one(self, calm):
        if self.dice.random() < 0.2:
            operation = {"do": "read", "path": self.somewhere()}
        else:
            operation = self.generator.next(self.side.slots)
        result = self.side.apply(operation)
        self.done += 1
        if isinstance(result, str) and result in GONE and self.side.is_gone():
            raise NodeGone(operation)
        if isinstance(result, str) and result.startswith("E") and result not in PLAUSIBLE and (calm or result != "EIO"):
            raise Mismatch(f"{operation} failed with {result}")

    def somewhere(self):
        """A file that another worker may be changing, here or at another member."""
        found = self.top
        while True:
            try:
                names = sorted(os.listdir(found))
            except OSError:
                return os.path.relpath(found, self.side.root)
            if not names:
                return os.path.relpath(found, self.side.root)
            found = os.path.join(found, self.dice.choice(names))

    def settle(self):
        self.side.close_all()

    recover = settle

    def failure(self, error):
        return f"seed {self.seed}, operation {self.done}, in {os.fsdecode(self.side.root)}: {error}"


def serve(worker):
    """One answer a command, until the input ends."""
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if "run" in command:
                answer = {"done": worker.run(command["run"], command["calm"])}
            else:
                (worker.settle if "settle" in command else worker.recover)()
                answer = {"done": 0}
        except NodeGone as gone:
            worker.under_way = gone.operation
            answer = {"gone": 1}
        except (Mismatch, OSError) as error:
            answer = {"failed": worker.failure(error)}
        print(json.dumps(answer), flush=True)


def replay(mount, plain, file):
    pair = Pair(mount, plain)
    for line in file:
        print(line.strip())
        pair.step(json.loads(line))
    pair.close_all()
    pair.compare_all()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mount")
    parser.add_argument("plain")
    parser.add_argument("seed", type=int, nargs="?")
    parser.add_argument("--replay", type=argparse.FileType())
    options = parser.parse_args()
    os.umask(0o022)
    if options.replay:
        replay(options.mount, options.plain, options.replay)
    elif options.plain == "-":
        serve(Common(options.mount, options.seed))
    else:
        serve(Compared(options.mount, options.plain, options.seed))


if __name__ == "__main__":
    main()
