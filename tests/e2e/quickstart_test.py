"""What tools/quickstart tells a newcomer to type at the end works as typed."""

import pathlib
import re
import shlex
import subprocess

import content
from harness import PROGRAMS, SceneTest

QUICKSTART = pathlib.Path(__file__).parents[2] / "tools/quickstart"


def printed(base):
    """Its last words, one command a line, as the script prints them where everything is kept in `base`."""
    script = QUICKSTART.read_text(encoding="utf-8")
    words = re.search(r"^    cat <<END\n.*?^END$", script, re.M | re.S).group(0)
    words = words.replace("$PWD/build/release/tools", str(pathlib.Path(PROGRAMS["swarmfs"]).parent))
    seen = re.search("^readonly until_seen=.*$", script, re.M).group(0)
    return content.run("bash", "-euc", f"base={shlex.quote(str(base))}\n{seen}\n{words}").splitlines()


class LastWords(SceneTest):
    def test_every_command_that_is_printed_works_at_the_first_try(self):
        self.tracker = self.scene.tracker()
        alice, bob = (self.scene.node(name) for name in ("alice", "bob"))
        bob.join(alice.create("demo", [self.tracker.url]))
        for node in (alice, bob):
            node.mount(self.scene.root / f"mount-{node.name}")
        commands = printed(self.scene.root)
        self.assertRegex(commands.pop(), "^ *./tools/quickstart --stop ")
        said = subprocess.run(["bash", "-eu", "-c", "\n".join(commands)], capture_output=True, text=True, check=False,
                              timeout=120, env=self.scene.environment)
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
        self.assertIn("\nhello\n", said.stdout)
        self.assertIn("doc/\n", said.stdout.rsplit("NAME", 1)[1])
