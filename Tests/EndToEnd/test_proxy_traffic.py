"""Two daemons, or one and a peer in Python, over a proxy that plays Tor: what must work on good and bad days."""

import os
import socket
import time

import pytest

import packets
from fake_socks import FakeSocks
from overlay import (DEAD_BEEF, FEED_BEEF, Transfer, free_port, onion_name, overlay_address,
                     pattern_bytes, wait_until)


def write_hosts(path, *names):
    """As an editor does: a new file takes the old one's place."""
    fresh = path.with_suffix(".new")
    fresh.write_text("# names for a test\n" + "".join(f"{overlay_address(name)} {name}\n" for name in names))
    os.replace(fresh, path)


def send_datagrams(source, address, payloads, port=9):
    with source.socket(kind=socket.SOCK_DGRAM) as sender:
        for payload in payloads:
            sender.sendto(payload, (address, port))


def datagrams(circuit):
    """The UDP payloads that came over a circuit."""
    return [packet.payload[8:] for packet in circuit.packets() if packet.next_header == packets.UDP]


# Two daemons


def test_hosts_reach_each_other(pair, proxy, report):
    hosts = pair(proxy)
    first = hosts.a.host.ping(hosts.b.address)
    assert first.received == 1, first
    both = [one.host.ping(other.address, count=10) for one, other in ((hosts.a, hosts.b), (hosts.b, hosts.a))]
    assert [ping.received for ping in both] == [10, 10], both
    report(f"first ping {first.milliseconds[0]:.1f} ms, then {both[0].median:.2f} ms (median of 10)")


def test_files_arrive_whole_in_both_directions(pair, proxy, report):
    hosts = pair(proxy)
    there = Transfer(hosts.a.host, hosts.b.host, hosts.b.address, 100_000_000)
    back = Transfer(hosts.b.host, hosts.a.host, hosts.a.address, 20_000_000)
    report(f"100 MB at {there.megabits:.0f} Mbit/s, 20 MB back at {back.megabits:.0f} Mbit/s, "
           f"resident {hosts.a.rss() / 1e6:.1f} and {hosts.b.rss() / 1e6:.1f} MB")


def test_datagrams_arrive_whole(pair, proxy):
    hosts = pair(proxy)
    assert hosts.a.host.ping(hosts.b.address).received == 1
    with hosts.b.host.socket(kind=socket.SOCK_DGRAM) as receiver:
        receiver.bind((hosts.b.address, 5353))
        receiver.settimeout(5)
        for size in (0, 1, 1000, 1452, 4000, 20000):
            payload = pattern_bytes(size, seed=size)
            send_datagrams(hosts.a.host, hosts.b.address, [payload], port=5353)
            data, sender = receiver.recvfrom(65536)
            assert data == payload
            assert sender[0] == hosts.a.address


@pytest.mark.parametrize("behaviour", [{"chunk": 1}, {"chunk": 39}, {"chunk": 1499}, {"merge": 0.05},
                                       {"reply_chunk": 1, "reply_delay": 0.1}], ids=str)
def test_packets_survive_any_splitting_of_the_stream(pair, proxy, behaviour):
    for seed in "ab":
        proxy.behave(onion_name(f"pair {seed}"), **behaviour)
    hosts = pair(proxy)
    ping = hosts.a.host.ping(hosts.b.address, count=10, burst=True)
    assert ping.received == 10, ping
    Transfer(hosts.a.host, hosts.b.host, hosts.b.address, 200_000)


@pytest.mark.parametrize("mtu", [1280, 1500, 9000])
def test_every_size_around_the_mtu_arrives(pair, proxy, mtu):
    hosts = pair(proxy, options=[] if mtu == 1500 else ["--mtu", mtu])
    assert hosts.a.host.mtu("oncilla0") == mtu
    whole = mtu - 48
    for size in (0, 1, whole - 1, whole, whole + 1, 2 * mtu, 30000):
        ping = hosts.a.host.ping(hosts.b.address, size=size)
        assert ping.received == 1, f"{size} bytes: {ping}"
    unfragmented = hosts.a.host.ping(hosts.b.address, size=whole, arguments=["-M", "do"])
    assert unfragmented.received == 1, unfragmented


def test_hosts_with_different_mtus_reach_each_other(pair, proxy):
    hosts = pair(proxy, a={"options": ["--mtu", 9000]}, b={"options": ["--mtu", 1280]})
    assert hosts.a.host.ping(hosts.b.address, size=8000).received == 1
    Transfer(hosts.a.host, hosts.b.host, hosts.b.address, 1_000_000)
    Transfer(hosts.b.host, hosts.a.host, hosts.a.address, 1_000_000)


def test_socks_over_ipv6(pair):
    with FakeSocks(host="::1") as proxy:
        hosts = pair(proxy)
        assert hosts.a.host.ping(hosts.b.address).received == 1


def test_socks_over_a_unix_socket(pair, tmp_path):
    with FakeSocks(f"unix:{tmp_path}/socks") as proxy:
        hosts = pair(proxy)
        assert hosts.a.host.ping(hosts.b.address).received == 1
        Transfer(hosts.a.host, hosts.b.host, hosts.b.address, 1_000_000)


def test_the_side_that_is_not_configured_learns_the_name(pair, proxy):
    hosts = pair(proxy, b={"peers": []})
    assert hosts.a.host.ping(hosts.b.address).received == 1
    assert hosts.b.host.ping(hosts.a.address).received == 1
    assert len(proxy.dials(hosts.a.onion)) == 1


def test_traffic_comes_back_after_a_peer_restarts(pair, proxy, report):
    hosts = pair(proxy)
    assert hosts.a.host.ping(hosts.b.address).received == 1
    hosts.b.stop()
    hosts.b.start()
    hosts.b.wait_for_interface()
    started = time.monotonic()
    wait_until(lambda: hosts.a.host.can_ping(hosts.b.address), 40, what="a ping after the peer's restart")
    report(f"traffic {time.monotonic() - started:.1f} s after the peer's restart")


# One daemon: what it sends


def test_socks_request_byte_for_byte(daemons, host, proxy, wire_peer):
    peer = wire_peer("w")
    daemons(onion=onion_name("one"), netns=host, socks=proxy.address, peers=[peer.name])
    request = proxy.wait_for_dials(peer.name)[0]
    assert request.raw == b"\x04\x01\x1f\x7c\x00\x00\x00\x01" + request.userid + b"\0" + peer.name.encode() + b"\0"


def test_service_port(daemons, host, proxy, wire_peer):
    peer = wire_peer("w")
    daemons(onion=onion_name("one"), netns=host, socks=proxy.address, peers=[peer.name],
            options=["--service-port", 9999])
    assert proxy.wait_for_dials(peer.name)[0].port == 9999


def test_every_circuit_begins_with_a_keepalive(daemons, host, proxy, wire_peer):
    peers = [wire_peer(f"w{number}") for number in range(4)]
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, peers=[peer.name for peer in peers])
    flows = set()
    for peer in peers:
        first = peer.wait_for_circuit().wait_for_packets()[0]
        assert first.version == 6
        assert first.traffic_class == 0
        assert first.next_header == packets.NO_NEXT_HEADER
        assert first.hop_limit == 1
        assert first.source == one.address
        assert first.destination == peer.address
        expected = b"\x01" + one.onion.encode() + b"\0"
        assert first.payload[:len(expected)] == expected
        for kind, value in first.keepalive_tlvs:
            assert kind in range(1, 8), f"TLV {kind} is not in the protocol"
            assert value or kind == 5
        assert first.flow != 0
        flows.add(first.flow)
    assert len(flows) > 1, "the flow label is not random"


def test_only_what_is_meant_for_the_peer_crosses(daemons, host, proxy, wire_peer):
    peer = wire_peer("w")
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, peers=[peer.name])
    circuit = peer.wait_for_circuit()
    one.wait_for_interface()
    host.run("ping -6 -c 2 -i 0.2 -W 1 ff02::1%oncilla0", check=False)  # multicast, and the kernel's own noise
    for source in ("2001:db8::5", "fd87:d87e:eb43::77", "fd00::1"):
        host.ip(f"-6 addr add {source}/128 dev lo nodad")
        with host.socket(kind=socket.SOCK_DGRAM) as other_source:
            other_source.bind((source, 0))
            other_source.sendto(b"from elsewhere", (peer.address, 9))
    send_datagrams(host, peer.address, [b"end"])
    wait_until(lambda: b"end" in datagrams(circuit))
    for packet in circuit.packets():
        assert (packet.source, packet.destination) == (one.address, peer.address)


def test_a_packet_dials_and_waits_for_the_grant(daemons, host, proxy, wire_peer, tmp_path):
    peer = wire_peer("w")
    hosts_file = tmp_path / "hosts"
    write_hosts(hosts_file, peer.name)
    proxy.behave(peer.name, reply_delay=1.5)
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, hosts=hosts_file)
    one.wait_for_interface()
    assert not proxy.dials(peer.name), "nobody asked for this peer yet"
    send_datagrams(host, peer.address, [b"%03d" % number for number in range(20)])
    circuit = peer.wait_for_circuit()
    wait_until(lambda: len(datagrams(circuit)) == 20, what="20 datagrams")
    assert circuit.packets()[0].is_keepalive
    assert datagrams(circuit) == [b"%03d" % number for number in range(20)]
    assert len(proxy.dials(peer.name)) == 1


def test_the_waiting_queue_holds_64_packets_and_drops_the_oldest(daemons, host, proxy, wire_peer, tmp_path):
    peer = wire_peer("w")
    hosts_file = tmp_path / "hosts"
    write_hosts(hosts_file, peer.name)
    proxy.behave(peer.name, reply_delay=1.5)
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, hosts=hosts_file)
    one.wait_for_interface()
    sent = [b"%03d" % number for number in range(150)]
    send_datagrams(host, peer.address, sent)
    circuit = peer.wait_for_circuit()
    wait_until(lambda: sent[-1] in datagrams(circuit), what="the last datagram")
    assert datagrams(circuit) == sent[-64:]


def test_the_waiting_queue_holds_128_kib_and_drops_the_oldest(daemons, host, proxy, wire_peer, tmp_path):
    peer = wire_peer("w")
    hosts_file = tmp_path / "hosts"
    write_hosts(hosts_file, peer.name)
    proxy.behave(peer.name, reply_delay=1.5)
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, hosts=hosts_file,
                  options=["--mtu", 9000])
    one.wait_for_interface()
    sent = [b"%03d" % number + bytes(8000) for number in range(40)]
    send_datagrams(host, peer.address, sent)
    circuit = peer.wait_for_circuit()
    wait_until(lambda: sent[-1] in datagrams(circuit), what="the last datagram")
    arrived = datagrams(circuit)
    assert arrived == sent[-len(arrived):]
    waited = sum(len(data) + 48 for data in arrived)
    assert 100_000 < waited <= 128 * 1024, f"{waited} bytes had waited"


def test_an_idle_circuit_is_closed_and_dialled_again(daemons, host, proxy, wire_peer, tmp_path):
    peer = wire_peer("w")
    hosts_file = tmp_path / "hosts"
    write_hosts(hosts_file, peer.name)
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, hosts=hosts_file, options=["--idle", 2])
    one.wait_for_interface()
    send_datagrams(host, peer.address, [b"first"])
    circuit = peer.wait_for_circuit()
    time.sleep(1.2)
    send_datagrams(host, peer.address, [b"second"])
    last_sent = time.monotonic()
    circuit.wait_for_close(timeout=8)
    assert circuit.closed_at - last_sent >= 1.9, "it was not idle yet"
    assert datagrams(circuit) == [b"first", b"second"]
    assert len(peer.circuits) == 1
    send_datagrams(host, peer.address, [b"third"])
    again = peer.wait_for_circuit(1)
    wait_until(lambda: datagrams(again) == [b"third"])
    assert again.packets()[0].is_keepalive


# Options


def test_listen_twice(daemons, host, proxy, wire_peer):
    peer = wire_peer("w")
    ports = [free_port(), free_port("::1")]
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, peers=[peer.name],
                  listen=[f"127.0.0.1:{ports[0]}", f"[::1]:{ports[1]}"])
    one.wait_for_interface()
    answers = peer.wait_for_circuit()
    for number, address in enumerate(["127.0.0.1", "::1"]):
        peer.prove(one)
        told = packets.tlv(packets.RESPONSE, peer.challenges[one.address])
        with socket.create_connection((address, ports[number]), timeout=5) as connection:
            connection.sendall(peer.keepalive(one.address, told))
            connection.sendall(packets.echo_request(peer.address, one.address, identifier=100 + number))
            wait_until(lambda: any(packet.payload[4:6] == (100 + number).to_bytes(2, "big")
                                   for packet in answers.packets() if packet.next_header == packets.ICMPV6),
                       what=f"the reply to what came to {address}")


def test_listen_as_a_part_of_the_name(daemons, host, proxy, wire_peer):
    peer = wire_peer("w")
    port = free_port()
    name = onion_name("one")
    one = daemons(onion=f"{name},listen=127.0.0.1:{port}", listen=[], netns=host, socks=proxy.address)
    one.listen_port = port
    one.wait_for_interface()
    peer.call(one).send(packets.echo_request(peer.address, one.address))
    wait_until(lambda: any(packet.next_header == packets.ICMPV6 for packet in peer.received()), what="the reply")


@pytest.mark.parametrize("way", ["renamed", "in place"])
def test_the_hosts_file_is_read_again_when_it_changes(daemons, host, proxy, wire_peer, tmp_path, way):
    first, second = wire_peer("first"), wire_peer("second")
    hosts_file = tmp_path / "hosts"
    write_hosts(hosts_file, first.name)
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, hosts=hosts_file)
    one.wait_for_interface()
    assert host.ping(second.address, timeout=2).unreachable
    if way == "renamed":
        write_hosts(hosts_file, first.name, second.name)
    else:
        with open(hosts_file, "a") as file:
            file.write(f"{second.address} {second.name}\n")

    def dialled():
        send_datagrams(host, second.address, [b"x"])
        return proxy.dials(second.name)

    wait_until(dialled, 5, interval=0.2, what="the new name to be used")


def test_a_bad_line_in_the_hosts_file_is_named_and_the_others_count(daemons, host, proxy, wire_peer, tmp_path):
    peer, other = wire_peer("w"), wire_peer("other")
    hosts_file = tmp_path / "hosts"
    hosts_file.write_text(f"nonsense\n\n{other.address} {peer.name}\n{peer.address}\t{peer.name}  # a comment\n")
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, hosts=hosts_file)
    one.wait_for_interface()
    one.wait_for_line(r"hosts\S*.*\b1\b")
    # Before there is an acquaintance that could be asked, and says nothing.
    assert host.ping(other.address, timeout=2).unreachable
    send_datagrams(host, peer.address, [b"x"])
    wait_until(lambda: datagrams(peer.wait_for_circuit()) == [b"x"])


def test_the_hostname_file_may_appear_later(daemons, host, proxy, wire_peer, tmp_path):
    peer = wire_peer("w")
    name = onion_name("late")
    hostname = tmp_path / "hostname"
    one = daemons(hostname_file=hostname, netns=host, socks=proxy.address, peers=[peer.name])
    one.wait_for_line(rf"wait.*{hostname}")
    time.sleep(1)
    assert len([line for line in one.log().splitlines() if str(hostname) in line]) == 1, "it says so once"
    hostname.write_text(name + "\n")
    one.address = overlay_address(name)
    one.wait_for_interface()
    assert peer.wait_for_circuit().wait_for_packets()[0].keepalive_name == name


def test_the_hostname_file_that_is_there(daemons, host, proxy, tmp_path):
    hostname = tmp_path / "hostname"
    hostname.write_text(onion_name("there") + "\n")
    one = daemons(hostname_file=hostname, netns=host, socks=proxy.address)
    one.address = overlay_address(onion_name("there"))
    one.wait_for_interface()


def test_peer_with_petname_and_address(daemons, host, proxy, wire_peer):
    peer = wire_peer("w")
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address,
                  peers=[f"laptop={peer.address}/{peer.name.upper()}"])
    assert peer.wait_for_circuit().wait_for_packets()[0].keepalive_name == one.onion


def test_no_peers_name_is_logged_above_debug(daemons, host, proxy, wire_peer):
    known, refused, stranger = wire_peer("w"), onion_name("refused"), wire_peer("stranger")
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, log_level="info",
                  peers=[f"laptop={known.name}", refused])
    one.wait_for_interface()
    stranger.call(one).send(packets.echo_request(stranger.address, one.address))
    wait_until(lambda: any(packet.next_header == packets.ICMPV6 for packet in stranger.received()))
    known.circuits[0].close()
    proxy.wait_for_dials(known.name, 2, timeout=20)
    for name in (known.name, refused, stranger.name):
        assert name.removesuffix(".onion") not in one.log()


# The responders


def test_dead_beef_answers_without_tor(daemons, host):
    one = daemons(onion=onion_name("one"), netns=host, socks=f"127.0.0.1:{free_port()}")
    one.wait_for_interface()
    ping = host.ping(DEAD_BEEF, count=5, burst=True)
    assert ping.received == 5, ping
    assert host.ping(DEAD_BEEF, size=1452).received == 1


def test_feed_beef_goes_through_tor_to_ourselves(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, start=False)
    proxy.connect(one.onion, one.listen_port)
    one.start()
    one.wait_for_interface()
    ping = host.ping(FEED_BEEF, count=5, burst=True)
    assert ping.received == 5, ping
    assert len(proxy.loops(one.onion)) == 1
    assert host.ping(one.address).received == 1, "the kernel answers for itself"


def test_feed_beef_says_at_once_that_tor_refuses(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address)
    one.wait_for_interface()
    ping = host.ping(FEED_BEEF)
    assert ping.received == 0
    assert ping.unreachable == "Address unreachable", ping
    assert ping.seconds < 2


# The leak guard and what stands


def test_what_the_daemon_installs(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address)
    one.wait_for_interface()
    one.wait_for_line("Tor is there|waiting for tor")
    assert host.addresses("oncilla0") == [f"{one.address}/48"]
    assert any(line.startswith("fd87:d87e:eb43::/48 dev oncilla0") for line in host.routes())
    assert host.has_guard_route()
    used = host.ip("-6 route get fd87:d87e:eb43::1")
    assert "dev oncilla0" in used and one.address in used


def test_one_line_says_that_it_stands(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address)
    line = one.wait_for_line(r"^.*\binterface up\b.*$").group(0)
    assert one.address in line and "oncilla0" in line


def test_ready_means_that_a_circuit_to_the_own_service_came_back(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, start=False)
    proxy.connect(one.onion, one.listen_port)
    one.start()
    line = one.wait_for_line(r"^.*: ready, loop \d+ ms$").group(0)
    assert one.address in line
    assert len(proxy.loops(one.onion)) == 1


def test_a_service_that_leads_elsewhere_is_not_ready(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, start=False)
    with socket.create_server(("127.0.0.1", 0)) as other:
        proxy.connect(one.onion, other.getsockname()[1])
        one.start()
        one.wait_for_line(rf"warning: {one.address}: not ready: our onion service does not lead here: its "
                          rf"HiddenServicePort must end in 127\.0\.0\.1:{one.listen_port}\b", timeout=30)
    assert ": ready" not in one.log()


def test_a_service_that_leads_to_nobody_is_not_ready_and_becomes_it(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, start=False)
    proxy.connect(one.onion, free_port())
    one.start()
    one.wait_for_line(rf"not ready: our onion service does not lead here: .* 127\.0\.0\.1:{one.listen_port}$")
    proxy.connect(one.onion, one.listen_port)
    one.wait_for_line(r": ready, loop \d+ ms$", timeout=30)


def test_a_web_server_at_the_socks_port_is_not_ready(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, start=False)
    proxy.behave(one.onion, reply=b"HTTP/1.1 400 Bad Request\r\n\r\n", close_after_reply=True)
    one.start()
    one.wait_for_line(f"warning: {one.address}: not ready: {proxy.address} is not a SOCKS port of Tor's")
    assert ": ready" not in one.log()


@pytest.mark.parametrize("code, words", [
    (4, r"its Tor is off or the name is wrong \(descriptor not found\)"), 
    (1, "its daemon is not running, or the key of its invitation is missing or wrong, or nobody can have its name"),
    (5, "it does not listen at this port"), (0xf4, "the key of its invitation is missing"),
    (0xf5, "the key of this invitation is wrong"), (0xf6, "nobody can have its name: it is mistyped"),
])
def test_why_a_peer_is_not_reached_is_told_with_the_next_try(daemons, host, proxy, code, words):
    nobody = onion_name("nobody")
    proxy.reasons[nobody] = code
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, peers=[f"bob={nobody}"], log_level="notice")
    one.wait_for_line(rf"peer bob: not reached: {words}.*; next try in \d+ s$")
    assert proxy.questions.count(nobody) == 1
    assert nobody not in one.log()


