"""Runs the examples of docs/tracker.md, in order, against a tracker of its own.

    document_examples.py TRACKER_PROGRAM DOCUMENT
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77


def examples(document):
    return re.findall(r"^```sh\n(.*?)^```$", document.read_text(encoding="utf-8"), re.S | re.M)


def listening_url(tracker):
    """Waits for the line that says where the tracker listens; its end would end the wait."""
    for line in tracker.stderr:
        found = re.search(r"listening on (127\.0\.0\.1:\d+)", line)
        if found:
            return "http://" + found.group(1)
    raise SystemExit("the tracker ended before it listened")


def main():
    program, document = sys.argv[1], pathlib.Path(sys.argv[2])
    if not all(shutil.which(name) for name in ("bash", "curl", "openssl", "od")):
        print("skipped: bash, curl, openssl and od are needed")
        return SKIPPED
    blocks = examples(document)
    assert len(blocks) >= 5, "the document has lost its examples"
    with tempfile.TemporaryDirectory() as folder:
        tracker = subprocess.Popen([program, "--listen", "127.0.0.1:0", "--data", folder + "/data"],
                                   stderr=subprocess.PIPE, text=True)
        try:
            script = "set -euo pipefail\nexport TMPDIR=" + folder + "\nTRACKER=" + listening_url(tracker)
            done = subprocess.run(["bash"], input="\n".join([script] + blocks), text=True, timeout=60, check=False)
        finally:
            tracker.terminate()
            ended = tracker.wait(30)
    assert done.returncode == 0, f"an example failed with {done.returncode}"
    assert ended == 0, f"the tracker ended with {ended}"
    return 0


if __name__ == "__main__":
    sys.exit(main())
