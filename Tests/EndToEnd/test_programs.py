"""README's table of programs and names: what each of these takes, by each way in which a host has names."""

import os
import pathlib
import re
import subprocess

import pytest

from overlay import REPOSITORY, oncilla, onion_name, wait_until

ALICE = onion_name("pair b")
NAMES = ["alice", "alice.oncilla.internal", ALICE]
PAGE = "what alice serves"
FETCH = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).read().decode(), end='')"

# A command, and whether its result shows that it got to the address.
PROGRAMS = {
    "getent": (lambda name: ["getent", "ahosts", name], lambda result, address: address in result.stdout),
    "ping": (lambda name: ["ping", "-6", "-c1", "-W5", name], lambda result, address: result.returncode == 0),
    "ssh": (lambda name: ["ssh", "-v", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", name, "true"],
            lambda result, address: f"[{address}] port 22" in result.stderr),
    "curl": (lambda name: ["curl", "-sS", "-m", "5", f"http://{name}/"], lambda result, address: result.stdout == PAGE),
    "wget": (lambda name: ["wget", "-q", "-T", "5", "-t", "1", "-O-", f"http://{name}/"],
             lambda result, address: result.stdout == PAGE),
    "git": (lambda name: ["git", "ls-remote", f"http://{name}/nothing.git"],
            lambda result, address: "nothing.git/' not found" in result.stderr),
    "python3": (lambda name: ["python3", "-c", FETCH, f"http://{name}/"],
                lambda result, address: result.stdout == PAGE),
}


@pytest.fixture(scope="module")
def module():
    subprocess.run(["make", "-s", "-C", REPOSITORY, "nss"], check=True)
    return REPOSITORY / ".build"


@pytest.fixture
def run(pair, proxy, tmp_path, module):
    """run(way, command) runs a command on a host that has names in this way; `run.address` is alice's."""
    place = tmp_path / "run"
    place.mkdir()
    made = pair(proxy, a={"peers": [f"alice={ALICE}"],
                          "options": ["--dns", "127.0.0.1:53", "--dns", f"unix:{place}/names.sock", "--hosts-file", place / "hosts"]})
    (tmp_path / "index.html").write_text(PAGE)
    made.b.host.popen(["python3", "-m", "http.server", "--bind", "::", "--directory", tmp_path, "80"], stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL)
    page = ["curl", "-s", "-m", "2", f"http://[{made.b.address}]/"]
    wait_until(lambda: made.a.host.run(page, check=False).stdout == PAGE, 15, what="the peer's page")
    (tmp_path / "files").write_text("hosts: files\n")
    (tmp_path / "module").write_text("hosts: oncilla [NOTFOUND=return] files\n")
    for path in ("/run/oncilla", "/var/cache/oncilla"):
        pathlib.Path(path).mkdir(exist_ok=True)
    mounts = {"hosts-file": f"mount --bind {tmp_path}/files /etc/nsswitch.conf && mount --bind {place}/hosts /etc/hosts",
              "libnss-oncilla": f"mount --bind {tmp_path}/module /etc/nsswitch.conf && "
                                f"mount --bind {place} /run/oncilla && mount --bind {place} /var/cache/oncilla"}
    environment = {**os.environ, "LD_LIBRARY_PATH": str(module), "HOME": str(tmp_path), "GIT_TERMINAL_PROMPT": "0"}

    def start(way, command):
        if way == "exec":
            return oncilla("exec", "--control", made.a.directory / "control.sock", "--user", "nobody", "--", *command, timeout=20)
        return made.a.host.run(["unshare", "-m", "sh", "-c", f"{mounts[way]} && exec \"$@\"", "sh", *command], check=False,
                               env=environment)

    start.address = str(made.b.address)
    return start


@pytest.mark.parametrize("way", ["hosts-file", "libnss-oncilla", "exec"])
def test_programs_take_every_name(run, way):
    for program, (command, reaches) in PROGRAMS.items():
        for name in NAMES:
            result = run(way, command(name))
            refuses = program in ("curl", "git") and name == ALICE and libcurl() >= (8, 1)
            assert reaches(result, run.address) == (not refuses), (way, program, name, result)


def libcurl():
    text = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.search(r"libcurl/(\d+)\.(\d+)", text).groups())
