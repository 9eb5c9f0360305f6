"""`--dhcpv6`: hosts of a LAN get the daemon's identities from it, and know from its advertisements what is on link.

    oncilla --mode tap --dhcpv6 --- oncilla0 -- bridge -- eth0 of each host: dhcpcd, or a kernel alone
"""

import contextlib
import re
import socket
import struct
import time

import pytest

from dhcpv6_client import Client
from lan import BridgedLAN, Identity, options_of, wait_for_link
from overlay import PREFIX, onion_name, wait_until

ROUTER_ADVERTISEMENT = 134
ICMP, UDP = 58, 17
SERVER_PORT = 547


@pytest.fixture
def clients():
    """clients(namespace) makes a Client that runs until the test ends."""
    with contextlib.ExitStack() as stack:
        yield lambda namespace: stack.enter_context(Client(namespace))


@pytest.fixture
def lan(namespaces, daemons, proxy):
    """lan(2) makes a LAN without hosts, and its daemon of two identities; lan(2, kept={1: MAC}) keeps the second."""

    def make(count, options=("--dhcpv6",), peers=(), kept=()):
        made = BridgedLAN(namespaces, "a", [], empty=[Identity.of(f"host {number}") for number in range(count)])
        for number, identity in enumerate(made.identities):
            identity.kept_for = dict(kept).get(number)
            proxy.connect(identity.name, identity.listen_port)
        made.run(daemons, proxy.address, peers=peers, options=options)
        return made

    return make


def restart(lan, stop=lambda daemon: daemon.stop()):
    stop(lan.daemon)
    wait_until(lambda: not lan.bridge.has_interface("oncilla0"), what="the interface to go with the daemon")
    lan.daemon.start()
    lan.join()


def leases(daemon):
    """{address: MAC address} in the lease file."""
    text = (daemon.state_dir / "leases").read_text()
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert all(len(fields) == 4 for fields in lines), text
    return {fields[0]: fields[1] for fields in lines}


def assert_kept(daemon, expected):
    """The file follows within a second: nobody waits for a disk."""
    file = daemon.state_dir / "leases"
    wait_until(lambda: file.exists() and leases(daemon) == expected, what=f"the leases {expected}")


def has_overlay_on_link(namespace):
    return any(re.match(rf"{PREFIX} dev eth0\b(?!.*\bvia\b)", route) for route in namespace.routes())


def answers(namespace, seconds, act=lambda: None):
    """The router advertisements and what comes from a DHCPv6 server's port, as eth0 of a namespace gets it from `act`
    on."""
    found = []
    with namespace.packet_socket("eth0") as sniffer:
        act()
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            sniffer.settimeout(left)
            try:
                packet, address = sniffer.recvfrom(65535)
            except TimeoutError:
                break
            if address[2] != socket.PACKET_OUTGOING and len(packet) >= 48 and packet[0] >> 4 == 6:
                upper = packet[40] if packet[6] == ICMP else struct.unpack("!H", packet[40:42])[0]
                if (packet[6], upper) in ((ICMP, ROUTER_ADVERTISEMENT), (UDP, SERVER_PORT)):
                    found.append(packet)
    return found


def test_a_host_gets_an_identity_and_reaches_a_peer(lan, clients, daemons, namespaces, proxy):
    peer = daemons(onion=onion_name("peer"), netns=namespaces("peer"), socks=proxy.address)
    proxy.connect(peer.onion, peer.listen_port)
    peer.wait_for_interface()
    one = lan(1, peers=[peer.onion])
    host = one.add()
    client = clients(host.namespace)
    assert client.wait_for_address(one.identities[0].address) == one.identities[0].address
    wait_until(lambda: has_overlay_on_link(host.namespace), what="the overlay's prefix on the link")
    assert not [route for route in host.namespace.routes() if route.startswith("default")]
    assert_kept(one.daemon, {one.identities[0].address: host.mac})
    wait_until(lambda: host.can_ping(peer.address), 15, what="an answer of the peer")
    wait_until(lambda: peer.host.can_ping(client.addresses[0]), 15, what="an answer of the LAN host")


def test_each_host_gets_an_identity_of_its_own_until_there_is_none(lan, clients):
    one = lan(2)
    hosts = [one.add() for _ in range(3)]
    addresses = [identity.address for identity in one.identities]
    first = clients(hosts[0].namespace)
    assert first.wait_for_address(*addresses) == addresses[0]
    second = clients(hosts[1].namespace)
    assert second.wait_for_address(*addresses) == addresses[1]
    third = clients(hosts[2].namespace)
    third.wait_for_line("broadcasting SOLICIT6")
    time.sleep(4)
    assert third.addresses == []
    first.command("-k")
    wait_until(lambda: first.addresses == [], what="the address given back")
    # The client asks again in its own time: begun anew it asks at once.
    third.stop()
    third.start()
    assert third.wait_for_address(*addresses) == addresses[0]
    one.daemon.assert_running()


BOUND = "02:00:5e:10:00:01"


def set_mac(host, address):
    host.namespace.ip("link set eth0 down")
    host.namespace.ip(f"link set eth0 address {address}")
    host.namespace.ip("link set eth0 up")


def test_a_host_gets_the_identity_that_is_kept_for_it_although_it_asks_second(lan, clients):
    one = lan(2, kept={0: BOUND.upper()})
    kept, other = [identity.address for identity in one.identities]
    early, late = one.add(), one.add()
    set_mac(late, BOUND)
    assert clients(early.namespace).wait_for_address(kept, other) == other
    assert clients(late.namespace).wait_for_address(kept, other) == kept
    assert_kept(one.daemon, {kept: BOUND, other: early.mac})


def test_nobody_else_gets_a_kept_identity_even_if_it_is_the_only_one_left(lan, clients):
    one = lan(2, kept={1: BOUND})
    other, kept = [identity.address for identity in one.identities]
    first, second, bound = one.add(), one.add(), one.add()
    set_mac(bound, BOUND)
    assert clients(first.namespace).wait_for_address(kept, other) == other
    refused = clients(second.namespace)
    refused.wait_for_line("broadcasting SOLICIT6")
    time.sleep(4)
    assert refused.addresses == []
    assert_kept(one.daemon, {other: first.mac})
    assert clients(bound.namespace).wait_for_address(kept, other) == kept
    assert refused.addresses == []
    assert_kept(one.daemon, {kept: BOUND, other: first.mac})


@pytest.mark.parametrize("stop", ["stop", "kill"])
def test_hosts_keep_their_identities_over_a_restart_of_the_daemon(lan, clients, stop):
    one = lan(3)
    hosts = [one.add() for _ in range(2)]
    accepted = [identity.address for identity in one.identities]
    them = [clients(host.namespace) for host in hosts]
    addresses = [client.wait_for_address(*accepted) for client in them]
    assert len(set(addresses)) == 2
    expected = {address: host.mac for address, host in zip(addresses, hosts)}
    assert_kept(one.daemon, expected)
    restart(one, lambda daemon: getattr(daemon, stop)())
    # One goes on; the other is installed anew, comes first, and is known by its MAC address alone.
    mark = them[0].mark()
    them[1].stop()
    them[1].forget()
    them[1].start()
    assert them[1].wait_for_address(*accepted) == addresses[1]
    them[0].command("-N")
    them[0].wait_for_line("REPLY6 received", since=mark)
    assert them[0].wait_for_address(*accepted) == addresses[0]
    assert_kept(one.daemon, expected)


def test_a_host_that_was_switched_off_confirms_what_it_had(lan, clients):
    one = lan(2)
    host = one.add()
    accepted = [identity.address for identity in one.identities]
    client = clients(host.namespace)
    address = client.wait_for_address(*accepted)
    client.stop()
    assert client.addresses == []
    restart(one)
    mark = client.mark()
    client.start()
    client.wait_for_line("broadcasting (CONFIRM6|REBIND6|RENEW6)", since=mark)
    client.wait_for_line("REPLY6 received", since=mark)
    assert client.wait_for_address(*accepted) == address


def test_the_address_on_the_daemons_own_interface_is_not_handed_out(namespaces, daemons, proxy, clients):
    # `run` of a BridgedLAN gives the interface no address; here it has that of the first identity.
    one = BridgedLAN(namespaces, "a", [], empty=[Identity.of("own"), Identity.of("given")])
    own, given = one.identities
    one.daemon = daemons(onion=f"{own.name},listen=127.0.0.1:{own.listen_port}", listen=[], netns=one.bridge,
                         socks=proxy.address, options=["--mode", "tap", "--dhcpv6", *options_of([given])])
    wait_for_link(one.daemon, one.bridge)
    one.bridge.ip("link set oncilla0 master br0")
    host = one.add()
    assert clients(host.namespace).wait_for_address(own.address, given.address) == given.address


def solicit_routers(host):
    """The kernel does so when the interface comes up, if it is then to take advertisements."""
    host.namespace.ip("link set eth0 down")
    host.namespace.sysctl("net.ipv6.conf.eth0.accept_ra", 2)
    host.namespace.ip("link set eth0 up")


def test_a_kernel_alone_learns_the_prefix_and_makes_no_address_or_default_route(lan):
    one = lan(1)
    host = one.add()
    solicit_routers(host)
    wait_until(lambda: has_overlay_on_link(host.namespace), 25, what="the overlay's prefix on the link")
    assert host.namespace.addresses("eth0") == []
    assert not [route for route in host.namespace.routes() if route.startswith("default")]


def test_an_advertisement_says_managed_and_nothing_else(lan):
    one = lan(1)
    host = one.add()
    solicit_routers(host)
    found = answers(host.namespace, 10)
    assert found, "no router advertisement within 10 s of a solicitation"
    mac = bytes.fromhex(one.tap_mac.replace(":", ""))
    link_local = bytes.fromhex("fe80000000000000") + bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]
    for packet in found:
        assert packet[7] == 255
        assert packet[8:24] == link_local
        hop_limit, flags, lifetime, reachable, retransmission = struct.unpack("!BBHII", packet[44:56])
        assert (hop_limit, flags, lifetime, reachable, retransmission) == (0, 0x80, 0, 0, 0)
        prefix = packet.index(bytes([3, 4, 48, 0x80]), 56)
        assert packet[prefix + 16:prefix + 32] == PREFIX.network_address.packed


def test_an_advertisement_tells_the_mtu_that_the_interface_has_now(lan):
    one = lan(1)
    host = one.add()
    # Three seconds lie between two of them.
    found = answers(host.namespace, 5, lambda: one.bridge.ip("link set oncilla0 mtu 1400"))
    assert found, "no router advertisement within 5 s of the change"
    assert found[-1][64:72] == bytes([5, 1, 0, 0]) + (1400).to_bytes(4, "big")


def test_without_the_option_nothing_is_advertised_or_answered(lan, clients):
    one = lan(1, options=())
    host = one.add()
    client = clients(host.namespace)
    assert answers(host.namespace, 8) == []
    client.wait_for_line("Router Solicitation", timeout=1)
    assert client.addresses == []
    assert not (one.daemon.state_dir / "leases").exists()
