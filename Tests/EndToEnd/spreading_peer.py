"""A peer whose kernel is a real one, and which spreads each packet of it over several circuits to a daemon.

    kernel of a namespace -- TUN device -- SpreadingPeer ==calls, each with delays of its own==> daemon -- its kernel
                                                     <---------- circuits that the daemon dialled ----------
"""

import fcntl
import os
import queue
import random
import struct
import threading
import time

from wire_peer import WirePeer

_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


class SpreadingPeer(WirePeer):
    """A `WirePeer` behind a TUN device of a namespace.

    host     the namespace
    lose     the share of packets that is dropped before it is sent
    """

    device = "spread0"

    def __init__(self, seed, proxy, host, lose=0.0):
        self._random = random.Random(seed)
        self._lose = lose
        self._lines = []
        with host.entered():
            self._tun = os.open("/dev/net/tun", os.O_RDWR)
            request = struct.pack("16sH22x", self.device.encode(), _IFF_TUN | _IFF_NO_PI)
            fcntl.ioctl(self._tun, _TUNSETIFF, request)
        super().__init__(seed, proxy)
        host.ip(f"addr add {self.address}/48 dev {self.device} nodad")
        host.ip(f"link set {self.device} up mtu 1500")
        threading.Thread(target=self._pump, daemon=True).start()

    def spread(self, daemon, delays):
        """Calls the daemon once for each range of delays in seconds, and spreads what comes from the kernel from now on."""
        self._lines = [Line(self.call(daemon), delay, self._random.random()) for delay in delays]

    def cut(self, number):
        """One of the circuits ends, with what is on its way."""
        line = self._lines[number]
        self._lines = [other for other in self._lines if other is not line]
        line.close()

    def close(self):
        super().close()
        for line in self._lines:
            line.close()

    def _heed(self, packet):
        super()._heed(packet)
        if not packet.is_keepalive:
            os.write(self._tun, packet.raw)

    def _pump(self):
        while True:
            try:
                packet = os.read(self._tun, 1 << 16)
            except OSError:
                # The namespace is gone, and the device with it.
                os.close(self._tun)
                return
            lines = self._lines
            if lines and packet[0] >> 4 == 6 and self._random.random() >= self._lose:
                self._random.choice(lines).put(packet)


class Line:
    """A circuit on which nothing overtakes anything, and which takes a time of its own."""

    def __init__(self, call, delay, seed):
        self._call = call
        self._delay = delay
        self._random = random.Random(seed)
        self._packets = queue.SimpleQueue()
        self._is_open = True
        threading.Thread(target=self._send, daemon=True).start()

    def put(self, packet):
        self._packets.put((time.monotonic() + self._random.uniform(*self._delay), packet))

    def close(self):
        self._is_open = False
        self._packets.put((0, b""))
        self._call.close()

    def _send(self):
        while self._is_open:
            due, packet = self._packets.get()
            time.sleep(max(0, due - time.monotonic()))
            if not self._is_open or not self._call.send(packet):
                return
