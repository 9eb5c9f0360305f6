"""`oncilla top` on a terminal: what it shows, its keys, its sizes, and a daemon that goes away and comes back."""

import json
import re
import subprocess
import xml.etree.ElementTree

import pytest

from overlay import BINARY, onion_name, oncilla
from svg import picture
from terminal import Screen, Terminal

PEERS = [f"friend{number}={onion_name(f'top {number}')}" for number in range(30)]


@pytest.fixture
def watched(daemons, namespaces):
    """A daemon with 30 peers that are not reached, and the path of its control socket."""
    host = namespaces()
    daemon = daemons(onion=onion_name("top"), netns=host, socks="127.0.0.1:9", peers=PEERS)
    daemon.wait_for_interface()
    return daemon


def control(daemon):
    return ["--control", str(daemon.directory / "control.sock")]


def top(daemon, *arguments, **options):
    return Terminal([BINARY, "top", *control(daemon), *arguments], **options)


def test_it_shows_peers_and_takes_keys(watched):
    with top(watched) as terminal:
        terminal.wait_for(r"^waiting for Tor|^Tor|^interface")
        terminal.wait_for(r"^30 peers, 0 up; in 0 B/s")
        terminal.wait_for(r"^PEER +STATE +RTT")
        terminal.wait_for(r"^friend0 ")
        terminal.wait_for(r"^1-20 of 30 +q quit")
        assert len(terminal.screen.lines) == 24
        terminal.press("\x1b[6~")
        terminal.wait_for(r"^11-30 of 30")
        terminal.press(">")
        terminal.wait_for("sort: STATE")
        terminal.press("r")
        terminal.wait_for("sort: STATE, reversed")
        terminal.press("p")
        terminal.wait_for("PAUSED")
        terminal.press("h")
        terminal.wait_for("the greatest that can be seen of this peer")
        terminal.press("h")
        terminal.wait_for("^friend")
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.screen.unknown == []


@pytest.mark.parametrize("rows, columns", [(24, 80), (10, 40), (3, 20), (1, 10), (50, 200)])
def test_it_fits_every_screen(watched, rows, columns):
    with top(watched, rows=rows, columns=columns) as terminal:
        terminal.wait_for(r"\w")
        terminal.resize(30, 100)
        terminal.wait_for(r"^1-26 of 30")
        terminal.resize(rows, columns)
        terminal.wait_for(r"\w")
        terminal.press("\x03")
        assert terminal.wait() == 0


def test_a_daemon_that_goes_is_told_and_one_that_comes_back_is_found(watched):
    with top(watched) as terminal:
        terminal.wait_for(r"^friend0 ")
        watched.stop()
        terminal.wait_for("^trying again: .*not running|^trying again: .*closed")
        terminal.wait_for(r"^friend0 ")
        watched.start()
        terminal.wait_for(r"^30 peers", timeout=20)
        terminal.press("q")
        assert terminal.wait() == 0


def test_colours_unless_they_are_unwanted_and_ascii_where_the_locale_says_so(watched):
    with top(watched) as terminal:
        terminal.wait_for(r"^friend0 ")
        assert re.search(rb"\x1b\[[\d;]*3[1-3]", terminal.raw)
        assert terminal.text.isascii() or "…" in terminal.text
    with top(watched, environment={"NO_COLOR": "1", "LC_ALL": "C"}) as terminal:
        terminal.wait_for(r"^friend0 ")
        assert not re.search(rb"\x1b\[(\d+;)*3[1-7]m", terminal.raw)
        assert all(byte < 0x80 for byte in terminal.raw)


def test_without_a_terminal_it_prints_one_table(watched):
    result = oncilla("top", *control(watched))
    assert result.returncode == 0 and result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[1].startswith("30 peers, 0 up") and lines[3].startswith("PEER") and len(lines) == 34
    assert "\x1b" not in result.stdout
    assert oncilla("top", "--once", *control(watched)).returncode == 0
    told = json.loads(oncilla("top", "--json", *control(watched)).stdout)
    assert told["schema"] == 1 and len(told["peers"]) == 30 and told["peers"][0]["received_bytes_per_second"] == 0


def test_no_daemon_and_no_terminal_it_knows(watched, tmp_path):
    result = oncilla("top", "--control", tmp_path / "nothing")
    assert result.returncode == 3 and len(result.stderr.splitlines()) == 1
    with top(watched, environment={"TERM": "no-such-terminal"}) as terminal:
        assert terminal.wait() == 1
        assert b"ncurses does not know the terminal 'no-such-terminal'" in terminal.raw


def test_the_terminal_is_given_back_as_it_was(watched):
    with top(watched) as terminal:
        terminal.wait_for(r"^friend0 ")
        terminal.press("q")
        assert terminal.wait() == 0
        assert b"\x1b[?1049h" in terminal.raw and terminal.raw.rindex(b"\x1b[?1049l") > terminal.raw.index(b"\x1b[?1049h")


def test_the_daemon_does_not_load_what_top_needs(watched):
    maps = open(f"/proc/{watched.pid}/maps").read()
    assert "ncurses" not in maps and "libtinfo" not in maps
    needed = subprocess.run(["readelf", "-d", BINARY], capture_output=True, text=True, check=True).stdout
    assert "ncurses" not in needed and "libtinfo" not in needed


def test_a_daemon_hardly_notices_that_it_is_watched(watched, report):
    before = watched.cpu_seconds()
    with top(watched) as terminal:
        terminal.wait_for(r"^friend0 ")
        for _ in range(60):
            terminal.read(0.1)
        report(f"a daemon that is watched for 6 s used {(watched.cpu_seconds() - before) * 1000:.0f} ms of a processor")
    assert watched.cpu_seconds() - before < 1


def test_a_screen_becomes_a_picture():
    screen = Screen(3, 20)
    screen.feed(b"\x1b[1;32mready & <up>\x1b[0m\r\n\x1b[7mPEER\x1b[27m  \xe2\x96\x88\r\n\x1b[31mgone")
    root = xml.etree.ElementTree.fromstring(picture([screen.cells]))
    texts = {element.text: element.attrib for element in root if element.tag.endswith("text")}
    assert list(texts) == ["ready & <up>", "PEER", "\u2588", "gone"]
    assert texts["ready & <up>"]["font-weight"] == "bold"
    assert texts["gone"]["fill"] != texts["ready & <up>"]["fill"] != texts["PEER"]["fill"]
