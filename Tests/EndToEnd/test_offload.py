"""Segmentation and checksums that the kernel leaves to the daemon, and the other way round, over the playing proxy."""

import socket

import pytest

import packets
from overlay import UDP_SEGMENT, Transfer, onion_name
from wire_peer import WirePeer

CAPABILITIES = 0x01
UDP = 17


@pytest.mark.parametrize("a, b", [([], []), (["--no-offload"], []), ([], ["--no-offload"]),
                                  (["--no-offload"], ["--no-offload"])],
                         ids=["both", "not a", "not b", "neither"])
def test_files_arrive_whole_whoever_offloads(pair, proxy, a, b):
    hosts = pair(proxy, a={"options": a}, b={"options": b})
    Transfer(hosts.a.host, hosts.b.host, hosts.b.address, 30_000_000)
    Transfer(hosts.b.host, hosts.a.host, hosts.a.address, 30_000_000)


def test_files_arrive_whole_when_the_mtu_is_changed_meanwhile(pair, proxy):
    hosts = pair(proxy)
    for mtu in (1500, 1280, 9000, 1400):
        for host in (hosts.a.host, hosts.b.host):
            host.ip(f"link set oncilla0 mtu {mtu}")
        Transfer(hosts.a.host, hosts.b.host, hosts.b.address, 10_000_000)


def send_much(daemon, peer):
    """Datagrams that the kernel leaves whole to the daemon; what came over the wire of them."""
    with daemon.host.socket(kind=socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000)
        # One after the other: a queue that stands because the machine is busy may drop some.
        for number in range(20):
            sender.sendto(bytes([number]) * 20_000, (peer.address, 9))
            circuit = peer.wait_for_circuit(timeout=10)
            circuit.wait_for_packets(1 + 20 * (number + 1), timeout=10)
    return [packet for packet in circuit.packets() if packet.next_header == UDP]


@pytest.mark.parametrize("tlvs", [b"", packets.tlv(CAPABILITIES, b"\x01")], ids=["ordinary", "announced"])
def test_datagrams_are_split_for_every_peer(daemons, namespaces, proxy, tlvs):
    with WirePeer("split", proxy) as peer:
        daemon = daemons(onion=onion_name("splitting"), peers=[peer.name], netns=namespaces("a"), socks=proxy.address,
                         options=["--circuits", 1])
        daemon.wait_for_interface()
        if tlvs:
            peer.call(daemon, tlvs)
        datagrams = send_much(daemon, peer)
        assert len(datagrams) == 400
        assert {len(datagram.payload) for datagram in datagrams} == {8 + 1000}
        for datagram in datagrams:
            # The sum over data that holds its own checksum is what nothing is left of.
            assert packets.checksum(datagram.source, datagram.destination, UDP, datagram.payload) in (0, 0xffff)
