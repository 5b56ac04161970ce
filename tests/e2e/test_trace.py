"""Looking for why a phone does not come up: its trace, and what the log says of trouble."""

import os
import socket
import ssl
import subprocess

import harness
from harness import Service, Tvs, ask_once, client, program, run, tftp_get, vector, verify_request, wait_for

PHONE = "SEP001122334455"


class Trace(harness.Case):
    def setUp(self):
        super().setUp()
        folder = self.state / "provisioning"
        (folder / f"{PHONE}.cnf.xml").write_text("<device/>")
        (folder / "Ringlist.xml").write_text("<a/>")

    def curl(self, service, name):
        result = run(client("curl"), "-sS", "-o", os.devnull, f"http://127.0.0.1:{service.http[0][1]}/{name}")
        self.assertEqual(result.returncode, 0, result.stderr)

    def trace(self, enough, what):
        """The events, as (protocol, what, outcome), once there are enough of them."""
        def seen():
            result = run(program("anchorctl"), "--state", self.state, "phone", "trace", PHONE, "--json")
            events = [tuple(e[k] for k in ("protocol", "what", "outcome"))
                      for e in harness.json.loads(result.stdout)["events"]]
            return enough(events) and events
        return wait_for(seen, what)

    @staticmethod
    def distrust(service):
        """A phone whose list does not name what it is shown."""
        context = ssl.create_default_context()
        context.check_hostname = False
        try:
            Tvs(service.tvs[0], context=context)
        except ssl.SSLCertVerificationError:
            return
        raise AssertionError("the certificate was trusted")

    def test_requests_questions_and_handshakes_of_a_phone(self):
        with Service(self.state) as service:
            with self.assertRaisesRegex(OSError, "file not found"):
                tftp_get(service.tftp[0], f"CTL{PHONE}.tlv".encode())
            tftp_get(service.tftp[0], f"ITL{PHONE}.tlv".encode())
            self.curl(service, f"{PHONE}.cnf.xml.sgn")
            ask_once(service.tvs[0], verify_request(harness.der("app-ec")))
            self.distrust(service)
            events = self.trace(lambda e: len(e) >= 5, "five events")
            self.assertEqual([e[:2] for e in events[:3]],
                             [("tftp", f"CTL{PHONE}.tlv"), ("tftp", "ITLFile.tlv"), ("http", f"{PHONE}.cnf.xml.sgn")])
            self.assertEqual(events[0][2], "not there")
            self.assertIn("acknowledged", events[1][2])
            self.assertIn("acknowledged", events[2][2])
            self.assertEqual((events[3][0], events[3][2]), ("tvs", "not found"))
            self.assertIn("does not trust this host's TVS certificate: its list is older than 2", events[4][2])
            text = self.ctl("phone", "trace", PHONE)
            self.assertEqual(text.count("\n"), 5)
            self.assertIn("tftp  127.0.0.1 ITLFile.tlv: given", text)
            self.assertIn("warning tvs: 127.0.0.1: it does not trust this host's TVS certificate", service.log())

    def test_while_one_traces_all_requests_are_recorded(self):
        with Service(self.state) as service:
            tftp_get(service.tftp[0], f"ITL{PHONE}.tlv".encode())
            self.trace(lambda e: e, "the address is known")
            self.curl(service, "Ringlist.xml")
            tracing = subprocess.Popen([program("anchorctl"), "--state", self.state, "phone", "trace", PHONE,
                                        "--seconds", "600"], stdout=subprocess.PIPE)
            self.addCleanup(tracing.stdout.close)
            self.addCleanup(tracing.wait)
            self.addCleanup(tracing.kill)
            self.assertIn(b"ITLFile.tlv", tracing.stdout.readline())  # the service has been told
            def asked():
                self.curl(service, "Ringlist.xml")
                return self.trace(lambda e: e, "any")[-1] == ("http", "Ringlist.xml", "file")
            wait_for(asked, "what names no device is recorded, by its address")
            self.assertIn(b"Ringlist.xml", tracing.stdout.readline())

    def test_a_connection_that_is_dropped_in_mid_handshake(self):
        with Service(self.state) as service:
            hello = ssl.MemoryBIO()
            with self.assertRaises(ssl.SSLWantReadError):
                harness.tls_context().wrap_bio(ssl.MemoryBIO(), hello).do_handshake()
            with socket.create_connection(service.tvs[0], timeout=harness.BOUND) as raw:
                raw.sendall(hello.read())
                self.assertTrue(raw.recv(1))
            wait_for(lambda: service.counters()["tvs_handshakes_dropped"] == 1, "it is counted")
            wait_for(lambda: "127.0.0.1: it ended the connection in the middle" in service.log(), "it is reported")

    def test_a_signer_that_a_phone_needs_and_that_is_not_there(self):
        with Service(self.state) as service:
            ask_once(service.tvs[0], vector("query-request-tftp"))
            wait_for(lambda: f"CP-8861-{PHONE} at 127.0.0.1 asked for the signer" in service.log(), "it is reported")

    def test_a_flood_of_trouble_does_not_fill_the_log(self):
        with Service(self.state) as service:
            for _ in range(40):
                self.distrust(service)
            wait_for(lambda: service.counters()["tvs_handshake_failures"] == 40, "all are counted")
            wait_for(lambda: service.log().count("does not trust") >= 10, "some are reported")
            service.counters()  # after all that was noted
            self.assertEqual(service.log().count("does not trust"), 10)

    def test_every_request_at_level_debug(self):
        with Service(self.state, "--log-level", "debug") as service:
            wait_for(lambda: (self.curl(service, "Ringlist.xml"), "asks for 'Ringlist.xml': file" in service.log())[1],
                     "the request is logged")
            self.curl(service, f"{PHONE}.cnf.xml.sgn")
            wait_for(lambda: f"{PHONE} asked for '{PHONE}.cnf.xml.sgn': given" in service.log(), "its end is logged")

    def test_without_a_service_nobody_knows(self):
        self.refused(1, "phone", "trace", PHONE, says="only a running service can tell")
        self.refused(2, "phone", "trace", "x", says="is not a phone's name")
        with Service(self.state):
            self.assertIn("nothing was heard", self.ctl("phone", "trace", PHONE, code=1))


if __name__ == "__main__":
    harness.main()
