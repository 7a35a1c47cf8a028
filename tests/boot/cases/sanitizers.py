# SPDX-License-Identifier: GPL-2.0
"""The host's tests under AddressSanitizer with its search for leaks, and under valgrind; each a part.

That both would see something is shown by a test that leaves memory with a device for good: it is skipped,
and run by itself, where it has to be reported.

Rows: T84 T98 H2 H7
"""

import time

from harness.case import BUILD, LOGS, ROOT
from harness.cargo import cargo
from harness.instrumented import ADDRESS, TARGET, environment

TIMEOUT = 900
HOST = ROOT / "tests" / "host"
# Those that are more than calls of pure functions and take seconds at most. The queue beside its model is
# the fuzzer's, which has AddressSanitizer, too.
TESTS = ["chains", "hostile", "restart", "teardown", "no_memory", "watch", "emulated"]
# A device's memory in a process of valgrind is limited: no emulated device.
FEWER = TESTS[:-1]
LEAK = "memory_that_the_device_keeps_is_never_freed"
VALGRIND = "valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite"


def look(t, name, report, runs, leak):
    """Runs test programs, none of which may fail, and one that has to have `report` in its output."""
    start, reason = time.monotonic(), ""
    for number, (package, place, words, extra) in enumerate([*runs, leak]):
        log = LOGS / f"{t.case.file_name}-{name}-{number}.log"
        status = cargo(package, place, log, "test", *words, timeout=t.case.timeout, environment=extra)
        text = log.read_text(errors="replace")
        t.logs.append(log)
        if number < len(runs):
            lines = [line for line in text.splitlines() if "ERROR: " in line or "panicked at" in line or line.startswith("error")]
            if status != 0 or "test result: ok" not in text or report in text:
                reason = reason or f"{' '.join(words)}: {(lines or [f'ended with {status}'])[0]}"
        elif status == 0 or report not in text:
            reason = reason or f"a leak was not seen: {' '.join(words)}"
    t.part(name, time.monotonic() - start, reason, log)


def run(t):
    """AddressSanitizer, then valgrind."""
    chosen = [word for test in TESTS for word in ("--test", test)]
    fewer = [word for test in FEWER for word in ("--test", test)]
    alone = ["--test", "teardown", LEAK]
    skip = ["--", "--skip", LEAK]

    flags = environment(ADDRESS)
    place = BUILD / "host-tests" / "address"
    words = ["--target", TARGET]
    look(t, "address", "LeakSanitizer: detected memory leaks",
         [(HOST, place, [*words, "--lib", *chosen, *skip], flags),
          (ROOT / "emulator", place, [*words, "--lib"], flags)],
         (HOST, place, [*words, *alone], flags))

    runner = {f"CARGO_TARGET_{TARGET.upper().replace('-', '_')}_RUNNER": VALGRIND}
    place = BUILD / "host-tests"
    look(t, "valgrind", "definitely lost in loss record",
         [(HOST, place, ["--lib", *fewer, *skip], runner)],
         (HOST, place, alone, runner))
