"""`--lan-dns`: hosts of a bridged LAN learn where names are asked for, and ask: dig, getent and ping, by UDP and TCP.

    oncilla --mode tap --dhcpv6 --lan-dns --- oncilla0 -- bridge -- eth0 of each host: dhcpcd with its own scripts
"""

import contextlib
import os
import re
import select
import signal
import socket
import struct
import time
import types

import pytest

from dhcpv6_client import Client
from lan import BridgedLAN, Identity
from overlay import onion_name, overlay_address, wait_until

ALICE = onion_name("lan alice")
SERVER = "fd87:d87e:eb43::dead:beef"


@pytest.fixture
def lan(namespaces, daemons, proxy):
    """lan(count, options) makes a LAN whose daemon calls a peer alice."""

    def make(count=1, options=("--dhcpv6", "--lan-dns"), hosts=0):
        identities = [Identity.of(f"lan host {number}") for number in range(count)]
        made = BridgedLAN(namespaces, "a", identities[:hosts], empty=identities[hosts:])
        for identity in made.identities:
            proxy.connect(identity.name, identity.listen_port)
        made.run(daemons, proxy.address, peers=[f"alice={ALICE}"], options=options)
        return made

    return make


def dig(host, *arguments, server=SERVER):
    result = host.namespace.run(["dig", f"@{server}", "+tries=2", "+time=2", *arguments], check=False)
    return re.sub("[ \t]+", " ", result.stdout + result.stderr)


def inside(client, *command):
    """Runs a command where the client's resolv.conf is."""
    return client.namespace.run(client.resolving(*command), check=False)


@pytest.fixture
def resolving():
    """resolving(namespace): a dhcpcd that keeps a resolv.conf of its own, as a host's keeps the host's."""
    with contextlib.ExitStack() as stack:
        yield lambda namespace, settings="": stack.enter_context(Client(namespace, resolves=True, settings=settings))


def test_a_host_learns_the_name_server_and_reaches_a_peer_by_its_petname(lan, resolving, daemons, namespaces, proxy):
    peer = daemons(onion=ALICE, netns=namespaces("alice"), socks=proxy.address)
    proxy.connect(peer.onion, peer.listen_port)
    peer.wait_for_interface()
    one = lan()
    host = one.add()
    client = resolving(host.namespace)
    client.wait_for_address(one.identities[0].address)
    wait_until(lambda: SERVER in client.resolver(), 15, what="the name server in resolv.conf")
    text = client.resolver()
    assert [line for line in text.splitlines() if line.startswith("nameserver")] == [f"nameserver {SERVER}"]
    assert re.search(r"^search oncilla\.internal\s*$", text, re.MULTILINE), text
    for name in ("alice.oncilla.internal", "alice", ALICE):
        assert inside(client, "getent", "ahosts", name).stdout.split()[:1] == [str(peer.address)], name
        wait_until(lambda: inside(client, "ping", "-6", "-c1", "-W2", name).returncode == 0, 15, what=f"an answer of {name}")
    assert inside(client, "getent", "hosts", str(peer.address)).stdout.split()[1:] == ["alice.oncilla.internal"]
    own = one.identities[0]
    assert inside(client, "getent", "hosts", own.address).stdout.split()[1:] == [own.name]
    assert inside(client, "getent", "ahosts", "example.com").returncode == 2


def test_the_router_advertisement_alone_tells_it_too(lan, namespaces):
    one = lan()
    host = one.add()
    with host.namespace.packet_socket("eth0") as sniffer:
        host.namespace.sysctl("net.ipv6.conf.eth0.accept_ra", 2)
        # The kernel asks for routers when its interface comes up.
        host.namespace.ip("link set eth0 down")
        host.namespace.ip("link set eth0 up")
        assert_tells_of_names(next_advertisement(sniffer), lifetime=1800)


def next_advertisement(sniffer, timeout=20):
    """The next router advertisement that a packet socket sees."""
    end = time.monotonic() + timeout
    while select.select([sniffer], [], [], max(0, end - time.monotonic()))[0]:
        with contextlib.suppress(OSError):
            packet = sniffer.recv(65535)
            if len(packet) > 56 and packet[6] == 58 and packet[40] == 134:
                return packet
    raise AssertionError("no router advertisement")


def assert_tells_of_names(advertisement, lifetime):
    options, offset = {}, 56
    while offset < len(advertisement):
        size = advertisement[offset + 1] * 8
        options[advertisement[offset]] = advertisement[offset:offset + size]
        offset += size
    assert options[25] == struct.pack("!BBHI", 25, 3, 0, lifetime) + socket.inet_pton(socket.AF_INET6, SERVER)
    assert options[31][:8] == struct.pack("!BBHI", 31, 4, 0, lifetime)
    assert options[31][8:].rstrip(b"\0") == b"\7oncilla\10internal"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_hosts_forget_the_name_server_when_the_daemon_ends(lan, resolving, number):
    one = lan()
    host = one.add()
    client = resolving(host.namespace, "nodhcp6\n")
    wait_until(lambda: SERVER in client.resolver(), 20, what="the name server in resolv.conf")
    with host.namespace.packet_socket("eth0") as sniffer:
        one.daemon.stop(number)
        assert_tells_of_names(next_advertisement(sniffer, 2), lifetime=0)
    wait_until(lambda: SERVER not in client.resolver(), 5, what="a resolv.conf without the name server")
    assert "oncilla.internal" not in client.resolver()


@pytest.mark.parametrize("way", ["+notcp", "+tcp", "+noedns", "+tcp +keepopen"])
def test_dig(lan, way):
    one = lan(2, hosts=2, options=("--lan-dns",))
    first, second = one.hosts
    stranger = onion_name("nobody knows")
    for host in one.hosts:
        for name, address in ((ALICE, overlay_address(ALICE)), (stranger, overlay_address(stranger)),
                              ("alice.oncilla.internal", overlay_address(ALICE)), (host.identity.name, host.address)):
            text = dig(host, *way.split(), name, "AAAA", name, "A", name, "AAAA")
            assert text.count("status: NOERROR") == 3 and f" 60 IN AAAA {address}\n" in text, text
        assert " PTR alice.oncilla.internal.\n" in dig(host, *way.split(), "-x", str(overlay_address(ALICE)))
        assert f" PTR {host.identity.name}.\n" in dig(host, *way.split(), "-x", host.address)
        for name, code in (("bob.oncilla.internal", "NXDOMAIN"), ("example.com", "REFUSED"), (".", "REFUSED")):
            assert f"status: {code}" in dig(host, *way.split(), name, "AAAA"), name
    # Neither is told who the other is.
    assert "status: NXDOMAIN" in dig(first, *way.split(), "-x", second.address)


def test_the_daemons_own_host_is_a_host_of_the_link(daemons, namespaces, proxy):
    """Its kernel leaves checksums to the device."""
    daemon = daemons(onion=onion_name("lan own"), netns=namespaces(), socks=proxy.address, peers=[f"alice={ALICE}"],
                     options=["--mode", "tap", "--lan-dns"])
    daemon.wait_for_interface()
    host = types.SimpleNamespace(namespace=daemon.host)
    for way in ("+notcp", "+tcp"):
        text = dig(host, way, "alice.oncilla.internal", "AAAA", "alice.oncilla.internal", "AAAA")
        assert text.count(f" 60 IN AAAA {overlay_address(ALICE)}\n") == 2, text
    assert daemon.host.ping(SERVER).received == 1


def answers(host, name, source):
    """Whether a question from this address is answered with something."""
    text = dig(host, "-b", source, "+notcp", "+tries=1", "+time=1", "-x", name)
    return "status: NOERROR" in text and "PTR" in text


def test_a_guest_that_takes_the_address_of_another_host_is_not_told_what_that_one_knows(lan):
    one = lan(2, hosts=2, options=("--lan-dns",))
    guest, victim = one.hosts
    known = victim.address
    assert answers(victim, known, victim.address)
    # It answers for the address, too, as a guest does who means it.
    guest.namespace.ip(f"-6 addr add {victim.address}/128 dev eth0 nodad")
    for _ in range(3):
        assert not answers(guest, known, victim.address)
        assert not answers(guest, known, victim.address)
        victim.ping(SERVER)
    assert one.daemon.counters()["lanNameForged"] >= 3
    wait_until(lambda: answers(guest, guest.address, guest.address), 10, what="an answer for its own address")
    guest.namespace.ip(f"-6 addr del {victim.address}/128 dev eth0")
    wait_until(lambda: answers(victim, known, victim.address), 10, what="an answer for the host itself")


def test_a_leased_address_is_its_hosts_alone(lan, resolving):
    one = lan()
    host, guest = one.add(), one.add()
    client = resolving(host.namespace)
    address = client.wait_for_address(one.identities[0].address)
    guest.namespace.ip(f"-6 addr add {address}/48 dev eth0 nodad")
    for _ in range(2):
        assert not answers(guest, address, address)
        assert answers(host, address, address)
    assert one.daemon.counters()["lanNameForged"] >= 2


def test_who_has_no_address_of_the_overlay_is_refused(lan):
    one = lan(1, hosts=1, options=("--lan-dns",))
    guest = one.add()
    guest.namespace.ip("-6 route add fd87:d87e:eb43::/48 dev eth0")
    for name in ("alice.oncilla.internal", "example.com"):
        for way in ("+notcp", "+tcp"):
            assert "status: REFUSED" in dig(guest, way, name, "AAAA"), (name, way)


def test_without_the_option_or_to_a_peer_nothing_is_answered(lan, daemons, namespaces, proxy):
    peer = daemons(onion=ALICE, netns=namespaces("alice"), socks=proxy.address)
    proxy.connect(peer.onion, peer.listen_port)
    peer.wait_for_interface()
    silent = lan(1, options=("--dhcpv6",), hosts=1)
    assert "status:" not in dig(silent.hosts[0], "+notcp", "alice.oncilla.internal", "AAAA")
    wait_until(lambda: silent.hosts[0].can_ping(peer.address), 15, what="the peer")
    silent.daemon.stop()


def test_no_peer_is_answered(lan, daemons, namespaces, proxy):
    one = lan(1, hosts=1)
    stranger = daemons(onion=ALICE, netns=namespaces("alice"), socks=proxy.address,
                       peers=[one.identities[0].name])
    proxy.connect(stranger.onion, stranger.listen_port)
    stranger.wait_for_interface()
    wait_until(lambda: stranger.host.can_ping(one.identities[0].address), 20, what="the LAN host")
    # Its own daemon turns the packet back; what goes over the circuit to the other never gets to the service.
    for server in (SERVER, one.identities[0].address):
        text = re.sub("[ \t]+", " ", stranger.host.run(["dig", f"@{server}", "+tries=1", "+time=2", "+notcp",
                                                         "alice.oncilla.internal", "AAAA"], check=False).stdout)
        assert "status: NOERROR" not in text, text


def test_hostile_hosts(lan):
    """Floods, garbage, halves of questions and handshakes from hosts that do not exist: the others are answered."""
    one = lan(2, hosts=2, options=("--lan-dns",))
    bad, good = one.hosts
    with bad.namespace.entered():
        datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        datagrams.connect((SERVER, 53))
        for size in (0, 1, 12, 100, 1400):
            datagrams.send(os.urandom(size))
        held = []
        for _ in range(100):
            client = socket.create_connection((SERVER, 53), timeout=5)
            client.sendall(b"\xff")
            held.append(client)
        refused = socket.create_connection((SERVER, 53), timeout=5)
        refused.sendall(b"\0\3abc")
        with pytest.raises(ConnectionResetError):
            while refused.recv(100):
                pass
        for _ in range(20_000):
            with contextlib.suppress(OSError):
                datagrams.send(os.urandom(40))
    one.daemon.assert_running()
    # The flood was its own alone.
    for way in ("+notcp", "+tcp"):
        assert "status: NOERROR" in dig(good, way, "alice.oncilla.internal", "AAAA")
    counters = one.daemon.counters()
    assert counters["lanNameMalformed"] >= 4 and counters["lanNameAnswered"] >= 2
