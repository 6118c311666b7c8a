"""A mount and a plain directory that are told the same, and have to answer the same (docs/fs-semantics.md)."""

import errno
import fcntl
import os
import shutil
import stat
import traceback

from .operations import PlainSide, Side, attributes, kind

RECENT_FROM = 1_500_000_000 * 10**9  # ns; the times that operations set lie before it, those of the machine's clock after it
CLOCK_TOLERANCE = 20 * 10**9         # ns between the same operation on both sides, on a busy machine
COMPARED_WHOLE = 400_000             # bytes; of a longer file a part is compared after each step, all of it now and then
WINDOW = 70_000

# What operations meet when the mount's node ends under them.
GONE = {"ENOTCONN", "ECONNABORTED", "ENODEV", "EIO"}

# Both sides refuse, in an order of checks that POSIX leaves open.
SAME_REFUSAL = [{"EEXIST", "ENOTEMPTY"}]


class Mismatch(Exception):
    """The two sides differ; says how."""


class NodeGone(Exception):
    """The mount does not answer any more. `operation` was under way and may have been done or not; None: all that was begun
    is done on both sides."""

    def __init__(self, operation):
        super().__init__(str(operation))
        self.operation = operation


def shown(value):
    text = repr(value)
    return text if len(text) < 200 else text[:150] + f"… ({len(value) if hasattr(value, '__len__') else '?'} long)"


def agree(mine, other):
    return mine == other or any({mine, other} <= names for names in SAME_REFUSAL
                                if isinstance(mine, str) and isinstance(other, str))


def same_time(mine, other):
    if min(mine, other) < RECENT_FROM:
        return mine == other
    return abs(mine - other) <= CLOCK_TOLERANCE


def compare(what, mine, other, same=lambda a, b: a == b):
    if not same(mine, other):
        raise Mismatch(f"{what}: the mount says {shown(mine)}, the plain directory {shown(other)}")


class Pair:
    def __init__(self, mount, plain):
        self.mount, self.plain = Side(mount), PlainSide(plain)
        self.steps = 0
        self.unsaved = {}  # inode of the plain side -> slots through which it was written since it was synced

    # One step

    def step(self, operation):
        """Does it on both sides and compares. Raises Mismatch, or NodeGone before the plain side was told."""
        self.steps += 1
        mine = self.mount.apply(operation)
        if isinstance(mine, str) and mine in GONE and self.mount.is_gone():
            raise NodeGone(operation)
        self.note_before(operation)
        other = self.plain.apply(operation)
        if other == "opened" and operation["flags"] & os.O_TRUNC:
            self.unsaved.setdefault(os.fstat(self.plain.slots[operation["slot"]]).st_ino, set()).add(operation["slot"])
        try:
            compare("the result", mine, other, agree)
            self.look(operation)
        except (Mismatch, OSError) as error:
            if self.mount.is_gone():
                raise NodeGone(None) from error
            raise Mismatch(f"{error}{where(error)}") from error

    def note_before(self, operation):
        """Keeps account of what has not been promised to survive yet."""
        do, slot = operation["do"], operation.get("target", operation.get("slot"))
        if slot not in self.plain.slots:
            return
        inode = os.fstat(self.plain.slots[slot]).st_ino
        if do in ("pwrite", "write", "ftruncate", "fallocate", "mmap", "copy"):
            self.unsaved.setdefault(inode, set()).add(slot)
        elif do in ("fsync", "fdatasync", "forget_pages"):
            self.unsaved.pop(inode, None)
        elif do == "close":
            self.unsaved.get(inode, set()).discard(slot)

    def look(self, operation):
        """Compares what the operation may have changed."""
        for slot in {operation.get("slot"), operation.get("target")} & self.plain.slots.keys():
            self.compare_slot(slot)
        for key in ("path", "to"):
            if key in operation:
                self.compare_path(operation[key])
                self.compare_listing(os.path.dirname(operation[key]))

    def compare_slot(self, slot):
        mine, other = self.mount.slots[slot], self.plain.slots[slot]
        self.compare_stat(f"slot {slot}", os.fstat(mine), os.fstat(other))
        if not stat.S_ISREG(os.fstat(other).st_mode):
            return
        if os.readlink(f"/proc/self/fd/{other}").endswith(" (deleted)"):
            compare(f"links of slot {slot}, which has no name", os.fstat(mine).st_nlink, 0)
        self.compare_bytes(f"slot {slot}", mine, other)

    def compare_path(self, path, whole=False):
        seen = [stat_or_errno(side.path(path)) for side in (self.mount, self.plain)]
        if isinstance(seen[1], str) or isinstance(seen[0], str):
            compare(f"stat of {path!r}", *seen, agree)
            return
        self.compare_stat(repr(path), *seen)
        if stat.S_ISLNK(seen[1].st_mode):
            compare(f"target of {path!r}", *(os.readlink(side.path(path)) for side in (self.mount, self.plain)))
            return
        compare(f"attributes of {path!r}", *(attributes(side.path(path)) for side in (self.mount, self.plain)))
        if stat.S_ISREG(seen[1].st_mode):
            with open(self.mount.path(path), "rb", buffering=0) as mine, open(self.plain.path(path), "rb", buffering=0) as other:
                self.compare_bytes(repr(path), mine.fileno(), other.fileno(), whole)

    @staticmethod
    def compare_stat(what, mine, other):
        compare(f"kind of {what}", kind(mine), kind(other))
        if not stat.S_ISLNK(other.st_mode):
            compare(f"mode of {what}", oct(mine.st_mode), oct(other.st_mode))
        compare(f"time of {what}", mine.st_mtime_ns, other.st_mtime_ns, same_time)
        if stat.S_ISDIR(other.st_mode):
            return
        compare(f"size of {what}", mine.st_size, other.st_size)
        compare(f"links of {what}", mine.st_nlink, other.st_nlink)
        if mine.st_size > 0 and mine.st_blocks == 0 and stat.S_ISREG(mine.st_mode):
            raise Mismatch(f"{what} has {mine.st_size} bytes and no block: tar -S would not read it")

    def compare_bytes(self, what, mine, other, whole=False):
        if fcntl.fcntl(other, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:
            return
        size = os.fstat(other).st_size
        if size <= COMPARED_WHOLE or whole or self.steps % 16 == 0:
            ranges = [(0, size + 1)]
        else:
            middle = hash((self.steps, size)) % size
            ranges = [(0, WINDOW), (middle, WINDOW), (max(0, size - WINDOW), WINDOW + 1)]
        for at, length in ranges:
            compare_range(what, mine, other, at, length)
        if self.steps % 5 == 0:
            compare_holes(what, mine, other)

    def compare_listing(self, path):
        listed = [side.apply({"do": "list", "path": path}) for side in (self.mount, self.plain)]
        compare(f"listing of {path!r}", *listed, agree)

    # Everything

    def compare_all(self):
        folders = [""]
        while folders:
            folder = folders.pop()
            self.compare_path(folder)
            self.compare_listing(folder)
            for entry in os.scandir(self.plain.path(folder)):
                path = os.path.join(folder, os.fsdecode(entry.name))
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path)
                elif entry.is_symlink() or not self.unsaved.get(entry.inode()):
                    self.compare_path(path, whole=True)
                else:
                    compare(f"kind of {path!r}", *(kind(os.lstat(side.path(path))) for side in (self.mount, self.plain)))

    def close_all(self):
        for side in (self.mount, self.plain):
            side.close_all()
        self.unsaved.clear()

    # After the node was killed

    def recover(self, under_way):
        """The node was killed while `under_way` was being done (None: while nothing was) and is mounted again. What was
        acknowledged has to be there; of a file that was being written anything may be."""
        self.mount.close_all()
        try:
            self.compare_all()
        except Mismatch as first:
            if under_way is None:
                raise
            self.note_before(under_way)
            self.plain.apply(under_way)
            try:
                self.compare_all()
            except Mismatch as second:
                raise Mismatch(f"after kill -9 during {under_way}: {first}; had that been done: {second}") from first
        self.plain.close_all()
        self.adopt_unsaved()
        self.compare_all()

    def adopt_unsaved(self):
        for folder, _, names in os.walk(self.plain.root):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.islink(path) or not self.unsaved.get(os.lstat(path).st_ino):
                    continue
                mine = os.path.join(self.mount.root, os.path.relpath(path, self.plain.root))
                shutil.copyfile(mine, path)
                seen = os.stat(mine)
                os.chmod(path, stat.S_IMODE(seen.st_mode))
                os.utime(path, ns=(seen.st_mtime_ns, seen.st_mtime_ns))
        self.unsaved.clear()


def where(error):
    """Which of the looks failed, where it was an errno that no comparison expected."""
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    return f" in {' > '.join(names[1:])}" if isinstance(error, OSError) else ""


def stat_or_errno(path):
    try:
        return os.lstat(path)
    except OSError as error:
        return str(error.strerror)


def compare_range(what, mine, other, at, length):
    got, wanted = os.pread(mine, length, at), os.pread(other, length, at)
    if got == wanted:
        return
    common = min(len(got), len(wanted))
    first = next((index for index in range(common) if got[index] != wanted[index]), common)
    wrong = sum(got[index] != wanted[index] for index in range(common))
    raise Mismatch(f"bytes of {what} differ from {at + first} on, {wrong} of {common}: the mount has {len(got)} bytes from {at}"
                   f" with {got[first:first + 20]!r}, the plain directory {len(wanted)} with {wanted[first:first + 20]!r}")


def compare_holes(what, mine, other):
    """What the mount calls a hole has to be zeros; where it says data, how much of it is the disk's business."""
    size = os.fstat(other).st_size
    position = os.lseek(mine, 0, os.SEEK_CUR)
    try:
        at = 0
        while at < size:
            try:
                data = os.lseek(mine, at, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:  # no data from here on
                    raise
                data = size
            hole = os.pread(other, data - at, at)
            if hole.count(0) != len(hole):
                raise Mismatch(f"{what} calls {at} to {data} a hole, which is not zero")
            at = os.lseek(mine, data, os.SEEK_HOLE) if data < size else size
    finally:
        os.lseek(mine, position, os.SEEK_SET)
