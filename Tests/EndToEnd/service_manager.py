"""A service manager as far as a daemon sees it: the socket at which it hears how the daemon is (sd_notify(3))."""

import contextlib
import os
import pathlib
import socket
import tempfile
import time


class ServiceManager:
    """with ServiceManager() as manager: daemon.environment = manager.environment(watchdog=0.2); daemon.start()"""

    def __init__(self, abstract=False):
        self._directory = tempfile.TemporaryDirectory(prefix="oncilla-manager-")
        os.chmod(self._directory.name, 0o755)
        self.name = f"@oncilla-manager-{os.getpid()}" if abstract else str(pathlib.Path(self._directory.name, "notify"))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.name.replace("@", "\0"))
        if not abstract:
            os.chmod(self.name, 0o666)
        self.heard = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()
        self._directory.cleanup()

    def environment(self, watchdog=None):
        """The variables for the daemon; with a watchdog it has to be heard of each `watchdog` seconds."""
        variables = {"NOTIFY_SOCKET": self.name}
        return variables if watchdog is None else {**variables, "WATCHDOG_USEC": str(int(watchdog * 1e6))}

    def listen(self, seconds=0.0):
        """Takes what has come, and comes within so many seconds; a list of messages, each a dictionary."""
        self._take(time.monotonic() + seconds, lambda message: False)
        return self.heard

    def wait_for(self, variable, value=None, timeout=5.0):
        """The first message that comes from now on with this variable, and this value or part of one."""

        def fits(message):
            return variable in message and (value is None or value in message[variable])

        found = self._take(time.monotonic() + timeout, fits)
        assert found, f"no {variable}={value or ''} in {timeout:g} s: {self.heard}"
        return found

    def _take(self, deadline, fits):
        while True:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            with contextlib.suppress(TimeoutError):
                text = self._socket.recv(4096).decode()
                self.heard.append(dict(line.split("=", 1) for line in text.splitlines()))
                if fits(self.heard[-1]):
                    return self.heard[-1]
                continue
            if time.monotonic() > deadline:
                return None
