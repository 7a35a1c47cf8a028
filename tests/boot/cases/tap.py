# SPDX-License-Identifier: GPL-2.0
"""On a tap interface the host's own stack leaves checksums to the card, and what it sends arrives whole.

Unlike QEMU's user network, a tap offers GUEST_CSUM: packets come with a checksum that is not filled
in, and a driver that did not pass the header's word on would lose every one of them. 8 MiB each way
over TCP between the guest and the host, in a network namespace made for it; that needs root.

Rows: N1 N15 N37
"""

import hashlib
import os
import shlex
import subprocess
import sys

from harness.case import LOGS, ROOT
from harness.guest import RUN
from harness.peer import SERVER

TIMEOUT = 180
BYTES = 8 << 20

GUEST = """
set -e
nc 10.9.0.1 5000 </dev/null >/tmp/data
sha256sum /tmp/data
nc 10.9.0.1 5000 </tmp/data
dmesg | grep -o 'rvirtio_net .*features.*GUEST_CSUM'
awk '$1 == "Tcp:" { if (!n) n = split($0, name); else for (i = 2; i <= n; i++) if (name[i] == "InCsumErrors")
    print "bad checksums: " $i }' /proc/net/snmp
"""


def run(t):
    """One boot in a namespace with a tap interface and a server."""
    t.equal(os.geteuid(), 0, "user id, for a network namespace")
    data = t.directory / "data"
    data.write_bytes(os.urandom(BYTES))
    wanted = hashlib.sha256(data.read_bytes()).hexdigest()
    quoted = shlex.quote
    steps = "ip link set lo up; ip tuntap add dev tap0 mode tap; ip addr add 10.9.0.1/24 dev tap0; ip link set tap0 up"
    script = f"""
        scripts/in-root sh -ec {quoted(steps)} || exit
        {quoted(sys.executable)} -c {quoted(SERVER)} 10.9.0.1 {quoted(str(data))} & server=$!
        {quoted(RUN)} --name tap --driver {t.driver} --no-disk --net tap:tap0 --address 10.9.0.2/24,10.9.0.1 \\
            --exec {quoted(GUEST)} || {{ status=$?; kill $server; exit $status; }}
        wait $server
    """
    log = LOGS / "tap.log"
    t.logs.append(log)
    done = subprocess.run(["unshare", "--net", "--", "sh", "-c", script], cwd=ROOT, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=t.remaining(), check=False)
    t.equal(done.returncode, 0, f"exit status ({(done.stdout + done.stderr).strip()[-300:]})")
    lines = done.stdout.split("\n")
    t.equal(lines[0].split(" ")[0], wanted, "what the guest received")
    t.check(wanted in lines[1:], f"what the guest sent arrived differently: {done.stdout[-300:]}")
    if t.rust:
        t.check("GUEST_CSUM" in done.stdout, "GUEST_CSUM was not negotiated")
    t.check("bad checksums: 0\n" in done.stdout, f"bad checksums were counted: {done.stdout[-300:]}")
    bad = t.judge(log.read_text(errors="replace"))
    t.check(not bad, f"the guest's log says: {bad}")
