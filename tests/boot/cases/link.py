# SPDX-License-Identifier: GPL-2.0
"""The link goes down and up by QMP, the guest sees it, and traffic stops and goes on.

Seen while the interface is up, through 100 quick changes that end up, and for a change that comes
while the interface is down. A card without STATUS counts as up. With MSI-X, the link goes down and up 1000 times,
each seen and counted, and that costs no memory.

Rows: T39 T40 T65 N16 N72
"""

import socket

from harness import devices, leaks
from harness.registers import NET, Registers

VARIANTS = {"msix": {"vectors": None, "flaps": 1000}, "intx": {"vectors": 0, "flaps": 0}}
TIMEOUT = 400

# Says each count of the link's changes, and now and then again, to the host by the other card.
TELL = """
cat >/tmp/tell <<'END'
exec 3<>/dev/udp/10.0.3.2/{port}
while [ ! -e /tmp/told ]; do
    read -r now </sys/class/net/{nic}/carrier_changes
    if [ "$now" != "$old" ] || [ $((turn++ % 500)) = 0 ]; then echo "$now" >&3; fi
    old=$now
done
END
rm -f /tmp/told; bash /tmp/tell >/tmp/tell.log 2>&1 & true
"""


def changes(g, nic):
    """How often the link has come and gone."""
    return [int(word) for word in g.sh(f"cd /sys/class/net/{nic}; cat carrier_up_count carrier_down_count").split()]


def flap(t, g, nic, listener, count):
    """Takes the link down and up, each time when the guest has seen the time before."""
    before = changes(g, nic)
    told = sum(before)
    g.sh(TELL.format(nic=nic, port=listener.getsockname()[1]))
    for _ in range(count):
        for up in (False, True):
            g.qmp.command("set_link", name="nic", up=up)
            told += 1
            while int(listener.recv(64)) != told:
                pass
    g.sh("touch /tmp/told; ping -c 2 -i 0.2 -W 5 10.0.2.2")
    t.equal([now - then for now, then in zip(changes(g, nic), before)], [count, count], "times that the link came and went")


def flap_often(t, g, nic, plain, count):
    """Many changes, and what they leave behind."""
    g.sh(f"ip addr add 10.0.3.15/24 dev {plain}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(60)
        leaks.check(t, g, lambda: flap(t, g, nic, listener, count), count, f"{count} times down and up", 0)


def run(t, vectors, flaps):
    """One card with STATUS, one without."""
    more = {} if vectors is None else {"vectors": vectors}
    qemu = devices.user_net("nic", **more) + ["-netdev", "user,id=plain-net,net=10.0.3.0/24"]
    qemu += devices.net("plain", "plain-net", status=False, **more)
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
        if flaps:
            flap_often(t, g, nic, plain, flaps)
