"""Real things through two mounts: trees, a package, one large file, thousands of small ones, hostile names."""

import concurrent.futures
import glob
import os
import pathlib
import random
import subprocess
import unittest

import content
from harness import SceneTest, needs, sanitized, wait_until


class RealFiles(SceneTest):
    def assert_arrives(self, source, alice, bob):
        """`source` copied into alice's mount is the same tree in bob's."""
        target = alice.mounted / source.name
        content.copy_tree(source, target)
        content.assert_same_entries(self, source, target)  # its bytes are seen to be right by bob
        # Entries arrive in their author's order, so behind this one stands nearly the whole tree; files are hashed side
        # by side, and a large one may come after it.
        (alice.mounted / "copied").write_bytes(b"")
        bob.sees("copied", 120)
        wanted = content.description(target)
        wait_until(lambda: content.description(bob.mounted / source.name) == wanted, 60, f"bob sees all of {source}")
        content.assert_same_tree(self, source, bob.mounted / source.name)

    def test_usr_share_doc_arrives_as_it_was(self):
        alice, bob = self.swarm("alice", "bob")
        self.assert_arrives(pathlib.Path("/usr/share/doc"), alice, bob)

    def test_usr_include_arrives_as_it_was(self):
        alice, bob = self.swarm("alice", "bob")
        source = pathlib.Path("/usr/include/c++" if sanitized() else "/usr/include")
        self.assert_arrives(source, alice, bob)

    def test_a_debian_package_is_unpacked_from_the_mount(self):
        needs("apt-get", "dpkg")
        package = self.debian_package()
        alice, bob = self.swarm("alice", "bob")
        content.run("cp", package, alice.mounted / "package.deb")
        here, there = self.scene.root / "unpacked-here", self.scene.root / "unpacked-there"
        content.run("dpkg", "-x", bob.sees("package.deb"), there)
        content.run("dpkg", "-x", package, here)
        content.assert_same_tree(self, here, there, folder_times=False)

    def debian_package(self):
        folder = self.scene.root / "packages"
        folder.mkdir()
        for name in ("coreutils", "hello"):
            fetched = subprocess.run(["apt-get", "download", name], cwd=folder, capture_output=True, timeout=120,
                                     check=False)
            if fetched.returncode == 0:
                return next(folder.glob("*.deb"))
        cached = sorted(glob.glob("/var/cache/apt/archives/*.deb"), key=os.path.getsize)
        if cached:
            return pathlib.Path(cached[-1])
        raise unittest.SkipTest("no package can be downloaded here")

    def test_a_large_random_file_has_the_same_sha256(self):
        alice, bob = self.swarm("alice", "bob")
        size = (64 << 20) if sanitized() else (1 << 30)
        content.random_file(alice.mounted / "large", size)
        wanted = content.sha256(alice.mounted / "large")
        self.assertEqual(bob.sees("large").stat().st_size, size)
        self.assertEqual(content.sha256(bob.mounted / "large"), wanted)
        # What was read is on record a moment later.
        wait_until(lambda: bob.status()["stored_bytes"] == size, 20, "all of it is stored")

    def test_5000_small_files_arrive(self):
        alice, bob = self.swarm("alice", "bob")
        count = 1000 if sanitized() else 5000
        source = self.scene.root / "small"
        source.mkdir()
        dice = random.Random(5000)
        for number in range(count):
            folder = source / f"{number % 50:02}"
            folder.mkdir(exist_ok=True)
            (folder / f"file{number}").write_bytes(dice.randbytes(dice.choice((0, 1, 100, 1000, 5000, 20000))))
        self.assert_arrives(source, alice, bob)

    def test_names_are_kept_exactly(self):
        alice, bob = self.swarm("alice", "bob")
        names = ["with space", "with\nnewline", "tab\there", "-rf", "*?[x]", "quote'\"`$(x)", "back\\slash", ".hidden", "...",
                 "🐝🧀 émoji", "é", "e\u0301", "\u202egnp.exe", "Case", "case", "x" * 255, "🐝" * 63, "a\x7fb\x01", "trailing ",
                 "con"]
        for name in names:
            (alice.mounted / name).write_text(name)
        for name in names:
            self.assertEqual(bob.sees(name).read_text(), name)
        self.assertEqual(sorted(os.listdir(bob.mounted)), sorted(names))
        listed = [entry["name"] for entry in bob.json("list", "team")["entries"]]
        self.assertEqual(sorted(listed), sorted(names))

    def test_random_offsets_are_right_before_the_file_is_complete(self):
        alice, bob = self.swarm("alice", "bob")
        size = (8 << 20) if sanitized() else (256 << 20)
        original = content.random_file(self.scene.root / "original", size, seed=1).read_bytes()
        (alice.mounted / "file").write_bytes(original)
        dice = random.Random(2)
        with open(bob.sees("file"), "rb", buffering=0) as file:
            for _ in range(200):
                start, length = dice.randrange(size), dice.choice((1, 100, 4096, 20_000, 300_000))
                self.assertEqual(os.pread(file.fileno(), length, start), original[start:start + length])
            self.assertEqual(os.pread(file.fileno(), 10, size), b"")
            self.assertEqual(os.pread(file.fileno(), 100, size - 7), original[-7:])
        self.assertLess(bob.status()["stored_bytes"], size, "random reads do not fetch the whole file")

    def test_several_readers_of_one_file_all_read_the_truth(self):
        alice, bob = self.swarm("alice", "bob")
        size = (16 << 20) if sanitized() else (128 << 20)
        content.random_file(alice.mounted / "file", size)
        wanted = content.sha256(alice.mounted / "file")
        path = bob.sees("file")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            self.assertEqual(set(pool.map(content.sha256, [path] * 4)), {wanted})
        # Four readers at different speeds are served by one fetch of each chunk.
        self.assertLess(bob.status()["received_bytes"], size * 1.1)
