"""`oncilla exec`: a program in the namespace of a daemon, as a user who has no right of root."""

import os
import pathlib
import subprocess

import pytest

from overlay import BINARY, PREFIX, oncilla, onion_name, wait_until


@pytest.fixture
def daemon(daemons, namespaces):
    daemon = daemons(onion=onion_name("exec"), netns=namespaces(), socks="127.0.0.1:9")
    daemon.wait_for_interface()
    return daemon


def run(daemon, *command, options=("--user", "nobody"), sudo_user=None, **more):
    environment = {**os.environ, "MAIL": "/var/mail/root"}
    if sudo_user is not None:
        environment |= {"SUDO_USER": sudo_user, "SUDO_UID": "0", "SUDO_COMMAND": "x"}
    return oncilla("exec", "--control", daemon.directory / "control.sock", *options, "--", *command, env=environment, **more)


def test_it_sees_the_overlay_and_nothing_else(daemon):
    links = run(daemon, "ip", "-br", "link").stdout.split("\n")
    assert sorted(line.split()[0] for line in links if line) == ["lo", "oncilla0"]
    assert sorted(run(daemon, "ls", "/sys/class/net").stdout.split()) == ["lo", "oncilla0"]
    routes = run(daemon, "ip", "-6", "route").stdout
    assert str(PREFIX) in routes and "default" not in routes
    assert run(daemon, "ip", "-4", "route").stdout == ""


def test_it_is_the_user_and_no_more(daemon):
    result = run(daemon, "sh", "-c", "id -u; id -g; id -G; echo $HOME $USER $LOGNAME; env; grep -E 'Cap(Eff|Prm|Amb)|NoNewPrivs' /proc/self/status")
    lines = result.stdout.splitlines()
    assert lines[:4] == ["65534", "65534", "65534", "/nonexistent nobody nobody"], result
    assert not any(line.startswith(("SUDO_", "MAIL=")) for line in lines)
    rights = {line.split()[0]: line.split()[1] for line in lines if line.startswith(("Cap", "NoNew"))}
    assert rights == {"CapEff:": "0" * 16, "CapPrm:": "0" * 16, "CapAmb:": "0" * 16, "NoNewPrivs:": "0"}


def test_it_is_who_called_sudo_with_the_groups_of_that_user(daemon):
    result = run(daemon, "id", "-un", options=(), sudo_user="daemon")
    assert result.stdout == "daemon\n", result
    members = {}
    for line in pathlib.Path("/etc/group").read_text().splitlines():
        _, _, number, names = line.split(":")
        for name in names.split(","):
            members.setdefault(name, set()).add(int(number))
    users = {line.split(":")[0]: int(line.split(":")[3]) for line in pathlib.Path("/etc/passwd").read_text().splitlines()}
    for name in ["daemon", *[name for name in members if name in users][:3]]:
        groups = {int(number) for number in run(daemon, "id", "-G", options=(), sudo_user=name).stdout.split()}
        assert groups == members.get(name, set()) | {users[name]}, name


def test_ping_works(daemon):
    result = run(daemon, "ping", "-6", "-c", "1", "-W", "3", "fd87:d87e:eb43::dead:beef")
    assert result.returncode == 0, result


@pytest.mark.parametrize("command, status", [
    (["true"], 0), (["sh", "-c", "exit 7"], 7), (["no-such-program"], 127), (["/no/such/program"], 127), (["/etc"], 126),
    (["/etc/passwd"], 126),
])
def test_the_exit_status_is_the_programs(daemon, command, status):
    result = run(daemon, *command)
    assert result.returncode == status, result
    assert len(result.stderr.splitlines()) == (1 if status in (126, 127) else 0)


def test_the_programs_options_are_its_own_and_a_pipe_that_closes_ends_it(daemon):
    control = ["--control", daemon.directory / "control.sock", "--user", "nobody"]
    assert oncilla("exec", *control, "echo", "-i", "--help", "--user", "x").stdout == "-i --help --user x\n"
    process = subprocess.Popen([BINARY, "exec", *map(str, control), "--", "yes"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.wait(timeout=10) == -13 and process.stderr.read() == b""


def mounts():
    """What is mounted here, but for the namespaces of tests that run beside this one."""
    lines = pathlib.Path("/proc/self/mounts").read_text().splitlines()
    return [line for line in lines if " /run/netns/oncilla-test-" not in line]


def test_its_mounts_are_its_own(daemon):
    before = mounts()
    assert run(daemon, "true", options=("--user", "root")).returncode == 0
    assert run(daemon, "mount", "-t", "tmpfs", "x", "/mnt", options=("--user", "root")).returncode == 0
    assert mounts() == before


@pytest.fixture
def etc(tmp_path):
    """A copy of /etc, which the programs of `hosted` have in its place, and a host that has it rewritten there."""
    copy = tmp_path / "etc"
    subprocess.run(["cp", "-a", "/etc", copy], check=True)
    (copy / "resolv.conf").unlink(missing_ok=True)
    (copy / "resolv.conf").write_text("nameserver 192.0.2.1\n")
    lines = [line for line in (copy / "nsswitch.conf").read_text().splitlines() if not line.startswith("hosts:")]
    (copy / "nsswitch.conf").write_text("\n".join([*lines, "hosts: files resolve [!UNAVAIL=return] dns", ""]))
    return copy


def rewrite(path):
    new = path.with_name("new")
    new.write_text(path.read_text())
    new.rename(path)


@pytest.mark.parametrize("dns, services", [("127.0.0.1:53", "files dns"), (None, "files oncilla [NOTFOUND=return] dns")])
def test_no_program_of_the_host_is_asked_about_names_also_when_the_host_changes_its_files(daemons, namespaces, etc, dns, services):
    daemon = daemons(onion=onion_name("exec"), netns=namespaces(), socks="127.0.0.1:9", options=["--dns", dns] if dns else [])
    daemon.wait_for_interface()
    show = "cat /etc/resolv.conf /etc/nsswitch.conf; ls -A /run/nscd 2>/dev/null; stat -c %a /etc"
    program = f"{show}; echo .; read line; {show}; touch /etc/x"
    command = [BINARY, "exec", "--control", daemon.directory / "control.sock", "--user", "root", "--", "sh", "-c", program]
    process = subprocess.Popen(
        ["unshare", "-m", "sh", "-c", f"mount --bind {etc} /etc && mkdir -p /run/nscd && mount -t tmpfs x /run/nscd && touch /run/nscd/socket && exec \"$@\"", "x",
         *map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    before = []
    while (line := process.stdout.readline()) not in (".\n", ""):
        before.append(line)
    for name in ("resolv.conf", "nsswitch.conf"):
        rewrite(etc / name)
    after, errors = process.communicate("\n", timeout=10)
    assert "".join(before) == after and "socket" not in after, (before, after, errors)
    assert [line for line in before if line.startswith("hosts:")] == [f"hosts: {services}\n"]
    assert f"nameserver {'127.0.0.1' if dns else '192.0.2.1'}\n" in before
    assert before[-1] == "755\n" and "Read-only" in errors and not (etc / "x").exists()


def test_what_is_missing_is_told(daemon, daemons, namespaces, tmp_path):
    result = run(daemon, "true", options=())
    assert result.returncode == 2 and "--user" in result.stderr, result
    result = run(daemon, "true", options=(), sudo_user="root")
    assert result.returncode == 2 and "--user" in result.stderr, result
    result = run(daemon, "true", options=(), sudo_user="who-is-this")
    assert result.returncode == 1 and "who-is-this" in result.stderr and "/etc/passwd" in result.stderr
    assert run(daemon, "true", options=("--user", "who-is-this")).returncode == 2
    assert oncilla("exec").returncode == 2
    assert oncilla("exec", "--user", "nobody", "--control", tmp_path / "nothing", "--", "true").returncode == 3
    host = namespaces("plain")
    plain = daemons(onion=onion_name("plain"), within=host, socks="127.0.0.1:9")
    wait_until(lambda: (plain.directory / "control.sock").exists())
    result = run(plain, "true")
    assert result.returncode == 1 and "--netns" in result.stderr, result


def test_who_is_not_root_is_told_to_use_sudo(daemon, tmp_path):
    # The directories on the way to the binary need not be open to nobody.
    copy = tmp_path / "oncilla"
    copy.write_bytes(pathlib.Path(BINARY).read_bytes())
    copy.chmod(0o755)
    for parent in [tmp_path, *tmp_path.parents][:-2]:
        parent.chmod(parent.stat().st_mode | 0o011)
    result = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copy, "exec", "--", "id", "-u"],
                            capture_output=True, text=True)
    assert result.returncode == 4 and "sudo oncilla exec -- id -u" in result.stderr, result
