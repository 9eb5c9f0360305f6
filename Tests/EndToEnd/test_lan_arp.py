"""IPv4 on a LAN, frame by frame: ARP is answered for what is behind peers, and asked for what is on this side.

    raw --- bridge -- oncilla0 = oncilla --- fake proxy --- a peer in Python, 10.20.0.0/16 behind it
    10.10.0.0/16 is on this side
"""

import ipaddress
import itertools
import random
import struct
import types

import pytest

import ethernet
import packets
from ethernet import ARP, BROADCAST, IPV4, RawPort, arp
from lan import BridgedLAN, Identity
from overlay import wait_until

HOST, QUIET, NOBODY, FAR = "10.10.1.2", "10.10.1.3", "10.10.1.99", "10.20.1.2"
REQUEST, REPLY = 1, 2


@pytest.fixture
def stage(namespaces, daemons, proxy, wire_peer):
    """Afterwards the daemon runs and still answers."""
    peer = wire_peer("peer")
    lan = BridgedLAN(namespaces, "a", [], empty=[Identity.of("a")])
    raw = lan.add()
    daemon = lan.run(daemons, proxy.address, peers=[peer.name], options=[
        "--ipv4", "--serve", "10.10.0.0/16", "--route", f"10.20.0.0/16,via={peer.name}"])
    peer.wait_for_circuit().wait_for_packets()
    with RawPort(raw.namespace, "eth0") as port:
        made = types.SimpleNamespace(port=port, peer=peer, mac=lan.tap_mac, identity=lan.identities[0], daemon=daemon)

        def ask(target, sender=HOST, source=None):
            mac = source or port.mac
            port.send(ethernet.frame(BROADCAST, mac, ARP, arp(REQUEST, mac, sender, target)))

        def seen(operation):
            return port.received(lambda frame: frame.kind == ARP and frame.source == made.mac
                                 and frame.payload[6:8] == struct.pack("!H", operation))

        def answers():
            """Whom the daemon answered for, without what `barrier` asked."""
            senders = (str(ipaddress.IPv4Address(frame.payload[14:18])) for frame in seen(REPLY))
            return [sender for sender in senders if not sender.startswith("10.20.255.")]

        # None is asked twice: a late answer to an earlier question is not taken for this one's.
        unasked = (f"10.20.255.{last}" for last in itertools.count(1))

        def barrier():
            """The daemon has handled what was sent before."""
            target = ipaddress.IPv4Address(next(unasked))
            ask(target)
            port.wait_for(lambda frame: frame.kind == ARP and frame.payload[6:18] == struct.pack(
                "!H6s4s", REPLY, ethernet.mac_bytes(made.mac), target.packed), what="the daemon to answer")

        made.ask, made.seen, made.answers, made.barrier = ask, seen, answers, barrier
        wait_until(lambda: ask(next(unasked)) or seen(REPLY), 5, interval=0.1, what="the bridge and the daemon")
        barrier()
        port.forget()
        yield made
        daemon.assert_running()
        barrier()


def request_from_peer(stage, destination, source=FAR, identifier=1):
    packet = packets.icmpv4_echo_request(source, destination, identifier=identifier)
    stage.peer.call(stage.identity).send(packet)
    return packet


def test_a_request_for_what_is_behind_a_peer_is_answered(stage):
    stage.ask(FAR)
    wait_until(lambda: stage.seen(REPLY), 2, what="the reply")
    frame = stage.seen(REPLY)[0]
    assert frame.destination == stage.port.mac
    assert frame.payload[:28] == arp(REPLY, stage.mac, FAR, HOST, stage.port.mac)


def test_requests_for_anything_else_are_left_alone(stage):
    for target in (HOST, NOBODY, "10.30.0.1", "192.0.2.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "127.0.0.1"):
        stage.ask(target)
    stage.ask(HOST, sender=HOST)  # announces itself
    stage.ask(FAR, sender=FAR)  # does so where a route leads to a peer
    stage.ask(NOBODY, sender="0.0.0.0")  # asks whether it is free
    stage.barrier()
    assert stage.answers() == []


def test_a_host_whose_address_is_routed_to_a_peer_is_told_in_the_log_once(stage):
    for host in (FAR, "10.20.1.3"):
        stage.ask(QUIET, sender=host)
    stage.daemon.wait_for_line(rf"a host of the LAN has {FAR}/32, which a --route leads to a peer: --serve")
    stage.barrier()
    assert stage.daemon.log().count("a host of the LAN has") == 1


def test_a_host_on_this_side_is_found_by_a_probe_and_served(stage):
    packet = request_from_peer(stage, QUIET)
    wait_until(lambda: stage.seen(REQUEST), 2, what="the daemon's request")
    asked = stage.seen(REQUEST)[0]
    assert asked.destination == BROADCAST
    assert asked.payload[:28] == arp(REQUEST, stage.mac, "0.0.0.0", QUIET)
    answer = arp(REPLY, stage.port.mac, QUIET, "0.0.0.0", stage.mac)
    stage.port.send(ethernet.frame(stage.mac, stage.port.mac, ARP, answer))
    frame = stage.port.wait_for(lambda frame: frame.kind == IPV4, what="the packet that waited")
    assert (frame.source, frame.destination) == (stage.mac, stage.port.mac)
    assert frame.payload[:len(packet)] == packet, "nothing is changed on the way, time to live and checksum included"


def test_a_sender_learns_that_nobody_answers(stage):
    packet = request_from_peer(stage, NOBODY)
    is_error = lambda packet: packet.version == 4 and packet.payload[:1] == b"\x03"  # noqa: E731
    wait_until(lambda: any(map(is_error, stage.peer.received())), 5, what="the error")
    error = next(filter(is_error, stage.peer.received()))
    assert error.payload[1] == 1, "host unreachable"
    assert error.destination == FAR
    assert error.payload[8:] == packet
    assert packets.internet_checksum(error.payload) == packets.internet_checksum(error.raw[:20]) == 0
    assert len(stage.seen(REQUEST)) == 3


def test_what_a_host_sends_leaves_as_it_is(stage):
    packet = packets.icmpv4_echo_request(HOST, FAR)
    stage.port.send(ethernet.frame(stage.mac, stage.port.mac, IPV4, packet + bytes(18)))  # padded, as short frames are
    wait_until(lambda: any(got.version == 4 for got in stage.peer.received()), 5, what="the packet")
    assert [got.raw for got in stage.peer.received() if got.version == 4] == [packet]


def malformed(stage):
    good = arp(REQUEST, stage.port.mac, HOST, FAR)
    yield from (good[:length] for length in range(28))
    yield from (good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1:] for at in range(6))
    yield from (good[:6] + struct.pack("!H", operation) + good[8:] for operation in (0, 3, 4, 8, 255, 65535))
    yield good[:8] + ethernet.mac_bytes(BROADCAST) + good[14:]
    yield good[:8] + bytes(6) + good[14:]
    yield arp(REPLY, stage.port.mac, FAR, HOST, stage.mac)
    yield arp(REPLY, stage.mac, HOST, HOST, stage.mac)


def test_malformed_requests_are_not_answered(stage):
    for payload in malformed(stage):
        stage.port.forget()
        # not padded: what is behind the end of a request must not be taken for a part of it
        stage.port.send(ethernet.frame(BROADCAST, stage.port.mac, ARP, payload))
        stage.barrier()
        assert stage.answers() == [], payload.hex()


def test_ipv4_packets_that_lie_do_not_leave(stage):
    good = packets.icmpv4_echo_request(HOST, FAR)
    patched = lambda at, data: good[:at] + data + good[at + len(data):]  # noqa: E731

    def with_checksum(header):
        header = header[:10] + bytes(2) + header[12:20]
        return header[:10] + struct.pack("!H", packets.internet_checksum(header)) + header[12:] + good[20:]

    lies = [good[:length] for length in range(20)]
    lies += [with_checksum(patched(0, bytes([value]))) for value in (0x44, 0x40, 0x4F, 0x55, 0x65, 0x05)]
    lies += [with_checksum(patched(2, struct.pack("!H", length))) for length in (0, 1, 19, 1000, 65535)]
    lies += [packets.ipv4(source, destination, packets.ICMPV4, good[20:]) for source, destination in (
        (FAR, HOST), (FAR, FAR), (HOST, HOST), (HOST, "224.0.0.1"), (HOST, "255.255.255.255"), (HOST, "127.0.0.1"),
        ("127.0.0.1", FAR), ("0.0.0.0", FAR), ("255.255.255.255", FAR), ("224.0.0.1", FAR), ("169.254.1.1", FAR),
        (HOST, "169.254.1.1"), (HOST, "192.0.2.1"), ("192.0.2.1", FAR))]
    for packet in lies:
        for mac in (stage.mac, BROADCAST, "01:00:5e:00:00:01"):
            stage.port.send(ethernet.frame(mac, stage.port.mac, IPV4, packet))
    for mac in (BROADCAST, "01:00:5e:00:00:01", "02:00:5e:99:99:99"):
        stage.port.send(ethernet.frame(mac, stage.port.mac, IPV4, good))
    dice = random.Random(6)
    for _ in range(2000):
        stage.port.send(ethernet.frame(stage.mac, stage.port.mac, IPV4, b"\x45" + dice.randbytes(dice.randrange(100))))
    stage.barrier()
    assert not [packet for packet in stage.peer.received() if packet.version == 4]
