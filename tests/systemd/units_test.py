#!/usr/bin/env python3
"""The units under systemd/ are what systemd understands, and lock up what they claim to.

`systemd-analyze verify` wants the program to exist, so it sees copies that start /bin/true.
"""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

UNITS = pathlib.Path(__file__).resolve().parents[2] / "systemd"


def analyze(*words, runtime="/nonexistent"):
    result = subprocess.run(["systemd-analyze", *map(str, words)], capture_output=True, text=True, check=False,
                            env=dict(os.environ, XDG_RUNTIME_DIR=str(runtime)))
    return result.returncode, (result.stdout + result.stderr).strip()


@unittest.skipUnless(shutil.which("systemd-analyze"), "needs systemd-analyze")
class Units(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def copy(self, name):
        text = (UNITS / name).read_text(encoding="utf-8")
        copied = self.folder / pathlib.Path(name).name
        copied.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.M), encoding="utf-8")
        return copied

    def exposure(self, unit):
        """systemd's own figure for what a unit could still do, 0 to 10."""
        code, said = analyze("security", "--offline=yes", "--no-pager", unit)
        match = re.search(r"Overall exposure level for .*: ([\d.]+)", said)
        self.assertIsNotNone(match, f"exit code {code}\n{said}")
        return float(match.group(1))

    def test_system_units_are_clean(self):
        for name in ("swarmfsd.service", "swarmfs-tracker.service"):
            self.assertEqual(analyze("verify", self.copy(name)), (0, ""))

    def test_the_user_unit_is_clean(self):
        unit = self.copy("user/swarmfsd.service")
        self.assertEqual(analyze("--user", "verify", unit, runtime=self.folder), (0, ""))

    def test_the_drop_in_for_nodes_without_mounts_is_clean_and_locks_further(self):
        unit = self.copy("swarmfsd.service")
        with_mounts = self.exposure(unit)
        with open(unit, "a", encoding="utf-8") as file:
            file.write((UNITS / "swarmfsd-no-mount.conf").read_text(encoding="utf-8"))
        self.assertEqual(analyze("verify", unit), (0, ""))
        self.assertLess(self.exposure(unit), with_mounts)

    def test_the_tracker_is_locked_up(self):
        self.assertLess(self.exposure(self.copy("swarmfs-tracker.service")), 2.0)

    def test_what_another_start_cannot_help_is_not_started_again(self):
        # Wrong usage, damaged data, missing permission, bad configuration: the table in docs/control.md.
        for name in ("swarmfsd.service", "swarmfs-tracker.service", "user/swarmfsd.service"):
            text = (UNITS / name).read_text(encoding="utf-8")
            codes = re.search(r"^RestartPreventExitStatus=(.*)$", text, flags=re.M)
            self.assertEqual(codes and codes.group(1), "64 65 77 78", name)

    def test_a_node_that_mounts_gets_no_mount_namespace(self):
        hidden_namespaces = re.compile(
            r"^(ProtectSystem|ProtectHome|PrivateTmp|PrivateDevices|PrivateMounts|ReadWritePaths|ReadOnlyPaths|InaccessiblePaths|"
            r"BindPaths|BindReadOnlyPaths|TemporaryFileSystem|ProtectKernelTunables|ProtectKernelModules|ProtectKernelLogs|"
            r"ProtectControlGroups|ProtectProc|ProcSubset|DynamicUser|RootDirectory|RootImage)=", re.M)
        for name in ("swarmfsd.service", "user/swarmfsd.service"):
            self.assertIsNone(hidden_namespaces.search((UNITS / name).read_text(encoding="utf-8")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
