"""Sharing in place and downloading: no mount is needed, so this runs wherever programs run."""

import os
import re
import select
import stat
import subprocess

import content
from harness import PROGRAMS, SceneTest, sanitized, wait_until
from relay import Relay

BAD_DATA, UNAVAILABLE = 65, 69
FILE_BYTES = (4 << 20) if sanitized() else (64 << 20)


class Share(SceneTest):
    def listed(self, node, path=""):
        return {entry["name"]: entry for entry in node.json("list", "team", *([path] if path else []))["entries"]}

    def test_a_shared_folder_is_downloaded_as_it_was(self):
        alice, bob = self.swarm("alice", "bob", mount=False)
        folder = self.scene.root / "album"
        (folder / "deep/er").mkdir(parents=True)
        content.random_file(folder / "large", FILE_BYTES)
        (folder / "deep/er/small").write_text("small")
        (folder / "empty").write_bytes(b"")
        os.symlink("deep/er/small", folder / "link")
        answer = alice.json("share", "team", folder)
        self.assertEqual((answer["files"], answer["bytes"]), (3, FILE_BYTES + 5))
        self.assertEqual(answer["watched"], [str(folder)])
        wait_until(lambda: "link" in self.listed(bob, "album") if "album" in self.listed(bob) else False, 60,
                   "bob lists the folder")
        out = self.scene.root / "out"
        bob.download("album", out)
        content.assert_same_tree(self, folder, out)
        # In place means: alice's store holds no second copy.
        self.assertLess(alice.json("status")["store"]["bytes"], FILE_BYTES)

    def test_what_changes_in_a_watched_folder_changes_in_the_swarm(self):
        alice, bob = self.swarm("alice", "bob", mount=False)
        folder = self.scene.root / "watched"
        folder.mkdir()
        (folder / "one").write_text("one")
        alice.cli("share", "team", folder)
        wait_until(lambda: "watched" in self.listed(bob) and "one" in self.listed(bob, "watched"), 60, "bob lists one")
        (folder / "two").write_text("two!!")
        wait_until(lambda: "two" in self.listed(bob, "watched"), 60, "bob lists two")
        (folder / "one").write_text("one, changed")
        wait_until(lambda: self.listed(bob, "watched")["one"]["size"] == 12, 60, "bob sees the change")
        os.unlink(folder / "two")
        wait_until(lambda: "two" not in self.listed(bob, "watched"), 60, "bob sees the removal")
        out = self.scene.root / "out"
        bob.download("watched/one", out)
        self.assertEqual(out.read_text(), "one, changed")

    def test_a_watched_folder_is_rescanned_when_the_node_starts(self):
        alice, bob = self.swarm("alice", "bob", mount=False)
        folder = self.scene.root / "watched"
        folder.mkdir()
        (folder / "one").write_text("one")
        alice.cli("share", "team", folder)
        self.assertEqual(alice.stop(), 0)
        (folder / "two").write_text("two")
        alice.start()
        wait_until(lambda: "watched" in self.listed(bob) and "two" in self.listed(bob, "watched"), 60, "bob lists two")

    def test_sharing_again_publishes_nothing_new(self):
        alice, = self.swarm("alice", mount=False)
        path = content.random_file(self.scene.root / "file", 1 << 20)
        self.assertEqual(alice.json("share", "team", path)["files"], 1)
        again = alice.json("share", "team", path)
        self.assertEqual((again["files"], again["unchanged"]), (0, 1))

    def test_what_is_shared_can_be_put_into_a_directory_of_the_swarm(self):
        alice, bob = self.swarm("alice", "bob", mount=False)
        path = content.random_file(self.scene.root / "file", 1000)
        alice.cli("share", "team", path, "--to", "deep/place")
        wait_until(lambda: "deep" in self.listed(bob) and "file" in self.listed(bob, "deep/place"), 60, "bob lists it")
        self.assertEqual(set(self.listed(bob)), {"deep"})
        out = self.scene.root / "out"
        bob.download("deep/place/file", out)
        self.assertEqual(content.sha256(out), content.sha256(path))

    def test_a_folder_shared_once_is_neither_watched_nor_rescanned(self):
        alice, bob = self.swarm("alice", "bob", mount=False)
        once, watched = self.scene.root / "once", self.scene.root / "watched"
        for folder in (once, watched):
            folder.mkdir()
            (folder / "one").write_text("one")
        self.assertEqual(alice.json("share", "team", once, "--once")["watched"], [])
        self.assertEqual(alice.json("share", "team", watched)["watched"], [str(watched)])
        self.assertEqual(alice.status()["shares"], [str(watched)])

        def changed(name):
            """Whoever looked at `once` would have done so by the time `watched` is seen to have changed."""
            for folder in (once, watched):
                (folder / name).write_text(name)
            wait_until(lambda: name in self.listed(alice, "watched"), 60, f"{name} is published")
            self.assertEqual(set(self.listed(alice, "once")), {"one"})
        changed("two")
        self.assertEqual(alice.stop(), 0)
        (watched / "three").write_text("three")
        alice.start()
        wait_until(lambda: "three" in self.listed(alice, "watched"), 60, "the folders are rescanned")
        changed("four")
        self.assertEqual(set(self.listed(bob, "once")), {"one"})

    def test_tags_go_with_the_file_to_the_other_members(self):
        alice, bob = self.swarm("alice", "bob", mount=False)
        path = content.random_file(self.scene.root / "file", 1000)
        alice.cli("share", "team", path, "--tag", "beeswax", "--tag", "Wabe für den Honig")
        wait_until(lambda: "file" in self.listed(bob), 60, "bob lists it")
        # No command shows tags yet; the entry in bob's tables or their journal holds them.
        tables = b"".join(file.read_bytes() for file in (bob.home / "db").iterdir())
        for tag in ("beeswax", "Wabe für den Honig"):
            self.assertIn(tag.encode(), tables)

    def half_way(self):
        """Alice shares a file, and bob hears her through a relay that runs dry after half of it.

        The relay stands where she was when she wrote the invite, so bob knows no other way to her.
        """
        alice = self.scene.node("alice")
        invite = alice.create()
        before = alice.json("status")["listen"]
        self.assertEqual(alice.stop(), 0)
        relay = Relay(before, FILE_BYTES // 2)
        self.addCleanup(relay.close)
        relay.target = alice.start().json("status")["listen"]
        bob = self.scene.node("bob")
        bob.join(invite)
        path = content.random_file(self.scene.root / "file", FILE_BYTES)
        alice.cli("share", "team", path)
        wait_until(lambda: "file" in self.listed(bob), 60, "bob lists it")
        return bob, relay, path

    def downloading(self, node, out, **streams):
        """A `swarmfs download` under way."""
        words = [PROGRAMS["swarmfs"], "--home", node.home, "download", "team", "file", "-o", out]
        command = subprocess.Popen(words, env=node.environment, **streams)
        self.addCleanup(command.wait, 60)
        self.addCleanup(command.kill)
        return command

    def saved_after(self, node, relay, least):
        """Waits until `least` bytes are stored and on record: masks are saved a moment after what they speak of."""
        for _ in range(2):  # a save that was under way may have begun before
            wait_until(lambda: node.status()["stored_bytes"] >= least, 60, f"{node.name} has stored {least} bytes")
            before = content.description(node.home / "db")
            relay.more(1 << 18)
            wait_until(lambda: content.description(node.home / "db") != before, 60, "that is saved")

    def test_a_download_that_was_broken_off_continues_where_it_stopped(self):
        bob, relay, path = self.half_way()
        out = self.scene.root / "out"
        download = self.downloading(bob, out, stderr=subprocess.PIPE)
        stored = FILE_BYTES // 4
        self.saved_after(bob, relay, stored)
        bob.kill()
        self.assertIn(b"swarmfsd hung up", download.communicate(timeout=60)[1])
        self.assertEqual(download.returncode, UNAVAILABLE)
        self.assertFalse(out.exists(), "a file appears once it is complete")
        relay.open()
        bob.start()
        again = bob.download("file", out)
        self.assertLessEqual(again["fetched_bytes"], FILE_BYTES - stored, "what was stored is not fetched again")
        self.assertGreater(again["fetched_bytes"], FILE_BYTES // 4, "the rest is")
        self.assertLess(bob.status()["received_bytes"], FILE_BYTES - stored // 2)
        self.assertEqual(content.sha256(out), content.sha256(path))

    def test_a_download_draws_how_far_it_is_on_a_terminal_and_wipes_it_away(self):
        bob, relay, _ = self.half_way()
        near, far = os.openpty()
        self.addCleanup(os.close, near)
        download = self.downloading(bob, self.scene.root / "out", stdout=subprocess.PIPE, stderr=far)
        os.close(far)
        drawn = b""

        def draws(pattern):
            nonlocal drawn
            if select.select([near], [], [], 0.2)[0]:
                drawn += os.read(near, 4096)
            return re.search(pattern, drawn.decode(errors="replace"))
        wait_until(lambda: draws(r"█░+ [1-9]\d? %  .* of .*B/s  1 peer \(1 direct\)  out"), 60, "a bar is drawn")
        relay.open()
        self.assertRegex(download.communicate(timeout=60)[0], b"\\A[^\\r\x1b]*came over the network in .*1 peer found.\n")
        self.assertEqual(download.returncode, 0)
        wait_until(lambda: draws("\r\x1b\\[K\\Z"), 20, "the bar is wiped away")

    def test_what_nobody_has_is_named_as_in_the_swarm(self):
        alice, bob = self.swarm("alice", "bob", mount=False)
        path = content.random_file(self.scene.root / "only", 1 << 20)
        alice.cli("share", "team", path, "--to", "deep")
        wait_until(lambda: "deep" in self.listed(bob) and "only" in self.listed(bob, "deep"), 60, "bob lists it")
        self.assertEqual(alice.stop(), 0)
        result = bob.try_cli("download", "team", "deep/only", "-o", self.scene.root / "out")
        self.assertEqual(result.returncode, UNAVAILABLE, result.stderr)
        self.assertIn('nobody who is connected has "deep/only"; `swarmfs peers`', result.stderr)
        self.assertFalse((self.scene.root / "out").exists())

    def test_a_download_replaces_files_and_nothing_that_is_none(self):
        alice = self.scene.node("alice")
        alice.create()
        for name in ("file", "in/pipe"):
            path = self.scene.root / "shared" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text("shared")
        os.symlink("file", self.scene.root / "shared/link")
        alice.cli("share", "team", self.scene.root / "shared")
        out = self.scene.root / "out"
        (out / "in").mkdir(parents=True)
        mine = out / "mine"
        mine.write_text("mine")
        os.mkfifo(out / "pipe")
        os.mkfifo(out / "in/pipe")
        os.symlink("mine", out / "to-mine")
        os.symlink("nowhere", out / "dangling")
        os.symlink("in", out / "to-directory")
        os.symlink("pipe", out / "to-pipe")
        for what, at, words in (("file", "pipe", "a pipe"), ("link", "pipe", "a pipe"), ("in", "in", "a pipe"),
                                ("file", "to-pipe", "symbolic link"), ("file", "to-mine", "symbolic link"),
                                ("file", "dangling", "symbolic link")):
            with self.subTest(what, at=at):
                before = os.lstat(out / at).st_mode
                result = alice.try_cli("download", "team", f"shared/{what}", "-o", out / at)
                self.assertEqual(result.returncode, BAD_DATA, result.stderr)
                self.assertIn(str(out / at), result.stderr)
                self.assertIn(words, result.stderr)
                self.assertEqual(os.lstat(out / at).st_mode, before)
        self.assertTrue(stat.S_ISFIFO(os.lstat(out / "in/pipe").st_mode))
        alice.download("shared/link", out / "dangling")
        self.assertEqual(os.readlink(out / "dangling"), "file")
        alice.download("shared/file", out / "to-directory")
        alice.download("shared/file", mine)
        self.assertEqual([(out / "in/file").read_text(), mine.read_text()], ["shared", "shared"])

    def test_a_file_is_downloaded_by_its_hash(self):
        alice, bob = self.swarm("alice", "bob", mount=False)
        path = content.random_file(self.scene.root / "file", 500_000)
        alice.cli("share", "team", path)
        wait_until(lambda: "file" in self.listed(bob), 60, "bob lists it")
        root = self.listed(bob)["file"]["root"]
        out = self.scene.root / "out"
        bob.download(root, out)
        self.assertEqual(content.sha256(out), content.sha256(path))

    def test_members_without_any_tracker_know_one_another_by_bootstrap(self):
        alice = self.scene.node("alice")
        invite = alice.create(trackers=["none"])
        address = alice.json("status")["listen"]
        bob = self.scene.node("bob", environment={"SWARMFS_BOOTSTRAP": address})
        bob.join(invite)
        path = content.random_file(self.scene.root / "file", 300_000)
        alice.cli("share", "team", path)
        wait_until(lambda: "file" in self.listed(bob), 60, "bob lists it")
        out = self.scene.root / "out"
        bob.download("file", out)
        self.assertEqual(content.sha256(out), content.sha256(path))
