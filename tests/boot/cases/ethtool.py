# SPDX-License-Identifier: GPL-2.0
"""What ethtool, netlink and sysfs say of a card and change about it, as with Linux's own driver.

Sizes of rings, speed, interrupts after so many packets, names of statistics; byte queue limits; software time stamps;
sent packets that are given back without interrupts; the module's parameters. MTUs that a device advises, sensible or
not, on three more cards.

Rows: N42 N45 N49 N73 N74 N75 N76 N77 N78 N81 N86 N96 T29 T53
"""

from harness import devices, exercise, netlink
from harness.peer import Peer
from harness.registers import NET, Registers

TIMEOUT = 400
AMOUNT = 1 << 20
MTUS = (67, 68, 9000)

RX_NAMES = "drops xdp_packets xdp_tx xdp_redirects xdp_drops kicks".split()
TX_NAMES = "xdp_tx xdp_tx_drops kicks tx_timeouts".split()
# What Linux's driver reports through netlink alone.
MORE = "packets bytes stop wake".split()


def statistics(g, nic):
    """Names and values, in their order."""
    lines = [line.split(": ") for line in g.sh(f"ethtool -S {nic}").splitlines()[1:]]
    return {name.strip(): int(value) for name, value in lines}


def refused(t, g, command):
    """A command that must fail."""
    t.check(g.run(command)[0] != 0, f"`{command}` was accepted")


def settings(t, g, nic, peer):
    """Driver, link, rings, interrupts."""
    info = dict(line.split(": ", 1) for line in g.sh(f"ethtool -i {nic}").splitlines() if ": " in line)
    if t.rust:
        t.equal((info["driver"], info["bus-info"]), ("rvirtio_net", g.pci("nic")), "driver and place")
    said = g.sh(f"ethtool {nic}")
    t.check("Speed: Unknown!" in said and "Duplex: Unknown!" in said and "Port: Other" in said, f"ethtool says {said}")
    g.sh(f"ethtool -s {nic} speed 10000 duplex full")
    said = g.sh(f"ethtool {nic}")
    t.check("Speed: 10000Mb/s" in said and "Duplex: Full" in said, f"ethtool says {said}")
    t.equal(g.sh(f"cat /sys/class/net/{nic}/speed"), "10000", "speed in sysfs")
    refused(t, g, f"ethtool -s {nic} autoneg on")
    t.check("software-transmit" in g.sh(f"ethtool -T {nic}"), "no software time stamps")

    sizes = g.sh(f"ethtool -g {nic} | awk '/^[RT]X:/ {{ print $2 }}'").split()
    t.check(sizes[0] != "0" and sizes[:2] == sizes[2:], f"sizes of rings, at most and now: {sizes}")
    # ethtool says with a status that there is nothing to change.
    g.run(f"ethtool -G {nic} rx {sizes[0]} tx {sizes[1]}")
    for wrong in (f"rx {int(sizes[0]) // 2}", f"tx {int(sizes[1]) // 2}", "rx 64 tx 64", f"rx {int(sizes[0]) * 2}"):
        refused(t, g, f"ethtool -G {nic} {wrong}")
    t.equal(g.sh(f"ethtool -g {nic} | awk '/^[RT]X:/ {{ print $2 }}'").split(), sizes, "sizes of rings afterwards")
    exercise.card(t, g, nic, peer, AMOUNT)

    t.equal(g.sh(f"ethtool -c {nic} | awk '/^[rt]x-(frames|usecs):/ {{ print $1 $2 }}'").split(),
            ["rx-usecs:0", "rx-frames:1", "tx-usecs:0", "tx-frames:1"], "interrupts after")
    for wrong in ("rx-usecs 8", "tx-usecs 8", "rx-frames 8", "tx-frames 8", "rx-frames 0"):
        refused(t, g, f"ethtool -C {nic} {wrong}")


def names(t, g, nic):
    """The names of statistics, in Linux's order, and their values against netlink's."""
    found = statistics(g, nic)
    wanted = [f"rx_{name}" for name in RX_NAMES] + [f"tx_{name}" for name in TX_NAMES]
    wanted += [f"rx0_{name}" for name in RX_NAMES] + [f"tx0_{name}" for name in TX_NAMES]
    t.equal([name for name in found if name.split("_", 1)[1] not in MORE], wanted, "names of statistics")
    t.check(found["rx0_kicks"] > 0 and found["tx0_kicks"] > 0, f"notifications: {found}")
    family = netlink.NetdevFamily(g, nic)
    rx, tx = sorted(family.dump(netlink.QSTATS_GET, scope=1), key=lambda one: one[netlink.QSTATS_TYPE])
    t.check(rx[netlink.QSTATS_RX_PACKETS] > 100 and tx[netlink.QSTATS_TX_PACKETS] > 100, f"statistics of queues: {rx} {tx}")
    total = family.dump(netlink.QSTATS_GET)[0]
    t.equal(total.get(netlink.QSTATS_TX_STOP), total.get(netlink.QSTATS_TX_WAKE), "stops and wakes")
    if t.rust:
        t.check(found["rx0_packets"] <= total[netlink.QSTATS_RX_PACKETS] and found["tx0_bytes"] <= total[netlink.QSTATS_TX_BYTES],
                f"netlink's statistics {total} are behind {found}")

    queues = family.dump(netlink.QUEUE_GET)
    napis = {one[netlink.NAPI_ID] for one in family.dump(netlink.NAPI_GET)}
    # Instances of transmit queues have no number, for nobody polls them from user space.
    served = [one[netlink.QUEUE_NAPI] for one in queues if one[netlink.QUEUE_TYPE] == netlink.RX]
    t.equal((len(queues), len(served), set(served) <= napis), (2, 1, True), f"queues {queues} and NAPI instances {napis}")
    receiver = served[0]
    pools = [pool for pool in family.pools().values() if pool.get(netlink.POOL_NAPI) == receiver]
    t.equal(len(pools), 1, "page pools of the receive queue")
    stats = family.pool_stats()[pools[0][netlink.POOL_ID]]
    t.check(stats[netlink.STATS_ALLOC_FAST] + stats[netlink.STATS_ALLOC_SLOW] > 0, f"statistics of the page pool: {stats}")


def limits(t, g, nic):
    """Byte queue limits: what is sent is counted, what was sent is taken off again."""
    files = f"/sys/class/net/{nic}/queues/tx-0/byte_queue_limits"
    g.wait(f"[ $(cat {files}/inflight) = 0 ]", 5, "no bytes in flight")
    t.check(int(g.sh(f"cat {files}/limit")) > 1500, "the limit has not grown")
    return files


def stamps(t, g):
    """The driver stamps packets for a sender that asks, and for no other."""
    g.sh("mount -t tracefs none /sys/kernel/tracing 2>/dev/null; echo p:stamp __skb_tstamp_tx >/sys/kernel/tracing/kprobe_events; "
         "echo 1 >/sys/kernel/tracing/events/kprobes/stamp/enable")

    def send(option):
        g.sh(f"for i in 1 2 3 4 5; do echo | socat -t 0 -u - UDP-SENDTO:10.0.2.2:9{option}; done")
        return int(g.sh("awk '$1 == \"stamp\" { print $2 }' /sys/kernel/tracing/kprobe_profile"))

    before = send("")
    # SO_TIMESTAMPING: stamps by software when a packet is sent.
    t.equal(send(",setsockopt-int=1:37:18") - before, 5, "stamps of packets whose sender wants them")
    t.equal(send("") - before, 5, "stamps of packets whose sender does not")
    g.sh("echo 0 >/sys/kernel/tracing/events/kprobes/stamp/enable; echo >/sys/kernel/tracing/kprobe_events")


def unpolled(t, g, nic, peer):
    """Sent packets are given back by the next one, without interrupts."""
    address = g.pci("nic")

    def fired():
        lines = [line.split() for line in g.sh(f"interrupts_of {address}").splitlines()]
        return next(int(count) for _, count, name in lines if name.endswith("output.0"))

    refused(t, g, f"ethtool -C {nic} tx-frames 0")
    g.sh(f"ip link set {nic} down; ethtool -C {nic} tx-frames 0")
    t.equal(g.sh(f"ethtool -c {nic} | awk '/^tx-frames:/ {{ print $2 }}'"), "0", "packets before an interrupt")
    before, stops = fired(), statistics(g, nic).get("tx0_stop", 0)
    exercise.card(t, g, nic, peer, AMOUNT)
    after = statistics(g, nic)
    # A queue that is nearly full asks for one after all.
    t.check(fired() - before <= 2 + 2 * (after.get("tx0_stop", 0) - stops), f"{fired() - before} interrupts of the transmit queue")
    g.sh(f"ip link set {nic} down; ethtool -C {nic} tx-frames 1")
    exercise.card(t, g, nic, peer, AMOUNT)
    files = limits(t, g, nic)
    t.check(fired() > before, "no interrupts of the transmit queue")
    t.equal(g.sh(f"cat {files}/inflight"), "0", "bytes in flight")


def parameters(t, g, peer):
    """The module's parameters, in a new load of it."""
    g.sh("rmmod rvirtio_net && modprobe rvirtio_net napi_tx=0 napi_weight=8")
    nic = g.sh(f"nic_of {g.pci('nic')}")
    t.equal(g.sh(f"ethtool -c {nic} | awk '/^tx-frames:/ {{ print $2 }}'"), "0", "packets before an interrupt with napi_tx=0")
    g.sh("echo 1 >/sys/kernel/tracing/events/napi/napi_poll/enable")
    exercise.card(t, g, nic, peer, AMOUNT)
    budgets = g.sh(f"grep 'for device {nic} ' /sys/kernel/tracing/trace | sed 's/.* budget //' | sort -nu").split()
    t.check("8" in budgets and set(budgets) <= {"8", "64"}, f"most packets of a poll: {budgets}")
    g.sh("echo 0 >/sys/kernel/tracing/events/napi/napi_poll/enable; rmmod rvirtio_net")
    # The number of its kind finds the module; a parameter that makes no sense does not keep it away.
    g.sh(f"modprobe $(cat /sys/bus/pci/devices/{g.pci('nic')}/modalias) napi_weight=-1; [ -e /sys/module/rvirtio_net ]")
    exercise.card(t, g, g.sh(f"nic_of {g.pci('nic')}"), peer, 1 << 16)


def advised(t, g):
    """An MTU that the device advises is the most; one that no interface can have is not accepted."""
    for mtu in MTUS:
        nic = g.sh(f"nic_of {g.pci(f'mtu{mtu}')}")
        sensible = mtu >= 68
        t.equal(Registers(g, f"mtu{mtu}").has(NET["MTU"]), sensible, f"MTU is accepted with {mtu}")
        t.equal(g.sh(f"cat /sys/class/net/{nic}/mtu"), str(mtu if sensible else 1500), f"the MTU when {mtu} is advised")
        g.sh(f"ip link set {nic} up; ip link set {nic} mtu 68")
        refused(t, g, f"ip link set {nic} mtu 67")
        refused(t, g, f"ip link set {nic} mtu {mtu + 1 if sensible else 65536}")
        g.sh(f"ip link set {nic} mtu {mtu if sensible else 1500}; ip link set {nic} down")


def run(t):
    """One boot; every card but the first has a question of its own."""
    qemu = devices.user_net("nic")
    for mtu in MTUS:
        qemu += devices.user_net(f"mtu{mtu}", host_mtu=mtu)
    with Peer() as peer, t.boot(args=(*devices.BARE, "--smp", "2"), qemu=qemu) as g:
        nic = g.sh(f"nic_of {g.pci('nic')}")
        settings(t, g, nic, peer)
        names(t, g, nic)
        limits(t, g, nic)
        stamps(t, g)
        unpolled(t, g, nic, peer)
        advised(t, g)
        if t.rust:
            parameters(t, g, peer)
