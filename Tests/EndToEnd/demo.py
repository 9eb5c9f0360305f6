#!/usr/bin/python3
"""What `sudo make demo` shows: two hosts on one machine reach each other through Tor, and through nothing else.

Everything is made for the occasion and gone at the end, however that comes: done, failed, ^C or SIGTERM.
"""

import contextlib
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import overlay
from private_tor import PrivateTor, PrivateTorError, suit_to_tor
from secure_shell import SecureShell

MEGABYTES = 20
NAMES = ("alice", "bob")
# Where the hosts of the demo have their things: empty directories, for this program alone.
PLACES = ("/etc/oncilla", "/var/lib/oncilla", "/run/oncilla")


class DemoError(Exception):
    """A step of the demo did not do what it should."""


class Host(overlay.Namespace):
    """A network namespace that plays a computer."""

    stem = "oncilla-demo"


class Stage:
    """Prints what is going on, and runs commands as a user would type them."""

    def __init__(self):
        self.number = 0
        self.colour = sys.stdout.isatty()

    def step(self, title):
        self.number += 1
        title = f"{self.number}. {title}"
        print(f"\n\033[1m{title}\033[0m" if self.colour else f"\n{title}", flush=True)

    def say(self, text=""):
        print(f"   {text}" if text else "", flush=True)

    def show(self, command):
        print("   $ " + shlex.join(str(word) for word in command), flush=True)

    def run(self, command, timeout=60):
        """Shows a command, runs it, shows what it printed; it must succeed. Returns what it printed."""
        self.show(command)
        command = ["setpriv", "--pdeathsig", "KILL", "--", *map(str, command)]
        try:
            result = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                timeout=timeout,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise DemoError(f"the command above did not end within {timeout} s") from None
        for line in result.stdout.splitlines():
            print(f"     {line}" if line else "", flush=True)
        if result.returncode != 0:
            raise DemoError(f"the command above failed with status {result.returncode}")
        return result.stdout


def demonstrate(stage, stack):
    binary = overlay.BINARY
    print("Oncilla's demo: alice and bob, two hosts on this machine, reach each other through Tor and nothing else.")
    print("It changes nothing on this machine that it does not undo; ^C ends it at any time.")

    stage.step("A private Tor network on 127.0.0.1, so that nothing leaves this machine (half a minute)")
    tor = stack.enter_context(PrivateTor(clients=2, services=0, say=stage.say))
    directory = pathlib.Path(tempfile.mkdtemp(prefix="oncilla-demo-"))
    stack.callback(shutil.rmtree, directory, ignore_errors=True)

    stage.step("Two hosts with no network at all: namespaces that have only what Oncilla puts into them")
    hosts = []
    for who in NAMES:
        hosts.append(stack.enter_context(Host(who)))
        stage.say(f"made the namespace {hosts[-1]}; its TCP uses {suit_to_tor(hosts[-1])}")
    alice, bob = hosts

    stage.step("Set up: Oncilla has its Tor make an onion service, whose key is the name, and the name is the address")
    stage.say("Both hosts live on this machine: `-i` keeps them apart, and `netns` puts each interface into its host.")
    daemons = []
    for who, host, client in zip(NAMES, hosts, tor.clients):
        own = pathlib.Path("/etc/oncilla") / who / "conf.d"
        own.mkdir(parents=True)
        door = "allow-in = tcp/22\n" if who == "bob" else ""
        (own / "00-demo.conf").write_text(f"netns = {host.name}\n{door}")
        stage.say(f"{who}'s door is closed but for {'SSH: allow-in = tcp/22' if door else 'pings and answers'}")
        stage.run([binary, "-i", who, "setup", "--yes", "--no-start", "--tor-control", f"unix:{client.control}",
                   "--socks", client.place])
        daemon = overlay.Daemon(label=who, start=False)
        daemon.arguments = ["-i", who, "run"]
        stack.callback(shutil.rmtree, daemon.directory, ignore_errors=True)
        stack.callback(daemon.kill)
        daemons.append(daemon)
        stage.show([binary, *daemon.arguments, "&"])
        daemon.start()
        stage.run([binary, "-i", who, "wait", "--ready", "--timeout", "90"], timeout=100)
        stage.say(f"{who} is ready: a circuit to its own onion service came back.")

    stage.step("alice invites bob: a line that fits into a chat, and the line that comes back")
    invitation = stage.run([binary, "-i", "alice", "invite", "--as", "alice"]).split()[-1]
    answer = stage.run([binary, "-i", "bob", "join", invitation]).split()[-1]
    stage.run([binary, "-i", "alice", "join", answer, "bob"])
    addresses = []
    for who in NAMES:
        shown = stage.run([binary, "-i", who, "status"])
        addresses.append(re.search(r"fd87:d87e:eb43:[0-9a-f:]+", shown).group())
    stage.run(["ip", "-n", alice, "-6", "-brief", "address", "show", "dev", "onc-alice"])

    def within(host, *command):
        return ["ip", "netns", "exec", host.name, *command]

    stage.step("alice pings bob: the first packet dials his onion service, the others find the circuit")
    began = time.monotonic()
    while not alice.can_ping(addresses[1], timeout=2):
        for daemon, who in zip(daemons, ("alice", "bob")):
            if not daemon.running:
                raise DemoError(f"{who}'s Oncilla ended with {daemon.process.returncode}:\n{daemon.log()}")
        if time.monotonic() - began > 90:
            logs = "".join(f"\n--- {daemon.log_path.name}\n{daemon.log()}" for daemon in daemons)
            raise DemoError(f"no answer in 90 s{logs}")
        time.sleep(0.2)
    stage.run(within(alice, "ping", "-6", "-n", "-c", "5", "-i", "0.3", addresses[1]))
    stage.say("And bob pings alice:")
    stage.run(within(bob, "ping", "-6", "-n", "-c", "3", "-i", "0.3", addresses[0]))

    stage.step("alice logs in on bob with ssh (a real sshd, keys made a second ago)")
    shell = stack.enter_context(SecureShell(bob, addresses[1]))
    ssh = ("-F", str(shell.client_config))
    question = "echo you came from ${SSH_CONNECTION%% *}; ip -6 -brief address show scope global"
    answer = stage.run(within(alice, "ssh", *ssh, addresses[1], question))
    if addresses[0] not in answer or addresses[1] not in answer:
        raise DemoError("the answer above should name both addresses")

    stage.step(f"alice copies a file of {MEGABYTES} MB to bob")
    source, copy = directory / "file", directory / "copy"
    stage.run(["dd", "if=/dev/urandom", f"of={source}", "bs=1M", f"count={MEGABYTES}", "status=none"])
    began = time.monotonic()
    stage.run(within(alice, "scp", "-q", *ssh, str(source), f"root@[{addresses[1]}]:{copy}"), timeout=150)
    seconds = time.monotonic() - began
    sums = stage.run(["sha256sum", source, copy]).splitlines()
    if sums[0].split()[0] != sums[1].split()[0]:
        raise DemoError("the copy differs from the file")
    size = source.stat().st_size
    megabits = size * 8 / seconds / 1e6
    stage.say(f"The copy is the same; {seconds:.1f} s, {megabits:.1f} Mbit/s over a Tor circuit of six hops.")

    stage.step("Both Oncillas are told to stop")
    for daemon, who in zip(daemons, ("alice", "bob")):
        try:
            stage.say(f"{who}'s ended after {1000 * daemon.stop():.0f} ms")
        except AssertionError as error:
            raise DemoError(str(error)) from None


FOR_REAL = """
For real, on each of two machines (README.md has it step by step):

   # apt install tor ./oncilla_*.deb        (make deb builds the package)
   # mkdir -p /etc/oncilla/conf.d
   # echo 'allow-in = tcp/22' > /etc/oncilla/conf.d/door.conf        (peers may ping and use SSH, nothing else)
   # oncilla setup

then `oncilla invite` on one of them, `oncilla join` with its line on the other, and ping -6, ssh or copy.
"""


def apart():
    """In a mount namespace of its own, whose PLACES are empty; what had to be made for that is removed at the end."""
    if "ONCILLA_DEMO" not in os.environ:
        missing = [place for place in PLACES if not os.path.isdir(place)]
        for place in missing:
            os.mkdir(place, 0o755)
        try:
            return subprocess.run(["unshare", "--mount", sys.executable, *sys.argv],
                                  env={**os.environ, "ONCILLA_DEMO": "1"}).returncode
        except KeyboardInterrupt:
            return 130
        finally:
            for place in missing:
                with contextlib.suppress(OSError):
                    os.rmdir(place)
    for place in PLACES:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "oncilla-demo", place], check=True)
    return None


def main():
    def leave(number, _):
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    # A shell starts what it puts into the background with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.geteuid() != 0:
        sys.exit("demo.py: needs root, it makes network namespaces and interfaces (sudo make demo)")
    if not os.access(overlay.BINARY, os.X_OK):
        sys.exit(f"demo.py: no binary at {overlay.BINARY}: run `make` first, or set ONCILLA")
    status = apart()
    if status is not None:
        sys.exit(status)
    status = 0
    with contextlib.ExitStack() as stack:
        try:
            overlay.delete_stale_namespaces(Host.stem)
            demonstrate(Stage(), stack)
        except KeyboardInterrupt:
            status = 130
        except SystemExit as error:
            status = error.code
        except (DemoError, PrivateTorError, AssertionError, OSError, subprocess.SubprocessError) as error:
            print(f"\nThe demo failed: {error}", file=sys.stderr)
            status = 1
        # What undoes everything must not be interrupted.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    print("\nEverything that the demo made is removed again.")
    if status == 0:
        print(FOR_REAL)
    sys.exit(status)


if __name__ == "__main__":
    main()
