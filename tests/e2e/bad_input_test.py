"""What goes wrong gets a clear message (what, why, what to try), a documented exit code, and loses nothing."""

import errno
import os
import pathlib
import subprocess
import unittest

from harness import Node, SceneTest, free_port, needs, needs_fuse, needs_root, wait_until

USAGE, BAD_DATA, UNAVAILABLE, IO_ERROR, TRY_AGAIN, NO_PERMISSION, CONFIGURATION = 64, 65, 69, 74, 75, 77, 78


class Refusals(SceneTest):
    def refused(self, result, code, *words):
        """It ended with `code` and says each of `words`; nothing on stdout could be mistaken for an answer."""
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stdout, "")
        for word in words:
            self.assertIn(word, result.stderr)

    def not_started(self, node, code, *words):
        """The daemon ends by itself with `code` and says why."""
        with self.assertRaises(AssertionError) as failure:
            node.start()
        self.assertEqual(node.process.returncode, code, str(failure.exception))
        for word in words:
            self.assertIn(word, node.log_tail())


class Invites(Refusals):
    def test_an_invite_that_is_none_is_bad_data(self):
        alice = self.scene.node("alice")
        invite = alice.create()
        bob = self.scene.node("bob")
        damaged = invite[:-10] + ("A" if invite[-10] != "A" else "B") + invite[-9:]
        for text in ("", "hello", "swarmfs", invite[:-1], invite[:20], invite + "x", damaged, "x" * 100_000, "\x00", "🐝"):
            with self.subTest(text[:40]):
                self.refused(bob.try_cli("join", "-", stdin=text + "\n"), BAD_DATA, "invite")
        self.assertEqual(bob.json("status")["swarms"], [])
        self.assertEqual(bob.join(invite)["name"], "team")

    def test_an_expired_invite_is_refused_and_says_so(self):
        alice = self.scene.node("alice")
        alice.create()
        invite = alice.json("invite", "team", "--expires", "1s")
        bob = self.scene.node("bob")

        def join():
            return bob.try_cli("join", "-", stdin=invite["invite"] + "\n")
        # The invite may be taken while it is good; joining is retried until it no longer is.
        def expired():
            result = join()
            if result.returncode == 0:
                bob.cli("leave", "team")
            return result if result.returncode else None
        self.refused(wait_until(expired, 20, "the invite has expired"), NO_PERMISSION, "expired")

    def test_a_password_is_asked_for_and_must_be_right(self):
        alice = self.scene.node("alice")
        alice.create()
        invite = alice.json("invite", "team", "--password", environment={"SWARMFS_PASSWORD": "correct horse"})["invite"]
        bob = self.scene.node("bob")
        wrong = bob.try_cli("join", "-", stdin=invite + "\n", environment={"SWARMFS_PASSWORD": "battery staple"})
        self.refused(wrong, NO_PERMISSION, "password")
        bob.cli("join", "-", stdin=invite + "\n", environment={"SWARMFS_PASSWORD": "correct horse"})


class Commands(Refusals):
    def test_a_wrong_command_line_is_usage(self):
        alice = self.scene.node("alice")
        for words in ([], ["fly"], ["create"], ["mount"], ["join"], ["create", "a", "b", "c"], ["status", "--frobnicate"]):
            with self.subTest(words):
                self.assertEqual(alice.try_cli(*words).returncode, USAGE)

    def test_an_unknown_swarm_is_named_with_those_there_are(self):
        alice = self.scene.node("alice")
        alice.create("team")
        result = alice.try_cli("mount", "other", self.scene.root / "dir")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("other", result.stderr)
        self.assertIn("team", result.stderr)

    def test_an_unreachable_tracker_is_reported_and_nothing_waits_for_it(self):
        alice = self.scene.node("alice")
        alice.create(trackers=[f"http://127.0.0.1:{free_port()}"])
        state = wait_until(lambda: [t for t in alice.status()["trackers"] if t["detail"]], 60, "the tracker is tried")
        self.assertNotEqual(state[0]["state"], "ok")

    def test_files_that_cannot_be_shared_are_named(self):
        alice = self.scene.node("alice")
        alice.create()
        result = alice.try_cli("share", "team", self.scene.root / "nowhere")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("nowhere", result.stderr)

    def test_a_download_of_what_is_not_there_says_so(self):
        alice = self.scene.node("alice")
        alice.create()
        result = alice.try_cli("download", "team", "no/such/file", "-o", self.scene.root / "out")
        self.refused(result, result.returncode or 1, "no/such/file")
        self.assertFalse((self.scene.root / "out").exists())


class Starting(Refusals):
    def test_a_port_in_use_is_named(self):
        alice = self.scene.node("alice")
        address = alice.json("status")["listen"]
        self.not_started(self.scene.add(Node(self.scene, "bob", listen=address)), UNAVAILABLE, address.rsplit(":", 1)[1])

    def test_two_daemons_on_one_home_the_second_leaves(self):
        alice = self.scene.node("alice")
        second = self.scene.add(Node(self.scene, "second", home=alice.home))
        self.not_started(second, TRY_AGAIN, str(alice.home))
        self.assertEqual(alice.json("status")["swarms"], [])

    def test_an_unwritable_home_is_named(self):
        blocked = self.scene.root / "file"
        blocked.write_text("not a directory")
        self.assertNotEqual(self.start_at(blocked / "home").process.returncode, 0)
        self.assertIn(str(blocked / "home"), self.scene.programs[-1].log_tail())

    def start_at(self, home):
        node = self.scene.add(Node(self.scene, "blocked", home=home))
        with self.assertRaises(AssertionError):
            node.start()
        return node

    def test_an_unknown_key_in_the_settings_is_named(self):
        node = self.scene.add(Node(self.scene, "alice", settings="lisen = '[::]:1'\n"))
        self.not_started(node, CONFIGURATION, "lisen", "swarmfs.toml")

    def test_a_key_file_others_can_read_is_refused(self):
        alice = self.scene.node("alice")
        self.assertEqual(alice.stop(), 0)
        os.chmod(alice.home / "node.key", 0o644)
        self.not_started(alice, CONFIGURATION, "node.key")

    def test_a_damaged_database_is_reported_or_repaired_and_content_is_not_lost(self):
        alice, bob = self.swarm("alice", "bob", mount=False)
        path = self.scene.root / "file"
        path.write_bytes(os.urandom(300_000))
        alice.cli("share", "team", path)
        wait_until(lambda: bob.json("list", "team")["entries"], 60, "bob lists it")
        self.assertEqual(alice.stop(), 0)
        for database in (alice.home / "db").rglob("data.mdb"):
            content = bytearray(database.read_bytes())
            content[:8192] = os.urandom(8192)  # both meta pages
            database.write_bytes(content)
        try:
            alice.start()
        except AssertionError:
            self.assertIn(alice.process.returncode, (BAD_DATA, IO_ERROR), alice.log_tail())
            self.assertIn(str(alice.home), alice.log_tail())
        self.assertEqual(path.stat().st_size, 300_000)


class Mounting(Refusals):
    def setUp(self):
        super().setUp()
        needs_fuse()

    def test_a_mount_point_must_be_an_empty_directory(self):
        alice, = self.swarm("alice", mount=False)
        full = self.scene.root / "full"
        full.mkdir()
        (full / "thing").write_text("mine")
        for directory in (full, full / "thing", self.scene.root / "missing" / "deep"):
            result = alice.try_cli("mount", "team", directory)
            self.refused(result, result.returncode or 1, str(directory))
        self.assertEqual((full / "thing").read_text(), "mine")

    def test_a_directory_is_not_mounted_twice(self):
        alice, = self.swarm("alice")
        result = alice.try_cli("mount", "team", alice.mounted)
        self.refused(result, result.returncode or 1, str(alice.mounted))
        (alice.mounted / "still").write_text("works")

    def test_a_home_inside_its_own_mount_is_refused(self):
        alice, = self.swarm("alice", mount=False)
        result = alice.try_cli("mount", "team", alice.home / "mount")
        self.assertNotEqual(result.returncode, 0)

    def test_names_and_paths_beyond_the_limits_get_their_errno(self):
        alice, bob = self.swarm("alice", "bob")
        for name, code in (("x" * 256, errno.ENAMETOOLONG), (b"\xff\xfe", errno.EILSEQ)):
            path = os.path.join(os.fsencode(alice.mounted), os.fsencode(name))
            with self.assertRaises(OSError) as refused:
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
            self.assertIn(refused.exception.errno, (code, errno.EINVAL))
        self.assertEqual(os.listdir(alice.mounted), [])


class FullDisk(Refusals):
    BYTES = 48 << 20

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
        os.unlink(alice.mounted / "too large")
        # The kernel lets go of a closed file a moment after close has returned; only then its room is free.
        wait_until(lambda: self.written(alice.mounted / "after", b"after" * 1000), 20, "there is room again")
        self.assertEqual((alice.mounted / "after").read_bytes(), b"after" * 1000)

    def written(self, path, data):
        try:
            path.write_bytes(data)
        except OSError as error:
            self.assertEqual(error.errno, errno.ENOSPC)
            return False
        return True

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
