# SPDX-License-Identifier: GPL-2.0
"""The host's tests under AddressSanitizer with its search for leaks, and under valgrind; each a part.

That both would see something is shown by a test that leaves memory with a device for good: it is skipped,
and run by itself, where it has to be reported.

Rows: T84 T98 H2 H7
"""

import time

from harness.case import BUILD, LOGS, ROOT
from harness.cargo import cargo
from harness.instrumented import PLACE, TARGET, environment

TIMEOUT = 900
HOST = ROOT / "tests" / "host"
# Those that are more than calls of pure functions and take seconds at most. The queue beside its model is
# the fuzzer's, which has AddressSanitizer, too.
TESTS = ["chains", "hostile", "restart", "teardown", "no_memory", "watch", "emulated"]
# A device's memory in a process of valgrind is limited: no emulated device.
FEWER = TESTS[:-1]
LEAK = "memory_that_the_device_keeps_is_never_freed"
VALGRIND = "valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite"


def look(t, name, report, tests, place, extra, words=()):
    """Runs the tests, none of which may fail, and the one that has to have `report` in its output."""
    start, reason = time.monotonic(), ""
    chosen = [word for test in tests for word in ("--test", test)]
    for how, what in (("all", ["--lib", *chosen, "--", "--skip", LEAK]), ("leak", ["--test", "teardown", LEAK])):
        log = LOGS / f"{t.case.file_name}-{name}-{how}.log"
        status = cargo(HOST, place, log, "test", *words, *what, timeout=t.case.timeout, environment=extra)
        text = log.read_text(errors="replace")
        t.logs.append(log)
        if how == "leak" and (status == 0 or report not in text):
            reason = reason or "a leak was not seen"
        if how == "all" and (status != 0 or "test result: ok" not in text or report in text):
            lines = [line for line in text.splitlines() if "ERROR: " in line or "panicked at" in line or line.startswith("error")]
            reason = (lines or [f"ended with {status}"])[0]
    t.part(name, time.monotonic() - start, reason, log)


def run(t):
    """AddressSanitizer, then valgrind."""
    look(t, "address", "LeakSanitizer: detected memory leaks", TESTS, PLACE, environment(), ["--target", TARGET])
    runner = {f"CARGO_TARGET_{TARGET.upper().replace('-', '_')}_RUNNER": VALGRIND}
    look(t, "valgrind", "definitely lost in loss record", FEWER, BUILD / "host-tests", runner)
