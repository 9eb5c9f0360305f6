"""A circuit that is as far and as narrow as Tor's, and pauses as those do: what FakeSocks lays on request (`FakeSocks.lay`).

    taken from the dialler, at the rate --> under way, for the delay --> given to the service, in order     (and back)

Each way holds what is under way and a little more. Beyond that nothing is taken, so that whoever sends finds the
circuit full, as Tor's flow control has it.
"""

import collections
import dataclasses
import random
import socket
import threading
import time

# What Tor moves at once: the payload of a cell.
CELL = 498
# How long a chunk takes on the circuit at most, unless it is a cell.
CHUNK_SECONDS = 0.01
# What a thread that comes late may catch up on; a circuit that had nothing to carry has saved up nothing.
PATIENCE = 0.02
# The kernel doubles it, and gives no socket less.
SMALLEST_ROOM = 1152
# Bytes per second that bound what is under way where no rate does.
UNLIMITED = 100_000_000


@dataclasses.dataclass(frozen=True)
class Path:
    """What a circuit is like, each way by itself.

    rate     bytes per second; None: as fast as it goes
    delay    seconds from one end to the other
    pauses   (seconds after the grant, seconds that it lasts): nothing moves meanwhile, and nothing is lost
    room     bytes that wait for their turn, beside those under way; None: 50 ms of the rate, the kernel's least at least
    """

    rate: float | None = None
    delay: float = 0.0
    pauses: tuple = ()
    room: int | None = None

    @property
    def chunk(self):
        return 1 << 16 if self.rate is None else max(CELL, int(self.rate * CHUNK_SECONDS))

    @property
    def bytes_of_room(self):
        return self.room or max(SMALLEST_ROOM, int((self.rate or UNLIMITED) / 20))

    @property
    def bytes_under_way(self):
        """What a way holds at the most: what comes in within the delay, and what a late thread may have to catch up on."""
        return self.chunk + int((self.rate or UNLIMITED) * (self.delay + PATIENCE))


def drawn_paths(count, seed, rate=None, delay=(0.0, 0.0), every=None, pause=(0.5, 3.0), until=600, room=None):
    """`count` different paths that the same seed draws again: the delay from a range, and, on average `every` so many
    seconds, a pause of a length from another."""
    paths = []
    for number in range(count):
        chance = random.Random(f"{seed} {number}")
        seconds, pauses, at = chance.uniform(*delay), [], 0.0
        while every is not None and (at := at + chance.expovariate(1 / every)) < until:
            pauses.append((at, chance.uniform(*pause)))
            at += pauses[-1][1]
        paths.append(Path(rate, seconds, tuple(pauses), room))
    return paths


class Clock:
    """A circuit's own time, which stands still while the circuit pauses."""

    def __init__(self, pauses=()):
        began = time.monotonic()
        self._pauses = [(began + after, seconds) for after, seconds in pauses]
        self._changed = threading.Condition()

    def pause(self, seconds):
        """From now on."""
        with self._changed:
            self._pauses.append((time.monotonic(), seconds))
            self._changed.notify_all()

    def _now(self):
        """(this clock's time, seconds until it goes on)"""
        now = shown = time.monotonic()
        stands = 0.0
        for begin, seconds in self._pauses:
            if begin <= now:
                shown -= min(seconds, now - begin)
                stands = max(stands, begin + seconds - now)
        return shown, stands

    def now(self):
        return self._now()[0]

    def wait_until(self, due):
        with self._changed:
            while True:
                now, stands = self._now()
                if now >= due and stands <= 0:
                    return
                self._changed.wait(max(due - now, stands))


class Way:
    """One direction: `send` returns when there is room for more, `deliver(bytes)` is called in order when they are due."""

    def __init__(self, path, clock, deliver):
        self.carried = 0  # bytes delivered
        self.most_held = 0  # bytes
        self.chunk = path.chunk
        self._path, self._clock, self._deliver = path, clock, deliver
        self._busy_until = 0.0
        self._under_way = collections.deque()
        self._held = 0
        self._failure = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def send(self, data):
        now = self._clock.now()
        self._busy_until = max(self._busy_until, now)
        if self._path.rate is not None:
            self._busy_until += len(data) / self._path.rate
        with self._changed:
            self._under_way.append((self._busy_until + self._path.delay, data))
            self._held += len(data)
            self.most_held = max(self.most_held, self._held)
            self._changed.notify_all()
        self._clock.wait_until(self._busy_until - PATIENCE)
        with self._changed:
            self._changed.wait_for(lambda: self._held <= self._path.bytes_under_way or self._failure)
            if self._failure:
                raise self._failure

    def finish(self):
        """Delivers what is under way, and ends."""
        with self._changed:
            self._under_way.append((0, None))
            self._changed.notify_all()
        self._thread.join()

    def _run(self):
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._under_way)
                due, data = self._under_way[0]
            if data is None:
                return
            self._clock.wait_until(due)
            try:
                self._deliver(data)
            except OSError as error:
                with self._changed:
                    self._failure = error
                    self._changed.notify_all()
                return
            with self._changed:
                self._under_way.popleft()
                self._held -= len(data)
                self.carried += len(data)
                self._changed.notify_all()


class SlowCircuit:
    """What a test sees of one: `out.carried` and `back.carried` are the bytes delivered so far, `path` what it is like."""

    def __init__(self, path, cut):
        self.path = path
        self.clock = Clock(path.pauses)
        self.out = self.back = None
        self._cut = cut

    def way(self, deliver, is_back):
        """Its journey out, or back, which calls `deliver` with what arrives."""
        way = Way(self.path, self.clock, deliver)
        if is_back:
            self.back = way
        else:
            self.out = way
        return way

    def pause(self, seconds):
        """Nothing moves for so long, from now on."""
        self.clock.pause(seconds)

    def cut(self):
        """Closes both ends."""
        self._cut()


def limit_receiving(sock, room):
    """Has the kernel take no more than about `room` bytes that nobody has read; None: as it likes. What listens gives
    that on to what it accepts; a connection that has begun keeps the window it has already offered."""
    if room is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
