"""What programs ask of a file system beyond reading and writing: holes, room, copies without moving a byte."""

import errno
import os
import subprocess

import content
from harness import SceneTest, needs, wait_until

MIB = 1 << 20


def data_ranges(path):
    """Where the file says that it has data."""
    ranges = []
    with open(path, "rb") as file:
        size, at = os.fstat(file.fileno()).st_size, 0
        while at < size:
            try:
                start = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                break
            at = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            ranges.append((start, at))
    return ranges


def disk_bytes(folder):
    return sum(os.lstat(os.path.join(root, name)).st_blocks * 512
               for root, _, names in os.walk(folder) for name in names)


class Holes(SceneTest):
    def test_a_sparse_file_is_sparse_on_every_member(self):
        needs("cp")
        alice, bob = self.swarm("alice", "bob")
        source = self.scene.root / "sparse"
        with open(source, "wb") as file:
            for offset in (0, 20 * MIB, 40 * MIB + 12_345):
                file.seek(offset)
                file.write(os.urandom(300_000))
            file.truncate(64 * MIB)
        content.run("cp", "--sparse=always", source, alice.mounted / "sparse")
        there = bob.sees("sparse")
        wait_until(lambda: there.stat().st_size == 64 * MIB, 20, "bob sees all of it")
        self.assertEqual(content.sha256(there), content.sha256(source))
        for node in (alice, bob):
            with self.subTest(node.name):
                ranges = data_ranges(node.mounted / "sparse")
                self.assertEqual([start // MIB for start, _ in ranges], [0, 20, 40], f"{ranges}")
                self.assertLess(sum(end - start for start, end in ranges), 2 * MIB)
                self.assertLess(disk_bytes(node.home / "content"), 4 * MIB)

    def test_fallocate_reserves_punches_and_zeroes_and_the_others_see_it(self):
        needs("fallocate")
        alice, bob = self.swarm("alice", "bob")
        here, beside = alice.mounted / "file", self.scene.root / "file"
        for path in (here, beside):
            path.write_bytes(b"x" * 600_000)
        bob.sees("file")
        for words in (["-l", "700000"], ["-p", "-o", "100000", "-l", "50000"], ["-z", "-o", "500000", "-l", "150000"],
                      ["-z", "-n", "-o", "690000", "-l", "100000"], ["-n", "-o", "0", "-l", "900000"], ["-d"]):
            for path in (here, beside):
                content.run("fallocate", *words, path)
            self.assertEqual(here.read_bytes(), beside.read_bytes(), f"after {words}")
        for words in (["-c", "-o", "0", "-l", "4096"], ["-i", "-o", "0", "-l", "4096"]):
            refused = subprocess.run(["fallocate", *words, here], capture_output=True, text=True, check=False)
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn(os.strerror(errno.EOPNOTSUPP), refused.stderr)
        wanted = beside.read_bytes()
        wait_until(lambda: (bob.mounted / "file").read_bytes() == wanted, 20, "bob sees the last version")
        with self.assertRaises(OSError) as caught, open(here, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, 1 << 49)
        self.assertEqual(caught.exception.errno, errno.ENOSPC)


class Copies(SceneTest):
    def test_cp_copies_by_reference_also_what_is_not_here_yet(self):
        needs("cp")
        alice, bob = self.swarm("alice", "bob")
        content.random_file(alice.mounted / "large", 32 * MIB)
        bob.sees("large")
        wait_until(lambda: (bob.mounted / "large").stat().st_size == 32 * MIB, 20, "bob sees all of it")
        content.run("cp", bob.mounted / "large", bob.mounted / "copy")
        self.assertEqual((bob.mounted / "copy").stat().st_size, 32 * MIB)
        copied = alice.sees("copy")
        wait_until(lambda: copied.stat().st_size == 32 * MIB, 20, "alice sees the copy")
        self.assertEqual(content.sha256(copied), content.sha256(alice.mounted / "large"))
        self.assertLess(disk_bytes(bob.home / "content") + disk_bytes(bob.home / "staging"), 33 * MIB)
        content.run("cp", alice.mounted / "large", alice.mounted / "third")
        wait_until(lambda: bob.sees("third").stat().st_size == 32 * MIB, 20, "bob sees the third")
        self.assertLess(disk_bytes(alice.home / "content") + disk_bytes(alice.home / "staging"), 33 * MIB)
        # And it is a file of its own.
        with open(bob.mounted / "copy", "r+b") as file:
            file.write(b"changed")
        wait_until(lambda: copied.parent.joinpath("copy").read_bytes()[:7] == b"changed", 60, "alice sees the change")
        self.assertNotEqual((alice.mounted / "large").read_bytes()[:7], b"changed")

    def test_copy_file_range_copies_what_it_cannot_share(self):
        alice, _ = self.swarm("alice", "bob")
        text = os.urandom(500_000)
        (alice.mounted / "from").write_bytes(text)
        with open(alice.mounted / "from", "rb") as source, open(alice.mounted / "to", "w+b") as target:
            copied = 0
            while copied < 300_000:
                copied += os.copy_file_range(source.fileno(), target.fileno(), 300_000 - copied, 100_000 + copied, copied)
            target.seek(0)
            self.assertEqual(target.read(), text[100_000:400_000])
