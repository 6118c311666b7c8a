#!/usr/bin/env python3
"""What tools/check needs to know about ctest.

    ctest_report.py count LOG JUNIT      prints "PASSED FAILED SKIPPED": test cases, not programs
    ctest_report.py programs BUILD < JSON     ninja targets that the tests of `ctest --show-only=json-v1` run

Test cases are counted where a program names its own (doctest, Python's unittest); any other test is one case.
"""

import json
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

DOCTEST = re.compile(r"^\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed \|", re.M)
UNITTEST_RAN = re.compile(r"^Ran (\d+) tests? in ", re.M)
UNITTEST_BAD = re.compile(r"\b(failures|errors|unexpected successes)=(\d+)")
UNITTEST_SKIPPED = re.compile(r"\bskipped=(\d+)")
ADD_TEST = re.compile(r'^add_test\((?:\[=\[)?(.+?)(?:\]=\])? (".*)\)$', re.M)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def outputs_of(log):
    """{test name: what it printed} from ctest's LastTest.log."""
    outputs = {}
    for part in re.split(r"^(?=\d+/\d+ Testing: )", COLOUR.sub("", log), flags=re.M)[1:]:
        name = re.match(r"\d+/\d+ Testing: (.*)", part).group(1)
        outputs[name] = part
    return outputs


def count_one(status, output):
    """(passed, failed, skipped) of one ctest."""
    if status in ("notrun", "disabled"):
        return 0, 0, 1
    passed = failed = skipped = 0
    for match in DOCTEST.finditer(output):
        passed += int(match.group(1))
        failed += int(match.group(2))
    for match in UNITTEST_RAN.finditer(output):
        tail = output[match.end():match.end() + 400]
        bad = sum(int(m.group(2)) for m in UNITTEST_BAD.finditer(tail))
        left_out = sum(int(m.group(1)) for m in UNITTEST_SKIPPED.finditer(tail))
        passed += max(int(match.group(1)) - bad - left_out, 0)
        failed += bad
        skipped += left_out
    if status == "fail":
        return passed, max(failed, 1), skipped  # a crash or time-out has no summary of its own
    return (passed, failed, skipped) if passed + failed + skipped else (1, 0, 0)


def count(log_path, junit_path):
    with open(log_path, encoding="utf-8", errors="replace") as file:
        outputs = outputs_of(file.read())
    totals = [0, 0, 0]
    for case in ElementTree.parse(junit_path).getroot().iter("testcase"):
        one = count_one(case.get("status"), outputs.get(case.get("name"), ""))
        totals = [total + number for total, number in zip(totals, one)]
    print(*totals)


def commands_of(build):
    """{test name: words of its command}; ctest itself leaves out programs that are not built yet."""
    commands = {}
    for folder, _, names in os.walk(build):
        if "CTestTestfile.cmake" in names:
            with open(os.path.join(folder, "CTestTestfile.cmake"), encoding="utf-8") as file:
                for match in ADD_TEST.finditer(file.read()):
                    commands[match.group(1)] = re.findall(r'"((?:[^"\\]|\\.)*)"', match.group(2))
    return commands


def programs(build):
    """A test that names a program of the build needs that program; one that names the build folder needs all."""
    commands, targets = commands_of(build), set()
    for test in json.load(sys.stdin)["tests"]:
        for word in commands.get(test["name"], []):
            inside = os.path.relpath(word, build) if os.path.isabs(word) else ".."
            if inside == ".":
                targets.add("all")
            elif not inside.startswith(".."):
                targets.add(inside)
    print("\n".join(["all"] if "all" in targets else sorted(targets)))


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "count":
        count(sys.argv[2], sys.argv[3])
    elif len(sys.argv) == 3 and sys.argv[1] == "programs":
        programs(os.path.abspath(sys.argv[2]))
    else:
        sys.exit(__doc__)
