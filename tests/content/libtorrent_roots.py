"""Compares our roots with libtorrent's for one torrent of many files.

Usage: /usr/bin/python3 libtorrent_roots.py PATH_OF_content_roots
Where python3-libtorrent is absent: exit code 77 (skipped), but 1 in tools/check, which installs it.
"""

import os
import random
import subprocess
import sys
import tempfile

try:
    import libtorrent
except ImportError:
    print("python3-libtorrent is not installed")
    sys.exit(1 if os.environ.get("SWARMFS_CHECK") else 77)

KIB = 1024
PIECE_BYTES = 256 * KIB
SEED = 20240611


def sizes(dice):
    fixed = [0, 1, 16383, 16384, 16385, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 1024 * KIB,
             100 * 1024 * KIB + 7]
    return fixed + [dice.randrange(1, 1 << dice.randrange(1, 23)) for _ in range(50)]


def write_files(folder, dice):
    names = []
    for number, size in enumerate(sizes(dice)):
        name = f"{number:03}-{size}"
        with open(os.path.join(folder, name), "wb") as file:
            file.write(dice.randbytes(size))
        names.append(name)
    return names


def libtorrent_roots(folder):
    storage = libtorrent.file_storage()
    libtorrent.add_files(storage, folder)
    torrent = libtorrent.create_torrent(
        storage, piece_size=PIECE_BYTES, flags=libtorrent.create_torrent.v2_only)
    libtorrent.set_piece_hashes(torrent, os.path.dirname(folder))
    info = libtorrent.torrent_info(torrent.generate())
    files = info.files()
    roots = {}
    for index in range(files.num_files()):
        if files.file_flags(index) & libtorrent.file_flags_t.flag_pad_file:
            continue
        name = os.path.basename(files.file_path(index))
        # An empty file has no tree: libtorrent gives it no root, we the zero root.
        size = files.file_size(index)
        roots[name] = (files.root(index).to_bytes().hex() if size > 0 else "00" * 32, size)
    return roots


def our_roots(program, folder, names):
    paths = [os.path.join(folder, name) for name in names]
    lines = subprocess.run([program] + paths, check=True, capture_output=True, text=True).stdout
    roots = {}
    for line in lines.splitlines():
        root, size, path = line.split(" ", 2)
        roots[os.path.basename(path)] = (root, int(size))
    return roots


def main():
    with tempfile.TemporaryDirectory(prefix="swarmfs-roots-") as top:
        folder = os.path.join(top, "files")
        os.mkdir(folder)
        names = write_files(folder, random.Random(SEED))
        theirs = libtorrent_roots(folder)
        ours = our_roots(sys.argv[1], folder, names)
    wrong = [name for name in names if theirs.get(name) != ours.get(name)]
    for name in wrong:
        print(f"{name}: libtorrent {theirs.get(name)}, swarmfs {ours.get(name)}")
    print(f"{len(names) - len(wrong)} of {len(names)} roots agree")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
