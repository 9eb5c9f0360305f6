"""A hostile peer: many connections to a daemon's listener, which come as Tor's do, from one thread.

with Crowd(daemon.listen_port, lambda number: b"…", count=279, rate=28, lifetime=10) as crowd: …

What it does is bounded in count, rate and time, so that a test that fails leaves nothing running.
"""

import contextlib
import errno
import selectors
import socket
import threading
import time

import packets
from fake_socks import GRANTED
from overlay import overlay_address, reset_when_closed


class Crowd:
    """Connections that say their piece and then hold on, or go on for as long as they are let.

    opening    number → the bytes that the number-th connection sends at first
    count      how many there are at a time
    rate       how many begin in a second at the most
    lifetime   seconds after which one hangs up, and another may take its place; None: it stays until it is closed
    refrain    bytes that each sends again and again after its opening, as fast as they are taken
    replace    whether another takes the place of one that the daemon has closed
    seconds    when it all ends by itself
    """

    def __init__(self, port, opening, count, rate=1_000, lifetime=None, refrain=b"", replace=True, seconds=60):
        self.opened = 0
        self.closed = 0  # by the daemon
        self.bytes_sent = 0
        self._port, self._opening, self._refrain = port, opening, refrain
        self._count, self._rate, self._lifetime, self._replace = count, rate, lifetime, replace
        self._end = time.monotonic() + seconds
        self._stopped = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._live = {}  # connection → [when it ends, bytes that are still to be sent]; the oldest first
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._thread.join()

    @property
    def standing(self):
        return len(self._live)

    def _run(self):
        began = time.monotonic()
        try:
            while not self._stopped.is_set() and (now := time.monotonic()) < self._end:
                self._hang_up(now)
                allowed = int((now - began) * self._rate) + 1 - self.opened
                wanted = self._count - (len(self._live) if self._replace else self.opened)
                for _ in range(min(allowed, wanted, 64)):
                    self._begin(now)
                for key, _ in self._selector.select(0.005):
                    self._serve(key.fileobj)
        finally:
            for connection in list(self._live):
                self._drop(connection)
            self._selector.close()

    def _hang_up(self, now):
        while self._live:
            oldest = next(iter(self._live))
            if self._live[oldest][0] > now:
                return
            self._drop(oldest)

    def _begin(self, now):
        connection = socket.socket()
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            connection.connect(("127.0.0.1", self._port))
        end = now + self._lifetime if self._lifetime is not None else self._end
        self._live[connection] = [end, self._opening(self.opened)]
        self._selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
        self.opened += 1

    def _serve(self, connection):
        entry = self._live[connection]
        try:
            if entry[1]:
                sent = connection.send(entry[1])
                self.bytes_sent += sent
                entry[1] = entry[1][sent:] or self._refrain
                if not entry[1]:
                    self._selector.modify(connection, selectors.EVENT_READ)
            if not connection.recv(1 << 16):
                self._closed(connection)
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno == errno.ENOTCONN:
                return
            self._closed(connection)

    def _closed(self, connection):
        self.closed += 1
        self._drop(connection)

    def _drop(self, connection):
        del self._live[connection]
        self._selector.unregister(connection)
        with contextlib.suppress(OSError):
            reset_when_closed(connection)
        connection.close()


class SilentTor:
    """A SOCKS server that takes every request and does not answer, or grants it late and reads what comes.

    most          how many requests were unanswered at a time, at the most
    grant_after   seconds; None: never
    """

    def __init__(self, grant_after=None):
        self.most = self.asked = self.granted = 0
        self._grant_after = grant_after
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listener.setblocking(False)
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._waiting = {}  # connection → when it is granted; the oldest first
        self._open = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._thread.join()
        for connection in (*self._open, self._listener):
            connection.close()
        self._selector.close()

    def _run(self):
        while not self._stopped.is_set():
            for key, _ in self._selector.select(0.01):
                if key.fileobj is self._listener:
                    self._take()
                else:
                    self._read(key.fileobj)
            while self._grant_after is not None and self._waiting:
                connection, due = next(iter(self._waiting.items()))
                if due > time.monotonic():
                    break
                del self._waiting[connection]
                self.granted += 1
                with contextlib.suppress(OSError):
                    connection.send(GRANTED)

    def _take(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = self._listener.accept()
                connection.setblocking(False)
                self._open.add(connection)
                self._waiting[connection] = time.monotonic() + (self._grant_after or 0)
                self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection):
        try:
            if data := connection.recv(1 << 16):
                # A daemon that only looks whether Tor is there asks for nothing.
                self.asked += data.startswith(b"\x04\x01")
                self.most = max(self.most, len(self._waiting))
                return
        except OSError:
            pass
        self._waiting.pop(connection, None)
        self._open.discard(connection)
        self._selector.unregister(connection)
        connection.close()


def keepalive(name, destination):
    """What a well-behaved peer of this name says first, to the address of an identity."""
    return packets.keepalive(overlay_address(name), destination, name)
