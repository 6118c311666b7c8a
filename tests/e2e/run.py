#!/usr/bin/env python3
"""Runs one scenario file with real programs, under a supervisor that cleans up whatever happens.

    run.py --limit SECONDS [--sanitized] SWARMFSD SWARMFS TRACKER SCENARIO.py [unittest arguments]

The scenario runs in a child: should it hang in a system call, the supervisor aborts its mounts and ends it.
"""

import argparse
import importlib.util
import os
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cleanup  # noqa: E402  found through the line above
import harness  # noqa: E402


class TimedResult(unittest.TextTestResult):
    """Says of each test how long it took: what is slow should be seen."""

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        self.stream.writeln(f"    {time.monotonic() - self.began:.1f} s")


def run_scenario(options):
    harness.PROGRAMS.update({"swarmfsd": options.swarmfsd, "swarmfs": options.swarmfs,
                             "swarmfs-tracker": options.tracker})
    spec = importlib.util.spec_from_file_location("scenario", options.scenario)
    scenario = importlib.util.module_from_spec(spec)
    sys.modules["scenario"] = scenario
    spec.loader.exec_module(scenario)
    unittest.main(module=scenario, argv=["scenario", *options.rest],
                  testRunner=unittest.TextTestRunner(verbosity=2, resultclass=TimedResult))


def supervise(child, limit, root):
    """The child's exit code; 124 when it had to be ended."""
    def give_up(_number, _frame):
        raise TimeoutError
    signal.signal(signal.SIGALRM, give_up)
    signal.signal(signal.SIGTERM, give_up)
    signal.alarm(limit)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except (TimeoutError, KeyboardInterrupt):
        print(f"the scenario was ended after {limit} s or by a signal", file=sys.stderr)
        for _, number in cleanup.mounts_under(root):
            cleanup.abort_connection(number)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return 124
    finally:
        signal.alarm(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, required=True)
    parser.add_argument("--sanitized", action="store_true")
    for name in ("swarmfsd", "swarmfs", "tracker", "scenario"):
        parser.add_argument(name)
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if options.sanitized:
        os.environ["SWARMFS_E2E_SANITIZED"] = "1"

    root = tempfile.mkdtemp(prefix="swarmfs-e2e-")
    os.environ[cleanup.MARK] = root
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        run_scenario(options)
        os._exit(0)
    code = 1
    try:
        code = supervise(child, options.limit, root)
    finally:
        # Programs of a scene carry its own folder as their mark; the scenes lie inside `root`.
        for name in os.listdir(root):
            cleanup.clean(os.path.join(root, name))
        cleanup.clean(root)
    sys.exit(code if code >= 0 else 1)


if __name__ == "__main__":
    main()
