"""Lists that phones have for themselves, and files that are broken, while the cluster changes under them: what is
served locks nobody. Judged by phones that boot over real sockets."""

import harness
from harness import Service, wait_for
from test_procedures import Case

PHONE = "SEP001122000000"
OWN = f"ITL{PHONE}.tlv"


class Served(Case):
    def setUp(self):
        super().setUp()
        self.files = self.state / "provisioning"

    def own_list(self):
        """The cluster's list of now, for the one phone alone."""
        made = self.folder / "own.tlv"
        self.ctl("itl", "build", "--out", made)
        (self.files / OWN).write_bytes(made.read_bytes())
        return made.read_bytes()

    def served(self, service, name):
        try:
            return harness.tftp_get(service.tftp[0], name.encode())[0]
        except OSError as e:
            self.assertIn("error 1", str(e))
            return None

    def former(self, service):
        """Regenerates it; what `cert remove` knows the former certificate by."""
        return self.facts("cert", "regenerate", service)["before"]["sha256"]

    def change(self, *what):
        """By force: what the guards say of it is another question."""
        self.ctl("cert", *what, "--force", "--yes")


class OwnList(Served):
    def test_a_stale_one_is_not_handed_to_a_phone_that_never_booted(self):
        own = self.own_list()
        with Service(self.state) as service:
            self.assertEqual(self.served(service, OWN), own)
            self.change("regenerate", "tftp")
            self.change("regenerate", "tvs")
            self.assertEqual(self.served(service, OWN), self.served(service, "ITLFile.tlv"))
            self.all_fine(service, 2)
            self.all_fine(service, 2)
            warned = f"'provisioning/{OWN}' is not served: it would lock"
            self.assertTrue([w for w in self.facts("status")["warnings"] if w.startswith(warned)])
        # Nor after a restart; and made anew it is served.
        with Service(self.state) as service:
            self.assertEqual(self.served(service, OWN), self.served(service, "ITLFile.tlv"))
            self.all_fine(service, 2, trust=self.folder / "others")
            own = self.own_list()
            wait_for(lambda: self.served(service, OWN) == own, "the new list is served")
            self.all_fine(service, 2)

    def test_one_by_a_former_signer_is_served_while_it_is_vouched_for(self):
        own = self.folder / "own.tlv"
        self.ctl("itl", "build", "--out", own)
        with Service(self.state) as service:
            former = self.former("tftp")
            # It comes after its signer has gone from the lists: phones ask, and take it.
            (self.files / OWN).write_bytes(own.read_bytes())
            wait_for(lambda: self.served(service, OWN) == own.read_bytes(), "it is served")
            self.assertEqual(service.status()["provisioning"]["problems"], [])
        with Service(self.state) as service:
            self.assertEqual(self.served(service, OWN), own.read_bytes())
            self.all_fine(service, 2)
            # Its phone may hold it: its signer stays.
            refusal = self.refusal("cert", "remove", former, "--yes")
            self.assertIn("could lock 1 phone (SEP001122000000)", refusal)
            # A reset would fetch it again.
            self.assertIn("they are served lists of their own, and a reset fetches those again: make them anew", refusal)
            # By force it goes, and the list that it signed with it: who has not taken it is spared.
            self.ctl("cert", "remove", former, "--force", "--yes")
            self.assertNotEqual(self.served(service, OWN), own.read_bytes())
            self.all_fine(service, 1, trust=self.folder / "others")

    # A list that the service made is dropped by a change: it is no reason to think a phone safe.
    def test_a_change_is_judged_without_the_lists_that_it_drops(self):
        with Service(self.state) as service:
            self.all_fine(service, 2)
            wait_for(lambda: self.facts("report", "itl")["accepted"] == 2, "the ledger knows")
            self.ctl("cert", "regenerate", "tftp")
            self.ctl("phone", "recover", "--behind")
            wait_for(lambda: service.status()["own_lists"]["served"] == 2, "their lists are served")
            self.refusal("cert", "regenerate", "tvs")
            self.all_fine(service, 2)
            wait_for(lambda: self.facts("report", "itl")["accepted"] == 2, "they have taken them")
            self.ctl("cert", "regenerate", "tvs")
            self.all_fine(service, 2)


class LastGood(Served):
    def test_no_file_outlives_the_key_that_signed_it(self):
        name = f"{PHONE}.cnf.xml"
        (self.files / name).write_text("<device><x>1</x></device>")
        with Service(self.state) as service:
            self.all_fine(service, 1)
            (self.state / "devices" / f"{PHONE}.pem").write_text("no certificate")
            wait_for(lambda: len(service.status()["provisioning"]["problems"]) == 2, "it is refused, and stays")
            before = self.served(service, f"{name}.sgn")
            former = self.former("tftp")
            wait_for(lambda: self.served(service, f"{name}.sgn") != before, "it is signed anew")
            self.all_fine(service, 1)
            wait_for(lambda: self.facts("report", "itl")["accepted"] == 1, "the ledger knows")
            self.ctl("cert", "remove", former, "--yes")
            self.all_fine(service, 1)
