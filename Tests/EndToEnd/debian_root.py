"""A Debian of its own for tests of the package: a small root, and machines that boot from copies of it.

The root is made by debootstrap once, from the mirror that this host's apt uses, and kept in .build as an archive. A
machine is systemd in a container, in a network namespace of the test's; nothing of it outlives the test.
"""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import tempfile

from overlay import REPOSITORY, wait_until

# What systemd needs to be the first process, and what the package depends on or the tests use inside.
PACKAGES = ["systemd-sysv", "debconf", "iproute2", "iputils-ping"]


def run(command, check=True, timeout=120, **options):
    """Runs to the end; standard output and standard error are text in the result."""
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=timeout,
                            stdin=subprocess.DEVNULL, **options)
    if check and result.returncode != 0:
        raise AssertionError(f"{command}: exit {result.returncode}\n{result.stdout}{result.stderr}")
    return result


def release():
    """The code name of the Debian that runs here, whose libraries the package is built against."""
    return re.search(r"^VERSION_CODENAME=(\w+)", pathlib.Path("/etc/os-release").read_text(), re.MULTILINE).group(1)


def mirror(suite):
    """Where this host's apt gets that Debian from."""
    listing = run(["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"])
    for line in listing.stdout.splitlines():
        name, component, uri = line.split(maxsplit=2)
        if (name, component) == (suite, "main"):
            return uri
    raise AssertionError(f"apt has no source for {suite} main:\n{listing.stdout}")


@contextlib.contextmanager
def alone(what):
    """No other process that runs tests makes this at the same time."""
    with open(REPOSITORY / f".build/{what}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build_package():
    """Builds the package as `make deb` does, once for all processes that share the tests; its path."""
    directory = REPOSITORY / ".build/deb"
    run_of_tests = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    with alone("deb"):
        made_by = directory / "made-by"
        if not made_by.exists() or made_by.read_text() != run_of_tests:
            run(["make", "-C", REPOSITORY, "deb"], timeout=500)
            made_by.write_text(run_of_tests)
    found, = directory.glob("oncilla_*.deb")
    return found


def later_version(package, directory):
    """Makes a copy of the package whose version is later, in an empty directory; its path."""
    run(["dpkg-deb", "--raw-extract", package, directory / "tree"])
    control = directory / "tree/DEBIAN/control"
    control.write_text(re.sub(r"^(Version: .*)$", r"\1+newer", control.read_text(), flags=re.MULTILINE))
    run(["dpkg-deb", "--build", "--root-owner-group", directory / "tree", directory / "newer.deb"])
    return directory / "newer.deb"


def dependencies(package):
    """The names of the packages that it depends on, the first of each choice."""
    fields = run(["dpkg-deb", "--field", package, "Depends"]).stdout
    return [re.match(r"[\w.+-]+", choice.strip()).group(0) for choice in fields.split(",")]


@contextlib.contextmanager
def memory(directory):
    """The directory is in memory."""
    run(["mount", "-t", "tmpfs", "-o", "mode=755,size=3G", "oncilla-test", directory])
    try:
        yield
    finally:
        run(["umount", "--lazy", directory])


def root_archive(packages, kind="plain"):
    """The archive of a root with these packages; made at the first call. One is kept of each kind."""
    with alone("debian-root"):
        return make_root_archive(packages, kind)


def make_root_archive(packages, kind):
    suite, wanted = release(), ",".join(sorted(set(packages)))
    archive = REPOSITORY / f".build/debian-root/{suite}-{kind}.tar"
    contents = archive.with_suffix(".packages")
    if archive.exists() and contents.exists() and contents.read_text() == wanted:
        return archive
    archive.parent.mkdir(parents=True, exist_ok=True)
    contents.unlink(missing_ok=True)
    proxy = run(["sh", "-c", "eval $(apt-config shell proxy Acquire::http::Proxy); echo $proxy"]).stdout.strip()
    environment = {**os.environ, **({"http_proxy": proxy} if proxy else {})}
    # dpkg waits for the disk after each file: there is none to wait for.
    with tempfile.TemporaryDirectory(prefix="oncilla-debootstrap-") as directory, memory(directory):
        run(["debootstrap", "--variant=minbase", f"--include={wanted}", suite, directory, mirror(suite)], timeout=500,
            env=environment)
        shutil.rmtree(f"{directory}/var/cache/apt")
        shutil.rmtree(f"{directory}/var/lib/apt/lists")
        run(["tar", "-C", directory, "--one-file-system", "-cf", archive, "."])
    contents.write_text(wanted)
    return archive


@contextlib.contextmanager
def unpacked(archive):
    """A directory in memory with what the archive holds, as `root` in it."""
    with tempfile.TemporaryDirectory(prefix="oncilla-root-") as directory, memory(directory):
        root = pathlib.Path(directory, "root")
        root.mkdir()
        run(["tar", "-C", root, "-xf", archive])
        os.chmod(root, 0o755)
        yield pathlib.Path(directory)


class DebianRoot:
    """A root to be changed: a layer of its own over one that is shared."""

    def __init__(self, shared):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="own-", dir=shared))
        self.path = self.directory / "root"
        layers = {"lowerdir": shared / "root", "upperdir": self.directory / "changed", "workdir": self.directory / "work"}
        for path in (self.path, layers["upperdir"], layers["workdir"]):
            path.mkdir()
        options = ",".join(f"{name}={path}" for name, path in layers.items())
        run(["mount", "-t", "overlay", "-o", options, "oncilla-test", self.path])
        # As udev has it; containers have no node of their own.
        self.tunnel = self.directory / "tun"
        os.mknod(self.tunnel, 0o666 | stat.S_IFCHR, os.makedev(10, 200))
        os.chmod(self.tunnel, 0o666)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        run(["umount", "--lazy", self.path])
        shutil.rmtree(self.directory, ignore_errors=True)

    def __truediv__(self, path):
        return self.path / path.lstrip("/")

    def add(self, package):
        """Copies a package into the root; its path there."""
        shutil.copy(package, self / "/root")
        return f"/root/{package.name}"

    def run(self, *command, check=True):
        """Runs a command where no systemd runs, as in the making of an image."""
        isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--net", "chroot", self.path]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LANG": "C"}
        return run([*isolated, *command], check=check, env=environment)


class Machine:
    """systemd as the first process of a root, in a network namespace. Ends with the block."""

    def __init__(self, root, namespace):
        self.root = root
        self._console = root.directory / "console"
        command = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--console=pipe", f"--directory={root.path}",
                   f"--network-namespace-path={namespace.path}", "--capability=CAP_NET_ADMIN", "--link-journal=no",
                   "--resolv-conf=off", "--timezone=off", f"--bind={root.tunnel}:/dev/net/tun"]
        with open(self._console, "wb") as console:
            self._process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command], stdin=subprocess.DEVNULL,
                                             stdout=console, stderr=console)
        try:
            self._leader = wait_until(self._first_process, 20, what="the first process of the machine")
            wait_until(self._is_up, 60, what="the machine to be up")
        except BaseException:
            self.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        with contextlib.suppress(AttributeError, ProcessLookupError):
            os.kill(self._leader, signal.SIGKILL)
        self._process.kill()
        self._process.wait()

    def shut_down(self):
        """An orderly end."""
        os.kill(self._leader, signal.SIGRTMIN + 4)
        self._process.wait(60)

    def _first_process(self):
        assert self._process.poll() is None, f"no machine: {self._console.read_text(errors='replace')}"
        found = run(["ps", "--no-headers", "-o", "pid", "--ppid", str(self._process.pid)], check=False).stdout.split()
        for pid in found:
            # It may not have become systemd yet, or be gone already.
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(f"/proc/{pid}/exe").endswith("/systemd"):
                    return int(pid)
        return None

    def _is_up(self):
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")

    def run(self, *command, check=True, timeout=60):
        """Runs a command as its root."""
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LANG": "C"}
        return run(["nsenter", f"--target={self._leader}", "--all", *command], check=check, timeout=timeout, env=environment)

    def show(self, unit, property):
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={property}", unit).stdout.strip()

    def journal(self):
        return self.run("journalctl", "--no-pager", "--boot").stdout
