"""What comes in that nobody here asked for: real kernels on both sides of a door that is closed, or open in part."""

import contextlib
import errno
import json
import re
import signal
import socket
import threading

import pytest

import packets
from lan import RoutedLAN, assert_path_mtu, bridged_pair
from overlay import Transfer, oncilla, onion_name, wait_until
from secure_shell import SecureShell
from test_proxy_hostile import Sniffer

A, B = onion_name("pair a"), onion_name("pair b")
RECVERR = 25  # IPV6_RECVERR, linux/in6.h


def attempt(source, address, port, timeout=10):
    """What becomes of a connection: "open", or the name of the error."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with source.socket(family) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect((address, port))
            return "open"
        except TimeoutError:
            return "silence"
        except OSError as error:
            return errno.errorcode[error.errno]


def datagram(source, address, port, timeout=10, size=8):
    """What becomes of a datagram: the answer, or the name of the error."""
    with source.socket(kind=socket.SOCK_DGRAM) as sender:
        sender.settimeout(timeout)
        sender.connect((address, port))
        sender.send(b"x" * size)
        try:
            return sender.recv(65536)
        except TimeoutError:
            return "silence"
        except OSError as error:
            return errno.errorcode[error.errno]


@contextlib.contextmanager
def listening(host, *ports, address="::"):
    with contextlib.ExitStack() as stack:
        for port in ports:
            listener = stack.enter_context(host.socket(socket.AF_INET6 if ":" in address else socket.AF_INET))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen()
        yield


@contextlib.contextmanager
def echoing(host, port):
    """Answers datagrams with themselves, one thread."""
    with host.socket(kind=socket.SOCK_DGRAM) as server:
        server.bind(("::", port))
        server.settimeout(0.1)
        ends = threading.Event()

        def serve():
            while not ends.is_set():
                with contextlib.suppress(TimeoutError):
                    server.sendto(*server.recvfrom(65536))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        ends.set()
        thread.join()


@pytest.fixture
def strangers(pair, proxy):
    """strangers(rules…) makes a pair: B's user knows A, and to A, whose door has these rules, B is a stranger."""

    def make(*rules, peers=(), options=()):
        hosts = pair(proxy, a={"peers": list(peers), "allow_in": rules, "options": list(options)})
        wait_until(lambda: hosts.b.host.can_ping(hosts.a.address), 15, what="a stranger's ping")
        return hosts

    return make


# A closed door


def test_a_stranger_may_ping_and_gets_answers(strangers):
    hosts = strangers()
    a, b = hosts.a.host, hosts.b.host
    assert b.ping(hosts.a.address, count=5, burst=True).received == 5
    with listening(a, 22, 80), echoing(a, 53):
        assert attempt(b, hosts.a.address, 22) == "EACCES", "the sender hears that it is prohibited"
        assert datagram(b, hosts.a.address, 53) == "EACCES"
        assert attempt(a, hosts.a.address, 80) == "open", "what does not leave the host has no door"
    # What A begins is answered: streams both ways, datagrams, pings, and the errors about them.
    with listening(b, 8080), echoing(b, 53):
        assert attempt(a, hosts.b.address, 8080) == "open"
        assert attempt(a, hosts.b.address, 8081) == "ECONNREFUSED"
        assert datagram(a, hosts.b.address, 53) == b"x" * 8
        assert datagram(a, hosts.b.address, 54) == "ECONNREFUSED", "port unreachable, about a flow of ours"
    assert a.ping(hosts.b.address, count=5, burst=True).received == 5
    Transfer(a, b, hosts.b.address, 20_000_000)
    assert attempt(b, hosts.a.address, 22) == "EACCES", "and the door stays closed beside that"
    counters = hosts.a.counters()
    assert counters["doorClosed"] >= 3 and counters["flowBegun"] >= 6, counters
    assert "was refused at the door" not in hosts.a.log(), "of strangers nothing is said"


def test_a_download_comes_in(strangers, report):
    hosts = strangers()
    with hosts.b.host.popen(["iperf3", "-s", "-1", "-B", hosts.b.address]) as server:
        wait_until(lambda: ":5201 " in hosts.b.host.run("ss -6 -l -n -t").stdout, what="iperf3")
        result = hosts.a.host.run(["iperf3", "-6", "-R", "-J", "-t", "2", "-c", hosts.b.address], timeout=60)
        server.wait(10)
    received = json.loads(result.stdout)["end"]["sum_received"]
    assert received["bytes"] > 5_000_000, received
    report(f"{received['bits_per_second'] / 1e6:.0f} Mbit/s through a closed door")


def test_fragments_are_refused(strangers):
    hosts = strangers("udp/53")
    with echoing(hosts.a.host, 53):
        assert datagram(hosts.b.host, hosts.a.address, 53, size=1400) == b"x" * 1400
        assert datagram(hosts.b.host, hosts.a.address, 53, size=4000, timeout=2) in ("silence", "EACCES")
    assert hosts.b.host.ping(hosts.a.address, size=4000, timeout=1).received == 0
    assert hosts.a.counters()["doorUnreadable"] >= 2


def test_what_we_ask_in_fragments_is_answered(strangers):
    hosts = strangers()
    with hosts.b.host.socket(kind=socket.SOCK_DGRAM) as server, hosts.a.host.socket(kind=socket.SOCK_DGRAM) as client:
        server.bind(("::", 53))
        for end in server, client:
            end.settimeout(10)
        client.sendto(b"x" * 4000, (hosts.b.address, 53))
        question, whence = server.recvfrom(65536)
        assert len(question) == 4000
        server.sendto(b"answer", whence)
        assert client.recv(65536) == b"answer"


def test_a_silent_door(strangers):
    hosts = strangers(options=["--refuse", "silent"])
    with listening(hosts.a.host, 22):
        assert attempt(hosts.b.host, hosts.a.address, 22, timeout=2) == "silence"
    assert hosts.a.counters()["peerError"] == 0


# Errors


def walk(source, address, hops, size=8):
    """Who tells of a datagram with each hop limit, as traceroute shows it: [(who, type, code)]."""
    told = []
    for hop in range(1, hops + 1):
        with source.socket(kind=socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.IPPROTO_IPV6, RECVERR, 1)
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hop)
            sender.settimeout(5)
            sender.connect((address, 33434 + hop))
            sender.send(b"x" * size)
            with contextlib.suppress(OSError):
                sender.recv(1)
            _, control, *_ = sender.recvmsg(512, 512, socket.MSG_ERRQUEUE)
            _, _, data = next(part for part in control if part[1] == RECVERR)
            # struct sock_extended_err, and the address of who tells (linux/errqueue.h)
            who = socket.inet_ntop(socket.AF_INET6, data[24:40])
            told.append((who, data[5], data[6]))
    return told


def test_errors_about_what_we_began_come_in(namespaces, daemons, proxy):
    """traceroute shows every hop behind the peer, and a size that does not fit there is told."""
    a = RoutedLAN(namespaces, "a", "fd00:a::/48")
    b = RoutedLAN(namespaces, "b", "fd00:b::/48", narrow=1400)
    proxy.connect(b.identity.name, b.identity.listen_port)
    a.run(daemons, proxy, [b], allow_in=())
    b.run(daemons, proxy, [a])
    near, far = a.hosts[0], b.hosts[0]
    wait_until(lambda: near.can_ping(far), 15, what="the LANs to reach each other")
    far_gateway = [b.address, str(b.prefix[(1 << 64) + 1])]
    first, second, third = walk(near.namespace, far.address, 3)
    assert first == (str(a.prefix[(1 << 64) + 1]), 3, 0), "our own gateway: time exceeded"
    assert second[0] in far_gateway and second[1:] == (3, 0), "the peer's gateway: time exceeded"
    assert third == (far.address, 1, 4), "the host behind it: port unreachable"
    ping = near.ping(far.address, size=1400, timeout=2, arguments=["-M", "do"])
    assert ping.received == 0 and re.search(r"Packet too big: mtu=1400", ping.text), ping
    assert_path_mtu(near, far.address, 1400, both_ways=False)
    assert a.daemon.counters()["doorQuote"] == 0


def test_errors_about_what_we_did_not_begin_are_refused(strangers):
    hosts = strangers()
    a, b = hosts.a, hosts.b
    quotes = {
        "a connection that nobody here began": packets.tcp(a.address, b.address, 40000, 80, 0x10),
        "a datagram that nobody here sent": packets.udp(a.address, b.address, 40000, 53),
        "a ping that nobody here sent": packets.echo_request(a.address, b.address, identifier=7),
        "somebody else's packet": packets.udp(b.address, a.address, 1, 2),
        "no packet": b"\xff" * 48,
    }
    sniffer = Sniffer(a.host)
    with b.host.socket(kind=socket.SOCK_RAW, protocol=socket.IPPROTO_ICMPV6) as sender:
        refused = lambda: a.counters()["doorQuote"] + a.counters()["foreignQuote"]  # noqa: E731
        before = refused()
        # The kernel adds the checksum.
        for kind, code, word in ((1, 0, 0), (1, 4, 0), (2, 0, 1280), (3, 0, 0), (4, 0, 6)):
            for quote in quotes.values():
                sender.sendto(bytes([kind, code, 0, 0]) + word.to_bytes(4, "big") + quote, (a.address, 0))
        wait_until(lambda: refused() - before == 5 * len(quotes), what="all to be refused")
    delivered = [packet for packet in sniffer.delivered() if packet.source == b.address]
    assert [packet for packet in delivered if packet.next_header == packets.ICMPV6 and packet.payload[0] < 128] == []
    sniffer.close()


# Rules


def test_a_rule_for_one_peer(strangers):
    hosts = strangers("tcp/80 from friend", "udp/53", peers=[f"friend={B}"])
    a, b = hosts.a.host, hosts.b.host
    with listening(a, 22, 80), echoing(a, 53):
        assert attempt(b, hosts.a.address, 80) == "open"
        assert datagram(b, hosts.a.address, 53) == b"x" * 8
        assert attempt(b, hosts.a.address, 22) == "EACCES"
    line = hosts.a.wait_for_line("peer friend was refused at the door: .*")[0]
    assert line.endswith("--allow-in 'tcp/22 from friend' would let that in"), line
    assert attempt(b, hosts.a.address, 23) == "EACCES"
    assert len(re.findall("refused at the door", hosts.a.log())) == 1, "one line an hour"
    shown = oncilla("status", "--control", hosts.a.directory / "control.sock").stdout
    assert re.search(r"let in: pings, answers, tcp/80 from friend \(\d+ packets\), udp/53 \(1 packets\)", shown), shown


def test_ssh_by_a_rule(strangers):
    hosts = strangers("tcp/22")
    with SecureShell(hosts.a.host, hosts.a.address) as shell:
        command = ["ssh", "-F", shell.client_config, hosts.a.address, "echo $SSH_CONNECTION; cat"]
        lines = hosts.b.host.run(command, input="carried", timeout=60).stdout.splitlines()
    assert lines[0].split()[0] == hosts.b.address and lines[1] == "carried"
    Transfer(hosts.b.host, hosts.a.host, hosts.a.address, 5_000_000, port=22)


def test_a_rule_counts_after_a_reload(pair, proxy, tmp_path):
    conf = tmp_path / "a.conf"
    conf.write_text("")
    hosts = pair(proxy, a={"peers": [B], "allow_in": (), "options": ["--config", conf]})
    a, b = hosts.a.host, hosts.b.host
    wait_until(lambda: b.can_ping(hosts.a.address), 15, what="the peer")

    def reload(text, line):
        conf.write_text(text)
        since = hosts.a.mark()
        hosts.a.signal(signal.SIGHUP)
        hosts.a.wait_for_line(line, since=since)

    with listening(a, 22), contextlib.ExitStack() as stack:
        assert attempt(b, hosts.a.address, 22) == "EACCES"
        reload("allow-in = tcp/22\n", "the configuration was reloaded: allow-in changed")
        stays = stack.enter_context(b.socket())
        stays.connect((hosts.a.address, 22))
        reload("allow-in = tcp/22 from nobody\n", "not reloaded.*allow-in.*'nobody' is neither")
        assert attempt(b, hosts.a.address, 22) == "open", "what is wrong changes nothing"
        reload("allow-in = tcp/80\n", "the configuration was reloaded: allow-in changed")
        assert attempt(b, hosts.a.address, 22) == "EACCES"


# Bridged and routed hosts


def test_bridged_hosts_stand_behind_the_door(namespaces, daemons, proxy):
    lans = bridged_pair(namespaces, daemons, proxy)
    near, far = lans.a.hosts[0], lans.b.hosts[0]
    lans.a.daemon.stop()
    lans.a.run(daemons, proxy.address, peers=lans.b.identities, allow_in=["tcp/80"])
    for source, destination in ((near, far), (far, near)):
        wait_until(lambda: source.can_ping(destination), 15, what=f"{source} to reach {destination}")
    with listening(near.namespace, 22, 80), listening(far.namespace, 22):
        assert attempt(far.namespace, near.address, 22) == "EACCES"
        assert attempt(far.namespace, near.address, 80) == "open"
        assert attempt(near.namespace, far.address, 22) == "open"
    Transfer(near.namespace, far.namespace, far.address, 5_000_000)


def test_routed_hosts_stand_behind_the_door(namespaces, daemons, proxy):
    a = RoutedLAN(namespaces, "a", "fd00:a::/48", ipv4="10.10.0.0/16")
    b = RoutedLAN(namespaces, "b", "fd00:b::/48", ipv4="10.20.0.0/16")
    proxy.connect(b.identity.name, b.identity.listen_port)
    a.run(daemons, proxy, [b], allow_in=["tcp/80 from " + b.address])
    b.run(daemons, proxy, [a])
    near, far = a.hosts[0], b.hosts[0]
    wait_until(lambda: near.can_ping(far) and far.can_ping(near), 15, what="the LANs to reach each other")
    for mine, theirs, everywhere, error in (
        (near.address, far.address, "::", "EACCES"), (near.ipv4, far.ipv4, "0.0.0.0", "EHOSTUNREACH"),
    ):
        assert far.ping(mine, count=3).received == 3 and near.ping(theirs, count=3).received == 3
        with listening(near.namespace, 22, 80, address=everywhere), listening(far.namespace, 22, address=everywhere):
            assert attempt(far.namespace, mine, 22) == error
            assert attempt(far.namespace, mine, 80) == "open"
            assert attempt(near.namespace, theirs, 22) == "open"
        Transfer(near.namespace, far.namespace, theirs, 5_000_000)


# A closed group


def test_a_closed_group(pair, proxy, wire_peer):
    hosts = pair(proxy, a={"options": ["--only-peers"], "lookup": None})
    a, b = hosts.a.host, hosts.b.host
    wait_until(lambda: b.can_ping(hosts.a.address) and a.can_ping(hosts.b.address), 15, what="the peer")
    stranger = wire_peer("stranger")
    assert stranger.call(hosts.a).is_closed(5)
    bare = stranger.dial(hosts.a)
    bare.send(packets.echo_request(stranger.address, hosts.a.address))
    assert bare.is_closed(5)
    assert a.ping(stranger.address, timeout=2).received == 0
    assert not stranger.circuits, "nobody else is dialled"
    assert b.ping(hosts.a.address).received == 1


def test_an_impostor_is_not_in_a_closed_group(pair, proxy, wire_peer):
    hosts = pair(proxy, a={"options": ["--only-peers"], "lookup": None})
    wait_until(lambda: hosts.b.host.can_ping(hosts.a.address), 15, what="the peer")
    impostor = wire_peer("impostor").dial(hosts.a)
    impostor.send(packets.keepalive(hosts.b.address, hosts.a.address, B))
    before = hosts.a.counters()["delivered"]
    impostor.send(packets.echo_request(hosts.b.address, hosts.a.address) * 10)
    assert not impostor.is_closed(1)
    assert hosts.a.counters()["delivered"] == before
    assert hosts.b.host.ping(hosts.a.address).received == 1


def test_a_peer_that_was_added_is_named_by_its_address(pair, proxy, tmp_path):
    conf = tmp_path / "a.conf"
    conf.write_text("")
    hosts = pair(proxy, a={"peers": [], "allow_in": (), "options": ["--config", conf]})
    control = ["--control", hosts.a.directory / "control.sock"]
    assert oncilla("peer", "add", f"friend={B}", *control).returncode == 0
    wait_until(lambda: hosts.b.host.can_ping(hosts.a.address), 15, what="the peer")
    assert attempt(hosts.b.host, hosts.a.address, 22) == "EACCES"
    line = hosts.a.wait_for_line("peer friend was refused at the door: .*")[0]
    rule = re.search(r"--allow-in '(.*)' would let that in", line).group(1)
    assert rule == f"tcp/22 from {hosts.b.address}"
    since = hosts.a.mark()
    for text, answer in ((rule.replace(hosts.b.address, "friend"), "not reloaded.*'friend' is neither.*'oncilla peer add' has saved"),
                         (rule, "the configuration was reloaded: allow-in changed")):
        conf.write_text(f"allow-in = {text}\n")
        hosts.a.signal(signal.SIGHUP)
        hosts.a.wait_for_line(answer, since=since)
    with listening(hosts.a.host, 22):
        assert attempt(hosts.b.host, hosts.a.address, 22) == "open"


def test_a_blocked_peer_is_hung_up_on(pair, proxy, wire_peer):
    hosts = pair(proxy)
    stranger = wire_peer("stranger")
    assert not stranger.call(hosts.a).is_closed(0.5)
    control = ["--control", hosts.a.directory / "control.sock"]
    assert oncilla("peer", "block", stranger.name, *control).returncode == 0
    assert stranger.call(hosts.a).is_closed(5)
