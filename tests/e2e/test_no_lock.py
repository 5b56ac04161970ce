"""No change that an administrator makes locks a phone: what phones were seen to lock by, each with the real programs.
Phones say what became of them, never the ledger."""

import contextlib
import hashlib
import os
import shutil
import socket
import ssl

import harness
import test_procedures
from harness import BOUND, CERTS, Service, client, program, run, tftp_get

FEW = 10
PHONE = "SEP001122000000"  # anchorload's number 0
AT = "127.16.0.1"          # and where it is


class Case(test_procedures.Case):
    @contextlib.contextmanager
    def changed(self):
        """A phone that has not come for the present list yet, and must before the next change."""
        with Service(self.state) as service:
            self.all_fine(service, 1)
            self.ctl("cert", "regenerate", "tvs")
            yield service
            # It goes on as if it had the list.
            self.curl(service, "XMLDefault.cnf.xml.sgn", source=AT)
            with contextlib.suppress(AssertionError):
                self.curl(service, f"{PHONE}.cnf.xml.sgn", source=AT)
            self.refused("cert", "regenerate", "tftp")
            self.is_believed()
            self.all_fine(service, 1)
            self.ctl("cert", "regenerate", "tftp")
            self.all_fine(service, 1)

    def is_believed(self):
        """Where what each phone holds is looked at, that it is."""

    def refused(self, *args):
        """A change that would lock somebody."""
        error = self.refusal(*args)
        self.assertNotIn("no phone", error)
        return error

    def curl(self, service, name, source="127.0.0.1"):
        result = run(client("curl"), "-sS", "-f", "-o", os.devnull, "--interface", source,
                     f"http://127.0.0.1:{service.http[0][1]}/{name}")
        self.assertEqual(result.returncode, 0, result.stderr)

    def ends(self, ends, fine=0, degraded=0, locked=0):
        self.assertEqual((ends["fine"], ends["degraded"], ends["locked"]), (fine, degraded, locked), ends)


class Unreachable(Case):
    """They fetched the new list, could not ask about its signer, and kept the old one."""

    def test_while_the_verification_service_is_blocked(self):
        with Service(self.state) as service:
            self.all_fine(service, FEW)
            self.ctl("cert", "regenerate", "tftp")
            self.ends(self.boot(service, FEW, faults=("--unreachable", "tvs"))["phones"], degraded=FEW)
            self.assertIn(str(FEW), self.refused("cert", "regenerate", "tvs"))
            # Delivered is not accepted. Soon each is given a list of its own besides, which tells.
            said = self.facts("report", "itl")
            self.assertEqual((said["accepted"], said["given"] + said["behind"]), (0, FEW), said)
            self.assertTrue([w for w in self.facts("status", code=1)["warnings"] if w.startswith(f"{FEW} phones: ")])
            self.all_fine(service, FEW)
            self.ctl("cert", "regenerate", "tvs")
            self.all_fine(service, FEW)
            self.ctl("cert", "regenerate", "tftp")
            self.all_fine(service, FEW)


class Delivered(Case):
    """What was sent is not what has arrived. The list's signer stays, so that a phone that has the list takes it."""

    def test_tftp_whose_last_block_is_not_acknowledged(self):
        with self.changed() as service:
            whole = len(tftp_get(service.tftp[0], b"ITLFile.tlv")[0])
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.addCleanup(s.close)
            s.bind((AT, 0))
            s.settimeout(BOUND)
            s.sendto(f"\0\1ITL{PHONE}.tlv\0octet\0".encode(), service.tftp[0])
            expected, received = 1, 0
            while received < whole:
                packet, peer = s.recvfrom(600)
                if packet[:2] != b"\0\3" or int.from_bytes(packet[2:4], "big") != expected:
                    continue
                expected += 1
                received += len(packet) - 4
                if received < whole:
                    s.sendto(b"\0\4" + packet[2:4], peer)
            # Another read from the same port, as by who has got all of the first.
            s.sendto(b"\0\1XMLDefault.cnf.xml.sgn\0octet\0", service.tftp[0])
            while True:
                packet, other = s.recvfrom(600)
                if other != peer:
                    break
            s.sendto(b"\0\4" + packet[2:4], other)


class Attackers(Case):
    """A name in a request is anybody's claim."""

    def test_a_list_that_somebody_else_fetched(self):
        with Service(self.state) as service:
            self.all_fine(service, 1)
            self.ctl("cert", "regenerate", "tvs")
            self.curl(service, f"ITL{PHONE}.tlv")
            tftp_get(service.tftp[0], f"ITL{PHONE}.tlv".encode())
            self.refused("cert", "regenerate", "tftp")
            self.all_fine(service, 1)
            self.ctl("cert", "regenerate", "tftp")
            self.all_fine(service, 1)

    def test_invented_names(self):
        """They push out no phone that there is, and hold up no change."""
        count = 2000 if harness.SLOW else 20000
        with Service(self.state) as service:
            self.all_fine(service, FEW)
            self.ctl("cert", "regenerate", "tvs")
            args = ["http", "--host", "127.0.0.1", "--port", service.http[0][1], "--count", count, "--connections", 64, "--one-address",
                    "--file", "ITLSEP{AA0000000000..AA00000FFFFF}.tlv"]
            result = run(program("anchorload"), *args, timeout=10 * BOUND)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            error = self.refused("cert", "regenerate", "tftp")
            self.assertIn(PHONE, error)
            self.all_fine(service, FEW)
            self.ctl("cert", "regenerate", "tftp")
            self.all_fine(service, FEW)


    def whole_boot_from_elsewhere(self, service):
        """Somebody else has a phone that holds nothing boot in the first one's name."""
        ends = self.boot(service, 1, trust=self.folder / "stranger", faults=("--one-address", "--timeout", BOUND))["phones"]
        self.ends(ends, fine=1)

    def test_a_whole_boot_from_elsewhere(self):
        """What it releases is what an administrator has set."""
        with Service(self.state) as service:
            self.all_fine(service, 1)
            self.ctl("set", "evidence", "strict")
            self.ctl("cert", "regenerate", "tvs")
            self.whole_boot_from_elsewhere(service)
            self.refused("cert", "regenerate", "tftp")
            phones = self.facts("report", "evidence")["phones"]
            self.assertEqual((phones["at_their_address"], phones["first"]["at_another"]), (0, [PHONE]))
            # The phone's own clears it.
            self.all_fine(service, 1)
            self.ctl("cert", "regenerate", "tftp")
            self.all_fine(service, 1)
            # As it is without the setting.
            self.ctl("set", "evidence", "ordinary")
            self.ctl("cert", "regenerate", "tvs")
            shutil.rmtree(self.folder / "stranger")
            self.whole_boot_from_elsewhere(service)
            self.ctl("cert", "regenerate", "tftp")
            self.ends(self.boot(service, 1, code=1)["phones"], locked=1)

    def test_no_boot_counts_but_an_administrators_word(self):
        with Service(self.state) as service:
            self.ctl("set", "evidence", "nothing")
            self.all_fine(service, 1)
            self.ctl("cert", "regenerate", "tvs")
            self.all_fine(service, 1)
            self.refused("cert", "regenerate", "tftp")
            (settled,) = self.facts("phone", "settle", PHONE, "--yes")["phones"]
            self.assertEqual((settled["name"], settled["address"], settled["ctl"]), (PHONE, AT, None))
            self.ctl("cert", "regenerate", "tftp")
            self.all_fine(service, 1)

    def test_the_setting_is_seen_and_outlives_the_service(self):
        self.assertEqual(self.facts("report", "evidence")["evidence"], "ordinary")
        with Service(self.state):
            self.assertIn("evidence is strict", self.ctl("set", "evidence", "strict"))
            self.assertIn("strict already", self.ctl("set", "evidence", "strict"))
        with Service(self.state):
            self.assertEqual(self.facts("set", "evidence"), {"evidence": "strict"})
            self.assertEqual(self.facts("status", code=1)["evidence"], "strict")
            said = self.ctl("report", "evidence")
            self.assertIn("same NAT", said)
            self.assertIn("see 'anchorctl report evidence'", self.ctl("report", "itl"))
        error = run(program("anchorctl"), "--state", self.state, "set", "evidence", "none")
        self.assertEqual((error.returncode, error.stderr.count(b"\n")), (2, 1))
        self.assertIn(b"ordinary, strict, nothing", error.stderr)


class Forgotten(Case):
    """What is not known of a phone is not that it holds nothing."""

    def test_a_phone_that_was_removed_and_is_seen_again(self):
        with Service(self.state) as service:
            self.all_fine(service, 1)
            self.ctl("cert", "regenerate", "tvs")
            run(program("anchorctl"), "--state", self.state, "phone", "remove", PHONE, "--yes")
            self.curl(service, "XMLDefault.cnf.xml.sgn", source=AT)
            self.ends(self.boot(service, 1, faults=("--off-at", 100, "--seed", 1))["phones"])
            self.refused("cert", "regenerate", "tftp")
            self.all_fine(service, 1)
            self.ctl("cert", "regenerate", "tftp")
            self.all_fine(service, 1)


class RollbackStatus(Case):
    def setUp(self):
        super().setUp()
        self.ctl("rollback", "prepare")

    def safe(self):
        return harness.rollback_status(self.state).returncode == 0

    def unsafe_until_it_boots(self, service):
        """Not as long as one has not, and by itself from then on."""
        self.assertFalse(self.safe())
        said = harness.rollback_status(self.state)
        self.assertIn(PHONE, (said.stdout + said.stderr).decode())
        self.all_fine(service, 1)
        harness.wait_for(self.safe, "it is safe to go on")

    def test_who_has_a_file_only(self):
        with Service(self.state) as service:
            self.all_fine(service, 3, first=1)
            harness.wait_for(self.safe, "it is safe to go on")
            (self.state / "provisioning" / f"{PHONE}.cnf.xml").write_text("<device/>")
            harness.wait_for(lambda: service.status()["provisioning"]["files"] == 2, "the file is in service")
            self.unsafe_until_it_boots(service)

    def test_who_is_entered_only(self):
        self.ctl("phone", "add", PHONE)
        with Service(self.state) as service:
            self.all_fine(service, 3, first=1)
            self.unsafe_until_it_boots(service)

    def test_who_has_a_certificate_in_the_folder_only(self):
        shutil.copy(CERTS / "capf.crt", self.state / "devices" / f"{PHONE}.pem")
        with Service(self.state) as service:
            self.all_fine(service, 3, first=1)
            self.unsafe_until_it_boots(service)

    def test_who_holds_what_it_held(self):
        self.ctl("rollback", "cancel")
        with Service(self.state) as service:
            self.all_fine(service, 4)
            self.ctl("rollback", "prepare")
            self.all_fine(service, 3, first=1)
            self.ends(self.boot(service, 1, faults=("--cut", 100, "--protocol", "http", "--timeout", 0.5))["phones"],
                      degraded=1)
            self.unsafe_until_it_boots(service)


class SharedAddress(Case):
    """Phones behind one address (NAT): what they ask for by their names is theirs, the rest may be any one's."""

    HOW = {"faults": ("--one-address", "--timeout", BOUND)}

    def safe(self):
        return harness.rollback_status(self.state).returncode == 0

    def test_a_rollback_clears_by_itself(self):
        with Service(self.state) as service:
            self.all_fine(service, FEW, **self.HOW)
            self.ctl("rollback", "prepare")
            self.all_fine(service, FEW - 1, first=1, **self.HOW)
            facts = lambda: self.facts("rollback", "status", code=1)
            harness.wait_for(lambda: facts()["taken"] == FEW - 1, "all but one hold the empty list")
            self.assertEqual((facts()["waiting"], facts()["first"]["waiting"]), (1, [PHONE]))
            self.all_fine(service, 1, **self.HOW)
            harness.wait_for(self.safe, "it is safe to go on")

    def test_a_list_without_a_name_may_be_any_ones(self):
        with Service(self.state) as service:
            self.all_fine(service, 2, **self.HOW)
            self.ctl("rollback", "prepare")
            self.all_fine(service, 2, **self.HOW)
            harness.wait_for(self.safe, "it is safe to go on")
            self.ctl("rollback", "cancel")
            # One of them takes the full list again, and does not say which.
            self.curl(service, "ITLFile.tlv")
            self.ctl("rollback", "prepare")
            self.assertEqual(self.facts("rollback", "status", code=1)["waiting"], 2)
            self.all_fine(service, 2, **self.HOW)
            harness.wait_for(self.safe, "it is safe to go on")

    def test_it_is_known_after_a_restart_who_was_there(self):
        with Service(self.state) as service:
            self.all_fine(service, 2, **self.HOW)
            self.ctl("rollback", "prepare")
            self.all_fine(service, 2, **self.HOW)
            harness.wait_for(self.safe, "it is safe to go on")
            self.ctl("rollback", "cancel")
        with Service(self.state) as service:
            self.curl(service, "ITLFile.tlv")
            self.ctl("rollback", "prepare")
            self.assertEqual(self.facts("rollback", "status", code=1)["waiting"], 2)


class OnTheirWay(Case):
    """Phones that are to move to another cluster ask their own about its signer, for as long as they are not there."""

    def setUp(self):
        super().setUp()
        self.other = self.cluster("beta")
        self.bundle = self.folder / "beta.pem"
        self.at(self.other, "cert", "bundle", "export", self.bundle)
        self.at(self.state, "cert", "bundle", "import", self.bundle)
        self.signer = self.folder / "signer.pem"
        self.signer.write_bytes(self.at(self.other, "cert", "export", "tftp").stdout)
        self.hash = hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.signer.read_text())).hexdigest()
        self.assertIn(self.hash, self.ctl("cert", "list", "--json"))

    def moves(self, alpha, beta):
        self.all_fine(beta, FEW, tvs=[*alpha.tvs, *beta.tvs])

    def test_their_signer_is_removed(self):
        with Service(self.state) as alpha, Service(self.other) as beta:
            self.all_fine(alpha, FEW)
            self.refused("cert", "remove", self.hash, "--yes")
            self.moves(alpha, beta)

    def test_its_role_is_replaced(self):
        with Service(self.state) as alpha, Service(self.other) as beta:
            self.all_fine(alpha, FEW)
            self.refused("cert", "add", self.signer, "--role", "app-server")
            self.ctl("cert", "add", self.signer, "--role", "sast,tftp")  # as it is
            self.moves(alpha, beta)

    def test_its_role_is_replaced_by_a_bundle(self):
        with Service(self.state) as alpha, Service(self.other) as beta:
            self.all_fine(alpha, FEW)
            self.refused("cert", "bundle", "import", self.bundle, "--role", "app-server")
            self.ctl("cert", "bundle", "import", self.bundle)  # as it is
            self.moves(alpha, beta)

    def test_nobody_is_on_the_way(self):
        self.ctl("cert", "remove", self.hash, "--yes")


if __name__ == "__main__":
    harness.main()
