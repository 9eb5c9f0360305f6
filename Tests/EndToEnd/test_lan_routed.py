"""LANs whose hosts know nothing of the overlay: gateways route their prefixes through it, IPv6 and IPv4.

    host -- gateway A: oncilla, TUN --- fake proxy --- gateway B: oncilla, TUN -- host
    fd00:a:0:1::2                                                              fd00:b:0:1::2
    10.10.1.2                                                                  10.20.1.2
"""

import socket
import types

import pytest

import packets
from fake_socks import FakeSocks
from lan import BridgedLAN, Identity, RoutedLAN, assert_big_ping_is_told, assert_path_mtu
from overlay import Transfer, pattern_bytes, send_cut_datagrams, wait_until
from secure_shell import SecureShell
from test_proxy_hostile import Sniffer
from wire_record import WireRecord

A, B, C = "fd00:a::/48", "fd00:b::/48", "fd00:b:0:c000::/52"
A4, B4, C4 = "10.10.0.0/16", "10.20.0.0/16", "10.20.192.0/18"


@pytest.fixture
def proxy():
    with FakeSocks(record=WireRecord()) as proxy:
        yield proxy


@pytest.fixture
def gateways(namespaces, daemons, proxy):
    """gateways(a={…}, b={…}) makes two routed LANs, each with routes to the other, and waits until they meet."""

    def make(a=None, b=None, run_a=None, run_b=None, meet=True, **both):
        lans = types.SimpleNamespace(
            a=RoutedLAN(namespaces, "a", A, **{"ipv4": A4, **both, **(a or {})}),
            b=RoutedLAN(namespaces, "b", B, **{"ipv4": B4, **both, **(b or {})}),
        )  # fmt: skip
        proxy.connect(lans.b.identity.name, lans.b.identity.listen_port)
        lans.a.run(daemons, proxy, [lans.b], **(run_a or {}))
        lans.b.run(daemons, proxy, [lans.a], **(run_b or {}))
        lans.near, lans.far = lans.a.hosts[0], lans.b.hosts[0]
        if meet:
            wait_until(lambda: lans.near.can_ping(lans.far), 10, what="the LANs to reach each other")
        return lans

    return make


def crossed(proxy, destination):
    """How many packets for an address were on the wire."""
    return sum(count for flow, count in proxy.record.flows().items() if flow.destination == destination)


# Reaching each other


def test_hosts_of_both_lans_reach_each_other(gateways, proxy, report):
    lans = gateways(hosts=2)
    for near in lans.a.hosts:
        for far in lans.b.hosts:
            for source, destination in ((near, far), (far, near)):
                for address in (destination.address, destination.ipv4):
                    ping = source.ping(address, count=5, burst=True)
                    assert ping.received == 5, ping
                    assert set(ping.hop_limits) == {62}, f"two gateways, two hops: {ping}"
    for address in (lans.far.address, lans.far.ipv4):
        there = Transfer(lans.near.namespace, lans.far.namespace, address, 100_000_000)
        report(f"100 MB to {address} at {there.megabits:.0f} Mbit/s")
    for address in (lans.near.address, lans.near.ipv4):
        Transfer(lans.far.namespace, lans.near.namespace, address, 20_000_000)
    hosts = {address for host in (*lans.a.hosts, *lans.b.hosts) for address in (host.address, host.ipv4)}
    # A gateway may ask the other one whether it is there by an echo request, as long as nothing is proven.
    gateways_own = {(lans.a.address, lans.b.address), (lans.b.address, lans.a.address)}
    assert {address for talk in proxy.record.talks() - gateways_own for address in talk} == hosts
    assert (proxy.record.found, proxy.record.forbidden()) == ([], [])


def test_without_offload(gateways):
    options = {"options": ["--no-offload"]}
    lans = gateways(run_a=options, run_b=options)
    for address in (lans.far.address, lans.far.ipv4):
        Transfer(lans.near.namespace, lans.far.namespace, address, 5_000_000)


@pytest.mark.parametrize("version", ["ipv6", "ipv4"])
def test_datagrams_of_every_size(gateways, version):
    lans = gateways()
    address = lans.far.address if version == "ipv6" else lans.far.ipv4
    family = socket.AF_INET6 if version == "ipv6" else socket.AF_INET
    with lans.far.namespace.socket(family, socket.SOCK_DGRAM) as receiver, \
            lans.near.namespace.socket(family, socket.SOCK_DGRAM) as sender:
        receiver.bind((address, 5353))
        receiver.settimeout(5)
        for size in (0, 1, 1000, 1452, 1472, 1473, 4000, 20000, 60000):
            data = pattern_bytes(size, seed=size)
            sender.sendto(data, (address, 5353))
            assert receiver.recv(65536) == data, f"{size} bytes"


def test_datagrams_that_are_sent_together_arrive_apart(gateways):
    lans = gateways()
    for address in (lans.far.address, lans.far.ipv4):
        send_cut_datagrams(lans.near.namespace, lans.far.namespace, address)


def test_ssh(gateways):
    lans = gateways()
    for source, address in ((lans.near.address, lans.far.address), (lans.near.ipv4, lans.far.ipv4)):
        with SecureShell(lans.far.namespace, address) as shell:
            command = ["ssh", "-F", shell.client_config, address, "echo $SSH_CONNECTION"]
            assert lans.near.namespace.run(command).stdout.split()[0] == source


def test_gateways_and_hosts_reach_each_other(gateways):
    lans = gateways()
    assert lans.a.gateway.ping(lans.far.address).received == 1
    assert lans.a.gateway.ping(lans.b.address).received == 1
    assert lans.far.ping(lans.a.gateway.addresses("port0")[0].split("/")[0]).received == 1
    lans.near.namespace.ip("-6 route add fd87:d87e:eb43::/48 via fd00:a:0:1::1")
    assert lans.near.ping(lans.b.address).received == 1, "a served host reaches the peer itself"


def test_ipv4_is_off_unless_asked_for(gateways):
    lans = gateways(a={"ipv4": None}, run_b={"options": ["--route", f"{A4},via={Identity.of('a').name}"]})
    # A drops what comes and the circuit lives
    lans.a.gateway.ip("addr add 10.10.1.1/24 dev port0")
    lans.near.namespace.ip("addr add 10.10.1.2/24 dev eth0")
    sniffer = Sniffer(lans.a.gateway)
    assert lans.far.ping("10.10.1.2", timeout=1).received == 0
    assert lans.near.ping(lans.far).received == 1
    assert lans.far.ping(lans.near).received == 1
    assert not [packet for packet in sniffer.delivered() if packet.version == 4]
    assert lans.a.daemon.counters()["ipv4"] >= 1
    sniffer.close()


def test_the_address_of_the_interface_in_ipv4(gateways):
    lans = gateways(run_a={"options": ["--ipv4-address", "10.10.255.1/32"]},
                    run_b={"options": ["--ipv4-address", "10.20.255.1/32"]})
    assert "10.10.255.1/32" in lans.a.gateway.ip("-4 addr show dev oncilla0")
    assert lans.a.gateway.ping("10.20.255.1", arguments=["-I", "10.10.255.1"]).received == 1
    assert lans.far.ping("10.10.255.1").received == 1
    lans.a.daemon.stop()
    assert "10.10.255.1" not in lans.a.gateway.ip("-4 addr show")


def test_a_route_by_petname(namespaces, daemons, proxy):
    far = RoutedLAN(namespaces, "b", B)
    near = RoutedLAN(namespaces, "a", A)
    proxy.connect(far.identity.name, far.identity.listen_port)
    near.run(daemons, proxy, [f"office={far.identity.name}"], options=["--route", f"{B},via=office"])
    far.run(daemons, proxy, [near])
    wait_until(lambda: near.hosts[0].can_ping(far.hosts[0]), 10, what="the LANs to reach each other")


@pytest.mark.parametrize("version", ["ipv6", "ipv4"])
def test_a_routers_errors_do_not_tell_its_address_on_the_internet(gateways, proxy, version):
    lans = gateways()
    lans.b.gateway.ip("link add wan0 type veth peer name wan1")
    # Of two interfaces the kernel takes the address of the older one.
    for address in ("192.0.2.7/32 dev lo", "2001:db8::7/64 dev wan0 nodad"):
        lans.b.gateway.ip(f"addr add {address}")
    lans.b.gateway.ip("link set wan0 up")
    # A link behind the far gateway carries less: its errors must come, and from an address that they may have.
    lans.b.gateway.ip("link set port0 mtu 1300")
    far = lans.far.address if version == "ipv6" else lans.far.ipv4
    near = lans.near.address if version == "ipv6" else lans.near.ipv4
    Transfer(lans.near.namespace, lans.far.namespace, far, 500_000, timeout=20)
    sources = {flow.source for flow in proxy.record.flows() if flow.destination == near}
    assert far in sources
    assert not {source for source in sources if source.startswith(("192.0.2.", "2001:db8:", "fd87:"))}, sources


# Which way


def test_the_longest_prefix_wins(namespaces, daemons, proxy):
    a = RoutedLAN(namespaces, "a", A, ipv4=A4)
    b = RoutedLAN(namespaces, "b", B, ipv4=B4)
    c = RoutedLAN(namespaces, "c", C, ipv4=C4)
    for lan in (a, b, c):
        proxy.connect(lan.identity.name, lan.identity.listen_port)
    a.run(daemons, proxy, [b, c])
    b.run(daemons, proxy, [a])
    c.run(daemons, proxy, [a])
    near = a.hosts[0]
    for lan in (b, c):
        far = lan.hosts[0]
        for address in (far.address, far.ipv4):
            wait_until(lambda: near.can_ping(address), 10, what=f"{address} to be reached")
            flows = [flow for flow in proxy.record.flows() if flow.destination == address]
            assert {flow.circuit for flow in flows} == {lan.identity.name}


# Kernel routes


def routes(gateway, prefix):
    """(routes to the overlay, guards) for a prefix."""
    version = "-6" if ":" in prefix else "-4"
    lines = [line.strip() for line in gateway.ip(f"{version} route show {prefix}").splitlines()]
    return [line for line in lines if "dev oncilla0" in line], [line for line in lines if "unreachable" in line]


def test_kernel_routes_and_their_guards_come_and_go(gateways):
    lans = gateways()
    for prefix in (B, B4):
        way, guard = routes(lans.a.gateway, prefix)
        assert len(way) == 1 and len(guard) == 1, (prefix, way, guard)
        assert "metric 4096" in guard[0]
    lans.a.daemon.stop()
    for prefix in (B, B4):
        way, guard = routes(lans.a.gateway, prefix)
        assert (way, len(guard)) == ([], 1), prefix


def test_the_guards_stay_after_a_crash_and_the_next_start_takes_them_over(gateways):
    lans = gateways()
    lans.a.daemon.kill()
    for prefix, address in ((B, lans.far.address), (B4, lans.far.ipv4)):
        way, guard = routes(lans.a.gateway, prefix)
        assert (way, len(guard)) == ([], 1), prefix
        ping = lans.near.ping(address)
        assert ping.received == 0 and ping.seconds < 2, f"it is refused, not sent elsewhere: {ping}"
    lans.a.daemon.start()
    lans.a.daemon.wait_for_interface()
    wait_until(lambda: lans.near.can_ping(lans.far), 40, what="traffic after the restart")
    for prefix in (B, B4):
        way, guard = routes(lans.a.gateway, prefix)
        assert (len(way), len(guard)) == (1, 1), prefix


def test_a_route_that_somebody_removes_comes_back(gateways):
    lans = gateways()
    for prefix in (B, B4):
        version = "-6" if ":" in prefix else "-4"
        lans.a.gateway.ip(f"{version} route del {prefix} dev oncilla0")
        wait_until(lambda: routes(lans.a.gateway, prefix)[0], 5, what=f"the route to {prefix}")
    lans.a.gateway.ip("link set oncilla0 down")
    lans.a.gateway.ip("link set oncilla0 up")
    for prefix in (B, B4):
        wait_until(lambda: routes(lans.a.gateway, prefix)[0], 5, what=f"the route to {prefix}")
    wait_until(lambda: lans.near.can_ping(lans.far) and lans.near.can_ping(lans.far.ipv4), 10, what="traffic")


# What is refused


def test_a_forged_source_from_the_lan_is_refused(gateways, proxy):
    lans = gateways()
    near, gateway = lans.near.namespace, lans.a.gateway
    near.ip("-6 addr add 2001:db8::7/128 dev eth0 nodad")
    gateway.ip("-6 route add 2001:db8::7/128 via fd00:a:0:1::2")
    ping = near.ping(lans.far.address, timeout=3, arguments=["-I", "2001:db8::7"])
    assert ping.unreachable == "Administratively prohibited", ping
    near.ip("addr add 192.0.2.7/32 dev eth0")
    gateway.ip("route add 192.0.2.7/32 via 10.10.1.2")
    ping = near.ping(lans.far.ipv4, timeout=3, arguments=["-I", "192.0.2.7"])
    assert ping.received == 0 and "Packet filtered" in ping.text, ping
    assert not {source for source, _ in proxy.record.talks()} & {"2001:db8::7", "192.0.2.7"}


def test_a_peer_speaks_for_its_own_prefixes_only(namespaces, daemons, proxy, wire_peer):
    lan = RoutedLAN(namespaces, "a", A, ipv4=A4)
    b, c, stranger = wire_peer("b"), wire_peer("c"), wire_peer("stranger")
    ways = [f"{B},via={b.name}", f"{B4},via={b.name}", f"{C},via={c.name}", f"{C4},via={c.name}"]
    lan.run(daemons, proxy, [b.name, c.name], options=[part for way in ways for part in ("--route", way)])
    host, sniffer = lan.hosts[0], Sniffer(lan.gateway)
    calls = {peer: peer.call(lan.identity) for peer in (b, c, stranger)}

    def request(source, destination, identifier):
        make = packets.echo_request if ":" in source else packets.icmpv4_echo_request
        return make(source, destination, identifier=identifier)

    good = [(b, "fd00:b::5", host.address), (b, "10.20.0.5", host.ipv4), (c, "fd00:b:0:c000::5", host.address),
            (c, "10.20.192.5", host.ipv4), (b, b.address, host.address), (b, "fd00:b::5", lan.address)]
    bad = [(peer, source, to) for peer, sources in (
        (b, ["fd00:b:0:c000::5", "10.20.192.5", "fd00:c::5", "10.30.0.5", c.address, lan.address, host.address,
             host.ipv4, "fd00:a:0:9::1", "::1", "fe80::1", "ff02::1", "::", "127.0.0.1", "224.0.0.1", "0.0.0.0"]),
        (c, ["fd00:b::5", "10.20.0.5", b.address]),
        (stranger, ["fd00:b::5", "10.20.0.5", b.address]),
    ) for source in sources for to in ([host.address] if ":" in source else [host.ipv4])]
    bad += [(b, "fd00:b::6", to) for to in ("fd00:dead::1", "fd00:b:0:7::1", "fd00:b:0:c000::1", c.address, "ff02::1",
                                            "fe80::1", "::1", "2001:db8::1")]
    bad += [(b, "10.20.0.6", to) for to in ("10.30.0.1", "10.20.0.9", "10.20.192.1", "127.0.0.1", "224.0.0.1",
                                            "255.255.255.255", "192.0.2.1")]
    for number, (peer, source, destination) in enumerate(bad):
        assert calls[peer].send(request(source, destination, 0x1000 + number)), (source, destination)
    for number, (peer, source, destination) in enumerate(good):
        calls[peer].send(request(source, destination, 0x2000 + number))

    def seen():
        return {int.from_bytes(packet.payload[4:6], "big") for packet in sniffer.delivered()
                if packet.payload[:1] in (b"\x80", b"\x08") and packet.next_header in (packets.ICMPV6, packets.ICMPV4)}

    wanted = {0x2000 + number for number in range(len(good))}
    wait_until(lambda: wanted <= seen(), 5, what="what is good to be delivered")
    passed = [bad[number - 0x1000] for number in seen() - wanted]
    assert not passed, [(peer.name[:8], source, destination) for peer, source, destination in passed]
    for peer, source, destination in good:  # the answers go back the way of their route
        wait_until(lambda: any((packet.source, packet.destination) == (destination, source)
                               for packet in peer.received()), 5, what=f"the answer to {source}")
    sniffer.close()


def test_what_came_from_the_overlay_does_not_leave_to_it(gateways, proxy):
    lans = gateways()
    for target, prefix in (("fd00:b:0:99::1", "fd00:b:0:99::/64"), ("10.20.99.1", "10.20.99.0/24")):
        version = "-6" if ":" in target else "-4"
        lans.b.gateway.ip(f"{version} route add {prefix} dev oncilla0")  # an operator's mistake: it is behind B itself
        before = lans.b.daemon.counters()
        ping = lans.near.ping(target, count=3, timeout=1)
        assert ping.received == 0
        flows = {flow: count for flow, count in proxy.record.flows().items() if flow.destination == target}
        assert {flow.circuit for flow in flows} == {lans.b.identity.name}
        assert sum(flows.values()) == 3, flows
        grown = lans.b.daemon.counters() - before
        dropped = {name: count for name, count in grown.items() if name not in ("sent", "delivered", "keepalive")}
        assert sum(dropped.values()) >= 3, grown


def test_what_we_serve_ourselves_does_not_leave(gateways, proxy):
    lans = gateways()
    for target, prefix in (("fd00:a:0:99::1", "fd00:a:0:99::/64"), ("10.10.99.1", "10.10.99.0/24")):
        version = "-6" if ":" in target else "-4"
        lans.a.gateway.ip(f"{version} route add {prefix} dev oncilla0")
        assert lans.near.ping(target, timeout=1).received == 0
        assert crossed(proxy, target) == 0


def test_groups_and_link_local_addresses_do_not_leave(gateways, proxy):
    lans = gateways()
    gateway = lans.a.gateway
    for address in ("ff02::1", "ff05::2", "ff0e::5"):
        gateway.run(f"ping -6 -n -c 1 -W 0.1 {address}%oncilla0", check=False)
    gateway.ip("route add 224.0.0.0/4 dev oncilla0")
    gateway.ip("route add 255.255.255.255/32 dev oncilla0", check=False)
    gateway.ip("route add 169.254.0.0/16 dev oncilla0")
    for address in ("224.0.0.1", "239.1.2.3", "169.254.1.1"):
        gateway.run(f"ping -4 -n -c 1 -W 0.1 -I 10.10.1.1 {address}", check=False)
    assert lans.near.ping(lans.far).received == 1
    assert proxy.record.forbidden() == []


# Sizes


@pytest.mark.parametrize("mtu", [1280, 1400])
def test_big_pings_find_their_way_into_a_smaller_lan(gateways, mtu):
    lans = gateways(b={"mtu": mtu})
    big = lans.near.ping(lans.far, count=4, size=3000, timeout=2, arguments=["-M", "want"])
    assert big.received >= 3, big
    cut = lans.near.ping(lans.far.ipv4, count=2, size=3000, timeout=2, arguments=["-M", "dont"])
    assert cut.received == 2, cut


@pytest.mark.parametrize("mtu", [1280, 1400])
def test_the_path_mtu_into_a_smaller_lan_is_learned(gateways, mtu):
    lans = gateways(b={"mtu": mtu})
    for address in (lans.far.address, lans.far.ipv4):
        assert_path_mtu(lans.near, address, mtu)


@pytest.mark.parametrize("mtu", [1280, 1400])
def test_a_ping_that_must_not_be_cut_is_told_what_fits(gateways, mtu):
    """On a way that takes 9,000 bytes but for the last link, whose gateway says so."""
    lans = gateways(a={"mtu": 9000}, b={"mtu": mtu}, run_a={"options": ["--mtu", 9000]})
    router = lans.b.gateway.addresses("port0")[0].split("/")[0]
    for address, teller in ((lans.far.address, router), (lans.far.ipv4, lans.b.ipv4[257])):
        assert_big_ping_is_told(lans.near, address, mtu, teller)


@pytest.mark.parametrize("mtu", [1280, 1400])
def test_tcp_to_and_from_a_smaller_lan(gateways, mtu):
    """Segments keep the size that the hosts agreed on, though the gateway's interface would take longer ones."""
    lans = gateways(b={"mtu": mtu})
    for near, far in ((lans.near.address, lans.far.address), (lans.near.ipv4, lans.far.ipv4)):
        there = Transfer(lans.near.namespace, lans.far.namespace, far, 5_000_000, timeout=10)
        back = Transfer(lans.far.namespace, lans.near.namespace, near, 5_000_000, timeout=10)
        assert max(there.seconds, back.seconds) < 5


@pytest.mark.parametrize("mtu", [1280, 1400])
def test_tcp_finds_its_way_into_a_smaller_lan_that_it_does_not_know(gateways, mtu):
    lans = gateways(b={"narrow": mtu})
    for address in (lans.far.address, lans.far.ipv4):
        transfer = Transfer(lans.near.namespace, lans.far.namespace, address, 5_000_000, timeout=10)
        assert transfer.seconds < 5
        version = "-6" if ":" in address else "-4"
        assert f"mtu {mtu}" in lans.near.namespace.ip(f"{version} route get {address}")


# A bridge on one side


def test_a_bridged_lan_and_a_routed_one(namespaces, daemons, proxy):
    """TAP: the routed prefixes are on link for LAN hosts, the daemon answers for them and finds served hosts."""
    identity = Identity.of("a")
    a = BridgedLAN(namespaces, "a", [identity])
    host = a.hosts[0]
    host.namespace.ip("-6 addr add fd00:a:0:1::2/64 dev eth0 nodad")
    host.namespace.ip(f"-6 route add {B} dev eth0 src fd00:a:0:1::2")
    host.namespace.ip("addr add 10.10.1.2/16 dev eth0")
    host.namespace.ip(f"route add {B4} dev eth0")
    b = RoutedLAN(namespaces, "b", B, ipv4=B4)
    for each in (identity, b.identity):
        proxy.connect(each.name, each.listen_port)
    ways = [part for prefix in (B, B4) for part in ("--route", f"{prefix},via={b.identity.name}")]
    a.run(daemons, proxy.address, [b.identity], options=["--ipv4", "--serve", A, "--serve", A4, *ways])
    back = [part for prefix in (A, A4) for part in ("--route", f"{prefix},via={identity.name}")]
    b.run(daemons, proxy, [identity.name], options=back)
    far = b.hosts[0]
    for near_address, far_address in (("fd00:a:0:1::2", far.address), ("10.10.1.2", far.ipv4)):
        wait_until(lambda: host.can_ping(far_address), 10, what=f"{far_address} to be reached")
        ping = far.ping(near_address)
        assert ping.received == 1 and ping.hop_limits == [63], f"one gateway, one hop: {ping}"
        Transfer(host.namespace, far.namespace, far_address, 20_000_000, source_address=near_address)
        Transfer(far.namespace, host.namespace, near_address, 20_000_000)
    # found anew by who is asked for
    host.forget_neighbours()
    a.daemon.stop()
    a.daemon.start()
    a.join()
    for near_address in ("fd00:a:0:1::2", "10.10.1.2"):
        wait_until(lambda: far.can_ping(near_address), 20, what=f"{near_address} to be found by the new daemon")
        nobody = "fd00:a:0:1::99" if ":" in near_address else "10.10.1.99"
        ping = far.ping(nobody, timeout=8)
        assert ping.received == 0 and ("nreachable" in ping.text), ping
        assert 2.5 < ping.seconds < 5, ping
    assert (proxy.record.found, proxy.record.forbidden()) == ([], [])


def test_every_identity_of_a_bridged_lan_uses_the_routes(namespaces, daemons, proxy):
    identities = [Identity.of("a1"), Identity.of("a2")]
    a, b = BridgedLAN(namespaces, "a", identities), RoutedLAN(namespaces, "b", B)
    for each in (*identities, b.identity):
        proxy.connect(each.name, each.listen_port)
    a.run(daemons, proxy.address, [b.identity], options=["--route", f"{B},via={b.identity.name}"])
    b.run(daemons, proxy, [identity.name for identity in identities])
    far = b.hosts[0]
    for host in a.hosts:
        host.namespace.ip(f"-6 route add {B} dev eth0")
        wait_until(lambda: host.can_ping(far), 10, what=f"{host} to reach the routed host")
        assert far.ping(host).received == 1


@pytest.mark.parametrize("mtu", [1280, 1400])
def test_ipv4_into_a_bridged_lan_with_a_smaller_mtu(namespaces, daemons, proxy, mtu):
    """The daemon is the router here: it cuts what may be cut, and says what fits otherwise."""
    identity = Identity.of("a")
    a = BridgedLAN(namespaces, "a", [identity], mtu=mtu)
    host = a.hosts[0].namespace
    host.ip("addr add 10.10.1.2/16 dev eth0")
    host.ip(f"route add {B4} dev eth0")
    b = RoutedLAN(namespaces, "b", B, ipv4=B4, mtu=9000)
    for each in (identity, b.identity):
        proxy.connect(each.name, each.listen_port)
    a.run(daemons, proxy.address, [b.identity],
          options=["--ipv4", "--serve", A4, "--route", f"{B4},via={b.identity.name}"])
    b.run(daemons, proxy, [identity.name], options=["--route", f"{A4},via={identity.name}", "--mtu", 9000])
    far = b.hosts[0]
    wait_until(lambda: far.can_ping("10.10.1.2"), 10, what="the LAN host to be reached")
    for size in (mtu - 28, mtu - 27, 1472, 3000, 20000):
        cut = far.ping("10.10.1.2", size=size, timeout=2, arguments=["-M", "dont"])
        assert cut.received == 1, f"{size} bytes: {cut}"
    # The daemon has no IPv4 address that peers would take an error from.
    assert_big_ping_is_told(far, "10.10.1.2", mtu, teller="10.10.1.2")
    Transfer(far.namespace, host, "10.10.1.2", 5_000_000)
    Transfer(host, far.namespace, far.ipv4, 5_000_000)
