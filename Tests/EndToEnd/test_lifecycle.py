"""Starting, standing and ending: what the kernel, the operator and a crash do to a daemon."""

import contextlib
import ipaddress
import os
import re
import resource
import signal
import socket
import subprocess
import threading
import time

import pytest

from overlay import DEAD_BEEF, FEED_BEEF, Namespace, free_port, onion_name, overlay_address, wait_until
from test_proxy_traffic import send_datagrams


@pytest.fixture
def stand(daemons, host, proxy, wire_peer):
    """stand(option, …) starts a daemon with two peers that stand; `.peers`."""
    return lambda *options: start_standing(daemons, host, proxy, wire_peer, options)


@pytest.fixture
def standing(stand):
    """The same without options."""
    return stand()


def start_standing(daemons, host, proxy, wire_peer, options):
    peers = [wire_peer(f"w{number}") for number in range(2)]
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, peers=[peer.name for peer in peers],
                  options=options)
    one.wait_for_interface()
    one.wait_for_line("Tor is there at")
    for peer in peers:
        peer.wait_for_circuit().wait_for_packets()
    one.peers = peers
    return one


def has_overlay_route(host, interface="oncilla0"):
    return any(line.startswith(f"fd87:d87e:eb43::/48 dev {interface}") for line in host.routes())


def fails_with_a_line(daemon, pattern, status=1, timeout=3):
    """It exits by itself with one clear line that says what is wrong."""
    code = daemon.wait_for_exit(timeout)
    log = daemon.log()
    assert code == status, f"exit {code}:\n{log}"
    assert re.search(pattern, log, re.IGNORECASE), f"no /{pattern}/ in\n{log}"
    lines = [line for line in log.splitlines() if line.strip()]
    assert len(lines) <= 3, f"more than it takes to say it:\n{log}"
    return log


# Figures


def test_startup(daemons, host, proxy, report):
    with host.entered():
        path = f"/proc/self/task/{threading.get_native_id()}/net/if_inet6"
        times = []
        for number in range(5):
            one = daemons(onion=onion_name(number), netns=host, socks=proxy.address)
            text = ipaddress.IPv6Address(one.address).packed.hex()
            while text not in open(path).read():
                one.assert_running()
                time.sleep(0.0005)
            times.append(time.monotonic() - one.started_at)
            one.wait_for_line("Tor is there at|waiting for Tor")
            one.stop()
    report(f"start to interface up: {', '.join(f'{seconds * 1000:.0f}' for seconds in times)} ms (limit 50)")
    assert sorted(times)[2] < 0.05


def test_resident_memory_with_two_peers(standing, report):
    send_datagrams(standing.host, standing.peers[0].address, [bytes(1000)] * 100)
    send_datagrams(standing.host, standing.peers[1].address, [bytes(1000)] * 100)
    time.sleep(0.5)
    report(f"resident with two peers: {standing.rss() / 1e6:.1f} MB (limit 14)")
    assert standing.rss() <= 14e6


def test_idle_costs_nothing(standing, report):
    time.sleep(1)
    wakeups, busy = standing.wakeups(), standing.cpu_seconds()
    time.sleep(10)
    wakeups, busy = standing.wakeups() - wakeups, standing.cpu_seconds() - busy
    report(f"{wakeups} wake-ups and {busy * 1000:.0f} ms of CPU in 10 idle s")
    assert wakeups <= 30
    assert busy <= 0.05


# The interface


def test_down_and_up_restores_what_the_kernel_flushed(standing):
    host = standing.host
    for _ in range(3):
        host.ip("link set oncilla0 down")
        wait_until(lambda: not host.is_up("oncilla0"))
        time.sleep(0.2)
        host.ip("link set oncilla0 up")
        wait_until(lambda: host.addresses("oncilla0") == [f"{standing.address}/48"], what="the address")
        wait_until(lambda: has_overlay_route(host), what="the overlay's route")
        assert host.has_guard_route()
        wait_until(lambda: host.can_ping(DEAD_BEEF), what="dead:beef to answer")
    circuit = standing.peers[0].circuits[-1]
    send_datagrams(host, standing.peers[0].address, [b"after"])
    wait_until(lambda: b"after" in bytes(circuit.data))


def test_nothing_leaks_and_nothing_spins_while_the_interface_is_down(standing):
    host = standing.host
    host.ip("link set oncilla0 down")
    time.sleep(0.2)
    busy = standing.cpu_seconds()
    standing.peers[0].call(standing).send(bytes.fromhex("60000000") + bytes(36))
    assert host.has_guard_route()
    used = host.run(f"ip -6 route get {standing.peers[0].address} 2>&1", check=False).stdout
    assert "No route to host" in used, used  # the errno of an `unreachable` route; without one: Network is unreachable
    time.sleep(2)
    assert standing.cpu_seconds() - busy < 0.3
    standing.assert_running()
    host.ip("link set oncilla0 up")
    wait_until(lambda: host.addresses("oncilla0") == [f"{standing.address}/48"])


def test_an_address_removed_by_hand_is_restored(standing):
    standing.host.ip(f"-6 addr del {standing.address}/48 dev oncilla0")
    wait_until(lambda: standing.host.addresses("oncilla0") == [f"{standing.address}/48"], what="the address")
    wait_until(lambda: has_overlay_route(standing.host))


def test_a_deleted_interface_ends_the_daemon_with_a_line(standing):
    mark = standing.mark()
    standing.host.ip("link del oncilla0")
    assert standing.wait_for_exit(2) == 1
    said = standing.log()[mark:]
    assert "oncilla0" in said and re.search("delet|gone|removed|vanish", said, re.IGNORECASE), said
    assert standing.host.has_guard_route(), "after a failure the guard stays"


def test_a_deleted_namespace_ends_or_outlives_the_daemon_without_spinning(daemons, proxy):
    with Namespace("brief") as brief:
        one = daemons(onion=onion_name("one"), netns=brief, socks=proxy.address)
        one.wait_for_interface()
    time.sleep(0.5)
    if one.running:
        busy = one.cpu_seconds()
        time.sleep(2)
        assert not one.running or one.cpu_seconds() - busy < 0.2


def test_another_interface_name(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, interface="tor-v6")
    one.wait_for_interface()
    assert not host.has_interface("oncilla0")


def test_the_interface_where_the_daemon_starts(daemons, host):
    """Without --netns device and sockets are in the same namespace."""
    one = daemons(onion=onion_name("one"), within=host, socks="127.0.0.1:9050")
    one.wait_for_interface()
    one.wait_for_line(r"waiting for tor at 127\.0\.0\.1:9050")
    assert host.ping(DEAD_BEEF).received == 1
    one.stop()
    assert not host.has_interface("oncilla0")


def test_tun_only(standing):
    """No link-local address, no duplicate detection: the address can be used at once."""
    shown = standing.host.ip("-6 addr show dev oncilla0")
    assert "tentative" not in shown and "dadfailed" not in shown


# The end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_the_end_on_a_signal(standing, number, report):
    seconds = standing.stop(number)
    report(f"{seconds * 1000:.0f} ms from {number.name} to the end")
    assert not standing.host.has_interface("oncilla0")
    assert standing.host.has_only_guards(), "nothing leaks after the end"
    for peer in standing.peers:
        wait_until(lambda: all(circuit.is_closed for circuit in peer.circuits), what="the circuits to be closed")


def test_the_end_while_waiting_for_the_hostname(daemons, host, tmp_path):
    one = daemons(hostname_file=tmp_path / "hostname", netns=host, socks=f"127.0.0.1:{free_port()}")
    one.wait_for_line("wait")
    one.stop()
    assert host.has_only_guards()


GUARD = "unreachable fd87:d87e:eb43::/48"


def test_the_guard_is_restored_while_waiting_for_the_hostname(daemons, host, proxy, tmp_path):
    one = daemons(hostname_file=tmp_path / "hostname", netns=host, socks=proxy.address)
    one.wait_for_line("waiting for tor to write")
    host.ip(f"-6 route del {GUARD}")
    wait_until(host.has_guard_route, what="the guard")
    one.wait_for_line("leak guard .* was removed: restoring it")
    name = onion_name("late")
    (tmp_path / "hostname").write_text(name + "\n")
    one.address = overlay_address(name)
    one.wait_for_interface()
    host.ip(f"-6 route del {GUARD}")
    wait_until(host.has_guard_route, what="the guard")
    host.ip("link set oncilla0 down")
    one.wait_for_line("oncilla0 was set down")


def test_the_guard_is_installed_when_loopback_comes_up_before_the_hostname(daemons, host, tmp_path):
    host.ip("link set lo down")
    one = daemons(hostname_file=tmp_path / "hostname", netns=host, socks=f"127.0.0.1:{free_port()}")
    one.wait_for_line("waiting for tor to write")
    host.ip("link set lo up")
    wait_until(host.has_guard_route, what="the guard")


def test_the_end_while_a_peer_is_dialled_and_the_device_is_flooded(daemons, host, proxy):
    name = onion_name("silent")
    proxy.behave(name, reply=None)
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, peers=[name])
    one.wait_for_interface()
    proxy.wait_for_dials(name)
    flood = host.popen(["ping", "-6", "-f", "-q", DEAD_BEEF], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    one.stop()
    flood.kill()


def test_after_a_crash_the_guard_stays_and_is_adopted(standing):
    host = standing.host
    standing.kill()
    wait_until(lambda: not host.has_interface("oncilla0"))
    assert host.has_guard_route()
    refused = host.run(f"ping -6 -c 1 -W 1 {standing.peers[0].address} 2>&1", check=False)
    assert re.search("unreachable|no route", refused.stdout, re.IGNORECASE), refused
    standing.start()
    standing.wait_for_interface()
    assert len([line for line in host.routes() if line.startswith("unreachable")]) == 1
    assert host.ping(DEAD_BEEF).received == 1
    standing.stop()
    assert host.has_only_guards()


def test_the_guard_has_its_own_protocol_and_yields_to_the_interface(standing):
    guard = [line for line in standing.host.routes() if line.startswith("unreachable")]
    assert len(guard) == 1
    protocol = re.search(r"proto (\S+)", guard[0])
    assert protocol and protocol.group(1) not in ("kernel", "boot", "static", "ra"), guard
    assert re.search(r"metric (\d+)", guard[0]) and int(re.search(r"metric (\d+)", guard[0]).group(1)) > 1024, guard


def test_the_guard_that_is_deleted_by_hand_comes_back(standing):
    for _ in range(3):
        standing.host.ip("-6 route del unreachable fd87:d87e:eb43::/48")
        wait_until(standing.host.has_guard_route, what="the guard")


def test_the_guard_comes_back_when_loopback_went_down(standing):
    standing.host.ip("link set lo down")
    time.sleep(0.2)
    standing.host.ip("link set lo up")
    wait_until(standing.host.has_guard_route, what="the guard")


def test_somebody_elses_route_is_not_touched(daemons, host, proxy):
    host.ip("-6 route add unreachable 2001:db8::/32 metric 5000")
    host.ip("-6 route add unreachable fd87:d87e:eb43::/48 proto static metric 9999")
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address)
    one.wait_for_interface()
    one.wait_for_line("Tor is there at|waiting for Tor")
    one.stop()
    text = "\n".join(host.routes())
    assert "2001:db8::/32" in text
    assert "proto static metric 9999" in text


# Signals that do not end it


def test_sigusr1_prints_peers_and_counters(standing):
    send_datagrams(standing.host, standing.peers[0].address, [b"x"] * 7)
    time.sleep(0.3)
    mark = standing.mark()
    standing.signal(signal.SIGUSR1)
    wait_until(lambda: len(standing.log()[mark:].splitlines()) >= 3, what="peers and counters in the log")
    time.sleep(0.2)
    printed = standing.log()[mark:]
    for number, peer in enumerate(standing.peers, start=1):
        line = rf"peer number {number} \({peer.address}\): circuit open for \d+ s, .* sent, .* received"
        assert re.search(line, printed), printed
        assert peer.name not in printed, "the report stands in the log at a level that names no peer"
    assert re.search(r"counters: sent=\d+ .*granted=2", printed), printed
    standing.assert_running()


def test_sighup_reopens_the_log_file(daemons, host, proxy, tmp_path):
    log = tmp_path / "oncilla.log"
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, options=["--log", log])
    one.wait_for_interface()
    wait_until(lambda: log.exists() and "Tor is there" in log.read_text())
    rotated = tmp_path / "oncilla.log.1"
    os.rename(log, rotated)
    before = rotated.read_text()
    one.signal(signal.SIGUSR1)
    wait_until(lambda: rotated.read_text() != before, what="it to write to the renamed file until it is told")
    one.signal(signal.SIGHUP)
    wait_until(log.exists, what="a new log file")
    one.signal(signal.SIGUSR1)
    wait_until(lambda: "peer" in log.read_text().lower() or len(log.read_text()) > 50, what="lines in the new log file")
    assert "Tor is there" not in one.log()


def test_the_journal_gets_priorities(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, peers=[onion_name("nobody")], start=False)
    log = one.log_path.stat()
    one.environment = {"JOURNAL_STREAM": f"{log.st_dev}:{log.st_ino}"}
    one.start()
    one.wait_for_line(r"^<5>.*\bTor is there\b")
    one.stop()
    assert all(re.match(r"<[3-7]>", line) for line in one.log().splitlines()), one.log()


def test_nobody_reads_the_log(daemons, host, proxy):
    """A full pipe on standard error must not stop the packets."""
    reader, writer = os.pipe()
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, reader)
        one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, start=False)
        one.log_path.unlink()
        one.log_path.symlink_to(f"/proc/{os.getpid()}/fd/{writer}")
        one.start()
        os.close(writer)
        one.wait_for_interface()
        for _ in range(2000):
            one.signal(signal.SIGUSR1)
            time.sleep(0.0005)
        assert host.ping(DEAD_BEEF).received == 1
        one.log_path.unlink()
        one.log_path.touch()


def test_sighup_without_a_file_and_a_closed_pipe_do_no_harm(standing):
    for number in (signal.SIGHUP, signal.SIGPIPE, signal.SIGUSR1, signal.SIGHUP):
        standing.signal(number)
        time.sleep(0.1)
    assert standing.host.ping(DEAD_BEEF).received == 1


# What it cannot start with


def test_without_rights(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), within=host, socks="127.0.0.1:9050",
                  prefix=["setpriv", "--bounding-set=-all", "--inh-caps=-all"])
    fails_with_a_line(one, "CAP_NET_ADMIN", status=4)
    assert not host.has_interface("oncilla0")


def test_as_another_user(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), within=host, socks="127.0.0.1:9050", state_dir="/nonexistent/oncilla",
                  prefix=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"], start=False)
    one.directory.chmod(0o777)
    one.start()
    fails_with_a_line(one, "CAP_NET_ADMIN|root", status=4)


def test_without_the_right_to_change_the_namespace(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address,
                  prefix=["setpriv", "--bounding-set=-sys_admin"])
    fails_with_a_line(one, f"CAP_SYS_ADMIN|{host.name}", status=4)


def test_without_dev_net_tun(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address,
                  prefix=["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev/net && exec "$@"', "sh"])
    fails_with_a_line(one, "/dev/net/tun")


def test_with_ipv6_disabled_everywhere_it_works_on_our_interface_alone(daemons, host, proxy):
    for scope in ("all", "default"):
        host.sysctl(f"net.ipv6.conf.{scope}.disable_ipv6", 1)
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address)
    one.wait_for_interface()
    wait_until(lambda: host.can_ping(DEAD_BEEF), what="dead:beef to answer")
    for scope, value in (("all", "1"), ("default", "1"), ("oncilla0", "0")):
        assert host.run(["cat", f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6"]).stdout.strip() == value, scope


def test_after_ipv6_was_switched_off_and_on_the_address_is_back_within_a_second(standing):
    host = standing.host
    for value in (1, 0):
        host.sysctl("net.ipv6.conf.oncilla0.disable_ipv6", value)
    wait_until(lambda: host.addresses("oncilla0") == [f"{standing.address}/48"], 1, what="the address")
    wait_until(lambda: host.can_ping(DEAD_BEEF), what="dead:beef to answer")


def test_with_a_namespace_that_does_not_exist(daemons, proxy):
    one = daemons(onion=onion_name("one"), socks=proxy.address, options=["--netns", "oncilla-test-nowhere"])
    fails_with_a_line(one, "oncilla-test-nowhere")


def test_with_a_port_in_use(daemons, host, proxy, wire_peer):
    taken = wire_peer("taken").port
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, listen=[f"127.0.0.1:{taken}"])
    fails_with_a_line(
        one, rf"127\.0\.0\.1:{taken} is taken, perhaps by another oncilla: .*--listen .*HiddenServicePort")
    assert not host.has_interface("oncilla0")


def test_with_an_interface_name_in_use(standing, daemons, proxy):
    second = daemons(onion=onion_name("two"), netns=standing.host, socks=proxy.address)
    fails_with_a_line(second, "oncilla0")
    assert standing.host.ping(DEAD_BEEF).received == 1
    assert standing.host.addresses("oncilla0") == [f"{standing.address}/48"]
    assert standing.host.has_guard_route(), "the first one's guard"


def test_with_an_address_that_is_not_here(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, listen=["192.0.2.1:8060"])
    fails_with_a_line(one, r"192\.0\.2\.1:8060 is not an address of this host")


def test_a_second_daemon_in_one_namespace_is_warned_of(standing, daemons, proxy):
    second = daemons(onion=onion_name("two"), netns=standing.host, socks=proxy.address, interface="oncilla1")
    second.wait_for_line("warning: interface oncilla0 leads to fd87:d87e:eb43::/48 as well.*another oncilla")
    second.wait_for_line("Tor is there at")
    standing.stop()
    wait_until(lambda: "dev oncilla1" in standing.host.run(f"ip -6 route get {overlay_address(standing.peers[0].name)} 2>&1",
                                                           check=False).stdout, what="the second one's route")


def test_the_same_identity_twice_on_one_tor_is_warned_of(standing, daemons, namespaces, proxy):
    second = daemons(onion=standing.onion, netns=namespaces("second"), socks=proxy.address)
    second.wait_for_line(f"warning: another oncilla on this host has the name of {standing.address}")
    second.stop()
    # Over Tor the same: whoever of both Tor gives circuits to is told when the other pings feed:beef.
    elsewhere = daemons(onion=standing.onion, netns=namespaces("third"), socks=proxy.address)
    proxy.connect(standing.onion, standing.listen_port)
    elsewhere.wait_for_interface()
    elsewhere.host.ping(FEED_BEEF, timeout=1)
    standing.wait_for_line("warning: a circuit says to come from this host's own onion name: if another oncilla")
    assert standing.log().count("own onion name") == 1


@pytest.mark.parametrize("is_shared", [False, True], ids=["own listener", "shared listener"])
def test_lines_that_tor_writes_before_packets_are_told_once(daemons, host, proxy, is_shared):
    others = ["--linkable-identities", "--onion", onion_name("two")] if is_shared else []
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, options=others)
    one.wait_for_line("Tor is there at")
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", one.listen_port)) as circuit:
            circuit.sendall(b"PROXY TCP6 fc00:dead:beef:4dad::0:29 ::1 65535 8060\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert circuit.recv(1) == b"", "it is closed"
    one.wait_for_line("warning: .*PROXY line.*HiddenServiceExportCircuitID")
    assert one.log().count("HiddenServiceExportCircuitID") == 1


def test_serving_without_forwarding_is_told(daemons, host, proxy):
    served = ["--serve", "fd00:a::/48", "--ipv4", "--serve", "10.10.0.0/16"]
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, options=served)
    one.wait_for_line("warning: the kernel forwards no IPv6 .*nobody in fd00:a::/48 .*net.ipv6.conf.all.forwarding=1")
    one.wait_for_line("warning: the kernel forwards no IPv4 .*nobody in 10.10.0.0/16 .*net.ipv4.ip_forward=1")
    one.stop()
    host.sysctl("net.ipv6.conf.all.forwarding", 1)
    host.sysctl("net.ipv4.ip_forward", 1)
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, options=served)
    one.wait_for_line("Tor is there at")
    assert "forwards no" not in one.log()


def test_with_a_hostname_file_that_holds_no_name(daemons, host, proxy, tmp_path):
    (tmp_path / "hostname").write_text("this is no onion name\n")
    one = daemons(hostname_file=tmp_path / "hostname", netns=host, socks=proxy.address)
    fails_with_a_line(one, f"{tmp_path}/hostname")
    assert host.has_guard_route(), "nothing leaks between a failed start and the next"


def test_with_a_log_file_that_cannot_be_opened(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address,
                  options=["--log", "/nonexistent/oncilla.log"])
    fails_with_a_line(one, "--log: open /nonexistent/oncilla.log: No such file or directory; "
                           "its directory /nonexistent is not there")


@pytest.mark.parametrize("target", ["file", "syslog"])
def test_a_start_that_fails_says_so_on_standard_error_wherever_the_log_goes(daemons, host, proxy, tmp_path, target):
    log = tmp_path / "oncilla.log"
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, interface="lo",
                  options=["--log", log if target == "file" else target])
    fails_with_a_line(one, "error: .*lo exists")
    assert target == "syslog" or "lo exists" in log.read_text()


def test_an_error_is_said_once_where_the_log_is_standard_error(daemons, host, proxy):
    for target in ("stderr", "/dev/stderr"):
        one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, interface="lo",
                      options=["--log", target])
        assert fails_with_a_line(one, "lo exists").count("lo exists") == 1


def test_a_start_that_fails_leaves_the_guard(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, interface="lo")
    fails_with_a_line(one, "lo exists")
    assert host.has_guard_route()


def test_a_start_that_fails_leaves_no_process_and_no_interface(daemons, host, proxy):
    with contextlib.suppress(AssertionError):
        daemons(onion=onion_name("one"), netns=host, socks=proxy.address,
                listen=["127.0.0.1:1", "192.0.2.1:8060"]).wait_for_exit(3)
    assert not host.has_interface("oncilla0")
    assert host.routes() == []


# What it lacks while it runs


def test_a_socks_port_that_cannot_be_reached_is_told_with_the_reason(daemons, host, tmp_path):
    port = free_port()
    one = daemons(onion=onion_name("one"), netns=host, socks=f"unix:{tmp_path}/absent")
    one.wait_for_line(rf"waiting for Tor at unix:{tmp_path}/absent \(No such file or directory\)$")
    one.stop()
    one = daemons(onion=onion_name("one"), netns=host, socks=f"127.0.0.1:{port}")
    one.wait_for_line(rf"waiting for Tor at 127\.0\.0\.1:{port}$")


def test_a_process_without_descriptors_says_so_and_goes_on_later(stand):
    # Root without CAP_SYS_RESOURCE, as in a container, sets the limits of its own processes alone.
    standing = stand("--user", "root")
    soft, hard = resource.prlimit(standing.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(standing.pid, resource.RLIMIT_NOFILE, (3, hard))
    with socket.create_connection(("127.0.0.1", standing.listen_port)):
        standing.wait_for_line(rf"cannot take connections at .*:{standing.listen_port}: .*too many open files")
        time.sleep(2.5)
    assert standing.log().count("cannot take connections") == 1, "once, not at each new try"
    resource.prlimit(standing.pid, resource.RLIMIT_NOFILE, (soft, hard))
    before = standing.open_files()
    standing.peers[0].call(standing)
    wait_until(lambda: standing.open_files() > before, what="a circuit to be accepted")


def test_a_hosts_file_may_come_later_and_its_problems_name_no_peer(daemons, host, proxy, tmp_path):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, hosts=tmp_path / "hosts", log_level="info")
    one.wait_for_line(rf"{tmp_path}/hosts is not there yet")
    peer, other = onion_name("peer"), onion_name("other")
    (tmp_path / "hosts").write_text(f"{overlay_address(other)} {other}\n{overlay_address(other)} {peer}\n{peer} x\n")
    one.wait_for_line(rf"{tmp_path}/hosts: 1 names read")
    (tmp_path / "hosts").unlink()
    one.wait_for_line("names that it held stay")
    log = one.log()
    assert "line 2: the address is not that of the name" in log and "line 3: " in log, log
    assert peer[:16] not in log and other[:16] not in log, log
    assert log.count("warning") == 3, log


def test_names_that_tor_does_not_serve_are_warned_of(daemons, host, proxy, tmp_path):
    old, older, current = "7fd22jhmqgfl45j6.onion", "wq52ql3uxgcxqjon.onion", onion_name("current")
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{overlay_address(older)} {older}\n{overlay_address(current)} {current}\n")
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, hosts=hosts, log_level="notice",
                  peers=[f"alice={old}"])
    one.wait_for_line("warning: the name of peer alice is of version 2, which today's Tor does not serve")
    one.wait_for_line(f"warning: {hosts}: 1 of 2 names are of version 2, which today's Tor does not serve")
    assert old[:16] not in one.log() and older[:16] not in one.log()


def test_the_systems_hosts_file_will_do(daemons, host, proxy, tmp_path):
    peer, other = onion_name("peer"), onion_name("other")
    hosts = tmp_path / "hosts"
    hosts.write_text("\ufeff127.0.0.1 localhost\n::1 localhost ip6-localhost\nff02::1 ip6-allnodes\n"
                     f"{overlay_address(peer)} alice {peer} more\n{overlay_address(other)} {other} bob\n")
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, hosts=hosts, log_level="info")
    one.wait_for_line(f"{hosts}: 2 names read")
    assert "warning" not in one.log()


def test_ten_thousand_commented_names_are_read_and_too_long_a_file_names_the_limit(daemons, host, proxy, tmp_path):
    hosts = tmp_path / "hosts"
    with open(hosts, "w") as file:
        for number in range(10_000):
            name = onion_name(number)
            file.write(f"{overlay_address(name)} {name} host-{number}  # {'a comment ' * 20}\n")
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, hosts=hosts, log_level="info")
    one.wait_for_line(f"{hosts}: 10000 names read", timeout=30)
    hosts.write_text("#" * (9 << 20))
    one.wait_for_line("the names that it held stay: .*at most 8 MiB are accepted")


def test_directories_that_are_not_there_are_told(daemons, host, proxy, tmp_path):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, hosts=tmp_path / "a/hosts",
                  log_level="notice")
    one.wait_for_line(f"warning: {tmp_path}/a/hosts is not there yet, nor is its directory {tmp_path}/a$")
    one.stop()
    one = daemons(hostname_file=tmp_path / "b/hostname", netns=host, socks=proxy.address, log_level="notice")
    one.wait_for_line(f"waiting for Tor to write {tmp_path}/b/hostname; its directory {tmp_path}/b is not there yet")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/hostname").write_text(onion_name("b") + "\n")
    one.wait_for_line("Tor is there at")


def test_a_hostname_that_changes_is_told_once_and_left_to_the_next_start(daemons, host, proxy, tmp_path):
    hostname = tmp_path / "hostname"
    hostname.write_text(onion_name("first") + "\n")
    one = daemons(hostname_file=hostname, netns=host, socks=proxy.address, log_level="notice")
    one.address = overlay_address(onion_name("first"))
    one.wait_for_interface()
    hostname.unlink()
    hostname.write_text(onion_name("second") + "\n")
    one.wait_for_line(f"warning: {hostname} holds another name now, whose address is "
                      f"{overlay_address(onion_name('second'))}: this host stays {one.address}")
    hostname.write_text(onion_name("third") + "\n")
    os.utime(hostname)
    hostname.write_text(onion_name("first") + "\n")
    one.wait_for_line(f"{hostname} holds this host's name again")
    assert one.log().count("another name") == 1
    assert host.addresses("oncilla0") == [f"{one.address}/48"]
