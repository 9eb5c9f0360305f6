"""Hosts of the LAN that lie about what is left to do with a frame: the offload header is theirs, not the kernel's.

    host -- cable -- bridge -- oncilla (TAP) --- proxy that writes down --- peer in Python
     `-- AF_PACKET with PACKET_VNET_HDR, as a guest's virtio-net
"""

import socket
import struct

import pytest

import ethernet
import packets
from fake_socks import FakeSocks
from lan import BridgedLAN, Identity
from overlay import wait_until
from wire_peer import WirePeer

SOL_PACKET, PACKET_VNET_HDR = 263, 15  # linux/socket.h, linux/if_packet.h
NEEDS_CHECKSUM, TCP_V6, UDP_L4 = 1, 4, 5  # linux/virtio_net.h
ETHERNET, IPV6_HEADER = 14, 40


def offload_header(start, offset, kind=0, segment=0, headers=0):
    """struct virtio_net_hdr; `start` is counted from the frame's beginning."""
    return struct.pack("=BBHHHH", NEEDS_CHECKSUM, kind, headers, segment, start, offset)


class OffloadPort:
    """Sends frames with whatever offload header from a host's cable."""

    def __init__(self, host, interface="eth0"):
        self._socket = host.namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self._socket.bind((interface, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def send(self, header, frame):
        """False when the kernel lets no such header through."""
        try:
            self._socket.send(header + frame)
            return True
        except OSError:
            return False


@pytest.fixture
def stage(namespaces, daemons):
    """A LAN with a host, and a peer to whom it has a circuit: `lan`, `host`, `peer`, `port`."""
    with FakeSocks() as proxy, WirePeer("far", proxy) as peer:
        lan = BridgedLAN(namespaces, "a", [Identity.of("a1")])
        daemon = lan.run(daemons, proxy.address, peers=[peer], log_level="notice")
        host = lan.hosts[0]
        proxy.connect(host.identity.name, host.identity.listen_port)
        peer.wait_for_circuit(timeout=10)
        with OffloadPort(host) as port:
            yield lan, daemon, host, peer, port


def ask_and_wait(lan, host, peer, port, text):
    """An ordinary packet, sent after all others, has arrived at the peer."""
    packet = packets.udp(host.address, peer.address, 9, 9, text)
    frame = ethernet.frame(lan.tap_mac, host.mac, ethernet.IPV6, packet)
    assert port.send(bytes(10), frame)
    wait_until(lambda: any(text in seen.raw for seen in peer.received()), 10, what="an ordinary packet")


def assert_nothing_was_forged(host, peer, sent):
    """What came to the peer has this host's addresses and the upper layer that was sent, and is whole."""
    for circuit in peer.circuits:
        assert len(circuit.rest()) == 0, circuit.rest()[:64].hex()
    for packet in peer.received():
        assert (packet.source, packet.destination) == (host.address, peer.address), packet.raw[:64].hex()
        assert packet.is_keepalive or packet.next_header == packets.UDP, packet.raw[:64].hex()
        assert packet.is_keepalive or packet.payload[8:] in sent, packet.raw[:80].hex()


def test_a_checksum_is_completed_at_no_other_place_than_its_own(stage):
    """At 20 and 22 from the frame's beginning it rewrote next header and addresses behind the router's check."""
    lan, daemon, host, peer, port = stage
    ask_and_wait(lan, host, peer, port, b"before")
    sent, taken = {b"before", b"after"}, 0
    upper = ETHERNET + IPV6_HEADER
    for start in (14, 16, 18, 20, 22, 24, 30, 38, 46, 52, 53, upper - 2, upper, upper + 1, upper + 2, upper + 8):
        for offset in (0, 1, 2, 4, 6, 7, 8, 16, 18, 40):
            if (start, offset) == (upper, 6):
                continue
            text = b"from %d at %d" % (start, offset) + bytes(40)
            packet = packets.udp(host.address, peer.address, 9, 9, text)
            frame = ethernet.frame(lan.tap_mac, host.mac, ethernet.IPV6, packet)
            taken += port.send(offload_header(start, offset), frame)
    assert taken > 50, "the kernel takes too few of these for the test to mean anything"
    ask_and_wait(lan, host, peer, port, b"after")
    daemon.assert_running()
    assert_nothing_was_forged(host, peer, sent)
    assert daemon.counters()["badFrame"] > 0


def test_a_checksum_in_its_own_field_is_completed(stage):
    lan, daemon, host, peer, port = stage
    packet = packets.udp(host.address, peer.address, 9, 9, b"honest")
    whole, upper = packet, packet[IPV6_HEADER:]
    pseudo = packets.address_bytes(host.address) + packets.address_bytes(peer.address) \
        + struct.pack("!II", len(upper), packets.UDP)
    partial = ~packets.internet_checksum(pseudo) & 0xFFFF
    packet = packet[:IPV6_HEADER + 6] + struct.pack("!H", partial) + packet[IPV6_HEADER + 8:]
    frame = ethernet.frame(lan.tap_mac, host.mac, ethernet.IPV6, packet)
    assert port.send(offload_header(ETHERNET + IPV6_HEADER, 6), frame)
    wait_until(lambda: any(seen.raw == whole for seen in peer.received()), 10, what="the datagram, its checksum whole")


VXLAN_PORT = 4789


@pytest.fixture
def tunnel(stage):
    """A VXLAN port of the bridge, whose other end the host has: its OffloadPort, and what stands before each frame."""
    lan, _, host, _, _ = stage
    lan.bridge.ip(f"link add name under0 type veth peer name under1 netns {host.namespace.name}")
    lan.bridge.ip("addr add 192.0.2.1/24 dev under0")
    lan.bridge.ip("link set under0 up")
    host.namespace.ip("link set under1 up")
    lan.bridge.ip(f"link add vx0 type vxlan id 7 local 192.0.2.1 dstport {VXLAN_PORT} noudpcsum")
    lan.bridge.ip("link set vx0 master br0 up")

    def outer(frame):
        content = struct.pack("!II", 1 << 27, 7 << 8) + frame
        datagram = struct.pack("!HHHH", 5000, VXLAN_PORT, 8 + len(content), 0) + content
        return ethernet.frame(lan.bridge.mac("under0"), host.namespace.mac("under1"), ethernet.IPV4,
                              packets.ipv4("192.0.2.2", "192.0.2.1", packets.UDP, datagram))

    with OffloadPort(host, "under1") as port:
        yield port, outer


def with_sum(packet, start, at, value):
    """The packet, two bytes changed that lie at `at`, so that the checksum from `start` on is `value`."""
    packet = packet[:at] + b"\0\0" + packet[at + 2:]
    tuned = (packets.internet_checksum(packet[start:]) - value) % 0xFFFF
    return packet[:at] + struct.pack("!H", tuned) + packet[at + 2:]


def test_a_checksum_does_not_become_the_length_behind_a_tunnel(stage, tunnel):
    """Start 2 and offset 2 of the packet make its length what two bytes of payload say: bytes of the daemon's heap went
    to the peer, or it ended."""
    lan, daemon, host, peer, port = stage
    through, outer = tunnel
    ask_and_wait(lan, host, peer, port, b"before")
    plain = packets.udp(host.address, peer.address, 9, 9, b"through the tunnel")
    frame = ethernet.frame(lan.tap_mac, host.mac, ethernet.IPV6, plain)
    assert through.send(bytes(10), outer(frame))
    wait_until(lambda: any(seen.raw == plain for seen in peer.received()), 10, what="a packet out of the tunnel")
    refused = daemon.counters()["badFrame"]
    for length in (60_000, 30_000, 2_000, 1):
        packet = packets.udp(host.address, peer.address, 9, 9, bytes(100))
        frame = ethernet.frame(lan.tap_mac, host.mac, ethernet.IPV6, with_sum(packet, 2, 60, length))
        assert through.send(offload_header(len(outer(b"")) + ETHERNET + 2, 2), outer(frame))
    ask_and_wait(lan, host, peer, port, b"after")
    daemon.assert_running()
    assert_nothing_was_forged(host, peer, {b"before", b"after", b"through the tunnel"})
    assert daemon.counters()["badFrame"] == refused + 4


@pytest.mark.parametrize("size", [1, 2, 7])
def test_a_frame_is_not_cut_to_bytes(stage, size, report):
    """A segment size of 1 made 60,000 packets of a frame."""
    lan, daemon, host, peer, port = stage
    ask_and_wait(lan, host, peer, port, b"before")
    before = len(peer.received())
    data = bytes(30_000)
    segment = struct.pack("!HHIIBBHHH", 9, 9, 7, 0, 5 << 4, 16, 1024, 0, 0) + data
    packet = packets.ipv6(host.address, peer.address, packets.TCP, segment)
    frame = ethernet.frame(lan.tap_mac, host.mac, ethernet.IPV6, packet)
    headers = ETHERNET + IPV6_HEADER + 20
    taken = sum(port.send(offload_header(ETHERNET + IPV6_HEADER, 16, TCP_V6, size, headers), frame) for _ in range(10))
    if not taken:
        pytest.skip("this kernel takes no such segment size from a packet socket")
    cpu = daemon.cpu_seconds()
    ask_and_wait(lan, host, peer, port, b"after")
    cpu = daemon.cpu_seconds() - cpu
    made = len(peer.received()) - before - 1
    counted = daemon.counters()
    report(f"{made} packets of {taken} frames, {counted['queueFull']} more did not fit, {cpu:.2f} s of CPU")
    assert made == counted["queueFull"] == 0
    assert counted["badFrame"] == taken
