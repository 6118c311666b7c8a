"""A cache that obeys: what is read through a mount stays within its limit, `du` shows what is here, pins keep, and what
is given back by hand is there again when it is read."""

import hashlib
import json
import os
import pathlib
import subprocess

import harness
from harness import wait_until

MIB = 1 << 20
CHUNK = 256 << 10


def room_of(folder):
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())


class Cache(harness.SceneTest):
    LIMIT = 16 * MIB

    def pair(self, settings):
        """Alice has the file; Bob, with these settings, mounts the swarm."""
        harness.needs_fuse()
        alice, bob = self.scene.node("alice"), self.scene.node("bob", settings=settings)
        bob.join(alice.create())
        alice.mount()
        bob.mount()
        return alice, bob

    def write(self, node, name, size):
        data = os.urandom(size)
        (node.mounted / name).write_bytes(data)
        return hashlib.sha256(data).hexdigest()

    def read_all(self, node, name, most=None):
        """The digest of what a program reads in order; `most` is asked about at every MiB."""
        digest = hashlib.sha256()
        with open(node.mounted / name, "rb", buffering=0) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # not from the kernel's pages
            while piece := file.read(MIB):
                digest.update(piece)
                if most is not None:
                    most.append(room_of(node.home / "content"))
        return digest.hexdigest()

    def cache_of(self, node):
        return node.json("status")["cache"]

    def test_what_is_read_stays_within_the_limit_and_is_right_also_again(self):
        alice, bob = self.pair('[cache]\nmax_bytes = "16 MiB"\n')
        size = 64 * MIB
        digest = self.write(alice, "large", size)
        wait_until(lambda: bob.sees("large").stat().st_size == size, 20, "bob sees all of the file")
        tree = size // 256
        for _ in range(2):
            most = []
            self.assertEqual(self.read_all(bob, "large", most), digest)
            # One reader; two links may each be writing a chunk, and holes are made in whole blocks.
            self.assertLessEqual(max(most), self.LIMIT + 2 * CHUNK + 2 * tree)
        cache = self.cache_of(bob)
        self.assertEqual(cache["max_bytes"], self.LIMIT)
        self.assertLessEqual(cache["bytes"], self.LIMIT)
        self.assertGreater(cache["evicted_bytes"], size)

        def stored():
            return bob.json("list", bob.swarm)["entries"][0]["stored_bytes"]

        def blocks():
            return (bob.mounted / "large").stat().st_blocks * 512
        wait_until(lambda: stored() == blocks() <= self.LIMIT, 20, "du shows what is here")
        self.assertEqual((alice.mounted / "large").stat().st_blocks * 512, size)
        self.assertIn("of 16.0 MiB", bob.cli("status"))

    def test_several_readers_at_once_stay_within_the_limit(self):
        alice, bob = self.pair('[cache]\nmax_bytes = "16 MiB"\n')
        digests = {f"file{number}": self.write(alice, f"file{number}", 24 * MIB) for number in range(3)}
        for name in digests:
            wait_until(lambda name=name: bob.sees(name).stat().st_size == 24 * MIB, 20, f"bob sees {name}")
        readers = {name: subprocess.Popen(["sha256sum", bob.mounted / name], stdout=subprocess.PIPE, text=True)
                   for name in digests}
        most = 0
        while any(reader.poll() is None for reader in readers.values()):
            most = max(most, room_of(bob.home / "content"))
        for name, reader in readers.items():
            self.assertEqual(reader.communicate()[0].split()[0], digests[name])
        self.assertLessEqual(most, self.LIMIT + 4 * CHUNK + 2 * 72 * MIB // 256)

    def test_pins_survive_a_kill_and_evict_says_why_it_refuses(self):
        alice, bob = self.pair('[cache]\nmax_bytes = "4 MiB"\n')
        (alice.mounted / "album").mkdir()
        digest = self.write(alice, "album/one", 6 * MIB)
        bob.sees("album/one")
        bob.cli("pin", bob.swarm, "album")

        def here(name, size):
            found = [entry for entry in bob.json("list", bob.swarm, "album")["entries"] if entry["name"] == name]
            return bool(found) and found[0]["stored_bytes"] == size
        wait_until(lambda: here("one", 6 * MIB), 60, "what is pinned is here")
        refused = bob.try_cli("evict", bob.swarm, "album/one")
        self.assertEqual(refused.returncode, 75, refused.stderr)
        self.assertIn(f"swarmfs unpin {bob.swarm} album", refused.stderr)
        bob.kill()
        second = self.write(alice, "album/two", 5 * MIB)
        bob.start()
        bob.mount()
        wait_until(lambda: here("two", 5 * MIB), 60, "what came meanwhile is here too")
        self.assertEqual(self.read_all(bob, "album/one"), digest)
        self.assertEqual(self.read_all(bob, "album/two"), second)
        self.assertIn("pinned    /album", bob.cli("status"))
        refused = alice.try_cli("evict", alice.swarm, "album/one")
        self.assertEqual(refused.returncode, 77, refused.stderr)
        self.assertIn("published by this node", refused.stderr)
        self.assertEqual(bob.json("unpin", bob.swarm, "album")["pinned"], False)
        # It is cache now, and more than the limit.
        wait_until(lambda: room_of(bob.home / "content") <= 5 * MIB, 60, "what is not pinned any more goes")
        bob.json("evict", bob.swarm, "/")
        self.assertEqual(self.read_all(bob, "album/two"), second)

    def test_attributes_pin_prefetch_and_evict(self):
        harness.needs("setfattr", "getfattr")
        alice, bob = self.pair("")
        (alice.mounted / "album").mkdir()
        digests = {name: self.write(alice, f"album/{name}", 2 * MIB) for name in ("one", "two")}
        self.write(alice, "other", 3 * MIB)
        other = bob.sees("other")
        album = bob.mounted / "album"
        for name in digests:
            bob.sees(f"album/{name}")

        def setfattr(path, name, value=None):
            order = ["-x", f"user.swarmfs.{name}"] if value is None else ["-n", f"user.swarmfs.{name}", "-v", value]
            return subprocess.run(["setfattr", *order, path], capture_output=True, text=True, check=False)

        def done(path, name, value=None):
            told = setfattr(path, name, value)
            self.assertEqual(told.returncode, 0, told.stderr)

        def refused(words, path, name, value=None):
            told = setfattr(path, name, value)
            self.assertNotEqual(told.returncode, 0)
            self.assertIn(words, told.stderr)

        def says(path, name):
            told = subprocess.run(["getfattr", "--only-values", "-n", f"user.swarmfs.{name}", path],
                                  capture_output=True, text=True, check=False)
            return told.stdout if told.returncode == 0 else None
        done(album, "pin", "1")
        wait_until(lambda: all(says(album / name, "state") == "stored" for name in digests), 60, "the album is here")
        self.assertEqual(says(other, "state"), "remote")
        self.assertEqual((says(album, "pin"), says(album, "pinned")), ("1", "1"))
        self.assertEqual((says(album / "one", "pin"), says(album / "one", "pinned")), (None, "1"))
        self.assertEqual((says(other, "pin"), says(other, "pinned")), (None, "0"))
        self.assertEqual(bob.status()["pinned"]["paths"], ["album"])
        refused("Device or resource busy", album / "one", "evict", "1")
        refused("Invalid argument", album / "one", "pin", "0")
        refused("Invalid argument", album, "pin", "perhaps")
        refused("No such attribute", other, "pin")
        refused("Operation not permitted", album, "pinned", "1")
        refused("Operation not permitted", alice.mounted / "other", "evict", "1")
        self.assertEqual(os.listxattr(album), [], "none of them is listed")

        done(other, "prefetch", "1")
        wait_until(lambda: says(other, "state") == "stored", 60, "what was ordered ahead is here")
        done(other, "evict", "1")
        wait_until(lambda: says(other, "state") == "remote", 60, "what was evicted has gone")
        done(album, "pin", "0")
        self.assertEqual(says(album / "one", "pinned"), "0")
        wait_until(lambda: setfattr(album / "one", "evict", "1").returncode == 0, 20, "it is let go of")
        wait_until(lambda: says(album / "one", "state") == "remote", 60, "the file has gone")
        done(bob.mounted, "evict", "1")
        wait_until(lambda: says(album / "two", "state") == "remote", 60, "the rest of the swarm has gone")
        done(album, "prefetch", "1")
        wait_until(lambda: all(says(album / name, "state") == "stored" for name in digests), 60, "the album is here")
        for name, digest in digests.items():
            self.assertEqual(self.read_all(bob, f"album/{name}"), digest)

    def test_the_last_copy_is_not_evicted(self):
        alice, bob = self.pair('[cache]\nmax_bytes = "4 MiB"\n')
        digest = self.write(alice, "file", 3 * MIB)
        bob.sees("file")
        self.assertEqual(self.read_all(bob, "file"), digest)
        alice.unmount()
        alice.stop()
        wait_until(lambda: not bob.peers(), 30, "alice is gone")
        refused = bob.try_cli("evict", bob.swarm, "file")
        self.assertEqual(refused.returncode, 69, refused.stderr)
        self.assertIn("last copy", refused.stderr)
        self.assertEqual(self.read_all(bob, "file"), digest)

    def test_verify_finds_what_rotted_and_it_is_read_right_again(self):
        alice, bob = self.pair("")
        digest = self.write(alice, "file", 2 * MIB)
        bob.sees("file")
        self.assertEqual(self.read_all(bob, "file"), digest)
        self.assertEqual(bob.json("verify", bob.swarm)["wrong_files"], 0)
        data = next((bob.home / "content").rglob("*.data"))
        with open(data, "r+b") as file:
            file.seek(MIB)
            file.write(b"rot")
        found = bob.try_cli("--json", "verify", bob.swarm, "file")
        self.assertEqual(found.returncode, 65, found.stderr)
        answer = json.loads(found.stdout)
        self.assertEqual((answer["wrong"], answer["wrong_bytes"]), (["file"], 16384))
        self.assertIn("did not match their hashes", found.stderr)
        self.assertEqual(self.read_all(bob, "file"), digest)
        self.assertEqual(bob.json("verify", bob.swarm)["wrong_files"], 0)
        self.assertEqual(bob.try_cli("verify", bob.swarm, "no such").returncode, 65)


if __name__ == "__main__":
    raise SystemExit(f"run it with run.py: {pathlib.Path(__file__).name}")
