#!/usr/bin/python3
"""What the overlay costs beside bare onion streams, through a private Tor network of real relays on this machine.

    bare       one stream to a plain onion service at full speed, and an echo stream on a circuit of its own beside it
    oncilla    one TCP flow through two daemons, and ping beside it
    4 flows    through daemons with --circuits 1, and with --circuits 4

All go from the same client Tor to the same other one, for SECONDS (12) in each of ROUNDS rounds (3). Circuits of such a
network pause for a second or more now and then, all at once: goodput is the median of windows of a second, and the medians
of the rounds are compared.
"""

import contextlib
import os
import secrets
import select
import shutil
import socket
import statistics
import sys
import threading
import time

import yardstick
from yardstick import note, overlay
from private_tor import PrivateTor, PrivateTorError, socks_connect

ROUNDS = int(os.environ.get("ROUNDS", 3))
SECONDS = int(os.environ.get("SECONDS", 12))
# Tor's and TCP's start are over after that.
SETTLE = 4
# A circuit may need that long; Tor itself gives up then.
CONTACT = 120
SINK_PORT = 7000
BULK, ECHO = b"B", b"E"

COLUMNS = [("goodput", "Mbit/s", ".1f"), ("ping", "ping beside, median ms", ".1f"), ("mean", "mean ms", ".1f")]


class Service:
    """Takes what comes: a stream that begins with `BULK` is counted, one that begins with `ECHO` is answered."""

    def __init__(self, listener):
        self.received = 0
        self.listener = listener
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            kind = connection.recv(1)
            while block := connection.recv(1 << 18):
                if kind == ECHO:
                    connection.sendall(block)
                else:
                    self.received += len(block)

    def windows(self, seconds):
        """Mbit/s of each second from now on."""
        measured, last, at = [], self.received, time.monotonic()
        for _ in range(seconds):
            time.sleep(max(0, at + 1 - time.monotonic()))
            now, total = time.monotonic(), self.received
            measured.append((total - last) * 8 / (now - at) / 1e6)
            last, at = total, now
        return measured


class Bulk:
    """Sends as fast as the stream takes it, until closed."""

    def __init__(self, stream):
        self.stream = stream
        stream.settimeout(None)
        threading.Thread(target=self._send, daemon=True).start()

    def _send(self):
        block = overlay.pattern_bytes(1 << 16)
        with contextlib.suppress(OSError):
            self.stream.sendall(BULK)
            while True:
                self.stream.sendall(block)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.stream.shutdown(socket.SHUT_RDWR)
        self.stream.close()


def echoes(stream, seconds, interval=0.1):
    """Milliseconds that a message of 64 bytes takes to come back, one every `interval`, as ping does it."""
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream.sendall(ECHO)
    sent, measured, reply = [], [], b""
    end = time.monotonic() + seconds
    due = time.monotonic()
    while time.monotonic() < end or len(measured) < len(sent):
        now = time.monotonic()
        if now >= due and now < end:
            stream.sendall(bytes(64))
            sent.append(now)
            due += interval
        if select.select([stream], [], [], max(0.001, due - time.monotonic()) if now < end else 20)[0]:
            block = stream.recv(4096)
            if not block:
                raise RuntimeError("the echo stream ended")
            reply += block
            while len(reply) >= 64:
                measured.append(1000 * (time.monotonic() - sent[len(measured)]))
                reply = reply[64:]
        elif now >= end:
            raise RuntimeError("the echo stream is stuck")
    return measured


def bare(tor, title, figures):
    source, target = tor.clients[0], tor.clients[1].services[1]

    def attempt():
        try:
            return socks_connect(source.socks, target.name, userid=secrets.token_hex(8).encode())
        except OSError:
            return None

    def stream():
        return overlay.wait_until(attempt, CONTACT, what="the bare onion service")

    with Service(socket.create_server(("127.0.0.1", target.listen))) as service:
        with stream() as echo, Bulk(stream()):
            measure(service, lambda: echoes(echo, SECONDS), title, figures)


class Overlay:
    """Two daemons, one for each client, in contact."""

    def __init__(self, tor, options=()):
        self.hosts, self.daemons = [], []
        names = [client.services[0].name for client in tor.clients]
        try:
            for own, client in enumerate(tor.clients):
                self.hosts.append(overlay.Namespace("ab"[own]))
                self.daemons.append(overlay.Daemon(
                    onion=names[own], peers=[names[1 - own]], netns=self.hosts[own], log_level="notice",
                    socks=f"127.0.0.1:{client.socks}", listen=[f"127.0.0.1:{client.services[0].listen}"],
                    options=[*options, *yardstick.pair_options()],
                ))  # fmt: skip
            for daemon in self.daemons:
                daemon.wait_for_interface()
            self.address = self.daemons[1].address
            overlay.wait_until(lambda: self.hosts[0].can_ping(self.address, 3), CONTACT, what="the daemons to meet")
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        for daemon in self.daemons:
            daemon.kill()
            shutil.rmtree(daemon.directory, ignore_errors=True)
        for host in self.hosts:
            host.delete()

    def service(self):
        listener = self.hosts[1].socket()
        listener.bind((self.address, SINK_PORT))
        listener.listen(16)
        return Service(listener)

    def flow(self):
        stream = self.hosts[0].socket()
        # Not the machine's default, which may be BBR: it takes Tor's jitter for a slow link.
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, yardstick.CONTROL.encode())
        stream.settimeout(CONTACT)
        stream.connect((self.address, SINK_PORT))
        return Bulk(stream)

    def ping(self):
        return yardstick.round_trips(self.hosts[0], self.address, 10 * SECONDS, 0.1)


def through_oncilla(tor, title, figures):
    with Overlay(tor) as pair, pair.service() as service, pair.flow():
        measure(service, pair.ping, title, figures)


def four_flows(circuits):
    def run(tor, title, figures):
        with Overlay(tor, ["--circuits", str(circuits)]) as pair, pair.service() as service:
            with contextlib.ExitStack() as flows:
                for _ in range(4):
                    flows.enter_context(pair.flow())
                measure(service, None, title, figures)

    return run


def measure(service, ping, title, figures):
    time.sleep(SETTLE)
    measured = {}
    windows = threading.Thread(target=lambda: measured.update(windows=service.windows(SECONDS)), daemon=True)
    windows.start()
    if ping:
        milliseconds = ping()
        figures.add(title, ping=statistics.median(milliseconds), mean=statistics.mean(milliseconds))
    windows.join()
    goodput = statistics.median(measured["windows"])
    figures.add(title, goodput=goodput)
    beside = f", {statistics.median(milliseconds):.1f} ms beside" if ping else ""
    note(f"  {title}: {goodput:.1f} Mbit/s{beside}")


def main():
    yardstick.need("ip", "nsenter", "ping", "tor", "tor-gencert")
    runs = {"bare onion streams": bare, "oncilla, 1 flow": through_oncilla}
    if yardstick.daemon_knows("--circuits"):
        runs |= {f"oncilla, 4 flows, --circuits {circuits}": four_flows(circuits) for circuits in (1, 4)}
    figures = yardstick.Figures()
    with PrivateTor(clients=2, services=2, say=note) as tor:
        for number in range(ROUNDS):
            note(f"round {number + 1} of {ROUNDS}")
            for title, run in runs.items():
                try:
                    run(tor, title, figures)
                except (AssertionError, RuntimeError, OSError) as error:
                    note(f"  {title}: {error}")
    print(f"\nmedians of {ROUNDS} rounds of {SECONDS} s\n")
    print(figures.table(COLUMNS) + "\n")
    ratios = [
        ("goodput of one flow against a bare stream", "goodput", "oncilla, 1 flow", "bare onion streams"),
        ("ping beside it against a bare echo stream", "ping", "oncilla, 1 flow", "bare onion streams"),
        ("the same, means", "mean", "oncilla, 1 flow", "bare onion streams"),
        ("4 flows, --circuits 4 against 1", "goodput", "oncilla, 4 flows, --circuits 4",
         "oncilla, 4 flows, --circuits 1"),
    ]  # fmt: skip
    lines = [[what, f"{ratio:.2f}"] for what, *which in ratios if (ratio := figures.ratio(*which)) is not None]
    if lines:
        print(yardstick.aligned(lines))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except PrivateTorError as error:
        sys.exit(f"tor.py: {error}")
