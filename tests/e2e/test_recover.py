"""phone recover, with virtual phones that are really locked."""

import contextlib
import shutil
import sqlite3

import harness
from harness import Service, program, run, wait_for


class Recover(harness.Case):
    def setUp(self):
        super().setUp()
        shutil.rmtree(self.state)
        self.ctl("init", "--name", "small", "--host", "cucm1=127.0.0.1")
        (self.state / "provisioning" / "XMLDefault.cnf.xml").write_text("<Default/>\n")

    def boot(self, service):
        done = run(program("anchorload"), "boot", "--host", "127.0.0.1", "--phones", 5, "--trust", self.folder / "phones",
                   "--tftp-port", service.tftp[0][1], "--http-port", service.http[0][1], "--tvs-port", service.tvs[0][1],
                   "--json")
        return {end: harness.json.loads(done.stdout)["phones"][end] for end in ("fine", "degraded", "locked")}

    def test_locked_phones_find_back(self):
        with Service(self.state) as service:
            self.assertEqual(self.boot(service)["fine"], 5)
            wait_for(lambda: self.facts("report", "itl")["accepted"] == 5, "the ledger knows")
            for anchor in ("tvs", "tftp"):
                self.ctl("cert", "regenerate", anchor, "--force", "--yes")
            self.assertEqual(self.boot(service)["locked"], 5)
            done = self.facts("phone", "recover", "--locked")["phones"]
            self.assertEqual([p["recovered"] for p in done], [True] * 5)
            self.assertEqual(len([p for p in done if "ITLRECOVERY" in p["signer"]]), 5)
            wait_for(lambda: service.status()["own_lists"]["served"] == 5, "their lists are served")
            self.assertEqual(self.boot(service), {"fine": 5, "degraded": 0, "locked": 0})
            wait_for(lambda: self.facts("report", "itl")["accepted"] == 5, "they are seen to be well")
            self.refused(2, "phone", "recover", says="--locked")

    def test_a_key_of_a_backup_brings_them_back(self):
        """No key that the phones know is left but one that somebody has kept outside of the state directory."""
        (key,) = (file for file in (self.state / "keys").iterdir()
                  if file.name.startswith("tftp-") and not file.name.startswith("tftp-ec-"))
        kept = self.folder / "former.key"
        shutil.copy(key, kept)
        (self.folder / "former.pem").write_text(self.ctl("cert", "export", "tftp"))
        with Service(self.state) as service:
            self.assertEqual(self.boot(service)["fine"], 5)
            wait_for(lambda: self.facts("report", "itl")["accepted"] == 5, "the ledger knows")
            for anchor in ("tvs", "tftp", "recovery"):
                self.ctl("cert", "regenerate", anchor, "--force", "--yes")
            self.assertEqual(self.boot(service)["locked"], 5)
            with contextlib.closing(sqlite3.connect(self.state / "anchord.db")) as database, database:
                database.execute("DELETE FROM former_keys")
            none = self.facts("phone", "recover", "--locked", code=1)["phones"]
            self.assertEqual([p["recovered"] for p in none], [False] * 5)
            self.assertIn("--key", none[0]["reason"])
            done = self.facts("phone", "recover", "--locked", "--key", f"{self.folder / 'former.pem'},{kept}")["phones"]
            self.assertEqual([p["recovered"] for p in done], [True] * 5)
            wait_for(lambda: service.status()["own_lists"]["served"] == 5, "their lists are served")
            self.assertEqual(self.boot(service), {"fine": 5, "degraded": 0, "locked": 0})
            # Had a phone taken the list that locked the others, it would have had to ask about this one's signer: that
            # nobody asked does not tell them apart, and a list that makes them ask would lock one that is not well yet.
            names = [p["name"] for p in done]
            wait_for(lambda: service.status()["ledger"]["pending"] == 0, "the ledger is written")
            self.assertEqual(self.facts("report", "itl")["accepted"], 0)
            self.ctl("phone", "settle", *names, "--yes")
            self.assertEqual(self.facts("report", "itl")["accepted"], 5)
            wait_for(lambda: service.status()["own_lists"]["served"] == 0, "their own lists are dropped")
            self.assertEqual(self.boot(service), {"fine": 5, "degraded": 0, "locked": 0})


if __name__ == "__main__":
    harness.main()
