"""What phones were given is in the ledger, or known to be missing: after kills, with a full disk, when the store is
held, and with one service only on each state directory."""

import hashlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import unittest

import harness
import network
from harness import Service, ask_once, der, run, tftp_get, verify_request, wait_for

PHONE = "SEP001122334455"
OTHER = "SEP00112233AAAA"


class Case(harness.Case):
    def show(self, phone=PHONE):
        return self.facts("phone", "show", phone)

    def rows(self, query):
        with sqlite3.connect(f"file:{self.state}/anchord.db?mode=ro", uri=True) as db:
            return db.execute(query).fetchall()

    def change(self, statement):
        with sqlite3.connect(self.state / "anchord.db") as db:
            db.execute(statement)

    def devices(self):
        return {name for name, in self.rows("SELECT device FROM ledger")}

    def gaps(self):
        return self.rows("SELECT began, ended, why FROM ledger_gaps ORDER BY id")

    def status(self):
        """Whatever the exit code: there is no backup, which is a warning."""
        return run(harness.program("anchorctl"), "--state", self.state, "status", "--json")

    def runs(self):
        return json.loads(self.status().stdout)["service"]["running"]

    def given(self, service, phone=PHONE):
        return tftp_get(service.tftp[0], f"ITL{phone}.tlv".encode())

    def heard_of(self, service, phone=PHONE):
        wait_for(lambda: phone in self.devices(), f"{phone} is in the ledger")


class Kill(Case):
    def test_what_a_phone_was_given_a_moment_before(self):
        """The phone has its answers, and the service is killed at once: time and again, at other moments."""
        phones = [f"SEP0000000000{i:02d}" for i in range(12)]
        for phone in phones:
            with Service(self.state) as service:
                self.given(service, phone)
                self.assertTrue(ask_once(service.tvs[0], verify_request(der("app-ec"), device=f"CP-8861-{phone}")))
                service.kill()
        with Service(self.state) as service:
            for phone in phones:
                wait_for(lambda: phone in self.devices(), f"{phone} is in the ledger")
                shown = self.show(phone)
                self.assertEqual(shown["itl"]["file"], "ITLFile.tlv")
            self.assertIn("left in the journal", service.log())
            self.assertTrue(service.status()["ledger"]["problem"] == "")
        self.assertEqual(self.gaps(), [])

    def test_killed_again_before_it_was_written(self):
        with Service(self.state) as service:
            self.given(service)
            service.kill()
        for _ in range(3):
            with Service(self.state) as service:
                service.kill()
        with Service(self.state) as service:
            self.heard_of(service)
        self.assertEqual(self.gaps(), [])

    def test_a_list_whose_name_does_not_say_who_asks(self):
        """It is the only phone's of that address, which the service that was killed knew."""
        (self.state / "provisioning" / f"{PHONE}.cnf.xml").write_text("<device/>")
        with Service(self.state) as service:
            tftp_get(service.tftp[0], f"{PHONE}.cnf.xml.sgn".encode())
            self.heard_of(service)
            tftp_get(service.tftp[0], b"ITLFile.tlv")
            service.kill()
        with Service(self.state):
            wait_for(lambda: self.show()["itl"], "the list is noted")

    def test_questions_are_not_counted_twice(self):
        with Service(self.state) as service:
            ask_once(service.tvs[0], verify_request(der("app-ec"), device=PHONE))
            self.heard_of(service)
            for _ in range(3):
                ask_once(service.tvs[0], verify_request(der("app-ec"), device=PHONE))
            service.kill()
        with Service(self.state) as service:
            pass
        self.assertLessEqual(self.show()["questions"], 4)
        self.assertGreaterEqual(self.show()["questions"], 1)

    def test_a_change_waits_until_the_journal_was_taken_over(self):
        with Service(self.state) as service:
            self.given(service)
            with sqlite3.connect(self.state / "anchord.db", isolation_level=None) as db:
                db.execute("BEGIN IMMEDIATE")  # nothing more is written
                self.given(service, OTHER)
                service.kill()
        self.refused(1, "cert", "regenerate", "capf", "--hosts-agree", says=["killed before it had written down", "start it"])
        with Service(self.state) as service:
            pass
        self.ctl("cert", "regenerate", "capf", "--hosts-agree")
        self.assertEqual(self.devices(), {PHONE, OTHER})

    def test_the_machine_stopped(self):
        """As far as the service can tell: the session's boot was another."""
        with Service(self.state) as service:
            self.given(service)
            self.heard_of(service)
            wait_for(lambda: self.rows("SELECT started FROM ledger_session"), "the session is noted")
            service.kill()
        (began, written), = self.rows("SELECT started, written FROM ledger_session")
        self.assertGreaterEqual(written, began)
        for journal in (self.state / "journal").iterdir():
            self.other_boot(journal)
        self.refused(1, "cert", "regenerate", "capf", "--hosts-agree", says="the machine stopped")
        with Service(self.state) as service:
            gap, = wait_for(self.gaps, "the gap is noted")
            self.assertEqual((gap[0], gap[2]), (written, "the machine stopped while the service ran"))
            self.assertIn("the machine stopped", service.log())
        with Service(self.state):
            pass
        self.assertEqual(len(self.gaps()), 1)

    @staticmethod
    def other_boot(journal):
        content = bytearray(journal.read_bytes())
        content[64:100] = b"0" * 36
        end = 32 + 32 + 40 + 64 + 8
        content[end:end + 32] = hashlib.sha256(content[:end]).digest()
        journal.write_bytes(content)

    def test_a_damaged_journal(self):
        with Service(self.state) as service:
            self.given(service)
            service.kill()
        for journal in (self.state / "journal").iterdir():
            journal.write_bytes(os.urandom(journal.stat().st_size))
        self.refused(1, "cert", "regenerate", "capf", "--hosts-agree", says="journal")
        with Service(self.state) as service:
            wait_for(self.gaps, "the gap is noted")
            self.assertIn("cannot be used, and is made anew", service.log())
            self.given(service)
            self.heard_of(service)
        self.assertEqual(len(self.gaps()), 1)

    def test_after_a_clean_end_nothing_is_missing(self):
        with Service(self.state) as service:
            self.given(service)
        self.assertEqual(self.rows("SELECT clean FROM ledger_session"), [(1,)])
        shutil.rmtree(self.state / "journal")
        self.ctl("cert", "regenerate", "capf", "--hosts-agree")
        with Service(self.state):
            pass
        self.assertEqual(self.gaps(), [])


class End(Case):
    def test_a_store_that_is_held_for_a_while(self):
        with Service(self.state) as service:
            with sqlite3.connect(self.state / "anchord.db", isolation_level=None) as db:
                db.execute("BEGIN IMMEDIATE")
                self.given(service)
                service.signal(signal.SIGTERM)
                wait_for(lambda: "the end waits for the ledger" in service.log(), "it says why it waits")
                db.execute("ROLLBACK")
            self.assertEqual(service.wait(), 0)
        self.assertEqual(self.devices(), {PHONE})

    def test_a_store_that_is_held_for_good(self):
        service = Service(self.state)
        with service:
            with sqlite3.connect(self.state / "anchord.db", isolation_level=None) as db:
                db.execute("BEGIN IMMEDIATE")
                self.given(service)
                service.signal(signal.SIGTERM)
                self.assertEqual(service.wait(), 1)
                db.execute("ROLLBACK")
            self.assertIn("ended without having written down all that phones were given", service.log())
            service.process.returncode = -signal.SIGKILL  # its exit code is looked at above
        self.assertEqual(self.devices(), set())
        with Service(self.state) as service:
            self.heard_of(service)
        self.assertEqual(self.gaps(), [])


class FullDisk(Case):
    """On a file system of its own, in a mount namespace of its own."""

    def setUp(self):
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        try:
            network.own_mounts()
        except OSError as e:
            self.skipTest(f"nothing can be mounted here: {e}")
        mounted = run("mount", "-t", "tmpfs", "-o", "size=64m,mode=0700", "anchord-test", self.disk)
        self.assertEqual(mounted.returncode, 0, mounted.stderr.decode())
        self.addCleanup(run, "umount", self.disk)
        shutil.copytree(self.state, self.disk / "state")
        self.state = self.disk / "state"

    def fill(self):
        with open(self.disk / "ballast", "wb", buffering=0) as out:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        out.write(b"x" * size)
                except OSError:
                    pass

    def test_the_end(self):
        service = Service(self.state, "--shards", "1", "--max-unknown-devices", "0")
        with service:
            self.fill()
            phones = [f"SEP00000000{i:04d}" for i in range(400)]  # more than fits into what the database has left
            for phone in phones:
                self.given(service, phone)
            wait_for(lambda: "the ledger cannot be written" in service.log(), "it says that the disk is full")
            service.signal(signal.SIGTERM)
            self.assertEqual(service.wait(), 1)
            self.assertIn("ended without having written down all that phones were given", service.log())
            service.process.returncode = -signal.SIGKILL
        (self.disk / "ballast").unlink()
        with Service(self.state, "--shards", "1") as service:
            wait_for(lambda: {*phones} <= self.devices(), "all of them are in the ledger")
        self.assertEqual(self.gaps(), [])

    def test_the_start(self):
        (self.disk / "room").write_bytes(bytes(4 << 20))
        self.fill()
        (self.disk / "room").unlink()  # enough for all but the journal
        result = run(harness.program("anchord"), "--state", self.state, "--listen", "127.0.0.1", "--tftp-port", "auto",
                     "--tvs-port", "0", "--http-port", "0", "--https-port", "0")
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot allocate", result.stderr.decode())
        (self.disk / "ballast").unlink()
        with Service(self.state, "--shards", "1"):
            pass


class OneService(Case):
    def anchord(self):
        return run(harness.program("anchord"), "--state", self.state, "--listen", "127.0.0.1", "--tftp-port", "auto",
                   "--tvs-port", "auto", "--http-port", "auto", "--https-port", "auto")

    def test_a_second_one_is_refused(self):
        with Service(self.state) as service:
            for _ in range(2):
                second = self.anchord()
                self.assertEqual((second.returncode, second.stdout), (1, b""))
                lines = second.stderr.decode().splitlines()
                self.assertEqual(len(lines), 1, lines)
                self.assertIn(f"another anchord (pid {service.process.pid}) serves from", lines[0])
                (self.state / "control.sock").unlink(missing_ok=True)
            service.kill()
        with Service(self.state):  # the lock ended with it
            pass

    def test_its_socket_is_made_anew(self):
        path = self.state / "control.sock"
        with Service(self.state) as service:
            path.unlink()
            wait_for(path.is_socket, "the socket is there again")
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
            self.assertTrue(self.runs())
            # Another one in its place is none.
            path.unlink()
            with socket.socket(socket.AF_UNIX) as other:
                other.bind(str(path))
            wait_for(lambda: self.runs(), "it answers")
            # What somebody put there is his.
            path.unlink()
            path.mkdir()
            wait_for(lambda: "the control socket is gone" in service.log(), "it says that it cannot")
            path.rmdir()
            wait_for(path.is_socket, "the socket is there again")
            self.assertEqual(service.log().count("the control socket is gone"), 1)
        self.assertFalse(path.exists())

    def test_without_its_socket_it_is_not_taken_for_none(self):
        with Service(self.state) as service:
            self.given(service)
            service.hang()
            (self.state / "control.sock").unlink()
            pid = service.process.pid
            try:
                said = f"a service is running (pid {pid}) but its control socket is gone: restart it"
                self.refused(1, "cert", "regenerate", "capf", "--hosts-agree", says=said)
                self.assertIn(said, self.status().stdout.decode())
                self.assertFalse(self.runs())
            finally:
                service.signal(signal.SIGCONT)
            wait_for(lambda: self.runs(), "it answers again")
            self.ctl("cert", "regenerate", "capf", "--hosts-agree")


if __name__ == "__main__":
    unittest.main()
