# SPDX-License-Identifier: GPL-2.0
"""A card whose driver gets no memory for receive buffers goes on by itself when there is memory again.

On the KUnit kernel, which checks locks meanwhile, and fails page allocations that have the network driver on their
stack. More connections than the ring has buffers for send what nobody reads, so that the pages of used buffers do
not come back: the ring runs dry, as lost pings show, and a device without buffers brings no interrupt that could remind
the driver. When allocations succeed again, a ping is answered and each connection's data is whole.

Rows: N38
"""

from harness import devices, failing
from harness.peer import Peer

TIMEOUT = 240
SETUP = ("guest:kunit",)
CONNECTIONS = 16
AMOUNT = 256 << 10


def run(t):
    """One boot."""
    args = (*devices.BARE, "--kernel", "kunit", "--memory", "1G")
    with Peer() as peer, t.boot(args=args, qemu=devices.user_net("nic")) as g:
        nic = g.sh(f"nic_of {g.pci('nic')}")
        g.sh(f"user_net_up {nic}; ping -c 1 -W 5 10.0.2.2")
        failing.begin(g, "fail_page_alloc", "rvirtio_net", 100)
        g.sh(f"""
            for number in $(seq {CONNECTIONS}); do
                {{ echo "GET {AMOUNT}"; until [ -e /tmp/go ]; do sleep 0.2; done; }} | nc 10.0.2.2 {peer.port} |
                    {{ until [ -e /tmp/go ]; do sleep 0.2; done; sha256sum >/tmp/sum.$number; }} &
            done
            """)
        g.wait("! ping -c 3 -W 2 10.0.2.2", 60, "the ring runs dry")
        t.check(failing.end(g, "fail_page_alloc") > 0, "no allocation has failed")
        g.wait("ping -c 1 -W 2 10.0.2.2", 30, "a ping is answered when there is memory")
        g.sh("touch /tmp/go")
        g.wait(f"[ \"$(cat /tmp/sum.* 2>/dev/null | wc -l)\" = {CONNECTIONS} ]", 60, "every connection ends")
        sums = sorted(line.split()[0] for line in g.sh("cat /tmp/sum.*").splitlines())
        t.equal(sums, sorted(peer.sent), "what the connections have brought")
