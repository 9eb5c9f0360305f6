"""The control socket and the commands that ask the daemon, text and JSON, and what strangers to the protocol do to it."""

import contextlib
import grp
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
from overlay import oncilla, onion_name, overlay_address, wait_until


class Control:
    """A client that speaks the protocol by hand."""

    def __init__(self, daemon, timeout=10):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(path_of(daemon))
        self.lines = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.lines.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else json.dumps(data).encode() + b"\n")

    def read(self):
        """The next line, or None at the end."""
        line = self.lines.readline()
        return json.loads(line) if line else None

    def ask(self, command, **arguments):
        self.send({"schema": 1, "command": command, **arguments})
        return self.read()

    def is_closed(self, within):
        self.socket.settimeout(within)
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def path_of(daemon):
    return str(daemon.directory / "control.sock")


def run(daemon, *arguments, **options):
    return oncilla(*arguments, "--control", path_of(daemon), **options)


def shown(daemon, *arguments, **options):
    """The JSON that a command prints."""
    result = run(daemon, *arguments, "--json", **options)
    assert (result.returncode, result.stderr) == (0, ""), result
    assert result.stdout.count("\n") == 1, result
    return json.loads(result.stdout)


@pytest.fixture
def hosts(pair, proxy):
    """Two daemons; alice is the petname that the first has for the second."""
    name = onion_name("pair b")
    both = pair(proxy, a={"peers": [f"alice={name}"], "log_level": "info"})
    wait_until(lambda: both.a.host.can_ping(both.b.address), 20, what="the daemons to reach each other")
    both.name = name
    assert run(both.a, "wait", "--timeout", "20").returncode == 0
    return both


def peer(daemon, name="alice"):
    return shown(daemon, "peer", "show", name)["peer"]


# What it says


def test_status_in_text_and_json(hosts):
    for arguments in (["status"], []):
        result = run(hosts.a, *arguments) if arguments else run(hosts.a, "status")
        assert (result.returncode, result.stderr) == (0, ""), result
        first, door, blank, titles, row = result.stdout.splitlines()[:5]
        assert re.fullmatch(rf"ready: {hosts.a.address} is {hosts.a.onion}, loop \d+ ms", first) and blank == ""
        assert re.fullmatch(r"let in: pings, answers, any \(\d+ packets\); 0 flows of ours", door)
        assert titles.split()[:2] == ["PEER", "STATE"] and row.split()[:2] == ["alice", "up"]
        assert "\x1b" not in result.stdout
    status = shown(hosts.a, "status")
    assert status["version"] == "0.1.0" and status["state"] == "ready" and status["interface"] == "oncilla0"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", status["started"])
    [identity] = status["identities"]
    assert (identity["address"], identity["name"]) == (hosts.a.address, hosts.a.onion)
    [alice] = identity["peers"]
    assert (alice["petname"], alice["address"], alice["name"]) == ("alice", hosts.b.address, hosts.name)
    assert alice["configured"] is True and alice["state"] == "up" and alice["circuits_out"] >= 1
    assert alice["bytes_sent"] > 100 and alice["bytes_received"] > 100
    assert identity["counters"]["granted"] >= 1
    assert identity["door"]["refuse"] == "icmp" and identity["door"]["allow_in"][0]["rule"] == "any"
    everything = json.dumps(status)
    assert "." not in re.sub(r'"[^"]*"', "", everything), "numbers are whole"
    assert all(re.fullmatch("[a-z0-9_]+", key) for key in re.findall(r'"([^"]+)": ', everything))


def test_peers_routes_neighbours_and_identities(hosts):
    [alice] = shown(hosts.a, "peers")["peers"]
    assert alice["petname"] == "alice" and alice["identity"] == hosts.a.address
    assert "alice" in run(hosts.a, "peers").stdout
    assert shown(hosts.a, "routes") == {"schema": 1, "routes": [], "served": []}
    result = run(hosts.a, "neighbours")
    assert result.returncode == 1 and "--mode tap" in result.stderr
    [identity] = shown(hosts.a, "identity", "list")["identities"]
    assert identity["name"] == hosts.a.onion and identity["listen"] == hosts.a.listen
    assert hosts.a.onion in run(hosts.a, "identity", "list").stdout


def test_a_peer_is_found_by_whatever_names_it(hosts):
    short = hosts.name.removesuffix(".onion")[-16:]
    for text in ("alice", " Alice ", hosts.b.address, hosts.name, hosts.name.upper(), short, short + ".onion",
                 f"http://{hosts.name}:8060/"):
        assert peer(hosts.a, text)["name"] == hosts.name, text
    for text, status, words in (("bob", 7, "no peer 'bob'"), (f"{hosts.name}:80", 2, "8060"), ("::1", 2, "overlay"),
                                (overlay_address(onion_name("nobody")), 7, "no peer")):
        result = run(hosts.a, "peer", "show", text)
        assert (result.returncode, result.stdout) == (status, ""), result
        assert words in result.stderr and result.stderr.count("\n") == 1, result


# What it does


def test_block_and_unblock(hosts):
    assert run(hosts.a, "peer", "block", "alice").returncode == 0
    assert peer(hosts.a)["state"] == "blocked"
    assert not hosts.a.host.can_ping(hosts.b.address, timeout=2)
    assert not hosts.b.host.can_ping(hosts.a.address, timeout=2)
    assert "blocked" in run(hosts.a, "peer", "connect", "alice").stderr
    assert run(hosts.a, "peer", "unblock", "alice").returncode == 0
    wait_until(lambda: hosts.a.host.can_ping(hosts.b.address), 20, what="a ping after the block")
    assert run(hosts.a, "peer", "unblock", "alice").returncode == 7
    assert re.search(r"control: user 0 \(root\): peer_block alice", hosts.a.log())
    assert hosts.name not in hosts.a.log(), "a name in a log of level info"


def test_disconnect_connect_and_reconnect(hosts):
    assert run(hosts.a, "peer", "disconnect", "alice").returncode == 0
    assert peer(hosts.a)["state"] == "disconnected"
    time.sleep(3)
    assert peer(hosts.a)["state"] == "disconnected", "it dials although nobody wants it"
    assert run(hosts.a, "peer", "connect", "alice").returncode == 0
    wait_until(lambda: peer(hosts.a)["state"] == "up", 10, what="a circuit")
    dialled = shown(hosts.a, "status")["identities"][0]["counters"]["dialled"]
    for arguments in (["alice"], ["--all"]):
        assert run(hosts.a, "peer", "reconnect", *arguments).returncode == 0
        dialled += 1
        wait_until(lambda: peer(hosts.a)["state"] == "up", 10, what="a circuit")
        assert shown(hosts.a, "status")["identities"][0]["counters"]["dialled"] >= dialled


def test_peers_come_and_go_while_it_runs(hosts):
    name = onion_name("later")
    added = run(hosts.a, "peer", "add", f"later={name}")
    assert (added.returncode, added.stdout) == (0, overlay_address(name) + "\n"), added
    assert peer(hosts.a, "later")["configured"] is True
    again = run(hosts.a, "peer", "add", name)
    assert again.returncode == 1 and "already" in again.stderr, again
    assert run(hosts.a, "peer", "add", "later2=nonsense").returncode == 2
    assert run(hosts.a, "peer", "add", hosts.a.onion).returncode == 1
    assert run(hosts.a, "reload").returncode == 0
    assert peer(hosts.a, "later")["configured"] is True, "reading the configuration again keeps it"
    assert run(hosts.a, "peer", "remove", "later").returncode == 0
    assert run(hosts.a, "peer", "show", "later").returncode == 7
    assert run(hosts.a, "peer", "remove", name).returncode == 7
    assert hosts.a.host.can_ping(hosts.b.address)


def test_the_file_of_a_saved_peer_goes_also_after_the_peer(hosts, tmp_path):
    """Who forgot --save could not remove it any more, and the next reload brought the peer back."""
    (tmp_path / "oncilla").mkdir()
    file = tmp_path / "oncilla/peers.d/later.conf"
    name = onion_name("later")

    def save(*arguments):
        command = ["unshare", "--mount", "sh", "-c", f'mount --bind {tmp_path} /etc && exec "$@"', "sh", overlay.BINARY,
                   "peer", *arguments, "--control", path_of(hosts.a)]
        return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=10)

    assert save("add", f"later={name}", "--save").returncode == 0 and file.exists()
    assert save("remove", "later").returncode == 0 and file.exists()
    removed = save("remove", "later", "--save")
    assert (removed.returncode, removed.stdout) == (0, "removed /etc/oncilla/peers.d/later.conf\n"), removed
    assert not file.exists() and save("remove", "later", "--save").returncode == 7
    assert save("add", f"later={name}", "--save").returncode == 0
    assert save("remove", name, "--save").returncode == 0 and not file.exists()


def test_a_peer_is_saved_and_forgotten_where_no_daemon_runs(tmp_path):
    """The file was not written without one, though it is read at the next start."""
    (tmp_path / "oncilla").mkdir()
    own = tmp_path / "oncilla/oncilla.conf"
    name, other = onion_name("later"), onion_name("other")
    own.write_text(f"onion = {onion_name('one')}\npeer = other={other}\ncontrol = {tmp_path}/nobody\n")
    file = tmp_path / "oncilla/peers.d/later.conf"

    def run(*arguments):
        command = ["unshare", "--mount", "sh", "-c", f'mount --bind {tmp_path} /etc && exec "$@"', "sh", overlay.BINARY,
                   *arguments]
        return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=10)

    later = "; oncilla is not running: it counts from its start on\n"
    added = run("peer", "add", f"later={name}", "--save")
    assert (added.returncode, added.stderr) == (0, ""), added
    assert added.stdout == f"{overlay_address(name)}\nsaved in /etc/oncilla/peers.d/later.conf{later}"
    assert f"name = {name}" in file.read_text() and "later" in run("check-config", "--show").stdout
    again = run("peer", "add", f"later={name}", "--save")
    assert again.returncode == 1 and "saved already" in again.stderr, again
    twice = run("peer", "add", f"twice={other}", "--save")
    assert twice.returncode == 5 and "already given" in twice.stderr, twice
    port = run("peer", "add", f"third={onion_name('third')}:80", "--save")
    assert port.returncode == 2 and "its port is 80" in port.stderr, port
    assert [path.name for path in file.parent.iterdir()] == ["later.conf"], "what is refused leaves nothing behind"
    for who in ("later", name, overlay_address(name)):
        file.write_text(file.read_text() if file.exists() else text)
        text = file.read_text()
        removed = run("peer", "remove", who, "--save")
        assert (removed.returncode, removed.stdout) == (0, f"removed /etc/oncilla/peers.d/later.conf{later}"), removed
        assert not file.exists()
    assert run("peer", "remove", "later", "--save").returncode == 7
    handmade = run("peer", "remove", "other", "--save")
    assert handmade.returncode == 7, handmade
    # Without --save there is nothing to do.
    assert run("peer", "add", f"later={name}").returncode == 3 and not file.exists()
    # In the words of an instance.
    (tmp_path / "oncilla/office/peers.d").mkdir(parents=True)
    (tmp_path / "oncilla/office/peers.d/later.conf").write_text(text)
    taken = run("-i", "office", "peer", "add", f"later={other}", "--save")
    assert taken.returncode == 1 and "saved already" in taken.stderr, taken


def test_ping_tells_the_circuit_apart(hosts):
    run(hosts.a, "peer", "disconnect", "alice")
    result = run(hosts.a, "ping", "alice", "-c", "2")
    assert (result.returncode, result.stderr) == (0, ""), result
    assert re.fullmatch(rf"PING alice \({hosts.b.address}, {hosts.name}\)\ncircuit: \d+ ms\necho 1: \d+ ms\n"
                        r"echo 2: \d+ ms\n2 sent, 2 answered; first \d+ ms, later .*\n", result.stdout), result.stdout
    figures = shown(hosts.a, "ping", hosts.b.address, "-c", "1")
    assert figures["circuit_us"] is None and figures["answered"] == 1 and 0 < figures["round_trips_us"][0] < 5_000_000
    nobody = run(hosts.a, "ping", onion_name("nobody"), "-c", "1", timeout=30)
    assert nobody.returncode == 1 and "not reached" in nobody.stderr, nobody


def test_wait_and_monitor(daemons, host, proxy):
    name = onion_name("later")
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, peers=[f"later={name}"])
    proxy.connect(one.onion, one.listen_port)
    assert run(one, "wait", "--timeout", "20", timeout=30).returncode == 0
    missing = run(one, "wait", "--peer", "later", "--timeout", "1")
    assert missing.returncode == 124 and "later" in missing.stderr, missing
    assert run(one, "wait", "--peer", "later", "--timeout", "0").returncode == 6
    monitor = subprocess.Popen([str(overlay.BINARY), "monitor", "--json", "--control", path_of(one)],
                               stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(0.5)
        run(one, "peer", "connect", "later")
        event = json.loads(monitor.stdout.readline())
        assert (event["event"], event["petname"], event["name"]) == ("dialling", "later", name), event
        assert event["time"].endswith("Z")
        event = json.loads(monitor.stdout.readline())
        assert event["event"] == "peer_down" and event["text"].startswith("not reached"), event
    finally:
        monitor.kill()
        monitor.wait()
        monitor.stdout.close()


# Who may


def test_nobody_runs_and_nobody_may(hosts, tmp_path):
    result = oncilla("status", "--control", tmp_path / "nothing")
    assert result.returncode == 3 and "systemctl start oncilla" in result.stderr, result
    assert result.stderr.count("\n") == 1
    mode = os.stat(path_of(hosts.a))
    assert stat.S_IMODE(mode.st_mode) == 0o660
    os.chmod(hosts.a.directory, 0o755)
    binary = hosts.a.directory / "oncilla"
    binary.write_bytes(overlay.BINARY.read_bytes())
    binary.chmod(0o755)
    refused = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--", binary, "status",
                              "--control", path_of(hosts.a)], capture_output=True, text=True)
    assert refused.returncode == 4, refused
    has_group = any(group.gr_name == "oncilla" for group in grp.getgrall())
    assert "usermod -aG oncilla nobody" in refused.stderr, (has_group, refused)
    assert refused.stderr.count("\n") == 1


def test_a_second_daemon_and_a_stale_socket(daemons, namespaces, proxy):
    first = daemons(onion=onion_name("first"), netns=namespaces("a"), socks=proxy.address)
    first.wait_for_interface()
    second = daemons(onion=onion_name("second"), netns=namespaces("b"), socks=proxy.address,
                     start=False)
    second.arguments[second.arguments.index("--control") + 1] = path_of(first)
    second.start()
    assert second.wait_for_exit(5) == 1
    assert re.search(rf"{path_of(first)} is a socket of another oncilla .*process {first.pid}", second.log())
    first.kill()
    assert os.path.exists(path_of(first))
    first.start()
    first.wait_for_interface()
    assert run(first, "status").returncode == 0
    first.stop()
    assert not os.path.exists(path_of(first))


def test_no_socket_if_none_is_wanted(daemons, host, proxy):
    one = daemons(onion=onion_name("one"), netns=host, socks=proxy.address, start=False)
    one.arguments[one.arguments.index("--control") + 1] = "none"
    one.start()
    one.wait_for_interface()
    assert not os.path.exists(path_of(one)) and not os.path.exists("none")


# Hostile


def test_lines_that_are_no_requests(hosts):
    with Control(hosts.a) as client:
        for line in (b"\n", b"x\n", b"{}\n", b"\xff\xfe\n", b'{"schema":1}\n', b"[" * 5000 + b"\n", b"\0\n"):
            client.send(line)
            if line.strip():
                assert client.read()["error"]["code"] == "bad_request", line
        assert client.ask("nothing")["error"]["code"] == "unknown_command"
        assert client.ask("status", id=[1, {"a": None}])["id"] == [1, {"a": None}]
    with Control(hosts.a) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.send(b"x" * (3 << 20))
        assert client.read()["error"]["code"] == "bad_request"
    with Control(hosts.a) as client:
        rng = overlay.random.Random(7)
        for _ in range(200):
            client.send(rng.randbytes(300).replace(b"\n", b" ").replace(b"\r", b" ") + b"\n")
            assert client.read()["ok"] is False
    hosts.a.assert_running()
    assert hosts.a.host.can_ping(hosts.b.address)


def test_a_thousand_clients_and_packets_go_on(hosts):
    lost = []
    done = threading.Event()

    def ping():
        while not done.is_set():
            if not hosts.a.host.can_ping(hosts.b.address, timeout=2):
                lost.append(time.monotonic())

    pinger = threading.Thread(target=ping)
    pinger.start()
    files = hosts.a.open_files()
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(1000):
            client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            client.settimeout(5)
            client.connect(path_of(hosts.a))
            clients.append(stack.enter_context(client))
        refused = sum(b"too_many_clients" in client.recv(1 << 12) for client in clients[64:])
        assert refused == 1000 - 64
        assert hosts.a.open_files() < files + 80
        for client in clients[:64]:
            client.sendall(b'{"schema":1,"command":"status"}\n')
        for client in clients[:64]:
            assert client.recv(1 << 16).startswith(b'{"schema":1,')
    done.set()
    pinger.join()
    assert not lost
    wait_until(lambda: run(hosts.a, "status").returncode == 0, 5, what="room for a client")


@pytest.mark.seconds(60)
def test_who_does_not_end_a_line_or_read_an_answer_is_dropped(hosts):
    idle = Control(hosts.a)
    half = Control(hosts.a)
    deaf = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    deaf.connect(path_of(hosts.a))
    half.send(b'{"schema":1,')
    deaf.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            deaf.send(b'{"schema":1,"command":"status"}\n' * 100)
    assert not half.is_closed(5)
    assert half.is_closed(10), "a line that has begun keeps its client for ever"
    wait_until(lambda: dropped(deaf), 15, what="a client that reads nothing to be dropped")
    assert idle.ask("status")["ok"] is True, "a client may be idle"
    assert hosts.a.host.can_ping(hosts.b.address)
    assert hosts.a.rss() < 30e6
    for client in (idle, half, deaf):
        client.close()


def dropped(client):
    try:
        client.send(b"\n")
        return False
    except BlockingIOError:
        return False
    except (BrokenPipeError, ConnectionResetError):
        return True


def test_a_daemon_that_waits_for_its_name(daemons, host, proxy, tmp_path):
    one = daemons(hostname_file=tmp_path / "hostname", netns=host, socks=proxy.address)
    one.wait_for_line("hostname")
    status = shown(one, "status")
    assert status["state"] == "waiting_for_name" and str(tmp_path / "hostname") in status["summary"]
    assert run(one, "peers").returncode == 6
    name = onion_name("later")
    assert run(one, "peer", "add", f"later={name}").returncode == 0, "who it is does not matter for that"
    assert run(one, "peer", "add", f"later={name}").returncode == 1
    assert run(one, "peer", "remove", "later").returncode == 0
    assert run(one, "peer", "remove", "later").returncode == 7
    one.signal(signal.SIGTERM)
