"""What the daemon answers on a LAN, what it leaves alone, and what it survives, frame by frame.

    a1 --- bridge -- oncilla0 = oncilla --- fake proxy --- a peer in Python (live), one that Tor refuses (away)
    raw ----'                                              a peer in Python that is not yet dialled (later)

a1 is a host with a kernel; `raw` sends and sees frames, and can play a2, an identity that no kernel has.
"""

import contextlib
import ipaddress
import random
import struct
import types

import pytest

import ethernet
import packets
from ethernet import (ALL_NODES, NEIGHBOUR_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, OVERRIDE, ROUTER, SOLICITED,
                      SOURCE_LINK_LAYER, RawPort, link_layer_option, solicitation, solicited_node)
from lan import BridgedLAN, Identity
from overlay import DEAD_BEEF, FEED_BEEF, PREFIX, onion_name, overlay_address, wait_until

MEGABYTE = 1_000_000
LINK_LOCAL = "fe80::5054:ff:fe12:3456"


@pytest.fixture
def stage(namespaces, daemons, proxy, wire_peer, tmp_path):
    """Afterwards the daemon runs, is small, and a1 is answered."""
    later = wire_peer("later")
    away, unknown = onion_name("away"), onion_name("unknown")
    hosts_file = tmp_path / "hosts"
    hosts_file.write_text("".join(f"{overlay_address(name)} {name}\n" for name in (later.name, away)))
    lan = BridgedLAN(namespaces, "a", [Identity.of("a1")], empty=[Identity.of("a2")], mtu=9000, tap_mtu=1500)
    raw = lan.add()
    peer = wire_peer("live")
    daemon = lan.run(daemons, proxy.address, peers=[peer.name], hosts=hosts_file, log_level="notice")
    a1, a2 = lan.hosts[0], lan.identities[1]
    circuit = peer.wait_for_circuit()
    circuit.wait_for_packets()
    wait_until(lambda: a1.can_ping(DEAD_BEEF), 10, what="the daemon to answer on the bridge")
    with RawPort(raw.namespace, "eth0") as port, RawPort(lan.bridge, "oncilla0") as tap:
        made = types.SimpleNamespace(
            lan=lan, daemon=daemon, proxy=proxy, port=port, tap=tap, a1=a1, a2=a2, peer=peer, later=later,
            away=overlay_address(away), unknown=overlay_address(unknown), mac=lan.tap_mac, limit=16 * MEGABYTE)

        def barrier():
            """The daemon has handled what was sent before."""
            wait_until(lambda: a1.can_ping(DEAD_BEEF), 15, what="the daemon to answer")

        def answers():
            """Neighbour advertisements of the daemon that reached the raw port."""
            return port.received(lambda frame: frame.source == made.mac and frame.message == NEIGHBOUR_ADVERTISEMENT)

        def from_a2(target, **changes):
            return solicitation(target, a2.address, port.mac, **changes)

        made.barrier, made.answers, made.from_a2 = barrier, answers, from_a2
        yield made
        daemon.assert_running()
        barrier()
        assert daemon.peak_rss() < made.limit, f"{daemon.peak_rss() / MEGABYTE:.1f} MB"


def assert_is_answer(frame, stage, target, destination=None, flags=SOLICITED):
    """RFC 4861, sections 7.2.4 and 7.2.8 (a proxy does not override), to the byte."""
    packet = frame.packet
    assert frame.source == stage.mac
    assert frame.destination == (stage.port.mac if destination is None else ethernet.multicast_mac(destination))
    assert packet.destination == (stage.a2.address if destination is None else destination)
    assert packet.hop_limit == 255
    payload = packet.payload
    assert (payload[0], payload[1]) == (NEIGHBOUR_ADVERTISEMENT, 0)
    assert packets.checksum(packet.source, packet.destination, packets.ICMPV6, payload) == 0
    assert payload[4] == flags, f"flags {payload[4]:#x}"
    assert payload[8:24] == packets.address_bytes(target)
    assert payload[24:] == link_layer_option(ethernet.TARGET_LINK_LAYER, stage.mac)
    assert not packet.source.startswith("ff") and packet.source != "::"


# Solicitations


@pytest.mark.parametrize("whose", ["live", "later", "away", "unknown", "dead:beef", "feed:beef"])
def test_a_solicitation_for_an_overlay_address_is_answered(stage, whose):
    target = {"live": stage.peer.address, "later": stage.later.address, "away": stage.away, "unknown": stage.unknown,
              "dead:beef": DEAD_BEEF, "feed:beef": FEED_BEEF}[whose]
    stage.port.solicit(stage.from_a2(target))
    wait_until(stage.answers, 2, what="the advertisement")
    assert_is_answer(stage.answers()[0], stage, target)
    stage.barrier()
    assert len([frame for frame in stage.answers() if frame.is_about(NEIGHBOUR_ADVERTISEMENT, target)]) == 1


def test_a_solicitation_dials_the_peer_at_once(stage):
    stage.port.solicit(stage.from_a2(stage.later.address))
    circuit = stage.later.wait_for_circuit(timeout=2)
    keepalive = circuit.wait_for_packets()[0]
    assert (keepalive.source, keepalive.keepalive_name) == (stage.a2.address, stage.a2.name)
    assert len(circuit.packets()) == 1, "nothing of the solicitation crosses"


def test_a_solicitation_that_tells_no_identity_dials_nobody(stage):
    """A kernel makes sure of a neighbour from its link-local address: dialled by the first identity then, the peer would
    see the two come together."""
    stage.port.solicit(solicitation(stage.later.address, LINK_LOCAL, stage.port.mac))
    wait_until(stage.answers, 2, what="the advertisement")
    stage.barrier()
    assert not stage.proxy.dials(stage.later.name)


def test_a_unicast_solicitation_is_answered(stage):
    """How kernels ask whether a neighbour is still there."""
    stage.port.solicit(stage.from_a2(DEAD_BEEF))
    wait_until(stage.answers, 2)
    stage.port.forget()
    probe = stage.from_a2(stage.peer.address, destination=stage.peer.address, options=b"")
    stage.port.send_packet(stage.mac, probe)
    wait_until(stage.answers, 2, what="the advertisement")
    assert_is_answer(stage.answers()[0], stage, stage.peer.address)


def test_a_link_local_source_is_answered(stage):
    stage.port.solicit(solicitation(stage.peer.address, LINK_LOCAL, stage.port.mac))
    wait_until(stage.answers, 2, what="the advertisement")
    frame = stage.answers()[0]
    assert (frame.destination, frame.packet.destination) == (stage.port.mac, LINK_LOCAL)


def test_addresses_of_this_side_and_of_others_are_left_alone(stage):
    for target in (stage.a1.address, stage.a2.address, "fd00::1", "2001:db8::1", "fd87:d87e:eb44::1", "fe80::1"):
        stage.port.solicit(solicitation(target, LINK_LOCAL, stage.port.mac))
    stage.barrier()
    assert stage.answers() == []


# Detection of duplicates


def test_the_address_of_a_live_peer_is_a_duplicate(stage):
    stage.port.solicit(ethernet.detection(stage.peer.address), source=stage.port.mac)
    wait_until(stage.answers, 2, what="the objection")
    assert_is_answer(stage.answers()[0], stage, stage.peer.address, destination=ALL_NODES, flags=0)


def test_other_addresses_are_free(stage):
    for target in (stage.a1.address, stage.a2.address, stage.away, stage.later.address, stage.unknown, LINK_LOCAL):
        stage.port.solicit(ethernet.detection(target))
    stage.barrier()
    assert stage.answers() == []
    assert not stage.later.circuits, "who asks whether an address is free wants nobody"


def test_a_kernel_gives_way_to_a_live_peer_and_keeps_its_own_address(stage):
    host = stage.lan.add()
    for interfaces in ("all", "eth0"):
        host.namespace.sysctl(f"net.ipv6.conf.{interfaces}.accept_dad", 1)
    for address in (stage.peer.address, stage.a2.address):
        host.namespace.ip(f"-6 addr add {address}/48 dev eth0")

    def verdicts():
        lines = host.namespace.ip("-6 -o addr show dev eth0 scope global").splitlines()
        found = {line.split()[3].split("/")[0]: "dadfailed" in line for line in lines}
        undecided = [line for line in lines if "tentative" in line and "dadfailed" not in line]
        return None if undecided else found

    assert wait_until(verdicts, 5, what="the detection of duplicates to end") == {
        stage.peer.address: True, stage.a2.address: False}


# What RFC 4861, section 7.1, has a node discard in silence


def invalid_solicitations(target, source, mac):
    make = lambda **changes: solicitation(target, source, mac, **changes)  # noqa: E731
    good = make()
    link_layer = link_layer_option(SOURCE_LINK_LAYER, mac)
    unspecified = solicitation(target, "::", mac, options=link_layer)
    yield "hop limit 254", make(hop_limit=254)
    yield "hop limit 64", make(hop_limit=64)
    yield "bad checksum", good[:42] + bytes([good[42] ^ 1]) + good[43:]
    yield "no checksum", good[:42] + bytes(2) + good[44:]
    yield "code 1", make(code=1)
    yield "code 255", make(code=255)
    yield "23 bytes", make(change=lambda body: body[:19])
    yield "no target", make(change=lambda body: body[:4])
    yield "nothing behind the checksum", make(change=lambda body: b"")
    yield "a group as its target", make(change=lambda body: body[:4] + packets.address_bytes("ff02::1") + body[20:])
    yield "an option of length 0", make(options=b"\x01\x00" + bytes(6))
    yield "an option of length 0 behind another", make(options=link_layer + b"\x0e\x00" + bytes(6))
    yield "an option beyond its end", make(options=b"\x01\x02" + bytes(6))
    yield "half an option", make(options=b"\x01")
    yield "no source but a link-layer option", unspecified
    yield "no source and not to the solicited-node group", solicitation(
        target, "::", mac, options=b"", destination="ff02::1")
    yield "no source and to one host", solicitation(target, "::", mac, options=b"", destination=target)
    yield "a group as its source", solicitation(target, "ff02::2", mac)
    yield "a header that promises more", good[:4] + struct.pack("!H", 200) + good[6:]
    yield "a header that promises less", good[:4] + struct.pack("!H", 10) + good[6:]


def test_invalid_solicitations_are_discarded_in_silence(stage):
    cases = list(invalid_solicitations(stage.peer.address, stage.a2.address, stage.port.mac))
    for what, packet in cases:
        stage.port.forget()
        stage.port.send_packet(ethernet.multicast_mac(solicited_node(stage.peer.address)), packet)
        stage.barrier()
        assert stage.answers() == [], what
    stage.port.solicit(stage.from_a2(stage.peer.address))
    wait_until(stage.answers, 2, what="the answer to a good one")


# What the daemon asks


def test_the_daemon_asks_for_an_unknown_host_and_delivers(stage):
    call = stage.peer.call(stage.a2)
    request = packets.echo_request(stage.peer.address, stage.a2.address, data=b"who has it")
    call.send(request)
    is_request = lambda frame: frame.is_about(NEIGHBOUR_SOLICITATION, stage.a2.address)  # noqa: E731
    asked = stage.port.wait_for(is_request, what="a solicitation")
    packet, mac = asked.packet, ethernet.mac_bytes(stage.mac)
    link_local = packets.address_bytes("fe80::")[:8] + bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]
    assert packets.address_bytes(packet.source) == link_local
    assert asked.destination == ethernet.multicast_mac(solicited_node(stage.a2.address))
    assert packet.destination == solicited_node(stage.a2.address)
    assert packet.hop_limit == 255
    assert packet.payload[24:] == link_layer_option(SOURCE_LINK_LAYER, stage.mac)
    answer = ethernet.advertisement(stage.a2.address, stage.a2.address, packet.source, stage.port.mac)
    stage.port.send_packet(stage.mac, answer)
    got = stage.port.wait_for(lambda frame: frame.payload == request, what="the packet that waited")
    assert (got.source, got.destination) == (stage.mac, stage.port.mac)
    # now it is known
    stage.port.forget()
    call.send(packets.echo_request(stage.peer.address, stage.a2.address, sequence=2))
    stage.port.wait_for(lambda frame: frame.message == 128, what="the second packet")
    assert not stage.port.received(lambda frame: frame.message == NEIGHBOUR_SOLICITATION and frame.source == stage.mac)


def test_a_waiting_host_gets_at_most_8_packets(stage):
    call = stage.peer.call(stage.a2)
    for number in range(20):
        call.send(packets.udp(stage.peer.address, stage.a2.address, 9, 9, bytes([number]) * 100))
    is_datagram = lambda frame: frame.packet is not None and frame.packet.next_header == packets.UDP \
        and frame.source == stage.mac  # noqa: E731
    stage.port.wait_for(lambda frame: frame.is_about(NEIGHBOUR_SOLICITATION, stage.a2.address))
    stage.barrier()
    assert not stage.port.received(is_datagram)
    stage.port.solicit(solicitation(DEAD_BEEF, stage.a2.address, stage.port.mac))  # its solicitation tells where it is
    stage.port.wait_for(is_datagram, what="what waited")
    stage.barrier()
    numbers = [frame.packet.payload[8] for frame in stage.port.received(is_datagram)]
    assert len(numbers) == 8 and numbers == sorted(numbers), numbers


def test_a_sender_learns_that_nobody_answers(stage):
    request = packets.echo_request(stage.peer.address, stage.a2.address, data=b"hello?")
    call = stage.peer.call(stage.a2)
    call.send(request)
    is_error = lambda packet: packet.next_header == packets.ICMPV6 and packet.payload[0] == 1  # noqa: E731
    wait_until(lambda: any(map(is_error, stage.peer.received())), 5, what="the error")
    error = next(filter(is_error, stage.peer.received()))
    assert error.payload[:2] == b"\x01\x03"
    assert (error.source, error.destination) == (stage.a2.address, stage.peer.address)
    assert error.payload[8:] == request
    assert packets.checksum(error.source, error.destination, packets.ICMPV6, error.payload) == 0
    asked = stage.port.received(lambda frame: frame.is_about(NEIGHBOUR_SOLICITATION, stage.a2.address))
    assert len(asked) == 3


def test_an_advertisement_teaches_and_one_of_a_peers_address_does_not(stage):
    for target in (stage.a2.address, stage.peer.address, FEED_BEEF, "fe80::1"):
        stage.port.send_packet("33:33:00:00:00:01", ethernet.advertisement(target, target, ALL_NODES, stage.port.mac,
                                                                           flags=OVERRIDE | ROUTER))
    stage.barrier()
    stage.port.forget()
    request = packets.echo_request(stage.peer.address, stage.a2.address)
    stage.peer.call(stage.a2).send(request)
    stage.port.wait_for(lambda frame: frame.payload == request, timeout=2, what="the packet")
    stage.port.solicit(stage.from_a2(stage.peer.address))
    wait_until(stage.answers, 2, what="the daemon to speak for the peer still")


def hidden(stage, kind, body):
    """A message of neighbour discovery for a1 that says to come from the peer, behind every chain of headers in which a
    kernel would find it."""
    source, destination = stage.peer.address, stage.a1.address
    message = packets.icmpv6(source, destination, kind, 0, body, hop_limit=255)[40:]
    options = struct.pack("!BB", packets.ICMPV6, 0) + bytes([1, 4, 0, 0, 0, 0])

    def packet(next_header, payload):
        return packets.ipv6(source, destination, next_header, payload, hop_limit=255)

    def fragment(next_header, payload, offset=0, more=False):
        return struct.pack("!BBHI", next_header, 0, offset | more, kind) + payload

    yield "bare", [packet(packets.ICMPV6, message)]
    yield "behind options", [packet(60, options + message)]
    yield "as an only fragment", [packet(44, fragment(packets.ICMPV6, message))]
    yield "in the second fragment, behind options in the first", [
        packet(44, fragment(60, options, more=True)), packet(44, fragment(60, message, offset=8))]
    yield "cut within its first eight bytes' reach", [
        packet(44, fragment(packets.ICMPV6, message[:8], more=True)),
        packet(44, fragment(packets.ICMPV6, message[8:], offset=8))]
    yield "behind an authentication header", [packet(51, struct.pack("!BBHII", packets.ICMPV6, 1, 0, 7, 1) + message)]
    yield "behind a mobility header", [packet(135, struct.pack("!BBBBHH", packets.ICMPV6, 0, 0, 0, 0, 0) + message)]
    yield "behind a header that nobody knows", [packet(253, struct.pack("!BB6x", packets.ICMPV6, 0) + message)]


def test_neighbour_discovery_reaches_no_host_whatever_it_hides_behind(stage):
    neighbour = packets.address_bytes(stage.a2.address)
    body = bytes([OVERRIDE, 0, 0, 0]) + neighbour + link_layer_option(2, stage.port.mac)
    with contextlib.closing(stage.peer.call(stage.a1.identity)) as call, RawPort(stage.a1.namespace, "eth0") as seen:
        for kind in (NEIGHBOUR_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, ethernet.ROUTER_ADVERTISEMENT, ethernet.REDIRECT):
            for _, chain in hidden(stage, kind, body):
                for packet in chain:
                    call.send(packet)
        call.send(packets.icmpv6(stage.peer.address, stage.a1.address, 128, 0, b"\0\1\0\1last", hop_limit=255))
        from_peer = lambda frame: frame.packet is not None and frame.packet.source == stage.peer.address  # noqa: E731
        wait_until(lambda: any(b"last" in frame.raw for frame in seen.received(from_peer)), 10, what="the last packet")
        arrived = [frame.packet for frame in seen.received(from_peer)]
    # A cut message whose first part says what it is was never let in; what follows it may come, and is no packet alone.
    assert not [packet for packet in arrived if packet.hop_limit == 255]
    later = [packet for packet in arrived if packet.next_header == 44 and packet.payload[3] & 0xF8]
    assert len(arrived) - len(later) == 1, arrived
    assert stage.a2.address not in stage.a1.namespace.ip("-6 neigh show dev eth0")


def test_a_peer_does_not_tell_hosts_where_their_neighbours_are(stage):
    """On its way no hop limit is counted down, which a kernel takes for a proof that its neighbour speaks."""
    elsewhere, own, peer = "02:00:5e:00:00:66", stage.a1.address, stage.peer.address
    stage.barrier()
    call = stage.peer.call(stage.a1.identity)
    for target in (DEAD_BEEF, peer):
        call.send(ethernet.advertisement(target, peer, own, elsewhere, flags=OVERRIDE))
    call.send(solicitation(own, peer, elsewhere, destination=own) + packets.echo_request(peer, own))
    wait_until(lambda: any(packet.payload[:1] == b"\x81" for packet in stage.peer.received()), 5, what="the answer")
    assert {stage.a1.neighbour_mac(target) for target in (DEAD_BEEF, peer)} == {stage.mac}


# Strange and hostile frames


def tagged(tag, kind, payload):
    return struct.pack("!HH", tag, kind) + payload


class Strange:
    """Frames for a stage: `STRANGE[label](Strange(stage))`."""

    def __init__(self, stage):
        self.own, self.tap, self.dice = stage.port.mac, stage.mac, random.Random(4)
        self.a2, self.peer = stage.a2.address, stage.peer.address
        self.good = packets.echo_request(self.a2, DEAD_BEEF)
        self.asks = solicitation(DEAD_BEEF, self.a2, self.own)
        self.group = ethernet.multicast_mac(solicited_node(DEAD_BEEF))

    def to_tap(self, payload, kind=ethernet.IPV6, source=None):
        return ethernet.frame(self.tap, source or self.own, kind, payload)

    def to_all(self, payload, kind=ethernet.IPV6):
        return ethernet.frame(ethernet.BROADCAST, self.own, kind, payload)

    def to_group(self, payload, source=None, kind=ethernet.IPV6):
        return ethernet.frame(self.group, source or self.own, kind, payload)

    def strangers(self, count=20000):
        """(MAC address, overlay address)"""
        for _ in range(count):
            suffix = self.dice.randbytes(10)
            yield ethernet.mac_text(b"\x02" + self.dice.randbytes(5)), \
                str(ipaddress.IPv6Address(PREFIX.network_address.packed[:6] + suffix))

    def vlan_tags(self):
        inner = tagged(6, ethernet.IPV6, self.good)
        return [self.to_tap(tagged(5, ethernet.IPV6, self.good), ethernet.VLAN),
                self.to_tap(tagged(0, ethernet.IPV6, self.good), ethernet.VLAN),
                self.to_tap(tagged(5, ethernet.VLAN, inner), ethernet.PROVIDER_VLAN),
                self.to_tap(b"", ethernet.VLAN), self.to_tap(b"\0\5\x86", ethernet.VLAN),
                self.to_group(tagged(5, ethernet.IPV6, self.asks), kind=ethernet.VLAN)]

    def spanning_tree(self):
        return [ethernet.mac_bytes(ethernet.SPANNING_TREE) + ethernet.mac_bytes(self.own)
                + b"\x00\x26\x42\x42\x03" + bytes(35)] * 100

    def other_protocols(self):
        kinds = (0x0000, 0x05DC, 0x05DD, 0x0800, 0x0806, 0x8035, 0x8847, 0x8863, 0x8864, 0x88CC, 0x888E, 0x88F7, 0x9000,
                 0xFFFF)
        return [make(self.dice.randbytes(60), kind) for kind in kinds for make in (self.to_tap, self.to_all)]

    def runts(self):
        payloads = ((ethernet.IPV6, self.good), (ethernet.IPV6, self.asks), (ethernet.ARP, bytes(28)),
                    (ethernet.IPV4, b"\x45" + bytes(30)))
        return [make(payload[:length], kind=kind) for make in (self.to_tap, self.to_all, self.to_group)
                for kind, payload in payloads for length in range(41)]

    def jumbo_frames(self):
        return [self.to_tap(packets.icmpv6(self.a2, self.peer, 128, 0, bytes(size)))
                for size in (1449, 1460, 4000, 8900)] * 10

    def lying_lengths(self):
        return [self.to_tap(self.good[:4] + struct.pack("!H", length) + self.good[6:])
                for length in (0, 1, 7, 14, 16, 100, 1500, 65535)]

    def other_versions(self):
        return [self.to_tap(bytes([version << 4]) + self.good[1:]) for version in range(16) if version != 6]

    def our_own_frames_come_back(self):
        return [ethernet.frame(to, self.tap, ethernet.IPV6, payload) for to, payload in (
            (self.tap, self.good), (self.group, self.asks), (ethernet.BROADCAST, self.good))] * 100

    def frames_from_groups(self):
        return [self.to_tap(self.good, source=mac) for mac in (ethernet.BROADCAST, "33:33:00:00:00:01")]

    def a_storm_to_everybody(self):
        return [self.to_all(self.good)] * 30000

    def a_storm_of_arp(self):
        request = ethernet.arp(1, self.own, "10.0.0.1", "10.0.0.2")
        return [self.to_all(request + bytes(18), ethernet.ARP)] * 20000

    def a_storm_of_solicitations(self):
        return [self.to_group(self.asks)] * 30000

    def hosts_that_ask(self):
        return [self.to_group(solicitation(DEAD_BEEF, address, mac), mac) for mac, address in self.strangers()]

    def hosts_that_advertise(self):
        return [ethernet.frame("33:33:00:00:00:01", mac, ethernet.IPV6,
                               ethernet.advertisement(address, address, ALL_NODES, mac, flags=OVERRIDE))
                for mac, address in self.strangers()]

    def solicitations_for_strangers(self):
        return [ethernet.frame(ethernet.multicast_mac(solicited_node(address)), self.own, ethernet.IPV6,
                               solicitation(address, self.a2, self.own)) for _, address in self.strangers()]

    def garbage(self):
        size = self.dice.randrange
        return [ethernet.mac_bytes(self.tap) + self.dice.randbytes(size(2, 1500)) for _ in range(3000)] \
            + [self.to_tap(b"\x60" + self.dice.randbytes(size(1400))) for _ in range(3000)]

    def mutations(self):
        return [mutated(self.dice, self.to_group(self.asks)) for _ in range(10000)]


STRANGE = [name for name in vars(Strange) if name not in ("strangers", "to_all", "to_group", "to_tap")
           and not name.startswith("_")]


def mutated(dice, data):
    changed = bytearray(data)
    for _ in range(dice.randrange(1, 5)):
        changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed[:dice.randrange(14, len(changed) + 1)] if dice.random() < 0.3 else changed)


@pytest.mark.parametrize("what", STRANGE)
def test_strange_frames_are_survived(stage, what, report):
    """By both ways: over the bridge, and straight into the interface, where no bridge sorts anything out."""
    frames = getattr(Strange(stage), what)()
    if what == "jumbo_frames":
        stage.lan.bridge.ip("link set oncilla0 mtu 9000")
    call = stage.peer.call(stage.a1.identity)
    busy = stage.daemon.cpu_seconds()
    for frame in frames if what != "our_own_frames_come_back" else []:  # the bridge would believe that we are there
        stage.port.send(frame)
    for frame in frames:
        stage.tap.send(frame)
    stage.barrier()
    busy = stage.daemon.cpu_seconds() - busy
    # whom it knew it still serves: a1's kernel answers the peer
    call.send(packets.echo_request(stage.peer.address, stage.a1.address, identifier=0x4242))
    wait_until(lambda: any(packet.next_header == packets.ICMPV6 and packet.payload[:1] == b"\x81"
                           and packet.payload[4:6] == b"\x42\x42" for packet in stage.peer.received()), 5,
               what="a1's answer to the peer")
    crossed = [packet for packet in stage.peer.received() if not packet.is_keepalive]
    assert {(packet.source, packet.destination) for packet in crossed} <= {
        (identity.address, stage.peer.address) for identity in (stage.a1, stage.a2)}
    assert all(packet.payload[0] in (1, 128, 129) for packet in crossed if packet.next_header == packets.ICMPV6)
    if len(frames) >= 10000:
        report(f"{1e6 * busy / (2 * len(frames)):.1f} µs of CPU a frame, resident at most "
               f"{stage.daemon.peak_rss() / MEGABYTE:.1f} MB")


def test_a_storm_is_not_answered_with_a_storm(stage):
    group = ethernet.multicast_mac(solicited_node(DEAD_BEEF))
    ask = ethernet.frame(group, stage.port.mac, ethernet.IPV6, stage.from_a2(DEAD_BEEF))
    sent = sum(stage.port.send(ask) for _ in range(30000))
    stage.barrier()
    assert 0 < len(stage.answers()) < 6000 < sent


def test_a_flood_of_strangers_does_not_displace_an_identity(stage):
    with contextlib.closing(stage.peer.call(stage.a2)) as call:
        stage.port.solicit(stage.from_a2(DEAD_BEEF))
        wait_until(stage.answers, 2)
        dice = random.Random(5)
        for number in range(5000):
            mac = ethernet.mac_text(b"\x02" + dice.randbytes(5))
            address = f"fd87:d87e:eb43::{number + 0x100:x}"
            stage.port.send(ethernet.frame(ethernet.multicast_mac(solicited_node(DEAD_BEEF)), mac, ethernet.IPV6,
                                           solicitation(DEAD_BEEF, address, mac)))
        stage.barrier()
        stage.port.forget()
        request = packets.echo_request(stage.peer.address, stage.a2.address)
        call.send(request)
        stage.port.wait_for(lambda frame: frame.payload == request, timeout=5, what="the packet for a2")
        assert not stage.port.received(lambda frame: frame.is_about(NEIGHBOUR_SOLICITATION, stage.a2.address))
