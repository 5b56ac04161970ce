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


