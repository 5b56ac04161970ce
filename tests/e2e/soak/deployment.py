"""The cluster that is soaked: its state directory, its running service, the commands that are given to it."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess

import harness
import network
from harness import FACTOR, Service, program, run

HOST = "127.0.0.1"
DISK = 160  # MiB
# So many places has each of our addresses, which hostile peers use too.
PLACES = 64
PASSPHRASE = "correct horse battery\n"
# What a change may be refused for: nothing of it is wrong.
CLOCK = "this machine's clock says"
REFUSALS = ("would lock", "might lock", CLOCK, "mixed mode", "rolling back", "rollback", "already")


class Problem(Exception):
    """Something that must never be."""


class Deployment:
    """A state directory on a small file system of its own, where that is allowed, and at most one service on it, always
    on the same ports."""

    def __init__(self, folder):
        self.folder = folder
        self.disk = folder / "disk"
        self.disk.mkdir()
        self.checked = folder / "checked"  # the files looked at last
        self.checked.mkdir()
        self.is_disk = self._mount()
        self.state = self.disk / "state"
        self.phones = folder / "phones"
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text(PASSPHRASE)
        self.service = None
        self.logs, self.starts, self.kills = [], 0, 0
        kinds = {"tvs": socket.SOCK_STREAM, "tftp": socket.SOCK_DGRAM, "http": socket.SOCK_STREAM, "https": socket.SOCK_STREAM}
        self.ports = {name: network.unused_port(kind) for name, kind in kinds.items()}
        self.tvs, self.tftp, self.http, self.https = ((HOST, port) for port in self.ports.values())

    def _mount(self):
        try:
            network.own_mounts()
        except OSError:
            return False
        return run("mount", "-t", "tmpfs", "-o", f"size={DISK}m,mode=0700", "anchord-soak", self.disk).returncode == 0

    def close(self, keep):
        """What the service said, and its state directory, are kept where a problem is to be looked into."""
        if self.service:
            self.kill()
        for number, log in enumerate(self.logs if keep else ()):
            shutil.copy(log, self.folder / f"log-{number}")
        if self.is_disk:
            self.empty()
            if keep:
                run("cp", "-a", self.state, self.folder / "state")
            run("umount", "-l", self.disk)

    # The service.

    def start(self):
        timeout = 1000 * 5 * FACTOR
        service = Service(self.state, "--max-per-address", PLACES, "--handshake-timeout", timeout, "--request-timeout", timeout,
                          "--idle-timeout", 2 * timeout, listen=(HOST,), ports=tuple(self.ports.values()))
        self.logs.append(service.log_file)
        service.__enter__()
        self.service = service
        self.starts += 1

    def try_to_start(self):
        """None, or the one line that says why there is no service."""
        try:
            return self.start()
        except AssertionError:
            said = [line for line in self.logs[-1].read_text().splitlines() if not harness.LOG_LINE.match(line)]
            if len(said) != 1:
                raise Problem(f"a start that fails says one line: {said}") from None
            return said[0]

    def must_live(self):
        if self.service and self.service.process.poll() is not None:
            raise Problem(f"anchord ended by itself with {self.service.process.returncode}: {self.service.log()[-3000:]}")

    def kill(self):
        self.service.kill()
        self.service = None
        self.kills += 1

    def stop(self, codes=(0,)):
        """As an administrator does."""
        process = self.service.process
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=harness.BOUND)
        process.stdout.close()
        if code not in codes:
            raise Problem(f"anchord's exit code is {code}: {self.service.log()[-3000:]}")
        self.service = None

    def pid(self):
        return self.service.process.pid

    def log_size(self):
        return sum(file.stat().st_size for file in self.logs)

    # Commands.

    def ctl(self, *args):
        return harness.run_guarded(self.state, args)

    def ctl_once(self, *args):
        """Where it may be that it cannot be done."""
        return run(program("anchorctl"), "--state", self.state, *harness.agreed(args))

    def facts(self, *args):
        result = self.ctl(*args, "--json")
        if result.returncode not in (0, 1) or not result.stdout:
            raise Problem(f"anchorctl {' '.join(map(str, args))}: {result.returncode}: {result.stderr.decode()}")
        return json.loads(result.stdout)

    def status(self):
        return self.service.status()

    def change(self, *args):
        """"made", or by which rule it was refused: for what phones hold, or for what is so already."""
        return self.judged(args, self.ctl(*args))

    def judged(self, args, result, also=()):
        error = [line for line in result.stderr.decode().splitlines() if not line.startswith("anchorctl: warning: ")]
        if result.returncode == 0:
            return "made"
        rules = [words for words in (*REFUSALS, *also) if words in "\n".join(error)]
        if result.returncode != 1 or not rules:
            raise Problem(f"anchorctl {' '.join(map(str, args))} ends with {result.returncode}: {result.stderr.decode()}")
        return rules[0]

    def begin(self, *args):
        """A command that is not waited for."""
        return subprocess.Popen([str(a) for a in (program("anchorctl"), "--state", self.state, *harness.agreed(args))],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                env=harness.environment())

    # Files.

    def provisioning(self, name):
        return self.state / "provisioning" / name

    def put(self, name, content):
        """As an administrator is told to: aside, then renamed."""
        aside = self.provisioning(f".{name}")
        aside.write_bytes(content)
        aside.rename(self.provisioning(name))

    def fill(self):
        """Not a byte is left."""
        with open(self.disk / "ballast", "wb", buffering=0) as out:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        out.write(b"x" * size)
                except OSError:
                    pass

    def empty(self):
        (self.disk / "ballast").unlink(missing_ok=True)

    def room(self):
        return shutil.disk_usage(self.disk).free


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident(pid):
    """MiB."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise Problem("no memory is told of")
