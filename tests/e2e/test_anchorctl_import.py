"""Certificates and keys from elsewhere: the open tvsd's database, other clusters' bundles, adoption."""

import copy
import shutil
import sqlite3
import ssl
import subprocess

import harness
from harness import CERTS, Service, program, run

THEIR_TABLE = ("CREATE TABLE certificates (certificate_hash TEXT PRIMARY KEY, serial_number TEXT NOT NULL, "
               "subject_name TEXT NOT NULL, issuer_name TEXT NOT NULL, certificate TEXT NOT NULL, "
               "roles TEXT NOT NULL, ttl INTEGER) WITHOUT ROWID")


class Case(harness.Case):
    def known(self):
        return {c["sha256"]: c for c in self.facts("cert", "list")["certificates"] if c["own"] is None}

    def new_cluster(self, name, *args, code=0):
        state = self.folder / name
        result = run(program("anchorctl"), "--state", state, "init", "--name", name, *args)
        self.assertEqual(result.returncode, code, result.stderr.decode())
        return state

    def in_state(self, state):
        other = copy.copy(self)
        other.state = state
        return other


class Import(Case):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "tvs.sqlite3"

    def database(self, *rows, table=THEIR_TABLE):
        self.file.unlink(missing_ok=True)
        with sqlite3.connect(self.file) as database:
            database.execute(table)
            for i, (pem, roles, ttl) in enumerate(rows):
                database.execute("INSERT INTO certificates VALUES (?, '', '', '', ?, ?, ?)", (f"{i}", pem, roles, ttl))
        database.close()

    def test_everything_comes_over(self):
        self.database(((CERTS / "app-ec.crt").read_bytes(), "APP-SERVER", 3600),
                      ((CERTS / "tftp.crt").read_bytes(), "SAST,CCM+TFTP", 86400))
        out = self.facts("cert", "import", self.file)
        self.assertEqual(out["skipped"], [])
        self.assertEqual([(c["roles"], c["ttl"], c["replaced"]) for c in out["certificates"]],
                         [(["app-server"], 3600, False), (["sast", "ccm+tftp"], 86400, False)])
        self.assertEqual({k: {**v, "replaced": False} for k, v in self.known().items()},
                         {c["sha256"]: c for c in out["certificates"]})
        self.assertRegex(self.ctl("cert", "import", self.file), r"^replaced [0-9a-f]{10} \(app-server\) .*\nreplaced ")
        with Service(self.state) as service:
            self.assertTrue(harness.is_valid(harness.ask_once(service.tvs[0], harness.verify_request(harness.der("tftp")))))

    def test_a_running_service_answers_at_once(self):
        self.database(((CERTS / "app-ec.crt").read_bytes(), "APP-SERVER", None))
        with Service(self.state) as service:
            question = harness.verify_request(harness.der("app-ec"))
            self.assertFalse(harness.is_valid(harness.ask_once(service.tvs[0], question)))
            self.ctl("cert", "import", self.file)
            self.assertTrue(harness.is_valid(harness.ask_once(service.tvs[0], question)))

    def test_own_certificates_are_skipped(self):
        self.database((self.own_certificate("tftp").read_bytes(), "SAST,TFTP", 1),
                      ((CERTS / "app-ec.crt").read_bytes(), "APP-SERVER", 1))
        out = self.ctl("cert", "import", self.file)
        self.assertRegex(out, r"(?m)^added .*\(app-server\)")
        self.assertRegex(out, r"(?m)^skipped .*the cluster's own$")
        self.assertEqual(len(self.facts("cert", "import", self.file)["skipped"]), 1)

    def test_a_bad_row_refuses_all(self):
        good = (CERTS / "app-ec.crt").read_bytes()
        for row, says in (((b"no certificate", "TVS", 1), "certificate"), ((good, "ROOT", 1), "no role 'ROOT'"),
                          ((good, "", 1), "no roles"), ((good, "TVS", "soon"), "TTL")):
            self.database((good, "APP-SERVER", 1), row)
            self.refused(1, "cert", "import", self.file, says=[str(self.file), "row 2", "hash 1", says])
            self.assertEqual(self.known(), {})

    def test_files_that_are_none(self):
        self.refused(1, "cert", "import", self.file, says=str(self.file))
        self.refused(1, "cert", "import", self.folder, says=str(self.folder))
        self.refused(1, "cert", "import", CERTS / "app-ec.crt", says="not an SQLite database")
        self.database(table="CREATE TABLE other (id)")
        self.refused(1, "cert", "import", self.file, says="no table 'certificates'")
        self.database()
        self.refused(1, "cert", "import", self.file, says="no certificates")
        self.refused(2, "cert", "import", says="--help")


class Bundle(Case):
    def setUp(self):
        super().setUp()
        self.bundle = self.folder / "bundle.pem"
        self.other = self.new_cluster("other", "--host", "h")

    def test_there_and_back(self):
        exported = self.facts("cert", "bundle", "export", self.bundle)
        self.assertEqual([c["service"] for c in exported["certificates"]], ["tftp", "recovery", "capf"])
        text = self.bundle.read_text()
        self.assertNotIn("PRIVATE", text)
        self.assertIn("cluster: demo\n", text)
        other = self.in_state(self.other)
        out = other.facts("cert", "bundle", "import", self.bundle)
        self.assertEqual([(c["sha256"], c["roles"]) for c in out["certificates"]],
                         [(exported["certificates"][0]["sha256"], ["sast", "tftp"]),
                          (exported["certificates"][1]["sha256"], ["sast"]),
                          (exported["certificates"][2]["sha256"], ["capf"])])
        self.assertEqual(set(other.known()), {c["sha256"] for c in exported["certificates"]})
        # Other tools read it, too.
        if shutil.which("openssl"):
            shown = subprocess.run(["openssl", "crl2pkcs7", "-nocrl", "-certfile", self.bundle], capture_output=True)
            self.assertEqual(shown.returncode, 0, shown.stderr)
        other.ctl("cert", "bundle", "export", self.bundle)
        self.assertRegex(self.ctl("cert", "bundle", "import", self.bundle), r"^added .*\(sast,tftp\) CN=h\n")

    def test_roles(self):
        self.bundle.write_text("hello\n" + (CERTS / "tftp.crt").read_text() + "service: capf\r\n" +
                               (CERTS / "app-ec.crt").read_text())
        roles = [c["roles"] for c in self.facts("cert", "bundle", "import", self.bundle)["certificates"]]
        self.assertEqual(roles, [["sast", "tftp"], ["capf"]])
        roles = [c["roles"] for c in self.facts("cert", "bundle", "import", self.bundle, "--role", "tvs", "--hosts-agree")["certificates"]]
        self.assertEqual(roles, [["tvs"], ["tvs"]])
        self.refused(2, "cert", "bundle", "import", self.bundle, "--role", "root", says="no role 'root'")

    def test_a_private_key_is_refused_loudly(self):
        for key in ("tftp.key", "app-ec.key"):
            self.bundle.write_text((CERTS / "tftp.crt").read_text() + (CERTS / key).read_text())
            self.refused(1, "cert", "bundle", "import", self.bundle, says=["PRIVATE KEY", "nothing was imported"])
        self.assertEqual(self.known(), {})

    def test_the_own_bundle_is_refused(self):
        self.ctl("cert", "bundle", "export", self.bundle)
        self.refused(1, "cert", "bundle", "import", self.bundle, says="of this cluster itself")
        self.ctl("cert", "regenerate", "tftp", "--yes")
        self.refused(1, "cert", "bundle", "import", self.bundle, says="of this cluster itself")
        self.bundle.write_bytes(self.own_certificate("tftp").read_bytes())
        self.refused(1, "cert", "bundle", "import", self.bundle, says="of this cluster itself")

    def test_files_that_are_none(self):
        pem = (CERTS / "tftp.crt").read_text()
        for content, says in ((b"", "no certificate"), (harness.der("tftp"), "no certificate"),
                              (pem.split("-----END")[0].encode(), "END line"),
                              (pem.encode() + b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "X509 CRL"),
                              (f"service: tvs\n{pem}".encode(), "'tvs'"),
                              (pem.replace("MII", "AAA", 1).encode(), "its certificate 1"), (b"\0" * 5_000_000, "more")):
            self.bundle.write_bytes(content)
            self.refused(1, "cert", "bundle", "import", self.bundle, says=[str(self.bundle), says])
        self.assertEqual(self.known(), {})
        self.refused(1, "cert", "bundle", "export", self.folder / "none/bundle", says="none/bundle")
        for line in ("cert bundle", "cert bundle import", "cert bundle export"):
            self.refused(2, *line.split(), says="--help")


class Adopt(Case):
    """The pristine cluster is what phones know; its keys go to a new one."""

    def setUp(self):
        super().setUp()
        self.itl = self.folder / "ITLFile.tlv"
        self.ctl("itl", "build", "--out", self.itl)

    def both(self, service, name=None):
        """Certificate and key in one file."""
        key = next((self.state / "keys").glob(f"{service}-????????.key"))
        certificate = self.ctl("cert", "export", *(service.split("-", 1)[0:1] if service.startswith("tvs") else [service]))
        file = self.folder / (name or f"{service}.both")
        file.write_text(certificate + key.read_text())
        return file

    def own(self, state):
        return {c["service"] + (c["host"] or ""): c["sha256"] for c in self.in_state(state).facts("status")["own_certificates"]}

    def test_phones_take_the_new_servers_list(self):
        state = self.new_cluster("new", "--host", "n1=127.0.0.1", "--adopt", "--sast", self.both("tftp"), "--sast",
                                 self.both("recovery"), "--tvs", self.both("tvs-cucm1"), "--capf", self.both("capf"),
                                 "--itl", self.itl)
        before, after = self.own(self.state), self.own(state)
        for service in ("tftp", "recovery", "capf"):
            self.assertEqual(after[service], before[service])
        self.assertEqual(after["tvsn1"], before["tvscucm1"])
        with Service(state) as service:
            new = self.folder / "new.tlv"
            new.write_bytes(harness.tftp_get(service.tftp[0], b"ITLFile.tlv")[0])
            self.assertNotEqual(new.read_bytes(), self.itl.read_bytes())
            self.ctl("itl", "verify", new, "--signer", self.own_certificate("tftp"))
            # The second host's service is no longer there, but what it vouched for is known.
            other = ssl.PEM_cert_to_DER_cert(self.ctl("cert", "export", "tvs", "--host", "cucm2"))
            self.assertTrue(harness.is_valid(harness.ask_once(service.tvs[0], harness.verify_request(other))))
        held = self.facts("itl", "show", self.itl)
        known = {c["sha256"] for c in self.in_state(state).facts("cert", "list")["certificates"]}
        for record in held["records"]:
            self.assertIn(record["sha256"], known)

    def test_key_in_a_file_of_its_own(self):
        key = next((self.state / "keys").glob("tftp-????????.key"))
        state = self.new_cluster("new", "--host", "n1", "--adopt", "--sast", f"{self.own_certificate('tftp')},{key}",
                                 "--itl", self.itl)
        self.assertEqual(self.own(state)["tftp"], self.own(self.state)["tftp"])

    def refused_to_adopt(self, code, *args, says=()):
        mine, self.state = self.state, self.folder / "new"
        self.refused(code, "init", "--name", "new", "--host", "n1", *args, says=says)
        self.assertFalse(self.state.exists())
        self.state = mine

    def test_phones_that_would_not_come_along(self):
        other = self.new_cluster("other", "--host", "h")
        stranger = self.in_state(other).both("tftp", "stranger")
        self.refused_to_adopt(1, "--adopt", "--sast", stranger, "--itl", self.itl,
                              says=["would not go over", "--sast", "CN=cucm1", "--tvs", "CN=TVS-cucm2"])
        self.refused_to_adopt(1, "--adopt", "--sast", stranger, "--sast", self.both("recovery"), "--itl", self.itl,
                              says="would not go over")

    def test_what_does_not_fit(self):
        tftp = self.both("tftp")
        damaged = self.folder / "damaged.tlv"
        content = bytearray(self.itl.read_bytes())
        content[300] ^= 1
        damaged.write_bytes(content)
        self.refused_to_adopt(1, "--adopt", "--sast", tftp, "--itl", damaged, says="the list that phones hold")
        self.refused_to_adopt(1, "--adopt", "--sast", self.own_certificate("tftp"), says=["private key", "KEYFILE"])
        self.refused_to_adopt(1, "--adopt", "--sast", f"{tftp},{self.both('capf')}", says="not that of")
        self.refused_to_adopt(1, "--adopt", "--sast", tftp, "--sast", tftp, says="twice")
        self.refused_to_adopt(1, "--adopt", "--sast", self.folder / "none", says="none")
        self.refused_to_adopt(1, "--adopt", "--sast", tftp, "--tvs", self.both("tvs-cucm1"), "--tvs", self.both("capf"),
                              says="1 hosts")
        self.refused_to_adopt(2, "--adopt", says="--sast")
        self.refused_to_adopt(2, "--sast", tftp, says="--adopt")
        self.refused_to_adopt(2, "--itl", self.itl, says="--adopt")
