"""The provisioning folder through the real programs: what a phone asks for at boot, by TFTP, HTTP and HTTPS."""

import gzip
import http.client
import lzma
import os
import pathlib
import random
import re
import shutil
import socket
import ssl
import threading
import time

import harness
import lossy
from harness import CERTS, DATA, SLOW, Service, client, program, run, wait_for

PHONE = "SEP001122334455"
CONFIGURATION = (DATA / f"{PHONE}.cnf.xml").read_bytes()


class Folder(harness.Case):
    def setUp(self):
        super().setUp()
        self.files = self.state / "provisioning"
        self.out = self.folder / "out"

    def put(self, name, content):
        path = self.files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def serve(self, *flags, **how):
        service = Service(self.state, *flags, **how)
        self.enterContext(service) if hasattr(self, "enterContext") else self._enter(service)
        self.service = service
        return service

    def _enter(self, manager):
        manager.__enter__()
        self.addCleanup(manager.__exit__, None, None, None)

    def get(self, name, scheme="http"):
        """The status and body of one GET."""
        if scheme == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection = http.client.HTTPSConnection(*self.service.https[0], timeout=harness.BOUND, context=context)
        else:
            connection = http.client.HTTPConnection(*self.service.http[0], timeout=harness.BOUND)
        connection.request("GET", "/" + name)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    def tftp(self, name):
        """A file's content, or None when there is none."""
        try:
            return harness.tftp_get(self.service.tftp[0], name.encode())[0]
        except OSError as e:
            if "error 1" not in str(e):
                raise
            return None

    def becomes(self, name, content):
        wait_for(lambda: self.tftp(name) == content, f"{name} is served as {content and content[:40]}")

    def signed(self, name, content, fetch=None):
        """Fails unless the name is served with a good signature over that content."""
        file = self.folder / "signed"
        file.write_bytes((fetch or self.tftp)(name) or b"")
        said = self.ctl("file", "verify", file)
        self.assertIn(f"valid: {name},", said)
        self.ctl("file", "strip", file, "--out", self.out)
        self.assertEqual(self.out.read_bytes(), content)

    def problems(self):
        return {p["file"]: p for p in self.service.status()["provisioning"]["problems"]}


class TheFolder(Folder):
    def test_files_come_change_break_and_go(self):
        self.put("SEP00112233AAAA.cnf.xml", "<DIALTEMPLATE/>")
        self.serve()
        self.assertEqual(self.tftp("SEP00112233AAAA.cnf.xml"), b"<DIALTEMPLATE/>")
        self.signed("SEP00112233AAAA.cnf.xml.sgn", b"<DIALTEMPLATE/>")
        self.signed("SEP00112233AAAA.cnf.xml.sha512", b"<DIALTEMPLATE/>")
        self.put("New_Zealand/g3-tones.xml", "<tones/>")
        self.becomes("New_Zealand/g3-tones.xml", b"<tones/>")
        self.signed("New_Zealand/g3-tones.xml.sgn", b"<tones/>")
        self.assertEqual(self.tftp("/new_zealand/G3-TONES.xml"), b"<tones/>")
        self.put("SEP00112233AAAA.cnf.xml", "<DIALTEMPLATE>2</DIALTEMPLATE>")
        self.becomes("SEP00112233AAAA.cnf.xml", b"<DIALTEMPLATE>2</DIALTEMPLATE>")
        self.put("SEP00112233AAAA.cnf.xml", "<DIALTEMPLATE>\n<broken></DIALTEMPLATE>\n")
        wait_for(self.problems, "the broken file is named")
        problem = self.problems()["provisioning/SEP00112233AAAA.cnf.xml"]
        self.assertIn("line 2", problem["reason"])
        self.assertEqual(problem["served"], "last good")
        self.assertEqual(self.tftp("SEP00112233AAAA.cnf.xml"), b"<DIALTEMPLATE>2</DIALTEMPLATE>")
        self.assertRegex(self.service.log(), r"warn.*'provisioning/SEP00112233AAAA.cnf.xml' is not well-formed XML: line 2")
        said = run(program("anchorctl"), "--state", self.state, "status").stdout.decode()
        self.assertIn("'provisioning/SEP00112233AAAA.cnf.xml' is not well-formed XML: line 2", said)
        (self.files / "SEP00112233AAAA.cnf.xml").unlink()
        self.becomes("SEP00112233AAAA.cnf.xml", None)
        self.assertIsNone(self.tftp("SEP00112233AAAA.cnf.xml.sgn"))
        self.assertEqual(self.problems(), {})

    def test_the_last_good_version_outlives_a_kill(self):
        self.put("de/SEP00112233AAAA.cnf.xml", "<D>1</D>")
        self.put(f"{PHONE}.cnf.xml", CONFIGURATION)
        (self.state / "devices").mkdir(exist_ok=True)
        shutil.copy(CERTS / "phone.crt", self.state / "devices" / f"{PHONE}.pem")
        copies = self.state / "last-good"
        with Service(self.state) as service:
            self.assertFalse(copies.exists())
            self.put("de/SEP00112233AAAA.cnf.xml", "<D>")
            self.put(f"{PHONE}.cnf.xml", "<device>")
            for name in ("de/SEP00112233AAAA.cnf.xml", f"{PHONE}.cnf.xml"):
                wait_for((copies / name).exists, f"{name} is kept")
                self.assertEqual((copies / name).stat().st_mode & 0o777, 0o600)
            self.assertEqual(copies.stat().st_mode & 0o777, 0o700)
            service.kill()
        self.serve()
        self.signed("de/SEP00112233AAAA.cnf.xml.sgn", b"<D>1</D>")
        self.assertIsNotNone(self.tftp(f"{PHONE}.cnf.xml.enc.sgn"))
        self.assertIsNone(self.tftp(f"{PHONE}.cnf.xml"))
        self.assertEqual({name: p["served"] for name, p in self.problems().items()},
                         {"provisioning/de/SEP00112233AAAA.cnf.xml": "last good", f"provisioning/{PHONE}.cnf.xml": "last good"})
        self.put("de/SEP00112233AAAA.cnf.xml", "<D>2</D>")
        self.becomes("de/SEP00112233AAAA.cnf.xml", b"<D>2</D>")
        (self.files / f"{PHONE}.cnf.xml").unlink()
        self.becomes(f"{PHONE}.cnf.xml.enc.sgn", None)
        wait_for(lambda: not copies.exists(), "the copies are gone")

    def test_a_file_is_taken_when_it_is_closed(self):
        self.serve()
        with open(self.files / "late.txt", "wb") as file:
            file.write(b"half")
            file.flush()
            self.put("other.txt", "other")
            self.becomes("other.txt", b"other")
            self.assertIsNone(self.tftp("late.txt"))
            os.kill(self.service.process.pid, 1)  # a look at everything does not take it either
            self.put("another.txt", "another")
            self.becomes("another.txt", b"another")
            self.assertIsNone(self.tftp("late.txt"))
            file.write(b" whole")
        self.becomes("late.txt", b"half whole")
        # Written aside and renamed, as careful people do.
        (self.files / ".late.txt.tmp").write_bytes(b"renamed")
        (self.files / ".late.txt.tmp").rename(self.files / "late.txt")
        self.becomes("late.txt", b"renamed")
        self.assertIsNone(self.tftp(".late.txt.tmp"))

    def test_what_is_refused_is_named_and_nothing_else_suffers(self):
        secret = self.folder / "secret"
        secret.write_bytes(b"secret")
        self.put("good.txt", "good")
        (self.files / "out.txt").symlink_to(secret)
        (self.files / "loop").symlink_to("loop")
        os.mkfifo(self.files / "pipe.txt")
        with open(self.files / "sparse.bin", "wb") as file:
            file.truncate(1 << 40)
        self.put("large.bin", bytes(5000))
        self.put("ITLFile.tlv", "mine")
        self.put("good.txt.sgn", "forged")
        self.put("XMLDefault.cnf.xml", "")
        self.put("two\nlines.txt", "x")
        self.serve("--max-file-size", "4096")
        reasons = {name.removeprefix("provisioning/"): p["reason"] for name, p in self.problems().items()}
        for name, words in {"out.txt": "leads out", "loop": "leads nowhere", "pipe.txt": "no ordinary file",
                            "sparse.bin": "1099511627776 bytes; the limit is 4096", "large.bin": "the limit is 4096",
                            "ITLFile.tlv": "built by the service", "good.txt.sgn": "signed under this name here",
                            "XMLDefault.cnf.xml": "not well-formed", "two\nlines.txt": "control character"}.items():
            self.assertIn(words, reasons.pop(name))
        self.assertEqual(reasons, {})
        self.signed("good.txt.sgn", b"good")
        for name in ("out.txt", "pipe.txt", "sparse.bin", "large.bin", "XMLDefault.cnf.xml", "../secret", "/etc/passwd"):
            self.assertIsNone(self.tftp(name), name)
            self.assertEqual(self.get(name)[0], 404, name)
        for line in self.service.log().splitlines():
            self.assertRegex(line, harness.LOG_LINE)

    def test_what_the_vendor_has_made(self):
        firmware = (DATA / "foreign" / "SIP69xx.9-4-1-3SR3.zz.sgn").read_bytes()
        dictionary = (DATA / "foreign" / "7960-dictionary.xml").read_bytes()
        self.put("SIP69xx.9-4-1-3SR3.zz.sgn", firmware)
        self.put("English_United_States/7960-dictionary.xml", dictionary)
        self.serve()
        for fetch in (self.tftp, lambda name: self.get(name)[1]):
            self.assertEqual(fetch("SIP69xx.9-4-1-3SR3.zz.sgn"), firmware)
            self.assertEqual(fetch("English_United_States/7960-dictionary.xml"), dictionary)
            self.signed("English_United_States/7960-dictionary.xml.sgn", dictionary, fetch)
        self.assertIsNone(self.tftp("SIP69xx.9-4-1-3SR3.zz.sgn.sgn"))
        self.assertEqual(self.problems(), {})
        warnings = self.service.status()["provisioning"]["warnings"]
        self.assertEqual([w["file"] for w in warnings], ["provisioning/English_United_States/7960-dictionary.xml"])
        self.assertIn("line 3, column 26", warnings[0]["reason"])
        said = run(program("anchorctl"), "--state", self.state, "status").stdout.decode()
        self.assertIn("7960-dictionary.xml' has what XML does not allow: line 3, column 26: a control character (0x1F); "
                      "it is served as it is", said)
        self.assertRegex(self.service.log(), r"warn.*7960-dictionary.xml' has what XML does not allow")

    def test_what_phones_put_around_a_name(self):
        self.put("lists/services.xml", "<CiscoIPPhoneMenu/>")
        self.serve()
        query = "?locale=English_United_States&name=SEP001122334455"
        for name in ("lists/services.xml" + query, "//lists//services.xml", "./lists/./services.xml" + query):
            self.assertEqual(self.tftp(name), b"<CiscoIPPhoneMenu/>", name)
            self.assertEqual(self.get(name), (200, b"<CiscoIPPhoneMenu/>"), name)
        for name in ("lists/../lists/services.xml", "../services.xml" + query, "lists/" + query):
            self.assertIsNone(self.tftp(name), name)
            self.assertEqual(self.get(name)[0], 404, name)

    def test_copies_of_what_goes_out_encrypted(self):
        (self.state / "devices").mkdir(exist_ok=True)
        shutil.copy(CERTS / "phone.crt", self.state / "devices" / f"{PHONE}.pem")
        self.put(f"{PHONE}.cnf.xml", CONFIGURATION)
        copies = [f"{PHONE}.cnf.xml.bak", f"{PHONE}.cnf.xml_", f"BAK_{PHONE}.cnf.xml", "old/phone.orig"]
        for name in copies[:2]:
            self.put(name, CONFIGURATION)
        self.serve()
        for name in copies[2:]:
            self.put(name, CONFIGURATION)
        wait_for(lambda: len(self.problems()) == len(copies), "every copy is named")
        for name in copies:
            self.assertIsNone(self.tftp(name), name)
            self.assertEqual(self.get(name + ".sgn")[0], 404, name)
            problem = self.problems()[f"provisioning/{name}"]
            self.assertIn(f"is a copy of the configuration of {PHONE}", problem["reason"])
            self.assertEqual(problem["served"], "nothing")
        for name in copies:
            (self.files / name).unlink()
        self.ctl("confirm")
        wait_for(lambda: not self.problems(), "nothing is named any more")

    def test_copies_of_which_little_is_left(self):
        (self.state / "devices").mkdir(exist_ok=True)
        shutil.copy(CERTS / "phone.crt", self.state / "devices" / f"{PHONE}.pem")
        self.put(f"{PHONE}.cnf.xml", CONFIGURATION)
        text = CONFIGURATION.decode()
        with_secret = text[:text.index("</sshPassword>") + 20]
        copies = {"cut.xml": with_secret, "twice.txt": text * 2, "swap": b"b0VIM 9.0\0\0" + CONFIGURATION,
                  "root.xml": f"<saved>{with_secret}", "wide.xml": text.encode("utf-16"), "half.dat": text.encode("utf-16")[7:],
                  "day.gz": gzip.compress(CONFIGURATION), "day.xz": lzma.compress(CONFIGURATION)}
        for name, content in copies.items():
            self.put(name, content)
        fine = gzip.compress(b"<ringlist/>")
        self.put("fine.xml.gz", fine)
        self.serve()
        self.assertEqual({name.removeprefix("provisioning/") for name in self.problems()}, set(copies))
        for name in copies:
            self.assertIsNone(self.tftp(name), name)
            self.assertEqual(self.get(name + ".sgn")[0], 404, name)
            self.assertIn("is packed (xz)" if name == "day.xz" else f"is a copy of the configuration of {PHONE}",
                          self.problems()[f"provisioning/{name}"]["reason"])
        self.assertEqual(self.tftp("fine.xml.gz"), fine)
        # Moved away under any name it is no less secret, with or without a start.
        (self.files / f"{PHONE}.cnf.xml").rename(self.files / "moved.xml")
        self.ctl("confirm")
        self.becomes(f"{PHONE}.cnf.xml.enc.sgn", None)
        wait_for(lambda: "perhaps that of" in self.problems().get("provisioning/moved.xml", {}).get("reason", ""), "it is named")
        self.assertIsNone(self.tftp("moved.xml"))

    def test_what_names_a_phone_among_the_certificates_keeps_its_secrets_here(self):
        devices = self.state / "devices"
        devices.mkdir(exist_ok=True)
        self.put(f"{PHONE}.cnf.xml", CONFIGURATION)
        shutil.copy(CERTS / "phone.crt", devices / f"{PHONE}.PEM")
        self.serve()
        self.assertIsNone(self.tftp(f"{PHONE}.cnf.xml"))
        self.assertIsNone(self.tftp(f"{PHONE}.cnf.xml.sgn"))
        self.assertIn(f"rename it to '{PHONE}.pem'", self.problems()[f"devices/{PHONE}.PEM"]["reason"])
        shown = self.ctl("phone", "show", PHONE)
        self.assertIn(f"devices/{PHONE}.PEM", shown)
        self.assertIn(f"rename it to '{PHONE}.pem'", shown)
        (devices / f"{PHONE}.PEM").rename(devices / f"{PHONE}.pem")
        wait_for(lambda: self.tftp(f"{PHONE}.cnf.xml.enc.sgn"), "it is encrypted")
        self.assertIsNone(self.tftp(f"{PHONE}.cnf.xml"))
        shutil.copy(CERTS / "phone.crt", devices / "SEP00112233AAAA.pem.bak")
        self.put("SEP00112233AAAA.cnf.xml", CONFIGURATION)
        wait_for(lambda: "provisioning/SEP00112233AAAA.cnf.xml" in self.problems(), "it is refused")
        self.assertIsNone(self.tftp("SEP00112233AAAA.cnf.xml"))
        self.ctl("phone", "remove", "SEP00112233AAAA", "--yes")
        self.assertFalse((devices / "SEP00112233AAAA.pem.bak").exists())
        self.ctl("confirm")
        self.becomes("SEP00112233AAAA.cnf.xml", CONFIGURATION)

    def test_removals_one_after_the_other_are_held_too(self):
        """None of those before there were many has gone, and every number is right."""
        names = [f"lists/{i}.txt" for i in range(60)]
        for name in names:
            self.put(name, "x")
        self.serve("--hold-removals", "3600")
        files = lambda: self.service.status()["provisioning"]["files"]
        for gone, name in enumerate(names, 1):
            (self.files / name).unlink()
            if gone % 20 == 0:  # the others follow within a moment
                time.sleep(0.5)
        wait_for(lambda: self.service.status()["provisioning"]["held"]["files"] == 60, "all are held")
        self.assertEqual(files(), 60)
        wait_for(lambda: "60 files have gone from provisioning/" in self.service.log(), "the log says how many")
        for name in names:
            self.put(name, "x")
        wait_for(lambda: self.service.status()["provisioning"]["held"]["files"] == 0, "none is held")
        (self.files / names[0]).unlink()
        self.becomes(names[0], None)
        self.assertEqual(files(), 59)

    def test_many_removals_are_held_until_they_are_confirmed(self):
        names = [f"lists/{i}.txt" for i in range(40)]
        for name in names:
            self.put(name, "x")
        self.serve("--hold-removals", "3600")
        self.assertIn("nothing is held", self.ctl("confirm"))
        # All at once: a few that go before the others are no mass, and are not held.
        (self.files / "lists").rename(self.folder / "lists")
        wait_for(lambda: self.service.status()["provisioning"]["held"]["files"] == 40, "they are held")
        wait_for(lambda: re.search("warn.* 40 files have gone from provisioning/", self.service.log()), "the log says how many")
        self.assertEqual(self.tftp("lists/7.txt"), b"x")
        said = run(program("anchorctl"), "--state", self.state, "status").stdout.decode()
        self.assertIn("40 files and 0 phones' certificates have gone at once", said)
        self.assertIn("let go: 40 files and 0 phones' certificates", self.ctl("confirm"))
        self.becomes("lists/7.txt", None)
        self.assertRegex(self.service.log(), r"files: gone 'provisioning/lists/0.txt', .* and 37 more")

    def test_removals_are_not_held_when_nobody_wants_it(self):
        for i in range(40):
            self.put(f"lists/{i}.txt", "x")
        self.serve("--hold-removals", "0")
        shutil.rmtree(self.files / "lists")
        self.becomes("lists/7.txt", None)

    def test_signatures_are_made_once(self):
        count = 300 if SLOW else 3000
        for i in range(count):
            self.put(f"SEP{i:012X}.cnf.xml", f"<device><n>{i}</n></device>")
        with Service(self.state) as service:
            made = service.status()["provisioning"]
            self.assertEqual((made["files"], made["signatures_made"]), (count, 2 * count))
            first = harness.tftp_get(service.tftp[0], b"SEP000000000007.cnf.xml.sgn")[0]
            service.kill()
        self.put("SEP000000000007.cnf.xml", "<device><n>new</n></device>")
        self.serve()
        kept = self.service.status()["provisioning"]
        self.assertEqual((kept["signatures_made"], kept["signatures_kept"]), (2, 2 * count - 2))
        self.assertNotEqual(self.tftp("SEP000000000007.cnf.xml.sgn"), first)
        self.signed("SEP000000000008.cnf.xml.sgn", b"<device><n>8</n></device>")

    def test_a_change_is_seen_by_ten_thousand_phones(self):
        count = 500 if SLOW else 10_000
        for i in range(count):
            self.put(f"SEP{i:012X}.cnf.xml", f"<device><n>{i}</n></device>")
        self.put("dialplan.xml", "<D>1</D>")
        self.serve("--max-connections", "256")
        self.put("dialplan.xml", "<D>2</D>")
        self.becomes("dialplan.xml", b"<D>2</D>")
        connection = http.client.HTTPConnection(*self.service.http[0], timeout=harness.BOUND)
        for i in range(count):
            for name, content in ((f"SEP{i:012X}.cnf.xml", b"<device><n>%d</n></device>" % i),
                                  ("dialplan.xml", b"<D>2</D>")):
                connection.request("GET", "/" + name)
                self.assertEqual(connection.getresponse().read(), content)
        connection.close()
        wait_for(lambda: self.service.status()["devices"]["known"] == count, "all of them are known")


class Encryption(Folder):
    def secrets(self):
        """Every name under which the phone's password can be read."""
        out = []
        for name in (f"{PHONE}.cnf.xml", f"{PHONE}.cnf.xml.sgn", f"{PHONE}.cnf.xml.sha512", f"{PHONE}.cnf.xml.enc.sgn"):
            for scheme in ("tftp", "http", "https"):
                body = self.tftp(name) if scheme == "tftp" else self.get(name, scheme)[1]
                if b"not-a-real-password" in (body or b""):
                    out.append((scheme, name))
        return out

    def decrypted(self, name=f"{PHONE}.cnf.xml.enc.sgn"):
        file = self.folder / "encrypted"
        file.write_bytes(self.tftp(name))
        self.ctl("file", "verify", file)
        self.ctl("file", "decrypt", file, "--key", CERTS / "phone.key", "--out", self.out)
        return self.out.read_bytes()

    def test_a_phone_with_a_certificate_gets_its_secrets_encrypted_alone(self):
        self.put(f"{PHONE}.cnf.xml", CONFIGURATION)
        self.serve()
        self.assertIsNone(self.tftp(f"{PHONE}.cnf.xml.enc.sgn"))
        self.assertEqual(self.tftp(f"{PHONE}.cnf.xml"), CONFIGURATION)
        self.ctl("phone", "add", PHONE, "--certificate", CERTS / "phone.crt")
        wait_for(lambda: self.tftp(f"{PHONE}.cnf.xml.enc.sgn"), "the file is encrypted")
        self.assertEqual(self.secrets(), [])
        self.assertEqual(self.decrypted(), CONFIGURATION)
        reduced = (DATA / "sha1" / f"{PHONE}.cnf.xml.sgn").read_bytes()
        self.signed(f"{PHONE}.cnf.xml.sgn", reduced[reduced.index(b"<?xml"):])
        self.assertIsNone(self.tftp(f"{PHONE}.cnf.xml"))
        # A new key for each update.
        before = self.tftp(f"{PHONE}.cnf.xml.enc.sgn")
        changed = CONFIGURATION.replace(b"not-a-real-password", b"not-a-real-password-2")
        self.put(f"{PHONE}.cnf.xml", changed)
        wait_for(lambda: self.tftp(f"{PHONE}.cnf.xml.enc.sgn") != before, "the update is served")
        self.assertEqual(self.decrypted(), changed)
        self.assertNotEqual(self.tftp(f"{PHONE}.cnf.xml.enc.sgn")[-len(CONFIGURATION):][:64],
                            before[-len(CONFIGURATION):][:64])
        self.ctl("phone", "remove", PHONE, "--yes")
        self.becomes(f"{PHONE}.cnf.xml", changed)
        self.assertIsNone(self.tftp(f"{PHONE}.cnf.xml.enc.sgn"))

    def test_certificates_in_the_folder_and_ones_that_cannot_encrypt(self):
        self.put(f"{PHONE}.cnf.xml", CONFIGURATION)
        devices = self.state / "devices"
        devices.mkdir(exist_ok=True)
        shutil.copy(CERTS / "app-ec.crt", devices / f"{PHONE}.pem")
        self.serve()
        self.assertIsNone(self.tftp(f"{PHONE}.cnf.xml.enc.sgn"))
        self.assertEqual(self.tftp(f"{PHONE}.cnf.xml"), CONFIGURATION)
        problem = self.problems()[f"provisioning/{PHONE}.cnf.xml"]
        self.assertEqual(problem["served"], "as it is")
        self.assertIn("unencrypted", problem["reason"])
        shutil.copy(CERTS / "phone.crt", devices / f"{PHONE}.pem")
        wait_for(lambda: self.tftp(f"{PHONE}.cnf.xml.enc.sgn"), "the file is encrypted")
        self.assertEqual(self.secrets(), [])
        self.assertEqual(self.decrypted(), CONFIGURATION)


class Modes(Folder):
    def test_the_default_file_follows_the_mode(self):
        self.put("XMLDefault.cnf.xml", "<Default/>")
        self.serve()
        self.assertEqual(self.tftp("XMLDefault.cnf.xml"), b"<Default/>")
        self.signed("XMLDefault.cnf.xml.sgn", b"<Default/>")
        self.ctl("mode", "set", "mixed")
        self.becomes("XMLDefault.cnf.xml", None)
        for name in ("XMLDefault.cnf.xml", "XMLDefault.cnf.xml.sgn", "XMLDefault.cnf.xml.sha512"):
            self.assertIsNone(self.tftp(name))
            self.assertEqual(self.get(name)[0], 404)

    def test_a_phones_own_list_or_the_clusters(self):
        self.serve()
        cluster = self.tftp("ITLFile.tlv")
        for name in (f"ITL{PHONE}.tlv", "ITLSEPFFFFFFFFFFFF.tlv", f"/itl{PHONE.lower()}.tlv"):
            self.assertEqual(self.tftp(name), cluster)
            self.assertEqual(self.get(name.lstrip("/")), (200, cluster))
        for name in (f"CTL{PHONE}.tlv", "CTLFile.tlv", "ITLSEP0011.tlv", "ITLSEPGGGGGGGGGGGG.tlv", f"{PHONE}.tlv"):
            self.assertIsNone(self.tftp(name))
        own = self.folder / "own.tlv"
        for service in ("tftp", "tvs", "recovery"):
            (self.folder / service).write_text(self.ctl("cert", "export", service))
        self.ctl("itl", "build", "--sast", self.folder / "tftp", self.folder / "recovery",
                 *(word for service in ("tftp", "tvs") for word in ("--role-cert", f"{service}={self.folder / service}")),
                 "--key", next((self.state / "keys").glob("tftp-????????.key")), "--timestamp", "1700000000", "--out", own)
        shutil.copy(own, self.files / f"ITL{PHONE}.tlv")
        self.becomes(f"ITL{PHONE}.tlv", own.read_bytes())
        self.assertEqual(self.tftp("ITLSEPFFFFFFFFFFFF.tlv"), cluster)
        shutil.copy(DATA / "sha512" / "ITLFile.tlv", self.files / f"ITL{PHONE}.tlv")
        self.becomes(f"ITL{PHONE}.tlv", cluster)
        withdrawn = self.service.status()["own_lists"]["withdrawn"]
        self.assertIn("do not vouch", withdrawn[f"provisioning/ITL{PHONE}.tlv"])


class Http(Folder):
    def setUp(self):
        super().setUp()
        self.large = random.Random(1).randbytes(3_000_000)
        self.put("firmware.loads", self.large)
        self.put(f"{PHONE}.cnf.xml", CONFIGURATION)
        self.serve()
        self.url = "http://{}:{}".format(*self.service.http[0])

    def curl(self, *args, code=0):
        result = run(client("curl"), "-sS", *args)
        self.assertEqual(result.returncode, code, result.stderr.decode())
        return result.stdout

    def test_curl(self):
        self.assertEqual(self.curl(f"{self.url}/firmware.loads"), self.large)
        self.assertEqual(self.curl("-r", "1000-1999", f"{self.url}/firmware.loads"), self.large[1000:2000])
        self.assertEqual(self.curl("-r", "-500", f"{self.url}/firmware.loads"), self.large[-500:])
        self.assertEqual(self.curl("-0", f"{self.url}/firmware.loads"), self.large)
        self.assertEqual(self.curl(f"{self.url}/{PHONE}.cnf.xml", f"{self.url}/{PHONE}.cnf.xml"), CONFIGURATION * 2)
        head = self.curl("-I", f"{self.url}/firmware.loads").decode().lower()
        self.assertIn("200 ok", head.splitlines()[0])
        self.assertIn("content-length: 3000000", head)
        tag = next(line.split(": ")[1] for line in head.splitlines() if line.startswith("etag"))
        code = ("-o", self.out, "-w", "%{http_code}")
        self.assertEqual(self.curl(*code, "-H", f"If-None-Match: {tag}", f"{self.url}/firmware.loads"), b"304")
        self.assertEqual(self.curl(*code, "-H", 'If-None-Match: "x"', f"{self.url}/firmware.loads"), b"200")
        self.assertEqual(self.curl(*code, "-r", "3000000-", f"{self.url}/firmware.loads"), b"416")
        for path in ("", "nothing", "New_Zealand", "%2e%2e/secret", "a/%2e%2e/firmware.loads", "firmware.loads%00",
                     "..%2f..%2fetc/passwd", "x" * 300):
            self.assertEqual(self.curl("--path-as-is", *code, f"{self.url}/{path}"), b"404", path)
        self.assertEqual(self.curl(*code, "-X", "POST", f"{self.url}/firmware.loads"), b"405")
        self.assertEqual(self.curl(*code, "-H", "X: " + "x" * 20000, f"{self.url}/firmware.loads"), b"431")

    def test_wget_continues_and_keeps_the_connection(self):
        self.out.write_bytes(self.large[:1_000_000])
        got = run(client("wget"), "-nv", "-c", "-O", self.out, f"{self.url}/firmware.loads")
        self.assertEqual(got.returncode, 0, got.stderr.decode())
        self.assertEqual(self.out.read_bytes(), self.large)
        folder = self.folder / "wget"
        folder.mkdir()
        said = run(client("wget"), "-d", "-P", folder, *(f"{self.url}/{name}" for name in
                                                       ("firmware.loads", f"{PHONE}.cnf.xml", f"{PHONE}.cnf.xml.sgn")))
        self.assertEqual(said.returncode, 0, said.stderr.decode()[-2000:])
        self.assertIn("Reusing existing connection", said.stderr.decode())
        self.assertEqual((folder / f"{PHONE}.cnf.xml").read_bytes(), CONFIGURATION)

    def test_https_presents_the_listed_certificate_and_the_unsigned_file(self):
        host, port = self.service.https[0]
        pem = self.own_certificate("tftp-ec")
        shown = run(client("openssl"), "s_client", "-connect", f"{host}:{port}", "-showcerts")
        presented = ssl.PEM_cert_to_DER_cert(shown.stdout.decode()[shown.stdout.decode().index("-----BEGIN"):].split(
            "-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n")
        self.assertEqual(presented, ssl.PEM_cert_to_DER_cert(pem.read_text()))
        listed = self.ctl("itl", "show", "--json")
        self.assertIn("tftp", listed)
        url = f"https://{host}:{port}"
        self.assertEqual(self.curl("-k", f"{url}/{PHONE}.cnf.xml.sgn"), CONFIGURATION)
        self.assertEqual(self.curl("-k", f"{url}/firmware.loads"), self.large)
        self.assertEqual(self.curl("-k", "-r", "5-9", f"{url}/firmware.loads"), self.large[5:10])
        self.signed("firmware.loads.sgn", self.large, lambda name: self.curl("-k", f"{url}/{name}"))

    def test_downloads_are_counted_by_device_and_version(self):
        def counts():
            recent = {d["device"]: d for d in self.service.status()["devices"]["recent"]}
            return {(f["file"], f["protocol"]): (f["completed"], f["failed"]) for f in recent.get(PHONE, {}).get("files", ())}
        # The same again at once is no news: each is counted, and DownloadRecorder::kMemory over, before the next is fetched.
        for count in (1, 2, 3):
            self.assertEqual(self.get(f"{PHONE}.cnf.xml.sgn")[0], 200)
            wait_for(lambda: counts().get((f"{PHONE}.cnf.xml.sgn", "http")) == (count, 0), "it is counted")
            time.sleep(0.3)
        self.tftp(f"{PHONE}.cnf.xml")
        self.get(f"{PHONE}.cnf.xml.sgn", "https")
        self.tftp(f"ITL{PHONE}.tlv")
        wait_for(lambda: counts().get(("ITLFile.tlv", "tftp")) == (1, 0), "the list is counted")
        seen = counts()
        self.assertEqual(seen[(f"{PHONE}.cnf.xml", "tftp")], (1, 0))
        self.assertEqual(seen[(f"{PHONE}.cnf.xml.sgn", "https")], (4, 0))

    def test_who_guesses_devices_is_slowed_and_reported(self):
        connection = http.client.HTTPConnection(*self.service.http[0], timeout=harness.BOUND)
        slowed = False
        for i in range(3000):
            connection.request("GET", f"/SEP{i + 0x5000:012X}.cnf.xml")
            answer = connection.getresponse()
            answer.read()
            if answer.status == 503:
                slowed = True
                break
            self.assertEqual(answer.status, 404)
        connection.close()
        self.assertTrue(slowed)
        wait_for(lambda: "127.0.0.1" in self.service.status()["devices"]["guessing"], "it is reported")
        self.assertIn("127.0.0.1 asks for many devices that do not exist", self.service.log())
        self.assertEqual(self.get("firmware.loads")[0], 200)

    def test_nothing_mixes_two_versions(self):
        versions = [bytes([i]) * 2_000_000 for i in range(1, 4)]
        self.put("image.bin", versions[0])
        self.becomes("image.bin", versions[0])
        wrong, fetched, stop = [], [], threading.Event()

        def fetch():
            while not stop.is_set():
                body = self.get("image.bin")[1]
                fetched.append(len(body))
                if body not in versions:
                    wrong.append(len(body))

        threads = [threading.Thread(target=fetch) for _ in range(4)]
        for thread in threads:
            thread.start()
        for i in range(6 if SLOW else 30):
            (self.files / ".next").write_bytes(versions[i % 3])
            (self.files / ".next").rename(self.files / "image.bin")
            before = len(fetched)
            wait_for(lambda: len(fetched) >= before + 2, "it is fetched meanwhile")
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])


class Guessers(Folder):
    def test_many_guessers_write_a_few_lines(self):
        self.serve("--max-unknown-devices", "1")
        sources = [f"127.0.2.{i}" for i in range(1, 41)]
        for at, source in enumerate(sources):
            connection = http.client.HTTPConnection(*self.service.http[0], timeout=harness.BOUND,
                                                    source_address=(source, 0))
            for i in range(3000):
                connection.request("GET", f"/SEP{at:06X}{i:06X}.cnf.xml")
                answer = connection.getresponse()
                answer.read()
                if answer.status == 503:
                    break
            connection.close()
            self.assertEqual(answer.status, 503)
        wait_for(lambda: set(sources) <= set(self.service.status()["devices"]["guessing"]), "they are reported")
        self.assertLessEqual(self.service.log().count("asks for many devices that do not exist"), 10)
        self.service.stop()
        left_out = re.findall(r"(\d+) more times a source asked for many devices that do not exist", self.service.log())
        self.assertGreaterEqual(sum(map(int, left_out)), 30)


class Tftp(Folder):
    def setUp(self):
        super().setUp()
        self.content = random.Random(2).randbytes(300_001)
        self.text = b"".join(b"line %d\r and\nmore\r\n" % i for i in range(3000))
        self.put("image.bin", self.content)
        self.put("text.txt", self.text)

    def windowed(self, address, window, blksize, name=b"image.bin", inside=()):
        """A download with a window, by a client of our own: Debian's have none but atftp's."""
        script = pathlib.Path(__file__).with_name("windowed_client.py")
        return run(*inside, "python3", script, address[0], address[1], name.decode(), window, blksize, harness.BOUND).stdout

    def test_clients_with_every_option(self):
        self.serve()
        host, port = self.service.tftp[0]
        for options in ([], ["blksize 1428"], ["blksize 65464"], ["tsize enable"], ["timeout 3"], ["windowsize 16"],
                        ["blksize 1428", "windowsize 16", "tsize enable", "timeout 2"]):
            args = [a for o in options for a in ("--option", o)]
            got = run(client("atftp"), *args, "--get", "-r", "image.bin", "-l", self.out, host, port)
            self.assertEqual(got.returncode, 0, (options, got.stderr))
            self.assertEqual(self.out.read_bytes(), self.content, options)
        for window in (1, 2, 7, 16, 64, 65535):
            for blksize in (8, 512, 1428, 65464):
                if blksize == 8 and window != 64:
                    continue
                self.assertEqual(self.windowed((host, port), window, blksize), self.content, (window, blksize))

    def test_netascii(self):
        self.serve()
        host, port = self.service.tftp[0]
        on_the_wire = self.text.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")
        got = run(client("curl"), "-sS", "-B", "-o", self.out, f"tftp://{host}:{port}/text.txt")
        self.assertEqual(got.returncode, 0, got.stderr)
        self.assertEqual(self.out.read_bytes(), on_the_wire)
        got = run(client("tftp"), "-m", "ascii", host, port, "-c", "get", "text.txt", self.out)
        self.assertEqual(self.out.read_bytes(), self.text)

    def begin_and_be_silent(self, count):
        for _ in range(count):
            s = self.enterContext(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            s.connect(self.service.tftp[0])
            s.send(b"\0\1image.bin\0octet\0blksize\x001428\0windowsize\x0016\0")

    def test_a_thousand_half_open_transfers_hold_nobody_up(self):
        self.serve("--tftp-timeout", "60000")
        self.begin_and_be_silent(1000)
        wait_for(lambda: self.service.counters()["tftp_answered"] == 1000, "they are all answered")
        for _ in range(5):
            self.assertEqual(self.tftp("text.txt"), self.text)
            self.assertEqual(self.windowed(self.service.tftp[0], 16, 1428), self.content)
        wait_for(lambda: self.service.counters()["tftp_active"] == 0, "they have taken no transfer")

    def test_half_open_transfers_get_little(self):
        """Each has one packet, and one repetition at most, while its address has not had much."""
        self.serve("--tftp-timeout", "50")
        self.begin_and_be_silent(100)
        wait_for(lambda: self.service.counters()["tftp_retransmits"] == 100, "all are repeated to")
        self.begin_and_be_silent(900)
        counters = wait_for(lambda: (c := self.service.counters())["tftp_answered"] == 1000 and c, "all are answered")
        self.assertLess(counters["tftp_retransmits"], 1000)
        self.assertEqual((counters["tftp_active"], counters["tftp_begun"]), (0, 0))


class BadLine(Folder):
    """Through a line that loses 5 % and reorders 5 % of the packets, each way."""

    def curl(self, line, *args):
        """By TFTP. When the first two packets of an answer are lost, the request is answered anew from another
        port; curl gives up (72) where it then hears of the first one, instead of passing that over."""
        for _ in range(3):
            got = run(*line.b, client("curl"), "-sS", "--max-time", harness.BOUND, *args, "-o", self.out)
            if got.returncode != 72:
                break
        return got

    def test_every_option(self):
        content = random.Random(3).randbytes(100_000)
        text = b"a line\nand\ranother\n" * 500
        self.put("image.bin", content)
        self.put("small.bin", content[:10_000])
        self.put("text.txt", text)
        with lossy.Line(loss=5, reorder=5, seed=7) as line:
            self.serve("--tftp-timeout", 200 * harness.FACTOR, "--tftp-retries", "20", inside=line.a,
                       listen=(line.a_address, line.a_address6))
            for host, port in self.service.tftp:
                url = f"tftp://[{host}]:{port}" if ":" in host else f"tftp://{host}:{port}"
                # curl waits for seconds until it asks again, so it gets a file of few blocks.
                for args in (("--tftp-no-options",), ("--tftp-blksize", "1400"), ("--tftp-blksize", "16384")):
                    got = self.curl(line, *args, f"{url}/small.bin")
                    self.assertEqual(got.returncode, 0, (host, args, got.stderr))
                    self.assertEqual(self.out.read_bytes(), content[:10_000])
                for name, window, blksize in (("small.bin", 1, 512), ("image.bin", 4, 1428), ("image.bin", 16, 1428),
                                              ("image.bin", 64, 1428), ("image.bin", 16, 8192)):
                    script = pathlib.Path(__file__).with_name("windowed_client.py")
                    got = run(*line.b, "python3", script, host, port, name, window, blksize, harness.BOUND)
                    self.assertEqual(got.stdout, content[:10_000] if name == "small.bin" else content,
                                     (host, window, blksize, got.stderr))
                got = self.curl(line, "-B", "--tftp-no-options", f"{url}/text.txt")
                self.assertEqual(self.out.read_bytes(), text.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n"), got.stderr)
            for host, port in self.service.http:
                url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
                got = run(*line.b, client("curl"), "-sSg", "--max-time", harness.BOUND, "-o", self.out, f"{url}/image.bin")
                self.assertEqual(self.out.read_bytes(), content, got.stderr)
            self.assertGreater(line.lost, 50)
            self.assertGreater(self.service.counters()["tftp_retransmits"], 0)


if __name__ == "__main__":
    harness.main()
