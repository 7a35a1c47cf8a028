# SPDX-License-Identifier: GPL-2.0
"""A kernel that crashes before it starts anything is booted once more; one that crashes later is not.

QEMU's emulated processors make a kernel crash now and then while it boots. Here it is made to crash each time: the
run command tries twice, keeps the first log, and says what happened.
"""

import subprocess

from harness.case import LOGS, ROOT

TIMEOUT = 90
AGAIN = "that was before anything was started: booting once more"


def boot(t, name, *words):
    """Runs a guest without devices; exit status and what was said."""
    ended = subprocess.run([ROOT / "qemu-run.sh", "--no-disk", "--net", "none", "--name", name, *words],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=t.remaining(), check=False)
    return ended.returncode, ended.stderr


def run(t):
    """Two guests, neither of which lives."""
    status, said = boot(t, "boot-again-early", "--append", "rdinit=/none", "--exec", "true")
    t.equal((status, said.count(AGAIN), said.count("the guest panicked: Kernel panic")), (125, 1, 2),
            f"status, second boots and panics of the early crash: {said}")
    for name in ("boot-again-early.log", "boot-again-early.crashed.log"):
        t.check("Unable to mount root fs" in (LOGS / name).read_text(errors="replace"), f"no panic in {name}")
    status, said = boot(t, "boot-again-late", "--exec", "echo c >/proc/sysrq-trigger; sleep 10")
    t.equal((status, said.count(AGAIN), said.count("the guest panicked: Kernel panic")), (125, 0, 1),
            f"status, second boots and panics of the late crash: {said}")
