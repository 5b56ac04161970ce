"""Each procedure of the vendor's document, with the real programs and phones that boot over real
sockets; some are switched off meanwhile and come back."""

import json
import shutil

import beliefs
import harness
from harness import BOUND, SLOW, Service, program, run, wait_for

PHONES = 120 if SLOW else 1000
MOVED = 60 if SLOW else 500


class Case(harness.Case):
    """A cluster of one host: when its TVS certificate is replaced there is no other to vouch."""

    def setUp(self):
        super().setUp()
        self.state = self.cluster("alpha")
        self.phones = self.folder / "phones"

    def cluster(self, name, *how):
        state = self.folder / name
        made = run(program("anchorctl"), "--state", state, "init", "--name", name, "--host", f"{name}1=127.0.0.1", *how)
        self.assertEqual(made.returncode, 0, made.stderr.decode())
        (state / "provisioning" / "XMLDefault.cnf.xml").write_text("<Default><x>1</x></Default>\n")
        return state

    def served_itl(self, service):
        file = self.folder / "ITLFile.tlv"
        file.write_bytes(harness.tftp_get(service.tftp[0], b"ITLFile.tlv")[0])
        return file

    def adopted(self, name, itl):
        """Another cluster that goes on with this one's keys and list."""
        signers = []
        for service in ("tftp", "recovery"):
            keys = (k for k in (self.state / "keys").glob(f"{service}-*.key") if not k.name.startswith("tftp-ec"))
            key = max(keys, key=lambda k: k.stat().st_mtime_ns)  # former ones may lie there still
            pem = self.folder / f"{service}.pem"
            pem.write_text(self.ctl("cert", "export", service) + key.read_text())
            signers += ["--sast", pem]
        return self.cluster(name, "--adopt", *signers, "--itl", itl)

    def at(self, state, *args, code=0):
        result = harness.run_guarded(state, args)
        self.assertEqual(result.returncode, code, result.stdout.decode() + result.stderr.decode())
        return result

    def facts(self, *args, code=0):
        return json.loads(self.ctl(*args, "--json", code=code))

    def refusal(self, *args):
        error = run(program("anchorctl"), "--state", self.state, *args)
        self.assertEqual(error.returncode, 1, error.stdout.decode())
        self.assertEqual(error.stderr.count(b"\n"), 1, error.stderr.decode())
        return error.stderr.decode()

    def boot(self, service, count=PHONES, first=0, tvs=None, code=0, trust=None, faults=()):
        """Phones number first to first + count - 1 boot; what became of them."""
        args = ["boot", "--host", "127.0.0.1", "--phones", count, "--from", first, "--json",
                "--trust", trust or self.phones, "--tftp-port", service.tftp[0][1],
                "--http-port", service.http[0][1], *(faults or ("--timeout", BOUND))]
        for host, port in tvs or service.tvs:
            args += ["--tvs", f"{host}:{port}"]
        result = run(program("anchorload"), *args)
        self.assertEqual(result.returncode, code, result.stdout.decode() + result.stderr.decode())
        return json.loads(result.stdout)

    def all_fine(self, service, count=PHONES, first=0, **how):
        ends = self.boot(service, count, first, **how)["phones"]
        self.assertEqual((ends["fine"], ends["degraded"], ends["locked"]), (count, 0, 0), ends)

    def is_believed(self, state=None):
        """Judged by phones, not by the ledger: whatever list each holds, it is believed that it may."""
        state = state or self.state
        ledger = self.folder / "ledger"
        ledger.unlink(missing_ok=True)
        self.at(state, "ledger", "export", ledger)
        for phone, kind, held, may, believed in beliefs.judge(state, ledger, self.phones):
            self.assertTrue(believed, (phone, kind, held, may))


class Regenerate(Case):
    def test_capf(self):
        with Service(self.state) as service:
            self.all_fine(service)
            said = self.ctl("cert", "regenerate", "capf")
            self.assertIn("CAPF", said)
            self.assertIn("eset the phones", said)
            self.all_fine(service)

    def test_tvs_then_tftp(self):
        self.anchors("tvs", "tftp")

    def test_tftp_then_tvs(self):
        self.anchors("tftp", "tvs")

    def test_recovery_then_tftp(self):
        with Service(self.state) as service:
            self.all_fine(service)
            self.ctl("cert", "regenerate", "recovery")
            # Phones still ask the same TVS: nothing to wait for.
            self.ctl("cert", "regenerate", "tftp")
            self.all_fine(service)

    def anchors(self, one, other):
        """Two trust anchors, a fifth of the phones switched off in between."""
        off = PHONES // 5
        with Service(self.state) as service:
            self.all_fine(service)
            self.ctl("cert", "regenerate", one)
            self.all_fine(service, PHONES - off)
            error = self.refusal("cert", "regenerate", other)
            self.assertIn(str(off), error)
            self.assertIn("SEP", error)
            self.all_fine(service, off, first=PHONES - off)  # they come back
            self.ctl("cert", "regenerate", other)
            self.all_fine(service, PHONES - off)
            self.all_fine(service)

    def test_force_locks_as_was_said(self):
        count = 20
        with Service(self.state) as service:
            self.all_fine(service, count)
            self.ctl("cert", "regenerate", "tvs")
            self.refusal("cert", "regenerate", "tftp")
            self.ctl("cert", "regenerate", "tftp", "--force", "--yes")
            ends = self.boot(service, count, code=1)["phones"]
            self.assertEqual(ends["locked"], count)


class Mode(Case):
    def test_mixed_and_back(self):
        off = PHONES // 5
        with Service(self.state) as service:
            self.all_fine(service)
            self.ctl("mode", "set", "mixed")
            (self.state / "provisioning" / "XMLDefault.cnf.xml").touch()
            # Without autoregistration phones need files of their own.
            for i in range(PHONES):
                (self.state / "provisioning" / f"SEP{0x001122000000 + i:012X}.cnf.xml").write_text("<device><a/></device>")
            # Each plain and signed twice, in service and not only made.
            wait_for(lambda: service.status()["snapshot"]["files"] > 3 * PHONES, "files of all phones are served")
            self.all_fine(service, PHONES - off)
            # The CTL's signer changes too, and those with a CTL check the ITL against it.
            self.ctl("cert", "regenerate", "tftp")
            self.all_fine(service)
            self.ctl("mode", "set", "nonsecure")
            self.all_fine(service, PHONES - off)
            self.all_fine(service)
        ctl = json.loads(self.ctl("ctl", "show", "--json"))
        self.assertTrue(ctl)

    def test_rollback_is_refused(self):
        self.ctl("mode", "set", "mixed")
        self.assertIn("mixed", self.refusal("rollback", "prepare"))


class Rollback(Case):
    def test_prepare_and_cancel(self):
        off = PHONES // 5
        with Service(self.state) as service:
            self.all_fine(service)
            self.ctl("rollback", "prepare")
            self.all_fine(service, PHONES - off)
            wait_for(lambda: self.facts("rollback", "status", code=1)["taken"] == PHONES - off, "phones with the empty list")
            # They come back, and then it is safe to go on.
            self.all_fine(service, off, first=PHONES - off)
            wait_for(lambda: harness.rollback_status(self.state).returncode == 0, "all phones with the empty list")
            self.ctl("rollback", "cancel")
            self.all_fine(service, PHONES - off)
            self.all_fine(service)

    def test_cancel_before_all_have_taken_it(self):
        off = PHONES // 5
        with Service(self.state) as service:
            self.all_fine(service)
            self.ctl("rollback", "prepare")
            self.all_fine(service, PHONES - off)
            self.ctl("rollback", "cancel")
            self.all_fine(service)

    def test_who_cannot_take_it_is_named(self):
        count = 20
        with Service(self.state) as service:
            self.all_fine(service, count)
            self.ctl("cert", "regenerate", "tftp")
            # Their list names another signer, and TVS would vouch for nobody.
            self.assertIn(str(count), self.refusal("rollback", "prepare"))
            self.all_fine(service, count)
            self.ctl("rollback", "prepare")


class Restore(Case):
    def test_a_lost_server(self):
        secret = self.folder / "passphrase"
        secret.write_text("correct horse battery\n")
        backup = self.folder / "cluster.backup"
        with Service(self.state) as service:
            self.all_fine(service)
            before = harness.tftp_get(service.tftp[0], b"ITLFile.tlv")[0]
            self.ctl("backup", "create", backup, "--passphrase-file", secret)
        shutil.rmtree(self.state)
        self.ctl("backup", "restore", backup, "--passphrase-file", secret)
        with Service(self.state) as service:
            self.assertEqual(harness.tftp_get(service.tftp[0], b"ITLFile.tlv")[0], before)
            self.all_fine(service)

    def test_an_older_backup_that_would_lock(self):
        count = 20
        secret = self.folder / "passphrase"
        secret.write_text("correct horse battery\n")
        backup = self.folder / "cluster.backup"
        self.ctl("backup", "create", backup, "--passphrase-file", secret)
        with Service(self.state) as service:
            self.all_fine(service, count)
            for anchor in ("tvs", "tftp"):
                self.ctl("cert", "regenerate", anchor)
                self.all_fine(service, count)
        error = self.refusal("backup", "restore", backup, "--passphrase-file", secret, "--yes")
        self.assertIn(str(count), error)


class Upgrade(Case):
    def test_keys_and_list_are_adopted(self):
        with Service(self.state) as service:
            self.all_fine(service)
            held = self.served_itl(service)
        self.state = self.adopted("beta", held)
        with Service(self.state) as service:
            self.all_fine(service)


class Move(Case):
    def test_there_and_back(self):
        other = self.cluster("beta")
        for source, target in ((self.state, other), (other, self.state)):
            bundle = self.folder / f"{source.name}.pem"
            self.at(source, "cert", "bundle", "export", bundle)
            self.at(target, "cert", "bundle", "import", bundle)
        with Service(self.state) as alpha, Service(other) as beta:
            self.all_fine(alpha, MOVED)
            # The list that they hold names alpha's TVS alone: that is who vouches for beta's.
            self.all_fine(beta, MOVED, tvs=[*alpha.tvs, *beta.tvs])
            self.all_fine(beta, MOVED)
            self.all_fine(alpha, MOVED, tvs=[*alpha.tvs, *beta.tvs])
            self.all_fine(alpha, MOVED)

    def test_without_the_bundle_they_lock(self):
        count = 20
        other = self.cluster("beta")
        with Service(self.state) as alpha, Service(other) as beta:
            self.all_fine(alpha, count)
            ends = self.boot(beta, count, tvs=[*alpha.tvs, *beta.tvs], code=1)["phones"]
            self.assertEqual(ends["locked"], count)


if __name__ == "__main__":
    harness.main()
