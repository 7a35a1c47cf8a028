# SPDX-License-Identifier: GPL-2.0
"""Four pairs of queues on four CPUs: each CPU sends on its own, and the number in use changes under running TCP.

QEMU's card on a tap interface with four queues, in a network namespace made for it; that needs root. Each pair has
vectors of its own, handled by the CPU that sends on it. Packets are counted on every queue, each way. While TCP with
checksums runs both ways, `ethtool -L` goes through all numbers, and CPUs go offline and come back.

Rows: N22 N61 N69 N73 N78 N81 N88 T62 T63
"""

import os

from harness import devices, netlink
from harness.namespace import Namespace
from harness.peer import Peer

TIMEOUT = 400
CPUS = 4
HOST = "10.0.2.2"
AMOUNT = 2 << 20
PINGS = 40
COMMANDS = """
set -- {numbers}
while [ -e /tmp/running ]; do
    for number; do ethtool -L {nic} combined $number || exit 1; sleep 0.1; done
done
ethtool -L {nic} combined 4
"""
CPU_LOOP = """
while [ -e /tmp/running ]; do
    for cpu in 3 1 2; do echo 0 >/sys/devices/system/cpu/cpu$cpu/online; sleep 0.2; done
    for cpu in 2 3 1; do echo 1 >/sys/devices/system/cpu/cpu$cpu/online; sleep 0.2; done
done
"""


def masks(g, nic):
    """Which CPUs send on each transmit queue, as numbers of bits."""
    return [int(word.replace(",", ""), 16) for word in g.sh(f"cat /sys/class/net/{nic}/queues/tx-*/xps_cpus").split()]


def affinities(g, address):
    """Which CPUs handle the vectors: the last part of a vector's name, and a number of bits."""
    lines = g.sh(f"for entry in /proc/irq/*/*-{address}-*/; do irq=${{entry%/*/}}; name=${{entry%/}}; "
                 "read -r is <$irq/smp_affinity; read -r hint <$irq/affinity_hint; echo ${name##*-} $is $hint; done")
    words = [line.replace(",", "").split() for line in lines.splitlines()]
    return {name: (int(is_so, 16), int(hint, 16)) for name, is_so, hint in words}


def packets(g, nic, way):
    """How many packets each queue has carried."""
    lines = g.sh(f"ethtool -S {nic} | sed -n 's/^ *{way}[0-9]*_packets: //p'")
    return [int(line) for line in lines.split()]


def transfers(t, g, peer, script, what):
    """TCP both ways at the same time while `script` runs."""
    given, sent = len(peer.received), len(peer.sent)
    answers = g.sh(f"""touch /tmp/running
        ( {script}
        ) >/tmp/changes 2>&1 & changes=$!
        tcp_put {peer.port} {AMOUNT} /tmp/out >/tmp/put & put=$!
        tcp_get {peer.port} {AMOUNT} >/tmp/got; wait $put
        rm /tmp/running; wait $changes || {{ cat /tmp/changes; exit 1; }}
        cat /tmp/put /tmp/got""", 90).split()
    wanted = [peer.received[given:], peer.sent[sent:]]
    t.equal([[answers[0]], [answers[1]]], wanted, f"checksums while {what}")
    t.equal(answers[0], g.sh("sha256sum </tmp/out").split()[0], f"checksum of what arrived while {what}")


def shares(t, g, nic, address, online, pairs, vectors=True):
    """The CPUs that are online are shared out among the pairs, whether they send or are interrupted."""
    each, more = max(len(online) // pairs, 1), len(online) % pairs if len(online) > pairs else 0
    wanted, next_cpu = [], 0
    for pair in range(pairs):
        count = each + (pair < more)
        wanted.append(sum(1 << online[(next_cpu + step) % len(online)] for step in range(count)))
        next_cpu += count
    t.equal(masks(g, nic)[:pairs], wanted, f"CPUs that send on each queue, of {online} with {pairs} pairs")
    found = affinities(g, address)
    for pair in range(pairs if vectors else 0):
        for queue in (f"input.{pair}", f"output.{pair}"):
            t.equal(found[queue], (wanted[pair], wanted[pair]), f"CPUs that handle {queue}, and the hint")


def run(t):
    """One card with four pairs."""
    t.equal(os.geteuid(), 0, "user id, for a network namespace")
    with Namespace(f"{HOST}/24", several=True) as space, Peer(space.server(HOST)) as peer:
        qemu = space.netdev("wire", CPUS) + devices.net("nic", "wire", mq=True, vectors=2 * CPUS + 2)
        with t.boot(args=(*devices.BARE, "--smp", CPUS), qemu=qemu, enter=space.enter) as g:
            address = g.pci("nic")
            nic = g.sh(f"nic_of {address}")
            names_and_numbers(t, g, nic, address)
            g.sh(f"user_net_up {nic}; ping -c 1 -W 5 {HOST}")
            if t.rust:
                shares(t, g, nic, address, [0, 1, 2, 3], CPUS)
            on_every_queue(t, g, nic)
            g.sh(f"head -c {AMOUNT} /dev/urandom >/tmp/out")
            transfers(t, g, peer, COMMANDS.format(nic=nic, numbers="1 3 2 4"), "the number of pairs changed")
            for pairs in (1, 2, 3, 4):
                g.sh(f"ethtool -L {nic} combined {pairs}; ping -c 1 -W 5 {HOST}")
                t.equal(g.sh(f"ls -d /sys/class/net/{nic}/queues/tx-* | wc -l"), str(pairs), "transmit queues")
                if t.rust:
                    shares(t, g, nic, address, [0, 1, 2, 3], pairs)
            for wrong in (0, 5, 0x10000):
                t.check(g.run(f"ethtool -L {nic} combined {wrong}")[0] != 0, f"{wrong} pairs were taken")
            processors(t, g, nic, address, peer)
            on_every_queue(t, g, nic)
            through_netlink(t, g, nic)
            errors = g.sh(f"cd /sys/class/net/{nic}/statistics; cat rx_errors tx_errors tx_dropped").split()
            t.equal(errors, ["0"] * 3, "errors of the card")


def names_and_numbers(t, g, nic, address):
    """A vector for each queue, and as many pairs as CPUs."""
    names = [line.split()[2].rsplit("-", 1)[1] for line in g.sh(f"interrupts_of {address}").splitlines()]
    wanted = ["config"] + [f"{way}.{pair}" for pair in range(CPUS) for way in ("input", "output")]
    t.equal(sorted(names), sorted(wanted), "interrupt vectors")
    counts = g.sh(f"ethtool -l {nic} | awk '$1 == \"Combined:\" {{ print $2 }}'").split()
    t.equal(counts, [str(CPUS)] * 2, "pairs of queues, at most and now")


def on_every_queue(t, g, nic):
    """What a CPU sends goes out on its queue, and the answers come back on that of the same pair."""
    # Linux's driver has the counts in netlink alone.
    for cpu in range(CPUS if t.rust else 0):
        before = packets(g, nic, "tx"), packets(g, nic, "rx")
        g.sh(f"taskset -c {cpu} ping -c {PINGS} -i 0.01 -W 5 {HOST}")
        # A packet counts as sent when it is given back.
        g.wait(f"[ $(ethtool -S {nic} | sed -n 's/^ *tx{cpu}_packets: //p') -ge {before[0][cpu] + PINGS} ]", 10,
               f"what CPU {cpu} sends goes out on its queue")
        received = [now - then for now, then in zip(packets(g, nic, "rx"), before[1])]
        # The host learns of a flow's queue from what comes on it; the first answers may be late to know.
        t.check(received[cpu] >= PINGS // 2, f"CPU {cpu} received {received} packets on the queues")


def through_netlink(t, g, nic):
    """Statistics and NAPI instances of the queues in use; what the others have carried is not forgotten."""
    family = netlink.NetdevFamily(g, nic)
    for pairs in (CPUS, 2):
        g.sh(f"ethtool -L {nic} combined {pairs}")
        queues = family.dump(netlink.QUEUE_GET)
        t.equal(len(queues), 2 * pairs, "queues in use")
        served = {one[netlink.QUEUE_NAPI] for one in queues if one[netlink.QUEUE_TYPE] == netlink.RX}
        t.equal(len(served), pairs, f"NAPI instances of the receive queues, of {queues}")
        total = family.dump(netlink.QSTATS_GET)[0]
        of_queues = family.dump(netlink.QSTATS_GET, scope=1)
        t.equal(len(of_queues), 2 * pairs, "queues with statistics")
        if t.rust:
            sums = [sum(packets(g, nic, way)) for way in ("rx", "tx")]
            stats = g.sh(f"cd /sys/class/net/{nic}/statistics; cat rx_packets tx_packets").split()
            counted = total[netlink.QSTATS_RX_PACKETS], total[netlink.QSTATS_TX_PACKETS]
            t.check(all(int(one) >= two for one, two in zip(stats, counted)), f"netlink counts {counted}, sysfs {stats}")
            if pairs < CPUS:
                t.check(all(one > two for one, two in zip(counted, sums)), f"all have carried {counted}, those in use {sums}")
    g.sh(f"ethtool -L {nic} combined {CPUS}")


def processors(t, g, nic, address, peer):
    """CPUs go offline and come back, with and without traffic."""
    cpu = "/sys/devices/system/cpu/cpu%d/online"
    online = [0, 1, 2, 3]
    for gone in (2, 3, 1):
        g.sh(f"echo 0 >{cpu % gone}")
        online.remove(gone)
        if t.rust:
            shares(t, g, nic, address, online, CPUS)
        g.sh(f"ping -c 1 -W 5 {HOST}")
    for back in (1, 2, 3):
        g.sh(f"echo 1 >{cpu % back}")
        online = sorted([*online, back])
        if t.rust:
            shares(t, g, nic, address, online, CPUS)
    transfers(t, g, peer, CPU_LOOP, "CPUs came and went")
    if t.rust:
        shares(t, g, nic, address, online, CPUS)
