# SPDX-License-Identifier: GPL-2.0
"""The link goes down and up by QMP, the guest sees it, and traffic stops and goes on.

Seen while the interface is up, through 100 quick changes that end up, and for a change that comes
while the interface is down. A card without STATUS counts as up.

Rows: T39 T40 T65 N16 N72
"""

from harness import devices
from harness.registers import NET, Registers

VARIANTS = {"msix": {"vectors": None}, "intx": {"vectors": 0}}


def run(t, vectors):
    """One card with STATUS, one without."""
    more = {} if vectors is None else {"vectors": vectors}
    qemu = devices.user_net("nic", **more) + devices.user_net("plain", status=False, **more)
    with t.boot(args=devices.BARE, qemu=qemu) as g:
        nic, plain = g.sh(f"nic_of {g.pci('nic')}"), g.sh(f"nic_of {g.pci('plain')}")
        t.check(Registers(g, "nic").has(NET["STATUS"]), "STATUS is offered and not taken")
        t.check(not Registers(g, "plain").has(NET["STATUS"]), "STATUS is taken and not offered")

        def carrier(state, name=nic):
            g.wait(f"[ \"$(cat /sys/class/net/{name}/carrier)\" = {int(state)} ]", 5, f"{name}: carrier is {int(state)}")

        g.sh(f"user_net_up {nic}; ip link set {plain} up")
        carrier(True)
        carrier(True, plain)
        g.sh("ping -c 1 -W 5 10.0.2.2")
        g.qmp.command("set_link", name="nic", up=False)
        carrier(False)
        t.check("NO-CARRIER" in g.sh(f"ip link show {nic}"), "ip link does not say NO-CARRIER")
        t.equal(g.sh(f"ethtool {nic} | grep 'Link detected'").split()[-1], "no", "ethtool's link")
        t.check(g.run("ping -c 1 -W 1 10.0.2.2")[0] != 0, "a ping got through without a link")
        g.qmp.command("set_link", name="nic", up=True)
        carrier(True)
        g.sh("ping -c 3 -i 0.2 -W 5 10.0.2.2")
        for _ in range(50):
            for up in (False, True):
                g.qmp.command("set_link", name="nic", up=up)
        carrier(True)
        g.sh("ping -c 1 -W 5 10.0.2.2")
        g.sh(f"ip link set {nic} down")
        g.qmp.command("set_link", name="nic", up=False)
        g.sh(f"ip link set {nic} up")
        carrier(False)
        g.qmp.command("set_link", name="nic", up=True)
        carrier(True)
        g.sh(f"user_net_up {nic}; ping -c 2 -i 0.2 -W 5 10.0.2.2")
