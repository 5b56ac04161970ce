"""anchorload at servers that are slow, that do not answer at all, and that are restarted while they are asked; what it
says of its own begin; and what it leaves unmeasured."""

import contextlib
import itertools
import json
import socket
import ssl
import time

import harness
from harness import CERTS, SLOW, Service, program, wait_for
from network import unused_port
from test_anchorload import LOOPBACK, Http, Load, Running, Tftp, data, refused_again, response


class Case(Load):
    TVS = ("--cert", CERTS / "app-ec.crt")
    FILE = ("--file", "ITLFile.tlv")

    def asked(self, service):
        """Of each protocol: its name, its port at this service, and what to ask for."""
        return (("tvs", service.tvs[0][1], self.TVS), ("tvs", service.tvs[0][1], (*self.TVS, "--mode", "pipeline")),
                ("tftp", service.tftp[0][1], self.FILE), ("http", service.http[0][1], self.FILE))


def drip(server, connection, endless):
    """A byte now and then, as long as anybody listens."""
    for byte in endless:
        if server.over:
            return
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


class Slow(Case):
    """Each byte comes in time; all of them never do."""

    def test_http(self):
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
        for begin in (b"", head):
            with Http(serve=lambda c, _, begin=begin: drip(server, c, itertools.chain(begin, itertools.repeat(0x48)))) as server:
                flags = ("--file", "x", "--connections", 2, "--timeout", 0.4)
                self.errors(self.load("http", server.port, *flags, "--count", 3), timeout=3)
                self.errors(self.load("http", server.port, *flags, "--count", 3, "--fail-on-error", code=1), timeout=3)
                self.errors(self.load("http", server.port, *flags, "--seconds", 0.1), timeout=2)

    def test_tvs(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTS / "tvs.crt", CERTS / "tvs.key")

        def serve(connection, _):
            connection.settimeout(harness.BOUND)
            with contextlib.suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True) as secure:
                drip(server, secure, harness.message(2, 0, [(7, bytes(1000))]))

        with Http(serve=serve) as server:
            for mode in ("connect", "keepalive", "pipeline"):
                report = self.load("tvs", server.port, *self.TVS, "--count", 3, "--timeout", 0.6, "--mode", mode)
                self.errors(report, timeout=3)

    def test_a_handshake(self):
        """anchord, behind somebody who passes its bytes on one by one."""
        with Service(self.state) as service:
            def serve(connection, _):
                with socket.create_connection(service.tvs[0]) as behind:
                    behind.settimeout(0.2)
                    with contextlib.suppress(socket.timeout):
                        behind.sendall(connection.recv(4096))
                    with contextlib.suppress(socket.timeout):
                        drip(server, connection, behind.recv(4096))
                    wait_for(lambda: server.over, "the end")

            with Http(serve=serve) as server:
                report = self.load("tvs", server.port, *self.TVS, "--count", 3, "--connections", 3, "--timeout", 0.5)
                self.errors(report, timeout=3)

    def test_tftp_that_says_the_same_again_and_again(self):
        with Tftp() as server:
            def on_packet(packet, peer):
                if packet[:2] == b"\0\1":
                    for _ in range(12 * 8):
                        if server.over or server.packets[-1][:2] == b"\0\5":
                            return
                        server.send(data(1, b"y" * 512), peer)
                        time.sleep(0.125)

            server.on_packet = on_packet
            report = self.load("tftp", server.port, "--file", "x", "--count", 1, "--fail-on-error", code=1)
            self.errors(report, timeout=1)
            self.assertIn("block 2", report["error_examples"]["timeout"])

    def test_boot(self):
        with Http(serve=lambda c, _: drip(server, c, itertools.repeat(0x48))) as server:
            result = harness.run(program("anchorload"), "boot", "--host", LOOPBACK, "--phones", 3, "--http-port", server.port,
                                 "--protocol", "http", "--timeout", 0.2, "--json", "--fail-on-error")
            self.assertEqual(result.returncode, 1, result.stderr)
            report = json.loads(result.stdout)
            self.assertEqual(report["phones"]["degraded"], 3)
            self.assertGreater(report["errors"]["timeout"], 3)


class NoAnswer(Case):
    def test_a_host_that_is_not_there(self):
        """Nobody takes connections: what comes to a full queue is lost, as on the way to a host that is switched off."""
        with socket.create_server((LOOPBACK, 0), backlog=0) as listener, contextlib.ExitStack() as waiting:
            port = listener.getsockname()[1]
            with contextlib.suppress(TimeoutError):
                while True:
                    waiting.enter_context(socket.create_connection((LOOPBACK, port), timeout=0.3))
            for protocol, flags in (("tvs", self.TVS), ("http", self.FILE)):
                report = self.load(protocol, port, *flags, "--count", 4, "--connections", 2, "--timeout", 0.3)
                self.errors(report, timeout=4)
                report = self.load(protocol, port, *flags, "--seconds", 0.3, "--connections", 2, "--timeout", 60,
                                   "--fail-on-error", code=1)
                self.errors(report, unfinished=2)

    def test_tvs_that_nobody_offers(self):
        with socket.socket() as taken:
            taken.bind((LOOPBACK, 0))
            flags = (taken.getsockname()[1], *self.TVS, "--seconds", 0.3, "--connections", 3)
            self.errors(self.load("tvs", *flags), refused=True)
            self.errors(self.load("tvs", *flags, "--fail-on-error", code=1), refused=True)


class Restarted(Case):
    """anchord ends in good order and comes back at the same ports, while it is asked."""

    # Of a service, each time: what its clients have not heard of yet is not much.
    ANSWERS = 60
    TIMEOUT = 1 * harness.FACTOR
    # They ask without a pause. With more, a service under sanitizers on a machine that has other work never comes to say
    # how it is: whoever serves phones goes before whoever answers administrators.
    CLIENTS = 2 if SLOW else 8

    def restart_under(self, protocol, flags, count):
        """The report of a run; `count` is what a service has answered."""
        ports = [unused_port(kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM) + 2 * (socket.SOCK_STREAM,)]
        with contextlib.ExitStack() as asking:
            with Service(self.state, ports=ports) as service:
                running = asking.enter_context(Running(protocol, "--fail-on-error", *flags(service)))
                wait_for(lambda: count(service) > self.ANSWERS, "the first answers")
                service.stop()
            # Longer than anybody tries again: who still asks then has found nobody for so long.
            refused_again()
            time.sleep(2 * self.TIMEOUT)
            refused_again()
            with Service(self.state, ports=ports) as service:
                wait_for(lambda: count(service) > self.ANSWERS, "answers after it")
                code, report = running.end()
        self.assertEqual(code, 1)
        self.assertGreater(report["completed"], 40)
        self.assertEqual(report["errors"]["content"] + report["errors"]["protocol"], 0, report)
        return report

    def ask(self, protocol, counter, *flags):
        report = self.restart_under(protocol, lambda service: ("--port", getattr(service, protocol)[0][1], "--connections",
                                                               self.CLIENTS, *flags), lambda service: service.counters()[counter])
        self.assertGreater(report["errors"]["refused"], 0, report)

    def test_tvs(self):
        for mode in ("connect", "resume", "keepalive", "pipeline"):
            self.ask("tvs", "tvs_verify_invalid", *self.TVS, "--mode", mode, "--timeout", 2 * self.TIMEOUT)

    def test_tftp(self):
        self.ask("tftp", "tftp_completed", *self.FILE)

    def test_http(self):
        self.ask("http", "http_completed", *self.FILE, "--timeout", 2 * self.TIMEOUT)
        self.ask("http", "http_completed", *self.FILE, "--timeout", 2 * self.TIMEOUT, "--depth", 4)

    def test_boot(self):
        (self.state / "provisioning" / "XMLDefault.cnf.xml").write_text("<Default/>\n")

        def flags(service):
            return ("--phones", 20, "--timeout", self.TIMEOUT, "--trust", self.folder / "phones", "--http-port",
                    service.http[0][1], "--tftp-port", service.tftp[0][1], "--tvs-port", service.tvs[0][1])

        report = self.restart_under("boot", flags, lambda service: service.counters()["http_completed"])
        self.assertGreater(report["phones"]["degraded"], 0)
        self.assertEqual(report["phones"]["locked"], 0)
        self.assertGreater(report["phones"]["fine"], 20)


class Begin(Case):
    def test_a_thousand_at_once(self):
        count = 100 if SLOW else 1000
        with Service(self.state) as service:
            for protocol, port, flags in self.asked(service):
                waits = ("--timeout", 10) if protocol == "tftp" else ()
                report = self.load(protocol, port, *flags, *waits, "--connections", count, "--count", count,
                                   "--fail-on-error")
                self.assertEqual((report["completed"], report["failed"]), (count, 0))
                self.assertGreater(report["begun_within_us"], 0)
                if protocol == "tftp":
                    self.assertEqual(report["tftp"]["retransmitted_requests"], 0)
                    self.assertEqual(service.counters()["tftp_requests"], count)

    def test_nobody_hears_it(self):
        with Tftp() as server:
            server.on_packet = lambda *_: None
            report = self.load("tftp", server.port, "--file", "x", "--count", 2, "--connections", 2)
            self.errors(report, timeout=2)
            self.assertEqual(report["tftp"]["retransmitted_requests"], 8)
            report = self.load("tftp", server.port, "--file", "x", "--rate", 2, "--seconds", 0.3, "--connections", 5)
            self.assertIsNone(report["begun_within_us"])

    def test_what_is_asked_at_once(self):
        """Batches: the next when all of one are answered, and each question in a record of its own."""
        batches = []

        def serve(connection, _):
            for paths in iter(lambda: connection.recv(65536), b""):
                batches.append(paths.count(b"GET "))
                connection.sendall(response(b"hello"))
                time.sleep(0.1)
                connection.sendall(response(b"hello") * (batches[-1] - 1))

        with Http(serve=lambda c, n: (c.settimeout(harness.BOUND), serve(c, n))) as server:
            report = self.load("http", server.port, "--file", "x", "--count", 10, "--depth", 4)
            self.assertEqual((report["completed"], batches), (10, [4, 4, 2]))
        with Service(self.state) as service:
            report = self.load("tvs", service.tvs[0][1], *self.TVS, "--mode", "pipeline", "--depth", 8, "--count", 64)
            self.assertEqual((report["completed"], report["failed"]), (64, 0))
            self.assertLessEqual(report["tvs"]["answer_records"], 64)
            self.assertGreaterEqual(report["tvs"]["answer_records"], 8)


class Warmup(Case):
    def without_warmup(self, report, begin):
        """What was measured fits into the time behind the warm-up, however long that is."""
        self.assertLessEqual(report["seconds"] + report["warmup"], time.monotonic() - begin)

    def test_what_is_not_measured(self):
        """The first answers are slow and many; none of them is in the report."""
        times = {}  # of each connection: when a request had come, and when its answer was about to leave, in turn

        def serve(connection, nth):
            of_this = times.setdefault(nth, [])
            try:
                for _ in server.requests(connection):
                    of_this.append(time.monotonic())
                    if len(of_this) < 5:
                        time.sleep(0.5)
                    of_this.append(time.monotonic())
                    connection.sendall(response(b"hello"))
            finally:  # it may be reset
                of_this.append(time.monotonic())

        with Http(serve=serve) as server:
            begin = time.monotonic()
            report = self.load("http", server.port, "--file", "x", "--warmup", 2, "--count", 30, "--connections", 2,
                               "--threads", 2)
            self.without_warmup(report, begin)
            self.assertEqual((report["warmup"], report["completed"], report["failed"]), (2, 30, 0))
            self.assertEqual(report["bytes"], 150)
            self.assertGreater(len(server.paths), 30)
        # Each client has measured its last 15, each from the answer before it to the request behind it at most.
        longest = max(of_this[at + 3] - of_this[at] for of_this in times.values()
                      for at in range(len(of_this) - 32, len(of_this) - 3, 2))
        self.assertLessEqual(report["latency_us"]["max"], 1e6 * longest)

    def test_time(self):
        with Service(self.state) as service:
            for protocol, port, flags in self.asked(service):
                begin, before = time.monotonic(), service.counters()["tvs_verify_invalid"]
                report = self.load(protocol, port, *flags, "--warmup", 0.3, "--seconds", 0.3, "--fail-on-error", "--pid",
                                   service.process.pid)
                self.without_warmup(report, begin)
                self.assertGreater(report["completed"], 0)
                if protocol == "tvs":
                    asked = service.counters()["tvs_verify_invalid"] - before
                    self.assertEqual(report["tvs"]["unknown"], asked)
                    self.assertGreaterEqual(asked, report["completed"])

    def test_errors_count_always(self):
        answers = itertools.chain([response(b"", "503 Service Unavailable")], itertools.repeat(response(b"hello")))
        with Http(lambda *_: next(answers)) as server:
            report = self.load("http", server.port, "--file", "x", "--warmup", 0.5, "--count", 3, "--fail-on-error", code=1)
            self.errors(report, server=1)
            self.assertEqual(report["completed"], 3)

    def test_a_server_that_is_silent_all_the_time(self):
        with Http(serve=lambda *_: wait_for(lambda: server.over, "the end")) as server:
            report = self.load("http", server.port, "--file", "x", "--warmup", 0.2, "--count", 2, "--timeout", 0.3)
            self.assertEqual(report["completed"], 0)
            # Who did not run for a while finds the end of the warm-up and of the first request at one moment; errors
            # within the warm-up count, too.
            self.assertIn(report["errors"]["timeout"], (2, 3))

    def test_boots_are_counted_or_timed(self):
        self.refused("boot", "--host", LOOPBACK, "--phones", 1, "--warmup", 1)
        self.refused("http", "--host", LOOPBACK, "--file", "x", "--warmup", "-1")


if __name__ == "__main__":
    harness.main()
