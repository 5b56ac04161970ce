"""What the end-to-end tests share: the programs, a cluster to copy, a running anchord,
raw clients, and a runner that speaks TAP.

ANCHORD_BIN         the build directory
ANCHORD_ALLOW_SKIP  when set, a test may be skipped; otherwise that is a failure
ANCHORD_SLOW        1 in sanitizer builds: fewer clients, longer bounds
ANCHORD_TIME_FACTOR how many times as long as on an idle machine things take; measured when it is not given

    harness.py MODULE [TEST...]     runs a module's tests, printing TAP, each in a network of its own
"""

import atexit
import contextlib
import ctypes
import functools
import importlib
import json
import os
import pathlib
import re
import resource
import select
import shutil
import signal
import socket
import sqlite3
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import unittest

import network
import time_factor

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
CERTS = DATA / "certs"
BUILD = pathlib.Path(os.environ.get("ANCHORD_BIN", "build")).absolute()
SLOW = os.environ.get("ANCHORD_SLOW") == "1"
MAY_SKIP = bool(os.environ.get("ANCHORD_ALLOW_SKIP"))
# Nothing here measures speed: bounds only end what hangs.
FACTOR = time_factor.factor()
BOUND = min(1800, 120 * FACTOR * (4 if SLOW else 1))

LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (trace|debug|info|warn|warning|error|critical) ")
SANITIZER = re.compile(r"(Address|Thread|Leak|Memory|UndefinedBehavior)Sanitizer|runtime error:")


def program(name):
    for path in (BUILD / "src/apps" / name / name, BUILD / name):
        if path.is_file():
            return path
    raise unittest.SkipTest(f"there is no {name} below ANCHORD_BIN={BUILD}")


def client(name):
    """A program of the system's that a test needs."""
    path = shutil.which(name)
    if path is None:
        raise unittest.SkipTest(f"{name} is not installed")
    return path


@functools.cache
def scratch():
    folder = tempfile.mkdtemp(prefix="anchord-e2e-")
    owner = os.getpid()
    atexit.register(lambda: os.getpid() == owner and shutil.rmtree(folder, ignore_errors=True))
    return pathlib.Path(folder)


def environment():
    # Meson's MALLOC_PERTURB_ touches all that is allocated, which operators' services do not.
    return {k: v for k, v in os.environ.items() if k not in ("ANCHORD_STATE", "MALLOC_PERTURB_")}


def run(*args, **how):
    how.setdefault("stdin", subprocess.DEVNULL)
    how.setdefault("timeout", BOUND)
    return subprocess.run([str(a) for a in args], capture_output=True, env=environment(), **how)


def wait_for(condition, what, bound=BOUND):
    """The first true value of condition(); fails when there is none in time."""
    end = time.monotonic() + bound
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {bound} s in vain: {what}")
        time.sleep(0.02)


GUARDED = {("cert", "regenerate"), ("cert", "remove"), ("mode", "set"), ("rollback", "prepare"), ("rollback", "cancel"),
           ("rollback", "status"), ("set", "digest"), ("backup", "restore")}


NOT_YET = (b"has not taken over the last change", b"would lock them: timed out", b"would lock them: it takes too long",
           b"the store is busy")


def agreed(args):
    """The clusters of most tests have two hosts, of which one runs: an administrator says that the other agrees."""
    return (*args, "--hosts-agree") if tuple(args[:2]) in GUARDED and "--hosts-agree" not in args else args


def run_guarded(state, args, **how):
    """A change waits for the one before it to be in service, and for the ledger: on a busy machine that may take a while."""
    def once():
        result = run(program("anchorctl"), "--state", state, *agreed(args), **how)
        return None if any(words in result.stderr for words in NOT_YET) else result
    return wait_for(once, "the change before this one is in service")


def rollback_status(state):
    """Where it is known to be safe to revert the servers, the exit code is 0."""
    return run(program("anchorctl"), "--state", state, "rollback", "status", "--hosts-agree")


@functools.cache
def pristine():
    """A state directory of two hosts that tests copy; never served from itself."""
    state = scratch() / "pristine"
    made = run(program("anchorctl"), "--state", state, "init", "--name", "demo", "--host", "cucm1=127.0.0.1",
               "--host", "cucm2", "--organization", "Example Corp", "--country", "US")
    assert made.returncode == 0, made.stderr.decode()
    return state


def der(name):
    return ssl.PEM_cert_to_DER_cert((CERTS / f"{name}.crt").read_text())


def vector(name):
    return bytes.fromhex((DATA / "tvs" / f"{name}.hex").read_text())


def many_certificates(count):
    """Certificates that differ in their serial numbers alone; their signature is of no interest here."""
    base = bytearray(der("app-ec"))
    at = base.index(b"\x02\x14") + 4
    for i in range(count):
        base[at:at + 2] = struct.pack(">H", 0x1000 + i)
        yield bytes(base)


class Case(unittest.TestCase):
    """Each test has a folder, and a copy of the cluster in it."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=scratch()))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.state = self.folder / "state"
        shutil.copytree(pristine(), self.state)

    def ctl(self, *args, code=0):
        result = run_guarded(self.state, args)
        # A person is needed in most of these clusters: they have no backup.
        codes = (0, 1) if args[:1] == ("status",) else (code,)
        self.assertIn(result.returncode, codes, result.stderr.decode())
        return result.stdout.decode()

    def facts(self, *args, code=0):
        return json.loads(self.ctl(*args, "--json", code=code))

    def refused(self, code, *args, says=(), **how):
        """Exit code, nothing printed, one line on standard error, and the words that must be in it."""
        result = run_guarded(self.state, args, **how)
        error = result.stderr.decode()
        self.assertEqual(result.returncode, code, error)
        self.assertEqual((error.count("\n"), result.stdout), (1, b""), error)
        for words in [says] if isinstance(says, str) else says:
            self.assertIn(words, error)
        return error

    def add(self, certificate, *how):
        """A certificate's DER, or the name of one of tests/data/certs, into the store."""
        if isinstance(certificate, bytes):
            file = self.folder / "added.der"
            file.write_bytes(certificate)
        else:
            file = CERTS / f"{certificate}.crt"
        self.ctl("cert", "add", file, *(how or ("--role", "app-server")))

    def own_certificate(self, service):
        file = self.folder / f"{service}.pem"
        file.write_text(self.ctl("cert", "export", service))
        return file


# A client that is slow because the machine is, is no silent one. Who tests a limit gives it.
LONG_LIMITS = {flag: 1000 * BOUND for flag in ("--handshake-timeout", "--request-timeout", "--idle-timeout")}


class Service:
    """A running anchord on loopback, with free ports. At its end: SIGTERM, exit 0, no sanitizer's report."""

    def __init__(self, state, *flags, listen=("127.0.0.1",), ports=("auto",) * 4, inside=(), preexec=None):
        """`ports` of TVS, TFTP, HTTP and HTTPS, those left out switched off; `inside` runs it, as "ip netns exec X"."""
        self.state = pathlib.Path(state)
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=scratch()))
        self.log_file = self.folder / "log"
        self.args = [*inside, program("anchord"), "--state", state]
        for service, port in zip(("tvs", "tftp", "http", "https"), (*ports, "0", "0")):
            self.args += [f"--{service}-port", port]
        for address in listen:
            self.args += ["--listen", address]
        for limit, value in LONG_LIMITS.items():
            if limit not in flags:
                self.args += [limit, value]
        self.args = [str(a) for a in (*self.args, *flags)]
        self.preexec = preexec
        self.process = None

    def __enter__(self):
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                            env=environment(), preexec_fn=self.preexec)
        try:
            self.ready = self._ready_line()
        except BaseException:
            self.kill()
            raise
        listening = dict(part.split("=", 1) for part in self.ready.split()[1:])
        self.tvs, self.tftp, self.http, self.https = (
            [self._address(a) for a in listening.get(service, "").split(",") if a]
            for service in ("tvs", "tftp", "http", "https"))
        return self

    def _ready_line(self):
        line, end = b"", time.monotonic() + BOUND
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            part = os.read(self.process.stdout.fileno(), 1) if readable else b""
            if not part:
                raise AssertionError(f"anchord did not get ready: {self.log()[-2000:]}")
            line += part
        if not line.startswith(b"ready "):
            raise AssertionError(f"not a ready line: {line}")
        return line.decode().strip()

    @staticmethod
    def _address(text):
        host, port = text.rsplit(":", 1)
        return host.strip("[]"), int(port)

    def log(self):
        return self.log_file.read_text(errors="replace")

    def signal(self, number):
        self.process.send_signal(number)

    def hang(self):
        """Stops it where it writes nothing: whoever is stopped within a write keeps the store to himself. SIGCONT ends it."""
        end = time.monotonic() + BOUND
        while time.monotonic() < end:
            self.signal(signal.SIGSTOP)
            while not self._stopped() and time.monotonic() < end:
                time.sleep(0.01)
            with contextlib.closing(sqlite3.connect(self.state / "anchord.db", timeout=0, isolation_level=None)) as store:
                try:
                    store.execute("BEGIN IMMEDIATE")
                    return
                except sqlite3.OperationalError:
                    self.signal(signal.SIGCONT)
        raise AssertionError("anchord writes without end")

    def _stopped(self):
        threads = pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()
        try:
            return all(thread.joinpath("stat").read_text().rsplit(") ", 1)[1].startswith("T") for thread in threads)
        except FileNotFoundError:  # one has just ended
            return False

    def wait(self):
        """The exit code, of a service that was told to end."""
        return self.process.wait(timeout=BOUND)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __exit__(self, kind, *_):
        self.stop(quiet=kind is not None)

    def stop(self, quiet=False):
        killed = self.process.returncode == -signal.SIGKILL
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=BOUND)
        except subprocess.TimeoutExpired:
            self.kill()
            code = "none: it did not end"
        self.process.stdout.close()
        log = self.log()
        if quiet:
            sys.stdout.write("".join(f"# anchord: {line}\n" for line in log.splitlines()[-30:]))
            return
        if SANITIZER.search(log):
            raise AssertionError("a sanitizer reports:\n" + log[-20000:])
        if not killed and code != 0:
            raise AssertionError(f"anchord's exit code is {code}:\n{log[-4000:]}")

    def status(self):
        """What the running service says of itself, through anchorctl, which waits for two seconds only."""
        end = time.monotonic() + BOUND
        while True:
            result = run(program("anchorctl"), "--state", self.state, "status", "--json")
            facts = json.loads(result.stdout)["service"]
            if facts["running"]:
                return facts["status"]
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"no status: {facts['reason']}")

    def counters(self):
        return self.status()["counters"]


def message(command, session, items, reserved=0):
    body = b"".join(struct.pack(">BH", tag, len(value)) + value for tag, value in items)
    return struct.pack(">BBBBIH", 0x57, 1, command, reserved, session, len(body)) + body


def verify_request(certificate, session=1, device="CP-8861-SEP001122334455"):
    return message(1, session, [(1, b"\x01" + device.encode()), (2, certificate)])


def is_valid(answer):
    """Whether a verify or query was answered with yes."""
    return answer[10:14] == b"\x07\x00\x01\x00"


def tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Tvs:
    """A TVS client that sends whatever it is told to."""

    def __init__(self, address, source=None, bound=BOUND, context=None):
        raw = socket.create_connection(address, timeout=bound, source_address=source and (source, 0))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            # An end without close_notify is an error, so that tests can tell the two apart.
            self.socket = (context or tls_context()).wrap_socket(raw, suppress_ragged_eofs=False)
        except BaseException:
            raw.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def receive_exactly(self, count):
        out = b""
        while len(out) < count:
            part = self.socket.recv(count - len(out))
            if not part:
                raise EOFError(f"ended after {len(out)} of {count} bytes")
            out += part
        return out

    def receive(self):
        header = self.receive_exactly(10)
        return header + self.receive_exactly(struct.unpack(">H", header[8:])[0])

    def ask(self, request):
        self.send(request)
        return self.receive()

    def close_notify(self):
        """Whether the server ends the connection, after nothing more and with a close_notify."""
        try:
            return self.socket.recv(1) == b""
        except (ssl.SSLEOFError, ConnectionResetError):
            return False


def ask_once(address, request, **how):
    with Tvs(address, **how) as tvs:
        return tvs.ask(request)


MOST_REPLACED = 3  # times in a row that a file is replaced just then: more is no accident


def tftp_get(address, name, pause=0, on_block=None):
    """A file by TFTP, block by block, and the address that answered."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(BOUND)
        request = b"\0\1" + name + b"\0octet\0"
        s.sendto(request, address)
        content, expected, again = b"", 1, 0
        while True:
            packet, peer = s.recvfrom(70000)
            # What was replaced before its first block had come is asked for anew.
            if packet[:2] == b"\0\5" and b"ask again" in packet and again < MOST_REPLACED:
                s.sendto(request, address)
                content, expected, again = b"", 1, again + 1
                continue
            if packet[:2] == b"\0\5":
                raise OSError(f"error {packet[3]}: {packet[4:-1].decode()}")
            block = struct.unpack(">H", packet[2:4])[0]
            if block == expected:
                content += packet[4:]
                expected += 1
                if on_block:
                    on_block(block)
                time.sleep(pause)
            s.sendto(struct.pack(">HH", 4, block), peer)
            if len(packet) < 516:
                return content, peer[0]


def list_signer(content):
    """Subject, issuer and serial number of who signed a trust list, as its header has them."""
    at, found = 0, {}
    while not {4, 5, 6} <= found.keys():
        tag, length = struct.unpack(">BH", content[at:at + 3])
        container = tag in (3, 7, 9)
        found[tag] = content[at + 3:at + 3 + length]
        at += 3 if container else 3 + length
    return found[4], found[6], found[5]


def boot(service, phone, tvs=True):
    """A phone's whole boot by TFTP: lists, a question about who signed them, its configuration. What is not there
    is no matter. The ITL that it was given."""
    def fetch(name):
        try:
            return tftp_get(service.tftp[0], name.encode())[0]
        except OSError:
            return b""
    lists = [fetch(f"{kind}{phone}.tlv") or fetch(f"{kind}File.tlv") for kind in ("CTL", "ITL")]
    for content in filter(None, lists if tvs else ()):
        subject, issuer, serial = list_signer(content)
        ask_once(service.tvs[0], message(3, 1, [(1, b"\x01" + f"CP-8861-{phone}".encode()), (3, subject), (4, issuer),
                                                (5, serial)]))
    fetch(f"{phone}.cnf.xml.sgn")
    return lists[1]


def forbid_syscall(number, error, first_argument=None):
    """A function that makes a system call fail in the process that calls it, as a container's filter does."""

    class Instruction(ctypes.Structure):
        _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint32)]

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.POINTER(Instruction))]

    load, equal, result = 0x20, 0x15, 0x06
    allow, fail = 0x7FFF0000, 0x00050000
    number_at, argument_at = 0, 16
    code = [(load, 0, 0, number_at), (equal, 0, 1, number), (result, 0, 0, fail | error), (result, 0, 0, allow)]
    if first_argument is not None:
        code[1:2] = [(equal, 0, 3, number), (load, 0, 0, argument_at), (equal, 0, 1, first_argument)]
    prog = Program(len(code), (Instruction * len(code))(*(Instruction(*c) for c in code)))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    no_new_privileges, seccomp, mode_filter = 38, 22, 2

    def forbid():
        if prctl(no_new_privileges, 1, 0, 0, 0) != 0 or prctl(seccomp, mode_filter, ctypes.byref(prog), 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "no seccomp filter can be set")

    return forbid


def limit_descriptors(count):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


def processor_time():
    """Of this process and of all that it started and that have ended, in seconds."""
    times = os.times()
    return sum(times[:4])


class TapResult(unittest.TestResult):
    """One line for each test; a skip counts as a failure unless ANCHORD_ALLOW_SKIP is set. Each test has a network
    of its own, where that is allowed."""

    def __init__(self):
        super().__init__()
        refusal = network.refusal()
        self.own_network = refusal is None
        if refusal:
            print(f"# tests share the machine's network, as no namespace can be made: {refusal}", flush=True)
        self.count = self.failed = 0
        self.problems = []
        self.skipped_for = None

    def startTest(self, test):
        super().startTest(test)
        self.problems, self.skipped_for = [], None
        self.began = time.monotonic(), processor_time()
        if self.own_network:
            network.enter_new()

    def stopTest(self, test):
        super().stopTest(test)
        self.tell(test.id())
        print(f"# {time.monotonic() - self.began[0]:.1f} s, {processor_time() - self.began[1]:.1f} s of the processor",
              flush=True)

    def tell(self, name):
        self.count += 1
        name = name.removeprefix("__main__.")
        good = not self.problems and (self.skipped_for is None or MAY_SKIP)
        self.failed += not good
        skip = f" # SKIP {self.skipped_for}" if self.skipped_for and MAY_SKIP and good else ""
        for line in "".join(self.problems).splitlines():
            print("#", line)
        if self.skipped_for and not MAY_SKIP:
            print(f"# skipped, which only ANCHORD_ALLOW_SKIP allows: {self.skipped_for}")
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}{skip}", flush=True)

    def problem(self, test, error):
        self.problems.append("".join(traceback.format_exception(*error)))
        if not isinstance(test, unittest.TestCase):  # a module's or a class's set-up
            self.tell(test.id())
            self.problems = []

    def addError(self, test, err):
        self.problem(test, err)

    def addFailure(self, test, err):
        self.problem(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.problems.append(f"{subtest.id()}\n" + "".join(traceback.format_exception(*err)))

    def addSkip(self, test, reason):
        self.skipped_for = reason
        if not isinstance(test, unittest.TestCase):
            self.tell(test.id())
            self.skipped_for = None


def main(module="__main__", names=None):
    names = sys.argv[1:] if names is None else names
    found = importlib.import_module(module)
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(names, found) if names else loader.loadTestsFromModule(found)
    result = TapResult()
    suite.run(result)
    print(f"1..{result.count}", flush=True)
    sys.exit(1 if result.failed else 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
