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


class HostMore(Case):
    """A host comes to a cluster of one, starts on a copy of its state, and takes its place."""

    def setUp(self):
        super().setUp()
        for host in ("a", "b"):
            shutil.rmtree(self.dir(host))
        self.on("a", "init", "--name", "one", "--host", "a=127.0.0.1")
        (self.dir("a") / "provisioning" / "XMLDefault.cnf.xml").write_text("<Default><x>1</x></Default>\n")

    def copy(self):
        """The state of a, for the host that has come."""
        self.on("a", "itl", "show")
        unlike = shutil.ignore_patterns("control.sock", "*.lock", "journal", "anchord.db*")
        shutil.copytree(self.dir("a"), self.dir("b"), ignore=unlike)
        files = [contextlib.closing(sqlite3.connect(self.dir(host) / "anchord.db")) for host in "ab"]
        with files[0] as source, files[1] as copy:  # as a whole, though a service writes into it
            source.backup(copy)
        (self.dir("b") / "anchord.db").chmod(0o600)

    def phones_boot(self, at, *tvs, locked=0):
        """With files from the one, and told of the verification services of those."""
        args = ["boot", "--host", at.http[0][0], "--phones", FEW, "--json", "--trust", self.folder / "phones", "--timeout", BOUND,
                "--tftp-port", at.tftp[0][1], "--http-port", at.http[0][1]]
        for service in tvs or (at,):
            args += ["--tvs", "{}:{}".format(*service.tvs[0])]
        result = run(program("anchorload"), *args)
        self.assertEqual(result.returncode, 1 if locked else 0, result.stdout.decode() + result.stderr.decode())
        ends = json.loads(result.stdout)["phones"]
        self.assertEqual((ends["fine"], ends["locked"]), (FEW - locked, locked), ends)

    def states(self, host, state):
        return self.facts_of(host, "report", "itl")[state]

    def tvs_of(self, host, name):
        return next(h["tvs"] for h in self.facts_of(host, "host", "list")["hosts"] if h["name"] == name)

    def test_it_comes_serves_and_takes_the_others_place(self):
        with self.service("a") as a:
            self.phones_boot(a)
            done = self.facts_of("a", "host", "add", "b=127.0.0.2,2001:DB8:0::2")
            self.assertEqual(done["added"]["addresses"], ["127.0.0.2", "2001:db8::2"])
            self.assertTrue(done["service"]["taken_over"])
            self.assertIsNone(done["locked"])
            self.assertEqual(done["added"]["tvs"]["subject"], "CN=TVS-b")
            self.phones_boot(a)
            wait_for(lambda: self.states("a", "accepted") == FEW, "the phones hold the list that names the new host")
            self.copy()
            with self.service("b") as b:
                self.assertEqual(b.status()["host"], "b")
                self.phones_boot(b, a, b)
                self.phones_boot(b)
                wait_for(lambda: self.known_here("b", "b"), "it has said what it serves")
                self.bring_ledger("a", "b")
                # The former host goes; the change is made where it does not run.
                self.assertIn("the service that runs here is that of a: stop it first",
                              self.on("a", "host", "remove", "a", "--hosts-agree", "--yes", code=1))
                self.assertIn("--hosts-agree", self.on("b", "host", "remove", "a", "--yes", code=1))
                gone = self.facts_of("b", "host", "remove", "A", "--hosts-agree", "--yes")
                self.assertEqual(gone["removed"]["name"], "a")
                self.assertEqual(list(self.dir("b").glob("keys/tvs-a-*")), [])
                self.phones_boot(b)
                # One host: nobody else has to agree, and phones go on with it.
                self.on("b", "cert", "regenerate", "tftp")
                self.phones_boot(b)
                self.assertEqual([h["name"] for h in self.facts_of("b", "host", "list")["hosts"]], ["b"])
                kept = {c["sha256"]: c for c in self.facts_of("b", "cert", "list")["certificates"]}
                self.assertEqual(kept[gone["removed"]["tvs"]["sha256"]]["retired"]["service"], "tvs")

    def test_to_whom_it_may_be_named_alone(self):
        with self.service("a") as a:
            self.phones_boot(a)
            self.on("a", "cert", "regenerate", "tftp")
            self.on("a", "host", "add", "b=127.0.0.2")
            self.copy()
            with self.service("b") as b:
                # The list that they hold is by the former signer, and names a alone.
                self.phones_boot(b, locked=FEW)
                self.bring_ledger("a", "b")
                self.assertIn(f"would lock {FEW} phones", self.on("b", "host", "remove", "a", "--hosts-agree", "--yes", code=1))
                # Beside a it is trusted at once, and from then on by itself.
                self.phones_boot(b, b, a)
                self.phones_boot(b)

                def known_to_hold_it():  # what they asked, they asked a: a list of their own shows it here
                    self.phones_boot(b)
                    return self.states("b", "accepted") == FEW
                wait_for(known_to_hold_it, "they are known to hold the list that names both")
                self.on("b", "host", "remove", "a", "--hosts-agree", "--yes")
                self.phones_boot(b)

    def test_one_that_was_removed_and_serves_all_the_same(self):
        self.on("a", "host", "add", "b=127.0.0.2")
        self.copy()
        self.on("b", "host", "remove", "a", "--hosts-agree", "--yes")
        with self.service("a"):
            self.assertNotIn("no host of the cluster", self.on("b", "status", code=1))
            wait_for(lambda: self.facts_of("a", "host", "list")["hosts"][0]["report"], "it has said what it serves")
            self.bring_ledger("a", "b")
            said = self.on("b", "status", code=1)
            self.assertRegex(said, r"a service served at \S+ as a, which is no host of the cluster any more: stop it there")
            self.assertNotIn("bring the state there", said)
            self.assertIn("the service on a has not taken over", self.on("b", "cert", "regenerate", "tftp", code=1))
        with contextlib.closing(sqlite3.connect(self.dir("b") / "anchord.db")) as database, database:
            database.execute("UPDATE service_status SET time = time - 600")
        # What it said long ago is nothing to act on.
        self.assertNotIn("no host of the cluster", self.on("b", "status", code=1))
        self.on("b", "cert", "regenerate", "tftp")

    def test_a_service_whose_host_is_gone_goes_on_and_says_so(self):
        with self.service("a") as a:
            self.phones_boot(a)
            with contextlib.closing(sqlite3.connect(self.dir("a") / "anchord.db")) as database, database:
                database.execute("UPDATE hosts SET name = 'other'")  # as anchorctl does not while it runs
                database.execute("UPDATE cluster SET change_counter = change_counter + 1")
            said = "host 'a' is no longer in the cluster: restart the service as one that is, or stop it"
            wait_for(lambda: said in self.on("a", "status", code=1), "it says what is wrong")
            self.phones_boot(a)

    def test_another_name(self):
        with self.service("a") as a:
            self.phones_boot(a)
            self.assertIn("the service that runs here is that of a: stop it first", self.on("a", "host", "rename", "a", "node1", code=1))
        before = self.tvs_of("a", "a")
        done = self.facts_of("a", "host", "rename", "a", "node1")
        self.assertEqual((done["before"], done["renamed"]["name"]), ("a", "node1"))
        self.assertEqual(self.tvs_of("a", "node1"), before)
        refused = run(program("anchord"), "--state", self.dir("a"), "--host", "a")
        self.assertIn("host 'a' is not one of the cluster's: --host takes node1", refused.stderr.decode())
        with Service(self.dir("a"), listen=("127.0.0.1",)) as a:
            self.assertEqual(a.status()["host"], "node1")
            # What was heard before the new name is not taken for missing.
            self.assertEqual(self.states("a", "unknown"), 0)
            self.phones_boot(a)
            wait_for(lambda: self.states("a", "accepted") == FEW, "they hold the list with the new name")
            self.on("a", "cert", "regenerate", "tvs")
            self.phones_boot(a)
            self.assertEqual(self.tvs_of("a", "node1")["subject"], "CN=TVS-node1")

    def test_no_other_name_for_who_has_left_a_journal(self):
        with self.service("a") as a:
            with contextlib.closing(sqlite3.connect(self.dir("a") / "anchord.db", isolation_level=None)) as database:
                database.execute("BEGIN IMMEDIATE")  # nothing more is written
                self.phones_boot(a)
                a.kill()
        for how in ((), ("--force", "--yes")):
            self.assertIn("start it once under the present name", self.on("a", "host", "rename", "a", "node1", *how, code=1))
        with self.service("a"):
            pass
        self.on("a", "host", "rename", "a", "node1")

    def test_what_is_wrong_is_one_line(self):
        for args, words in (
            (("add", "A"), "there is a host 'a' already"),
            (("add", "b=127.0.0.1"), "the address '127.0.0.1' is that of host 'a': each is one host's"),
            (("add", "b=192.0.2.1,192.0.2.1"), "'192.0.2.1' is given twice"),
            (("add", "b=192.0.2"), "not an IPv4 or IPv6 address"),
            (("add", "b/c"), "'b/c' is not a host name"),
            (("add", "b" * 53), "longer than 52 characters"),
            (("remove", "c", "--yes"), "the cluster has no host 'c': 'anchorctl host list' shows those that it has"),
            (("remove", "a", "--yes"), "'a' is the cluster's only host: add the one that takes its place first"),
            (("rename", "c", "d"), "the cluster has no host 'c'"),
            (("rename", "a", "a"), "the host is named 'a' already: give another name"),
            (("rename", "a", "b c"), "'b c' is not a host name"),
        ):
            with self.subTest(args=args):
                said = self.on("a", "host", *args, code=1)
                self.assertIn(words, said)
                self.assertEqual(said.count("\n"), 1, said)
        for args, words in ((("add", "b="), "HOST b=: give NAME or NAME=ADDRESS[,ADDRESS]"), (("add", "b", "--days", "9999"), "--days"),
                            (("add", "b", "--key", "dsa"), "use one of rsa2048"),
                            (("remove", "a"), "needs --yes when standard input is not a terminal")):
            self.assertIn(words, self.on("a", "host", *args, code=2))
        self.assertEqual([h["name"] for h in self.facts_of("a", "host", "list")["hosts"]], ["a"])

    def test_key_and_lifetime(self):
        made = self.facts_of("a", "host", "add", "b", "--key", "p256", "--days", "30")["added"]
        self.assertEqual((made["tvs"]["key"], made["address"], made["addresses"]), ("EC 256", None, []))
        self.assertIn(made["tvs"]["days_left"], (29, 30))
        usual = self.facts_of("a", "host", "add", "c", "--hosts-agree")["added"]
        self.assertEqual(usual["tvs"]["key"], "RSA 2048")

    def test_the_audit_and_the_list_tell(self):
        self.on("a", "host", "add", "b=127.0.0.2")
        self.on("a", "host", "rename", "b", "c", "--hosts-agree")
        self.on("a", "host", "remove", "c", "--hosts-agree", "--yes")
        told = [entry["what"] for entry in self.facts_of("a", "audit")["entries"]][:3]
        self.assertTrue(told[0].startswith("removed the host c (127.0.0.2): tvs "), told)
        self.assertEqual(told[1], "renamed the host b to c")
        self.assertTrue(told[2].startswith("added the host b (127.0.0.2): tvs "), told)
        with self.service("a"):
            wait_for(lambda: self.facts_of("a", "host", "list")["hosts"][0]["report"], "it has said what it serves")
            listed = self.facts_of("a", "host", "list")
            self.assertEqual(listed["here"], "a")
            self.assertTrue(listed["hosts"][0]["report"]["current"])
            shown = self.on("a", "host", "list")
            for words in ("127.0.0.1", "the present state", "the service that runs here is that of a"):
                self.assertIn(words, shown)
        self.assertIsNone(self.facts_of("a", "host", "list")["here"])


if __name__ == "__main__":
    harness.main()
