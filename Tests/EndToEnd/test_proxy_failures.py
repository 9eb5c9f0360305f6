"""What the user and the peers see when Tor, a peer or a circuit fails."""

import contextlib
import re
import socket
import struct
import threading
import time
import types

import pytest

import packets
from fake_socks import FakeSocks
from overlay import Daemon, Namespace, Transfer, free_port, onion_name, overlay_address, wait_until
from test_proxy_traffic import datagrams, send_datagrams, write_hosts
from wire_peer import WirePeer


def assert_unreachable_at_once(ping, code="Address unreachable"):
    assert ping.received == 0, ping
    assert ping.unreachable == code, ping
    assert ping.seconds < 2, ping


# Errors come at once


def test_a_refused_peer_is_unreachable_at_once(daemons, host, proxy, tmp_path, report):
    name = onion_name("refused")
    write_hosts(tmp_path / "hosts", name)
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, hosts=tmp_path / "hosts")
    one.wait_for_interface()
    ping = host.ping(overlay_address(name))
    assert_unreachable_at_once(ping)
    report(f"{ping.seconds * 1000:.0f} ms until ping says so")
    assert len(proxy.dials(name)) == 1
    assert_unreachable_at_once(host.ping(overlay_address(name)))


def test_a_refused_permanent_peer_is_unreachable_at_once(daemons, host, proxy):
    name = onion_name("refused")
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, peers=[name])
    one.wait_for_interface()
    proxy.wait_for_dials(name)
    assert_unreachable_at_once(host.ping(overlay_address(name)))


@pytest.mark.parametrize("answer", [b"\x00\x5b" + bytes(6), b"\x00\x5c" + bytes(6), b"\x00\x00" + bytes(6), b"\x05\x00",
                                    b"HTTP/1.0 501 Tor is not an HTTP Proxy\r\n\r\n", b"", b"\x00\x5a\x00"], ids=repr)
def test_whatever_the_proxy_answers_but_a_grant_is_a_failure(daemons, host, proxy, tmp_path, answer):
    name = onion_name("odd")
    write_hosts(tmp_path / "hosts", name)
    proxy.behave(name, reply=answer)
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, hosts=tmp_path / "hosts")
    one.wait_for_interface()
    assert_unreachable_at_once(host.ping(overlay_address(name)))
    one.assert_running()


def test_tor_down_is_unreachable_at_once(daemons, host, tmp_path):
    name = onion_name("b")
    write_hosts(tmp_path / "hosts", name)
    one = daemons(onion=onion_name("one"), netns=host, socks=f"127.0.0.1:{free_port()}", hosts=tmp_path / "hosts")
    one.wait_for_interface()
    assert_unreachable_at_once(host.ping(overlay_address(name)))


def test_tor_down_on_a_unix_socket_is_unreachable_at_once(daemons, host, tmp_path):
    name = onion_name("b")
    write_hosts(tmp_path / "hosts", name)
    one = daemons(onion=onion_name("one"), netns=host, socks=f"unix:{tmp_path}/absent", hosts=tmp_path / "hosts")
    one.wait_for_interface()
    one.wait_for_line(rf"waiting for tor at .*{tmp_path}/absent")
    assert_unreachable_at_once(host.ping(overlay_address(name)))


def test_tcp_says_no_route_at_once(daemons, host, proxy, tmp_path):
    name = onion_name("refused")
    write_hosts(tmp_path / "hosts", name)
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, hosts=tmp_path / "hosts")
    one.wait_for_interface()
    with host.socket() as client:
        client.settimeout(5)
        started = time.monotonic()
        with pytest.raises(OSError, match="No route to host"):
            client.connect((overlay_address(name), 22))
        assert time.monotonic() - started < 3


def test_an_address_without_a_name_is_unreachable_at_once(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address)
    one.wait_for_interface()
    for address in (overlay_address(onion_name("nobody")), "fd87:d87e:eb43::1"):
        assert_unreachable_at_once(host.ping(address))
    assert not proxy.dials(but=[one.onion])


def test_a_destination_outside_the_overlay_has_no_route(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address)
    one.wait_for_interface()
    host.ip("-6 route add 2001:db8::/32 dev oncilla0")
    assert_unreachable_at_once(host.ping("2001:db8::1"), "No route")
    assert not proxy.dials(but=[one.onion])


def test_errors_are_well_formed_and_rate_limited(daemons, host, proxy, report):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address)
    one.wait_for_interface()
    sniffer = host.packet_socket("oncilla0")
    sniffer.settimeout(1)
    unknown = overlay_address(onion_name("nobody"))
    started = time.monotonic()
    with host.socket(kind=socket.SOCK_DGRAM) as sender:
        for number in range(2000):
            with contextlib.suppress(OSError):  # the error of an earlier one
                sender.sendto(b"%04d" % number + bytes(1000), (unknown, 9))
    seconds = time.monotonic() - started
    errors = []
    with contextlib.suppress(TimeoutError):
        while True:
            data, (_, _, kind, *_) = sniffer.recvfrom(65536)
            if kind != socket.PACKET_OUTGOING:
                errors.append(packets.Packet(data))
    report(f"{len(errors)} errors for 2000 packets in {seconds:.2f} s")
    assert 1 <= len(errors) <= 50 + 100 * seconds
    for error in errors:
        assert error.destination == one.address
        assert error.next_header == packets.ICMPV6
        assert error.payload[:2] == b"\x01\x03"
        assert packets.checksum(error.source, error.destination, packets.ICMPV6, error.payload) == 0
        assert len(error.raw) <= 1280
        offender = packets.Packet(error.payload[8:])
        assert (offender.source, offender.destination) == (one.address, unknown)


def test_no_error_answers_an_error(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address)
    one.wait_for_interface()
    unknown = overlay_address(onion_name("nobody"))
    sniffer = host.packet_socket("oncilla0")
    sniffer.settimeout(0.5)
    inner = packets.udp(unknown, one.address, 1, 2, b"x")
    with host.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
        raw.sendto(struct.pack("!BBHI", 1, 4, 0, 0) + inner, (unknown, 0))
    with contextlib.suppress(TimeoutError):
        while True:
            data, (_, _, kind, *_) = sniffer.recvfrom(65536)
            assert kind == socket.PACKET_OUTGOING, f"answered with {data.hex()}"


# Tor comes and goes


def test_tor_absent_at_the_start(daemons, host, wire_peer, report):
    peer = wire_peer("w")
    late = FakeSocks(start=False)
    late.connect(peer.name, peer.port)
    one = daemons(onion=onion_name("one"), netns=host, socks=late.address, peers=[peer.name])
    one.wait_for_interface()
    one.wait_for_line(rf"waiting for tor at {re.escape(late.address)}")
    time.sleep(1)
    mark = one.mark()
    with late:
        late.start()
        started = time.monotonic()
        one.wait_for_line("Tor is (there|back) at", timeout=40, since=mark)
        report(f"dialling {time.monotonic() - started:.1f} s after Tor came")
        peer.wait_for_circuit(timeout=40)
    assert len(re.findall("waiting for tor", one.log()[:mark], re.IGNORECASE)) == 1, "it says so once"


def test_traffic_comes_back_after_tor_restarts(pair, proxy, report):
    hosts = pair(proxy)
    assert hosts.a.host.ping(hosts.b.address).received == 1
    proxy.stop()
    time.sleep(2)
    assert hosts.a.host.ping(hosts.b.address, timeout=2).received == 0
    proxy.start()
    started = time.monotonic()
    wait_until(lambda: hosts.a.host.can_ping(hosts.b.address), 40, interval=0.2, what="a ping after Tor's restart")
    report(f"traffic {time.monotonic() - started:.1f} s after Tor's restart")
    Transfer(hosts.b.host, hosts.a.host, hosts.a.address, 1_000_000)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_transfer_survives_its_circuit(pair, proxy, reset):
    proxy.behave(onion_name("pair b"), rate=2_000_000)
    hosts = pair(proxy)
    assert hosts.a.host.ping(hosts.b.address).received == 1
    before = len(proxy.dials(hosts.b.onion))
    cutter = threading.Timer(0.5, lambda: proxy.cut(hosts.b.onion, reset))
    cutter.start()
    Transfer(hosts.a.host, hosts.b.host, hosts.b.address, 3_000_000, timeout=60)
    cutter.join()
    assert len(proxy.dials(hosts.b.onion)) > before, "the transfer was over before the cut"


def test_a_circuit_that_is_cut_within_a_packet_starts_again_with_a_keepalive(daemons, host, proxy, wire_peer):
    peer = wire_peer("w")
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, peers=[peer.name])
    keepalive_length = len(peer.wait_for_circuit().wait_for_packets()[0].raw)
    proxy.behave(peer.name, cut_after=keepalive_length + 1000)
    proxy.cut(peer.name)
    again = peer.wait_for_circuit(1, timeout=20)
    again.wait_for_packets()
    proxy.behave(peer.name)
    send_datagrams(host, peer.address, [b"%04d" % number + bytes(800) for number in range(2)])
    again.wait_for_close()
    assert again.rest(), "it was not cut within a packet"
    clean = peer.wait_for_circuit(2, timeout=40)
    assert clean.wait_for_packets()[0].is_keepalive
    send_datagrams(host, peer.address, [b"clean"])
    wait_until(lambda: b"clean" in datagrams(clean))
    assert not clean.rest()
    one.assert_running()


def test_a_stuck_circuit_bounds_memory_and_leaves_the_others_alone(daemons, host, proxy, wire_peer, report):
    stuck, fine = wire_peer("stuck"), wire_peer("fine")
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, peers=[stuck.name, fine.name],
                  options=["--circuits", 1])
    one.wait_for_interface()
    stuck.wait_for_circuit().wait_for_packets()
    circuit = fine.wait_for_circuit()
    stuck.wait_for_circuit().pause()
    before = one.rss()
    for _ in range(60):
        send_datagrams(host, stuck.address, [bytes(1400)] * 500)

    def arrives():
        send_datagrams(host, fine.address, [b"fine"])  # again, because the flood may fill the kernel's queue
        return b"fine" in datagrams(circuit)

    wait_until(arrives, interval=0.1, what="traffic to the other peer")
    report(f"resident {before / 1e6:.1f} MB, and {one.rss() / 1e6:.1f} MB after 42 MB to a peer that does not read")
    # 4 MiB wait at the most.
    assert one.rss() < before + 6e6
    stuck.wait_for_circuit().resume()

    def flows():
        send_datagrams(host, stuck.address, [b"the end"])
        return b"the end" in datagrams(stuck.circuits[-1])

    wait_until(flows, 20, interval=0.2, what="traffic after the jam")
    stuck.circuits[-1].packets()  # every packet whole, in spite of what was dropped


# What takes a minute, all at the same time


@pytest.fixture(scope="module")
def minute(tmp_path_factory):
    """One daemon for 66 s with peers that are quiet, refused, cut at once, silent, and asked for all the time."""
    with contextlib.ExitStack() as stack:
        host = stack.enter_context(Namespace("minute"))
        proxy = stack.enter_context(FakeSocks())
        quiet = stack.enter_context(WirePeer("quiet", proxy))
        names = types.SimpleNamespace(refused=onion_name("refused"), wanted=onion_name("wanted"),
                                      cut=onion_name("cut"), silent=onion_name("silent"))
        proxy.behave(names.cut, close_after_reply=True)
        proxy.behave(names.silent, reply=None)
        hosts = tmp_path_factory.mktemp("minute") / "hosts"
        write_hosts(hosts, names.wanted, names.silent)
        started = time.monotonic()
        one = stack.enter_context(Daemon(onion=onion_name("minute"), netns=host, socks=proxy.address, hosts=hosts,
                                         peers=[quiet.name, names.refused, names.cut]))
        one.wait_for_interface()
        silent, wanted = [], []
        threads = [
            threading.Thread(target=lambda: silent.append(host.ping(overlay_address(names.silent), timeout=70))),
            threading.Thread(target=lambda: wanted.append(
                host.ping(overlay_address(names.wanted), count=200, timeout=1))),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(max(0, started + 64 - time.monotonic()))
        one.assert_running()
        yield types.SimpleNamespace(daemon=one, proxy=proxy, quiet=quiet, names=names, silent=silent[0],
                                    wanted=wanted[0], started=started)


def dial_times(minute, name):
    return [request.time for request in minute.proxy.dials(name)]


@pytest.mark.seconds(200)
def test_a_proxy_that_never_answers_is_unreachable_after_sixty_seconds(minute):
    assert minute.silent.unreachable == "Address unreachable", minute.silent
    assert 57 < minute.silent.seconds < 65, minute.silent


@pytest.mark.parametrize("which", ["refused", "cut", "wanted", "silent"])
def test_no_peer_is_dialled_more_than_three_times_in_thirty_seconds(minute, which, report):
    times = dial_times(minute, getattr(minute.names, which))
    report(f"dialled at {', '.join(f'{at - minute.started:.1f}' for at in times)} s")
    assert times
    for first in times:
        assert len([at for at in times if first <= at < first + 29.9]) <= 3


@pytest.mark.parametrize("which", ["refused", "cut"])
def test_permanent_peers_are_dialled_again(minute, which):
    assert len(dial_times(minute, getattr(minute.names, which))) >= 3


def test_every_packet_for_a_refused_peer_is_answered_at_once(minute):
    answered = minute.wanted.text.count("Destination unreachable: Address unreachable")
    assert answered >= 0.9 * minute.wanted.sent, minute.wanted


def test_a_quiet_permanent_peer_is_asked_whether_it_is_there_after_a_minute(minute):
    circuit = minute.quiet.circuits[-1]
    wait_until(lambda: len(circuit.packets()) >= 2, timeout=10, what="a question")
    arrived = circuit.packets()
    assert [packet.is_keepalive for packet in arrived] == [True, False]
    assert arrived[1].next_header == packets.ICMPV6
    assert arrived[1].payload[:2] == bytes([128, 0]), "an echo request, since it has said nothing of itself"
    assert packets.checksum(arrived[1].source, arrived[1].destination, packets.ICMPV6, arrived[1].payload) == 0
    assert not circuit.is_closed
