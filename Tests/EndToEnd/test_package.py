"""The Debian package: what it brings, how it comes and goes, and how its service runs under a real systemd."""

import os
import re
import socket
import threading
import time

import pytest

from capture import Capture
from debian_root import PACKAGES, DebianRoot, Machine, dependencies, root_archive, run, unpacked
from overlay import REPOSITORY, onion_name, overlay_address, wait_until

pytestmark = pytest.mark.seconds(600)

UNITS = REPOSITORY / "debian"
NAME, PEER = onion_name("package"), onion_name("package's peer")
CONFIGURATION = f"""onion = {NAME}

[peer office]
name = {PEER}
route = fd00:b::/48
"""
GUARD = "unreachable fd87:d87e:eb43::/48 dev lo proto 235 metric 4096"
ROUTED_GUARD = GUARD.replace("fd87:d87e:eb43::/48", "fd00:b::/48")


@pytest.mark.parametrize("version, is_taken", [
    ("5.10.1 (swift-5.10.1-RELEASE)", False), ("6.0.3 (swift-6.0.3-RELEASE)", False), ("6.1 (swift-6.1-RELEASE)", True),
    ("6.10 (x)", True), ("7.0-dev", True)])
def test_a_compiler_that_builds_this_is_found(tmp_path, version, is_taken):
    """Swift 6.0, as Debian 13 has it, was taken, and ended in errors of its own."""
    swift = tmp_path / "swift"
    swift.write_text(f"#!/bin/sh\necho 'Swift version {version}'\n")
    swift.chmod(0o755)
    found = run([REPOSITORY / "contrib/find-swift"], env={**os.environ, "SWIFT": str(swift)}).stdout.strip()
    assert (found == str(swift)) is is_taken, found


@pytest.fixture(scope="module")
def shared(package):
    with unpacked(root_archive(PACKAGES + dependencies(package))) as directory:
        yield directory


@pytest.fixture
def root(shared):
    with DebianRoot(shared) as root:
        yield root


@pytest.fixture
def installed(root, package):
    """A root in which the package is installed and set up."""
    root.run("dpkg", "-i", root.add(package))
    (root / "/etc/oncilla/oncilla.conf").write_text(CONFIGURATION)
    return root


@pytest.fixture
def boot(host):
    """boot(root) is a Machine in the namespace `host`, which ends with the test."""
    machines = []

    def make(root):
        machines.append(Machine(root, host))
        return machines[-1]

    yield make
    for machine in machines:
        machine.kill()


HOOK = """#!/bin/sh
cd /var/lib/oncilla
exec > rights
cat /proc/self/status
ip link set dev oncilla0 alias hooked
touch done
"""


def drop_in(root, unit, text):
    directory = root / f"/etc/systemd/system/{unit}.d"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "local.conf").write_text(text)


# The package


def test_the_package_is_what_debian_expects(package, report, tmp_path):
    module, = package.parent.glob("libnss-oncilla_*.deb")
    found = run(["lintian", "--fail-on", "error,warning", package, module], check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    report(f"{package.stat().st_size / 1e6:.1f} MB; depends on {', '.join(dependencies(package))}")
    run(["dpkg-deb", "--extract", package, tmp_path])
    assert ".symtab" not in run(["readelf", "--sections", tmp_path / "usr/bin/oncilla"]).stdout, "it is stripped"


@pytest.mark.parametrize("unit", ["oncilla.service", "oncilla@.service", "oncilla.oncilla-guard.service", "oncilla-guard@.service"])
def test_units_give_away_little(unit, report, tmp_path):
    copy = tmp_path / unit.replace("oncilla.oncilla", "oncilla").replace("@.", "@test.")
    copy.write_text((UNITS / unit).read_text())
    found = run(["systemd-analyze", "security", "--offline=true", "--threshold=17", copy], check=False)
    assert found.returncode == 0, found.stdout
    report(re.search(r"exposure level for .*: ([\d.]+)", found.stdout).group(0))


@pytest.mark.parametrize("unit, template", [
    ("oncilla.service", "oncilla@.service"), ("oncilla.oncilla-guard.service", "oncilla-guard@.service")])
def test_the_unit_of_an_instance_differs_by_its_places_alone(unit, template):
    own, other = ((UNITS / name).read_text() for name in (unit, template))
    for place, instance in (("/etc/oncilla/", "/etc/oncilla/%i/"), ("StateDirectory=oncilla\n", "StateDirectory=oncilla/%i\n"),
                            ("RuntimeDirectory=oncilla\n", "RuntimeDirectory=oncilla/%i\n"),
                            ("bin/oncilla ", "bin/oncilla -i %i "), ("Description=Oncilla:", "Description=Oncilla, instance %i:"),
                            ("Description=Oncilla's guard:", "Description=Oncilla's guard for instance %i:"),
                            ("oncilla-guard.service", "oncilla-guard.service oncilla-guard@%i.service"),
                            ("pre.target oncilla.service", "pre.target oncilla@%i.service"),
                            ("# Instances have their directories in this one.\nRuntimeDirectoryPreserve=yes\n", "")):
        own = own.replace(place, instance)
    assert own == other


# Without systemd: the making of an image


def test_install_upgrade_remove_and_purge_without_systemd(root, package, newer):
    shown = root.run("dpkg", "-i", root.add(package))
    assert "not set up yet" in shown.stderr
    group = int(root.run("getent", "group", "oncilla").stdout.split(":")[2])
    for path, mode in (("/etc/oncilla", 0o750), ("/etc/oncilla/conf.d", 0o750), ("/etc/oncilla/peers.d", 0o2770)):
        status = os.stat(root / path)
        assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (0, group, mode), path
    assert not list((root / "/etc/oncilla").rglob("*.conf")), "the package has no configuration of its own"

    written = {"/etc/oncilla/oncilla.conf": CONFIGURATION, "/etc/oncilla/conf.d/10-own.conf": "mtu = 1400\n",
               "/etc/oncilla/peers.d/alice.conf": f"[peer alice]\nname = {onion_name('alice')}\n",
               "/var/lib/oncilla/mac": "02:00:00:00:00:01\n", "/var/lib/oncilla/identity.key": "a key\n"}
    for path, text in written.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)

    def untouched():
        return {path: (root / path).read_text() for path in written if (root / path).exists()}

    os.chmod(root / "/etc/oncilla", 0o755)
    shown = root.run("dpkg", "-i", root.add(newer))
    assert "not set up" not in shown.stderr and untouched() == written
    assert os.stat(root / "/etc/oncilla").st_mode & 0o7777 == 0o755, "an administrator's mode is kept"
    root.run("dpkg", "-r", "oncilla")
    assert untouched() == written and not (root / "/usr/bin/oncilla").exists()
    shown = root.run("dpkg", "-P", "oncilla")
    assert list(untouched()) == ["/var/lib/oncilla/identity.key"], "a key is lost for good: nobody said so"
    assert "/var/lib/oncilla stays" in shown.stderr and not (root / "/etc/oncilla").exists()

    root.run("dpkg", "-i", root.add(package))
    root.run("sh", "-c", "echo oncilla oncilla/purge-state boolean true | debconf-set-selections")
    root.run("dpkg", "-P", "oncilla")
    assert not (root / "/var/lib/oncilla").exists(), "somebody said so"


# Under systemd


def test_a_package_that_is_not_set_up_guards_and_does_nothing_else(root, package, boot, host):
    machine = boot(root)
    machine.run("dpkg", "-i", root.add(package))
    assert machine.show("oncilla.service", "ActiveState") == "inactive"
    assert machine.show("oncilla.service", "UnitFileState") == "enabled"
    assert machine.show("oncilla-guard.service", "ActiveState") == "active", machine.journal()
    assert host.has_guard_route() and not host.has_interface("oncilla0")
    units = ("oncilla.service", "oncilla@lan.service", "oncilla-guard.service", "oncilla-guard@lan.service")
    verified = machine.run("systemd-analyze", "verify", "--man=no", *units, check=False)
    assert verified.returncode == 0 and "oncilla" not in verified.stderr, verified.stderr
    machine.run("systemctl", "stop", "oncilla-guard")
    assert host.has_guard_route()
    machine.run("dpkg", "-r", "oncilla")
    assert host.has_guard_route(), "connections that stood would leave in the clear"
    machine.run("dpkg", "-P", "oncilla")
    assert host.routes() == [] and "proto 235" not in host.ip("-6 rule") + host.ip("-4 rule")


@pytest.mark.parametrize("mode", ["tun", "tap"])
def test_the_service_makes_its_interface_without_root(installed, boot, host, mode):
    (installed / "/etc/oncilla/conf.d/10-own.conf").write_text(
        f"mode = {mode}\nmtu = 1400\nhook = up=/etc/oncilla/up\n")
    hook = installed / "/etc/oncilla/up"
    hook.write_text(HOOK)
    hook.chmod(0o755)
    host.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
    machine = boot(installed)
    assert machine.show("oncilla.service", "ActiveState") == "active", machine.journal()
    assert f"{overlay_address(NAME)}/48" in host.addresses("oncilla0") and host.mtu("oncilla0") == 1400
    assert "dev oncilla0" in host.ip("-6 route get fd00:b::1")
    assert "waiting for Tor at 127.0.0.1:9050" in machine.show("oncilla.service", "StatusText")

    pid = machine.show("oncilla.service", "MainPID")
    status = machine.run("cat", f"/proc/{pid}/status").stdout
    user = machine.run("id", "-u", "oncilla").stdout.strip()
    assert re.search(r"^Uid:(\t\d+){4}$", status, re.MULTILINE).group(0).split()[1:] == [user] * 4
    net_admin = f"{1 << 12:016x}"
    # What is left is a bound, and nothing that the daemon has.
    assert dict(re.findall(r"^Cap(\w+):\t(\w+)$", status, re.MULTILINE)) == {
        "Inh": f"{0:016x}", "Prm": f"{0:016x}", "Eff": f"{0:016x}", "Amb": f"{0:016x}", "Bnd": net_admin}
    helper, = machine.run("cat", f"/proc/{pid}/task/{pid}/children").stdout.split()
    rights = machine.run("cat", f"/proc/{helper}/status").stdout
    assert {value for value in re.findall(r"^Cap\w+:\t(\w+)$", rights, re.MULTILINE)} == {net_admin}
    assert re.search(r"^Seccomp:\t2$", status, re.MULTILINE) and re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)

    # A hook has that right, so that ip works in it, and nothing that raises it, as the manual says.
    wait_until((installed / "/var/lib/oncilla/done").exists, 10, what="the hook")
    status = (installed / "/var/lib/oncilla/rights").read_text()
    assert {value for value in re.findall(r"^Cap\w+:\t(\w+)$", status, re.MULTILINE)} == {net_admin}
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
    assert "alias hooked" in host.ip("link show dev oncilla0")

    host.ip("-6 route flush proto 235")
    wait_until(host.has_guard_route, what="the guard to be put back")
    machine.run("systemctl", "reload", "oncilla")
    assert machine.show("oncilla.service", "MainPID") == pid
    assert machine.show("oncilla.service", "ActiveState") == "active"
    if mode == "tap":
        assert machine.run("stat", "-c", "%U %a", "/var/lib/oncilla/mac").stdout == "oncilla 600\n"
    assert machine.run("stat", "-c", "%U %G %a", "/run/oncilla").stdout == "oncilla oncilla 755\n"
    machine.run("systemctl", "stop", "oncilla")
    assert not host.has_interface("oncilla0") and host.has_guard_route()


def test_every_user_finds_names_by_the_module_as_its_readme_says(installed, package, boot, host):
    module, = package.parent.glob("libnss-oncilla_*.deb")
    installed.run("dpkg", "-i", installed.add(module))
    readme = (installed / "/usr/share/doc/libnss-oncilla/README.Debian").read_text()
    given = dict(re.findall(r"^     ([a-z-]+)[:=] ?=? *(.*)$", readme.replace(" = ", "= "), re.MULTILINE))
    assert set(given) == {"hosts", "dns", "hosts-file"}, given
    configuration = f"dns = {given['dns']}\nhosts-file = {given['hosts-file']}\n" + CONFIGURATION
    (installed / "/etc/oncilla/oncilla.conf").write_text(configuration)
    services = installed / "/etc/nsswitch.conf"
    services.write_text(re.sub("^hosts:.*$", f"hosts: {given['hosts']}", services.read_text(), flags=re.MULTILINE))
    machine = boot(installed)

    def find(name):
        found = machine.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "getent", "hosts", name, check=False)
        return found.stdout.split()

    stranger, office = onion_name("package's stranger"), overlay_address(PEER)
    for running in (True, False):
        for name in (PEER, "office", "office.oncilla.internal"):
            assert find(name)[:1] == [str(office)], (name, running, machine.journal())
        assert find(str(office))[1] == "office.oncilla.internal"
        assert find(stranger)[:1] == ([str(overlay_address(stranger))] if running else [])
        machine.run("systemctl", "stop", "oncilla")
    assert machine.run("stat", "-c", "%U %a", "/var/cache/oncilla/hosts").stdout == "oncilla 644\n"
    # Nor are known names asked elsewhere between a boot and the daemon's start.
    machine.run("systemctl", "disable", "oncilla")
    machine.shut_down()
    machine = boot(installed)
    assert find("office")[:1] == [str(office)], machine.journal()
    assert machine.show("oncilla.service", "ActiveState") == "inactive"
    machine.run("dpkg", "-P", "libnss-oncilla")
    assert find(PEER) == [], "without the module"


def test_a_service_that_hangs_or_crashes_comes_back(installed, boot, host):
    drop_in(installed, "oncilla.service", "[Service]\nWatchdogSec=1\nRestartSec=100ms\n")
    machine = boot(installed)
    for count, number in enumerate(["STOP", "KILL"], 1):
        wait_until(lambda: machine.show("oncilla.service", "ActiveState") == "active", 20, what="the service")
        pid = machine.show("oncilla.service", "MainPID")
        machine.run("sh", "-c", f"kill -{number} {pid}")
        wait_until(lambda: machine.show("oncilla.service", "NRestarts") == str(count), 20, 0.2, what=f"a restart after {number}")
    wait_until(lambda: host.has_interface("oncilla0"), what="the interface")


def test_a_wrong_configuration_is_told_once_and_guarded_nevertheless(installed, boot, host):
    (installed / "/etc/oncilla/conf.d/10-own.conf").write_text("mtuu = 1400\n")
    machine = boot(installed)
    for unit in ("oncilla.service", "oncilla-guard.service"):
        assert machine.show(unit, "ExecMainStatus") == "5", machine.journal()
    assert machine.show("oncilla.service", "NRestarts") == "0" and host.has_guard_route()
    assert "10-own.conf:1" in machine.journal()


def test_drop_ins_of_the_manual(installed, boot, host):
    manual = (REPOSITORY / "man/oncilla.1").read_text().replace("\\-", "-")
    service = manual.split(".SH SERVICE")[1].split("\n.SH")[0]
    credential, group, _, namespace = re.findall(r"^\.nf\n(\[Service\]\n.*?)\.fi", service, re.MULTILINE | re.DOTALL)
    drop_in(installed, "oncilla.service", credential + group + namespace)
    installed.run("groupadd", "--system", "debian-tor")
    hostname = installed / "/var/lib/tor/oncilla/hostname"
    hostname.parent.mkdir(parents=True)
    hostname.write_text(NAME + "\n")
    os.chmod(hostname.parent, 0o700)
    (installed / "/etc/oncilla/oncilla.conf").write_text(
        "hostname-file = /run/credentials/oncilla.service/hostname\nnetns = onions\n")
    machine = boot(installed)
    machine.run("ip", "netns", "add", "onions")
    machine.run("ip", "-n", "onions", "link", "set", "lo", "up")
    machine.run("systemctl", "reset-failed", "oncilla")
    machine.run("systemctl", "restart", "oncilla")
    groups = machine.run("cat", f"/proc/{machine.show('oncilla.service', 'MainPID')}/status").stdout
    assert machine.run("getent", "group", "debian-tor").stdout.split(":")[2] in re.search(r"Groups:(.*)", groups).group(1).split()
    assert f"{overlay_address(NAME)}/48" in machine.run("ip", "-n", "onions", "-6", "addr", "show", "dev", "oncilla0").stdout
    assert not host.has_interface("oncilla0")


def test_an_instance_has_places_of_its_own(installed, boot, host):
    (installed / "/etc/oncilla/oncilla.conf").rename(installed / "/etc/oncilla/conf.d/not-read")
    (installed / "/etc/oncilla/lan").mkdir()
    (installed / "/etc/oncilla/lan/oncilla.conf").write_text("listen = 127.0.0.1:8061\n" + CONFIGURATION)
    installed.run("systemctl", "enable", "oncilla@lan.service", "oncilla-guard@lan.service")
    machine = boot(installed)
    assert machine.show("oncilla@lan.service", "ActiveState") == "active", machine.journal()
    assert machine.show("oncilla-guard@lan.service", "ActiveState") == "active"
    assert machine.show("oncilla.service", "ActiveState") == "inactive"
    assert f"{overlay_address(NAME)}/48" in host.addresses("onc-lan")
    for path in ("/run/oncilla/lan", "/var/lib/oncilla/lan"):
        assert machine.run("stat", "-c", "%U", path).stdout == "oncilla\n"
    # Those that are made for one have the rights of the standard one's.
    machine.run("oncilla", "-i", "office", "join", f"oncilla1:{onion_name('alice').removesuffix('.onion')}", "alice")
    group = int(installed.run("getent", "group", "oncilla").stdout.split(":")[2])
    for path, mode in (("office", 0o750), ("office/peers.d", 0o2770), ("office/peers.d/alice.conf", 0o640)):
        status = os.stat(installed / "/etc/oncilla" / path)
        assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (0, group, mode), path


# Nothing leaves


class Chatter:
    """Datagrams and connections to some addresses, from a namespace, all the time."""

    def __init__(self, namespace, addresses):
        self._namespace, self._addresses = namespace, addresses
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self.sent = dict.fromkeys(addresses, 0)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join()

    def _talk(self):
        connections = []
        while not self._ends.wait(0.005):
            for address in self._addresses:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                try:
                    with self._namespace.socket(family, socket.SOCK_DGRAM) as sender:
                        sender.sendto(b"a secret", (address, 9))
                    self.sent[address] += 1
                    if len(connections) < 200:
                        connections.append(self._namespace.socket(family))
                        connections[-1].setblocking(False)
                        connections[-1].connect_ex((address, 9))
                except OSError:
                    pass
        for connection in connections:
            connection.close()


# Brings the network up as networkd and ifupdown do.
NETWORK = """[Unit]
DefaultDependencies=no
Wants=network-pre.target
After=network-pre.target
Before=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/ip link set clear0 up
ExecStart=/bin/ip -6 route add default via 2001:db8::2 dev clear0

[Install]
WantedBy=sysinit.target
"""


def test_nothing_leaves_through_boot_run_stop_restart_upgrade_and_removal(installed, boot, namespaces, host, newer, report):
    outside = namespaces("out")
    host.ip(f"link add clear0 type veth peer name clear1 netns {outside.name}")
    host.ip("-6 addr add 2001:db8::1/64 dev clear0 nodad")
    outside.ip("-6 addr add 2001:db8::2/64 dev clear1 nodad")
    outside.ip("link set clear1 up")
    (installed / "/etc/systemd/system/network-of-test.service").write_text(NETWORK)
    installed.run("systemctl", "enable", "network-of-test.service")
    upgrade = installed.add(newer)
    secret = [overlay_address(PEER), "fd00:b::1"]
    with Capture(outside, "clear1", direction="in") as capture, Chatter(host, [*secret, "2001:db8:5::1"]) as chatter:
        machine = boot(installed)
        assert machine.show("network-of-test.service", "ActiveState") == "active", machine.journal()
        assert machine.show("oncilla.service", "ActiveState") == "active", machine.journal()
        wait_until(lambda: chatter.sent["2001:db8:5::1"] > 20, what="what is no secret to go its way")
        for verb in ("stop", "start", "restart"):
            machine.run("systemctl", verb, "oncilla")
            time.sleep(0.3)
        assert chatter.sent[secret[0]] > 20 and chatter.sent[secret[1]] > 20
        before = machine.show("oncilla.service", "MainPID")
        machine.run("dpkg", "-i", upgrade)
        assert machine.show("oncilla.service", "ActiveState") == "active"
        assert machine.show("oncilla.service", "MainPID") not in ("0", before), "the new program runs"
        time.sleep(0.3)
        machine.run("dpkg", "-r", "oncilla")
        assert machine.show("oncilla.service", "ActiveState") == "inactive" and not host.has_interface("oncilla0")
        time.sleep(0.5)
    packets = [frame.packet for frame in capture.frames if frame.packet is not None]
    assert sum(packet.destination == "2001:db8:5::1" for packet in packets) > 20, "the default route was there"
    told = [packet for packet in packets if packet.destination in secret or packet.source == overlay_address(NAME)]
    assert told == [], [f"{packet.source} > {packet.destination}" for packet in told]
    report(f"{len(packets)} packets left through boot, run, stop, restart, upgrade and removal, none of them of the overlay")
