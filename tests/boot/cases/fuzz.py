# SPDX-License-Identifier: GPL-2.0
"""A coverage-guided fuzzer, for some thousand inputs beyond the corpus in the tree, with AddressSanitizer.

The queue beside its model, the numbers that a device says of itself, the header of received packets, and
commands to the emulated card; each a part. scripts/fuzz runs them for as long as one likes.

Rows: T42 T71 T89 T90 N51 N52 N93 H1 H2 H7 H8 H10 H20 H22 H23
"""

import os
import time

from harness import fuzz
from harness.case import LOGS, Failure

TIMEOUT = 900
INPUTS = 20_000
# Of the queue an input takes a hundred times as long as of the others.
FEWER = {"queue": 2000, "control": 2000}
# As many places are reached by the corpus alone; fewer mean that it is not fed, or not looked at.
LEAST_PLACES = {"config": 100, "control": 1500, "header": 80, "queue": 800}


def run(t):
    """Every target."""
    log = LOGS / f"{t.case.file_name}.log"
    t.logs.append(log)
    try:
        fuzz.build(log)
    except fuzz.Broken as error:
        raise Failure(str(error)) from error
    t.equal(sorted(LEAST_PLACES), fuzz.TARGETS, "targets")
    for target in fuzz.TARGETS:
        start, reason = time.monotonic(), ""
        log = LOGS / f"{t.case.file_name}-{target}.log"
        inputs = FEWER.get(target, INPUTS) * (10 if os.environ.get("RVIRTIO_LONG") else 1)
        try:
            ran, places = fuzz.run(target, log, f"-runs={inputs}")
            if ran < inputs or places < LEAST_PLACES[target]:
                reason = f"{ran} inputs reached {places} places"
        except fuzz.Broken as error:
            reason = str(error)
        t.part(target, time.monotonic() - start, reason, log)
