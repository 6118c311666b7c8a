"""Chooses the next operation. Everything follows from the dice and from what stands in the tree; most of what it chooses can
be done, some cannot, and the errors have to agree as well."""

import os

from .operations import KEEP_SIZE, PAGE, PUNCH_HOLE, ZERO_RANGE

KIB, MIB = 1 << 10, 1 << 20
LARGE = 4 * MIB  # from here on a change is kept as a layer over the version before (docs/fs-semantics.md)
SLOTS = 6
ENTRIES_MAX = 60
NAMES = ["a", "b", "c", "d", "e", "f", "g", "Case", "case", "with space", "new\nline", "🐝"]
LONG_NAMES = ["x" * 255, "y" * 256]  # the latter is too long
ATTRIBUTES = ["user.a", "user.b", "user.long name", "user.ä"]
OLD_TIMES = [0, 1, 999_999_999, 1_000_000_000 * 10**9, 1_234_567_890 * 10**9 + 123_456_789, -5 * 10**9 + 1]
NOREPLACE, EXCHANGE = 1, 2  # <linux/fs.h>

# How often each is chosen.
WEIGHTS = {
    "open": 16, "close": 10, "pwrite": 16, "write": 8, "seek": 2, "pread": 6, "read": 6, "forget_pages": 3, "ftruncate": 5,
    "truncate": 4, "fallocate": 5, "fsync": 2, "fdatasync": 1, "fchmod": 1, "futimens": 2, "copy": 4, "mmap": 3, "rename": 10,
    "unlink": 5, "mkdir": 4, "rmdir": 2, "symlink": 2, "chmod": 3, "utimens": 4, "setxattr": 3, "removexattr": 1, "list": 2,
}


class Generator:
    """`large`: how often (0 to 1) a file's length is chosen beyond LARGE."""

    def __init__(self, dice, large=0.03):
        self.dice, self.large = dice, large
        self.by_kind = {}

    def look(self, root):
        """Learns what stands below `root` (bytes). To be called after every operation that may change names."""
        self.by_kind = {"directory": [""], "file": [], "symlink": []}
        folders = [""]
        while folders:
            folder = folders.pop()
            try:
                entries = sorted(os.scandir(os.path.join(root, os.fsencode(folder))), key=lambda entry: entry.name)
            except OSError:
                continue  # another member removed it meanwhile
            for entry in entries:
                path = os.path.join(folder, os.fsdecode(entry.name))
                if entry.is_symlink():
                    self.by_kind["symlink"].append(path)
                elif entry.is_dir(follow_symlinks=False):
                    self.by_kind["directory"].append(path)
                    folders.append(path)
                else:
                    self.by_kind["file"].append(path)

    def next(self, slots):
        """An operation on a tree that looked so, where the slots `slots` are open."""
        while True:
            do = self.dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            if self.entries() > ENTRIES_MAX and self.dice.random() < 0.5:
                do = self.dice.choice(["unlink", "rmdir"])
            made = getattr(self, "make_" + do, self.make_on_slot)(do, sorted(slots))
            if made is not None:
                return {"do": do, **made}

    def entries(self):
        return sum(map(len, self.by_kind.values()))

    # Names

    def existing(self, *kinds):
        known = [path for one in kinds for path in self.by_kind[one]]
        return self.dice.choice(known) if known else None

    def new_name(self):
        names = LONG_NAMES if self.dice.random() < 0.02 else NAMES
        return os.path.join(self.dice.choice(self.by_kind["directory"]), self.dice.choice(names))

    def any_path(self, *kinds):
        """Mostly something of these kinds; now and then something else, or nothing."""
        chance = self.dice.random()
        if chance < 0.85:
            return self.existing(*kinds) or self.new_name()
        if chance < 0.93:
            return self.new_name()
        return os.path.join(self.existing("file", "symlink", "directory"), self.dice.choice(NAMES))

    # Quantities

    def size(self):
        chance = self.dice.random()
        if chance < self.large:
            return self.dice.randrange(LARGE, LARGE + 2 * MIB)
        if chance < 0.3:
            return self.dice.choice([0, 1, 4095, PAGE, PAGE + 1, 16 * KIB, 16 * KIB + 1, 256 * KIB, 256 * KIB - 1])
        return int(self.dice.choice([100, 5000, 70_000, 300_000]) * self.dice.random())

    def offset(self):
        at = self.size()
        return at - at % PAGE if self.dice.random() < 0.3 else at

    def length(self):
        return 1 + int(self.dice.choice([10, 3000, 20_000, 150_000]) * self.dice.random())

    def fill(self):
        return self.dice.randrange(1000)

    def time(self):
        return self.dice.choice(OLD_TIMES)

    def mode(self):
        return self.dice.choice([0o644, 0o600, 0o755, 0o000, 0o444, 0o777, 0o1777, self.dice.randrange(0o1000)])

    # One function for each operation; None: not now

    def make_open(self, _, slots):
        free = [slot for slot in range(SLOTS) if slot not in slots]
        if not free:
            return None
        flags = self.dice.choices([os.O_RDWR, os.O_WRONLY, os.O_RDONLY], [6, 2, 2])[0]
        for flag, chance in ((os.O_CREAT, 0.5), (os.O_EXCL, 0.1), (os.O_TRUNC, 0.15), (os.O_APPEND, 0.15), (os.O_NOFOLLOW, 0.1)):
            if self.dice.random() < chance:
                flags |= flag
        if flags & os.O_EXCL and not flags & os.O_CREAT:
            flags &= ~os.O_EXCL
        path = self.new_name() if flags & os.O_CREAT and self.dice.random() < 0.6 else self.any_path("file", "symlink")
        return {"slot": self.dice.choice(free), "path": path, "flags": flags, "mode": self.mode() | 0o600}

    def make_on_slot(self, do, slots):
        if not slots:
            return None
        quantities = {
            "pwrite": ("at", "length", "fill"), "write": ("length", "fill"), "seek": ("at",), "pread": ("at", "length"),
            "ftruncate": ("size",), "fchmod": ("mode",), "futimens": ("ns",)}
        makers = {"at": self.offset, "length": self.length, "fill": self.fill, "size": self.size, "mode": self.mode,
                  "ns": self.time}
        return {"slot": self.dice.choice(slots), **{name: makers[name]() for name in quantities.get(do, ())}}

    def make_fallocate(self, _, slots):
        if not slots:
            return None
        mode = self.dice.choice([0, KEEP_SIZE, PUNCH_HOLE | KEEP_SIZE, PUNCH_HOLE | KEEP_SIZE, ZERO_RANGE,
                                 ZERO_RANGE | KEEP_SIZE])
        return {"slot": self.dice.choice(slots), "mode": mode, "at": self.offset(), "length": self.length()}

    def make_copy(self, _, slots):
        if not slots:
            return None
        whole = self.dice.random() < 0.4
        return {"slot": self.dice.choice(slots), "at": 0 if whole else self.offset(), "target": self.dice.choice(slots),
                "into": 0 if whole else self.offset(), "length": 8 * MIB if whole else self.length()}

    def make_mmap(self, _, slots):
        if not slots:
            return None
        return {"slot": self.dice.choice(slots), "at": self.offset(), "length": self.length(), "fill": self.fill(),
                "sync": self.dice.random() < 0.3}

    def make_read(self, _, __):
        return {"path": self.any_path("file", "symlink")}

    def make_truncate(self, _, __):
        return {"path": self.any_path("file", "symlink"), "size": self.size()}

    def make_rename(self, _, __):
        flags = self.dice.choices([0, NOREPLACE, EXCHANGE], [7, 2, 2])[0]
        path = self.any_path("file", "file", "symlink", "directory")
        to = self.new_name() if self.dice.random() < 0.5 else self.any_path("file", "symlink", "directory")
        if "" in (path, to):
            return None  # the root of the tree is the runner's
        return {"path": path, "to": to, "flags": flags}

    def make_unlink(self, _, __):
        return {"path": self.any_path("file", "file", "symlink")}

    def make_mkdir(self, _, __):
        return {"path": self.new_name(), "mode": self.mode() & 0o777 | 0o700}

    def make_rmdir(self, _, __):
        path = self.any_path("directory")
        return {"path": path} if path else None

    def make_symlink(self, _, __):
        return {"path": self.new_name(), "text": self.dice.choice(NAMES + ["a/b", "./c", "nowhere/x"])}

    def make_chmod(self, _, __):
        path = self.any_path("file", "directory")
        return {"path": path, "mode": self.mode() | (0o700 if path == "" else 0)}

    def make_utimens(self, _, __):
        return {"path": self.any_path("file", "directory", "symlink"),
                "ns": None if self.dice.random() < 0.2 else self.time()}

    def make_setxattr(self, _, __):
        return {"path": self.any_path("file", "directory"), "name": self.dice.choice(ATTRIBUTES),
                "length": self.dice.randrange(60), "fill": self.fill(),
                "flags": self.dice.choice([0, 0, os.XATTR_CREATE, os.XATTR_REPLACE])}

    def make_removexattr(self, _, __):
        return {"path": self.any_path("file", "directory"), "name": self.dice.choice(ATTRIBUTES)}

    def make_list(self, _, __):
        return {"path": self.any_path("directory")}
