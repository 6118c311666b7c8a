"""What a program can do to a directory tree, as records that can be printed, kept and replayed.

An operation is a dict of plain values: {"do": "pwrite", "slot": 2, "at": 100, "length": 5, "fill": 7}. Paths are relative
to the side's root. A descriptor is named by its slot, so a record means the same on every side and in every replay; with
an empty slot nothing is done, so any subsequence of a history can be replayed.
"""

import ctypes
import errno
import mmap
import os
import random
import stat

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
AT_FDCWD = -100

KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 1, 2, 16  # <linux/falloc.h>
PAGE = mmap.PAGESIZE
EMPTY = "the slot is empty"


def checked(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def pattern(fill, length):
    """`length` bytes that follow from `fill`; every tenth pattern is zeros, which are no hole where they are written."""
    return bytes(length) if fill % 10 == 0 else random.Random(fill).randbytes(length)


class Side:
    """One of the two directories, with the descriptors that are open in it."""

    def __init__(self, root):
        self.root, self.slots = os.fsencode(root), {}

    def path(self, name):
        return os.path.join(self.root, os.fsencode(name)) if name else self.root

    def apply(self, operation):
        """What the operation returned, or the name of its errno."""
        if "slot" in operation and operation["do"] != "open" and operation["slot"] not in self.slots:
            return EMPTY
        if "target" in operation and operation["target"] not in self.slots:
            return EMPTY
        arguments = {key: value for key, value in operation.items() if key != "do"}
        try:
            return getattr(self, "do_" + operation["do"])(**arguments)
        except OSError as error:
            return errno.errorcode.get(error.errno, str(error.errno))

    def is_gone(self):
        """Whether the file system itself does not answer any more."""
        try:
            os.statvfs(self.root)
        except OSError as error:
            return error.errno in (errno.ENOTCONN, errno.ECONNABORTED)
        return False

    def close_all(self):
        for slot in list(self.slots):
            self.apply({"do": "close", "slot": slot})

    # Descriptors

    def do_open(self, slot, path, flags, mode):
        if slot in self.slots:
            return "the slot is taken"
        self.slots[slot] = os.open(self.path(path), flags, mode)
        return "opened"

    def do_close(self, slot):
        os.close(self.slots.pop(slot))

    def do_pwrite(self, slot, at, length, fill):
        return os.pwrite(self.slots[slot], pattern(fill, length), at)

    def do_write(self, slot, length, fill):
        written = os.write(self.slots[slot], pattern(fill, length))
        return written, os.lseek(self.slots[slot], 0, os.SEEK_CUR)

    def do_seek(self, slot, at):
        return os.lseek(self.slots[slot], at, os.SEEK_SET)

    def do_pread(self, slot, at, length):
        return os.pread(self.slots[slot], length, at)

    def do_forget_pages(self, slot):
        """Whatever the kernel keeps of the file's bytes is dropped, so that the next read asks the file system."""
        os.fsync(self.slots[slot])
        os.posix_fadvise(self.slots[slot], 0, 0, os.POSIX_FADV_DONTNEED)

    def do_ftruncate(self, slot, size):
        os.ftruncate(self.slots[slot], size)

    def do_fallocate(self, slot, mode, at, length):
        checked(LIBC.fallocate(self.slots[slot], mode, at, length))

    def do_fsync(self, slot):
        os.fsync(self.slots[slot])

    def do_fdatasync(self, slot):
        os.fdatasync(self.slots[slot])

    def do_fchmod(self, slot, mode):
        os.fchmod(self.slots[slot], mode)

    def do_futimens(self, slot, ns):
        os.utime(self.slots[slot], ns=(ns, ns))

    def do_copy(self, slot, at, target, into, length):
        """`copy_file_range` until all is copied or the source ends."""
        copied = 0
        while copied < length:
            moved = os.copy_file_range(self.slots[slot], self.slots[target], length - copied, at + copied, into + copied)
            if moved == 0:
                break
            copied += moved
        return copied

    def do_mmap(self, slot, at, length, fill, sync):
        """Writes through a shared mapping, as far as the file reaches, and reads back through it.

        In a child, because a page that cannot be had (the node was killed) is a signal.
        """
        seen = os.fstat(self.slots[slot])
        length = min(length, seen.st_size - at)
        if not stat.S_ISREG(seen.st_mode) or length <= 0:
            return "nothing to map"
        child = os.fork()
        if child == 0:
            os._exit(map_and_write(self.slots[slot], at, pattern(fill, length), sync))
        status = os.waitpid(child, 0)[1]
        if os.WIFSIGNALED(status):
            return "ENOTCONN" if os.WTERMSIG(status) == 7 else f"signal {os.WTERMSIG(status)}"
        return errno.errorcode.get(os.WEXITSTATUS(status), "written")

    # Names

    def do_truncate(self, path, size):
        os.truncate(self.path(path), size)

    def do_rename(self, path, to, flags):
        if flags == 0:
            os.rename(self.path(path), self.path(to))
        else:
            checked(LIBC.renameat2(AT_FDCWD, self.path(path), AT_FDCWD, self.path(to), flags))

    def do_unlink(self, path):
        os.unlink(self.path(path))

    def do_mkdir(self, path, mode):
        os.mkdir(self.path(path), mode)

    def do_rmdir(self, path):
        os.rmdir(self.path(path))

    def do_symlink(self, path, text):
        os.symlink(text, self.path(path))

    def do_chmod(self, path, mode):
        os.chmod(self.path(path), mode)

    def do_utimens(self, path, ns):
        os.utime(self.path(path), **({} if ns is None else {"ns": (ns, ns)}))

    def do_setxattr(self, path, name, length, fill, flags):
        os.setxattr(self.path(path), name, pattern(fill, length), flags)

    def do_removexattr(self, path, name):
        os.removexattr(self.path(path), name)

    def do_list(self, path):
        return sorted(os.listdir(self.path(path)))

    def do_read(self, path):
        with open(self.path(path), "rb", buffering=0) as file:
            return file.readall()


def map_and_write(descriptor, at, data, sync):
    """0, or the number of an error."""
    try:
        begin = at - at % PAGE
        with mmap.mmap(descriptor, at - begin + len(data), offset=begin) as mapped:
            mapped[at - begin:] = data
            if sync:
                mapped.flush()
            return 0 if mapped[at - begin:] == data else errno.EIO
    except OSError as error:
        return error.errno


def attributes(path):
    """{name: value} of the attributes that programs set."""
    return {name: os.getxattr(path, name, follow_symlinks=False)
            for name in os.listxattr(path, follow_symlinks=False) if name.startswith("user.")}


def kind(seen):
    return {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}[stat.S_IFMT(seen.st_mode)]


class PlainSide(Side):
    """The local file system, made to do what docs/fs-semantics.md promises where that is something else."""

    def do_fallocate(self, slot, mode, at, length):
        """Reserving room that leaves the length leaves the time, too."""
        before = os.fstat(self.slots[slot])
        super().do_fallocate(slot, mode, at, length)
        if mode in (0, KEEP_SIZE) and os.fstat(self.slots[slot]).st_size == before.st_size:
            os.utime(self.slots[slot], ns=(before.st_mtime_ns, before.st_mtime_ns))
