"""tcpdump on an interface, and what it wrote, read back."""

import pathlib
import re
import shutil
import struct
import subprocess
import tempfile

from ethernet import Frame
from overlay import wait_until

MICROSECONDS, ETHERNET = 0xA1B2C3D4, 1


class Capture:
    """The first bytes of every frame that passes an interface.

    with Capture(namespace, "oncilla0", direction="in") as capture: …
    capture.frames          after the block; that nothing is missing has been checked

    direction   "in": what the interface brings into its kernel; "out": what the kernel sends; None: both
    """

    def __init__(self, namespace, interface, direction=None, length=256):
        self.frames = []
        self._directory = pathlib.Path(tempfile.mkdtemp(prefix="oncilla-capture-"))
        self._file, self._log = self._directory / "frames", self._directory / "log"
        command = ["tcpdump", "-Z", "root", "-n", "-s", length, "-B", 16384, "-U", "-w", self._file, "-i", interface]
        if direction is not None:
            command += ["-Q", direction]
        with open(self._log, "wb") as log:
            self._process = namespace.popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def __enter__(self):
        try:
            wait_until(self._listening, 10, what="tcpdump")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, failure, *_):
        try:
            self._process.terminate()
            self._process.wait(10)
            if failure is None:
                self.frames = list(read(self._file.read_bytes()))
                dropped = re.search(r"(\d+) packets dropped by kernel", self._log.read_text())
                assert dropped and dropped.group(1) == "0", f"tcpdump missed frames:\n{self._log.read_text()}"
        finally:
            self._end()

    def _listening(self):
        assert self._process.poll() is None, f"tcpdump ended: {self._log.read_text()}"
        return "listening on" in self._log.read_text()

    def _end(self):
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)


def read(data):
    """The frames of a file that libpcap wrote on this machine."""
    magic, kind = struct.unpack_from("=I16xI", data)
    assert (magic, kind) == (MICROSECONDS, ETHERNET), f"no capture of Ethernet: {data[:24].hex()}"
    at = 24
    while at < len(data):
        captured, = struct.unpack_from("=8xI4x", data, at)
        yield Frame(data[at + 16:at + 16 + captured])
        at += 16 + captured
