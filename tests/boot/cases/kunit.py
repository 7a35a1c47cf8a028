# SPDX-License-Identifier: GPL-2.0
"""The KUnit suites of the shared driver code, run inside a KUnit kernel.

Loads rvirtio_kunit.ko and reads the results of every suite; each suite counts by itself. Every suite
named in the sources must be there, with at least one test, none failed and none skipped.

Rows: T2 T3 T4 T19 T24 T25 T26 T42 T43 T44 T46 T48 T71 T77 T78 T80 T85 T89 T91 B60
"""

import re
import time

from harness.case import ROOT
from harness.command import qemu_run

TIMEOUT = 600
SETUP = ("guest:kunit",)
SOURCES = ("drivers", "rust", "tests/kunit")


def suites_in_sources():
    """The names of all suites that the module carries."""
    found = set()
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*.rs"):
            found.update(re.findall(r"\bkunit_tests\((\w+)\)", path.read_text()))
    return found


def parse(text):
    """KTAP results, suite by suite: [(name, failed tests, skipped tests, passed tests)]."""
    results = []
    for block in re.split(r"^KTAP version 1$", text, flags=re.M)[1:]:
        failed, skipped, passed = [], [], []
        for line in block.splitlines():
            found = re.match(r"    (ok|not ok) \d+ (\S+)(.*)", line)
            if found:
                kind = failed if found[1] == "not ok" else skipped if "SKIP" in found[3] else passed
                kind.append(found[2])
        suite = re.search(r"^(ok|not ok) \d+ (\S+)", block, re.M)
        if suite:
            if suite[1] == "not ok" and not failed:
                failed.append("the suite itself")
            results.append((suite[2], failed, skipped, passed))
    return results


def run(t):
    """One boot of the KUnit kernel."""
    start = time.monotonic()
    output, log = qemu_run(t, "--kernel", "kunit", "--driver", "rust", "--no-disk", "--net", "none", "--exec",
                           "modprobe rvirtio_kunit && cat /sys/kernel/debug/kunit/*/results")
    results = [entry for entry in parse(output) if entry[0].startswith("rvirtio_")]
    t.check(results, "no suite of ours has run")
    missing = suites_in_sources() - {name for name, *_ in results}
    t.check(not missing, f"suites that did not run: {', '.join(sorted(missing))}")
    share = (time.monotonic() - start) / len(results)
    for name, failed, skipped, passed in results:
        reason = f"failed: {', '.join(failed)}" if failed else f"skipped: {', '.join(skipped)}" if skipped else ""
        reason = reason or ("" if passed else "no test has run")
        t.part(name, share, reason, log)
