"""What a download does to a ping on circuits as slow as Tor's can be.

One cubic flow goes from one host to the other for as long as it is measured, and from its 5th second on pings go beside
it. Circuits of every rate are measured at the same time, each with two daemons of its own: none of them takes a
noticeable part of a processor. What counts is a ping beside the flow against an idle one and the time that one packet
of the flow takes on the circuit, which no order of packets can save; and what the flow carries of what the pings leave.

    shallow   the circuit holds what is under way, and hardly more: who sends sees at once that it is full
    unix      the same at a UNIX socket, as Debian's Tor has one: what was not read counts as not sent
    deep      the circuit takes 64 KiB more before it is full, as Tor does over TCP: only answers tell how slow it is

OnionCat is measured on shallow ones, if OCAT names one.
"""

import concurrent.futures
import time

import onioncat
import yardstick
from circuits import LaidPair
from slow_circuit import Path
from yardstick import note

RATES = (2_000, 5_000, 10_000, 20_000, 50_000)
# How much more than what is under way a circuit takes, and whether it is reached at a UNIX socket.
DEPTHS = {"shallow": (None, False), "unix": (None, True), "deep": (64 << 10, False)}
DELAY = 0.1
PACKET = 1500
SETTLE, SECONDS = 5, 60
IDLE = 10
# Every so many seconds, an echo request with room for its time alone: 64 bytes, 1.6 % of the slowest circuit.
INTERVAL, SIZE = 2, 16
PING_BYTES = 48 + SIZE

COLUMNS = [
    ("idle", "idle ping ms", ".0f"), ("packet", "packet ms", ".0f"), ("ping", "ping beside ms", ".0f"),
    ("ninth", "90 % ms", ".0f"), ("answered", "answered", ".2f"), ("ratio", "ping ratio", ".2f"),
    ("ninth_ratio", "90 % ratio", ".2f"), ("goodput", "goodput", ".3f"),
]  # fmt: skip


def entrants():
    """{title: (bytes per second, room of the circuits, whether at a UNIX socket, what is measured)}"""
    made = {
        f"{rate / 1000:g} kB/s, {depth}": (rate, *kind, yardstick.Pair) for depth, kind in DEPTHS.items() for rate in RATES
    }
    if onioncat.is_there():
        made |= {f"{rate / 1000:g} kB/s, OnionCat": (rate, None, False, onioncat.OnionCats) for rate in RATES}
    return made


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def measure(rate, room, is_path, kind):
    """{column: value}."""
    with LaidPair([Path(rate, DELAY, room=room)], kind=kind, is_path=is_path) as pair:
        host, there = pair.hosts[0], pair.addresses[1]
        idle = host.ping(there, count=IDLE, size=SIZE, interval=1, timeout=20).median
        with pair.service() as service, pair.flow():
            time.sleep(SETTLE)
            began, before = time.monotonic(), service.received
            count = SECONDS // INTERVAL
            # An answer may come after ping(8) has sent its last; what comes later than a minute is as good as lost.
            ping = host.ping(there, count=count, size=SIZE, interval=INTERVAL, timeout=60)
            seconds, received = time.monotonic() - began, service.received - before
    if not ping.milliseconds:
        raise RuntimeError("no echo request was answered")
    packet = 1000 * PACKET / rate
    ninth = percentile(ping.milliseconds, 0.9)
    goodput = received / (rate * seconds - PING_BYTES * count)
    return {
        "idle": idle, "packet": packet, "ping": ping.median, "ninth": ninth, "answered": ping.received / ping.sent,
        "ratio": ping.median / (idle + packet), "ninth_ratio": ninth / (idle + packet), "goodput": goodput,
    }  # fmt: skip


def measure_all(rounds):
    figures = yardstick.Figures()
    measured = entrants()
    for number in range(rounds):
        note(f"calm: round {number + 1} of {rounds}")
        with concurrent.futures.ThreadPoolExecutor(len(measured)) as pool:
            running = {title: pool.submit(measure, *entrant) for title, entrant in measured.items()}
            for title, result in running.items():
                try:
                    columns = result.result()
                except (AssertionError, RuntimeError, OSError) as error:
                    note(f"  {title}: {error}")
                    columns = {key: None for key, _, _ in COLUMNS}
                figures.add(title, **columns)
    return figures


def report(figures):
    return figures.table(COLUMNS)
