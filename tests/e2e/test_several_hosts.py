"""Two hosts of one cluster, each with a state and a ledger of its own: the procedure of docs/lifecycle.md."""

import contextlib
import shutil
import sqlite3

import harness
from harness import Service, boot, program, run, wait_for

PHONE = "SEP001122334455"


class SeveralHosts(harness.Case):
    def setUp(self):
        super().setUp()
        shutil.rmtree(self.state)
        self.on("a", "init", "--name", "two", "--host", "a=127.0.0.1", "--host", "b=127.0.0.2")
        self.on("a", "itl", "show")
        shutil.copytree(self.dir("a"), self.dir("b"))

    def dir(self, host):
        return self.folder / f"state-{host}"

    def on(self, host, *args, code=0):
        result = run(program("anchorctl"), "--state", self.dir(host), *args)
        self.assertEqual(result.returncode, code, result.stderr.decode())
        return result.stdout.decode() if code == 0 else result.stderr.decode()

    def service(self, host):
        return Service(self.dir(host), "--host", host, listen=("127.0.0.1" if host == "a" else "127.0.0.2",))

    def state_of(self, host):
        shown = run(program("anchorctl"), "--state", self.dir(host), "phone", "show", PHONE, "--json")
        itl = shown.returncode == 0 and harness.json.loads(shown.stdout)["itl"]
        return itl["state"] if itl else None

    def bring_ledger(self, source, to):
        self.on(source, "ledger", "export", self.folder / "ledger")
        self.on(to, "ledger", "import", self.folder / "ledger")

    def copy_state(self, source, to):
        """As the procedure says: what the other host knows of phones goes in again."""
        self.on(to, "ledger", "export", self.folder / "kept")
        shutil.rmtree(self.dir(to))
        shutil.copytree(self.dir(source), self.dir(to), ignore=shutil.ignore_patterns("control.sock", "*.lock", "journal"))
        self.on(to, "ledger", "import", self.folder / "kept")

    def pass_time(self, host):
        """What this host has noted was more than five minutes ago: by so much may the hosts' clocks differ."""
        with contextlib.closing(sqlite3.connect(self.dir(host) / "anchord.db")) as database, database:
            for column in ("seen", "created", "itl_accepted", "ctl_accepted"):
                database.execute(f"UPDATE ledger SET {column} = max(0, {column} - 600)")

    def booted_at_b(self):
        with self.service("b") as b:
            boot(b, PHONE)
            wait_for(lambda: self.state_of("b") == "accepted", "the phone's host knows")

    def test_a_host_is_known_by_any_of_its_addresses(self):
        state = self.folder / "both"
        made = run(program("anchorctl"), "--state", state, "init", "--name", "two", "--host", "a=192.0.2.1,2001:db8::1",
                   "--host", "b=192.0.2.2,127.0.0.2,2001:db8::2")
        self.assertEqual(made.returncode, 0, made.stderr)
        with Service(state, listen=("127.0.0.2",)) as service:
            self.assertEqual(service.status()["host"], "b")

    def test_the_procedure(self):
        self.booted_at_b()
        # The host where the change is made has never seen the phone.
        self.assertIn("no phone", self.on("a", "phone", "show", PHONE, code=1))
        refused = self.on("a", "cert", "regenerate", "tvs", "--host", "a", code=1)
        self.assertIn("2 hosts", refused)
        self.assertIn("--hosts-agree", refused)
        self.bring_ledger("b", "a")
        self.assertEqual(self.state_of("a"), "accepted")
        self.on("a", "cert", "regenerate", "tvs", "--host", "a", "--hosts-agree")
        self.on("a", "itl", "show")
        self.copy_state("a", "b")
        self.assertEqual(self.state_of("b"), "behind")
        self.assertIn("the service on b has not taken over", self.on("a", "cert", "regenerate", "tftp", "--hosts-agree", code=1))
        with self.service("b"):
            self.bring_ledger("b", "a")
        # The other verification service goes next only when the phone holds the new list, wherever it came for it.
        self.on("a", "cert", "regenerate", "tftp", "--hosts-agree")
        self.assertIn(PHONE, self.on("a", "cert", "regenerate", "tvs", "--host", "b", "--hosts-agree", code=1))
        self.on("a", "itl", "show")
        self.copy_state("a", "b")
        self.booted_at_b()
        self.assertIn(PHONE, self.on("a", "cert", "regenerate", "tvs", "--host", "b", "--hosts-agree", code=1))
        self.pass_time("a")
        self.bring_ledger("b", "a")
        self.on("a", "cert", "regenerate", "tvs", "--host", "b", "--hosts-agree")

    def test_a_host_that_serves_another_state_stops_changes(self):
        self.on("a", "mode", "set", "mixed", "--hosts-agree")
        with self.service("b"):
            self.bring_ledger("b", "a")
            self.assertIn("has not taken over the last change", self.on("a", "mode", "set", "nonsecure", "--hosts-agree", code=1))

    def test_a_ledger_of_another_cluster_is_refused(self):
        self.on("c", "init", "--name", "other", "--host", "c")
        self.on("c", "ledger", "export", self.folder / "ledger")
        self.assertIn("another cluster", self.on("a", "ledger", "import", self.folder / "ledger", code=1))


if __name__ == "__main__":
    harness.main()
