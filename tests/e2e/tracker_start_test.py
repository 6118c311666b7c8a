"""What keeps a tracker from starting is said, with a documented exit code and what to try."""

import os
import socket
import subprocess

from harness import NOBODY, PROGRAMS, SceneTest, as_nobody

USAGE, BAD_DATA, UNAVAILABLE, NO_PERMISSION, CONFIGURATION = 64, 65, 69, 77, 78


class Start(SceneTest):
    def refused(self, code, words, options, before=()):
        """It ends by itself with `code`, and says each of `words` in one line."""
        result = subprocess.run([*before, PROGRAMS["swarmfs-tracker"], *map(str, options)], capture_output=True,
                                text=True, timeout=60, check=False, env=self.scene.environment)
        self.assertEqual(result.returncode, code, result.stderr)
        said = result.stderr.splitlines()[-1]
        self.assertTrue(said.startswith("swarmfs-tracker: "), said)
        for word in words:
            self.assertIn(word, said)

    def options(self, data="data", listen="127.0.0.1:0"):
        return ["--listen", listen, "--data", self.scene.root / data]

    def test_a_command_line_that_makes_no_sense_is_usage(self):
        for options in (["--frobnicate"], ["word"], ["--listen"]):
            with self.subTest(options):
                self.refused(USAGE, ["--help"], options)

    def test_wrong_settings_are_named(self):
        file = self.scene.root / "tracker.toml"
        for text, words in (("lisen = '[::]:1'", [str(file), "lisen"]), ("threads = 0", [str(file), "threads"]),
                            ("threads = ", [str(file), "line 1"]), ("log_level = 'loud'", ["log_level", "warning"])):
            with self.subTest(text):
                file.write_text(text + "\n")
                self.refused(CONFIGURATION, words, [*self.options(), "--config", file])
        self.refused(CONFIGURATION, [str(file) + "x"], [*self.options(), "--config", str(file) + "x"])
        self.refused(CONFIGURATION, ["here:80", "ADDRESS:PORT"], self.options(listen="here:80"))

    def test_a_port_in_use_is_named_with_what_to_try(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            self.refused(UNAVAILABLE, [f"127.0.0.1:{port}", "in use", f"sport = :{port}", "--listen"],
                         self.options(listen=f"127.0.0.1:{port}"))

    def test_a_data_directory_in_use_is_named(self):
        tracker = self.scene.tracker()
        self.refused(UNAVAILABLE, [str(tracker.data), "--data"], self.options(tracker.data))

    def test_a_data_directory_that_is_none_is_named(self):
        (self.scene.root / "file").write_text("mine")
        for data in ("file", "file/below"):
            self.refused(CONFIGURATION, [str(self.scene.root / data), "Not a directory", "--data"], self.options(data))

    def test_a_data_directory_that_may_not_be_written_is_named(self):
        nobody = as_nobody(self.scene)
        data = self.scene.root / "data"
        data.mkdir(mode=0o500)
        os.chown(data, NOBODY, NOBODY)
        self.refused(NO_PERMISSION, [str(data), "Permission denied", "--data"], self.options(), nobody)

    def test_damaged_tables_are_named_and_started_without_once_moved_away(self):
        tracker = self.scene.tracker()
        self.assertEqual(tracker.stop(), 0)
        table = tracker.data / "tracker.mdb"
        table.write_bytes(os.urandom(table.stat().st_size))
        self.refused(BAD_DATA, [str(table), "damaged", "move it away"], self.options(tracker.data))
        table.unlink()
        tracker.start()
        self.assertEqual(tracker.get("/health")[0], 200)
