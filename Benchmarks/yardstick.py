"""What the measuring programs share: the relay that stands in for Tor, iperf3, ping under load, and the table."""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Tests/EndToEnd"))

import overlay  # noqa: E402

# The machine's default may be BBR, which takes a short queue for a slow link and hides what the queue does.
CONTROL = "cubic"
IPERF_PORT = 5201


class Relay:
    """relay.c, compiled and running: with Relay({name: port}, rate=1_000_000) as relay: relay.address

    targets   {name: port of 127.0.0.1}; the name "*" stands for all others
    rate      bytes per second of one direction of one stream; None: as fast as it goes
    delay     seconds before a stream is granted
    """

    def __init__(self, targets, rate=None, delay=0.0):
        self.directory = tempfile.mkdtemp(prefix="oncilla-relay-")
        port = overlay.free_port()
        self.address = f"127.0.0.1:{port}"
        try:
            program = compiled("relay.c", self.directory, "-pthread")
            options = ["-d", str(round(1000 * delay))] + (["-r", str(round(rate))] if rate else [])
            mappings = [f"{name}={target}" for name, target in targets.items()]
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", program, *options, str(port), *mappings],
                stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            if self.process.stdout.readline().strip() != "listening":
                raise RuntimeError("the relay did not start")
        except BaseException:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def compiled(source, directory, *options):
    """The path of the program (or library) made from a C file of this folder."""
    product = os.path.join(directory, pathlib.Path(source).stem)
    command = [os.environ.get("CC", "cc"), "-O2", "-Wall", "-Wextra", "-o", product, str(HERE / source), *options]
    subprocess.run(command, check=True)
    return product


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid):
    """Bytes."""
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def daemon_knows(option):
    """Whether the binary under test has an option of `run`; older and newer ones can be compared."""
    return option in overlay.oncilla("run", "--help").stdout


def rules_of_door(*rules):
    """What --allow-in lets in, if the binary has a door: everything, unless it is told otherwise."""
    return (rules or ("any",)) if daemon_knows("--allow-in") else ()


class Pair:
    """Two namespaces and a daemon for each, in contact. `hosts`, `daemons`, `addresses`.

    names, listens, socks   an onion name, a listening port and the SOCKS address for each
    first                   more arguments of the first host's daemon
    allow_in                rules of both doors
    """

    def __init__(self, names, listens, socks, options=(), first=None, environments=({}, {}), patience=20,
                 allow_in=()):
        self.addresses = [overlay.overlay_address(name) for name in names]
        self.hosts, self.daemons = [], []
        try:
            for own, more in enumerate((first or {}, {})):
                self.hosts.append(overlay.Namespace("ab"[own]))
                daemon = overlay.Daemon(
                    onion=names[own], peers=[names[1 - own]], netns=self.hosts[own], socks=socks[own],
                    listen=[f"127.0.0.1:{listens[own]}"], options=options, allow_in=rules_of_door(*allow_in),
                    log_level="notice", start=False, **more,
                )  # fmt: skip
                daemon.environment = environments[own]
                self.daemons.append(daemon.start())
            for daemon in self.daemons:
                daemon.wait_for_interface()
            reached = lambda: self.hosts[0].can_ping(self.addresses[1], 3)  # noqa: E731
            overlay.wait_until(reached, patience, what="the daemons to reach each other")
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        for daemon in self.daemons:
            daemon.kill()
            shutil.rmtree(daemon.directory, ignore_errors=True)
        for host in self.hosts:
            host.delete()

    def cpu_seconds(self):
        return sum(cpu_seconds(daemon.pid) for daemon in self.daemons)

    def resident(self):
        return max(resident(daemon.pid) for daemon in self.daemons)


class Relayed:
    """Has a pair reach each other through a relay."""

    def __init__(self, rate=None, relay_targets=None, **arguments):
        names = [overlay.onion_name(f"yardstick {side}") for side in "ab"]
        listens = [overlay.free_port() for _ in names]
        self.relay = Relay({**dict(zip(names, listens)), **(relay_targets or {})}, rate)
        super().__init__(names, listens, [self.relay.address] * 2, **arguments)

    def stop(self):
        super().stop()
        self.relay.stop()


class OncillaPair(Relayed, Pair):
    """Two daemons that reach each other through a relay."""


class Flows:
    """TCP flows from one namespace to another, running until `finish()`.

    flows = Flows(a, b, address, seconds=5, count=8)
    …
    flows.finish().megabits
    """

    def __init__(self, source, destination, address, seconds, count=1, arguments=()):
        self.seconds = seconds
        self.server = destination.popen(
            ["iperf3", "-s", "-1", "-p", IPERF_PORT, "--forceflush"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip
        for line in self.server.stdout:
            if "listening" in line:
                break
        control = [] if "-u" in arguments else ["-C", CONTROL]
        self.client = source.popen(
            ["iperf3", "-c", address, "-p", IPERF_PORT, "-t", seconds, "-P", count, "-J", *control, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def finish(self):
        """Waits for the end; `megabits` is the goodput that the receiver saw, in Mbit/s."""
        try:
            output, errors = self.client.communicate(timeout=self.seconds + 60)
            found = json.loads(output)
            if "error" in found:
                raise RuntimeError(f"iperf3: {found['error']}")
            total = found["end"]["sum_received"]
        except (ValueError, KeyError):
            raise RuntimeError(f"iperf3 said nothing useful: {output}{errors}") from None
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"iperf3 does not end: {self.seconds} s were over a minute ago") from None
        finally:
            self.stop()
        self.bytes = total["bytes"]
        self.megabits = total["bits_per_second"] / 1e6
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        for process in (self.client, self.server):
            process.kill()
            process.wait()
            process.stdout.close()


def throughput(source, destination, address, seconds, count=1):
    """Mbit/s that the receiver saw."""
    return Flows(source, destination, address, seconds, count).finish().megabits


def round_trips(host, address, count, interval):
    """Milliseconds of the echo requests that were answered; raises when more than a tenth was not."""
    ping = host.ping(address, count=count, interval=interval, timeout=20)
    if ping.received < 0.9 * count:
        raise RuntimeError(f"{ping.received} of {count} echo requests were answered")
    return ping.milliseconds


def beside_load(pair, seconds, count=8, settle=3):
    """(milliseconds of pings, Mbit/s) while `count` flows keep a slow path busy; the first seconds are not counted."""
    flows = Flows(*pair.hosts, pair.addresses[1], settle + seconds, count)
    try:
        flows.client.wait(settle)
    except subprocess.TimeoutExpired:
        milliseconds = round_trips(pair.hosts[0], pair.addresses[1], max(10, round(10 * seconds) - 10), 0.1)
        return milliseconds, flows.finish().megabits
    raise RuntimeError(f"the flows ended early: {flows.client.stdout.read()}")


class Figures:
    """Medians of what was measured, by contender and column; None for a round that failed."""

    def __init__(self):
        self._measured = {}

    def add(self, contender, **columns):
        for column, value in columns.items():
            self._measured.setdefault((contender, column), []).append(value)

    def fill(self, contender, rounds):
        """What a contender has not been measured for in so many rounds is None, so that its rounds stand beside others'."""
        for column in {column for _, column in self._measured}:
            measured = self._measured.setdefault((contender, column), [])
            measured += [None] * (rounds - len(measured))

    def values(self, contender, column):
        return [value for value in self._measured.get((contender, column), []) if value is not None]

    def median(self, contender, column):
        values = self.values(contender, column)
        return statistics.median(values) if values else None

    def table(self, columns):
        """Aligned lines; `columns` are (key, heading, format)."""
        contenders = list(dict.fromkeys(contender for contender, _ in self._measured))
        rows = [["", *(heading for _, heading, _ in columns)]]
        for contender in contenders:
            cells = [self.median(contender, key) for key, _, _ in columns]
            title = contender if isinstance(contender, str) else ", ".join(contender)
            rows.append([title, *(
                "-" if value is None else format(value, form) for value, (_, _, form) in zip(cells, columns))])
        return aligned(rows)

    def ratio(self, column, contender, reference):
        """The median of each round's ratio: rounds differ more than neighbours within one."""
        ratios = self._ratios(column, contender, reference)
        return statistics.median(ratios) if ratios else None

    def spread(self, column, contender, reference):
        """The smallest and the greatest of these ratios."""
        ratios = self._ratios(column, contender, reference)
        return (min(ratios), max(ratios)) if ratios else None

    def _ratios(self, column, contender, reference):
        pairs = zip(self._measured.get((contender, column), []), self._measured.get((reference, column), []))
        return [ours / theirs for ours, theirs in pairs if ours and theirs]


def aligned(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join([row[0].ljust(widths[0]), *cells]).rstrip())
    return "\n".join(lines)


def note(text):
    """Progress, beside the result."""
    print(text, file=sys.stderr, flush=True)


def need(*programs):
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        sys.exit(f"missing: {' '.join(missing)}")
    if os.geteuid() != 0:
        sys.exit("this makes network namespaces and interfaces and needs root: use sudo")
    if not os.access(overlay.BINARY, os.X_OK):
        sys.exit(f"no binary to measure at {overlay.BINARY}: run `make` first, or set ONCILLA")
    overlay.delete_stale_namespaces()
