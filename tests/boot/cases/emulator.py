# SPDX-License-Identifier: GPL-2.0
"""The emulator by itself: its own tests under cargo, each module and test binary counting by itself.

The vfio-user server message by message, good and bad; the registers, reset, interrupts and the queue
against a guest that is told exactly what to write; requests of the disk; frames and commands of the
network card; the program with its signals, its exit status and what is on the disk after it was killed;
a million messages and chains that are nearly right.

Rows: D1 D2 D3 D4 D5 D6 D7 D8 D9 D10 D11 D12 D13 D14 D15 D16 D17 D18 D19 D20 D21 D22 D23 D24 D25 D26
D27 D28 D29 D30 D31 D33 D36 D37 D38
"""

from harness.case import BUILD, ROOT
from harness.cargo import run_tests

TIMEOUT = 600


def run(t):
    """cargo test, without network."""
    run_tests(t, ROOT / "emulator", BUILD / "emulator", rooms=True)
