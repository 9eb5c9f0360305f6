"""Two LANs whose bridges have the overlay as a port: every host is an onion service and reaches every other.

    a1 -- bridge -- oncilla A --- fake proxy --- oncilla B -- bridge -- b1
    a2 ------'                                                  '------ b2
"""

import contextlib
import socket
import time

import pytest

import ethernet
import overlay
import packets
from capture import Capture
from ethernet import RawPort
from fake_socks import FakeSocks
from lan import BridgedLAN, Identity, assert_big_ping_is_told, assert_path_mtu, bridged_pair, silences
from overlay import DEAD_BEEF, FEED_BEEF, PREFIX, Transfer, wait_until
from secure_shell import SecureShell
from wire_record import WireRecord

OVERLAY = PREFIX.network_address.packed[:6]
UNREACHABLE = 1


@pytest.fixture
def proxy():
    """Everything that crosses is written down."""
    with FakeSocks(record=WireRecord()) as proxy:
        yield proxy


@pytest.fixture
def lans(namespaces, daemons, proxy):
    return bridged_pair(namespaces, daemons, proxy)


def settle(pairs):
    """Circuits stand, bridges and neighbours have learned."""
    for source, destination in pairs:
        wait_until(lambda: source.can_ping(destination), 15, what=f"{source} to reach {destination}")


def to_group(host, group):
    with host.namespace.socket(kind=socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, host.index)
        sender.sendto(b"to all of you", (group, 5353))


def is_overlay(address):
    return packets.address_bytes(address).startswith(OVERLAY)


# Reaching each other


def test_every_host_reaches_every_host_across(lans, report):
    first = {pair: pair[0].ping(pair[1]) for pair in lans.across}
    assert not silences(first), silences(first)
    more = {pair: pair[0].ping(pair[1], count=10, burst=True) for pair in lans.across}
    assert not silences(more), silences(more)
    report(f"first pings took {', '.join(f'{ping.milliseconds[0]:.1f}' for ping in first.values())} ms, "
           f"then {max(ping.median for ping in more.values()):.2f} ms at most (medians of 10 at once)")


def test_every_host_logs_in_on_every_host_across(lans):
    with contextlib.ExitStack() as stack:
        shells = {host: stack.enter_context(SecureShell(host.namespace, host.address))
                  for host in [*lans.a.hosts, *lans.b.hosts]}
        for source, destination in lans.across:
            command = ["ssh", "-F", shells[destination].client_config, destination.address, "echo $SSH_CONNECTION; cat"]
            lines = source.namespace.run(command, input="carried", timeout=30).stdout.splitlines()
            client, _, server, _ = lines[0].split()
            assert (client, server, lines[1]) == (source.address, destination.address, "carried")


def test_100_megabytes_from_every_host_to_every_host_across(lans, report):
    settle(lans.across)
    done = [Transfer(source.namespace, destination.namespace, destination.address, 100_000_000)
            for source, destination in lans.across]
    report(f"{len(done)} times 100 MB at {min(one.megabits for one in done):.0f} to "
           f"{max(one.megabits for one in done):.0f} Mbit/s, resident "
           + " and ".join(f"{daemon.rss() / 1e6:.1f} MB" for daemon in lans.daemons))


def test_datagrams_that_are_sent_together_arrive_apart(lans):
    settle(lans.across)
    for source, destination in lans.across:
        overlay.send_cut_datagrams(source.namespace, destination.namespace, destination.address)


def test_without_offload(namespaces, daemons, proxy):
    lans = bridged_pair(namespaces, daemons, proxy, options=["--no-offload"])
    settle(lans.across)
    for source, destination in lans.across[:2]:
        Transfer(source.namespace, destination.namespace, destination.address, 10_000_000)


def test_hosts_of_one_lan_need_no_daemon(lans):
    one, other = lans.a.hosts
    assert one.ping(other).received == 1
    assert one.neighbour_mac(other.address) == other.mac
    lans.a.daemon.stop()
    one.forget_neighbours()
    assert one.ping(other).received == 1


def test_the_responders_answer_lan_hosts(lans, proxy):
    settle(lans.across)
    for host in lans.a.hosts:
        ping = host.ping(DEAD_BEEF, count=3, burst=True)
        assert ping.received == 3, ping
        assert host.neighbour_mac(DEAD_BEEF) == lans.a.tap_mac
    for host in lans.a.hosts:
        ping = host.ping(FEED_BEEF, count=3, burst=True)
        assert ping.received == 3, ping
        assert len(proxy.loops(host.identity.name)) == 1, "each identity calls itself"


def test_a_tun_peer_and_a_lan(namespaces, daemons, proxy):
    lan = BridgedLAN(namespaces, "a", [Identity.of("a1"), Identity.of("a2")])
    tun = Identity.of("tun")
    host = namespaces("tun")
    for identity in (*lan.identities, tun):
        proxy.connect(identity.name, identity.listen_port)
    lan.run(daemons, proxy.address, peers=[tun])
    single = daemons(onion=tun.name, listen=[f"127.0.0.1:{tun.listen_port}"], netns=host, socks=proxy.address,
                     peers=[identity.name for identity in lan.identities])
    single.wait_for_interface()
    for member in lan.hosts:
        assert host.ping(member.address).received == 1
        assert member.ping(tun).received == 1
        Transfer(host, member.namespace, member.address, 20_000_000)
        Transfer(member.namespace, host, tun.address, 20_000_000)


@pytest.mark.parametrize("options", [[], ["--no-offload"]], ids=["offload", "no-offload"])
def test_the_interface_itself_carries_the_address(pair, proxy, options, report):
    hosts = pair(proxy, options=["--mode", "tap", *options])
    for one, other in ((hosts.a, hosts.b), (hosts.b, hosts.a)):
        ping = one.host.ping(other.address, count=10)
        assert ping.received == 10, ping
    there = Transfer(hosts.a.host, hosts.b.host, hosts.b.address, 100_000_000)
    Transfer(hosts.b.host, hosts.a.host, hosts.a.address, 10_000_000)
    assert hosts.a.host.has_guard_route()
    report(f"100 MB at {there.megabits:.0f} Mbit/s")


def test_a_restarted_daemon_has_the_mac_address_that_it_had(lans, proxy):
    settle(lans.across)
    before = lans.a.tap_mac
    assert lans.a.hosts[0].neighbour_mac(lans.b.hosts[0].address) == before
    assert int(before[:2], 16) & 3 == 2, f"{before} is not locally administered and unicast"
    assert lans.b.tap_mac != before
    lans.a.daemon.stop()
    lans.a.daemon.start()
    lans.a.join()
    settle(lans.across)
    assert lans.a.hosts[0].neighbour_mac(lans.b.hosts[0].address) == before == lans.a.tap_mac


def test_the_bridge_snoops_groups_and_asks_for_members(namespaces, daemons, proxy):
    lans = bridged_pair(namespaces, daemons, proxy, snooping=True)
    bystander = lans.a.add()  # a port that asked for none of the groups in question
    near, far = lans.a.hosts[0], lans.b.hosts[0]
    settle(lans.across)

    def asked(target):
        return port.received(lambda frame: frame.is_about(ethernet.NEIGHBOUR_SOLICITATION, target))

    with RawPort(bystander.namespace, "eth0") as port:
        def snoops():
            port.forget()
            near.ping("fd87:d87e:eb43::77", timeout=0.2)
            return not asked("fd87:d87e:eb43::77")

        wait_until(snoops, 10, what="the bridge to keep solicitations from a port that is no member")
        for source, destination in ((near, far), (far, near)):
            source.forget_neighbours()
            ping = source.ping(destination, count=3)
            assert ping.received == 3, ping
        assert not asked(far.address), "the bridge floods: this shows nothing"
    for lan in (lans.a, lans.b):
        assert "mcast_router 2" in lan.bridge.run("bridge -d link show dev oncilla0").stdout


# What crosses, and what does not


def test_nothing_crosses_but_packets_of_identities(namespaces, daemons, proxy):
    quiet = Identity.of("quiet")  # a peer for whose address there is only noise
    lans = bridged_pair(namespaces, daemons, proxy, a={"empty": [Identity.of("quiet too")]}, b={"empty": [quiet]})
    settle(lans.across)
    everyone = [*lans.a.hosts, *lans.b.hosts]
    record = proxy.record
    record.watch_for(*(host.mac for host in everyone), lans.a.tap_mac, lans.b.tap_mac,
                     lans.a.bridge.mac("br0"), lans.b.bridge.mac("br0"))
    with contextlib.ExitStack() as stack:
        from_daemon = {lan: stack.enter_context(Capture(lan.bridge, "oncilla0", "in")) for lan in (lans.a, lans.b)}
        at_host = {host: stack.enter_context(Capture(host.namespace, "eth0", "in")) for host in everyone}
        for host in everyone:
            make_noise(host, lans, quiet)
        settle(lans.across)
        for source, destination in lans.across:
            Transfer(source.namespace, destination.namespace, destination.address, 1_000_000)
        for host in everyone:
            make_noise(host, lans, quiet)
        settle(lans.across)

    # on the wire
    assert record.found == []
    assert record.forbidden() == []
    assert record.talks() == {(source.address, destination.address) for source, destination in lans.across}
    for flow in record.flows():
        assert flow.version == 6 and not flow.backwards, flow

    # from the daemon to its LAN
    for lan, other in ((lans.a, lans.b), (lans.b, lans.a)):
        own = {host.address: host.mac for host in lan.hosts}
        away = {host.mac for host in other.hosts} | {other.tap_mac}
        assert len(from_daemon[lan].frames) > 100
        for frame in from_daemon[lan].frames:
            assert frame.source == lan.tap_mac, frame
            assert frame.kind == ethernet.IPV6, frame
            assert not any(ethernet.mac_bytes(mac) in frame.raw[:100] for mac in away), frame
            if frame.message in (ethernet.NEIGHBOUR_SOLICITATION, ethernet.NEIGHBOUR_ADVERTISEMENT):
                continue
            assert own.get(frame.packet.destination) == frame.destination, frame
            if frame.message == UNREACHABLE:
                continue
            assert frame.packet.source in {host.address for host in other.hosts}, frame

    # to each host
    for host, capture in at_host.items():
        assert capture.frames
        for frame in capture.frames:
            if frame.packet and not frame.is_group and is_overlay(frame.packet.destination) \
                    and frame.packet.destination != quiet.address:
                assert frame.packet.destination == host.address, frame


def make_noise(host, lans, quiet):
    """What LANs say to themselves, and what nobody should."""
    namespace = host.namespace
    namespace.run("ping -6 -n -c 1 -W 0.1 ff02::1%eth0; ping -6 -n -c 1 -W 0.1 ff05::2%eth0", check=False)
    for group in ("ff02::fb", "ff02::1:2", "ff05::1:3", "ff0e::1234"):
        to_group(host, group)
    peer = next(other for source, other in lans.across if source is host)
    tap = (lans.a if host in lans.a.hosts else lans.b).tap_mac
    with RawPort(namespace, "eth0") as port:
        link_local = "fe80::1234"
        spanning_tree = b"\x00\x26" + bytes.fromhex("424203") + bytes(35)
        port.send(ethernet.mac_bytes(ethernet.SPANNING_TREE) + ethernet.mac_bytes(port.mac) + spanning_tree)
        lldp = bytes.fromhex("020704") + ethernet.mac_bytes(port.mac) + bytes(40)
        port.send(ethernet.frame("01:80:c2:00:00:0e", port.mac, 0x88CC, lldp))
        port.send(ethernet.frame(ethernet.BROADCAST, port.mac, ethernet.ARP,
                                 ethernet.arp(1, port.mac, "10.0.0.1", "10.0.0.2") + bytes(18)))
        port.send(ethernet.frame(ethernet.BROADCAST, port.mac, 0x0806, bytes(46)))
        port.send_packet("33:33:00:00:00:02", packets.icmpv6(link_local, "ff02::2", ethernet.ROUTER_SOLICITATION, 0,
                                                             bytes(4), hop_limit=255))
        # link-local, unspecified, loopback or group addresses in frames to the daemon itself
        for source, destination in ((link_local, peer.address), (host.address, "fe80::9"), ("::", peer.address),
                                    ("::1", peer.address), (host.address, "::1"), (host.address, "ff02::1"),
                                    (host.address, "ff0e::1"), ("ff02::1", peer.address), (host.address, "::")):
            port.send_packet(tap, packets.echo_request(source, destination))
            port.send_packet(ethernet.BROADCAST, packets.echo_request(source, destination))
        # a good packet, but in a frame that is for everybody or somebody else
        for mac in (ethernet.BROADCAST, "33:33:00:00:00:01", "01:00:5e:00:00:fb", "02:00:5e:99:99:99"):
            port.send_packet(mac, packets.echo_request(host.address, quiet.address))


def test_a_source_that_is_no_identity_is_refused(lans, proxy):
    settle(lans.across)
    near, far = lans.a.hosts[0], lans.b.hosts[0]
    for stranger in ("fd87:d87e:eb43::77", "fd00:1234::1", "2001:db8::1"):
        near.namespace.ip(f"-6 addr add {stranger}/64 dev eth0 nodad")
        ping = near.ping(far, timeout=3, arguments=["-I", stranger])
        assert ping.received == 0
        assert ping.unreachable == "Administratively prohibited", ping
        assert ping.seconds < 2
    assert {source for source, _ in proxy.record.talks()} <= {host.address for host in (*lans.a.hosts, *lans.b.hosts)}


def test_an_address_of_this_side_that_nobody_has(namespaces, daemons, proxy):
    nobody = Identity.of("nobody")
    lans = bridged_pair(namespaces, daemons, proxy, a={"empty": [nobody]})
    far = lans.b.hosts[0]
    settle([(far, lans.a.hosts[0])])
    with Capture(lans.a.bridge, "oncilla0", "in") as capture:
        ping = far.ping(nobody, timeout=8)
    assert ping.unreachable == "Address unreachable", ping
    assert 2.5 < ping.seconds < 5, ping
    asked = [frame for frame in capture.frames if frame.is_about(ethernet.NEIGHBOUR_SOLICITATION, nobody.address)]
    assert len(asked) == 3
    for frame in asked:
        assert frame.destination == ethernet.multicast_mac(ethernet.solicited_node(nobody.address))
        assert frame.packet.hop_limit == 255


# Hosts that change


def replace_card(host, mac, announce=False):
    namespace = host.namespace
    namespace.sysctl("net.ipv6.conf.eth0.ndisc_notify", int(announce))
    namespace.ip("link set eth0 down")
    namespace.ip(f"link set eth0 address {mac}")
    namespace.ip("link set eth0 up")
    namespace.ip(f"-6 addr add {host.address}/48 dev eth0")  # with `nodad` the kernel announces nothing


@pytest.mark.parametrize("how", ["that announces itself", "that speaks"])
def test_a_host_moves_to_another_mac_address(lans, how, report):
    settle(lans.across)
    moved, far = lans.a.hosts[0], lans.b.hosts[0]
    replace_card(moved, "02:00:5e:10:20:30", announce=how == "that announces itself")
    if how == "that speaks":
        assert moved.ping(far).received == 1
    began = time.monotonic()
    wait_until(lambda: far.can_ping(moved, timeout=0.5), 5, what="the host with its new card to be reached")
    report(f"reached after {time.monotonic() - began:.1f} s")


def test_a_host_moves_to_another_mac_address_and_is_silent(lans, report):
    """Nothing tells the daemon: what it knows must be asked for again when it is used and old."""
    settle(lans.across)
    moved, far = lans.a.hosts[0], lans.b.hosts[0]
    moved.namespace.sysctl("net.ipv6.conf.eth0.ndisc_notify", 0)
    replace_card(moved, "02:00:5e:10:20:30")
    began = time.monotonic()
    wait_until(lambda: far.can_ping(moved), 60, interval=0.5, what="the silent host with its new card to be reached")
    report(f"reached after {time.monotonic() - began:.1f} s")


def test_an_identity_moves_to_another_host(lans):
    settle(lans.across)
    old, far = lans.a.hosts[0], lans.b.hosts[0]
    old.namespace.ip("link set eth0 down")
    new = lans.a.add()
    new.namespace.sysctl("net.ipv6.conf.eth0.ndisc_notify", 1)
    new.namespace.ip(f"-6 addr add {old.address}/48 dev eth0")
    new.address = old.address
    # The bridge forwards for a new port as soon as the kernel's workqueue has come to it.
    wait_until(lambda: new.ping(far).received == 1, 20, what="the new host to be answered")
    assert far.ping(new).received == 1


def test_the_interface_leaves_the_bridge_and_comes_back(lans):
    settle(lans.across)
    near, far = lans.a.hosts[0], lans.b.hosts[0]
    lans.a.bridge.ip("link set oncilla0 nomaster")
    assert not near.can_ping(far)
    lans.a.bridge.ip("link set oncilla0 down")
    lans.a.bridge.ip("link set oncilla0 up")
    lans.a.bridge.ip("link set oncilla0 master br0")
    wait_until(lambda: near.can_ping(far), 10, what="traffic after the interface came back")
    wait_until(lambda: far.can_ping(near), 10, what="traffic the other way")


# Sizes


@pytest.mark.parametrize("mtu", [1280, 1400])
def test_a_lan_with_a_smaller_mtu_says_what_fits(namespaces, daemons, proxy, mtu):
    lans = bridged_pair(namespaces, daemons, proxy, a={"mtu": mtu})
    settle(lans.across)
    for source, destination in lans.across:
        big = source.ping(destination, count=4, size=3000, timeout=2, arguments=["-M", "want"])
        assert big.received >= 3, big
    lans.b.hosts[0].namespace.ip("-6 route flush cache")
    assert_path_mtu(lans.b.hosts[0], lans.a.hosts[0].address, mtu)
    for source, destination in (lans.across[0], lans.across[1]):
        Transfer(source.namespace, destination.namespace, destination.address, 5_000_000)
    for near in lans.a.hosts:
        far = lans.b.hosts[0]
        with near.namespace.socket(kind=socket.SOCK_DGRAM) as receiver:
            receiver.bind((near.address, 5353))
            receiver.settimeout(5)
            data = overlay.pattern_bytes(4000)
            with far.namespace.socket(kind=socket.SOCK_DGRAM) as sender:
                sender.sendto(data, (near.address, 5353))  # the first may teach what fits
                time.sleep(0.1)
                sender.sendto(data, (near.address, 5353))
            assert receiver.recv(65536) == data


@pytest.mark.parametrize("mtu", [1280, 1400])
def test_a_ping_that_must_not_be_cut_is_told_what_fits(namespaces, daemons, proxy, mtu):
    lans = bridged_pair(namespaces, daemons, proxy, a={"mtu": mtu}, b={"mtu": 9000})
    near, far = lans.b.hosts[0], lans.a.hosts[0]
    settle([(near, far), (far, near)])
    # The address that the circuit was dialled to: the daemon has none of its own there.
    assert_big_ping_is_told(near, far.address, mtu, teller=far.address)


def test_jumbo_frames_where_both_lans_take_them(namespaces, daemons, proxy):
    lans = bridged_pair(namespaces, daemons, proxy, a={"mtu": 9000}, b={"mtu": 4000})
    near, far = lans.a.hosts[0], lans.b.hosts[0]
    settle([(near, far), (far, near)])
    for source, destination in ((near, far), (far, near)):
        whole = source.ping(destination, count=3, size=3000, burst=True, arguments=["-M", "do"])
        assert whole.received == 3, whole
    assert_path_mtu(near, far.address, 4000)
    for source, destination in ((near, far), (far, near)):
        Transfer(source.namespace, destination.namespace, destination.address, 20_000_000)


def test_tcp_finds_its_way_when_only_the_daemon_knows_the_smaller_mtu(namespaces, daemons, proxy):
    """Both hosts announce segments for 1,500 bytes; what does not fit must be reported, not lost."""
    lans = bridged_pair(namespaces, daemons, proxy, a={"tap_mtu": 1280})
    near, far = lans.a.hosts[0], lans.b.hosts[0]
    settle([(near, far), (far, near)])
    transfer = Transfer(far.namespace, near.namespace, near.address, 5_000_000, timeout=10)
    assert transfer.seconds < 5
    assert_path_mtu(far, near.address, 1280, both_ways=False)


def test_what_was_put_on_the_lan_is_gone_after_a_stop(lans):
    settle(lans.across[:1])
    lans.a.daemon.stop()
    assert not lans.a.bridge.has_interface("oncilla0")
    assert lans.a.bridge.has_only_guards()
    lans.b.daemon.kill()
    assert not lans.b.bridge.has_interface("oncilla0")
