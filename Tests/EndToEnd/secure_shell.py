"""A real SSH server in a network namespace, and the client's files to reach it: keys and settings are thrown away."""

import pathlib
import shutil
import subprocess
import tempfile

import overlay

SERVER = """
Port {port}
ListenAddress {address}
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/user_key.pub
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PermitUserRC no
StrictModes no
PidFile none
Subsystem sftp internal-sftp
"""
CLIENT = """
Host *
  User root
  Port {port}
  IdentityFile {directory}/user_key
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {directory}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
  ConnectTimeout 60
"""
# sshd wants its directory in /run, and refuses accounts whose password is locked, as root's often is. It sees both as
# it likes them, in a mount namespace of its own; the machine's stay as they are.
START = """
set -e
mount -t tmpfs tmpfs /run
mkdir -m 755 /run/sshd
mount --bind {directory}/shadow /etc/shadow
exec /usr/sbin/sshd -D -e -f {directory}/sshd_config
"""


class SecureShell:
    """sshd on `address` in `namespace`, for root with the key of the client settings in `client_config`.

    with SecureShell(bob, address) as shell:
        alice.run(["ssh", "-F", shell.client_config, address, "hostname"])
    """

    def __init__(self, namespace, address, port=22):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="oncilla-ssh-"))
        self.client_config = self.directory / "ssh_config"
        self.log_path = self.directory / "log"
        self.process = None
        try:
            for key in ("host_key", "user_key"):
                command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key, "-f", self.directory / key]
                subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
            values = {"directory": self.directory, "address": address, "port": port}
            (self.directory / "sshd_config").write_text(SERVER.format(**values))
            self.client_config.write_text(CLIENT.format(**values))
            host_key = (self.directory / "host_key.pub").read_text()
            (self.directory / "known_hosts").write_text(f"{address} {host_key}[{address}]:{port} {host_key}")
            (self.directory / "shadow").write_text("root:*:19000:0:99999:7:::\n")
            command = ["unshare", "--mount", "--", "sh", "-c", START.format(**values)]
            with open(self.log_path, "wb") as log:
                self.process = namespace.popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            overlay.wait_until(self.listening, 10, what="sshd")
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def log(self):
        return self.log_path.read_text(errors="replace")

    def listening(self):
        if self.process.poll() is not None:
            raise AssertionError(f"sshd ended with {self.process.returncode}:\n{self.log()}")
        return "Server listening" in self.log()

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
