"""The command line: exact lines, exit codes, and one line for whatever is wrong."""

import json
import os
import shutil
import subprocess

import pytest

from overlay import BINARY, oncilla, onion_name, overlay_address

V3 = "657g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgyd"
PAIRS = [("7fd22jhmqgfl45j6", "fd87:d87e:eb43:f947:ad24:ec81:8abe:753e"),
         ("wq52ql3uxgcxqjon", "fd87:d87e:eb43:b43b:a82f:74b9:8578:25cd"),
         (V3, "fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03")]


def assert_wrong(result, *named, status=2):
    """One line on standard error that names what is wrong, nothing on standard output."""
    assert result.returncode == status, result
    assert result.stdout == "", result
    assert len(result.stderr.splitlines()) == 1, result
    for word in named:
        assert word in result.stderr, result


@pytest.mark.parametrize("form", [str, str.upper, lambda name: name + ".onion", lambda name: name.upper() + ".Onion"],
                         ids=["plain", "upper case", "with the domain", "mixed case"])
@pytest.mark.parametrize("name, address", PAIRS)
def test_address(name, address, form):
    result = oncilla("address", form(name))
    assert (result.returncode, result.stdout, result.stderr) == (0, address + "\n", "")


def test_an_address_of_a_name_as_it_is_pasted():
    result = oncilla("address", f" http://{V3.upper()}.onion:8060/\n")
    assert (result.returncode, result.stdout) == (0, PAIRS[2][1] + "\n"), result


def test_address_of_many_names():
    names = [onion_name(f"vector {number}") for number in range(20)]
    assert oncilla("address", *names).stdout == "".join(overlay_address(name) + "\n" for name in names)


@pytest.mark.parametrize("text", [V3 + ".onion\n", V3 + ".onion", V3.upper() + "\n"])
def test_address_of_a_hostname_file(tmp_path, text):
    (tmp_path / "hostname").write_text(text)
    result = oncilla("address", "--hostname-file", tmp_path / "hostname")
    assert (result.returncode, result.stdout) == (0, PAIRS[2][1] + "\n"), result


def test_address_of_a_hostname_file_that_is_not_there(tmp_path):
    result = oncilla("address", "--hostname-file", tmp_path / "nothing")
    assert result.returncode in (1, 2) and result.stdout == ""
    assert str(tmp_path / "nothing") in result.stderr and len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["", "x", V3[:-1], V3 + "a", "a" + V3[1:], V3[:-1] + "c", V3[:20] + "1" + V3[21:],
                                  V3 + ".com", V3 + ".onion.onion", "www." + V3 + ".onion", "7fd22jhmqgfl45j1", "é" * 16,
                                  "--", V3 + "\n" + V3])
def test_address_of_what_is_no_name(name):
    result = oncilla("address", name)
    assert result.returncode in (1, 2), result
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1, result


@pytest.mark.parametrize("name, address", PAIRS)
@pytest.mark.parametrize("form", [str, str.upper], ids=["lower", "upper"])
def test_name(name, address, form):
    result = oncilla("name", form(address))
    assert (result.returncode, result.stdout, result.stderr) == (0, name[-16:] + "\n", "")


@pytest.mark.parametrize("address", ["", "x", "::1", "fd87:d87e:eb44::1", "fd87:d87e:eb43", "127.0.0.1",
                                     "fd87::d87e::1", "fd87:d87e:eb43::1%lo", "fd87:d87e:eb43::1/129"])
def test_name_of_what_is_no_overlay_address(address):
    result = oncilla("name", address)
    assert result.returncode in (1, 2), result
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1, result


def test_version():
    result = oncilla("version")
    assert result.returncode == 0 and result.stderr == ""
    assert len(result.stdout.splitlines()) == 1
    assert result.stdout.startswith("oncilla ")


def test_help():
    result = oncilla("--help")
    assert result.returncode == 0 and result.stderr == ""
    for command in ("run", "check-config", "address", "name", "migrate", "version"):
        assert command in result.stdout


OPTIONS = ["--onion", "--hostname-file", "--peer", "--hosts", "--socks", "--listen", "--service-port", "--interface",
           "--netns", "--mtu", "--idle", "--state-dir", "--control", "--log-level", "--log"]


def test_help_of_run_names_every_option_and_its_default():
    result = oncilla("run", "--help")
    assert result.returncode == 0 and result.stderr == ""
    for word in [*OPTIONS, "127.0.0.1:9050", "127.0.0.1:8060", "8060", "oncilla0", "1500", "180", "/var/lib/oncilla"]:
        assert word in result.stdout, word
    assert max(len(line) for line in result.stdout.splitlines()) <= 120


def test_no_command_shows_the_status():
    alone, status = oncilla(), oncilla("status")
    assert (alone.returncode, alone.stderr) == (status.returncode, status.stderr)


# What names a test is the same in all processes.
NAME = onion_name("own", process=0)
PEER = onion_name("peer", process=0)
WRONG = [
    (["fly"], ["fly"]),
    (["run", "--fly"], ["--fly"]),
    (["run", "--onion"], ["--onion"]),
    (["run", "--onion", "x"], ["--onion", "x"]),
    (["run", "--onion", NAME, "--mtu", "1279"], ["--mtu", "1279", "1280"]),
    (["run", "--onion", NAME, "--mtu", "70000"], ["--mtu", "70000"]),
    (["run", "--onion", NAME, "--mtu", "many"], ["--mtu", "many"]),
    (["run", "--onion", NAME, "--mtu", "99999999999999999999"], ["--mtu"]),
    (["run", "--onion", NAME, "--idle", "-1"], ["--idle"]),
    (["run", "--onion", NAME, "--service-port", "0"], ["--service-port", "0"]),
    (["run", "--onion", NAME, "--service-port", "65536"], ["--service-port", "65536"]),
    (["run", "--onion", NAME, "--socks", "localhost"], ["--socks", "localhost"]),
    (["run", "--onion", NAME, "--socks", "127.0.0.1:0"], ["--socks"]),
    (["run", "--onion", NAME, "--socks", "[::1:9050"], ["--socks"]),
    (["run", "--onion", NAME, "--socks", "unix:"], ["--socks"]),
    (["run", "--onion", NAME, "--socks", "unix:/" + "a" * 200], ["--socks"]),
    (["run", "--onion", NAME, "--listen", "8060"], ["--listen"]),
    (["run", "--onion", NAME, "--interface", "a-name-that-is-too-long"], ["--interface"]),
    (["run", "--onion", NAME, "--interface", "a/b"], ["--interface"]),
    (["run", "--onion", NAME, "--interface", ""], ["--interface"]),
    (["run", "--onion", NAME, "--netns", "../x"], ["--netns"]),
    (["run", "--onion", NAME, "--log-level", "loud"], ["--log-level", "loud", "notice"]),
    (["run", "--onion", NAME, "--log", "journal"], ["--log", "journal", "syslog", "./FILE"]),
    (["run", "--onion", NAME, "--peer", "x"], ["--peer"]),
    (["run", "--onion", NAME, "--peer", "alice"], ["--peer", "alice=NAME"]),
    (["run", "--onion", NAME, "--peer", f"alice:{PEER}"], ["--peer", "alice=NAME"]),
    (["run", "--onion", NAME, "--peer", f"{PEER}:80"], ["--peer", "port is 80", "8060", "--service-port"]),
    (["run", "--onion", NAME, "--peer", PEER[:-7] + "a.onion"], ["--peer", "mistyped"]),
    (["run", "--onion", NAME, "--peer", f"::1/{PEER}"], ["--peer"]),
    (["run", "--onion", NAME, "--peer", f"-bad-={PEER}"], ["--peer"]),
    (["run", "--onion", NAME, "--peer", f"two words={PEER}"], ["--peer"]),
    (["run", "--onion", NAME, "--peer", f"one={PEER}", "--peer", f"one={onion_name('other', process=0)}"], ["--peer", "one"]),
    (["run", "--onion", NAME, "--mode", "ethernet"], ["--mode", "ethernet", "tun or tap"]),
    (["run", "--onion", NAME, "--no-address"], ["--no-address", "--mode tap"]),
    (["run", "--onion", NAME, "--dhcpv6"], ["--dhcpv6", "--mode tap"]),
    (["run", "--onion", NAME, "--lan-dns"], ["--lan-dns", "--mode tap"]),
    (["run", "--onion", NAME, "--onion", PEER], ["--onion", "listen=", "--linkable-identities"]),
    (["run", "--onion", NAME, "--onion", NAME], ["--onion", NAME]),
    (["run", "--onion", NAME, "--route", f"fd00::1/64,via={PEER}"], ["--route", "fd00::/64"]),
    (["run", "--onion", NAME, "--route", "fd00:1::/64"], ["--route", "via="]),
    (["run", "--onion", NAME, "--route", "fd00:1::/64,via=office"], ["--route", "office", "--peer"]),
    (["run", "--onion", NAME, "--route", f"10.20.0.0/16,via={PEER}"], ["--route", "10.20.0.0/16", "--ipv4"]),
    (["run", "--onion", NAME, "--route", f"fd87:d87e:eb43::/64,via={PEER}"], ["--route", "fd87:d87e:eb43::/48"]),
    (["run", "--onion", NAME, "--route", f"fe80::/64,via={PEER}"], ["--route", "link-local"]),
    (["run", "--onion", NAME, "--route", f"::/0,via={PEER}"], ["--route", "::/0", "Tor", "--netns"]),
    (["run", "--onion", NAME, "--route", f"2001:db8::/32,via={PEER}"], ["--route", "2001:db8::/32", "Tor", "/48"]),
    (["run", "--onion", NAME, "--socks", "[fd00:1::9]:9050", "--route", f"fd00:1::/64,via={PEER}"],
     ["--route", "[fd00:1::9]:9050", "Tor"]),
    (["run", "--onion", NAME, "--serve", "ff02::/16"], ["--serve", "multicast"]),
    (["run", "--onion", NAME, "--serve", "10.0.0.0/8"], ["--serve", "--ipv4"]),
    (["run", "--onion", NAME, "--serve", "lan"], ["--serve", "lan", "ADDRESS/LENGTH"]),
    (["run", "--onion", NAME, "--ipv4-address", "10.0.0.1/8"], ["--ipv4-address", "--ipv4"]),
    (["run", "--onion", NAME, "--ipv4", "--ipv4-address", "10.0.0.1"], ["--ipv4-address", "10.0.0.1", "A/LEN"]),
    (["run", "--onion", NAME, "something"], ["something"]),
    (["run", "--onion", NAME, "--mtu", "1500", "--mtu", "1400"], ["--mtu"]),
    (["run", "--onion", NAME, "--hostname-file", "/x"], ["--hostname-file"]),
    (["address"], []),
    (["name"], []),
    (["version", "x"], ["x"]),
]


@pytest.mark.parametrize("arguments, named", WRONG, ids=lambda value: " ".join(value)[-60:])
def test_what_is_wrong_is_named_in_one_line(arguments, named):
    assert_wrong(oncilla(*arguments), *named)


def test_control_characters_are_not_echoed():
    result = oncilla("run", "--onion", "\x1b[31mred\nsecond line")
    assert_wrong(result)
    assert "\x1b" not in result.stderr


def test_a_closed_standard_output_is_no_crash():
    process = subprocess.run(["sh", "-c", f"'{BINARY}' run --help >&-; echo $?"], capture_output=True, text=True)
    assert int(process.stdout.split()[-1]) < 128


@pytest.fixture
def ordinary(tmp_path):
    """ordinary("status") runs the binary as a user without rights, with an /etc/oncilla that everybody may read."""
    etc, state = tmp_path / "etc", tmp_path / "state"
    (etc / "oncilla/conf.d").mkdir(parents=True)
    (etc / "oncilla/oncilla.conf").write_text(f"onion = {V3}\nstate-dir = {state}\ncontrol = {tmp_path}/own.sock\n")
    (etc / "oncilla/conf.d/50-invited-bob.conf").write_text(
        "# Written by 'oncilla invite', and removed by 'oncilla revoke'.\n")
    (etc / "oncilla/closed").mkdir(mode=0o700)
    (etc / "secret").write_text(V3)
    (etc / "secret").chmod(0o600)
    state.mkdir(mode=0o700)
    binary = tmp_path / "oncilla"
    shutil.copy(BINARY, binary)
    # All of pytest's own, of which a process that shares the tests has one more.
    for directory in [tmp_path, *tmp_path.parents[:-2]]:
        os.chmod(directory, 0o755)

    def run(*arguments, first="true"):
        script = f'mount --bind {etc} /etc && ip link set lo up && {first} && exec "$@"'
        command = ["unshare", "--mount", "--net", "sh", "-c", script, "sh", "setpriv", "--reuid", "65534", "--regid",
                   "65534", "--clear-groups", "--bounding-set", "-all", "--", binary, *arguments]
        return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=10, cwd="/tmp")

    return run


@pytest.mark.parametrize("arguments", [
    ("run",), ("guard", "on"), ("guard", "off"), ("setup",), ("exec", "--", "true"), ("revoke", "bob"),
    ("join", f"oncilla1:{onion_name('bob', process=0).removesuffix('.onion')}"), ("identity", "backup", "/tmp/backup"),
    ("identity", "export", "/tmp/service"), ("-i", "closed", "check-config"), ("-i", "closed", "run"),
    ("-i", "closed", "guard", "on"), ("address", "--hostname-file", "/etc/secret")],
    ids=" ".join)
def test_a_right_that_is_missing(ordinary, arguments):
    # What is not there can be taken away by everybody.
    first = {"guard off": f"{BINARY} guard on >/dev/null",
             "revoke bob": "echo 'invited = bob=KEY' >>/etc/oncilla/conf.d/50-invited-bob.conf"}
    result = ordinary(*arguments, first=first.get(" ".join(arguments), "true"))
    assert result.returncode == 4, result
    assert len(result.stderr.splitlines()) == 1 and result.stderr.startswith("oncilla: "), result
    if arguments != ("run",):
        assert "sudo oncilla " in result.stderr, result


def test_the_doctor_of_who_may_not_read_the_configuration(ordinary):
    """It was said to be wrong, and so was what stands on it."""
    result = ordinary("-i", "closed", "doctor")
    assert result.returncode == 4 and result.stderr == "", result
    line, = (line for line in result.stdout.splitlines() if " configuration: " in line)
    assert line.startswith("skip  configuration: ") and "only root and the group oncilla may read it" in line, line
    assert "\nskip  state directory: it takes the configuration, which this user may not read\n" in result.stdout
    assert "\nok    clock: " in result.stdout or "\nnote  clock: " in result.stdout, "the rest is looked at"
    assert result.stdout.endswith(": sudo oncilla -i closed doctor\n"), result.stdout
    told = json.loads(ordinary("-i", "closed", "doctor", "--json").stdout)
    assert told["healthy"] is False


def test_advice_is_for_the_instance_that_is_meant():
    result = oncilla("-i", "nowhere", "check-config", "--config", "/dev/null")
    assert result.returncode == 5 and result.stderr.endswith("; 'oncilla -i nowhere setup' does all that\n"), result


def test_the_control_socket_is_where_the_configuration_says(ordinary, tmp_path):
    result = ordinary("status")
    assert result.returncode == 3 and f"{tmp_path}/own.sock" in result.stderr, result
    result = ordinary("status", "--control", "/nowhere.sock")
    assert result.returncode == 3 and "/nowhere.sock" in result.stderr, result


def test_who_has_not_begun_is_told_how(ordinary):
    """The service was to be started, which does nothing as long as nothing tells who this host is."""
    result = ordinary(first="rm -r /etc/oncilla && mount -t tmpfs none /run")
    assert result.returncode == 3 and result.stderr.count("\n") == 1, result
    assert "is not running" in result.stderr and result.stderr.endswith(": sudo oncilla setup\n"), result
