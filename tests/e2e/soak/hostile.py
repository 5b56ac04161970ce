"""Peers that are slow, broken or hostile, each kind at a bounded rate, in a process of their own until it is told to end.

What they do to the service is the service's to bear: nobody looks at their answers."""

import itertools
import multiprocessing
import random
import socket
import ssl
import time

import harness
from harness import FACTOR
from test_abuse import SOURCES, Hostile

# Of packets and connections, for machines that the honest phones share: the slower, the fewer.
A_SECOND = 1 / FACTOR
BESIDE_US = ["127.0.0.1"]  # whoever checks is behind the same address
BIG = "big.loads"  # what the slow ones read
ODD_NAMES = [b"SEP\x1b[31m0011.cnf.xml", "SEP\u202e0011.cnf.xml".encode(), b"a\r\nb", b"%s%n" * 8, b"../../etc/shadow", b"\xff" * 200,
             b"//////", b"SEP001122334455.cnf.xml?" + b"a" * 300]


def address(random):
    return f"127.0.{random.randrange(2, 250)}.{random.randrange(1, 255)}"


class Datagrams:
    """Sends requests from any address; never a word more."""

    def __init__(self, deployment, random, rate):
        self.deployment, self.random, self.due, self.rate = deployment, random, 0, rate * A_SECOND

    def tick(self, now):
        if now < self.due:
            return
        self.due = now + 1 / self.rate
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((address(self.random), 0))
            s.sendto(self.packet(), self.deployment.tftp)

    def request(self, name, options=b""):
        return b"\0\1" + name + b"\0octet\0" + options


class Forged(Datagrams):
    def packet(self):
        return self.request(self.random.choice([b"ITLFile.tlv", BIG.encode(), b"XMLDefault.cnf.xml.sgn"]),
                            self.random.choice([b"", b"blksize\x001428\0windowsize\x0016\0"]))


class Garbage(Datagrams):
    def packet(self):
        return self.random.choice([self.random.randbytes(self.random.randrange(600)), self.request(b"a" * 400),
                                   b"\0" + bytes([self.random.randrange(9)]) + self.random.randbytes(40),
                                   self.request(self.random.choice(ODD_NAMES))])


class Guessing(Datagrams):
    """Names of devices that there are not, from a few addresses."""

    def packet(self):
        return self.request(f"SEP00FF{self.random.randrange(1 << 32):08X}.cnf.xml.sgn".encode())


class SlowTransfers:
    """Transfers of 8 bytes a packet that are acknowledged now and then, begun one after the other: on as many views."""

    def __init__(self, deployment, random, count=80, pace=2):
        self.deployment, self.count, self.pace = deployment, count, pace
        self.random, self.open, self.due = random, [], 0

    def tick(self, now):
        if len(self.open) < self.count and now >= self.due:
            self.due = now + 1
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.setblocking(False)
            s.bind((address(self.random), 0))
            s.sendto(b"\0\1" + BIG.encode() + b"\0octet\0blksize\x008\0", self.deployment.tftp)
            self.open.append([s, now, now])
        for entry in self.open[:]:
            self.advance(entry, now)

    def advance(self, entry, now):
        s, acknowledged, heard = entry
        if now - acknowledged < self.pace:
            return
        last = None
        try:
            while True:
                last = s.recvfrom(2000)
        except OSError:
            pass
        if last and last[0][:2] in (b"\0\3", b"\0\6"):
            block = last[0][2:4] if last[0][1] == 3 else b"\0\0"
            s.sendto(b"\0\4" + block, last[1])
            entry[1:] = [now, now]
        elif now - heard > 30 or last:  # it has given up, or was killed
            s.close()
            self.open.remove(entry)


class SlowReaders:
    """Ask for a big file by HTTP and read a little of it now and then; or finish a handshake and say nothing."""

    def __init__(self, deployment, random, count=8):
        self.deployment, self.random, self.count, self.open, self.due = deployment, random, count, [], 0

    def tick(self, now):
        if len(self.open) < self.count and now >= self.due:
            self.due = now + 0.5
            try:
                self.open.append(self.begin())
            except OSError:
                return
        for s in self.open[:]:
            try:
                if self.random.random() < 0.02 and not s.recv(1000) or self.random.random() < 0.001:
                    raise OSError
            except (BlockingIOError, ssl.SSLWantReadError):
                pass
            except OSError:
                s.close()
                self.open.remove(s)

    def begin(self):
        service = self.random.choice(("http", "https", "tvs"))
        s = socket.create_connection(getattr(self.deployment, service), timeout=20, source_address=(address(self.random), 0))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            if service != "http":
                s = harness.tls_context().wrap_socket(s)
            if service != "tvs":
                s.sendall(f"GET /{BIG} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        except OSError:
            s.close()
            raise
        s.setblocking(False)
        return s


class Peers:
    """All of them. `site` has the addresses `tvs`, `http`, `https` and `tftp`."""

    def __init__(self, deployment, seed):
        self.deployment, self.seed = deployment, seed
        forked = multiprocessing.get_context("fork")
        self.ended = forked.Event()
        self.crowds = [Hostile(getattr(deployment, service), count, again=10 * A_SECOND, sources=sources)
                       for service, count, sources in (("tvs", 60, SOURCES), ("https", 40, SOURCES), ("tvs", 150, BESIDE_US),
                                                       ("http", 150, BESIDE_US))]
        self.process = forked.Process(target=self.run)

    def run(self):
        seeds = itertools.count(self.seed)
        kinds = [kind(self.deployment, random.Random(next(seeds)), *how)
                 for kind, *how in ((Forged, 100), (Garbage, 40), (Guessing, 10), (SlowTransfers,), (SlowReaders,))]
        while not self.ended.is_set():
            for kind in kinds:
                try:
                    kind.tick(time.monotonic())
                except OSError:  # nobody there: it is killed and comes again
                    pass
            time.sleep(0.005)

    def __enter__(self):
        self.process.start()
        for crowd in self.crowds:
            crowd.__enter__()
        return self

    def __exit__(self, *error):
        self.ended.set()
        for crowd in self.crowds:
            crowd.__exit__(*error)
        self.process.join(harness.BOUND)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()

    def are_well(self):
        return self.process.is_alive() and all(crowd.process.is_alive() for crowd in self.crowds)
