"""What a person types, and what programs may rely on: options, exit codes, JSON, and the node that starts by itself."""

import base64
import concurrent.futures
import json
import os
import re
import select
import signal
import socket
import subprocess
import threading

from harness import PROGRAMS, Node, SceneTest, free_port

USAGE, BAD_DATA, UNAVAILABLE, SOFTWARE, TRY_AGAIN, CONFIGURATION = 64, 65, 69, 70, 75, 78


class Options(SceneTest):
    def test_the_description_of_a_swarm_is_shown_in_its_status(self):
        alice = self.scene.node("alice")
        alice.cli("create", "team", "--tracker", "none", "--description", "Photos of 1999, all of them")
        self.assertEqual(alice.json("status")["swarms"][0]["description"], "Photos of 1999, all of them")
        self.assertIn("team: Photos of 1999, all of them", alice.cli("status"))

    def test_an_invite_is_drawn_as_a_qr_code_beside_its_text(self):
        alice = self.scene.node("alice")
        alice.create()
        result = alice.try_cli("invite", "team", "--qr")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"\Aswarmfs1:\S+\n\Z")
        rows = result.stderr.splitlines()
        self.assertEqual({len(row) for row in rows}, {len(rows[0])}, "it is a rectangle")
        self.assertEqual(set("".join(rows)), set(" ▀▄█"))
        modules = len(rows[0]) - 4
        self.assertEqual((modules - 17) % 4, 0, "a QR code has 17 + 4 n modules a side")
        self.assertEqual(len(rows), (modules + 4 + 1) // 2)
        # Light frame, dark finder pattern in three corners: seven modules wide, at the first row inside the frame.
        self.assertEqual(rows[0], "█" * len(rows[0]))
        self.assertTrue(rows[1].startswith("██ ▄▄▄▄▄ ") and rows[1].endswith(" ▄▄▄▄▄ ██"), rows[1])

    def test_an_invite_is_put_on_the_terminals_clipboard(self):
        alice = self.scene.node("alice")
        alice.create()
        result = alice.try_cli("invite", "team", "--copy")
        copied = re.search(r"\x1b\]52;c;([A-Za-z0-9+/=]+)\x07", result.stderr)
        self.assertEqual(base64.b64decode(copied.group(1), validate=True).decode(), result.stdout.strip())

    def test_leaving_says_what_was_left_as_json_too(self):
        alice = self.scene.node("alice")
        for name in ("team", "family"):
            alice.create(name)
        self.assertEqual(alice.json("leave", "team"), {"name": "team"})
        self.assertEqual(alice.cli("leave", "family"), 'Left "family".\n')
        self.assertEqual(alice.json("status")["swarms"], [])

    def test_the_daemon_listens_on_the_port_it_is_told(self):
        port = free_port()
        node = Node(self.scene, "alice")
        node.words += ["--port", str(port)]
        self.scene.add(node).start()
        self.assertEqual(node.json("status")["listen"], f"127.0.0.1:{port}")
        with socket.create_connection(("127.0.0.1", port), timeout=30):
            pass

    def test_help_names_the_exit_codes(self):
        said = self.scene.add(Node(self.scene, "alice")).cli("--help")
        for code in (64, 65, 69, 70, 74, 75, 77, 78):
            self.assertIn(f"{code} ", said)


class Paths(SceneTest):
    """Whatever is typed for a path is understood or refused: exit code 70 is for bugs."""

    def setUp(self):
        super().setUp()
        self.alice = self.scene.node("alice")
        self.alice.create()
        folder = self.scene.root / "folder"
        folder.mkdir()
        (folder / "file").write_text("of the folder")
        self.alice.cli("share", "team", folder)

    def typed(self, directory, *words, home=None):
        """Runs swarmfs in `directory`, which is removed first when it is called "gone"."""
        script = 'cd "$1"; [ "${1##*/}" != gone ] || rmdir "$1"; shift; exec "$@"'
        return subprocess.run(["sh", "-c", script, "sh", directory, os.path.abspath(PROGRAMS["swarmfs"]), "--home",
                               home or self.alice.home, *words], capture_output=True, text=True, check=False,
                              timeout=120, env=self.scene.environment)

    def test_a_download_is_put_under_the_last_name_of_what_is_asked_for(self):
        for what, out in (("folder/", "folder/file"), ("folder//", "folder/file"), ("/folder/file", "file"),
                          ("/", "team/folder/file"), ("//", "team/folder/file")):
            with self.subTest(what):
                here = self.scene.root / f"here-{what.replace('/', '-')}"
                here.mkdir()
                result = self.typed(here, "download", "team", what)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual((here / out).read_text(), "of the folder")

    def test_an_empty_path_is_refused(self):
        for words in (["download", "team", ""], ["share", "team", ""], ["share", ""]):
            with self.subTest(words):
                result = self.typed(self.scene.root, *words)
                self.assertEqual(result.returncode, BAD_DATA, result.stderr)
                self.assertRegex(result.stderr, "empty|neither a joined swarm nor an existing path")

    def test_a_current_directory_that_is_gone_is_said(self):
        gone = self.scene.root / "gone"
        for words, home, code in ((["share", "team", "file"], None, BAD_DATA),
                                  (["download", "team", "folder"], None, BAD_DATA),
                                  (["status"], "relative", CONFIGURATION)):
            with self.subTest(words):
                gone.mkdir()
                result = self.typed(gone, *words, home=home)
                self.assertEqual(result.returncode, code, result.stderr)
                self.assertIn("from the current directory (No such file or directory)", result.stderr)
                self.assertIn("cd to another one", result.stderr)


class StartedByCommands(SceneTest):
    """Commands that find no node start one."""

    def setUp(self):
        super().setUp()
        self.alice = self.scene.add(Node(self.scene, "alice", environment={"SWARMFS_LISTEN": "127.0.0.1:0"}))
        # Ends what no test has started itself; `stop` of a node that is not there is fine, too.
        self.addCleanup(self.alice.try_cli, "stop")

    def test_commands_that_come_at_once_share_the_node_that_one_of_them_starts(self):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda name: self.alice.try_cli("create", name, "--tracker", "none"), "abcd"))
        self.assertEqual([result.returncode for result in results], [0] * 4, "\n".join(r.stderr for r in results))
        self.assertEqual([swarm["name"] for swarm in self.alice.json("status")["swarms"]], list("abcd"))

    def test_a_password_is_not_handed_on_to_the_daemon(self):
        self.alice.cli("create", "team", "--tracker", "none", environment={"SWARMFS_PASSWORD": "correct horse"})
        with open(f"/proc/{self.daemon()}/environ", "rb") as file:
            inherited = file.read()
        self.assertIn(b"SWARMFS_LISTEN=", inherited)
        self.assertNotIn(b"correct horse", inherited)

    def daemon(self):
        """The process that holds the home's lock."""
        inode = os.stat(self.alice.home / "lock").st_ino
        with open("/proc/locks", encoding="ascii") as file:
            return next(line.split()[4] for line in file if line.split()[5].endswith(f":{inode}"))

    def test_without_a_node_status_says_how_to_start_one(self):
        result = self.alice.try_cli("status")
        self.assertEqual(result.returncode, UNAVAILABLE)
        self.assertIn(f"swarmfsd --home {self.alice.home}", result.stderr)

    def test_stop_without_a_node_says_so_in_json_too(self):
        self.assertEqual(self.alice.json("stop"), {"pid": None})
        self.assertEqual(self.alice.cli("stop"), "")


class Answers(SceneTest):
    """A node of another version may answer what this command line does not understand; one that hangs, not at all."""

    def answer_with(self, home, result, late=()):
        """Stands in for a node. A method named in `late` is answered 2 s after it was asked, if somebody still waits."""
        home.mkdir()
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(home / "control.sock"))
        listener.listen()

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, connection.makefile("rwb") as stream:
                    if line := stream.readline():
                        request = json.loads(line)
                        if request["method"] in late and select.select([connection], [], [], 2)[0]:
                            continue
                        stream.write(json.dumps({"id": request["id"], "result": result}).encode() + b"\n")
        threading.Thread(target=serve, daemon=True).start()

    def test_what_lacks_a_field_is_an_error_and_no_crash(self):
        alice = Node(self.scene, "alice")
        self.answer_with(alice.home, {"swarms": [{"name": 7}]})
        for words in (["status"], ["list"], ["invite"]):
            with self.subTest(words):
                result = alice.try_cli(*words)
                self.assertEqual(result.returncode, SOFTWARE, result.stderr)
                self.assertIn("swarmfs stop", result.stderr)

    def test_a_node_that_hangs_is_given_up(self):
        alice = self.scene.node("alice")
        alice.create()
        alice.process.send_signal(signal.SIGSTOP)
        for words in (["status"], ["list"], ["download", "file"], ["leave", "team"]):
            with self.subTest(words):
                result = alice.try_cli("--timeout", "1", *words)
                self.assertEqual((result.returncode, result.stdout), (TRY_AGAIN, ""), result.stderr)
                self.assertIn(f"swarmfsd (process {alice.process.pid}) took the call and does not answer", result.stderr)
        alice.process.send_signal(signal.SIGCONT)
        self.assertEqual(alice.status()["name"], "team")
        self.assertEqual(alice.try_cli("--timeout", "0", "status").returncode, USAGE)

    def test_a_node_that_accepts_no_call_is_given_up(self):
        alice = Node(self.scene, "alice")
        alice.home.mkdir()
        with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as queued:
            listener.bind(str(alice.home / "control.sock"))
            listener.listen(0)
            queued.connect(str(alice.home / "control.sock"))
            result = alice.try_cli("--timeout", "1", "status")
        self.assertEqual(result.returncode, TRY_AGAIN, result.stderr)
        self.assertIn("accepts no more calls", result.stderr)

    def test_work_that_takes_long_is_not_cut(self):
        alice = Node(self.scene, "alice")
        result = {"swarms": [{"name": "team"}], "out": "/x", "sources": [], "watched": [], "skipped": []}
        self.answer_with(alice.home, result, late=("download", "share", "list"))
        for words, code in ((["download", "file"], 0), (["share", "/etc"], 0), (["list"], TRY_AGAIN)):
            with self.subTest(words):
                self.assertEqual(alice.try_cli("--timeout", "1", *words).returncode, code)
