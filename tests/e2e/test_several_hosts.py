"""Two hosts of one cluster, each with a state and a ledger of its own: the procedure of docs/lifecycle.md."""

import contextlib
import json
import shutil
import sqlite3

import harness
from harness import BOUND, Service, boot, program, run, wait_for

PHONE = "SEP001122334455"
FEW = 5


class Case(harness.Case):
    def setUp(self):
        super().setUp()
        shutil.rmtree(self.state)
        self.on("a", "init", "--name", "two", "--host", "a=127.0.0.1", "--host", "b=127.0.0.2")
        (self.dir("a") / "provisioning" / "XMLDefault.cnf.xml").write_text("<Default><x>1</x></Default>\n")
        self.on("a", "itl", "show")
        shutil.copytree(self.dir("a"), self.dir("b"))

    def dir(self, host):
        return self.folder / f"state-{host}"

    def on(self, host, *args, code=0):
        result = run(program("anchorctl"), "--state", self.dir(host), *args)
        self.assertEqual(result.returncode, code, result.stderr.decode())
        shown = code == 0 or args[0] == "status"  # which is 1 as long as a person is needed
        return (result.stdout if shown else result.stderr).decode()

    def facts_of(self, host, *args, code=0):
        result = run(program("anchorctl"), "--state", self.dir(host), *args, "--json")
        self.assertEqual(result.returncode, code, result.stderr.decode())
        return json.loads(result.stdout)

    def service(self, host):
        return Service(self.dir(host), "--host", host, listen=("127.0.0.1" if host == "a" else "127.0.0.2",))

    def state_of(self, host):
        shown = run(program("anchorctl"), "--state", self.dir(host), "phone", "show", PHONE, "--json")
        itl = shown.returncode == 0 and json.loads(shown.stdout)["itl"]
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

    def known_here(self, host, of):
        """What a host knows by now of which state another serves."""
        reports = self.facts_of(host, "status", code=1)["reports"]
        return next((report["current"] for report in reports if report["host"] == of), None)


class SeveralHosts(Case):
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

    def test_status_says_which_state_another_host_serves(self):
        self.assertIsNone(self.known_here("a", "b"))
        with self.service("b"):
            self.bring_ledger("b", "a")
        self.assertTrue(self.known_here("a", "b"))
        self.assertNotIn("service on b", self.on("a", "status", code=1))
        self.on("a", "mode", "set", "mixed", "--hosts-agree")
        self.assertFalse(self.known_here("a", "b"))
        self.assertIn("the service on b has not taken over the last change", self.on("a", "status", code=1))

    def test_what_is_said_of_phones_is_said_to_be_of_one_host(self):
        self.booted_at_b()
        for command in (("report", "itl"), ("phone", "recover", "--locked")):
            self.assertIn("the ledger of this host alone, and the cluster has 2 hosts", self.on("a", *command), command)
            self.assertEqual(self.facts_of("a", *command)["hosts"], 2)
        self.assertIn("no phone that is known here", self.on("a", "phone", "recover", "--locked"))
        for how in (("--behind",), ("--unseen-for", "30d")):
            said = run(program("anchorctl"), "--state", self.dir("a"), "phone", "remove", *how, "--dry-run")
            self.assertIn("phones are chosen by the ledger of this host alone", said.stderr.decode())
        steps = self.facts_of("a", "cert", "regenerate", "capf", "--hosts-agree")["steps"]
        self.assertIn("of those that this host has heard of", [s["remark"] for s in steps if s["step"] == "reset the phones"][0])

    def test_a_ledger_of_another_cluster_is_refused(self):
        self.on("c", "init", "--name", "other", "--host", "c")
        self.on("c", "ledger", "export", self.folder / "ledger")
        self.assertIn("another cluster", self.on("a", "ledger", "import", self.folder / "ledger", code=1))


class RollbackStatus(Case):
    """Whether the servers may be reverted is not known by one host's ledger."""

    def setUp(self):
        super().setUp()
        self.booted_at_b()

    def status(self, *how, code=1):
        said = self.facts_of("a", "rollback", "status", *how, code=code)
        self.assertEqual(said["safe"], code == 0)
        self.assertEqual(said["hosts"], 2)
        return said["judged"], "\n".join(said["reasons"])

    def take_over(self):
        self.on("a", "itl", "show")
        self.copy_state("a", "b")

    def test_of_a_phone_that_only_another_host_has_seen(self):
        self.on("a", "rollback", "prepare", "--hosts-agree")
        judged, why = self.status()
        self.assertEqual(judged, 0)
        for words in ("no phone is known here", "0 phones were judged, by the ledger of this host alone", "2 hosts",
                      "'anchorctl ledger export', 'ledger import'", "--hosts-agree"):
            self.assertIn(words, why)
        # An administrator's word does not make a phone known.
        self.assertEqual(self.status("--hosts-agree")[0], 0)
        self.bring_ledger("b", "a")
        self.assertIn("reset the phones", self.status("--hosts-agree")[1])
        self.take_over()
        self.pass_time("a")
        self.booted_at_b()
        self.bring_ledger("b", "a")
        judged, why = self.status()
        self.assertEqual(judged, 1)
        self.assertIn("--hosts-agree", why)
        self.assertNotIn("reset", why)
        self.assertFalse(self.facts_of("a", "status", code=1)["rollback"]["safe"])
        self.assertEqual(self.status("--hosts-agree", code=0)[0], 1)
        self.assertIn("safe to go on", self.on("a", "rollback", "status", "--hosts-agree"))

    def test_while_a_host_hands_out_the_full_list(self):
        self.bring_ledger("b", "a")
        self.on("a", "rollback", "prepare", "--hosts-agree")
        self.pass_time("a")
        with self.service("a") as a:
            def taken():
                boot(a, PHONE, tvs=False)
                return self.facts_of("a", "rollback", "status", code=1)["taken"] == 1
            wait_for(taken, "it holds the empty list")
            with self.service("b"):
                self.bring_ledger("b", "a")
            self.assertIn("the service on b has not taken over", self.status("--hosts-agree")[1])


class LateHost(Case):
    """A host that has not taken a change over hands out the list before it, and vouches for no new signer."""

    @contextlib.contextmanager
    def both(self):
        with self.service("a") as self.a, self.service("b") as self.b:
            yield

    def phones_boot(self, at, locked=0):
        args = ["boot", "--host", at.http[0][0], "--phones", FEW, "--json", "--trust", self.folder / "phones", "--timeout", BOUND,
                "--tftp-port", at.tftp[0][1], "--http-port", at.http[0][1]]
        for host, port in (*self.a.tvs, *self.b.tvs):
            args += ["--tvs", f"{host}:{port}"]
        result = run(program("anchorload"), *args)
        self.assertEqual(result.returncode, 1 if locked else 0, result.stdout.decode() + result.stderr.decode())
        ends = json.loads(result.stdout)["phones"]
        self.assertEqual((ends["fine"], ends["locked"]), (FEW - locked, locked), ends)

    def change(self, *args):
        self.on("a", *args, "--hosts-agree")
        wait_for(lambda: self.known_here("a", "a"), "the change is in service where it was made")

    def first_change(self):
        """It is made where all hosts agree; then some phones come for their lists to the host that is late."""
        self.phones_boot(self.a)
        self.bring_ledger("b", "a")
        self.change("cert", "regenerate", "tftp")
        self.phones_boot(self.a)
        self.phones_boot(self.b)

    def test_a_second_change_waits_for_it(self):
        second = ("cert", "regenerate", "tvs", "--host", "a")
        with self.both():
            self.first_change()
            self.bring_ledger("b", "a")
            self.assertIn("the service on b has not taken over the last change", self.on("a", *second, "--hosts-agree", code=1))
        self.on("a", "itl", "show")
        self.copy_state("a", "b")
        with self.both():
            # It has said so within a minute.
            self.bring_ledger("b", "a")
            self.assertTrue(self.known_here("a", "b"))
            refused = self.on("a", *second, code=1)
            for words in (f"judged by the {FEW} phones of this host alone", "2 hosts", "--hosts-agree"):
                self.assertIn(words, refused)
            self.change(*second)
            # By now it is late with the second: it vouches for the signer all the same, which the first has brought.
            self.phones_boot(self.a)
            self.phones_boot(self.b)
            self.phones_boot(self.a)

    def test_what_locks_when_it_does_not_wait(self):
        with self.both():
            self.first_change()
            self.change("cert", "regenerate", "tvs", "--host", "a", "--force", "--yes")
            self.phones_boot(self.a, locked=FEW)


if __name__ == "__main__":
    harness.main()
