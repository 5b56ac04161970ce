"""anchorload boot: virtual phones at real services, at a stranger's, and at servers that are dead or wrong."""

import http.client
import json
import os
import socket

import harness
from harness import FACTOR, SLOW, Service, program, run
from network import unused_port
from test_anchorload import LOOPBACK, Http, Running, Tftp, refused_again, response

PHONES = 40 if SLOW else 200
# Seconds that a phone waits for an answer that comes. When nobody gives it a file, it asks again at once.
TIMEOUT = (20 if SLOW else 5) * FACTOR
REST = ("--rest", 0.1)
CONFIGURATION = "<Default><x>1</x></Default>\n"
BANNER = b"SSH-2.0-OpenSSH_9.2\r\n"


class Case(harness.Case):
    def setUp(self):
        super().setUp()
        self.provision(self.state)
        self.phones = self.folder / "phones"

    @staticmethod
    def provision(state):
        (state / "provisioning" / "XMLDefault.cnf.xml").write_text(CONFIGURATION)

    def stranger(self):
        """Another cluster, whose keys none of the phones has ever heard of."""
        state = self.folder / "stranger"
        made = run(program("anchorctl"), "--state", state, "init", "--name", "other", "--host", "other1=127.0.0.1")
        self.assertEqual(made.returncode, 0, made.stderr.decode())
        self.provision(state)
        return state

    def vouch(self, state, other, service, roles):
        """A cluster's verification service gets to know another's certificate."""
        file = self.folder / f"{service}.pem"
        exported = run(program("anchorctl"), "--state", other, "cert", "export", service)
        file.write_bytes(exported.stdout)
        added = run(program("anchorctl"), "--state", state, "cert", "add", file, "--role", roles)
        self.assertEqual(added.returncode, 0, added.stderr.decode())

    def flags(self, service, tvs=None):
        """Where the files are, and the verification services in their order."""
        out = []
        for name in ("tftp", "http", "https"):
            addresses = getattr(service, name)
            out += [f"--{name}-port", addresses[0][1] if addresses else unused_port(socket.SOCK_STREAM)]
        for host, port in service.tvs if tvs is None else tvs:
            out += ["--tvs", f"{host}:{port}"]
        return out

    def boot(self, *flags, count=PHONES, code=0):
        if "--timeout" not in flags:
            flags += ("--timeout", TIMEOUT)
        flags += REST
        result = run(program("anchorload"), "boot", "--host", LOOPBACK, "--phones", count, "--json", *flags)
        self.assertEqual(result.returncode, code, result.stdout.decode() + result.stderr.decode())
        self.assertEqual(result.stderr, b"")
        return self.consistent(json.loads(result.stdout))

    def consistent(self, report):
        ends = [report["phones"][end] for end in ("fine", "degraded", "locked")]
        self.assertEqual(sum(ends) + report["phones"]["off"], report["completed"] + report["completed_late"], report)
        self.assertEqual(sum(r["count"] for r in report["phones"]["reasons"]), sum(ends[1:]), report)
        return report

    def ends(self, report, fine=0, degraded=0, locked=0, reason=None):
        """The counts, and what the first reason says."""
        phones = report["phones"]
        self.assertEqual((phones["fine"], phones["degraded"], phones["locked"]), (fine, degraded, locked), report)
        if reason:
            self.assertIn(reason, phones["reasons"][0]["reason"])

    def kept(self, part):
        return sorted(file.parent.name for file in self.phones.glob(f"SEP*/{part}"))

    def settle(self, *flags, count=PHONES):
        """Phones that trust the cluster of this test."""
        with Service(self.state) as service:
            self.ends(self.boot(*self.flags(service), "--trust", self.phones, *flags, count=count), fine=count)


class Fine(Case):
    def test_by_each_protocol(self):
        with Service(self.state, ports=("auto",) * 4) as service:
            for protocol, counter in (("auto", "http"), ("http", "http"), ("https", "https"), ("tftp", "tftp")):
                before = service.counters()[f"{counter}_completed"]
                report = self.boot(*self.flags(service), "--protocol", protocol)
                self.ends(report, fine=PHONES)
                self.assertEqual(report["failed"], 0)
                self.assertEqual(report["phones"]["reasons"], [])
                self.assertEqual(report["phones"]["files"], 2 * PHONES)  # the list and the default configuration
                self.assertEqual(report["phones"]["questions"], 0)
                self.assertEqual(service.counters()[f"{counter}_completed"] - before, 2 * PHONES)
                self.assertEqual(report["bytes"] % PHONES, 0)
            harness.wait_for(lambda: service.status()["devices"]["known"] == PHONES, "all of them are known")

    def test_a_configuration_of_their_own(self):
        """By HTTPS it comes without a signature, and the connection vouches for it; by the others it is signed."""
        names = [f"SEP0011220000{i:02X}" for i in range(5)]
        for name in names:
            (self.state / "provisioning" / f"{name}.cnf.xml").write_text(f"<device>{name}</device>\n")
        with Service(self.state, ports=("auto",) * 4) as service:
            for protocol in ("https", "http", "tftp"):
                trust = self.folder / protocol
                # New ones judge the server by the list that they have just installed, then by that which they keep.
                for _ in range(2):
                    report = self.boot(*self.flags(service), "--trust", trust, "--protocol", protocol, count=6)
                    self.ends(report, fine=6)
                    self.assertEqual(report["failed"], 0)
                kept = {file.parent.name: file.read_text() for file in trust.glob("SEP*/configuration")}
                self.assertEqual(kept, {name: f"<device>{name}</device>\n" for name in names}
                                 | {"SEP001122000005": CONFIGURATION})

    def test_again_with_what_they_keep(self):
        with Service(self.state) as service:
            flags = (*self.flags(service), "--trust", self.phones)
            self.ends(self.boot(*flags), fine=PHONES)
            lists = {file.read_bytes() for file in self.phones.glob("SEP*/ITLFile.tlv")}
            self.assertEqual(lists, {harness.tftp_get(service.tftp[0], b"ITLFile.tlv")[0]})
            self.assertEqual({f.read_text() for f in self.phones.glob("SEP*/configuration")}, {CONFIGURATION})
            self.assertEqual(len(self.kept("ITLFile.tlv")), PHONES)
            self.assertEqual(self.kept("CTLFile.tlv"), [])
            before = {file: file.stat().st_ino for file in self.phones.glob("SEP*/*")}
            for protocol in ("http", "https", "tftp"):
                self.ends(self.boot(*flags, "--protocol", protocol), fine=PHONES)
            self.assertEqual({file: file.stat().st_ino for file in self.phones.glob("SEP*/*")}, before)

    def test_a_new_configuration(self):
        with Service(self.state) as service:
            flags = (*self.flags(service), "--trust", self.phones)
            self.boot(*flags, count=10)
            (self.state / "provisioning" / "XMLDefault.cnf.xml").write_text("<Default><x>2</x></Default>\n")
            harness.wait_for(lambda: b"<x>2" in harness.tftp_get(service.tftp[0], b"XMLDefault.cnf.xml")[0], "the new one")
            self.boot(*flags, count=5)
            contents = [f.read_text() for f in sorted(self.phones.glob("SEP*/configuration"))]
            self.assertEqual([text.count("<x>2") for text in contents], [1] * 5 + [0] * 5)

    def test_which_phones(self):
        with Service(self.state) as service:
            flags = (*self.flags(service), "--trust", self.phones)
            self.boot(*flags, "--from", 3, count=2)
            self.boot(*flags, "--first", "00:11:22:00:00:fe", count=3)
            self.assertEqual(self.kept("ITLFile.tlv"), ["SEP001122000003", "SEP001122000004", "SEP0011220000FE",
                                                        "SEP0011220000FF", "SEP001122000100"])

    def test_older_models_ask_for_plain_files_only(self):
        with Service(self.state) as service:
            flags = (*self.flags(service), "--trust", self.phones, "--without-security-by-default", 25)
            self.ends(self.boot(*flags, count=40), fine=40)
            self.assertEqual(len(self.kept("ITLFile.tlv")), 30)
            self.assertEqual(len(self.kept("configuration")), 40)
            with_list = self.kept("ITLFile.tlv")
            self.ends(self.boot(*flags, "--from", 20, count=20), fine=20)  # the same ones
            self.assertEqual(self.kept("ITLFile.tlv"), with_list)

    def test_again_and_again(self):
        with Service(self.state) as service:
            flags = self.flags(service)
            report = self.boot(*flags, "--boots", 3, "--connections", 7, "--threads", 2, count=20)
            self.ends(report, fine=60)
            self.assertEqual(report["connections"], 7)
            before = service.counters()["http_completed"]
            with Running("boot", *flags, "--threads", 2, "--phones", 20, "--timeout", TIMEOUT) as booting:
                # Two files a boot; the last ones may not have arrived.
                harness.wait_for(lambda: service.counters()["http_completed"] - before > 2 * (20 + 2 * 20), "boots")
                code, report = booting.end()
            self.assertEqual(code, 0)
            self.consistent(report)
            self.assertGreater(report["phones"]["fine"], 20)
            self.assertEqual(report["phones"]["degraded"] + report["phones"]["locked"], 0)
            self.assertEqual(self.boot(*flags, "--ramp", 0.2, "--threads", 2, count=20)["rate_wanted"], 100)

    def test_addresses(self):
        """Each phone has one of its own, unless all are to share one."""
        with Service(self.state, "--max-per-address", 2) as service:
            flags = (*self.flags(service), "--protocol", "http")
            self.ends(self.boot(*flags, count=50), fine=50)
            self.assertEqual(service.counters()["http_refused_address"], 0)
            self.boot(*flags, "--one-address", "--timeout", 0.25, count=50)
            self.assertGreater(service.counters()["http_refused_address"], 0)

    def test_a_phone_is_at_the_same_address_whoever_boots_with_it(self):
        with Service(self.state) as service:
            self.boot(*self.flags(service), "--from", 2, count=1)
            self.boot(*self.flags(service), "--from", 1, count=3)
            expected = {(f"SEP00112200000{n}", f"127.16.0.{n + 1}") for n in (1, 2, 3)}

            def seen():
                return {(device["device"], file["from"].split(":")[0])
                        for device in service.status()["devices"]["recent"] for file in device["files"]}

            harness.wait_for(lambda: len(seen()) >= len(expected), "all of them are known")
            self.assertEqual(seen(), expected)

    def test_text(self):
        with Service(self.state) as service:
            result = run(program("anchorload"), "boot", "--host", LOOPBACK, "--phones", 5, *self.flags(service))
            self.assertIn("5 fine, 0 degraded, 0 locked", result.stdout.decode())
            self.assertIn("no errors", result.stdout.decode())


class Digest(Case):
    COUNT = 10

    def test_phones_go_along(self):
        """Lists and files are signed anew while the service runs; phones that hold a list of before take the new ones."""
        def fetched(name):
            file = self.folder / name
            try:
                file.write_bytes(harness.tftp_get(service.tftp[0], name.encode())[0])
            except OSError:
                return None
            group = "itl" if name.endswith(".tlv") else "file"
            return json.loads(run(program("anchorctl"), group, "show", file, "--json").stdout)["digest"]

        names = ("ITLFile.tlv", "XMLDefault.cnf.xml.sgn", "XMLDefault.cnf.xml.sha512")
        with Service(self.state) as service:
            flags = (*self.flags(service), "--trust", self.phones)
            for digest in ("sha512", "sha1", "sha512"):
                self.ctl("set", "digest", digest)
                as_chosen = [digest, digest, digest if digest == "sha512" else None]
                harness.wait_for(lambda: [fetched(name) for name in names] == as_chosen, f"all is signed with {digest}")
                self.ends(self.boot(*flags, count=self.COUNT), fine=self.COUNT)
                current = harness.tftp_get(service.tftp[0], b"ITLFile.tlv")[0]
                # No dump of lists where one differs.
                self.assertEqual([file.read_bytes() == current for file in self.phones.glob("SEP*/ITLFile.tlv")],
                                 [True] * self.COUNT)
        # A start goes on with it.
        with Service(self.state) as service:
            self.assertEqual([fetched(name) for name in names], ["sha512"] * 3)


class Fleet(Case):
    """Phones that are not set up, all behind one address."""

    FLEET = 300 if SLOW else 600

    def guesses(self, service, first):
        """What somebody at that address who asks for nothing but configurations is told of 300 names: the statuses."""
        connection = http.client.HTTPConnection(*service.http[0], timeout=harness.BOUND)
        statuses = []
        for i in range(300):
            connection.request("GET", f"/SEP{first + i:012X}.cnf.xml.sgn")
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()
        return statuses

    def test_they_are_fine_and_a_guesser_is_refused(self):
        with Service(self.state, "--shards", "2") as service:
            # The requests of one phone come to both shards, or to one.
            for protocol in ("tftp",) if SLOW else ("tftp", "http"):
                report = self.boot(*self.flags(service), "--one-address", "--protocol", protocol, "--connections", 100,
                                   count=self.FLEET)
                self.ends(report, fine=self.FLEET)
                self.assertEqual(report["failed"], 0)
            self.assertIn(503, self.guesses(service, 0x5000))
            harness.wait_for(lambda: LOOPBACK in service.status()["devices"]["guessing"], "it is reported")
            # Neither is bothered by him: those of before, nor new ones.
            self.ends(self.boot(*self.flags(service), "--one-address", count=self.FLEET), fine=self.FLEET)
            self.ends(self.boot(*self.flags(service), "--one-address", "--first", "00:11:22:11:00:00", count=200),
                      fine=200)
            self.assertIn(503, self.guesses(service, 0x9000))


class OtherClusters(Case):
    def test_another_cluster_locks(self):
        self.settle()
        with Service(self.stranger()) as service:
            before = {file: file.read_bytes() for file in self.phones.glob("SEP*/*")}
            report = self.boot(*self.flags(service), "--trust", self.phones, code=1)
            self.ends(report, locked=PHONES, reason="no verification service that there is")
            self.assertEqual(len(report["phones"]["reasons"][0]["phones"]), 5)
            self.assertGreaterEqual(report["phones"]["untrusted_services"], PHONES)
            self.assertEqual(report["phones"]["questions"], 0)  # none is asked that is not trusted
            self.assertEqual({file: file.read_bytes() for file in before}, before)
            # New phones know no better, and so do those of before whose list was deleted.
            self.ends(self.boot(*self.flags(service)), fine=PHONES)

    def test_what_new_phones_verify_is_nothing_to_others(self):
        """Thousands verify the same file but once; who holds other lists judges by those."""
        self.settle("--from", 10, count=10)
        with Service(self.stranger()) as service:
            report = self.boot(*self.flags(service), "--trust", self.phones, "--connections", 1, count=20, code=1)
            self.ends(report, fine=10, locked=10)
            self.assertEqual(report["phones"]["reasons"][0]["phones"][0], "SEP00112200000A")

    def test_their_own_service_does_not_know_the_signer(self):
        self.settle()
        with Service(self.state) as own, Service(self.stranger()) as service:
            report = self.boot(*self.flags(service, own.tvs), "--trust", self.phones, code=1)
            self.ends(report, locked=PHONES, reason="does not know")
            self.assertEqual(report["phones"]["questions"], 2 * PHONES)

    def test_no_service_to_ask(self):
        """The signer has changed, and no verification service answers: they keep what they have, and are not lost."""
        self.settle()
        dead = [(LOOPBACK, unused_port(socket.SOCK_STREAM))]
        with Service(self.stranger()) as service:
            flags = (*self.flags(service, dead), "--trust", self.phones)
            report = self.boot(*flags)
            self.ends(report, degraded=PHONES, reason="no verification service answered")
            self.assertEqual(report["errors"]["refused"], 2 * PHONES)
            self.boot(*flags, "--fail-on-error", code=1)

    def test_a_signer_that_is_vouched_for(self):
        self.settle()
        other = self.stranger()
        self.vouch(self.state, other, "tftp", "sast,tftp")
        with Service(self.state) as own, Service(other) as service:
            before = self.kept("ITLFile.tlv")
            report = self.boot(*self.flags(service, own.tvs), "--trust", self.phones)
            self.ends(report, fine=PHONES)
            self.assertEqual(report["phones"]["questions"], PHONES)
            self.assertEqual(self.kept("ITLFile.tlv"), before)
            # From now on they are the other cluster's.
            report = self.boot(*self.flags(service), "--trust", self.phones)
            self.ends(report, fine=PHONES)
            self.assertEqual(report["phones"]["questions"], 0)
            self.ends(self.boot(*self.flags(own), "--trust", self.phones, count=5, code=1), locked=5)

    def test_services_in_their_order(self):
        self.settle()
        other = self.stranger()
        self.vouch(self.state, other, "tftp", "sast,tftp")
        with Service(self.state) as own, Service(other) as service:
            dead = (LOOPBACK, unused_port(socket.SOCK_STREAM))
            flags = (*self.flags(service, [dead, service.tvs[0], own.tvs[0]]), "--trust", self.phones)
            report = self.boot(*flags)
            self.ends(report, fine=PHONES)
            self.assertEqual(report["errors"]["refused"], PHONES)
            self.assertEqual(report["phones"]["untrusted_services"], PHONES)
            self.assertEqual(report["phones"]["questions"], PHONES)

    def test_https_of_another_cluster(self):
        self.settle(count=20)
        other = self.stranger()
        with Service(self.state) as own, Service(other) as service:
            flags = (*self.flags(service, own.tvs), "--trust", self.phones, "--protocol", "https")
            report = self.boot(*flags, count=20)
            self.ends(report, degraded=20, reason="nobody answered")
            self.assertEqual(report["phones"]["files"], 0)
            self.assertIn("not vouched for", report["error_examples"]["server"])
            self.vouch(self.state, other, "tftp-ec", "tftp")
            self.vouch(self.state, other, "tftp", "sast,tftp")
            own.signal(1)
            harness.wait_for(lambda: own.status()["snapshot"]["certificates"] > 5, "both are known")
            self.ends(self.boot(*flags, count=20), fine=20)


class Mistakes(Case):
    def served(self, service, damage=lambda path, body: body):
        """An HTTP server that has a service's files, damaged."""

        def answer(path, _):
            try:
                body = harness.tftp_get(service.tftp[0], path[1:].encode())[0]
            except OSError:
                return response(b"", "404 Not Found")
            return response(damage(path, body))

        return Http(answer)

    def boot_at(self, server, *flags, **how):
        return self.boot("--http-port", server.port, "--protocol", "http", *flags, **how)

    def test_a_byte_is_wrong(self):
        def damage(name, at):
            return lambda path, body: body[:at] + bytes([body[at] ^ 1]) + body[at + 1:] if name in path else body

        with Service(self.state) as service:
            with self.served(service) as server:
                self.ends(self.boot_at(server, count=5), fine=5)
            for name, at in (("ITL", 200), ("ITL", -3), ("cnf.xml.sgn", -3)):
                with self.served(service, damage(name, at)) as server:
                    report = self.boot_at(server, "--trust", self.folder / f"{name}{at}", count=5, code=1)
                    self.ends(report, degraded=5, reason="is broken")
                    self.assertEqual(report["errors"]["content"], 5)
                    if name == "ITL":
                        self.assertEqual(list((self.folder / f"{name}{at}").glob("*/ITLFile.tlv")), [])

    def test_a_byte_is_wrong_for_some(self):
        """Others have verified the same file, and it was good."""
        with Service(self.state) as service:
            for name in ("ITL", "cnf.xml.sgn"):
                asked = []

                def damage(path, body, name=name, asked=asked):
                    asked.append(name in path)
                    wrong = asked[-1] and 3 < sum(asked) <= 6
                    return body[:-3] + bytes([body[-3] ^ 1]) + body[-2:] if wrong else body

                with self.served(service, damage) as server:
                    report = self.boot_at(server, "--connections", 1, count=9, code=1)
                    self.ends(report, fine=6, degraded=3, reason="is broken")
                    self.assertEqual(report["errors"]["content"], 3)
                    self.assertEqual(report["phones"]["reasons"][0]["phones"], [f"SEP00112200000{n}" for n in (3, 4, 5)])

    def test_one_file_for_another(self):
        with Service(self.state) as service:
            whole = harness.tftp_get(service.tftp[0], b"ITLFile.tlv")[0]
            for name in ("CTLFile.tlv", "cnf.xml.sgn"):
                with Http(lambda path, _, name=name: response(whole) if name in path or path == "/ITLFile.tlv"
                          else response(b"", "404 Not Found")) as server:
                    report = self.boot_at(server, count=5, code=1)
                    self.ends(report, degraded=5)
                    self.assertEqual(report["errors"]["content"], 5)

    def test_http_that_is_broken_and_tftp_that_is_not(self):
        with Service(self.state) as service:
            for answer, kind in ((response(b"busy", "503 Service Unavailable"), None), (BANNER, "protocol")):
                with Http(answer) as server:
                    report = self.boot("--http-port", server.port, "--tftp-port", service.tftp[0][1], count=5,
                                       code=1 if kind else 0)
                    self.ends(report, fine=5)
                    self.assertEqual(report["phones"]["other_protocol"], 25)
                    self.assertEqual(report["failed"], 25 if kind else 0)
            report = self.boot("--http-port", unused_port(socket.SOCK_STREAM), "--tftp-port", service.tftp[0][1], count=5)
            self.ends(report, fine=5)
            self.assertEqual(report["failed"], 0)

    def test_silence_is_met_once(self):
        with Service(self.state) as service, Http(serve=lambda *_: None) as server:
            server.serve_one = lambda connection, _: harness.wait_for(lambda: server.over, "the end")
            report = self.boot("--http-port", server.port, "--tftp-port", service.tftp[0][1], "--timeout", TIMEOUT / 4,
                               count=5)
            self.ends(report, fine=5)
            self.assertEqual(report["phones"]["other_protocol"], 5)

    def test_nobody_is_there(self):
        ports = ("--http-port", unused_port(socket.SOCK_STREAM), "--tftp-port", unused_port(socket.SOCK_DGRAM))
        report = self.boot(*ports, "--timeout", 0.1, count=20)
        self.ends(report, degraded=20, reason="nobody answered")
        self.assertGreater(report["errors"]["refused"], 20)
        self.boot(*ports, "--timeout", 0.1, "--fail-on-error", count=20, code=1)
        with Tftp() as server:
            server.on_packet = lambda *_: None
            report = self.boot("--tftp-port", server.port, "--protocol", "tftp", "--timeout", 0.25, count=5)
            self.ends(report, degraded=5)
            self.assertGreater(report["errors"]["timeout"], 5)

    def test_a_late_answer_is_not_for_the_next_request(self):
        """Two answers to a request that was repeated: the second must not be taken for that to another."""
        with Service(self.state) as service, Tftp() as server:
            files = {}

            def on_packet(packet, peer):
                if packet[:2] != b"\0\1":
                    return
                name = packet[2:].split(b"\0")[0]
                if name not in files:
                    try:
                        files[name] = harness.tftp_get(service.tftp[0], name)[0]
                    except OSError:
                        files[name] = None
                for _ in range(2):
                    if files[name] is None:
                        server.send(b"\0\5\0\1none\0", peer)
                    else:
                        transfer(files[name], peer)

            def transfer(content, peer):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                    s.bind((LOOPBACK, 0))
                    s.settimeout(0.2 * FACTOR)
                    for block in range(1, len(content) // 512 + 2):
                        s.sendto(b"\0\3" + bytes([0, block]) + content[block * 512 - 512:block * 512], peer)
                        try:
                            if s.recv(600)[:2] != b"\0\4":
                                return
                        except (TimeoutError, ConnectionError):
                            return

            server.on_packet = on_packet
            self.ends(self.boot("--tftp-port", server.port, "--protocol", "tftp", count=3), fine=3)

    def test_a_service_of_another_kind(self):
        self.settle(count=5)

        def banner(connection, _):
            connection.sendall(BANNER)
            harness.wait_for(lambda: server.over, "the end")

        with Service(self.stranger()) as service, Http(serve=banner) as server:
            report = self.boot(*self.flags(service, [(LOOPBACK, server.port)]), "--trust", self.phones, count=5, code=1)
            self.ends(report, degraded=5)
            self.assertEqual(report["errors"]["protocol"], 10)

    def test_the_service_goes_away(self):
        with Service(self.state) as service, Running("boot", *self.flags(service), "--timeout", TIMEOUT, *REST, "--phones", 20,
                                                     "--fail-on-error") as booting:
            harness.wait_for(lambda: service.counters()["http_completed"] > 2 * 2 * 20, "the first boots")
            service.kill()
            refused_again(20)
            code, report = booting.end()
        self.assertEqual(code, 1)
        self.consistent(report)
        self.assertGreater(report["phones"]["fine"], 0)
        self.assertEqual(report["phones"]["locked"], 0)
        self.assertEqual(report["errors"]["content"] + report["errors"]["protocol"], 0, report)


class Faults(Case):
    def fault(self, report, **expected):
        for name, count in expected.items():
            kind, service = name.split("_")
            self.assertEqual(report["phones"]["faults"][kind][service], count, report)

    def test_none_unless_asked_for(self):
        with Service(self.state) as service:
            report = self.boot(*self.flags(service))
            self.ends(report, fine=PHONES)
            self.fault(report, unreachable_tvs=0, unreachable_http=0, unreachable_tftp=0, cut_http=0, cut_tftp=0)
            self.assertEqual(report["phones"]["off"], 0)

    def test_a_verification_service_that_some_cannot_reach(self):
        self.settle()
        with Service(self.state) as service:
            flags = (*self.flags(service), "--trust", self.phones)
            before = {file: file.read_bytes() for file in self.phones.glob("SEP*/ITLFile.tlv")}
            self.ctl("cert", "regenerate", "tftp")
            asked = service.counters()["tvs_accepted"]
            report = self.boot(*flags, "--unreachable", "tvs")
            self.ends(report, degraded=PHONES, reason="no verification service answered")
            self.fault(report, unreachable_tvs=PHONES)
            self.assertEqual((report["failed"], report["phones"]["questions"]), (0, 0))
            self.assertEqual(service.counters()["tvs_accepted"], asked)  # they do not even connect
            self.assertEqual({file: file.read_bytes() for file in before}, before)
            ends = set()
            for _ in range(2):  # the same phones for the same seed
                report = self.boot(*flags, "--unreachable", "tvs:30", "--seed", 7)
                without = report["phones"]["faults"]["unreachable"]["tvs"]
                self.assertTrue(0 < without < PHONES, report)
                self.ends(report, fine=PHONES - without, degraded=without)
                ends.add((without, tuple(sorted(self.holding(before)))))
            self.assertEqual(len(ends), 1)
            self.ends(self.boot(*flags), fine=PHONES)
            self.assertEqual(self.holding(before), [])

    def holding(self, before):
        """Phones that hold what they held before."""
        return [file.parent.name for file, content in before.items() if file.read_bytes() == content]

    def test_files_that_some_cannot_reach(self):
        with Service(self.state) as service:
            flags = (*self.flags(service), "--trust", self.phones)
            report = self.boot(*flags, "--unreachable", "http", "--unreachable", "tftp:100", "--timeout", 0.1)
            self.ends(report, degraded=PHONES, reason="nobody answered")
            self.fault(report, unreachable_http=PHONES, unreachable_tftp=PHONES)
            self.assertEqual((report["failed"], self.kept("ITLFile.tlv")), (0, []))
            # Who is hit at some percentage is hit at every higher one.
            kept = []
            for percent in (60, 20):
                self.boot(*flags, "--protocol", "http", "--unreachable", f"http:{percent}")
                kept.append(set(self.kept("ITLFile.tlv")))
            self.assertTrue(kept[0] < kept[1], kept)
            # By the next protocol.
            self.assertEqual(service.counters()["tftp_requests"], 0)
            self.ends(self.boot(*flags, "--unreachable", "http"), fine=PHONES)
            self.assertGreater(service.counters()["tftp_requests"], 0)

    def test_transfers_that_are_cut(self):
        with Service(self.state) as service:
            served = harness.tftp_get(service.tftp[0], b"ITLFile.tlv")[0]
            flags = (*self.flags(service), "--trust", self.phones)
            # The list five times and the configuration; by HTTP also the answer that there is no CTL.
            for protocol, cut in (("tftp", 6), ("http", 11)):
                report = self.boot(*flags, "--protocol", protocol, "--cut", 100, count=10)
                self.ends(report, degraded=10, reason="nobody answered")
                self.fault(report, **{f"cut_{protocol}": 10 * cut})
                self.assertEqual((report["failed"], self.kept("*")), (0, []))
            report = self.boot(*flags, "--cut", 20)
            cut = report["phones"]["faults"]["cut"]
            self.assertGreater(cut["http"], 0, report)
            self.assertGreater(report["phones"]["fine"], 0)
            self.assertEqual({file.read_bytes() for file in self.phones.glob("SEP*/ITLFile.tlv")}, {served})
            self.ends(self.boot(*flags), fine=PHONES)

    def test_a_last_block_that_is_never_acknowledged(self):
        """The phone is gone, and its port does not say so."""
        with Tftp() as server:
            acknowledged = []

            def on_packet(packet, peer):
                if packet[:2] == b"\0\4":
                    return acknowledged.append(packet)
                name = packet[2:].split(b"\0")[0]
                server.send(b"\0\3\0\1last block" if name.startswith(b"ITL") else b"\0\5\0\1none\0", peer)

            server.on_packet = on_packet
            report = self.boot("--tftp-port", server.port, "--protocol", "tftp", "--cut", 100, count=1)
            self.ends(report, degraded=1)
            self.fault(report, cut_tftp=5)
            self.assertEqual(acknowledged, [])

    def test_phones_that_switch_off(self):
        with Service(self.state) as service:
            served = harness.tftp_get(service.tftp[0], b"ITLFile.tlv")[0]
            flags = (*self.flags(service), "--trust", self.phones)
            report = self.boot(*flags, "--off-at", 100)
            off = report["phones"]["off"]
            self.assertGreater(off, PHONES // 2)
            self.ends(report, fine=PHONES - off)
            self.assertEqual(report["failed"], 0)
            # Some before and some behind what they then keep.
            with_list = self.kept("ITLFile.tlv")
            self.assertTrue(0 < len(with_list) < PHONES)
            self.assertLess(len(self.kept("configuration")), len(with_list))
            self.assertEqual({file.read_bytes() for file in self.phones.glob("SEP*/ITLFile.tlv")}, {served})
            report = self.boot(*flags, "--off-at", 50, "--boots", 3, "--protocol", "tftp")
            self.assertTrue(0 < report["phones"]["off"] < 3 * PHONES, report)
            self.ends(self.boot(*flags), fine=PHONES)

    def test_off_before_the_answer_is_heard(self):
        """The service has answered, and the phone takes nothing of it."""
        self.settle()
        with Service(self.state) as service:
            before = {file: file.read_bytes() for file in self.phones.glob("SEP*/ITLFile.tlv")}
            self.ctl("cert", "regenerate", "tftp")
            report = self.boot(*self.flags(service), "--trust", self.phones, "--off-at", 100, "--seed", 3)
            self.assertEqual(report["phones"]["locked"], 0)
            still = len(self.holding(before))
            self.assertTrue(0 < still < PHONES)
            self.assertGreater(report["phones"]["questions"], PHONES - still)

    def test_text(self):
        with Service(self.state) as service:
            said = run(program("anchorload"), "boot", "--host", LOOPBACK, "--phones", 20, *self.flags(service),
                       "--off-at", 100, "--unreachable", "tvs").stdout.decode()
            self.assertIn("switched off", said)
            self.assertIn("20 boots without TVS", said)


class CommandLine(Case):
    def refused(self, *flags, code=2):
        result = run(program("anchorload"), "boot", *flags)
        self.assertEqual(result.returncode, code, result.stdout)
        self.assertEqual(len(result.stderr.decode().strip().splitlines()), 1)
        return result.stderr.decode()

    def test_mistakes(self):
        here = ("--host", LOOPBACK)
        self.assertIn("--allow-remote", self.refused("--host", "192.0.2.1", "--phones", 1))
        self.assertIn("--allow-remote", self.refused(*here, "--phones", 1, "--tvs", "192.0.2.1"))
        for flags in ((), ("--phones", 0), ("--phones", 1, "--ramp", 1, "--rate", 1), ("--phones", 1, "--protocol", "gopher"),
                      ("--phones", 1, "--boots", 2, "--seconds", 1), ("--phones", 1, "--tvs", "nowhere"),
                      ("--phones", 2, "--threads", 3), ("--phones", 1, "--without-security-by-default", 101)):
            self.refused(*here, *flags)
        for flags in (("--unreachable", "gopher"), ("--unreachable", "tvs:"), ("--unreachable", "tvs:101"),
                      ("--unreachable", "tvs:nan"), ("--unreachable", "tvs", "--unreachable", "tvs:5"), ("--cut", -1),
                      ("--cut", "half"), ("--off-at", 100.5), ("--off-at", "nan"), ("--seed", -1)):
            self.assertIn(flags[0], self.refused(*here, "--phones", 1, *flags))

    def test_what_is_missing_here(self):
        here = ("--host", LOOPBACK, "--http-port", unused_port(socket.SOCK_STREAM), "--protocol", "http", "--timeout", 0.1)
        self.assertIn("MAC", self.refused(*here, "--phones", 2, "--first", "SEPFFFFFFFFFFFF", code=1))
        self.assertIn("--first", self.refused(*here, "--phones", 1, "--first", "SEP12", code=1))
        (self.folder / "file").write_text("")
        self.assertIn("--trust", self.refused(*here, "--phones", 1, "--trust", self.folder / "file", code=1))
        os.makedirs(self.phones / "SEP001122000000" / "ITLFile.tlv")
        self.assertIn("--trust", self.refused(*here, "--phones", 1, "--trust", self.phones, code=1))

    def test_descriptors(self):
        args = [str(a) for a in (program("anchorload"), "boot", "--host", LOOPBACK, "--phones", 5000, "--connections", 5000)]
        result = run(*args, preexec_fn=harness.limit_descriptors(1024))
        self.assertEqual(result.returncode, 2)
        self.assertIn("ulimit", result.stderr.decode())
        with Service(self.state) as service:
            args = [program("anchorload"), "boot", "--host", LOOPBACK, "--phones", PHONES, "--json", *self.flags(service)]
            report = json.loads(run(*args, preexec_fn=harness.limit_descriptors(128)).stdout)
            self.assertLess(report["connections"], 64)
            self.ends(report, fine=PHONES)


if __name__ == "__main__":
    harness.main()
