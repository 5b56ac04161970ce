"""Hostile clients by the thousand, and honest ones who are answered all the same."""

import contextlib
import http.client
import itertools
import multiprocessing
import random
import resource
import selectors
import socket
import ssl
import threading
import time

import harness
from harness import FACTOR, SLOW, Service, ask_once, client, der, is_valid, run, verify_request, wait_for

WANTED = 1500 if SLOW else 10_000
SECONDS = 15
# anchord's default, where the machine is idle: an honest client is to be through before.
HANDSHAKE_TIMEOUT = 5 * FACTOR
# Connections that are opened anew each second: on two cores that anchord shares with all of its clients.
AGAIN = (200 if SLOW else 1000) / FACTOR
SOURCES = [f"127.0.1.{i}" for i in range(1, 251)]


def connections_allowed():
    """As many as wanted, if this process may have so many; raises its limit to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < WANTED + 2000:
        scaled = max(500, hard - 2000)
        print(f"# only {hard} open files are allowed (ulimit -Hn): {scaled} hostile connections, not {WANTED}")
        return scaled
    return WANTED


def client_hello():
    out = ssl.MemoryBIO()
    tls = harness.tls_context().wrap_bio(ssl.MemoryBIO(), out)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return out.read()
    raise AssertionError("a handshake without a peer")


class Hostile:
    """A process that keeps so many connections open, each of one kind. At first it opens them as fast as it can;
    then those that are closed on it are opened anew, so many a second, until `calm` is set."""

    KINDS = ("silent", "trickling", "half", "garbage")
    AT_ONCE = 100

    def __init__(self, address, count, again=AGAIN, sources=SOURCES):
        self.address, self.count, self.again, self.sources = address, count, again, sources
        self.random = random.Random(4)
        self.hello = client_hello()
        self.open = {}  # descriptor: [socket, kind, bytes of the hello sent, time of the next]
        self.budget, self.looked = count, time.monotonic()
        forked = multiprocessing.get_context("fork")
        self.opened = forked.Array("q", len(self.KINDS), lock=False)
        self.peak = forked.Value("q", 0, lock=False)
        self.calm, self.ended = forked.Event(), forked.Event()
        self.process = forked.Process(target=self.run)

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, kind, *_):
        self.ended.set()
        self.process.join(harness.BOUND)
        if self.process.is_alive():
            self.process.kill()
        if kind is None and self.process.exitcode != 0:
            raise AssertionError("the hostile clients failed themselves")

    def run(self):
        self.selector = selectors.EpollSelector()
        while not self.ended.is_set():
            self.tick()

    def tick(self):
        now = time.monotonic()
        self.budget += (now - self.looked) * self.again
        self.looked = now
        if sum(self.opened) >= self.count:
            self.budget = min(self.budget, self.AT_ONCE)
        wanted = 0 if self.calm.is_set() else min(self.AT_ONCE, self.count - len(self.open), int(self.budget))
        for _ in range(wanted):
            self.begin()
        self.budget -= wanted
        self.peak.value = max(self.peak.value, len(self.open))
        for key, events in self.selector.select(0.01):
            self.advance(key.fd, events)
        for entry in [e for e in self.open.values() if e[3] and e[3] <= now]:
            self.trickle(entry, now)

    def begin(self):
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        s.bind((self.random.choice(self.sources), 0))
        s.connect_ex(self.address)
        kind = sum(self.opened) % len(self.KINDS)
        self.opened[kind] += 1
        self.open[s.fileno()] = [s, self.KINDS[kind], 0, None]
        self.selector.register(s, selectors.EVENT_WRITE)

    def advance(self, descriptor, events):
        entry = self.open[descriptor]
        s, kind = entry[:2]
        try:
            if events & selectors.EVENT_WRITE:
                self.selector.modify(s, selectors.EVENT_READ)
                if kind == "half":
                    s.send(self.hello)
                elif kind == "garbage":
                    s.send(self.random.randbytes(self.random.randrange(1, 2000)))
                elif kind == "trickling":
                    entry[3] = time.monotonic()
            elif not s.recv(65536):
                self.end(s)
        except BlockingIOError:
            pass
        except OSError:
            self.end(s)

    def trickle(self, entry, now):
        s, _, sent, _ = entry
        entry[2:] = [sent + 1, now + 1]
        try:
            s.send(self.hello[sent:sent + 1])
        except OSError:
            self.end(s)

    def end(self, s):
        del self.open[s.fileno()]
        self.selector.unregister(s)
        s.close()


class Crowd(harness.Case):
    def setUp(self):
        super().setUp()
        self.count = connections_allowed()
        self.add("app-ec")
        self.ctl("itl", "build", "--out", self.folder / "itl")
        self.itl = (self.folder / "itl").read_bytes()

    def honest_work(self, service, hostile):
        """Questions on new connections, one after the other, and a file now and then: all are answered."""
        end = time.monotonic() + SECONDS
        slowest, asked, fetched, next_fetch = 0, 0, 0, 0
        while time.monotonic() < end or asked < 10:
            self.assertTrue(hostile.process.is_alive())
            began = time.monotonic()
            # How long it takes is the machine's: with a full backlog TCP itself tries again after seconds. That nobody
            # has to wait until the hostile are timed out is for the simulated ring, in its own time.
            self.assertTrue(is_valid(ask_once(service.tvs[0], verify_request(der("app-ec")))))
            slowest, asked = max(slowest, time.monotonic() - began), asked + 1
            if began >= next_fetch:
                self.assertEqual(harness.tftp_get(service.tftp[0], b"ITLFile.tlv")[0], self.itl)
                fetched, next_fetch = fetched + 1, began + 1
            time.sleep(0.02)
        print(f"# {asked} questions answered, the slowest in {slowest * 1000:.0f} ms; {fetched} files; "
              f"{hostile.peak.value} hostile connections at once, {sum(hostile.opened)} in all")
        return asked

    @staticmethod
    def arrived(service):
        counters = service.counters()
        return counters["tvs_accepted"] + counters["tvs_refused_full"]

    def besiege(self, limit, *flags):
        flags = ("--handshake-timeout", 1000 * HANDSHAKE_TIMEOUT, *flags)
        with Service(self.state, *flags) as service, Hostile(service.tvs[0], self.count) as hostile:
            wait_for(lambda: self.arrived(service) >= self.count, "they are all there")
            asked = self.honest_work(service, hostile)
            self.assertLessEqual(service.counters()["tvs_open"], limit)
            # They stay, but open no more: the service lets go of each by itself. When exactly is for the simulated ring.
            hostile.calm.set()
            counters = wait_for(lambda: (c := service.counters())["tvs_open"] == 0 and c, "all are timed out")
            for opened in hostile.opened:
                self.assertGreaterEqual(opened, self.count // 4)
        self.assertEqual(counters["tvs_handshakes"], asked)
        self.assertEqual(counters["tvs_verify_valid"], asked)
        self.assertGreater(counters["tvs_handshake_timeouts"], 0)
        self.assertGreater(counters["tvs_handshake_failures"], self.count // 5)
        self.assertEqual(counters["tvs_refused_address"], 0)
        return counters

    def test_with_the_limits_that_are_default(self):
        self.besiege(8192)

    def test_at_the_limit(self):
        limit = 300 if SLOW else 2000
        counters = self.besiege(limit, "--max-connections", limit)
        self.assertGreater(counters["tvs_evicted"] + counters["tvs_refused_full"], 0)

    def test_idle_after_the_handshake(self):
        """Those who finish a handshake, or even ask a question, and then say nothing, go in their turn."""
        idle = 30
        for limit, asks in (("--request-timeout", False), ("--idle-timeout", True)):
            with self.subTest(limit), Service(self.state, limit, "1000") as service:
                context = harness.tls_context()
                held = [harness.Tvs(service.tvs[0], context=context) for _ in range(idle)]
                for tvs in held if asks else ():
                    self.assertTrue(is_valid(tvs.ask(verify_request(der("app-ec")))))
                for tvs in held:
                    self.assertTrue(tvs.close_notify())
                    tvs.socket.close()
                counters = wait_for(lambda: (c := service.counters())["tvs_open"] == 0 and c, "all are closed")
                self.assertEqual(counters["tvs_idle_timeouts"], idle)


class OneAddress(harness.Case):
    def test_limit_for_each_address(self):
        self.add("app-ec")
        with Service(self.state, "--shards", "1", "--max-per-address", "10") as service:
            greedy = [harness.Tvs(service.tvs[0], source="127.0.5.1") for _ in range(10)]
            for tvs in greedy:
                self.assertTrue(is_valid(tvs.ask(verify_request(der("app-ec")))))
            for _ in range(5):
                with self.assertRaises(OSError):
                    harness.Tvs(service.tvs[0], source="127.0.5.1")
            counters = wait_for(lambda: (c := service.counters())["tvs_refused_address"] == 5 and c, "five too many")
            self.assertEqual(counters["tvs_open"], 10)
            self.assertTrue(is_valid(ask_once(service.tvs[0], verify_request(der("app-ec")))))
            for tvs in greedy:
                tvs.socket.close()
            wait_for(lambda: service.counters()["tvs_open"] == 0, "they are gone")
            # A place that was given back can be taken again.
            answer = ask_once(service.tvs[0], verify_request(der("app-ec")), source="127.0.5.1")
            self.assertTrue(is_valid(answer))


    def fetch(self, address, tls=None):
        connection = (http.client.HTTPSConnection if tls else http.client.HTTPConnection)(
            *address, timeout=harness.BOUND, source_address=("127.0.5.1", 0), **({"context": tls} if tls else {}))
        with contextlib.closing(connection):
            connection.request("GET", "/ITLFile.tlv")
            return connection.getresponse().read()

    def test_neighbours_behind_one_address(self):
        """Those who say nothing, or a little, and hold all places that their address may have, give way to who asks."""
        self.add("app-ec")
        self.ctl("itl", "build", "--out", self.folder / "itl")
        itl = (self.folder / "itl").read_bytes()
        request, tls = verify_request(der("app-ec")), harness.tls_context()
        with Service(self.state, "--max-per-address", "64", ports=("auto",) * 4) as service:
            for name, (address,), beginning, is_served in (
                    ("tvs", service.tvs, client_hello()[:7],
                     lambda: is_valid(ask_once(service.tvs[0], request, source="127.0.5.1"))),
                    ("http", service.http, b"GET /ITLF", lambda: self.fetch(service.http[0]) == itl),
                    ("https", service.https, client_hello()[:7], lambda: self.fetch(service.https[0], tls) == itl)):
                with self.subTest(name), contextlib.ExitStack() as held:
                    for say in (b"", beginning):
                        for _ in range(150):
                            s = held.enter_context(socket.create_connection(address, source_address=("127.0.5.1", 0)))
                            with contextlib.suppress(OSError):  # one that has given way already
                                s.sendall(say)
                    def came():
                        counters = service.counters()
                        return counters[f"{name}_accepted"] + counters[f"{name}_refused_address"] >= 300
                    wait_for(came, "they are all there")
                    time.sleep(0.1)  # longer than it takes until who speaks gives way
                    before = service.counters()
                    self.assertGreaterEqual(before[f"{name}_open"], 32)
                    for _ in range(60):
                        self.assertTrue(is_served())
                    counters = service.counters()
                    self.assertEqual(counters[f"{name}_refused_address"], before[f"{name}_refused_address"])
                    self.assertGreater(counters[f"{name}_evicted"], before[f"{name}_evicted"])


class Datagrams(harness.Case):
    def setUp(self):
        super().setUp()
        self.ctl("itl", "build", "--out", self.folder / "itl")
        self.itl = (self.folder / "itl").read_bytes()

    def fetch(self, service):
        host, port = service.tftp[0]
        out = self.folder / "out"
        result = run(client("curl"), "-sS", "-o", out, f"tftp://{host}:{port}/ITLFile.tlv")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertEqual(out.read_bytes(), self.itl)

    @staticmethod
    def garbage(seeded):
        kind = seeded.randrange(4)
        if kind == 0:
            return seeded.randbytes(seeded.randrange(0, 1500))
        if kind == 1:  # of every operation, and of none
            return bytes([0, seeded.randrange(0, 9)]) + seeded.randbytes(seeded.randrange(0, 600))
        if kind == 2:  # requests that are nearly right
            return b"\0\1ITLFile.tlv\0octet\0" + seeded.choice(
                [b"blksize", b"blksize\0", b"blksize\0seven\0", b"blksize\0" + b"9" * 400 + b"\0", b"tsize\0-1\0",
                 b"\xff", b"x\0" * 200, b"blksize\08\0" * 40, b"timeout\0000\0"])
        return b"\0\1" + b"a" * seeded.randrange(0, 1400) + seeded.choice([b"", b"\0", b"\0netascii\0", b"\0mail\0"])

    def test_garbage_does_not_stop_transfers(self):
        enough = threading.Event()

        def flood(address):
            seeded = random.Random(5)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.bind(("127.0.6.1", 0))
                s.setblocking(False)
                for i in itertools.count():
                    if i >= 10_000 and enough.is_set():
                        return
                    try:
                        s.sendto(self.garbage(seeded), address)
                        s.recv(2000)
                    except OSError:
                        pass
                    if i % 20 == 0:
                        time.sleep(0.005)

        with Service(self.state) as service:
            flooding = threading.Thread(target=flood, args=service.tftp[:1])
            flooding.start()
            for _ in range(10):
                self.fetch(service)
            wait_for(lambda: (c := service.counters())["tftp_malformed"] > 1000 and c["tftp_unsupported"] > 0,
                     "garbage of both kinds is counted")
            enough.set()
            flooding.join()
            self.fetch(service)

    def test_requests_that_nobody_follows(self):
        """A request whose sender never acknowledges gets two packets and no more, and takes no transfer."""
        request = b"\0\1ITLFile.tlv\0octet\0"
        with Service(self.state, "--tftp-timeout", "50", "--max-transfers", "1", "--shards", "1") as service:
            for repeated in (1, 2):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as quiet:
                    quiet.settimeout(harness.BOUND)
                    quiet.sendto(request, service.tftp[0])
                    first = quiet.recv(2000)
                    self.assertEqual((first[:4], quiet.recv(2000)), (b"\0\3\0\1", first))
                    counters = service.counters()
                    self.assertEqual((counters["tftp_retransmits"], counters["tftp_active"]), (repeated, 0))
                    quiet.setblocking(False)
                    self.assertRaises(BlockingIOError, quiet.recv, 2000)

    def test_no_more_transfers_than_there_may_be(self):
        """More than that are told so, and those under way go on."""
        many, limit, request = 200, 64, b"\0\1ITLFile.tlv\0octet\0"
        with contextlib.ExitStack() as senders, \
                Service(self.state, "--tftp-timeout", "60000", "--max-transfers", limit, "--shards", "1") as service:
            asked, transfers = [], []
            for _ in range(many):
                s = senders.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                s.settimeout(harness.BOUND)
                s.sendto(request, service.tftp[0])
                packet, peer = s.recvfrom(2000)
                self.assertEqual(packet[:4], b"\0\3\0\1")  # so far they have taken nothing
                asked.append((s, peer))
            for s, peer in asked:
                s.sendto(b"\0\4\0\1", peer)
                packet = s.recv(2000)
                transfers += [(s, peer)] if packet[:4] == b"\0\3\0\2" else []
                self.assertIn(packet[:2], (b"\0\3", b"\0\5"))
            counters = service.counters()
            self.assertEqual((len(transfers), counters["tftp_active"], counters["tftp_full"]),
                             (limit, limit, many - limit))
            s.sendto(request, service.tftp[0])
            self.assertEqual(s.recv(2000)[:2], b"\0\5")
            for s, peer in transfers:
                s.sendto(b"\0\4\0\2", peer)
                self.assertEqual(s.recv(2000)[:4], b"\0\3\0\3")
                s.sendto(b"\0\5\0\0enough\0", peer)
            wait_for(lambda: service.counters()["tftp_active"] == 0, "their own errors end them")
            self.fetch(service)

    def test_slow_peers_hold_up_no_publishing(self):
        """Each version is in service at once, though of each of those before it somebody has taken only 8 bytes."""
        request = b"\0\1changing\0octet\0blksize\x008\0"
        file = self.state / "provisioning" / "changing"
        file.write_bytes(b"before")
        with contextlib.ExitStack() as slow, Service(self.state) as service:
            for version in range(70):
                content = b"%08d" % version * 20
                file.with_name(".next").write_bytes(content)
                file.with_name(".next").rename(file)
                wait_for(lambda: harness.tftp_get(service.tftp[0], b"changing")[0] == content, f"version {version}")
                s = slow.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                s.settimeout(harness.BOUND)
                s.sendto(request, service.tftp[0])
                _, peer = s.recvfrom(2000)
                s.sendto(b"\0\4\0\0", peer)
                while (packet := s.recv(2000))[:2] == b"\0\6":
                    pass
                self.assertEqual(packet, b"\0\3\0\1" + content[:8])
            self.assertEqual(service.status()["snapshot"]["problem"], "")
            self.assertGreater(service.counters()["tftp_active"], 64)

    def test_acknowledgements_with_an_unknown_tid(self):
        """Nobody else moves, ends or sees a transfer."""
        with Service(self.state, "--shards", "1", "--tftp-timeout", "60000") as service:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as us, \
                    socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other_tid:
                us.settimeout(harness.BOUND)
                other_tid.settimeout(harness.BOUND)
                us.sendto(b"\0\1ITLFile.tlv\0octet\0", service.tftp[0])
                _, transfer = us.recvfrom(2000)
                for packet in (b"\0\4\0\1", b"\0\3\0\1x", b"\0\6blksize\08\0"):
                    other_tid.sendto(packet, transfer)
                    self.assertEqual(other_tid.recv(2000)[:4], b"\0\5\0\5")
                other_tid.sendto(b"\0\5\0\0end\0", transfer)
                wait_for(lambda: service.counters()["tftp_unknown_tid"] == 4, "they are counted")
                self.assertEqual(service.counters()["tftp_tid_mismatch"], 0)
                us.sendto(b"\0\4\0\1", transfer)
                while (packet := us.recv(2000))[:4] == b"\0\3\0\1":
                    pass
                self.assertEqual(packet, b"\0\3\0\2" + self.itl[512:1024])
                us.sendto(b"\0\5\0\0enough\0", transfer)
                wait_for(lambda: service.counters()["tftp_active"] == 0, "its own error ends it")


if __name__ == "__main__":
    harness.main()
