"""The locked room: the daemon has no rights once it has begun, and a helper with a closed list has them."""

import base64
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
from tor_control import LoneTor

NAME = onion_name("room")
NOBODY = 65534
OTHER = 61234
NO_RIGHTS = f"{0:016x}"


def status(pid):
    return dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def children_of(daemon):
    """Its children, by the names that lists of processes show."""
    children = pathlib.Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
    return {status_name(child): int(child) for child in children}


def status_name(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()


def helper_of(daemon):
    found = children_of(daemon)
    assert list(found) == ["oncilla-helper"], found
    return found["oncilla-helper"]


def assert_locked(daemon, user=NOBODY):
    assert_without_rights(daemon.pid, user)


def assert_without_rights(pid, user):
    found = status(pid)
    assert found["Uid"].split() == [str(user)] * 4 and found["Gid"].split() == [str(user)] * 4
    assert {found[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Amb")} == {NO_RIGHTS}
    assert found["NoNewPrivs"] == "1" and found["Seccomp"] == "2"
    # The kernel gives the files in /proc of a process that may be looked into to its user.
    assert os.stat(f"/proc/{pid}/environ").st_uid == 0


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
    # It has a list of system calls of its own, and needs to promise nothing for it, which would be for its hooks, too.
    assert found["Seccomp"] == "2" and found["NoNewPrivs"] == "0"
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


def test_what_is_kept_stays_roots_and_the_daemon_finds_it(namespaces, daemons, proxy):
    host = namespaces()
    arguments = dict(onion=NAME, netns=host, socks=proxy.address, options=["--mode", "tap", "--remember", "yes"])
    first = daemons(**arguments)
    first.wait_for_interface()
    assert_locked(first)
    first.stop()
    kept = first.state_dir / "mac"
    address = kept.read_text()
    second = daemons(**arguments, state_dir=first.state_dir)
    second.wait_for_interface()
    assert kept.read_text() == address
    second.stop()
    assert {path.name for path in first.state_dir.iterdir()} == {"mac", "names"}
    for path in (first.state_dir, *first.state_dir.iterdir()):
        assert path.stat().st_uid == 0 and path.stat().st_mode & 0o077 == 0, path
    # Names that are not to be remembered any more go.
    third = daemons(**arguments | dict(options=["--mode", "tap"]), state_dir=first.state_dir)
    third.wait_for_line("names is removed")
    third.stop()
    assert list(first.state_dir.iterdir()) == [kept]
    for daemon in (first, second, third):
        assert "cannot be" not in daemon.log(), daemon.log()


def open_way(path):
    """Lets every user pass on the way to a test's directory, which pytest makes for root alone."""
    for directory in [path, *path.parents][:3]:
        directory.chmod(0o711)


def test_what_the_daemons_user_kept_is_kept_on(namespaces, daemons, proxy, tmp_path):
    """A directory of the package's user, when root runs the daemon once: that user finds all of it afterwards."""
    open_way(tmp_path)
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    os.chown(state, NOBODY, NOBODY)
    daemon = daemons(onion=NAME, netns=namespaces(), socks=proxy.address, state_dir=state, options=["--mode", "tap"])
    daemon.wait_for_interface()
    daemon.stop()
    assert (state / "mac").stat().st_uid == NOBODY and (state / "mac").stat().st_mode & 0o077 == 0


def test_a_state_directory_is_made_for_whom_the_one_belongs_to_that_it_is_in(namespaces, daemons, proxy, tmp_path):
    open_way(tmp_path)
    place = tmp_path / "mine"
    place.mkdir()
    os.chown(place, OTHER, OTHER)
    arguments = dict(onion=NAME, netns=namespaces(), socks=proxy.address, state_dir=place / "state",
                     options=["--mode", "tap"])
    daemon = daemons(**arguments)
    daemon.wait_for_interface()
    daemon.stop()
    kept = place / "state" / "mac"
    for path in (place / "state", kept):
        assert path.stat().st_uid == OTHER and path.stat().st_mode & 0o077 == 0, path
    assert "cannot be" not in daemon.log(), daemon.log()
    address = kept.read_text()
    daemon.start()
    daemon.wait_for_interface()
    daemon.stop()
    assert kept.read_text() == address


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
    open_way(tmp_path)
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
    open_way(tmp_path)
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
    # But for calls that no hook needs.
    assert found["Seccomp"] == "2" and found["NoNewPrivs"] == "0"
    assert_locked(daemon)


PROT_READ_EXEC, SOCK_RAW, CLONE_NEWUSER = 5, 3, 0x10000000
IPPROTO_MPTCP, MSG_FASTOPEN = 262, 0x20000000
FORBIDDEN = [
    ("execve", "/bin/sh", 0, 0), ("fork",), ("ptrace", 16, 1, 0, 0), ("process_vm_readv", 1, 0, 0, 0, 0, 0), ("kill", 1, 0),
    ("socket", socket.AF_PACKET, SOCK_RAW, 0), ("socket", socket.AF_NETLINK, SOCK_RAW, 0), ("setuid", 0),
    ("mmap", 0, 4096, PROT_READ_EXEC, 0x22, -1, 0), ("mprotect", 0, 0, PROT_READ_EXEC), ("mount", 0, 0, 0, 0, 0),
    ("unshare", CLONE_NEWUSER), ("setns", 0, 0), ("prctl", 4, 1, 0, 0, 0), ("bpf", 0, 0, 0), ("io_uring_setup", 1, 0),
    ("init_module", 0, 0, 0),
    # What would reach others past Tor, and Tor's own sockets at paths, which Landlock does not look at.
    ("socket", socket.AF_INET, socket.SOCK_DGRAM, 0), ("socket", socket.AF_INET6, socket.SOCK_DGRAM, 0),
    ("socket", socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP), ("socket", socket.AF_UNIX, socket.SOCK_STREAM, 0),
    ("sendto", 0, "x", 1, MSG_FASTOPEN, 0, 0), ("sendmsg", 0, "x", MSG_FASTOPEN),
    # The helper makes queues of what happens to files.
    ("inotify_init1", 0),
]


# The registers, and the numbers of the calls, are those of this machine alone.
if platform.machine() == "x86_64":

    @pytest.mark.parametrize("call", FORBIDDEN, ids=[" ".join(map(str, call[:4])) for call in FORBIDDEN])
    def test_who_takes_the_daemon_over_dies_at_a_forbidden_call(locked, call):
        assert takeover.call(locked.pid, "getpid") == locked.pid, "a call of the list is made"
        with pytest.raises(takeover.Killed, match="SIGSYS"):
            takeover.call(locked.pid, *call)

    def test_who_takes_the_daemon_over_has_tor_and_nothing_else(locked, proxy):
        """What Landlock leaves: files are the helper's to open, and no address but Tor's port is connected to."""
        for path in ("/etc/hostname", "/proc/self/status", locked.state_dir, locked.log_path):
            assert takeover.call(locked.pid, "openat", HERE, path, os.O_RDONLY, 0) == -errno.EACCES
        for port, is_allowed in ((int(proxy.address.rpartition(":")[2]), True), (9, False)):
            assert (connect(locked.pid, port) != -errno.EACCES) == is_allowed, port

    def test_who_takes_the_daemon_over_sends_nothing_from_where_it_answers_about_names(namespaces, daemons, proxy):
        port = free_port()
        daemon = daemons(onion=NAME, netns=namespaces(), socks=proxy.address, options=["--dns", f"[::1]:{port}"])
        daemon.wait_for_interface()
        sockets = daemon.host.run(["cat", "/proc/net/udp6"]).stdout.splitlines()[1:]
        names = [f"socket:[{line.split()[9]}]" for line in sockets]
        number, = (number for number, name in descriptors_of(daemon.pid).items() if name in names)
        for address, is_sent in (("::1", True), (overlay_address(onion_name("else")), False)):
            place = struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", 9, 0) + socket.inet_pton(
                socket.AF_INET6, str(address)) + bytes(4)
            result = takeover.call(daemon.pid, "sendto", number, "x", 1, 0, place, len(place))
            assert (result == 1) == is_sent, (address, result)

    def descriptors_of(pid):
        return {int(number): os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")}

    HERE = -100

    def connect(pid, port):
        """What the process gets that connects to a port of this host's."""
        number = takeover.call(pid, "socket", socket.AF_INET, socket.SOCK_STREAM, 0)
        address = struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton("127.0.0.1") + bytes(8)
        return takeover.call(pid, "connect", number, address, len(address))

    def channels_of(pid):
        """The numbers of the ends of channels that a process has, in the order in which they were made."""
        inodes = {line.split()[6] for line in pathlib.Path(f"/proc/{pid}/net/unix").read_text().splitlines()[1:]
                  if line.split()[4] == "0005"}
        names = {int(number): os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")}
        return sorted(number for number, name in names.items() if name[8:-1] in inodes and name.startswith("socket:["))

    def message_of(kind, *fields):
        """A request as it is sent: a number that says what it is, and texts."""
        message = bytes([kind])
        for field in fields:
            text = os.fsencode(field)
            message += struct.pack("!H", len(text)) + text
        return message

    def ask_helper(pid, kind, *fields):
        """What the helper answers to a request in the name of the daemon, or of who speaks with Tor."""
        # Of the channels of the latter the first leads to the daemon.
        channel = channels_of(pid)[1 if status_name(pid) == "oncilla-tor" else 0]
        message = message_of(kind, *fields)
        assert takeover.call(pid, "sendto", channel, message, len(message), 0, 0, 0) == len(message)
        return answer_at(pid, channel)

    def answer_at(pid, channel):
        answer = takeover.receive(pid, channel)
        texts, rest = [], answer[1:]
        while rest:
            size, = struct.unpack("!H", rest[:2])
            texts.append(rest[2:2 + size].decode())
            rest = rest[2 + size:]
        return answer[0], texts

    SURVEY, OPEN, WATCH, CONNECT, REMOVE, DRAFT, FINISH = 20, 22, 23, 24, 25, 33, 34
    QUEUE, END_QUEUE, DISCARD = 35, 36, 37
    NUMBER, FAILED, DENIED = 1, 8, str(errno.EACCES)
    O_PATH = 0x200000

    def test_who_takes_the_daemon_over_hands_the_helper_nothing_to_use(locked, tmp_path):
        """A descriptor that comes along is of any kind, such as one by which no call works."""
        assert len(channels_of(locked.pid)) == 1
        helper, (channel,) = helper_of(locked), channels_of(locked.pid)
        given = takeover.call(locked.pid, "openat", HERE, "/", O_PATH, 0)
        assert given > 0
        for queue in ("0", str(given)):
            message = message_of(WATCH, "/", "0", queue)

            def envelope(place):
                """struct msghdr, its iovec, the descriptor (SCM_RIGHTS) and the message, at this place."""
                rights = struct.pack("=QiiiI", 20, socket.SOL_SOCKET, socket.SCM_RIGHTS, given, 0)
                vector = struct.pack("=QQ", place + 56 + 16 + len(rights), len(message))
                header = struct.pack("=QIIQQQQII", 0, 0, 0, place + 56, 1, place + 56 + 16, len(rights), 0, 0)
                return header + vector + rights + message

            assert takeover.call(locked.pid, "sendmsg", channel, envelope, 0) == len(message)
            answer, texts = answer_at(locked.pid, channel)
            assert (answer, texts[0]) == (FAILED, DENIED), texts
        assert helper_of(locked) == helper

    def test_who_takes_the_daemon_over_has_few_queues_of_changes_and_watches_what_is_read(locked):
        numbers = []
        while (answer := ask_helper(locked.pid, QUEUE))[0] == NUMBER:
            numbers += answer[1]
            assert len(numbers) <= 16
        assert answer[1][0] == DENIED
        assert ask_helper(locked.pid, WATCH, "/root", str(0x8), numbers[0])[0] == FAILED
        assert ask_helper(locked.pid, END_QUEUE, numbers[0])[0] == 0
        assert ask_helper(locked.pid, END_QUEUE, numbers[0])[0] == FAILED
        assert ask_helper(locked.pid, QUEUE)[0] == NUMBER

    def test_a_draft_that_nobody_finishes_goes_with_the_daemon(locked):
        kept, other = locked.state_dir / "names", locked.state_dir / "leases"
        for path in (kept, other):
            assert ask_helper(locked.pid, DRAFT, path)[0] == 0
        drafts = {path.with_name(f"{path.name}.new") for path in (kept, other)}
        assert drafts <= set(locked.state_dir.iterdir())
        assert ask_helper(locked.pid, DISCARD, other)[0] == 0
        assert not drafts.isdisjoint(locked.state_dir.iterdir()) and not (locked.state_dir / "leases.new").exists()
        locked.stop()
        assert drafts.isdisjoint(locked.state_dir.iterdir())

    def test_the_helper_makes_no_call_that_neither_it_nor_a_hook_needs(locked):
        helper = helper_of(locked)
        assert takeover.call(helper, "getpid") == helper
        for call in (("io_uring_setup", 1, 0), ("process_vm_readv", helper, 0, 0, 0, 0, 0), ("ptrace", 0, 0, 0, 0),
                     ("keyctl", 0, -3, 0, 0, 0), ("bpf", 0, 0, 0), ("init_module", 0, 0, 0)):
            assert takeover.call(helper, *call) == -errno.EPERM, call

    @pytest.fixture
    def tor():
        with LoneTor() as tor:
            yield tor

    def test_who_takes_the_daemon_over_has_no_say_over_tor_and_no_key(tor, namespaces, daemons, proxy):
        """Another process speaks with the control port: the daemon neither reaches it nor gets what it takes."""
        port = free_port()
        tor.kill()
        tor.options += [f"ControlPort {port}"]
        tor.start()
        arguments = dict(netns=namespaces(), socks=proxy.address)
        daemon = daemons(options=["--tor-control", f"127.0.0.1:{port}", "--publish", "tor"], **arguments)
        daemon.wait_for_line("is being published")
        key = daemon.state_dir / "identity.key"
        assert tor.holds(key) and key.stat().st_uid == 0 and key.stat().st_mode & 0o077 == 0
        assert set(children_of(daemon)) == {"oncilla-helper", "oncilla-tor"}
        # One to each, and none of those between them.
        assert len(channels_of(daemon.pid)) == 2
        assert_locked(daemon)
        assert connect(daemon.pid, port) == -errno.EACCES
        assert takeover.call(daemon.pid, "openat", HERE, key, os.O_RDONLY, 0) == -errno.EACCES
        for kind, *fields in ((OPEN, key, "read"), (OPEN, tor.cookie, "read"), (DRAFT, key), (FINISH, key),
                              (OPEN, daemon.state_dir, "directory"), (CONNECT, tor.control)):
            answer, texts = ask_helper(daemon.pid, kind, *fields)
            assert (answer, texts[0]) == (FAILED, DENIED), (kind, fields, texts)
        # What it keeps itself it can.
        assert ask_helper(daemon.pid, DRAFT, daemon.state_dir / "names")[0] == 0
        secret = re.search(rb"^key ED25519-V3:(\S+)$", key.read_bytes(), re.MULTILINE)[1]
        assert not in_memory(daemon.pid, secret) and not in_memory(daemon.pid, base64.b64decode(secret)[:32])
        daemon.stop()
        assert tor.control.exists() and key.exists()

    def in_memory(pid, bytes_):
        """Whether a process holds these bytes anywhere in what it can write."""
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
                place, rights, *rest = line.split()
                if not rights.startswith("rw") or rest[-1].startswith("[v"):
                    continue
                start, end = (int(part, 16) for part in place.split("-"))
                memory.seek(start)
                if bytes_ in memory.read(end - start):
                    return True
        return False

    @pytest.fixture
    def keeper(namespaces, daemons, proxy, tmp_path):
        """The process that speaks with Tor's control port, and its daemon. Nobody listens there."""
        daemon = daemons(onion=NAME, netns=namespaces(), socks=proxy.address,
                         options=["--tor-control", f"127.0.0.1:{free_port()}"])
        daemon.wait_for_line("Tor's control port at .* refused")
        return children_of(daemon)["oncilla-tor"], daemon

    def test_who_speaks_with_tor_has_no_rights_and_ends_with_the_daemon(keeper, proxy):
        pid, daemon = keeper
        assert_without_rights(pid, NOBODY)
        for path in ("/etc/hostname", daemon.state_dir, daemon.log_path):
            assert takeover.call(pid, "openat", HERE, path, os.O_RDONLY, 0) == -errno.EACCES
        for port in (int(proxy.address.rpartition(":")[2]), free_port()):
            assert connect(pid, port) == -errno.EACCES
        # What is for the daemon alone the helper does not do for it.
        for kind, *fields in ((SURVEY,), (QUEUE,), (REMOVE, daemon.directory / "control.sock"),
                              (DRAFT, daemon.state_dir / "names"), (OPEN, daemon.state_dir / "names", "read")):
            answer, texts = ask_helper(pid, kind, *fields)
            assert answer == FAILED and texts[0] == DENIED, (kind, texts)
        daemon.kill()
        wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), 5, what="the process to end")

    @pytest.mark.parametrize("call", [
        ("execve", "/bin/sh", 0, 0), ("fork",), ("bind", 0, 0, 0), ("socket", socket.AF_NETLINK, SOCK_RAW, 0),
        ("socket", socket.AF_INET, socket.SOCK_DGRAM, 0), ("kill", 1, 0), ("ptrace", 16, 1, 0, 0), ("setns", 0, 0),
        ("mmap", 0, 4096, PROT_READ_EXEC, 0x22, -1, 0)], ids=lambda call: " ".join(map(str, call[:3])))
    def test_who_speaks_with_tor_dies_at_a_forbidden_call_and_the_daemon_with_him(keeper, call):
        pid, daemon = keeper
        assert takeover.call(pid, "getpid") == pid, "a call of the list is made"
        with pytest.raises(takeover.Killed, match="SIGSYS"):
            takeover.call(pid, *call)
        assert daemon.wait_for_exit(5) == 1
        daemon.wait_for_line("error.* the process that speaks with Tor's control port has ended: start the daemon again")
