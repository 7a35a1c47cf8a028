# SPDX-License-Identifier: GPL-2.0
"""The kernel's own selftests of networking, on our interface and on Linux's: the same results, and no failure.

Two pairs of QEMU's cards in one guest, each card in a network namespace of its own: ours and its peer, and one on Linux's
driver and its peer, which is Linux's, too. The programs are those of the kernel's source (tools/testing/selftests/net), compiled for
the occasion; what its Python scripts do with them is done here, as a guest has no Python. They judge checksums that
are left to the card and found in frames (csum), what packets are put together (gro), datagrams that are cut (udpgso,
udpgso_bench), sending without copies (msg_zerocopy, io_uring_zerocopy_tx), timestamps (txtimestamp), and what ethtool can switch
(netdevice.sh). The bridge is in a network namespace made for it; that needs root.

netdevice.sh also has two cards that leave checksums to the guest, as QEMU's user network has them. There our interface has
scatter-gather, and with it segmentation by the stack, and Linux's has neither: virtnet_probe offers NETIF_F_SG together with
checksums alone. The stack (netdev_fix_features, validate_xmit_skb) wants scatter-gather for segmentation, and no checksums for
scatter-gather: it fills them in itself, in pieces too. So ours spares a copy of each packet, and all else is the same.

Rows: N1 N49 N50 N51 N53 N54 N73
"""

import contextlib
import os
import subprocess
from dataclasses import dataclass

from harness import devices
from harness.case import BUILD, ROOT
from harness.namespace import Namespace

SETUP = ("selftests",)
TIMEOUT = 600
SOURCE, TOOLS = BUILD / "kernels" / "selftests", BUILD / "kernels" / "source" / "tools"
PROGRAMS = ("net/lib/csum.c", "net/lib/gro.c", "net/udpgso.c", "net/udpgso_bench_tx.c", "net/udpgso_bench_rx.c", "net/msg_zerocopy.c",
            "net/io_uring_zerocopy_tx.c", "net/txtimestamp.c")
# As drivers/net/gro.py has them; those that the stack is to put together, and those that it is not.
GRO = {4: ("data_same", "tcp_csum"), 6: ("flags_psh", "tcp_seq")}
ZEROCOPY = {4: (("tcp", "msg_zerocopy -z"), ("udp", "io_uring_zerocopy_tx -m 1")), 6: (("udp", "msg_zerocopy -z"),)}
# What is said where a sender got to its receiver when that was gone or nearly so.
LATE = "^rx=0 \\|refused\\|reset by peer\\|roken pipe"


@dataclass
class Pair:
    """A card that is tested and its peer: their namespaces, which are called like the cards, and MAC addresses."""

    tested: str
    peer: str
    number: int

    def mac(self, peer=False):
        """The address of the card, or of its peer."""
        return f"52:54:00:99:{self.number:02x}:{int(peer):02x}"

    def ends(self, version):
        """IP addresses of the card and its peer."""
        prefix = f"10.9.{self.number}." if version == 4 else f"fd09:{self.number}::"
        return f"{prefix}2", f"{prefix}3"


# What a peer gets is complete, so that it can judge the checksums.
COMPLETE = {"guest_csum": False, "guest_tso4": False, "guest_tso6": False, "guest_ecn": False, "guest_ufo": False}
DRIVEN = ("ours", "linux")
# Cards that leave checksums to the guest: ours, and one on Linux's driver.
PLAIN = ("plain-ours", "plain-linux")
PIECES = ("scatter-gather", "tx-scatter-gather", "generic-segmentation-offload")
PAIRS = (Pair("ours", "peer", 1), Pair("linux", "other", 2))


def csum(pair, version):
    """As drivers/net/hw/csum.py has them, but that a receiver waits for four seconds, always, and not for twenty."""
    tested, peer = pair.ends(version)

    def words(source, target, way, more):
        return f"/rvtest/csum -i eth0 -n 20 -L 4 -{version} -S {source} -D {target} {way} {more}"

    receive = {4: (("tcp", "-r 1 -t"), ("tcp-invalid", "-r 1 -t -E")), 6: (("udp", "-r 1"), ("udp-invalid", "-r 1 -E"))}
    for name, more in receive[version]:
        yield (f"csum-receive-{name}-{version}", version, 5, "missing packets", pair.tested, "udp 34000",
               words(peer, tested, "-R", more), pair.peer, words(peer, tested, "-T", more))
    for name, more in (("udp", "-U -r 1"), ("udp-zero", "-U -Z")):
        yield (f"csum-send-{name}-{version}", version, 5, "missing packets", pair.peer, "udp 34000",
               words(tested, peer, "-R", more), pair.tested, words(tested, peer, "-T", more))


def gro(pair, version):
    """What is put together of packets that the peer has crafted; again where they did not come together in time."""
    tested, peer = pair.ends(version)
    for name in GRO[version]:
        words = (f"/rvtest/gro --ipv{version} --dmac {pair.mac()} --smac {pair.mac(True)} --daddr {tested} --saddr {peer} "
                 f"--test {name} --iface eth0")
        yield (f"gro-{name}-{version}", version, 20, "incorrect\\|could not receive", pair.tested, "packet", f"{words} --rx",
               pair.peer, words)


def zerocopy(pair, version):
    """Buffers that the card sends from. The receiver is there for three seconds, in which the sender may not get to it."""
    for kind, program in ZEROCOPY[version]:
        tested, peer = pair.ends(version)
        ends = f"-{version} -S {tested} -D {peer}" if program.startswith("msg") else f"-{version} -D {peer}"
        more = " -i eth0 -C 0" if program.startswith("msg") else ""
        receive = f"/rvtest/msg_zerocopy -i eth0 -t 3 -C 0 -{version} -S {tested} -D {peer} -r {kind}"
        yield (f"{program.split()[0]}-{kind}-{version}", version, 6, LATE, pair.peer, f"{kind} 8000", receive,
               pair.tested, f"/rvtest/{program}{more} -t 1 {ends} {kind}")


def segments(pair):
    """Datagrams that are cut on their way out, and put together on their way in."""
    for name, source, target, place in (("send", pair.tested, pair.peer, 1), ("receive", pair.peer, pair.tested, 0)):
        yield (f"udpgso_bench-{name}", 6, 1, ".", target, "udp 8000", "/rvtest/udpgso_bench_rx -C 20000 -R 500 -v",
               source, f"/rvtest/udpgso_bench_tx -6 -D {pair.ends(6)[place]} -l 1 -S 0 -s 6000")


def singles(pair, version):
    """Programs that need no other end but an address."""
    yield f"udpgso-{version}", f"/rvtest/udpgso -{version} -C -R"
    # However late they are: the host may be slow.
    for name, more in {4: (("packet", "-P"),), 6: (("cmsg", "-u -C"),)}[version]:
        yield f"txtimestamp-{name}-{version}", f"/rvtest/txtimestamp -{version} {more} -t 20000000 {pair.ends(version)[1]}"


def overlay(t):
    """A folder for the guest with the selftests."""
    folder = t.directory / "overlay"
    (folder / "rvtest").mkdir(parents=True)
    build = "; ".join(f"gcc -static -O2 -w -I. -Inet/lib -Inet -I{TOOLS}/include/uapi -I{TOOLS}/include {source} "
                      f"-o {folder}/rvtest/{source.rsplit('/', 1)[1].removesuffix('.c')}" for source in PROGRAMS)
    done = subprocess.run([ROOT / "scripts" / "in-root", "sh", "-ec", build], cwd=SOURCE, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    t.equal(done.returncode, 0, f"exit status of the compiler: {done.stderr[-300:]}")
    (folder / "rvtest" / "netdevice.sh").write_bytes((SOURCE / "net" / "netdevice.sh").read_bytes())
    return folder


def quoted(test):
    """A test as words of the shell."""
    return " ".join(f"'{word}'" for word in test)


def switches(space):
    """What ethtool can switch; the card is up and has no address before, as netdevice.sh wants it."""
    return f"ip netns exec {space} sh /rvtest/netdevice.sh 2>&1 | sed 's/^/netdevice /'"


def script(pair, nics):
    """Everything that is run on a pair."""
    tested = f"ip netns exec {pair.tested}"
    lines = [f"SPACE={pair.tested}", f"enter_space {pair.peer} {nics[pair.peer]} {pair.number} 3",
             f"enter_space {pair.tested} {nics[pair.tested]} {pair.number} 2",
             f"ip netns exec {pair.peer} ethtool -K eth0 tso off >/dev/null"]
    lines += [f"{tested} ping -c 1 -W 5 {pair.ends(version)[1]} >/dev/null" for version in (4, 6)]
    # Most of the time is spent waiting.
    for version in (4, 6):
        tests = [*csum(pair, version), *zerocopy(pair, version)]
        lines += ["{", *[f"pair_of {quoted(test)}" for test in tests], "} &"]
    lines.append("wait")
    lines += [f"pair_of {quoted(test)}" for test in segments(pair)]
    # What udpgso sends to.
    for space, number in ((pair.peer, 1), (pair.tested, 2)):
        lines.append(f"ip -n {space} addr add 10.0.0.{number}/24 dev eth0; ip -n {space} addr add fd00::{number}/64 dev eth0 nodad")
    lines += [f"single {name} '{command}'" for version in (4, 6) for name, command in singles(pair, version)]
    lines += [f"{tested} sh -c 'echo 50000000 >/sys/class/net/eth0/gro_flush_timeout; "
              "echo 10 >/sys/class/net/eth0/napi_defer_hard_irqs; ethtool -K eth0 rx-gro-hw off >/dev/null'"]
    lines += [f"pair_of {quoted(test)}" for version in (4, 6) for test in gro(pair, version)]
    lines += [f"{tested} sh -c 'echo 0 >/sys/class/net/eth0/gro_flush_timeout; echo 0 >/sys/class/net/eth0/napi_defer_hard_irqs; "
              "ethtool -K eth0 rx-gro-hw on >/dev/null; ip link set eth0 down; ip addr flush dev eth0'", switches(pair.tested)]
    return "\n".join(lines)


def results(text):
    """Statuses by the tests' names; what netdevice.sh says; and what is said of tests that failed."""
    found, switched, said = {}, [], []
    for line in text.splitlines():
        if line.startswith("#"):
            said.append(line)
        elif line.startswith("netdevice "):
            if ": eth0: " in line:
                switched.append(line.removeprefix("netdevice "))
        else:
            name, _, status = line.rpartition(" ")
            found[name] = status
    return found, switched, "; ".join(said)


def about_pieces(line):
    """Whether it is about a feature that a card whose checksums the guest fills in has with our driver alone."""
    return any(f" {feature}" in line for feature in PIECES)


def judged(t, g, space):
    """The results in a namespace, once all of its tests have ended, none of them badly."""
    g.wait(f"[ ! -e /proc/$(cat /tmp/{space}.pid) ]", 400, f"the selftests on the card {space} end")
    found, switched, said = results(g.sh(f"cat /tmp/{space}.results"))
    bad = [name for name, status in found.items() if status != "0"]
    t.check(not bad, f"selftests that failed on the card {space}: {bad}; {said[:800]}")
    t.equal(switched[-1:], ["PASS: eth0: stop interface"], f"the end of netdevice.sh on {space}, of {switched}")
    return found, switched


def run(t):
    """One boot."""
    t.equal(os.geteuid(), 0, "user id, for a network namespace")
    cards = [(name, pair.mac(name == pair.peer)) for pair in PAIRS for name in (pair.tested, pair.peer)]
    with contextlib.ExitStack() as stack:
        space = stack.enter_context(Namespace("10.9.0.1/24", taps=len(cards)))
        qemu = []
        for number, (name, mac) in enumerate(cards):
            qemu += space.netdev(f"{name}-net", tap=number) + devices.net(name, f"{name}-net", mac=mac, romfile="", addr=number + 3,
                                                                                  **({} if name in DRIVEN else COMPLETE))
        for number, name in enumerate(PLAIN):
            qemu += devices.user_net(name, csum=False, romfile="", addr=number + 3 + len(cards))
        g = stack.enter_context(t.boot(args=(*devices.BARE, "--smp", "2", "--overlay", overlay(t)), qemu=qemu, enter=space.enter,
                                       driver="override:03.0,07.0" if t.rust else "c"))
        nics = {name: g.sh(f"nic_of {g.pci(name)}") for name in (*dict(cards), *PLAIN)}
        ours = [name for name in nics if g.sh(f"driver_of {g.pci(name)}") == "rvirtio_net"]
        t.equal(ours, ["ours", "plain-ours"] if t.rust else [], "cards with our driver")
        scripts = {pair.tested: script(pair, nics) for pair in PAIRS}
        scripts |= {name: f"enter_plain {name} {nics[name]}\n{switches(name)}" for name in PLAIN}
        for name, text in scripts.items():
            g.sh(f"cat >/tmp/{name}.tests <<'END'\n. /rvtest/lib.sh; . /rvtest/selftests.sh\n{text}\nEND\n"
                 f"sh /tmp/{name}.tests >/tmp/{name}.results 2>&1 & echo $! >/tmp/{name}.pid")
        tests, switched = {}, {}
        for name in scripts:
            tests[name], switched[name] = judged(t, g, name)
        t.equal(len(tests["ours"]), 21, f"tests that were run, of {sorted(tests['ours'])}")
        t.equal(tests["ours"], tests["linux"], "results on our card and on Linux's")
        t.equal(switched["ours"], switched["linux"], "what can be switched on our card and on Linux's")
        common = [[line for line in switched[name] if not about_pieces(line)] for name in PLAIN]
        t.equal(common[0], common[1], "what can be switched where checksums are ours, and with Linux's driver")
        if t.rust:
            on = {f"PASS: eth0: Turned on feature: {feature}" for feature in PIECES}
            t.equal(on - set(switched["plain-ours"]), set(), "what could not be switched on where checksums are ours")
