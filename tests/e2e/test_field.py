"""Names, numbers, certificates and lists as others write them: tests/data/field."""

import base64
import http.client
import socket
import ssl
import struct
import subprocess
import urllib.parse

import harness
from harness import DATA, Service, Tvs, ask_once, is_valid, message, program, run

FIELD = DATA / "field"


def der_of(name):
    return ssl.PEM_cert_to_DER_cert((FIELD / f"{name}.pem").read_text())


def query(issuer, serial, subject=None):
    items = [(1, b"\x01CP-8861-SEP001122334455")]
    if subject is not None:
        items.append((3, subject.encode() + b"\0"))
    return message(3, 1, items + [(4, issuer.encode() + b"\0"), (5, serial)])


class Case(harness.Case):
    def add_field(self, *names, roles="sast,tftp"):
        for name in names:
            self.ctl("cert", "add", FIELD / f"{name}.pem", "--role", roles)

    def warned(self, *args):
        """Standard error of a command that succeeds."""
        result = run(program("anchorctl"), "--state", self.state, *args)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return result.stderr.decode()


class Names(Case):
    def test_the_vendors_queries(self):
        self.add_field("etoken", "adcs")
        with Service(self.state) as service:
            for name in ("etoken", "adcs"):
                answer = ask_once(service.tvs[0], (FIELD / f"query-{name}.bin").read_bytes())
                self.assertTrue(is_valid(answer), name)
                self.assertIn(der_of(name), answer)
                self.assertIn(b"\x08\x00\x02\x00\x03", answer)

    def test_by_the_tool(self):
        self.add_field("adcs")
        tvs = self.own_certificate("tvs")
        with Service(self.state) as service:
            def ask(*args, code=0):
                host = "%s:%d" % service.tvs[0]
                return self.ctl("tvs", "query", "--host", host, "--tvs-cert", tvs, *args, code=code)

            for serial in ("24000000179479B8F124AC3F3B000000000017", "0x24000000179479b8f124ac3f3b000000000017",
                           "24:00:00:00:17:94:79:B8:F1:24:AC:3F:3B:00:00:00:00:00:17",
                           "0024000000179479B8F124AC3F3B000000000017", "serial=24000000179479B8F124AC3F3B000000000017",
                           "802830000000 (0x24000000179479B8F124AC3F3B000000000017)"):
                self.assertIn("found", ask("--issuer", "CN=stormin-WIN2012-CA", "--serial", serial), serial)
            self.assertIn("not found", ask("--issuer", "CN=stormin-WIN2012-XA", "--serial",
                                           "24000000179479B8F124AC3F3B000000000017", code=1))
            for wrong in ("xyz", "", "0x", "12 (13"):
                self.refused(2, "tvs", "query", "--host", "%s:%d" % service.tvs[0], "--tvs-cert", tvs, "--issuer", "CN=x",
                             "--serial", wrong, says="--serial")

    def test_as_programs_print_them(self):
        self.add("app-odd")
        tvs, file = self.own_certificate("tvs"), harness.CERTS / "app-odd.crt"
        printed = lambda *args: subprocess.run(["openssl", "x509", "-in", file, "-noout", *args], check=True,
                                               capture_output=True, text=True, errors="surrogateescape").stdout
        serials = (printed("-serial"), "Serial Number:\n    " + printed("-serial").removeprefix("serial="))
        names = [printed("-issuer", "-nameopt", style) for style in (
            "compat", "RFC2253", "oneline", "multiline", "oneline,-esc_msb,utf8", "sep_multiline", "ca_default",
            "RFC2253,sep_semi_plus_space", "lname,sep_comma_plus", "oid,sep_comma_plus")]
        line = names[0].strip().removeprefix("issuer=")
        names += [line, line[1:], f"DirName:{line}", f"Issuer: {line}", f"'{line}'"]
        with Service(self.state) as service:
            ask = ["tvs", "query", "--host", "%s:%d" % service.tvs[0], "--tvs-cert", tvs]
            for number, name in enumerate(names):
                said = self.ctl(*ask, "--issuer", name, "--subject", name, "--serial", serials[number % 2])
                self.assertIn("found: ", said, name)
            for name, says in (("CN:x", "no type=value"), ("/CN=x/FOO=y", "unknown attribute type"), ("http://x/", "bad name")):
                self.refused(2, *ask, "--issuer", name, "--serial", "1", says=["--issuer: ", says, "give CN=...;"])
            # As older OpenSSL writes it, and without the first slash.
            for name, code in (("C=DE, CN=dienst.example.com/emailAddress=x@y", 1), ("C=DE/CN=dienst.example.com", 0)):
                self.ctl(*ask, "--issuer", name, "--serial", serials[0], code=code)
            # As a phone sends it.
            for text in (line, "/CN=dienst.example.com"):
                number = bytes.fromhex(serials[0].strip().removeprefix("serial="))
                self.assertTrue(is_valid(ask_once(service.tvs[0], query(text, number))), text)

    def test_lists(self):
        for name in ("adcs-issuer-with-dc", "adcs-issuer-without-dc"):
            self.assertIn("valid", self.ctl("itl", "verify", FIELD / f"{name}.tlv"))
        for name in ("etoken-as-published", "etoken-plain-names"):
            self.assertIn("valid", self.ctl("ctl", "verify", FIELD / f"{name}.tlv"))


class Numbers(Case):
    def test_mean_the_same_everywhere(self):
        self.add_field("serial-zero", "serial-negative", "serial-padded", "serial-long")
        issuer = "CN=Field Authority;O=Field Tests"
        listed = {c["serial"] for c in self.facts("cert", "list")["certificates"]}
        self.assertLessEqual({"00", "fe01", "05"}, listed)
        tvs = self.own_certificate("tvs")
        with Service(self.state) as service:
            host = "%s:%d" % service.tvs[0]
            for serial in (b"", b"\0", b"\0\0", b"\x05", b"\0\x05", b"\xfe\x01", bytes(range(1, 101))):
                self.assertTrue(is_valid(ask_once(service.tvs[0], query(issuer, serial))), serial)
            for serial in (b"\x01", b"\x05\0"):
                self.assertFalse(is_valid(ask_once(service.tvs[0], query(issuer, serial))), serial)
            # OpenSSL writes the negative one so.
            for text in ("0", "00", "0x0", "5", "005", "fe01", "-01FF"):
                self.ctl("tvs", "query", "--host", host, "--tvs-cert", tvs, "--issuer", issuer, "--serial", text)

    def test_zero_in_a_list(self):
        key = self.folder / "k.pem"
        made = self.folder / "zero.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", made, "-days",
                        "100", "-subj", "/CN=zero", "-set_serial", "0"], check=True, capture_output=True)
        out = self.folder / "ITLFile.tlv"
        self.ctl("itl", "build", "--out", out, "--sast", made, "--key", key)
        shown = self.facts("itl", "show", out)
        self.assertEqual((shown["signer"]["serial"], shown["records"][0]["serial"]), ("00", "00"))
        self.ctl("itl", "verify", out, "--signer", made)


class Certificates(Case):
    def test_as_people_have_them(self):
        for name in ("utf8_bom", "X509_CERTIFICATE", "TRUSTED_CERTIFICATE"):
            self.assertRegex(self.ctl("cert", "add", FIELD / f"{name}.pem", "--role", "tftp"), "^added ")
        text = (FIELD / "adcs.pem").read_text()
        for i, content in enumerate((text.encode("utf-16"), text.replace("\n", "\r\n").encode(),
                                     "".join(text.splitlines()[1:-1]).encode(), der_of("adcs"))):
            file = self.folder / f"{i}.cer"
            file.write_bytes(content)
            self.assertRegex(self.ctl("cert", "add", file, "--role", "tftp"), "^(added|replaced) ")
            self.ctl("cert", "show", self.facts("cert", "list")["certificates"][-1]["sha256"])

    def test_as_text_that_is_not_pem(self):
        body = "".join((FIELD / "adcs.pem").read_text().splitlines()[1:-1])
        der = der_of("adcs")
        url_safe = base64.urlsafe_b64encode(der).decode().rstrip("=")
        pem = (FIELD / "adcs.pem").read_text()
        self.assertRegex(url_safe, "[-_]")
        file, phone = self.folder / "text", "SEP001122334455"
        for text in (der.hex(), der.hex(":"), der.hex(" ").upper(), "\\x" + der.hex(), f"X'{der.hex()}'",
                     ", ".join(f"0x{byte:02x}" for byte in der), url_safe, f'"{body}"',
                     f"-----BEGIN CERTIFICATE-----\n{url_safe}\n-----END CERTIFICATE-----\n",
                     base64.b64encode(pem.encode()).decode(), urllib.parse.quote(pem)):
            file.write_text(text)
            self.assertRegex(self.ctl("cert", "add", file, "--role", "tftp"), "^(added|replaced) ", text[:40])
        # Everything that takes a certificate has the one reader.
        file.write_text(der.hex())
        self.ctl("phone", "add", phone, "--certificate", file)
        self.refused(1, "itl", "verify", FIELD / "etoken-plain-names.tlv", "--signer", file, says="signed by")
        for text, says in ((der.hex()[:-1], "damaged hexadecimal"), (der.hex()[:100], "cut short"),
                           ("sha256 Fingerprint=AB:CD", "a fingerprint"), (pem.replace("-----", "----"), "five dashes"),
                           (f'{{"x5c":["{body}"]}}', "JSON"), (f"data:;base64,{body}", "base64 by itself"),
                           ("00000000: 3082", "a dump with offsets"), (pem.replace("\n", "<br>\n"), "not base64")):
            file.write_text(text)
            self.refused(1, "cert", "add", file, "--role", "tftp", says=says)
            self.refused(1, "phone", "add", phone, "--certificate", file, says=says)
        two = self.folder / "two"
        two.write_bytes(der + der_of("etoken"))
        self.assertEqual(len(self.ctl("cert", "add", two, "--role", "tftp").splitlines()), 2)

    def test_hashes_as_programs_print_them(self):
        self.add_field("adcs")
        sha256 = self.facts("cert", "list")["certificates"][0]["sha256"]
        pairs = bytes.fromhex(sha256).hex(":")
        for text in (sha256.upper(), pairs, f"sha256 Fingerprint={pairs.upper()}", f"SHA256:{sha256[:12]}", f"0x{sha256[:10]}"):
            self.assertIn(sha256, self.ctl("cert", "show", text), text)
        self.refused(1, "cert", "show", "a" * 40, says="the length of a SHA-1")
        self.refused(1, "cert", "remove", "CN=x", says="'anchorctl cert list' shows these")

    def test_others_are_named(self):
        key, request, bag, bundle = (self.folder / name for name in ("k.pem", "r.pem", "b.p12", "c.p7b"))
        openssl = lambda *args: subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", "/CN=x")
        cert = harness.CERTS / "tftp.crt"
        openssl("pkcs12", "-export", "-in", cert, "-inkey", harness.CERTS / "tftp.key", "-out", bag, "-passout", "pass:x")
        openssl("crl2pkcs7", "-nocrl", "-certfile", cert, "-out", bundle)
        request_der, bundle_der, key_der = (self.folder / name for name in ("r.der", "c.der", "k.der"))
        openssl("req", "-in", request, "-outform", "DER", "-out", request_der)
        openssl("pkcs7", "-in", bundle, "-outform", "DER", "-out", bundle_der)
        openssl("pkey", "-in", key, "-outform", "DER", "-out", key_der)
        empty = self.folder / "empty"
        empty.touch()
        for file, says in ((key, "a private key"), (request, "a certificate request"), (bag, "a PKCS #12 file: use 'openssl"),
                           (bundle, "a PKCS #7 file"), (request_der, "a certificate request"), (bundle_der, "a PKCS #7 file"),
                           (key_der, "a private key"), (empty, "empty"), (self.state / "anchord.db", "an SQLite database")):
            self.refused(1, "cert", "add", file, "--role", "tftp", says=[says, file.name])
        # Everything that takes a certificate has the one reader.
        self.refused(1, "phone", "add", "SEP001122334455", "--certificate", request, says="a certificate request")
        self.refused(1, "itl", "verify", FIELD / "etoken-plain-names.tlv", "--signer", bag, says="PKCS #12")
        self.refused(1, "cert", "bundle", "import", request, says="certificate")

    def test_what_tls_peers_present(self):
        odd = {"rsa-without-null": "lacks the NULL", "version1-extensions": "of version 1", "ed25519": "neither RSA nor EC",
               "no-dates": "dates", "no-key": "not built as certificates are"}
        plain = ("latin1", "unique-identifiers", "bits-in-name")
        for name, says in odd.items():
            self.assertIn(says, self.warned("cert", "add", FIELD / f"{name}.pem", "--role", "app-server"))
        for name in plain:
            self.warned("cert", "add", FIELD / f"{name}.pem", "--role", "app-server")
        self.ctl("cert", "list")
        self.ctl("report", "expiry")
        self.refused(1, "cert", "add", FIELD / "nul-in-name.pem", "--role", "tftp", says="a NUL in a value")
        self.refused(1, "cert", "add", FIELD / "serial-too-long.pem", "--role", "tftp", says="serial number")
        with Service(self.state) as service:
            for number, name in enumerate((*odd, *plain)):
                self.assertTrue(is_valid(ask_once(service.tvs[0], harness.verify_request(der_of(name)))), name)
            for serial in b"\x21\x23\x24\x25\x26\x27\x29":
                answer = ask_once(service.tvs[0], query("CN=Field Authority", bytes([serial])))
                self.assertTrue(is_valid(answer), serial)
            self.assertTrue(is_valid(ask_once(service.tvs[0], query("CN=Beh\u00f6rde;O=Field Tests", b"\x22", "CN=M\u00fcller"))))


# As people have them in public repositories, one of each kind: what is said of it (None: nothing), and whether it is served.
FILES = {
    # The vendor's own prefix, which nobody declares; Latin-1 that is UTF-8; comments with anything in them.
    "SEP001122334401.cnf.xml": (
        b'<device  xsi:type="axl:XIPPhone" ctiid="94">\n<!-- ??? --><!-- ***** -->\n<label>$phone$</label></device>', None, True),
    "SEP001122334402.cnf.xml": (b'<device>\n<div style="all: initial !important;"/>\n'
                                b'<x>Pa$$w0rd \xc3\xb1</x><x/>\n </device>\n', None, True),
    # Of another root, with the same element twice, and what another program puts in later.
    "SEP001122334403.cnf.xml": (b'<?xml version="1.0" ?>\n<Default>\n{loop}\n<m p="{$n}"/>{/loop}<l/><l/> <!-- 4 = TLS -->\n</Default>\n',
                                None, True),
    "SEP001122334404.cnf.xml": (b"<device>\n<line>\n</line>\n</line>\n</device>", "line 4, column 3: mismatched tag", False),
    "XMLDefault.cnf.xml": (b'<Default>\n<loadInformation model="7962">X</loadInformation434>\n</Default>\n',
                           "line 2, column 34: mismatched tag", False),
    # Copies and forms to fill in, which no phone asks for.
    "SEP{MAC}.cnf.xml": (b"<device/>", None, True),
    "SEP[MACDOSEUTELEFONE].cnf.xml": (b"<device/>", None, True),
    "SEP(MAC ADDRESS HERE).cnf.xml": (b"<device/>", None, True),
    "endpoint/SEP$mac.cnf.xml": (b"<device/>", None, True),
    "SEP_TEMPLATE.cnf.xml": (b"<!-- SEP<MAC> -> SEP00A3 -->\n<device><a><<USER>></a></device>", "line 2, column 13", True),
    "XMLDefault.cnf.xml__": (b"<default/>", None, True),
    # Read by a phone that asks for nothing better.
    "dialplan.xml": (b'<DIALTEMPLATE>>\n<TEMPLATE MATCH="\\*.." Timeout="0"/><!-- *.. codes -->\n</DIALTEMPLATE>', None, True),
    "AppDialRules.xml": (b'<!--\n  Add <DialRule .../> entries here\n-->\n<DialRules>\n</DialRules>\n', None, True),
    "syncinfo.xml": (b'<SYNCINFO>\n<IMAGE VERSION="*" SYNC="1"/>\n<IMAGE VERSION="P0S3 SYNC="1"/>\n</SYNCINFO>\n', "line 3, column", True),
    "SEP00036BAAD658.cfg.xml": (b"template_id_8.cnf.xml", "line 1, column 1", True),
    "Spanish_Colombia/7960-dictionary.xml": (
        b'<?xml version="1.0" encoding="ISO-8859-1"?>\n<phrases>\n<phrase i="6" t="\xbfDuraci\xf3n &apos;%s&gt;?"/></phrases>', None, True),
    "defaultheadsetconfig.json": (b'{"headsetConfig": {}}', None, True),
    "Firmware 9.4.1/CP3905.9-4-1SR2-2.loads": (b"APP3905.9-4-1SR2-2.zz\n", None, True),
    "omm_conf(3).gz": (b"\x1f\x8b\x08\0", None, True),
}


class Files(Case):
    def test_of_public_repositories(self):
        folder = self.state / "provisioning"
        for name, (content, _, _) in FILES.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        with Service(self.state, ports=("0", "auto", "auto", "0")) as service:
            for name, (content, _, served) in FILES.items():
                connection = http.client.HTTPConnection(*service.http[0], timeout=harness.BOUND)
                connection.request("GET", "/" + urllib.parse.quote(name) + ".sgn")
                answer = connection.getresponse()
                signed = answer.read()
                connection.close()
                self.assertEqual(answer.status, 200 if served else 404, name)
                if served:
                    self.assertEqual(harness.tftp_get(service.tftp[0], name.encode())[0], content, name)
                    (self.folder / "f.sgn").write_bytes(signed)
                    self.ctl("file", "strip", self.folder / "f.sgn", "--out", self.folder / "f")
                    self.assertEqual((self.folder / "f").read_bytes(), content, name)
                    self.ctl("file", "verify", self.folder / "f.sgn")
            said = self.facts("status")["service"]["status"]["provisioning"]
        for name, (_, reason, served) in FILES.items():
            of = {one["file"]: one["reason"] for one in said["warnings" if served else "problems"]}
            self.assertEqual(f"provisioning/{name}" in of, reason is not None, (name, of))
            if reason is not None:
                self.assertIn(reason, of[f"provisioning/{name}"])


class Adoption(Case):
    def adopt(self, signer, itl="adopt-ITLFile"):
        state = self.folder / "adopted"
        return state, run(program("anchorctl"), "--state", state, "init", "--name", "x", "--host", "n1=127.0.0.1", "--adopt",
                          "--sast", FIELD / f"adopt-{signer}.pem", "--itl", FIELD / f"{itl}.tlv")

    def test_digest_version_and_spelling_stay(self):
        state, made = self.adopt("sast")
        self.assertEqual(made.returncode, 0, made.stderr.decode())
        self.state = state
        shown = self.facts("itl", "show")
        self.assertEqual((shown["digest"], shown["signer_version"]), ("sha1", "1.0"))
        self.assertEqual(shown["signer"]["subject"], "CN=sast,O=sast,OU=sast")

    def test_a_signer_that_the_phones_would_not_take(self):
        state, made = self.adopt("other")
        self.assertEqual(made.returncode, 1)
        self.assertIn("would not go over", made.stderr.decode())
        self.assertFalse(state.exists())
        # Its record of a call manager is empty, and it names no verification service: no rollback blanked it.
        state, made = self.adopt("other", "etoken-as-published")
        self.assertEqual((made.returncode, state.exists()), (1, False))
        self.assertIn("names no verification service", made.stderr.decode())


class Padding(Case):
    def test_zeros_behind_tvs_requests(self):
        self.add("app-ec")
        request = harness.verify_request(harness.der("app-ec"))
        inside = bytearray(request + bytes(5))
        inside[8:10] = struct.pack(">H", len(request) - 10 + 5)
        with Service(self.state) as service, Tvs(service.tvs[0]) as tvs:
            for sent in (request + bytes(7), bytes(inside), request + bytes(300), request):
                self.assertTrue(is_valid(tvs.ask(sent)))

    def test_zeros_behind_tftp_packets(self):
        with Service(self.state) as service:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(harness.BOUND)
                client.sendto(b"\0\1ITLFile.tlv\0octet\0".ljust(516, b"\0"), service.tftp[0])
                content, block = b"", 1
                while True:
                    packet, server = client.recvfrom(2048)
                    if packet[:4] != struct.pack(">HH", 3, block):
                        continue
                    content += packet[4:]
                    client.sendto(struct.pack(">HH", 4, block) + packet[4:], server)
                    block += 1
                    if len(packet) < 516:
                        break
            self.assertEqual(content, harness.tftp_get(service.tftp[0], b"ITLFile.tlv")[0])
