"""Bare TCP streams to compare the overlay with: a service that counts or answers, a sender, an echo."""

import contextlib
import select
import socket
import threading
import time

import yardstick
from yardstick import overlay

SINK_PORT = 7000
# A circuit may need that long; Tor itself gives up then.
CONTACT = 120
BULK, ECHO = b"B", b"E"
# As a TCP flow through the daemons has them on a circuit of some 30 Mbit/s.
ANSWER, ANSWERED_BYTES, WINDOW = bytes(72), 8192, 1 << 20


class Service:
    """Takes what comes: a stream that begins with `BULK` is counted, one that begins with `ECHO` is answered.

    answers   a stream along which it says what it has counted
    """

    def __init__(self, listener, answers=None):
        self.received = 0
        self.answers = answers
        self.listener = listener
        self.serving = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.listener)
        for connection in self.serving:
            end(connection)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.serving.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            kind = connection.recv(1)
            while block := connection.recv(1 << 18):
                if kind == ECHO:
                    connection.sendall(block)
                else:
                    before = self.received
                    self.received += len(block)
                    if self.answers:
                        self.answers.sendall(ANSWER * (self.received // ANSWERED_BYTES - before // ANSWERED_BYTES))

    def windows(self, seconds):
        """Mbit/s of each second from now on."""
        measured, last, at = [], self.received, time.monotonic()
        for _ in range(seconds):
            time.sleep(max(0, at + 1 - time.monotonic()))
            now, total = time.monotonic(), self.received
            measured.append((total - last) * 8 / (now - at) / 1e6)
            last, at = total, now
        return measured


def service_at(host, address):
    """A Service in a namespace."""
    listener = host.socket()
    listener.bind((address, SINK_PORT))
    listener.listen(16)
    return Service(listener)


def flow_to(host, address):
    """A Bulk from a namespace to such a service."""
    stream = host.socket()
    # Not the machine's default, which may be BBR: it takes Tor's jitter for a slow link.
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, yardstick.CONTROL.encode())
    stream.settimeout(CONTACT)
    stream.connect((address, SINK_PORT))
    return Bulk(stream)


class Bulk:
    """Sends as fast as the stream takes it, until closed; with `answers`, no more than `WINDOW` beyond what they tell."""

    def __init__(self, stream, answers=None):
        self.stream = stream
        self.answers = answers
        stream.settimeout(None)
        threading.Thread(target=self._send, daemon=True).start()

    def _send(self):
        # Not more than a part of the window at once.
        block = overlay.pattern_bytes(1 << 12 if self.answers else 1 << 16)
        with contextlib.suppress(OSError):
            self.stream.sendall(BULK)
            sent = told = 0
            while True:
                while self.answers and sent - told > WINDOW:
                    data = self.answers.recv(1 << 16)
                    if not data:
                        return
                    told += len(data) * ANSWERED_BYTES // len(ANSWER)
                self.stream.sendall(block)
                sent += len(block)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.stream)


def end(stream):
    """Resets it. Tor holds tens of megabytes of a bulk stream, and would go on sending them for half a minute."""
    with contextlib.suppress(OSError):
        overlay.reset_when_closed(stream)
        stream.shutdown(socket.SHUT_RDWR)
    stream.close()


def echoes(stream, seconds, interval=0.1):
    """Milliseconds that a message of 64 bytes takes to come back, one every `interval`, as ping does it."""
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream.sendall(ECHO)
    sent, measured, reply = [], [], b""
    end = time.monotonic() + seconds
    due = time.monotonic()
    while time.monotonic() < end or len(measured) < len(sent):
        now = time.monotonic()
        if now >= due and now < end:
            stream.sendall(bytes(64))
            sent.append(now)
            due += interval
        if select.select([stream], [], [], max(0.001, due - time.monotonic()) if now < end else 20)[0]:
            block = stream.recv(4096)
            if not block:
                raise RuntimeError("the echo stream ended")
            reply += block
            while len(reply) >= 64:
                measured.append(1000 * (time.monotonic() - sent[len(measured)]))
                reply = reply[64:]
        elif now >= end:
            raise RuntimeError("the echo stream is stuck")
    return measured
