#!/usr/bin/env python3
"""A long day in a quarter of an hour: what a daemon holds at the end that it did not hold at the start.

    100 peers that come and go --- SOCKS4a proxy, which is restarted --- oncilla A, which reads its configuration again
                                                                 '--- oncilla B: a stream each way now and then

Peers call, are called, send back what they get, hang up within a packet, reset, refuse and talk nonsense. Nothing of it
may leave anything behind. It ends with status 1 unless

    descriptors   the daemon and its helper have as many as before the peers came, once they are gone
    memory        the daemon's own pages, and the helper's, grow in the last half of the time by fewer than 24 bytes for
                  each circuit that came and went: malloc gives 32 at the least. That is looked at when Tor has been away
                  for a minute: the memory of packets, which is kept for a while, was given back then. What survives in
                  pages that are else empty makes it uncertain by some 50 kB
    streams       every datagram that came back was one that was sent, to whom it was sent
    log           no line of level error

`sudo make soak`, for SECONDS=900; ONCILLA=/path/to/oncilla soaks another binary, and PEERS=100 are as many as there are.
"""

import contextlib
import os
import pathlib
import random
import re
import signal
import socket
import struct
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Tests/EndToEnd"))

import overlay
import packets
from fake_socks import FakeSocks
from overlay import Daemon, Namespace, Transfer, onion_name, pattern_bytes, wait_until
from wire_peer import Accepted, WirePeer

SECONDS = int(os.environ.get("SECONDS", 900))
PEERS = int(os.environ.get("PEERS", 100))
ECHO_PORT = 7001
GROWTH = 24  # bytes a circuit
# The memory of packets is given back when no circuit was used for a while, which is looked for each 50 s.
REST = 60
RESTS = 4
SAMPLE_EVERY = 2


class FlappingPeer(WirePeer):
    """Sends each datagram back, along the circuit that it came by, and is away every now and then."""

    def __init__(self, seed, proxy):
        super().__init__(seed, proxy)
        self.proxy = proxy
        self.is_there = True

    def _circuit(self, connection):
        return Circuit(connection, self)

    def hang_up(self, chance):
        """Ends what stands, in one of the ways in which circuits end."""
        circuits, self.circuits = self.circuits, []
        calls, self._dialled = self._dialled, []
        for end in circuits + calls:
            way = chance.choice(["close", "reset", "cut", "nonsense"])
            with contextlib.suppress(OSError):
                if way == "cut":
                    end.send(packets.ipv6(self.address, self.address, packets.UDP, bytes(400))[:100])
                elif way == "nonsense":
                    end.send(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 3)
            if way == "reset" and isinstance(end, Circuit):
                end.close(reset=True)
            elif way == "reset":
                end.reset()
            else:
                end.close()

    def go(self):
        self.is_there = False
        self.proxy.connect(self.name, None)

    def come(self):
        self.is_there = True
        self.proxy.connect(self.name, self.port)

    def forget(self):
        """What has ended is not kept: this process is to last, too."""
        self.circuits = [circuit for circuit in self.circuits if not circuit.is_closed]


class Circuit(Accepted):
    """Keeps nothing of what came."""

    def __init__(self, connection, peer):
        self.peer = peer
        super().__init__(connection)

    def _collect(self):
        rest = b""
        with contextlib.suppress(OSError, AssertionError):
            while block := self._connection.recv(1 << 16):
                whole, rest = packets.split_stream(rest + block)
                for packet in whole:
                    self.peer._heed(packet)
                    if packet.version == 6 and packet.next_header == packets.UDP:
                        ports = struct.unpack_from("!HH", packet.payload)
                        self._connection.sendall(packets.udp(
                            packet.destination, packet.source, ports[1], ports[0], packet.payload[8:]))
        self.closed_at = time.monotonic()
        self._connection.close()


class Program:
    """A program of the host: datagrams to all peers in turn, and what comes back is looked at."""

    def __init__(self, host, address, peers):
        self.socket = host.socket(kind=socket.SOCK_DGRAM)
        self.socket.bind((address, 7000))
        self.peers = peers
        self.sent = self.returned = 0
        self.strange = []
        self.ends = False
        threading.Thread(target=self._read, daemon=True).start()

    @staticmethod
    def content(number, address):
        return struct.pack("!Q", number) + overlay.ipaddress.IPv6Address(address).packed + pattern_bytes(
            number * 61 % 1100, seed=number)

    def send(self):
        peer = self.peers[self.sent % len(self.peers)]
        self.sent += 1
        # Nobody is there, or everybody waits: that is told by an error of the socket, whichever datagram it is about.
        with contextlib.suppress(OSError):
            self.socket.sendto(self.content(self.sent, peer.address), (peer.address, ECHO_PORT))

    def _read(self):
        self.socket.settimeout(1)
        while not self.ends:
            try:
                data, sender = self.socket.recvfrom(65536)
            except OSError:
                continue
            if len(data) >= 8 and data == self.content(struct.unpack_from("!Q", data)[0], sender[0]):
                self.returned += 1
            else:
                self.strange.append((sender, data[:40].hex()))


class Watch:
    """The memory and the descriptors of a daemon and its helper, a sample at a time."""

    def __init__(self, daemon):
        self.processes = {"daemon": daemon.pid}
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                if int(path.read_text().rsplit(")", 1)[1].split()[1]) == daemon.pid:
                    self.processes["helper"] = int(path.parent.name)
        self.began = time.monotonic()
        self.samples = []
        self.rests = []

    def take(self):
        sample = {"minutes": (time.monotonic() - self.began) / 60}
        for name, pid in self.processes.items():
            text = pathlib.Path(f"/proc/{pid}/status").read_text()
            sample[name] = int(re.search(r"^RssAnon:\s+(\d+)", text, re.MULTILINE).group(1))
            sample[f"{name} files"] = len(os.listdir(f"/proc/{pid}/fd"))
        self.samples.append(sample)
        return sample

    def rest(self, proxy, circuits):
        """Takes a sample when Tor has been away for long, and `circuits` have come and gone."""
        wait_until(lambda: proxy._listener is not None, 10, what="Tor to be back")
        proxy.stop()
        deadline = time.monotonic() + REST
        while time.monotonic() < deadline:
            time.sleep(1)
        sample = self.take()
        self.rests.append(sample | {"circuits": circuits})
        print(f"  {sample['minutes']:4.1f} min, without Tor: {sample['daemon']} kB, helper {sample['helper']} kB", flush=True)
        proxy.start()

    def growth(self, name):
        """Bytes for each circuit that came and went in the last half."""
        middle, last = self.rests[len(self.rests) // 2 - 1], self.rests[-1]
        return (last[name] - middle[name]) * 1024 / max(1, last["circuits"] - middle["circuits"])

    def files(self):
        return {name: len(os.listdir(f"/proc/{pid}/fd")) for name, pid in self.processes.items()}


def configure(path, peers, left_out, idle):
    """Half of the peers are permanent; which of them is what changes."""
    lines = [f"idle = {idle}", *(f"peer = p{number}={peer.name}" for number, peer in enumerate(peers[::2])
                                 if number != left_out)]
    path.write_text("\n".join(lines) + "\n")


def ask(daemon, command):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(daemon.directory / "control.sock"))
        client.sendall(f'{{"schema":1,"command":"{command}"}}\n'.encode())
        reply = b""
        while not reply.endswith(b"\n"):
            more = client.recv(1 << 16)
            assert more, f"no reply to {command}"
            reply += more
    assert b'"ok":true' in reply, reply
    return reply


def soak(daemon, other, proxy, peers, config, watch, program, chance):
    """All that happens; each thing has its own beat."""
    threading.Thread(target=lambda: bulk(daemon, other, program), daemon=True).start()
    beats = {"flap": 0.1, "call": 0.25, "reload": 7, "ask": 3, "sample": SAMPLE_EVERY, "tor": 45, "hosts": 11}
    start = time.monotonic()
    due = {name: start + beat for name, beat in beats.items()}
    counts = dict.fromkeys(beats, 0)
    rests = [start + SECONDS * (number + 1) / RESTS - REST for number in range(RESTS)]
    while rests:
        now = time.monotonic()
        if now >= rests[0]:
            watch.rest(proxy, len(proxy.requests) + counts["call"])
            rests.pop(0)
            continue
        program.send()
        daemon.assert_running()
        for name in [name for name, time_ in due.items() if time_ <= now]:
            due[name] = now + beats[name]
            counts[name] += 1
            peer = chance.choice(peers)
            if name == "flap":
                peer.hang_up(chance)
                if chance.random() < 0.3:
                    (peer.go if peer.is_there else peer.come)()
            elif name == "call":
                with contextlib.suppress(OSError):
                    peer.call(daemon).send(packets.udp(peer.address, daemon.address, ECHO_PORT, 7002, b"a call"))
                peer.forget()
            elif name == "reload":
                configure(config, peers, counts[name] % len(peers), 60 + counts[name] % 2)
                daemon.signal(signal.SIGHUP)
            elif name == "ask":
                ask(daemon, chance.choice(["status", "peers", "names", "metrics", "routes"]))
            elif name == "sample":
                sample = watch.take()
                if counts[name] % 15 == 1:
                    print(f"  {sample['minutes']:4.1f} min: {sample['daemon']} kB, {sample['daemon files']} files", flush=True)
            elif name == "tor":
                proxy.stop()
                threading.Timer(3, proxy.start).start()
        time.sleep(0.01)
    return counts


def bulk(daemon, other, program):
    """A stream each way every few seconds, as long as Tor is there; one that a restart of Tor ends is begun anew."""
    while not program.ends:
        for source, sink in ((daemon, other), (other, daemon)):
            with contextlib.suppress(OSError, AssertionError):
                Transfer(source.host, sink.host, sink.address, 2_000_000, timeout=20, port=random.randrange(20000, 30000))
        time.sleep(2)


def main():
    least = RESTS * (REST + 15)
    if SECONDS < least:
        sys.exit(f"soak: SECONDS={SECONDS} is too short: {least} or more are accepted, for {RESTS} rests of {REST} s without Tor")
    chance = random.Random(17)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="oncilla-soak-"))
    config = directory / "oncilla.conf"
    names = [onion_name(f"soak {side}") for side in "ab"]
    with contextlib.ExitStack() as stack:
        hosts = [stack.enter_context(Namespace(side)) for side in "ab"]
        proxy = stack.enter_context(FakeSocks())
        proxy.default.patience = 0.2
        peers = [FlappingPeer(f"soak {number}", proxy) for number in range(PEERS)]
        for peer in peers:
            stack.callback(peer.close)
        configure(config, peers, None, 60)
        daemon = stack.enter_context(Daemon(
            onion=names[0], netns=hosts[0], socks=proxy.address, peers=[names[1]], log_level="info",
            options=["--config", config]))
        other = stack.enter_context(Daemon(
            onion=names[1], netns=hosts[1], socks=proxy.address, peers=[names[0]], log_level="notice"))
        for name, one in zip(names, (daemon, other)):
            proxy.connect(name, one.listen_port)
            one.wait_for_interface()
        for peer in peers:
            peer.go()
        wait_until(lambda: hosts[0].can_ping(other.address), 30, what="the daemons to reach each other")
        watch = Watch(daemon)
        before = quiet(watch, proxy)
        for peer in peers:
            peer.come()
        program = Program(hosts[0], daemon.address, peers)
        watch.began = time.monotonic()
        counts = soak(daemon, other, proxy, peers, config, watch, program, chance)
        program.ends = True
        if proxy._listener is None:
            wait_until(lambda: proxy._listener is not None, 10, what="Tor to be back")
        for peer in peers:
            peer.go()
            peer.hang_up(chance)
        after = quiet(watch, proxy, at_most=before)
        growths = {name: watch.growth(name) for name in watch.processes}
        log = daemon.log()
        return tell(watch, counts, program, proxy, growths, before, after, log)


def quiet(watch, proxy, at_most=None):
    """How many files are open without Tor and without peers: the fewest within twenty seconds, for a look whether Tor is
    there opens one."""
    proxy.stop()
    fewest = watch.files()
    deadline = time.monotonic() + (20 if at_most is None else 120)
    while time.monotonic() < deadline and (at_most is None or any(fewest[name] > at_most[name] for name in fewest)):
        time.sleep(0.05)
        now = watch.files()
        fewest = {name: min(fewest[name], now[name]) for name in now}
    proxy.start()
    return fewest


def tell(watch, counts, program, proxy, growths, before, after, log):
    first, last = watch.samples[0], watch.samples[-1]
    most = {name: max(sample[f"{name} files"] for sample in watch.samples) for name in watch.processes}
    print(f"{last['minutes']:.1f} minutes: {counts['flap']} hang-ups, {len(proxy.requests)} dials, {counts['call']} calls, "
          f"{counts['reload']} reloads, {counts['tor']} restarts of Tor, {counts['ask']} requests")
    print(f"datagrams: {program.sent} sent, {program.returned} came back, {len(program.strange)} of them strange")
    for name in watch.processes:
        print(f"{name}: {first[name]} kB at first, {last[name]} kB at last, growth {growths[name]:+.1f} bytes a circuit; "
              f"{before[name]} files before, at most {most[name]}, {after[name]} after")
    errors = re.findall(r"^.*\berror: .*$", log, re.MULTILINE)
    print(f"log: {len(log.splitlines())} lines, {len(errors)} of them errors")
    failures = []
    if any(after[name] > before[name] for name in after):
        failures.append("descriptors stay open")
    for name, growth in growths.items():
        if growth >= GROWTH:
            failures.append(f"the memory of the {name} grows by {growth:.1f} bytes a circuit, and not by less than {GROWTH}")
    if program.strange or program.returned < program.sent / 10:
        failures.append(f"{program.returned} of {program.sent} datagrams came back, {program.strange[:3]} are strange")
    if errors:
        failures.append(f"the log has errors: {errors[:3]}")
    for failure in failures:
        print(f"FAILED: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
