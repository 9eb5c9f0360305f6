"""Whatever anybody sends to the listener: the daemon lives, nothing bad reaches the device, memory stays bounded, and
the good peers notice nothing.

    attacker --> listener of a        a <--> b over the proxy, pinging each other before and after
"""

import contextlib
import random
import resource
import socket
import threading
import time
import types

import pytest

import packets
from fake_socks import GRANTED
from hostile_peer import Crowd
from overlay import onion_name, overlay_address, wait_until
from test_proxy_traffic import send_datagrams
from wire_peer import Dialled

MEGABYTE = 1_000_000


class Sniffer:
    """What the daemon delivers to its device, as it happens."""

    def __init__(self, host, interface="oncilla0"):
        self._socket = host.packet_socket(interface)
        self._packets = []
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self):
        with contextlib.suppress(OSError):
            while True:
                data, (_, _, kind, *_) = self._socket.recvfrom(1 << 17)
                if kind != socket.PACKET_OUTGOING:
                    self._packets.append(packets.Packet(data))

    def delivered(self):
        return list(self._packets)

    def close(self):
        self._socket.close()


@pytest.fixture(scope="module")
def peaks(report_once):
    """The most that any attack made resident, in bytes."""
    collected = {}
    yield collected
    if collected:
        worst = max(collected, key=collected.get)
        report_once(f"resident at most {collected[worst] / MEGABYTE:.1f} MB in {len(collected)} attacks ({worst})")


@pytest.fixture
def stage(pair, proxy, peaks, request):
    """Two good daemons; the tests attack `.daemon`. Afterwards: alive, small, and the good peers reach each other."""
    # It is not by turning calls away that it stays small.
    hosts = pair(proxy, a={
        "options": ["--accept-rate", 10_000, "--max-incoming", 16_384, "--max-unproven", 16_384]})
    assert hosts.a.host.ping(hosts.b.address).received == 1
    assert hosts.b.host.ping(hosts.a.address).received == 1
    sniffer = Sniffer(hosts.a.host)
    made = types.SimpleNamespace(daemon=hosts.a, host=hosts.a.host, good=hosts.b, proxy=proxy, limit=16 * MEGABYTE)

    def strange():
        """Delivered packets that are neither the good peer's nor the daemon's own "unreachable"."""
        return [packet for packet in sniffer.delivered()
                if (packet.source, packet.destination) != (hosts.b.address, hosts.a.address)
                and not (packet.next_header == packets.ICMPV6 and packet.payload[0] == 1)]

    def barrier():
        """Whatever was sent before has been handled: the good peer's ping goes both ways."""
        for one, other in ((hosts.b, hosts.a), (hosts.a, hosts.b)):
            # several, because a flood may fill the kernel's queue and cost one
            wait_until(lambda: one.host.can_ping(other.address), 10, what="the good peers to reach each other")

    made.strange, made.barrier = strange, barrier
    yield made
    hosts.a.assert_running()
    barrier()
    peaks[request.node.name] = hosts.a.peak_rss()
    assert hosts.a.peak_rss() < made.limit
    sniffer.close()


GARBAGE = {
    "zeroes": bytes(4000),
    "ones": b"\xff" * 4000,
    "http": b"POST / HTTP/1.0\r\nHost: x\r\n\r\n",
    "tls hello": bytes.fromhex("160301013c010001380303") + random.Random(1).randbytes(305),
    "ssh": b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n",
    "socks": b"\x04\x01\x1f\x7c\x00\x00\x00\x01\x00",
    "version 5": packets.ipv6("::1", "::2", 59, version=5),
    "version 0": packets.ipv6("::1", "::2", 59, version=0),
    "ipv4 with a header of 16 bytes": b"\x44\x00\x00\x14" + bytes(16),
    "ipv4 with a total length of 19": b"\x45\x00\x00\x13" + bytes(16),
    "ipv4 with a total length of 0": b"\x45\x00\x00\x00" + bytes(16),
    "ipv4 with options beyond its length": b"\x4f\x00\x00\x20" + bytes(56),
}


@pytest.mark.parametrize("what", GARBAGE)
@pytest.mark.parametrize("after", ["at once", "after a keepalive"])
def test_a_stream_that_is_no_ip_is_closed(stage, wire_peer, what, after):
    attacker = wire_peer("attacker")
    circuit = attacker.dial(stage.daemon) if after == "at once" else attacker.call(stage.daemon)
    circuit.send(GARBAGE[what] + packets.echo_request(attacker.address, stage.daemon.address))
    assert circuit.is_closed(timeout=5), "the circuit stays open"
    stage.barrier()
    assert stage.strange() == []


def test_an_http_request_that_looks_like_ipv4(stage, wire_peer):
    """`GET ` reads as an IPv4 header that announces 21,536 bytes: nothing comes of it, whatever follows."""
    attacker = wire_peer("attacker")
    circuit = attacker.dial(stage.daemon)
    circuit.send(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
    circuit.send(packets.echo_request(attacker.address, stage.daemon.address) * 500)
    stage.barrier()
    assert stage.strange() == []


def test_ipv4_is_framed_and_not_delivered(stage, wire_peer):
    attacker = wire_peer("attacker")
    circuit = attacker.call(stage.daemon)
    circuit.send(b"\x45\x00\x05\xdc" + bytes(1496))
    circuit.send(b"\x46\x00\x00\x18" + bytes(20))
    circuit.send(packets.echo_request(attacker.address, stage.daemon.address))
    wait_until(stage.strange, what="the packet after the IPv4 packets")
    assert [packet.version for packet in stage.strange()] == [6]


def test_a_header_that_announces_64_kib_and_then_silence(stage, wire_peer):
    attackers = [wire_peer(f"attacker {number}") for number in range(20)]
    for attacker in attackers:
        attacker.call(stage.daemon).send(
            packets.ipv6(attacker.address, stage.daemon.address, packets.UDP, bytes(60000), length=65535))
    stage.barrier()
    assert stage.strange() == []


def test_one_byte_per_second_is_patience_not_an_error(stage, wire_peer):
    attacker = wire_peer("attacker")
    circuit = attacker.dial(stage.daemon, answers=True)
    stream = attacker.keepalive(stage.daemon.address) + packets.echo_request(attacker.address, stage.daemon.address)
    assert circuit.send_slowly(stream[:5], 1)
    assert circuit.send_slowly(stream[5:], 0.005)
    wait_until(stage.strange, what="the packet that dribbled in")
    wait_until(lambda: any(packet.next_header == packets.ICMPV6 for packet in attacker.received()), what="its reply")


def test_500_silent_connections(stage):
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(contextlib.closing(Dialled(stage.daemon.listen_port))) for _ in range(500)]
        time.sleep(0.5)
        stage.barrier()
        busy = stage.daemon.cpu_seconds()
        time.sleep(2)
        assert stage.daemon.cpu_seconds() - busy < 0.5, "it spins"
        assert len(opened) == 500
    wait_until(lambda: stage.daemon.open_files() < 50, what="the closed ones to be forgotten")


@pytest.fixture
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_3000_connections_with_half_a_packet_each(stage, many_descriptors, report):
    """What strangers leave half sent is bounded for all of them together, not only for each."""
    half = packets.ipv6("fd87:d87e:eb43::1", stage.daemon.address, packets.UDP, bytes(60000), length=65535)
    stage.limit = 64 * MEGABYTE
    with Crowd(stage.daemon.listen_port, lambda _: half, count=3000, rate=1500, replace=False) as crowd:
        wait_until(lambda: crowd.opened == 3000, 40, what="all to be opened")
        stage.barrier()
        report(f"resident {stage.daemon.rss() / MEGABYTE:.1f} MB with {crowd.bytes_sent / MEGABYTE:.0f} MB of half "
               "packets sent")
    assert stage.strange() == []


def test_more_connections_than_there_are_descriptors(stage, many_descriptors, report):
    stage.limit = 32 * MEGABYTE
    opened = []
    try:
        for _ in range(3000):
            attempt = socket.socket()
            attempt.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                attempt.connect(("127.0.0.1", stage.daemon.listen_port))
            opened.append(attempt)
            time.sleep(0.0005)
        time.sleep(1)
        busy = stage.daemon.cpu_seconds()
        time.sleep(3)
        busy = stage.daemon.cpu_seconds() - busy
        report(f"{busy / 3:.0%} of a CPU, {stage.daemon.open_files()} descriptors with 3000 connections waiting")
        assert busy < 1, "it spins"
        stage.barrier()
        # a new dial needs a descriptor as well
        stage.proxy.cut(stage.good.onion)
        wait_until(lambda: stage.host.can_ping(stage.good.address), 40, what="a new circuit in spite of them")
    finally:
        for attempt in opened:
            attempt.close()
    stage.proxy.cut()
    wait_until(lambda: stage.good.host.can_ping(stage.daemon.address), 40, what="the listener to serve again")


def test_connections_that_come_and_go(stage):
    for number in range(1000):
        dialled = Dialled(stage.daemon.listen_port)
        if number % 2:
            dialled.send(b"\x60\x00")
        dialled.reset() if number % 3 else dialled.close()
    wait_until(lambda: stage.daemon.open_files() < 50, what="the closed ones to be forgotten")


# Keepalives that lie

OTHER = onion_name("somebody else")


def lies(attacker, own):
    """What a keepalive must not teach: label → (its packet, …)."""
    label = attacker.name.removesuffix(".onion")
    make = lambda payload, source=attacker.address: packets.keepalive(source, own, "", payload=payload)  # noqa: E731
    wrong_checksum = label[:-4] + ("aaad" if not label.endswith("aaad") else "abad")
    return {
        "a name of another address": make(b"\x01" + OTHER.encode() + b"\0"),
        "a wrong checksum": make(b"\x01" + wrong_checksum.encode() + b".onion\0", overlay_address(wrong_checksum)),
        "no NUL": make(b"\x01" + attacker.name.encode()),
        "64 KiB without NUL": make(b"\x01" + b"a" * 65534),
        "64 KiB of NULs": make(b"\x01" + bytes(65534)),
        "an empty name": make(b"\x01\0"),
        "no such domain": make(b"\x01" + label.encode() + b".example\0"),
        "no ASCII": make(b"\x01" + bytes(range(128, 190)) + b"\0"),
        "a newline in the name": make(b"\x01" + attacker.name.encode() + b"\nAug 1 oncilla: all is well\0"),
        "version 2": make(b"\x02" + attacker.name.encode() + b"\0"),
        "version 255 alone": make(b"\xff"),
    }


LIES = list(lies(type("", (), {"name": OTHER, "address": "::1"}), "::2"))


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_keepalive_teaches_nothing(stage, wire_peer, lie):
    attacker = wire_peer("attacker")
    circuit = attacker.dial(stage.daemon)
    packet = lies(attacker, stage.daemon.address)[lie]
    circuit.send(packet)
    stage.barrier()
    claimed = packets.Packet(packet).source
    assert stage.host.ping(claimed, timeout=2).unreachable
    assert stage.host.ping(overlay_address(OTHER), timeout=2).unreachable
    assert not stage.proxy.dials(attacker.name) and not stage.proxy.dials(OTHER)
    assert stage.strange() == []
    assert not [line for line in stage.daemon.log().splitlines() if line.startswith("Aug")], "a line of log was forged"


TLVS = {
    "unknown": packets.tlv(0xEE, b"hello"),
    "cut": b"\x02\x10\x00",
    "length only": b"\x02",
    "too long": b"\x02\xff" + bytes(10),
    "a challenge of 15 bytes": packets.tlv(2, bytes(15)),
    "empty ones": bytes(400),
    "a thousand": packets.tlv(0xEF, b"x") * 1000,
    "padding": packets.tlv(5, bytes(255)) * 200,
    "self-call": packets.tlv(6, bytes(16)),
    "lane end": packets.tlv(4, bytes(16)),
    "capabilities of 9 bytes": packets.tlv(1, bytes(9)),
    "a response to nothing": packets.tlv(3, bytes(16)),
}


@pytest.mark.parametrize("tlvs", TLVS)
def test_odd_tlvs_leave_the_keepalive_valid(stage, wire_peer, tlvs):
    peer = wire_peer("stranger")
    circuit = peer.call(stage.daemon, TLVS[tlvs])
    circuit.send(packets.echo_request(peer.address, stage.daemon.address))
    wait_until(lambda: any(packet.next_header == packets.ICMPV6 for packet in peer.received()), 10,
               what="the reply to somebody whose keepalive has odd TLVs")


def test_a_learned_name_does_not_displace_a_configured_one(stage, wire_peer):
    attacker = wire_peer("attacker")
    liar = attacker.dial(stage.daemon)
    liar.send(packets.keepalive(stage.good.address, stage.daemon.address, attacker.name))
    liar.send(packets.keepalive(stage.good.address, stage.daemon.address, OTHER))
    stage.barrier()
    assert not stage.proxy.dials(attacker.name)


# Packets that must not reach the device


def forgeries(attacker, own, good):
    def from_to(source, destination):
        return packets.echo_request(source, destination, data=b"forged")

    return {
        "our own source": from_to(own, own),
        "another peer's source": from_to(good, own),
        "an unknown overlay source": from_to(overlay_address(OTHER), own),
        "an unspecified source": from_to("::", own),
        "a loopback source": from_to("::1", own),
        "a link-local source": from_to("fe80::1", own),
        "a multicast source": from_to("ff02::1", own),
        "an outside source": from_to("2001:db8::1", own),
        "a mapped source": from_to("::ffff:127.0.0.1", own),
        "an unspecified destination": from_to(attacker, "::"),
        "a loopback destination": from_to(attacker, "::1"),
        "a link-local destination": from_to(attacker, "fe80::1"),
        "all nodes": from_to(attacker, "ff02::1"),
        "the interface's multicast": from_to(attacker, "ff01::1"),
        "an outside destination": from_to(attacker, "2001:db8::1"),
        "another peer's destination": from_to(attacker, good),
        "the attacker's own address": from_to(attacker, attacker),
        "the dead:beef source": from_to("fd87:d87e:eb43::dead:beef", own),
        "a router advertisement": packets.icmpv6("fe80::1", "ff02::1", 134, 0, bytes(12), hop_limit=255),
        "a header alone": packets.ipv6(overlay_address(OTHER), own, 6)[:40],
    }


FORGERIES = list(forgeries("::1", "::2", "::3"))


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_packet_is_not_delivered(stage, wire_peer, forgery):
    attacker = wire_peer("attacker")
    circuit = attacker.call(stage.daemon)
    circuit.send(forgeries(attacker.address, stage.daemon.address, stage.good.address)[forgery])
    honest = attacker.call(stage.daemon)
    honest.send(packets.echo_request(attacker.address, stage.daemon.address, data=b"honest"))
    wait_until(lambda: any(b"honest" in packet.raw for packet in stage.strange()), what="an honest packet")
    stage.barrier()
    assert [packet for packet in stage.strange() if b"honest" not in packet.raw] == []
    for packet in attacker.received():
        assert packet.source == stage.daemon.address and packet.destination == attacker.address
        assert b"forged" not in packet.raw


def test_a_responder_over_the_wire_does_not_reflect_for_strangers(stage, wire_peer):
    attacker = wire_peer("attacker")
    circuit = attacker.call(stage.daemon)
    for target in ("fd87:d87e:eb43::dead:beef", "fd87:d87e:eb43::feed:beef"):
        circuit.send(packets.echo_request(attacker.address, target))
    stage.barrier()
    assert stage.strange() == []
    # What it is asked itself is the daemon's own request, by which it proves who it is.
    assert all(packet.is_keepalive or packet.payload[0] == 128 for packet in attacker.received())


def test_a_feed_beef_that_loops_dies_out(stage):
    """Our own service answering to itself must not turn one packet into an endless one."""
    stage.proxy.connect(stage.daemon.onion, stage.daemon.listen_port)
    assert stage.host.ping("fd87:d87e:eb43::feed:beef", count=2).received == 2
    time.sleep(0.5)
    busy = stage.daemon.cpu_seconds()
    time.sleep(2)
    assert stage.daemon.cpu_seconds() - busy < 0.3


# Noise


def test_ten_megabytes_of_noise(stage, wire_peer, report):
    attacker = wire_peer("attacker")
    good = attacker.keepalive(stage.daemon.address) + packets.echo_request(attacker.address, stage.daemon.address)
    dice = random.Random(20)
    sent = circuits = 0
    while sent < 10 * MEGABYTE:
        if dice.random() < 0.5:
            data = dice.randbytes(dice.randrange(1, 100_000))
        else:
            data = bytearray(good * dice.randrange(1, 400))
            for _ in range(dice.randrange(1, 20)):
                data[dice.randrange(len(data))] = dice.randrange(256)
        circuit = attacker.dial(stage.daemon)
        circuit.send(bytes(data))
        circuit.close()
        circuits += 1
        sent += len(data)
    stage.barrier()
    report(f"{sent / MEGABYTE:.0f} MB over {circuits} circuits")
    for packet in stage.strange():
        assert packet.version == 6
        assert packet.source == attacker.address, f"{packet.raw[:64].hex()}"
        assert packet.destination == stage.daemon.address
        assert not packet.is_keepalive


def test_a_reset_within_a_packet(stage, wire_peer):
    attacker = wire_peer("attacker")
    packet = packets.echo_request(attacker.address, stage.daemon.address, data=bytes(1000))
    for length in (1, 4, 6, 39, 40, 41, len(packet) - 1):
        circuit = attacker.call(stage.daemon)
        circuit.send(packet[:length])
        circuit.reset()
    stage.barrier()
    assert stage.strange() == []


# What odd but honest peers do


def test_a_peer_that_answers_on_the_circuit_we_dialled_is_read(stage, wire_peer, tmp_path):
    peer = wire_peer("unidirectional not")
    stranger = peer.call(stage.daemon)  # so that the daemon knows the name
    stage.barrier()
    send_datagrams(stage.host, peer.address, [b"x"])
    circuit = peer.wait_for_circuit()
    circuit.wait_for_packets(2)
    stranger.close()
    circuit.send(peer.keepalive(stage.daemon.address))
    circuit.send(packets.echo_request(peer.address, stage.daemon.address, data=b"on the same circuit"))
    wait_until(lambda: any(b"on the same circuit" in packet.raw for packet in peer.received()), what="the reply")


@pytest.mark.parametrize("chunk", [None, 1, 9], ids=["in one piece", "byte by byte", "nine bytes each"])
def test_what_follows_the_grant_in_the_same_segment_is_read(daemons, host, proxy, wire_peer, chunk):
    peer, own = wire_peer("eager"), onion_name("one")
    request = packets.echo_request(peer.address, overlay_address(own), data=b"glued to the grant")
    proxy.behave(peer.name, reply=GRANTED + request, reply_chunk=chunk)
    daemons(onion=own, netns=host, socks=proxy.address, peers=[peer.name])
    wait_until(lambda: any(b"glued to the grant" in packet.raw for packet in peer.received()), what="the reply")
    assert peer.received()[0].is_keepalive


def test_a_second_circuit_of_the_same_source_is_served(stage, wire_peer):
    peer = wire_peer("twice")
    circuits = [peer.call(stage.daemon), peer.call(stage.daemon)]
    for number, circuit in enumerate(circuits * 2):
        circuit.send(packets.echo_request(peer.address, stage.daemon.address, sequence=number))
    wait_until(lambda: len([packet for packet in stage.strange() if packet.source == peer.address]) == 4)


@pytest.mark.parametrize("payload", [b"", b"\x02something"], ids=["empty", "another version"])
def test_an_old_onioncat_is_known_by_its_source(stage, wire_peer, payload):
    peer = wire_peer("old")
    peer.call(stage.daemon).send(packets.echo_request(peer.address, stage.daemon.address, sequence=1))
    old = peer.dial(stage.daemon, answers=True)
    old.send(packets.keepalive(peer.address, stage.daemon.address, "", payload=payload))
    old.send(packets.echo_request(peer.address, stage.daemon.address, sequence=2))
    wait_until(lambda: len([packet for packet in stage.strange() if packet.source == peer.address]) == 2)


def test_the_largest_packet_is_delivered(stage, wire_peer):
    peer = wire_peer("large")
    peer.call(stage.daemon)
    peer.prove(stage.daemon)
    with stage.host.socket(kind=socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        receiver.bind((stage.daemon.address, 7000))
        receiver.settimeout(5)
        data = random.Random(3).randbytes(65535 - 8)
        packet = packets.udp(peer.address, stage.daemon.address, 1, 7000, data)
        assert len(packet) == 65575
        circuit = peer.call(stage.daemon)
        circuit.send(packet)
        assert receiver.recv(1 << 17) == data
        assert circuit.send_slowly(packet[:3], 0.01) and circuit.send(packet[3:])
        assert receiver.recv(1 << 17) == data


def test_a_stranger_who_sends_fast_does_not_starve_the_good_peer(stage, wire_peer, report):
    attacker = wire_peer("attacker")
    circuit = attacker.call(stage.daemon)
    junk = packets.udp(attacker.address, stage.daemon.address, 1, 9, bytes(1400)) * 100
    stop = time.monotonic() + 3

    def flood():
        while time.monotonic() < stop and circuit.send(junk):
            pass

    flooder = threading.Thread(target=flood)
    flooder.start()
    ping = stage.good.host.ping(stage.daemon.address, count=10, timeout=5)
    flooder.join()
    report(f"ping of a good peer in a stranger's flood: {ping.median:.1f} ms")
    assert ping.received == 10, ping


def test_ten_thousand_names_and_more(stage, report):
    """Names that strangers claim are bounded, and cost the same when there is no more room for them."""
    seconds = []
    for batch in range(3):
        before = stage.daemon.cpu_seconds()
        for number in range(6000):
            name = onion_name(f"crowd {batch} {number}")
            circuit = Dialled(stage.daemon.listen_port)
            circuit.send(packets.keepalive(overlay_address(name), stage.daemon.address, name))
            circuit.close()
        wait_until(lambda: stage.daemon.open_files() < 50, 20, what="the circuits to be forgotten")
        seconds.append(stage.daemon.cpu_seconds() - before)
    report(f"6000 names each: {', '.join(f'{value * 1000:.0f}' for value in seconds)} ms of CPU")
    assert seconds[-1] < 5 * seconds[0] + 0.1


def test_nothing_answers_on_an_accepted_circuit(stage, wire_peer):
    peer = wire_peer("listener")
    circuit = peer.call(stage.daemon)
    circuit.send(packets.echo_request(peer.address, stage.daemon.address))
    wait_until(lambda: any(packet.next_header == packets.ICMPV6 for packet in peer.received()))
    assert circuit.received(0.3) == b""


def test_source_claims_do_not_make_us_dial_the_world(stage, wire_peer):
    """Dials caused by strangers are limited: 10 a minute."""
    before = len(stage.proxy.dials(but=[stage.daemon.onion]))
    for number in range(60):
        name = onion_name(f"crowd {number}")
        circuit = Dialled(stage.daemon.listen_port)
        circuit.send(packets.keepalive(overlay_address(name), stage.daemon.address, name))
        circuit.close()
    stage.barrier()
    assert len(stage.proxy.dials(but=[stage.daemon.onion])) - before <= 10
