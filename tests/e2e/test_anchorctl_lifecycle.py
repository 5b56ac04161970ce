"""anchorctl's lifecycle commands with the real programs: what they print, refuse and leave behind."""

import contextlib
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import sqlite3
import time
import urllib.request

import control
import harness
from harness import CERTS, Service, boot, program, run, tftp_get, wait_for

FIRST, SECOND, THIRD = "SEP001122334455", "SEP00112233445A", "SEP001122334460"
BACKUP_WARNING = "anchorctl: warning: no backup holds the present TFTP key: make one with 'anchorctl backup create FILE'\n"


class Case(harness.Case):
    """A cluster of one host, so that replacing its TVS certificate leaves no other."""

    def play(self, says):
        """A service that gives every request that answer."""
        self.enterContext(control.FakeService(self.state, says))

    def setUp(self):
        super().setUp()
        shutil.rmtree(self.state)
        self.done("init", "--name", "small", "--host", "cucm1=127.0.0.1")
        (self.state / "provisioning" / "XMLDefault.cnf.xml").write_text("<Default/>\n")

    def done(self, *args, **how):
        result = run(program("anchorctl"), "--state", self.state, *args, **how)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return result

    def fetch(self, service, phone, kind="ITL"):
        return tftp_get(service.tftp[0], f"{kind}{phone}.tlv".encode())[0]

    def fetched(self, service, *phones):
        """The phones have booted and taken the list, and the ledger knows."""
        for phone in phones:
            boot(service, phone)
        wait_for(lambda: self.states(*phones) == ["accepted"] * len(phones), f"the ledger knows of {phones}")

    def states(self, *phones):
        known = {p["name"]: p for p in self.facts("phone", "list")["phones"]}
        return [known.get(p, {}).get("itl") and known[p]["itl"]["state"] for p in phones]

    def own(self, service):
        own = [c for c in self.facts("status")["own_certificates"] if c["service"] == service]
        return own[0]["sha256"]

    def audit(self):
        database = sqlite3.connect(self.state / "anchord.db")
        try:
            return database.execute("SELECT what, forced FROM audit ORDER BY id DESC").fetchall()
        finally:
            database.close()

    def answer(self, *args, says):
        """What a person on a terminal is asked, and does after y."""
        ours, theirs = pty.openpty()
        os.write(ours, b"n\n")
        result = run(program("anchorctl"), "--state", self.state, *args, stdin=theirs)
        os.close(ours)
        os.close(theirs)
        self.assertEqual(result.returncode, 1)
        for words in [says] if isinstance(says, str) else says:
            self.assertIn(words, result.stderr.decode())


class Regenerate(Case):
    def test_each(self):
        for service in ("capf", "tvs", "tftp-ec", "recovery", "tftp"):
            with self.subTest(service):
                before = self.own(service)
                facts = self.facts("cert", "regenerate", service)
                self.assertEqual((facts["regenerated"], facts["before"]["sha256"]), (service, before))
                self.assertEqual(self.own(service), facts["after"]["sha256"])
                self.assertNotEqual(before, facts["after"]["sha256"])
                self.assertEqual(facts["after"]["subject"], facts["before"]["subject"])
                self.assertEqual(facts["after"]["key"], facts["before"]["key"])
                self.assertEqual((facts["host"], facts["locked"]), ("cucm1" if service == "tvs" else None, None))
                self.assertEqual((facts["service"]["running"], facts["service"]["taken_over"]), (False, False))
                kept = self.facts("cert", "show", before)
                self.assertEqual((kept["own"], kept["retired"]["service"]), (None, service))
                self.assertRegex(self.ctl("cert", "list"), rf"{before[:10]}.*\(was {service} until \d{{4}}-\d\d-\d\d\)\n")
                self.assertIn(f"was {service} until", self.ctl("cert", "show", before))

    def test_lifetime(self):
        self.assertIn(self.facts("cert", "regenerate", "capf", "--days", "30")["after"]["days_left"], (29, 30))
        self.assertIn(self.facts("cert", "regenerate", "capf")["after"]["days_left"], (29, 30))
        self.assertIn(self.facts("cert", "regenerate", "recovery", "--days", "7305")["after"]["days_left"], (7304, 7305))
        before = self.own("capf")
        for days in ("0", "7306", "x"):
            self.refused(2, "cert", "regenerate", "capf", "--days", days, says="--days")
        self.assertEqual(self.own("capf"), before)

    def test_all_hosts(self):
        shutil.rmtree(self.state)
        self.done("init", "--name", "many", "--host", "a=127.0.0.1", "--host", "b", "--host", "c")
        before = [c["sha256"] for c in self.facts("status")["own_certificates"] if c["service"] == "tvs"]
        with Service(self.state):
            facts = self.facts("cert", "regenerate", "tvs", "--all", "--days", "50", "--hosts-agree")
            after = [c["sha256"] for c in self.facts("status")["own_certificates"] if c["service"] == "tvs"]
            said = self.ctl("cert", "regenerate", "tvs", "--all", "--hosts-agree")
        self.assertEqual((facts["regenerated"], [h["host"] for h in facts["hosts"]]), ("tvs", ["a", "b", "c"]))
        self.assertEqual([h["before"]["sha256"] for h in facts["hosts"]], before)
        self.assertEqual([h["after"]["sha256"] for h in facts["hosts"]], after)
        self.assertEqual({h["service"]["taken_over"] for h in facts["hosts"]}, {True})
        self.assertTrue(all(h["after"]["days_left"] in (49, 50) for h in facts["hosts"]))
        self.assertEqual(len([s for s in facts["steps"] if s["step"] == "reset the phones"]), 1)
        self.assertEqual(re.findall(r"regenerated the tvs certificate of (\w)", said), ["a", "b", "c"])
        self.assertEqual(said.count("STEP"), 1)
        self.refused(2, "cert", "regenerate", "tvs", "--all", "--host", "a", says="--all")
        self.refused(2, "cert", "regenerate", "capf", "--all", says="--all: the capf certificate is the whole cluster's")

    def test_all_hosts_until_one_is_refused(self):
        shutil.rmtree(self.state)
        self.done("init", "--name", "many", "--host", "a=127.0.0.1", "--host", "b", "--host", "c")
        with Service(self.state) as service:
            self.fetched(service, FIRST)
            # A phone that holds the list of the former signer needs a verification service that it knows.
            self.ctl("cert", "regenerate", "tftp", "--hosts-agree")
            result = harness.run_guarded(self.state, ("cert", "regenerate", "tvs", "--all", "--json"))
        error = result.stderr.decode()
        self.assertEqual((result.returncode, error.count("\n")), (1, 1), error)
        for words in (FIRST, "would lock 1 phone", "--force", "regenerated: a, b; not regenerated: c (go on with --host)"):
            self.assertIn(words, error)
        facts = json.loads(result.stdout)
        self.assertEqual([h["host"] for h in facts["hosts"]], ["a", "b"])
        self.assertIn(FIRST, facts["refused"])
        retired = [c["subject"] for c in self.facts("cert", "list")["certificates"]
                   if c["retired"] and c["retired"]["service"] == "tvs"]
        self.assertEqual(sorted(retired), ["CN=TVS-a", "CN=TVS-b"])

    def test_steps(self):
        def steps(service):
            return [(s["by"], s["done"], s["step"]) for s in self.facts("cert", "regenerate", service)["steps"]]

        capf = steps("capf")
        self.assertEqual(capf[0][:2], ("anchord", True))
        self.assertIn(("administrator", False, "restart the CAPF service"), capf)
        self.assertIn(("anchord", False, "restart the TFTP service"), capf)  # nothing runs
        self.assertIn(("administrator", False, "reset the phones"), capf)
        tftp = steps("tftp")
        self.assertIn(("administrator", False, "make a new backup"), tftp)
        self.assertIn(("administrator", False, "repeat the bulk certificate provisioning"), tftp)
        self.assertFalse([s for s in tftp if "CTL" in s[2] or "call manager" in s[2]])
        self.ctl("mode", "set", "mixed")
        mixed = [s[2] for s in steps("tftp")]
        self.assertIn("run the CTL client", mixed)
        self.assertIn("restart the call manager's services", mixed)
        with Service(self.state):
            self.assertIn(("anchord", True, "restart the TFTP service"), steps("capf"))

    def test_taken_over(self):
        self.assertIn("will be taken over when the service starts", self.ctl("cert", "regenerate", "capf"))
        with Service(self.state) as service:
            before = self.fetch(service, FIRST)
            self.assertIn("taken over by the running service", self.ctl("cert", "regenerate", "capf"))
            # It was said, so it is so.
            self.assertNotEqual(self.fetch(service, FIRST), before)

    def test_not_taken_over_is_said(self):
        """Of a service that runs and cannot: here one that always says so."""
        self.play(lambda: control.status(snapshot={"store_change": 0, "problem": "the disk is full"}))
        facts = self.facts("cert", "regenerate", "capf")
        self.assertEqual((facts["service"]["running"], facts["service"]["taken_over"]), (True, False))
        self.assertFalse([s for s in facts["steps"] if s["step"] == "restart the TFTP service" and s["done"]])
        said = self.ctl("mode", "set", "mixed")
        self.assertIn("NOT YET taken over by the running service: the disk is full", said)
        self.assertIn("under way", said)

    def test_a_guard_hears_of_what_was_given_just_now(self):
        with Service(self.state) as service:
            boot(service, FIRST)
            self.done("cert", "regenerate", "tvs")
            self.refused(1, "cert", "regenerate", "tftp", says=FIRST)

    def test_what_a_hanging_service_gave_is_not_guessed(self):
        with Service(self.state) as service:
            self.fetch(service, FIRST)
            service.hang()
            try:
                self.refused(1, "cert", "regenerate", "capf", says="has not written down what it gave phones")
                forced = self.done("cert", "regenerate", "capf", "--force", "--yes").stdout.decode()
                self.assertIn("NOT YET taken over by the running service", forced)
            finally:
                service.signal(signal.SIGCONT)

    def test_refused_and_forced(self):
        with Service(self.state) as service:
            self.fetched(service, FIRST, SECOND)
            self.ctl("cert", "regenerate", "tvs")
            tftp = self.own("tftp")
            error = self.refused(1, "cert", "regenerate", "tftp", says=["2 phones", FIRST, SECOND, "--force"])
            self.assertTrue(error.startswith("anchorctl: "))
            self.assertEqual(self.own("tftp"), tftp)
            # Phones would lock: that is not done by a script by the way.
            self.refused(2, "cert", "regenerate", "tftp", "--force", says="--yes")
            self.assertEqual(self.own("tftp"), tftp)
            result = self.done("cert", "regenerate", "tftp", "--force", "--yes", "--json")
            locked = json.loads(result.stdout)["locked"]
            self.assertEqual((locked["count"], locked["first"]), (2, [FIRST, SECOND]))
            self.assertIn("locked by force", result.stderr.decode())
            self.assertEqual([forced for what, forced in self.audit() if "tftp" in what][0], 1)

    def test_safe_once_they_have_come(self):
        with Service(self.state) as service:
            self.fetched(service, FIRST, SECOND)
            self.ctl("cert", "regenerate", "tvs")
            self.assertEqual(self.states(FIRST, SECOND), ["behind", "behind"])
            self.fetched(service, FIRST)
            self.refused(1, "cert", "regenerate", "tftp", says=["1 phone", SECOND])
            self.fetched(service, SECOND)
            self.ctl("cert", "regenerate", "tftp")

    def test_phones_that_are_gone_are_forgotten(self):
        with Service(self.state) as service:
            self.fetched(service, FIRST)
            self.ctl("cert", "regenerate", "tvs")
            self.refused(1, "cert", "regenerate", "tftp")
            self.ctl("phone", "remove", FIRST, "--yes")
            self.assertEqual(self.facts("report", "itl")["phones"], 0)
            self.ctl("cert", "regenerate", "tftp")

    def test_wrong_command_lines(self):
        self.refused(2, "cert", "regenerate", "ccm", says="recovery")
        self.refused(2, "cert", "regenerate", "tftp", "--host", "cucm1", says="--host")
        self.refused(1, "cert", "regenerate", "tvs", "--host", "nobody", says="nobody")

    def test_asks_on_a_terminal(self):
        before = self.own("capf")
        self.answer("cert", "regenerate", "capf", says=["[y/N]", "nothing was changed"])
        self.answer("mode", "set", "mixed", says=["[y/N]", "cannot register"])
        self.answer("rollback", "prepare", says=["[y/N]", "HTTPS"])
        self.assertEqual(self.own("capf"), before)
        self.assertEqual(self.facts("mode", "show")["mode"], "nonsecure")

    def test_of_one_host_of_several(self):
        self.state = self.folder / "two"
        shutil.copytree(harness.pristine(), self.state)
        facts = self.facts("cert", "regenerate", "tvs", "--host", "cucm2")
        self.assertEqual(facts["host"], "cucm2")
        self.assertIn("bring the state to the cluster's other hosts", [s["step"] for s in facts["steps"]])


class Remove(Case):
    def test_what_a_phone_needs_stays(self):
        with Service(self.state) as service:
            self.fetched(service, FIRST)
            old = self.facts("cert", "regenerate", "tftp")["before"]["sha256"]
            self.refused(2, "cert", "remove", old, says="--yes")
            self.refused(1, "cert", "remove", old, "--yes", says=[FIRST, "--force"])
            self.facts("cert", "show", old)
            self.ctl("cert", "remove", old, "--yes", "--force")
            self.ctl("cert", "show", old, code=1)

    def test_what_nobody_needs_goes(self):
        self.add("app-ec")
        added = self.facts("cert", "list")["certificates"][-1]["sha256"]
        self.assertTrue(self.facts("cert", "remove", added, "--yes")["removed"]["sha256"] == added)


class Mode(Case):
    def test_mixed_and_back(self):
        self.assertEqual(self.facts("mode", "show"),
                         {"mode": "nonsecure", "ctl": False, "autoregistration": True, "rollback_prepared": False})
        self.refused(1, "ctl", "show", says=["no CTL", "mode set mixed"])
        self.refused(1, "ctl", "build", "--out", self.folder / "none", says="no CTL")
        with Service(self.state) as service:
            out = self.ctl("mode", "set", "mixed")
            self.assertIn("the mode is mixed: taken over by the running service", out)
            self.assertIn("CTL client", out)
            ctl = tftp_get(service.tftp[0], b"CTLFile.tlv")[0]
            with self.assertRaises(OSError):
                tftp_get(service.tftp[0], b"XMLDefault.cnf.xml")
            facts = self.facts("mode", "set", "mixed")
            self.assertEqual((facts["changed"], facts["mode"], facts["steps"]), (False, "mixed", []))
            self.assertFalse(self.facts("mode", "show")["autoregistration"])
            self.assertTrue(self.facts("mode", "set", "nonsecure")["changed"])
            self.assertNotEqual(tftp_get(service.tftp[0], b"CTLFile.tlv")[0], ctl)
        self.assertEqual(self.facts("mode", "show")["ctl"], True)
        self.refused(2, "mode", "set", "secure", says="nonsecure")

    def test_lists(self):
        self.ctl("mode", "set", "mixed")
        file = self.folder / "CTLFile.tlv"
        built = self.facts("ctl", "build", "--out", file)
        self.assertEqual(built["file_name"], "CTLFile.tlv")
        self.assertEqual([r["role"] for r in built["records"]], ["sast", "sast", "ccm+tftp", "capf"])
        shown = self.facts("ctl", "show")
        self.assertEqual(shown["sha256"], built["sha256"])
        self.assertEqual(self.facts("ctl", "show", file), shown)
        signer = self.own_certificate("tftp")
        self.assertTrue(self.facts("ctl", "verify", file, "--signer", signer)["valid"])
        other = self.own_certificate("recovery")
        self.assertFalse(self.facts("ctl", "verify", file, "--signer", other, code=1)["valid"])
        file.write_bytes(file.read_bytes()[:-1] + b"x")
        self.assertFalse(self.facts("ctl", "verify", file, code=1)["valid"])
        self.ctl("mode", "set", "nonsecure")
        records = self.facts("ctl", "show")["records"]
        self.assertEqual([(r["role"], r["certificate_size"] == 0) for r in records],
                         [("sast", False), ("sast", False), ("ccm+tftp", True), ("capf", False)])

    def test_from_files(self):
        file = self.folder / "list"
        result = run(program("anchorctl"), "ctl", "build", "--out", file, "--sast", CERTS / "tftp.crt", "--key",
                     CERTS / "tftp.key", "--role-cert", f"ccm+tftp={CERTS}/tftp.crt", "--timestamp", "1700000000", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        facts = json.loads(result.stdout)
        self.assertEqual((facts["file_name"], facts["timestamp"]), ("CTLFile.tlv", 1700000000))
        self.assertEqual(result.stderr, b"")  # no state directory, no backup to speak of
        self.assertEqual(run(program("anchorctl"), "ctl", "verify", file).returncode, 0)


class Clock(Case):
    """A command was made with the clock a year ahead. What it left is written here: a program's clock cannot be set."""

    def setUp(self):
        super().setUp()
        self.wrong = int(time.time()) + 365 * 86400
        self.sql("INSERT INTO audit (time, who, what, forced) VALUES (?, 'root', 'regenerated capf', 0)", self.wrong)
        self.sql("INSERT INTO clock (id, highest) VALUES (1, ?1) ON CONFLICT DO UPDATE SET highest = ?1", self.wrong)

    def sql(self, text, *values):
        with contextlib.closing(sqlite3.connect(self.state / "anchord.db")) as database, database:
            return database.execute(text, values).fetchall()

    def blocked(self):
        self.refused(1, "cert", "regenerate", "capf", "--yes", says=["this machine's clock says", "--clock-is-right"])
        self.refused(1, "mode", "set", "mixed", "--yes", says=["this machine's clock says", "--clock-is-right"])

    def test_it_blocks_no_longer_than_until_somebody_says_that_the_clock_is_right(self):
        self.blocked()
        self.ctl("cert", "regenerate", "capf", "--yes", "--clock-is-right")
        (said,) = self.sql("SELECT what, forced, time FROM audit WHERE what LIKE '%clock was set back%'")
        self.assertIn(time.strftime("%Y-%m-%d", time.gmtime(self.wrong)), said[0])
        self.assertEqual(said[1], 0)
        self.assertLess(said[2], self.wrong - 86400)
        # From here on as ever, and without a word.
        self.ctl("cert", "regenerate", "capf", "--yes")
        self.ctl("mode", "set", "mixed", "--yes")
        self.assertEqual(len(self.sql("SELECT 1 FROM audit WHERE what LIKE '%clock was set back%'")), 1)

    def test_force_is_a_way_out_too(self):
        self.ctl("cert", "regenerate", "capf", "--yes", "--force")
        self.assertEqual(self.sql("SELECT forced FROM audit WHERE what LIKE '%clock was set back%'"), [(1,)])
        self.ctl("cert", "regenerate", "capf", "--yes")

    def test_what_no_guard_is_asked_about_clears_nothing(self):
        self.add("app-ec")
        self.blocked()
        # What such a command leaves with the clock in 1972 is the last row.
        self.sql("INSERT INTO audit (time, who, what, forced) VALUES (70000000, 'root', 'added a certificate', 0)")
        self.blocked()


class Rollback(Case):
    def test_prepare_status_cancel(self):
        self.refused(1, "rollback", "status", says="no rollback is prepared")
        with Service(self.state) as service:
            self.fetched(service, FIRST, SECOND)
            out = self.done("rollback", "prepare")
            for words in ("taken over by the running service", "reset the phones", "revert every server"):
                self.assertIn(words, out.stdout.decode())
            self.assertIn("HTTPS services", out.stderr.decode())
            facts = self.facts("rollback", "status", code=1)
            self.assertEqual((facts["prepared"], facts["safe"], facts["taken"], facts["waiting"]), (True, False, 0, 2))
            self.assertEqual(facts["first"]["waiting"], [FIRST, SECOND])
            self.fetched(service, FIRST)
            facts = self.facts("rollback", "status", code=1)
            self.assertEqual((facts["taken"], facts["waiting"], facts["first"]["waiting"]), (1, 1, [SECOND]))
            self.assertIn(SECOND, self.ctl("rollback", "status", code=1))
            self.assertEqual(self.facts("status")["rollback"],
                             {"prepared": True, "safe": False, "taken": 1, "waiting": 1})
            self.fetched(service, SECOND)
            self.assertIn("safe to go on", self.ctl("rollback", "status"))
            self.assertEqual(self.facts("rollback", "status")["safe"], True)
            self.assertFalse(self.facts("rollback", "prepare")["changed"])
            self.assertTrue(self.facts("rollback", "cancel")["changed"])
            self.assertEqual(self.states(FIRST), ["behind"])
        self.refused(1, "rollback", "status", says="no rollback is prepared")

    def test_of_nobody_it_is_not_known(self):
        self.ctl("rollback", "prepare")
        facts = self.facts("rollback", "status", code=1)
        self.assertEqual((facts["safe"], facts["judged"], facts["hosts"]), (False, 0, 1))
        self.assertIn("no phone is known here", facts["reasons"][0])
        self.assertIn("NOT safe to go on: no phone is known here", self.ctl("rollback", "status", code=1))
        self.assertFalse(self.facts("status")["rollback"]["safe"])

    def test_who_is_switched_off_is_not_forgotten(self):
        self.ctl("phone", "add", THIRD, "--certificate", CERTS / "tftp.crt")
        self.ctl("phone", "add", FIRST, "--model", "7960")  # checks nothing, takes no list
        said = self.done("rollback", "prepare").stderr.decode()
        self.assertIn("1 phone with a certificate", said)
        shutil.copy(CERTS / "capf.crt", self.state / "devices" / f"{SECOND}.pem")
        facts = self.facts("rollback", "status", code=1)
        self.assertEqual((facts["never_heard"], facts["without_list"], facts["in_the_clear"]), (3, 0, 2))
        self.assertEqual(facts["first"]["never_heard"], [FIRST, SECOND, THIRD])
        self.ctl("phone", "remove", THIRD, "--yes")
        self.assertEqual(self.facts("rollback", "status", code=1)["first"]["never_heard"], [FIRST, SECOND])
        (self.state / "devices" / f"{SECOND}.pem").unlink()
        # What is said of its model is no evidence; what it does when it boots is.
        self.assertEqual(self.facts("rollback", "status", code=1)["first"]["never_heard"], [FIRST])
        (self.state / "provisioning" / f"{FIRST}.cnf.xml").write_text("<device/>")
        with Service(self.state) as service:
            tftp_get(service.tftp[0], f"{FIRST}.cnf.xml".encode())
            wait_for(lambda: harness.rollback_status(self.state).returncode == 0, "it took no list, and a file without a signature")
        self.assertEqual(self.facts("rollback", "status")["without_list"], 1)

    def test_what_was_seen_comes_before_what_is_said_of_the_model(self):
        self.ctl("phone", "add", FIRST, "--model", "7960")
        with Service(self.state) as service:
            self.fetched(service, FIRST)
        self.ctl("rollback", "prepare")
        self.assertEqual(self.facts("rollback", "status", code=1)["first"]["waiting"], [FIRST])

    def test_refused_in_mixed_mode(self):
        self.ctl("mode", "set", "mixed")
        self.refused(1, "rollback", "prepare", says=["mixed", "CTL"])

    def test_refused_when_somebody_could_not_take_it(self):
        with Service(self.state) as service:
            self.fetched(service, FIRST)
            self.ctl("cert", "regenerate", "tftp")
            self.refused(1, "rollback", "prepare", says=["1 phone", FIRST, "--force"])
            self.refused(2, "rollback", "prepare", "--force", says="--yes")


class Phones(Case):
    def test_of_the_ledger(self):
        with Service(self.state) as service:
            self.fetched(service, FIRST)
            self.ctl("phone", "add", SECOND, "--model", "8861")
            first, second = self.facts("phone", "list")["phones"]
            self.assertEqual((first["name"], first["provisioned"], first["model"]), (FIRST, False, "8861"))
            itl = first["itl"]
            self.assertEqual((itl["file"], itl["protocol"], itl["address"], itl["state"]),
                             ("ITLFile.tlv", "tftp", "127.0.0.1", "accepted"))
            self.assertRegex(itl["version"], "^[0-9a-f]{16}$")
            self.assertEqual((second["provisioned"], second["itl"]), (True, None))
            self.assertEqual(self.facts("phone", "show", FIRST), first)
            self.assertIn("known from the ledger only", self.ctl("phone", "show", FIRST))
            self.assertIn("never heard of", self.ctl("phone", "show", SECOND))
            self.assertRegex(self.ctl("phone", "list"), rf"{FIRST} .* no +accepted +- +\d{{4}}.*Z +127\.0\.0\.1\n")

    def test_version_is_the_etag(self):
        with Service(self.state) as service:
            host, port = service.http[0]
            with urllib.request.urlopen(f"http://{host}:{port}/ITL{FIRST}.tlv") as answer:
                answer.read()
                tag = answer.headers["ETag"].strip('"')
            wait_for(lambda: self.states(FIRST) == ["given"], "the ledger knows")
            itl = self.facts("phone", "show", FIRST)["itl"]
            self.assertEqual((itl["version"], itl["protocol"]), (tag, "http"))

    def test_removed_ones_count_no_more(self):
        with Service(self.state) as service:
            self.fetched(service, FIRST, SECOND)
            self.ctl("phone", "add", SECOND)
            self.refused(1, "phone", "remove", THIRD, FIRST, "--yes", says=THIRD)
            self.assertEqual(self.facts("phone", "remove", FIRST, SECOND, "--yes"), {"removed": [FIRST, SECOND]})
            self.assertEqual(self.facts("report", "itl")["phones"], 0)
            self.assertIn("removed", self.ctl("phone", "show", FIRST))
            self.refused(1, "phone", "show", THIRD, says=THIRD)


class Reports(Case):
    def test_itl(self):
        empty = self.facts("report", "itl")
        self.assertEqual((empty["phones"], empty["accepted"], empty["lists"], empty["ctl"]), (0, 0, [], None))
        with Service(self.state) as service:
            self.fetched(service, FIRST, SECOND)
            self.ctl("cert", "regenerate", "capf")
            self.fetched(service, SECOND, THIRD)
            facts = self.facts("report", "itl")
            self.assertEqual([facts[k] for k in ("phones", "accepted", "behind", "given", "unknown", "none")],
                             [3, 2, 1, 0, 0, 0])
            self.assertEqual(facts["first"]["behind"], [FIRST])
            newest, older = facts["lists"]
            self.assertEqual((newest["current"], newest["phones"], newest["first"]), (True, 2, [SECOND, THIRD]))
            self.assertEqual((older["current"], older["phones"], older["empty"]), (False, 1, False))
            self.assertIn("cucm1", newest["signer"])
            text = self.ctl("report", "itl")
            self.assertRegex(text, rf"behind +1: {FIRST}\n")
            status = self.facts("status")["phones"]
            self.assertEqual((status["known"], status["accepted"], status["behind"]), (3, 2, 1))
            self.assertRegex(self.ctl("status"), rf"behind +1: {FIRST}\n")
            # In a cluster with a CTL, both.
            self.ctl("mode", "set", "mixed")
            self.assertTrue(boot(service, FIRST))
            wait_for(lambda: self.facts("report", "itl")["ctl"]["accepted"] == 1, "the CTL is in the ledger")

    def test_what_is_not_kept_is_unknown(self):
        with Service(self.state) as service:
            self.fetched(service, FIRST)
        database = sqlite3.connect(self.state / "anchord.db")
        database.execute("UPDATE ledger SET itl_may = '00000000000000ff'")
        database.commit()
        database.close()
        self.assertEqual(self.facts("report", "itl")["unknown"], 1)
        self.assertEqual(self.states(FIRST), ["unknown"])
        self.refused(1, "cert", "regenerate", "tftp", says=[FIRST, "phone remove", "--force"])

    def test_what_was_given_is_not_known_to_be_accepted(self):
        with Service(self.state) as service:
            self.fetched(service, FIRST)
            self.ctl("cert", "regenerate", "tftp")
            boot(service, FIRST, tvs=False)
            wait_for(lambda: self.states(FIRST) == ["given"], "the ledger knows")
            self.assertEqual(len(self.facts("phone", "show", FIRST)["itl"]["may_hold"]), 2)
            self.assertIn("a whole boot shows", self.ctl("report", "itl"))
            self.assertIn("given, not known to be accepted", self.ctl("phone", "show", FIRST))
            self.refused(1, "cert", "regenerate", "tvs", says=[FIRST, "would lock 1 phone"])
            self.fetched(service, FIRST)
            self.ctl("cert", "regenerate", "tvs")

    def test_expiry(self):
        times = iter((b"200101000000Z", b"210101000000Z"))
        old = re.sub(rb"\d{12}Z", lambda _: next(times), harness.der("app-ec"))
        self.add(old)
        self.ctl("phone", "add", FIRST, "--certificate", CERTS / "phone.crt")
        shutil.copy(CERTS / "capf.crt", self.state / "devices" / f"{SECOND}.pem")
        shutil.copy(CERTS / "tvs.crt", self.state / "devices" / f"{FIRST}.pem")  # the command's word counts
        listed = self.facts("report", "expiry")["certificates"]
        self.assertEqual((listed[0]["level"], listed[0]["kind"], listed[0]["name"]), ("expired", "known", "app-server"))
        self.assertEqual([c["not_after"] for c in listed], sorted(c["not_after"] for c in listed))
        self.assertEqual(sorted(c["name"] for c in listed if c["kind"] == "own"),
                         ["capf", "recovery", "tftp", "tftp-ec", "tvs of cucm1"])
        self.assertEqual(sorted((c["name"], c["subject"]) for c in listed if c["kind"] == "phone"),
                         [(FIRST, "CN=CP-8861-SEP001122334455;O=Example Corp;C=US"),
                          (SECOND, "CN=CAPF-1a2b3c4d;OU=Voice;O=Example Corp;L=San Jose;ST=California;C=US")])
        self.assertEqual({c["level"] for c in listed if c["kind"] == "own"}, {"ok"})
        self.assertRegex(self.ctl("report", "expiry"), r"\nexpired +expired +2021-01-01")
        self.assertEqual(len([w for w in self.facts("status")["warnings"] if "1 added certificate has expired" in w]), 1)

    def test_what_is_said_of_expired_ones(self):
        times = iter((b"200101000000Z", b"210101000000Z"))
        file = self.folder / "old.der"
        file.write_bytes(re.sub(rb"\d{12}Z", lambda _: next(times), harness.der("app-ec")))
        self.assertNotIn("--refuse-expired", self.ctl("report", "expiry"))
        self.add(file.read_bytes())
        for flags, told, code, answer in (((), False, 0, "valid"), (("--refuse-expired",), True, 1, "unknown")):
            with Service(self.state, *flags) as service:
                facts = self.facts("report", "expiry")
                self.assertEqual(facts["refuse_expired"], told)
                self.assertEqual(service.status()["refuse_expired"], told)
                line = f"1 added certificate has expired; phones that ask are told that it is {answer}"
                self.assertIn(line, self.ctl("report", "expiry"))
                self.assertIn(line, " ".join(self.facts("status")["warnings"]))
                asked = run(program("anchorctl"), "tvs", "verify", file, "--host", "127.0.0.1:%d" % service.tvs[0][1],
                            "--tvs-cert", self.own_certificate("tvs"))
                self.assertEqual(asked.returncode, code, asked.stderr)
                # The cluster's own and former ones, and what has not ended, are answered as ever.
                asked = run(program("anchorctl"), "tvs", "verify", self.own_certificate("tftp"), "--host",
                            "127.0.0.1:%d" % service.tvs[0][1], "--tvs-cert", self.own_certificate("tvs"))
                self.assertEqual(asked.returncode, 0, asked.stderr)
                self.assertRegex(service.log(), rf"EXPIRED: the certificate .* that it is {answer}")
        self.assertEqual(self.facts("report", "expiry")["refuse_expired"], None)
        self.assertIn("unless anchord runs with --refuse-expired", self.ctl("report", "expiry"))

    def test_features(self):
        source = json.loads((pathlib.Path(__file__).parents[2] / "data/phone-models.json").read_text())
        facts = json.loads(run(program("anchorctl"), "report", "features", "--json").stdout)
        self.assertEqual([m["model"] for m in facts["models"]], [m["model"] for m in source["models"]])
        self.assertEqual(facts["models"][0]["phones"], None)  # no cluster, no count
        self.ctl("phone", "add", FIRST, SECOND, "--model", "8861")
        self.ctl("phone", "add", THIRD, "--model", "1234")
        (model,) = self.facts("report", "features", "--model", "CP-8861")["models"]
        self.assertEqual((model["model"], model["security_by_default"], model["phones"]), ("8861", "yes", 2))
        self.assertTrue(all(model["source"]))
        self.assertEqual(self.facts("report", "features")["others"], [{"model": "1234", "phones": 1}])
        for asked, found in (("7941G", "7941"), ("7941g-ge", "7941G-GE"), ("8851NR", "8851NR"), ("7960", "7960")):
            self.assertEqual(self.facts("report", "features", "--model", asked)["models"][0]["model"], found)
        for asked in ("99999", "88611", "x"):
            self.refused(1, "report", "features", "--model", asked, says=asked)
        self.assertIn("Unified CM Phone Feature List", self.ctl("report", "features"))


class Starting(Case):
    """A service that does not serve yet, or makes many files anew, played by a socket that says so."""

    def setUp(self):
        self.says = control.answer("starting", what="signing 2048 of 4900 files")
        super().setUp()
        self.play(lambda: self.says)

    def test_status(self):
        result = run(program("anchorctl"), "--state", self.state, "status")
        self.assertEqual(result.returncode, 1)
        self.assertIn("\nservice: starting: signing 2048 of 4900 files\n", result.stdout.decode())
        self.assertIn("the service is starting, and phones get no answers yet: signing 2048 of 4900 files\n",
                      result.stdout.decode())
        service = self.facts("status")["service"]
        self.assertEqual((service["running"], service["starting"]), (False, "signing 2048 of 4900 files"))

    def test_later(self):
        for done, shown in ((2048, "service: running, signing 2048 of 4900 files\n"), (4900, "service: running\n")):
            self.says = control.status(provisioning={"making": {"done": done, "of": 4900}})
            self.assertIn("\n" + shown, self.ctl("status"))

    def test_others(self):
        says = "it is starting: signing 2048 of 4900 files"
        self.refused(1, "confirm", says=says)
        self.refused(1, "set", "digest", "sha1", says=says)
        self.assertIn(f"NOT YET taken over by the running service: {says}",
                      self.ctl("set", "digest", "sha1", "--force", "--yes"))


class Digest(Case):
    def test_shown_and_set(self):
        self.assertEqual(self.facts("set")["digest"], "sha512")
        self.assertEqual(self.ctl("set", "digest"), "sha512\n")
        self.assertRegex(self.ctl("set"), r"\ndigest +sha512 +sha1\|sha512 +")
        facts = self.facts("set", "digest", "sha1")
        self.assertEqual((facts["digest"], facts["changed"], facts["service"]["running"]), ("sha1", True, False))
        self.assertIn((False, "reset the phones"), [(s["done"], s["step"]) for s in facts["steps"]])
        self.assertEqual(self.audit()[0], ("set the digest to sha1", 0))
        self.assertIn("already: nothing was changed", self.ctl("set", "digest", "sha1"))
        self.assertEqual(self.facts("itl", "show")["signer_version"], "1.0")
        self.assertEqual(self.ctl("set", "digest"), "sha1\n")
        self.refused(2, "set", "digest", "sha256", says=["no digest 'sha256'", "sha1, sha512"])
        self.refused(2, "set", "colour", says="colour")
        self.answer("set", "digest", "sha512", says=["SHA-1 only", "Go on?", "nothing was changed"])

    def test_phones_that_do_not_know_it_are_named(self):
        self.ctl("set", "digest", "sha1")
        self.ctl("phone", "add", FIRST, "--model", "CP-7965G")
        self.ctl("phone", "add", SECOND, "--model", "8861")
        self.ctl("phone", "add", THIRD, "--model", "7940")  # checks no signature
        error = self.refused(1, "set", "digest", "sha512", says=["1 phone", FIRST, "CP-7965G", "report features", "--force"])
        self.assertNotIn(SECOND, error)
        self.assertNotIn(THIRD, error)
        self.refused(2, "set", "digest", "sha512", "--force", says="needs --yes")
        self.ctl("set", "digest", "sha512", "--force", "--yes")
        self.assertRegex(self.audit()[0][0], rf"^set the digest to sha512; .*{FIRST}")
        self.assertEqual(self.audit()[0][1], 1)
        (model,) = self.facts("report", "features", "--model", "7965")["models"]
        self.assertEqual(model["sha512"], "no")

    def test_a_model_that_nobody_knows_counts_as_one_that_does_not(self):
        self.ctl("set", "digest", "sha1")
        said = run(program("anchorctl"), "--state", self.state, "phone", "add", FIRST, "--model", "8816").stderr.decode()
        self.assertRegex(said, r"warning: nothing is known of a model '8816' \(near it are 8811, 8861, .*SHA-1 only")
        self.refused(1, "set", "digest", "sha512", says=["1 phone", FIRST, "(8816)", "phone add", "--model", "--force"])
        self.ctl("phone", "add", FIRST, "--model", "8861")
        self.ctl("phone", "add", SECOND)
        self.refused(1, "set", "digest", "sha512", says=["1 phone", SECOND, "not said"])
        self.ctl("phone", "add", SECOND, "--model", "7940")  # checks no signature
        self.ctl("set", "digest", "sha512")

    def test_chosen_at_the_start(self):
        state = self.folder / "chosen"
        base = (program("anchorctl"), "--state", state, "init", "--name", "n", "--host", "h")
        for wrong in ("sha256", "SHA1", ""):
            result = run(*base, "--digest", wrong)
            self.assertEqual((result.returncode, result.stderr.count(b"\n"), state.exists()), (2, 1, False))
        self.assertEqual(run(*base, "--digest", "sha1").returncode, 0)
        self.assertEqual(run(program("anchorctl"), "--state", state, "set", "digest").stdout, b"sha1\n")


class Backup(Case):
    def test_every_command_says_that_there_is_none(self):
        self.assertIn(BACKUP_WARNING.replace("anchorctl: warning:", "  -"), self.ctl("status"))
        for line in ("cert list", "phone list", "report itl", "mode show", "cert regenerate capf",
                     f"cert add {CERTS}/app-ec.crt --role app-server", "itl show", "report features"):
            self.assertTrue(self.done(*line.split()).stderr.decode().endswith(BACKUP_WARNING), line)
        self.assertEqual(self.facts("status")["backup"], {"last": None, "holds_tftp_key": False})
        self.assertIn(BACKUP_WARNING.strip().removeprefix("anchorctl: warning: "), self.facts("status")["warnings"])
        made = run(program("anchorctl"), "--state", self.folder / "new", "init", "--name", "n", "--host", "h")
        self.assertEqual(made.stderr.decode(), BACKUP_WARNING)
        # A failure stays one line.
        self.refused(1, "cert", "show", "00000000")

    def test_until_the_key_changes(self):
        secret = self.folder / "secret"
        secret.write_text("correct horse battery staple\n")
        made = self.done("backup", "create", self.folder / "b", "--passphrase-file", secret)
        self.assertEqual(made.stderr, b"")
        self.assertFalse([w for w in self.facts("status")["warnings"] if "backup" in w])
        self.assertTrue(self.facts("status")["backup"]["holds_tftp_key"])
        self.ctl("cert", "regenerate", "capf")
        self.assertFalse([w for w in self.facts("status")["warnings"] if "backup" in w])
        self.assertEqual(self.done("cert", "regenerate", "tftp").stderr.decode(), BACKUP_WARNING)
        self.assertTrue([w for w in self.facts("status")["warnings"] if "backup" in w])


if __name__ == "__main__":
    harness.main()
