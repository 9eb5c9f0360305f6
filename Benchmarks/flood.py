"""What a flood of packets to addresses that nobody has takes from everything else.

One daemon's host sends 100,000 packets a second, each to another address, while a TCP flow goes from there to the other
host. A flood takes processor time wherever it goes: the sender's, and the kernel's for handing each packet to the
daemon. So it is compared with three others of the same rate, in turns, within one pair of daemons:

    none       no flood
    nowhere    into a device that nobody reads: the sender alone
    dropped    to groups of the link, into the daemon's device: the daemon drops them as soon as it has read them
    unknown    to addresses that a host could have: what the daemon does about an unknown address
"""

import contextlib
import os
import signal
import subprocess
import tempfile
import time

import yardstick
from yardstick import OncillaPair, note

FLOOD_RATE = 100_000
SECONDS = int(os.environ.get("SECONDS", 5))
KINDS = ("none", "nowhere", "dropped", "unknown")
# The first is what the kernel and the daemons carry at all; the other is much for Tor.
RATES = {"as fast as it goes": None, "at 4 MB/s": 4_000_000}

COLUMNS = [
    ("goodput", "1 flow Mbit/s", ".1f"), ("rate", "packets/s", ".0f"), ("lost", "of them lost %", ".1f"),
    ("sender", "sender CPU", ".2f"), ("daemon", "daemon CPU", ".2f"), ("ping", "ping ms", ".2f"),
    ("resident", "RSS MB", ".1f"),
]  # fmt: skip


class Flood:
    """flood.c, running in a host's namespace until `finish()`, which sets `rate` and `cpu`, the sender's share of a core."""

    def __init__(self, host, program, prefix, last, interface=None, rate=FLOOD_RATE):
        arguments = [program, rate, prefix, last] + ([interface] if interface else [])
        self.process = host.popen([str(word) for word in arguments], stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def finish(self, seconds):
        self.process.send_signal(signal.SIGTERM)
        sent, refused, cpu = self.process.communicate()[0].split()
        self.sent, self.rate, self.cpu = int(sent), int(sent) / seconds, float(cpu) / seconds
        return self


def measure(pair, program, kind, title, figures):
    """One flow from the first host beside a flood of this kind, which is there before it and after it."""
    host, daemon = pair.hosts[0], pair.daemons[0]
    target = {"nowhere": ("fd99::", 3), "dropped": ("ff12::", 3, daemon.interface), "unknown": ("fd87:d87e:eb43::", 3)}
    before = daemon.counters()
    with contextlib.ExitStack() as stack:
        started = time.monotonic()
        flood = stack.enter_context(Flood(host, program, *target[kind])) if kind in target else None
        time.sleep(0.5)
        cpu = yardstick.cpu_seconds(daemon.pid)
        flow = yardstick.Flows(*pair.hosts, pair.addresses[1], SECONDS)
        ping = host.ping(pair.addresses[1], count=10 * SECONDS - 10, interval=0.1, timeout=20)
        flow.finish()
        cpu = (yardstick.cpu_seconds(daemon.pid) - cpu) / SECONDS
        if flood:
            flood.finish(time.monotonic() - started)
    figures.add((title, kind), goodput=flow.megabits, daemon=cpu, ping=ping.median, resident=yardstick.resident(daemon.pid) / 1e6)
    if not flood:
        return
    counted = daemon.counters()
    read = sum(counted[name] - before[name] for name in ("unknownName", "multicast"))
    share = None if kind == "nowhere" else 100 * (1 - read / flood.sent)
    figures.add((title, kind), rate=flood.rate, sender=flood.cpu, lost=share)
    note(f"  {title}, {kind}: {flow.megabits:.0f} Mbit/s, ping {ping.median:.2f} ms, {flood.rate:.0f} packets a second")


def measure_all(rounds):
    """The figures of all kinds at both rates, which take turns."""
    figures = yardstick.Figures()
    with tempfile.TemporaryDirectory(prefix="oncilla-flood-") as directory:
        program = yardstick.compiled("flood.c", directory)
        for title, rate in RATES.items():
            with OncillaPair(rate, first={"lookup": "ask"}) as pair:
                host = pair.hosts[0]
                for arguments in ("tuntap add dev nowhere mode tun", "link set nowhere up",
                                  "-6 addr add fd99::1/48 dev nowhere nodad"):
                    host.ip(arguments)
                for number in range(rounds):
                    note(f"flood, {title}: round {number + 1} of {rounds}")
                    # No kind is always measured right after the same other one.
                    for kind in KINDS[number % len(KINDS):] + KINDS[:number % len(KINDS)]:
                        measure(pair, program, kind, title, figures)
    return figures


def report(figures):
    """The table, and the ratios, which are what counts."""
    lines = []
    for title in RATES:
        for reference, what in (("dropped", "as many that are dropped at once"), ("nowhere", "as many into another device"),
                                ("none", "no flood")):
            ratio = figures.ratio("goodput", (title, "unknown"), (title, reference))
            spread = figures.spread("goodput", (title, "unknown"), (title, reference))
            if ratio is not None:
                lines.append([f"one flow {title} beside packets to unknown addresses, against {what}", f"{ratio:.3f}",
                              f"({spread[0]:.2f} to {spread[1]:.2f})"])
    return figures.table(COLUMNS) + "\n\n" + yardstick.aligned(lines)
