"""anchorload tvs: every mode, what it makes of wrong answers, and of services that are none."""

import socket

import harness
from harness import CERTS, Service, wait_for
from network import unused_port
from test_anchorload import LOOPBACK, Http, Load, Running


class Tvs(Load):
    def ask(self, service, *flags, code=0):
        port = service if isinstance(service, int) else service.tvs[0][1]
        return self.load("tvs", port, "--cert", CERTS / "app-ec.crt", *flags, code=code)

    def test_modes(self):
        with Service(self.state) as service:
            for version in ("1.2", "1.3"):
                for mode, handshakes, resumed in (("connect", 40, 0), ("resume", 40, 36), ("keepalive", 4, 0),
                                                  ("pipeline", 4, 0)):
                    before = service.counters()
                    report = self.ask(service, "--mode", mode, "--count", 40, "--connections", 4, "--tls-version", version)
                    self.assertEqual((report["completed"], report["failed"]), (40, 0))
                    self.assertEqual(report["tvs"]["unknown"], 40)
                    self.assertEqual((report["tvs"]["handshakes"], report["tvs"]["resumed"]), (handshakes, resumed))
                    self.assertEqual(report["tvs"]["tls_version"], f"TLSv{version}")
                    self.assertEqual(service.counters()["tvs_accepted"] - before["tvs_accepted"], handshakes)

    def test_addresses(self):
        """Each client has one of its own, unless all are to share one."""
        with Service(self.state, "--shards", 1, "--max-per-address", 2) as service:
            flags = ("--connections", 20, "--count", 40, "--mode", "keepalive")
            self.assertEqual(self.ask(service, *flags, "--threads", 3)["failed"], 0)
            self.assertEqual(service.counters()["tvs_refused_address"], 0)
            self.assertGreater(self.ask(service, *flags, "--one-address")["errors"]["closed"], 0)
            counters = service.counters()  # whoever has said nothing yet gives way, if there is one
            self.assertGreater(counters["tvs_refused_address"] + counters["tvs_evicted"], 0)

    def test_what_is_known(self):
        self.add("app-ec")
        with Service(self.state) as service:
            report = self.ask(service, "--expect", "known", "--count", 10)
            self.assertEqual(report["tvs"]["known"], 10)
            report = self.ask(service, "--expect", "unknown", "--count", 10, code=1)
            self.errors(report, content=10)
            report = self.ask(service, "--cert-dir", CERTS, "--mode", "pipeline", "--count", 1000)
            self.assertEqual(report["failed"], 0)
            self.assertGreater(report["tvs"]["known"], 200)
            self.assertGreater(report["tvs"]["unknown"], 200)

    def test_an_answer_that_changes(self):
        with Service(self.state) as service:
            self.ask(service, "--count", 1)
            certificate = harness.der("app-ec")

            def known():
                return harness.is_valid(harness.ask_once(service.tvs[0], harness.verify_request(certificate)))

            with Running("tvs", "--port", service.tvs[0][1], "--cert", CERTS / "app-ec.crt", "--mode", "keepalive") as asking:
                wait_for(lambda: service.counters()["tvs_verify_invalid"] > 10, "the first answers")
                self.add("app-ec")
                wait_for(known, "another answer")
                valid = service.counters()["tvs_verify_valid"]
                wait_for(lambda: service.counters()["tvs_verify_valid"] > valid + 10, "it is heard")
                code, report = asking.end()
            self.assertEqual(code, 1)
            self.assertGreater(report["errors"]["content"], 0)
            self.assertIn("first answer", report["error_examples"]["content"])

    def test_ciphers_and_the_certificate(self):
        with Service(self.state) as service:
            report = self.ask(service, "--tls-version", "1.2", "--ciphers", "AES256-SHA", "--count", 2)
            self.assertEqual(report["tvs"]["cipher"], "AES256-SHA")
            own = self.own_certificate("tvs")
            self.assertEqual(self.ask(service, "--tls-cert", own, "--count", 2)["completed"], 2)
            report = self.ask(service, "--tls-cert", self.own_certificate("tftp"), "--count", 2, code=1)
            self.errors(report, protocol=2)
            self.errors(self.ask(service, "--tls-version", "1.1", "--count", 2, code=1), protocol=2)

    def test_it_is_none(self):
        self.errors(self.ask(unused_port(socket.SOCK_STREAM), "--count", 3), refused=3)
        with Http(serve=lambda connection, _: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")) as server:
            self.errors(self.ask(server.port, "--count", 3, code=1), protocol=3)
        with Http(serve=lambda *_: wait_for(lambda: server.over, "the end")) as server:
            self.errors(self.ask(server.port, "--count", 3, "--timeout", 0.2), timeout=3)
            self.ask(server.port, "--count", 3, "--timeout", 0.2, "--fail-on-error", code=1)

    def test_nobody_accepts(self):
        """The backlog is full: most are not even connected when they give up."""
        with socket.socket() as listener:
            listener.bind((LOOPBACK, 0))
            listener.listen(0)
            report = self.ask(listener.getsockname()[1], "--count", 30, "--connections", 10, "--timeout", 0.2)
            self.errors(report, timeout=30)
            self.assertEqual(report["tvs"]["handshakes"], 0)

    def test_mistakes(self):
        here = ("tvs", "--host", LOOPBACK)
        self.refused(*here, "--cert", "x", "--mode", "sometimes")
        self.refused(*here, "--cert", "x", "--expect", "nothing")
        self.refused("tvs", "--host", "192.0.2.1", "--cert", "x")
        for flags in ((), ("--cert", self.folder / "none"), ("--cert-dir", self.folder / "none"), ("--cert-dir", self.folder),
                      ("--cert", CERTS / "app-ec.crt", "--tls-version", "4")):
            result = harness.run(harness.program("anchorload"), *here, *flags)
            self.assertEqual(result.returncode, 1)
            self.assertEqual(len(result.stderr.decode().strip().splitlines()), 1)


if __name__ == "__main__":
    harness.main()
