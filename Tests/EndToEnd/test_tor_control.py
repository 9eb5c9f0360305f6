"""Tor's control port: Tor makes the onion service, and has it again when it comes back."""

import base64
import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest

import overlay
from overlay import oncilla, wait_until
from private_tor import PrivateTor, suit_to_tor
from tor_control import LoneTor, ask, client_keys


@pytest.fixture
def tor():
    with LoneTor() as tor:
        yield tor


@pytest.fixture
def publish(daemons, host):
    """publish(path, "--ephemeral") runs a daemon whose onion service Tor makes at the control socket `path`."""

    def run(path, *options, **arguments):
        arguments.setdefault("netns", host)
        return daemons(options=["--tor-control", f"unix:{path}", "--publish", "tor", *options], **arguments)

    return run


def kept_name(daemon):
    """The onion name that the daemon keeps."""
    return re.search(r"^name (\S+)$", (daemon.state_dir / "identity.key").read_text(), re.MULTILINE)[1]


def test_the_service_is_made_kept_and_told_again(tor, publish):
    daemon = publish(tor.control)
    daemon.wait_for_line("waiting for Tor at")
    name, key = kept_name(daemon), daemon.state_dir / "identity.key"
    assert tor.holds(key)
    assert f"{overlay.overlay_address(name)}/48" in daemon.host.addresses("oncilla0")
    assert stat.S_IMODE(os.stat(key).st_mode) == 0o600
    # Tor goes, and comes back.
    mark = daemon.mark()
    tor.kill()
    daemon.wait_for_line("Tor's control port at .*; the onion service goes with it", since=mark)
    mark = daemon.mark()
    tor.start()
    daemon.wait_for_line("admits us at its control port", since=mark, timeout=40)
    wait_until(lambda: tor.holds(key), 10, what="the same service")
    # The daemon goes, and its service with it.
    daemon.stop()
    wait_until(lambda: not tor.holds(key), 10, what="the service to go")
    daemon.start()
    wait_until(lambda: tor.holds(key), 10, what="the same service")
    assert kept_name(daemon) == name
    # No key in the log, and no name at notice.
    secret = re.search(r"^key ED25519-V3:(\S+)$", key.read_text(), re.MULTILINE)[1]
    assert secret not in daemon.log()
    assert name.removesuffix(".onion") not in daemon.log()


def test_a_known_name_needs_no_tor(tor, publish):
    daemon = publish(tor.control)
    daemon.wait_for_line("waiting for Tor at")
    name = kept_name(daemon)
    daemon.stop()
    tor.kill()
    mark = daemon.mark()
    daemon.start()
    daemon.wait_for_line(re.escape(str(overlay.overlay_address(name))) + " on oncilla0: interface up", since=mark)
    daemon.wait_for_line("Tor's control port at unix:.*Connection refused", since=mark)


def test_without_a_tor_a_new_name_is_waited_for(publish, tmp_path):
    daemon = publish(tmp_path / "nobody")
    daemon.wait_for_line(f"Tor's control port at unix:{tmp_path}/nobody: .*No such file")
    assert "oncilla0" not in daemon.log()


def test_an_ephemeral_key_is_written_nowhere(tor, publish):
    addresses = set()
    for _ in range(2):
        daemon = publish(tor.control, "--ephemeral")
        address = daemon.wait_for_line(r"onion service of (\S+) is being published")[1]
        addresses.add(address)
        # The same as long as it runs.
        mark = daemon.mark()
        tor.kill()
        daemon.wait_for_line("Tor's control port at", since=mark)
        tor.start()
        daemon.wait_for_line(f"onion service of {address} is being published", since=mark, timeout=40)
        daemon.stop()
        assert not list(daemon.directory.rglob("identity*"))
        assert "ED25519" not in daemon.log()
    assert len(addresses) == 2


def test_a_cookie_that_cannot_be_read_is_told_with_the_remedy(tor, publish):
    os.chown(tor.cookie, 1, 1)
    os.chmod(tor.cookie, 0o600)
    daemon = publish(tor.control, "--user", "root",
                     prefix=["setpriv", "--bounding-set", "-dac_override,-dac_read_search"])
    daemon.wait_for_line(r"control_auth_cookie: Permission denied: 'usermod -aG debian-tor USER'")


def test_a_state_directory_that_cannot_be_written_is_told_before_a_name_is(tor, publish, tmp_path):
    (tmp_path / "file").write_text("")
    daemon = publish(tor.control, state_dir=tmp_path / "file" / "state")
    with pytest.raises(AssertionError):
        daemon.wait_for_line("waiting for Tor at")
    assert daemon.process.wait(5) == 1
    assert "cannot be kept" in daemon.log() or "Not a directory" in daemon.log()


def test_a_key_that_tor_has_already_is_told(tor, publish, tmp_path):
    daemon = publish(tor.control)
    daemon.wait_for_line("waiting for Tor at")
    second = publish(tor.control, state_dir=daemon.state_dir, netns=None, within=daemon.host, interface="oncilla1")
    second.wait_for_line("does not make the onion service .*; it has one of this key already")


def test_backup_restore_export_and_import(tor, publish, tmp_path):
    daemon = publish(tor.control)
    daemon.wait_for_line("waiting for Tor at")
    name = kept_name(daemon)
    daemon.stop()
    state = ["--state-dir", daemon.state_dir]
    assert oncilla("identity", "backup", tmp_path / "backup", *state).returncode == 0
    assert stat.S_IMODE(os.stat(tmp_path / "backup").st_mode) == 0o600
    assert (daemon.state_dir / "identity.backup").exists()
    refused = oncilla("identity", "backup", tmp_path / "backup", *state)
    assert refused.returncode == 1 and "File exists" in refused.stderr
    # To another host.
    assert oncilla("identity", "restore", tmp_path / "backup", "--state-dir", tmp_path / "other").returncode == 0
    assert (tmp_path / "other/identity.key").read_bytes() == (daemon.state_dir / "identity.key").read_bytes()
    # Not over another key.
    second = publish(tor.control, state_dir=tmp_path / "second")
    second.wait_for_line("waiting for Tor at")
    second.stop()
    refused = oncilla("identity", "restore", tmp_path / "backup", "--state-dir", tmp_path / "second")
    assert refused.returncode == 1 and "--force" in refused.stderr
    restored = oncilla("identity", "restore", tmp_path / "backup", "--force", "--state-dir", tmp_path / "second")
    assert restored.returncode == 0
    assert kept_name(second) == name
    # As Tor has it: Tor itself takes the exported directory, and names it the same.
    assert oncilla("identity", "export", tmp_path / "service", *state).returncode == 0
    (tmp_path / "service/hostname").unlink()
    tor.kill()
    tor.options += [f"HiddenServiceDir {tmp_path}/service", "HiddenServicePort 8060 127.0.0.1:8060"]
    tor.start()
    wait_until((tmp_path / "service/hostname").exists, 20, what="Tor to name the service")
    assert (tmp_path / "service/hostname").read_text().strip() == name
    assert oncilla("identity", "import", tmp_path / "service", "--state-dir", tmp_path / "third").returncode == 0
    assert (tmp_path / "third/identity.key").read_bytes() == (daemon.state_dir / "identity.key").read_bytes()


def test_several_identities_have_a_service_an_address_and_a_listener_each(tor, publish, tmp_path):
    ports = [overlay.free_port(), overlay.free_port()]
    daemon = publish(tor.control, "--identity", f"work,listen=127.0.0.1:{ports[0]}", "--identity",
                     f"home,listen=127.0.0.1:{ports[1]}")
    daemon.wait_for_line("waiting for Tor at")
    keys = [daemon.state_dir / name for name in ("identity.key", "identity-work.key", "identity-home.key")]
    names = [re.search(r"^name (\S+)$", key.read_text(), re.MULTILINE)[1] for key in keys]
    assert len(set(names)) == 3 and all(tor.holds(key) for key in keys)
    shown = daemon.host.addresses("oncilla0")
    assert all(f"{overlay.overlay_address(name)}/48" in shown for name in names)
    listed = json.loads(oncilla("identity", "list", "--json", "--control",
                                daemon.directory / "control.sock").stdout)["identities"]
    assert [(one["label"], one["name"], one["listen"]) for one in listed] == [
        (label, name, [f"127.0.0.1:{port}"])
        for label, name, port in zip((None, "work", "home"), names, (daemon.listen_port, *ports))], listed
    status = oncilla("status", "--control", daemon.directory / "control.sock").stdout
    assert f"\n{overlay.overlay_address(names[0])} is {names[0]}\n" in status, status
    assert f"\nwork: {overlay.overlay_address(names[1])} is {names[1]}\n" in status, status
    # All of them come back with Tor, and with the daemon.
    mark = daemon.mark()
    tor.kill()
    daemon.wait_for_line("Tor's control port at .*; the onion service goes with it", since=mark)
    tor.start()
    wait_until(lambda: all(tor.holds(key) for key in keys), 40, what="the same services")
    daemon.stop()
    # One backup holds all, and goes to another host as a whole or not at all.
    assert oncilla("identity", "backup", tmp_path / "backup", "--state-dir", daemon.state_dir).returncode == 0
    other = tmp_path / "other"
    restored = oncilla("identity", "restore", tmp_path / "backup", "--state-dir", other)
    assert restored.returncode == 0 and "identity add work" in restored.stdout, restored
    for key in keys:
        assert (other / key.name).read_bytes() == key.read_bytes()
    (other / "identity.key").unlink()
    (other / "identity-work.key").write_text(keys[0].read_text())
    refused = oncilla("identity", "restore", tmp_path / "backup", "--state-dir", other)
    assert refused.returncode == 1 and "--force" in refused.stderr and not (other / "identity.key").exists(), refused


def test_an_identity_is_added_and_removed(tor, tmp_path):
    etc, state = tmp_path / "etc", tmp_path / "state"
    (etc / "oncilla/conf.d").mkdir(parents=True)
    own = etc / "oncilla/oncilla.conf"
    text = f"publish = tor\ntor-control = unix:{tor.control}\nstate-dir = {state}\ncontrol = {tmp_path}/control\n"
    own.write_text(text)
    file = etc / "oncilla/conf.d/40-identity-work.conf"

    def run(*arguments):
        command = ["unshare", "--mount", "sh", "-c", f'mount --bind {etc} /etc && exec "$@"', "sh", overlay.BINARY,
                   *arguments]
        return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=10,
                              stdin=subprocess.DEVNULL)

    added = run("identity", "add", "work")
    assert added.returncode == 0 and "systemctl restart oncilla.service" in added.stdout, added
    text_of_file = file.read_text()
    port = re.search(r"^identity = work,listen=127\.0\.0\.1:(\d+)$", file.read_text(), re.MULTILINE)[1]
    assert int(port) > 8060
    again = run("identity", "add", "work")
    assert again.returncode == 1 and str(file.relative_to(etc)) in again.stderr, again
    second = run("identity", "add", "home", "--listen", f"127.0.0.1:{port}")
    assert second.returncode == 1 and "is a listener of this host already" in second.stderr, second
    assert not file.with_name("40-identity-home.conf").exists(), "what is refused is not left behind"
    # A key of it, as the daemon keeps it.
    state.mkdir(mode=0o700)
    key = state / "identity-work.key"
    name = overlay.onion_name("work")
    key.write_text(f"name {name}\nkey ED25519-V3:{base64.b64encode(bytes(64)).decode()}\n")
    address = overlay.overlay_address(name)
    asked = run("identity", "remove", str(address))
    assert asked.returncode == 1 and "--yes" in asked.stderr and file.exists(), asked
    removed = run("identity", "remove", str(address), "--yes")
    assert removed.returncode == 0 and str(address) in removed.stdout and str(key) in removed.stdout, removed
    assert not file.exists() and key.exists()
    assert run("identity", "remove", "work", "--yes").returncode == 7
    # A key that cannot be read is neither overlooked nor said to be kept.
    kept = key.read_bytes()
    key.write_text("nonsense\n")
    refused = run("identity", "add", "work")
    assert refused.returncode == 1 and str(key) in refused.stderr and not file.exists(), refused
    file.write_text(text_of_file)
    removed = run("identity", "remove", "work", "--yes")
    assert removed.returncode == 0 and f"Whether {key} still holds its key is not known" in removed.stdout, removed
    file.write_text(text_of_file)
    removed = run("identity", "remove", "work", "--yes", "--delete-key")
    assert removed.returncode == 0 and f"{key} is removed, which held no key" in removed.stdout, removed
    assert not key.exists()
    file.write_text(text_of_file)
    removed = run("identity", "remove", "work", "--yes", "--delete-key")
    assert removed.returncode == 0 and f"There was no key at {key}" in removed.stdout, removed
    key.write_bytes(kept)
    back = run("identity", "add", "work")
    assert back.returncode == 0 and str(address) in back.stdout, back
    gone = run("identity", "remove", "work", "--yes", "--delete-key")
    assert gone.returncode == 0 and not key.exists() and not file.exists(), gone
    own.write_text(text + "private = yes\n")
    refused = run("identity", "add", "work")
    assert refused.returncode == 1 and "this host is private" in refused.stderr and not file.exists(), refused
    own.write_text(text)
    # What somebody wrote is theirs.
    assert run("identity", "add", "work").returncode == 0
    with file.open("a") as more:
        more.write("log-level = info\n")
    for arguments in [["--yes"], []]:
        refused = run("identity", "remove", "work", *arguments)
        assert refused.returncode == 1 and f"{file.name}:2" in refused.stderr, "nobody is asked in vain"
    assert file.read_text().endswith("log-level = info\n")
    file.unlink()
    own.write_text(text + "identity = work,listen=127.0.0.1:9000\n")
    refused = run("identity", "remove", "work", "--yes")
    assert refused.returncode == 1 and "oncilla.conf:5" in refused.stderr, refused
    assert own.read_text().endswith("identity = work,listen=127.0.0.1:9000\n")
    # Where torrc makes the services, its lines do.
    own.write_text(f"onion = {name}\n")
    refused = run("identity", "add", "home")
    assert refused.returncode == 1 and "publish = tor" in refused.stderr, refused


class FakeControl:
    """A control socket at which somebody says whatever the test wants."""

    def __init__(self, path, script):
        self.heard = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.script = script
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection, contextlib.suppress(OSError):
                    self.script(self, connection)

    def hear(self, connection):
        line = connection.recv(4096)
        self.heard.append(line)
        return line


def lies(control, connection):
    """It names a cookie that it does not know."""
    control.hear(connection)
    connection.sendall(b'250-AUTH METHODS=SAFECOOKIE COOKIEFILE="%s"\r\n250 OK\r\n' % bytes(control.cookie))
    control.hear(connection)
    connection.sendall(b"250 AUTHCHALLENGE SERVERHASH=%s SERVERNONCE=%s\r\n" % (b"00" * 32, b"11" * 32))
    control.hear(connection)


def talks(control, connection):
    """It never ends its line."""
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b"250-" + b"x" * 65536)


def floods(control, connection):
    """It tells events, and nothing else."""
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b"650 STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=1\r\n" * 1000)


def wants_password(control, connection):
    control.hear(connection)
    connection.sendall(b"250-AUTH METHODS=HASHEDPASSWORD\r\n250 OK\r\n")
    control.hear(connection)


@pytest.mark.parametrize(("script", "line"), [
    (lies, "does not know the cookie"), (talks, "more at once than is accepted"),
    (wants_password, "wants a password: cookie authentication is accepted"),
])
def test_somebody_who_is_not_tor_is_told_once_and_learns_nothing(publish, tmp_path, script, line):
    cookie = tmp_path / "cookie"
    cookie.write_bytes(os.urandom(32))
    control = FakeControl(tmp_path / "control", script)
    control.cookie = cookie
    daemon = publish(tmp_path / "control")
    daemon.wait_for_line(line, timeout=20)
    assert daemon.log().count("Tor's control port at") == 1
    assert not any(line.startswith((b"AUTHENTICATE", b"ADD_ONION")) for line in control.heard)


def test_status_tells_how_far_tor_is(publish, tor):
    daemon = publish(tor.control)

    def status():
        result = oncilla("status", "--json", "--control", daemon.directory / "control.sock")
        assert result.returncode == 0, result
        return json.loads(result.stdout)

    daemon.wait_for_line("waiting for Tor at")
    told = status()
    assert told["state"] == "tor_starting" and told["summary"].startswith("Tor is starting (0 %)"), told
    assert told["tor"]["bootstrap_percent"] == 0 and told["tor"]["version"], told
    tor.kill()
    # What a Tor that is gone said last is no news of today.
    wait_until(lambda: status()["state"] == "waiting_for_tor", 20, what="the state without Tor")
    assert status()["summary"].startswith("waiting for Tor at")


def test_a_flood_of_events_holds_nothing_up(publish, tmp_path, tor):
    daemon = publish(tor.control)
    daemon.wait_for_line("waiting for Tor at")
    daemon.stop()
    FakeControl(tmp_path / "control", floods)
    daemon.arguments[daemon.arguments.index(f"unix:{tor.control}")] = f"unix:{tmp_path}/control"
    daemon.start()
    wait_until(lambda: daemon.host.can_ping(overlay.DEAD_BEEF), 10, what="an answer")
    assert daemon.log().count("Tor is starting") <= 1


@pytest.mark.seconds(600)
def test_through_a_real_network_by_a_name_that_tor_made(namespaces, daemons, report):
    with PrivateTor(clients=2, services=1) as network:
        alice, bob = network.clients
        hosts = [namespaces(who) for who in ("alice", "bob")]
        for host in hosts:
            suit_to_tor(host)
        made = daemons(
            netns=hosts[0], socks=f"127.0.0.1:{alice.socks}", interface="oncilla0",
            options=["--tor-control", f"unix:{alice.control}", "--publish", "tor"])
        made.wait_for_line("is published", timeout=120)
        name = kept_name(made)
        address = overlay.overlay_address(name)
        caller = daemons(
            onion=bob.services[0].name, netns=hosts[1], socks=f"127.0.0.1:{bob.socks}",
            listen=[f"127.0.0.1:{bob.services[0].listen}"], peers=[name],
            options=["--tor-control", f"unix:{bob.control}"])
        caller.wait_for_line("admits us at its control port")
        wait_until(lambda: hosts[1].can_ping(address), 120, what="the first ping")
        mark = made.mark()
        alice.restart()
        made.wait_for_line("the onion service goes with it", since=mark, timeout=20)
        made.wait_for_line("is published", since=mark, timeout=180)
        assert kept_name(made) == name
        wait_until(lambda: hosts[1].can_ping(address), 240, what="the ping after Tor's return")
        # The service goes with the daemon, and is published anew: what a restart of the daemon costs.
        mark = made.mark()
        made.stop()
        began = time.monotonic()
        made.start()
        made.wait_for_line("is published", since=mark, timeout=120)
        published = time.monotonic() - began
        wait_until(lambda: hosts[1].can_ping(address), 240, what="the ping after the daemon's return")
        report(f"published {published:.1f} s after the daemon's start, a ping after {time.monotonic() - began:.1f} s")


@pytest.mark.seconds(600)
def test_a_private_host_and_what_those_are_told_whom_it_does_not_admit(namespaces, daemons, tmp_path, report):
    """Where Tor's SOCKS port has ExtendedErrors the reason is exact; where it has not, it is one of several."""
    (alice_secret, alice_public), (other_secret, _) = client_keys(), client_keys()
    with PrivateTor(clients=2, services=1) as network:
        bobs, alices = network.clients
        hosts = [namespaces(who) for who in ("bob", "alice")]
        for host in hosts:
            suit_to_tor(host)
        exact = overlay.free_port()
        assert "250 OK" in ask(
            alices.control, alices.cookie,
            f'SETCONF SocksPort="127.0.0.1:{alices.socks}" SocksPort="127.0.0.1:{exact} ExtendedErrors"')
        private = tmp_path / "bob.conf"
        private.write_text("private = yes\n")
        bob = daemons(
            label="bob", netns=hosts[0], socks=f"127.0.0.1:{bobs.socks}",
            options=["--tor-control", f"unix:{bobs.control}", "--publish", "tor", "--config", private])
        bob.wait_for_line("is published", timeout=120)
        bob.wait_for_line(": ready", timeout=120)
        name = kept_name(bob)

        def guest(label, socks, key=None):
            file = tmp_path / f"{label}.conf"
            file.write_text(f"[peer bob]\nname = {name}\n" + (f"key = {key}\n" if key else ""))
            return daemons(
                label=label, onion=alices.services[0].name, netns=hosts[1], socks=f"127.0.0.1:{socks}",
                listen=[f"127.0.0.1:{alices.services[0].listen}"],
                options=["--tor-control", f"unix:{alices.control}", "--config", file])

        # Those whom it does not admit
        for label, socks, key, words in (
                ("no-key", exact, None, "the key of its invitation is missing"),
                ("other-key", exact, other_secret, "the key of this invitation is wrong or was revoked"),
                ("untold", alices.socks, other_secret, "its daemon is not running, or the key of its invitation is missing or")):
            daemon = guest(label, socks, key)
            daemon.wait_for_line(rf"peer bob: not reached: {words}", timeout=60)
            daemon.stop()

        # A friend
        mark = bob.mark()
        private.write_text(f"private = yes\ninvited = alice={alice_public}\n")
        bob.signal(signal.SIGHUP)
        invited = time.monotonic()
        bob.wait_for_line("is published", since=mark, timeout=60)
        published = time.monotonic() - invited
        alice = guest("alice", exact)
        alice.wait_for_line("peer bob: not reached", timeout=60)
        time.sleep(1)
        (tmp_path / "alice.conf").write_text(f"[peer bob]\nname = {name}\nkey = {alice_secret}\n")
        joined = time.monotonic()
        alice.signal(signal.SIGHUP)
        alice.wait_for_line("peer bob: connected", timeout=90)
        report(f"published for a friend {published:.1f} s after the invitation; connected "
               f"{time.monotonic() - joined:.1f} s after the key came")
