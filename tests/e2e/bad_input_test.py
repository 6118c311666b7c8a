"""What goes wrong gets a clear message (what, why, what to try), a documented exit code, and loses nothing."""

import errno
import json
import os
import shutil
import socket

import content
from harness import free_port, needs_fuse, wait_until
from refusals import BAD_DATA, NO_PERMISSION, TRY_AGAIN, USAGE, Refusals


class Invites(Refusals):
    def test_an_invite_that_is_none_is_bad_data(self):
        alice = self.scene.node("alice")
        invite = alice.create()
        bob = self.scene.node("bob")
        damaged = invite[:-10] + ("A" if invite[-10] != "A" else "B") + invite[-9:]
        for text in ("", "hello", "swarmfs", invite[:-1], invite[:20], invite + "x", damaged, "x" * 100_000, "\x00", "🐝"):
            with self.subTest(text[:40]):
                self.refused(bob.try_cli("join", "-", stdin=text + "\n"), BAD_DATA, "invite")
        later = invite.replace("swarmfs1:", "swarmfs2:")
        self.refused(bob.try_cli("join", "-", stdin=later + "\n"), BAD_DATA, "version 2", "update swarmfs")
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
        alice.create("team")
        for words in ([], ["fly"], ["create"], ["mount"], ["join"], ["create", "a", "b", "c"], ["status", "--frobnicate"],
                      ["leave"], ["share", "team"], ["mount", "team", "a", "b"]):
            with self.subTest(words):
                self.refused(alice.try_cli(*words), USAGE)
        for text in ("7", "d", "0d", "-1d", "7 d", "7w", "1.5h", "for ever"):
            with self.subTest(f"--expires {text}"):
                self.refused(alice.try_cli("invite", "team", f"--expires={text}"), USAGE, "--expires", "7d")
        for url in ("htp:/x", "localhost:8080", "http://", "http:///x", "ftp://x", "http://a b", "NONE"):
            with self.subTest(f"--tracker {url}"):
                self.refused(alice.try_cli("create", "new", f"--tracker={url}"), BAD_DATA, url, "tracker", "http://HOST")
        self.refused(alice.try_cli("create", "new", "--tracker", "none", "--tracker", "http://x"), USAGE, "none")
        self.assertEqual([swarm["name"] for swarm in alice.json("status")["swarms"]], ["team"])

    def test_a_name_may_be_left_out_only_while_one_swarm_is_joined(self):
        alice = self.scene.node("alice")
        self.refused(alice.try_cli("list"), BAD_DATA, "no swarm is joined", "swarmfs create")
        alice.create("team")
        self.assertEqual(alice.json("list"), {"entries": []})
        alice.create("family")
        for words in (["list"], ["invite"], ["share", alice.home / "swarmfs.toml"], ["download", "file"]):
            with self.subTest(words):
                (alice.home / "swarmfs.toml").touch()
                self.refused(alice.try_cli(*words), USAGE, "several", "family, team")

    def test_an_unknown_swarm_is_named_with_those_there_are(self):
        alice = self.scene.node("alice")
        alice.create("team")
        for words in (["mount", "other", self.scene.root], ["list", "other", "path"], ["download", "other", "path"],
                      ["share", "other", self.scene.root], ["share", "other"]):
            with self.subTest(words):
                self.refused(alice.try_cli(*words), BAD_DATA, '"other"', "joined: team")
        result = alice.try_cli("share", "other", "x")
        self.refused(result, BAD_DATA, '"other" is neither a joined swarm nor an existing path')
        self.refused(alice.try_cli("leave", "other"), BAD_DATA, '"other"', "swarmfs status")

    def test_a_name_that_is_taken_and_an_invite_by_who_is_no_admin_say_what_to_do(self):
        alice, bob = self.swarm("alice", "bob", mount=False, tracker=False)
        self.refused(alice.try_cli("create", "team"), BAD_DATA, '"team" is joined already', "create NAME")
        self.refused(bob.try_cli("invite", "team"), NO_PERMISSION, "only admins", "role in \"team\" is write", "ask one")

    def test_an_unreachable_tracker_is_reported(self):
        alice = self.scene.node("alice")
        url = f"http://127.0.0.1:{free_port()}"
        alice.create(trackers=[url])
        tracker, = wait_until(lambda: [t for t in alice.status()["trackers"] if t["detail"]], 60, "the tracker is tried")
        self.assertEqual((tracker["url"], tracker["state"]), (url, "unreachable"))
        self.assertRegex(alice.cli("status"), f"{url} unreachable \\(.*refused")

    def test_nothing_waits_for_a_tracker_that_does_not_answer(self):
        # The kernel takes the connection, and nobody ever reads from it.
        with socket.create_server(("127.0.0.1", 0)) as silent:
            alice = self.scene.node("alice")
            alice.create(trackers=["http://127.0.0.1:%d" % silent.getsockname()[1]])
            path = content.random_file(self.scene.root / "file", 300_000)
            self.assertEqual(alice.json("share", "team", path)["files"], 1)
            self.assertEqual([entry["name"] for entry in alice.json("list", "team")["entries"]], ["file"])
            alice.download("file", self.scene.root / "out")
            self.assertEqual(content.sha256(self.scene.root / "out"), content.sha256(path))
            alice.cli("invite", "team")
            # All that was done while the first call to the tracker was still under way.
            self.assertEqual([tracker["state"] for tracker in alice.status()["trackers"]], ["connecting"])
            alice.cli("leave", "team", "--now")

    def test_files_that_cannot_be_shared_are_named(self):
        alice = self.scene.node("alice")
        alice.create()
        result = alice.try_cli("share", "team", self.scene.root / "nowhere")
        self.refused(result, BAD_DATA, str(self.scene.root / "nowhere"), "No such file")

    def test_what_the_node_may_not_read_is_no_permission_when_it_is_named_and_skipped_inside_a_folder(self):
        node = self.node_of_nobody()
        folder = self.scene.root / "folder"
        (folder / "closed").mkdir(parents=True)
        for name in ("open", "secret"):
            (folder / name).write_text(name)
        for name in ("closed", "secret"):
            (folder / name).chmod(0)
        for path in (folder / "closed", folder / "secret"):
            self.refused(node.try_cli("share", "team", path), NO_PERMISSION, f"{path} cannot be shared",
                         "Permission denied", "let the user who runs the node read it")
        self.assertEqual({one["path"] for one in node.json("share", "team", folder)["skipped"]},
                         {str(folder / "closed"), str(folder / "secret")})

    def test_a_download_of_what_is_not_there_says_so(self):
        alice = self.scene.node("alice")
        alice.create()
        result = alice.try_cli("download", "team", "no/such/file", "-o", self.scene.root / "out")
        self.refused(result, BAD_DATA, "no/such/file", "swarmfs list team")
        self.assertFalse((self.scene.root / "out").exists())


def overwrite(path, start, size):
    with open(path, "r+b") as file:
        file.seek(start)
        file.write(os.urandom(size))


def flip(path, start, size):
    with open(path, "r+b") as file:
        file.seek(start)
        flipped = bytes(byte ^ 0xff for byte in file.read(size))
        file.seek(start)
        file.write(flipped)


PAGE = 4096
DAMAGES = {
    "bytes flipped in the middle": lambda path: flip(path, path.stat().st_size // 2, 64),
    "both headers overwritten": lambda path: overwrite(path, 0, 2 * PAGE),
    "the middle overwritten": lambda path: overwrite(path, path.stat().st_size // 2 // PAGE * PAGE, PAGE),
    "all behind the headers overwritten": lambda path: overwrite(path, 2 * PAGE, path.stat().st_size - 2 * PAGE),
    "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "cut behind the headers": lambda path: os.truncate(path, 2 * PAGE),
    "emptied": lambda path: os.truncate(path, 0),
}


class Damage(Refusals):
    """A node whose disk went bad says so, or puts it right; its content is found again, and is never wrong."""

    def shared(self):
        """Alice shares a large and a small file, and bob has both."""
        alice, bob = self.swarm("alice", "bob", mount=False)
        self.files = {"large": os.urandom(700_000), "small": os.urandom(1000)}
        for name, data in self.files.items():
            (self.scene.root / name).write_bytes(data)
            alice.cli("share", "team", self.scene.root / name)
        self.assert_found(bob)
        return alice, bob

    def assert_found(self, node):
        """Both files can be downloaded. Returns how many bytes were fetched for that."""
        fetched = 0
        for name, data in self.files.items():
            wait_until(lambda: name in {entry["name"] for entry in node.json("list", "team")["entries"]}, 60,
                       f"{node.name} lists {name}")
            out = self.scene.root / "out"
            out.unlink(missing_ok=True)
            fetched += self.downloaded(node, name, out)["fetched_bytes"]
            self.assertTrue(out.read_bytes() == data, f"{name} is as it was shared")
        return fetched

    def downloaded(self, node, name, out):
        """A leaf that went bad may end the download that finds it, which says so; the next one fetches it."""
        result = node.try_cli("--json", "download", "team", name, "-o", out)
        if result.returncode == BAD_DATA:
            self.refused(result, BAD_DATA, "no longer matches its hash; it will be fetched again")
            self.assertFalse(out.exists())
            return node.download(name, out)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def start_or_follow_the_message(self, node, table):
        """Starts a node whose `table` is damaged; where it refuses, the folder it names is moved away as it says.

        Returns: whether it refused.
        """
        try:
            node.start()
            return False
        except AssertionError:
            said = node.log_tail(1)
        self.assertEqual(node.process.returncode, BAD_DATA, said)
        self.assertRegex(said, "is damaged|was removed or replaced")
        self.assertIn(f"move the whole folder {table.parent} away and start again", said)
        self.refused(node.try_cli("list"), BAD_DATA, said)
        away = table.parent.with_name("db.away")
        shutil.rmtree(away, ignore_errors=True)
        table.parent.rename(away)
        node.start()
        return True

    def test_a_reader_with_damaged_tables_finds_its_content_again(self):
        _, bob = self.shared()
        for name in ("tables.mdb", "small.mdb"):
            for what, damage in DAMAGES.items():
                with self.subTest(name, damage=what):
                    self.assertEqual(bob.stop(), 0)
                    damage(bob.home / "db" / name)
                    refused = self.start_or_follow_the_message(bob, bob.home / "db" / name)
                    self.assertTrue(refused or "middle" in what, "only a page in the middle may be an unused one")
                    # What is in the store's files proves itself, and is not fetched again.
                    self.assertLessEqual(self.assert_found(bob), len(self.files["small"]))

    def test_an_author_with_damaged_tables_goes_on_with_what_the_others_have(self):
        alice, bob = self.shared()
        self.assertEqual(alice.stop(), 0)
        table = alice.home / "db" / "tables.mdb"
        DAMAGES["both headers overwritten"](table)
        self.start_or_follow_the_message(alice, table)
        self.assert_found(alice)
        self.files["later"] = os.urandom(300_000)
        (self.scene.root / "later").write_bytes(self.files["later"])
        alice.cli("share", "team", self.scene.root / "later")
        self.assert_found(bob)

    def test_content_that_was_damaged_on_disk_is_fetched_again_and_never_shown(self):
        _, bob = self.shared()
        data, = (bob.home / "content").glob("*/*.data")
        tree, = (bob.home / "content").glob("*/*.tree")
        half = data.stat().st_size // 2
        for what, damage, least in (("cut in half", lambda: os.truncate(data, half), half),
                                    ("emptied", lambda: os.truncate(data, 0), 2 * half),
                                    ("removed", data.unlink, 2 * half),
                                    ("overwritten in the middle", lambda: overwrite(data, half, 10), 1),
                                    ("without its tree", tree.unlink, 0),
                                    ("with half a tree", lambda: os.truncate(tree, tree.stat().st_size // 2), 0)):
            with self.subTest(what):
                self.assertEqual(bob.stop(), 0)
                damage()
                bob.start()
                fetched = self.assert_found(bob)
                self.assertGreaterEqual(fetched, least)
                self.assertLessEqual(fetched, len(self.files["large"]))


class Mounting(Refusals):
    def setUp(self):
        super().setUp()
        needs_fuse()

    def test_a_mount_point_must_be_an_empty_directory(self):
        alice, = self.swarm("alice", mount=False)
        full = self.scene.root / "full"
        full.mkdir()
        (full / "thing").write_text("mine")
        for directory, words in ((full, ("is not empty", "-o nonempty")),
                                 (full / "thing", ("is not a directory",)),
                                 (self.scene.root / "missing" / "deep", ("does not exist", "mkdir -p"))):
            with self.subTest(directory):
                self.refused(alice.try_cli("mount", "team", directory), BAD_DATA, str(directory), *words)
        self.assertEqual((full / "thing").read_text(), "mine")

    def test_a_directory_is_not_mounted_twice(self):
        alice, = self.swarm("alice")
        result = alice.try_cli("mount", "team", alice.mounted)
        self.refused(result, TRY_AGAIN, f"{alice.mounted} is mounted already", f"swarmfs unmount {alice.mounted}")
        (alice.mounted / "still").write_text("works")

    def test_a_home_and_its_mount_may_not_contain_one_another(self):
        alice, = self.swarm("alice", mount=False)
        inside = alice.home / "mount"
        inside.mkdir()
        for directory in (inside, alice.home, alice.home.parent):
            with self.subTest(directory):
                self.refused(alice.try_cli("mount", "team", directory, "-o", "nonempty"), BAD_DATA, str(directory),
                             "home", "choose another mount point")

    def test_mount_options_nobody_knows_are_named(self):
        alice, = self.swarm("alice", mount=False)
        for options in ("frob", "ro=1", "uid", "uid=me", "umask=999"):
            with self.subTest(options):
                self.refused(alice.try_cli("mount", "team", self.scene.root, "-o", options), BAD_DATA,
                             f'mount option "{options.split("=")[0]}"')

    def test_content_cut_short_on_disk_is_read_right_through_the_mount(self):
        alice, bob = self.swarm("alice", "bob")
        wanted = os.urandom(3 << 20)
        (alice.mounted / "file").write_bytes(wanted)
        self.assertTrue(bob.sees("file").read_bytes() == wanted)
        self.assertEqual(bob.stop(), 0)
        data, = (bob.home / "content").glob("*/*.data")
        os.truncate(data, 1 << 20)
        bob.start()
        bob.mount(bob.mounted)
        self.assertTrue((bob.mounted / "file").read_bytes() == wanted)
        self.assertGreaterEqual(bob.status()["received_bytes"], 2 << 20)

    def test_a_read_that_fails_is_a_problem_until_it_works(self):
        alice, bob = self.swarm("alice", "bob", mount=False)
        (self.scene.root / "file").write_bytes(b"content" * 1000)
        alice.cli("share", "team", self.scene.root / "file")
        bob.mount(None, "-o", "read_timeout=500ms")
        path = bob.sees("file")
        self.assertEqual(alice.stop(), 0)
        with self.assertRaises(OSError) as failed:
            path.read_bytes()
        self.assertEqual(failed.exception.errno, errno.EIO)
        self.assertIn('a read of "file" failed: ', bob.status()["last_error"])
        self.assertRegex(bob.cli("status"), "(?m)^  problem   a read of ")
        alice.start()

        def read():
            try:
                return path.read_bytes()
            except OSError:
                return None
        self.assertEqual(wait_until(read, 60, "bob reads it"), b"content" * 1000)
        self.assertEqual(bob.status()["last_error"], "")

    def test_names_and_paths_beyond_the_limits_get_their_errno(self):
        alice, bob = self.swarm("alice", "bob")
        for name, code in ((b"x" * 256, errno.ENAMETOOLONG), (b"\xff\xfe", errno.EINVAL)):
            path = os.path.join(os.fsencode(alice.mounted), name)
            with self.assertRaises(OSError) as refused:
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
            self.assertEqual(refused.exception.errno, code)
        self.assertEqual(os.listdir(alice.mounted), [])
