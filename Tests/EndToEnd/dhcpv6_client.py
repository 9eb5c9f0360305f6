"""A real DHCPv6 client on a LAN host: dhcpcd, whose memory is the test's."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from overlay import wait_until

# Nothing is asked for but an address, and no script changes the machine's resolv.conf.
CONFIGURATION = "duid\nipv6only\nscript /bin/true\n"
# The client's own scripts run, on a resolv.conf of the test's.
RESOLVING = "duid\nipv6only\noption domain_name_servers, domain_name, domain_search\n"


class Client:
    """dhcpcd on `eth0` of a namespace; what it keeps on disk lies in a directory of its own until `forget()`.

    with Client(namespace) as client:
        client.wait_for_address("fd87:…")

    With `resolves` it keeps `resolver_file` as it keeps a host's /etc/resolv.conf. `settings` are more lines of its
    configuration.
    """

    def __init__(self, namespace, resolves=False, settings=""):
        self.namespace = namespace
        self._directory = pathlib.Path(tempfile.mkdtemp(prefix="oncilla-dhcpcd-"))
        os.chmod(self._directory, 0o755)  # dhcpcd reads its configuration as root, its memory as a user of its own
        (self._directory / "configuration").write_text((RESOLVING if resolves else CONFIGURATION) + settings)
        self.resolver_file, self._services_file = self._directory / "resolv.conf", self._directory / "nsswitch.conf"
        self.resolver_file.touch()
        self._services_file.write_text("hosts: files dns\n")
        self._resolves = resolves
        self._memory = self._directory / "memory"
        self._log = self._directory / "log"
        self._log.touch()
        self._process = None
        self.forget()

    def __enter__(self):
        return self.start()

    def __exit__(self, failure, *_):
        if failure is not None:
            print(f"--- dhcpcd in {self.namespace} ---\n{self.log()}")
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def start(self):
        # What other instances on this machine share is hidden: the memory, and the sockets in /run.
        hidden = f"mount --bind {self.resolver_file} /etc/resolv.conf && " if self._resolves else ""
        script = (f"{hidden}mount --bind {self._memory} /var/lib/dhcpcd && mount -t tmpfs none /run && mkdir /run/dhcpcd && "
                  f"exec dhcpcd -6 -B -d -f {self._directory}/configuration eth0")
        with open(self._log, "ab") as log:
            self._process = self.namespace.popen(["unshare", "--mount", "sh", "-c", script],
                                                 stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def stop(self):
        """Ends it without a release, as a host does that is switched off: the address goes."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def forget(self):
        """What a host loses that is installed anew: the lease, and its identifier with it."""
        shutil.rmtree(self._memory, ignore_errors=True)
        self._memory.mkdir()
        os.chmod(self._memory, 0o755)

    def command(self, option):
        """`-N` renews, `-k` gives the address back and ends."""
        subprocess.run(["nsenter", f"--target={self._process.pid}", "--mount", "--net", "--", "dhcpcd", "-6", option,
                        "eth0"], check=True, capture_output=True, timeout=20)

    def resolver(self):
        return self.resolver_file.read_text()

    def resolving(self, *command):
        """The command for a program that asks the name servers that this host has now. It sees a copy of the file: dhcpcd
        writes its own anew at each advertisement, and who reads it meanwhile finds none in it."""
        kept = self._directory / "resolv.conf.kept"
        kept.write_text(wait_until(lambda: "\nnameserver" in (text := self.resolver()) and text, what="name servers"))
        mounts = f"mount --bind {kept} /etc/resolv.conf && mount --bind {self._services_file} /etc/nsswitch.conf"
        return ["unshare", "-m", "sh", "-c", f"{mounts} && exec \"$@\"", "sh", *command]

    def log(self):
        return self._log.read_text(errors="replace")

    def mark(self):
        return len(self.log())

    def wait_for_line(self, pattern, timeout=15, since=0):
        def said():
            assert self._process.poll() is None, f"dhcpcd has ended:\n{self.log()}"
            return re.search(pattern, self.log()[since:], re.MULTILINE)

        return wait_until(said, timeout, what=f"/{pattern}/ of dhcpcd")

    @property
    def addresses(self):
        """The overlay addresses on the interface, without their prefix lengths."""
        return [address.partition("/")[0] for address in self.namespace.addresses("eth0")]

    def wait_for_address(self, *accepted, timeout=20):
        """The host's one address, when it has it; one of these."""
        wait_until(lambda: self.addresses, timeout, what="an address by DHCPv6")
        addresses = self.addresses
        assert len(addresses) == 1 and addresses[0] in accepted, f"{addresses}, not one of {accepted}\n{self.log()}"
        return addresses[0]
