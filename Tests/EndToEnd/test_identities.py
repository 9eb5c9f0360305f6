"""Several identities in one daemon: each is an onion service of its own, and nobody can tell that they share a host.

    peer in Python --- listener of A1 --.
                                         oncilla --- oncilla0: both addresses
    peer in Python --- listener of A2 --'
"""

import contextlib
import errno
import re
import signal
import socket
import struct
import threading
import time
import types

import pytest

import ethernet
import packets
from fake_socks import FakeSocks
from lan import Identity, options_of
from overlay import Transfer, free_port, oncilla, onion_name, overlay_address, wait_until
from wire_record import WireRecord

COUNTED = 0x5EED
MAC = "02:00:5e:00:00:01"


@pytest.fixture
def proxy():
    with FakeSocks(record=WireRecord()) as proxy:
        yield proxy


@pytest.fixture
def run(daemons, namespaces, proxy):
    """run([identity, …], peers=[…]) starts a daemon in a namespace of its own, with its interface as TUN."""

    def start(identities, peers=(), options=(), **arguments):
        host = namespaces("host")
        first, *others = identities
        daemon = daemons(onion=f"{first.name},listen=127.0.0.1:{first.listen_port}", listen=[], netns=host,
                         socks=proxy.address, peers=[getattr(peer, "name", peer) for peer in peers],
                         options=[*options_of(others), *options], **arguments)
        for identity in identities:
            proxy.connect(identity.name, identity.listen_port)
        daemon.wait_for_interface()
        for identity in identities:
            wait_until(lambda: any(shown.startswith(identity.address) for shown in host.addresses("oncilla0")), 5,
                       what=f"the address of {identity}")
        return daemon

    return start


@pytest.fixture
def two():
    return Identity.of("first"), Identity.of("second")


def replies(peer, identifier):
    """Echo replies that came over circuits to the peer, by the identity that they came from."""
    return [packet.source for packet in peer.received() if packet.next_header == packets.ICMPV6
            and packet.payload[0] == 129 and packet.payload[4:6] == struct.pack("!H", identifier)]


def ask(peer, identity, identifier, call=None):
    """An echo request by the identity's own listener, answered."""
    call = call or peer.call(identity)
    call.send(packets.echo_request(peer.address, identity.address, identifier=identifier))
    wait_until(lambda: replies(peer, identifier), 5, what=f"{identity} to answer")
    assert replies(peer, identifier) == [identity.address]


# Each for itself


def test_each_identity_is_reached_by_its_own_listener(run, two, wire_peer, proxy):
    run(two)
    for number, identity in enumerate(two):
        peer = wire_peer(f"peer {number}")
        ask(peer, identity, number)
        keepalives = [packet for packet in peer.received() if packet.is_keepalive]
        assert {(packet.keepalive_name, packet.source) for packet in keepalives} == {(identity.name, identity.address)}


def test_a_packet_leaves_on_a_circuit_of_its_source(run, two, wire_peer):
    peer = wire_peer("peer")
    daemon = run(two, peers=[peer])
    for identity in two:
        daemon.host.run(["ping", "-6", "-n", "-c", 1, "-W", 0.5, "-I", identity.address, peer.address], check=False)
    wait_until(lambda: {packet.source for packet in peer.received() if packet.next_header == packets.ICMPV6}
               == {identity.address for identity in two}, 5, what="both echo requests")
    speakers = []
    for circuit in peer.circuits:
        sources = {packet.source for packet in circuit.packets()}
        names = {packet.keepalive_name for packet in circuit.packets() if packet.is_keepalive}
        assert len(sources) == len(names) == 1, "a circuit speaks for one identity"
        assert {overlay_address(name) for name in names} == sources
        speakers += names
    assert set(speakers) == {identity.name for identity in two}


def test_permanent_peers_are_dialled_by_the_first_identity_only(run, two, wire_peer, proxy):
    peers = [wire_peer(f"peer {number}") for number in range(3)]
    run(two, peers=peers)
    for peer in peers:
        assert peer.wait_for_circuit().wait_for_packets()[0].keepalive_name == two[0].name
    assert len(proxy.dials(but=[identity.name for identity in two])) == 3


def test_a_permanent_peer_that_is_refused_at_the_second_is_named(run, two, wire_peer):
    peer = wire_peer("peer")
    daemon = run(two, peers=[f"alice={peer.name}"], allow_in=(), authenticate="off")
    call = peer.call(two[1])
    for port in 22, 23:
        call.send(packets.tcp_syn(peer.address, two[1].address, 40000, port))
    line = daemon.wait_for_line("peer alice was refused at the door: .*")[0]
    assert line.endswith("--allow-in 'tcp/22 from alice' would let that in"), line
    wait_until(lambda: daemon.counters().get("doorClosed") == 2, 5, what="both to be refused")
    shown = oncilla("peer", "show", "alice", "--control", daemon.directory / "control.sock").stdout
    assert re.search("dropped: *door_closed=2", shown), shown
    assert len(re.findall("refused at the door", daemon.log())) == 1, "one line an hour"


def test_userids_are_never_shared(run, two, proxy, report):
    """Tor puts streams with the same userid into one circuit: a peer would see both identities come out of it."""
    far = Identity.of("far")
    near_daemon = run(two, peers=[far], options=["--circuits", 4])
    far_daemon = run([far], peers=two, options=["--circuits", 4])
    for identity in two:
        wait_until(lambda: near_daemon.host.ping(far.address, arguments=["-I", identity.address]).received, 10)
    transfers = [threading.Thread(target=Transfer, daemon=True, args=(
        near_daemon.host, far_daemon.host, far.address, 60_000_000), kwargs={
            "port": 5001 + number, "source_address": two[number % 2].address}) for number in range(6)]
    for thread in transfers:
        thread.start()
    for thread in transfers:
        thread.join(60)
    speakers, carried = {}, {}
    for flow, count in proxy.record.flows().items():
        if flow.circuit == far.name and flow.source != far.address:
            speakers.setdefault(flow.userid, set()).add(flow.source)
            carried[flow.source] = carried.get(flow.source, 0) + count
    assert all(len(sources) == 1 for sources in speakers.values()), speakers
    assert set(carried) == {identity.address for identity in two} and min(carried.values()) > 100
    assert len(speakers) >= 4, "each identity has more than one circuit"
    report(f"{len(speakers)} circuits of two identities, as many userids")


def test_what_one_identity_learns_the_other_does_not_know(run, two, wire_peer, proxy):
    stranger = wire_peer("stranger")
    first, second = two
    daemon = run(two)
    ask(stranger, first, 1)
    ping = daemon.host.ping(stranger.address, timeout=2, arguments=["-I", second.address])
    assert ping.received == 0 and ping.unreachable, ping
    assert {packet.source for packet in stranger.received()} == {first.address}
    before = len(proxy.dials(stranger.name))
    daemon.host.ping(stranger.address, timeout=0.3, arguments=["-I", second.address])
    assert len(proxy.dials(stranger.name)) == before


def test_feed_beef_of_each_identity(run, two, proxy):
    daemon = run(two)
    for identity in two:
        ping = daemon.host.ping("fd87:d87e:eb43::feed:beef", count=3, burst=True,
                                arguments=["-I", identity.address])
        assert ping.received == 3, ping
        assert len(proxy.loops(identity.name)) == 1


def test_what_is_served_is_reached_through_the_first_identity_only(run, two, wire_peer):
    """Through both it would show that they are one host."""
    first, second = two
    daemon = run(two, options=["--serve", "fd00:a::/48"])
    daemon.host.ip("-6 addr add fd00:a::1/128 dev lo nodad")
    peer = wire_peer("peer")
    for number, identity in enumerate((second, first)):
        call = peer.call(identity)
        call.send(packets.echo_request(peer.address, "fd00:a::1", identifier=10 + number))
        ask(peer, identity, 20 + number, call)
    wait_until(lambda: replies(peer, 11), 5, what="the served address by the first identity")
    assert replies(peer, 10) == []
    served = [circuit for circuit in peer.circuits if "fd00:a::1" in {packet.source for packet in circuit.packets()}]
    assert [circuit.packets()[0].keepalive_name for circuit in served] == [first.name]


def test_strangers_who_crowd_one_do_not_silence_the_other(run, two, wire_peer):
    """What one listener is made to suffer must not show at the other."""
    run(two)
    first, second = two
    good = wire_peer("good")
    call = good.call(second)
    ask(good, second, 1, call)
    with contextlib.ExitStack() as stack:
        for number in range(300):
            stack.enter_context(contextlib.closing(good.dial(first)))
        ask(good, second, 2, call)
        late = wire_peer("late")
        ask(late, second, 3)


# Who dials one and probes for the other


def probes(attacker, first, second):
    """label → what is sent to the listener of `first`."""
    own, one, other = attacker.address, first.address, second.address
    hello = packets.keepalive(own, one, attacker.name)
    request = packets.echo_request(own, one, identifier=COUNTED, sequence=9)
    error = lambda kind, code, quote: packets.icmpv6(own, other, kind, code, bytes(4) + quote)  # noqa: E731
    pointer = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + b"".join(
        b"\x01" + nibble.encode() for nibble in reversed(packets.address_bytes(other).hex())) \
        + b"\x03ip6\x04arpa\x00\x00\x0c\x00\x01"
    yield "a ping", hello + packets.echo_request(own, other)
    yield "a ping before any keepalive", packets.echo_request(own, other) + hello
    yield "a keepalive for the other", packets.keepalive(own, other, attacker.name)
    yield "a keepalive for the other after one for the first", hello + packets.keepalive(own, other, attacker.name)
    yield "a keepalive for the other and a ping to the first", packets.keepalive(own, other, attacker.name) + request
    yield "a keepalive for the other and a ping to it", packets.keepalive(own, other, attacker.name) \
        + packets.echo_request(own, other)
    yield "keepalives with every TLV for the other", b"".join(
        hello + packets.keepalive(own, other, attacker.name, packets.tlv(kind, bytes(size)))
        for kind, size in ((1, 1), (2, 16), (3, 16), (4, 16), (5, 40), (6, 16), (7, 16)))
    yield "a datagram to a closed port", hello + packets.udp(own, other, 9, 9, b"?")
    yield "a connection", hello + packets.tcp_syn(own, other, 4000, 22)
    yield "an unknown protocol", hello + packets.ipv6(own, other, 253, b"?" * 20)
    yield "a hop limit of 1", hello + packets.ipv6(own, other, packets.UDP, bytes(20), hop_limit=1)
    yield "a packet of 60,000 bytes", hello + packets.udp(own, other, 9, 9, bytes(60000))
    yield "errors about what it never sent", hello + b"".join(
        error(kind, code, packets.echo_request(other, own)) for kind, code in ((1, 0), (1, 3), (2, 0), (3, 0), (4, 1)))
    yield "a name that is asked for", hello + packets.udp(own, other, 5353, 53, pointer)
    yield "a name that the first is asked for", hello + packets.udp(own, one, 5353, 53, pointer)
    yield "a claim to be the other", packets.keepalive(other, one, second.name) \
        + packets.echo_request(other, one, identifier=2)
    yield "a claim to be the other with the own address", packets.keepalive(own, one, second.name) + request
    yield "a packet from the other", hello + packets.echo_request(other, one, identifier=2)
    yield "a packet from the other to me", hello + packets.echo_request(other, own, identifier=2)
    yield "a packet from the first to the other", hello + packets.echo_request(one, other, identifier=2)
    yield "a routing header", hello + packets.ipv6(
        own, one, 43, struct.pack("!BBBBI", packets.ICMPV6, 2, 0, 1, 0) + packets.address_bytes(other)
        + packets.echo_request(own, other)[40:])
    yield "where the other is", hello + ethernet.solicitation(other, own, MAC, destination=one)
    yield "where the other is, behind an extension header", hello + packets.ipv6(
        own, one, 60, struct.pack("!BBBBI", packets.ICMPV6, 0, 1, 4, 0)
        + ethernet.solicitation(other, own, MAC, destination=one)[40:], hop_limit=255)
    yield "dead:beef and feed:beef", hello + b"".join(
        packets.echo_request(own, f"fd87:d87e:eb43::{who}:beef", identifier=2) for who in ("dead", "feed"))


LABELS = [label for label, _ in probes(*[Identity(onion_name(seed), 1) for seed in "xyz"])]


def observed(attacker, first, calls, requests):
    """All that the attacker can see, with what is random taken out."""
    seen = []
    for circuit in attacker.circuits:
        # What is said of the host and what answers a packet are sent for reasons of their own, and race each other.
        for packet in sorted(circuit.packets(), key=lambda packet: not packet.is_keepalive):
            content = packet.payload
            if packet.is_keepalive:
                content = (packet.keepalive_name, [(kind, len(value)) for kind, value in packet.keepalive_tlvs])
            elif packet.next_header == packets.ICMPV6 and content[0] == 128 and packet.source == first.address:
                continue  # whether the peer is there: asked whenever it calls, before or after what else is to be said
            seen.append((packet.source, packet.destination, packet.next_header, packet.hop_limit, content))
        seen.append(("closed", circuit.is_closed))
    return types.SimpleNamespace(
        packets=seen, answered=[call.received(0.05) for call in calls], closed=[call.is_closed(0.05) for call in calls],
        dials=[request.name for request in requests])


def probe(run, identities, first, second, wire_peer, proxy, label, known):
    """What an attacker sees who sends one probe to the listener of `first`."""
    attacker = wire_peer("attacker")
    for identity in (first, second):
        identity.listen_port = free_port()
    daemon = run(identities, peers=[attacker] if known else [])
    if known:
        attacker.wait_for_circuit().wait_for_packets()
    mark = len(proxy.requests)
    call = attacker.dial(first)
    call.send(dict(probes(attacker, first, second))[label])
    time.sleep(0.05)
    # The end of the script: whatever was to be seen of the probe is seen before the answer to this.
    ask(attacker, first, 0x7777)
    ask(attacker, first, 0x7778)
    dials = [request for request in proxy.requests[mark:] if request.name == attacker.name]
    result = observed(attacker, first, [call], dials)
    daemon.stop()
    attacker.close()
    return result


@pytest.mark.parametrize("known", [False, True], ids=["stranger", "peer"])
@pytest.mark.parametrize("label", LABELS)
def test_the_other_identity_might_as_well_not_exist(run, two, wire_peer, proxy, label, known):
    first, second = two
    for _ in range(6):  # circuits race each other, within one daemon as well: what differs for a reason always does
        together = probe(run, [first, second], first, second, wire_peer, proxy, label, known)
        alone = probe(run, [first], first, second, wire_peer, proxy, label, known)
        if vars(together) == vars(alone):
            break
    assert vars(together) == vars(alone)
    assert together.answered == [b""]
    names = {content[4][0] for content in together.packets if content[0] != "closed" and content[2] == 59}
    assert names == {first.name}
    assert second.address not in {content[0] for content in together.packets}


def test_the_second_does_not_show_the_first_either(run, two, wire_peer, proxy):
    first, second = two
    run([first, second])
    attacker = wire_peer("attacker")
    call = attacker.call(second)
    for number in range(3):
        call.send(packets.echo_request(attacker.address, first.address, identifier=number))
        call.send(packets.keepalive(attacker.address, first.address, attacker.name))
        call.send(packets.udp(attacker.address, first.address, 9, 9))
    ask(attacker, second, 0x7777, call)
    assert {packet.source for packet in attacker.received()} == {second.address}
    assert {packet.keepalive_name for packet in attacker.received() if packet.is_keepalive} == {second.name}


def test_an_error_at_one_does_not_reach_the_other(run, two, wire_peer):
    """A kernel looks only at the packet that an error is about."""
    first, second = two
    attacker = wire_peer("attacker")
    daemon = run(two, peers=[attacker])
    with daemon.host.socket(socket.AF_INET6, socket.SOCK_DGRAM) as talk:
        talk.bind((second.address, 4000))
        talk.connect((attacker.address, 9))
        quote = packets.udp(second.address, attacker.address, 4000, 9, b"?")
        for told, expected in ((first, 0), (second, errno.ECONNREFUSED)):
            call = attacker.call(told)
            call.send(packets.icmpv6(attacker.address, told.address, 1, 4, bytes(4) + quote))
            ask(attacker, told, expected + 1, call)
            assert talk.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == expected


# Very many


def names_known(daemon):
    """{identity's address: how many names it knows}, as SIGUSR1 tells."""
    since = daemon.mark()
    daemon.signal(signal.SIGUSR1)
    daemon.wait_for_line(r"counters: .*\n", since=since)
    time.sleep(0.3)  # a report has lines for each identity
    lines = re.findall(r"(\S+): (\d+) names known", daemon.log()[since:])
    return {address: int(count) for address, count in lines}


def test_as_many_identities_as_there_may_be(run, wire_peer, report, tmp_path):
    """128, each on a listener of its own. What the hosts file says of one of them leads nobody there."""
    identities = [Identity.of(f"identity {number}") for number in range(128)]
    known = [onion_name(f"host {number}") for number in range(10_000)]
    hosts = tmp_path / "hosts"

    def write(names):
        hosts.write_text("".join(f"{overlay_address(name)} {name}\n" for name in names))

    write([])
    daemon = run(identities, hosts=hosts, log_level="notice")
    idle = daemon.rss()
    assert names_known(daemon) == {identity.address: 0 for identity in identities}
    for number in (0, 64, 127):
        ask(wire_peer(f"peer {number}"), identities[number], number)
    write([*known[:-1], identities[0].name])
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: min(names_known(daemon).values()) >= len(known) - 1, 10, what="the hosts file to be read")
    full = daemon.rss()
    learned = {identities[number].address for number in (0, 64, 127)}
    for address, count in names_known(daemon).items():
        assert count == len(known) - 1 + (address in learned)
    report(f"resident with 128 identities: {idle / 1e6:.1f} MB, with 10,000 names of a hosts file {full / 1e6:.1f} MB")
    assert idle < 16e6
    assert full < 32e6
    write(known[:3])
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: max(names_known(daemon).values()) == 4, 10, what="names that went to be forgotten")
    ask(wire_peer("late"), identities[100], 9)


def test_identities_do_not_dial_each_other(run, two, proxy, tmp_path):
    """A circuit from one to the other would show both to whoever watches this host's Tor."""
    hosts = tmp_path / "hosts"
    hosts.write_text("".join(f"{identity.address} {identity.name}\n" for identity in two))
    daemon = run(two, hosts=hosts)
    first, second = two
    daemon.host.ip(f"-6 route add {second.address}/128 dev oncilla0 table 7")
    daemon.host.ip(f"-6 rule add to {second.address} table 7 pref 1")
    daemon.host.ip("-6 rule del pref 0")
    daemon.host.ip("-6 rule add table local pref 2")
    daemon.host.ping(second.address, timeout=1, arguments=["-I", first.address])
    wait_until(lambda: daemon.counters()["sent"] + daemon.counters()["unknownName"] > 0, 5, what="a packet to come")
    assert proxy.dials(but=[identity.name for identity in two]) == []
    assert all(len(proxy.dials(identity.name)) <= 1 for identity in two), "each itself alone dials it"


# Shared on purpose


def test_linkable_identities_share_a_listener(run, wire_peer):
    port = free_port()
    identities = Identity(onion_name("first"), port), Identity(onion_name("second"), port)
    run(identities, options=["--linkable-identities"])
    for number, identity in enumerate(identities):
        ask(wire_peer(f"peer {number}"), identity, number)
    both = wire_peer("both")
    for number, identity in enumerate(identities):
        ask(both, identity, 10 + number)


def test_a_shared_listener_waits_for_a_whole_header_of_each_caller(run, wire_peer):
    port = free_port()
    identities = Identity(onion_name("first"), port), Identity(onion_name("second"), port)
    # An eighth of the files may be calls that wait.
    daemon = run(identities, options=["--linkable-identities"], prefix=["prlimit", "--nofile=1024:1024"])
    files = daemon.open_files()
    slow, quick = wire_peer("slow"), wire_peer("quick")
    request = packets.echo_request(slow.address, identities[1].address, identifier=1)
    hello = packets.keepalive(slow.address, identities[1].address, slow.name)
    call = slow.dial(identities[1], answers=True)
    for byte in hello[:39]:
        call.send(bytes([byte]))
    ask(quick, identities[0], 2)
    call.send(hello[39:] + request)
    wait_until(lambda: replies(slow, 1), 5, what="the second identity to answer")
    # who leaves too early, is nobody's, or speaks of something else is let go
    for start in (b"", hello[:39], packets.echo_request(slow.address, slow.address), b"GET / HTTP/1.1\r\n" * 4):
        with contextlib.closing(slow.dial(identities[1])) as stray:
            stray.send(start)
            if len(start) >= 40:
                assert stray.is_closed(2), start
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(contextlib.closing(slow.dial(identities[0])))
        wait_until(lambda: daemon.open_files() > files + 60, 5, what="calls that wait")
        time.sleep(1.1)  # more than make room in a second are turned away, whoever they are
        ask(quick, identities[1], 3)
        assert daemon.open_files() < files + 150
    wait_until(lambda: daemon.open_files() < files + 20, 5, what="calls that ended to be closed")
    daemon.signal(signal.SIGUSR1)
    line = daemon.wait_for_line(r"shared listeners: (\d+) calls wait for a packet, (\d+) closed without", 5)
    assert int(line.group(1)) == 0 and int(line.group(2)) >= 300, line.group()


@pytest.mark.parametrize("second", [",listen=127.0.0.1:{port}", ""], ids=["the same listener", "no listener"])
def test_a_shared_listener_must_be_asked_for(second, tmp_path):
    port = free_port()
    first = f"{onion_name('first')},listen=127.0.0.1:{port}"
    result = oncilla("run", "--onion", first, "--onion", onion_name("second") + second.format(port=port),
                     "--state-dir", tmp_path)
    assert result.returncode != 0
    assert "listen" in result.stderr and result.stderr.count("\n") <= 2, result.stderr


def test_help_says_what_linkable_identities_give_away():
    shown = re.sub(r"\s+", " ", oncilla("run", "--help").stdout)
    assert "--linkable-identities" in shown
    assert re.search(r"--linkable-identities .{0,200}(this host|same host|belong together)", shown), shown
