"""Real and random content for scenarios, and how copies of it are compared."""

import concurrent.futures
import hashlib
import os
import pathlib
import random
import stat
import subprocess


def random_file(path, size, seed=None):
    """`size` random bytes at `path`; the same ones again for the same seed."""
    source = random.Random(seed if seed is not None else os.urandom(16))
    with open(path, "wb") as file:
        left = size
        while left > 0:
            left -= file.write(source.randbytes(min(left, 1 << 20)))
    return pathlib.Path(path)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def copy_tree(source, target):
    """As `cp -a` does for people; hard links become files of their own."""
    run("cp", "-a", "--no-preserve=links", "--", source, target)


def run(*words, seconds=300):
    """Runs a command that must succeed, and returns its standard output."""
    result = subprocess.run(list(map(str, words)), capture_output=True, text=True, errors="surrogateescape",
                            timeout=seconds, check=False)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}: exit code {result.returncode}\n{result.stderr}")
    return result.stdout


def description(root, folder_times=True):
    """{relative path: (kind, permissions, size, mtime, link target)} of everything under `root`."""
    found = {}
    root = os.fsencode(root)
    for folder, folders, names in os.walk(root):
        for name in folders + names:
            path = os.path.join(folder, name)
            seen = os.lstat(path)
            kind = stat.S_IFMT(seen.st_mode)
            is_link, is_folder = kind == stat.S_IFLNK, kind == stat.S_IFDIR
            timeless = is_link or (is_folder and not folder_times)
            found[os.path.relpath(path, root)] = (
                kind, None if is_link else stat.S_IMODE(seen.st_mode), None if is_folder else seen.st_size,
                None if timeless else seen.st_mtime_ns, os.readlink(path) if is_link else None)
    return found


def read_all(root, readers=8):
    """Reads every file under `root`, several at once: one after the other, each would wait for its own fetch."""
    def read(path):
        with open(path, "rb", buffering=0) as file:
            while file.read(1 << 20):
                pass
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(os.fsencode(root)) for name in names]
    with concurrent.futures.ThreadPoolExecutor(readers) as pool:
        list(pool.map(read, (path for path in paths if stat.S_ISREG(os.lstat(path).st_mode))))


def assert_same_entries(test, expected, actual, folder_times=True):
    """Names, kinds, permissions, sizes, times and link targets agree.

    Without `folder_times`, those of folders may differ: two unpackings make them at two times.
    """
    wanted, got = description(expected, folder_times), description(actual, folder_times)
    different = [(path, wanted.get(path), got.get(path)) for path in sorted(wanted.keys() | got.keys())
                 if wanted.get(path) != got.get(path)]
    test.assertEqual(different[:10], [], f"{len(different)} of {len(wanted)} entries differ (expected, actual)")


def assert_same_tree(test, expected, actual, folder_times=True):
    """The entries agree, and every byte does (`diff -r`)."""
    assert_same_entries(test, expected, actual, folder_times)
    read_all(actual)
    run("diff", "-r", "--no-dereference", "--", expected, actual, seconds=600)
