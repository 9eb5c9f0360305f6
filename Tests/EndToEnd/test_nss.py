"""libnss-oncilla: what getent finds by it, and that none of its names is left to the service behind it."""

import os
import pathlib
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from overlay import REPOSITORY, onion_name, overlay_address

ALICE, STRANGER = onion_name("nss alice"), onion_name("nss stranger")
# What stands behind the module is a file in place of the DNS: it has every name that must not get there.
BEHIND = "192.0.2.66"


@pytest.fixture(scope="module")
def module():
    subprocess.run(["make", "-s", "-C", REPOSITORY, "nss"], check=True)
    return REPOSITORY / ".build"


@pytest.fixture
def place(tmp_path):
    """What the module sees as /run/oncilla."""
    run = tmp_path / "run"
    run.mkdir()
    return run


@pytest.fixture
def getent(module, place, tmp_path):
    """getent(database, name): what it prints, and its exit status, where nsswitch.conf has the module."""
    (tmp_path / "nsswitch.conf").write_text("passwd: files\nhosts: oncilla [NOTFOUND=return] files\n")
    (tmp_path / "nsswitch-last.conf").write_text("passwd: files\nhosts: oncilla\n")
    names = [ALICE, STRANGER, "alice.oncilla.internal", "bob.oncilla.internal", "x.onion", "onion", "alice",
             "example.com", "oncilla.internal", "alice.x.test", "bob.x.test", "x.test", "a" * 63 + ".onion", "a..onion"]
    (tmp_path / "hosts").write_text(f"{BEHIND} {' '.join(names)}\n{overlay_address(ALICE)} behind.example\n")
    places = ["/run/oncilla", "/var/cache/oncilla"]
    for path in places:
        pathlib.Path(path).mkdir(exist_ok=True)

    def get(database, name, configuration="nsswitch.conf"):
        mounts = {**dict.fromkeys(places, place), "/etc/nsswitch.conf": tmp_path / configuration, "/etc/hosts": tmp_path / "hosts"}
        script = "".join(f"mount --bind {source} {target} && " for target, source in mounts.items()) + 'exec getent "$0" "$1"'
        began = time.monotonic()
        result = subprocess.run(["unshare", "-m", "sh", "-c", script, database, name], capture_output=True, text=True,
                                env={**os.environ, "LD_LIBRARY_PATH": str(module)}, timeout=20)
        get.took = time.monotonic() - began
        assert result.returncode in (0, 2), result
        return result.stdout.split()

    return get


@pytest.fixture
def daemon(daemons, namespaces, place):
    made = daemons(onion=onion_name("nss own"), netns=namespaces(), socks="127.0.0.1:9", peers=[f"alice={ALICE}"],
                   options=["--dns", f"unix:{place}/names.sock", "--hosts-file", place / "hosts"])
    made.wait_for_interface()
    return made


def test_another_zone_of_the_daemon_is_known_from_the_hosts_file(getent, daemons, namespaces, place):
    made = daemons(onion=onion_name("nss own"), netns=namespaces(), socks="127.0.0.1:9", peers=[f"alice={ALICE}"],
                   options=["--dns", f"unix:{place}/names.sock", "--hosts-file", place / "hosts", "--dns-zone", "X.test"])
    made.wait_for_interface()
    for end in (lambda: None, lambda: made.kill()):
        end()
        assert getent("hosts", "Alice.x.test.")[0] == str(overlay_address(ALICE))
        assert getent("ahostsv4", "alice.x.test") == []
        for name in ("bob.x.test", "x.test"):
            assert getent("hosts", name) == [], name
        check_what_is_not_ours(getent)


def check_what_is_not_ours(getent):
    assert getent("hosts", "example.com")[0] == BEHIND
    assert getent("hosts", "printer") == []


def check_what_is_never_asked_elsewhere(getent, *petnames):
    for name in ("bob.oncilla.internal", "x.onion", "onion", "oncilla.internal", "a" * 63 + ".onion", "a..onion"):
        for database in ("hosts", "ahosts", "ahostsv4", "ahostsv6"):
            assert getent(database, name) == [], (database, name)
    for name in (ALICE, "alice.oncilla.internal", *petnames):
        assert getent("ahostsv4", name) == [], name


def test_names_while_the_daemon_runs_and_when_it_does_not(getent, daemon, place):
    address = str(overlay_address(ALICE))
    names = (ALICE, ALICE.upper(), "alice.oncilla.internal", "Alice.Oncilla.Internal.", "alice", "ALICE")
    for configuration in ("nsswitch.conf", "nsswitch-last.conf"):
        for name in names:
            assert getent("hosts", name, configuration)[0] == address, name
            assert set(getent("ahosts", name, configuration)[::2]) >= {address}, name
        assert getent("hosts", STRANGER, configuration)[0] == str(overlay_address(STRANGER))
        assert getent("hosts", address, configuration)[1] == "alice.oncilla.internal"
    assert getent("hosts", str(overlay_address(STRANGER)))[1] == STRANGER, "it is known from then on"
    assert getent("hosts", "fd87:d87e:eb43::1") == []
    check_what_is_never_asked_elsewhere(getent, "alice")
    check_what_is_not_ours(getent)

    daemon.process.send_signal(signal.SIGSTOP)
    for name in names:
        assert getent("hosts", name)[0] == address and getent.took < 2, name
    assert getent("ahosts", STRANGER) == [] and getent.took < 2
    check_what_is_not_ours(getent)
    daemon.process.send_signal(signal.SIGCONT)

    daemon.kill()
    for name in names:
        assert getent("hosts", name)[0] == address, name
    assert getent("hosts", address)[1] == "alice.oncilla.internal"
    assert getent("hosts", STRANGER) == []
    check_what_is_never_asked_elsewhere(getent, "alice")
    check_what_is_not_ours(getent)
    (place / "hosts").unlink()
    for name in names[:4]:
        assert getent("hosts", name) == [], name
    assert getent("hosts", address) == []


def test_nobody_was_ever_there(getent):
    check_what_is_never_asked_elsewhere(getent)
    check_what_is_not_ours(getent)
    assert getent("hosts", "127.0.0.1") == [] and getent("hosts", BEHIND)[0] == BEHIND


def name_bytes(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def reply(question, data=None, kind=28, code=0, count=1, length=None, identifier=None, name=b"\xc0\x0c"):
    head = (identifier or question[:2]) + struct.pack("!5H", 0x8400 | code, 1, count, 0, 0)
    record = b"" if data is None else name + struct.pack("!2HIH", kind, 1, 60, len(data) if length is None else length) + data
    return head + question[12:] + record


GOOD = socket.inet_pton(socket.AF_INET6, str(overlay_address(STRANGER)))
LIES = {
    "nothing": lambda question: None, "empty": lambda question: b"", "cut": lambda question: reply(question, GOOD)[:-1],
    "garbage": lambda question: os.urandom(200), "another": lambda question: reply(question, GOOD, identifier=b"zz"),
    "outside": lambda question: reply(question, socket.inet_pton(socket.AF_INET6, "2001:db8::1")),
    "IPv4": lambda question: reply(question, b"\x7f\0\0\1", kind=1), "short": lambda question: reply(question, GOOD[:15]),
    "long": lambda question: reply(question, GOOD + b"x"), "beyond": lambda question: reply(question, GOOD, length=999),
    "no records": lambda question: reply(question), "many": lambda question: reply(question, count=65535),
    "failure": lambda question: reply(question, code=2), "refused": lambda question: reply(question, code=5),
    "loop": lambda question: reply(question, b"\xc0" + bytes([len(question) + 12]), kind=12),
    "labels": lambda question: reply(question, GOOD, name=b"\x40x"), "header": lambda question: question[:2] + b"\x84\0" + b"\0" * 8,
    "question": lambda question: reply(question[:12] + name_bytes("other.onion") + question[-4:], GOOD),
    "huge": lambda question: reply(question, GOOD) + b"x" * 60000, "name": lambda question: reply(question, name_bytes("a;b\n.x"), kind=12),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_daemon_that_lies_is_not_believed_and_nobody_else_is_asked(getent, place, lie):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "names.sock"))
        listener.listen(16)

        def serve():
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    data = client.recv(1024)
                    answer = LIES[lie](data[2:])
                    if answer is not None:
                        client.sendall(struct.pack("!H", len(answer)) + answer)
                    time.sleep(0.3)

        threading.Thread(target=serve, daemon=True).start()
        assert getent("ahosts", STRANGER) == [] and getent.took < 3
        assert getent("hosts", str(overlay_address(STRANGER))) == [] and getent.took < 3
        listener.shutdown(socket.SHUT_RDWR)


def test_a_daemon_that_stalls_costs_a_fifth_of_a_second(getent, place):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "names.sock"))
        listener.listen(0)
        assert getent("ahosts", STRANGER) == [] and 0.15 < getent.took < 3
        held = [socket.socket(socket.AF_UNIX) for _ in range(8)]
        for client in held:
            client.setblocking(False)
            try:
                client.connect(str(place / "names.sock"))
            except BlockingIOError:
                pass
        assert getent("ahosts", STRANGER) == [] and getent.took < 3
        for client in held:
            client.close()


def test_nothing_is_read_out_of_bounds(tmp_path):
    program = tmp_path / "mutations"
    subprocess.run(["gcc", "-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function",
                    "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-o", program,
                    REPOSITORY / "Tests/EndToEnd/nss_mutations.c"], check=True)
    subprocess.run([program, "300000"], check=True)


def test_a_hosts_file_of_any_kind(getent, place):
    address = str(overlay_address(ALICE))
    hosts = place / "hosts"
    for text, found in ((f"{address} alice", True), (f"\t{address}\talice#x", True), (f"{address} bob # alice", False),
                        (f"# {address} alice", False), ("2001:db8::1 alice", False), ("127.0.0.1 alice", False),
                        (f"{address} {'x' * 5000} \n{address} alice\n", True), ("\0\n" * 100, False),
                        (f"{address}\n alice", False), ("nonsense alice\n", False), (f"{address} x alice y", True)):
        hosts.write_text(text)
        assert getent("hosts", "alice")[:1] == ([address] if found else [BEHIND]), text
    hosts.unlink()
    (place / "target").write_text(f"{address} alice\n")
    hosts.symlink_to(place / "target")
    assert getent("hosts", "alice")[:1] == [BEHIND], "a link is somebody else's"
    hosts.unlink()
    os.mkfifo(hosts)
    assert getent("hosts", "alice")[:1] == [BEHIND] and getent.took < 3
