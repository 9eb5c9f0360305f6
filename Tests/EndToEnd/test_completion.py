"""The scripts of `oncilla completion`: every shell takes them, and they offer what the program and its daemon know."""

import os
import shlex
import subprocess
import textwrap

import pytest

from overlay import BINARY, oncilla, onion_name


@pytest.fixture
def scripts(tmp_path):
    """The script of each shell, as a file."""
    made = {}
    for shell, name in (("bash", "oncilla.bash"), ("zsh", "_oncilla"), ("fish", "oncilla.fish")):
        result = oncilla("completion", shell)
        assert result.returncode == 0 and result.stderr == ""
        made[shell] = tmp_path / name
        made[shell].write_text(result.stdout)
    return made


@pytest.fixture
def program(tmp_path):
    """A directory with an `oncilla` that asks the daemon whose socket is in the variable CONTROL, if there is one."""
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / "oncilla").write_text(
        f'#!/bin/sh\nif [ -n "$CONTROL" ]; then set -- "$@" --control "$CONTROL"; fi\nexec {shlex.quote(str(BINARY))} "$@"\n')
    (directory / "oncilla").chmod(0o755)
    return directory


def environment(program, control=""):
    return {**os.environ, "PATH": f"{program}:{os.environ['PATH']}", "CONTROL": str(control), "LC_ALL": "C.UTF-8"}


def bash(script, program, *words, control="", directory=None):
    """What bash offers for the last of these words."""
    quoted = " ".join(shlex.quote(word) for word in words)
    code = textwrap.dedent(f"""
        set -eu
        source {shlex.quote(str(script))}
        set +eu
        COMP_WORDS=({quoted})
        COMP_CWORD={len(words) - 1}
        $(complete -p oncilla | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """).replace("$(complete", "eval \"$(complete").replace("\\1/')", "\\1/')\"")
    result = subprocess.run(["bash", "--norc", "-c", code], capture_output=True, text=True, timeout=20, cwd=directory,
                            env=environment(program, control))
    assert result.returncode == 0 and result.stderr == "", result
    return [line for line in result.stdout.splitlines() if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_takes_its_script(scripts, shell):
    result = subprocess.run([shell, "-n", str(scripts[shell])], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


CASES = [
    (["oncilla", "sta"], ["status"], []),
    (["oncilla", ""], ["status", "top", "run", "completion"], ["--help"]),
    (["oncilla", "-"], ["-i", "--instance", "--help", "--version"], ["--json"]),
    (["oncilla", "status", "--j"], ["--json"], []),
    (["oncilla", "run", "--log-level", ""], ["debug", "notice"], ["status"]),
    (["oncilla", "run", "--log-level", "=", "war"], ["warning"], []),
    (["oncilla", "run", "--mtu", "1400", "--mo"], ["--mode"], []),
    (["oncilla", "run", "--listen", "127.0.0.1", ":", "8060", "--mode", "t"], ["tun", "tap"], []),
    (["oncilla", "-i", "work", "run", "--mode", ""], ["tun", "tap"], []),
    (["oncilla", "--instance", "=", "work", "guard", ""], ["on", "off", "status"], []),
    (["oncilla", "guard", "--netns", "x", "o"], ["on", "off"], ["status"]),
    (["oncilla", "completion", ""], ["bash", "zsh", "fish"], []),
    (["oncilla", "help", "bug"], ["bugreport"], []),
    (["oncilla", "peer", "re"], ["remove", "reconnect"], ["show"]),
    (["oncilla", "identity", ""], ["list", "backup", "restore", "import", "export"], []),
    (["oncilla", "run", "--log", ""], ["stderr", "syslog"], []),
]


@pytest.mark.parametrize("words, offered, withheld", CASES, ids=[" ".join(case[0]) for case in CASES])
def test_bash_offers_what_fits(scripts, program, tmp_path, words, offered, withheld):
    found = bash(scripts["bash"], program, *words, directory=tmp_path)
    for word in offered:
        assert word in found
    for word in withheld:
        assert word not in found


def test_bash_offers_files_where_a_file_is_meant(scripts, program, tmp_path):
    (tmp_path / "key of mine").write_text("")
    (tmp_path / "kept").mkdir()
    assert set(bash(scripts["bash"], program, "oncilla", "identity", "backup", "ke", directory=tmp_path)) == {"key of mine", "kept"}
    assert bash(scripts["bash"], program, "oncilla", "identity", "import", "ke", directory=tmp_path) == ["kept"]
    assert bash(scripts["bash"], program, "oncilla", "run", "--hosts", "=", "key", directory=tmp_path) == ["key of mine"]


def test_petnames_are_the_daemons_and_no_daemon_is_no_noise(scripts, program, daemons, namespaces):
    daemon = daemons(onion=onion_name("own"), netns=namespaces(), socks="127.0.0.1:9",
                     peers=[f"alice={onion_name('alice')}", f"albert={onion_name('albert')}", onion_name("nameless")])
    daemon.wait_for_interface()
    control = daemon.directory / "control.sock"
    for words in (["ping", "al"], ["peer", "show", "al"], ["wait", "--peer", "al"]):
        assert sorted(bash(scripts["bash"], program, "oncilla", *words, control=control)) == ["albert", "alice"]
        assert bash(scripts["bash"], program, "oncilla", *words, control="/nowhere") == []
    fish = subprocess.run(["fish", "--no-config", "-c", f"source {scripts['fish']}; complete -C 'oncilla ping al'"],
                          capture_output=True, text=True, timeout=20, env=environment(program, control))
    assert sorted(fish.stdout.split()) == ["albert", "alice"], fish


@pytest.mark.parametrize("line, offered", [
    ("oncilla sta", ["status"]), ("oncilla guard ", ["on", "off", "status"]), ("oncilla run --mode ", ["tun", "tap"]),
    ("oncilla -i work status --js", ["--json"]), ("oncilla peer ", ["show", "reconnect"]), ("oncilla run --mtu 1400 --mod", ["--mode"]),
])
def test_fish_offers_what_fits(scripts, program, line, offered):
    result = subprocess.run(["fish", "--no-config", "-c", f"source {scripts['fish']}; complete -C {shlex.quote(line)}"],
                            capture_output=True, text=True, timeout=20, env=environment(program))
    assert result.stderr == ""
    found = [part.split("\t")[0] for part in result.stdout.splitlines()]
    for word in offered:
        assert word in found, found


@pytest.mark.parametrize("line, offered", [
    ("oncilla sta", "oncilla status"), ("oncilla guard st", "oncilla guard status"), ("oncilla run --mode=ta", "oncilla run --mode=tap"),
    ("oncilla status --js", "oncilla status --json"), ("oncilla peer rec", "oncilla peer reconnect"),
])
def test_zsh_completes_what_fits(scripts, program, tmp_path, line, offered):
    """zsh completes at a terminal alone: zpty gives it one."""
    code = f"""
        zmodload zsh/zpty
        zpty shell 'env PS1= zsh -f -i'
        zpty -w shell 'fpath=({tmp_path} $fpath); autoload -Uz compinit; compinit -u -d {tmp_path}/dump; unsetopt beep; print READY''DONE'
        zpty -r -m shell text '*READYDONE*'
        zpty -n -w shell {shlex.quote(line)}$'\\t'
        repeat 100; do
          zpty -r -t shell part && all+=$part
          [[ $all == *{shlex.quote(offered)}* ]] && exit 0
          sleep 0.1
        done
        print -r -- "$all"
        exit 1
    """
    result = subprocess.run(["zsh", "-f", "-c", code], capture_output=True, text=True, timeout=60, env=environment(program))
    assert result.returncode == 0, result
