"""Two daemons joined by circuits that have a rate, a delay and pauses of their own: FakeSocks and its slow circuits."""

import contextlib
import pathlib
import tempfile

import yardstick
from yardstick import overlay
from fake_socks import FakeSocks
from streams import flow_to, service_at


class LaidPair:
    """The n-th circuit that the first daemon dials is as the n-th of `there` says, and those of the second as `back`.

    with LaidPair([Path(rate=5_000, delay=0.1)]) as pair, pair.service() as service, pair.flow(): …

    kind      what makes the two ends: a Pair, or OnionCats
    is_path   whether they reach the circuits at a UNIX socket, and not over TCP
    """

    def __init__(self, there, back=None, kind=yardstick.Pair, is_path=False, **arguments):
        names = [overlay.onion_name(f"laid {side}") for side in "ab"]
        listens = [overlay.free_port() for _ in names]
        self._stack = contextlib.ExitStack()
        directory = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="oncilla-"))
        # Not everybody who connects to it is root.
        pathlib.Path(directory).chmod(0o711)
        self.proxy = self._stack.enter_context(FakeSocks(f"unix:{directory}/socks" if is_path else None))
        self._far = names[1]
        for name, port, paths in zip(names, listens, (back or there, there)):
            self.proxy.connect(name, port)
            self.proxy.lay(name, paths)
        try:
            self.pair = kind(names, listens, [self.proxy.address] * 2, patience=90, **arguments)
        except BaseException:
            self._stack.close()
            raise
        self.hosts, self.addresses = self.pair.hosts, self.pair.addresses

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pair.stop()
        self._stack.close()

    def circuits(self):
        """The SlowCircuits from the first daemon to the second."""
        return self.proxy.laid(self._far)

    def service(self):
        """A Service on the second host."""
        return service_at(self.hosts[1], self.addresses[1])

    def flow(self):
        """One TCP flow to it."""
        return flow_to(self.hosts[0], self.addresses[1])
