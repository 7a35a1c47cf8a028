# SPDX-License-Identifier: GPL-2.0
"""Rust packages of the host: their tests under cargo in the build root, each group counting by itself."""

import os
import re
import subprocess

from .case import LOGS, ROOT, Failure

RUNNING = re.compile(r"^\s+Running (unittests )?(\S+) \(.*?\)\n(.*?)(?=^\s+Running |\Z)", re.M | re.S)
RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored.*finished in ([\d.]+)s", re.M)
TEST = re.compile(r"^test (\S+) \.\.\. (\w+)", re.M)


def cargo(package, target, log, what, *words, timeout=600, environment=None):
    """One of cargo's commands without network, its output in `log`; gives the exit status."""
    with open(log, "wb") as output:
        return subprocess.run(
            [ROOT / "scripts" / "in-root", "cargo", what, "--offline", "--manifest-path", package / "Cargo.toml",
             "--target-dir", target, *words],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, timeout=timeout, check=False,
            env={**os.environ, **(environment or {}), "CARGO_TERM_COLOR": "never"}).returncode


def run_tests(t, package, target, rooms=False):
    """All tests of a package. Each test binary is a part; with `rooms`, each module of the library is."""
    log = LOGS / f"{t.case.file_name}.log"
    status = cargo(package, target, log, "test", "--no-fail-fast", timeout=t.case.timeout)
    t.logs.append(log)
    seen = set()
    for unit, path, text in RUNNING.findall(log.read_text(errors="replace")):
        name = path.removesuffix(".rs").split("/")[-1]
        result = RESULT.search(text)
        if result and result.groups()[:3] == ("0", "0", "0"):
            continue
        seen.add(name)
        groups = {}
        for test, outcome in TEST.findall(text):
            group = test.split("::")[0] if unit and rooms else name
            groups.setdefault(group, []).append((test, outcome))
        if not result:
            groups.setdefault(name, [])
        for group, tests in groups.items():
            failed = [test for test, outcome in tests if outcome == "FAILED"]
            ignored = [test for test, outcome in tests if outcome == "ignored"]
            reason = f"failed: {', '.join(failed)}" if failed else "" if result else "did not end"
            reason = reason or (f"ignored: {', '.join(ignored)}" if ignored else "")
            t.part(group, float(result[4]) / len(groups) if result else 0.0, reason, log)
    missing = {path.stem for path in (package / "tests").glob("*.rs")} - seen
    if missing:
        raise Failure(f"did not run: {', '.join(sorted(missing))}")
    t.check(seen, "no test has run")
    t.check(status == 0 or any(part.reason for part in t.parts), f"cargo test ended with {status}")
