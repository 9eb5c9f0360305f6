"""Names for programs by DNS: dig, getent, ping and ssh's library ask the daemon, and nothing else is asked of anybody."""

import os
import pathlib
import re
import signal
import socket
import struct
import time

import pytest

from capture import Capture
from overlay import free_port, oncilla, onion_name, overlay_address, wait_until

ALICE = onion_name("pair b")


@pytest.fixture
def served(pair, proxy):
    """Two daemons that reach each other; the first calls the second alice, and answers in its namespace at port 53."""
    made = pair(proxy, a={"peers": [f"alice={ALICE}"], "options": ["--dns", "127.0.0.1:53", "--dns", "[::1]:53"]})
    wait_until(lambda: made.a.host.can_ping(made.b.address), 10, what="the peer")
    return made


def dig(host, *arguments, server="127.0.0.1"):
    result = host.run(["dig", f"@{server}", "+tries=1", "+time=2", *arguments], check=False)
    return re.sub("[ \t]+", " ", result.stdout + result.stderr)


def code(text):
    return text.split("status: ")[1].split(",")[0] if "status: " in text else "none"


@pytest.mark.parametrize("way", ["+notcp", "+tcp", "+noedns", "+edns=0 +bufsize=512"])
def test_dig(served, way):
    host, way = served.a.host, way.split()
    stranger = onion_name("nobody knows")
    for server in ("127.0.0.1", "::1"):
        for name, address in ((ALICE, served.b.address), (stranger, overlay_address(stranger)),
                              ("alice.oncilla.internal", served.b.address), ("ALICE.Oncilla.INTERNAL.", served.b.address)):
            text = dig(host, *way, name, "AAAA", server=server)
            assert code(text) == "NOERROR" and f" 60 IN AAAA {address}\n" in text and " aa " in text, text
            text = dig(host, *way, name, "A", server=server)
            assert code(text) == "NOERROR" and "ANSWER: 0" in text and "SOA" in text
    assert " PTR alice.oncilla.internal.\n" in dig(host, *way, "-x", str(served.b.address))
    for name in ("bob.oncilla.internal", "x.alice.oncilla.internal", "short.onion"):
        assert code(dig(host, *way, name, "AAAA")) == "NXDOMAIN", name
    for name in ("example.com", "internal", ".", "alice"):
        assert code(dig(host, *way, name, "AAAA")) == "REFUSED", name
    assert code(dig(host, *way, "-x", "2001:db8::1")) == "REFUSED"
    assert code(dig(host, *way, "+opcode=status", ALICE, "AAAA")) == "NOTIMP"


def test_own_names_and_those_of_acquaintances(daemons, namespaces, proxy):
    """Each of the host's own identities has its name, and so has a peer that nobody here configured and that called."""
    first, second, caller = (onion_name(f"own {number}") for number in range(3))
    ports = [free_port(), free_port()]
    made = daemons(onion=f"{first},listen=127.0.0.1:{ports[0]}", listen=[], netns=namespaces(), socks=proxy.address,
                   options=["--onion", f"{second},listen=127.0.0.1:{ports[1]}", "--dns", "127.0.0.1:53"])
    for name, port in zip((first, second), ports):
        proxy.connect(name, port)
    made.wait_for_interface()
    for name in (first, second):
        assert f" 60 IN AAAA {overlay_address(name)}\n" in dig(made.host, name, "AAAA"), name
        assert f" PTR {name}.\n" in dig(made.host, "-x", str(overlay_address(name))), name
    assert code(dig(made.host, "-x", str(overlay_address(caller)))) == "NXDOMAIN"
    other = daemons(onion=caller, netns=namespaces(), socks=proxy.address, peers=[first])
    proxy.connect(caller, other.listen_port)
    other.wait_for_interface()
    wait_until(lambda: other.host.can_ping(overlay_address(first)), 15, what="the first identity")
    assert f" PTR {caller}.\n" in dig(made.host, "-x", str(overlay_address(caller)))


def test_programs_of_exec_ask_the_daemon_and_nobody_else(served, pair, proxy):
    def run(*command):
        return oncilla("exec", "--control", served.a.directory / "control.sock", "--user", "nobody", "--", *command)

    for name in ("alice", "alice.oncilla.internal", ALICE):
        result = run("getent", "ahosts", name)
        assert result.returncode == 0 and str(served.b.address) in result.stdout, (name, result)
        assert run("ping", "-6", "-c", "1", "-W", "5", name).returncode == 0, name
        result = run("ssh", "-v", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-F", "/dev/null", name)
        assert f"Connecting to {name} [{served.b.address}]" in result.stderr or str(served.b.address) in result.stderr
    assert run("getent", "hosts", str(served.b.address)).stdout.split()[1:] == ["alice.oncilla.internal"]
    for name in ("bob", "example.com", "bob.oncilla.internal"):
        assert run("getent", "ahosts", name).returncode == 2, name
    before = pathlib.Path("/etc/resolv.conf").read_text() if os.path.exists("/etc/resolv.conf") else None
    assert "nameserver 127.0.0.1" in run("cat", "/etc/resolv.conf").stdout
    assert [line for line in run("cat", "/etc/nsswitch.conf").stdout.splitlines() if line.startswith("hosts:")] \
        == ["hosts: files dns"]
    assert run("ls", "/sys/class/net").returncode == 0
    if before is not None:
        assert pathlib.Path("/etc/resolv.conf").read_text() == before


def test_a_name_that_was_asked_for_is_reached_at_once(daemons, namespaces, proxy):
    """Neither knows the other; the first learns the other's name from dig."""
    names = [onion_name("asks"), onion_name("is asked for")]
    made = []
    for name, options in zip(names, (["--dns", "127.0.0.1:53"], [])):
        made.append(daemons(onion=name, netns=namespaces(), socks=proxy.address, options=options, start=False))
        proxy.connect(name, made[-1].listen_port)
    for daemon in made:
        daemon.start()
    for daemon in made:
        daemon.wait_for_interface()
    asking, asked = made
    assert asking.host.run(["ping", "-6", "-c", "1", "-W", "2", str(asked.address)], check=False).returncode != 0
    assert "AAAA" in dig(asking.host, names[1], "AAAA")
    assert f" PTR {names[1]}.\n" in dig(asking.host, "-x", str(asked.address))
    result = asking.host.run(["ping", "-6", "-c", "1", "-W", "5", str(asked.address)], check=False)
    assert result.returncode == 0, result


def test_nothing_with_a_name_leaves(served):
    """A way to everywhere: none of the four ports of names is asked there."""
    host = served.a.host
    host.run("ip link add out0 type veth peer name out1; ip link set out0 up; ip link set out1 up; ip addr add 192.0.2.1/24 dev out0; "
             "ip route add default dev out0; ip -6 route add default dev out0")
    host.run("ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev out0")
    with Capture(host, "out0") as capture:
        dig(host, "example.com", server="192.0.2.9")
        for name in (ALICE, "alice.oncilla.internal", "bob.oncilla.internal", "example.com", "short.onion"):
            dig(host, name, "AAAA")
            oncilla("exec", "--control", served.a.directory / "control.sock", "--user", "nobody", "--", "getent", "ahosts", name)
        served.a.process.send_signal(signal.SIGKILL)
        served.a.process.wait()
        for name in (ALICE, "alice.oncilla.internal"):
            dig(host, name, "AAAA")
    seen = [frame for frame in capture.frames if asks(frame.payload)]
    assert seen, "the one that was sent on purpose"
    assert all(frame.payload[16:20] == bytes([192, 0, 2, 9]) for frame in seen), seen


def asks(packet):
    """Whether a packet comes from a port of names, or goes to one."""
    start, protocol = (20, packet[9]) if packet[0] >> 4 == 4 else (40, packet[6])
    return protocol in (6, 17) and bool({53, 853, 5353, 5355} & set(struct.unpack("!HH", packet[start:start + 4])))


def question(name, number=7):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", number, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 28, 1)


def test_hostile_clients(daemons, namespaces, tmp_path):
    """Garbage, half a question, many connections and many questions at once, and clients that read nothing."""
    port, path, host = free_port(), tmp_path / "names.sock", namespaces()
    daemon = daemons(onion=onion_name("hostile names"), socks="127.0.0.1:9", within=host, peers=[f"alice={ALICE}"],
                     options=["--dns", f"127.0.0.1:{port}", "--dns", f"unix:{path}"])
    daemon.wait_for_interface()
    with host.entered():
        attack(port, path)
    assert daemon.running
    daemon.stop()
    assert not path.exists()


def attack(port, path):
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.connect(("127.0.0.1", port))
    datagrams.settimeout(5)
    for garbage in (b"", b"\0", os.urandom(12), os.urandom(512), os.urandom(60000), b"\xff" * 100):
        datagrams.send(garbage)
    # None reads.
    held = []
    for _ in range(100):
        client = socket.create_connection(("127.0.0.1", port), timeout=5)
        client.sendall(b"\xff\xff" + b"x")
        held.append(client)
    flood = socket.create_connection(("127.0.0.1", port), timeout=1)
    message = question(ALICE)
    try:
        for _ in range(20000):
            flood.sendall(struct.pack("!H", len(message)) + message)
    except (TimeoutError, OSError):
        pass

    assert path.stat().st_mode & 0o777 == 0o666
    for family, place in ((socket.AF_INET, ("127.0.0.1", port)), (socket.AF_UNIX, str(path))):
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(5)
            client.connect(place)
            for part in (struct.pack("!H", len(message)) + message[:5], message[5:]):
                client.sendall(part)
                time.sleep(0.1)
            # Two at once.
            client.sendall((struct.pack("!H", len(message)) + message) * 2)
            answers = b""
            while answers.count(socket.inet_pton(socket.AF_INET6, overlay_address(ALICE))) < 3:
                more = client.recv(4096)
                assert more, answers
                answers += more
    for _ in range(100):
        datagrams.send(message)
    seen = 0
    while socket.inet_pton(socket.AF_INET6, overlay_address(ALICE)) not in datagrams.recv(4096):
        seen += 1
        assert seen < 50


def test_a_place_that_is_taken_or_reached_by_others_is_refused(daemons):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        result = oncilla("run", "--config", "/dev/null", "--onion", ALICE, "--control", "none", "--interface", "oncillad",
                         "--listen", f"127.0.0.1:{free_port()}", "--dns", place)
        assert result.returncode == 1 and place in result.stderr and "--dns" in result.stderr, result
    for place in ("0.0.0.0:53", "192.0.2.1:53", "53", "localhost", "unix:"):
        result = oncilla("run", "--config", "/dev/null", "--onion", ALICE, "--dns", place)
        assert result.returncode == 2 and "is accepted" in result.stderr, result
    for zone in ("onion", "x.onion", "arpa", ".", "", "a b", "-a"):
        assert oncilla("run", "--config", "/dev/null", "--onion", ALICE, "--dns-zone", zone).returncode == 2, zone
