"""Learned names on disk: only if asked for, whole whatever happens, and never more than what they are."""

import base64
import hashlib
import ipaddress
import json
import pathlib
import random
import stat
import time

import pytest

from overlay import oncilla, onion_name, overlay_address, wait_until
from test_control import Control

OWN, OTHER = onion_name("remember own"), onion_name("remember another identity")
HEAD = "# identity, name, source, reached or told, expiry in seconds since 1970, check\n\n"


def check(line):
    return hashlib.sha3_256(line.encode()).hexdigest()[:8]


def kept(name, expires=3600, source="lookup", state="reached", own=OWN):
    line = f"{overlay_address(own)} {name} {source} {state} {int(time.time()) + expires}"
    return f"{line} {check(line)}\n"


def rival(name):
    """Another name of the same address, which no host has: its last ten bytes are those of `name`."""
    label = base64.b32decode(name.partition(".")[0].upper())
    for number in range(1 << 24):
        key = number.to_bytes(25, "big") + label[25:32]
        if hashlib.sha3_256(b".onion checksum" + key + b"\3").digest()[:2] == label[32:34]:
            return base64.b32encode(key + label[32:]).decode().lower() + ".onion"
    raise AssertionError("none found")


@pytest.fixture
def keeper(daemons, namespaces, tmp_path):
    """A daemon that remembers what stands in its state directory before it starts."""

    def start(text="", *options, remember="yes", state=None):
        state = state or tmp_path / "state"
        state.mkdir(mode=0o700, exist_ok=True)
        if text:
            (state / "names").write_text(HEAD + text)
        daemon = daemons(onion=OWN, socks="127.0.0.1:9", netns=namespaces(), interface="oncillar", state_dir=state,
                         options=["--remember", remember, *options])
        daemon.wait_for_interface()
        daemon.names = lambda: {entry["name"]: entry for entry in json.loads(
            oncilla("names", "--json", "--control", daemon.directory / "control.sock").stdout)["names"]}
        daemon.forget = lambda *words: oncilla("forget", *words, "--control", daemon.directory / "control.sock")
        daemon.file = state / "names"
        return daemon

    return start


def lines(file):
    """The names in the file, each line of which must be whole."""
    text = file.read_text()
    assert text.startswith(HEAD) and text.endswith("\n"), text
    for line in text.splitlines()[2:]:
        assert line.rpartition(" ")[2] == check(line.rpartition(" ")[0]), line
    return {line.split()[1]: line.split() for line in text.splitlines()[2:]}


def test_names_are_remembered_over_restarts_and_grow_old_meanwhile(keeper):
    names = [onion_name(f"remembered {number}") for number in range(6)]
    told = rival(names[1])
    damaged = kept(names[4]).replace("reached", "reachec")
    text = (kept(names[0], 1000) + kept(told) + kept(names[2], -86400, "hearsay", "told")
            + kept(names[3], -8 * 86400) + damaged + kept(onion_name("of another"), own=OTHER)
            + kept(names[5], 10 ** 9, "keepalive"))
    daemon = keeper(text, "--peer", f"bob={names[1]}")
    known = daemon.names()
    assert set(known) == {OWN, names[0], names[1], names[2], names[5]}
    assert known[names[1]]["source"] == "configuration"
    assert known[names[0]]["source"] == "lookup" and 980 < known[names[0]]["expires_seconds"] <= 1000
    assert known[names[2]]["expires_seconds"] == 0 and known[names[2]]["age_seconds"] > 86400
    # What a clock said that is set back now does not make it valid for longer than a name that comes now.
    assert 7190 < known[names[5]]["expires_seconds"] <= 7200
    assert len([line for line in daemon.log().splitlines() if "damaged" in line]) == 1

    daemon.stop()
    first = lines(daemon.file)
    assert set(first) == {names[0], names[2], names[5]}
    assert stat.S_IMODE(daemon.file.stat().st_mode) == 0o600
    assert [first[names[2]][place] for place in (2, 3)] == ["hearsay", "told"]
    daemon.start()
    daemon.wait_for_interface()
    assert 970 < daemon.names()[names[0]]["expires_seconds"] <= 1000
    daemon.stop()
    second = lines(daemon.file)
    for name, line in first.items():
        assert abs(int(line[4]) - int(second[name][4])) <= 2, "a restart does not make it younger"
    assert not (daemon.file.parent / "names.new").exists()


def test_what_is_forgotten_is_gone_from_the_disk_at_once(keeper):
    names = [onion_name(f"remembered {number}") for number in range(3)]
    daemon = keeper("".join(map(kept, names)))
    assert daemon.forget(overlay_address(names[0])).returncode == 0
    wait_until(lambda: set(lines(daemon.file)) == set(names[1:]), 3, what="the file without the name")
    assert daemon.forget("--all").returncode == 0
    wait_until(lambda: not lines(daemon.file), 3, what="the empty file")
    daemon.kill()
    assert not lines(daemon.file)


def test_a_kill_leaves_the_old_file_or_the_new_one(keeper, report):
    chance = random.Random(1)
    names = [onion_name(f"remembered {number}") for number in range(40)]
    daemon = keeper("".join(map(kept, names)))
    cut = 0
    for name in names[:30]:
        before = set(lines(daemon.file))
        assert daemon.forget(overlay_address(name)).returncode == 0
        time.sleep(chance.random() * 0.006)
        daemon.kill()
        after = set(lines(daemon.file))
        assert after in (before, before - {name})
        cut += after == before
        daemon.start()
        daemon.wait_for_interface()
        assert set(daemon.names()) == after | {OWN}
        if name in after:
            daemon.forget(overlay_address(name))
            wait_until(lambda: name not in lines(daemon.file), 3, what="the file without the name")
    report(f"{cut} of 30 kills came before the new file")


def test_what_is_not_to_be_remembered_is_not_on_disk(keeper, tmp_path):
    name = onion_name("remembered")
    daemon = keeper(kept(name), remember="no")
    assert set(daemon.names()) == {OWN} and not daemon.file.exists()
    daemon.wait_for_line("names is removed")
    daemon.stop()
    assert not list(daemon.file.parent.iterdir())


def test_reload_begins_and_ends_to_remember(daemons, namespaces, tmp_path):
    configuration, file = tmp_path / "oncilla.conf", tmp_path / "state/names"
    file.parent.mkdir(mode=0o700)
    file.write_text(HEAD + kept(onion_name("remembered")))
    configuration.write_text(f"onion = {OWN}\nremember = yes\n")
    daemon = daemons(onion=None, socks="127.0.0.1:9", netns=namespaces(), interface="oncillar",
                     state_dir=file.parent, options=["--config", configuration])
    control = ["--control", daemon.directory / "control.sock"]
    wait_until(lambda: oncilla("names", *control).returncode == 0, what="the daemon")
    configuration.write_text(f"onion = {OWN}\nremember = no\n")
    assert "remember = no" in oncilla("reload", *control).stdout
    assert not file.exists()
    configuration.write_text(f"onion = {OWN}\nremember = yes\n")
    assert "remember = yes" in oncilla("reload", *control).stdout
    daemon.stop()
    assert list(lines(file)) == [onion_name("remembered")]


def kept_places():
    usual = pathlib.Path("/var/lib/oncilla")
    return sorted((path, path.stat().st_mtime) for path in usual.rglob("*")) if usual.exists() else None


def test_without_a_state_directory_nothing_is_written(daemons, namespaces, tmp_path):
    configuration = tmp_path / "oncilla.conf"
    for line, accepted in (("remember = yes", "remember no"), ("publish = tor\ntor-control = 127.0.0.1:9", "ephemeral")):
        own = "" if "publish" in line else f"onion = {OWN}\n"
        configuration.write_text(f"{own}state-dir = none\n{line}\n")
        refused = oncilla("run", "--config", configuration, "--control", "none")
        assert refused.returncode == 5 and len(refused.stderr.splitlines()) == 1, refused
        assert "state-dir" in refused.stderr and "a directory is accepted" in refused.stderr \
            and accepted in refused.stderr, refused
    configuration.write_text(f"onion = {OWN}\nstate-dir = none\nmode = tap\ndhcpv6 = yes\nno-address = yes\n")
    before = kept_places()
    daemon = daemons(onion=None, socks="127.0.0.1:9", netns=namespaces(), interface="oncillar",
                     options=["--config", configuration], start=False)
    place = daemon.arguments.index("--state-dir")
    del daemon.arguments[place:place + 2]
    daemon.start()
    wait_until(lambda: oncilla("status", "--control", daemon.directory / "control.sock").returncode == 0,
               what="the daemon")
    daemon.stop()
    assert kept_places() == before and not pathlib.Path("none").exists()
    assert sorted(path.name for path in daemon.directory.iterdir()) == [daemon.log_path.name]
    assert "cannot be" not in daemon.log() and "nothing can be kept" not in daemon.log()
    assert oncilla("identity", "backup", tmp_path / "backup", "--control", "none").returncode != 0


def test_every_name_is_shown_however_many_there_are(keeper, report):
    """Two thousand of each identity were, those that a hash happened to give."""
    own = overlay_address(OWN)
    sources = ("keepalive", "lookup", "hearsay")
    names = {onion_name(f"crowd {number}"): sources[number % 3] for number in range(5_300)}
    daemon = keeper("".join(kept(name, source=source) for name, source in names.items()))
    control = ["--control", daemon.directory / "control.sock"]
    wait_until(lambda: len(daemon.names()) == len(names) + 1, 10, what="the names")
    shown = json.loads(oncilla("names", "--json", *control).stdout)
    assert shown["names_total"] == len(names) + 1 and shown["names_omitted"] == 0 and shown["conflicts"] == 0
    assert shown["names"][0]["name"] == OWN
    order = [(sources.index(entry["source"]), ipaddress.ip_address(entry["address"])) for entry in shown["names"][1:]]
    assert order == sorted(order)
    assert {entry["name"]: entry["source"] for entry in shown["names"][1:]} == names
    text = oncilla("names", *control).stdout.splitlines()
    assert text[0].split() == ["ADDRESS", "NAME", "SOURCE", "AGE", "EXPIRES", "IN"] and text[-1] == "5301 names"
    assert [line.split()[1] for line in text[1:-1]] == [entry["name"] for entry in shown["names"]]
    assert {line.index(".onion") for line in text[1:-1]} == {text[1].index(".onion")}, "the columns go on below each other"
    # Each reply is far from the longest line of the socket, and what is not the place of a name is refused.
    rest, longest, count = {}, 0, 0
    with Control(daemon) as client:
        while rest is not None:
            answer = client.ask("names", **rest)
            longest, count = max(longest, len(json.dumps(answer))), count + len(answer["result"]["names"])
            rest = {"after": answer["result"]["next"]} if answer["result"]["next"] else None
        for wrong, code in (("x", "bad_argument"), (f"{overlay_address(OTHER)} lookup {own}", "not_found")):
            assert client.ask("names", after=wrong)["error"]["code"] == code
    assert count == len(names) + 1 and longest < 1 << 18
    report(f"the longest reply has {longest} bytes")


def test_a_hundred_thousand_names_take_little_memory(keeper, tmp_path, report):
    count = 100_000
    few = keeper("", "--names", count)
    text = []
    own, until = overlay_address(OWN), int(time.time()) + 3600
    for number in range(count * 4 // 5):
        key = hashlib.sha256(f"crowd {number}".encode()).digest()
        digest = hashlib.sha3_256(b".onion checksum" + key + b"\3").digest()[:2]
        name = base64.b32encode(key + digest + b"\3").decode().lower() + ".onion"
        line = f"{own} {name} keepalive reached {until}"
        text.append(f"{line} {check(line)}\n")
    daemon = keeper("".join(text), "--names", count, state=tmp_path / "full")
    # The interface is up before the names are read, and the control socket answers after that.
    found = ["resolve", overlay_address(name), "--control", daemon.directory / "control.sock"]
    wait_until(lambda: oncilla(*found).returncode == 0, 10, what="the names")
    each = (daemon.anonymous_memory() - few.anonymous_memory()) / len(text)
    report(f"{each:.0f} bytes a name, at most {daemon.peak_rss() >> 20} MiB while they are read")
    started = time.monotonic()
    daemon.stop(within=5)
    report(f"written at the end in {time.monotonic() - started:.2f} s")
    assert len(lines(daemon.file)) == len(text)
    assert each <= 160
