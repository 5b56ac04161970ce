"""What is asked when something is wrong: check, doctor, top, and the bundle for those who help."""

import json
import os
import re
import subprocess

import harness
from harness import CERTS, Service, program, run, wait_for

PHONE = "SEP001122334455"
OTHER = "SEP00112233AABB"
SECRETS = ("hunter2-ssh", "hunter2-admin", "hunter2-broken")


class Check(harness.Case):
    def check(self, code):
        result = run(program("anchorctl"), "--state", self.state, "check")
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        line = result.stdout.decode()
        self.assertRegex(line, r"\A[^\n|]+ \| problems=\d+ urgent=\d+\n\Z")
        return line

    def back_up(self):
        passphrase = self.folder / "passphrase"
        passphrase.write_text("correct horse battery\n")
        self.ctl("backup", "create", self.folder / "backup", "--passphrase-file", passphrase)

    def test_one_line_and_a_level(self):
        line = self.check(2)
        self.assertTrue(line.startswith("CRITICAL: "), line)
        self.assertIn("no service runs on this state", line)
        with Service(self.state):
            line = self.check(1)
            self.assertTrue(line.startswith("WARNING: 1 thing needs a person: no backup"), line)
            self.back_up()
            line = self.check(0)
            self.assertRegex(line, r"^OK: nothing needs a person, snapshot \d+ is in service on \S+ \| problems=0 urgent=0$")

    def test_it_says_what_status_says(self):
        facts = self.facts("check", code=2)
        self.assertEqual(facts["level"], "critical")
        self.assertEqual({problem["text"] for problem in facts["problems"]}, set(self.facts("status", code=1)["warnings"]))
        self.assertTrue(facts["problems"][0]["urgent"])

    def test_what_cannot_be_looked_at_is_urgent(self):
        result = run(program("anchorctl"), "--state", self.folder / "none", "check")
        self.assertEqual((result.returncode, result.stderr), (2, b""))
        self.assertTrue(result.stdout.startswith(b"CRITICAL: 1 thing needs a person: "), result.stdout)


class Doctor(harness.Case):
    def setUp(self):
        super().setUp()
        self.folder_of_files = self.state / "provisioning"

    def findings(self, name=PHONE, code=1):
        facts = self.facts("doctor", name, code=code)
        self.assertEqual(facts["device"], name)
        for finding in facts["findings"]:
            self.assertTrue(finding["what"] and finding["next"], finding)
        return facts["findings"]

    def next_step(self, what, name=PHONE):
        fitting = [finding["next"] for finding in self.findings(name) if re.search(what, finding["what"])]
        self.assertEqual(len(fitting), 1, self.findings(name))
        return fitting[0]

    def test_a_phone_that_is_not_known(self):
        self.assertIn("start it", self.next_step("no service answers"))
        self.assertIn("option 150", self.next_step("not known here"))
        self.assertIn(f"{PHONE}.cnf.xml", self.next_step("no configuration for it"))
        self.refused(2, "doctor", "printer", says=("is not a phone's name",))

    def test_a_phone_that_is_well_and_then_is_behind(self):
        file = self.folder_of_files / f"{PHONE}.cnf.xml"
        file.write_text("<device/>")
        os.utime(file, (1_700_000_000, 1_700_000_000))
        with Service(self.state) as service:
            harness.boot(service, PHONE)
            wait_for(lambda: run(program("anchorctl"), "--state", self.state, "doctor", PHONE).returncode == 0, "it is well")
            self.assertEqual(self.findings(code=0), [])
            os.utime(file, (4_000_000_000, 4_000_000_000))
            self.assertIn("reset", self.next_step(f"'{PHONE}.cnf.xml' has changed at 2096"))
            os.utime(file, (1_700_000_000, 1_700_000_000))
            self.add("app-ec")  # no part of the list
            self.ctl("cert", "regenerate", "capf")
            wait_for(lambda: self.facts("phone", "show", PHONE)["itl"]["state"] == "behind", "it is behind")
            self.assertIn("reset", self.next_step("initial trust list.*behind"))

    def test_files_that_are_refused(self):
        (self.folder_of_files / f"{PHONE}.cnf.xml").write_text("<device>")
        (self.folder_of_files / f"{OTHER}.cnf.xml").write_text("<device/>")
        with Service(self.state):
            self.assertIn("mend the file", self.next_step(f"{PHONE}.cnf.xml' "))
            self.assertFalse([f for f in self.findings(OTHER) if PHONE in f["what"]])

    def test_a_certificate_of_another(self):
        for name in (PHONE, OTHER):
            self.ctl("phone", "add", name, "--certificate", CERTS / "phone.crt", "--force")
        self.assertIn("--certificate", self.next_step(f"its certificate is that of {OTHER}"))


class Top(harness.Case):
    def test_counters_that_rise(self):
        with Service(self.state) as service:
            looking = subprocess.Popen(
                [program("anchorctl"), "--state", self.state, "top", "--times", "3", "--seconds", "1", "--json"],
                stdout=subprocess.PIPE, env=harness.environment())
            while looking.poll() is None:  # so that each look finds some
                harness.ask_once(service.tvs[0], harness.verify_request(harness.der("app-ec")))
            facts = json.loads(looking.stdout.read())
            looking.stdout.close()
            self.assertEqual(looking.returncode, 0)
            rising = {row["counter"]: row for row in facts["rising"]}
            self.assertGreater(rising["tvs_verify_invalid"]["per_second"], 0)
            rates = [row["per_second"] for row in facts["rising"]]
            self.assertEqual(rates, sorted(rates, reverse=True))
            self.assertEqual(facts["problems"], self.facts("status", code=1)["warnings"])

    def test_text_and_what_is_refused(self):
        text = self.ctl("top", "--times", "1", "--seconds", "1")
        self.assertIn("  ! no service runs on this state", text)
        self.assertIn("nothing is counted up", text)
        self.assertNotIn("\033", text)  # it is no terminal
        self.refused(2, "top", "--json", says=("give --times",))


class Bundle(harness.Case):
    def test_no_secret_is_in_it(self):
        provisioning = self.state / "provisioning"
        (provisioning / f"{PHONE}.cnf.xml").write_text(
            f"<device><sshPassword>{SECRETS[0]}</sshPassword><phonePassword>{SECRETS[1]}</phonePassword></device>")
        (provisioning / f"{OTHER}.cnf.xml").write_text(f"<device><{SECRETS[2]} x='{SECRETS[2]}'></device>")
        self.ctl("phone", "add", PHONE, "--certificate", CERTS / "phone.crt", "--force")
        file = self.folder / "bundle.json"
        with Service(self.state) as service:
            harness.boot(service, PHONE)
            wait_for(lambda: service.status()["provisioning"]["problems"], "a file is refused")
            self.ctl("support-bundle", file)
        text = file.read_text()
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        facts = json.loads(text)
        self.assertFalse([name for name, part in facts.items() if isinstance(part, dict) and "error" in part])
        # It says what is wrong, and with which files,
        self.assertTrue(any(OTHER in line for line in facts["status"]["warnings"]))
        names = {entry["file"] for entry in facts["state"]["files"]}
        keys = [path for path in (self.state / "keys").iterdir()]
        self.assertTrue(keys)
        self.assertLessEqual({str(path.relative_to(self.state)) for path in keys}, names)
        # but not what is in any of them: no line of a key, and no word of a configuration.
        for secret in SECRETS:
            self.assertNotIn(secret, text)
        self.assertNotIn("PRIVATE KEY", text)
        for path in keys:
            for line in filter(lambda line: len(line) > 20 and "-----" not in line, path.read_text(errors="replace").splitlines()):
                self.assertNotIn(line, text)

    def test_where_there_is_no_cluster(self):
        file = self.folder / "bundle.json"
        result = run(program("anchorctl"), "--state", self.folder / "none", "support-bundle", file)
        self.assertEqual((result.returncode, result.stdout, result.stderr.count(b"\n")), (1, b"", 1), result.stderr)
        self.assertFalse(file.exists())


if __name__ == "__main__":
    harness.main()
