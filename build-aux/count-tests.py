#!/usr/bin/env python3
"""Adds up the single test cases of a meson run from its testlog.json: "passed failed skipped".

A line follows for each program that failed: its name, its result and the cases that failed in it.

Meson counts test programs; a program speaks TAP and holds many cases, some of which may be skipped for want of
outside data. A program that crashes or speaks no TAP counts as one failed or passed case beyond those it reported.
"""
import json
import re
import sys

CASE = re.compile(r"^(not )?ok \d+(.*)$")


def count(entry: dict) -> tuple[int, int, int]:
    passed = failed = skipped = 0
    for line in entry.get("stdout", "").splitlines():
        match = CASE.match(line)
        if not match:
            continue
        if re.search(r"#\s*skip", match.group(2), re.IGNORECASE):
            skipped += 1
        elif match.group(1):
            failed += 1
        else:
            passed += 1
    good = entry["result"] in ("OK", "SKIP", "EXPECTEDFAIL")
    if not good and failed == 0:
        failed += 1
    if good and passed + failed + skipped == 0:
        if entry["result"] == "SKIP":
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def describe(entry: dict) -> str:
    cases = [line for line in entry.get("stdout", "").splitlines() if line.startswith("not ok ")]
    return f"{entry['name']}: {entry['result']} after {entry['duration']:.0f} s" + "".join(f"; {case}" for case in cases)


def main() -> None:
    total = [0, 0, 0]
    failures = []
    with open(sys.argv[1], encoding="utf-8") as log:
        for line in log:
            entry = json.loads(line)
            counts = count(entry)
            if counts[1] > 0:
                failures.append(describe(entry))
            for i, n in enumerate(counts):
                total[i] += n
    print(*total)
    for failure in failures:
        print(failure)


main()
