"""The admin endpoint of a running service: what it tells, to whom, and that nobody who floods it is felt by phones."""

import http.client
import os
import re
import socket
import ssl
import subprocess
import sys
import urllib.parse

import harness
from documents import ROOT
from harness import Case, Service, Tvs, client, der, program, run, verify_request, wait_for

sys.path.insert(0, str(ROOT / "tools"))

import metrics  # noqa: E402

TOKEN = "0123456789abcdef0123456789abcdef"


class Admin(Service):
    """A service with its admin endpoint, on a free port."""

    def __init__(self, state, *flags, address="127.0.0.1:auto", **how):
        super().__init__(state, "--admin", address, *flags, **how)
        self.tls = None

    def __enter__(self):
        super().__enter__()
        self.admin = self._address(re.search(r" admin=(\S+)", self.ready).group(1))
        return self

    def get(self, path, method="GET", **fields):
        """Status, type and body."""
        if self.tls is None:
            connection = http.client.HTTPConnection(*self.admin, timeout=harness.BOUND)
        else:
            connection = http.client.HTTPSConnection(*self.admin, timeout=harness.BOUND, context=self.tls)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in fields.items()})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type"), answer.read().decode()
        finally:
            connection.close()

    def metrics(self):
        """The samples, by their names with labels, once they are of now: a scrape shows what was half a second ago."""
        status, _, text = self.get("/metrics")
        assert status == 200, text
        return {name: float(value) for name, value in re.findall(r"^([a-z][^ {]*(?:\{.*\})?) (\S+)$", text, re.M)}


def fetch(service, path):
    """A file as a phone gets it, by HTTP."""
    connection = http.client.HTTPConnection(*service.http[0], timeout=harness.BOUND)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200, answer.status
        return answer.read()
    finally:
        connection.close()


class Health(Case):
    def test_it_is_off_unless_it_is_asked_for(self):
        with Service(self.state) as service:
            self.assertNotIn("admin=", service.ready)

    def test_it_lives_and_is_ready(self):
        with Admin(self.state) as service:
            self.assertEqual(service.get("/healthz"), (200, "text/plain; charset=utf-8", "ok\n"))
            self.assertEqual(service.get("/readyz"), (200, "text/plain; charset=utf-8", "ready\n"))
            self.assertEqual(service.get("/healthz", "HEAD")[::2], (200, ""))
            self.assertEqual(service.get("/healthz", "POST")[0], 405)
            self.assertEqual(service.get("/nothing")[0], 404)
            self.assertEqual(service.get("/healthz", Host="cucm1.example.com")[0], 421)

    def test_it_is_not_ready_while_it_drains(self):
        (self.state / "provisioning/large.bin").write_bytes(os.urandom(40_000_000))
        with Admin(self.state) as service, socket.create_connection(service.http[0]) as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.sendall(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertTrue(slow.recv(1))  # a body is under way, which a drain waits for
            service.signal(15)
            wait_for(lambda: service.get("/readyz")[0] == 503, "it drains")
            self.assertIn("draining", service.get("/readyz")[2])
            self.assertEqual(service.get("/healthz")[0], 200)
            self.assertEqual(service.metrics()["anchord_draining"], 1)
            slow.close()
            self.assertEqual(service.wait(), 0)


class Keyed(Case):
    """With a certificate and a token for the endpoint."""

    def make_pair(self):
        done = run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=admin", "-days", "9", "-addext",
                   "subjectAltName=IP:127.0.0.1", "-keyout", self.folder / "key", "-out", self.folder / "crt")
        self.assertEqual(done.returncode, 0, done.stderr)
        pem = self.folder / "pem"
        pem.write_bytes((self.folder / "crt").read_bytes() + (self.folder / "key").read_bytes())
        pem.chmod(0o600)

    def make_token(self):
        token = self.folder / "token"
        token.write_text(TOKEN + "\n")
        token.chmod(0o600)
        return token


class Refused(Keyed):
    """One line, and nothing is served."""

    def start(self, *flags):
        result = run(program("anchord"), "--state", self.state, "--listen", "127.0.0.1",
                     *(word for name in ("tvs", "tftp", "http", "https") for word in (f"--{name}-port", "auto")),
                     "--log-level", "error", *flags)
        error = result.stderr.decode()
        self.assertIn(result.returncode, (1, 2), error)
        self.assertEqual((result.stdout, error.count("\n")), (b"", 1), error)
        return error

    def test_addresses_that_are_none(self):
        for bad in ("x", "", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:http", "::1:9445", "localhost:9445",
                    "[::1]", ":9445", "127.0.0.1:9445:1"):
            with self.subTest(bad):
                self.assertIn("--admin", self.start("--admin", bad))

    def test_an_address_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            error = self.start("--admin", f"127.0.0.1:{other.getsockname()[1]}")
        self.assertIn("Address already in use; end what has the port, or choose another with --admin", error)

    def test_an_address_that_is_not_this_machines(self):
        self.make_pair()
        error = self.start("--admin", "192.0.2.77:auto", "--admin-tls", self.folder / "pem",
                           "--admin-token", self.make_token())
        self.assertIn("this machine has no such address: look at --admin", error)

    def test_more_than_loopback_needs_both(self):
        for flags in ((), ("--admin-tls", "/x"), ("--admin-token", "/x")):
            self.assertIn("needs --admin-tls and --admin-token", self.start("--admin", "0.0.0.0:auto", *flags))

    def test_files_of_an_endpoint_that_there_is_not(self):
        self.assertIn("without --admin", self.start("--admin-token", "/x"))
        self.assertIn("without --admin", self.start("--admin-tls", "/x"))

    def test_files_that_do_not_do(self):
        token = self.make_token()
        token.chmod(0o604)
        self.assertIn("chmod 600", self.start("--admin", "127.0.0.1:auto", "--admin-token", token))
        self.make_pair()
        key = self.folder / "crt"
        key.chmod(0o600)
        self.assertIn("private key", self.start("--admin", "127.0.0.1:auto", "--admin-tls", key))
        self.assertIn("--admin-tls", self.start("--admin", "127.0.0.1:auto", "--admin-tls", self.folder / "absent"))


class Guarded(Keyed):
    def test_it_speaks_tls_and_wants_the_token(self):
        self.make_pair()
        with Admin(self.state, "--admin-tls", self.folder / "pem", "--admin-token", self.make_token(),
                   address="0.0.0.0:auto") as service:
            service.admin = ("127.0.0.1", service.admin[1])
            service.tls = ssl.create_default_context(cafile=self.folder / "crt")
            self.assertEqual(service.get("/healthz")[0], 401)
            self.assertEqual(service.get("/metrics", Authorization="Bearer " + "0" * len(TOKEN))[0], 401)
            self.assertEqual(service.get("/metrics", Authorization=f"Bearer {TOKEN}")[0], 200)
            self.assertEqual(service.get("/healthz", Authorization=f"Bearer {TOKEN}", Host="any.example.com")[0], 200)
            wait_for(lambda: "wrong token" in service.log(), "the refusal is in the log")
            self.assertNotIn(TOKEN, service.log())


class Metrics(Case):
    def test_promtool_finds_nothing_wrong(self):
        promtool = client("promtool")
        with Admin(self.state) as service:
            _, kind, text = service.get("/metrics")
            self.assertEqual(kind, "text/plain; version=0.0.4; charset=utf-8")
            checked = subprocess.run([promtool, "check", "metrics"], input=text.encode(), capture_output=True,
                                     timeout=harness.BOUND)
            self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, b"", b""))

    def test_open_metrics_for_who_asks(self):
        with Admin(self.state) as service:
            _, kind, text = service.get("/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
        self.assertEqual(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.assertTrue(text.endswith("\n# EOF\n"))
        self.assertIn("# TYPE anchord_tftp_requests counter\n", text)
        self.assertIn("# UNIT anchord_tftp_bytes bytes\n", text)
        self.assertIn("\nanchord_tftp_requests_total 0\n", text)
        # Each family's lines stand together, its name once.
        families = re.findall(r"^# TYPE (\S+)", text, re.M)
        self.assertEqual(sorted(set(families)), sorted(families))

    def test_all_that_docs_have_and_nothing_else(self):
        with Admin(self.state) as service:
            self.ctl("backup", "create", "--passphrase-file", self.passphrase(), self.folder / "backup")
            fetch(service, "/ITLSEP001122334455.tlv")  # which the ledger writes down
            seen = []
            def is_all_there():
                seen[:] = [service.get("/metrics")[2]]
                return "anchord_backup_age" in seen[0] and "anchord_ledger_written_age" in seen[0]
            wait_for(is_all_there, "there is something to say of all")
            (text,) = seen
        told = {name: (kind, words) for name, words, kind in
                re.findall(r"^# HELP (\S+) (.*)\n# TYPE \S+ (\w+)$", text, re.M)}
        self.assertEqual(told, {name: (kind, words) for name, kind, words in metrics.in_prometheus()})

    def passphrase(self):
        file = self.folder / "passphrase"
        file.write_text("a passphrase of some length\n")
        file.chmod(0o600)
        return file

    def test_they_count_what_happens(self):
        with Admin(self.state) as service:
            for _ in range(3):
                self.assertTrue(fetch(service, "/ITLFile.tlv"))
            wait_for(lambda: service.metrics()['anchord_http_completed_total{protocol="http"}'] == 3, "three downloads")
            seen = service.metrics()
            self.assertEqual(seen['anchord_http_completed_total{protocol="https"}'], 0)
            self.assertEqual(seen['anchord_http_answer_seconds_count{protocol="http"}'], 3)
            self.assertEqual(seen['anchord_http_answer_seconds_bucket{protocol="http",le="+Inf"}'], 3)
            self.assertEqual(seen["anchord_snapshot_version"], 1)
            self.assertEqual(seen["anchord_backup_holds_tftp_key"], 0)
            self.assertNotIn("anchord_backup_age_seconds", seen)
            left = [value for name, value in seen.items() if name.startswith("anchord_certificate_expires_in_seconds{")]
            self.assertGreaterEqual(len(left), 5)
            self.assertTrue(all(value > 300 * 86400 for value in left), left)
            self.assertGreater(seen["process_resident_memory_bytes"], 1 << 20)
            self.assertGreater(seen["process_open_fds"], 10)
            with Tvs(service.tvs[0]) as phone:
                for _ in range(5):
                    phone.ask(verify_request(der("app-ec")))
            wait_for(lambda: service.metrics()['anchord_tvs_answer_seconds_count{protocol="tvs"}'] == 5, "five answers")
            seen = service.metrics()
            self.assertEqual(seen['anchord_tls_handshake_seconds_count{protocol="tvs"}'], 1)
            self.assertGreater(seen['anchord_tvs_answer_seconds_sum{protocol="tvs"}'], 0)
            self.assertEqual(seen['anchord_tls_handshake_seconds_count{protocol="https"}'], 0)
            # A file that is broken.
            (self.state / "provisioning/SEP001122334455.cnf.xml").write_text("<device>")
            wait_for(lambda: service.metrics()["anchord_provisioning_refused_files"] == 1, "the broken file is told of")


class Hostile(Case):
    def test_many_silent_connections_keep_nobody_out(self):
        with Admin(self.state) as service:
            held = []
            try:
                for i in range(400 if harness.SLOW else 2000):
                    held.append(socket.create_connection(service.admin, timeout=harness.BOUND))
                    if i % 3 == 0:
                        held[-1].sendall(b"GET /healthz HTTP/1.1\r\nX-" + b"a" * (i % 100))
                self.assertEqual(service.get("/healthz")[0], 200)
                # Phones are served meanwhile, and the service has no more descriptors open than it may.
                self.assertTrue(fetch(service, "/ITLFile.tlv"))
                seen = service.metrics()
                self.assertGreater(seen["anchord_admin_evicted_total"], len(held) - 200)
                self.assertLess(seen["process_open_fds"], 1000)
            finally:
                for one in held:
                    one.close()

    def test_heads_without_end(self):
        with Admin(self.state) as service, socket.create_connection(service.admin, timeout=harness.BOUND) as one:
            one.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"x" * 9000)
            self.assertTrue(one.recv(100).startswith(b"HTTP/1.1 431 "))

    def test_a_connection_that_says_nothing_is_ended(self):
        with Admin(self.state) as service, socket.create_connection(service.admin, timeout=harness.BOUND) as one:
            one.sendall(b"GET / HTTP/1.1\r\n")
            self.assertEqual(one.recv(1), b"")
            wait_for(lambda: service.metrics()["anchord_admin_timeouts_total"] >= 1, "it is counted")
