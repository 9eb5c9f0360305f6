"""Nothing of the overlay leaves in the clear: while the daemon runs, after it ended, and beside another VPN."""

import ipaddress
import signal
import socket
import subprocess
import time

import pytest

import overlay
from capture import Capture
from overlay import onion_name, overlay_address, wait_until
from test_lifecycle import stand, standing  # noqa: F401  a fixture

OVERLAY = ipaddress.ip_network("fd87:d87e:eb43::/48")
GATEWAY = "2001:db8::2"


@pytest.fixture
def outside(host, namespaces):
    """What the host's default route leads to."""
    outside = namespaces("out")
    host.ip(f"link add clear0 type veth peer name clear1 netns {outside.name}")
    for namespace, interface, address in ((host, "clear0", "2001:db8::1"), (outside, "clear1", GATEWAY)):
        namespace.ip(f"-6 addr add {address}/64 dev {interface} nodad")
        namespace.ip(f"link set {interface} up")
    host.ip(f"-6 route add default via {GATEWAY} dev clear0")
    wait_until(lambda: host.can_ping(GATEWAY), what="the default route")
    return outside


def of_the_overlay(frames):
    """The packets that tell of the overlay, as text."""
    packets = [frame.packet for frame in frames if frame.packet is not None]
    return [f"{packet.source} > {packet.destination}" for packet in packets
            if {ipaddress.ip_address(packet.source) in OVERLAY, ipaddress.ip_address(packet.destination) in OVERLAY} != {False}]


@pytest.fixture
def talk(host):
    """talk(address): a ping every 50 ms, and a connection whose SYN is repeated, until the test ends."""
    begun = []

    def begin(address):
        begun.append(host.popen(["ping", "-6", "-i", "0.05", "-c", "600", address], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL))
        connection = host.socket(socket.AF_INET6, socket.SOCK_STREAM)
        connection.setblocking(False)
        connection.connect_ex((address, 22))
        begun.append(connection)

    yield begin
    for one in begun:
        one.close() if isinstance(one, socket.socket) else one.kill()


def test_nothing_leaves_when_the_daemon_ends_starts_flaps_or_crashes(standing, outside, talk):  # noqa: F811
    host, peer = standing.host, standing.peers[0].address
    with Capture(host, "clear0", direction="out") as capture:
        talk(peer)
        time.sleep(0.3)
        standing.stop(signal.SIGTERM)
        talk(peer)
        time.sleep(1.5)
        standing.start()
        standing.wait_for_interface()
        talk(peer)
        for _ in range(6):
            host.ip("link set oncilla0 down")
            host.ip("-6 route flush proto 235")
            host.ip("link set oncilla0 up")
        wait_until(host.has_guard_route, what="the guard")
        standing.kill()
        talk(peer)
        time.sleep(1.5)
        assert not host.can_ping(peer)
    assert of_the_overlay(capture.frames) == []
    assert host.can_ping(GATEWAY), "everything else goes its way"


# What wg-quick(8), which leaves the number to the kernel, and Tailscale put before the main table.
RULES = {
    "wg-quick": ["not fwmark 51820 table 51820", "table main suppress_prefixlength 0"],
    "Tailscale": ["fwmark 0x80000/0xff0000 table main priority 5210", "fwmark 0x80000/0xff0000 table default priority 5230",
                  "fwmark 0x80000/0xff0000 type unreachable priority 5250", "table 52 priority 5270"],
}


@pytest.mark.parametrize("vpn", RULES)
def test_another_vpns_rules_take_nothing_of_the_overlay(standing, outside, talk, vpn):  # noqa: F811
    host, peer = standing.host, standing.peers[0]
    with Capture(host, "clear0", direction="out") as capture:
        for table in (51820, 52):
            host.ip(f"-6 route add default via {GATEWAY} dev clear0 table {table}")
        for rule in RULES[vpn]:
            host.ip(f"-6 rule add {rule}")
        wait_until(lambda: "dev oncilla0" in host.ip(f"-6 route get {peer.address}"), what="our rule before theirs")
        before = len(peer.circuits[-1].data)
        talk(peer.address)
        wait_until(lambda: len(peer.circuits[-1].data) > before, what="packets for the peer")
        assert "dev oncilla0" in host.ip(f"-6 route get {peer.address}")
        standing.stop()
        time.sleep(1)
    # An unnumbered rule is before ours for the moment that it takes to move ours.
    assert of_the_overlay(capture.frames) == []


def test_a_rule_that_comes_before_ours_is_one_warning(standing):  # noqa: F811
    mark = standing.mark()
    for priority in (100, 101):
        standing.host.ip(f"-6 rule add table 52 priority {priority}")
    standing.wait_for_line("policy rule of priority 100 would lead")
    wait_until(lambda: "98:\tfrom all to fd87:d87e:eb43::/48 lookup main" in standing.host.ip("-6 rule"), what="our rule")
    time.sleep(0.5)
    assert standing.log()[mark:].count("policy rule of priority") <= 2


def test_a_better_route_of_somebody_else_is_one_warning(standing, outside):  # noqa: F811
    mark = standing.mark()
    peer = standing.peers[0].address
    for _ in range(2):
        standing.host.ip(f"-6 route replace {peer}/128 via {GATEWAY} dev clear0")
    standing.wait_for_line(f"somebody's route to {peer}/128 is better than ours")
    time.sleep(0.5)
    assert standing.log()[mark:].count("is better than ours") == 1


def guard(host, *arguments):
    return host.run([overlay.BINARY, "guard", *arguments], check=False)


def test_the_guard_is_added_shown_and_taken_away_by_hand(host):
    shown = guard(host, "status")
    assert shown.returncode == 1 and "fd87:d87e:eb43::/48 is not guarded" in shown.stderr, shown
    assert guard(host, "on", "--route", "fd00:b::/48", "--route", "10.20.0.0/16").stdout.splitlines() == [
        "10.20.0.0/16 is guarded", "fd00:b::/48 is guarded", "fd87:d87e:eb43::/48 is guarded"]
    for address in (overlay_address(onion_name("one")), "fd00:b::1", "10.20.0.1"):
        assert "No route to host" in host.run(f"ip route get {address} 2>&1", check=False).stdout
    assert guard(host, "status").returncode == 0
    assert guard(host, "off").returncode == 0
    assert guard(host, "status").returncode == 1
    assert host.routes() == [] and "2350" not in host.ip("-6 rule") + host.ip("-4 rule")
    assert guard(host, "off").returncode == 0, "twice is no error"


def test_the_guard_of_a_daemon_that_runs_cannot_be_taken_away(standing):  # noqa: F811
    for _ in range(15):
        refused = guard(standing.host, "off")
        assert refused.returncode == 1 and "a daemon runs" in refused.stderr, refused
    assert guard(standing.host, "status").returncode == 0


def test_what_is_guarded_is_shown_though_the_overlay_is_not(host):
    guard(host, "on", "--route", "10.20.0.0/16")
    host.ip("-6 route flush proto 235")
    shown = guard(host, "status")
    assert shown.returncode == 1 and shown.stdout == "10.20.0.0/16 is guarded\n", shown
    told = guard(host, "status", "--json")
    assert told.returncode == 1 and told.stdout == '{"schema":1,"guarded":false,"prefixes":["10.20.0.0/16"]}\n', told
    assert "fd87:d87e:eb43::/48 is not guarded" in shown.stderr


def test_guards_that_are_added_at_the_same_moment_do_not_refuse_each_other(host):
    for _ in range(20):
        both = [host.popen([overlay.BINARY, "guard", "on"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                for _ in range(2)]
        for one in both:
            output, errors = one.communicate(timeout=20)
            assert one.returncode == 0 and "is guarded" in output, errors
        assert guard(host, "off").returncode == 0


@pytest.mark.parametrize("arguments, text", [
    ([], "on, off or status"), (["maybe"], "on, off or status"), (["on", "off"], "unexpected argument 'off'"),
    (["on", "--route", "fd00:b::1/48"], "names a host"), (["on", "--route", "0.0.0.0/0"], "any with --netns"),
    (["on", "--route", "ff00::/8"], "multicast"), (["on", "--route", "fd87:d87e:eb43::/48"], "needs no route"),
    (["on", "--route", "fd00:b::/48", "--route", "fd00:b::/48"], "already given"), (["on", "--netns", "a/b"], "without '/'"),
    (["status", "--netns", "oncilla-test-nowhere"], "no network namespace"),
])  # fmt: skip
def test_what_is_wrong_with_a_guard_command_is_said(host, arguments, text):
    refused = guard(host, *arguments)
    assert refused.returncode in (1, 2) and text in refused.stderr, refused
