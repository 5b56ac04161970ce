"""Each procedure of the vendor's document among many phones for which much goes wrong: services that do not answer,
transfers that are cut, phones that switch off in the middle of a boot, and one in ten that is off all the time. No phone
locks, a change that would lock one is refused, and undisturbed boots alone bring it about that it is accepted: nothing
is forced, no phone is removed. Again and again what phones really hold is compared with what the ledger believes.

ANCHORD_PHONES says of how many phones."""

import os
import shutil
import sqlite3

import test_procedures
from harness import BOUND, SLOW, Service, main, program, rollback_status, run, run_guarded, wait_for

PHONES = int(os.environ.get("ANCHORD_PHONES", 60 if SLOW else 100))
# So many boots of everybody, with nothing wrong, are what any change may have to wait for.
MOST_BOOTS = 4
FAULTS = ("--unreachable", "tvs:30", "--unreachable", "http:10", "--unreachable", "tftp:5", "--cut", 5, "--off-at", 20,
          "--timeout", 1, "--connections", min(PHONES * 9 // 10, 256))  # more at once, and this machine is the fault
TVS, TFTP = ("cert", "regenerate", "tvs"), ("cert", "regenerate", "tftp")
PASSPHRASE = "correct horse battery\n"


class Case(test_procedures.Case):
    def setUp(self):
        super().setUp()
        self.seed = 0

    def everybody(self, service, **how):
        """Few at once, however slow the machine: a boot that takes half a minute is not taken for one."""
        self.all_fine(service, PHONES, faults=("--timeout", BOUND, "--connections", 16), **how)

    def storm(self, service, **how):
        """All boot but for those that are off. What became of them is theirs to say."""
        self.seed += 1
        ends = self.boot(service, PHONES * 9 // 10, faults=(*FAULTS, "--seed", self.seed), **how)["phones"]
        self.assertEqual(ends["locked"], 0, ends)
        faults = ends["faults"]
        for hit in (ends["off"], sum(faults["unreachable"].values()), sum(faults["cut"].values())):
            self.assertGreater(hit, 0, ends)

    def nobody_waits_for_a_list(self, state):
        """All phones whose boots do not tell what they hold, if there are any, have a list of their own that they were
        not given before: what they may hold already they have nothing to ask about."""
        with sqlite3.connect(f"file:{state}/anchord.db?mode=ro", uri=True) as db:
            (count,), = db.execute("""
                SELECT count(*) FROM ledger WHERE removed = 0 AND itl_given <> 0 AND itl_acted_ms <> 0
                AND NOT EXISTS (SELECT 1 FROM recovery_lists WHERE name = 'ITL' || device || '.tlv'
                                AND version <> itl_given)""").fetchall()
        return count == 0

    def is_served(self, service):
        """What is stored now; the ledger is no part of it, lists that phones have of their own are."""
        with sqlite3.connect(f"file:{self.state}/anchord.db?mode=ro", uri=True) as db:
            (stored,), = db.execute("SELECT change_counter FROM cluster").fetchall()
        return service.status()["snapshot"]["store_change"] >= stored

    def refuses(self, service, *change):
        """Why the change is not made; empty when it is."""
        done = run_guarded(service.state, change)
        self.assertIn(done.returncode, (0, 1), done.stderr.decode())
        return done.stderr.decode() if done.returncode else ""

    def clears(self, service, *change, accepted=None, **how):
        """By boots alone, until the change is made."""
        why = ""
        for _ in range(MOST_BOOTS):
            self.everybody(service, **how)
            self.is_believed(service.state)  # this waits for the ledger, as changes do
            if accepted() if accepted else not (why := self.refuses(service, *change)):
                return
            wait_for(lambda: self.nobody_waits_for_a_list(service.state), f"lists of their own are made, as {why}")
            wait_for(lambda: self.is_served(service), "lists of their own are served")
        self.fail(f"after {MOST_BOOTS} boots of everybody: {why}")

    def all_hold(self, itl):
        content = itl.read_bytes()
        return all((phone / "ITLFile.tlv").read_bytes() == content for phone in self.phones.iterdir())

    def change(self, service, *change):
        """It is accepted at once, and phones come for it as they can."""
        self.assertEqual(self.refuses(service, *change), "")
        self.storm(service)

    def change_when_clear(self, service, *change):
        """It would lock those that did not take the change before, so that it is refused until all have."""
        self.assertRegex(self.refuses(service, *change), "(would|might) lock")
        self.is_believed(service.state)
        self.clears(service, *change)
        self.storm(service)

    def files_of_their_own(self, service):
        """Without autoregistration phones need them."""
        for i in range(PHONES):
            (self.state / "provisioning" / f"SEP{0x001122000000 + i:012X}.cnf.xml").write_text("<device><a/></device>")
        # Each plain and signed twice.
        wait_for(lambda: service.status()["snapshot"]["files"] > 3 * PHONES, "files of all phones are served")

    def secret(self):
        file = self.folder / "passphrase"
        file.write_text(PASSPHRASE)
        return "--passphrase-file", file


class Regenerate(Case):
    def test_tvs_then_tftp_then_tvs(self):
        with Service(self.state) as service:
            self.everybody(service)
            self.change(service, *TVS)
            self.change_when_clear(service, *TFTP)
            self.change_when_clear(service, *TVS)
            self.everybody(service)

    def test_those_that_phones_need_not_have(self):
        """Nobody has to wait for anything before these, nor after them."""
        with Service(self.state) as service:
            self.everybody(service)
            for other in ("capf", "tftp-ec", "recovery"):
                self.change(service, "cert", "regenerate", other)
            self.change(service, *TFTP)
            self.change_when_clear(service, *TVS)
            self.everybody(service)


class Mode(Case):
    def test_mixed_and_back(self):
        with Service(self.state) as service:
            self.everybody(service)
            self.files_of_their_own(service)
            self.change(service, "mode", "set", "mixed")
            self.change(service, *TFTP)
            self.change_when_clear(service, *TVS)
            self.clears(service, "mode", "set", "nonsecure")
            self.storm(service)
            self.clears(service, *TFTP)
            self.everybody(service)


class Rollback(Case):
    def is_safe(self):
        return rollback_status(self.state).returncode == 0

    def test_prepare_and_cancel(self):
        with Service(self.state) as service:
            self.everybody(service)
            self.change(service, *TFTP)
            self.change_when_clear(service, "rollback", "prepare")
            self.assertFalse(self.is_safe())
            self.clears(service, accepted=self.is_safe)
            self.change(service, "rollback", "cancel")
            self.clears(service, *TVS)
            self.everybody(service)

    def test_cancel_before_all_have_taken_it(self):
        with Service(self.state) as service:
            self.everybody(service)
            self.change(service, "rollback", "prepare")
            self.change(service, "rollback", "cancel")
            self.clears(service, *TFTP)
            self.everybody(service)


class Restore(Case):
    def test_a_lost_server(self):
        backup = self.folder / "cluster.backup"
        with Service(self.state) as service:
            self.everybody(service)
            self.change(service, *TFTP)
            self.ctl("backup", "create", backup, *self.secret())
        shutil.rmtree(self.state)
        self.ctl("backup", "restore", backup, *self.secret())
        with Service(self.state) as service:
            self.storm(service)
            self.change_when_clear(service, *TVS)
            self.everybody(service)


class Upgrade(Case):
    def test_adoption(self):
        with Service(self.state) as service:
            self.everybody(service)
            self.change(service, *TFTP)
            held = self.served_itl(service)
            # The list that is adopted is what phones hold, and not one of their own that settled what they do.
            wait_for(lambda: self.everybody(service) or self.all_hold(held), "all hold the cluster's list")
        # Not a word of what phones hold is brought along.
        self.state = self.adopted("beta", held)
        with Service(self.state) as service:
            self.storm(service)
            self.change(service, *TVS)
            self.change_when_clear(service, *TFTP)
            self.everybody(service)


class Move(Case):
    def test_there_and_back(self):
        other = self.cluster("beta")
        for source, target in ((self.state, other), (other, self.state)):
            bundle = self.folder / f"{source.name}.pem"
            self.at(source, "cert", "bundle", "export", bundle)
            self.at(target, "cert", "bundle", "import", bundle)
        with Service(self.state) as alpha, Service(other) as beta:
            # The list that they hold names the other's TVS alone.
            both = [*alpha.tvs, *beta.tvs]
            self.everybody(alpha)
            self.storm(beta, tvs=both)
            self.clears(beta, *TVS, tvs=both)
            self.storm(beta, tvs=both)
            self.clears(beta, *TFTP, tvs=both)
            self.clears(beta, accepted=lambda: True)


if __name__ == "__main__":
    main()
