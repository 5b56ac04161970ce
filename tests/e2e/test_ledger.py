"""Which phone was given what: what real clients fetch and ask is in the ledger, behind a restart too."""

import json
import os
import signal
import sqlite3

import harness
from harness import Service, ask_once, client, run, tftp_get, verify_request, wait_for

PHONE = "SEP001122334455"
OTHER = "SEP00112233AAAA"


class Ledger(harness.Case):
    def setUp(self):
        super().setUp()
        folder = self.state / "provisioning"
        for phone in (PHONE, OTHER):
            (folder / f"{phone}.cnf.xml").write_text("<device/>")
        (folder / "XMLDefault.cnf.xml").write_text("<Default/>")
        (folder / "Ringlist.xml").write_text("<a/>")

    def show(self, phone=PHONE, code=0):
        text = self.ctl("phone", "show", phone, "--json", code=code)
        return json.loads(text) if text else None

    def devices(self):
        with sqlite3.connect(f"file:{self.state}/anchord.db?mode=ro", uri=True) as db:
            return {name for name, in db.execute("SELECT device FROM ledger")}

    def wait_for_ledger(self, phone, condition, what):
        return wait_for(lambda: phone in self.devices() and (s := self.show(phone)) and condition(s) and s, what)

    def curl(self, service, name, *args):
        result = run(client("curl"), "-sS", "-o", os.devnull, *args, f"http://127.0.0.1:{service.http[0][1]}/{name}")
        self.assertEqual(result.returncode, 0, result.stderr)

    def tftp(self, service, name):
        host, port = service.tftp[0]
        result = run(client("tftp"), "-m", "binary", host, str(port), "-c", "get", name, cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_what_is_fetched_and_asked_is_noted(self):
        with Service(self.state) as service:
            self.tftp(service, f"ITL{PHONE}.tlv")
            self.curl(service, f"{PHONE}.cnf.xml.sgn")
            self.curl(service, "Ringlist.xml")
            self.assertTrue(ask_once(service.tvs[0], verify_request(harness.der("app-ec"), device=f"CP-8861-{PHONE}")))
            seen = self.wait_for_ledger(
                PHONE, lambda s: s["itl"] and s["configuration"] and s["questions"], "all three are noted")
            self.assertEqual((seen["itl"]["file"], seen["itl"]["protocol"], seen["itl"]["address"]),
                             ("ITLFile.tlv", "tftp", "127.0.0.1"))
            self.assertEqual(seen["itl"]["state"], "accepted")
            self.assertEqual((seen["configuration"]["file"], seen["configuration"]["protocol"]),
                             (f"{PHONE}.cnf.xml.sgn", "http"))
            self.assertEqual((seen["ctl"], seen["questions"], seen["model"]), (None, 1, "8861"))
            self.assertEqual(self.devices(), {PHONE})
            # The store has it a moment before the service says so.
            wait_for(lambda: service.status()["ledger"]["devices"] == 1, "it is counted")
            status = service.status()["ledger"]
            self.assertEqual((status["devices"], status["pending"], status["dropped"], status["problem"]), (1, 0, 0, ""))
            self.assertGreater(status["last_written"], 1_700_000_000)

    def test_what_does_not_say_who_asks_is_the_only_phones_of_that_address(self):
        with Service(self.state) as service:
            self.curl(service, "ITLFile.tlv")
            self.assertEqual(service.status()["devices"]["known"], 0)
            self.curl(service, f"{PHONE}.cnf.xml.sgn")
            wait_for(lambda: service.status()["devices"]["known"] == 1, "the phone is known")
            self.curl(service, "ITLFile.tlv")
            self.curl(service, "XMLDefault.cnf.xml")
            self.wait_for_ledger(
                PHONE, lambda s: s["itl"] and s["configuration"]["file"] == "XMLDefault.cnf.xml", "it took both")
            # With two behind one address nobody can tell which: each may hold it from then on.
            self.curl(service, f"{OTHER}.cnf.xml.sgn")
            wait_for(lambda: service.status()["devices"]["known"] == 2, "the other one is known")
            self.curl(service, "ITLFile.tlv")
        itl = self.show(OTHER)["itl"]
        self.assertEqual((itl["state"], len(itl["may_hold"]), "file" in itl), ("given", 2, False))
        self.assertEqual(self.show(OTHER)["configuration"]["file"], f"{OTHER}.cnf.xml.sgn")

    def test_a_drain_writes_what_is_pending(self):
        with Service(self.state) as service:
            for i in range(50):
                tftp_get(service.tftp[0], f"ITLSEP0000000000{i:02d}.tlv".encode())
            service.signal(signal.SIGTERM)
            self.assertEqual(service.wait(), 0)
        self.assertEqual(len(self.devices()), 50)

    def test_what_was_written_outlives_a_kill(self):
        with Service(self.state) as service:
            tftp_get(service.tftp[0], f"ITL{PHONE}.tlv".encode())
            wait_for(lambda: PHONE in self.devices(), "it is noted")
            for i in range(500):
                tftp_get(service.tftp[0], f"ITLSEP0000000000{i % 100:02d}.tlv".encode())
            service.kill()
            with sqlite3.connect(f"file:{self.state}/anchord.db?mode=ro", uri=True) as db:
                self.assertEqual(db.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            self.assertEqual(self.show()["itl"]["state"], "given")
        with Service(self.state) as service:
            tftp_get(service.tftp[0], f"ITL{OTHER}.tlv".encode())
            wait_for(lambda: OTHER in self.devices(), "the ledger goes on")

    def test_the_status_says_how_the_cluster_stands(self):
        with Service(self.state) as service:
            tftp_get(service.tftp[0], f"ITL{PHONE}.tlv".encode())
            status = wait_for(lambda: (s := service.status())["devices"]["known"] == 1 and s, "the phone is known")
            self.assertEqual((status["mode"], status["rollback"]), ("nonsecure", False))
            self.assertEqual(status["backup"], {"last": None, "holds_tftp_key": False, "problem": ""})
            self.assertIn("no backup holds the present TFTP key", service.log())
            ends = [certificate["not_after"] for certificate in status["expiry"]]
            self.assertEqual((len(ends), ends), (6, sorted(ends)))
            self.assertTrue(all(c["own"] and c["days_left"] > 1800 for c in status["expiry"]), status["expiry"])
            self.assertTrue(status["expiry"][-1]["certificate"].startswith("the recovery certificate "))
            # One that never asked has no last question.
            seen, = status["devices"]["recent"]
            self.assertEqual((seen["questions"], seen["last_asked"], seen["last_question"], seen["last_answer"]),
                             (0, None, None, None))

    def test_a_store_that_cannot_be_written_stops_the_ledger_alone(self):
        with Service(self.state) as service:
            with sqlite3.connect(self.state / "anchord.db", isolation_level=None) as db:
                db.execute("BEGIN IMMEDIATE")  # nobody else writes
                tftp_get(service.tftp[0], f"ITL{PHONE}.tlv".encode())
                status = wait_for(lambda: (s := service.status()["ledger"])["problem"] and s, "it cannot be written")
                self.assertEqual(status["pending"], 1)
                self.assertIn("the ledger cannot be written", service.log())
                tftp_get(service.tftp[0], f"ITL{PHONE}.tlv".encode())
                db.execute("ROLLBACK")
            wait_for(lambda: PHONE in self.devices(), "it is written after all")
            wait_for(lambda: service.status()["ledger"]["problem"] == "", "there is no problem any more")


if __name__ == "__main__":
    harness.main()
