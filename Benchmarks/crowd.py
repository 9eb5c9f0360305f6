"""What 10,000 connections in 10 seconds to a daemon's listener take from its peers.

One TCP flow goes to the daemon's host, at a rate that Tor has, from a peer that has proven who it is. Callers connect
meanwhile, a thousand a second, each for two seconds. They take processor time wherever they connect to: so they are
compared with as many that connect to a program which only accepts and closes, in turns, within one pair of daemons:

    none        nobody calls
    elsewhere   connections to that program
    silent      connections to the daemon's listener that say nothing
    strangers   the same, each with the keepalive of another made-up name
    claims      the same, each with the keepalive of the very peer that sends the flow, and a packet of its
"""

import contextlib
import multiprocessing
import resource
import socket
import time

import yardstick
from yardstick import OncillaPair, note, overlay
from hostile_peer import Crowd, keepalive
import packets

PER_SECOND = 1_000
SECONDS = 10
RATE = 4_000_000
KINDS = ("none", "elsewhere", "silent", "strangers", "claims")

COLUMNS = [
    ("goodput", "1 flow Mbit/s", ".1f"), ("opened", "connections", ".0f"), ("daemon", "daemon CPU", ".2f"),
    ("ping", "ping ms", ".2f"), ("resident", "RSS MB", ".1f"),
]  # fmt: skip


def accept_and_close(listener):
    while True:
        with contextlib.suppress(OSError):
            listener.accept()[0].close()


def call(port, kind, own, peer, seconds, opened):
    """Runs in a process of its own."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(16_384, limit), limit))
    address = overlay.overlay_address(own)

    def opening(number):
        if kind == "strangers":
            return keepalive(overlay.onion_name(f"stranger {number}"), address)
        if kind == "claims":
            source = overlay.overlay_address(peer)
            return keepalive(peer, address) + packets.udp(source, address, 9, 9, bytes(100))
        return b""

    with Crowd(port, opening, count=2 * PER_SECOND, rate=PER_SECOND, lifetime=2, seconds=seconds) as crowd:
        time.sleep(seconds)
        opened.value = crowd.opened


@contextlib.contextmanager
def callers(port, kind, own, peer):
    opened = multiprocessing.Value("l", 0)
    process = multiprocessing.Process(target=call, args=(port, kind, own, peer, SECONDS, opened), daemon=True)
    process.start()
    try:
        yield opened
        process.join(30)
    finally:
        process.kill()
        process.join()


def measure(pair, kind, elsewhere, figures):
    """One flow from the second host to the first, whose daemon is called."""
    daemon = pair.daemons[0]
    with contextlib.ExitStack() as stack:
        opened = None
        if kind != "none":
            port = elsewhere if kind == "elsewhere" else daemon.listen_port
            opened = stack.enter_context(callers(port, kind, daemon.onion, pair.daemons[1].onion))
        cpu = yardstick.cpu_seconds(daemon.pid)
        flow = yardstick.Flows(pair.hosts[1], pair.hosts[0], pair.addresses[0], SECONDS)
        ping = pair.hosts[1].ping(pair.addresses[0], count=10 * SECONDS - 10, interval=0.1, timeout=20)
        flow.finish()
        cpu = (yardstick.cpu_seconds(daemon.pid) - cpu) / SECONDS
    daemon.assert_running()
    figures.add(kind, goodput=flow.megabits, daemon=cpu, ping=ping.median, resident=yardstick.resident(daemon.pid) / 1e6,
                opened=opened.value if opened else None)
    note(f"  {kind}: {flow.megabits:.1f} Mbit/s, ping {ping.median:.2f} ms, {opened.value if opened else 0} connections")
    # The places of those who were there are free again.
    time.sleep(1)


def measure_all(rounds):
    figures = yardstick.Figures()
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener, OncillaPair(RATE) as pair:
        closer = multiprocessing.Process(target=accept_and_close, args=(listener,), daemon=True)
        closer.start()
        try:
            for number in range(rounds):
                note(f"crowd: round {number + 1} of {rounds}")
                turn = number % len(KINDS)
                for kind in KINDS[turn:] + KINDS[:turn]:
                    measure(pair, kind, listener.getsockname()[1], figures)
        finally:
            closer.kill()
            closer.join()
        figures.peak = pair.daemons[0].peak_rss() / 1e6
    return figures


def report(figures):
    lines = []
    for kind in ("silent", "strangers", "claims"):
        for reference, what in (("elsewhere", "as many connections elsewhere"), ("none", "none")):
            ratio = figures.ratio("goodput", kind, reference)
            spread = figures.spread("goodput", kind, reference)
            if ratio is not None:
                lines.append([f"one flow beside {kind}, against {what}", f"{ratio:.3f}",
                              f"({spread[0]:.2f} to {spread[1]:.2f})"])
    lines.append(["most resident memory of the daemon that is called", f"{figures.peak:.1f} MB", ""])
    return figures.table(COLUMNS) + "\n\n" + yardstick.aligned(lines)
