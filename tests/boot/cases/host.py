# SPDX-License-Identifier: GPL-2.0
"""The shared driver code on the host: tests/host under cargo, each test binary counting by itself.

The queue runs there against a model of the device, through full wrap-arounds of its 16-bit indices in
every suppression mode, with real threads, and against devices that lie: in every way up to some steps in
the smallest rings, and in a million random ones; and against the emulator's device in the same process,
from reset to reset, on threads and in every order of the two sides' steps up to a bound.

Rows: T42 T44 T46 T71 T73 T74 T75 T76 T77 T78 T79 T80 T81 T82 T83 T84 T85 T89 T90 T91 T92 T93 T96 T98
"""

from harness.case import BUILD, ROOT
from harness.cargo import run_tests

TIMEOUT = 1200


def run(t):
    """cargo test, without network."""
    run_tests(t, ROOT / "tests" / "host", BUILD / "host-tests")
