"""anchorctl phone as an operator uses it, beside a service that runs and alone."""

import os
import pty
import shutil
import sqlite3
import subprocess

import harness
from harness import CERTS, Service, program, run, wait_for

FIRST, SECOND, THIRD = "SEP001122334455", "SEP00112233445A", "SEP001122334460"


def served(service, name):
    try:
        return harness.tftp_get(service.tftp[0], name.encode())[0]
    except OSError:
        return None


class Case(harness.Case):
    def listed(self):
        return self.facts("phone", "list")["phones"]

    def names(self):
        return [p["name"] for p in self.listed()]

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path


class Phone(Case):
    def test_add_list_show(self):
        self.assertEqual(self.listed(), [])
        self.assertEqual(self.ctl("phone", "list").split(),
                         ["NAME", "MODEL", "ENCRYPTED", "CERTIFICATE", "KEY", "DAYS", "LEFT", "PROVISIONED", "ITL", "CTL", "LAST",
                          "SEEN", "ADDRESS"])
        out = self.ctl("phone", "add", FIRST, "--certificate", CERTS / "phone.crt", "--model", "8861")
        self.assertRegex(out, rf"^added {FIRST}, model 8861, certificate [0-9a-f]{{10}} \(CN=CP-8861-SEP.*\)\n$")
        self.assertEqual(self.ctl("phone", "add", SECOND), f"added {SECOND}, no certificate\n")
        first, second = self.listed()
        self.assertEqual((first["name"], first["model"], first["encrypted"]), (FIRST, "8861", True))
        self.assertEqual(first["certificate"]["key"], "RSA 2048")
        self.assertEqual(second, {"name": SECOND, "model": None, "encrypted": False, "certificate": None,
                                  "certificate_file": None, "certificate_problem": None, "provisioned": True, "itl": None, "ctl": None,
                                  "configuration": None, "questions": 0,
                                  "last_asked": None, "last_seen": None, "address": None})
        self.assertEqual(self.facts("phone", "show", FIRST), first)
        text = self.ctl("phone", "show", FIRST)
        for words in (FIRST, "8861", first["certificate"]["sha256"], "RSA 2048", "yes"):
            self.assertIn(words, text)
        self.assertIn("no: it has no certificate", self.ctl("phone", "show", SECOND))
        rows = self.ctl("phone", "list").splitlines()
        self.assertRegex(rows[1], rf"^{FIRST} +8861 +yes +[0-9a-f]{{10}} +RSA 2048 +\d+ days +yes +- +- +- +-$")
        self.assertRegex(rows[2], rf"^{SECOND} +- +no +- +- +- +yes +- +- +- +-$")

    def test_every_spelling_is_one_phone(self):
        for name in (FIRST, FIRST.lower(), "001122334455", "00:11:22:33:44:55"):
            added = self.facts("phone", "add", name)["phones"]
            self.assertEqual([p["name"] for p in added], [FIRST])
            self.assertEqual(self.facts("phone", "show", name)["name"], FIRST)
        self.assertEqual(self.names(), [FIRST])
        self.ctl("phone", "remove", "00:11:22:33:44:55", "--yes")
        self.assertEqual(self.names(), [])

    def test_several_at_once(self):
        added = self.facts("phone", "add", SECOND, FIRST, FIRST.lower(), "--model", "7821")["phones"]
        self.assertEqual([(p["name"], p["model"]) for p in added], [(FIRST, "7821"), (SECOND, "7821")])
        self.assertEqual([{k: p[k] for k in added[0]} for p in self.listed()], added)
        self.assertEqual(self.facts("phone", "remove", SECOND, FIRST, FIRST, "--yes"), {"removed": [FIRST, SECOND]})

    def test_adding_again_takes_nothing_away(self):
        self.ctl("phone", "add", FIRST, "--certificate", CERTS / "phone.crt")
        certificate = self.listed()[0]["certificate"]
        self.assertIn("model 8861, certificate", self.ctl("phone", "add", FIRST, "--model", "8861"))
        self.assertEqual(self.listed()[0]["certificate"], certificate)
        self.ctl("phone", "add", FIRST, "--certificate", CERTS / "tvs.crt")
        phone = self.listed()[0]
        self.assertEqual(phone["model"], "8861")
        self.assertNotEqual(phone["certificate"], certificate)

    def test_ec_certificate_is_taken_and_warned_of(self):
        for args in (["--certificate", CERTS / "app-ec.crt"], ["--model", "8861"]):
            result = run(program("anchorctl"), "--state", self.state, "phone", "add", FIRST, *args)
            self.assertEqual(result.returncode, 0)
            self.assertRegex(result.stderr.decode(),
                             rf"^anchorctl: warning: {FIRST}: its configuration cannot be encrypted to this key "
                             r"\(EC 256\).*\nanchorctl: warning: no backup .*\n$")
        phone = self.listed()[0]
        self.assertEqual((phone["encrypted"], phone["certificate"]["key"]), (False, "EC 256"))
        self.assertIn("no: its certificate's key is not RSA", self.ctl("phone", "show", FIRST))

    def test_der_is_taken(self):
        self.ctl("phone", "add", FIRST, "--certificate", self.file("phone.der", harness.der("phone")))
        self.assertTrue(self.listed()[0]["encrypted"])

    def test_what_is_not_a_name(self):
        for name in ("SEP", "SEP00112233445", "SEP0011223344556", "SEP00112233445G", "00-11-22-33-44-55",
                     "SEP00:11:22:33:44:55", "ATA001122334455", f"{FIRST}.cnf.xml", f" {FIRST}", "../../etc/passwd",
                     "*", "SEP\N{FULLWIDTH DIGIT ONE}11111111111"):
            for command in (["add", SECOND], ["show"], ["remove", "--yes"]):
                with self.subTest(f"{command} {name}"):
                    self.refused(2, "phone", *command, name, says=["not a phone's name", FIRST])
        self.assertEqual(self.listed(), [])

    def test_command_lines_that_are_wrong(self):
        for line in ("phone", "phone add", "phone show", "phone remove", f"phone show {FIRST} {SECOND}",
                     "phone list extra", f"phone add {FIRST} {SECOND} --certificate {CERTS}/phone.crt",
                     f"phone add {FIRST} --certificate", f"phone add {FIRST} --role tvs"):
            with self.subTest(line):
                self.refused(2, *line.split(), says="--help")
        self.refused(2, "phone", "add", FIRST, SECOND, "--certificate", CERTS / "phone.crt", says="exactly one phone")
        self.assertEqual(self.listed(), [])

    def test_certificates_that_are_none(self):
        two = (CERTS / "phone.crt").read_bytes() * 2
        for name, content in (("text.crt", b"hello"), ("empty.crt", b""), ("cut.der", harness.der("phone")[:100]),
                              ("more.der", harness.der("phone") + b"\0"), ("two.pem", two),
                              ("key.pem", (CERTS / "phone.key").read_bytes())):
            with self.subTest(name):
                self.refused(1, "phone", "add", FIRST, "--certificate", self.file(name, content), says=name)
        self.refused(1, "phone", "add", FIRST, "--certificate", self.folder / "none.crt", says="none.crt")
        self.refused(1, "phone", "add", FIRST, "--certificate", self.folder)
        self.assertEqual(self.listed(), [])

    def test_models_that_are_none(self):
        self.refused(1, "phone", "add", SECOND, FIRST, "--model", "x" * 65, says=["model", FIRST, "64"])
        self.refused(1, "phone", "add", FIRST, "--model", "\x1b[2J", says="control character")
        self.assertEqual(self.listed(), [])

    def test_a_certificate_of_another_phone_needs_force(self):
        self.refused(1, "phone", "add", SECOND, "--certificate", CERTS / "phone.crt",
                     says=["phone.crt", f"names {FIRST}, not {SECOND}", "--force"])
        self.assertEqual(self.listed(), [])
        self.ctl("phone", "add", SECOND, "--certificate", CERTS / "phone.crt", "--force")
        self.assertEqual([(p["name"], p["encrypted"]) for p in self.listed()], [(SECOND, True)])

    def test_one_certificate_for_two_phones_is_warned_of(self):
        shutil.copy(CERTS / "capf.crt", self.state / "devices" / f"{FIRST}.pem")
        result = run(program("anchorctl"), "--state", self.state, "phone", "add", SECOND, "--certificate",
                     CERTS / "capf.crt")
        self.assertEqual(result.returncode, 0)
        self.assertIn(f"the certificate of {SECOND} is the certificate of {FIRST}, too: ", result.stderr.decode())
        self.assertIn(f"is the certificate of {SECOND}, too", self.ctl("phone", "show", FIRST))

    def test_certificates_in_the_folder(self):
        shutil.copy(CERTS / "phone.crt", self.state / "devices" / f"{FIRST}.pem")
        shutil.copy(CERTS / "phone.crt", self.state / "devices" / f"{SECOND}.pem")
        (self.state / "devices/SEP000000000001.pem").write_text("text")
        (self.state / "devices/notes.txt").write_text("text")
        broken, first, second = self.listed()
        self.assertEqual((first["name"], first["encrypted"], first["provisioned"], first["certificate_file"]),
                         (FIRST, True, True, f"devices/{FIRST}.pem"))
        self.assertEqual(first["certificate"]["key"], "RSA 2048")
        self.assertEqual((second["encrypted"], second["certificate"]), (False, None))
        self.assertIn(f"names {FIRST}, another phone", second["certificate_problem"])
        self.assertEqual(broken["certificate"], None)
        self.assertTrue(broken["certificate_problem"])
        self.assertIn(f"devices/{FIRST}.pem", self.ctl("phone", "show", FIRST))
        self.assertRegex(self.ctl("phone", "show", SECOND), rf"no, and not served: 'devices/{SECOND}.pem' names {FIRST}")
        self.assertEqual(self.facts("status")["phones"]["provisioned"], 3)
        # What the command gives comes before the file, and both go together.
        self.ctl("phone", "add", FIRST, "--certificate", CERTS / "tvs.crt")
        self.assertEqual(self.facts("phone", "show", FIRST)["certificate_file"], None)
        self.ctl("phone", "remove", FIRST, SECOND, "--yes")
        self.assertEqual(self.names(), ["SEP000000000001"])
        self.assertEqual(sorted(p.name for p in (self.state / "devices").iterdir()),
                         ["SEP000000000001.pem", "notes.txt"])

    def test_remove(self):
        self.ctl("phone", "add", FIRST, SECOND)
        self.refused(2, "phone", "remove", FIRST, says=[FIRST, "--yes"])
        self.refused(2, "phone", "remove", FIRST, SECOND, says=["2 phones", "--yes"])
        self.refused(1, "phone", "remove", FIRST, "SEP000000000001", "--yes", says="no phone 'SEP000000000001'")
        self.assertEqual(self.names(), [FIRST, SECOND])
        self.assertEqual(self.ctl("phone", "remove", FIRST, "--yes"), f"removed {FIRST}\n")
        self.assertEqual(self.names(), [SECOND])
        self.refused(1, "phone", "remove", FIRST, "--yes", says=[FIRST, "anchorctl phone list"])
        self.refused(1, "phone", "show", FIRST, says=[FIRST, "anchorctl phone list"])

    def test_remove_asks_on_a_terminal(self):
        for answer, code, left in ((b"n\n", 1, [FIRST]), (b"\n", 1, [FIRST]), (b"y\n", 0, [])):
            self.ctl("phone", "add", FIRST)
            ours, theirs = pty.openpty()
            os.write(ours, answer)
            result = run(program("anchorctl"), "--state", self.state, "phone", "remove", FIRST, stdin=theirs)
            os.close(ours)
            os.close(theirs)
            self.assertEqual(result.returncode, code, result.stderr)
            self.assertIn(b"no longer be encrypted", result.stderr)
            self.assertIn(b"[y/N]", result.stderr)
            self.assertEqual(self.names(), left)

    def test_names_cannot_steer_the_terminal(self):
        evil = harness.der("phone").replace(b"CP-8861", b"\x1b[2J861")
        result = run(program("anchorctl"), "--state", self.state, "phone", "add", FIRST, "--certificate",
                     self.file("evil.der", evil))
        self.assertEqual(result.returncode, 0)
        shown = self.ctl("phone", "list") + self.ctl("phone", "show", FIRST)
        self.assertNotIn("\x1b", (result.stdout + result.stderr).decode() + shown)

    def test_no_state(self):
        for line in ("phone list", f"phone show {FIRST}", f"phone add {FIRST}", f"phone remove {FIRST} --yes"):
            for state, code, words in (([], 2, "--state"), (["--state", self.folder / "none"], 1, "anchorctl init")):
                result = run(program("anchorctl"), *state, *line.split())
                self.assertEqual(result.returncode, code, line)
                self.assertIn(words, result.stderr.decode())

    def test_rows_that_somebody_damaged(self):
        self.ctl("phone", "add", FIRST, "--certificate", CERTS / "phone.crt")
        for what, change in (("name", "UPDATE phones SET name = 'SEP00112233445x'"),
                             ("certificate", "UPDATE phones SET certificate = x'3000'"),
                             ("another", "UPDATE phones SET sha256 = replace(sha256, '9', '8')")):
            with self.subTest(what):
                database = sqlite3.connect(self.state / "anchord.db", isolation_level=None)
                database.execute("BEGIN")
                kept = database.execute("SELECT * FROM phones").fetchall()
                database.execute(change)
                database.execute("COMMIT")
                self.refused(1, "phone", "list", says=["damaged", "backup"])
                database.execute("DELETE FROM phones")
                database.executemany("INSERT INTO phones VALUES (?, ?, ?, ?)", kept)
                database.close()
        self.assertEqual(self.names(), [FIRST])

    def test_a_thousand(self):
        names = [f"SEP{i:012X}" for i in range(1000)]
        self.ctl("phone", "add", *reversed(names))
        self.assertEqual(self.names(), names)
        self.ctl("phone", "remove", *names, "--yes")
        self.assertEqual(self.names(), [])

    def test_killed_amid_adding(self):
        names = [f"SEP{i:012X}" for i in range(1000)]
        sizes = set()
        for pause in range(12):
            process = subprocess.Popen([program("anchorctl"), "--state", self.state, "phone", "add", *names],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       env=harness.environment())
            try:
                process.wait(timeout=0.005 * pause)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            sizes.add(len(self.names()))
            if self.names():
                self.ctl("phone", "remove", *names, "--yes")
        self.assertLessEqual(sizes, {0, len(names)})


class Chosen(Case):
    """Phones that are chosen by what is known of them."""

    def setUp(self):
        super().setUp()
        self.ctl("phone", "add", FIRST, "--model", "8861")
        self.ctl("phone", "add", SECOND, "--model", "CP-8861")
        self.ctl("phone", "add", THIRD, "--model", "7965")
        shutil.copy(CERTS / "capf.crt", self.state / "devices" / f"{THIRD}.pem")
        with Service(self.state) as service:
            for phone in (SECOND, THIRD):
                harness.boot(service, phone)
                wait_for(lambda: self.facts("phone", "show", phone)["itl"], "the ledger knows")
        database = sqlite3.connect(self.state / "anchord.db")
        with database:
            database.execute("UPDATE ledger SET seen = seen - 40 * 86400 WHERE device = ?", (THIRD,))
        database.close()

    def chosen(self, *how):
        return [p["name"] for p in self.facts("phone", "list", *how)["phones"]]

    def test_list(self):
        self.assertEqual(self.chosen(), [FIRST, SECOND, THIRD])
        self.assertEqual(self.chosen("--model", "8861"), [FIRST, SECOND])
        for called in ("cp-7965", "7965G", "Cisco 7965", "Cisco Unified IP Phone 7965G"):
            self.assertEqual(self.chosen("--model", called), [THIRD])
        self.assertEqual(self.chosen("--model", "9999"), [])
        self.assertEqual(self.chosen("--unseen-for", "30d"), [THIRD])
        self.assertEqual(self.chosen("--unseen-for", "39"), [THIRD])
        self.assertEqual(self.chosen("--unseen-for", "41d"), [])
        self.assertEqual(self.chosen("--unseen-for", "30d", "--model", "8861"), [])
        self.assertEqual(self.chosen("--behind"), [])
        self.ctl("cert", "regenerate", "capf")
        self.ctl("itl", "show")
        self.assertEqual(self.chosen("--behind"), [SECOND, THIRD])
        self.assertEqual(self.chosen("--behind", "--unseen-for", "1d"), [THIRD])
        self.assertEqual(len(self.ctl("phone", "list", "--behind").splitlines()), 3)

    def test_what_is_no_number_of_days(self):
        for days in ("0", "0d", "-1", "d", "30 d", "30h", "1.5d", "99999d", "99999999999"):
            for command in ("list", "remove"):
                self.refused(2, "phone", command, f"--unseen-for={days}", says=["--unseen-for", "30d"])

    def test_remove(self):
        self.refused(2, "phone", "remove", says="--unseen-for")
        self.refused(2, "phone", "remove", FIRST, "--model", "8861", says="not both")
        self.refused(2, "phone", "remove", "--model", "8861", says=[f"2 phones ({FIRST}, {SECOND})", "--yes"])
        self.assertEqual(self.facts("phone", "remove", "--model", "8861", "--dry-run"), {"would_remove": [FIRST, SECOND]})
        self.assertEqual(self.ctl("phone", "remove", "--unseen-for", "90d"),
                         "no phone is as was asked for: nothing is to be removed\n")
        self.assertEqual(self.chosen(), [FIRST, SECOND, THIRD])
        self.assertEqual(self.ctl("phone", "remove", "--unseen-for", "30d", "--yes"), f"removed {THIRD}\n")
        self.assertEqual(list((self.state / "devices").iterdir()), [])
        self.assertEqual(self.facts("phone", "remove", "--unseen-for", "30d", "--yes"), {"removed": []})
        self.assertEqual(self.facts("phone", "remove", "--model", "8861", "--yes"), {"removed": [FIRST, SECOND]})


class Running(Case):
    def test_service_is_told(self):
        with Service(self.state) as service:
            before = service.status()["snapshot"]["store_change"]
            for args in (["add", FIRST, SECOND, "--model", "8861"], ["remove", FIRST, "--yes"]):
                self.ctl("phone", *args)
                wait_for(lambda: service.status()["snapshot"]["store_change"] > before, "the change is in service")
                before = service.status()["snapshot"]["store_change"]


    def test_certificates_in_the_folder_are_judged_by_the_service_too(self):
        shutil.copy(CERTS / "phone.crt", self.state / "devices" / f"{SECOND}.pem")
        shutil.copy(CERTS / "capf.crt", self.state / "devices" / f"{FIRST}.pem")
        shutil.copy(CERTS / "capf.crt", self.state / "devices/SEP000000000001.pem")
        (self.state / "provisioning" / f"{FIRST}.cnf.xml").write_text("<device/>")
        with Service(self.state) as service:
            self.assertRegex(service.log(), rf"warn.* 'devices/{SECOND}.pem' names {FIRST}, another phone: .*--force'\n")
            self.assertRegex(service.log(), rf"warn.* 'devices/{FIRST}.pem' is the certificate of SEP000000000001, too: ")
            said = run(program("anchorctl"), "--state", self.state, "status").stdout.decode()
            self.assertIn(f"'devices/{SECOND}.pem' names {FIRST}, another phone", said)
            self.assertRegex(said, rf"'devices/{FIRST}.pem' is the certificate of SEP000000000001, too: .* its own \(since")
            self.assertIsNone(served(service, f"{FIRST}.cnf.xml"))
            self.ctl("phone", "remove", FIRST, SECOND, "--yes")
            wait_for(lambda: served(service, f"{FIRST}.cnf.xml"), "it is served in the clear")
            wait_for(lambda: service.status()["provisioning"]["problem_count"] == 0, "nothing is wrong any more")


class OldStore(Case):
    """A state directory of the first version is brought to the present one by whoever opens it first."""

    def setUp(self):
        super().setUp()
        self.state = self.folder / "old"
        (self.state / "keys").mkdir(parents=True)
        for key in (harness.DATA / "store-1/keys").iterdir():
            copy = self.state / "keys" / key.name
            copy.write_bytes(key.read_bytes())
            copy.chmod(0o600)
        database = sqlite3.connect(self.state / "anchord.db")
        database.executescript((harness.DATA / "store-1/anchord.sql").read_text())
        database.close()

    def test_by_anchorctl(self):
        facts = self.facts("status")
        self.assertEqual([c["service"] for c in facts["own_certificates"]],
                         ["tvs", "tvs", "tftp", "tftp-ec", "capf", "recovery"])
        self.assertFalse(facts["itl"]["current"])
        self.assertEqual([r["role"] for r in self.facts("itl", "show")["records"]],
                         ["sast", "sast", "tftp", "tftp", "tvs", "tvs", "capf"])
        self.ctl("phone", "add", FIRST, "--certificate", CERTS / "phone.crt")
        self.assertEqual(self.names(), [FIRST])
        self.assertIn("BEGIN CERTIFICATE", self.ctl("cert", "export", "tftp-ec"))

    def test_by_the_service(self):
        with Service(self.state) as service:
            list_file = self.folder / "ITLFile.tlv"
            list_file.write_bytes(harness.tftp_get(service.tftp[0], b"ITLFile.tlv")[0])
            signer = self.own_certificate("tftp")
            self.assertIn("valid: 7 records", self.ctl("itl", "verify", list_file, "--signer", signer))


if __name__ == "__main__":
    harness.main()
