"""A SOCKS4a proxy that plays Tor, and Tor's bad days; asked by SOCKS5, it tells why it refuses, or lets a lookup
service answer.

    daemon A --SOCKS4a--> FakeSocks --TCP--> listener that the name is mapped to

Per name, and at any moment, it can delay the reply, refuse, never answer, answer garbage, close, cut, dribble, merge and
limit the rate (`Behaviour`), and lay circuits that differ in rate, delay and pauses (`lay`). It writes down every request.
"""

import contextlib
import dataclasses
import os
import socket
import struct
import threading
import time

from overlay import free_port, reset_when_closed, wait_until
from slow_circuit import SlowCircuit, limit_receiving

GRANTED = b"\x00\x5a" + bytes(6)
REFUSED = b"\x00\x5b" + bytes(6)


@dataclasses.dataclass
class Behaviour:
    reply_delay: float = 0.0  # seconds before the reply
    reply: bytes | None = GRANTED  # bytes may follow the grant; None: never answers, and keeps the connection open
    close_after_reply: bool = False
    reply_chunk: int | None = None  # bytes per write of the reply
    cut_after: int | None = None  # bytes from the dialler that are passed on before both sides are closed
    chunk: int | None = None  # bytes per write towards the target; 1 dribbles
    merge: float = 0.0  # seconds during which bytes are collected before they are passed on together
    rate: float | None = None  # bytes per second towards the target
    stall: bool = False  # grants, and then reads nothing
    patience: float = 1.0  # seconds during which it tries to reach the service, as Tor does, before it refuses


@dataclasses.dataclass(frozen=True)
class Request:
    raw: bytes
    port: int
    address: bytes
    userid: bytes
    name: str
    time: float


class FakeSocks:
    """with FakeSocks() as proxy: proxy.connect(name, port); Daemon(socks=proxy.address, …)

    `address` is what --socks takes: `127.0.0.1:port` unless another host, or `unix:/path`, is given. `record`, a
    WireRecord, is shown every byte that is passed on.
    """

    def __init__(self, address=None, host="127.0.0.1", start=True, record=None):
        if address is None:
            port = free_port(host)
            address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.address = address
        self.requests = []
        self.questions = []  # the names that SOCKS5 was asked for
        self.reasons = {}  # the code of SOCKS5 for a name, instead of 4 (not known) or 1 (nobody listens there)
        self.lookups = []  # the names of lookup services that it was asked for
        self.record = record
        self.default = Behaviour()
        self._targets = {}
        self._lookup_targets = {}
        self._places = {}
        self._behaviours = {}
        self._paths = {}
        self._laid = {}
        self._room = None
        self._lock = threading.Lock()
        self._live = []
        self._swallowed = []
        self._own = set()  # the userids of circuits that daemons dialled to themselves
        self.standing_at_grants = {}  # to each name, how many circuits stood when each was granted
        self._listener = None
        self._goes = threading.Event()
        self._goes.set()
        if start:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Listens (again) on its address."""
        if self.address.startswith("unix:"):
            path = self.address.removeprefix("unix:")
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
        else:
            host, port = self.address.rsplit(":", 1)
            host = host.strip("[]")
            listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, int(port)))
        limit_receiving(listener, self._room)
        listener.listen(128)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def stop(self):
        """Stops listening and cuts everything, as a Tor that is killed does."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    @contextlib.contextmanager
    def standstill(self):
        """In the block it does nothing, as a process that is stopped: connections are made, and bytes taken, by the kernel
        alone."""
        self._goes.clear()
        try:
            yield
        finally:
            self._goes.set()

    def connect(self, name, target, within=None):
        """Circuits to `name` go to a port on 127.0.0.1, or to an (address, port) pair, in a Namespace if one is given;
        None refuses from now on."""
        self._targets[name] = ("127.0.0.1", target) if isinstance(target, int) else target
        self._places[name] = within

    def serve_lookup(self, name, port):
        """Questions to the lookup service of this name go to a port on 127.0.0.1; None: there is no such service."""
        self._lookup_targets[name] = port

    def behave(self, name, **changes):
        """New circuits to `name` behave so; what is not named is normal again."""
        self._behaviours[name] = Behaviour(**changes)

    def lay(self, name, paths):
        """The n-th circuit to `name` that is granted from now on is as the n-th Path says, and after the last of them the
        first comes again; None: as fast as they go. What all may hold in the kernel is the greatest room of a path."""
        self._paths[name] = list(paths or [])
        self._laid[name] = []
        for path in self._paths[name]:
            self._room = max(self._room or 0, path.bytes_of_room)
        if self._listener is not None:
            limit_receiving(self._listener, self._room)

    def laid(self, name):
        """The SlowCircuits to `name` so far, in the order in which they were granted."""
        return list(self._laid.get(name, []))

    def cut(self, name=None, reset=False):
        """Closes the standing circuits (to `name`), with a TCP reset if asked for; returns how many."""
        with self._lock:
            chosen = [entry for entry in self._live if name in (None, entry[0])]
            self._live = [entry for entry in self._live if entry not in chosen]
        for entry in chosen:
            _close_both(entry, reset)
        return len(chosen)

    def swallow(self, name=None):
        """The standing circuits (to `name`) deliver nothing from now on, and tell the dialler nothing of the other end, as
        when that has lost its power; returns how many."""
        with self._lock:
            chosen = [entry for entry in self._live if name in (None, entry[0]) and len(entry) == 3]
            self._swallowed += chosen
        return len(chosen)

    def dials(self, name=None, but=()):
        """The requests so far (to `name`), but those to the names of `but`. Those by which a daemon found out that its own
        service leads back to it are left out: `loops`."""
        return [request for request in list(self.requests)
                if name in (None, request.name) and request.name not in but and request.userid not in self._own]

    def loops(self, name):
        """The requests by which the daemon with this name found its own service."""
        return [request for request in list(self.requests) if request.name == name and request.userid in self._own]

    def wait_for_dials(self, name, count=1, timeout=5):
        wait_until(lambda: len(self.dials(name)) >= count, timeout, what=f"dial {count} to {name[:16]}…")
        return self.dials(name)

    def standing(self, name=None):
        """How many granted circuits stand (to `name`)."""
        with self._lock:
            return len([entry for entry in self._live if name in (None, entry[0]) and len(entry) == 3])

    # The journey of one connection

    def _accept(self, listener):
        while True:
            try:
                dialler, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(dialler,), daemon=True).start()

    def _serve(self, dialler):
        self._goes.wait()
        with contextlib.suppress(OSError, ValueError):
            if dialler.recv(1, socket.MSG_PEEK) == b"\5":
                self._tell_why(dialler)
                _close(dialler)
                return
            request = _read_request(dialler)
            self.requests.append(request)
            behaviour = self._behaviours.get(request.name, self.default)
            entry = (request.name, dialler)
            with self._lock:
                self._live.append(entry)
            self._answer(dialler, request, behaviour, entry)
            return
        _close(dialler)

    def _tell_why(self, dialler):
        dialler.settimeout(5)
        _receive(dialler, 3)
        dialler.sendall(b"\5\2")
        _receive(dialler, _receive(dialler, 2)[1] + 1)
        dialler.sendall(b"\1\0")
        name = _receive(dialler, _receive(dialler, 5)[4]).decode("latin-1")
        _receive(dialler, 2)
        if name in self._lookup_targets:
            self.lookups.append(name)
            self._pass_on_lookup(dialler, self._lookup_targets[name])
            return
        self.questions.append(name)
        code = self.reasons.get(name)
        if code is None:
            code = 4 if self._targets.get(name) is None else 1
        dialler.sendall(bytes([5, code, 0, 1]) + bytes(6))

    def _pass_on_lookup(self, dialler, port):
        onward = None if port is None else _reach(("127.0.0.1", port), 1, None)
        if onward is None:
            dialler.sendall(b"\5\4\0\1" + bytes(6))
            return
        dialler.sendall(b"\5\0\0\1" + bytes(6))
        dialler.settimeout(None)
        with onward:
            while data := onward.recv(1 << 16):
                dialler.sendall(data)

    def _answer(self, dialler, request, behaviour, entry):
        time.sleep(behaviour.reply_delay)
        if behaviour.reply is None:
            return
        target = self._targets.get(request.name)
        granting = behaviour.reply.startswith(GRANTED)
        onward = None
        if granting and target is not None and not behaviour.close_after_reply:
            onward = _reach(target, behaviour.patience, self._places.get(request.name), self._room)
        if onward is not None:
            self.standing_at_grants.setdefault(request.name, []).append(self.standing(request.name))
        reply = behaviour.reply if onward is not None or not granting or behaviour.close_after_reply else REFUSED
        _write(dialler, reply, behaviour.reply_chunk)
        if onward is None:
            with self._lock:
                if entry in self._live:
                    self._live.remove(entry)
            _close(dialler)
            return
        circuit = (request.name, dialler, onward)
        with self._lock:
            still = entry in self._live
            if still:
                self._live.remove(entry)
                self._live.append(circuit)
        if not still:  # cut meanwhile
            _close(dialler)
            _close(onward)
            return
        if behaviour.stall:
            return
        slow = self._slow(circuit)
        threading.Thread(target=self._pump, args=(onward, dialler, Behaviour(), circuit, request.userid, slow),
                         daemon=True).start()
        self._pump(dialler, onward, behaviour, circuit, request.userid, slow)

    def _slow(self, circuit):
        """What the next circuit to that name is like, or None."""
        name = circuit[0]
        with self._lock:
            paths = self._paths.get(name)
            if not paths:
                return None
            slow = SlowCircuit(paths[len(self._laid[name]) % len(paths)], lambda: _close_both(circuit))
            self._laid[name].append(slow)
            return slow

    def _pump(self, source, sink, behaviour, circuit, userid, slow):
        passed = 0
        write = lambda data: _write(sink, data, behaviour.chunk, behaviour.rate)  # noqa: E731
        way = slow and slow.way(write, is_back=sink is circuit[1])
        record = self.record and self.record.stream(circuit[0], userid, backwards=sink is circuit[1])
        try:
            _no_delay(sink)
            while data := source.recv(way.chunk if way else 1 << 18):
                self._goes.wait()
                if passed == 0 and source is circuit[1] and data[6:7] == b"\x3b" and data[8:24] == data[24:40]:
                    self._own.add(userid)
                if circuit in self._swallowed:
                    continue
                if behaviour.merge:
                    time.sleep(behaviour.merge)
                    with contextlib.suppress(BlockingIOError):
                        data += source.recv(1 << 20, socket.MSG_DONTWAIT)
                if behaviour.cut_after is not None:
                    data = data[:behaviour.cut_after - passed]
                if record is not None:
                    record.take(data)
                way.send(data) if way else write(data)
                passed += len(data)
                if passed == behaviour.cut_after:
                    break
        except OSError:
            pass
        finally:
            if way:
                way.finish()
        if circuit in self._swallowed and source is circuit[2]:
            return
        with self._lock:
            if circuit in self._live:
                self._live.remove(circuit)
        _close(source)
        _close(sink)


def _receive(connection, count):
    data = b""
    while len(data) < count:
        block = connection.recv(count - len(data))
        if not block:
            raise ValueError("closed within a message")
        data += block
    return data


def _read_request(connection):
    data = b""
    while True:
        block = connection.recv(1)
        if not block:
            raise ValueError("closed within the request")
        data += block
        if len(data) > 2048:
            raise ValueError("the request does not end")
        if len(data) < 9:
            continue
        version, command, port = struct.unpack("!BBH", data[:4])
        if (version, command) != (4, 1):
            raise ValueError("no SOCKS4 CONNECT")
        parts = data[8:].split(b"\0")
        if len(parts) == 3 and parts[2] == b"":
            return Request(data, port, data[4:8], parts[0], parts[1].decode("latin-1"), time.monotonic())


def _reach(target, patience, within, room=None):
    deadline = time.monotonic() + patience
    while True:
        try:
            with within.entered() if within is not None else contextlib.nullcontext():
                return _connected(target, room)
        except OSError:
            if time.monotonic() > deadline:
                return None
            time.sleep(0.02)


def _connected(target, room):
    onward = socket.socket(socket.AF_INET6 if ":" in target[0] else socket.AF_INET)
    try:
        limit_receiving(onward, room)
        onward.settimeout(5)
        onward.connect(target)
        onward.settimeout(None)
        return onward
    except BaseException:
        onward.close()
        raise


def _write(connection, data, chunk=None, rate=None):
    if rate is not None:
        chunk = chunk or max(1, int(rate / 50))
    if chunk is None:
        connection.sendall(data)
        return
    _no_delay(connection)
    for at in range(0, len(data), chunk):
        part = data[at:at + chunk]
        connection.sendall(part)
        if rate is not None:
            time.sleep(len(part) / rate)


def _no_delay(connection):
    if connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _close(connection, reset=False):
    with contextlib.suppress(OSError):
        if reset:
            reset_when_closed(connection)
        else:
            connection.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads from it
    connection.close()


def _close_both(entry, reset=False):
    _, *ends = entry
    for end in ends:
        _close(end, reset)
