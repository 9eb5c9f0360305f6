"""The drop-in for systemd-resolved, on Debian's: peers' names are asked of the daemon alone, all others elsewhere.

    systemd-resolved, oncilla --dns -- out0 === out1 -- the network's name server, which knows *.com
"""

import contextlib
import socket
import struct
import threading

import pytest

from capture import Capture
from debian_root import PACKAGES, DebianRoot, Machine, root_archive, unpacked
from overlay import REPOSITORY, onion_name, overlay_address

pytestmark = pytest.mark.seconds(600)

ALICE, STRANGER = onion_name("resolved alice"), onion_name("resolved stranger")
OURS = {"alice.oncilla.internal": str(overlay_address(ALICE)), ALICE: str(overlay_address(ALICE)),
        STRANGER: str(overlay_address(STRANGER))}
NOBODY = ["bob.oncilla.internal", "x.onion", "www.alice.oncilla.internal"]
ELSEWHERE = "198.51.100.7"
NEGATIVE = "onion\ninternal\nd.f.ip6.arpa\n"


@pytest.fixture(scope="module")
def shared():
    with unpacked(root_archive([*PACKAGES, "dbus", "systemd-resolved"], "resolved")) as directory:
        yield directory


@pytest.fixture
def root(shared):
    with DebianRoot(shared) as root:
        yield root


class NameServer:
    """What a network has: it knows the address of every name in .com, and notes what it is asked."""

    def __init__(self, namespace, address):
        self.asked = []
        self._socket = namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 53))
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            message, sender = self._socket.recvfrom(4096)
            labels, offset = [], 12
            while length := message[offset]:
                labels.append(message[offset + 1:offset + 1 + length].decode())
                offset += 1 + length
            kind, = struct.unpack("!H", message[offset + 1:offset + 3])
            self.asked.append(".".join(labels))
            answer = b""
            if labels[-1:] == ["com"] and kind == 1:
                answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(ELSEWHERE)
            self._socket.sendto(message[:2] + struct.pack("!5H", 0x8180, 1, bool(answer), 0, 0)
                                + message[12:offset + 5] + answer, sender)


@pytest.fixture
def host(namespaces, daemons, proxy):
    """A namespace with a way out, its name server, and the daemon: `.server`, `.daemon`."""
    made, outside = namespaces("resolved"), namespaces("out")
    made.run(f"ip link add out0 type veth peer name out1 netns {outside.name}; ip addr add 192.0.2.1/24 dev out0; "
             "ip -6 addr add 2001:db8::1/64 dev out0 nodad; ip link set out0 up; ip route add default via 192.0.2.53")
    outside.run("ip addr add 192.0.2.53/24 dev out1; ip link set out1 up")
    made.server = NameServer(outside, "192.0.2.53")
    made.daemon = daemons(onion=onion_name("resolved own"), netns=made, socks=proxy.address, peers=[f"alice={ALICE}"],
                          options=["--dns", "127.0.0.1:5354"])
    made.daemon.wait_for_interface()
    return made


@contextlib.contextmanager
def resolved(root, host, others="", negative=None):
    """A machine with the drop-in. `others` is what resolved.conf says beside it."""
    directory = root / "/etc/systemd/resolved.conf.d"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "zz-oncilla.conf").write_text((REPOSITORY / "contrib/resolved.conf").read_text())
    (directory / "others.conf").write_text(f"[Resolve]\n{others}\n")
    if negative:
        (root / "/etc/dnssec-trust-anchors.d").mkdir(exist_ok=True)
        (root / "/etc/dnssec-trust-anchors.d/oncilla.negative").write_text(negative)
    with Machine(root, host) as machine:
        machine.run("sh", "-c", "resolvectl dns out0 192.0.2.53 && resolvectl default-route out0 yes && "
                                "resolvectl llmnr out0 yes && resolvectl mdns out0 yes")
        yield machine


def query(machine, name):
    return machine.run("resolvectl", "query", name, check=False)


def names_in(frames):
    """What was sent to or from a port of names, as bytes."""
    for frame in frames:
        packet = frame.payload
        start, protocol = (20, packet[9]) if packet[0] >> 4 == 4 else (40, packet[6])
        if protocol in (6, 17) and {53, 853, 5353, 5355} & set(struct.unpack("!HH", packet[start:start + 4])):
            yield packet[start:]


def names_of_ours(frames):
    """Those in which a name of ours is."""
    marks = [b"oncilla\x08internal", b"\x05onion\x00", bytes([56]) + ALICE[:20].encode(), b"\x01d\x017\x018\x01d\x01f"]
    return [found for found in names_in(frames) if any(mark in found for mark in marks)]


@pytest.mark.parametrize("others", ["", "DNS=192.0.2.53"])
def test_names_of_peers_are_asked_of_the_daemon_alone(root, host, others):
    with resolved(root, host, others) as machine, Capture(host, "out0") as capture:
        for name, address in OURS.items():
            result = query(machine, name)
            assert result.returncode == 0 and f"{name}: {address}" in result.stdout, result
            assert address in machine.run("getent", "ahosts", name).stdout
        for address, name in ((OURS[ALICE], "alice.oncilla.internal"), (OURS[STRANGER], STRANGER)):
            assert f"{address}: {name}" in query(machine, address).stdout
        for name in NOBODY:
            assert "not found" in query(machine, name).stderr, name
        assert ELSEWHERE in query(machine, "example.com").stdout
        assert ELSEWHERE in machine.run("getent", "ahosts", "example.com").stdout
        assert machine.run("ping", "-6", "-c1", "-W2", "alice.oncilla.internal", check=False).returncode != 2
        # Down, and killed: nobody else is asked instead.
        host.daemon.kill()
        machine.run("resolvectl", "flush-caches")
        for name in [*OURS, *NOBODY, OURS[ALICE]]:
            assert query(machine, name).returncode != 0, name
        assert ELSEWHERE in query(machine, "other.com").stdout
    assert {name for name in host.server.asked if name.endswith((".com"))} == {"example.com", "other.com"}
    assert list(names_in(capture.frames)), "nothing was captured"
    assert names_of_ours(capture.frames) == []


@pytest.mark.parametrize("mode", ["allow-downgrade", "yes"])
def test_names_of_peers_have_no_signatures(root, host, mode):
    with resolved(root, host, f"DNSSEC={mode}", NEGATIVE) as machine, Capture(host, "out0") as capture:
        for name, address in OURS.items():
            assert f"{name}: {address}" in query(machine, name).stdout, name
        assert f"{OURS[ALICE]}: alice.oncilla.internal" in query(machine, OURS[ALICE]).stdout
    assert names_of_ours(capture.frames) == []
