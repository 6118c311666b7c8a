"""A disk without room is said and loses nothing; what is no longer needed makes some, and a node that stopped on one
starts again."""

import errno
import os
import pathlib
import shutil
import subprocess
import unittest

import content
from harness import needs, needs_fuse, needs_root, wait_until
from refusals import IO_ERROR, Refusals


class SmallDisk(Refusals):
    BYTES = 64 << 20

    def setUp(self):
        super().setUp()
        needs_root()
        needs_fuse()
        needs("mount")
        self.small = pathlib.Path(self.scene.root / "small")
        self.small.mkdir()
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.BYTES}", "tmpfs", self.small],
                              capture_output=True, check=False)
        if made.returncode != 0:
            raise unittest.SkipTest("cannot mount a small tmpfs here")
        self.addCleanup(subprocess.run, ["umount", "-l", self.small], check=False)

    def room(self):
        disk = os.statvfs(self.small)
        return disk.f_bavail * disk.f_frsize

    def written(self, path, data):
        try:
            path.write_bytes(data)
        except OSError as error:
            self.assertEqual(error.errno, errno.ENOSPC)
            return False
        return True

    def content_bytes(self, node):
        return sum(file.stat().st_blocks * 512 for file in (node.home / "content").rglob("*") if file.is_file())


class FullDisk(SmallDisk):
    BYTES = 48 << 20

    def test_writing_on_a_full_disk_fails_with_enospc_and_recovers_without_a_restart(self):
        alice = self.scene.node("alice", home=self.small / "home")
        alice.create()
        alice.mount()
        (alice.mounted / "before").write_bytes(b"before" * 1000)
        with self.assertRaises(OSError) as full:
            with open(alice.mounted / "too large", "wb") as file:
                for _ in range(2 * self.BYTES >> 20):
                    file.write(os.urandom(1 << 20))
        self.assertEqual(full.exception.errno, errno.ENOSPC)
        self.assertEqual((alice.mounted / "before").read_bytes(), b"before" * 1000)
        self.assertIn("the disk of the home", alice.status()["last_error"])
        os.unlink(alice.mounted / "too large")
        # The kernel lets go of a closed file a moment after close has returned; only then its room is free.
        wait_until(lambda: self.written(alice.mounted / "after", b"after" * 1000), 20, "there is room again")
        self.assertEqual((alice.mounted / "after").read_bytes(), b"after" * 1000)
        self.assertEqual(alice.status()["last_error"], "")

    def test_sharing_with_a_full_home_says_so_and_works_once_there_is_room(self):
        alice = self.scene.node("alice", home=self.small / "home")
        alice.create()
        # One table of hashes for each file: 32 bytes a leaf.
        folder = self.scene.root / "folder"
        folder.mkdir()
        content.random_file(folder / "file", 16 << 20)
        filler = self.small / "filler"
        with self.assertRaises(OSError) as full, open(filler, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        self.assertEqual(full.exception.errno, errno.ENOSPC)
        for path in (folder, folder / "file"):
            self.refused(alice.try_cli("share", "team", path, "--once"), IO_ERROR, str(folder / "file"),
                         "No space left on device", "make room")
        filler.unlink()
        self.assertEqual(alice.json("share", "team", folder)["files"], 1)

    def test_fetching_onto_a_full_disk_still_answers_readers_or_fails_cleanly(self):
        alice, = self.swarm("alice")
        content = os.urandom(self.BYTES * 3 // 2)
        (alice.mounted / "large").write_bytes(content)
        (alice.mounted / "small").write_bytes(b"small" * 1000)
        bob = self.scene.node("bob", home=self.small / "home")
        bob.join(alice.json("invite", "team")["invite"])
        bob.mount()
        self.assertEqual(bob.sees("small").read_bytes(), b"small" * 1000)
        try:
            self.assertEqual(bob.sees("large").read_bytes(), content)
        except OSError as error:
            self.assertIn(error.errno, (errno.ENOSPC, errno.EIO))
        self.assertEqual((bob.mounted / "small").read_bytes(), b"small" * 1000)
        self.assertTrue(bob.running)

    def test_a_download_that_does_not_fit_says_so_and_works_once_there_is_room(self):
        alice, bob = self.swarm("alice", "bob", mount=False)
        large = content.random_file(self.scene.root / "large", self.BYTES * 3 // 2)
        small = content.random_file(self.scene.root / "little", 1000)
        alice.cli("share", "team", large, small)
        wait_until(lambda: len(bob.json("list", "team")["entries"]) == 2, 60, "bob lists both")
        out = self.small / "out"
        self.refused(bob.try_cli("download", "team", "large", "-o", out), IO_ERROR, "No space left on device", "out")
        self.assertEqual(os.listdir(self.small), [], "no part of it is left")
        bob.download("little", out)
        self.assertEqual(content.sha256(out), content.sha256(small))
        bob.download("large", self.scene.root / "elsewhere")
        self.assertEqual(content.sha256(self.scene.root / "elsewhere"), content.sha256(large))

    def test_a_download_that_does_not_fit_into_the_home_says_so_and_the_node_goes_on(self):
        alice, = self.swarm("alice", mount=False)
        large = content.random_file(self.scene.root / "large", self.BYTES * 3 // 2)
        small = content.random_file(self.scene.root / "little", 300_000)
        alice.cli("share", "team", large, small)
        bob = self.scene.node("bob", home=self.small / "home")
        bob.join(alice.json("invite", "team")["invite"])
        wait_until(lambda: len(bob.json("list", "team")["entries"]) == 2, 60, "bob lists both")
        out = self.scene.root / "out"
        bob.download("little", out)
        self.refused(bob.try_cli("download", "team", "large", "-o", out), IO_ERROR, "No space left on device")
        self.assertEqual(content.sha256(out), content.sha256(small))
        bob.download("little", self.scene.root / "again")
        self.assertEqual(content.sha256(self.scene.root / "again"), content.sha256(small))


class Room(SmallDisk):
    def test_removing_what_was_fetched_makes_room_for_what_is_written(self):
        alice, = self.swarm("alice")
        (alice.mounted / "large").write_bytes(os.urandom(self.BYTES * 3 // 2))
        bob = self.scene.node("bob", home=self.small / "home")
        bob.join(alice.json("invite", "team")["invite"])
        bob.mount()
        bob.sees("large")
        bob.cli("pin", "team", "large")  # what is pinned is not evicted
        wait_until(lambda: self.room() < 1 << 20, 60, "half a file fills the disk")
        data = os.urandom(6 << 20)
        with self.assertRaises(OSError) as full:
            (bob.mounted / "written").write_bytes(data)
        self.assertEqual(full.exception.errno, errno.ENOSPC)
        os.unlink(bob.mounted / "large")
        # The swarm lets go of a file a moment after its name has gone.
        wait_until(lambda: self.written(bob.mounted / "written", data), 20, "there is room again")
        wait_until(lambda: alice.sees("written").read_bytes() == data, 20, "others have what was written")

    def test_leaving_frees_every_version_of_every_file(self):
        alice = self.scene.node("alice")
        alice.create()
        alice.mount()
        for version in range(5):
            (alice.mounted / "file").write_bytes(os.urandom(2 << 20))
            wait_until(lambda done=version + 1: self.contents(alice) == done, 20, "the version is published")
        os.unlink(alice.mounted / "file")
        self.assertGreaterEqual(self.content_bytes(alice), 10 << 20, "what was deleted can be undone for 7 days")
        alice.unmount()
        alice.cli("leave", "team")
        self.assertEqual(self.content_bytes(alice), 0)

    @staticmethod
    def contents(node):
        return node.json("status")["store"]["contents"]


class Cache(SmallDisk):
    BYTES = 128 << 20
    FLOOR = 32 << 20

    def pair(self, settings):
        """Alice has a file that is larger than the disk of Bob's home."""
        alice, = self.swarm("alice")
        data = os.urandom(self.BYTES * 3 // 2)
        (alice.mounted / "large").write_bytes(data)
        bob = self.scene.node("bob", home=self.small / "home", settings=settings)
        bob.join(alice.json("invite", "team")["invite"])
        bob.mount()
        wait_until(lambda: bob.sees("large").stat().st_size == len(data), 20, "bob sees all of the file")
        return bob, data

    @staticmethod
    def read_again(bob):
        """What is read next comes from the node, and not from the kernel's pages."""
        with open(bob.mounted / "large", "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def read_in_order(self, bob, data):
        """Returns: the least room that the disk had on the way, by every MiB."""
        least = self.BYTES
        with open(bob.mounted / "large", "rb") as file:
            for at in range(0, len(data), 1 << 20):
                self.assertTrue(file.read(1 << 20) == data[at:at + (1 << 20)], f"what is read at {at} is right")
                least = min(least, self.room())
        return least

    def test_a_file_larger_than_the_disk_is_read_through_and_the_floor_stays_free(self):
        bob, data = self.pair(f'[cache]\nmin_free = "{self.FLOOR}"\n')
        self.assertGreater(self.room(), self.FLOOR)
        # While members are first asked what may go nothing does, and a fast reader is ahead of their answers.
        self.read_in_order(bob, data)
        self.read_again(bob)
        least = self.read_in_order(bob, data)
        # What is on its way when the disk is asked, and the tables that say what goes.
        self.assertGreater(least, self.FLOOR - (12 << 20))
        cache = bob.json("status")["cache"]
        self.assertEqual(cache["min_free_bytes"], self.FLOOR)
        self.assertGreater(cache["evicted_bytes"], len(data) - self.BYTES)
        wait_until(lambda: self.room() >= self.FLOOR, 20, "the floor is free")

    def test_without_a_floor_what_arrives_and_what_is_written_evict_from_a_full_disk(self):
        bob, data = self.pair('[cache]\nmin_free = "0"\n')
        self.read_in_order(bob, data)
        self.assertGreater(bob.json("status")["cache"]["evicted_bytes"], len(data) - self.BYTES)
        written = os.urandom(24 << 20)
        with open(bob.mounted / "written", "wb") as file:
            file.write(written)
        self.assertEqual((bob.mounted / "written").read_bytes(), written)


class Restart(SmallDisk):
    def fill(self):
        """Takes the last byte of room, as somebody else's files do."""
        with open(self.small / "filler", "ab", buffering=0) as filler:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        filler.write(bytes(size))
                except OSError as error:
                    self.assertEqual(error.errno, errno.ENOSPC)
        self.assertEqual(self.room(), 0)

    def test_a_node_that_stopped_on_a_full_disk_starts_again(self):
        for end in ("stop", "kill"):
            with self.subTest(end):
                alice = self.scene.node(f"alice {end}", home=self.small / end)
                alice.create()
                alice.mount()
                for number in range(200):
                    (alice.mounted / f"file{number}").write_bytes(b"small" * (number + 1))
                (alice.mounted / "large").write_bytes(bytes(1 << 20))
                self.fill()
                if end == "stop":
                    self.assertEqual(alice.stop(), 0)
                else:
                    alice.kill()
                for _ in range(3):
                    self.fill()
                    alice.start()
                    self.assertEqual(len(alice.json("list", "team")["entries"]), 201)
                    self.assertEqual(alice.stop(), 0)
                os.unlink(self.small / "filler")
                alice.start()
                alice.mount(self.scene.root / "mounts" / f"again {end}")
                self.assertEqual((alice.mounted / "file199").read_bytes(), b"small" * 200)
                self.assertEqual(alice.stop(), 0)
                shutil.rmtree(alice.home)
