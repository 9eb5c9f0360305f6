"""Configuration files: what is wrong with them is told, and they are read again while the daemon runs."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading

import pytest

from lan import bridged_pair
from overlay import BINARY, Transfer, oncilla, onion_name, wait_until

BOB, CAROL = onion_name("pair b"), onion_name("carol")


class Configured:
    """A pair of daemons, the first with a configuration file."""

    def __init__(self, pair, proxy, tmp_path, text, b=()):
        self.file = tmp_path / "a.conf"
        self.file.write_text(text)
        self.pair = pair(proxy, a={"peers": [], "options": ["--config", self.file]}, b={"options": list(b)})
        self.daemon, self.host = self.pair.a, self.pair.a.host
        wait_until(lambda: self.host.can_ping(self.pair.b.address), 10, what="the peer")

    def reload(self, text, line):
        """Lets the daemon read this text; what the log says of it."""
        self.file.write_text(text)
        since = self.daemon.mark()
        self.daemon.signal(signal.SIGHUP)
        return self.daemon.wait_for_line(line, since=since)[0]


PEER = f"[peer bob]\nname = {BOB}\n"
OTHER = f"[peer carol]\nname = {CAROL}\nroute = fd00:9::/48\n"


def test_a_transfer_goes_on_over_a_reload(pair, proxy, tmp_path):
    made = Configured(pair, proxy, tmp_path, PEER)
    outcome = {}

    def transfer():
        outcome["transfer"] = Transfer(made.host, made.pair.b.host, made.pair.b.address, 300_000_000)

    dials = len(proxy.dials(BOB))
    thread = threading.Thread(target=transfer, daemon=True)
    thread.start()
    rounds = 0
    while thread.is_alive() or rounds == 0:
        line = made.reload(PEER + OTHER, r"the configuration was reloaded: .*")
        assert "peer carol added" in line and "route fd00:9::/48 via carol added" in line, line
        assert any(route.startswith("fd00:9::/48 dev oncilla0") for route in made.host.routes())
        assert any(route.startswith("unreachable fd00:9::/48") for route in made.host.routes())
        line = made.reload(PEER, r"the configuration was reloaded: .*")
        assert "peer carol removed" in line and "route fd00:9::/48 via carol removed" in line, line
        assert not any(route.startswith("fd00:9::/48 dev oncilla0") for route in made.host.routes())
        assert any(route.startswith("unreachable fd00:9::/48") for route in made.host.routes()), "guarded until guard off"
        rounds += 1
    thread.join(60)
    assert "transfer" in outcome, "the transfer failed"
    assert proxy.dials(CAROL), "the peer that was added was dialled"
    assert len(proxy.dials(BOB)) <= dials + 1, "the circuit for bulk, and none anew"
    assert CAROL[:16] not in "".join(line for line in made.daemon.log().splitlines() if "reloaded" in line)


def test_what_lies_behind_a_peer_is_reached_after_a_reload(pair, proxy, tmp_path):
    made = Configured(pair, proxy, tmp_path, PEER, b=["--serve", "fd00:9::/48"])
    made.pair.b.host.ip("-6 addr add fd00:9::1/128 dev lo")
    assert not made.host.can_ping("fd00:9::1")
    dials = len(proxy.dials(BOB))
    line = made.reload(PEER + "route = fd00:9::/48\n", r"the configuration was reloaded: .*")
    assert line.endswith("reloaded: route fd00:9::/48 via bob added"), line
    wait_until(lambda: made.host.can_ping("fd00:9::1"), what="what lies behind the peer")
    assert len(proxy.dials(BOB)) == dials, "over the circuit that stood"


def test_a_prefix_is_behind_another_peer_after_a_reload(namespaces, daemons, proxy, tmp_path):
    file, behind = tmp_path / "one.conf", "fd00:9::1"
    one = daemons(onion=onion_name("one"), netns=namespaces("one"), socks=proxy.address, options=["--config", file],
                  start=False)
    peers = {petname: daemons(onion=onion_name(petname), netns=namespaces(petname), socks=proxy.address,
                              peers=[one.onion], options=["--serve", "fd00:9::/48"], start=False)
             for petname in ("alice", "bob")}

    def write(via):
        sections = [f"[peer {petname}]\nname = {peer.onion}\n" for petname, peer in peers.items()]
        file.write_text(f"route = fd00:9::/48,via={via}\n" + "".join(sections))

    def send(daemon, source, destination, text):
        with daemon.host.socket(kind=socket.SOCK_DGRAM) as sender:
            sender.bind((source, 5354))
            sender.sendto(text.encode(), (destination, 5353))

    def next_of(ear, count):
        return {ear.recv(100).decode() for _ in range(count)}

    write(via="alice")
    for daemon in (one, *peers.values()):
        proxy.connect(daemon.onion, daemon.listen_port)
        daemon.start()
    for daemon in (one, *peers.values()):
        daemon.wait_for_interface()
    for peer in peers.values():
        peer.host.ip(f"-6 addr add {behind}/128 dev lo")
        wait_until(lambda: one.host.can_ping(peer.address) and peer.host.can_ping(one.address), 20, what="the peers")
    with contextlib.ExitStack() as stack:
        ears = {}
        for daemon in (one, *peers.values()):
            ears[daemon] = stack.enter_context(daemon.host.socket(kind=socket.SOCK_DGRAM))
            ears[daemon].bind(("::", 5353))
            ears[daemon].settimeout(10)
        listener = stack.enter_context(peers["alice"].host.socket())
        listener.bind((peers["alice"].address, 5353))
        listener.listen()
        near = stack.enter_context(one.host.socket())
        near.connect(listener.getsockname())
        far = stack.enter_context(listener.accept()[0])
        dials = len(proxy.dials())
        for number, via in enumerate(["alice", "bob", "alice"]):
            if number > 0:
                write(via)
                since = one.mark()
                one.signal(signal.SIGHUP)
                one.wait_for_line("the configuration was reloaded: .*route fd00:9::/48", since=since)
            for address in (behind, *(peer.address for peer in peers.values())):
                send(one, one.address, address, address)
            for petname, peer in peers.items():
                wanted = {peer.address, behind} if petname == via else {peer.address}
                assert next_of(ears[peer], len(wanted)) == wanted, f"what {petname} gets"
                for source in (behind, peer.address):
                    send(peer, source, one.address, f"{source} by {petname}")
            assert next_of(ears[one], 3) == {
                f"{behind} by {via}", *(f"{peer.address} by {petname}" for petname, peer in peers.items())}
            wait_until(lambda: one.counters()["forgedSource"] == number + 1, what="the other peer to be refused")
            near.sendall(b"goes on")
            assert far.recv(100) == b"goes on"
        assert len(proxy.dials()) == dials, "over the circuits that stood"


def test_a_configuration_that_is_wrong_changes_nothing(pair, proxy, tmp_path):
    made = Configured(pair, proxy, tmp_path, PEER)
    since = made.daemon.mark()
    before = made.host.routes()
    line = made.reload(PEER + OTHER + "idel = 7\n", r"the configuration was not reloaded.*")
    assert f"{made.file}:6: 'idel' is no key of a peer" in line, line
    line = made.reload("mtu = 12\n" + OTHER, r"the configuration was not reloaded.*")
    assert f"{made.file}:1: mtu '12'" in line, line
    made.file.unlink()
    since = made.daemon.mark()
    made.daemon.signal(signal.SIGHUP)
    made.daemon.wait_for_line(r"the configuration was not reloaded.*No such file", since=since)
    assert made.host.routes() == before
    assert made.host.can_ping(made.pair.b.address) and not proxy.dials(CAROL)
    result = oncilla("check-config", "--config", made.file)
    assert result.returncode == 5 and "No such file" in result.stderr


def test_what_needs_a_restart_is_told_and_the_rest_applied(pair, proxy, tmp_path):
    made = Configured(pair, proxy, tmp_path, PEER)
    since = made.daemon.mark()
    line = made.reload(PEER.replace("[", "mtu = 1400\nipv4 = yes\nidle = 60\n[", 1), r"the configuration was reloaded: .*")
    assert line.endswith("idle = 60"), line
    line = made.daemon.wait_for_line(r"counts from the next start on: .*", since=since)[0]
    assert line.endswith(": mtu, ipv4"), line
    assert made.host.mtu("oncilla0") == 1500
    # What cannot be added where somebody else has it is told, and nothing of the rest is applied.
    made.host.ip("-6 route add fd00:9::/48 dev lo metric 256")
    line = made.reload(PEER + OTHER, r"the configuration was not reloaded.*")
    assert "fd00:9::/48" in line, line
    assert not proxy.dials(CAROL)


def test_log_and_hosts_change_while_it_runs(pair, proxy, tmp_path):
    made = Configured(pair, proxy, tmp_path, PEER)
    hosts, log = tmp_path / "hosts", tmp_path / "other.log"
    hosts.write_text(f"{made.pair.b.address} {BOB}\n")
    made.file.write_text(f"hosts = {hosts}\nlog = {log}\n" + PEER)
    made.daemon.signal(signal.SIGHUP)
    wait_until(lambda: log.exists() and "reloaded" in log.read_text(), what="the other log")
    assert f"hosts = {hosts}" in log.read_text() and f"log = {log}" in log.read_text()
    assert "1 names read" in log.read_text()


def test_files_tell_all_that_is_needed_and_show_where_it_is_from(tmp_path):
    file = tmp_path / "one.conf"
    file.write_text(f"onion = {onion_name('one')}\nidle = 7 # short\n{PEER}")
    assert oncilla("check-config", "--config", file).stdout == "valid: 1 file\n"
    shown = oncilla("check-config", "--show", "--config", file).stdout
    assert f"idle = 7  # {file}:2\n" in shown and f"peer = bob={BOB}  # {file}:4\n" in shown
    assert "mtu = 1500  # default\n" in shown
    again = tmp_path / "again.conf"
    again.write_text(shown)
    assert oncilla("check-config", "--config", again).returncode == 0


def test_programs_are_told_the_same(tmp_path):
    file = tmp_path / "one.conf"
    file.write_text(f"onion = {onion_name('one')}\nidle = 7\n{PEER}")
    told = json.loads(oncilla("check-config", "--json", "--config", file).stdout)
    assert told == {"schema": 1, "valid": True, "files": [str(file)], "warnings": []}
    settings = json.loads(oncilla("check-config", "--show", "--json", "--config", file).stdout)["settings"]
    assert {"setting": "idle", "value": "7", "is_default": False, "origin": f"{file}:2", "is_hidden": False} in settings
    assert {"setting": "mtu", "value": "1500", "is_default": True, "origin": None, "is_hidden": False} in settings
    assert {"setting": "netns", "value": None, "is_default": True, "origin": None, "is_hidden": False} in settings


@pytest.mark.parametrize("command", ["run", "check-config"])
def test_the_exit_status_of_a_wrong_configuration_is_5(tmp_path, command):
    file = tmp_path / "bad.conf"
    file.write_text("\nmtu = 12\n")
    result = oncilla(command, "--config", file)
    assert (result.returncode, result.stdout) == (5, "")
    assert result.stderr == f"oncilla: {file}:2: mtu '12': a number from 1280 to 65535 is accepted\n"
    result = oncilla(command, "--config", "/dev/null")
    assert result.returncode == 5 and "nothing tells who this host is" in result.stderr
    result = oncilla(command, "--config", file, "--nonsense")
    assert result.returncode == 2


def test_on_a_lan_what_is_behind_a_peer_is_answered_for_after_a_reload(namespaces, daemons, proxy, tmp_path):
    file = tmp_path / "tap.conf"
    file.write_text("")
    lans = bridged_pair(namespaces, daemons, proxy, a={"options": ["--config", file]})
    near, daemon = lans.a.hosts[0], lans.a.daemon
    near.namespace.ip("-6 route add fd00:9::/48 dev eth0")

    def reload(text, line):
        file.write_text(text)
        since = daemon.mark()
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_line(line, since=since)

    near.can_ping("fd00:9::1")
    assert near.neighbour_mac("fd00:9::1") is None
    far = lans.b.identities[0]
    reload(f"route = fd00:9::/48,via={far.name}\n", f"route fd00:9::/48 via {far.address} added")
    near.forget_neighbours()
    near.can_ping("fd00:9::1")
    assert near.neighbour_mac("fd00:9::1") == lans.a.tap_mac
    reload("", f"route fd00:9::/48 via {far.address} removed")
    near.forget_neighbours()
    near.can_ping("fd00:9::1")
    assert near.neighbour_mac("fd00:9::1") is None


def test_each_instance_has_files_of_its_own(tmp_path):
    etc = tmp_path / "etc"
    for directory in ("oncilla/conf.d", "oncilla/peers.d", "oncilla/office/peers.d"):
        (etc / directory).mkdir(parents=True)
    (etc / "oncilla/oncilla.conf").write_text(f"onion = {onion_name('home')}\nmtu = 1400\n")
    (etc / "oncilla/conf.d/10-mtu.conf").write_text("mtu = 1300\n")
    (etc / "oncilla/peers.d/bob.conf").write_text(PEER)
    (etc / "oncilla/office/oncilla.conf").write_text(f"onion = {onion_name('office')}\nlisten = 127.0.0.1:8061\n")

    def run(*arguments):
        # What it finds in /etc is the test's own.
        command = ["unshare", "--mount", "sh", "-c", f'mount --bind {etc} /etc && exec "$@"', "sh", BINARY, *arguments]
        return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=10)

    shown = run("check-config", "--show").stdout
    assert "mtu = 1300  # /etc/oncilla/conf.d/10-mtu.conf:1\n" in shown
    assert f"peer = bob={BOB}  # /etc/oncilla/peers.d/bob.conf:2\n" in shown
    shown = run("-i", "office", "check-config", "--show").stdout
    assert f"onion = {onion_name('office')}  # /etc/oncilla/office/oncilla.conf:1\n" in shown
    for line in ("mtu = 1500", "interface = onc-office", "state-dir = /var/lib/oncilla/office",
                 "control = /run/oncilla/office/control.sock"):
        assert f"{line}  # default\n" in shown
    assert BOB not in shown
    result = run("-i", "other", "run")
    assert result.returncode == 5 and "/etc/oncilla/other/oncilla.conf" in result.stderr


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_file_of_peers_that_is_none_shows_nothing_of_another(tmp_path, kind):
    # The group of the daemon may write there: what root's check-config says of a line may not be one of /etc/shadow.
    etc = tmp_path / "etc"
    (etc / "oncilla/peers.d").mkdir(parents=True)
    (etc / "oncilla/oncilla.conf").write_text(f"onion = {onion_name('home')}\n")
    (etc / "secret").write_text("root:$6$secret\n")
    file = etc / "oncilla/peers.d/x.conf"
    if kind == "link":
        file.symlink_to("/etc/secret")
    else:
        os.mkfifo(file)
    command = ["unshare", "--mount", "sh", "-c", f'mount --bind {etc} /etc && exec "$@"', "sh", BINARY, "check-config"]
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=10)
    assert result.returncode == 5 and "secret" not in result.stdout + result.stderr, result
    assert "/etc/oncilla/peers.d/x.conf: a file of peers.d is a regular file, and no link" in result.stderr, result


def test_whose_a_file_is_is_told_unless_he_may_put_it_there(tmp_path):
    directory = tmp_path / "peers.d"
    directory.mkdir(mode=0o755)
    file = directory / "one.conf"
    file.write_text(f"onion = {onion_name('one')}\n")
    os.chown(file, 4242, 0)
    warning = f"# warning: {file} belongs to user 4242"
    assert warning in oncilla("check-config", "--config", file).stdout
    directory.chmod(0o770)
    assert oncilla("check-config", "--config", file).stdout == "valid: 1 file\n"
    directory.chmod(0o755)
    os.chown(directory, 4242, 0)
    assert oncilla("check-config", "--config", file).stdout == "valid: 1 file\n"
