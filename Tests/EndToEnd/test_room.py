"""The locked room: the daemon has no rights once it has begun, and a helper with a closed list has them."""

import errno
import os
import pathlib
import platform
import re
import signal
import socket
import struct

import pytest

import takeover
from overlay import free_port, oncilla, onion_name, overlay_address, wait_until

NAME = onion_name("room")
NOBODY = 65534
NO_RIGHTS = f"{0:016x}"


def status(pid):
    return dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def helper_of(daemon):
    children = pathlib.Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children")
    found = children.read_text().split()
    assert len(found) == 1, found
    return int(found[0])


def assert_locked(daemon, user=NOBODY):
    found = status(daemon.pid)
    assert found["Uid"].split() == [str(user)] * 4 and found["Gid"].split() == [str(user)] * 4
    assert {found[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Amb")} == {NO_RIGHTS}
    assert found["NoNewPrivs"] == "1" and found["Seccomp"] == "2"
    # The kernel gives the files in /proc of a process that may be looked into to its user.
    assert os.stat(f"/proc/{daemon.pid}/environ").st_uid == 0


@pytest.fixture
def locked(namespaces, daemons, proxy):
    """A daemon whose state directory is in one that its user may not even pass through."""
    daemon = daemons(onion=NAME, netns=namespaces(), socks=proxy.address)
    daemon.wait_for_interface()
    daemon.wait_for_line("goes on without rights, as user nobody")
    return daemon


def test_the_daemon_is_nobody_and_its_helper_has_what_it_needs(locked):
    assert_locked(locked)
    found = status(helper_of(locked))
    assert found["Uid"].split() == ["0"] * 4
    # CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_KILL, CAP_NET_ADMIN, and for --netns CAP_SYS_ADMIN.
    wanted = sum(1 << number for number in (0, 1, 2, 3, 5, 12, 21))
    assert int(found["CapEff"], 16) & ~wanted == 0 and int(found["CapEff"], 16) & 1 << 12
    assert found["CapEff"] == found["CapPrm"] and found["CapAmb"] == NO_RIGHTS
    names = sorted(os.readlink(f"/proc/{locked.pid}/fd/{number}") for number in os.listdir(f"/proc/{locked.pid}/fd"))
    assert "/dev/net/tun" in names


def test_the_interface_and_its_guards_are_kept_without_rights(locked):
    locked.host.ip("-6 route flush proto 235")
    wait_until(locked.host.has_guard_route, what="the guard to be put back")
    locked.host.ip(f"-6 addr del {locked.address}/48 dev oncilla0")
    wait_until(lambda: f"{locked.address}/48" in locked.host.addresses("oncilla0"), what="the address to be put back")
    assert_locked(locked)


def test_the_helper_ends_with_the_daemon_however_that_ends(locked):
    helper = helper_of(locked)
    locked.kill()
    wait_until(lambda: not pathlib.Path(f"/proc/{helper}").exists(), 5, what="the helper to end")


def test_the_daemon_ends_with_its_helper_and_says_so(locked):
    os.kill(helper_of(locked), signal.SIGKILL)
    assert locked.wait_for_exit(5) == 1
    locked.wait_for_line("error.* the helper, which keeps the interface, has ended")


def test_signals_of_a_terminal_are_for_the_daemon_alone(locked):
    helper = helper_of(locked)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(helper, number)
    os.kill(locked.pid, signal.SIGHUP)
    locked.wait_for_line("the configuration was read again")
    assert helper_of(locked) == helper
    locked.stop()
    assert not pathlib.Path(f"/proc/{helper}").exists()
    assert not (locked.directory / "control.sock").exists(), "its socket is removed, although its directory is root's"


def test_what_root_kept_is_the_daemons(namespaces, daemons, proxy):
    host = namespaces()
    arguments = dict(onion=NAME, netns=host, socks=proxy.address)
    first = daemons(**arguments, options=["--mode", "tap", "--remember", "yes", "--user", "root"])
    first.wait_for_interface()
    assert_locked(first, user=0)
    first.stop()
    kept = first.state_dir / "mac"
    assert kept.stat().st_uid == 0
    address = kept.read_text()
    foreign = first.state_dir / "notes"
    foreign.write_text("root's own")

    second = daemons(**arguments, state_dir=first.state_dir, options=["--mode", "tap", "--remember", "yes"])
    second.wait_for_interface()
    assert_locked(second)
    second.stop()
    assert kept.stat().st_uid == NOBODY and kept.read_text() == address
    assert first.state_dir.stat().st_uid == NOBODY and foreign.stat().st_uid == 0
    assert "cannot be" not in second.log(), second.log()


def test_a_link_in_the_state_directory_gives_nothing_away(namespaces, daemons, proxy, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    secret = tmp_path / "secret"
    secret.write_text("root's")
    (state / "mac").symlink_to(secret)
    os.link(secret, state / "names")
    daemon = daemons(onion=NAME, netns=namespaces(), socks=proxy.address, state_dir=state)
    daemon.wait_for_interface()
    daemon.stop()
    assert secret.stat().st_uid == 0 and secret.read_text() == "root's"


def test_who_owns_the_directory_of_the_log_leads_the_helper_nowhere_else(namespaces, daemons, proxy, tmp_path):
    """Root writes to the log where its owner may not, and would write along a link that leads to any file."""
    for path in [tmp_path, *tmp_path.parents][:3]:
        path.chmod(0o711)
    directory, secret = tmp_path / "logs", tmp_path / "secret"
    directory.mkdir()
    os.chown(directory, NOBODY, NOBODY)
    secret.write_text("root's\n")
    log = directory / "log"
    daemon = daemons(onion=NAME, netns=namespaces(), socks=proxy.address, options=["--log", log])
    wait_until(lambda: log.exists() and "interface up" in log.read_text(), what="the log")
    for put in (os.symlink, os.link):
        log.unlink()
        put(secret, log)
        if put == os.symlink:
            os.lchown(log, NOBODY, NOBODY)
        daemon.signal(signal.SIGHUP)
        daemon.signal(signal.SIGHUP)
        assert oncilla("status", "--control", daemon.directory / "control.sock").returncode in (0, 6)
        assert secret.read_text() == "root's\n"
    log.unlink()
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: log.exists() and "was read again" in log.read_text(), what="the log to go on")
    daemon.stop()
    log.unlink()
    log.symlink_to(secret)
    os.lchown(log, NOBODY, NOBODY)
    daemon.start()
    assert daemon.wait_for_exit(5) == 4 and secret.read_text() == "root's\n"
    assert "on whose way another user may have put a link: Permission denied" in daemon.log()


def test_a_socket_is_taken_away_also_where_the_directory_is_the_daemons(namespaces, daemons, proxy, tmp_path):
    """Root makes it, in a directory such as the package's /run/oncilla, and the daemon is nobody when it ends."""
    for path in [tmp_path, *tmp_path.parents][:3]:
        path.chmod(0o711)
    place = tmp_path / "run"
    place.mkdir()
    os.chown(place, NOBODY, NOBODY)
    daemon = daemons(onion=NAME, netns=namespaces(), socks=proxy.address, options=["--dns", f"unix:{place}/names.sock"])
    daemon.wait_for_interface()
    wait_until((place / "names.sock").exists, what="the socket")
    daemon.stop()
    assert list(place.iterdir()) == []


def test_who_owns_the_state_directory_reads_nothing_of_roots(namespaces, daemons, proxy, tmp_path):
    """The helper opens what is in the state directory, which its owner replaces by a link to one of root's."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "names").write_text(f"{overlay_address(onion_name('secret'))} {onion_name('secret')} lookup 1 1 1\n")
    state = tmp_path / "mine" / "state"
    state.mkdir(parents=True)
    os.chown(tmp_path / "mine", NOBODY, NOBODY)
    state.rmdir()
    state.symlink_to(secret)
    os.lchown(state, NOBODY, NOBODY)
    daemon = daemons(onion=NAME, netns=namespaces(), socks=proxy.address, state_dir=state, options=["--remember", "yes"])
    daemon.wait_for_interface()
    names = oncilla("names", "--json", "--control", daemon.directory / "control.sock")
    assert names.returncode == 0 and onion_name("secret") not in names.stdout
    daemon.stop()
    assert (secret / "names").stat().st_uid == 0 and secret.stat().st_uid == 0
    assert list(secret.iterdir()) == [secret / "names"]


def test_a_user_that_is_not_there_is_refused(namespaces, proxy):
    listen = ["--listen", f"127.0.0.1:{free_port()}", "--control", "none", "--state-dir", "none", "--config", "/dev/null"]
    found = oncilla("run", "--onion", NAME, "--netns", namespaces().name, "--socks", proxy.address,
                    "--user", "nobody-such", *listen)
    assert found.returncode == 1
    assert "there is no user nobody-such: --user accepts one of /etc/passwd" in found.stderr


def test_reload_reads_what_is_roots_alone(namespaces, daemons, proxy, tmp_path):
    peers = [onion_name(f"room peer {number}") for number in range(3)]
    file, hosts, log = tmp_path / "oncilla.conf", tmp_path / "hosts", tmp_path / "log"
    hosts.write_text("")
    lines = f"hosts = {hosts}\nlog = {log}\n"
    file.write_text(lines)
    for path in (file, hosts):
        path.chmod(0o600)
    daemon = daemons(onion=NAME, netns=namespaces(), socks=proxy.address, options=["--config", file])
    daemon.wait_for_interface()
    wait_until(lambda: "interface up" in log.read_text(), what="the log")
    file.write_text(f"{lines}serve = fd00:a::/64\n[peer bob]\nname = {peers[0]}\nroute = fd00:b::/64\n")
    log.rename(tmp_path / "log.1")
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: log.exists() and "peer bob added" in log.read_text(), what="the reload in a new log")
    assert "proto 235" in daemon.host.ip("-6 route show fd00:b::/64")
    hosts.write_text(f"{overlay_address(peers[1])} {peers[1]}\n")
    wait_until(lambda: re.search("hosts: 1 names read", log.read_text()), what="the change to be seen")
    replacement = tmp_path / "hosts.new"
    replacement.write_text("".join(f"{overlay_address(peer)} {peer}\n" for peer in peers[1:]))
    replacement.chmod(0o600)
    replacement.rename(hosts)
    wait_until(lambda: re.search("hosts: 2 names read", log.read_text()), what="the new file to be seen")
    assert_locked(daemon)


def test_a_hook_has_the_rights_of_who_started_the_daemon(namespaces, daemons, proxy, tmp_path):
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ncat /proc/self/status > {tmp_path}/rights.new; mv {tmp_path}/rights.new {tmp_path}/rights\n")
    hook.chmod(0o700)
    daemon = daemons(onion=NAME, netns=namespaces(), socks=proxy.address, options=["--hook", f"up={hook}"])
    wait_until((tmp_path / "rights").exists, what="the hook")
    found = dict(line.split(":\t", 1) for line in (tmp_path / "rights").read_text().splitlines() if ":\t" in line)
    assert found["Uid"].split() == ["0"] * 4 and found["CapEff"] == status(os.getpid())["CapEff"]
    assert_locked(daemon)


PROT_READ_EXEC, SOCK_RAW, CLONE_NEWUSER = 5, 3, 0x10000000
FORBIDDEN = [
    ("execve", "/bin/sh", 0, 0), ("fork",), ("ptrace", 16, 1, 0, 0), ("process_vm_readv", 1, 0, 0, 0, 0, 0), ("kill", 1, 0),
    ("socket", socket.AF_PACKET, SOCK_RAW, 0), ("socket", socket.AF_NETLINK, SOCK_RAW, 0), ("setuid", 0),
    ("mmap", 0, 4096, PROT_READ_EXEC, 0x22, -1, 0), ("mprotect", 0, 0, PROT_READ_EXEC), ("mount", 0, 0, 0, 0, 0),
    ("unshare", CLONE_NEWUSER), ("setns", 0, 0), ("prctl", 4, 1, 0, 0, 0), ("bpf", 0, 0, 0), ("io_uring_setup", 1, 0),
    ("init_module", 0, 0, 0),
]


# The registers, and the numbers of the calls, are those of this machine alone.
if platform.machine() == "x86_64":

    @pytest.mark.parametrize("call", FORBIDDEN, ids=[" ".join(map(str, call[:3])) for call in FORBIDDEN])
    def test_who_takes_the_daemon_over_dies_at_a_forbidden_call(locked, call):
        assert takeover.call(locked.pid, "getpid") == locked.pid, "a call of the list is made"
        with pytest.raises(takeover.Killed, match="SIGSYS"):
            takeover.call(locked.pid, *call)

    def test_who_takes_the_daemon_over_has_the_state_directory_and_tor_and_nothing_else(locked, proxy):
        """What Landlock leaves: files of root's are the helper's to open, and no address but Tor's ports is connected to."""
        here, read_only, stream = -100, 0, 1
        assert takeover.call(locked.pid, "openat", here, "/etc/hostname", read_only, 0) == -errno.EACCES
        assert takeover.call(locked.pid, "openat", here, "/proc/self/status", read_only, 0) == -errno.EACCES
        for port, is_allowed in ((int(proxy.address.rpartition(":")[2]), True), (9, False)):
            number = takeover.call(locked.pid, "socket", socket.AF_INET, stream, 0)
            address = struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton("127.0.0.1") + bytes(8)
            result = takeover.call(locked.pid, "connect", number, address, len(address))
            assert (result != -errno.EACCES) == is_allowed, (port, result)
