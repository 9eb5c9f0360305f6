#!/usr/bin/python3
"""How fast and how calm the binary is on this machine, beside what the machine can do at all.

    loopback           TCP over lo: what the kernel alone carries
    relay              a bare TCP stream through relay.c, which stands in for two Tors
    socat              two TUN devices that socat joins by a local packet socket: what there is without a program
    oncilla            two daemons joined by relay.c
    oncilla plain      the same with --no-offload, if the binary knows it
    oncilla 1 circuit  the same with --circuits 1; only beside flows does that matter
    oncilla unscrubbed the same with --scrub off, if the binary knows it
    oncilla door       the same behind closed doors: what the other side began passes by a rule, its answers by a flow
    oncilla TAP        the same with --mode tap, if the binary knows it: the address is on the TAP interface itself
    OnionCat           two OnionCats joined by relay.c, if OCAT=/path/to/ocat names one

    flood              one flow beside 100,000 packets a second to unknown addresses (flood.py)
    crowd              one flow beside 10,000 connections to the listener in 10 seconds (crowd.py)
    calm               a ping beside a download on circuits of 2 to 50 kB/s (calm.py)
    spread             one flow over four circuits of 1 MB/s, one of which stops or is cut (spread.py)

Medians of ROUNDS rounds (3) of SECONDS (5) each, in which the contenders take turns; a ratio is the median of the
rounds' ratios. Only those mean something: machines differ, and so does one machine from hour to hour. README.md tells
how to read the table.
"""

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import threading
import time

import calm
import crowd
import flood
import onioncat
import spread
import yardstick
from yardstick import OncillaPair, note, overlay
from private_tor import socks_connect
from streams import Bulk, Service, echoes

ROUNDS = int(os.environ.get("ROUNDS", 3))
SECONDS = int(os.environ.get("SECONDS", 5))
RATE = 1_000_000
FLOWS = 8

COLUMNS = [
    ("one", "1 flow Mbit/s", ".0f"), ("four", "4 flows Mbit/s", ".0f"), ("cpu", "CPU s/GB", ".2f"),
    ("idle", "idle ping ms", ".3f"), ("resident", "RSS MB", ".1f"), ("loaded", "ping beside 8 ms", ".1f"),
    ("longest", "longest ms", ".1f"), ("goodput", "8 flows Mbit/s", ".2f"),
]  # fmt: skip


class Loopback:
    def __init__(self, rate=None):
        self.host = overlay.Namespace("lo")
        self.hosts = [self.host, self.host]
        self.addresses = ["::1", "::1"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.host.delete()


def measure_relay(title, figures):
    """What the stand-in for Tor carries by itself, and how long it takes."""
    port = overlay.free_port()
    with yardstick.Relay({"service": port}) as relay, Service(socket.create_server(("127.0.0.1", port))) as service:
        socks = int(relay.address.rsplit(":", 1)[1])
        with socks_connect(socks, "service") as stream:
            idle = statistics.mean(echoes(stream, 2, 0.02))
        with Bulk(socks_connect(socks, "service")):
            goodput = statistics.median(service.windows(SECONDS))
    figures.add(title, idle=idle, one=goodput)
    note(f"  {title}: {goodput:.0f} Mbit/s, round trip {idle:.3f} ms")


class SocatPair:
    """A TCP connection would be nearer to what Tor gives, but socat loses the packets' borders in a byte stream, and
    carries 50 Mbit/s. With a rate, the packets pass through a thread that takes its time: a plain queue, first in first
    out, of what the device and the socket hold."""

    def __init__(self, rate=None):
        self.addresses = ["fd00::1", "fd00::2"]
        self.sockets, self.hosts, self.processes = [], [], []
        try:
            self.hosts = [overlay.Namespace(side) for side in "ab"]
            ends = list(self._joined(rate))
            for host, end, address in zip(self.hosts, ends, self.addresses):
                device = "TUN,tun-type=tun,tun-name=tun0,iff-no-pi,iff-up"
                descriptor = end.fileno()
                self.processes.append(host.popen(["socat", "-b", "65536", device, f"FD:{descriptor}"],
                                                 pass_fds=[descriptor], stderr=subprocess.DEVNULL))  # fmt: skip
                overlay.wait_until(lambda: host.has_interface("tun0"), what="socat's device")
                host.ip(f"-6 addr add {address}/64 dev tun0 nodad")
            overlay.wait_until(lambda: self.hosts[0].can_ping(self.addresses[1]), what="socat to carry a ping")
        except BaseException:
            self.stop()
            raise

    def _joined(self, rate):
        near, far = self._packet_sockets()
        if rate is None:
            return near, far
        last, end = self._packet_sockets()
        for source, sink in ((far, last), (last, far)):
            threading.Thread(target=pass_slowly, args=(source, sink, rate), daemon=True).start()
        return near, end

    def _packet_sockets(self):
        pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sockets += pair
        return pair

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        for end in self.sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for host in self.hosts:
            host.delete()
        for end in self.sockets:
            end.close()

    def cpu_seconds(self):
        return sum(yardstick.cpu_seconds(process.pid) for process in self.processes)

    def resident(self):
        return max(yardstick.resident(process.pid) for process in self.processes)


def pass_slowly(source, sink, rate):
    due = time.monotonic()
    with contextlib.suppress(OSError):
        while packet := source.recv(1 << 16):
            due = max(due, time.monotonic() - 0.005) + len(packet) / rate
            time.sleep(max(0, due - time.monotonic()))
            sink.send(packet)


def contenders():
    """{title: (what makes it, with its options; whether it is measured at full speed, and through a slow path)}"""
    made = {
        "loopback": (Loopback, True, False),
        "relay": (None, False, False),
        "socat": (SocatPair, True, True),
        "oncilla": (OncillaPair, True, True),
    }
    if yardstick.daemon_knows("--no-offload"):
        made["oncilla plain"] = (lambda rate=None: OncillaPair(rate, options=["--no-offload"]), True, False)
    if yardstick.daemon_knows("--circuits"):
        made["oncilla 1 circuit"] = (lambda rate=None: OncillaPair(rate, options=["--circuits", "1"]), False, True)
    if yardstick.daemon_knows("--scrub"):
        made["oncilla unscrubbed"] = (lambda rate=None: OncillaPair(rate, options=["--scrub", "off"]), True, False)
    if yardstick.daemon_knows("--allow-in"):
        rules = [f"tcp/{yardstick.IPERF_PORT}"]
        made["oncilla door"] = (lambda rate=None: OncillaPair(rate, allow_in=rules), True, False)
    if yardstick.daemon_knows("--mode"):
        made["oncilla TAP"] = (lambda rate=None: OncillaPair(rate, options=["--mode", "tap"]), True, False)
    if onioncat.is_there():
        made["OnionCat"] = (onioncat.OnionCatPair, True, True)
    return made


def measure_full_speed(make, title, figures):
    with make() as pair:
        there = pair.addresses[1]
        idle = statistics.mean(yardstick.round_trips(pair.hosts[0], there, 100, 0.02))
        figures.add(title, idle=idle)
        before = pair.cpu_seconds() if hasattr(pair, "cpu_seconds") else None
        flow = yardstick.Flows(*pair.hosts, there, SECONDS).finish()
        figures.add(title, one=flow.megabits)
        if before is not None:
            figures.add(title, cpu=(pair.cpu_seconds() - before) / (flow.bytes / 1e9))
        four = yardstick.throughput(*pair.hosts, there, SECONDS, count=4)
        figures.add(title, four=four)
        if hasattr(pair, "resident"):
            figures.add(title, resident=pair.resident() / 1e6)
    note(f"  {title}: {flow.megabits:.0f} and {four:.0f} Mbit/s, ping {idle:.3f} ms")


def measure_slow_path(make, title, figures):
    with make(RATE) as pair:
        milliseconds, goodput = yardstick.beside_load(pair, SECONDS + 2, FLOWS)
        figures.add(title, loaded=statistics.mean(milliseconds), longest=max(milliseconds), goodput=goodput)
    note(f"  {title}: ping {statistics.mean(milliseconds):.1f} ms beside {FLOWS} flows of {goodput:.2f} Mbit/s")


def ratios(figures):
    """What the table comes to, a line for each."""
    wanted = [
        ("one", "one flow", "loopback"), ("one", "one flow", "relay"), ("one", "one flow", "socat"),
        ("four", "four flows", "socat"), ("cpu", "CPU per GB", "socat"), ("idle", "idle ping", "relay"),
        ("loaded", "ping beside 8 flows", "socat"), ("goodput", "goodput of 8 flows", "socat"),
        ("one", "one flow", "OnionCat"), ("four", "four flows", "OnionCat"), ("cpu", "CPU per GB", "OnionCat"),
        ("idle", "idle ping", "OnionCat"), ("loaded", "ping beside 8 flows", "OnionCat"),
        ("goodput", "goodput of 8 flows", "OnionCat"),
    ]  # fmt: skip
    for column, what, reference in wanted:
        for title in ("oncilla", "oncilla plain", "oncilla 1 circuit"):
            ratio = figures.ratio(column, title, reference)
            if ratio is not None:
                yield [f"{what}, {title} against {reference}", f"{ratio:.3f}"]
    for column, what in (("one", "one flow"), ("four", "four flows"), ("cpu", "CPU per GB"), ("idle", "idle ping")):
        for title, reference in (("oncilla TAP", "oncilla"), ("oncilla door", "oncilla"), ("oncilla", "oncilla unscrubbed")):
            ratio = figures.ratio(column, title, reference)
            if ratio is not None:
                yield [f"{what}, {title} against {reference}", f"{ratio:.3f}"]


def main():
    yardstick.need("cc", "ip", "iperf3", "nsenter", "nstat", "ping")
    chosen = sys.argv[1:]
    entrants = {title: entry for title, entry in contenders().items() if not chosen or title in chosen}
    is_flooded = (not chosen or "flood" in chosen) and yardstick.daemon_knows("--lookup")
    is_crowded = not chosen or "crowd" in chosen
    is_slow = not chosen or "calm" in chosen
    is_spread = (not chosen or "spread" in chosen) and yardstick.daemon_knows("--circuits")
    if not (entrants or is_flooded or is_crowded or is_slow or is_spread):
        sys.exit(f"no such contender; there are: {', '.join(contenders())}, flood, crowd, calm, spread")
    if entrants:
        if "socat" in entrants:
            yardstick.need("socat")
        compete(entrants)
    if is_flooded:
        floods = flood.measure_all(ROUNDS)
        print(f"\nbeside {flood.FLOOD_RATE} packets a second to as many addresses, medians of {ROUNDS} rounds of {SECONDS} s\n")
        print(flood.report(floods))
    if is_crowded:
        crowds = crowd.measure_all(ROUNDS)
        print(f"\nbeside {crowd.PER_SECOND * crowd.SECONDS} connections in {crowd.SECONDS} s, medians of {ROUNDS} rounds\n")
        print(crowd.report(crowds))
    if is_slow:
        slow = calm.measure_all(ROUNDS)
        print(f"\na ping beside a download through slow circuits, medians of {ROUNDS} rounds of {calm.SECONDS} s\n")
        print(calm.report(slow))
    if is_spread:
        spreads = spread.measure_all(ROUNDS)
        print(f"\none flow over {spread.CIRCUITS} circuits of 1 MB/s each, medians of {ROUNDS} rounds\n")
        print(spread.report(spreads))


@contextlib.contextmanager
def loss_of_onioncat(title):
    """It sends parts of packets where a circuit is full, and what comes behind is lost: a missing figure tells so."""
    try:
        yield
    except (AssertionError, RuntimeError) as error:
        if title != "OnionCat":
            raise
        note(f"  {title}: {error}")


def compete(entrants):
    figures = yardstick.Figures()
    for number in range(ROUNDS):
        note(f"round {number + 1} of {ROUNDS}")
        for title, (make, at_full_speed, through_slow_path) in entrants.items():
            if make is None:
                measure_relay(title, figures)
            with loss_of_onioncat(title):
                if at_full_speed:
                    measure_full_speed(make, title, figures)
            with loss_of_onioncat(title):
                if through_slow_path:
                    measure_slow_path(make, title, figures)
            figures.fill(title, number + 1)
    print(f"\nmedians of {ROUNDS} rounds of {SECONDS} s; the last three through {RATE / 1e6:g} MB/s a stream\n")
    print(figures.table(COLUMNS))
    lines = list(ratios(figures))
    if lines:
        print("\n" + yardstick.aligned(lines))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
