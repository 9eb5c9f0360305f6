"""No name of a peer leaves this host, whichever way programs find it: while the daemon runs, after it ended, and killed.

    getent, ping, ssh, dig --- hosts file | libnss-oncilla | --dns | --lan-dns
        |
       out0 === out1        the way to everywhere, where the ports of names are watched, as on every other interface
"""

import contextlib
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import threading

import pytest

from dhcpv6_client import Client
from lan import BridgedLAN, Identity
from overlay import BINARY, REPOSITORY, onion_name, overlay_address, wait_until

pytestmark = pytest.mark.seconds(300)

OWN, ALICE, STRANGER = onion_name("leaks own"), onion_name("leaks alice"), onion_name("leaks stranger")
ADDRESS = str(overlay_address(ALICE))
KNOWN = [ALICE, "alice.oncilla.internal", "alice"]
NOBODY = ["bob.oncilla.internal", "x.onion"]
ADDRESSES = [ADDRESS, str(overlay_address(OWN)), str(overlay_address(STRANGER))]
OUTSIDE, RESPONDER = "192.0.2.53", "fd87:d87e:eb43::dead:beef"
# How a name stands in a question, and an overlay address in one for its name.
MARKS = [b"\5alice", b"\3bob", b"onion", b"oncilla", b"\x01d\x017\x018\x01d\x01f"]
# dig asks name servers alone: neither a hosts file nor a module of the C library is anything to it.
PROGRAMS = ["getent hosts {}", "getent ahosts {}", "ping -c1 -W1 {}", "ping -6 -c1 -W1 {}",
            "ssh -v -F /dev/null -o BatchMode=yes -o ConnectTimeout=1 {} true"]
DIG = ["dig +tries=1 +time=1 {} AAAA", "dig +tcp +tries=1 +time=1 {} AAAA"]


class Watch:
    """Everything from and to the ports of names, on each interface of some namespaces: `.seen`, pairs of the interface
    and the packet. That nothing was missed has been checked."""

    def __init__(self, *namespaces):
        self.seen = []
        self._over = threading.Event()
        everything = socket.htons(3)
        self._sockets = [namespace.socket(socket.AF_PACKET, socket.SOCK_DGRAM, everything) for namespace in namespaces]
        self._threads = [threading.Thread(target=self._run, args=(one,), daemon=True) for one in self._sockets]

    def __enter__(self):
        for one in self._sockets:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            one.settimeout(0.1)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, failure, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()
        for one in self._sockets:
            _, dropped = struct.unpack("II", one.getsockopt(263, 6, 8))  # SOL_PACKET, PACKET_STATISTICS
            one.close()
            assert failure or dropped == 0, "packets were missed"

    def _run(self, one):
        while True:
            try:
                packet, place = one.recvfrom(65535)
            except TimeoutError:
                if self._over.is_set():
                    return
                continue
            if is_of_names(packet):
                self.seen.append((place[0], packet))

    def leaks(self, allowed=lambda interface, packet: False):
        """Those with a name of ours, or by which a name could have left unseen; `allowed` are on the way to the daemon."""
        return [(interface, packet) for interface, packet in self.seen if not allowed(interface, packet)
                and (any(mark in packet.lower() for mark in MARKS) or not 53 in ports(packet))]


def ports(packet):
    start, protocol = (20, packet[9]) if packet[0] >> 4 == 4 else (40, packet[6])
    return set(struct.unpack("!HH", packet[start:start + 4])) if protocol in (6, 17) and len(packet) >= start + 4 else set()


def is_of_names(packet):
    return len(packet) >= 40 and packet[0] >> 4 in (4, 6) and bool(ports(packet) & {53, 853, 5353, 5355})


class Programs:
    """A shell that was started as `command` says, and runs programs for as long as it lives."""

    def __init__(self, start, command, environment=None):
        self._directory = pathlib.Path(tempfile.mkdtemp(prefix="oncilla-programs-"))
        self._directory.chmod(0o777)
        self._shell = start([*command, "sh", "-c", "while read -r script; do sh $script; echo done; done"], text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            env={**os.environ, **(environment or {})})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._shell.stdin.close()
        self._shell.wait(10)
        self._shell.stdout.close()
        shutil.rmtree(self._directory)

    def run(self, programs, names, seconds=1):
        """{(program, name): what it printed}; all run at the same time, and wait as long as this for an answer."""
        pairs = [(program, name) for program in programs for name in names]
        script = self._directory / "script"
        script.write_text(f"export RES_OPTIONS='timeout:{seconds} attempts:1'\n" + "".join(
            f"{program.format(name).replace('+time=1', f'+time={seconds}')} </dev/null >{self._directory}/{number} 2>&1 &\n"
            for number, (program, name) in enumerate(pairs)) + "wait\n")
        self._shell.stdin.write(f"{script}\n")
        self._shell.stdin.flush()
        assert self._shell.stdout.readline() == "done\n"
        return {pair: (self._directory / str(number)).read_text() for number, pair in enumerate(pairs)}


def connect_outside(host, outside):
    """A default route, and its other end, where nobody answers about names."""
    host.run(f"ip link add out0 type veth peer name out1 netns {outside.name}; ip addr add 192.0.2.1/24 dev out0; "
             "ip -6 addr add 2001:db8::1/64 dev out0 nodad; ip link set out0 up; ip route add default via 192.0.2.53; "
             "ip -6 route add default via 2001:db8::53 dev out0")
    outside.run(f"ip addr add {OUTSIDE}/24 dev out1; ip -6 addr add 2001:db8::53/64 dev out1 nodad; ip link set out1 up")


@pytest.fixture
def machine(namespaces):
    """A namespace with a way to everywhere."""
    made = namespaces("leaks")
    connect_outside(made, namespaces("out"))
    return made


@pytest.fixture
def files(tmp_path):
    """files(hosts=…) is the command that shows a program other files: a mount for each path."""

    def show(**texts):
        mounts = []
        for name, text in {"nsswitch.conf": "hosts: files dns\n", "resolv.conf": f"nameserver {OUTSIDE}\n", **texts}.items():
            path = tmp_path / name
            if text is not None:
                path.write_text(text)
            mounts.append(f"mount --bind {path} /etc/{name}")
        return ["unshare", "-m", "sh", "-c", " && ".join(mounts) + ' && exec "$@"', "sh"]

    return show


def states(daemon, wait=None):
    """up, stopped, killed: the daemon is so when the body of the loop runs. `wait` is what follows its second start; None
    waits for its interface."""
    yield "up"
    daemon.stop()
    yield "stopped"
    daemon.start()
    (wait or daemon.wait_for_interface)()
    daemon.kill()
    yield "killed"


def assert_all_find(printed):
    for (program, name), text in printed.items():
        # The guard's answer to what has an address, and no daemon.
        assert ADDRESS in text or text == "ping: connect: No route to host\n", f"{program.format(name)}: {text}"


def assert_control(watch):
    """What is no name of ours did leave: the watch sees what there is to be seen."""
    assert any(interface == "out0" and b"\7example\3com" in packet for interface, packet in watch.seen)


def test_by_the_hosts_file(machine, daemons, files, tmp_path):
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n")
    daemon = daemons(onion=OWN, within=machine, socks="127.0.0.1:9", peers=[f"alice={ALICE}"],
                     options=["--hosts-file", tmp_path / "hosts"])
    daemon.wait_for_interface()
    wait_until(lambda: ALICE in (tmp_path / "hosts").read_text(), what="the block")
    with Watch(machine) as watch:
        for state in states(daemon):
            with Programs(machine.popen, files(hosts=None)) as programs:
                assert_all_find(programs.run(PROGRAMS, KNOWN))
                for name, text in programs.run(["getent hosts {}"], [*ADDRESSES[:2], RESPONDER]).items():
                    assert "oncilla.internal" in text, (state, name)
                named = programs.run(["hostname -A"], [""]).popitem()[1]
                assert ("host.self.oncilla.internal" in named) == (state == "up"), named
                programs.run(["getent hosts {}"], ["example.com"])
    assert_control(watch)
    assert watch.leaks() == []


@pytest.fixture(scope="module")
def module():
    subprocess.run(["make", "-s", "-C", REPOSITORY, "nss"], check=True)
    return REPOSITORY / ".build"


def test_by_the_module_of_the_c_library(machine, daemons, files, module, tmp_path):
    place = tmp_path / "run"
    place.mkdir()
    for path in ("/run/oncilla", "/var/cache/oncilla"):
        pathlib.Path(path).mkdir(exist_ok=True)
    daemon = daemons(onion=OWN, within=machine, socks="127.0.0.1:9", peers=[f"alice={ALICE}"],
                     options=["--dns", f"unix:{place}/names.sock", "--hosts-file", place / "hosts"])
    daemon.wait_for_interface()
    wait_until((place / "hosts").exists, what="the hosts file")
    shown = files(**{"nsswitch.conf": "hosts: files oncilla [NOTFOUND=return] dns\n"})
    shown[4] = f"mount --bind {place} /run/oncilla && mount --bind {place} /var/cache/oncilla && {shown[4]}"
    with Watch(machine) as watch:
        for state in states(daemon):
            with Programs(machine.popen, shown, {"LD_LIBRARY_PATH": str(module)}) as programs:
                assert_all_find(programs.run(PROGRAMS, KNOWN))
                for text in programs.run(["getent ahosts {}", "getent ahostsv4 {}"], NOBODY).values():
                    assert text == "", state
                programs.run(["ping -4 -c1 -W1 {}"], KNOWN)
                programs.run(PROGRAMS, [*NOBODY, STRANGER])
                programs.run(["getent hosts {}", "ping -6 -c1 -W1 {}"], ADDRESSES)
                programs.run(["getent hosts {}"], ["example.com"])
    assert_control(watch)
    assert watch.leaks() == []


def test_by_dns_on_loopback(machine, daemons, files):
    daemon = daemons(onion=OWN, within=machine, socks="127.0.0.1:9", peers=[f"alice={ALICE}"],
                     options=["--dns", "127.0.0.1:53"])
    daemon.wait_for_interface()
    shown = files(**{"resolv.conf": "nameserver 127.0.0.1\nsearch oncilla.internal\n", "hosts": "127.0.0.1 localhost\n"})
    with Watch(machine) as watch:
        for state in states(daemon):
            with Programs(machine.popen, shown) as programs:
                patience = 9 if state == "up" else 1
                printed = programs.run([*PROGRAMS, *DIG], KNOWN[:2], patience) | programs.run(PROGRAMS, KNOWN[2:], patience)
                if state == "up":
                    assert_all_find(printed)
                programs.run([*PROGRAMS, *DIG], [*NOBODY, STRANGER])
                programs.run(["getent hosts {}", "ping -6 -c1 -W1 {}", "dig +tries=1 +time=1 -x {}"], ADDRESSES)
                programs.run([f"dig +tries=1 +time=1 @{OUTSIDE} {{}}"], ["example.com"])
    assert_control(watch)
    assert [packet for interface, packet in watch.seen if interface == "lo"], "nothing was asked of the daemon"
    assert watch.leaks(lambda interface, packet: interface == "lo") == []


def test_by_dns_in_the_namespace_of_exec(machine, daemons, namespaces):
    """A program that began while the daemon ran goes on in a namespace that has no other way, beside a host that has."""
    inner = namespaces("inner")
    daemon = daemons(onion=OWN, within=machine, netns=inner, socks="127.0.0.1:9", peers=[f"alice={ALICE}"],
                     options=["--dns", "127.0.0.1:53"])
    daemon.wait_for_interface()
    command = [BINARY, "exec", "--control", daemon.directory / "control.sock", "--user", "nobody", "--"]
    with Watch(machine, inner) as watch, Programs(machine.popen, command) as programs:
        for state in states(daemon):
            patience = 9 if state == "up" else 1
            printed = programs.run([*PROGRAMS, *DIG], KNOWN[:2], patience) | programs.run(PROGRAMS, KNOWN[2:], patience)
            if state == "up":
                assert_all_find(printed)
            programs.run([*PROGRAMS, *DIG], [*NOBODY, STRANGER])
            programs.run(["getent hosts {}", "ping -6 -c1 -W1 {}", "dig +tries=1 +time=1 -x {}"], ADDRESSES)
            machine.run(f"dig +tries=1 +time=1 @{OUTSIDE} example.com", check=False)
    assert_control(watch)
    assert [packet for interface, packet in watch.seen if interface == "lo"], "nothing was asked of the daemon"
    assert watch.leaks(lambda interface, packet: interface == "lo") == []


def test_by_lan_dns(machine, daemons, namespaces):
    """The host of the LAN has a way of its own to everywhere, and so has the daemon's."""
    lan = BridgedLAN(namespaces, "a", [], empty=[Identity(OWN)])
    daemon = lan.run(daemons, "127.0.0.1:9", peers=[f"alice={ALICE}"], options=["--dhcpv6", "--lan-dns"], within=machine)
    host = lan.add()
    connect_outside(host.namespace, namespaces("away"))

    with contextlib.ExitStack() as stack:
        client = stack.enter_context(Client(host.namespace, resolves=True))
        wait_until(lambda: str(overlay_address(OWN)) in client.addresses, 20, what="an address by DHCPv6")
        wait_until(lambda: RESPONDER in client.resolver(), 15, what="the name server in resolv.conf")
        shown = client.resolving()
        watch = stack.enter_context(Watch(host.namespace, machine))
        for state in states(daemon, lan.join):
            with Programs(host.namespace.popen, shown) as programs:
                patience = 9 if state == "up" else 1
                printed = programs.run([*PROGRAMS, *DIG], KNOWN[:2], patience) | programs.run(PROGRAMS, KNOWN[2:], patience)
                if state == "up":
                    assert_all_find(printed)
                programs.run([*PROGRAMS, *DIG], [*NOBODY, STRANGER])
                programs.run(["getent hosts {}", "ping -6 -c1 -W1 {}", "dig +tries=1 +time=1 -x {}"], ADDRESSES)
                programs.run([f"dig +tries=1 +time=1 @{OUTSIDE} {{}}"], ["example.com"])
    assert_control(watch)

    def of_the_responder(interface, packet):
        return interface in ("eth0", "lo") and packet[0] >> 4 == 6 and \
            socket.inet_pton(socket.AF_INET6, RESPONDER) in (packet[8:24], packet[24:40]) or interface == "lo"

    assert [packet for interface, packet in watch.seen if interface == "eth0"], "nothing was asked of the daemon"
    assert watch.leaks(of_the_responder) == []
