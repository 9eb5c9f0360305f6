"""Limits that an operator sets: how many calls, by which of Tor's circuits they came, and how much they bring.

    good peers, and others ------> listener of the daemon
"""

import contextlib
import itertools
import json
import signal
import socket
import threading
import time

import pytest

import packets
from hostile_peer import keepalive
from lan import Identity, options_of
from overlay import Transfer, free_port, onion_name, oncilla, wait_until
from slow_circuit import Path


def line(circuit, port=8060):
    """What Tor writes before a connection, with 'HiddenServiceExportCircuitID haproxy'."""
    return f"PROXY TCP6 fc00:dead:beef:4dad::{circuit >> 16:x}:{circuit & 0xffff:x} ::1 {circuit & 0xffff} {port}\r\n".encode()


# Callers who begin and do not go on


@pytest.mark.seconds(90)
def test_who_has_not_said_who_he_is_in_30_seconds_is_hung_up_on(daemons, host, proxy, wire_peer):
    daemon = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, log_level="notice")
    daemon.wait_for_interface()
    slow, silent, good = wire_peer("slow"), wire_peer("silent"), wire_peer("good")
    greeted = good.call(daemon)
    nobody, trickle = silent.dial(daemon), slow.dial(daemon)
    hello, started = slow.keepalive(daemon.address), time.monotonic()
    sent = 0
    while time.monotonic() - started < 28:
        assert trickle.send(hello[sent:sent + 1])
        sent += 1
        time.sleep(1)
    assert not nobody.is_closed() and not trickle.is_closed()
    assert nobody.is_closed(timeout=6) and trickle.is_closed(timeout=6)
    assert not greeted.is_closed()
    assert daemon.counters()["halfOpen"] == 2


# Tor's circuits


@pytest.fixture(params=[False, True], ids=["own listener", "shared listener"])
def told(request, daemons, host, proxy):
    """A daemon that Tor tells of its circuits."""
    port = free_port()
    own = [Identity(onion_name(f"identity {number}"), port) for number in range(2 if request.param else 1)]
    daemon = daemons(
        listen=[], netns=host, socks=proxy.address, log_level="info", authenticate="off",
        options=[*options_of(own), "--tor-circuit-id", *(["--linkable-identities"] if request.param else [])])
    daemon.address, daemon.listen_port = own[-1].address, port
    wait_until(lambda: len(host.addresses("oncilla0")) == len(own), 10, what="all addresses")
    return daemon


def answered(peer):
    return any(packet.next_header == packets.ICMPV6 and packet.payload[0] == 129 for packet in peer.received())


def test_the_line_of_tor_comes_before_the_packets(told, wire_peer):
    good, other = wire_peer("good"), wire_peer("other")
    circuit = good.dial(told)
    bytes_ = line(0x10029) + good.keepalive(told.address) + packets.echo_request(good.address, told.address)
    for at in range(0, len(bytes_), 37):
        assert circuit.send(bytes_[at:at + 37])
        time.sleep(0.01)
    wait_until(lambda: answered(good), 10, what="an answer to the peer")
    without = other.dial(told)
    without.send(other.keepalive(told.address))
    assert without.is_closed(timeout=5)
    told.wait_for_line("warning: .*Tor's line.*'HiddenServiceExportCircuitID haproxy'")


def test_one_circuit_of_tor_holds_16_connections(told, wire_peer):
    name, caller = onion_name("crowd"), wire_peer("crowd")
    crowd = [caller.dial(told) for _ in range(24)]
    for circuit in crowd:
        circuit.send(line(7) + keepalive(name, told.address))
    wait_until(lambda: sum(circuit.is_closed() for circuit in crowd) == 8, 10, what="those above 16 to be closed")
    good = wire_peer("good")
    good.dial(told).send(line(8) + good.keepalive(told.address) + packets.echo_request(good.address, told.address))
    wait_until(lambda: answered(good), 10, what="an answer to the peer of another circuit")
    assert told.counters()["torCircuitLimit"] == 8


def test_one_circuit_of_tor_takes_16_places_of_those_who_say_nothing(told, wire_peer):
    caller, good = wire_peer("crowd"), wire_peer("good")
    crowd = [caller.dial(told) for _ in range(24)]
    for circuit in crowd:
        circuit.send(line(7))
    wait_until(lambda: sum(circuit.is_closed() for circuit in crowd) == 8, 10, what="those above 16 to be closed")
    good.dial(told).send(line(8) + good.keepalive(told.address) + packets.echo_request(good.address, told.address))
    wait_until(lambda: answered(good), 10, what="an answer to the peer of another circuit")


def test_publish_tor_is_refused_beside_it():
    refused = oncilla("run", "--publish", "tor", "--tor-control", "unix:/nowhere", "--tor-circuit-id", "--config",
                      "/dev/null", check=False)
    assert refused.returncode != 0
    assert "--tor-circuit-id needs an onion service of torrc" in refused.stderr


# Ceilings


def status(daemon):
    return json.loads(oncilla("status", "--json", "--control", daemon.directory / "control.sock").stdout)


def jain(shares):
    """Jain's index: 1 if all have the same, 1/n if one has all."""
    return sum(shares) ** 2 / (len(shares) * sum(share ** 2 for share in shares))


@pytest.mark.parametrize("option, ceiling", [("--rate-limit", 2_000_000), ("--peer-rate-limit", 250_000)])
def test_eight_peers_that_send_all_they_can_share_a_ceiling_fairly(
        daemons, host, proxy, wire_peer, report, option, ceiling):
    daemon = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, log_level="notice",
                     options=[option, f"{ceiling // 1000}kB/s"])
    daemon.wait_for_interface()
    peers = [wire_peer(f"peer {number}") for number in range(8)]
    stopped, sent = threading.Event(), {}

    def flood(circuit, packet):
        with contextlib.suppress(OSError):
            while not stopped.is_set() and circuit.send(packet * 8):
                pass

    threads = []
    for number, peer in enumerate(peers):
        # Each with another number of circuits, and packets of another size.
        circuits = [peer.call(daemon) for _ in range(1 + number % 3)]
        peer.prove(daemon)
        datagram = packets.udp(peer.address, daemon.address, 9, 9, bytes([200, 1_400, 600][number % 3]))
        threads += [threading.Thread(target=flood, args=(circuit, datagram), daemon=True) for circuit in circuits]
    time.sleep(1)
    for thread in threads:
        thread.start()

    def received():
        found = {peer["address"]: peer["bytes_received"] for node in status(daemon)["identities"] for peer in node["peers"]}
        return [found.get(str(peer.address), 0) for peer in peers]

    time.sleep(2)
    first, started = received(), time.monotonic()
    time.sleep(5)
    last, seconds = received(), time.monotonic() - started
    counted = daemon.counters()["readingLimited"]
    stopped.set()
    for peer in peers:
        peer.close()
    shares = [(after - before) / seconds for before, after in zip(first, last)]
    report(f"{sum(shares) / 1000:.0f} kB/s of eight peers, fairness {jain(shares):.3f}, {counted} waits")
    assert jain(shares) >= 0.95, shares
    total = ceiling if option == "--rate-limit" else 8 * ceiling
    assert 0.7 * total <= sum(shares) <= 1.1 * total, shares
    assert counted > 50


@contextlib.contextmanager
def pouring(pairs):
    """All that can be is sent into the first of each pair of connected sockets, and read from the second; yields the
    numbers of bytes that were read so far."""
    read = [0] * len(pairs)

    def send(end):
        with contextlib.suppress(OSError):
            while True:
                end.sendall(bytes(1 << 16))

    def receive(number, end):
        with contextlib.suppress(OSError):
            while block := end.recv(1 << 16):
                read[number] += len(block)

    for number, (near, far) in enumerate(pairs):
        threading.Thread(target=send, args=(near,), daemon=True).start()
        threading.Thread(target=receive, args=(number, far), daemon=True).start()
    try:
        yield read
    finally:
        for end in itertools.chain(*pairs):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def test_eight_daemons_that_send_all_they_can_share_a_ceiling_fairly(daemons, namespaces, proxy, report):
    """By TCP, to a ninth. A circuit holds no more than one of Tor's: seconds of a share would wait in it otherwise, and
    TCP would send them twice."""
    ceiling = 4_000_000
    one = daemons(onion=onion_name("one"), netns=namespaces("one"), socks=proxy.address, log_level="notice",
                  options=["--rate-limit", f"{ceiling // 1000}kB/s"])
    proxy.lay(one.onion, [Path(ceiling / 6, 0.02), Path(ceiling / 4, 0.05), Path(ceiling / 2, 0.1)])
    peers = [daemons(onion=onion_name(f"peer {number}"), peers=[one.onion], netns=namespaces(f"peer{number}"),
                     socks=proxy.address, log_level="notice", options=["--mtu", [1500, 1280][number % 2]], start=False)
             for number in range(8)]
    for daemon in (one, *peers):
        proxy.connect(daemon.onion, daemon.listen_port)
    for peer in peers:
        peer.start()
    for peer in peers:
        peer.wait_for_interface()
        wait_until(lambda: peer.host.can_ping(one.address), 20, what="a peer to reach the daemon")
    # Each has other circuits and packets, and another number of connections.
    owners = [number for number in range(8) for _ in range(1 + number % 3)]
    with one.host.socket() as listener:
        listener.bind((one.address, 9))
        listener.listen()
        pairs = []
        for number in owners:
            near = peers[number].host.socket()
            near.connect((one.address, 9))
            pairs.append((near, listener.accept()[0]))
    with pouring(pairs) as read:

        def received():
            return [sum(count for count, owner in zip(read, owners) if owner == number) for number in range(8)]

        # Flows begin on the circuit for sparse ones.
        wait_until(lambda: min(received()) >= 5 * ceiling / 8, 60, what="five seconds of each share")
        first, started = received(), time.monotonic()
        wait_until(lambda: sum(received()) >= sum(first) + 5 * ceiling, 60, what="five seconds of all")
        last, seconds = received(), time.monotonic() - started
    shares = [(after - before) / seconds for before, after in zip(first, last)]
    report(f"{sum(shares) / 1000:.0f} kB/s of eight daemons, fairness {jain(shares):.3f}: "
           f"{' '.join(f'{share / 1000:.0f}' for share in shares)}")
    assert jain(shares) >= 0.95, shares
    assert 0.7 * ceiling <= sum(shares) <= 1.1 * ceiling, shares
    assert one.counters()["readingLimited"] > 50


@pytest.mark.parametrize("side", ["a", "b"], ids=["sending", "receiving"])
def test_a_ping_beside_a_download_at_the_ceiling_is_quick(pair, proxy, report, side):
    hosts = pair(proxy, log_level="notice", **{side: {"options": ["--rate-limit", "400kB/s"]}})
    wait_until(lambda: hosts.a.host.can_ping(hosts.b.address), 10, what="the peers to reach each other")
    outcome = []
    transfer = threading.Thread(
        target=lambda: outcome.append(Transfer(hosts.a.host, hosts.b.host, hosts.b.address, 3_000_000)), daemon=True)
    transfer.start()
    # The flow's first packets share the circuit of sparse flows.
    time.sleep(2)
    ping = hosts.a.host.ping(hosts.b.address, count=30, interval=0.1, timeout=5)
    assert transfer.is_alive(), "the download is over"
    transfer.join(30)
    rate = outcome[0].size / outcome[0].seconds
    report(f"ping {ping.median:.1f} ms beside {rate / 1000:.0f} kB/s")
    assert ping.received >= 28, ping
    assert ping.median < 150, ping
    assert 200_000 <= rate <= 480_000


def test_a_ceiling_is_changed_while_the_daemon_runs(daemons, host, proxy, tmp_path):
    configuration = tmp_path / "oncilla.conf"
    configuration.write_text("rate-limit = 1MB/s\n")
    daemon = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, options=["--config", configuration])
    daemon.wait_for_interface()
    configuration.write_text("rate-limit = 16Mbit/s,1000pps\npeer-rate-limit = 100kB/s\n")
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_line("reloaded: .*rate-limit = 16Mbit/s,1000pps.*peer-rate-limit = 100kB/s")
