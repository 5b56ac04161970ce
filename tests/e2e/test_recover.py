"""phone recover, with virtual phones that are really locked."""

import shutil

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


if __name__ == "__main__":
    harness.main()
