"""anchord as phones and operators meet it: TFTP and TLS clients of the system's, TVS questions byte for
byte, changes of the store, crashes, and the end."""

import ctypes
import hashlib
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import harness
from harness import BOUND, CERTS, Service, Tvs, ask_once, client, der, is_valid, run, vector, verify_request, wait_for

ITL = "ITLFile.tlv"
TVS_OK = b"W\x01\x02\0\0\0\0\x07\0\x0f\x07\0\x01\0\x08\0\x01\x07\x09\0\x04\0\x01\x51\x80"


class Tftp(harness.Case):
    """Every fetch is of the same file, whose first copy anchorctl verifies."""

    def setUp(self):
        super().setUp()
        self.service = self.enterContext(Service(self.state, listen=["127.0.0.1", "::1"]))
        self.out = self.folder / "out"
        self.host, self.port = self.service.tftp[0]
        expected = self.folder / "expected"
        self.ctl("itl", "build", "--out", expected)
        self.expected = expected.read_bytes()

    def url(self, name=ITL):
        return f"tftp://{self.host}:{self.port}/{name}"

    def fetched(self, result):
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        content = self.out.read_bytes()
        self.assertEqual(content, self.expected)
        self.out.unlink()

    def test_curl(self):
        for how in ([], ["--tftp-blksize", "1428"], ["--tftp-blksize", "8"], ["--tftp-blksize", "65464"],
                    ["--tftp-no-options"]):
            with self.subTest(how=how):
                self.fetched(run(client("curl"), "-sS", *how, "-o", self.out, self.url()))
        signer = self.own_certificate("tftp")
        file = self.folder / "expected"
        self.assertIn("valid", self.ctl("itl", "verify", file, "--signer", signer))

    def test_tftp_hpa(self):
        self.fetched(run(client("tftp"), "-m", "binary", self.host, self.port, "-c", "get", ITL, self.out))

    def test_atftp(self):
        for how in ([], ["--option", "blksize 1428"], ["--option", "tsize"], ["--option", "tsize", "--option",
                                                                             "blksize 512"]):
            with self.subTest(how=how):
                self.fetched(run(client("atftp"), *how, "--get", "-r", ITL, "-l", self.out, self.host, self.port))

    def test_names_are_forgiven(self):
        for name in ("itlfile.TLV", "/" + ITL, "/ITLFILE.TLV"):
            with self.subTest(name):
                self.fetched(run(client("curl"), "-sS", "-o", self.out, self.url(name)))
        # Some requests of phones end in an extra NUL: it is not a part of the name, nor an option.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(BOUND)
            s.sendto(b"\0\1ITLFile.tlv\0octet\0\0", (self.host, self.port))
            self.assertEqual(s.recv(1000)[:4], b"\0\3\0\1")

    def test_not_found(self):
        for name in ("nothing", "../anchord.db", "/./../" + ITL, "keys/", "%2e%2e/state/anchord.db", "ITLFile.tlv/"):
            with self.subTest(name):
                result = run(client("curl"), "-sS", "--path-as-is", "-o", self.out, self.url(name))
                self.assertEqual(result.returncode, 68, result.stderr.decode())
        self.assertEqual(self.service.counters()["tftp_not_found"], 6)

    def test_writing_is_refused(self):
        file = self.folder / ITL
        file.write_bytes(b"mine")
        said = run(client("curl"), "-sS", "-T", file, self.url())
        self.assertEqual(said.returncode, 69, said.stderr.decode())
        said = run(client("tftp"), "-m", "binary", self.host, self.port, "-c", "put", file, ITL)
        self.assertIn(b"read-only", said.stdout + said.stderr)
        said = run(client("atftp"), "--put", "-r", ITL, "-l", file, self.host, self.port)
        self.assertIn(b"read-only", said.stdout + said.stderr)
        self.fetched(run(client("curl"), "-sS", "-o", self.out, self.url()))
        self.assertEqual(self.service.counters()["tftp_writes_refused"], 3)

    def test_one_byte_at_a_time_and_at_once(self):
        """Transfers of eight clients that run into each other, each on its own port."""
        results = [None] * 8

        def fetch(i):
            results[i] = harness.tftp_get((self.host, self.port), ITL.encode(), pause=0.01 * (i % 3))[0]

        threads = [threading.Thread(target=fetch, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(BOUND)
        self.assertEqual(set(results), {self.expected})

    def test_ipv6(self):
        host, port = self.service.tftp[1]
        self.assertEqual(host, "::1")
        self.fetched(run(client("curl"), "-sS", "-o", self.out, f"tftp://[::1]:{port}/{ITL}"))


class Tls(harness.Case):
    def s_client(self, service, *args, say=b""):
        host, port = service.tvs[0]
        return run(client("openssl"), "s_client", "-connect", f"{host}:{port}", *args, stdin=None, input=say)

    def completes(self, service, *args, version, cipher=None):
        result = self.s_client(service, *args)
        said = result.stdout.decode(errors="replace")
        self.assertRegex(said, rf"New, \S+, Cipher is {cipher or '[A-Z]'}", said + result.stderr.decode())
        if version != "TLSv1.3":
            self.assertRegex(said, rf"Protocol *: {version}\n")
        else:
            self.assertIn("New, TLSv1.3", said)
        return said

    def refused(self, service, *args):
        result = self.s_client(service, *args)
        self.assertIn(b"Cipher is (NONE)", result.stdout, result.stderr)

    def test_modern_versions(self):
        own = self.own_certificate("tvs").read_text().strip()
        with Service(self.state) as service:
            self.assertIn(own, self.completes(service, "-tls1_2", version="TLSv1.2"))
            self.assertIn(own, self.completes(service, "-tls1_3", version="TLSv1.3"))
            for cipher in ("AES256-SHA", "AES128-SHA", "ECDHE-RSA-AES128-GCM-SHA256"):
                with self.subTest(cipher):
                    self.completes(service, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0", version="TLSv1.2",
                                   cipher=cipher)
            self.refused(service, "-tls1", "-cipher", "AES256-SHA:@SECLEVEL=0")
            self.refused(service, "-tls1_1", "-cipher", "AES256-SHA:@SECLEVEL=0")
            self.refused(service, "-tls1_2", "-cipher", "eNULL:aNULL:@SECLEVEL=0")
            self.assertEqual(service.counters()["tvs_handshake_failures"], 3)
            self.assertNotIn("--tls-min", service.log())

    def test_oldest_phones(self):
        with Service(self.state, "--tls-min", "1.0") as service:
            for cipher in ("AES256-SHA", "AES128-SHA"):
                self.completes(service, "-tls1", "-cipher", f"{cipher}:@SECLEVEL=0", version="TLSv1", cipher=cipher)
            self.completes(service, "-tls1_1", "-cipher", "AES256-SHA:@SECLEVEL=0", version="TLSv1.1")
            self.completes(service, "-tls1_3", version="TLSv1.3")
            self.assertRegex(service.log(), r" warn.* TLS 1\.0 is accepted.*--tls-min")

    def test_only_the_newest(self):
        with Service(self.state, "--tls-min", "1.3") as service:
            self.refused(service, "-tls1_2")
            self.completes(service, "-tls1_3", version="TLSv1.3")

    def test_host_decides_the_certificate(self):
        with Service(self.state, "--host", "cucm2") as service, Tvs(service.tvs[0]) as tvs:
            presented = tvs.socket.getpeercert(binary_form=True)
        other = self.ctl("cert", "export", "tvs", "--host", "cucm2")
        self.assertEqual(presented, ssl.PEM_cert_to_DER_cert(other))
        self.assertNotEqual(presented, ssl.PEM_cert_to_DER_cert(self.own_certificate("tvs").read_text()))

    def resume(self, service, *args):
        """Asks one question, so that a ticket that comes after the handshake is read too."""
        host, port = service.tvs[0]
        process = subprocess.Popen([client("openssl"), "s_client", "-connect", f"{host}:{port}", *args],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   env=harness.environment())
        process.stdin.write(verify_request(der("app-ec")))
        process.stdin.flush()
        said = b""
        while b"W\x01\x02" not in said:
            part = os.read(process.stdout.fileno(), 65536)
            self.assertTrue(part, said)
            said += part
        said += process.communicate(timeout=BOUND)[0]
        return said

    def test_tickets_work_across_shards(self):
        session = self.folder / "session"
        with Service(self.state, "--shards", "2") as service:
            for version in ("-tls1_2", "-tls1_3"):
                with self.subTest(version):
                    self.assertIn(b"\nNew, ", self.resume(service, version, "-sess_out", session))
                    # Each new connection goes to a shard by chance: 16 times the same one is unlikely.
                    for _ in range(16):
                        self.assertIn(b"\nReused, ", self.resume(service, version, "-sess_in", session))
            self.assertEqual(service.counters()["tvs_resumed"], 32)

    def test_tickets_end_with_the_service(self):
        session = self.folder / "session"
        with Service(self.state) as service:
            self.resume(service, "-tls1_2", "-sess_out", session)
        with Service(self.state) as service:
            self.assertIn(b"\nNew, ", self.resume(service, "-tls1_2", "-sess_in", session))


class Questions(harness.Case):
    def setUp(self):
        super().setUp()
        self.add("app-ec")
        self.add("tftp", "--role", "sast,ccm+tftp")
        self.service = self.enterContext(Service(self.state))
        self.address = self.service.tvs[0]

    def asked(self, *args, code=0):
        host, port = self.address
        result = run(harness.program("anchorctl"), "tvs", *args, "--host", f"{host}:{port}", "--tvs-cert",
                     self.own_certificate("tvs"), "--json")
        self.assertEqual(result.returncode, code, result.stderr.decode())
        return json.loads(result.stdout)

    def test_verify(self):
        facts = self.asked("verify", CERTS / "app-ec.crt")
        self.assertEqual((facts["valid"], facts["roles"], facts["ttl"]), (True, ["app-server"], 86400))
        for unknown in ("app-odd", "phone"):
            self.assertFalse(self.asked("verify", CERTS / f"{unknown}.crt", code=1)["valid"])

    def test_query(self):
        serial = "3e9d1cc562f586c9c183da69824026895d8d8e37"
        vendor = "CN=cucm1.example.com;OU=Voice;O=Example Corp;L=San Jose;ST=California;C=US"
        for issuer in (vendor, ",".join(reversed(vendor.split(";")))):
            facts = self.asked("query", "--issuer", issuer, "--serial", serial, "--subject", issuer)
            self.assertEqual((facts["found"], facts["roles"]), (True, ["sast", "ccm+tftp"]))
            self.assertEqual(facts["certificate"]["sha256"], hashlib.sha256(der("tftp")).hexdigest())
            for wrong in (["--issuer", issuer, "--serial", serial[:-2] + "38"],
                          ["--issuer", issuer.replace("Voice", "Vice"), "--serial", serial],
                          ["--issuer", issuer, "--serial", serial, "--subject", "CN=other"]):
                self.assertFalse(self.asked("query", *wrong, code=1)["found"])

    def test_vectors(self):
        with Tvs(self.address) as tvs:
            for _ in range(2):
                self.assertEqual(tvs.ask(vector("verify-request")), vector("verify-response-valid"))
                self.assertEqual(tvs.ask(vector("query-request-tftp")), vector("query-response-tftp"))
            self.assertEqual(tvs.ask(vector("query-request-published")), bytes.fromhex("57010400000003e9000407000101"))
        prefix = hashlib.sha256(der("app-ec")).hexdigest()[:16]
        self.ctl("cert", "remove", prefix, "--yes")
        wait_for(lambda: ask_once(self.address, vector("verify-request")) == vector("verify-response-invalid"),
                 "the removed certificate is invalid")

    def test_a_match_by_name_is_not_enough(self):
        almost = bytearray(der("app-ec"))
        almost[-1] ^= 1
        self.assertFalse(is_valid(ask_once(self.address, verify_request(bytes(almost)))))

    def test_200_in_one_write(self):
        requests, expected = [], []
        for i in range(200):
            known = i % 3 != 0
            requests.append(verify_request(der("app-ec" if known else "capf"), session=i))
            answer = TVS_OK if known else vector("verify-response-invalid")
            expected.append(answer[:4] + struct.pack(">I", i) + answer[8:])
        with Tvs(self.address) as tvs:
            tvs.send(b"".join(requests))
            self.assertEqual([tvs.receive() for _ in requests], expected)

    def test_split_anywhere(self):
        request, answer = vector("verify-request"), vector("verify-response-valid")
        with Tvs(self.address) as tvs:
            for byte in request:
                tvs.send(bytes([byte]))
            self.assertEqual(tvs.receive(), answer)
            for at in (1, 9, 10, 11, 12, len(request) - 1):
                tvs.send(request[:at])
                time.sleep(0.01)
                tvs.send(request[at:] + request[:3])
                self.assertEqual(tvs.receive(), answer)
                tvs.send(request[3:])
                self.assertEqual(tvs.receive(), answer)

    def test_answers_that_wait_for_their_reader(self):
        """A client that asks for long and reads nothing is held, and gets every answer in the end."""
        request, answer = vector("query-request-tftp"), vector("query-response-tftp")
        count = 4000
        with Tvs(self.address) as tvs:
            sent = []
            asking = threading.Thread(target=lambda: [sent.append(tvs.send(request * 100)) for _ in range(count // 100)])
            asking.start()

            def held():
                before = len(sent)
                self.assertEqual(ask_once(self.address, request), answer)
                return before == len(sent) and before > 0

            wait_for(held, "others are answered meanwhile, and it gets on no more")
            for _ in range(count):
                self.assertEqual(tvs.receive(), answer)
            asking.join(BOUND)

    def test_malformed_closes_that_connection(self):
        good = vector("verify-request")
        bad = {
            "protocol": b"\x56" + good[1:],
            "version": good[:1] + b"\x02" + good[2:],
            "response": vector("verify-response-valid"),
            "command": good[:2] + b"\x07" + good[3:],
            "no certificate": harness.message(1, 1, [(1, b"\x01x")]),
            "twice": harness.message(1, 1, [(2, der("app-ec"))] * 2),
            "item beyond the body": good[:8] + b"\0\x05\x02\xff\xff\0\0",
            "longer than any": good[:8] + b"\xff\xff",
        }
        with Tvs(self.address) as bystander:
            self.assertEqual(bystander.ask(good), vector("verify-response-valid"))
            for name, request in bad.items():
                with self.subTest(name), Tvs(self.address) as tvs:
                    # What was asked before the malformed one is answered.
                    tvs.send(good + request)
                    self.assertEqual(tvs.receive(), vector("verify-response-valid"))
                    self.assertTrue(tvs.close_notify())
            self.assertEqual(bystander.ask(good), vector("verify-response-valid"))
        self.assertEqual(self.service.counters()["tvs_malformed"], len(bad))

    def test_a_connection_that_ends_takes_no_other_with_it(self):
        """Peers that leave amid whatever: the next connection often gets the same descriptor."""
        for i in range(300):
            with Tvs(self.address) as tvs:
                tvs.send(vector("verify-request")[:i % 20])
        wait_for(lambda: self.service.counters()["tvs_handshakes"] == 300, "300 handshakes")

    def test_every_cut_request_waits(self):
        """A request that is not whole is no request: the client's close_notify ends it, and nothing is counted."""
        request = vector("query-request-tftp")
        for at in (0, 1, 9, 10, len(request) - 1):
            with Tvs(self.address) as tvs:
                tvs.send(request[:at])
                tvs.socket.unwrap()
        counters = self.service.counters()
        self.assertEqual((counters["tvs_malformed"], counters["tvs_query_found"]), (0, 0))

    def test_counters_and_devices(self):
        before = self.service.counters()
        with Tvs(self.address) as tvs:  # on one shard, whose records keep their order
            tvs.ask(verify_request(der("app-ec"), device="CP-7965-SEPAAAAAAAAAAAA"))
            tvs.ask(verify_request(der("phone"), device="CP-7965-SEPAAAAAAAAAAAA"))
        ask_once(self.address, vector("query-request-tftp"))
        ask_once(self.address, vector("query-request-published"))
        ask_once(self.address, verify_request(der("app-ec"), device="odd\x1b[2J\xff name"))
        # Without a device's name, or with an empty one, a question is as good.
        self.assertTrue(is_valid(ask_once(self.address, harness.message(1, 9, [(2, der("app-ec"))]))))
        status = wait_for(lambda: (s := self.service.status())["devices"]["known"] == 4 and s, "four devices")
        change = {k: v - before[k] for k, v in status["counters"].items()}
        self.assertEqual([change[k] for k in ("tvs_verify_valid", "tvs_verify_invalid", "tvs_query_found",
                                              "tvs_query_not_found", "tvs_handshakes", "tvs_malformed")],
                         [3, 1, 1, 1, 5, 0])
        devices = {d["device"]: d for d in status["devices"]["recent"]}
        seen = devices["CP-7965-SEPAAAAAAAAAAAA"]
        self.assertEqual((seen["questions"], seen["last_question"], seen["last_answer"]), (2, "verify", False))
        self.assertTrue(devices["CP-8861-SEP001122334455"]["last_answer"])
        self.assertFalse(any("\x1b" in name for name in devices), devices)


class Changes(harness.Case):
    """What anchorctl changes is in service soon, and no connection notices more than that."""

    def hash_of(self, name):
        return hashlib.sha256(der(name)).hexdigest()

    def becomes(self, tvs, name, valid):
        wait_for(lambda: is_valid(tvs.ask(verify_request(der(name)))) == valid, f"{name} valid: {valid}")

    def test_add_and_remove_on_an_open_connection(self):
        with Service(self.state) as service, Tvs(service.tvs[0]) as tvs:
            self.becomes(tvs, "app-ec", False)
            self.add("app-ec")
            self.becomes(tvs, "app-ec", True)
            self.add("app-ec", "--role", "tvs,capf", "--ttl", "7")
            expected = bytes.fromhex("08000215" "04" "0900040000" "0007")
            wait_for(lambda: tvs.ask(verify_request(der("app-ec")))[14:] == expected, "changed roles and TTL")
            self.ctl("cert", "remove", self.hash_of("app-ec"), "--yes")
            self.becomes(tvs, "app-ec", False)
            self.assertEqual(service.status()["snapshot"]["problem"], "")

    def test_without_the_control_socket(self):
        with Service(self.state) as service, Tvs(service.tvs[0]) as tvs:
            (self.state / "control.sock").unlink()
            self.add("app-ec")
            self.becomes(tvs, "app-ec", True)

    def test_the_itl_follows(self):
        with Service(self.state) as service:
            fetch = lambda: harness.tftp_get(service.tftp[0], ITL.encode())[0]
            first = fetch()
            self.add("app-ec")  # not on the list: it stays as it is, to the byte
            with Tvs(service.tvs[0]) as tvs:
                self.becomes(tvs, "app-ec", True)
            self.assertEqual(fetch(), first)
            self.ctl("mode", "set", "mixed")
            changed = wait_for(lambda: (f := fetch()) != first and f, "another ITL")
        file = self.folder / ITL
        file.write_bytes(changed)
        shown = json.loads(self.ctl("itl", "show", file, "--json"))
        self.assertIn("ccm+tftp", [r["role"] for r in shown["records"]])

    def break_a_key(self):
        key = next((self.state / "keys").glob("tvs-cucm1-*"))
        key.chmod(0o644)
        return key

    def test_a_failed_build_changes_nothing(self):
        with Service(self.state) as service, Tvs(service.tvs[0]) as tvs:
            self.add("app-ec")
            self.becomes(tvs, "app-ec", True)
            version = service.status()["snapshot"]["version"]
            key = self.break_a_key()
            self.add("app-odd")
            problem = wait_for(lambda: service.status()["snapshot"]["problem"], "the problem is told")
            self.assertIn("chmod 600", problem)
            self.becomes(tvs, "app-ec", True)
            self.becomes(tvs, "app-odd", False)
            self.assertEqual(service.status()["snapshot"]["version"], version)
            self.assertRegex(service.log(), r" error .*stays in service.*chmod 600")
            status = run(harness.program("anchorctl"), "--state", self.state, "status")
            self.assertIn(b"chmod 600", status.stdout)
            self.assertRegex(status.stdout.decode(), r"  - cucm1 does not serve the newest state")
            # It is told once, not at every look.
            self.assertEqual(service.log().count("stays in service"), 1)
            key.chmod(0o600)
            self.add("capf", "--role", "capf")
            for name in ("app-ec", "app-odd", "capf"):
                self.becomes(tvs, name, True)
            self.assertEqual(service.status()["snapshot"]["problem"], "")

    def test_a_shard_that_stands_still_is_named(self):
        """What is published then waits, and every place says so; when it goes on all is in service."""
        ptrace = ctypes.CDLL(None, use_errno=True).ptrace
        ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
        seize, interrupt, detach = 0x4206, 0x4207, 17
        file = self.state / "provisioning" / "changing"
        with Service(self.state, "--shards", "1") as service:
            tasks = pathlib.Path(f"/proc/{service.process.pid}/task")
            shard = next(int(t.name) for t in tasks.iterdir() if (t / "comm").read_text() == "shard-0\n")
            if ptrace(seize, shard, None, None) != 0:
                self.skipTest("a thread of another process cannot be stopped here (ptrace)")
            self.assertEqual(ptrace(interrupt, shard, None, None), 0)
            os.waitpid(shard, 0x40000000)  # __WALL
            try:
                snapshot, version = service.status()["snapshot"], 0
                while not snapshot["problem"]:
                    before, version = snapshot["version"], version + 1
                    file.with_name(".next").write_text(f"{version}")
                    file.with_name(".next").rename(file)
                    snapshot = wait_for(lambda: (s := service.status()["snapshot"]) and
                                        (s["version"] > before or s["problem"]) and s, f"version {version}")
                self.assertIn("shard 0 has not looked at a new snapshot", snapshot["problem"])
                self.assertGreaterEqual(snapshot["behind_since"], snapshot["published_at"])
                self.assertGreaterEqual(version, 60)
                self.assertIn(" warning ", next(line for line in service.log().splitlines()
                                                if "behind what is stored: shard 0" in line))
                status = run(harness.program("anchorctl"), "--state", self.state, "status")
                self.assertRegex(status.stdout.decode(),
                                 r"  - the newest state is not in service since 20\d\d-.*: shard 0")
            finally:
                ptrace(detach, shard, None, None)
            wait_for(lambda: service.status()["snapshot"]["problem"] == "", "it goes on")
            wait_for(lambda: harness.tftp_get(service.tftp[0], b"changing")[0] == b"%d" % version, "the last is served")
            self.assertIsNone(service.status()["snapshot"]["behind_since"])

    def test_hangup_rebuilds(self):
        with Service(self.state) as service, Tvs(service.tvs[0]) as tvs:
            version = service.status()["snapshot"]["version"]
            service.signal(signal.SIGHUP)
            wait_for(lambda: service.status()["snapshot"]["version"] > version, "a new snapshot")
            key = self.break_a_key()
            self.add("app-odd")
            wait_for(lambda: service.status()["snapshot"]["problem"], "the problem is told")
            key.chmod(0o600)
            service.signal(signal.SIGHUP)
            self.becomes(tvs, "app-odd", True)

    def test_many_changes_under_questions(self):
        """Answers to what does not change are right at every moment."""
        self.add("app-ec")
        wrong, done = [], threading.Event()

        def ask(address):
            with Tvs(address) as tvs:
                while not done.is_set():
                    if not is_valid(tvs.ask(verify_request(der("app-ec")))):
                        wrong.append("invalid")

        with Service(self.state) as service:
            asking = [threading.Thread(target=ask, args=(service.tvs[0],)) for _ in range(4)]
            for thread in asking:
                thread.start()
            certificates = list(harness.many_certificates(15))
            for certificate in certificates:
                self.add(certificate)
            with Tvs(service.tvs[0]) as tvs:
                wait_for(lambda: all(is_valid(tvs.ask(verify_request(c))) for c in certificates), "all are valid")
            done.set()
            for thread in asking:
                thread.join(BOUND)
            self.assertEqual(wrong, [])
            self.assertGreater(service.counters()["tvs_verify_valid"], 15)


class Crash(harness.Case):
    def test_the_same_itl_after_a_kill(self):
        with Service(self.state) as service:
            first = harness.tftp_get(service.tftp[0], ITL.encode())[0]
            service.kill()
        self.assertTrue((self.state / "control.sock").exists())
        with Service(self.state) as service:
            self.assertEqual(harness.tftp_get(service.tftp[0], ITL.encode())[0], first)

    def test_nothing_acknowledged_is_lost(self):
        certificates = list(harness.many_certificates(24))
        acknowledged = []

        def add_all():
            for i, certificate in enumerate(certificates):
                file = self.folder / f"{i}.der"
                file.write_bytes(certificate)
                added = run(harness.program("anchorctl"), "--state", self.state, "cert", "add", file, "--role",
                            "app-server")
                if added.returncode == 0:
                    acknowledged.append(certificate)

        adding = threading.Thread(target=add_all)
        adding.start()
        kills = 0
        while adding.is_alive() or kills < 3:
            with Service(self.state) as service:
                time.sleep(0.05 * kills % 0.2)
                service.kill()
            kills += 1
        adding.join()
        self.assertEqual(len(acknowledged), len(certificates))
        with Service(self.state) as service, Tvs(service.tvs[0]) as tvs:
            for certificate in acknowledged:
                self.assertTrue(is_valid(tvs.ask(verify_request(certificate))))


class End(harness.Case):
    def test_a_slow_transfer_ends_before_the_service(self):
        self.ctl("itl", "build", "--out", self.folder / "itl")
        # One shard: another, with nothing to wait for, would have ended and answer nobody.
        with Service(self.state, "--drain-timeout", "3600000", "--shards", "1", "--tftp-timeout", "60000") as service:
            result = []
            began, go_on = threading.Event(), threading.Event()

            def wait_at_first(block):
                began.set()
                go_on.wait(BOUND)

            fetching = threading.Thread(target=lambda: result.append(
                harness.tftp_get(service.tftp[0], ITL.encode(), on_block=wait_at_first)))
            fetching.start()
            self.assertTrue(began.wait(BOUND))
            service.signal(signal.SIGTERM)
            wait_for(lambda: "draining" in service.log(), "it drains")
            self.assertIsNone(service.process.poll())

            def refused():  # the shard hears of the drain a moment later
                try:
                    return harness.tftp_get(service.tftp[0], ITL.encode()) is None
                except OSError as e:
                    return "busy" in str(e)
            try:
                wait_for(refused, "nothing new is accepted")
            finally:
                go_on.set()
            fetching.join(BOUND)
            self.assertEqual(service.wait(), 0)
        self.assertEqual(result[0][0], (self.folder / "itl").read_bytes())

    def test_without_connections_there_is_nothing_to_wait_for(self):
        with Service(self.state, "--drain-timeout", "3600000", ports=("0", "auto", "0", "0")) as service:
            harness.tftp_get(service.tftp[0], ITL.encode())
            service.signal(signal.SIGTERM)
            self.assertEqual(service.wait(), 0)

    def test_idle_connections_get_a_close_notify(self):
        self.add("app-ec")
        for number in (signal.SIGTERM, signal.SIGINT):
            with Service(self.state) as service, Tvs(service.tvs[0]) as tvs:
                self.assertTrue(is_valid(tvs.ask(verify_request(der("app-ec")))))
                service.signal(number)
                self.assertTrue(tvs.close_notify())
                self.assertEqual(service.wait(), 0)
            self.assertFalse((self.state / "control.sock").exists())

    def test_a_drain_is_bounded(self):
        with Service(self.state, "--drain-timeout", "200") as service:
            with socket.create_connection(service.tvs[0]), Tvs(service.tvs[0]), \
                    socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
                silent.settimeout(BOUND)
                silent.sendto(b"\0\1ITLFile.tlv\0octet\0", service.tftp[0])
                silent.recv(1000)
                service.signal(signal.SIGTERM)
                self.assertEqual(service.wait(), 0)


class Addresses(harness.Case):
    def test_several(self):
        self.add("app-ec")
        with Service(self.state, listen=["127.0.0.1", "127.0.0.3", "::1"]) as service:
            self.assertEqual([h for h, _ in service.tvs], ["127.0.0.1", "127.0.0.3", "::1"])
            for tvs, tftp in zip(service.tvs, service.tftp):
                self.assertTrue(is_valid(ask_once(tvs, verify_request(der("app-ec")))))
                _, peer = harness.tftp_get(tftp, ITL.encode())
                self.assertEqual(peer, tftp[0])
            with self.assertRaises(OSError):
                ask_once(("127.0.0.2", service.tvs[0][1]), verify_request(der("app-ec")))

    def test_all_answers_come_from_the_address_asked(self):
        self.add("app-ec")
        with Service(self.state, listen=[]) as service:
            for host in ("127.0.0.2", "127.0.0.1", "::1"):
                with self.subTest(host):
                    content, peer = harness.tftp_get((host, service.tftp[0][1]), ITL.encode())
                    self.assertEqual(peer, host)
                    self.assertTrue(is_valid(ask_once((host, service.tvs[0][1]), verify_request(der("app-ec")))))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.settimeout(BOUND)
                s.sendto(b"\0\1nothing\0octet\0", ("127.0.0.2", service.tftp[0][1]))
                self.assertEqual(s.recvfrom(1000)[1][0], "127.0.0.2")

    def test_networks_that_are_not_served(self):
        self.add("app-ec")
        with Service(self.state, "--allow", "127.0.0.1/32", "--allow", "127.9.0.0/16") as service:
            for source, served in (("127.0.0.1", True), ("127.9.1.2", True), ("127.8.0.1", False)):
                with self.subTest(source):
                    ask = lambda: ask_once(service.tvs[0], verify_request(der("app-ec")), source=source)
                    if served:
                        self.assertTrue(is_valid(ask()))
                        continue
                    self.assertRaises((OSError, EOFError), ask)
                    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                        s.bind((source, 0))
                        s.sendto(b"\0\1ITLFile.tlv\0octet\0", service.tftp[0])
                        wait_for(lambda: service.counters()["tftp_refused_network"] == 1, "it is counted")
                        s.setblocking(False)
                        self.assertRaises(BlockingIOError, s.recv, 1000)
            self.assertEqual(service.counters()["tvs_refused_network"], 1)

    def test_services_that_are_off(self):
        with Service(self.state, ports=("0", "auto")) as service:
            self.assertRegex(service.ready, r"^ready tftp=127\.0\.0\.1:\d+$")
        with Service(self.state, ports=("auto", "0")) as service:
            self.assertRegex(service.ready, r"^ready tvs=127\.0\.0\.1:\d+$")
        with Service(self.state, ports=("0", "0", "auto", "0")) as service:
            self.assertRegex(service.ready, r"^ready http=127\.0\.0\.1:\d+$")

    def test_log_as_json(self):
        with Service(self.state, "--log-format", "json") as service:
            pass
        lines = [json.loads(line) for line in service.log().splitlines()]
        self.assertGreater(len(lines), 3)
        for line in lines:
            self.assertEqual(sorted(line), ["level", "message", "time"])
            self.assertTrue(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]))


if __name__ == "__main__":
    harness.main()
